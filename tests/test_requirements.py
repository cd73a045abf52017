"""The requirement files: nothing is installed on Colab, and the tested set fits."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


def read(path: Path) -> dict[str, Requirement]:
    lines = [
        line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines()
    ]
    found = [Requirement(line) for line in lines if line and not line.startswith("-r")]
    return {r.name.lower().replace("_", "-"): r for r in found}


def versions(path: Path) -> dict[str, str]:
    return {name: str(r.specifier).removeprefix("==") for name, r in read(path).items()}


COLAB = versions(ROOT / "tests/colab_snapshot.txt")
TESTED = versions(ROOT / "constraints.txt")


@pytest.mark.parametrize("name", read(ROOT / "requirements.txt"))
def test_colab_has_what_the_course_needs(name):
    requirement = read(ROOT / "requirements.txt")[name]
    assert requirement.specifier.contains(COLAB[name])
    assert all(s.operator == ">=" for s in requirement.specifier), "lower bounds only"


def test_constraints_are_colabs_versions_except_for_torch():
    shared = (TESTED.keys() & COLAB.keys()) - {"torch"}
    assert len(shared) > 10
    assert {n: TESTED[n] for n in shared} == {n: COLAB[n] for n in shared}


@pytest.mark.parametrize(
    "file", ["requirements.txt", "requirements-lab.txt", "requirements-dev.txt"]
)
def test_constraints_satisfy_the_requirements(file):
    for name, requirement in read(ROOT / file).items():
        if name in TESTED:
            assert requirement.specifier.contains(TESTED[name]), name


def test_no_requirement_file_names_an_index():
    for path in [*ROOT.glob("requirements*.txt"), ROOT / "constraints.txt"]:
        assert not re.search(r"^\s*--|://", path.read_text("utf-8"), re.M), path.name


def test_what_helpers_import_is_required():
    packages = {"torch", "numpy", "matplotlib", "skimage", "PIL", "gdown", "scipy"}
    required = read(ROOT / "requirements.txt").keys()
    renamed = {"skimage": "scikit-image", "PIL": "pillow"}
    found = set()
    for path in (ROOT / "helpers").glob("*.py"):
        found |= set(
            re.findall(r"^\s*(?:import|from) (\w+)", path.read_text("utf-8"), re.M)
        )
    for name in found & packages - {"scipy"}:  # scikit-image brings scipy
        assert renamed.get(name, name) in required
