"""Questions and exercises that keep their secret: a hint first, the answer last.

What a chapter asks lies in helpers/exercises: ``chapter_04.py`` has QUESTIONS,
EXERCISES and CONTRACTS by number ("04.2"), ``chapter_04.toml`` the recall questions.
The functions here return the lines to show; ``lesson`` prints them.
"""

from __future__ import annotations

import ast
import copy
import dis
import functools
import importlib
import inspect
import math
import re
import tomllib
import traceback
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import progress
from .places import pick

Words = tuple[str, str]  # English, Chinese
FOLDER = Path(__file__).parent / "exercises"
RIGHT, WRONG, OPEN = "[OK ]", "[no ]", "[ ? ]"


@dataclass(frozen=True)
class Between:
    """A typical wrong answer that is a range: any number from ``low`` to ``high``."""

    low: float
    high: float


@dataclass(frozen=True)
class Question:
    """A question, answered by a value.

    ``answer``, and the values in ``mistakes`` and ``also``, are values or functions of
    what the cell hands over. ``mistakes`` pairs typical wrong answers with the hint
    that names them, ``also`` answers that are right in another way with a word on it.
    ``hints`` are for the first and the second wrong try; ``reason``, which comes with
    the answer, may hold ``{answer}``. ``known`` are strings in which the answer reads
    with DRIVE: none of them stands in the chapter before the cell that answers.
    ``offers`` are the words to choose from; another one is no try.
    """

    title: Words
    answer: object
    hints: tuple[Words, Words]
    reason: Words
    tolerance: float = 1e-3
    mistakes: tuple[tuple[object, Words], ...] = ()
    also: tuple[tuple[object, Words], ...] = ()
    known: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exercise:
    """A function to write, with its reference, its cases, and typical wrong functions.

    ``cases`` are tuples of arguments. A wrong function is recognised by its results:
    where the reader's agrees with it on all cases, its hint is given. Where a
    class is to be written, or more counts than the values, ``probe`` is called with the
    reader's and each case, and says what it does.
    """

    title: Words
    reference: Callable
    cases: tuple[tuple, ...]
    hint: Words
    mistakes: tuple[tuple[Callable, Words], ...] = ()
    tolerance: float = 1e-3
    probe: Callable | None = None

    def results(self, thing: Callable) -> list[_Outcome]:
        """Return what each case gives with a function, or with a class."""
        ask = functools.partial(self.probe, thing) if self.probe else thing
        return [_call(ask, case) for case in self.cases]


@dataclass(frozen=True)
class Contract:
    """A number that a chapter claims.

    ``value`` is the number, or a dict of numbers by data set; ``tolerance`` is
    absolute, or a dict by kind of device ("cpu", "cuda"). In other modes than ``modes``
    nothing is claimed.
    """

    title: Words
    value: object
    tolerance: float | dict[str, float] = 0.0
    modes: tuple[str, ...] = ("smoke", "lesson", "full")


@dataclass(frozen=True)
class Choice:
    """One answer to a recall question, and why it is right or wrong."""

    text: Words
    why: Words


@dataclass(frozen=True)
class Recall:
    """A question answered by a letter; ``of`` is the chapter whose matter it asks."""

    of: str
    question: Words
    right: str
    choices: dict[str, Choice]


# ---- Where they are ----


def chapters() -> list[str]:
    """List the chapters that ask something: "01", "02", ..."""
    return sorted(path.stem[-2:] for path in FOLDER.glob("chapter_[0-9][0-9].py"))


def _all(chapter: str, kind: str) -> dict:
    if chapter not in chapters():
        known = ", ".join(chapters())
        raise ValueError(f"there is no chapter {chapter!r}; there are {known}")
    module = importlib.import_module(f"helpers.exercises.chapter_{chapter}")
    return getattr(module, kind, {})


def find(number: str, kind: str):
    """Return what has this number in QUESTIONS, EXERCISES or CONTRACTS.

    ValueError names the numbers that are there, or the chapters.
    """
    there = _all(number[:2], kind)
    if number not in there:
        known = ", ".join(there) or "none"
        raise ValueError(f"{kind} has no {number!r}; chapter {number[:2]} has {known}")
    return there[number]


@functools.cache
def recalls(chapter: str) -> tuple[Recall, ...]:
    """Return the recall questions of a chapter."""
    path = FOLDER / f"chapter_{chapter}.toml"
    if not path.exists():
        return ()
    return tuple(
        Recall(
            of=entry["of"],
            question=tuple(entry["question"]),
            right=entry["right"],
            choices={
                letter: Choice(tuple(entry[letter][:2]), tuple(entry[letter][2:]))
                for letter in "abcd"
                if letter in entry
            },
        )
        for entry in tomllib.loads(path.read_text("utf-8"))["recall"]
    )


def titles(chapter: str) -> dict[str, Words]:
    """Return the title of all that a chapter asks, by number; recall is 04.r1 to r5."""
    asked = _all(chapter, "QUESTIONS") | _all(chapter, "EXERCISES")
    numbers = sorted(asked, key=progress.order)
    found = {number: asked[number].title for number in numbers}
    for k, recall in enumerate(recalls(chapter), 1):
        found[f"{chapter}.r{k}"] = recall.question
    return found


def all_titles() -> dict[str, dict[str, Words]]:
    """Return the titles of each chapter."""
    return {chapter: titles(chapter) for chapter in chapters()}


# ---- Is it the same? ----


def _read(mine, single: bool):
    """Return what a text says, if it is a number, a tuple, or True or False."""
    if not isinstance(mine, str):
        return mine
    text = _half_width(mine).strip(" '\"%").replace("_", "")
    if single:  # 1,990,921; but 0,7 is no number here
        text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    try:
        return ast.literal_eval(text)
    except Exception:  # of brackets alone there are many kinds
        return mine


def _half_width(text: str) -> str:
    """Return letters, digits and signs as they are, however they were typed."""
    return unicodedata.normalize("NFKC", text)


def _plain(word: str) -> str:
    return " ".join(_half_width(word).strip(" \t\n'\"‘’“”").casefold().split())


def same(mine, expected, tolerance: float = 1e-3) -> bool:
    """Compare an answer with the expected one; never raises.

    Numbers and arrays within ``tolerance``, relative and absolute, and a number may
    come as text; words but for case, quotes and spaces; tuples and lists item by item,
    sets in any order.
    """
    try:
        if isinstance(expected, str):
            return isinstance(mine, str) and _plain(mine) == _plain(expected)
        mine = _read(mine, not isinstance(expected, tuple | list | set | frozenset))
        if isinstance(expected, Between):
            return bool(expected.low <= mine <= expected.high)
        if expected is None:
            return mine is None
        if isinstance(expected, bool):
            return bool(mine == expected) or _plain(str(mine)) == _plain(str(expected))
        if isinstance(expected, set | frozenset):
            mine, expected = sorted(map(_plain, mine)), sorted(map(_plain, expected))
        if isinstance(expected, tuple | list):
            if isinstance(mine, str | set | dict):  # of letters, or without an order
                return False
            return len(mine) == len(expected) and all(
                same(a, b, tolerance) for a, b in zip(mine, expected, strict=True)
            )
        mine, expected = np.asarray(mine), np.asarray(expected)
        if mine.shape != expected.shape or mine.dtype.kind not in "biufc":
            return False
        return bool(np.allclose(mine, expected, rtol=tolerance, atol=tolerance))
    except Exception:  # whatever a reader returns is just not the same
        return False


def show(value) -> str:
    """Return a value as one short line; a fraction with four digits; never raises."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value):
        whole = value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else f"{value:.4g}"
    if isinstance(value, set | frozenset):  # in one order, whatever the hashes are
        return "{" + ", ".join(sorted(map(show, value))) + "}"
    if isinstance(value, tuple) and type(value) is tuple and len(value) < 10:
        inside = ", ".join(map(show, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if hasattr(value, "mode") and hasattr(value, "getdata"):  # a picture of Pillow's
        return f"picture of mode {value.mode}, {np.asarray(value).tolist()}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a reader's object may do anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 200 else text[:197] + "..."


# ---- What is said ----


def _head(mark: str, number: str, title: Words) -> str:
    return f"{mark} {number.lstrip('0')} {pick(title)}"


def _line(label: Words, text: str) -> str:
    return f"      {pick(label)}{text}"


COLON, BRACKETS = (": ", "："), (" ({})", "（{}）")
HINT, YOURS = ("Hint: ", "提示："), ("yours: ", "你的答案：")
ANSWER, EXPECTED = ("The answer: ", "答案："), ("expected: ", "应为：")
NOT_YET = (
    "No answer yet. Put yours in place of None and run the cell again.",
    "还没有回答。把 None 换成你的答案，再运行一次这个单元格。",
)


def _value(thing, given: tuple):
    return thing(*given) if callable(thing) else thing


_ASKED: dict[str, object] = {}  # the answers, as the cells of this kernel gave them


def _told(number: str) -> list[str]:
    """Return the answer and its reason."""
    answer, question = show(_ASKED[number]), find(number, "QUESTIONS")
    reason = pick(question.reason).replace("{answer}", answer)
    return [_line(ANSWER, answer), f"      {reason}"]


def ask(number: str, mine, given: tuple = ()) -> list[str]:
    """Judge an answer; return the lines to show.

    The first wrong try gets the hint that names its mistake, or a general one; the
    second a stronger one; the third the answer with its reason. None is no try, nor is
    the same answer once more, a word that is not offered, anything but a number for a
    number, or a number for several.
    """
    question = find(number, "QUESTIONS")
    answer = _ASKED[number] = _value(question.answer, given)
    if mine is None:
        return [_head(OPEN, number, question.title), f"      {pick(NOT_YET)}"]

    def fitting(pairs: Sequence[tuple[object, Words]]) -> Words | None:
        """Return the words that go with an answer like the reader's."""
        for value, words in pairs:
            if same(mine, _value(value, given), question.tolerance):
                return words
        return None

    right = same(mine, answer, question.tolerance)
    level = None if right else fitting(question.also)
    typical = fitting(question.mistakes)
    is_known = right or level or typical
    if not is_known and (problem := _misfit(mine, answer, question.offers)):
        lines = [_head(OPEN, number, question.title), _line(YOURS, show(mine))]
        return [*lines, f"      {problem}"]
    book = progress.book(number[:2])
    book.note(number, show(mine), bool(right or level))
    if right or level:
        lines = [_head(RIGHT, number, question.title), _line(YOURS, show(mine))]
        return lines + ([f"      {pick(level)}"] if level else []) + _told(number)
    lines = [_head(WRONG, number, question.title), _line(YOURS, show(mine))]
    tries = sum(not right for _, right in book.tries(number))
    if tries >= 3:
        book.reveal(number)
        return lines + _told(number)
    hints = [typical] if typical else []
    if tries == 2 or not typical:
        hints.append(question.hints[tries - 1])
    return lines + [_line(HINT, pick(words)) for words in hints]


def _misfit(mine, answer, offers: tuple[str, ...]) -> str | None:
    """Say what kind of answer is asked for, where this is none of that kind."""
    if offers and not any(same(mine, word) for word in offers):
        words = ", ".join(f'"{word}"' for word in offers)
        return pick((f"Please one of: {words}.", f"请从这些里选一个：{words}。"))
    if isinstance(answer, tuple | list):
        parts = _read(mine, single=False)
        count = len(parts) if isinstance(parts, tuple | list | np.ndarray) else 1
        if count != len(answer):
            english = f"{len(answer)} values in brackets are asked for."
            return pick((english, f"这里要填括号里的 {len(answer)} 个值。"))
    is_word = isinstance(answer, bool)
    if not is_word and _is_number(answer) and not _is_number(_read(mine, single=True)):
        return pick(("A number is asked for.", "这里要填一个数。"))
    return None


def _is_number(thing) -> bool:
    """Tell whether this is one number, of Python, NumPy or PyTorch."""
    single = isinstance(thing, int | float | complex) or getattr(thing, "ndim", 1) == 0
    return single and not isinstance(thing, str)


def reveal(number: str) -> list[str]:
    """Return the answer of a question and its reason; its cell must have run."""
    question = find(number, "QUESTIONS")
    if number not in _ASKED:
        return [
            _head(OPEN, number, question.title),
            "      "
            + pick(
                (
                    "Run the cell of the question first.",
                    "请先运行提出这个问题的单元格。",
                )
            ),
        ]
    progress.book(number[:2]).reveal(number)
    return [_head(OPEN, number, question.title), *_told(number)]


# ---- Exercises ----


@dataclass
class _Outcome:
    """What a call gave: a value or an error, and its arguments afterwards."""

    value: object
    error: Exception | None
    after: tuple


def _call(function: Callable, case: tuple) -> _Outcome:
    """Call a function on a copy of a case; an error counts as its message."""
    given = copy.deepcopy(case)
    try:
        return _Outcome(function(*given), None, given)
    except Exception as error:  # a reader's function may do anything
        return _Outcome(f"{type(error).__name__}: {error}", error, given)


def _is_skeleton(function: Callable) -> bool:
    """Tell whether a function does nothing but return None, or a class nothing."""
    if isinstance(function, type):
        return not {"__init__", "forward"} & vars(function).keys()
    names = ("RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP")
    code = getattr(function, "__code__", None)
    return code is not None and all(
        x.opname in names for x in dis.get_instructions(code)
    )


def _own_line(function: Callable, error: Exception) -> str | None:
    """Return the reader's own line in which an error arose."""
    if isinstance(function, type):
        function = vars(function).get("__init__") or vars(function).get("forward")
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if code and f.filename == code.co_filename and f.line]
    return own[-1].line if own else None


def _changed(mine: _Outcome, reference: _Outcome, names: Sequence[str]) -> str | None:
    """Name an argument that the reader's function changed, the reference not."""
    for name, after, proper in zip(names, mine.after, reference.after, strict=False):
        comparable = isinstance(proper, np.ndarray | list) or hasattr(proper, "detach")
        if comparable and not same(_numbers(after), _numbers(proper), 0):
            return name
    return None


def _numbers(value):
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def exercise(number: str, mine: Callable) -> tuple[list[str], Callable]:
    """Judge a reader's function; return the lines to show and the function to use.

    That is the reader's if it passes all cases, else the reference.
    """
    task = find(number, "EXERCISES")
    expected, got = task.results(task.reference), task.results(mine)
    wrong = [
        k
        for k, (a, b) in enumerate(zip(got, expected, strict=True))
        if not same(_numbers(a.value), _numbers(b.value), task.tolerance)
    ]
    silent = all(outcome.value is None for outcome in got)
    if wrong and (silent or isinstance(mine, type)) and _is_skeleton(mine):
        said = ("not written yet; the reference is used.", "还没有写；先用参考答案。")
        return [
            f"{_head(OPEN, number, task.title)}{pick(COLON)}{pick(said)}"
        ], task.reference
    names = list(inspect.signature(task.reference).parameters)
    hurt = next(
        filter(
            None, (_changed(a, b, names) for a, b in zip(got, expected, strict=True))
        ),
        None,
    )
    right = not wrong and hurt is None
    answers = "; ".join(show(outcome.value) for outcome in got)
    progress.book(number[:2]).note(number, answers[:300], right)
    if right:
        said = (
            "yours is right, and is used from here on.",
            "你写对了，下面就用你的。",
        )
        return [f"{_head(RIGHT, number, task.title)}{pick(COLON)}{pick(said)}"], mine
    said = (
        "not yet; the reference is used from here on.",
        "还不对；下面先用参考答案。",
    )
    lines = [f"{_head(WRONG, number, task.title)}{pick(COLON)}{pick(said)}"]
    return lines + _diagnosis(mine, task, got, expected, wrong, silent, hurt), (
        task.reference
    )


def _diagnosis(mine, task, got, expected, wrong, silent, hurt) -> list[str]:
    """Say what is wrong with a function, the most telling thing first."""
    if silent:
        said = (
            "It returned None: is `return` missing?",
            "它返回了 None：是不是漏了 `return`？",
        )
        return [f"      {pick(said)}"]
    if hurt is not None and not wrong:
        said = (
            "The result is right, but you changed {0} itself, which others still need. "
            "Make a copy first.",
            "结果是对的，但你改动了参数 {0} 本身，别处还要用它。先复制一份。",
        )
        return [f"      {pick(said).format(f'`{hurt}`')}"]
    first = wrong[0]
    lines = [
        _line(("input: ", "输入："), ", ".join(map(show, task.cases[first]))),
        _line(YOURS, got[first].value if got[first].error else show(got[first].value)),
        _line(EXPECTED, show(expected[first].value)),
    ]
    results = [_numbers(outcome.value) for outcome in got]
    for mistake, hint in task.mistakes:
        wanted = [_numbers(outcome.value) for outcome in task.results(mistake)]
        if same(results, wanted, task.tolerance):
            return [*lines, _line(HINT, pick(hint))]
    if error := got[first].error:
        own = _own_line(mine, error)
        label = ("your line: ", "出错的一行：")
        return [*lines, _line(label, own)] if own else lines
    return [*lines, _line(HINT, pick(task.hint))]


# ---- Numbers that a chapter claims ----


def contract(number: str, mine, dataset: str, mode: str, device: str) -> list[str]:
    """Compare a number with the one that is claimed; return the line to show."""
    claim = find(number, "CONTRACTS")
    value, tolerance = claim.value, claim.tolerance
    if isinstance(value, dict):
        value = value.get(dataset)
    if isinstance(tolerance, dict):
        tolerance = tolerance.get(device)
    title = pick(claim.title)
    if value is None or tolerance is None or mode not in claim.modes:
        said = ("nothing is claimed for this run", "这样运行，没有可比的数")
        line = f"{OPEN} {title}{pick(COLON)}{show(mine)}"
        return [line + pick(BRACKETS).format(pick(said))]
    good = _within(mine, value, tolerance)
    band = f" ± {tolerance:g}" if tolerance else ""
    line = f"{RIGHT if good else WRONG} {title}{pick(COLON)}{show(mine)}"
    return [line + pick(BRACKETS).format(f"{pick(EXPECTED)}{show(value)}{band}")]


def _within(mine, value, tolerance: float) -> bool:
    """Tell whether all numbers are within an absolute tolerance."""
    if not tolerance:
        return same(mine, value, 0)
    try:
        gap = np.abs(np.subtract(mine, value, dtype=float))
    except (TypeError, ValueError):
        return False
    is_one_each = np.shape(mine) == np.shape(value)
    return is_one_each and bool((gap <= tolerance * (1 + 1e-9)).all())


# ---- Recall ----


def recall(chapter: str, letters: str) -> list[str]:
    """Judge the letters given to the recall questions; ``?`` is no answer."""
    asked, lines = recalls(chapter), []
    typed = _half_width(letters).casefold()
    given = [letter for letter in typed if letter.isalnum() or letter == "?"]
    if len(given) != len(asked):
        said = (
            f"{len(asked)} letters are needed, one a question, such as 'bacda'; "
            f"? for one still open. These are {len(given)}.",
            f"需要 {len(asked)} 个字母，每题一个，例如 'bacda'；还没想好的写 ?。"
            f"现在有 {len(given)} 个。",
        )
        return [f"{OPEN} {pick(said)}"]
    book = progress.book(chapter)
    for k, (letter, question) in enumerate(zip(given, asked, strict=True), 1):
        if letter == "?":
            lines.append(f"{OPEN} {k}")
        elif letter not in question.choices:
            said = ("one of ", "请从中选一个：")
            line = f"{OPEN} {k} {letter}{pick(COLON)}{pick(said)}"
            lines.append(line + ", ".join(question.choices))
        else:
            right = letter == question.right
            book.note(f"{chapter}.r{k}", letter, right)
            why = pick(question.choices[letter].why)
            mark = RIGHT if right else WRONG
            lines.append(f"{mark} {k} {letter}{pick(COLON)}{why}")
    return lines
