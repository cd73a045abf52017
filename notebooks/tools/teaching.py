"""TEACHING.md and TEACHING.zh-CN.md: how to hold lessons with the chapters.

Written from notebooks/src/teaching: `course.en.md` and `course.zh.md` are the common
part, `routes.toml` the lessons, `NN.toml` what a chapter's teacher should know.
Minutes, cells and what a section needs are those of the chapters' sources.
`{cell:WORD}` is the number of the first code cell that holds WORD; outside a chapter's
own page its chapter stands before it, `{cell:04:WORD}`.
"""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from . import SIDE, minutes, needs
from .localise import in_language

PAGES = {"en": "TEACHING.md", "zh": "TEACHING.zh-CN.md"}
CELL = re.compile(r"\{cell:(?:(\d\d):)?([^}\n]+)\}")
LISTS = {  # of a chapter's file: heading in English, in Chinese, how many
    "skip": ("What to leave out if time is short", "时间不够时跳过什么", None),
    "wrong": ("What goes wrong, and the remedy", "容易出什么问题，怎么办", None),
    "aloud": ("Three questions to ask aloud", "课堂上问的三个问题", 3),
    "homework": ("Homework", "课后作业", None),
}
WORDS = {  # English, Chinese
    "head": ("Aims and set-up", "目标与准备"),
    "minutes": ("min", "分钟"),
    "section": ("section", "小节"),
    "cells": ("cells", "单元格"),
    "needs": ("run first, beside the set-up", "除准备单元格外，先运行"),
    "asks": ("questions and exercises", "问题与练习"),
    "part": ("part", "内容"),
    "sum": ("together", "合计"),
    "all": ("all", "整章"),
    "but": ("without", "不含"),
    "prepare": ("Prepare:", "课前："),
    "leave": ("If time runs short:", "时间不够："),
    "homework": ("Homework:", "作业："),
    "ticket": ("Ticket:", "反馈单："),
    "time": (
        "{sum} minutes to read and try, {left} left of {limit}.",
        "阅读和练习 {sum} 分钟，{limit} 分钟里还剩 {left} 分钟。",
    ),
    "reading": ("{} minutes to read and try", "阅读和练习 {} 分钟"),
    "computing": ("{} to compute", "计算 {} 分钟"),
    "open": ("[The notebook]({})", "[打开这一章]({})"),
}
FOR_LESSON = ("prepare", "leave", "homework")  # what a lesson may say, in this order


def span(numbers: list[str]) -> str:
    """Write cell numbers shortly: "[04-01] to" becomes a dash between neighbours."""
    runs: list[list[str]] = []
    for number in numbers:
        last = runs[-1][-1] if runs else ""
        if last and int(last[4:6]) + 1 == int(number[4:6]):
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


class Lessons:
    """All that the pages say, read and checked.

    Parameters
    ----------
    root : Path
        Folder of the project.
    chapters : list of build.Chapter
        All chapters.
    """

    def __init__(self, root: Path, chapters: list):
        self.root, self.folder = root, root / "notebooks/src/teaching"
        self.chapters = {chapter.path.name[:2]: chapter for chapter in chapters}
        self.sections = {
            number: minutes.sections(chapter.cells)
            for number, chapter in self.chapters.items()
        }
        self.code = {
            number: [cell for cell in chapter.cells if cell.cell_type == "code"]
            for number, chapter in self.chapters.items()
        }
        self.computing = minutes.computing(root)
        self.problems: list[str] = []

    def say(self, problem: str) -> None:
        """Note a problem once, though each language meets it."""
        if problem not in self.problems:
            self.problems.append(problem)

    # What the chapters hold

    def numbers(self, section: minutes.Section) -> list[str]:
        """Return the numbers of a section's code cells; the set-up has none."""
        found = (cell.metadata.get("number") for cell in section.cells)
        return [number for number in found if number]

    def needed(self, chapter: str, numbers: list[str]) -> list[str]:
        """Return the numbers of the cells that must run before these."""
        code = self.code.get(chapter, [])
        wanted = {
            k for k, cell in enumerate(code) if cell.metadata.get("number") in numbers
        }
        first = needs.needs(code, wanted) if wanted else []
        return [code[k].metadata["number"] for k in first if k]

    @functools.cached_property
    def titles(self) -> dict[str, tuple[str, str]]:
        """Return the titles of all questions and exercises, read without an import."""
        found = {}
        for path in sorted(self.root.glob("helpers/exercises/chapter_*.py")):
            for node in ast.parse(path.read_text("utf-8")).body:
                match node:  # EXERCISES["04.3"] = Exercise(("title", "题目"), ...)
                    case ast.Assign(
                        targets=[ast.Subscript(slice=ast.Constant(value=number))],
                        value=ast.Call(args=[ast.Tuple() as title, *_]),
                    ):
                        found[number] = ast.literal_eval(title)
        return found

    def asked(self, section: minutes.Section, side: int) -> str:
        """List what a section asks, by number and title."""
        code = "\n".join(c.source for c in section.cells if c.cell_type == "code")
        numbers = re.findall(r'lesson\.(?:ask|exercise)\(\s*"(\d\d\.\d+)"', code)
        shown = [(n, self.titles.get(n, ("", ""))[side]) for n in numbers]
        named = [f"{n.lstrip('0')} {title}".strip() for n, title in shown]
        return ("; ", "；")[side].join(named)

    # Text

    def cells_named(self, text: str, chapter: str, where: str) -> str:
        """Put the numbers of cells in place of `{cell:WORD}`."""

        def number(found: re.Match) -> str:
            for cell in self.code.get(found[1] or chapter, [])[1:]:
                if found[2] in in_language(cell.source, "en"):
                    return cell.metadata["number"]
            self.say(f"{where}: no code cell holds {found[2]!r}")
            return found[0]

        return CELL.sub(number, text)

    def read(self, name: str) -> dict:
        """Read a TOML file of the folder; one that is missing is a problem."""
        path = self.folder / name
        try:
            return tomllib.loads(path.read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            self.say(f"notebooks/src/teaching/{name}: {error}")
            return {}

    def page(self, language: str) -> str:
        """Return the page of a language."""
        side, name = SIDE[language], f"course.{language}.md"
        text = (self.folder / name).read_text("utf-8")
        text = self.cells_named(text, "", name)
        fill = {
            "{rates}": rates(side),
            "{routes}": "\n".join(self.routes(side)).strip(),
            "{chapters}": "\n".join(
                line
                for number in self.chapters
                for line in self.chapter(number, language)
            ).strip(),
        }
        for place, lines in fill.items():
            text = text.replace(place, lines)
        return text

    # Routes

    def taken(self, lesson: dict) -> Iterator[tuple[str, str, list, list]]:
        """Yield chapter, title, sections and those left out, for each part of a lesson.

        A part is "04", the whole chapter but for what `without` lists, or one section,
        "04: One pixel to the right", which has a title.
        """
        without = list(map(chapter_and_section, lesson.get("without", [])))
        for number, title in map(chapter_and_section, lesson["parts"]):
            if number not in self.sections:
                self.say(f"routes.toml: there is no chapter {number!r}")
            there = self.sections.get(number, [])
            named = [title] if title else [x for of, x in without if of == number]
            for unknown in set(named) - {section.title[0] for section in there}:
                self.say(f"routes.toml: chapter {number} has no section {unknown!r}")
            those = [section for section in there if section.title[0] in named]
            others = [section for section in there if section.title[0] not in named]
            yield number, title, *((those, []) if title else (others, those))

    def routes(self, side: int) -> Iterator[str]:
        """Yield the lines of all routes, lesson by lesson."""
        for route in self.read("routes.toml").get("route", []):
            yield from (f"### {route['title'][side]}", "", route["about"][side], "")
            for lesson in route["lesson"]:
                yield from self.lesson(lesson, side)

    def lesson(self, lesson: dict, side: int) -> Iterator[str]:
        """Yield the lines of a lesson; a sum over its limit is a problem."""
        rows, total, done = [], 0, {}
        for number, title, sections, left_out in self.taken(lesson):
            what = sections[0].title[side] if title and sections else WORDS["all"][side]
            if left_out:
                names = ("; ", "、")[side].join(x.title[side] for x in left_out)
                but = WORDS["but"][side]
                what += (f", {but}: {names}", f"，{but}：{names}")[side]
            if number not in done:  # each chapter begins with its head, the set-up
                done[number] = []
                if title:
                    sections = [*self.sections.get(number, [])[:1], *sections]
            cells = [n for section in sections for n in self.numbers(section)]
            first = [n for n in self.needed(number, cells) if n not in done[number]]
            done[number] += [*first, *cells]
            cost = sum(section.minutes for section in sections)
            total += cost
            rows.append([f"{number} {what}", cost, span(cells), span(first)])
        limit = lesson["limit"]
        if total > limit:
            self.say(
                f"routes.toml: {lesson['title'][0]!r} takes {total} minutes, and "
                f"{limit} are there: take a section out"
            )
        names = [WORDS[x][side] for x in ("part", "minutes", "cells", "needs")]
        yield from (f"#### {lesson['title'][side]}", "")
        time = WORDS["time"][side].format(sum=total, left=limit - total, limit=limit)
        yield from (time, "")
        yield from table(names, [*rows, [WORDS["sum"][side], total, "", ""]])
        told = {key: lesson[key][side] for key in FOR_LESSON if key in lesson}
        if lesson.get("ticket", True) and done:
            *_, last = self.code[rows[-1][0][:2]]
            told["ticket"] = last.metadata["number"]
        for key, words in told.items():
            named = self.cells_named(words, "", "routes.toml")
            yield from ("", f"**{WORDS[key][side]}** {named}")
        yield ""

    # Chapters

    def chapter(self, number: str, language: str) -> Iterator[str]:
        """Yield the lines of a chapter's page."""
        side, chapter = SIDE[language], self.chapters[number]
        title = re.match(r"# (.+)", self.texts(number, language)[0])
        told = self.read(f"{number}.toml")
        for problem in faults(told):
            self.say(f"notebooks/src/teaching/{number}.toml: {problem}")
        yield from (f"### {title[1] if title else number}", "")
        if "summary" in told:
            yield from (self.entry(told["summary"], side, number), "")
        path = chapter.built(language).relative_to(self.root).as_posix()
        total = sum(section.minutes for section in self.sections[number])
        parts = [WORDS["reading"][side].format(total)]
        if number in self.computing:
            parts.append(WORDS["computing"][side].format(self.computing[number]))
        sentence = (", ", "，")[side].join(parts) + (". ", "。")[side]
        yield sentence + WORDS["open"][side].format(path)
        yield ""
        names = [
            WORDS[x][side] for x in ("section", "minutes", "cells", "needs", "asks")
        ]
        rows = []
        for section in self.sections[number]:
            cells = self.numbers(section)
            first = span(self.needed(number, cells))
            name = section.title[side] or WORDS["head"][side]
            asks = self.asked(section, side)
            rows.append([name, section.minutes, span(cells), first, asks])
        yield from table(names, [*rows, [WORDS["sum"][side], total, "", "", ""]])
        yield ""
        for key, (*heading, _) in LISTS.items():
            if told.get(key):
                yield from (f"**{heading[side]}**", "")
                yield from (f"- {self.entry(x, side, number)}" for x in told[key])
                yield ""
        if "rubric" in told:
            yield from self.rubric(told["rubric"], side)

    def rubric(self, rows: list, side: int) -> Iterator[str]:
        """Yield the table by which a final task is graded."""
        names = [("what", "points", "full points for"), ("项目", "分数", "满分的标准")][
            side
        ]
        cells = [[row["what"][side], row["points"], row["full"][side]] for row in rows]
        points = sum(row["points"] for row in rows)
        yield from table(names, [*cells, [("in all", "总分")[side], points, ""]])
        yield ""

    def texts(self, number: str, language: str) -> list[str]:
        """Return the texts of a chapter in one language."""
        cells = self.chapters[number].cells
        return [c.source for c in cells if c.metadata.get("lang") == language]

    def entry(self, words: list[str], side: int, number: str) -> str:
        """Return an entry of a chapter's file in one language, its cells named."""
        return self.cells_named(words[side], number, f"{number}.toml")


def chapter_and_section(part: str) -> tuple[str, str]:
    """Split "04: One pixel to the right" into its two; "04" has no section."""
    number, _, title = part.partition(":")
    return number.strip(), title.strip()


def faults(told: dict) -> Iterator[str]:
    """Name what a chapter's file lacks."""
    if told and not is_pair(told.get("summary")):
        yield "summary needs a sentence in English and in Chinese"
    for key, (*_, count) in LISTS.items() if told else ():
        entries = told.get(key, [])
        if not entries or not all(map(is_pair, entries)):
            yield f"{key} needs entries, each in English and in Chinese"
        elif count and len(entries) != count:
            yield f"{key} has {len(entries)} entries, {count} are needed"


def is_pair(words: object) -> bool:
    """Tell whether these are texts in both languages."""
    return isinstance(words, list) and len(words) == 2 and all(map(str.strip, words))


def table(names: list, rows: list[list]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield f"| {' | '.join(names)} |"
    yield "|" + "---|" * len(names)
    for row in rows:
        shown = (str(value).replace("|", "\\|") or " " for value in row)
        yield f"| {' | '.join(shown)} |"


def rates(side: int) -> str:
    """Say by which rates minutes are counted."""
    values = {
        "words": minutes.WORDS,
        "characters": minutes.CHARACTERS,
        "line": round(60 * minutes.LINE),
        "question": minutes.QUESTION,
        "exercise": minutes.EXERCISE,
        "recall": minutes.RECALL,
    }
    return (
        "{words} words or {characters} Chinese characters a minute, {line} seconds a "
        "line of open code, {question} minute a question, {exercise} minutes an "
        "exercise, {recall} for the recall",
        "每分钟读 {characters} 个汉字或 {words} 个英文词，展开的代码每行 {line} 秒，"
        "一个问题 {question} 分钟，一个练习 {exercise} 分钟，章末的回想 {recall} 分钟",
    )[side].format(**values)


def pages(root: Path, chapters: list) -> tuple[dict[Path, str], list[str]]:
    """Return the pages by their paths, and what is wrong with their sources."""
    if not (root / "notebooks/src/teaching/course.en.md").exists():
        return {}, []
    lessons = Lessons(root, chapters)
    made = {root / name: lessons.page(language) for language, name in PAGES.items()}
    return made, lessons.problems


def check(root: Path, chapters: list) -> list[str]:
    """Name what is wrong with the pages and their sources."""
    made, problems = pages(root, chapters)
    for path, text in made.items():
        if not path.exists() or path.read_text("utf-8") != text:
            problems.append(
                f"{path.name} is not what its sources build: "
                "python -m notebooks.tools.build"
            )
    return problems


def write(root: Path, chapters: list) -> list[str]:
    """Write the pages; return what is wrong with their sources."""
    made, problems = pages(root, chapters)
    for path, text in made.items():
        path.write_text(text, "utf-8", newline="\n")
    return problems
