"""The shipped network on sets it never saw, and what helps.

Each way is scored on all images of every set that is there: CHASEDB1, STARE, HRF (at
half resolution), at thresholds that differ in what they have seen:

- "dice": DRIVE's own, which saw DRIVE alone ("area": marked over labelled pixels);
- "dice_elsewhere": the shipped one for other cameras, chosen on DRIVE and on children
  01 to 10 of CHASE_DB1 (elsewhere.py); "kept" holds the children who chose nothing;
- "dice_by_share": for each photograph that which marks as much of it as DRIVE's labels
  do, and "dice_by_share_of_set": one for all photographs of the set, by the same rule;
- "dice_best_threshold": the best one, which only the labels tell.

Intervals are by bootstrap over persons: CHASE_DB1 shows both eyes of fourteen children.
"""

from __future__ import annotations

import functools

import numpy as np

from helpers import (
    datasets,
    doubts,
    evaluation,
    fundus,
    inference,
    metrics,
    places,
    preprocess,
    runtime,
)

from . import elsewhere

SETS = ("CHASEDB1", "STARE", "HRF")
ANGLES = {"DRIVE": 45, "CHASEDB1": 30, "STARE": 35, "HRF": 45}  # degrees of the disc


def unscaled(segmenter, x: fundus.FundusImage) -> np.ndarray:
    """Predict at the photograph's own resolution, as if vessels had one width."""
    inputs = segmenter.standardisation(preprocess.prepare(x.image))
    tile = inference.TILE
    return inference.predict_probs(segmenter.model, inputs, tile=tile) * x.fov


def by_angle(segmenter, name: str, x: fundus.FundusImage) -> np.ndarray:
    """Predict at the size at which a degree of the eye has as many pixels as DRIVE's.

    A vessel is then as wide as in the photographs that the network learnt from,
    whatever part of the eye the camera shows.
    """
    wide = fundus.fov_diameter(x.fov) * ANGLES["DRIVE"] / ANGLES[name]
    return segmenter.probs(x.image, x.fov, diameter=wide)


def colours(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each channel of (3, N), (3, 1, 1)."""
    return pixels.mean(1)[:, None, None], pixels.std(1)[:, None, None]


def recoloured(image: np.ndarray, fov: np.ndarray, known) -> np.ndarray:
    """Give each channel the mean and the standard deviation of the training images."""
    mean, std = colours(image[:, fov[0]])
    return (((image - mean) / std * known[1] + known[0]) * fov).clip(0, 1)


def threshold_by_share(table: np.ndarray, share: float) -> float:
    """Return the threshold that marks this share of the FOV; needs no label."""
    marked = table.sum(0)[::-1].cumsum()[::-1] / table.sum()
    return float(np.searchsorted(-marked, -share) / table.shape[1])


def dice_of(counts: list[metrics.Counts]) -> float:
    """Return the Dice of all images together."""
    return metrics.scores(np.sum(counts, axis=0))["dice"]


def area(counts: metrics.Counts) -> float:
    """Return how many pixels are marked for each one that the labels mark."""
    return (counts.tp + counts.fp) / (counts.tp + counts.fn)


def at_each(
    tables: list[np.ndarray], drive: float, others: float, share: float
) -> dict:
    """Return scores of some images' coarse histograms, and Dice at each threshold."""
    total = sum(tables)
    ours = {
        "dice": drive,
        "dice_elsewhere": others,
        "dice_by_share_of_set": threshold_by_share(total, share),
        "dice_best_threshold": metrics.best_threshold([total]),
    }
    shared = [metrics.counts_at(x, threshold_by_share(x, share)) for x in tables]
    return {
        "images": len(tables),
        "area": area(metrics.counts_at(total, drive)),
        "auc_roc": metrics.auc_roc(total),
        "auc_pr": metrics.auc_pr(total),
        "best_threshold": ours["dice_best_threshold"],
        "dice_by_share": dice_of(shared),
    } | {key: dice_of([metrics.counts_at(total, t)]) for key, t in ours.items()}


def vessel_share(x: fundus.FundusImage) -> float:
    """Return the share of the FOV that the label marks."""
    return float(x.vessels[x.fov].mean())


def measure(name: str) -> dict:
    """Score all ways on one set."""
    segmenter, home = inference.Segmenter.load(), places.data_dir()
    known = fundus.load("DRIVE", "train", home)
    theirs = colours(np.concatenate([x.image[:, x.fov[0]] for x in known], axis=1))
    ways = {
        "own size": lambda x: unscaled(segmenter, x),
        "resized": lambda x: segmenter.probs(x.image, x.fov),
        "resized, by angle": lambda x: by_angle(segmenter, name, x),
        "resized, flips": lambda x: segmenter.probs(x.image, x.fov, "flips"),
        "resized, scales": lambda x: segmenter.probs(x.image, x.fov, "scales"),
        "resized, all": lambda x: segmenter.probs(x.image, x.fov, "all"),
        "resized, recoloured": lambda x: segmenter.probs(
            recoloured(x.image, x.fov, theirs), x.fov
        ),
    }
    person = functools.partial(datasets.person, name)
    rows = {way: evaluation.Evaluation(segmenter.threshold, person) for way in ways}
    doubted, shares, observed = 0, [], []
    for x in fundus.OnDisk(name, "all", home, half=name == "HRF"):
        print(f"  {name} {x.name}", flush=True)
        probs = {way: predict(x) for way, predict in ways.items()}
        for way in ways:
            rows[way].add(x, probs[way])
        known_by = x.image, x.fov, probs["resized"], segmenter.threshold
        doubted += len(doubts.photograph(*known_by)) > 0
        shares.append(vessel_share(x))
        if x.second is not None:
            observed.append(metrics.count(x.second, x.vessels, x.fov))
    of_drive = [vessel_share(x) for x in known]
    said = segmenter.threshold, segmenter.threshold_elsewhere, float(np.mean(of_drive))
    scored = {
        way: at_each(row.coarse, *said) | {"ci95": row.ci95["dice"]}
        for way, row in rows.items()
    }
    if name == "CHASEDB1":
        for way, row in rows.items():
            pairs = zip(row.per_image, row.coarse, strict=True)
            kept = [x for image, x in pairs if not elsewhere.chooses(image["name"])]
            scored[way]["kept"] = at_each(kept, *said)
    for way in ways.keys() - {"resized"}:
        scored[way]["against_resized"] = rows[way].against(rows["resized"])
    all_observed = len(observed) == len(shares)
    return {
        "images": len(shares),
        "persons": len({person(image_id) for image_id in datasets.ids(name, "all")}),
        "vessel_share": float(np.mean(shares)),
        "vessel_share_range": [min(shares), max(shares)],
        "doubted": doubted,
        "share_of_drive": float(np.mean(of_drive)),
        "share_of_drive_range": [min(of_drive), max(of_drive)],
        "second_observer_dice": dice_of(observed) if all_observed else None,
        "rows": scored,
    }


def main() -> dict:
    """Measure the sets that are there."""
    there = [name for name in SETS if datasets.found(name, places.data_dir())]
    content = {"protocol": "fov", "weights": "shipped"}
    content["sets"] = {name: measure(name) for name in there}
    return content | {"environment": runtime.environment()}
