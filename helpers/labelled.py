"""A folder of one's own labelled photographs: pairs by name, persons, splits.

Its facts are a ``datasets.Dataset``: what takes the name of a set takes them, too.
Names and bytes are looked at here, pixels in ``inspection``.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import datasets, pictures
from .table import plain

FOLDERS = {"image": "images", "vessels": "labels", "fov": "fov", "second": "second"}
MARKS = ("_", "-", ".")  # that may follow a photograph's name in its label's
SPLIT, PERSONS = "split.csv", "persons.csv"
LAYOUT = (
    "a folder of labelled photographs holds images/ and labels/ (and fov/ and second/, "
    "where you have them); a label's name is that of its photograph, or begins with it "
    "and goes on with _ or - (eye1.jpg, eye1_label.png)"
)


@dataclass(frozen=True)
class Folder(datasets.Dataset):
    """Facts of a folder of one's own; its templates are the keys of ``files``."""

    files: dict[str, dict[str, str]] = field(default_factory=dict)  # {kind: {id: path}}
    digests: dict[str, dict[str, str]] = field(default_factory=dict)  # of their bytes
    persons: dict[str, str] = field(default_factory=dict)  # {id: person}
    left_out: tuple[str, ...] = ()  # files without a partner, or of no known format
    divided_by: str = ""  # what the splits are made from, in words

    def path(self, template: str, image_id: str) -> str:
        """Return a file of an image, relative to the folder."""
        return self.files[template][image_id]

    def has_fov(self, image_id: str) -> bool:
        """Tell whether this image's field of view is given."""
        return image_id in self.files["fov"]

    def has_second(self, image_id: str) -> bool:
        """Tell whether a second observer marked this image, too."""
        return image_id in self.files["second"]

    def person_of(self, image_id: str) -> str:
        """Return whose eye it is: by a table, else each photograph is a person."""
        return self.persons[image_id]

    def photographs(self) -> dict[str, str]:
        """Return {image id: SHA-256 of its file}."""
        return self.digests["image"]

    def identity(self) -> dict[str, str]:
        """Return the folder's name, never its place, and a digest of all in it."""
        lines = [
            f"{kind} {image_id} {digest} {self.persons[image_id]}"
            for kind, files in self.digests.items()
            for image_id, digest in files.items()
        ]
        lines += [f"{split} {' '.join(x)}" for split, x in self.splits.items()]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return {"dataset": self.name, "dataset_sha256": digest}


def scan(folder: Path | str) -> Folder:
    """Return the facts of a folder: pairs by name, persons, splits.

    ``images/`` and ``labels/`` are needed, ``fov/`` and ``second/`` may be there. The
    splits are those of ``split.csv`` (columns id, split and, if wanted, person), else
    about 60 % train, 20 % val and 20 % test by a hash of the person; persons are those
    of ``persons.csv`` (id, person), else each photograph counts as one. ValueError
    where there are fewer than three pairs or the tables do not fit.
    """
    place = Path(folder).expanduser().resolve()
    listed = _listed(place)
    readable = {
        kind: [path for path in paths if _is_picture(path)]
        for kind, paths in listed.items()
    }
    paths = _by_name(readable["image"])
    found = {kind: partners(list(paths), readable[kind]) for kind in FOLDERS}
    names = [name for name in paths if name in found["vessels"]]
    if len(names) < 3:
        some = [x[0].name for x in (readable["image"], readable["vessels"]) if x]
        example = f" (first: {', '.join(some)})" if some and not names else ""
        raise ValueError(
            f"{folder} holds {len(paths)} photographs, {len(names)} of them with a "
            f"label{example}; at least 3 are needed, to train on, to validate and to "
            f"test; {LAYOUT}"
        )
    ids = {name: plain(paths[name].stem) for name in names}
    files = {
        kind: {ids[name]: found[kind][name] for name in names if name in found[kind]}
        for kind in FOLDERS
    }
    digests = _each(files, datasets.sha256)
    _refuse_copies(place, digests["image"])
    used = {path for known in files.values() for path in known.values()}
    every = [path for paths in listed.values() for path in paths]
    persons, splits, divided_by = _divide(place, files["image"])
    return Folder(
        name=plain(place.name),
        title=f"{plain(place.name)}, {len(names)} labelled photographs of one's own",
        home="",
        terms="",
        citation="",
        splits=splits,
        place=place,
        **{kind: kind for kind in FOLDERS},
        files=_each(files, lambda path: _inside(place, path)),
        digests=digests,
        persons=persons,
        left_out=tuple(plain(_inside(place, x)) for x in every if x not in used),
        divided_by=divided_by,
    )


def _listed(place: Path) -> dict[str, list[Path]]:
    """Return what is in each of the four folders, hidden files apart."""
    inside = {x.name.casefold(): x for x in place.iterdir() if x.is_dir()}
    if lacking := [name for name in ("images", "labels") if name not in inside]:
        raise ValueError(f"{place} holds no {' and no '.join(lacking)}: {LAYOUT}")
    return {
        kind: sorted(x for x in inside[name].iterdir() if x.name[0] != ".")
        if name in inside
        else []
        for kind, name in FOLDERS.items()
    }


def _by_name(photographs: Sequence[Path]) -> dict[str, Path]:
    """Return {name without ending, in small letters: path}."""
    paths = {path.stem.casefold(): path for path in photographs}
    for path in photographs:
        if (other := paths[path.stem.casefold()]) != path:
            raise ValueError(
                f"{path.parent} holds {path.name} and {other.name}, two photographs of "
                "one name; rename one, and its label with it"
            )
    return paths


def _each(
    files: dict[str, dict[str, Path]], function: Callable[[Path], str]
) -> dict[str, dict[str, str]]:
    """Apply a function to every file of a folder."""
    return {k: {i: function(x) for i, x in v.items()} for k, v in files.items()}


def _refuse_copies(place: Path, digests: dict[str, str]) -> None:
    """Raise ValueError where one photograph is there under two names."""
    first: dict[str, str] = {}
    for image_id, digest in digests.items():
        if (other := first.setdefault(digest, image_id)) != image_id:
            raise ValueError(
                f"{place}: {other} and {image_id} are the same photograph; remove one, "
                "else it may be trained on and tested, too"
            )


def split_table(folder: Folder) -> bytes:
    """Return a ``split.csv`` that keeps the splits of a folder, for Excel, too."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["id", "split", "person"])
    for split, members in folder.splits.items():
        table.writerows([i, split, folder.persons[i]] for i in members)
    return text.getvalue().encode("utf-8-sig")


def partners(names: Sequence[str], labels: Iterable[Path]) -> dict[str, Path]:
    """Return {photograph's name: its label}; names are in small letters.

    A label belongs to the photograph of its own name, else to the one with the longest
    name that its own begins with, followed by one of ``MARKS``. A photograph to which
    several labels would belong, none of which has exactly its name, gets none.
    """
    claims: dict[str, list[Path]] = {}
    for path in labels:
        stem = path.stem.casefold()
        begins = [n for n in names if stem == n or stem.startswith(_followed(n))]
        if begins:
            claims.setdefault(max(begins, key=len), []).append(path)
    found = {}
    for name, paths in claims.items():
        same = [path for path in paths if path.stem.casefold() == name]
        if len(same or paths) == 1:
            found[name] = (same or paths)[0]
    return found


def _followed(name: str) -> tuple[str, ...]:
    return tuple(name + mark for mark in MARKS)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in pictures.suffixes() and path.is_file()


def _inside(place: Path, path: Path) -> str:
    return path.relative_to(place).as_posix()


def _divide(
    place: Path, images: dict[str, Path]
) -> tuple[dict[str, str], dict[str, tuple[str, ...]], str]:
    """Return persons, splits, and where these come from, in words."""
    persons = _read(place / PERSONS, images, "person")
    split_of = _read(place / SPLIT, images, "split")
    persons = persons or _read(place / SPLIT, images, "person", optional=True)
    by_table = PERSONS if (place / PERSONS).is_file() else SPLIT
    whose = f"persons by {by_table}" if persons else "each photograph a person"
    persons = persons or {image_id: image_id for image_id in images}
    divided_by = f"{SPLIT}, {whose}"
    if not split_of:
        split_of = _by_hash(persons, place)
        divided_by = f"a hash of the person, {whose}"
    splits = {
        split: tuple(i for i in images if split_of[i] == split)
        for split in ("train", "val", "test")
    }
    if wrong := {i: x for i, x in split_of.items() if x not in splits}:
        image_id, word = next(iter(wrong.items()))
        raise ValueError(
            f"{place / SPLIT}: {image_id} has the split {word!r}; write train, val or "
            "test"
        )
    if empty := [split for split, members in splits.items() if not members]:
        raise ValueError(
            f"{place / SPLIT} leaves {' and '.join(empty)} empty; each of train, val "
            "and test needs at least one photograph"
        )
    places = {}
    for image_id, person in persons.items():
        if places.setdefault(person, split_of[image_id]) != split_of[image_id]:
            raise ValueError(
                f"{place / SPLIT}: {person} is in {places[person]} and in "
                f"{split_of[image_id]}; both eyes of a person belong in one split, "
                "else the score is of somebody whom the network knows"
            )
    return persons, splits, divided_by


def _by_hash(persons: dict[str, str], place: Path) -> dict[str, str]:
    """Return the split of each photograph: a fifth of the persons each val and test."""

    def order(person: str) -> str:
        return hashlib.sha256(person.encode()).hexdigest()

    people = sorted(set(persons.values()), key=order)
    if len(people) < 3:
        raise ValueError(
            f"{place} shows {len(people)} persons ({PERSONS}); at least 3 are needed, "
            "to train on, to validate and to test"
        )
    fifth = max(1, round(len(people) / 5))
    val, test = people[:fifth], people[fifth : 2 * fifth]
    return {
        image_id: "val" if x in val else "test" if x in test else "train"
        for image_id, x in persons.items()
    }


def _read(
    path: Path, images: dict[str, Path], column: str, optional: bool = False
) -> dict[str, str]:
    """Return {id: value} of a table's column, in the order of ``images``.

    {} where there is no such table or, if that is ``optional``, no such column. Each
    photograph must stand in it, by its name with or without ending, and no other.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8; save it as CSV UTF-8") from error
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    head, *rows = [*csv.reader(io.StringIO(text), delimiter=delimiter)] or [[]]
    head = [word.strip().casefold() for word in head]
    if optional and column not in head:
        return {}
    if not {"id", column} <= set(head):
        raise ValueError(
            f"{path} has the columns {', '.join(head) or '-'}; its first line must "
            f"name id and {column}"
        )
    known = {x.casefold(): i for i, p in images.items() for x in (i, plain(p.name))}
    values = {}
    for row in filter(any, rows):
        cells = dict(zip(head, map(str.strip, row), strict=False))
        image_id = known.get(cells["id"].casefold())
        if image_id is None:
            raise ValueError(
                f"{path} names {cells['id']!r}, but no photograph with a label has "
                "this name (a spreadsheet may have taken the zeros off: format the "
                "column as text)"
            )
        value = cells.get(column, "")
        values[image_id] = value.casefold() if column == "split" else value
    if lacking := [i for i in images if not values.get(i)]:
        raise ValueError(
            f"{path} gives no {column} for {', '.join(lacking[:3])}"
            f"{f' and {len(lacking) - 3} more' if lacking[3:] else ''}; add "
            f"{'them' if lacking[1:] else 'it'}"
        )
    return {image_id: values[image_id] for image_id in images}
