"""What run.py leaves in a folder, made up or from the built notebooks; no kernel."""

import base64
import io
import json
import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from notebooks.tools import LANGUAGES, ROOT, build, outputs, report

SCORE = {"dice": 0.8, "sensitivity": 0.7, "specificity": 0.9, "auc_roc": 0.95}
FACTS = {"dataset": "PHANTOM", "device": "CPU with 2 threads", "mode": "smoke"}
TEXT = r"""## Formulas, $x$ and "all"

A Dice of $D = \frac{2 TP}{2 TP + FP + FN}$; in code `$x$` it stays.

$$w(x) = w_c(x) + w_0 \exp\left(-\frac{(d_1(x) + d_2(x))^2}{2\sigma^2}\right) + a + b$$

| one | two | three |
|---|---|---|
| a rather long text in a cell | and another one, as long | and a third, longer |

<details><summary>Solution</summary>

*it*, as in $y$

```python
def f(x):
    return "a line of code that is longer than any telephone is wide", x
```

</details>

[one](01_first.ipynb), [nine](09_results.ipynb#Scores), [none](08_training.ipynb),
[file](../helpers/unet.py), [web](https://example.org),
[![badge](https://colab.example/b.svg)](https://colab.example) ![b](../badge.svg)"""


def figure(width: int = 600, height: int = 200) -> dict:
    """Return an output with a picture."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(file, "png")
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    return new_output("display_data", {**data, "text/plain": "<Figure size 600x200>"})


def prints(text: str) -> dict:
    """Return an output with text."""
    return new_output("stream", name="stdout", text=text)


def notebook(name: str, language: str, cells: list) -> dict:
    """Return a notebook with the head of a chapter."""
    title = {"en": "A chapter", "zh": "一章"}[language]
    other = {"en": f"[中文版](zh/{name}.ipynb)", "zh": f"[English](../{name}.ipynb)"}
    badge = "[![Open in Colab](https://colab.example/badge.svg)](https://colab.example)"
    head = [f"# {name[:2]} {title}\n\n*Why?*", f"{badge} {other[language]}"]
    head[1] += "\n\n*Outputs below: lesson run on DRIVE, CPU, 2020-01-01.*"
    made = new_notebook(cells=[*map(new_markdown_cell, head), *cells])
    facts = FACTS | {"date": "2026-01-02"}
    outputs.tell_origin(made, f"{name}.ipynb", language, facts)
    return made


def write(out: Path, language: str) -> None:
    """Leave a run of three chapters, of which the last failed, and its pages."""
    fold = new_code_cell(
        '# @title [01-01] Set-up\nprint("hidden")',
        metadata=build.FOLDED,
        outputs=[figure(), prints("Said after it, <b>.\nA second line.\n")],
    )
    loud = new_code_cell(
        "# [01-02]\nshow()", outputs=[prints("Before it.\n"), figure()]
    )
    mute = new_code_cell("# [01-03]\nshow()", outputs=[figure()])
    best = {"tags": ["best-and-worst"]}
    best = new_code_cell("# [09-01]", metadata=best, outputs=[figure(), prints("x")])
    error = {"ename": "E", "evalue": "<no>", "traceback": ["\x1b[31mline\x1b[0m <no>"]}
    bad = new_code_cell("# [10-01]\nfail(1)", outputs=[new_output("error", **error)])
    chapters = {
        "01_first": ([new_markdown_cell(TEXT), fold, loud, mute], {}),
        "09_results": ([best], {
            "split": "test",
            "scores": {"trained": None, "second_observer": SCORE,
                       "shipped": SCORE | {"dice_ci95": [0.75, 0.85]}},
            "dice_of_eyes": {"07": 0.81, "03": 0.62, "05": 0.7},
        }),
        "10_last": ([bad], {
            "ok": False, "cell": "10-01", "line": 2, "error": "E: <no>",
            "em": {"real": False, "membranes": {
                "network": {"dice": 0.5, "auc": 0.6, "rand": 0.7}}},
        }),
    }  # fmt: skip
    folder = out / Path(LANGUAGES[language]).relative_to("notebooks")
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, (cells, facts) in chapters.items():
        entries[name[:2]] = {
            "chapter": name,
            "ok": True,
            "seconds": 90,
            **FACTS,
            **facts,
        }
        nbformat.write(notebook(name, language, cells), folder / f"{name}.ipynb")
    finish(out, language, entries)


def finish(out: Path, language: str, entries: dict) -> None:
    """Write report and pages."""
    made = {"mode": "smoke", "language": language, "date": "2026-01-02"}
    made |= {"planned": len(entries), "seconds": 270, "stopped": False}
    text = json.dumps(made | {"ok": True, "chapters": entries})
    folder = out / Path(LANGUAGES[language]).relative_to("notebooks")
    (folder / "report.json").write_text(text, "utf-8")
    report.write_all(out)


def from_built(out: Path, language: str, pattern: str = "*") -> list[Path]:
    """Leave a run with the built notebooks and their stored outputs; list the pages."""
    folder = out / Path(LANGUAGES[language]).relative_to("notebooks")
    folder.mkdir(parents=True, exist_ok=True)
    entries, pages = {}, []
    for path in sorted((ROOT / LANGUAGES[language]).glob(f"{pattern}.ipynb")):
        shutil.copy(path, folder)
        entries[path.name[:2]] = {"chapter": path.stem, "ok": True, "seconds": 1}
        pages.append(folder / f"{path.stem}.html")
    finish(out, language, entries)
    return pages
