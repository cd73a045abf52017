"""Numbers of pages and chapters: filled from results/, checked, never typed."""

import json
import shutil
from pathlib import Path

import pytest

from notebooks.tools import build, numbers

ROOT = Path(__file__).resolve().parents[1]
RUN = {
    "pooled": {"dice": 0.8254, "auc": 0.98},
    "ci95": {"dice": [0.8196, 0.8316]},
    "rows": [
        {"name": "own size", "seconds": 4, "ours": {"0.98": 0.5}},
        {"name": "resized", "seconds": 2},
    ],
    "none": None,
}
TABLES = """
[scores]
columns = [
  { key = "pooled.dice", format = ".3f", interval = "ci95.dice", en = "D", zh = "D" },
  { key = "pooled.auc", format = ".2f", en = "AUC", zh = "AUC" },
]
rows = [
  { of = "run", en = "network", zh = "网络" },
  { of = "run", en = "person", zh = "人", without = ["pooled.auc"] },
  { of = "run", en = "ours", zh = "我们", words = { "pooled.auc" = "high" } },
]
"""
PAGE = """# Scores

A Dice of <!--{run.pooled.dice:.4f}-->?<!--/-->, 5 s.

<!-- table scores -->
<!-- end -->

| cell | <!--{1 / run.rows.resized.seconds:.2f}-->?<!--/--> s |
"""
CHAPTER = """# %% [markdown] lang="en"
# # 03 A title
#
# A Dice of {{run.pooled.dice:.4f}}.

# %% [markdown] lang="zh" of=""
# # 03 标题
#
# Dice 是{{run.pooled.dice:.4f}}。

# %% [markdown] include="badges"

# %% include="setup"
from helpers import lesson

course = lesson.start()
"""


@pytest.fixture
def project(tmp_path) -> Path:
    for folder in ("notebooks/src", "results"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "notebooks/src/setup_cell.py", tmp_path / "notebooks/src")
    (tmp_path / "notebooks/src/terms.md").touch()
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepo = "x"\ntag = ""\n')
    (tmp_path / "notebooks/src/03_name.py").write_text(CHAPTER, "utf-8")
    (tmp_path / "results/run.json").write_text(json.dumps(RUN))
    (tmp_path / "results/tables.toml").write_text(TABLES, "utf-8")
    for page in ("README.md", "README.zh-CN.md"):
        (tmp_path / page).write_text(PAGE, "utf-8")
    assert build.main(["--bless"], tmp_path) == 0
    return tmp_path


def measure_again(project: Path, **pooled: float) -> None:
    path = project / "results/run.json"
    content = json.loads(path.read_text())
    content["pooled"] |= pooled
    path.write_text(json.dumps(content))


def problems(project: Path, capsys) -> list[str]:
    capsys.readouterr()
    assert build.main(["--check"], project) == 1
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("run.pooled.dice:.3f", "0.825"),
        ("run.ci95.dice[1]:.2f", "0.83"),
        ("run.rows.resized.seconds:d", "2"),
        ("run.rows['own size'].ours['0.98']:.1f", "0.5"),
        ("max(run.rows.seconds) - len(run.rows):d", "2"),
        ("sum(run.rows.seconds):d", "6"),
        ("abs(-100 * run.pooled.auc):.1f", "98.0"),
    ],
)
def test_a_field_leads_to_its_number(project, field, number):
    assert numbers.Numbers(project).number(field) == number


def test_a_name_may_be_given(project):
    known = numbers.Numbers(project, {"minutes": 54, "reading": {"04": 7}})
    assert known.number("minutes") == "54"
    assert known.number('reading["04"]:d') == "7"
    with pytest.raises(ValueError, match="no such number"):
        known.number("computing")


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("other.dice:.3f", "there is no results/other.json"),
        ("run.pooled.dise:.3f", "nothing there is called 'dise'"),
        ("run.ci95.dice[2]:.3f", "nothing there is called 2"),
        ("run.rows.third.seconds:d", "nothing there is called 'third'"),
        ("run.pooled.dice:.3q", "format"),
        ("run.none:.3f", "format"),
        ("run.pooled dice:.3f", "invalid syntax"),
        ("open('x'):.3f", r"open\('x'\) is not allowed"),
        ("run.pooled.dice ** 2:.3f", "is not allowed"),
        ("run.pooled.dice / 0:.3f", "division by zero"),
    ],
)
def test_a_wrong_field_is_an_error_that_names_page_and_field(
    project, capsys, field, why
):
    page = project / "README.md"
    page.write_text(f"A Dice of <!--{{{field}}}-->0.8<!--/-->.\n")
    with pytest.raises(ValueError, match=why):
        numbers.Numbers(project).number(field)
    (line,) = problems(project, capsys)
    assert line.startswith("README.md:1: ") and field in line
    assert build.main([], project) == 1


def test_a_wrong_field_of_a_chapter_is_named(project, capsys):
    source = project / "notebooks/src/03_name.py"
    source.write_text(CHAPTER.replace("dice", "dise"), "utf-8")
    assert build.main(["--bless"], project) == 1
    said = capsys.readouterr().out
    assert said.count("{run.pooled.dise:.4f}: nothing there is called 'dise'") == 2
    assert "03_name.py: '# 03 A title'" in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!-- table other -->\n<!-- end -->\n", "does not declare it"),
        ("A <!--{run.pooled.dice:.4f}-->0.8\n", "'<!--{' without its other end"),
        ("A 0.8<!--/-->\n", "'<!--/-->' without its other end"),
        ("<!-- table scores -->\nA text.\n<!-- end -->\n", "without its other end"),
        ("- <!--{run.pooled.dice:.4f}-->0.8254<!--/-->\n", "a field opens the line"),
    ],
)
def test_a_malformed_page_is_named(project, capsys, text, why):
    (project / "README.md").write_text(text)
    first = problems(project, capsys)[0]
    assert first.startswith("README.md:") and why in first


def test_a_label_is_needed_in_the_pages_language(project, capsys):
    path = project / "results/tables.toml"
    path.write_text(TABLES.replace('zh = "网络"', 'de = "Netz"'), "utf-8")
    (line,) = problems(project, capsys)
    assert line.startswith("README.zh-CN.md:6: table scores: no 'zh'")


def test_pages_and_notebooks_show_numbers(project):
    lines = (project / "README.zh-CN.md").read_text("utf-8").splitlines()
    assert lines[2] == "A Dice of <!--{run.pooled.dice:.4f}-->0.8254<!--/-->, 5 s."
    assert lines[5:11] == [
        "| | D | AUC |",
        "|---|---|---|",
        "| 网络 | 0.825 (0.820 至 0.832) | 0.98 |",
        "| 人 | 0.825 (0.820 至 0.832) | - |",
        "| 我们 | 0.825 (0.820 至 0.832) | high |",
        "<!-- end -->",
    ]
    assert "-->0.50<!--/--> s |" in lines[-1]
    for folder, said in zip(
        build.LANGUAGES.values(), ("of 0.8254.", "是0.8254。"), strict=True
    ):
        text = (project / folder / "03_name.ipynb").read_text("utf-8")
        assert said in text and "{{" not in text


def test_a_new_measurement_is_named_at_each_place_and_mended(project, capsys):
    measure_again(project, dice=0.8309)
    said = problems(project, capsys)
    field, change = "{run.pooled.dice:.4f}", "says '0.8254', measured is '0.8309'"
    for place in (
        f"README.md:3: {field} {change}",
        f"README.zh-CN.md:3: {field} {change}",
        f"notebooks/03_name.ipynb: '# 03 A title': {field} {change}",
        f"notebooks/zh/03_name.ipynb: '# 03 标题': {field} {change}",
        "README.md:8: table scores says '| network | 0.825 (0.820 to 0.832) | 0.98 |', "
        "measured is '| network | 0.831 (0.820 to 0.832) | 0.98 |'",
    ):
        assert place in said
    assert not any("English is" in line for line in said)  # translations stay current
    assert build.main([], project) == 0
    assert build.main(["--check"], project) == 0
    assert "0.8254" not in (project / "README.md").read_text("utf-8")


def test_a_translation_keeps_the_field(project, capsys):
    source = project / "notebooks/src/03_name.py"
    text = source.read_text("utf-8")
    source.write_text(text.replace("是{{run.pooled.dice:.4f}}", "是 0.8254"), "utf-8")
    assert "lost field run.pooled.dice:.4f" in problems(project, capsys)[0]


def test_one_number_of_the_real_results_reaches_every_page(tmp_path):
    """A copy of the real pages: one Dice is measured anew."""
    for pattern in (*numbers.PAGES, "results/*.json", "results/tables.toml"):
        for path in ROOT.glob(pattern):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    given = build.timed(ROOT, build.everything(ROOT))
    assert numbers.check(tmp_path, given) == []
    path = tmp_path / "results/drive_test.json"
    content = json.loads(path.read_text("utf-8"))
    content["pooled"]["dice"] = 0.7777
    path.write_text(json.dumps(content))
    said = numbers.check(tmp_path, given)
    pages = {line.split(":")[0] for line in said}
    assert pages >= {
        "README.md",
        "README.zh-CN.md",
        "results/README.md",
        "helpers/weights/README.md",
    }
    assert all("0.7777" in line for line in said)
    assert numbers.mend(tmp_path, given) == numbers.check(tmp_path, given) == []
