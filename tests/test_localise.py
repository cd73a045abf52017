"""Texts in code: one statement, two languages, the same code."""

import re

import pytest

from notebooks.tools import localise

CELL = """guess = None  # your guess
# zh: guess = None  # 你的猜测
for k in (1, 2):
    print(f"{k} of {2 * k:.1f}")
    # zh: print(f"{2 * k:.1f} 里的 {k}")
print(
    "one"
    " two"
)
# zh: print(
# zh:     "一二"
# zh: )
figures.show("A line.")
# zh: figures.show("一条线。")"""
ENGLISH = """guess = None  # your guess
for k in (1, 2):
    print(f"{k} of {2 * k:.1f}")
print(
    "one"
    " two"
)
figures.show("A line.")"""
CHINESE = """guess = None  # 你的猜测
for k in (1, 2):
    print(f"{2 * k:.1f} 里的 {k}")
print(
    "一二"
)
figures.show("一条线。")"""


def test_each_language_gets_its_texts():
    assert localise.problems(CELL) == []
    assert localise.in_language(CELL, "en") == ENGLISH
    assert localise.in_language(CELL, "zh") == CHINESE
    assert localise.in_language("x = 1", "zh") == "x = 1"


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ('print(f"{x}")\n# zh: print(f"{y}")', "differs from the English"),
        ('print(f"{x:.1f}")\n# zh: print(f"{x:.2f}")', "differs from the English"),
        ('print(f"{x}")\n# zh: print("无")', "differs from the English"),
        ('print("a", 1)\n# zh: print("甲", 2)', "differs from the English"),
        ("# zh: x", "no statement ends right above '# zh: x'"),
        ("if x:\n    y = 1\n  # zh: y = 1", "no statement ends right above"),
        ("plt.plot(x)\nplt.show()", r"figures.show\(alt\) shows a figure"),
        ('figures.show("a")', "needs an alternative text, and its `# zh:`"),
        ('figures.show("")\n# zh: figures.show("")', "needs an alternative text"),
        ("figures.show()\n# zh: figures.show()", "needs an alternative text"),
        ("x = (", "SyntaxError"),
    ],
)
def test_problems(cell, problem):
    found = localise.problems(cell)
    assert found
    assert any(re.search(problem, words) for words in found)
