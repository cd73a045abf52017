"""Checkpoints: the newest, the one before, a second place; what a kill leaves."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from helpers import checkpoints, config, inference, phantom, saving, training

SMALL = config.TrainConfig(
    widths=(4, 8), patch_size=16, batch_size=2, steps=12, val_every=4
)


@pytest.fixture(scope="module")
def images():
    drawn = [phantom.draw(k, 72, 70) for k in range(3)]
    return drawn[:2], drawn[2:]


def new_run(images):
    how = {"device": torch.device("cpu"), "precision": "fp32"}
    return training.new_run(*images, SMALL, **how)


def step_of(path):
    return inference.read_torch_file(path)["step"]


def test_the_newest_and_the_one_before(images, tmp_path):
    run, kept = new_run(images), checkpoints.Checkpoints(tmp_path / "checkpoint.pt")
    for _ in run.steps(3):
        kept.save(run)
    assert step_of(tmp_path / "checkpoint.pt") == 3
    assert step_of(tmp_path / "checkpoint.before.pt") == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_a_save_is_due_after_a_while(images, tmp_path, monkeypatch):
    run, now = new_run(images), [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    kept = checkpoints.Checkpoints(tmp_path / "checkpoint.pt", every=30)
    assert not kept.save_if_due(run)
    assert kept.save_if_due(run, now=True)
    now[0] += 29
    assert not kept.save_if_due(run)
    now[0] += 1
    assert kept.save_if_due(run)


@pytest.mark.parametrize("harm", ["cut", "gone", "text"])
def test_a_damaged_newest_gives_way_to_the_one_before(images, tmp_path, harm, capsys):
    run, path = new_run(images), tmp_path / "checkpoint.pt"
    kept = checkpoints.Checkpoints(path)
    for _ in run.steps(7):
        kept.save(run)
    content = path.read_bytes()
    {"cut": lambda: path.write_bytes(content[: len(content) // 2]),
     "gone": path.unlink,
     "text": lambda: path.write_text("no checkpoint")}[harm]()  # fmt: skip
    again = new_run(images)
    assert checkpoints.found(path)
    assert checkpoints.Checkpoints(path).resume(again) == kept.before
    assert again.step == 6
    said = capsys.readouterr().out
    assert "checkpoint.pt" in said and "went back to" in said and "step 6" in said
    assert list(again.steps()) == list(run.steps(7)) + list(new_run(images).steps())[6:]


def test_where_none_can_be_read_the_newest_is_named(images, tmp_path):
    path = tmp_path / "checkpoint.pt"
    for name in ("checkpoint.pt", "checkpoint.before.pt"):
        (tmp_path / name).write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match=r"checkpoint\.pt cannot be read"):
        checkpoints.Checkpoints(path).resume(new_run(images))


def test_a_fresh_machine_goes_on_from_the_second_place(images, tmp_path):
    run, drive = new_run(images), tmp_path / "drive"
    drive.mkdir()
    kept = checkpoints.Checkpoints(tmp_path / "here/checkpoint.pt", drive)
    list(run.steps(5))
    kept.save(run)
    kept.close()
    fresh = checkpoints.Checkpoints(tmp_path / "there/checkpoint.pt", drive)
    again = new_run(images)
    assert fresh.resume(again) == drive / "checkpoint.pt"
    assert again.step == 5


def test_a_second_place_that_vanishes_stops_nothing(images, tmp_path):
    said, drive = [], tmp_path / "drive"
    drive.mkdir()
    kept = checkpoints.Checkpoints(tmp_path / "checkpoint.pt", drive, said.append)
    run = new_run(images)

    def saved_after(step):
        list(run.steps(step))
        kept.save(run)
        while kept.second.waiting.qsize():
            time.sleep(0.01)
        time.sleep(0.05)

    saved_after(1)
    for file in drive.iterdir():
        file.unlink()
    drive.rmdir()
    saved_after(2)
    saved_after(3)
    assert not drive.exists(), "a mount that is gone is not made anew as a folder"
    drive.mkdir()
    saved_after(4)
    kept.close()
    assert step_of(drive / "checkpoint.pt") == 4
    assert [text.split(":")[0].strip() for text in said] == [
        "no copy, the training goes on", f"copies go to {drive} again",
    ]  # fmt: skip
    assert step_of(tmp_path / "checkpoint.pt") == 4


def test_a_slow_second_place_gets_the_newest_alone(images, tmp_path, monkeypatch):
    write, begun = saving.write_bytes, []

    def slowly(path, content):
        begun.append(path)
        time.sleep(0.3)
        write(path, content)

    said, run = [], new_run(images)
    monkeypatch.setattr(saving, "write_bytes", slowly)
    kept = checkpoints.Checkpoints(tmp_path / "checkpoint.pt", tmp_path, said.append)
    kept.second.folder = tmp_path / "drive"
    kept.second.folder.mkdir()
    for _ in run.steps(8):
        kept.save(run)
    kept.second.close(patience=0.01)
    assert "too slow" in said[-1]
    kept.second.close(patience=5)
    assert step_of(tmp_path / "drive/checkpoint.pt") == 8
    assert len(begun) <= 3


def test_leftovers_of_killed_saves_are_removed(tmp_path):
    (tmp_path / ".checkpoint.pt.12345678.part").write_bytes(b"half")
    (tmp_path / "mine.part").write_bytes(b"another's")
    training.open_folder(tmp_path)
    assert [x.name for x in tmp_path.iterdir()] == ["mine.part"]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of Unix")
def test_killed_again_and_again_the_weights_are_the_same(tmp_path):
    """Two kills, one while a file is being written; then to the end."""
    code = """
import sys, time
from helpers import phantom, saving, training, config
import torch
torch.set_num_threads(1)
out, slow = sys.argv[1], float(sys.argv[2])
drawn = [phantom.draw(k, 72, 70) for k in range(3)]
small = config.TrainConfig(
    widths=(4, 8), patch_size=16, batch_size=2, steps=60, val_every=10
)
write = saving.Path.write_bytes
def slowly(path, content):
    with path.open("wb") as file:
        file.write(content[:1000]); file.flush()
        time.sleep(slow)
        file.write(content[1000:])
    print("written", flush=True)
saving.Path.write_bytes = slowly
from pathlib import Path
training.train(out, "PHANTOM", drawn[:2], drawn[2:], small, precision="fp32",
               resume=Path(out, "checkpoint.pt").exists()
               or Path(out, "checkpoint.before.pt").exists())
"""

    def start(out, slow="0"):
        command = [sys.executable, "-c", code, str(out), slow]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    whole = start(tmp_path / "whole")
    for wait in (0.02, 0.1):
        run = start(tmp_path / "killed", "0.15")
        for _ in range(3):
            run.stdout.readline()
        time.sleep(wait)
        run.send_signal(signal.SIGKILL)
        run.communicate()
    assert start(tmp_path / "killed").wait() == 0
    whole.communicate()
    assert whole.returncode == 0
    first, second = (
        inference.Segmenter.load(tmp_path / x / "weights.pt")
        for x in ("whole", "killed")
    )
    ours, theirs = first.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    names = {x.name for x in (tmp_path / "killed").iterdir()}
    assert names == {x.name for x in (tmp_path / "whole").iterdir()}
