"""Where the course is published: pyproject.toml, [tool.course], and the badges."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from . import LANGUAGES

COLAB = "https://colab.research.google.com/github/"
UNPUBLISHED = "https://github.com/OWNER/REPO"
OPEN = {"en": "Open in Colab", "zh": "在 Colab 中打开"}
BADGE = "open-in-colab.svg"  # beside the notebooks of each language
IN_COLAB = rf"{COLAB}[\w.-]+/[\w.-]+/blob/[\w./-]+?/(?=notebooks/)"
SSH = r"^(?:ssh://(?:[^/@]+@)?([^:/]+)(?::\d+)?/|[\w.-]+@([^:/]+):)"
CHAPTER = r"(notebooks/(?:zh/)?\w+\.ipynb)"
# A badge, or the plain link that stands in its place on a host Colab cannot read.
LINK = re.compile(
    rf"\[!\[[^\]]*\]\([^)]*\)\]\({IN_COLAB}{CHAPTER}\)|\[{CHAPTER}\]\(\2\)"
)


def course_address(root: Path) -> tuple[str, str]:
    """Read from pyproject.toml the address and the branch or tag that is published."""
    table = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    return table["tool"]["course"]["repo"], table["tool"]["course"]["tag"]


def github_slug(address: str) -> str | None:
    """Return OWNER/REPO of a GitHub address, None for another host."""
    host = r"(?:^|//|@)(?:www\.|ssh\.)?github\.com(?::\d+)?[:/]"
    found = re.search(host + r"([\w.-]+/[\w.-]+?)(\.git)?/?$", address)
    return found[1] if found else None


def colab_prefix(address: str, tag: str) -> str | None:
    """Return what stands before a path in a Colab link; None where Colab cannot."""
    slug = github_slug(address)
    return f"{COLAB}{slug}/blob/{tag}/" if slug else None


def badges(root: Path, name: str, language: str) -> str:
    """Return the links at the head of a chapter: Colab and the other language.

    Words, no picture: a notebook travels alone, and in Colab, which does not find
    files beside it, a picture would be a broken one.
    """
    other = {"en": f"[中文版](zh/{name}.ipynb)", "zh": f"[English](../{name}.ipynb)"}
    prefix = colab_prefix(*course_address(root))
    if not prefix:
        return other[language]
    link = f"{prefix}{LANGUAGES[language]}/{name}.ipynb"
    return f"[{OPEN[language]}]({link}) | {other[language]}"


def public(address: str) -> str:
    """Return an address as a reader clones from it: without a name and a password.

    Raises
    ------
    ValueError
        Where the text is no address that can be cloned.
    """
    if not re.fullmatch(r"(https?://|ssh://|file://|git@)[^\s\"'\\]+", address):
        raise ValueError(
            f"{address!r} is no clone address; give one such as {UNPUBLISHED}"
        )
    if slug := github_slug(address):  # a reader's clone needs no key
        return f"https://github.com/{slug}"
    return re.sub(r"^(https?://)[^/@]*@", r"\1", address)


def ask_git(root: Path, *command: str) -> str:
    """Return what a git command prints; nothing where it fails or git is missing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *command], capture_output=True, text=True
        )
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.strip()


def origin(root: Path) -> str:
    """Return the address of the repository that this one was cloned from."""
    there = ask_git(root, "remote", "get-url", "origin")
    web = re.sub(SSH, lambda m: f"https://{m[1] or m[2]}/", there)
    if not re.match(r"https?://", web):
        raise ValueError(
            f"git's remote 'origin' is {there or 'missing'}: readers cannot clone from "
            f"that; name the address, for example --repo {UNPUBLISHED}"
        )
    return public(web)


def branch(root: Path) -> str:
    """Return the branch that visitors see: origin's first, else the one at hand."""
    head = ask_git(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    return head.removeprefix("origin/") or ask_git(root, "branch", "--show-current")


def set_address(root: Path, address: str = "", tag: str = "") -> tuple[str, str]:
    """Write where the course is published into pyproject.toml and the root's pages.

    Parameters
    ----------
    root : Path
        Folder of the project.
    address : str
        Clone address; empty for that of git's remote `origin`.
    tag : str
        Branch or tag that the badges open and the set-up cell clones; empty for the
        branch that visitors of `origin` see, else the one at hand, else main.

    Returns
    -------
    tuple of str
        The address, as readers clone from it, and the branch or tag.
    """
    address = public(address) if address else origin(root)
    tag = tag or branch(root) or "main"
    if not re.fullmatch(r"[\w./-]+", tag):
        raise ValueError(f"{tag!r} is no tag; use letters, digits, '.', '/', '-', '_'")
    before, _ = course_address(root)
    project = root / "pyproject.toml"
    text = project.read_text("utf-8")
    text = re.sub(r'(?m)^repo = ".*"$', f'repo = "{address}"', text)
    text = re.sub(r'(?m)^tag = ".*"$', f'tag = "{tag}"', text)
    project.write_text(text, "utf-8", newline="\n")
    for page in sorted(root.glob("*.md")):
        text = moved(page.read_text("utf-8"), before, address, tag)
        page.write_text(text, "utf-8", newline="\n")
    return address, tag


def moved(text: str, before: str, address: str, tag: str) -> str:
    """Point the links of a page at the root to another address.

    Links into Colab are known by their form, so that those which a merge brought from
    another copy of the course are moved, too.
    """
    prefix = colab_prefix(address, tag) or ""

    def link(match: re.Match) -> str:
        path = match[1] or match[2]
        if not prefix:  # Colab opens GitHub only: the badge becomes a plain link
            return f"[{path}]({path})"
        folder, _, _ = path.rpartition("/")
        words = next(OPEN[x] for x, place in LANGUAGES.items() if place == folder)
        return f"[![{words}]({folder}/{BADGE})]({prefix}{path})"

    text = re.sub(IN_COLAB, prefix, LINK.sub(link, text))
    for old in {before, UNPUBLISHED}:
        text = re.sub(rf"{re.escape(old)}(?![\w-])", lambda _: address, text)
    return text
