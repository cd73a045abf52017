"""Chapter 03, The U-Net paper: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def max_pool(maps):
    top = np.maximum(maps[:, ::2, ::2], maps[:, ::2, 1::2])
    bottom = np.maximum(maps[:, 1::2, ::2], maps[:, 1::2, 1::2])
    return np.maximum(top, bottom)


def _mean_pool(maps):
    channels, height, width = maps.shape
    return maps.reshape(channels, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


def _max_pool_stride_one(maps):
    rows = np.maximum(maps[:, :-1], maps[:, 1:])
    return np.maximum(rows[:, :, :-1], rows[:, :, 1:])


def stamp_up(small, stamp):
    height, width = small.shape
    result = np.zeros((2 * height, 2 * width), small.dtype)
    for row in range(height):
        for column in range(width):
            place = slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2)
            result[place] = small[row, column] * stamp
    return result


def crop_per_side(skip, up):
    return (skip - up) // 2


def size_after(levels, side):
    for _ in range(levels - 1):  # down
        side = (side - 4) // 2
    side -= 4  # the bottom
    for _ in range(levels - 1):  # up
        side = 2 * side - 4
    return side


def _size_after_losing(each, at_the_bottom, levels, side):
    for _ in range(levels - 1):
        side = (side - each) // 2
    side -= at_the_bottom
    for _ in range(levels - 1):
        side = 2 * side - each
    return side


def count_layer(side, i, o):
    return o * (side * side * i + 1)


def next_valid(side):
    size = 188
    while size < side:
        size += 16
    return size


_MAPS = np.array(
    [
        [[1, 4, 0, 2], [3, 2, 5, 1], [0, 0, 2, 2], [6, 1, 3, 0]],
        [[9, 0, 1, 1], [0, 0, 1, 7], [2, 8, 0, 0], [1, 3, 4, 5]],
    ]
)
_STAMP = np.array([[1, 10], [100, 1000]])

EXERCISES["03.1"] = Exercise(
    ("Max pooling by hand", "TODO"),
    max_pool,
    ((_MAPS,), (_MAPS[:1, :2],), (3 * _MAPS[:, :, :2],)),
    (
        "Each result is the largest of one 2 x 2 block of one channel. (C, H, W) "
        "becomes (C, H / 2, W / 2).",
        "每个结果是一个通道里一个 2 x 2 方块的最大值。(C, H, W) 变成 "
        "(C, H / 2, W / 2)。",
    ),
    (
        (
            _mean_pool,
            (
                "That is the mean of each block. Max pooling keeps the largest.",
                "这是每个方块的平均值。最大池化留下的是最大值。",
            ),
        ),
        (
            lambda maps: maps[:, ::2, ::2],
            (
                "That keeps the upper left corner of each block, whatever it is.",
                "这样留下的是每个方块左上角的数，不管它大不大。",
            ),
        ),
        (
            _max_pool_stride_one,
            (
                "Your blocks overlap. With stride 2 the next block begins two further.",
                "你的方块互相重叠。步幅是 2，下一个方块要往后移两格。",
            ),
        ),
        (
            lambda maps: max_pool(maps).max(axis=0),
            (
                "You took the largest over the channels, too. Pooling looks at each "
                "channel alone.",
                "你在通道之间也取了最大值。池化对每个通道单独做。",
            ),
        ),
    ),
)
EXERCISES["03.2"] = Exercise(
    ("A stamp for every pixel", "TODO"),
    stamp_up,
    (
        (np.array([[1, 2], [3, 4]]), _STAMP),
        (np.array([[5, 0, 7]]), _STAMP),
        (np.array([[2]]), np.array([[1, 0], [0, 3]])),
    ),
    (
        "Pixel (row, column) fills result[2 * row : 2 * row + 2, 2 * column : "
        "2 * column + 2] with its value times the stamp.",
        "像素 (row, column) 的值乘上印章，填进 result[2 * row : 2 * row + 2, "
        "2 * column : 2 * column + 2]。",
    ),
    (
        (
            lambda small, stamp: np.kron(stamp, small),
            (
                "You repeated the whole picture once for each number of the stamp. "
                "Repeat the stamp once for each pixel.",
                "你为印章的每个数重复了整幅图。应该为每个像素重复印章。",
            ),
        ),
        (
            lambda small, _stamp: np.kron(small, np.ones((2, 2), int)),
            (
                "You repeated each pixel and left the stamp out: what would there be "
                "to learn?",
                "你只把像素重复了四遍，没有用印章。那还有什么可学的呢？",
            ),
        ),
    ),
)
EXERCISES["03.3"] = Exercise(
    ("How much to crop", "TODO"),
    crop_per_side,
    ((64, 56), (136, 104), (280, 200), (568, 392)),
    (
        "What is too much falls off on two sides, half of it on each.",
        "多出来的部分从两边裁掉，每边一半。",
    ),
    (
        (
            lambda skip, up: skip - up,
            (
                "That is both sides together. How much falls off on one?",
                "这是两边合起来的。每一边裁掉多少？",
            ),
        ),
        (
            lambda skip, up: (up - skip) // 2,
            (
                "The sign: the skip is the larger one, and it is cropped.",
                "看符号：跳跃连接送来的那张更大，要裁的是它。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["03.4"] = Exercise(
    ("Follow a side through the U", "TODO"),
    size_after,
    ((1, 20), (2, 20), (5, 572), (5, 188), (4, 140)),
    (
        "Down: lose 4, then halve, levels - 1 times. The bottom loses 4. Up: double, "
        "then lose 4, levels - 1 times.",
        "向下：减 4，再减半，做 levels - 1 次。底部减 4。向上：翻倍，再减 4，"
        "做 levels - 1 次。",
    ),
    (
        (
            lambda levels, side: _size_after_losing(4, 0, levels, side),
            (
                "The bottom of the U has two convolutions as well.",
                "U 的底部也有两次卷积。",
            ),
        ),
        (
            lambda levels, side: _size_after_losing(2, 2, levels, side),
            (
                "You take 2 off at each level. A convolution takes one pixel on each "
                "side, which is 2, and there are two convolutions.",
                "你每层只减 2。一次卷积两边各丢一个像素，共 2 个；每层有两次卷积。",
            ),
        ),
        (
            lambda _levels, side: side,
            (
                "The size stays only where the convolutions are padded. The paper's "
                "are not.",
                "只有卷积带填充时大小才不变。论文的卷积不填充。",
            ),
        ),
        (
            lambda levels, side: size_after(levels + 1, side),
            (
                "One pooling too many: five levels have four arrows down.",
                "多池化了一次：五层之间只有四个向下的箭头。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["03.5"] = Exercise(
    ("The next valid size", "TODO"),
    next_valid,
    ((512,), (572,), (573,), (565,), (584,), (100,)),
    (
        "Valid sizes are 188, 204, 220, ...: 16 apart. Find the first one that is not "
        "below the side.",
        "合格的边长是 188、204、220……每次多 16。找出第一个不小于 side 的。",
    ),
    (
        (
            lambda side: -(-side // 16) * 16,
            (
                "Those are the multiples of 16, right for a padded network. Here the "
                "sizes leave a rest of 12.",
                "这是 16 的倍数，适合带填充的网络。这里的边长除以 16 余 12。",
            ),
        ),
        (
            lambda side: max(188, side + 16 - (side - 12) % 16),
            (
                "572 is valid already and needs nothing.",
                "572 已经合格，不用再加。",
            ),
        ),
        (
            lambda side: side + (12 - side) % 16,
            (
                "Right, but for small sides: 108 leaves no pixel of answer. The first "
                "valid size is 188.",
                "大边长都对，小边长不对：108 连一个像素的输出都剩不下。"
                "第一个合格的是 188。",
            ),
        ),
        (
            lambda side: side - (side - 12) % 16,
            (
                "You rounded down: then a part of the image is not looked at.",
                "你取了较小的那个：这样有一部分图像看不到。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["03.6"] = Exercise(
    ("Count one layer", "TODO"),
    count_layer,
    ((3, 1, 64), (3, 64, 64), (2, 1024, 512), (1, 64, 2)),
    (
        "Each of the o outputs has its own block of side x side x i weights, and one "
        "bias.",
        "o 个输出通道，每个都有自己的 side x side x i 个权重，再加一个偏置。",
    ),
    (
        (
            lambda side, i, o: side * side * i * o,
            (
                "The biases are missing: one number for each output channel.",
                "少了偏置：每个输出通道一个数。",
            ),
        ),
        (
            lambda side, _i, o: side * side * o + o,
            (
                "A kernel sees all i channels at once: side x side x i numbers.",
                "一个卷积核同时看所有 i 个通道：side x side x i 个数。",
            ),
        ),
        (
            lambda side, i, o: (side * side * i + 1) * i * o,
            (
                "The i channels are counted twice. One kernel holds them all.",
                "i 个通道你数了两遍。一个卷积核已经包含了它们。",
            ),
        ),
        (
            lambda side, i, o: side * i * o + o,
            (
                "A 3 x 3 kernel has 9 places, not 3.",
                "3 x 3 卷积核有 9 个位置，不是 3 个。",
            ),
        ),
    ),
    tolerance=1e-6,
)
