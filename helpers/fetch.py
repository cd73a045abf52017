"""Bytes from elsewhere: one file, or the files in a folder, archive or web folder.

A file comes from the first source that gives the right bytes, and appears whole under
its name or not at all. An archive is unpacked file by file in memory; no name in it is
ever taken for a path on disk, so only too large a file can do harm.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
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
import threading
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

from . import datasets, places, saving

STALL = 20  # seconds without a byte after which a source is given up
LIMIT = 1800  # seconds that one source may take altogether
MAX_TOTAL = 2 << 30  # bytes that one answer may have, or one archive unpack to
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.gz)$", re.IGNORECASE)
# What broken archives raise; zipfile does RuntimeError for a password or an unknown
# compression.
DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError,
    RuntimeError,
)  # fmt: skip
BY_HAND = (
    "Save the file with a browser and name it with --from. The address of a web "
    "folder ends in /"
)
Say = Callable[[str], None]  # is given each line of progress
Files = Iterator[tuple[str, bytes]]  # name in the source, content

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


def plain(text: str) -> str:
    """Return a text from elsewhere as a terminal can show it without obeying it."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _reason(error: Exception) -> str:
    """Return what a source answered as one line."""
    if type(error) is urllib.error.URLError and isinstance(error.reason, OSError):
        error = error.reason
    if isinstance(error, socket.gaierror):
        return "its name cannot be looked up; is there a network?"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = plain(" ".join(str(error).split())[:300]) or type(error).__name__
    if isinstance(error, urllib.error.HTTPError) and "Retry-After" in error.headers:
        wait = error.headers["Retry-After"][:40]
        when = f"in {wait} s" if wait.isdigit() else f"after {plain(wait)}"
        text += f"; try again {when}"
    return text


def _refuse_web_page(head: bytes, label: str) -> None:
    """Raise ValueError where a file begins like a web page."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not re.match(r"(?is)<!doctype html|<.*<html|<html", text):
        return
    title = re.search(r"(?is)<title[^>]*>\s*(.*?)\s*</title>", text)
    named = f' (title "{plain(title[1][:80])}")' if title else ""
    if re.search(r"(?i)quota|too many users", text):
        why = "the download quota is used up: take another source, or try tomorrow"
    else:
        why = "it may ask for a login or for consent"
    raise ValueError(f"{label} is a web page, not the file{named}; {why}")


def _answer(source: str, seconds: float) -> BinaryIO:
    """Ask an address (http, https, file); the answer is still to be read."""
    address = urllib.parse.quote(source, safe="%/:=&?~#+!$,;'@()*[]")
    if urllib.parse.urlsplit(address).scheme not in ("http", "https", "file"):
        raise ValueError("not an address: it must begin with https, http or file")
    request = urllib.request.Request(address, headers={"User-Agent": "fundus-course"})
    return urllib.request.urlopen(request, timeout=seconds)


def _from_address(source: str, part: Path, limit: float, say: Say) -> None:
    """Copy what an address (http, https, file) holds to ``part``."""
    progress, start, done = _Progress(source, say), time.monotonic(), 0
    with (
        _answer(source, min(STALL, limit)) as answer,
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


def answers(addresses: Iterable[str], seconds: float) -> dict[str, str | None]:
    """Ask all addresses at once; return {address: why it does not answer, or None}.

    In threads that nobody waits for at the end: looking up a name has no time limit.
    """
    found = dict.fromkeys(addresses, f"no answer in {seconds:g} s")

    def ask(address: str) -> None:
        try:
            _answer(address, seconds).close()
            found[address] = None
        except (OSError, HTTPException, ValueError) as error:
            found[address] = _reason(error)

    threads = [threading.Thread(target=ask, args=[a], daemon=True) for a in found]
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    return dict(found)


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


def _check(part: Path, sha256: str | None) -> None:
    """Raise ValueError where a file is a web page or not the one of a SHA-256."""
    with part.open("rb") as file:
        _refuse_web_page(file.read(8192), "what came")
    if sha256 and (got := datasets.sha256(part)) != sha256:
        raise ValueError(f"wrong bytes (SHA-256 {got[:8]}, not {sha256[:8]})")


def fetch(
    path: Path, sources: Iterable[str], sha256: str | None, limit: float, say: Say
) -> Path:
    """Get one file from the first source that gives the right bytes.

    A source is an address (https, http, file) or ``gdrive:ID``. With sha256 None, any
    bytes but a web page are right. ``limit`` is in seconds a source. DownloadError
    tells what each source answered; where the file cannot be written, DiskError ends
    all.
    """
    failures, last = [], None
    for source in sources:
        copy = _from_google_drive if source.startswith("gdrive:") else _from_address
        try:
            with saving.whole(path) as part:
                copy(source, part, limit, say)
                _check(part, sha256)
            return path
        except saving.DiskError:
            raise
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"could not fetch {source}: {_reason(error)}")
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it is an answer, too, and holds the connection
            last = error
    raise DownloadError("\n".join([*failures, BY_HAND])) from last


def _refuse_size(label: str, name: str, size: int, limit: int) -> None:
    """Raise ValueError where a member, or an archive up to it, is too large."""
    if size > limit:
        raise ValueError(
            f"{label} is refused: with its member {name!r} it is too large (more than "
            f"{limit:,} bytes); take another source, or unpack it yourself and give "
            "the folder"
        )


class _Header(tarfile.TarInfo):
    """A header of a tar; tarfile would read a name of any length into memory."""

    @classmethod
    def frombuf(cls, *args):
        """Read a header; TarError where what is no file announces too much."""
        header = super().frombuf(*args)
        if header.size > datasets.MAX_FILE and not header.isreg():
            raise tarfile.TarError(f"{header.name!r} is too large")
        return header


def _open_zip(file: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """Yield the files of a zip but links and a pack's wheels, which are large."""
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            is_link = stat.S_ISLNK(member.external_attr >> 16)
            if not (member.is_dir() or is_link or member.filename.endswith(".whl")):
                with archive.open(member) as content:
                    yield member.filename, content


def _open_tar(file: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    with tarfile.open(fileobj=file, tarinfo=_Header) as archive:
        for member in archive:
            if member.isreg():
                yield member.name, archive.extractfile(member)


def _unpacked(file: BinaryIO, label: str) -> Files:
    """Yield (name, bytes) of the regular files in a zip or tar, none too large."""
    head = file.read(8192)
    file.seek(0)
    _refuse_web_page(head, label)
    members = _open_zip if head.startswith(b"PK") else _open_tar
    try:
        for name, member in members(file):
            # No more than is allowed, whatever its header says and comes out of it.
            content = member.read(datasets.MAX_FILE + 1)
            _refuse_size(label, name, len(content), datasets.MAX_FILE)
            yield plain(name), content
    except DAMAGE as error:
        what = _reason(error).partition(": ")[0][:60]
        raise ValueError(
            f"{label} cannot be unpacked ({what}): it is cut off, has a password or "
            "is no zip or tar; fetch it again, or unpack it and give the folder"
        ) from error


def _gunzipped(name: str, content: bytes, label: str) -> bytes:
    """Unpack a gzipped file; one that is cut off stays as it is."""
    if not name.casefold().endswith(".gz"):
        return content
    with contextlib.suppress(*DAMAGE), gzip.open(io.BytesIO(content)) as file:
        content = file.read(datasets.MAX_FILE + 1)
    _refuse_size(label, name, len(content), datasets.MAX_FILE)
    return content


def _archive(file: BinaryIO, label: str, deep: bool = True) -> Files:
    """Yield (name, bytes) of the files in an archive, gzipped files unpacked.

    So are archives in it (``deep``).
    """
    total = 0
    for name, content in _unpacked(file, label):
        if deep and ARCHIVE.search(name):
            inner = _archive(io.BytesIO(content), f"{label}/{name}", deep=False)
        else:
            inner = [(name, _gunzipped(name, content, label))]
        for inner_name, body in inner:
            total += len(body)
            _refuse_size(label, name, total, MAX_TOTAL)
            yield inner_name, body


def _folder(source: Path, label: str, say: Say) -> Files:
    """Yield (name, bytes) of all files in a folder but broken archives."""
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        try:
            if not path.is_file():
                continue
            if ARCHIVE.search(name):
                with path.open("rb") as file:
                    yield from _archive(file, f"{label}/{name}")
            elif path.stat().st_size <= datasets.MAX_FILE:
                yield plain(name), _gunzipped(name, path.read_bytes(), label)
        except (OSError, ValueError) as error:
            say(f"  left out: {plain(str(error))}")


def _web_folder(
    address: str, wanted: Iterable[str], scratch: Path, limit: float, say: Say
) -> Files:
    """Yield (name, bytes) of those wanted files that a web folder (``.../``) has."""
    progress, end, done = _Progress(address, say), time.monotonic() + limit, 0
    for name in wanted:
        url = address + urllib.parse.quote(name)
        left = max(1, end - time.monotonic())
        try:
            path = fetch(scratch / "file", [url], None, left, say)
        except DownloadError as error:
            if getattr(error.__cause__, "code", None) in (404, 410):
                continue  # the server lacks this one
            raise
        done += path.stat().st_size
        progress(done)
        yield name, path.read_bytes()


def contents(
    source: str, wanted: Iterable[str], sha256: str | None, scratch: Path, say: Say
) -> Files:
    """Yield (name, bytes) of all files of a source, archives inside it unpacked.

    A source is a folder, a zip or tar, the address of one (``sha256``, if known, is
    its digest), or the address of a web folder, which ends in / and is asked for
    ``wanted`` only. ``scratch`` is a folder for what is fetched. A broken archive in
    a folder is left out; any other is a ValueError.
    """
    scheme, _, rest = source.partition(":")
    is_web = scheme in ("http", "https")
    if is_web and rest.endswith("/"):
        yield from _web_folder(source, wanted, scratch, LIMIT, say)
        return
    if is_web or scheme == "gdrive":
        path = fetch(scratch / "archive", [source], sha256, LIMIT, say)
    elif scheme == "file":
        path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(source).path))
    else:
        path = places.pasted(source)
    if not path.exists():
        raise FileNotFoundError(
            f"{source} does not exist; give a folder, a zip or tar, or an address"
        )
    if path.is_dir():
        yield from _folder(path, source, say)
    else:
        with path.open("rb") as file:
            yield from _archive(file, source)
