"""Write Colab's newest versions into colab_snapshot.txt and say what changed.

python tests/refresh_colab.py [--source ADDRESS]

Colab publishes its packages in a git repository. One commit of it is fetched, so that
its list, its Python and its date belong together. Standard library and git only.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "tests/colab_snapshot.txt"
REPOSITORY = "googlecolab/backend-info"
HELD = ("requirements.txt", "constraints.txt")  # what they name belongs in, too
PIN = re.compile(r"([\w.-]+)==(\d[\w.]*)")
WHEEL = re.compile(r"([\w.-]+) @ .*/[^/-]+-(\d[\w.]*)[^/]*\.whl")  # torch had this form


def normal(name: str) -> str:
    """Return a package's name as all its spellings have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def git(*arguments: str) -> str:
    """Return what git prints; OSError with its reason where it fails."""
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    options = {"capture_output": True, "encoding": "utf-8", "errors": "replace"}
    try:
        done = subprocess.run(["git", *arguments], env=quiet, timeout=120, **options)
    except subprocess.TimeoutExpired:
        raise OSError("git had no answer in two minutes") from None
    if done.returncode:
        raise OSError(done.stderr.strip())
    return done.stdout.strip()


def fetch(source: str) -> tuple[str, str]:
    """Return the head line of a new snapshot and Colab's list of packages."""
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", "--depth", "1", "--", source, folder)
        date, commit = git(
            "-C", folder, "log", "-1", "--abbrev=7", "--format=%cs %h"
        ).split()
        system = Path(folder, "os-info.txt").read_text("utf-8")
        packages = Path(folder, "pip-freeze.txt").read_text("utf-8")
    python = re.search(r"^Python (\d+\.\d+\.\d+)", system, re.M)
    if not python:
        raise ValueError("os-info.txt names no Python")
    origin = f"{REPOSITORY} {commit}"
    return f"# Colab's CPU runtime of {date} ({origin}), Python {python[1]}.", packages


def versions(text: str) -> dict[str, str]:
    """Read names and versions, without local parts such as +cpu."""
    lines = text.splitlines()
    found = filter(None, (PIN.match(line) or WHEEL.match(line) for line in lines))
    return {match[1]: match[2] for match in found}


def renewed(old: dict[str, str], packages: str) -> dict[str, str]:
    """Return the versions of what the snapshot and the requirements name."""
    texts = [(ROOT / file).read_text("utf-8") for file in HELD]
    needed = re.findall(r"^([\w.-]+) ?[=>]=", "\n".join(texts), re.M)
    new = {normal(name): version for name, version in versions(packages).items()}
    wanted = {normal(name): name for name in [*needed, *old]}
    order = dict.fromkeys(map(normal, [*old, *needed]))
    return {wanted[name]: new[name] for name in order if name in new}


def main(arguments: list[str] | None = None) -> int:
    """Refresh the snapshot; 0, or 2 where it could not be done and stays as it was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    address = f"https://github.com/{REPOSITORY}"
    parser.add_argument("--source", default=address, help=f"default: {address}")
    source = parser.parse_args(arguments).source
    part = SNAPSHOT.with_name(f"{SNAPSHOT.name}.part")
    try:
        old = versions(SNAPSHOT.read_text("utf-8"))
        head, packages = fetch(source)
        new = renewed(old, packages)
        if "torch" not in new:
            raise ValueError(
                "pip-freeze.txt does not name torch: has its form changed?"
            )
        lines = [head, *(f"{name}=={version}" for name, version in new.items())]
        part.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")
        part.replace(SNAPSHOT)
    except (OSError, ValueError) as error:
        part.unlink(missing_ok=True)
        print(f"error: {source}: {error}", file=sys.stderr)
        print(f"{SNAPSHOT.name} stays as it was.", file=sys.stderr)
        return 2
    print(head.removeprefix("# "))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            print(f"{name}: {old.get(name, 'none')} -> {new.get(name, 'none')}")
    if old == new:
        print("No version changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
