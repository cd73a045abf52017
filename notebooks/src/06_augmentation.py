# %% [markdown] lang="en"
# # 06 Augmentation
#
# *How can a handful of photographs teach as if there were many, and what must move when
# the image moves?*

# %% [markdown] lang="zh" of="5828025a"
# # 06 数据增强
#
# *照片只有几张，怎样当许多张来用？图像动的时候，还有什么必须跟着动？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** move image, vessels and field of view together; turn,
# flip, scale and bend them; cut training patches; say how many examples your images
# really give.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** chapters 04 and 05; tensors from chapter 02.
#
# **You are here**

# %% [markdown] lang="zh" of="4fe0afa2"
# **学完这一章你能** 让图像、血管标签和视野 (FOV) 一起动；旋转、翻转、缩放、弯曲它们；切出训练用的图像块 (patch)；说清手里的图像到底能给出多少样本。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** 第 04、05 章；第 02 章的张量。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import math
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from helpers import figures, metrics, preprocess
from helpers.augment import centre_crop

# %% [markdown] lang="en"
# A network that sees the same few eyes for thousands of steps learns them by heart.
# **Data augmentation** shows it each eye in another pose every time: turned, mirrored,
# a little larger, a little bent, under another lamp, through another lens. The U-Net paper calls this
# essential where annotated images are few; it had thirty.
#
# We start from the training images, enhanced and standardised as in chapter 05: one
# channel, which is easy to look at. All that follows moves the four of `prepare` alike.

# %% [markdown] lang="zh" of="66fe898d"
# 网络如果几千步里只看同样的几只眼睛，就会把它们背下来。**数据增强 (data augmentation)** 让每只眼睛每次都换一个姿势：转一转、翻一翻、放大一点、弯一点、换一种光照、换一个镜头。U-Net 论文说，标注图像很少时这是必不可少的，它自己只有 30 张。注意和图像增强区分：第 05 章的 CLAHE 才是图像增强。
#
# 先取训练图像，按第 05 章的办法增强并标准化 (standardization)：只用一个通道，便于观察。下面的做法，对 `prepare` 的四个通道完全一样。

# %%
eyes = course.load("train")
eye = eyes[0]  # the one to look at
prepared = [preprocess.enhance(x.image) for x in eyes]
standardise = preprocess.fit_standardisation(prepared, [x.fov for x in eyes])
inputs = [standardise(x) for x in prepared]
patch_size = course.config.patch_size
print(f"{len(inputs)} images {inputs[0].shape}, patches of {patch_size} × {patch_size}")
# zh: print(f"{len(inputs)} 幅图像 {inputs[0].shape}，图像块 {patch_size} × {patch_size}")

# %% [markdown] lang="en" minutes="4"
# ## What happens to a label that stays behind
#
# Mirror the image and forget the label. Each vessel of the image now lies where the
# label knows nothing of it. The next cell compares the old label with the right one, the
# mirrored one.

# %% [markdown] lang="zh" of="57cd74fb"
# ## 标签没有跟着动会怎样
#
# 把图像左右翻转，却忘了标签。现在图像里的血管和标签对不上了。下一个单元格把旧标签和正确的标签（翻转后的标签）相比。


# %%
def mirrored(x):
    return x[..., ::-1]


def dice(pred, vessels, fov):
    return metrics.scores(metrics.count(pred, vessels, fov))["dice"]


behind = [dice(x.vessels, mirrored(x.vessels), mirrored(x.fov)) for x in eyes]
print(f"{len(behind)} old labels compared with the right ones")
# zh: print(f"比较了 {len(behind)} 张旧标签和正确的标签")

# %% [markdown] lang="en"
# **Guess 6.1** What is the Dice of the old label against the right one, as a mean over
# the eyes? (Chapter 04: 1 where two labels are equal, 0 where they share nothing.)

# %% [markdown] lang="zh" of="7b1a24ad"
# **猜一猜 6.1** 旧标签和正确的标签之间，Dice 系数（各只眼睛取平均）是多少？（第 04 章：完全相同得 1，毫无重合得 0。）

# %%
guess = None  # your guess: Dice of the label that stayed behind
# zh: guess = None  # 你的猜测：没有跟着动的标签的 Dice

lesson.ask("06.1", guess, float(np.mean(behind)))

# %% tags=["answer"]
share = sum(x.vessels[x.fov].sum() for x in eyes) / sum(x.fov.sum() for x in eyes)
print(f"label left behind: Dice {np.mean(behind):.3f}; vessels hold {share:.3f}")
# zh: print(f"没有动的标签：Dice {np.mean(behind):.3f}；血管像素占 {share:.3f}")
lesson.contract("06.behind", float(np.mean(behind)), course)

# %% fold="Draw the label that stayed behind" fold_zh="画出没有动的标签" tags=["answer"]
flipped = np.ascontiguousarray(mirrored(eye.image))
panels = [
    figures.overlay(flipped, eye.vessels, figures.ORANGE),
    figures.error_map(eye.vessels, mirrored(eye.vessels), mirrored(eye.fov)),
]
figures.show_images(panels, ["label left behind", "both labels"], size=3.2)
figures.show(
    "Left the mirrored eye with its old label in orange, beside the vessels. Right both "
    "labels, orange and blue; white specks where they cross, few and short."
)
# zh: figures.show(
# zh:     "左图是翻转后的眼底，橙色的旧标签不在血管上。右图是两张标签，橙色和蓝色；"
# zh:     "只有交叉处有少量白色短点。"
# zh: )

# %% [markdown] lang="en"
# (With DRIVE, image: DRIVE, Staal et al. 2004.)
#
# Left, the mirrored image under the old label. Right, the old label in orange, the right
# one in blue, and white where they meet: about as often as chance has it. The Dice is
# close to the share of vessel pixels, which is the Dice of two drawings that know
# nothing of each other. Nothing raises an error: shapes and values are right.
#
# What does a network learn from such pairs? That looking does not help. Its best answer
# is the same probability everywhere, the share $s$ of vessel pixels, and its loss comes
# to rest at the **entropy** of this share:
#
# $$-s \ln s - (1 - s) \ln (1 - s)$$

# %% [markdown] lang="zh" of="c860aeeb"
# （使用 DRIVE 时，图像来自 DRIVE, Staal et al. 2004。）
#
# 图中文字：label left behind 没有动的标签 · both labels 两张标签叠在一起 · 橙色 没有动的 · 蓝色 正确的 · 白色 重合。
#
# 左边是翻转后的图像和旧标签。右边橙色是旧标签，蓝色是正确的标签，白色是重合处：和碰运气差不多。Dice 接近血管像素占比：两张毫不相干的标签，Dice 也差不多就是这个占比。程序不会报错：形状和取值都对。
#
# 网络从这样的数据里学到什么？学到看图没有用。它最好的回答是处处给同一个概率，也就是血管像素占比 $s$，损失就停在这个占比的**熵** (entropy)：
#
# $$-s \ln s - (1 - s) \ln (1 - s)$$

# %%
loss = -share * math.log(share) - (1 - share) * math.log(1 - share)
print(f"cross-entropy of saying {share:.3f} at every pixel: {loss:.3f}")
# zh: print(f"每个像素都回答 {share:.3f}，交叉熵是 {loss:.3f}")
lesson.contract("06.entropy", loss, course)

# %% [markdown] lang="en"
# Remember the number: in chapters 07 and 08, a cross-entropy that rests on it means that
# images and labels do not belong together.

# %% [markdown] lang="zh" of="b5208e5a"
# 记住这个数：在第 07、08 章里，交叉熵 (cross-entropy) 如果停在这里，就说明图像和标签对不上。

# %% [markdown] lang="en" minutes="10"
# ## Eight views for nothing
#
# A square patch has eight symmetries: four quarter turns, each with or without a flip.
# They only move pixels to other places, so not one value changes. This is `d4` in
# [helpers/augment.py](../helpers/augment.py), named after the mathematicians' dihedral
# group of the square.

# %% [markdown] lang="zh" of="f4fe9cdf"
# ## 白得的八个视角
#
# 正方形图像块有八种对称：四个 90 度旋转，每个再配上翻转或不翻转。它们只是给像素换位置，一个数值都不变。这就是 [helpers/augment.py](../helpers/augment.py) 里的 `d4`，名字来自数学里正方形的二面体群 (dihedral group)。

# %% tags=["show-source"]
from helpers.augment import d4

# %% [markdown] lang="en"
# We cut a window with many vessels and show all eight, with the label painted in blue.
# From here on image, vessels and FOV are tensors (B, C, H, W).

# %% [markdown] lang="zh" of="ddc16a2e"
# 切一块血管很多的窗口，把八个视角都画出来，标签涂成蓝色。从这里开始，图像、血管标签和视野都是张量 (B, C, H, W)。

# %%
def as_batch(x):
    """Turn a (C, H, W) array into a (1, C, H, W) float tensor."""
    return torch.from_numpy(np.asarray(x, dtype=np.float32))[None]


def grey(image):
    """Bring a standardised (1, H, W) image to 0..1, in 20 steps (a small file)."""
    return ((image / 6 + 0.5).clip(0, 1) * 20).round() / 20


def painted(image, vessels):
    """Draw a standardised (1, 1, H, W) image with its label in blue."""
    colours = np.asarray(grey(image[0])).repeat(3, axis=0)
    return figures.overlay(colours, vessels[0].numpy() > 0.5)


window = 2 * patch_size
density = functional.avg_pool2d(as_batch(eye.vessels), window, stride=8)[0, 0]
row, column = (8 * k for k in divmod(int(density.argmax()), density.shape[1]))
here = np.s_[:, row : row + window, column : column + window]
image, vessels, fov = (as_batch(x[here]) for x in (inputs[0], eye.vessels, eye.fov))
sums = [round(float(d4(image, k).double().sum()), 3) for k in range(8)]
print(f"eight views, {len(set(sums))} sum of all pixels: {sums[0]:.2f}")
# zh: print(f"八个视角，像素之和只有 {len(set(sums))} 个值：{sums[0]:.2f}")

# %% fold="Draw the eight views" fold_zh="画出八个视角"
views = [painted(d4(image, k), d4(vessels, k)) for k in range(8)]
figures.show_images(views, [f"k = {k}" for k in range(8)], size=1.6)
figures.show(
    "Eight views of one window, k = 0 to 7: four quarter turns above, the same four "
    "flipped below; the blue label lies on the vessels in each."
)
# zh: figures.show(
# zh:     "同一个窗口的八个视角，k 从 0 到 7：上排是四个 90 度旋转，下排再左右翻转；"
# zh:     "每一幅里，蓝色标签都落在血管上。"
# zh: )

# %% [markdown] lang="en"
# May we do this? Hardly anybody photographs an eye upside down. But a vessel upside down is
# still a vessel, so the answer at each pixel moves along and stays true. That is the
# rule: **an augmentation is allowed if it does not change the answer**. Asked "left eye
# or right eye?", a network must never be trained with flips.
#
# **Exercise 6.2** A trained network can look at all eight views of an image (an extra
# task of chapter 09), and its eight answers have to be turned back. Write `undo(x, k)`,
# so that `undo(d4(x, k), k)` is `x`.

# %% [markdown] lang="zh" of="b7ca127d"
# 图中文字：k 是 d4 的编号。
#
# 这样做可以吗？很少有人倒着拍眼底。但倒过来的血管还是血管，每个像素的答案跟着一起移动，仍然正确。规则就是：**不改变答案的增强才允许用**。如果问题是“左眼还是右眼”，训练时就绝不能翻转。
#
# **练习 6.2** 训练好的网络可以把一张图像的八个视角都看一遍（第 09 章的选做题），再把八个预测变换回来。写 `undo(x, k)`，使 `undo(d4(x, k), k)` 等于 `x`。


# %% tags=["exercise"]
def undo(x, k):
    return None  # your code here: torch.rot90(x, ..., dims=(-2, -1)), x.flip(-1)
    # zh: return None  # 在这里写代码：torch.rot90(x, ..., dims=(-2, -1))，x.flip(-1)


undo = lesson.exercise("06.2", undo)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# `d4` turns, then perhaps flips. To undo, take the last step back first: flip, then turn
# the other way. A flip undoes itself.
#
# {{solution 06.2}}
#
# In `helpers/augment.py` this is `undo_d4`. Doing `d4(x, k)` twice also gives `x` for six
# of the eight, so a careless test does not catch that mistake.
#
# </details>

# %% [markdown] lang="zh" of="e4502958"
# <details><summary>参考答案</summary>
#
# `d4` 先转，再决定翻不翻。撤销时先退最后一步：先翻回来，再反方向转。翻转做两次就是原样。
#
# {{solution 06.2}}
#
# 在 `helpers/augment.py` 里这个函数叫 `undo_d4`。把 `d4(x, k)` 做两次，八种里有六种也能得到 `x`，所以粗心的测试发现不了这个错误。
#
# </details>

# %%
back = [torch.equal(undo(d4(image, k), k), image) for k in range(8)]
print(f"{sum(back)} of 8 views came back unchanged")
# zh: print(f"8 个视角里有 {sum(back)} 个原样转回")

# %% [markdown] lang="en" minutes="9"
# ## Any angle: each pixel asks where to look
#
# A turn by 15 degrees does not take pixels to pixels. So we ask the other way round:
# for each pixel of the **new** patch, where in the old image does it look? That place
# lies between four pixels, and its value is interpolated. PyTorch's `grid_sample` does
# it, given the places in its own unit: the whole image reaches from −1 to 1 along each
# axis, and a place is written (x, y), the column first.
#
# **Exercise 6.3** Write `as_grid(row, column, height, width)`: a displacement in pixels
# becomes the pair (x, y) for `grid_sample`. With `align_corners=False`, −1 and 1 are the
# outer rims of the first and the last pixel. How large is 10 px to the right in an image
# of 128 × 128?

# %% [markdown] lang="zh" of="4924733d"
# ## 任意角度：每个新像素到哪里取值
#
# 旋转 15 度，旧像素不会正好落在新像素的位置上。所以反过来问：**新**图像块的每个像素，要到旧图像的哪里取值？那个位置在四个像素之间，数值由插值得到。PyTorch 的 `grid_sample` 做这件事，但位置要用它自己的单位：整幅图沿每个轴从 −1 到 1，写成 (x, y)，列在前。
#
# **练习 6.3** 写 `as_grid(row, column, height, width)`：把以像素为单位的位移换成 `grid_sample` 用的 (x, y)。`align_corners=False` 时，−1 和 1 是第一个和最后一个像素的外缘。在 128 × 128 的图像里，向右 10 px 是多少？


# %% tags=["exercise"]
def as_grid(row, column, height, width):
    return None  # your code here: (x, y)
    # zh: return None  # 在这里写代码：(x, y)


as_grid = lesson.exercise("06.3", as_grid)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# From −1 to 1 is 2, so one pixel is 2 / width along x and 2 / height along y. Ten pixels
# of 128 are 0.15625. Whoever adds 10 asks for a place five image widths away.
#
# {{solution 06.3}}
#
# </details>

# %% [markdown] lang="zh" of="e64b9a48"
# <details><summary>参考答案</summary>
#
# 从 −1 到 1 是 2，所以一个像素沿 x 是 2 / width，沿 y 是 2 / height。128 里的 10 个像素是 0.15625。直接加 10，取的就是五个图像宽度以外的值。
#
# {{solution 06.3}}
#
# </details>

# %% [markdown] lang="en"
# Test it on a slope, where columns and rows cannot be mixed up unnoticed: each pixel of
# this image holds its own column number. PyTorch's `functional.affine_grid` lists the
# places; with the identity matrix each pixel looks at itself. Looking 10 px to the right
# must give 10 more.

# %% [markdown] lang="zh" of="4b835050"
# 用一个斜坡来检验，行列弄反立刻看得出来，用照片就看不出来：这张图像的每个像素存的就是自己的列号。PyTorch 的 `functional.affine_grid` 列出取值的位置；给它单位矩阵，每个像素取的就是自己。向右看 10 px，数值应当大 10。

# %%
slope = torch.arange(128.0).expand(1, 1, 128, 128)
still = functional.affine_grid(torch.eye(2, 3)[None], [1, 1, 128, 128], False)
grid = still + torch.tensor(as_grid(0, 10, 128, 128))
looked = functional.grid_sample(slope, grid, align_corners=False)
lesson.contract("06.slope", (slope[0, 0, 64, 64].item(), looked[0, 0, 64, 64].item()))

# %% [markdown] lang="en"
# `warp` does this for a whole field of places, given in pixels from the centre:

# %% [markdown] lang="zh" of="5b2c52dc"
# `warp` 就是这件事，只是一次处理整片位置；位置以像素为单位，从图像中心算起：

# %% tags=["show-source"]
from helpers.augment import warp

# %% [markdown] lang="en" minutes="5"
# ## A label is not a photograph
#
# Between a vessel and the background a photograph may take any value. A label may not.
# The next cell turns the label of a whole eye by 15 degrees, with **bilinear**
# interpolation and with the value of the **nearest** pixel. Bilinear values between 0
# and 1 have to become yes or no again: vessel above 0.5, or vessel above 0. (`turn` counts
# rows and columns from the centre and turns them with the formulas of a rotation.)

# %% [markdown] lang="zh" of="79b5c06a"
# ## 标签不是照片
#
# 在血管和背景之间，照片可以取任何中间值，标签不行。下一个单元格把整只眼睛的标签旋转 15 度，一种用**双线性插值** (bilinear interpolation)，一种取**最近邻** (nearest) 像素的值。双线性得到的 0 和 1 之间的值，还要变回是或不是：大于 0.5 算血管，或者大于 0 就算血管。（`turn` 从中心数行和列，再用旋转公式把它们转过去。）


# %%
def turn(degrees, size):
    """Say where each pixel of a turned (size, size) patch looks: (1, size, size, 2)."""
    angle, axis = math.radians(degrees), torch.arange(size) - (size - 1) / 2
    row, column = torch.meshgrid(axis, axis, indexing="ij")
    new_row = math.cos(angle) * row - math.sin(angle) * column
    new_column = math.sin(angle) * row + math.cos(angle) * column
    return torch.stack([new_row, new_column], -1)[None]


label = as_batch(eye.vessels)
offsets = turn(15, min(label.shape[-2:]))
soft = warp(label, offsets, "bilinear")
turned = {
    "nearest": warp(label, offsets, "nearest"),
    "bilinear, > 0.5": (soft > 0.5).float(),
    "bilinear, > 0": (soft > 0).float(),
}
print(f"turned in {len(turned)} ways: {' | '.join(turned)}")
# zh: print(f"用 {len(turned)} 种办法转好：{' | '.join(turned)}")

# %% [markdown] lang="en"
# **Guess 6.4** Call every pixel vessel that is above 0. By which factor does the vessel
# area grow?

# %% [markdown] lang="zh" of="b87d6330"
# **猜一猜 6.4** 把大于 0 的像素都算作血管，血管面积会变成原来的几倍？

# %%
guess = None  # your guess: a factor
# zh: guess = None  # 你的猜测：几倍

lesson.ask("06.4", guess, float(turned["bilinear, > 0"].sum() / label.sum()))

# %% tags=["answer"]
between = ((soft > 0) & (soft < 1)).sum() / (soft > 0).sum()
print(f"after bilinear, {between:.0%} of the pixels above 0 are neither 0 nor 1")
# zh: print(f"双线性插值后，大于 0 的像素里有 {between:.0%} 既不是 0 也不是 1")
num_before = ndimage.label(eye.vessels[0], np.ones((3, 3)))[1]
for name, result in turned.items():
    area = result.sum() / label.sum()
    num_pieces = ndimage.label(result[0, 0].numpy(), np.ones((3, 3)))[1]
    print(f"{name:15s} area × {area:.3f}, pieces {num_before} -> {num_pieces}")
    # zh: print(f"{name:15s} 面积 × {area:.3f}，连通块 {num_before} -> {num_pieces}")
lesson.contract("06.nearest", float(turned["nearest"].sum() / label.sum()))

# %% fold="Draw a thin vessel, turned in three ways" fold_zh="画出细血管的三种转法" tags=["answer"]
rim = ((soft > 0) & (soft < 1)).float() - (soft == 1).float()  # most on thin vessels
share_of_rim = functional.avg_pool2d(rim, 40, stride=4)[0, 0]
top, left = (4 * k for k in divmod(int(share_of_rim.argmax()), share_of_rim.shape[1]))
near = np.s_[0, 0, top : top + 40, left : left + 40]
panels = [x[near] for x in (turned["nearest"], soft, turned["bilinear, > 0"])]
figures.show_images(panels, ["nearest", "bilinear", "bilinear, > 0"], columns=3)
figures.show(
    "Thin vessels after the turn. Nearest: black and white, jagged, with gaps. "
    "Bilinear: soft grey rims. Above 0: black and white again, but thicker."
)
# zh: figures.show(
# zh:     "转过之后的细血管。最近邻：非黑即白，锯齿明显，有断口。双线性：边缘是灰的。"
# zh:     "取大于 0：又是非黑即白，但变粗了。"
# zh: )
print(f"values: nearest {turned['nearest'].unique().tolist()}, bilinear ", end="")
# zh: print(f"取值：最近邻 {turned['nearest'].unique().tolist()}，双线性有 ", end="")
print(f"{len(soft.unique())} different ones")
# zh: print(f"{len(soft.unique())} 种")

# %% [markdown] lang="en"
# A soft label may tell the loss that a rim pixel is 40% vessel, which no annotator said; with
# `> 0` all vessels swell. **Nearest** keeps 0 and 1 and the area. It is not free of
# harm: compare the numbers of connected pieces. A vessel one or two pixels wide breaks where the
# turned grid steps over it. (How many pieces depends on the labels: on the first eye of DRIVE, with its
# many thin vessels, 19 become over a hundred; on a phantom, with few, a handful.) So images go
# through `warp` with `"bilinear"`, labels with `"nearest"`.

# %% [markdown] lang="zh" of="6487b1dc"
# 图中文字：nearest 最近邻 · bilinear 双线性 · bilinear, > 0 双线性后取大于 0。
#
# 软标签等于告诉损失函数，边上的像素有四成是血管，可没有哪位标注者这样说过；取 `> 0` 则让所有血管都变粗。**最近邻** (nearest) 保住了 0 和 1，也保住了面积。它也不是毫无代价：比较一下连通块的个数。一两个像素宽的血管，采样点恰好跳过它的地方，就断了。（断成几块要看标签：DRIVE 第一只眼睛的细血管多，19 块变成一百多块；仿真眼底图的细血管少，只断成几块。）所以调用 `warp` 时，图像用 `"bilinear"`，标签用 `"nearest"`。

# %% [markdown] lang="en" minutes="4"
# ## Flip, turn and scale at random
#
# The course's own `affine_grid` (not PyTorch's, of the same name) does what `turn` did
# above, with an angle, a scale and a flip drawn anew for each patch. The three make a 2×2
# matrix a patch, and `@ matrix.mT` multiplies each (row, column) by it. All randomness
# comes from one `generator`: the same seed, the same patches.

# %% [markdown] lang="zh" of="44e314a4"
# ## 随机翻转、旋转、缩放
#
# 课程自己的 `affine_grid`（不是 PyTorch 里同名的那个）做的就是上面 `turn` 做的事，只是每个图像块都重新抽一个角度、一个比例，再抽要不要翻转。三者合成每块一个 2×2 矩阵，`@ matrix.mT` 用它乘每个（行，列）。所有随机数都来自同一个 `generator`：种子相同，图像块就相同。

# %% tags=["show-source"]
from helpers.augment import uniform, affine_grid

# %%
grids = affine_grid(4, patch_size, torch.Generator().manual_seed(3))
draws = [
    painted(warp(image, p[None], "bilinear"), warp(vessels, p[None], "nearest"))
    for p in grids
]
step = (grids[:, 0, 1] - grids[:, 0, 0]).norm(dim=-1)
print("old pixels per new pixel:", ", ".join(f"{s:.2f}" for s in step))
# zh: print("每个新像素对应几个旧像素", "，".join(f"{s:.2f}" for s in step))

# %% fold="Show the four draws" fold_zh="看这四次抽取"
figures.show_images(draws, [f"draw {k}" for k in range(1, 5)], size=1.9)
figures.show(
    "Four patches from one window, each turned, scaled and perhaps flipped in another "
    "way; the blue label follows the vessels in each."
)
# zh: figures.show(
# zh:     "同一个窗口切出的四个图像块，角度、比例、翻转各不相同；"
# zh:     "每一幅里，蓝色标签都跟着血管。"
# zh: )

# %% [markdown] lang="en"
# The number says the scale: above 1 the patch shows more of the eye, so vessels look
# thinner.

# %% [markdown] lang="zh" of="d51a219a"
# 图中文字：draw 第几次抽取。
#
# 打印的数字就是比例：大于 1 时，图像块里看到的眼底更多，血管显得更细。

# %% [markdown] lang="en" minutes="4"
# ## Bend it: the elastic grid of the U-Net paper
#
# Tissue is soft, so the paper also bends its images. Drawing a random vector for each
# pixel would tear them to dust. Instead it draws vectors on a coarse grid of 3×3
# points, normally distributed with a standard deviation of 10 px, and enlarges this to
# one vector per pixel by **bicubic** interpolation (section 3.1 of the paper).

# %% [markdown] lang="zh" of="dffa318a"
# ## 弯一弯：U-Net 论文的弹性网格
#
# 组织是软的，所以论文还把图像弯一弯，叫弹性形变 (elastic deformation)。如果每个像素各抽一个向量，图像会碎成粉末。论文的办法是：在 3×3 个点的粗网格上抽向量，正态分布，标准差 10 px，再用**双三次插值** (bicubic interpolation) 放大成每个像素一个向量，得到位移场 (displacement field)（论文 3.1 节）。

# %% tags=["show-source"]
from helpers.augment import elastic_displacement

# %% fold="Draw the nine vectors and those between them" fold_zh="画出九个向量和它们之间的向量"
seed_1 = torch.Generator().manual_seed(1)
field = elastic_displacement(1, patch_size, seed_1)[0].numpy()
fig, ax = plt.subplots(figsize=(4.4, 4.4), dpi=figures.DPI)
for num, colour, thick in ((13, figures.BLUE, 0.004), (3, figures.RED, 0.012)):
    at = np.linspace(0, patch_size - 1, num).round().astype(int)
    arrows = field[np.ix_(at, at)]
    x, y = np.meshgrid(at, at)
    ax.quiver(
        x, y, arrows[..., 1], arrows[..., 0],
        color=colour, width=thick, angles="xy", scale_units="xy", scale=1,
    )  # fmt: skip
ax.set(xlabel="column", ylabel="row")
ax.margins(0.15)
ax.invert_yaxis()
ax.set_aspect("equal")
lengths = np.linalg.norm(field[np.ix_(at, at)], axis=-1)
figures.show(
    "Arrows on a patch: nine thick red ones on a grid of 3 × 3, in random directions, "
    "and between them many thin blue ones that turn smoothly from one to the next."
)
# zh: figures.show(
# zh:     "图像块上的箭头：3 × 3 网格上九个红色粗箭头，方向随机；"
# zh:     "它们之间有许多蓝色细箭头，方向平滑地过渡。"
# zh: )
print(f"nine red vectors, {lengths.min():.1f} to {lengths.max():.1f} px long")
# zh: print(f"九个红色向量，长 {lengths.min():.1f}～{lengths.max():.1f} px")

# %% [markdown] lang="en"
# Nine vectors are random, all others lie smoothly between them. Now on a lattice of
# straight lines, where the eye sees every bend, and on the patch: the course's setting
# (4 px), the paper's (10 px), and the dust (10 px for each pixel by itself).

# %% [markdown] lang="zh" of="bf69a5ff"
# 图中文字：column 列 · row 行 · 红色 九个随机向量 · 蓝色 插值得到的向量。
#
# 只有九个向量是随机的，其余都平滑地夹在它们之间。下面画在直线网格上，每个弯都看得清楚；再画在图像块上：课程的设置 (4 px)、论文的设置 (10 px)，还有粉末（每个像素各自 10 px）。

# %%
lattice = torch.zeros_like(image)
lattice[..., :: patch_size // 8, :] = 1
lattice[..., :, :: patch_size // 8] = 1
rest = turn(0, patch_size)
bends = {"still": 0 * rest}
for name, sd in (("4 px", 4.0), ("10 px", 10.0)):
    generator = torch.Generator().manual_seed(5)
    bends[name] = elastic_displacement(1, patch_size, generator, sd)
bends["10 px, each alone"] = 10 * torch.randn(rest.shape, generator=generator)
for name, bend in bends.items():
    apart = (bend[:, :, 1:] - bend[:, :, :-1]).abs().median()
    print(f"{name:18s} neighbours move apart by {apart:.2f} px (median)")
    # zh: print(f"{name:18s} 相邻像素的位移相差 {apart:.2f} px（中位数）")

# %% fold="Draw the lattice and the patch, bent" fold_zh="画出弯过的网格和图像块"
lines = [warp(lattice, rest + b, "bilinear")[0, 0] for b in bends.values()]
eyes_bent = [
    painted(warp(image, rest + b, "bilinear"), warp(vessels, rest + b, "nearest"))
    for b in bends.values()
]
figures.show_images(lines + eyes_bent, list(bends) + [""] * 4, size=1.9)
figures.show(
    "Above a lattice of lines, below the patch with its label. Still: straight. 4 px: "
    "gently curved. 10 px: strongly curved. 10 px for each pixel alone: dust, neither "
    "lines nor vessels are left."
)
# zh: figures.show(
# zh:     "上排是直线网格，下排是图像块和标签。不动：笔直；4 px：微微弯曲；"
# zh:     "10 px：弯得厉害；每个像素各自 10 px：碎成粉末，看不出直线，也看不出血管。"
# zh: )

# %% [markdown] lang="en"
# Neighbours that move together keep a vessel a vessel. The paper's tile is 572 px wide.
# On a much smaller patch the same 10 px bend more sharply than any eye does, so the
# course uses 4 px.

# %% [markdown] lang="zh" of="c7a5f4cb"
# 图中文字：still 不动 · each alone 每个像素各自抽。
#
# 相邻的像素一起移动，血管才还是血管。论文的输入分块宽 572 px。在小得多的图像块上，同样的 10 px 弯得比任何眼底都厉害，所以课程用 4 px。

# %% [markdown] lang="en" minutes="3"
# ## Another lamp, another lens
#
# The next patient is lit differently: `random_grey` changes contrast and brightness of
# the image. The next camera is more or less sharp: `random_sharpness` takes the details,
# which are what a blurred copy lacks, and adds some more of them or takes some away. The
# label does not change: a vessel under another lamp stays where it is.

# %% [markdown] lang="zh" of="4808618d"
# ## 换一种光照，换一个镜头
#
# 换一位患者，光照就不一样：`random_grey` 改变图像的对比度和亮度。换一台相机，清晰度也不一样：图像减去它模糊后的样子，剩下的就是细节，`random_sharpness` 把细节加强一些，或者减弱一些。标签不变：换了光照，血管还在原处。

# %% tags=["show-source"]
from helpers.augment import random_grey, random_sharpness

# %% fold="Draw three lamps and three lenses" fold_zh="画出三种光照和三个镜头"
seed_20 = torch.Generator().manual_seed(20)
lit = [image] + [random_grey(image, seed_20) for _ in range(3)]
seen = [image] + [random_sharpness(image, seed_20) for _ in range(3)]
steps = [(x[..., 1:] - x[..., :-1]).std().item() for x in seen]
titles = [f"mean {x.mean():+.2f}, sd {x.std():.2f}" for x in lit]
titles += [f"steps of {s:.2f}" for s in steps]
figures.show_images([grey(x[0])[0] for x in lit + seen], titles, columns=4, size=1.9)
figures.show(
    "Two rows of four; on the left the original. Above, three lamps: brighter or darker, "
    "stronger or paler. Below, three lenses: sharper or softer."
)
# zh: figures.show(
# zh:     "两排，每排四幅，最左边是原图。上排是三种光照：更亮或更暗，对比更强或更弱；"
# zh:     "下排是三个镜头：更锐利或更柔和。"
# zh: )
print(f"below, neighbours differ by {min(steps) / steps[0]:.1f} ", end="")
# zh: print(f"下排相邻像素之差，是原图的 {min(steps) / steps[0]:.1f}～", end="")
print(f"to {max(steps) / steps[0]:.1f} times what they did")
# zh: print(f"{max(steps) / steps[0]:.1f} 倍")

# %% [markdown] lang="en"
# On the left the original. Above, the order of any two pixels stays the same: AUC
# (chapter 05) would not notice. Below, neighbours come closer together or move apart.

# %% [markdown] lang="zh" of="06f7253b"
# 图中文字：mean 均值 · sd 标准差 · steps 相邻像素之差的标准差。
#
# 最左边是原图。上排里，任何两个像素的次序都不变，AUC（第 05 章）察觉不到；下排里，相邻像素的差变小或变大。

# %% [markdown] lang="en" minutes="3"
# ## All of it, in one step
#
# `augment` adds the affine and the elastic field and samples **once**. Two samplings in
# a row would blur twice and break thin vessels twice. One grid moves all three layers,
# so nothing can stay behind.

# %% [markdown] lang="zh" of="65a82099"
# ## 合起来，一步完成
#
# `augment` 把仿射和弹性两个位移场加起来，只采样**一次**。连着采样两次，图像要糊两次，细血管要断两次。三层用同一个网格，谁也不会落下。

# %% tags=["show-source"]
from helpers.augment import augment

# %% [markdown] lang="en"
# Why does it take windows *larger* than the patch? A turned square has its corners
# elsewhere. Cut the patch first and turn it then, and the corners must be made up. From
# a larger window they are real retina.

# %% [markdown] lang="zh" of="e6cd1b9c"
# 为什么要给它比图像块**更大**的窗口？正方形转过以后，四个角到了别处。如果先切后转，四个角只能编出来。从更大的窗口里取，四个角就是真实的视网膜。

# %% fold="Draw three patches in their window" fold_zh="画出窗口里的三个图像块"
fig, ax = plt.subplots(figsize=(3.8, 3.8), dpi=figures.DPI)
ax.imshow(painted(image, 0 * vessels), extent=(-1, 1, 1, -1))
outside = {}
for (degrees, factor), colour in {
    (0, 1.0): figures.SKY,
    (45, 1.0): figures.ORANGE,
    (45, 1.5): figures.RED,
}.items():
    spots = factor * turn(degrees, patch_size)[0]
    corners = torch.stack(
        [spots[0, 0], spots[0, -1], spots[-1, -1], spots[-1, 0], spots[0, 0]]
    )
    pose = f"{degrees} degrees, scale {factor}"
    y, x = corners.T / patch_size
    ax.plot(x, y, color=colour, label=pose, linewidth=2)
    outside[pose] = (spots.abs() > window / 2).any(-1).float().mean()
ax.set(xlim=(-1.15, 1.15), ylim=(1.15, -1.15), xlabel="patch widths")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25), fontsize=8, frameon=False)
figures.show(
    "A window with three squares around its centre: the patch as it is, turned by 45 "
    "degrees, and turned and half as large again; only the last one's corners stick out."
)
# zh: figures.show(
# zh:     "窗口正中有三个方框：不动的图像块，旋转 45 度的，旋转后再放大到 1.5 倍的；"
# zh:     "只有最后一个的四角伸出窗口。"
# zh: )
for pose, part in outside.items():
    print(f"{pose}: {part:.1%} of its pixels lie outside the window")
    # zh: print(f"{pose}：{part:.1%} 的像素在窗口外")

# %% [markdown] lang="en"
# A window of two patches leaves out the tips only, and those are mirrored.

# %% [markdown] lang="zh" of="001e3152"
# 图中文字：degrees 度 · scale 比例 · patch widths 以图像块宽度为单位。
#
# 窗口的边长取图像块的两倍，只有尖角落在外面，那里用镜像补上。

# %% [markdown] lang="en" minutes="9"
# ## Patches
#
# Training does not use whole images. `PatchBatches` draws an image, then a pixel inside
# its FOV, cuts the window around it and calls `augment`. (Each image gets a border of half
# a window; so the window that *begins* at a pixel's old row and column has that pixel in
# its middle.) It is an endless stream, decided by its seed alone: `__iter__` and `__next__`
# let a `for` loop or `next(...)` draw from it. Chapter 08 trains on it. `device` says where the images lie: on
# a GPU they are cut, turned and bent there, and only the few random numbers travel. Those
# are drawn on the CPU, so a seed means the same patches on every machine.

# %% [markdown] lang="zh" of="3d7959c6"
# ## 图像块
#
# 训练不用整幅图像。`PatchBatches` 先抽一张图像，再抽它 FOV 内的一个像素，以它为中心切出窗口，交给 `augment`。（每幅图像四周先补上半个窗口宽的边，所以从某个像素原来的行列号**开始**切，窗口的中心正好是这个像素。）这是一条没有尽头的数据流，完全由种子决定；有了 `__iter__` 和 `__next__`，就可以用 `for` 循环或 `next(...)` 从里面取。第 08 章就用它训练。`device` 说明图像放在哪里：放在 GPU 上，切窗口、旋转、弯曲都在那里完成，传过去的只有几个随机数。随机数在 CPU 上抽，所以同一个种子在每台机器上给出同样的图像块。

# %% tags=["show-source"]
from helpers.patches import PatchBatches

# %%
labels, fovs = [x.vessels for x in eyes], [x.fov for x in eyes]
batches = PatchBatches(inputs, labels, fovs, patch_size, 8, seed=0, augment=augment)
for name, x in zip(("image", "vessels", "fov"), next(batches), strict=True):
    print(f"{name:8s} {tuple(x.shape)} {x.dtype}")
in_fov = torch.cat([next(batches)[2] for _ in range(12)]).mean((1, 2, 3))
print(f"{(in_fov < 1).float().mean():.0%} of {len(in_fov)} patches cross the FOV's edge")
# zh: print(f"{len(in_fov)} 个图像块里，{(in_fov < 1).float().mean():.0%} 跨过视野边缘")

# %% [markdown] lang="en"
# Patches across the edge are wanted: the network has to learn that the bright rim of the
# FOV is no vessel. Outside the FOV no pixel counts in the loss (chapter 08).
#
# Does everything move together? We give the label in place of the image, too. If both
# went the same way, they still agree when they come out.

# %% [markdown] lang="zh" of="6da4ed52"
# 跨过边缘的图像块正是我们要的：网络必须学会，视野的边缘不是血管。FOV 以外的像素不计入损失（第 08 章）。
#
# 三层真的一起动了吗？我们把标签也当作图像交进去。如果走的是同一条路，出来时它们仍然一致。

# %%
def left_behind(image, vessels, fov, patch_size, generator):
    """Move the image and leave its labels: a fault, planted on purpose."""
    moved, _, _ = augment(image, vessels, fov, patch_size, generator)
    return moved, *centre_crop(image, vessels, fov, patch_size, generator)[1:]


def agreement(way):
    """Return the Dice of labels that went the way of the image, and of labels."""
    as_images = [x.astype(np.float32) for x in labels]
    stream = PatchBatches(as_images, labels, fovs, patch_size, 16, seed=0, augment=way)
    image_out, vessels_out, _ = next(stream)
    high, low = image_out.amax((1, 2, 3), True), image_out.amin((1, 2, 3), True)
    pred, truth = image_out > (high + low) / 2, vessels_out > 0.5
    return dice(pred.numpy(), truth.numpy(), np.ones(pred.shape, dtype=bool))


together = agreement(augment)
print(f"augment            Dice {together:.3f}")
print(f"label left behind  Dice {agreement(left_behind):.3f}")
# zh: print(f"标签没有跟着动     Dice {agreement(left_behind):.3f}")
lesson.contract("06.together", together, course)

# %% [markdown] lang="en"
# With `augment` they agree but for the rim, where bilinear and nearest differ. With the
# planted fault they do not. (A little more is left than in guess 6.1: where a patch is
# full of vessels both layers are, and more of them meet by chance.) Such a test takes a minute to write and guards the most
# expensive mistake of this chapter; the course has it among its tests.

# %% [markdown] lang="zh" of="ad54cc49"
# 用 `augment` 时两者一致，只有边缘处双线性和最近邻略有不同。故意放进错误以后就不一致了。（比猜一猜 6.1 里的略高：血管密的图像块，两层里都密，碰巧重合的就多一些。）这样的测试一分钟就能写好，防的却是本章代价最大的错误；课程自己的测试里也有它。

# %% [markdown] lang="en" minutes="1"
# ## A gallery
#
# Look at your batches before every training. Upper row: what the network sees. Lower
# row: vessels white, outside the FOV grey.

# %% [markdown] lang="zh" of="c876710f"
# ## 看一看
#
# 每次训练之前，都先看看自己的图像块。上排是网络看到的图像；下排白色是血管，灰色是视野外。

# %% fold="Draw a batch, as the network gets it" fold_zh="画出交给网络的一批图像块"
gallery = PatchBatches(inputs, labels, fovs, patch_size, 6, seed=4, augment=augment)
images_drawn, vessels_drawn, fovs_drawn = next(gallery)
upper = [grey(x)[0] for x in images_drawn]
truths = vessels_drawn.numpy() > 0.5, fovs_drawn.numpy() > 0.5
lower = [figures.error_map(v, v, f) for v, f in zip(*truths, strict=True)]
titles = [f"patch {k}" for k in range(1, 7)]
titles += [f"FOV {f.mean():.0%}" for f in fovs_drawn]
figures.show_images(upper + lower, titles, columns=6, size=1.6)
figures.show(
    "Six augmented patches above, their labels below: white vessels on black, and grey "
    "outside the field of view, which some patches cross."
)
# zh: figures.show(
# zh:     "上排是六个增强过的图像块，下排是它们的标签：黑底白血管，视野外是灰色，"
# zh:     "有几个图像块跨过视野边缘。"
# zh: )

# %% [markdown] lang="en"
# Does each label lie on its vessels? Do some patches cross the edge? Would you still take
# each of them for a piece of an eye? (The pictures have 20 grey steps: bands in bright areas
# come from that. A pale lamp hides thin vessels that the label still has.)

# %% [markdown] lang="zh" of="4c9b9dcc"
# 图中文字：patch 图像块 · FOV 视野所占的比例；上排是图像，下排是它的标签。
#
# 标签都落在血管上吗？有没有跨过边缘的图像块？每一块看起来还像眼底吗？（图只用了 20 级灰度，亮处的条带由此而来。抽到的对比度低时，标签里的细血管在图上会看不清。）

# %% [markdown] lang="en" minutes="4"
# ## How many examples are there, really?

# %% [markdown] lang="zh" of="41c366c9"
# ## 到底有多少样本

# %%
height, width = eye.vessels.shape[1:]
print(f"image {height} × {width}, patch {patch_size} × {patch_size}, {len(eyes)} images")
# zh: print(f"图像 {height} × {width}，图像块 {patch_size} × {patch_size}，共 {len(eyes)} 幅图像")

# %% [markdown] lang="en"
# **Guess 6.5** In how many places of **one** image can the patch be cut (unturned, whole
# pixels)?

# %% [markdown] lang="zh" of="ee8c0b22"
# **猜一猜 6.5** **一张**图像上，图像块有多少个位置可切（不旋转，按整像素移动）？

# %%
guess = None  # your guess: places in one image
# zh: guess = None  # 你的猜测：一幅图像里有几个位置

lesson.ask("06.5", guess, height, width, patch_size)

# %% [markdown] lang="en"
# **Guess 6.6** And how many patches fit into **all** training images without sharing a
# pixel?

# %% [markdown] lang="zh" of="4a927308"
# **猜一猜 6.6** 那么，**全部**训练图像里，最多能切出多少个互不重叠的图像块？

# %%
guess = None  # your guess: patches without a common pixel, all training images
# zh: guess = None  # 你的猜测：全部训练图像里互不重叠的图像块

lesson.ask("06.6", guess, height, width, patch_size, len(eyes))

# %% tags=["answer"]
places = (height - patch_size + 1) * (width - patch_size + 1)
disjoint = (height // patch_size) * (width // patch_size) * len(eyes)
num_drawn = course.config.steps * course.config.batch_size
times = num_drawn * patch_size**2 / (len(eyes) * height * width)
print(f"places in one image           {places:12,d}")
# zh: print(f"一幅图像里的位置              {places:12,d}")
print(f"in all, with eight symmetries {8 * places * len(eyes):12,d}")
# zh: print(f"全部图像，加上八种对称        {8 * places * len(eyes):12,d}")
print(f"without a common pixel        {disjoint:12,d}")
# zh: print(f"互不重叠                      {disjoint:12,d}")
print(f"eyes                          {len(eyes):12,d}")
# zh: print(f"眼睛                          {len(eyes):12,d}")
print(f"Training in this mode draws {num_drawn:,} patches, {times:.2g} times the area.")
# zh: print(f"这个模式的训练抽取 {num_drawn:,} 个图像块，是图像总面积的 {times:.2g} 倍。")

# %% [markdown] lang="en"
# All four numbers are true, and only the last one comes near to how many people the
# network has met. Augmentation teaches which changes do *not* matter: pose, size, light. It cannot
# invent a disease, a camera or an age that is not in the images.

# %% [markdown] lang="zh" of="abdb4b2f"
# 四个数都对，但只有最后一个接近网络见过的人数。数据增强教的是哪些变化**不**重要：姿势、大小、光照。图像里没有的疾病、相机和年龄，它变不出来。

# %% [markdown] lang="en" minutes="3"
# ## For training only
#
# Validation measures, so its images must not change from one look to the next. Take a
# fixed and simple rule, "darker means vessel", and measure its AUC (chapter 05) on the
# validation images: twice as they are, then on augmented patches with five seeds. (A
# sigmoid of the negative brings standardised values to 0..1, dark near 1, and keeps the
# order.)

# %% [markdown] lang="zh" of="72c7d6a3"
# ## 只用于训练
#
# 验证是用来测量的，所以每次看到的图像必须一样。取一条固定的简单规则“越暗越像血管”，在验证图像上量它的 AUC（第 05 章）：先按原样量两次，再在增强过的图像块上用五个种子各量一次。（标准化后的值取负，再过 sigmoid，就落在 0～1，暗的接近 1，次序不变。）

# %%
val = course.load("val")
val_inputs = [standardise(preprocess.enhance(x.image)) for x in val]
val_labels, val_fovs = [x.vessels for x in val], [x.fov for x in val]


def auc_of_dark(images, vessels, fovs):
    """Score "darker means vessel" over (1, H, W) arrays, all pixels in one pot."""
    tables = [
        metrics.histogram(1 / (1 + np.exp(x)), v, f)
        for x, v, f in zip(images, vessels, fovs, strict=True)
    ]
    return metrics.auc_roc(sum(tables))


plain = [auc_of_dark(val_inputs, val_labels, val_fovs) for _ in range(2)]
print("as they are:", ", ".join(f"{a:.4f}" for a in plain))
# zh: print("原样  ", "，".join(f"{a:.4f}" for a in plain))
shaken = []
for seed in range(5):
    stream = PatchBatches(
        val_inputs, val_labels, val_fovs, patch_size, 16, seed, augment
    )
    x, v, f = (layer.numpy() for layer in next(stream))
    shaken.append(auc_of_dark(x, v > 0.5, f > 0.5))
print("augmented:  ", ", ".join(f"{a:.4f}" for a in shaken))
# zh: print("增强后", "，".join(f"{a:.4f}" for a in shaken))
print(f"spread of the augmented ones: {max(shaken) - min(shaken):.4f}")
# zh: print(f"增强后的五个数，最大与最小相差 {max(shaken) - min(shaken):.4f}")

# %% [markdown] lang="en"
# The rule did not change, but the ruler did. Two networks often differ by less than
# that. So `train` is augmented, and `val` and `test` never are. (Test-time augmentation,
# in chapter 09, is something else: the image is turned, the *prediction* is turned back,
# and the label stays untouched.)
#
# **Extra:** mirror image and label in a stream of your own, but toss the coin twice, once
# for each. How does the Dice of the two fall, and why is this fault harder to find than
# the one above?

# %% [markdown] lang="zh" of="b273db96"
# 规则没有变，尺子变了。两个网络的差别往往还没有这么大。所以 `train` 要增强，`val` 和 `test` 从不增强。（第 09 章的测试时增强 (test-time augmentation) 是另一回事：转的是图像，再把**预测**转回来，标签不动。）
#
# **选做：** 自己写一条数据流，图像和标签都翻转，但各抛各的硬币。两者的 Dice 会降到多少？为什么这个错误比上面那个更难发现？

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - Image, vessels and FOV move by one grid. A label that stays behind teaches the share
#   of vessel pixels and nothing else, without an error message.
# - Quarter turns and flips only move pixels; any other turn interpolates: bilinear for
#   images, nearest for labels.
# - The elastic grid: nine random vectors, bicubic in between; neighbours move together.
# - Windows larger than the patch bring in real surroundings; some patches cross the edge
#   of the FOV, on purpose.
# - Millions of patches, a handful of eyes: augmentation does not add people. It is for
#   training only.

# %% [markdown] lang="zh" of="36085390"
# ## 小结
#
# - 图像、血管标签和 FOV 用同一个网格移动。标签没有跟上，网络就只学到血管像素占比，而且没有任何报错。
# - 90 度旋转和翻转只移动像素；其他角度都要插值：图像用双线性，标签用最近邻。
# - 弹性网格：九个随机向量，中间用双三次插值；相邻像素一起移动。
# - 比图像块更大的窗口带来真实的周围；有些图像块跨过视野边缘，这是有意的。
# - 图像块有几百万，眼睛只有几只：数据增强不会增加人数。它只用于训练。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical
#   Image Segmentation, MICCAI 2015, section 3.1.
#   [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks
#   applied to visual document analysis, ICDAR 2003: elastic distortions.
#   [doi:10.1109/ICDAR.2003.1227801](https://doi.org/10.1109/ICDAR.2003.1227801)
# - Images: DRIVE, J. Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004.
#   [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.
# - This chapter takes the place of section 3.2, "augmentation", of the "U-Net study
#   notes" (a Chinese blog post; our copy holds only the heading of that section, the post
#   itself may say more).
#
# Next: [07 network](07_unet.ipynb)

# %% [markdown] lang="zh" of="a510a8f0"
# ## 参考资料
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015，3.1 节。[doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks applied to visual document analysis, ICDAR 2003：弹性形变。[doi:10.1109/ICDAR.2003.1227801](https://doi.org/10.1109/ICDAR.2003.1227801)
# - 图像：DRIVE, J. Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004。[doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。
# - 本章对应中文博文《U-net学习笔记》的 3.2 节“数据增强”（我们手头的存档里，这一节只有标题；原文可能有内容）。
#
# 下一章：[07 网络](07_unet.ipynb)

# %% include="ticket"
