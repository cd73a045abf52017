"""The table of photographs, segment.csv: a row each, safe between processes."""

from __future__ import annotations

import contextlib
import csv
import errno
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from . import locks, saving

NAME = "segment.csv"
UNFINISHED = "not finished"  # the error of a photograph that work has begun on
COLUMNS = (
    "file",
    "sha256",
    "result",  # how the names of its pictures begin
    "rows",
    "columns",
    "fov_diameter",  # pixels
    "fov_share",  # of the frame
    "vessel_share",  # of the field of view
    "skeleton_length",  # pixels
    "skeleton_per_diameter",
    "branch_points",
    "end_points",
    "seconds",
    "weights",  # SHA-256 of each file, 12 digits, joined by +
    "threshold",
    "diameter",  # pixels as given, "" where it was measured
    "mask",  # SHA-256 of the given field of view, 12 digits, "" where it was found
    "copies",  # test-time augmentation
    "version",  # of the way from a photograph to its files
    "warnings",
    "error",
)
MARKS = ("=", "+", "-", "@", "\t", "\r", "'")  # a spreadsheet takes = for a formula
PATIENCE = 30  # seconds; nobody holds the lock for one
Rows = dict[str, dict[str, str]]  # by "file"


def plain(text: object) -> str:
    r"""Return a text in one line that any file and screen can take.

    Control letters and the bytes of a file name that are no UTF-8 become \x0a, \udcd1.
    """

    def shown(letter: str) -> str:
        if unicodedata.category(letter) not in ("Cc", "Cs", "Zl", "Zp"):
            return letter
        code = ord(letter)
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"

    return "".join(map(shown, str(text)))


def read(path: Path) -> Rows:
    """Read a table as {file: row}; {} where there is none, ValueError for another."""
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != COLUMNS:
                raise csv.Error("other columns")
            cells = [[cell.removeprefix("'") for cell in line] for line in reader]
        return {
            line[0]: dict(zip(COLUMNS, line, strict=True)) for line in cells if line
        }
    except (csv.Error, ValueError) as error:
        raise ValueError(
            f"{path} is not a table of this version of the command ({error}): move it "
            "away, or choose another --out"
        ) from error


def _write(path: Path, rows: Iterable[dict[str, str]]) -> None:
    """Write a table, whole or not at all; the mark before its UTF-8 is for Excel."""
    with (
        saving.whole(path) as part,
        part.open("w", encoding="utf-8-sig", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            cells = [row[column] for column in COLUMNS]
            writer.writerow(["'" * c.startswith(MARKS) + c for c in cells])


class Table:
    """A table in a folder, which several processes may fill at once.

    Each change is made to what the file holds at that time, under a lock. Where the
    file cannot be written, as while it is open in Excel, a spare one beside it
    (segment.new.csv) holds the rows until it can. ``name`` is another where each
    machine has a table of its own (``shards``).
    """

    def __init__(
        self, out: Path, say: Callable[[str], None] = lambda _: None, name: str = NAME
    ):
        self.path, self._say = out / name, say
        self.spare = self.path.with_suffix(".new.csv")
        self._said, self._patience = set(), PATIENCE
        with saving.refusals_named(out):
            out.mkdir(parents=True, exist_ok=True)
        self.rows = self._read()

    def _once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)

    def _read(self) -> Rows:
        return read(self.path) | read(self.spare)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Rows]:
        """Lend the rows as they are now; what is put in or taken out is written."""
        with self._locked():
            with contextlib.suppress(PermissionError):  # else those last seen
                self.rows = self._read()
            before = dict(self.rows)
            yield self.rows
            if self.rows != before:
                self._save()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        file = self.path.with_name(f".{self.path.name}.lock")
        lock = locks.held(file, self._patience)
        with contextlib.ExitStack() as stack:
            try:
                with saving.refusals_named(self.path):
                    safe = stack.enter_context(lock)
            except locks.BusyError:  # by something dead, on a strange file system
                safe = self._patience = 0
            if not safe:
                self._once(
                    f"{self.path} cannot be locked: fill it with one process at a time"
                )
            yield

    def _save(self) -> None:
        try:
            _write(self.path, self.rows.values())
        except saving.DiskError as error:
            if error.__cause__.errno not in (errno.EACCES, errno.EPERM, errno.EBUSY):
                raise
            _write(self.spare, self.rows.values())
            self._once(
                f"{self.path} cannot be written: close it where it is open. Until then "
                f"the rows are in {self.spare.name}"
            )
        else:
            with contextlib.suppress(OSError):
                self.spare.unlink()
