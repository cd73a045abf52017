"""What the reader answered so far; kept in memory."""

from __future__ import annotations


class Book:
    """The answers of one chapter."""

    def __init__(self):
        self._tries, self._revealed = {}, set()

    def note(self, number: str, answer: str, right: bool) -> None:
        """Note a try, unless it is the last one again."""
        tries = self._tries.setdefault(number, [])
        if tries[-1:] != [(answer, right)]:
            tries.append((answer, right))

    def tries(self, number: str) -> list[tuple[str, bool]]:
        """Return the tries of a question: what was answered, and whether right."""
        return self._tries.get(number, [])

    def reveal(self, number: str) -> None:
        """Note that the answer was shown."""
        self._revealed.add(number)


_BOOKS: dict[str, Book] = {}


def book(chapter: str) -> Book:
    """Return the record of a chapter."""
    return _BOOKS.setdefault(chapter, Book())
