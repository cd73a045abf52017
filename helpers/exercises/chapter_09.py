"""Chapter 09, Results: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def scores_with_border(tp, fp, fn, tn, border):
    tn = tn + border
    dice = 2 * tp / (2 * tp + fp + fn)
    accuracy = (tp + tn) / (tp + fp + fn + tn)
    return dice, tp / (tp + fn), tn / (tn + fp), accuracy


def _border_is_found(tp, fp, fn, tn, border):
    return scores_with_border(tp + border, fp, fn, tn, 0)


EXERCISES["09.1"] = Exercise(
    ("The free border", "TODO"),
    scores_with_border,
    ((443136, 65238, 134513, 3895256, 0), (443136, 65238, 134513, 3895256, 2061057)),
    ("Look for TN in each formula.", "在每个公式里找 TN。"),
    (
        (
            lambda *counts: scores_with_border(*counts[:4], 0),
            (
                "The border is black in label and prediction. Which count grows by it?",
                "边框在标签和预测里都是黑的。哪一个计数会因此变大？",
            ),
        ),
        (
            _border_is_found,
            (
                "Your Dice changed. Nobody found a vessel in the border: it is TN.",
                "你的 Dice 变了。边框里没有找到任何血管：它是 TN。",
            ),
        ),
    ),
    tolerance=1e-5,
)


def report_dice(val, test):
    return test[np.argmax(val)]


EXERCISES["09.2"] = Exercise(
    ("Which Dice to report", "TODO"),
    report_dice,
    (
        (np.array([0.61, 0.78, 0.80, 0.74]), np.array([0.64, 0.79, 0.77, 0.70])),
        (np.array([0.70, 0.75, 0.60]), np.array([0.72, 0.71, 0.73])),
    ),
    (
        "Who would choose the threshold for tomorrow's patient?",
        "明天来的病人，谁替他挑阈值？",
    ),
    (
        (
            lambda _val, test: np.max(test),
            (
                "This is the best of the test: the threshold was chosen there.",
                "这是测试集上的最大值：阈值是看着测试集挑的。",
            ),
        ),
        (
            lambda val, _test: np.max(val),
            (
                "The threshold is right, but this is the Dice on validation images.",
                "阈值选对了，但这是验证集上的 Dice。",
            ),
        ),
    ),
)


def bootstrap(counts):
    rng, dices = np.random.default_rng(1), []
    for _ in range(1000):
        draw = rng.integers(len(counts), size=len(counts))
        tp, fp, fn, _ = counts[draw].sum(0)
        dices.append(2 * tp / (2 * tp + fp + fn))
    return tuple(np.percentile(dices, [2.5, 97.5]))


def _pooled_dice(counts):
    tp, fp, fn, _ = np.moveaxis(counts, -1, 0)
    return 2 * tp / (2 * tp + fp + fn)


def _bootstrap_pixels(counts):
    total, rng = counts.sum(0), np.random.default_rng(1)
    draws = rng.multinomial(total.sum(), total / total.sum(), size=1000)
    return tuple(np.percentile(_pooled_dice(draws), [2.5, 97.5]))


def _bootstrap_of_means(counts):
    rng = np.random.default_rng(1)
    draws = rng.integers(len(counts), size=(1000, len(counts)))
    return tuple(np.percentile(_pooled_dice(counts)[draws].mean(1), [2.5, 97.5]))


# 20 eyes, (TP, FP, FN, TN) each: those with more vessel are also scored better.
TWENTY_EYES = np.array(
    [(12_000 + 900 * k, 5400 - 20 * k, 6500 - 20 * k, 190_000) for k in range(20)]
)
EXERCISES["09.4"] = Exercise(
    ("Bootstrap over eyes", "TODO"),
    bootstrap,
    ((TWENTY_EYES,),),
    (
        "Draw 20 rows with replacement, add them up, then one Dice. 1000 times.",
        "有放回地抽 20 行，先相加，再算一个 Dice。重复 1000 次。",
    ),
    (
        (
            _bootstrap_pixels,
            (
                "Are two neighbouring pixels two witnesses? Draw eyes, not pixels.",
                "相邻两个像素算两个独立的证人吗？抽的应该是眼睛，不是像素。",
            ),
        ),
        (
            _bootstrap_of_means,
            (
                "This is the mean of 20 Dices. Add the counts first: that is pooled.",
                "这是 20 个 Dice 的平均。合并的意思是先把计数相加。",
            ),
        ),
    ),
    tolerance=3e-3,
)
