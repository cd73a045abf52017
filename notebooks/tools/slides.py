"""Slides: the key figures of a chapter for the beamer, one a page, in one file.

Not by nbconvert's reveal export: its page takes reveal.js, RequireJS and MathJax from
the network, and shows a figure no larger than it is. Here a browser alone is needed.
"""

from __future__ import annotations

import re
import tomllib

from helpers import datasets

from . import SIDE, outputs, report

ORIGIN = {
    "en": "Figures: {mode} run on {dataset}, {device}, {date}.",
    "zh": "图：{mode} 模式；数据 {dataset}；设备 {device}；日期 {date}。",
}
MAX_LINES = 4  # of what a cell prints: more cannot be read from the last row


def page(notebook: dict, chapter, language: str) -> str:
    """Return the page of a chapter, its heading first.

    Parameters
    ----------
    notebook : dict
        The notebook of the language, with outputs.
    chapter : build.Chapter
        Its source; `slides` in notebooks/src/teaching/NN.toml names the cells, each by
        a word in its English code: the first such cell with a figure is taken. `credit`
        there says whose photographs they are, where they are not of the run's set.
    language : str
        "en" or "zh".
    """
    english = outputs.code_cells(chapter.notebook("en")["cells"])
    with_headings, slides = under_headings(notebook["cells"]), []
    for word in named(chapter):
        places = [k for k, x in enumerate(english) if k and word in x["source"]]
        made = [slide(*with_headings[k]) for k in places]
        if not (drawn := [each for each in made if each["pictures"]]):
            run = "python3 -m helpers run" + " --language zh" * (language == "zh")
            why = f"the cell has no stored figure; {run}, then add --store outputs"
            raise ValueError(
                f"{chapter.path.stem}: the slide of {word!r}: "
                + (why if places else "no cell holds it")
            )
        slides.append(drawn[0])
    title, _, question = notebook["cells"][0]["source"].partition("\n")
    facts = notebook["metadata"].get("course", {}).get("outputs")
    told = outputs.in_words(facts, language) if facts else ""
    known = datasets.DATASETS.get(facts["dataset"]) if facts else None
    cited = known.citation if known and not known.drawn else ""
    return report.environment.get_template("slides.html").render(
        language={"zh": "zh-CN"}.get(language, language),
        title=title.lstrip("# "),
        question=question.strip().strip("*"),
        origin=told and ORIGIN[language].format(**told),
        credit=of_teacher(chapter).get("credit", (cited, cited))[SIDE[language]],
        slides=slides,
    )


def under_headings(cells: list[dict]) -> list[tuple[dict, str]]:
    """List the code cells, each with the heading that it stands under."""
    found, heading = [], ""
    for cell in cells:
        if cell["cell_type"] == "code":
            found.append((cell, heading))
        elif headings := re.findall(r"^#{2,} (.+)", cell["source"], re.M):
            heading = re.sub(r"[*`]", "", headings[-1])
    return found


def slide(cell: dict, heading: str) -> dict:
    """Return what a slide shows: heading, figures, and the few lines beside them."""
    told = report.shown_outputs(cell, heading)
    pictures = [output for output in told if "image" in output]
    said = "\n".join(output["text"] for output in told if "text" in output).strip()
    said = said if said.count("\n") < MAX_LINES else ""
    return {"heading": heading, "pictures": pictures, "said": said}


def of_teacher(chapter) -> dict:
    """Return what the teacher's file of a chapter says."""
    path = chapter.root / f"notebooks/src/teaching/{chapter.path.name[:2]}.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def named(chapter) -> list[str]:
    """Return the words that name the cells of a chapter's slides."""
    if not (words := of_teacher(chapter).get("slides")):
        file = f"notebooks/src/teaching/{chapter.path.name[:2]}.toml"
        raise ValueError(f"{file} names no cells for slides: slides = [WORD, ...]")
    return words
