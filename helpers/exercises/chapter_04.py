"""Chapter 04, The data: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def to_label(picture):
    grey = np.asarray(picture.convert("L"))
    return grey > grey.max() / 2


def _pictures() -> tuple[tuple[Image.Image], ...]:
    """Return one label as grey values, palette indices and bits, and a black one."""
    label = np.array([[0, 1, 1, 0], [0, 0, 1, 0]], dtype=np.uint8)
    palette = Image.fromarray(label)
    palette.putpalette([4, 2, 4, 252, 254, 252])  # as in DRIVE's 2nd_manual
    grey, bits = Image.fromarray(255 * label), Image.fromarray(label > 0)
    return (grey,), (palette,), (bits,), (Image.fromarray(0 * label),)


def dice(tp, fp, fn):
    return 2 * tp / (2 * tp + fp + fn)


def split(names, num_test):
    children = sorted({name[6:8] for name in names})
    chosen = children[-num_test:]
    train = [name for name in names if name[6:8] not in chosen]
    test = [name for name in names if name[6:8] in chosen]
    return train, test


INDICES = (
    "Print picture.mode and np.unique(np.asarray(picture)). What is a 1 in a palette?",
    "先打印 picture.mode 和 np.unique。调色板图像存的是颜色编号，不是亮度。",
)
NEARLY_BLACK = (
    "A palette's black need not be 0: print the values that convert('L') gives.",
    "调色板里的黑不一定是 0：打印 convert('L') 之后的值看看。",
)
IOU = (
    "That is IoU. Dice counts the pixels that both marked twice, above and below.",
    "这是交并比 (IoU)。Dice 的分子和分母都把共同标出的像素数两次。",
)
NAMES_COUNTED = (
    "You counted names, and one child is in both parts: half of the exam is known.",
    "你数的是文件名，有一个孩子同时在两边：这等于考前看了半张试卷。",
)
NAMES_IN_ORDER = (
    "A list need not be in order, and a child may have one photograph only.",
    "名单不一定按顺序排，一个孩子也可能只有一张照片。",
)
EXERCISES["04.1"] = Exercise(
    ("Read any label", "TODO"),
    to_label,
    _pictures(),
    (
        "Apply the palette, then compare with half of the maximum.",
        "先换算调色板，再和最大值的一半比较。",
    ),
    (
        (lambda picture: np.asarray(picture) > 127, INDICES),
        (lambda picture: np.asarray(picture.convert("L")) > 0, NEARLY_BLACK),
    ),
)
EXERCISES["04.3"] = Exercise(
    ("Dice of two doctors", "TODO"),
    dice,
    ((447468, 109064, 130181), (3, 1, 0)),
    (
        "Pixels that both marked count twice, once for each doctor; TN is not there.",
        "两人都标出的像素数两次，每人一次；TN 不出现。",
    ),
    ((lambda tp, fp, fn: tp / (tp + fp + fn), IOU),),
)
EXERCISES["04.5"] = Exercise(
    ("Split by child", "TODO"),
    split,
    (
        (["Image_01L", "Image_01R", "Image_02L", "Image_02R"], 1),
        (["Image_02R", "Image_03L", "Image_01L", "Image_02L", "Image_01R"], 2),
    ),
    (
        "List the children first, then send each name where its child goes.",
        "先列出所有孩子，再按孩子分配每个文件名。",
    ),
    (
        (lambda names, k: (names[:-k], names[-k:]), NAMES_COUNTED),
        (lambda names, k: (names[: -2 * k], names[-2 * k :]), NAMES_IN_ORDER),
    ),
)
