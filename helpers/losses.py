"""Losses on logits: for vessels inside the field of view, and that of the paper.

In the first three ``logits``, ``vessels`` and ``fov`` are (B, 1, H, W) float tensors;
vessels and fov are 0 or 1.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from torch import Tensor
from torch.nn import functional


def bce_loss(logits: Tensor, vessels: Tensor, fov: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over the pixels inside the FOV (0 if none).

    Computed from logits, so it stays finite where the sigmoid rounds to 0 or 1.
    """
    each = functional.binary_cross_entropy_with_logits(
        logits, vessels, reduction="none"
    )
    return (each * fov).sum() / fov.sum().clamp(min=1)


def soft_dice_loss(
    logits: Tensor, vessels: Tensor, fov: Tensor, smooth: float = 1.0
) -> Tensor:
    """One minus the soft Dice coefficient, over all pixels of the batch in the FOV.

    ``smooth`` (pixels) is added above and below the fraction line; an empty target
    predicted empty then costs 0 and not 0 / 0. After Milletari et al., V-Net, 2016,
    with plain sums in the denominator.
    """
    probs, vessels = logits.sigmoid() * fov, vessels * fov
    overlap = (probs * vessels).sum()
    return 1 - (2 * overlap + smooth) / (probs.sum() + vessels.sum() + smooth)


def bce_dice_loss(
    logits: Tensor, vessels: Tensor, fov: Tensor, dice_weight: float = 0.5
) -> Tensor:
    """BCE plus ``dice_weight`` times the soft Dice loss."""
    dice = soft_dice_loss(logits, vessels, fov)
    return bce_loss(logits, vessels, fov) + dice_weight * dice


def weighted_cross_entropy(logits: Tensor, classes: Tensor, weight: Tensor) -> Tensor:
    """Soft-max and cross-entropy, each pixel times its weight; the mean of all pixels.

    logits (B, K, H, W), classes (B, H, W) int64 in 0 to K - 1, weight (B, H, W).
    Equation (1) of the U-Net paper, with the minus sign that is missing there, and
    divided by the number of pixels.
    """
    if weight.shape != classes.shape:
        raise ValueError(
            f"weight is {tuple(weight.shape)}, classes {tuple(classes.shape)}; both "
            "must be (B, H, W): drop a channel with weight[:, 0]"
        )
    return (weight * functional.cross_entropy(logits, classes, reduction="none")).mean()


def weight_map(labels: np.ndarray, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """Weigh the gaps between numbered cells: (H, W) int, 0 outside -> (H, W) float32.

    w = w_c + w0 exp(-(d1 + d2)^2 / (2 sigma^2)), equation (2) of the U-Net paper: d1
    and d2 are the distances in pixels of a background pixel to the nearest and the
    second nearest cell; inside a cell w = w_c. w_c alone gives both classes the same
    total and has a mean of 1; it is 1 where one class is missing.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype} {labels.shape}; needed is (H, W) int, a number "
            "for each cell: skimage.measure.label(cells[0], connectivity=1)"
        )
    nearest = np.full((2, *labels.shape), np.inf)
    reach = round(6 * sigma)  # further away the term is below w0 / 10^7
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            rows, columns = (
                slice(max(0, s.start - reach), s.stop + reach) for s in box
            )
            away = ndimage.distance_transform_edt(labels[rows, columns] != number)
            near = nearest[:, rows, columns]
            near[:] = np.sort([*near, away], axis=0)[:2]
    background = labels == 0
    share = background.mean()
    w_c = np.where(background, share, 1 - share)
    w_c = 0.5 / w_c if 0 < share < 1 else np.ones(labels.shape)
    gap = w0 * np.exp(-(nearest.sum(0) ** 2) / (2 * sigma**2))
    return (w_c + gap * background).astype(np.float32)
