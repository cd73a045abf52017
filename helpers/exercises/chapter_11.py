"""Chapter 11, Your own images: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np
from skimage.transform import resize

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def vessel_map(probs, shape, threshold):
    return resize(probs, shape, order=1) >= threshold


# A slope from 0 to 1, and a spot: small maps of a larger photograph.
SLOPE = np.linspace(0, 1, 6)[None] * np.ones((4, 1))
SPOT = np.zeros((5, 5))
SPOT[2, 2] = 1.0
EXERCISES["11.1"] = Exercise(
    ("Vessel map of the photograph's own size", "TODO"),
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


def threshold_for(probs, share):
    return np.quantile(probs, 1 - share)


# Most pixels are background: the threshold for 10 % is far from 0.1 and from 0.9.
PROBS = 0.8 * np.linspace(0, 1, 1001) ** 3
EXERCISES["11.2"] = Exercise(
    ("The threshold that marks a share", "TODO"),
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
