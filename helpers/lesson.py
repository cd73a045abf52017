"""The classroom: one line of set-up, questions, exercises that never block a run."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import environment

try:
    from . import (
        config,
        datasets,
        eyes,
        fundus,
        phantom,
        places,
        questions,
        rescue,
        runtime,
        saving,
        standing,
        tickets,
    )
    from .progress import book
except ImportError as error:  # a chapter's kernel may be another Python
    raise environment.PackagesMissingError(error) from None


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
            name, place = chosen.dataset, chosen.place
            print(places.pick((f"data: {name} in {place}", f"数据：{name}（{place}）")))
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

    @staticmethod
    def on_drive(name: str) -> Path | None:
        """Return a folder on Google Drive, mounted where this is Colab; else None."""
        try:
            from google.colab import drive
        except ImportError:
            english = "This is not Colab: files stay on this machine."
            print(places.pick((english, "这里不是 Colab，文件留在这台机器上。")))
            return None
        drive.mount(str(places.DRIVE))
        folder = places.TRAININGS / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def record(self, **facts) -> None:
        """Add facts to the report of this run, where one is being written."""
        path = places.report_file()
        if path is None:
            return
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        saving.write_json(path, known | facts)


def start(language: str = "en") -> Course:
    """Find the mode and the eyes, say both in one line, and return them.

    DRIVE is used where it is whole, else CHASE_DB1; FUNDUS_DATASET chooses. Where
    neither is here, the first cell that needs eyes fetches or draws them. Smoke mode
    draws small ones. ``language``, "en" or "zh", is that of the edition.
    """
    places.export(LANGUAGE=language)
    rescue.stand_by(print)
    rescue.after_each_cell(runtime.release_threads)  # for a training in the background
    mode = places.mode()
    course = Course(mode, places.output_dir(), eyes.find(mode, print))
    device = runtime.pick_device()
    kind, precision = runtime.device_name(device), runtime.pick_precision(device)
    kind_zh = runtime.device_name(device, "zh")
    name = course.here.dataset if course.here else None
    where = f"{name} in {course.here.place}" if course.here else "none yet"
    why = _why(mode, name)
    english = f"mode: {mode} | data: {where}, {why[0]} | device: {kind}, {precision}"
    where = f"{name}（{course.here.place}）" if course.here else "暂无"
    chinese = f"模式：{mode} | 数据：{where}，{why[1]} | 设备：{kind_zh}，{precision}"
    print(places.pick((english, chinese)))
    course.record(mode=mode, device=kind, **({"dataset": name} if name else {}))
    return course


def _why(mode: str, name: str | None) -> questions.Words:
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


# ---- What a chapter asks; the questions lie in helpers/exercises ----


def _say(chapter: str, lines: Sequence[str]) -> None:
    """Print lines and, once, what went wrong with the record of the answers."""
    news = book(chapter).news()
    print(*lines, *filter(None, [news]), sep="\n")


def ask(number: str, mine, *given) -> None:
    """Judge an answer to a question, such as "05.2"; never raises for what it gets.

    ``given`` is what the answer is worked out from. The first wrong try gets a hint,
    the second a stronger one, the third the answer; None is not answered yet.
    """
    _say(number[:2], questions.ask(number, mine, given))


def reveal(number: str) -> None:
    """Show the answer of a question, and its reason."""
    _say(number[:2], questions.reveal(number))


def exercise(number: str, mine: Callable) -> Callable:
    """Return the reader's function if it passes all cases, else the reference.

    Prints which one is used from here on and, for a function that does not pass yet,
    the first case that fails and a hint.
    """
    lines, function = questions.exercise(number, mine)
    _say(number[:2], lines)
    return function


def contract(number: str, mine, course: Course | None = None) -> None:
    """Compare a number with the one that the chapter claims, in one line.

    ``course`` is needed where the claim holds for one data set, mode or device.
    """
    dataset, mode = (course.dataset, course.mode) if course else ("", "lesson")
    device = runtime.pick_device().type
    print(*questions.contract(number, mine, dataset, mode, device), sep="\n")


def recall(chapter: str, letters: str) -> None:
    """Judge the letters of the recall questions, such as "bacda"; ``?`` is open."""
    _say(chapter, questions.recall(chapter, letters))


def progress(chapter: str) -> None:
    """Show what is done in a chapter, what to take up again, and the way on."""
    print(standing.report(questions.all_titles(), chapter))


def ticket(name: str = "", sentence: str = "") -> None:
    """Write a small file for the teacher: what was answered, and what is not clear.

    Without a name it says how. Nothing is sent.
    """
    print(tickets.hand_in(name, sentence))
