"""Chapters in JupyterLab as `open` starts it, run and read in a real browser."""

import os
import re
import subprocess
import sys
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import nbformat
import pytest

from helpers import environment
from notebooks.tools import LANGUAGES
from notebooks.tools.translate import FORMULA

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
SECONDS = 120  # for one thing to happen, on a busy machine
CHAPTER = "11_your_images"  # quick in smoke mode, with figures and forms
WORDS = {  # the titles of two cells, and what the first one prints
    "en": ("Set-up: run me first", "The result; a threshold", "mode: smoke | data: PH"),
    "zh": ("准备：请先运行这一格", "结果；阈值填 0", "模式：smoke | 数据：PH"),
}
RAN = r"""number => {
  const told = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
    .map(prompt => prompt.textContent.trim());  // of a folded cell it is empty
  return told.length == number && told.some(x => x)
    && told.every(x => /^(\[\d+\]:)?$/.test(x)); }"""
SHOWN = """([texts, formulas]) =>
  document.querySelectorAll(".jp-RenderedMarkdown").length == texts &&
  document.querySelectorAll(".jp-RenderedMarkdown mjx-container").length == formulas"""
FAULTS = r"""() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const empty = e => !e.getBoundingClientRect().height || e.naturalWidth === 0;
  const wide = e => e.clientWidth && e.scrollWidth > e.clientWidth + 1;
  const raw = e => {
    const words = e.cloneNode(true);
    words.querySelectorAll("pre, code, mjx-container").forEach(part => part.remove());
    return /\$|\*\*|<\/?[a-z]|\]\(/.test(words.textContent); };
  const text = ":is(.jp-OutputArea, .jp-RenderedMarkdown)";
  return Object.entries({
    "is not drawn": all(".jp-Notebook :is(img, mjx-container)").filter(empty),
    "is no formula": all("[data-mjx-error]"),
    "is too wide": all(`html, ${text}, ${text} :not(mjx-container *)`).filter(wide),
    "is Markdown": all(".jp-RenderedMarkdown").filter(raw),
  }).flatMap(([fault, found]) =>
    found.map(e => `${fault}: ${e.outerHTML.slice(0, 200)}`)); }"""


@pytest.fixture(scope="module")
def course(published, tmp_path_factory):
    """Open a clone as a reader does; return its folder and the address it prints."""
    if not environment.everything_is_here("open"):
        pytest.skip("needs the packages of requirements-lab.txt")
    home = tmp_path_factory.mktemp("jupyterlab")
    folder = home / "course"
    subprocess.run(["git", "clone", "-q", published, str(folder)], check=True)
    own = {name: str(home) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    variables = os.environ | own | {"FUNDUS_MODE": "smoke"}
    command = [sys.executable, "-m", "helpers", "open", "11", "--browser", "none"]
    pipe = {"stdout": subprocess.PIPE, "encoding": "utf-8", "cwd": folder}
    with subprocess.Popen(command, env=variables, **pipe) as process:
        said = (re.search(r"http\S+", line) for line in process.stdout)
        address = next(filter(None, said))[0]
        yield folder, address
        server, _, token = re.split(r"(/lab/.*token=)", address)
        end = Request(f"{server}/api/shutdown", method="POST")
        end.add_header("Authorization", f"token {token}")
        build_opener(ProxyHandler({})).open(end, timeout=SECONDS).close()
        assert process.wait(SECONDS) == 0


@pytest.fixture
def page(browser):
    """Return a page that, in the end, has asked this machine alone, without errors."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(SECONDS * 1000)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("console", lambda m: m.type == "error" and errors.append(m.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert {urlsplit(url).hostname for url in asked} <= {"localhost", None}  # data:
    assert errors == []


def visit(page, course, path):
    """Open a notebook of the course, and none of before."""
    folder, address = course
    here = path.relative_to(folder).as_posix()
    page.goto(re.sub(r"(?<=/tree/).*\?", f"{here}?reset&", address))


def save(page, path):
    """Save the notebook and read it."""
    with page.expect_response(lambda response: response.request.method == "PUT"):
        page.keyboard.press("ControlOrMeta+s")
    return nbformat.read(path, 4)


def marked(text):
    """Return the share of the field of view that a text says is vessels."""
    said = re.search(r"([\d.]+)% of the field of view|视野里有 ([\d.]+)%", text)
    return float(said[1] or said[2])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_chapter_runs_and_its_form_moves(page, course, language):
    path = course[0] / LANGUAGES[language] / f"{CHAPTER}.ipynb"
    cells = nbformat.read(path, 4).cells
    visit(page, course, path)
    page.get_by_text("| Idle").wait_for()
    for item in ("Run", "Run All Cells"):
        page.get_by_role("menuitem", name=item, exact=True).click()
    page.wait_for_function(RAN, arg=sum(cell.cell_type == "code" for cell in cells))

    for _ in range(SECONDS):  # a folded cell shows no number while it runs
        ran = [cell for cell in save(page, path).cells if cell.cell_type == "code"]
        if all(cell.execution_count for cell in ran):
            break
        page.wait_for_timeout(1000)
    assert all(cell.execution_count for cell in ran)
    outputs = [output for cell in ran for output in cell.outputs]
    bad = [x for x in outputs if "error" in (x.output_type, x.get("name", ""))]
    assert [x for x in outputs if x.get("name") == "stderr"] == bad == []
    figures = [x for x in outputs if "image/png" in x.get("data", {})]
    assert page.locator(".jp-OutputArea img").count() == len(figures) > 2
    assert page.evaluate(FAULTS) == []

    title = cells[0].source.splitlines()[0].removeprefix("# ")
    assert page.get_by_role("heading", name=title).is_visible()
    setup, result, mode = WORDS[language]
    assert page.get_by_text(setup).is_visible()
    assert page.get_by_text("def course_folder").count() == 0, "it is folded"
    assert page.get_by_text(mode).is_visible()

    form = page.locator(".jp-CodeCell", has_text=result)
    says = form.locator(
        ".jp-OutputArea-output", has_text=re.compile("of the field|视野里有")
    )
    before = says.text_content()
    form.locator(".cm-line", has_text="THRESHOLD = 0.0").click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.insert_text("THRESHOLD = 0.95")
    page.keyboard.press("Shift+Enter")
    sync_api.expect(says).not_to_have_text(before, timeout=SECONDS * 1000)
    assert marked(says.text_content()) < marked(before)


def test_all_formulas_are_drawn(page, course):
    folder, _ = course
    chapters = [
        path for x in LANGUAGES.values() for path in (folder / x).glob("*.ipynb")
    ]
    cells = [cell for path in chapters for cell in nbformat.read(path, 4).cells]
    texts = [x.source for x in cells if x.cell_type == "markdown" and "$" in x.source]
    cells = list(map(nbformat.v4.new_markdown_cell, texts))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "formulas.ipynb")
    visit(page, course, folder / "formulas.ipynb")
    formulas = sum(len(FORMULA.findall(text)) for text in texts)
    assert formulas > len(texts)
    page.wait_for_function(SHOWN, arg=[len(texts), formulas])
    page.add_style_tag(content="mjx-assistive-mml { display: none !important }")
    assert page.evaluate(FAULTS) == []
