"""The commands, and the environment that they make for themselves."""

import csv
import importlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import (
    classroom,
    config,
    datasets,
    download,
    environment,
    evaluation,
    fetch,
    fundus,
    inference,
    locks,
    pack,
    phantom,
    places,
    saving,
    wheels,
)
from notebooks.tools import run

commands = importlib.import_module("helpers.__main__")
ROOT = Path(__file__).resolve().parents[1]
ALL = (
    "run", "test", "data", "class", "progress", "train", "evaluate", "bench", "segment",
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """Run commands in this Python, in an empty folder, without a data folder."""
    monkeypatch.setattr(environment, "run_elsewhere", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "OUT"):  # set first, so that what a command sets is undone
        monkeypatch.setenv(f"FUNDUS_{name}", "")


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("数据 sets")
    phantom.write(folder / "PHANTOM", 146, 141)
    return folder


@pytest.fixture(scope="module")
def trained(phantoms, tmp_path_factory) -> Path:
    """Train for a few steps by the command; return its --out folder."""
    out = tmp_path_factory.mktemp("runs") / "first"
    options = ["--data", str(phantoms), "--out", str(out), "--mode", "smoke"]
    patch = pytest.MonkeyPatch()
    patch.setattr(environment, "run_elsewhere", lambda *_: None)
    patch.setenv("FUNDUS_DATA", "")
    assert commands.main(["train", "--dataset", "PHANTOM", *options]) == 0
    patch.undo()
    return out


def outside(*arguments, timeout=None, **variables) -> subprocess.CompletedProcess:
    """Run a command as a user does, in another process."""
    command = [sys.executable, str(ROOT / "helpers"), *map(str, arguments)]
    options = {"capture_output": True, "text": True, "errors": "replace"}
    env = {**os.environ, **variables}
    return subprocess.run(command, env=env, timeout=timeout, **options)


def seen(folder: Path) -> set[str]:
    """Return the names of the files that are not hidden."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


# Help and errors


@pytest.mark.parametrize("command", [[], *([name] for name in ALL)])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        commands.main([*command, "--help"])
    assert end.value.code == 0
    assert "usage: python3 -m helpers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["evaluate", "--dataset", "DRIVE", "--fast"], "unknown arguments: --fast"),
        ([], "COMMAND"),
    ],
)
def test_wrong_arguments_are_named(arguments, word, capsys):
    with pytest.raises(SystemExit) as end:
        commands.main(arguments)
    assert end.value.code == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["evaluate", "--dataset", "DRIVE", "--data", "no"], "there is no such folder"),
        (["run", "--data", "no"], "there is no such folder"),
        (["evaluate", "--dataset", "NONE"], "known are DRIVE, CHASEDB1"),
        (["evaluate", "--dataset", "."], "holds no images and no labels"),
        (
            ["evaluate", "--dataset", "PHANTOM", "--weights", "no.pt"],
            "no.pt is missing",
        ),
        (["segment", "x.png", "--out", "o", "--weights", "no.pt"], "no.pt is missing"),
        (
            ["train", "--dataset", "DRIVE", "--out", "o", "--data", "."],
            "does not exist",
        ),
        (["train", "--dataset", "DRIVE", "--out", "o", "--steps", "-1"], "positive"),
        (
            ["train", "--dataset", "DRIVE", "--out", "o", "--seed", "9" * 20],
            f"seed {'9' * 20} is too long: take at most 18 digits",
        ),
        (["run", "--only", "77", "--mode", "smoke"], "there is no chapter 77"),
        (["data", "DRIVE", "--from", "nothing.zip"], "does not exist"),
    ],
)
def test_errors_are_messages_with_exit_code_2(arguments, word, capsys, phantoms):
    if "PHANTOM" in arguments:
        arguments = [*arguments, "--data", str(phantoms)]
    assert commands.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and word in error


def test_a_wrong_mode_in_the_environment_is_a_message():
    done = outside("run", FUNDUS_MODE="fast")
    assert done.returncode == 2
    assert "FUNDUS_MODE is 'fast'" in done.stderr and "Traceback" not in done.stderr


def test_commands_work_from_any_folder_and_under_a_gbk_console(tmp_path, trained):
    path = tmp_path / "眼睛 né.txt"
    path.write_text("no image")
    weights = trained / "weights.pt"
    arguments = ("segment", path, "--out", "o", "--weights", weights)
    done = outside(*arguments, PYTHONIOENCODING="gbk", PYTHONPATH="")
    assert done.returncode == 2, done.stderr
    assert "cannot be read as an image" in done.stderr
    assert "Traceback" not in done.stderr
    assert seen(tmp_path / "o") == {"segment.csv", "index.html"}


@pytest.mark.parametrize("diameter", ["inf", "nan", "1", "1e12", "-5", "0"])
def test_a_diameter_that_no_eye_has_is_refused_before_anything(diameter, capsys):
    with pytest.raises(SystemExit, match="2"):
        commands.main(["segment", "x.png", "--out", "o", f"--diameter={diameter}"])
    assert f"{diameter} pixels: take 50 to 20,000" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--dataset", "PHANTOM", "--json"],
        ["bench", "--json"],
        ["run", "--mode", "smoke", "--out"],
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(
    monkeypatch, arguments, tmp_path, capsys
):
    monkeypatch.setattr(commands, "prepare", lambda _: pytest.fail("began"))
    monkeypatch.setattr(run, "main", lambda _: pytest.fail("began"))
    (tmp_path / "file").write_bytes(b"1")
    place = "file" if "run" in arguments else "file/scores.json"
    assert commands.main([*arguments, place]) == 2
    assert "cannot be written (" in capsys.readouterr().err
    assert (tmp_path / "file").read_bytes() == b"1"


class OutOfMemoryError(RuntimeError):
    """torch's is of this name and this kind."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 1.05 TiB"),
        OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=repr,
)
def test_a_full_memory_is_a_sentence(monkeypatch, capsys, error):
    def fill(*_):
        raise error

    monkeypatch.setattr(environment, "run_elsewhere", fill)
    assert commands.main(["progress"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the memory is full: close other programs")
    assert str(error) in said
    error = RecursionError("a fault of ours")
    with pytest.raises(RecursionError):
        commands.main(["progress"])


def test_other_packages_and_a_backend_that_is_none_do_not_reach_a_command(tmp_path):
    """What the shell of another project has set; photo imports matplotlib."""
    for name in ("numpy", "torch", "matplotlib"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('of another Python')")
    folder = tmp_path / "empty"
    folder.mkdir()
    given = {"PYTHONPATH": str(tmp_path), "MPLBACKEND": "nonsense"}
    done = outside("segment", folder, "--out", "o", **given)
    assert done.returncode == 2, done.stderr
    assert "holds no image file" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_command_that_is_ended_leaves_no_temporary_folder(tmp_path, monkeypatch):
    scratch, pipe = tmp_path / "tmp", tmp_path / "source"
    scratch.mkdir()
    os.mkfifo(pipe)  # it waits there for bytes, its folder made
    command = [sys.executable, ROOT / "helpers", "data", "DRIVE", "--from", pipe]
    env = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen([*command, "--data", tmp_path / "sets"], env=env) as process:
        for _ in range(2000):
            if any(scratch.glob("fundus-*")):
                break
            time.sleep(0.01)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert not list(scratch.iterdir())


def test_ctrl_c_is_not_a_traceback(monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "run_elsewhere", stop)
    assert commands.main(["test"]) == 130
    assert "Stopped" in capsys.readouterr().err


# data, train, evaluate, segment


def test_data_draws_phantoms_and_passes_the_rest_on(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(phantom, "write", lambda folder: seen.append(folder))
    monkeypatch.setattr(download, "get", lambda *given: seen.append(given))
    options = ["--data", "new folder", "--from", "a.zip", "--accept-terms"]
    assert commands.main(["data", "PHANTOM", "DRIVE", *options]) == 0
    place = tmp_path / "new folder"
    assert seen == [place / "PHANTOM", ("DRIVE", place, True, "a.zip")]


def test_data_all_goes_on_after_a_set_that_fails(monkeypatch, tmp_path, capsys):
    seen = []

    def get(name, *_):
        seen.append(name)
        if name == "CHASEDB1":
            raise fetch.DownloadError("no source\nremedy")

    monkeypatch.setattr(download, "get", get)
    assert commands.main(["data", "all"]) == 2
    assert seen == ["DRIVE", "CHASEDB1", "STARE", "HRF", "ISBI2012_EM"]
    assert capsys.readouterr().err == "error: CHASEDB1: no source\nremedy\n"
    assert commands.main(["data", "DRIVE", "HRF"]) == 0
    assert commands.main(["data"]) == 2
    assert "name a data set, or all" in capsys.readouterr().err


def test_data_all_ends_where_the_disk_takes_nothing(monkeypatch, capsys):
    def get(name, *_):
        raise saving.DiskError(f"{name} cannot be written")

    monkeypatch.setattr(download, "get", get)
    assert commands.main(["data", "all"]) == 2
    assert capsys.readouterr().err == "error: DRIVE cannot be written\n"


def test_data_packs_the_sets_that_are_named(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(pack, "write", lambda *given: seen.append(given))
    options = ["--pack", "c.zip", "--data", "sets"]
    assert commands.main(["data", *options, "DRIVE", "HRF"]) == 0
    assert commands.main(["data", *options]) == 0
    names = ["DRIVE", "HRF"]
    assert seen == [(Path("c.zip"), tmp_path / "sets", x) for x in (names, None)]


def test_data_packs_wheels_for_the_systems_that_are_named(monkeypatch, tmp_path):
    seen = []

    def fetch(folder, systems, pythons, say):
        seen.append((systems, pythons))
        (folder / "a.whl").write_bytes(b"a")

    def write(*_, wheels):
        seen.append([path.name for path in wheels.iterdir()])

    monkeypatch.setattr(wheels, "fetch", fetch)
    monkeypatch.setattr(pack, "write", write)
    file = ["data", "CHASEDB1", "--pack", "new/c.zip", "--wheels"]
    assert commands.main([*file, "win_amd64", "--python", "3.12", "3.13"]) == 0
    monkeypatch.setattr(wheels, "this_system", lambda: "macos_arm64")
    assert commands.main(file) == 0
    own = [wheels.this_python()]
    assert seen[::2] == [(["win_amd64"], ["3.12", "3.13"]), (["macos_arm64"], own)]
    assert seen[1::2] == [["a.whl"]] * 2
    assert not list((tmp_path / "new").iterdir())


def test_wheels_without_a_pack_are_refused(capsys):
    assert commands.main(["data", "--wheels"]) == 2
    assert "name its file with --pack" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("there", "given", "packed"),
    [
        ([], [], []),
        (["CHASEDB1", "DRIVE"], [], ["CHASEDB1"]),
        ([], ["DRIVE"], ["DRIVE"]),
    ],
)
def test_class_packs_what_may_be_passed_on_and_serves_it(
    monkeypatch, tmp_path, capsys, there, given, packed
):
    seen = []
    state = lambda name, _: (["a file"] if name in there else [], [], [])  # noqa: E731
    monkeypatch.setattr(download, "state", state)
    monkeypatch.setattr(pack, "write", lambda *given: seen.append(given))
    monkeypatch.setattr(classroom, "serve", lambda *given: seen.append(given))
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path / "out"))
    options = ["--data", "sets", "--port", "8123"]
    (tmp_path / "sets").mkdir(exist_ok=True)
    assert commands.main(["class", *given, *options]) == 0
    file = tmp_path / "out/fundus-course.zip"
    assert seen == [(file, tmp_path / "sets", packed), (file, 8123, print)]
    said = capsys.readouterr().out
    assert ("No photographs are in this pack" in said) == (not packed)
    assert ("压缩包里没有照片" in said) == (not packed)


def test_class_serves_the_pack_that_is_named(monkeypatch, tmp_path, capsys):
    seen = []
    monkeypatch.setattr(classroom, "serve", lambda *given: seen.append(given))
    assert commands.main(["class", "--pack", "mine.zip"]) == 2
    assert "mine.zip does not exist; `data --pack" in capsys.readouterr().err
    (tmp_path / "mine.zip").write_bytes(b"PK")
    assert commands.main(["class", "--pack", "mine.zip"]) == 0
    assert seen == [(Path("mine.zip"), 8000, print)]
    assert commands.main(["class", "DRIVE", "--pack", "mine.zip"]) == 2


BLOCK = """
[MADE_UP]
title = "MADE_UP, two eyes"
home = "https://name.invalid/"
terms = "none"
citation = "none"
image = "{id}/eye.tif"
vessels = "{id}/vessels.gif"

[MADE_UP.splits]
train = ""
val = "two"
test = "one"
"""


@pytest.fixture
def made_up(monkeypatch, phantoms, tmp_path) -> Path:
    """Add a set by a block and a list of its files; return a folder of these files."""
    folder, test = tmp_path / "lab", phantoms / "PHANTOM/test"
    for number, name in (("01", "one"), ("02", "two")):
        (folder / name).mkdir(parents=True)
        shutil.copy(test / f"images/{number}_test.tif", folder / name / "eye.tif")
        label = test / f"1st_manual/{number}_manual1.gif"
        shutil.copy(label, folder / name / "vessels.gif")
    copy = tmp_path / "copy"
    shutil.copytree(datasets.HERE / "manifests", copy / "manifests")
    facts = (datasets.HERE / "datasets.toml").read_text("utf-8")
    (copy / "datasets.toml").write_text(facts + BLOCK, "utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{datasets.sha256(p)}  {p.relative_to(folder).as_posix()}" for p in files]
    (copy / "manifests/MADE_UP.sha256").write_text("\n".join(lines), "utf-8")
    monkeypatch.setattr(datasets, "HERE", copy)
    facts = datasets._read_datasets()["MADE_UP"]
    monkeypatch.setitem(datasets.DATASETS, "MADE_UP", facts)
    return folder


def test_a_new_set_is_a_block_and_a_list(made_up, trained, tmp_path, capsys):
    place = ["--data", str(tmp_path / "sets")]
    assert commands.main(["data", "MADE_UP", "--from", str(made_up), *place]) == 0
    assert "4 of 4 files of MADE_UP verified: complete" in capsys.readouterr().out
    options = ["--weights", str(trained / "weights.pt")]
    assert commands.main(["evaluate", "--dataset", "MADE_UP", *place, *options]) == 0
    assert "MADE_UP test, 1 images" in capsys.readouterr().out
    assert commands.main(["data", "MADE_UP", "--pack", "p.zip", *place]) == 0
    assert "The terms of MADE_UP do not let you" in capsys.readouterr().out


def test_a_converted_copy_of_a_new_set_is_known_by_its_name(made_up, tmp_path, capsys):
    for path in (made_up / "two").iterdir():
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    options = ["--from", str(made_up), "--data", str(tmp_path / "sets")]
    assert commands.main(["data", "MADE_UP", *options]) == 0
    assert "2 of 4 files of MADE_UP verified, 2 not" in capsys.readouterr().out


def test_a_new_set_without_a_list_is_told_what_it_lacks(made_up, capsys):
    (datasets.HERE / "manifests/MADE_UP.sha256").unlink()
    assert commands.main(["data", "MADE_UP", "--from", str(made_up)]) == 2
    assert "it lists the files of MADE_UP" in capsys.readouterr().err


def test_train_leaves_checkpoint_weights_history_and_record(trained):
    names = {"checkpoint.pt", "weights.pt", "history.json", "result.json"}
    names |= {"checkpoint.before.pt"}
    assert seen(trained) == names
    result = json.loads((trained / "result.json").read_text("utf-8"))
    assert result["steps"] == config.PRESETS["smoke"].steps
    assert result["weights_sha256"] == datasets.sha256(trained / "weights.pt")
    assert result["dataset"] == "PHANTOM"
    history = json.loads((trained / "history.json").read_text("utf-8"))["history"]
    assert [h["step"] for h in history] == [12, 24]


def test_train_does_not_overwrite_a_run(trained, phantoms, capsys):
    options = ["--dataset", "PHANTOM", "--out", str(trained), "--data", str(phantoms)]
    assert commands.main(["train", "--mode", "smoke", *options]) == 2
    assert "add --resume" in capsys.readouterr().err


def test_train_is_refused_where_another_trains(phantoms, tmp_path, capsys):
    options = ["--dataset", "PHANTOM", "--mode", "smoke", "--data", str(phantoms)]
    with locks.alone(tmp_path / "run"):
        assert commands.main(["train", "--out", str(tmp_path / "run"), *options]) == 2
    assert "another process works in" in capsys.readouterr().err
    assert not seen(tmp_path / "run")


def test_train_resumed_gives_the_same_weights(
    trained, phantoms, tmp_path, monkeypatch, capsys
):
    from helpers import training

    def stop_early(run):
        monkeypatch.undo()
        yield from run.steps(12)
        raise KeyboardInterrupt

    options = ["--dataset", "PHANTOM", "--data", str(phantoms), "--resume"]
    out = ["--out", str(tmp_path / "second")]
    command = ["train", "--mode", "smoke", *options, *out]
    monkeypatch.setattr(training.TrainingRun, "steps", stop_early)
    assert commands.main(command) == 130
    assert "no checkpoint in" in capsys.readouterr().out  # it began all the same
    assert not (tmp_path / "second/result.json").exists()
    half = inference.Segmenter.load(tmp_path / "second/weights.pt")
    assert half.origin["steps"] == 12  # the best so far
    monkeypatch.setattr(environment, "run_elsewhere", lambda *_: None)
    assert commands.main(command) == 0
    first, second = (
        inference.Segmenter.load(folder / "weights.pt").model.state_dict()
        for folder in (trained, tmp_path / "second")
    )
    assert all((first[key] == second[key]).all() for key in first)


def test_evaluate_prints_and_writes_scores(trained, phantoms, tmp_path, capsys):
    out = tmp_path / "folder/scores.json"
    options = ["--weights", str(trained / "weights.pt"), "--json", str(out)]
    command = ["evaluate", "--dataset", "PHANTOM", "--data", str(phantoms), *options]
    command += ["--tta", "flips"]
    assert commands.main(command) == 0
    result = json.loads(out.read_text("utf-8"))
    assert result["split"] == "test" and result["images"] == 8
    assert result["protocol"] == "fov" and result["tta"] == "flips"
    assert set(result["pooled"]) == set(result["ci95"])
    assert {"auc_roc", "auc_pr", "dice", "mcc", "accuracy"} <= set(result["pooled"])
    assert [row["name"] for row in result["per_image"]] == [
        f"{n:02d}" for n in range(1, 9)
    ]
    assert {"weights", "precision", "environment", "threshold"} <= set(result)
    assert f"{result['pooled']['dice']:.4f}" in capsys.readouterr().out
    assert commands.main([*command, "--threshold", "0.984375"]) == 0
    other = json.loads(out.read_text("utf-8"))
    assert other["threshold"] == 0.984375 != result["threshold"]
    assert other["pooled"]["auc_roc"] == result["pooled"]["auc_roc"]
    assert other["pooled"]["sensitivity"] != result["pooled"]["sensitivity"]
    with pytest.raises(SystemExit, match="2"):
        commands.main([*command, "--threshold", "1"])
    assert "must lie between 0 and 1" in capsys.readouterr().err


def test_retraining_takes_all_labelled_images_and_keeps_the_threshold(
    trained, phantoms, tmp_path, capsys
):
    first = inference.Segmenter.load(trained / "weights.pt")
    first.threshold = 0.375
    first.save(tmp_path / "first.pt")
    command = ["train", "--dataset", "PHANTOM", "--data", str(phantoms), "--seed", "1"]
    command += ["--mode", "smoke", "--out", str(tmp_path), "--with-val"]
    assert commands.main(command) == 2
    assert "give --threshold" in capsys.readouterr().err
    assert commands.main([*command, "--threshold", str(tmp_path / "first.pt")]) == 0
    again = inference.Segmenter.load(tmp_path / "weights.pt")
    assert again.threshold == first.threshold
    splits = datasets.DATASETS["PHANTOM"].splits
    assert again.origin["trained_on"] == [*splits["train"], *splits["val"]]
    assert first.origin["trained_on"] == list(splits["train"])
    steps = first.origin["config"]["steps"]
    expected = first.origin["config"] | {"seed": 1, "val_every": steps}
    assert again.origin["config"] == expected  # one look, at the end: nothing to choose
    assert again.origin["steps"] == steps
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert result["best"] is None  # nothing was chosen, nothing validated
    printed = capsys.readouterr()
    assert f"step {steps}/{steps}" in printed.out and "val Dice" not in printed.out
    command = ["evaluate", "--dataset", "PHANTOM", "--data", str(phantoms)]
    command += ["--split", "val", "--json", str(tmp_path / "scores.json")]
    weights = str(tmp_path / "weights.pt")
    assert commands.main([*command, "--weights", str(trained / "weights.pt")]) == 0
    assert "trained on" not in capsys.readouterr().err
    assert commands.main([*command, "--weights", weights]) == 0
    number = len(splits["val"])
    assert f"trained on {number} of these images" in capsys.readouterr().err
    scores = json.loads((tmp_path / "scores.json").read_text("utf-8"))
    assert scores["trained_on_of_these"] == sorted(splits["val"])


def test_evaluate_averages_networks_and_scores_objects(trained, phantoms, tmp_path):
    first = inference.Segmenter.load(trained / "weights.pt")
    second = inference.Segmenter.load(trained / "weights.pt")
    for weights in second.model.parameters():
        weights.data.neg_()
    second.threshold = first.threshold / 2
    threshold = 0.75 * first.threshold
    files = [str(tmp_path / name) for name in ("a.pt", "b.pt")]
    for network, file in zip((first, second), files, strict=True):
        network.save(file)
    command = ["evaluate", "--dataset", "PHANTOM", "--data", str(phantoms)]
    results = []
    for number in (1, 2):
        out = tmp_path / f"{number}.json"
        options = ["--json", str(out), "--weights", *files[:number]]
        assert commands.main([*command, *options]) == 0
        results.append(json.loads(out.read_text("utf-8")))
    one, two = results
    assert two["weights"] == " ".join(files) and two["threshold"] == threshold
    images = fundus.load("PHANTOM", "test", phantoms)
    mean = evaluation.evaluate(
        lambda x: (first.probs(x.image, x.fov) + second.probs(x.image, x.fov)) / 2,
        images,
        threshold,
    )
    assert two["pooled"] == pytest.approx(mean.pooled, abs=1e-6)
    assert one["pooled"]["auc_roc"] != pytest.approx(two["pooled"]["auc_roc"])
    raw, cleaned = one["objects"]
    assert (raw["speck"], cleaned["speck"]) == (0, evaluation.SPECK)
    assert raw["dice"] == pytest.approx(one["pooled"]["dice"])
    assert raw["betti_0_error"] != cleaned["betti_0_error"]
    assert sum(one["calibration"]["share"]) == pytest.approx(1)
    difference, low, high = one["against_second_observer"]["dice"]
    second = one["second_observer"]["pooled"]["dice"]
    assert difference == pytest.approx(one["pooled"]["dice"] - second)
    assert low < high


def test_bench_hands_its_words_on_and_writes(monkeypatch, phantoms, tmp_path):
    from results.experiments import bench

    monkeypatch.setattr(datasets, "verify", lambda *_: {"differs": []})
    monkeypatch.setattr(bench, "main", lambda words: {"rows": words})
    out = tmp_path / "bench.json"
    assert commands.main(["bench", "training", "--json", str(out)]) == 0
    assert json.loads(out.read_text("utf-8")) == {"rows": ["training"]}


def test_evaluate_without_test_labels_takes_validation(
    monkeypatch, phantoms, trained, capsys
):
    images = fundus.load("PHANTOM", "val", phantoms)
    monkeypatch.setattr(datasets, "scored_split", lambda *_: "val")
    monkeypatch.setattr(fundus, "OnDisk", lambda _, split, *__: images[: len(split)])
    monkeypatch.setattr(datasets, "verify", lambda *_: {"differs": ["a.tif"]})
    options = ["--data", str(phantoms), "--weights", str(trained / "weights.pt")]
    assert commands.main(["evaluate", "--dataset", "DRIVE", *options]) == 0
    said = capsys.readouterr()
    assert "the validation images stand in" in said.err
    assert "DRIVE/a.tif is not the published file" in said.err
    assert "DRIVE val, 3 images" in said.out


def test_segment_never_overwrites_another_images_result(phantoms, trained, tmp_path):
    eye = phantoms / "PHANTOM/test/images/01_test.tif"
    other = phantoms / "PHANTOM/test/images/02_test.tif"
    (tmp_path / "b").mkdir()
    shutil.copy(eye, tmp_path / "a.tif")
    Image.open(other).save(tmp_path / "a.png")
    Image.open(other).rotate(90).save(tmp_path / "b/a.png")
    images = ["a.tif", "a.png", "b/a.png"]
    options = ["--out", "out", "--weights", str(trained / "weights.pt")]
    assert commands.main(["segment", *images, *options]) == 0
    stems = ["a", "a_png", "a-2"]
    kinds = ["prob.png", "vessels.png", "overlay.jpg", "fov.png", "thumb.jpg"]
    expected = {f"{stem}_{kind}" for stem in stems for kind in kinds}
    assert seen(Path("out")) == expected | {"segment.csv", "index.html"}
    before = {p: p.read_bytes() for p in Path("out").glob("*_*")}
    command = ["segment", *images, *options, "--again"]
    assert commands.main(command) == 0, "again: the same files"
    assert {p: p.read_bytes() for p in Path("out").glob("*_*")} == before
    probs = np.asarray(Image.open("out/a_prob.png"))
    assert probs.dtype == np.uint16 and probs.shape == (146, 141)
    assert probs.max() > 255
    assert set(np.unique(Image.open("out/a_vessels.png"))) <= {0, 255}
    assert np.asarray(Image.open("out/a_overlay.jpg")).shape == (146, 141, 3)


def test_segment_goes_on_after_a_file_that_is_no_image(phantoms, trained, capsys):
    Path("bad.png").write_text("text")
    eye = phantoms / "PHANTOM/test/images/01_test.tif"
    options = ["--out", "out", "--weights", str(trained / "weights.pt")]
    assert commands.main(["segment", "bad.png", str(eye), *options]) == 2
    said = capsys.readouterr()
    assert "error: [1/2" in said.err and "bad.png cannot be read" in said.err
    assert "1 of 2 segmented; " in said.out
    assert len(list(Path("out").glob("*_*"))) == 5
    assert commands.main(["segment", "bad.png", str(eye), *options]) == 2
    assert "0 of 2 segmented, 1 done before (--again)" in capsys.readouterr().out


def table(out="out") -> list[dict]:
    with Path(out, "segment.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_segment_takes_a_folder_and_keeps_a_table(phantoms, trained, capsys):
    eyes = sorted((phantoms / "PHANTOM/test/images").iterdir())[:2]
    Path("照片").mkdir()
    shutil.copy(eyes[0], "照片/a.tif")
    Image.open(eyes[1]).save("照片/b.PNG")
    Path("照片/c.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    Path("照片/notes.txt").write_text("no photograph")
    Image.fromarray(np.zeros((80, 80, 3), np.uint8)).save("照片/d.bmp")
    options = ["--out", "out", "--weights", str(trained / "weights.pt")]
    assert commands.main(["segment", "照片", *options]) == 2
    said = capsys.readouterr()
    assert "[4/4] " in said.out and "c.jpg cannot be read" in said.err
    assert " left] 照片/b.PNG -> b\n" in said.out.replace(os.sep, "/")
    a, b, c, d = table()
    assert [Path(row["file"]).name for row in (a, b, c, d)] == [
        "a.tif", "b.PNG", "c.jpg", "d.bmp",
    ]  # fmt: skip
    assert (a["rows"], a["columns"], a["result"]) == ("146", "141", "a")
    assert 0.5 < float(a["fov_share"]) < 0.9 and float(a["seconds"]) > 0
    assert "no dark border" in d["warnings"] and "d.bmp: no dark" in said.err
    assert c["error"] and not c["result"] and not list(Path("out").glob("c*"))
    probs = np.asarray(Image.open("out/a_prob.png")) / 65535
    pred = np.asarray(Image.open("out/a_vessels.png")) > 0
    high = ["--threshold", str(np.quantile(probs[probs > 0], 0.99))]
    assert commands.main(["segment", "照片/a.tif", *options, *high]) == 0
    assert 0 < (np.asarray(Image.open("out/a_vessels.png")) > 0).sum() < pred.sum()
    assert "1 other file left out: 1 .txt" in said.out
    command = ["segment", "照片/b.PNG", "--out", "other", *options[2:]]
    assert commands.main([*command, "--diameter", "400"]) == 0
    assert table("other")[0]["fov_diameter"] == "400"
    after = {Path(row["file"]).name: row for row in table()}
    assert after["b.PNG"] == b and len(after) == 4, "lines of earlier calls stay"
    assert float(after["a.tif"]["vessel_share"]) < float(a["vessel_share"])


def test_segment_refuses_what_would_lose_or_confuse(phantoms, capsys):
    eye = str(phantoms / "PHANTOM/test/images/01_test.tif")
    Path("empty").mkdir()
    Path("mine").mkdir()
    Path("mine/segment.csv").write_text("my,own,table\n1,2,3\n")
    for arguments, word in (
        (["empty", "--out", "o"], "holds no image file"),
        (["empty", "--out", "empty"], "holds the photographs"),
        ([eye, "--out", "mine"], "is not a table of this version"),
        ([eye, "--out", "o", "--keep", "all"], "name some of prob,vessels"),
        ([eye, "--out", "o", "--list", "a.csv"], "or a list of them"),
        (["--out", "o"], "name photographs or folders"),
        ([eye, "--out", "o", "--mask", "no"], "there is no such mask"),
        ([eye, "--out", "o", "--shard", "5/4"], "there is no shard 5 of 4"),
        ([eye, "--out", "o", "--shard", "auto"], "--shard auto finds no number"),
        ([eye, "--out", "o", "--merge"], "--merge takes no photographs"),
    ):
        assert commands.main(["segment", *arguments]) == 2
        assert word in capsys.readouterr().err
    assert Path("mine/segment.csv").read_text() == "my,own,table\n1,2,3\n"
    assert not Path("o").exists()


def test_segment_takes_a_list_masks_networks_and_jobs(phantoms, trained, capsys):
    eye = phantoms / "PHANTOM/test/images/01_test.tif"
    shutil.copy(eye, "a.tif")
    mask = Image.new("L", (141, 146))
    mask.paste(255, (30, 30, 110, 110))
    mask.save("mask.png")
    Path("list.csv").write_text("id,path\npatient,a.tif\n")
    weights = [str(trained / "weights.pt")] * 2
    command = ["segment", "--list", "list.csv", "--out", "out", "--weights", *weights]
    command += ["--mask", "mask.png", "--keep", "vessels,fov", "--tta", "flips"]
    assert commands.main(command) == 0
    assert seen(Path("out")) == {
        "segment.csv",
        "index.html",
        "patient_vessels.png",
        "patient_fov.png",
    }
    (row,) = table()
    assert row["weights"] == "+".join([datasets.sha256(weights[0])[:12]] * 2)
    assert row["fov_diameter"] == "80" and row["mask"] and row["copies"] == "flips"
    with pytest.raises(SystemExit, match="2"):
        commands.main(["segment", "a.tif", "--out", "o", "--jobs", "0"])
    assert "0 must be at least 1" in capsys.readouterr().err


def test_segment_in_shards_gives_what_one_run_gives(phantoms, trained, capsys):
    folder = str(phantoms / "PHANTOM/test/images")
    options = ["--weights", str(trained / "weights.pt"), "--keep", "vessels"]
    assert commands.main(["segment", folder, "--out", "whole", *options]) == 0
    for shard in ("2/2", "1/2"):
        command = ["segment", folder, "--out", "o o", "--shard", shard, *options]
        assert commands.main(command) == 0
    merging = f'{places.COMMAND} segment --merge --out "o o"\n'
    assert f"When all 2 shards have ended: {merging}" in capsys.readouterr().out
    assert not Path("o o/index.html").exists()
    assert commands.main(["segment", "--merge", "--out", "o o"]) == 0
    one, merged = ([r | {"seconds": ""} for r in table(o)] for o in ("whole", "o o"))
    assert one == merged
    for name in ("index.html", *(f"{row['result']}_vessels.png" for row in one)):
        assert Path("o o", name).read_bytes() == Path("whole", name).read_bytes()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0.0, ""), (89.4, ", 89 s left"), (90, ", 2 min left"),
        (500, ", 8 min left"), (5399, ", 90 min left"), (5400, ", 2 h left"),
    ],
)  # fmt: skip
def test_the_time_that_remains_in_words(seconds, text):
    assert commands.time_left(seconds) == text


def mutated(rng: random.Random, content: bytes, kind: str) -> bytes:
    """Return a damaged copy of a file: bits flipped, cut off, or an absurd header."""
    data = bytearray(content)
    if kind == "cut":
        return bytes(data[: rng.randrange(len(data))])
    for _ in range(rng.randint(1, 16)):
        place = rng.randrange(len(data) if kind == "flipped" else 64)
        data[place] = rng.choice((0, 127, 255, data[place] ^ 1 << rng.randrange(8)))
    return bytes(data)


def test_segment_survives_two_hundred_damaged_files(phantoms, trained, tmp_path):
    """In a process of its own, with an end to its time: a hang would fail, too."""
    rng, folder = random.Random(0), tmp_path / "photos"
    folder.mkdir()
    eye = Image.open(phantoms / "PHANTOM/test/images/01_test.tif").convert("RGB")
    formats = ("png", "jpeg", "tiff", "bmp", "ppm", "webp", "gif", "tiff")
    cut = []
    for number in range(200):
        kind = ("flipped", "cut", "header", "renamed")[number // 8 % 4]
        name, whole = formats[number % 8], io.BytesIO()
        eye.save(
            whole, name, **({"compression": "tiff_lzw"} if number % 8 == 7 else {})
        )
        content = whole.getvalue()
        if kind != "renamed":
            content = mutated(rng, content, kind)
        path = (
            folder
            / f"{number:03d}.{rng.choice(formats) if kind == 'renamed' else name}"
        )
        path.write_bytes(content)
        cut += [path.stem] if kind == "cut" else []
    arguments = ("segment", folder, "--out", tmp_path / "out")
    done = outside(*arguments, "--weights", trained / "weights.pt", timeout=300)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    rows = {Path(row["file"]).stem: row for row in table(tmp_path / "out")}
    assert len(rows) == 200
    broken = {name for name, row in rows.items() if row["error"]}
    assert broken >= set(cut) and len(broken) < 150
    results = {path.stem[:3] for path in (tmp_path / "out").glob("*_*")}
    assert results == rows.keys() - broken, "no picture of a broken file"
    for path in (tmp_path / "out").glob("*_*"):
        Image.open(path).load()


# run, test


@pytest.fixture
def runner(monkeypatch) -> list:
    """Replace the runner; return the list of the arguments that it gets."""
    seen = []
    monkeypatch.setattr(run, "main", lambda options: seen.append(options) or 0)
    return seen


def test_run_leaves_fetching_to_the_chapters(monkeypatch, runner, capsys, tmp_path):
    monkeypatch.setattr(places, "ROOT", tmp_path)
    monkeypatch.delenv("FUNDUS_DATA")
    assert commands.main(["run", "--only", "03,04", "--out", "o"]) == 0
    assert "PHANTOMS" not in capsys.readouterr().out
    options = ["--mode", "lesson", "--only", "03,04", "--language", "en", "--out", "o"]
    assert runner == [options]


def test_run_takes_the_data_folder(monkeypatch, runner, capsys, tmp_path):
    (tmp_path / "数据").mkdir()
    assert commands.main(["run", "--data", "数据", "--mode", "full"]) == 0
    assert os.environ["FUNDUS_DATA"] == str(tmp_path / "数据")


@pytest.mark.parametrize("dataset", ["", "phantom"])
def test_run_says_that_smoke_mode_draws(monkeypatch, runner, capsys, dataset):
    monkeypatch.setenv("FUNDUS_DATASET", dataset)
    assert commands.main(["run", "--mode", "smoke"]) == 0
    assert "PHANTOMS" in capsys.readouterr().out


def test_run_refuses_an_unknown_set(monkeypatch, runner, capsys):
    monkeypatch.setenv("FUNDUS_DATASET", "HRF")
    assert commands.main(["run"]) == 2
    assert "FUNDUS_DATASET is 'HRF'" in capsys.readouterr().err and not runner


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (
            [],
            [
                "-n",
                "auto",
                "--maxprocesses",
                "8",
                "--dist",
                "worksteal",
                "--cov=helpers",
                "--cov-fail-under=97",
            ],
        ),
        (["-k", "unet"], ["-k", "unet"]),
    ],
)
def test_test_calls_pytest_in_the_project(monkeypatch, given, passed):
    seen = []
    monkeypatch.setattr(
        commands.subprocess, "call", lambda c, cwd: seen.append((c, cwd)) or 5
    )
    monkeypatch.setenv("FUNDUS_DATA", "sets")
    assert commands.main(["test", *given]) == 5
    assert seen == [([sys.executable, "-m", "pytest", "-q", *passed], ROOT)]
    assert Path(os.environ["FUNDUS_DATA"]).is_absolute()
