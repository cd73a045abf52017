"""Checkpoints: the newest, the one before, a second place; what a kill leaves."""

import shutil
import subprocess
import sys
import threading
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


def until(true):
    """Wait for what a thread does, half a minute at most."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


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
    assert "checkpoint.pt" in said and "went on from" in said and "step 6" in said
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

    saved_after(1)
    until(lambda: (drive / "checkpoint.pt").exists())
    shutil.rmtree(drive)
    saved_after(2)
    until(lambda: said)
    saved_after(3)
    until(lambda: not kept.second.waiting.qsize())
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
    write, begun, goes_on = saving.write_bytes, [], threading.Event()

    def slowly(path, content):
        begun.append(path)
        goes_on.wait(30)
        write(path, content)

    said, run, drive = [], new_run(images), tmp_path / "drive"
    drive.mkdir()
    monkeypatch.setattr(saving, "write_bytes", slowly)
    kept = checkpoints.Checkpoints(tmp_path / "checkpoint.pt", drive, said.append)
    for _ in run.steps(8):
        kept.save(run)
    kept.second.close(patience=0.01)
    assert "too slow" in said[-1]
    goes_on.set()
    kept.second.close(patience=30)
    assert step_of(drive / "checkpoint.pt") == 8
    assert len(begun) <= 2  # the one under way, and of the others the last


def test_the_furthest_is_gone_on_from(images, tmp_path, capsys):
    """What lies here may be older than the copy, as on a machine given out anew."""
    run, drive = new_run(images), tmp_path / "drive"
    drive.mkdir()
    kept = checkpoints.Checkpoints(tmp_path / "checkpoint.pt", drive)
    list(run.steps(3))
    kept.save(run)
    old = (tmp_path / "checkpoint.pt").read_bytes()
    list(run.steps(9))
    kept.save(run)
    kept.close()
    (tmp_path / "checkpoint.pt").write_bytes(old)
    (tmp_path / "checkpoint.before.pt").unlink()
    again = new_run(images)
    found = checkpoints.Checkpoints(tmp_path / "checkpoint.pt", drive).resume(again)
    assert found == drive / "checkpoint.pt" and again.step == 9
    assert "went on from" in capsys.readouterr().out


def test_a_second_place_is_refused_early(images, tmp_path):
    def begin(second, **how):
        return training.open_folder(tmp_path / "out", second=second, **how)

    with pytest.raises(FileNotFoundError, match="mount the drive"):
        begin(tmp_path / "gone")
    (tmp_path / "out").mkdir(exist_ok=True)
    with pytest.raises(ValueError, match="folder of the run"):
        begin(tmp_path / "out")
    drive = tmp_path / "drive"
    drive.mkdir()
    new_run(images).save(drive / "checkpoint.pt")
    (drive / ".checkpoint.pt.12345678.part").write_bytes(b"half")
    with pytest.raises(ValueError, match="holds a checkpoint: add --resume"):
        begin(drive)
    begin(drive, resume=True)
    assert [x.name for x in drive.iterdir()] == ["checkpoint.pt"]


def test_a_loss_that_is_no_number_is_not_kept(images, tmp_path):
    run, kept = new_run(images), checkpoints.Checkpoints(tmp_path / "checkpoint.pt")
    list(run.steps(3))
    kept.save(run)
    run.recent.append(torch.tensor(float("nan")))
    with pytest.raises(ValueError, match="the loss is nan"):
        kept.save(run)
    assert step_of(tmp_path / "checkpoint.pt") == 3


def test_a_copy_under_way_is_finished_where_a_training_breaks_off(images, tmp_path):
    def broken(logits, vessels, fov):
        if saved():
            raise ValueError("my loss is broken")
        return training.losses.bce_dice_loss(logits, vessels, fov)

    def saved():
        return (tmp_path / "out/checkpoint.pt").exists()

    drive = tmp_path / "drive"
    drive.mkdir()
    with pytest.raises(ValueError, match="my loss is broken"):
        training.train(
            tmp_path / "out", "PHANTOM", *images, SMALL, second=drive, loss_fn=broken
        )
    assert step_of(drive / "checkpoint.pt") == step_of(tmp_path / "out/checkpoint.pt")


def test_leftovers_of_killed_saves_are_removed(tmp_path):
    (tmp_path / ".checkpoint.pt.12345678.part").write_bytes(b"half")
    (tmp_path / ".my_own.part").write_bytes(b"another's")
    training.open_folder(tmp_path)
    assert [x.name for x in tmp_path.iterdir()] == [".my_own.part"]


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
    halves = 0
    for wait in (0.02, 0.1):
        run = start(tmp_path / "killed", "0.15")
        for _ in range(3):
            run.stdout.readline()
        time.sleep(wait)
        run.kill()
        run.communicate()
        halves += len(list((tmp_path / "killed").glob(".*.part")))
        assert max(map(step_of, (tmp_path / "killed").glob("checkpoint*.pt"))) >= 10
    assert halves  # one kill at least fell into a file being written
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


def test_a_copy_that_is_damaged_is_no_fresh_start(images, tmp_path):
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "checkpoint.pt").write_bytes(b"half of it")
    run = training.Background(new_run(images), tmp_path / "a/checkpoint.pt", copies)
    with pytest.raises(ValueError, match="copies.*cannot be read"):
        run.resume()
    assert (copies / "checkpoint.pt").read_bytes() == b"half of it"
