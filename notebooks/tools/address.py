"""Where the course is published: pyproject.toml, [tool.course], and the badges."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from . import LANGUAGES

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github/"


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


def badges(root: Path, name: str, language: str) -> str:
    """Return the links at the head of a chapter: Colab and the other language."""
    other = {"en": f"[中文版](zh/{name}.ipynb)", "zh": f"[English](../{name}.ipynb)"}
    prefix = colab_prefix(*course_address(root))
    if not prefix:
        return other[language]
    link = f"{prefix}{LANGUAGES[language]}/{name}.ipynb"
    return f"[![Open in Colab]({BADGE})]({link}) {other[language]}"


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
    before = course_address(root)
    project = root / "pyproject.toml"
    text = project.read_text("utf-8")
    text = re.sub(r'(?m)^repo = ".*"$', f'repo = "{address}"', text)
    text = re.sub(r'(?m)^tag = ".*"$', f'tag = "{tag}"', text)
    project.write_text(text, "utf-8", newline="\n")
    for page in sorted(root.glob("*.md")):
        text = moved(page.read_text("utf-8"), before, (address, tag))
        page.write_text(text, "utf-8", newline="\n")


def moved(text: str, before: tuple[str, str], after: tuple[str, str]) -> str:
    """Point the links of a page from one (address, tag) to another."""
    old, new = colab_prefix(*before), colab_prefix(*after)
    if old and new:
        text = text.replace(old, new)
    elif old:  # Colab opens GitHub only: the badge becomes a plain link
        badge = rf"\[!\[[^\]]*\]\([^)]*\)\]\({re.escape(old)}([^)]+)\)"
        text = re.sub(badge, r"[\1](\1)", text)
    return text.replace(before[0], after[0])
