"""One process at a time."""

import errno
import subprocess
import sys

import pytest

from helpers import locks

HOLD = """
import sys, time
from pathlib import Path
from helpers import locks
with locks.alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_killed_one_blocks_nobody(tmp_path):
    out = tmp_path / "深 out"
    command = [sys.executable, "-c", HOLD, str(out)]
    root = locks.__file__.rsplit("helpers", 1)[0]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as first:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(OSError, match="another process works in .*out"):
            locks.alone(out).__enter__()
        first.kill()
    assert (out / ".lock").exists()
    with locks.alone(out):
        pass
    with locks.alone(out):
        pass


@pytest.mark.parametrize(
    "error", [NotImplementedError("no flock"), OSError(errno.ENOLCK, "no locks")]
)
def test_a_file_system_without_locks_is_told_and_stops_nothing(
    tmp_path, monkeypatch, error
):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(locks.FileLock, "acquire", refuse)
    with locks.held(tmp_path / ".lock", 0) as safe:
        assert safe is False


def test_a_place_that_may_not_be_written_is_no_file_system_without_locks(
    tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "not allowed")

    monkeypatch.setattr(locks.FileLock, "acquire", refuse)
    with pytest.raises(PermissionError), locks.held(tmp_path / ".lock", 0):
        pass
