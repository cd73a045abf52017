"""Work in several processes, one piece each; a process that dies costs its piece only.

Whoever gives out work says ``send`` while it is not ``full``, and ``take`` gives the
answer that comes first.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

# Never fork: torch's threads would not be in the copy.
_CONTEXT = multiprocessing.get_context("spawn")
Work = Callable[[Any], Any]


def fills_memory(error: BaseException | None) -> bool:
    """Tell whether an error means a full memory; torch has two of its own for that."""
    words = f"{type(error).__name__}: {error}"
    signs = ("OutOfMemoryError", "allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(sign in words for sign in signs)


class Here:
    """The work is done in this process, when its answer is taken."""

    def __init__(self, work: Work):
        self._work, self._pieces = work, []

    @property
    def full(self) -> bool:
        """Tell whether there is as much to do as can be done at once."""
        return bool(self._pieces)

    busy = full

    def send(self, piece: Any) -> None:
        """Give out a piece of work."""
        self._pieces.append(piece)

    def take(self) -> tuple[Any, Any]:
        """Return a piece with its answer."""
        piece = self._pieces.pop()
        return piece, self._work(piece)

    def close(self) -> None:
        """End all that runs."""


class Crew:
    """The work is done in ``size`` processes; each makes its tool once.

    A tool is what ``make(*arguments)`` returns: a function from a piece to its answer.
    The answer of a process that died is what ``died(code)`` returns.
    """

    def __init__(
        self, size: int, died: Callable[[int], Any], make: Callable[..., Work], *given
    ):
        self._size, self._died, self._tool = size, died, (make, given)
        self._idle, self._busy = [], {}  # busy: end of the line -> (process, piece)

    @property
    def full(self) -> bool:
        """Tell whether there is as much to do as can be done at once."""
        return len(self._busy) == self._size

    @property
    def busy(self) -> bool:
        """Tell whether an answer is still to come."""
        return bool(self._busy)

    def send(self, piece: Any) -> None:
        """Give out a piece of work; a process starts where none is idle."""
        line, process = self._idle.pop() if self._idle else self._started()
        self._busy[line] = process, piece
        with contextlib.suppress(OSError):  # it died: ``take`` finds the line closed
            line.send(piece)

    def take(self) -> tuple[Any, Any]:
        """Wait for an answer; return it behind its piece."""
        line = connection.wait(list(self._busy))[0]
        process, piece = self._busy[line]
        try:
            answer = line.recv()
        except (EOFError, OSError):
            process.join()
            answer = self._died(process.exitcode)
            line.close()
        else:
            self._idle.append((line, process))
        del self._busy[line]  # after the answer: an interrupted one is ended, too
        return piece, answer

    def close(self) -> None:
        """End all that runs."""
        for line, process in self._idle + [(k, v[0]) for k, v in self._busy.items()]:
            process.kill()
            process.join()
            line.close()
        self._idle, self._busy = [], {}

    def _started(self) -> tuple:
        line, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()  # so that the line breaks when the process ends
        with contextlib.suppress(OSError):
            line.send(self._tool)
        return line, process


def _serve(line: connection.Connection) -> None:
    """Do one piece after the other until the line is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    threading.Thread(target=_end_with_parent, daemon=True).start()
    make, given = line.recv()
    work = make(*given)
    with contextlib.suppress(EOFError, OSError):
        while True:
            line.send(work(line.recv()))


def _end_with_parent() -> None:
    """Leave no process behind where the parent was killed."""
    multiprocessing.parent_process().join()
    os._exit(1)
