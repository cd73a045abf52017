"""How long a chapter takes to read and try, section by section.

python -m notebooks.tools.minutes [04 ...]     stated and counted minutes

A section is an English Markdown cell that begins with `## `, and all up to the next;
the cell states its minutes: `# %% [markdown] lang="en" minutes="6"`. They are compared
with a count, made with the rates below.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .translate import FENCE

WORDS, CHARACTERS = 180, 400  # English words, Chinese characters read in a minute
LINE = 0.1  # minutes for a line of open code
QUESTION, EXERCISE, RECALL = 1, 6, 3  # minutes for one
MINUTE, SHARE = 1, 0.35  # what is stated may differ by a minute, or by this share

ASIDE = re.compile(  # not read with the text: folds, pictures, targets of links, tags
    r"<details>.*?</details>|!\[[^\]]*\]\([^)]*\)|(?<=\])\([^)]*\)|<[^>]+>", re.S
)
HAN = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"[A-Za-z0-9]+(?:['’._-][A-Za-z0-9]+)*")


def is_open(cell) -> bool:
    """Tell whether a code cell shows its source: not folded, not the set-up."""
    return not ("fold" in cell.metadata or "include" in cell.metadata)


def reading(text: str) -> float:
    """Return the minutes that a text takes in its language."""
    text = ASIDE.sub(" ", text)
    return len(HAN.findall(text)) / CHARACTERS + len(WORD.findall(text)) / WORDS


def trying(cell) -> float:
    """Return the minutes that a code cell takes to read and answer; it waits for none.

    A form is a title and costs nothing.
    """
    lines = [line.strip() for line in cell.source.splitlines()] if is_open(cell) else []
    shown = [line for line in lines if line and not line.startswith("# zh:")]
    asked = {QUESTION: r"\blesson\.ask\(", EXERCISE: r"\blesson\.exercise\("}
    tasks = sum(cost * len(re.findall(p, cell.source)) for cost, p in asked.items())
    return LINE * len(shown) + tasks


@dataclass(frozen=True)
class Section:
    """A part of a chapter: its cells, and the minutes that its author states.

    The head, what stands before the first section, has no title.
    """

    title: tuple[str, str]
    cells: tuple
    stated: int | None = None

    @property
    def counted(self) -> float:
        """Return the minutes by the rates; of the two languages, the slower one."""
        texts = [cell for cell in self.cells if cell.cell_type == "markdown"]
        read = [
            sum(reading(c.source) for c in texts if c.metadata.get("lang") == language)
            for language in ("en", "zh")
        ]
        if any("lesson.recall(" in cell.source for cell in self.cells):
            return RECALL
        return max(read) + sum(trying(c) for c in self.cells if c.cell_type == "code")

    @property
    def minutes(self) -> int:
        """Return what is stated, else the count; a head takes a minute at least."""
        if self.stated is not None:
            return self.stated
        return max(0 if any(self.title) else 1, math.floor(self.counted + 0.5))


def heading(cell) -> str:
    """Return the title of the section that a text opens, empty if it opens none."""
    found = re.match(r"## (.+)", cell.source)
    return found[1].strip() if found and cell.cell_type == "markdown" else ""


def stated(cell) -> int | None:
    """Return the minutes in a cell's metadata; None where there are none."""
    value = cell.metadata.get("minutes")
    return int(value) if str(value).isdecimal() else None


def sections(cells: list) -> list[Section]:
    """Cut the cells of a chapter's source into its head and its sections."""
    parts = [[]]
    for cell in cells:
        if cell.metadata.get("lang") == "en" and heading(cell):
            parts.append([])
        parts[-1].append(cell)
    found = [Section(("", ""), tuple(parts[0]))]
    for part in parts[1:]:
        chinese = next((c for c in part if c.metadata.get("lang") == "zh"), part[0])
        titles = heading(part[0]), heading(chinese)
        found.append(Section(titles, tuple(part), stated(part[0])))
    return found


def problems(cells: list) -> Iterator[tuple]:
    """Yield each cell whose section is not cut or timed as it should be, and why."""
    for cell in cells:
        if cell.metadata.get("lang") and "\n## " in FENCE.sub("", cell.source):
            yield cell, "a `## ` begins its cell: split the cell before it"
    for section in sections(cells)[1:]:
        count, given = section.counted, section.stated
        if given is None:
            yield section.cells[0], f'no minutes="{count:.0f}" (a whole number)'
        elif (off := abs(given - count)) > MINUTE and off > SHARE * count:
            yield section.cells[0], f"{given} minutes are stated, {count:.1f} counted"


def total(cells: list) -> int:
    """Return the minutes of a whole chapter."""
    return sum(section.minutes for section in sections(cells))


def computing(root: Path) -> dict[str, int]:
    """Return whole minutes of computing a chapter, in lesson mode on two cores."""
    path = root / "results/lesson_run.json"
    run = json.loads(path.read_text("utf-8")) if path.exists() else {"chapters": {}}
    return {
        number: math.ceil(entry["seconds"] / 60)
        for number, entry in run["chapters"].items()
    }


def fields(root: Path, number: str, cells: list) -> dict[str, int]:
    """Return what stands for `{{minutes}}` and `{{computing}}` in a chapter.

    Without a run of the chapter in results/lesson_run.json there is no `computing`.
    """
    known = computing(root)
    return {"minutes": total(cells)} | (
        {"computing": known[number]} if number in known else {}
    )


def main() -> None:
    """Print the sections of chapters with stated and counted minutes."""
    from . import ROOT
    from .build import Chapter, sources

    for path in sources(ROOT, sys.argv[1:]):
        cells = Chapter(ROOT, path).cells
        print(f"{path.stem}: {total(cells)} minutes")
        for part in sections(cells):
            given = "-" if part.stated is None else part.stated
            title = part.title[0] or "(head)"
            print(f"  stated {given:>2}  counted {part.counted:5.1f}  {title}")


if __name__ == "__main__":
    main()
