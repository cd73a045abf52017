"""The U-Net, of the paper and of today: one class, two switches.

``UNet(1, 2, PAPER_WIDTHS, padding="valid", batch_norm=False, dropout=0.5)`` is the
network of Ronneberger, Fischer and Brox, MICCAI 2015; the defaults are the course's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

PAPER_WIDTHS = (64, 128, 256, 512, 1024)


class DoubleConv(nn.Sequential):
    """Two 3 x 3 convolutions, each with a ReLU, between them batch norm if wanted.

    (B, in_channels, H, W) -> (B, out_channels, H, W); with ``padding="valid"`` height
    and width shrink by 4. Before batch norm a convolution needs no bias: the norm
    subtracts the mean right after it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        padding: str = "same",
        batch_norm: bool = True,
    ):
        layers = []
        for channels in (in_channels, out_channels):
            bias = not batch_norm
            layers += [nn.Conv2d(channels, out_channels, 3, padding=padding, bias=bias)]
            layers += [nn.BatchNorm2d(out_channels)] if batch_norm else []
            layers += [nn.ReLU(inplace=True)]
        super().__init__(*layers)


def border(levels: int, padding: str = "valid") -> int:
    """Return the pixels that a U-Net loses on each side: 92 for the paper's 5 levels.

    Each of the two convolutions of a level takes one pixel, worth 2, 4, 8, ... pixels
    of the image further down.
    """
    return 6 * 2 ** (levels - 1) - 4 if padding == "valid" else 0


def valid_sizes(levels: int, padding: str = "valid") -> range:
    """Return the heights and widths that a U-Net takes, smallest first, without end.

    Every pooling must meet an even number (section 2 of the paper): 188, 204, ...,
    572, ... for 5 levels of valid convolutions, the multiples of 16 with padding.
    """
    step = 2 ** (levels - 1)
    least = 2 * border(levels, padding) + 1  # leaves an answer of one pixel
    rest = -4 % step if padding == "valid" else 0  # of a good size, divided by step
    return range(least + (rest - least) % step, 10**9, step)


class UNet(nn.Module):
    """U-Net with any number of levels; logits for each pixel of the image.

    ``widths`` gives the channels of each level, from top to bottom; the last one is
    the bottom of the U, after which ``dropout`` silences channels' numbers at random.
    Height and width must be among ``sizes``; logits lack ``border`` pixels a side.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        widths: Sequence[int] = (16, 32, 64, 128),
        padding: str = "same",
        batch_norm: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()

        def block(i: int, o: int) -> DoubleConv:
            return DoubleConv(i, o, padding, batch_norm)

        above = (in_channels, *widths[:-1])
        pairs = list(pairwise(widths))[::-1]  # (here, below), from the bottom up
        self.encoder = nn.ModuleList(map(block, above, widths))
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(below, here, 2, stride=2) for here, below in pairs
        )
        self.decoder = nn.ModuleList(block(2 * here, here) for here, _ in pairs)
        self.head = nn.Conv2d(widths[0], out_channels, 1)
        self.divisor = 2 ** (len(widths) - 1)  # the lattice of the poolings
        self.border = border(len(widths), padding)
        self.sizes = valid_sizes(len(widths), padding)

    @staticmethod
    def join(skip: Tensor, x: Tensor) -> Tensor:
        """Copy and crop: stack the middle of ``skip`` and ``x`` along the channels."""
        height, width = x.shape[-2:]
        top, left = (skip.shape[-2] - height) // 2, (skip.shape[-1] - width) // 2
        middle = skip[..., top : top + height, left : left + width]
        return torch.cat([middle, x], dim=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, (B, C, H, W) -> (B, K, H - 2 border, W - 2 border)."""
        check_size(*image.shape[-2:], self.sizes)
        x, skips = self.encoder[0](image), []
        for level in self.encoder[1:]:
            skips.append(x)
            x = level(self.pool(x))
        x = self.dropout(x)
        for up, level in zip(self.up, self.decoder, strict=True):
            x = level(self.join(skips.pop(), up(x)))
        return self.head(x)


def check_size(height: int, width: int, sizes: range) -> None:
    """Refuse an image that would not fit at some pooling; name the sizes that do."""
    for side in (height, width):
        if side not in sizes:
            above = next(size for size in sizes if size >= side)
            near = [str(x) for x in (above - sizes.step, above) if x in sizes]
            raise ValueError(
                f"an image of {height} x {width} does not fit: nearest to {side} is "
                f"{' or '.join(near)}, as sizes go {sizes[0]}, {sizes[1]}, {sizes[2]}, "
                "...; inference.predict_logits mirrors and crops images of any size"
            )


def he_init(model: nn.Module) -> nn.Module:
    """Draw weights from N(0, sqrt(2 / N)), a standard deviation; biases become zero.

    N counts the numbers that one output is the sum of: 9 channels for a 3 x 3
    convolution. Section 3 of the paper, after He et al., 2015.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            taps = math.prod(layer.kernel_size) // math.prod(layer.stride)
            nn.init.normal_(layer.weight, std=math.sqrt(2 / (taps * layer.in_channels)))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model


def count_parameters(model: nn.Module) -> int:
    """Count the numbers that training can change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@dataclass(frozen=True)
class Step:
    """One arrow of the U and what it gives; ``level`` 0 is the top."""

    arrow: str  # "input", "conv 3x3", "max pool 2x2", "up-conv 2x2", "copy and crop"
    level: int
    channels: int
    height: int
    width: int


@torch.no_grad()
def trace(model: UNet, height: int, width: int) -> list[Step]:
    """Run the network once and note what every arrow gives, by hooks.

    A model made under ``torch.device("meta")`` has shapes but no numbers: tracing it
    costs no time and no memory, whatever its size.
    """
    names = {nn.Conv2d: "conv", nn.MaxPool2d: "max pool", nn.ConvTranspose2d: "up-conv"}
    down = {nn.MaxPool2d: 1, nn.ConvTranspose2d: -1}
    first = model.encoder[0][0]
    steps = [Step("input", 0, first.in_channels, height, width)]

    def note(arrow: str, down: int, x: Tensor) -> None:
        steps.append(Step(arrow, steps[-1].level + down, *x.shape[1:]))

    def ran(layer: nn.Module, _inputs: tuple, output: Tensor) -> None:
        kind, side = type(layer), layer.kernel_size
        side = side[0] if isinstance(side, tuple) else side
        note(f"{names[kind]} {side}x{side}", down.get(kind, 0), output)

    def joined(_level: nn.Module, inputs: tuple) -> None:
        note("copy and crop", 0, inputs[0])

    layers = [layer for layer in model.modules() if type(layer) in names]
    hooks = [layer.register_forward_hook(ran) for layer in layers]
    hooks += [level.register_forward_pre_hook(joined) for level in model.decoder]
    was_training = model.training
    try:
        shape = (1, first.in_channels, height, width)
        model.eval()(torch.zeros(shape, device=first.weight.device))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return steps
