"""Where things lie; the only module that reads the environment's variables.

Standard library only, so that it can be imported before anything is installed.
"""

from __future__ import annotations

import contextlib
import locale
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from .config import MODES

ROOT = Path(__file__).resolve().parent.parent
# How a command begins here: Windows' python3 may open a shop, Anaconda has no py.
_WINDOWS = "py" if shutil.which("py") else "python"
COMMAND = f"{_WINDOWS if sys.platform == 'win32' else 'python3'} -m helpers"
# By which torchrun, Slurm's arrays and Kubernetes' Indexed Jobs number their tasks.
# Kubernetes says no number of tasks: FUNDUS_SHARDS, which the job file sets, does.
SCHEDULER = (
    "RANK", "WORLD_SIZE",
    "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX",
    "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_STEP",
    "JOB_COMPLETION_INDEX",
    "FUNDUS_SHARDS",
)  # fmt: skip
KAGGLE = Path("/kaggle/input")
DRIVE = Path("/content/drive")  # where Colab mounts a reader's Google Drive
MY_DRIVE = DRIVE / "MyDrive/fundus-data"
TRAININGS = DRIVE / "MyDrive/fundus-course"


def typed(program: Path | str) -> str:
    """Return a program's path as it begins a line in this system's terminal.

    With spaces in it, PowerShell, Windows' usual one, wants a mark in front.
    """
    if " " not in str(program):
        return str(program)
    return f'& "{program}"' if sys.platform == "win32" else f'"{program}"'


def language() -> str:
    """Return FUNDUS_LANGUAGE, else "zh" where this system speaks Chinese, or "en"."""
    if (given := _variable("LANGUAGE")) in ("en", "zh"):
        return given
    try:
        name = locale.getlocale()[0] or ""
    except ValueError:  # a name of the system that Python does not know
        name = ""
    return "zh" if name.startswith(("zh", "Chinese")) else "en"


def pick(words: tuple[str, str]) -> str:
    """Return the English or the Chinese of two, as ``language`` says."""
    return words[language() == "zh"]


def is_writable(folder: Path) -> bool:
    """Tell whether a file can be made in a folder; Windows' rights do not tell."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def pasted(text: str) -> Path:
    """Return the path in a text that a person pasted, with ``~`` spelled out.

    Quotes round it go: Windows' "Copy as path" brings them along, and cmd.exe keeps
    those of a variable. The ``~`` of somebody unknown stays: no such file is there.
    """
    path = Path(text.strip(" \t\r\n\"'"))
    with contextlib.suppress(RuntimeError):  # nobody knows whose home that is
        return path.expanduser()
    return path


def _variable(name: str) -> str:
    """Return a FUNDUS_ variable as cmd.exe may have passed it: without its quotes."""
    return os.environ.get(f"FUNDUS_{name}", "").strip(" \"'")


class Process(NamedTuple):
    """One of the processes that torchrun starts."""

    rank: int  # its number, from 0
    size: int  # how many there are
    local_rank: int  # its number on its machine
    restarts: int  # how often they were started anew, as its machine counts


def torchrun() -> Process:
    """Return what torchrun tells this process; (0, 1, 0, 0) where nobody does."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
    alone = ("0", "1", "0", "0")
    pairs = zip(names, alone, strict=True)
    given = (os.environ.get(name) or default for name, default in pairs)
    return Process(*map(int, given))


def mode() -> str:
    """Return FUNDUS_MODE: "smoke", "lesson" (the default) or "full"."""
    name = _variable("MODE") or "lesson"
    if name not in MODES:
        raise ValueError(
            f"FUNDUS_MODE is {name!r}; choose one of {', '.join(MODES)} or unset it"
        )
    return name


def data_dir() -> Path:
    """Return the folder that holds one folder a data set.

    FUNDUS_DATA decides where it is set. Otherwise it is ``data`` beside ``helpers`` or
    a ``fundus-data`` folder in a mounted Google Drive, the first that holds something,
    else the first that exists; and, where neither does, ``data`` beside ``helpers`` or,
    if that place is read-only, beside the results.
    """
    if given := _variable("DATA"):
        return pasted(given).resolve()
    places = (ROOT / "data", MY_DRIVE)
    there = [place for place in places if place.is_dir()]
    full = [place for place in there if any(place.glob("[!.]*"))]
    new = ROOT if is_writable(ROOT) else output_dir().parent
    return [*full, *there, new / "data"][0]


def attached() -> list[Path]:
    """Return the folders that Kaggle attached, by its old and its new way; read-only.

    Sets are read from there, too, wherever the data folder is.
    """
    ways = (KAGGLE.glob("*"), KAGGLE.glob("datasets/*/*"))
    return [place for way in ways for place in sorted(way) if place.is_dir()]


def dataset() -> str | None:
    """Return FUNDUS_DATASET, the set that the chapters are to work with, if any."""
    return _variable("DATASET").upper() or None


def may_fetch() -> bool:
    """Tell whether a chapter may download by itself: not with FUNDUS_FETCH=0.

    Nor where FUNDUS_DATA names the folder: that is as its owner made it.
    """
    return _variable("FETCH") != "0" and not data_dir_is_given()


def data_dir_is_given() -> bool:
    """Tell whether FUNDUS_DATA names the data folder."""
    return bool(_variable("DATA"))


def output_dir() -> Path:
    """Return the folder for everything that a run writes.

    FUNDUS_OUT decides where it is set; else it is ``outputs`` beside ``helpers``, or
    in the working directory where that place is read-only (Kaggle's input folder), or
    in the user's own folder where that one is, too.
    """
    if given := _variable("OUT"):
        return pasted(given).resolve()
    homes = (ROOT, Path.cwd(), pasted("~/fundus-course"))
    home = next(filter(is_writable, homes), homes[-1])
    return (home / "outputs").resolve()


def npm_registry() -> str:
    """Return the address of npm's registry, or of the mirror that npm is set to."""
    names = ("npm_config_registry", "NPM_CONFIG_REGISTRY")
    given = next(filter(None, map(os.environ.get, names)), "")
    return (given or "https://registry.npmjs.org").rstrip("/")


def keeps_progress() -> bool:
    """Tell whether a reader's answers go to a file: not with FUNDUS_PROGRESS=0."""
    return _variable("PROGRESS") != "0"


def report_file() -> Path | None:
    """Return the JSON file to which the running chapter adds its facts, if any."""
    name = _variable("REPORT")
    return Path(name).resolve() if name else None


def run_id() -> str | None:
    """Return the name that ``helpers run`` gave to this run of the whole course."""
    return _variable("RUN") or None


def scheduler() -> dict[str, str]:
    """Return those variables of SCHEDULER that are set, but not to nothing."""
    return {name: os.environ[name] for name in SCHEDULER if os.environ.get(name)}


def of_pythonpath() -> list[str]:
    """Return the entries of ``sys.path`` that PYTHONPATH put there, but the course."""
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    named = {Path(folder).resolve() for folder in given} - {ROOT}
    return [folder for folder in sys.path if Path(folder).resolve() in named]


def forget(name: str) -> None:
    """Take a variable out of the environment, for this process and its children."""
    os.environ.pop(name, None)


def for_another_python() -> dict[str, str]:
    """Return all variables but those that lead another Python's packages astray.

    Packages of this one, places other than its environment where pip would install, and
    a backend of matplotlib that it may not have.
    """
    kept, pip = dict(os.environ), ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
    for name in ("PYTHONPATH", "PYTHONHOME", "MPLBACKEND", *pip):
        kept.pop(name, None)
    return kept | {"PIP_USER": "0"}


def for_jupyter(token: str) -> dict[str, str]:
    """Return the variables for a Jupyter server whose kernel is this Python.

    A kernel of the same name that a user has installed for all would come first.
    """
    return for_another_python() | {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_PATH": f"{sys.prefix}/share/jupyter",
        "JUPYTER_TOKEN": token,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning of the debugger's
    }


def export(**variables: Path | str) -> None:
    """Set FUNDUS_ variables, such as ``DATA=path``, for this process and its children.

    A path is made absolute first: a child may have another working directory.
    """
    for name, value in variables.items():
        text = value if isinstance(value, str) else str(pasted(str(value)).resolve())
        os.environ[f"FUNDUS_{name}"] = text
