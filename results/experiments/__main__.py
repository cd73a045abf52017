"""List the files of results/ with their states, or make some of them anew.

there: made as it is declared today; stale: made by another declaration; missing.
What is there is not made again: delete the file, or name another folder with --out.
Networks are kept in outputs/experiments, and trained again where they are stale.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from helpers import saving

from . import kinds, runs


def file_of(name: str, folder: Path) -> Path:
    """Return the file of a row."""
    return folder / (name + getattr(runs.ROWS[name], "ending", ".json"))


def state(name: str, folder: Path) -> str:
    """Return there, missing, or stale and what was changed."""
    row, file = runs.ROWS[name], file_of(name, folder)
    if not file.exists():
        return "missing"
    if isinstance(row, str) or file.suffix == ".png":  # nothing to compare
        return "there"
    now, content = row.declaration(), json.loads(file.read_text("utf-8"))
    then = content.get("declaration", {})
    changed = [key for key in now | then if now.get(key) != then.get(key)]
    return f"stale (changed: {', '.join(changed)})" if changed else "there"


def make(name: str, folder: Path) -> None:
    """Make a file, unless it is there as it is declared today."""
    row, file = runs.ROWS[name], file_of(name, folder)
    if isinstance(row, str):
        raise ValueError(f"{file.name} is made {row}")
    if state(name, folder) == "there":
        print(f"{file} is there")
        return
    print(f"{name}: {row}", flush=True)
    content = row.make()
    if file.suffix == ".png":
        with saving.whole(file) as part:
            content.save(part, "png", optimize=True)
    else:
        saving.write_json(file, content | {"declaration": row.declaration()})
    print(f"{file} is written")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m results.experiments", description=__doc__
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="files, without ending; none: list all"
    )
    parser.add_argument(
        "--out", type=Path, default=kinds.FOLDER, help="their folder (default: results)"
    )
    args = parser.parse_args(arguments)
    if unknown := set(args.names) - set(runs.ROWS):
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(runs.ROWS)}")
    try:
        for name in args.names:
            make(name, args.out)
        if not args.names:
            for name, row in runs.ROWS.items():
                file = file_of(name, args.out).name
                print(f"{state(name, args.out):8} {file:33} {row}")
            print("`python -m results.experiments NAME...` makes what is not there")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
