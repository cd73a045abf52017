"""The pages of a run: what they show, where they lead, that nothing is fetched."""

import html
import json
import re
from html.parser import HTMLParser

import made_run
import nbformat
import pytest

from notebooks.tools import LANGUAGES, ROOT, report
from notebooks.tools.translate import FENCE, FORMULA, SPAN

BUILT = [p for f in LANGUAGES.values() for p in sorted((ROOT / f).glob("*.ipynb"))]


class Tags(HTMLParser):
    """All tags of a page with their attributes, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.text += " " * (tag in ("td", "th"))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def loaded(page: str) -> list[str]:
    """List what a browser would fetch for a page."""
    tags = Tags(page).tags
    found = [a.get(k) for t, a in tags for k in ("src", "srcset", "data", "poster")]
    found += [a.get("href") for t, a in tags if t in ("link", "script", "use")]
    found += re.findall(r"url\(([^)]*)\)|@import", page)
    return [x for x in found if x and not x.startswith("data:")]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Return the folder of a run in both languages."""
    folder = tmp_path_factory.mktemp("out put")
    for language in LANGUAGES:
        made_run.write(folder, language)
    return folder


@pytest.fixture(scope="module")
def page(out):
    return (out / "01_first.html").read_text("utf-8")


def test_a_page_fetches_nothing(out):
    pages = [*out.rglob("*.html")]
    assert len(pages) == 8
    for path in pages:
        text = path.read_text("utf-8")
        assert loaded(text) == [] and "<script" not in text, path
    assert loaded('<img src="badge.svg"><link href="x.css">') == ["badge.svg", "x.css"]


def test_title_and_language_of_a_page(out):
    for folder, title, language in (
        (out, "A chapter", "en"),
        (out / "zh", "一章", "zh-CN"),
    ):
        text = (folder / "01_first.html").read_text("utf-8")
        assert f'<html lang="{language}">' in text
        assert f"<title>01 {title} · U-Net" in text
        assert len(Tags(text).all("h1")) == len(Tags(text).all("main")) == 1


def test_formulas_are_mathml_and_code_stays(page):
    assert page.count("<math ") == 4  # in a heading, in text, alone, in a fold
    assert page.count('display="block"') == 1
    assert "<code>$x$</code>" in page and "\\frac" not in page


@pytest.mark.parametrize("path", BUILT, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_formula_of_the_course_becomes_mathml(path, tmp_path):
    render = report.MarkdownWithMath(report.Renderer(tmp_path)).render
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            text = SPAN.sub("", FENCE.sub("", cell.source))
            page = render(cell.source)
            assert page.count("<math ") == len(FORMULA.findall(text))
            left = re.sub(r"<(pre|code).*?</\1>", "", page, flags=re.S)
            assert "$" not in left and "**" not in left, left


def test_bad_tex_is_shown_as_it_is():
    assert report.mathml("x^2^<") == "<code>x^2^&lt;</code>"


def test_every_image_has_words_in_its_place(page):
    words = [image["alt"] for image in Tags(page).all("img")]
    assert words == [
        "Said after it, <b>. A second line.",
        "Before it.",
        'Formulas, $x$ and "all"',  # nothing printed: the section
    ]


def test_plumbing_is_folded_behind_its_title(page):
    fold = re.search(r'id="01-01".*?</details>', page, re.S)[0]
    assert "<summary>[01-01] Set-up</summary>" in fold and "hidden" in fold
    assert "Said after it" in page.split(fold)[1], "its outputs are not folded"
    assert re.search(r"<summary>Solution</summary>.*<em>it</em>", page, re.S)


def test_links_lead_to_what_ran_or_are_plain_words(out):
    for folder, other in ((out, "zh/01_first.html"), (out / "zh", "../01_first.html")):
        text = (folder / "01_first.html").read_text("utf-8")
        links = [a["href"] for a in Tags(text).all("a")]
        assert {"index.html", other, "01_first.html", "09_results.html#Scores"} <= {
            *links
        }
        assert "https://example.org" in links
        for link in links:
            path = link.partition("#")[0]
            if "://" not in link:
                assert (folder / path).is_file(), link
        assert "08_training" not in text and "unet.py" not in text
        assert ">none<" not in text and "none" in text and "colab" not in text.lower()


def test_a_page_tells_of_its_own_run(out):
    text = (out / "01_first.html").read_text("utf-8")
    assert "smoke run on PHANTOM, CPU with 2 threads, 2026-01-02" in text
    assert "DRIVE" not in text and "no photographs of patients" in text
    text = (out / "zh/01_first.html").read_text("utf-8")
    assert "smoke 模式；数据 PHANTOM；设备 CPU，2 个线程；" in text
    made = nbformat.read(out / "01_first.ipynb", as_version=4)
    assert made.metadata.course.outputs.dataset == "PHANTOM"
    assert "DRIVE" not in made.cells[1].source and "badge" in made.cells[1].source


def test_a_page_of_a_failed_chapter_says_where(out):
    text = (out / "10_last.html").read_text("utf-8")
    assert '<a href="10_last.html#10-01">cell 10-01</a>, line 2' in text
    assert "E: &lt;no&gt;" in text and "<no>" not in text and "\x1b" not in text
    assert 'id="10-01"' in text


def test_the_index_shows_what_ran_and_its_scores(out):
    text = (out / "index.html").read_text("utf-8")
    words = " ".join(Tags(text).text.split())
    assert "2 of 3 chapters ran to their end" in words and "4.5 min" in words
    assert "Phantoms: drawn eyes" in words and "CPU with 2 threads" in words
    assert "Vessels: PHANTOM test, inside the field of view" in words
    assert "Shipped weights 0.8000 0.7500 – 0.8500 0.7000 0.9000 0.9500" in words
    assert "Second observer, a person 0.8000 - 0.7000 0.9000 -" in words
    assert "Network of chapter 08 not there in this run" in words
    assert (
        "3 eyes the network's best is 07 (Dice 0.810), its worst 03 (Dice 0.620)."
        in words
    )
    assert "drawn cells" in words and "Network of chapter 10 0.500 0.600 0.700" in words
    assert "failed: cell 10-01, line 2: E: <no>" in words and "E: &lt;no&gt;" in text
    assert len(Tags(text).all("img")) == 3  # two cards and the two eyes; 10 has none
    assert 'href="zh/index.html"' in text and 'href="09_results.ipynb"' in text


def test_the_chinese_index_is_chinese(out):
    text = (out / "zh/index.html").read_text("utf-8")
    words = Tags(re.sub("<style>.*?</style>", "", text, flags=re.S)).text
    for term in (
        "仿真眼底图",
        "2 / 3 章运行完毕",
        "第二标注者",
        "最好的是 07（Dice 0.810）",
        "出错",
    ):
        assert term in words
    known = "PHANTOM test CPU with threads smoke Notebook English Dice AUC U-Net Sato "
    known += "Rand E no"
    assert {*re.findall("[A-Za-z-]{2,}", words)} <= {*known.split(), "lesson", "full"}
    assert 'href="../index.html"' in text


def test_both_languages_have_the_same_words():
    english, chinese = report.WORDS["en"], report.WORDS["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert str(text).count("{}") == str(chinese[key]).count("{}"), key


def test_chinese_alone_is_found_from_the_usual_place(tmp_path):
    made_run.write(tmp_path, "zh")
    assert "url=zh/index.html" in (tmp_path / "index.html").read_text("utf-8")
    text = (tmp_path / "zh/01_first.html").read_text("utf-8")
    assert "../" not in text, "there is no English page"


def test_a_notebook_that_is_gone_does_not_end_a_run(tmp_path):
    made_run.write(tmp_path, "en")
    (tmp_path / "01_first.ipynb").unlink()
    report.write_all(tmp_path)
    text = (tmp_path / "index.html").read_text("utf-8")
    assert "01_first.html" not in text and "09_results.html" in text


def test_real_photographs_are_credited_and_no_phantoms_claimed(tmp_path):
    made_run.write(tmp_path, "en")
    made = json.loads((tmp_path / "report.json").read_text("utf-8"))
    for entry in made["chapters"].values():
        entry["dataset"] = "DRIVE"
    report.write_index(tmp_path, made)
    text = html.unescape((tmp_path / "index.html").read_text("utf-8"))
    assert "Photographs: " in Tags(text).text and "Staal et al." in text
    assert "hantoms" not in text


def test_pages_of_the_course_are_small_and_whole(tmp_path):
    for language in LANGUAGES:
        for path in made_run.from_built(tmp_path, language):
            notebook, text = path.with_suffix(".ipynb"), path.read_text("utf-8")
            assert len(text.encode()) < notebook.stat().st_size + 300_000
            assert loaded(text) == []
            assert all(image["alt"] for image in Tags(text).all("img"))
            for link in (a["href"] for a in Tags(text).all("a")):
                file, _, anchor = link.partition("#")
                assert "://" in link or not file or (path.parent / file).is_file(), link
                assert file or f'id="{anchor}"' in text, link
