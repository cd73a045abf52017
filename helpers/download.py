"""Get a data set: fetch it, or take it from a folder, an archive or an address.

Only bytes whose SHA-256 stands in the manifest enter a set, whatever a source calls
itself, and each file is written under a temporary name before it gets its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
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
MAX_TOTAL = 2 << 30  # bytes that one archive may unpack to
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.gz)$", re.IGNORECASE)
# RuntimeError is what zipfile raises for a password or an unknown compression.
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError)
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
    return " ".join(str(error).split())[:300] or type(error).__name__


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
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
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
    last line of the error. The file appears whole under its name or not at all.
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
            yield entry.filename, archive.read(entry)


def _tar(file: BinaryIO, label: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=file) as archive:
        facts = ((m.name, m.size, not m.isreg()) for m in archive if not m.isdir())
        _refuse_traps(label, facts)
        for member in archive.getmembers():
            if member.isreg():
                yield member.name, archive.extractfile(member).read()


def _archive(file: BinaryIO, label: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the files in a zip or tar that holds no trap."""
    head = file.read(8192)
    file.seek(0)
    _refuse_web_page(head, label)
    try:
        yield from (_zip if head.startswith(b"PK") else _tar)(file, label)
    except DAMAGE as error:
        what = _reason(error).partition(": ")[0][:60]
        raise ValueError(
            f"{label} cannot be unpacked ({what}): it is cut off, has a password or "
            "is no zip or tar; fetch it again, or unpack it and give the folder"
        ) from error


def _files(source: Path, label: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the files in a folder or an archive."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file() and path.stat().st_size <= fundus.MAX_FILE:
                yield path.relative_to(source).as_posix(), path.read_bytes()
    elif source.is_file():
        with source.open("rb") as file:
            yield from _archive(file, label)
    else:
        raise FileNotFoundError(
            f"{label} does not exist; give a folder, a zip or tar, or an address"
        )


def _served(
    address: str, wanted: Iterable[str], scratch: Path, say: Say
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of those wanted files that a web folder (``.../``) has."""
    progress, done = _Progress(address, say), 0
    for name in wanted:
        url = address + urllib.parse.quote(name)
        try:
            path = fetch(scratch / "file", [url], None, say=say, remedy=BY_HAND)
        except DownloadError as error:
            if isinstance(error.__cause__, urllib.error.HTTPError):
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
        path = fetch(scratch / "archive", [source], sha256, say=say, remedy=BY_HAND)
    elif scheme == "file":
        path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(source).path))
    for name, content in _files(path, source):
        if ARCHIVE.search(name):
            yield from _archive(io.BytesIO(content), f"{source}/{name}")
        else:
            yield name, content


def _path_by_name(member: str, paths: Iterable[str]) -> str | None:
    """Return the path in the set that a file is by its name, if it is one."""
    member = "/" + member.replace("\\", "/").casefold()
    for path in paths:
        if member.endswith("/" + path.casefold()):
            return path
    same = [p for p in paths if p.rpartition("/")[2].casefold() == Path(member).name]
    return same[0] if len(same) == 1 else None


def _lacking(name: str, data_dir: Path | str) -> dict[str, str]:
    """Return {path: SHA-256} of the files of a set that are missing or differ."""
    files = fundus.manifest(name)
    try:
        problems = fundus.verify(name, data_dir)
    except FileNotFoundError:  # no folder, or an empty one
        return dict(files)
    return {file: files[file] for file in problems["missing"] + problems["differs"]}


def _install(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        with _whole(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise OSError(
            f"{path} cannot be written ({_reason(error)}); make room, or name another "
            "data folder with --data or FUNDUS_DATA"
        ) from error


def import_from(
    name: str,
    source: Path | str,
    data_dir: Path | str,
    sha256: str | None = None,
    say: Say = print,
) -> dict[str, str]:
    """Take what a set lacks from a folder, an archive or an address of one.

    Files are known by SHA-256, under any name and in any folder. The result holds
    those known by name only, {path in the set: file in the source}: their bytes are
    not the original's, so they are not taken. ``sha256`` is that of an archive.
    """
    dataset = fundus.DATASETS[name]
    files, wanted, others = fundus.manifest(name), _lacking(name, data_dir), {}
    num_lacking = len(wanted)
    with tempfile.TemporaryDirectory(prefix="fundus-") as scratch:
        contents = _contents(str(source), list(wanted), sha256, Path(scratch), say)
        with contextlib.closing(contents):
            while wanted and (item := next(contents, None)):
                digest = hashlib.sha256(item[1]).hexdigest()
                for path in [p for p in wanted if wanted[p] == digest]:
                    _install(Path(data_dir) / name / path, item[1])
                    del wanted[path]
                path = _path_by_name(item[0], files)
                if path and files[path] != digest:
                    others[path] = item[0]
    others = {path: member for path, member in others.items() if path in wanted}
    if len(wanted) == len(files) and not others:
        raise ValueError(
            f"{source} holds no file of {name}, neither by content nor by name; "
            f"fetch the set at {dataset.home}"
        )
    if wanted and len(wanted) == num_lacking:
        say(f"{source} holds no original of what is lacking here")
    return others


def _from_public_sources(
    name: str, data_dir: Path | str, accept_terms: bool, say: Say
) -> None:
    """Try the sources of a set in order until nothing is lacking."""
    for source in fundus.DATASETS[name].sources:
        lacking = _lacking(name, data_dir)
        has_any = any(path.startswith(source.gives) for path in lacking)
        if not has_any or not (source.covered or accept_terms):
            continue
        if not source.covered:
            say(
                "The next source is a copy that the owner's terms do not cover; it is "
                "tried because you accepted that."
            )
        say(f"Fetching from {source.address}")
        try:
            others = import_from(name, source.address, data_dir, source.sha256, say)
        except (DownloadError, ValueError) as error:
            say("  " + str(error).splitlines()[0])
        else:
            if others:
                say(f"  not the originals, so not taken: {', '.join(others)}")


def _summary(name: str, data_dir: Path | str, say: Say) -> str:
    """Say what is there: "complete", "official", or DownloadError for less."""
    files, lacking = fundus.manifest(name), _lacking(name, data_dir)
    place = Path(data_dir) / name
    count = f"{len(files) - len(lacking)} of {len(files)} files of {name}"
    if not lacking:
        say(f"{count} are in {place}, each verified: complete.")
        return "complete"
    public = [
        source.gives for source in fundus.DATASETS[name].sources if source.covered
    ]
    closed = {f for f in files if public and not f.startswith(sum(public, ()))}
    ways = "A full copy that you have comes in by --from FOLDER_OR_ARCHIVE_OR_ADDRESS"
    if closed:
        ways += "; --accept-terms tries copies that the owner's terms do not cover"
    if lacking.keys() == closed and not any(
        (place / file).exists() for file in lacking
    ):
        folders = ", ".join(sorted({file.rpartition("/")[0] for file in closed}))
        say(
            f"{count} are in {place}, each verified: all that the owner publishes.\n"
            f"Not published: {folders}. {ways}."
        )
        return "official"
    first = ", ".join(list(lacking)[:5]) + (", ..." if len(lacking) > 5 else "")
    raise DownloadError(
        f"{count} are in {place}; missing or not the originals are {first}\n"
        f"Try again later, or fetch them by hand at {fundus.DATASETS[name].home} and "
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
    owner's terms do not cover only with ``accept_terms``. Returns "complete", or
    "official" where exactly that is missing which the owner does not publish.
    """
    if not fundus.manifest(name):
        raise ValueError(f"{name} is drawn, not fetched; helpers.phantom draws it")
    dataset = fundus.DATASETS[name]
    say(f"{dataset.title}\n  home: {dataset.home}\n  terms: {dataset.terms}")
    say(f"  please cite: {dataset.citation}")
    if source is None:
        _from_public_sources(name, data_dir, accept_terms, say)
    elif others := import_from(name, source, data_dir, say=say):
        pairs = ", ".join(f"{member} (for {path})" for path, member in others.items())
        raise ValueError(
            f"{len(others)} of the files in {source} differ from the originals and "
            f"were not taken: {pairs}; fetch these again at {dataset.home}"
        )
    return _summary(name, data_dir, say)
