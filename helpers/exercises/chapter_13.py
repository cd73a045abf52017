"""Chapter 13, Scaling up: questions, references, cases and typical mistakes."""

from __future__ import annotations

import hashlib

import numpy as np

from helpers.questions import Between, Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}

CONTRACTS["13.operations"] = Contract(
    (
        "operations of one patch, in millions",
        "一个图像块的运算次数，百万次",
    ),
    {"DRIVE": 1164.44, "CHASEDB1": 1164.44, "PHANTOM": 1164.44},
    tolerance=0.1,
    modes=("lesson", "full"),
)

QUESTIONS["13.1"] = Question(
    ("the part of a step that takes most of its time", "一步里最花时间的部分"),
    lambda parts: max(parts, key=parts.get),
    (
        (
            "Which part does most arithmetic, and does this machine do that part on a "
            "fast device?",
            "哪一部分运算最多？这台机器是不是用快的设备做这一部分？",
        ),
        (
            "For each convolution of the forward pass there are two on the way back: "
            "for the gradient of the weights, and of what came in. On a fast device "
            "the price of each call may matter more than the arithmetic.",
            "前向每做一个卷积，反向要做两个：一个求权重的梯度，一个求输入的梯度。"
            "设备很快时，每次调用的固定开销可能比运算更要紧。",
        ),
    ),
    (
        "{answer}, on this machine. Backward does two convolutions for each of "
        "forward; where another part leads, the network is too small for the device.",
        "在这台机器上是 {answer}。前向每做一个卷积，反向要做两个；"
        "如果别的部分更花时间，就是网络对这个设备来说太小了。",
    ),
    mistakes=(
        (
            "batch",
            (
                "Cutting and bending patches touches each pixel a few times; a "
                "convolution multiplies each of them hundreds of times.",
                "裁剪和变形对每个像素只算几次；卷积里，每个像素要参加几百次乘法。",
            ),
        ),
        (
            "update",
            (
                "AdamW touches each weight once a step. A convolution uses each weight "
                "at every pixel.",
                "AdamW 每步只更新每个权重一次；而卷积在每个像素上都要用到每个权重。",
            ),
        ),
    ),
    offers=("batch", "forward", "backward", "update"),
)


def operations(kernel, in_channels, out_channels, height, width):
    return 2 * kernel**2 * in_channels * out_channels * height * width


EXERCISES["13.2"] = Exercise(
    ("The operations of a convolution", "卷积的运算次数"),
    operations,
    ((3, 1, 1, 1, 1), (3, 4, 16, 128, 128), (1, 16, 1, 5, 7), (2, 8, 4, 10, 10)),
    (
        "How many products make one output number, and how many output numbers are "
        "there?",
        "一个输出数由多少个乘积相加？一共有多少个输出数？",
    ),
    (
        (
            lambda k, i, o, h, w: k**2 * i * o * h * w,
            (
                "These are the multiplications. The additions count, too.",
                "这是乘法的次数，加法也要算。",
            ),
        ),
        (
            lambda k, i, o, h, w: (2 * k**2 * i - 1) * o * h * w,
            (
                "You counted one addition fewer, as a sum of N terms has N - 1. By "
                "convention each product is added to a sum that begins with 0: N.",
                "你少算了一次加法。N 项相加，加法是 N - 1 次；但按惯例从 0 开始累加，"
                "每个乘积都加一次，所以算 N 次。",
            ),
        ),
        (
            lambda k, i, o, h, w: 2 * k * i * o * h * w,
            (
                "The kernel is a square: how many numbers does it cover?",
                "卷积核是正方形，一共盖住多少个数？",
            ),
        ),
        (
            lambda k, i, _o, h, w: 2 * k**2 * i * h * w,
            (
                "That is one output channel.",
                "这只是一个输出通道。",
            ),
        ),
        (
            lambda k, _i, o, h, w: 2 * k**2 * o * h * w,
            (
                "The kernel reaches through all input channels.",
                "卷积核要穿过所有输入通道。",
            ),
        ),
    ),
)

QUESTIONS["13.3"] = Question(
    ("times the operations, all widths doubled", "宽度加倍，运算次数变成几倍"),
    lambda ratio: ratio,
    (
        (
            "Take one convolution in the middle of the U. What does doubling do to its "
            "input channels, and what to its output channels?",
            "看 U 中间的一个卷积：宽度加倍，输入通道怎样变，输出通道又怎样变？",
        ),
        (
            "Two factors of the product double.",
            "乘积里有两个因数加倍。",
        ),
    ),
    (
        "{answer}: twice as many output channels, each of which reads twice as many. "
        "Only the first and the last convolution grow less.",
        "{answer} 倍：输出通道多一倍，每个又要读多一倍的输入。"
        "只有第一个和最后一个卷积增加得少。",
    ),
    tolerance=0.05,
    mistakes=(
        (
            2,
            (
                "There are twice as many output channels. And what does each of them "
                "read?",
                "输出通道是多了一倍。可是每个输出通道要读多少输入呢？",
            ),
        ),
        (
            Between(7.5, 8.5),
            (
                "Height and width stay; only two of the factors double.",
                "高和宽没有变，加倍的只有两个因数。",
            ),
        ),
    ),
)

QUESTIONS["13.4"] = Question(
    ("70,000 in fp16", "70000 存成 fp16"),
    "inf",
    (
        (
            "The table above says how far fp16 reaches.",
            "上面的表里有 fp16 的最大值。",
        ),
        (
            "It reaches to 65,504. Floating-point numbers do not stop at their end, "
            "and they raise no error.",
            "最大到 65504。浮点数到头了，既不会停在那里，也不会报错。",
        ),
    ),
    (
        "{answer}, infinity, and no error says so. From there on nearly all it touches "
        "is infinite or no number.",
        "{answer}，也就是无穷大，而且没有任何报错。之后凡是和它一起运算的数，"
        "结果几乎都是无穷大或 NaN。",
    ),
    mistakes=(
        (
            "65504",
            (
                "A program may clip a picture's values so; storing a floating-point "
                "number does not.",
                "程序处理图像时可能这样截到最大值，存成浮点数时不会。",
            ),
        ),
        (
            "error",
            (
                "PyTorch would have to look at each number; it does not.",
                "要报错就得逐个检查每个数，PyTorch 不会这样做。",
            ),
        ),
        (
            "70000",
            (
                "Look at the largest number in the table.",
                "看看表里的最大值。",
            ),
        ),
    ),
    offers=("70000", "65504", "inf", "error"),
)


def joined(gradients, counts):
    pairs = zip(gradients, counts, strict=True)
    return sum(g * n for g, n in pairs) / sum(counts)


_G = (np.array([1.0, -2.0]), np.array([4.0, 0.0]), np.array([-2.0, 1.0]))
EXERCISES["13.5"] = Exercise(
    ("The gradient of the whole batch", "整批的梯度"),
    joined,
    ((_G, (3, 3, 2)), (_G[:2], (4, 4)), (_G[:1], (8,)), (_G[1:], (5, 1))),
    (
        "A mean over eight patches gives each of them the same weight. How much of it "
        "belongs to each process?",
        "八个图像块取平均，每一块所占的比例相同。每个进程占多大比例？",
    ),
    (
        (
            lambda gradients, _counts: sum(gradients) / len(gradients),
            (
                "A patch in the share of two now counts more than one in a share of "
                "three.",
                "这样一来，两块那一份里的每一块，所占的比例就比三块那份里的大。",
            ),
        ),
        (
            lambda gradients, _counts: sum(gradients),
            (
                "The sum grows with the number of processes; the loss is a mean.",
                "进程越多，和就越大；损失是平均值。",
            ),
        ),
        (
            lambda gradients, counts: sum(
                g * n for g, n in zip(gradients, counts, strict=True)
            ),
            (
                "The weights are right; they must add up to one.",
                "各份的加权系数比例对了，但加起来应当是 1。",
            ),
        ),
    ),
)

QUESTIONS["13.6"] = Question(
    ("megabytes of the parameters", "参数占多少兆字节"),
    1.93,
    (
        (
            "How many bits has an fp32 number, and how many bits are a byte?",
            "一个 fp32 有多少位？八位是一个字节。",
        ),
        (
            "Four bytes for each of the 482,881.",
            "482,881 个，每个四字节。",
        ),
    ),
    (
        "{answer} MB: 482,881 times four bytes.",
        "{answer} MB：482,881 乘以四字节。",
    ),
    tolerance=0.03,
    mistakes=(
        (
            Between(1_800_000, 2_050_000),
            ("Those are bytes.", "这是字节数。"),
        ),
        (
            Between(0.45, 0.5),
            ("That is one byte each, as in int8.", "这是每个一字节，像 int8 那样。"),
        ),
        (
            Between(0.9, 1.0),
            ("That is two bytes each, as in bf16.", "这是每个两字节，像 bf16 那样。"),
        ),
        (
            Between(3.7, 4.0),
            ("That is eight bytes each.", "这是每个八字节。"),
        ),
        (
            Between(15, 16),
            (
                "Those are megabits: eight bits are a byte.",
                "这是兆比特：八位一个字节。",
            ),
        ),
    ),
    known=("1.93 MB",),
)


def shard_of(name, count):
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") % count


def _whole_digest(name, count):
    return int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") % count


def _from_one(name, count):
    return shard_of(name, count) + 1


def _quotient(name, count):
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") // count


EXERCISES["13.7"] = Exercise(
    ("The shard of a photograph", "一张照片的分片"),
    shard_of,
    (("eye-001.jpg", 4), ("eye-002.jpg", 4), ("eye-003.jpg", 7), ("左眼.png", 3)),
    (
        "Three steps: the digest of the name, a whole number from its first eight "
        "bytes, the rest of a division.",
        "三步：文件名的摘要，前八个字节变成整数，再除以分片数，取余数。",
    ),
    (
        (
            lambda name, count: hash(name) % count,
            (
                "Python's `hash` of a text differs from start to start, on purpose: "
                "two machines would not agree.",
                "对同一个字符串，Python 的 `hash` 每次启动都不同（有意如此）："
                "两台机器会得出不同的结果。",
            ),
        ),
        (
            lambda name, count: len(name) % count,
            (
                "Most names are of one length, so nearly all photographs would land on "
                "one machine.",
                "文件名大多一样长，几乎所有照片都会分到同一台机器。",
            ),
        ),
        (
            _whole_digest,
            (
                "Only the first eight bytes are asked for.",
                "只取前八个字节。",
            ),
        ),
        (
            _from_one,
            (
                "Shards are counted from 0 here.",
                "这里的分片从 0 数起。",
            ),
        ),
        (
            _quotient,
            (
                "That is the quotient. The rest of the division is asked for.",
                "这是商，要的是余数。",
            ),
        ),
    ),
)

QUESTIONS["13.8"] = Question(
    ("hours for a million photographs", "一百万张照片要几小时"),
    8.68,
    (
        (
            "All seconds of all photographs, shared out among the cores, in hours.",
            "先算全部照片的总秒数，分给各个核，再换成小时。",
        ),
        (
            "2,000,000 seconds of one core are 556 hours.",
            "一个核要 2,000,000 秒，也就是 556 小时。",
        ),
    ),
    (
        "{answer} hours: 556 core hours on 64 cores. Each core works for itself, so on "
        "paper nothing is lost by sharing.",
        "{answer} 小时：556 核时分给 64 个核。各核互不等待，纸面上分开做没有损失。",
    ),
    tolerance=0.03,
    mistakes=(
        (
            Between(540, 570),
            ("That is on one core.", "这是只用一个核。"),
        ),
        (
            Between(31_000, 31_500),
            ("Those are seconds.", "这是秒数。"),
        ),
        (
            Between(515, 525),
            ("Those are minutes.", "这是分钟数。"),
        ),
        (
            Between(35_400, 35_700),
            (
                "You multiplied by the cores; they share the work.",
                "你乘上了核数；各个核是分担工作的。",
            ),
        ),
    ),
    known=("8.68",),
)
