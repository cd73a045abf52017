"""A class hands in: thirty files, five of them no tickets, become one right table."""

import csv
import datetime
import importlib
import io
import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from helpers import environment, lesson, progress, questions, roster, tickets
from helpers.progress import Facts

commands = importlib.import_module("helpers.__main__")
pytestmark = pytest.mark.usefixtures("no_network")
TITLES = {
    "04": {
        "04.1": ("Bits & <digits>", "位数"),
        "04.2": ("Dice of two doctors", "两位标注者的 Dice"),
        "04.3": ("Extra", "选做"),
        "04.10": ("Shift", "平移"),
        "04.r1": ("Who is seen twice?", "谁出现两次？"),
    },
    "05": {"05.1": ("Which channel?", "哪个通道？")},
}
NAMES = [
    "王小明", "李娜", "张伟", "刘洋", "陈静", "Anna", "Ben", "Carla", "Dmitri", "Elif",
    "Farid", "Grace", "Hiro", "Ines", "João", "Kofi", "Lena", "Mía", "O'Neil", "-Pia",
    "Q/R", "Sam", "＋Tove", "=Uma", "<b>Vic</b>",
]  # fmt: skip


def answered(monkeypatch, *tries) -> list[progress.Book]:
    """Return the books of a new reader: (number, right) in the order of the tries."""
    monkeypatch.setattr(progress, "_BOOKS", {})
    for k, (number, right) in enumerate(tries):
        progress.book(number[:2]).note(number, str(k), right)
    return progress.books()


@pytest.fixture
def handed_in(monkeypatch, tmp_path) -> Path:
    """Fill a folder with 25 tickets and five files that are none.

    04.1 is right at first for 20 of 25, 04.2 for 5; 10 were right at their second try,
    10 had the answer shown. Ten came to 04.10, all right, and one to 04.r1.
    """
    folder = tmp_path / "上交 tickets"
    for k, name in enumerate(NAMES):
        tries = [("04.1", k < 20), ("04.2", k < 5)]
        tries += [("04.2", True)] if 5 <= k < 15 else []
        tries += [("04.10", True)] if k < 10 else []
        books = answered(monkeypatch, *tries, *([("04.r1", False)] if k == 3 else []))
        if k >= 15:
            progress.book("04").reveal("04.2")
        sentence = "" if k % 4 else f"=1+1 <i>{name}</i> 不懂"
        tickets.write(name, sentence, books, folder)
    (folder / "ticket-Tim.json").write_text('{"ticket": 1, "name": "Ti')
    (folder / "作业.pdf").write_bytes(b"%PDF-1.7 ...")
    (folder / "all.zip").write_bytes(b"PK\x03\x04...")
    (folder / "settings.json").write_text('{"name": "me"}')
    (folder / "huge.json").write_bytes(b" " * (tickets.LARGEST + 1))
    return folder


def test_a_ticket_is_small_and_says_no_answer(monkeypatch, tmp_path):
    books = answered(monkeypatch, ("04.1", False), ("04.1", True), ("05.1", True))
    path = tickets.write(" 王 小明\n", "为什么  是 Dice？", books, tmp_path)
    assert path == tmp_path / "ticket-王 小明.json"
    content = json.loads(path.read_text("utf-8"))
    assert content["chapters"] == {
        "04": {"04.1": {"tries": 2, "right": 2, "shown": False}},
        "05": {"05.1": {"tries": 1, "right": 1, "shown": False}},
    }
    assert content["name"] == "王 小明" and content["sentence"] == "为什么 是 Dice？"
    assert (content["answered"], content["right_at_first_try"]) == (2, 1)
    assert re.fullmatch(r"\d+\.\d+.*", content["course"])
    (ticket,), problems = tickets.read(tmp_path)
    assert not problems and ticket.facts == {"04.1": Facts(2, 2), "05.1": Facts(1, 1)}


def test_the_ticket_of_the_whole_course_can_be_read(monkeypatch, tmp_path):
    every = [(f"{c:02}.{k}", True) for c in range(1, 15) for k in range(1, 21)]
    path = tickets.write("A", "x" * 5000, answered(monkeypatch, *every), tmp_path)
    assert path.stat().st_size < tickets.LARGEST / 4
    (ticket,), _ = tickets.read(tmp_path)
    assert len(ticket.facts) == 280 and len(ticket.sentence) == 600


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ('a<b>:"/\\|?*c', "ticket-a_b________c.json"),
        ("...", "ticket-_.json"),
        ("Dr. No.", "ticket-Dr. No.json"),
        ("长" * 90, f"ticket-{'长' * 50}.json"),
        ("\ud800a", "ticket-_a.json"),
    ],
)
def test_every_name_makes_a_file_that_every_system_can_hold(tmp_path, name, file):
    assert tickets.write(name, "", [], tmp_path).name == file
    assert len(tickets.read(tmp_path)[0]) == 1


def test_a_ticket_replaces_its_older_one_and_no_other_file(tmp_path):
    first = tickets.write("A/B", "one", [], tmp_path)
    assert tickets.write("A/B", "two", [], tmp_path) == first
    other = tickets.write("A:B", "three", [], tmp_path)
    assert other.name == "ticket-A_B-2.json"
    (tmp_path / "ticket-C.json").write_text("my own notes")
    assert tickets.write("C", "", [], tmp_path).name == "ticket-C-2.json"
    assert (tmp_path / "ticket-C.json").read_text() == "my own notes"
    assert sorted(t.sentence for t in tickets.read(tmp_path)[0]) == ["", "three", "two"]


def test_a_long_name_is_known_again(tmp_path):
    name = "x" * 79 + " y"  # the 80 that count end in a space
    first, again = (tickets.write(name, "", [], tmp_path) for _ in range(2))
    assert first == again


def test_without_a_name_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path / "out"))
    assert "Write your name" in tickets.hand_in("", "a sentence", "en")
    assert "引号里写上名字" in tickets.hand_in(" \n", "", "zh")
    with pytest.raises(ValueError, match="needs a name"):
        tickets.write("  ", "", [], tmp_path)
    assert not (tmp_path / "out").exists()


def test_handing_in_says_what_is_in_the_file_and_that_nothing_is_sent(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path))
    answered(monkeypatch, ("04.1", True))
    said = tickets.hand_in("Anna", "", "en")
    assert str(tmp_path / "ticket-Anna.json") in said and "Nothing is sent" in said
    assert "请自己交给老师" in tickets.hand_in("Anna", "", "zh")
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path / "ticket-Anna.json"))
    assert "cannot be written" in tickets.hand_in("Anna", "")


def changed(**facts) -> str:
    good = {
        "ticket": 1,
        "name": "Z",
        "sentence": "",
        "date": "2026-01-02T03:04:05+08:00",
        "chapters": {"04": {"04.1": {"tries": 1, "right": 1, "shown": False}}},
    }
    return json.dumps(good | facts)


def one(**facts) -> dict:
    known = {"tries": 1, "right": 1, "shown": False} | facts
    return {"04": {known.pop("number", "04.1"): known}}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not readable"),
        ("[" * 50_000, "not readable"),
        ("姓名".encode("gbk"), "not readable"),
        ("[]", "no ticket"),
        ("%PDF-1.4", "a PDF"),
        ("PK\x03\x04", "unpack"),
        (changed(ticket=2), "another version (2)"),
        (changed(name=" "), "damaged"),
        (changed(date="yesterday"), "damaged"),
        (changed(chapters=[1]), "damaged"),
        (changed(chapters=one(number="<script>")), "damaged"),
        (changed(chapters=one(tries=-1)), "damaged"),
        (changed(chapters=one(right=2)), "damaged"),
        (changed(chapters=one(tries="1")), "damaged"),
        (changed(chapters=one(shown="no")), "damaged"),
    ],
)
def test_what_is_no_ticket_is_named_with_the_reason(tmp_path, content, why):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "x.json").write_bytes(content)
    found, ((file, words),) = tickets.read(tmp_path)
    assert not found and file == "x.json" and why in words[0]
    assert words[1] != words[0]


def test_renamed_files_in_folders_are_read_and_empty_folders_named(tmp_path):
    (tmp_path / "Lena_123").mkdir()
    (tmp_path / "ticket-empty.json").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    for name in ("Lena_123/task (1).txt", ".hidden", "__MACOSX/x", "class.csv"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + changed().encode())
    found, problems = tickets.read(tmp_path, skip=["class.csv"])
    assert [ticket.name for ticket in found] == ["Z"]
    assert [(file, words[0]) for file, words in problems] == [
        ("ticket-empty.json", "an empty folder, or one that may not be read")
    ]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything"
)
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    tickets.write("Z", "", [], tmp_path)
    found, ((file, words),) = tickets.read(tmp_path)
    assert [ticket.name for ticket in found] == ["Z"]
    assert file == "closed" and "may not be read" in words[0]


def test_of_two_tickets_of_one_name_the_newer_counts_and_it_is_said(tmp_path):
    dates = {"b": "2026-03-01T10:00:00+08:00", "a": "2026-03-01T03:00:00+00:00"}
    dates["c"] = "2026-02-01T10:00:00"  # another clock, no zone
    for file, date in dates.items():
        name = "mÍA" if file == "c" else "Mi\u0301a"
        (tmp_path / file).write_text(changed(name=name, date=date, sentence=file))
    (ticket,), problems = tickets.read(tmp_path)
    assert ticket.sentence == "a", "eleven o'clock in China"
    assert [file for file, _ in problems] == ["b", "c"]
    assert all("a is newer and counts" in words[0] for _, words in problems)


def test_a_file_that_was_downloaded_twice_is_called_a_copy(tmp_path):
    for file in ("ticket-Mia.json", "ticket-Mia (1).json"):
        (tmp_path / file).write_text(changed(name="Mia"))
    (_,), ((_, words),) = tickets.read(tmp_path)
    assert words[0].startswith("the same ticket as ticket-Mia")


def test_thirty_files_become_one_right_table(handed_in):
    assert len(list(handed_in.iterdir())) == 30
    found, problems = tickets.read(handed_in)
    assert sorted(ticket.name for ticket in found) == sorted(NAMES)
    assert {file: words[0].split(":")[0] for file, words in problems} == {
        "ticket-Tim.json": "not readable as a ticket",
        "作业.pdf": "a PDF, no ticket",
        "all.zip": "a zip or an Office document",
        "settings.json": "no ticket of this course",
        "huge.json": "too large",
    }
    columns = roster.table(found, TITLES)
    numbers = {c.number: (c.tried, c.first, c.share, c.hard) for c in columns}
    assert list(numbers) == ["04.1", "04.2", "04.3", "04.10", "04.r1"]
    assert numbers == {
        "04.1": (25, 20, 0.8, False),
        "04.2": (25, 5, 0.2, True),
        "04.3": (0, 0, None, False),
        "04.10": (10, 10, 1.0, False),
        "04.r1": (1, 0, 0.0, False),  # one student says nothing about a question
    }
    states = [known.state for known in columns[1].facts]
    assert {s: states.count(s) for s in states} == {
        "first": 5,
        "later": 10,
        "shown": 10,
    }
    tried = [c.number for c in roster.table(found, {})]
    assert tried == ["04.1", "04.2", "04.10", "04.r1"]


def test_the_csv_can_be_opened_by_excel_and_runs_no_formula(handed_in):
    found, _ = tickets.read(handed_in)
    content = roster.to_csv(found, roster.table(found, TITLES), TITLES, "en")
    assert content.startswith(b"\xef\xbb\xbf")
    head, *rows, last = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert head[2:5] == ["4.1 Bits & <digits>", "4.2 Dice of two doctors", "4.3 Extra"]
    assert len(rows) == 25
    marks = {row[0]: row[2:-1] for row in rows}
    assert marks["王小明"] == ["1", "1", "", "1", ""]
    assert marks["刘洋"] == ["1", "1", "", "1", "not yet"]
    assert marks["Kofi"] == ["1", "shown", "", "", ""]
    assert marks["<b>Vic</b>"] == ["not yet", "shown", "", "", ""]
    assert last == ["right at the first try", "", "80%", "20%", "", "100%", "0%", ""]
    assert {"'-Pia", "'=Uma", "'＋Tove"} <= set(marks)
    cells = [cell for row in rows for cell in row if cell]
    assert not [cell for cell in cells if cell[0] in "=+-@"]
    bare = roster.to_csv(found, roster.table(found, {}), {}, "en").decode("utf-8-sig")
    assert bare.startswith("Name,Date,#4.1,#4.2,#4.10,#4.r1,")


class Page(HTMLParser):
    """The tags of a page, and what stands in it."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_needs_nothing_else_and_takes_nothing_for_markup(
    handed_in, tmp_path, language
):
    said = roster.make(handed_in, tmp_path / "out", TITLES, language)
    text = (tmp_path / "out/class.html").read_text("utf-8")
    page = Page(text)
    kinds = {tag for tag, _ in page.tags}
    assert not kinds & {"script", "img", "iframe"}
    assert not re.findall(r"https?://|url\(|@import|\$\w", text)
    links = [attrs["href"] for tag, attrs in page.tags if "href" in attrs]
    assert links == ["data:,"]
    assert "<b>Vic" not in text and "&lt;b&gt;Vic&lt;/b&gt;" in text
    assert "=1+1 <i>王小明</i> 不懂" in "".join(page.text)
    hard = ["Dice of two doctors", "两位标注者的 Dice"][language == "zh"]
    assert (
        f'<li class=hard><span class="number">4.2 ▼</span> <span class="what">{hard}'
        in (text)
    )
    assert text.count("<li class=hard>") == 2, "in its chapter, and to take up again"
    assert "作业.pdf" in text and "作业.pdf" in said
    assert ("5 of 25", "25 人中 5 人")[language == "zh"] in said
    assert said.endswith(f"{tmp_path / 'out/class.csv'}")


def test_the_command_makes_the_table(monkeypatch, handed_in, tmp_path, capsys):
    monkeypatch.setattr(environment, "run_elsewhere", lambda *_: None)
    monkeypatch.setattr(questions, "all_titles", lambda: TITLES)
    for _ in range(2):  # its own files do not count the second time
        assert commands.main(["class", str(handed_in), "--language", "en"]) == 0
        assert "Tickets: 25. Files left out: 5.\n" in capsys.readouterr().out
    assert (handed_in / "class.html").is_file()
    assert commands.main(["class", str(handed_in / "all.zip")]) == 2
    assert "unpack it first" in capsys.readouterr().err
    assert commands.main(["class", "DRIVE", str(handed_in)]) == 2
    assert "too much at once; name one" in capsys.readouterr().err
    shutil.rmtree(handed_in)
    assert commands.main(["class", str(handed_in)]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    handed_in.mkdir()
    assert commands.main(["class", str(handed_in), "--language", "zh"]) == 2
    assert "这里没有反馈单" in capsys.readouterr().err
    assert not list(handed_in.iterdir())


def test_the_command_shows_progress(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(environment, "run_elsewhere", lambda *_: None)
    monkeypatch.setattr(questions, "all_titles", lambda: TITLES)
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path))
    monkeypatch.setenv("FUNDUS_PROGRESS", "1")
    answered(monkeypatch, ("04.1", True), ("04.2", False))
    assert commands.main(["progress", "--language", "zh"]) == 0
    said = capsys.readouterr().out
    assert "第 04 章  5 题里答对 1 题" in said and str(tmp_path / "progress") in said


def test_the_last_cell_of_a_chapter(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(questions, "all_titles", lambda: TITLES)
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path))
    monkeypatch.setenv("FUNDUS_PROGRESS", "1")
    monkeypatch.setenv("FUNDUS_LANGUAGE", "zh")
    (tmp_path / "progress").mkdir()
    (tmp_path / "progress/04.json").write_text("[]")
    answered(monkeypatch, ("04.2", True))
    lesson._say("04", ["judged"])
    lesson._say("04", ["judged"])
    assert capsys.readouterr().out.count("不是完好的学习记录") == 1
    lesson.progress("04")
    lesson.ticket()
    said = capsys.readouterr().out
    assert "[OK ] 4.2 两位标注者的 Dice\n" in said and "引号里写上名字" in said
    assert not list(tmp_path.glob("ticket*"))
    lesson.ticket("王小明", "不懂")
    assert (tmp_path / "ticket-王小明.json").is_file()


def test_dates_are_those_of_the_student(tmp_path):
    tickets.write("A", "", [], tmp_path)
    ((ticket,), _) = tickets.read(tmp_path)
    age = datetime.datetime.now().astimezone() - ticket.date
    assert age < datetime.timedelta(minutes=5)
