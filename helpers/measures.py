"""From a vessel map to numbers: share, length of the centre lines, branches, ends.

Numbers of one camera at one setting may be compared; across cameras or weights they
may not, and none of them is a calibre. results/agreement.json has how far they agree
with those of labels. VascX, PVBM and AutoMorph measure more.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from . import fundus, metrics
from .evaluation import SPECK
from .inference import DIAMETER, scale_to


def vessel_measures(pred: np.ndarray, fov: np.ndarray) -> dict[str, float]:
    """Measure a vessel map inside the field of view, two (1, H, W) bool arrays.

    vessel_share : of the field of view, 0 to 1;
    skeleton_length : of the centre lines, in pixels; a step aside counts sqrt(2);
    skeleton_per_diameter : the same in diameters of the field of view;
    branch_points, end_points : of the centre lines; where several pixels of one
    crossing touch, they count once. Centre lines are those of pieces of at least 30
    pixels at DRIVE's resolution; smaller ones are noise, and each would have two ends.
    """
    inside, diameter = fov[0], fundus.fov_diameter(fov)
    speck = round(SPECK / scale_to(DIAMETER, diameter) ** 2)
    thin = skeletonize(metrics.remove_specks(pred & fov, speck)[0])
    neighbours = ndimage.convolve(thin.astype(np.uint8), np.ones((3, 3), np.uint8))
    neighbours = np.where(thin, neighbours - 1, 0)
    around = np.ones((3, 3))
    length = skeleton_length(thin)
    return {
        "vessel_share": float((pred[0] & inside).sum() / inside.sum()),
        "skeleton_length": length,
        "skeleton_per_diameter": length / diameter,
        "branch_points": int(ndimage.label(neighbours > 2, around)[1]),
        "end_points": int((neighbours == 1).sum()),
    }


def skeleton_length(thin: np.ndarray) -> float:
    """Return the length in pixels of lines one pixel wide, (H, W) bool.

    Steps to a neighbour above, below or beside count 1, diagonal ones sqrt(2), unless
    two straight ones lead the same way.
    """
    straight = (thin[1:] & thin[:-1]).sum() + (thin[:, 1:] & thin[:, :-1]).sum()
    diagonal = 0
    for a, b, c, d in (
        (thin[1:, 1:], thin[:-1, :-1], thin[1:, :-1], thin[:-1, 1:]),
        (thin[1:, :-1], thin[:-1, 1:], thin[1:, 1:], thin[:-1, :-1]),
    ):
        diagonal += (a & b & ~c & ~d).sum()
    return float(straight + np.sqrt(2) * diagonal)
