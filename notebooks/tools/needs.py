"""Which code cells a section needs before it, by the names that cells bind and read.

What a cell changes in an object of another (`x.append`, a training step) is not seen
here; tests/test_sections.py finds that by running each section from its needs.
"""

from __future__ import annotations

import ast
import functools
import symtable
from collections.abc import Iterator


def names_of(table: symtable.SymbolTable) -> tuple[set, set]:
    """Return the names that a piece of code binds, and the global ones it reads."""
    symbols, is_outermost = table.get_symbols(), table.get_type() == "module"
    ways = ("is_assigned", "is_imported", "is_namespace")
    bound = {
        x.get_name()
        for x in symbols
        if is_outermost and any(getattr(x, way)() for way in ways)
    }
    read = {
        x.get_name()
        for x in symbols
        if x.is_referenced() and (is_outermost or x.is_global())
    }
    inner = [names_of(child)[1] for child in table.get_children()]
    return bound, read.union(*inner)


def names_in(node: ast.AST) -> tuple[set, set]:
    """Return the names that a statement or an expression binds and reads."""
    return names_of(symtable.symtable(ast.unparse(node), "cell", "exec"))


@functools.cache
def bound_and_free(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell binds, and those it takes from elsewhere.

    A name that the cell binds before it reads it, such as that of a loop, is its own.
    """
    bound, free = set(), set()
    for statement in ast.parse(source).body:
        made, read = names_in(statement)
        taken = read - made
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
            taken = read if statement.value is None else names_in(statement.value)[1]
            taken |= read - made  # x[i] = 0 reads x and i
        if isinstance(statement, ast.AugAssign):
            taken |= made
        free |= taken - bound
        bound |= made
    return bound, free


def needs(cells: list, wanted: set[int]) -> list[int]:
    """Return the cells that must run before those wanted, by position, in order.

    Parameters
    ----------
    cells : list
        All code cells of a chapter, the set-up first: it is always needed.
    wanted : set of int
        Positions of the cells to run.
    """
    names = [bound_and_free(cell.source) for cell in cells]
    found, open_ends = {0, *wanted}, [*wanted]
    while open_ends:
        cell = open_ends.pop()
        for name in names[cell][1]:
            makers = [k for k in range(cell) if name in names[k][0]]
            if makers and makers[-1] not in found:
                found.add(makers[-1])
                open_ends.append(makers[-1])
    return sorted(found - wanted)


def origins(cells: list) -> Iterator[str]:
    """Name what two cells make and another takes: to run one again changes it.

    `cells` are the code cells of a built chapter, without the set-up.
    """
    names = {c.metadata["number"]: bound_and_free(c.source) for c in cells}
    for name in sorted({name for bound, _ in names.values() for name in bound}):
        makers = [number for number, (bound, _) in names.items() if name in bound]
        readers = [number for number, (_, free) in names.items() if name in free]
        if len(makers) > 1 and readers:
            yield (
                f"{name} is made in {' and '.join(makers)}, and read in "
                f"{', '.join(readers)}: give each its own name"
            )
