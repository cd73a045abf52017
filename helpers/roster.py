"""The teacher's table of a class: a row a student, a column a question.

Made from tickets, as a CSV for Excel and as one page. Standard library only.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from . import saving, tickets
from .progress import Facts, Titles, order
from .tickets import Problem, Ticket

CSV, PAGE = "class.csv", "class.html"
TEMPLATE = Template((Path(__file__).parent / "roster.html").read_text("utf-8"))
HARD = 0.5  # a question is hard where fewer were right at the first try,
ENOUGH = 2  # of at least so many who tried


@dataclass(frozen=True)
class Column:
    """How one question went in the class."""

    number: str
    facts: tuple[Facts, ...]  # a student each, as the rows

    @property
    def tried(self) -> int:
        """Return how many tried it or had the answer shown."""
        return sum(known.state != "open" for known in self.facts)

    @property
    def first(self) -> int:
        """Return how many were right at the first try."""
        return sum(known.state == "first" for known in self.facts)

    @property
    def share(self) -> float | None:
        """Return the share right at the first try, of those who tried; None: nobody."""
        return self.first / self.tried if self.tried else None

    @property
    def hard(self) -> bool:
        """Tell whether a teacher should take it up again."""
        return self.tried >= ENOUGH and self.share < HARD


def table(handed_in: Sequence[Ticket], titles: Titles) -> list[Column]:
    """Return a column for each question of the chapters that the class has begun."""
    numbers = {number for ticket in handed_in for number in ticket.facts}
    for chapter in {number[:2] for number in numbers} & set(titles):
        numbers |= set(titles[chapter])
    return [
        Column(number, tuple(t.facts.get(number, Facts()) for t in handed_in))
        for number in sorted(numbers, key=order)
    ]


def hardest(columns: Sequence[Column]) -> list[Column]:
    """Return the hard questions, the hardest first."""
    return sorted((c for c in columns if c.hard), key=lambda column: column.share)


WORDS = {
    "en": {
        "language": "en",
        "title": "How the class did",
        "name": "Name",
        "date": "Date",
        "sentence": "What is not clear?",
        "first": "right at the first try",
        "shown": "shown",
        "tried": "not yet",
        "students": "Students",
        "chapters": "Chapters",
        "dates": "Handed in",
        "left": "Files left out",
        "again": "To take up again",
        "again_say": "Fewer than half of those who tried were right at the first try.",
        "none": "No question was hard: at least half were right at the first try.",
        "chapter": "Chapter {}",
        "of": "{} of {}",
        "nobody": "nobody tried",
        "share": "Right at first",
        "legend": "✓ right at the first try; 2, 3: right at that try; A the answer was "
        "shown; ✗ not right yet; empty: not tried; ▼ hard; "
        "r1 to r5: the recall questions.",
        "A": "A",
        "sentences": "What is not clear",
        "silent": "Nobody wrote a sentence.",
        "why": "These do not count:",
        "foot": "Shares are of those who tried. Made on this machine from the files "
        "handed in; nothing was sent. It holds names: keep it to yourself.",
        "read": "Tickets: {}. Files left out: {}.",
        "more": "and {} more, all of them on the page",
        "hard": "To take up again:",
        "ready": "The page: {}\nThe table, for Excel: {}",
    },
    "zh": {
        "language": "zh-CN",
        "title": "全班答题情况",
        "name": "姓名",
        "date": "日期",
        "sentence": "哪里还不清楚？",
        "first": "一次答对",
        "shown": "看了答案",
        "tried": "还没答对",
        "students": "学生",
        "chapters": "涉及的章",
        "dates": "上交日期",
        "left": "未计入的文件",
        "again": "值得再讲的题",
        "again_say": "做过的人里，一次答对的不到一半。",
        "none": "没有特别难的题：每道题都有至少一半的人一次答对。",
        "chapter": "第 {} 章",
        "of": "{1} 人中 {0} 人",
        "nobody": "没有人做",
        "share": "一次答对",
        "legend": "✓ 一次答对；2、3 第几次答对；看 看了答案；✗ 还没答对；空白 没有做；"
        "▼ 难题；r1 到 r5 是章末的回想题。",
        "A": "看",
        "sentences": "还不清楚的地方",
        "silent": "没有人写。",
        "why": "以下文件没有计入：",
        "foot": "比例只算做过这道题的人。本页由上交的文件在这台电脑上生成，没有发送任何"
        "内容。里面有学生姓名，请勿外传。",
        "read": "反馈单 {} 份，未计入的文件 {} 个。",
        "more": "另有 {} 个，都列在网页里",
        "hard": "值得再讲的题：",
        "ready": "网页：{}\n表格（可用 Excel 打开）：{}",
    },
}


def _percent(column: Column) -> str:
    return "" if column.share is None else f"{100 * column.share:.0f}%"


def _named(number: str, titles: Titles, language: str) -> tuple[str, str]:
    """Return a number, "4.1" or "4.r1" for recall, and its title, if it is known."""
    title = titles.get(number[:2], {}).get(number, ("", ""))
    return number.lstrip("0"), title[language == "zh"]


def _head(number: str, titles: Titles, language: str) -> str:
    """Return the head of a column in the CSV; a bare 4.10 would become 4.1 in Excel."""
    short, title = _named(number, titles, language)
    return f"{short} {title[:60]}" if title else f"#{short}"


# ---- The CSV ----


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; some know full-width."""
    return f"'{cell}" if cell.startswith(tuple("=+-@＝＋－＠")) else cell


def to_csv(
    handed_in: Sequence[Ticket],
    columns: Sequence[Column],
    titles: Titles,
    language: str,
) -> bytes:
    """Return the table as a CSV that Excel shows in every language.

    A number is the try that was right; the last row is the share right at the first.
    """
    words, file = WORDS[language], io.StringIO(newline="")
    rows = csv.writer(file)
    heads = [_head(column.number, titles, language) for column in columns]
    rows.writerow([words["name"], words["date"], *heads, words["sentence"]])
    for k, ticket in enumerate(handed_in):
        cells = [
            known.right or words.get(known.state, "")
            for known in (column.facts[k] for column in columns)
        ]
        name, said = _harmless(ticket.name), _harmless(ticket.sentence)
        rows.writerow([name, f"{ticket.date:%Y-%m-%d %H:%M}", *cells, said])
    rows.writerow([words["first"], "", *map(_percent, columns), ""])
    return file.getvalue().encode("utf-8-sig")


# ---- The page ----


def _mark(known: Facts, words: dict[str, str]) -> str:
    later = str(known.right)
    marks = {
        "first": "✓",
        "later": later,
        "shown": words["A"],
        "tried": "✗",
        "open": "",
    }
    return f'<td class="{known.state}">{marks[known.state]}</td>'


def _bar(column: Column, titles: Titles, language: str) -> str:
    """Return a row about a question: number, title, bar, share."""
    words = WORDS[language]
    number, title = _named(column.number, titles, language)
    share = words["nobody"]
    if column.tried:
        counts = words["of"].format(column.first, column.tried)
        share = f"<b>{_percent(column)}</b> {counts}"
    width = f"{100 * (column.share or 0):.0f}%"
    return (
        f'<li{" class=hard" if column.hard else ""}><span class="number">{number}'
        f'{" ▼" if column.hard else ""}</span> <span class="what">{html.escape(title)}'
        f'</span> <span class="bar"><i style="width: {width}"></i></span> '
        f'<span class="share">{share}</span></li>'
    )


def _grid(handed_in: Sequence[Ticket], columns: Sequence[Column], language: str) -> str:
    """Return the table of one chapter."""
    words = WORDS[language]

    def cell(column: Column, text: str, kind: str) -> str:
        scope = ' scope="col"' if kind == "th" else ""
        return f"<{kind}{scope}{' class=hard' if column.hard else ''}>{text}</{kind}>"

    names = (c.number[3 if "r" in c.number else 0 :].lstrip("0") for c in columns)
    head = "".join(
        cell(column, name + ("<br>▼" if column.hard else ""), "th")
        for column, name in zip(columns, names, strict=True)
    )
    rows = "\n".join(
        f'<tr><th scope="row">{html.escape(ticket.name)}</th>'
        + "".join(_mark(column.facts[k], words) for column in columns)
        + "</tr>"
        for k, ticket in enumerate(handed_in)
        if any(column.facts[k].state != "open" for column in columns)
    )
    last = "".join(cell(c, _percent(c), "td") for c in columns)
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr><th scope="col">'
        f"{words['name']}</th>{head}</tr></thead>\n<tbody>{rows}</tbody>\n<tfoot><tr>"
        f'<th scope="row">{words["share"]}</th>{last}</tr></tfoot></table></div>'
    )


def to_page(
    handed_in: Sequence[Ticket],
    columns: Sequence[Column],
    problems: Sequence[Problem],
    titles: Titles,
    language: str,
) -> bytes:
    """Return the table as one page that needs nothing else."""
    words, chinese = WORDS[language], language == "zh"
    chapters = sorted({column.number[:2] for column in columns})
    days = sorted(f"{ticket.date:%Y-%m-%d}" for ticket in handed_in)
    facts = {
        "students": len(handed_in),
        "chapters": ", ".join(chapters) or "-",
        "dates": days[0] if days[0] == days[-1] else f"{days[0]} – {days[-1]}",
        "left": len(problems),
    }
    dl = "".join(
        f"<div><dt>{words[k]}</dt><dd>{v}</dd></div>" for k, v in facts.items()
    )
    hard = hardest(columns)
    parts = [f"<h2>{words['again']}</h2>"]
    parts.append(f"<p>{words['again_say' if hard else 'none']}</p>")
    parts.append(_list("bars", (_bar(column, titles, language) for column in hard)))
    for chapter in chapters:
        own = [column for column in columns if column.number[:2] == chapter]
        parts.append(f"<h2>{words['chapter'].format(chapter)}</h2>")
        parts.append(_list("bars", (_bar(column, titles, language) for column in own)))
        parts.append(_grid(handed_in, own, language))
        parts.append(f'<p class="small">{words["legend"]}</p>')
    parts.append(f"<h2>{words['sentences']}</h2>")
    said = [
        f"<li><b>{html.escape(ticket.name)}</b> {html.escape(ticket.sentence)}</li>"
        for ticket in handed_in
        if ticket.sentence
    ]
    parts.append(_list("said", said) or f"<p>{words['silent']}</p>")
    if problems:
        parts.append(f"<h2>{words['left']}</h2><p>{words['why']}</p>")
        lines = (
            f"<li><code>{html.escape(file)}</code> {html.escape(why[chinese])}</li>"
            for file, why in problems
        )
        parts.append(_list("said", lines))
    page = {"facts": dl, "body": "\n".join(filter(None, parts))}
    return TEMPLATE.substitute(words, **page).encode()


def _list(kind: str, items) -> str:
    joined = "\n".join(items)
    return f'<ul class="{kind}">{joined}</ul>' if joined else ""


# ---- Both ----


def make(folder: Path, out: Path, titles: Titles, language: str) -> str:
    """Write class.csv and class.html from the tickets in a folder; return what to say.

    ValueError where there is none: then nothing is written.
    """
    handed_in, problems = tickets.read(folder, skip=(CSV, PAGE))
    words, chinese = WORDS[language], language == "zh"
    lines = [f"  {file}: {why[chinese]}" for file, why in problems[:20]]
    if len(problems) > 20:
        lines.append(f"  {words['more'].format(len(problems) - 20)}")
    if not handed_in:
        none = ("there is no ticket in", "这里没有反馈单：")[chinese]
        raise ValueError("\n".join([f"{none} {folder}", *lines]))
    columns = table(handed_in, titles)
    saving.write_bytes(out / CSV, to_csv(handed_in, columns, titles, language))
    page = to_page(handed_in, columns, problems, titles, language)
    saving.write_bytes(out / PAGE, page)
    lines.insert(0, words["read"].format(len(handed_in), len(problems)))
    hard = hardest(columns)[:5]
    lines += [words["hard"]] if hard else []
    for column in hard:
        name = " ".join(_named(column.number, titles, language))
        lines.append(f"  {name}: {words['of'].format(column.first, column.tried)}")
    lines.append(words["ready"].format(out / PAGE, out / CSV))
    return "\n".join(lines)
