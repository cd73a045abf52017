"""Execute the built notebooks, one kernel each, and write what came out.

python -m notebooks.tools.run --mode smoke --only 03,04 --out outputs

Writes each executed notebook and its HTML page, `index.html` and `report.json`.
`python3 -m helpers run` does the same, with the environment and the data seen to.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import datetime
import html
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
from nbconvert import HTMLExporter

from helpers import saving

from . import LANGUAGES, ROOT

TIMEOUT = 1200  # seconds a cell may take, unless its metadata says otherwise
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def chapter_paths(root: Path, only: list[str], language: str) -> list[Path]:
    """List the built notebooks in number order; `only` holds numbers, empty for all."""
    found = sorted((root / LANGUAGES[language]).glob("[0-9][0-9]_*.ipynb"))
    unknown = sorted({n.zfill(2) for n in only} - {path.name[:2] for path in found})
    if unknown:
        numbers = ", ".join(path.name[:2] for path in found) or "none"
        raise ValueError(
            f"there is no chapter {', '.join(unknown)}; there are: {numbers}"
        )
    wanted = {number.zfill(2) for number in only}
    return [path for path in found if not wanted or path.name[:2] in wanted]


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
            text = ANSI.sub("", msg["content"]["text"]).replace("\r", "\n")
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


def failure(notebook, index: int, error: Exception) -> dict:
    """Say which cell and line failed and how."""
    cell = notebook.cells[index]
    before = notebook.cells[: index + 1]
    number = re.match(r"# (?:@title )?\[(\d\d-\d\d)\]", cell.source)
    fact = {
        "cell": number[1] if number else sum(c.cell_type == "code" for c in before),
        "cell_id": cell.get("id"),
        "line": None,
    }
    shown = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    if shown:
        trace = ANSI.sub("", "\n".join(shown[0].traceback))
        line = re.search(r"^-+>\s*(\d+)", trace, re.M) or re.search(
            r"line (\d+)\n?.*\Z", trace, re.M
        )
        fact["line"] = int(line[1]) if line else None
        fact["error"] = f"{shown[0].ename}: {shown[0].evalue}"
    elif isinstance(error, CellTimeoutError):
        fact["error"] = "the cell took longer than its time limit"
    else:
        fact["error"] = "the kernel died (out of memory?)"
    return fact


def run_chapter(path: Path, out: Path, folder: Path, env: dict) -> dict:
    """Execute one notebook; return its entry of the report.

    Parameters
    ----------
    path, out, folder : Path
        The built notebook; where to write; the kernel's working directory.
    env : dict
        Environment variables for the kernel, beside those of this process.
    """
    print(f"{path.stem}", flush=True)
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = Client(notebook, folder)
    facts_file = out / f"{path.stem}.facts.json"
    facts_file.unlink(missing_ok=True)
    entry = {"chapter": path.stem, "ok": True}
    start = time.perf_counter()
    try:
        client.execute(env=kernel_environment(FUNDUS_REPORT=facts_file, **env))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        if client.stopped:
            raise KeyboardInterrupt from None
        entry |= {"ok": False, **failure(notebook, client.current, error)}
    finally:  # an interrupted run keeps what it made, too
        entry["seconds"] = round(time.perf_counter() - start, 1)
        out.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, out / path.name)
    if facts_file.exists():
        entry = json.loads(facts_file.read_text("utf-8")) | entry
        facts_file.unlink()
    # Embedding images would close every <details> at once; no text needs it.
    exporter = HTMLExporter(require_js_url="", jquery_url="")
    page = exporter.from_notebook_node(notebook)[0]
    (out / f"{path.stem}.html").write_text(page, "utf-8")
    print(f"  {verdict(entry)}", flush=True)
    return entry


def verdict(entry: dict) -> str:
    """Say in one line how a chapter ended."""
    if entry["ok"]:
        return f"{entry['chapter']}: ok, {entry['seconds']} s"
    line = f", line {entry['line']}" if entry["line"] else ""
    return f"FAILED {entry['chapter']}: cell {entry['cell']}{line}: {entry['error']}"


def last_figure(path: Path) -> str | None:
    """Return the last PNG of an executed notebook as base64 text."""
    notebook = nbformat.read(path, as_version=4)
    data = [o.get("data", {}) for c in notebook.cells for o in c.get("outputs", [])]
    pictures = [d["image/png"] for d in data if "image/png" in d]
    return (
        base64.b64encode(base64.b64decode(pictures[-1])).decode() if pictures else None
    )


STYLE = """body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
td,th{padding:.4em .8em;text-align:left;vertical-align:top;border-top:1px solid #ccc}
table{border-collapse:collapse}img{max-width:20em;max-height:12em}.bad{color:#a00}"""


def index_page(report: dict, out: Path) -> str:
    """Return the page that leads to all chapters; it needs no network."""
    rows = []
    for entry in report["chapters"].values():
        name = html.escape(entry["chapter"])
        status = html.escape(verdict(entry).split(": ", 1)[1])
        scores = entry.get("scores")
        status += f"<br>{html.escape(json.dumps(scores))}" if scores else ""
        figure = last_figure(out / f"{entry['chapter']}.ipynb")
        picture = f'<img alt="" src="data:image/png;base64,{figure}">' if figure else ""
        kind = "" if entry["ok"] else ' class="bad"'
        rows.append(
            f'<tr><td><a href="{name}.html">{name}</a> '
            f'(<a href="{name}.ipynb">ipynb</a>)</td>'
            f"<td{kind}>{status}</td><td>{html.escape(str(entry.get('dataset')))}</td>"
            f"<td>{picture}</td></tr>"
        )
    good = sum(entry["ok"] for entry in report["chapters"].values())
    head = (
        f"{good} of {len(rows)} chapters ran; mode {report['mode']}, "
        f"{report['seconds']} s, {report['date']}"
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        "<title>Course run</title>"
        f"<style>{STYLE}</style><h1>Course run</h1><p>{html.escape(head)}</p><table>"
        "<tr><th>Chapter</th><th>Result</th><th>Data</th><th>Last figure</th></tr>"
        + "\n".join(rows)
        + "</table></html>\n"
    )


def run_course(
    paths: list[Path], out: Path, mode: str, data: Path | None, language: str = "en"
) -> dict:
    """Execute the notebooks in order; write report and index after each.

    A chapter that fails does not stop the next. `data` is the folder that holds the
    data sets, None to leave the search to the notebooks.
    """
    out.mkdir(parents=True, exist_ok=True)
    begun = datetime.datetime.now()
    report = {
        "mode": mode,
        "language": language,
        "date": begun.date().isoformat(),
        "run_id": begun.strftime("%Y%m%d-%H%M%S"),
        "ok": True,
        "seconds": 0.0,
        "chapters": {},
    }
    env = {"FUNDUS_MODE": mode, "FUNDUS_OUT": out, "FUNDUS_RUN": report["run_id"]}
    if data is not None:
        env["FUNDUS_DATA"] = data
    for path in paths:
        entry = run_chapter(path, out, path.parent, env)
        report["chapters"][path.name[:2]] = entry
        report["ok"] = all(e["ok"] for e in report["chapters"].values())
        times = [e["seconds"] for e in report["chapters"].values()]
        report["seconds"] = round(sum(times), 1)
        saving.write_json(out / "report.json", report)
        (out / "index.html").write_text(index_page(report, out), "utf-8")
    return report


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return the exit code: 0 if every chapter ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", default="lesson", choices=["smoke", "lesson", "full"])
    parser.add_argument("--only", default="", metavar="NN,NN", help="chapter numbers")
    parser.add_argument("--language", default="en", choices=sorted(LANGUAGES))
    parser.add_argument("--data", type=Path, help="folder that holds the data sets")
    parser.add_argument("--out", type=Path, default=root / "outputs")
    args = parser.parse_args(arguments)
    only = [number for number in args.only.replace(" ", "").split(",") if number]
    paths = chapter_paths(root, only, args.language)
    report = run_course(paths, args.out, args.mode, args.data, args.language)
    for entry in report["chapters"].values():
        print(verdict(entry))
    print(f"{args.out / 'index.html'} leads to the pages")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
