"""Chapter 10, The paper's own way: references, cases and typical mistakes."""

from __future__ import annotations

import math

import numpy as np

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


def mirrored(row, before, after):
    period = 2 * (len(row) - 1)
    place = np.arange(-before, len(row) + after) % period
    return row[np.minimum(place, period - place)]


def price(keep):
    return ((keep + 188) / keep) ** 2


def midway(gap, w0, sigma):
    return w0 * math.exp(-(gap**2) / (2 * sigma**2))


def he_sd(side, in_channels, out_channels):
    return math.sqrt(2 / (side * side * in_channels))


def share_of_last(k, momentum):
    return 1 - momentum**k


def rand_error(table):
    def pairs(n):
        return (n * (n - 1) / 2).sum()

    true, predicted = table.sum(axis=1), table.sum(axis=0)
    return 1 - 2 * pairs(table) / (pairs(true) + pairs(predicted))


def _pairs_torn_apart(table):
    true = table.sum(axis=1)
    return 1 - (table * (table - 1)).sum() / (true * (true - 1)).sum()


def _rand_error_of_pixels(table):
    best = np.maximum(table.max(axis=1), 0).sum()
    return 1 - best / table.sum()


EXERCISES["10.1"] = Exercise(
    ("A mirror on both sides", "TODO"),
    mirrored,
    (
        (np.array([1, 2, 3, 4]), 2, 3),
        (np.array([5, 6, 7]), 0, 2),
        (np.array([1, 2, 3]), 5, 4),
    ),
    (
        "Walk outwards from the edge: the first new pixel is the neighbour of the "
        "edge pixel. At the other end you turn round again.",
        "从边缘往外补：补的第一个，和边缘像素在图内的邻居相同。数到另一头，再掉头往回数。",
    ),
    (
        (
            lambda row, before, after: np.pad(row, (before, after), mode="symmetric"),
            (
                "You repeat the edge pixel: that is cba|abcd. The mirror stands on it: "
                "dcb|abcd.",
                "你重复了边缘像素，这是 cba|abcd。镜子立在边缘像素上：dcb|abcd。",
            ),
        ),
        (
            lambda row, before, after: np.pad(row, (before, after), mode="wrap"),
            (
                "You go on with the other end of the row. A mirror comes back the way "
                "it went.",
                "你接上了这一行的另一头。镜像是沿原路折回来。",
            ),
        ),
        (
            lambda row, before, after: np.pad(row, (before, after)),
            (
                "Those are zeros, a black frame that no tissue has.",
                "这是补零，等于加了一圈黑边，组织里没有这种东西。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["10.2"] = Exercise(
    ("The price of a tile", "TODO"),
    price,
    ((384,), (96,), (16,)),
    (
        "The window is keep + 188 pixels wide and as high. Divide its pixels by the "
        "keep x keep that remain.",
        "窗口的宽和高都是 keep + 188。用它的像素数除以留下的 keep x keep。",
    ),
    (
        (
            lambda keep: (keep + 188) / keep,
            (
                "That is one axis. An area has two.",
                "这只是一个方向。面积有两个方向。",
            ),
        ),
        (
            lambda keep: ((keep + 92) / keep) ** 2,
            (
                "The border lies on both sides of the tile.",
                "切片两边都有边框。",
            ),
        ),
        (
            lambda keep: ((keep + 184) / keep) ** 2,
            (
                "384 + 184 = 568 is no valid size; the next one is 572.",
                "384 + 184 = 568 不是合格的边长，下一个是 572。",
            ),
        ),
        (
            lambda keep: (keep / (keep + 188)) ** 2,
            (
                "Upside down: what is read, divided by what is kept.",
                "除反了：应当用读进来的除以留下的。",
            ),
        ),
    ),
)
EXERCISES["10.3"] = Exercise(
    ("The weight between two cells", "TODO"),
    midway,
    ((10, 10, 5), (4, 10, 5), (10, 3, 2)),
    (
        "Midway, d1 = d2 = gap / 2. Add them first, square the sum, divide by "
        "2 sigma^2, put a minus in front.",
        "在正中间，d1 = d2 = gap / 2。先相加，再平方，除以 2 sigma^2，前面加负号。",
    ),
    (
        (
            lambda gap, w0, sigma: w0 * math.exp(-((gap / 2) ** 2) / (2 * sigma**2)),
            (
                "You took one distance. The formula adds both: d1 + d2 = gap.",
                "你只用了一个距离。公式里是两个距离之和：d1 + d2 = gap。",
            ),
        ),
        (
            lambda gap, w0, sigma: w0 * math.exp(-(gap**2 / 2) / (2 * sigma**2)),
            (
                "You squared each distance and added. Add first, then square.",
                "你先分别平方再相加。应当先相加，再平方。",
            ),
        ),
        (
            lambda gap, w0, sigma: w0 * math.exp(-(gap**2) / sigma**2),
            (
                "The 2 below the fraction line is missing: 2 sigma^2.",
                "分母里少了 2：应当是 2 sigma^2。",
            ),
        ),
        (
            lambda gap, w0, sigma: w0 * math.exp(gap**2 / (2 * sigma**2)),
            (
                "Without the minus the weight grows with the distance.",
                "没有负号，距离越远权重越大。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["10.4"] = Exercise(
    ("How wide to draw the first weights", "TODO"),
    he_sd,
    ((3, 64, 128), (3, 1, 64), (1, 64, 2)),
    (
        "N counts the numbers that one output is the sum of: side x side x "
        "in_channels. The paper gives the standard deviation.",
        "一个输出由 N 个数相加而成：side x side x in_channels。论文给的是标准差。",
    ),
    (
        (
            lambda side, i, _o: 2 / (side * side * i),
            (
                "That is the variance. The standard deviation is its root.",
                "这是方差。标准差是它的平方根。",
            ),
        ),
        (
            lambda side, _i, o: math.sqrt(2 / (side * side * o)),
            (
                "You counted outgoing channels. An output is a sum over incoming ones.",
                "你数的是输出通道。一个输出是对输入通道求和。",
            ),
        ),
        (
            lambda _side, i, _o: math.sqrt(2 / i),
            (
                "Each channel is read at side x side places.",
                "每个通道要读 side x side 个位置。",
            ),
        ),
        (
            lambda side, i, _o: math.sqrt(1 / (side * side * i)),
            (
                "The 2 makes up for the half that ReLU sets to zero.",
                "2 是为了补偿 ReLU 变成零的那一半。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["10.5"] = Exercise(
    ("How long a mean remembers", "TODO"),
    share_of_last,
    ((100, 0.99), (1, 0.9), (10, 0.9)),
    (
        "A step multiplies everything before it by the momentum. What is left of the "
        "old after k steps, and what is the rest?",
        "每走一步，以前的一切都乘以动量。k 步之后，旧的还剩多少？其余占多少？",
    ),
    (
        (
            lambda k, momentum: momentum**k,
            (
                "That is what is left of the older ones.",
                "这是更早的梯度剩下的份额。",
            ),
        ),
        (
            lambda k, momentum: k * (1 - momentum),
            (
                "Only the newest has the share 1 - momentum; older ones have less.",
                "只有最新的一个占 1 - momentum，更早的都更少。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["10.6"] = Exercise(
    ("Count pairs", "TODO"),
    rand_error,
    (
        (np.array([[100, 0], [0, 50]]),),
        (np.array([[100], [100]]),),
        (np.array([[60, 40], [0, 80]]),),
    ),
    (
        "n pixels make n (n - 1) / 2 pairs. Count the pairs of each number in the "
        "table, of each row sum, of each column sum.",
        "n 个像素组成 n (n - 1) / 2 对。表里每个数、每行之和、每列之和，各算出有几对。",
    ),
    (
        (
            lambda table: 1 - rand_error(table),
            (
                "That is the score: 1 for perfect. The error is one minus it.",
                "这是得分，完美为 1。误差是 1 减去它。",
            ),
        ),
        (
            _rand_error_of_pixels,
            (
                "You counted pixels. Two joined cells of 100 make 10,000 wrong pairs.",
                "你数的是像素。两个 100 像素的细胞连在一起，就错了 10,000 对。",
            ),
        ),
        (
            _pairs_torn_apart,
            (
                "You ask only for true pairs that were torn apart. Joined cells go "
                "unpunished.",
                "你只数了被拆开的对。细胞连在一起时，一点也不罚。",
            ),
        ),
    ),
    tolerance=1e-3,
)
