"""How far numbers measured on the shipped network's maps agree with those of labels.

Share of vessels, length of the centre lines, branch and end points of each photograph:
bias and 95 % limits of agreement, mean of the differences and 1.96 standard deviations
round it (Bland and Altman, 1986), in units of the number and in per cent of the labels'
mean; and the correlation over photographs. "kept" holds the children of CHASE_DB1 who
did not choose the threshold (elsewhere.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers import datasets, fundus, inference, measures, places, runtime

from . import elsewhere

SPLITS = {"DRIVE": "test", "CHASEDB1": "all"}


def agreement(ours: Sequence[float], labels: Sequence[float]) -> dict:
    """Return bias, limits of agreement and correlation of paired numbers."""
    ours, labels = np.asarray(ours, float), np.asarray(labels, float)
    bias, spread = (ours - labels).mean(), 1.96 * (ours - labels).std(ddof=1)
    limits = [bias - spread, bias + spread]
    mean = labels.mean()
    return {
        "mean_of_labels": float(mean),
        "bias": float(bias),
        "limits": [float(x) for x in limits],
        "bias_percent": float(100 * bias / mean),
        "limits_percent": [float(100 * x / mean) for x in limits],
        "correlation": float(np.corrcoef(ours, labels)[0, 1]),
    }


def of_each(ours: Sequence[dict], labels: Sequence[dict]) -> dict:
    """Return the agreement of each number; a dict of numbers for each photograph."""
    keys = labels[0]
    return {k: agreement([x[k] for x in ours], [x[k] for x in labels]) for k in keys}


def measure(name: str, split: str) -> dict:
    """Compare the numbers of all images of a split; with the second observer's, too."""
    segmenter, rows, kept = inference.Segmenter.load(), {}, []
    for x in fundus.OnDisk(name, split, places.data_dir()):
        print(f"  {name} {x.name}", flush=True)
        at = segmenter.threshold_for()  # as ``segment`` takes it, on DRIVE, too
        maps = {"network": segmenter.probs(x.image, x.fov) >= at}
        maps |= {"label": x.vessels}
        maps |= {} if x.second is None else {"second_observer": x.second}
        for who, pred in maps.items():
            rows.setdefault(who, []).append(measures.vessel_measures(pred, x.fov))
        if name == "CHASEDB1" and not elsewhere.chooses(x.name):
            kept.append((rows["network"][-1], rows["label"][-1]))
    labels = rows.pop("label")
    result = {"split": split, "images": len(labels)}
    whole = {who: each for who, each in rows.items() if len(each) == len(labels)}
    result |= {who: of_each(each, labels) for who, each in whole.items()}
    if kept:
        result["kept"] = {
            "images": len(kept),
            "network": of_each(*zip(*kept, strict=True)),
        }
    return result


def main() -> dict:
    """Measure the sets that are there."""
    there = {n: s for n, s in SPLITS.items() if datasets.found(n, places.data_dir())}
    content = {name: measure(name, split) for name, split in there.items()}
    return content | {"weights": "shipped", "environment": runtime.environment()}
