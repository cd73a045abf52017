"""Chapter 01, Set-up and a first look: what it asks, and what it claims."""

from __future__ import annotations

import numpy as np

from helpers import fundus
from helpers.questions import Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}

QUESTIONS["01.1"] = Question(
    ("left or right eye", "左眼还是右眼"),
    answer="left",
    hints=(
        (
            "Find the bright optic disc. It lies on the side of the nose.",
            "先找明亮的视盘，它在鼻子一侧。",
        ),
        (
            "Imagine someone who faces you, and go from one of their eyes to the nose: "
            "which way is that for you?",
            "想象有人面对着你，从他的一只眼睛移向鼻子：在你看来是往哪边？",
        ),
    ),
    reason=(
        "The optic disc, on the side of the nose, is at the left of the picture. When "
        "you face someone, the nose is to the left of their left eye.",
        "视盘在鼻子一侧，在图的左边；面对一个人时，鼻子在他左眼的左边。",
    ),
    mistakes=(
        (
            "right",
            (
                "Is it your own eye that you think of? The picture is the eye of "
                "someone who faces you.",
                "你想的是不是自己的眼睛？图上是面对你的人的眼睛。",
            ),
        ),
    ),
    offers=("left", "right"),
)


def _field(diameter: int, above: int, left: int, right: int) -> np.ndarray:
    """Return a small field of view, a square in a wider frame, (1, H, W) bool."""
    inside = np.ones((1, diameter, diameter), dtype=bool)
    return np.pad(inside, ((0, 0), (above, 0), (left, right)))


def scale_factor(fov, known):
    return known / fundus.fov_diameter(fov)


EXERCISES["01.2"] = Exercise(
    ("Scale factor", "缩放系数"),
    scale_factor,
    ((_field(2, 1, 1, 2), 1.0), (_field(3, 0, 1, 0), 6.0)),
    (
        "The factor times the diameter in this photograph gives the known diameter.",
        "缩放系数乘以这张照片的视野直径，应当等于网络熟悉的直径。",
    ),
    (
        (
            lambda fov, known: fundus.fov_diameter(fov) / known,
            (
                "Upside down: with a factor above 1 the photograph would grow. Must a "
                "field of view that is too wide grow or shrink?",
                "分子和分母颠倒了：系数大于 1 会放大照片。视野太大时，"
                "照片该放大还是缩小？",
            ),
        ),
        (
            lambda fov, known: known / fov.shape[2],
            (
                "You divided by the width of the frame. Black borders differ between "
                "cameras; the lit disc is the same piece of the eye.",
                "你除以了整幅图的宽度。各种相机的黑边不一样，圆盘才对应眼底同一块区域。",
            ),
        ),
    ),
)

QUESTIONS["01.3"] = Question(
    ("vessels lost at four times the size", "放到四倍大时丢掉的血管"),
    answer="wide",
    hints=(
        (
            "The network recognises what is like something it was trained on. Which "
            "vessels are like nothing that it knows now?",
            "网络认得和训练时见过的相像的东西。现在哪种血管和它见过的都不像？",
        ),
        (
            "It knows vessels of about 1 to 10 pixels. Multiply the width of the "
            "finest and of the broadest by four.",
            "它熟悉的血管宽约 1 到 10 个像素。把最窄的和最宽的都乘以四。",
        ),
    ),
    reason=(
        "Four times as large, a thin vessel looks like a broad one that it knows; it "
        "has no example of a wide one.",
        "放到四倍大，细血管像它熟悉的粗血管；粗血管却没有任何样本可比。",
    ),
    mistakes=(
        (
            "thin",
            (
                "They are the first to go when the photograph is too small. Here it is "
                "too large.",
                "照片太小时先丢它们。这里照片太大。",
            ),
        ),
    ),
    offers=("thin", "wide"),
)


def vessel_share(pred, fov):
    return pred[fov].mean()


EXERCISES["01.4"] = Exercise(
    ("Vessel share", "血管占比"),
    vessel_share,
    (
        (np.array([[[0, 0, 0, 0], [0, 1, 0, 0]]]) > 0, _field(2, 0, 1, 1)),
        (np.array([[[1, 0, 0, 0], [1, 1, 0, 1]]]) > 0, _field(2, 0, 1, 1)),
    ),
    (
        "Count the vessel pixels inside the field of view, then divide by all the "
        "pixels inside the field of view.",
        "先数视野内的血管像素，再除以视野内的像素总数。",
    ),
    (
        (
            lambda pred, fov: (pred & fov).mean(),
            (
                "You divided by the whole frame. Nobody looks for vessels in the black "
                "border: leave it out.",
                "你除以了整幅图的像素数。黑边里没有眼底，不应计入分母。",
            ),
        ),
        (
            lambda pred, _fov: pred.mean(),
            (
                "Here every pixel of the frame counts, above and below. Use only those "
                "where fov is True: pred[fov].",
                "这里分子和分母都用了整幅图。只取 fov 为 True 的像素：pred[fov]。",
            ),
        ),
        (
            lambda pred, fov: pred.sum() / fov.sum(),
            (
                "Vessel pixels outside the field of view got into your count.",
                "视野外的血管像素也被你数进去了。",
            ),
        ),
    ),
)

PIXELS = 1411 * 1411

QUESTIONS["01.5"] = Question(
    ("labels for this photograph", "这张照片的标签数"),
    answer=PIXELS,
    hints=(
        (
            "To segment is to label each pixel.",
            "分割是给每个像素一个标签。",
        ),
        (
            "How many pixels are in 1411 rows of 1411?",
            "1411 行，每行 1411 个，一共有多少个像素？",
        ),
    ),
    reason=(
        "One label a pixel, rows times columns: {answer}.",
        "每个像素一个标签，行数乘以列数：{answer}。",
    ),
    tolerance=0,
    mistakes=(
        (
            1,
            (
                "One label for the whole image: that is classification.",
                "整幅图一个标签，那是分类。",
            ),
        ),
        (
            2,
            (
                "There are two kinds of label, vessel and not. How many were given?",
                "标签有两种：是血管、不是血管。一共给出了多少个？",
            ),
        ),
        (
            3 * PIXELS,
            (
                "Red, green and blue are three values of one pixel.",
                "红、绿、蓝是同一个像素的三个值。",
            ),
        ),
    ),
    known=("1,990,921", "1990921"),
)

CONTRACTS["01.fov"] = Contract(
    ("width of the field of view in pixels", "视野的宽度（像素）"), 1395, 1
)
CONTRACTS["01.share"] = Contract(
    ("share of vessel in the field of view", "视野内的血管占比"), 0.177, 0.002
)
CONTRACTS["01.parameters"] = Contract(
    ("parameters of the network", "网络的参数个数"), 482_881
)
