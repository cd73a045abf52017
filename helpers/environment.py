"""The environment in .venv: made once, where it is needed, with torch for the machine.

Standard library only: nothing is installed yet.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from pathlib import Path

from .places import ROOT

VENV = ROOT / ".venv"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TICK = 8  # seconds between two signs of life
FILES = ("requirements-dev.txt", "requirements.txt", "constraints.txt")


def stamp() -> str:
    """Return what an environment must carry to be up to date."""
    files = b"".join((ROOT / name).read_bytes() for name in FILES)
    return hashlib.sha256(files + sys.version.encode()).hexdigest()


def requirements(name: str) -> list[tuple[str, str, str]]:
    """Read (package, operator, version) of a requirements file and those it names."""
    found = []
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if line.startswith("-r "):
            found += requirements(line[3:].strip())
        elif match := re.match(r"([\w.-]+)\s*(>=|==)\s*([\w.]+)", line):
            found.append(match.groups())
    return found


def is_installed(package: str, operator: str, version: str) -> bool:
    """Tell whether the running Python has a package in the required version."""
    try:
        have = importlib.metadata.version(package).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return False
    mine, needed = ([int(x) for x in re.findall(r"\d+", v)] for v in (have, version))
    return mine == needed if operator == "==" else mine >= needed


def everything_is_here(command: str) -> bool:
    """Tell whether the running Python has all that a command needs (Colab, conda)."""
    name = FILES[0] if command in ("run", "test") else FILES[1]
    return all(is_installed(*requirement) for requirement in requirements(name))


def python_of(folder: Path) -> Path:
    """Return the Python of an environment, where Windows or the others place it."""
    windows = sys.platform == "win32"
    return folder / ("Scripts/python.exe" if windows else "bin/python")


def stream(command: list[str], what: str) -> tuple[int, list[str]]:
    """Run pip; show its main lines and a sign of life at least every ten seconds."""
    lines, start, ended = [], time.monotonic(), threading.Event()

    def tick() -> None:
        while not ended.wait(TICK):
            print(f"  {what}: {time.monotonic() - start:.0f} s so far")

    threading.Thread(target=tick, daemon=True).start()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            for line in map(str.strip, process.stdout):
                lines.append(line)
                if re.match(r"(Collecting|Downloading|Installing|Building) ", line):
                    print(f"  {line[:100]}")
        finally:
            ended.set()
    return process.returncode, lines


def torch_that_would_come(pip: list[str], *options: str) -> str:
    """Ask pip which version of torch it would install; "" where it cannot tell."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = ["--dry-run", "--no-deps", "--ignore-installed", "--report"]
        stream([*pip, *asked, str(report), *options, "torch"], "asking for torch")
        if not report.exists():
            return ""
        return json.loads(report.read_bytes())["install"][0]["metadata"]["version"]


def install(python: Path) -> None:
    """Install all requirements into an environment, with torch for this machine."""
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    pip += ["--progress-bar", "off", "-c", str(ROOT / FILES[2])]
    size = "about 0.4 GB"
    if sys.platform == "linux":
        size, source = "about 3 GB, torch for NVIDIA GPUs", ("--index-url", CPU_INDEX)
        if not shutil.which("nvidia-smi"):
            if "+cpu" in torch_that_would_come(pip):
                size = "about 0.4 GB, torch for the CPU"
            elif "+cpu" in torch_that_would_come(pip, *source):
                print("Downloading about 0.2 GB: torch for the CPU.")
                stream([*pip, *source, "torch"], "installing torch")
                size = "about 0.2 GB, all but torch"
            else:
                size += " (the smaller build for the CPU could not be had)"
    print(f"Downloading {size}; with the installation this takes minutes.")
    code, lines = stream([*pip, "-r", str(ROOT / FILES[0])], "installing")
    if code:
        raise OSError(
            "\n".join(lines[-12:])
            + "\nThe packages could not be installed, see above. "
            "Is a package index reachable? Then run the same command again."
        )


def make_environment() -> None:
    """Make .venv, or repair one whose installation was interrupted."""
    if not importlib.util.find_spec("ensurepip"):
        raise OSError(
            "this Python cannot make environments: ensurepip is missing. On Debian and "
            f"Ubuntu: sudo apt install python3.{sys.version_info[1]}-venv\n"
            "Then run the same command again."
        )
    if sys.version_info >= (3, 14):
        print("Python 3.11 to 3.13 is tested; this one is newer. Going on.")
    print(f"First run: making an environment in {VENV}")
    try:
        command = [python_of(VENV), "-m", "pip", "--version"]
        whole = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        whole = False
    if not whole:
        try:
            venv.EnvBuilder(with_pip=True, clear=True).create(VENV)
        except subprocess.CalledProcessError as error:
            raise OSError(f"{VENV} could not be made: {error}") from None
    install(python_of(VENV))
    (VENV / "stamp").write_text(stamp(), "utf-8")
    print("The environment is ready.")


def run_elsewhere(command: str, arguments: list[str]) -> int | None:
    """Run the command in .venv and return its code; None if this Python will do."""
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    if not inside and everything_is_here(command):
        return None
    mark = VENV / "stamp"
    if not mark.is_file() or mark.read_text("utf-8") != stamp():
        make_environment()
    if inside:
        return None
    child = subprocess.Popen([python_of(VENV), ROOT / "helpers", *arguments])
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child got it, too, and ends by itself
            continue
