"""The environment: made once, repaired, with torch for the machine, said in words."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers import environment
from helpers.environment import BARE, CONSTRAINTS, DEVELOPER, READER

NAMES = (BARE, READER, DEVELOPER, CONSTRAINTS)


@pytest.fixture
def house(monkeypatch, tmp_path) -> Path:
    """Return an empty project whose environment is not made yet."""
    monkeypatch.undo()
    for name in NAMES:
        shutil.copy(environment.ROOT / name, tmp_path)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "WHEELS", tmp_path / "wheels")
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
    monkeypatch.setattr(environment, "install", lambda _, name: happened.append(name))
    return happened


def test_requirements_are_read_with_those_they_name():
    found = {package: (op, v) for package, op, v in environment.requirements(DEVELOPER)}
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
    assert "torch" in asked and "jupyterlab" not in asked
    assert environment.run_elsewhere("open", []) is None
    assert "jupyterlab" in asked and "nbconvert" not in asked, "anybody's own Jupyter"
    assert environment.run_elsewhere("run", []) is None
    assert "nbconvert" in asked and "jupytext" not in asked
    assert environment.run_elsewhere("test", []) is None
    assert "jupytext" in asked


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Python is a shell script")
def test_environment_is_made_once_and_the_command_runs_in_it(monkeypatch, house):
    happened = fake_venv(monkeypatch, house)
    monkeypatch.setattr(environment, "is_installed", lambda *_: False)
    assert environment.run_elsewhere("run", ["run"]) == 0
    assert environment.run_elsewhere("run", ["run"]) == 0
    options = {"with_pip": True, "clear": True, "symlinks": True}
    assert happened == [("create", options), READER]
    (house / BARE).write_text("torch>=9")
    assert environment.run_elsewhere("run", ["run"]) == 0
    assert happened[2:] == [READER], "other requirements: installed into the same one"


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Python is a shell script")
def test_a_developers_environment_serves_a_reader_not_the_other_way(monkeypatch, house):
    happened = fake_venv(monkeypatch, house)
    monkeypatch.setattr(environment, "is_installed", lambda *_: False)
    for command in ("segment", "test", "open", "run"):
        assert environment.run_elsewhere(command, [command]) == 0
    assert happened[1:] == [READER, DEVELOPER]
    (house / DEVELOPER).write_text("ruff>=9")
    assert environment.run_elsewhere("open", ["open"]) == 0
    assert happened[3:] == [READER], "its list is a reader's from now on"


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Python is a shell script")
def test_an_interrupted_installation_is_repaired(monkeypatch, house):
    happened = fake_venv(monkeypatch, house)

    def stop(python, name):
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "install", stop)
    with pytest.raises(KeyboardInterrupt):
        environment.make_environment(READER)
    assert not (house / ".venv/stamp").exists()
    monkeypatch.setattr(environment, "install", lambda *_: happened.append("again"))
    environment.make_environment(READER)
    assert happened[-1] == "again"
    assert (house / ".venv/stamp").read_text() == environment.stamp(READER)


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch, house):
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(OSError, match="sudo apt install python3"):
        environment.make_environment(READER)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (subprocess.CalledProcessError(1, "ensurepip", b"odd"), "odd\n.*status 1"),
        (subprocess.CalledProcessError(1, "p", b"[Errno 28] No space"), "disk is full"),
        (OSError(30, "Read-only file system", "/kaggle/input"), "no right to write"),
    ],
)
def test_a_failing_venv_is_a_message(monkeypatch, house, error, words):
    class Builder:
        def __init__(self, **_):
            pass

        def create(self, folder):
            raise error

    monkeypatch.setattr(environment.venv, "EnvBuilder", Builder)
    with pytest.raises(OSError, match=rf"could not be made\.\n(?s:.*){words}"):
        environment.make_environment(READER)


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Python is a shell script")
def test_the_command_does_not_see_the_packages_of_another_python(monkeypatch, house):
    python = environment.python_of(house / ".venv")
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\ntest -z "$PYTHONPATH$PYTHONHOME" && exit 5')
    python.chmod(0o755)
    (house / ".venv/stamp").write_text(environment.stamp(READER))
    monkeypatch.setattr(environment, "is_installed", lambda *_: False)
    monkeypatch.setenv("PYTHONPATH", "/foreign")
    monkeypatch.setenv("PYTHONHOME", "/foreign")
    assert environment.run_elsewhere("run", ["run"]) == 5


@pytest.fixture
def other(monkeypatch, house, tmp_path) -> str:
    """Put a folder of packages on the path as PYTHONPATH does; return it."""
    folder = str(tmp_path / "other")
    monkeypatch.setattr(sys, "path", [str(environment.places.ROOT), folder, *sys.path])
    monkeypatch.setattr(sys, "prefix", "/somewhere")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{environment.places.ROOT}")
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    return folder


def test_what_pythonpath_names_is_left_out_where_all_is_here(monkeypatch, other):
    monkeypatch.setattr(environment, "is_installed", lambda *_: True)
    assert environment.run_elsewhere("segment", []) is None
    assert other not in sys.path and str(environment.places.ROOT) in sys.path
    assert "PYTHONPATH" not in os.environ, "children see none of it"
    assert "MPLBACKEND" not in os.environ


def test_packages_that_come_by_pythonpath_are_taken(monkeypatch, other):
    monkeypatch.setattr(environment, "is_installed", lambda *_: other in sys.path)
    assert environment.run_elsewhere("segment", []) is None
    assert other in sys.path and other in os.environ["PYTHONPATH"]


# Which torch


@pytest.fixture
def pips(monkeypatch) -> list:
    """Let pip succeed on Linux without running; return its commands."""
    ran = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(environment.shutil, "which", lambda _: None)
    monkeypatch.setattr(environment, "stream", lambda c, *_: ran.append(c) or (0, []))
    return ran


def test_torch_for_the_cpu_comes_first(pips, capsys):
    environment.install(Path("python"), READER)
    torch, rest = pips
    assert torch[-3:] == ["--index-url", environment.CPU_INDEX, "torch"]
    assert torch[torch.index("--retries") + 1] == "0"  # it may not be there: be quick
    assert rest[-2:] == ["-r", str(environment.ROOT / READER)]
    assert all(str(environment.ROOT / "constraints.txt") in command for command in pips)
    assert "Downloading 0.2 GB" in capsys.readouterr().out


def test_where_it_cannot_be_had_the_usual_torch_comes(monkeypatch, pips, capsys):
    def stream(command, *_):
        pips.append(command)
        return int("--index-url" in command), []

    monkeypatch.setattr(environment, "stream", stream)
    environment.install(Path("python"), READER)
    assert "the torch that your index has" in capsys.readouterr().out
    assert len(pips) == 2 and "--index-url" not in pips[-1]


def test_a_gpu_gets_the_usual_torch(monkeypatch, pips, capsys):
    monkeypatch.setattr(environment.shutil, "which", lambda _: "/nvidia-smi")
    environment.install(Path("python"), READER)
    assert len(pips) == 1
    assert "3 GB, torch for NVIDIA GPUs" in capsys.readouterr().out


def test_wheels_beside_the_course_need_no_network(house, pips, capsys):
    (house / "wheels").mkdir()
    environment.install(Path("python"), READER)
    (only,) = pips
    wheels = ["--no-index", "--find-links", str(house / "wheels")]
    assert only[-5:-2] == wheels and "--index-url" not in only
    assert "without a network" in capsys.readouterr().out
    environment.install(Path("python"), DEVELOPER)
    assert "--no-index" not in pips[-1], "a pack holds a reader's packages alone"


def test_windows_with_an_nvidia_card_is_told_which_torch(monkeypatch, pips, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    environment.install(Path("python"), READER)
    assert "NVIDIA" not in capsys.readouterr().out
    monkeypatch.setattr(environment.shutil, "which", lambda _: "nvidia-smi.exe")
    environment.install(Path("py thon"), READER)
    said = capsys.readouterr().out.splitlines()
    index = f"--index-url {environment.GPU_INDEX}"
    assert f'& "py thon" -m pip install --upgrade torch {index}' in said, "PowerShell"


# What the user has set must not lead elsewhere; with a real pip


@pytest.fixture
def empty(tmp_path) -> Path:
    """Make an environment with pip alone; return its Python."""
    folder = tmp_path / "my env"
    environment.venv.create(folder, symlinks=os.name != "nt")
    python = environment.python_of(folder)
    code = "import site; print(site.getsitepackages()[-1])"
    place = subprocess.check_output([python, "-I", "-c", code], text=True).strip()
    pip = importlib.util.find_spec("pip").submodule_search_locations[0]
    shutil.copytree(pip, Path(place) / "pip")
    return python


def made_up_wheel(folder) -> Path:
    about = "made_up-1.dist-info"
    with zipfile.ZipFile(folder / "made_up-1-py3-none-any.whl", "w") as archive:
        archive.writestr("made_up.py", "")
        archive.writestr(f"{about}/METADATA", "Name: made_up\nVersion: 1\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{about}/RECORD", "")
    return Path(archive.filename)


def test_pip_installs_into_the_environment_whatever_is_set(
    monkeypatch, empty, tmp_path
):
    (tmp_path / "pip.conf").write_text("[install]\nuser = true\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "t"))
    monkeypatch.setenv("PIP_PREFIX", str(tmp_path / "p"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(made_up_wheel(tmp_path).parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/pip.py").write_text("1/0")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "foreign"))
    command = [str(empty), "-m", "pip", "install", "made_up"]
    code, lines = environment.stream(command, "installing")
    assert code == 0, lines
    (found,) = tmp_path.rglob("made_up.py")
    assert found.is_relative_to(tmp_path / "my env")


# What failed, in words; the lines are those of pip 23 to 26

RETRY = (
    "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status="
    "None)) after connection broken by '{}': /simple/torch/"
)
NEW = (
    "NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at "
    "0x7ff5f27cce90>: Failed to establish a new connection: {}')"
)
NONE = [
    "ERROR: Could not find a version that satisfies the requirement torch>=2.6 (from "
    "versions: none)",
    "ERROR: No matching distribution found for torch>=2.6",
]
SOME = [NONE[0].replace("none", "2.2.0, 2.2.1"), NONE[1]]
NO_ROOM = (
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left"
)
FORBIDDEN = (
    "ERROR: Could not install packages due to an OSError: [Errno 13] Permission "
)
CERTIFICATE = (
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] "
    "certificate verify failed: self-signed certificate (_ssl.c:1006)'))"
)
PROXY = "ProxyError('Cannot connect to proxy.', {})"
MINE = ["Looking in indexes: https://user:****@nexus/simple"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([f"{NO_ROOM} on device", ""], "the disk is full: make room"),
        ([*MINE, RETRY.format(NEW.format("[Errno -2] Name or service not known")),
          *NONE], "could not be reached: is there a network"),
        ([RETRY.format(NEW.format("[Errno 111] Connection refused")), *NONE],
         "could not be reached"),
        (["pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool("
          "host='files.pythonhosted.org', port=443): Read timed out."],
         "could not be reached"),
        ([RETRY.format(PROXY.format("OSError('Tunnel connection failed: 407 Proxy "
                                    "Authentication Required')")), *NONE],
         "the proxy let nothing through: see HTTPS_PROXY"),
        ([RETRY.format(CERTIFICATE), *NONE], "a certificate was not accepted"),
        (SOME, "the index has no such version for this Python"),
        ([f"{FORBIDDEN}denied: '/.venv/lib'", "Check the permissions."],
         "no right to write there: copy the course"),
    ],
)  # fmt: skip
def test_advice_names_what_failed(monkeypatch, pips, lines, words):
    lines = [*lines[:1], *["Collecting something"] * 8, *lines[1:]]
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(environment, "stream", lambda *_: (1, lines))
    with pytest.raises(OSError, match=f"What failed: .*{words}") as error:
        environment.install(Path("python"), READER)
    said = str(error.value)
    assert "could not be installed" in said and "run the same command again" in said
    assert all(line in said for line in lines if line.startswith("ERROR: "))
    assert all(line in said for line in lines if line in MINE), "the index is named"


def test_a_connection_that_came_back_is_not_what_failed():
    old = RETRY.format(NEW.format("[Errno 111] Connection refused"))
    conflict = "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io"
    lines = [old, *["Collecting something"] * 20, conflict]
    assert "What failed" not in environment.advice(lines)
    assert environment.advice(lines).endswith(conflict)


# The process


ENDS = """
import signal, sys, time, pathlib
def end(number, frame):
    pathlib.Path(sys.argv[1]).write_text(signal.Signals(number).name)
    sys.exit(5)
for name in ("SIGINT", "SIGTERM"):
    signal.signal(getattr(signal, name), end)
print("ready", flush=True)
time.sleep(60)
"""
STARTS = """
import sys
sys.path.insert(0, sys.argv[1])
from helpers import environment
sys.exit(environment.run_until_stopped([sys.executable, "-c", *sys.argv[2:]]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_what_stops_the_command_alone_stops_what_it_started(tmp_path, name):
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", STARTS, str(environment.ROOT), ENDS, str(mark)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(getattr(signal, name))
        assert process.wait(20) == 5
    assert mark.read_text() == name


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_nohup_protects_a_command(tmp_path):
    text = "import time; print('ready', flush=True); time.sleep(1)"
    command = [sys.executable, "-c", STARTS, str(environment.ROOT), text]
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    options["preexec_fn"] = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with subprocess.Popen(command, **options) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the fake Python is a shell script")
def test_another_python_takes_the_environment_that_is_there(monkeypatch, house):
    happened = fake_venv(monkeypatch, house)
    monkeypatch.setattr(environment, "is_installed", lambda *_: False)
    assert environment.run_elsewhere("run", ["run"]) == 0
    monkeypatch.setattr(sys, "version", "3.13.9 (another one)")
    assert environment.run_elsewhere("run", ["run"]) == 0
    assert happened[1:] == [READER]
    environment.python_of(house / ".venv").unlink()
    assert environment.run_elsewhere("run", ["run"]) == 0
    assert happened[3:] == [READER], "its Python was gone"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_command_that_a_signal_ended_ends_as_a_shell_says():
    text = "import os; os.kill(os.getpid(), 9)"
    command = [sys.executable, "-c", STARTS, str(environment.ROOT), text]
    assert subprocess.run(command).returncode == 128 + 9


def test_stream_shows_main_lines_and_signs_of_life(monkeypatch, capsys):
    monkeypatch.setattr(environment, "TICK", 0.05)
    text = "import time; print('Collecting torch'); print('noise', flush=True)\n"
    text += "time.sleep(0.2); 1/0"
    code, lines = environment.stream([sys.executable, "-c", text], "installing")
    said = capsys.readouterr().out
    assert code == 1
    assert "Collecting torch" in said and "noise" not in said
    assert "installing: 0 s so far" in said
    assert (
        lines[:2] == ["Collecting torch", "noise"] and "ZeroDivisionError" in lines[-1]
    )
