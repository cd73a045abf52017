"""Settings and fixtures for all tests."""

import os
import shutil
import subprocess
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # for torch, here and in the kernels: a test a core

import loopback
import matplotlib as mpl
import pytest

from helpers import progress

ROOT = Path(__file__).resolve().parents[1]

mpl.use("agg")
REAL_DATA = os.environ.get("FUNDUS_DATA")
for name in (
    "MODE",
    "OUT",
    "REPORT",
    "RUN",
    "REPO",
    "DATASET",
    "FETCH",
    "LANGUAGE",
    "SHARDS",
):  # a caller's must not leak in
    os.environ.pop(f"FUNDUS_{name}", None)
os.environ["FUNDUS_PROGRESS"] = "0"  # tests leave no answers in this folder's outputs


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the real data sets; skip where there is none."""
    folder = Path(REAL_DATA) if REAL_DATA else ROOT / "data"
    if not (folder / "DRIVE").is_dir():
        pytest.skip("needs DRIVE: set FUNDUS_DATA to the folder that holds it")
    return folder.resolve()


@pytest.fixture(autouse=True)
def new_reader(monkeypatch):
    """Keep no answers of one test for the next."""
    monkeypatch.setattr(progress, "_BOOKS", {})


@pytest.fixture
def no_network(monkeypatch):
    """Let no address outside this machine resolve, with or without a network."""
    loopback.only_this_machine(monkeypatch)


@pytest.fixture
def server(no_network):
    """Serve ``server.bodies`` at ``server.url``; ``server.hits`` are the requests."""
    with loopback.serving() as server:
        yield server


@pytest.fixture
def refused(no_network) -> str:
    """Return an address where nobody listens."""
    return loopback.refusing()


@pytest.fixture(scope="session")
def published(tmp_path_factory) -> str:
    """Return the file:// address of a repository that holds the tree as it is now."""
    if not shutil.which("git"):
        pytest.skip("needs git: the set-up cell clones with it")
    target = tmp_path_factory.mktemp("published")
    listing = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
    done = subprocess.run(listing, capture_output=True)
    if done.returncode:  # the tree came as an archive
        ignore = shutil.ignore_patterns(
            ".venv", ".git", "outputs", "data", "__pycache__"
        )
        shutil.copytree(ROOT, target, ignore=ignore, dirs_exist_ok=True)
    for name in filter(None, done.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        [*who, "commit", "-q", "-m", "tree"],
    ):
        subprocess.run(["git", "-C", str(target), *command], check=True)
    return target.as_uri()


@pytest.fixture(scope="module")  # while it runs, asyncio cannot be used by others
def browser():
    """Start the Chromium of this machine, or playwright's own; skip without one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    options = [  # it needs no screen, and asks nobody for anything
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update",
        "--disable-sync",
    ]  # fmt: skip
    with sync_api.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=found, args=options)
        except sync_api.Error as error:
            pytest.skip(f"needs Chromium: {str(error).splitlines()[0]}")
        yield started
        started.close()


def pytest_make_parametrize_id(val):
    """Name bytes alike: those of an archive hold the time, other in each worker."""
    return "bytes" if isinstance(val, bytes) else None
