"""Tickets: one small file that a student hands in, and the reading of many.

A ticket says how each question went, not what was answered. Nothing is sent: students
hand the file in themselves. Standard library only.
"""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import places, progress, saving
from .progress import Facts, Words

FORMAT = 1
LARGEST = 100_000  # bytes; a ticket of the whole course has 10 kB
NUMBER = re.compile(r"\d\d\.r?\d{1,2}")
OF_SYSTEMS = {
    "thumbs.db",
    "desktop.ini",
    "__macosx",
}  # left by systems, as .DS_Store is
Problem = tuple[str, Words]  # a file, and why it does not count


@dataclass(frozen=True)
class Ticket:
    """What one student handed in."""

    name: str
    sentence: str
    date: datetime.datetime
    facts: dict[str, Facts]

    @property
    def key(self) -> str:
        """Return the name without case and ways to encode a letter."""
        return unicodedata.normalize("NFKC", self.name).casefold()


def _one_line(text: object, most: int) -> str:
    """Return text in one line that every file can hold."""
    plain = str(text).encode(errors="replace").decode()
    shown = "".join(c if c.isprintable() else " " for c in plain)
    return " ".join(shown.split())[:most].rstrip()


# ---- A student writes one ----


def course_version() -> str:
    """Return the version of this course: the newest in its changelog."""
    path = places.ROOT / "CHANGELOG.md"
    text = path.read_text("utf-8") if path.is_file() else ""
    found = re.search(r"^## (\d[\w.]*)", text, re.M)
    return found[1] if found else ""


def _path(folder: Path, ticket: Ticket) -> Path:
    """Return the path of an older ticket of this name, or one that is not taken."""
    safe = re.sub(r'[<>:"/\\|?*]', "_", ticket.name)[:50].strip(" .") or "_"
    for ending in ("", *(f"-{k}" for k in range(2, 1000))):
        path = folder / f"ticket-{safe}{ending}.json"
        if not path.exists():
            break
        try:
            if _parse(path.read_bytes()).key == ticket.key:
                break
        except (OSError, _NoTicketError):
            continue  # somebody's, whatever it is
    return path


def write(
    name: str, sentence: str, books: Iterable[progress.Book], folder: Path
) -> Path:
    """Write a student's ticket into a folder; return its path.

    It takes the place of an older ticket of the same name and of no other file. Two
    students of one name cannot be told apart: they need two names. ValueError without
    a name, DiskError where nothing can be written.
    """
    facts = {number: f for book in books for number, f in book.facts().items()}
    date = datetime.datetime.now().astimezone().replace(microsecond=0)
    ticket = Ticket(_one_line(name, 80), _one_line(sentence, 600), date, facts)
    if not ticket.name:
        raise ValueError("a ticket needs a name: write yours between the quotes")
    chapters: dict[str, dict] = {}
    for number, known in sorted(facts.items()):
        chapters.setdefault(number[:2], {})[number] = known._asdict()
    content = {
        "ticket": FORMAT,
        "course": course_version(),
        "name": ticket.name,
        "date": date.isoformat(),
        "sentence": ticket.sentence,
        "answered": len(facts),
        "right_at_first_try": sum(known.state == "first" for known in facts.values()),
        "chapters": chapters,
    }
    path = _path(folder, ticket)
    saving.write_bytes(path, f"{json.dumps(content, ensure_ascii=False)}\n".encode())
    return path


HOW: Words = (
    "Write your name between the quotes and run this cell again: it makes one small "
    "file to hand in. Nothing is sent.",
    "在引号里写上名字，再运行一次这个单元格，会生成一个可以上交的小文件。"
    "不会发送到任何地方。",
)
DONE: Words = (
    "{path} ({size:.1f} kB) is ready. It holds your name, your sentence, and for each "
    "question the number of tries and whether it was right, not your answers. Nothing "
    "is sent: hand the file in yourself.",
    "已生成 {path}（{size:.1f} kB）。里面有名字、你写的那句话，以及每道题试了几次、"
    "是否答对，没有答案本身。文件不会自动发送，请自己交给老师。",
)


def hand_in(name: str, sentence: str, language: str | None = None) -> str:
    """Write the ticket of all chapters begun; return what to tell the student.

    Without a name nothing is written.
    """
    chinese = (language or places.language()) == "zh"
    if not _one_line(name, 80):
        return HOW[chinese]
    try:
        path = write(name, sentence, progress.books(), places.output_dir())
    except OSError as error:
        return str(error)
    return DONE[chinese].format(path=path, size=path.stat().st_size / 1000)


# ---- A teacher reads them ----


class _NoTicketError(ValueError):
    """A file is no ticket; ``words`` say why."""

    def __init__(self, english: str, chinese: str):
        super().__init__(english)
        self.words = (english, chinese)


def _parse(content: bytes) -> Ticket:
    """Return the ticket in a file's bytes; _NoTicketError where there is none."""
    kinds = {
        b"%PDF": ("a PDF, no ticket", "是 PDF，不是反馈单"),
        b"PK": (
            "a zip or an Office document: unpack a zip here, then run this again",
            "是 zip 或 Office 文档：zip 请先解压到这里，再运行一次",
        ),
    }
    for start, words in kinds.items():
        if content.startswith(start):
            raise _NoTicketError(*words)
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise _NoTicketError(
            "not readable as a ticket: cut off, edited by hand or another kind of file",
            "读不出来：文件不完整、被手工改过，或者是别的文件",
        ) from None
    if not isinstance(found, dict) or "ticket" not in found:
        raise _NoTicketError("no ticket of this course", "不是本课程的反馈单")
    if found["ticket"] != FORMAT:
        raise _NoTicketError(
            f"a ticket of another version ({found['ticket']!r:.20}): use that course",
            f"反馈单的版本不同（{found['ticket']!r:.20}）：请用同一版课程",
        )
    try:
        facts = {
            number: _facts(number, known)
            for chapter in found["chapters"].values()
            for number, known in chapter.items()
        }
        date = datetime.datetime.fromisoformat(found["date"]).astimezone()
        name, said = _one_line(found["name"], 80), _one_line(found["sentence"], 600)
        if not name:
            raise ValueError("no name")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise _NoTicketError(
            "a damaged ticket: something in it is missing or impossible",
            "反馈单已损坏：里面缺了内容，或者有不可能的值",
        ) from None
    return Ticket(name, said, date, facts)


def _facts(number: str, known: dict) -> Facts:
    """Return how a question went; ValueError where that cannot be."""
    facts = Facts(known["tries"], known["right"], known["shown"])
    whole = type(facts.tries) is type(facts.right) is int and type(facts.shown) is bool
    if not (NUMBER.fullmatch(number) and whole and 0 <= facts.right <= facts.tries):
        raise ValueError(f"{number}: {facts}")
    return facts


def _read_one(path: Path) -> Ticket:
    """Return the ticket at a path; _NoTicketError where there is none."""
    if path.is_dir():
        raise _NoTicketError(
            "an empty folder, or one that may not be read", "是空文件夹，或者无权读取"
        )
    try:
        if path.stat().st_size > LARGEST:
            size = f"{path.stat().st_size / 1e6:.1f} MB"
            raise _NoTicketError(f"too large: {size}", f"太大：{size}")
        return _parse(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise _NoTicketError(f"cannot be read: {reason}", f"打不开：{reason}") from None


def _files(folder: Path, skip: Iterable[str]) -> list[Path]:
    """Return all files in a folder and its sub-folders, and folders that are empty."""
    found, there = [], sorted(folder.rglob("*"))
    full = {path.parent for path in there}
    for path in there:
        parts = path.relative_to(folder).parts
        if any(p.startswith(".") or p.casefold() in OF_SYSTEMS for p in parts):
            continue
        if path not in full and (len(parts) > 1 or path.name not in skip):
            found.append(path)
    return found


def read(folder: Path, skip: Iterable[str] = ()) -> tuple[list[Ticket], list[Problem]]:
    """Read the tickets in a folder, whatever their names, and in its sub-folders.

    Returns them by name, and each file that does not count with the reason. Of two
    tickets of one name the newer counts. ``skip`` names files beside them.
    """
    newest: dict[str, tuple[Ticket, str]] = {}
    problems = []
    for path in _files(folder, skip):
        file = path.relative_to(folder).as_posix()
        try:
            ticket = _read_one(path)
        except _NoTicketError as error:
            problems.append((file, error.words))
            continue
        other = newest.get(ticket.key)
        if other is None or ticket.date > other[0].date:
            newest[ticket.key] = ticket, file
        if other:
            kept = newest[ticket.key][1]
            old = other[1] if kept == file else file
            why = _copy(kept) if ticket == other[0] else _twice(ticket.name, kept)
            problems.append((old, why))
    tickets = (newest[key][0] for key in sorted(newest))
    return list(tickets), problems


def _copy(kept: str) -> Words:
    return f"the same ticket as {kept}", f"和 {kept} 是同一份"


def _twice(name: str, kept: str) -> Words:
    return (
        f"{name} is there twice; {kept} is newer and counts. Two people? Then write "
        "another name into one of the files.",
        f"“{name}”有两份，{kept} 较新，以它为准。如果是两个人，请把其中一个文件里的"
        "名字改掉。",
    )
