"""Losses on logits, counted inside the field of view only.

Everywhere ``logits``, ``vessels`` and ``fov`` are (B, 1, H, W) float tensors; vessels
and fov are 0 or 1.
"""

from __future__ import annotations

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
