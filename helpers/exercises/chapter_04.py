"""Chapter 04, The data: what it asks, what it claims, and its exercises."""

from __future__ import annotations

import numpy as np
from PIL import Image

from helpers.questions import Between, Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


def to_label(picture):
    grey = np.asarray(picture.convert("L"))
    return grey > grey.max() / 2


def _pictures() -> tuple[tuple[Image.Image], ...]:
    """Return one label as grey, palettes, bits and grey up to 1, and a black one."""
    label = np.array([[0, 1, 1, 0], [0, 0, 1, 0]], dtype=np.uint8)
    palette = Image.fromarray(label)
    palette.putpalette([4, 2, 4, 252, 254, 252])  # as in DRIVE's 2nd_manual
    turned = Image.fromarray(1 - label)
    turned.putpalette([252, 254, 252, 4, 2, 4])  # white comes first: numbers mislead
    grey, bits = Image.fromarray(255 * label), Image.fromarray(label > 0)
    dark, black = Image.fromarray(label), Image.fromarray(0 * label)
    return (grey,), (palette,), (turned,), (bits,), (dark,), (black,)


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
NOT_255 = (
    "White need not be 255: a grey file may hold 0 and 1. The limit must come from the "
    "file itself.",
    "白色不一定是 255：灰度文件里也可能只有 0 和 1。界限要由这个文件自己决定。",
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
EXERCISES["04.3"] = Exercise(
    ("Read any label", "读懂任何标签"),
    to_label,
    _pictures(),
    (
        "Two steps: make grey of any mode, as the cell above does, then find a limit "
        "between this file's black and white.",
        "分两步：先把任何 mode 都换成灰度，上面的单元格做过；"
        "再在这个文件的黑与白之间找一个界限。",
    ),
    (
        (lambda picture: np.asarray(picture) > 127, INDICES),
        (lambda picture: np.asarray(picture) > 0, INDICES),
        (lambda picture: np.asarray(picture.convert("L")) > 0, NEARLY_BLACK),
        (lambda picture: np.asarray(picture.convert("L")) > 127, NOT_255),
    ),
)
EXERCISES["04.4"] = Exercise(
    ("Dice of two annotators", "两位标注者的 Dice"),
    dice,
    ((447468, 109064, 130181), (3, 1, 0)),
    (
        "Pixels that both marked count twice, once for each annotator; TN is not "
        "there.",
        "两人都标出的像素数两次，每人一次；TN 不出现。",
    ),
    ((lambda tp, fp, fn: tp / (tp + fp + fn), IOU),),
)
EXERCISES["04.7"] = Exercise(
    ("Split by child", "按孩子划分"),
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

QUESTIONS["04.1"] = Question(
    (
        "digits of SHA-256 that change with one bit of the file",
        "改一个比特，SHA-256 变几位",
    ),
    lambda changed: changed,
    (
        (
            "Each digit is drawn anew. How often does a new one of 16 equal the old "
            "one?",
            "每一位都像重新抽了一次。16 个数字里，新旧恰好相同的机会有多大？",
        ),
        (
            "One in 16 stays by chance. How many of 64 are that, and how many are "
            "left?",
            "每 16 位里，平均有一位碰巧不变。64 位里有几位不变，几位变了？",
        ),
    ),
    (
        "{answer}: each new digit is as good as drawn by lot, so about 4 of 64 stay by "
        "chance.",
        "{answer} 位：每一位都像重新抽签，64 位里大约有 4 位碰巧不变。",
    ),
    tolerance=0.06,
    mistakes=(
        (
            1,
            (
                "A checksum is made so that similar files get unlike sums.",
                "校验和就是要让相似的文件得到完全不同的结果。",
            ),
        ),
        (
            32,
            (
                "That would be right for bits. A digit is one of 16, not of 2.",
                "如果数的是比特，就是这样。可是每一位是 16 种之一，不是 2 种之一。",
            ),
        ),
        (
            64,
            (
                "Nearly. Can a digit drawn anew not equal the old one?",
                "很接近。重新抽的数字，不会和旧的碰巧相同吗？",
            ),
        ),
    ),
)
QUESTIONS["04.2"] = Question(
    (
        "accuracy of an all-black prediction, inside the FOV, in per cent",
        "全黑预测在视野内的准确率，百分数",
    ),
    lambda vessel, inside, _frame: 100 * (1 - vessel / inside),
    (
        (
            "Every background pixel is right. Which share of the FOV is vessel?",
            "背景像素全对。视野里，血管占多大比例？",
        ),
        (
            "Look at the panel of the vessels above: of eight or ten pixels of the "
            "disc, about one is white.",
            "看上面血管那幅图：圆盘里每八到十个像素，大约有一个是白的。",
        ),
    ),
    (
        "{answer} per cent: all background is right, and vessels are rare.",
        "{answer}%：背景全对，而血管很少。",
    ),
    tolerance=0.015,
    mistakes=(
        (
            lambda vessel, _inside, frame: 100 * (1 - vessel / frame),
            (
                "You divided by the whole frame, black border included.",
                "你除以了整幅图，把黑边也算进去了。",
            ),
        ),
        (
            0,
            (
                "It finds no vessel, but it is right about all the rest.",
                "它没找到血管，但其余的像素都判对了。",
            ),
        ),
        (
            lambda vessel, inside, _frame: 100 * vessel / inside,
            (
                "That is the share of the vessels, which are just what it gets wrong.",
                "这是血管的占比，正是它判错的那一部分。",
            ),
        ),
        (
            lambda vessel, inside, _frame: 1 - vessel / inside,
            (
                "In per cent, please: a number from 0 to 100.",
                "请用百分数：0 到 100 之间的数。",
            ),
        ),
        (
            50,
            (
                "Two classes, but not of equal size: look at a label.",
                "虽然是两类，但两类不一样多：看看标签。",
            ),
        ),
    ),
    known=("87.46",),
)
QUESTIONS["04.5"] = Question(
    (
        "Dice of a perfect label, one column to the right",
        "完美的标签向右移动一列后的 Dice",
    ),
    lambda moved: moved,
    (
        (
            "How wide is a thin vessel? Draw one 2 px wide on squared paper and "
            "shift it.",
            "细血管有多宽？在方格纸上画一条两格宽的血管，再移动一格。",
        ),
        (
            "A vessel of width w that runs downwards keeps a Dice of (w - 1) / w; "
            "one that runs across keeps 1. Take widths of 2 to 6.",
            "竖着走、宽 w 的血管，Dice 剩下 (w - 1) / w；横着走的剩下 1。宽度取 2 到 "
            "6 试试。",
        ),
    ),
    (
        "{answer}: most vessels are a few pixels wide, and each loses one on one "
        "side and gains one on the other.",
        "{answer}：多数血管只有几个像素宽，一边少一个像素，另一边多一个。",
    ),
    tolerance=0.03,
    mistakes=(
        (
            Between(0.95, 1),
            (
                "One pixel of the whole width is little; one of a thin vessel is half.",
                "一个像素对整幅图不算什么，对细血管却是一半。",
            ),
        ),
        (
            Between(0, 0.4),
            (
                "Too little: most of a wide vessel still lies on itself.",
                "太低了：粗血管的大部分仍然和自己重合。",
            ),
        ),
        (
            Between(1.5, 100),
            (
                "A Dice lies between 0 and 1.",
                "Dice 在 0 和 1 之间。",
            ),
        ),
    ),
    known=("0.807", "0.899"),
)
QUESTIONS["04.6"] = Question(
    (
        "children with one eye on each side, names shuffled, 20 and 8",
        "打乱后分成 20 和 8，两边各有一只眼睛的孩子",
    ),
    8 * 20 / 27,
    (
        (
            "Of 8 test images, how many will have their partner among the other 20?",
            "8 张测试图像里，有几张的另一只眼睛会落在其余 20 张里？",
        ),
        (
            "The partner of a test image is one of 27 others, and 20 of these are for "
            "training.",
            "一张测试图像的另一只眼睛，是其余 27 张之一，其中 20 张用来训练。",
        ),
    ),
    (
        "8 × 20 / 27 = {answer}: the partner of each test image is one of 27 others, "
        "20 of which are for training.",
        "8 × 20 / 27 = {answer}：每张测试图像的另一只眼睛是其余 27 张之一，其中 20 张"
        "用来训练。",
    ),
    tolerance=0.1,
    mistakes=(
        (
            0,
            (
                "Nothing in a shuffle keeps two eyes of a child together.",
                "打乱文件名时，没有什么能让同一个孩子的两只眼睛待在一起。",
            ),
        ),
        (
            4,
            (
                "8 images are 4 children only if pairs stay together. A shuffle "
                "parts them.",
                "只有成对待在一起，8 张才是 4 个孩子。打乱会把它们拆开。",
            ),
        ),
        (
            Between(7.5, 8),
            (
                "That would be if no child had both eyes in the test. Some have.",
                "那要没有一个孩子的双眼都在测试集里。有的孩子双眼都在。",
            ),
        ),
        (
            14,
            (
                "There are only 8 test images, so at most 8 children.",
                "测试图像只有 8 张，最多涉及 8 个孩子。",
            ),
        ),
    ),
)

CONTRACTS["04.files"] = Contract(
    ("files on the lists of DRIVE and CHASE_DB1", "DRIVE 和 CHASE_DB1 清单上的文件数"),
    (140, 84),
)
CONTRACTS["04.black"] = Contract(
    ("accuracy of all black, in per cent", "全黑的准确率，百分数"),
    {"DRIVE": 87.46, "CHASEDB1": 89.59},
    tolerance=0.005,
    modes=("lesson", "full"),
)
CONTRACTS["04.shift"] = Contract(
    ("Dice after one column", "移动一列之后的 Dice"),
    {"DRIVE": 0.8066, "CHASEDB1": 0.8991},
    tolerance=5e-4,
    modes=("lesson", "full"),
)
CONTRACTS["04.torn"] = Contract(
    (
        "children on both sides, mean of 1000 shuffles",
        "打乱 1000 次，两边都有的孩子，平均",
    ),
    5.93,
    tolerance=0.1,
)
