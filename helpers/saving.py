"""Files that appear whole under their name, or not at all.

Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# What the system answers where a path cannot be written.
REFUSALS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG,
}  # fmt: skip
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # no other file could be written
SHORTER = "give a shorter name"
ELSEWHERE = (
    "make room, or name another folder (--data or FUNDUS_DATA for data, --out or "
    "FUNDUS_OUT for results, TMPDIR for temporary files)"
)


class DiskError(OSError):
    """A file cannot be written here, so that no other source would help."""


@contextlib.contextmanager
def refusals_named(path: Path | str) -> Iterator[None]:
    """Turn what the system answers where nothing can be written into a DiskError."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        raise DiskError(
            f"{path} cannot be written ({error.strerror}): "
            + (SHORTER if error.errno == errno.ENAMETOOLONG else ELSEWHERE)
        ) from error


@contextlib.contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """Lend a temporary path; it becomes ``path`` at the end, or vanishes.

    It lies in the same folder, which is made where it is missing. DiskError where the
    system lets nothing be written.
    """
    path = Path(path)
    # Two processes may write one file; a name as long as allowed has no room for more.
    part = path.with_name(f".{path.name[:32]}.{os.urandom(4).hex()}.part")
    with refusals_named(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink()


def sweep(path: Path | str) -> None:
    """Remove what killed processes left half written of a file.

    No other process may be writing it.
    """
    path = Path(path)
    for part in path.parent.glob(f".{path.name[:32]}.{'[0-9a-f]' * 8}.part"):
        with contextlib.suppress(OSError):
            part.unlink()


def refuse_early(path: Path | str) -> None:
    """Raise DiskError now where a file could not be written after hours of work.

    Its folder is made; what lies there stays as it is.
    """
    path = Path(path)
    with refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with whole(path) as part:
        part.write_bytes(content)


def write_json(path: Path | str, content: dict) -> None:
    """Write a dict as readable UTF-8 JSON, whole or not at all."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_bytes(path, f"{text}\n".encode())
