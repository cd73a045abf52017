"""The reader's record: what counts as a try, and a file that nothing can hurt."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import places, progress, saving, standing
from helpers.progress import Facts

ROOT = Path(__file__).resolve().parents[1]
TITLES = {
    "01": {
        "01.1": ("Turn a photograph", "翻转照片"),
        "01.r1": ("What is a fov?", "视野？"),
    },
    "02": {
        "02.1": ("Logit of a half", "一半的 logit"),
        "02.2": ("Convolve", "卷积"),
        "02.10": ("Fit a kernel", "拟合卷积核"),
    },
    "04": {"04.1": ("Dice of two doctors", "两位标注者的 Dice")},
}


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path) -> Path:
    """Keep progress in an empty folder, as a new kernel would."""
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("FUNDUS_PROGRESS", "")
    monkeypatch.setenv("FUNDUS_LANGUAGE", "en")
    return tmp_path / "out/progress"


def restart(monkeypatch) -> None:
    monkeypatch.setattr(progress, "_BOOKS", {})


def fill() -> None:
    """Answer 02.1 at the first try, 02.2 at the second; 02.10 was shown, then typed."""
    book = progress.book("02")
    book.note("02.1", "0", True)
    book.note("02.2", "3", False)
    book.note("02.2", "4", True)
    book.note("02.10", "1", False)
    book.reveal("02.10")
    book.note("02.10", "2", True)
    progress.book("01").note("01.1", "up", False)


def test_the_same_answer_once_more_is_no_try():
    book = progress.book("04")
    for answer in ("26", "26", "33", "26", "26"):
        book.note("04.1", answer, answer == "33")
    assert book.tries("04.1") == [("26", False), ("33", True), ("26", False)]
    assert book.facts() == {"04.1": Facts(3, 2, False)}
    assert book.tries("04.2") == []


def test_run_all_again_in_a_new_kernel_counts_nothing(monkeypatch, kept):
    fill()
    before = {path: path.read_bytes() for path in kept.iterdir()}
    facts = progress.book("02").facts()
    restart(monkeypatch)
    progress.book("02").note("02.1", "0", True)
    progress.book("02").note("02.2", "4", True)
    progress.book("02").note("02.10", "2", True)
    progress.book("02").reveal("02.10")
    assert progress.book("02").facts() == facts
    assert {path: path.read_bytes() for path in kept.iterdir()} == before
    assert sorted(path.name for path in kept.iterdir()) == ["01.json", "02.json"]


def test_what_is_right_after_the_answer_was_shown_is_not_the_readers():
    fill()
    facts = progress.book("02").facts()
    assert facts["02.10"] == Facts(2, 0, True)
    states = {number: known.state for number, known in facts.items()}
    assert states == {"02.1": "first", "02.2": "later", "02.10": "shown"}
    progress.book("02").reveal("02.2")  # it was right before
    assert progress.book("02").facts()["02.2"].state == "later"
    assert Facts(1).state == "tried" and Facts().state == "open"


def test_long_answers_are_told_apart_and_stay_short():
    book = progress.book("04")
    for end in "abb":
        book.note("04.1", "x" * 5000 + end, False)
    assert len(book.tries("04.1")) == 2
    assert max(len(answer) for answer, _ in book.tries("04.1")) <= 200


def test_any_text_can_be_noted():
    book = progress.book("04")
    for answer in ("血管", "\ud800", "\0", '"'):
        book.note("04.1", answer, False)
    assert len(book.tries("04.1")) == 4 and book.news() == ""


DAMAGED = [
    b"", b'{"format": 1', b"[]", b"3", b"null", b"\xff\xfe", b"[" * 100_000,
    b'{"format": 2, "chapter": "04", "answers": {}}',
    b'{"format": 1, "chapter": "05", "answers": {}}',
    b'{"format": 1, "chapter": "04", "answers": []}',
    b'{"format": 1, "chapter": "04", "answers": {"04.1": {"tries": [["1"]]}}}',
    b'{"format": 1, "chapter": "04", "answers": {"04.1": {"tries": {}, "shown": 0}}}',
    b'{"format": 1, "chapter": "04", "answers": {"04.1": {"tries": [], "shown": "1"}}}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_set_aside_and_said_once(kept, content):
    kept.mkdir(parents=True)
    (kept / "04.json").write_bytes(content)
    book = progress.book("04")
    assert book.facts() == {} and book.tries("04.1") == []
    assert (kept / "04.json").read_bytes() == content, "reading changes nothing"
    book.note("04.1", "33", True)
    (aside,) = kept.glob("04.damaged-*.json")
    assert aside.read_bytes() == content
    assert json.loads((kept / "04.json").read_text("utf-8"))["chapter"] == "04"
    assert aside.name in book.news() and book.news() == ""
    assert book.facts() == {"04.1": Facts(1, 1)}
    assert [begun.chapter for begun in progress.books()] == ["04"]


def unwritable(kept, monkeypatch, where):
    kept.parent.mkdir(parents=True)
    if where == "a file in the way":
        kept.write_text("mine")
    elif where == "a folder of that name":
        (kept / "04.json").mkdir(parents=True)
    else:

        def refuse(path, _):
            raise saving.DiskError(f"{path} cannot be written") from OSError(28, "full")

        monkeypatch.setattr(saving, "write_json", refuse)


@pytest.mark.parametrize(
    "where", ["a file in the way", "a folder of that name", "a full disk"]
)
def test_where_nothing_can_be_written_it_goes_on_in_memory(kept, monkeypatch, where):
    unwritable(kept, monkeypatch, where)
    book = progress.book("04")
    book.note("04.1", "26", False)
    book.note("04.1", "33", True)
    assert book.facts() == {"04.1": Facts(2, 2)}
    said = book.news("zh")
    assert said.count("只留在内存里") == 1 and book.news() == ""
    assert "in memory only" in standing.report(TITLES, "04")
    assert progress.book("04") is book


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_read_only_folder(kept):
    kept.mkdir(parents=True)
    kept.chmod(0o500)
    progress.book("04").note("04.1", "33", True)
    kept.chmod(0o700)
    assert progress.book("04").facts() == {"04.1": Facts(1, 1)}
    assert "memory" in progress.book("04").news()


def test_switched_off_nothing_is_written(monkeypatch, kept):
    monkeypatch.setenv("FUNDUS_PROGRESS", "0")
    assert not places.keeps_progress()
    fill()
    assert progress.book("02").facts()["02.1"] == Facts(1, 1)
    assert [book.chapter for book in progress.books()] == ["01", "02"]
    assert not kept.exists() and progress.book("02").news() == ""
    assert "in memory only" in standing.report(TITLES)
    restart(monkeypatch)
    assert not progress.books()


def test_two_kernels_lose_nothing_of_each_other(kept):
    code = (
        "import sys\nfrom helpers import progress\n"
        "book, own = progress.book('04'), sys.argv[1]\n"
        "for k in range(40): book.note(f'04.{own}{k}', '1', True)"
    )
    start = [sys.executable, "-c", code]
    both = [subprocess.Popen([*start, str(k)], cwd=ROOT) for k in (1, 2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(progress.book("04").facts()) == 80
    assert [path.name for path in kept.iterdir()] == ["04.json"]


def test_the_lock_of_a_kernel_that_died_is_lifted(kept, monkeypatch):
    kept.mkdir(parents=True)
    (kept / ".04.json.lock").touch()
    monkeypatch.setattr(progress, "PATIENCE", 0.02)
    progress.book("04").note("04.1", "33", True)
    assert [path.name for path in kept.iterdir()] == ["04.json"]


def test_summary_and_way_on():
    fill()
    states = standing.summary(TITLES)
    assert states["02"] == {
        "first": ["02.1"], "later": ["02.2"], "shown": ["02.10"], "tried": [],
        "open": [],
    }  # fmt: skip
    assert states["01"]["tried"] == ["01.1"] and states["01"]["open"] == ["01.r1"]
    assert standing.way_on(states, "01") == ["01.r1", "04"]
    assert standing.way_on(states, "02") == ["04"]
    assert standing.way_on(states, "04") == ["04.1"]


def test_the_report_of_all_chapters():
    assert f"The way on: {'Chapter 01'}" in standing.report(TITLES)
    fill()
    said = standing.report(TITLES)
    assert "Chapter 02  2 of 3 right, 1 at the first try, answers shown: 1\n" in said
    assert "Chapter 04  not begun\n" in said
    assert "Take up again:\n  Chapter 01  1.1 Turn a photograph\n" in said
    assert "  Chapter 02  2.10 Fit a kernel\n" in said and "Logit" not in said
    assert "The way on: Chapter 04\n" in said and "helpers open 04\n" in said
    assert str(progress.folder()) in said and "nothing is sent" in said


def test_the_report_of_a_chapter():
    fill()
    said = standing.report(TITLES, "01")
    assert "[no ] 1.1 Turn a photograph (tries so far: 1)\n" in said
    assert "[ ? ] recall 1 What is a fov?\n" in said
    assert "The way on: recall 1 What is a fov?, then Chapter 04\n" in said
    said = standing.report(TITLES, "02", "zh")
    assert "第 02 章  3 题里答对 2 题，一次答对 1 题，看了答案 1 题\n" in said
    assert "[OK ] 2.2 卷积（第 2 次答对）\n" in said and "不会发送到任何地方" in said
    said.encode("gbk")
    for chapter, asked in TITLES.items():
        for number in asked:
            progress.book(chapter).note(number, "right", True)
    assert "all is answered" in standing.report(TITLES, "04")
