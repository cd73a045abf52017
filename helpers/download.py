"""Get a data set: fetch it, or take it from a folder, an archive or an address.

Fetched bytes enter a set where their SHA-256 stands in the manifest, whatever a source
calls itself. A source of one's own may also hold other bytes of the right name and
shape; they are called not verified. Each file is written under a temporary name before
it gets its own.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import io
import lzma
import os
import re
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from helpers import fundus

STALL = 20  # seconds without a byte after which a source is given up
LIMIT = 1800  # seconds that one source may take altogether
MAX_TOTAL = 2 << 30  # bytes that one answer may have, or one archive unpack to
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.gz)$", re.IGNORECASE)
# RuntimeError is what zipfile raises for a password or an unknown compression.
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
DAMAGE = (*BROKEN, EOFError, OSError, RuntimeError)
ENDINGS = re.compile(r"(\.(gz|tiff?|gif|png|jpe?g|p[bgnp]m|bmp|webp))+$")  # of images
DISK = re.compile(r"ENOSPC|EDQUOT|EFBIG|EROFS|EACCES|EPERM|ENOTDIR|EISDIR|EEXIST")
BY_HAND = (
    "Save the file with a browser and name it with --from. The address of a web "
    "folder ends in /"
)
Say = Callable[[str], None]


# gdown runs in a process of its own, because version 5 has no time limit. These
# keywords are the ones that versions 5 and 6 share.
GDOWN = """
import sys
try:
    import gdown
    done = gdown.download(id=sys.argv[1], output=sys.argv[2], quiet=True)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
sys.exit(None if done else "gdown gave no file")
"""


class DownloadError(OSError):
    """No source gave the right bytes; the message holds the reasons and a remedy."""


class DiskError(OSError):
    """A file cannot be written here, so that no other source would help."""


class _Progress:
    """Say amount and speed after three seconds, and every three from there."""

    def __init__(self, what: str, say: Say):
        self.what, self.say = what, say
        self.start = self.last = time.monotonic()

    def __call__(self, done: int, total: int | None = None) -> None:
        now = time.monotonic()
        if now - self.last >= 3:
            self.last = now
            of = f" of {total / 1e6:.1f}" if total else ""
            speed = done / 1e6 / (now - self.start)
            self.say(f"  {self.what}: {done / 1e6:.1f}{of} MB, {speed:.2f} MB/s")


def _reason(error: Exception) -> str:
    """Return what a source answered as one line."""
    if type(error) is urllib.error.URLError and isinstance(error.reason, OSError):
        error = error.reason
    if isinstance(error, socket.gaierror):
        return "its name cannot be looked up; is there a network?"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, urllib.error.HTTPError) and "Retry-After" in error.headers:
        wait = error.headers["Retry-After"][:40]
        text += "; try again " + (f"in {wait} s" if wait.isdigit() else f"after {wait}")
    return text


def _refuse_web_page(head: bytes, label: str) -> None:
    """Raise ValueError where a file begins like a web page."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not re.match(r"(?is)<!doctype html|<.*<html|<html", text):
        return
    title = re.search(r"(?is)<title[^>]*>\s*(.*?)\s*</title>", text)
    named = f' (title "{title[1][:80]}")' if title else ""
    if re.search(r"(?i)quota|too many users", text):
        why = "the download quota is used up: take another source, or try tomorrow"
    else:
        why = "it may ask for a login or for consent"
    raise ValueError(f"{label} is a web page, not the file{named}; {why}")


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Lend a temporary path; it becomes ``path`` at the end, or vanishes."""
    part = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        if not DISK.fullmatch(errno.errorcode.get(error.errno, "")):
            raise
        raise DiskError(
            f"{path} cannot be written ({_reason(error)}); make room, or name another "
            "data folder with --data or FUNDUS_DATA (for temporary files: TMPDIR)"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _from_address(source: str, part: Path, limit: float, say: Say) -> None:
    """Copy what an address (http, https, file) holds to ``part``."""
    address = urllib.parse.quote(source, safe="%/:=&?~#+!$,;'@()*[]")
    if urllib.parse.urlsplit(address).scheme not in ("http", "https", "file"):
        raise ValueError("not an address: it must begin with https, http or file")
    request = urllib.request.Request(address, headers={"User-Agent": "fundus-course"})
    progress, start, done = _Progress(source, say), time.monotonic(), 0
    with (
        urllib.request.urlopen(request, timeout=min(STALL, limit)) as answer,
        part.open("wb") as file,
    ):
        length = answer.headers.get("Content-Length")
        total = int(length) if length else None
        while block := answer.read1(1 << 16):  # read() would wait for a full block
            file.write(block)
            done += len(block)
            progress(done, total)
            if max(done, total or 0) > MAX_TOTAL:
                raise ValueError(f"more than {MAX_TOTAL:,} bytes are too many")
            if time.monotonic() - start > limit:
                raise TimeoutError(f"only {done} bytes came in {limit:g} seconds")
    if total is not None and done != total:
        raise OSError(f"the answer was cut off after {done} of {total} bytes")


def _from_google_drive(source: str, part: Path, limit: float, say: Say) -> None:
    """Let gdown write the file with the id in ``gdrive:ID`` to ``part``."""
    say("  Google Drive tells no progress; this may take minutes")
    with tempfile.TemporaryDirectory(dir=part.parent) as scratch:
        copy = Path(scratch) / "file"
        command = [sys.executable, "-c", GDOWN, source.removeprefix("gdrive:"), copy]
        try:
            done = subprocess.run(command, capture_output=True, timeout=limit)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"not done in {limit:g} seconds") from None
        if b"Max retries exceeded" in done.stderr:
            raise OSError("Google Drive cannot be reached from here")
        if b"[Errno 28]" in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if done.returncode:
            raise OSError(done.stderr.decode(errors="replace"))
        copy.replace(part)


def fetch(
    path: Path | str,
    sources: Iterable[str],
    sha256: str | None,
    limit: float = LIMIT,
    say: Say = print,
    remedy: str | None = None,
) -> Path:
    """Get one file from the first source that gives the right bytes.

    A source is an address (https, http, file) or ``gdrive:ID``. With sha256 None, any
    bytes but a web page are right. ``limit`` is in seconds a source, ``remedy`` the
    last line of the error. The file appears whole under its name or not at all; where
    it cannot be written, DiskError ends all.
    """
    path, failures, last = Path(path), [], None
    if sha256 and path.is_file() and fundus.sha256(path) == sha256:
        return path
    for source in sources:
        copy = _from_google_drive if source.startswith("gdrive:") else _from_address
        try:
            with _whole(path) as part:
                copy(source, part, limit, say)
                with part.open("rb") as file:
                    _refuse_web_page(file.read(8192), "what came")
                if sha256 and (got := fundus.sha256(part)) != sha256:
                    raise ValueError(
                        f"wrong bytes (SHA-256 {got[:8]}, not {sha256[:8]})"
                    )
            return path
        except DiskError:
            raise
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"could not fetch {source}: {_reason(error)}")
            last = error
    remedy = remedy or f"Fetch it by hand, put it at {path} and run this again."
    raise DownloadError("\n".join([*failures, remedy])) from last


def _refuse_traps(label: str, members: Iterable[tuple[str, int, bool]]) -> None:
    """Raise ValueError where a (name, bytes, is link) of an archive is a trap."""
    sum_bytes = 0
    for name, size, is_link in members:
        sum_bytes += size
        if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
            trap = "leads out of the archive"
        elif is_link:
            trap = "is a link or a device"
        elif size > fundus.MAX_FILE or sum_bytes > MAX_TOTAL:
            trap = f"is too large ({size:,} bytes, {sum_bytes:,} with those before it)"
        else:
            continue
        raise ValueError(
            f"{label} is refused: its member {name!r} {trap}; take another source, or "
            "unpack it yourself and give the folder"
        )


def _zip(file: BinaryIO, label: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        modes = ((e, e.external_attr >> 16) for e in entries)
        facts = ((e.filename, e.file_size, stat.S_ISLNK(mode)) for e, mode in modes)
        _refuse_traps(label, facts)
        for entry in entries:
            with archive.open(entry) as member:  # no more, whatever comes out of it
                yield entry.filename, member.read(entry.file_size)


class _Header(tarfile.TarInfo):
    """A header of a tar; one that announces far too long a name is refused."""

    @classmethod
    def frombuf(cls, *args):
        """Read a header and check it."""
        header = super().frombuf(*args)
        if not header.isreg():
            _refuse_traps("the archive", [(header.name, header.size, False)])
        return header


def _tar(file: BinaryIO, label: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=file, tarinfo=_Header) as archive:
        facts = ((m.name, m.size, not m.isreg()) for m in archive if not m.isdir())
        _refuse_traps(label, facts)
        for member in archive.getmembers():
            if member.isreg():
                yield member.name, archive.extractfile(member).read()


def _gunzipped(name: str, content: bytes, label: str) -> bytes:
    """Unpack a gzipped file; one that is cut off stays as it is."""
    if not name.casefold().endswith(".gz"):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as file:
            content = file.read(fundus.MAX_FILE + 1)
    except (EOFError, OSError, zlib.error):
        return content
    _refuse_traps(label, [(name, len(content), False)])
    return content


def _archive(
    file: BinaryIO, label: str, deep: bool = True
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the files in a zip or tar that holds no trap.

    Archives in it are unpacked, too (``deep``), and gzipped files.
    """
    head, total = file.read(8192), 0
    file.seek(0)
    _refuse_web_page(head, label)
    try:
        for name, content in (_zip if head.startswith(b"PK") else _tar)(file, label):
            inner = [(name, _gunzipped(name, content, label))]
            if deep and ARCHIVE.search(name):
                inner = _archive(io.BytesIO(content), f"{label}/{name}", False)
            for item in inner:
                total += len(item[1])
                if total > MAX_TOTAL:
                    _refuse_traps(label, [(name, total, False)])
                yield item
    except DAMAGE as error:
        what = _reason(error).partition(": ")[0][:60]
        raise ValueError(
            f"{label} cannot be unpacked ({what}): it is cut off, has a password or "
            "is no zip or tar; fetch it again, or unpack it and give the folder"
        ) from error


def _files(source: Path, label: str, say: Say) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the files in a folder or an archive."""
    if not source.exists():
        raise FileNotFoundError(
            f"{label} does not exist; give a folder, a zip or tar, or an address"
        )
    in_folder = source.is_dir()
    for path in sorted(source.rglob("*")) if in_folder else [source]:
        name = path.relative_to(source).as_posix()
        try:
            if not in_folder or (ARCHIVE.search(name) and path.is_file()):
                with path.open("rb") as file:
                    yield from _archive(file, f"{label}/{name}" if in_folder else label)
            elif path.is_file() and path.stat().st_size <= fundus.MAX_FILE:
                yield name, _gunzipped(name, path.read_bytes(), label)
        except (OSError, ValueError) as error:
            if not in_folder:
                raise
            say(f"  left out: {error}")


def _served(
    address: str, wanted: Iterable[str], scratch: Path, say: Say
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of those wanted files that a web folder (``.../``) has."""
    progress, start, done = _Progress(address, say), time.monotonic(), 0
    for name in wanted:
        url = address + urllib.parse.quote(name)
        left = max(1, LIMIT - time.monotonic() + start)
        try:
            path = fetch(scratch / "file", [url], None, left, say, BY_HAND)
        except DownloadError as error:
            if getattr(error.__cause__, "code", None) in (404, 410):
                continue  # the server lacks this one
            raise
        done += path.stat().st_size
        progress(done)
        yield name, path.read_bytes()


def _contents(
    source: str, wanted: Iterable[str], sha256: str | None, scratch: Path, say: Say
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of all files of a source, archives inside it unpacked."""
    scheme, _, rest = source.partition(":")
    if scheme in ("http", "https") and rest.endswith("/"):
        yield from _served(source, wanted, scratch, say)
        return
    path = Path(source).expanduser()
    if scheme in ("http", "https", "gdrive"):
        path = fetch(scratch / "archive", [source], sha256, LIMIT, say, BY_HAND)
    elif scheme == "file":
        path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(source).path))
    yield from _files(path, source, say)


def _named(member: str, paths: Iterable[str]) -> list[str]:
    """Return the paths in a set that a file can be by its stem and its folder."""

    def parts(name: str) -> tuple[str, list[str]]:
        *folders, last = re.split(r"[/\\]", name.casefold())
        return ENDINGS.sub("", last), folders[-1:]

    stem, folder = parts(member)
    same = [path for path in paths if parts(path)[0] == stem]
    return [path for path in same if parts(path)[1] == folder] or same


def _flaw(name: str, path: str, file: Path) -> str | None:
    """Say why a file cannot stand for the path in a set; None where it can."""
    dataset, image_ids = fundus.DATASETS[name], fundus.ids(name, "all")
    stacks = list(dataset.stacks or ())  # the first one holds the photographs
    photos = [*stacks[:1], *(dataset.path(dataset.image, i) for i in image_ids)]
    is_photo = path.casefold() in map(str.casefold, photos)
    try:
        for page in range(len(image_ids) if path in stacks else 1):
            picture, (rows, columns) = fundus._open(file, page), dataset.size
            if picture.size != (columns, rows):
                return f"{picture.height} x {picture.width}, not {rows} x {columns}"
            colours = picture.convert("L").getcolors(2)  # None: there are more
            if colours if is_photo else len(colours or ()) != 2:
                return "no photograph" if is_photo else "no label of two values"
    except (OSError, ValueError):
        return "not whole, or no image"


def _lacking(name: str, data_dir: Path | str) -> list[dict[str, str]]:
    """Return {path: digest} of the files that are missing or differ, a dict a form."""
    place = Path(data_dir) / name
    return [
        {f: d for f, d in x.items() if not fundus._is_whole(fundus.locate(place, f), d)}
        for x in fundus.forms(name)
    ]


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with _whole(path) as part:
        part.write_bytes(content)


def import_from(
    name: str,
    source: Path | str,
    data_dir: Path | str,
    sha256: str | None = None,
    say: Say = print,
    by_name: bool = True,
) -> dict[str, str]:
    """Take what a set lacks from a folder, an archive or an address of one.

    Files are known by SHA-256, under any name and in any folder; where no original is
    found, by name and shape (``by_name``), with a warning: not verified. The result is
    {file in the source: its flaw} of those known by name and not taken.
    ``sha256`` is that of an archive.
    """
    dataset, place = fundus.DATASETS[name], Path(data_dir) / name
    stacks, files = dataset.stacks or {}, fundus.manifest(name)
    wanted, spare, damaged = _lacking(name, data_dir), {}, {}
    num_lacking = sum(map(len, wanted))
    with tempfile.TemporaryDirectory(prefix="fundus-") as scratch:
        asked = [path for form in wanted[::-1] for path in form]  # stacks before slices
        contents = _contents(str(source), asked, sha256, Path(scratch), say)
        with contextlib.closing(contents):
            while all(wanted) and (item := next(contents, None)):
                (member, content), lacking = item, set().union(*wanted)
                digest = hashlib.sha256(content).hexdigest()
                own = {path for path in files if files[path] == digest}
                own |= {s for s in stacks if fundus.is_original(content, stacks[s])}
                for path in own & lacking:
                    _write(place / path, content)
                    for form in wanted:
                        form.pop(path, None)
                named = set(_named(member, [*stacks, *files]))
                if own & named or not lacking & named:
                    continue
                copy = Path(scratch) / digest
                _write(copy, content)
                why = "the bytes of another file" if own else "not the original"
                known = own or not by_name
                flaws = {p: why if known else _flaw(name, p, copy) for p in named}
                if fits := [path for path in named if not flaws[path]]:
                    spare.setdefault(fits[0], (member, copy))
                else:
                    damaged[member] = flaws
        lacking = set().union(*wanted) if all(wanted) else set()
        taken = {path: spare[path] for path in spare if path in lacking}
        for path, (_, copy) in taken.items():
            _write(place / path, copy.read_bytes())
    if taken:
        pairs = ", ".join(
            f"{path} (from {member})" for path, (member, _) in taken.items()
        )
        say(f"WARNING: known by name and shape alone, not verified: {pairs}")
    damaged = {
        member: f"{' or '.join(set(flaws.values()))} (for {' or '.join(sorted(flaws))})"
        for member, flaws in damaged.items()
        if flaws.keys() & lacking - taken.keys()
    }
    if lacking and not taken and not damaged and sum(map(len, wanted)) == num_lacking:
        if wanted == fundus.forms(name):
            raise ValueError(
                f"{source} holds no file of {name}, neither by content nor by name; "
                f"fetch the set at {dataset.home}"
            )
        say(f"{source} holds no original of what is lacking here")
    return damaged


def _from_public_sources(
    name: str, data_dir: Path | str, accept_terms: bool, say: Say
) -> None:
    """Try the sources of a set in order until nothing is lacking."""
    for source in fundus.DATASETS[name].sources:
        lacking = _lacking(name, data_dir)
        paths = set().union(*lacking) if all(lacking) else ()
        has_any = any(path.startswith(source.gives) for path in paths)
        if not has_any or not (source.covered or accept_terms):
            continue
        if not source.covered:
            say(
                "The next source is a copy that the owner's terms do not cover; it is "
                "tried because you accepted that."
            )
        say(f"Fetching from {source.address}")
        try:
            facts = (source.address, data_dir, source.sha256, say)
            if others := import_from(name, *facts, by_name=False):
                say(f"  not the originals, so not taken: {', '.join(others)}")
        except (DownloadError, ValueError) as error:
            say("  " + str(error).splitlines()[0])


def _state(name: str, data_dir: Path | str) -> tuple[list[str], list[str], list[str]]:
    """Return the verified, the not verified and the lacking files of a set on disk.

    Of several forms, the one with the smallest lacking part counts.
    """
    states, place = [], Path(data_dir) / name
    for form, differ in zip(fundus.forms(name), _lacking(name, data_dir), strict=True):
        flaws = {f: _flaw(name, f, fundus.locate(place, f)) for f in differ}
        doubtful = [file for file in flaws if not flaws[file]]
        lacking = [file for file in flaws if flaws[file]]
        states.append(([f for f in form if f not in differ], doubtful, lacking))
    return min(states, key=lambda x: len(x[2]) / max(1, sum(map(len, x))))


def _summary(name: str, data_dir: Path | str, say: Say) -> str:
    """Say what is there; DownloadError where it is less than the owner publishes."""
    (good, doubtful, lacking), place = _state(name, data_dir), Path(data_dir) / name
    files, dataset = good + doubtful + lacking, fundus.DATASETS[name]
    count = f"{place}: {len(good)} of {len(files)} files of {name} verified"
    if doubtful:
        count += f", {len(doubtful)} not verified: {', '.join(doubtful)}"
    if not lacking:
        say(f"{count}." if doubtful else f"{count}: complete.")
        return "not verified" if doubtful else "complete"
    public = [source.gives for source in dataset.sources if source.covered]
    closed = {f for f in files if public and not f.startswith(sum(public, ()))}
    ways = "A full copy that you have comes in by --from FOLDER_OR_ARCHIVE_OR_ADDRESS"
    if closed:
        ways += "; --accept-terms tries copies that the owner's terms do not cover"
    if set(lacking) == closed and not any((place / file).exists() for file in lacking):
        folders = ", ".join(sorted({file.rpartition("/")[0] for file in closed}))
        say(f"{count}: all that is published.\nNot published: {folders}. {ways}.")
        return "official"
    first = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
    raise DownloadError(
        f"{count}; missing or damaged are {first}\n"
        f"Try again later, or fetch them by hand at {dataset.home} and "
        f"run: python3 -m helpers data {name} --from FILE_OR_FOLDER\n{ways}."
    )


def get(
    name: str,
    data_dir: Path | str,
    accept_terms: bool = False,
    source: Path | str | None = None,
    say: Say = print,
) -> str:
    """Bring a set into ``data_dir / name`` and verify every file of it.

    Terms and citation are said before the first byte. Originals that are there stay
    untouched. Without ``source`` the public ones are tried in order, those that the
    owner's terms do not cover only with ``accept_terms``. Returns "complete", "not
    verified" where some files are known by name and shape alone, or "official" where
    exactly that is missing which the owner does not publish.
    """
    if not fundus.manifest(name):
        raise ValueError(f"{name} is drawn, not fetched; helpers.phantom draws it")
    dataset = fundus.DATASETS[name]
    say(f"{dataset.title}\n  home: {dataset.home}\n  terms: {dataset.terms}")
    say(f"  please cite: {dataset.citation}")
    splits = ", ".join(f"{len(x)} {split}" for split, x in dataset.splits.items())
    if dataset.vessels:
        fov = "published" if dataset.fov else "found automatically"
        second = f"in {', '.join(dataset.second_in)}" if dataset.second else "none"
        say(f"  field of view: {fov}; second observer: {second}")
    say(f"  images: {splits}")
    if source is None:
        _from_public_sources(name, data_dir, accept_terms, say)
    elif damaged := import_from(name, source, data_dir, say=say):
        good, doubtful, lacking = map(len, _state(name, data_dir))
        raise ValueError(
            f"{len(damaged)} of the files in {source} are damaged and were not taken: "
            f"{', '.join(f'{file}: {flaw}' for file, flaw in damaged.items())}; fetch "
            f"them again at {dataset.home}. Now {good} files of {name} are verified, "
            f"{doubtful} not verified, {lacking} lacking"
        )
    return _summary(name, data_dir, say)


def pack(
    file: Path, data_dir: Path | str, names: Iterable[str] = (), say: Say = print
) -> None:
    """Write a zip archive of this package and, under data/, of verified files of sets.

    It is what the set-up cell of a chapter and ``import_from`` take. Without ``names``
    all sets that are there come in.
    """
    root, closed = fundus.HERE.parent, []
    course = [p for p in fundus.HERE.rglob("*") if "__pycache__" not in p.parts]
    for pattern in ("requirements*.txt", "constraints.txt", "results/*.json"):
        course += root.glob(pattern)  # chapters read the results
    with _whole(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as new:
        for path in filter(Path.is_file, course):
            new.writestr(path.relative_to(root).as_posix(), path.read_bytes())
        for name in names or [
            name for name in fundus.DATASETS if fundus.manifest(name)
        ]:
            (files, *_), place = _state(name, data_dir), Path(data_dir) / name
            if name in names and not files:
                raise ValueError(f"{place} holds no verified file; fetch {name} first")
            terms, size = fundus.DATASETS[name].terms, 0
            for path in files:
                content = fundus.read_bytes(fundus.locate(place, path))
                new.writestr(f"data/{name}/{path}", content)
                size += len(content)
            if files:
                facts = f"{len(files)} verified files, {size / 1e6:.1f} MB"
                say(f"{name}: {facts}; terms: {terms}")
                closed += [] if terms.startswith("CC BY") else [name]
    say(f"{file} is ready, {file.stat().st_size / 1e6:.1f} MB")
    if closed:
        text = (
            "do not let you pass their images on: it is for your own class or devices"
        )
        say(f"The owners of {', '.join(closed)} {text}.")
