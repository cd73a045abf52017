"""Workflows, issue forms and hooks name commands, files and versions that are there."""

import importlib.util
import re
from pathlib import Path

import pytest

from helpers import environment
from helpers.__main__ import parser

yaml = pytest.importorskip("yaml", reason="needs PyYAML, which jupytext brings")
ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ["tests", "colab", "publish"]


def load(path: str | Path) -> dict:
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def steps(workflow: str) -> list[dict]:
    jobs = load(f".github/workflows/{workflow}.yml")["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def scripts(workflow: str) -> str:
    return "\n".join(step.get("run", "") for step in steps(workflow))


def test_every_workflow_is_looked_at():
    found = {path.stem for path in (ROOT / ".github/workflows").iterdir()}
    assert found == {*WORKFLOWS}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_workflows_have_the_structure_that_github_asks_for(workflow):
    whole = load(f".github/workflows/{workflow}.yml")
    on = whole.pop(True)  # YAML 1.1 reads the key `on` as a truth value
    assert on.keys() <= {"push", "pull_request", "schedule", "workflow_dispatch"}
    known = {"name", "permissions", "concurrency", "defaults", "jobs"}
    assert {"name", "permissions", "jobs"} <= whole.keys() <= known
    writes = "write" if workflow == "publish" else "read"
    assert whole["permissions"] == {"contents": writes}
    assert all("timeout-minutes" in job for job in whole["jobs"].values())
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))


@pytest.mark.parametrize("workflow", ["tests", "colab"])
def test_workflows_call_what_is_there(workflow):
    text = scripts(workflow)
    calls = re.findall(r"python3? -m helpers (.+)", text)
    assert calls
    for call in calls:
        parser().parse_args(call.split())
    for file in re.findall(r"\b(?:tests|helpers|notebooks)/[\w./]+", text):
        assert (ROOT / file).is_file(), file
    for name in re.findall(r"from helpers.environment import (\w+)", text):
        assert hasattr(environment, name)


def test_tests_run_on_the_promised_pythons():
    matrix = load(".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    promise = f"Python {matrix['python'][0]} to {matrix['python'][-1]}"
    assert promise in (ROOT / "README.md").read_text("utf-8")


def test_the_weekly_run_reads_the_snapshot_and_picks_tests():
    text = scripts("colab")
    snapshot = (ROOT / "tests/colab_snapshot.txt").read_text("utf-8")
    assert r"'Python \K\d+\.\d+'" in text
    assert len(re.findall(r"Python \d+\.\d+", snapshot)) == 1
    tests = (ROOT / "tests/test_requirements.py").read_text("utf-8")
    for name in re.findall(r'-k "?(?:not )?(\w+)', text):
        assert f"def test_{name}" in tests


@pytest.mark.parametrize("name", ["cell", "text"])
def test_forms_have_the_structure_that_github_asks_for(name):
    form = load(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form.keys() <= {"name", "description", "title", "labels", "body"}
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    assert len(set(ids)) == len(ids) and {"chapter", "cell"} <= set(ids)
    for field in fields:
        assert field["type"] in {"input", "textarea", "dropdown"}
        assert field["attributes"]["label"]
        assert ("options" in field["attributes"]) == (field["type"] == "dropdown")


def test_the_form_shows_what_the_notebooks_show():
    body = load(".github/ISSUE_TEMPLATE/cell.yml")["body"]
    shown = {x.get("id"): x["attributes"].get("placeholder") for x in body}
    chapter = next((ROOT / "notebooks").glob(f"{shown['chapter'][:2]}_*.ipynb"))
    assert f"# {shown['cell']}" in chapter.read_text("utf-8")
    printed = (ROOT / "helpers/lesson.py").read_text("utf-8")
    for word in ("mode: ", " | data: ", "device: "):
        assert word in shown["environment"] and word in printed


def test_hooks_are_the_checks_of_the_house():
    ruff, local = load(".pre-commit-config.yaml")["repos"]
    pinned = (ROOT / "requirements-dev.txt").read_text("utf-8")
    assert f"ruff=={ruff['rev'].removeprefix('v')}\n" in pinned
    module = re.match(r"python -m ([\w.]+) --check$", local["hooks"][0]["entry"])[1]
    assert importlib.util.find_spec(module)
