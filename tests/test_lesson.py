"""The set-up line of a chapter: mode, eyes, language; what it hands over."""

from pathlib import Path

import pytest

from helpers import config, datasets, fundus, lesson, places


@pytest.fixture(autouse=True)
def language(monkeypatch):
    """Forget the language that a test's ``start`` sets."""
    monkeypatch.setenv("FUNDUS_LANGUAGE", "en")


def test_the_line_is_in_the_language_of_the_edition(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FUNDUS_MODE", "smoke")
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path))
    lesson.start("zh")
    out = capsys.readouterr().out
    assert out.startswith("模式：smoke | 数据：PHANTOM（")
    assert "设备：CPU，" in out or lesson.runtime.pick_device().type != "cpu"
    lesson.start()
    assert capsys.readouterr().out.startswith("mode: smoke | data: PHANTOM in ")


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
    assert "data: none yet, fetched or drawn when needed" in said
    assert not drawn and "PHANTOM" not in said
    assert course.dataset == "PHANTOM" and not course.real
    assert course.data_dir == tmp_path / "out/phantoms-584x565"
    said = capsys.readouterr().out
    assert "NO REAL DATA" in said
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


def test_a_folder_on_drive_is_made_in_colab_alone(monkeypatch, tmp_path, capsys):
    course = lesson.Course("smoke", tmp_path)
    assert course.on_drive("training/DRIVE-24") is None
    assert "not Colab" in capsys.readouterr().out
    stub = Path(__file__).parent / "colab_stub"
    monkeypatch.syspath_prepend(stub)
    monkeypatch.setattr(places, "TRAININGS", tmp_path / "MyDrive/fundus-course")
    folder = course.on_drive("training/DRIVE-24")
    assert folder == tmp_path / "MyDrive/fundus-course/training/DRIVE-24"
    assert folder.is_dir()
    assert "Mounted at" in capsys.readouterr().out
