"""Links in the Markdown files and the notebooks lead somewhere; no network needed."""

import re
from pathlib import Path

import nbformat
import pytest

from notebooks.tools import LANGUAGES, address

ROOT = Path(__file__).resolve().parents[1]
TO = r"\[([^\]]*)\]\(([^)\s]+)(?: \"[^\"]*\")?\)"
PICTURE, LINK, TAG = re.compile("!" + TO), re.compile(TO), r"(?:src|href)=\"([^\"]+)\""
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("helpers/**/*.md")),
    *sorted(
        page
        for page in ROOT.glob("notebooks/**/*.md")
        if page.parent.name != "teaching"  # its links are those of TEACHING.md
    ),
    *sorted(p for f in LANGUAGES.values() for p in (ROOT / f).glob("[0-9]*.ipynb")),
    *sorted(ROOT.glob("results/**/*.md")),
]
SECTIONS = 13  # of the tutorial that the course grew from


def text_of(path: Path) -> str:
    """Return the Markdown of a page without its code."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    else:
        text = path.read_text("utf-8")
    return re.sub(
        r"```.*?```|`[^`\n]*`", lambda m: m[0].replace("]", ""), text, flags=re.S
    )


def links(text: str) -> list[str]:
    """Return what a page links to; the picture of a badge and its target are two."""
    pictures, words = PICTURE.findall(text), LINK.findall(PICTURE.sub("", text))
    return [there for _, there in words + pictures] + re.findall(TAG, text)


def anchors(path: Path) -> set[str]:
    found, text = set(), text_of(path)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.M):
        words = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        same = sum(
            a == words or re.fullmatch(rf"{re.escape(words)}-\d+", a) is not None
            for a in found
        )
        found.add(f"{words}-{same}" if same else words)
    return found | set(re.findall(r"(?:id|name)=\"([^\"]+)", text))


def broken(path: Path, root: Path = ROOT) -> list[str]:
    """Return the links of a page that lead nowhere."""
    bad, prefix = [], address.colab_prefix(*address.course_address(ROOT))
    for link in links(text_of(path)):
        if link.startswith(address.COLAB):
            path_there = link.removeprefix(prefix or "-")
            if path_there == link or not (root / path_there).is_file():
                bad.append(link)
        elif not re.match(r"[a-z]+:", link):
            file, _, anchor = link.partition("#")
            target = path.parent / file if file else path
            if not target.exists() or not target.resolve().is_relative_to(root):
                bad.append(link)
            elif anchor and target.suffix in (".md", ".ipynb"):
                bad += [link] if anchor not in anchors(target) else []
    return bad


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    assert broken(path) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "other.md").write_text(
        "# A heading\n\n## Twice\n\n## Twice\n\n## 中文 标题\n", "utf-8"
    )
    colab = f"{address.COLAB}OWNER/REPO/blob/main/notebooks/none.ipynb"
    good = [
        "other.md",
        "other.md#twice-1",
        "other.md#中文-标题",
        "https://example.org",
        "#top",
    ]
    bad = ["no.md", "other.md#none", "../outside.md", "#nowhere", colab]
    page = tmp_path / "page.md"
    page.write_text("# Top\n\n" + "".join(f"[x]({u}) " for u in good + bad), "utf-8")
    badge = tmp_path / "badge.md"
    badge.write_text(f"[![Open](none.svg)]({colab})")
    assert broken(badge, tmp_path) == [colab, "none.svg"]
    (tmp_path.parent / "outside.md").write_text("")
    assert broken(page, tmp_path) == bad


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_picture_waits_for_a_network(path):
    pictures = [there for _, there in PICTURE.findall(text_of(path))]
    assert not [there for there in pictures if re.match("(?!data:)[a-z]+:|//", there)]


@pytest.mark.parametrize(
    ("page", "words", "folder"),
    [
        ("README.md", "Open in Colab", "notebooks"),
        ("README.zh-CN.md", "在 Colab 中打开", "notebooks/zh"),
    ],
)
def test_every_chapter_has_its_badge_in_the_readme(page, words, folder):
    prefix = address.colab_prefix(*address.course_address(ROOT))
    text, picture = (ROOT / page).read_text("utf-8"), f"{folder}/{address.BADGE}"
    for path in sorted((ROOT / folder).glob("[0-9]*.ipynb")) if prefix else []:
        link = f"{prefix}{folder}/{path.name}"
        assert f"[![{words}]({picture})]({link})" in text
    assert f"<title>{words}</title>" in (ROOT / picture).read_text("utf-8")


@pytest.mark.parametrize(
    ("page", "folder"),
    [("README.md", "notebooks"), ("README.zh-CN.md", "notebooks/zh")],
)
def test_readme_leads_from_each_section_of_the_tutorial_to_a_chapter(page, folder):
    tables = re.findall(r"(?:^\|.*\n)+", (ROOT / page).read_text("utf-8"), re.M)
    chapters = [
        [[u for u in links(row) if ".ipynb" in u] for row in table.splitlines()[2:]]
        for table in tables
    ]
    assert any(len(rows) >= SECTIONS and all(rows) for rows in chapters)
    for link in {u for rows in chapters for row in rows for u in row}:
        chapter = re.search(r"notebooks/.*", link)[0]
        assert re.fullmatch(rf"{folder}/\d\d_\w+\.ipynb", chapter)
        assert (ROOT / chapter).is_file()
