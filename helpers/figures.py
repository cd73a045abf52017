"""All drawing: arrays go in, a Figure comes out; nothing is shown or saved here.

Colours are those of Okabe and Ito, safe for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#999999"
DPI = 80


def rgb(colour: str) -> np.ndarray:
    """Return a "#rrggbb" colour as three floats in [0, 1]."""
    return np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])


def to_picture(image: np.ndarray) -> np.ndarray:
    """Turn a channel-first array, (3, H, W) or (1, H, W), into what imshow takes."""
    image = np.asarray(image)
    return image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)


def overlay(
    image: np.ndarray, vessels: np.ndarray, colour: str = SKY, opacity: float = 0.6
) -> np.ndarray:
    """Paint vessels over a photograph: (3, H, W), (1, H, W) bool -> (H, W, 3) float."""
    picture = to_picture(image).copy()
    picture[vessels[0]] = (1 - opacity) * picture[vessels[0]] + opacity * rgb(colour)
    return picture.clip(0, 1)


def error_map(pred: np.ndarray, vessels: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Colour the four kinds of pixel, three (1, H, W) bool -> (H, W, 3) float.

    Found vessel (TP) white, false alarm (FP) orange, missed vessel (FN) blue,
    background black, outside the FOV dark grey.
    """
    pred, vessels, fov = pred[0], vessels[0], fov[0]
    picture = np.zeros((*pred.shape, 3))
    picture[pred & vessels] = 1
    picture[pred & ~vessels] = rgb(ORANGE)
    picture[~pred & vessels] = rgb(SKY)
    picture[~fov] = 0.25
    return picture


def show_images(
    pictures: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int = 4,
    size: float = 2.6,
    limits: tuple[float, float] = (0, 1),
    cmap: str = "gray",
) -> Figure:
    """Draw pictures, (H, W) or (H, W, 3), in rows of ``columns``, each with a title.

    ``limits`` are the grey values drawn black and white in every panel, so that
    panels can be compared.
    """
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(size * columns, (size + 0.3) * rows), dpi=DPI
    )
    axes = np.atleast_1d(axes).ravel()
    for ax, picture, title in zip(axes, pictures, titles, strict=False):
        low, high = limits
        ax.imshow(picture, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
        ax.set_title(title, fontsize=9)
    for ax in axes:
        ax.axis("off")
    fig.tight_layout()
    return fig


def plot_curves(
    curves: Sequence[tuple[str, np.ndarray, np.ndarray, str]],
    points: Sequence[tuple[str, float, float, str]],
    xlabel: str,
    ylabel: str,
) -> Figure:
    """Draw named curves (label, x, y, colour) and points in the unit square.

    Dashes differ, too, so that curves on top of each other are all seen.
    """
    fig, ax = plt.subplots(figsize=(4.2, 3.8), dpi=DPI)
    for (label, x, y, colour), dashes in zip(curves, cycle(("-", "--", "-.", ":"))):
        ax.plot(x, y, dashes, color=colour, label=label)
    for label, x, y, colour in points:
        ax.plot(x, y, "o", color=colour, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1.01))
    ax.legend(frameon=False, fontsize=8)
    fig.tight_layout()
    return fig
