"""Where the reader stands: what is answered, what to take up again, the way on.

Said from the record that ``progress`` keeps. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import places
from .progress import Facts, Titles, Words, book, folder

STATES = ("first", "later", "shown", "tried", "open")


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
