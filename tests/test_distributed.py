"""Several processes compute what one does; if one dies, all are started anew."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import shared_training
import torch
from torch import nn

from helpers import distributed, places, training

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Start two processes of a script, of which one dies once, and wait for both."""
    out = tmp_path_factory.mktemp("shared")
    start = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    start += ["--max-restarts", "1", str(HERE / "shared_training.py"), str(out)]
    done = subprocess.run(
        [sys.executable, *start],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=HERE.parent,
        env=os.environ
        | {
            "PYTHONPATH": str(HERE.parent),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        },
    )
    assert done.returncode == 0, done.stderr
    done.out = out
    return done


@pytest.fixture(scope="module")
def two(done):
    files = (done.out / f"{rank}.pt" for rank in (0, 1))
    return [torch.load(file, weights_only=False) for file in files]


@pytest.fixture(scope="module")
def one():
    return shared_training.twenty_steps()


def test_two_processes_have_the_gradient_of_one(one, two):
    """Of five patches one draws three, the other two: a plain mean would be wrong."""
    for each in two:
        assert torch.allclose(each["gradient"], one["gradient"], rtol=1e-3, atol=1e-6)


def test_two_processes_have_the_losses_of_one(one, two):
    ours, theirs = (torch.tensor(x["losses"]) for x in (two[0], one))
    assert len(ours) == 20
    assert (ours - theirs).abs().max() < 1e-4
    assert (ours - theirs).abs().median() < 1e-5


def test_both_end_with_the_same_weights_and_scores(two):
    ours, theirs = (x["state"] for x in two)
    for part in ("model", "average"):
        pair = ours[part], theirs[part]
        pair = [x["module"] if part == "average" else x for x in pair]
        assert all(torch.equal(pair[0][key], pair[1][key]) for key in pair[0])
    assert [e["auc_pr"] for e in ours["history"]] == [
        e["auc_pr"] for e in theirs["history"]
    ]


def test_scores_and_running_statistics_are_those_of_one(one, two):
    ours, theirs = (x["state"] for x in (two[0], one))
    for mine, other in zip(ours["history"], theirs["history"], strict=True):
        assert mine["val_loss"] == pytest.approx(other["val_loss"], abs=1e-3)
        assert mine["auc_pr"] == pytest.approx(other["auc_pr"], abs=0.01)
    for key in (k for k in theirs["model"] if "running" in k):
        assert torch.allclose(ours["model"][key], theirs["model"][key], atol=0.02), key


def test_the_checkpoint_of_two_goes_on_in_one(two):
    run = training.new_run(
        *shared_training.drawn(), shared_training.SMALL, **shared_training.parts()
    )
    run.load_state_dict(two[0]["state"])
    assert run.step == 20
    assert all(type(x) is not distributed.BatchNorm for x in run.model.modules())
    list(run.steps(21))


def test_when_one_dies_all_are_started_anew_and_go_on(done):
    shared_training.folder(done.out / "one")
    ours, theirs = (
        json.loads((done.out / name / "history.json").read_text("utf-8"))["history"]
        for name in ("two", "one")
    )
    assert [e["step"] for e in ours] == [e["step"] for e in theirs] == [8, 16, 24]
    assert ours[-1]["val_loss"] == pytest.approx(theirs[-1]["val_loss"], abs=1e-3)
    assert done.stdout.count("step 8/24") == 1  # it went on from there
    assert done.stdout.count("step 24/24") == 1  # one process speaks
    assert not list((done.out / "two").glob(".*"))


@pytest.mark.parametrize("count", range(1, 12))
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_are_whole_and_even(monkeypatch, count, size):
    monkeypatch.setattr(distributed, "size", lambda: size)
    shares = []
    for rank in range(size):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        shares.append(range(count)[distributed.share(count)])
    assert [k for share in shares for k in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_nothing_is_joined_or_changed():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    with distributed.joined():
        assert (distributed.size(), distributed.rank()) == (1, 0)
        assert distributed.shared(net) is net
        assert distributed.synchronised(net, torch.device("cpu")) is net
        assert type(net[1]) is nn.BatchNorm2d
        assert distributed.together({2: "b", 1: "a"}) == {1: "a", 2: "b"}
        assert distributed.from_first("x") == "x"


def test_other_errors_stay_what_they_are(monkeypatch):
    joined = places.Process(0, 2, 0, 0)
    monkeypatch.setattr(distributed.places, "torchrun", lambda: joined)
    monkeypatch.setattr(distributed, "_join", lambda *_: None)
    with pytest.raises(RuntimeError, match="shape"), distributed.joined():
        raise RuntimeError("shape")
    with pytest.raises(ValueError, match="--resume goes on"), distributed.joined():
        raise RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed")


def test_more_processes_than_patches_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "size", lambda: 9)
    monkeypatch.setattr(distributed, "DistributedDataParallel", lambda net: net)
    with pytest.raises(ValueError, match="9 processes cannot share a batch of 8"):
        distributed.shared(nn.Identity())(torch.zeros(8, 4, 16, 16))
