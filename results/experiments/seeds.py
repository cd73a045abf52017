"""Train a recipe with three seeds and score each once on DRIVE's test images.

    python -m results.experiments seeds         the lesson recipe: seeds.json
    python -m results.experiments seeds full    the full one, on all of DRIVE 21 to 40 with the
                                    threshold of the shipped weights: seeds_full.json

Needs DRIVE (FUNDUS_DATA). What is in outputs/seeds already is not made again.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SEEDS, KEYS = (0, 1, 2), ("auc_roc", "auc_pr", "dice", "accuracy")
EXTRA = {
    "lesson": (),
    "full": ("--with-val", "--threshold", str(ROOT / "helpers/weights/drive.pt")),
}


def call(*words: str) -> None:
    """Run one command of the course."""
    subprocess.run([sys.executable, "-m", "helpers", *words], cwd=ROOT, check=True)


def work(mode: str, seed: int) -> dict:
    """Return what one seed gave."""
    folder = ROOT / f"outputs/seeds/{mode}{seed}"
    weights, scored = folder / "weights.pt", folder / "test.json"
    if not weights.exists():
        words = ("--mode", mode, "--seed", str(seed), "--out", str(folder))
        call("train", "--dataset", "DRIVE", *words, *EXTRA[mode])
    if not scored.exists():
        files = ("--weights", str(weights), "--json", str(scored))
        call("evaluate", "--dataset", "DRIVE", *files)
    record, test = (
        json.loads(file.read_text("utf-8")) for file in (folder / "result.json", scored)
    )
    facts = {"seed": seed, "device": record["environment"]["device"]}
    facts |= {"precision": record["precision"], "threshold": test["threshold"]}
    return facts | {"split": test["split"], "pooled": test["pooled"]}


def main(mode: str = "lesson") -> None:
    """Write each seed and their standard deviation."""
    rows = [work(mode, seed) for seed in SEEDS]
    sd = {key: float(np.std([r["pooled"][key] for r in rows], ddof=1)) for key in KEYS}
    content = {"dataset": "DRIVE", "mode": mode, "rows": rows, "sd": sd}
    text = json.dumps(content, indent=1)
    name = "seeds.json" if mode == "lesson" else f"seeds_{mode}.json"
    Path(__file__).with_name(name).write_text(text + "\n", "utf-8")
    print(sd)


if __name__ == "__main__":
    main(*sys.argv[1:])
