"""How good can a map be, judged by one observer's labels? A second observer tells.

What a network gets wrong is of two kinds: vessels that can be seen and that it missed,
and slips of the hand that drew the labels, which nothing in the photograph tells. Take
the pixels to which a network gives one probability. Had it seen all there is to see,
two observers would agree there no more than by chance; as far as they agree more often,
both saw something that it did not. That shared part of the variance (an intraclass
correlation) says how widely the chance of a vessel is spread round the network's
probability; a map that knew this chance for every pixel would be the best there is.

It is assumed that each hand slips by itself, that both observers see alike and differ
in how much they mark alone (their logits by a constant), that the spread has the shape
of a beta distribution. What only the first observer sees or does counts as a slip: a
network that learns it may pass the ceiling. What both do wrong counts as vessel. Labels
that lie beside each other by a pixel make it lower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import optimize, special

from helpers import datasets, evaluation, fundus, inference, metrics, places, runtime

from . import work

EDGES = special.expit(np.linspace(-9, 9, 199))  # of the bins of a probability
NEIGHBOURS = 13  # bins, 1.2 of the logit
CHANCES = np.r_[0, special.expit(np.linspace(-12, 12, 399)), 1]  # edges, 0 to 1
SETS = {"DRIVE": "test", "CHASEDB1": "all"}
RESAMPLES, RUNS, MANY = 200, 100, 1000
SHAPES = ("beta", "normal")  # of what the network does not see, where it is drawn
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

    ``counts`` as ``table`` gives them, of all images together. A second observer whose
    logits are shifted has a covariance smaller by as much as the variance of their
    labels is, so the one over the other is the share of the first one's variance that
    both know. Each is summed over ``NEIGHBOURS`` bins: one holds too few pixels.
    """
    pixels = counts.sum((1, 2))
    one, two = (
        x / pixels.clip(1) for x in (counts[:, 1].sum(1), counts[:, :, 1].sum(1))
    )
    together = counts[:, 1, 1] - pixels * one * two
    alone = pixels * two * (1 - two)
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
    below = special.betainc(one, other, CHANCES)
    logs = special.xlogy(one, CHANCES) + special.xlog1py(other, -CHANCES)
    less = np.exp(logs - np.log(one) - special.betaln(one, other))
    vessels = (below - less) * inside[:, None]  # betainc of one + 1, times the mean
    both = np.stack([pixels @ (below - vessels), pixels @ vessels])
    histogram = np.diff(both, axis=1).clip(0)
    variance = pixels * mean * (1 - mean)
    found = {"shared": float(variance @ correlation / variance.sum())}
    return found | best_scores(histogram)


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
    """Draw eyes whose truth is known: (tables, histogram of a map that knows it).

    The network sees a logit. The chance of a vessel differs from its probability by
    what it does not see: a beta distribution ("beta"), or a normal one of the logit,
    wider in some eyes ("normal"). The second observer marks less than the first.
    """
    rng, tables, knowing = np.random.default_rng(seed), [], 0
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
        knowing = knowing + metrics.histogram(chance.astype(np.float32), first, fov)
    return tables, knowing


def best_scores(histogram: np.ndarray) -> dict[str, float]:
    """Return the scores of a map at its own best threshold."""
    scores = metrics.all_scores(histogram, metrics.best_threshold([histogram]))
    return {key: scores[key] for key in KEYS}


def covered(shape: str) -> dict:
    """Count in how many of ``RUNS`` simulations the interval holds the truth.

    The truth is that of many eyes drawn by themselves, of which each simulation sees
    twenty others.
    """
    truth = best_scores(drawn(RUNS, shape, MANY)[1])  # no simulation has this seed
    held, errors = dict.fromkeys(KEYS, 0), {key: [] for key in KEYS}
    for seed in range(RUNS):
        tables, _ = drawn(seed, shape)
        found = ceiling(tables, [str(k) for k in range(len(tables))])
        for key in KEYS:
            low, high = found["ci95"][key]
            held[key] += bool(low <= truth[key] <= high)
            errors[key].append(found[key] - truth[key])
    bias = {key: float(np.mean(x)) for key, x in errors.items()}
    return {"runs": RUNS, "truth": truth, "held": held, "bias": bias}


def by_network() -> Callable:
    """Return the maps of the shipped network with mirrored copies."""
    segmenter = inference.Segmenter.load()
    return lambda x: segmenter.probs(x.image, x.fov, "flips")


def by_sato() -> Callable:
    """Return the maps of the Sato filter, made probabilities on DRIVE's 21 to 40.

    To each strength of its answer belongs the share of vessels there, made to rise
    with it (isotonic regression), with straight lines between 400 strengths.
    """
    home = places.data_dir()
    known = [x for part in ("train", "val") for x in fundus.load("DRIVE", part, home)]
    answers = np.concatenate([evaluation.ridges(x)[x.fov] for x in known])
    marked = np.concatenate([x.vessels[x.fov] for x in known])
    edges = np.unique(np.quantile(answers, np.linspace(0, 1, 400)))
    bins = np.digitize(answers, edges)
    pixels, strength, vessels = (
        np.bincount(bins, weights=x) for x in (np.ones(len(bins)), answers, marked)
    )
    there = pixels > 0
    pixels, strength, vessels = (x[there] for x in (pixels, strength, vessels))
    share = optimize.isotonic_regression(vessels / pixels, weights=pixels).x
    return lambda x: np.interp(evaluation.ridges(x), strength / pixels, share)


def measure(name: str, split: str, predict: Callable) -> dict:
    """Return the ceiling of a data set, with the scores of the maps beside it."""
    images = fundus.OnDisk(name, split, places.data_dir())
    tables, people, total = [], [], 0
    for x in images:
        probs = predict(x)
        total = total + metrics.histogram(probs.astype(np.float32), x.vessels, x.fov)
        tables.append(table(probs, x.vessels, x.second, x.fov))
        people.append(datasets.person(name, x.name))
    return {
        "split": split,
        "images": len(tables),
        "best_threshold": best_scores(total),
        "ceiling": ceiling(tables, people),
    }


def main() -> dict:
    """Measure the sets that are there and have two observers."""
    there = [x for x in SETS if datasets.found(x, places.data_dir())]
    content = {"protocol": "fov", "weights": "shipped", "tta": "flips"}
    content |= {"resamples": RESAMPLES, "environment": runtime.environment()}
    content |= {name: measure(name, SETS[name], by_network()) for name in there}
    sato = [x for x in there if x == "DRIVE"]  # whose 21 to 40 make it probabilities
    content["by_sato"] = {x: measure(x, SETS[x], by_sato()) for x in sato}
    simulated = work.at_once(covered, SHAPES)
    return content | {"drawn": dict(zip(SHAPES, simulated, strict=True))}
