"""Chapter 08, Training: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np
import torch

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def dice_loss(logits, y):
    p = 1 / (1 + np.exp(-logits))
    return 1 - 2 * (p * y).sum() / (p.sum() + y.sum())


def _hard_dice_loss(logits, y):
    pred = logits > 0
    return 1 - 2 * (pred * y).sum() / (pred.sum() + y.sum())


def _dice_loss_of_logits(logits, y):
    return 1 - 2 * (logits * y).sum() / (logits.sum() + y.sum())


EXERCISES["08.2"] = Exercise(
    ("Soft Dice loss", "TODO"),
    dice_loss,
    (
        (np.log([9, 1.5, 1 / 4, 1 / 9]), np.array([1.0, 1, 0, 0])),
        (np.array([2.0, -1, 0.5, -3, 1]), np.array([1.0, 1, 0, 0, 0])),
    ),
    (
        "p = sigmoid(logits); then twice the sum of p * y over (sum of p + sum of y).",
        "p = sigmoid(logits)；分子是 p * y 之和的两倍，分母是 p 之和加 y 之和。",
    ),
    (
        (
            _hard_dice_loss,
            (
                "A threshold is a step with slope zero: nothing is learnt through it.",
                "阈值是台阶，斜率为零，梯度传不过去。",
            ),
        ),
        (
            _dice_loss_of_logits,
            (
                "The sums are over logits, which have no bounds. Where is the sigmoid?",
                "你加的是 logits，它没有上下界。sigmoid 在哪里？",
            ),
        ),
    ),
)


def two_steps(weight, learning_rate):
    w, x, y = torch.tensor(weight, requires_grad=True), 1.0, 3.0
    optimizer = torch.optim.SGD([w], learning_rate)
    for _ in range(2):
        optimizer.zero_grad()
        logits = w * x
        loss = (logits - y) ** 2
        loss.backward()
        optimizer.step()
    return w.item()


def _two_steps_never_cleared(weight, rate):
    gradient = 0.0
    for _ in range(2):
        gradient += 2 * (weight - 3)
        weight -= rate * gradient
    return weight


EXERCISES["08.3"] = Exercise(
    ("Five lines in order", "TODO"),
    two_steps,
    ((2.0, 0.1), (-1.0, 0.2)),
    (
        "Forward, loss, then backward, then step. One of the six lines is false.",
        "先前向，再算损失，然后 backward，最后 step。六行里有一行是多余的错误。",
    ),
    (
        (
            _two_steps_never_cleared,
            (
                "backward adds to the gradient that is there. When must it be cleared?",
                "backward 是累加。什么时候必须清零？",
            ),
        ),
        (
            lambda weight, _rate: weight,
            (
                "Nothing moved: the gradient was wiped before step could use it.",
                "权重没有动：step 用到梯度之前，梯度已经被清掉了。",
            ),
        ),
    ),
)


def diagnose(curve):
    causes = {
        "a": "overfitting",
        "b": "prevalence",
        "c": "learning rate",
        "d": "normal",
    }
    return causes[curve]


EXERCISES["08.4"] = Exercise(
    ("Four curves", "TODO"),
    diagnose,
    tuple((curve,) for curve in "abcd"),
    (
        "What does the curve level off at? When do the two lines part?",
        "曲线停在哪个高度？两条线从哪里分开？",
    ),
    (
        (
            lambda curve: "leak" if curve == "d" else diagnose(curve),
            (
                "Are the two curves measured on the same kind of picture, in one mode?",
                "两条曲线是在同样的条件下量的吗？",
            ),
        ),
    ),
)
