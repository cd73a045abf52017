"""Publishing: a copy gets its own address, by hand or by its workflow; later pulls."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from notebooks.tools import LANGUAGES, address, build

ROOT = Path(__file__).resolve().parents[1]
COLAB = "https://colab.research.google.com/github"
CHAPTER = """# %% [markdown] lang="en"
# # 03 A title

# %% [markdown] lang="zh" of=""
# # 03 标题

# %% [markdown] include="badges"

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
print(1)
"""
PROJECT = '[tool.course]\nrepo = "https://github.com/OWNER/REPO"\ntag = "main"\n'
PAGE = f"""# A page

| 03 | [A title](notebooks/03_name.ipynb) | [![Open in Colab](notebooks/open-in-colab.svg)]({COLAB}/OWNER/REPO/blob/main/notebooks/03_name.ipynb) |
| 03 | [标题](notebooks/zh/03_name.ipynb) | [![在 Colab 中打开](notebooks/zh/open-in-colab.svg)]({COLAB}/OWNER/REPO/blob/main/notebooks/zh/03_name.ipynb) |

git clone https://github.com/OWNER/REPO.git, or https://github.com/OWNER/REPO-data
[![A figure](results/a.png)](notebooks/03_name.ipynb)
[its chapter 03]({COLAB}/OWNER/REPO/blob/main/notebooks/03_name.ipynb)
"""  # noqa: E501
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


@pytest.fixture
def project(tmp_path) -> Path:
    """Return a course with one chapter, which brings its own tools."""
    root = tmp_path / "course"
    (root / "notebooks/src").mkdir(parents=True)
    for part in ("tools", "__init__.py", "src/setup_cell.py"):
        copy = shutil.copytree if part == "tools" else shutil.copy
        copy(ROOT / "notebooks" / part, root / "notebooks" / part)
    (root / "notebooks/src/terms.md").touch()
    (root / "pyproject.toml").write_text(PROJECT)
    (root / ".gitignore").write_text("__pycache__/\n")
    (root / "README.md").write_text(PAGE, "utf-8")
    (root / "FAQ.zh-CN.md").write_text(PAGE, "utf-8")
    (root / "notebooks/src/03_name.py").write_text(CHAPTER, "utf-8")
    assert build.main(["--bless"], root) == 0
    return root


def git(folder: Path, *command) -> str:
    """Run git as nobody in particular, with no settings of this machine."""
    names = dict.fromkeys(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"], "a")
    mails = dict.fromkeys(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"], "a@b")
    command = ["git", "-c", "init.defaultBranch=main", "-C", folder, *command]
    env = os.environ | names | mails | {"GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def content(root: Path) -> dict[str, str]:
    """Return what the address stands in: notebooks, pages, pyproject.toml."""
    found = [*root.glob("*.md"), *root.glob("notebooks/**/0*.ipynb")]
    found.append(root / "pyproject.toml")
    return {p.relative_to(root).as_posix(): p.read_text("utf-8") for p in found}


def points_to(root: Path, slug: str, tag: str) -> None:
    """Check that all of a copy of the course leads to one repository and branch."""
    text = "\n".join(content(root).values())
    assert set(re.findall(rf"{COLAB}/(.+?)/notebooks/", text)) == {f"{slug}/blob/{tag}"}
    for language, folder in LANGUAGES.items():
        notebook = nbformat.read(root / folder / "03_name.ipynb", as_version=4)
        link = f"{COLAB}/{slug}/blob/{tag}/{folder}/03_name.ipynb"
        assert f"[{address.OPEN[language]}]({link}) | [" in notebook.cells[1].source
        line = f'ADDRESS, TAG = "https://github.com/{slug}", "{tag}"\n'
        assert line in notebook.cells[2].source
    assert build.main(["--check"], root) == 0


# By hand


@pytest.mark.parametrize(
    "given",
    [
        "https://github.com/me/eyes",
        "https://github.com/me/eyes.git",
        "https://me:secret@github.com/me/eyes",
        "git@github.com:me/eyes",
        "ssh://git@ssh.github.com:443/me/eyes.git",
    ],
)
def test_repo_sets_badges_and_clone_address(project, given):
    assert build.main(["--repo", given, "--tag", "v1"], project) == 0
    points_to(project, "me/eyes", "v1")
    for page in ("README.md", "FAQ.zh-CN.md"):
        moved = PAGE.replace("OWNER/REPO", "me/eyes").replace("/main/", "/v1/")
        moved = moved.replace("me/eyes-data", "OWNER/REPO-data")
        assert (project / page).read_text("utf-8") == moved


def test_repo_again_changes_nothing_and_another_address_all(project):
    build.main(["--repo", "https://github.com/me/eyes"], project)
    once = content(project)
    build.main(["--repo", "https://github.com/me/eyes"], project)
    assert content(project) == once
    build.main(["--repo", "https://github.com/you/a.b", "--tag", "a/b"], project)
    points_to(project, "you/a.b", "a/b")
    build.main(["--repo", "https://github.com/me/eyes", "--tag", "main"], project)
    assert content(project) == once


def test_the_cells_keep_their_ids_wherever_the_course_is_published(project):
    def ids():
        cells = nbformat.read(project / "notebooks/03_name.ipynb", as_version=4).cells
        return [cell["id"] for cell in cells]

    before = ids()
    build.main(["--repo", "https://github.com/me/eyes"], project)
    assert ids() == before and len(set(before)) == len(before)


def test_on_another_host_plain_links_stand_for_the_badges(project):
    before = content(project)
    assert build.main(["--repo", "https://me:secret@gitee.com/me/eyes"], project) == 0
    text = "\n".join(content(project).values())
    assert "colab.research" not in text and "secret" not in text
    assert 'ADDRESS, TAG = \\"https://gitee.com/me/eyes\\", \\"main\\"' in text
    page = (project / "README.md").read_text("utf-8")
    assert "| [notebooks/03_name.ipynb](notebooks/03_name.ipynb) |" in page
    assert "[![A figure](results/a.png)](notebooks/03_name.ipynb)" in page
    assert build.main(["--repo", address.UNPUBLISHED], project) == 0
    after = content(project)
    assert after.keys() == before.keys()
    assert after["README.md"].splitlines()[:4] == PAGE.splitlines()[:4]


@pytest.mark.parametrize("given", ["github.com/me/eyes", 'https://x/"; rm', " "])
def test_a_strange_address_is_refused(project, capsys, given):
    before = content(project)
    assert build.main(["--repo", given], project) == 1
    assert "is no clone address" in capsys.readouterr().out
    assert build.main(["--repo", "https://github.com/a/b", "--tag", "x y"], project)
    assert "'x y' is no tag" in capsys.readouterr().out
    assert content(project) == before


@needs_git
@pytest.mark.parametrize(
    ("remote", "published"),
    [
        ("https://github.com/me/eyes.git", "https://github.com/me/eyes"),
        ("https://me:secret@github.com/me/eyes", "https://github.com/me/eyes"),
        ("git@github.com:me/eyes.git", "https://github.com/me/eyes"),
        ("git@gitee.com:me/eyes.git", "https://gitee.com/me/eyes.git"),
        ("git@gitee.com:123/eyes.git", "https://gitee.com/123/eyes.git"),
        ("ssh://git@git.school:2222/me/eyes", "https://git.school/me/eyes"),
        ("https://me@git.school/me/eyes", "https://git.school/me/eyes"),
    ],
)
def test_repo_without_an_address_takes_that_of_origin(tmp_path, remote, published):
    git(tmp_path, "init")
    git(tmp_path, "remote", "add", "origin", remote)
    assert address.origin(tmp_path) == published


@needs_git
@pytest.mark.parametrize("remote", ["", "../eyes.git", "file:///srv/eyes.git"])
def test_repo_without_an_address_says_what_it_lacks(project, capsys, remote):
    git(project, "init")
    if remote:
        git(project, "remote", "add", "origin", remote)
    assert build.main(["--repo"], project) == 1
    text = capsys.readouterr().out
    assert f"remote 'origin' is {remote or 'missing'}" in text and "--repo" in text


def test_without_git_the_address_must_be_named(project, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert build.main(["--repo"], project) == 1
    assert "remote 'origin' is missing" in capsys.readouterr().out
    assert build.main(["--repo", "https://github.com/me/eyes"], project) == 0
    points_to(project, "me/eyes", "main")


@needs_git
def test_the_branch_is_the_one_that_visitors_see(project, tmp_path):
    git(project, "init")
    git(project, "checkout", "-b", "2027")
    assert address.branch(project) == "2027"
    git(project, "add", "."), git(project, "commit", "-m", "a course")
    git(tmp_path, "clone", project, "clone")
    git(tmp_path / "clone", "checkout", "-b", "work")
    assert address.branch(tmp_path / "clone") == "2027"


def test_the_build_says_what_it_needs():
    code = (
        "import runpy, sys; sys.path[:0] = ['.']; "
        "runpy.run_module('notebooks.tools.build', run_name='__main__')"
    )
    command = [sys.executable, "-I", "-S", "-c", code]  # without its packages
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "-m pip install jupytext\n" in done.stderr


# By the workflow


def workflow(hub: Path, slug: str, branch: str) -> str:
    """Do what the workflow does with a repository; return its newest commit's title."""
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which jupytext brings")
    text = (ROOT / ".github/workflows/publish.yml").read_text("utf-8")
    (job,) = yaml.safe_load(text)["jobs"].values()
    *_, needs, step = job["steps"]
    assert needs["run"] == "python -m pip install jupytext"
    values = {
        "${{ github.server_url }}/${{ github.repository }}": f"https://github.com/{slug}",
        "${{ github.ref_name }}": branch,
    }
    given = {name: values[value] for name, value in step["env"].items()}
    place = hub.with_suffix(".runner")
    shutil.rmtree(place, ignore_errors=True)
    git(hub.parent, "clone", "--depth=1", hub.as_uri(), place)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = os.environ | given | {"PATH": path, "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    points_to(place, slug, branch)
    return git(hub, "log", "-1", "--format=%s", branch)


@needs_git
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_a_fork_publishes_itself_and_follows_the_original(project, tmp_path):
    git(project, "init"), git(project, "checkout", "-b", "trunk")
    git(project, "add", "."), git(project, "commit", "-m", "A course")
    for hub in ("original.git", "fork.git"):
        git(tmp_path, "clone", "--bare", project, hub)
    original, fork = tmp_path / "original.git", tmp_path / "fork.git"
    title = "Publish at https://github.com/me/eyes, trunk"
    assert workflow(fork, "me/eyes", "trunk") == title
    count = git(fork, "rev-list", "--count", "trunk")
    assert workflow(fork, "me/eyes", "trunk") == title
    assert git(fork, "rev-list", "--count", "trunk") == count == "2"

    # The original goes on in the very lines that the fork has changed.
    workflow(original, "their/course", "trunk")
    git(project, "pull", original, "trunk")
    setup, page = project / "notebooks/src/setup_cell.py", project / "README.md"
    setup.write_text(setup.read_text("utf-8").replace("ADDRESS, ", "A = 1\nADDRESS, "))
    page.write_text(page.read_text("utf-8").replace("| 03 | [", "| 3 | ["))
    shutil.copy(page, project / "TEACHING.md")
    assert build.main([], project) == 0
    git(project, "add", "."), git(project, "commit", "-m", "It goes on")
    git(project, "push", original, "trunk")

    # "Sync fork", "Discard commits" resets the fork; the workflow publishes it again.
    mirror = tmp_path / "discarded.git"
    git(tmp_path, "clone", "--bare", original, mirror)
    assert workflow(mirror, "me/eyes", "trunk") == title

    # A fork with commits of its own pulls, as CONTRIBUTING has it.
    command = re.search(
        r"^git (pull .*) https://github.com/ORIGINAL main$",
        (ROOT / "CONTRIBUTING.md").read_text("utf-8"),
        re.M,
    )[1]
    git(tmp_path, "clone", fork, "own")
    (tmp_path / "own/LICENSE").write_text("mine")
    git(tmp_path / "own", "add", "."), git(tmp_path / "own", "commit", "-m", "Mine")
    git(tmp_path / "own", *command.split(), original, "trunk")
    git(tmp_path / "own", "push")
    assert workflow(fork, "me/eyes", "trunk") == title
    runners = [tmp_path / "discarded.runner", tmp_path / "fork.runner"]
    assert content(runners[0]) == content(runners[1])
    assert (runners[1] / "LICENSE").read_text() == "mine"
