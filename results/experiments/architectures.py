"""Relatives of the U-Net, each after its paper and as large as the course's.

All take (B, C, H, W), height and width among ``sizes``, and give logits (B, 1, H, W);
``divisor`` and ``border`` are as ``UNet`` has them, for whole images alone: how far a
network sees, which tiles would have to know, is another thing in each. Blocks, pooling
and up-convolutions are those of ``helpers.unet``, so that only the wiring differs.
Widths are such that each has as many parameters as the course's network, within two per
cent; ``DilatedNet`` has no coarse levels, where parameters are cheap, and gets as much
arithmetic instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from helpers.unet import DoubleConv, UNet, valid_sizes


class NestedUNet(nn.Module):
    """U-Net++: the skips are filled with blocks, each fed by all before it.

    Zhou et al., DLMIA 2018, figure 1a, with one head and without deep supervision.
    """

    border = 0

    def __init__(self, in_channels: int, widths: Sequence[int] = (15, 30, 60, 120)):
        super().__init__()
        levels, self.divisor = len(widths), 2 ** (len(widths) - 1)
        self.pool = nn.MaxPool2d(2)
        self.up, self.nodes = nn.ModuleDict(), nn.ModuleDict()
        for j in range(levels):  # columns, from the encoder to the right
            for i in range(levels - j):  # levels, from the top down
                above = in_channels if i == 0 else widths[i - 1]
                if j:
                    up = nn.ConvTranspose2d(widths[i + 1], widths[i], 2, stride=2)
                    self.up[f"{i}{j}"] = up
                channels = (j + 1) * widths[i] if j else above
                self.nodes[f"{i}{j}"] = DoubleConv(channels, widths[i])
        self.levels, self.head = levels, nn.Conv2d(widths[0], 1, 1)
        self.sizes = valid_sizes(levels, "same")

    def forward(self, image: Tensor) -> Tensor:
        """Return logits."""
        rows: list[list[Tensor]] = []  # of each level, what its nodes gave so far
        for i in range(self.levels):
            x = self.nodes[f"{i}0"](self.pool(rows[-1][0]) if rows else image)
            rows.append([x])
        for j in range(1, self.levels):
            for i in range(self.levels - j):
                risen = self.up[f"{i}{j}"](rows[i + 1][j - 1])
                x = self.nodes[f"{i}{j}"](torch.cat([*rows[i], risen], 1))
                rows[i].append(x)
        return self.head(rows[0][-1])


class Gate(nn.Module):
    """Weigh each pixel of a skip by what the level below saw there.

    Oktay et al., MIDL 2018, figure 2: additive attention, here after the
    up-convolution, so that both have one size.
    """

    def __init__(self, width: int):
        super().__init__()
        self.skip = nn.Conv2d(width, width // 2, 1)
        self.below = nn.Conv2d(width, width // 2, 1, bias=False)
        self.weigh = nn.Conv2d(width // 2, 1, 1)

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        """(B, C, H, W) twice -> the skip, each pixel times 0 to 1."""
        both = torch.relu(self.skip(skip) + self.below(below))
        return skip * self.weigh(both).sigmoid()


class AttentionUNet(UNet):
    """Attention U-Net: a gate on every skip. Oktay et al., MIDL 2018."""

    def __init__(self, in_channels: int, widths: Sequence[int] = (16, 32, 64, 126)):
        super().__init__(in_channels, 1, widths)
        self.gates = nn.ModuleList(map(Gate, widths[-2::-1]))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits."""
        x, skips = self.encoder[0](image), []
        for level in self.encoder[1:]:
            skips.append(x)
            x = level(self.pool(x))
        for up, gate, level in zip(self.up, self.gates, self.decoder, strict=True):
            x = up(x)
            x = level(self.join(gate(skips.pop(), x), x))
        return self.head(x)


class Residual(nn.Module):
    """A double convolution round which the input is led, by a 1 x 1 convolution.

    He et al., CVPR 2016, figure 2; projection as in its section 4.1, option C.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        *inner, self.last = DoubleConv(in_channels, out_channels)
        self.inner = nn.Sequential(*inner)
        self.around = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W)."""
        return self.last(self.inner(x) + self.around(x))


class ResidualUNet(UNet):
    """Residual U-Net: every double convolution is a residual one.

    After Zhang, Liu and Wang, "Road extraction by deep residual U-Net", 2018.
    """

    def __init__(self, in_channels: int, widths: Sequence[int] = (15, 31, 62, 125)):
        super().__init__(in_channels, 1, widths)
        pairs = list(pairwise(widths))[::-1]
        self.encoder = nn.ModuleList(map(Residual, (in_channels, *widths), widths))
        self.decoder = nn.ModuleList(Residual(2 * here, here) for here, _ in pairs)


class WNet(nn.Module):
    """W-Net: a second small U-Net sees the photograph and the first one's answer.

    Galdran et al., "State-of-the-art retinal vessel segmentation with minimalistic
    models", Scientific Reports 2022; here the last answer alone is trained.
    """

    border = 0

    def __init__(self, in_channels: int, widths: Sequence[int] = (11, 23, 45, 91)):
        super().__init__()
        self.first = UNet(in_channels, 1, widths)
        self.second = UNet(in_channels + 1, 1, widths)
        self.divisor, self.sizes = self.first.divisor, self.first.sizes

    def forward(self, image: Tensor) -> Tensor:
        """Return the second network's logits."""
        guess = self.first(image).sigmoid()
        return self.second(torch.cat([image, guess], 1))


class DilatedNet(nn.Module):
    """No U at all: convolutions at full size whose taps lie 1 to 16 pixels apart.

    After the context module of Yu and Koltun, ICLR 2016. The same receptive field
    without pooling and without skips.
    """

    border, divisor, sizes = 0, 1, valid_sizes(1, "same")

    def __init__(
        self,
        in_channels: int,
        width: int = 22,
        dilations: Sequence[int] = (1, 1, 2, 4, 8, 16, 8, 4, 2, 1),
    ):
        super().__init__()
        layers: list[nn.Module] = []
        channels = (in_channels, *[width] * len(dilations))
        for (before, after), d in zip(pairwise(channels), dilations, strict=True):
            how = {"padding": d, "dilation": d, "bias": False}
            layers += [nn.Conv2d(before, after, 3, **how), nn.BatchNorm2d(after)]
            layers += [nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits."""
        return self.layers(image)


NETWORKS = {
    "U-Net": UNet,
    "U-Net++": NestedUNet,
    "Attention U-Net": AttentionUNet,
    "residual U-Net": ResidualUNet,
    "W-Net": WNet,
    "dilated, no U": DilatedNet,
}
