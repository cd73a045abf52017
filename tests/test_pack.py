"""The pack: the whole course, verified files only, the same bytes again."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from loopback import in_folder, quiet, tree

from helpers import datasets, download, fetch, pack, places

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    f"training/images/2{i}_training.tif": f"bytes of {i}".encode() for i in range(1, 4)
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Return a pack of this course without data."""
    file = tmp_path_factory.mktemp("pack") / "p.zip"
    pack.write(file, file.parent / "none", [], say=quiet)
    return file


@pytest.fixture
def drive(monkeypatch, tmp_path) -> Path:
    """Let the course be a file and DRIVE three; return the data folder."""
    monkeypatch.setattr(places, "ROOT", tmp_path)
    in_folder(tmp_path, {"helpers/lesson.py": b"x"})
    digests = {f: hashlib.sha256(body).hexdigest() for f, body in FILES.items()}
    known = {"DRIVE": digests}
    monkeypatch.setattr(datasets, "manifest", lambda name: known.get(name, {}))
    in_folder(tmp_path / "data/DRIVE", FILES)
    return tmp_path / "data"


def names_in(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


def test_pack_holds_verified_files(drive, server, tmp_path):
    first, *others = FILES
    (drive / "DRIVE" / first).write_bytes(b"other bytes")
    said, file = [], tmp_path / "out/fundus-course.zip"
    digest = pack.write(file, drive, ["DRIVE"], say=said.append)
    packed = {name for name in names_in(file) if name.startswith("data/")}
    assert packed == {f"data/DRIVE/{f}" for f in others}
    text = "\n".join(said)
    assert "DRIVE: 2 verified files" in text and "no redistribution" in text
    assert "to your own devices, or ask" in text
    assert digest == datasets.sha256(file) and f"#sha256={digest}" in text
    assert [p.name for p in file.parent.iterdir()] == ["fundus-course.zip"]
    server.bodies["/c.zip"] = file.read_bytes()
    for source, place in ((file, "a"), (f"{server.url}/c.zip", "b")):
        with pytest.raises(fetch.DownloadError, match=f"2 of 3.*are {first}"):
            download.get("DRIVE", tmp_path / place, source=source, say=quiet)
        assert len(tree(tmp_path / place)) == 2


def test_pack_holds_every_file_that_is_published(whole):
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this copy of the course was not cloned with git")
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    published = {x for x in listed.split("\0") if (ROOT / x).is_file()}
    assert published and published <= set(names_in(whole))


def test_pack_takes_the_course_without_what_tools_leave(monkeypatch, drive, tmp_path):
    course = [
        "helpers/lesson.py", "helpers/weights/a.pt", "notebooks/01.ipynb",
        "notebooks/zh/01.ipynb", "notebooks/src/01.py", "results/a.json",
        "tests/test_a.py", ".github/workflows/a.yml", "requirements-lab.txt",
        "constraints.txt", "pyproject.toml", "README.md", "CITATION.cff", "LICENSE",
        "start.bat", "start.sh", ".gitignore",
    ]  # fmt: skip
    others = [
        "helpers/__pycache__/lesson.pyc", "helpers/lesson.pyc", "results/b.json.1.part",
        "notebooks/.ipynb_checkpoints/01-checkpoint.ipynb", "notebooks/.DS_Store",
        "results/older-pack.zip", "outputs/probs.npz", ".git/HEAD", ".venv/a.py",
        ".env", "marks.csv", "tests/.cache/a",
    ]  # fmt: skip
    in_folder(tmp_path, dict.fromkeys(course + others, b"x"))
    pack.write(tmp_path / "notebooks/p.zip", drive, ["DRIVE"], say=quiet)
    packed = names_in(tmp_path / "notebooks/p.zip")
    assert sorted(x for x in packed if not x.startswith("data/")) == sorted(course)


def test_the_same_files_give_the_same_bytes(drive, tmp_path):
    one, two = (pack.write(tmp_path / x, drive, say=quiet) for x in ("a.zip", "b.zip"))
    assert one == two


def test_wheels_are_stored_last_and_come_along_again(monkeypatch, drive, tmp_path):
    in_folder(tmp_path / "new", {"b-1-any.whl": b"b" * 999})
    file, wheel = tmp_path / "p.zip", "wheels/b-1-any.whl"
    said = []
    pack.write(file, drive, wheels=tmp_path / "new", say=said.append)
    assert "wheels: 1 packages" in "\n".join(said)
    with zipfile.ZipFile(file) as archive:
        assert archive.infolist()[-1].filename == wheel
        assert archive.getinfo(wheel).compress_type == zipfile.ZIP_STORED
        archive.extractall(tmp_path / "unpacked")
    monkeypatch.setattr(places, "ROOT", tmp_path / "unpacked")
    pack.write(file, drive, [], say=quiet)
    assert wheel in names_in(file)


def test_import_from_a_pack_does_not_read_its_wheels(monkeypatch, drive, tmp_path):
    monkeypatch.setattr(datasets, "MAX_FILE", 10_000_000)
    (tmp_path / "new").mkdir()
    (tmp_path / "new/large.whl").write_bytes(bytes(10_000_001))
    (drive / "DRIVE" / next(iter(FILES))).unlink()
    pack.write(tmp_path / "p.zip", drive, wheels=tmp_path / "new", say=quiet)
    source = tmp_path / "p.zip"
    assert download.import_from("DRIVE", source, tmp_path / "a", say=quiet) == {}
    assert len(tree(tmp_path / "a")) == 2


def test_chapter_starts_in_an_unpacked_pack(whole, tmp_path):
    course = tmp_path / "课 程"
    with zipfile.ZipFile(whole) as archive:
        archive.extractall(course)
    chapters = {path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    for folder in ("notebooks", "notebooks/zh"):
        assert {path.name for path in (course / folder).glob("*.ipynb")} == chapters
    code = (
        "from helpers import lesson\n"
        "course = lesson.start()\n"
        "from helpers.exercises.chapter_12 import EXERCISES\n"
        "from results.experiments import runs\n"
        "print(lesson.__file__, runs.__file__, len(EXERCISES), sep='|')\n"
    )
    mine = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=course,
        env={**mine, "FUNDUS_MODE": "smoke"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *_, facts = done.stdout.splitlines()
    lesson, runs, num_exercises = facts.split("|")
    assert Path(lesson) == course / "helpers/lesson.py"
    assert Path(runs) == course / "results/experiments/runs.py"
    assert int(num_exercises) > 0


def test_pack_of_what_is_there_and_of_what_is_not(monkeypatch, drive, tmp_path):
    monkeypatch.setattr(datasets, "DATASETS", {"DRIVE": datasets.DATASETS["DRIVE"]})
    monkeypatch.setattr(places, "ROOT", tmp_path / "an empty course")
    said, file = [], tmp_path / "p.zip"
    pack.write(file, tmp_path / "none", say=said.append)
    pack.write(file, drive, [], say=said.append)
    assert names_in(file) == []
    assert "to your own devices" not in "\n".join(said)
    file.unlink()
    with pytest.raises(ValueError, match="holds no verified file; fetch DRIVE first"):
        pack.write(file, tmp_path / "none", ["DRIVE"], say=quiet)
    assert not file.exists()


# The two files that a school starts with.

STARTERS = pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")


@pytest.fixture
def unpacked(whole, tmp_path) -> Path:
    """Return a course unpacked by a program that honours modes, with helpers faked."""
    course = tmp_path / "课 程"
    with zipfile.ZipFile(whole) as archive:
        archive.extract("start.sh", course)
        mode = archive.getinfo("start.sh").external_attr >> 16
    (course / "start.sh").chmod(mode)
    in_folder(course, {"helpers/__main__.py": b"import sys; print(sys.argv[1:])"})
    return course


def start(course: Path, folder: Path, *arguments: str, version=None):
    """Run start.sh with one Python on the path, which claims a version if told so."""
    (folder / "bin").mkdir(exist_ok=True)
    python = folder / "bin/python3"
    claim = f"import sys; sys.version_info = {version}; " if version else ""
    python.write_text(
        f'#!{shutil.which("bash")}\nif [ "$1" = -c ]; then\n'
        f"  exec \"{sys.executable}\" -c \"{claim}exec('''$2''')\"\nfi\n"
        f'exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    for name in ("dirname", "ls", "sed", "sh"):
        (folder / "bin" / name).unlink(missing_ok=True)
        (folder / "bin" / name).symlink_to(shutil.which(name))
    return subprocess.run(
        [course / "start.sh", *arguments],
        env={"PATH": str(folder / "bin"), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
    )


@STARTERS
def test_start_passes_its_arguments_on(unpacked, tmp_path):
    done = start(unpacked, tmp_path, "04", "--language", "zh", version=(3, 12, 0))
    assert done.stdout == "['open', '04', '--language', 'zh']\n", done.stderr


@STARTERS
@pytest.mark.parametrize("version", [(3, 10, 2), (3, 14, 0)])
def test_start_says_which_python_is_needed(unpacked, tmp_path, version):
    done = start(unpacked, tmp_path, version=version)
    assert done.returncode == 1 and not done.stderr
    for words in ("Python 3.11, 3.12 or 3.13 is needed", "需要 Python 3.11"):
        assert words in done.stdout


@STARTERS
def test_start_takes_a_python_that_the_wheels_are_for(unpacked, tmp_path):
    system = {"darwin": "macosx_14_0_arm64"}.get(sys.platform, "manylinux_2_28_x86_64")
    wheel = "wheels/torch-2.13.0+cpu-cp312-cp312-{}.whl"
    in_folder(unpacked, {wheel.format("win_amd64"): b""})
    done = start(unpacked, tmp_path, version=(3, 12, 0))
    assert done.returncode == 1 and "    Python 3.12, win_amd64\n" in done.stdout
    in_folder(unpacked, {wheel.format(system): b""})
    assert start(unpacked, tmp_path, version=(3, 12, 0)).stdout == "['open']\n"
    assert start(unpacked, tmp_path, version=(3, 13, 0)).returncode == 1


@pytest.mark.parametrize(
    ("minor", "wheels", "fits"),
    [
        (12, [], True), (10, [], False), (14, [], False),
        (12, ["cp312-win_amd64", "cp313-win_amd64"], True),
        (11, ["cp312-win_amd64", "cp311-manylinux_2_28_x86_64"], False),
    ],
)  # fmt: skip
def test_windows_takes_a_python_that_the_wheels_are_for(tmp_path, minor, wheels, fits):
    in_folder(tmp_path, {f"wheels/torch-2-{x}.whl": b"" for x in wheels})
    check = re.search('"CHECK=(.*)"', (ROOT / "start.bat").read_text("utf-8"))[1]
    claim = f"import sys; sys.version_info = (3, {minor}); " + check
    done = subprocess.run([sys.executable, "-c", claim], cwd=tmp_path)
    assert done.returncode == (0 if fits else 1)


def test_windows_gets_its_line_ends_and_the_same_pythons():
    text = (ROOT / "start.bat").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") > 20
    batch, shell = text.decode(), (ROOT / "start.sh").read_text("utf-8")
    assert "-m helpers open %*" in batch
    assert re.findall(r"py -(3\.\d+)", batch) == re.findall(r"python(3\.\d+)", shell)
