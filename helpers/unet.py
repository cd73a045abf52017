"""The U-Net, of the paper and of today: one class, two switches.

``UNet(1, 2, PAPER_WIDTHS, padding="valid", batch_norm=False, dropout=0.5)`` is the
network of Ronneberger, Fischer and Brox, MICCAI 2015 (the paper gives dropout no rate);
the defaults are the course's.
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
    """Twice: a 3 x 3 convolution, batch norm if wanted, a ReLU.

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

    0 with ``padding="same"``; else each of the two convolutions of a level takes one
    pixel, worth 2, 4, 8, ... pixels of the image further down.
    """
    return 6 * 2 ** (levels - 1) - 4 if padding == "valid" else 0


def valid_sizes(levels: int, padding: str = "valid") -> range:
    """Return the heights and widths that a U-Net takes, smallest first, up to 10^9.

    Every pooling must meet an even number (section 2 of the paper): 188, 204, ...,
    572, ... for 5 levels of valid convolutions, the multiples of 16 with padding.
    """
    step = 2 ** (levels - 1)
    least = 2 * border(levels, padding) + 1  # leaves an answer of one pixel
    rest = -4 % step if padding == "valid" else 0  # of a good size, modulo step
    return range(least + (rest - least) % step, 10**9, step)


class UNet(nn.Module):
    """U-Net with any number of levels; logits for each pixel and class.

    ``widths``: channels of each level, from top to bottom. ``padding``: "same", or
    "valid" as in the paper; then logits lack ``border`` pixels a side. ``batch_norm``:
    after each 3 x 3 convolution. ``dropout``: share of single values that become 0 in
    training, at the bottom of the U. Height and width must be among ``sizes``.
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
        if padding not in ("same", "valid"):
            raise ValueError(f"padding is {padding!r}; choose 'same' or 'valid'")

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
        """Copy and crop: (B, S, H', W'), (B, C, H, W) -> (B, S + C, H, W)."""
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
    """Draw weights anew, in place: mean 0, standard deviation sqrt(2 / N).

    N counts the numbers that one output is the sum of: 9 x 64 = 576 for a 3 x 3
    convolution of 64 channels. Biases become 0; batch norm is left alone.
    Section 3 of the paper, after He et al., 2015.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            taps = math.prod(layer.kernel_size)
            if isinstance(layer, nn.ConvTranspose2d):
                taps //= math.prod(layer.stride)  # those that meet in one output pixel
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

    arrow: str  # input, conv 3x3, max pool 2x2, up-conv 2x2, copy and crop, conv 1x1
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

    def note(arrow: str, deeper: int, x: Tensor) -> None:
        steps.append(Step(arrow, steps[-1].level + deeper, *x.shape[1:]))

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
        model.eval()(first.weight.new_zeros(1, first.in_channels, height, width))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return steps
