"""Every chapter keeps the contract, and runs alone as it would in Colab."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from PIL import Image

from helpers import datasets, fundus, phantom, pictures, places
from notebooks.tools import LANGUAGES, address, build, localise, paste, run

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = [path.stem for path in build.sources(ROOT, [])]
GPU_CHAPTERS = ("01", "08", "09", "12", "13")
LEADS = {
    "en": ["After this chapter you can", "Minutes", "You need", "You are here"],
    "zh": ["学完这一章你能", "用时", "预备知识", "你在这里"],
}
ENDINGS = {"en": ["What you learned", "Sources"], "zh": ["小结", "参考资料"]}

both_languages = pytest.mark.parametrize("language", LANGUAGES)
every_chapter = pytest.mark.parametrize("name", CHAPTERS)


def load(name: str, language: str = "en"):
    path = ROOT / LANGUAGES[language] / f"{name}.ipynb"
    return nbformat.read(path, as_version=4)


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# The contract


@both_languages
@every_chapter
def test_head_of_a_chapter(name, language):
    title, badges, facts = load(name, language).cells[:3]
    assert re.match(rf"# {name[:2]} \S.*\n\n\*[^*]+[?？]\*\Z", title.source)
    prefix = address.colab_prefix(*address.course_address(ROOT))
    if prefix:
        path = f"{LANGUAGES[language]}/{name}.ipynb"
        assert f"]({prefix}{path})" in badges.source
    for lead in LEADS[language]:
        assert f"**{lead}**" in facts.source
    assert "](data:image/png;base64," in facts.source  # the strip
    minutes = facts.source.split(f"**{LEADS[language][1]}**")[1].split("\n")[0]
    assert re.search(r"\d", minutes)


@both_languages
@every_chapter
def test_end_of_a_chapter(name, language):
    text = "\n".join(c.source for c in load(name, language).cells[-6:])
    for ending in ENDINGS[language]:
        assert re.search(rf"^## {ending}$", text, re.M)


@both_languages
@every_chapter
def test_first_code_cell_is_the_same_set_up(name, language):
    assert code(load(name, language))[0].source == paste.setup_cell(ROOT, language)


@both_languages
@every_chapter
def test_metadata(name, language):
    metadata = dict(load(name, language).metadata)
    metadata.pop("course", None)
    assert metadata == build.notebook_metadata(name[:2] in GPU_CHAPTERS)
    assert "widgets" not in metadata


@both_languages
@every_chapter
def test_file_is_valid_and_small(name, language):
    notebook = load(name, language)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    path = ROOT / LANGUAGES[language] / f"{name}.ipynb"
    assert path.stat().st_size < build.MAX_BYTES


@every_chapter
def test_code_is_the_same_in_both_languages_but_for_its_texts(name):
    english, chinese = (code(load(name, language))[1:] for language in LANGUAGES)
    assert [cell.id for cell in english] == [cell.id for cell in chinese]
    for one, other in zip(english, chinese, strict=True):
        assert localise.masked(one.source) == localise.masked(other.source)


DRAWS = re.compile(r"\b(plt|ax|axes|fig|figures)\b")


@every_chapter
def test_what_stands_open_is_what_is_taught(name):
    """Of the open lines of a chapter at most 40 % draw."""
    lines, drawing = 0, 0
    for cell in code(load(name)):
        if "cellView" in cell.metadata:
            continue
        for node in ast.parse(cell.source).body:
            text = ast.get_source_segment(cell.source, node)
            count = sum(1 for x in text.splitlines() if x.strip())
            lines += count
            is_taught = isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)
            if not is_taught and DRAWS.search(text):
                drawing += count
    assert drawing <= 0.4 * lines, f"{drawing} of {lines} lines"


@both_languages
@every_chapter
def test_stored_figures_have_alternative_texts(name, language):
    for cell in code(load(name, language)):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                assert alt.strip(), cell.source[:60]
                assert bool(re.search("[一-鿿]", alt)) == (language == "zh")


@both_languages
@every_chapter
def test_headings_are_in_order(name, language):
    text = "\n".join(
        re.sub(r"(?ms)^```.*?^```", "", cell.source)
        for cell in load(name, language).cells
        if cell.cell_type == "markdown"
    )
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.M)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in pairwise(levels))


@every_chapter
def test_solutions_are_folded(name):
    """A fold holds a solution, or what the blog post says beside the chapter."""
    words = {"en": "Solution|Beside the blog post", "zh": "参考答案|对照博文"}
    for language, heads in words.items():
        text = "\n".join(c.source for c in load(name, language).cells)
        assert text.count("<details>") == text.count("</details>")
        known = len(re.findall(f"<summary>(?:{heads})", text))
        assert known == text.count("<details>")


def test_no_undefined_name_in_what_was_built():
    files = [
        ROOT / folder / f"{n}.ipynb" for folder in LANGUAGES.values() for n in CHAPTERS
    ]
    options = ["check", "--isolated", "--no-cache", "--select", "F821,E9"]
    command = [sys.executable, "-m", "ruff", *options, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@every_chapter
def test_prints_stay_within_gbk(name):
    for cell in code(load(name)):
        cell.source.encode("gbk")


def test_no_chapter_imports_how_it_was_made():
    """Another package called `notebooks` may come first on a reader's path."""
    for name in CHAPTERS:
        for cell in code(load(name)):
            assert not re.search(r"^\s*(from|import) notebooks\b", cell.source, re.M)


# A path in chapter 11, as people write it


@pytest.fixture(params=LANGUAGES)
def chosen(request, tmp_path, monkeypatch, capsys):
    """Return what [11-02] makes of a line for PHOTO: the name, and what it prints."""
    cells = code(load("11_your_images", request.param))
    (text,) = [c.source for c in cells if c.source.startswith("# @title [11-02]")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    pixels = np.full((64, 64, 3), 99, np.uint8)
    for name in ("eye.png", "new/tan.png", "C:\\Users\\me\\eye.png"):
        Image.fromarray(pixels).save(tmp_path / name)

    def run_with(line: str) -> tuple[str, str]:
        names = {"course": SimpleNamespace(out=tmp_path / "out", mode="smoke")}
        names |= {"Image": Image, "Path": Path, "places": places, "fundus": fundus}
        names |= {"pictures": pictures}
        names["data"] = SimpleNamespace(retina=lambda: np.tile(pixels, (3, 3, 1)))
        exec(re.sub(r"(?m)^PHOTO = .*$", lambda _: line, text), names)
        assert names["image"].shape == (3, 64, 64)
        return names["path"].name, capsys.readouterr().out

    run_with.own = re.search(r"(?m)^PHOTO = (\S*)", text)[1]
    return run_with


def test_the_line_for_a_path_takes_backslashes(chosen):
    assert chosen.own == 'r""'


@pytest.mark.skipif(os.name == "nt", reason="a backslash is no letter there")
@pytest.mark.parametrize(
    "line", [r'r"C:\Users\me\eye.png"', r"""r'"C:\Users\me\eye.png"'"""]
)
def test_a_path_of_windows_is_no_error_of_syntax(chosen, line):
    assert chosen(f"PHOTO = {line}")[0] == "C:\\Users\\me\\eye.png"


@pytest.mark.parametrize("text", ["eye.png", " 'eye.png' ", '"eye.png"\n', "./eye.png"])
def test_quotes_and_spaces_round_a_path(chosen, text):
    assert chosen(f"PHOTO = {text!r}")[0] == "eye.png"


@pytest.mark.parametrize("text", ["", "  "])
def test_no_path_is_the_photograph_of_chapter_01(chosen, text):
    name, said = chosen(f"PHOTO = {text!r}")
    assert name == "retina.png" and said.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("new", "folder|文件夹"),
        ("~nobody-of-that-name/eye.png", "UPLOAD"),
        ("no.png", "UPLOAD"),
        ("x" * 300, "too long|UPLOAD"),
        ("a\0b", "UPLOAD|null"),
    ],
)
def test_a_wrong_path_gets_the_remedy_and_the_chapter_goes_on(chosen, text, words):
    name, said = chosen(f"PHOTO = {text!r}")
    assert name == "retina.png" and re.search(words, said)
    assert "helpers data" not in said and "FUNDUS_DATA" not in said


# As in Colab: an empty folder, the course only at an address


UNIT = r"(?:s|ms|us|min|seconds?|minutes?|steps/s|steps a second|MB/s)\b"
CLOCK = r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d(?::\d\d)?"


def comparable(outputs: list) -> list:
    """Return text and images of outputs; what is measured in seconds is masked."""
    found = []
    for output in outputs:
        data = output.get("data", {"text": output.get("text")})
        text = data.get("text/plain") or data.get("text") or ""
        text = re.sub(r"(?m)^(Fetching the course|Still fetching).*\n?", "", text)
        text = re.sub(rf"\d+(?:\.\d+)?(?:e-?\d+)?(?= ?{UNIT})|{CLOCK}", "TIME", text)
        found.append((text, data.get("image/png"), data.get("text/html")))
    return found


def run_twice(notebook, folder: Path, env: dict) -> list[str]:
    """Run each code cell two times in a row; name those that give something else."""
    client, differing = run.Client(notebook, folder), []
    with client.setup_kernel(env=env):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            results = []
            for _ in range(2):
                client.execute_cell(cell, index)
                results.append(comparable(cell.outputs))
            head = " | ".join(cell.source.splitlines()[:2])
            if results[0] != results[1] and "varies" not in cell.metadata.get(
                "tags", []
            ):
                differing.append(f"{head}: {results[0]} / {results[1]}"[:600])
            if "[no ]" in str(results):
                differing.append(f"{head}: a number is not as the chapter claims")
            if " at 0x" in str(results):
                differing.append(f"{head}: prints the address of an object")
    return differing


@pytest.fixture(scope="session")
def foreign(tmp_path_factory) -> Path:
    """Return a folder with packages of others that have names of our folders."""
    folder = tmp_path_factory.mktemp("foreign")
    for name in ("notebooks", "results", "tests"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
    return folder


@pytest.fixture(scope="session")
def small_chase(tmp_path_factory) -> Path:
    """Return a data folder with small drawn eyes in the layout of CHASE_DB1."""
    home, dataset = tmp_path_factory.mktemp("sets"), datasets.get("CHASEDB1")
    place = home / "CHASEDB1"
    place.mkdir()
    for seed, name in enumerate(datasets.ids("CHASEDB1", "all")):
        eye = phantom.draw(seed, 141, 146)
        pixels = np.rint(255 * eye.image.transpose(1, 2, 0)).astype(np.uint8)
        Image.fromarray(pixels).save(place / dataset.path(dataset.image, name))
        for template, label in (
            (dataset.vessels, eye.vessels),
            (dataset.second, eye.second),
        ):
            Image.fromarray(label[0]).save(place / dataset.path(template, name))
    return home


ON_CHASE = ("04", "08", "09", "11")  # they differ from set to set; the others draw


@every_chapter
def test_chapter_runs_alone_and_each_cell_twice(
    name, published, foreign, tmp_path, request
):
    content = tmp_path / "content"
    content.mkdir()
    stub = ROOT / "tests/colab_stub"
    eyes = {}
    if name[:2] in ON_CHASE:
        home = request.getfixturevalue("small_chase")
        eyes = {"FUNDUS_DATA": home, "FUNDUS_DATASET": "CHASEDB1"}
    env = run.kernel_environment(
        PYTHONPATH=f"{foreign}{os.pathsep}{stub}",
        FUNDUS_REPO=published,
        FUNDUS_MODE="smoke",
        FUNDUS_REPORT=tmp_path / "facts.json",
        OMP_NUM_THREADS="1",
        IPYTHONDIR=tmp_path / "ipython",
        **{"FUNDUS_DATA": ""} | eyes,
    )
    assert run_twice(load(name), content, env) == []
    assert (content / "fundus_course/helpers").is_dir(), "it did not clone"
    assert (tmp_path / "facts.json").exists(), "it did not report"


# The runner

GOOD = [
    "print('started')",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
]
BAD = ["x = 1", "# [02-02]\n\ny = 1 / (x - 1)", "print('never')"]


@pytest.fixture
def small_course(tmp_path) -> Path:
    """Return a project of two chapters, the second of which fails."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name, cells in (("01_good", GOOD), ("02_bad", BAD), ("03_last", GOOD)):
        cells = [nbformat.v4.new_code_cell(text) for text in cells]
        fold = "<details><summary>Solution</summary>\n\n*it*\n\n</details>"
        cells.append(nbformat.v4.new_markdown_cell(fold))
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    return tmp_path


def test_runner_names_the_failure_and_goes_on(small_course, capsys):
    out = small_course / "out put"
    assert run.main(["--out", str(out), "--mode", "smoke"], small_course) == 1
    said = capsys.readouterr().out
    assert "FAILED 02_bad: cell 02-02, line 3: ZeroDivisionError" in said
    assert "03_last: ok" in said and "started" in said
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert [e["ok"] for e in report["chapters"].values()] == [True, False, True]
    assert report["chapters"]["02"]["line"] == 3
    assert not report["ok"]
    partial = code(nbformat.read(out / "02_bad.ipynb", as_version=4))
    assert [c.execution_count for c in partial] == [1, 2, None]
    page = (out / "index.html").read_text("utf-8")
    assert page.count("data:image/png") == 2
    assert "2 of 3" in page and page.count("ZeroDivisionError") == 1
    assert "ZeroDivisionError" in (out / "02_bad.html").read_text("utf-8")


def test_runner_gives_the_kernel_its_variables(small_course, monkeypatch):
    names = ("MODE", "OUT", "DATA", "REPORT", "RUN")
    text = (
        "import os, json, pathlib\n"
        f"facts = {{n: os.environ['FUNDUS_' + n] for n in {names}}}\n"
        "facts['pid'] = os.getpid()\n"
        "pathlib.Path(facts['REPORT']).write_text(json.dumps(facts))"
    )
    cells = [nbformat.v4.new_code_cell(text)]
    path = small_course / "notebooks/01_good.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    monkeypatch.chdir(small_course)
    options = ["--only", "1", "--out", "o", "--data", "d", "--mode", "full"]
    assert run.main(options, small_course) == 0
    entry = json.loads(Path("o/report.json").read_text("utf-8"))["chapters"]["01"]
    assert entry["MODE"] == "full"
    assert entry["OUT"] == str(small_course / "o")
    assert entry["DATA"] == str(small_course / "d")
    assert entry["RUN"]
    if os.name != "nt":  # there, signal 0 is Ctrl-C
        with pytest.raises(ProcessLookupError):  # the kernel ended with its chapter
            os.kill(entry["pid"], 0)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import os\nos._exit(1)", "the kernel died"),
        ("import time\ntime.sleep(9)", "longer than its time limit"),
        ("x = (", "SyntaxError"),
    ],
)
def test_runner_reports_other_ends(small_course, text, error, capsys):
    cell = nbformat.v4.new_code_cell(text, metadata={"timeout": 2})
    path = small_course / "notebooks/01_good.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    options = ["--only", "01", "--out", str(small_course / "out")]
    assert run.main(options, small_course) == 1
    assert error in capsys.readouterr().out


def stopped_run(course: Path, capsys) -> tuple:
    """Run a course that is stopped; return the first chapter's cells and the report."""
    out = course / "out"
    before = signal.getsignal(signal.SIGINT)
    assert run.main(["--out", str(out)], course) == 130
    assert signal.getsignal(signal.SIGINT) is before
    said = capsys.readouterr()
    assert said.err == "Stopped. What ran until then is kept.\n"
    assert str(out / "index.html") in said.out
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert report["stopped"] and not report["ok"]
    assert list(report["chapters"]) == ["01"], "no other chapter began"
    assert "was stopped before its end" in (out / "index.html").read_text("utf-8")
    assert (out / "01_good.html").is_file()
    return code(nbformat.read(out / "01_good.ipynb", as_version=4)), report


@pytest.mark.skipif(os.name == "nt", reason="a process cannot send Ctrl-C to another")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stop_that_reaches_the_runner_alone(small_course, capsys, name):
    stop = f"import os, signal, time\nos.kill(os.getppid(), signal.{name})"
    cells = ["print('kept')", f"# [01-01]\n{stop}\ntime.sleep(600)", "print('never')"]
    cells = [nbformat.v4.new_code_cell(text) for text in cells]
    path = small_course / "notebooks/01_good.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    kept, report = stopped_run(small_course, capsys)
    assert kept[0].outputs[0].text == "kept\n" and not kept[2].outputs
    assert (report["chapters"]["01"]["cell"], report["chapters"]["01"]["ok"]) == (
        "01-01",
        False,
    )


def test_a_stop_while_a_page_is_written(small_course, capsys, monkeypatch):
    write = run.write_page

    def stop(*arguments):
        signal.raise_signal(signal.SIGINT)
        write(*arguments)

    monkeypatch.setattr(run, "write_page", stop)
    kept, report = stopped_run(small_course, capsys)
    assert kept[0].outputs[0].text == "started\n" and report["chapters"]["01"]["ok"]


def test_a_stop_while_the_kernel_starts(small_course, capsys, monkeypatch):
    clients, start = [], run.Client.async_start_new_kernel_client

    async def stop(client):
        clients.append(client)
        signal.raise_signal(signal.SIGINT)
        return await start(client)

    monkeypatch.setattr(run.Client, "async_start_new_kernel_client", stop)
    kept, report = stopped_run(small_course, capsys)
    assert not any(cell.outputs for cell in kept)
    assert not report["chapters"]["01"]["ok"]
    assert not (clients[0].km and clients[0].km.has_kernel), "the kernel ended"


def test_each_language_has_its_folder(small_course):
    cell = nbformat.v4.new_code_cell(
        "import os, pathlib\npathlib.Path(os.environ['FUNDUS_OUT'], 'there').touch()"
    )
    path = small_course / "notebooks/zh/01_good.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    out = small_course / "out"
    options = ["--only", "1", "--out", str(out)]
    assert run.main([*options, "--language", "zh"], small_course) == 0
    assert (out / "there").exists(), "what chapters hand on is shared"
    assert not (out / "01_good.html").exists()
    assert run.main(options, small_course) == 0
    report = json.loads((out / "zh/report.json").read_text("utf-8"))
    assert report["language"] == "zh"
    for page, other in (("", "zh/"), ("zh/", "../")):
        for name in ("index", "01_good"):
            text = (out / f"{page}{name}.html").read_text("utf-8")
            assert f'href="{other}{name}.html"' in text


def test_runner_refuses_an_unknown_chapter(small_course, capsys):
    assert run.main(["--only", "17"], small_course) == 2
    said = capsys.readouterr().err
    assert said == "error: there is no chapter 17; there are 01, 02, 03\n"


def test_a_page_folds_a_cell_behind_its_title(small_course):
    text = "# @title [01-01] A form\nprint(6 * 7)"
    cell = nbformat.v4.new_code_cell(text, metadata=build.FOLDED)
    path = small_course / "notebooks/01_good.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    out = small_course / "out"
    assert run.main(["--only", "1", "--out", str(out)], small_course) == 0
    page = (out / "01_good.html").read_text("utf-8")
    assert "<summary>[01-01] A form</summary>" in page
    assert "42" in page.split("</details>")[1]
    assert nbformat.read(out / path.name, as_version=4).cells[0].source == text
