"""Chapter 07, The network: what it asks and what it claims."""

from __future__ import annotations

import math

import torch

from helpers.questions import Contract, Exercise, Question, Words

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


def count_double_conv(i, o):
    return 9 * i * o + o + 9 * o * o + o


def padded_side(side, multiple):
    return -(-side // multiple) * multiple


def join_silent(skip, x):
    return torch.cat([torch.zeros_like(skip), x], dim=1)


def two_sigmoid_floor(share):
    on_vessels = math.log(1 + math.exp(-1))
    on_background = math.log(2)
    return share * on_vessels + (1 - share) * on_background


_TWO_AND_TWO = (torch.full((1, 2, 1, 2), 3.0), torch.full((1, 2, 1, 2), 5.0))

EXERCISES["07.4"] = Exercise(
    ("Count the paper's block", "数一数论文模块的参数"),
    count_double_conv,
    ((1, 64), (64, 128), (512, 1024)),
    (
        "Each output channel has its own block of 3 × 3 × (input channels) weights and "
        "one bias.",
        "每个输出通道都有自己的一块权重，共 3 × 3 × 输入通道数 个，再加一个偏置。",
    ),
    (
        (
            lambda i, o: 9 * i * o + 9 * o * o,
            (
                "The biases are missing: one number per output channel, twice.",
                "少了偏置：每个输出通道一个数，两次卷积共两组。",
            ),
        ),
        (
            lambda i, o: 9 * i * o + o + 9 * o + o,
            (
                "How many channels does the second convolution see? Not one.",
                "第二次卷积看到几个输入通道？不是一个。",
            ),
        ),
        (
            lambda i, o: 9 * i * o + 2 * o + 9 * o * o + 2 * o,
            (
                "That is the course's block, with batch norm. The paper's has none.",
                "这是课程的模块，带批归一化。论文的模块没有批归一化，但有偏置。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["07.7"] = Exercise(
    ("Pad to a multiple", "补到倍数"),
    padded_side,
    ((565, 8), (584, 8), (565, 16), (141, 8)),
    (
        "The smallest multiple that is not below the side.",
        "不小于边长的最小倍数。",
    ),
    (
        (
            lambda side, multiple: side // multiple * multiple,
            (
                "You rounded down: that cuts columns off instead of adding some.",
                "你向下取整了：这会切掉几列，而不是补上几列。",
            ),
        ),
        (
            lambda side, multiple: side + multiple - side % multiple,
            (
                "584 is a multiple of 8 already and needs nothing.",
                "584 已经是 8 的倍数，不用再补。",
            ),
        ),
    ),
    tolerance=1e-6,
)
EXERCISES["07.8"] = Exercise(
    ("A silent skip", "沉默的跳跃连接"),
    join_silent,
    (_TWO_AND_TWO,),
    (
        "The next convolution expects 2C channels, the skip first. Give it 2C, half of "
        "them zeros.",
        "下一层卷积要 2C 个通道，跳跃连接在前。给它 2C 个，其中一半是零。",
    ),
    (
        (
            lambda _skip, x: x,
            (
                "Half the channels are gone: the convolution expects 2C and gets C.",
                "少了一半通道：卷积要 2C 个，只得到 C 个。",
            ),
        ),
        (
            lambda skip, x: torch.cat([skip, torch.zeros_like(x)], dim=1),
            (
                "You silenced what came from below; the skip still speaks.",
                "被你清零的是从下面上来的特征图，跳跃连接还在。",
            ),
        ),
    ),
)
EXERCISES["07.10"] = Exercise(
    ("The floor of two sigmoids", "两个 sigmoid 的损失下限"),
    two_sigmoid_floor,
    ((0.127,), (0.5,), (0.02,)),
    (
        "What reaches the loss as a logit lies in 0 to 1. Which end is best for a "
        "vessel pixel, which for background, and what does each cost?",
        "到达损失函数的数在 0 到 1 之间，却被当作 logit。血管像素最好取哪一端，背景呢？"
        "各自的损失是多少？",
    ),
    (
        (
            lambda _share: 0.0,
            (
                "0 needs logits without bounds. Here they end at 0 and at 1.",
                "损失要到 0，logit 必须没有上下界。这里它只能在 0 到 1 之间。",
            ),
        ),
        (
            lambda share: two_sigmoid_floor(1 - share),
            (
                "Vessel and background are exchanged: `share` is that of the vessels.",
                "血管和背景颠倒了：`share` 是血管像素占比。",
            ),
        ),
    ),
)

QUESTIONS["07.1"] = Question(
    ("what the course's first pooling gives", "课程第一次池化的结果"),
    (16, 64, 64),
    (
        (
            "Padding keeps the side in the convolutions. What does pooling change: "
            "the side, the channels, or both?",
            "有填充，卷积不改变边长。池化改变的是边长、通道数，还是两者？",
        ),
        (
            "It takes the largest of each 2×2 block, in each channel by itself.",
            "它在每个通道里分别取每个 2×2 小块的最大值。",
        ),
    ),
    (
        "The convolutions make 16 channels of 128 × 128; pooling halves the side only.",
        "卷积得到 16 个 128 × 128 的通道；池化只让边长减半。",
    ),
    mistakes=(
        (
            (32, 64, 64),
            (
                "Max pooling takes each channel alone. Where would new ones come from?",
                "最大池化对每个通道单独做，新的通道从哪里来？",
            ),
        ),
        (
            (16, 62, 62),
            (
                "With padding=1 a 3×3 convolution loses no ring of pixels.",
                "padding=1 时，3×3 卷积不会丢掉最外面一圈像素。",
            ),
        ),
        (
            (16, 128, 128),
            (
                "That is what goes into the pooling.",
                "这是池化之前的形状。",
            ),
        ),
        (
            (1, 16, 64, 64),
            (
                "Right, with the batch in front. Asked is (C, H, W).",
                "对，只是前面多写了批的一维。这里问的是 (C, H, W)。",
            ),
        ),
    ),
    known=("(16, 64, 64)",),
)
QUESTIONS["07.2"] = Question(
    ("what the paper's first pooling gives", "论文第一次池化的结果"),
    (64, 284, 284),
    (
        (
            "Without padding, what does a 3×3 convolution take away at each edge?",
            "不填充时，3×3 卷积在每条边上丢掉几个像素？",
        ),
        (
            "572 loses a ring of one pixel twice, then it is halved.",
            "572 先丢两次最外面一圈像素，再减半。",
        ),
    ),
    (
        "572 - 2 - 2 = 568, half of it is 284; the channels stay 64.",
        "572 - 2 - 2 = 568，减半是 284；通道数还是 64。",
    ),
    mistakes=(
        (
            (128, 284, 284),
            (
                "The side is right. But pooling looks at each channel alone.",
                "边长对了。但池化对每个通道单独做。",
            ),
        ),
        (
            (64, 286, 286),
            (
                "That is half of 572. Here nothing is padded.",
                "这是 572 的一半。别忘了这里不填充。",
            ),
        ),
        (
            (1, 64, 284, 284),
            (
                "Right, with the batch in front. Asked is (C, H, W).",
                "对，只是前面多写了批的一维。这里问的是 (C, H, W)。",
            ),
        ),
        (
            (64, 285, 285),
            (
                "One convolution is counted. There are two.",
                "你只算了一次卷积，这里有两次。",
            ),
        ),
    ),
    known=("(64, 284, 284)",),
)
QUESTIONS["07.3"] = Question(
    ("a neighbour in the batch changes our answer", "同批的邻居会改变我们的答案"),
    True,
    (
        (
            "Which pixels enter the mean that is subtracted?",
            "减去的那个均值，是由哪些像素算出来的？",
        ),
        (
            "The mean is taken over all pixels of all images of the batch.",
            "均值取自这一批所有图像的所有像素。",
        ),
    ),
    (
        "Its pixels enter the mean and the variance that our patch is measured by.",
        "它的像素也算进了均值和方差，我们的图像块要用这两个数。",
    ),
    mistakes=(
        (
            False,
            (
                "A convolution sees each patch alone. What does batch norm look at?",
                "卷积对每个图像块单独做。批归一化看的是什么？",
            ),
        ),
    ),
)
QUESTIONS["07.5"] = Question(
    ("the level with most parameters", "参数最多的一层"),
    "bottom",
    (
        (
            "A block has 9 × i × o weights, whatever its height and width.",
            "一个模块有 9 × i × o 个权重，和高、宽无关。",
        ),
        ("Where are i and o largest?", "哪一层的 i 和 o 最大？"),
    ),
    (
        "512 and 1024 channels make it 46% of all: weights do not depend on the size "
        "of a map, only on its channels.",
        "这里有 512 和 1024 个通道，参数占全部的 46%："
        "权重的个数只取决于通道数，和特征图的大小无关。",
    ),
    mistakes=(
        (
            "top",
            (
                "The maps are large there. But a kernel serves every place of a map.",
                "那里的特征图很大，但同一个卷积核用在特征图的每个位置。",
            ),
        ),
    ),
    offers=("top", "second", "third", "fourth", "bottom"),
)
QUESTIONS["07.6"] = Question(
    ("the level with most numbers in memory", "内存里的数最多的一层"),
    "top",
    (
        (
            "From level to level the channels double. What becomes of H × W?",
            "往下一层，通道数翻倍。H × W 呢？",
        ),
        (
            "Compute H × W × C for 568, 64 and for 28, 1024.",
            "用 568、64 和 28、1024 算 H × W × C。",
        ),
    ),
    (
        "568 × 568 × 64 is 20.6 million. One level down H × W is a quarter, the "
        "channels only double.",
        "568 × 568 × 64 约为 2060 万。往下一层，H × W 只剩四分之一，通道数却只翻一倍。",
    ),
    mistakes=(
        (
            "bottom",
            (
                "It has most channels. How many places has each of them?",
                "那里通道最多，可是每个通道有多少个位置？",
            ),
        ),
    ),
)
QUESTIONS["07.9"] = Question(
    ("which vessels lose most without skips", "没有跳跃连接时损失最大的血管"),
    lambda rest: min(rest, key=rest.get),
    (
        (
            "What did pooling lose, and what did the skips bring back?",
            "池化丢掉的是什么？跳跃连接带回来的又是什么？",
        ),
        (
            "For which vessels is a place that is off by some pixels good enough?",
            "位置差几个像素，对哪种血管还够用，对哪种不够用？",
        ),
    ),
    (
        "Skips bring back position. Within a few pixels is near enough for a wide "
        "vessel, and beside the mark for a thin one.",
        "跳跃连接带回来的是位置。差几个像素，对宽血管还够用，对细血管就画偏了。",
    ),
    mistakes=(
        (
            "nothing",
            (
                "Its loss fell as well, to a somewhat higher value: it learns.",
                "它的损失也降了，只是停得高一些：它学到了。",
            ),
        ),
        (
            "the border",
            (
                "A lost border is why the paper crops. Here padding keeps the border.",
                "论文因为边缘丢失才裁剪。这里有填充，边缘没有丢。",
            ),
        ),
    ),
    offers=("wide", "thin", "the border", "nothing"),
)
_MORE = (
    "steps",
    (
        "More steps lower a curve that still falls. How low can this one get?",
        "曲线还在下降时，多训练才有用。这条曲线最低能到哪里？",
    ),
)


def _fault(letter: str, first: Words, second: Words, reason: Words) -> Question:
    """Make the question for one of the four curves."""
    title = f"the fault of {letter}", f"{letter} 的毛病"
    return Question(
        title, lambda name: name, (first, second), reason, mistakes=(_MORE,)
    )


QUESTIONS["07.11"] = _fault(
    "A",
    ("Does this curve move at all?", "这条曲线动过吗？"),
    (
        "There are gradients, but this network's weights stay. Who changes weights?",
        "梯度是有的，可这个网络的权重不动。改变权重的是谁？",
    ),
    (
        "It stays where it began: the optimiser moves the weights of another network.",
        "损失停在起点：优化器更新的是另一个网络的权重。",
    ),
)
QUESTIONS["07.12"] = _fault(
    "B",
    (
        "It falls at once, then rests. Compare that height with the landmarks.",
        "它一开始就降下来，然后停住。把停住的高度和路标比一比。",
    ),
    (
        "It has learnt one number, and nothing from the picture. When is a picture no "
        "help?",
        "它只学到了一个数，没有从图里学到东西。什么时候图帮不上忙？",
    ),
    (
        "It rests near the entropy of the share: picture and label do not belong "
        "together, so all that can be learnt is how rare vessels are.",
        "它停在占比的熵附近：图像和标签对不上，能学到的只有血管多稀少。",
    ),
)
QUESTIONS["07.13"] = _fault(
    "C",
    (
        "Can the formula be negative as long as y is 0 or 1?",
        "只要 y 是 0 或 1，这个式子会是负数吗？",
    ),
    (
        "Put a y far above 1 into the formula, and let p come close to 1.",
        "把一个远大于 1 的 y 代入式子，再让 p 接近 1。",
    ),
    (
        "Below zero a cross-entropy is never luck: with y = 255 the loss has no floor.",
        "交叉熵小于零绝不是运气好：y = 255 时，损失没有下限。",
    ),
)
QUESTIONS["07.14"] = _fault(
    "D",
    (
        "It learns, but rests far above zero. Which fault forbids a sure answer?",
        "它在学，却停在远高于零的地方。哪种毛病让它没法给出有把握的答案？",
    ),
    (
        "Use the result of exercise 7.10 with the share of this patch, about a tenth.",
        "用练习 7.10 的结果算一算，这个图像块的血管约占十分之一。",
    ),
    (
        "A number between 0 and 1 is taken for a logit, so no pixel costs less than "
        "0.313. The Dice shows that it has learnt its patch all the same.",
        "0 到 1 之间的数被当成了 logit，每个像素的损失至少是 0.313。"
        "看 Dice 就知道，它其实学会了这个图像块。",
    ),
)
CONTRACTS["07.shipped"] = Contract(
    ("Dice of the shipped network on the patch", "自带的网络在这个图像块上的 Dice"),
    {"DRIVE": 0.868},
    tolerance=0.002,
)
CONTRACTS["07.parameters"] = Contract(
    ("parameters of the course's network", "课程网络的参数个数"), 482_449
)
CONTRACTS["07.paper"] = Contract(
    ("parameters of the paper's network", "论文网络的参数个数"), 31_030_658
)
CONTRACTS["07.one_patch"] = Contract(
    (
        "Dice of a healthy network on its one patch",
        "健康的网络在它那一个图像块上的 Dice",
    ),
    1.0,
    tolerance=0.01,
    modes=("lesson", "full"),
)
