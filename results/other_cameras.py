"""The shipped network on sets it never saw, and what helps; writes other_cameras.json.

Each way is scored on all images of every set that is there: CHASEDB1, STARE, HRF (at
half resolution). Nothing is chosen here: no label of these sets reaches a prediction.
Only the row "best threshold" looks at them, and says how much a threshold could give.

python results/other_cameras.py [NAME...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers import config, fundus, inference, metrics, runtime
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
    segmenter, known = (
        inference.Segmenter.load(),
        fundus.load("DRIVE", "train", config.data_dir()),
    )
    share = sum((x.vessels & x.fov).sum() for x in known) / sum(
        x.fov.sum() for x in known
    )
    colours = colours_of(known)
    ways = {
        "own resolution": lambda x: unscaled(segmenter, x.image, x.fov),
        "scaled": lambda x: segmenter.probs(x.image, x.fov),
        "scaled, flips": lambda x: segmenter.probs(x.image, x.fov, "flips"),
        "scaled, recoloured": lambda x: segmenter.probs(
            recoloured(x.image, x.fov, colours), x.fov
        ),
    }
    tables = {way: [] for way in ways}
    images = fundus.OnDisk(name, "all", config.data_dir(), half=name == "HRF")
    diameters, prevalence = [], []
    for x in images:
        print(f"  {name} {x.name}", flush=True)
        diameters.append(fundus.fov_diameter(x.fov))
        prevalence.append(float(x.vessels[x.fov].mean()))
        for way, predict in ways.items():
            tables[way].append(metrics.histogram(predict(x), x.vessels, x.fov))
    rows = {}
    for way, table in tables.items():
        pooled = metrics.pooled_scores(table, segmenter.threshold)
        rows[way] = {key: pooled[key] for key in ("auc_roc", "auc_pr", "dice")}
        rows[way]["ci95"] = metrics.bootstrap_ci(table, segmenter.threshold)["dice"]
        by_share = [threshold_by_share(one, share) for one in table]
        rows[way]["dice_by_share"] = pooled_dice(table, by_share)
        best = metrics.best_threshold(table)
        rows[way]["best_threshold"] = best
        rows[way]["dice_best_threshold"] = metrics.pooled_scores(table, best)["dice"]
    return {
        "images": len(images),
        "half_resolution": images.half,
        "fov_diameter": float(np.median(diameters)),
        "vessel_share": float(np.mean(prevalence)),
        "share_of_drive": float(share),
        "threshold": segmenter.threshold,
        "rows": rows,
    }


def main(names) -> None:
    """Measure the sets that are named, or all that are there."""
    target = Path(__file__).with_suffix(".json")
    content = {"protocol": "fov", "weights": "shipped", "sets": {}}
    content["environment"] = runtime.environment()
    for name in names or [n for n in SETS if fundus.found(n, config.data_dir())]:
        content["sets"][name] = measure(name)
    config.write_json(target, content)


if __name__ == "__main__":
    main(sys.argv[1:])
