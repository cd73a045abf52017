"""Chapter 01, Set-up and a first look: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np

from helpers import fundus
from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def _field(diameter: int, above: int, left: int, right: int) -> np.ndarray:
    """Return a small field of view, a square in a wider frame, (1, H, W) bool."""
    inside = np.ones((1, diameter, diameter), dtype=bool)
    return np.pad(inside, ((0, 0), (above, 0), (left, right)))


def scale_factor(fov, known):
    return known / fundus.fov_diameter(fov)


EXERCISES["01.1"] = Exercise(
    ("Scale factor", "TODO"),
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
                "分子和分母颠倒了：系数大于 1 会放大照片。视野太大时应该缩小。",
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


def vessel_share(pred, fov):
    return pred[fov].mean()


EXERCISES["01.2"] = Exercise(
    ("Vessel share", "TODO"),
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
