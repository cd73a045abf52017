"""What labels lose at half resolution, by four rules.

Each label is halved and laid back over the original by doubling its pixels: Dice, the
share of the original's centreline that is still covered, and the share of vessel
pixels gained. The rule of ``fundus.halve`` is "two of four". DRIVE 21-36 and CHASE_DB1;
HRF, where it is there.
"""

from __future__ import annotations

import numpy as np
from skimage import morphology

from helpers import datasets, fundus, metrics, places

RULES = {"any of four": 1, "two of four": 2, "three of four": 3, "all four": 4}


def even(layer: np.ndarray) -> np.ndarray:
    """Cut an odd last row and column off, as ``fundus.halve`` does."""
    height, width = layer.shape[1:]
    return layer[:, : height // 2 * 2, : width // 2 * 2]


def score(image_id: str, name: str) -> dict[str, list]:
    """Return [*metrics.Counts, covered, length] of each rule for one image."""
    x = fundus.load_one(name, image_id, places.data_dir())
    vessels, fov = even(x.vessels), even(x.fov)
    line = morphology.skeletonize(vessels[0])[None] & fov
    height, width = vessels.shape[1:]
    votes = vessels.reshape(1, height // 2, 2, width // 2, 2).sum((2, 4))
    rows = {}
    for rule, least in RULES.items():
        again = (votes >= least).repeat(2, 1).repeat(2, 2)
        counts = metrics.count(again, vessels, fov)
        rows[rule] = [*counts, int(again[line].sum()), int(line.sum())]
    return rows


def measure(name: str, split: str) -> dict[str, dict]:
    """Score all rules on a split, all pixels together."""
    rows = [score(image_id, name) for image_id in datasets.ids(name, split)]
    result = {}
    for rule in RULES:
        *counts, covered, length = np.sum([row[rule] for row in rows], axis=0)
        counts = metrics.Counts(*map(int, counts))
        result[rule] = {
            "dice": metrics.scores(counts)["dice"],
            "centreline_covered": float(covered / length),
            "vessel_share_gained": (counts.fp - counts.fn) / (counts.tp + counts.fn),
        }
    return result


def main() -> dict:
    """Measure every set that is there."""
    content = {"protocol": "fov", "rule_of_the_course": "two of four"}
    for name, split in (("DRIVE", "train"), ("CHASEDB1", "all"), ("HRF", "all")):
        if datasets.found(name, places.data_dir()):
            content[f"{name} {split}"] = measure(name, split)
    return content
