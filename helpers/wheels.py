"""Wheels of what a reader needs, for other systems and Pythons than the running ones.

uv chooses the versions: pip would judge by the machine it runs on which packages only
Windows needs. pip fetches the files. Standard library only.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from . import environment, places

LINUX = "linux_x86_64"
GLIBC = ["2014", *(f"_2_{minor}" for minor in range(5, 29))]  # up to 2.28, as torch
SYSTEMS = {  # what a person types: uv's name and pip's names for it
    "win_amd64": ("x86_64-pc-windows-msvc", ["win_amd64"]),
    LINUX: ("x86_64-manylinux_2_28", [f"manylinux{x}_x86_64" for x in GLIBC]),
    "macos_arm64": ("aarch64-apple-darwin", ["macosx_14_0_arm64"]),
}
PYTHONS = ("3.11", "3.12", "3.13")
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # torch's; uv's own is older


def this_system() -> str:
    """Return the running system's word; ValueError where there are no wheels for it."""
    system = {"win32": "win", "darwin": "macos"}.get(sys.platform, sys.platform)
    word = f"{system}_{platform.machine().lower()}"
    if word not in SYSTEMS:
        raise ValueError(f"{word} is not known; name one of {', '.join(SYSTEMS)}")
    return word


def this_python() -> str:
    """Return the running Python's version, such as "3.12"."""
    return "{}.{}".format(*sys.version_info)


def _uv() -> list[str]:
    """Return how uv is called; OSError where it is not installed."""
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    if found := shutil.which("uv"):
        return [found]
    raise OSError(
        "uv is missing; it finds out which packages another system needs. Install it "
        f"with: {places.typed(sys.executable)} -m pip install uv"
    )


def _index() -> list[str]:
    """Return the option that lets uv ask the index that pip is set to ask, if any."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, errors="replace")
    found = dict(re.findall(r"^(\S*)\.index-url='(.+)'", said.stdout, re.MULTILINE))
    chosen = found.get(":env:", next(reversed(found.values()), None))
    return ["--default-index", chosen] if chosen else []


def _choose(system: str, python: str, links: list[str]) -> list[str]:
    """Return the packages for a system and a Python, each with its version."""
    command = [*_uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--only-binary", ":all:", "--python-platform", SYSTEMS[system][0]]
    command += ["--python-version", python, "-c", str(places.ROOT / "constraints.txt")]
    command += [*_index(), *links, str(places.ROOT / "requirements-lab.txt")]
    options = {"capture_output": True, "text": True, "errors": "replace"}
    options["env"] = places.for_another_python() | MACOS
    done = subprocess.run(command, **options)
    if done.returncode:
        raise OSError(
            f"{environment.advice(done.stderr.splitlines())}\nuv found no set of "
            f"packages for {system}, Python {python}, see above"
        )
    return re.findall(r"^[\w.-]+==\S+", done.stdout, re.MULTILINE)


def _download(system: str, python: str, folder: Path, what: list[str]) -> list[str]:
    """Let pip fetch wheels into a folder; return what it said where it failed."""
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--no-deps", "--only-binary", ":all:"]
    command += [x for name in SYSTEMS[system][1] for x in ("--platform", name)]
    command += ["--python-version", python, "--implementation", "cp"]
    command += ["--abi", f"cp{python.replace('.', '')}", "--dest", str(folder), *what]
    code, lines = environment.stream(command, "fetching")
    return lines if code else []


def _fetch_torch(python: str, folder: Path) -> None:
    """Fetch torch for the CPU on Linux, where the usual one brings NVIDIA's libraries.

    OSError where it is not to be had.
    """
    source = ["--index-url", environment.CPU_INDEX, "--timeout", "20", "--retries", "1"]
    pins = ["-c", str(places.ROOT / "constraints.txt")]
    failed = _download(LINUX, python, folder, [*source, *pins, "torch"])
    tag = f"cp{python.replace('.', '')}"
    if failed or not list(folder.glob(f"torch-*+cpu-{tag}-*")):
        raise OSError(
            f"{environment.advice(failed)}\ntorch for Linux without NVIDIA's libraries "
            f"could not be had at {environment.CPU_INDEX}; with them it has 2.6 GB. "
            f"Fetch torch-...+cpu-{tag}-...whl with a browser into a folder, let "
            f"PIP_FIND_LINKS name it, and run the same command again; or leave {LINUX} "
            "out"
        )


def fetch(
    folder: Path,
    systems: Iterable[str],
    pythons: Iterable[str],
    say: Callable[[str], None],
) -> None:
    """Fetch the wheels of the reader's set into a folder, for each system and Python.

    torch is the one for the CPU. Nothing is built: all packages have wheels.
    """
    _uv()  # a word before the first byte
    for system in systems:
        for python in pythons:
            say(f"Wheels for {system}, Python {python}:")
            links = []
            if system == LINUX:
                _fetch_torch(python, folder)
                links = ["--find-links", str(folder)]
            chosen = _choose(system, python, links)
            if failed := _download(system, python, folder, [*links, *chosen]):
                raise OSError(
                    f"{environment.advice(failed)}\nThe wheels for {system}, Python "
                    f"{python} could not be fetched, see above. Then run the same "
                    "command again."
                )
