"""Draw the network of the paper for the READMEs."""

import io

import torch
from PIL import Image

from helpers import figures, unet


def main() -> Image.Image:
    """Return the picture, drawn from a trace."""
    with torch.device("meta"):  # shapes without numbers
        net = unet.UNet(1, 2, unet.PAPER_WIDTHS, padding="valid", batch_norm=False)
    figure, file = figures.draw_unet(unet.trace(net, 572, 572)), io.BytesIO()
    figure.savefig(file, dpi=2 * figures.DPI)
    return Image.open(file).convert("RGB").quantize(64)
