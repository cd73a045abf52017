"""The classroom: one line of set-up, checks, and exercises that never block a run."""

from __future__ import annotations

import copy
import functools
import json
import math
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import environment

try:
    import numpy as np

    from . import config, datasets, eyes, fundus, phantom, places, runtime, saving
except ImportError as error:  # a chapter's kernel may be another Python
    raise environment.PackagesMissingError(error) from None

Hint = tuple[str, str]  # English, Chinese


@dataclass
class Course:
    """What a chapter needs to know about this run; made by ``start``."""

    mode: str  # "smoke", "lesson" or "full"
    out: Path  # everything a chapter writes goes here
    here: eyes.Eyes | None = None  # None: fetched or drawn when first asked for

    @functools.cached_property
    def _eyes(self) -> eyes.Eyes:
        """Return the eyes of this run; those that are not here are fetched or drawn."""
        chosen = self.here or eyes.bring(self.mode, print)
        if chosen.dataset == eyes.DRAWN:
            eyes.draw(self.mode, print)
        if not self.here:
            print(f"data: {chosen.dataset} in {chosen.place}")
            self.record(dataset=chosen.dataset)
        return chosen

    @property
    def dataset(self) -> str:
        """Return "DRIVE", "CHASEDB1", or "PHANTOM" for drawn eyes."""
        return self._eyes.dataset

    @property
    def data_dir(self) -> Path:
        """Return the folder to read that set from."""
        return self._eyes.data_dir

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


def start() -> Course:
    """Find the mode and the eyes, say both in one line, and return them.

    DRIVE is used where it is whole, else CHASE_DB1; FUNDUS_DATASET chooses. Where
    neither is here, the first cell that needs eyes fetches or draws them. Smoke mode
    draws small ones.
    """
    mode = places.mode()
    course = Course(mode, places.output_dir(), eyes.find(mode, print))
    device = runtime.pick_device()
    kind, precision = runtime.device_name(device), runtime.pick_precision(device)
    name = course.here.dataset if course.here else None
    where = f"{name} in {course.here.place}" if course.here else "none yet"
    why = _why(mode, name)
    print(f"mode: {mode} | data: {where}, {why[0]} | device: {kind}, {precision}")
    print(f"模式：{mode} | 数据：{name or '暂无'}，{why[1]} | 设备：{kind}")
    course.record(mode=mode, device=kind, **({"dataset": name} if name else {}))
    return course


def _why(mode: str, name: str | None) -> Hint:
    """Say why these eyes are used."""
    if places.dataset() and name:
        return "as FUNDUS_DATASET asks", "由 FUNDUS_DATASET 指定"
    if name == eyes.DRAWN:
        return f"as {mode} mode draws its own", f"{mode} 模式用仿真眼底图"
    return {
        "DRIVE": ("which is here", "已找到"),
        "CHASEDB1": ("as DRIVE is not here", "因为没有 DRIVE"),
        None: ("fetched or drawn when needed", "用到时再下载或绘制"),
    }[name]


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
