"""Code of a chapter as the reader gets it: set-up cell, definitions, numbers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .address import course_address

TITLE = {"en": "Set-up: run me first", "zh": "准备：请先运行这一格"}
SETUP_STUB = "from helpers import lesson\n\ncourse = lesson.start()"
SOLUTION = re.compile(r"^\{\{solution (.*)\}\}$", re.M)
MAX_CELL, MAX_PASTED = 40, 60


def setup_cell(root: Path, language: str = "en") -> str:
    """Return the set-up cell of a language, with the published address in it."""
    address, tag = course_address(root)
    text = (root / "notebooks/src/setup_cell.py").read_text("utf-8").rstrip("\n")
    line = f'ADDRESS, TAG = "{address}", "{tag}"'
    text = re.sub(r"(?m)^ADDRESS, TAG = .*$", line, text)
    if language == "zh":
        text = text.replace(TITLE["en"], TITLE["zh"], 1)
        text = text.replace("lesson.start()", 'lesson.start("zh")')
    return text


def definition(root: Path, module: str, name: str) -> str:
    """Return the source of one function or class of the package."""
    text = (root / (module.replace(".", "/") + ".py")).read_text("utf-8")
    for node in ast.parse(text).body:
        if getattr(node, "name", None) == name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise ValueError(f"{module} defines no {name}")


def with_definitions(root: Path, source: str) -> str:
    """Turn `from helpers.x import A, B` lines into the definitions themselves."""
    parts = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ImportFrom) or not node.module:
            raise ValueError("a show-source cell holds only `from helpers.x import A`")
        found = [definition(root, node.module, alias.name) for alias in node.names]
        for alias, text in zip(node.names, found, strict=True):
            if (lines := text.count("\n") + 1) > MAX_PASTED:
                raise ValueError(f"{alias.name} has {lines} lines, over {MAX_PASTED}")
        parts.append(f"# {node.module.replace('.', '/')}.py\n" + "\n\n\n".join(found))
    return "\n\n\n".join(parts)


def reference(root: Path, number: str) -> str:
    """Return the source of the function that solves an exercise, such as 08.3."""
    module = f"helpers.exercises.chapter_{number[:2]}"
    path = root / (module.replace(".", "/") + ".py")
    for node in ast.parse(path.read_text("utf-8")).body if path.exists() else []:
        match node:  # EXERCISES["08.3"] = Exercise("a title", its_reference, ...)
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value=key))],
                value=ast.Call(args=[_, ast.Name(id=name), *_]),
            ) if key == number:
                return definition(root, module, name)
    raise ValueError(f"{module} has no exercise {number} solved by a function")


def with_solutions(root: Path, text: str) -> str:
    """Put the function that solves it in place of each `{{solution 08.3}}`."""
    return SOLUTION.sub(lambda m: f"```python\n{reference(root, m[1])}\n```", text)


def numbered(source: str, number: str, title: str = "") -> str:
    """Put the cell's number on its first line, with its title if it has one."""
    return f"# @title {number} {title}\n{source}" if title else f"# {number}\n{source}"


def code_problems(source: str) -> list[str]:
    """Name what an authored code cell should not have."""
    problems, lines = [], source.splitlines()
    if re.match(r"#\s*@title", source):
        problems.append(
            'a title is the cell\'s title="..." or fold="...", and title_zh'
        )
    if len(lines) > MAX_CELL:
        problems.append(f"{len(lines)} lines, over {MAX_CELL}")
    if any(re.match(r"\s*[!%]", line) for line in lines):
        problems.append("a `!` or `%` line runs only in IPython")
    return problems
