"""Chapter 03, The U-Net paper: what it asks, what it claims, and its exercises."""

from __future__ import annotations

import numpy as np

from helpers.questions import Between, Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


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

EXERCISES["03.5"] = Exercise(
    ("Max pooling by hand", "手写最大池化"),
    max_pool,
    ((_MAPS,), (_MAPS[:1, :2],), (3 * _MAPS[:, :, :2],)),
    (
        "Each result is the largest of one 2×2 block of one channel. (C, H, W) "
        "becomes (C, H / 2, W / 2).",
        "每个结果是一个通道里一个 2×2 方块的最大值。(C, H, W) 变成 (C, H / 2, W / 2)。",
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
EXERCISES["03.6"] = Exercise(
    ("A stamp for every pixel", "一个像素盖一个章"),
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
EXERCISES["03.7"] = Exercise(
    ("How much to crop", "裁掉多少"),
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
EXERCISES["03.14"] = Exercise(
    ("Follow a side through the U", "边长在 U 里怎样变化"),
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
EXERCISES["03.15"] = Exercise(
    ("The next valid size", "下一个合格的边长"),
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
EXERCISES["03.16"] = Exercise(
    ("Count one layer", "一层有多少参数"),
    count_layer,
    ((3, 1, 64), (3, 64, 64), (2, 1024, 512), (1, 64, 2)),
    (
        "Each of the o outputs has its own block of side × side × i weights, and one "
        "bias.",
        "o 个输出通道，每个都有自己的 side × side × i 个权重，再加一个偏置。",
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
                "A kernel sees all i channels at once: side × side × i numbers.",
                "一个卷积核同时看所有 i 个通道：side × side × i 个数。",
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
                "A 3×3 kernel has 9 places, not 3.",
                "3×3 卷积核有 9 个位置，不是 3 个。",
            ),
        ),
    ),
    tolerance=1e-6,
)

QUESTIONS["03.1"] = Question(
    (
        "windows of 7×7 that fit into 20 × 20 pixels",
        "20 × 20 像素里放得下多少个 7×7 窗口",
    ),
    196,
    (
        (
            "In how many columns can the left edge of the window stand? Try a window "
            "of 20 first.",
            "窗口的左边缘可以落在几列上？先用边长 20 的窗口想一想。",
        ),
        (
            "The left edge can stand in columns 0 to 20 - 7, both included. Rows are "
            "like columns.",
            "左边缘可以落在第 0 列到第 20 - 7 列，两头都算。行和列一样。",
        ),
    ),
    (
        "20 - 7 + 1 = 14 places across and 14 down: {answer} windows.",
        "横向 20 - 7 + 1 = 14 个位置，纵向也是 14 个，一共 {answer} 个窗口。",
    ),
    mistakes=(
        (
            400,
            (
                "One for each pixel: then the windows at the border stick out of the "
                "image.",
                "你给每个像素一个窗口：那样，靠边的窗口会伸出图外。",
            ),
        ),
        (
            169,
            (
                "13 is how far the window can be moved. It also has a place where it "
                "starts.",
                "13 是窗口能移动的格数。出发的那个位置也算一个。",
            ),
        ),
        (
            14,
            (
                "That is one row of windows. They also move down.",
                "这是一行窗口的个数。窗口还可以向下移。",
            ),
        ),
        (
            Between(4, 9),
            (
                "The windows may overlap: the next one begins one pixel further.",
                "窗口可以重叠：下一个只移动一个像素。",
            ),
        ),
    ),
)
_ROW_3 = [0, 0, 0, 2, 0, 0, 0, 0]
QUESTIONS["03.2"] = Question(
    ("row 3, after the pooling", "第 3 行，池化之后"),
    _ROW_3,
    (
        (
            "Row 2 is zero but for square 9. Pair its squares from the left: 2+3, "
            "4+5, ...",
            "第 2 行只有方格 9 不是零。从左边起两格一对：2 和 3、4 和 5……",
        ),
        (
            "Square 9 is in the fourth pair, 8+9, and holds 2 times 2 minus 1 minus 1.",
            "方格 9 在第四对里（8 和 9），它的值是 2 的两倍减 1 再减 1。",
        ),
    ),
    (
        "The fourth pair keeps its larger number; all others are zero: {answer}.",
        "第四对留下较大的数，其余都是零：{answer}。",
    ),
    mistakes=(
        (
            [0, 0, 0, 1, 0, 0, 0, 0],
            (
                "That is the mean of the pair, not the larger.",
                "这是平均值，不是较大的数。",
            ),
        ),
        (
            [0] * 7 + [2] + [0] * 8,
            (
                "That is row 2. Take the larger of each pair.",
                "这是第 2 行。每对取大的。",
            ),
        ),
        (
            [0, 0, 0, 0, 2, 0, 0, 0],
            (
                "Row 2 begins with square 2, not with square 0: two squares fell off.",
                "第 2 行从方格 2 开始，不是方格 0：左边已经丢了两格。",
            ),
        ),
    ),
)
QUESTIONS["03.3"] = Question(
    ("row 9", "第 9 行"),
    [0, 2, 0, 0],
    (
        (
            "Row 4 sums three squares of row 3, row 5 sums three of row 4. Each "
            "number of row 5 fills two squares of row 6.",
            "第 4 行是第 3 行三格之和，第 5 行是第 4 行三格之和。第 5 行的每个数填满"
            "第 6 行的两格。",
        ),
        (
            "Row 5 is 4 6 4 2; row 8 is 4 times row 7 minus row 6, and what is below "
            "zero becomes 0.",
            "第 5 行是 4 6 4 2；第 8 行是第 7 行的 4 倍减去第 6 行，小于零的变成 0。",
        ),
    ),
    (
        "Only in square 9 is 4 × 2 more than the 6 from below: {answer}.",
        "只有方格 9，4 × 2 比从下面来的 6 大：{answer}。",
    ),
    mistakes=(
        (
            [-6, 2, -4, -4],
            (
                "After a convolution a negative number becomes 0.",
                "卷积之后负数变成 0。",
            ),
        ),
        (
            [-1, 1, -1, -1],
            (
                "That is row 10, which takes 1 away. Row 9 comes before.",
                "这是第 10 行，已经减了 1。第 9 行在它之前。",
            ),
        ),
        (
            [0, 0, 2, 0, 0, 0],
            (
                "That is row 8. One more convolution takes a square on each side.",
                "这是第 8 行。还有一次卷积，两边各去掉一格。",
            ),
        ),
    ),
)
QUESTIONS["03.4"] = Question(
    ("first row in which nothing changes", "最先完全不变的一行"),
    3,
    (
        (
            "Rows 1 and 2 have a number for each square: they move with the line. "
            "Which row has one number for two squares?",
            "第 1、2 行每格一个数，跟着线移动。哪一行是两格共用一个数？",
        ),
        (
            "Squares 8 and 9 are one pair. What does the larger of a pair know of "
            "the order in it?",
            "方格 8 和 9 是一对。取一对里较大的数，还知道它在哪一边吗？",
        ),
    ),
    (
        "Row {answer}, the pooling: squares 8 and 9 are one pair, and the larger of "
        "a pair does not say on which side it stood. Rows 4 to 6 follow from it.",
        "第 {answer} 行，池化：方格 8 和 9 是一对，只留下较大的数，"
        "就看不出它原来在哪一边。第 4 到 6 行由它算出。",
    ),
    mistakes=(
        (
            Between(1, 2),
            (
                "That row has a number for each square, and its bright one moves "
                "along.",
                "这一行每格一个数，亮的那个会跟着移动。",
            ),
        ),
        (
            Between(4, 6),
            (
                "True of that row, but it is made from the one above. Is that one "
                "the same, too?",
                "这一行确实不变，但它由上一行算出。上一行是不是也不变？",
            ),
        ),
        (
            Between(7, 9),
            (
                "Row 7 comes across from row 2, which moves. What it feeds moves, too.",
                "第 7 行从第 2 行横着过来，会移动；用到它的行也会动。",
            ),
        ),
    ),
)
QUESTIONS["03.8"] = Question(
    ("probability of a cell with the scores 0 and 2", "得分 0 和 2 时细胞的概率"),
    1 / (1 + np.exp(-2.0)),
    (
        (
            "Divide the fraction by e^a, above and below. What is left of the two "
            "scores?",
            "分子和分母同时除以 e^a。两个得分还剩下什么？",
        ),
        (
            "p = 1 / (1 + e^(a - b)): only the difference of the scores is left. "
            "What is it in both cases?",
            "p = 1 / (1 + e^(a - b))：只剩下两个得分之差。两种情况的差各是多少？",
        ),
    ),
    (
        "The difference of the scores is 2 in both pixels, so both get {answer}.",
        "两个像素的得分之差都是 2，所以概率都是 {answer}。",
    ),
    tolerance=0.006,
    mistakes=(
        (
            1 / (1 + np.exp(2.0)),
            (
                "That is the background's share. The cell has the higher score.",
                "这是背景的那一份。细胞的得分更高。",
            ),
        ),
        (
            Between(1.01, 10),
            (
                "A probability is one number, at most 1.",
                "概率是一个数，最大是 1。",
            ),
        ),
        (
            1.0,
            (
                "Background has the score 0, and e^0 is 1: it keeps a share.",
                "背景得分是 0，而 e^0 是 1：背景仍然占一份。",
            ),
        ),
    ),
)
_PADDED = (
    "That is half of 588: then nothing was lost before. Each of the two convolutions "
    "takes 2.",
    "这是 588 的一半：你当作前面什么也没丢。其实有两次卷积，每次都少 2。",
)
_PAPERS_TILE = (
    "That is the tile of 572 from the table. This one is 16 larger.",
    "这是表里 572 的分块。现在的分块大 16。",
)
_CHANNELS_LAST = (
    "Here channels come last, as the blog post writes it: (rows, columns, channels).",
    "这里和博文一样，通道写在最后：（行，列，通道）。",
)
QUESTIONS["03.9"] = Question(
    ("after the first pooling", "第一次池化之后"),
    (292, 292, 64),
    (
        (
            "588, then less 2, then less 2, then half of it. And who makes channels?",
            "588，减 2，再减 2，然后减半。通道由谁来变？",
        ),
        (
            "584 rows reach the pooling. It looks at each channel alone and keeps "
            "all 64.",
            "到达池化的是 584 行。它对每个通道单独做，64 个都保留。",
        ),
    ),
    (
        "588, 586, 584, then the half; pooling keeps the 64 channels: {answer}.",
        "588、586、584，再减半；池化不改变 64 个通道：{answer}。",
    ),
    tolerance=0,
    mistakes=(
        (
            (292, 292, 128),
            (
                "Max pooling looks at each channel alone. Which layer makes new "
                "channels?",
                "最大池化对每个通道单独做。哪一层才会产生新通道？",
            ),
        ),
        ((294, 294, 64), _PADDED),
        (
            (293, 293, 64),
            (
                "That is one convolution. There are two before the pooling.",
                "这只算了一次卷积。池化之前有两次。",
            ),
        ),
        ((64, 292, 292), _CHANNELS_LAST),
        ((284, 284, 64), _PAPERS_TILE),
    ),
)
QUESTIONS["03.10"] = Question(
    ("after the next convolution", "再做一次卷积之后"),
    (290, 290, 128),
    (
        (
            "A convolution without padding takes a ring, and this one doubles the "
            "channels.",
            "不填充的卷积去掉一圈，这一次还让通道数翻倍。",
        ),
        (
            "One pixel is lost on each of two sides of what the pooling gave.",
            "池化的结果，两边各丢一个像素。",
        ),
    ),
    (
        "One pixel less on each of two sides, and 64 channels become 128: {answer}.",
        "两边各少一个像素，64 个通道变成 128 个：{answer}。",
    ),
    tolerance=0,
    mistakes=(
        (
            (292, 292, 128),
            (
                "The size cannot stay: nothing is padded.",
                "大小不会不变：没有填充。",
            ),
        ),
        (
            (291, 291, 128),
            (
                "A ring has two sides: one pixel on the left and one on the right.",
                "一圈有两边：左边一个像素，右边也有一个。",
            ),
        ),
        (
            (290, 290, 64),
            (
                "This is the convolution that makes new channels.",
                "产生新通道的正是这次卷积。",
            ),
        ),
        ((282, 282, 128), _PAPERS_TILE),
        ((128, 290, 290), _CHANNELS_LAST),
    ),
)
_HALVES = ("Up: the side doubles, the channels halve.", "向上：边长翻倍，通道数减半。")
QUESTIONS["03.11"] = Question(
    ("after the first up-convolution", "第一次上卷积之后"),
    (58, 58, 512),
    (
        _HALVES,
        (
            "Twice 29 for the side, half of 1024 for the channels.",
            "边长是 29 的两倍，通道数是 1024 的一半。",
        ),
    ),
    (
        "Each of the 29 × 29 pixels stamps 2×2 places, with half of the channels: "
        "{answer}.",
        "29 × 29 个像素，每个盖 2×2 个位置，通道数减半：{answer}。",
    ),
    tolerance=0,
    mistakes=(
        ((58, 58, 1024), _HALVES),
        ((58, 58, 2048), _HALVES),
        (
            (66, 66, 512),
            (
                "66 is what waits on the left. What comes up is twice 29.",
                "66 是左边等着的。上来的是 29 的两倍。",
            ),
        ),
        ((56, 56, 512), _PAPERS_TILE),
        ((512, 58, 58), _CHANNELS_LAST),
    ),
)
_UNCROPPED = (
    "66 × 66 is the copy before cropping. It must fit what comes from below.",
    "66 × 66 是裁剪之前的大小。它要和从下面上来的一样大。",
)
QUESTIONS["03.12"] = Question(
    ("after the joining", "拼接之后"),
    (58, 58, 1024),
    (
        (
            "The larger map is cropped to the smaller one; then their channels are "
            "laid on each other.",
            "大的一张裁到和小的一样大，然后两者的通道叠起来。",
        ),
        (
            "512 channels and 512 channels, stacked and not added, at the size that "
            "came from below.",
            "512 个通道和 512 个通道，是叠起来，不是相加；大小和从下面上来的一样。",
        ),
    ),
    (
        "The copy is cropped from 66 to 58, and 512 + 512 channels are stacked: "
        "{answer}.",
        "复制来的从 66 裁到 58，512 + 512 个通道叠起来：{answer}。",
    ),
    tolerance=0,
    mistakes=(
        (
            (58, 58, 512),
            (
                "You added the two. They are stacked, so both keep their channels.",
                "你把两者相加了。它们是叠起来的，各自的通道都保留。",
            ),
        ),
        ((66, 66, 1024), _UNCROPPED),
        ((66, 66, 512), _UNCROPPED),
        ((56, 56, 1024), _PAPERS_TILE),
        ((1024, 58, 58), _CHANNELS_LAST),
    ),
)
_LAST_ARROW = (
    "The last arrow is a 1×1 convolution: the side stays, and there is one channel "
    "for each class.",
    "最后一个箭头是 1×1 卷积：边长不变，每类一个通道。",
)
QUESTIONS["03.13"] = Question(
    ("at the very end", "最后"),
    (404, 404, 2),
    (
        (
            "The tile is 16 larger than the paper's. Is the border that it loses "
            "larger, too?",
            "分块比论文的大 16。丢掉的边会不会也更宽？",
        ),
        (
            "On every way through the U the same number of rows is lost: 572 - 388.",
            "不管分块多大，穿过 U 丢掉的行数都一样：572 - 388。",
        ),
    ),
    (
        "184 less than the tile, and two classes: {answer}.",
        "比分块少 184，两类：{answer}。",
    ),
    tolerance=0,
    mistakes=(
        (
            (588, 588, 2),
            (
                "The output is smaller than the tile: no convolution is padded.",
                "输出比分块小：所有卷积都不填充。",
            ),
        ),
        ((404, 404, 64), _LAST_ARROW),
        ((404, 404, 1), _LAST_ARROW),
        ((402, 402, 2), _LAST_ARROW),
        ((388, 388, 2), _PAPERS_TILE),
        ((2, 404, 404), _CHANNELS_LAST),
    ),
)
QUESTIONS["03.17"] = Question(
    ("level with the most parameters", "参数最多的一层"),
    5,
    (
        (
            "A layer has about 9 × i × o parameters. Does the side of the map matter?",
            "一层大约有 9 × i × o 个参数。特征图的边长有关系吗？",
        ),
        (
            "Where are i and o, the numbers of channels, largest?",
            "哪一层的通道数 i、o 最大？",
        ),
    ),
    (
        "Level {answer}: twice the channels on both sides of a layer are four times "
        "the parameters, and the bottom has 1024.",
        "第 {answer} 层：输入和输出通道都翻倍，参数就是四倍；底层有 1024 个通道。",
    ),
    tolerance=0,
    mistakes=(
        (
            1,
            (
                "The maps are largest there, but a kernel has the same 3×3 places on "
                "every level.",
                "那里的特征图最大，但卷积核在每一层都是 3×3。",
            ),
        ),
        (
            4,
            (
                "Close: it has more layers. But count 9 × i × o for 1024 channels.",
                "很接近：这一层的卷积更多。不过请用 1024 个通道算一算 9 × i × o。",
            ),
        ),
    ),
)
QUESTIONS["03.18"] = Question(
    ("level with the most numbers in its maps", "特征图里的数最多的一层"),
    1,
    (
        (
            "Going down a level, what happens to the area, and what to the channels?",
            "每下一层，面积怎样变，通道数怎样变？",
        ),
        (
            "The area falls to a quarter, and the channels only double.",
            "面积只剩四分之一，通道数只翻一倍。",
        ),
    ),
    (
        "Level {answer}: with each level down, a quarter of the area and twice the "
        "channels leave half of the numbers.",
        "第 {answer} 层：每下一层，面积剩四分之一，通道数翻倍，数就只剩一半。",
    ),
    tolerance=0,
    mistakes=(
        (
            5,
            (
                "It has the most channels, but its maps are only 28 × 28.",
                "那里通道最多，可是特征图只有 28 × 28。",
            ),
        ),
    ),
)

CONTRACTS["03.receptive"] = Contract(
    (
        "receptive field after 0 to 4 poolings",
        "池化 0 到 4 次之后的感受野",
    ),
    (5, 14, 32, 68, 140),
)
CONTRACTS["03.output"] = Contract(
    ("side that comes out of a tile of 572", "572 的分块输出的边长"), 388
)
CONTRACTS["03.layers"] = Contract(
    ("convolution layers of the paper's network", "论文网络的卷积层数"), 23
)
CONTRACTS["03.parameters"] = Contract(
    ("parameters of the paper's network", "论文网络的参数个数"), 31_030_658
)
