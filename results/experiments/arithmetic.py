"""How much a U-Net computes and how far it sees, from its settings alone."""

from __future__ import annotations

import torch
from torch.utils import flop_counter

from helpers import config
from helpers.unet import UNet


def forward_flop(settings: config.TrainConfig) -> int:
    """Return the floating-point operations of a batch's way through the network.

    2 k k C_in C_out H W for each convolution: a multiplication and an addition for each
    tap. Of an up-convolution one tap of four meets a pixel. Norms, ReLUs and poolings
    are not counted.
    """
    widths, total = settings.widths, settings.widths[0]  # the head's taps
    above, below = (settings.in_channels, *widths), (*widths[1:], 0)
    for level, (before, here, under) in enumerate(
        zip(above, widths, below, strict=False)
    ):
        taps = 9 * (before * here + here * here)
        if under:  # up, and two convolutions after the copy
            taps += under * here + 9 * (2 * here * here + here * here)
        total += taps / 4**level  # the pixels of this level, for one of the image
    return int(2 * total * settings.batch_size * settings.patch_size**2)


def step_flop(settings: config.TrainConfig) -> int:
    """Return the operations of forward and backward: three times forward, nearly.

    Backward goes through each convolution twice, for its weights and for its input; the
    first one's input is the photograph, of which nobody wants the gradient.
    """
    pixels = settings.batch_size * settings.patch_size**2
    first = 2 * 9 * settings.in_channels * settings.widths[0] * pixels
    return 3 * forward_flop(settings) - first


def counted_flop(settings: config.TrainConfig) -> tuple[int, int]:
    """Return both as torch counts them, from shapes alone."""
    side = settings.patch_size
    with torch.device("meta"):
        model = UNet(settings.in_channels, 1, settings.widths)
        batch = torch.empty(settings.batch_size, settings.in_channels, side, side)
    with flop_counter.FlopCounterMode(display=False) as counter:
        logits = model(batch)
        forward = counter.get_total_flops()
        logits.sum().backward()
    return forward, counter.get_total_flops()


def receptive_field(levels: int) -> int:
    """Return the side of the square of the image that one logit can depend on.

    It is followed from the logit down the U and up again: two convolutions see 2 pixels
    further each way, a pixel of one level is two of the level above. Where the logit
    stands on the lattice of the poolings decides on some pixels; this is the most.
    """

    def seen(pixel: int) -> int:
        first = last = pixel
        for _ in range(levels - 1):  # the decoder, from the top
            first, last = (first - 2) // 2, (last + 2) // 2
        first, last = first - 2, last + 2  # the bottom
        for _ in range(levels - 1):  # the encoder, from below
            first, last = 2 * first - 2, 2 * last + 1 + 2
        return last - first + 1

    return max(seen(pixel) for pixel in range(2 ** (levels - 1)))
