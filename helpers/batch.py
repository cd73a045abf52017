"""Many photographs: found, named, shared out among processes, and taken up again."""

from __future__ import annotations

import collections
import csv
import functools
import glob
import hashlib
import io
import itertools
import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from . import datasets, photo, pictures, saving, seal, shards, workers
from .table import COLUMNS, NAME, UNFINISHED, Rows, Table, plain

# What Windows forbids in a name, and what no name should hold.
FORBIDDEN = re.compile(r'[<>:"/\\|?*]|^\.|^(?=(con|prn|aux|nul|com\d|lpt\d)\.)', re.I)
ESCAPED = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}")  # what ``plain`` leaves
ROOM = 255 - max(len(ending) for ending in photo.ENDINGS.values())  # bytes
EXPORT = {
    ".heic": "HEIC: export as JPEG",
    ".heif": "HEIF: export as JPEG",
    ".dcm": "DICOM: export as PNG or TIFF",
}
# One process, measured (results/photographs.json): 1.3 GB for 24 megapixels.
GB, GB_PER_MEGAPIXEL = 0.4, 0.037


# ---- Which photographs ----


@dataclass(frozen=True)
class Photograph:
    """A file; the name that its results shall have ("": the file's own), its mask.

    mask : the file of its field of view, the folder that lacks one, or None; within :
    its path below the folder that holds all that was given, with /; planned : the name
    that the list it is in leaves to its results (``planned``).
    """

    path: Path
    name: str = ""
    mask: Path | None = None
    within: str = ""
    planned: str = ""

    @property
    def key(self) -> str:
        """Return what names it on any machine, wherever the folder is mounted."""
        return self.name or self.within or self.path.name

    @property
    def file(self) -> str:
        """Return the path as it stands in the table."""
        return plain(_absolute(self.path))


def _absolute(path: Path) -> str:
    """Return a path that means the same from any folder; links are not followed."""
    return os.path.abspath(path)  # noqa: PTH100 -- resolve would follow them


def find(
    given: Sequence[Path], out: Path, recursive: bool = False
) -> tuple[list[Photograph], str]:
    """Find photographs; return them, and a sentence on what folders hold beside them.

    Files that are named are taken as they are, patterns (``*.jpg``) are expanded where
    the shell did not. Of a folder the images are taken, of folders in it with
    ``recursive``; not hidden files, not results. ValueError where a folder holds no
    image or is ``out`` itself.
    """
    found, roots, left = [], [], collections.Counter()
    for path in itertools.chain.from_iterable(map(_expanded, given)):
        if not path.is_dir():
            if path.is_file() and seal.read(path):  # a pattern may name results
                left["results"] += 1
            else:
                found.append(path)
                roots.append(_absolute(path.parent))
            continue
        if path.resolve() == out.resolve():
            raise ValueError(f"{out} holds the photographs; name another folder as out")
        inside, other = _images_in(path, out, recursive)
        if not inside:
            deeper = "" if recursive else "; --recursive reads folders in it, too"
            beside = f" ({said})" if (said := _left_out(other)) else ""
            raise ValueError(f"{path} holds no image file{beside}{deeper}")
        found += inside
        roots.append(_absolute(path))
        left += other
    if not found:
        raise ValueError(f"no photograph is named ({_left_out(left)})")
    once = {_absolute(path): path for path in found}
    pairs = zip(once.values(), _within(list(once), roots), strict=True)
    return [Photograph(path, within=name) for path, name in pairs], _left_out(left)


def _within(files: Sequence[str], roots: Sequence[str]) -> list[str]:
    """Return files as they lie below the folder that holds all roots, with /."""
    try:
        base = os.path.commonpath(roots)
    except ValueError:  # two drives of Windows
        return [Path(file).as_posix() for file in files]
    return [Path(file).relative_to(base).as_posix() for file in files]


def _expanded(path: Path) -> list[Path]:
    """Return the files that a pattern means; any other path as it is."""
    if os.path.lexists(path) or not glob.has_magic(str(path)):
        return [path]
    meant = glob.glob(str(path), recursive=True)  # noqa: PTH207 -- absolute, too
    if meant:
        return [Path(name) for name in sorted(meant)]
    raise FileNotFoundError(f"{path}: there is no such file")


def _images_in(
    folder: Path, out: Path, recursive: bool
) -> tuple[list[Path], collections.Counter]:
    """Return the images of a folder, and how many files of which ending are none."""
    known, images, other = pictures.suffixes(), [], collections.Counter()
    mine = out.resolve()
    results = mine if folder.resolve() in mine.parents else None  # within
    for path in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        hidden = any(p.startswith(".") for p in path.relative_to(folder).parts)
        if hidden or not path.is_file() or results in path.resolve().parents:
            continue
        if path.suffix.lower() not in known:
            other[path.suffix.lower()] += 1
        elif seal.read(path):
            other["results"] += 1
        else:
            images.append(path)
    return images, other


def _left_out(other: collections.Counter) -> str:
    """Say how many files were left out, and what to do about them."""
    n = other["results"]
    results = f"{n} result{'s' * (n > 1)} passed over" if n else ""
    kinds = [(kind, n) for kind, n in other.most_common() if kind != "results"]
    if not kinds:
        return results
    total = sum(n for _, n in kinds)
    shown = [f"{n} {plain(kind) or 'without ending'}" for kind, n in kinds[:6]]
    shown += ["..."] * (len(kinds) > 6)
    text = f"{total} other file{'s' * (total > 1)} left out: {', '.join(shown)}"
    remedies = [EXPORT[kind] for kind, _ in kinds if kind in EXPORT]
    return "; ".join([text, *remedies, *filter(None, [results])])


def listed(file: Path) -> list[Photograph]:
    """Read a list of photographs, a CSV file with columns id and path.

    Paths begin at the list's folder. The ids become the names of the results; each is
    there once, and so is each photograph.
    """
    try:
        text = file.read_text("utf-8-sig")
        mark = next(iter(re.findall("[,;\t]", text)), ",")  # spreadsheets have habits
        options = {"delimiter": mark, "restval": "", "skipinitialspace": True}
        rows = list(csv.DictReader(io.StringIO(text), **options))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} is no CSV file in UTF-8 ({error})") from error
    if not rows or not {"id", "path"} <= rows[0].keys():
        raise ValueError(f"{file} needs a line `id,path`, and a line a photograph")
    for column in ("id", "path"):
        count = collections.Counter(row[column] for row in rows)
        if bad := [name for name, n in count.items() if n > 1 or not name.strip()]:
            raise ValueError(f"{file}: {column} {bad[0]!r} must be there once")
    return [Photograph(file.parent / row["path"], row["id"]) for row in rows]


def with_masks(photographs: Sequence[Photograph], mask: Path) -> list[Photograph]:
    """Give each photograph the mask of its field of view: one file, or one of a folder.

    In a folder the mask of eye.jpg is eye_mask or eye_fov, or eye where the photograph
    lies elsewhere, with any ending. A mask is no photograph: those in the list go.
    """
    if not mask.exists():
        raise FileNotFoundError(f"{mask}: there is no such mask, and no such folder")
    if mask.is_dir():
        known, by_stem = pictures.suffixes(), collections.defaultdict(list)
        for path in sorted(mask.iterdir()):
            if path.suffix.lower() in known and not path.name.startswith("."):
                by_stem[path.stem].append(path)
        photographs = [replace(p, mask=_mask_of(p, mask, by_stem)) for p in photographs]
    else:
        photographs = [replace(p, mask=mask) for p in photographs]
    masks = {_absolute(p.mask) for p in photographs}
    return [p for p in photographs if _absolute(p.path) not in masks]


def _mask_of(
    photograph: Photograph, folder: Path, by_stem: dict[str, list[Path]]
) -> Path:
    """Return the mask of a photograph, or the folder where it has none."""
    stem = photograph.path.stem
    beside = photograph.path.parent.resolve() == folder.resolve()
    for name in (f"{stem}_mask", f"{stem}_fov", *([] if beside else [stem])):
        if len(there := by_stem[name]) > 1:
            raise ValueError(f"{there[0]} and {there[1]}: one mask a photograph")
        if there:
            return there[0]
    return folder


# ---- Names ----


def portable(name: str, end: str = "") -> str:
    """Turn a name into one that every system takes, with room for the endings.

    A name that is cut keeps apart from others by some digits of its SHA-256.
    """
    text = FORBIDDEN.sub("_", "".join(_portable_letter(c) for c in name))
    room = ROOM - len(end)
    if len(text.encode()) > room:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        text = f"{text.encode()[: room - 9].decode(errors='ignore')}-{digest[:8]}"
    return f"{text}{end}"


def _portable_letter(letter: str) -> str:
    kind = unicodedata.category(letter)
    return "_" if kind in ("Cc", "Cs", "Zl", "Zp") else letter


def _same(name: str) -> str:
    """Return what two names share that some system takes for one."""
    return unicodedata.normalize("NFC", name).casefold()


def planned(
    photographs: Sequence[Photograph], given: Mapping[str, str] | None = None
) -> list[Photograph]:
    """Give each photograph of a list a name for its results that no other one has.

    It follows from the list alone: whoever reads the same list gives the same names.
    Those that were ``given`` before, by key, stay, and nobody else gets them.
    """
    given = given or {}
    taken, numbers = {_same(name) for name in given.values()}, collections.Counter()

    def fresh(photograph: Photograph) -> str:
        asked, path = photograph.name, photograph.path
        firsts = [asked] if asked else [path.stem, path.name.replace(".", "_")]
        stem = asked or path.stem
        for name in map(portable, firsts):
            if _same(name) not in taken:
                return name
        while True:
            numbers[stem] += 1  # what was taken once stays so
            name = portable(stem, f"-{numbers[stem] + 1}")
            if _same(name) not in taken:
                return name

    named = []
    for photograph in photographs:
        name = given.get(photograph.key) or fresh(photograph)
        taken.add(_same(name))
        named.append(replace(photograph, planned=name))
    return named


def free_name(photograph: Photograph, source: str, out: Path, rows: Rows) -> str:
    """Return a name under which nothing lies but results of this photograph.

    No row of the table may have promised it to another one either. ``source`` is the
    photograph's SHA-256.
    """
    promised = {_same(row["result"]): row["sha256"] for row in rows.values()}
    path, asked, plan = photograph.path, photograph.name, photograph.planned
    before = rows.get(photograph.file, {}).get("result")
    own = [before, plan, path.stem, path.name.replace(".", "_")]
    firsts = [plan, asked] if asked else own
    numbered = (portable(asked or path.stem, f"-{n}") for n in itertools.count(2))
    for name in itertools.chain(map(portable, filter(None, firsts)), numbered):
        mine = promised.get(_same(name), source) == source
        if mine and _only_of(source, name, out):
            return name


def own_name(photograph: Photograph, source: str, out: Path) -> str:
    """Return the planned name, where nothing lies under it but this one's results.

    Else one with digits of its SHA-256, ``source``: other machines, of which nothing is
    known here, cannot take that for another photograph.
    """
    ends = ("", *(f"-{source[:digits]}" for digits in range(8, len(source) + 1)))
    names = (portable(photograph.planned, end) for end in ends)
    return next(name for name in names if _only_of(source, name, out))


def _only_of(source: str, name: str, out: Path) -> bool:
    """Tell whether under a name nothing lies but results of one photograph."""
    files = [out / f"{name}{ending}" for ending in photo.ENDINGS.values()]
    there = [file for file in files if os.path.lexists(file)]
    return all((seal.read(file) or {}).get("source") == source for file in there)


# ---- The work ----


@dataclass(frozen=True)
class Outcome:
    """What became of a photograph: its row of the table.

    skipped : it was done before, in the same way; left : seconds that the rest may
    take, None where that is not known yet.
    """

    photograph: Photograph
    row: dict[str, str]
    skipped: bool = False
    left: float | None = None


def segment_files(
    photographs: Sequence[Photograph],
    out: Path,
    weights: Sequence[Path] = (),
    *,
    threshold: float | None = None,
    diameter: float | None = None,
    copies: str = "none",
    keep: Sequence[str] = tuple(photo.ENDINGS),
    jobs: int = 1,
    again: bool = False,
    shard: shards.Shard | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Segment photographs into a folder; yield the outcome of each as it is there.

    ``weights`` are files of networks to average, () the shipped one. A photograph that
    fails has the reason in its row and does not stop the rest; a full disk does. The
    table is whole at any time; rows of earlier calls stay in it. What a row says was
    done in the same way is not done ``again``. With several ``jobs`` as many processes
    work and share the threads; the files are the same, but that another number of
    threads may round a probability otherwise (by 1 / 65535).

    With a ``shard`` the list is still the whole one, so that names are those of a run
    without shards; of its photographs those of the shard are segmented, into a table of
    its own (``shards.merge`` makes one of all). ValueError where ``out`` is filled by
    another number of shards.
    """
    if not keep or set(keep) - photo.ENDINGS.keys():
        raise ValueError(
            f"keep is {','.join(keep)!r}; name some of {','.join(photo.ENDINGS)}"
        )
    shards.check(out, shard)
    given = weights, threshold, diameter, copies
    method = photo.Method.load(*given)
    table = Table(out, say, shard.table if shard else NAME)
    photographs = _promised(photographs, out, shard) if shard else planned(photographs)
    run = _Run(method, table, out, keep, again, alone=not shard)
    if jobs == 1:
        crew = workers.Here(functools.partial(attempt, method))
    else:
        threads = max(1, torch.get_num_threads() // jobs)
        crew = workers.Crew(jobs, _died, _tool, threads, *given)
        say(
            f"{jobs} processes, each with up to {GB} GB of memory and "
            f"{GB_PER_MEGAPIXEL} GB per megapixel of its photograph (24 megapixels: "
            f"{GB + 24 * GB_PER_MEGAPIXEL:.1f} GB)"
        )
    start, worked, finished = 0.0, 0, 0

    def outcome(photograph: Photograph, row: dict, skipped: bool = False) -> Outcome:
        nonlocal start, worked, finished
        finished, worked = finished + 1, worked + (not skipped)
        if worked <= 1:  # not from the start: processes take their time to start
            start = time.monotonic()
        left = None
        if worked > jobs:
            pace = (time.monotonic() - start) / (worked - 1)
            left = pace * (len(photographs) - finished)
        return Outcome(photograph, row, skipped, left)

    try:
        for photograph in photographs:
            row, job = run.begin(photograph)
            if not job:
                yield outcome(photograph, row, skipped=not row["error"])
                continue
            crew.send((photograph, job))
            if crew.full:
                yield outcome(*run.finish(*crew.take()))
        while crew.busy:
            yield outcome(*run.finish(*crew.take()))
    finally:
        crew.close()


def _promised(
    photographs: Sequence[Photograph], out: Path, shard: shards.Shard
) -> list[Photograph]:
    """Write down the plan of a shard, and return its photographs with their names."""
    photographs = planned(photographs, shards.names(out, shard.count))
    entries = [
        shards.Entry(number, p.key, p.file, p.planned)
        for number, p in enumerate(photographs)
    ]
    shards.Plan.part(shard, entries).write(out / shard.plan)
    return [p for p in photographs if shard.holds(p.key)]


class _Run:
    """The rows of photographs, as work on them begins and ends.

    ``alone`` : no other table promises names in the same folder.
    """

    def __init__(
        self,
        method: photo.Method,
        table: Table,
        out: Path,
        keep: Sequence[str],
        again: bool,
        alone: bool,
    ):
        self.method, self.table, self.out = method, table, out
        self.keep, self.again, self.alone = keep, again, alone

    def begin(self, photograph: Photograph) -> tuple[dict[str, str], photo.Job | None]:
        """Promise a photograph its name; there is no job where none is to do."""
        try:
            note = self._note(photograph)
        except Exception as error:
            row = _row(photograph, error=reason(error))
            with self.table.changing() as rows:
                rows[photograph.file] = row
            return row, None
        if self._is_done(photograph, note, self.table.rows):
            return self.table.rows[photograph.file], None
        with self.table.changing() as rows:
            _adopt(photograph, note["source"], rows)
            if self._is_done(photograph, note, rows):
                return rows[photograph.file], None
            place = note["source"], self.out
            if self.alone:
                name = free_name(photograph, *place, rows)
            else:
                name = own_name(photograph, *place)
            row = _row(photograph, note, result=name, error=UNFINISHED)
            rows[photograph.file] = row
        path, mask = photograph.path, photograph.mask
        return row, photo.Job(path, self.out, name, note, self.keep, mask)

    def finish(
        self, piece: tuple[Photograph, photo.Job], answer: dict[str, str] | Exception
    ) -> tuple[Photograph, dict[str, str]]:
        """Put what came of a photograph into the table."""
        if isinstance(answer, Exception):
            raise answer
        photograph, job = piece
        name = "" if answer.get("error") else job.name
        row = _row(photograph, job.note, result=name, **answer)
        with self.table.changing() as rows:
            rows[photograph.file] = row
        return photograph, row

    def _note(self, photograph: Photograph) -> dict[str, str]:
        path, mask = photograph.path, photograph.mask
        if not path.is_file():
            raise FileNotFoundError(f"{path}: there is no such file")
        if mask and mask.is_dir():
            raise FileNotFoundError(
                f"{mask} has no mask for {path.name}: it would be {path.stem}_mask.png"
            )
        return {"source": datasets.sha256(path)} | self.method.note(mask)

    def _is_done(
        self, photograph: Photograph, note: dict[str, str], rows: Rows
    ) -> bool:
        """Tell whether its row says that it was done so, and its files are there."""
        row = rows.get(photograph.file)
        if self.again or not row or row["error"]:
            return False
        name, end = row["result"], r"(-\d+)?" if self.alone else "(-[0-9a-f]{8,64})?"
        asked = portable(photograph.name) if self.alone else photograph.planned
        if asked and not re.fullmatch(re.escape(asked) + end, name):
            return False
        files = [self.out / f"{name}{photo.ENDINGS[kind]}" for kind in self.keep]
        same = row == row | _made(note)
        return same and all(file.is_file() for file in files)


def _made(note: dict[str, str]) -> dict[str, str]:
    """Return a note as it stands in a row."""
    return {"sha256" if key == "source" else key: note[key] for key in note}


def _row(
    photograph: Photograph, note: dict[str, str] | None = None, **cells: str
) -> dict[str, str]:
    row = dict.fromkeys(COLUMNS, "") | {"file": photograph.file} | _made(note or {})
    return row | {column: plain(cell) for column, cell in cells.items()}


def _adopt(photograph: Photograph, source: str, rows: Rows) -> None:
    """Hand the row of a file that was moved on to where it is now."""
    if photograph.file in rows:
        return
    for file in [file for file, row in rows.items() if row["sha256"] == source]:
        if not os.path.lexists(file) and not ESCAPED.search(file):
            rows[photograph.file] = rows.pop(file) | {"file": photograph.file}
            break


def attempt(
    method: photo.Method, piece: tuple[Photograph, photo.Job]
) -> dict[str, str] | Exception:
    """Segment a photograph; return its part of a row, with the error if it failed.

    An Exception is returned where it would be that of every other photograph, too: on
    a full disk.
    """
    _, job = piece
    start = time.monotonic()
    try:
        row = photo.segment(method, job)
    except Exception as error:
        if {getattr(e, "errno", 0) for e in (error, error.__cause__)} & saving.FULL:
            return error
        for kind in photo.ENDINGS:  # a result is whole, or is not
            if seal.read(file := job.file(kind)) == job.note:
                file.unlink()
        row = {"error": reason(error)}
    return row | {"seconds": f"{time.monotonic() - start:.2f}"}


def reason(error: Exception) -> str:
    """Say in words why a photograph failed."""
    if any(map(workers.fills_memory, (error, error.__cause__))):
        return "not enough memory: shrink the photograph, or give fewer --jobs"
    known = isinstance(error, OSError | ValueError)
    return str(error) if known else f"{type(error).__name__}: {error}"


def _tool(threads: int, *given) -> Callable:
    """Load the networks in a process of its own."""
    torch.set_num_threads(threads)
    return functools.partial(attempt, photo.Method.load(*given))


def _died(code: int) -> dict[str, str]:
    return {
        "error": f"its process ended (exit code {code}), as where memory runs out: "
        "shrink the photograph, or give fewer --jobs"
    }
