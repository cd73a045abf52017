"""Checkpoints that a training cannot lose.

``checkpoint.pt`` is the newest, ``checkpoint.before.pt`` the one before it; a copy of
the newest may go to a second place, such as Google Drive, which may be slow or vanish.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from . import saving
from .inference import read_torch_file, torch_bytes

EVERY = 60.0  # seconds from one checkpoint to the next, at most
PATIENCE = 60.0  # seconds that the end of a training waits for the second place


class Run(Protocol):
    """What is kept: ``training.TrainingRun``."""

    step: int

    def state_dict(self) -> dict:
        """Return all that the rest of the run needs."""

    def restore(self, state: dict, path: Path) -> None:
        """Go on from ``state``, which was read of ``path``."""


class SecondPlace:
    """Copies to a folder that may be slow or vanish, in a thread of their own.

    While one is on its way, of the next ones only the newest waits. A failure is said
    once, and so is the first success after it; the training never waits or stops.
    """

    def __init__(self, folder: Path | str, say: Callable[[str], None]):
        self.folder, self.say, self.failed = Path(folder), say, False
        self.waiting: queue.Queue = queue.Queue(maxsize=1)
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def offer(self, name: str, content: bytes) -> None:
        """Take the place of a copy that still waits."""
        with contextlib.suppress(queue.Empty):
            self.waiting.get_nowait()
        self.waiting.put((name, content))

    def close(self, patience: float = PATIENCE) -> None:
        """Wait until the last copy is written, but no longer than ``patience``."""
        end = time.monotonic() + patience
        with contextlib.suppress(queue.Full):
            self.waiting.put(None, timeout=patience)
            self.thread.join(max(0.0, end - time.monotonic()))
        if self.thread.is_alive():
            self.say(f"  {self.folder} is too slow: its copy may be an earlier one")

    def _work(self) -> None:
        while (copy := self.waiting.get()) is not None:
            name, content = copy
            try:
                if not self.folder.is_dir():  # a drive that is gone is not made anew
                    raise FileNotFoundError(f"{self.folder} is gone")
                saving.write_bytes(self.folder / name, content)
            except OSError as error:
                if not self.failed:
                    self.say(f"  no copy, the training goes on: {error}")
                self.failed = True
            else:
                if self.failed:
                    self.say(f"  copies go to {self.folder} again")
                self.failed = False


class Checkpoints:
    """The newest checkpoint of a run, the one before it, and a copy elsewhere."""

    def __init__(
        self,
        path: Path | str,
        second: Path | str | None = None,
        say: Callable[[str], None] = print,
        every: float = EVERY,
    ):
        self.path, self.say, self.every = Path(path), say, every
        self.before = before(self.path)
        self.second = SecondPlace(second, say) if second else None
        self.saved = time.monotonic()

    def save_if_due(self, run: Run, now: bool = False) -> bool:
        """Save, ``now`` or where the last time lies too far back; tell whether."""
        due = now or time.monotonic() - self.saved >= self.every
        if due:
            self.save(run)
        return due

    def save(self, run: Run) -> None:
        """Write the newest; what was the newest becomes the one before."""
        content = torch_bytes(run.state_dict())
        with saving.whole(self.path) as part:
            part.write_bytes(content)
            if self.path.exists():
                self.path.replace(self.before)
        self.saved = time.monotonic()
        if self.second:
            self.second.offer(self.path.name, content)

    def resume(self, run: Run) -> Path:
        """Go on from the furthest that can be read, and say where it is another file.

        The newest, the one before and the copy are looked at: after a fresh start the
        copy may be further than what lies here. ValueError or FileNotFoundError, that
        of the newest, where none can be read.
        """
        there, readable, errors = [self.path, self.before], [], []
        there += [self.second.folder / self.path.name] if self.second else []
        for path in there:
            try:
                readable.append((read_torch_file(path), path))
            except (ValueError, FileNotFoundError) as error:
                errors.append(error)
        damaged = [error for error in errors if isinstance(error, ValueError)]
        if not readable:
            raise (damaged or errors)[0]
        state, path = max(readable, key=lambda found: found[0].get("step", -1))
        run.restore(state, path)
        if path != self.path:
            if readable[0][1] != self.path:
                self.say(f"  {errors[0]}")
            self.say(f"  went on from {path}, step {run.step}")
        return path

    def close(self) -> None:
        """Wait for the second place, but not for ever."""
        if self.second:
            self.second.close()


def before(path: Path) -> Path:
    """Return the file of the checkpoint before the newest."""
    return path.with_suffix(".before.pt")


def found(path: Path | str) -> bool:
    """Tell whether a checkpoint lies there, the newest or the one before."""
    path = Path(path)
    return path.exists() or before(path).exists()


def check_second(out: Path, second: Path | str, resume: bool) -> None:
    """Refuse a second place that is none, or whose checkpoint would be written over."""
    second = Path(second)
    if not second.is_dir():
        raise FileNotFoundError(
            f"{second} is no folder: make it, or mount the drive, first"
        )
    if second.resolve() == out.resolve():
        raise ValueError(f"{second} is the folder of the run; name another one")
    if found(second / "checkpoint.pt") and not resume:
        raise ValueError(
            f"{second} holds a checkpoint: add --resume to go on from it, or name "
            "another folder"
        )
