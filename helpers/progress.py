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
STATES = ("first", "later", "shown", "tried", "open")


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


# ---- The record of a chapter ----


def _checked(content: object, chapter: str) -> dict[str, dict]:
    """Return the answers in a file; an error where it is no record of this chapter."""
    if (content["format"], content["chapter"]) != (FORMAT, chapter):
        raise ValueError("of another format or chapter")
    for entry in content["answers"].values():
        good = all(
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


# ---- Where the reader stands ----


def summary(titles: Titles) -> dict[str, dict[str, list[str]]]:
    """Return the numbers of each chapter by state: first, later, shown, tried, open."""
    found = {}
    for chapter, asked in titles.items():
        facts = book(chapter).facts()
        found[chapter] = {state: [] for state in STATES}
        for number in asked:
            found[chapter][facts.get(number, Facts()).state].append(number)
    return found


def way_on(states: Mapping[str, Mapping[str, list[str]]], after: str) -> list[str]:
    """Return what comes next, seen from a chapter: numbers open in it, then a chapter.

    The chapter is the next that has something open.
    """
    later = [c for c in states if c > after and states[c]["open"]]
    return [*states[after]["open"][:1], *later[:1]]


WORDS = {
    "en": {
        "chapter": "Chapter {}",
        "recall": "recall {}",
        "none": "not begun",
        "more": " ({})",
        "right": "{} of {} right",
        "first": "{} at the first try",
        "shown": "answers shown: {}",
        "tried": "not right yet: {}",
        "open": "open: {}",
        "later": "right at try {}",
        "was_shown": "the answer was shown",
        "was_tried": "tries so far: {}",
        "again": "Take up again:",
        "way_on": "The way on: {}",
        "then": ", then ",
        "and": ", ",
        "end": "all is answered; tell someone about the chapter that you liked best",
        "command": "To open it: {}",
        "kept": "Kept in {}, on this machine only; nothing is sent. Delete that {} to "
        "begin anew. FUNDUS_PROGRESS=0, set before the start, keeps nothing.",
        "file": "file",
        "folder": "folder",
        "memory": "Kept in memory only, until the kernel ends; nothing is sent.",
    },
    "zh": {
        "chapter": "第 {} 章",
        "recall": "回想 {}",
        "none": "还没有开始",
        "more": "（{}）",
        "right": "{1} 题里答对 {0} 题",
        "first": "一次答对 {} 题",
        "shown": "看了答案 {} 题",
        "tried": "还没答对 {} 题",
        "open": "未作答 {} 题",
        "later": "第 {} 次答对",
        "was_shown": "看了答案",
        "was_tried": "试了 {} 次",
        "again": "值得再做的题：",
        "way_on": "下一步：{}",
        "then": " → ",
        "and": "，",
        "end": "全部答完了；挑最喜欢的一章，讲给别人听",
        "command": "打开它：{}",
        "kept": "记录在 {}，只在这台电脑上，不会发送到任何地方。"
        "想重新开始，删掉这个{}；不想留记录，启动前设 FUNDUS_PROGRESS=0。",
        "file": "文件",
        "folder": "文件夹",
        "memory": "记录只在内存里，内核结束就没有了；不会发送到任何地方。",
    },
}


def label(number: str, language: str) -> str:
    """Return a number as the text has it: "4.1", or "recall 1" for "04.r1"."""
    chapter, _, rest = number.partition(".")
    if rest.startswith("r"):
        return WORDS[language]["recall"].format(rest[1:])
    return f"{chapter.lstrip('0')}.{rest}"


def _named(number: str, title: Words, language: str) -> str:
    text = title[language == "zh"]
    return f"{label(number, language)} {text if len(text) < 64 else text[:62] + '…'}"


def _counts(states: Mapping[str, list[str]], words: Mapping[str, str]) -> str:
    """Return how a chapter stands, in one line."""
    number = {state: len(states[state]) for state in STATES}
    every = sum(number.values())
    if number["open"] == every:
        return words["none"]
    parts = [words["right"].format(number["first"] + number["later"], every)]
    parts += [words["first"].format(number["first"])] if number["first"] else []
    rest = ("shown", "tried", "open")
    parts += [words[state].format(number[state]) for state in rest if number[state]]
    return words["and"].join(parts)


def _step(step: str, titles: Titles, language: str) -> str:
    """Return a step of the way on in words: a question by its title, or a chapter."""
    if "." in step:
        return _named(step, titles[step[:2]][step], language)
    return WORDS[language]["chapter"].format(step)


def report(titles: Titles, chapter: str = "", language: str | None = None) -> str:
    """Return the text that says where the reader stands, in one chapter or in all.

    ``titles`` are those of all chapters: the way on leads through them.
    """
    language = language or places.language()
    words, states = WORDS[language], summary(titles)
    begun = [c for c in states if len(states[c]["open"]) < len(titles[c])]
    lines = []
    for name in [chapter] if chapter else states:
        head = words["chapter"].format(name)
        lines.append(f"{head}  {_counts(states[name], words)}")
    if chapter:
        facts = book(chapter).facts()
        for number, title in titles[chapter].items():
            known = facts.get(number, Facts())
            lines.append(_line(known, _named(number, title, language), words))
    else:
        again = [
            (name, number)
            for name in begun
            for number in titles[name]
            if number in states[name]["shown"] + states[name]["tried"]
        ]
        lines += ["", words["again"]] if again else []
        lines += [
            f"  {words['chapter'].format(name)}  "
            f"{_named(number, titles[name][number], language)}"
            for name, number in again
        ]
    here = chapter or (begun[-1] if begun else min(states))
    steps = way_on(states, here) if chapter or begun else [here]
    way = words["then"].join(_step(step, titles, language) for step in steps)
    lines += ["", words["way_on"].format(way or words["end"])]
    if steps and not chapter:
        command = f"{places.COMMAND} open {steps[0][:2]}"
        lines.append(words["command"].format(command))
    return "\n".join([*lines, _kept(chapter, words)])


def _line(facts: Facts, name: str, words: Mapping[str, str]) -> str:
    """Return a line about one question."""
    mark, more = {
        "first": ("OK ", ""),
        "later": ("OK ", words["later"].format(facts.right)),
        "shown": ("no ", words["was_shown"]),
        "tried": ("no ", words["was_tried"].format(facts.tries)),
        "open": (" ? ", ""),
    }[facts.state]
    return f"  [{mark}] {name}" + (words["more"].format(more) if more else "")


def _kept(chapter: str, words: Mapping[str, str]) -> str:
    """Say where the record is, and how to do without."""
    path = book(chapter).path if chapter else places.keeps_progress() and folder()
    if not path:
        return words["memory"]
    return words["kept"].format(path, words["file" if chapter else "folder"])
