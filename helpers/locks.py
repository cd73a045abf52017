"""One process at a time: locks that the system takes back when a process ends."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout  # torch brings it

from . import saving

# What a file system answers that knows no locks.
UNKNOWN = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


class BusyError(OSError):
    """Another process holds the lock."""


@contextlib.contextmanager
def held(path: Path, seconds: float) -> Iterator[bool]:
    """Hold a lock file; BusyError where another process does so for that long.

    Gives False, and holds nothing, where the file system has no locks. A file that a
    killed process left behind does not block.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise BusyError(f"another process holds {path}") from error
    except (OSError, NotImplementedError) as error:  # the second: filelock, of ENOSYS
        if getattr(error, "errno", errno.ENOSYS) not in UNKNOWN:
            raise
    try:
        yield lock.is_locked
    finally:
        lock.release()


@contextlib.contextmanager
def alone(out: Path) -> Iterator[None]:
    """Make a folder and work in it alone; BusyError where another process does so."""
    with contextlib.ExitStack() as stack:
        try:
            with saving.refusals_named(out):
                out.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(out / ".lock", seconds=0))
        except BusyError as error:
            raise BusyError(
                f"another process works in {out}: wait for it, or choose another --out"
            ) from error
        yield
