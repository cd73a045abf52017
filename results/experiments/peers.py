"""Maps that others made, under this protocol, eye by eye beside the shipped network.

A peer is a folder in outputs/peers. It holds a folder for each data set, named as the
course names it (DRIVE, CHASEDB1), and in it a map of vessel probabilities for each
image: a picture of 8 or 16 bits (0 is no vessel, the largest value a sure one) or a
``.npy`` of numbers from 0 to 1, as tall and as wide as the photograph, with the
image's id in its name (``01_test.png``, ``Image_01L.npy``). ``peer.json`` beside the
folders may say ``threshold``, where it comes from (``threshold_from``), ``trained_on``,
``parameters`` and ``source``. Without a threshold it is 0.5.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from skimage import io, util

from helpers import (
    datasets,
    evaluation,
    fundus,
    inference,
    metrics,
    places,
    runtime,
)

HOME = places.output_dir() / "peers"
SETS = {"DRIVE": "test", "CHASEDB1": "all"}
MEANS = ("auc_roc", "auc_pr", "dice")


def map_of(folder: Path, x: fundus.FundusImage) -> np.ndarray:
    """Return the map of one image, (1, H, W) float32 in [0, 1]."""
    name = re.compile(rf"(?<!\d){re.escape(x.name)}(?!\d)")
    files = [file for file in folder.iterdir() if name.search(file.stem)]
    if len(files) != 1:
        raise FileNotFoundError(
            f"{folder}: {len(files)} files have {x.name} in their names, needed is one "
            f"map of each image {sorted(file.name for file in files)}"
        )
    file = files[0]
    if file.suffix == ".npy":
        values = np.load(file, allow_pickle=False).squeeze().astype(np.float32)
    else:
        values = util.img_as_float32(io.imread(file))
    if values.shape != x.fov.shape[1:]:
        raise ValueError(
            f"{file} is {values.shape}, its photograph {x.fov.shape[1:]}; bring a grey "
            "map of the photograph's own size"
        )
    if not (values.min() >= 0 and values.max() <= 1):  # nor is NaN
        raise ValueError(
            f"{file} holds numbers from {values.min()} to {values.max()}; "
            "probabilities from 0 to 1 are needed"
        )
    return values[None]


class Row(evaluation.Evaluation):
    """The scores of one way; all pixels of the frame are counted beside the FOV's."""

    def __init__(self, *args):
        super().__init__(*args)
        self.frame = np.zeros(4, int)

    def add(self, x: fundus.FundusImage, probs: np.ndarray) -> None:
        """Count the probabilities (1, H, W) of one image."""
        super().add(x, probs)
        everywhere = np.ones_like(x.fov)
        self.frame += metrics.count(probs >= self.threshold, x.vessels, everywhere)

    def said(self) -> dict:
        """Return it for JSON."""
        each = {key: [row[key] for row in self.per_image] for key in MEANS}
        best = metrics.best_threshold([self.histogram])
        at_best = metrics.all_scores(self.histogram, best)
        return {
            "threshold": self.threshold,
            "pooled": self.pooled,
            "ci95": self.ci95,
            "mean_over_images": {key: float(np.mean(x)) for key, x in each.items()},
            "whole_frame": metrics.scores(metrics.Counts(*map(int, self.frame))),
            "dice_best_threshold": at_best["dice"],
            "per_image": self.per_image,
        }


def measure(name: str, peers: dict[str, dict]) -> dict:
    """Score the shipped network and the peers that have maps of this data set."""
    home, segmenter = places.data_dir(), inference.Segmenter.load()
    theirs = {
        peer: facts for peer, facts in peers.items() if (HOME / peer / name).is_dir()
    }
    thresholds = {peer: facts.get("threshold", 0.5) for peer, facts in theirs.items()}

    def person(image: str) -> str:
        return datasets.person(name, image)

    ours = Row(segmenter.threshold, person)
    rows = {peer: Row(at, person) for peer, at in thresholds.items()}
    for x in fundus.OnDisk(name, SETS[name], home):
        ours.add(x, segmenter.probs(x.image, x.fov, "flips"))
        for peer, row in rows.items():
            row.add(x, map_of(HOME / peer / name, x) * x.fov)
    beside = {
        peer: theirs[peer] | row.said() | {"ours_against": against(ours, row)}
        for peer, row in rows.items()
    }
    images = len(ours.per_image)
    return {"images": images, "shipped": ours.said(), "peers": beside}


def against(ours: Row, theirs: Row) -> dict:
    """Return the paired differences, and in how many images ours is ahead."""
    pairs = list(zip(ours.per_image, theirs.per_image, strict=True))
    ahead = {key: sum(a[key] > b[key] for a, b in pairs) for key in MEANS}
    return {"difference": ours.against(theirs), "ahead": ahead}


def main() -> dict:
    """Score every peer that somebody brought."""
    folders = sorted(x for x in HOME.iterdir() if x.is_dir()) if HOME.is_dir() else []
    if not folders:
        raise FileNotFoundError(
            f"no maps of others lie in {HOME}; put a folder for each peer there, with "
            "DRIVE/01_test.png and so on in it (results/experiments/peers.py says how)"
        )
    files = {folder.name: folder / "peer.json" for folder in folders}
    peers = {
        peer: json.loads(file.read_text("utf-8")) if file.is_file() else {}
        for peer, file in files.items()
    }
    content = {"protocol": "fov", "reference": "shipped, 4 mirrored copies"}
    content["environment"] = runtime.environment()
    there = [name for name in SETS if datasets.found(name, places.data_dir())]
    return content | {name: measure(name, peers) for name in there}
