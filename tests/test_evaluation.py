"""Scores of a split: inside the FOV, each image once, beside human and filter."""

import dataclasses
import shutil

import numpy as np
import pytest

from helpers import datasets, evaluation, fundus, inference, metrics, phantom


def objects(probs, x) -> list[dict]:
    """Score one image's vessels as objects, with and without specks."""
    result = evaluation.Objects(0.5)
    result.add(x, probs)
    return result.means()


def test_evaluate_scores_inside_the_fov_with_the_given_threshold():
    images = [phantom.draw(seed, 68, 66) for seed in range(3)]
    rng = np.random.default_rng(0)
    guesses = {x.name: rng.random(x.fov.shape).astype(np.float32) for x in images}
    result = evaluation.evaluate(lambda x: guesses[x.name], images, 0.25)
    counts = [metrics.count(guesses[x.name] >= 0.25, x.vessels, x.fov) for x in images]
    pooled = metrics.scores(metrics.Counts(*np.sum(counts, axis=0)))
    assert result.pooled["dice"] == pytest.approx(pooled["dice"])
    assert result.threshold == 0.25
    assert [row["name"] for row in result.per_image] == [x.name for x in images]
    flipped = [
        dataclasses.replace(x, vessels=np.where(x.fov, x.vessels, ~x.vessels))
        for x in images
    ]
    again = evaluation.evaluate(lambda x: guesses[x.name], flipped, 0.25)
    assert again.pooled == result.pooled


def noisy(x, seed=0):
    """Return probabilities that know something of the vessels."""
    rng = np.random.default_rng([seed, int(x.name)])
    return (0.4 * x.vessels + 0.6 * rng.random(x.fov.shape)).astype(np.float32)


def test_one_bootstrap_gives_intervals_and_differences():
    images = [phantom.draw(seed, 68, 66) for seed in range(4)]
    ways = [lambda x: noisy(x, 1), lambda x: noisy(x, 2)]
    ours, theirs = (evaluation.evaluate(way, images, 0.5) for way in ways)
    tables = [
        [metrics.histogram(way(x), x.vessels, x.fov) for x in images] for way in ways
    ]
    assert ours.ci95 == metrics.bootstrap_ci(tables[0], 0.5)
    expected = metrics.paired_differences(*tables, (0.5, 0.5))
    assert ours.against(theirs) == expected
    assert (ours.histogram == sum(tables[0])).all()


def test_two_eyes_of_a_person_are_one_draw():
    images = [phantom.draw(seed, 68, 66) for seed in range(4)]
    eyes, people = (
        evaluation.Evaluation(0.5, person)
        for person in (str, lambda name: str(int(name) // 2))
    )
    for x in images:
        eyes.add(x, noisy(x))
        people.add(x, noisy(x))
    assert eyes.pooled == people.pooled
    tables = [metrics.histogram(noisy(x), x.vessels, x.fov) for x in images]
    pairs = [tables[0] + tables[1], tables[2] + tables[3]]
    assert people.ci95 == metrics.bootstrap_ci(pairs, 0.5)
    assert people.ci95 != eyes.ci95


def test_a_large_set_fits_the_memory():
    result = evaluation.Evaluation(0.5)
    x = phantom.draw(0, 68, 66)
    for _ in range(20):
        result.add(x, noisy(x))
    kept = sum(table.nbytes for table in [result.histogram, *result.coarse])
    assert kept < 20 * metrics.histogram(noisy(x), x.vessels, x.fov).nbytes / 5


def test_a_split_is_read_once_and_predicted_once(tmp_path, monkeypatch):
    phantom.write(tmp_path / "PHANTOM", 96, 93)
    read, predicted = [], []
    load_one, probs = fundus.load_one, inference.Segmenter.probs
    monkeypatch.setattr(
        fundus, "load_one", lambda *which: read.append(which[1]) or load_one(*which)
    )
    monkeypatch.setattr(
        inference.Segmenter,
        "probs",
        lambda *given, **how: predicted.append(1) or probs(*given, **how),
    )
    result = evaluation.evaluate_split("PHANTOM", "test", tmp_path)
    test, val = (datasets.ids("PHANTOM", split) for split in ("test", "val"))
    assert sorted(read) == sorted([*test, *val])  # these for the filter's threshold
    assert len(predicted) == len(test)
    assert result["data_sha256"] == fundus.data_sha256(
        fundus.load("PHANTOM", "test", tmp_path)
    )


def test_the_threshold_comes_from_the_images_it_is_given():
    images = [phantom.draw(seed, 68, 66) for seed in range(2)]
    rng = np.random.default_rng(0)

    def predict(x):
        return (0.3 * x.vessels + 0.4 * rng.random(x.fov.shape)).astype(np.float32)

    assert 0.25 < evaluation.choose_threshold(predict, images) < 0.5


def test_sato_filter_finds_dark_lines():
    x = phantom.draw(3, 292, 282)
    ridges = evaluation.sato_probs(x.image, x.fov)
    assert ridges.shape == (1, 292, 282) and (ridges[~x.fov] == 0).all()
    assert 0 <= ridges.min() and ridges.max() < 1  # the constant scale clips nothing
    table = metrics.histogram(ridges, x.vessels, x.fov)
    green = metrics.histogram(1 - x.image[1:2], x.vessels, x.fov)
    assert metrics.auc_roc(table) > metrics.auc_roc(green)


def test_sato_filter_sees_a_large_photograph_at_drives_resolution():
    x = phantom.draw(3, 584, 565)
    small = metrics.histogram(evaluation.sato_probs(x.image, x.fov), x.vessels, x.fov)
    image, vessels, fov = (
        layer.repeat(3, 1).repeat(3, 2) for layer in (x.image, x.vessels, x.fov)
    )
    large = metrics.histogram(evaluation.sato_probs(image, fov), vessels, fov)
    assert abs(metrics.auc_roc(large) - metrics.auc_roc(small)) < 0.01


def test_specks_are_counted_at_drives_resolution():
    x = phantom.draw(3, 584, 565)
    dots = np.zeros((1, 584, 565), np.float32)
    dots[0, 100:105, 100:105] = dots[0, 300:310, 300:310] = 1  # 25 and 100 pixels
    large = [layer.repeat(2, 1).repeat(2, 2) for layer in (x.image, x.vessels, x.fov)]
    twice = fundus.FundusImage("twice", *large)
    dots_twice = dots.repeat(2, 1).repeat(2, 2)
    one = objects(dots, x)
    two = objects(dots_twice, twice)
    for a, b in zip(one, two, strict=True):
        assert a["betti_0_error"] == b["betti_0_error"]
    assert one[0]["betti_0_error"] != one[1]["betti_0_error"], "a speck was dropped"


@pytest.mark.parametrize("times", [1, 2])
def test_thin_is_thin_at_drives_resolution(times):
    fov = phantom.draw(3, 584, 565).fov
    lines = np.zeros((2, 1, 584, 565), bool)
    lines[0, :, 100:500, 200:203] = lines[1, :, 100:500, 300:307] = True  # 3 and 7
    fov, thin, thick = (x.repeat(times, 1).repeat(times, 2) for x in (fov, *lines))
    image = np.zeros((3, *fov.shape[1:]), np.float32)
    eye = fundus.FundusImage("lines", image, thin | thick, fov)
    row = objects(thin.astype(np.float32), eye)[0]
    assert (row["sensitivity_thin"], row["sensitivity_thick"]) == (1, 0)


def test_a_copy_without_the_folder_of_the_second_observer_is_scored(tmp_path):
    phantom.write(tmp_path / "PHANTOM", 68, 66)
    folder = tmp_path / "PHANTOM/test/2nd_manual"
    (folder / "01_manual2.gif").unlink()
    with pytest.raises(FileNotFoundError, match=r"01_manual2\.gif is missing"):
        evaluation.evaluate_split("PHANTOM", "test", tmp_path)
    shutil.rmtree(folder)
    assert fundus.load_one("PHANTOM", "01", tmp_path).second is None
    result = evaluation.evaluate_split("PHANTOM", "test", tmp_path)
    assert result["second_observer"] is None and result["images"] == 8
