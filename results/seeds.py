"""Train the lesson recipe with three seeds; score each once: python results/seeds.py.

Needs DRIVE (FUNDUS_DATA). What is in outputs/seeds already is not made again.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SEEDS, KEYS = (0, 1, 2), ("auc_roc", "auc_pr", "dice", "accuracy")


def call(*words: str) -> None:
    """Run one command of the course."""
    subprocess.run([sys.executable, "-m", "helpers", *words], cwd=ROOT, check=True)


def work(seed: int) -> dict:
    """Return what one seed gave."""
    folder = ROOT / f"outputs/seeds/lesson{seed}"
    weights, scored = folder / "weights.pt", folder / "test.json"
    if not weights.exists():
        lesson = ("--mode", "lesson", "--seed", str(seed), "--out", str(folder))
        call("train", "--dataset", "DRIVE", *lesson)
    if not scored.exists():
        files = ("--weights", str(weights), "--json", str(scored))
        call("evaluate", "--dataset", "DRIVE", *files)
    record, test = (
        json.loads(file.read_text("utf-8")) for file in (folder / "result.json", scored)
    )
    facts = {"seed": seed, "device": record["environment"]["device"]}
    facts |= {"precision": record["precision"], "threshold": test["threshold"]}
    return facts | {"split": test["split"], "pooled": test["pooled"]}


def main() -> None:
    """Write results/seeds.json: each seed, and their standard deviation."""
    rows = [work(seed) for seed in SEEDS]
    sd = {key: float(np.std([r["pooled"][key] for r in rows], ddof=1)) for key in KEYS}
    content = {"dataset": "DRIVE", "mode": "lesson", "rows": rows, "sd": sd}
    text = json.dumps(content, indent=1)
    Path(__file__).with_suffix(".json").write_text(text + "\n", "utf-8")
    print(sd)


if __name__ == "__main__":
    main()
