"""One photograph of one's own: from a file to pictures and a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from . import datasets, figures, fundus, inference, seal

# Raised when the same photograph gives other files, so that they are made anew.
VERSION = "1"
# What may be kept of a photograph, and how the names of its files end.
ENDINGS = {
    "prob": "_prob.png",
    "vessels": "_vessels.png",
    "overlay": "_overlay.jpg",
    "fov": "_fov.png",
}
DIAMETERS = 50, 20_000  # pixels of a lit disc
LARGEST_RATIO = 10  # of the lit part to a diameter that is given: bounds the memory


@dataclass(frozen=True)
class Method:
    """How photographs are segmented: equal notes mean equal files.

    networks : their probabilities are averaged; weights : SHA-256 of each file, 12
    digits, joined by +; diameter : pixels, None where it is measured; copies : the
    ``tta`` of ``Segmenter.probs``.
    """

    networks: Sequence[inference.Segmenter]
    weights: str
    threshold: float
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
        """Load networks, () the shipped one; the threshold is the mean of theirs."""
        low, high = DIAMETERS
        if diameter is not None and not low <= diameter <= high:
            raise ValueError(
                f"a diameter of {diameter:g} pixels: the lit disc of an eye has {low} "
                f"to {high:,}; without --diameter it is measured"
            )
        networks = [inference.Segmenter.load(file) for file in files or [None]]
        if threshold is None:
            threshold = sum(n.threshold for n in networks) / len(networks)
        digests = map(datasets.sha256, files or [inference.SHIPPED])
        weights = "+".join(digest[:12] for digest in digests)
        return cls(networks, weights, threshold, diameter, copies)

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
        measured = fundus.fov_diameter(fov)
        if self.diameter and measured > LARGEST_RATIO * self.diameter:
            raise ValueError(
                f"the lit part is {measured:.0f} pixels wide, far more than a diameter "
                f"of {self.diameter:g}: give that of the whole disc"
            )
        options = {"tta": self.copies, "diameter": self.diameter}
        maps = (n.probs(image, fov, **options) for n in self.networks)
        mean = next(maps)
        for other in maps:
            mean += other
        mean /= len(self.networks)
        return mean


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
    NAME_fov.png are 0 or 255, NAME_overlay.jpg is the photograph with vessels painted
    over; all have its size. What was made of it under this name in another way goes.
    """
    image = fundus.read_photo(job.path)
    shape = image.shape[1:]
    fov = given_fov(job.mask, shape) if job.mask else fundus.automatic_fov(image)
    probs = method.probs(image, fov)
    pred = probs >= method.threshold
    pictures = {  # made one after the other, to spare memory
        "prob": lambda: np.rint(probs[0] * 65535).astype(np.uint16),
        "vessels": lambda: pred[0].astype(np.uint8) * 255,
        "overlay": lambda: _bytes(figures.overlay(image, pred)),
        "fov": lambda: fov[0].astype(np.uint8) * 255,
    }
    for kind, picture in pictures.items():
        file = job.file(kind)
        if kind in job.keep:
            seal.write(file, Image.fromarray(picture()), job.note)
        elif (old := seal.read(file)) and old != job.note:
            file.unlink()
    return {
        "rows": str(shape[0]),
        "columns": str(shape[1]),
        "fov_diameter": f"{method.diameter or fundus.fov_diameter(fov):.0f}",
        "fov_share": f"{fov.mean():.4f}",
        "vessel_share": f"{pred.sum() / fov.sum():.4f}",
        "warnings": "; ".join(doubts(image, fov, probs, method.threshold)),
    }


def _bytes(picture: np.ndarray) -> np.ndarray:
    """Turn [0, 1] into 0 to 255, in place as far as it goes."""
    picture *= 255
    return np.rint(picture, out=picture).astype(np.uint8)


def likeness_to_disc(inside: np.ndarray) -> float:
    """Return the overlap (IoU) of a (H, W) mask with the disc that would fill its box.

    What the frame cuts off the disc is left out.
    """
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    middle = [(k[0] + k[-1]) / 2 for k in (rows, columns)]
    radius = fundus.fov_diameter(inside[None]) / 2
    y, x = np.ogrid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    disc = np.hypot(y - middle[0], x - middle[1]) <= radius
    part = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return float((disc & part).sum() / (disc | part).sum())


def doubts(
    image: np.ndarray, fov: np.ndarray, probs: np.ndarray, threshold: float
) -> list[str]:
    """Say why a photograph looks like none of a retina; [] where nothing does.

    image (3, H, W), fov and probs (1, H, W). The limits leave room round what
    DRIVE 21-40 have: blue at most 22 % of the light, vessels 9 to 15 % of the field
    of view, 38 to 55 % of them unsure.
    """
    step = max(1, min(fov.shape[1:]) // 1000)  # every pixel of a large one is many
    image, fov, probs = (x[:, ::step, ::step] for x in (image, fov, probs))
    inside = fov[0]
    colour, pred = image[:, inside].mean(1), (probs >= threshold) & fov
    blue, share = colour[2] / max(colour.sum(), 1e-6), pred.sum() / fov.sum()
    unsure = ((probs > 0.2) & (probs < 0.8) & fov).sum() / max(pred.sum(), 1)
    reasons = []
    if inside.mean() > 0.98:
        reasons.append("no dark border: the size of the eye is a guess")
    elif (likeness := likeness_to_disc(inside)) < 0.95:
        reasons.append(f"the bright part is no disc (likeness {likeness:.2f})")
    if blue > 0.25:
        reasons.append(f"not the colours of a retina (blue {blue:.0%} of the light)")
    if not 0.05 <= share <= 0.22:
        reasons.append(f"{share:.1%} of it marked as vessels (DRIVE: 9 to 15%)")
    if unsure > 0.7:
        reasons.append("the network is unsure about most of what it marks")
    return reasons
