"""Chapter 05, Pre-processing: references, cases and typical mistakes."""

from __future__ import annotations

import numpy as np

from helpers.questions import Exercise

EXERCISES: dict[str, Exercise] = {}


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


EXERCISES["05.4"] = Exercise(
    "Clip a histogram and share out the rest",
    clip_histogram,
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


def opencv_to_skimage(height, width, tiles, clip_limit):
    size = int(np.ceil(height / tiles)), int(np.ceil(width / tiles))
    return size, clip_limit / 256


def _tiles_as_size(*case):
    return (case[2], case[2]), case[3] / 256


def _share_above_one(*case):
    return opencv_to_skimage(*case)[0], case[3]


def _copied_unchanged(*case):
    return (case[2], case[2]), case[3]


def _rounded_down(height, width, tiles, clip_limit):
    return (height // tiles, width // tiles), clip_limit / 256


EXERCISES["05.3"] = Exercise(
    "From OpenCV's CLAHE to scikit-image's",
    opencv_to_skimage,
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
