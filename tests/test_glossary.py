"""The glossary: made from terms.md, whole, and about words that the chapters teach."""

import re
from pathlib import Path

import jupytext
import pytest

from notebooks.tools import build, glossary, translate

ROOT = Path(__file__).resolve().parents[1]
ROWS = [row for rows in glossary.themes(ROOT).values() for row in rows]
HAN = "[\u4e00-\u9fff]"
TERMS = """# Terms

## The eye

| English | 中文 | do not use | d2l | papers | in | in one sentence | 一句话 | note |
|---|---|---|---|---|---|---|---|---|
| vessel, tube | 血管；管 | 容器 | - | 脉管 | 03 | It carries blood. | 它输送血液。 | |
| Eye | 眼睛 | - | 目 | - | 03 | It sees. | 它能看见。 | |

## Further words

| English | 中文 | do not use | note |
|---|---|---|---|
| patch | 图像块 | 补丁 | |
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """Return a course with terms and no chapter but the name of one."""
    (tmp_path / "notebooks/src").mkdir(parents=True)
    (tmp_path / "notebooks/src/03_name.py").touch()
    (tmp_path / glossary.TERMS).write_text(TERMS, "utf-8")
    assert glossary.write(tmp_path) == []
    return tmp_path


def edit(project: Path, old: str, new: str) -> None:
    assert old in TERMS
    (project / glossary.TERMS).write_text(TERMS.replace(old, new), "utf-8")


def test_the_pages_are_what_the_terms_build():
    assert glossary.check(ROOT) == []


def test_english_stands_by_the_alphabet_and_chinese_by_theme(project):
    english, chinese = (
        (project / name).read_text("utf-8") for name in glossary.FILES.values()
    )
    assert english.endswith(
        "|---|---|---|\n| Eye | It sees. | [03](notebooks/03_name.ipynb) |\n"
        "| vessel | It carries blood. | [03](notebooks/03_name.ipynb) |\n"
    )
    link = "[03](notebooks/zh/03_name.ipynb)"
    assert chinese.endswith(
        f"\n## 眼睛\n\n{glossary.COLUMNS}"
        f"| 血管 | vessel | 它输送血液。 |  | 脉管 | {link} |\n"
        f"| 眼睛 | Eye | 它能看见。 | 目 |  | {link} |\n"
    )
    assert "图像块" not in english + chinese


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("It carries blood.", "", "vessel: no sentence under 'in one sentence'"),
        ("它输送血液。", "-", "vessel: no sentence under '一句话'"),
        ("它输送血液。", "它是容器。", "vessel: do not use 容器"),
        ("它输送血液。", "打了补丁。", "vessel: do not use 补丁"),
        ("| 脉管 | 03 |", "| 脉管 | 07 |", "vessel: there is no chapter '07'"),
        ("| Eye |", "| vessel |", "vessel stands there twice"),
        ("It sees.", "It looks.", "GLOSSARY.md is not what"),
        ("| 目 |", "| - |", "GLOSSARY.zh-CN.md is not what"),
    ],
)
def test_the_check_finds(project, capsys, old, new, found):
    edit(project, old, new)
    assert any(found in problem for problem in glossary.check(project))


def test_the_builds_check_reads_the_glossary(project, capsys, monkeypatch):
    monkeypatch.setattr(build, "sources", lambda root, chapters: [])
    monkeypatch.setattr(build.numbers, "check", lambda *_: [])
    assert build.main(["--check"], project) == 0
    edit(project, "It sees.", "")
    assert build.main(["--check"], project) == 1
    assert "Eye: no sentence" in capsys.readouterr().out


def test_terms_without_sentences_make_no_glossary(tmp_path):
    (tmp_path / "notebooks/src").mkdir(parents=True)
    (tmp_path / glossary.TERMS).write_text(TERMS.partition("## Further")[2], "utf-8")
    assert glossary.pages(tmp_path) == {}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["English"].replace("/", "-"))
def test_the_chapter_has_the_word(row):
    """In both languages, in one of its forms."""
    (path,) = (ROOT / "notebooks/src").glob(f"{row['in']}_*.py")
    cells = jupytext.reads(path.read_text("utf-8"), fmt="py:percent").cells
    for language in ("en", "zh"):
        texts = [c.source for c in cells if c.metadata.get("lang") == language]
        text = "\n".join(texts).lower()
        forms = [x for word in glossary.words(row, language) for x in word.split("、")]
        assert any(form.lower() in text for form in forms), f"{language}: {forms}"


def test_what_chinese_readers_search_for_is_in():
    shown = (ROOT / "GLOSSARY.zh-CN.md").read_text("utf-8")
    for word in ("感受野", "编码器", "解码器", "F1 分数", "召回率", "初始化",
                 "棋盘格伪影", "切片", "重叠分块策略", "视野"):  # fmt: skip
        assert f"\n| {word} |" in shown


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["English"].replace("/", "-"))
def test_sentences_are_short_and_written_as_chinese(row):
    english, chinese = row["in one sentence"], row["一句话"]
    assert len(english.split()) <= 45 and len(chinese) <= 90
    prose = re.sub(r"\$[^$]+\$", " ", chinese)
    assert not re.findall(rf"{HAN}[,;:?!.]|[,;:?!.]{HAN}|您|！", prose)
    assert not re.findall(rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9]{HAN}", prose)


def test_the_term_list_is_whole():
    tables = translate.term_tables(ROOT / glossary.TERMS)
    assert set(glossary.THEMES) <= set(tables)
    assert len(ROWS) >= 70
