"""Execute the built notebooks, one kernel each, and write what came out.

python -m notebooks.tools.run --mode smoke --only 03,04 --out outputs

Writes each executed notebook and its page, `index.html` and `report.json`; those of
the Chinese edition lie in `zh`. Ctrl-C keeps what ran until then.
`python3 -m helpers run` does the same, with the environment and the data seen to.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

if not __package__:  # called by its path
    module = [sys.executable, "-m", "notebooks.tools.run"]
    sys.exit(subprocess.call([*module, *sys.argv[1:]]))

os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # before the imports

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbconvert.preprocessors import ClearOutputPreprocessor

from helpers import saving

from . import LANGUAGES, ROOT, chosen, outputs
from .report import STOPPED, write_all, write_index, write_page

TIMEOUT = 1200  # seconds a cell may take, unless its metadata says otherwise


class Stop:
    """The wish to end, by Ctrl-C or a stop button; it may reach this process alone.

    Whatever is being written is written to its end, so this sets a mark instead of
    raising, and cancels the chapter that is being executed.
    """

    def __init__(self):
        self.wished, self.cancel = False, None

    def __enter__(self) -> Stop:
        names = (signal.SIGINT, signal.SIGTERM)
        self.before = {name: signal.signal(name, self.wish) for name in names}
        return self

    def __exit__(self, *_) -> None:
        for name, handler in self.before.items():
            signal.signal(name, handler)

    def wish(self, *_) -> None:
        """Note the wish; only the first one cancels, the others would hurt."""
        if not self.wished and self.cancel:
            self.cancel()
        self.wished = True


class Loop(asyncio.SelectorEventLoop):
    """An event loop that leaves the signals to Stop; nbclient would take them."""

    def add_signal_handler(self, *_) -> None:
        """Refuse in the way that nbclient expects."""
        raise RuntimeError("Stop has them")


class Client(NotebookClient):
    """A notebook client that prints a line a cell and what the cell prints."""

    def __init__(self, notebook, folder: Path, timeout: int = TIMEOUT):
        specs = KernelSpecManager(kernel_dirs=[])  # this interpreter, none else
        super().__init__(
            notebook,
            km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs),
            extra_arguments=["--IPKernelApp.log_level=40"],
            coalesce_streams=True,
            store_widget_state=False,
            shutdown_kernel="immediate",
            timeout_func=lambda cell: (cell or notebook).metadata.get(
                "timeout", timeout
            ),
            on_cell_start=self.announce,
            resources={"metadata": {"path": str(folder)}},
        )
        self.owns_km = True  # so that the kernel ends with the chapter
        self.current = 0

    async def finish(self, stop: Stop, env: dict) -> None:
        """Execute the notebook; end early, and the kernel with it, where one wishes."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        stop.cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            if stop.wished:  # a moment ago
                raise asyncio.CancelledError
            await self.async_execute(env=env)
        finally:
            stop.cancel = None
            if self.km and self.km.has_kernel:  # stopped while it started
                await self._async_cleanup_kernel()
            atexit.unregister(self._cleanup_kernel)

    def announce(self, cell, cell_index: int) -> None:
        """Print the first line of a code cell that starts."""
        self.current = cell_index
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if line.strip()]
            title = " | ".join(lines[: 2 if lines[0].startswith("# [") else 1])
            print(f"  {title[:76]}", flush=True)

    def output(self, outs, msg, display_id, cell_index):
        """Print a cell's text as it comes."""
        if msg["header"]["msg_type"] == "stream":
            text = strip_ansi(msg["content"]["text"]).replace("\r", "\n")
            for line in filter(str.strip, text.splitlines()):
                print(f"      {line}", flush=True)
        return super().output(outs, msg, display_id, cell_index)


def kernel_environment(**variables: Path | str) -> dict[str, str]:
    """Return this process's environment with more variables; paths made absolute."""
    given = {**os.environ}
    given.pop("MPLBACKEND", None)  # figures belong into the notebook
    for name, value in variables.items():
        given[name] = str(value.absolute() if isinstance(value, Path) else value)
    return given


def failure(cell, index: int, error: BaseException) -> dict:
    """Say which cell and line failed and how."""
    number = re.match(r"# (?:@title )?\[(\d\d-\d\d)\]", cell.source)
    parts = [part for o in cell.get("outputs", []) for part in o.get("traceback", [])]
    trace = strip_ansi("\n".join(parts))
    line = re.search(r"^-+>\s*(\d+)", trace, re.M) or re.search(
        r"line (\d+)\n?.*\Z", trace, re.M
    )
    if isinstance(error, CellExecutionError):
        words = f"{error.ename}: {error.evalue}"
    elif isinstance(error, asyncio.CancelledError):
        words = STOPPED
    elif isinstance(error, CellTimeoutError):
        words = "the cell took longer than its time limit"
    else:
        words = "the kernel died (out of memory?)"
    return {
        "cell": number[1] if number else index + 1,
        "cell_id": cell.get("id"),
        "line": int(line[1]) if line else None,
        "error": words,
    }


def run_chapter(path: Path, facts_file: Path, env: dict, stop: Stop) -> tuple:
    """Execute one notebook in its own folder.

    Parameters
    ----------
    path, facts_file : Path
        The built notebook; where it may leave facts for the report.
    env : dict
        Environment variables for the kernel, beside those of this process.
    stop : Stop
        Ends the execution early; what came out until then is kept.

    Returns
    -------
    tuple
        The executed notebook, and the chapter's entry of the report.
    """
    print(f"{path.stem}", flush=True)
    notebook = nbformat.read(path, as_version=4)
    ClearOutputPreprocessor().preprocess(notebook, {})
    client = Client(notebook, path.parent)
    facts_file.unlink(missing_ok=True)
    entry = {"chapter": path.stem, "ok": True}
    kernel = kernel_environment(FUNDUS_REPORT=facts_file, **env)
    start = time.perf_counter()
    try:
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(client.finish(stop, kernel))
    except (
        asyncio.CancelledError,
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,  # in this, nbclient turns a cancelled cell, too
    ) as error:
        error = asyncio.CancelledError() if stop.wished else error
        cell = notebook.cells[client.current]
        entry |= {"ok": False, **failure(cell, client.current, error)}
    entry["seconds"] = round(time.perf_counter() - start, 1)
    if facts_file.exists():
        entry = json.loads(facts_file.read_text("utf-8")) | entry
        facts_file.unlink()
    print(f"  {verdict(entry)}", flush=True)
    return notebook, entry


def verdict(entry: dict) -> str:
    """Say in one line how a chapter ended."""
    if entry["ok"]:
        return f"{entry['chapter']}: ok, {entry['seconds']} s"
    if entry["error"] == STOPPED:
        return f"STOPPED {entry['chapter']}: cell {entry['cell']}"
    line = f", line {entry['line']}" if entry["line"] else ""
    return f"FAILED {entry['chapter']}: cell {entry['cell']}{line}: {entry['error']}"


def run_course(
    paths: list[Path], out: Path, mode: str, data: Path | None, language: str = "en"
) -> dict:
    """Execute the notebooks in order; write report and pages after each.

    A chapter that fails does not stop the next. `data` is the folder that holds the
    data sets, None to leave the search to the notebooks. Below `out`, pages lie as the
    notebooks do below their folder: Chinese ones in `zh`.
    """
    folder = out / Path(LANGUAGES[language]).relative_to(LANGUAGES["en"])
    folder.mkdir(parents=True, exist_ok=True)
    begun, chapters = datetime.datetime.now(), {}
    report = {
        "mode": mode,
        "language": language,
        "date": begun.date().isoformat(),
        "run_id": begun.strftime("%Y%m%d-%H%M%S"),
        "ok": True,
        "stopped": False,
        "planned": len(paths),
        "seconds": 0.0,
        "chapters": chapters,
    }
    env = {"FUNDUS_MODE": mode, "FUNDUS_OUT": out, "FUNDUS_RUN": report["run_id"]}
    if data is not None:
        env["FUNDUS_DATA"] = data
    with Stop() as stop:
        for path in paths:
            facts_file = folder / f"{path.stem}.facts.json"
            notebook, entry = run_chapter(path, facts_file, env, stop)
            facts = {"dataset": "?", "device": "?", **entry}
            facts |= {"mode": mode, "date": report["date"]}
            outputs.tell_origin(notebook, path.name, language, facts)
            nbformat.write(notebook, folder / path.name)
            chapters[path.name[:2]] = entry
            report["ok"] &= entry["ok"]
            report["seconds"] = round(report["seconds"] + entry["seconds"], 1)
            saving.write_json(folder / "report.json", report)
            write_page(folder, report, entry)
            write_index(folder, report)
            if stop.wished:
                break
        report["stopped"] = stop.wished
        report["ok"] &= not stop.wished
        saving.write_json(folder / "report.json", report)
        write_all(out)  # now the pages know which others there are
    return report


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return the exit code: 0, 1 (a failure), 2 (error)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", default="lesson", choices=["smoke", "lesson", "full"])
    parser.add_argument("--only", default="", metavar="NN,NN", help="chapter numbers")
    parser.add_argument("--language", default="en", choices=sorted(LANGUAGES))
    parser.add_argument("--data", type=Path, help="folder that holds the data sets")
    parser.add_argument("--out", type=Path, default=root / "outputs")
    args = parser.parse_args(arguments)
    only = [number for number in args.only.replace(" ", "").split(",") if number]
    built = list((root / LANGUAGES[args.language]).glob("[0-9][0-9]_*.ipynb"))
    try:
        paths = chosen(built, only)
        report = run_course(paths, args.out, args.mode, args.data, args.language)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for entry in report["chapters"].values():
        print(verdict(entry))
    index = args.out / Path(LANGUAGES[args.language]).relative_to("notebooks")
    print(f"{index / 'index.html'} leads to the pages")
    if report["stopped"]:
        print("Stopped. What ran until then is kept.", file=sys.stderr)
        return 130
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
