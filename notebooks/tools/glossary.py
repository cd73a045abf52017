"""The glossary, GLOSSARY.md and GLOSSARY.zh-CN.md, from the sentences in terms.md."""

from __future__ import annotations

import re
from pathlib import Path

from . import LANGUAGES, translate

TERMS = "notebooks/src/terms.md"
FILES = {"en": "GLOSSARY.md", "zh": "GLOSSARY.zh-CN.md"}
WORD = {"en": "English", "zh": "中文"}  # the columns of terms.md
SENTENCE = {"en": "in one sentence", "zh": "一句话"}
THEMES = {
    "The network": "网络",
    "The eye": "眼睛",
    "Data and pre-processing": "数据与预处理",
    "Augmentation and training": "数据增强与训练",
    "Evaluation": "评估",
}
HEAD = {
    "en": "# Glossary\n\nThe words of the course, each in one sentence, with the "
    "chapter that teaches it. [中文](GLOSSARY.zh-CN.md)\n\n"
    "| term | what it is | chapter |\n|---|---|---|\n",
    "zh": "# 术语表\n\n课程用到的术语，每个一句话，最后一列是讲到它的那一章。"
    "“d2l”是《动手学深度学习》的用词，“论文”是中文论文和博文常见的写法，"
    "与本课程相同的不再列出。[English](GLOSSARY.md)\n",
}
COLUMNS = "| 术语 | 英文 | 一句话 | d2l | 论文 | 章 |\n|---|---|---|---|---|---|\n"


def themes(root: Path) -> dict[str, list[dict[str, str]]]:
    """Return the terms with sentences, by the heading of their table."""
    tables = translate.term_tables(root / TERMS)
    return {
        name: rows
        for name, rows in tables.items()
        if rows and SENTENCE["en"] in rows[0]
    }


def words(row: dict[str, str], language: str) -> list[str]:
    """List the words for a term; the glossary shows the first."""
    return re.split(r", " if language == "en" else "；", row[WORD[language]])


def pages(root: Path) -> dict[Path, str]:
    """Return the text of the glossary in each language; none without sentences."""
    tables = themes(root)
    if not tables:
        return {}
    rows = sorted(
        (row for rows in tables.values() for row in rows),
        key=lambda row: row[WORD["en"]].lower(),
    )
    english = "".join(
        f"| {words(row, 'en')[0]} | {row[SENTENCE['en']]} | {link(root, row, 'en')} |\n"
        for row in rows
    )
    chinese = ""
    for name, rows in tables.items():
        chinese += f"\n## {THEMES.get(name, name)}\n\n{COLUMNS}"
        for row in rows:
            others = (row[column].strip("-") for column in ("d2l", "papers"))
            cells = [words(row, "zh")[0], words(row, "en")[0], row[SENTENCE["zh"]]]
            cells += [*others, link(root, row, "zh")]
            chinese += f"| {' | '.join(cells)} |\n"
    texts = {"en": english, "zh": chinese}
    return {root / FILES[x]: HEAD[x] + text for x, text in texts.items()}


def link(root: Path, row: dict[str, str], language: str) -> str:
    """Link to the chapter that teaches a term; its bare number if there is none."""
    for path in (root / "notebooks/src").glob(f"{row['in']}_*.py"):
        return f"[{row['in']}]({LANGUAGES[language]}/{path.stem}.ipynb)"
    return row["in"]


def problems(root: Path) -> list[str]:
    """Name what the sentences of terms.md lack."""
    found, seen = [], set()
    right_and_wrong = translate.read_terms(root / TERMS)
    for row in (row for rows in themes(root).values() for row in rows):
        term = words(row, "en")[0]
        for column in SENTENCE.values():
            if not re.fullmatch(r".*[.。？?]", row[column]):
                found.append(f"{term}: no sentence under {column!r}")
        for word in translate.wrong_words(row[SENTENCE["zh"]], *right_and_wrong):
            found.append(f"{term}: do not use {word}")
        if "[" not in link(root, row, "en"):
            found.append(f"{term}: there is no chapter {row['in']!r}")
        if term in seen:
            found.append(f"{term} stands there twice")
        seen.add(term)
    return [f"{TERMS}: {problem}" for problem in found]


def check(root: Path) -> list[str]:
    """List the problems of the term list, and pages that are not made from it."""
    return problems(root) + [
        f"{path.name} is not what {TERMS} builds: python -m notebooks.tools.build"
        for path, text in pages(root).items()
        if not path.exists() or path.read_text("utf-8") != text
    ]


def write(root: Path) -> list[str]:
    """Write the pages; return the problems of the term list."""
    for path, text in pages(root).items():
        path.write_text(text, "utf-8", newline="\n")
    return problems(root)
