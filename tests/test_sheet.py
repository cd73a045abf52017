"""The contact sheet: order, escapes, nothing of the user's written over."""

import re

from helpers import sheet


def row(file, **more):
    keys = ("file", "result", "fov_diameter", "vessel_share", "warnings", "error")
    return dict.fromkeys(keys, "") | {"file": file} | more


def test_failures_come_first_then_doubts_and_names_are_escaped(tmp_path):
    rows = [
        row("a/plain.png", result="plain", vessel_share="0.1250", fov_diameter="540"),
        row(
            "a/odd <b>&.png",
            result="odd x",
            warnings="no dark border",
            vessel_share="0",
        ),
        row("a/broken.png", error="cut <off>"),
    ]
    for name in ("plain_thumb.jpg", "plain_overlay.jpg", "odd x_thumb.jpg"):
        (tmp_path / name).write_bytes(b"x")
    page = sheet.write(tmp_path, rows, ["all too dark"]).read_text("utf-8")
    assert re.findall(r'<li class="(\w+)"', page) == ["failed", "doubted", "plain"]
    assert "cut &lt;off&gt;" in page and "odd &lt;b&gt;&amp;.png" in page
    assert 'href="plain_overlay.jpg"' in page and 'src="odd%20x_thumb.jpg"' in page
    assert "12.5% vessels, 540 px wide" in page and "<p>all too dark</p>" in page
    assert not re.search(r'(src|href)="https?:', page), "it needs no network"


def test_the_chinese_page_is_chinese(tmp_path):
    page = sheet.write(tmp_path, [row("甲.png", error="x")], language="zh")
    text = page.read_text("utf-8")
    assert 'lang="zh-CN"' in text and "失败 1" in text and "甲.png" in text


def test_a_page_of_the_users_own_stays(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    assert sheet.write(tmp_path, []).name == "index-2.html"
    assert sheet.write(tmp_path, []).name == "index-2.html", "ours is written anew"
    assert (tmp_path / "index.html").read_text() == "mine"
