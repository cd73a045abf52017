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

from PIL import Image, PngImagePlugin

from helpers import saving

from . import kinds, runs, tables


def file_of(name: str, folder: Path) -> Path:
    """Return the file of a row."""
    return folder / (name + getattr(runs.ROWS[name], "ending", ".json"))


def state(name: str, folder: Path) -> str:
    """Compare what a file was made by with what would make it today."""
    file, declared = file_of(name, folder), runs.ROWS[name].declaration()
    if not file.exists():
        return "missing"
    return "there" if kinds.kept(file) == declared else "stale"


def listing(folder: Path) -> str:
    """Return a line for each row: its state, its file, what it is."""
    lines = []
    for name, row in runs.ROWS.items():
        file, now, note = file_of(name, folder), row.declaration(), ""
        if (is_now := state(name, folder)) == "stale":
            then = kinds.kept(file) or {}
            changed = [key for key in now | then if now.get(key) != then.get(key)]
            note = f" (changed: {', '.join(changed)})"
        lines.append(f"{is_now:8} {file.name:33} {row}{note}")
    return "\n".join(lines)


def measured(name: str, row) -> dict | Image.Image:
    """Measure what a row says, now."""
    if isinstance(row, kinds.Script):
        return row.module().main()
    if isinstance(row, kinds.Scored):
        return tables.scored(row)
    return getattr(tables, name, tables.facts)(row)


def make(name: str, folder: Path) -> None:
    """Make a file, unless it is there as it is declared today."""
    row, file = runs.ROWS[name], file_of(name, folder)
    if isinstance(row, kinds.ByHand):
        raise ValueError(f"{file.name} is made {row}")
    if state(name, folder) == "there":
        print(f"{file} is there")
        return
    print(f"{name}: {row}", flush=True)
    content = measured(name, row)
    if isinstance(content, Image.Image):
        note = PngImagePlugin.PngInfo()
        note.add_text("declaration", json.dumps(row.declaration()))
        with saving.whole(file) as part:
            content.save(part, "png", optimize=True, pnginfo=note)
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
            print(listing(args.out))
            print("`python -m results.experiments NAME...` makes what is not there")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
