"""The classroom: one line of set-up, checks, and exercises that never block a run."""

from __future__ import annotations

import copy
import json
import math
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import environment

try:
    import numpy as np

    from . import config, datasets, download, fundus, phantom, places, runtime, saving
except ImportError as error:  # a chapter's kernel may be another Python
    raise environment.PackagesMissingError(error) from None

Hint = tuple[str, str]  # English, Chinese


@dataclass(frozen=True)
class Course:
    """What a chapter needs to know about this run; made by ``start``."""

    mode: str  # "smoke", "lesson" or "full"
    dataset: str  # "DRIVE", or "PHANTOM" where no real images are found
    data_dir: Path  # holds the folder of that set
    out: Path  # everything a chapter writes goes here

    @property
    def config(self) -> config.TrainConfig:
        """Return the training settings of this mode."""
        return config.PRESETS[self.mode]

    @property
    def real(self) -> bool:
        """Tell whether the images are photographs of eyes."""
        return not datasets.get(self.dataset).drawn

    def load(self, split: str) -> list[fundus.FundusImage]:
        """Read all images of "train", "val", "test" or "all"."""
        return fundus.load(self.dataset, split, self.data_dir)

    def load_one(self, image_id: str) -> fundus.FundusImage:
        """Read one image by its id, such as "21"."""
        return fundus.load_one(self.dataset, image_id, self.data_dir)

    def load_cells(self, split: str) -> list[fundus.CellImage]:
        """Read slices of tissue (EM) where the data folder has them, else draw some.

        Smoke mode always draws, few and small.
        """
        if self.mode != "smoke" and datasets.found("ISBI2012_EM", places.data_dir()):
            return fundus.load_cells(split, places.data_dir())
        members = datasets.ids("ISBI2012_EM", split)
        size, step = (200, 3) if self.mode == "smoke" else (512, 1)
        return [phantom.draw_cells(int(i), size, size) for i in members[::step]]

    def record(self, **facts) -> None:
        """Add facts to the report of this run, where one is being written."""
        path = places.report_file()
        if path is None:
            return
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        saving.write_json(path, known | facts)


def start(fetch: bool = True) -> Course:
    """Find the mode and the data, say both in one line, and return them.

    Smoke mode draws small phantoms. Otherwise DRIVE is used where it lies; where it
    does not and FUNDUS_DATA names no folder, its official download is tried once
    (``fetch``), and phantoms of full size are drawn if that fails.
    """
    mode, out = places.mode(), places.output_dir()
    data_dir, dataset = places.data_dir(), "DRIVE"
    if mode == "smoke" or not download.find(dataset, data_dir, fetch):
        size = (146, 141) if mode == "smoke" else (584, 565)
        data_dir, dataset = out / f"phantoms-{size[0]}x{size[1]}", "PHANTOM"
        phantom.write(data_dir / dataset, *size)
    course = Course(mode, dataset, data_dir, out)
    if not course.real and mode != "smoke":
        print("NO REAL DATA FOUND: these are PHANTOMS, drawn eyes. Scores on them say")
        print("nothing about patients. Chapter 04 shows how to get the real images.")
    device = runtime.pick_device()
    precision = runtime.pick_precision(device)
    print(
        f"mode: {mode} | data: {dataset} in {data_dir} | "
        f"device: {runtime.device_name(device)}, {precision}"
    )
    course.record(mode=mode, dataset=dataset, device=runtime.device_name(device))
    return course


# ---- Checks: input, the reader's answer, the expected one, a hint ----


def same(mine, expected, tolerance: float = 1e-3) -> bool:
    """Compare numbers, arrays, tuples and words; numbers within ``tolerance``."""
    try:
        if isinstance(expected, str | bool | types.NoneType):
            return mine == expected
        if isinstance(expected, tuple | list):
            return len(mine) == len(expected) and all(
                same(a, b, tolerance) for a, b in zip(mine, expected, strict=True)
            )
        mine, expected = np.asarray(mine), np.asarray(expected)
        if mine.shape != expected.shape or mine.dtype.kind not in "biufc":
            return False
        return bool(np.allclose(mine, expected, rtol=tolerance, atol=tolerance))
    except Exception:  # whatever a reader returns is just not the same
        return False


def _show(value) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else text[:197] + "..."


def check(
    question: str,
    mine,
    expected,
    hint: Hint,
    tolerance: float = 1e-3,
    mistakes: Sequence[tuple[object, Hint]] = (),
) -> None:
    """Compare an answer with the expected one and print both; never raises.

    None means "not answered yet". ``mistakes`` pairs typical wrong answers with the
    hint that names them.
    """
    if mine is None:
        print(f"[ ? ] {question}\n      No answer yet. Put yours in place of None.")
        return
    right = same(mine, expected, tolerance)
    print(f"[{'OK ' if right else 'no '}] {question}")
    print(f"      your answer: {_show(mine)}   expected: {_show(expected)}")
    if not right:
        typical = (h for wrong, h in mistakes if same(mine, wrong, tolerance))
        _say(next(typical, hint))


def _say(hint: Hint) -> None:
    print(f"      Hint: {hint[0]}\n      提示：{hint[1]}")


# ---- Exercises: the reader's function once it passes, the reference until then ----


@dataclass(frozen=True)
class Exercise:
    """A task with its reference, its cases, and typical wrong functions.

    ``cases`` are tuples of arguments. A wrong function is recognised by its results:
    where the reader's agrees with it on all cases, its hint is given.
    """

    title: str
    reference: Callable
    cases: tuple[tuple, ...]
    hint: Hint
    mistakes: tuple[tuple[Callable, Hint], ...] = ()
    tolerance: float = 1e-3


def _results(function: Callable, cases: Sequence[tuple]) -> list:
    """Call a function on every case; an error counts as its message."""
    results = []
    for case in cases:
        try:
            results.append(function(*copy.deepcopy(case)))  # it may write into it
        except Exception as error:  # a reader's function may do anything
            results.append(f"{type(error).__name__}: {error}")
    return results


def exercise(mine: Callable, task: Exercise) -> Callable:
    """Return the reader's function if it passes all cases, else the reference.

    Prints which one is used from here on and, for a function that does not pass yet,
    the first case with its input, the answer, the expected answer and a hint.
    """
    expected = _results(task.reference, task.cases)
    got = _results(mine, task.cases)
    wrong = [
        k
        for k, (a, b) in enumerate(zip(got, expected, strict=True))
        if not same(a, b, task.tolerance)
    ]
    if not wrong:
        print(f"[OK ] {task.title}: yours is right, and is used from here on.")
        return mine
    if all(answer is None for answer in got):
        print(f"[ ? ] {task.title}: not written yet; the reference is used.")
        return task.reference
    first = wrong[0]
    print(f"[no ] {task.title}: not yet; the reference is used from here on.")
    print(f"      input: {', '.join(map(_show, task.cases[first]))}")
    print(f"      yours: {_show(got[first])}   expected: {_show(expected[first])}")
    typical = (
        hint
        for mistake, hint in task.mistakes
        if same(got, _results(mistake, task.cases), task.tolerance)
    )
    _say(next(typical, task.hint))
    return task.reference
