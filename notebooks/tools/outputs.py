"""Stored outputs: taken from a run, kept as long as the code before them stands."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import nbformat

ORIGIN = {
    "en": "*Outputs below: {mode} run on {dataset}, {device}, {date}.*",
    "zh": "*下面的输出：{mode} 模式；数据 {dataset}；设备 {device}；日期 {date}。*",
}


def origin(facts: dict, language: str) -> str:
    """Return the line that says which run made the outputs."""
    return ORIGIN[language].format(**in_words(facts, language))


def in_words(facts: dict, language: str) -> dict:
    """Return the facts of a run as a page tells them: the device in its language."""
    if language != "zh":
        return facts
    device = re.sub(r"CPU with (\d+) threads?", r"CPU，\1 个线程", facts["device"])
    device = re.sub(r", (\d+ GB), compute capability ", r"，\1，计算能力 ", device)
    return facts | {"device": device}


def code_cells(cells: list[dict]) -> list[dict]:
    """List the code cells among the cells of a notebook."""
    return [cell for cell in cells if cell["cell_type"] == "code"]


def read_notebook(path: Path) -> dict | None:
    """Read a notebook with each source as one string; None where there is none."""
    return nbformat.read(path, as_version=4) if path.exists() else None


def hide_places(text: str) -> str:
    """Shorten the absolute paths of this machine to their last part.

    Also those of files that are not there yet, such as an empty record of progress.
    """

    def short(match: re.Match) -> str:
        path = Path(match[0])
        here = any(place.exists() for place in (path, *path.parents[:-1]))
        return f".../{path.name}" if here else match[0]

    return re.sub(r"(?<![\w./:])(?:[A-Za-z]:)?(?:[/\\][\w.+~-]+){2,}", short, text)


def clean(outputs: list[dict]) -> list[dict]:
    """Drop what changes from run to run: execution counts, places on this machine."""
    outputs = copy.deepcopy(outputs)
    for output in outputs:
        if "execution_count" in output:
            output["execution_count"] = None
        for holder in (output, output.get("data", {})):
            for key, value in holder.items():
                if key in ("text", "text/plain", "text/html") and value:
                    holder[key] = hide_places(value)
    return outputs


def give(cells: list[dict], donor: dict, answers: bool = False) -> int:
    """Move outputs of the notebook `donor` into cells; return the number filled.

    A cell gets its outputs as long as it and all code cells before it are the same
    in both, the set-up cell excluded. One that answers a question gets none, unless
    `answers`: its output would give the answer away.
    """
    filled = 0
    pairs = zip(code_cells(cells), code_cells(donor["cells"]), strict=False)
    for position, (new, old) in enumerate(pairs):
        is_setup = position == 0
        if new["source"] != old["source"] and not is_setup:
            break
        if "answer" in new["metadata"].get("tags", []) and not answers:
            continue
        new["outputs"] = copy.deepcopy(old["outputs"])
        filled += bool(new["outputs"]) and not is_setup
    return filled


def mute_cells(cells: list[dict], language: str) -> list[str]:
    """List the first lines of cells with a figure that has no words in the language."""
    found = []
    for cell in code_cells(cells):
        for output in cell["outputs"]:
            if "image/png" in output.get("data", {}):
                about = output["metadata"].get("image/png", {})
                words = about.get("alt", "").strip()
                chinese = re.search(r"[\u4e00-\u9fff]", words) is not None
                if not words or chinese != (language == "zh"):
                    found.append(cell["source"].partition("\n")[0])
    return found


def links_cell(notebook: dict, name: str) -> dict | None:
    """Find the cell at a chapter's head whose links lead to its other language.

    Both notebooks have the same file name, `name`; a line on the outputs may follow.
    """
    texts = (cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    return next((cell for cell in texts if f"{name})" in cell["source"]), None)


def tell_origin(notebook: dict, name: str, language: str, facts: dict) -> None:
    """Say under the links at the head of a notebook which run made its outputs.

    Parameters
    ----------
    notebook : dict
        An executed notebook; an older line about its outputs goes.
    name : str
        Its file name.
    language : str
        "en" or "zh".
    facts : dict
        With mode, dataset, device and date.
    """
    facts = {key: facts[key] for key in ("mode", "dataset", "device", "date")}
    notebook["metadata"]["course"] = {"outputs": facts}
    if cell := links_cell(notebook, name):
        links = cell["source"].partition("\n\n")[0]
        cell["source"] = f"{links}\n\n{origin(facts, language)}"


def executed(fresh: dict, name: str, folder: Path, root: Path) -> dict:
    """Return the notebook that run.py left in `folder`, as a donor with its origin.

    Parameters
    ----------
    fresh : dict
        The notebook as its source builds it today; the run must fit it.
    name : str
        The chapter's name, such as "05_preprocessing".
    folder, root : Path
        Folder of the run; folder of the project.
    """
    donor = read_notebook(folder / f"{name}.ipynb")
    report = json.loads((folder / "report.json").read_text("utf-8"))
    entry = report["chapters"].get(name[:2])
    if donor is None or entry is None or not entry["ok"]:
        raise ValueError(f"{folder} holds no good run of {name}")
    today, then = (code_cells(notebook["cells"])[1:] for notebook in (fresh, donor))
    if [cell["source"] for cell in today] != [cell["source"] for cell in then]:
        raise ValueError(f"{name} was changed since that run: run it again")
    for cell in code_cells(donor["cells"]):
        cell["outputs"] = clean(cell["outputs"])
    text = json.dumps([cell["outputs"] for cell in code_cells(donor["cells"])])
    private = {str(root), str(root.parent), str(Path.home())} - {"/"}
    if paths := sorted(path for path in private if path in text):
        raise ValueError(f"{name}: an output names {', '.join(paths)}")
    facts = {"mode": report["mode"], "date": report["date"]}
    facts |= {key: entry.get(key) or "?" for key in ("dataset", "device")}
    donor["metadata"]["course"] = {"outputs": facts}
    return donor
