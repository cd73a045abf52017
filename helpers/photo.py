"""Photographs of one's own: from files and folders to pictures and a table."""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from . import datasets, figures, fundus, places, saving
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
    "warnings",  # see doubts
    "error",
)


def find(given: Sequence[Path], out: Path) -> list[Path]:
    """Return the files that are named, and the images in the folders that are named.

    Folders in these folders are not read. ValueError where a folder holds no image or
    is ``out`` itself.
    """
    known, found = Image.registered_extensions(), []  # {".jpg": "JPEG", ...}
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

    In English or Chinese. image (3, H, W), fov and probs (1, H, W). The limits leave
    room round what DRIVE 21-40 have: blue at most 22 % of the light, vessels 9 to
    15 % of the field of view, 38 to 55 % of them unsure.
    """
    step = max(1, min(fov.shape[1:]) // 1000)  # every pixel of a large one is many
    image, fov, probs = (x[:, ::step, ::step] for x in (image, fov, probs))
    inside = fov[0]
    colour, pred = image[:, inside].mean(1), (probs >= threshold) & fov
    blue, share = colour[2] / max(colour.sum(), 1e-6), pred.sum() / fov.sum()
    unsure = ((probs > 0.2) & (probs < 0.8) & fov).sum() / max(pred.sum(), 1)
    reasons = []
    if inside.mean() > 0.98:
        english = "no dark border: the size of the eye is a guess"
        reasons.append((english, "没有黑边：眼睛的大小只能估计"))
    elif (likeness := likeness_to_disc(inside)) < 0.95:
        english = f"the bright part is no disc (likeness {likeness:.2f})"
        reasons.append((english, f"亮的部分不是圆盘（相似度 {likeness:.2f}）"))
    if blue > 0.25:
        english = f"not the colours of a retina (blue {blue:.0%} of the light)"
        reasons.append((english, f"颜色不像视网膜（蓝光占 {blue:.0%}）"))
    if not 0.05 <= share <= 0.22:
        english = f"{share:.1%} of it marked as vessels (DRIVE: 9 to 15%)"
        reasons.append((english, f"标出的像素占视野的 {share:.1%}（DRIVE：9%～15%）"))
    if unsure > 0.7:
        english = "the network is unsure about most of what it marks"
        reasons.append((english, "标出的像素，网络大多没有把握"))
    return [places.pick(words) for words in reasons]


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
    image = fundus.read_photo(path)
    fov = fundus.automatic_fov(image)
    probs = segmenter.probs(image, fov, **options)
    pred = probs >= segmenter.threshold

    def pictures() -> Iterator[tuple[str, np.ndarray]]:  # one at a time: memory
        yield "vessels", pred[0].astype(np.uint8) * 255
        yield "prob", np.rint(probs[0] * 65535).astype(np.uint16)
        painted = figures.overlay(image, pred)
        painted *= 255
        yield "overlay", np.rint(painted, out=painted).astype(np.uint8)

    digest = datasets.sha256(path)
    stem, note = _free_stem(out, path, digest), PngImagePlugin.PngInfo()
    note.add_text("source", digest)
    for kind, picture in pictures():
        with saving.whole(out / f"{stem}_{kind}.png") as part:
            Image.fromarray(picture).save(part, "png", pnginfo=note, compress_level=1)
    return {
        "result": stem,
        "rows": image.shape[1],
        "columns": image.shape[2],
        "fov_diameter": round(options.get("diameter") or fundus.fov_diameter(fov)),
        "fov_share": f"{fov.mean():.4f}",
        "vessel_share": f"{pred.sum() / fov.sum():.4f}",
        "warnings": "; ".join(doubts(image, fov, probs, segmenter.threshold)),
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
