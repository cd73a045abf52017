"""The U-Net of the course: padded convolutions, batch norm, any number of levels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class DoubleConv(nn.Sequential):
    """Two 3 x 3 convolutions, each with batch norm and ReLU; height and width stay.

    (B, in_channels, H, W) -> (B, out_channels, H, W). The convolutions need no bias:
    batch norm subtracts the mean right after them.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """U-Net with padded convolutions: logits have the height and width of the image.

    ``widths`` gives the channels of each level, from top to bottom; the last one is
    the bottom of the U. Height and width must be multiples of ``divisor``.
    After Ronneberger, Fischer, Brox, MICCAI 2015; padding and batch norm are later.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        widths: Sequence[int] = (16, 32, 64, 128),
    ):
        super().__init__()
        above = (in_channels, *widths[:-1])
        pairs = list(pairwise(widths))[::-1]  # (here, below), from the bottom up
        self.encoder = nn.ModuleList(map(DoubleConv, above, widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(below, here, 2, stride=2) for here, below in pairs
        )
        self.decoder = nn.ModuleList(DoubleConv(2 * here, here) for here, _ in pairs)
        self.head = nn.Conv2d(widths[0], out_channels, 1)
        self.divisor = 2 ** (len(widths) - 1)

    def forward(self, image: Tensor) -> Tensor:  # (B, C, H, W) -> (B, 1, H, W)
        """Return logits for a batch of images."""
        height, width = image.shape[-2:]
        if height % self.divisor or width % self.divisor:
            raise ValueError(
                f"height and width must be multiples of {self.divisor}, got {height} x "
                f"{width}; pad the image first (patches.pad_to_multiple)"
            )
        x, skips = self.encoder[0](image), []
        for level in self.encoder[1:]:
            skips.append(x)
            x = level(functional.max_pool2d(x, 2))
        for up, level in zip(self.up, self.decoder, strict=True):
            x = level(torch.cat([skips.pop(), up(x)], dim=1))
        return self.head(x)


def count_parameters(model: nn.Module) -> int:
    """Count the numbers that training can change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
