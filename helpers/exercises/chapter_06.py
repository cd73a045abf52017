"""Chapter 06, Augmentation: what it asks and what it claims."""

from __future__ import annotations

import torch

from helpers.questions import Between, Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


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
EXERCISES["06.2"] = Exercise(
    ("Undo it", "撤销 d4"),
    undo,
    tuple((_d4(torch.tensor([[1, 2], [3, 4]]), k), k) for k in range(8)),
    (
        "Socks, then shoes. How do you take them off? Try it with pencil and paper.",
        "先穿袜子再穿鞋，脱的时候呢？用 2×2 的数组试一试。",
    ),
    ((_d4, TWICE), (_undo_in_old_order, OLD_ORDER)),
)
EXERCISES["06.3"] = Exercise(
    ("Ten pixels, in which unit?", "把十个像素换成 grid_sample 的单位"),
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


QUESTIONS["06.1"] = Question(
    ("mean Dice of the label that stayed behind", "没有跟着动的标签，平均 Dice"),
    lambda dice: dice,
    (
        (
            "Overlay the two labels in your mind, in two colours. How many pixels lie "
            "on each other?",
            "想象把两张标签用两种颜色叠起来。有多少像素重合？",
        ),
        (
            "Think of two trees that know nothing of each other: of the pixels of one, "
            "which share lies on a vessel of the other by chance?",
            "设想两棵毫不相干的血管树：一棵的像素里，碰巧落在另一棵血管上的占多少？",
        ),
    ),
    (
        "It is near the share of vessel pixels, the Dice of two drawings that know "
        "nothing of each other.",
        "接近血管像素占比：两张毫不相干的标签，Dice 就差不多是这个占比。",
    ),
    tolerance=0.04,
    mistakes=(
        (
            Between(0.25, 1),
            (
                "The two halves of an eye look alike, but thin vessels must meet "
                "exactly.",
                "眼底左右看着相似，可是细血管要正好落在一起才算数。",
            ),
        ),
        (
            Between(0, 0.04),
            (
                "Not a single hit? Vessels spread over the whole eye; some must cross.",
                "一点也不重合？血管遍布整只眼睛，总有交叉的地方。",
            ),
        ),
    ),
    known=("Dice 0.136",),
)

QUESTIONS["06.4"] = Question(
    (
        "vessel area of 'bilinear, > 0', as a multiple of the old area",
        "双线性后取大于 0，血管面积是原来的几倍",
    ),
    lambda factor: factor,
    (
        (
            "Every pixel that touches a vessel counts. How much is a rim of a thin "
            "vessel?",
            "碰到血管的像素都算。和细血管本身相比，它周围的一圈边缘有多大？",
        ),
        (
            "The rim grows by about half a pixel on either side. Most vessels are only "
            "a few pixels wide.",
            "每一侧大约多出半个像素。这里的血管大多只有几个像素宽。",
        ),
    ),
    (
        "Each rim pixel that a vessel merely touches is added, and thin vessels are "
        "mostly rim.",
        "凡是血管碰到一点的边缘像素，都算了进来，而细血管大部分都是边缘。",
    ),
    tolerance=0.05,
    mistakes=(
        (
            Between(0.9, 1.1),
            (
                "The turn keeps the area. What does `> 0` do to the rim?",
                "旋转本身不改变面积。`> 0` 会怎样处理那一圈边？",
            ),
        ),
        (
            Between(0, 0.9),
            (
                "Can an area shrink when every pixel with a trace of vessel counts?",
                "有一点点血管的像素都算，面积还会变小吗？",
            ),
        ),
        (
            Between(2.5, 100),
            (
                "Only the rim is new: less than a pixel on each side of a vessel.",
                "多出来的只有边缘：血管每一侧不到一个像素。",
            ),
        ),
    ),
    known=("1.413",),
)


def _places(height, width, patch):
    return (height - patch + 1) * (width - patch + 1)


QUESTIONS["06.5"] = Question(
    ("places for the patch in one image", "一幅图像里图像块的位置数"),
    _places,
    (
        (
            "Along one axis: a patch as long as the image has exactly one place.",
            "只看一个轴：图像块和图像一样长时，正好有一个位置。",
        ),
        (
            "A patch of 3 in a row of 5 can begin at 0, 1 or 2. Do so for both axes, "
            "and multiply.",
            "长 3 的图像块在长 5 的一行里，可以从 0、1、2 开始。"
            "两个轴都这样数，再相乘。",
        ),
    ),
    (
        "(height - patch + 1) × (width - patch + 1) = {answer}.",
        "(高 - 图像块 + 1) × (宽 - 图像块 + 1) = {answer}。",
    ),
    tolerance=1e-6,
    mistakes=(
        (
            lambda height, width, patch: (height - patch) * (width - patch),
            ("Almost: the first place counts, too.", "差一点：起点那个位置也要算。"),
        ),
        (
            lambda height, width, patch: (height // patch) * (width // patch),
            (
                "That is how many fit side by side. Here they may overlap.",
                "这是一块挨一块能放几块。这里可以重叠。",
            ),
        ),
        (
            lambda height, width, _patch: height * width,
            (
                "The patch must lie wholly inside: it cannot begin at the last pixel.",
                "图像块要整个落在图像里，不能从最后一个像素开始。",
            ),
        ),
    ),
    known=("200,166", "200166"),
)

_OVERLAP = (
    "Those overlap. Two neighbours share all but one column: what can the second one "
    "still teach?",
    "这些图像块互相重叠。相邻两个只差一列，第二个还能教会网络什么？",
)
QUESTIONS["06.6"] = Question(
    (
        "patches without a common pixel, in all training images",
        "全部训练图像里互不重叠的图像块",
    ),
    lambda height, width, patch, eyes: (height // patch) * (width // patch) * eyes,
    (
        (
            "Lay them side by side like tiles of a floor, in each image.",
            "像铺地砖一样一块挨一块，每张图像能铺几块？",
        ),
        (
            "How many whole patches fit along the height, how many along the width? "
            "The rest of a patch is lost.",
            "沿高能放几块整的，沿宽能放几块？不足一块的不算。",
        ),
    ),
    (
        "Whole patches along the height, times those along the width, times the "
        "images: {answer}.",
        "沿高的整块数，乘沿宽的整块数，再乘图像数：{answer}。",
    ),
    tolerance=1e-6,
    mistakes=(
        (lambda height, width, patch, _eyes: _places(height, width, patch), _OVERLAP),
        (
            lambda height, width, patch, eyes: eyes * _places(height, width, patch),
            _OVERLAP,
        ),
        (
            lambda height, width, patch, eyes: 8 * eyes * _places(height, width, patch),
            _OVERLAP,
        ),
        (
            lambda height, width, patch, _eyes: (height // patch) * (width // patch),
            (
                "That is one image. How many are there?",
                "这只是一幅图像。一共有几幅？",
            ),
        ),
    ),
)

CONTRACTS["06.behind"] = Contract(
    ("mean Dice of the label that stayed behind", "没有跟着动的标签，平均 Dice"),
    {"DRIVE": 0.136, "CHASEDB1": 0.132},
    tolerance=0.001,
)
CONTRACTS["06.entropy"] = Contract(
    ("entropy of the vessel share", "血管像素占比的熵"),
    {"DRIVE": 0.379, "CHASEDB1": 0.346},
    tolerance=0.001,
)
CONTRACTS["06.slope"] = Contract(
    (
        "pixel (64, 64) of the slope, before and after looking 10 px to the right",
        "斜坡上的像素 (64, 64)，向右看 10 px 之前和之后",
    ),
    (64.0, 74.0),
    tolerance=1e-3,
)
CONTRACTS["06.nearest"] = Contract(
    (
        "vessel area after a turn with nearest, as a multiple",
        "最近邻旋转后，血管面积是原来的几倍",
    ),
    1.0,
    tolerance=0.03,
)
CONTRACTS["06.together"] = Contract(
    (
        "Dice of a label that went the image's way, and the label",
        "当作图像变换的标签，与照常变换的标签之间的 Dice",
    ),
    {"DRIVE": 0.959, "CHASEDB1": 0.977},
    tolerance=0.005,
    modes=("lesson", "full"),
)
