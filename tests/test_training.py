"""Steps, history, validation, resume to the last bit, and a run in the background."""

import dataclasses
import functools
import json

import numpy as np
import pytest
import torch

from helpers import (
    augment,
    config,
    datasets,
    fundus,
    phantom,
    places,
    preprocess,
    saving,
    training,
)
from helpers.inference import Segmenter
from helpers.losses import bce_dice_loss
from helpers.unet import UNet

SMALL = config.TrainConfig(
    widths=(4, 8), patch_size=16, batch_size=4, steps=12, val_every=4
)


@pytest.fixture(scope="module")
def images():
    """Return four small training and two validation phantoms."""
    drawn = [phantom.draw(seed, 68, 66) for seed in range(6)]
    return drawn[:4], drawn[4:]


def new_run(images, settings=SMALL, **changes):
    torch.manual_seed(settings.seed)
    parts = {
        "model": UNet(4, 1, settings.widths),
        "loss_fn": bce_dice_loss,
        "augment": augment.augment,
        "device": torch.device("cpu"),
        "precision": "fp32",
    }
    return training.new_run(*images, settings, **(parts | changes))


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


def test_twice_the_same_run_gives_the_same_weights(images):
    a, b = new_run(images), new_run(images)
    assert list(a.steps()) == list(b.steps())
    assert torch.equal(weights(a), weights(b))
    assert [e["auc_pr"] for e in a.history] == [e["auc_pr"] for e in b.history]
    other = new_run(images, dataclasses.replace(SMALL, seed=1))
    list(other.steps())
    assert not torch.equal(weights(a), weights(other))


def test_the_recipe_is_what_is_taken_where_nothing_is_handed_over(images):
    ours = training.new_run(
        *images, SMALL, device=torch.device("cpu"), precision="fp32"
    ).finish()
    loss_fn = functools.partial(bce_dice_loss, dice_weight=SMALL.dice_weight)
    theirs = new_run(images, loss_fn=loss_fn).finish()
    assert ours.step == SMALL.steps and torch.equal(weights(ours), weights(theirs))
    network = training.segmenter(ours, images[0], threshold=0.25, dataset="PHANTOM")
    assert network.threshold == 0.25
    assert network.origin == {
        "dataset": "PHANTOM",
        "trained_on": [x.name for x in images[0]],
        "steps": SMALL.steps,
        "config": dataclasses.asdict(SMALL),
    }


def test_a_step_does_not_wait_for_the_loss(images):
    run = new_run(images)
    loss = next(run.steps())
    assert isinstance(loss, torch.Tensor) and not loss.requires_grad
    assert run.state_dict()["recent"] == [loss.item()], "plain numbers in a checkpoint"


def test_the_running_average_is_looked_at_and_kept(images):
    looked, run = [], new_run(images)
    run.validate = lambda model: looked.append(model) or {"auc_pr": 0, "threshold": 0.5}
    expected, kept = {}, SMALL.ema
    for k, _ in enumerate(run.steps()):
        keep = min(kept, (1 + k) / (10 + k)) if k else 0  # the first is taken as it is
        for name, new in run.model.state_dict().items():
            if new.is_floating_point():
                old = expected.get(name, torch.zeros_like(new))
                expected[name] = keep * old + (1 - keep) * new
    for name, value in expected.items():
        assert torch.allclose(run.best["weights"][name], value, atol=1e-6), name
    assert all(model is run.average.module for model in looked)
    assert run.best["weights"]["head.weight"].ne(run.model.head.weight).any()


def test_history_has_an_entry_per_look_and_the_best_is_kept(images):
    run = new_run(images)
    list(run.steps())
    assert [entry["step"] for entry in run.history] == [4, 8, 12]
    assert {"loss", "val_loss", "dice", "auc_roc", "threshold"} <= set(run.history[0])
    best = max(run.history, key=lambda entry: entry["auc_pr"])
    assert run.best["entry"]["auc_pr"] == best["auc_pr"]
    made = training.segmenter(run, images[0])
    assert made.threshold == best["threshold"]
    for name, value in made.model.state_dict().items():
        assert torch.equal(value, run.best["weights"][name])


def test_stopped_and_resumed_is_as_if_never_stopped(images, tmp_path):
    whole = new_run(images)
    losses = list(whole.steps())
    first = new_run(images)
    list(first.steps(until=6))
    first.save(tmp_path / "checkpoint.pt")
    torch.manual_seed(99)
    second = new_run(images, model=UNet(4, 1, SMALL.widths))
    second.resume(tmp_path / "checkpoint.pt")
    assert second.step == 6
    assert list(second.steps()) == losses[6:]
    assert torch.equal(weights(second), weights(whole))
    drop = {"seconds"}
    for a, b in zip(second.history, whole.history, strict=True):
        assert {k: a[k] for k in a if k not in drop} == {
            k: b[k] for k in b if k not in drop
        }


def test_a_checkpoint_of_other_settings_is_refused(images, tmp_path):
    run = new_run(images)
    run.save(tmp_path / "checkpoint.pt")
    other = new_run(images, dataclasses.replace(SMALL, batch_size=2))
    with pytest.raises(
        ValueError, match=r"other settings:\n +checkpoint +now\n  batch_size +4 +2\n"
    ):
        other.resume(tmp_path / "checkpoint.pt")
    train, val = images
    with pytest.raises(ValueError, match=r"  training images +[0-9a-f]{12}\.\.\."):
        new_run((train[1:], val)).resume(tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="not validated yet"):
        training.segmenter(run, images[0])
    list(run.steps(4))
    training.segmenter(run, images[0]).save(tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="weights only"):
        run.resume(tmp_path / "weights.pt")


def test_a_checkpoint_goes_on_in_another_precision(images):
    half = new_run(images, precision="fp16")
    half.scaler._enabled = True  # as on a GPU; here autocast to fp16 is not needed
    half.load_state_dict(new_run(images).state_dict())
    assert half.step == 0


def test_standardisation_is_fitted_on_training_images_only(images):
    train, val = images
    expected = preprocess.fit_standardisation(
        [preprocess.prepare(x.image) for x in train], [x.fov for x in train]
    )
    assert new_run(images).validate.scaling == expected
    bright = [dataclasses.replace(x, image=x.image**0.5) for x in val]
    assert new_run((train, bright)).validate.scaling == expected


def test_validation_images_are_never_augmented(images):
    def spoil(image, vessels, fov, patch_size, generator):
        parts = augment.augment(image, vessels, fov, patch_size, generator)
        return parts[0] * 0 + 7, parts[1], parts[2]

    for change in (augment.augment, spoil):
        run = new_run(images, augment=change)
        list(run.steps(1))
        for (inputs, vessels, fov), x in zip(
            run.validate.batches, images[1], strict=True
        ):
            expected = run.validate.scaling(preprocess.prepare(x.image))
            assert np.array_equal(inputs[0].numpy(), expected)
            assert np.array_equal(vessels[0].numpy().astype(bool), x.vessels)
            assert np.array_equal(fov[0].numpy().astype(bool), x.fov)
    assert (next(run.batches)[0] == 7).all()  # but training goes through it
    first = run.validate(run.model)
    assert first == run.validate(run.model)


def test_validation_loss_weighs_images_by_their_pixels(images):
    train, (a, b) = images
    corner = np.zeros_like(b.fov)
    corner[:, 20:40, 20:40] = b.fov[:, 20:40, 20:40]
    small = dataclasses.replace(b, fov=corner)
    together = new_run((train, [a, small]))
    losses = [
        new_run((train, [x])).validate(together.model)["val_loss"] for x in (a, small)
    ]
    sizes = np.array([a.fov.sum(), corner.sum()])
    expected = (losses * sizes).sum() / sizes.sum()
    assert together.validate(together.model)["val_loss"] == pytest.approx(expected)
    assert expected != pytest.approx(np.mean(losses), rel=1e-3)


def test_mean_loss_of_an_uneven_last_batch():
    assert training.mean_loss([1.0, 1.0, 4.0], [4, 4, 1]) == pytest.approx(12 / 9)


def test_training_mode_comes_back_after_a_look(images):
    run = new_run(images)
    for _ in run.steps(5):
        assert run.model.training


def test_a_readers_loss_is_the_one_that_trains(images):
    seen = []

    def loss_fn(logits, vessels, fov):
        seen.append(logits.shape)
        return bce_dice_loss(logits, vessels, fov, dice_weight=0.0)

    run = new_run(images, loss_fn=loss_fn)
    list(run.steps(2))
    assert seen == [(4, 1, 16, 16)] * 2


def test_one_patch_can_be_overfitted():
    """Two patches with lines, the same ones again and again: the loss nearly goes."""
    torch.manual_seed(0)
    vessels = torch.zeros(2, 1, 32, 32)
    vessels[0, :, 10:12] = 1
    vessels[1, :, :, 20:22] = 1
    image = 0.1 * torch.randn(2, 1, 32, 32) - vessels
    model = UNet(1, 1, (4, 8, 16))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-2)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    batch = (image, vessels, torch.ones_like(vessels))
    for _ in range(60):
        loss = training.train_step(
            model, batch, bce_dice_loss, optimizer, scaler, "fp32"
        )
    assert loss < 0.05


def test_timing_leaves_the_run_as_it_was(images):
    timed, fresh = new_run(images), new_run(images)
    assert training.seconds_per_step(timed, count=3) > 0
    assert timed.step == 0 and timed.history == []
    assert list(timed.steps()) == list(fresh.steps())
    assert torch.equal(weights(timed), weights(fresh))


def test_background(images, tmp_path):
    here, there = new_run(images), new_run(images)
    list(here.steps())
    background = training.Background(there, tmp_path / "checkpoint.pt").start()
    assert background.wait()
    assert not background.running
    assert torch.equal(weights(here), weights(there))
    assert (tmp_path / "checkpoint.pt").exists()
    background.stop()  # stopping what has ended is no error


def test_background_stops_and_passes_errors_on(images):
    long = new_run(images, dataclasses.replace(SMALL, steps=10_000, val_every=10_000))
    background = training.Background(long).start()
    background.stop()
    assert 0 < long.step < 10_000

    def broken(logits, vessels, fov):
        raise ValueError("my loss is broken")

    background = training.Background(new_run(images, loss_fn=broken)).start()
    with pytest.raises(ValueError, match="my loss is broken"):
        background.wait()


def test_record_carries_what_a_repetition_needs(images):
    run = new_run(images)
    list(run.steps())
    record = training.record(run, images[0], dataset="PHANTOM")
    assert record["config"]["seed"] == 0 and record["steps"] == 12
    assert record["data_sha256"] == fundus.data_sha256(images[0])
    assert {"precision", "seconds", "environment", "best", "dataset"} <= set(record)


def test_loss_weight_reaches_the_loss(images):
    half = functools.partial(bce_dice_loss, dice_weight=0.0)
    a, b = new_run(images), new_run(images, loss_fn=half)
    assert next(a.steps(1)) > next(b.steps(1))


def test_segmenter_file_round_trip(images, tmp_path):
    run = new_run(images)
    list(run.steps())
    made = training.segmenter(run, images[0])
    made.save(tmp_path / "weights.pt")
    loaded = Segmenter.load(tmp_path / "weights.pt", torch.device("cpu"))
    x = images[1][0]
    assert np.array_equal(loaded.probs(x.image, x.fov), made.probs(x.image, x.fov))
    assert loaded.threshold == made.threshold


def test_a_loss_that_is_no_number_ends_the_training_at_its_step(images):
    def loss_fn(logits, vessels, fov):
        spoilt = float("nan") if run.step == 5 else 1
        return bce_dice_loss(logits, vessels, fov) * spoilt

    run = new_run(images, loss_fn=loss_fn)
    with pytest.raises(ValueError, match=r"the loss is nan at step 6.*learning_rate"):
        run.finish()
    assert run.step == 6 and [entry["step"] for entry in run.history] == [4]


class Overflowing:
    """A loss whose gradient fp16 cannot hold at some of its calls."""

    def __init__(self, *calls):
        self.calls, self.count = calls, 0

    def __call__(self, *args):
        self.count += 1
        return bce_dice_loss(*args) * (1e9 if self.count in self.calls else 1)


def test_fp16_leaves_out_a_step_that_overflows_and_names_it(images):
    run = new_run(images, precision="fp16", loss_fn=Overflowing(1, 3, 4, 9))
    stops = [weights(run)]
    for _ in run.steps():
        stops.append(weights(run))
    same = [k for k in range(1, 13) if torch.equal(stops[k], stops[k - 1])]
    assert same == [1, 3, 4, 7]  # after four steps two images are validated
    assert [entry["skipped"] for entry in run.history] == [[1, 3, 4], [7], []]
    assert stops[-1].isfinite().all()


def test_steps_left_out_are_named_after_a_resume_too(images):
    first = new_run(images, precision="fp16", loss_fn=Overflowing(1, 2))
    list(first.steps(2))
    run = new_run(images, precision="fp16", loss_fn=Overflowing(1))
    run.load_state_dict(first.state_dict())
    list(run.steps(4))
    assert run.history[0]["skipped"] == [1, 2, 3]


def test_fp16_that_never_fits_ends_the_training(images):
    long = dataclasses.replace(SMALL, steps=20, val_every=20)  # 65536 / 2 ** 20 < 1
    run = new_run(images, long, precision="fp16", loss_fn=Overflowing(*range(1, 21)))
    with pytest.raises(ValueError, match="no step from 1 to 20 had gradients"):
        list(run.steps())


def test_a_gpu_is_asked_when_it_is_looked_at_and_names_the_step(images):
    run = new_run(images)
    run.step, run.recent = 12, [0.5, torch.tensor(float("inf")), torch.tensor(0.5)]
    with pytest.raises(ValueError, match="the loss is inf at step 11"):
        run._check_losses()


def test_a_run_starts_from_weights_and_keeps_their_scaling(images, tmp_path):
    first = new_run(images).finish()
    network = training.segmenter(first, images[0], dataset="PHANTOM")
    network.standardisation = preprocess.Standardisation(0.25, 0.5)
    network.save(tmp_path / "weights.pt")
    wide = dataclasses.replace(SMALL, widths=(2, 4), steps=4)
    options = {"device": torch.device("cpu"), "precision": "fp32"}
    run = training.new_run(*images, wide, init=tmp_path / "weights.pt", **options)
    assert run.config.widths == (4, 8), "the sizes are those of the file"
    assert run.validate.scaling == network.standardisation
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, first.best["weights"][name]), name
    run.finish().save(tmp_path / "checkpoint.pt")
    fresh = training.new_run(*images, run.config, **options)
    with pytest.raises(ValueError, match=r"  init +[0-9a-f]{12}\.\.\. +-\n"):
        fresh.resume(tmp_path / "checkpoint.pt")


def test_what_it_began_with_is_recorded(images, tmp_path):
    out, options = tmp_path / "first", {"precision": "fp32"}
    training.train(out, "PHANTOM", *images, SMALL, **options)
    init = out / "weights.pt"
    shorter = dataclasses.replace(SMALL, steps=4)
    second = training.train(
        tmp_path / "second", "PHANTOM", *images, shorter, init=init, **options
    )
    digest = datasets.sha256(init)
    assert second.origin["init"]["weights_sha256"] == digest
    assert second.origin["init"]["trained_on"] == [x.name for x in images[0]]
    result = json.loads((tmp_path / "second/result.json").read_text("utf-8"))
    assert result["init_sha256"] == digest
    plain = json.loads((out / "result.json").read_text("utf-8"))
    assert "init_sha256" not in plain


def test_a_bad_out_is_known_before_the_first_step(images, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "new_run", None)  # nothing is wired
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(saving.DiskError, match="cannot be written"):
            training.train(out, "PHANTOM", *images, SMALL)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_new_machine_goes_on_from_the_copy(images, tmp_path):
    copies = tmp_path / "drive"
    copies.mkdir()
    first = training.Background(new_run(images), tmp_path / "a/checkpoint.pt", copies)
    assert not first.resume()  # nothing is there yet
    list(first.run.steps(8))
    first.kept_in.save(first.run)
    first.kept_in.close()
    again = training.Background(new_run(images), tmp_path / "b/checkpoint.pt", copies)
    assert again.resume()
    assert again.run.step == 8
    again.start().wait()
    whole = new_run(images).finish()
    assert torch.equal(weights(again.run), weights(whole))


def test_a_run_that_was_refused_is_refused_when_torchrun_starts_anew(
    tmp_path, monkeypatch
):
    def start(restarts):
        process = places.Process(0, 2, 0, restarts)
        monkeypatch.setattr(places, "torchrun", lambda: process)
        resume = training.goes_on(tmp_path)
        training.open_folder(tmp_path, resume)
        return resume

    (tmp_path / "checkpoint.pt").write_bytes(b"of another day")
    for restarts in (0, 1):
        with pytest.raises(ValueError, match="holds a run"):
            start(restarts)
    (tmp_path / "checkpoint.pt").unlink()
    assert not start(0)
    (tmp_path / "checkpoint.pt").write_bytes(b"of this training")
    assert start(1)
    with pytest.raises(ValueError, match="holds a run"):
        start(0)  # a new command
