"""Chapter 14, Your turn: questions, references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np

from helpers.questions import Between, Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}

CONTRACTS["14.baseline"] = Contract(
    (
        "Dice of the unchanged network on the development eyes",
        "没有改动的网络在开发集上的 Dice",
    ),
    {"CHASEDB1": 0.7561, "PHANTOM": 0.6752},
    tolerance=0.003,
    modes=("lesson", "full"),
)
CONTRACTS["14.twenty"] = Contract(
    (
        "the best of twenty equals, in standard deviations",
        "二十个同样好的里最好的，多少个标准差",
    ),
    1.867,
    tolerance=0.03,
)

QUESTIONS["14.1"] = Question(
    (
        "how good the best of twenty equals looks",
        "二十个同样好的里，最好的看上去好多少",
    ),
    answer=1.867,
    tolerance=0.15,
    hints=(
        (
            "Each looks better than the baseline in half of the cases. You keep only "
            "the one that was luckiest.",
            "每一种都有一半的机会看上去比基线好，而你只留下运气最好的那一种。",
        ),
        (
            "About one draw in forty lies more than two standard deviations up, one in "
            "six more than one. How far up does the highest of twenty come?",
            "大约四十次里有一次高出两个标准差以上，六次里有一次高出一个标准差以上。"
            "二十次里最高的一次，会高出多少？",
        ),
    ),
    reason=(
        "{answer} standard deviations, from nothing but luck: none of the twenty is "
        "better. Of a hundred, the best would look 2.5 better.",
        "{answer} 个标准差，全凭运气：二十种做法没有一种真的更好。要是有一百种，"
        "最好的会看上去高出 2.5 个。",
    ),
    mistakes=(
        (
            Between(-0.2, 0.3),
            (
                "That is any one of the twenty, on average. You keep the largest.",
                "这是随便取一种的平均。你留下的是最大的那一种。",
            ),
        ),
        (
            Between(2.6, 1000),
            (
                "So far up lies fewer than one draw in two hundred; you have twenty.",
                "两百次里也难得有一次高出这么多，你只有二十次。",
            ),
        ),
    ),
    known=("1.87", "1.867"),
)


def kept(events):
    return events[:1] == ["plan"] and events.count("submit") == 1


EXERCISES["14.2"] = Exercise(
    ("Was the protocol kept?", "检查是否遵守规则"),
    kept,
    (
        (["plan", "measure", "measure", "submit"],),
        (["plan", "submit"],),
        (["measure", "plan", "measure", "submit"],),
        (["plan", "measure", "submit", "measure", "submit"],),
        (["plan", "measure"],),
        ([],),
    ),
    (
        "Two conditions: what comes first, and how often is submitted?",
        "两个条件：排在最前面的是什么？提交了几次？",
    ),
    (
        (
            lambda events: "plan" in events and events.count("submit") == 1,
            (
                "A plan that comes after a measurement is a summary. Where must it be?",
                "测过之后才写的计划，只是总结。计划应当排在哪里？",
            ),
        ),
        (
            lambda events: events[:1] == ["plan"] and "submit" in events,
            (
                "You let a second submission pass.",
                "第二次提交也被你放过去了。",
            ),
        ),
        (
            lambda events: events[:1] == ["plan"] and events.count("submit") <= 1,
            (
                "Where nothing is submitted there is nothing to grade: not kept yet.",
                "什么都没提交，就没有可评分的：这还不算做完。",
            ),
        ),
        (
            lambda events: events[0] == "plan" and events.count("submit") == 1,
            (
                "The list may be empty, and then it has no first element. A slice such "
                "as `events[:1]` never fails.",
                "列表可能是空的，这时没有第一个元素。`events[:1]` 这样的切片不会出错。",
            ),
        ),
    ),
)


def best_threshold(probs, labels, candidates):
    p, y = np.concatenate(probs), np.concatenate(labels)
    dice = [2 * (p >= t)[y].sum() / ((p >= t).sum() + y.sum()) for t in candidates]
    return candidates[int(np.argmax(dice))]


def _mean_of_eyes(probs, labels, candidates):
    def dice(p, y, t):
        return 2 * (p >= t)[y].sum() / ((p >= t).sum() + y.sum())

    means = [
        np.mean([dice(p, y, t) for p, y in zip(probs, labels, strict=True)])
        for t in candidates
    ]
    return candidates[int(np.argmax(means))]


def _accuracy(probs, labels, candidates):
    p, y = np.concatenate(probs), np.concatenate(labels)
    return candidates[int(np.argmax([((p >= t) == y).mean() for t in candidates]))]


def _dice_itself(probs, labels, candidates):
    p, y = np.concatenate(probs), np.concatenate(labels)
    return max(2 * (p >= t)[y].sum() / ((p >= t).sum() + y.sum()) for t in candidates)


def _eyes() -> tuple:
    """Return a large eye, a small one that wants another threshold, and candidates."""
    rng = np.random.default_rng(0)
    labels = [rng.random(400) < 0.15, rng.random(40) < 0.3]
    probs = [
        np.clip(0.3 * y + level + 0.18 * rng.standard_normal(len(y)), 0, 1)
        for y, level in zip(labels, (0.5, 0.15), strict=True)
    ]
    return probs, labels, np.linspace(0.1, 0.9, 17)


EXERCISES["14.3"] = Exercise(
    ("The threshold of the development eyes", "由开发集选阈值"),
    best_threshold,
    (_eyes(), ([np.array([0.2, 0.6, 0.7])], [np.array([False, True, True])],
               np.array([0.5, 0.65, 0.9]))),
    (
        "Put the eyes' pixels one behind the other; a Dice for each candidate; return "
        "the candidate, not its Dice.",
        "先把各只眼睛的像素接在一起；每个候选阈值算一个 Dice；返回阈值，不是 Dice。",
    ),
    (
        (
            _dice_itself,
            (
                "This is the best Dice. Which candidate gave it?",
                "这是最高的 Dice。是哪个候选阈值给出的？",
            ),
        ),
        (
            _mean_of_eyes,
            (
                "The mean of single Dices lets a small eye weigh as much as a large "
                "one. Pool the pixels, as the score does.",
                "逐只算 Dice 再平均，小眼睛和大眼睛就一样重。评分时像素合在一起算。",
            ),
        ),
        (
            _accuracy,
            (
                "Accuracy is ruled by the background: fewer marks look better. Take "
                "Dice.",
                "准确率由背景说了算：标得越少越好看。应当用 Dice。",
            ),
        ),
    ),
)  # fmt: skip

QUESTIONS["14.4"] = Question(
    ("which score is still honest", "哪个分数还可信"),
    answer="auc",
    hints=(
        (
            "What goes into each of the two, beside the probabilities and the label?",
            "除了概率和标签，这两个分数各自还用到什么？",
        ),
        (
            "Move the threshold from 0.4 to 0.6 and leave the probabilities alone. "
            "Which of the two stays as it was?",
            "把阈值从 0.4 改成 0.6，概率不动。两个分数里，哪一个不变？",
        ),
    ),
    reason=(
        "AUC asks only for the order of the probabilities, and no threshold is in it. "
        "Dice was made as high as these very eyes allow. Had the network been chosen "
        "by the test eyes, the AUC would be flattered, too.",
        "AUC 只看概率的先后次序，里面没有阈值。Dice 却是照着这几只眼睛调到最高的。"
        "要是连网络也由测试集来选，AUC 同样会偏高。",
    ),
    mistakes=(
        (
            "both",
            (
                "One of the two was made as high as these very eyes allow.",
                "其中一个是照着这几只眼睛调到最高的。",
            ),
        ),
        (
            "neither",
            (
                "The probabilities were submitted before anybody saw a score.",
                "概率是在看到任何分数之前提交的。",
            ),
        ),
    ),
    offers=("dice", "auc", "both", "neither"),
)

QUESTIONS["14.5"] = Question(
    ("selections of four children, order aside", "四个孩子有几种抽法，不计次序"),
    answer=35,
    hints=(
        (
            "Only how often each of the four comes matters: twice, once, once, never, "
            "for example.",
            "只看四个孩子各被抽到几次，例如两次、一次、一次、零次。",
        ),
        (
            "Put four marks in a row, one a draw, and three bars that part the "
            "children. In how many ways can seven places be dealt out?",
            "把四次抽取画成四个点，再用三条竖线把孩子隔开，一共七个位置。有几种排法？",
        ),
    ),
    reason=(
        "{answer}: no more different scores than that carry the interval, and one of "
        "them is four times the same child. Rough, and mostly too narrow.",
        "{answer} 种：撑起这个区间的，最多也就这么多个不同的分数，其中还有四次都抽到"
        "同一个孩子的。所以它很粗略，而且往往偏窄。",
    ),
    mistakes=(
        (
            256,
            (
                "That counts the order: first child 11, then 12 is the same selection "
                "as first 12, then 11.",
                "这把次序也算进去了：先抽 11 再抽 12，和先 12 再 11 是同一种。",
            ),
        ),
        (
            24,
            (
                "That is in how many orders all four can come. They are drawn with "
                "replacement.",
                "这是四个人全抽到时的排列数。可抽取是有放回的。",
            ),
        ),
        (
            1,
            (
                "Without replacement it would be one. A child can come twice.",
                "不放回才只有一种。同一个孩子可以抽到两次。",
            ),
        ),
        (
            1000,
            (
                "That is how often is drawn. Many draws are the same selection.",
                "这是抽的次数，其中许多次抽到的是同一种组合。",
            ),
        ),
    ),
)
