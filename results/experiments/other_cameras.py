"""The shipped network on sets it never saw, and what helps.

Each way is scored on all images of every set that is there: CHASEDB1, STARE, HRF (at
half resolution). Nothing is chosen here: no label of these sets reaches a prediction.
Only "dice_best_threshold" looks at them, and says how much a threshold could give.
Intervals are by bootstrap over persons: CHASE_DB1 shows both eyes of fourteen children.
"""

from __future__ import annotations

import functools

import numpy as np

from helpers import (
    datasets,
    evaluation,
    fundus,
    inference,
    metrics,
    photo,
    places,
    runtime,
)
from helpers.preprocess import prepare

SETS = ("CHASEDB1", "STARE", "HRF")


def unscaled(segmenter, image: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Predict at the photograph's own resolution, as if vessels had one width."""
    inputs = segmenter.standardisation(prepare(image))
    tile = inference.TILE
    return inference.predict_probs(segmenter.model, inputs, tile=tile) * fov


def colours_of(images) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each channel inside the FOV, (3, 1, 1)."""
    pixels = np.concatenate([x.image[:, x.fov[0]] for x in images], axis=1)
    return pixels.mean(1)[:, None, None], pixels.std(1)[:, None, None]


def recoloured(image: np.ndarray, fov: np.ndarray, known) -> np.ndarray:
    """Give each channel the mean and the standard deviation of the training images."""
    pixels = image[:, fov[0]]
    mean, std = pixels.mean(1)[:, None, None], pixels.std(1)[:, None, None]
    return (((image - mean) / std * known[1] + known[0]) * fov).clip(0, 1)


def threshold_by_share(table: np.ndarray, share: float) -> float:
    """Return the threshold that marks this share of the FOV; needs no label."""
    marked = table.sum(0)[::-1].cumsum()[::-1] / table.sum()
    return float(np.searchsorted(-marked, -share) / table.shape[1])


def dice_by_share(row: evaluation.Evaluation, share: float) -> float:
    """Return the pooled Dice where a threshold of each image marks this share."""
    counts = [metrics.counts_at(x, threshold_by_share(x, share)) for x in row.coarse]
    return dice_of(counts)


def dice_of(counts: list[metrics.Counts]) -> float:
    """Return the Dice of all images together."""
    return metrics.scores(metrics.Counts(*map(int, np.sum(counts, axis=0))))["dice"]


def score(row: evaluation.Evaluation, share: float) -> dict:
    """Return pooled scores at three thresholds: DRIVE's, by share, the best."""
    best = metrics.best_threshold([row.histogram])
    return {key: row.pooled[key] for key in ("auc_roc", "auc_pr", "dice")} | {
        "ci95": row.ci95["dice"],
        "dice_by_share": dice_by_share(row, share),
        "best_threshold": best,
        "dice_best_threshold": metrics.all_scores(row.histogram, best)["dice"],
    }


def measure(name: str) -> dict:
    """Score all ways on one set."""
    segmenter = inference.Segmenter.load()
    known = fundus.load("DRIVE", "train", places.data_dir())
    shares = [float(x.vessels[x.fov].mean()) for x in known]
    colours, share = colours_of(known), float(np.mean(shares))
    ways = {
        "own size": lambda x: unscaled(segmenter, x.image, x.fov),
        "resized": lambda x: segmenter.probs(x.image, x.fov),
        "resized, flips": lambda x: segmenter.probs(x.image, x.fov, "flips"),
        "resized, recoloured": lambda x: segmenter.probs(
            recoloured(x.image, x.fov, colours), x.fov
        ),
    }
    person = functools.partial(datasets.person, name)
    rows = {way: evaluation.Evaluation(segmenter.threshold, person) for way in ways}
    images = fundus.OnDisk(name, "all", places.data_dir(), half=name == "HRF")
    facts, seconds = [], []
    for x in images:
        print(f"  {name} {x.name}", flush=True)
        for way, predict in ways.items():
            probs = predict(x)
            rows[way].add(x, probs)
            if way == "resized":
                doubts = photo.doubts(x.image, x.fov, probs, segmenter.threshold)
        facts.append(
            (fundus.fov_diameter(x.fov), x.vessels[x.fov].mean(), len(doubts) > 0)
        )
        if x.second is not None:
            seconds.append(metrics.count(x.second, x.vessels, x.fov))
    diameters, prevalence, doubted = np.array(facts, float).T
    scored = {way: score(row, share) for way, row in rows.items()}
    for way in ("resized, flips", "resized, recoloured", "own size"):
        scored[way]["against_resized"] = rows[way].against(rows["resized"])
    return {
        "images": len(images),
        "persons": len({person(image_id) for image_id in datasets.ids(name, "all")}),
        "half_resolution": images.half,
        "fov_diameter": float(np.median(diameters)),
        "vessel_share": float(prevalence.mean()),
        "vessel_share_range": [float(prevalence.min()), float(prevalence.max())],
        "doubted": int(doubted.sum()),
        "threshold": segmenter.threshold,
        "share_of_drive": share,
        "share_of_drive_range": [min(shares), max(shares)],
        "second_observer_dice": dice_of(seconds)
        if len(seconds) == len(images)
        else None,
        "rows": scored,
    }


def main() -> dict:
    """Measure the sets that are there."""
    there = [name for name in SETS if datasets.found(name, places.data_dir())]
    content = {"protocol": "fov", "weights": "shipped"}
    content["sets"] = {name: measure(name) for name in there}
    return content | {"environment": runtime.environment()}
