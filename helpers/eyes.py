"""Which eyes the chapters work with: DRIVE, else CHASE_DB1, else drawn ones.

A set is taken when no file of it is missing. Where none is here, the first chapter
that needs eyes tries to fetch one, once a day.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import datasets, download, fetch, phantom, places, saving

PHOTOGRAPHS = ("DRIVE", "CHASEDB1")  # each runs through all chapters; in this order
DRAWN = "PHANTOM"
WAIT = 8  # seconds until an address must have answered
PHANTOMS = (
    """\
NO REAL DATA: these are PHANTOMS, drawn eyes. Scores on them say nothing about
patients. Chapter 04 shows how to get photographs. Drawing takes half a minute,
once.""",
    """\
没有真实数据，用的是仿真眼底图；上面的分数不能说明真实照片上的表现。
怎样得到照片，见第 04 章。绘制约需半分钟，只画一次。""",
)


@dataclass(frozen=True)
class Eyes:
    """A set of eyes that is here."""

    dataset: str  # "DRIVE", "CHASEDB1" or "PHANTOM"
    data_dir: Path  # to be given to ``fundus.load``

    @property
    def place(self) -> Path:
        """Return the folder of the set itself; drawn eyes may not be there yet."""
        if self.dataset == DRAWN:
            return self.data_dir / DRAWN
        return datasets.folder(self.dataset, self.data_dir)


def _names(mode: str) -> tuple[str, ...]:
    """Return the sets to look for, in order."""
    wanted = places.dataset()
    if wanted and wanted not in (*PHOTOGRAPHS, DRAWN):
        raise ValueError(
            f"FUNDUS_DATASET is {wanted!r}; the chapters run on DRIVE, CHASEDB1 or "
            "PHANTOM: choose one or unset it. 各章可用的数据集是 DRIVE、CHASEDB1 和 "
            "PHANTOM，请选一个，或取消这个变量"
        )
    if wanted:
        return (wanted,)
    return (DRAWN,) if mode == "smoke" else PHOTOGRAPHS


def _is_whole(name: str, data_dir: Path, say: fetch.Say) -> bool:
    """Tell whether a set will do; say what is wrong with one that is not whole."""
    place = data_dir / name
    command = f"{places.COMMAND} data {name}"
    try:
        missing = datasets.absent(name, data_dir)
    except FileNotFoundError:
        if place.is_dir():
            english = f"{place} holds no file of {name}; `{command}` fills it."
            chinese = f"{place} 里没有 {name} 的文件；用 `{command}` 补上。"
            say(places.pick((english, chinese)))
        return False
    if missing:
        place, count = datasets.folder(name, data_dir), len(missing)
        english = (
            f"{place} lacks {count} files ({missing[0]} ...), so it is not used;\n"
            f"`{command}` fetches them or says what helps."
        )
        chinese = f"{place} 缺 {count} 个文件（{missing[0]} ……），没有用它；"
        say(places.pick((english, f"{chinese}用 `{command}` 补全。")))
    return not missing


def find(mode: str, say: fetch.Say) -> Eyes | None:
    """Return the first set that is here and whole; None where there is none.

    Drawn eyes count as here: they are drawn when ``draw`` is called.
    """
    for name in _names(mode):
        if name == DRAWN:
            return Eyes(name, _drawn(mode)[0])
        if _is_whole(name, places.data_dir(), say):
            return Eyes(name, places.data_dir())
    return None


def bring(mode: str, say: fetch.Say) -> Eyes:
    """Return eyes, fetched where they are missing, drawn where that fails.

    FileNotFoundError where FUNDUS_DATASET asks for photographs that cannot be had.
    """
    if eyes := find(mode, lambda _: None):  # put there since the set-up cell ran
        return eyes
    names, reason = _names(mode), _fetch(_names(mode), say)
    if eyes := None if reason else find(mode, say):
        return eyes
    ways = f"{places.COMMAND} data DRIVE --from FILE"
    if places.dataset():
        raise FileNotFoundError(
            f"FUNDUS_DATASET asks for {names[0]}, which is not here ({reason}): import "
            f"your copy with `{ways.replace('DRIVE', names[0])}`, or unset it. 找不到 "
            "FUNDUS_DATASET 指定的数据集：用上面的命令导入，或取消这个变量"
        )
    english = (
        f"No photographs were fetched ({reason}).\n"
        f"Import your own with `{ways}`, or CHASEDB1, and run this chapter again, or\n"
        "go on with drawn eyes."
    )
    chinese = (
        f"没有下载到照片，下面用仿真眼底图继续（{reason}）。\n"
        f"有自己的副本，用 `{ways}` 导入（CHASEDB1 也可以），再重新运行这一章。"
    )
    say(places.pick((english, chinese)))
    return Eyes(DRAWN, _drawn(mode)[0])


def _drawn(mode: str) -> tuple[Path, tuple[int, int]]:
    """Return the folder and the size of the eyes that a mode draws."""
    size = (146, 141) if mode == "smoke" else (584, 565)
    return places.output_dir() / f"phantoms-{size[0]}x{size[1]}", size


def draw(mode: str, say: fetch.Say) -> None:
    """Draw the eyes of a mode, where they are not drawn yet; say what they are."""
    if mode != "smoke":
        say(places.pick(PHANTOMS))
    folder, size = _drawn(mode)
    phantom.write(folder / DRAWN, *size)


# ---- Fetching, once a day ----


def _notes() -> list[Path]:
    """Return the places for a note on a failure; the data folder may be read-only."""
    folders = (places.data_dir(), places.output_dir())
    return [folder / ".not-fetched" for folder in folders]


def _failed_today(names: Iterable[str]) -> str | None:
    """Return why none of these could be fetched today, if that was tried."""
    for note in filter(Path.is_file, _notes()):
        date, _, reason = note.read_text("utf-8", "replace").partition(" ")
        today = date == datetime.date.today().isoformat()
        if today and all(f"{name}: " in reason for name in names):
            return f"tried earlier today: {reason.strip()}"
    return None


def _remember(reason: str) -> None:
    """Write down why a set could not be fetched today, each by its name."""
    text = f"{datetime.date.today().isoformat()} {reason}\n"
    for note in _notes():
        try:
            return saving.write_bytes(note, text.encode())
        except OSError:
            continue


def _fetch(names: tuple[str, ...], say: fetch.Say) -> str | None:
    """Fetch the first set whose source answers; return why there is none, or None."""
    if not places.may_fetch():
        given = places.data_dir_is_given()
        return (
            "the folder of FUNDUS_DATA is left as it is" if given else "FUNDUS_FETCH=0"
        )
    if reason := _failed_today(names):
        return reason
    english = f"No photographs here; trying {' and '.join(names)} for {WAIT} s ..."
    chinese = f"这里没有眼底照片，正在试着下载（最多等 {WAIT} 秒连接）……"
    say(places.pick((english, chinese)))
    first = {name: datasets.get(name).sources[0].address for name in names}
    answers = fetch.answers(first.values(), WAIT)
    reasons = {name: answers[first[name]] for name in names}
    for name in names:
        try:
            if not reasons[name]:
                download.get(name, places.data_dir(), say=say)
                return None
        except (OSError, ValueError) as error:
            reasons[name] = str(error).splitlines()[0]
    reason = "; ".join(f"{name}: {why}" for name, why in reasons.items())
    _remember(reason)
    return reason
