"""How far numbers measured on the shipped network's maps agree with those of labels.

Share of vessels, length of the centre lines, branch and end points of each photograph:
bias and 95 % limits of agreement, mean of the differences and 1.96 standard deviations
round it (Bland and Altman, 1986), in units of the number and in per cent of the labels'
mean; and the correlation over photographs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from helpers import datasets, fundus, inference, measures, places, runtime

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


def measure(name: str, split: str) -> dict:
    """Compare the numbers of all images of a split; with the second observer's, too."""
    segmenter, rows = inference.Segmenter.load(), {}
    for x in fundus.OnDisk(name, split, places.data_dir()):
        print(f"  {name} {x.name}", flush=True)
        at = segmenter.threshold_for()  # as ``segment`` takes it, on DRIVE, too
        maps = {"network": segmenter.probs(x.image, x.fov) >= at}
        maps |= {"label": x.vessels}
        maps |= {} if x.second is None else {"second_observer": x.second}
        for who, pred in maps.items():
            rows.setdefault(who, []).append(measures.vessel_measures(pred, x.fov))
    result = {"split": split, "images": len(rows["label"])}
    for who in rows.keys() - {"label"}:
        if len(rows[who]) == len(rows["label"]):
            result[who] = {
                key: agreement(
                    [r[key] for r in rows[who]], [r[key] for r in rows["label"]]
                )
                for key in rows["label"][0]
            }
    return result


def main() -> dict:
    """Measure the sets that are there."""
    there = {n: s for n, s in SPLITS.items() if datasets.found(n, places.data_dir())}
    content = {name: measure(name, split) for name, split in there.items()}
    return content | {"weights": "shipped", "environment": runtime.environment()}
