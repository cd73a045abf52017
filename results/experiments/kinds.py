"""The kinds of rows, and what each declares.

A declaration is all that decides what a file says, as plain JSON: settings, functions
by their names, images, seeds, thresholds that come from elsewhere. The file keeps it;
one whose row was changed since is stale. What functions do inside, and on which device
it is done, is not compared.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, is_dataclass, replace

import numpy as np

from helpers import datasets, evaluation, inference, places
from helpers.config import PRESETS, TrainConfig

from . import changes

FOLDER = places.ROOT / "results"
FOLDS = 4  # into which the eyes are dealt like cards
THRESHOLDS = [k / 20 for k in range(2, 15)]  # of the curve Dice against topology
SLACK = 0.0025  # of Dice, given for vessels in one piece: two seeds may differ by it
NOT_COMPARED = ("name", "table", "device")
CONDITIONS = {  # what is done to the photograph, test-time augmentation
    "plain": (np.asarray, "none"),
    "flips": (np.asarray, "flips"),
    "d4": (np.asarray, "d4"),
    "camera": (changes.other_camera, "none"),
    "lens": (changes.other_lens, "none"),
}


def read(name: str) -> dict:
    """Return a JSON file of results/; {} where there is none."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def known(name: str, key: str):
    """Return what a JSON file says, or says of its best candidate, or None."""
    content = read(name)
    rows = {row["name"]: row for row in content.get("candidates", ())}
    return (content | rows.get(content.get("best"), {})).get(key)


def plain(value):
    """Return a value as JSON gives it back; a function becomes its name."""

    def said(x):
        if isinstance(x, Training):
            return x.declaration()
        return asdict(x) if is_dataclass(x) else f"{x.__module__}.{x.__qualname__}"

    return json.loads(json.dumps(value, default=said))


class Variant:
    """One change of the recipe.

    ``changes`` are of ``TrainConfig``; parts of the recipe (``prepare``, ``augment``,
    ``loss_fn``); ``num_images`` (only the first so many are trained on); ``start`` (the
    training whose network gives the first weights); ``constant`` (one learning rate
    from the first step to the last); ``lamp`` (of lamps.py: copies of each photograph
    under other lamps are trained on, too).
    """

    def __init__(self, question: str = "", text: str = "the recipe", **changes):
        self.question, self.text, self.changes = question, text, changes


BASE = {"base": Variant()}


@dataclass(frozen=True, eq=False)
class Training:
    """Networks of one set of images: one for each variant, fold and seed.

    Validation images choose among the weights of a training, unless they are trained
    on, too: by ``everyone``, or by ``folds``, each scored by networks that have not
    seen it. Then the last weights are taken. Both together: folds choose the best
    variant (with the first seed), which is trained on everyone.
    """

    name: str
    table: Callable[[Training], dict] | None = None  # makes what its file holds
    device: str = "cpu"  # on which it wants to run: cpu or gpu
    variants: dict[str, Variant] = field(default_factory=lambda: BASE)
    recipe: TrainConfig = PRESETS["full"]
    dataset: str = "DRIVE"
    everyone: bool = False
    folds: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (0,)
    threshold: Training | None = None  # which gives it; None: the validation images
    conditions: tuple[str, ...] = ()  # in which the eyes of a fold are scored
    splits: tuple[str, ...] = ()  # of DRIVE that are scored

    @property
    def chooses(self) -> bool:
        """Tell whether validation images choose among the weights."""
        return not (self.everyone or self.folds)

    def config(self, changes: dict, seed: int = 0) -> TrainConfig:
        """Return the settings of a network."""
        keys = vars(self.recipe).keys() & changes.keys()
        given = replace(self.recipe, seed=seed, **{key: changes[key] for key in keys})
        return given if self.chooses else replace(given, val_every=given.steps)

    def declaration(self) -> dict:
        """Return all that decides how the networks and their scores come out."""
        said = {k: x for k, x in vars(self).items() if k not in NOT_COMPARED}
        said["variants"] = {name: x.changes for name, x in self.variants.items()}
        said["conditions"] = {name: CONDITIONS[name] for name in self.conditions}
        if source := self.threshold:
            said["threshold"] = known(source.name, "threshold") or source
        if self.folds:
            said |= {"num_folds": FOLDS, "slack": SLACK, "thresholds": THRESHOLDS}
            said |= {"speck": evaluation.SPECK}
        return plain(said)

    def make(self) -> dict:
        """Train and score."""
        return self.table(self)

    def __str__(self):
        number = len(self.variants) * len(self.folds)
        if self.everyone or not self.folds:
            number += len(self.seeds)
        return f"{self.device}; networks trained on {self.dataset}: {number}"


@dataclass(frozen=True)
class Script:
    """A module here whose ``main`` returns what the file holds: a dict or a picture."""

    name: str
    shipped: bool = False  # the shipped weights have a part in it
    ending: str = ".json"

    def declaration(self) -> dict:
        """Return the script's name and the weights that it uses."""
        weights = datasets.sha256(inference.SHIPPED) if self.shipped else None
        return {"script": self.name, "weights": weights}

    def make(self):
        """Run it."""
        return importlib.import_module(f"{__package__}.{self.name}").main()

    def __str__(self):
        return f"{self.name}.py"
