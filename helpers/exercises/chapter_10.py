"""Chapter 10, The paper's own way: questions, exercises and the numbers it claims."""

from __future__ import annotations

import math

import numpy as np

from helpers.questions import Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


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


EXERCISES["10.2"] = Exercise(
    ("A mirror on both sides", "两边的镜像"),
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
EXERCISES["10.6"] = Exercise(
    ("The price of a tile", "分块的代价"),
    price,
    ((384,), (96,), (16,)),
    (
        "The window is keep + 188 pixels wide and as high. Divide its pixels by the "
        "keep × keep that remain.",
        "窗口的宽和高都是 keep + 188。用它的像素数除以留下的 keep × keep。",
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
                "分块两边都有边框。",
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
EXERCISES["10.8"] = Exercise(
    ("The weight between two cells", "两个细胞之间的权重"),
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
EXERCISES["10.10"] = Exercise(
    ("How wide to draw the first weights", "初始权重的标准差"),
    he_sd,
    ((3, 64, 128), (3, 1, 64), (1, 64, 2)),
    (
        "N counts the numbers that one output is the sum of: side × side × "
        "in_channels. The paper gives the standard deviation.",
        "一个输出由 N 个数相加而成：side × side × in_channels。论文给的是标准差。",
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
                "Each channel is read at side × side places.",
                "每个通道要读 side × side 个位置。",
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
EXERCISES["10.12"] = Exercise(
    ("How long a mean remembers", "平均能记多久"),
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
EXERCISES["10.15"] = Exercise(
    ("Count pairs", "数像素对"),
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

QUESTIONS["10.1"] = Question(
    (
        "the share of the corner window that is mirrored",
        "角上的窗口里，镜像占的比例",
    ),
    answer=lambda window, rim, height, width: (
        1 - min(window - rim, height) * min(window - rim, width) / window**2
    ),
    hints=(
        (
            "The rims above and on the left are mirrored; the corner counts once.",
            "上边和左边各有一条边框是镜像，角上那块只数一次。",
        ),
        (
            "What is not mirrored is a square of photograph. Its side is the window's "
            "less one rim; divide its area by that of the window.",
            "不是镜像的部分是照片里的一个正方形，边长是窗口减去一条边框。"
            "用它的面积除以窗口的面积，再想想剩下多少。",
        ),
    ),
    reason=(
        "The photograph fills a square of window - border a side; the rest is mirror.",
        "照片占一个边长为“窗口减边框”的正方形，其余都是镜像。",
    ),
    tolerance=0.008,
    mistakes=(
        (
            lambda window, rim, *_: rim / window,
            ("That is the rows alone.", "这样只数了行，没有数列。"),
        ),
        (
            lambda window, rim, *_: 2 * rim / window,
            ("The corner was counted twice.", "角上那块数了两遍。"),
        ),
        (
            lambda window, rim, *_: ((window - rim) / window) ** 2,
            ("That is the photograph. And the mirror?", "这是照片占的比例。镜像呢？"),
        ),
    ),
    known=("30%", "0.2958"),
)


_ENOUGH = (
    "Every kept pixel has its 92 px of surroundings in both. What else does a pooling "
    "do with its pixels?",
    "两种间隔下，留下的像素周围都有完整的 92 px。可是池化还对像素做了什么？",
)
QUESTIONS["10.3"] = Question(
    ("the distance that agrees with one pass", "哪一种间隔和一次算完相同"),
    answer=lambda keep, _full: keep,
    hints=(
        (
            "Four poolings put pixels into blocks of 2, 4, 8 and 16. Where do the "
            "blocks of the next window begin?",
            "四次池化把像素分成 2、4、8、16 的方块。下一个窗口的方块从哪里开始？",
        ),
        (
            "Divide each distance by 16. If there is a remainder, the next window "
            "pairs other pixels than one pass does.",
            "用每个间隔除以 16。除不尽时，下一个窗口配对的像素就和一次算完时不同。",
        ),
    ),
    reason=(
        "{answer} is a multiple of 16, so the blocks of all four poolings fall into "
        "the same places.",
        "{answer} 是 16 的倍数，所以四次池化的方块都落在原来的地方。",
    ),
    mistakes=(
        ("both", _ENOUGH),
        (lambda _keep, full: full, _ENOUGH),
        (
            "neither",
            (
                "Rounding aside, one of them does the very same sums as one pass.",
                "不计舍入误差，其中有一种做的就是和一次算完同样的运算。",
            ),
        ),
    ),
    known=("384 apart: differs",),
    offers=("388", "384", "both", "neither"),
)
QUESTIONS["10.4"] = Question(
    ("the first pooling with other blocks", "从第几次池化开始方块不同"),
    answer=lambda full: next(k for k in range(1, 5) if full % 2**k),
    hints=(
        (
            "The blocks of the poolings are 2, 4, 8 and 16 pixels of the image. Which "
            "of these numbers is the first that does not divide the distance?",
            "四次池化的方块是图像的 2、4、8、16 个像素。"
            "间隔除以它们，到哪一个开始除不尽？",
        ),
        (
            "Half of the distance is even. So is the half of that?",
            "间隔的一半是偶数。那一半的一半呢？",
        ),
    ),
    reason=(
        "2 and 4 divide the distance; divided by 8 it leaves a remainder of 4.",
        "间隔能被 2 和 4 整除，除以 8 余 4。",
    ),
    mistakes=(
        (
            4,
            (
                "The blocks of 16 do differ. Are they the first?",
                "边长 16 的方块确实不同。它是最先不同的吗？",
            ),
        ),
        (
            1,
            (
                "The distance is even: the pairs are the same.",
                "间隔是偶数，两两配对不变。",
            ),
        ),
        (
            2,
            (
                "4 divides the distance: these blocks are the same, too.",
                "间隔能被 4 整除，这些方块也不变。",
            ),
        ),
    ),
)
QUESTIONS["10.5"] = Question(
    ("where memory is fullest", "内存在哪里占得最多"),
    answer="copy and crop",
    hints=(
        (
            "The large maps are those of the top level. Where is one of them read, one "
            "waiting and a third being written?",
            "最大的特征图在顶层。走到哪里，同时有一份在读、一份在等、还有一份在写？",
        ),
        (
            "At the first arrow nothing waits; at the bottom the maps are small. Which "
            "of the three is left, and what does it join?",
            "走第一个箭头时还没有什么在等；底部的特征图很小。三个里还剩哪一个？它拼接的是什么？",
        ),
    ),
    reason=(
        "There the map from the left, the one from below and the two joined are in "
        "memory together, all of the top level's size.",
        "那时左边送来的、下面上来的，还有两者拼成的，都在内存里，都是顶层的大小。",
    ),
    mistakes=(
        (
            "bottom",
            (
                "Its own maps are small; what waits comes on top of them.",
                "它自己的特征图很小，加上在等的副本才多。",
            ),
        ),
        ("conv 3x3", ("Nothing waits there yet.", "那时还没有什么在等。")),
    ),
    offers=("conv 3x3", "bottom", "copy and crop"),
)
QUESTIONS["10.7"] = Question(
    ("the weight on a walk across the gap", "横穿缝隙时的权重"),
    answer="same",
    hints=(
        (
            "Each step away from one cell is a step nearer to the other.",
            "离一个细胞远几步，就离另一个近几步。",
        ),
        (
            "The formula holds d1 + d2 and no d1 alone. In a gap of five steps: 1 + 4, "
            "then 2 + 3, then?",
            "公式里只有 d1 + d2，没有单独的 d1。"
            "缝宽五步：1 + 4，然后 2 + 3，再往后呢？",
        ),
    ),
    reason=(
        "d1 + d2 is the width of the gap wherever you stand in it.",
        "站在缝里的哪一处，d1 + d2 都等于缝宽。",
    ),
    mistakes=(
        (
            "middle",
            (
                "d1 and d2 are added before squaring. What is d1 + d2 on the way?",
                "d1 和 d2 先相加再平方。一路上 d1 + d2 是多少？",
            ),
        ),
        (
            "edges",
            (
                "Close to one cell d1 is small, but how large is d2 there?",
                "靠近一个细胞时 d1 小，可是那里的 d2 有多大？",
            ),
        ),
    ),
    known=("6.07",),
    offers=("middle", "edges", "same"),
)
QUESTIONS["10.9"] = Question(
    ("the spread halfway between the points", "四点正中的标准差"),
    answer="smaller",
    hints=(
        (
            "Halfway the field is a mixture of several independent vectors. What does "
            "a mean do to chance?",
            "正中的位移是几个独立向量的混合。取平均会让随机的起伏怎样？",
        ),
        (
            "Throw one die, then the mean of four. Which of the two is more often far "
            "from 3.5?",
            "掷一个骰子，再掷四个取平均。哪一种更常远离 3.5？",
        ),
    ),
    reason=(
        "A mean of independent vectors is nearer to zero than one of them.",
        "几个独立向量的平均，比单个向量更接近零。",
    ),
    mistakes=(
        (
            "equal",
            (
                "The field is smooth, but it is not one vector everywhere: between the "
                "points several are mixed.",
                "位移场是平滑的，但不是处处同一个向量：点与点之间是几个向量的混合。",
            ),
        ),
        (
            "larger",
            (
                "Bicubic interpolation may overshoot a little, but mostly it mixes. "
                "What does a mean do to chance?",
                "双三次插值会略微过冲，但主要是在混合。取平均会让随机的起伏怎样？",
            ),
        ),
    ),
    known=("6.2 px",),
    offers=("larger", "equal", "smaller"),
)
QUESTIONS["10.11"] = Question(
    (
        "what remains at the bottom with 0.01, as a power of ten",
        "用 0.01，到底部还剩多少（10 的指数）",
    ),
    answer=lambda sd: round(math.log10(sd)),
    hints=(
        (
            "Each convolution multiplies by 0.01 sqrt(N / 2). How much is that for the "
            "smallest N, and for the largest?",
            "每次卷积乘以 0.01 sqrt(N / 2)。N 最小时是多少，最大时是多少？",
        ),
        (
            "Multiply the ten factors: 0.02, 0.08, 0.08, 0.12, 0.12, 0.17, 0.17, 0.24, "
            "0.24, 0.34. Max pooling adds a little.",
            "把十个因子乘起来：0.02、0.08、0.08、0.12、0.12、0.17、0.17、0.24、0.24、0.34。"
            "最大池化会让结果略大。",
        ),
    ),
    reason=(
        "Ten factors well below 1 leave next to nothing: about 10 to the power "
        "{answer}.",
        "十个远小于 1 的因子乘起来，几乎什么也不剩：大约是 10 的 {answer} 次方。",
    ),
    tolerance=0.15,  # who multiplies the hint's factors is one off
    mistakes=(
        (
            -20,
            (
                "N numbers are added: 0.01 sqrt(N / 2).",
                "有 N 个数相加：0.01 sqrt(N / 2)。",
            ),
        ),
        (
            -2,
            ("That is one convolution. There are ten.", "这只是一次卷积。一共十次。"),
        ),
    ),
    known=("4e-09",),
)
QUESTIONS["10.13"] = Question(
    ("when neighbouring tiles agree better", "相邻分块的梯度什么时候更一致"),
    answer=lambda first, trained: "start" if first > trained else "later",
    hints=(
        (
            "With nothing learnt yet, all tiles have one complaint. What is left to "
            "complain about after training?",
            "还什么都没学会时，所有分块的意见都一样。训练以后，还剩下什么意见？",
        ),
        (
            "A network that calls everything cell is pulled one way by every tile. One "
            "that knows membranes is pulled by the special case of each.",
            "如果网络把一切都当作细胞，每个分块都往同一个方向拉它。"
            "等它认得膜了，每个分块只为自己的特殊情况拉它。",
        ),
    ),
    reason=(
        "The coarse part of the task is the same in every tile; what remains once it "
        "is learnt differs from tile to tile.",
        "任务里粗略的部分，每个分块都相同；学会以后剩下的，各个分块不同。",
    ),
    mistakes=(
        (
            "later",
            (
                "The loss is smaller then, but the directions? Once the coarse part is "
                "learnt, one tile asks for what the next takes back.",
                "那时损失是小了，方向呢？粗略的部分学会以后，"
                "一个分块要求的改动，下一个又要求改回去。",
            ),
        ),
    ),
    offers=("start", "later"),
)
QUESTIONS["10.14"] = Question(
    ("what becomes of ones in dropout", "随机失活把 1 变成什么"),
    answer=(0.0, 2.0),
    hints=(
        (
            "On average over many draws the sum must stay what it was.",
            "抽很多次，平均下来总和应当不变。",
        ),
        (
            "Half of the eight vanish on average. By what must the others be "
            "multiplied so that the sum is eight again?",
            "八个里平均有一半消失。其余的要乘以几，总和才又是八？",
        ),
    ),
    reason=(
        "Half are set to zero, the others doubled: the layer behind gets as much in "
        "training as later.",
        "一半变成零，其余翻倍：后面一层在训练时得到的总量，和以后一样。",
    ),
    mistakes=(
        (
            (0.0, 1.0),
            (
                "Then the layer behind would get half as much in training as later.",
                "那样的话，训练时后面一层得到的只有以后的一半。",
            ),
        ),
        (
            (0.0, 0.5),
            (
                "That makes the sum even smaller. Which way must the others go?",
                "这样总和就更小了。其余的应当往哪个方向变？",
            ),
        ),
    ),
    known=("[2.0, 2.0",),
)
QUESTIONS["10.16"] = Question(
    ("error of two cells that became one", "两个细胞连成一个的误差"),
    answer=1 - 2 * 9900 / (9900 + 19900),
    hints=(
        (
            "Count three kinds of pairs: in one true cell, in the piece, and in both.",
            "数三种像素对：同在一个真实细胞里的，同在预测块里的，两者都满足的。",
        ),
        (
            "In one true cell: twice 4,950. In the piece: 19,900. In both: 9,900. Put "
            "them together as in Dice.",
            "同在一个真实细胞里：4,950 的两倍。在预测块里：19,900。两者都满足：9,900。"
            "照 Dice 的样子合起来。",
        ),
    ),
    reason=(
        "1 - 2 × 9,900 / (9,900 + 19,900) = {answer}: one broken membrane, a third of "
        "the score.",
        "1 - 2 × 9,900 / (9,900 + 19,900) = {answer}：膜破了一处，丢掉三分之一。",
    ),
    tolerance=0.005,
    mistakes=(
        (
            0.5,
            (
                "Half the pairs of the piece are wrong. And the truth's?",
                "预测块里的像素对错了一半。真实细胞那边呢？",
            ),
        ),
        (0.0, ("That would be the pixel error.", "那是像素误差。")),
        (
            1 - 9900 / 29800,
            (
                "As in Dice, what both have counts twice.",
                "和 Dice 一样，两者都有的要算两次。",
            ),
        ),
    ),
    known=("0.3356", "0.336"),
)
QUESTIONS["10.17"] = Question(
    ("the lowest Rand error on the held-out slices", "留出切片上谁的 Rand 误差最小"),
    answer=lambda rand: min(rand, key=rand.get),
    hints=(
        (
            "Who can tell a membrane from the dark bodies inside a cell?",
            "谁分得清膜和细胞里面的暗块？",
        ),
        (
            "Darkness and ridges are seen at one place; a membrane shows in its "
            "surroundings. Who has been taught, and for how long?",
            "明暗和脊线只看一处；是不是膜，要看周围。谁学过，又学了多久？",
        ),
    ),
    reason=(
        "Here it is {answer}. On the real slices a trained network joins fewer cells "
        "than either rule.",
        "这里是 {answer}。在真实切片上，训练过的网络连错的细胞比另外两种方法少。",
    ),
    mistakes=(
        (
            "threshold",
            (
                "Cells hold dark bodies as well. What does a rule that asks for "
                "darkness alone call them?",
                "细胞里面也有暗的东西。只问暗不暗的规则，会把它们当成什么？",
            ),
        ),
        (
            "sato",
            (
                "It finds ridges, but it was best for Dice, not for closed walls. One "
                "hole joins two cells.",
                "它找得到脊线，但宽度是按 Dice 选的，不管围不围得住。"
                "一个洞就连起两个细胞。",
            ),
        ),
    ),
    offers=("threshold", "sato", "network"),
)

CONTRACTS["10.window"] = Contract(
    (
        "border, window and answer of a tile",
        "一个分块的边框、窗口和输出",
    ),
    (92, 572, 388),
    modes=("lesson", "full"),
)
CONTRACTS["10.lattice"] = Contract(
    (
        "largest difference from one pass, tiles on the lattice",
        "分块在格点上时，和一次算完最多相差",
    ),
    0,
    tolerance=1e-3,
)
CONTRACTS["10.memory"] = Contract(
    (
        "numbers in memory at the fullest arrow, tile of 572",
        "572 的分块，占得最多时内存里有多少个数",
    ),
    50_151_424,
)
CONTRACTS["10.gap"] = Contract(
    ("the weight across a gap of five steps", "横穿五步宽的缝，权重"),
    6.065,
    tolerance=1e-3,
)
CONTRACTS["10.joined"] = Contract(
    ("Rand error of two cells that became one", "两个细胞连成一个的 Rand 误差"),
    0.33557,
    tolerance=1e-5,
)
