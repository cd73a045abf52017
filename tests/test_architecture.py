"""The house: who imports whom, who prints, who reads the environment."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parents[1] / "helpers"
MODULES = {path.stem: path for path in sorted(HELPERS.glob("*.py"))}
PARTS = sorted(set(MODULES) - {"__init__", "__main__"})

EVERYDAY = {"config", "places", "saving", "environment", "runtime"}
# Each module and those of the package that it may import beside the everyday ones;
# __main__ may import all.
MAY_IMPORT = {
    "config": set(),
    "places": set(),
    "saving": set(),
    "environment": set(),
    "lab": set(),
    "wheels": set(),
    "runtime": set(),
    "datasets": set(),
    "pictures": {"datasets"},
    "fundus": {"datasets", "pictures"},
    "doubts": {"fundus"},
    "measures": {"fundus", "metrics", "inference", "evaluation"},
    "sheet": set(),
    "fetch": {"datasets"},
    "labelled": {"datasets", "pictures", "table"},
    "inspection": {"pictures", "fundus", "labelled", "figures"},
    "download": {"datasets", "pictures", "fetch"},
    "pack": {"datasets", "download"},
    "classroom": {"datasets"},
    "progress": set(),
    "standing": {"progress"},
    "tickets": {"progress"},
    "roster": {"progress", "tickets"},
    "phantom": {"datasets", "fundus"},
    "preprocess": set(),
    "augment": set(),
    "patches": set(),
    "unet": set(),
    "losses": set(),
    "metrics": set(),
    "inference": {"datasets", "fundus", "preprocess", "patches", "augment", "unet"},
    "checkpoints": {"inference"},
    "distributed": set(),
    "training": {
        "checkpoints", "distributed",
        "datasets", "fundus", "preprocess", "augment", "patches", "unet", "losses",
        "inference", "metrics",
    },
    "export": {"inference", "preprocess", "unet"},
    "page": {"fetch"},
    "evaluation": {"datasets", "fundus", "inference", "metrics", "export"},
    "figures": set(),
    "seal": set(),
    "locks": set(),
    "table": {"locks"},
    "shards": {"table"},
    "plan": set(),
    "workers": set(),
    "photo": {
        "datasets", "pictures", "fundus", "doubts", "measures", "inference", "export",
        "figures", "seal",
    },
    "batch": {"datasets", "photo", "pictures", "seal", "shards", "table", "workers"},
    "eyes": {"datasets", "fetch", "download", "phantom"},
    "task": {"datasets", "fundus", "phantom", "inference", "metrics", "evaluation"},
    "questions": {"progress"},
    "rescue": set(),
    "lesson": {
        "datasets", "fundus", "phantom", "eyes", "questions", "progress", "standing",
        "tickets", "rescue",
    },
}  # fmt: skip
STANDARD = ("__init__", "config", "places", "saving", "environment", "datasets",
            "wheels", "classroom", "progress", "standing", "tickets",
            "roster", "plan")  # fmt: skip
NO_TORCH = (*STANDARD[1:], "pictures", "fundus", "doubts", "measures", "inspection",
            "fetch", "download", "pack", "phantom", "preprocess", "metrics", "figures",
            "seal", "locks", "table", "shards", "workers", "sheet", "labelled",
            "page")  # fmt: skip
PRINTING = {"lesson", "environment"}


def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text("utf-8"))


def imports(name: str) -> set[str]:
    """Return all imported modules, those of the package as helpers.x."""
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = f"helpers.{node.module or ''}" if node.level else node.module
            if module.strip(".") == "helpers":
                found |= {f"helpers.{alias.name}" for alias in node.names}
            else:
                found.add(module)
    return found


def public(name: str) -> list:
    """Return the module and its public functions, classes and methods."""
    module = tree(name)
    classes = [n for n in module.body if isinstance(n, ast.ClassDef)]
    nodes = [*module.body, *(n for c in classes for n in c.body)]
    kinds = (ast.FunctionDef, ast.ClassDef)
    named = [n for n in nodes if isinstance(n, kinds) and not n.name.startswith("_")]
    return [module, *named]


def test_the_modules_are_those_of_the_plan():
    assert set(PARTS) == set(MAY_IMPORT)
    assert "utils" not in MODULES


def test_the_readers_map_has_a_line_for_each():
    listed = re.findall(r"(?m)^(\w+)  +\w", ast.get_docstring(tree("__init__")))
    assert sorted(listed) == sorted([*PARTS, "exercises"])


@pytest.mark.parametrize("name", PARTS)
def test_imports_follow_the_graph(name):
    own = {m.split(".")[1] for m in imports(name) if m.startswith("helpers.")}
    assert own <= MAY_IMPORT[name] | set(EVERYDAY if name not in STANDARD else STANDARD)


@pytest.mark.parametrize("name", PARTS)
def test_heavy_packages_stay_where_they_belong(name):
    roots = {module.split(".")[0] for module in imports(name)}
    if name in NO_TORCH:
        assert "torch" not in roots
    if name != "figures":
        assert "matplotlib" not in roots
    if name not in ("figures", "rescue"):  # where they run in a notebook, it is there
        assert "IPython" not in roots
    assert not roots & {"tqdm", "ipywidgets"}
    if name != "lesson":  # Drive, in Colab alone
        assert "google" not in roots


@pytest.mark.parametrize("name", sorted(set(PARTS) - PRINTING))
def test_only_commands_and_lessons_print(name):
    calls = [n.func for n in ast.walk(tree(name)) if isinstance(n, ast.Call)]
    assert not [f for f in calls if isinstance(f, ast.Name) and f.id == "print"]


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"places"}))
def test_only_places_reads_the_environment(name):
    names = {n.attr for n in ast.walk(tree(name)) if isinstance(n, ast.Attribute)}
    assert not names & {"environ", "getenv"}


@pytest.mark.parametrize("name", MODULES)
def test_public_things_have_docstrings(name):
    lacking = [
        getattr(n, "name", name) for n in public(name) if not ast.get_docstring(n)
    ]
    assert not lacking


@pytest.mark.parametrize("name", STANDARD)
def test_what_makes_the_environment_needs_nothing_installed(name):
    roots = {module.split(".")[0] for module in imports(name)}
    assert roots <= sys.stdlib_module_names | {"helpers"}


def test_main_starts_with_the_standard_library_only():
    first = [
        n for n in tree("__main__").body if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    names = {getattr(n, "module", None) or n.names[0].name for n in first}
    assert {n.split(".")[0] for n in names} <= sys.stdlib_module_names | {"helpers"}


def test_the_linter_has_nothing_to_say():
    root = HELPERS.parent
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--quiet"]
    done = subprocess.run([*command, root], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_picture_of_the_modules_is_true(page):
    """Arrows in the READMEs are the imports, but for those to everyday modules."""
    text = (HELPERS.parent / page).read_text("utf-8")
    picture = re.search(r"```mermaid\n(.*?)```", text, re.S)[1]
    drawn = {
        (start, end.strip())
        for start, ends in re.findall(r"(\w+) --> ([\w& ]+)", picture)
        for end in ends.split("&")
    }
    true = {
        (name, module.removeprefix("helpers."))
        for name in PARTS
        for module in imports(name)
        if module.startswith("helpers.")
    }
    assert drawn == {edge for edge in true if edge[1] not in EVERYDAY}
    assert set(PARTS) <= set(re.findall(r"\w+", picture))
