"""Chapter 12, What matters: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np

from helpers.questions import Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}

NOTHING = "Ten eyes cannot even tell whether it costs anything. Another one costs much."
NOTHING_ZH = "十只眼睛连它有没有代价都看不出来。另有一处的代价很大。"
QUESTIONS["12.1"] = Question(
    ("the change that costs most", "让分数下降最多的改动"),
    lambda costs: min(costs, key=costs.get),
    (
        (
            "Fifteen eyes are few: each gives a thousand patches, many of one and "
            "the same place.",
            "十五只眼睛很少：每只要切出上千个图像块，许多来自同一个地方。",
        ),
        (
            "What multiplies the few eyes there are, at no cost?",
            "是什么不花代价，就让这几只眼睛变多了？",
        ),
    ),
    (
        "Patches that always come the same way are soon learnt by heart; turned, bent "
        "and relit, the few eyes go much further.",
        "图像块每次都原样出现，很快就被死记下来；旋转、变形、换光照以后，"
        "同样几只眼睛能用得久得多。",
    ),
    mistakes=(
        (
            "eyes4",
            (
                "The second, at less than half the price of the first. What else makes "
                "the network see fewer different patches?",
                "第二名，代价不到第一名的一半。还有什么会让网络看到的不同图像块变少？",
            ),
        ),
        ("colour", (NOTHING, NOTHING_ZH)),
        ("bce", (NOTHING, NOTHING_ZH)),
    ),
    offers=("unchanged", "eyes4", "colour", "bce"),
)
QUESTIONS["12.4"] = Question(
    ("the best of three inputs under another lamp", "换了光照，三种输入里最好的"),
    lambda lamp: max(lamp, key=lamp.get),
    (
        (
            "Which of them looks alike, however dark and red the photograph is?",
            "照片变暗变红以后，哪一种看起来和原来差不多？",
        ),
        (
            "Ask what CLAHE and gamma do to a picture that is too dark.",
            "想想 CLAHE 和伽马对一张太暗的图做了什么。",
        ),
    ),
    (
        "CLAHE stretches each part of the picture anew, so it undoes much of what the "
        "lamp did.",
        "CLAHE 把图像的每一块重新拉开，光照造成的变化大半被抵消了。",
    ),
    mistakes=(
        (
            "green",
            (
                "The grey values themselves have moved, to where it never saw any.",
                "灰度值本身变了：这样的值，网络从没见过。",
            ),
        ),
        (
            "colour",
            (
                "Three channels move instead of one, each in its own way.",
                "变的不是一个通道，而是三个，而且各变各的。",
            ),
        ),
    ),
    offers=("green", "enhanced", "colour"),
)
QUESTIONS["12.6"] = Question(
    ("ahead after a short run", "短训练之后领先的"),
    lambda mine: max(mine, key=lambda name: mine[name]["auc_roc"]),
    (
        (
            "Which of the two tasks is easier to learn in a short time?",
            "两个任务里，哪一个在短时间内更容易学会？",
        ),
        (
            "In so few steps no patch comes often enough to be learnt by heart.",
            "步数这么少，哪个图像块都来不及多见几次，更谈不上死记。",
        ),
    ),
    (
        "Ahead is {answer}, by what the next cell prints. Another number of steps may "
        "turn it round.",
        "领先的是 {answer}，差多少见下一个单元格。换一个步数，结果可能反过来。",
    ),
    mistakes=(
        (
            lambda mine: min(mine, key=lambda name: mine[name]["auc_roc"]),
            (
                "The stored rows speak of 2,500 steps. What has a short run time for?",
                "保存的结果说的是 2500 步。短的训练来得及学什么？",
            ),
        ),
    ),
    offers=("with", "without"),
)
CONTRACTS["12.interval"] = Contract(
    ("interval of four eyes against fifteen", "四只眼睛与十五只之差的区间"),
    (-0.0230, -0.0046),
    tolerance=0.001,  # other draws give other ends
)
CONTRACTS["12.short"] = Contract(
    ("AUC with augmentation after 300 steps", "做数据增强，300 步之后的 AUC"),
    {"DRIVE": 0.9593},
    tolerance={"cpu": 0.01, "cuda": 0.02},
    modes=("lesson",),
)


def interval_of_difference(ours, theirs):
    gaps = theirs - ours
    draws = np.random.default_rng(0).integers(len(gaps), size=(2000, len(gaps)))
    return tuple(np.percentile(gaps[draws].mean(1), [2.5, 97.5]))


def _means(values, seed):
    draws = np.random.default_rng(seed).integers(len(values), size=(2000, len(values)))
    return values[draws].mean(1)


def _unpaired(ours, theirs):
    return tuple(np.percentile(_means(theirs, 0) - _means(ours, 1), [2.5, 97.5]))


# Ten eyes: hard ones are hard for both networks.
OURS = np.array([0.84, 0.79, 0.81, 0.83, 0.84, 0.82, 0.81, 0.80, 0.68, 0.82])
GAPS = np.array([-12, -4, -9, -6, -8, -14, -7, -10, -22, -5]) / 1000
EXERCISES["12.2"] = Exercise(
    ("the interval of a difference", "差值的置信区间"),
    interval_of_difference,
    ((OURS, OURS + GAPS),),
    (
        "One draw of eyes serves both networks: draw rows of theirs - ours.",
        "抽一次眼睛，两个网络都用：对 theirs - ours 抽样。",
    ),
    (
        (
            _unpaired,
            (
                "Far too wide: the two networks were given different eyes.",
                "太宽了：你让两个网络各抽各的眼睛。",
            ),
        ),
        (
            lambda ours, theirs: tuple(np.percentile(theirs - ours, [2.5, 97.5])),
            (
                "This is the spread of single eyes, not of their mean.",
                "这是单只眼睛的散布，不是平均值的。",
            ),
        ),
        (
            lambda ours, theirs: tuple(
                np.percentile(_means(theirs - ours, 0), [5, 95])
            ),
            (
                "This is a 90% interval: 5% lie outside on each side.",
                "这是 90% 的区间：两侧各有 5% 在外面。",
            ),
        ),
        (
            lambda ours, theirs: interval_of_difference(theirs, ours),
            (
                "The sign: theirs minus ours is negative where theirs is worse.",
                "符号反了：theirs 较差时，theirs 减 ours 应当是负的。",
            ),
        ),
    ),
    tolerance=5e-4,
)


def verdict(low, high):
    if low > 0:
        return "gain"
    return "loss" if high < 0 else "cannot tell"


EXERCISES["12.3"] = Exercise(
    ("gain, loss or cannot tell", "更好、更差还是看不出来"),
    verdict,
    ((0.001, 0.004), (-0.009, -0.002), (-0.001, 0.006), (-0.006, 0.001)),
    (
        "Which side of zero do both ends lie on?",
        "区间的两端都在零的哪一侧？",
    ),
    (
        (
            lambda low, high: "gain" if low + high > 0 else "loss",
            (
                "The middle alone decided. What if the interval contains zero?",
                "这只看了区间的中点。区间包含零时该怎么说？",
            ),
        ),
        (
            lambda low, high: verdict(-high, -low),
            (
                "The sign: new minus recipe, so above zero is a gain.",
                "符号反了：差值是改动后减去基准方案，大于零就是更好。",
            ),
        ),
    ),
)


def together(probs, threshold):
    return probs.mean(0) >= threshold


# Two networks are nearly sure, three say "just not".
PROBS = np.array([0.9, 0.9, 0.4, 0.4, 0.4])[:, None, None, None] * np.ones((5, 1, 2, 2))
PROBS[:, :, 0, 0] = 0.1
EXERCISES["12.5"] = Exercise(
    ("several networks, one map", "几个网络，一张血管图"),
    together,
    ((PROBS, 0.5), (PROBS, 0.7)),
    (
        "Average over the first axis, and only then compare with the threshold.",
        "先沿第一个轴取平均，然后才和阈值比较。",
    ),
    (
        (
            lambda probs, threshold: (probs >= threshold).mean(0) > 0.5,
            (
                "This is a vote: three hesitant networks beat two that are sure.",
                "这是投票：三个犹豫的网络压过了两个有把握的。",
            ),
        ),
        (
            lambda probs, threshold: probs.max(0) >= threshold,
            (
                "The maximum trusts whoever shouts loudest. Take the mean.",
                "取最大值，就是谁最肯定听谁的。应当取平均。",
            ),
        ),
        (
            lambda probs, _threshold: probs.mean(0),
            (
                "These are probabilities still: compare them with the threshold.",
                "这还是概率：再和阈值比较。",
            ),
        ),
    ),
)
