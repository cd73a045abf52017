"""All drawing: arrays go in, a Figure comes out; ``show`` alone shows it.

Colours are those of Okabe and Ito, safe for colour-blind readers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import ndimage
from skimage import measure

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#999999"
DPI = 80


def show(alt: str) -> None:
    """Show the current figure with its alternative text, and close it.

    ``alt`` says in words what the figure shows, for those who cannot see it: screen
    readers speak it, and it stands where a picture is not loaded. ValueError where it
    is empty.
    """
    if not alt.strip():
        raise ValueError("a figure needs an alternative text: say what it shows")
    fig, notebook = plt.gcf(), None
    with contextlib.suppress(ImportError):
        from IPython import display, get_ipython

        notebook = get_ipython()
    if notebook is None:  # a plain script
        plt.show()
    else:
        display.display(fig, metadata={"image/png": {"alt": alt}})
    plt.close(fig)


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
    return picture.clip(0, 1, out=picture)


def outlined(image: np.ndarray, vessels: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Draw the outlines of vessels and of the field of view into a photograph.

    (3, H, W) in [0, 1], two (1, H, W) bool -> (H, W, 3) float. The lines lie beside
    the vessels and leave them in sight; they are as wide as suits the photograph.
    """
    picture = to_picture(image).copy()
    width = max(1, round(max(vessels.shape) / 1500))
    for mask, colour in ((fov[0], ORANGE), (vessels[0], SKY)):
        wider = ndimage.binary_dilation(mask, iterations=width)
        picture[wider & ~mask] = rgb(colour)
    return picture


def thumbnail(
    image: np.ndarray, vessels: np.ndarray, fov: np.ndarray, side: int
) -> np.ndarray:
    """Return a small picture with the outlines of ``outlined``, as bytes.

    (3, H, W) in [0, 1], two (1, H, W) bool -> (h, w, 3) uint8, at most ``side`` pixels
    each way; no thin vessel is lost on the way.
    """
    step = -(-max(vessels.shape) // side)
    block = (1, step, step)
    layers = (measure.block_reduce(x, block, np.max) for x in (vessels, fov))
    return np.rint(outlined(image[:, ::step, ::step], *layers) * 255).astype(np.uint8)


def error_map(pred: np.ndarray, vessels: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Colour the four kinds of pixel, three (1, H, W) bool -> (H, W, 3) float.

    Found vessel (TP) white, false alarm (FP) orange, missed vessel (FN) blue,
    background black, outside the FOV dark grey: printed in grey, they differ, too.
    """
    pred, vessels, fov = pred[0], vessels[0], fov[0]
    picture = np.zeros((*pred.shape, 3))
    picture[pred & vessels] = 1
    picture[pred & ~vessels] = rgb(ORANGE)
    picture[~pred & vessels] = rgb(BLUE)
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
        picture = np.asarray(picture)  # a tensor is not copied as NumPy 2 wants it
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

    Of a curve x and y are (N,) arrays, of a point numbers. Dashes differ, too, so that
    curves on top of each other are all seen.
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


UNET_ARROWS = {  # what unet.trace calls them: colour
    "conv 3x3": BLUE,
    "copy and crop": GREY,
    "max pool 2x2": RED,
    "up-conv 2x2": GREEN,
    "conv 1x1": PURPLE,
}


def draw_unet(steps: Sequence, text: bool = True, ax: Axes | None = None) -> Figure:
    """Draw the U from what ``unet.trace`` returns, as Fig. 1 of the paper does.

    Channels stand above each box, its rows and columns below (one number where they
    are equal); the white half of a box is the copy. ``text=False`` leaves all writing
    away; ``ax`` draws into another figure. The default is 700 pixels wide.
    """
    if ax is None:
        ax = plt.figure(figsize=(700 / DPI, 540 / DPI), dpi=DPI).add_axes((0, 0, 1, 1))

    def tall(side: int) -> float:
        return 0.1 + (side / steps[0].height) ** 0.6

    def arrow(start: tuple, end: tuple, colour: str) -> None:
        style = {"arrowstyle": "-|>", "mutation_scale": 12 if text else 6}
        style |= {"color": colour, "lw": 1.8 if text else 1.2}
        ax.annotate("", end, start, arrowprops=style | {"shrinkA": 0, "shrinkB": 0})

    levels = range(1 + max(step.level for step in steps))
    tallest = [max(tall(s.height) for s in steps if s.level == k) for k in levels]
    floor = -np.cumsum(np.array(tallest) + 1.1)  # where the boxes of a level stand
    above, below = (0.3, 0.42) if text else (0.08, 0.08)  # room for the numbers
    frame = {"edgecolor": BLACK, "linewidth": 0.8 if text else 0.5}
    column, last, copied = 0, (), []  # last: bottom, right, top of a box
    for step in steps:
        colour, foot = UNET_ARROWS.get(step.arrow, BLACK), floor[step.level]
        width, height = 0.12 + 0.055 * np.log2(step.channels + 1), tall(step.height)
        column += step.arrow.startswith("conv")
        left, middle, head = column - width / 2, foot + height / 2, foot + height
        if step.arrow.startswith("conv"):
            arrow((last[1] + 0.04, middle), (left - 0.04, middle), colour)
        elif step.arrow.startswith("max pool"):
            copied.append(last)
            arrow((column, last[0] - below), (column, head + above), colour)
        elif step.arrow.startswith("up-conv"):
            arrow((column, last[2] + above), (column, foot - below), colour)
            continue  # its box is drawn with the copy beside it
        elif step.arrow.startswith("copy"):
            arrow((copied.pop()[1] + 0.06, middle), (left - 0.06, middle), colour)
        last = (foot, column + width / 2, head)
        ax.add_patch(Rectangle((left, foot), width, height, fc="#DCEBF5", **frame))
        if step.arrow.startswith("copy"):
            ax.add_patch(
                Rectangle((left, foot), width / 2, height, fc="white", **frame)
            )
        if text:
            square = step.height == step.width
            size = step.height if square else f"{step.height}x\n{step.width}"
            ax.text(column, head + 0.05, step.channels, ha="center", fontsize=8.5)
            ax.text(column, foot - 0.05, size, ha="center", va="top", fontsize=8.5)
    if text:
        for k, (name, colour) in enumerate(UNET_ARROWS.items()):
            y = floor[-1] + 1.3 - 0.35 * k
            arrow((-0.2, y), (0.6, y), colour)
            ax.text(0.8, y, name, va="center", fontsize=9)
    ax.set(xlim=(-0.7, column + 0.7), ylim=(floor[-1] - 0.55, 0.4 * text - 1.05))
    ax.axis("off")
    return ax.figure


COST_CHANGES = {"width": (BLUE, "o"), "levels": (GREEN, "^"), "patch": (RED, "s")}
ABOVE = {"xytext": (-4, 4), "ha": "right", "va": "bottom"}  # where a label stands
BELOW = {"xytext": (4, -4), "ha": "left", "va": "top"}
GFLOPS = (10, 30, 100, 300, 1000, 3000)  # a second: the lines in the figure of costs


def cost(
    rows: Sequence[dict],
    limits: dict[str, float],
    dice: Sequence[dict],
    device: str = "cpu",
) -> Figure:
    """Draw what a U-Net costs against its size, and what Dice that buys.

    ``rows``, ``limits`` (``multiply_gflop_per_second``) and ``dice`` are those of
    results/cost.json. A panel for each precision of the limits: how long a step keeps
    the core busy against its operations. On a grey line as many are done a second as
    it says, on the dashed one as many as in a product of large matrices. Below them
    the differences in Dice to the recipe, with intervals. 360 pixels wide, for a phone.
    """
    heights = [1.0] * len(limits) + [0.25 + 0.12 * len(dice)]
    size = {"figsize": (360 / DPI, 270 / DPI * sum(heights)), "dpi": DPI}
    fig, axes = plt.subplots(len(heights), 1, height_ratios=heights, **size)
    *panels, last = axes
    for ax, precision in zip(panels, limits, strict=True):
        ax.sharex(panels[0])
        ax.sharey(panels[0])
        ax.set(xscale="log", yscale="log", title=f"a step in {precision}")
        ax.set(xlabel="operations, GFLOP", ylabel="seconds of a core")
        seconds = {x["name"]: x[device][precision]["core_seconds"] for x in rows}
        _plot_costs(ax, rows, seconds)
    for ax, limit in zip(panels, limits.values(), strict=True):
        _plot_rates(ax, limit)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_major_formatter("{x:g}")
    panels[0].legend(fontsize=8, loc="upper left")
    _plot_dice(last, dice, next(iter(limits)))
    fig.tight_layout()
    return fig


def _plot_costs(ax: Axes, rows: Sequence[dict], seconds: dict[str, float]) -> None:
    """Draw a line for each change of the recipe, its numbers at the points."""
    gflop = {row["name"]: row["step_flop"] / 1e9 for row in rows}
    recipe = gflop["recipe"], seconds["recipe"]
    for change, (colour, marker) in COST_CHANGES.items():
        names = [x for x in gflop if x == "recipe" or x.split()[0] == change]
        points = sorted((gflop[name], seconds[name], name) for name in names)
        x, y, _ = zip(*points, strict=True)
        ax.plot(x, y, marker=marker, color=colour, label=change)
        for *point, name in points:
            slower = point[1] / point[0] > recipe[1] / recipe[0]
            above = change == "patch" or (slower and change == "width")
            where = ABOVE if above else BELOW
            style = where | {"textcoords": "offset points", "fontsize": 9}
            if name != "recipe":
                text = name.split()[1] + " px" * (change == "patch")
                ax.annotate(text, point, color=colour, **style)
    ax.plot(*recipe, "*", color=BLACK, markersize=11, zorder=3, label="recipe")
    ax.margins(x=0.2, y=0.14)


def _plot_rates(ax: Axes, limit: float) -> None:
    """Draw lines of equal GFLOP/s through log axes, and leave their limits alone."""
    (left, right), (low, high) = ends = ax.get_xlim(), ax.get_ylim()
    for rate in GFLOPS:
        line = (left / rate, right / rate)
        ax.plot((left, right), line, color=GREY, lw=0.6, zorder=0)
        if low * 1.3 < right / rate < high / 1.1:
            style = {"ha": "right", "va": "bottom", "color": "0.4", "fontsize": 7.5}
            ax.text(right, right / rate, f"{rate} GFLOP/s ", **style)
    line, label = (left / limit, right / limit), "matrix product"
    ax.plot((left, right), line, "k--", lw=1, zorder=0, label=label)
    ax.set(xlim=ends[0], ylim=ends[1])


def _plot_dice(ax: Axes, dice: Sequence[dict], precision: str) -> None:
    """Draw a difference a line, black where its interval leaves zero out; its cost."""
    for y, row in enumerate(dice):
        mean, low, high = row["dice"]
        colour = BLACK if low > 0 or high < 0 else GREY  # the others are of changes
        ax.plot((low, high), (y, y), color=colour)
        ax.plot(mean, y, "o", color=colour)
    times = [row["times"][precision]["core_seconds"] for row in dice]
    named = zip(dice, times, strict=True)
    words = [f"{row['text']}\n{x:.1f} × time ({precision})" for row, x in named]
    ax.set_yticks(range(len(dice)), words, fontsize=9)
    ax.axvline(0, color=BLACK, linewidth=0.8)
    ax.set(ylim=(len(dice) - 0.5, -0.5), title="Dice minus the recipe's")
    ax.locator_params(axis="x", nbins=4)
