"""Wheels for other machines: what uv and pip are asked; both are faked here."""

import itertools
import subprocess
import sys

import pytest

from helpers import environment, wheels

LISTED = "numpy==2.1.3\ntorch==2.13.0\n"


class Tools:
    """uv and pip: they note how they are called and do as they are told."""

    def __init__(self, folder):
        self.folder, self.uv, self.pip, self.variables = folder, [], [], {}
        self.torch = "torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl"
        self.index, self.uv_fails, self.pip_fails = "", False, False

    def run(self, command, **options):
        if "config" in command:
            return subprocess.CompletedProcess(command, 0, stdout=self.index)
        self.uv.append(command)
        self.variables = options["env"]
        if self.uv_fails:
            return subprocess.CompletedProcess(command, 1, stderr="no versions\nof x")
        return subprocess.CompletedProcess(command, 0, stdout=LISTED)

    def stream(self, command, what):
        self.pip.append(command)
        if command[-1] == "torch" and self.torch:
            (self.folder / self.torch).write_bytes(b"torch")
        if self.pip_fails:
            return 1, ["No matching distribution found"]
        return 0, []


@pytest.fixture
def tools(monkeypatch, tmp_path):
    both = Tools(tmp_path)
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(wheels.subprocess, "run", both.run)
    monkeypatch.setattr(environment, "stream", both.stream)
    return both


def after(command, option):
    """Return the values of an option, as often as it stands there."""
    return [b for a, b in itertools.pairwise(command) if a == option]


def test_uv_chooses_and_pip_fetches_for_each_system_and_python(tools, tmp_path):
    said = []
    wheels.fetch(tmp_path, ["win_amd64", "macos_arm64"], ["3.12", "3.13"], said.append)
    assert [after(x, "--python-platform") for x in tools.uv] == [
        ["x86_64-pc-windows-msvc"]] * 2 + [["aarch64-apple-darwin"]] * 2  # fmt: skip
    assert [after(x, "--python-version")[0] for x in tools.uv] == ["3.12", "3.13"] * 2
    assert tools.uv[0][-1].endswith("requirements-lab.txt")
    assert after(tools.uv[0], "-c")[0].endswith("constraints.txt")
    assert [after(x, "--abi")[0] for x in tools.pip] == ["cp312", "cp313"] * 2
    assert after(tools.pip[0], "--platform") == ["win_amd64"]
    assert tools.pip[0][-2:] == LISTED.split()
    for command in (*tools.uv, *tools.pip):
        assert after(command, "--only-binary") == [":all:"]
    assert tools.variables["MACOSX_DEPLOYMENT_TARGET"] == "14.0"
    assert len(said) == 4 and not list(tmp_path.iterdir())


def test_torch_for_linux_comes_first_from_the_index_without_nvidia(tools, tmp_path):
    wheels.fetch(tmp_path, [wheels.LINUX], ["3.12"], str)
    torch, rest = tools.pip
    assert after(torch, "--index-url") == [environment.CPU_INDEX]
    for command in (*tools.uv, rest):  # both take the one that was fetched
        assert after(command, "--find-links") == [str(tmp_path)]
    assert "--index-url" not in rest
    platforms = after(rest, "--platform")
    assert {"manylinux_2_28_x86_64", "manylinux2014_x86_64"} <= set(platforms)


@pytest.mark.parametrize("came", [None, "torch-2.13.0-cp312-cp312-manylinux.whl"])
def test_torch_with_nvidias_libraries_is_refused(tools, tmp_path, came):
    tools.torch = came
    with pytest.raises(
        OSError, match=r"without NVIDIA.*torch-\.\.\.\+cpu-cp312"
    ) as error:
        wheels.fetch(tmp_path, [wheels.LINUX], ["3.12"], str)
    assert "PIP_FIND_LINKS" in str(error.value) and not tools.uv


@pytest.mark.parametrize(
    ("fails", "words"),
    [("uv_fails", "of x\nuv found no set"), ("pip_fails", "could not be fetched")],
)
def test_what_fails_is_said_with_the_last_words(tools, tmp_path, fails, words):
    setattr(tools, fails, True)
    with pytest.raises(OSError, match=words):
        wheels.fetch(tmp_path, ["win_amd64"], ["3.12"], str)


def test_uv_asks_the_index_that_pip_is_set_to(tools, tmp_path):
    a, b = "https://a.invalid/simple", "https://b.invalid/simple"
    tools.index = f":env:.index-url='{b}'\nglobal.index-url='{a}'\nglobal.timeout='9'\n"
    wheels.fetch(tmp_path, ["win_amd64"], ["3.12"], str)
    assert after(tools.uv[-1], "--default-index") == [b], "pip's own order"
    tools.index = f"global.index-url='{a}'\n"
    wheels.fetch(tmp_path, ["win_amd64"], ["3.12"], str)
    assert after(tools.uv[-1], "--default-index") == [a]


def test_without_uv_one_sentence_says_how_to_get_it(monkeypatch, tools, tmp_path):
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(wheels.shutil, "which", lambda _: None)
    with pytest.raises(OSError, match=r"uv is missing.*-m pip install uv"):
        wheels.fetch(tmp_path, ["win_amd64"], ["3.12"], str)
    assert not tools.pip
    monkeypatch.setattr(wheels.shutil, "which", lambda _: "/bin/uv")
    wheels.fetch(tmp_path, ["win_amd64"], ["3.12"], str)
    assert tools.uv[0][0] == "/bin/uv"


@pytest.mark.parametrize(
    ("system", "machine", "word"),
    [("win32", "AMD64", "win_amd64"), ("linux", "x86_64", "linux_x86_64"),
     ("darwin", "arm64", "macos_arm64")],
)  # fmt: skip
def test_this_system_has_a_word(monkeypatch, system, machine, word):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(wheels.platform, "machine", lambda: machine)
    assert wheels.this_system() == word


def test_a_system_without_wheels_is_named(monkeypatch):
    monkeypatch.setattr(wheels.platform, "machine", lambda: "riscv64")
    with pytest.raises(ValueError, match="riscv64 is not known; name one of win_amd64"):
        wheels.this_system()
