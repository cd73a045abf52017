"""The data sets: facts, splits, layout on disk, and whether files are as published.

Facts are in ``datasets.toml``, SHA-256 sums in ``manifests/``: a new set is one block
there and one list here. Standard library only.
"""

from __future__ import annotations

import gzip
import hashlib
import tomllib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import places

HERE = Path(__file__).parent
MAX_FILE = 128 << 20  # bytes; no file of a set has more than a tenth of it


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
    person: int | None = None  # letters of an id that name the person; None: all
    may_be_passed_on: bool = False  # by the owner's terms
    drawn: bool = False  # by ``phantom``: there is no manifest and no source
    stacks: dict[str, str] | None = None  # {file: git's blob id}, images first
    sources: tuple[Source, ...] = ()  # in the order in which they are tried
    place: Path | None = None  # where it lies; None: looked for in the data folder

    def __str__(self) -> str:
        return self.name

    def split_of(self, image_id: str) -> str:
        """Return the split ("train", "val" or "test") an image belongs to."""
        for split, members in self.splits.items():
            if image_id in members:
                return split
        raise ValueError(f"{self.name} has no image {image_id!r}; see DATASETS")

    def has_second(self, image_id: str) -> bool:
        """Tell whether a second observer marked this image, too."""
        return bool(self.second) and self.split_of(image_id) in self.second_in

    def has_fov(self, image_id: str) -> bool:  # noqa: ARG002 -- a folder's may differ
        """Tell whether this image's field of view is given."""
        return bool(self.fov)

    def person_of(self, image_id: str) -> str:
        """Return whose eye it is, as far as names tell."""
        return image_id[: self.person]

    def photographs(self) -> dict[str, str]:
        """Return {image id: SHA-256 of its file}, of those that are known."""
        files = manifest(self.name)
        found = {i: files.get(self.path(self.image, i)) for i in ids(self, "all")}
        return {image_id: digest for image_id, digest in found.items() if digest}

    def identity(self) -> dict[str, str]:
        """Return what a record says of the set."""
        return {"dataset": self.name}

    def path(self, template: str, image_id: str) -> str:
        """Fill a template; DRIVE's folders and file names tell training from test."""
        part = "test" if self.split_of(image_id) == "test" else "training"
        return template.format(id=image_id, part=part)


def _read_datasets() -> dict[str, Dataset]:
    """Read ``datasets.toml``, which says all that is known of each set."""
    table = tomllib.loads((HERE / "datasets.toml").read_text("utf-8"))
    for facts in table.values():
        facts["splits"] = {k: tuple(v.split()) for k, v in facts["splits"].items()}
        if not facts["splits"].get("val"):
            raise ValueError(
                f"{facts['title']}: give it validation images (splits.val in "
                "helpers/datasets.toml); thresholds are chosen by them"
            )
        if "size" in facts:
            facts["size"] = tuple(facts["size"])
        sources = facts.get("sources", ())
        facts["sources"] = tuple(
            Source(**s | {"gives": tuple(s.get("gives", ("",)))}) for s in sources
        )
    return {name: Dataset(name=name, **facts) for name, facts in table.items()}


DATASETS = _read_datasets()


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


def get(name: str | Dataset) -> Dataset:
    """Return the facts of a set; ValueError lists the names that are known.

    Facts are returned as they are: what takes a name takes a folder of one's own, too
    (``labelled.scan``).
    """
    if isinstance(name, Dataset):
        return name
    if name not in DATASETS:
        raise ValueError(
            f"unknown data set {name!r}; known are {', '.join(sorted(DATASETS))}"
        )
    return DATASETS[name]


def get_eyes(name: str | Dataset) -> Dataset:
    """Return the facts of a set that shows eyes."""
    if get(name).vessels is None:
        raise ValueError(f"{name} shows no eyes; read it with fundus.load_cells")
    return get(name)


def _holds_some(place: Path, name: str | Dataset) -> bool:
    """Tell whether a folder holds any file of a set."""
    dataset = get(name)
    files = {f for form in forms(name) for f in form} or {
        dataset.path(dataset.image, i) for i in ids(name, "all")
    }
    return place.is_dir() and any(locate(place, f).is_file() for f in files)


def _holds_each_split(place: Path, name: str | Dataset) -> bool:
    """Tell whether a folder holds the last image of each split: no mere fragment."""
    dataset = get(name)
    last = [members[-1] for members in dataset.splits.values() if members]
    images = [dataset.path(dataset.image, image_id) for image_id in last]
    return place.is_dir() and all(locate(place, f).is_file() for f in images)


def _places(name: str | Dataset, base: Path) -> Iterator[Path]:
    """Yield the folders below a data folder that a set may be in, the usual one first.

    It may have another letter case (drive), more to its name (DRIVE (1)), lie one
    folder deeper (DRIVE/DRIVE), or be the data folder itself.
    """

    def spelled(text: str) -> str:
        return "".join(filter(str.isalnum, text)).casefold()

    yield base / get(name).name
    for place in (base, *sorted(base.glob("*")), *sorted(base.glob("*/*"))):
        if spelled(get(name).name) in spelled(place.name):
            yield place


def _find(name: str | Dataset, bases: Iterable[Path]) -> Path | None:
    """Return the folder of a set, rather a whole one than a fragment."""
    for fits in (_holds_each_split, _holds_some):
        for base in bases:
            if place := next((x for x in _places(name, base) if fits(x, name)), None):
                return place
    return None


def home(name: str | Dataset, data_dir: Path | str) -> Path:
    """Return the folder of a set in the data folder: where it lies, or would."""
    return _find(name, [Path(data_dir)]) or Path(data_dir) / get(name).name


def folder(name: str | Dataset, data_dir: Path | str) -> Path:
    """Return the folder that holds a set, or say how to get it.

    Looked for in the data folder, then in what Kaggle attached; one's own is known.
    """
    if place := get(name).place:
        return place
    if place := _find(name, [Path(data_dir), *places.attached()]):
        return place
    place, state = Path(data_dir) / get(name).name, "does not exist"
    if place.is_dir():
        inside = sorted(path.name for path in place.iterdir())
        state = f"holds no file of {name}, only {', '.join(inside[:3])}"
        state = state if inside else "is empty"
    raise FileNotFoundError(
        f"{place} {state}; fetch the set with `{places.COMMAND} data {name}`, or "
        "name the folder that holds it with --data or FUNDUS_DATA"
    )


def found(name: str | Dataset, data_dir: Path | str) -> bool:
    """Tell whether anything of a set is there; ``absent`` tells what is not."""
    try:
        return bool(folder(name, data_dir))
    except FileNotFoundError:
        return False


def absent(name: str | Dataset, data_dir: Path | str) -> list[str]:
    """Return the files that a set lacks, its content unread; [] where it will do.

    It will do, too, where whole folders lack that its owner does not publish.
    """
    place = folder(name, data_dir)
    lists = [[f for f in x if not locate(place, f).is_file()] for x in forms(name)]
    fewest = min(lists, key=len)
    closed, lost = unpublished(name), {f.rpartition("/")[0] for f in fewest}
    whole = [f for f in manifest(name) if f.rpartition("/")[0] in lost]
    return [] if set(fewest) <= closed and len(whole) == len(fewest) else fewest


def ids(name: str | Dataset, split: str) -> tuple[str, ...]:
    """Return the image ids of "train", "val", "test" or "all"."""
    splits = get(name).splits
    if split == "all":
        return tuple(image_id for members in splits.values() for image_id in members)
    if split not in splits:
        raise ValueError(f"unknown split {split!r}; choose train, val, test or all")
    return splits[split]


def second_path(
    name: str | Dataset, image_id: str, data_dir: Path | str
) -> Path | None:
    """Return the file of an image's second observer; None where there is none.

    Many copies of DRIVE lack the whole folder; one missing file is a fault, and is
    returned all the same.
    """
    dataset = get(name)
    if not dataset.has_second(image_id):
        return None
    path = locate(folder(name, data_dir), dataset.path(dataset.second, image_id))
    return path if path.parent.is_dir() else None


def person(name: str | Dataset, image_id: str) -> str:
    """Return whose eye it is, as far as names tell: CHASE_DB1's 05L is child 05."""
    return get(name).person_of(image_id)


def seen(name: str | Dataset, split: str, origin: dict) -> list[str]:
    """Return the images of a split that weights of this origin were trained on.

    They are known by set and name, else by the bytes of their files; what the weights
    started from counts, too.
    """
    facts, known, files = get(name), set(), set()
    while origin:
        names = set(origin.get("trained_on", ()))
        files.update(origin.get("photographs", ()))
        if "photographs" not in origin and origin.get("dataset") in DATASETS:
            theirs = get(origin["dataset"])
            known |= names if theirs is facts else set()
            files |= {d for i, d in theirs.photographs().items() if i in names}
        origin = origin.get("init")
    ours = facts.photographs()
    return [i for i in ids(facts, split) if i in known or ours.get(i) in files]


def scored_split(name: str | Dataset, data_dir: Path | str) -> str:
    """Return the split to report: "test", or "val" where no test label is there.

    The official DRIVE download has had no test labels since 2019. One missing label
    among others is an error of the folder, not that case, and ``load`` names it.
    """
    dataset, place = get_eyes(name), folder(name, data_dir)
    files = (dataset.path(dataset.vessels, i) for i in ids(name, "test"))
    labels = [locate(place, file) for file in files]
    return "test" if any(label.exists() for label in labels) else "val"


def manifest(name: str | Dataset) -> dict[str, str]:
    """Return {relative path: SHA-256} of every file of a set.

    {} for a drawn one and for a folder of one's own.
    """
    if get(name).drawn or get(name).place:
        return {}
    path = HERE / "manifests" / f"{name}.sha256"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: it lists the files of {name}; CONTRIBUTING.md shows "
            "how to make it"
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    return {file: digest for digest, file in (line.split(maxsplit=1) for line in lines)}


def forms(name: str | Dataset) -> list[dict[str, str]]:
    """Return the lists of files of which one alone is the whole set.

    ISBI2012_EM has two, single slices and the challenge's stacks; others have one.
    """
    stacks = get(name).stacks
    return [manifest(name), stacks] if stacks else [manifest(name)]


def unpublished(name: str | Dataset) -> set[str]:
    """Return the files of a set that no source covered by the owner's terms gives."""
    gives = tuple(g for s in get(name).sources if s.covered for g in s.gives)
    return {f for f in manifest(name) if gives and not f.startswith(gives)}


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


def lacking(name: str | Dataset, place: Path) -> list[dict[str, str]]:
    """Return {path: digest} of what misses in a folder or differs, a dict a form."""
    return [
        {f: d for f, d in form.items() if not is_whole(locate(place, f), d)}
        for form in forms(name)
    ]


def verify(name: str | Dataset, data_dir: Path | str) -> dict[str, list[str]]:
    """Compare a set on disk with its manifest: {"missing": [...], "differs": [...]}.

    Where a set has several ``forms``, the one with the fewest missing files counts.
    """
    place, answers = folder(name, data_dir), []
    for files in lacking(name, place):
        missing = [file for file in files if not locate(place, file).is_file()]
        differs = [file for file in files if file not in missing]
        answers.append({"missing": missing, "differs": differs})
    return min(answers, key=lambda problems: len(problems["missing"]))
