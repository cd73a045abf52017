"""The shipped network on sets it never saw, and what helps; writes other_cameras.json.

Each way is scored on all images of every set that is there: CHASEDB1, STARE, HRF (at
half resolution). Nothing is chosen here: no label of these sets reaches a prediction.
Only "dice_best_threshold" looks at them, and says how much a threshold could give.
Intervals are by bootstrap over persons: CHASE_DB1 shows both eyes of fourteen children.

python -m results.experiments other_cameras [NAME...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from helpers import datasets, fundus, inference, metrics, photo, places, runtime, saving
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


def pooled_dice(tables, thresholds) -> float:
    """Return the pooled Dice where each image has a threshold of its own."""
    counts = [
        metrics.counts_at(table, threshold)
        for table, threshold in zip(tables, thresholds, strict=True)
    ]
    return metrics.scores(metrics.Counts(*map(int, np.sum(counts, axis=0))))["dice"]


def measure(name: str) -> dict:
    """Score all ways on one set."""
    segmenter = inference.Segmenter.load()
    known = fundus.load("DRIVE", "train", places.data_dir())
    shares = [float(x.vessels[x.fov].mean()) for x in known]
    colours = colours_of(known)
    ways = {
        "own size": lambda x: unscaled(segmenter, x.image, x.fov),
        "resized": lambda x: segmenter.probs(x.image, x.fov),
        "resized, flips": lambda x: segmenter.probs(x.image, x.fov, "flips"),
        "resized, recoloured": lambda x: segmenter.probs(
            recoloured(x.image, x.fov, colours), x.fov
        ),
    }
    images = fundus.OnDisk(name, "all", places.data_dir(), half=name == "HRF")
    tables, facts, seconds = {way: [] for way in ways}, [], []
    for x in images:
        print(f"  {name} {x.name}", flush=True)
        for way, predict in ways.items():
            probs = predict(x)
            tables[way].append(metrics.histogram(probs, x.vessels, x.fov))
            if way == "resized":
                doubts = photo.doubts(x.image, x.fov, probs, segmenter.threshold)
        facts.append(
            (fundus.fov_diameter(x.fov), x.vessels[x.fov].mean(), len(doubts) > 0)
        )
        if x.second is not None:
            seconds.append(metrics.count(x.second, x.vessels, x.fov))
    people = [datasets.person(name, image_id) for image_id in datasets.ids(name, "all")]
    diameters, prevalence, doubted = np.array(facts, float).T
    result = {
        "images": len(images),
        "persons": len(set(people)),
        "half_resolution": images.half,
        "fov_diameter": float(np.median(diameters)),
        "vessel_share": float(prevalence.mean()),
        "vessel_share_range": [float(prevalence.min()), float(prevalence.max())],
        "doubted": int(doubted.sum()),
        "threshold": segmenter.threshold,
        "share_of_drive": float(np.mean(shares)),
        "share_of_drive_range": [min(shares), max(shares)],
        "second_observer_dice": None,
        "rows": {
            w: score(t, people, segmenter.threshold, shares) for w, t in tables.items()
        },
    }
    if len(seconds) == len(images):
        total = metrics.Counts(*map(int, np.sum(seconds, axis=0)))
        result["second_observer_dice"] = metrics.scores(total)["dice"]
    for way in ("resized, flips", "resized, recoloured", "own size"):
        pair = [metrics.by_person(tables[w], people) for w in (way, "resized")]
        row = result["rows"][way]
        row["against_resized"] = metrics.paired_differences(
            *pair, [segmenter.threshold] * 2
        )
    return result


def score(tables, people, threshold: float, shares) -> dict:
    """Return pooled scores at three thresholds: DRIVE's, by share, the best."""
    pooled = metrics.pooled_scores(tables, threshold)
    best = metrics.best_threshold(tables)
    by_share = [threshold_by_share(one, float(np.mean(shares))) for one in tables]
    return {
        **{key: pooled[key] for key in ("auc_roc", "auc_pr", "dice")},
        "ci95": metrics.bootstrap_ci(metrics.by_person(tables, people), threshold)[
            "dice"
        ],
        "dice_by_share": pooled_dice(tables, by_share),
        "best_threshold": best,
        "dice_best_threshold": metrics.pooled_scores(tables, best)["dice"],
    }


def main(names) -> None:
    """Measure the sets that are named, or all that are there."""
    target = places.ROOT / f"results/{Path(__file__).stem}.json"
    content = {"protocol": "fov", "weights": "shipped", "sets": {}}
    content["environment"] = runtime.environment()
    for name in names or [n for n in SETS if datasets.found(n, places.data_dir())]:
        content["sets"][name] = measure(name)
    saving.write_json(target, content)


if __name__ == "__main__":
    main(sys.argv[1:])
