"""The teacher's pages: minutes add up, plans fit, what they name is there."""

import copy
import json
import re
from pathlib import Path

import nbformat
import pytest
from test_pages import code_of, unknown_commands

from notebooks.tools import ROOT, build, minutes, needs, slides, teaching
from notebooks.tools.localise import in_language

CELL = re.compile(r"\[\d\d-\d\d\]")
TIMES = {"en": r"(\d+) minutes to read and try", "zh": r"阅读和练习 (\d+) 分钟"}
both_pages = pytest.mark.parametrize("language", teaching.PAGES)


@pytest.fixture(scope="module")
def chapters() -> list:
    return build.everything(ROOT)


def page(language: str) -> str:
    return (ROOT / teaching.PAGES[language]).read_text("utf-8")


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a page, as rows of cells without the heading."""
    found = re.findall(r"(?m)^(?:\|.*\n)+", text)
    rows = [[re.split(r"(?<!\\)\|", x)[1:-1] for x in t.splitlines()] for t in found]
    return [[[c.strip() for c in row] for row in table[2:]] for table in rows]


@both_pages
def test_minutes_add_up(language):
    text = page(language)
    timed = [t for t in tables(text) if t[-1][0] in teaching.WORDS["sum"]]
    sums = [int(table[-1][1]) for table in timed]
    assert sums == [sum(int(row[1]) for row in table[:-1]) for table in timed]
    assert sums == [int(n) for n in re.findall(TIMES[language], text)]
    assert len(sums) > 20


@both_pages
def test_points_of_the_rubric_add_up(language):
    *_, rubric = tables(page(language))
    *points, whole = [int(row[1]) for row in rubric]
    assert sum(points) == whole


def test_a_chapter_says_the_same_minutes_as_its_plan(chapters):
    for chapter in chapters:
        head = chapter.notebook("en")["cells"][2]["source"]
        total = minutes.total(chapter.cells)
        assert f"**Minutes** {total} to read" in head, chapter.path.stem
        assert f"{total} minutes to read and try" in page("en")


@both_pages
def test_what_is_named_is_there(language):
    text = page(language)
    folder = {"en": "notebooks", "zh": "notebooks/zh"}[language]
    for cell in set(CELL.findall(text)) - {"[04-07]"}:
        assert code_of(cell[1:-1], folder), cell
    for target in re.findall(r"\]\(([\w./-]+)", text):
        assert (ROOT / target).exists(), target
    assert not unknown_commands(text)
    assert not re.search(r"\{\w+", text), "a place that nothing filled"


def test_both_pages_have_one_structure():
    english, chinese = page("en"), page("zh")
    for pattern in (r"(?m)^#+ ", r"(?m)^\d\. ", r"(?m)^- ", r"(?m)^```", CELL):
        assert re.findall(pattern, english) == re.findall(pattern, chinese), pattern
    shapes = [[len(table) for table in tables(text)] for text in (english, chinese)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("language", teaching.PAGES)
def test_each_lesson_of_a_class_ends_with_a_ticket(language):
    _, *lessons = re.split(r"(?m)^#### ", page(language).partition("\n### 01")[0])
    ticket = f"**{teaching.WORDS['ticket'][teaching.SIDE[language]]}** "
    assert [ticket in lesson for lesson in lessons] == [False] + [True] * 22
    folder = {"en": "notebooks", "zh": "notebooks/zh"}[language]
    for cell in re.findall(rf"{re.escape(ticket)}\[(.+?)\]", page(language)):
        assert "lesson.ticket(" in code_of(cell, folder)


def test_each_slide_is_one_cell_that_draws(chapters):
    for chapter in chapters:
        code = [c.source for c in chapter.cells if c.cell_type == "code"][1:]
        shows = re.compile(r"figures\.show\(")
        # A cell may draw by a function of a cell before it.
        own = "|".join(
            name
            for source in code
            for name, body in re.findall(r"(?ms)^def (\w+)(.+?)(?=^\S|\Z)", source)
            if shows.search(body)
        )
        for word in slides.named(chapter):
            hits = [x for x in code if word in in_language(x, "en")]
            assert len(hits) == 1, (chapter.path.stem, word)
            draws = rf"{shows.pattern}|\b({own})\(" if own else shows.pattern
            assert re.search(draws, hits[0]), (chapter.path.stem, word)


# What is wrong is named


@pytest.fixture(scope="module")
def usual(chapters) -> list[str]:
    """Return the problems of the files as they are."""
    lessons = teaching.Lessons(ROOT, chapters)
    lessons.page("en")
    return lessons.problems


@pytest.fixture
def changed(chapters, usual, monkeypatch):
    """Return a function: the new problems, where a file says something else."""
    read = teaching.Lessons.read

    def problems(name: str, change) -> list[str]:
        def told(self, wanted):
            content = copy.deepcopy(read(self, wanted))
            if wanted == name:
                change(content)
            return content

        monkeypatch.setattr(teaching.Lessons, "read", told)
        lessons = teaching.Lessons(ROOT, chapters)
        lessons.page("en")
        return [x for x in lessons.problems if x not in usual]

    return problems


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        (
            "routes.toml",
            lambda x: x["route"][0]["lesson"][0].update(limit=5),
            "takes .* minutes, and 5 are there: take a section out",
        ),
        (
            "routes.toml",
            lambda x: x["route"][0]["lesson"][0]["parts"].append("01: Nothing"),
            "chapter 01 has no section 'Nothing'",
        ),
        (
            "routes.toml",
            lambda x: x["route"][0]["lesson"][0]["parts"].append("77"),
            "there is no chapter '77'",
        ),
        ("04.toml", lambda x: x["aloud"].pop(), "aloud has 2 entries, 3 are needed"),
        ("04.toml", lambda x: x.pop("homework"), "homework needs entries"),
        ("04.toml", lambda x: x["wrong"][0].pop(), "wrong needs entries"),
        (
            "04.toml",
            lambda x: x["skip"].append(["{cell:nowhere}", "无"]),
            "04.toml: no code cell holds 'nowhere'",
        ),
    ],
)
def test_a_fault_of_the_files_is_named(changed, name, change, problem):
    (found,) = changed(name, change)
    assert re.search(problem, found)


def text(source: str, **metadata):
    return nbformat.v4.new_markdown_cell(source, metadata={"lang": "en", **metadata})


def code(source: str, number: str = "[09-01]"):
    return nbformat.v4.new_code_cell(source, metadata={"number": number})


READ = "## Reading\n\n" + "word " * 719  # four minutes


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (text(READ, minutes="4"), None),
        (text(READ, minutes="5"), None),
        (text(READ, minutes="6"), "6 minutes are stated, 4.0 counted"),
        (text(READ, minutes="2"), "2 minutes are stated, 4.0 counted"),
        (text(READ), 'no minutes="4"'),
        (text(READ, minutes="four"), 'no minutes="4"'),
        (text(f"Before.\n\n{READ}"), "a `## ` begins its cell"),
    ],
)
def test_minutes_are_compared_with_the_count(cell, problem):
    found = [words for _, words in minutes.problems([text("# Title"), cell])]
    assert bool(found) == bool(problem)
    assert problem is None or problem in found[0]


def test_what_is_counted():
    asks = 'x = 1\nlesson.ask("09.1", x)\n# zh: print(x)\nlesson.exercise("09.2", x)'
    fold = "<details><summary>Solution</summary>\n\nmany words\n\n</details>"
    folded = code("plot()\n" * 30)
    folded.metadata["fold"] = "Draw"
    cells = [text(READ), text(fold), code(asks), folded]
    part = minutes.sections([text("# Title"), *cells])[1]
    assert part.counted == pytest.approx(4 + 1 + 6 + 3 * minutes.LINE)
    recall = [text("## Recall\n\n" + "word " * 900), code('lesson.recall("09", "?")')]
    assert minutes.sections([text("# Title"), *recall])[1].counted == minutes.RECALL


def test_a_chapter_without_its_minutes_does_not_build(chapters):
    chapter = next(c for c in chapters if c.path.name.startswith("04"))
    cells = copy.deepcopy(chapter.cells)
    assert not list(minutes.problems(cells))
    timed = [cell for cell in cells if "minutes" in cell.metadata]
    del timed[0].metadata["minutes"]
    assert len(list(minutes.problems(cells))) == 1


# What a cell needs


@pytest.mark.parametrize(
    ("source", "bound", "free"),
    [
        ("x = y", "x", "y"),
        ("x = x + 1", "x", "x"),
        ("x += 1", "x", "x"),
        ("x[i] = 0", "", "x i"),
        ("for k in xs:\n    print(k)", "k", "xs"),
        ("def f(a):\n    return a + b", "f", "b"),
        ("def f():\n    return f()", "f", ""),
        ("import numpy as np\nz = np.ones(n)", "np z", "n"),
        ("total = sum(a for a in many)", "total", "many"),
    ],
)
def test_names_that_a_cell_makes_and_takes(source, bound, free):
    made, taken = needs.bound_and_free(source)
    builtin = set(dir(__builtins__)) | {"print", "sum"}
    assert (made, taken - builtin) == (set(bound.split()), set(free.split()))


def test_needs_are_the_last_makers_in_order():
    cells = [code(x) for x in ("", "a = 1", "b = a", "c = 1", "a = 2", "d = b + a")]
    assert needs.needs(cells, {5}) == [0, 1, 2, 4]
    assert needs.needs(cells, {4, 5}) == [0, 1, 2]


def test_a_name_has_one_origin():
    cells = [code("n = 1", "[1]"), code("print(n)", "[2]"), code("n = 2", "[3]")]
    (found,) = needs.origins(cells)
    assert found.startswith("n is made in [1] and [3], and read in [2]")
    assert not list(needs.origins(cells[:2]))
    loops = [code("for k in 'ab':\n    print(k)", f"[{n}]") for n in range(3)]
    assert not list(needs.origins(loops))


def test_json_of_the_run_gives_the_minutes_of_computing(tmp_path):
    assert minutes.computing(tmp_path) == {}
    (tmp_path / "results").mkdir()
    run = {"chapters": {"04": {"seconds": 61.0}}}
    path = Path(tmp_path / "results/lesson_run.json")
    path.write_text(json.dumps(run), "utf-8")
    assert minutes.fields(tmp_path, "04", [])["computing"] == 2
    assert "computing" not in minutes.fields(tmp_path, "14", [])
