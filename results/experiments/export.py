"""The shipped network as an ONNX file, beside PyTorch: scores, vessels, seconds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from helpers import export, fundus, inference, metrics, places, preprocess, runtime

ROUNDS = 5  # of all ways in turn, so that a busy machine is busy for each


def timed(job: Callable, ways: dict) -> np.ndarray:
    """Return the seconds of a job, (ROUNDS, ways), after a round to warm up."""
    table = np.empty((1 + ROUNDS, len(ways)))
    for round_ in table:
        for k, network in enumerate(ways.values()):
            start = time.perf_counter()
            job(network)
            round_[k] = time.perf_counter() - start
    return table[1:]


def main() -> dict:
    """Score three ways on DRIVE 37 to 40, and time them on one of these eyes.

    "network" is a prepared eye's way through the network alone, "photograph" all of
    ``Segmenter.probs``, preparation included; both medians of ROUNDS.
    """
    home, cpu = places.data_dir(), torch.device("cpu")
    shipped = inference.Segmenter.load(device=cpu)
    train, val = (fundus.load("DRIVE", part, home) for part in ("train", "val"))
    images = [preprocess.prepare(x.image) for x in train[: export.CALIBRATED_BY]]
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in ("fp32", "int8")}
        export.write(shipped, files["fp32"])
        export.write(shipped, files["int8"], images)
        sizes = {name: file.stat().st_size for name, file in files.items()}
        ways = {name: export.load(file) for name, file in files.items()}
    ways, answers = {"torch": shipped} | ways, {}
    for name, network in ways.items():
        answers[name] = [network.probs(x.image, x.fov) for x in val]
    inputs = preprocess.prepare(val[0].image)
    jobs = {
        "network": lambda n: inference.predict_probs(
            n.model, n.standardisation(inputs)
        ),
        "photograph": lambda n: n.probs(val[0].image, val[0].fov),
    }
    times = {what: timed(job, ways) for what, job in jobs.items()}  # (rounds, ways)
    rows = {}
    for k, (name, probs) in enumerate(answers.items()):
        pairs = zip(probs, val, strict=True)
        tables = [metrics.histogram(p, x.vessels, x.fov) for p, x in pairs]
        scores = metrics.pooled_scores(tables, shipped.threshold)
        row = {key: scores[key] for key in ("auc_roc", "auc_pr", "dice")}
        marks = [[p >= shipped.threshold for p in answers[n]] for n in (name, "torch")]
        both = sum((a & b).sum() for a, b in zip(*marks, strict=True))
        row["dice_with_torch"] = float(
            2 * both / sum(m.sum() for x in marks for m in x)
        )
        gaps = [
            np.abs(p - q).max() for p, q in zip(probs, answers["torch"], strict=True)
        ]
        row["largest_difference"] = float(max(gaps))
        row["bytes"] = sizes.get(name, inference.SHIPPED.stat().st_size)
        row["seconds"] = {w: float(np.median(t[:, k])) for w, t in times.items()}
        ratios = {w: np.median(t[:, 0] / t[:, k]) for w, t in times.items()}
        row["times_as_fast"] = {what: float(x) for what, x in ratios.items()}
        rows[name] = row
    return {"val": rows, "environment": runtime.environment(cpu)}
