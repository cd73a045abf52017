"""The "you are here" strip of every chapter: its words, and a picture with the U.

python -m notebooks.tools.strip     draw strips/NN.png anew (after a chapter joined)
"""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path

PICTURES = Path(__file__).resolve().parent / "strips"
CHAPTERS = {  # number: name in English, in Chinese
    "01": ("first look", "初次上手"),
    "02": ("PyTorch", "PyTorch"),
    "03": ("the paper", "论文"),
    "04": ("data", "数据"),
    "05": ("pre-processing", "预处理"),
    "06": ("augmentation", "数据增强"),
    "07": ("network", "网络"),
    "08": ("training", "训练"),
    "09": ("results", "结果"),
    "10": ("the paper's own way", "论文自己的做法"),
    "11": ("your images", "自己的图像"),
    "12": ("what matters", "什么最重要"),
    "13": ("scaling up", "扩大规模"),
    "14": ("your turn", "轮到你了"),
}
LEAD = {"en": "**You are here**", "zh": "**你在这里**"}
ALT = {
    "en": "The chapters in a row, with the U-Net between 06 and 08; marked is",
    "zh": "各章排成一行，06 与 08 之间是 U-Net；标出的是",
}
IN_THE_U = ("03", "07", "10")  # these stand below the U, the others in a row


def with_strip(text: str, number: str, language: str) -> str:
    """Put strip and picture behind the lead-in where it stands alone on a line."""
    lead = LEAD[language]
    if lead not in text.splitlines():
        return text
    drawn = PICTURES / f"{number}.png"
    if number not in CHAPTERS or not drawn.is_file():
        raise ValueError(
            f"chapter {number} has no strip; put its names into CHAPTERS of "
            "notebooks/tools/strip.py, then run python -m notebooks.tools.strip"
        )
    names = {n: f"{n} {both[language == 'zh']}" for n, both in CHAPTERS.items()}
    words = " > ".join(f"**{v}**" if n == number else v for n, v in names.items())
    data = base64.b64encode(drawn.read_bytes()).decode()
    picture = f"![{ALT[language]} {names[number]}](data:image/png;base64,{data})"
    return "\n".join(
        f"{lead} {words}\n\n{picture}" if line == lead else line
        for line in text.splitlines()
    )


def draw(number: str) -> None:
    """Draw the strip of one chapter: the way of an image, with the U in its middle."""
    import io

    import numpy as np
    import torch
    from matplotlib import pyplot as plt
    from PIL import Image

    from helpers import figures, unet

    before = [n for n in CHAPTERS if n not in IN_THE_U and n < "07"]
    after = [n for n in CHAPTERS if n not in IN_THE_U and n > "07"]
    row, k_left = [*before, *after], len(before)
    xs = [*np.linspace(0.38, 3.72, k_left), *(5.78 + 0.82 * np.arange(len(after)))]
    wide = xs[-1] + 0.4  # inches
    fig = plt.figure(figsize=(wide, 1.15), dpi=100)
    ax = fig.add_axes((0, 0, 1, 1))
    places = dict(zip([*row, *IN_THE_U], [*xs, 4.28, 4.72, 5.16], strict=True))
    for n, x in places.items():
        y = 0.14 if n in IN_THE_U else 0.68
        width = 0.36 if n in IN_THE_U else 0.44
        here = {"facecolor": figures.ORANGE if n == number else "#EEEEEE"}
        ax.add_patch(plt.Rectangle((x - width / 2, y - 0.11), width, 0.22, **here))
        ax.text(x, y - 0.01, n, ha="center", va="center", fontsize=9)
        if n not in IN_THE_U:
            ax.text(x, y - 0.32, CHAPTERS[n][0], ha="center", fontsize=8)
    between = [*xs[:k_left], 4.72, *xs[k_left:]]
    for k, (a, b) in enumerate(pairwise(between)):
        left = 0.62 if k == k_left else 0.24
        right = 0.62 if k == k_left - 1 else 0.24
        arrow = {"arrowstyle": "->", "color": figures.GREY}
        ax.annotate("", (b - right, 0.68), (a + left, 0.68), arrowprops=arrow)
    ax.set(xlim=(0, wide), ylim=(0, 1.15))
    ax.axis("off")
    with torch.device("meta"):
        net = unet.UNet(widths=(16, 32, 64))
    middle = fig.add_axes((4.12 / wide, 0.28, 1.2 / wide, 0.7))
    figures.draw_unet(unet.trace(net, 64, 64), text=False, ax=middle)
    raw = io.BytesIO()
    fig.savefig(raw, format="png")
    plt.close(fig)
    PICTURES.mkdir(exist_ok=True)
    picture = Image.open(raw).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    picture.save(PICTURES / f"{number}.png", optimize=True)


if __name__ == "__main__":
    for chapter in CHAPTERS:
        draw(chapter)
