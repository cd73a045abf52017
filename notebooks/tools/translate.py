"""Texts in two languages: pairs, what a translation must keep, the term list."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jupytext

from .numbers import FIELD

FENCE = re.compile(r"^```.*?^```", re.M | re.S)
SPAN = re.compile(r"`[^`\n]+`")
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.S)
NUMBERS = {  # how numbers are written in prose: what is wrong, what is right
    r"[\d}] %": "12.7%",
    r"\d ?x ?\d": "3×3, 572 × 572",
    r"(?<!× )\b\d × \d\b(?! ×)": "3×3, 572 × 572",
}
CHINESE_NUMBERS = {r"\d%? ?到 ?\d[\d.]*%": "9%～15%"}


def short_hash(text: str) -> str:
    """Return the first 8 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def kept(text: str) -> dict[str, list]:
    """List what a translation must not lose, kind by kind."""
    outside = FENCE.sub("", text)
    words = SPAN.sub("", outside)
    links = re.findall(r"\]\(([^)\s]+)|(?:src|href)=\"([^\"]+)\"", words)
    return {
        "code block": FENCE.findall(text),
        "code span": SPAN.findall(outside),
        "formula": FORMULA.findall(words),
        "link": [(a or b).split("#")[0] or "#" for a, b in links],
        "heading level": [f"h{len(h)}" for h in re.findall(r"^(#+) ", words, re.M)],
        "fold": re.findall(r"</?details>", words),
        "field": FIELD.findall(words),  # a measured number, the solution of an exercise
    }


def text_problems(cells: list, terms: Path) -> Iterator[tuple]:
    """Find texts that do not stand in pairs and translations that are not current.

    Parameters
    ----------
    cells : list
        The cells of a chapter's source.
    terms : Path
        The term list, notebooks/src/terms.md.

    Yields
    ------
    tuple
        A cell and what is wrong with it.
    """
    right, wrong = read_terms(terms)
    languages = [cell.metadata.get("lang") for cell in cells]
    for k, cell in enumerate(cells):
        if languages[k]:
            yield from ((cell, p) for p in number_problems(cell.source, languages[k]))
        if languages[k] == "en":
            if languages[k + 1 : k + 2] != ["zh"]:
                yield cell, "no Chinese cell after it"
        elif languages[k] == "zh":
            if k and languages[k - 1] == "en":
                yield from ((cell, p) for p in pair_problems(cells[k - 1], cell))
            else:
                yield cell, "no English cell before it"
            for word in wrong_words(cell.source, right, wrong):
                yield cell, f"do not use {word} (notebooks/src/terms.md)"
        elif cell.cell_type == "markdown" and "include" not in cell.metadata:
            yield cell, 'text without lang="en" or lang="zh"'


def number_problems(text: str, language: str) -> Iterator[str]:
    """Name numbers that are not written by the course's rule."""
    text = "\n".join(x for x in text.splitlines() if "图中文字" not in x)
    for pattern in (FENCE, SPAN, FORMULA, r"\]\([^)]*\)"):
        text = re.sub(pattern, " ", text)
    text = re.sub(r"(conv|pool) \dx\d", " ", text)  # names of arrows in figures
    rules = NUMBERS | (CHINESE_NUMBERS if language == "zh" else {})
    for pattern, right in rules.items():
        if found := re.search(pattern, text):
            yield f"write numbers as in {right}, not {found[0]!r}"


def pair_problems(english, chinese) -> Iterator[str]:
    """Name what the Chinese lost; more links, spans or formulas are fine."""
    today, of = short_hash(english.source), chinese.metadata.get("of")
    if of != today:
        yield f"translation of {of or 'nothing'}, English is {today}"
    en, zh = kept(english.source), kept(chinese.source)
    for kind in en:
        for thing in Counter(en[kind]) - Counter(zh[kind]):
            yield f"lost {kind} {thing}"
    if en["heading level"] != zh["heading level"]:
        yield f"heading levels {zh['heading level']}, not as in English"


def term_tables(path: Path) -> dict[str, list[dict[str, str]]]:
    """Read the term list's tables: by heading, a dict a row, its keys the columns."""
    found = {}
    for section in re.split(r"^## ", path.read_text("utf-8"), flags=re.M):
        heading, rows = (
            section.partition("\n")[0],
            re.findall(r"^\|.*\|$", section, re.M),
        )
        cells = [[cell.strip() for cell in row[1:-1].split("|")] for row in rows]
        if cells:
            found[heading] = [
                dict(zip(cells[0], row, strict=True)) for row in cells[2:]
            ]
    return found


def read_terms(path: Path) -> tuple[set[str], set[str]]:
    """Return (right words, words not to use) of the term list's tables."""
    right, wrong = set(), set()
    for row in (row for rows in term_tables(path).values() for row in rows):
        right |= {w.strip() for w in re.split(r"[；、()（）]\s*", row["中文"]) if w}
        if "mention once" not in row["note"]:
            wrong |= {w for w in re.split(r"[；、]\s*", row["do not use"]) if w != "-"}
    return right, wrong - {""}


def wrong_words(text: str, right: set[str], wrong: set[str]) -> list[str]:
    """Find words not to use in Chinese text, unless part of a right word."""
    for pattern in (FENCE, SPAN, FORMULA, r"\]\([^)]*\)"):
        text = re.sub(pattern, " ", text)
    found = []
    for word in sorted(wrong):
        rest = text
        for longer in sorted((r for r in right if word in r), key=len, reverse=True):
            rest = rest.replace(longer, " ")
        if word in rest:
            found.append(word)
    return found


def bless(path: Path) -> None:
    """Write into each Chinese cell's header the hash of the English before it.

    Whatever else the header says stays.
    """
    text = path.read_text("utf-8")
    cells = jupytext.reads(text, fmt="py:percent").cells
    hashes = (
        short_hash(english.source)
        for english, chinese in zip([cells[0], *cells], cells, strict=False)
        if chinese.metadata.get("lang") == "zh"
    )
    header = re.compile(r'^# %% \[markdown\] lang="zh".*$', re.M)
    bare = re.compile(r' of="\w*"')
    text = header.sub(lambda m: f'{bare.sub("", m[0])} of="{next(hashes)}"', text)
    path.write_text(text, "utf-8", newline="\n")


def chinese_links(text: str) -> str:
    """Point links relative to notebooks/ from notebooks/zh/; chapters stay Chinese."""

    def move(match: re.Match) -> str:
        target = match[2]
        if re.match(r"[a-z]+:|#|/", target) or re.match(r"[\w.]+\.ipynb", target):
            return match[0]
        return f"{match[1]}../{target}"

    return re.sub(r"(\]\(|src=\"|href=\")([^)\s\"]+)", move, text)
