"""The classroom: one line of set-up, checks, and exercises that never block a run."""

from __future__ import annotations

import copy
import json
import math
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import config, download, fundus, phantom, runtime

Hint = tuple[str, str]  # English, Chinese


@dataclass(frozen=True)
class Course:
    """What a chapter needs to know about this run; made by ``start``."""

    mode: str  # "smoke", "lesson" or "full"
    dataset: str  # "DRIVE", or "PHANTOM" where no real images are found
    data_dir: Path  # holds the folder of that set
    out: Path  # everything a chapter writes goes here

    @property
    def config(self) -> config.TrainConfig:
        """Return the training settings of this mode."""
        return config.PRESETS[self.mode]

    @property
    def real(self) -> bool:
        """Tell whether the images are photographs of eyes."""
        return self.dataset != "PHANTOM"

    def load(self, split: str) -> list[fundus.FundusImage]:
        """Read all images of "train", "val", "test" or "all"."""
        return fundus.load(self.dataset, split, self.data_dir)

    def load_one(self, image_id: str) -> fundus.FundusImage:
        """Read one image by its id, such as "21"."""
        return fundus.load_one(self.dataset, image_id, self.data_dir)

    def record(self, **facts) -> None:
        """Add facts to the report of this run, where one is being written."""
        path = config.report_file()
        if path is None:
            return
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        config.write_json(path, known | facts)


def start(fetch: bool = True) -> Course:
    """Find the mode and the data, say both in one line, and return them.

    Smoke mode draws small phantoms. Otherwise DRIVE is used where it lies; where it
    does not and FUNDUS_DATA names no folder, its official download is tried once
    (``fetch``), and phantoms of full size are drawn if that fails.
    """
    mode, out = config.mode(), config.output_dir()
    data_dir, dataset = config.data_dir(), "DRIVE"
    if mode == "smoke" or not _find_drive(data_dir, fetch):
        size = (146, 141) if mode == "smoke" else (584, 565)
        data_dir, dataset = out / f"phantoms-{size[0]}x{size[1]}", "PHANTOM"
        phantom.write(data_dir / dataset, *size)
    course = Course(mode, dataset, data_dir, out)
    if not course.real and mode != "smoke":
        print("NO REAL DATA FOUND: these are PHANTOMS, drawn eyes. Scores on them say")
        print("nothing about patients. Chapter 04 shows how to get the real images.")
    device = runtime.pick_device()
    precision = runtime.pick_precision(device)
    print(
        f"mode: {mode} | data: {dataset} in {data_dir} | "
        f"device: {runtime.device_name(device)}, {precision}"
    )
    course.record(mode=mode, dataset=dataset, device=runtime.device_name(device))
    return course


def _find_drive(data_dir: Path, fetch: bool) -> bool:
    """Tell whether DRIVE is there, after trying to fetch it where that is allowed."""
    try:
        fundus.folder("DRIVE", data_dir)
        return True
    except FileNotFoundError:
        if not fetch or config.data_dir_is_given():
            return False
    try:
        download.get("DRIVE", data_dir)
        return True
    except (OSError, ValueError) as error:
        print(f"DRIVE could not be fetched: {str(error).splitlines()[0]}")
        return False


# ---- Checks: input, the reader's answer, the expected one, a hint ----


def same(mine, expected, tolerance: float = 1e-3) -> bool:
    """Compare numbers, arrays, tuples and words; numbers within ``tolerance``."""
    try:
        if isinstance(expected, str | bool | types.NoneType):
            return mine == expected
        if isinstance(expected, tuple | list):
            return len(mine) == len(expected) and all(
                same(a, b, tolerance) for a, b in zip(mine, expected, strict=True)
            )
        mine, expected = np.asarray(mine), np.asarray(expected)
        if mine.shape != expected.shape or mine.dtype.kind not in "biufc":
            return False
        return bool(np.allclose(mine, expected, rtol=tolerance, atol=tolerance))
    except Exception:  # whatever a reader returns is just not the same
        return False


def _show(value) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else text[:197] + "..."


def check(
    question: str,
    mine,
    expected,
    hint: Hint,
    tolerance: float = 1e-3,
    mistakes: Sequence[tuple[object, Hint]] = (),
) -> bool:
    """Compare an answer with the expected one and print both; never raises.

    None means "not answered yet". ``mistakes`` pairs typical wrong answers with the
    hint that names them. Returns whether the answer is right.
    """
    if mine is None:
        print(f"[ ? ] {question}\n      No answer yet. Put yours in place of None.")
        return False
    right = same(mine, expected, tolerance)
    print(f"[{'OK ' if right else 'no '}] {question}")
    print(f"      your answer: {_show(mine)}   expected: {_show(expected)}")
    if not right:
        typical = (h for wrong, h in mistakes if same(mine, wrong, tolerance))
        _say(next(typical, hint))
    return right


def _say(hint: Hint) -> None:
    print(f"      Hint: {hint[0]}\n      提示：{hint[1]}")


# ---- Exercises: the reader's function once it passes, the reference until then ----


@dataclass(frozen=True)
class Exercise:
    """A task with its reference, its cases, and typical wrong functions.

    ``cases`` are tuples of arguments. A wrong function is recognised by its results:
    where the reader's agrees with it on all cases, its hint is given.
    """

    title: str
    reference: Callable
    cases: tuple[tuple, ...]
    hint: Hint
    mistakes: tuple[tuple[Callable, Hint], ...] = ()
    tolerance: float = 1e-3


def _results(function: Callable, cases: Sequence[tuple]) -> list:
    """Call a function on every case; an error counts as its message."""
    results = []
    for case in cases:
        try:
            results.append(function(*copy.deepcopy(case)))  # it may write into it
        except Exception as error:  # a reader's function may do anything
            results.append(f"{type(error).__name__}: {error}")
    return results


def exercise(mine: Callable, task: Exercise) -> Callable:
    """Return the reader's function if it passes all cases, else the reference.

    Prints which one is used from here on and, for a function that does not pass yet,
    the first case with its input, the answer, the expected answer and a hint.
    """
    expected = _results(task.reference, task.cases)
    got = _results(mine, task.cases)
    wrong = [
        k
        for k, (a, b) in enumerate(zip(got, expected, strict=True))
        if not same(a, b, task.tolerance)
    ]
    if not wrong:
        print(f"[OK ] {task.title}: yours is right, and is used from here on.")
        return mine
    if all(answer is None for answer in got):
        print(f"[ ? ] {task.title}: not written yet; the reference is used.")
        return task.reference
    first = wrong[0]
    print(f"[no ] {task.title}: not yet; the reference is used from here on.")
    print(f"      input: {', '.join(map(_show, task.cases[first]))}")
    print(f"      yours: {_show(got[first])}   expected: {_show(expected[first])}")
    typical = (
        hint
        for mistake, hint in task.mistakes
        if same(got, _results(mistake, task.cases), task.tolerance)
    )
    _say(next(typical, task.hint))
    return task.reference


# ---- The exercises of the chapters ----

EXERCISES: dict[str, Exercise] = {}

# Chapter 01


def _field(diameter: int, above: int, left: int, right: int) -> np.ndarray:
    """Return a small field of view, a square in a wider frame, (1, H, W) bool."""
    inside = np.ones((1, diameter, diameter), dtype=bool)
    return np.pad(inside, ((0, 0), (above, 0), (left, right)))


EXERCISES["01.1"] = Exercise(
    "1.1 Scale factor",
    lambda fov, known: known / fundus.fov_diameter(fov),
    ((_field(2, 1, 1, 2), 1.0), (_field(3, 0, 1, 0), 6.0)),
    (
        "The factor times the diameter in this photograph gives the known diameter.",
        "缩放系数乘以这张照片的视野直径，应当等于网络熟悉的直径。",
    ),
    (
        (
            lambda fov, known: fundus.fov_diameter(fov) / known,
            (
                "Upside down: with a factor above 1 the photograph would grow. Must a "
                "field of view that is too wide grow or shrink?",
                "分子和分母颠倒了：系数大于 1 会放大照片。视野太大时应该缩小。",
            ),
        ),
        (
            lambda fov, known: known / fov.shape[2],
            (
                "You divided by the width of the frame. Black borders differ between "
                "cameras; the lit disc is the same piece of the eye.",
                "你除以了整幅图的宽度。各种相机的黑边不一样，圆盘才对应眼底同一块区域。",
            ),
        ),
    ),
)
EXERCISES["01.2"] = Exercise(
    "1.2 Vessel share",
    lambda pred, fov: pred[fov].mean(),
    (
        (np.array([[[0, 0, 0, 0], [0, 1, 0, 0]]]) > 0, _field(2, 0, 1, 1)),
        (np.array([[[1, 0, 0, 0], [1, 1, 0, 1]]]) > 0, _field(2, 0, 1, 1)),
    ),
    (
        "Count the vessel pixels inside the field of view, then divide by all the "
        "pixels inside the field of view.",
        "先数视野内的血管像素，再除以视野内的像素总数。",
    ),
    (
        (
            lambda pred, fov: (pred & fov).mean(),
            (
                "You divided by the whole frame. Nobody looks for vessels in the black "
                "border: leave it out.",
                "你除以了整幅图的像素数。黑边里没有眼底，不应计入分母。",
            ),
        ),
        (
            lambda pred, _fov: pred.mean(),
            (
                "Here every pixel of the frame counts, above and below. Use only those "
                "where fov is True: pred[fov].",
                "这里分子和分母都用了整幅图。只取 fov 为 True 的像素：pred[fov]。",
            ),
        ),
        (
            lambda pred, fov: pred.sum() / fov.sum(),
            (
                "Vessel pixels outside the field of view got into your count.",
                "视野外的血管像素也被你数进去了。",
            ),
        ),
    ),
)

# Chapter 02


def _convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    result = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            result[r, c] = (image[r : r + 3, c : c + 3] * kernel).sum()
    return result


def _convolve_flipped(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return _convolve(image, kernel[::-1, ::-1])


def _convolve_padded(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return _convolve(np.pad(image, 1), kernel)


_SLOPE = np.array([[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])

EXERCISES["02.1"] = Exercise(
    "2.1 A convolution by hand",
    _convolve,
    (
        (np.arange(25.0).reshape(5, 5) ** 2, _SLOPE),
        (np.arange(24.0).reshape(4, 6) ** 2, _SLOPE.T + np.eye(3)),
    ),
    (
        "Lay the kernel over rows r to r + 2 and columns c to c + 2, multiply each "
        "pair of numbers, add all nine. There are H - 2 by W - 2 places for it.",
        "把卷积核放在第 r 到 r+2 行、第 c 到 c+2 列上，对应相乘，九个积相加。"
        "一共有 (H-2) x (W-2) 个位置。",
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
    ),
)
EXERCISES["02.2"] = Exercise(
    "2.2 Output size",
    lambda size, kernel, padding: size + 2 * padding - kernel + 1,
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
EXERCISES["02.3"] = Exercise(
    "2.3 From logits to vessels",
    lambda logits, threshold: logits.sigmoid() > threshold,
    (
        (torch.tensor([-2.0, 0.3, 2.0]), 0.5),
        (torch.tensor([[-0.2, 0.1], [0.6, 3.0]]), 0.4),
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
    ),
)

# Chapter 04


def _to_label(picture: Image.Image) -> np.ndarray:
    grey = np.asarray(picture.convert("L"))
    return grey > grey.max() / 2


def _pictures() -> tuple[tuple[Image.Image], ...]:
    """Return one label as grey values, palette indices and bits, and a black one."""
    label = np.array([[0, 1, 1, 0], [0, 0, 1, 0]], dtype=np.uint8)
    palette = Image.fromarray(label)
    palette.putpalette([4, 2, 4, 252, 254, 252])  # as in DRIVE's 2nd_manual
    grey, bits = Image.fromarray(255 * label), Image.fromarray(label > 0)
    return (grey,), (palette,), (bits,), (Image.fromarray(0 * label),)


def _split_by_child(names: list[str], num_test: int) -> tuple[list, list]:
    test = sorted({name[6:8] for name in names})[-num_test:]
    train = [name for name in names if name[6:8] not in test]
    return train, [name for name in names if name[6:8] in test]


INDICES = (
    "Print picture.mode and np.unique(np.asarray(picture)). What is a 1 in a palette?",
    "先打印 picture.mode 和 np.unique。调色板图像存的是颜色编号，不是亮度。",
)
NEARLY_BLACK = (
    "A palette's black need not be 0: print the values that convert('L') gives.",
    "调色板里的黑不一定是 0：打印 convert('L') 之后的值看看。",
)
IOU = (
    "That is IoU. Dice counts the pixels that both marked twice, above and below.",
    "这是交并比 (IoU)。Dice 的分子和分母都把共同标出的像素数两次。",
)
NAMES_COUNTED = (
    "You counted names, and one child is in both parts: half of the exam is known.",
    "你数的是文件名，有一个孩子同时在两边：这等于考前看了半张试卷。",
)
NAMES_IN_ORDER = (
    "A list need not be in order, and a child may have one photograph only.",
    "名单不一定按顺序排，一个孩子也可能只有一张照片。",
)
EXERCISES["04.1"] = Exercise(
    "4.1 Read any label",
    _to_label,
    _pictures(),
    (
        "Apply the palette, then compare with half of the maximum.",
        "先换算调色板，再和最大值的一半比较。",
    ),
    (
        (lambda picture: np.asarray(picture) > 127, INDICES),
        (lambda picture: np.asarray(picture.convert("L")) > 0, NEARLY_BLACK),
    ),
)
EXERCISES["04.3"] = Exercise(
    "4.3 Dice of two doctors",
    lambda tp, fp, fn: 2 * tp / (2 * tp + fp + fn),
    ((447468, 109064, 130181), (3, 1, 0)),
    (
        "Pixels that both marked count twice, once for each doctor; TN is not there.",
        "两人都标出的像素数两次，每人一次；TN 不出现。",
    ),
    ((lambda tp, fp, fn: tp / (tp + fp + fn), IOU),),
)
EXERCISES["04.5"] = Exercise(
    "4.5 Split by child",
    _split_by_child,
    (
        (["Image_01L", "Image_01R", "Image_02L", "Image_02R"], 1),
        (["Image_02R", "Image_03L", "Image_01L", "Image_02L", "Image_01R"], 2),
    ),
    (
        "List the children first, then send each name where its child goes.",
        "先列出所有孩子，再按孩子分配每个文件名。",
    ),
    (
        (lambda names, k: (names[:-k], names[-k:]), NAMES_COUNTED),
        (lambda names, k: (names[: -2 * k], names[-2 * k :]), NAMES_IN_ORDER),
    ),
)

# Chapter 05


def _clip_and_share(histogram, limit):
    clipped = np.minimum(histogram, limit)
    return clipped + (np.sum(histogram) - np.sum(clipped)) / len(clipped)


def _clip_share_clip(histogram, limit):
    return np.minimum(_clip_and_share(histogram, limit), limit)


def _share_with_the_rest(histogram, limit):
    clipped = np.minimum(histogram, limit)
    room = clipped < limit
    return clipped + room * (np.sum(histogram) - np.sum(clipped)) / room.sum()


EXERCISES["05.4"] = Exercise(
    title="Clip a histogram and share out the rest",
    reference=_clip_and_share,
    cases=(
        (np.array([1, 2, 20, 6, 2, 1, 0, 0]), 8),
        (np.array([0, 0, 40, 0]), 20),
        (np.array([3, 4, 5, 4]), 8),
    ),
    hint=(
        "Clipping takes pixels out of a bin, not out of the image. How many must "
        "there be at the end?",
        "截断只是从一个灰度级里拿走像素，图像的像素总数不变。最后共有多少个？",
    ),
    mistakes=(
        (
            np.minimum,
            (
                "The clipped pixels are gone: the curve ends below 1, the tile comes "
                "out dark. Share them out over all bins.",
                "截下来的像素不见了：曲线到不了 1，子块变暗。要平均分给所有灰度级。",
            ),
        ),
        (
            _clip_share_clip,
            (
                "The second clipping loses pixels again. One round may leave a bin a "
                "little above the limit.",
                "第二次截断又丢了像素。只分一轮，某个灰度级略高于阈值是允许的。",
            ),
        ),
        (
            _share_with_the_rest,
            (
                "A sound rule, but another one: here every bin gets the same, full "
                "ones too. Libraries differ in this.",
                "这也合理，但规则不同：这里每个灰度级分得一样多，满的也分。",
            ),
        ),
    ),
)


def _opencv_to_skimage(height, width, tiles, clip_limit):
    return (math.ceil(height / tiles), math.ceil(width / tiles)), clip_limit / 256


def _tiles_as_size(*case):
    return (case[2], case[2]), case[3] / 256


def _share_above_one(*case):
    return _opencv_to_skimage(*case)[0], case[3]


def _copied_unchanged(*case):
    return (case[2], case[2]), case[3]


def _rounded_down(height, width, tiles, clip_limit):
    return (height // tiles, width // tiles), clip_limit / 256


EXERCISES["05.3"] = Exercise(
    title="From OpenCV's CLAHE to scikit-image's",
    reference=_opencv_to_skimage,
    cases=((584, 565, 8, 2.0), (960, 999, 8, 4.0), (512, 768, 16, 3.0)),
    hint=(
        "One number counts tiles, the other measures them in pixels. And no bin can "
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
                "counts in mean bins, of which there are 256.",
                "份额 2.0 是整个子块的两倍，什么也截不掉。OpenCV 的单位是 1/256。",
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

# Chapter 06


def _d4(x: torch.Tensor, k: int) -> torch.Tensor:
    x = torch.rot90(x, k % 4, dims=(-2, -1))
    return x.flip(-1) if k >= 4 else x


def _undo_d4(x: torch.Tensor, k: int) -> torch.Tensor:
    x = x.flip(-1) if k >= 4 else x
    return torch.rot90(x, -(k % 4), dims=(-2, -1))


def _undo_in_old_order(x: torch.Tensor, k: int) -> torch.Tensor:
    x = torch.rot90(x, -(k % 4), dims=(-2, -1))
    return x.flip(-1) if k >= 4 else x


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
EXERCISES["06.3"] = Exercise(
    "6.3 Undo it",
    _undo_d4,
    tuple((_d4(torch.tensor([[1, 2], [3, 4]]), k), k) for k in range(8)),
    (
        "Socks, then shoes. How do you take them off? Try it with pencil and paper.",
        "先穿袜子再穿鞋，脱的时候呢？用 2×2 的数组试一试。",
    ),
    ((_d4, TWICE), (_undo_in_old_order, OLD_ORDER)),
)
EXERCISES["06.4"] = Exercise(
    "6.4 Ten pixels, in which unit?",
    lambda row, column, height, width: (2 * column / width, 2 * row / height),
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

# Chapter 07


def _count_double_conv(i, o):
    return 9 * i * o + o + 9 * o * o + o


def _padded_side(side, multiple):
    return -(-side // multiple) * multiple


def _join_silent(skip, x):
    return torch.cat([torch.zeros_like(skip), x], dim=1)


def _two_sigmoid_floor(share):
    return share * math.log(1 + math.exp(-1)) + (1 - share) * math.log(2)


_TWO_AND_TWO = (torch.full((1, 2, 1, 2), 3.0), torch.full((1, 2, 1, 2), 5.0))

EXERCISES["07.2"] = Exercise(
    "7.2 Count the paper's block",
    _count_double_conv,
    ((1, 64), (64, 128), (512, 1024)),
    (
        "Each output channel has its own block of 3 x 3 x (input channels) weights and "
        "one bias.",
        "每个输出通道都有自己的一块权重，3 x 3 x 输入通道数个，再加一个偏置。",
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
EXERCISES["07.3"] = Exercise(
    "7.3 Pad to a multiple",
    _padded_side,
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
EXERCISES["07.4"] = Exercise(
    "7.4 A silent skip",
    _join_silent,
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
EXERCISES["07.5"] = Exercise(
    "7.5 The floor of two sigmoids",
    _two_sigmoid_floor,
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
            lambda share: _two_sigmoid_floor(1 - share),
            (
                "Vessel and background are exchanged: `share` is that of the vessels.",
                "血管和背景颠倒了：`share` 是血管像素占比。",
            ),
        ),
    ),
)

# Chapter 08


def _soft_dice_loss(logits, y):
    probs = 1 / (1 + np.exp(-np.asarray(logits)))
    return 1 - 2 * (probs * np.asarray(y)).sum() / (probs.sum() + np.asarray(y).sum())


def _hard_dice_loss(logits, y):
    pred, y = np.asarray(logits) > 0, np.asarray(y)
    return 1 - 2 * (pred * y).sum() / (pred.sum() + y.sum())


def _dice_loss_of_logits(logits, y):
    logits, y = np.asarray(logits), np.asarray(y)
    return 1 - 2 * (logits * y).sum() / (logits.sum() + y.sum())


EXERCISES["08.2"] = Exercise(
    "8.2 Soft Dice loss",
    _soft_dice_loss,
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
            _dice_loss_of_logits,
            (
                "The sums are over logits, which have no bounds. Where is the sigmoid?",
                "你加的是 logits，它没有上下界。sigmoid 在哪里？",
            ),
        ),
    ),
)


def _two_steps(weight, rate):
    for _ in range(2):
        weight -= rate * 2 * (weight - 3)
    return weight


def _two_steps_never_cleared(weight, rate):
    gradient = 0.0
    for _ in range(2):
        gradient += 2 * (weight - 3)
        weight -= rate * gradient
    return weight


EXERCISES["08.3"] = Exercise(
    "8.3 Five lines in order",
    _two_steps,
    ((2.0, 0.1), (-1.0, 0.2)),
    (
        "Forward, loss, then backward, then step. One of the six lines is false.",
        "先前向，再算损失，然后 backward，最后 step。六行里有一行是多余的错误。",
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
CURVES = {"a": "overfitting", "b": "prevalence", "c": "learning rate", "d": "normal"}
EXERCISES["08.4"] = Exercise(
    "8.4 Four curves",
    CURVES.get,
    tuple((curve,) for curve in CURVES),
    (
        "What does the curve level off at? When do the two lines part?",
        "曲线停在哪个高度？两条线从哪里分开？",
    ),
    (
        (
            (CURVES | {"d": "leak"}).get,
            (
                "Are the two curves measured on the same kind of picture, in one mode?",
                "两条曲线是在同样的条件下量的吗？",
            ),
        ),
    ),
)

# Chapter 09


def _scores_with_border(tp, fp, fn, tn, border):
    tn = tn + border
    dice, sensitivity = 2 * tp / (2 * tp + fp + fn), tp / (tp + fn)
    return dice, sensitivity, tn / (tn + fp), (tp + tn) / (tp + fp + fn + tn)


def _border_is_found(tp, fp, fn, tn, border):
    return _scores_with_border(tp + border, fp, fn, tn, 0)


EXERCISES["09.1"] = Exercise(
    "9.1 The free border",
    _scores_with_border,
    ((443136, 65238, 134513, 3895256, 0), (443136, 65238, 134513, 3895256, 2061057)),
    ("Look for TN in each formula.", "在每个公式里找 TN。"),
    (
        (
            lambda *counts: _scores_with_border(*counts[:4], 0),
            (
                "The border is black in label and prediction. Which count grows by it?",
                "边框在标签和预测里都是黑的。哪一个计数会因此变大？",
            ),
        ),
        (
            _border_is_found,
            (
                "Your Dice changed. Nobody found a vessel in the border: it is TN.",
                "你的 Dice 变了。边框里没有找到任何血管：它是 TN。",
            ),
        ),
    ),
    tolerance=1e-5,
)
EXERCISES["09.2"] = Exercise(
    "9.2 Which Dice to report",
    lambda val, test: test[int(np.argmax(val))],
    (
        (np.array([0.61, 0.78, 0.80, 0.74]), np.array([0.64, 0.79, 0.77, 0.70])),
        (np.array([0.70, 0.75, 0.60]), np.array([0.72, 0.71, 0.73])),
    ),
    (
        "Who would choose the threshold for tomorrow's patient?",
        "明天来的病人，谁替他挑阈值？",
    ),
    (
        (
            lambda _val, test: np.max(test),
            (
                "This is the best of the test: the threshold was chosen there.",
                "这是测试集上的最大值：阈值是看着测试集挑的。",
            ),
        ),
        (
            lambda val, _test: np.max(val),
            (
                "The threshold is right, but this is the Dice on validation images.",
                "阈值选对了，但这是验证集上的 Dice。",
            ),
        ),
    ),
)


def _pooled_dice(counts):
    tp, fp, fn, _ = np.moveaxis(counts, -1, 0)
    return 2 * tp / (2 * tp + fp + fn)


def _bootstrap_eyes(counts):
    rng = np.random.default_rng(1)
    draws = rng.integers(len(counts), size=(1000, len(counts)))
    return tuple(np.percentile(_pooled_dice(counts[draws].sum(1)), [2.5, 97.5]))


def _bootstrap_pixels(counts):
    total, rng = counts.sum(0), np.random.default_rng(1)
    draws = rng.multinomial(total.sum(), total / total.sum(), size=1000)
    return tuple(np.percentile(_pooled_dice(draws), [2.5, 97.5]))


def _bootstrap_of_means(counts):
    rng = np.random.default_rng(1)
    draws = rng.integers(len(counts), size=(1000, len(counts)))
    return tuple(np.percentile(_pooled_dice(counts)[draws].mean(1), [2.5, 97.5]))


# 20 eyes, (TP, FP, FN, TN) each: those with more vessel are also scored better.
TWENTY_EYES = np.array(
    [(12_000 + 900 * k, 5400 - 20 * k, 6500 - 20 * k, 190_000) for k in range(20)]
)
EXERCISES["09.4"] = Exercise(
    "9.4 Bootstrap over eyes",
    _bootstrap_eyes,
    ((TWENTY_EYES,),),
    (
        "Draw 20 rows with replacement, add them up, then one Dice. 1000 times.",
        "有放回地抽 20 行，先相加，再算一个 Dice。重复 1000 次。",
    ),
    (
        (
            _bootstrap_pixels,
            (
                "Are two neighbouring pixels two witnesses? Draw eyes, not pixels.",
                "相邻两个像素算两个独立的证人吗？抽的应该是眼睛，不是像素。",
            ),
        ),
        (
            _bootstrap_of_means,
            (
                "This is the mean of 20 Dices. Add the counts first: that is pooled.",
                "这是 20 个 Dice 的平均。合并的意思是先把计数相加。",
            ),
        ),
    ),
    tolerance=3e-3,
)
