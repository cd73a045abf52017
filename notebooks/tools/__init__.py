"""How notebooks are made and executed: build, run, strip."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"en": "notebooks", "zh": "notebooks/zh"}  # folders of what is built
