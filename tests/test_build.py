"""The build of the notebooks: each rule on a small made-up project."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from notebooks.tools import LANGUAGES, build, localise, outputs, paste, strip, translate

ROOT = Path(__file__).resolve().parents[1]
TERMS = """
| English | 中文 | do not use | note |
|---|---|---|---|
| patch | 图像块 | 补丁 | |
| mixed precision | 混合精度 | 精度、平均精度 | |
| filter | 卷积核 | 滤波器 | mention once |
"""
CHAPTER = """# %% [markdown] lang="en"
# # 03 A title
#
# *A question?*

# %% [markdown] lang="zh" of=""
# # 03 标题
#
# *问题？*

# %% [markdown] include="badges"

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import math

# %% [markdown] lang="en" minutes="1"
# ## Text
#
# The formula $a^2$, the span `math.pi`, a [link](04_next.ipynb),
# a [file](../README.md).

# %% [markdown] lang="zh" of=""
# ## 文字
#
# 公式 $a^2$，代码 `math.pi`，[链接](04_next.ipynb)，[文件](../README.md)。

# %% tags=["show-source"]
from helpers.shapes import Square, area

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 03.1}}
#
# </details>

# %% [markdown] lang="zh" of=""
# <details><summary>答案</summary>
#
# {{solution 03.1}}
#
# </details>

# %% fold="Draw a square" fold_zh="画正方形"
print(area(2), "square metres")
# zh: print(area(2), "平方米")

# %% tags=["answer"]
print(area(3))

# %% include="recall"

# %% include="ticket"
"""
ZH = {"en": ".", "zh": "zh"}  # below the folder of a run
RECALL = """
[[recall]]
of = "{of}"
question = ["What is {k}?", "{k} 是什么？"]
right = "b"
a = ["no number", "不是数", "it is one", "是数"]
b = ["a number", "一个数", "one counts with it", "用它来数"]
c = ["a letter", "字母", "it is none", "不是字母"]
"""
SHAPES = '''"""Shapes."""

import functools


@functools.cache
def area(side):
    """Return the area."""
    return side**2


class Square:
    """A square."""
'''
EXERCISES = '''"""Exercises."""


def double(x):
    return 2 * x


EXERCISES["03.1"] = Exercise("Twice", double, ((1,),), HINT)
EXERCISES["03.2"] = Exercise("Two", lambda: 2, ((),), HINT)
'''


@pytest.fixture
def project(tmp_path) -> Path:
    (tmp_path / "notebooks/src").mkdir(parents=True)
    (tmp_path / "helpers/exercises").mkdir(parents=True)
    shutil.copy(ROOT / "notebooks/src/setup_cell.py", tmp_path / "notebooks/src")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.course]\nrepo = "https://github.com/OWNER/REPO"\ntag = "main"\n'
    )
    (tmp_path / "notebooks/src/terms.md").write_text(TERMS, "utf-8")
    (tmp_path / "helpers/shapes.py").write_text(SHAPES)
    (tmp_path / "helpers/exercises/chapter_03.py").write_text(EXERCISES)
    asked = [RECALL.format(of=of, k=k) for k, of in enumerate(["03"] * 3 + ["01"] * 2)]
    recall_file(tmp_path).write_text("".join(asked), "utf-8")
    source(tmp_path).write_text(CHAPTER, "utf-8")
    assert build.main(["--bless"], tmp_path) == 0
    return tmp_path


def source(project: Path) -> Path:
    return project / "notebooks/src/03_name.py"


def recall_file(project: Path) -> Path:
    return project / "helpers/exercises/chapter_03.toml"


def edit(project: Path, old: str, new: str) -> None:
    text = source(project).read_text("utf-8")
    assert old in text
    source(project).write_text(text.replace(old, new), "utf-8")


def notebook(project: Path, language: str = "en"):
    folder = project / LANGUAGES[language]
    return nbformat.read(folder / "03_name.ipynb", as_version=4)


def problems(project: Path, capsys) -> str:
    capsys.readouterr()
    assert build.main(["--check"], project) == 1
    return capsys.readouterr().out


def test_build_then_check_is_in_step(project, capsys):
    assert build.main(["--check"], project) == 0
    assert "1 chapters in step" in capsys.readouterr().out


def test_the_same_bytes_every_time(project):
    files = [project / folder / "03_name.ipynb" for folder in LANGUAGES.values()]
    before = [file.read_bytes() for file in files]
    assert build.main([], project) == 0
    assert [file.read_bytes() for file in files] == before


def test_code_is_the_same_in_both_languages_but_for_its_texts(project):
    english, chinese = (
        outputs.code_cells(notebook(project, x).cells) for x in ("en", "zh")
    )
    assert [c["id"] for c in english] == [c["id"] for c in chinese]
    for one, other in list(zip(english, chinese, strict=True))[1:]:
        assert localise.masked(one["source"]) == localise.masked(other["source"])
    assert english[3]["source"].endswith('print(area(2), "square metres")')
    assert chinese[3]["source"].endswith('print(area(2), "平方米")')
    assert chinese[0]["source"].endswith('course = lesson.start("zh")')


def test_cells_are_numbered_but_for_the_set_up(project):
    firsts = [
        c["source"].split("\n")[0] for c in outputs.code_cells(notebook(project).cells)
    ]
    assert firsts == [
        "# @title Set-up: run me first",
        "# [03-01]",
        "# [03-02]",
        "# @title [03-03] Draw a square",
        "# [03-04]",
        "# [03-05]",
        "# @title [03-06] Where you stand, and a ticket for your teacher",
    ]
    firsts = [
        c["source"].split("\n")[0]
        for c in outputs.code_cells(notebook(project, "zh").cells)
    ]
    assert firsts[0] == "# @title 准备：请先运行这一格"
    assert firsts[3] == "# @title [03-03] 画正方形"


def test_the_end_of_a_chapter_asks_and_sums_up(project):
    for language, heading in (("en", "## Recall"), ("zh", "## 回想一下")):
        *_, text, asked, ticket = notebook(project, language).cells
        assert text.source.startswith(heading)
        assert ("   - **b** a number" in text.source) == (language == "en")
        assert asked.source == '# [03-05]\nlesson.recall("03", "?????")'
        assert 'lesson.progress("03")\nlesson.ticket(NAME' in ticket.source


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('of = "01"', 'of = "03"', "1 questions from earlier chapters, 2 are needed"),
        ('right = "b"', 'right = "d"', "question 1 lacks a choice, a text or its"),
        (', "是数"]', "]", "question 1 lacks a choice, a text or its right letter"),
        ("[[recall]]", "[[other]]", "4 recall questions, 5 are needed"),
        ('of = "03"', "", "question 1 lacks its chapter"),
    ],
)
def test_recall_questions_are_whole(project, capsys, old, new, problem):
    text = recall_file(project).read_text("utf-8")
    recall_file(project).write_text(text.replace(old, new, 1), "utf-8")
    assert problem in problems(project, capsys)


def test_forms_hide_their_code_in_colab_and_elsewhere(project):
    hidden = {"cellView": "form", "jupyter": {"source_hidden": True}}
    found = [c["metadata"] for c in outputs.code_cells(notebook(project).cells)]
    answer = {"tags": ["answer"]}
    assert found == [hidden, {}, {"tags": ["show-source"]}, hidden, answer, {}, {}]


def test_show_source_pastes_definitions_with_decorators(project):
    cell = outputs.code_cells(notebook(project).cells)[2]["source"]
    assert cell.startswith("# [03-02]\n# helpers/shapes.py\nclass Square:")
    assert "@functools.cache\ndef area(side):" in cell


def test_folds_show_the_reference_of_their_exercise(project):
    for language in LANGUAGES:
        (fold,) = [c for c in notebook(project, language).cells if "<det" in c.source]
        assert "\n\n```python\ndef double(x):\n    return 2 * x\n```\n\n" in fold.source


@pytest.mark.parametrize("number", ["03.3", "03.2", "44.1", ""])
def test_a_fold_with_an_unknown_exercise_is_an_error(project, capsys, number):
    text = source(project).read_text("utf-8")
    source(project).write_text(
        text.replace("{{solution 03.1", f"{{{{solution {number}")
    )
    assert f"has no exercise {number} solved by a function" in problems(project, capsys)


def test_set_up_cell_carries_the_address(project):
    cell = outputs.code_cells(notebook(project).cells)[0]["source"]
    assert 'ADDRESS, TAG = "https://github.com/OWNER/REPO", "main"\n' in cell
    assert cell.count("\n") < 50
    assert cell.endswith(paste.SETUP_STUB)


def test_chinese_links_lead_to_chinese_chapters(project):
    text = next(c.source for c in notebook(project, "zh").cells if "公式" in c.source)
    assert "(04_next.ipynb)" in text
    assert "(../../README.md)" in text


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("# The formula", "# Now the formula", "English is"),
        ("公式 $a^2$", "公式", r"lost formula \$a\^2\$"),
        ("代码 `math.pi`", "代码 math.pi", "lost code span `math.pi`"),
        ("[链接](04_next.ipynb)", "链接", "lost link 04_next.ipynb"),
        ("# ## 文字", "# ### 文字", "lost heading level h2"),
        ("# ## 文字", "# ## 文字\n#\n# ### 多", "heading levels"),
        ("公式 $a^2$", "补丁 $a^2$", "do not use 补丁"),
        ("公式 $a^2$", "精度 $a^2$", "do not use 精度"),
        (
            "答案</summary>\n#\n# {{solution 03.1}}",
            "答案</summary>",
            "lost field solution 03.1",
        ),
        ("import math", "import math\n" + "\nmath.pi" * 40, "42 lines, over 40"),
        ("import math", "import math\n\n!ls", "runs only in IPython"),
        ("import Square, area", "import Circle", "defines no Circle"),
        ("from helpers.shapes import Square, area", "x = 1", "holds only"),
        ('include="badges"', 'include="badge"', '0 cells include="badges"'),
        ("lesson.start()", "lesson.start(1)", "the set-up stub is exactly"),
        ("import math", "# @title A form\nimport math", "a title is the cell's title="),
        (' minutes="1"', "", r"'## Text': no minutes=\"1\""),
        ("import math", "import math(", "'import math.': SyntaxError in its line 1"),
        (
            'metres")',
            'metres"))',
            "'print.a.*: SyntaxError in its line 1: unmatched",
        ),
        ("print(area(3))", "area = 3\nprint(area)", r"area is made in \[03-02\] and"),
        ("平方米", "平方米{}", "is not what its source builds"),
        ('print(area(2), "平', 'print(area(1), "平', "by more than texts"),
        ("import math", "import cmath", "is not what its source builds"),
    ],
)
def test_check_finds(project, capsys, old, new, found):
    edit(project, old, new)
    assert re.search(found, problems(project, capsys))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("公式 $a^2$", "[公式](https://example.org) $a^2$"),
        ("公式 $a^2$", "混合精度 $a^2$"),
        ("公式 $a^2$", "滤波器 $a^2$"),
        ("公式 $a^2$", "`补丁` $a^2$"),
    ],
)
def test_check_accepts_in_chinese(project, old, new):
    edit(project, old, new)
    assert build.main([], project) == 0


def test_check_finds_missing_and_lone_translations(project, capsys):
    text = source(project).read_text("utf-8")
    english = text.index('# %% [markdown] lang="en" minutes="1"\n# ## Text')
    chinese = text.index('# %% [markdown] lang="zh"', english)
    after = text.index("# %% tags", chinese)
    source(project).write_text(text[:chinese] + text[after:], "utf-8")
    assert "no Chinese cell after it" in problems(project, capsys)
    source(project).write_text(text[:english] + text[chinese:], "utf-8")
    assert "no English cell before it" in problems(project, capsys)


def test_check_finds_text_without_language(project, capsys):
    edit(project, "# %%\nimport math", "# %% [markdown]\n# Text\n\n# %%\nimport math")
    assert "text without lang" in problems(project, capsys)


def test_check_finds_a_long_pasted_class(project, capsys):
    path = project / "helpers/shapes.py"
    path.write_text(path.read_text() + "    x = 1\n" * 60)
    assert "Square has 62 lines, over 60" in problems(project, capsys)


def test_check_finds_a_changed_helper_and_a_hand_edit(project, capsys):
    path = project / "helpers/shapes.py"
    path.write_text(SHAPES.replace("Return the area", "Give the area"))
    assert "notebooks/zh/03_name.ipynb is not what" in problems(project, capsys)
    path.write_text(SHAPES)
    built = project / "notebooks/03_name.ipynb"
    built.write_text(built.read_text("utf-8").replace("import math", "import re"))
    assert "notebooks/03_name.ipynb is not what" in problems(project, capsys)


def test_bless_marks_a_translation_as_current(project, capsys):
    edit(project, "# The formula", "# Now the formula")
    assert "English is" in problems(project, capsys)
    assert build.main(["--bless"], project) == 0
    assert build.main(["--check"], project) == 0


def test_bless_leaves_all_else_of_a_header(project):
    edit(project, 'lang="zh" of="', 'lang="zh" tags=["x"] of="')
    assert build.main([], project) == 0
    before = source(project).read_text("utf-8")
    assert build.main(["--bless"], project) == 0
    assert source(project).read_text("utf-8") == before


def test_an_unknown_chapter_is_named(project, capsys):
    assert build.main(["44"], project) == 1
    assert "no source for chapter 44; there are 03" in capsys.readouterr().out


# Outputs


def stored_run(project: Path) -> Path:
    """Return a folder as run.py leaves it: executed notebooks and their reports."""
    out = project / "outputs"
    for language, word in (("en", "cell"), ("zh", "格")):
        executed, folder = notebook(project, language), out / ZH[language]
        for number, cell in enumerate(outputs.code_cells(executed.cells)):
            text = f"{word} {number} in {folder}\n"
            made = nbformat.v4.new_output("stream", name="stdout", text=text)
            cell["outputs"] = [made]
            cell["execution_count"] = number
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(executed, folder / "03_name.ipynb")
        entry = {"ok": True, "dataset": "DRIVE", "device": "CPU", "chapter": "03_name"}
        report = {"mode": "lesson", "date": "2026-01-02", "chapters": {"03": entry}}
        (folder / "report.json").write_text(json.dumps(report))
    return out


def texts(project: Path, language: str = "en") -> list:
    cells = outputs.code_cells(notebook(project, language).cells)
    found = [c["outputs"][0]["text"] if c["outputs"] else None for c in cells]
    return [text and text.partition(" in ")[0] for text in found]


def kept(word: str, count: int = 7) -> list:
    """Return the outputs of so many cells of a run; of that which answers, none."""
    return [f"{word} {n}" if n < count and n != 4 else None for n in range(7)]


def test_store_gives_each_language_the_outputs_of_its_run_but_no_answer(project):
    assert build.main(["--store", str(stored_run(project))], project) == 0
    assert texts(project) == kept("cell") and texts(project, "zh") == kept("格")
    assert all(
        c["execution_count"] is None
        for c in outputs.code_cells(notebook(project).cells)
    )
    lines = [notebook(project, x).cells[1].source for x in ("en", "zh")]
    assert "lesson run on DRIVE, CPU, 2026-01-02" in lines[0]
    assert "数据 DRIVE；设备 CPU；日期 2026-01-02" in lines[1]
    assert build.main(["--check"], project) == 0


def test_places_of_this_machine_are_shortened(tmp_path):
    said = f"in {tmp_path}/progress/07.json, not /no_such/place"
    assert outputs.hide_places(said) == "in .../07.json, not /no_such/place"


def test_stored_outputs_name_no_place_of_this_machine(project):
    build.main(["--store", str(stored_run(project))], project)
    assert str(project) not in (project / "notebooks/03_name.ipynb").read_text("utf-8")


def test_outputs_are_kept_up_to_the_first_changed_cell(project):
    build.main(["--store", str(stored_run(project))], project)
    edit(project, '"平方米"', '"平米"')
    assert build.main([], project) == 0
    assert texts(project) == kept("cell") and texts(project, "zh") == kept("格", 3)
    edit(project, 'print(area(2), "square', 'print(area(2), "sq')
    assert build.main([], project) == 0
    assert texts(project) == kept("cell", 3)
    edit(project, "import math", "import cmath")
    assert build.main([], project) == 0
    assert texts(project)[1:] == [None] * 6
    assert "Outputs below" not in notebook(project).cells[1].source


def test_outputs_survive_a_change_of_text_or_address(project):
    build.main(["--store", str(stored_run(project))], project)
    edit(project, "# The formula", "# Now the formula")
    assert build.main(["--bless", "--repo", "https://github.com/me/eyes"], project) == 0
    assert texts(project) == kept("cell")


def test_store_refuses_another_or_a_failed_run(project, capsys):
    folder = stored_run(project)
    edit(project, "import math", "import cmath")
    assert build.main(["--store", str(folder)], project) == 1
    assert "run it again" in capsys.readouterr().out
    report = folder / "report.json"
    report.write_text(report.read_text().replace("true", "false"))
    assert build.main(["--store", str(folder)], project) == 1
    assert "holds no good run" in capsys.readouterr().out


# The project itself


def test_the_term_list_is_read():
    right, wrong = translate.read_terms(ROOT / "notebooks/src/terms.md")
    assert len(right) > 60 and len(wrong) > 30
    assert "图像块" in right and "补丁" in wrong
    assert not right & wrong
    assert "滤波器" not in wrong, "its row says mention once"


def test_the_committed_notebooks_are_what_the_sources_build():
    sources = build.sources(ROOT, [])
    assert [p for s in sources for p in build.Chapter(ROOT, s).check()] == []


def test_every_built_notebook_has_a_source():
    names = {path.stem for path in build.sources(ROOT, [])}
    for folder in LANGUAGES.values():
        assert {path.stem for path in (ROOT / folder).glob("*.ipynb")} == names


def test_the_strip_stands_where_the_lead_in_stands_alone(project):
    """Both languages mark the chapter, in words and in a picture."""
    edit(project, "# ## Text\n", "# ## Text\n#\n# **You are here**\n")
    edit(project, "# ## 文字\n", "# ## 文字\n#\n# **你在这里**\n")
    assert build.main(["--bless"], project) == 0
    for language, mark in (("en", "**03 the paper**"), ("zh", "**03 论文**")):
        texts = [cell["source"] for cell in notebook(project, language).cells]
        (head,) = [text for text in texts if "data:image/png;base64," in text]
        assert head.count(mark) == 1 and " > " in head
    text = "**You are here** in words"
    assert strip.with_strip(text, "03", "en") == text


def test_the_strip_names_every_chapter():
    numbers = [path.name[:2] for path in build.sources(ROOT, [])]
    assert list(strip.CHAPTERS) == numbers
    assert {path.stem for path in strip.PICTURES.glob("*.png")} == set(numbers)
