"""Fill the numbers of pages and chapters from the measured runs in results/.

In a Markdown page a field holds its number, between comments that nobody sees:

    a Dice of <!--{drive_test.pooled.dice:.4f}-->0.8254<!--/-->

In the source of a chapter it stands for its number: {{drive_test.pooled.dice:.4f}}.
Here drive_test is results/drive_test.json. A dot or brackets lead to a key, to a place
in a list, to the row of a list that has this name, or to a column of the list;
+ - * /, abs, min, max, len and sum may be used; Python's format follows the last colon.
What is no file, a number such as {{minutes}}, is given by whoever fills.
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

PAGES = ("*.md", "results/*.md", "helpers/weights/*.md")
FIELD = re.compile(r"\{\{([^{}\n]+)\}\}")  # in a chapter
PLACE = re.compile(  # in a page: a field, a table, or one end without the other
    r"(?P<start><!--\{(?P<field>[^\n]+?)\}-->|<!-- table (?P<table>\w+) -->\n)"
    r"(?P<old>(?(field)[^<\n]*|(?:\|.*\n)*))"
    r"(?P<end>(?(field)<!--/-->|<!-- end -->))"
    r"|<!--\{|<!--/-->|<!-- table |<!-- end -->"
)
OPENS_A_LINE = re.compile(r"^\s*(?:(?:[-*+>]|\d+\.)\s+)*<!--\{", re.M)
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
FUNCTIONS = {"abs": abs, "min": min, "max": max, "len": len, "sum": sum}
TO = {"en": "to", "zh": "至"}


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
    given : dict, optional
        More names and their values, beside those of the files.
    """

    def __init__(self, root: Path, given: dict | None = None):
        self.folder, self.given = root / "results", given or {}
        self.read = functools.cache(self._read)

    def _read(self, name: str) -> object:
        if name in self.given:
            return self.given[name]
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
        if field in self.given:
            expression, form = field, ""
        elif not expression:
            raise ValueError(f"{{{field}}}: no such number; a field is what:format")
        try:
            value = self.evaluate(ast.parse(expression.strip(), mode="eval").body)
            return format(value, form)
        except (ArithmeticError, SyntaxError, TypeError, ValueError) as error:
            raise ValueError(f"{{{field}}}: {error}") from None

    def fill(self, text: str, say: Callable[[str], object] = lambda _: None) -> str:
        """Put numbers in place of a chapter's fields; say which stays, and why."""

        def fill(found: re.Match) -> str:
            try:
                return self.number(found[1])
            except ValueError as error:
                say(str(error))
                return found[0]

        return FIELD.sub(fill, text)

    def stale(self, text: str, shown: list[str]) -> Iterator[str]:
        """Name the fields of a chapter's text that a notebook shows otherwise.

        Parameters
        ----------
        text : str
            The text, with fields.
        shown : list of str
            The texts of the cells of a notebook that was built earlier.
        """
        literal = FIELD.split(text)[::2]
        pattern = re.compile(r"(\S+?)".join(map(re.escape, literal)))
        for found in filter(None, map(pattern.fullmatch, shown)):
            head = text.strip().splitlines()[0]
            for field, old in zip(FIELD.findall(text), found.groups(), strict=True):
                new = self.fill(f"{{{{{field}}}}}")
                if old != new:
                    yield f"{head[:50]!r}: {disagreement(f'{{{field}}}', old, new)}"

    def table(self, name: str, language: str) -> str:
        """Return the lines of a table that results/tables.toml declares."""
        path = self.folder / "tables.toml"
        tables = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        if name not in tables:
            raise ValueError(f"table {name}: results/tables.toml does not declare it")
        columns, rows = tables[name]["columns"], tables[name]["rows"]
        if missing := [part for part in (*columns, *rows) if language not in part]:
            raise ValueError(f"table {name}: no {language!r} in {missing[0]}")
        lines = [f"| | {' | '.join(column[language] for column in columns)} |"]
        lines.append("|" + "---|" * (1 + len(columns)))
        for row in rows:
            cells = [self.cell(row, column, language) for column in columns]
            lines.append(f"| {' | '.join([row[language], *cells])} |")
        return "".join(f"{line}\n" for line in lines)

    def cell(self, row: dict, column: dict, language: str) -> str:
        """Return a cell of a table: a number, its interval, or a word of the row."""
        if column["key"] in row.get("without", ()):
            return "-"
        if column["key"] in row.get("words", ()):
            return row["words"][column["key"]]
        value = self.number(f"{row['of']}.{column['key']}:{column['format']}")
        ends = column.get("interval_format", ".3f")
        if "interval" not in column:
            return value
        first = column.get("interval_at", 0)
        low, high = (
            self.number(f"{row['of']}.{column['interval']}[{k}]:{ends}")
            for k in (first, first + 1)
        )
        return f"{value} ({low} {TO[language]} {high})"


def disagreement(what: str, old: str, new: str) -> str:
    """Say what stands in a place, and what is measured."""
    return f"{what} says {old!r}, measured is {new!r}"


class Page:
    """A Markdown page: its text with the measured numbers, and what was wrong.

    Parameters
    ----------
    path : Path
        The page.
    name : str
        What to call it.
    numbers : Numbers
        What was measured.
    """

    def __init__(self, path: Path, name: str, numbers: Numbers):
        self.path, self.name, self.numbers, self.problems = path, name, numbers, []
        self.language = "zh" if name.endswith(".zh-CN.md") else "en"
        self.text = path.read_text("utf-8")
        for found in OPENS_A_LINE.finditer(self.text):
            self.say(found.end(), "a field opens the line: GitHub will not format it")
        self.filled = PLACE.sub(self.fill, self.text)

    def say(self, position: int, problem: str) -> None:
        """Note a problem and its line."""
        line = self.text.count("\n", 0, position) + 1
        self.problems.append(f"{self.name}:{line}: {problem}")

    def fill(self, found: re.Match) -> str:
        """Return a place as it should be; what cannot be filled stays."""
        if not found["end"]:
            self.say(found.start(), f"{found[0]!r} without its other end")
            return found[0]
        position, table = found.start("old"), found["table"]
        try:
            if table:
                new = self.numbers.table(table, self.language)
            else:
                new = self.numbers.number(found["field"])
        except ValueError as error:
            self.say(position, str(error))
            return found[0]
        what = f"table {table}" if table else f"{{{found['field']}}}"
        lines = (text.splitlines(keepends=True) for text in (found["old"], new))
        for old, now in zip_longest(*lines, fillvalue=""):
            if old != now:
                self.say(position, disagreement(what, old.rstrip(), now.rstrip()))
            position += len(old)
        return found["start"] + new + found["end"]


def pages(root: Path, given: dict) -> list[Page]:
    """Read the Markdown pages that may hold numbers."""
    numbers = Numbers(root, given)
    paths = [path for pattern in PAGES for path in sorted(root.glob(pattern))]
    return [Page(path, path.relative_to(root).as_posix(), numbers) for path in paths]


def check(root: Path, given: dict) -> list[str]:
    """Name each place of the pages that does not agree with what is measured."""
    return [problem for page in pages(root, given) for problem in page.problems]


def mend(root: Path, given: dict) -> list[str]:
    """Write the measured numbers into the pages; return what could not be filled."""
    for page in pages(root, given):
        page.path.write_text(page.filled, "utf-8", newline="\n")
    return check(root, given)
