"""Photographs as other lamps and cameras would have taken them, before CLAHE.

Each function changes one thing of an image, (3, H, W) float32 in 0 to 1, and draws how
much of it from a generator. ``copies`` adds such images to those of a training: the
lamp changes, the vessels stay.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

from helpers import fundus

COPIES = 3  # of each photograph, beside itself


def field(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make the light up to half weaker or stronger, changing slowly over the image.

    Random numbers on a 3 x 3 grid, enlarged by cubic splines.
    """
    coarse = rng.uniform(-1, 1, (3, 3))
    scale = [side / 3 for side in image.shape[1:]]
    light = ndimage.zoom(coarse, scale, order=3, mode="nearest", grid_mode=True)
    light = light / max(1.0, np.abs(light).max())
    return (image * (1 + 0.5 * light)).astype(np.float32).clip(0, 1)


def gamma(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bend each channel by a gamma of its own, from 1 / 1.6 to 1.6."""
    power = np.exp(rng.uniform(-1, 1, (3, 1, 1)) * np.log(1.6))
    return (image ** power.astype(np.float32)).astype(np.float32)


def tint(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mix channels by up to a fifth, then weaken or strengthen each by up to 1.4."""
    mix = np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))
    gains = np.exp(rng.uniform(-1, 1, (3, 1)) * np.log(1.4))
    mixed = np.einsum("ij,jhw->ihw", gains * mix, image)
    return mixed.astype(np.float32).clip(0, 1)


def noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add the noise of a small sensor: SD up to 0.04, grain of one pixel or two."""
    grain = rng.normal(0, 1, image.shape)
    wide = ndimage.gaussian_filter(grain, (0, 0.7, 0.7))
    grain = wide / wide.std() if rng.random() < 0.5 else grain
    noisy = image + rng.uniform(0, 0.04) * grain
    return noisy.astype(np.float32).clip(0, 1)


def jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur by up to 1.5 pixels, then save as JPEG of quality 30 to 90."""
    blur = rng.uniform(0, 1.5)
    image = ndimage.gaussian_filter(image, (0, blur, blur))
    pixels = np.moveaxis((image * 255).round().astype(np.uint8), 0, -1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=int(rng.integers(30, 91)))
    pixels = np.asarray(Image.open(file), np.float32) / 255
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


LAMPS = {"field": field, "gamma": gamma, "tint": tint, "noise": noise, "jpeg": jpeg}


def any_of_them(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change one thing, drawn by lot."""
    return list(LAMPS.values())[rng.integers(len(LAMPS))](image, rng)


def copies(
    images: Sequence[fundus.FundusImage], lamp: Callable, seed: int = 0
) -> list[fundus.FundusImage]:
    """Return each image and ``COPIES`` of it under other lamps; black stays black."""
    rng, result = np.random.default_rng(seed), []
    for x in images:
        others = (lamp(x.image, rng) * x.fov for _ in range(COPIES))
        result += [x, *(dataclasses.replace(x, image=image) for image in others)]
    return result
