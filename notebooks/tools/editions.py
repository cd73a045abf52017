"""Editions of the notebooks for a class, made from what the chapters build.

The student edition has neither outputs nor solutions. The instructor edition has the
outputs, the solutions unfolded, and a note after each question: answer, reason, hints
and typical mistakes. Slides are pages for the beamer (slides.py). Each goes into a
folder of its own, `NN_name` for English and `zh/NN_name` for Chinese.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from pathlib import Path

import nbformat

from . import LANGUAGES, SIDE
from .address import COLAB, course_address, github_slug

EDITIONS = ("student", "instructor", "slides")
MANIFEST = "edition.json"  # what an edition wrote, so that it may be written anew
FOLD = re.compile(
    r"(\n*)<details>\s*<summary>\s*((?:Solution|参考答案)[^<]*)</summary>\s*(.*?)\s*</details>",
    re.S,
)
LINK = re.compile(  # or code, in which nothing is a link
    r"^```.*?^```|`[^`\n]+`|\[([^\[\]]*)\]\(([^)\s]+)\)", re.M | re.S
)
FOR_TEACHERS = {
    "en": "**Instructor's edition: answers and solutions, not for students.**",
    "zh": "**教师版：含答案，请勿发给学生。**",
}
QUESTION = re.compile(r"lesson\.(ask|exercise|recall)\(\s*[\"'](\d\d(?:\.\w+)?)[\"']")


# ---- The student edition ----


def student(notebook: dict, language: str) -> dict:
    """Take the solutions, and the way to the ordinary edition, out of a notebook.

    Parameters
    ----------
    notebook : dict
        A notebook as its chapter builds it, without outputs; it is changed.
    language : str
        "en" or "zh".

    Raises
    ------
    ValueError
        Where a solution would be left in it.
    """
    for cell in texts(notebook):
        cell["source"] = FOLD.sub("", cell["source"]).strip()
        # In Colab the link opens the published chapter, with its solutions.
        cell["source"] = re.sub(
            rf"\[[^\]]*\]\({COLAB}[^)]*\)( \| )?", "", cell["source"]
        )
        if re.search(r"Solution|参考答案", "".join(summaries(cell["source"]))):
            first = cell["source"].strip()[:60]
            raise ValueError(f"a solution is left in the {language} cell {first!r}")
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["source"]]
    return notebook


def texts(notebook: dict) -> list[dict]:
    """List the Markdown cells."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def summaries(text: str) -> list[str]:
    """List the titles of the folds in a text."""
    return re.findall(r"<summary>(.*?)</summary>", text, re.S)


def point_links(notebook: dict, language: str, chapters: set[str], root: Path) -> None:
    """Let links lead where they can outside the project's folder.

    Those to chapters of the edition stay; others lead to the published address, and
    where none is set, or the host is unknown, the words stay without a link.

    Parameters
    ----------
    notebook : dict
        The notebook, which is changed.
    language : str
        "en" or "zh".
    chapters : set of str
        The files of the edition, as they lie in the project: notebooks/NN_name.ipynb.
    root : Path
        Folder of the project.
    """
    address, tag = course_address(root)
    there = github_slug(address) if "OWNER/REPO" not in address else None

    def point(match: re.Match) -> str:
        words, target = match[1], match[2]
        if target is None or re.match(r"[a-z]+:|#", target):
            return match[0]
        path, mark, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(LANGUAGES[language], path))
        if path in chapters:
            return match[0]
        if there:
            web = f"https://github.com/{there}/blob/{tag}/{path}{mark}{anchor}"
            return f"[{words}]({web})"
        return words

    for cell in texts(notebook):
        cell["source"] = LINK.sub(point, cell["source"])


# ---- The instructor edition ----


def instructor(notebook: dict, language: str) -> dict:
    """Unfold the solutions of a notebook, and put a note after each question.

    Parameters
    ----------
    notebook : dict
        A notebook as its chapter builds it; it is changed.
    language : str
        "en" or "zh".
    """
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            cell["source"] = FOLD.sub(r"\1**\2**\n\n\3", cell["source"])
        if number == 0:
            cell["source"] += f"\n\n{FOR_TEACHERS[language]}"
        cells.append(cell)
        if cell["cell_type"] == "code":
            for kind, key in QUESTION.findall(cell["source"]):
                text = note(kind, key, language)
                new = nbformat.v4.new_markdown_cell(text)
                new["id"] = f"note-{kind}-{key.replace('.', '-')}"
                cells.append(new)
    notebook["cells"] = cells
    return notebook


def note(kind: str, number: str, language: str) -> str:
    """Return what an instructor should know of a question, an exercise or a recall."""
    from helpers import questions  # brings the chapters' own imports along

    side = SIDE[language]
    if kind == "recall":
        return recall_note(questions.recalls(number), side)
    say = ("{}: {}", "{}：{}")[side].format
    if kind == "exercise":
        task = questions.find(number, "EXERCISES")
        answers = [say(("Hint", "提示")[side], task.hint[side])]
        mistakes = [("", hint) for _, hint in task.mistakes]
    else:
        task = questions.find(number, "QUESTIONS")
        computed = callable(task.answer)
        value = (
            ("computed by the cell", "由单元格算出")[side]
            if computed
            else f"`{questions.show(task.answer)}`"
        )
        # What is known tells spoilers, in words of both languages, too.
        numbers = [x for x in task.known if re.fullmatch(r"[\d.,]+(e-\d+)?%?", x)]
        run = ("; in a run on DRIVE `{}`", "；在 DRIVE 上运行得到 `{}`")[side]
        shown = value + (run.format(numbers[0]) if computed and numbers else "")
        reason = task.reason[side].replace("{answer}", "…" if computed else value)
        answers = [say(("Answer", "答案")[side], shown), reason]
        answers += [
            say(f"{('Hint', '提示')[side]} {k}", hint[side])
            for k, hint in enumerate(task.hints, 1)
        ]
        mistakes = task.mistakes
        answers += [
            say(("Right, too", "也算对")[side], labelled(value, words[side], side))
            for value, words in task.also
        ]
    answers += [
        say(("Mistake", "常见错误")[side], labelled(value, words[side], side))
        for value, words in mistakes
    ]
    title = say(("For the instructor", "教师")[side], number.lstrip("0"))
    lines = "\n".join(f"> - {line}" for line in answers)
    return f"> **{title}** {task.title[side]}\n>\n{lines}"


def labelled(value: object, words: str, side: int) -> str:
    """Put a typical answer, if it can be shown, before the words on it."""
    from helpers import questions

    if isinstance(value, questions.Between):
        shown = (f"{value.low} to {value.high}", f"{value.low} 至 {value.high}")[side]
    elif value == "" or callable(value):
        return words
    else:
        shown = f"`{questions.show(value)}`"
    return f"{shown} → {words}"


def recall_note(asked: tuple, side: int) -> str:
    """Return the right letters of the recall questions, each with its reason."""
    letters = "".join(question.right for question in asked)
    lines = [
        f"> {k}. **{question.right}** {question.choices[question.right].why[side]}"
        for k, question in enumerate(asked, 1)
    ]
    title = ("For the instructor: ", "教师：")[side]
    return "\n".join([f"> **{title}`{letters}`**", ">", *lines])


# ---- Writing ----


def write(chapters: list, edition: str, folder: Path, run: Path | None) -> list[str]:
    """Write an edition of chapters in both languages; return what is wrong with them.

    Parameters
    ----------
    chapters : list of build.Chapter
        The chapters. With a problem in one of them nothing is written.
    edition : str
        One of EDITIONS.
    folder : Path
        New, empty, or with an earlier edition of the same kind.
    run : Path or None
        Folder of a run whose outputs it gets, those that answer a question included;
        else it gets the stored ones.
    """
    if problems := [problem for chapter in chapters for problem in chapter.problems]:
        return problems
    files = {}
    stems = [chapter.path.stem for chapter in chapters]
    names = {f"{place}/{x}.ipynb" for place in LANGUAGES.values() for x in stems}
    for chapter in chapters:
        for language, place in LANGUAGES.items():
            donor = None if edition == "student" else chapter.donor(language, run)
            made = chapter.notebook(language, donor, answers=True)
            name = f"{place}/{chapter.path.stem}".removeprefix("notebooks/")
            if edition == "slides":
                from . import slides  # it needs more than the build does

                files[f"{name}.html"] = slides.page(made, chapter, language).encode()
                continue
            made = (student if edition == "student" else instructor)(made, language)
            point_links(made, language, names, chapter.root)
            nbformat.validate(made)
            files[f"{name}.ipynb"] = f"{nbformat.writes(made)}\n".encode()
    store(files, edition, folder)
    return []


def store(files: dict[str, bytes], edition: str, folder: Path) -> None:
    """Write the files of an edition, each whole; never over what is not its own.

    Raises
    ------
    ValueError
        Where the folder holds something else, or a file was changed since.
    """
    from helpers import saving  # the build alone does without

    manifest, known = folder / MANIFEST, {}
    if manifest.is_file():
        told = json.loads(manifest.read_text("utf-8"))
        if told.get("edition") != edition:
            raise ValueError(
                f"{folder} holds the {told.get('edition')} edition: name another "
                f"folder for the {edition} edition"
            )
        known = told["files"]
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder} holds other files: name a new or an empty folder for the "
            f"{edition} edition"
        )
    for name in files:
        path = folder / name
        if path.exists() and sha256(path.read_bytes()) != known.get(name):
            raise ValueError(
                f"{path} was changed, or is not of this edition, and is not "
                "overwritten: move it away or name another folder"
            )
    known |= {name: sha256(content) for name, content in files.items()}
    text = json.dumps({"edition": edition, "files": known}, indent=1)
    for name, content in {**files, MANIFEST: f"{text}\n".encode()}.items():
        saving.write_bytes(folder / name, content)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()
