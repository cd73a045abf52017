"""The data sets: facts, layout on disk, reading, checking, field of view."""

from __future__ import annotations

import gzip
import hashlib
import io
import tomllib
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage
from skimage import measure, morphology

HERE = Path(__file__).parent
MAX_FILE = 128 << 20  # bytes; no file of a set has more than a tenth of it
MAX_PIXELS = 40_000_000  # of a photograph; 6000 x 6000 are 36 million
MIN_SIDE = 64  # pixels of a photograph; fewer show no vessels


@dataclass(frozen=True)
class Source:
    """One public address of a set or of a part of it."""

    address: str  # of an archive, of a web folder (ends in /), or gdrive:ID
    gives: tuple[str, ...] = ("",)  # how the paths that it holds begin
    sha256: str | None = None  # of the archive, where it is known
    covered: bool = True  # by the owner's terms


@dataclass(frozen=True)
class Dataset:
    """Facts of one data set. A template is a path with ``{id}`` and ``{part}``."""

    name: str
    title: str
    home: str
    terms: str
    citation: str
    splits: dict[str, tuple[str, ...]]
    image: str
    vessels: str | None = None  # None: no photographs of eyes, see ``load_cells``
    cells: str | None = None
    fov: str | None = None  # None: the field of view is found automatically
    second: str | None = None  # second observer
    second_in: tuple[str, ...] = ("train", "val", "test")  # splits that have one
    size: tuple[int, int] | None = None  # rows, columns of every image
    stacks: dict[str, str] | None = None  # {file: git's blob id}, instead of slices
    sources: tuple[Source, ...] = ()  # in the order in which they are tried

    def split_of(self, image_id: str) -> str:
        """Return the split ("train", "val" or "test") an image belongs to."""
        for split, members in self.splits.items():
            if image_id in members:
                return split
        raise ValueError(f"{self.name} has no image {image_id!r}; see DATASETS")

    def path(self, template: str, image_id: str) -> str:
        """Fill a template; DRIVE's folders and file names tell training from test."""
        part = "test" if self.split_of(image_id) == "test" else "training"
        return template.format(id=image_id, part=part)


def _read_datasets() -> dict[str, Dataset]:
    """Read ``datasets.toml``, which says all that is known of each set."""
    table = tomllib.loads((HERE / "datasets.toml").read_text("utf-8"))
    for facts in table.values():
        facts["splits"] = {k: tuple(v.split()) for k, v in facts["splits"].items()}
        sources = facts.get("sources", ())
        facts["sources"] = tuple(
            Source(**s | {"gives": tuple(s.get("gives", ("",)))}) for s in sources
        )
    return {name: Dataset(name=name, **facts) for name, facts in table.items()}


DATASETS = _read_datasets()


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


def locate(place: Path, file: str) -> Path:
    """Find a file of a set, though its name is in other letter case or ends in .gz.

    It may lie without its folder, too, as official archives have it. Returns ``place /
    file`` where there is nothing of the kind.
    """
    exact = place / file
    for parent in (exact.parent, place) if not exact.is_file() else ():
        inside = parent.iterdir() if parent.is_dir() else ()
        names = {path.name.casefold(): path for path in inside}
        for name in (exact.name, f"{exact.name}.gz"):
            if name.casefold() in names:
                return names[name.casefold()]
    return exact


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file of a set; a gzipped one is unpacked."""
    if path.suffix != ".gz":
        return path.read_bytes()
    with gzip.open(path) as file:
        return file.read(MAX_FILE)


def open_image(path: Path, page: int = 0, turn: bool = False) -> Image.Image:
    """Open and decode one page of an image file, gzipped or not.

    ``turn`` follows the camera's note of rotation (EXIF). FileNotFoundError and
    ValueError say what is wrong with the file and what helps.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; fetch it with `python3 -m helpers data NAME`, or name "
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
    grey = np.asarray(open_image(Path(path), page).convert("L"))
    return (grey > grey.max() / 2)[None]


def _dataset(name: str) -> Dataset:
    if name not in DATASETS:
        raise ValueError(
            f"unknown data set {name!r}; known are {', '.join(sorted(DATASETS))}"
        )
    return DATASETS[name]


def _eyes(name: str) -> Dataset:
    if _dataset(name).vessels is None:
        raise ValueError(f"{name} shows no eyes; read it with fundus.load_cells")
    return _dataset(name)


def folder(name: str, data_dir: Path | str) -> Path:
    """Return the folder of one set inside the data folder, or say how to get it."""
    place = Path(data_dir) / _dataset(name).name
    if not found(name, data_dir):
        state = "is empty" if place.is_dir() else "does not exist"
        raise FileNotFoundError(
            f"{place} {state}; fetch the set with `python3 -m helpers data {name}`, or "
            "name the folder that holds it with --data or FUNDUS_DATA"
        )
    return place


def found(name: str, data_dir: Path | str) -> bool:
    """Tell whether the data folder holds anything of a set."""
    place = Path(data_dir) / _dataset(name).name
    return place.is_dir() and any(place.iterdir())


def ids(name: str, split: str) -> tuple[str, ...]:
    """Return the image ids of "train", "val", "test" or "all"."""
    splits = _dataset(name).splits
    if split == "all":
        return tuple(image_id for members in splits.values() for image_id in members)
    if split not in splits:
        raise ValueError(f"unknown split {split!r}; choose train, val, test or all")
    return splits[split]


def load_one(name: str, image_id: str, data_dir: Path | str) -> FundusImage:
    """Read one image with its labels and check that they fit together."""
    dataset, place = _eyes(name), folder(name, data_dir)

    def file(template: str) -> Path:
        return locate(place, dataset.path(template, image_id))

    image = read_image(file(dataset.image))
    vessels = read_label(file(dataset.vessels))
    fov = read_label(file(dataset.fov)) if dataset.fov else automatic_fov(image)
    has_second = dataset.second and dataset.split_of(image_id) in dataset.second_in
    second = read_label(file(dataset.second)) if has_second else None
    for what, label in (("vessels", vessels), ("fov", fov), ("second", second)):
        if label is not None and label.shape[1:] != image.shape[1:]:
            raise ValueError(
                f"{name} {image_id}: {what} is {label.shape[1]} x {label.shape[2]}, "
                f"the image {image.shape[1]} x {image.shape[2]} (rows x columns); "
                "labels must have the image's own size: fetch the original file again"
            )
    return FundusImage(image_id, image, vessels, fov, second)


@dataclass(frozen=True)
class OnDisk(Sequence):
    """The images of a split, each read anew when it is asked for.

    For sets that memory cannot hold: HRF's photographs take 4.4 GB. ``half`` reads
    them at half resolution (``halve``), as most papers score HRF.
    """

    name: str
    split: str  # "train", "val", "test" or "all"
    data_dir: Path | str
    half: bool = False

    def __len__(self) -> int:
        return len(ids(self.name, self.split))

    def __getitem__(self, k: int) -> FundusImage:
        x = load_one(self.name, ids(self.name, self.split)[k], self.data_dir)
        return halve(x) if self.half else x


def load(name: str, split: str, data_dir: Path | str) -> list[FundusImage]:
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
        C, H, W = (n // 2 for n in layer.shape)
        C, cut = len(layer), layer[:, : 2 * H, : 2 * W]
        return cut.reshape(C, H, 2, W, 2)

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


def person(name: str, image_id: str) -> str:
    """Return whose eye it is, as far as names tell: CHASE_DB1's 05L is child 05."""
    return image_id[:2] if name == "CHASEDB1" else image_id


def scored_split(name: str, data_dir: Path | str) -> str:
    """Return the split to report: "test", or "val" where no test label is there.

    The official DRIVE download has had no test labels since 2019. One missing label
    among others is an error of the folder, not that case, and ``load`` names it.
    """
    dataset, place = _eyes(name), folder(name, data_dir)
    files = (dataset.path(dataset.vessels, i) for i in ids(name, "test"))
    labels = [locate(place, file) for file in files]
    return "test" if any(label.exists() for label in labels) else "val"


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


def manifest(name: str) -> dict[str, str]:
    """Return {relative path: SHA-256} of every file of a set; {} for PHANTOM."""
    path = HERE / "manifests" / f"{_dataset(name).name}.sha256"
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {file: digest for digest, file in (line.split(maxsplit=1) for line in lines)}


def forms(name: str) -> list[dict[str, str]]:
    """Return the lists of files of which one alone is the whole set.

    ISBI2012_EM has two, single slices and the challenge's stacks; others have one.
    """
    stacks = _dataset(name).stacks
    return [manifest(name), stacks] if stacks else [manifest(name)]


def is_original(content: bytes, digest: str) -> bool:
    """Compare bytes with a SHA-256 or, 40 digits long, with git's id of a blob."""
    if len(digest) == 40:
        blob = b"blob %d\0" % len(content) + content
        return hashlib.sha1(blob, usedforsecurity=False).hexdigest() == digest
    return hashlib.sha256(content).hexdigest() == digest


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(path: Path, digest: str) -> bool:
    """Tell whether a file is there, uncut, and holds the bytes of a digest.

    A gzipped file is judged by what it unpacks to; see ``is_original``.
    """
    try:
        return is_original(read_bytes(path), digest)
    except (EOFError, OSError, zlib.error):  # a gzipped file that is cut off
        return False


def lacking(name: str, data_dir: Path | str) -> list[dict[str, str]]:
    """Return {path: digest} of the files that are missing or differ, a dict a form."""
    place = Path(data_dir) / name
    return [
        {f: d for f, d in form.items() if not is_whole(locate(place, f), d)}
        for form in forms(name)
    ]


def verify(name: str, data_dir: Path | str) -> dict[str, list[str]]:
    """Compare a set on disk with its manifest: {"missing": [...], "differs": [...]}.

    Where a set has several ``forms``, the one with the fewest missing files counts.
    """
    place, answers = folder(name, data_dir), []
    for files in lacking(name, data_dir):
        missing = [file for file in files if not locate(place, file).is_file()]
        differs = [file for file in files if file not in missing]
        answers.append({"missing": missing, "differs": differs})
    return min(answers, key=lambda problems: len(problems["missing"]))


def data_sha256(images: Sequence[FundusImage]) -> str:
    """Return one SHA-256 over names, pixels, labels and FOV of images, in order."""
    digest = hashlib.sha256()
    for x in images:
        digest.update(x.name.encode())
        for layer in (x.image, x.vessels, x.fov):
            digest.update(np.ascontiguousarray(layer).tobytes())
    return digest.hexdigest()
