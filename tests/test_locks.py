"""One process at a time."""

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
