"""Find the best network that we know of and train it three times: results/best.py.

Wider networks than the recipe's are cross-validated inside DRIVE 21 to 40, as in
crossval.py: every eye is scored by a network that has not seen it. The one with the
highest average precision wins. The twenty eyes choose its threshold, and it is trained
on all of them with three seeds; no image is left to choose by, so the last weights are
taken. The test images have no part in it. `helpers evaluate --weights` scores one of
the three or averages all.

Needs DRIVE (FUNDUS_DATA) and a GPU. What is in outputs/best already is not made again.
"""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import torch

from helpers import config, inference, metrics, places, saving, training

from . import runs, crossval

STEPS, SEEDS, FOLDS = config.PRESETS["full"].steps, (0, 1, 2), range(runs.FOLDS)
STORE = places.ROOT / "outputs/best"
CANDIDATES = {
    "wide": {"widths": (32, 64, 128, 256)},
    "paper": {"widths": (64, 128, 256, 512)},  # its channels, without its last level
    "updates": {"widths": (64, 128, 256, 512), "batch_size": 4, "steps": 2 * STEPS},
    "long": {"widths": (64, 128, 256, 512), "steps": 2 * STEPS},
}


def train(name: str, images: list, seed: int = 0) -> training.TrainingRun:
    """Train a candidate on these images."""
    variant = runs.Variant("", name, CANDIDATES[name] | {"seed": seed})
    run = runs.train(variant, images, images, STEPS)
    for _ in run.steps():
        pass
    return run


def train_fold(name: str, fold: int) -> None:
    """Train a candidate on three folds; keep its scores on the eyes of the fourth."""
    target = STORE / f"{name}-{fold}.npz"
    if target.exists():
        return
    others, held = runs.split(fold)
    run = train(name, others)
    with saving.whole(target) as part, part.open("wb") as file:
        np.savez_compressed(file, **runs.answers(run, held))
    print(f"{name}, fold {fold}: {run.seconds:.0f} s of training", flush=True)


def train_seed(name: str, seed: int, threshold: float) -> None:
    """Train a candidate on all twenty eyes; keep its weights, with this threshold."""
    target = STORE / f"seed{seed}.pt"
    if target.exists():
        return
    images = runs.eyes()
    run = train(name, images, seed)
    facts = {"dataset": "DRIVE", "trained_on": [x.name for x in images]}
    record = training.record(run, images, **facts)
    network = training.segmenter(run, images)
    network.threshold = threshold
    keys = ("steps", "config", "precision", "seconds", "environment", "data_sha256")
    network.origin = {key: record[key] for key in (*facts, *keys)}
    for weights in network.model.parameters():  # 15 MB a file instead of 30
        if weights.ndim == 4:
            weights.data = weights.data.half()
    network.save(target)
    print(f"{name}, seed {seed}: {run.seconds:.0f} s of training", flush=True)


def at_once(job, tasks: list[tuple]) -> None:
    """Do a job for each task, each in a process of its own."""
    workers = os.cpu_count() if torch.cuda.is_available() else 2
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        pool.starmap(job, tasks, chunksize=1)


def scores_of(name: str) -> dict:
    """Return a candidate's scores on the twenty eyes, and what thresholds do."""
    first = runs.tables_of(next(iter(CANDIDATES)), "plain", STORE, FOLDS)
    tables = runs.tables_of(name, "plain", STORE, FOLDS)
    mirrored = runs.tables_of(name, "flips", STORE, FOLDS)
    threshold = metrics.best_threshold(tables)
    pair = threshold, metrics.best_threshold(first)
    difference = metrics.paired_differences(tables, first, pair)
    files = [np.load(STORE / f"{name}-{fold}.npz") for fold in FOLDS]
    objects = np.concatenate([file["objects"] for file in files], 1).mean(1)
    keys = ("threshold", "dice", "cldice", "betti_0_error")
    topology = [
        dict(zip(keys, (t, *row), strict=True))
        for t, row in zip(runs.THRESHOLDS.tolist(), objects.tolist(), strict=True)
    ]
    enough = max(row["dice"] for row in topology) - crossval.SLACK
    return {
        "name": name,
        "changes": CANDIDATES[name],
        "seconds": [float(file["seconds"]) for file in files],
        "threshold": threshold,
        "pooled": metrics.pooled_scores(tables, threshold),
        "ci95": metrics.bootstrap_ci(tables, threshold),
        "flips": metrics.pooled_scores(mirrored, threshold),
        "difference": {key: difference[key] for key in ("auc_roc", "auc_pr", "dice")},
        "topology": topology,
        "threshold_for_topology": min(
            row["threshold"] for row in topology if row["dice"] >= enough
        ),
    }


def main() -> None:
    """Train what is missing; write the choice and how its networks were made."""
    at_once(train_fold, [(name, fold) for name in CANDIDATES for fold in FOLDS])
    rows = [scores_of(name) for name in CANDIDATES]
    best = max(rows, key=lambda row: row["pooled"]["auc_pr"])
    at_once(train_seed, [(best["name"], seed, best["threshold"]) for seed in SEEDS])
    files = [STORE / f"seed{seed}.pt" for seed in SEEDS]
    content = {
        "dataset": "DRIVE",
        "images": [x.name for x in runs.eyes()],
        "candidates": rows,
        "best": best["name"],
        "networks": [inference.Segmenter.load(file).origin for file in files],
    }
    saving.write_json(places.ROOT / f"results/{Path(__file__).stem}.json", content)


if __name__ == "__main__":
    main()
