"""Chapter 02, Just enough PyTorch: what it asks, and what it claims."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from helpers.places import pick
from helpers.questions import Between, Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}

QUESTIONS["02.1"] = Question(
    ("the number grid[1, 2]", "grid[1, 2] 是哪个数"),
    answer=6,
    hints=(
        (
            "The first index goes down, the second to the right.",
            "第一个下标往下数，第二个往右数。",
        ),
        (
            "Row 1 is the second row. Take it, then count its columns: 0, 1, 2.",
            "第 1 行是从上数第二行。在这一行里数列：0、1、2。",
        ),
    ),
    reason=(
        "The second row is 4, 5, 6, 7; its column 2 holds {answer}.",
        "第二行是 4、5、6、7，其中第 2 列是 {answer}。",
    ),
    mistakes=(
        (
            9,
            (
                "That is grid[2, 1], the order of (x, y).",
                "这是 grid[2, 1]，用了 (x, y) 的顺序。",
            ),
        ),
        (
            1,
            (
                "You counted from 1. Counting begins at 0.",
                "你从 1 开始数了。下标从 0 开始。",
            ),
        ),
    ),
)

QUESTIONS["02.2"] = Question(
    ("shape of the batch", "这一批的形状"),
    answer=(4, 3, 96, 96),
    hints=(
        (
            "Four numbers: how many images, channels, rows, columns?",
            "四个数：几张图像，几个通道，几行，几列？",
        ),
        (
            "The order is B, C, H, W. A colour photograph has red, green and blue.",
            "顺序是 B、C、H、W。彩色照片有红、绿、蓝。",
        ),
    ),
    reason=(
        "Images, channels, rows, columns: {answer}.",
        "依次是图像、通道、行、列：{answer}。",
    ),
    mistakes=(
        (
            (4, 96, 96, 3),
            (
                "Colours come last in files; in PyTorch the channel comes before rows.",
                "文件里颜色在最后；PyTorch 里通道在行之前。",
            ),
        ),
        (
            (3, 4, 96, 96),
            (
                "The batch comes first, the channel second.",
                "批在第一位，通道在第二位。",
            ),
        ),
        (
            (4, 1, 96, 96),
            ("One channel would be a grey image.", "一个通道是灰度图像。"),
        ),
        (
            (3, 96, 96),
            (
                "That is one of the images. Which axis does stacking add?",
                "这是其中一张图像的形状。叠起来会多出哪个轴？",
            ),
        ),
    ),
    known=("(4, 3, 96, 96)",),
)

QUESTIONS["02.3"] = Question(
    ("result at numbers[1:4, 2:5]", "numbers[1:4, 2:5] 的结果"),
    answer=27,
    hints=(
        (
            "Left column: times -1, -2, -1. Right column: times 1, 2, 1. Then add all.",
            "左列的数乘以 -1、-2、-1，右列的数乘以 1、2、1，再全部相加。",
        ),
        (
            "The left column is 2, 2, 3, the right one 9, 9, 9.",
            "左列是 2、2、3，右列是 9、9、9。",
        ),
    ),
    reason=(
        "Row by row, right minus left: 7 + 2 * 7 + 6 = {answer}.",
        "逐行用右减左：7 + 2 * 7 + 6 = {answer}。",
    ),
    mistakes=(
        (
            -27,
            (
                "The sign: here the vessel is at the left, and the right is brighter.",
                "看符号：这里血管在左边，右边更亮。",
            ),
        ),
        (
            28,
            (
                "That is numbers[0:3, 2:5], one step higher up.",
                "这是 numbers[0:3, 2:5]，高了一行。",
            ),
        ),
        (
            20,
            (
                "The middle row of the kernel counts twice.",
                "卷积核中间一行的权重是 2。",
            ),
        ),
    ),
)


def convolve(image, kernel):
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    result = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            result[r, c] = (image[r : r + 3, c : c + 3] * kernel).sum()
    return result


def _convolve_flipped(image, kernel):
    return convolve(image, kernel[::-1, ::-1])


def _convolve_padded(image, kernel):
    return convolve(np.pad(image, 1), kernel)


def _convolve_swapped(image, kernel):
    rows, columns = image.shape[1] - 2, image.shape[0] - 2
    result = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            result[r, c] = (image[r : r + 3, c : c + 3] * kernel).sum()
    return result


_SLOPE = np.array([[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])

EXERCISES["02.4"] = Exercise(
    ("A convolution by hand", "手算卷积"),
    convolve,
    (
        (np.arange(25.0).reshape(5, 5) ** 2, _SLOPE),
        (np.arange(24.0).reshape(4, 6) ** 2, _SLOPE.T + np.eye(3)),
    ),
    (
        "Lay the kernel over rows r to r + 2 and columns c to c + 2, multiply each "
        "pair of numbers, add all nine. There are H - 2 by W - 2 places for it.",
        "把卷积核放在第 r 到 r+2 行、第 c 到 c+2 列上，对应相乘，九个积相加。"
        "能放的位置有 H-2 行、W-2 列。",
    ),
    (
        (
            _convolve_flipped,
            (
                "You turned the kernel by half a turn first. Mathematics calls that "
                "convolution; nn.Conv2d leaves the kernel as it is.",
                "你先把卷积核旋转了 180 度。这是数学里的卷积；nn.Conv2d 不翻转卷积核。",
            ),
        ),
        (
            _convolve_padded,
            (
                "Your result is as large as the image: you padded it with zeros. Here "
                "only places count where the kernel lies fully on the image.",
                "你的结果和原图一样大，说明先补了零。这里只算卷积核完全落在图内的位置。",
            ),
        ),
        (
            _convolve_swapped,
            (
                "The window ran off the image. Rows come from image.shape[0], columns "
                "from image.shape[1].",
                "窗口滑出了图像。行数来自 image.shape[0]，列数来自 image.shape[1]。",
            ),
        ),
    ),
)


def output_size(size, kernel, padding):
    return size + 2 * padding - kernel + 1


EXERCISES["02.5"] = Exercise(
    ("Output size", "输出大小"),
    output_size,
    ((5, 3, 0), (5, 3, 1), (572, 3, 0), (20, 7, 2)),
    (
        "In how many places can a stick of length `kernel` lie on a line of length "
        "size + 2 * padding?",
        "一根长 kernel 的小棒，在长 size + 2 * padding 的线段上有多少个位置？",
    ),
    (
        (
            lambda size, kernel, padding: size + 2 * padding - kernel,
            (
                "One too few: a stick of length 3 on a line of length 3 lies in one "
                "place, not in none.",
                "少了 1：长 3 的小棒在长 3 的线段上有一个位置，不是零个。",
            ),
        ),
        (
            lambda size, kernel, padding: size + padding - kernel + 1,
            (
                "The padding is added on both sides, left and right.",
                "填充在两边都加，左边和右边各加一次。",
            ),
        ),
    ),
)


QUESTIONS["02.6"] = Question(
    ("numbers in nn.Conv2d(3, 16, 3)", "nn.Conv2d(3, 16, 3) 里数的个数"),
    answer=448,
    hints=(
        (
            "How many kernels has each output channel, and what is added at the end?",
            "每个输出通道有几个卷积核？最后还加什么？",
        ),
        (
            "For each of 16 outputs: 3 kernels of 9 numbers, and one bias.",
            "16 个输出，每个有 3 个 9 个数的卷积核，再加 1 个偏置。",
        ),
    ),
    reason=(
        "Outputs times (kernels times nine, and a bias): 16 * (3 * 9 + 1) = {answer}.",
        "输出数 *（卷积核数 * 9 + 偏置）：16 * (3 * 9 + 1) = {answer}。",
    ),
    mistakes=(
        (
            16 * 9 + 16,
            (
                "You gave each output one kernel; it has one for each input channel.",
                "你给每个输出一个卷积核；其实每个输入通道都要一个。",
            ),
        ),
        (16 * 3 * 9, ("The biases are missing.", "漏了偏置。")),
        (
            16 * (3 * 9 + 3),
            (
                "One bias for each output, not for each kernel.",
                "每个输出一个偏置，不是每个卷积核一个。",
            ),
        ),
        (
            16 * 3 * 9 + 1,
            ("Each output has a bias of its own.", "每个输出各有一个偏置。"),
        ),
    ),
    known=(" 448",),  # with its space: pictures are long rows of letters and digits
)

QUESTIONS["02.7"] = Question(
    ("w after one step", "走一步以后的 w"),
    answer=28 / 15,
    hints=(
        (
            "The rule is w - rate * slope; the slope is printed above.",
            "规则是 w - rate * slope，坡度上面已经输出了。",
        ),
        (
            "0 minus 0.1 times a negative number.",
            "0 减去 0.1 乘以一个负数。",
        ),
    ),
    reason=(
        "0 - 0.1 * (-18.667) = {answer}: to the right, against the slope.",
        "0 - 0.1 * (-18.667) = {answer}：逆着坡度，向右走。",
    ),
    tolerance=0.02,  # 1.9 is right, 2 is the bottom
    mistakes=(
        (
            -28 / 15,
            (
                "You walked uphill: the slope itself is negative.",
                "你在往上走：坡度本身就是负数。",
            ),
        ),
        (
            56 / 3,
            ("The learning rate was forgotten.", "忘了乘学习率。"),
        ),
        (
            -56 / 3,
            (
                "That is the slope. How far does one step go, and which way?",
                "这是坡度。走一步走多远，往哪边？",
            ),
        ),
    ),
    known=("1.867",),
)

QUESTIONS["02.8"] = Question(
    ("the learning rate that never arrives", "到不了谷底的学习率"),
    answer=0.22,
    hints=(
        (
            "A step that is too short only takes longer. What else can go wrong?",
            "步子太短，只是走得久一些。还会出什么问题？",
        ),
        (
            "One step goes rate times slope. From w = 0 that is 18.7 times the rate, "
            "and the bottom is 2 away.",
            "走一步的距离是学习率乘以坡度。从 w = 0 出发，就是学习率的 18.7 倍，"
            "而谷底只有 2 远。",
        ),
    ),
    reason=(
        "Its first step is 4.1 long, over the bottom to the other side and higher up; "
        "the next is longer still.",
        "第一步就有 4.1 长，越过谷底，落到对面更高的地方；下一步更长。",
    ),
    mistakes=(
        (
            0.01,
            (
                "Slow, but each step goes the right way: with more steps it arrives.",
                "慢，但每一步方向都对：多走几步就能到。",
            ),
        ),
        (
            0.1,
            (
                "Its first step ends at 1.87, and the bottom is at 2.",
                "它的第一步走到 1.87，谷底在 2。",
            ),
        ),
    ),
)


def segment(logits, threshold):
    return logits.sigmoid() > threshold


def _with_kind(function, logits, threshold):
    """Return the answer, and its dtype with it where that is not bool."""
    answer = function(logits, threshold)
    if torch.is_tensor(answer) and answer.dtype != torch.bool:
        return str(answer.dtype), answer.tolist()
    return answer


EXERCISES["02.9"] = Exercise(
    ("From logits to vessels", "从 logits 到血管"),
    segment,
    (
        (torch.tensor([-2.0, 0.3, 2.0]), 0.5),
        (torch.tensor([[-0.2, 0.1], [0.6, 3.0]]), 0.4),
        (torch.tensor([0.0]), 0.5),  # exactly at the threshold
    ),
    (
        "Two steps: a probability first, logits.sigmoid(), then the comparison.",
        "分两步：先用 logits.sigmoid() 变成概率，再和阈值比较。",
    ),
    (
        (
            lambda logits, threshold: logits > threshold,
            (
                "You compared the logits themselves. A logit of 0.3 is the probability "
                "0.57; probability 0.5 is the logit 0.",
                "你直接比较了 logits。logit 0.3 就是概率 0.57；概率 0.5 是 logit 0。",
            ),
        ),
        (
            lambda logits, _threshold: logits.sigmoid(),
            (
                "These are probabilities; the answer is True or False for each pixel.",
                "这些还是概率；答案应当是每个像素的 True 或 False。",
            ),
        ),
        (
            lambda logits, threshold: logits.sigmoid() >= threshold,
            (
                "Nearly: only what is above the threshold counts, not what equals it.",
                "很接近：超过阈值才算，等于阈值不算。",
            ),
        ),
        (
            lambda logits, threshold: (logits.sigmoid() > threshold).float(),
            (
                "These are the numbers 0 and 1. The comparison gave True and False "
                "already: leave it as it is.",
                "这些是数字 0 和 1。比较的结果本来就是 True 和 False，不用再转换。",
            ),
        ),
        (
            lambda logits, threshold: (logits.sigmoid() > threshold).int(),
            (
                "These are the numbers 0 and 1. The comparison gave True and False "
                "already: leave it as it is.",
                "这些是数字 0 和 1。比较的结果本来就是 True 和 False，不用再转换。",
            ),
        ),
    ),
    probe=_with_kind,
)

QUESTIONS["02.10"] = Question(
    ("loss of two convolutions without a ReLU", "两个卷积、没有 ReLU 时的损失"),
    answer=1.4,
    hints=(
        (
            "What can the second one do with the sums of the first but add them?",
            "第一个卷积给出的是一些和。第二个除了再相加，还能做什么？",
        ),
        (
            "Swap light and dark in the image: what becomes of a sum of sums, and what "
            "of the strength of the edges?",
            "把图像的亮暗对调：和的和会怎样变？边缘的强度又会怎样变？",
        ),
    ),
    reason=(
        "A weighted sum of weighted sums is one weighted sum: the two convolutions do "
        "no more than one.",
        "加权和的加权和还是一个加权和：两个卷积能做的不比一个多。",
    ),
    tolerance=0.02,
    mistakes=(
        (
            Between(0.3, 1.2),
            (
                "More numbers help only where they can be used for something new.",
                "数多了，要能算出新的东西才有用。",
            ),
        ),
        (
            Between(0, 0.2),
            (
                "For that the answer must stay when light and dark are swapped. Which "
                "of the two convolutions could see to it?",
                "那就要求亮暗对调以后结果不变。两个卷积里，哪一个做得到？",
            ),
        ),
    ),
)


class VesselNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x):
        return self.last(functional.relu(self.first(x)))


def _behaviour(module: type[nn.Module], width: int) -> tuple:
    """Say what a module does once each of its parameters holds even steps, -1 to 1."""
    torch.manual_seed(0)
    net = module(width)
    count = sum(p.numel() for p in net.parameters())
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.linspace(-1, 1, p.numel()).reshape(p.shape))
        answer = net(torch.linspace(-1, 1, 36).reshape(1, 1, 6, 6))
    if answer is None:
        return (None,)
    said = [pick(("numbers to learn", "可学习的数")), count]
    if count:
        said += [pick(("shape", "形状")), tuple(answer.shape)]
    if count and answer.shape[2:] == (6, 6):
        said += [pick(("from, to", "从、到")), answer.min().item(), answer.max().item()]
    return tuple(said)


class _NoSuper(nn.Module):
    def __init__(self, width):
        self.first = nn.Conv2d(1, width, 3, padding=1)


class _InList(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = [nn.Conv2d(1, width, 3, padding=1)]
        self.layers += [nn.ReLU(), nn.Conv2d(width, 1, 3, padding=1)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class _NoReturn(VesselNet):
    def forward(self, x):
        super().forward(x)


class _WithSigmoid(VesselNet):
    def forward(self, x):
        return super().forward(x).sigmoid()


class _NoReLU(VesselNet):
    def forward(self, x):
        return self.last(self.first(x))


class _LastReLU(VesselNet):
    def forward(self, x):
        return functional.relu(super().forward(x))


class _Unpadded(VesselNet):
    def __init__(self, width):
        super().__init__(width)
        self.first.padding = self.last.padding = (0, 0)


class _HalfPadded(VesselNet):
    def __init__(self, width):
        super().__init__(width)
        self.last.padding = (0, 0)


EXERCISES["02.11"] = Exercise(
    ("A module of your own", "自己的模块"),
    VesselNet,
    ((4,), (1,)),
    (
        "Two layers in __init__, nn.Conv2d(1, width, 3, padding=1) and back to one "
        "channel; forward returns the second of the ReLU of the first.",
        "__init__ 里两层：nn.Conv2d(1, width, 3, padding=1)，再回到一个通道；"
        "forward 依次用第一层、ReLU、第二层，返回结果。",
    ),
    (
        (
            _NoSuper,
            (
                "`super().__init__()` must come first in __init__: it opens the "
                "register for the layers.",
                "__init__ 里要先写 `super().__init__()`：它打开登记各层的簿子。",
            ),
        ),
        (
            _InList,
            (
                "Nothing to learn was found. Are the layers in a plain list, or made "
                "only in forward? Make them in __init__ and put each on self, or all "
                "in nn.ModuleList.",
                "没有找到可学习的数。是不是把层放进了普通列表，或者在 forward 里才建？"
                "要在 __init__ 里建好，逐个赋给 self，或者放进 nn.ModuleList。",
            ),
        ),
        (
            _NoReturn,
            (
                "forward returned None: is `return` missing?",
                "forward 返回了 None：是不是漏了 `return`？",
            ),
        ),
        (
            _WithSigmoid,
            (
                "These are probabilities, from 0 to 1. A network of the course returns "
                "logits; the sigmoid comes later.",
                "这些是 0 到 1 的概率。课程里的网络返回 logits，sigmoid 以后再用。",
            ),
        ),
        (
            _NoReLU,
            (
                "The ReLU between the convolutions is missing: without it they are one "
                "convolution.",
                "两个卷积之间漏了 ReLU：没有它，两个卷积等于一个。",
            ),
        ),
        (
            _LastReLU,
            (
                "A ReLU stands at the end, too: then no logit is negative, and no "
                "probability is below one half.",
                "最后又加了一个 ReLU：这样 logits 没有负数，概率都不低于一半。",
            ),
        ),
        (
            _Unpadded,
            (
                "The answer is smaller than the image: where is padding=1?",
                "结果比图像小：padding=1 写了吗？",
            ),
        ),
        (
            _HalfPadded,
            (
                "The answer is smaller than the image: one of the two convolutions has "
                "no padding=1.",
                "结果比图像小：两个卷积里有一个没写 padding=1。",
            ),
        ),
    ),
    probe=_behaviour,
)

CONTRACTS["02.slope"] = Contract(
    ("slope at w = 0, by autograd", "w = 0 处的坡度（自动求导）"), -18.667, 0.001
)
CONTRACTS["02.kernel"] = Contract(
    ("distance of the learnt kernel from Sobel's", "学到的卷积核与 Sobel 的最大差别"),
    0.042,
    0.005,
)
CONTRACTS["02.conv"] = Contract(
    ("loss of one convolution after 600 steps", "只有一个卷积，600 步后的损失"),
    1.4,
    0.01,
)
CONTRACTS["02.module"] = Contract(
    ("loss with the ReLU after 600 steps", "有 ReLU，600 步后的损失"), 0.002, 0.001
)
