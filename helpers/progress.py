"""The reader's own record: what was answered, and at which try. It is never sent.

One file a chapter in ``outputs/progress``; with FUNDUS_PROGRESS=0 it stays in memory.
Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from . import places, saving

Words = tuple[str, str]  # English, Chinese
Titles = Mapping[str, Mapping[str, Words]]  # what each chapter asks, by number

FORMAT = 1
PATIENCE = 2  # seconds to wait for another kernel, which needs a few thousandths
# What reading a file may raise that is damaged, or somebody else's.
DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class Facts(NamedTuple):
    """What became of one question."""

    tries: int = 0
    right: int = 0  # the try that was right before the answer was shown; 0: none
    shown: bool = False

    @property
    def state(self) -> str:
        """Return "first" or "later" (right), "shown", "tried" or "open"."""
        if self.right:
            return "first" if self.right == 1 else "later"
        return "shown" if self.shown else "tried" if self.tries else "open"


def order(number: str) -> tuple[str, bool, int]:
    """Return what sorts numbers as they come in a chapter: "04.2", "04.10", "04.r1"."""
    chapter, _, rest = number.partition(".")
    return chapter, rest.startswith("r"), int(rest.lstrip("r"))


# ---- The record of a chapter ----


def _checked(content: object, chapter: str) -> dict[str, dict]:
    """Return the answers in a file; an error where it is no record of this chapter."""
    if (content["format"], content["chapter"]) != (FORMAT, chapter):
        raise ValueError("of another format or chapter")
    for entry in content["answers"].values():
        good = isinstance(entry["tries"], list) and all(
            isinstance(a, str) and isinstance(r, bool) for a, r in entry["tries"]
        )
        if not good or type(entry["shown"]) not in (int, type(None)):
            raise ValueError("an answer is damaged")
    return content["answers"]


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one kernel at a time change a file; a lock left by a dead one is lifted."""
    lock, end = path.with_name(f".{path.name}.lock"), time.monotonic() + PATIENCE
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    while time.monotonic() < end:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            time.sleep(0.005)
        except OSError:  # writing will fail, too, and say why
            break
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()


class Book:
    """The record of one chapter; ``path`` None keeps it in memory.

    Other kernels may write the same file: it is read anew each time.
    """

    def __init__(self, chapter: str, path: Path | None):
        self.chapter, self.path = chapter, path
        self._answers: dict[str, dict] = {}
        self._news: list[Words] = []

    def note(self, number: str, answer: str, right: bool) -> None:
        """Note a try, unless it is the last one once more."""
        answer = answer.encode(errors="replace").decode()  # any text can be written
        if len(answer) > 200:  # a file stays small; the rest still tells two apart
            answer = answer[:180] + hashlib.sha256(answer.encode()).hexdigest()[:20]

        def change(entry: dict) -> None:
            if entry["tries"][-1:] != [[answer, bool(right)]]:
                entry["tries"].append([answer, bool(right)])

        self._change(number, change)

    def reveal(self, number: str) -> None:
        """Note that the answer was shown: a try after it is no longer the reader's."""

        def change(entry: dict) -> None:
            if entry["shown"] is None:
                entry["shown"] = len(entry["tries"])

        self._change(number, change)

    def tries(self, number: str) -> list[tuple[str, bool]]:
        """Return the tries of a question: each answer, and whether it was right."""
        entry = self._read().get(number, {"tries": []})
        return [(answer, right) for answer, right in entry["tries"]]

    def facts(self) -> dict[str, Facts]:
        """Return what became of each question that was tried or shown."""
        found = {}
        for number, entry in self._read().items():
            own = [right for _, right in entry["tries"][: entry["shown"]]]
            right = own.index(True) + 1 if True in own else 0
            shown = entry["shown"] is not None
            found[number] = Facts(len(entry["tries"]), right, shown)
        return found

    def news(self, language: str | None = None) -> str:
        """Return once what the reader should know of a file that failed, or ""."""
        said, self._news = self._news, []
        chinese = (language or places.language()) == "zh"
        return "\n".join(words[chinese] for words in said)

    def _read(self) -> dict[str, dict]:
        """Return all answers, those of a damaged file left out."""
        with contextlib.suppress(*DAMAGED):
            return self._load()
        return {}

    def _load(self) -> dict[str, dict]:
        """Return all answers; an error where the file is damaged or not a record."""
        if self.path is None:
            return self._answers
        try:
            return _checked(json.loads(self.path.read_text("utf-8")), self.chapter)
        except FileNotFoundError:  # not begun, or taken away to begin anew
            return {}
        except OSError as error:
            self._give_up(error)
            return self._answers

    def _change(self, number: str, change: Callable[[dict], None]) -> None:
        """Change one entry in the file, or in memory where that fails."""
        with _alone(self.path) if self.path else contextlib.nullcontext():
            self._take_in()
            change(self._answers.setdefault(number, {"tries": [], "shown": None}))
            if not self.path:
                return
            facts = {"format": FORMAT, "chapter": self.chapter}
            try:
                saving.write_json(self.path, facts | {"answers": self._answers})
            except OSError as error:
                self._give_up(error)

    def _take_in(self) -> None:
        """Read what is there; a damaged or foreign file is given another name."""
        try:
            self._answers = self._load()
        except DAMAGED:
            self._answers = {}
            try:
                self._set_aside()
            except OSError as error:
                self._give_up(error)

    def _set_aside(self) -> None:
        """Give a file that is no record another name: it may be dear to someone."""
        other = self.path.with_name(
            f"{self.chapter}.damaged-{os.urandom(3).hex()}.json"
        )
        self.path.replace(other)
        self._news.append(
            (
                f"{self.path} could not be read as your record. It is kept as "
                f"{other.name}, and a new one is begun.",
                f"{self.path} 不是完好的学习记录，已改名为 {other.name} 保留，"
                "另起一份新的。",
            )
        )

    def _give_up(self, error: OSError) -> None:
        """Go on in memory."""
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        why, self.path = f"{self.path}: {reason}", None
        self._news.append(
            (
                f"Your answers stay in memory and end with the kernel ({why}).",
                f"你的回答只留在内存里，内核一结束就没有了（{why}）。",
            )
        )


_BOOKS: dict[tuple[str, Path | None], Book] = {}


def folder() -> Path:
    """Return the folder of the files."""
    return places.output_dir() / "progress"


def book(chapter: str) -> Book:
    """Return the record of a chapter, "04"; the same one in the whole kernel."""
    path = folder() / f"{chapter}.json" if places.keeps_progress() else None
    return _BOOKS.setdefault((chapter, path), Book(chapter, path))


def books() -> list[Book]:
    """Return the records of all chapters that were begun."""
    names = {path.stem for path in folder().glob("[0-9][0-9].json")}
    names |= {chapter for chapter, _ in _BOOKS}
    return [begun for name in sorted(names) if (begun := book(name)).facts()]
