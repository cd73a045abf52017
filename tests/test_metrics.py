"""Scores against an independent reference, by hand, and their zero cases."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
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
    probs, vessels, fov = case
    best = metrics.best_threshold([metrics.histogram(*case)])

    def dice(threshold):
        return metrics.scores(metrics.count(probs >= threshold, vessels, fov))["dice"]

    others = np.unique(probs[fov])  # no other threshold can matter
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


def test_two_eyes_of_a_person_are_drawn_together(case):
    probs, vessels, fov = case
    rng = np.random.default_rng(4)
    tables = [
        metrics.histogram((probs + rng.random(probs.shape)) / 2, vessels, fov)
        for _ in range(4)
    ]
    pairs = metrics.by_person(tables, ["01", "02", "01", "02"])
    assert np.array_equal(pairs, [tables[0] + tables[2], tables[1] + tables[3]])
    assert metrics.pooled_scores(pairs, 0.5) == metrics.pooled_scores(tables, 0.5)
    alone = metrics.by_person(tables, list("abcd"))
    assert metrics.bootstrap_ci(alone, 0.5) == metrics.bootstrap_ci(tables, 0.5)


def test_bad_input_is_named(case):
    probs, vessels, fov = case
    with pytest.raises(ValueError, match="sigmoid"):
        metrics.histogram(probs * 9 - 4, vessels, fov)
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.count(probs[:, :5] > 0.5, vessels, fov)
    with pytest.raises(ValueError, match="vessel and background"):
        metrics.auc_roc(metrics.histogram(probs, vessels & False, fov))


def test_paired_differences_are_those_of_the_pooled_scores(case):
    probs, vessels, fov = case
    rng = np.random.default_rng(3)
    better, worse = [], []
    for _ in range(6):
        noise = rng.random(probs.shape, dtype=np.float32)
        better.append(metrics.histogram((probs + noise) / 2, vessels, fov))
        worse.append(metrics.histogram((probs + 3 * noise) / 4, vessels, fov))
    rows = metrics.paired_differences(better, worse, (0.5, 0.6))
    a, b = metrics.pooled_scores(better, 0.5), metrics.pooled_scores(worse, 0.6)
    for key, (difference, low, high) in rows.items():
        assert difference == pytest.approx(a[key] - b[key]) and low <= high
    assert 0 < rows["auc_roc"][1] < rows["auc_roc"][0] < rows["auc_roc"][2]
    same = metrics.paired_differences(better, better, (0.5, 0.5))
    assert set(same.values()) == {(0.0, 0.0, 0.0)}  # paired: the eyes cancel out
    with pytest.raises(ValueError, match="pairs are needed"):
        metrics.paired_differences(better, worse[:5], (0.5, 0.6))


def test_calibration_agrees_with_scikit_learn(case):
    probs, vessels, fov = case
    rows = metrics.calibration(metrics.histogram(probs, vessels, fov))
    observed, predicted = calibration_curve(vessels[fov], probs[fov], n_bins=10)
    found = [k for k, share in enumerate(rows["share"]) if share]
    assert [rows["observed"][k] for k in found] == pytest.approx(observed, abs=1e-3)
    assert [rows["predicted"][k] for k in found] == pytest.approx(predicted, abs=1e-3)
    assert sum(rows["share"]) == pytest.approx(1)
    gaps = np.abs(np.array(observed) - predicted)
    expected = gaps @ np.array([rows["share"][k] for k in found])
    assert rows["error"] == pytest.approx(expected, abs=1e-3)


def picture(*rows):
    """Return a (1, H, W) bool map drawn in characters."""
    return np.array([[[letter == "#" for letter in row] for row in rows]])


def test_betti_numbers_count_pieces_and_holes():
    drawn = picture(
        ".........",
        ".###...#.",
        ".#.#....#",
        ".###.....",
        "......##.",
        "......##.",
    )
    assert metrics.betti_numbers(drawn) == (3, 1)  # a corner connects
    assert metrics.betti_numbers(drawn & False) == (0, 0)
    assert metrics.betti_numbers(~drawn) == (2, 2)  # what touches the edge is no hole
    assert metrics.betti_numbers(metrics.remove_specks(drawn, 3)) == (2, 1)
    assert metrics.remove_specks(drawn, 5).sum() == 8
    assert np.array_equal(metrics.remove_specks(drawn, 0), drawn)


def test_cldice_sees_length_and_not_thickness():
    line = np.zeros((1, 40, 60), bool)
    line[:, 20, 5:55] = True
    thick, half, fov = line.copy(), line.copy(), np.ones_like(line)
    thick[:, 17:24, 5:55] = True
    half[:, :, 30:] = False
    assert metrics.cldice(line, line, fov) == 1
    assert metrics.cldice(thick, line, fov) > 0.9
    assert metrics.cldice(half, line, fov) == pytest.approx(2 / 3, abs=0.02)
    assert metrics.cldice(line & False, line, fov) == 0
    assert metrics.cldice(half, line, fov & (np.arange(60) < 30)) == 1


def test_widths_and_sensitivity_of_thin_and_thick_vessels():
    vessels = np.zeros((1, 60, 80), bool)
    vessels[:, 10:11, 5:75] = True
    vessels[:, 30:37, 5:75] = True
    widths = metrics.vessel_widths(vessels)
    assert widths[0, 10, 40] == 1 and widths[0, 33, 40] == 7
    assert widths[0, 30, 40] == 7 and widths[0, 20, 40] == 0
    assert not metrics.vessel_widths(vessels & False).any()
    pred = vessels.copy()
    pred[:, 10, 40:] = False
    scores = metrics.object_scores(pred, vessels, np.ones_like(pred))
    assert scores["sensitivity_thin"] == 0.5 and scores["sensitivity_thick"] == 1
    assert scores["betti_0_error"] == scores["betti_1_error"] == 0
    pred[:, 50, 10] = True
    scores = metrics.object_scores(pred, vessels, np.ones_like(pred))
    assert scores["betti_0_error"] == 1


def test_the_second_observer_as_others_measured_it(real_data):
    images = fundus.load("DRIVE", "test", real_data)
    rows = [metrics.object_scores(x.second, x.vessels, x.fov) for x in images]
    assert np.mean([r["cldice"] for r in rows]) == pytest.approx(0.7634, abs=5e-5)
    assert np.mean([r["betti_1_error"] for r in rows]) == pytest.approx(16.8)
    pieces, holes = np.mean(
        [metrics.betti_numbers(x.vessels & x.fov) for x in images], 0
    )
    assert (round(pieces, 2), holes) == (2.85, 59)


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
