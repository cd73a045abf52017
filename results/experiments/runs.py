"""What is measured: the trainings, and how each file of results/ is made.

A row's declaration is all that decides what its file says, as plain JSON: settings,
functions by their names, images, seeds, thresholds that come from elsewhere. The file
keeps it; one whose row was changed since is stale. What functions do inside, and on
which device, is not compared.
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
SEEDS, STEPS = (0, 1, 2), 2500
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


def state(path: Path, declaration: dict | None) -> str:
    """Compare what a file was made by with what would make it today."""
    if not path.exists():
        return "missing"
    if path.suffix == ".png":
        kept = json.loads(Image.open(path).info.get("declaration", "null"))
    else:
        kept = json.loads(path.read_text("utf-8")).get("declaration")
    return "there" if kept == declaration else "stale"


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
        seeds = " and ".join(map(str, self.seeds))
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


# ---- The table ----

WIDE = Variant("network", "twice as wide", {"widths": (32, 64, 128, 256)})
CHANNELS = {"widths": (64, 128, 256, 512)}  # the paper's, without its last level
PAPER = Variant("network", "four times as wide", CHANNELS)
BASE = {"base": Variant("", "the recipe")}
GREY = {"in_channels": 1, "prepare": preprocess.enhance}
START = Training("start", "first weights", BASE, "lesson", STEPS, "PHANTOM")
VARIANTS = BASE | {
    "green": Variant("input", "green", GREY | {"prepare": preprocess.green}),
    "enhanced": Variant("input", "green, CLAHE, gamma", GREY),
    "colour": Variant(
        "input", "red, green, blue", {"in_channels": 3, "prepare": np.asarray}
    ),
    "unchanged": Variant("augmentation", "none", {"augment": augment.centre_crop}),
    "mild": Variant("augmentation", "mild", {"augment": changes.mild}),
    "bce": Variant("loss", "BCE", {"dice_weight": 0.0}),
    "cldice": Variant(
        "loss", "BCE + 0.5 Dice + 0.5 clDice", {"loss_fn": changes.cldice_loss}
    ),
    "patch256": Variant(
        "patch", "256, batch of 2", {"patch_size": 256, "batch_size": 2}
    ),
    "batch4": Variant("batch", "4, 5000 steps", {"batch_size": 4, "steps": 5000}),
    "wide": WIDE,
    "paper": PAPER,
    "deep": Variant("network", "five levels", {"widths": (16, 32, 64, 128, 256)}),
    "constant": Variant(
        "learning rate", "0.001 all along", {"learning_rate": 1e-3, "constant": True}
    ),
    "last": Variant("weights", "those of the last step", {"ema": 0.0}),
    "phantoms": Variant("start", "from phantoms", {"start": START}),
    "eyes2": Variant("images", "2", {"num_images": 2}),
    "eyes4": Variant("images", "4", {"num_images": 4}),
    "eyes8": Variant("images", "8", {"num_images": 8}),
    "long": Variant("steps", "5000", {"steps": 5000}),
}
CANDIDATES = {
    "wide": WIDE,
    "paper": PAPER,
    "updates": Variant("", "", CHANNELS | {"batch_size": 4, "steps": 10000}),
    "long": Variant("", "", CHANNELS | {"steps": 10000}),
}

FOUR = tuple(range(FOLDS))
CROSSVAL = Training(
    "crossval", "the full recipe cross-validated: threshold, topology", BASE, folds=FOUR
)
ABLATIONS = Training(
    "ablations",
    "one change of the recipe at a time",
    VARIANTS,
    "lesson",
    STEPS,
    folds=FOUR[:2],
    conditions=tuple(CONDITIONS),
)
BEST = Training(
    "best",
    "wider networks cross-validated, the best on all eyes (needs a GPU)",
    CANDIDATES,
    folds=FOUR,
    conditions=("plain", "flips"),
    then=SEEDS,
    fp16=True,
)
SHIPPED = Training("train_drive", "the shipped weights", BASE, threshold=CROSSVAL)
ALL = {"everyone": True, "seeds": SEEDS, "threshold": CROSSVAL}
TWICE = Training("wide", "twice as wide, all eyes", {"wide": WIDE}, **ALL)
FULL = Training(
    "seeds_full", "the full recipe, all eyes", BASE, splits=("test",), **ALL
)
LESSON = Training(
    "seeds", "the lesson recipe", BASE, "lesson", seeds=SEEDS, splits=("test",)
)
ON_PHANTOMS = Training("phantom", "phantoms alone", BASE, "lesson", dataset="PHANTOM")
WITHOUT_COLOURS = Training(
    "phantom_only",
    "phantoms alone, green after CLAHE and gamma",
    {"enhanced": VARIANTS["enhanced"]},
    "lesson",
    dataset="PHANTOM",
    splits=("val", "test"),
)
CHASE = Training("chase", "the full recipe on CHASE_DB1", BASE, dataset="CHASEDB1")
CHASE_ALL = replace(CHASE, name="chase_all", everyone=True, threshold=CHASE)

TRAININGS = (
    CROSSVAL, SHIPPED, LESSON, FULL, TWICE, BEST, ABLATIONS, WITHOUT_COLOURS
)  # fmt: skip
CHASEDB1 = {"dataset": "CHASEDB1", "split": "all"}
ROWS = {x.name: x for x in TRAININGS} | {
    "drive_test": Scored(),
    "drive_test_flips": Scored(tta="flips"),
    "drive_test_twenty_flips": Scored(FULL, tta="flips"),
    "drive_test_twenty_average": Scored(FULL, SEEDS, tta="flips"),
    "drive_test_topology": Scored(FULL, SEEDS, tta="flips", topology=CROSSVAL),
    "drive_test_wide": Scored(TWICE),
    "drive_test_wide_flips": Scored(TWICE, tta="flips"),
    "drive_test_best": Scored(BEST),
    "drive_test_best_flips": Scored(BEST, tta="flips"),
    "drive_test_average": Scored(BEST, SEEDS, tta="flips"),
    "drive_test_average_topology": Scored(BEST, SEEDS, tta="flips", topology=BEST),
    "drive_test_phantom": Scored(ON_PHANTOMS),
    "chasedb1_all": Scored(**CHASEDB1),
    "chasedb1_all_flips": Scored(tta="flips", **CHASEDB1),
    "chasedb1_all_average": Scored(BEST, SEEDS, tta="flips", **CHASEDB1),
    "chasedb1_test": Scored(CHASE_ALL, dataset="CHASEDB1"),
    "chasedb1_test_flips": Scored(CHASE_ALL, dataset="CHASEDB1", tta="flips"),
    "bench": Script("bench", "speed beside a naive version", shipped=False),
    "halving": Script("halving", "labels at half resolution", shipped=False),
    "other_cameras": Script("other_cameras", "the shipped network on other cameras"),
    "overlap_tile": Script("overlap_tile", "one pass against tiles"),
    "photographs": Script("photographs", "photographs of one's own"),
    "first_look": Script("first_look", "the picture of the READMEs", ending=".png"),
    "unet": Script("unet", "the paper's network, drawn", False, ".png"),
    "published": ByHand("scores of others, each with its source"),
    "lesson_run": ByHand("report.json of python3 -m helpers run"),
    "drive_test_lesson": ByHand(
        "after that, python3 -m helpers evaluate --dataset DRIVE "
        "--weights outputs/training/weights.pt --json results/drive_test_lesson.json"
    ),
    "drive_val_phantom": ByHand("by a recipe of earlier, with one channel"),
    "em": ByHand("chapter 10 in lesson mode, three times, its form changed"),
}
