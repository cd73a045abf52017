"""Chapter 11, Your own images: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np
from skimage.transform import resize

from helpers.questions import Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


def vessel_map(probs, shape, threshold):
    return resize(probs, shape, order=1) >= threshold


# A slope from 0 to 1, and a spot: small maps of a larger photograph.
SLOPE = np.linspace(0, 1, 6)[None] * np.ones((4, 1))
SPOT = np.zeros((5, 5))
SPOT[2, 2] = 1.0
EXERCISES["11.1"] = Exercise(
    ("the vessel map of the photograph's own size", "和照片一样大的血管图"),
    vessel_map,
    ((SLOPE, (12, 18), 0.4), (SPOT, (15, 15), 0.3)),
    (
        "Two steps: resize the probabilities, then compare with the threshold.",
        "两步：先缩放概率，再和阈值比较。",
    ),
    (
        (
            lambda probs, shape, threshold: (
                resize((probs >= threshold).astype(float), shape, order=0) > 0.5
            ),
            (
                "Compared first, resized then: the edges have become stairs.",
                "先比较、后缩放：边缘出现了锯齿。",
            ),
        ),
        (
            lambda probs, shape, _threshold: resize(probs, shape, order=1),
            (
                "These are probabilities still: compare them with the threshold.",
                "这还是概率：还要和阈值比较。",
            ),
        ),
        (
            lambda probs, _shape, threshold: probs >= threshold,
            (
                "This map has the shrunken size; resize the probabilities to shape.",
                "这是缩小后的大小；先把概率缩放到 shape。",
            ),
        ),
        (
            lambda probs, shape, _threshold: resize(probs, shape, order=1) >= 0.5,
            ("The threshold is an argument, not 0.5.", "阈值是参数，不是 0.5。"),
        ),
    ),
)


def _loses_more(gained):
    narrow, wide = gained
    return "wide" if wide > narrow else "narrow"


QUESTIONS["11.2"] = Question(
    ("the vessels it loses by not resizing", "不缩放时多漏掉的血管"),
    _loses_more,
    (
        (
            "What is the widest vessel that the network has ever seen, in pixels?",
            "网络见过的最粗的血管有多少像素宽？",
        ),
        (
            "Double the widths of all vessels. Which of them still have a width that "
            "occurred in training?",
            "把所有血管的宽度都加倍。哪些血管的宽度，训练时还见得到？",
        ),
    ),
    (
        "On a photograph of CHASE_DB1 it is the wide ones: most of them have more "
        "pixels across than the usual vessels of the training.",
        "在 CHASE_DB1 的照片上是粗血管：按像素算，它们大多比训练时常见的血管粗。",
    ),
    mistakes=(
        (
            "narrow",
            (
                "Enlarged, a narrow vessel is as wide as a middling one in training.",
                "细血管放大以后，和训练里不粗不细的血管差不多宽。",
            ),
        ),
        (
            "wide",
            (
                "That depends on how wide: compare with the widest of the training.",
                "这要看有多粗：和训练里最粗的血管比一比。",
            ),
        ),
    ),
    offers=("narrow", "wide"),
)


def _marks(table, threshold):
    total = sum(table)  # (2, bins): background and vessel pixels by probability
    marked = total[:, round(threshold * total.shape[1]) :].sum()
    return "too much" if marked > total[1].sum() else "too little"


QUESTIONS["11.3"] = Question(
    ("the threshold of DRIVE on another camera", "DRIVE 的阈值用在另一台相机上"),
    _marks,
    (
        (
            "Not the camera alone is another: do these eyes show as many vessels as "
            "DRIVE's, and does their annotator draw as many?",
            "换的不只是相机：这些眼睛里看得见的血管，和 DRIVE 的一样多吗？"
            "标注者画得一样多吗？",
        ),
        (
            "Compare the share of pixels that is marked with the share that the label "
            "has.",
            "把标为血管的像素占比，和标签里的血管像素占比比一比。",
        ),
    ),
    (
        "The next cell has both shares. A threshold suits one camera, "
        "one kind of eye and one annotator's hand.",
        "两个比例见下一个单元格。一个阈值只适合一种相机、一类眼睛、一位标注者的习惯。",
    ),
    mistakes=(
        (
            "too little",
            (
                "So it would be if the network were less sure of itself on strange "
                "photographs. It has no such modesty.",
                "如果照片陌生，网络就不那么肯定，才会这样。可是它并不会因此谦虚。",
            ),
        ),
        (
            "too much",
            (
                "So it would be if these labels held fewer vessels than the network "
                "marks.",
                "只有标签里的血管比网络标出的少，才会这样。",
            ),
        ),
    ),
    offers=("too much", "too little"),
)


def threshold_for(probs, share):
    return np.quantile(probs, 1 - share)


# Most pixels are background: the threshold for 10 % is far from 0.1 and from 0.9.
PROBS = 0.8 * np.linspace(0, 1, 1001) ** 3
EXERCISES["11.4"] = Exercise(
    ("the threshold that marks a share", "标出给定比例的阈值"),
    threshold_for,
    ((PROBS, 0.1), (PROBS[::-1], 0.126)),
    (
        "If a tenth lies above it, nine tenths lie below: which quantile is that?",
        "有十分之一高于它，就有十分之九低于它：这是哪个分位数？",
    ),
    (
        (
            lambda probs, share: np.quantile(probs, share),
            (
                "This marks all but the share: np.quantile counts from below.",
                "这样标出的是其余部分：np.quantile 从小往大数。",
            ),
        ),
        (
            lambda _probs, share: 1 - share,
            (
                "Probabilities are not spread evenly: look at their quantile.",
                "概率不是均匀分布的：要看它们的分位数。",
            ),
        ),
        (
            lambda probs, share: (1 - share) * probs.max(),
            (
                "A share of the pixels is meant, not of the largest probability.",
                "share 是像素所占的比例，不是最大概率的几分之几。",
            ),
        ),
    ),
)


QUESTIONS["11.5"] = Question(
    ("the mistake that always gives black", "总是让输出全黑的错误"),
    "whole numbers",
    (
        (
            "Three of them change what the network sees. What does the fourth change?",
            "有三个改变的是网络看到的东西。第四个改变的是什么？",
        ),
        (
            "Follow one pixel with probability 0.97 to the file.",
            "跟踪一个概率为 0.97 的像素，看它存进文件后是多少。",
        ),
    ),
    (
        "An integer type cuts off what is behind the point: 0.97 becomes 0. Multiply "
        "by 255 first.",
        "整数类型会截掉小数部分：0.97 变成 0。要先乘以 255。",
    ),
    mistakes=(
        (
            "blue first",
            (
                "Which channel stays in its place when the three change their order?",
                "三个通道的次序倒过来，哪一个还在原来的位置？",
            ),
        ),
        (
            "divided twice",
            (
                "The input is nearly black, yes. But one step of the preparation "
                "stretches the contrast again.",
                "输入确实几乎全黑。可是预处理里有一步会把对比度重新拉开。",
            ),
        ),
        (
            "not standardised",
            (
                "The values are shifted and scaled; a vessel is still darker than what "
                "is round it.",
                "数值只是平移、缩放了；血管仍然比周围暗。",
            ),
        ),
    ),
    offers=("blue first", "divided twice", "whole numbers", "not standardised"),
)


def _divided(folder):
    splits = {}  # of each person; the photographs are 01L, 01R, 02L, ...
    for image_id in folder.photographs():
        splits.setdefault(image_id[:2], set()).add(folder.split_of(image_id))
    return sum("train" in both and len(both) > 1 for both in splits.values())


QUESTIONS["11.6"] = Question(
    ("persons with an eye on either side", "两只眼睛分在两边的人数"),
    _divided,
    (
        (
            "Go through the line of val and that of test: where is the other eye of "
            "each number?",
            "逐个看 val 和 test 两行：同一个编号的另一只眼睛在哪一行？",
        ),
        (
            "A person with one eye in val and one in test does not count, nor does one "
            "with both in the same line.",
            "一只在 val、一只在 test 的不算，两只在同一行的也不算。",
        ),
    ),
    (
        "{answer}. Two eyes of a person are alike and were drawn by the same hand: the "
        " score is then partly of somebody whom the network knows, and too good.",
        "{answer} 个。同一个人的两只眼睛很像，标签也是同一双手画的：分数有一部分来自"
        "网络认识的人，会偏高。",
    ),
    mistakes=(
        (
            0,
            (
                "A hash of the name knows nothing of persons.",
                "名字的哈希值不知道哪些照片属于同一个人。",
            ),
        ),
        (
            8,
            (
                "So many photographs val and test hold; persons are asked for.",
                "这是 val 和 test 里照片的张数；问的是人数。",
            ),
        ),
    ),
)
CONTRACTS["11.validation"] = Contract(
    ("AUC and Dice of the validation eyes", "验证图像的 AUC 和 Dice"),
    {"DRIVE": (0.9823, 0.8137)},
    tolerance={"cpu": 1e-3, "cuda": 3e-3},
    modes=("lesson", "full"),
)
CONTRACTS["11.share"] = Contract(
    ("share of vessels in the training labels", "训练标签里的血管像素占比"),
    {"DRIVE": 0.1263},
    tolerance=5e-5,
)
CONTRACTS["11.loss"] = Contract(
    (
        "loss against labels of 0 and 1, of 0 and 255",
        "标签最大为 1 和 255 时的损失",
    ),
    (4.38, -154.37),
    tolerance=0.01,
)
