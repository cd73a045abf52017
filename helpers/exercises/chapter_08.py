"""Chapter 08, Training: what it asks and what it claims."""

from __future__ import annotations

import numpy as np
import torch

from helpers.questions import Between, Contract, Exercise, Question, Words

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


def dice_loss(logits, y):
    p = 1 / (1 + np.exp(-logits))
    return 1 - 2 * (p * y).sum() / (p.sum() + y.sum())


def _hard_dice_loss(logits, y):
    pred = logits > 0
    return 1 - 2 * (pred * y).sum() / (pred.sum() + y.sum())


def _dice_itself(logits, y):
    return 1 - dice_loss(logits, y)


def _mean_of_ratios(logits, y):
    p = 1 / (1 + np.exp(-logits))
    return 1 - (2 * p * y / (p + y)).mean()


def _dice_loss_of_logits(logits, y):
    return 1 - 2 * (logits * y).sum() / (logits.sum() + y.sum())


EXERCISES["08.2"] = Exercise(
    ("Soft Dice loss", "软 Dice 损失"),
    dice_loss,
    (
        (np.log([9, 1.5, 1 / 4, 1 / 9]), np.array([1.0, 1, 0, 0])),
        (np.array([2.0, -1, 0.5, -3, 1]), np.array([1.0, 1, 0, 0, 0])),
    ),
    (
        "p = sigmoid(logits); then twice the sum of p * y over (sum of p + sum of y).",
        "p = sigmoid(logits)；分子是 p * y 之和的两倍，分母是 p 之和加 y 之和。",
    ),
    (
        (
            _hard_dice_loss,
            (
                "A threshold is a step with slope zero: nothing is learnt through it.",
                "阈值是台阶，斜率为零，梯度传不过去。",
            ),
        ),
        (
            _dice_itself,
            (
                "That is Dice itself, 0.789: the larger the better. A loss must fall.",
                "这是 Dice 本身，0.789，越大越好。损失应该越小越好。",
            ),
        ),
        (
            _mean_of_ratios,
            (
                "That is the mean of one fraction a pixel. Sum over all pixels first, "
                "above and below the line; then divide once.",
                "你在每个像素上各算一个分数，再取平均。应该先分别求分子、分母的总和，再除一次。",
            ),
        ),
        (
            _dice_loss_of_logits,
            (
                "The sums are over logits, which have no bounds. Where is the sigmoid?",
                "你加的是 logits，它没有上下界。sigmoid 在哪里？",
            ),
        ),
    ),
)


def two_steps(weight, learning_rate):
    w, x, y = torch.tensor(weight, requires_grad=True), 1.0, 3.0
    optimizer = torch.optim.SGD([w], learning_rate)
    for _ in range(2):
        logits = w * x
        loss = (logits - y) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return w.item()


def _two_steps_never_cleared(weight, rate):
    gradient = 0.0
    for _ in range(2):
        gradient += 2 * (weight - 3)
        weight -= rate * gradient
    return weight


EXERCISES["08.5"] = Exercise(
    ("Five lines in order", "五行的顺序"),
    two_steps,
    ((2.0, 0.1), (-1.0, 0.2)),
    (
        "Forward, loss, clear, backward, update. One of the six lines is false.",
        "前向、损失、清零、反向、更新。六行里有一行是错的。",
    ),
    (
        (
            _two_steps_never_cleared,
            (
                "backward adds to the gradient that is there. When must it be cleared?",
                "backward 是累加。什么时候必须清零？",
            ),
        ),
        (
            lambda weight, _rate: weight,
            (
                "Nothing moved: the gradient was wiped before step could use it.",
                "权重没有动：step 用到梯度之前，梯度已经被清掉了。",
            ),
        ),
    ),
)


QUESTIONS["08.1"] = Question(
    ("BCE of a network that says 0.5 everywhere", "处处答 0.5 的网络的 BCE"),
    float(np.log(2)),
    (
        (
            "The probability of the truth is the same at every pixel. Which?",
            "每个像素上，正确答案的概率都一样。是多少？",
        ),
        ("Every pixel costs -ln 0.5.", "每个像素的代价都是 -ln 0.5。"),
    ),
    (
        "-ln 0.5 = ln 2, about 0.693, whatever the labels are.",
        "-ln 0.5 = ln 2，约 0.693，和标签无关。",
    ),
    tolerance=0.01,
    mistakes=(
        (
            0.0,
            ("That is the loss of a perfect network.", "这是完美的网络的损失。"),
        ),
        (
            0.5,
            (
                "That is the probability. The loss takes a logarithm of it.",
                "这是概率。损失还要取它的对数。",
            ),
        ),
        (
            1.0,
            (
                "It rises without limit, so 1 is not the worst. Put p = 0.5 in.",
                "BCE 没有上限，1 不是最差的值。把 p = 0.5 代进去算算。",
            ),
        ),
        (
            Between(0.29, 0.31),
            (
                "The logarithm here is the natural one: np.log, not np.log10.",
                "这里是自然对数：np.log，不是 np.log10。",
            ),
        ),
        (
            Between(-0.7, -0.69),
            (
                "A logarithm below 1 is negative; mind the minus sign.",
                "小于 1 的数，对数是负的；别忘了前面的负号。",
            ),
        ),
    ),
    known=("0.693", "ln 2"),
)
QUESTIONS["08.3"] = Question(
    ("the loss that rates all black worse than all white", "认为全黑比全白更差的损失"),
    "dice",
    (
        (
            "All white overlaps with every vessel. All black overlaps with none.",
            "全白盖住了每一条血管，全黑一条也没盖住。",
        ),
        (
            "All black is wrong on the few vessel pixels only. Which loss counts all "
            "pixels alike?",
            "全黑只在少数血管像素上答错。哪一种损失对所有像素一视同仁？",
        ),
    ),
    (
        "BCE is a mean over all pixels, and black is right at most of them. Without "
        "overlap the Dice loss is near 1, the worst there is.",
        "BCE 对所有像素取平均，而全黑在大多数像素上是对的。"
        "没有重叠，Dice 损失接近 1，最差。",
    ),
    mistakes=(
        (
            "bce",
            (
                "It takes the mean over all pixels, and most of them are background.",
                "它对所有像素取平均，而大多数像素是背景。",
            ),
        ),
        (
            "both",
            (
                "One of them finds all black cheap: most pixels are black.",
                "其中一种认为全黑的代价很低：大多数像素本来就是黑的。",
            ),
        ),
    ),
    also=(
        ("soft dice", ("Soft Dice, yes.", "对，就是软 Dice。")),
        ("dice loss", ("The Dice loss, yes.", "对，就是 Dice 损失。")),
    ),
    offers=("bce", "dice"),
)
QUESTIONS["08.4"] = Question(
    ("numbers on a V100, compute capability 7.0", "V100（计算能力 7.0）上用哪种数"),
    "fp16",
    (
        ("Read the branch for cuda above.", "读一读上面 cuda 那一支。"),
        (
            "The first digit of 7.0 is 7, and the rule compares it with 8.",
            "7.0 的第一位是 7，规则拿它和 8 比较。",
        ),
    ),
    (
        "7 is below 8, so {answer}, with the scaler. (`torch.cuda.is_bf16_supported()` "
        "says True there, as it counts a slow imitation.)",
        "7 小于 8，所以用 {answer}，并缩放损失。（在这样的 GPU 上，"
        "`torch.cuda.is_bf16_supported()` 返回 True，因为它把慢速的模拟也算作支持。）",
    ),
    mistakes=(
        (
            "bf16",
            (
                "torch accepts it there, but imitates it, slowly: 7 is below 8.",
                "这样的 GPU 上 torch 也接受它，但那是慢速的模拟：7 小于 8。",
            ),
        ),
        (
            "fp32",
            (
                "On a GPU the rule always takes one of the short ones.",
                "在 GPU 上，这条规则总是选一种 16 位的数。",
            ),
        ),
    ),
    offers=("fp32", "bf16", "fp16"),
)
QUESTIONS["08.6"] = Question(
    ("moves of two weights in AdamW's first step", "AdamW 第一步里两个权重移动多远"),
    (0.1, 0.1),
    (
        (
            "Put t = 1 and m = v = 0 before it into the formulas.",
            "把 t = 1 代入公式，之前的 m 和 v 都是 0。",
        ),
        (
            "In the first step the corrected mean is the gradient itself, and the root "
            "of the other is its size. What is their ratio?",
            "第一步时，校正后的平均就是梯度本身，另一个的平方根就是梯度的大小。两者之比是多少？",
        ),
    ),
    (
        "g divided by its own size is 1 or -1, so each moves by the learning rate.",
        "梯度除以自己的大小是 1 或 -1，所以两个都移动一个学习率。",
    ),
    tolerance=1e-2,
    mistakes=(
        (
            (10.0, 0.00001),
            ("That is plain gradient descent.", "这是普通的梯度下降。"),
        ),
        (
            (1.0, 1.0),
            (
                "The ratio is right. It is still multiplied by the learning rate.",
                "比值对了，还要乘以学习率。",
            ),
        ),
    ),
    also=(
        (
            (-0.1, -0.1),
            ("With the direction: against the gradient.", "连方向也说对了：逆着梯度。"),
        ),
    ),
    known=("0.1 0.1", "(0.1, 0.1)"),
)
QUESTIONS["08.7"] = Question(
    ("what a checkpoint must hold", "检查点必须存下什么"),
    {"model", "optimizer", "schedule", "batches"},
    (
        (
            "Leave each out in turn: what would start again from the beginning?",
            "逐个去掉试试：什么会从头再来？",
        ),
        (
            "Which of them changes from step to step and steers the next one?",
            "哪些东西每一步都在变，而且会影响下一步？",
        ),
    ),
    (
        "These four change with every step and decide what the next one does. The "
        "forecast only says how long it takes.",
        "这四样都随每一步改变，也都决定下一步怎么走。预估的时间只说明要多久。",
    ),
    mistakes=(
        (
            {"model"},
            (
                "AdamW keeps two numbers a weight; and how far is the learning rate?",
                "AdamW 为每个权重记着两个数；学习率又走到哪儿了？",
            ),
        ),
        (
            {"model", "optimizer"},
            (
                "How large will the next learning rate be, and which patches come?",
                "下一步的学习率多大？来的是哪些图像块？",
            ),
        ),
        (
            {"model", "optimizer", "schedule"},
            (
                "Right weights, but the patches begin again with the first.",
                "权重对了，但图像块又从第一个开始重复。",
            ),
        ),
        (
            {"model", "optimizer", "schedule", "batches", "forecast"},
            (
                "One too many. Which of them does the next step never read?",
                "多了一样。哪一样，下一步根本用不到？",
            ),
        ),
        (
            {"model", "optimizer", "batches"},
            (
                "The learning rate would start again from its low beginning.",
                "学习率会从低处重新开始。",
            ),
        ),
    ),
)
_LEAK = (
    "leak",
    (
        "Are the two curves measured on the same kind of picture, in one mode?",
        "两条曲线是在同样的条件下量的吗？",
    ),
)


CAUSES = ("overfitting", "prevalence", "learning rate", "leak", "normal")


def _curve(
    letter: str, answer: str, first: Words, second: Words, reason: Words, *mistakes
) -> Question:
    """Make the question for one of the four sketches."""
    title = f"the cause of curve ({letter})", f"曲线 ({letter}) 的原因"
    return Question(
        title, answer, (first, second), reason, mistakes=mistakes, offers=CAUSES
    )


QUESTIONS["08.8"] = _curve(
    "a",
    "overfitting",
    (
        "Where do the two lines part, and which of them turns?",
        "两条线从哪里分开？拐头的是哪一条？",
    ),
    (
        "The network goes on improving on the images that it knows, and on no others.",
        "网络在见过的图像上越来越好，在没见过的图像上却不是。",
    ),
    (
        "From where red rises it learns its training images by heart: stop there, or "
        "augment more.",
        "从红线上升处开始，网络在死记训练图像：在那里停下，或者加强数据增强。",
    ),
    (
        "leak",
        (
            "A leak makes red too good. Here it gets worse.",
            "数据泄漏会让红线好得不真实，这里它却变差了。",
        ),
    ),
)
QUESTIONS["08.9"] = _curve(
    "b",
    "prevalence",
    (
        "At which mark of the ruler do both lines rest?",
        "两条线停在尺子的哪个刻度上？",
    ),
    (
        "Both rest on the dotted line. What does a network know that stays there?",
        "两条线都停在点线上。停在那里的网络知道些什么？",
    ),
    (
        "It knows only how rare vessels are: images and labels do not belong together, "
        "or the learning rate is far too small.",
        "它只知道血管多稀少：图像和标签没有对上，或者学习率太小。",
    ),
    (
        "overfitting",
        (
            "Then blue would fall on. Here both rest, and at the same height.",
            "那样的话蓝线会继续降。这里两条都停住，高度也一样。",
        ),
    ),
)
QUESTIONS["08.10"] = _curve(
    "c",
    "learning rate",
    (
        "Both jump about, rise, and end. What is too large?",
        "两条线都乱跳、上升，然后中断。什么太大了？",
    ),
    (
        "Each step overshoots the valley (chapter 02).",
        "每一步都冲过了谷底（第 02 章）。",
    ),
    (
        "The steps are too long, or fp16 overflows: take a tenth of the rate first.",
        "步子太大，或者 fp16 溢出：先把学习率降到十分之一。",
    ),
    (
        "overfitting",
        (
            "Then blue would fall smoothly. Here even blue gets worse.",
            "那样的话，蓝线会平稳下降。这里连蓝线也变差了。",
        ),
    ),
)
QUESTIONS["08.11"] = _curve(
    "d",
    "normal",
    (
        "On what is blue measured, on what red, and when?",
        "蓝线是在什么图像上量的，红线呢？各在什么时候量？",
    ),
    (
        "Blue: augmented patches, train mode, before the update. Red: clean images, "
        "evaluation mode, after it.",
        "蓝线：增强过的图像块，训练模式，更新之前。红线：干净的整图，评估模式，更新之后。",
    ),
    (
        "Blue is measured under harder conditions than red, so it may stay above.",
        "蓝线的测量条件比红线难，所以可以一直在上面。",
    ),
    _LEAK,
    (
        "overfitting",
        ("Then red would rise while blue falls.", "那样的话，蓝线下降时红线会上升。"),
    ),
)
CONTRACTS["08.share"] = Contract(
    (
        "vessel share, and its entropy",
        "血管像素占比和它的熵",
    ),
    {"DRIVE": (0.126, 0.379)},
    tolerance=0.0006,
)
CONTRACTS["08.five_steps"] = Contract(
    ("loss before the fifth step", "第五步之前的损失"),
    {"DRIVE": 0.85},
    tolerance={"cpu": 0.01, "cuda": 0.03},
    modes=("lesson",),
)
CONTRACTS["08.dice"] = Contract(
    ("Dice on the validation eyes", "验证图像上的 Dice"),
    {"DRIVE": 0.820},
    tolerance=0.01,
    modes=("lesson",),
)
