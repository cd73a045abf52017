"""Chapter 02, Just enough PyTorch: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np
import torch

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def convolve(image, kernel):
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    result = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            result[r, c] = (image[r : r + 3, c : c + 3] * kernel).sum()
    return result


def _convolve_flipped(image, kernel):
    return convolve(image, kernel[::-1, ::-1])


def _convolve_padded(image, kernel):
    return convolve(np.pad(image, 1), kernel)


_SLOPE = np.array([[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])

EXERCISES["02.1"] = Exercise(
    ("A convolution by hand", "TODO"),
    convolve,
    (
        (np.arange(25.0).reshape(5, 5) ** 2, _SLOPE),
        (np.arange(24.0).reshape(4, 6) ** 2, _SLOPE.T + np.eye(3)),
    ),
    (
        "Lay the kernel over rows r to r + 2 and columns c to c + 2, multiply each "
        "pair of numbers, add all nine. There are H - 2 by W - 2 places for it.",
        "把卷积核放在第 r 到 r+2 行、第 c 到 c+2 列上，对应相乘，九个积相加。"
        "一共有 (H-2) x (W-2) 个位置。",
    ),
    (
        (
            _convolve_flipped,
            (
                "You turned the kernel by half a turn first. Mathematics calls that "
                "convolution; nn.Conv2d leaves the kernel as it is.",
                "你先把卷积核旋转了 180 度。这是数学里的卷积；nn.Conv2d 不翻转卷积核。",
            ),
        ),
        (
            _convolve_padded,
            (
                "Your result is as large as the image: you padded it with zeros. Here "
                "only places count where the kernel lies fully on the image.",
                "你的结果和原图一样大，说明先补了零。这里只算卷积核完全落在图内的位置。",
            ),
        ),
    ),
)


def output_size(size, kernel, padding):
    return size + 2 * padding - kernel + 1


EXERCISES["02.2"] = Exercise(
    ("Output size", "TODO"),
    output_size,
    ((5, 3, 0), (5, 3, 1), (572, 3, 0), (20, 7, 2)),
    (
        "In how many places can a stick of length `kernel` lie on a line of length "
        "size + 2 * padding?",
        "一根长 kernel 的小棒，在长 size + 2 * padding 的线段上有多少个位置？",
    ),
    (
        (
            lambda size, kernel, padding: size + 2 * padding - kernel,
            (
                "One too few: a stick of length 3 on a line of length 3 lies in one "
                "place, not in none.",
                "少了 1：长 3 的小棒在长 3 的线段上有一个位置，不是零个。",
            ),
        ),
        (
            lambda size, kernel, padding: size + padding - kernel + 1,
            (
                "The padding is added on both sides, left and right.",
                "填充在两边都加，左边和右边各加一次。",
            ),
        ),
    ),
)


def segment(logits, threshold):
    return logits.sigmoid() > threshold


EXERCISES["02.3"] = Exercise(
    ("From logits to vessels", "TODO"),
    segment,
    (
        (torch.tensor([-2.0, 0.3, 2.0]), 0.5),
        (torch.tensor([[-0.2, 0.1], [0.6, 3.0]]), 0.4),
    ),
    (
        "Two steps: a probability first, logits.sigmoid(), then the comparison.",
        "分两步：先用 logits.sigmoid() 变成概率，再和阈值比较。",
    ),
    (
        (
            lambda logits, threshold: logits > threshold,
            (
                "You compared the logits themselves. A logit of 0.3 is the probability "
                "0.57; probability 0.5 is the logit 0.",
                "你直接比较了 logits。logit 0.3 就是概率 0.57；概率 0.5 是 logit 0。",
            ),
        ),
        (
            lambda logits, _threshold: logits.sigmoid(),
            (
                "These are probabilities; the answer is True or False for each pixel.",
                "这些还是概率；答案应当是每个像素的 True 或 False。",
            ),
        ),
    ),
)
