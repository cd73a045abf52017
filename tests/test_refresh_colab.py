"""The script that refreshes Colab's list, on a small repository on disk."""

import shutil
import subprocess

import pytest
import refresh_colab

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
SYSTEM = "Ubuntu 24.04.5 LTS\nPython 3.14.1\n"


@pytest.fixture
def snapshot(tmp_path, monkeypatch):
    copy = tmp_path / "here/colab_snapshot.txt"
    copy.parent.mkdir()
    shutil.copy(refresh_colab.SNAPSHOT, copy)
    monkeypatch.setattr(refresh_colab, "SNAPSHOT", copy)
    return copy


def published(folder, packages: str, system: str = SYSTEM) -> str:
    """Make a repository such as Colab's; return its address."""
    folder.mkdir()
    (folder / "pip-freeze.txt").write_text(packages, "utf-8")
    (folder / "os-info.txt").write_text(system, "utf-8")
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    commit = [*who, "-c", "commit.gpgsign=false", "commit", "-qm", "x"]
    for command in (["init", "-q"], ["add", "."], [*commit, "--date=2030-01-02"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder.as_uri()


def test_new_versions_are_taken_and_told(snapshot, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2030-01-02T12:00:00Z")
    old = refresh_colab.versions(snapshot.read_text("utf-8"))
    lines = ["# Do not modify", "absl-py==1.4.0"]
    for name, version in old.items():
        lines.append(f"{name.replace('-', '_').capitalize()}=={version}")
    text = "\n".join(lines).replace(f"Numpy=={old['numpy']}", "numpy==9.8.7")
    wheel = "torch @ https://example.org/cpu/torch-7.6.5%2Bcpu-cp314-cp314-linux.whl"
    text = text.replace(f"Torch=={old['torch']}", wheel).replace("Gdown==", "gone==")
    address = published(tmp_path / "new", text)
    assert refresh_colab.main(["--source", address]) == 0
    said = capsys.readouterr().out.splitlines()
    head, *_ = snapshot.read_text("utf-8").splitlines()
    assert head.startswith("# Colab's CPU runtime of 2030-01-02 (googlecolab/backend-")
    assert head.endswith("), Python 3.14.1.") and said[0] == head[2:]
    assert sorted(said[1:]) == [
        f"gdown: {old['gdown']} -> none",
        f"numpy: {old['numpy']} -> 9.8.7",
        f"torch: {old['torch']} -> 7.6.5",
    ]
    expected = {**old, "numpy": "9.8.7", "torch": "7.6.5"}
    del expected["gdown"]
    new = refresh_colab.versions(snapshot.read_text("utf-8"))
    assert list(new.items()) == list(expected.items())
    # What the requirements name comes back with Colab; the rest stays the same bytes.
    again = published(tmp_path / "again", f"{text}\ngdown==5.2.2\n")
    assert refresh_colab.main(["--source", again]) == 0
    assert "gdown: none -> 5.2.2" in capsys.readouterr().out
    assert refresh_colab.main(["--source", again]) == 0
    assert "No version changed." in capsys.readouterr().out


def test_snapshot_has_the_form_that_the_script_writes(snapshot, tmp_path):
    before = snapshot.read_text("utf-8").splitlines()
    address = published(tmp_path / "same", "\n".join(before), "Python 3.13.15\n")
    assert refresh_colab.main(["--source", address]) == 0
    assert snapshot.read_text("utf-8").splitlines()[1:] == before[1:]


@pytest.mark.parametrize(
    ("packages", "system", "message"),
    [
        (None, None, "none"),  # no such repository
        ("numpy==2.1.3\n", SYSTEM, "does not name torch"),
        ("torch==2.11.0+cpu\n", "Ubuntu\n", "names no Python"),
    ],
)
def test_what_fails_leaves_the_snapshot(
    snapshot, tmp_path, capsys, packages, system, message
):
    before, source = snapshot.read_bytes(), (tmp_path / "none").as_uri()
    if packages:
        source = published(tmp_path / "source", packages, system)
    assert refresh_colab.main(["--source", source]) == 2
    said = capsys.readouterr().err
    assert message in said and "stays as it was" in said
    assert snapshot.read_bytes() == before
    assert list(snapshot.parent.iterdir()) == [snapshot]
