"""Random changes that keep a fundus a fundus; image, vessels and fov move together.

What happens to each patch is drawn by a generator on the CPU, so that a seed means the
same on every machine; the pixels are moved where they lie, on a GPU too, and the few
numbers sent there (``non_blocking``) without waiting for it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def d4(x: Tensor, k: int) -> Tensor:
    """Apply symmetry ``k`` (0 to 7) of the square: k % 4 quarter turns, then a flip."""
    x = torch.rot90(x, k % 4, dims=(-2, -1))
    return x.flip(-1) if k >= 4 else x


def undo_d4(x: Tensor, k: int) -> Tensor:
    """Undo ``d4(x, k)``: the flip first, then the turns backwards."""
    x = x.flip(-1) if k >= 4 else x
    return torch.rot90(x, -(k % 4), dims=(-2, -1))


def uniform(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    """Draw ``count`` numbers evenly from [low, high)."""
    return low + (high - low) * torch.rand(count, generator=generator)


def affine_grid(
    batch: int,
    size: int,
    generator: torch.Generator,
    degrees: float = 180.0,
    scale: float = 1.5,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw where each output pixel looks: a flip, a rotation and a scale per patch.

    Returns (batch, size, size, 2) offsets (row, col) in pixels from the patch centre.
    The angle is drawn from +-degrees, the scale from [1 / scale, scale], evenly in
    its logarithm; half of the patches are mirrored.
    """
    angle = uniform(-math.pi, math.pi, batch, generator) * degrees / 180
    factor = torch.exp(uniform(-1, 1, batch, generator) * math.log(scale))
    flip = torch.where(uniform(0, 1, batch, generator) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * factor, torch.sin(angle) * factor
    matrix = torch.stack([cos, -sin * flip, sin, cos * flip], 1).view(batch, 2, 2)
    axis = torch.arange(size, device=device) - (size - 1) / 2
    offsets = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)  # (P, P, 2)
    turned = offsets.view(1, -1, 2) @ matrix.mT.to(device, non_blocking=True)
    return turned.view(batch, size, size, 2)


def elastic_displacement(
    batch: int,
    size: int,
    generator: torch.Generator,
    sd: float = 10.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw a smooth displacement per patch: (batch, size, size, 2) in pixels.

    Random vectors on a coarse 3 x 3 grid, normally distributed with standard
    deviation ``sd`` pixels, enlarged by bicubic interpolation (Ronneberger, Fischer,
    Brox 2015, section 3.1).
    """
    coarse = sd * torch.randn(batch, 2, 3, 3, generator=generator)
    coarse = coarse.to(device, non_blocking=True)
    fine = functional.interpolate(
        coarse, size=(size, size), mode="bicubic", align_corners=True
    )
    return fine.permute(0, 2, 3, 1)


def warp(x: Tensor, offsets: Tensor, mode: str) -> Tensor:
    """Sample ``x`` (B, C, H, W) at pixel offsets (B, P, P, 2) from its centre.

    ``mode`` is "bilinear" for images and "nearest" for labels, which stay 0 or 1.
    ``grid_sample`` counts (x, y) = (col, row), the whole image being 2 wide.
    """
    height, width = x.shape[-2:]
    row, column = offsets.unbind(-1)
    grid = torch.stack([column * 2 / width, row * 2 / height], -1)
    return functional.grid_sample(
        x, grid, mode=mode, padding_mode="reflection", align_corners=False
    )


def random_sharpness(
    image: Tensor, generator: torch.Generator, amount: float = 0.8
) -> Tensor:
    """Blur or sharpen each patch, as another lens would.

    Adds up to +-``amount`` times what a mean of 5 x 5 pixels takes away.
    """
    height, width = image.shape[-2:]
    wider = functional.pad(image, (2, 2, 2, 2), mode="reflect")
    # Sums of shifted copies, rows first: six times as fast as ``avg_pool2d`` on a CPU.
    rows = sum(wider[..., k : k + height, :] for k in range(5))
    blurred = sum(rows[..., k : k + width] for k in range(5)) / 25
    factor = uniform(-amount, amount, len(image), generator).view(-1, 1, 1, 1)
    return image + factor.to(image.device, non_blocking=True) * (image - blurred)


def random_grey(
    image: Tensor, generator: torch.Generator, contrast: float = 0.5, shift: float = 0.6
) -> Tensor:
    """Change contrast and brightness per patch and channel, as another lamp would.

    ``image`` is standardised, so ``shift`` counts in standard deviations.
    """
    batch, channels = image.shape[:2]
    factor = uniform(1 - contrast, 1 + contrast, batch * channels, generator)
    offset = uniform(-shift, shift, batch * channels, generator)
    both = torch.stack([factor, offset]).view(2, batch, channels, 1, 1)
    factor, offset = both.to(image.device, non_blocking=True)
    return image * factor + offset


def augment(
    image: Tensor,
    vessels: Tensor,
    fov: Tensor,
    patch_size: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn windows into augmented patches; one grid moves all three layers.

    image (B, C, W, W), vessels and fov (B, 1, W, W) come as windows larger than the
    patch, so that rotation brings in real surroundings; (B, ., P, P) each go out.
    """
    size, device = (len(image), patch_size, generator), image.device
    offsets = affine_grid(*size, device=device)
    offsets = offsets + elastic_displacement(*size, sd=4.0, device=device)
    image = random_sharpness(warp(image, offsets, "bilinear"), generator)
    labels = warp(torch.cat([vessels, fov], 1), offsets, "nearest")
    return random_grey(image, generator), labels[:, :1], labels[:, 1:]


def centre_crop(
    image: Tensor,
    vessels: Tensor,
    fov: Tensor,
    patch_size: int,
    generator: torch.Generator,  # noqa: ARG001 -- same signature as ``augment``
) -> tuple[Tensor, Tensor, Tensor]:
    """Trim windows to patches and change nothing: the stream without augmentation."""
    edge = (image.shape[-1] - patch_size) // 2
    inner = slice(edge, edge + patch_size)
    return tuple(x[..., inner, inner] for x in (image, vessels, fov))
