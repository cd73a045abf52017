"""What is unusual about a photograph, or about a whole folder of them, in words.

A doubt does not say that a map is wrong, nor its absence that it is right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import fundus, places

# DRIVE 21-40 lie between, as `segment` marks them; see results/doubted.json.
USUAL = (0.08, 0.14)  # share of the field of view marked as vessels
LIMITS = (0.05, 0.22)  # a single one's at DRIVE's threshold, with room round it
# Most of the light; DRIVE and CHASE_DB1 have up to 0.33 and 0.22.
COLOURS = (("green", "绿", 0.36), ("blue", "蓝", 0.25))


def photograph(
    image: np.ndarray,
    fov: np.ndarray,
    probs: np.ndarray,
    threshold: float,
    notes: Sequence[str] = (),
    parts: int = 1,
) -> list[str]:
    """Say why a photograph looks like none of a single retina; [] where nothing does.

    image (3, H, W) in [0, 1], fov (1, H, W) bool, probs (1, H, W); ``threshold`` is the
    network's own, whatever the user chose. ``notes`` come from the file
    (``pictures.read_photo``), ``parts`` from ``fundus.find_fov``.
    """
    step = max(1, min(fov.shape[1:]) // 1000)  # every pixel of a large one is many
    image, fov, probs = (x[:, ::step, ::step] for x in (image, fov, probs))
    words = _shape(fov[0], parts)
    if fov.any():
        words += _light(image[:, fov[0]]) + _marks(probs[fov], threshold)
    return [*notes, *map(places.pick, words)]


Words = tuple[str, str]  # English, Chinese


def _shape(inside: np.ndarray, parts: int) -> list[Words]:
    """Say what is unlike one lit disc in a (H, W) field of view."""
    share, english, chinese = inside.mean(), "", ""
    if parts > 1:
        english = f"{parts} bright parts, not one eye; the largest was taken"
        chinese = f"有 {parts} 块亮区，不是单独一只眼睛；取了最大的一块"
    elif share > 0.98:
        english = "no dark border: the size of the eye is a guess"
        chinese = "没有黑边：眼睛的大小只能估计"
    elif share < 0.05:
        english = f"only {share:.1%} of the frame was taken for the eye"
        chinese = f"画面里只有 {share:.1%} 被当作眼睛"
    elif not fundus.is_disc(inside):
        likeness = fundus.likeness_to_disc(inside)
        english = f"the bright part is no disc (likeness {likeness:.2f})"
        chinese = f"亮的部分不是圆盘（相似度 {likeness:.2f}）"
    return [(english, chinese)] if english else []


def _light(colours: np.ndarray) -> list[Words]:
    """Say what is unusual about the colours (3, N) of the field of view."""
    words, light = [], colours.mean(1) / max(colours.mean(1).sum(), 1e-6)
    for (name, chinese, most), share in zip(COLOURS, light[1:], strict=True):
        if share > most:
            english = f"not the colours of a retina ({name} {share:.0%} of the light)"
            words.append((english, f"颜色不像视网膜（{chinese}光占 {share:.0%}）"))
    bright = 255 * np.quantile(colours.max(0), 0.99)
    if bright < 75:
        english = f"very dark: the brightest parts have {bright:.0f} of 255"
        words.append((english, f"很暗：最亮的地方只有 {bright:.0f}（最大 255）"))
    white = (colours[1] > 0.99).mean()
    if white > 0.1:
        english = f"over-exposed: green is at its maximum in {white:.0%} of it"
        words.append((english, f"曝光过度：{white:.0%} 的像素绿色已到最大值"))
    return words


def _marks(found: np.ndarray, threshold: float) -> list[Words]:
    """Say what is unusual about the probabilities (N,) of the field of view."""
    words, marked = [], found >= threshold
    share, (low, high) = marked.mean(), LIMITS
    if not low <= share <= high:
        english = (
            f"{share:.1%} of it marked as vessels (usual: {low:.0%} to {high:.0%})"
        )
        chinese = f"标出的像素占视野的 {share:.1%}（通常为 {low:.0%}～{high:.0%}）"
        words.append((english, chinese))
    if (
        (found > 0.2) & (found < 0.8)
    ).sum() > 0.7 * marked.sum():  # DRIVE: 0.38 to 0.55
        english = "the network is unsure about most of what it marks"
        words.append((english, "标出的像素，网络大多没有把握"))
    return words


def batch(shares: Sequence[float]) -> list[str]:
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
    english = (
        f"in these {len(shares)} photographs the middle share of vessels is "
        f"{middle:.1%}, the network knows {low:.0%} to {high:.0%}: another camera, "
        "another scale (--diameter) or a threshold that does not fit (chapter 11)"
    )
    chinese = (
        f"这 {len(shares)} 张照片里，血管占比的中位数是 {middle:.1%}，网络熟悉的是 "
        f"{low:.0%}～{high:.0%}：可能是相机不同、尺度不对（--diameter）或阈值不合适"
        "（第 11 章）"
    )
    return [places.pick((english, chinese))]
