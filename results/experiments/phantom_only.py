"""A network that saw drawn eyes alone, and no colours; writes phantom_only.json.

The lesson recipe on phantoms, but with one channel: green after CLAHE and gamma. The
checkpoint and the threshold are from the phantoms' own validation images. It is scored
on the photographs of DRIVE, 37-40 and 01-20.

python -m results.experiments phantom_only
"""

from __future__ import annotations

import functools
from dataclasses import asdict, replace
from pathlib import Path

import torch

from helpers import (
    augment,
    config,
    evaluation,
    fundus,
    inference,
    losses,
    phantom,
    places,
    preprocess,
    runtime,
    saving,
    training,
    unet,
)

STORE = places.ROOT / "outputs" / "phantom_only"


def train(settings: config.TrainConfig) -> training.TrainingRun:
    """Train on phantoms; return the finished run."""
    if not (STORE / "PHANTOM").is_dir():
        phantom.write(STORE / "PHANTOM")
    images, val = (fundus.load("PHANTOM", part, STORE) for part in ("train", "val"))
    runtime.seed_everything(settings.seed)
    weight = settings.dice_weight
    run = training.new_run(
        images,
        val,
        settings,
        model=unet.UNet(settings.in_channels, 1, settings.widths),
        loss_fn=functools.partial(losses.bce_dice_loss, dice_weight=weight),
        augment=augment.augment,
        prepare=preprocess.enhance,
    )
    for _ in run.steps():
        if run.step % settings.val_every == 0:
            print(f"  step {run.step} of {settings.steps}", flush=True)
    return run


def main() -> None:
    """Train, score on photographs and write the JSON file."""
    settings = replace(config.PRESETS["lesson"], in_channels=1)
    run = train(settings)
    model, entry = run.model, run.best["entry"]
    model.load_state_dict(run.best["weights"])
    torch.save(model.state_dict(), STORE / "weights.pt")
    scaling = run.validate.scaling

    def predict(x: fundus.FundusImage):
        inputs = scaling(preprocess.enhance(x.image))
        return inference.predict_probs(model, inputs) * x.fov

    content = {
        "trained_on": "PHANTOM train",
        "config": asdict(settings),
        "precision": run.precision,
        "seconds": round(run.seconds, 1),
        "environment": runtime.environment(),
        "phantoms": {k: entry[k] for k in ("step", "auc_roc", "dice", "threshold")},
        "protocol": "fov",
    }
    for split in ("val", "test"):
        images = fundus.load("DRIVE", split, places.data_dir())
        row = evaluation.evaluate(predict, images, entry["threshold"])
        content[split] = {k: row[k] for k in ("images", "pooled", "ci95")}
    saving.write_json(places.ROOT / f"results/{Path(__file__).stem}.json", content)


if __name__ == "__main__":
    main()
