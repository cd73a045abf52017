"""Change one thing of the recipe at a time; judge it on eyes that were held out.

    python -m results.experiments ablations NAME...     train and score what is missing of these
    python -m results.experiments ablations             add what is new to ablations.json

A row that is there stays; delete it to measure it anew. What is added is compared with
the recipe as it was trained beside it, so "base" must be among the names.

Needs DRIVE (FUNDUS_DATA). Images 21 to 40 are dealt into four folds, every fourth one
into the same; a fold is scored by a network that was trained on the other three. The
test images have no part in it. Each network has a process of one thread: two at a time
on a CPU, as many as it has cores where a GPU does the work. Answers are kept in
outputs/ablations.
"""

import functools
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from helpers import augment as augmentation
from helpers import (
    config,
    evaluation,
    fundus,
    inference,
    losses,
    metrics,
    places,
    preprocess,
    runtime,
    saving,
    training,
    unet,
)

FOLDS, FOLDS_USED, STEPS, BINS = 4, (0, 1), 2500, 2**14
THRESHOLDS = np.linspace(0.1, 0.7, 13).round(2)  # of the curve Dice against topology
STORE = places.ROOT / "outputs/ablations"


def mild(image, vessels, fov, patch_size, generator):
    """Augment less: scale up to 1.2, light +-20 %, sharpness as it is."""
    size, device = (len(image), patch_size, generator), image.device
    offsets = augmentation.affine_grid(*size, scale=1.2, device=device)
    bends = augmentation.elastic_displacement(*size, sd=4.0, device=device)
    offsets = offsets + bends
    image = augmentation.warp(image, offsets, "bilinear")
    image = augmentation.random_grey(image, generator, contrast=0.2, shift=0.2)
    labels = augmentation.warp(torch.cat([vessels, fov], 1), offsets, "nearest")
    return image, labels[:, :1], labels[:, 1:]


def soft_skeleton(x: Tensor, reach: int = 5) -> Tensor:
    """Thin a map of values 0 to 1 to its ridges, by minima and maxima alone.

    (B, 1, H, W) -> the same. What an opening takes away is ridge; then the map is
    eroded by a pixel and asked again, ``reach`` times: half the width in pixels of
    the widest vessel. Shit et al., CVPR 2021, algorithm 1.
    """

    def eroded(x: Tensor) -> Tensor:
        rows = functional.max_pool2d(-x, (3, 1), 1, (1, 0))
        return -torch.maximum(rows, functional.max_pool2d(-x, (1, 3), 1, (0, 1)))

    def ridges(x: Tensor) -> Tensor:
        return functional.relu(x - functional.max_pool2d(eroded(x), 3, 1, 1))

    skeleton = ridges(x)
    for _ in range(reach):
        x = eroded(x)
        skeleton = skeleton + (1 - skeleton) * ridges(x)
    return skeleton


def soft_cldice_loss(
    logits: Tensor, vessels: Tensor, fov: Tensor, smooth: float = 1.0
) -> Tensor:
    """One minus the centreline Dice, with soft skeletons, over the batch in the FOV.

    A broken vessel costs its length and not its area. It sees nothing beside the
    centrelines, so it is added to another loss and never used alone. Shit et al.,
    CVPR 2021, algorithm 2; ``smooth`` as in ``soft_dice_loss``.
    """
    probs, vessels = logits.sigmoid() * fov, vessels * fov
    mine, theirs = soft_skeleton(probs), soft_skeleton(vessels)
    precision = ((mine * vessels).sum() + smooth) / (mine.sum() + smooth)
    sensitivity = ((theirs * probs).sum() + smooth) / (theirs.sum() + smooth)
    return 1 - 2 * precision * sensitivity / (precision + sensitivity)


def cldice_loss(logits, vessels, fov):
    """Add soft-clDice to the recipe's loss, as much of it as there is soft Dice."""
    more = soft_cldice_loss(logits, vessels, fov)
    return losses.bce_dice_loss(logits, vessels, fov) + 0.5 * more


def clahe_of_green(image):
    """Return the green channel after CLAHE, without gamma."""
    return preprocess.clahe(preprocess.green(image))


@dataclass(frozen=True)
class Variant:
    """One change of the recipe."""

    question: str
    text: str
    changes: dict = field(default_factory=dict)  # of the lesson's TrainConfig
    prepare: Callable = preprocess.prepare
    augment: Callable = augmentation.augment
    loss: Callable | None = None  # instead of BCE and soft Dice
    num_images: int | None = None  # train on the first so many only
    start: Path | None = None  # weights to start from
    constant: bool = False  # the same learning rate from the first step to the last
    averaged: bool = True  # score the running average of the weights


VARIANTS = {
    "base": Variant("", "the recipe"),
    "green": Variant("input", "green", {"in_channels": 1}, preprocess.green),
    "enhanced": Variant(
        "input", "green, CLAHE, gamma", {"in_channels": 1}, preprocess.enhance
    ),
    "colour": Variant("input", "red, green, blue", {"in_channels": 3}, np.asarray),
    "unchanged": Variant("augmentation", "none", augment=augmentation.centre_crop),
    "mild": Variant("augmentation", "mild", augment=mild),
    "bce": Variant("loss", "BCE", {"dice_weight": 0.0}),
    "cldice": Variant("loss", "BCE + 0.5 Dice + 0.5 clDice", loss=cldice_loss),
    "patch256": Variant(
        "patch", "256, batch of 2", {"patch_size": 256, "batch_size": 2}
    ),
    "batch4": Variant("batch", "4, 5000 steps", {"batch_size": 4, "steps": 2 * STEPS}),
    "wide": Variant("network", "twice as wide", {"widths": (32, 64, 128, 256)}),
    "paper": Variant("network", "four times as wide", {"widths": (64, 128, 256, 512)}),
    "deep": Variant("network", "five levels", {"widths": (16, 32, 64, 128, 256)}),
    "constant": Variant(
        "learning rate", "0.001 all along", {"learning_rate": 1e-3}, constant=True
    ),
    "last": Variant("weights", "those of the last step", averaged=False),
    "phantoms": Variant(
        "start", "from phantoms", start=STORE / "phantoms/weights.pt"
    ),  # train --dataset PHANTOM --steps 2500 --out outputs/ablations/phantoms
    "eyes2": Variant("images", "2", num_images=2),
    "eyes4": Variant("images", "4", num_images=4),
    "eyes8": Variant("images", "8", num_images=8),
    "long": Variant("steps", "5000", {"steps": 2 * STEPS}),
}


def other_camera(image: np.ndarray) -> np.ndarray:
    """Darken and tint a photograph, with light that falls off from bottom to top."""
    gains = np.array([0.8, 0.5, 0.3], np.float32)[:, None, None]
    fall = 1 + 0.4 * np.linspace(-1, 1, image.shape[1], dtype=np.float32)[:, None]
    return (gains * image**1.6 * fall).clip(0, 1)


def other_lens(image: np.ndarray) -> np.ndarray:
    """Blur a photograph by 1.2 pixels."""
    return ndimage.gaussian_filter(image, (0, 1.2, 1.2))


CONDITIONS = {  # what is done to the photograph, test-time augmentation
    "plain": (np.asarray, "none"),
    "flips": (np.asarray, "flips"),
    "d4": (np.asarray, "d4"),
    "camera": (other_camera, "none"),
    "lens": (other_lens, "none"),
}


def eyes() -> list[fundus.FundusImage]:
    """Return DRIVE 21 to 40."""
    parts = (fundus.load("DRIVE", part, places.data_dir()) for part in ("train", "val"))
    return sorted((x for part in parts for x in part), key=lambda x: x.name)


def split(fold: int) -> tuple[list, list]:
    """Deal the eyes into those to train on and those held out."""
    images = eyes()
    others = [x for k, x in enumerate(images) if k % FOLDS != fold]
    return others, images[fold::FOLDS]


def train(
    variant: Variant, images: list, held: list, steps: int
) -> training.TrainingRun:
    """Prepare the training of a variant on these images, in one thread."""
    torch.set_num_threads(1)
    settings = replace(config.PRESETS["lesson"], **{"steps": steps} | variant.changes)
    settings = replace(settings, val_every=settings.steps)
    runtime.seed_everything(settings.seed)
    weight = settings.dice_weight
    loss = functools.partial(losses.bce_dice_loss, dice_weight=weight)
    model = unet.UNet(settings.in_channels, 1, settings.widths)
    if variant.start:
        first = inference.Segmenter.load(variant.start).model
        model.load_state_dict(first.state_dict())
    run = training.new_run(
        images[: variant.num_images],
        held[:1],  # looked at once, after the last step; nothing is chosen by it
        settings,
        model=model,
        loss_fn=variant.loss or loss,
        augment=variant.augment,
        prepare=variant.prepare,
    )
    if variant.constant:
        run.optimizer = torch.optim.AdamW(
            run.model.parameters(),
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        run.schedule = torch.optim.lr_scheduler.ConstantLR(run.optimizer, factor=1)
    return run


def score(predict: Callable, held: list) -> dict[str, np.ndarray]:
    """Return histograms (images, 2, BINS) of each condition, and the objects' scores.

    ``predict(image, tta)`` gives probabilities. "objects" is (thresholds, images, 3):
    Dice, clDice and Betti-0 error without specks, of the unchanged photographs.
    """
    tables = {}
    for condition, (change, tta) in CONDITIONS.items():
        rows, probs = [], [predict(change(x.image), tta) for x in held]
        for p, x in zip(probs, held, strict=True):
            table = metrics.histogram(p, x.vessels, x.fov)
            rows.append(table.reshape(2, BINS, -1).sum(-1))
        tables[condition] = np.stack(rows)
        if condition == "plain":
            keys = ("dice", "cldice", "betti_0_error")
            objects = np.zeros((len(THRESHOLDS), len(held), len(keys)))
            for i, j in np.ndindex(objects.shape[:2]):
                pair = ([probs[j]], [held[j]], THRESHOLDS[i], [evaluation.SPECK])
                (row,) = evaluation.evaluate_objects(*pair)
                objects[i, j] = [row[key] for key in keys]
    return tables | {"objects": objects}


def answers(
    run: training.TrainingRun,
    held: list,
    prepare: Callable = preprocess.prepare,
    averaged: bool = True,
) -> dict[str, np.ndarray]:
    """Score a trained network on held-out eyes; say how it came about as well."""
    model = run.average.module if averaged else run.model
    scaling = run.validate.scaling

    def predict(image: np.ndarray, tta: str) -> np.ndarray:
        return inference.predict_probs(model, scaling(prepare(image)), tta)

    facts = {
        "names": [x.name for x in held],
        "seconds": run.seconds,
        "precision": run.precision,
        "device": runtime.device_name(runtime.pick_device()),
    }
    return facts | score(predict, held)


def train_and_score(name: str, fold: int) -> None:
    """Train a variant on the other folds; keep histograms of this one's images."""
    target = STORE / f"{name}-{fold}.npz"
    if target.exists():
        return
    variant = VARIANTS[name]
    others, held = split(fold)
    run = train(variant, others, held, STEPS)
    for _ in run.steps():
        pass
    tables = answers(run, held, variant.prepare, variant.averaged)
    with saving.whole(target) as part, part.open("wb") as file:
        np.savez_compressed(file, **tables)
    print(f"{name}, fold {fold}: {run.seconds:.0f} s of training", flush=True)


def tables_of(
    name: str,
    condition: str,
    store: Path | None = None,
    folds: Sequence[int] = FOLDS_USED,
) -> list[np.ndarray]:
    """Return the histogram of every held-out image, its bins made as many as usual."""
    result = []
    for fold in folds:
        for coarse in np.load((store or STORE) / f"{name}-{fold}.npz")[condition]:
            fine = np.zeros((2, metrics.NUM_BINS), np.int32)
            fine[:, :: metrics.NUM_BINS // BINS] = coarse
            result.append(fine)
    return result


def compare(ours: list, theirs: list) -> tuple[dict, dict]:
    """Return pooled scores of our histograms, and the paired differences to theirs.

    Each is scored at its own best threshold of the held-out images: the same favour
    to all, so only differences count.
    """
    keys = ("auc_roc", "auc_pr", "dice")
    thresholds = tuple(map(metrics.best_threshold, (ours, theirs)))
    pooled = metrics.pooled_scores(ours, thresholds[0])
    paired = metrics.paired_differences(ours, theirs, thresholds)
    mine, other = (
        np.array([row["dice"] for row in metrics.per_image_scores(*pair)])
        for pair in zip((ours, theirs), thresholds, strict=True)
    )
    scores = {key: pooled[key] for key in keys}
    scores["dice_of_each"] = mine.round(5).tolist()
    differences = {key: paired[key] for key in keys}
    return scores, differences | {"dice_of_each": (mine - other).round(5).tolist()}


def row_of(name: str, variant: Variant) -> dict:
    """Return all that was measured of a variant, beside the recipe."""
    files = [np.load(STORE / f"{name}-{fold}.npz") for fold in FOLDS_USED]
    scores, differences = {}, {}
    for condition in CONDITIONS:
        pair = tables_of(name, condition), tables_of("base", condition)
        scores[condition], differences[condition] = compare(*pair)
    objects = np.concatenate([file["objects"] for file in files], 1).mean(1)
    curves = dict(zip(("dice", "cldice", "betti_0_error"), objects.T, strict=True))
    return {
        "name": name,
        "question": variant.question,
        "text": variant.text,
        "seconds": [float(file["seconds"]) for file in files],
        "precision": str(files[0]["precision"]),
        "device": str(files[0]["device"]),
        "beside": str(np.load(STORE / "base-0.npz")["device"]),  # the recipe's
        "scores": scores,
        "difference": differences,
        "topology": {key: values.round(5).tolist() for key, values in curves.items()},
    }


def collect(known: list[dict]) -> dict:
    """Return these rows and those of all other variants that were trained."""
    rows = {row["name"]: row for row in known}
    for name, variant in VARIANTS.items():
        files = [STORE / f"{name}-{fold}.npz" for fold in FOLDS_USED]
        if name not in rows and all(file.exists() for file in files):
            rows[name] = row_of(name, variant)
    plain = tables_of("base", "plain")
    for tta, text in (("flips", "4 mirrored copies"), ("d4", "8 turned copies")):
        if tta not in rows:
            scores, difference = compare(tables_of("base", tta), plain)
            both = {"scores": {"plain": scores}, "difference": {"plain": difference}}
            rows[tta] = {"name": tta, "question": "test time", "text": text} | both
    rows = [rows[name] for name in (*VARIANTS, "flips", "d4") if name in rows]
    for row in rows:
        scores = row["scores"]["plain"]
        print(
            f"{row['name']:12} AUC {scores['auc_roc']:.4f}, Dice {scores['dice']:.4f}"
        )
    images = [n for f in FOLDS_USED for n in np.load(STORE / f"base-{f}.npz")["names"]]
    return {
        "dataset": "DRIVE",
        "images": list(map(str, images)),
        "folds": FOLDS,
        "config": asdict(replace(config.PRESETS["lesson"], steps=STEPS)),
        "thresholds": THRESHOLDS.tolist(),  # of the curves in "topology"
        "speck": evaluation.SPECK,  # smaller pieces were dropped before them
        "collected": time.strftime("%Y-%m-%d"),
        "rows": rows,
    }


if __name__ == "__main__":
    if names := sys.argv[1:]:
        tasks = [(name, fold) for name in names for fold in FOLDS_USED]
        workers = os.cpu_count() if torch.cuda.is_available() else 2
        context = multiprocessing.get_context("spawn")
        with context.Pool(workers, maxtasksperchild=1) as pool:
            pool.starmap(train_and_score, tasks, chunksize=1)
    else:
        target = places.ROOT / f"results/{Path(__file__).stem}.json"
        known = json.loads(target.read_text("utf-8"))["rows"] if target.exists() else []
        saving.write_json(target, collect(known))
