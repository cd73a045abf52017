"""Files that appear whole under their name, or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

# What the system answers where a path cannot be written.
REFUSALS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
}  # fmt: skip


class DiskError(OSError):
    """A file cannot be written here, so that no other source would help."""


@contextlib.contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """Lend a temporary path; it becomes ``path`` at the end, or vanishes.

    DiskError where the system lets nothing be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        raise DiskError(
            f"{path} cannot be written ({error.strerror}); make room, or name another "
            "folder (data: --data or FUNDUS_DATA, temporary files: TMPDIR)"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def write_json(path: Path | str, content: dict) -> None:
    """Write a dict as readable UTF-8 JSON, whole or not at all."""
    with whole(path) as part:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")
