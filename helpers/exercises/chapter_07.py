"""Chapter 07, The network: references, cases and typical mistakes."""

from __future__ import annotations

import math

import torch

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def count_double_conv(i, o):
    return 9 * i * o + o + 9 * o * o + o


def padded_side(side, multiple):
    return -(-side // multiple) * multiple


def join_silent(skip, x):
    return torch.cat([torch.zeros_like(skip), x], dim=1)


def two_sigmoid_floor(share):
    on_vessels = math.log(1 + math.exp(-1))
    on_background = math.log(2)
    return share * on_vessels + (1 - share) * on_background


_TWO_AND_TWO = (torch.full((1, 2, 1, 2), 3.0), torch.full((1, 2, 1, 2), 5.0))

EXERCISES["07.2"] = Exercise(
    ("Count the paper's block", "TODO"),
    count_double_conv,
    ((1, 64), (64, 128), (512, 1024)),
    (
        "Each output channel has its own block of 3 x 3 x (input channels) weights and "
        "one bias.",
        "每个输出通道都有自己的一块权重，3 x 3 x 输入通道数个，再加一个偏置。",
    ),
    (
        (
            lambda i, o: 9 * i * o + 9 * o * o,
            (
                "The biases are missing: one number per output channel, twice.",
                "少了偏置：每个输出通道一个数，两次卷积共两组。",
            ),
        ),
        (
            lambda i, o: 9 * i * o + o + 9 * o + o,
            (
                "How many channels does the second convolution see? Not one.",
                "第二次卷积看到几个输入通道？不是一个。",
            ),
        ),
        (
            lambda i, o: 9 * i * o + 2 * o + 9 * o * o + 2 * o,
            (
                "That is the course's block, with batch norm. The paper's has none.",
                "这是课程的模块，带批归一化。论文的模块没有批归一化，但有偏置。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["07.3"] = Exercise(
    ("Pad to a multiple", "TODO"),
    padded_side,
    ((565, 8), (584, 8), (565, 16), (141, 8)),
    (
        "The smallest multiple that is not below the side.",
        "不小于边长的最小倍数。",
    ),
    (
        (
            lambda side, multiple: side // multiple * multiple,
            (
                "You rounded down: that cuts columns off instead of adding some.",
                "你向下取整了：这会切掉几列，而不是补上几列。",
            ),
        ),
        (
            lambda side, multiple: side + multiple - side % multiple,
            (
                "584 is a multiple of 8 already and needs nothing.",
                "584 已经是 8 的倍数，不用再补。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["07.4"] = Exercise(
    ("A silent skip", "TODO"),
    join_silent,
    (_TWO_AND_TWO,),
    (
        "The next convolution expects 2C channels, the skip first. Give it 2C, half of "
        "them zeros.",
        "下一层卷积要 2C 个通道，跳跃连接在前。给它 2C 个，其中一半是零。",
    ),
    (
        (
            lambda _skip, x: x,
            (
                "Half the channels are gone: the convolution expects 2C and gets C.",
                "少了一半通道：卷积要 2C 个，只得到 C 个。",
            ),
        ),
        (
            lambda skip, x: torch.cat([skip, torch.zeros_like(x)], dim=1),
            (
                "You silenced what came from below; the skip still speaks.",
                "被你清零的是从下面上来的特征图，跳跃连接还在。",
            ),
        ),
    ),
)
EXERCISES["07.5"] = Exercise(
    ("The floor of two sigmoids", "TODO"),
    two_sigmoid_floor,
    ((0.127,), (0.5,), (0.02,)),
    (
        "What reaches the loss as a logit lies in 0 to 1. Which end is best for a "
        "vessel pixel, which for background, and what does each cost?",
        "到达损失函数的数在 0 到 1 之间，却被当作 logit。血管像素最好取哪一端，背景呢？"
        "各自的损失是多少？",
    ),
    (
        (
            lambda _share: 0.0,
            (
                "0 needs logits without bounds. Here they end at 0 and at 1.",
                "损失要到 0，logit 必须没有上下界。这里它只能在 0 到 1 之间。",
            ),
        ),
        (
            lambda share: two_sigmoid_floor(1 - share),
            (
                "Vessel and background are exchanged: `share` is that of the vessels.",
                "血管和背景颠倒了：`share` 是血管像素占比。",
            ),
        ),
    ),
)
