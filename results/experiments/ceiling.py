"""How good can a map be, judged by one observer's labels? A second observer tells.

What a network gets wrong is of two kinds: vessels that can be seen and that it missed,
and slips of the hand that drew the labels, which nothing in the photograph tells. Take
the pixels to which a network gives one probability. Had it seen all there is to see,
two observers would agree there no more than by chance; as far as they agree more often,
both saw something that it did not. That shared part of the variance (an intraclass
correlation) says how widely the chance of a vessel is spread round the network's
probability; a map that knew this chance for every pixel would be the best there is.

It is assumed that each hand slips by itself, that both observers see alike, each with
a style of their own in how much they mark, that the spread has the shape of a beta
distribution. What only the first observer sees or does counts as a slip: a network
that learns it may pass the ceiling. What both do wrong counts as vessel. Labels that
lie beside each other by a pixel make it lower.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from helpers import datasets, evaluation, fundus, inference, metrics, places, runtime

EDGES = special.expit(np.linspace(-9, 9, 199))  # of the bins of a probability
NEIGHBOURS = 13  # bins, 1.2 of the logit
CHANCES = np.r_[0, special.expit(np.linspace(-12, 12, 399)), 1]  # edges, 0 to 1
SETS = {"DRIVE": "test", "CHASEDB1": "all"}
RESAMPLES, RUNS = 200, 100
KEYS = ("auc_roc", "auc_pr", "dice")


def table(probs, first, second, fov) -> np.ndarray:
    """Count pixels by bin of the probability and by who marked them: (bins, 2, 2).

    All four are (1, H, W); ``[b, i, j]`` are the pixels inside the FOV in bin b, with i
    of the first observer and j of the second (0 or 1).
    """
    places = np.digitize(probs[fov], EDGES) * 4 + 2 * first[fov] + second[fov]
    number = len(EDGES) + 1
    return np.bincount(places, minlength=4 * number).reshape(number, 2, 2)


def shared(counts: np.ndarray) -> np.ndarray:
    """Return the correlation of two observers beyond the probability, 0 to 1: (bins,).

    ``counts`` as ``table`` gives them, of all images together. The covariance inside
    the bins over the geometric mean of both variances there, each summed over
    ``NEIGHBOURS`` bins: a single one holds too few pixels.
    """
    pixels = counts.sum((1, 2))
    one, two = (
        x / pixels.clip(1) for x in (counts[:, 1].sum(1), counts[:, :, 1].sum(1))
    )
    together = counts[:, 1, 1] - pixels * one * two
    alone = pixels * np.sqrt(one * (1 - one) * two * (1 - two))
    near = np.ones(NEIGHBOURS)
    covariance, variance = (np.convolve(x, near, "same") for x in (together, alone))
    return (covariance / variance.clip(1e-9)).clip(0, 0.999)


def best_possible(counts: np.ndarray) -> dict[str, float]:
    """Return AUC, AP and best Dice of a map that knows the chance of every pixel.

    In each bin that chance has the mean of the first observer's labels and the variance
    that ``shared`` tells: a beta distribution, whose intraclass correlation it is.
    "shared" is the mean over bins, weighted by their variance.
    """
    pixels, marked = counts.sum((1, 2)), counts[:, 1].sum(1)
    mean, correlation = marked / pixels.clip(1), shared(counts)
    inside = mean.clip(1e-7, 1 - 1e-7)
    total = 1 / correlation.clip(1e-4) - 1  # of the two parameters
    one, other = (x[:, None] for x in (inside * total, (1 - inside) * total))
    # of the distribution's mass, and of its vessels, what lies below each of CHANCES
    below = special.betainc(one, other, CHANCES) * pixels[:, None]
    vessels = special.betainc(one + 1, other, CHANCES) * (inside * pixels)[:, None]
    both = np.stack([below - vessels, vessels]).sum(1)
    histogram = np.diff(both, axis=1).clip(0)
    scores = metrics.all_scores(histogram, metrics.best_threshold([histogram]))
    variance = pixels * mean * (1 - mean)
    found = {"shared": float(variance @ correlation / variance.sum())}
    return found | {key: scores[key] for key in KEYS}


def ceiling(tables: Sequence[np.ndarray], people: Sequence[str]) -> dict:
    """Return ``best_possible`` of all images, with intervals over persons.

    95 % by bootstrap: persons are drawn with replacement.
    """
    each = np.stack(metrics.by_person(tables, people))
    rng = np.random.default_rng(0)
    draws = rng.integers(len(each), size=(RESAMPLES, len(each)))
    rows = [best_possible(each[drawn].sum(0)) for drawn in draws]
    found = best_possible(each.sum(0))
    ends = {k: np.percentile([row[k] for row in rows], [2.5, 97.5]) for k in found}
    return found | {"ci95": {key: x.tolist() for key, x in ends.items()}}


def drawn(seed: int, shape: str, eyes: int = 20, pixels: int = 20_000) -> tuple:
    """Draw eyes whose truth is known: (tables, scores of a map that knows it).

    The network sees a logit. The chance of a vessel differs from its probability by
    what it does not see: a beta distribution ("beta"), or a normal one of the logit,
    wider in some eyes ("normal"). The second observer marks less than the first.
    """
    rng, tables, truth = np.random.default_rng(seed), [], 0
    fov = np.ones(pixels, bool)
    for _ in range(eyes):
        vessel = rng.random(pixels) < 0.14 + 0.02 * rng.normal()
        middle = np.where(vessel, 1.4, -5.5) + 0.3 * rng.normal()
        seen = middle + np.where(vessel, 2.3, 2.0) * rng.normal(size=pixels)
        probs = special.expit(seen)
        if shape == "beta":
            chance = rng.beta(probs * 10, (1 - probs) * 10).clip(1e-9, 1 - 1e-9)
        else:
            spread = 0.8 * np.exp(0.2 * rng.normal())
            chance = special.expit(seen + spread * rng.normal(size=pixels))
        first = rng.random(pixels) < chance
        second = rng.random(pixels) < special.expit(special.logit(chance) - 0.3)
        tables.append(table(probs, first, second, fov))
        truth = truth + metrics.histogram(chance.astype(np.float32), first, fov)
    return tables, metrics.all_scores(truth, metrics.best_threshold([truth]))


def covered(shape: str) -> dict:
    """Count in how many of ``RUNS`` simulations the interval holds the truth.

    The truth is that of the same eyes: what is tested is the method, not the sampling.
    """
    held, errors = dict.fromkeys(KEYS, 0), {key: [] for key in KEYS}
    for seed in range(RUNS):
        tables, truth = drawn(seed, shape)
        found = ceiling(tables, [str(k) for k in range(len(tables))])
        for key in KEYS:
            low, high = found["ci95"][key]
            held[key] += bool(low <= truth[key] <= high)
            errors[key].append(found[key] - truth[key])
    bias = {key: float(np.mean(x)) for key, x in errors.items()}
    return {"runs": RUNS, "held": held, "bias": bias}


def measure(name: str, split: str) -> dict:
    """Return the ceiling of a data set, with the shipped network's scores beside it."""
    home, segmenter = places.data_dir(), inference.Segmenter.load()
    row, tables = evaluation.Evaluation(segmenter.threshold), []
    for x in fundus.OnDisk(name, split, home):
        probs = segmenter.probs(x.image, x.fov, "flips")
        row.add(x, probs)
        tables.append(table(probs, x.vessels, x.second, x.fov))
    people = [datasets.person(name, image["name"]) for image in row.per_image]
    reached = metrics.all_scores(row.histogram, metrics.best_threshold([row.histogram]))
    return {
        "split": split,
        "images": len(tables),
        "network_best_threshold": {key: reached[key] for key in KEYS},
        "ceiling": ceiling(tables, people),
    }


def main() -> dict:
    """Measure the sets that are there and have two observers."""
    there = [x for x in SETS if datasets.found(x, places.data_dir())]
    content = {"protocol": "fov", "weights": "shipped", "tta": "flips"}
    content |= {"resamples": RESAMPLES, "environment": runtime.environment()}
    content |= {name: measure(name, SETS[name]) for name in there}
    return content | {"drawn": {x: covered(x) for x in ("beta", "normal")}}
