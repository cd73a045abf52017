"""Chapter 05, Pre-processing: what it asks and what it claims."""

from __future__ import annotations

import math

import numpy as np

from helpers.questions import Between, Contract, Exercise, Question

QUESTIONS: dict[str, Question] = {}
EXERCISES: dict[str, Exercise] = {}
CONTRACTS: dict[str, Contract] = {}


def clip_histogram(histogram, limit):
    clipped = np.minimum(histogram, limit)
    excess = histogram.sum() - clipped.sum()
    return clipped + excess / len(histogram)


def _clip_share_clip(histogram, limit):
    return np.minimum(clip_histogram(histogram, limit), limit)


def _share_with_the_rest(histogram, limit):
    clipped = np.minimum(histogram, limit)
    room = clipped < limit
    return clipped + room * (histogram.sum() - clipped.sum()) / room.sum()


EXERCISES["05.3"] = Exercise(
    ("Clip a histogram and share out the rest", "截断直方图，再平均分配"),
    clip_histogram,
    cases=(
        (np.array([1, 2, 20, 6, 2, 1, 0, 0]), 8),
        (np.array([0, 0, 40, 0]), 20),
        (np.array([3, 4, 5, 4]), 8),
    ),
    hint=(
        "Clipping takes pixels out of a level, not out of the image. How many must "
        "there be at the end?",
        "截断只是从一个灰度级里拿走像素，图像的像素总数不变。最后共有多少个？",
    ),
    mistakes=(
        (
            np.minimum,
            (
                "The clipped pixels are gone: the curve ends below 1, the tile comes "
                "out dark. Share them out over all levels.",
                "截下来的像素不见了：曲线到不了 1，子块变暗。要平均分给所有灰度级。",
            ),
        ),
        (
            _clip_share_clip,
            (
                "The second clipping loses pixels again. One round may leave a level a "
                "little above the limit.",
                "第二次截断又丢了像素。只分一轮，某个灰度级略高于阈值是允许的。",
            ),
        ),
        (
            _share_with_the_rest,
            (
                "A sound rule, but another one: here every level gets the same, full "
                "ones too. Libraries differ in this.",
                "这也合理，但规则不同：这里每个灰度级分得一样多，满的也分。",
            ),
        ),
    ),
)


def opencv_to_skimage(height, width, tiles, clip_limit):
    size = int(np.ceil(height / tiles)), int(np.ceil(width / tiles))
    return size, clip_limit / 256


def _tiles_as_size(*case):
    return (case[2], case[2]), case[3] / 256


def _share_above_one(*case):
    return opencv_to_skimage(*case)[0], case[3]


def _copied_unchanged(*case):
    return (case[2], case[2]), case[3]


def _not_rounded(height, width, tiles, clip_limit):
    return (height / tiles, width / tiles), clip_limit / 256


def _rounded_down(height, width, tiles, clip_limit):
    return (height // tiles, width // tiles), clip_limit / 256


EXERCISES["05.4"] = Exercise(
    (
        "From OpenCV's CLAHE to scikit-image's",
        "把 OpenCV 的 CLAHE 参数换算到 scikit-image",
    ),
    opencv_to_skimage,
    cases=((584, 565, 8, 2.0), (960, 999, 8, 4.0), (512, 768, 16, 3.0)),
    hint=(
        "One number counts tiles, the other measures them in pixels. And no level can "
        "hold more than the whole tile.",
        "一个数的是子块的个数，一个量的是子块的大小。一级最多装下整个子块的像素。",
    ),
    mistakes=(
        (
            _tiles_as_size,
            (
                "That is the number of tiles; kernel_size is their height and width.",
                "这是子块的个数；kernel_size 是子块的高和宽，单位是像素。",
            ),
        ),
        (
            _share_above_one,
            (
                "A share of 2.0 is twice the tile: nothing is ever clipped. OpenCV "
                "counts in mean levels, of which there are 256.",
                "比例 2.0 是整个子块的两倍，什么也截不掉。OpenCV 以"
                "平均每级的像素数为单位，即子块的 1/256。",
            ),
        ),
        (
            _copied_unchanged,
            (
                "Both are OpenCV's numbers: tiny tiles, and nothing is clipped.",
                "两个数都照搬了 OpenCV：子块太小，而且什么也没截掉。",
            ),
        ),
        (
            _not_rounded,
            (
                "A tile has a whole number of pixels along each side. Which way must a "
                "fraction go, so that eight tiles cover the image?",
                "子块的边长是整数个像素。要让 8 个子块盖住整幅图像，小数该往哪边取整？",
            ),
        ),
        (
            _rounded_down,
            (
                "Rounded down: eight tiles of 70 columns cover 560 of 565, so there "
                "would be a ninth. Round up.",
                "向下取整了：8 个 70 列的子块只有 560 列，会多出第 9 个。",
            ),
        ),
    ),
    tolerance=1e-4,
)


def _first(by_channel):
    return max(by_channel, key=by_channel.get)


QUESTIONS["05.1"] = Question(
    ("the channel with the highest AUC", "AUC 最高的通道"),
    _first,
    (
        (
            "In which panel is the step from vessel to surroundings clearest?",
            "在哪一幅里，血管和周围的灰度差最明显？",
        ),
        (
            "AUC compares pixels of the whole eye: what else than vessels makes a "
            "pixel dark there? Which of the others suffers least from it?",
            "AUC 比较的是整只眼睛的像素：除了血管，还有什么让像素变暗？"
            "剩下的两个通道里，哪个受影响较小？",
        ),
    ),
    (
        "{answer}, as a mean over the training images. A whole eye has bright and dark "
        "corners, so no channel comes near 1.",
        "是 {answer}（训练图像的平均）。整只眼睛有亮的角落，也有暗的角落，"
        "所以哪个通道都离 1 很远。",
    ),
    mistakes=(
        (
            "red",
            (
                "Red is the brightest channel. Bright is not the same as clear.",
                "红色通道最亮，但亮不等于清楚。",
            ),
        ),
        (
            "blue",
            (
                "Blue arrives weak: how far apart are vessel and surroundings in it?",
                "蓝光很弱：在蓝色通道里，血管和周围能差多少？",
            ),
        ),
        (
            "green",
            (
                "To the eye it is. Over a whole eye of this set, uneven light counts "
                "more.",
                "用眼睛看是它。可是在这个数据集的整张图上，光照不均的影响更大。",
            ),
        ),
    ),
    known=("AUC 0.693", "green comes first", "最高的是 green"),
    offers=("red", "green", "blue"),
)


def _moved(aucs):
    before, *after = (per_image for per_image, _ in aucs.values())
    return tuple(bool(abs(auc - before) > 1e-3) for auc in after)


QUESTIONS["05.2"] = Question(
    ("which of four changes move the AUC of one image", "哪几种处理改变单幅图像的 AUC"),
    _moved,
    (
        (
            "AUC asks which of two pixels of one image is darker. Can a rising curve "
            "change the answer?",
            "AUC 只问同一幅图像里两个像素谁更暗。一条上升的曲线能改变答案吗？",
        ),
        (
            "Take two pixels, one darker than the other, and send both through each of "
            "the four. When can they change places?",
            "取一暗一亮两个像素，分别做四种处理。什么时候它们的次序会交换？",
        ),
    ),
    (
        "One rising curve for the whole image keeps the order of any two pixels. Only "
        "with another curve at each place can the order change.",
        "整幅图像用一条上升的曲线，任何两个像素的次序都不变。"
        "只有每个位置用不同的曲线，次序才可能改变。",
    ),
    mistakes=(
        (
            (False, False, True, True),
            (
                "Equalisation looks as if it changed everything. But is its curve, the "
                "running total, ever falling?",
                "均衡化看上去什么都变了。可是它的曲线是逐级累加的，会下降吗？",
            ),
        ),
        (
            (True, True, True, True),
            (
                "The values change each time. But AUC does not ask for values.",
                "灰度值确实都变了。可是 AUC 不看灰度值。",
            ),
        ),
        (
            (False, False, False, False),
            (
                "Right where all pixels go through one curve. Do they in all four?",
                "所有像素走同一条曲线时是这样。四种处理都只有一条曲线吗？",
            ),
        ),
    ),
)

QUESTIONS["05.5"] = Question(
    (
        "what gamma 1.2 of the classic chain makes of 0.5",
        "经典流程的 gamma 1.2 把灰度 0.5 变成多少",
    ),
    0.5 ** (1 / 1.2),
    (
        (
            "Do not trust the name; look at the formula. Does it come out above or "
            "below 0.5?",
            "不要相信参数名，看公式。结果比 0.5 大还是小？",
        ),
        (
            "The classic chain's exponent is 1 divided by 1.2. Let Python compute it.",
            "经典流程的指数是 1 除以 1.2。用 Python 算一下。",
        ),
    ),
    (
        "0.5 ** (1 / 1.2) = {answer}: the exponent is below 1, the picture gets "
        "brighter.",
        "0.5 ** (1 / 1.2) = {answer}：指数小于 1，图像变亮。",
    ),
    tolerance=2e-3,
    mistakes=(
        (
            0.5**1.2,
            (
                "That is scikit-image's convention. The classic chain uses 1 / gamma.",
                "这是 scikit-image 的写法。经典流程用的是 1 / gamma。",
            ),
        ),
        (
            0.6,
            (
                "Gamma is an exponent, not a factor.",
                "gamma 是指数，不是乘数。",
            ),
        ),
        (
            0.5 / 1.2,
            (
                "Gamma divides the exponent, not the grey value.",
                "gamma 除的是指数，不是灰度值。",
            ),
        ),
    ),
    known=("0.561",),
)

QUESTIONS["05.6"] = Question(
    (
        "largest change when the chain loses its standardisation",
        "去掉标准化后，灰度值的最大变化",
    ),
    lambda change: round(change, 3),
    (
        (
            "Which step comes right after it, and what does that step do to a picture "
            "that was shifted and scaled?",
            "它后面紧跟着哪一步？一幅平移、缩放过的图像，经过那一步会怎样？",
        ),
        (
            "Write a = 1/std, b = -mean/std, put ax + b into (x - min) / (max - min), "
            "and let the letters cancel.",
            "令 a = 1/标准差，b = -均值/标准差，把 ax + b 代入 "
            "(x - min) / (max - min)，看什么消掉了。",
        ),
    ),
    (
        "The stretch from minimum to maximum undoes any shift and any scale; what is "
        "left is rounding.",
        "最小-最大归一化会抵消任何平移和缩放，剩下的只有舍入误差。",
    ),
    mistakes=(
        (
            Between(0.005, 10),
            (
                "The standardised values differ much. But they do not stay: what "
                "becomes of them in the next step?",
                "标准化后的值确实差很多。但它们还要经过下一步：会变成什么？",
            ),
        ),
    ),
    known=("Nothing but rounding", "只有舍入误差"),
)

_LIMITS = {f"clip {n}/256": n for n in (2, 4, 8, 16, 40)} | {"no clip": "no clip"}


def _highest(rows):
    return _LIMITS[max(_LIMITS, key=lambda name: rows[name][0])]


def _level(name):
    """Return a limit where its AUC is level with the highest, else no answer at all."""

    def answer(rows):
        top = max(rows[other][0] for other in _LIMITS)
        return _LIMITS[name] if rows[name][0] > top - 0.002 else math.nan

    return answer


QUESTIONS["05.7"] = Question(
    ("the clip limit with the highest AUC", "AUC 最高的截断阈值"),
    _highest,
    (
        (
            "Remember what the two wrong calls scored.",
            "想想那两种错误写法的分数。",
        ),
        (
            "What hurts AUC most is uneven light. Does a weak or a strong equalisation "
            "take more of it away? And does AUC mind grain?",
            "最影响 AUC 的是光照不均。均衡化弱一些还是强一些，能去掉更多？"
            "AUC 又在乎颗粒吗？",
        ),
    ),
    (
        "{answer} comes out highest. On DRIVE, 16, 40 and no clip are level, within "
        "0.002: AUC hardly minds the grain.",
        "最高的是 {answer}。在 DRIVE 上，16、40 和不截断 (no clip) 持平，"
        "相差不到 0.002：AUC 几乎不在意颗粒。",
    ),
    mistakes=(
        (
            2,
            (
                "That is the setting of the course. But why should AUC agree with it?",
                "这是课程用的设置。可是 AUC 凭什么也选它？",
            ),
        ),
    ),
    also=tuple(
        (
            _level(name),
            (
                "Level with the highest: within 0.002.",
                "和最高的持平：相差不到 0.002。",
            ),
        )
        for name in _LIMITS
    ),
)

CONTRACTS["05.rising"] = Contract(
    (
        "most that a rising curve moves the AUC of one image",
        "上升的曲线最多让单幅图像的 AUC 变多少",
    ),
    0.0,
    tolerance=1e-3,
)
CONTRACTS["05.by_hand"] = Contract(
    ("CLAHE by hand against the library, on 0..1", "手写的 CLAHE 与库函数之差（0～1）"),
    {"DRIVE": 0.0181, "CHASEDB1": 0.0272},
    tolerance=0.001,
)
CONTRACTS["05.idle"] = Contract(
    (
        "largest change of a grey value without the standardisation",
        "去掉标准化后，灰度值的最大变化",
    ),
    0.0,
    tolerance=1e-4,
)
CONTRACTS["05.auc"] = Contract(
    ("AUC per image, green and clip 2/256", "逐幅 AUC：green 和 clip 2/256"),
    {"DRIVE": (0.693, 0.771), "CHASEDB1": (0.559, 0.680)},
    tolerance=0.001,
)
