"""A process of one's own, so that the peak of its memory is its own."""

import multiprocessing
import sys
from collections.abc import Callable


def call(function: Callable, *arguments):
    """Call in a fresh process and return the answer."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak_mib(of_children: bool = False) -> float | None:
    """Return the peak so far of this process's memory, or of its largest child's."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    who = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
