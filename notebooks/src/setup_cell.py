# @title Set-up: run me first { display-mode: "form" }
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

ADDRESS = "https://github.com/OWNER/REPO"
TAG = ""
HELP = """The course's folder `helpers` was not found and could not be fetched.
Reason: {reason}
Any one of these helps; then run this cell again:
- put the unpacked course (its ZIP or a clone) or a pack, fundus-course.zip, into {here}
- Colab: put either into your Drive (MyDrive) and mount Drive
- Kaggle: add either, as a ZIP, to this notebook as a data set (Add Input)
- set FUNDUS_REPO to an address that git can clone, or to the address or path of a pack
找不到 helpers，也没能下载。把解压后的课程文件夹或课程包 fundus-course.zip
放到上面的目录，或把 FUNDUS_REPO 设为课程包的地址，再运行一次。"""
HERE, DRIVE, KAGGLE = Path.cwd(), Path("/content/drive/MyDrive"), Path("/kaggle/input")


def find_course():
    """Return the folder that holds `helpers`, or None."""
    near = [*HERE.glob("*"), *DRIVE.glob("*"), *KAGGLE.glob("*")]
    places = [HERE, *HERE.parents, *sorted(near), *KAGGLE.glob("*/*")]
    marks = ((place, place / "helpers/lesson.py") for place in places)
    return next((place for place, mark in marks if os.path.isfile(mark)), None)


def unpack_course(pack, part):
    """Unpack what `python3 -m helpers data --pack` wrote; never outside of `part`."""
    address = pack if "://" in pack else Path(pack).resolve().as_uri()
    with tempfile.TemporaryFile() as file:
        with urllib.request.urlopen(address, timeout=60) as answer:
            file.writelines(answer)
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                name, is_link = member.filename, member.external_attr >> 28 == 0xA
                if is_link or ".." in name or ":" in name or name[0] in "/\\":
                    raise OSError(f"{pack} is refused: it holds {name!r}, a trap")
                archive.extract(member, part)


def clone_course(address, part):
    """Clone the course."""
    if "OWNER/REPO" in address:
        raise OSError("this copy of the course does not know its published address")
    branch = ["--branch", TAG] if TAG and address == ADDRESS else []
    command = ["git", "clone", "--quiet", "--depth", "1", *branch, address, str(part)]
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, env=quiet, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"git could not clone {address}: {done.stderr.strip()}")


def fetch_course():
    """Take a pack that lies here, or what FUNDUS_REPO names; return its folder."""
    address, name = os.environ.get("FUNDUS_REPO", ADDRESS), "fundus-course*.zip"
    packs = [*HERE.glob(name), *DRIVE.glob(name), *KAGGLE.rglob(name)]
    source = address if address.endswith(".zip") else str([*packs, address][0])
    with tempfile.TemporaryDirectory(".part", "fundus_course", HERE) as scratch:
        part = Path(scratch) / "course"  # gets its name once it is whole
        (unpack_course if source.endswith(".zip") else clone_course)(source, part)
        for mark in part.rglob("helpers/lesson.py"):
            return mark.parents[1].rename(HERE / "fundus_course")
    raise OSError(f"{source} holds no folder helpers")


course_folder = find_course()
if course_folder is None:
    try:
        course_folder = fetch_course()
    except Exception as error:  # no git, no network, no right to write, a broken pack
        raise RuntimeError(HELP.format(reason=error, here=HERE)) from None
if str(course_folder) not in sys.path:
    sys.path.insert(0, str(course_folder))
from helpers import lesson

course = lesson.start()
