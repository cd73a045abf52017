"""Student and instructor editions, and slides: what each holds, and where it goes."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from helpers import questions
from notebooks.tools import LANGUAGES, build, editions, outputs, paste

ROOT = Path(__file__).resolve().parents[1]
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
ALT = {"en": "A vessel.", "zh": "一条血管。"}
CHAPTER = """# %% [markdown] lang="en"
# # 04 A title
#
# *A question?*

# %% [markdown] lang="zh" of=""
# # 04 标题
#
# *问题？*

# %% [markdown] include="badges"

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %% [markdown] lang="en" minutes="2"
# ## A section
#
# Of [the code](../helpers/shapes.py#top), [the other](05_other.ipynb),
# [itself](04_name.ipynb), [the web](https://example.org), `[no](../link)`,
# [`a.json`](../results/a.json).

# %% [markdown] lang="zh" of=""
# ## 一节
#
# [代码](../helpers/shapes.py#top)，[别的](05_other.ipynb)，[本章](04_name.ipynb)，
# [网页](https://example.org)，`[no](../link)`，[`a.json`](../results/a.json)。

# %%
guess = None  # your guess
lesson.ask("04.1", guess)

# %% tags=["answer"]
figures.show("A vessel.")
# zh: figures.show("一条血管。")

# %% [markdown] lang="en"
# Words before.
#
# <details><summary>Solution, to draw</summary>
#
# Secret words.
#
# {{solution 04.2}}
#
# </details>
#
# Words after.

# %% [markdown] lang="zh" of=""
# 前面的话。
#
# <details><summary>参考答案</summary>
#
# 秘密的话。
#
# {{solution 04.2}}
#
# </details>
#
# 后面的话。

# %%
lesson.recall("04", "??")
"""
EXERCISES = """
def double(x):
    return 2 * x


EXERCISES["04.2"] = Exercise(("Twice", "两倍"), double, ((1,),), HINT)
"""
QUESTION = questions.Question(
    ("how many", "几个"),
    answer=57,
    hints=(("first hint", "提示一"), ("second hint", "提示二")),
    reason=("It is {answer}.", "就是 {answer}。"),
    mistakes=(
        (1, ("only one", "只有一个")),
        (questions.Between(2, 5), ("too few", "太少")),
        (lambda x: x, ("the input", "这是输入")),
    ),
    also=((58, ("level with it", "同样好")),),
)
RECALL = questions.Recall(
    "04", ("Which?", "哪个？"), "b",
    {"a": questions.Choice(("x", "甲"), ("no", "不对")),
     "b": questions.Choice(("y", "乙"), ("so it is", "就是这样"))},
)  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Return a course with one chapter, and its questions in place of the real ones."""
    root = tmp_path / "course"
    for folder in ("notebooks/src/teaching", "helpers/exercises"):
        (root / folder).mkdir(parents=True)
    shutil.copy(ROOT / "notebooks/src/setup_cell.py", root / "notebooks/src")
    (root / "notebooks/src/terms.md").touch()
    (root / "notebooks/src/teaching/04.toml").write_text('slides = ["figures.show"]\n')
    (root / "helpers/exercises/chapter_04.py").write_text(EXERCISES, "utf-8")
    publish(root, "https://github.com/OWNER/REPO")
    (root / "notebooks/src/04_name.py").write_text(CHAPTER, "utf-8")
    assert build.main(["--bless"], root) == 0
    monkeypatch.setattr(questions, "find", lambda number, kind: QUESTION)
    monkeypatch.setattr(questions, "recalls", lambda chapter: (RECALL, RECALL))
    return root


def publish(root: Path, address: str) -> None:
    text = f'[tool.course]\nrepo = "{address}"\ntag = "main"\n'
    (root / "pyproject.toml").write_text(text)


def executed(root: Path, alt: dict | None = None) -> Path:
    """Return a folder as run.py leaves it: the figure in both languages."""
    run = root / "outputs"
    for language, place in (("en", run), ("zh", run / "zh")):
        place.mkdir(parents=True, exist_ok=True)
        made = outputs.read_notebook(root / LANGUAGES[language] / "04_name.ipynb")
        figure = nbformat.v4.new_output(
            "display_data",
            {"image/png": PIXEL},
            metadata={"image/png": {"alt": (alt or ALT)[language]}},
        )
        said = nbformat.v4.new_output("stream", name="stdout", text="Said below.\n")
        code = outputs.code_cells(made.cells)
        code[1]["outputs"] = [said]
        code[2]["outputs"] = [figure, said]
        nbformat.write(made, place / "04_name.ipynb")
        entry = {"ok": True, "dataset": "DRIVE", "device": "CPU", "chapter": "04_name"}
        report = {"mode": "lesson", "date": "2026-01-02", "chapters": {"04": entry}}
        (place / "report.json").write_text(json.dumps(report))
    return run


def make(root: Path, edition: str, *options: str) -> Path:
    folder = root / edition
    assert build.main([f"--{edition}", str(folder), *map(str, options)], root) == 0
    return folder


def cells(folder: Path, language: str = "en") -> list:
    place = folder if language == "en" else folder / "zh"
    return nbformat.read(place / "04_name.ipynb", as_version=4).cells


def text(found: list) -> str:
    return "\n\n".join(cell.source for cell in found if cell.cell_type == "markdown")


# ---- The chapters ----


@pytest.fixture(scope="module")
def chapters() -> list:
    return [build.Chapter(ROOT, path) for path in build.sources(ROOT, [])]


SOLUTION = r"<summary>(?:Solution|参考答案)"


def folds(source: str) -> list[str]:
    """Return the paragraphs inside the folded solutions of a text."""
    inside = re.findall(rf"{SOLUTION}[^<]*</summary>(.*?)</details>", source, re.S)
    return [
        part.strip() for fold in inside for part in fold.split("\n\n") if part.strip()
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_chapter_gives_students_a_solution_or_an_output(chapters, language):
    for chapter in chapters:
        whole, made = chapter.notebook(language), chapter.notebook(language)
        hidden = folds(text(whole.cells))
        kept = text(editions.student(made, language).cells)
        assert not [part for part in hidden if part in kept], chapter.path
        assert not re.search(SOLUTION, kept)
        others = text(whole.cells).count("<details>") - kept.count("<details>")
        assert others == len(re.findall(SOLUTION, text(whole.cells))), "others stay"
        for cell in outputs.code_cells(made.cells):
            assert not cell.outputs
        nbformat.validate(made)
        pasted = re.findall(r"{{solution (\S+)}}", chapter.path.read_text("utf-8"))
        for number in pasted:
            assert paste.reference(ROOT, number) in text(whole.cells)
            assert paste.reference(ROOT, number) not in kept, number


@pytest.mark.parametrize("language", LANGUAGES)
def test_instructors_get_all_solutions_and_a_note_for_each_question(chapters, language):
    side = list(LANGUAGES).index(language)
    for chapter in chapters:
        whole, made = chapter.notebook(language), chapter.notebook(language)
        shown = text(editions.instructor(made, language).cells)
        assert not re.search(SOLUTION, shown)
        assert all(part in shown for part in folds(text(whole.cells)))
        nbformat.validate(made)
        for number, title in questions.titles(chapter.path.name[:2]).items():
            if ".r" not in number:
                assert f"{number.lstrip('0')}** {title[side]}\n>" in shown


def test_the_edition_keeps_all_else(project):
    """Code and texts are those of the ordinary notebook, in the same order."""
    kept = text(cells(make(project, "student")))
    assert "Words before.\n\nWords after." in kept
    built = outputs.read_notebook(project / "notebooks/04_name.ipynb")
    ours = outputs.code_cells(cells(project / "student"))
    assert [c.source for c in ours] == [
        c.source for c in outputs.code_cells(built.cells)
    ]


# ---- Links ----


def test_links_of_an_unpublished_course_keep_their_words(project):
    shown = text(cells(make(project, "student")))
    assert "Of the code, the other,\n[itself](04_name.ipynb)," in shown
    assert "[the web](https://example.org), `[no](../link)`,\n`a.json`." in shown
    assert shown.count("[中文版](zh/04_name.ipynb)") == 1
    shown = text(cells(project / "student", "zh"))
    assert "\n代码，别的，[本章](04_name.ipynb)，" in shown
    assert "[English](../04_name.ipynb)" in shown


def test_links_of_a_published_course_lead_to_it(project):
    publish(project, "https://github.com/me/eyes")
    build.main([], project)
    web = "https://github.com/me/eyes/blob/main/"
    for edition in ("student", "instructor"):
        for language, name in (("en", "the code"), ("zh", "代码")):
            shown = text(cells(make(project, edition), language))
            assert f"[{name}]({web}helpers/shapes.py#top)" in shown
            assert f"({web}{LANGUAGES[language]}/05_other.ipynb)" in shown


def test_no_link_of_the_student_edition_opens_the_ordinary_one(project):
    publish(project, "https://github.com/me/eyes")
    for language in LANGUAGES:
        shown = text(cells(make(project, "student"), language))
        assert "colab" not in shown and "04_name.ipynb" in shown
        assert "colab" in text(cells(make(project, "instructor"), language))


# ---- The instructor edition ----


def test_a_note_says_all_that_a_teacher_wants_to_know(project):
    shown = text(cells(make(project, "instructor")))
    for line in (
        "> **For the instructor: 4.1** how many\n>\n> - Answer: `57`\n> - It is `57`.",
        "> - Hint 1: first hint\n> - Hint 2: second hint",
        "> - Right, too: `58` → level with it",
        "> - Mistake: `1` → only one\n> - Mistake: 2 to 5 → too few",
        "> - Mistake: the input",
        "> **For the instructor: `bb`**\n>\n> 1. **b** so it is",
        "**Solution, to draw**\n\nSecret words.",
        "not for students",
    ):
        assert line in shown
    shown = text(cells(project / "instructor", "zh"))
    for line in ("教师：4.1** 几个", "答案：`57`", "2 至 5 → 太少", "请勿发给学生"):
        assert line in shown


def test_a_computed_answer_is_called_so():
    asked = questions.Question(
        ("q", "问"), lambda x: x, (("a", "甲"),) * 2, ("{answer}!", "{answer}"),
        known=("green comes first", "最高的是 green", "0.807", "0.899"),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "find", lambda number, kind: asked)
        lines = editions.note("ask", "04.1", "en").splitlines()
    assert lines[2] == "> - Answer: computed by the cell; in a run on DRIVE `0.807`"
    assert lines[3] == "> - …!"


def test_a_run_gives_instructors_the_outputs_that_answer(project):
    """The committed notebooks leave them out, and stay as they are."""
    run = executed(project)
    assert build.main(["--store", str(run)], project) == 0
    before = (project / "notebooks/04_name.ipynb").read_bytes()
    counted = []
    for edition, options in (("student", []), ("instructor", ["--store", run])):
        folder = make(project, edition, *options)
        counted += [
            [len(c.outputs) for c in outputs.code_cells(cells(folder, language))]
            for language in LANGUAGES
        ]
    assert counted == [[0, 0, 0, 0]] * 2 + [[0, 1, 2, 0]] * 2
    stored = outputs.code_cells(cells(make(project, "instructor")))
    assert [len(c.outputs) for c in stored] == [0, 1, 0, 0]
    assert (project / "notebooks/04_name.ipynb").read_bytes() == before


# ---- Where it goes ----


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_an_edition_is_made_anew_over_its_own_files_only(project, capsys, edition):
    run = executed(project)
    folder, store = project / "mine", ["--store", str(run)]
    folder.mkdir()
    command = [f"--{edition}", str(folder), *store]
    assert build.main(command, project) == build.main(command, project) == 0
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    kind = "html" if edition == "slides" else "ipynb"
    assert names == {f"04_name.{kind}", f"zh/04_name.{kind}", "edition.json"}
    (folder / "notes.txt").write_text("a teacher's own")
    assert build.main(command, project) == 0
    changed = folder / f"zh/04_name.{kind}"
    changed.write_text("a teacher's own work")
    before = tree(folder)
    assert build.main(command, project) == 1
    assert f"{changed} was changed" in capsys.readouterr().out
    other = "student" if edition != "student" else "instructor"
    assert build.main([f"--{other}", str(folder), *store], project) == 1
    assert f"holds the {edition} edition" in capsys.readouterr().out
    assert tree(folder) == before


@pytest.mark.parametrize("name", ["04_name.ipynb", "zh/04_name.ipynb", "other.txt"])
def test_foreign_files_are_refused(project, capsys, name):
    foreign = project / "class" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("somebody's")
    assert build.main(["--student", str(project / "class")], project) == 1
    assert "holds other files" in capsys.readouterr().out
    assert list(tree(project / "class").values()) == [b"somebody's"]
    assert build.main(["--student", str(foreign)], project) == 1


def test_a_chapter_with_a_problem_makes_no_edition(project, capsys):
    source = project / "notebooks/src/04_name.py"
    source.write_text(CHAPTER.replace("Words before", "Stale words"), "utf-8")
    assert build.main(["--student", str(project / "class")], project) == 1
    assert "English is" in capsys.readouterr().out
    assert not (project / "class").exists()


def test_a_run_without_the_chapter_is_named(project, capsys):
    options = ["--instructor", str(project / "in"), "--store", str(project / "none")]
    assert build.main(options, project) == 1
    assert "holds no run of 04_name.ipynb" in capsys.readouterr().out


# ---- Alternative texts ----


@pytest.mark.parametrize(
    ("alt", "language"),
    [({"en": " ", "zh": ALT["zh"]}, "en"), ({"en": ALT["en"], "zh": "A vessel."}, "zh"),
     ({"en": "血管", "zh": ALT["zh"]}, "en")],
)  # fmt: skip
def test_a_stored_figure_has_words_in_its_language(project, capsys, alt, language):
    source = project / "notebooks/src/04_name.py"
    source.write_text(
        source.read_text("utf-8").replace(' tags=["answer"]', ""), "utf-8"
    )
    assert build.main([], project) == 0
    run = executed(project)
    assert build.main(["--store", str(run)], project) == 0
    executed(project, alt)
    for command in (["--store", str(run)], ["--check"]):
        capsys.readouterr()
        assert build.main(command, project) == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith(
            f"{LANGUAGES[language]}/04_name.ipynb: # [04-02]: stored"
        )


# ---- Slides ----


def test_slides_show_the_chapters_heading_and_its_figures(project):
    folder = make(project, "slides", "--store", executed(project))
    for language, place, words in (("en", "", "A section"), ("zh", "zh", "一节")):
        page = (folder / place / "04_name.html").read_text("utf-8")
        first, second = re.findall(r"<section>(.*?)</section>", page, re.S)
        assert {"en": "A question?", "zh": "问题？"}[language] in first
        assert "lesson" in first and "DRIVE" in first and "2026-01-02" in first
        assert "Staal" in first, "whose photographs these are"
        assert f"<h2>{words}</h2>" in second
        assert f'base64,{PIXEL}" alt="{ALT[language]}"' in second
        assert "<pre>Said below.</pre>" in second
        assert not re.findall(r"(?:src|href)=\"(?!data:)|@import|url\(", page)


def test_slides_credit_whom_the_teachers_file_names(project):
    path = project / "notebooks/src/teaching/04.toml"
    path.write_text(path.read_text("utf-8") + 'credit = ["by A", "甲摄"]\n', "utf-8")
    folder = make(project, "slides", "--store", executed(project))
    for place, words in (("", "by A"), ("zh", "甲摄")):
        page = (folder / place / "04_name.html").read_text("utf-8")
        assert words in page and "Staal" not in page


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ('slides = ["nothing"]', "'nothing': no cell holds it"),
        ('slides = ["lesson.ask"]', "has no stored figure"),
        ("slides = []", "names no cells for slides"),
        (None, "names no cells for slides"),
    ],
)
def test_a_slide_that_cannot_be_made_is_named(project, capsys, told, why):
    path = project / "notebooks/src/teaching/04.toml"
    path.write_text(told) if told else path.unlink()
    run = str(executed(project))
    options = ["--slides", str(project / "slides"), "--store", run]
    assert build.main(options, project) == 1
    assert why in capsys.readouterr().out
    assert not (project / "slides").exists()


def test_slides_turn_by_key_and_ask_nobody(project, browser):
    path = make(project, "slides", "--store", executed(project)) / "04_name.html"
    page, asked = browser.new_page(viewport={"width": 1280, "height": 720}), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    places = []
    for key in ("ArrowRight", "ArrowRight", "Home", "End", "PageUp"):
        page.keyboard.press(key)
        places.append(page.evaluate("Math.round(scrollY / innerHeight)"))
    assert places == [1, 1, 0, 1, 0]
    box = page.evaluate("document.querySelector('img').getBoundingClientRect().height")
    assert box > 300, "a figure fills the slide"
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    page.close()
