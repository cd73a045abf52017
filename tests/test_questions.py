"""Questions and exercises: a hint first, the answer last; never an error."""

import ast
import dataclasses
import re
import sys
import types

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from helpers import lesson, places, progress, questions
from helpers.questions import Between, Contract, Exercise, Question, same
from notebooks.tools import LANGUAGES

HINTS = (("look again", "再看一遍"), ("count by hand", "用手数一数"))
TYPICAL = ("upside down", "上下颠倒")
ASKED = Question(
    ("twice the number", "这个数的两倍"),
    answer=lambda x: 2 * x,
    hints=HINTS,
    reason=("two times five is {answer}", "五乘二得 {answer}"),
    tolerance=0.01,
    mistakes=((lambda x: x / 2, TYPICAL), (Between(50, 99), ("too much", "太多了"))),
    also=((lambda x: x + 6, ("level with it", "与它不相上下")),),
)


def half(x):
    return x / 2


TASK = Exercise(
    ("half of it", "它的一半"),
    half,
    cases=((4,), (6,)),
    hint=HINTS[0],
    mistakes=((lambda x: x * 2, TYPICAL),),
)


@pytest.fixture
def chapter(monkeypatch, tmp_path):
    """Have a chapter 77 with a question and an exercise, and an empty record."""
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path))
    monkeypatch.setenv("FUNDUS_LANGUAGE", "en")
    module = types.ModuleType("helpers.exercises.chapter_77")
    module.QUESTIONS, module.EXERCISES = {"77.1": ASKED}, {"77.2": TASK}
    module.CONTRACTS = {
        "77.one": Contract(("one", "一"), 1),
        "77.near": Contract(("near", "近"), {"DRIVE": 0.5}, {"cpu": 0.01}, ("lesson",)),
        "77.shape": Contract(("shape", "形状"), (1, 2)),
    }
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(questions, "chapters", lambda: ["77"])
    progress._BOOKS.clear()
    questions._ASKED.clear()
    yield module
    progress._BOOKS.clear()


def said(capsys, *arguments) -> str:
    lesson.ask("77.1", *arguments)
    return capsys.readouterr().out


def test_hints_come_first_and_the_answer_at_the_third_wrong_try(chapter, capsys):
    assert "[ ? ] 77.1 twice the number" in said(capsys, None, 5)
    first = said(capsys, 3, 5)
    assert "[no ]" in first and "look again" in first and "10" not in first
    assert said(capsys, 3, 5) == first, "the same answer again is no new try"
    second = said(capsys, 4, 5)
    assert "count by hand" in second and "10" not in second
    third = said(capsys, 5, 5)
    assert "The answer: 10" in third and "two times five is 10" in third
    right = said(capsys, 10.05, 5)
    assert "[OK ]" in right and "two times five" in right


def test_a_typical_mistake_gets_its_own_hint_at_the_first_try(chapter, capsys):
    words = said(capsys, 2.5, 5)
    assert "upside down" in words and "look again" not in words
    words = said(capsys, 60, 5)
    assert "too much" in words and "count by hand" in words and "10" not in words


def test_an_answer_that_is_level_counts_and_says_so(chapter, capsys):
    words = said(capsys, 11, 5)
    assert "[OK ]" in words and "level with it" in words
    assert progress.book("77").tries("77.1")[-1][1] is True


def test_reveal_gives_answer_and_reason(chapter, capsys):
    lesson.reveal("77.1")
    assert "Run the cell of the question first" in capsys.readouterr().out
    said(capsys, None, 5)
    lesson.reveal("77.1")
    assert "two times five is 10" in capsys.readouterr().out


def test_the_words_are_in_the_language_of_the_edition(chapter, capsys, monkeypatch):
    monkeypatch.setenv("FUNDUS_LANGUAGE", "zh")
    words = said(capsys, 3, 5) + said(capsys, 4, 5) + said(capsys, 5, 5)
    for part in ("这个数的两倍", "你的答案：", "再看一遍", "用手数一数", "答案：10"):
        assert part in words
    assert not re.search("[a-z]{3}", words)


def test_an_answer_of_another_kind_is_no_try(chapter, monkeypatch, capsys):
    assert "A number is asked for" in said(capsys, "ten", 5)
    asked = dataclasses.replace(ASKED, answer="thin", offers=("thin", "wide"))
    monkeypatch.setitem(chapter.QUESTIONS, "77.1", asked)
    assert 'Please one of: "thin", "wide".' in said(capsys, "both", 5)
    assert progress.book("77").tries("77.1") == []
    several = dataclasses.replace(ASKED, answer=(8, 4, 2), mistakes=())
    monkeypatch.setitem(chapter.QUESTIONS, "77.1", several)
    assert "3 values in brackets" in said(capsys, 4, 5) + said(capsys, "(8, 4)", 5)
    assert progress.book("77").tries("77.1") == []
    assert "[OK ]" in said(capsys, "8, 4, 2", 5)
    monkeypatch.setitem(chapter.QUESTIONS, "77.1", asked)
    assert "[no ]" in said(capsys, "Wide", 5) and "[OK ]" in said(capsys, "thin", 5)
    yes = dataclasses.replace(ASKED, answer=True, mistakes=())
    monkeypatch.setitem(chapter.QUESTIONS, "77.1", yes)
    assert "[OK ]" in said(capsys, "true", 5)


def test_an_answer_of_another_kind_may_be_right_too(chapter, monkeypatch, capsys):
    level, wrong = ("no clip", ("level", "持平")), ("both", ("of one", "一种的"))
    asked = dataclasses.replace(ASKED, also=(level,), mistakes=(wrong,))
    for change in ({}, {"answer": "40", "offers": ("40", "16")}):
        progress._BOOKS.clear()
        changed = dataclasses.replace(asked, **change)
        monkeypatch.setitem(chapter.QUESTIONS, "77.1", changed)
        assert "Hint: of one" in said(capsys, "both", 5)
        words = said(capsys, "No clip", 5)
        assert "[OK ]" in words and "level" in words


class Silent:
    def __repr__(self):
        raise RuntimeError("it does not say")


@pytest.mark.parametrize(
    "mine",
    [[1], (0, 7), object(), np.ones(3), print, Silent(), "{[]: 1}", "(" * 999, "0,7"],
    ids=range(9),
)
def test_no_answer_raises_and_what_is_no_number_is_no_try(chapter, mine, capsys):
    words = said(capsys, mine, 5)
    assert "[ ? ] 77.1" in words and "A number is asked for" in words
    assert "[no ] 77.1" in said(capsys, np.nan, 5)
    assert len(progress.book("77").tries("77.1")) == 1


def test_unknown_numbers_are_named(chapter):
    with pytest.raises(ValueError, match=r"QUESTIONS has no '77.9'; .* has 77.1"):
        lesson.ask("77.9", 1)
    with pytest.raises(ValueError, match="there is no chapter '78'; there are 77"):
        lesson.ask("78.1", 1)


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        ("FP16", "fp16"),
        ("'thin'", "thin"),
        (" No  clip", "no clip"),
        ("1,990,921", 1990921),
        ("１０", 10),
        ("（８，4）", (8, 4)),
        ("87.27 %", 87.27),
        ("(64, 284, 284)", (64, 284, 284)),
        ([64, 284], (64, 284)),
        ("true", True),
        (["model", "Optimizer"], {"optimizer", "model"}),
        (np.eye(2), np.eye(2)),
        (0.5004, 0.5),
        ("0.7", Between(0.6, 0.8)),
    ],
)
def test_same(mine, expected):
    assert same(mine, expected)


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        ("a", "b"),
        (1, "one"),
        ((1, 2, 3), (1, 2)),
        ((1, 3), (1, 2)),
        (["model"], {"optimizer", "model"}),
        (np.eye(2), np.eye(3)),
        (None, 0.0),
        (0.9, Between(0.6, 0.8)),
        ("no number", 3),
        ("1,0", 10),
        ("1,5", 15),
        ({8, 4}, (8, 4)),
        ("none", None),
    ],
)
def test_not_the_same(mine, expected):
    assert not same(mine, expected)


def test_show():
    assert questions.show(1990921.0) == "1990921"
    assert questions.show(np.float32(0.123456)) == "0.1235"
    assert questions.show((np.int64(3), 0.5)) == "(3, 0.5)"
    assert questions.show(Image.new("P", (2, 1))) == "picture of mode P, [[0, 0]]"
    assert len(questions.show(list(range(999)))) == 200


# Exercises


def judged(capsys, mine):
    used = lesson.exercise("77.2", mine)
    return used, capsys.readouterr().out


def test_exercise_uses_the_readers_function_only_when_right(chapter, capsys):
    mine = lambda x: x * 0.5  # noqa: E731
    used, words = judged(capsys, mine)
    assert used is mine and "77.2 half of it: yours is right" in words
    used, words = judged(capsys, lambda x: x + 1)
    assert used is half
    assert "input: 4" in words and "expected: 2" in words and "look again" in words
    assert "upside down" in judged(capsys, lambda x: x + x)[1]
    assert "TypeError" in judged(capsys, lambda: 1)[1]
    assert judged(capsys, 5)[0] is half


def test_a_skeleton_is_no_try_and_a_forgotten_return_is_named(chapter, capsys):
    def skeleton(x):
        """Say what it does."""
        return None  # your code here

    def forgotten(x):
        x = x / 2

    used, words = judged(capsys, skeleton)
    assert used is half and "[ ? ]" in words and "not written yet" in words
    assert progress.book("77").tries("77.2") == []
    words = judged(capsys, forgotten)[1]
    assert "[no ]" in words and "is `return` missing?" in words


def test_a_class_is_judged_by_what_its_probe_says(chapter, capsys):
    class Double:
        def __init__(self, x):
            self.x = x

        def forward(self):
            return 2 * self.x

    class Nothing:
        pass

    class Broken(Double):
        def __init__(self, x):
            self.y = x

    class Triple(Double):
        def forward(self):
            return 3 * self.x

    mistakes = ((Triple, TYPICAL),)
    task = Exercise(("twice", "两倍"), Double, ((4,),), HINTS[0], mistakes)
    task = dataclasses.replace(task, probe=lambda make, x: make(x).forward())
    chapter.EXERCISES["77.2"] = task
    assert "not written yet" in judged(capsys, Nothing)[1]
    used, words = judged(capsys, Triple)
    assert used is Double and "upside down" in words and "expected: 8" in words
    assert "AttributeError" in judged(capsys, Broken)[1]
    mine = type("Mine", (Double,), {"__init__": Double.__init__})
    assert judged(capsys, mine)[0] is mine


def test_an_error_shows_the_readers_own_line_and_no_hint(chapter, capsys):
    def mine(x):
        double = x * 2
        return double / nothing  # noqa: F821

    words = judged(capsys, mine)[1]
    assert "NameError" in words and "your line: return double / nothing" in words
    assert "look again" not in words


@pytest.mark.parametrize("make", [np.ones, torch.ones], ids=["numpy", "torch"])
def test_a_changed_argument_is_caught(chapter, capsys, monkeypatch, make):
    def zeros(skip, x):
        return 0 * skip + x

    def changing(skip, x):
        skip[:] = 0
        return skip + x

    task = Exercise(("silent", "无声"), zeros, ((make(3), make(3)),), HINTS[0])
    monkeypatch.setitem(chapter.EXERCISES, "77.2", task)
    assert judged(capsys, lambda skip, x: x + 0)[0] is not zeros
    used, words = judged(capsys, changing)
    assert used is zeros and "you changed `skip` itself" in words


# Contracts and recall


def test_contract_compares_what_is_claimed_with_yours(chapter, monkeypatch):
    def line(number, mine, dataset="DRIVE", mode="lesson", device="cpu"):
        return questions.contract(number, mine, dataset, mode, device)[0]

    assert line("77.one", 1) == "[OK ] one: 1 (expected: 1)"
    assert line("77.one", 1.0001).startswith("[no ] one")
    assert line("77.near", 0.509) == "[OK ] near: 0.509 (expected: 0.5 ± 0.01)"
    assert line("77.near", 0.52).startswith("[no ]")
    assert line("77.shape", torch.zeros(1, 2).shape).startswith("[OK ]")
    for odd in (Silent(), [], [0.5, 0.5], None, "a half", np.nan):
        assert line("77.near", odd).startswith("[no ]"), odd
    for other in ({"dataset": "PHANTOM"}, {"mode": "smoke"}, {"device": "cuda"}):
        assert "nothing is claimed" in line("77.near", 9, **other)
    monkeypatch.setenv("FUNDUS_LANGUAGE", "zh")
    assert line("77.near", 0.509).endswith("：0.509（应为：0.5 ± 0.01）")


def test_recall_explains_each_letter(chapter, monkeypatch):
    choices = {
        "a": questions.Choice(("yes", "是"), ("because not", "因为不是")),
        "b": questions.Choice(("no", "否"), ("because so", "因为是")),
    }
    asked = (questions.Recall("77", ("really?", "真的？"), "b", choices),) * 3
    monkeypatch.setattr(questions, "recalls", lambda chapter: asked)
    assert questions.recall("77", "a Ｂ ？") == [
        "[no ] 1 a: because not",
        "[OK ] 2 b: because so",
        "[ ? ] 3",
    ]
    assert "3 letters are needed" in questions.recall("77", "ab")[0]
    assert progress.book("77").tries("77.r2") == [("b", True)]
    assert "one of a, b" in questions.recall("77", "cab")[0]


# What the chapters ask

CHAPTERS = questions.chapters()
EVERY = {kind: {} for kind in ("QUESTIONS", "EXERCISES", "CONTRACTS")}
for _chapter in CHAPTERS:
    for _kind, _found in EVERY.items():
        _found |= questions._all(_chapter, _kind)
NOTEBOOKS = [
    path
    for folder in LANGUAGES.values()
    for path in sorted((places.ROOT / folder).glob("[0-9][0-9]_*.ipynb"))
]
every_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}"
)


def in_both_languages(*texts: tuple[str, str]) -> None:
    for english, chinese in texts:
        assert re.search("[A-Za-z]", english) and re.search("[一-鿿]", chinese)
        assert not re.search("[一-鿿]", english)
        english.encode("gbk"), chinese.encode("gbk")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Have an empty record in the language `en`."""
    monkeypatch.setenv("FUNDUS_OUT", str(tmp_path))
    monkeypatch.setenv("FUNDUS_LANGUAGE", "en")
    progress._BOOKS.clear()
    yield
    progress._BOOKS.clear()


@pytest.mark.parametrize("number", sorted(EVERY["EXERCISES"]))
def test_each_reference_passes_and_each_mistake_gets_its_own_hint(
    number, fresh, capsys
):
    task = EVERY["EXERCISES"][number]
    assert lesson.exercise(number, task.reference) is task.reference
    assert "yours is right" in capsys.readouterr().out
    assert task.mistakes, "an exercise names its typical mistake"
    for mistake, hint in task.mistakes:
        assert lesson.exercise(number, mistake) is task.reference
        assert hint[0] in capsys.readouterr().out
    in_both_languages(task.title, task.hint, *(hint for _, hint in task.mistakes))


@pytest.mark.parametrize("number", sorted(EVERY["QUESTIONS"]))
def test_each_question_has_its_words(number):
    asked = EVERY["QUESTIONS"][number]
    extra = [words for _, words in (*asked.mistakes, *asked.also)]
    in_both_languages(asked.title, asked.reason, *asked.hints, *extra)
    assert asked.hints[0] != asked.hints[1], "the second hint is a stronger one"
    assert asked.mistakes, "a question names its typical mistake"


@pytest.mark.parametrize("number", sorted(EVERY["QUESTIONS"]))
def test_the_first_try_never_gives_the_answer(number, fresh, capsys):
    """Where the answer is a value: wrong, then typical mistakes, then right."""
    asked = EVERY["QUESTIONS"][number]
    if callable(asked.answer):
        pytest.skip("its answer comes from the data: the chapters' runs try it")
    shown = questions.show(asked.answer)
    other = (
        []
        if asked.offers or isinstance(asked.answer, tuple | list)
        else [(np.nan, asked.hints[0])]
    )
    for wrong, hint in [*other, *asked.mistakes]:
        if callable(wrong):
            continue
        mine = (wrong.low + wrong.high) / 2 if isinstance(wrong, Between) else wrong
        progress._BOOKS.clear()
        lesson.ask(number, mine)
        words = capsys.readouterr().out
        assert hint[0] in words and "The answer" not in words
        if len(shown) > 2:
            assert shown not in hint[0] and shown not in hint[1]
    lesson.ask(number, asked.answer)
    assert "[OK ]" in capsys.readouterr().out


@every_notebook
def test_questions_and_exercises_are_numbered_as_they_come(path):
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(c.source for c in cells)
    words = {"notebooks": ("Guess", "Exercise"), "zh": ("猜一猜", "练习")}
    kinds = "|".join(words[path.parent.name])
    asked = re.findall(rf"\*\*(?:{kinds}) (\d+\.\d+)", text)
    chapter = str(int(path.stem[:2]))
    assert asked == [f"{chapter}.{k}" for k in range(1, len(asked) + 1)]
    called = re.findall(r"lesson\.(?:ask|exercise)\(\s*\"0?([\d.]+)\"", text)
    assert called == asked
    both = EVERY["QUESTIONS"] | EVERY["EXERCISES"]
    assert {f"{int(chapter):02d}.{n.split('.')[1]}" for n in asked} == {
        number for number in both if number[:2] == path.stem[:2]
    }
    least = 2 if chapter == "14" else 3  # 14 is a task
    assert text.count("lesson.ask(") >= least, "a chapter asks questions"


@pytest.mark.parametrize(
    "path", [p for p in NOTEBOOKS if p.parent.name != "zh"], ids=lambda p: p.stem
)
def test_the_words_on_offer_stand_in_the_question(path):
    text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells)
    for number, asked in EVERY["QUESTIONS"].items():
        if number[:2] == path.stem[:2]:
            for word in asked.offers:
                assert word in text, (number, word)
            if asked.offers and isinstance(asked.answer, str):
                assert asked.answer in asked.offers


@every_notebook
def test_nothing_gives_an_answer_away_before_its_cell(path):
    """In text, code and stored outputs in front of the cell that answers."""
    seen, waiting = "", {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "answer" in cell.metadata.get("tags", []):
            assert not cell.outputs
            for known in waiting.items():
                assert not [k for k in known[1] if k in seen], known[0]
            waiting = {}
        seen += re.sub(r"\(data:image/png;base64,[^)]*", "", cell.source)
        for output in cell.get("outputs", []):
            seen += str(output.get("text") or output.get("data", {}).get("text/plain"))
        for number in re.findall(r"lesson\.ask\(\s*\"([\d.]+)\"", cell.source):
            waiting[number] = EVERY["QUESTIONS"][number].known
    unanswered = [number for number, known in waiting.items() if known]
    assert not unanswered, f"no cell after {unanswered} is tagged as their answer"


@pytest.mark.parametrize("number", sorted(EVERY["CONTRACTS"]))
def test_each_contract_is_used_in_its_chapter(number):
    in_both_languages(EVERY["CONTRACTS"][number].title)
    (chapter,) = (places.ROOT / "notebooks/src").glob(f"{number[:2]}_*.py")
    assert f'lesson.contract("{number}"' in chapter.read_text("utf-8")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_recall_questions(chapter):
    asked = questions.recalls(chapter)
    for entry in asked:
        assert entry.of <= chapter and entry.right in entry.choices
        texts = [(c.text, c.why) for c in entry.choices.values()]
        in_both_languages(entry.question, *(why for _, why in texts))
    assert len({entry.right for entry in asked}) >= 3, "the right letters differ"


def imports(code: str) -> str:
    """Return the import statements of a chapter, which a solution may use."""
    kinds = (ast.Import, ast.ImportFrom)
    nodes = [node for node in ast.parse(code).body if isinstance(node, kinds)]
    return "\n".join(map(ast.unparse, nodes))


def solutions(prose: str) -> list[str]:
    """Return the Python blocks in the folds of a chapter."""
    folds = re.findall(r"<details>.*?</details>", prose, flags=re.S)
    blocks = [re.findall(r"```python\n(.*?)```", fold, re.S) for fold in folds]
    return [block for found in blocks for block in found]


@every_notebook
def test_the_solution_in_each_fold_passes(path, fresh, capsys):
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(c.source for c in cells if c.cell_type == "code")
    shown = solutions("\n".join(c.source for c in cells if c.cell_type == "markdown"))
    asked = re.findall(r"lesson\.exercise\(\s*\"([\d.]+)\", (\w+)", code)
    assert len(asked) >= 2, "a chapter has at least two exercises"
    for number, name in asked:
        mine = [block for block in shown if re.match(rf"(def|class) {name}\b", block)]
        assert len(mine) == 1, f"one fold shows {name}, the solution of {number}"
        names = {}
        exec(f"{imports(code)}\n{mine[0]}", names)
        lesson.exercise(number, names[name])
        assert "yours is right" in capsys.readouterr().out, number
