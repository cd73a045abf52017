"""The end of a chapter: recall questions, and the cell that says where one stands."""

from __future__ import annotations

import tomllib
from pathlib import Path

from . import SIDE

LETTERS = "abcd"
HEADING = {
    "en": "## Recall\n\nWithout scrolling back: {count} questions, {earlier} from "
    "earlier chapters. Write one letter a question in place of each `?`.",
    "zh": "## 回想一下\n\n先别往回翻。{count} 道题，其中 {earlier} 道来自前面的章节。"
    "把每个 `?` 换成一个字母。",
}
ALL_OWN = {
    "en": "## Recall\n\nWithout scrolling back: {count} questions. Write one letter a "
    "question in place of each `?`.",
    "zh": "## 回想一下\n\n先别往回翻。{count} 道题，把每个 `?` 换成一个字母。",
}
TICKET = """NAME = ""  # @param {{type:"string"}}
NOT_CLEAR = ""  # @param {{type:"string"}}
lesson.progress("{chapter}")
lesson.ticket(NAME, NOT_CLEAR)"""
TITLE = {
    "title": "Where you stand, and a ticket for your teacher",
    "title_zh": "学到哪里了，以及给老师的反馈单",
}


def read(root: Path, chapter: str) -> list[dict]:
    """Read the recall questions of a chapter."""
    path = root / f"helpers/exercises/chapter_{chapter}.toml"
    return tomllib.loads(path.read_text("utf-8"))["recall"] if path.exists() else []


def problems(asked: list[dict], chapter: str) -> list[str]:
    """Name what is wrong with the recall questions of a chapter."""
    where, found = f"chapter_{chapter}.toml", []
    if len(asked) != 5:
        found.append(f"{where}: {len(asked)} recall questions, 5 are needed")
    if lost := [k for k, entry in enumerate(asked, 1) if "of" not in entry]:
        return [*found, f"{where}: question {lost[0]} lacks its chapter (of)"]
    earlier = sum(entry["of"] < chapter for entry in asked)
    if chapter > "01" and earlier < 2:
        found.append(
            f"{where}: {earlier} questions from earlier chapters, 2 are needed"
        )
    for k, entry in enumerate(asked, 1):
        letters = [letter for letter in LETTERS if letter in entry]
        texts = [entry.get("question", []), *(entry[letter] for letter in letters)]
        whole = [
            len(text) == n and all(text)
            for text, n in zip(texts, [2, *[4] * 4], strict=False)
        ]
        if len(letters) < 3 or entry.get("right") not in letters or not all(whole):
            found.append(
                f"{where}: question {k} lacks a choice, a text or its right letter"
            )
    return found


def text(asked: list[dict], chapter: str, language: str) -> str:
    """Return the questions with their choices, as Markdown."""
    side = SIDE[language]
    earlier = sum(entry["of"] < chapter for entry in asked)
    heading = (HEADING if earlier else ALL_OWN)[language]
    parts = [heading.format(count=len(asked), earlier=earlier)]
    for k, entry in enumerate(asked, 1):
        choices = [f"   - **{x}** {entry[x][side]}" for x in LETTERS if x in entry]
        parts.append("\n".join([f"{k}. {entry['question'][side]}", *choices]))
    return "\n\n".join(parts)
