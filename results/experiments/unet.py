"""Draw unet.png, the network of the paper for the READMEs: python -m results.experiments unet."""

from pathlib import Path

import torch
from PIL import Image

from helpers import figures, unet

with torch.device("meta"):  # shapes without numbers
    net = unet.UNet(1, 2, unet.PAPER_WIDTHS, padding="valid", batch_norm=False)
target = Path(__file__).with_suffix(".png")
figures.draw_unet(unet.trace(net, 572, 572)).savefig(target, dpi=2 * figures.DPI)
Image.open(target).convert("RGB").quantize(64).save(target, optimize=True)
