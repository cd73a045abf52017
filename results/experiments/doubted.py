"""How often photographs of eyes are doubted, and whether what is no eye is.

Eyes: all of DRIVE and CHASE_DB1, and phantoms. No eyes: the pictures that come with
scikit-image; its photograph of a retina is an eye.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

import numpy as np
from skimage import color, data, img_as_float32

from helpers import datasets, doubts, fundus, inference, phantom, places, runtime

NO_EYES = (
    "astronaut", "brick", "camera", "cat", "cell", "checkerboard", "clock", "coffee",
    "coins", "colorwheel", "grass", "gravel", "horse", "hubble_deep_field",
    "immunohistochemistry", "logo", "moon", "page", "rocket", "text",
)  # fmt: skip
PHANTOMS = 20


def pictures() -> Iterator[tuple[str, np.ndarray]]:
    """Yield scikit-image's pictures, (3, H, W) float32 in [0, 1], where they are."""
    for name in NO_EYES:
        try:
            picture = img_as_float32(getattr(data, name)())
        except (ImportError, OSError):  # not among those that were installed
            continue
        colours = color.gray2rgb(picture) if picture.ndim == 2 else picture[..., :3]
        yield name, np.ascontiguousarray(colours.transpose(2, 0, 1), np.float32)


def eyes(name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the photographs of a set."""
    for x in fundus.OnDisk(name, "all", places.data_dir()):
        yield x.name, x.image


def drawn() -> Iterator[tuple[str, np.ndarray]]:
    """Yield phantoms."""
    for k in range(PHANTOMS):
        yield str(k), phantom.draw(k).image


def count(images: Iterable[tuple[str, np.ndarray]], segmenter) -> dict:
    """Return which pictures are doubted, and how often each reason is given."""
    doubted, reasons, names, shares = {}, collections.Counter(), [], []
    for name, image in images:
        fov, parts = fundus.find_fov(image)
        probs = segmenter.probs(image, fov)
        at = segmenter.threshold
        said = doubts.photograph(image, fov, probs, at, parts=parts)
        names.append(name)
        shares.append(float((probs[fov] >= segmenter.threshold_for()).mean()))
        reasons.update(
            {sentence.split(" (")[0].lstrip("0123456789.% ") for sentence in said}
        )
        if said:
            doubted[name] = said
    return {
        "images": len(names),
        "doubted": len(doubted),
        "reasons": dict(reasons.most_common()),
        "names": doubted,
        "not_doubted": [x for x in names if x not in doubted],
        "vessel_share_range": [min(shares), max(shares)],
        "batch": doubts.batch(shares),
    }


def main() -> dict:
    """Count all that is there."""
    segmenter = inference.Segmenter.load()
    there = [n for n in ("DRIVE", "CHASEDB1") if datasets.found(n, places.data_dir())]
    sets = {name: eyes(name) for name in there} | {"phantoms": drawn()}
    sets |= {"no eyes": pictures()}
    content = {name: count(images, segmenter) for name, images in sets.items()}
    return content | {"environment": runtime.environment()}
