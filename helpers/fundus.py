"""Images of the data sets and photographs: reading, checking, field of view."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage
from skimage import measure, morphology

from . import places
from .datasets import (
    DATASETS,
    Dataset,
    folder,
    get_eyes,
    ids,
    locate,
    read_bytes,
    second_path,
)

MAX_PIXELS = 40_000_000  # of a photograph; 6000 x 6000 are 36 million
MIN_SIDE = 64  # pixels of a photograph; fewer show no vessels


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


def open_image(path: Path, page: int = 0, turn: bool = False) -> Image.Image:
    """Open and decode one page of an image file, gzipped or not.

    ``turn`` follows the camera's note of rotation (EXIF). FileNotFoundError and
    ValueError say what is wrong with the file and what helps.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; fetch it with `{places.COMMAND} data NAME`, or name "
            "the folder that holds the data sets with --data or FUNDUS_DATA"
        )
    what = f"page {page + 1} of {path}" if page else path
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken metadata alone does no harm
            content = io.BytesIO(read_bytes(path)) if path.suffix == ".gz" else path
            with Image.open(content) as file:
                width, height = file.size
                file.verify()  # the check sums that only PNG has
            if width * height <= MAX_PIXELS:
                with Image.open(content) as file:
                    file.seek(page)
                    file.load()
                    return ImageOps.exif_transpose(file) if turn else file.copy()
    except Exception as error:  # a foreign file can make Pillow raise anything
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no known image format" if unknown else error
        raise ValueError(
            f"{what} cannot be read as an image ({reason}); it may be cut off or be "
            "something else: get it again from where it came"
        ) from error
    raise ValueError(
        f"{what} has {width} x {height} pixels, more than {MAX_PIXELS:,}: shrink it"
    )


def _to_array(picture: Image.Image) -> np.ndarray:
    """Return (3, H, W) float32 in [0, 1]; channel by channel, to spare memory."""
    bands = picture.convert("RGB").split()
    image = np.empty((3, picture.height, picture.width), np.float32)
    for channel, band in zip(image, bands, strict=True):
        channel[:] = band
    image /= 255
    return image


def read_image(path: Path | str, page: int = 0) -> np.ndarray:
    """Read an image of a set, or a page of a stack, as (3, H, W) float32 in [0, 1]."""
    return _to_array(open_image(Path(path), page))


def read_photo(path: Path | str) -> np.ndarray:
    """Read a photograph of one's own as (3, H, W) float32 in [0, 1].

    Any format that Pillow reads: JPEG, PNG, TIFF, BMP, PPM, WebP. Grey, palette, CMYK
    and 16 bits become RGB, transparent parts black; the camera's note of rotation
    (EXIF) is followed. ValueError names a file that is broken, too small or too large.
    """
    picture = open_image(Path(path), turn=True)
    if min(picture.size) < MIN_SIDE:
        raise ValueError(
            f"{path} has {picture.width} x {picture.height} pixels; vessels need at "
            f"least {MIN_SIDE} on each side: take the photograph in its own size"
        )
    if picture.mode in ("F", "I") or picture.mode.startswith("I;16"):
        grey = np.nan_to_num(np.asarray(picture, np.float32)).clip(0)
        white = next((w for w in (1, 255, 4095, 65535) if grey.max() <= w), grey.max())
        return np.repeat(grey[None] / white, 3, axis=0)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    return _to_array(picture)


def read_label(path: Path | str, page: int = 0) -> np.ndarray:
    """Read a label of any encoding (grey, palette, 1 bit) as (1, H, W) bool.

    The palette is applied first (``convert("L")``); a pixel is True above half of
    the largest value. A label without a single True pixel stays empty.
    """
    picture = open_image(Path(path), page)
    deep = picture.mode in ("F", "I") or picture.mode.startswith("I;16")
    grey = np.asarray(picture if deep else picture.convert("L"))
    return (grey > grey.max() / 2)[None]


def load_one(name: str | Dataset, image_id: str, data_dir: Path | str) -> FundusImage:
    """Read one image with its labels and check that they fit together."""
    dataset, place = get_eyes(name), folder(name, data_dir)

    def file(template: str) -> Path:
        return locate(place, dataset.path(template, image_id))

    # One's own come from any camera and are read as ``segment`` will read them.
    image = (read_photo if dataset.place else read_image)(file(dataset.image))
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
    From 2,000 pixels a side every second, third ... pixel is looked at.
    """
    height, width = image.shape[1:]
    step = max(1, min(height, width) // 1000)
    red = image[0, ::step, ::step]
    bright = red > red.max() / 10
    radius = max(1, round(min(bright.shape) / 100))
    margin = 2 * radius  # closing must not eat a field of view that touches the frame
    padded = np.pad(bright, margin)
    closed = morphology.isotropic_closing(padded, radius)
    filled = ndimage.binary_fill_holes(closed)[margin:-margin, margin:-margin]
    labels = measure.label(filled)
    if labels.max() == 0:
        return np.ones((1, height, width), dtype=bool)
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return largest.repeat(step, 0).repeat(step, 1)[None, :height, :width]


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
