"""Run the cells of chapters without Jupyter: in order, again, and section by section.

python tests/sections.py FOLDER 04 05     writes what is wrong to FOLDER/04.txt ...

Each chapter has a process of its own, forked once torch is imported and the phantoms
of smoke mode are drawn. Linux and macOS only.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETUP = "from helpers import lesson\n\ncourse = lesson.start()"


class Kernel:
    """Runs cells in a namespace of its own, and notes what went wrong.

    `cells` are numbers and sources, `report` takes a line.
    """

    def __init__(self, cells: list[tuple[str, str]], report: Callable[[str], None]):
        self.cells, self.report = cells, report
        self.names = {"__name__": "__main__", "display": lambda *_, **__: None}

    def run(self, position: int) -> list[str] | None:
        """Run a cell; return its verdicts, or None after an error."""
        number, source = self.cells[position]
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(source, number, "exec"), self.names)
        except Exception as error:  # a cell may do anything
            frames = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in frames if f.filename == number), 0)
            self.report(f"{number} line {line}: {type(error).__name__}: {error}")
            return None
        lines = printed.getvalue().splitlines()
        return [x.partition(":")[0] for x in lines if x.startswith("[")]

    def branch(self, ways: dict[str, list[int]]) -> None:
        """Run each way, a list of cells, from here; what they share runs once."""
        ways = {name: way for name, way in ways.items() if way}
        while ways:
            groups = {}
            for name, (first, *rest) in ways.items():
                groups.setdefault(first, {})[name] = rest
            if len(groups) > 1:
                for first, group in groups.items():
                    rests = {name: [first, *rest] for name, rest in group.items()}
                    in_fork(functools.partial(self.branch, rests))
                return
            ((first, ways),) = groups.items()
            if self.run(first) is None:
                self.report(
                    f"... so these sections do not run alone: {', '.join(ways)}"
                )
                return
            ways = {name: way for name, way in ways.items() if way}


def in_fork(work: Callable[[], None]) -> None:
    """Do something in a copy of this process; RuntimeError where that dies."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(60)  # it would not be there in the copy
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            raise RuntimeError("a copy of the process died")
        return
    try:
        work()
        os._exit(0)
    except BaseException:  # the copy must not go on where its parent does
        traceback.print_exc()
        os._exit(1)


def make_mistakes(number: str, given: tuple, right) -> None:
    """Give each typical wrong answer as a first try: its hint comes, not the answer."""
    from helpers import progress, questions

    asked = questions.find(number, "QUESTIONS")
    for wrong, hint in asked.mistakes:
        mine = wrong(*given) if callable(wrong) else wrong
        if isinstance(mine, questions.Between):
            mine = (mine.low + mine.high) / 2
        if mine is None or questions.same(mine, right, asked.tolerance):
            continue  # with these eyes it is no mistake
        progress._BOOKS.clear()
        words = "\n".join(questions.ask(number, mine, given))
        if "[OK ]" in words:
            continue  # level with the answer
        assert hint[0] in words and "The answer" not in words, words
    progress._BOOKS.clear()


def answer_rightly() -> None:
    """Let each question be answered wrongly, then as was right at its first run.

    So a name that another cell took meanwhile turns the verdict. An exercise gets its
    reference.
    """
    from helpers import lesson, questions

    ask, exercise, answers = lesson.ask, lesson.exercise, {}

    def answered(number, mine, *given):
        answer = questions.find(number, "QUESTIONS").answer
        right = answer(*given) if callable(answer) else answer
        if number not in answers:
            make_mistakes(number, given, right)
        ask(number, answers.setdefault(number, right), *given)

    def solved(number, mine):
        return exercise(number, questions.find(number, "EXERCISES").reference)

    lesson.ask, lesson.exercise = answered, solved


def remember_predictions() -> None:
    """Let a network that sees the same image once more be quick."""
    from helpers import inference

    predict, known = inference.predict_logits, {}

    def remembered(model, inputs, *more):
        key = hashlib.sha256(repr((type(model), inputs.shape, more)).encode())
        for tensor in (inputs, *model.state_dict().values()):
            key.update(tensor.contiguous().numpy().tobytes())
        if (name := key.digest()) not in known:
            known[name] = predict(model, inputs, *more)
        return known[name].clone()

    inference.predict_logits = remembered


def examine(path: Path, report: Callable[[str], None]) -> None:
    """Run a chapter in order, then its cells again, then each section from its needs.

    Of cells without a verdict those are not run again that draw, prepare or train:
    test_notebooks.py runs each twice in a row, and needs.origins sees to its names.
    """
    from notebooks.tools import build, minutes, needs

    chapter = build.Chapter(ROOT, path)
    code = [cell for cell in chapter.cells if cell.cell_type == "code"]
    cells = [(cell.metadata.get("number", "set-up"), cell.source) for cell in code]
    cells[0] = ("set-up", SETUP)
    answer_rightly()
    kernel = Kernel(cells, report)
    verdicts = [kernel.run(k) for k in range(len(cells))]
    for (number, _), lines in zip(cells, verdicts, strict=True):
        if wrong := [x for x in lines or [] if x.startswith("[no ")]:
            report(f"{number}: the right answer is called wrong: {wrong}")
    kernel.report = lambda line: report(f"again after all: {line}")
    for k in reversed(range(len(cells))):
        is_costly = "fold" in code[k].metadata or ".backward(" in code[k].source
        if is_costly and not verdicts[k]:
            continue
        again = kernel.run(k)
        if None not in (again, verdicts[k]) and again != verdicts[k]:
            kernel.report(f"{cells[k][0]}: {again}, before {verdicts[k]}")
    ways = {}
    for part in minutes.sections(chapter.cells):
        wanted = {
            k for k, cell in enumerate(code) if any(cell is x for x in part.cells)
        }
        if wanted and 0 not in wanted:
            ways[part.title[0]] = [*needs.needs(code, wanted), *sorted(wanted)]
    Kernel(cells, lambda line: report(f"alone: {line}")).branch(ways)


def main(folder: Path, chapters: list[str]) -> None:
    """Examine each chapter in a process of its own."""
    sys.path.insert(0, str(ROOT))
    os.environ |= {
        "FUNDUS_MODE": "smoke",
        "FUNDUS_OUT": str(folder / "outputs"),
        "FUNDUS_PROGRESS": "0",
        "OMP_NUM_THREADS": "1",
    }
    import matplotlib as mpl

    mpl.use("agg")
    import torch._dynamo  # noqa: F401, for optimisers: imported once for all chapters
    from matplotlib import pyplot as plt
    from tqdm import tqdm

    from helpers import evaluation, lesson, metrics, photo, training  # noqa: F401
    from notebooks.tools import build

    plt.show = lambda: plt.close("all")  # nobody looks
    plt.Figure.tight_layout = lambda *_, **__: None
    tqdm.monitor_interval = 0  # its thread would never end, and a copy waits for it
    metrics.NUM_BINS = 2**16  # the eyes are small; 2^21 would take most of the time
    remember_predictions()
    with contextlib.redirect_stdout(io.StringIO()):
        _ = lesson.start().data_dir  # draws the phantoms
    os.chdir(folder)

    for path in build.sources(ROOT, chapters):
        with (folder / f"{path.stem[:2]}.txt").open("a", 1, "utf-8") as file:
            report = functools.partial(print, file=file)
            in_fork(functools.partial(examine, path, report))
            report("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2:])
