"""The kinds of rows, and what each declares.

A declaration is all that decides what a file says, as plain JSON: settings, functions
by their names, images, seeds, thresholds that come from elsewhere. The file keeps it;
one whose row was changed since is stale. What functions do inside, and on which device
it is done, is not compared.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from helpers import (
    augment,
    config,
    datasets,
    evaluation,
    inference,
    losses,
    places,
    preprocess,
)

from . import changes

FOLDER = places.ROOT / "results"
FOLDS = 4  # into which the eyes are dealt like cards
THRESHOLDS = [k / 20 for k in range(2, 15)]  # of the curve Dice against topology
SLACK = 0.0025  # of Dice, given for vessels in one piece: two seeds may differ by it
PARTS = {  # of the recipe, beside its numbers
    "prepare": preprocess.prepare,
    "augment": augment.augment,
    "loss_fn": losses.bce_dice_loss,
}
CONDITIONS = {  # what is done to the photograph, test-time augmentation
    "plain": (np.asarray, "none"),
    "flips": (np.asarray, "flips"),
    "d4": (np.asarray, "d4"),
    "camera": (changes.other_camera, "none"),
    "lens": (changes.other_lens, "none"),
}


# ---- What is known already ----


def read(name: str) -> dict:
    """Return a JSON file of results/; {} where there is none."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def known(name: str, key: str):
    """Return what a JSON file says, or says of its best candidate, or None."""
    content = read(name)
    rows = {row["name"]: row for row in content.get("candidates", ())}
    return (content | rows.get(content.get("best"), {})).get(key)


def kept(path: Path) -> dict | None:
    """Return the declaration that a file keeps."""
    if path.suffix == ".png":
        return json.loads(Image.open(path).info.get("declaration", "null"))
    return json.loads(path.read_text("utf-8")).get("declaration")


def plain(value):
    """Return a value as JSON gives it back; a function becomes its name."""
    if isinstance(value, Training):
        return value.declaration()
    if dataclasses.is_dataclass(value):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(x) for key, x in value.items()}
    if isinstance(value, tuple | list):
        return [plain(x) for x in value]
    return f"{value.__module__}.{value.__qualname__}" if callable(value) else value


# ---- The kinds of rows ----


@dataclass(frozen=True)
class Variant:
    """One change of the recipe.

    ``changes`` are of ``TrainConfig`` and of ``PARTS``, or ``num_images`` (only the
    first so many are trained on), ``start`` (the training whose network gives the first
    weights), ``constant`` (one learning rate from the first step to the last).
    """

    question: str
    text: str
    changes: dict = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Training:
    """Networks of one set of images: one for each variant, fold and seed.

    Validation images choose among the weights of a training, unless they are trained
    on, too (``everyone``, or ``folds``, each scored by networks that have not seen it).
    Then the last weights are taken.
    """

    name: str
    text: str
    variants: dict[str, Variant]
    preset: str = "full"
    steps: int | None = None  # None: those of the preset
    dataset: str = "DRIVE"
    everyone: bool = False
    folds: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (0,)
    threshold: Training | None = None  # which gives it; None: the validation images
    conditions: tuple[str, ...] = ()  # in which the eyes of a fold are scored
    then: tuple[int, ...] = ()  # seeds of the best variant, trained on everyone
    splits: tuple[str, ...] = ()  # of DRIVE that are scored
    fp16: bool = False  # how weights trained on everyone are kept

    @property
    def chooses(self) -> bool:
        """Tell whether validation images choose among the weights."""
        return not (self.everyone or self.folds)

    def config(self, changes: dict, seed: int = 0) -> config.TrainConfig:
        """Return the settings of a network."""
        given = replace(config.PRESETS[self.preset], seed=seed)
        given = replace(given, steps=self.steps or given.steps)
        keys = asdict(given).keys() & changes.keys()
        given = replace(given, **{key: changes[key] for key in keys})
        return given if self.chooses else replace(given, val_every=given.steps)

    def declaration(self) -> dict:
        """Return all that decides how the networks and their scores come out."""
        keys = ("dataset", "everyone", "folds", "seeds", "then", "splits", "fp16")
        said = {key: getattr(self, key) for key in keys}
        said |= {"recipe": asdict(self.config({})) | PARTS}
        said |= {"variants": {name: v.changes for name, v in self.variants.items()}}
        if self.threshold:
            name = self.threshold.name
            value = known(name, "threshold") or self.threshold.declaration()
            said["threshold"] = {"of": name, "is": value}
        if self.folds:
            said |= {"num_folds": FOLDS, "slack": SLACK, "thresholds": THRESHOLDS}
            said |= {"conditions": {key: CONDITIONS[key] for key in self.conditions}}
            said |= {"speck": evaluation.SPECK}
        return plain(said)

    def __str__(self):
        return self.text


@dataclass(frozen=True)
class Scored:
    """The average of some networks, scored on a split by ``evaluate_split``."""

    training: Training | None = None  # None: the shipped network
    seeds: tuple[int, ...] = (0,)
    dataset: str = "DRIVE"
    split: str = "test"
    tta: str = "none"
    topology: Training | None = None  # whose threshold for topology is taken

    @property
    def threshold(self) -> float | None:
        """Return the threshold; None: the mean of the networks' own."""
        return self.topology and known(self.topology.name, "threshold_for_topology")

    def declaration(self) -> dict:
        """Return all that decides the scores."""
        keys = ("seeds", "dataset", "split", "tta", "threshold")
        said = {key: getattr(self, key) for key in keys}
        said |= {"speck": evaluation.SPECK, "thin": evaluation.THIN}
        said["networks"] = self.training or datasets.sha256(inference.SHIPPED)
        if self.training and self.training.then:
            keys = ("best", "threshold")
            said["chosen"] = [known(self.training.name, key) for key in keys]
        return plain(said)

    def __str__(self):
        said = [f"{self.dataset} {self.split} by {self.who}"]
        said += [self.tta] if self.tta != "none" else []
        said += ["threshold for topology"] if self.topology else []
        return ", ".join(said)

    @property
    def who(self) -> str:
        """Return the networks in words."""
        if self.training is None:
            return "the shipped network"
        seeds = "+".join(map(str, self.seeds))
        return f"{self.training.name}, seed {seeds}"


@dataclass(frozen=True)
class Script:
    """A module here whose ``main`` returns what the file holds."""

    name: str
    text: str
    shipped: bool = True  # the shipped weights have a part in it
    ending: str = ".json"

    def module(self):
        """Import it."""
        return importlib.import_module(f"{__package__}.{self.name}")

    def declaration(self) -> dict:
        """Return its constants and the weights that it uses."""
        constants = {k: v for k, v in vars(self.module()).items() if k.isupper()}
        weights = datasets.sha256(inference.SHIPPED) if self.shipped else None
        return plain({"script": self.name, "weights": weights} | constants)

    def __str__(self):
        return self.text


@dataclass(frozen=True)
class ByHand:
    """A file that no row makes."""

    text: str

    def declaration(self) -> None:
        """Return nothing: there is nothing to compare."""

    def __str__(self):
        return f"by hand: {self.text}"
