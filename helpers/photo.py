"""One photograph of one's own: from a file to pictures and a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from . import (
    datasets,
    doubts,
    export,
    figures,
    fundus,
    inference,
    measures,
    pictures,
    seal,
)

# Raised when the same photograph gives other files, so that they are made anew.
VERSION = "1"
# What may be kept of a photograph, and how the names of its files end.
ENDINGS = {
    "prob": "_prob.png",
    "vessels": "_vessels.png",
    "overlay": "_overlay.jpg",
    "fov": "_fov.png",
    "thumb": "_thumb.jpg",
}
THUMB = 480  # pixels, at most, a side


@dataclass(frozen=True)
class Method:
    """How photographs are segmented: equal notes mean equal files.

    networks : their probabilities are averaged; weights : SHA-256 of each file, 12
    digits, joined by +; own_threshold : that for the networks' own data set, by which
    doubts go, whatever ``threshold`` is; diameter : pixels, None where it is measured;
    copies : the ``tta`` of ``Segmenter.probs``.
    """

    networks: Sequence[inference.Segmenter]
    weights: str
    threshold: float
    own_threshold: float
    diameter: float | None
    copies: str

    @classmethod
    def load(
        cls,
        files: Sequence[Path] = (),
        threshold: float | None = None,
        diameter: float | None = None,
        copies: str = "none",
    ) -> Method:
        """Load networks, () the shipped one; the threshold is theirs elsewhere."""
        networks = [export.load(file) for file in files or [None]]
        own = sum(network.threshold for network in networks) / len(networks)
        threshold = threshold or inference.mean_threshold(networks)
        digests = map(datasets.sha256, files or [inference.SHIPPED])
        weights = "+".join(digest[:12] for digest in digests)
        return cls(networks, weights, threshold, own, diameter, copies)

    def note(self, mask: Path | None = None) -> dict[str, str]:
        """Return all that a result hangs on, but for the photograph itself."""
        return {
            "weights": self.weights,
            "threshold": str(self.threshold),
            "diameter": "" if self.diameter is None else f"{self.diameter:g}",
            "mask": "" if mask is None else datasets.sha256(mask)[:12],
            "copies": self.copies,
            "version": VERSION,
        }

    def probs(self, image: np.ndarray, fov: np.ndarray) -> np.ndarray:
        """Return the mean probabilities, (3, H, W) -> (1, H, W) float32."""
        options = {"tta": self.copies, "diameter": self.diameter}
        return inference.mean_probs(self.networks, image, fov, **options)


@dataclass(frozen=True)
class Job:
    """A photograph, and what is to be kept of it: ``keep`` (see ENDINGS) in ``out``.

    ``name`` is how the names of its files begin; ``note`` holds the photograph's
    SHA-256 as "source", and the method's note; ``mask`` is a file with its field of
    view, None where it is to be found.
    """

    path: Path
    out: Path
    name: str
    note: dict[str, str]
    keep: Sequence[str] = tuple(ENDINGS)
    mask: Path | None = None

    def file(self, kind: str) -> Path:
        """Return the file of one kind of picture."""
        return self.out / f"{self.name}{ENDINGS[kind]}"


def given_fov(mask: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read a field of view that somebody drew, (1, H, W) bool, for a (H, W) picture."""
    fov = fundus.read_label(mask)
    if fov.shape[1:] != shape:
        mine, theirs = (" x ".join(map(str, s)) for s in (fov.shape[1:], shape))
        raise ValueError(
            f"{mask} is {mine}, the photograph {theirs} (rows x columns): a mask has "
            "the photograph's own size"
        )
    if not fov.any():
        raise ValueError(f"{mask} is black: a mask is white inside the field of view")
    return fov


def segment(method: Method, job: Job) -> dict[str, str]:
    """Segment one photograph: write what is to be kept, return its part of a row.

    NAME_prob.png is the probability times 65535 (16 bits), NAME_vessels.png and
    NAME_fov.png are 0 or 255, NAME_overlay.jpg is the photograph with the outlines of
    vessels and field of view; all have its size. NAME_thumb.jpg is small, for the
    contact sheet. What was made of it under this name in another way goes.
    """
    image, notes = pictures.read_photo(job.path)
    fov, parts = fundus.find_fov(image)
    if job.mask:
        fov, parts = given_fov(job.mask, image.shape[1:]), 1
    probs = method.probs(image, fov)
    pred = probs >= method.threshold
    layers = {  # made one after the other, to spare memory
        "prob": lambda: np.rint(probs[0] * 65535).astype(np.uint16),
        "vessels": lambda: pred[0].astype(np.uint8) * 255,
        "overlay": lambda: _bytes(figures.outlined(image, pred, fov)),
        "fov": lambda: fov[0].astype(np.uint8) * 255,
        "thumb": lambda: figures.thumbnail(image, pred, fov, THUMB),
    }
    for kind, layer in layers.items():
        file = job.file(kind)
        if kind in job.keep:
            seal.write(file, Image.fromarray(layer()), job.note)
        elif (old := seal.read(file)) and old != job.note:
            file.unlink()
    measured = measures.vessel_measures(pred, fov)
    at = method.own_threshold
    said = doubts.photograph(image, fov, probs, at, notes, parts)
    return {
        "rows": str(image.shape[1]),
        "columns": str(image.shape[2]),
        "fov_diameter": f"{method.diameter or fundus.fov_diameter(fov):.0f}",
        "fov_share": f"{fov.mean():.4f}",
        "vessel_share": f"{measured['vessel_share']:.4f}",
        "skeleton_length": f"{measured['skeleton_length']:.1f}",
        "skeleton_per_diameter": f"{measured['skeleton_per_diameter']:.3f}",
        "branch_points": str(measured["branch_points"]),
        "end_points": str(measured["end_points"]),
        "warnings": "; ".join(said),
    }


def _bytes(picture: np.ndarray) -> np.ndarray:
    """Turn [0, 1] into 0 to 255, in place as far as it goes."""
    picture *= 255
    return np.rint(picture, out=picture).astype(np.uint8)
