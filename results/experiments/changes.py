"""What only experiments do to the recipe and to photographs."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from helpers import augment as augmentation
from helpers import losses


def bent(
    image: Tensor, patch_size: int, generator: torch.Generator, **affine
) -> Tensor:
    """Draw where each pixel of the patches looks, as ``augment`` does."""
    size, device = (len(image), patch_size, generator), image.device
    offsets = augmentation.affine_grid(*size, device=device, **affine)
    return offsets + augmentation.elastic_displacement(*size, sd=4.0, device=device)


def mild(
    image: Tensor,
    vessels: Tensor,
    fov: Tensor,
    patch_size: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Augment less: scale up to 1.2, light +-20 %, sharpness as it is."""
    offsets = bent(image, patch_size, generator, scale=1.2)
    image = augmentation.warp(image, offsets, "bilinear")
    image = augmentation.random_grey(image, generator, contrast=0.2, shift=0.2)
    labels = augmentation.warp(torch.cat([vessels, fov], 1), offsets, "nearest")
    return image, labels[:, :1], labels[:, 1:]


def soft_rims(
    image: Tensor,
    vessels: Tensor,
    fov: Tensor,
    patch_size: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Augment as the recipe does, but interpolate the label: 0 to 1 at the rims."""
    offsets = bent(image, patch_size, generator)
    image = augmentation.warp(image, offsets, "bilinear")
    image = augmentation.random_sharpness(image, generator)
    image = augmentation.random_grey(image, generator)
    vessels = augmentation.warp(vessels, offsets, "bilinear")
    return image, vessels, augmentation.warp(fov, offsets, "nearest")


def soft_skeleton(x: Tensor, reach: int = 5) -> Tensor:
    """Thin a map of values 0 to 1 to its ridges, by minima and maxima alone.

    (B, 1, H, W) -> the same. What an opening takes away is ridge; then the map is
    eroded by a pixel and asked again, ``reach`` times: half the width in pixels of
    the widest vessel. Shit et al., CVPR 2021, algorithm 1.
    """

    def eroded(x: Tensor) -> Tensor:
        rows = functional.max_pool2d(-x, (3, 1), 1, (1, 0))
        return -torch.maximum(rows, functional.max_pool2d(-x, (1, 3), 1, (0, 1)))

    def ridges(x: Tensor) -> Tensor:
        return functional.relu(x - functional.max_pool2d(eroded(x), 3, 1, 1))

    skeleton = ridges(x)
    for _ in range(reach):
        x = eroded(x)
        skeleton = skeleton + (1 - skeleton) * ridges(x)
    return skeleton


def soft_cldice_loss(
    logits: Tensor, vessels: Tensor, fov: Tensor, smooth: float = 1.0
) -> Tensor:
    """One minus the centreline Dice, with soft skeletons, over the batch in the FOV.

    A broken vessel costs its length and not its area. It sees nothing beside the
    centrelines, so it is added to another loss and never used alone. Shit et al.,
    CVPR 2021, algorithm 2; ``smooth`` as in ``soft_dice_loss``.
    """
    probs, vessels = logits.sigmoid() * fov, vessels * fov
    mine, theirs = soft_skeleton(probs), soft_skeleton(vessels)
    precision = ((mine * vessels).sum() + smooth) / (mine.sum() + smooth)
    sensitivity = ((theirs * probs).sum() + smooth) / (theirs.sum() + smooth)
    return 1 - 2 * precision * sensitivity / (precision + sensitivity)


def cldice_loss(logits: Tensor, vessels: Tensor, fov: Tensor) -> Tensor:
    """Add soft-clDice to the recipe's loss, as much of it as there is soft Dice."""
    more = soft_cldice_loss(logits, vessels, fov)
    return losses.bce_dice_loss(logits, vessels, fov) + 0.5 * more


def other_camera(image: np.ndarray) -> np.ndarray:
    """Darken and tint a photograph, with light that falls off from bottom to top."""
    gains = np.array([0.8, 0.5, 0.3], np.float32)[:, None, None]
    fall = 1 + 0.4 * np.linspace(-1, 1, image.shape[1], dtype=np.float32)[:, None]
    return (gains * image**1.6 * fall).clip(0, 1)


def other_lens(image: np.ndarray) -> np.ndarray:
    """Blur a photograph by 1.2 pixels."""
    return ndimage.gaussian_filter(image, (0, 1.2, 1.2))
