"""JupyterLab at a chapter; a fake server stands in for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import lab, places

FAKE = """
import http.server, json, os, pathlib, sys
words = dict(word.partition("=")[::2] for word in sys.argv[1:])
settings = pathlib.Path(words["--LabApp.app_settings_dir"], "overrides.json")
facts = {"words": words, "settings": settings.read_text(), "env": dict(os.environ)}
pathlib.Path(os.environ["FACTS"]).write_text(json.dumps(facts))
server = http.server.HTTPServer(
    ("127.0.0.1", int(words["--ServerApp.port"])), http.server.SimpleHTTPRequestHandler
)
server.handle_request()
"""


@pytest.fixture
def jupyter(monkeypatch, tmp_path):
    """Let a fake server start in JupyterLab's place; return what it was given."""
    real, opened = subprocess.Popen, []

    def start(command, **options):
        assert command[1:3] == ["-m", "jupyterlab"]
        options["cwd"] = tmp_path
        return real([command[0], "-c", FAKE, *command[3:]], **options)

    (tmp_path / "login").touch()
    monkeypatch.setenv("FACTS", str(tmp_path / "facts.json"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # must not be asked
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(lab.subprocess, "Popen", start)
    monkeypatch.setattr(lab.webbrowser, "open", opened.append)
    return tmp_path / "facts.json", opened


@pytest.mark.parametrize(("language", "word"), [("en", "To end"), ("zh", "结束")])
def test_a_chapter_is_opened_with_this_python(jupyter, language, word):
    facts, opened = jupyter
    said = []
    chapter = places.ROOT / "notebooks/02_pytorch.ipynb"
    assert lab.serve(chapter, said.append, language) == 0
    facts = json.loads(facts.read_text())
    token, port = facts["env"]["JUPYTER_TOKEN"], facts["words"]["--ServerApp.port"]
    address = (
        f"http://localhost:{port}/lab/tree/notebooks/02_pytorch.ipynb?token={token}"
    )
    assert opened == [address] and address in said[1] and word in said[1]
    assert sys.executable in said[1], "for those who use VS Code"
    assert Path(facts["env"]["JUPYTER_PATH"]) == Path(sys.prefix) / "share/jupyter"
    assert '"fetchNews": "false"' in facts["settings"]
    assert token not in " ".join(facts["words"]), "others on this machine may see these"


def test_without_a_browser_none_is_opened(jupyter):
    assert lab.serve(places.ROOT / "notebooks/a.ipynb", str, browser=False) == 0
    assert jupyter[1] == []


def test_a_server_that_does_not_start_is_a_message(monkeypatch):
    real = subprocess.Popen
    fails = [sys.executable, "-c", "import sys; sys.exit(3)"]
    monkeypatch.setattr(lab.subprocess, "Popen", lambda _, **o: real(fails, **o))
    with pytest.raises(OSError, match="did not start.*-m jupyterlab"):
        lab.serve(places.ROOT / "notebooks/a.ipynb", str, browser=False)


def test_a_port_in_use_is_not_taken():
    first = lab.free_port()
    with lab.socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert lab.free_port() != first
    assert os.environ.get("JUPYTER_TOKEN") is None


def test_ctrl_c_ends_it_with_a_word(monkeypatch, jupyter):
    said = []

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(lab, "wait_for", stop)
    assert lab.serve(places.ROOT / "notebooks/a.ipynb", said.append) == 0
    assert "JupyterLab has ended." in said[-1]
