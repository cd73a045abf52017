"""What is measured: one table of changes, one of trainings, one of files."""

import dataclasses

import numpy as np

from helpers import augment, config, preprocess

from . import changes, lamps, tables
from .kinds import BASE, CONDITIONS, FOLDS, Script, Training, Variant
from .tables import Scored

# ---- What is changed of the recipe ----

# The recipe before, in batches of eight: what was measured of it stays comparable.
BEFORE = {"batch_size": 8, "steps": 5000, "val_every": 250}
EIGHT = dataclasses.replace(config.PRESETS["full"], **BEFORE)
LESSON = dataclasses.replace(EIGHT, steps=4000)
SHORT = dataclasses.replace(EIGHT, steps=2500)
START = Training("start", recipe=SHORT, dataset="PHANTOM")
GREY = {"in_channels": 1, "prepare": preprocess.enhance}
WIDE = {"widths": (32, 64, 128, 256)}
PAPER = {"widths": (64, 128, 256, 512)}  # the paper's, without its last level
CONSTANT = {"learning_rate": 1e-3, "constant": True}
VARIANTS = BASE | {
    "green": Variant("input", "green", in_channels=1, prepare=preprocess.green),
    "enhanced": Variant("input", "green, CLAHE, gamma", **GREY),
    "colour": Variant("input", "red, green, blue", in_channels=3, prepare=np.asarray),
    "unchanged": Variant("augmentation", "none", augment=augment.centre_crop),
    "mild": Variant("augmentation", "mild", augment=changes.mild),
    "bce": Variant("loss", "BCE", dice_weight=0.0),
    "cldice": Variant(
        "loss", "BCE + 0.5 Dice + 0.5 clDice", loss_fn=changes.cldice_loss
    ),
    "patch256": Variant("patch", "256, batch of 2", patch_size=256, batch_size=2),
    "batch4": Variant("batch", "4, 5000 steps", batch_size=4, steps=5000),
    "wide": Variant("network", "twice as wide", **WIDE),
    "paper": Variant("network", "four times as wide", **PAPER),
    "deep": Variant("network", "five levels", widths=(16, 32, 64, 128, 256)),
    "constant": Variant("learning rate", "0.001 all along", **CONSTANT),
    "last": Variant("weights", "those of the last step", ema=0.0),
    "phantoms": Variant("start", "from phantoms", start=START),
    "eyes2": Variant("images", "2", num_images=2),
    "eyes4": Variant("images", "4", num_images=4),
    "eyes8": Variant("images", "8", num_images=8),
    "long": Variant("steps", "5000", steps=5000),
}
UPDATES = {"batch_size": 4, "steps": 5000}  # the same patches, twice the updates
LAMPS = {
    "base": Variant("", "batches of 4, twice the steps"),
    "soft": Variant("labels", "soft rims", augment=changes.soft_rims),
    "field": Variant("lamp", "light that changes slowly", lamp=lamps.field),
    "gamma": Variant("lamp", "gamma of each channel", lamp=lamps.gamma),
    "tint": Variant("lamp", "channels mixed", lamp=lamps.tint),
    "noise": Variant("camera", "noise", lamp=lamps.noise),
    "jpeg": Variant("camera", "blur and JPEG", lamp=lamps.jpeg),
    "any": Variant("lamp, camera", "one of the five, by lot", lamp=lamps.any_of_them),
}
CANDIDATES = {
    "wide": Variant(**WIDE),
    "paper": Variant(**PAPER),
    "updates": Variant(**PAPER, batch_size=4, steps=10000),
    "long": Variant(**PAPER, steps=10000),
}

# ---- What is trained ----

FOUR, SEEDS = tuple(range(FOLDS)), (0, 1, 2)
CROSSVAL = Training("crossval", tables.crossval, folds=FOUR)
OF_EIGHT = Training("crossval_eight", tables.crossval, recipe=EIGHT, folds=FOUR)
ALL = {"everyone": True, "seeds": SEEDS, "recipe": EIGHT, "threshold": OF_EIGHT}
TEST = {"table": tables.seeds, "seeds": SEEDS, "splits": ("test",)}
SHIPPED = Training("train_drive", tables.network, threshold=CROSSVAL)
TWICE = Training("wide", tables.networks, variants={"wide": Variant(**WIDE)}, **ALL)
FULL = Training("seeds_full", everyone=True, threshold=CROSSVAL, **TEST)
SEVERAL = Training("seeds", device="gpu", recipe=LESSON, **TEST)
EACH = {"folds": FOUR[:2], "conditions": tuple(CONDITIONS)}
ABLATIONS = Training("ablations", tables.ablations, "gpu", VARIANTS, SHORT, **EACH)
SEEN = {"folds": FOUR[:1], "conditions": ("plain", "camera", "lens")}
MANY_LAMPS = Training(
    "lamps", tables.lamps, "cpu", LAMPS, dataclasses.replace(SHORT, **UPDATES), **SEEN
)
CHOICE = {"folds": FOUR, "conditions": ("plain",), "everyone": True, "seeds": SEEDS}
BEST = Training("best", tables.best, "gpu", CANDIDATES, EIGHT, **CHOICE)
PHANTOMS = {"recipe": LESSON, "dataset": "PHANTOM"}
ON_PHANTOMS = Training("phantom", device="gpu", **PHANTOMS)
ENHANCED = {"enhanced": VARIANTS["enhanced"]}
WITHOUT_COLOURS = Training(
    "phantom_only", tables.network, "cpu", ENHANCED, splits=("val", "test"), **PHANTOMS
)
CHASE = Training("chase", recipe=EIGHT, dataset="CHASEDB1")
CHASE_ALL = dataclasses.replace(CHASE, name="chase_all", everyone=True, threshold=CHASE)

# ---- How each file is made ----

CHASEDB1 = {"dataset": "CHASEDB1", "split": "all"}
TRAININGS = (
    CROSSVAL,
    OF_EIGHT,
    SHIPPED,
    SEVERAL,
    FULL,
    TWICE,
    BEST,
    ABLATIONS,
    MANY_LAMPS,
    WITHOUT_COLOURS,
)
SCRIPTS = (
    Script("bench"),
    Script("cost"),
    Script("halving"),
    Script("other_cameras", shipped=True),
    Script("overlap_tile", shipped=True),
    Script("photographs", shipped=True),
    Script("agreement", shipped=True),
    Script("doubted", shipped=True),
    Script("ceiling", shipped=True),
    Script("export", shipped=True),
    Script("peers", shipped=True),
    Script("elsewhere"),
    Script("which_u"),
    Script("first_look", ending=".png"),
    Script("unet", ending=".png"),
)
ROWS = {row.name: row for row in (*TRAININGS, *SCRIPTS)} | {
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
    "chasedb1_elsewhere": Scored(elsewhere=True, **CHASEDB1),
    "chasedb1_all_average": Scored(BEST, SEEDS, tta="flips", **CHASEDB1),
    "chasedb1_test": Scored(CHASE_ALL, dataset="CHASEDB1"),
    "chasedb1_test_flips": Scored(CHASE_ALL, dataset="CHASEDB1", tta="flips"),
    "drive_test_eight": "by hand, by the weights shipped before, in batches of 8",
    "drive_test_eight_flips": "by hand, by the same, four mirrored copies averaged",
    "drive_test_eight_twenty_flips": "by hand, as before, trained on all of 21 to 40",
    "published": "by hand: scores of others, each with its source",
    "lesson_run": "by hand: report.json of python3 -m helpers run",
    "drive_test_lesson": "by hand, after that: evaluate training/DRIVE/weights.pt",
    "drive_val_phantom": "by hand, by a recipe of earlier, with one channel",
    "scaling": "by hand: kills, two processes, a CPU without AMX, each told in it",
    "em": "by hand: chapter 10 in lesson mode, three times, its form changed",
}
