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
# **Minutes** {{minutes}} to read and try, {{computing}} to compute. A good place for a break is after section 6.
#
# **You need** classes, `nn.Conv2d`, logits, the sigmoid and the five lines of a training step (chapter 02, "Your first module"), Dice (chapter 04), the prepared image (chapter 05), patches (chapter 06).
#
# **You are here**

# %% [markdown] lang="zh" of="10b0aab9"
# **学完这一章你能** 用零件写出 U-Net，并说出每一步之后的形状；知道什么时候用 `train()`，什么时候用 `eval()`；数清参数，找到内存花在哪里；让网络处理任意大小的图像；说出跳跃连接有多大作用；从损失曲线看出网络为什么学不会。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。中途想休息，可以停在第 6 节之后。
#
# **预备知识** 类 (class)、`nn.Conv2d`、logits、sigmoid 和训练一步的五行代码（第 02 章“第一个模块”），Dice（第 04 章），预处理后的图像（第 05 章），图像块（第 06 章）。
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

# %% [markdown] lang="en" minutes="1"
# ## The patch that goes through
#
# We need something to send through the network: a patch of 128 × 128 pixels from a training image, after `enhance` of chapter 05 (green channel, CLAHE, gamma) and standardised: one channel, like the images of the paper. (The course's shipped network, which comes later, takes the four channels of `prepare`.) The folded cell looks for a place inside the field of view where the share of vessel pixels is about that of the whole image, so that the patch is neither empty nor crowded.

# %% [markdown] lang="zh" of="ce29b539"
# ## 要送进网络的图像块
#
# 先准备一样东西送进网络：从一张训练图像里切一个 128 × 128 像素的图像块 (patch)，用第 05 章的 `enhance` 处理（绿色通道、CLAHE、伽马校正），再做标准化：只有一个通道，和论文的图像一样。（后面用到的课程自带的网络，看的是 `prepare` 给出的四个通道。）折叠的单元格在视野 (FOV) 内找一个位置，那里的血管像素占比和整张图差不多，这样的图像块既不空，也不挤。

# %% fold="Cut a typical patch" fold_zh="切出一个有代表性的图像块"
eyes = [course.load_one(i) for i in datasets.ids(course.dataset, "train")[:4]]
prepared = [enhance(eye.image) for eye in eyes]  # (1, H, W) in 0..1
scaling = fit_standardisation(prepared, [eye.fov for eye in eyes])
inputs = [scaling(image) for image in prepared]


def typical_corner(eye, size):
    """Find a patch inside the FOV with about the image's share of vessels."""
    whole_share = eye.vessels[eye.fov].mean()
    rows, columns = eye.fov.shape[1:]

    def distance(corner):
        fov, vessels = (cut(x, *corner, size) for x in (eye.fov, eye.vessels))
        return 1 - fov.mean(), abs(vessels.mean() - whole_share)

    corners = product(range(0, rows - size + 1, 8), range(0, columns - size + 1, 8))
    return min(corners, key=distance)


corner = typical_corner(eyes[0], 128)
patch = torch.from_numpy(cut(inputs[0], *corner, 128))[None]  # (1, 1, 128, 128)
label = torch.from_numpy(cut(eyes[0].vessels, *corner, 128))[None]  # the same, bool
patch_pictures = [cut(prepared[0], *corner, 128)[0], label[0, 0].numpy()]
figures.show_images(patch_pictures, ["prepared patch", "vessels"], size=2.4)
figures.show("A grey patch with dark vessels, and beside it its label in white.")
# zh: figures.show("左边是灰度图像块，血管较暗；右边是它的血管标签，血管为白色。")
print(f"patch: {tuple(patch.shape)} = (B, C, H, W), {patch.dtype}")
# zh: print(f"图像块：{tuple(patch.shape)} = (B, C, H, W)，{patch.dtype}")
print(f"{label.float().mean():.1%} of its pixels are vessel")
# zh: print(f"其中 {label.float().mean():.1%} 的像素是血管")

# %% [markdown] lang="en"
# (With DRIVE, images of this chapter: DRIVE, Staal et al. 2004.)

# %% [markdown] lang="zh" of="97f251f1"
# 图中文字：prepared patch 预处理后的图像块 · vessels 血管标签。（使用 DRIVE 时，本章图像来自 DRIVE, Staal et al. 2004。）

# %% [markdown] lang="en" minutes="1"
# ## The map
#
# A box is a block of numbers in memory, the feature maps: channels × height × width. Two 3×3 convolutions compute it. The left half, on the way down, is often called the *encoder*, the right half the *decoder*; so they are named in the code. The arrows between the boxes are the subject of this chapter: down, up, across. We take them one by one and put the U together afterwards.

# %% [markdown] lang="zh" of="892e2859"
# ## 地图
#
# 一个方框是内存里的一组特征图 (feature map)，写成 通道 × 高 × 宽，由两次 3×3 卷积算出。左边向下的一半常叫编码器 (encoder)，右边向上的一半常叫解码器 (decoder)，代码里也用这两个名字。方框之间的箭头就是这一章的内容：向下、向上、横跨。我们一个一个看，最后拼成 U。

# %% fold="Draw the course's U from its widths" fold_zh="按通道数画出课程的 U"
map_widths, side = (16, 32, 64, 128), 128
fig, ax = plt.subplots(figsize=(8, 3.4), dpi=figures.DPI)
left = {k: (3.8 if k == 3 else 1.1 * k, -k) for k in range(len(map_widths))}
right = {k: (7.6 - 1.1 * k, -k) for k in range(len(map_widths) - 1)}
for k, place in [*left.items(), *right.items()]:
    text = f"{map_widths[k]} × {side >> k} × {side >> k}"
    frame = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": figures.BLUE}
    ax.text(*place, text, ha="center", va="center", fontsize=8, bbox=frame)
pairs = {
    "max pooling 2×2": [(left[k], left[k + 1], figures.RED) for k in range(3)],
    "up-convolution 2×2, stride 2": [
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
ax.text(8.6, 0, "head 1×1\nlogits\n1 channel", va="center", fontsize=8)
ax.set(xlim=(-2.2, 9.8), ylim=(-3.4, 0.5))
ax.legend(loc="lower right", fontsize=8, frameon=False)
ax.axis("off")
figures.show(
    "The U of the course: four levels of boxes, from 16 channels of 128 by 128 down "
    "to 128 channels of 16 by 16 and up again, with three arrows across."
)
# zh: figures.show(
# zh:     "课程的 U：四层方框，从 16 个 128×128 的通道向下到 128 个 16×16 的通道，"
# zh:     "再向上回来，中间有三个横跨的箭头。"
# zh: )
print(f"{len(map_widths)} levels: the side is halved {len(map_widths) - 1} times,")
# zh: print(f"{len(map_widths)} 层：边长减半 {len(map_widths) - 1} 次，")
print(
    f"from {side} to {side >> 3}; channels grow from {map_widths[0]} to {map_widths[-1]}."
)
# zh: print(f"从 {side} 到 {side >> 3}；通道数从 {map_widths[0]} 增加到 {map_widths[-1]}。")

# %% [markdown] lang="en"
# At the top the maps are largest, at the bottom there are most channels. An arrow ends at a box, and the box's two convolutions come after it: the numbers in a box are those after the convolutions.

# %% [markdown] lang="zh" of="22b33c24"
# 图中文字：image, 1 channel 图像，1 个通道 · head 1×1 头部，1×1 卷积 · logits, 1 channel 1 个通道的 logits · max pooling 最大池化 · up-convolution 上卷积 · stride 步幅 · copy across and join 横向复制并拼接。
#
# 顶上的特征图最大，底部的通道最多。箭头到方框为止，之后还要做方框里的两次卷积；方框里写的是卷积之后的大小。

# %% [markdown] lang="en" minutes="9"
# ## 1 Down: convolve twice, then halve
#
# In the course's network every 3×3 convolution has `padding=1`. The patch goes through two convolutions to 16 channels, then through 2×2 max pooling. Max pooling 2×2 keeps the largest number of each 2×2 block, in each channel by itself.
#
# **Guess 7.1.** Which (C, H, W) comes out of the pooling?
#
# **Guess 7.2.** The paper pads nothing; its tile of 572 × 572 pixels gets 64 channels in the first two convolutions. What comes out of *its* first pooling?
#
# Put tuples such as `(8, 32, 32)` in place of `None`.

# %% [markdown] lang="zh" of="634deb90"
# ## 1 向下：卷积两次，再减半
#
# 课程的网络里，每个 3×3 卷积 (convolution) 都有 `padding=1`。图像块先做两次卷积，变成 16 个通道，再做 2×2 最大池化 (max pooling)：每个 2×2 的方块只留下最大的数，各通道分别做。
#
# **猜一猜 7.1** 池化之后的 (C, H, W) 是什么？
#
# **猜一猜 7.2** 论文不填充 (padding)，572 × 572 的分块 (tile) 先经过两次卷积，变成 64 个通道。论文的第一次池化之后是什么？
#
# 把 `None` 换成元组，例如 `(8, 32, 32)`。

# %%
course_pooled = None  # your guess: (C, H, W)
# zh: course_pooled = None  # 你的猜测：(C, H, W)
paper_pooled = None  # your guess
# zh: paper_pooled = None  # 你的猜测

lesson.ask("07.1", course_pooled)
lesson.ask("07.2", paper_pooled)

# %% [markdown] lang="en"
# Run it and see: four steps, each printed with the shape that leaves it.

# %% [markdown] lang="zh" of="db21b5e5"
# 运行看看：四步，每一步都输出它之后的形状。

# %% tags=["answer"]
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

# %% tags=["answer"]
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
# Pooling halves the side and keeps the channels. It is the convolution after it that makes more of them.
#
# <details><summary>Beside the blog post</summary>
#
# The blog post is the one in Chinese on which this course grew (see Sources). It writes `568*568*64 ---(max pooling)---> 284*284*128`. The sizes 568 and 284 are right, and so is the doubling at every level. More precisely: pooling keeps the 64 channels, and the convolution after it makes 128 of them, at 282 × 282. The paper's own sentence ("At each downsampling step we double the number of feature channels", section 2) invites the reading.
#
# </details>
#
# ### Batch norm
#
# After each convolution the course's network has a batch norm, which the paper of 2015 did not have yet. For each channel it takes the mean and the variance over all pixels of all images of the batch, subtracts the mean and divides by the standard deviation; then it multiplies by a weight and adds a bias. Both are learned, two numbers a channel:
#
# $$y = w\,\frac{x - \mathrm{mean}(x)}{\sqrt{\mathrm{var}(x) + \epsilon}} + b$$
#
# So each channel comes out on a scale of its own choice ($w$ and $b$), whatever the layers before did. ($\epsilon$ is tiny and prevents a division by zero.) Look at the second line of the output: what becomes of a bias that the convolution would have added?

# %% [markdown] lang="zh" of="8cbfc75a"
# 池化让边长减半，通道数不变。让通道变多的，是它后面的卷积。
#
# <details><summary>对照博文</summary>
#
# 博文指本课程最初依据的中文博文（见参考资料）。原文写 `568*568*64 ---(max pooling)---> 284*284*128`。568 和 284 都对，每一层通道数翻倍也对。更准确的说法是：池化保持 64 个通道，后面的卷积才把它变成 128 个，这时大小是 282 × 282。论文自己的那句话（第 2 节：每次下采样，通道数翻倍）也容易让人这样理解。
#
# </details>
#
# ### 批归一化
#
# 课程的网络在每次卷积之后都有一个批归一化 (batch normalization, BN)，2015 年的论文里还没有。对每个通道，它取这一批所有图像、所有像素的均值和方差，减去均值，除以标准差；再乘一个权重，加一个偏置。这两个数都是学来的，每个通道一对：
#
# $$y = w\,\frac{x - \mathrm{mean}(x)}{\sqrt{\mathrm{var}(x) + \epsilon}} + b$$
#
# 用文字说：不管前面的层怎样，每个通道输出的尺度只由自己的 $w$ 和 $b$ 决定。（$\epsilon$ 很小，防止除以零。）注意输出的第二行：卷积本来要加的偏置到哪里去了？

# %%
torch.manual_seed(0)
x = nn.Conv2d(1, 16, 3, padding=1, bias=False)(patch)  # (1, 16, 128, 128)
mean = x.mean(dim=(0, 2, 3), keepdim=True)  # one number a channel: (1, 16, 1, 1)
variance = x.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
by_hand = (x - mean) / torch.sqrt(variance + 1e-5)

norm = nn.BatchNorm2d(16)  # new: weight 1, bias 0
print(f"by hand against nn.BatchNorm2d: {(norm(x) - by_hand).abs().max():.0e}")
# zh: print(f"手算与 nn.BatchNorm2d 之差：{(norm(x) - by_hand).abs().max():.0e}")
print(f"a bias of 5 before it changes:  {(norm(x + 5) - norm(x)).abs().max():.0e}")
# zh: print(f"前面加偏置 5，输出改变：{(norm(x + 5) - norm(x)).abs().max():.0e}")
print("it learns", {name: tuple(p.shape) for name, p in norm.named_parameters()})
# zh: print("它学习的参数", {name: tuple(p.shape) for name, p in norm.named_parameters()})

# %% [markdown] lang="en"
# Both differences are rounding. A bias in front of a batch norm is subtracted again with the mean, so the course's convolutions have `bias=False`. This is the whole block, as it stands in `helpers/unet.py`: convolution, batch norm, ReLU (negative numbers become 0, chapter 02), twice. It is an `nn.Sequential`, whose layers run one after another. Its two switches, `padding="valid"` and `batch_norm=False`, turn it back into the paper's block of chapter 03; here both stay as they are.

# %% [markdown] lang="zh" of="8679c532"
# 两个差都只是舍入误差。批归一化前面的偏置会和均值一起减掉，所以课程的卷积写 `bias=False`。整个模块如下，它就在 `helpers/unet.py` 里：卷积、批归一化、ReLU（负数变成 0，第 02 章），做两遍。它是一个 `nn.Sequential`，里面的层依次运行。它有两个开关，`padding="valid"` 和 `batch_norm=False`：一拨，就变回第 03 章里论文的模块；这一章两个都不动。

# %% tags=["show-source"]
from helpers.unet import DoubleConv

# %% [markdown] lang="en" minutes="6"
# ## 2 Alone or in company
#
# **Guess 7.3.** In `train()` mode, does the answer for our patch change when *another* patch joins its batch?

# %% [markdown] lang="zh" of="a5d76281"
# ## 2 单独还是结伴
#
# **猜一猜 7.3** 在训练模式 `train()` 下，如果批里多了**另一个**图像块，我们这个图像块的答案会变吗？

# %%
changes = None  # your guess: True or False
# zh: changes = None  # 你的猜测：True（会变）或 False（不变）
lesson.ask("07.3", changes)

# %% [markdown] lang="en"
# One untrained `DoubleConv`, one patch, alone and beside a brighter companion; first in `train()` mode, then in `eval()` mode.

# %% [markdown] lang="zh" of="daaf80fa"
# 一个没训练过的 `DoubleConv`，一个图像块：先单独送进去，再和一个更亮的同伴一起送。先用训练模式 `train()`，再用评估模式 `eval()`。

# %% tags=["answer"]
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
    # zh: print(f"{mode:5}：同伴最多让我们的答案改变 {change:.3f}")

# %% [markdown] lang="en"
# In `train()` mode a patch is judged by the company it keeps. In `eval()` mode it is not: then the layer uses *running statistics*, a mean and a variance that it collected while training. They are no parameters, since no gradient moves them; each pass in `train()` mode moves them a tenth of the way to the batch at hand.

# %% [markdown] lang="zh" of="c10a0149"
# 在训练模式 `train()` 下，一个图像块的答案取决于它和谁在同一批。在评估模式 `eval()` 下则不会：这时用的是运行统计量 (running statistics)，即训练中积累下来的均值和方差。它们不是参数，没有梯度推动它们；在 `train()` 模式下每做一次前向计算，就向当前这批的值靠近十分之一。

# %%
norm, x = nn.BatchNorm2d(1), 2 * patch + 3
print(f"mean of this batch:   {x.mean():.2f}")
# zh: print(f"这一批的均值：      {x.mean():.2f}")
print(f"running mean, new:    {norm.running_mean.item():.2f}")
# zh: print(f"运行均值，刚建好：  {norm.running_mean.item():.2f}")
for number in range(1, 41):
    norm(x)
    if number in (1, 2, 10, 40):
        print(f"after {number:2} passes:      {norm.running_mean.item():.2f}")
        # zh: print(f"通过 {number:2} 次以后：    {norm.running_mean.item():.2f}")

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
fresh = dice_at_half(model.eval(), crop, label)
print(f"eval mode:                  Dice {fresh:.3f}")
# zh: print(f"评估模式：              Dice {fresh:.3f}")
print(
    f"train mode:                 Dice {dice_at_half(model.train(), crop, label):.3f}"
)
# zh: print(f"训练模式：              Dice {dice_at_half(model.train(), crop, label):.3f}")
with torch.no_grad():
    for _ in range(20):
        model(torch.full_like(crop, crop.min().item()))  # the lens cap is on
print(f"eval, after 20 dark frames: Dice {dice_at_half(model.eval(), crop, label):.3f}")
# zh: print(f"评估模式，20 张黑帧之后：Dice {dice_at_half(model.eval(), crop, label):.3f}")
lesson.contract("07.shipped", fresh, course)
if course.mode == "smoke":
    print("(Small phantoms: weights trained on photographs see little here anyway.)")
    # zh: print("（小的仿真眼底图：用照片训练的权重在这里本来就看不出多少。）")

# %% [markdown] lang="en"
# No weight was trained between the first line and the last; the dark frames moved the running statistics alone. So: `model.eval()` before every prediction, `model.train()` before training goes on. `torch.no_grad()` is another thing: it saves the memory that gradients would need, and batch norm does not notice it. The course's functions switch and switch back (`predict_logits` in `helpers/inference.py`).

# %% [markdown] lang="zh" of="2deeeb54"
# 从第一行到最后一行，没有训练过任何权重；黑帧只改动了运行统计量。所以：每次预测之前 `model.eval()`，继续训练之前 `model.train()`。`torch.no_grad()` 是另一回事：它省下计算梯度要用的内存，对批归一化没有影响。课程的函数会自己切换，再切换回来（`helpers/inference.py` 里的 `predict_logits`）。

# %% [markdown] lang="en" minutes="3"
# ## 3 Up: a stamp for every pixel
#
# On the way up a 2×2 *transposed convolution* with stride 2 doubles the side. Each input pixel is multiplied with a 2×2 stamp (the kernel), and the results are laid side by side. Read the 4×4 result: which stamp is which? The two tables below it count how many stamps cover each output pixel, for stamps of 2×2 and of 3×3.

# %% [markdown] lang="zh" of="b5b3ab78"
# ## 3 向上：一个像素盖一个章
#
# 向上时，步幅 (stride) 为 2 的 2×2 转置卷积 (transposed convolution) 让边长翻倍，论文叫它上卷积 (up-convolution)。每个输入像素乘上同一个 2×2 的印章（卷积核），一个挨一个盖下去。读一读 4×4 的结果：哪个印章是谁盖的？下面两张表数一数每个输出像素上盖了几次，印章分别是 2×2 和 3×3。

# %%
four = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
stamp = torch.tensor([[1.0, 10.0], [100.0, 1000.0]])
up = functional.conv_transpose2d(four[None, None], stamp[None, None], stride=2)
print(up[0, 0].int().numpy())
for side in (2, 3):
    ones = torch.ones(1, 1, 3, 3), torch.ones(1, 1, side, side)
    times = functional.conv_transpose2d(*ones, stride=2)[0, 0].int()
    print(f"{side}×{side} stamps cover each pixel so many times:")
    # zh: print(f"{side}×{side} 的印章，每个像素盖了几次：")
    print(times.numpy())
print(
    "numbers in the stamps:",
    tuple(nn.ConvTranspose2d(64, 32, 2, stride=2).weight.shape),
)
# zh: print("印章里的数", tuple(nn.ConvTranspose2d(64, 32, 2, stride=2).weight.shape))

# %% [markdown] lang="en"
# With several channels there is a stamp for each pair of an input and an output channel, and what the input channels print is added: from 64 to 32 channels that makes 64 × 32 stamps of 2×2 numbers, the last line.
#
# 3×3 stamps with stride 2 cover the output unevenly, which shows as a checkerboard. 2×2 stamps do not overlap; every output pixel belongs to one input pixel, so the *cover* is even. A pattern can remain all the same: the four numbers of a stamp are learned, and where they are unequal, the same little pattern stands in every 2×2 block. The convolutions that follow have to smooth it; section 9 shows how well they do.
#
# <details><summary>Beside the blog post</summary>
#
# It says that the up-sampling is done by PyTorch's `transpose` function. The idea is right, and so is its warning that this is no inverse of a convolution. More precisely, in code it is `nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)`; `torch.transpose` swaps two axes and learns nothing.
#
# </details>

# %% [markdown] lang="zh" of="fa6dabaa"
# 有多个通道时，每一对输入通道和输出通道各有一个印章，各输入通道盖出来的结果相加：从 64 个通道到 32 个通道，就有 64 × 32 个 2×2 的印章，见输出的最后一行。
#
# 步幅为 2 的 3×3 印章覆盖得不均匀，会形成棋盘格伪影 (checkerboard artifacts)。2×2 的印章互不重叠，每个输出像素只属于一个输入像素，所以**覆盖**是均匀的。但仍然可能留下花纹：印章的四个数是学来的，只要不相等，每个 2×2 小块里就都印着同样的花纹。后面的卷积要把它抹平，效果如何，看第 9 节。
#
# <details><summary>对照博文</summary>
#
# 原文写上采样“采用的都是反卷积(pytorch总的 `transpose` 函数即可实现)”，还提醒它不是卷积的逆操作。意思是对的，提醒也对。更准确的说法是 `nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)`；`torch.transpose` 只交换两个维度，没有可学习的参数。
#
# </details>

# %% [markdown] lang="en" minutes="2"
# ## 4 Across: joined, not added
#
# Pooling kept the largest of four values and forgot where it stood. The maps from *before* the pooling still know, so they are carried over and laid on the maps that come from below.

# %% [markdown] lang="zh" of="15b2d3f5"
# ## 4 横跨：拼接，不是相加
#
# 池化在四个数里留下最大的一个，忘了它在哪里。池化**之前**的特征图还记得，所以把它们搬过来，叠在从下面上来的特征图上。这就是跳跃连接 (skip connection)，叠起来叫沿通道拼接 (concatenation)。

# %% fold="Draw sheets of paper: joined and added" fold_zh="用纸片画出拼接和相加"
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
        place = (left_edge + 0.28 * k, 0.22 * k)
        ax.add_patch(plt.Rectangle(place, 1.4, 1.4, fc=colour, ec="white", lw=1.5))
    ax.text(left_edge, -0.45, name, fontsize=9)
ax.set(xlim=(-0.3, 12.6), ylim=(-0.7, 2.8), aspect="equal")
ax.axis("off")
figures.show(
    "Three blue sheets and three orange ones: joined they are six sheets, still blue "
    "and orange; added they are three sheets of a mixed colour."
)
# zh: figures.show(
# zh:     "三张蓝纸和三张橙纸：拼接后是六张，仍是蓝色和橙色；"
# zh:     "相加后是三张混合色的纸。"
# zh: )
counts = [len(colours) for *_, colours in stacks]
print(
    f"{counts[0]} + {counts[1]} sheets: {counts[2]} when joined, {counts[3]} if added."
)
# zh: print(f"{counts[0]} + {counts[1]} 张：拼接是 {counts[2]} 张，相加是 {counts[3]} 张。")

# %% [markdown] lang="en"
# Added sheets cannot be told apart again. Joined ones can, and the next convolution can still add them if that is best. Here a 1×1 convolution does just that.

# %% [markdown] lang="zh" of="badb87c8"
# 图中文字：skip 跳跃连接送来的 · from below 从下面上来的 · joined: 2C channels 拼接：2C 个通道 · added: C channels 相加：C 个通道。
#
# 加在一起的纸再也分不开。叠在一起的分得开；如果相加最好，下一层卷积自己也会加：下面用一个 1×1 卷积做到这一点。

# %%
torch.manual_seed(0)
skip, x = torch.rand(1, 16, 128, 128), torch.rand(1, 16, 128, 128)
joined = torch.cat([skip, x], dim=1)  # dim 1 is the channels
print("joined:", tuple(joined.shape), " added:", tuple((skip + x).shape))
# zh: print("拼接", tuple(joined.shape), " 相加", tuple((skip + x).shape))

adds = nn.Conv2d(32, 16, 1, bias=False)  # weight: (16, 32, 1, 1)
with torch.no_grad():
    adds.weight[:, :, 0, 0] = torch.cat([torch.eye(16), torch.eye(16)], dim=1)
    difference = (adds(joined) - (skip + x)).abs().max()
print(f"a convolution of the joined maps that adds them: difference {difference:.0e}")
# zh: print(f"对拼接结果做卷积，实现相加：差 {difference:.0e}")

# %% [markdown] lang="en"
# <details><summary>Beside the blog post</summary>
#
# It says that the copied maps make up for the border pixels lost in the convolutions. Something is made up for indeed, and joining is the way. More precisely: the lost border is why the paper *crops* the maps before joining; what the maps bring back is *position*, which pooling lost.
#
# </details>
#
# So a skip brings back position. Section 10 measures how much that is worth.

# %% [markdown] lang="zh" of="3e57003f"
# <details><summary>对照博文</summary>
#
# 原文写“在卷积过程中，我们会丢失边缘像素信息”，所以要复制左边的特征图，“弥补缺失的信息”。确实弥补了什么，方法也确实是拼接。更准确的说法是：边缘丢失，所以论文在拼接之前要**裁剪**；特征图带回来的是**位置**，那是池化丢掉的。
#
# </details>
#
# 所以，跳跃连接带回来的是位置。第 10 节会量一量它有多大作用。

# %% [markdown] lang="en" minutes="2"
# ## 5 The head: one logit a pixel
#
# A 1×1 convolution is a weighted sum over the channels, at each pixel alone. The course ends in one logit, the paper in two channels and a soft-max. For two classes this is the same thing: the soft-max of two logits is the sigmoid of their difference.

# %% [markdown] lang="zh" of="ec8f5a37"
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
# zh: print(f"像素 (5, 7)：{logits[0, 0, 5, 7]:.4f}，手算 {pixel:.4f}")

two = nn.Conv2d(16, 2, 1)(maps)  # the paper's end: background, foreground
foreground = two.softmax(dim=1)[:, 1]
difference = (two[:, 1] - two[:, 0]).sigmoid() - foreground
print(f"soft-max against sigmoid of the difference: {difference.abs().max():.0e}")
# zh: print(f"softmax 与“差的 sigmoid”之差：{difference.abs().max():.0e}")

# %% [markdown] lang="en" minutes="9"
# ## 6 The whole U
#
# All parts are there. First a U with two poolings, as a class of your own, written out line by line as in chapter 02: the parts in `__init__`, the way through them in `forward`. Follow the comments with a finger on the map. Each joining doubles the channels, so the block after it takes twice as many as it gives.

# %% [markdown] lang="zh" of="2649c7f9"
# ## 6 完整的 U
#
# 零件齐了。先写出只有两次池化的 U，写法和第 02 章的模块一样，是一个类：`__init__` 里放零件，`forward` 里写怎样依次通过它们。边读注释，边用手指着地图走。每次拼接都让通道数翻倍，所以后面的模块输入是输出的两倍。


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
# `functional.max_pool2d` does what `nn.MaxPool2d` does, as a plain function: it has nothing to learn, so it need not be a part of its own.
#
# The course's `UNet` is the same with any number of levels: the blocks stand in an `nn.ModuleList`, and the skips wait on a stack, last in, first out. `join` cuts the middle out of a skip; with padding the middle is all of it. The switches of the block are handed through, so this class is the network of the paper as well (chapter 03). It refuses sizes that it cannot halve evenly (section 8).

# %% [markdown] lang="zh" of="c4ff8bf5"
# `functional.max_pool2d` 和 `nn.MaxPool2d` 做的事一样，只是写成了普通函数：池化没有可学的参数，不必单独做成一个零件。
#
# 课程的 `UNet` 与此相同，只是层数任意：模块放进 `nn.ModuleList`，跳跃连接放进栈里等着，后进先出。`join` 取出跳跃连接中间的一块；有填充时，中间就是全部。模块的开关原样传进去，所以论文的网络也是这个类（第 03 章）。大小不能整除时，它会拒绝（见第 8 节）。

# %% tags=["show-source"]
from helpers.unet import UNet, count_parameters

# %% [markdown] lang="en"
# Is it the same? We give both the same weights and compare. A network's `state_dict` (chapter 02) lists its numbers by name, here in the same order for both.

# %% [markdown] lang="zh" of="6f0254f5"
# 真的相同吗？给两个网络同样的权重，比一比。网络的 `state_dict`（第 02 章）按名字列出它的所有数值，这里两个网络的顺序相同。

# %%
torch.manual_seed(0)
by_hand, unet = UNetByHand(), UNet(widths=(16, 32, 64))
weights = zip(unet.state_dict(), by_hand.state_dict().values(), strict=True)
unet.load_state_dict(dict(weights))
print(f"largest difference: {(unet(patch) - by_hand(patch)).abs().max():.0e}")
# zh: print(f"最大的差：{(unet(patch) - by_hand(patch)).abs().max():.0e}")

# %% [markdown] lang="en"
# Then we ask every block of the four-level network for the shape of what it puts out. The folded cell does it with *hooks*: functions that PyTorch calls when a block has run. Compare its lines with the map.

# %% [markdown] lang="zh" of="b9cc40ec"
# 再让四层网络的每个模块报告输出的形状。折叠的单元格用的是钩子 (hook)：模块运行完，PyTorch 就调用这个函数。把输出和地图对照一下。


# %% fold="Ask every block for its shape" fold_zh="让每个模块报告形状"
def feature_maps(model, image):
    """Run the model once; return {block: what it put out, (B, C, H, W)}."""
    seen, hooks = {}, []
    for name, block in model.named_modules():
        if name == "head" or name.count(".") == 1:  # encoder.0, up.1, decoder.2, ...

            def keep(_block, _inputs, output, name=name):
                seen[name] = output

            hooks.append(block.register_forward_hook(keep))
    with torch.no_grad():
        model(image)
    for hook in hooks:
        hook.remove()
    return seen


for name, maps in feature_maps(UNet().eval(), patch).items():
    print(f"{name:10} {tuple(maps.shape)}")

# %% [markdown] lang="en" minutes="13"
# ## 7 What it costs
#
# **Parameters by formula.** A 3×3 convolution from $i$ to $o$ channels has $9io$ weights: each of the $o$ outputs has a block of 3 × 3 × $i$ of its own. So a block of the course (no bias, batch norm) has $9io + 2o + 9o^2 + 2o$ parameters.
#
# An up-convolution has $4io + o$, the head $i + 1$ with $i = 16$. Add it up, then let PyTorch count.

# %% [markdown] lang="zh" of="6b550e26"
# ## 7 代价
#
# **用公式数参数。** 从 $i$ 个通道到 $o$ 个通道的 3×3 卷积有 $9io$ 个权重：$o$ 个输出通道，每个都有自己的一块 3 × 3 × $i$。所以课程的一个模块（无偏置，有批归一化）有 $9io + 2o + 9o^2 + 2o$ 个参数。
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
# zh: print(f"第一个模块：{course_block(1, 16):,} = {count_parameters(DoubleConv(1, 16)):,}")
print(f"whole U: {total:,} by formula")
# zh: print(f"整个 U：按公式 {total:,} 个")
lesson.contract("07.parameters", count_parameters(UNet(widths=widths)))

# %% [markdown] lang="en"
# **Exercise 7.4** Write the same for *the paper's* block: two 3×3 convolutions with biases, no batch norm.

# %% [markdown] lang="zh" of="6fd3451a"
# **练习 7.4** 给**论文**的模块写同样的函数：两次 3×3 卷积，有偏置，没有批归一化。


# %% tags=["exercise"]
def count_double_conv(i, o):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


count_double_conv = lesson.exercise("07.4", count_double_conv)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The first convolution has one 3 × 3 × i block and one bias for each of its o outputs. The second one sees o channels, not i and not 1.
#
# {{solution 07.4}}
#
# </details>
#
# Your function (or the reference) now counts the paper's whole network, level by level.
#
# **Guess 7.5.** Which level has the most parameters, `"top"`, `"second"`, `"third"`, `"fourth"` or `"bottom"`?
#
# **Guess 7.6.** And which has the most numbers in memory, H × W × C? (The sides, after two convolutions at each level: 568, 280, 136, 64, 28 pixels.)

# %% [markdown] lang="zh" of="c5dbf813"
# <details><summary>参考答案</summary>
#
# 第一次卷积：o 个输出通道，每个都有一块 3 × 3 × i 的权重和一个偏置。第二次卷积看到的是 o 个通道，不是 i 个，也不是 1 个。
#
# {{solution 07.4}}
#
# </details>
#
# 下面用你的函数（或参考函数）一层一层数论文的整个网络。
#
# **猜一猜 7.5** 哪一层参数最多？从上到下是 `"top"`、`"second"`、`"third"`、`"fourth"`、`"bottom"`。
#
# **猜一猜 7.6** 哪一层在内存里的数最多，即 H × W × C 最大？（每层两次卷积之后的边长：568、280、136、64、28 像素。）

# %%
most_parameters = None  # your guess: "top", ..., "bottom"
# zh: most_parameters = None  # 你的猜测："top" ... "bottom"
most_memory = None  # your guess
# zh: most_memory = None  # 你的猜测
lesson.ask("07.5", most_parameters)
lesson.ask("07.6", most_memory)

# %% tags=["answer"]
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
lesson.contract("07.paper", sum(parameters))
for name, k in (("top", 0), ("bottom", -1)):
    print(f"{name:6} {memory[k] / sum(memory):4.0%} of the memory, ", end="")
    # zh: print(f"{name:6} 内存占 {memory[k] / sum(memory):4.0%}，", end="")
    print(f"{parameters[k] / sum(parameters):5.1%} of the parameters")
    # zh: print(f"参数占 {parameters[k] / sum(parameters):5.1%}")
print(f"bottom map: {memory[-1] / 572**2:.1f} times the numbers of the 572 px tile")
# zh: print(f"底部特征图里的数，是 572 像素输入分块的 {memory[-1] / 572**2:.1f} 倍")

# %% fold="Draw memory and parameters of each level" fold_zh="画出每一层的内存和参数" tags=["answer"]
fig, axes = plt.subplots(1, 2, figsize=(7.6, 2.6), dpi=figures.DPI, sharey=True)
labels = [f"{s} px, {w} ch" for s, w in zip(sides, paper_widths, strict=True)]
panels = (
    (memory, figures.BLUE, "numbers in one map"),
    (parameters, figures.ORANGE, "parameters"),
)
for ax, (values, colour, title) in zip(axes, panels, strict=True):
    ax.barh(labels, np.array(values) / 1e6, color=colour)
    ax.set(title=title, xlabel="millions")
axes[0].invert_yaxis()
fig.tight_layout()
figures.show(
    f"Two bar charts over five levels. Memory is largest at the top, "
    f"{memory[0] / 1e6:.0f} million numbers; parameters at the bottom, "
    f"{parameters[-1] / 1e6:.0f} million."
)
# zh: figures.show(
# zh:     f"五层的两幅条形图。内存在最上层最大，{memory[0] / 1e6:.0f} 百万个数；"
# zh:     f"参数在最下层最多，{parameters[-1] / 1e6:.0f} 百万个。"
# zh: )

# %% [markdown] lang="en"
# Memory is spent at the top, parameters at the bottom. If a GPU runs out of memory, a smaller batch or patch helps and fewer levels hardly do. And the bottom is no compressed image: it holds more numbers than the tile itself. The network trades *where* for *what*.

# %% [markdown] lang="zh" of="c9dedc97"
# 图中文字：numbers in one map 一组特征图里的数 · parameters 参数 · millions 百万 · px 边长像素 · ch 通道。
#
# 显存主要花在顶层，参数主要在底层。显存不够时，减小批量或图像块有用，减少层数几乎没用。底部也不是压缩过的图像：它的数比输入的分块还多。网络是拿“在哪里”换“是什么”。

# %% [markdown] lang="en" minutes="11"
# ## 8 When a side is odd
#
# The course's U has three poolings (the one written by hand has two). They halve the side three times, and pooling rounds down. On the way up everything is doubled exactly. The next cell follows the sides of the course's images down and up, then sends one through the U written by hand and through the course's `UNet`, and prints what each of them says.

# %% [markdown] lang="zh" of="90396238"
# ## 8 边长是奇数怎么办
#
# 课程的 U 有三次池化（手写的只有两次），边长减半三次，池化向下取整；向上时每次正好翻倍。下一个单元格先把课程图像的边长一路算下去，再算上来，然后把一张图送进手写的 U 和课程的 `UNet`，看看它们各有什么反应。

# %%
height, width = eyes[0].image.shape[1:]
for side in (height, width):
    down = [side // 2**k for k in range(4)]
    print(f"{side}: down {down}; on the way up are joined")
    # zh: print(f"{side}：向下 {down}；向上时拼接的是")
    for from_left, below in reversed(list(pairwise(down))):
        print(f"    {from_left} from the left, {2 * below} from below")
        # zh: print(f"    左边来的 {from_left}，下面来的 {2 * below}")

frame = torch.zeros(1, 1, height, width)
for network in (UNetByHand(), UNet()):
    try:
        with torch.no_grad():
            network(frame)
    except (RuntimeError, ValueError) as error:
        said = str(error).partition(";")[0].partition(" for tensor")[0]
        print(f"{type(network).__name__}: {said}")

# %% [markdown] lang="en"
# The remedy: add rows and columns until both sides are multiples of 8, predict, and cut them off again. Nothing is resized, no pixel of the image changes, and the label stays as it is.
#
# **Exercise 7.7** To which length must a side be padded? It is the smallest multiple that is not below the side.

# %% [markdown] lang="zh" of="1bee99ec"
# 两个网络都拒绝了：手写的 U 走到拼接才发现 565 对不上 564；`UNet` 一开始就说，离 565 最近的合格边长是 560 和 568。
#
# 办法：补上几行几列，直到两边都是 8 的倍数；预测；再切掉。不缩放，不改动任何像素，标签也保持原样。
#
# **练习 7.7** 一条边要补到多长？它是不小于边长的最小倍数。


# %% tags=["exercise"]
def padded_side(side, multiple):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


padded_side = lesson.exercise("07.7", padded_side)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Divide and round up. In Python `//` rounds down, also for negative numbers, so two minus signs round up. DRIVE's 584 × 565 becomes 584 × 568; with four poolings it would be 592 × 576.
#
# {{solution 07.7}}
#
# </details>
#
# What to put into the new columns? Zeros would make a black edge, which the network may take for a structure. A mirror image of the last columns looks like more retina. `mirror` in `helpers/patches.py` makes it, on all four sides if asked:

# %% [markdown] lang="zh" of="af5e7779"
# <details><summary>参考答案</summary>
#
# 相除，向上取整。Python 的 `//` 对负数也向下取整，所以加两个负号就成了向上取整。DRIVE 的 584 × 565 变成 584 × 568；如果有四次池化，就是 592 × 576。
#
# {{solution 07.7}}
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
rows_added = padded_side(height, segmenter.model.divisor) - height
columns_added = padded_side(width, segmenter.model.divisor) - width
padded = mirror(whole, (0, rows_added), (0, columns_added))
with torch.no_grad():
    whole_probs = segmenter.model(padded).sigmoid()[..., :height, :width]
print(f"{tuple(whole.shape[2:])} -> padded {tuple(padded.shape[2:])}", end="")
# zh: print(f"{tuple(whole.shape[2:])} -> 填充 {tuple(padded.shape[2:])}", end="")
print(f" -> cropped {tuple(whole_probs.shape[2:])}: the image's own size")
# zh: print(f" -> 裁剪 {tuple(whole_probs.shape[2:])}：和原图一样大")
print(f"rows added {rows_added}, columns added {columns_added}")
# zh: print(f"补了 {rows_added} 行、{columns_added} 列")

# %% fold="Show the whole map" fold_zh="显示整张概率图"
pictures = [eyes[0].image[1], whole_probs[0, 0].numpy() * eyes[0].fov[0]]
figures.show_images(pictures, ["green channel", "vessel probability"], size=2.5)
figures.show("A whole eye in its green channel, and beside it the vessel probability.")
# zh: figures.show("一整只眼睛的绿色通道，旁边是网络给出的血管概率图。")

# %% [markdown] lang="en"
# The probability map has the size of the photograph, to the pixel.

# %% [markdown] lang="zh" of="02e0f280"
# 图中文字：green channel 绿色通道 · vessel probability 血管概率。
#
# 概率图和原图一样大，一个像素也不差。

# %% [markdown] lang="en" minutes="3"
# ## 9 What the levels look at
#
# The hooks of section 6 show us the maps of the shipped network while our patch goes through. A row is a level; on the left two maps of the way down, on the right two of the way up (in the last row, all from the bottom). Shown are the channels that vary most. The printed lines say how well the *best single channel* of each block tells vessel from background, as AUC (chapter 05): 0.5 is chance, 1 is perfect.

# %% [markdown] lang="zh" of="29cb9a32"
# ## 9 每一层在看什么
#
# 用第 6 节的钩子，看图像块通过自带网络时的特征图。一行是一层：左边两张来自向下的路，右边两张来自向上的路（最后一行全部来自底部）。选的是变化最大的通道。输出的数字回答：每个模块里**最好的单个通道**，把血管和背景分得多开，用 AUC 表示（第 05 章）：0.5 是瞎猜，1 是完美。

# %% fold="Show the feature maps of every level" fold_zh="显示每一层的特征图"
seen = feature_maps(segmenter.model, crop)
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
    down, up = seen[f"encoder.{k}"], seen.get(f"decoder.{num_levels - 2 - k}")
    ways = [("down", down, 4 if up is None else 2), ("up", up, 2)]
    for way, block, count in ways[: 1 if up is None else 2]:
        lively = block.std((2, 3))[0].argsort(descending=True)[:count].tolist()
        pictures += [as_pictures(block)[c] for c in lively]
        titles += [f"{way}, {block.shape[3]} px, ch. {c}" for c in lively]
    line = f"level {k + 1}: best channel down {best_auc(down):.3f}"
    # zh: line = f"第 {k + 1} 层：最好的通道，向下 {best_auc(down):.3f}"
    print(line if up is None else f"{line}, up {best_auc(up):.3f}")
    # zh: print(line if up is None else f"{line}，向上 {best_auc(up):.3f}")
figures.show_images(pictures, titles, size=1.7)
figures.show("Maps by level: squares get coarser downwards, fine lines return upwards.")
# zh: figures.show("每一层的特征图：越往下方格越粗，往上细线又回来了。")

# %% [markdown] lang="en"
# Downwards the squares get coarser. At the bottom one number stands for 8×8 pixels, and no single channel there can draw a vessel of two pixels. Upwards the fine lines are back. Did they come across, over the skips, or did the many channels at the bottom remember them together? Section 10 tests it.
#
# A regular pattern in maps on the way up, dots or a checkerboard, is the print of the unequal numbers in the 2×2 stamps (section 3). How strong is it? The next cell measures, for each channel, how much of its variation is one and the same pattern in every 2×2 block: right after the last up-convolution (`up.2`), after the two convolutions that follow (`decoder.2`), and in the logits.

# %% [markdown] lang="zh" of="79091237"
# 图中文字：down 向下 · up 向上 · px 边长像素 · ch. 通道号。
#
# 越往下，格子越粗。到了底部，一个数代表 8×8 个像素，那里任何单个通道都画不出两个像素宽的血管。往上走，细线又回来了。它们是从跳跃连接横着过来的，还是底部的许多通道合起来记住的？第 10 节来检验。
#
# 向上的图里如果有规则的小点或棋盘格，那是 2×2 印章里四个数不相等留下的花纹（第 3 节）。花纹有多强？下一个单元格对每个通道测量：它的变化里，有多少是在每个 2×2 小块里都一样的花纹。分别在最后一次上卷积之后 (`up.2`)、后面两次卷积之后 (`decoder.2`)，以及 logits 里测量。


# %%
def pattern(maps):
    """Return how much of each channel is one pattern in every 2 x 2 block, 0 to 1."""
    phases = [maps[0, :, i::2, j::2].mean((1, 2)) for i in (0, 1) for j in (0, 1)]
    return torch.stack(phases).std(0) / maps[0].std((1, 2))


for name in ("up.2", "decoder.2", "head"):
    strength = pattern(seen[name])
    print(f"{name:10} median {strength.median():.3f}, largest {strength.max():.3f}")
    # zh: print(f"{name:10} 中位数 {strength.median():.3f}，最大 {strength.max():.3f}")

# %% [markdown] lang="en"
# With DRIVE the pattern makes up more than a third of the variation right after the up-convolution, about 5% after the convolutions (though one channel keeps much of it), and less than 1% in the logits. So the rest of the network learns to take it away.

# %% [markdown] lang="zh" of="99073df7"
# 使用 DRIVE 时，花纹刚出上卷积时占变化的三分之一以上，再经过卷积约占 5%（个别通道仍然很强），到 logits 里不到 1%。可见网络的其余部分学会了把它消掉。

# %% [markdown] lang="en" minutes="15"
# ## 10 Cut the bridge
#
# What is a skip worth? We silence all of them, train two networks that differ in nothing else, and compare.
#
# **Exercise 7.8** Join as before, with a skip of zeros: `skip` and `x` are (B, C, H, W), the result is (B, 2C, H, W). No shape may change, and neither may `skip` itself.

# %% [markdown] lang="zh" of="e2d45bfa"
# ## 10 把桥切断
#
# 跳跃连接有多大作用？我们让它们全部沉默，训练两个只差这一点的网络，再比较。
#
# **练习 7.8** 像以前一样拼接，但跳跃连接换成零：`skip` 和 `x` 的形状是 (B, C, H, W)，结果是 (B, 2C, H, W)。任何形状都不许变，`skip` 本身也不许改动。


# %% tags=["exercise"]
def join_silent(skip, x):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


join_silent = lesson.exercise("07.8", join_silent)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The block after the joining expects 2C channels, the skip first. It gets 2C, and half of them carry nothing. Leaving `torch.cat` out instead stops with an error: expected 2C channels, got C. Writing zeros into `skip` itself (`skip[:] = 0`) destroys what the backward pass still needs, and the training stops with an error.
#
# {{solution 07.8}}
#
# </details>
#
# In `UNet` the joining is `join`, so exchanging it is one line. A short, fair training: same seed, so the same first weights; same seed of the stream, so the same patches in the same order; same steps. In the loop you find the five lines of chapter 02. Around them stand three things that chapter 08 takes apart: `bce_dice_loss` is the loss, `AdamW` the optimiser in place of plain gradient descent, and a sixth line, `schedule.step()`, changes the learning rate after each step. The networks are narrow and see only four images, so expect no great scores.

# %% [markdown] lang="zh" of="b462a226"
# <details><summary>参考答案</summary>
#
# 拼接之后的模块要 2C 个通道，跳跃连接在前。它得到了 2C 个，其中一半什么也没有。如果干脆去掉 `torch.cat`，程序会报错停下：要 2C 个通道，只有 C 个。如果直接把零写进 `skip`（`skip[:] = 0`），反向传播还要用的数就没了，训练会报错停下。
#
# {{solution 07.8}}
#
# </details>
#
# 在 `UNet` 里，拼接就是 `join`，换掉它只要一行。一次短而公平的训练：种子相同，初始权重就相同；数据流的种子相同，图像块和顺序就相同；步数也相同。循环里有第 02 章的五行代码，另外三样东西第 08 章会拆开讲：`bce_dice_loss` 是损失函数；`AdamW` 是优化器，代替普通的梯度下降；第六行 `schedule.step()` 在每一步之后调整学习率。网络很窄，只看四张图，别指望分数很高。

# %%
smoke = course.mode == "smoke"
num_steps, side, narrow = (30, 32, (4, 8, 16)) if smoke else (200, 64, (8, 16, 32, 64))


def train_small(join, num_steps=num_steps, side=side, narrow=narrow):
    """Train a narrow U-Net for some steps; everything but ``join`` is fixed."""
    torch.manual_seed(0)
    net = UNet(widths=narrow)
    net.join = join  # all that differs
    labels = [eye.vessels for eye in eyes], [eye.fov for eye in eyes]
    batches = PatchBatches(inputs, *labels, side, 8, seed=0, augment=centre_crop)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-2, total_steps=num_steps
    )
    losses = []
    for _ in range(num_steps):
        x, vessels, fov = next(batches)
        logits = net(x)
        loss = bce_dice_loss(logits, vessels, fov)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return net, np.mean(losses[-10:])


start = time.perf_counter()
networks = {}
for name, join in (("with skips", UNet.join), ("without", join_silent)):
    networks[name], last = train_small(join)
    print(f"{name:10}: loss of the last ten steps {last:.3f}")
    # zh: print(f"{name:10}：最后十步的损失 {last:.3f}")
print(f"{num_steps} steps each, together {time.perf_counter() - start:.0f} s")
# zh: print(f"各 {num_steps} 步，共 {time.perf_counter() - start:.0f} s")

# %% [markdown] lang="en"
# Now a validation image, which neither network has seen. A vessel pixel counts as *wide* if a square of 3×3 vessel pixels covers it, else as *thin*. To be fair to both, each network may mark as many pixels as the annotator did: the next cell sets its threshold so. That takes the threshold from the label of the very image that is compared. Between the two networks this is fair; for a score it is forbidden, and chapter 09 shows the proper way.

# %% [markdown] lang="zh" of="7cd3d85f"
# 现在换一张两个网络都没见过的验证图像。如果一个血管像素能被 3×3 的血管方块盖住，就算**宽**，否则算**细**。为了公平，每个网络标出的像素数都和标注者一样多：下一个单元格就这样定阈值。注意，这个阈值取自被比较的图像自己的标签。在两个网络之间比较，这样做是公平的；给网络打分时绝不允许这样做，正确的做法见第 09 章。

# %%
val = course.load_one(datasets.ids(course.dataset, "val")[0])
wide = opening(val.vessels[0], np.ones((3, 3)))[None] & val.fov
thin = val.vessels & ~wide & val.fov
compared, dice, kept = {}, {}, {}
for name, net in networks.items():
    val_probs = predict_probs(net, scaling(enhance(val.image)))
    threshold = np.quantile(val_probs[val.fov], 1 - val.vessels[val.fov].mean())
    val_pred = (val_probs > threshold) & val.fov
    dice[name] = metrics.scores(metrics.count(val_pred, val.vessels, val.fov))["dice"]
    kept[name] = {"wide": val_pred[wide].mean(), "thin": val_pred[thin].mean()}
    compared[name] = val_probs, val_pred
rest = {
    kind: kept["without"][kind] / kept["with skips"][kind] for kind in ("wide", "thin")
}
course.record(dice_with_skips=round(dice["with skips"], 4))
course.record(dice_without_skips=round(dice["without"], 4))

# %% [markdown] lang="en"
# **Guess 7.9.** Which vessels lose most without skips, the `"wide"` or the `"thin"` ones? Or is it `"the border"` of the image, or is `"nothing"` learnt at all?

# %% [markdown] lang="zh" of="2439f212"
# **猜一猜 7.9** 没有跳跃连接，哪种血管损失最大？宽的 `"wide"`，还是细的 `"thin"`？还是图像的边缘 `"the border"`，或者根本什么也学不到 `"nothing"`？

# %%
loses_most = None  # your guess: "wide", "thin", "the border" or "nothing"
# zh: loses_most = None  # 你的猜测："wide"、"thin"、"the border" 或 "nothing"
lesson.ask("07.9", loses_most, rest)

# %% [markdown] lang="en"
# The two networks side by side: in the maps of right and wrong found vessel is white, missed vessel blue, false alarm orange.

# %% [markdown] lang="zh" of="fc3ccc70"
# 两个网络并排：在对错图里，白色是找到的血管，蓝色是漏掉的血管，橙色是误报。

# %% fold="Show what each network found" fold_zh="显示两个网络各找到了什么" tags=["answer"]
row, column = typical_corner(val, 128)
window = slice(row, row + 128), slice(column, column + 128)
soft = [val_probs[0][window] for val_probs, _ in compared.values()]
hard = [
    figures.error_map(val_pred, val.vessels, val.fov)[window]
    for _, val_pred in compared.values()
]
titles = [f"{name}: {what}" for what in ("probability", "errors") for name in compared]
figures.show_images([*soft, *hard], titles, columns=2, size=2.6)
figures.show(
    f"Probability and errors of both networks on one patch. Without skips the lines "
    f"are blurred and {1 - kept['without']['thin']:.0%} of the thin vessels are missed."
)
# zh: figures.show(
# zh:     f"同一个图像块上两个网络的概率图和对错图。没有跳跃连接时，线条模糊，"
# zh:     f"细血管漏掉 {1 - kept['without']['thin']:.0%}。"
# zh: )
for name in compared:
    print(f"{name:10}: Dice {dice[name]:.3f}", end="")
    # zh: print(f"{name:10}：Dice {dice[name]:.3f}", end="")
    print(", found: {wide:.0%} of wide, {thin:.0%} of thin".format(**kept[name]))
    # zh: print("，找到的：宽 {wide:.0%}，细 {thin:.0%}".format(**kept[name]))
print(
    "kept without skips: {wide:.0%} of the wide, {thin:.0%} of the thin".format(**rest)
)
# zh: print("没有跳跃连接时保住的：宽 {wide:.0%}，细 {thin:.0%}".format(**rest))

# %% [markdown] lang="en"
# With DRIVE, most of the vessels are found even without skips. At the bottom each place has as many channels as it has pixels to answer for, and together they can remember roughly where a vessel ran. Roughly is enough for a wide vessel, and not for a thin one. (In smoke mode neither network trains long enough to be compared.)
#
# One pair of runs is an example and no proof. Another seed gives other numbers, and so does the same seed with another number of CPU threads, since the sums are rounded in another order. **Extra:** change both seeds in `train_small` and see which part of the result stays.

# %% [markdown] lang="zh" of="d9714edc"
# 图中文字：with skips 有跳跃连接 · without 没有 · probability 概率 · errors 对错。
#
# 使用 DRIVE 时，没有跳跃连接也能找到大部分血管。在底部，每个位置要负责多少个像素，就有多少个通道，合起来能记住血管大致在哪里。大致的位置对宽血管够用，对细血管不够。（smoke 模式训练太短，两个网络不能比较。）
#
# 一对结果是例子，不是证明。换一个种子，数字就不同；种子相同而 CPU 线程数不同，求和时舍入的次序就不同，数字也会不同。**选做：** 改掉 `train_small` 里的两个种子，看结果的哪一部分不变。

# %% [markdown] lang="en" minutes="20"
# ## 11 Overfit one patch on purpose
#
# Before a long training, try a short one: one patch, again and again. A healthy network learns it by heart, Dice above 0.99. If it cannot, something is broken, and more data will not mend it. `fit` does it with the five lines and lets us break one thing at a time.

# %% [markdown] lang="zh" of="9cdd86b3"
# ## 11 故意过拟合一个图像块
#
# 长时间训练之前，先试一次短的：只用一个图像块，反复训练。健康的网络会把它背下来，Dice 超过 0.99。如果背不下来，一定是哪里坏了，再多的数据也没有用。这叫故意过拟合 (overfitting) 一个图像块。`fit` 用那五行代码做这件事，还可以让我们一次弄坏一处。

# %%
fit_steps, fit_side, fit_widths = (80, 32, (8, 16)) if smoke else (150, 64, (8, 16, 32))
spot = typical_corner(eyes[0], fit_side)
small = torch.from_numpy(cut(inputs[0], *spot, fit_side))[None]
small_vessels = torch.from_numpy(cut(eyes[0].vessels, *spot, fit_side)).float()[None]


def right_label(_step):
    """Return the label of the patch."""
    return small_vessels


def fit(labels=right_label, last=None, train_other=False):
    """Fit one patch; ``last`` is applied to the logits. Returns losses and model."""
    torch.manual_seed(0)
    net, other = UNet(widths=fit_widths), UNet(widths=fit_widths)
    trained = other if train_other else net
    optimizer = torch.optim.Adam(trained.parameters(), lr=1e-2)
    losses = []
    for step in range(fit_steps):
        logits = net(small) if last is None else last(net(small))
        loss = functional.binary_cross_entropy_with_logits(logits, labels(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, net


healthy, learner = fit()
print(f"loss {healthy[0]:.3f} -> {healthy[-1]:.3f} in {fit_steps} steps")
# zh: print(f"损失 {healthy[0]:.3f} -> {healthy[-1]:.3f}，共 {fit_steps} 步")
score = dice_at_half(learner.eval(), small, small_vessels.bool())
lesson.contract("07.one_patch", score, course)

# %% [markdown] lang="en"
# ### Four broken versions
#
# Each has one of these faults:
#
# - `"label"`: the label is 0 and 255 instead of 0 and 1;
# - `"sigmoid"`: a sigmoid before the loss, which has one of its own;
# - `"pairs"`: at each step the label of another place;
# - `"optimizer"`: the optimiser was given another network's parameters.
#
# They are shuffled; the dashed line is the healthy run, the dotted one the entropy of the vessel share, explained below the curves. Look at the scales: where does each curve begin, and where does it come to rest?

# %% [markdown] lang="zh" of="187f36d0"
# ### 四个弄坏的版本
#
# 每个有下面的一种毛病：
#
# - `"label"`：标签是 0 和 255，而不是 0 和 1；
# - `"sigmoid"`：损失函数自己已经有 sigmoid，前面又加了一个；
# - `"pairs"`：每一步用的都是别处的标签；
# - `"optimizer"`：优化器拿到的是另一个网络的参数。
#
# 顺序打乱了；虚线是健康的那次，点线是血管像素占比的熵，曲线下面会解释。注意刻度：每条曲线从哪里开始，停在哪里？


# %%
def another_place(step):
    """Return the label moved to a random place, another one each step."""
    generator = torch.Generator().manual_seed(step)
    shift = torch.randint(fit_side, (2,), generator=generator).tolist()
    return torch.roll(small_vessels, shift, dims=(2, 3))


def label_to_255(_step):
    """Return the label as it stands in an 8-bit file."""
    return 255 * small_vessels


faults = {
    "label": {"labels": label_to_255},
    "sigmoid": {"last": torch.sigmoid},
    "pairs": {"labels": another_place},
    "optimizer": {"train_other": True},
}
order = torch.randperm(4, generator=torch.Generator().manual_seed(7)).tolist()
version = {letter: list(faults)[k] for letter, k in zip("ABCD", order, strict=True)}
broken = {letter: fit(**faults[name]) for letter, name in version.items()}
share = small_vessels.mean().item()
entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
print(f"{share:.1%} of this patch is vessel; the entropy of this share: {entropy:.3f}")
# zh: print(f"这个图像块里 {share:.1%} 是血管；这个占比的熵：{entropy:.3f}")
for letter, (losses, _) in broken.items():
    print(f"{letter}: begins at {losses[0]:.2f}, ends near {np.mean(losses[-10:]):.2f}")
    # zh: print(f"{letter}：起点 {losses[0]:.2f}，终点约 {np.mean(losses[-10:]):.2f}")

# %% fold="Draw the four curves" fold_zh="画出四条曲线"
fig, axes = plt.subplots(1, 4, figsize=(9, 2.3), dpi=figures.DPI)
for ax, (letter, (losses, _)) in zip(axes, broken.items(), strict=True):
    ax.plot(losses, color=figures.RED)
    ax.plot(healthy, "--", color=figures.BLACK, lw=1)
    ax.axhline(entropy, color=figures.BLACK, linestyle=":", lw=1)
    ax.set(title=letter, xlabel="step", ylabel="loss" if letter == "A" else "")
fig.tight_layout()
ends = ", ".join(f"{x} at {losses[-1]:.2f}" for x, (losses, _) in broken.items())
# zh: ends = "，".join(f"{x} 停在 {losses[-1]:.2f}" for x, (losses, _) in broken.items())
figures.show(f"Four loss curves: {ends}. The healthy one falls to {healthy[-1]:.3f}.")
# zh: figures.show(f"四条损失曲线：{ends}。健康的那条降到 {healthy[-1]:.3f}。")

# %% [markdown] lang="en"
# To tell them apart, know the loss. It is **binary cross-entropy**, the mean over all pixels of
#
# $$-\,\bigl[\,y \ln p + (1 - y) \ln (1 - p)\,\bigr], \qquad p = \mathrm{sigmoid}(z),$$
#
# where $y$ is the label, 0 or 1, $z$ the logit and $p$ the probability. Only one of the two terms counts at a pixel: minus the logarithm of the probability that was given to the truth. (Chapter 08 looks at it at leisure.) Three values help as landmarks:
#
# - a network that is sure and right: 0;
# - one that knows only how rare vessels are, and says their share $s$ everywhere: the *entropy* of the share, $-s \ln s - (1 - s) \ln (1 - s)$, dotted in the figure;
# - one whose weights never move: the value at which it began.
#
# **Exercise 7.10 (extra)** Work out a fourth. With a sigmoid too many, the loss receives a number between 0 and 1 and takes it for a logit. What is the lowest mean loss, if `share` of the pixels are vessel? With the formula, a pixel with logit $z$ costs $\ln(1 + e^{-z})$ on vessel and $\ln(1 + e^{z})$ on background. `math.log` and `math.exp` are at hand.

# %% [markdown] lang="zh" of="b7679714"
# 图中文字：step 步 · loss 损失。
#
# 要分清它们，先看损失。这里用的是**二元交叉熵** (binary cross-entropy, BCE)，对所有像素取下式的平均：
#
# $$-\,\bigl[\,y \ln p + (1 - y) \ln (1 - p)\,\bigr], \qquad p = \mathrm{sigmoid}(z),$$
#
# 其中 $y$ 是标签，0 或 1；$z$ 是 logit；$p$ 是概率。每个像素上两项里只有一项起作用：网络给正确答案的概率，取对数再变号。（第 08 章细讲。）三个数可以当路标：
#
# - 又自信又正确的网络：0；
# - 只知道血管有多稀少、处处都说占比 $s$ 的网络：这个占比的熵 (entropy)，$-s \ln s - (1 - s) \ln (1 - s)$，即图中的点线；
# - 权重一动不动的网络：停在起点。
#
# **练习 7.10（选做）** 算出第四个路标。多了一个 sigmoid，损失函数收到的数在 0 和 1 之间，却当成了 logit。如果血管像素占比是 `share`，平均损失最低是多少？由上式，logit 为 $z$ 的像素，如果是血管，损失是 $\ln(1 + e^{-z})$；如果是背景，损失是 $\ln(1 + e^{z})$。可以用 `math.log` 和 `math.exp`。


# %% tags=["exercise"]
def two_sigmoid_floor(share):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


two_sigmoid_floor = lesson.exercise("07.10", two_sigmoid_floor)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# On vessel pixels the best "logit" is 1, which costs ln(1 + e^-1), about 0.313. On background the best is 0, which costs ln 2, about 0.693. The shares weigh them.
#
# {{solution 07.10}}
#
# </details>
#
# Which fault is it in **Guess 7.11** for A, **Guess 7.12** for B, **Guess 7.13** for C, **Guess 7.14** for D? A tempting answer is `"steps"`: it only needs more of them. Compare each curve with the landmarks before you say so. `two_sigmoid_floor(share)` gives the fourth, whether you wrote it or not.

# %% [markdown] lang="zh" of="59bf6a19"
# <details><summary>参考答案</summary>
#
# 在血管像素上，“logit”最好是 1，损失是 ln(1 + e^-1)，约 0.313。在背景上最好是 0，损失是 ln 2，约 0.693。再按占比加权。
#
# {{solution 07.10}}
#
# </details>
#
# A、B、C、D 各是哪种毛病：**猜一猜 7.11** 问 A，**猜一猜 7.12** 问 B，**猜一猜 7.13** 问 C，**猜一猜 7.14** 问 D。有一个诱人的答案是 `"steps"`：多训练几步就好。先把每条曲线和路标比一比，再下结论。第四个路标是 `two_sigmoid_floor(share)`：没写这个函数，也可以用。

# %%
fault_of_a = None  # "label", "sigmoid", "pairs" or "optimizer"
# zh: fault_of_a = None  # "label"、"sigmoid"、"pairs" 或 "optimizer"
fault_of_b = None
fault_of_c = None
fault_of_d = None
lesson.ask("07.11", fault_of_a, version["A"])
lesson.ask("07.12", fault_of_b, version["B"])
lesson.ask("07.13", fault_of_c, version["C"])
lesson.ask("07.14", fault_of_d, version["D"])

# %% [markdown] lang="en"
# The answers, each with the floor that its fault sets and the Dice that it reached:

# %% [markdown] lang="zh" of="b09ccf4f"
# 下面是答案：每个版本的毛病、它造成的损失下限，以及达到的 Dice：

# %% tags=["answer"]
floors = {
    "label": "no floor",
    "sigmoid": f"floor {two_sigmoid_floor(share):.3f}",
    "pairs": f"floor near the entropy, {entropy:.3f}",
    "optimizer": "nothing moves",
}
# zh: floors = {
# zh:     "label": "没有下限",
# zh:     "sigmoid": f"下限 {two_sigmoid_floor(share):.3f}",
# zh:     "pairs": f"下限约为熵 {entropy:.3f}",
# zh:     "optimizer": "一动不动",
# zh: }
for letter, (losses, net) in broken.items():
    name, reached = version[letter], losses[-1]
    # train mode, for once: the mode in which the loss beside it was measured
    broken_dice = dice_at_half(net.train(), small, small_vessels.bool())
    print(
        f"{letter}: {name:9} last loss {reached:9.3f}, Dice {broken_dice:.3f}", end=""
    )
    # zh: print(f"{letter}：{name:9} 最后的损失 {reached:9.3f}，Dice {broken_dice:.3f}", end="")
    print(f" ({floors[name]})")
    # zh: print(f"（{floors[name]}）")

# %% [markdown] lang="en"
# A loss below zero means a target outside 0 to 1. A flat line means that nothing reaches the weights. A rest near the entropy of the vessel share means that image and label do not belong together. And a rest well above zero may hide a network that has learnt its patch after all: compare the Dice of `"sigmoid"` with its loss. Never judge by the loss alone.

# %% [markdown] lang="zh" of="e7817d76"
# 损失小于零，说明目标不在 0 到 1 之间。一条平线，说明什么也没传到权重。停在血管像素占比的熵附近，说明图像和标签对不上。停在远高于零的地方，网络也可能其实已经学会了：比较 `"sigmoid"` 的 Dice 和它的损失。不要只看损失下结论。

# %% [markdown] lang="en" minutes="1"
# ## 12 The paper's network and ours
#
# | | paper, 2015 | course | why |
# |---|---|---|---|
# | 3×3 convolution | no padding, with bias | `padding=1`, no bias | the output has the image's size; batch norm replaces the bias |
# | batch norm | none | after each convolution of a block | it allows larger learning rates |
# | skip | copy, crop, join | copy, join | sizes agree, nothing to crop |
# | up | 2×2 up-convolution, stride 2 | the same | |
# | end | two channels, soft-max | one logit, sigmoid | the same for two classes (section 5) |
# | levels, widths | five, 64 to 1024 | four, 16 to 128 | it trains in minutes; a receptive field of 68 pixels at the bottom (chapter 03) tells a vessel from its surroundings |
# | initialisation | normal, standard deviation $\sqrt{2/N}$ for $N$ inputs | PyTorch's default | batch norm forgives a poor start |
# | against overfitting | dropout at the end of the way down, elastic deformation | weight decay, augmentation | chapters 06 and 08 |

# %% [markdown] lang="zh" of="44b303ff"
# ## 12 论文的网络和我们的网络
#
# | | 论文，2015 | 课程 | 原因 |
# |---|---|---|---|
# | 3×3 卷积 | 不填充，有偏置 | `padding=1`，无偏置 | 输出和图像一样大；批归一化代替了偏置 |
# | 批归一化 | 无 | 模块里每次卷积之后 | 学习率可以更大 |
# | 跳跃连接 | 复制、裁剪、拼接 | 复制、拼接 | 大小一致，不用裁剪 |
# | 向上 | 2×2 上卷积，步幅 2 | 相同 | |
# | 结尾 | 两个通道，softmax | 一个 logit，sigmoid | 两类时是一回事（第 5 节） |
# | 层数和宽度 | 五层，64 到 1024 | 四层，16 到 128 | 几分钟就能训练好；底部的感受野 (receptive field) 是 68 像素（第 03 章），足以把血管和周围分开 |
# | 初始化 (initialisation) | 正态分布，标准差 $\sqrt{2/N}$，$N$ 是输入个数 | PyTorch 的默认值 | 有批归一化，起点差一点也不要紧 |
# | 防止过拟合 | 向下的路末端的随机失活 (dropout)、弹性形变 | 权重衰减、数据增强 | 第 06、08 章 |

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - A block is convolution, batch norm, ReLU, twice. Pooling halves the side and keeps the channels; the convolution after it doubles them.
# - `nn.ConvTranspose2d(i, o, 2, stride=2)` doubles the side without overlap. A skip is joined along the channels with `torch.cat`, not added.
# - `train()` uses the batch's statistics and moves the running ones, `eval()` uses the running ones: before every prediction `eval()`.
# - Memory is spent at the top, parameters at the bottom.
# - Any size works: pad to a multiple by mirror, predict, crop.
# - Skips bring position back; thin vessels need it most.
# - Before a long training, overfit one patch.

# %% [markdown] lang="zh" of="101168c9"
# ## 小结
#
# - 一个模块是卷积、批归一化、ReLU，做两遍。池化让边长减半，通道数不变；后面的卷积才让通道数翻倍。
# - `nn.ConvTranspose2d(i, o, 2, stride=2)` 让边长翻倍，互不重叠。跳跃连接用 `torch.cat` 沿通道拼接，不是相加。
# - `train()` 用这一批的统计量，并移动运行统计量；`eval()` 用运行统计量。每次预测之前都要 `eval()`。
# - 显存主要花在顶层，参数主要在底层。
# - 任意大小都能处理：镜像填充到倍数，预测，裁剪。
# - 跳跃连接带回位置，细血管最需要它。
# - 长时间训练之前，先故意过拟合一个图像块。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - S. Ioffe, C. Szegedy, Batch Normalization, ICML 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# - A. Odena, V. Dumoulin, C. Olah, Deconvolution and Checkerboard Artifacts, Distill 2016, [doi:10.23915/distill.00003](https://doi.org/10.23915/distill.00003)
# - J. Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.
# - "U-Net study notes", a Chinese blog post: the sections on the architecture (down path, up path and output), which this chapter reproduces in code. It also takes the place of section 3.3, network code, of which the copy at hand holds only the heading.
#
# Next: [08 training](08_training.ipynb)

# %% [markdown] lang="zh" of="c658af83"
# ## 参考资料
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - S. Ioffe, C. Szegedy, Batch Normalization, ICML 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# - A. Odena, V. Dumoulin, C. Olah, Deconvolution and Checkerboard Artifacts, Distill 2016, [doi:10.23915/distill.00003](https://doi.org/10.23915/distill.00003)
# - J. Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。
# - 中文博文《U-net学习笔记》的网络架构部分（下采样、上采样以及输出），本章用代码重现了它。本章也对应 3.3 节“U-net网络代码”（我们手头的存档里只剩标题，原文可能有内容）。
#
# 下一章：[08 训练](08_training.ipynb)

# %% include="ticket"
