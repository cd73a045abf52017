"""The texts in code: `# zh:` comments hold the Chinese version of a statement.

    print(f"{count} vessels")
    # zh: print(f"{count} 条血管")

The English notebook gets the first line, the Chinese one the second. Both are the same
code but for their texts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import groupby

CHINESE = re.compile(r"( *)# zh: ?(.*)")


def _pairs(source: str) -> Iterator[tuple[slice, slice, list[str]]]:
    """Yield a statement's lines, those of its `# zh:` comment, and the comment's code.

    A comment under no statement is left out, and all where the code has no syntax.
    """
    lines = source.splitlines()
    marked = (k for k, line in enumerate(lines) if CHINESE.fullmatch(line))
    runs = [
        [k for _, k in run]
        for _, run in groupby(enumerate(marked), lambda x: x[1] - x[0])
    ]
    if not runs:
        return
    try:
        tree = ast.parse(source)
    except SyntaxError:  # `problems` names it
        return
    statements = [n for n in ast.walk(tree) if isinstance(n, ast.stmt)]
    for run in runs:
        indent = CHINESE.fullmatch(lines[run[0]])[1]
        above = [
            n
            for n in statements
            if n.end_lineno == run[0] and n.col_offset == len(indent)
        ]
        if not above:
            continue
        code = [indent + CHINESE.fullmatch(lines[k])[2] for k in run]
        first = max(n.lineno for n in above) - 1
        yield slice(first, run[0]), slice(run[0], run[-1] + 1), code


def in_language(source: str, language: str) -> str:
    """Return the code of a cell as the notebook of one language has it."""
    lines = source.splitlines()
    for english, comment, chinese in reversed(list(_pairs(source))):
        if language == "zh":
            lines[english.start : comment.stop] = chinese
        else:
            del lines[comment]
    return "\n".join(lines)


class _Mask(ast.NodeTransformer):
    """Blanks the texts of a syntax tree; an f-string's expressions stay, sorted."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node):
        fields = [
            (
                self.visit(x.value),
                x.conversion,
                x.format_spec and ast.dump(x.format_spec),
            )
            for x in node.values
            if isinstance(x, ast.FormattedValue)
        ]
        if not fields:
            return ast.Constant("")
        dumps = sorted(f"{ast.dump(value)} {rest}" for value, *rest in fields)
        return ast.Tuple([ast.Constant(text) for text in dumps], ast.Load())


def masked(source: str) -> str:
    """Return the syntax tree of code without its texts: equal in both languages."""
    return ast.dump(_Mask().visit(ast.parse(source)))


def problems(source: str) -> list[str]:
    """Name what is wrong with the texts in the code of a cell."""
    found, pairs = [], list(_pairs(source))
    english, chinese = (in_language(source, language) for language in ("en", "zh"))
    try:
        tree, same = ast.parse(source), masked(english) == masked(chinese)
    except SyntaxError as error:
        return [f"{type(error).__name__} in its line {error.lineno}: {error.msg}"]
    if lost := [x for x in english.splitlines() if CHINESE.fullmatch(x)]:
        found.append(f"no statement ends right above {lost[0].strip()!r}")
    if not same:
        found.append("a `# zh:` statement differs from the English by more than texts")
    if re.search(r"\bplt\.show\(", source):
        found.append("figures.show(alt) shows a figure, with its alternative text")
    translated = {english.stop for english, _, _ in pairs}
    for node in ast.walk(tree):
        match node:
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(attr="show", value=ast.Name("figures"))
                )
            ):
                call = node.value
                empty = not call.args or getattr(call.args[0], "value", "text") == ""
                if empty or node.end_lineno not in translated:
                    found.append(
                        "figures.show needs an alternative text, and its `# zh:`"
                    )
    return found
