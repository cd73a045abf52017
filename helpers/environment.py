"""The environment in .venv: made once, where it is needed, with torch for the machine.

Standard library only: nothing is installed yet.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path

from . import places, saving
from .places import ROOT

VENV = ROOT / ".venv"
WHEELS = ROOT / "wheels"  # of a pack for places without a network
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
GPU_INDEX = "https://download.pytorch.org/whl/cu130"  # cu126 for GTX cards, old drivers
WITHOUT_WHEELS = """
Where there is a network, delete the folder wheels first: its packages are for other
systems or Pythons.
有网络的话，先删掉 wheels 文件夹：里面的软件包不适用于这个系统或 Python。"""
TICK = 8  # seconds between two signs of life
PATIENCE = 10  # seconds that a process has to end after Ctrl-C
CONSTRAINTS = "constraints.txt"
BARE, READER, DEVELOPER = (f"requirements{x}.txt" for x in ("", "-lab", "-dev"))
ADVICE = (  # what pip prints, what helps; the first that fits
    (
        r"Errno 28\b|No space left|Disk quota exceeded|not enough space",
        "the disk is full: make room (up to 8 GB), or let TMPDIR name a larger disk "
        "(磁盘满了：腾出空间，或者用 TMPDIR 换一个盘)",
    ),
    (
        r"ProxyError|Tunnel connection failed|407 Proxy",
        "the proxy let nothing through: see HTTPS_PROXY and `pip config list` "
        "(代理不通：检查 HTTPS_PROXY)",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "a certificate was not accepted: let PIP_CERT name that of your network "
        "(证书没有通过：用 PIP_CERT 指出所在网络的证书)",
    ),
    (
        r"NewConnectionError|NameResolutionError|Timeout|timed out|Connection ?reset|"
        r"Connection (refused|aborted|broken)|Network is unreachable",
        "the package index could not be reached: is there a network? "
        "(连不上软件源：检查网络，或者用 PIP_INDEX_URL 换一个镜像)",
    ),
    (
        r"Permission denied|Read-only file system|Access is denied",
        "no right to write there: copy the course to a folder of your own "
        "(没有写入权限：把课程复制到自己的文件夹)",
    ),
    (
        r"No matching distribution found",
        "the index has no such version for this Python: take Python 3.11 to 3.13, or "
        "another index, PIP_INDEX_URL (没有适合这个 Python 的版本：用 Python 3.11 到 "
        "3.13，或者换一个镜像)",
    ),
)


class PackagesMissingError(ImportError):
    """The kernel of a notebook lacks what the course needs; says what to type."""

    def __init__(self, error: ImportError):
        version = ".".join(map(str, sys.version_info[:3]))
        super().__init__(
            f"{error}. This kernel is {sys.executable}, Python {version}; the course "
            "needs Python 3.11 to 3.13 and some packages. Choose the kernel .venv "
            f"(`{places.COMMAND} open` makes it); or, if only packages lack, type this "
            "in a terminal and restart the kernel.\n"
            "这个内核缺少软件包，或者 Python 版本不对（要 3.11 到 3.13）。请把内核换成 "
            f".venv（没有的话，先运行 {places.COMMAND} open）；\n"
            "只是缺软件包的，也可以在终端里运行下面这一行，再重启内核：\n"
            f'{places.typed(sys.executable)} -m pip install -r "{ROOT / BARE}"'
        )

    def _render_traceback_(self) -> list[str]:
        return [str(self)]  # Jupyter shows these words, and no lines of source


def stamp(name: str) -> str:
    """Return what an environment made from a requirements file carries."""
    chain = [BARE, READER, DEVELOPER]
    names = [CONSTRAINTS, *chain[: chain.index(name) + 1]]
    files = b"".join((ROOT / name).read_bytes() for name in names)
    return hashlib.sha256(files).hexdigest()


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
    needed = requirements({"run": READER, "test": DEVELOPER}.get(command, BARE))
    if command == "open":  # nothing more: this may be somebody's own Jupyter
        needed += [x for x in requirements(READER) if x[0] == "jupyterlab"]
    return all(is_installed(*requirement) for requirement in needed)


def this_python_will_do(command: str, is_ours: bool) -> bool:
    """Tell whether the running Python has all that a command needs, or ``is_ours``.

    It does without PYTHONPATH where it can, here and in its children: what that names
    often is another Python's. On clusters the packages themselves may come by it.
    """
    given, other = list(sys.path), places.of_pythonpath()
    sys.path[:] = [folder for folder in given if folder not in other]
    if is_ours or everything_is_here(command):
        places.forget("PYTHONPATH")
        return True
    sys.path[:] = given
    return bool(other) and everything_is_here(command)


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
    pipes |= {"errors": "replace", "env": places.for_another_python()}
    with subprocess.Popen(command, **pipes) as process:
        try:
            for line in map(str.strip, process.stdout):
                lines.append(line)
                if re.match(r"(Collecting|Downloading|Installing|Building) ", line):
                    print(f"  {line[:100]}")
        finally:
            ended.set()
    return process.returncode, lines


def advice(lines: list[str]) -> str:
    """Say by pip's last lines what failed and what helps."""
    text = "\n".join(lines[-12:])  # before them, all may have gone well in the end
    known = (words for shown, words in ADVICE if re.search(shown, text, re.IGNORECASE))
    words = next(known, None)
    asked = [line for line in lines[:3] if line.startswith("Looking in")]  # which index
    return "\n".join([*asked, text, *([f"What failed: {words}."] if words else [])])


def has_gpu() -> bool:
    """Tell whether this machine has the driver of an NVIDIA card."""
    return bool(shutil.which("nvidia-smi"))


def install(python: Path, name: str) -> None:
    """Install a requirements file into an environment, with torch for this machine."""
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    pip += ["--progress-bar", "off", "-c", str(ROOT / CONSTRAINTS)]
    if WHEELS.is_dir() and name == READER:
        pip += ["--no-index", "--find-links", str(WHEELS)]
        print(f"Installing from {WHEELS}, without a network; this takes minutes.")
        print("正在安装压缩包自带的软件包，不用联网，需要几分钟。")
    else:
        size = "about 0.4 GB"
        if sys.platform == "linux" and has_gpu():
            size = "about 3 GB, torch for NVIDIA GPUs"
        elif sys.platform == "linux":  # the usual torch brings 2.6 GB for NVIDIA GPUs
            print("Looking for torch for the CPU, about 0.2 GB")
            quick = ["--timeout", "5", "--retries", "0", "--index-url", CPU_INDEX]
            code, _ = stream([*pip, *quick, "torch"], "installing torch")
            size = "0.4 to 3 GB, with the torch that your index has"
            size = size if code else "0.2 GB"
        print(f"Downloading {size}; with the installation this takes minutes.")
        print("正在下载并安装软件包，需要几分钟。")
    code, lines = stream([*pip, "-r", str(ROOT / name)], "installing")
    if code:
        raise OSError(
            f"{advice(lines)}\nThe packages could not be installed, see above. Then "
            "run the same command again."
            + (WITHOUT_WHEELS if "--no-index" in pip else "")
        )
    if sys.platform == "win32" and has_gpu():
        print("torch is for the CPU. For your NVIDIA card (about 2.5 GB) end this with")
        print("Ctrl-C and type (torch 现在只用 CPU；要用显卡，按 Ctrl-C 结束后运行):")
        command = f"-m pip install --upgrade torch --index-url {GPU_INDEX}"
        print(f"{places.typed(python)} {command}")


def has_pip(python: Path) -> bool:
    """Tell whether there is a whole environment."""
    try:
        command = [python, "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def create() -> None:
    """Make .venv anew, with pip alone in it."""
    if not importlib.util.find_spec("ensurepip"):
        raise OSError(
            "this Python cannot make environments: ensurepip is missing. On Debian and "
            f"Ubuntu: sudo apt install python3.{sys.version_info[1]}-venv\n"
            "Then run the same command again."
        )
    links = sys.platform != "win32"  # as `python3 -m venv` does
    try:
        venv.EnvBuilder(with_pip=True, clear=True, symlinks=links).create(VENV)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "output", None) or b"").decode(errors="replace")
        reason = advice([*said.splitlines(), str(error)])
        raise OSError(f"{VENV} could not be made.\n{reason}") from None


def make_environment(name: str) -> None:
    """Make .venv from a requirements file, or repair an interrupted installation."""
    if sys.version_info >= (3, 14):
        print("Python 3.11 to 3.13 is tested; this one is newer. Going on.")
    print(f"First run: making an environment in (第一次运行，建立环境) {VENV}")
    if not has_pip(python_of(VENV)):
        create()
    install(python_of(VENV), name)
    saving.write_bytes(VENV / "stamp", stamp(name).encode())
    print("The environment is ready. 环境建好了。")


def run_elsewhere(command: str, arguments: list[str]) -> int | None:
    """Run the command in .venv and return its code; None if this Python will do."""
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    places.forget("MPLBACKEND")  # no command opens a window; a wrong name stops some
    if this_python_will_do(command, inside) and not inside:
        return None
    mark, name = VENV / "stamp", DEVELOPER if command == "test" else READER
    good = {stamp(name), stamp(DEVELOPER)}  # a developer's holds what a reader needs
    there = mark.is_file() and python_of(VENV).is_file()  # its Python may be gone
    if not there or mark.read_text("utf-8") not in good:
        make_environment(name)
    if inside:
        return None
    command = [python_of(VENV), ROOT / "helpers", *arguments]
    return run_until_stopped(command)


def run_until_stopped(command: list) -> int:
    """Run a process and those that it starts; hand on to all what should stop this one.

    Ctrl-C in a terminal reaches all of them by itself, the stop button of an editor
    this one alone. Returns the exit code.
    """
    posix = os.name == "posix"
    alone = posix and not (sys.stdin and sys.stdin.isatty())
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # else a child is deaf, too
    group = {"process_group": 0} if alone else {}
    child = subprocess.Popen(command, env=places.for_another_python(), **group)

    def hand_on(number: int, _) -> None:
        if alone:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
        elif number != signal.SIGINT:
            child.send_signal(number)
        elif posix:  # it has most likely had it, and is cleaning up
            timer = threading.Timer(PATIENCE, child.send_signal, [number])
            timer.daemon = True
            timer.start()

    known = (getattr(signal, x, None) for x in ("SIGINT", "SIGTERM", "SIGHUP"))
    heard = [x for x in known if x and signal.getsignal(x) is not signal.SIG_IGN]
    before = {number: signal.signal(number, hand_on) for number in heard}  # not nohup's
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code  # as a shell says that a signal ended it
