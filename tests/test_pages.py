"""READMEs and FAQ: commands, cells and addresses that they name are there."""

import json
import re
import shlex
from pathlib import Path

import pytest

from helpers import environment
from helpers.__main__ import parser
from notebooks.tools import translate

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, CHINESE = ("README.md", "FAQ.md"), ("README.zh-CN.md", "FAQ.zh-CN.md")
COMMAND = re.compile(r"(?:python3?|py(?: -3\.\d+)?) -m helpers( [^`\n]*)?")
CELL = re.compile(r"\[(\d\d-\d\d)\] `([^`]+)`")  # its number, a word in it
HAN = r"[\u4e00-\u9fff]"


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def questions(page: str) -> list[tuple[str, str, str]]:
    """Return (section, question, answer) of a FAQ."""
    found = []
    for section in re.split(r"^## ", read(page), flags=re.M)[1:]:
        for text in re.split(r"^### ", section, flags=re.M)[1:]:
            question, _, answer = text.partition("\n")
            found.append((section.partition("\n")[0], question, answer.strip()))
    return found


def code_of(cell: str, folder: str) -> str:
    """Return the source of the cell with this number in the built notebook."""
    (path,) = (ROOT / folder).glob(f"{cell[:2]}_*.ipynb")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    sources = ["".join(x["source"]) for x in cells if x["cell_type"] == "code"]
    return next((s for s in sources if f"[{cell}]" in s.partition("\n")[0]), "")


def unknown_commands(text: str) -> list[str]:
    bad = []
    for match in COMMAND.finditer(text):
        words = shlex.split(match[1] or "")
        try:
            if words and words[0] != "test":  # whose arguments are pytest's
                parser().parse_args(words)
        except SystemExit:
            bad.append(match[0])
    return bad


@pytest.mark.parametrize("page", ENGLISH + CHINESE)
def test_commands_are_there(page):
    assert len(COMMAND.findall(read(page))) > 5
    assert not unknown_commands(read(page))


def test_what_cannot_be_copied_is_found():
    good = ["python3 -m helpers open 01", "`py -3.12 -m helpers run`", "py -m helpers"]
    bad = ["py -m helpers upen 01", "python -m helpers run --tempo 3"]
    bad += ["python3 -m helpers run  # cmd and zsh hand this on"]
    assert unknown_commands("\n".join(good + bad)) == bad


@pytest.mark.parametrize(
    ("page", "folder"), [("FAQ.md", "notebooks"), ("FAQ.zh-CN.md", "notebooks/zh")]
)
def test_cells_hold_the_word_that_the_faq_names(page, folder):
    for _, question, answer in questions(page):
        assert re.search(r"\]\([\w./-]+", answer), f"{question}: no link"
        shown = answer.rpartition("\n\n")[2]
        cells = CELL.findall(shown)
        assert len(cells) == len(re.findall(r"\[\d\d-\d\d\]", shown)), question
        for cell, word in cells:
            assert word in code_of(cell, folder), f"{question}: {cell} {word}"
            assert f"{folder}/{cell[:2]}_" in shown, f"{question}: no link to {cell}"
        for cell in re.findall(r"\[(\d\d-\d\d)\]", answer):
            assert code_of(cell, folder), f"{question}: no cell {cell}"


def test_both_languages_ask_the_same_questions():
    english, chinese = map(questions, ("FAQ.md", "FAQ.zh-CN.md"))
    assert len(english) == len(chinese) > 30
    names = {"en": {}, "zh": {}}
    for (en, asked, answer), (zh, _, same) in zip(english, chinese, strict=True):
        assert CELL.findall(answer) == CELL.findall(same), asked
        assert names["en"].setdefault(en, zh) == zh, asked
        assert names["zh"].setdefault(zh, en) == en, asked


@pytest.mark.parametrize("page", ["FAQ.md", "FAQ.zh-CN.md"])
def test_answers_are_three_sentences_at_most(page):
    for _, question, answer in questions(page):
        text, _, _ = answer.rpartition("\n\n")
        text = re.sub(r"`[^`\n]*`|<https[^>]*>", "x", text)
        assert len(re.findall(r"[.?](?:\*\*)?(?:\s|$)|[。？]", text)) <= 3, question


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_a_way_in_takes_five_steps_at_most(page):
    ways = re.split(r"^##+ ", read(page), flags=re.M)
    steps = [re.findall(r"^\d\. ", way, re.M) for way in ways]
    assert sum(map(bool, steps)) >= 5
    assert max(map(len, steps)) <= 5


@pytest.mark.parametrize("page", ENGLISH + CHINESE)
def test_torch_comes_from_the_one_address(page):
    found = re.findall(r"https://download\.pytorch\.org/[^\s`]+", read(page))
    assert set(found) == {environment.GPU_INDEX}
    command = f"-m pip install --upgrade torch --index-url {environment.GPU_INDEX}"
    assert command in read(page)


@pytest.mark.parametrize("page", (*CHINESE, "CHEATSHEET.zh-CN.md"))
def test_chinese_is_written_as_chinese(page):
    # code, fields, formulas, links
    aside = r"```.*?```|`[^`\n]*`|<!--.*?-->|\$[^$\n]+\$|(?<=\])\([^)]*\)"
    prose = re.sub(aside, " ", read(page), flags=re.S)
    assert not re.findall(rf"{HAN}[,;:?!]|[,;:?!]{HAN}|您|！", prose)
    prose = prose.replace("U-net", "")  # headings of the blog, as they stand there
    assert not re.findall(rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9]{HAN}", prose)
    words = translate.read_terms(ROOT / "notebooks/src/terms.md")
    assert not translate.wrong_words(prose, *words)


def test_both_cheat_sheets_say_the_same():
    english, chinese = (read(f"CHEATSHEET{x}.md") for x in ("", ".zh-CN"))
    for pattern in (
        r"^[^#\n]+(?=  # )",
        r"\$[^$\n]+\$",
        r"^#+ |^\d\. |^\|",
        r"\d+\.\d+",
    ):
        same = [re.findall(pattern, text, re.M) for text in (english, chinese)]
        assert same[0] == same[1] != [], pattern


def test_the_cheat_sheet_shows_the_five_lines_in_the_courses_order():
    code = re.search(r"```python\n(.*?)```", read("CHEATSHEET.md"), re.S)[1]
    assert [line.partition("#")[0].strip() for line in code.splitlines()] == [
        "logits = net(x)",
        "loss = loss_fn(logits, y)",
        "optimizer.zero_grad()",
        "loss.backward()",
        "optimizer.step()",
    ]
