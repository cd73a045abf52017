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


def score(x: fundus.FundusImage, least: int) -> list[int]:
    """Return [*metrics.Counts, covered, length] where ``least`` of four are a vessel.

    An odd last row and column fall away, as in ``fundus.halve``.
    """
    H, W = (n // 2 for n in x.fov.shape[1:])
    vessels, fov = x.vessels[:, : 2 * H, : 2 * W], x.fov[:, : 2 * H, : 2 * W]
    line = morphology.skeletonize(vessels[0])[None] & fov
    votes = vessels.reshape(1, H, 2, W, 2).sum((2, 4))
    again = (votes >= least).repeat(2, 1).repeat(2, 2)
    return [*metrics.count(again, vessels, fov), again[line].sum(), line.sum()]


def measure(name: str, split: str) -> dict[str, dict]:
    """Score all rules on a split, all pixels together."""
    images, result = fundus.load(name, split, places.data_dir()), {}
    for rule, least in RULES.items():
        rows = [score(x, least) for x in images]
        *counts, covered, length = map(int, np.sum(rows, axis=0))
        tp, fp, fn, _ = counts
        result[rule] = {
            "dice": metrics.scores(counts)["dice"],
            "centreline_covered": covered / length,
            "vessel_share_gained": (fp - fn) / (tp + fn),
        }
    return result


def main() -> dict:
    """Measure every set that is there."""
    sets = {"DRIVE": "train", "CHASEDB1": "all", "HRF": "all"}
    return {"protocol": "fov", "rule_of_the_course": "two of four"} | {
        f"{name} {split}": measure(name, split)
        for name, split in sets.items()
        if datasets.found(name, places.data_dir())
    }
