"""Photographs of one's own: from files and folders to pictures and a table."""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from . import datasets, doubts, figures, fundus, pictures, saving
from .inference import Segmenter

TABLE = "segment.csv"
COLUMNS = (
    "file",
    "result",  # how the names of its pictures begin
    "rows",
    "columns",
    "fov_diameter",  # pixels
    "fov_share",  # of the frame
    "vessel_share",  # of the field of view
    "seconds",
    "warnings",  # doubts.photograph
    "error",
)


def find(given: Sequence[Path], out: Path) -> list[Path]:
    """Return the files that are named, and the images in the folders that are named.

    Folders in these folders are not read. ValueError where a folder holds no image or
    is ``out`` itself.
    """
    known, found = pictures.suffixes(), []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        if path.resolve() == out.resolve():
            raise ValueError(f"{out} holds the photographs; name another folder as out")
        inside = [p for p in sorted(path.iterdir()) if p.suffix.lower() in known]
        if not inside:
            raise ValueError(f"{path} holds no image file; folders in it are not read")
        found += inside
    return found


def _free_stem(out: Path, image: Path, digest: str) -> str:
    """Return a name under which no other image's result lies in ``out``."""
    numbered = (f"{image.stem}-{number}" for number in itertools.count(2))
    for stem in itertools.chain((image.stem, image.name.replace(".", "_")), numbered):
        result = out / f"{stem}_prob.png"
        if not result.exists():
            return stem
        with Image.open(result) as picture:
            if picture.info.get("source") == digest:
                return stem


def segment_file(
    segmenter: Segmenter, path: Path, out: Path, **options
) -> dict[str, str | int]:
    """Segment one photograph; write three PNG files to ``out``, return a table row.

    NAME_vessels.png is 0 or 255, NAME_prob.png the probability times 65535 (16 bits),
    NAME_overlay.png the photograph with vessels painted over; all have its size. No
    other photograph's result is overwritten. ``options`` (tta, diameter) are
    those of ``Segmenter.probs``.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    image, notes = pictures.read_photo(path)
    fov, parts = fundus.find_fov(image)
    probs = segmenter.probs(image, fov, **options)
    pred = probs >= segmenter.threshold

    def layers() -> Iterator[tuple[str, np.ndarray]]:  # one at a time: memory
        yield "vessels", pred[0].astype(np.uint8) * 255
        yield "prob", np.rint(probs[0] * 65535).astype(np.uint16)
        painted = figures.overlay(image, pred)
        painted *= 255
        yield "overlay", np.rint(painted, out=painted).astype(np.uint8)

    digest = datasets.sha256(path)
    stem, note = _free_stem(out, path, digest), PngImagePlugin.PngInfo()
    note.add_text("source", digest)
    for kind, picture in layers():
        with saving.whole(out / f"{stem}_{kind}.png") as part:
            Image.fromarray(picture).save(part, "png", pnginfo=note, compress_level=1)
    said = doubts.photograph(image, fov, probs, segmenter.threshold, notes, parts)
    return {
        "result": stem,
        "rows": image.shape[1],
        "columns": image.shape[2],
        "fov_diameter": round(options.get("diameter") or fundus.fov_diameter(fov)),
        "fov_share": f"{fov.mean():.4f}",
        "vessel_share": f"{pred.sum() / fov.sum():.4f}",
        "warnings": "; ".join(said),
    }


def segment_files(
    segmenter: Segmenter, paths: Sequence[Path], out: Path, **options
) -> Iterator[dict[str, str]]:
    """Segment photographs one after the other; yield a row of the table for each.

    A file that cannot be read gets a row with its ``error`` and does not stop the
    rest. The table in ``out`` is whole after each photograph; rows of earlier calls
    stay in it.
    """
    table = read_table(out)
    for path in paths:
        start, row = time.monotonic(), dict.fromkeys(COLUMNS, "") | {"file": str(path)}
        try:
            row |= segment_file(segmenter, path, out, **options)
        except (OSError, ValueError) as error:
            if getattr(error.__cause__, "errno", None) in saving.FULL:
                raise  # it would say the same of every other photograph
            row["error"] = str(error)
        row["seconds"] = f"{time.monotonic() - start:.2f}"
        table[row["file"]] = row
        _write_table(out, table.values())
        yield row


def read_table(out: Path) -> dict[str, dict[str, str]]:
    """Read the table of earlier calls as {file: row}; {} where there is none."""
    path = out / TABLE
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path} is not a table of this command: move it away")
        return {row["file"]: row for row in reader}


def _write_table(out: Path, rows: Iterable[dict]) -> None:
    """Write the table whole; the mark before its UTF-8 is for Excel."""
    with (
        saving.whole(out / TABLE) as part,
        part.open("w", encoding="utf-8-sig", newline="") as file,
    ):
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
