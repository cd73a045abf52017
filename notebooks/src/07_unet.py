# %% [markdown] lang="en"
# # 07 The network
#
# *What does each arrow of the U do, and what does it cost?*

# %% [markdown] lang="zh" of="d30f5a2c"
# # 07 网络
#
# *U 形图里的每个箭头做什么，代价是多少？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** write a U-Net from its parts and say the shape after each; choose between `train()` and `eval()`; count parameters and find the memory; run the network on an image of any size; say what a skip connection is worth; tell from a loss curve why a network does not learn.
#
# **Minutes** 85 to read and try, 1 to compute.
#
# **You need** `nn.Conv2d`, logits and the sigmoid (chapter 02), the prepared image (chapter 05), patches (chapter 06).
#
# **You are here**

# %% [markdown] lang="zh" of="5b7a0201"
# **学完这一章你能** 用零件写出 U-Net，并说出每一步之后的形状；知道什么时候用 `train()`，什么时候用 `eval()`；数清参数，找到内存花在哪里；让网络处理任意大小的图像；说出跳跃连接值多少；从损失曲线看出网络为什么学不会。
#
# **用时** 阅读和练习 85 分钟，计算 1 分钟。
#
# **预备知识** `nn.Conv2d`、logits 和 sigmoid（第 02 章），预处理后的图像（第 05 章），图像块（第 06 章）。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import copy
import math
import time
from collections.abc import Sequence
from itertools import pairwise, product

import matplotlib.pyplot as plt
import numpy as np
import torch
from skimage.morphology import opening
from torch import Tensor, nn
from torch.nn import functional

from helpers import datasets, figures, metrics
from helpers.augment import centre_crop
from helpers.inference import Segmenter, predict_probs
from helpers.losses import bce_dice_loss
from helpers.patches import PatchBatches, cut
from helpers.preprocess import enhance, fit_standardisation, prepare
from helpers.unet import border, check_size, valid_sizes

# %% [markdown] lang="en"
# ## The patch that goes through
#
# We need something to send through the network: a patch of 128 x 128 pixels from a training image, after `enhance` of chapter 05 (green channel, CLAHE, gamma) and standardised: one channel, like the images of the paper. (The course's shipped network, which comes later, takes the four channels of `prepare`.) `typical_corner` looks for a place inside the field of view where the share of vessel pixels is about that of the whole image, so that the patch is neither empty nor crowded.

# %% [markdown] lang="zh" of="0cfaab57"
# ## 要送进网络的图像块
#
# 先准备一样东西送进网络：从一张训练图像里切一个 128 x 128 像素的图像块 (patch)，用第 05 章的 `enhance` 处理（绿色通道、CLAHE、伽马校正），再做标准化：只有一个通道，和论文的图像一样。（后面用到的课程自带的网络，看的是 `prepare` 给出的四个通道。）`typical_corner` 在视野 (FOV) 内找一个位置，那里的血管像素占比和整张图差不多。这样的图像块既不空，也不挤。

# %%
eyes = [course.load_one(i) for i in datasets.ids(course.dataset, "train")[:4]]
prepared = [enhance(eye.image) for eye in eyes]  # (1, H, W) in 0..1
scaling = fit_standardisation(prepared, [eye.fov for eye in eyes])
inputs = [scaling(image) for image in prepared]


def typical_corner(eye, size):
    """Find a patch inside the FOV with about the image's share of vessels."""
    share = eye.vessels[eye.fov].mean()
    height, width = eye.fov.shape[1:]

    def distance(corner):
        fov, vessels = (cut(x, *corner, size) for x in (eye.fov, eye.vessels))
        return 1 - fov.mean(), abs(vessels.mean() - share)

    corners = product(range(0, height - size + 1, 8), range(0, width - size + 1, 8))
    return min(corners, key=distance)


corner = typical_corner(eyes[0], 128)
patch = torch.from_numpy(cut(inputs[0], *corner, 128))[None]  # (1, 1, 128, 128)
label = torch.from_numpy(cut(eyes[0].vessels, *corner, 128))[None]  # the same, bool
pictures = [cut(prepared[0], *corner, 128)[0], label[0, 0].numpy()]
figures.show_images(pictures, ["prepared patch", "vessels"], size=2.4)
plt.show()
print(f"patch: {tuple(patch.shape)} = (B, C, H, W), {patch.dtype}")
print(f"{label.float().mean():.1%} of its pixels are vessel")

# %% [markdown] lang="en"
# (With DRIVE, images of this chapter: DRIVE, Staal et al. 2004.)
#
# ## The map
#
# A box is a block of numbers in memory, the feature maps: channels x height x width. Two 3x3 convolutions compute it. The arrows between the boxes are the subject of this chapter: down, up, across. We take them one by one and put the U together afterwards.

# %% [markdown] lang="zh" of="20ab0968"
# 图中文字：prepared patch 预处理后的图像块 · vessels 血管标签。（使用 DRIVE 时，本章图像来自 DRIVE, Staal et al. 2004。）
#
# ## 地图
#
# 一个方框是内存里的一组特征图 (feature map)，写成 通道 x 高 x 宽，由两次 3x3 卷积算出。方框之间的箭头就是这一章的内容：向下、向上、横跨。我们一个一个看，最后拼成 U。

# %% fold="The course's U, drawn from its widths" fold_zh="TODO"
widths, side = (16, 32, 64, 128), 128
fig, ax = plt.subplots(figsize=(8, 3.4), dpi=figures.DPI)
left = {k: (3.8 if k == 3 else 1.1 * k, -k) for k in range(len(widths))}
right = {k: (7.6 - 1.1 * k, -k) for k in range(len(widths) - 1)}
for k, spot in [*left.items(), *right.items()]:
    text = f"{widths[k]} x {side >> k} x {side >> k}"
    frame = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": figures.BLUE}
    ax.text(*spot, text, ha="center", va="center", fontsize=8, bbox=frame)
pairs = {
    "max pooling 2x2": [(left[k], left[k + 1], figures.RED) for k in range(3)],
    "up-convolution 2x2, stride 2": [
        ((right | {3: left[3]})[k + 1], right[k], figures.GREEN) for k in range(3)
    ],
    "copy across and join": [(left[k], right[k], figures.GREY) for k in range(3)],
}
for name, arrows in pairs.items():
    for start, end, colour in arrows:
        shrink = 36 if start[1] == end[1] else 14
        look = {"arrowstyle": "->", "color": colour, "lw": 1.5}
        look |= {"shrinkA": shrink, "shrinkB": shrink}
        ax.annotate("", end, start, arrowprops=look)
    ax.plot([], [], color=arrows[0][2], label=name)
ax.text(-1.0, 0, "image\n1 channel", ha="right", va="center", fontsize=8)
ax.text(8.6, 0, "head 1x1\nlogits\n1 channel", va="center", fontsize=8)
ax.set(xlim=(-2.2, 9.8), ylim=(-3.4, 0.5))
ax.legend(loc="lower right", fontsize=8, frameon=False)
ax.axis("off")
plt.show()
print(f"{len(widths)} levels: the side is halved {len(widths) - 1} times,")
print(
    f"from {side} to {side >> 3}; the channels grow from {widths[0]} to {widths[-1]}."
)

# %% [markdown] lang="en"
# ## 1 Down: convolve twice, then halve
#
# **Guess first (7.1).** In the course's network every 3x3 convolution has `padding=1`. The patch goes through two convolutions to 16 channels, then through 2x2 max pooling: which (C, H, W) comes out? And after the next convolution, to 32 channels? The paper pads nothing; its tile of 572 x 572 gets 64 channels in the first two convolutions: what comes out of *its* first pooling?
#
# Put tuples such as `(8, 32, 32)` in place of `None`.

# %% [markdown] lang="zh" of="47aaec99"
# 图中文字：image, 1 channel 图像，1 个通道 · head 1x1 头部，1×1 卷积 · logits, 1 channel 1 个通道的 logits · max pooling 最大池化 · up-convolution 上卷积 · stride 步幅 · copy across and join 横向复制并拼接。
#
# ## 1 向下：卷积两次，再减半
#
# **先猜一猜 (7.1)。** 课程的网络里，每个 3x3 卷积 (convolution) 都有 `padding=1`。图像块先做两次卷积，变成 16 个通道，再做 2x2 最大池化 (max pooling)：得到的 (C, H, W) 是什么？接着再做一次卷积，变成 32 个通道呢？论文不填充 (padding)，572 x 572 的切片 (tile) 先经过两次卷积，变成 64 个通道：它的第一次池化之后是什么？
#
# 把 `None` 换成元组，例如 `(8, 32, 32)`。

# %%
after_pooling = None  # your guess: (C, H, W)
after_next_convolution = None  # your guess
paper_after_pooling = None  # your guess

alone = (
    "Max pooling looks at each channel alone. Where would new channels come from?",
    "最大池化对每个通道单独做，新的通道从哪里来？",
)
edge = (
    "With padding=1 a 3x3 convolution loses no ring of pixels.",
    "padding=1 时，3x3 卷积不会丢掉最外面一圈像素。",
)
double = [((32, 64, 64), alone), ((16, 62, 62), edge)]
lesson.check("Course, pooled", after_pooling, (16, 64, 64), alone, mistakes=double)
lesson.check("Course, next", after_next_convolution, (32, 64, 64), edge)
lesson.check(
    "Paper, pooled",
    paper_after_pooling,
    (64, 284, 284),
    hint=(
        "572 loses a ring of one pixel twice, then it is halved.",
        "572 先丢两次最外面一圈像素，再减半。",
    ),
    mistakes=[((128, 284, 284), alone)],
)
print("The next two cells show the shapes.")

# %% [markdown] lang="en"
# Run it and see: four steps, each printed with the shape that leaves it.

# %% [markdown] lang="zh" of="db21b5e5"
# 运行看看：四步，每一步都输出它之后的形状。

# %%
torch.manual_seed(0)
x = patch
for step in (
    nn.Conv2d(1, 16, 3, padding=1),
    nn.Conv2d(16, 16, 3, padding=1),
    nn.MaxPool2d(2),  # the largest of each 2x2 block, channel by channel
    nn.Conv2d(16, 32, 3, padding=1),
):
    x = step(x)
    print(f"{type(step).__name__:9} -> {tuple(x.shape)}")

# %% [markdown] lang="en"
# Now the paper's way, without padding. A tensor on the device `meta` has a shape and no numbers, so PyTorch follows the sizes and computes nothing.

# %% [markdown] lang="zh" of="af949a3d"
# 再看论文的做法：不填充。放在 `meta` 设备上的张量只有形状，没有数值。PyTorch 只推算大小，什么也不计算。

# %%
x = torch.empty(1, 1, 572, 572, device="meta")
for step in (
    nn.Conv2d(1, 64, 3, device="meta"),
    nn.Conv2d(64, 64, 3, device="meta"),
    nn.MaxPool2d(2),
    nn.Conv2d(64, 128, 3, device="meta"),
    nn.Conv2d(128, 128, 3, device="meta"),
):
    x = step(x)
    print(f"{type(step).__name__:9} -> {tuple(x.shape)}")

# %% [markdown] lang="en"
# **Beside the tutorial.** The tutorial is the Chinese blog post on which this course grew (see Sources). It writes `568*568*64 ---(max pooling)---> 284*284*128`. The sizes 568 and 284 are right, and so is the doubling at every level. More precisely: pooling keeps the 64 channels, and the convolution after it makes 128 of them, at 282 x 282. The paper's own sentence ("At each downsampling step we double the number of feature channels", section 2) invites the reading.
#
# ### Batch norm
#
# After each convolution the course's network has a batch norm, which the paper of 2015 did not have yet. For each channel it takes the mean and the variance over all pixels of all images of the batch, subtracts the mean and divides by the standard deviation; then it multiplies by a weight and adds a bias. Both are learned, two numbers a channel:
#
# $$y = w\,\frac{x - \mathrm{mean}(x)}{\sqrt{\mathrm{var}(x) + \epsilon}} + b$$
#
# So each channel comes out on a scale of its own choice ($w$ and $b$), whatever the layers before did. ($\epsilon$ is tiny and prevents a division by zero.) Look at the second line of the output: what becomes of a bias that the convolution would have added?

# %% [markdown] lang="zh" of="532f4ae9"
# **对照教程。** 教程指本课程最初依据的中文博文（见参考资料）。原文写 `568*568*64 ---(max pooling)---> 284*284*128`。568 和 284 都对，每一层通道数翻倍也对。更准确的说法是：池化保持 64 个通道，后面的卷积才把它变成 128 个，这时大小是 282 x 282。论文自己的那句话（第 2 节：每次下采样，通道数翻倍）也容易让人这样理解。
#
# ### 批归一化
#
# 课程的网络在每次卷积之后都有一个批归一化 (batch normalization, BN)，2015 年的论文里还没有。对每个通道，它取这一批所有图像、所有像素的均值和方差，减去均值，除以标准差；再乘一个权重，加一个偏置。这两个数都是学来的，每个通道一对：
#
# $$y = w\,\frac{x - \mathrm{mean}(x)}{\sqrt{\mathrm{var}(x) + \epsilon}} + b$$
#
# 用文字说：不管前面的层怎样，每个通道出来的尺度只由自己的 $w$ 和 $b$ 决定。（$\epsilon$ 很小，防止除以零。）注意输出的第二行：卷积本来要加的偏置到哪里去了？

# %%
torch.manual_seed(0)
x = nn.Conv2d(1, 16, 3, padding=1, bias=False)(patch)  # (1, 16, 128, 128)
mean = x.mean(dim=(0, 2, 3), keepdim=True)  # one number a channel: (1, 16, 1, 1)
variance = x.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
by_hand = (x - mean) / torch.sqrt(variance + 1e-5)

norm = nn.BatchNorm2d(16)  # new: weight 1, bias 0
print(f"by hand against nn.BatchNorm2d: {(norm(x) - by_hand).abs().max():.0e}")
print(f"a bias of 5 before it changes:  {(norm(x + 5) - norm(x)).abs().max():.0e}")
print("it learns", {name: tuple(p.shape) for name, p in norm.named_parameters()})

# %% [markdown] lang="en"
# Both differences are rounding. A bias in front of a batch norm is subtracted again with the mean, so the course's convolutions have `bias=False`. This is the whole block, as it stands in `helpers/unet.py`: convolution, batch norm, ReLU, twice. Its two switches, `padding="valid"` and `batch_norm=False`, turn it back into the paper's block of chapter 03; here both stay as they are.

# %% [markdown] lang="zh" of="e5855536"
# 两个差都只是舍入误差。批归一化前面的偏置会和均值一起减掉，所以课程的卷积写 `bias=False`。整个模块如下，它就在 `helpers/unet.py` 里：卷积、批归一化、ReLU，做两遍。它有两个开关，`padding="valid"` 和 `batch_norm=False`：一拨，就变回第 03 章里论文的模块；这一章两个都不动。

# %% tags=["show-source"]
from helpers.unet import DoubleConv

# %% [markdown] lang="en"
# ## 2 The same input, two answers
#
# Batch norm looks at the whole batch. **Guess first:** in `train()` mode, does the answer for our patch change when *another* patch joins its batch?

# %% [markdown] lang="zh" of="1f44990b"
# ## 2 同样的输入，两个答案
#
# 批归一化要看整批数据。**先猜一猜：** 在训练模式 `train()` 下，如果批里多了**另一个**图像块，我们这个图像块的答案会变吗？

# %%
changes = None  # your guess: True or False
hint = (
    "Which pixels enter the mean that is subtracted?",
    "减去的那个均值，是由哪些像素算出来的？",
)
lesson.check("The neighbour changes my answer", changes, True, hint)
print("The next cell tries it.")

# %% [markdown] lang="en"
# One untrained `DoubleConv`, one patch, alone and beside a brighter companion; first in `train()` mode, then in `eval()` mode.

# %% [markdown] lang="zh" of="daaf80fa"
# 一个没训练过的 `DoubleConv`，一个图像块：先单独送进去，再和一个更亮的同伴一起送。先用训练模式 `train()`，再用评估模式 `eval()`。

# %%
torch.manual_seed(0)
block = DoubleConv(1, 16)
companion = 2 * patch + 1  # the same eye under a stronger lamp
for mode in ("train", "eval"):
    block.train(mode == "train")
    with torch.no_grad():
        alone = block(patch)
        together = block(torch.cat([patch, companion]))[:1]  # our patch's part
    change = (alone - together).abs().max()
    print(f"{mode:5}: the companion changes our answer by up to {change:.3f}")

# %% [markdown] lang="en"
# In `train()` mode a patch is judged by the company it keeps. In `eval()` mode it is not: then the layer uses *running statistics*, a mean and a variance that it collected while training. They are no parameters, since no gradient moves them; each pass in `train()` mode moves them a tenth of the way to the batch at hand.

# %% [markdown] lang="zh" of="c10a0149"
# 在训练模式 `train()` 下，一个图像块的答案取决于它和谁在同一批。在评估模式 `eval()` 下则不会：这时用的是运行统计量 (running statistics)，即训练中积累下来的均值和方差。它们不是参数，没有梯度推动它们；在 `train()` 模式下每通过一次，就向当前这批靠近十分之一。

# %%
norm, x = nn.BatchNorm2d(1), 2 * patch + 3
print(f"mean of this batch:   {x.mean():.2f}")
print(f"running mean, new:    {norm.running_mean.item():.2f}")
for number in range(1, 41):
    norm(x)
    if number in (1, 2, 10, 40):
        print(f"after {number:2} passes:      {norm.running_mean.item():.2f}")

# %% [markdown] lang="en"
# Two things follow. Early in training the running statistics lag behind, so a network may be good in one mode and poor in the other. And whoever predicts in `train()` mode changes the network by looking. Watch the shipped network (the weights that chapter 01 used) do both. With DRIVE it was trained on this very image, so the Dice here is no score; only the differences count.

# %% [markdown] lang="zh" of="ad6bf3cb"
# 由此有两个结论。训练初期，运行统计量跟不上，网络可能在一种模式下好，在另一种模式下差。另外，在 `train()` 模式下预测，看一眼就会改变网络。用课程自带的网络（第 01 章用过的权重）看看这两件事。使用 DRIVE 时，它训练时见过这张图，所以这里的 Dice 不算成绩，只看差别。

# %%
segmenter = Segmenter.load(device=torch.device("cpu"))
crop = segmenter.standardisation(cut(prepare(eyes[0].image), *corner, 128))
crop = torch.from_numpy(crop)[None]  # our patch in the four channels of chapter 05


def dice_at_half(model, image, label):
    """Return Dice between the label and the pixels with probability above 0.5."""
    with torch.no_grad():
        pred = model(image).sigmoid() > 0.5
    return (2 * (pred & label).sum() / (pred.sum() + label.sum())).item()


model = copy.deepcopy(segmenter.model)  # we are going to spoil it
print(f"eval mode:                  Dice {dice_at_half(model.eval(), crop, label):.3f}")
print(
    f"train mode:                 Dice {dice_at_half(model.train(), crop, label):.3f}"
)
with torch.no_grad():
    for _ in range(20):
        model(torch.full_like(crop, crop.min().item()))  # the lens cap is on
print(f"eval, after 20 dark frames: Dice {dice_at_half(model.eval(), crop, label):.3f}")
if course.mode == "smoke":
    print("(Small phantoms: weights trained on photographs see little here anyway.)")

# %% [markdown] lang="en"
# No weight was trained between the first line and the last; the dark frames moved the running statistics alone. So: `model.eval()` before every prediction, `model.train()` before training goes on. `torch.no_grad()` is another thing: it saves the memory that gradients would need, and batch norm does not notice it. The course's functions switch and switch back (`predict_logits` in `helpers/inference.py`).
#
# ## 3 Up: a stamp for every pixel
#
# On the way up a 2x2 *transposed convolution* with stride 2 doubles the side. Each input pixel is multiplied with a 2x2 stamp (the kernel), and the results are laid side by side. Read the 4x4 result: which stamp is which? The second part counts how many stamps cover each output pixel.

# %% [markdown] lang="zh" of="7b0931a3"
# 从第一行到最后一行，没有训练过任何权重；黑帧只改动了运行统计量。所以：每次预测之前 `model.eval()`，继续训练之前 `model.train()`。`torch.no_grad()` 是另一回事：它省下计算梯度要用的内存，对批归一化没有影响。课程的函数会自己切换，再切换回来（`helpers/inference.py` 里的 `predict_logits`）。
#
# ## 3 向上：一个像素盖一个章
#
# 向上时，步幅 (stride) 为 2 的 2x2 转置卷积 (transposed convolution) 让边长翻倍，论文叫它上卷积 (up-convolution)。每个输入像素乘上同一个 2x2 的印章（卷积核），一个挨一个盖下去。读一读 4x4 的结果：哪个印章是谁盖的？第二部分数一数每个输出像素上盖了几次。

# %%
small = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
stamp = torch.tensor([[1.0, 10.0], [100.0, 1000.0]])
up = functional.conv_transpose2d(small[None, None], stamp[None, None], stride=2)
print(up[0, 0].int().numpy())
print("torch.transpose only swaps rows and columns:", small.transpose(0, 1).tolist())
for side in (2, 3):
    ones = torch.ones(1, 1, 3, 3), torch.ones(1, 1, side, side)
    times = functional.conv_transpose2d(*ones, stride=2)[0, 0].int()
    print(
        f"{side}x{side} stamps cover, row by row: {times[0].tolist()} {times[2].tolist()}"
    )

# %% [markdown] lang="en"
# 2x2 stamps with stride 2 do not overlap: every output pixel belongs to one input pixel. 3x3 stamps with stride 2 overlap unevenly, which shows as a checkerboard.
#
# **Beside the tutorial.** It says that the up-sampling is done by PyTorch's `transpose` function. The idea is right, and so is its warning that this is no inverse of a convolution. More precisely, in code it is `nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)`; `torch.transpose` swaps two axes and learns nothing.
#
# ## 4 Across: joined, not added
#
# Pooling kept the largest of four values and forgot where it stood. The maps from *before* the pooling still know, so they are carried over and laid on the maps that come from below.

# %% [markdown] lang="zh" of="a31f4391"
# 步幅为 2 的 2x2 印章互不重叠：每个输出像素只属于一个输入像素。步幅为 2 的 3x3 印章重叠得不均匀，结果像棋盘格。
#
# **对照教程。** 原文写上采样“采用的都是反卷积(pytorch总的 `transpose` 函数即可实现)”，还提醒它不是卷积的逆操作。意思是对的，提醒也对。更准确的说法是 `nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)`；`torch.transpose` 只交换两个轴，什么也学不到。
#
# ## 4 横跨：拼接，不是相加
#
# 池化在四个数里留下最大的一个，忘了它在哪里。池化**之前**的特征图还记得，所以把它们搬过来，叠在从下面上来的特征图上。这就是跳跃连接 (skip connection)，叠起来叫沿通道拼接 (concatenation)。

# %% fold="Sheets of paper: joining and adding" fold_zh="TODO"
half = (figures.rgb(figures.BLUE) + figures.rgb(figures.ORANGE)) / 2
stacks = [
    ("skip", 0, [figures.BLUE] * 3),
    ("from below", 2.6, [figures.ORANGE] * 3),
    ("joined: 2C channels", 5.6, [figures.BLUE] * 3 + [figures.ORANGE] * 3),
    ("added: C channels", 9.6, [half] * 3),
]
fig, ax = plt.subplots(figsize=(7.6, 1.9), dpi=figures.DPI)
for name, left_edge, colours in stacks:
    for k, colour in enumerate(colours):
        spot = (left_edge + 0.28 * k, 0.22 * k)
        ax.add_patch(plt.Rectangle(spot, 1.4, 1.4, fc=colour, ec="white", lw=1.5))
    ax.text(left_edge, -0.45, name, fontsize=9)
ax.set(xlim=(-0.3, 12.6), ylim=(-0.7, 2.8), aspect="equal")
ax.axis("off")
plt.show()
counts = [len(colours) for *_, colours in stacks]
print(
    f"{counts[0]} + {counts[1]} sheets: {counts[2]} when joined, {counts[3]} if added."
)

# %% [markdown] lang="en"
# Added sheets cannot be told apart again. Joined ones can, and the next convolution can still add them if that is best. Here a 1x1 convolution does just that.

# %% [markdown] lang="zh" of="78330e4a"
# 图中文字：skip 跳跃连接送来的 · from below 从下面上来的 · joined: 2C channels 拼接：2C 个通道 · added: C channels 相加：C 个通道。
#
# 加在一起的纸再也分不开。叠在一起的分得开；如果相加最好，下一层卷积自己也会加：下面用一个 1×1 卷积做到这一点。

# %%
torch.manual_seed(0)
skip, x = torch.rand(1, 16, 128, 128), torch.rand(1, 16, 128, 128)
joined = torch.cat([skip, x], dim=1)  # dim 1 is the channels
print("joined:", tuple(joined.shape), " added:", tuple((skip + x).shape))

adds = nn.Conv2d(32, 16, 1, bias=False)  # weight: (16, 32, 1, 1)
with torch.no_grad():
    adds.weight[:, :, 0, 0] = torch.cat([torch.eye(16), torch.eye(16)], dim=1)
    difference = (adds(joined) - (skip + x)).abs().max()
print(f"a convolution of the joined maps that adds them: difference {difference:.0e}")

# %% [markdown] lang="en"
# **Beside the tutorial.** It says that the copied maps make up for the border pixels lost in the convolutions. Something is made up for indeed, and joining is the way. More precisely: the lost border is why the paper *crops* the maps before joining; what the maps bring back is *position*, which pooling lost. Section 10 measures how much that is.
#
# ## 5 The head: one logit a pixel
#
# A 1x1 convolution is a weighted sum over the channels, at each pixel alone. The course ends in one logit, the paper in two channels and a soft-max. For two classes this is the same thing: the soft-max of two logits is the sigmoid of their difference.

# %% [markdown] lang="zh" of="dc0e0334"
# **对照教程。** 原文写“在卷积过程中，我们会丢失边缘像素信息”，所以要复制左边的特征图，“弥补缺失的信息”。确实弥补了什么，方法也确实是拼接。更准确的说法是：边缘丢失，所以论文在拼接之前要**裁剪**；特征图带回来的是**位置**，那是池化丢掉的。第 10 节会量一量它值多少。
#
# ## 5 头部：每个像素一个 logit
#
# 1×1 卷积在每个像素上单独做，是各通道的加权和。课程的网络最后是一个 logit，论文最后是两个通道加 softmax。只有两类时，这是一回事：两个 logits 的 softmax，等于它们之差的 sigmoid。

# %%
torch.manual_seed(0)
maps = torch.rand(1, 16, 128, 128)
head = nn.Conv2d(16, 1, 1)
logits = head(maps)  # any number
probs = logits.sigmoid()  # 0 to 1
pred = probs > 0.5  # True or False
pixel = (head.weight[0, :, 0, 0] * maps[0, :, 5, 7]).sum() + head.bias[0]
print(f"pixel (5, 7): {logits[0, 0, 5, 7]:.4f}, by hand {pixel:.4f}")

two = nn.Conv2d(16, 2, 1)(maps)  # the paper's end: background, foreground
foreground = two.softmax(dim=1)[:, 1]
difference = (two[:, 1] - two[:, 0]).sigmoid() - foreground
print(f"soft-max against sigmoid of the difference: {difference.abs().max():.0e}")

# %% [markdown] lang="en"
# ## 6 The whole U
#
# All parts are there. First a U with two poolings, written out line by line; follow the comments with a finger on the map. Each joining doubles the channels, so the block after it takes twice as many as it gives.

# %% [markdown] lang="zh" of="0be992b9"
# ## 6 完整的 U
#
# 零件齐了。先一行一行写出只有两次池化的 U；边读注释，边用手指着地图走。每次拼接都让通道数翻倍，所以后面的模块输入是输出的两倍。


# %%
class UNetByHand(nn.Module):
    """A U-Net with two poolings, nothing hidden."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = DoubleConv(1, 16), DoubleConv(16, 32)
        self.bottom = DoubleConv(32, 64)
        self.up2 = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.up1 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.join2, self.join1 = DoubleConv(64, 32), DoubleConv(32, 16)
        self.head = nn.Conv2d(16, 1, 1)

    def forward(self, image):  # (B, 1, H, W)
        skip1 = self.down1(image)  # (B, 16, H, W)
        skip2 = self.down2(functional.max_pool2d(skip1, 2))  # (B, 32, H/2, W/2)
        x = self.bottom(functional.max_pool2d(skip2, 2))  # (B, 64, H/4, W/4)
        x = self.join2(torch.cat([skip2, self.up2(x)], dim=1))  # (B, 32, H/2, W/2)
        x = self.join1(torch.cat([skip1, self.up1(x)], dim=1))  # (B, 16, H, W)
        return self.head(x)  # (B, 1, H, W) logits


torch.manual_seed(0)
print(tuple(patch.shape), "->", tuple(UNetByHand()(patch).shape))

# %% [markdown] lang="en"
# The course's `UNet` is the same with any number of levels: the blocks stand in lists, and the skips wait on a stack, last in, first out. `join` cuts the middle out of a skip; with padding the middle is all of it. The switches of the block are handed through, so this class is the network of the paper as well (chapter 03). It refuses sizes that it cannot halve evenly (section 8).

# %% [markdown] lang="zh" of="4cb48e70"
# 课程的 `UNet` 与此相同，只是层数任意：模块放进列表，跳跃连接放进栈里等着，后进先出。`join` 取出跳跃连接中间的一块；有填充时，中间就是全部。模块的开关原样传进去，所以论文的网络也是这个类（第 03 章）。大小不能整除时，它会拒绝（见第 8 节）。

# %% tags=["show-source"]
from helpers.unet import UNet, count_parameters

# %% [markdown] lang="en"
# Is it the same? We give both the same weights and compare. Then we ask every block of the four-level network for the shape of what it puts out. A *hook* is a function that PyTorch calls when a block has run.

# %% [markdown] lang="zh" of="56b7bc44"
# 真的相同吗？给两个网络同样的权重，比一比。再让四层网络的每个模块报告输出的形状。钩子 (hook) 是一个函数，模块运行完，PyTorch 就调用它。

# %%
torch.manual_seed(0)
by_hand, unet = UNetByHand(), UNet(widths=(16, 32, 64))
weights = zip(unet.state_dict(), by_hand.state_dict().values(), strict=True)
unet.load_state_dict(dict(weights))
print(f"largest difference: {(unet(patch) - by_hand(patch)).abs().max():.0e}")


def feature_maps(model, image):
    """Run the model once; return {block: what it put out, (B, C, H, W)}."""
    maps, hooks = {}, []
    for name, block in model.named_modules():
        if name == "head" or name.count(".") == 1:  # encoder.0, up.1, decoder.2, ...

            def keep(_block, _inputs, output, name=name):
                maps[name] = output

            hooks.append(block.register_forward_hook(keep))
    with torch.no_grad():
        model(image)
    for hook in hooks:
        hook.remove()
    return maps


for name, maps in feature_maps(UNet().eval(), patch).items():
    print(f"{name:10} {tuple(maps.shape)}")

# %% [markdown] lang="en"
# ## 7 What it costs
#
# **Parameters by formula.** A 3x3 convolution from $i$ to $o$ channels has $9io$ weights: each of the $o$ outputs has a block of 3 x 3 x $i$ of its own. So a block has
#
# - in the course (no bias, batch norm): $9io + 2o + 9o^2 + 2o$,
# - in the paper (biases, no batch norm): $9io + o + 9o^2 + o$.
#
# An up-convolution has $4io + o$, the head $i + 1$ with $i = 16$. Add it up, then let PyTorch count.

# %% [markdown] lang="zh" of="72837149"
# ## 7 代价
#
# **用公式数参数。** 从 $i$ 个通道到 $o$ 个通道的 3x3 卷积有 $9io$ 个权重：$o$ 个输出通道，每个都有自己的一块 3 x 3 x $i$。所以一个模块有
#
# - 课程（无偏置，有批归一化）：$9io + 2o + 9o^2 + 2o$ 个，
# - 论文（有偏置，无批归一化）：$9io + o + 9o^2 + o$ 个。
#
# 上卷积有 $4io + o$ 个，头部有 $i + 1$ 个，这里 $i = 16$。加起来，再让 PyTorch 数一遍。


# %%
def course_block(i, o):
    """Count the parameters of the course's DoubleConv."""
    return 9 * i * o + 2 * o + 9 * o * o + 2 * o


widths = (16, 32, 64, 128)
total = course_block(1, 16) + 16 + 1  # the first block and the head
for here, below in pairwise(widths):
    total += course_block(here, below)  # down
    total += 4 * below * here + here  # up
    total += course_block(2 * here, here)  # after joining
print(f"first block: {course_block(1, 16):,} = {count_parameters(DoubleConv(1, 16)):,}")
print(
    f"whole U: {total:,} by formula, {count_parameters(UNet(widths=widths)):,} counted"
)

# %% [markdown] lang="en"
# **Exercise 7.2** Write the same for *the paper's* block: two 3x3 convolutions with biases, no batch norm.

# %% [markdown] lang="zh" of="8fad1b26"
# **练习 7.2** 给**论文**的模块写同样的函数：两次 3x3 卷积，有偏置，没有批归一化。


# %% tags=["exercise"]
def count_double_conv(i, o):
    return None  # your code here


count_double_conv = lesson.exercise("07.2", count_double_conv)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The first convolution has one 3 x 3 x i block and one bias for each of its o outputs. The second one sees o channels, not i and not 1.
#
# {{solution 07.2}}
#
# </details>
#
# Your function (or the reference) now counts the paper's whole network, level by level. **Guess first:** which level has the most parameters, and which has the most numbers in memory, H x W x C?

# %% [markdown] lang="zh" of="112db9e6"
# <details><summary>参考答案</summary>
#
# 第一次卷积：o 个输出通道，每个都有一块 3 x 3 x i 的权重和一个偏置。第二次卷积看到的是 o 个通道，不是 i 个，也不是 1 个。
#
# {{solution 07.2}}
#
# </details>
#
# 下面用你的函数（或参考函数）一层一层数论文的整个网络。**先猜一猜：** 哪一层参数最多？哪一层在内存里的数最多，即 H x W x C 最大？

# %%
paper_widths = (64, 128, 256, 512, 1024)
above = (1, *paper_widths[:-1])
parameters = [count_double_conv(i, o) for i, o in zip(above, paper_widths, strict=True)]
for k, (here, below) in enumerate(pairwise(paper_widths)):
    parameters[k] += 4 * below * here + here + count_double_conv(2 * here, here)
parameters[0] += 2 * 64 + 2  # the head has two classes

sides = [568]  # after the two convolutions of each level, without padding
while len(sides) < 5:
    sides.append(sides[-1] // 2 - 4)
memory = [side**2 * width for side, width in zip(sides, paper_widths, strict=True)]

most_parameters = None  # your guess: "top" or "bottom"
most_memory = None  # your guess
names = ("top", "second", "third", "fourth", "bottom")
weigh = (
    "A weight block has 9 x i x o numbers. Where are i and o largest?",
    "一块权重有 9 x i x o 个数。哪一层的 i 和 o 最大？",
)
size_up = (
    "Compute H x W x C for 568, 64 and for 28, 1024.",
    "用 568、64 和 28、1024 算 H x W x C。",
)
lesson.check("Most parameters", most_parameters, names[np.argmax(parameters)], weigh)
lesson.check("Most memory", most_memory, names[np.argmax(memory)], size_up)
print("The next cell draws both.")

# %%
fig, axes = plt.subplots(1, 2, figsize=(7.6, 2.6), dpi=figures.DPI, sharey=True)
rows = [f"{s} px, {w} ch" for s, w in zip(sides, paper_widths, strict=True)]
panels = (
    (memory, figures.BLUE, "numbers in one map"),
    (parameters, figures.ORANGE, "parameters"),
)
for ax, (values, colour, title) in zip(axes, panels, strict=True):
    ax.barh(rows, np.array(values) / 1e6, color=colour)
    ax.set(title=title, xlabel="millions")
axes[0].invert_yaxis()
fig.tight_layout()
plt.show()
print(f"the paper's network: {sum(parameters):,} parameters")
print(f"top:    {memory[0] / sum(memory):4.0%} of the memory, ", end="")
print(f"{parameters[0] / sum(parameters):4.1%} of the parameters")
print(f"bottom: {memory[-1] / sum(memory):4.0%} of the memory, ", end="")
print(f"{parameters[-1] / sum(parameters):4.0%} of the parameters")
print(f"bottom map: {memory[-1] / 572**2:.1f} times as many numbers as the 572 px tile")

# %% [markdown] lang="en"
# Memory sits on top, weights at the bottom. If a GPU runs out of memory, a smaller batch or patch helps and fewer levels hardly do. And the bottom is no compressed image: it holds more numbers than the tile itself. The network trades *where* for *what*.
#
# ## 8 565 is odd
#
# Three poolings halve the side three times, and pooling rounds down. On the way up everything is doubled exactly. The next cell follows the sides of the course's images down and up, then sends one through the U written by hand and through the course's `UNet`, and prints what each of them says.

# %% [markdown] lang="zh" of="c824b99c"
# 图中文字：numbers in one map 一组特征图里的数 · parameters 参数 · millions 百万 · px 边长像素 · ch 通道。
#
# 内存在顶上，权重在底部。显存不够时，减小批量或图像块有用，减少层数几乎没用。底部也不是压缩过的图像：它的数比输入切片还多。网络是拿“在哪里”换“是什么”。
#
# ## 8 565 是奇数
#
# 三次池化把边长减半三次，池化向下取整；向上时每次正好翻倍。下一个单元格先把课程图像的边长一路算下去，再算上来，然后把一张图送进手写的 U 和课程的 `UNet`，看看它们各说什么。

# %%
height, width = eyes[0].image.shape[1:]
for side in (height, width):
    down = [side // 2**k for k in range(4)]
    joins = [f"{2 * b} with {a}" for a, b in pairwise(down)]
    print(f"{side}: down {down}, up, joining {', '.join(joins[::-1])}")

frame = torch.zeros(1, 1, height, width)
for network in (UNetByHand(), UNet()):
    try:
        with torch.no_grad():
            network(frame)
    except (RuntimeError, ValueError) as error:
        print(f"{type(network).__name__}: {error}")

# %% [markdown] lang="en"
# The remedy: add rows and columns until both sides are multiples of 8, predict, and cut them off again. Nothing is resized, no pixel of the image changes, and the label stays as it is.
#
# **Exercise 7.3** To which length must a side be padded?

# %% [markdown] lang="zh" of="850a4bfd"
# 办法：补上几行几列，直到两边都是 8 的倍数；预测；再切掉。不缩放，不改动任何像素，标签也保持原样。
#
# **练习 7.3** 一条边要补到多长？


# %% tags=["exercise"]
def padded_side(side, multiple):
    return None  # your code here: the smallest multiple that is not below side


padded_side = lesson.exercise("07.3", padded_side)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Divide and round up. In Python `//` rounds down, also for negative numbers, so two minus signs round up. DRIVE's 584 x 565 becomes 584 x 568; with four poolings it would be 592 x 576.
#
# {{solution 07.3}}
#
# </details>
#
# What to put into the new columns? Zeros would make a black edge, which the network may take for a structure. A mirror image of the last columns looks like more retina. `mirror` in `helpers/patches.py` makes it, on all four sides if asked:

# %% [markdown] lang="zh" of="8fd93d78"
# <details><summary>参考答案</summary>
#
# 相除，向上取整。Python 的 `//` 对负数也向下取整，所以加两个负号就成了向上取整。DRIVE 的 584 x 565 变成 584 x 568；如果有四次池化，就是 592 x 576。
#
# {{solution 07.3}}
#
# </details>
#
# 新的几列填什么？填零会出现一条黑边，网络可能把它当成某种结构。最后几列的镜像看起来像更多的视网膜。`helpers/patches.py` 里的 `mirror` 做的就是这种镜像填充 (mirror padding)，需要时四边都能补：

# %% tags=["show-source"]
from helpers.patches import mirror

# %% [markdown] lang="en"
# Pad, predict, crop: the shipped network on the whole image. (With DRIVE this is a training image, so look at the size and not at the quality.)

# %% [markdown] lang="zh" of="390acc66"
# 填充、预测、裁剪：用课程自带的网络处理整张图像。（使用 DRIVE 时这是训练图像，所以只看大小，不看好坏。）

# %%
whole = torch.from_numpy(segmenter.standardisation(prepare(eyes[0].image)))[None]
below = padded_side(height, segmenter.model.divisor) - height
right = padded_side(width, segmenter.model.divisor) - width
padded = mirror(whole, (0, below), (0, right))
with torch.no_grad():
    probs = segmenter.model(padded).sigmoid()[..., :height, :width]
pictures = [eyes[0].image[1], probs[0, 0].numpy() * eyes[0].fov[0]]
figures.show_images(pictures, ["green channel", "vessel probability"], size=2.5)
plt.show()
print(f"{tuple(whole.shape[2:])} -> padded {tuple(padded.shape[2:])}", end="")
print(f" -> cropped {tuple(probs.shape[2:])}: the image's own size")
print(f"rows added {below}, columns added {right}")

# %% [markdown] lang="en"
# ## 9 What the levels look at
#
# The hooks of section 6 show us the maps of the shipped network while our patch goes through. A row is a level; on the left two maps of the way down, on the right two of the way up (in the last row, all from the bottom). Shown are the channels that vary most. The printed lines say how well the *best single channel* of each block tells vessel from background, as AUC (chapter 05): 0.5 is chance, 1 is perfect.

# %% [markdown] lang="zh" of="29cb9a32"
# 图中文字：green channel 绿色通道 · vessel probability 血管概率。
#
# ## 9 每一层在看什么
#
# 用第 6 节的钩子，看图像块通过自带网络时的特征图。一行是一层：左边两张来自向下的路，右边两张来自向上的路（最后一行全部来自底部）。选的是变化最大的通道。输出的数字回答：每个模块里**最好的单个通道**，把血管和背景分得多开，用 AUC 表示（第 05 章）：0.5 是瞎猜，1 是完美。

# %%
maps = feature_maps(segmenter.model, crop)
num_levels = len(segmenter.sizes["widths"])


def as_pictures(maps):
    """Stretch each channel to 0..1: (1, C, h, w) -> (C, h, w)."""
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    return ((maps - low) / (high - low).clamp(min=1e-6))[0].numpy()


def best_auc(maps):
    """Return the AUC of the best channel, light or dark for vessel."""
    large = as_pictures(functional.interpolate(maps, size=label.shape[2:]))
    inside, truth = np.ones_like(label[0].numpy()), label[0].numpy()
    areas = [metrics.auc_roc(metrics.histogram(c[None], truth, inside)) for c in large]
    return max(max(area, 1 - area) for area in areas)


pictures, titles = [], []
for k in range(num_levels):
    down, up = maps[f"encoder.{k}"], maps.get(f"decoder.{num_levels - 2 - k}")
    for way, block, count in (
        ("down", down, 2 if up is not None else 4),
        ("up", up, 2),
    ):
        if block is not None:
            lively = block.std((2, 3))[0].argsort(descending=True)[:count].tolist()
            pictures += [as_pictures(block)[c] for c in lively]
            titles += [f"{way}, {block.shape[3]} px, ch. {c}" for c in lively]
    line = f"level {k + 1}: best channel on the way down {best_auc(down):.3f}"
    print(line if up is None else f"{line}, up {best_auc(up):.3f}")
figures.show_images(pictures, titles, size=1.45)
plt.show()

# %% [markdown] lang="en"
# Downwards the squares get coarser. At the bottom one number stands for 8 x 8 pixels, and no single channel there can draw a vessel of two pixels. Upwards the fine lines are back. Did they come across, over the skips, or did the many channels at the bottom remember them together? Section 10 tests it. Fine dots in a map on the way up are the 2x2 stamps of section 3.
#
# ## 10 Cut the bridge
#
# What is a skip worth? We silence all of them, train two networks that differ in nothing else, and compare.
#
# **Exercise 7.4** Join as before, with a skip of zeros. No shape may change.

# %% [markdown] lang="zh" of="e000a2ad"
# 图中文字：down 向下 · up 向上 · px 边长像素 · ch. 通道号。
#
# 越往下，格子越粗。到了底部，一个数代表 8 x 8 个像素，那里任何单个通道都画不出两个像素宽的血管。往上走，细线又回来了。它们是从跳跃连接横着过来的，还是底部的许多通道合起来记住的？第 10 节来检验。向上的图里如果有细密的小点，那是第 3 节的 2x2 印章留下的。
#
# ## 10 把桥切断
#
# 跳跃连接值多少？我们让它们全部沉默，训练两个只差这一点的网络，再比较。
#
# **练习 7.4** 像以前一样拼接，但跳跃连接换成零。任何形状都不许变。


# %% tags=["exercise"]
def join_silent(skip, x):
    return None  # your code here: skip and x are (B, C, H, W), the result (B, 2C, H, W)


join_silent = lesson.exercise("07.4", join_silent)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The block after the joining expects 2C channels, the skip first. It gets 2C, and half of them carry nothing. Leaving `torch.cat` out instead stops with an error: expected 2C channels, got C.
#
# {{solution 07.4}}
#
# </details>
#
# **Guess first:** which vessels lose most without skips, the "wide" or the "thin" ones? Or is it "the border" of the image, or is "nothing" learnt at all?

# %% [markdown] lang="zh" of="bc0ca41c"
# <details><summary>参考答案</summary>
#
# 拼接之后的模块要 2C 个通道，跳跃连接在前。它得到了 2C 个，其中一半什么也没有。如果干脆去掉 `torch.cat`，程序会报错停下：要 2C 个通道，只有 C 个。
#
# {{solution 07.4}}
#
# </details>
#
# **先猜一猜：** 没有跳跃连接，哪种血管损失最大？宽的 `"wide"`，还是细的 `"thin"`？还是图像的边缘 `"the border"`，或者根本什么也学不到 `"nothing"`？

# %%
loses_most = None  # your guess: "wide", "thin", "the border" or "nothing"

# %% [markdown] lang="en"
# In `UNet` the joining is `join`, so exchanging it is one line. A short, fair training: same seed, so the same first weights; same seed of the stream, so the same patches in the same order; same steps. The loop is the subject of chapter 08; here it is five lines. The networks are narrow and see only four images, so expect no great scores.

# %% [markdown] lang="zh" of="7ab97c31"
# 在 `UNet` 里，拼接就是 `join`，换掉它只要一行。一次短而公平的训练：种子相同，初始权重就相同；数据流的种子相同，图像块和顺序就相同；步数也相同。训练循环是第 08 章的主题，这里只有五行。网络很窄，只看四张图，别指望分数很高。

# %%
smoke = course.mode == "smoke"
steps, size, narrow = (30, 32, (4, 8, 16)) if smoke else (200, 64, (8, 16, 32, 64))


def train_small(join):
    """Train a narrow U-Net for some steps; everything but ``join`` is fixed."""
    torch.manual_seed(0)
    model = UNet(widths=narrow)
    model.join = join  # all that differs
    labels = [eye.vessels for eye in eyes], [eye.fov for eye in eyes]
    batches = PatchBatches(inputs, *labels, size, 8, seed=0, augment=centre_crop)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    losses = []
    for _ in range(steps):
        image, vessels, fov = next(batches)
        loss = bce_dice_loss(model(image), vessels, fov)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return model, np.mean(losses[-10:])


start = time.perf_counter()
networks = {}
for name, join in (("with skips", UNet.join), ("without", join_silent)):
    networks[name], last = train_small(join)
    print(f"{name:10}: loss of the last ten steps {last:.3f}")
print(f"{steps} steps each, together {time.perf_counter() - start:.0f} s")

# %% [markdown] lang="en"
# Now a validation image, which neither network has seen. To be fair to both, each may mark as many pixels as the annotator did: its threshold is set so. A vessel pixel counts as *wide* if a square of 3 x 3 vessel pixels covers it, else as *thin*. In the right half of the figure found vessel is white, missed vessel blue, false alarm orange.

# %% [markdown] lang="zh" of="fb813b24"
# 现在换一张两个网络都没见过的验证图像。为了公平，每个网络标出的像素数都和标注者一样多：阈值就这样定。如果一个血管像素能被 3 x 3 的血管方块盖住，就算**宽**，否则算**细**。图的右半边：白色是找到的血管，蓝色是漏掉的血管，橙色是误报。

# %%
val = course.load_one(datasets.ids(course.dataset, "val")[0])
wide = opening(val.vessels[0], np.ones((3, 3)))[None] & val.fov
thin = val.vessels & ~wide & val.fov
row, column = typical_corner(val, 128)
window = (0, slice(row, row + 128), slice(column, column + 128))
soft, hard, dice, kept = [], [], {}, {}
for name, model in networks.items():
    probs = predict_probs(model, scaling(enhance(val.image)))
    threshold = np.quantile(probs[val.fov], 1 - val.vessels[val.fov].mean())
    pred = (probs > threshold) & val.fov
    dice[name] = metrics.scores(metrics.count(pred, val.vessels, val.fov))["dice"]
    kept[name] = {"wide": pred[wide].mean(), "thin": pred[thin].mean()}
    soft.append(probs[window])
    hard.append(figures.error_map(pred, val.vessels, val.fov)[window[1:]])
    print(f"{name:10}: Dice {dice[name]:.3f}", end="")
    print(", found: {wide:.0%} of wide, {thin:.0%} of thin".format(**kept[name]))
figures.show_images([*soft, *hard], [*networks, *networks], size=2.2)
plt.show()
rest = {
    kind: kept["without"][kind] / kept["with skips"][kind] for kind in ("wide", "thin")
}
print(
    "kept without skips: {wide:.0%} of the wide found, {thin:.0%} of the thin".format(
        **rest
    )
)
course.record(dice_with_skips=round(dice["with skips"], 4))
course.record(dice_without_skips=round(dice["without"], 4))

# %% [markdown] lang="en"
# The answer to your guess, from the two networks just trained:

# %% [markdown] lang="zh" of="15d5cf3f"
# 图中文字：with skips 有跳跃连接 · without 没有；左边两张是概率，右边两张是对错。
#
# 你猜得对吗？答案来自刚刚训练的两个网络：

# %%
learns = (
    "Look at the Dice and the left pictures: it learns, only softer.",
    "看 Dice 和左边的图：它学到了，只是更模糊。",
)
crop_hint = (
    "A lost border is why the paper crops. Here padding keeps the border.",
    "论文因为边缘丢失才裁剪。这里有填充，边缘没有丢。",
)
if smoke:
    print("Smoke mode: both networks are hardly trained, so there is nothing to guess.")
else:
    lesson.check(
        "Which vessels lose most without skips",
        loses_most,
        min(rest, key=rest.get),
        hint=(
            "What did pooling lose? Which vessels need it most?",
            "池化丢掉的是什么？哪种血管最需要它？",
        ),
        mistakes=[("nothing", learns), ("the border", crop_hint)],
    )
print(f"Dice {dice['with skips']:.3f} with skips, {dice['without']:.3f} without")
print(f"what suffers most: the {min(rest, key=rest.get)} vessels")

# %% [markdown] lang="en"
# With DRIVE, most of the vessels are found even without skips. At the bottom each place has as many channels as it has pixels to answer for, and together they can remember roughly where a vessel ran. Roughly is enough for a wide vessel, and not for a thin one. (In smoke mode neither network trains long enough to be compared.)
#
# One pair of runs is an example and no proof: another seed gives other numbers. **Extra:** change both seeds in `train_small` and see which part of the result stays.
#
# ## 11 Overfit one patch on purpose
#
# Before a long training, try a short one: one patch, again and again. A healthy network learns it by heart, Dice above 0.99. If it cannot, something is broken, and more data will not mend it. `fit` does it and lets us break one thing at a time.

# %% [markdown] lang="zh" of="cd1ab148"
# 使用 DRIVE 时，没有跳跃连接也能找到大部分血管。在底部，每个位置要负责多少个像素，就有多少个通道，合起来能记住血管大致在哪里。大致的位置对宽血管够用，对细血管不够。（smoke 模式训练太短，两个网络不能比较。）
#
# 一对结果是例子，不是证明：换一个种子，数字就不同。**选做：** 改掉 `train_small` 里的两个种子，看结果的哪一部分不变。
#
# ## 11 故意过拟合一个图像块
#
# 长时间训练之前，先试一次短的：只用一个图像块，反复训练。健康的网络会把它背下来，Dice 超过 0.99。如果背不下来，一定是哪里坏了，再多的数据也没有用。这叫故意过拟合 (overfitting) 一个图像块。`fit` 做这件事，还可以让我们一次弄坏一处。

# %%
steps, size, narrow = (80, 32, (8, 16)) if smoke else (150, 64, (8, 16, 32))
spot = typical_corner(eyes[0], size)
small = torch.from_numpy(cut(inputs[0], *spot, size))[None]
vessels = torch.from_numpy(cut(eyes[0].vessels, *spot, size)).float()[None]


def right_label(_step):
    """Return the label of the patch."""
    return vessels


def fit(labels=right_label, last=None, train_other=False):
    """Fit one patch; ``last`` is applied to the logits. Returns losses and model."""
    torch.manual_seed(0)
    model, other = UNet(widths=narrow), UNet(widths=narrow)
    trained = other if train_other else model
    optimizer = torch.optim.Adam(trained.parameters(), lr=1e-2)
    losses = []
    for step in range(steps):
        logits = model(small) if last is None else last(model(small))
        loss = functional.binary_cross_entropy_with_logits(logits, labels(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, model


healthy, model = fit()
print(f"loss {healthy[0]:.3f} -> {healthy[-1]:.3f} in {steps} steps")
for mode in ("train", "eval"):
    score = dice_at_half(model.train(mode == "train"), small, vessels.bool())
    print(f"Dice in {mode} mode: {score:.4f}, above 0.99: {score > 0.99}")

# %% [markdown] lang="en"
# Now four broken versions. Each has one of these faults:
#
# - `"label"`: the label is 0 and 255 instead of 0 and 1;
# - `"sigmoid"`: a sigmoid before the loss, which has one of its own;
# - `"pairs"`: at each step the label of another place;
# - `"optimizer"`: the optimiser was given another network's parameters.
#
# They are shuffled; the dashed line is the healthy run. Look at the scales: where does each curve begin, and where does it come to rest?

# %% [markdown] lang="zh" of="45cd8f9f"
# 现在是四个弄坏的版本，每个有下面的一种毛病：
#
# - `"label"`：标签是 0 和 255，而不是 0 和 1；
# - `"sigmoid"`：损失函数自己已经有 sigmoid，前面又加了一个；
# - `"pairs"`：每一步用的都是别处的标签；
# - `"optimizer"`：优化器拿到的是另一个网络的参数。
#
# 顺序打乱了；虚线是健康的那次。注意刻度：每条曲线从哪里开始，停在哪里？


# %%
def another_place(step):
    """Return the label moved to a random place, another one each step."""
    generator = torch.Generator().manual_seed(step)
    shift = torch.randint(size, (2,), generator=generator).tolist()
    return torch.roll(vessels, shift, dims=(2, 3))


def label_to_255(_step):
    """Return the label as it stands in an 8-bit file."""
    return 255 * vessels


faults = {
    "label": {"labels": label_to_255},
    "sigmoid": {"last": torch.sigmoid},
    "pairs": {"labels": another_place},
    "optimizer": {"train_other": True},
}
order = torch.randperm(4, generator=torch.Generator().manual_seed(7)).tolist()
version = {letter: list(faults)[k] for letter, k in zip("ABCD", order, strict=True)}
broken = {letter: fit(**faults[name]) for letter, name in version.items()}

fig, axes = plt.subplots(1, 4, figsize=(9, 2.3), dpi=figures.DPI)
for ax, (letter, (losses, _)) in zip(axes, broken.items(), strict=True):
    ax.plot(losses, color=figures.RED)
    ax.plot(healthy, "--", color=figures.GREY, lw=1)
    ax.set(title=letter, xlabel="step", ylabel="loss" if letter == "A" else "")
fig.tight_layout()
plt.show()
for letter, (losses, _) in broken.items():
    print(f"{letter}: begins at {losses[0]:.2f}, ends near {np.mean(losses[-10:]):.2f}")

# %% [markdown] lang="en"
# **Guess (7.5):** which fault is which? A tempting answer is "steps": it only needs more of them. Work out the lowest loss that each version could reach before you say so.

# %% [markdown] lang="zh" of="8050bd4a"
# 图中文字：step 步 · loss 损失。
#
# **猜一猜 (7.5)：** 哪个版本是哪种毛病？有一个诱人的答案是 `"steps"`：多训练几步就好。先算一算每个版本最低能到多少，再下结论。

# %%
guesses = {"A": None, "B": None, "C": None, "D": None}  # "label", "sigmoid", ...

more = (
    "More steps lower a curve that still falls. Has this one a floor to fall to?",
    "曲线还在下降时，多训练才有用。这条曲线最低能到哪里？",
)
lowest = (
    "Work out the lowest loss that each version can reach. Below zero is never luck.",
    "算一算每种写法最低能到多少。交叉熵小于零绝不是运气好。",
)
for letter, guess in guesses.items():
    wrong = [("steps", more)]
    lesson.check(f"Fault of {letter}", guess, version[letter], lowest, mistakes=wrong)

# %% [markdown] lang="en"
# **Exercise 7.5 (extra)** Work out one floor. With a sigmoid too many, the loss receives a number between 0 and 1 and takes it for a logit. What is the lowest mean loss, if `share` of the pixels are vessel? For a pixel with logit $z$ the loss is $\ln(1 + e^{-z})$ on vessel and $\ln(1 + e^{z})$ on background.

# %% [markdown] lang="zh" of="abd5b198"
# **练习 7.5（选做）** 算出其中一个下限。多了一个 sigmoid，损失函数收到的数在 0 和 1 之间，却当成了 logit。如果血管像素占比是 `share`，平均损失最低是多少？logit 为 $z$ 的像素，如果是血管，损失是 $\ln(1 + e^{-z})$；如果是背景，损失是 $\ln(1 + e^{z})$。


# %% tags=["exercise"]
def two_sigmoid_floor(share):
    return None  # your code here; math.log and math.exp are at hand


two_sigmoid_floor = lesson.exercise("07.5", two_sigmoid_floor)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# On vessel pixels the best "logit" is 1, which costs ln(1 + e^-1), about 0.313. On background the best is 0, which costs ln 2, about 0.693. The shares weigh them.
#
# {{solution 07.5}}
#
# </details>
#
# The answers, each with the floor that its fault sets and the Dice that it reached:

# %% [markdown] lang="zh" of="75af2102"
# <details><summary>参考答案</summary>
#
# 在血管像素上，“logit” 最好是 1，损失是 ln(1 + e^-1)，约 0.313。在背景上最好是 0，损失是 ln 2，约 0.693。再按占比加权。
#
# {{solution 07.5}}
#
# </details>
#
# 下面是答案：每个版本的毛病、它造成的损失下限，以及达到的 Dice：

# %%
share = vessels.mean().item()
entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
floors = {
    "label": "no floor at all",
    "sigmoid": f"floor {two_sigmoid_floor(share):.3f}",
    "pairs": f"floor about {entropy:.3f}, the share of vessels and no more",
    "optimizer": "nothing moves",
}
print(f"{share:.1%} of this patch is vessel")
for letter, (losses, model) in broken.items():
    score = dice_at_half(model.train(), small, vessels.bool())
    print(
        f"{letter}: {version[letter]:9} last loss {losses[-1]:9.3f}, Dice {score:.3f}",
        end="",
    )
    print(f" ({floors[version[letter]]})")

# %% [markdown] lang="en"
# A loss below zero means a target outside 0 to 1. A flat line means that nothing reaches the weights. A rest near the entropy of the vessel share means that image and label do not belong together. And a rest well above zero may hide a network that has learnt its patch after all: compare the Dice of `"sigmoid"` with its loss. Never judge by the loss alone.
#
# ## 12 The paper's network and ours
#
# | | paper, 2015 | course | why |
# |---|---|---|---|
# | 3x3 convolution | no padding, with bias | `padding=1`, no bias | the output has the image's size; batch norm replaces the bias |
# | batch norm | none | after each convolution of a block | it allows larger learning rates |
# | skip | copy, crop, join | copy, join | sizes agree, nothing to crop |
# | up | 2x2 up-convolution, stride 2 | the same | |
# | end | two channels, soft-max | one logit, sigmoid | the same for two classes (section 5) |
# | levels, widths | five, 64 to 1024 | four, 16 to 128 | it trains in minutes; a vessel can be told from its near surroundings |
# | first weights | normal, standard deviation $\sqrt{2/N}$ for $N$ inputs | PyTorch's default | batch norm forgives a poor start |
# | against overfitting | dropout at the end of the way down, elastic deformation | weight decay, augmentation | chapters 06 and 08 |
#
# ## What you learned
#
# - A block is convolution, batch norm, ReLU, twice. Pooling halves the side and keeps the channels; the convolution after it doubles them.
# - `nn.ConvTranspose2d(i, o, 2, stride=2)` doubles the side without overlap. A skip is joined along the channels with `torch.cat`, not added.
# - `train()` uses the batch's statistics and moves the running ones, `eval()` uses the running ones: before every prediction `eval()`.
# - Memory sits on top, parameters at the bottom.
# - Any size works: pad to a multiple by mirror, predict, crop.
# - Skips bring position back; thin vessels need it most.
# - Before a long training, overfit one patch.
#
# ## Sources
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - S. Ioffe, C. Szegedy, Batch Normalization, ICML 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# - A. Odena, V. Dumoulin, C. Olah, Deconvolution and Checkerboard Artifacts, Distill 2016, [doi:10.23915/distill.00003](https://doi.org/10.23915/distill.00003)
# - J. Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.
# - "U-Net study notes", a Chinese blog post: the sections on the architecture (down path, up path and output), which this chapter reproduces in code. It also takes the place of section 3.3, network code, of which only the heading survives.
#
# Next: [08 training](08_training.ipynb)

# %% [markdown] lang="zh" of="07a7654c"
# 损失小于零，说明目标不在 0 到 1 之间。一条平线，说明什么也没传到权重。停在血管像素占比的熵附近，说明图像和标签对不上。停在远高于零的地方，网络也可能其实已经学会了：比较 `"sigmoid"` 的 Dice 和它的损失。不要只看损失下结论。
#
# ## 12 论文的网络和我们的网络
#
# | | 论文，2015 | 课程 | 原因 |
# |---|---|---|---|
# | 3x3 卷积 | 不填充，有偏置 | `padding=1`，无偏置 | 输出和图像一样大；批归一化代替了偏置 |
# | 批归一化 | 无 | 模块里每次卷积之后 | 学习率可以更大 |
# | 跳跃连接 | 复制、裁剪、拼接 | 复制、拼接 | 大小一致，不用裁剪 |
# | 向上 | 2x2 上卷积，步幅 2 | 相同 | |
# | 结尾 | 两个通道，softmax | 一个 logit，sigmoid | 两类时是一回事（第 5 节） |
# | 层数和宽度 | 五层，64 到 1024 | 四层，16 到 128 | 几分钟就能训练好；看近处就能认出血管 |
# | 初始权重 | 正态分布，标准差 $\sqrt{2/N}$，$N$ 是输入个数 | PyTorch 的默认值 | 有批归一化，起点差一点也不要紧 |
# | 防止过拟合 | 向下的路末端的随机失活 (dropout)、弹性形变 | 权重衰减、数据增强 | 第 06、08 章 |
#
# ## 小结
#
# - 一个模块是卷积、批归一化、ReLU，做两遍。池化让边长减半，通道数不变；后面的卷积才让通道数翻倍。
# - `nn.ConvTranspose2d(i, o, 2, stride=2)` 让边长翻倍，互不重叠。跳跃连接用 `torch.cat` 沿通道拼接，不是相加。
# - `train()` 用这一批的统计量，并移动运行统计量；`eval()` 用运行统计量。每次预测之前都要 `eval()`。
# - 内存在顶上，参数在底部。
# - 任意大小都能处理：镜像填充到倍数，预测，裁剪。
# - 跳跃连接带回位置，细血管最需要它。
# - 长时间训练之前，先故意过拟合一个图像块。
#
# ## 参考资料
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - S. Ioffe, C. Szegedy, Batch Normalization, ICML 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# - A. Odena, V. Dumoulin, C. Olah, Deconvolution and Checkerboard Artifacts, Distill 2016, [doi:10.23915/distill.00003](https://doi.org/10.23915/distill.00003)
# - J. Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。
# - 中文博文《U-net学习笔记》的网络架构部分（下采样、上采样以及输出），本章用代码重现了它。本章也对应 3.3 节“U-net网络代码”（原文只留下标题）。
#
# 下一章：[08 训练](08_training.ipynb)
