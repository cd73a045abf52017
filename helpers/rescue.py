"""After a notebook's cells: one sentence below the traceback of one that failed."""

from __future__ import annotations

from collections.abc import Callable

from .places import pick

ABOVE = (
    'A word in an answer needs quotes, such as "thin". If {name} is no word of yours, '
    "a cell above has not run yet: Runtime > Run before (JupyterLab: Run > Run All "
    "Above Selected Cell).",
    '答案是单词时要加引号，例如 "thin"。如果 {name} 不是你写的答案，'
    "说明上面还有单元格没有运行：代码执行程序 > 运行前面的单元格"
    "（JupyterLab：Run > Run All Above Selected Cell）。",
)
GO_ON = (
    "Run all stopped here. Mend this cell, then go on from it: Runtime > Run cell and "
    "below (JupyterLab: Run > Run Selected Cell and All Below).",
    "“全部运行”停在这里。改好这个单元格，再从它往下运行："
    "代码执行程序 > 运行当前单元格及后续单元格"
    "（JupyterLab：Run > Run Selected Cell and All Below）。",
)


def words(error: BaseException) -> list[str]:
    """Return what to say after an error in a reader's cell."""
    said = [pick(GO_ON)]
    if type(error) is NameError and error.name:  # else it is a local name, or not told
        said.insert(0, pick(ABOVE).format(name=error.name))
    return said


def stand_by(say: Callable[[str], None]) -> None:
    """Have each error of this notebook's kernel followed by ``words``."""
    if (shell := _notebook()) is None:
        return

    def answer(shell, kind, error, trace, tb_offset=None) -> None:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        for line in words(error):
            say(line)

    shell.set_custom_exc((Exception,), answer)


def after_each_cell(function: Callable[[object], None]) -> None:
    """Have a function called after each cell of this notebook, with its result."""
    if shell := _notebook():
        shell.events.register("post_run_cell", function)


def _notebook():
    """Return IPython's shell; None in a plain script."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()
