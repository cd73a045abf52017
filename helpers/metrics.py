"""Scores inside the field of view: counts, curves, thresholds, intervals.

Everything starts from one table per image: a histogram of the probabilities of
background and of vessel pixels, in two million bins. Areas under curves from it
agree with scikit-learn's to 1e-6, and a bootstrap over images takes seconds, not an
hour, because it adds histograms and never looks at a pixel again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage import measure, morphology

NUM_BINS = 2**21
NUM_COARSE_BINS = 2**14  # for the intervals
KEYS = (
    "auc_roc",
    "auc_pr",
    "dice",
    "sensitivity",
    "specificity",
    "precision",
    "accuracy",
    "mcc",
)


class Counts(NamedTuple):
    """Pixels by prediction and label: the four cells of the confusion matrix."""

    tp: int
    fp: int
    fn: int
    tn: int


def _same_shape(**arrays: np.ndarray) -> None:
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"shapes differ: {shapes}; score at the label's own size, resize "
            "probabilities and never labels"
        )


def count(pred: np.ndarray, vessels: np.ndarray, fov: np.ndarray) -> Counts:
    """Count the pixels inside the FOV; three bool arrays of one shape."""
    _same_shape(pred=pred, vessels=vessels, fov=fov)
    pred, vessels = pred[fov], vessels[fov]
    tp = int((pred & vessels).sum())
    fp, fn = int(pred.sum()) - tp, int(vessels.sum()) - tp
    return Counts(tp, fp, fn, vessels.size - tp - fp - fn)


def scores(counts: Counts) -> dict[str, float]:
    """Return the scores at one threshold; a fraction 0 / 0 is given as 0.

    sensitivity (recall) = TP / (TP + FN), specificity = TN / (TN + FP), precision =
    TP / (TP + FP), accuracy, dice (F1) = 2 TP / (2 TP + FP + FN), mcc = Matthews
    correlation coefficient, -1 to 1.
    """
    tp, fp, fn, tn = (float(number) for number in counts)

    def share(part: float, whole: float) -> float:
        return part / whole if whole else 0.0

    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return {
        "dice": share(2 * tp, 2 * tp + fp + fn),
        "sensitivity": share(tp, tp + fn),
        "specificity": share(tn, tn + fp),
        "precision": share(tp, tp + fp),
        "accuracy": share(tp + tn, tp + fp + fn + tn),
        "mcc": share(tp * tn - fp * fn, float(spread)),
    }


def histogram(probs: np.ndarray, vessels: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Count the probabilities inside the FOV: (2, NUM_BINS) int32.

    Row 0 holds background pixels, row 1 vessel pixels; column b those with
    b <= probability * NUM_BINS < b + 1 (1.0 is in the last). ``probs`` must lie in
    [0, 1].
    """
    _same_shape(probs=probs, vessels=vessels, fov=fov)
    probs, vessels = probs[fov], vessels[fov]
    if probs.size and not (probs.min() >= 0 and probs.max() <= 1):
        raise ValueError(
            f"probabilities lie in [{probs.min()}, {probs.max()}], need [0, 1]; "
            "apply the sigmoid to logits first"
        )
    bins = np.minimum((probs * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    flat = np.bincount(bins + NUM_BINS * vessels, minlength=2 * NUM_BINS)
    return flat.reshape(2, NUM_BINS).astype(np.int32)


def coarsened(histogram: np.ndarray) -> np.ndarray:
    """Return a histogram in 2^14 bins, enough for intervals: (2, NUM_COARSE_BINS)."""
    return histogram.reshape(2, NUM_COARSE_BINS, -1).sum(-1)


def counts_at(histogram: np.ndarray, threshold: float) -> Counts:
    """Count as ``count(probs >= threshold, ...)`` would; exact at bin edges."""
    first = int(np.ceil(threshold * histogram.shape[1]))
    negatives, positives = histogram[:, :first].sum(1), histogram[:, first:].sum(1)
    return Counts(*map(int, (positives[1], positives[0], negatives[1], negatives[0])))


def _cumulative(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true and false positives at every bin that holds a pixel, and the bins.

    The highest threshold comes first; empty bins would only repeat a point.
    """
    occupied = np.flatnonzero(histogram.any(0))[::-1]
    false, true = histogram[:, occupied].cumsum(1)
    if not occupied.size or not true[-1] or not false[-1]:
        raise ValueError(
            "curves need vessel and background pixels inside the FOV, got "
            f"{histogram[1].sum()} and {histogram[0].sum()}; check label and FOV"
        )
    return true, false, occupied


def roc_curve(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (false positive rate, sensitivity), from (0, 0) to (1, 1)."""
    true, false, _ = _cumulative(histogram)
    return np.r_[0, false / false[-1]], np.r_[0, true / true[-1]]


def pr_curve(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (sensitivity, precision) at thresholds with at least one positive."""
    true, false, _ = _cumulative(histogram)
    return true / true[-1], true / (true + false)


def auc_roc(histogram: np.ndarray) -> float:
    """Return the area under the ROC curve.

    It is the chance that a random vessel pixel has a higher probability than a
    random background pixel, ties counting half.
    """
    fpr, sensitivity = roc_curve(histogram)
    return float(np.trapezoid(sensitivity, fpr))


def auc_pr(histogram: np.ndarray) -> float:
    """Return average precision: precision summed over the steps in sensitivity."""
    sensitivity, precision = pr_curve(histogram)
    return float(np.sum(np.diff(sensitivity, prepend=0) * precision))


def all_scores(histogram: np.ndarray, threshold: float) -> dict[str, float]:
    """Return areas and scores of one histogram, in the order of ``KEYS``."""
    areas = {"auc_roc": auc_roc(histogram), "auc_pr": auc_pr(histogram)}
    return areas | scores(counts_at(histogram, threshold))


def pooled_scores(histograms: Sequence[np.ndarray], threshold: float) -> dict:
    """Score all pixels of all images as one large image."""
    return all_scores(sum(histograms), threshold)


def best_threshold(histograms: Sequence[np.ndarray]) -> float:
    """Return the threshold with the highest pooled Dice; for validation images.

    Between two equally good thresholds the lower one is taken.
    """
    total = sum(histograms)
    true, false, occupied = _cumulative(total)
    dice = 2 * true / (true[-1] + true + false)
    # the highest threshold comes first, so the last maximum is the lowest one; below
    # its bin all thresholds are as good, down to the next bin that holds a pixel
    last = len(dice) - 1 - int(np.argmax(dice[::-1]))
    lowest = occupied[last + 1] + 1 if last + 1 < len(dice) else 0
    return float(lowest / total.shape[1])


def resampled(
    histograms: Sequence[np.ndarray],
    counts: Sequence[Counts],
    num_resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Return pooled scores of images drawn with replacement: (num_resamples, KEYS).

    ``histograms`` may be ``coarsened``; ``counts`` are those of each image at the
    threshold. Images are drawn, not pixels: eyes are what was sampled, and the pixels
    of one eye are not independent. The draws depend on the seed and the number of
    images alone.
    """
    number, rng = len(histograms), np.random.default_rng(seed)
    draws = rng.integers(number, size=(num_resamples, number))
    times = (draws[..., None] == np.arange(number)).sum(1)  # how often each image came
    areas = _resampled_areas([coarsened(each) for each in histograms], times)
    rows = []
    for roc, pr, summed in zip(*areas, times @ np.array(counts), strict=True):
        row = {"auc_roc": roc, "auc_pr": pr} | scores(Counts(*summed))
        rows.append([row[key] for key in KEYS])
    return np.array(rows)


def _resampled_areas(
    histograms: Sequence[np.ndarray], times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``auc_roc`` and ``auc_pr`` of sums of histograms, (B,) each.

    ``times`` (B, N) says how often each comes in a sum. Curves of sums are sums of
    curves, so each histogram is accumulated once, and the ROC area of a sum comes from
    those of all pairs: vessels of one image against background of another.
    """
    # As floats: numpy multiplies matrices of integers without BLAS, far slower.
    tables = np.stack(histograms)[..., ::-1].astype(float)  # highest threshold first
    negatives, positives = tables.swapaxes(0, 1)
    true, found = positives.cumsum(1), tables.sum(1).cumsum(1)
    vessels, background = times @ positives.sum(1), times @ negatives.sum(1)
    pairs = (true - positives / 2) @ negatives.T  # ties count half
    roc = ((times @ pairs) * times).sum(1) / (vessels * background)
    pr = [
        ((some @ positives) * (some @ true) / np.maximum(some @ found, 1)).sum(1)
        for some in np.array_split(times, len(times) // 50 + 1)  # a block, for memory
    ]
    return roc, np.concatenate(pr) / vessels


def by_person(tables: Sequence[np.ndarray], people: Sequence[str]) -> list[np.ndarray]:
    """Sum the tables of each person's eyes, so that persons are drawn, not eyes."""
    sums: dict[str, np.ndarray] = {}
    for who, table in zip(people, tables, strict=True):
        sums[who] = sums.get(who, 0) + np.asarray(table)
    return list(sums.values())


def intervals(draws: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each score in ``resampled``, by percentiles."""
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return {k: (float(a), float(b)) for k, a, b in zip(KEYS, low, high, strict=True)}


def bootstrap_ci(
    histograms: Sequence[np.ndarray],
    threshold: float,
    num_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of pooled scores, by bootstrap over images (Efron 1979)."""
    counts = [counts_at(each, threshold) for each in histograms]
    return intervals(resampled(histograms, counts, num_resamples, seed))


def paired_differences(
    ours: Sequence[np.ndarray],
    theirs: Sequence[np.ndarray],
    thresholds: tuple[float, float],
    num_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float, float]]:
    """Return (difference, low, high) of each pooled score, ours minus theirs.

    Both are histograms of the same images in the same order. Each resample draws
    images once and scores both on them, so that hard eyes weigh on both alike: the 95 %
    interval is far narrower than two separate ones suggest.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} images against {len(theirs)}; pairs are needed")
    pooled, draws = [], []
    for tables, threshold in zip((ours, theirs), thresholds, strict=True):
        pooled.append(pooled_scores(tables, threshold))
        counts = [counts_at(each, threshold) for each in tables]
        draws.append(resampled(tables, counts, num_resamples, seed))
    return differences(*pooled, *draws)


def differences(
    ours: dict, theirs: dict, our_draws: np.ndarray, their_draws: np.ndarray
) -> dict[str, tuple[float, float, float]]:
    """Return what ``paired_differences`` does, from scores and their ``resampled``."""
    ends = intervals(our_draws - their_draws)
    return {key: (ours[key] - theirs[key], *ends[key]) for key in KEYS}


def calibration(histogram: np.ndarray, num_bins: int = 10) -> dict:
    """Compare predicted probabilities with what came true, in bins of equal width.

    Returns predicted and observed (mean probability and share of vessels, a list
    each, None for an empty bin), share (of the pixels), and ``error``: the expected
    calibration error, the mean gap weighted by share (Naeini et al., AAAI 2015).
    """
    edges = np.linspace(0, histogram.shape[1], num_bins + 1).round().astype(int)
    middles = (np.arange(histogram.shape[1]) + 0.5) / histogram.shape[1]
    total = histogram.sum()
    rows = []
    for first, last in pairwise(edges):
        pixels = histogram[:, first:last]
        number = pixels.sum()
        if number:
            mean = float(pixels.sum(0) @ middles[first:last] / number)
            rows.append((mean, float(pixels[1].sum() / number), float(number / total)))
        else:
            rows.append((None, None, 0.0))
    predicted, observed, share = map(list, zip(*rows, strict=True))
    gaps = (abs(p - o) * s for p, o, s in rows if s)
    shares = {"predicted": predicted, "observed": observed, "share": share}
    return shares | {"error": float(sum(gaps))}


# ---- Vessels as objects: connected, branching, wide and narrow ----


def betti_numbers(pred: np.ndarray) -> tuple[int, int]:
    """Count the pieces (Betti-0) and the holes (Betti-1) of a (1, H, W) bool map.

    Vessel pixels that touch at a corner are connected (8-connectivity), background
    pixels are not. Where arteries and veins cross they close loops: those are the
    holes.
    """
    pieces = int(measure.label(pred[0], connectivity=2).max())
    return pieces, pieces - int(measure.euler_number(pred[0], connectivity=2))


def cldice(pred: np.ndarray, vessels: np.ndarray, fov: np.ndarray) -> float:
    """Return the centreline Dice of two (1, H, W) bool maps inside the FOV, 0 to 1.

    Harmonic mean of two shares: of the prediction's centreline inside the label, and
    of the label's centreline inside the prediction. A vessel drawn too thick costs
    nothing, a missing one its length. 0 where either is empty. Shit et al., CVPR 2021.
    """
    _same_shape(pred=pred, vessels=vessels, fov=fov)
    pred, vessels = pred & fov, vessels & fov
    lines = (morphology.skeletonize(x[0])[None] for x in (pred, vessels))
    mine, theirs = lines
    if not mine.any() or not theirs.any():
        return 0.0
    precision, sensitivity = vessels[mine].mean(), pred[theirs].mean()
    both = precision + sensitivity
    return float(2 * precision * sensitivity / both) if both else 0.0


def remove_specks(pred: np.ndarray, size: int) -> np.ndarray:
    """Drop connected pieces of fewer than ``size`` pixels, (1, H, W) bool."""
    pieces = measure.label(pred, connectivity=3)
    large = np.bincount(pieces.ravel()) >= size
    large[0] = False  # the background is no piece
    return large[pieces]


def vessel_widths(vessels: np.ndarray) -> np.ndarray:
    """Return for each vessel pixel how wide its vessel is, in pixels; 0 elsewhere.

    (1, H, W) bool -> (1, H, W) float32. The width at the nearest pixel of the
    centreline: twice its distance to the background, less the half pixel on each side.
    It is odd along the grid: four pixels count as three, as their middle is no pixel.
    """
    inside = ndimage.distance_transform_edt(vessels[0])
    centreline = morphology.skeletonize(vessels[0])
    if not centreline.any():
        return np.zeros(vessels.shape, np.float32)
    _, nearest = ndimage.distance_transform_edt(~centreline, return_indices=True)
    widths = 2 * inside[tuple(nearest)] - 1
    return (widths[None] * vessels).astype(np.float32)


def object_scores(
    pred: np.ndarray,
    vessels: np.ndarray,
    fov: np.ndarray,
    thin: float = 3.0,
    widths: np.ndarray | None = None,
) -> dict[str, float]:
    """Score one image's vessels as objects; three (1, H, W) bool arrays.

    cldice; betti_0_error and betti_1_error, how many pieces and holes too many or too
    few; sensitivity_thin and sensitivity_thick, of pixels in vessels up to ``thin``
    pixels wide and in wider ones. ``widths`` saves time where several predictions of
    an image are scored: its ``vessel_widths(vessels)``.
    """
    pieces, holes = betti_numbers(pred & fov)
    true_pieces, true_holes = betti_numbers(vessels & fov)
    widths = vessel_widths(vessels) if widths is None else widths
    narrow, wide = (widths > 0) & (widths <= thin) & fov, (widths > thin) & fov
    return {
        "cldice": cldice(pred, vessels, fov),
        "betti_0_error": abs(pieces - true_pieces),
        "betti_1_error": abs(holes - true_holes),
        "sensitivity_thin": float(pred[narrow].mean()) if narrow.any() else 0.0,
        "sensitivity_thick": float(pred[wide].mean()) if wide.any() else 0.0,
    }
