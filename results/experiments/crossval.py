"""Cross-validate the full recipe inside DRIVE 21 to 40: python -m results.experiments crossval.

Four networks, each trained on fifteen eyes and scored on the five held out, so that
every eye is scored by a network that has not seen it. From these answers comes the
threshold that all four carry: twenty eyes choose it, where the validation split has
four. The networks lie in outputs/crossval then; `helpers evaluate --weights` averages
them. Needs DRIVE (FUNDUS_DATA); half an hour on two cores. The test images have no
part in it.
"""

import dataclasses
import multiprocessing
from pathlib import Path

import numpy as np
import torch

from helpers import (
    config,
    evaluation,
    inference,
    metrics,
    places,
    runtime,
    saving,
    training,
)

from . import runs

STEPS = config.PRESETS["full"].steps
STORE = places.ROOT / "outputs/crossval"
SLACK = 0.0025  # of Dice, given for vessels in one piece: two seeds may differ by it


def work(fold: int) -> tuple[dict, list[np.ndarray]]:
    """Train and save a fold's network; return its record and answers, as it is."""
    target = STORE / f"fold{fold}.pt"
    others, held = runs.split(fold)
    if target.exists():
        network = inference.Segmenter.load(target)
        torch.set_num_threads(1)
    else:
        run = runs.train(runs.VARIANTS["base"], others, held, STEPS)
        for _ in run.steps():
            pass
        network = training.segmenter(run, others)
        facts = {"dataset": "DRIVE", "trained_on": [x.name for x in others]}
        record = training.record(run, others, **facts)
        keys = (*facts, "steps", "config", "precision")
        network.origin = {key: record[key] for key in keys}
        network.save(target)
    return network.origin, [network.probs(x.image, x.fov) for x in held]


def main() -> None:
    """Train the folds, choose the threshold, write it into all four networks."""
    folds = range(runs.FOLDS)
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        answers = pool.map(work, folds, chunksize=1)
    images = [x for k in folds for x in runs.eyes()[k :: runs.FOLDS]]
    probs = [p for _, fold in answers for p in fold]
    tables = [
        metrics.histogram(p, x.vessels, x.fov)
        for p, x in zip(probs, images, strict=True)
    ]
    threshold = metrics.best_threshold(tables)
    for fold in folds:
        network = inference.Segmenter.load(STORE / f"fold{fold}.pt")
        dataclasses.replace(network, threshold=threshold).save(STORE / f"fold{fold}.pt")
    topology = []
    for t in runs.THRESHOLDS:
        (row,) = evaluation.evaluate_objects(probs, images, t, [evaluation.SPECK])
        topology.append({"threshold": t} | row)
    enough = max(row["dice"] for row in topology) - SLACK
    alone = [metrics.best_threshold([table]) for table in tables]
    content = {
        "dataset": "DRIVE",
        "protocol": "fov",
        "images": [x.name for x in images],
        "threshold": threshold,
        "threshold_of_each_image": dict(
            zip([x.name for x in images], alone, strict=True)
        ),
        "topology": topology,
        "threshold_for_topology": min(
            row["threshold"] for row in topology if row["dice"] >= enough
        ),
        "pooled": metrics.pooled_scores(tables, threshold),
        "ci95": metrics.bootstrap_ci(tables, threshold),
        "calibration": metrics.calibration(sum(tables)),
        "objects": evaluation.evaluate_objects(probs, images, threshold),
        "networks": [origin for origin, _ in answers],
        "environment": runtime.environment() | {"threads": 1},
    }
    saving.write_json(places.ROOT / f"results/{Path(__file__).stem}.json", content)


if __name__ == "__main__":
    main()
