"""A process of one's own, so that the peak of its memory is its own."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path


def call(function: Callable, *arguments):
    """Call in a fresh process and return the answer."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak_mib() -> float | None:
    """Return the peak of this process's memory so far; None on Windows."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts the parent's peak in the other number, too
        lines = status.read_text("utf-8").splitlines()
        return next(int(x.split()[1]) for x in lines if x.startswith("VmHWM")) / 2**10
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes
