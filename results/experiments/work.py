"""Train one network and score it on the eyes held out.

Weights lie in outputs/experiments, each file with its declaration: what is there as it
is declared today is not trained again.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from helpers import (
    evaluation,
    fundus,
    inference,
    metrics,
    phantom,
    places,
    preprocess,
    training,
)

from . import kinds, lamps

STORE = places.output_dir() / "experiments"
CURVE = ("dice", "cldice", "betti_0_error")  # at each of THRESHOLDS, without specks


@dataclass(frozen=True)
class Network:
    """One network of a training; ``fold`` is held out, None where none is."""

    training: kinds.Training
    variant: str
    seed: int
    fold: int | None = None
    threshold: float | None = None  # None: the best one of the validation images

    @property
    def changes(self) -> dict:
        """Return what differs from the recipe."""
        return self.training.variants[self.variant].changes

    @property
    def file(self) -> Path:
        """Return the file of the weights."""
        fold = "all" if self.fold is None else self.fold
        return STORE / self.training.name / f"{self.variant}-{fold}-{self.seed}.pt"

    def declaration(self) -> dict:
        """Return all that decides how it comes out."""
        row, held = self.training, self.fold is not None and [self.fold, kinds.FOLDS]
        said = {"dataset": row.dataset, "chooses": row.chooses, "held_out": held}
        said |= {"config": row.config(self.changes, self.seed)}
        said |= {"changes": self.changes, "threshold": self.threshold}
        return kinds.plain(said)

    def load(self) -> inference.Segmenter | None:
        """Return it, or None where it is not there as it is declared today."""
        found = inference.Segmenter.load(self.file) if self.file.exists() else None
        same = found and found.origin.get("declaration") == self.declaration()
        return found if same else None

    def predictor(self) -> Callable:
        """Return ``predict(image, tta)`` of whole frames, prepared as in training."""
        found, prepare = self.load(), self.changes.get("prepare", preprocess.prepare)

        def predict(image: np.ndarray, tta: str = "none") -> np.ndarray:
            inputs = found.standardisation(prepare(image))
            return inference.predict_probs(found.model, inputs, tta)

        return predict


def of_folds(row: kinds.Training, variant: str) -> list[Network]:
    """Return a network for each fold."""
    return [Network(row, variant, row.seeds[0], fold) for fold in row.folds]


def of_all(row: kinds.Training, seeds: Sequence[int] = ()) -> list[Network]:
    """Return a network for each seed, none of which holds out a fold."""
    variant, source = next(iter(row.variants)), row.threshold
    if row.folds:  # its file tells the best variant and the threshold
        variant, source = kinds.known(row.name, "best"), row
    threshold = source and threshold_of(source)
    return [Network(row, variant, k, None, threshold) for k in seeds or row.seeds]


def threshold_of(row: kinds.Training) -> float:
    """Return the threshold that others take over: from its file or its network."""
    if not row.folds:
        return made(of_all(row))[0]["threshold"]
    if (threshold := kinds.known(row.name, "threshold")) is None:
        raise FileNotFoundError(f"results/{row.name}.json is missing; make it first")
    return threshold


def deal(network: Network) -> tuple[list[fundus.FundusImage], ...]:
    """Return the images to train on, those of the validation, and those held out.

    Where validation chooses nothing it looks at one image, once, at the end.
    """
    name, place = network.training.dataset, places.data_dir()
    if name == "PHANTOM":
        place = phantom.write(STORE / name).parent
    images, val = (fundus.load(name, part, place) for part in ("train", "val"))
    if network.training.chooses:
        return images, val, []
    images, held = sorted(images + val, key=lambda x: x.name), []
    if network.fold is not None:
        held = images[network.fold :: kinds.FOLDS]
        del images[network.fold :: kinds.FOLDS]
    return images, (held or images)[:1], held


def begin(network: Network, images: list, val: list) -> training.TrainingRun:
    """Wire a training: the recipe with its change."""
    changes, parts = network.changes, ("prepare", "augment", "loss_fn")
    own = {key: changes[key] for key in parts if key in changes}
    if "start" in changes:
        own["model"] = of_all(changes["start"])[0].load().model
    if "lamp" in changes:
        images = lamps.copies(images, changes["lamp"], network.seed)
    settings = network.training.config(changes, network.seed)
    run = training.new_run(images, val, settings, **own)
    if changes.get("constant"):
        rate = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
        run.optimizer = torch.optim.AdamW(run.model.parameters(), fused=True, **rate)
        run.schedule = torch.optim.lr_scheduler.ConstantLR(run.optimizer, factor=1)
    return run


def train(network: Network, images: list, val: list) -> None:
    """Train a network and keep it, with how it came about and its declaration."""
    row, images = network.training, images[: network.changes.get("num_images")]
    run = begin(network, images, val).finish()
    found = training.segmenter(run, images, network.threshold, dataset=row.dataset)
    facts = training.record(run, images, **found.origin, threshold=found.threshold)
    for key in ("history",) if row.chooses else ("history", "best"):
        del facts[key]
    found.origin = facts | {"declaration": network.declaration()}
    found.save(network.file)
    print(f"{row.name} {network.file.stem}: {run.seconds:.0f} s", flush=True)


def score(predict: Callable, held: list, conditions: Sequence[str]) -> dict:
    """Return coarse histograms (images, 2, bins) of each condition.

    ``predict(image, tta)`` gives probabilities. "objects" is (images, thresholds, 3),
    the scores of ``CURVE`` of the photographs as they are.
    """
    tables: dict[str, list] = {key: [] for key in (*conditions, "objects")}
    for x, condition in ((x, condition) for x in held for condition in conditions):
        change, tta = kinds.CONDITIONS[condition]
        probs = predict(change(x.image), tta)
        table = metrics.histogram(probs, x.vessels, x.fov)
        tables[condition].append(metrics.coarsened(table))
        if condition == "plain":
            curve = [[row[key] for key in CURVE] for row in topology([(x, probs)])]
            tables["objects"].append(curve)
    return {key: np.array(each) for key, each in tables.items()}


def topology(pairs: list) -> list[dict]:
    """Score (image, probabilities) as objects without specks at each threshold."""
    curve = [evaluation.Objects(t, [evaluation.SPECK]) for t in kinds.THRESHOLDS]
    for x, probs in pairs:
        widths = metrics.vessel_widths(x.vessels)
        for point in curve:
            point.add(x, probs, widths)
    return [{"threshold": point.threshold} | point.means()[0] for point in curve]


def work(network: Network) -> dict:
    """Return how a network came about, and its scores on the eyes held out.

    It is trained where it is not there yet, in one thread.
    """
    torch.set_num_threads(1)
    images, val, held = deal(network)
    if network.load() is None:
        train(network, images, val)
    facts, conditions = network.load().origin, network.training.conditions
    del facts["declaration"]
    if held and conditions:
        facts |= score(network.predictor(), held, conditions)
    return facts


def made(networks: Sequence[Network]) -> list[dict]:
    """Return what ``work`` does of each network, after those that they start from."""
    for start in {x.changes["start"] for x in networks if "start" in x.changes}:
        made(of_all(start))
    return at_once(work, networks)


def at_once(job: Callable, tasks: Sequence) -> list:
    """Do a job for each task, each in a process of its own: two on a CPU."""
    workers = os.cpu_count() if torch.cuda.is_available() else 2
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        return pool.map(job, tasks, chunksize=1)
