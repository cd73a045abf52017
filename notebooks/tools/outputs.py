"""Stored outputs: taken from a run, kept as long as the code before them stands."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import nbformat

LINE = {
    "en": "*Outputs below: {mode} run on {dataset}, {device}, {date}.*",
    "zh": "*下面的输出：{mode} 模式，数据 {dataset}，设备 {device}，日期 {date}。*",
}


def code_cells(notebook: dict) -> list[dict]:
    """List the code cells of a notebook."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def read_notebook(path: Path) -> dict | None:
    """Read a notebook with each source as one string; None where there is none."""
    return nbformat.read(path, as_version=4) if path.exists() else None


def hide_places(text: str) -> str:
    """Shorten the absolute paths of this machine to their last part."""

    def short(match: re.Match) -> str:
        return f".../{Path(match[0]).name}" if Path(match[0]).exists() else match[0]

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


def give_outputs(notebook: dict, donor: dict) -> int:
    """Move outputs of `donor` into `notebook`; return the number of cells filled.

    A cell gets its outputs as long as it and all code cells before it are the same
    in both, the set-up cell excluded.
    """
    filled = 0
    for new, old in zip(code_cells(notebook), code_cells(donor), strict=False):
        is_setup = "Set-up: run me first" in new["source"][:60]
        if new["source"] != old["source"] and not is_setup:
            break
        new["outputs"] = clean(old["outputs"])
        filled += bool(new["outputs"]) and not is_setup
    return filled


def without_outputs(notebook: dict) -> dict:
    """Return a copy without outputs and without what is said about them."""
    notebook = copy.deepcopy(notebook)
    notebook["metadata"].pop("course", None)
    for cell in code_cells(notebook):
        cell["outputs"], cell["execution_count"] = [], None
    return notebook


def foreign_paths(root: Path, notebook: dict) -> list[str]:
    """Find absolute paths of this machine in the outputs."""
    private = {str(root), str(root.parent), str(Path.home())} - {"/"}
    text = json.dumps([cell["outputs"] for cell in code_cells(notebook)])
    return sorted(path for path in private if path in text)


def stored_facts(notebook: dict | None) -> dict | None:
    """Return mode, data, device and date of the run behind a notebook's outputs."""
    metadata = notebook["metadata"] if notebook else {}
    return metadata.get("course", {}).get("outputs")


def origin(facts: dict, language: str) -> str:
    """Say in one line where the outputs come from."""
    return LINE[language].format(**facts)


def executed(fresh: dict, name: str, folder: Path, root: Path) -> dict:
    """Return the notebook that run.py left in `folder`, cleaned, as a donor.

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
    pairs = zip(code_cells(fresh)[1:], code_cells(donor)[1:], strict=False)
    if any(new["source"] != old["source"] for new, old in pairs):
        raise ValueError(f"{name} was changed since that run: run it again")
    for cell in code_cells(donor):
        cell["outputs"] = clean(cell["outputs"])
    if paths := foreign_paths(root, donor):
        raise ValueError(f"{name}: an output names {', '.join(paths)}")
    facts = {"mode": report["mode"], "date": report["date"]}
    facts |= {key: entry.get(key) or "?" for key in ("dataset", "device")}
    donor["metadata"]["course"] = {"outputs": facts}
    return donor
