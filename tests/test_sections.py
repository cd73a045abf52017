"""A class goes back and jumps ahead: cells again after all, sections alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from notebooks.tools import build

ROOT = Path(__file__).resolve().parents[1]
SOURCES = build.sources(ROOT, [])
GROUPS = [SOURCES[k::4] for k in range(4)]  # what a group imports, it imports once


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can fork")
@pytest.mark.parametrize("paths", GROUPS, ids=lambda x: "-".join(p.name[:2] for p in x))
def test_cells_run_again_after_all_and_sections_alone(paths, tmp_path):
    command = [sys.executable, ROOT / "tests/sections.py", tmp_path]
    subprocess.run([*command, *(path.name[:2] for path in paths)], check=True)
    files = [tmp_path / f"{path.name[:2]}.txt" for path in paths]
    assert [file.read_text("utf-8") for file in files] == ["done\n"] * len(files)
