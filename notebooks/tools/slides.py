"""Slides: the key figures of a chapter for the beamer, one a page, in one file.

Not by nbconvert's reveal export: its page takes reveal.js, RequireJS and MathJax from
the network, and shows a figure no larger than it is. Here a browser alone is needed.
"""

from __future__ import annotations

import re
import tomllib

from helpers import datasets

from . import outputs, report

MAX_LINES = 4  # of what a cell prints: more cannot be read from the last row


def page(notebook: dict, chapter, language: str) -> str:
    """Return the page of a chapter, its heading first.

    Parameters
    ----------
    notebook : dict
        The notebook of the language, with outputs.
    chapter : build.Chapter
        Its source; `slides` in notebooks/src/teaching/NN.toml names the cells, each by
        a word that its English code holds.
    language : str
        "en" or "zh".
    """
    words, shown = named(chapter), []
    english = outputs.code_cells(chapter.notebook("en")["cells"])
    mine, heading = {}, ""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            mine[len(mine)] = (cell, heading)
        elif found := re.findall(r"^#{2,} (.+)", cell["source"], re.M):
            heading = re.sub(r"[*`]", "", found[-1])
    for word in words:
        place = (k for k, cell in enumerate(english) if word in cell["source"])
        if (k := next(place, None)) is None:
            raise ValueError(f"{chapter.path.stem}: no cell holds {word!r} for a slide")
        cell, heading = mine[k]
        told = report.shown_outputs(cell, heading)
        pictures = [output for output in told if "image" in output]
        if not pictures:
            raise ValueError(
                f"{chapter.path.stem}: the cell that holds {word!r} has no figure; "
                "take it from a run in lesson mode with --store FOLDER"
            )
        said = [o["text"] for o in told if "text" in o]
        said = "\n".join(said).strip().splitlines()
        shown.append(
            {
                "heading": heading,
                "pictures": pictures,
                "said": "\n".join(said) if len(said) <= MAX_LINES else "",
            }
        )
    title, _, question = notebook["cells"][0]["source"].partition("\n")
    facts = notebook["metadata"].get("course", {}).get("outputs")
    known = datasets.DATASETS.get(facts["dataset"]) if facts else None
    return report.environment.get_template("slides.html").render(
        language={"zh": "zh-CN"}.get(language, language),
        title=title.lstrip("# "),
        question=question.strip().strip("*"),
        origin=outputs.ORIGIN[language].format(**facts).strip("*") if facts else "",
        credit=known.citation if known and not known.drawn else "",
        slides=shown,
    )


def named(chapter) -> list[str]:
    """Return the words that name the cells of a chapter's slides."""
    path = chapter.root / f"notebooks/src/teaching/{chapter.path.name[:2]}.toml"
    words = (
        tomllib.loads(path.read_text("utf-8")).get("slides") if path.exists() else []
    )
    if not words:
        raise ValueError(f"{path} names no cells for slides: slides = [WORD, ...]")
    return words
