"""What a U-Net costs: formulas against torch, the shape of the file; nothing timed."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from helpers import config, runtime
from helpers.unet import UNet
from results.experiments import arithmetic, cost, turns

CPU = torch.device("cpu")
SMALL = config.PRESETS["smoke"]
FOUND = {
    "calls": 2,
    "seconds": 2.0,
    "core_seconds": 1.0,
    "spread": 0.5,
    "each": [1.0, 1.0],
}


@pytest.fixture
def here(monkeypatch):
    """Leave threads, memory and environment of this process as they are."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(runtime, "tune", lambda _: None)
    monkeypatch.setattr(os, "environ", dict(os.environ))


@pytest.mark.parametrize("name", cost.SIZES)
def test_operations_by_hand_are_those_that_torch_counts(name):
    settings = cost.SIZES[name]
    by_hand = arithmetic.forward_flop(settings), arithmetic.step_flop(settings)
    assert by_hand == arithmetic.counted_flop(settings)


@pytest.mark.parametrize("widths", [(5,), (3, 7), (4, 8, 16, 32, 48, 50)])
def test_operations_by_hand_hold_for_other_networks(widths):
    settings = dataclasses.replace(SMALL, widths=widths, in_channels=3, patch_size=96)
    by_hand = arithmetic.forward_flop(settings), arithmetic.step_flop(settings)
    assert by_hand == arithmetic.counted_flop(settings)


def test_twice_as_wide_is_four_times_the_work_but_for_both_ends():
    ratios = [
        arithmetic.forward_flop(cost.SIZES[b]) / arithmetic.forward_flop(cost.SIZES[a])
        for a, b in cost.BESIDE
    ]
    assert ratios[:3] == pytest.approx([4] * 3, rel=0.02)
    assert ratios[3:6] == [4] * 3


@pytest.mark.parametrize("levels", range(1, 6))
def test_receptive_field_is_as_far_as_gradients_reach(levels):
    """Weights are positive, and the mean is in place of the maximum: nothing is lost.

    A maximum sends its gradient to one pixel only.
    """
    net = UNet(1, 1, (1,) * levels).eval()
    net.pool = nn.AvgPool2d(2)
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.3)
    side, lattice = 16 * 2**levels, 2 ** (levels - 1)
    image = torch.ones(1, 1, side, lattice, requires_grad=True)
    column, seen = net(image)[0, 0, :, 0], []
    for pixel in column[side // 2 : side // 2 + lattice]:
        (gradient,) = torch.autograd.grad(pixel, image, retain_graph=True)
        rows = gradient[0, 0].sum(1).nonzero()
        assert 0 < rows.min() and rows.max() < side - 1  # no edge cuts it off
        seen.append(int(rows.max() - rows.min()) + 1)
    assert max(seen) == arithmetic.receptive_field(levels)


def test_what_forward_keeps_grows_with_width_and_pixels():
    def kept(**changes):
        settings = dataclasses.replace(SMALL, **changes)
        return cost.saved_for_backward(cost.make_run(settings, "fp32", CPU))

    assert kept(widths=(8, 16, 32)) / kept() == pytest.approx(2, rel=0.1)
    assert kept(patch_size=64) / kept() == pytest.approx(4, rel=0.02)


def test_forward_keeps_the_input_of_each_layer():
    """One level, by hand: two outputs of convolutions, of ReLUs, and the logits.

    Norms keep a mean and a deviation for each channel; the loss keeps some logits.
    """
    settings = dataclasses.replace(SMALL, widths=(8,), patch_size=64)
    run = cost.make_run(settings, "fp32", CPU)
    run.loss_fn = lambda logits, *_: logits.sum()  # keeps nothing
    pixels = settings.batch_size * settings.patch_size**2
    by_hand = 4 * 8 * pixels * 4  # four layers' outputs, eight channels, four bytes
    assert cost.saved_for_backward(run) == by_hand + 2 * 2 * 8 * 4


def test_a_run_of_random_numbers_is_a_step_of_the_recipe():
    run = cost.make_run(SMALL, "fp32", CPU)
    before = [x.clone() for x in run.model.parameters()]
    first, second = (float(x) for x in run.steps(2))
    assert second < first and not run.history
    assert all(
        (a != b).any() for a, b in zip(before, run.model.parameters(), strict=True)
    )
    image, *labels = next(cost.make_batches(SMALL, CPU))
    side = SMALL.patch_size
    assert image.shape == (SMALL.batch_size, SMALL.in_channels, side, side)
    assert all(x.shape == (SMALL.batch_size, 1, side, side) for x in labels)


def test_everything_is_called_in_turns():
    calls, clock = [], iter(range(1000))
    acts = {name: lambda name=name: calls.append(name) for name in "ab"}
    found = turns.in_turns(acts, 3, 0, lambda: next(clock))
    assert calls == list("ababab")
    assert found["a"]["calls"] == 3 and found["a"]["each"] == [1] * 3


def test_rounds_come_to_medians_and_a_spread():
    rounds = [[(2.0, 1.5), (4.0, 1.0), (4.0, 1.2)], [(9.0, 3.0)], [(5.0, 2.0)]]
    said = turns.summary(rounds)
    assert said["each"] == [1.2, 3.0, 2.0] and said["calls"] == 5
    assert said["seconds"] == 4 and said["core_seconds"] == 2
    assert said["spread"] == (3.0 - 1.2) / 2


def test_the_first_call_is_left_out_where_there_are_others():
    seconds = iter([0.0, 0.9, 1.0, 1.2])
    act = lambda: None  # noqa: E731
    assert len(turns.timed(act, 0, lambda: 0.0)) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns.time, "perf_counter", lambda: next(seconds))
        ((wall, _),) = turns.timed(act, 1.0, lambda: 0.0)
    assert wall == pytest.approx(0.2)


def test_convolutions_take_a_part_of_a_step():
    steps = cost.make_run(
        dataclasses.replace(SMALL, patch_size=64), "fp32", CPU
    ).steps()
    assert 0 < cost.share_of_convolutions(lambda: next(steps)) < 1
    assert cost.share_of_convolutions(lambda: torch.ones(999, 999).exp()) == 0


@pytest.mark.parametrize(
    ("other", "verdict", "steps"),
    [
        ([1.0, 1.1, 1.0, 1.0], "pays", 9),
        ([3.0, 3.1, 3.0, 3.0], "does not pay", None),
        ([1.0, 1.0, 3.0, 1.5], "cannot tell", None),
    ],
)
def test_compiling_pays_where_the_pairs_say_so(other, verdict, steps):
    said = cost.judged(10.0, [2.0] * 4, other)
    assert (said["verdict"], said["pays_from"]) == (verdict, steps)
    assert said["saved"][1] <= said["saved"][0] <= said["saved"][2]


def test_a_machine_without_a_compiler_is_named(monkeypatch, here):
    def steps(_run):
        raise RuntimeError("no C++ compiler\nand so on")
        yield

    monkeypatch.setattr(cost, "RECIPE", SMALL)
    monkeypatch.setattr(nn.Module, "compile", lambda _: None)  # seconds of imports
    monkeypatch.setattr(cost.training.TrainingRun, "steps", steps)
    said = cost.compiled("cpu", "fp32", 1)
    assert said == {"verdict": "fails", "error": "RuntimeError: no C++ compiler"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="on Linux alone")
def test_memory_is_that_of_a_step(monkeypatch, here):
    monkeypatch.setitem(cost.SIZES, "recipe", SMALL)
    said = cost.memory(("cpu", "recipe", "fp32"))
    kept = cost.saved_for_backward(cost.make_run(SMALL, "fp32", CPU))
    assert said["activations_mib"] == kept / 2**20
    assert said["peak_mib"] >= 0


def test_the_file_holds_a_row_for_each_size(monkeypatch):
    """Measuring is replaced: what it gives is put in its place."""
    noise = {"spread_median": 0.1, "spread_most": 0.2, "without_core": 0.0}

    def call(function, *arguments):
        if function is cost.compiled:
            return cost.judged(10.0, [2.0] * 4, [1.0] * 4)
        _, sizes, _ = arguments
        found = dict.fromkeys(cost.what_is_timed(sizes, CPU), FOUND)
        return {"found": found, "noise": noise, "environment": {}}

    memories = lambda tasks: [{"activations_mib": 3.0, "peak_mib": 4.0}] * len(tasks)  # noqa: E731
    monkeypatch.setattr(cost.alone, "call", call)
    monkeypatch.setattr(cost, "memories", memories)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    names = ("recipe", "width 8", "patch 64", "two of 256")
    content = json.loads(json.dumps(cost.main(names, 1, 4)))
    rows = {row["name"]: row for row in content["rows"]}
    assert tuple(rows) == names and content["cuda"] == "not measured"
    precisions = [runtime.pick_precision(CPU), "fp32"]
    for name, row in rows.items():
        assert row["step_flop"] == arithmetic.step_flop(cost.SIZES[name])
        for x in (row["cpu"][precision] for precision in precisions):
            assert x["patches_per_second"] == row["batch_size"] / 2
            assert x["gflop_per_second"] == row["step_flop"] / 1e9
            assert x["peak_mib"] == 4 and "each" not in x
    assert {name for name, row in rows.items() if "predict" in row["cpu"]} == {
        "recipe",
        "width 8",
    }
    assert {name for name, row in rows.items() if "batch" not in row["cpu"]} == {
        "width 8"
    }
    about = content["cpu"]
    assert set(about["compile"]) == set(precisions)
    assert [x["name"] for x in about["times"]] == [
        "width 8 to recipe",
        "patch 64 to recipe",
    ]
    assert [row["variant"] for row in content["dice"]] == ["patch256"]
    assert content["dice"][0]["times"]["step_flop"] == 1
