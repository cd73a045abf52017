"""The experiments in results/: what they compare, train and make is what they say."""

import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import draw, morphology

from helpers import config, datasets, fundus, inference, metrics, phantom, preprocess
from helpers.unet import UNet, count_parameters
from results.experiments import __main__ as command
from results.experiments import (
    alone,
    architectures,
    bench,
    changes,
    halving,
    kinds,
    lamps,
    other_cameras,
    runs,
    tables,
    unet,
    which_u,
    work,
)


def layers(size=80):
    """Return image, vessels and fov of a disc, stacked, and where the disc is."""
    rows, columns = np.mgrid[:size, :size]
    disc = (rows - 40) ** 2 + (columns - 40) ** 2 < 500
    return np.stack([disc, disc, np.ones_like(disc)]).astype(np.float32)


def test_naive_patches_are_patches():
    settings = dataclasses.replace(config.PRESETS["smoke"], batch_size=6)
    image, vessels, fov = next(bench.naive_batches([layers()] * 2, settings))
    size = settings.patch_size
    assert image.shape == vessels.shape == fov.shape == (6, 1, size, size)
    assert set(vessels.unique().tolist()) == {0.0, 1.0} and image.dtype == torch.float32
    for patch, label in zip(image, vessels, strict=True):  # moved together
        middle = (patch.min() + patch.max()) / 2
        if label.any() and not label.all():
            assert ((patch > middle) == label.bool()).float().mean() > 0.97


class Same(torch.nn.Conv2d):
    """A network that answers with what it is shown."""

    def __init__(self):
        super().__init__(1, 1, 1, bias=False)
        torch.nn.init.ones_(self.weight)


def test_sliding_windows_average_what_the_model_says():
    inputs = np.random.default_rng(0).random((1, 58, 63), dtype=np.float32)
    probs = bench.sliding_windows(Same(), inputs)
    expected = 1 / (1 + np.exp(-inputs[0]))
    assert np.allclose(probs[:58, :63], expected, atol=1e-6)


def test_bench_measures_the_rows_it_is_asked_for(monkeypatch, capsys):
    rows = (("apples", "1/s", float, "6", "2"), ("pears", "1/s", float, "1", "1"))
    monkeypatch.setattr(bench, "ROWS", rows)  # a function that can be pickled
    content = bench.main(["app"])
    assert [row["what"] for row in content["rows"]] == ["apples"]
    assert content["rows"][0]["ratio"] == 3.0
    assert "apples (1/s): 6; naive 2, 3.0 times" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="on Linux alone")
def test_the_peak_of_memory_is_this_process_s_own():
    before, block = alone.peak_mib(), np.ones(2**25)  # 256 MiB
    assert alone.peak_mib() >= before > 50
    assert block[-1] == 1


def test_variants_fit_their_networks():
    photo = np.random.default_rng(0).random((3, 80, 80), dtype=np.float32)
    for variant in runs.VARIANTS.values():
        settings = runs.ABLATIONS.config(variant.changes)
        prepare = variant.changes.get("prepare", preprocess.prepare)
        assert prepare(photo).shape == (settings.in_channels, 80, 80)
        pixels = settings.patch_size**2 * settings.batch_size
        if variant.question == "batch":  # as many patches in all
            pixels *= settings.steps / runs.SHORT.steps
        assert pixels == 8 * 128**2
    for change, _ in kinds.CONDITIONS.values():
        changed = change(photo)
        assert changed.shape == photo.shape and changed.dtype == np.float32
        assert 0 <= changed.min() and changed.max() <= 1


def test_the_mild_augmentation_moves_labels_along():
    image, vessels, fov = torch.from_numpy(layers()).split(1)
    batch = [x.expand(5, 1, 80, 80) for x in (image, vessels, fov)]
    generator = torch.Generator().manual_seed(0)
    image, vessels, fov = changes.mild(*batch, 48, generator)
    assert image.shape == vessels.shape == fov.shape == (5, 1, 48, 48)
    for patch, label in zip(image, vessels, strict=True):
        middle = (patch.min() + patch.max()) / 2
        assert ((patch > middle) == label.bool()).float().mean() > 0.97


BINS = 2**14


def coarse_tables(shift):
    """Return made-up histograms of five eyes; the higher the shift the worse."""
    rng = np.random.default_rng(0)
    eyes = np.zeros((5, 2, BINS), np.int64)
    for eye in eyes:
        eye[0] = np.bincount(rng.integers(0, 9000, 4000), minlength=BINS)
        eye[1] = np.bincount(rng.integers(7000, 16000, 900) - shift, minlength=BINS)
    return eyes


@pytest.fixture
def ablations(monkeypatch, tmp_path, few_resamples):
    """Return a function that collects variants; ``made`` are those it trained."""
    shifts, made = {"base": 0, "bce": 1500, "last": 500}, []
    facts = {"seconds": 1.0, "precision": "fp32", "environment": {"device": "CPU"}}
    conditions = ("plain", "flips", "d4")

    def answer(networks):
        made.extend(x.variant for x in networks)
        shapes = [coarse_tables(shifts[x.variant]) for x in networks]
        objects = {"objects": np.full((5, 13, 3), 0.25)}
        return [facts | objects | dict.fromkeys(conditions, x) for x in shapes]

    def collect(variants):
        made.clear()
        row = dataclasses.replace(
            runs.ABLATIONS, variants=variants, conditions=conditions
        )
        monkeypatch.setitem(runs.ROWS, "ablations", row)
        assert command.main(["ablations", "--out", str(tmp_path)]) == 0
        content = json.loads((tmp_path / "ablations.json").read_text("utf-8"))
        return content, {row["name"]: row for row in content["rows"]}

    monkeypatch.setattr(kinds, "FOLDER", tmp_path)
    monkeypatch.setattr(work, "made", answer)
    collect.made = made
    return collect


@pytest.fixture
def few_resamples(monkeypatch):
    for name in ("bootstrap_ci", "paired_differences"):
        quick = functools.partial(getattr(metrics, name), num_resamples=20)
        monkeypatch.setattr(metrics, name, quick)


def test_differences_are_paired_and_against_the_recipe(ablations):
    two = {name: runs.VARIANTS[name] for name in ("base", "bce")}
    content, rows = ablations(two)
    assert set(rows) == {"base", "bce", "flips", "d4"}
    assert rows["flips"]["difference"]["plain"]["auc_roc"] == [0.0, 0.0, 0.0]
    assert rows["bce"]["topology"]["cldice"] == [0.25] * 13
    dice = rows["base"]["scores"]["plain"]["dice_of_each"]
    assert len(dice) == len(content["images"]) == 10
    assert rows["base"]["difference"]["plain"]["dice"] == [0.0, 0.0, 0.0]
    difference, low, high = rows["bce"]["difference"]["flips"]["auc_roc"]
    assert low < difference < high < 0
    expected = metrics.auc_roc(2 * coarse_tables(1500).sum(0))
    assert rows["bce"]["scores"]["plain"]["auc_roc"] == expected
    each = rows["bce"]["difference"]["plain"]["dice_of_each"]
    theirs = rows["bce"]["scores"]["plain"]["dice_of_each"]
    assert each == pytest.approx(np.subtract(theirs, dice), abs=2e-5)


def test_rows_that_are_there_stay_and_changed_ones_are_made_anew(ablations):
    two = {name: runs.VARIANTS[name] for name in ("base", "bce")}
    _, first = ablations(two)
    ablations(two)
    assert not ablations.made
    three = two | {"last": runs.VARIANTS["last"]}
    _, rows = ablations(three)
    assert set(ablations.made) == {"base", "last"}  # trained beside each other
    assert list(rows) == ["base", "bce", "last", "flips", "d4"]
    assert all(rows[name] == first[name] for name in first)
    other = kinds.Variant("loss", "BCE", dice_weight=0.1)
    ablations(three | {"bce": other})
    assert set(ablations.made) == {"base", "bce"}


def test_lamps_are_judged_on_eyes_held_out_and_on_children(monkeypatch, few_resamples):
    shifts = {"base": 0, "gamma": 500}
    answers = {name: coarse_tables(shift) for name, shift in shifts.items()}

    def answer(networks):
        said = {"seconds": 1.0}
        conditions = runs.MANY_LAMPS.conditions
        return [said | dict.fromkeys(conditions, answers[x.variant]) for x in networks]

    monkeypatch.setattr(work, "made", answer)
    monkeypatch.setattr(
        work, "at_once", lambda _, tasks: [list(answers[x.variant]) for x in tasks]
    )
    variants = {name: runs.LAMPS[name] for name in shifts}
    row = dataclasses.replace(runs.MANY_LAMPS, variants=variants)
    base, gamma = row.make()["rows"]
    assert set(base["scores"]) == {"plain", "camera", "lens", "children"}
    for where in base["scores"]:
        assert not any(base["difference"][where]["auc_roc"])
        assert gamma["difference"][where]["auc_roc"][2] < 0
    assert len(gamma["scores"]["children"]["dice_of_each"]) == 5


def test_scores_of_a_perfect_answer(monkeypatch):
    monkeypatch.setattr(kinds, "THRESHOLDS", [0.3, 0.6])
    eye, asked = phantom.draw(0, 146, 141), []
    answer = np.where(eye.vessels, 0.5, 0.1)

    def predict(image, tta):
        asked.append((image, tta))
        return answer

    scores = work.score(predict, [eye], kinds.CONDITIONS)
    assert {tta for _, tta in asked} == {"none", "flips", "d4"}
    assert sum(image is eye.image for image, _ in asked) == 3  # two were changed
    for condition in kinds.CONDITIONS:
        both = scores[condition][0]
        assert both.shape == (2, BINS)
        assert both.sum(1).tolist() == [
            (eye.fov & ~eye.vessels).sum(),
            (eye.fov & eye.vessels).sum(),
        ]
    (dice, cldice, pieces), nothing = scores["objects"][0]
    assert dice > 0.97 and cldice > 0.97 and pieces <= 12  # but for specks
    assert nothing[0] == nothing[1] == 0


def bar(rows: slice) -> np.ndarray:
    """Return a (1, 60, 60) bool bar, 40 long, with a thin branch to the right."""
    picture = np.zeros((1, 60, 60), bool)
    picture[0, rows, 10:50] = True
    for start in (15, 25, 35):
        picture[0, *draw.line(30, start, 50, start + 8)] = True
    return picture


def batch(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture)[None].float()


def test_soft_skeleton_lies_along_the_centreline_and_is_thin():
    soft_skeleton = changes.soft_skeleton
    picture = bar(slice(26, 34))
    soft = soft_skeleton(batch(picture))[0].numpy()
    exact = morphology.skeletonize(picture[0])[None]
    assert soft.min() >= 0
    assert soft.max() <= 1
    assert not soft[~picture].any()
    near = morphology.binary_dilation(exact[0], morphology.disk(2))[None]
    assert soft[near].sum() > 0.95 * soft.sum()
    assert soft.sum() < picture.sum() / 2
    line = bar(slice(30, 31))  # a pixel wide already
    assert np.array_equal(soft_skeleton(batch(line))[0].numpy() > 0, line)


def test_soft_cldice_of_sharp_maps_is_near_the_measured_one():
    soft_cldice_loss = changes.soft_cldice_loss
    vessels, fov = bar(slice(26, 34)), np.ones((1, 60, 60), bool)
    for pred in (vessels, bar(slice(28, 32)), bar(slice(24, 36)), bar(slice(0))):
        logits = 1000 * (2 * batch(pred) - 1)
        loss = soft_cldice_loss(logits, batch(vessels), batch(fov)).item()
        exact = metrics.cldice(pred, vessels, fov)
        assert loss == pytest.approx(1 - exact, abs=0.1)
    broken = vessels.copy()
    broken[0, :, 29:32] = False  # three columns of forty
    logits = [1000 * (2 * batch(x) - 1) for x in (vessels, broken)]
    whole, cut = (
        soft_cldice_loss(x, batch(vessels), batch(fov)).item() for x in logits
    )
    assert whole == pytest.approx(0, abs=1e-6)
    assert cut > 0.01


def test_soft_cldice_asks_for_the_missing_piece():
    soft_cldice_loss = changes.soft_cldice_loss
    vessels, fov = batch(bar(slice(26, 34))), torch.ones(1, 1, 60, 60)
    logits = 4 * (2 * vessels - 1)
    logits[..., 29:32] = -4
    logits.requires_grad_()
    soft_cldice_loss(logits, vessels, fov).backward()
    pull = -logits.grad[0, 0]
    assert torch.isfinite(pull).all()
    assert pull[26:34, 29:32].sum() > 0  # gradient descent raises the gap


def test_other_cameras_threshold_marks_the_share():
    rng = np.random.default_rng(0)
    probs = (rng.random((1, 60, 60)) ** 3).astype(np.float32)
    fov = np.ones((1, 60, 60), bool)
    table = metrics.histogram(probs, rng.random((1, 60, 60)) < 0.2, fov)
    for share in (0.05, 0.126, 0.5):
        threshold = other_cameras.threshold_by_share(table, share)
        assert (probs >= threshold).mean() == pytest.approx(share, abs=0.002)


def test_other_cameras_recolours_to_what_is_known():
    x = phantom.draw(0, 96, 93)
    known = np.full((3, 1, 1), 0.5), np.full((3, 1, 1), 0.05)
    again = other_cameras.recoloured(x.image, x.fov, known)
    assert again[:, x.fov[0]].mean(1) == pytest.approx([0.5] * 3, abs=0.02)
    assert (again[:, ~x.fov[0]] == 0).all()


def test_other_cameras_by_angle_gives_a_degree_the_pixels_of_drive():
    x, asked = phantom.draw(0, 96, 93), []

    class Network:
        def probs(self, image, fov, diameter):
            asked.append(diameter)

    for name in ("CHASEDB1", "HRF"):
        other_cameras.by_angle(Network(), name, x)
    disc = fundus.fov_diameter(x.fov)
    assert asked == [pytest.approx(1.5 * disc), pytest.approx(disc)]


def test_other_cameras_area_counts_marked_for_labelled_pixels():
    assert other_cameras.area(metrics.Counts(tp=30, fp=15, fn=10, tn=45)) == 45 / 40


def test_halving_scores_a_line_by_each_rule(monkeypatch):
    line = np.zeros((1, 65, 64), bool)
    line[0, :, 9] = True  # one pixel wide, along the grid: two of four everywhere
    x = dataclasses.replace(phantom.draw(0, 65, 64), vessels=line, fov=~line | line)
    monkeypatch.setattr(halving.fundus, "load", lambda *_: [x])
    rows = halving.measure("DRIVE", "train")
    assert rows["two of four"]["centreline_covered"] == 1
    assert rows["two of four"]["dice"] == pytest.approx(2 / 3)
    assert rows["three of four"]["centreline_covered"] == 0
    assert (halving.RULES["two of four"]) == 2
    again = halving.fundus.halve(x).vessels.repeat(2, 1).repeat(2, 2)
    assert metrics.count(again, line[:, :64], x.fov[:, :64])[:2] == (64, 64)


# ---- Networks are trained as declared, and once ----

SMALL = {"widths": (4, 8), "patch_size": 16, "batch_size": 2}


def tiny(name="tiny", changes=None, **kind):
    """Return a training of two steps."""
    variants = {"short": kinds.Variant(**SMALL | (changes or {}))}
    smoke = dataclasses.replace(config.PRESETS["smoke"], steps=2)
    given = {"table": tables.networks, "variants": variants, "recipe": smoke}
    return kinds.Training(name, **given | kind)


@functools.cache
def eyes():
    """Return eight small phantoms with names in order."""
    drawn = [phantom.draw(k, 96, 93) for k in range(8)]
    return [dataclasses.replace(x, name=f"{k:02}") for k, x in enumerate(drawn)]


@pytest.fixture
def trained(monkeypatch, tmp_path, few_resamples):
    """Train in this process, on eight phantoms, into ``tmp_path``; list what is."""
    parts, seen = {"train": eyes()[:6], "val": eyes()[6:]}, []
    train = work.begin

    def begin(network, images, val):
        seen.append((network.variant, [x.name for x in images]))
        return train(network, images, val)

    monkeypatch.setattr(work.fundus, "load", lambda name, part, place: parts[part])
    monkeypatch.setattr(work, "begin", begin)
    monkeypatch.setattr(work, "at_once", lambda job, tasks: [job(x) for x in tasks])
    monkeypatch.setattr(work, "STORE", tmp_path / "store")
    monkeypatch.setattr(kinds, "FOLDER", tmp_path)
    monkeypatch.setattr(kinds, "THRESHOLDS", [0.3, 0.6])
    monkeypatch.setattr(metrics, "NUM_BINS", BINS)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # others go on
    return seen


def test_folds_share_no_eye_and_miss_none(trained):
    seen, everyone = [], {f"{k:02}" for k in range(8)}
    for network in work.of_folds(tiny(folds=runs.FOUR), "short"):
        images, _, held = ({x.name for x in part} for part in work.deal(network))
        assert images | held == everyone and not images & held
        seen += held
    assert sorted(seen) == sorted(everyone)
    (network,) = work.of_all(tiny())  # the validation images choose
    images, val, held = work.deal(network)
    assert len(images) == 6 and len(val) == 2 and not held


def test_a_variant_starts_from_other_weights_and_keeps_its_rate(trained):
    start = tiny("start")
    row = tiny(changes={"learning_rate": 1e-3, "constant": True, "start": start})
    (first,), (network,) = work.of_all(start), work.of_all(row)
    images, val, _ = work.deal(first)
    run = work.begin(first, images, val)
    rates = [run.schedule.get_last_lr()[0] for _ in run.steps()]
    assert len(set(rates)) == 2  # one cycle, up and down
    work.made([network])  # what it starts from is made, too
    run = work.begin(network, images, val)
    expected = first.load().model.state_dict()
    for key, weights in run.model.state_dict().items():
        assert torch.equal(weights, expected[key]), key
    assert [run.schedule.get_last_lr()[0] for _ in run.steps()] == [1e-3, 1e-3]
    name, weights = next(run.model.named_parameters())
    assert not torch.equal(weights.data, expected[name])  # the new optimiser moves it


def test_a_lamp_adds_copies_of_the_photographs(trained):
    (network,) = work.of_all(tiny(changes={"lamp": lamps.gamma}, everyone=True))
    images, val, _ = work.deal(network)
    run = work.begin(network, images, val)
    each = 1 + lamps.COPIES
    assert len(run.batches.layers) == each * len(images)
    first, other = run.batches.layers[0], run.batches.layers[1]
    assert torch.equal(first[-2:], other[-2:])  # vessels and field of view stay
    assert not torch.equal(first[:-2], other[:-2])


def test_networks_of_one_size_are_trained_once_and_compared(
    trained, monkeypatch, tmp_path
):
    small = {
        "U-Net": lambda channels: UNet(channels, 1, (4, 8, 16)),
        "U-Net++": lambda channels: architectures.NestedUNet(channels, (4, 8, 16)),
    }
    row = dataclasses.replace(tiny(folds=(0, 1)), variants=kinds.BASE)
    begun, new_run = [], which_u.training.new_run
    monkeypatch.setattr(architectures, "NETWORKS", small)
    monkeypatch.setattr(which_u, "STORE", tmp_path / "store" / "which_u")
    monkeypatch.setattr(which_u, "FOLDS", (0, 1))
    monkeypatch.setattr(alone, "call", lambda function, *given: function(*given))
    monkeypatch.setattr(runs, "MANY_LAMPS", row)
    monkeypatch.setattr(
        which_u.training,
        "new_run",
        lambda *args, **more: begun.append(more["model"]) or new_run(*args, **more),
    )
    first, again = which_u.main(), which_u.main()
    assert len(begun) == 4 + 2 * 2  # two networks, two folds, once; each timed twice
    assert all(
        row.pop("seconds_per_step") > 0 for x in (first, again) for row in x["rows"]
    )
    assert first == again
    plain, nested = first["rows"]
    assert not any(plain["difference"]["dice"])
    assert len(nested["scores"]["dice_of_each"]) == 4  # the eyes of two folds
    assert nested["parameters"] == count_parameters(begun[2]) > plain["parameters"]


def test_the_last_weights_are_those_that_are_not_averaged(trained):
    (network,) = work.of_all(tiny(changes=runs.VARIANTS["last"].changes, everyone=True))
    images, val, _ = work.deal(network)
    run = work.begin(network, images, val).finish()
    for key, weights in run.model.state_dict().items():
        assert torch.equal(weights.float(), run.best["weights"][key].float()) or (
            "num_batches" in key
        )


def test_a_network_of_every_eye_takes_the_last_weights_and_the_known_threshold(
    trained, tmp_path
):
    source = tiny("source", folds=runs.FOUR)
    row = tiny(everyone=True, seeds=(0, 1), threshold=source)
    with pytest.raises(FileNotFoundError, match="source.json"):
        work.of_all(row)
    (tmp_path / "source.json").write_text('{"threshold": 0.25}')
    content = tables.networks(row)
    for seed, facts in enumerate(content["networks"]):
        file = tmp_path / f"store/tiny/short-all-{seed}.pt"
        network = inference.Segmenter.load(file)
        assert network.threshold == facts["threshold"] == 0.25
        assert len(network.origin["trained_on"]) == 8 and "best" not in facts
        assert facts["config"]["seed"] == seed
        assert list(facts["config"]["widths"]) == [4, 8]
    trained.clear()
    again = tables.networks(row)
    assert not trained and json.dumps(again) == json.dumps(content)
    assert tables.networks(tiny(everyone=True, changes={"ema": 0.5})) and trained


def test_the_threshold_of_a_cross_validation_is_from_all_eyes(trained, tmp_path):
    content = tables.crossval(
        tiny(folds=runs.FOUR, variants={"base": kinds.Variant(**SMALL)})
    )
    names = [f"{k:02}" for k in range(8)]
    assert sorted(content["threshold_of_each_image"]) == names
    assert [x["threshold"] for x in content["topology"]] == [0.3, 0.6]
    files = sorted((tmp_path / "store/tiny").iterdir())
    assert len(files) == 4
    for file in files:
        network = inference.Segmenter.load(file)
        assert network.threshold == content["threshold"]
        assert len(network.origin["trained_on"]) == 6


def test_the_best_network_is_chosen_on_eyes_that_it_has_not_seen(
    trained, monkeypatch, tmp_path
):
    slow = SMALL | {"learning_rate": 1e-9}  # learns nothing
    variants = {"short": slow, "longer": SMALL | {"steps": 24, "patch_size": 32}}
    variants = {key: kinds.Variant(**x) for key, x in variants.items()}
    kind = {"conditions": ("plain",), "everyone": True, "seeds": runs.SEEDS}
    kind |= {"folds": runs.FOUR, "table": tables.best}
    row = tiny("best", variants=variants, **kind)
    monkeypatch.setitem(runs.ROWS, "best", row)
    assert command.main(["best", "--out", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "best.json").read_text("utf-8"))
    assert content["declaration"] == row.declaration()
    rows = {row["name"]: row for row in content["candidates"]}
    assert content["best"] == "longer"
    assert rows["longer"]["pooled"]["auc_pr"] > rows["short"]["pooled"]["auc_pr"]
    assert rows["short"]["difference"]["auc_pr"] == [0.0, 0.0, 0.0]  # to the first
    gain = rows["longer"]["pooled"]["auc_pr"] - rows["short"]["pooled"]["auc_pr"]
    assert rows["longer"]["difference"]["auc_pr"][0] == pytest.approx(gain)
    assert {len(images) for _, images in trained[:8]} == {6}
    everyone = [f"{k:02}" for k in range(8)]
    assert [images for _, images in trained[8:]] == [everyone] * 3
    for network, facts in zip(work.of_all(row), content["networks"], strict=True):
        found = network.load()  # the variant and the threshold that the file names
        assert found.threshold == rows["longer"]["threshold"] == facts["threshold"]
        assert facts["config"]["seed"] == network.seed and facts["steps"] == 24
        assert facts["trained_on"] == everyone
    trained.clear()
    (tmp_path / "best.json").unlink()
    assert command.main(["best", "--out", str(tmp_path)]) == 0
    assert not trained  # only the file was made again
    again = json.loads((tmp_path / "best.json").read_text("utf-8"))
    assert again == content


# ---- Files and their states ----


def test_every_file_of_the_results_has_a_row():
    names = {command.file_of(name, kinds.FOLDER).name for name in runs.ROWS}
    names.remove("peers.json")  # there where a person has brought maps of others
    there = {x.name for x in kinds.FOLDER.iterdir() if x.suffix in (".json", ".png")}
    assert names == there - {"peers.json"}


def test_a_file_is_missing_there_or_stale(trained, monkeypatch, tmp_path, capsys):
    folder, row = tmp_path / "results", tiny("wide", everyone=True)
    monkeypatch.setattr(runs, "ROWS", {"wide": row})
    make = functools.partial(command.main, ["wide", "--out", str(folder)])
    show = functools.partial(command.main, ["--out", str(folder)])
    assert show() == 0 and "missing  wide.json" in capsys.readouterr().out
    assert make() == 0 and len(trained) == 1
    assert show() == 0 and "there    wide.json" in capsys.readouterr().out
    before = (folder / "wide.json").read_bytes()
    assert make() == 0 and len(trained) == 1
    assert (folder / "wide.json").read_bytes() == before
    changed = tiny("wide", everyone=True, changes={"dice_weight": 0.1})
    monkeypatch.setattr(runs, "ROWS", {"wide": changed})
    assert show() == 0
    said = capsys.readouterr().out
    assert "stale (changed: variants) wide.json" in said
    assert make() == 0 and len(trained) == 2
    assert show() == 0 and "there    wide.json" in capsys.readouterr().out


def test_name_and_device_do_not_make_a_file_stale():
    row = tiny(folds=runs.FOUR)
    other = dataclasses.replace(row, name="other", device="gpu")
    assert other.declaration() == row.declaration()
    settings = {"folds": (0,), "dataset": "PHANTOM", "recipe": runs.LESSON}
    for key, value in settings.items():
        changed = dataclasses.replace(row, **{key: value})
        assert changed.declaration() != row.declaration(), key


def test_a_picture_is_there_or_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(unet, "main", lambda: Image.new("L", (4, 4)))
    assert command.state("unet", tmp_path) == "missing"
    assert command.main(["unet", "--out", str(tmp_path)]) == 0
    assert command.state("unet", tmp_path) == "there"
    assert Image.open(tmp_path / "unet.png").size == (4, 4)


def test_the_listing_says_on_which_device_a_training_wants_to_run(capsys):
    assert command.main([]) == 0
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines()}
    assert "gpu; networks trained on DRIVE: 19" in lines["best.json"]  # 4 x 4 + 3
    assert "cpu; networks trained on DRIVE: 4" in lines["crossval.json"]


def test_shipped_weights_are_a_part_of_what_they_are_scored_by(monkeypatch):
    before = {name: runs.ROWS[name].declaration() for name in ("drive_test", "bench")}
    monkeypatch.setattr(datasets, "sha256", lambda _: "others")
    assert runs.ROWS["drive_test"].declaration() != before["drive_test"]
    assert runs.ROWS["bench"].declaration() == before["bench"]


def test_networks_are_scored_as_the_row_says(trained, monkeypatch, tmp_path):
    row, asked = tiny(everyone=True, seeds=(0, 1)), []

    def evaluate_split(*where, **options):
        asked.append((where, options))
        return {"weights": "/somewhere", "pooled": {}}

    monkeypatch.setattr(tables.evaluation, "evaluate_split", evaluate_split)
    (tmp_path / "topology.json").write_text('{"threshold_for_topology": 0.3}')
    topology = dataclasses.replace(row, name="topology")
    scored = tables.Scored(row, (0, 1), "CHASEDB1", "all", "flips", topology)
    content = scored.make()
    (((name, split, _, files), options),) = asked
    assert (name, split, options["tta"]) == ("CHASEDB1", "all", "flips")
    assert options["threshold"] == scored.declaration()["topology"] == 0.3
    assert [file.name for file in files] == ["short-all-0.pt", "short-all-1.pt"]
    words = "outputs/store/tiny/short-all-0.pt outputs/store/tiny/short-all-1.pt"
    assert content["weights"] == words


def test_bad_names_and_files_by_hand_are_said(capsys):
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "unknown: nothing" in capsys.readouterr().err
    assert command.main(["published"]) == 2
    assert "by hand" in capsys.readouterr().err
