"""Checks and exercises: right, wrong, typical wrong, unanswered; never an error."""

import ast
import importlib
import re

import nbformat
import numpy as np
import pytest

from helpers import config, datasets, fundus, lesson, places
from helpers.lesson import Exercise
from notebooks.tools import LANGUAGES

CHAPTERS = sorted((places.ROOT / "helpers/exercises").glob("chapter_*.py"))
EXERCISES = {
    number: task
    for path in CHAPTERS
    for number, task in importlib.import_module(
        f"helpers.exercises.{path.stem}"
    ).EXERCISES.items()
}

HINT = ("look again", "再看一遍")
TYPICAL = ("upside down", "上下颠倒")
TASK = Exercise(
    title="half of it",
    reference=lambda x: x / 2,
    cases=((4,), (6,)),
    hint=HINT,
    mistakes=((lambda x: x * 2, TYPICAL),),
)


def test_check_prints_answer_expected_and_hint(capsys):
    lesson.check("one half", 0.5004, 0.5, HINT)
    assert "[OK ]" in capsys.readouterr().out
    lesson.check("one half", 0.7, 0.5, HINT)
    said = capsys.readouterr().out
    assert "0.7" in said and "0.5" in said
    assert said.index("look again") < said.index("再看一遍")
    lesson.check("one half", 2.0, 0.5, HINT, mistakes=[(2.0, TYPICAL)])
    said = capsys.readouterr().out
    assert "upside down" in said and "look again" not in said
    lesson.check("one half", None, 0.5, HINT)
    assert "No answer yet" in capsys.readouterr().out


@pytest.mark.parametrize("mine", ["text", [1], object(), np.nan, np.ones(3), print])
def test_no_answer_raises(mine, capsys):
    lesson.check("a number", mine, 0.5, HINT)
    assert "[no ] a number" in capsys.readouterr().out


def test_same():
    assert lesson.same((1, 2), (1, 2)) and not lesson.same((1, 2), (1, 3))
    assert not lesson.same((1, 2, 3), (1, 2))
    assert lesson.same(np.eye(2), np.eye(2)) and not lesson.same(np.eye(2), np.eye(3))
    assert lesson.same("b", "b") and not lesson.same("a", "b")
    assert not lesson.same(None, 0.0)


def test_exercise_uses_the_readers_function_only_when_right(capsys):
    mine = lambda x: x * 0.5  # noqa: E731
    assert lesson.exercise(mine, TASK) is mine
    assert "yours is right" in capsys.readouterr().out
    assert lesson.exercise(lambda x: None, TASK) is TASK.reference
    assert "not written yet" in capsys.readouterr().out
    assert lesson.exercise(lambda x: x + 1, TASK) is TASK.reference
    said = capsys.readouterr().out
    assert "input: 4" in said and "expected: 2" in said and "look again" in said
    assert lesson.exercise(lambda x: x + x, TASK) is TASK.reference
    assert "upside down" in capsys.readouterr().out
    assert lesson.exercise(lambda: 1, TASK) is TASK.reference  # a TypeError inside
    assert "TypeError" in capsys.readouterr().out


@pytest.mark.parametrize("number", sorted(EXERCISES))
def test_each_reference_passes_and_each_mistake_gets_its_own_hint(number, capsys):
    task = EXERCISES[number]
    assert lesson.exercise(task.reference, task) is task.reference
    assert "yours is right" in capsys.readouterr().out
    assert task.mistakes, "an exercise names its typical mistake"
    for mistake, hint in task.mistakes:
        assert lesson.exercise(mistake, task) is task.reference
        said = capsys.readouterr().out
        assert hint[0] in said and hint[1] in said
    for text in (task.hint, *(hint for _, hint in task.mistakes)):
        assert re.search("[a-z]", text[0]) and re.search("[一-鿿]", text[1])
        text[0].encode("gbk"), text[1].encode("gbk")


NOTEBOOKS = [
    path
    for folder in LANGUAGES.values()
    for path in sorted((places.ROOT / folder).glob("[0-9][0-9]_*.ipynb"))
]


def imports(code: str) -> str:
    """Return the import statements of a chapter, which a solution may use."""
    kinds = (ast.Import, ast.ImportFrom)
    nodes = [node for node in ast.parse(code).body if isinstance(node, kinds)]
    return "\n".join(map(ast.unparse, nodes))


def solutions(prose: str) -> list[str]:
    """Return the Python blocks in the folds of a chapter."""
    folds = re.findall(r"<details>.*?</details>", prose, flags=re.S)
    blocks = [re.findall(r"```python\n(.*?)```", fold, re.S) for fold in folds]
    return [block for found in blocks for block in found]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_the_solution_in_each_fold_passes(path, capsys):
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(c.source for c in cells if c.cell_type == "code")
    shown = solutions("\n".join(c.source for c in cells if c.cell_type == "markdown"))
    calls = r"lesson\.exercise\(\s*(\w+),\s*EXERCISES\[\"([\d.]+)\"\]"
    asked = re.findall(calls, code)
    assert len(asked) >= 2, "a chapter has at least two exercises"
    for name, number in asked:
        mine = [block for block in shown if block.startswith(f"def {name}(")]
        assert len(mine) == 1, f"one fold shows {name}, the solution of {number}"
        names = {}
        exec(f"{imports(code)}\n{mine[0]}", names)
        lesson.exercise(names[name], EXERCISES[number])
        assert "yours is right" in capsys.readouterr().out, number
    assert code.count("lesson.check(") >= 3, "a chapter has at least three checks"


def test_start_draws_phantoms_in_smoke_mode(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FUNDUS_MODE", "smoke")
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path))
    monkeypatch.setenv("FUNDUS_REPORT", str(tmp_path / "report.json"))
    course = lesson.start()
    assert course.dataset == "PHANTOM" and not course.real
    assert len(course.load("val")) == 4
    assert course.load_one("21").name == "21"
    line = capsys.readouterr().out
    assert "mode: smoke" in line and "PHANTOM" in line
    course.record(steps=3)
    said = (tmp_path / "report.json").read_text("utf-8")
    assert '"dataset": "PHANTOM"' in said and '"steps": 3' in said
    assert course.config == config.PRESETS["smoke"]


def test_eyes_are_fetched_or_drawn_when_a_cell_asks(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FUNDUS_MODE", "lesson")
    monkeypatch.setenv("FUNDUS_DATA", str(tmp_path / "nothing here"))
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("FUNDUS_REPORT", str(tmp_path / "report.json"))
    drawn = []
    monkeypatch.setattr(lesson.eyes.phantom, "write", lambda *a: drawn.append(a))
    course = lesson.start()
    said = capsys.readouterr().out
    assert "data: none yet" in said and "用到时再下载或绘制" in said
    assert not drawn and "PHANTOM" not in said
    assert course.dataset == "PHANTOM" and not course.real
    assert course.data_dir == tmp_path / "out/phantoms-584x565"
    said = capsys.readouterr().out
    assert "NO REAL DATA" in said and "没有真实数据" in said
    assert "left as it is" in said
    assert drawn == [(course.data_dir / "PHANTOM", 584, 565)], "once"
    assert '"dataset": "PHANTOM"' in (tmp_path / "report.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "why"), [("DRIVE", "which is here"), ("CHASEDB1", "as DRIVE is not here")]
)
def test_start_says_which_eyes_and_why(monkeypatch, tmp_path, capsys, name, why):
    for file in datasets.manifest(name):
        (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / file).touch()
    monkeypatch.setenv("FUNDUS_MODE", "lesson")
    monkeypatch.setenv("FUNDUS_DATA", str(tmp_path))
    monkeypatch.delenv("FUNDUS_REPORT", raising=False)
    course = lesson.start()
    assert course.real and course.data_dir == tmp_path and course.dataset == name
    assert f"data: {name} in {tmp_path / name}, {why}" in capsys.readouterr().out
    course.record(nothing="happens without a report")


def test_cells_are_drawn_unless_they_are_there(monkeypatch, tmp_path):
    monkeypatch.setenv("FUNDUS_DATA", str(tmp_path))
    smoke = lesson.Course("smoke", tmp_path)
    assert [len(smoke.load_cells(s)) for s in ("train", "val", "test")] == [7, 1, 2]
    assert smoke.load_cells("val")[0].image.shape == (1, 200, 200)
    course = lesson.Course("lesson", tmp_path)
    assert course.load_cells("val")[0].image.shape == (1, 512, 512)
    (tmp_path / "ISBI2012_EM").mkdir()
    (tmp_path / "ISBI2012_EM/train-volume.tif").touch()
    monkeypatch.setattr(fundus, "load_cells", lambda *asked: asked)
    assert course.load_cells("val") == ("val", tmp_path)
