"""Images of the data sets and photographs: reading, checking, field of view."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage import measure, morphology

from . import pictures, places
from .datasets import (
    DATASETS,
    Dataset,
    folder,
    get_eyes,
    ids,
    locate,
    second_path,
)


@dataclass(frozen=True)
class FundusImage:
    """One photograph with its labels.

    image : (3, H, W) float32 in [0, 1]; vessels, fov : (1, H, W) bool;
    second : (1, H, W) bool, the second observer's vessels, or None.
    """

    name: str
    image: np.ndarray
    vessels: np.ndarray
    fov: np.ndarray
    second: np.ndarray | None = None


@dataclass(frozen=True)
class CellImage:
    """One slice of tissue: image (1, H, W) float32 in [0, 1]; cells (1, H, W) bool.

    ``cells`` is True inside a cell, False on the membranes between cells.
    """

    name: str
    image: np.ndarray
    cells: np.ndarray


def _present(path: Path) -> Path:
    """Return the path of a file of a set, or say how to get it."""
    if not path.is_file():
        english = (
            f"{path} is missing; fetch it with `{places.COMMAND} data NAME`, or name "
            "the folder that holds the data sets with --data or FUNDUS_DATA"
        )
        chinese = (
            f"找不到 {path}：请检查路径；数据集用 `{places.COMMAND} data 名字` 下载，"
            "放在别处的用 --data 或 FUNDUS_DATA 指出"
        )
        raise FileNotFoundError(places.pick((english, chinese)))
    return path


def read_image(path: Path | str, page: int = 0) -> np.ndarray:
    """Read an image of a set, or a page of a stack, as (3, H, W) float32 in [0, 1]."""
    return pictures.to_array(pictures.open_image(_present(Path(path)), page))


def read_label(path: Path | str, page: int = 0) -> np.ndarray:
    """Read a label of any encoding (grey, palette, 1 bit) as (1, H, W) bool.

    The palette is applied first (``convert("L")``); a pixel is True above half of
    the largest value. A label without a single True pixel stays empty.
    """
    picture = pictures.open_image(_present(Path(path)), page)
    deep = picture.mode in ("F", "I") or picture.mode.startswith("I;16")
    grey = np.asarray(picture if deep else picture.convert("L"))
    return (grey > grey.max() / 2)[None]


def load_one(name: str | Dataset, image_id: str, data_dir: Path | str) -> FundusImage:
    """Read one image with its labels and check that they fit together."""
    dataset, place = get_eyes(name), folder(name, data_dir)

    def file(template: str) -> Path:
        return locate(place, dataset.path(template, image_id))

    # One's own come from any camera and are read as ``segment`` will read them.
    path = file(dataset.image)
    image = pictures.read_photo(path)[0] if dataset.place else read_image(path)
    files = {
        "vessels": file(dataset.vessels),
        "fov": file(dataset.fov) if dataset.has_fov(image_id) else None,
        "second": second_path(name, image_id, data_dir),
    }
    labels = {what: path and read_label(path) for what, path in files.items()}
    for what, label in labels.items():
        if label is not None and label.shape[1:] != image.shape[1:]:
            raise ValueError(
                f"{dataset.name} {image_id}: {what} is {label.shape[1]} x "
                f"{label.shape[2]}, the image {image.shape[1]} x {image.shape[2]} "
                "(rows x columns); labels must have the image's own size: get "
                f"{files[what].name} again in that size"
            )
    if labels["fov"] is None:
        labels["fov"] = automatic_fov(image)
    return FundusImage(image_id, image, **labels)


@dataclass(frozen=True)
class OnDisk(Sequence):
    """The images of a split, each read anew when it is asked for.

    For sets that memory cannot hold: HRF's photographs take 4.4 GB. ``half`` reads
    them at half resolution (``halve``), as most papers score HRF.
    """

    name: str | Dataset
    split: str  # "train", "val", "test" or "all"
    data_dir: Path | str
    half: bool = False

    def __len__(self) -> int:
        return len(ids(self.name, self.split))

    def __getitem__(self, k: int) -> FundusImage:
        x = load_one(self.name, ids(self.name, self.split)[k], self.data_dir)
        return halve(x) if self.half else x


def load(name: str | Dataset, split: str, data_dir: Path | str) -> list[FundusImage]:
    """Read all images of a split ("train", "val", "test", "all") into memory."""
    return list(OnDisk(name, split, data_dir))


def halve(x: FundusImage) -> FundusImage:
    """Return an image with its labels at half resolution; labels stay binary.

    A pixel of the image is the mean of the four that it covers; one of a label is True
    where at least two of the four are, so that a line one pixel wide stays whole if it
    runs along the grid (results/halving.json has what is lost). An odd last row or
    column falls away.
    """

    def four(layer: np.ndarray) -> np.ndarray:
        H, W = (n // 2 for n in layer.shape[1:])
        return layer[:, : 2 * H, : 2 * W].reshape(-1, H, 2, W, 2)

    labels = {
        key: None if label is None else four(label).sum((2, 4)) >= 2
        for key, label in (("vessels", x.vessels), ("fov", x.fov), ("second", x.second))
    }
    return FundusImage(x.name, four(x.image).mean((2, 4)), **labels)


def load_cells(split: str, data_dir: Path | str) -> list[CellImage]:
    """Read the slices of a split of ISBI2012_EM, in order of depth.

    They come from the challenge's own stacks of 30 pages, ``train-volume.tif`` and
    ``train-labels.tif`` (no checksum of them is known), where the folder holds these,
    else from single files as in the manifest.
    """
    dataset, place = DATASETS["ISBI2012_EM"], folder("ISBI2012_EM", data_dir)
    stacked, slices = (place / "train-volume.tif").is_file(), []
    for image_id in ids("ISBI2012_EM", split):
        files, page = (dataset.image, dataset.cells), 0
        if stacked:
            files, page = ("train-volume.tif", "train-labels.tif"), int(image_id)
        image_file, label_file = (place / dataset.path(f, image_id) for f in files)
        image, cells = read_image(image_file, page)[:1], read_label(label_file, page)
        if cells.shape != image.shape:
            raise ValueError(
                f"ISBI2012_EM {image_id}: the label is {cells.shape[1]} x "
                f"{cells.shape[2]}, the image {image.shape[1]} x {image.shape[2]} "
                "(rows x columns); fetch the original file again"
            )
        slices.append(CellImage(image_id, image, cells))
    return slices


def automatic_fov(image: np.ndarray) -> np.ndarray:
    """Find the field of view of a photograph: (3, H, W) in [0, 1] -> (1, H, W) bool.

    Red above a tenth of its maximum, closed, holes filled, largest component. On
    CHASE_DB1 this keeps 99.4 % of the vessel pixels and more; Otsu loses up to 27 %.
    Where that is no disc, see ``find_fov``.
    """
    return find_fov(image)[0]


def find_fov(image: np.ndarray) -> tuple[np.ndarray, int]:
    """Find the field of view, and how many bright parts there are of about its size.

    (3, H, W) in [0, 1] -> (1, H, W) bool. The rule of ``automatic_fov`` comes first.
    Where it finds no disc, what hangs on to it is cut off (writing), then all that
    differs from the corners is tried (a border that is not black); the first disc is
    taken, else what the rule found. From 2,000 pixels a side every second, third ...
    pixel is looked at.
    """
    height, width = image.shape[1:]
    step = max(1, min(height, width) // 1000)
    small, first = image[:, ::step, ::step], None
    for found in _candidates(small):
        first = first or found
        if is_disc(found[0]):
            break
    else:
        found = first or (np.ones(small.shape[1:], bool), 1)
    fov = found[0].repeat(step, 0).repeat(step, 1)[None, :height, :width]
    return fov, found[1]


def _candidates(image: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yield what may be the field of view, (H, W) bool, and the number of its like."""
    for bright in (_lit, _unlike_the_corners):
        parts = _filled(bright(image))
        for _ in range(2):  # as it is, and without what hangs on to it
            labels = measure.label(parts)
            sizes = np.bincount(labels.ravel())[1:]
            if len(sizes):
                parts = labels == sizes.argmax() + 1
                yield parts, int((sizes > sizes.max() / 5).sum())
                parts = morphology.isotropic_opening(parts, min(parts.shape) / 40)


def _lit(image: np.ndarray) -> np.ndarray:
    """Return where red is above a tenth of its maximum, hot pixels left out."""
    return image[0] > np.quantile(image[0], 0.999) / 10


def _unlike_the_corners(image: np.ndarray) -> np.ndarray:
    """Return what is unlike the colour of the frame's corners, beyond their noise."""
    side = max(4, round(0.03 * min(image.shape[1:])))
    ends = (slice(side), slice(-side, None))
    corners = [image[:, y, x].reshape(3, -1) for y in ends for x in ends]
    corners = np.concatenate(corners, axis=1)
    colour = np.median(corners, axis=1, keepdims=True)
    noise = np.median(np.abs(corners - colour).max(0))  # x 5: 6 standard deviations
    return np.abs(image - colour[..., None]).max(0) > max(5 * noise, 0.06)


def _filled(bright: np.ndarray) -> np.ndarray:
    """Return a (H, W) mask with its gaps closed and its holes filled."""
    radius = max(1, round(min(bright.shape) / 100))
    margin = 2 * radius  # closing must not eat a field of view that touches the frame
    closed = morphology.isotropic_closing(np.pad(bright, margin), radius)
    return ndimage.binary_fill_holes(closed)[margin:-margin, margin:-margin]


def is_disc(inside: np.ndarray) -> bool:
    """Tell whether a (H, W) mask looks like the lit disc of a fundus camera.

    It fills 5 to 98 % of the frame, is at most twice as wide as high or as high as
    wide, and its overlap (IoU) with a disc is 0.95 at least.
    """
    if not 0.05 < inside.mean() < 0.98:
        return False
    sides = [np.ptp(np.flatnonzero(inside.any(axis))) + 1 for axis in (0, 1)]
    return max(sides) <= 2 * min(sides) and likeness_to_disc(inside) >= 0.95


def likeness_to_disc(inside: np.ndarray) -> float:
    """Return the overlap (IoU) of a (H, W) mask with the disc that would fill its box.

    What the box cuts off the disc is left out: many cameras cut it above and below.
    """
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    middle = [(k[0] + k[-1]) / 2 for k in (rows, columns)]
    radius = fov_diameter(inside[None]) / 2
    y, x = np.ogrid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    disc = np.hypot(y - middle[0], x - middle[1]) <= radius
    part = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return float((disc & part).sum() / (disc | part).sum())


def fov_diameter(fov: np.ndarray) -> float:
    """Return the diameter in pixels of the disc: the larger extent of its box."""
    rows, columns = np.nonzero(fov[0].any(1))[0], np.nonzero(fov[0].any(0))[0]
    if not len(rows):
        raise ValueError("the field of view is empty; pass the whole frame instead")
    return float(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)


def median_diameter(images: Sequence[FundusImage]) -> float:
    """Return the median diameter in pixels of the fields of view of images."""
    return float(np.median([fov_diameter(x.fov) for x in images]))


class DataDigest:
    """One SHA-256 over names, pixels, labels and FOV of images, in order."""

    def __init__(self):
        self.digest = hashlib.sha256()

    def add(self, x: FundusImage) -> None:
        """Take the next image in."""
        self.digest.update(x.name.encode())
        for layer in (x.image, x.vessels, x.fov):
            self.digest.update(np.ascontiguousarray(layer).tobytes())

    def hexdigest(self) -> str:
        """Return it as 64 hexadecimal digits."""
        return self.digest.hexdigest()


def data_sha256(images: Sequence[FundusImage]) -> str:
    """Return the ``DataDigest`` of images that are at hand."""
    digest = DataDigest()
    for x in images:
        digest.add(x)
    return digest.hexdigest()
