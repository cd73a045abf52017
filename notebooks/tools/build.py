"""Build both languages' notebooks from the chapter sources in notebooks/src.

python -m notebooks.tools.build [07 ...]      build (all chapters, or those named)
    --check             write nothing; fail where a notebook is not what it should be
    --bless             mark the Chinese texts as translations of today's English
    --store FOLDER      take the outputs of the notebooks that run.py left there
    --repo ADDRESS [--tag TAG]    publish under this address, then build
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import json
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

import jupytext
import nbformat

from . import numbers
from .strip import with_strip

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"en": "notebooks", "zh": "notebooks/zh"}
SETUP_STUB = "from helpers import lesson\n\ncourse = lesson.start()"
MAX_CELL, MAX_PASTED, MAX_BYTES = 40, 60, 1_000_000
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github/"
STORED = {
    "en": "*Outputs below: {mode} run on {dataset}, {device}, {date}.*",
    "zh": "*下面的输出：{mode} 模式，数据 {dataset}，设备 {device}，日期 {date}。*",
}


def short_hash(text: str) -> str:
    """Return the first 8 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


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


# Address: stands in pyproject.toml, [tool.course]


def course_address(root: Path) -> tuple[str, str]:
    """Read address and tag from pyproject.toml."""
    table = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    return table["tool"]["course"]["repo"], table["tool"]["course"]["tag"]


def github_slug(address: str) -> str | None:
    """Return OWNER/REPO of a GitHub address, None for another host."""
    found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(\.git)?/?$", address)
    return found[1] if found else None


def colab_prefix(address: str, tag: str) -> str | None:
    """Return what stands before a path in a Colab link; None where Colab cannot."""
    slug = github_slug(address)
    return f"{COLAB}{slug}/blob/{tag or 'main'}/" if slug else None


def set_address(root: Path, address: str, tag: str) -> None:
    """Write address and tag to pyproject.toml and to the Markdown at the root."""
    if not re.fullmatch(r"(https?://|ssh://|file://|git@)[^\s\"'\\]+", address):
        raise ValueError(
            f"{address!r} is no clone address; give one such as "
            "https://github.com/OWNER/REPO"
        )
    if not re.fullmatch(r"[\w./-]*", tag):
        raise ValueError(f"{tag!r} is no tag; use letters, digits, '.', '/', '-', '_'")
    if slug := github_slug(address):  # a reader's clone needs no key
        address = f"https://github.com/{slug}"
    old, old_tag = course_address(root)
    project = root / "pyproject.toml"
    text = project.read_text("utf-8")
    text = re.sub(r'(?m)^repo = ".*"$', f'repo = "{address}"', text)
    text = re.sub(r'(?m)^tag = ".*"$', f'tag = "{tag}"', text)
    project.write_text(text, "utf-8", newline="\n")
    before, after = colab_prefix(old, old_tag), colab_prefix(address, tag)
    for page in sorted(root.glob("*.md")):
        text = page.read_text("utf-8")
        if before and after:
            text = text.replace(before, after)
        elif before:  # Colab opens GitHub only: the badge becomes a plain link
            badge = rf"\[!\[[^\]]*\]\([^)]*\)\]\({re.escape(before)}([^)]+)\)"
            text = re.sub(badge, r"[\1](\1)", text)
        page.write_text(text.replace(old, address), "utf-8", newline="\n")


# Text: what a translation must keep


def kept(text: str) -> dict[str, list]:
    """List what a translation must not lose, kind by kind."""
    fences = re.findall(r"^```.*?^```", text, re.M | re.S)
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    spans = re.findall(r"`[^`\n]+`", text)
    text = re.sub(r"`[^`\n]+`", "", text)
    links = re.findall(r"\]\(([^)\s]+)|(?:src|href)=\"([^\"]+)\"", text)
    return {
        "code block": fences,
        "code span": spans,
        "formula": re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", text, re.S),
        "link": [(a or b).split("#")[0] or "#" for a, b in links],
        "heading level": [f"h{len(h)}" for h in re.findall(r"^(#+) ", text, re.M)],
        "fold": re.findall(r"</?details>", text),
        "field": numbers.fields(text),
    }


def translation_problems(english: str, chinese: str) -> list[str]:
    """Name what the Chinese text lost; more links, spans or formulas are fine."""
    problems, en, zh = [], kept(english), kept(chinese)
    for kind in en:
        lost = Counter(en[kind]) - Counter(zh[kind])
        problems += [f"lost {kind} {thing}" for thing in lost]
    if en["heading level"] != zh["heading level"] and not problems:
        problems.append(f"heading levels {zh['heading level']}, not as in English")
    return problems


def read_terms(path: Path) -> tuple[set[str], set[str]]:
    """Return (right words, words not to use) of the term list's tables."""
    right, wrong = set(), set()
    for line in path.read_text("utf-8").splitlines():
        columns = [column.strip() for column in line.strip().split("|")[1:-1]]
        if len(columns) != 4 or columns[1] == "中文" or columns[1].startswith("--"):
            continue
        right |= {w.strip() for w in re.split(r"[；、()（）]\s*", columns[1]) if w}
        if "mention once" not in columns[3]:
            wrong |= {w for w in re.split(r"[；、]\s*", columns[2]) if w != "-"}
    return right, wrong - {""}


def wrong_words(text: str, right: set[str], wrong: set[str]) -> list[str]:
    """Find words not to use in Chinese text, unless part of a right word."""
    text = re.sub(
        r"^```.*?^```|`[^`\n]+`|\]\([^)]*\)|\$[^$]+\$", " ", text, flags=re.M | re.S
    )
    found = []
    for word in sorted(wrong):
        rest = text
        for longer in sorted((r for r in right if word in r), key=len, reverse=True):
            rest = rest.replace(longer, " ")
        if word in rest:
            found.append(word)
    return found


def bless(path: Path) -> None:
    """Write into each Chinese cell's header the hash of the English before it."""
    text = path.read_text("utf-8")
    hashes, english = [], None
    for cell in jupytext.reads(text, fmt="py:percent").cells:
        if cell.metadata.get("lang") == "en":
            english = cell.source
        elif cell.metadata.get("lang") == "zh":
            hashes.append(short_hash(english or ""))
    header = re.compile(r'^# %% \[markdown\] lang="zh".*$', re.M)
    values = iter(hashes)
    text = header.sub(lambda _: f'# %% [markdown] lang="zh" of="{next(values)}"', text)
    path.write_text(text, "utf-8", newline="\n")


# Code: set-up cell, pasted definitions, numbers


def setup_cell(root: Path) -> str:
    """Return the set-up cell with the published address in it."""
    address, tag = course_address(root)
    text = (root / "notebooks/src/setup_cell.py").read_text("utf-8").rstrip("\n")
    text = re.sub(r'(?m)^ADDRESS = ".*"$', f'ADDRESS = "{address}"', text)
    return re.sub(r'(?m)^TAG = ".*"$', f'TAG = "{tag}"', text)


def definition(root: Path, module: str, name: str) -> str:
    """Return the source of one function or class of the package."""
    text = (root / (module.replace(".", "/") + ".py")).read_text("utf-8")
    for node in ast.parse(text).body:
        if getattr(node, "name", None) == name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise ValueError(f"{module} defines no {name}")


def pasted(root: Path, source: str) -> str:
    """Turn `from helpers.x import A, B` lines into the definitions themselves."""
    parts = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ImportFrom) or not node.module:
            raise ValueError("a show-source cell holds only `from helpers.x import A`")
        found = [definition(root, node.module, alias.name) for alias in node.names]
        for alias, text in zip(node.names, found, strict=True):
            if (lines := text.count("\n") + 1) > MAX_PASTED:
                raise ValueError(f"{alias.name} has {lines} lines, over {MAX_PASTED}")
        parts.append(f"# {node.module.replace('.', '/')}.py\n" + "\n\n\n".join(found))
    return "\n\n\n".join(parts)


def numbered(source: str, number: str) -> str:
    """Put the cell's number on its first line."""
    title = re.match(r"# @title (?=.)", source)
    if title:
        return f"# @title {number} {source[title.end() :]}"
    return f"# {number}\n{source}"


def code_problems(source: str) -> list[str]:
    """Name what an authored code cell should not have."""
    problems, lines = [], source.splitlines()
    if len(lines) > MAX_CELL:
        problems.append(f"{len(lines)} lines, over {MAX_CELL}")
    if any(re.match(r"\s*[!%]", line) for line in lines):
        problems.append("a `!` or `%` line runs only in IPython")
    return problems


# Notebook


def chinese_links(text: str) -> str:
    """Point links relative to notebooks/ from notebooks/zh/; chapters stay Chinese."""

    def move(match: re.Match) -> str:
        target = match[2]
        if re.match(r"[a-z]+:|#|/", target) or re.match(r"[\w.]+\.ipynb", target):
            return match[0]
        return f"{match[1]}../{target}"

    return re.sub(r"(\]\(|src=\"|href=\")([^)\s\"]+)", move, text)


def badges(root: Path, name: str, language: str, stored: dict | None) -> str:
    """Return the badge cell: Colab, the other language, where outputs come from."""
    prefix = colab_prefix(*course_address(root))
    parts = []
    if prefix:
        link = f"{prefix}{LANGUAGES[language]}/{name}.ipynb"
        parts.append(f"[![Open in Colab]({BADGE})]({link})")
    other = {"en": f"[中文版](zh/{name}.ipynb)", "zh": f"[English](../{name}.ipynb)"}
    text = " ".join([*parts, other[language]])
    return f"{text}\n\n{STORED[language].format(**stored)}" if stored else text


def make_cell(kind: str, source: str, metadata: dict, seen: Counter) -> dict:
    """Return a cell whose id is the hash of its content, `-2` for a repeat."""
    key = short_hash(kind + source)
    seen[key] += 1
    cell = {
        "cell_type": kind,
        "id": key if seen[key] == 1 else f"{key}-{seen[key]}",
        "metadata": metadata,
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
        """Check that texts stand in pairs and that translations are current."""
        right, wrong = read_terms(self.root / "notebooks/src/terms.md")
        english = None
        for cell in self.cells:
            language = cell.metadata.get("lang")
            for problem in self.numbers.wrong(cell.source).values() if language else ():
                self.say(cell, problem)
            if english is not None and language != "zh":
                self.say(english, "no Chinese cell after it")
                english = None
            if language == "en":
                english = cell
            elif language == "zh":
                if english is None:
                    self.say(cell, "no English cell before it")
                else:
                    self.check_pair(english, cell)
                for word in wrong_words(cell.source, right, wrong):
                    self.say(cell, f"do not use {word} (notebooks/src/terms.md)")
                english = None
            elif cell.cell_type == "markdown" and "include" not in cell.metadata:
                self.say(cell, 'text without lang="en" or lang="zh"')
        if english is not None:
            self.say(english, "no Chinese cell after it")

    def check_pair(self, english, chinese) -> None:
        """Check one translation against the English before it."""
        today = short_hash(english.source)
        if (of := chinese.metadata.get("of")) != today:
            self.say(chinese, f"translation of {of or 'nothing'}, English is {today}")
        for problem in translation_problems(english.source, chinese.source):
            self.say(chinese, problem)

    def build_code(self) -> list[str]:
        """Return the text of each code cell as the reader gets it."""
        built, count = [], 0
        includes = Counter(cell.metadata.get("include") for cell in self.cells)
        for name in ("setup", "badges"):
            if includes[name] != 1:
                place = f'{includes[name]} cells include="{name}", 1 is needed'
                self.problems.append(f"{self.path.name}: {place}")
        for cell in self.cells:
            if cell.cell_type != "code":
                continue
            if cell.metadata.get("include") == "setup":
                if cell.source.strip() != SETUP_STUB:
                    self.say(cell, f"the set-up stub is exactly {SETUP_STUB!r}")
                built.append(setup_cell(self.root))
                continue
            count += 1
            source = cell.source
            if "show-source" in cell.metadata.get("tags", []):
                try:
                    source = pasted(self.root, source)
                except (OSError, ValueError, SyntaxError) as error:
                    self.say(cell, str(error))
            else:
                for problem in code_problems(source):
                    self.say(cell, problem)
            built.append(numbered(source, f"[{self.path.name[:2]}-{count:02d}]"))
        return built

    def notebook(
        self, language: str, stored: dict | None = None, filled: bool = True
    ) -> dict:
        """Build the notebook of one language, without outputs."""
        cells, code, seen = [], iter(self.code), Counter()
        for cell in self.cells:
            metadata = dict(cell.metadata)
            include, lang = metadata.pop("include", None), metadata.pop("lang", None)
            metadata.pop("of", None)
            if cell.cell_type == "raw" or (lang and lang != language):
                continue
            source = next(code) if cell.cell_type == "code" else cell.source
            if source.startswith("# @title") and "display-mode" in source:
                metadata["cellView"] = "form"
            if lang:
                source = with_strip(source, self.path.name[:2], lang)
            if lang == "zh":
                source = chinese_links(source)
            if lang and filled:
                source = self.numbers.fill(source)
            if include == "badges":
                source = badges(self.root, self.path.stem, language, None)
            cells.append(make_cell(cell.cell_type, source, metadata, seen))
            if include == "badges":  # its id does not change with the outputs
                cells[-1]["source"] = badges(
                    self.root, self.path.stem, language, stored
                )
        metadata = notebook_metadata(self.gpu)
        if stored:
            metadata["course"] = {"outputs": stored}
        return {
            "cells": cells,
            "metadata": metadata,
            "nbformat": 4,
            "nbformat_minor": 5,
        }


# Outputs


def code_cells(notebook: dict) -> list[dict]:
    """List the code cells of a notebook."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


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


def read_notebook(path: Path) -> dict | None:
    """Read a notebook with each source as one string; None where there is none."""
    return nbformat.read(path, as_version=4) if path.exists() else None


def dumps(notebook: dict) -> str:
    """Write a notebook as text, the same bytes every time."""
    node = nbformat.from_dict(copy.deepcopy(notebook))
    nbformat.validate(node)
    return nbformat.writes(node) + "\n"


def built(chapter: Chapter, donor: dict | None) -> dict[str, dict]:
    """Build both languages of a chapter with the outputs that still hold."""
    stored = (donor or {"metadata": {}})["metadata"].get("course", {}).get("outputs")
    notebooks = {lang: chapter.notebook(lang, stored) for lang in LANGUAGES}
    kept_cells = [donor and give_outputs(n, donor) for n in notebooks.values()]
    if stored and not any(kept_cells):  # nothing of that run is left
        return {language: chapter.notebook(language) for language in LANGUAGES}
    return notebooks


def check(chapter: Chapter) -> list[str]:
    """List the chapter's problems and the notebooks that its source does not build."""
    problems = list(chapter.problems)
    for language, folder in LANGUAGES.items():
        path = chapter.root / folder / f"{chapter.path.stem}.ipynb"
        there = read_notebook(path)
        stored = there and there["metadata"].get("course", {}).get("outputs")
        wanted = without_outputs(chapter.notebook(language, stored))
        if there is None or without_outputs(there) != wanted:
            name = f"{folder}/{path.name}"
            unfilled = chapter.notebook(language, filled=False)
            problems += numbers.stale(name, unfilled, there, chapter.numbers)
            problems.append(f"{name} is not what its source builds: run build.py")
    return problems


def foreign_paths(root: Path, notebook: dict) -> list[str]:
    """Find absolute paths of this machine in the outputs."""
    private = {str(root), str(root.parent), str(Path.home())} - {"/"}
    text = json.dumps([cell["outputs"] for cell in code_cells(notebook)])
    return sorted(path for path in private if path in text)


def store(chapter: Chapter, folder: Path) -> dict:
    """Return the executed notebook that run.py left in `folder`, as a donor."""
    donor = read_notebook(folder / chapter.path.name.replace(".py", ".ipynb"))
    report = json.loads((folder / "report.json").read_text("utf-8"))
    entry = report["chapters"].get(chapter.path.name[:2])
    if donor is None or entry is None or not entry["ok"]:
        raise ValueError(f"{folder} holds no good run of {chapter.path.stem}")
    fresh = chapter.notebook("en")
    same = [
        a["source"] == b["source"]
        for a, b in zip(code_cells(fresh)[1:], code_cells(donor)[1:], strict=False)
    ]
    if not all(same):
        raise ValueError(
            f"{chapter.path.stem} was changed since that run: run it again"
        )
    for cell in code_cells(donor):
        cell["outputs"] = clean(cell["outputs"])
    if paths := foreign_paths(chapter.root, donor):
        raise ValueError(f"{chapter.path.stem}: an output names {', '.join(paths)}")
    facts = {"mode": report["mode"], "date": report["date"]}
    facts |= {key: entry.get(key) or "?" for key in ("dataset", "device")}
    donor["metadata"]["course"] = {"outputs": facts}
    return donor


def build(root: Path, paths: list[Path], folder: Path | None = None) -> list[str]:
    """Write the notebooks of the chapters; return the problems of their sources."""
    problems = []
    for path in paths:
        chapter = Chapter(root, path)
        problems += chapter.problems
        here = root / LANGUAGES["en"] / f"{path.stem}.ipynb"
        donor = store(chapter, folder) if folder else read_notebook(here)
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
