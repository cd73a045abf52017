"""The set-up cell: it finds the course or fetches it, or says what to do."""

import functools
import hashlib
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest

from helpers import pack
from notebooks.tools import paste, run

ROOT = Path(__file__).resolve().parents[1]
CELL = paste.setup_cell(ROOT)
# The package alone, without what it needs: seconds instead of minutes.
FIND = CELL.replace("from helpers import lesson", "import helpers as lesson")
FIND = FIND.replace("course = lesson.start()", "print(lesson)")
DATA = FIND + "\nfrom helpers import places; print(places.data_dir())"
OLD, NEW = "SLUG", "datasets/OWNER/SLUG"  # below /kaggle/input


def set_up(folder: Path, text=FIND, **variables) -> subprocess.CompletedProcess:
    """Run the cell in a folder as a user of that machine who has set nothing."""
    env = run.kernel_environment(**{"NO_PROXY": "*"} | variables)
    for name in {"FUNDUS_REPO", "FUNDUS_DATA", "PYTHONPATH"} - variables.keys():
        env.pop(name, None)
    command = [sys.executable, "-c", text]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.fixture
def content(tmp_path) -> Path:
    """Return the empty folder in which the notebook runs."""
    (tmp_path / "content").mkdir()
    return tmp_path / "content"


@pytest.fixture
def web(tmp_path):
    """Serve a folder; return it and its address."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def course_zip(tmp_path_factory) -> Path:
    """Return a pack with one file in a data folder."""
    place = tmp_path_factory.mktemp("pack")
    pack.write(place / "fundus-course.zip", place / "none", say=str)
    with zipfile.ZipFile(place / "fundus-course.zip", "a") as archive:
        archive.writestr("data/DRIVE/a.txt", "data")
    return place / "fundus-course.zip"


# What it finds


@pytest.mark.parametrize("place", ["helpers", "my copy/helpers"])
def test_a_folder_in_the_working_directory(content, place):
    shutil.copytree(ROOT / "helpers", content / place)
    done = set_up(content, FUNDUS_REPO="file:///nowhere")
    assert str(content / place) in done.stdout, done.stderr


def test_the_folder_that_is_named(tmp_path, content):
    shutil.copytree(ROOT / "helpers", tmp_path / "my course/helpers")
    for named in ("../my course", str(tmp_path / "my course")):
        done = set_up(content, FUNDUS_REPO=named)
        assert "my course/helpers" in done.stdout, done.stderr


def test_the_clone_around_it_and_not_one_further_up(tmp_path):
    for place in (tmp_path, tmp_path / "inner"):
        shutil.copytree(ROOT / "helpers", place / "helpers")
    (tmp_path / "inner/notebooks/zh").mkdir(parents=True)
    done = set_up(tmp_path / "inner/notebooks/zh", FUNDUS_REPO="file:///nowhere")
    assert str(tmp_path / "inner/helpers") in done.stdout, done.stderr


@pytest.mark.parametrize("mount", [OLD, f"{OLD}/course-main", NEW, f"{NEW}/course"])
def test_kaggles_mounts_old_and_new(tmp_path, content, mount):
    shutil.copytree(ROOT / "helpers", tmp_path / "input" / mount / "helpers")
    text = FIND.replace("/kaggle/input", str(tmp_path / "input"))
    done = set_up(content, text, FUNDUS_REPO="file:///nowhere")
    assert str(tmp_path / "input" / mount / "helpers") in done.stdout, done.stderr
    assert list(content.iterdir()) == []


# What it fetches


def test_it_clones_once_whatever_lies_broken_there(content, published):
    (content / "fundus_course.part").mkdir()
    assert "fundus_course" in set_up(content, FUNDUS_REPO=published).stdout
    again = set_up(content, FUNDUS_REPO="file:///nowhere")
    assert again.returncode == 0, again.stderr


def at(address: str, tag: str, text: str = FIND) -> str:
    """Return the cell as it is when published elsewhere."""
    return re.sub(
        r"(?m)^ADDRESS, TAG = .*$", f'ADDRESS, TAG = "{address}", "{tag}"', text
    )


def test_it_clones_the_branch_or_tag_of_the_published_address(content, published):
    said = set_up(content, at(published, "v44")).stderr
    assert "v44" in said, "git's words: it has no such tag"


def in_colab(sessions: str, web, text: str) -> str:
    """Return the cell as it runs where Colab answers so."""
    folder, address = web
    (folder / "api").mkdir()
    (folder / "api/sessions").write_text(sessions)
    return text.replace(":9000/", address.rpartition("/")[2][9:] + "/")


@pytest.mark.parametrize("branch", ["main", "lessons/autumn"])
@pytest.mark.parametrize("public", [True, False])
def test_a_copy_opened_from_a_fork_comes_from_the_fork(content, web, branch, public):
    folder, address = web
    fork = f"{address}/teacher/eyes"
    if public:
        (folder / "teacher/eyes").mkdir(parents=True)
    path = f"{fork}/blob/{branch}/notebooks/zh/05_preprocessing.ipynb"
    sessions = f'[{{"path": "fileId={quote(path, safe="")}", "kernel": {{}}}}]'
    text = in_colab(sessions, web, at("https://example.org/original", "v1"))
    told = 'print(source, tag) or sys.exit("end")'
    text = text.replace('print(f"Fetching the course', f'{told}; print(f"')
    done = set_up(content, text, COLAB_JUPYTER_IP="127.0.0.1")
    expected = [fork, branch] if public else ["https://example.org/original", "v1"]
    assert done.stdout.split() == expected, done.stderr


@pytest.mark.parametrize("sessions", ["", "[]", '[{"path": "fileId=1AbC"}]', "<html>"])
def test_what_colab_does_not_tell_is_no_obstacle(content, web, published, sessions):
    branch = subprocess.run(
        ["git", "-C", published.removeprefix("file://"), "branch", "--show-current"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    text = in_colab(sessions, web, at(published, branch))
    done = set_up(content, text, COLAB_JUPYTER_IP="127.0.0.1")
    assert "fundus_course" in done.stdout, done.stderr


@pytest.mark.parametrize("way", ["here", "drive", OLD, NEW, f"{NEW}/deeper", "path"])
def test_a_pack_comes_before_a_clone(tmp_path, content, course_zip, way):
    roots = {"here": content, "drive": tmp_path / "drive", "path": tmp_path / "a b"}
    place = roots.get(way, tmp_path / "input" / way)
    place.mkdir(parents=True, exist_ok=True)
    zipped = Path(shutil.copy(course_zip, place / "fundus-course (1).zip"))
    text = DATA.replace("/content/drive/MyDrive", str(tmp_path / "drive"))
    text = text.replace("/kaggle/input", str(tmp_path / "input"))
    repo = {"FUNDUS_REPO": str(zipped)} if way == "path" else {}
    done = set_up(content, text, **repo)
    course = content / "fundus_course"
    assert done.stdout.splitlines()[-1] == str(course / "data"), done.stderr
    assert (course / "data/DRIVE/a.txt").read_text() == "data"
    assert set(content.iterdir()) == {course} | ({zipped} if way == "here" else set())


def test_a_pack_at_an_address_is_checked_where_its_digest_is_given(
    content, course_zip, web
):
    folder, address = web
    shutil.copy(course_zip, folder / "fundus-course.ZIP")
    good = hashlib.sha256(course_zip.read_bytes()).hexdigest()
    repo = f"{address}/fundus-course.ZIP?dl=1#sha256="
    done = set_up(content, FUNDUS_REPO=repo + good[::-1])
    assert "wrong SHA-256" in done.stderr and list(content.iterdir()) == []
    done = set_up(content, FUNDUS_REPO=repo + good)
    assert str(content / "fundus_course/helpers") in done.stdout, done.stderr


@pytest.mark.parametrize("way", ['"{}"', " {} ", "'{}'"])
def test_an_address_as_it_is_pasted(content, course_zip, way):
    done = set_up(content, FUNDUS_REPO=way.format(course_zip))
    assert str(content / "fundus_course/helpers") in done.stdout, done.stderr


@pytest.mark.parametrize(
    "rest", ["?dl=1", "?rlkey=a&dl=1", ".ZIP?raw=1&x=.zip", "&a=b"]
)
def test_what_comes_after_the_name_of_a_pack(content, course_zip, web, rest):
    folder, address = web
    name = "course.zip.ZIP" if rest.startswith(".ZIP") else "course.zip"
    (folder / (name + rest * rest.startswith("&"))).write_bytes(course_zip.read_bytes())
    done = set_up(content, FUNDUS_REPO=f"{address}/course.zip{rest}")
    assert str(content / "fundus_course/helpers") in done.stdout, done.stderr


def test_a_broken_folder_of_that_name_is_no_obstacle(content, course_zip):
    (content / "fundus_course/helpers").mkdir(parents=True)
    (content / "fundus_course1").symlink_to("nowhere")
    for _ in range(2):  # the second time it is found there
        done = set_up(content, FUNDUS_REPO=str(course_zip))
        assert str(content / "fundus_course2/helpers") in done.stdout, done.stderr
    assert "Fetching" not in done.stdout
    assert not list((content / "fundus_course/helpers").iterdir())


def test_a_pack_that_unpacks_to_too_much_is_not_unpacked(content):
    with zipfile.ZipFile(content / "fundus-course.zip", "w", 8) as archive:
        archive.writestr("helpers/lesson.py", bytes(10**7))
    done = set_up(content)
    assert "it would unpack to too much" in done.stderr, done.stderr
    assert [path.name for path in content.iterdir()] == ["fundus-course.zip"]


def test_a_pack_may_have_a_folder_around_it(content):
    with zipfile.ZipFile(content / "main.zip", "w") as archive:
        for path in (ROOT / "helpers").glob("*.*"):
            archive.write(path, f"course-main/helpers/{path.name}")
    done = set_up(content, FUNDUS_REPO="main.zip")
    assert str(content / "fundus_course/helpers") in done.stdout, done.stderr


def test_where_nothing_can_be_written_the_course_goes_elsewhere(
    tmp_path, content, course_zip
):
    text = FIND.replace("os.access(HERE, os.W_OK)", "False")  # chmod stops no root
    (tmp_path / "home").mkdir()
    home = dict.fromkeys(("HOME", "USERPROFILE"), tmp_path / "home")
    for _ in range(2):  # the second time it is found there
        done = set_up(content, text, FUNDUS_REPO=str(course_zip), **home)
        assert str(tmp_path / "home/fundus_course") in done.stdout, done.stderr
    assert "Fetching" not in done.stdout and list(content.iterdir()) == []


# What it says


def test_how_to_bring_the_course(content):
    done = set_up(content, FUNDUS_REPO="https://github.com/OWNER/REPO")
    assert "there is no course at https://github.com/OWNER/REPO" in done.stderr
    assert "MyDrive" in done.stderr and "Kaggle" in done.stderr
    assert str(content) in done.stderr and "找不到课程" in done.stderr
    done = set_up(content, FUNDUS_REPO=(content / "nothing").as_uri())
    assert "fatal: " in done.stderr, "git's own words"
    done = set_up(content, at("https://example.org/a", "main"), PATH="")
    assert "'git'" in done.stderr and "找不到课程" in done.stderr
    assert list(content.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("other/lesson.py", "there is no course at"), (None, "File is not a zip file")],
)
def test_what_is_wrong_with_a_pack(content, name, words):
    file = content / "fundus-course.zip"
    file.write_bytes(b"PK and no more")
    if name:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "print('not the course')")
    done = set_up(content)
    assert done.returncode and words in done.stderr, done.stderr
    assert "FUNDUS_REPO" in done.stderr
    assert list(content.iterdir()) == [file]


def test_a_slow_source_gets_a_word_now_and_then(content):
    slow = FIND.replace(
        "def course_folder():", "def course_folder():\n    wait_a_little"
    )
    slow = slow.replace("wait_a_little", "import time; time.sleep(0.5)")
    done = set_up(content, slow.replace("wait([job], 8)", "wait([job], 0.1)"))
    assert done.stdout.count("Still fetching (还在下载)") >= 2


def test_a_kernel_without_the_packages_is_told_what_to_type(content, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "numpy.py").write_text(
        "raise ModuleNotFoundError(\"No module 'numpy'\")"
    )
    shutil.copytree(ROOT / "helpers", content / "helpers")
    cells = [nbformat.v4.new_code_cell(CELL)]
    client = run.Client(nbformat.v4.new_notebook(cells=cells), content)
    with pytest.raises(run.CellExecutionError):
        client.execute(env=run.kernel_environment(PYTHONPATH=foreign))
    (shown,) = [o for o in client.nb.cells[0].outputs if o.output_type == "error"]
    words = "\n".join(shown.traceback)
    assert "-m pip install -r" in words and "缺少软件包" in words
    assert str(content / "requirements.txt") in words
    assert "import numpy" not in words, "no lines of source"
