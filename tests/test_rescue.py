"""What follows the traceback of an error in a reader's cell."""

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers import rescue


class Shell:
    """As much of IPython's as is asked."""

    def set_custom_exc(self, kinds, answer):
        self.kinds, self.answer = kinds, answer

    def showtraceback(self, error, tb_offset=None):
        self.shown = error


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("FUNDUS_LANGUAGE", "en")


def raised(code: str) -> Exception | None:
    try:
        exec(code, {})
    except Exception as error:
        return error


def test_the_traceback_stays_and_words_follow(monkeypatch):
    shell, said = Shell(), []
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    rescue.stand_by(said.append)
    error = raised("thin")
    shell.answer(shell, type(error), error, error.__traceback__)
    assert isinstance(error, shell.kinds) and shell.shown[1] is error
    assert "If thin is no word of yours" in said[0] and "go on from it" in said[1]


def test_outside_a_notebook_it_does_nothing(monkeypatch):
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    rescue.stand_by(print)
    rescue.after_each_cell(print)


def test_each_cell_is_followed_by_a_call(monkeypatch):
    shell, results = InteractiveShell(), []
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    rescue.after_each_cell(results.append)
    shell.run_cell("6 * 7", silent=False)
    assert [x.result for x in results] == [42]


@pytest.mark.parametrize(
    "code",
    ["1 / 0", "def f():\n    x += 1\nf()", "raise NameError('of my own')"],
    ids=["another error", "a local name", "a name not told"],
)
def test_only_a_name_that_no_cell_made_sends_the_reader_up(monkeypatch, code):
    (line,) = rescue.words(raised(code))
    assert line.startswith("Run all stopped here")
    monkeypatch.setenv("FUNDUS_LANGUAGE", "zh")
    assert "停在这里" in rescue.words(raised(code))[0]
