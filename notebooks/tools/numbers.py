"""Fill the numbers of pages and chapters from the measured runs in results/.

In a Markdown page a field holds its number, between comments that nobody sees:

    a Dice of <!--{drive_test.pooled.dice:.4f}-->0.8254<!--/-->

In the source of a chapter it stands for its number: {{drive_test.pooled.dice:.4f}}.
Here drive_test is results/drive_test.json. A dot or brackets lead to a key, to a place
in a list, to the row of a list that has this name, or to a column of the list;
+ - * /, abs, min, max and len may be used; Python's format follows the last colon.
A table stands whole between <!-- table NAME --> and <!-- end -->, as
results/tables.toml declares it.
"""

from __future__ import annotations

import ast
import functools
import json
import operator
import re
import tomllib
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

PAGES = ("*.md", "results/*.md", "helpers/weights/*.md")
FIELD = re.compile(r"\{\{([^{}\n]+)\}\}")  # in a chapter
HELD = re.compile(  # in a page
    r"<!--\{(?P<field>[^\n]+?)\}-->(?P<number>[^<\n]*)<!--/-->"
    r"|<!-- table (?P<table>\w+) -->\n(?P<lines>(?:\|.*\n)*)<!-- end -->"
)
ONE_END = re.compile(r"<!--\{|<!--/-->|<!-- table |<!-- end -->")
OPENS_A_LINE = re.compile(r"^\s*(?:(?:[-*+>]|\d+\.)\s+)*<!--\{", re.M)
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
FUNCTIONS = {"abs": abs, "min": min, "max": max, "len": len}
TO = {"en": "to", "zh": "至"}


def fields(text: str) -> list[str]:
    """List the fields of a chapter's text."""
    return FIELD.findall(text)


def step(where: object, key: str | int) -> object:
    """Go from a part of a JSON file to the part in it that `key` names."""
    try:
        if isinstance(where, list) and isinstance(key, str):
            named = [row for row in where if key in (row.get("name"), row.get("what"))]
            return named[0] if len(named) == 1 else [row[key] for row in where]
        return where[key]
    except (AttributeError, LookupError, TypeError):
        raise ValueError(f"nothing there is called {key!r}") from None


class Numbers:
    """The measured numbers of a project.

    Parameters
    ----------
    root : Path
        Folder of the project; its results/ holds the JSON files and tables.toml.
    """

    def __init__(self, root: Path):
        self.folder = root / "results"
        self.read = functools.cache(self._read)

    def _read(self, name: str) -> object:
        path = self.folder / f"{name}.json"
        if not path.exists():
            raise ValueError(f"there is no results/{name}.json")
        return json.loads(path.read_text("utf-8"))

    def evaluate(self, node: ast.expr) -> object:
        """Return the value of a parsed expression, made of what is allowed only."""
        match node:
            case ast.Constant(value=int() | float() | str() as value):
                return value
            case ast.Name(id=name):
                return self.read(name)
            case ast.Attribute(value=where, attr=key):
                return step(self.evaluate(where), key)
            case ast.Subscript(value=where, slice=key):
                return step(self.evaluate(where), self.evaluate(key))
            case ast.UnaryOp(op=ast.USub(), operand=value):
                return -self.evaluate(value)
            case ast.BinOp(left=a, op=op, right=b) if type(op) in OPERATORS:
                return OPERATORS[type(op)](self.evaluate(a), self.evaluate(b))
            case ast.Call(func=ast.Name(id=name), args=values) if name in FUNCTIONS:
                return FUNCTIONS[name](*map(self.evaluate, values))
        raise ValueError(f"{ast.unparse(node)} is not allowed")

    def number(self, field: str) -> str:
        """Return the number of a field, EXPRESSION:FORMAT."""
        expression, _, form = field.rpartition(":")
        try:
            value = self.evaluate(ast.parse(expression.strip(), mode="eval").body)
            return format(value, form)
        except (ArithmeticError, SyntaxError, TypeError, ValueError) as error:
            raise ValueError(f"{{{field}}}: {error}") from None

    def fill(self, text: str) -> str:
        """Put numbers in place of a chapter's fields; a wrong field stays."""
        wrong = self.wrong(text)
        return FIELD.sub(lambda x: x[0] if x[1] in wrong else self.number(x[1]), text)

    def wrong(self, text: str) -> dict[str, str]:
        """Return the fields of a chapter's text that have no number, and why."""
        found = {}
        for field in fields(text):
            try:
                self.number(field)
            except ValueError as error:
                found[field] = str(error)
        return found

    def table(self, name: str, language: str) -> str:
        """Return the lines of a table that results/tables.toml declares."""
        path = self.folder / "tables.toml"
        tables = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        if name not in tables:
            raise ValueError("results/tables.toml does not declare it")
        columns, rows = tables[name]["columns"], tables[name]["rows"]
        if missing := [part for part in (*columns, *rows) if language not in part]:
            raise ValueError(f"no {language!r} in {missing[0]}")
        lines = [f"| | {' | '.join(column[language] for column in columns)} |"]
        lines.append("|" + "---|" * (1 + len(columns)))
        for row in rows:
            cells = [self.cell(row, column, language) for column in columns]
            lines.append(f"| {' | '.join([row[language], *cells])} |")
        return "".join(f"{line}\n" for line in lines)

    def cell(self, row: dict, column: dict, language: str) -> str:
        """Return a cell of a table: a number, with its interval if there is one."""
        if column["key"] in row.get("without", ()):
            return "-"
        value = self.number(f"{row['of']}.{column['key']}:{column['format']}")
        if "interval" not in column:
            return value
        ends = (f"{row['of']}.{column['interval']}[{k}]:.3f" for k in (0, 1))
        low, high = map(self.number, ends)
        return f"{value} ({low} {TO[language]} {high})"


# Pages


class Place(NamedTuple):
    """A place of a page that a number or a table belongs to."""

    start: int
    end: int
    what: str
    measured: Callable[[], str]


def places(text: str, numbers: Numbers, language: str) -> Iterator[Place]:
    """Find what a page holds."""
    for found in HELD.finditer(text):
        if name := found["table"]:
            measured = functools.partial(numbers.table, name, language)
            yield Place(*found.span("lines"), f"table {name}", measured)
        else:
            measured = functools.partial(numbers.number, found["field"])
            yield Place(*found.span("number"), f"{{{found['field']}}}", measured)


def line_of(text: str, position: int) -> int:
    """Return the number of the line, from 1."""
    return text.count("\n", 0, position) + 1


def malformed(text: str) -> Iterator[str]:
    """Name what would not be filled, or not shown as it should."""
    rest = HELD.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for found in ONE_END.finditer(rest):
        yield f"{line_of(text, found.start())}: {found[0]!r} without its other end"
    for found in OPENS_A_LINE.finditer(text):
        place = line_of(text, found.end())
        yield f"{place}: a field opens the line, which GitHub then leaves unformatted"


def differing(place: Place, stands: str, measured: str, line: int) -> Iterator[str]:
    """Name the lines of a place where something else stands than is measured."""
    pairs = zip_longest(stands.splitlines(), measured.splitlines(), fillvalue="")
    for number, (old, new) in enumerate(pairs, start=line):
        if old != new:
            yield f"{number}: {place.what} says {old!r}, measured is {new!r}"


def survey(root: Path, page: Path, numbers: Numbers) -> tuple[str, list, list]:
    """Return the page with true numbers, its faults, and what does not agree."""
    text = page.read_text("utf-8")
    language = "zh" if page.name.endswith(".zh-CN.md") else "en"
    name, parts, end = page.relative_to(root).as_posix(), [], 0
    faults, differences = list(malformed(text)), []
    for place in places(text, numbers, language):
        stands, line = text[place.start : place.end], line_of(text, place.start)
        try:
            measured = place.measured()
        except ValueError as error:
            faults.append(f"{line}: {place.what}: {error}")
            continue
        differences += differing(place, stands, measured, line)
        parts += [text[end : place.start], measured]
        end = place.end
    faults, differences = (
        [f"{name}:{line}" for line in lines] for lines in (faults, differences)
    )
    return "".join([*parts, text[end:]]), faults, differences


def pages(root: Path) -> list[Path]:
    """List the Markdown pages that may hold numbers."""
    return [page for pattern in PAGES for page in sorted(root.glob(pattern))]


def check(root: Path) -> list[str]:
    """Name each place of the pages that does not agree with results/."""
    numbers, problems = Numbers(root), []
    for page in pages(root):
        _, faults, differences = survey(root, page, numbers)
        problems += [*faults, *differences]
    return problems


def mend(root: Path) -> list[str]:
    """Write the measured numbers into the pages; return what could not be filled."""
    numbers, problems = Numbers(root), []
    for page in pages(root):
        text, faults, _ = survey(root, page, numbers)
        page.write_text(text, "utf-8", newline="\n")
        problems += faults
    return problems


# Notebooks


def stale(name: str, unfilled: dict, there: dict | None, numbers: Numbers) -> list[str]:
    """Name each number of a built notebook that is not the measured one.

    Parameters
    ----------
    name : str
        What to call the notebook.
    unfilled : dict
        The notebook as its source builds it, with fields.
    there : dict or None
        The notebook that was built earlier; None where there is none.
    """
    built = [cell["source"] for cell in (there or {"cells": []})["cells"]]
    problems = []
    for cell in unfilled["cells"]:
        literal = FIELD.split(cell["source"])[::2]
        pattern = re.compile(r"(\S+?)".join(map(re.escape, literal)), re.S)
        if len(literal) == 1 or cell["cell_type"] != "markdown":
            continue
        for found in filter(None, map(pattern.fullmatch, built)):
            head = cell["source"].strip().splitlines()[0]
            for field, old in zip(fields(cell["source"]), found.groups(), strict=True):
                new = numbers.fill("{{" + field + "}}")
                if old != new:
                    says = f"{{{field}}} says {old!r}, measured is {new!r}"
                    problems.append(f"{name}: {head[:50]!r}: {says}")
    return problems
