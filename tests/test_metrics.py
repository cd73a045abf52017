"""Scores against an independent reference, by hand, and their zero cases."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, matthews_corrcoef, roc_auc_score

from helpers import fundus, inference, metrics
from helpers.metrics import Counts


@pytest.fixture
def case():
    """Return probabilities, vessels and a FOV that leaves a border out."""
    rng = np.random.default_rng(0)
    vessels = rng.random((1, 90, 110)) < 0.13
    probs = (0.35 * vessels + 0.65 * rng.random(vessels.shape)).astype(np.float32)
    fov = np.zeros_like(vessels)
    fov[:, 10:80, 15:100] = True
    return probs, vessels, fov


def test_areas_agree_with_scikit_learn(case):
    probs, vessels, fov = case
    table = metrics.histogram(probs, vessels, fov)
    truth, guess = vessels[fov], probs[fov]
    assert metrics.auc_roc(table) == pytest.approx(
        roc_auc_score(truth, guess), abs=1e-6
    )
    expected = average_precision_score(truth, guess)
    assert metrics.auc_pr(table) == pytest.approx(expected, abs=1e-6)


def test_areas_agree_with_scikit_learn_on_ties():
    rng = np.random.default_rng(1)
    vessels, fov = rng.random((1, 60, 60)) < 0.2, np.ones((1, 60, 60), bool)
    probs = (rng.integers(0, 5, vessels.shape) / 4).astype(np.float32)
    table = metrics.histogram(probs, vessels, fov)
    truth, guess = vessels.ravel(), probs.ravel()
    assert metrics.auc_roc(table) == pytest.approx(
        roc_auc_score(truth, guess), abs=1e-9
    )
    expected = average_precision_score(truth, guess)
    assert metrics.auc_pr(table) == pytest.approx(expected, abs=1e-9)


def test_pixels_outside_the_fov_have_no_say(case):
    probs, vessels, fov = case
    other = np.where(fov, probs, 1 - probs)
    flipped = np.where(fov, vessels, ~vessels)
    a, b = (
        metrics.histogram(probs, vessels, fov),
        metrics.histogram(other, flipped, fov),
    )
    assert np.array_equal(a, b)
    assert a.sum() == fov.sum()
    pred = probs > 0.5
    assert metrics.count(pred, vessels, fov) == metrics.count(pred ^ ~fov, flipped, fov)
    assert sum(metrics.count(pred, vessels, fov)) == fov.sum()


def test_counts_from_the_histogram_equal_counts_from_pixels(case):
    probs, vessels, fov = case
    table = metrics.histogram(probs, vessels, fov)
    for threshold in (0.0, 0.25, 0.5, 0.75):  # multiples of a bin: exact
        direct = metrics.count(probs >= threshold, vessels, fov)
        assert metrics.counts_at(table, threshold) == direct


def test_scores_of_a_published_confusion_matrix():
    row = metrics.scores(Counts(tp=443136, fp=65238, fn=134513, tn=3895256))
    assert round(row["dice"], 4) == 0.8161
    assert round(row["accuracy"], 4) == 0.9560
    assert round(row["sensitivity"], 4) == 0.7671
    assert round(row["specificity"], 4) == 0.9835


def test_mcc_agrees_with_scikit_learn(case):
    probs, vessels, fov = case
    pred = probs > 0.4
    row = metrics.scores(metrics.count(pred, vessels, fov))
    assert row["mcc"] == pytest.approx(matthews_corrcoef(vessels[fov], pred[fov]))


def test_zero_over_zero_is_zero():
    row = metrics.scores(Counts(0, 0, 0, 10))
    assert row["dice"] == row["sensitivity"] == row["precision"] == row["mcc"] == 0
    assert row["specificity"] == row["accuracy"] == 1


def test_pooled_is_not_the_mean_of_images():
    fov = np.ones((1, 1, 4), bool)
    easy = metrics.histogram(np.array([[[0.9, 0.9, 0.1, 0.9]]]), fov & True, fov)
    vessels = np.array([[[True, False, False, False]]])
    hard = metrics.histogram(np.array([[[0.9, 0.9, 0.9, 0.9]]]), vessels, fov)
    pooled = metrics.scores(metrics.counts_at(easy + hard, 0.5))["dice"]
    assert pooled == pytest.approx(2 * 4 / (2 * 4 + 3 + 1))
    each = [metrics.scores(metrics.counts_at(h, 0.5))["dice"] for h in (easy, hard)]
    assert np.mean(each) == pytest.approx((6 / 7 + 2 / 5) / 2)


def test_best_threshold_maximises_pooled_dice(case):
    table = metrics.histogram(*case)
    best = metrics.best_threshold([table])

    def dice(threshold):
        return metrics.scores(metrics.counts_at(table, threshold))["dice"]

    others = np.unique(case[0][case[2]])  # no other threshold can matter
    assert dice(best) == max(dice(t) for t in others)
    assert dice(best) > dice(best - 0.05)


def test_squaring_probabilities_moves_no_area(case):
    probs, vessels, fov = case
    a = metrics.histogram(probs, vessels, fov)
    b = metrics.histogram(probs.astype(np.float64) ** 2, vessels, fov)
    assert metrics.auc_roc(a) == pytest.approx(metrics.auc_roc(b), abs=1e-5)
    assert metrics.best_threshold([b]) == pytest.approx(
        metrics.best_threshold([a]) ** 2, abs=1e-3
    )


def test_bootstrap_resamples_images(case):
    probs, vessels, fov = case
    one = metrics.histogram(probs, vessels, fov)
    same = metrics.bootstrap_ci([one] * 5, 0.5, num_resamples=50)
    assert all(
        high - low < 1e-9 for low, high in same.values()
    )  # equal images: no width
    rng = np.random.default_rng(2)
    tables = []
    for spread in np.linspace(0.1, 0.9, 8):
        noisy = np.clip(spread * rng.random(probs.shape) + (1 - spread) * probs, 0, 1)
        tables.append(metrics.histogram(noisy, vessels, fov))
    pooled = metrics.pooled_scores(tables, 0.5)
    ci = metrics.bootstrap_ci(tables, 0.5, num_resamples=200)
    assert set(ci) == set(metrics.KEYS) == set(pooled)
    for key, (low, high) in ci.items():
        assert low < pooled[key] < high
    assert ci == metrics.bootstrap_ci(tables, 0.5, num_resamples=200)


def test_bad_input_is_named(case):
    probs, vessels, fov = case
    with pytest.raises(ValueError, match="sigmoid"):
        metrics.histogram(probs * 9 - 4, vessels, fov)
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.count(probs[:, :5] > 0.5, vessels, fov)
    with pytest.raises(ValueError, match="vessel and background"):
        metrics.auc_roc(metrics.histogram(probs, vessels & False, fov))


def test_areas_agree_with_scikit_learn_on_real_predictions(real_data):
    segmenter = inference.Segmenter.load()
    images = fundus.load("DRIVE", "val", real_data)
    probs = [segmenter.probs(x.image, x.fov) for x in images]
    pairs = list(zip(probs, images, strict=True))
    table = sum(metrics.histogram(p, x.vessels, x.fov) for p, x in pairs)
    guess = np.concatenate([p[x.fov] for p, x in pairs])
    truth = np.concatenate([x.vessels[x.fov] for x in images])
    assert metrics.auc_roc(table) == pytest.approx(
        roc_auc_score(truth, guess), abs=1e-6
    )
    expected = average_precision_score(truth, guess)
    assert metrics.auc_pr(table) == pytest.approx(expected, abs=1e-6)
