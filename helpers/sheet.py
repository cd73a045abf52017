"""The contact sheet of a folder of results: one page, doubts first, without network."""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from pathlib import Path
from string import Template
from urllib.parse import quote

from . import saving

MARK = '<meta name="generator" content="segment: contact sheet">'
TEMPLATE = Template((Path(__file__).parent / "sheet.html").read_text("utf-8"))
WORDS = {
    "en": {
        "title": "Photographs and their vessels",
        "all": "all",
        "failed": "failed",
        "doubted": "doubted",
        "plain": "nothing unusual",
        "find": "Find a name or a word",
        "shown": "shown",
        "vessels": "vessels",
        "wide": "px wide",
        "foot": "Lines run beside the vessels that were found; the outer one is the "
        "field of view. A doubt does not say that a map is wrong, nor its absence that "
        "it is right. This is not a medical device. All numbers: segment.csv.",
    },
    "zh": {
        "title": "照片和血管",
        "all": "全部",
        "failed": "失败",
        "doubted": "有疑点",
        "plain": "没有异常",
        "find": "查找文件名或词语",
        "shown": "张在列",
        "vessels": "血管",
        "wide": "像素宽",
        "foot": "细线沿着找到的血管两侧走，最外面一圈是视野。有疑点不等于结果有错，"
        "没有疑点也不等于结果正确。这不是医疗器械。全部数字见 segment.csv。",
    },
}
KINDS = ("failed", "doubted", "plain")


def kind(row: dict[str, str]) -> str:
    """Return "failed", "doubted" or "plain"."""
    if row["error"]:
        return "failed"
    return "doubted" if row["warnings"] else "plain"


def _card(row: dict[str, str], out: Path, words: dict[str, str]) -> str:
    """Return one photograph's part of the page."""
    result, said = row["result"], row["error"] or row["warnings"]
    text = html.escape(Path(row["file"]).name)
    picture = ""
    thumb, overlay = (f"{result}_{ending}.jpg" for ending in ("thumb", "overlay"))
    if result and not row["error"] and (out / thumb).is_file():
        link = overlay if (out / overlay).is_file() else thumb
        picture = (
            f'<a href="{quote(link)}"><img loading="lazy" src="{quote(thumb)}" '
            f'alt="{text}"></a>'
        )
    numbers = ""
    if row["vessel_share"]:
        numbers = (
            f"{float(row['vessel_share']):.1%} {words['vessels']}, "
            f"{html.escape(row['fov_diameter'])} {words['wide']}"
        )
    return (
        f'<li class="{kind(row)}">{picture}<b title="{html.escape(row["file"])}">{text}'
        f"</b><span>{numbers}</span><p>{html.escape(said)}</p></li>"
    )


def _place(out: Path) -> Path:
    """Return the page's path: no file of the user's is written over."""
    names = (f"index-{number}.html" for number in itertools.count(2))
    for name in itertools.chain(["index.html"], names):
        path = out / name
        if not path.exists() or (
            path.is_file() and MARK in path.read_text("utf-8", errors="replace")[:2000]
        ):
            return path


def write(
    out: Path,
    rows: Sequence[dict[str, str]],
    notes: Sequence[str] = (),
    language: str = "en",
) -> Path:
    """Write ``out``/index.html from rows of the table, and return its path.

    What failed comes first, then what is doubted; ``notes`` (``doubts.batch``) stand
    above. Pictures are links to NAME_thumb.jpg and NAME_overlay.jpg beside it.
    """
    words = WORDS[language]
    ordered = sorted(rows, key=lambda row: (KINDS.index(kind(row)), row["file"]))
    counts = {name: sum(kind(row) == name for row in rows) for name in KINDS}
    buttons = [f'<button data-kind="">{words["all"]} {len(rows)}</button>']
    buttons += [
        f'<button data-kind="{name}">{words[name]} {counts[name]}</button>'
        for name in KINDS
        if counts[name]
    ]
    page = TEMPLATE.substitute(
        mark=MARK,
        language={"en": "en", "zh": "zh-CN"}[language],
        buttons="".join(buttons),
        notes="".join(f"<p>{html.escape(note)}</p>" for note in notes),
        cards="\n".join(_card(row, out, words) for row in ordered),
        **{key: html.escape(words[key]) for key in ("title", "find", "shown", "foot")},
    )
    path = _place(out)
    saving.write_bytes(path, page.encode("utf-8"))
    return path
