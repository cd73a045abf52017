"""What is measured: one table of changes, one of trainings, one of files."""

import dataclasses

import numpy as np

from helpers import augment, preprocess

from . import changes
from .kinds import CONDITIONS, FOLDS, ByHand, Scored, Script, Training, Variant

SEEDS, STEPS = (0, 1, 2), 2500

# ---- What is changed of the recipe ----

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

# ---- What is trained ----

FOUR = tuple(range(FOLDS))
CROSSVAL = Training(
    "crossval",
    "the full recipe cross-validated (80 minutes on a core)",
    BASE,
    folds=FOUR,
)
ABLATIONS = Training(
    "ablations",
    "one change of the recipe at a time (hours; a GPU helps)",
    VARIANTS,
    "lesson",
    STEPS,
    folds=FOUR[:2],
    conditions=tuple(CONDITIONS),
)
BEST = Training(
    "best",
    "wider networks cross-validated, the best on all (needs a GPU)",
    CANDIDATES,
    folds=FOUR,
    conditions=("plain", "flips"),
    then=SEEDS,
    fp16=True,
)
SHIPPED = Training(
    "train_drive",
    "the shipped weights (20 minutes on a core)",
    BASE,
    threshold=CROSSVAL,
)
ALL = {"everyone": True, "seeds": SEEDS, "threshold": CROSSVAL}
TWICE = Training(
    "wide",
    "twice as wide, on all eyes, three seeds (an hour each)",
    {"wide": WIDE},
    **ALL,
)
FULL = Training(
    "seeds_full",
    "the full recipe on all eyes, three seeds (20 minutes each)",
    BASE,
    splits=("test",),
    **ALL,
)
LESSON = Training(
    "seeds",
    "the lesson recipe, three seeds",
    BASE,
    "lesson",
    seeds=SEEDS,
    splits=("test",),
)
ON_PHANTOMS = Training("phantom", "phantoms alone", BASE, "lesson", dataset="PHANTOM")
WITHOUT_COLOURS = Training(
    "phantom_only",
    "phantoms alone, without colours (74 minutes)",
    {"enhanced": VARIANTS["enhanced"]},
    "lesson",
    dataset="PHANTOM",
    splits=("val", "test"),
)
CHASE = Training("chase", "the full recipe on CHASE_DB1", BASE, dataset="CHASEDB1")
CHASE_ALL = dataclasses.replace(CHASE, name="chase_all", everyone=True, threshold=CHASE)

# ---- How each file is made ----

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
