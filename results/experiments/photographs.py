"""What `segment` keeps of its promises on photographs.

The field of view found against the published one (DRIVE) and those that others drew
(CHASE_DB1, where the data folder holds reference_fov/), the same photograph in several
file formats and tiles, and the memory of a large one: scikit-image's `retina`
(Häggström 2014, public domain). What a photograph costs, in seconds of a processor and
in bytes, is measured on eyes of DRIVE.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from helpers import batch, fundus, inference, metrics, pictures, places, runtime

from . import alone

FORMATS = ("photo.png", "photo.tif", "photo.webp", "photo.bmp", "photo.ppm")  # lossless
TILES = (128, 256, 512, None)  # pixels; None: in one piece
LARGE = (6000, 4000)  # width, height
EACH = {"small": (6, None), "large": (3, (3000, 2000))}  # how many; their canvas


def fields_of_view(name: str) -> dict:
    """Compare the automatic field of view with the reference on all images of a set."""
    rows = []
    for x in fundus.OnDisk(name, "all", places.data_dir()):
        found, reference = fundus.automatic_fov(x.image), x.fov
        if name == "CHASEDB1":
            file = places.data_dir() / f"reference_fov/CHASEDB1/Image_{x.name}.gif"
            reference = fundus.read_label(file)
        counts = metrics.count(found, reference, np.ones_like(found))
        kept = (found & x.vessels).sum() / x.vessels.sum()
        rows.append((kept, metrics.scores(counts)["dice"]))
    kept, dice = np.min(rows, axis=0).round(5).tolist()
    worst = {"least_share_of_vessels_kept": kept, "least_dice": dice}
    return {"images": len(rows)} | worst


def same_answers(folder: Path) -> dict:
    """Return the largest differences between probabilities, by format and by tile."""
    segmenter, picture = inference.Segmenter.load(), Image.fromarray(data.retina())
    answers = {"formats": {}, "tiles": {}}
    for name in FORMATS:  # each takes the options that it knows
        picture.save(folder / name, lossless=True, compression="tiff_lzw")
        image = pictures.read_photo(folder / name)[0]
        answers["formats"][name] = segmenter.probs(image)
    for tile in TILES:
        answers["tiles"][str(tile)] = segmenter.probs(image, tile=tile)
    first = answers["formats"]["photo.png"]
    return {
        kind: {name: float(np.abs(probs - first).max()) for name, probs in each.items()}
        for kind, each in answers.items()
    }


def write_large(file: Path) -> Path:
    """Write a large photograph."""
    picture, side = Image.new("RGB", LARGE), LARGE[1] - 100
    picture.paste(Image.fromarray(data.retina()).resize((side, side)), (1000, 50))
    picture.save(file, quality=95)
    return file


def segment(file: Path) -> dict:
    """Segment it as the command does; return the process's peak of memory, seconds."""
    start = time.perf_counter()
    (done,) = batch.segment_files([batch.Photograph(file)], file.parent)
    if done.row["error"]:
        raise ValueError(done.row["error"])
    seconds = round(time.perf_counter() - start, 1)
    return {"pixels": LARGE, "peak_mib": round(alone.peak_mib()), "seconds": seconds}


def photograph(x: fundus.FundusImage, canvas: tuple[int, int] | None) -> Image.Image:
    """Return an eye as a picture; on a black canvas it is as high as that."""
    values = np.rint(x.image * 255).astype(np.uint8)
    picture = Image.fromarray(values.transpose(1, 2, 0))
    if canvas is None:
        return picture
    width, height = canvas
    picture = picture.resize((round(height * picture.width / picture.height), height))
    whole = Image.new("RGB", canvas)
    whole.paste(picture, ((width - picture.width) // 2, 0))
    return whole


def cost_of_each(folder: Path, number: int, canvas: tuple[int, int] | None) -> dict:
    """Segment some eyes in one thread; return seconds and bytes of a photograph."""
    torch.set_num_threads(1)
    folder.mkdir()
    for x in fundus.load("DRIVE", "train", places.data_dir())[: number + 1]:
        photograph(x, canvas).save(folder / f"{x.name}.jpg", quality=95)
    first, *files = map(batch.Photograph, sorted(folder.iterdir()))
    out = folder.with_name(f"{folder.name} maps")
    list(batch.segment_files([first], out))  # all is loaded
    loaded, start = sum(x.stat().st_size for x in out.rglob("*")), time.process_time()
    done = list(batch.segment_files(files, out))
    seconds = time.process_time() - start
    if failed := [x.row["error"] for x in done if x.row["error"]]:
        raise ValueError(failed[0])
    kept = sum(x.stat().st_size for x in out.rglob("*")) - loaded
    size = sum(x.path.stat().st_size for x in files)
    told = {"seconds": seconds, "bytes": size, "kept_bytes": kept}
    return {"photographs": number} | {key: x / number for key, x in told.items()}


def main() -> dict:
    """Measure all."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            "large": alone.call(segment, write_large(Path(folder) / "large.jpg")),
            "largest_difference": same_answers(Path(folder)),
            "fov": {name: fields_of_view(name) for name in ("DRIVE", "CHASEDB1")},
            "each": {
                name: alone.call(cost_of_each, Path(folder) / name, *how)
                for name, how in EACH.items()
            },
            "environment": runtime.environment(),
        }
