"""Chapter 06, Augmentation: references, cases and typical mistakes."""

from __future__ import annotations

import torch

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def _d4(x, k):
    x = torch.rot90(x, k % 4, dims=(-2, -1))
    return x.flip(-1) if k >= 4 else x


def undo(x, k):
    x = x.flip(-1) if k >= 4 else x
    return torch.rot90(x, -(k % 4), dims=(-2, -1))


def _undo_in_old_order(x, k):
    x = torch.rot90(x, -(k % 4), dims=(-2, -1))
    return x.flip(-1) if k >= 4 else x


def as_grid(row, column, height, width):
    return 2 * column / width, 2 * row / height


TWICE = (
    "A flip is its own undoing, a quarter turn is not: look at k = 1 and k = 3.",
    "翻转做两次就回到原样，转 90 度做两次却不会：看看 k = 1 和 k = 3。",
)
OLD_ORDER = (
    "Each step is undone, but in the old order. The last one must be undone first.",
    "每一步都撤销了，但顺序没有倒过来。最后做的要最先撤销。",
)
IN_PIXELS = (
    "These are pixels. For grid_sample the whole image is 2 wide and 2 high.",
    "这还是像素。在 grid_sample 里，整幅图的宽和高都是 2。",
)
ROW_FIRST = (
    "The units are right, the order is not: grid_sample wants x, the column, first.",
    "单位对了，顺序不对：grid_sample 要先 x，也就是列。",
)
ONE_WIDE = (
    "Half of it: the image reaches from -1 to 1, so it is 2 wide, not 1.",
    "只有一半：图像从 -1 到 1，宽是 2，不是 1。",
)
EXERCISES["06.3"] = Exercise(
    ("Undo it", "TODO"),
    undo,
    tuple((_d4(torch.tensor([[1, 2], [3, 4]]), k), k) for k in range(8)),
    (
        "Socks, then shoes. How do you take them off? Try it with pencil and paper.",
        "先穿袜子再穿鞋，脱的时候呢？用 2×2 的数组试一试。",
    ),
    ((_d4, TWICE), (_undo_in_old_order, OLD_ORDER)),
)
EXERCISES["06.4"] = Exercise(
    ("Ten pixels, in which unit?", "TODO"),
    as_grid,
    ((0, 10, 128, 128), (10, 0, 128, 128), (-3, 10, 100, 200)),
    (
        "How wide is the whole image for grid_sample? And which axis comes first?",
        "在 grid_sample 里整幅图有多宽？哪个轴在前？",
    ),
    (
        (lambda row, column, *size: (column, row), IN_PIXELS),  # noqa: ARG005
        (lambda r, c, height, width: (2 * r / height, 2 * c / width), ROW_FIRST),
        (lambda r, c, height, width: (c / width, r / height), ONE_WIDE),
    ),
)
