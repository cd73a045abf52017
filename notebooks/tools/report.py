"""The pages of a run: one a chapter and `index.html`, which need nothing but a browser.

Made from what run.py left in a folder, the executed notebooks and `report.json`, with
the templates and words in `pages`.
"""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader
from latex2mathml.converter import convert
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from helpers import datasets, saving

from . import LANGUAGES, outputs

STOPPED = "stopped"  # the error of a chapter that was interrupted
TEMPLATES = Path(__file__).parent / "pages"
WORDS = tomllib.loads((TEMPLATES / "words.toml").read_text("utf-8"))
SCORES = ("dice", "sensitivity", "specificity", "auc_roc")

environment = Environment(
    loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.loopcontrols"],
)
environment.filters["minutes"] = lambda seconds: f"{seconds / 60:.1f}"


# ---- Text ----


def mathml(formula: str, display: str = "inline") -> str:
    """Turn TeX into MathML, which browsers draw by themselves; bad TeX stays TeX."""
    try:
        return convert(formula.strip(), display=display)
    except Exception:  # the library has no error of its own
        return f"<code>{IPythonRenderer().escape_html(formula)}</code>"


def colored(code: str, language: str) -> str:
    """Mark the kinds of words in code; the style sheet colours them."""
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False)
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return highlight(code.strip("\n"), lexer, HtmlFormatter(nowrap=True))


class Renderer(IPythonRenderer):
    """Markdown to HTML without anything that lies outside the page.

    Parameters
    ----------
    folder : Path
        Where the page will lie; links to chapters that are there, too, are kept.
    """

    def __init__(self, folder: Path):
        super().__init__(escape=False, exclude_anchor_links=True)
        self.folder, self.sections = folder, []

    def inline_math(self, body: str) -> str:
        """Show a formula within the text."""
        return mathml(body)

    def block_math(self, body: str) -> str:
        """Show a formula on its own line."""
        return f'<span class="wide" tabindex="0">{mathml(body, "block")}</span>'

    def block_code(self, code: str, info: str | None = None) -> str:
        """Show code in the colours of its language."""
        return f'<pre lang="en" tabindex="0">{colored(code, info or "")}</pre>'

    def table(self, text: str) -> str:
        """Let a wide table scroll in its own box."""
        return f'<div class="wide" tabindex="0"><table>{text}</table></div>'

    def heading(self, text: str, level: int, **_) -> str:
        """Give a heading a name that links can lead to."""
        name = re.sub(r"<[^>]+>", "", text).strip().replace(" ", "-").replace('"', "")
        if level == 2:
            self.sections.append((name, text))
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Show what lies within the page; leave out badges and other visitors."""
        if not url.startswith("data:"):
            return ""
        return super().image(text, url, title)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Link to the web, to this page and to chapters that ran; else keep the words.

        A link around a badge goes with it.
        """
        path, mark, anchor = url.partition("#")
        if path and "://" not in path:
            if not (path.endswith(".ipynb") and (self.folder / path).is_file()):
                return text
            url = f"{path.removesuffix('ipynb')}html{mark}{anchor}"
        return super().link(text, url, title) if text else ""


# ---- A chapter ----


def read(folder: Path, name: str) -> nbformat.NotebookNode:
    """Read an executed notebook of the folder."""
    return nbformat.read(folder / f"{name}.ipynb", as_version=4)


def title_of(notebook: nbformat.NotebookNode, name: str) -> str:
    """Return a chapter's own title, or its name where it has none."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return next((m[1] for t in texts if (m := re.match(r"# (.+)", t))), name)


def shown_outputs(cell: nbformat.NotebookNode, section: str) -> list[dict]:
    """List what a cell gave: texts and images, each image with words in its place.

    These are its alternative text; where a reader's own figure has none, what is
    printed after it, else before it, else the section's name.
    """
    shown = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            alt = output.metadata.get("image/png", {}).get("alt")
            image = data["image/png"].replace("\n", "")
            shown.append({"image": image, "alt": alt})
        elif text := data.get("text/plain") or output.get("text"):
            kind = "output" if text.strip().count("\n") > 1 else "output wrap"
            shown.append({"text": strip_ansi(text).rstrip(), "kind": kind})
        elif output.output_type == "error":
            trace = strip_ansi("\n".join(output.traceback))
            shown.append({"text": trace, "kind": "error"})
    for k, output in enumerate(shown):
        if "image" in output and not output["alt"]:
            near = [*shown[k + 1 : k + 2], *shown[:k][::-1]]
            words = next((o["text"] for o in near if o.get("text")), section)
            output["alt"] = textwrap.shorten(words, 250, placeholder=" ...")
    return shown


def shown_cells(notebook: nbformat.NotebookNode, name: str, markdown) -> list[dict]:
    """List the cells as a page shows them; `markdown` turns text into HTML."""
    cells, section, links = [], name, outputs.links_cell(notebook, f"{name}.ipynb")
    for cell in notebook.cells:
        source = cell.source
        if cell.cell_type == "markdown":
            if cell is links:  # they stand at the page's own head
                source = source.partition("\n\n")[2]
            headings = re.findall(r"^#+ (.+)", source, re.M)
            section = headings[-1] if headings else section
            cells.append({"text": markdown(source)})
        elif cell.cell_type == "code":
            first, _, rest = source.partition("\n")
            folded = cell.metadata.get("jupyter", {}).get("source_hidden")
            number = re.search(r"\[(\d\d-\d\d)\]", first)
            cells.append(
                {
                    "id": number[1] if number else f"cell-{cell.get('id')}",
                    "title": first.removeprefix("# @title ") if folded else "",
                    "code": colored(rest if folded else source, "python"),
                    "outputs": shown_outputs(cell, section),
                }
            )
    return cells


def other_language(folder: Path, language: str) -> Path:
    """Return the folder in which the pages of the other language lie."""
    return folder.parent if language == "zh" else folder / "zh"


def facts_for_all(folder: Path, report: dict, name: str = "index") -> dict:
    """Return what each page of a run needs to know."""
    language = report["language"]
    other = other_language(folder, language)
    ran = "report.json" if name == "index" else f"{name}.ipynb"
    link = f"{'..' if language == 'zh' else 'zh'}/{name}.html"
    return {
        "report": report,
        "words": WORDS[language],
        "language": {"zh": "zh-CN"}.get(language, language),
        "other": link if (other / ran).is_file() else None,
        "stopped": STOPPED,
    }


def is_drawn(entry: dict) -> bool:
    """Tell whether a chapter saw drawn eyes instead of photographs."""
    facts = datasets.DATASETS.get(entry.get("dataset"))
    return bool(facts and facts.drawn)


def write_page(folder: Path, report: dict, entry: dict) -> None:
    """Write the page of a chapter from its executed notebook."""
    name = entry["chapter"]
    notebook, renderer = read(folder, name), Renderer(folder)
    names = [each["chapter"] for each in report["chapters"].values()]
    place = names.index(name)
    page = environment.get_template("chapter.html").render(
        facts_for_all(folder, report, name),
        entry=entry,
        title=title_of(notebook, name),
        cells=shown_cells(notebook, name, MarkdownWithMath(renderer).render),
        sections=renderer.sections,
        drawn=is_drawn(entry),
        before=names[place - 1] if place else None,
        after=(*names, None)[place + 1],
    )
    saving.write_bytes(folder / f"{name}.html", page.encode())


# ---- The index ----


def card(folder: Path, entry: dict) -> dict:
    """Return what the index shows of a chapter: title and its richest figure."""
    notebook = read(folder, entry["chapter"])
    cells = shown_cells(notebook, entry["chapter"], str)
    figures = [o for c in cells for o in c.get("outputs", []) if "image" in o]
    return {
        "entry": entry,
        "title": title_of(notebook, entry["chapter"]),
        "figure": max(figures, key=lambda o: len(o["image"]), default=None),
    }


def extremes(folder: Path, entry: dict) -> dict | None:
    """Return the best and the worst eye of chapter 09, and the figure of both."""
    if not (eyes := entry.get("dice_of_eyes")):
        return None
    order, figure = sorted(eyes, key=eyes.get), None
    for cell in read(folder, entry["chapter"]).cells:
        if "best-and-worst" in cell.metadata.get("tags", []):
            figure = next((o for o in shown_outputs(cell, "") if "image" in o), None)
    best, worst = ({"name": k, "dice": eyes[k]} for k in (order[-1], order[0]))
    return {"count": len(eyes), "best": best, "worst": worst, "figure": figure}


def write_index(folder: Path, report: dict) -> None:
    """Write the first page of a run."""
    chapters = report["chapters"]
    entries = list(chapters.values())
    results, cells = chapters.get("09", {}), chapters.get("10", {}).get("em")
    sets = {entry["dataset"]: 0 for entry in entries if "dataset" in entry}
    known = [datasets.DATASETS[name] for name in sets if name in datasets.DATASETS]
    page = environment.get_template("index.html").render(
        facts_for_all(folder, report),
        title=WORDS[report["language"]]["course"],
        cards=[card(folder, entry) for entry in entries],
        good=sum(entry["ok"] for entry in entries),
        sets=sets,
        devices={entry["device"]: 0 for entry in entries if "device" in entry},
        drawn=any(map(is_drawn, entries)),
        credits=[facts.citation for facts in known if not facts.drawn],
        results=results if results.get("scores") else None,
        columns=SCORES,
        extremes=extremes(folder, results),
        cells=cells,
    )
    saving.write_bytes(folder / "index.html", page.encode())


def write_all(out: Path) -> None:
    """Write all pages of a folder anew, in both languages, as far as they ran."""
    for place in LANGUAGES.values():
        folder = out / Path(place).relative_to(LANGUAGES["en"])
        if (folder / "report.json").is_file():
            report = json.loads((folder / "report.json").read_text("utf-8"))
            chapters = report["chapters"]  # but those whose notebook is gone
            report["chapters"] = {
                number: entry
                for number, entry in chapters.items()
                if (folder / f"{entry['chapter']}.ipynb").is_file()
            }
            for entry in report["chapters"].values():
                write_page(folder, report, entry)
            write_index(folder, report)
    if not (out / "report.json").is_file():  # Chinese alone: lead there
        page = environment.get_template("forward.html").render()
        saving.write_bytes(out / "index.html", page.encode())
