"""What `segment` keeps of its promises on photographs.

The field of view found against the published one (DRIVE) and those that others drew
(CHASE_DB1, where the data folder holds reference_fov/), the same photograph in several
file formats and tiles, and the memory of a large one. The photograph is scikit-image's
`retina` (Häggström 2014, public domain).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from helpers import fundus, inference, metrics, photo, places, runtime

from . import alone

FORMATS = {  # lossless ones; file name: options of Pillow
    "photo.png": {},
    "photo.tif": {"compression": "tiff_lzw"},
    "photo.webp": {"lossless": True},
    "photo.bmp": {},
    "photo.ppm": {},
}
TILES = (128, 256, 512, None)  # pixels; None: in one piece
LARGE = (6000, 4000)  # width, height


def fields_of_view(name: str) -> dict:
    """Compare the automatic field of view with the reference on all images of a set."""
    rows = []
    for x in fundus.OnDisk(name, "all", places.data_dir()):
        found, reference = fundus.automatic_fov(x.image), x.fov
        if name == "CHASEDB1":
            file = places.data_dir() / f"reference_fov/CHASEDB1/Image_{x.name}.gif"
            reference = fundus.read_label(file)
        everywhere = np.ones_like(found)
        dice = metrics.scores(metrics.count(found, reference, everywhere))["dice"]
        rows.append(((found & x.vessels).sum() / x.vessels.sum(), dice))
    kept, dice = np.array(rows).min(0)
    worst = {"least_share_of_vessels_kept": kept, "least_dice": dice}
    return {"images": len(rows)} | {k: round(float(v), 5) for k, v in worst.items()}


def same_answers(folder: Path) -> dict:
    """Return the largest differences between probabilities, by format and by tile."""
    segmenter, picture = inference.Segmenter.load(), Image.fromarray(data.retina())
    answers = {"formats": {}, "tiles": {}}
    for name, options in FORMATS.items():
        picture.save(folder / name, **options)
        image = fundus.read_photo(folder / name)
        answers["formats"][name] = segmenter.probs(image)
    for tile in TILES:
        answers["tiles"][str(tile)] = segmenter.probs(image, tile=tile)
    first = answers["formats"]["photo.png"]
    return {
        kind: {name: float(np.abs(probs - first).max()) for name, probs in each.items()}
        for kind, each in answers.items()
    }


def large_photograph(folder: Path) -> dict:
    """Segment a large photograph as the command does; peak of memory and seconds."""
    picture = Image.new("RGB", LARGE)
    side = LARGE[1] - 100
    picture.paste(Image.fromarray(data.retina()).resize((side, side)), (1000, 50))
    picture.save(folder / "large.jpg", quality=95)
    peak, seconds = alone.call(segment, folder / "large.jpg", folder / "out")
    return {"pixels": list(LARGE), "peak_mib": round(peak), "seconds": seconds}


def segment(file: Path, out: Path) -> tuple[float, float]:
    """Segment a photograph; return the peak of this process's memory and seconds."""
    start = time.perf_counter()
    (row,) = photo.segment_files(inference.Segmenter.load(), [file], out)
    if row["error"]:
        raise ValueError(row["error"])
    return alone.peak_mib(), round(time.perf_counter() - start, 1)


def main() -> dict:
    """Measure all."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            "large": large_photograph(Path(folder)),
            "largest_difference": same_answers(Path(folder)),
            "fov": {name: fields_of_view(name) for name in ("DRIVE", "CHASEDB1")},
            "environment": runtime.environment(),
        }
