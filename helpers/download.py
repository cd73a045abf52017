"""Get a data set: fetch it, or take it from a folder, an archive or an address.

Only bytes whose SHA-256 stands in the manifest enter a set, whatever a source calls
itself, and each file is written under a temporary name before it gets its own.
"""

from __future__ import annotations

import contextlib
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
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from helpers import fundus

STALL = 20  # seconds without a byte after which a source is given up
LIMIT = 1800  # seconds that one source may take altogether
MAX_FILE = 128 << 20  # bytes; the largest file of all sets has 8 MB
MAX_TOTAL = 2 << 30  # bytes that an archive may unpack to
ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.gz|tar\.xz|tar\.bz2)$", re.IGNORECASE)
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # zipfile's answer to a password
)


@dataclass(frozen=True)
class Source:
    """One public address of a set or of a part of it."""

    address: str  # https of an archive, https of a folder (ends in /) or gdrive:ID
    gives: tuple[str, ...] = ("",)  # beginnings of the paths that it holds
    sha256: str | None = None  # of the archive, where it is known
    covered: bool = True  # by the owner's terms


DROPBOX = "https://www.dropbox.com/sh/z4hbbzqai0ilqht"
GITHUB_RAW = "https://raw.githubusercontent.com"
SOURCES = {
    "DRIVE": (
        Source(
            f"{DROPBOX}/AADp_8oefNFs2bjC2kzl2_Fqa/training.zip?dl=1",
            ("training/",),
            "7101e19598e2b7aacdbd5e6e7575057b9154a4aaec043e0f4e28902bf4e2e209",
        ),
        Source(  # no test labels since 2019
            f"{DROPBOX}/AABuUJQJ5yG5oCuziYzYu8jWa/test.zip?dl=1",
            ("test/images/", "test/mask/"),
            "d76c95c98a0353487ffb63b3bb2663c00ed1fde7d8fdfd8c3282c6e310a02731",
        ),
        Source(
            "https://codeload.github.com/wfdubowen/Retina-Unet/tar.gz/"
            "7c8cf9c669d12d00cb57bd6358aead839c435b4e",
            covered=False,
        ),
        Source("gdrive:17wVfELqgwbp4Q02GD247jJyjq6lwB0l6", covered=False),
    ),
    "CHASEDB1": (
        Source(f"{GITHUB_RAW}/playyalp1/CHASE_DB1/main/CHASEDB1.zip"),
        Source(
            f"{GITHUB_RAW}/mipple1986/data/92b9449a2e7a38dbd4c62825418dafcd5eba4fec/"
            "CHASEDB1/"
        ),
    ),
}

# gdown runs in a process of its own because it has no time limit. These keywords are
# the ones that its versions 5 and 6 share.
GDOWN = """
import sys
try:
    import gdown
    done = gdown.download(id=sys.argv[1], output=sys.argv[2], quiet=True)
except Exception as error:
    sys.exit(" ".join(f"{type(error).__name__}: {error}".split()))
sys.exit(None if done else "gdown gave no file")
"""


BY_HAND = "Fetch it with a browser and give the file: --from FILE"
Say = Callable[[str], None]


class DownloadFailed(OSError):
    """No source gave the right bytes; the message holds the reasons and a remedy."""


class _Progress:
    """Say amount and speed, the first time after three seconds, then every three."""

    def __init__(self, what: str, say: Say):
        self.what, self.say = what, say
        self.start = self.last = time.monotonic()

    def __call__(self, done: int, total: int | None = None) -> None:
        now = time.monotonic()
        if now - self.last < 3:
            return
        self.last = now
        of = f" of {total / 1e6:.1f}" if total else ""
        speed = done / 1e6 / (now - self.start)
        self.say(f"  {self.what}: {done / 1e6:.1f}{of} MB, {speed:.2f} MB/s")


def _web_page(head: bytes) -> str | None:
    """Return what to say about a file that begins like a web page, else None."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    if not (text.startswith("<") and ("<html" in text or "<!doctype html" in text)):
        return None
    title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.DOTALL)
    named = f' (title: "{title[1][:80]}")' if title else ""
    if "quota" in text or "too many users" in text:
        return (
            f"a web page came instead of the file{named}: the download quota is used "
            "up; try another source, or this one tomorrow"
        )
    return (
        f"this is a web page, not the file{named}: it may ask for a login or for "
        "consent; open the address in a browser and save the file itself"
    )


def _from_address(source: str, part: Path, limit: float, say: Say) -> None:
    """Copy what an address (http, https, file) holds to ``part``."""
    address = urllib.parse.quote(source, safe="%/:=&?~#+!$,;'@()*[]")
    if urllib.parse.urlsplit(address).scheme not in ("http", "https", "file"):
        raise ValueError("not an address: it must begin with https, http or file")
    request = urllib.request.Request(address, headers={"User-Agent": "fundus-course"})
    progress, start, done = _Progress(part.stem, say), time.monotonic(), 0
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
                raise TimeoutError(f"only {done} bytes in {limit:g} seconds")
    if total is not None and done != total:
        raise OSError(f"the answer was cut off after {done} of {total} bytes")


def _from_google_drive(source: str, part: Path, limit: float, say: Say) -> None:
    """Let gdown write the file with the id in ``gdrive:ID`` to ``part``."""
    progress, start = _Progress(part.stem, say), time.monotonic()
    with tempfile.TemporaryDirectory(dir=part.parent) as scratch:
        copy = Path(scratch) / "file"
        process = subprocess.Popen(
            [sys.executable, "-c", GDOWN, source.removeprefix("gdrive:"), str(copy)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    words = process.communicate(timeout=0.5)[1].decode(errors="replace")
                    break
                progress(sum(file.stat().st_size for file in Path(scratch).iterdir()))
                if time.monotonic() - start > limit:
                    raise TimeoutError(f"gdown took more than {limit:g} seconds")
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise OSError(words.strip()[:300])
        copy.replace(part)


def _reason(error: Exception) -> str:
    """Return an error of a source as one line without Python's wrapping."""
    if type(error) is urllib.error.URLError and isinstance(error.reason, OSError):
        error = error.reason
    if isinstance(error, socket.gaierror):
        return "its name cannot be looked up; is there a network?"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def fetch(
    path: Path | str,
    sources: Iterable[str],
    sha256: str | None,
    limit: float = LIMIT,
    say: Say = print,
    remedy: str | None = None,
) -> Path:
    """Get one file from the first source that gives the right bytes.

    A source is an address (https, http, file) or ``gdrive:ID``. With sha256 None all
    bytes but a web page are right. ``limit`` is in seconds a source, ``remedy`` is the
    last line of the error. The file appears whole under its name or not at all.
    """
    path, failures, last = Path(path), [], None
    if sha256 and path.is_file() and fundus.sha256(path) == sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    for source in sources:
        copy = _from_google_drive if source.startswith("gdrive:") else _from_address
        try:
            copy(source, part, limit, say)
            with part.open("rb") as file:
                page = _web_page(file.read(8192))
            if page:
                raise ValueError(page)
            if sha256 and (digest := fundus.sha256(part)) != sha256:
                raise ValueError(
                    f"wrong bytes (SHA-256 {digest[:8]}, not {sha256[:8]})"
                )
            part.replace(path)
            return path
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"  {source}: {_reason(error)}")
            last = error
        finally:
            part.unlink(missing_ok=True)
    raise DownloadFailed(
        "\n".join(
            [f"{path.name} could not be fetched:", *failures]
            + [remedy or f"Fetch it by hand, put it at {path} and run this again."]
        )
    ) from last


def _refuse_unsafe(label: str, members: Iterable[tuple[str, int, bool]]) -> None:
    """Raise ValueError for an archive with a (name, bytes, is link) that is a trap."""
    sum_bytes = 0
    for member, size, is_link in members:
        sum_bytes += size
        if re.match(r"[/\\]|[A-Za-z]:", member) or ".." in re.split(r"[/\\]", member):
            trap = "leads out of the archive"
        elif is_link:
            trap = "is a link or a device"
        elif size > MAX_FILE or sum_bytes > MAX_TOTAL:
            trap = f"is too large (it alone {size:,} bytes, with others {sum_bytes:,})"
        else:
            continue
        raise ValueError(
            f"{label} is refused: its member {member!r} {trap}; fetch the archive from "
            "another source, or unpack it yourself and give the folder"
        )


def _archive(file: BinaryIO, label: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the files in a zip or tar, if it holds no trap."""
    head = file.read(8192)
    file.seek(0)
    if page := _web_page(head):
        raise ValueError(f"{label}: {page}")
    try:
        if head.startswith(b"PK"):
            with zipfile.ZipFile(file) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
                _refuse_unsafe(
                    label,
                    (
                        (e.filename, e.file_size, stat.S_ISLNK(e.external_attr >> 16))
                        for e in entries
                    ),
                )
                for entry in entries:
                    yield entry.filename, archive.read(entry)
        else:
            with tarfile.open(fileobj=file) as archive:
                _refuse_unsafe(
                    label,
                    ((m.name, m.size, not m.isreg()) for m in archive if not m.isdir()),
                )
                for member in archive.getmembers():
                    if member.isreg():
                        yield member.name, archive.extractfile(member).read()
    except DAMAGE as error:
        raise ValueError(
            f"{label} cannot be unpacked ({_reason(error)[:60]}): it is cut off, locked "
            "or neither zip nor tar; fetch it again, or unpack it yourself and give the "
            "folder"
        ) from error


def _files(source: Path, label: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the files in a folder or an archive."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file() and path.stat().st_size <= MAX_FILE:
                yield path.relative_to(source).as_posix(), path.read_bytes()
    elif source.is_file():
        with source.open("rb") as file:
            yield from _archive(file, label)
    else:
        raise FileNotFoundError(
            f"{label} does not exist; give a folder, a zip or tar, or an address"
        )


def _served(
    address: str, wanted: dict[str, str], scratch: Path, say: Say
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of those wanted files that a web folder (``.../``) has."""
    progress, done = _Progress(address, say), 0
    for name, digest in wanted.items():
        url = address + urllib.parse.quote(name)
        try:
            content = fetch(scratch / "file", [url], digest, say=say).read_bytes()
        except DownloadFailed as error:
            if isinstance(error.__cause__, urllib.error.HTTPError):
                continue  # the server lacks this one
            raise
        done += len(content)
        progress(done)
        yield name, content


def _contents(
    source: str, wanted: dict[str, str], sha256: str | None, scratch: Path, say: Say
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


def _install(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise OSError(
            f"{path} cannot be written ({_reason(error)}); make room, or name another "
            "data folder with --data or FUNDUS_DATA"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _lacking(name: str, data_dir: Path | str) -> dict[str, str]:
    """Return {path: SHA-256} of the files of a set that are missing or differ."""
    files = fundus.manifest(name)
    try:
        problems = fundus.verify(name, data_dir)
    except FileNotFoundError:  # no folder, or an empty one
        return files
    return {file: files[file] for file in problems["missing"] + problems["differs"]}


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
    files, wanted, others = fundus.manifest(name), _lacking(name, data_dir), {}
    num_lacking = len(wanted)
    with tempfile.TemporaryDirectory(prefix="fundus-") as scratch:
        contents = _contents(str(source), dict(wanted), sha256, Path(scratch), say)
        with contextlib.closing(contents):
            for member, content in contents if wanted else ():
                digest = hashlib.sha256(content).hexdigest()
                for path in [p for p in wanted if wanted[p] == digest]:
                    _install(Path(data_dir) / name / path, content)
                    del wanted[path]
                path = _path_by_name(member, files)
                if path and files[path] != digest:
                    others[path] = member
    others = {path: member for path, member in others.items() if path in wanted}
    if len(wanted) == len(files) and not others:
        raise ValueError(
            f"{source} holds no file of {name}, neither by content nor by name; "
            f"fetch the set at {fundus.DATASETS[name].home}"
        )
    if wanted and len(wanted) == num_lacking:
        say(f"{source} holds no original that is lacking here")
    return others


def _from_public_sources(
    name: str, data_dir: Path | str, accept_terms: bool, say: Say
) -> None:
    """Try the sources of a set in order until nothing is lacking."""
    for source in SOURCES.get(name, ()):
        if not any(path.startswith(source.gives) for path in _lacking(name, data_dir)):
            continue
        if not source.covered:
            if not accept_terms:
                continue
            say(
                "The next source is a copy that the owner's terms do not cover; it is "
                "used because you accepted that."
            )
        say(f"Fetching from {source.address}")
        try:
            others = import_from(name, source.address, data_dir, source.sha256, say)
        except (DownloadFailed, ValueError) as error:
            say(str(error))
        else:
            if others:
                say(f"  not the originals, so not taken: {', '.join(others)}")


def _summary(name: str, data_dir: Path | str, say: Say) -> str:
    """Say what is there; "complete", "official", or DownloadFailed for less."""
    files, lacking = fundus.manifest(name), _lacking(name, data_dir)
    place = Path(data_dir) / name
    num_there = len(files) - len(lacking)
    there = f"{num_there} of {len(files)} files of {name} are in {place}, each verified"
    if not lacking:
        say(f"{there}: complete.")
        return "complete"
    covered = [source for source in SOURCES.get(name, ()) if source.covered]
    closed = {f for f in files if not any(f.startswith(s.gives) for s in covered)}
    folders = ", ".join(sorted({file.rpartition("/")[0] for file in closed}))
    ways = "`--from` takes a full copy that you have (a folder, an archive, an address)"
    if closed:
        ways += ", `--accept-terms` tries copies that the owner's terms do not cover"
    if lacking.keys() == closed and not any(
        (place / file).exists() for file in lacking
    ):
        say(
            f"{there}: all that the owner publishes. Not published: {folders}.\n{ways}."
        )
        return "official"
    named = ", ".join(list(lacking)[:5]) + (", ..." if len(lacking) > 5 else "")
    raise DownloadFailed(
        f"{there}; {len(lacking)} are missing or are not the originals: {named}\n"
        f"Try again later, or fetch the set by hand at {fundus.DATASETS[name].home}, "
        f"then: python3 -m helpers data {name} --from FILE_OR_FOLDER\n{ways}."
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
    say(f"{dataset.title}\n  home: {dataset.home}")
    say(f"  terms: {dataset.terms}\n  please cite: {dataset.citation}")
    if source is None:
        _from_public_sources(name, data_dir, accept_terms, say)
    elif others := import_from(name, source, data_dir, say=say):
        pairs = ", ".join(f"{member} (for {path})" for path, member in others.items())
        raise ValueError(
            f"{len(others)} files of {source} differ from the originals and were not "
            f"taken: {pairs}; fetch these again from {dataset.home}"
        )
    return _summary(name, data_dir, say)
