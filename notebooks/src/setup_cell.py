# @title Set-up: run me first { display-mode: "form" }
import os
import shutil
import subprocess
import sys
from pathlib import Path

ADDRESS = "https://github.com/OWNER/REPO"
TAG = ""
HELP = """The course's folder `helpers` was not found and could not be fetched.
Reason: {reason}
Any one of these helps; then run this cell again:
- put the unpacked course (its ZIP or a clone) into {here}
- Colab: put the unpacked course into your Drive (MyDrive) and mount Drive
- Kaggle: add the course's ZIP to this notebook as a data set (Add Input)
- set FUNDUS_REPO to an address that git can clone, for instance a mirror
找不到 helpers，也没能下载。把解压后的课程文件夹放到上面的目录，再运行一次。"""


def find_course():
    """Return the folder that holds `helpers`, or None."""
    here, drive, kaggle = Path.cwd(), Path("/content/drive/MyDrive"), "/kaggle/input"
    near = [*here.glob("*"), *drive.glob("*"), *Path(kaggle).glob("*")]
    places = [here, *here.parents, *sorted(near), *Path(kaggle).glob("*/*")]
    marks = ((place, place / "helpers/lesson.py") for place in places)
    return next((place for place, mark in marks if os.path.isfile(mark)), None)


def clone_course(address):
    """Clone the course into the working directory; return its folder."""
    if "OWNER/REPO" in address:
        raise OSError("this copy of the course does not know its published address")
    part = Path.cwd() / "fundus_course.part"  # renamed once it is whole
    shutil.rmtree(part, ignore_errors=True)
    branch = ["--branch", TAG] if TAG and address == ADDRESS else []
    command = ["git", "clone", "--quiet", "--depth", "1", *branch, address, str(part)]
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, env=quiet, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"git could not clone {address}: {done.stderr.strip()}")
    return part.rename(Path.cwd() / "fundus_course")


course_folder = find_course()
if course_folder is None:
    try:
        course_folder = clone_course(os.environ.get("FUNDUS_REPO", ADDRESS))
    except OSError as error:  # no git, no network, no right to write
        raise RuntimeError(HELP.format(reason=error, here=Path.cwd())) from None
if str(course_folder) not in sys.path:
    sys.path.insert(0, str(course_folder))
from helpers import lesson

course = lesson.start()
