"""Draw the picture of the READMEs: a photograph, what the network says, vessels."""

import numpy as np
from PIL import Image
from skimage import data
from skimage.transform import resize

from helpers import figures, inference

SIDE, GAP = 400, 10  # pixels


def main() -> Image.Image:
    """Return scikit-image's photograph in three panels."""
    image = data.retina().transpose(2, 0, 1).astype(np.float32) / 255  # (3, H, W)
    segmenter = inference.Segmenter.load()
    probs = segmenter.probs(image)
    panels = [
        figures.to_picture(image),
        np.repeat(probs[0][..., None], 3, axis=2),
        figures.overlay(image, probs >= segmenter.threshold),
    ]
    white = np.ones((SIDE, GAP, 3))
    small = [resize(panel, (SIDE, SIDE, 3), anti_aliasing=True) for panel in panels]
    strip = np.concatenate([small[0], white, small[1], white, small[2]], axis=1)
    return Image.fromarray((strip * 255).round().astype(np.uint8)).quantize(200)
