"""The environment in .venv: made once, where it is needed, with torch for the machine.

Standard library only: nothing is installed yet.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path

from . import saving
from .places import ROOT, for_another_python

VENV = ROOT / ".venv"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TICK = 8  # seconds between two signs of life
FILES = ("requirements-dev.txt", "requirements.txt", "constraints.txt")
# Settings of pip that say where packages come from. No other is taken over from the
# user: --user or --target, for example, would install elsewhere than into .venv.
SOURCES = (
    "index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy",
    "cert", "client-cert", "keyring-provider", "cache-dir", "no-cache-dir", "timeout",
    "default-timeout", "retries",
)  # fmt: skip
OWN_INDEX = {f"PIP_{x.upper().replace('-', '_')}" for x in SOURCES[:4]}
NO_VERSION = (
    "{index} has no {package} for this Python, {python}; take Python 3.11 to 3.13, or "
    "another index (PIP_INDEX_URL)"
)
ADVICE = (  # what pip prints, what that means and what helps; the first that fits
    (
        r"No space left on device|Errno 28\b|Disk quota exceeded|not enough space",
        "the disk is full: make room (up to 8 GB), or let TMPDIR name a larger disk",
    ),
    (
        r"from versions: (?!none)[^$]*distribution found for (?P<package>\S+)",
        NO_VERSION,
    ),
    (
        r"ProxyError|Tunnel connection failed|407 Proxy",
        "the proxy let nothing through: see HTTPS_PROXY, PIP_PROXY, `pip config list`",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|the ssl certificate",
        "the certificate of {index} was not accepted: let PIP_CERT name that of your "
        "network, and see whether the clock is right",
    ),
    (
        r"NewConnectionError|NameResolutionError|Timeout|timed out|Connection ?Reset|"
        r"Connection (refused|aborted|broken)|IncompleteRead|Network is unreachable",
        "{index} could not be reached: is there a network, and does the name exist?",
    ),
    (
        r"Permission denied|Read-only file system|Access is denied",
        "no right to write there: copy the course to a folder of your own",
    ),
    (r"No matching distribution found for (?P<package>\S+)", NO_VERSION),
)


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


def stream(
    command: list[str], what: str, variables: dict[str, str]
) -> tuple[int, list[str]]:
    """Run pip; show its main lines and a sign of life at least every ten seconds."""
    lines, start, ended = [], time.monotonic(), threading.Event()

    def tick() -> None:
        while not ended.wait(TICK):
            print(f"  {what}: {time.monotonic() - start:.0f} s so far")

    threading.Thread(target=tick, daemon=True).start()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    pipes |= {"errors": "replace", "env": variables}
    with subprocess.Popen(command, **pipes) as process:
        try:
            for line in map(str.strip, process.stdout):
                lines.append(line)
                if re.match(r"(Collecting|Downloading|Installing|Building) ", line):
                    print(f"  {line[:100]}")
        finally:
            ended.set()
    return process.returncode, lines


def ask(python: Path, *arguments: str) -> str | None:
    """Return what the pip of an environment prints, None where it fails."""
    command = [python, "-I", "-m", "pip", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, env=for_another_python())
    except OSError:
        return None
    return None if done.returncode else done.stdout.decode(errors="replace")


def sources(python: Path) -> dict[str, str]:
    """Return the user's settings of pip that are ``SOURCES``, as its variables."""
    text, found = ask(python, "config", "list") or "", {}
    for section in ("global", "install", ":env:"):  # the later one counts
        for name, value in re.findall(rf"(?m)^{section}\.([\w-]+)=(.+)$", text):
            if name in SOURCES:
                found[f"PIP_{name.upper().replace('-', '_')}"] = ast.literal_eval(value)
    return found


def pips_variables(own: dict[str, str]) -> dict[str, str]:
    """Return the environment for pip: nothing of the user's settings but ``own``."""
    others = for_another_python().items()
    others = {name: text for name, text in others if not name.startswith("PIP_")}
    return others | own | {"PIP_CONFIG_FILE": os.devnull}


def advice(lines: list[str], own_index: bool) -> str:
    """Say by pip's lines what failed and what helps; show the last where none fits."""
    text = "\n".join(lines[-12:])  # before them, all may have gone well in the end
    places = [line.partition(": ")[2] for line in lines if line.startswith("Looking ")]
    usual = (
        "pip without an index (no-index)" if own_index else "https://pypi.org/simple"
    )
    facts = {"index": ", ".join(places) or usual, "python": sys.version.split()[0]}
    for pattern, words in ADVICE:
        if found := re.search(pattern, text, re.IGNORECASE):
            errors = [line for line in lines if line.startswith("ERROR: ")]
            words = words.format(**facts, **found.groupdict())
            return "\n".join([*errors[-2:], f"What failed: {words}."])
    return text


class Pip:
    """The pip of an environment; it installs there, from where the user's pip would."""

    def __init__(self, python: Path):
        own = sources(python)
        self.has_own_index = not OWN_INDEX.isdisjoint(own)
        self.variables = pips_variables(own)
        self.command = [str(python), "-I", "-m", "pip", "install"]
        self.command += ["--disable-pip-version-check", "--progress-bar", "off"]
        self.command += ["-c", str(ROOT / FILES[2])]

    def install(self, what: str, *options: str) -> bool:
        """Tell whether something could be installed; ``lines`` is what pip said."""
        code, self.lines = stream([*self.command, *options], what, self.variables)
        return code == 0


def install_torch_for_the_cpu(pip: Pip) -> bool:
    """Install torch without its part for NVIDIA GPUs; False where it cannot be had."""
    torch = ("--index-url", CPU_INDEX, "torch")
    quick = ("--dry-run", "--no-deps", "--quiet", "--timeout", "5", "--retries", "0")
    if not pip.install("looking for torch for the CPU", *quick, *torch):
        return False
    print("Downloading about 0.2 GB: torch for the CPU.")
    return pip.install("installing torch", *torch)


def size_after_torch(pip: Pip) -> str:
    """Say how much is to come; torch for the CPU comes first, where that suits."""
    if sys.platform != "linux":
        return "about 0.4 GB"
    if shutil.which("nvidia-smi"):
        return "about 3 GB, torch for NVIDIA GPUs"
    if pip.has_own_index:
        smaller = f"the smaller one with PIP_EXTRA_INDEX_URL={CPU_INDEX}"
        return f"0.4 to 3 GB, by the torch of your index ({smaller})"
    if install_torch_for_the_cpu(pip):
        return "about 0.2 GB, all but torch"
    return "about 3 GB (the smaller torch for the CPU could not be had)"


def install(python: Path) -> None:
    """Install all requirements into an environment, with torch for this machine."""
    pip = Pip(python)
    size = size_after_torch(pip)
    print(f"Downloading {size}; with the installation this takes minutes.")
    if not pip.install("installing", "-r", str(ROOT / FILES[0])):
        raise OSError(
            "the packages could not be installed.\n"
            f"{advice(pip.lines, pip.has_own_index)}\n"
            "Then run the same command again."
        )


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
        reason = advice([*said.splitlines(), str(error)], own_index=False)
        raise OSError(f"{VENV} could not be made.\n{reason}") from None


def make_environment() -> None:
    """Make .venv, or repair one whose installation was interrupted."""
    if sys.version_info >= (3, 14):
        print("Python 3.11 to 3.13 is tested; this one is newer. Going on.")
    print(f"First run: making an environment in {VENV}")
    if ask(python_of(VENV), "--version") is None:
        create()
    install(python_of(VENV))
    saving.write_bytes(VENV / "stamp", stamp().encode())
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
    command = [python_of(VENV), ROOT / "helpers", *arguments]
    child = subprocess.Popen(command, env=for_another_python())
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child got it, too, and ends by itself
            continue
