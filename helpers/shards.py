"""A folder of photographs shared out among machines, and their tables made one again.

No machine waits for another: which shard a photograph is in follows from its name, each
shard has a table of its own, and beside it a plan, which says what the table owes.
"""

from __future__ import annotations

import collections
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import places, saving
from .table import NAME, UNFINISHED, Rows, Table

FILE = re.compile(r"segment\.(\d+)-of-(\d+)\.(csv|json)")
# What must be equal in all rows; a mask is each photograph's own.
WAY = ("weights", "threshold", "diameter", "copies", "version")
REMEDY = "give I/N, I from 1 to N, such as --shard 1/4"


@dataclass(frozen=True)
class Shard:
    """Part ``number`` (from 1) of ``count``; ``by`` says who numbered it."""

    number: int
    count: int
    by: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.number} of {self.count}"

    @property
    def table(self) -> str:
        """Return the name of its table, segment.I-of-N.csv."""
        return f"segment.{self.number}-of-{self.count}.csv"

    @property
    def plan(self) -> str:
        """Return the name of its plan, segment.I-of-N.json."""
        return f"segment.{self.number}-of-{self.count}.json"

    def holds(self, key: str) -> bool:
        """Tell whether a photograph is in it, by its ``batch.Photograph.key``."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1


# ---- Which shard ----


def of(text: str) -> Shard:
    """Read I/N, or ``auto``: the number that a scheduler gave to this process."""
    if text == "auto":
        return numbered(places.scheduler())
    found = re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)
    number, count = map(int, found.groups()) if found else (0, 0)
    return _checked(number, count, f"--shard {text}")


def numbered(variables: Mapping[str, str]) -> Shard:
    """Return the shard of a process that torchrun, Slurm or Kubernetes numbered.

    ``variables`` are those of ``places.scheduler``. The first that numbers tasks
    decides, in this order. ValueError where none does, or where the number of tasks is
    missing.
    """
    if "RANK" in variables:
        rank, size = _whole(variables, "RANK", "WORLD_SIZE")
        return _checked(rank + 1, size, "RANK and WORLD_SIZE")
    if "SLURM_ARRAY_TASK_ID" in variables:
        return _of_array(variables)
    if "JOB_COMPLETION_INDEX" in variables:
        index, size = _whole(variables, "JOB_COMPLETION_INDEX", "FUNDUS_SHARDS")
        return _checked(index + 1, size, "JOB_COMPLETION_INDEX and FUNDUS_SHARDS")
    raise ValueError(
        "--shard auto finds no number: neither torchrun (RANK) nor an array of Slurm's "
        "(SLURM_ARRAY_TASK_ID) nor an Indexed Job of Kubernetes' (JOB_COMPLETION_INDEX)"
        f" started this process; {REMEDY}"
    )


def _of_array(variables: Mapping[str, str]) -> Shard:
    """Return the shard of a task of Slurm's: 1-N, or any whole array, as 0-99 or 2-9:3.

    A part, as where some tasks are started again, says nothing of the whole: then
    FUNDUS_SHARDS gives the number, and the tasks count from 1.
    """
    if "FUNDUS_SHARDS" in variables:
        number, count = _whole(variables, "SLURM_ARRAY_TASK_ID", "FUNDUS_SHARDS")
        return _checked(number, count, "SLURM_ARRAY_TASK_ID and FUNDUS_SHARDS")
    ends = ("ID", "MIN", "MAX", "COUNT", "STEP")
    names = [f"SLURM_ARRAY_TASK_{end}" for end in ends]
    task, first, last, count, step = _whole(variables, *names)
    if not step or first + step * (count - 1) != last:
        raise ValueError(
            f"task {task} of Slurm's array: its {count} tasks from {first} to {last} "
            "are a part of an array, or a list; set FUNDUS_SHARDS to the number of all "
            "shards and count the tasks from 1 (jobs/slurm.sh)"
        )
    number = (task - first) // step + 1
    return _checked(number, count, "SLURM_ARRAY_TASK_ID")


def _whole(variables: Mapping[str, str], *names: str) -> list[int]:
    """Return variables as whole numbers."""
    for name in names:
        if not re.fullmatch(r"\d+", variables.get(name, ""), re.ASCII):
            came = repr(variables[name]) if name in variables else "not set"
            raise ValueError(f"{names[0]} needs {name}, which is {came}; {REMEDY}")
    return [int(variables[name]) for name in names]


def _checked(number: int, count: int, by: str) -> Shard:
    if not 1 <= number <= count:
        raise ValueError(f"{by}: there is no shard {number} of {count}; {REMEDY}")
    return Shard(number, count, by)


# ---- What lies in the folder of the results ----


def counts(out: Path) -> set[int]:
    """Return the N of all segment.I-of-N files in a folder; more than one is wrong."""
    names = (path.name for path in out.glob("segment.*-of-*.*"))
    return {int(found[2]) for found in map(FILE.fullmatch, names) if found}


def check(out: Path, shard: Shard | None) -> None:
    """Refuse a folder that is filled in another way: one number of shards, or none."""
    there = counts(out)
    other = sorted(there - {shard.count if shard else 0})
    if other and shard:
        raise ValueError(
            f"{out} is filled by {other[0]} shards, not by {shard.count}: keep to "
            f"{other[0]}, or name another --out"
        )
    if other:
        raise ValueError(
            f"{out} is filled by {other[0]} shards: add --shard I/{other[0]}, or name "
            "another --out"
        )
    if shard and not there and (out / NAME).exists():
        raise ValueError(
            f"{out} holds the {NAME} of a run without shards: name another --out"
        )


@dataclass(frozen=True)
class Entry:
    """A photograph in a plan.

    number : its place in the whole list, from 0; key : ``batch.Photograph.key``; file :
    its path as in the table; result : how the names of its pictures begin.
    """

    number: int
    key: str
    file: str
    result: str


@dataclass(frozen=True)
class Plan:
    """What a shard owes: its entries, and the whole list they come from."""

    total: int  # photographs in the whole list
    digest: str  # SHA-256 of its keys in their order
    entries: tuple[Entry, ...]

    @classmethod
    def part(cls, shard: Shard, whole: Sequence[Entry]) -> Plan:
        """Take a shard's entries out of the whole list."""
        keys = "\0".join(entry.key for entry in whole)
        digest = hashlib.sha256(keys.encode("utf-8", "surrogatepass")).hexdigest()
        mine = tuple(entry for entry in whole if shard.holds(entry.key))
        return cls(len(whole), digest, mine)

    def write(self, path: Path) -> None:
        """Write the plan, whole or not at all."""
        rows = [[e.number, e.key, e.file, e.result] for e in self.entries]
        lines = ",\n".join(map(json.dumps, rows))
        head = json.dumps({"total": self.total, "digest": self.digest})[:-1]
        text = f'{head}, "entries": [\n{lines}\n]}}\n'
        saving.write_bytes(path, text.encode("ascii"))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read a plan; ValueError where it is none."""
        try:
            given = json.loads(path.read_bytes())
            entries = tuple(Entry(*row) for row in given["entries"])
            return cls(given["total"], given["digest"], entries)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is no plan of a shard ({error}): remove it, and start that "
                "shard again"
            ) from error


def _plans(out: Path, count: int) -> dict[int, Plan]:
    """Return the plans in a folder by the numbers of their shards, from 1."""
    files = {n: out / Shard(n, count).plan for n in range(1, count + 1)}
    return {n: Plan.read(file) for n, file in files.items() if file.is_file()}


def names(out: Path, count: int) -> dict[str, str]:
    """Return the names of results that ``count`` shards' plans have given, by key."""
    plans = _plans(out, count).values()
    return {entry.key: entry.result for plan in plans for entry in plan.entries}


# ---- One table again ----


def merge(out: Path) -> list[dict[str, str]]:
    """Write segment.csv from the tables of all shards, and return its rows.

    They stand in the order of the whole list, as a run without shards leaves them. The
    shards' tables and plans stay, so that a shard can go on and the merge be repeated.
    FileNotFoundError where there are none; ValueError where one is missing, where rows
    are, or where shards were started with different lists or options.
    """
    there = counts(out)
    if not there:
        raise FileNotFoundError(
            f"{out} holds no table of a shard (segment.1-of-4.csv): first run the "
            "shards, segment ... --shard I/N with this --out"
        )
    if len(there) > 1:
        raise ValueError(
            f"{out} holds tables of {' and of '.join(map(str, sorted(there)))} shards: "
            "remove the segment.*-of-N.* of the wrong N"
        )
    (count,) = there
    plans = _plans(out, count)
    tables = {n: Table(out, name=Shard(n, count).table).rows for n in plans}
    _refuse_unfinished(count, plans, tables)
    _refuse_other_lists(plans)
    pairs = [(e.number, tables[n][e.file]) for n, p in plans.items() for e in p.entries]
    _refuse_other_ways(plans, tables)
    merged = [row for _, row in sorted(pairs, key=lambda pair: pair[0])]
    with Table(out).changing() as rows:
        rows.clear()
        rows.update({row["file"]: row for row in merged})
    return merged


def _refuse_unfinished(
    count: int, plans: Mapping[int, Plan], tables: Mapping[int, Rows]
) -> None:
    """Name the shards that must be started again, as Slurm's --array takes them."""
    absent = [n for n in range(1, count + 1) if n not in plans]
    owed = {
        n: sum(
            tables[n].get(entry.file, {}).get("error", UNFINISHED) == UNFINISHED
            for entry in plan.entries
        )
        for n, plan in plans.items()
    }
    short = [n for n in owed if owed[n]]
    if absent or short:
        said = [f"not started: {spans(absent)}"] if absent else []
        rows = sum(owed.values())
        said += [f"not finished: {spans(short)} (rows owed: {rows})"] if short else []
        raise ValueError(
            f"of {count} shards {'; '.join(said)}. Start these again with the same "
            f"command, --shard {min(absent + short)}/{count} and so on, then merge"
        )


def _refuse_other_lists(plans: Mapping[int, Plan]) -> None:
    """Refuse shards of another list of photographs."""
    lists = collections.defaultdict(list)
    for number, plan in plans.items():
        lists[f"{plan.total} photographs, {plan.digest[:8]}"].append(number)
    if len(lists) > 1:
        said = "; ".join(f"{spans(lists[text])} ({text})" for text in lists)
        raise ValueError(
            f"the shards had different lists of photographs: {said}. Start again, with "
            "today's list, those that had another, then merge"
        )


def _refuse_other_ways(plans: Mapping[int, Plan], tables: Mapping[int, Rows]) -> None:
    """Refuse rows that were made in different ways."""
    ways = collections.defaultdict(set)
    for number, plan in plans.items():
        for row in (tables[number][entry.file] for entry in plan.entries):
            if row["weights"]:
                ways[tuple(row[column] for column in WAY)].add(number)
    if len(ways) > 1:
        differing = [c for c, *seen in zip(WAY, *ways, strict=True) if len({*seen}) > 1]
        said = "; ".join(
            f"{spans(ways[way])} ({_shown(way, differing)})" for way in ways
        )
        raise ValueError(
            f"the shards had different options: {said}. Start again, with the right "
            "ones, those that had others, then merge"
        )


def _shown(way: tuple[str, ...], columns: list[str]) -> str:
    cells = zip(WAY, way, strict=True)
    return ", ".join(f"{c} {cell or 'measured'}" for c, cell in cells if c in columns)


def spans(numbers: Iterable[int]) -> str:
    """Write numbers as Slurm takes them: 1-3,7."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ",".join("-".join(map(str, run)) for run in runs)
