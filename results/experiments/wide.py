"""Train the best network that we know of, with three seeds: python -m results.experiments wide.

The full recipe, its network twice as wide, on all of DRIVE 21 to 40: no image is left
to choose by, so the last weights are taken, with the threshold of the
cross-validation. `helpers evaluate --weights` scores one of them or averages all.
Needs DRIVE (FUNDUS_DATA); an hour and a half on two cores. What is in outputs/wide
already is not made again.
"""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

from helpers import config, places, saving, training

from . import runs

SEEDS, STEPS = (0, 1, 2), config.PRESETS["full"].steps
STORE = places.ROOT / "outputs/wide"
THRESHOLD = json.loads(
    Path(__file__).with_name("crossval.json").read_text(encoding="utf-8")
)["threshold"]


def work(seed: int) -> dict:
    """Train and save the network of one seed; return its record."""
    folder = STORE / f"seed{seed}"
    record = folder / "result.json"
    if not record.exists():
        wide = runs.VARIANTS["wide"]
        variant = replace(wide, changes=wide.changes | {"seed": seed})
        images = runs.eyes()
        run = runs.train(variant, images, images, STEPS)
        for _ in run.steps():
            pass
        facts = {"dataset": "DRIVE", "trained_on": [x.name for x in images]}
        result = training.record(run, images, **facts, threshold=THRESHOLD)
        network = training.segmenter(run, images)
        network.threshold = THRESHOLD
        network.origin = {key: result[key] for key in (*facts, "steps", "config")}
        network.save(folder / "weights.pt")
        del result["best"], result["history"]  # one look at an image trained on
        saving.write_json(record, result)
    return json.loads(record.read_text(encoding="utf-8"))


def main() -> None:
    """Write results/wide.json: how each network was made."""
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        rows = pool.map(work, SEEDS, chunksize=1)
    saving.write_json(
        places.ROOT / f"results/{Path(__file__).stem}.json", {"networks": rows}
    )


if __name__ == "__main__":
    main()
