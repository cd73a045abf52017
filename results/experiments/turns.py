"""Time functions in turns, so that what else a machine does hits all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch


def work_clock(device: torch.device) -> Callable[[], float]:
    """Return the clock that runs while a core works; beside a GPU the usual one."""
    return time.process_time if device.type == "cpu" else time.perf_counter


def timed(
    act: Callable[[], object], least: float, clock: Callable[[], float]
) -> list[tuple[float, float]]:
    """Call until ``least`` seconds have passed; return (seconds, core's) of each call.

    The first is left out where there are others: it finds nothing prepared.
    """
    clocks, each = (time.perf_counter, clock), []
    while not each or sum(seconds for seconds, _ in each) < least:
        start = [clock() for clock in clocks]
        act()
        each.append(tuple(c() - s for c, s in zip(clocks, start, strict=True)))
    return each[1:] or each


def in_turns(acts: dict, rounds: int, least: float, clock: Callable) -> dict:
    """Time functions in turns; return what the seconds of each come to."""
    each: dict = {key: [] for key in acts}
    for _ in range(rounds):
        for key, act in acts.items():
            each[key].append(timed(act, least, clock))
    return {key: summary(calls) for key, calls in each.items()}


def summary(rounds: Sequence[Sequence[tuple[float, float]]]) -> dict:
    """Return what the (seconds, core's) of all calls in all rounds come to.

    "seconds" is the median of all calls. "each" is of each round the median of the
    core's, "core_seconds" the median of these, "spread" how far they lie apart, as a
    share of it.
    """
    each = [statistics.median(core for _, core in calls) for calls in rounds]
    middle = statistics.median(each)
    seconds = [seconds for calls in rounds for seconds, _ in calls]
    return {
        "calls": len(seconds),
        "seconds": statistics.median(seconds),
        "core_seconds": middle,
        "spread": (max(each) - min(each)) / middle,
        "each": each,
    }
