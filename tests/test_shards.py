"""A folder over many machines: who takes what, names, restarts, one table again."""

import functools
import importlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from helpers import (
    batch,
    environment,
    inference,
    photo,
    places,
    plan,
    seal,
    shards,
    table,
)

commands = importlib.import_module("helpers.__main__")
ROOT = Path(__file__).resolve().parents[1]
N = 4
load = functools.cache(inference.Segmenter.load)


def stub(monkeypatch=None, last: int | None = None) -> None:
    """Segment without a network, by the photograph's bytes; die at the ``last``."""
    seen = []

    def segment(method: photo.Method, job: photo.Job) -> dict[str, str]:
        content = job.path.read_bytes()
        if b"broken" in content:
            raise ValueError(f"{job.path} cannot be read")
        seal.write(job.file("vessels"), Image.new("L", (2, 2), content[-1]), job.note)
        seen.append(job)
        if len(seen) == last:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        share = 0.01 * (content[-1] % 20)
        return {"vessel_share": f"{share:.4f}", "fov_diameter": "80"}

    if monkeypatch:
        monkeypatch.setattr(photo, "segment", segment)
    else:
        photo.segment = segment


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """Work in an empty folder and in this Python, numbered by nobody."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "run_elsewhere", lambda *_: None)
    for name in places.SCHEDULER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(inference.Segmenter, "load", load)
    stub(monkeypatch)


def photographs(folder: str = "photos", number: int = 200) -> list[str]:
    """Write files of which each stem is there four times, and one cannot be read."""
    names = []
    for i in range(number):
        path = Path(folder, f"p{i % 4}", f"eye{i // 4:02d}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"broken" if i == 5 else b"%d" % i + bytes([i]))
        names.append(path.relative_to(folder).as_posix())
    return names


def segment(*options, folder="photos", out="out", recursive=True) -> int:
    given = [folder, "--recursive"] if recursive else [folder]
    keep = ["--out", str(out), "--keep", "vessels"]
    return commands.main(["segment", *given, *keep, *map(str, options)])


def merge(out="out") -> int:
    return commands.main(["segment", "--merge", "--out", str(out)])


def rows(out="out", name=table.NAME) -> list[dict[str, str]]:
    """Return the rows of a table in their order, but for the seconds."""
    return [row | {"seconds": ""} for row in table.read(Path(out, name)).values()]


def pictures(out="out") -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in Path(out).glob("*_vessels.png")}


# Which shard


def test_a_shard_is_named():
    shard = shards.of("3/8")
    assert (shard.number, shard.count, str(shard)) == (3, 8, "3 of 8")
    assert shard.table == "segment.3-of-8.csv"


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "a/b", "1/2/3", "", "-1/4"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ValueError, match=r"--shard .*; give I/N, I from 1 to N"):
        shards.of(text)


def array(task, first, last, count, step) -> dict[str, str]:
    values = {"ID": task, "MIN": first, "MAX": last, "COUNT": count, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("variables", "number", "count"),
    [
        ({"RANK": "0", "WORLD_SIZE": "4"}, 1, 4),
        ({"RANK": "3", "WORLD_SIZE": "4"}, 4, 4),
        ({"RANK": "1", "WORLD_SIZE": "2"} | array(3, 1, 4, 4, 1), 2, 2),
        (array(1, 1, 4, 4, 1), 1, 4),
        (array(99, 0, 99, 100, 1), 100, 100),
        (array(4, 0, 8, 3, 4), 2, 3),  # --array=0-8:4
        (array(8, 2, 8, 3, 3), 3, 3),  # --array=2-9:3
        (array(5, 5, 5, 2, 1) | {"FUNDUS_SHARDS": "8"}, 5, 8),  # --array=3,5
        (array(2, 1, 4, 4, 1) | {"JOB_COMPLETION_INDEX": "0"}, 2, 4),
        ({"JOB_COMPLETION_INDEX": "0", "FUNDUS_SHARDS": "100"}, 1, 100),
        ({"JOB_COMPLETION_INDEX": "99", "FUNDUS_SHARDS": "100"}, 100, 100),
    ],
)
def test_schedulers_number_shards(monkeypatch, variables, number, count):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shard = shards.of("auto")
    assert (shard.number, shard.count) == (number, count)
    assert set(re.findall(r"[A-Z_]{4,}", shard.by)) <= variables.keys()


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({}, "--shard auto finds no number.*give I/N"),
        ({"FUNDUS_SHARDS": "4"}, "--shard auto finds no number"),
        ({"RANK": "0"}, "RANK needs WORLD_SIZE, which is not set"),
        ({"RANK": "4", "WORLD_SIZE": "4"}, "there is no shard 5 of 4"),
        ({"RANK": "one", "WORLD_SIZE": "4"}, "RANK, which is 'one'"),
        ({"JOB_COMPLETION_INDEX": "0"}, "needs FUNDUS_SHARDS, which is not set"),
        ({"SLURM_ARRAY_TASK_ID": "1"}, "needs SLURM_ARRAY_TASK_MIN"),
        # What Slurm gave the tasks of --array=3,5 and of --array=1,2,6,7:
        (array(3, 3, 5, 2, 1), "task 3 .* set FUNDUS_SHARDS"),
        (array(5, 5, 5, 2, 1), "task 5 .* set FUNDUS_SHARDS"),
        (array(6, 1, 7, 4, 1), "task 6 .* set FUNDUS_SHARDS"),
        (array(0, 0, 3, 4, 1) | {"FUNDUS_SHARDS": "4"}, "there is no shard 0 of 4"),
    ],
)
def test_what_schedulers_leave_open_is_refused(monkeypatch, variables, word):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=word):
        shards.of("auto")


def shares(folder) -> list[set[str]]:
    found, _ = batch.find([Path(folder)], Path("out"), recursive=True)
    every = [shards.Shard(n, N) for n in range(1, N + 1)]
    return [{p.key for p in found if s.holds(p.key)} for s in every]


def test_each_photograph_is_in_one_shard_and_stays_there():
    names = set(photographs())
    parts = shares("photos")
    assert set().union(*parts) == names and sum(map(len, parts)) == len(names)
    assert min(map(len, parts)) > 30
    shutil.move("photos", "elsewhere")
    assert shares("elsewhere") == parts, "the mount does not matter"
    photographs("elsewhere", 240)
    grown = shares("elsewhere")
    assert all(new >= old for new, old in zip(grown, parts, strict=True))
    assert sum(map(len, grown)) == 240


def test_keys_are_paths_below_all_that_was_given_or_ids():
    photographs(number=8)
    found, _ = batch.find([Path("photos/p0"), Path("photos/p*/eye01.png")], Path("out"))
    keys = ["p0/eye00.png", "p0/eye01.png", "p1/eye01.png"]
    assert [p.key for p in found[:3]] == keys and len(found) == 5
    Path("list.csv").write_text("id,path\nP1,photos/p0/eye00.png\n")
    assert batch.listed(Path("list.csv"))[0].key == "P1"
    assert batch.Photograph(Path("photos/p0/eye00.png")).key == "eye00.png"


# Names


def test_names_follow_from_the_list_alone():
    files = ["x/a.png", "x/A.jpg", "y/a.png", "z/a.png", "z/a_png.png", "z/b.png"]
    named = batch.planned([batch.Photograph(Path(f), within=f) for f in files])
    names = [p.planned for p in named]
    assert names == ["a", "A_jpg", "a_png", "a-2", "a_png_png", "b"]
    for known in ({}, {2}, {0, 3, 4}, {1, 5}):
        given = {named[i].key: names[i] for i in known}
        again = batch.planned(named, given)
        assert [p.planned for p in again] == names, "whichever plans lie there"
    grown = [batch.Photograph(Path("0/a.png"), within="0/a.png"), *named]
    given = {p.key: p.planned for p in named}
    assert [p.planned for p in batch.planned(grown, given)] == ["a-3", *names]
    asked = [batch.Photograph(Path("a.png"), name) for name in ("P/1", "P_1")]
    assert [p.planned for p in batch.planned(asked)] == ["P_1", "P_1-2"]


def test_a_file_of_the_users_stays_and_no_other_shard_takes_the_name():
    photographs(number=8)
    Path("out").mkdir()
    Path("out/eye00_prob.png").write_bytes(b"mine")
    for n in range(1, N + 1):
        for _ in range(2):
            assert segment("--shard", f"{n}/{N}") == 0
    assert Path("out/eye00_prob.png").read_bytes() == b"mine"
    assert merge() == 2, "one is broken"
    first = rows()[0]
    assert first["result"] == f"eye00-{first['sha256'][:8]}"
    assert len({row["result"] for row in rows()}) == 8
    done = [outcome for n in range(1, N + 1) for outcome in shard_run(f"{n}/{N}")]
    assert all(o.skipped or "cannot be read" in o.row["error"] for o in done)


# The work


def killed(shard: str, at: int) -> int:
    """Segment a shard in a process that dies by SIGKILL; return its exit code."""
    code = (
        f"import sys; sys.path[:0] = {[str(ROOT / 'tests'), str(ROOT)]!r}\n"
        f"import test_shards as t; t.stub(last={at})\n"
        "t.environment.run_elsewhere = lambda *_: None\n"
        f"t.segment('--shard', {shard!r})"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode


def test_shards_one_of_them_killed_give_the_table_of_one_run(capsys):
    photographs()
    assert segment(out="whole") == 2, "one cannot be read"
    for n in (4, 1, 3):  # in any order
        assert segment("--shard", f"{n}/{N}") == 0
    said = capsys.readouterr().out
    assert said.endswith("python3 -m helpers segment --merge --out out\n")
    assert not Path("out/index.html").exists() and not Path("out/segment.csv").exists()
    assert killed("2/4", at=20) == (-signal.SIGKILL if os.name == "posix" else 15)
    started = rows(name="segment.2-of-4.csv")
    assert sum(row["error"] == table.UNFINISHED for row in started) == 1
    assert merge() == 2
    owed = len(shares("photos")[1]) - sum(not r["error"] for r in started)
    said = capsys.readouterr().err
    assert f"of 4 shards not finished: 2 (rows owed: {owed})" in said
    assert segment("--shard", "2/4") == 0
    assert "19 done before" in capsys.readouterr().out
    assert merge() == 2
    assert len(rows()) == 200 and rows() == rows("whole")
    assert len({row["result"] for row in rows()} - {""}) == 199
    assert pictures() == pictures("whole")
    files = [Path("out", name) for name in ("segment.csv", "index.html")]
    assert files[1].read_bytes() == Path("whole/index.html").read_bytes()
    before = [file.read_bytes() for file in files]
    assert merge() == 2
    assert [file.read_bytes() for file in files] == before
    assert len(list(Path("out").glob("segment.*-of-4.csv"))) == N


def test_a_list_that_grows_moves_nothing_and_is_merged_again(capsys):
    photographs(number=40)
    every = [f"{n}/{N}" for n in range(1, N + 1)]
    assert [segment("--shard", s) for s in every] == [0] * N and merge() == 2
    first = {row["file"]: row for row in rows()}
    photographs(number=60)
    Path("photos/0").mkdir()  # comes first, with stems that are taken
    Path("photos/0/eye00.png").write_bytes(b"new")
    assert segment("--shard", "1/4") == 0
    assert merge() == 2
    said = capsys.readouterr().err
    assert "different lists of photographs: 1 (61 photographs" in said
    assert [segment("--shard", s) for s in every[1:]] == [0] * 3 and merge() == 2
    after = {row["file"]: row for row in rows()}
    assert len(after) == 61 and {file: after[file] for file in first} == first
    assert len({row["result"] for row in rows()} - {""}) == 60
    assert next(iter(after)).endswith("eye00.png")
    shutil.rmtree("photos/p3")
    assert [segment("--shard", s) for s in every] == [0] * N and merge() == 2
    assert len(rows()) == 46, "what is gone is in no row"


def test_another_mount_goes_on_where_one_stopped():
    photographs(number=20)
    assert segment("--shard", "1/1") == 0
    before = pictures()
    Path("photos").rename("mounted")
    assert segment("--shard", "1/1", folder="mounted") == 0 and merge() == 2
    assert pictures() == before and len(rows()) == 20
    assert all("mounted" in row["file"] for row in rows())


def test_an_empty_shard_says_so_and_is_merged(capsys):
    photographs(number=2)
    parts = {n: f"{n}/9" for n in range(1, 10)}
    assert [segment("--shard", part) for part in parts.values()] == [0] * 9
    assert re.search(r"shard \d of 9: 0 of 2 photographs\n", capsys.readouterr().out)
    assert merge() == 0 and len(rows()) == 2


# What is refused


def shard_run(text: str, out="out", **options) -> list[batch.Outcome]:
    found, _ = batch.find([Path("photos")], Path(out), recursive=True)
    options = {"keep": ["vessels"], "shard": shards.of(text)} | options
    return list(batch.segment_files(found, Path(out), **options))


def test_a_folder_is_filled_in_one_way():
    photographs(number=8)
    shard_run("1/2")
    with pytest.raises(ValueError, match="is filled by 2 shards, not by 3: keep to 2"):
        shard_run("1/3")
    found, _ = batch.find([Path("photos/p0")], Path("out"))
    with pytest.raises(ValueError, match="is filled by 2 shards: add --shard I/2"):
        next(batch.segment_files(found, Path("out")))
    list(batch.segment_files(found, Path("whole"), keep=["vessels"]))
    with pytest.raises(ValueError, match="of a run without shards: name another --out"):
        shard_run("1/2", out="whole")
    assert not list(Path("whole").glob("segment.*-of-*"))


def test_merge_names_what_is_missing():
    with pytest.raises(FileNotFoundError, match="holds no table of a shard"):
        shards.merge(Path("out"))
    photographs(number=40)
    shard_run("1/6")
    shard_run("5/6")
    with pytest.raises(ValueError, match=r"6 shards not started: 2-4,6\. Start these"):
        shards.merge(Path("out"))
    for n in (2, 3, 4, 6):
        shard_run(f"{n}/6")
    Path("out/segment.5-of-6.csv").unlink()
    with pytest.raises(ValueError, match=r"not finished: 5 \(rows owed: \d+\).*5/6"):
        shards.merge(Path("out"))
    assert not Path("out/segment.csv").exists()
    shard_run("5/6")
    Path("out/segment.1-of-2.csv").touch()
    with pytest.raises(ValueError, match="tables of 2 and of 6 shards: remove"):
        shards.merge(Path("out"))
    Path("out/segment.1-of-2.csv").unlink()
    assert len(shards.merge(Path("out"))) == 40


def test_merge_refuses_rows_made_in_different_ways():
    photographs(number=40)
    shard_run("1/3")
    shard_run("2/3", threshold=0.25)
    shard_run("3/3")
    words = r"different options: 1,3 \(threshold [\d.]+\); 2 \(threshold 0\.25\)"
    with pytest.raises(ValueError, match=words):
        shards.merge(Path("out"))
    shard_run("2/3")
    assert len(shards.merge(Path("out"))) == 40


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"entries": [[1]]}'])
def test_a_plan_that_is_none_is_named(content):
    photographs(number=8)
    shard_run("1/1")
    Path("out/segment.1-of-1.json").write_bytes(content)
    with pytest.raises(ValueError, match="is no plan of a shard .* start that shard"):
        shards.merge(Path("out"))


def test_merge_takes_out_alone(capsys):
    assert commands.main(["segment", "a.png", "--merge", "--out", "out"]) == 2
    assert "--merge takes no photographs and no --shard" in capsys.readouterr().err
    assert merge() == 2
    assert "holds no table of a shard" in capsys.readouterr().err
    assert not Path("out").exists()


def test_spans_are_written_as_slurm_takes_them():
    assert shards.spans([7, 1, 2, 3, 9, 10]) == "1-3,7,9-10"
    assert shards.spans([]) == ""


# The job files


def words_of(script: str, *arguments: str, **variables) -> list[str]:
    """Run a job file with a python3 and a torchrun that write down what they got."""
    folder = Path("bin")
    folder.mkdir(exist_ok=True)
    for name in ("python3", "torchrun"):
        stub = folder / name
        stub.write_text(
            f'#!/bin/sh\nprintf "%s " {name} "$@" >> calls\n'
            'echo "FUNDUS_SHARDS=$FUNDUS_SHARDS" >> calls\n'
        )
        stub.chmod(0o755)
    path = f"{folder.resolve()}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path} | variables
    shell = "bash" if "slurm" in script else "sh"
    command = [shell, str(ROOT / "jobs" / script), *arguments]
    subprocess.run(command, env=env, check=True)
    lines = Path("calls").read_text("utf-8").splitlines()
    Path("calls").unlink()
    return lines


def taken(line: str):
    """Return the options that the parser reads of a line that a job gives."""
    options = [w for w in shlex.split(line) if not w.startswith("FUNDUS_SHARDS")]
    args, rest = commands.parser().parse_known_args(options[options.index("segment") :])
    assert not rest
    return args


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_slurms_job_gives_the_two_commands():
    tasks = array(3, 1, 100, 100, 1) | {"SLURM_CPUS_PER_TASK": "4"}
    (line,) = words_of("slurm.sh", "/my photos", "/out", **tasks)
    args = taken(line.replace("/my photos", "'/my photos'"))
    assert (args.shard, args.jobs, args.out) == ("auto", 4, Path("/out"))
    number = re.search(r"FUNDUS_SHARDS=(\d+)", line)[1]
    text = (ROOT / "jobs/slurm.sh").read_text("utf-8")
    assert f"#SBATCH --array=1-{number}\n" in text
    shard = shards.numbered(tasks | {"FUNDUS_SHARDS": number})
    assert (shard.number, shard.count) == (3, 100)
    (line,) = words_of("slurm.sh", "--merge", "/out")
    assert taken(line).merge and taken(line).out == Path("/out")


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a shell")
def test_torchruns_lines_give_the_two_commands():
    first, second = words_of("torchrun.sh", "/photos", "/out", "4")
    assert first.startswith("torchrun --nproc-per-node 4 -m helpers segment /photos ")
    assert taken(first).shard == "auto" and taken(second).merge


def test_kubernetes_jobs_give_the_two_commands():
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    text = (ROOT / "jobs/kubernetes.yaml").read_text("utf-8")
    claim, segments, merges = yaml.safe_load_all(text)
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    spec, pod = segments["spec"], segments["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed" and spec["backoffLimitPerIndex"] > 0
    assert 0 < spec["parallelism"] <= spec["completions"]
    assert pod["restartPolicy"] == "Never", "else Kubernetes refuses the limit"
    (container,) = pod["containers"]
    args = taken(shlex.join(container["command"] + container["args"]))
    assert args.shard == "auto" and args.images == [Path("/photographs")]
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert variables.pop("OMP_NUM_THREADS") == container["resources"]["limits"]["cpu"]
    assert variables.keys() <= set(places.SCHEDULER)
    last = {"JOB_COMPLETION_INDEX": str(spec["completions"] - 1)}
    shard = shards.numbered(variables | last)
    assert shard.number == shard.count == spec["completions"]
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    assert mounts == {"photographs": "/photographs", "results": "/results"}
    assert {v["name"] for v in pod["volumes"]} == mounts.keys()
    assert merges["spec"]["suspend"] is True
    (container,) = merges["spec"]["template"]["spec"]["containers"]
    args = taken(shlex.join(container["command"]))
    assert args.merge and args.out == Path("/results")


# On paper


def test_a_million_photographs_on_paper():
    made = plan.photographs(
        1_000_000, 100, seconds_each=3.6, bytes_each=5e5, kept_bytes_each=1.5e6,
        price_per_core_hour=0.1, price_per_terabyte_month=20, months=3,
    )  # fmt: skip
    assert made.core_hours == pytest.approx(1000) and made.hours == pytest.approx(10)
    assert made.terabytes == pytest.approx(2)
    assert made.computing == pytest.approx(1000 * 0.1)
    assert made.storage == pytest.approx(2 * 20 * 3)
    assert made.shards == 500
    small = plan.photographs(2001, 1, **plan.SMALL, price_per_core_hour=0, months=0)
    assert small.shards == 2 and small.computing == small.storage == 0
    assert small.hours == pytest.approx(2001 * plan.SMALL["seconds_each"] / 3600)


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ({"cores": 0}, "cores is 0: it must be at least 1"),
        ({"count": -1}, "count is -1"),
        ({"months": -1.0}, "months is -1.0: it must be at least 0"),
        ({"seconds_each": float("nan")}, "seconds_each is nan"),
    ],
)
def test_a_plan_of_nothing_is_refused(numbers, word):
    with pytest.raises(ValueError, match=word):
        plan.photographs(**numbers)
