"""Build both languages' notebooks from the chapter sources in notebooks/src.

python -m notebooks.tools.build [07 ...]      build (all chapters, or those named)
    --check             write nothing; fail where a notebook is not what it should be
    --bless             mark the Chinese texts as translations of today's English
    --store FOLDER      take the outputs of the notebooks that run.py left there
    --student FOLDER, --instructor FOLDER, --slides FOLDER
                        leave the notebooks as they are, and write editions of them for
                        a class; with --store FOLDER the outputs are those of a run
    --repo [ADDRESS] [--tag TAG]    publish under this address, then build; without
                        one: under that of git's remote `origin`

It needs jupytext, which brings nbformat along, and nothing else; the instructor
edition and the slides need the course's own environment.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

if not __package__:  # called by its path
    module = [sys.executable, "-m", "notebooks.tools.build"]
    sys.exit(subprocess.call([*module, *sys.argv[1:]]))
if __name__ == "__main__" and not importlib.util.find_spec("jupytext"):
    sys.exit(f"the build needs jupytext: {sys.executable} -m pip install jupytext")

import jupytext
import nbformat

from . import (
    LANGUAGES,
    ROOT,
    chosen,
    editions,
    glossary,
    localise,
    minutes,
    needs,
    numbers,
    outputs,
    paste,
    recall,
    teaching,
    translate,
)
from .address import badges, set_address
from .strip import with_strip

MAX_BYTES = 1_000_000
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}  # Colab, others
OURS = {  # metadata of the sources that no notebook carries
    "include", "lang", "of", "minutes", "number",
    "fold", "fold_zh", "title", "title_zh",
}  # fmt: skip


def sources(root: Path, chapters: list[str]) -> list[Path]:
    """List the chapter sources; `chapters` are numbers, empty for all."""
    found = list((root / "notebooks/src").glob("[0-9][0-9]_*.py"))
    return chosen(found, chapters, "source for chapter")


def make_cell(kind: str, source: str, cell, seen: Counter) -> dict:
    """Return a cell whose id is the hash of its content, `-2` for a repeat.

    What the build includes has the id of its name: published elsewhere, it keeps it.
    Code has the same id in both languages.
    """
    content = cell.source if kind == "code" else source
    key = translate.short_hash(kind + cell.metadata.get("include", content))
    seen[key] += 1
    own = {k: v for k, v in cell.metadata.items() if k not in OURS}
    if "fold" in cell.metadata or cell.metadata.get("include") == "setup":
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
        includes = Counter(cell.metadata.get("include") for cell in self.cells)
        for name in ("setup", "badges"):
            if includes[name] != 1:
                place = f'{includes[name]} cells include="{name}", 1 is needed'
                self.problems.append(f"{path.name}: {place}")
        terms = root / "notebooks/src/terms.md"
        for cell, problem in translate.text_problems(self.cells, terms):
            self.say(cell, problem)
        self.cells = [new for cell in self.cells for new in self.expand(cell)]
        self.complete()

    def say(self, cell, *problems: str) -> None:
        """Note problems and where they are."""
        first = next((x for x in cell.source.splitlines() if x.strip()), "empty cell")
        where = f"{self.path.name}: {first[:50]!r}"
        self.problems += [f"{where}: {problem}" for problem in problems]

    def expand(self, cell) -> list:
        """Return the cells for which a stub stands: those at a chapter's end."""
        chapter, kind = self.path.name[:2], cell.metadata.get("include")
        if kind == "recall":
            asked = recall.read(self.root, chapter)
            self.problems += (faults := recall.problems(asked, chapter))
            if faults:
                return []
            texts = (recall.text(asked, chapter, language) for language in LANGUAGES)
            cells = [
                nbformat.v4.new_markdown_cell(text, metadata={"lang": language})
                for language, text in zip(LANGUAGES, texts, strict=True)
            ]
            cells[0].metadata["minutes"] = str(minutes.RECALL)
            code = f'lesson.recall("{chapter}", "{"?" * len(asked)}")'
            return [*cells, nbformat.v4.new_code_cell(code)]
        if kind == "ticket":
            code = recall.TICKET.format(chapter=chapter)
            return [nbformat.v4.new_code_cell(code, metadata=recall.TITLE)]
        return [cell]

    def complete(self) -> None:
        """Put into the cells what they only name, and their numbers."""
        count = 0
        for cell in self.cells:
            if "lang" in cell.metadata:
                self.paste(cell, paste.with_solutions)
            elif cell.metadata.get("include") == "setup":
                if cell.source.strip() != paste.SETUP_STUB:
                    self.say(cell, f"the set-up stub is exactly {paste.SETUP_STUB!r}")
            elif cell.cell_type == "code":
                if "show-source" in cell.metadata.get("tags", []):
                    self.paste(cell, paste.with_definitions)
                else:
                    english = localise.in_language(cell.source, "en")
                    self.say(cell, *paste.code_problems(english))
                    self.say(cell, *localise.problems(cell.source))
                count += 1
                cell.metadata["number"] = f"[{self.path.name[:2]}-{count:02d}]"
        self.numbers.given = minutes.fields(self.root, self.path.name[:2], self.cells)
        for cell in self.cells:
            if "lang" in cell.metadata:
                self.numbers.fill(cell.source, functools.partial(self.say, cell))
        for cell, problem in minutes.problems(self.cells):
            self.say(cell, problem)
        code = [cell for cell in self.cells if cell.cell_type == "code"]
        with contextlib.suppress(SyntaxError):  # named already, with its cell
            found = needs.origins(code[1:])
            self.problems += [f"{self.path.name}: {problem}" for problem in found]

    def paste(self, cell, into: Callable[[Path, str], str]) -> None:
        """Paste into a cell what it names, or note why that cannot be."""
        try:
            cell.source = into(self.root, cell.source)
        except (OSError, ValueError, SyntaxError) as error:
            self.say(cell, str(error))

    def texts(self, language: str) -> Iterator[tuple]:
        """Yield the cells of a language, each with its text; fields are not filled."""
        for cell in self.cells:
            own, source = cell.metadata.get("lang", language), cell.source
            if cell.cell_type == "raw" or own != language:
                continue
            if cell.metadata.get("include") == "badges":
                source = badges(self.root, self.path.stem, language)
            elif cell.metadata.get("include") == "setup":
                source = paste.setup_cell(self.root, language)
            elif cell.cell_type == "code":
                source = self.code(cell, language)
            elif cell.cell_type == "markdown":
                source = with_strip(source, self.path.name[:2], language)
                if language == "zh":
                    source = translate.chinese_links(source)
            yield cell, source

    def code(self, cell, language: str) -> str:
        """Return a code cell in one language, with its number and its title."""
        suffix = "" if language == "en" else f"_{language}"
        titles = (cell.metadata.get(kind + suffix) for kind in ("fold", "title"))
        source = localise.in_language(cell.source, language)
        return paste.numbered(
            source, cell.metadata["number"], next(filter(None, titles), "")
        )

    def built(self, language: str) -> Path:
        """Return the place of the built notebook."""
        return self.root / LANGUAGES[language] / f"{self.path.stem}.ipynb"

    def donor(self, language: str, folder: Path | None = None) -> dict | None:
        """Return the notebook that has the outputs: a run's in `folder`, else ours."""
        name = f"{self.path.stem}.ipynb"
        runs = {"en": folder, "zh": folder / "zh"} if folder else {}
        if runs and not any((run / name).exists() for run in runs.values()):
            raise ValueError(f"{folder} holds no run of {name}")
        if runs and (runs[language] / name).exists():
            fresh = self.notebook(language)
            return outputs.executed(fresh, self.path.stem, runs[language], self.root)
        return outputs.read_notebook(self.built(language))

    def notebook(
        self, language: str, donor: dict | None = None, answers: bool = False
    ) -> dict:
        """Build the notebook of one language.

        Parameters
        ----------
        language : str
            "en" or "zh".
        donor : dict or None
            A notebook whose outputs it gets as far as they still hold; the cell of the
            badges then tells of their run.
        answers : bool
            Whether cells that answer a question get theirs, too.
        """
        cells, seen = [], Counter()
        for cell, source in self.texts(language):
            if "lang" in cell.metadata:
                source = self.numbers.fill(source)
            cells.append(make_cell(cell.cell_type, source, cell, seen))
            if cell.metadata.get("include") == "badges":
                head = cells[-1]
        metadata = notebook_metadata(self.gpu)
        if (
            donor
            and outputs.give(cells, donor, answers)
            and "course" in donor["metadata"]
        ):
            metadata["course"] = donor["metadata"]["course"]
            line = outputs.origin(metadata["course"]["outputs"], language)
            head["source"] += f"\n\n{line}"  # the id stays as it is without them
        whole = {"cells": cells, "metadata": metadata, "nbformat": 4}
        return nbformat.from_dict(whole | {"nbformat_minor": 5})

    def mute(self, notebook: dict, language: str) -> list[str]:
        """Name the cells with a stored figure that lacks its alternative text."""
        cells = outputs.mute_cells(notebook["cells"], language)
        where = f"{LANGUAGES[language]}/{self.path.stem}.ipynb"
        what = "stored figure without an alternative text in the notebook's language"
        return [f"{where}: {cell}: {what}" for cell in cells]

    def check(self) -> list[str]:
        """List the problems of the source, and what a build would change."""
        problems = list(self.problems)
        for language in LANGUAGES:
            path = self.built(language)
            there = outputs.read_notebook(path)
            if there == self.notebook(language, there):
                problems += self.mute(there, language)
                continue
            name = path.relative_to(self.root).as_posix()
            shown = [cell.source for cell in there.cells] if there else []
            for cell, text in self.texts(language):
                if "lang" in cell.metadata:
                    stale = self.numbers.stale(text, shown)
                    problems += [f"{name}: {problem}" for problem in stale]
            problems.append(
                f"{name} is not what its source builds: python -m notebooks.tools.build"
            )
        return problems


def everything(root: Path) -> list[Chapter]:
    """Read all chapters: a teacher's pages are made from all of them."""
    return [Chapter(root, path) for path in sources(root, [])]


def timed(root: Path, chapters: list[Chapter]) -> dict[str, dict[str, int]]:
    """Return the minutes of all chapters, for the fields of the pages."""
    total = {
        chapter.path.name[:2]: minutes.total(chapter.cells) for chapter in chapters
    }
    return {"minutes": total, "computing": minutes.computing(root)}


def build(root: Path, paths: list[Path], folder: Path | None = None) -> list[str]:
    """Write the notebooks of the chapters; return the problems of their sources."""
    problems = []
    for path in paths:
        chapter = Chapter(root, path)
        problems += chapter.problems
        for language in LANGUAGES:
            notebook = chapter.notebook(language, chapter.donor(language, folder))
            nbformat.validate(notebook)
            problems += chapter.mute(notebook, language)
            text, target = nbformat.writes(notebook) + "\n", chapter.built(language)
            if len(text.encode()) > MAX_BYTES:
                problems.append(f"{path.stem} ({language}) is over {MAX_BYTES} bytes")
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
    for edition in editions.EDITIONS:
        parser.add_argument(f"--{edition}", type=Path, metavar="FOLDER")
    parser.add_argument("--repo", metavar="ADDRESS", nargs="?", const="")
    parser.add_argument("--tag", default="", help="with --repo: a branch or tag")
    args, problems = parser.parse_args(arguments), []
    try:
        paths = sources(root, args.chapters)
        if args.check:
            chapters = everything(root)
            wanted = [chapter for chapter in chapters if chapter.path in paths]
            problems += [p for chapter in wanted for p in chapter.check()]
            problems += numbers.check(root, timed(root, chapters))
            problems += glossary.check(root)
            problems += teaching.check(root, chapters)
        elif wanted := [x for x in editions.EDITIONS if getattr(args, x)]:
            chapters = [Chapter(root, path) for path in paths]
            for edition in wanted:
                folder = getattr(args, edition)
                problems += editions.write(chapters, edition, folder, args.store)
                print("" if problems else f"{edition} edition in {folder}")
        else:
            if args.repo is not None:
                address, tag = set_address(root, args.repo, args.tag)
                print(f"published at {address}, {tag}")
            for path in paths if args.bless else []:
                translate.bless(path)
            problems += build(root, paths, args.store)
            chapters = everything(root)
            problems += numbers.mend(root, timed(root, chapters))
            problems += glossary.write(root) + teaching.write(root, chapters)
    except (OSError, ValueError, SyntaxError) as error:
        problems.append(str(error))
    print("\n".join(problems) or f"{len(paths)} chapters in step")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
