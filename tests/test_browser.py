"""The report of `run` in a real browser, Chromium: what only a browser can tell."""

import made_run
import pytest

from notebooks.tools import LANGUAGES

BEYOND = """() => [...document.querySelectorAll("main *, header *, footer *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .filter(e => !e.closest("pre, .wide")).map(e => e.outerHTML.slice(0, 200))"""
EMPTY = """() => [...document.querySelectorAll("math, img")]
  .filter(e => e.checkVisibility() && !e.getBoundingClientRect().height)
  .map(e => e.outerHTML.slice(0, 200))"""

sizes = pytest.mark.parametrize("width", [1200, 400])
schemes = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """Return the folder of a made-up run in both languages."""
    folder = tmp_path_factory.mktemp("report")
    for language in LANGUAGES:
        made_run.write(folder, language)
    return folder


@pytest.fixture
def visit(browser):
    """Return a function that opens a page, and fails where it asks for another file."""
    contexts = []

    def open_page(path, width=1200, scheme="light"):
        size = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=size, color_scheme=scheme))
        page, asked = contexts[-1].new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        assert [x for x in asked if not x.startswith("data:")] == [path.as_uri()]
        return page

    yield open_page
    for context in contexts:
        context.close()


def faults(page) -> list[str]:
    """List what axe-core calls serious or critical, and what does not fit the page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = [
        f"{fault['id']}: {node['html'][:200]} {node['failureSummary']}"
        for fault in axe.Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("the page scrolls sideways")
    return found + page.evaluate(BEYOND) + page.evaluate(EMPTY)


@sizes
@schemes
@pytest.mark.parametrize("name", ["index", "01_first", "10_last", "zh/index"])
def test_report_has_no_serious_fault(visit, report, name, width, scheme):
    assert faults(visit(report / f"{name}.html", width, scheme)) == []


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("en", 1200, "light"), ("zh", 400, "dark")]
)
def test_a_real_chapter_has_no_serious_fault(visit, tmp_path, language, width, scheme):
    (path,) = made_run.from_built(tmp_path, language, "04_*")
    assert faults(visit(path, width, scheme)) == []


def test_serious_faults_are_found(visit, report, tmp_path):
    text = (report / "01_first.html").read_text("utf-8")
    for good, bad, fault in (
        ('alt="Before it."', "", "image-alt"),
        ("--ink: #20242b", "--ink: #cccccc", "color-contrast"),
        ("img { display: block; max-width", "img { max-height", "sideways"),
    ):
        (tmp_path / "bad.html").write_text(text.replace(good, bad), "utf-8")
        assert good in text
        assert fault in str(faults(visit(tmp_path / "bad.html", 400)))


@schemes
def test_report_is_light_or_dark_as_the_reader_likes(visit, report, scheme):
    page = visit(report / "index.html", scheme=scheme)
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, color[4:-1].split(","))) > 3 * 128
    assert light == (scheme == "light")


def test_report_leads_from_page_to_page(visit, report):
    page = visit(report / "index.html")
    page.get_by_role("link", name="01 A chapter", exact=True).click()
    page.get_by_role("link", name="Next: 09").click()
    page.get_by_role("link", name="中文").click()
    assert page.url == (report / "zh/09_results.html").as_uri()
    page.get_by_role("link", name="全部章节").first.click()
    assert page.title() == "U-Net 与视网膜血管"
    page.get_by_role("link", name="单元格 10-01").click()
    assert page.locator(":target").inner_text().startswith("# [10-01]")


def test_figures_of_the_index_are_of_one_size(visit, report):
    for width in (1200, 400):
        page = visit(report / "index.html", width)
        boxes = [x.bounding_box() for x in page.locator(".picture").all()]
        assert len({(round(b["width"]), round(b["height"])) for b in boxes}) == 1
