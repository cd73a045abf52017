"""The scripts in results/ that measure: what they compare is what they say."""

import dataclasses
import importlib

import numpy as np
import pytest
import torch

from helpers import config, metrics, phantom


@pytest.fixture
def script(monkeypatch):
    """Return a function that imports a script of results/."""
    monkeypatch.syspath_prepend(config.ROOT / "results")
    return importlib.import_module


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


def test_sliding_windows_average_what_the_model_says(script):
    inputs = np.random.default_rng(0).random((1, 58, 63), dtype=np.float32)
    probs = script("bench").sliding_windows(lambda x: x, inputs)
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
    ablations = script("ablations")
    photo = np.random.default_rng(0).random((3, 80, 80), dtype=np.float32)
    for variant in ablations.VARIANTS.values():
        settings = dataclasses.replace(config.PRESETS["lesson"], **variant.changes)
        assert variant.prepare(photo).shape == (settings.in_channels, 80, 80)
        assert settings.patch_size**2 * settings.batch_size == 8 * 128**2
    for change, _ in ablations.CONDITIONS.values():
        changed = change(photo)
        assert changed.shape == photo.shape and changed.dtype == np.float32
        assert 0 <= changed.min() and changed.max() <= 1


@pytest.mark.parametrize("name", ["mild", "turned"])
def test_other_augmentations_move_labels_along(script, name):
    image, vessels, fov = torch.from_numpy(layers()).split(1)
    batch = [x.expand(5, 1, 80, 80) for x in (image, vessels, fov)]
    generator = torch.Generator().manual_seed(0)
    change = getattr(script("ablations"), name)
    image, vessels, fov = change(*batch, 48, generator)
    assert image.shape == vessels.shape == fov.shape == (5, 1, 48, 48)
    for patch, label in zip(image, vessels, strict=True):
        middle = (patch.min() + patch.max()) / 2
        assert ((patch > middle) == label.bool()).float().mean() > 0.97


def test_differences_are_paired_and_against_the_recipe(script, monkeypatch, tmp_path):
    ablations = script("ablations")
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
    content = ablations.collect()
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
    assert expected == pytest.approx(metrics.auc_roc(worse.sum(0)), abs=1e-12)


def test_scores_of_a_perfect_answer(script, monkeypatch):
    ablations = script("ablations")
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
