"""Chapter 12, What matters: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


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
EXERCISES["12.1"] = Exercise(
    ("Interval of a difference", "TODO"),
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
                "太宽了：两个网络用的是不同的眼睛。",
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
                "This is a 90 % interval: 5 % lie outside on each side.",
                "这是 90 % 的区间：两侧各有 5 % 在外面。",
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


EXERCISES["12.2"] = Exercise(
    ("Gain, loss or cannot tell", "TODO"),
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
EXERCISES["12.3"] = Exercise(
    ("Several networks, one map", "TODO"),
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
