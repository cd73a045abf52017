"""What is unusual about a photograph, or about a whole folder of them, in words.

A doubt does not say that a map is wrong, nor its absence that it is right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import fundus

Words = tuple[str, str]  # English, Chinese
# DRIVE 21-40, as the shipped network marks them, lie between; see results/doubts.json.
USUAL = (0.09, 0.15)  # share of the field of view marked as vessels
LIMITS = (0.05, 0.22)  # a single photograph's, with room round it


def photograph(
    image: np.ndarray,
    fov: np.ndarray,
    probs: np.ndarray,
    threshold: float,
    notes: Sequence[Words] = (),
    parts: int = 1,
) -> list[Words]:
    """Say why a photograph looks like none of a single retina; [] where nothing does.

    image (3, H, W) in [0, 1], fov (1, H, W) bool, probs (1, H, W); ``threshold`` is the
    network's own, whatever the user chose. ``notes`` come from the file
    (``pictures.read_photo``), ``parts`` from ``fundus.find_fov``.
    """
    step = max(1, min(fov.shape[1:]) // 1000)  # every pixel of a large one is many
    image, fov, probs = (x[:, ::step, ::step] for x in (image, fov, probs))
    inside, reasons = fov[0], [*notes, *_shape(fov[0], parts)]
    if not inside.any():
        return reasons
    colour, found = image[:, inside].mean(1), probs[fov]
    blue = colour[2] / max(colour.sum(), 1e-6)
    if blue > 0.25:  # DRIVE 21-40: at most 0.22
        reasons.append(
            (
                f"not the colours of a retina (blue {blue:.0%} of the light)",
                f"颜色不像视网膜（蓝色占 {blue:.0%}）",
            )
        )
    bright = np.quantile(image[:, inside].max(0), 0.99)
    if bright < 0.3:
        reasons.append(
            (
                f"very dark: the brightest parts have {bright * 255:.0f} of 255",
                f"很暗：最亮的地方只有 {bright * 255:.0f}（满值 255）",
            )
        )
    white = (image[1, inside] > 0.99).mean()
    if white > 0.1:
        reasons.append(
            (
                f"over-exposed: green is at its maximum in {white:.0%} of it",
                f"曝光过度：{white:.0%} 的像素绿色通道已到最大值",
            )
        )
    marked = found >= threshold
    if not LIMITS[0] <= marked.mean() <= LIMITS[1]:
        low, high = (f"{limit:.0%}" for limit in LIMITS)
        reasons.append(
            (
                f"{marked.mean():.1%} of it marked as vessels (usual: {low} to {high})",
                f"标为血管的占 {marked.mean():.1%}（通常为 {low}～{high}）",
            )
        )
    unsure = ((found > 0.2) & (found < 0.8)).sum() / max(marked.sum(), 1)
    if unsure > 0.7:  # DRIVE 21-40: 0.38 to 0.55
        reasons.append(
            (
                "the network is unsure about most of what it marks",
                "网络对标出的大部分地方没有把握",
            )
        )
    return reasons


def _shape(inside: np.ndarray, parts: int) -> list[Words]:
    """Say what is unlike one lit disc in a (H, W) field of view."""
    share = inside.mean()
    if parts > 1:
        return [
            (
                f"{parts} bright parts, not one eye; the largest was taken",
                f"有 {parts} 块亮区，不是单独一只眼睛；取了最大的一块",
            )
        ]
    if share > 0.98:
        return [
            (
                "no dark border: the size of the eye is a guess",
                "没有黑边：眼睛的大小只能估计",
            )
        ]
    if share < 0.05:
        return [
            (
                f"only {share:.1%} of the frame was taken for the eye",
                f"画面里只有 {share:.1%} 被当作眼睛",
            )
        ]
    if not fundus.is_disc(inside):
        likeness = fundus.likeness_to_disc(inside)
        return [
            (
                f"the bright part is no disc (likeness {likeness:.2f})",
                f"亮的部分不是圆盘（相似度 {likeness:.2f}）",
            )
        ]
    return []


def batch(shares: Sequence[float]) -> list[Words]:
    """Say what is unusual about many photographs together; [] for fewer than ten.

    ``shares`` are what is marked as vessels of each field of view, 0 to 1. If half of
    them lie outside what the network knows, the camera or the scale is the likely
    reason, not the eyes.
    """
    if len(shares) < 10:
        return []
    middle, (low, high) = float(np.median(shares)), USUAL
    if low <= middle <= high:
        return []
    return [
        (
            f"in these {len(shares)} photographs the middle share of vessels is "
            f"{middle:.1%}, the network knows {low:.0%} to {high:.0%}: another camera, "
            "another scale (--diameter) or a threshold that does not fit (chapter 11)",
            f"这 {len(shares)} 张照片里，血管占比的中位数是 {middle:.1%}，网络熟悉的是"
            f" {low:.0%}～{high:.0%}：可能是相机不同、尺度不对（--diameter）或阈值"
            "不合适（第 11 章）",
        )
    ]
