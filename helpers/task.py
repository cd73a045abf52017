"""The final task: a plan, counted measurements, one graded submission, a report.

What was planned, measured and submitted is kept in ``your-turn`` of the output folder.
Nothing here stops a cheat: the labels of the test eyes are files like all others. It
only keeps an honest reader's record in order. ``submit`` alone reads those labels.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import html
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from . import datasets, fundus, metrics, phantom, places, saving
from .evaluation import Evaluation
from .inference import Segmenter, resized, scale_to

HERE = Path(__file__).parent
WORDS = tomllib.loads((HERE / "task.toml").read_text("utf-8"))  # [English, Chinese]
PHOTOGRAPHS, DRAWN = "CHASEDB1", "PHANTOM"
# Where the photographs are not here: other phantoms than those of the chapters, in the
# light of a dim and reddish lamp.
LAMP = (1.0, 0.45, 0.5)  # red, green, blue
PHANTOMS = {
    "train": ("41", "42", "43", "44", "45", "46"),
    "val": ("47", "48", "49", "50"),
    "test": ("51", "52", "53", "54", "55", "56", "57", "58"),
}
COMMON = {"number", "time"}
NEEDED = {  # in an entry of each kind
    "plan": COMMON | {"text", "sha256"},
    "measure": COMMON | {"plan", "settings", "eyes", "threshold", "dice", "auc_roc"},
    "submit": COMMON
    | {"sha256", "plan", "threshold", "known", "persons", "scores", "gain"},
}
SAME = 1e-6  # scores that differ by less: another number of threads rounds otherwise
SHOWN = {"dice": "Dice", "auc_roc": "AUC"}


def say(part: str, key: str, **fields) -> str:
    """Return a text of ``task.toml`` in the edition's language."""
    return WORDS[part][key][places.language() == "zh"].format(**fields)


@dataclass(frozen=True)
class Photograph:
    """A test eye as the reader gets it: image (3, H, W), fov (1, H, W), no label."""

    name: str
    image: np.ndarray
    fov: np.ndarray


@dataclass
class Turn:
    """One reader's task on one set of eyes; made by ``begin``.

    ``example`` are the settings that the chapter measures while no plan is stated:
    a measurement with these anticipates nothing.
    """

    dataset: str  # "CHASEDB1", or "PHANTOM": drawn eyes in the light of ``LAMP``
    folder: Path  # of record.json and report.html
    mode: str = "lesson"
    size: tuple[int, int] = (584, 565)  # rows, columns of a drawn eye
    example: dict = field(default_factory=dict)
    _eyes: dict = field(default_factory=dict, repr=False)

    @property
    def real(self) -> bool:
        """Tell whether the eyes are photographs."""
        return self.dataset == PHOTOGRAPHS

    def ids(self, part: str) -> tuple[str, ...]:
        """Return the names of "train" and "val" (both to develop on) or "test"."""
        if self.real:
            return datasets.ids(PHOTOGRAPHS, part)
        return PHANTOMS[part][: 2 if self.mode == "smoke" else None]

    def person(self, name: str) -> str:
        """Return whose eye it is: children have two, drawn eyes are each their own."""
        return datasets.person(self.dataset, name)

    def _eye(self, name: str) -> fundus.FundusImage:
        if not self.real:
            return phantom.draw(int(name), *self.size, lamp=LAMP)
        return fundus.load_one(PHOTOGRAPHS, name, places.data_dir())

    def development(self, *parts: str) -> list[fundus.FundusImage]:
        """Return the eyes of "train", of "val" or, by default, of both; with labels."""
        for part in set(parts) - {"train", "val"}:
            raise ValueError(say("error", "closed", came=part))
        names = [name for part in parts or ("train", "val") for name in self.ids(part)]
        for name in names:
            if name not in self._eyes:
                self._eyes[name] = self._eye(name)
        return [self._eyes[name] for name in names]

    def photographs(self) -> list[Photograph]:
        """Return the test eyes without their labels, which are not even read."""
        if not self.real:
            eyes = map(self._eye, self.ids("test"))
            return [Photograph(x.name, x.image, x.fov) for x in eyes]
        facts, result = datasets.get(PHOTOGRAPHS), []
        place = datasets.folder(PHOTOGRAPHS, places.data_dir())
        for name in self.ids("test"):
            file = datasets.locate(place, facts.path(facts.image, name))
            image = fundus.read_image(file)
            result.append(Photograph(name, image, fundus.automatic_fov(image)))
        return result

    # ---- The record ----

    def entries(self, kind: str | None = None) -> list[dict]:
        """Return what happened, in order: all, or the entries of one kind.

        Kinds are "plan", "measure" and "submit". A record that cannot be read is put
        aside, and a new one begins; the protocol says so.
        """
        file = self.folder / "record.json"
        try:
            entries = json.loads(file.read_text("utf-8"))["entries"]
            if not all(NEEDED[entry["kind"]] <= entry.keys() for entry in entries):
                raise KeyError
        except FileNotFoundError:
            entries = []
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            file.replace(file.with_name(f"record-damaged-{self.damaged + 1}.json"))
            entries = []
        return [entry for entry in entries if kind in (None, entry["kind"])]

    @property
    def damaged(self) -> int:
        """Return how many records were put aside because they could not be read."""
        return len(list(self.folder.glob("record-damaged-*.json")))

    def _add(self, kind: str, **entry) -> dict:
        """Write an entry at the end, with its number and the time."""
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        number = len(self.entries(kind)) + 1
        entry = {"kind": kind, "number": number, "time": now} | entry
        record = {"set": self.dataset, "entries": [*self.entries(), entry]}
        saving.write_json(self.folder / "record.json", record)
        return entry

    def state_plan(self, text: str) -> dict | None:
        """Keep a plan with its hash and the time, and return it; the same text once.

        An empty text keeps nothing and returns the last plan, None where there is none.
        """
        text, plans = " ".join(text.split()), self.entries("plan")
        digest = hashlib.sha256(text.encode()).hexdigest()
        if text and (not plans or plans[-1]["sha256"] != digest):
            return self._add("plan", text=text, sha256=digest)
        return plans[-1] if plans else None

    def measure(
        self, probs: Mapping[str, np.ndarray], threshold: float, **settings
    ) -> dict:
        """Score development eyes, {name: (1, H, W)}; count and keep the measurement.

        ``settings`` say in the record how it was made. The same once more, with the
        same scores, tells nothing new and is not counted again.
        """
        eyes = {x.name: x for x in self.development()}
        _refuse_what_has_no_score(probs, threshold, eyes)
        tables = [
            metrics.histogram(p, eyes[name].vessels, eyes[name].fov)
            for name, p in probs.items()
        ]
        scores = metrics.pooled_scores(tables, threshold)
        how = {"settings": settings, "eyes": list(probs), "threshold": float(threshold)}
        for entry in self.entries("measure"):
            gaps = [abs(entry[key] - scores[key]) for key in SHOWN]
            if max(gaps) < SAME and how.items() <= entry.items():
                return entry
        plan = len(self.entries("plan"))  # 0: none was stated
        scores = {key: scores[key] for key in SHOWN}
        return self._add("measure", plan=plan, **how, **scores)

    def submit(self, probs: Mapping[str, np.ndarray], threshold: float) -> dict:
        """Grade predictions of all test eyes, {name: (1, H, W)}; count and keep it.

        The baseline is the shipped network with DRIVE's threshold. A second submission
        is graded as well, and counts as a second look; the same one again does not.
        """
        plans, tried = self.entries("plan"), self.entries("measure")
        if not plans:
            raise ValueError(say("error", "no_plan"))
        eyes = {x.name: x for x in self.photographs()}
        _refuse_what_has_no_score(probs, threshold, eyes, all_of_them=True)
        digest = _digest(probs, threshold)
        for entry in self.entries("submit"):
            if entry["sha256"] == digest:
                return entry
        shipped = Segmenter.load()
        known = [shipped.threshold, *(m["threshold"] for m in tried)]
        return self._add(
            "submit",
            plan=len(plans),
            measurements=len(tried),
            threshold=float(threshold),
            known=float(threshold) in known,
            sha256=digest,
            **self._grade(probs, threshold, shipped),
        )

    def _grade(self, probs: Mapping, threshold: float, shipped: Segmenter) -> dict:
        """Return the scores beside baseline and observer; the labels are read here."""
        thresholds = {
            "yours": threshold,
            "baseline": shipped.threshold,
            "second_observer": 0.5,
        }
        rows = {way: Evaluation(t, self.person) for way, t in thresholds.items()}
        for name in self.ids("test"):
            x = self._eye(name)
            rows["yours"].add(x, np.asarray(probs[name]))
            rows["baseline"].add(x, shipped.probs(x.image, x.fov))
            rows["second_observer"].add(x, x.second.astype(np.float32))
        scores = {
            way: {key: [row.pooled[key], *row.ci95[key]] for key in SHOWN}
            for way, row in rows.items()
        }
        del scores["second_observer"]["auc_roc"]  # a drawing of yes and no has no order
        gain = rows["yours"].against(rows["baseline"])
        return {
            "persons": len({self.person(name) for name in self.ids("test")}),
            "scores": scores,
            "gain": {key: list(gain[key]) for key in SHOWN},
        }

    # ---- What is said of it ----

    def _is_example(self, entry: dict) -> bool:
        early = entry["kind"] == "measure" and not entry["plan"]
        return early and entry["settings"] == self.example

    def events(self) -> list[str]:
        """Return the kinds of the entries in order: "plan", "measure", "submit".

        Measurements of the chapter's example, made before any plan, are left out.
        """
        return [e["kind"] for e in self.entries() if not self._is_example(e)]

    def protocol(self) -> list[tuple[bool, str]]:
        """Return what was kept of the protocol and what was not, a sentence each."""
        plans, tried, submissions = map(self.entries, ("plan", "measure", "submit"))
        early = sum(not m["plan"] and not self._is_example(m) for m in tried)
        kept: list[tuple[bool, str, dict]] = []
        if not plans:
            kept.append((False, "no_plan", {}))
        elif early:
            kept.append((False, "late", {"count": early}))
        else:
            kept.append((True, "in_time", {}))
        if len(plans) > 1:
            before = sum(m["plan"] < len(plans) for m in tried)
            fields = {"count": len(plans) - 1, "tried": before}
            kept.append((True, "changed", fields))  # said, which does no harm
        for number, x in enumerate(submissions, start=1):
            if number > 1:
                kept.append((False, "again", {"count": number}))
            fields = {"number": number, "threshold": f"{x['threshold']:.3f}"}
            kept.append((x["known"], "known" if x["known"] else "unknown", fields))
        if self.damaged:
            kept.append((False, "damaged", {}))
        if len(submissions) == 1:
            kept.append((True, "labels", {}))
        return [(ok, say("protocol", key, **fields)) for ok, key, fields in kept]

    def conclusion(self) -> str:
        """Return what may be concluded from the record, and what may not."""
        if not self.entries("submit"):
            return say("conclusion", "nothing")
        entry = self.entries("submit")[-1]
        low, high = entry["gain"]["dice"][1:]
        word = "gain" if low > 0 else "loss" if high < 0 else "cannot tell"
        kept = all(ok for ok, _ in self.protocol())
        return say(
            "conclusion",
            "text",
            eyes=say("conclusion", self.dataset, persons=entry["persons"]),
            found=say("conclusion", word),
            broken="" if kept else say("conclusion", "broken"),
        )

    def report(self, name: str, sentences: Sequence[str], picture: np.ndarray) -> Path:
        """Write the page to hand in, with record and picture inside; return its path.

        ``sentences`` are three: what was expected, what was found, what comes next.
        ``picture`` is (H, W, 3) in [0, 1]; the last line is the ``conclusion``.
        """
        plans = [
            f"{p['number']} · {p['time']} · {p['sha256'][:12]} · {p['text']}"
            for p in self.entries("plan")
        ]
        grades = [
            line
            for s in self.entries("submit")
            for line in (f"{s['number']} · {s['time']}", *score_lines(s))
        ]
        marks = [f"[{'OK' if ok else '!'}] {line}" for ok, line in self.protocol()]
        said = [
            say("sentences", key, text=text)
            for key, text in zip(WORDS["sentences"], sentences, strict=True)
        ]
        name = html.escape(name) or "______"
        words = {key: say("page", key, name=name) for key in WORDS["page"]}
        page = Template((HERE / "task.html").read_text("utf-8")).substitute(
            words,
            language="zh-CN" if places.language() == "zh" else "en",
            set=say("set", self.dataset),
            plans=_items(plans),
            measurements="\n".join(map(_row, self.entries("measure"))),
            scores=_items(grades),
            protocol=_items(marks),
            picture=_png(picture),
            sentences=_items(said),
            conclusion=self.conclusion(),
        )
        saving.write_bytes(self.folder / "report.html", page.encode())
        return self.folder / "report.html"


def begin(mode: str, **example) -> Turn:
    """Return the task of this machine: CHASE_DB1 where it is whole, else phantoms.

    ``example`` are the settings of the chapter's own measurement. Smoke mode takes
    small phantoms.
    """
    home, base, small = places.output_dir() / "your-turn", places.data_dir(), (146, 141)
    if mode == "smoke":
        return Turn(DRAWN, home / "phantoms-small", mode, small, example)
    here = datasets.found(PHOTOGRAPHS, base) and not datasets.absent(PHOTOGRAPHS, base)
    name = PHOTOGRAPHS if here else DRAWN
    folder = home / ("chasedb1" if here else "phantoms")
    return Turn(name, folder, mode, example=example)


def at_diameter(x: fundus.FundusImage, diameter: float) -> fundus.FundusImage:
    """Return an eye resized to a field of view of ``diameter`` pixels, to train on.

    A label pixel is True where at least half of it was. For scores labels are never
    resized.
    """
    factor = scale_to(diameter, fundus.fov_diameter(x.fov))
    shape = [round(side * factor) for side in x.fov.shape[1:]]
    labels = (resized(y.astype(np.float32), *shape) >= 0.5 for y in (x.vessels, x.fov))
    return fundus.FundusImage(x.name, resized(x.image, *shape), *labels)


def score_lines(submission: dict) -> list[str]:
    """Return a submission's scores with their 95 % intervals, as lines of text."""
    rows = submission["scores"] | {"difference": submission["gain"]}
    lines = []
    for way, row in rows.items():
        numbers = []
        for key, ends in row.items():
            sign = "+" if way == "difference" else ""
            value, low, high = (f"{x:{sign}.4f}" for x in ends)
            fields = {"name": SHOWN[key], "value": value, "low": low, "high": high}
            numbers.append(say("scores", "number", **fields))
        lines.append(say("scores", way, numbers=say("scores", "comma").join(numbers)))
    return lines


def _refuse_what_has_no_score(
    probs: Mapping, threshold: float, eyes: Mapping, all_of_them: bool = False
) -> None:
    """Raise ValueError before any label is read, so that no look is spent."""
    came, needed = ", ".join(map(str, probs)) or "-", ", ".join(eyes)
    if (
        not set(probs) <= set(eyes)
        or not probs
        or (all_of_them and len(probs) < len(eyes))
    ):
        raise ValueError(say("error", "eyes", came=came, needed=needed))
    for name, p in probs.items():
        shape, wanted = np.shape(p), eyes[name].fov.shape
        low, high = np.min(p), np.max(p)
        if shape != wanted or not 0 <= low <= high <= 1:
            fields = {"needed": wanted, "shape": shape, "low": low, "high": high}
            raise ValueError(say("error", "probs", name=name, **fields))
    if not 0 <= threshold <= 1:
        raise ValueError(say("error", "threshold", came=threshold))


def _digest(probs: Mapping[str, np.ndarray], threshold: float) -> str:
    """Return one SHA-256 over names, probabilities and threshold."""
    digest = hashlib.sha256(repr(float(threshold)).encode())
    for name in sorted(probs):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(probs[name], np.float32).tobytes())
    return digest.hexdigest()


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"<li>{html.escape(line)}" for line in lines)


def _row(m: dict) -> str:
    """Return a measurement as a row of the report's table."""
    used = {key: value for key, value in m["settings"].items() if value != ""}
    settings = ", ".join(f"{key} {value}" for key, value in used.items())
    numbers = (f"{m['threshold']:.3f}", f"{m['dice']:.4f}", f"{m['auc_roc']:.4f}")
    cells = (m["number"], m["plan"] or "-", settings, len(m["eyes"]), *numbers)
    return "<tr>" + "".join(f"<td>{html.escape(str(cell))}" for cell in cells)


def _png(picture: np.ndarray) -> str:
    """Return a picture as the base64 of a PNG of at most 640 pixels a side."""
    image = Image.fromarray(np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8))
    image.thumbnail((640, 640))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
