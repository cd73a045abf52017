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


def short_hash(text: str) -> str:
    """Return the first 8 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def kept(text: str) -> dict[str, list]:
    """List what a translation must not lose, kind by kind."""
    fences = FENCE.findall(text)
    text = FENCE.sub("", text)
    spans = re.findall(r"`[^`\n]+`", text)
    text = re.sub(r"`[^`\n]+`", "", text)
    links = re.findall(r"\]\(([^)\s]+)|(?:src|href)=\"([^\"]+)\"", text)
    return {
        "code block": fences,
        "code span": spans,
        "formula": re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", text, re.S),
        "link": [(a or b).split("#")[0] or "#" for a, b in links],
        "heading level": [f"h{len(h)}" for h in re.findall(r"^(#+) ", text, re.M)],
        "fold": re.findall(r"</?details>", text),
        "field": FIELD.findall(text),  # a measured number, the solution of an exercise
    }


def translation_problems(english: str, chinese: str) -> list[str]:
    """Name what the Chinese text lost; more links, spans or formulas are fine."""
    problems, en, zh = [], kept(english), kept(chinese)
    for kind in en:
        lost = Counter(en[kind]) - Counter(zh[kind])
        problems += [f"lost {kind} {thing}" for thing in lost]
    if en["heading level"] != zh["heading level"] and not problems:
        problems.append(f"heading levels {zh['heading level']}, not as in English")
    return problems


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
        if languages[k] == "en" and languages[k + 1 : k + 2] != ["zh"]:
            yield cell, "no Chinese cell after it"
        elif languages[k] == "zh":
            if k and languages[k - 1] == "en":
                yield from ((cell, p) for p in pair_problems(cells[k - 1], cell))
            else:
                yield cell, "no English cell before it"
            for word in wrong_words(cell.source, right, wrong):
                yield cell, f"do not use {word} (notebooks/src/terms.md)"
        elif cell.cell_type == "markdown" and not {"lang", "include"} & {
            *cell.metadata
        }:
            yield cell, 'text without lang="en" or lang="zh"'


def pair_problems(english, chinese) -> list[str]:
    """Name what is wrong with a translation of the English before it."""
    today, of = short_hash(english.source), chinese.metadata.get("of")
    stale = [f"translation of {of or 'nothing'}, English is {today}"]
    lost = translation_problems(english.source, chinese.source)
    return (stale if of != today else []) + lost


def read_terms(path: Path) -> tuple[set[str], set[str]]:
    """Return (right words, words not to use) of the term list's tables."""
    right, wrong = set(), set()
    for line in path.read_text("utf-8").splitlines():
        columns = [column.strip() for column in line.strip().split("|")[1:-1]]
        if len(columns) != 4 or columns[1] == "中文" or columns[1].startswith("--"):
            continue
        right |= {w.strip() for w in re.split(r"[；、()（）]\s*", columns[1]) if w}
        if "mention once" not in columns[3]:
            wrong |= {w for w in re.split(r"[；、]\s*", columns[2]) if w != "-"}
    return right, wrong - {""}


def wrong_words(text: str, right: set[str], wrong: set[str]) -> list[str]:
    """Find words not to use in Chinese text, unless part of a right word."""
    text = re.sub(
        r"^```.*?^```|`[^`\n]+`|\]\([^)]*\)|\$[^$]+\$", " ", text, flags=re.M | re.S
    )
    found = []
    for word in sorted(wrong):
        rest = text
        for longer in sorted((r for r in right if word in r), key=len, reverse=True):
            rest = rest.replace(longer, " ")
        if word in rest:
            found.append(word)
    return found


def bless(path: Path) -> None:
    """Write into each Chinese cell's header the hash of the English before it."""
    text = path.read_text("utf-8")
    hashes, english = [], None
    for cell in jupytext.reads(text, fmt="py:percent").cells:
        if cell.metadata.get("lang") == "en":
            english = cell.source
        elif cell.metadata.get("lang") == "zh":
            hashes.append(short_hash(english or ""))
    header = re.compile(r'^# %% \[markdown\] lang="zh".*$', re.M)
    values = iter(hashes)
    text = header.sub(lambda _: f'# %% [markdown] lang="zh" of="{next(values)}"', text)
    path.write_text(text, "utf-8", newline="\n")


def chinese_links(text: str) -> str:
    """Point links relative to notebooks/ from notebooks/zh/; chapters stay Chinese."""

    def move(match: re.Match) -> str:
        target = match[2]
        if re.match(r"[a-z]+:|#|/", target) or re.match(r"[\w.]+\.ipynb", target):
            return match[0]
        return f"{match[1]}../{target}"

    return re.sub(r"(\]\(|src=\"|href=\")([^)\s\"]+)", move, text)
