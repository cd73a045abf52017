"""From a colour photograph to the input of the network.

All functions take and return float32 arrays in [0, 1] with the channel first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from skimage import exposure


def green(image: np.ndarray) -> np.ndarray:
    """Return the green channel, (3, H, W) -> (1, H, W); vessels stand out most here."""
    return image[1:2]


def clahe(image: np.ndarray, tiles: int = 8, clip_limit: float = 2 / 256) -> np.ndarray:
    """Equalise contrast tile by tile, with the histogram of each tile clipped (CLAHE).

    Parameters
    ----------
    image : (1, H, W) float32 in [0, 1]
    tiles : int
        Number of tiles along each side. scikit-image's ``kernel_size`` is their size
        in pixels: 8 tiles of a 584 x 565 image are (73, 71).
    clip_limit : float
        Largest share of a tile's pixels in one of its 256 grey levels; OpenCV's
        "clip limit 2" is 2 / 256.

    Source: Zuiderveld, Graphics Gems IV, 1994; scikit-image, ``equalize_adapthist``.
    """
    size = [-(-side // tiles) for side in image.shape[1:]]  # rounded up
    result = exposure.equalize_adapthist(image[0], size, clip_limit)
    return result[None].astype(np.float32)


def gamma(image: np.ndarray, exponent: float = 1 / 1.2) -> np.ndarray:
    """Raise grey values to a power, s = r ** exponent; below 1 brightens.

    The "gamma 1.2" of the classic vessel chain is the exponent 1 / 1.2.
    """
    if exponent <= 0:
        raise ValueError(f"exponent must be positive, got {exponent}; try 1 / 1.2")
    return image**exponent


def enhance(image: np.ndarray) -> np.ndarray:
    """Apply the classic chain, (3, H, W) -> (1, H, W): green, CLAHE, gamma."""
    return gamma(clahe(green(image)))


def prepare(image: np.ndarray) -> np.ndarray:
    """Return the network's input, (3, H, W) -> (4, H, W): enhanced green, then RGB.

    The colours hold more than green alone; the chain looks alike under every lamp.
    """
    return np.concatenate([enhance(image), image])


@dataclass(frozen=True)
class Standardisation:
    """Shift and scale to mean 0 and standard deviation 1 of the training pixels."""

    mean: float
    std: float

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return (image - mean) / std, as float32."""
        return ((image - self.mean) / self.std).astype(np.float32)


def fit_standardisation(
    inputs: Sequence[np.ndarray], fovs: Sequence[np.ndarray]
) -> Standardisation:
    """Measure mean and standard deviation over all pixels inside the FOV.

    Call it with training images only: numbers taken from validation or test images
    would leak from them into every input. ``inputs``: (C, H, W); ``fovs``: (1, H, W).
    """
    pixels = np.concatenate(
        [x[:, fov[0]].ravel() for x, fov in zip(inputs, fovs, strict=True)]
    )
    std = float(pixels.std(dtype=np.float64))
    if std == 0:
        raise ValueError("the training images are constant; there is nothing to learn")
    return Standardisation(float(pixels.mean(dtype=np.float64)), std)
