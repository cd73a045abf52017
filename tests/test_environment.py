"""The environment: made once, repaired, with torch for the machine, said in words."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import environment


@pytest.fixture
def house(monkeypatch, tmp_path) -> Path:
    """Return an empty project whose environment is not made yet."""
    monkeypatch.undo()
    for name in environment.FILES:
        shutil.copy(environment.ROOT / name, tmp_path)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    return tmp_path


def fake_venv(monkeypatch, house) -> list:
    """Replace the making of the environment and pip; return what happens."""
    happened = []

    class Builder:
        def __init__(self, **options):
            self.options = options

        def create(self, folder):
            happened.append(("create", self.options))
            python = environment.python_of(folder)
            python.parent.mkdir(parents=True, exist_ok=True)
            python.write_text("#!/bin/sh\nexit 0\n")
            python.chmod(0o755)

    monkeypatch.setattr(environment.venv, "EnvBuilder", Builder)
    monkeypatch.setattr(environment, "install", lambda _: happened.append("install"))
    return happened


def test_requirements_are_read_with_those_they_name():
    found = {
        package: (op, v)
        for package, op, v in environment.requirements(environment.FILES[0])
    }
    assert found["torch"][0] == ">=" and found["ruff"][0] == "=="
    assert "scikit-image" in found


def test_is_installed_compares_versions(monkeypatch):
    monkeypatch.setattr(
        environment.importlib.metadata, "version", lambda _: "2.13.0+cpu"
    )
    assert environment.is_installed("torch", ">=", "2.6")
    assert environment.is_installed("torch", ">=", "2.13")
    assert not environment.is_installed("torch", ">=", "3")
    assert environment.is_installed("torch", "==", "2.13.0")
    assert not environment.is_installed("torch", "==", "2.13.1")


def test_what_is_not_there_is_not_installed():
    assert not environment.is_installed("no-such-package", ">=", "1")


def test_where_all_is_installed_no_environment_is_made(monkeypatch, house):
    asked = []
    monkeypatch.setattr(
        environment, "is_installed", lambda *r: asked.append(r[0]) or True
    )
    monkeypatch.setattr(sys, "prefix", "/somewhere")
    assert environment.run_elsewhere("segment", []) is None
    assert "torch" in asked and "jupytext" not in asked
    assert environment.run_elsewhere("run", []) is None
    assert "jupytext" in asked


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Python is a shell script")
def test_environment_is_made_once_and_the_command_runs_in_it(monkeypatch, house):
    happened = fake_venv(monkeypatch, house)
    monkeypatch.setattr(environment, "is_installed", lambda *_: False)
    assert environment.run_elsewhere("run", ["run"]) == 0
    assert environment.run_elsewhere("run", ["run"]) == 0
    assert happened == [("create", {"with_pip": True, "clear": True}), "install"]
    (house / "requirements.txt").write_text("torch>=9")
    assert environment.run_elsewhere("run", ["run"]) == 0
    assert happened[2:] == ["install"], (
        "other requirements: installed into the same one"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Python is a shell script")
def test_an_interrupted_installation_is_repaired(monkeypatch, house):
    happened = fake_venv(monkeypatch, house)

    def stop(python):
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "install", stop)
    with pytest.raises(KeyboardInterrupt):
        environment.make_environment()
    assert not (house / ".venv/stamp").exists()
    monkeypatch.setattr(environment, "install", lambda _: happened.append("again"))
    environment.make_environment()
    assert happened[-1] == "again"
    assert (house / ".venv/stamp").read_text() == environment.stamp()


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch, house):
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(OSError, match="sudo apt install python3"):
        environment.make_environment()


def test_a_failing_venv_is_a_message(monkeypatch, house):
    class Builder:
        def __init__(self, **_):
            pass

        def create(self, folder):
            raise subprocess.CalledProcessError(1, "ensurepip")

    monkeypatch.setattr(environment.venv, "EnvBuilder", Builder)
    with pytest.raises(OSError, match="could not be made"):
        environment.make_environment()


@pytest.mark.parametrize(
    ("default", "cpu_index", "gpu", "said", "commands_run"),
    [
        ("2.13.0+cpu", "", False, "0.4 GB, torch for the CPU", 1),
        ("2.13.0", "2.13.0+cpu", False, "all but torch", 2),
        ("2.13.0", "", False, "could not be had", 1),
        ("2.13.0", "2.13.0+cpu", True, "3 GB, torch for NVIDIA GPUs", 1),
    ],
)
def test_torch_is_chosen_for_the_machine(
    monkeypatch, capsys, default, cpu_index, gpu, said, commands_run
):
    ran = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(
        environment.shutil, "which", lambda _: "/nvidia-smi" if gpu else None
    )
    monkeypatch.setattr(environment, "stream", lambda c, _: ran.append(c) or (0, []))
    monkeypatch.setattr(
        environment,
        "torch_that_would_come",
        lambda _pip, *options: cpu_index if options else default,
    )
    environment.install(Path("python"))
    assert said in capsys.readouterr().out
    assert len(ran) == commands_run
    assert ran[-1][-2:] == ["-r", str(environment.ROOT / "requirements-dev.txt")]
    assert all(str(environment.ROOT / "constraints.txt") in command for command in ran)
    if commands_run == 2:
        assert ran[0][-3:] == ["--index-url", environment.CPU_INDEX, "torch"]


def test_a_failing_installation_shows_pips_last_lines(monkeypatch):
    monkeypatch.setattr(environment, "torch_that_would_come", lambda *_: "1+cpu")
    monkeypatch.setattr(
        environment, "stream", lambda *_: (1, ["first", "ERROR: no index"])
    )
    with pytest.raises(OSError, match="ERROR: no index\nThe packages could not"):
        environment.install(Path("python"))


def test_pip_is_asked_which_torch_would_come(monkeypatch):
    def stream(command, _):
        report = {"install": [{"metadata": {"version": "2.13.0+cpu"}}]}
        Path(command[command.index("--report") + 1]).write_text(json.dumps(report))

    monkeypatch.setattr(environment, "stream", stream)
    assert environment.torch_that_would_come(["pip"]) == "2.13.0+cpu"
    monkeypatch.setattr(environment, "stream", lambda *_: (1, []))
    assert environment.torch_that_would_come(["pip"]) == ""


def test_stream_shows_main_lines_and_signs_of_life(monkeypatch, capsys):
    monkeypatch.setattr(environment, "TICK", 0.2)
    text = "import time; print('Collecting torch'); print('noise', flush=True)\n"
    text += "time.sleep(1); 1/0"
    code, lines = environment.stream([sys.executable, "-c", text], "installing")
    said = capsys.readouterr().out
    assert code == 1
    assert "Collecting torch" in said and "noise" not in said
    assert "installing: 0 s so far" in said
    assert (
        lines[:2] == ["Collecting torch", "noise"] and "ZeroDivisionError" in lines[-1]
    )
