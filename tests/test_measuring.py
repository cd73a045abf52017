"""The scripts in results/ that measure: what they compare is what they say."""

import dataclasses
import importlib
import json

import numpy as np
import pytest
import torch
from skimage import draw, morphology

from helpers import config, inference, metrics, phantom, training


@pytest.fixture
def script(monkeypatch):
    """Return a function that imports an experiment."""
    return lambda name: importlib.import_module(f"results.experiments.{name}")


def layers(size=80):
    """Return image, vessels and fov of a disc, stacked, and where the disc is."""
    rows, columns = np.mgrid[:size, :size]
    disc = (rows - 40) ** 2 + (columns - 40) ** 2 < 500
    return np.stack([disc, disc, np.ones_like(disc)]).astype(np.float32)


def test_naive_patches_are_patches(script):
    bench = script("bench")
    settings = dataclasses.replace(config.PRESETS["smoke"], batch_size=6)
    image, vessels, fov = next(iter(bench.NaiveBatches([layers()] * 2, settings)))
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


def test_sliding_windows_average_what_the_model_says(script):
    inputs = np.random.default_rng(0).random((1, 58, 63), dtype=np.float32)
    probs = script("bench").sliding_windows(Same(), inputs)
    expected = 1 / (1 + np.exp(-inputs[0]))
    assert np.allclose(probs[:58, :63], expected, atol=1e-6)


def test_bench_measures_the_rows_it_is_asked_for(script, monkeypatch, capsys):
    bench = script("bench")
    rows = (("apples", "1/s", float, 4.0, 2.0), ("pears", "1/s", float, 1.0, 1.0))
    monkeypatch.setattr(bench, "ROWS", rows)
    monkeypatch.setattr(bench, "with_peak", divmod)  # a function that can be pickled
    monkeypatch.setattr(bench, "ROWS", (("apples", "1/s", 7.0, 2.0, 4.0), rows[1]))
    content = bench.main(["app"])
    assert [row["what"] for row in content["rows"]] == ["apples"]
    assert content["rows"][0]["ratio"] == 3.0  # 7 // 2 against 7 // 4
    assert "apples (1/s): 3; naive 1, 3.0 times" in capsys.readouterr().out


def test_variants_fit_their_networks(script):
    ablations = script("runs")
    photo = np.random.default_rng(0).random((3, 80, 80), dtype=np.float32)
    for variant in ablations.VARIANTS.values():
        settings = dataclasses.replace(config.PRESETS["lesson"], **variant.changes)
        assert variant.prepare(photo).shape == (settings.in_channels, 80, 80)
        pixels = settings.patch_size**2 * settings.batch_size
        if variant.question == "batch":  # as many patches in all
            pixels *= settings.steps / ablations.STEPS
        assert pixels == 8 * 128**2
    for change, _ in ablations.CONDITIONS.values():
        changed = change(photo)
        assert changed.shape == photo.shape and changed.dtype == np.float32
        assert 0 <= changed.min() and changed.max() <= 1


def test_the_mild_augmentation_moves_labels_along(script):
    image, vessels, fov = torch.from_numpy(layers()).split(1)
    batch = [x.expand(5, 1, 80, 80) for x in (image, vessels, fov)]
    generator = torch.Generator().manual_seed(0)
    image, vessels, fov = script("runs").mild(*batch, 48, generator)
    assert image.shape == vessels.shape == fov.shape == (5, 1, 48, 48)
    for patch, label in zip(image, vessels, strict=True):
        middle = (patch.min() + patch.max()) / 2
        assert ((patch > middle) == label.bool()).float().mean() > 0.97


def test_differences_are_paired_and_against_the_recipe(script, monkeypatch, tmp_path):
    ablations = script("runs")
    monkeypatch.setattr(ablations, "STORE", tmp_path)
    some = {name: ablations.CONDITIONS[name] for name in ("plain", "flips", "d4")}
    monkeypatch.setattr(ablations, "CONDITIONS", some)
    rng = np.random.default_rng(0)
    better = np.zeros((5, 2, ablations.BINS), np.int64)
    for eye in better:
        eye[0] = np.bincount(rng.integers(0, 9000, 4000), minlength=ablations.BINS)
        eye[1] = np.bincount(rng.integers(7000, 16000, 900), minlength=ablations.BINS)
    worse = np.roll(better, -1500, axis=2) * [[0], [1]] + better * [[1], [0]]
    for name, tables in (("base", better), ("bce", worse)):
        for fold in ablations.FOLDS_USED:
            facts = {"seconds": 1.0, "precision": "fp32", "names": list("abcde")}
            facts |= {"device": "CPU", "objects": np.full((13, 5, 3), 0.25)}
            tables_of_all = dict.fromkeys(ablations.CONDITIONS, tables)
            np.savez_compressed(
                tmp_path / f"{name}-{fold}.npz", **facts, **tables_of_all
            )
    content = ablations.collect([])
    rows = {row["name"]: row for row in content["rows"]}
    assert set(rows) == {"base", "bce", "flips", "d4"}  # what was trained
    assert rows["flips"]["difference"]["plain"]["auc_roc"] == (0.0, 0.0, 0.0)
    assert rows["bce"]["topology"]["cldice"] == [0.25] * 13
    dice = rows["base"]["scores"]["plain"]["dice_of_each"]
    assert len(dice) == len(content["images"]) == 10
    assert rows["base"]["difference"]["plain"]["dice"] == (0.0, 0.0, 0.0)
    difference, low, high = rows["bce"]["difference"]["flips"]["auc_roc"]
    assert low < difference < high < 0
    tables = ablations.tables_of("bce", "plain")
    expected = metrics.auc_roc(np.sum(tables, axis=0))
    assert rows["bce"]["scores"]["plain"]["auc_roc"] == expected
    each = rows["bce"]["difference"]["plain"]["dice_of_each"]
    theirs = rows["bce"]["scores"]["plain"]["dice_of_each"]
    assert each == pytest.approx(np.subtract(theirs, dice), abs=2e-5)
    known = [{"name": "wide", "scores": rows["bce"]["scores"]}, rows["bce"] | {"x": 1}]
    again = {row["name"]: row for row in ablations.collect(known)["rows"]}
    assert list(again) == ["base", "bce", "wide", "flips", "d4"]
    assert again["bce"]["x"] == 1  # a row that is there stays
    assert again["base"] == rows["base"]
    assert expected == pytest.approx(metrics.auc_roc(worse.sum(0)), abs=1e-12)


def test_scores_of_a_perfect_answer(script, monkeypatch):
    ablations = script("runs")
    monkeypatch.setattr(ablations, "THRESHOLDS", [0.3, 0.6])
    eye, asked = phantom.draw(0, 146, 141), []
    answer = np.where(eye.vessels, 0.5, 0.1)

    def predict(image, tta):
        asked.append((image, tta))
        return answer

    tables = ablations.score(predict, [eye])
    assert {tta for _, tta in asked} == {"none", "flips", "d4"}
    assert sum(image is eye.image for image, _ in asked) == 3  # two were changed
    for condition in ablations.CONDITIONS:
        both = tables[condition][0]
        assert both.shape == (2, ablations.BINS)
        assert both.sum(1).tolist() == [
            (eye.fov & ~eye.vessels).sum(),
            (eye.fov & eye.vessels).sum(),
        ]
    (dice, cldice, pieces), nothing = tables["objects"][:, 0]
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


def test_soft_skeleton_lies_along_the_centreline_and_is_thin(script):
    soft_skeleton = script("runs").soft_skeleton
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


def test_soft_cldice_of_sharp_maps_is_near_the_measured_one(script):
    soft_cldice_loss = script("runs").soft_cldice_loss
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


def test_soft_cldice_asks_for_the_missing_piece(script):
    soft_cldice_loss = script("runs").soft_cldice_loss
    vessels, fov = batch(bar(slice(26, 34))), torch.ones(1, 1, 60, 60)
    logits = 4 * (2 * vessels - 1)
    logits[..., 29:32] = -4
    logits.requires_grad_()
    soft_cldice_loss(logits, vessels, fov).backward()
    pull = -logits.grad[0, 0]
    assert torch.isfinite(pull).all()
    assert pull[26:34, 29:32].sum() > 0  # gradient descent raises the gap


def test_other_cameras_threshold_marks_the_share(script):
    cameras = script("other_cameras")
    rng = np.random.default_rng(0)
    probs = (rng.random((1, 60, 60)) ** 3).astype(np.float32)
    fov = np.ones((1, 60, 60), bool)
    table = metrics.histogram(probs, rng.random((1, 60, 60)) < 0.2, fov)
    for share in (0.05, 0.126, 0.5):
        threshold = cameras.threshold_by_share(table, share)
        assert (probs >= threshold).mean() == pytest.approx(share, abs=0.002)


def test_other_cameras_recolours_to_what_is_known(script):
    cameras, x = script("other_cameras"), phantom.draw(0, 96, 93)
    known = np.full((3, 1, 1), 0.5), np.full((3, 1, 1), 0.05)
    again = cameras.recoloured(x.image, x.fov, known)
    assert again[:, x.fov[0]].mean(1) == pytest.approx([0.5] * 3, abs=0.02)
    assert (again[:, ~x.fov[0]] == 0).all()


def test_halving_scores_a_line_by_each_rule(script, monkeypatch):
    halving = script("halving")
    line = np.zeros((1, 65, 64), bool)
    line[0, :, 9] = True  # one pixel wide, along the grid: two of four everywhere
    x = dataclasses.replace(phantom.draw(0, 65, 64), vessels=line, fov=~line | line)
    monkeypatch.setattr(halving.fundus, "load_one", lambda *_: x)
    monkeypatch.setattr(halving.fundus, "ids", lambda *_: ["a"])
    rows = halving.measure("DRIVE", "train")
    assert rows["two of four"]["centreline_covered"] == 1
    assert rows["two of four"]["dice"] == pytest.approx(2 / 3)
    assert rows["three of four"]["centreline_covered"] == 0
    assert (halving.RULES["two of four"]) == 2
    again = halving.fundus.halve(x).vessels.repeat(2, 1).repeat(2, 2)
    assert metrics.count(again, line[:, :64], x.fov[:, :64])[:2] == (64, 64)


def test_folds_share_no_eye_and_miss_none(script, monkeypatch):
    ablations = script("runs")
    monkeypatch.setattr(ablations, "eyes", lambda: list(range(21, 41)))
    seen = []
    for fold in range(ablations.FOLDS):
        others, held = ablations.split(fold)
        assert sorted(others + held) == list(range(21, 41))
        seen += held
    assert sorted(seen) == list(range(21, 41))


def test_a_variant_starts_from_other_weights_and_keeps_its_rate(
    script, monkeypatch, tmp_path
):
    ablations = script("runs")
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # others go on
    eyes = [phantom.draw(k, 146, 141) for k in range(2)]
    small = {"widths": (4, 8), "patch_size": 32, "batch_size": 2}
    first = ablations.train(ablations.Variant("", "", small), eyes, eyes, 2)
    rates = [first.schedule.get_last_lr()[0] for _ in first.steps()]
    assert len(set(rates)) == 2  # one cycle, up and down
    training.segmenter(first, eyes).save(tmp_path / "first.pt")
    small |= {"learning_rate": 1e-3}
    changes = {"start": tmp_path / "first.pt", "constant": True}
    run = ablations.train(ablations.Variant("", "", small, **changes), eyes, eyes, 2)
    expected = inference.Segmenter.load(tmp_path / "first.pt").model.state_dict()
    for key, weights in run.model.state_dict().items():
        assert torch.equal(weights, expected[key]), key
    assert [run.schedule.get_last_lr()[0] for _ in run.steps()] == [1e-3, 1e-3]
    name, weights = next(run.model.named_parameters())
    assert not torch.equal(weights.data, expected[name])  # the new optimiser moves it


def test_the_wide_network_takes_every_eye_and_the_known_threshold(
    script, monkeypatch, tmp_path
):
    wide = script("wide")
    eyes = [phantom.draw(k, 146, 141) for k in range(2)]
    monkeypatch.setattr(wide.ablations, "eyes", lambda: eyes)
    monkeypatch.setattr(wide, "STORE", tmp_path)
    monkeypatch.setattr(wide, "STEPS", 1)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # others go on
    record = wide.work(1)
    network = inference.Segmenter.load(tmp_path / "seed1/weights.pt")
    assert network.threshold == record["threshold"] == wide.THRESHOLD
    assert network.origin["trained_on"] == [x.name for x in eyes]
    assert network.settings["widths"] == [32, 64, 128, 256]
    assert record["config"]["seed"] == 1 and "best" not in record
    monkeypatch.setattr(wide, "STEPS", None)  # would fail: it is not made again
    assert wide.work(1) == record


def test_the_best_network_is_chosen_on_eyes_that_it_has_not_seen(
    script, monkeypatch, tmp_path
):
    best = script("best")
    eyes = [phantom.draw(k, 146, 141) for k in range(4)]
    eyes = [dataclasses.replace(x, name=str(k)) for k, x in enumerate(eyes)]
    small = {"widths": (4, 8), "patch_size": 16, "batch_size": 2}
    candidates = {"short": small, "longer": small | {"steps": 30}}
    seen = []

    def one_by_one(job, tasks):
        for task in tasks:
            job(*task)

    def train(variant, images, held, steps):
        seen.append((variant.text, [x.name for x in images]))
        return ablations_train(variant, images, held, steps)

    ablations_train = best.ablations.train
    monkeypatch.setattr(best.ablations, "train", train)
    monkeypatch.setattr(best.ablations, "eyes", lambda: eyes)
    monkeypatch.setattr(best, "STORE", tmp_path)
    monkeypatch.setattr(best, "__file__", str(tmp_path / "best.py"))
    monkeypatch.setattr(best, "STEPS", 1)
    monkeypatch.setattr(best, "CANDIDATES", candidates)
    monkeypatch.setattr(best, "at_once", one_by_one)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # others go on
    best.main()
    content = json.loads((tmp_path / "best.json").read_text("utf-8"))
    rows = {row["name"]: row for row in content["candidates"]}
    assert content["best"] == "longer"
    assert rows["longer"]["pooled"]["auc_pr"] > rows["short"]["pooled"]["auc_pr"]
    assert rows["short"]["difference"]["auc_pr"] == [0.0, 0.0, 0.0]  # to the first
    gain = rows["longer"]["pooled"]["auc_pr"] - rows["short"]["pooled"]["auc_pr"]
    assert rows["longer"]["difference"]["auc_pr"][0] == pytest.approx(gain)
    everyone = list("0123")
    others = [[n for n in everyone if n != held] for held in everyone]
    assert [images for _, images in seen] == [*others, *others, *[everyone] * 3]
    for seed, origin in enumerate(content["networks"]):
        network = inference.Segmenter.load(tmp_path / f"seed{seed}.pt")
        assert network.threshold == rows["longer"]["threshold"]
        assert (
            json.loads(json.dumps(network.origin)) == origin
        )  # tuples are lists there
        assert origin["config"]["seed"] == seed and origin["steps"] == 30
        assert origin["trained_on"] == everyone
    first = {n: x.read_bytes() for n, x in ((x.name, x) for x in tmp_path.iterdir())}
    seen.clear()
    best.main()
    assert not seen  # nothing is made again
    assert first == {x.name: x.read_bytes() for x in tmp_path.iterdir()}
