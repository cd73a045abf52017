"""Work in processes: answers, deaths, ends."""

import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from helpers import workers


def tool(factor):
    return lambda piece: os._exit(piece) if piece < 0 else factor * piece


def everything(crew, pieces):
    answers = {}
    for piece in pieces:
        if crew.full:
            answers.update([crew.take()])
        crew.send(piece)
    while crew.busy:
        answers.update([crew.take()])
    return answers


def test_here_is_one_at_a_time():
    assert everything(workers.Here(tool(2)), [1, 2, 3]) == {1: 2, 2: 4, 3: 6}


def test_a_process_that_dies_costs_its_piece_only():
    crew = workers.Crew(2, lambda code: f"died {code}", tool, 3)
    answers = everything(crew, [1, 2, -4, 3, -5, 4])
    died = {-4: f"died {-4 % 256}", -5: f"died {-5 % 256}"}
    assert answers == {1: 3, 2: 6, 3: 9, 4: 12} | died
    assert 0 < len(multiprocessing.active_children()) <= 2
    crew.close()
    assert not multiprocessing.active_children()


PARENT = """
import time
from helpers import workers

def tool():
    return time.sleep

if __name__ == "__main__":
    crew = workers.Crew(1, str, tool)
    crew.send(0)
    answer = crew.take()
    crew.send(100)
    print(answer, flush=True)
    time.sleep(100)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a child has no stdout there")
def test_no_process_outlives_a_parent_that_was_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = workers.__file__.rsplit("helpers", 1)[0]
    command, env = [sys.executable, str(script)], {**os.environ, "PYTHONPATH": root}
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as parent:
        assert parent.stdout.readline() == b"(0, None)\n"
        parent.kill()
        assert not parent.stdout.read(), "until the last that may write has ended"
    assert time.monotonic() - start < 50
