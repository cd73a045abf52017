"""The threshold of the shipped network for photographs of other cameras.

DRIVE's eyes choose one for DRIVE. On CHASE_DB1, whose labels are thinner, the best one
is far higher; what it is on other sets, nobody knows beforehand. So the threshold is
taken at which the worse off of the two sets loses least against its own best Dice.
DRIVE's Dice comes from the cross-validation, by the networks of its folds, whose maps
are without small pieces: the shipped network has learnt from these eyes. CHASE_DB1's
comes from children 01 to 10, whom it never saw. From here on they have chosen
something: their scores at this threshold are no test. It is written into the shipped
file.
"""

from __future__ import annotations

import numpy as np

from helpers import (
    datasets,
    evaluation,
    fundus,
    inference,
    metrics,
    places,
    runtime,
    saving,
)

from . import kinds

CHILDREN = 10  # who choose; the others are kept


def chooses(name: str) -> bool:
    """Tell whether an image of CHASE_DB1, such as 03L, is of a child who chooses."""
    return int(name[:2]) <= CHILDREN


def main() -> dict:
    """Choose it and write it into the shipped file."""
    segmenter = inference.Segmenter.load()
    images = fundus.OnDisk("CHASEDB1", "all", places.data_dir())
    row = evaluation.evaluate(
        lambda x: segmenter.probs(x.image, x.fov),
        (x for x in images if chooses(x.name)),
        segmenter.threshold,
    )
    curve = kinds.known("crossval", "topology")
    thresholds = np.array([point["threshold"] for point in curve])
    counts = [metrics.counts_at(row.histogram, t) for t in thresholds]
    dice = {"DRIVE": [point["dice"] for point in curve]}
    dice["CHASEDB1"] = [metrics.scores(x)["dice"] for x in counts]
    top = metrics.best_threshold([row.histogram])  # beyond the last of the thresholds
    most = metrics.scores(metrics.counts_at(row.histogram, top))["dice"]
    losses = [max(dice["DRIVE"]) - np.array(dice["DRIVE"])]
    losses += [most - np.array(dice["CHASEDB1"])]
    chosen = int(np.argmin(np.max(losses, axis=0)))
    segmenter.threshold_elsewhere = float(thresholds[chosen])
    segmenter.save(inference.SHIPPED)
    digest = datasets.sha256(inference.SHIPPED)
    said = f"{digest}  {inference.SHIPPED.name}\n".encode()
    saving.write_bytes(inference.SHIPPED.with_suffix(".sha256"), said)
    return {
        "threshold": segmenter.threshold_elsewhere,
        "weights_sha256": digest,
        "loss": {name: float(x[chosen]) for name, x in zip(dice, losses, strict=True)},
        "thresholds": thresholds.tolist(),
        "dice": dice,
        "images": [x["name"] for x in row.per_image],
        "environment": runtime.environment(),
    }
