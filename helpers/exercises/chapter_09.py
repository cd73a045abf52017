"""Chapter 09, Results: questions, exercises and the numbers that it claims."""

from __future__ import annotations

import numpy as np

from helpers.questions import Between, Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


def report_dice(val, test):
    return test[np.argmax(val)]


EXERCISES["09.1"] = Exercise(
    ("Which Dice to report", "报告哪一个 Dice"),
    report_dice,
    (
        (np.array([0.61, 0.78, 0.80, 0.74]), np.array([0.64, 0.79, 0.77, 0.70])),
        (np.array([0.70, 0.75, 0.60]), np.array([0.72, 0.71, 0.73])),
    ),
    (
        "Who would choose the threshold for tomorrow's patient?",
        "明天来的患者，谁替他挑阈值？",
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


QUESTIONS["09.2"] = Question(
    (
        "Dice of the second observer against the first",
        "第二标注者对照第一标注者的 Dice",
    ),
    answer=lambda dice: dice,
    hints=(
        (
            "Thin vessels and rims: how much of a vessel two pixels wide is one pixel?",
            "想想细血管和边缘：两个像素宽的血管，边缘差一个像素，面积差多少？",
        ),
        (
            "[04-23] in chapter 04 scored two annotators, all pixels in one pot. These "
            "two agree about as well.",
            "第 04 章的 [04-23] 把所有像素放在一起，给两位标注者评过分。"
            "这里的两位，一致程度差不多。",
        ),
    ),
    reason=(
        "Two careful people agree on the wide vessels and part on rims and thin twigs; "
        "with this much rim that costs a fifth of the Dice on DRIVE.",
        "两个认真的人，粗血管上看法一致，分歧在边缘和细枝；血管的边缘这么多，"
        "在 DRIVE 上就扣掉了 Dice 的五分之一。",
    ),
    tolerance=0.012,
    mistakes=(
        (
            Between(0.9, 1),
            (
                "Two people never draw the same line, and the rim counts, too.",
                "两个人画出的线从来不会完全一样，边缘上的差别也要算。",
            ),
        ),
        (
            Between(0, 0.6),
            (
                "That would be two people who see different trees. On wide vessels, "
                "which hold most of the pixels, they agree.",
                "那样的话，两个人看到的就不是同一棵树了。大部分像素在粗血管里，"
                "在那里他们是一致的。",
            ),
        ),
    ),
    known=("0.789", "0.7891"),
)


def scores_with_border(tp, fp, fn, tn, border):
    tn = tn + border
    dice = 2 * tp / (2 * tp + fp + fn)
    accuracy = (tp + tn) / (tp + fp + fn + tn)
    return dice, tp / (tp + fn), tn / (tn + fp), accuracy


def _border_is_found(tp, fp, fn, tn, border):
    return scores_with_border(tp + border, fp, fn, tn, 0)


EXERCISES["09.3"] = Exercise(
    ("The free border", "白送的黑边"),
    scores_with_border,
    ((443136, 65238, 134513, 3895256, 0), (443136, 65238, 134513, 3895256, 2061057)),
    ("Look for TN in each formula.", "在每个公式里找 TN。"),
    (
        (
            lambda *counts: scores_with_border(*counts[:4], 0),
            (
                "The border is black in label and prediction. Which count grows by it?",
                "黑边在标签和预测里都是黑的。哪一个计数会因此变大？",
            ),
        ),
        (
            _border_is_found,
            (
                "Your Dice changed. Nobody found a vessel in the border: it is TN.",
                "你的 Dice 变了。黑边里没有找到任何血管：它是 TN。",
            ),
        ),
    ),
    tolerance=1e-5,
)


_FIVE = ("auc_roc", "dice", "sensitivity", "specificity", "accuracy")


def _risen(inside, frame):
    return {key for key in _FIVE if frame[key] - inside[key] > 0.002}


QUESTIONS["09.4"] = Question(
    (
        "what rises by more than 0.002 with the border",
        "算上黑边，哪些分数升高 0.002 以上",
    ),
    answer=_risen,
    hints=(
        (
            "Look for TN in each formula. And on which axis of the ROC curve does it "
            "stand?",
            "在每个公式里找 TN。还有，它在 ROC 曲线的哪一条轴上？",
        ),
        (
            "The border is many pixels that nobody marks. Two formulas count them as "
            "right; one area is drawn over 1 - Sp, which they make smaller.",
            "黑边是一大片谁也没有标的像素。有两个公式把它们算作判对；"
            "还有一个面积，它的横轴 1 - Sp 因此变小，曲线向左移。",
        ),
    ),
    reason=(
        "The border adds TN and nothing else. Dice and sensitivity have no TN in them.",
        "黑边只增加 TN。Dice 和灵敏度的公式里没有 TN。",
    ),
    mistakes=(
        (
            set(_FIVE),
            (
                "Write the formula of each. Not all of them have TN in it.",
                "把公式都写出来：不是每个都含有 TN。",
            ),
        ),
        (
            {"specificity", "accuracy"},
            (
                "These two have TN in their formula. But there is one more: what is "
                "drawn against 1 - Sp?",
                "这两个公式里有 TN。可是还差一个：哪条曲线以 1 - Sp 为横轴？",
            ),
        ),
        (
            {"accuracy"},
            (
                "It has TN in its formula. It is not the only one.",
                "它的公式里有 TN，但不只是它有。",
            ),
        ),
    ),
)
QUESTIONS["09.5"] = Question(
    ("what changes when p becomes its square", "把 p 换成它的平方，哪些会变"),
    answer={"dice at 0.5"},
    hints=(
        (
            "Did any two pixels change places in the order?",
            "有没有两个像素的排序颠倒了？",
        ),
        (
            "Squared, 0.6 becomes 0.36. Which pixels does a cut at 0.36 mark now, and "
            "which did one at 0.6 mark before? And a cut that stays in its place?",
            "0.6 平方是 0.36。平方以后，阈值 0.36 标出哪些像素？平方以前，阈值 0.6 呢？"
            "如果阈值不跟着动呢？",
        ),
    ),
    reason=(
        "Squaring keeps the order, so both areas stay, and the best threshold moves "
        "along to its own square. Only the threshold that stays at 0.5 marks other "
        "pixels than before.",
        "平方不改变排序，所以两个面积都不变，最好的阈值也变成它自己的平方。"
        "只有固定在 0.5 的阈值，标出的像素和以前不同。",
    ),
    mistakes=(
        (
            {"auc_roc", "auc_pr", "dice at 0.5", "best dice"},
            (
                "All values got smaller, but their order is the same.",
                "所有的值都变小了，但排序没有变。",
            ),
        ),
        (
            {"dice at 0.5", "best dice"},
            (
                "The areas stay, yes. For one of the two the threshold may move along.",
                "面积确实不变。不过这两个里，有一个的阈值可以跟着移动。",
            ),
        ),
    ),
    also=(("dice at 0.5", ("This one and no other.", "只有这一个。")),),
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
EXERCISES["09.6"] = Exercise(
    ("Bootstrap over eyes", "对眼睛做自助法"),
    bootstrap,
    ((TWENTY_EYES,),),
    (
        "Draw as many rows as there are, with replacement, add them up, then one "
        "Dice. 1000 times.",
        "有放回地抽出同样多行，先相加，再算一个 Dice。重复 1000 次。",
    ),
    (
        (
            _bootstrap_pixels,
            (
                "Are two neighbouring pixels two witnesses? Draw eyes, not pixels.",
                "相邻两个像素算两个独立的样本吗？抽的应该是眼睛，不是像素。",
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


def _judged(first, second):
    gap = second - first
    return "level" if abs(gap) < 0.01 else "lower" if gap < 0 else "higher"


QUESTIONS["09.7"] = Question(
    (
        "the network against the second observer, compared with the first",
        "网络对照第二标注者，和对照第一标注者相比",
    ),
    answer=_judged,
    hints=(
        (
            "A drawing is the vessels and the chance slips of one hand. Which of the "
            "two can be learnt from many eyes?",
            "一张标注里有血管，也有某个人手上的偶然偏差。看许多只眼睛，能学到的是哪一样？",
        ),
        (
            "Slips cannot be foretold, so the network carries nobody's. Then it agrees "
            "more with the one whose own drawing has fewer of them.",
            "偶然的偏差无法预知，网络也就不带任何人的偏差。那么，谁自己的偏差少，"
            "它就和谁更一致。",
        ),
    ),
    reason=(
        "Having been taught by one person does not bind the network to that person's "
        "slips.",
        "网络跟着一个人学，不等于学到了这个人的偏差。",
    ),
    mistakes=(
        (
            "lower",
            (
                "So it would be if the network had learnt its teacher's slips. Can "
                "they be learnt?",
                "如果网络连“老师”的偏差也学会了，就会这样。偏差学得会吗？",
            ),
        ),
    ),
    offers=("lower", "level", "higher"),
)

CONTRACTS["09.shipped"] = Contract(
    (
        "AUC and Dice of the shipped network",
        "课程附带的网络的 AUC 和 Dice",
    ),
    {"DRIVE": (0.9804, 0.8247)},
    tolerance={"cpu": 1e-3, "cuda": 3e-3},
)
CONTRACTS["09.person"] = Contract(
    ("Dice of the second observer", "第二标注者的 Dice"),
    {"DRIVE": 0.7891},
    tolerance=5e-5,
)
CONTRACTS["09.border"] = Contract(
    (
        "accuracy without and with the border",
        "不算黑边和算上黑边的准确率",
    ),
    (0.9560, 0.9697),
    tolerance=5e-5,
)
CONTRACTS["09.square"] = Contract(
    (
        "the best threshold after squaring, less the square of the one before",
        "平方后的最好阈值，减去原来最好阈值的平方",
    ),
    0,
    tolerance=2e-3,
)
