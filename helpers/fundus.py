"""The data sets: facts, layout on disk, reading, checking, field of view."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import measure, morphology

MANIFESTS = Path(__file__).parent / "manifests"


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
    by_hand: str = ""  # what to do where no public source is known here

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


def _numbers(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{number:02d}" for number in range(first, last + 1))


def _eyes(first: int, last: int) -> tuple[str, ...]:
    return tuple(n + side for n in _numbers(first, last) for side in "LR")


DRIVE_LAYOUT = {
    "image": "{part}/images/{id}_{part}.tif",
    "vessels": "{part}/1st_manual/{id}_manual1.gif",
    "fov": "{part}/mask/{id}_{part}_mask.gif",
    "second": "{part}/2nd_manual/{id}_manual2.gif",
    "second_in": ("test",),
}

DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="DRIVE",
            title="DRIVE, 40 eyes of a Dutch screening programme, 565 x 584 pixels",
            home="https://drive.grand-challenge.org/",
            terms="for research and education only, no redistribution",
            citation="Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004, "
            "501-509, doi:10.1109/TMI.2004.825627",
            splits={
                "train": _numbers(21, 36),
                "val": _numbers(37, 40),
                "test": _numbers(1, 20),
            },
            **DRIVE_LAYOUT,
        ),
        Dataset(
            name="CHASEDB1",
            title="CHASE_DB1, both eyes of 14 children, 999 x 960 pixels",
            home="https://researchinnovation.kingston.ac.uk/",
            terms="CC BY 4.0",
            citation="Fraz et al., IEEE Transactions on Biomedical Engineering 59(9), "
            "2012, 2538-2548, doi:10.1109/TBME.2012.2205687",
            # Split by child, 20 and 8 images; two children of the 20 validate.
            splits={
                "train": _eyes(1, 8),
                "val": _eyes(9, 10),
                "test": _eyes(11, 14),
            },
            image="Image_{id}.jpg",
            vessels="Image_{id}_1stHO.png",
            second="Image_{id}_2ndHO.png",
        ),
        Dataset(
            name="ISBI2012_EM",
            title="ISBI 2012 EM, 30 slices of a fly's nerve cord, 512 x 512 pixels",
            home="https://imagej.net/events/isbi-2012-segmentation-challenge",
            terms="free for non-commercial segmentation software, with the citation",
            citation="Cardona et al., PLoS Biology 8(10), 2010, e1000502; Arganda-"
            "Carreras et al., Frontiers in Neuroanatomy 9, 2015, 142",
            # Neighbouring slices look alike: three blocks, not a random choice.
            splits={
                "train": tuple(map(str, range(21))),
                "val": tuple(map(str, range(21, 24))),
                "test": tuple(map(str, range(24, 30))),
            },
            image="train/image/{id}.png",
            cells="train/label/{id}.png",
            by_hand="put the challenge's train-volume.tif and train-labels.tif into "
            "the folder ISBI2012_EM of the data folder; --from takes single slices "
            "(PNG) only",
        ),
        Dataset(
            name="PHANTOM",
            title="PHANTOM, drawn eyes with known vessels (no patient, no camera)",
            home="helpers/phantom.py",
            terms="free, drawn by this course",
            citation="none needed",
            splits={
                "train": _numbers(21, 32),
                "val": _numbers(33, 36),
                "test": _numbers(1, 8),
            },
            **DRIVE_LAYOUT,
        ),
    )
}


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


def _open(path: Path, page: int) -> Image.Image:
    """Open and decode a page of an image file, or say what is wrong with it."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; fetch it with `python3 -m helpers data NAME`, or name "
            "the folder that holds the data sets with --data or FUNDUS_DATA"
        )
    try:
        with Image.open(path) as file:
            file.seek(page)
            file.load()
            return file.copy()
    except (OSError, EOFError, SyntaxError, ValueError) as error:
        what = f"page {page + 1} of {path}" if page else path
        raise ValueError(
            f"{what} cannot be read as an image ({error}); it may be cut off or be "
            "something else: delete it and fetch it again"
        ) from error


def read_image(path: Path | str, page: int = 0) -> np.ndarray:
    """Read a photograph, or a page of a stack, as (3, H, W) float32 in [0, 1]."""
    pixels = np.asarray(_open(Path(path), page).convert("RGB"), dtype=np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) / 255


def read_label(path: Path | str, page: int = 0) -> np.ndarray:
    """Read a label of any encoding (grey, palette, 1 bit) as (1, H, W) bool.

    The palette is applied first (``convert("L")``); a pixel is True above half of
    the largest value. A label without a single True pixel stays empty.
    """
    grey = np.asarray(_open(Path(path), page).convert("L"))
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
    way, place = _dataset(name).by_hand, Path(data_dir) / name
    if not found(name, data_dir):
        state = "is empty" if place.is_dir() else "does not exist"
        raise FileNotFoundError(
            f"{place} {state}; "
            + (way or f"fetch the set with `python3 -m helpers data {name}`")
            + ", or name the folder that holds it with --data or FUNDUS_DATA"
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
        return place / dataset.path(template, image_id)

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


def load(name: str, split: str, data_dir: Path | str) -> list[FundusImage]:
    """Read all images of a split ("train", "val", "test", "all"), in order of id."""
    return [load_one(name, image_id, data_dir) for image_id in ids(name, split)]


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


def scored_split(name: str, data_dir: Path | str) -> str:
    """Return the split to report: "test", or "val" where no test label is there.

    The official DRIVE download has had no test labels since 2019. One missing label
    among others is an error of the folder, not that case, and ``load`` names it.
    """
    dataset, place = _eyes(name), folder(name, data_dir)
    labels = [place / dataset.path(dataset.vessels, i) for i in ids(name, "test")]
    return "test" if any(label.exists() for label in labels) else "val"


def automatic_fov(image: np.ndarray) -> np.ndarray:
    """Find the field of view of a photograph: (3, H, W) in [0, 1] -> (1, H, W) bool.

    Red above a tenth of its maximum, closed, holes filled, largest component. On
    CHASE_DB1 this keeps 99.4 % of the vessel pixels and more; Otsu loses up to 27 %.
    """
    bright = image[0] > image[0].max() / 10
    radius = max(1, round(min(bright.shape) / 100))
    margin = 2 * radius  # closing must not eat a field of view that touches the frame
    padded = np.pad(bright, margin)
    closed = morphology.binary_closing(padded, morphology.disk(radius))
    filled = ndimage.binary_fill_holes(closed)[margin:-margin, margin:-margin]
    labels = measure.label(filled)
    if labels.max() == 0:
        return np.ones((1, *bright.shape), dtype=bool)
    sizes = np.bincount(labels.ravel())
    return (labels == sizes[1:].argmax() + 1)[None]


def fov_diameter(fov: np.ndarray) -> float:
    """Return the diameter in pixels of the disc: the larger extent of its box."""
    rows, columns = np.nonzero(fov[0].any(1))[0], np.nonzero(fov[0].any(0))[0]
    if not len(rows):
        raise ValueError("the field of view is empty; pass the whole frame instead")
    return float(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)


def manifest(name: str) -> dict[str, str]:
    """Return {relative path: SHA-256} of every file of a set; {} for PHANTOM."""
    path = MANIFESTS / f"{_dataset(name).name}.sha256"
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {file: digest for digest, file in (line.split(maxsplit=1) for line in lines)}


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(name: str, data_dir: Path | str) -> dict[str, list[str]]:
    """Compare a set on disk with its manifest: {"missing": [...], "differs": [...]}."""
    place = folder(name, data_dir)
    problems = {"missing": [], "differs": []}
    for file, digest in manifest(name).items():
        if not (place / file).is_file():
            problems["missing"].append(file)
        elif sha256(place / file) != digest:
            problems["differs"].append(file)
    return problems


def data_sha256(images: Sequence[FundusImage]) -> str:
    """Return one SHA-256 over names, pixels, labels and FOV of images, in order."""
    digest = hashlib.sha256()
    for x in images:
        digest.update(x.name.encode())
        for layer in (x.image, x.vessels, x.fov):
            digest.update(np.ascontiguousarray(layer).tobytes())
    return digest.hexdigest()
