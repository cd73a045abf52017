"""Execute the built notebooks, one kernel each, and write what came out.

python -m notebooks.tools.run --mode smoke --only 03,04 --out outputs

Writes each executed notebook and its HTML page, `index.html` and `report.json`.
`python3 -m helpers run` does the same, with the environment and the data seen to.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
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
from jinja2 import Template
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from nbconvert.preprocessors import ClearOutputPreprocessor

from helpers import saving

from . import LANGUAGES, ROOT, chosen

TIMEOUT = 1200  # seconds a cell may take, unless its metadata says otherwise


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
        self.current, self.stopped = 0, False

    def stop(self) -> None:
        """End the kernel because of Ctrl-C, which nbclient would only hand on."""
        self.stopped = True
        self.cleaning = asyncio.ensure_future(self._async_cleanup_kernel())

    def announce(self, cell, cell_index: int) -> None:
        """Print the first line of a code cell that starts."""
        self.current = cell_index
        with contextlib.suppress(NotImplementedError):  # Windows raises by itself
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.stop)
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


def failure(cell, index: int, error: Exception) -> dict:
    """Say which cell and line failed and how."""
    number = re.match(r"# (?:@title )?\[(\d\d-\d\d)\]", cell.source)
    parts = [part for o in cell.get("outputs", []) for part in o.get("traceback", [])]
    trace = strip_ansi("\n".join(parts))
    line = re.search(r"^-+>\s*(\d+)", trace, re.M) or re.search(
        r"line (\d+)\n?.*\Z", trace, re.M
    )
    if isinstance(error, CellExecutionError):
        words = f"{error.ename}: {error.evalue}"
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


def run_chapter(path: Path, out: Path, env: dict) -> dict:
    """Execute one notebook in its folder; return its entry of the report.

    Parameters
    ----------
    path, out : Path
        The built notebook; where to write.
    env : dict
        Environment variables for the kernel, beside those of this process.
    """
    print(f"{path.stem}", flush=True)
    notebook = nbformat.read(path, as_version=4)
    ClearOutputPreprocessor().preprocess(notebook, {})
    client = Client(notebook, path.parent)
    facts_file = out / f"{path.stem}.facts.json"
    facts_file.unlink(missing_ok=True)
    entry = {"chapter": path.stem, "ok": True}
    start = time.perf_counter()
    try:
        client.execute(env=kernel_environment(FUNDUS_REPORT=facts_file, **env))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        if client.stopped:
            raise KeyboardInterrupt from None
        cell = notebook.cells[client.current]
        entry |= {"ok": False, **failure(cell, client.current, error)}
    finally:  # an interrupted run keeps what it made, too
        entry["seconds"] = round(time.perf_counter() - start, 1)
        nbformat.write(notebook, out / path.name)
    if facts_file.exists():
        entry = json.loads(facts_file.read_text("utf-8")) | entry
        facts_file.unlink()
    # Embedding images would close every <details> at once; no text needs it.
    exporter = HTMLExporter(require_js_url="", jquery_url="")
    exporter.register_preprocessor(titles_only, enabled=True)
    page = exporter.from_notebook_node(notebook)[0]
    (out / f"{path.stem}.html").write_text(page, "utf-8")
    print(f"  {verdict(entry)}", flush=True)
    return entry


def titles_only(notebook, resources: dict) -> tuple:
    """Leave of each folded cell its title; a preprocessor of nbconvert."""
    for cell in notebook.cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.source = cell.source.partition("\n")[0].partition(" {")[0]
    return notebook, resources


def verdict(entry: dict) -> str:
    """Say in one line how a chapter ended."""
    if entry["ok"]:
        return f"{entry['chapter']}: ok, {entry['seconds']} s"
    line = f", line {entry['line']}" if entry["line"] else ""
    return f"FAILED {entry['chapter']}: cell {entry['cell']}{line}: {entry['error']}"


def last_figure(path: Path) -> str | None:
    """Return the last PNG of an executed notebook as base64 text."""
    cells = nbformat.read(path, as_version=4).cells
    data = [o.get("data", {}) for cell in cells for o in cell.get("outputs", [])]
    return next((d["image/png"] for d in reversed(data) if "image/png" in d), None)


INDEX = Template(
    """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Course run</title>
<style>
body {font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em}
td, th {padding: .4em .8em; text-align: left; vertical-align: top}
td, th {border-top: 1px solid #ccc}
table {border-collapse: collapse} img {max-width: 20em; max-height: 12em}
.bad a {color: #a00}
</style>
<h1>Course run</h1>
<p>{{ chapters.values() | map(attribute="ok") | sum }} of {{ chapters | length }}
chapters ran; mode {{ mode }}, {{ seconds }} s, {{ date }}</p>
<table>
<tr><th>Chapter</th><th>Data</th><th>Scores</th><th>Last figure</th></tr>
{% for entry in chapters.values() %}{% set name = entry.chapter %}
<tr{{ "" if entry.ok else " class=bad" }}>
<td><a href="{{ name }}.html">{{ verdict(entry) }}</a>
(<a href="{{ name }}.ipynb">ipynb</a>)</td>
<td>{{ entry.dataset }}</td><td>{{ entry.scores | tojson if entry.scores }}</td>
<td>{% if figures[name] %}<img src="data:image/png;base64,{{ figures[name] }}" alt="">
{% endif %}</td></tr>
{% endfor %}
</table></html>
""",
    autoescape=True,
)


def run_course(
    paths: list[Path], out: Path, mode: str, data: Path | None, language: str = "en"
) -> dict:
    """Execute the notebooks in order; write report and index after each.

    A chapter that fails does not stop the next. `data` is the folder that holds the
    data sets, None to leave the search to the notebooks.
    """
    out.mkdir(parents=True, exist_ok=True)
    begun, chapters, figures = datetime.datetime.now(), {}, {}
    report = {
        "mode": mode,
        "language": language,
        "date": begun.date().isoformat(),
        "run_id": begun.strftime("%Y%m%d-%H%M%S"),
        "ok": True,
        "seconds": 0.0,
        "chapters": chapters,
    }
    env = {"FUNDUS_MODE": mode, "FUNDUS_OUT": out, "FUNDUS_RUN": report["run_id"]}
    if data is not None:
        env["FUNDUS_DATA"] = data
    for path in paths:
        entry = chapters[path.name[:2]] = run_chapter(path, out, env)
        report["ok"] &= entry["ok"]
        report["seconds"] = round(report["seconds"] + entry["seconds"], 1)
        saving.write_json(out / "report.json", report)
        figures[path.stem] = last_figure(out / path.name)
        page = INDEX.render(report, figures=figures, verdict=verdict)
        (out / "index.html").write_text(page, "utf-8")
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
    print(f"{args.out / 'index.html'} leads to the pages")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
