"""Presets, refusals and places."""

import dataclasses
from pathlib import Path

import pytest

from helpers import config, places


def test_presets_and_frozen():
    assert set(config.PRESETS) == set(config.MODES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.PRESETS["lesson"].steps = 1
    assert dataclasses.replace(config.PRESETS["lesson"], steps=7).steps == 7


def test_bad_settings_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="multiple of 8 for 4 levels; try 96"):
        config.TrainConfig(patch_size=100)
    with pytest.raises(ValueError, match="steps must be positive, got 0"):
        config.TrainConfig(steps=0)
    with pytest.raises(ValueError, match="learning_rate must be positive, got nan"):
        config.TrainConfig(learning_rate=float("nan"))


@pytest.mark.parametrize("seed", [10**18, -(10**18), 12345678901234567890])
def test_a_seed_longer_than_torch_takes(seed):
    with pytest.raises(ValueError, match=f"seed {seed} is too long: .* 18 digits"):
        config.TrainConfig(seed=seed)
    assert config.TrainConfig(seed=seed // 100).seed == seed // 100


def test_mode(monkeypatch):
    monkeypatch.delenv("FUNDUS_MODE", raising=False)
    assert places.mode() == "lesson"
    monkeypatch.setenv("FUNDUS_MODE", "smoke")
    assert places.mode() == "smoke"
    monkeypatch.setenv("FUNDUS_MODE", "quick")
    with pytest.raises(ValueError, match="choose one of smoke, lesson, full"):
        places.mode()


def test_folders_are_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUNDUS_DATA", "my data")
    monkeypatch.setenv("FUNDUS_OUT", "out")
    assert places.data_dir() == tmp_path.resolve() / "my data"
    assert places.output_dir() == tmp_path.resolve() / "out"
    assert places.data_dir_is_given()
    monkeypatch.setenv("FUNDUS_OUT", "~/out")
    monkeypatch.setattr(places, "is_writable", None)  # what is given is not tried
    assert places.output_dir() == places.Path.home().resolve() / "out"
    monkeypatch.delenv("FUNDUS_OUT")
    monkeypatch.setattr(places, "is_writable", lambda _: False)  # neither may be
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path.resolve() / "me"))
    assert places.output_dir() == tmp_path.resolve() / "me/fundus-course/outputs"
    monkeypatch.setattr(places, "is_writable", lambda x: x != places.ROOT)
    assert places.output_dir() == tmp_path.resolve() / "outputs"  # a read-only course
    monkeypatch.delenv("FUNDUS_DATA")
    monkeypatch.undo()
    monkeypatch.delenv("FUNDUS_DATA", raising=False)
    monkeypatch.setattr(places, "ROOT", tmp_path)
    assert places.data_dir() == tmp_path / "data"


NOBODY = "~nobody-of-that-name"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('"C:/my eyes/1.jpg"', "C:/my eyes/1.jpg"),  # Windows' Copy as path
        (" 'a b.png'\n", "a b.png"),
        ("a'b.png", "a'b.png"),
        (f"{NOBODY}/eye.jpg", f"{NOBODY}/eye.jpg"),
        ("~/eye.jpg", str(Path("~").expanduser() / "eye.jpg")),
    ],
)
def test_a_path_as_people_paste_it(text, path):
    assert places.pasted(text) == Path(path)


def test_the_home_of_somebody_unknown_is_a_folder_that_is_not_there(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "OUT"):
        monkeypatch.setenv(f"FUNDUS_{name}", f"{NOBODY}/x")
    assert places.data_dir() == tmp_path.resolve() / NOBODY / "x"
    assert places.output_dir() == tmp_path.resolve() / NOBODY / "x"
    places.export(DATA=Path(NOBODY))
    assert places.data_dir() == tmp_path.resolve() / NOBODY


def test_a_user_without_a_home_has_results_all_the_same(monkeypatch):
    def homeless(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FUNDUS_OUT", raising=False)
    monkeypatch.setattr(places.Path, "expanduser", homeless)
    assert places.output_dir().is_absolute()


def test_a_program_is_written_as_a_terminal_takes_it(monkeypatch):
    assert places.typed("/a/python") == "/a/python"
    monkeypatch.setattr(places.sys, "platform", "linux")
    assert places.typed("/a b/python") == '"/a b/python"'
    monkeypatch.setattr(places.sys, "platform", "win32")
    assert places.typed("C:/a b/python.exe") == '& "C:/a b/python.exe"'


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("zh_CN", "zh"),
        ("Chinese (Simplified)_China", "zh"),
        ("de_DE", "en"),
        (None, "en"),
    ],
)
def test_a_chapter_opens_in_the_language_of_the_system(monkeypatch, name, language):
    monkeypatch.setattr(places.locale, "getlocale", lambda: (name, "UTF-8"))
    assert places.language() == language


def test_a_system_without_a_known_language_speaks_english(monkeypatch):
    def unknown():
        raise ValueError("unknown locale: hi-IN")

    monkeypatch.setattr(places.locale, "getlocale", unknown)
    assert places.language() == "en"


def test_a_folder_is_writable_where_a_file_can_be_made(tmp_path):
    assert places.is_writable(tmp_path)
    assert not places.is_writable(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
