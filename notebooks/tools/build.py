"""Build both languages' notebooks from the chapter sources in notebooks/src.

python -m notebooks.tools.build [07 ...]      build (all chapters, or those named)
    --check             write nothing; fail where a notebook is not what it should be
    --bless             mark the Chinese texts as translations of today's English
    --store FOLDER      take the outputs of the notebooks that run.py left there
    --repo ADDRESS [--tag TAG]    publish under this address, then build
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
from collections import Counter
from pathlib import Path

if not __package__:  # called by its path
    module = [sys.executable, "-m", "notebooks.tools.build"]
    sys.exit(subprocess.call([*module, *sys.argv[1:]]))

import jupytext
import nbformat

from . import LANGUAGES, ROOT, numbers
from .address import badges, set_address
from .outputs import (
    executed,
    give_outputs,
    origin,
    read_notebook,
    stored_facts,
    without_outputs,
)
from .paste import (
    SETUP_STUB,
    code_problems,
    numbered,
    pasted,
    setup_cell,
    with_solutions,
)
from .strip import with_strip
from .translate import bless, chinese_links, short_hash, text_problems

MAX_BYTES = 1_000_000
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}  # Colab, others


def sources(root: Path, chapters: list[str]) -> list[Path]:
    """List the chapter sources; `chapters` are numbers, empty for all."""
    found = sorted((root / "notebooks/src").glob("[0-9][0-9]_*.py"))
    unknown = set(chapters) - {path.name[:2] for path in found}
    if unknown:
        raise ValueError(
            f"no source for chapter {', '.join(sorted(unknown))}; "
            f"there are {', '.join(path.name[:2] for path in found)}"
        )
    return [path for path in found if not chapters or path.name[:2] in chapters]


def make_cell(kind: str, source: str, metadata: dict, seen: Counter) -> dict:
    """Return a cell whose id is the hash of its content, `-2` for a repeat."""
    key = short_hash(kind + source)
    seen[key] += 1
    own = {k: v for k, v in metadata.items() if k not in ("include", "lang", "of")}
    if source.startswith("# @title") and "display-mode" in source:
        own |= FOLDED
    cell = {
        "cell_type": kind,
        "id": key if seen[key] == 1 else f"{key}-{seen[key]}",
        "metadata": own,
        "source": source,
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def notebook_metadata(gpu: bool) -> dict:
    """Return the notebook's metadata; a GPU is asked for only where needed."""
    metadata = {
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"display_name": "Python 3", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if gpu:
        metadata["accelerator"] = "GPU"
        metadata["colab"]["gpuType"] = "T4"
    return metadata


class Chapter:
    """One chapter source, read and checked; builds the notebook of each language.

    Parameters
    ----------
    root : Path
        Folder of the project.
    path : Path
        The chapter's source, notebooks/src/NN_name.py.
    """

    def __init__(self, root: Path, path: Path):
        self.root, self.path, self.problems = root, path, []
        self.numbers = numbers.Numbers(root)
        self.cells = jupytext.reads(path.read_text("utf-8"), fmt="py:percent").cells
        raw = [cell.source for cell in self.cells if cell.cell_type == "raw"]
        self.gpu = any("gpu: true" in text for text in raw)
        self.check_texts()
        self.code = self.build_code()

    def say(self, cell, problem: str) -> None:
        """Note a problem and where it is."""
        first = next((x for x in cell.source.splitlines() if x.strip()), "empty cell")
        self.problems.append(f"{self.path.name}: {first[:50]!r}: {problem}")

    def check_texts(self) -> None:
        """Check the texts as they were written, then paste solutions into them."""
        terms = self.root / "notebooks/src/terms.md"
        for cell, problem in text_problems(self.cells, terms):
            self.say(cell, problem)
        for cell in self.cells:
            if "lang" in cell.metadata:
                try:
                    cell.source = with_solutions(self.root, cell.source)
                except ValueError as error:
                    self.say(cell, str(error))
                for problem in self.numbers.wrong(cell.source).values():
                    self.say(cell, problem)

    def build_code(self) -> list[str]:
        """Return the text of each code cell as the reader gets it."""
        includes = Counter(cell.metadata.get("include") for cell in self.cells)
        for name in ("setup", "badges"):
            if includes[name] != 1:
                place = f'{includes[name]} cells include="{name}", 1 is needed'
                self.problems.append(f"{self.path.name}: {place}")
        built, count = [], 0
        for cell in self.cells:
            if cell.metadata.get("include") == "setup":
                built.append(self.setup(cell))
            elif cell.cell_type == "code":
                count += 1
                number = f"[{self.path.name[:2]}-{count:02d}]"
                built.append(numbered(self.authored(cell), number))
        return built

    def setup(self, cell) -> str:
        """Return the set-up cell that stands for the stub of the source."""
        if cell.source.strip() != SETUP_STUB:
            self.say(cell, f"the set-up stub is exactly {SETUP_STUB!r}")
        return setup_cell(self.root)

    def authored(self, cell) -> str:
        """Return the text of a code cell, with definitions where it shows some."""
        if "show-source" in cell.metadata.get("tags", []):
            try:
                return pasted(self.root, cell.source)
            except (OSError, ValueError, SyntaxError) as error:
                self.say(cell, str(error))
        else:
            for problem in code_problems(cell.source):
                self.say(cell, problem)
        return cell.source

    def notebook(
        self, language: str, stored: dict | None = None, filled: bool = True
    ) -> dict:
        """Build the notebook of one language, without outputs.

        Parameters
        ----------
        language : str
            "en" or "zh".
        stored : dict or None
            Facts of the run whose outputs it will get; the badge cell tells them.
        filled : bool
            Whether measured numbers stand in place of the fields.
        """
        cells, code, seen = [], iter(self.code), Counter()
        for cell in self.cells:
            lang, include = (cell.metadata.get(key) for key in ("lang", "include"))
            if cell.cell_type == "raw" or (lang and lang != language):
                continue
            if include == "badges":
                source = badges(self.root, self.path.stem, language)
            elif cell.cell_type == "code":
                source = next(code)
            else:
                source = with_strip(cell.source, self.path.name[:2], language)
            if lang == "zh":
                source = chinese_links(source)
            if lang and filled:
                source = self.numbers.fill(source)
            cells.append(make_cell(cell.cell_type, source, cell.metadata, seen))
            if include == "badges" and stored:  # the id stays as it is without them
                cells[-1]["source"] += f"\n\n{origin(stored, language)}"
        metadata = notebook_metadata(self.gpu)
        if stored:
            metadata["course"] = {"outputs": stored}
        return {
            "cells": cells,
            "metadata": metadata,
            "nbformat": 4,
            "nbformat_minor": 5,
        }


def dumps(notebook: dict) -> str:
    """Write a notebook as text, the same bytes every time."""
    node = nbformat.from_dict(copy.deepcopy(notebook))
    nbformat.validate(node)
    return nbformat.writes(node) + "\n"


def built(chapter: Chapter, donor: dict | None) -> dict[str, dict]:
    """Build both languages of a chapter with the outputs that still hold."""
    stored = stored_facts(donor)
    notebooks = {lang: chapter.notebook(lang, stored) for lang in LANGUAGES}
    filled = [donor and give_outputs(n, donor) for n in notebooks.values()]
    if stored and not any(filled):  # nothing of that run is left
        return {language: chapter.notebook(language) for language in LANGUAGES}
    return notebooks


def check(chapter: Chapter) -> list[str]:
    """List the chapter's problems and the notebooks that its source does not build."""
    problems = list(chapter.problems)
    for language, folder in LANGUAGES.items():
        path = chapter.root / folder / f"{chapter.path.stem}.ipynb"
        there = read_notebook(path)
        wanted = without_outputs(chapter.notebook(language, stored_facts(there)))
        if there is None or without_outputs(there) != wanted:
            name = f"{folder}/{path.name}"
            unfilled = chapter.notebook(language, filled=False)
            problems += numbers.stale(name, unfilled, there, chapter.numbers)
            problems.append(f"{name} is not what its source builds: run build.py")
    return problems


def build(root: Path, paths: list[Path], folder: Path | None = None) -> list[str]:
    """Write the notebooks of the chapters; return the problems of their sources."""
    problems = []
    for path in paths:
        chapter = Chapter(root, path)
        problems += chapter.problems
        if folder:
            donor = executed(chapter.notebook("en"), path.stem, folder, root)
        else:
            donor = read_notebook(root / LANGUAGES["en"] / f"{path.stem}.ipynb")
        for language, notebook in built(chapter, donor).items():
            text = dumps(notebook)
            if len(text.encode()) > MAX_BYTES:
                problems.append(f"{path.stem} ({language}) is over {MAX_BYTES} bytes")
            target = root / LANGUAGES[language] / f"{path.stem}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8", newline="\n")
    return problems


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapters", nargs="*", metavar="NN")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("--store", type=Path, metavar="FOLDER")
    parser.add_argument("--repo", metavar="ADDRESS")
    parser.add_argument("--tag", default="", help="with --repo: a branch or tag")
    args = parser.parse_args(arguments)
    try:
        paths = sources(root, args.chapters)
        if args.check:
            problems = [p for path in paths for p in check(Chapter(root, path))]
            problems += numbers.check(root)
        else:
            if args.repo:
                set_address(root, args.repo, args.tag)
            for path in paths if args.bless else []:
                bless(path)
            problems = build(root, paths, args.store) + numbers.mend(root)
    except (OSError, ValueError) as error:
        problems = [str(error)]
    print("\n".join(problems) or f"{len(paths)} chapters in step")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
