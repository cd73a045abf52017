# ---
# gpu: true
# ---
# %% [markdown] lang="en"
# # 13 Scaling up
#
# *A wider network, shorter numbers, more processes, a million photographs: what does each cost, and what does it buy?*

# %% [markdown] lang="zh" of="c390a1be"
# # 13 扩大规模
#
# *网络更宽、数的位数更少、几个进程一起上、一百万张照片：各要付出什么，又换来什么？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** see where the time of a training step goes, count the arithmetic of a network by hand, say what short numbers risk, share a batch out among processes, hand a network on without PyTorch, and plan a million photographs before you rent a machine.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** the network (chapter 07) and training (08). This chapter is an elective; nothing later needs it.
#
# **You are here**

# %% [markdown] lang="zh" of="93755905"
# **学完这一章你能** 看出训练的一步把时间花在哪里，手算一个网络的运算量，说出低精度数有什么风险，把一批图像块分给几个进程，把网络交给没有 PyTorch 的人，并在租机器之前做好一百万张照片的计划。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** 网络（第 07 章）和训练（第 08 章）。本章是选修，后面用不到。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from helpers import export, figures, inference, places, plan, preprocess, runtime, training
from helpers.unet import UNet, trace

smoke = course.mode == "smoke"
device = runtime.pick_device()
folder = places.output_dir() / "scaling"
folder.mkdir(parents=True, exist_ok=True)
train, val = course.load("train")[:4], course.load("val")[:1]
gains = {}  # what is found to be so many times as fast
# zh: gains = {}  # 快了几倍，都记在这里
named = runtime.device_name(device, places.language())
print(f"{course.dataset}, {named}; cores: {os.cpu_count()}")
# zh: print(f"{course.dataset}，{named}；CPU 核数：{os.cpu_count()}")

# %% [markdown] lang="en" minutes="6"
# ## Where a step goes
#
# Before anything is made faster, look at where the time goes. A training step has four parts (chapter 08): make the **batch** (cut and augment the patches), **forward** (the network and the loss), **backward** (the gradients), **update** (AdamW and the running average).
#
# **Guess 13.1** Which of the four takes most of the time: `"batch"`, `"forward"`, `"backward"` or `"update"`?

# %% [markdown] lang="zh" of="f53e62c7"
# ## 一步的时间花在哪里
#
# 想让程序变快，先看时间花在哪里。训练的一步有四部分（第 08 章）：**准备图像块**（batch：裁剪、增强）、**前向**（forward：网络和损失）、**反向**（backward：梯度）、**更新**（update：AdamW 和权重的滑动平均）。
#
# **猜一猜 13.1** 四部分里哪一个最花时间：`"batch"`、`"forward"`、`"backward"` 还是 `"update"`？

# %%
def now():
    """Return the time, when the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def timed_step(run):
    """Train one step; return the seconds of its four parts."""
    times = [now()]
    image, vessels, fov = (x.to(device) for x in next(run.batches))
    times.append(now())
    with runtime.autocast(device, run.precision):
        logits = run.model(image.contiguous(memory_format=torch.channels_last))
    loss = run.loss_fn(logits.float(), vessels, fov)
    times.append(now())
    run.optimizer.zero_grad()
    run.scaler.scale(loss).backward()
    times.append(now())
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.average.update(run.model)
    times.append(now())
    return np.diff(times)


def seconds_of_parts(run, count=10):
    """Return the median seconds of each part, after three steps to warm up."""
    run.model.train()
    return np.median([timed_step(run) for _ in range(3 + count)][3:], axis=0)


run = training.new_run(train, val, course.config)
names = ("batch", "forward", "backward", "update")
parts = dict(zip(names, seconds_of_parts(run), strict=True))
print(f"measured: {sum(parts.values()):.3f} s a step, {run.precision}")
# zh: print(f"测好了：每步 {sum(parts.values()):.3f} s，{run.precision}")

# %%
guess = None  # one of the four words
# zh: guess = None  # 四个单词之一

lesson.ask("13.1", guess, parts)

# %% tags=["answer"] fold="Draw the four parts" fold_zh="画出四个部分"
fig, ax = plt.subplots(figsize=(5.5, 1.5), dpi=figures.DPI)
start = 0.0
palette = (figures.SKY, figures.BLUE, figures.ORANGE, figures.GREY)
for (name, part), colour in zip(parts.items(), palette, strict=True):
    ax.barh(0, 1000 * part, left=1000 * start, color=colour, label=name)
    start += part
ax.set(yticks=[], xlabel="milliseconds of one step")
ax.legend(ncols=4, frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1))
figures.show(f"One bar, a step of {1000 * start:.0f} ms, cut into its four parts")
# zh: figures.show(f"一条横条，表示 {1000 * start:.0f} ms 的一步，按四部分分段")
for name, part in parts.items():
    print(f"{name:9}{1000 * part:8.1f} ms {part / start:6.0%}")

# %% [markdown] lang="en"
# On a CPU backward usually costs about twice the forward pass, and that is no accident: for each convolution it needs two more of the same size, one for the gradient of the weights, one for the gradient of what came in.
#
# The bar also says what can be gained at most. Where the batch is a tenth of the step, a machine that made it in no time would save that tenth and no more (Amdahl's law).
#
# Seconds move by a tenth and more from cell to cell, as the machine does other things, too. So what is compared below takes turns, and ratios count, not seconds.

# %% [markdown] lang="zh" of="302a634f"
# 图中文字：milliseconds of one step 一步的毫秒数 · batch 一批图像块 · forward 前向 · backward 反向 · update 更新。
#
# 在 CPU 上，反向花的时间通常大约是前向的两倍，这不是巧合：前向的每个卷积，反向都要再做两个同样大的，一个求权重的梯度，一个求输入的梯度。
#
# 这条横条也说明最多能省多少。如果准备图像块占一步的十分之一，那么就算它一点时间都不花，也只能省下这十分之一（阿姆达尔定律 (Amdahl's law)）。
#
# 机器同时还在做别的事，所以各单元格测出的秒数会相差十分之一以上。下面要比较的，都是轮流测的；看倍数，不看秒数。

# %% [markdown] lang="en" minutes="12"
# ## Count the arithmetic
#
# What a network costs can be counted before it exists. One output number of a convolution is a sum of products: one product for each number under the kernel, in each input channel. A multiplication and an addition count as two operations (FLOPs, floating-point operations).
#
# **Exercise 13.2** Return the operations of a convolution with a square kernel of `kernel` × `kernel`, without bias, whose output has `height` × `width` pixels.

# %% [markdown] lang="zh" of="24537c89"
# ## 数一数运算量
#
# 网络还没搭出来，就能算出它的运算量。卷积的一个输出数，是许多乘积的和：每个输入通道里，卷积核盖住的每个数都贡献一个乘积。一次乘法和一次加法，算两次运算（FLOPs，浮点运算次数）。
#
# **练习 13.2** 一个卷积，卷积核是 `kernel` × `kernel`，没有偏置，输出有 `height` × `width` 个像素。返回它的运算次数。

# %% tags=["exercise"]
def operations(kernel, in_channels, out_channels, height, width):
    return None  # your code here
    # zh: return None  # 在这里写代码


operations = lesson.exercise("13.2", operations)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 13.2}}
#
# </details>
#
# Over all convolutions of the U this must be what PyTorch itself counts. Chapter 03's `trace` walks the U; the network lies on PyTorch's device `meta`, which keeps shapes and no numbers, so the widest one costs nothing to count. (An up-convolution with stride 2 puts a 2×2 stamp at each *input* pixel, so these are what counts there.)

# %% [markdown] lang="zh" of="c999bf0c"
# <details><summary>参考答案</summary>
#
# {{solution 13.2}}
#
# </details>
#
# 把 U 里所有的卷积加起来，应当等于 PyTorch 自己数出来的。第 03 章的 `trace` 走一遍 U；这里的网络建在 `meta` 上，只有形状，没有数值，所以再宽的网络数起来也不费事。（步幅为 2 的上卷积是在每个*输入*像素上盖一个 2×2 的印章，所以那里数的是输入像素。）

# %%
def network_without_numbers(widths):
    with torch.device("meta"):
        return UNet(course.config.in_channels, 1, widths)


def by_hand(widths, side):
    """Return the operations of one forward pass of a patch, summed over the arrows."""
    total = 0
    for before, step in pairwise(trace(network_without_numbers(widths), side, side)):
        kernel, channels = step.arrow[-1], (before.channels, step.channels)
        if step.arrow.startswith("conv"):
            total += operations(int(kernel), *channels, step.height, step.width)
        elif step.arrow.startswith("up-conv"):
            total += operations(int(kernel), *channels, before.height, before.width)
    return total


def by_torch(widths, side):
    """Return what PyTorch counts in the same pass."""
    counter = FlopCounterMode(display=False)
    with counter:
        image = torch.empty(1, course.config.in_channels, side, side, device="meta")
        network_without_numbers(widths)(image)
    return counter.get_total_flops()


widths, side = course.config.widths, course.config.patch_size
print(f"one patch of {side}: {by_hand(widths, side):,} by hand")
# zh: print(f"边长 {side} 的一个图像块：手算 {by_hand(widths, side):,} 次")
print(f"                 {by_torch(widths, side):,} by torch")
# zh: print(f"                 torch 数出 {by_torch(widths, side):,} 次")
lesson.contract("13.operations", by_hand(widths, side) / 1e6, course)

# %% [markdown] lang="en"
# (A GFLOP is a thousand million operations.)
#
# **Guess 13.3** Every width of the U is doubled. By how much is the number of operations multiplied?

# %% [markdown] lang="zh" of="350eeb1c"
# （GFLOP 是十亿次运算。）
#
# **猜一猜 13.3** U 的每一层宽度都加倍。运算次数变成原来的几倍？

# %%
guess = None  # a number
# zh: guess = None  # 一个数

double = tuple(2 * width for width in widths)
lesson.ask("13.3", guess, by_torch(double, side) / by_torch(widths, side))

# %% tags=["answer", "varies"]
def paces(runs, rounds=5):
    """Return the median seconds of a step of each run; they take turns."""
    times = {name: [] for name in runs}
    for _ in range(2 + rounds):  # two to warm up
        for name, trial in runs.items():
            trial.model.train()
            times[name].append(timed_step(trial).sum())
    return {name: float(np.median(each[2:])) for name, each in times.items()}


half = tuple(width // 2 for width in widths)
settings = {w: dataclasses.replace(course.config, widths=w) for w in (half, widths, double)}
seconds = paces({w: training.new_run(train, val, each) for w, each in settings.items()})
print("widths                 GFLOP a patch    s a step    GFLOP a second")
# zh: print("各层宽度             一块的 GFLOP      每步秒数    每秒 GFLOP")
for sizes, each in seconds.items():
    giga = by_torch(sizes, side) / 1e9
    work = 3 * giga * course.config.batch_size  # forward once, backward twice as much
    print(f"{'-'.join(map(str, sizes)):22} {giga:10.3f} {each:13.3f} {work / each:13.0f}")

# %% [markdown] lang="en"
# Nearly four times, as each output channel reads twice as many input channels, and there are twice as many of them. (Not quite: the photograph's channels and the one channel of the answer do not double.) The seconds grow by less. The count knows convolutions alone; batch norm, ReLU and copies are not in it, and they grow with the width, not with its square. A narrow network also pays the fixed price of each call for less work. So the wider the network, the more operations a second the same machine does: look at the last column. On a GPU one would expect more of it; that was not measured here.
#
# The same was measured once on one core, in batches of {{cost.config.batch_size:d}}, for more sizes ([results/cost.json](../results/cost.json)). Each line of the figure changes one thing of the recipe: its width, its number of levels, its patch. On a grey line the core does the same number of operations a second; the dashed line is what it reaches in a product of large matrices. The rounds lay {{cost.cpu.noise.spread_median * 100:.0f}}% apart in the middle case and {{cost.cpu.noise.spread_most * 100:.0f}}% in the worst, so believe no small difference.

# %% [markdown] lang="zh" of="93a15a0f"
# 将近四倍：每个输出通道要读的输入通道多了一倍，输出通道本身也多了一倍。（不到四倍，因为照片的通道数和输出的那一个通道没有加倍。）时间没有增加这么多。数出来的只有卷积；批归一化、ReLU 和复制不在里面，它们随宽度增加，不随宽度的平方增加。每次调用还有固定的开销，网络窄，分摊到的运算就少。所以网络越宽，同一台机器每秒做的运算越多，看最后一列就知道。GPU 上应当更明显，不过这里没有测过。
#
# 同样的测量，在一个 CPU 核上做过一次，批量大小是 {{cost.config.batch_size:d}}，试了更多种大小（[results/cost.json](../results/cost.json)）。图里每条线只改基准方案的一处：宽度、层数、图像块的边长。落在同一条灰线上的点，每秒的运算次数相同；虚线是这个核做大矩阵乘法时的速度。几轮测量之间，居中的情形相差 {{cost.cpu.noise.spread_median * 100:.0f}}%，最坏的相差 {{cost.cpu.noise.spread_most * 100:.0f}}%，小的差别不要当真。

# %% fold="Draw cost against size" fold_zh="画出大小和代价"
stored = json.loads((places.ROOT / "results" / "cost.json").read_text("utf-8"))
figures.cost(stored["rows"], stored["cpu"]["multiply_gflop_per_second"], stored["dice"])
figures.show(
    "Seconds of a step against its operations on log axes, one panel in bf16 and one in "
    "fp32, with a line for width, levels and patch; below, differences in Dice."
)
# zh: figures.show(
# zh:     "双对数坐标下，一步的秒数随运算次数变化，bf16 和 fp32 各一幅，宽度、层数、图像块各一条线；"
# zh:     "下面是 Dice 的差。"
# zh: )
rows = {row["name"]: row for row in stored["rows"]}
for name in ("width 8", "recipe", "width 64"):
    rate = rows[name]["cpu"]["bf16"]["gflop_per_second"]
    print(f"{name:9} {rate:4.0f} GFLOP a second in bf16")
    # zh: print(f"{name:9} bf16 每秒 {rate:4.0f} GFLOP")

# %% [markdown] lang="en"
# In `bf16` convolutions are {{cost.rows.recipe.cpu.bf16.convolutions * 100:.0f}}% of the time of the recipe's step and {{cost.rows['width 64'].cpu.bf16.convolutions * 100:.0f}}% of that of the network four times as wide: the rest is what the count does not know.
#
# What the arithmetic buys is in the last panel, on ten held-out eyes (chapter 12; black where the interval leaves zero out). Twice the width: {{cost.dice['width 32'].dice[0]:+.4f}} of Dice ({{cost.dice['width 32'].dice[1]:+.4f}} to {{cost.dice['width 32'].dice[2]:+.4f}}) for {{cost.dice['width 32'].times.step_flop:.1f}} times the operations and {{cost.dice['width 32'].times.bf16.core_seconds:.1f}} times the time in `bf16`, {{cost.dice['width 32'].times.fp32.core_seconds:.1f}} in `fp32`. Four times the width: {{cost.dice['width 64'].dice[0]:+.4f}} ({{cost.dice['width 64'].dice[1]:+.4f}} to {{cost.dice['width 64'].dice[2]:+.4f}}) for {{cost.dice['width 64'].times.step_flop:.0f}}, {{cost.dice['width 64'].times.bf16.core_seconds:.1f}} and {{cost.dice['width 64'].times.fp32.core_seconds:.1f}} times. Both are less than another seed may move it (chapter 12). On chapter 12's twenty test eyes, too, twice the width was ahead, by as little: the gain is likely real, and small. Five levels and larger patches are not told from the recipe.
#
# Seconds are one price, **memory** is the other, and on a GPU it usually runs out before your patience does. For the way back a step keeps the maps of the way forward: for the recipe's network in batches of {{cost.config.batch_size:d}} {{cost.rows.recipe.cpu.bf16.activations_mib:.0f}} MiB in `bf16`, {{cost.rows.recipe.cpu.fp32.activations_mib:.0f}} in `fp32`. Twice the width keeps twice as much, twice the side of a patch four times, a larger batch as many times more as it is larger. So where memory runs out, take a smaller batch first, or add up the gradients of several small batches before one update; batch norm then counts over the small ones.
#
# `torch.compile` writes a program of its own for the network. On one core that took {{cost.cpu.compile.bf16.compile_seconds:.0f}} seconds and then saved about {{cost.cpu.compile.bf16.saved[0] * 1000:.0f}} of the {{cost.cpu.compile.bf16.seconds * 1000:.0f}} milliseconds of a step (the middle half of the pairs: {{cost.cpu.compile.bf16.saved[1] * 1000:.0f}} to {{cost.cpu.compile.bf16.saved[2] * 1000:.0f}}). So it pays from somewhere between {{cost.cpu.compile.bf16.compile_seconds / cost.cpu.compile.bf16.saved[2]:,.0f}} and {{cost.cpu.compile.bf16.compile_seconds / cost.cpu.compile.bf16.saved[1]:,.0f}} such steps on. The trainings of this course are about as long or shorter: it leaves it.

# %% [markdown] lang="zh" of="32a876fc"
# 图中文字：operations, GFLOP 运算次数（十亿次） · a step in bf16 用 bf16 的一步（fp32 同理） · seconds of a core 一个 CPU 核的秒数 · width 宽度 · levels 层数 · patch 图像块边长 · recipe 基准方案 · 300 GFLOP/s 每秒 3000 亿次运算（其余同理） · matrix product 矩阵乘法 · Dice minus the recipe's 和基准方案的 Dice 之差 · twice as wide 宽度加倍 · four times as wide 四倍宽 · five levels 五层 · 256, batch of 2 边长 256，一批两个 · × time (bf16) 在 bf16 下是几倍时间。
#
# 用 `bf16` 时，卷积占基准方案一步时间的 {{cost.rows.recipe.cpu.bf16.convolutions * 100:.0f}}%；四倍宽的网络，占 {{cost.rows['width 64'].cpu.bf16.convolutions * 100:.0f}}%。其余的就是没有数进去的部分。
#
# 这些运算换来什么，看最后一幅，那是十只留出的眼睛（第 12 章；黑色表示区间不含 0）。宽度加倍，Dice 的变化是 {{cost.dice['width 32'].dice[0]:+.4f}}（{{cost.dice['width 32'].dice[1]:+.4f}} 到 {{cost.dice['width 32'].dice[2]:+.4f}}），运算次数是 {{cost.dice['width 32'].times.step_flop:.1f}} 倍，时间在 `bf16` 下是 {{cost.dice['width 32'].times.bf16.core_seconds:.1f}} 倍，在 `fp32` 下是 {{cost.dice['width 32'].times.fp32.core_seconds:.1f}} 倍。宽度加到四倍，变化是 {{cost.dice['width 64'].dice[0]:+.4f}}（{{cost.dice['width 64'].dice[1]:+.4f}} 到 {{cost.dice['width 64'].dice[2]:+.4f}}），运算次数、`bf16` 时间、`fp32` 时间依次是 {{cost.dice['width 64'].times.step_flop:.0f}}、{{cost.dice['width 64'].times.bf16.core_seconds:.1f}} 和 {{cost.dice['width 64'].times.fp32.core_seconds:.1f}} 倍。两个变化都比换一个随机种子可能带来的差别小（第 12 章）。在第 12 章的二十只测试眼睛上，宽度加倍也好一点，同样只好这么一点：多半是真的，但很小。五层的网络、更大的图像块，和基准方案分不出高下。
#
# 时间是一种代价，**内存**是另一种；用 GPU 时，先遇到的往往是显存不够。前向的特征图要留到反向时用：基准方案的网络，批量为 {{cost.config.batch_size:d}}，一步用 `bf16` 要留 {{cost.rows.recipe.cpu.bf16.activations_mib:.0f}} MiB，`fp32` 要留 {{cost.rows.recipe.cpu.fp32.activations_mib:.0f}} MiB。宽度加倍，要留的也加倍；图像块边长加倍，变成四倍；批量大几倍，就多几倍。所以内存不够时，先减小批量；或者把几个小批的梯度加起来，再更新一次，不过这时批归一化只在小批上统计。
#
# `torch.compile` 会为网络专门生成一段程序。在一个核上，编译用了 {{cost.cpu.compile.bf16.compile_seconds:.0f}} 秒，之后每步的 {{cost.cpu.compile.bf16.seconds * 1000:.0f}} 毫秒大约能省下 {{cost.cpu.compile.bf16.saved[0] * 1000:.0f}} 毫秒（成对测量的四分位区间是 {{cost.cpu.compile.bf16.saved[1] * 1000:.0f}} 到 {{cost.cpu.compile.bf16.saved[2] * 1000:.0f}} 毫秒）。所以大约要训练 {{cost.cpu.compile.bf16.compile_seconds / cost.cpu.compile.bf16.saved[2]:,.0f}} 到 {{cost.cpu.compile.bf16.compile_seconds / cost.cpu.compile.bf16.saved[1]:,.0f}} 个这样的步才划算。本课程的训练和这差不多长，或者更短，所以不用它。

# %% [markdown] lang="en" minutes="5"
# ## Short numbers
#
# Chapter 08 showed what is too small for `fp16`. Here is what is too large, and what short numbers buy. A number of 16 bits takes half the memory of one of 32. Where the hardware has units for such numbers, products of large matrices are several times as fast (on our CPU {{cost.cpu.multiply_gflop_per_second.bf16 / cost.cpu.multiply_gflop_per_second.fp32:.1f}} times); elsewhere each number is converted, and it is slower. A whole step gains less, as only its convolutions are such products: {{cost.rows.recipe.cpu.fp32.convolutions * 100:.0f}}% of it in `fp32` (Amdahl's law again). So one trains in **mixed precision** (chapter 08): the products in 16 bits, weights and loss in 32. There are two ways to spend the 16 bits: `bf16` keeps the range of `fp32`, but two to three decimal digits instead of seven; `fp16` has one digit more and a small range.

# %% [markdown] lang="zh" of="973afba1"
# ## 低精度数
#
# 第 08 章看过哪些数对 `fp16` 来说太小，这里看哪些数太大，再看低精度数能换来什么。16 位的数占的内存只有 32 位的一半。硬件有专门的运算单元时，大矩阵的乘法快好几倍（我们的 CPU 上是 {{cost.cpu.multiply_gflop_per_second.bf16 / cost.cpu.multiply_gflop_per_second.fp32:.1f}} 倍）；没有时，每个数都要先转换，反而更慢。整个一步快不了这么多，因为只有卷积是这样的乘法：用 `fp32` 时，卷积占一步的 {{cost.rows.recipe.cpu.fp32.convolutions * 100:.0f}}%（又是阿姆达尔定律）。所以训练用的是**混合精度** (mixed precision，第 08 章)：乘法用 16 位，权重和损失用 32 位。16 个比特有两种分法：`bf16` 保留 `fp32` 的范围，但十进制有效数字从七位减到两三位；`fp16` 的有效数字比它多大约一位，范围却小得多。

# %%
print("          largest   next after 1")
# zh: print("             最大   1 的下一个数")
for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
    about = torch.finfo(kind)
    print(f"{name} {about.max:12.5g} {1 + about.eps:14.8g}")

# %% [markdown] lang="en"
# **Guess 13.4** A value of 70,000 is stored in `fp16`. What becomes of it: `"70000"`, `"65504"`, `"inf"` or `"error"`?

# %% [markdown] lang="zh" of="a446de1b"
# **猜一猜 13.4** 把 70000 存成 `fp16`，会变成什么：`"70000"`、`"65504"`、`"inf"`（无穷大）还是 `"error"`（报错）？

# %%
guess = None  # one of the four words
# zh: guess = None  # 四个单词之一

lesson.ask("13.4", guess)

# %% tags=["answer"]
print("70,000 in fp16:", float(torch.tensor(70_000.0).half()))
# zh: print("70000 存成 fp16：", float(torch.tensor(70_000.0).half()))

# %% [markdown] lang="en"
# So that small gradients do not become zero, `fp16` multiplies the loss by a large factor before the backward pass and divides the gradients by it afterwards (`GradScaler`, chapter 08). Nobody knows the right factor beforehand. So the scaler begins with a large one, 65,536; if a gradient overflows, it leaves that step out, halves the factor and goes on, and after 2,000 good steps it doubles it. Here is a tiny network on the CPU, with a factor that begins far too large:

# %% [markdown] lang="zh" of="34b8ac74"
# 为了不让很小的梯度变成零，`fp16` 在反向之前先把损失乘上一个很大的缩放因子，之后再把梯度除回来（`GradScaler`，第 08 章）。合适的因子事先没人知道，所以从 65536 这样的大数开始；梯度一溢出，就跳过这一步，把因子减半，接着训练；连续 2000 步没有溢出，就把因子加倍。下面是 CPU 上的一个很小的网络，初始因子故意取得过大：

# %%
tiny = {"widths": (4, 8), "patch_size": 32, "batch_size": 4, "steps": 8, "val_every": 8}
eight_steps = dataclasses.replace(course.config, **tiny)
FACTOR = 2.0**20
cpu = {"device": torch.device("cpu"), "precision": "fp16"}
fp16 = training.new_run(train, val, eight_steps, **cpu)
fp16.scaler = torch.amp.GradScaler("cpu", init_scale=FACTOR)
print(f"the first factor: {FACTOR:,.0f}")
# zh: print(f"初始因子：{FACTOR:,.0f}")
for loss in fp16.steps():
    print(f"step {fp16.step}: loss {float(loss):.2f}, next factor {fp16.scaler.get_scale():9,.0f}")
    # zh: print(f"第 {fp16.step} 步：损失 {float(loss):.2f}，下一步的因子 {fp16.scaler.get_scale():9,.0f}")
print(f"steps that changed no weight: {fp16.history[-1]['skipped']}")
# zh: print(f"没有改动权重的步：{fp16.history[-1]['skipped']}")

# %% [markdown] lang="en"
# (The loss moves even where no weight changed, as each batch is another.)
#
# `bf16` needs none of this; where the hardware has it, the course takes it: a GPU of compute capability 8 or more, a CPU with units for matrices (AMX). Below that `fp16` with its scaler on a GPU, and `fp32` everywhere else (`runtime.pick_precision`). A loss that is no number (NaN) ends the training with its step named; no scaler can mend that.
#
# What does it buy here? (Below 1: this device has no units for such numbers, or the network is too small to use them. A CPU with instructions for `bf16` but without AMX was a third slower with it than in `fp32`. The rule does not measure; it asks the device what it has.)

# %% [markdown] lang="zh" of="5755a7e0"
# （权重没有改动的步，损失也会变，因为每一批图像块都不同。）
#
# `bf16` 用不着这些。硬件支持时，课程就用它：计算能力 8 以上的 GPU，或者带矩阵运算单元 (AMX) 的 CPU。计算能力更低的 GPU 用 `fp16` 加损失缩放，其余都用 `fp32`（`runtime.pick_precision`）。损失变成 NaN 时，训练会停下来并指出是哪一步，这种情况损失缩放也无能为力。
#
# 在这台机器上，低精度数能换来什么？（小于 1 倍，说明这个设备没有相应的运算单元，或者网络太小，用不上。有一种 CPU 带 `bf16` 指令，却没有 AMX，速度反而比 `fp32` 慢三分之一。选哪一种，规则不靠测量，只看设备有什么。）

# %% tags=["varies"]
known = {"cuda": ("fp32", "fp16", "bf16"), "cpu": ("fp32", "bf16")}
kinds = known.get(device.type, ("fp32",))
pace = paces({k: training.new_run(train, val, course.config, precision=k) for k in kinds})
for kind, each in pace.items():
    print(f"{kind}: {each:.3f} s a step, {pace['fp32'] / each:.1f} times as fast as fp32")
    # zh: print(f"{kind}：每步 {each:.3f} s，速度是 fp32 的 {pace['fp32'] / each:.1f} 倍")
    if kind != "fp32":
        gains[f"{kind} instead of fp32, training"] = pace["fp32"] / each
        # zh: gains[f"训练用 {kind}（和 fp32 相比）"] = pace["fp32"] / each
print(f"the rule takes {runtime.pick_precision(device)} here")
# zh: print(f"按规则，这里用 {runtime.pick_precision(device)}")

# %% [markdown] lang="en" minutes="12"
# ## One batch, several processes
#
# A second GPU makes one training faster only if both work on the same network. **Data parallel** training does it so: each process holds a copy of the weights and takes a share of each batch; after the backward pass the gradients are brought together, and each process makes the same update, so the copies never part.
#
# Take the simplest case first: the loss of a batch is a mean over its patches. A batch of eight on three processes gives shares of 3, 3 and 2.
#
# **Exercise 13.5** `gradients` holds one array a process: the gradient of the mean loss over its own share. `counts` holds how many patches each share had. Return the gradient of the mean over the whole batch.

# %% [markdown] lang="zh" of="caeacd05"
# ## 一批图像块，几个进程
#
# 再加一块 GPU，训练不会自动变快，除非两块一起训练同一个网络。**数据并行** (data parallel) 是这样做的：每个进程各有一份权重，每批图像块各领一份；反向之后把梯度合到一起，每个进程做同样的更新，所以各份权重始终一样。
#
# 先看最简单的情形：一批的损失是各图像块损失的平均。八个图像块分给三个进程，分别是 3、3、2 个。
#
# **练习 13.5** `gradients` 里每个进程一个数组：先对自己那一份图像块的损失取平均，再求梯度，得到的就是它。`counts` 是每一份有几个图像块。返回整批平均损失的梯度。

# %% tags=["exercise"]
def joined(gradients, counts):
    return None  # your code here
    # zh: return None  # 在这里写代码


joined = lesson.exercise("13.5", joined)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 13.5}}
#
# </details>
#
# (PyTorch's own `DistributedDataParallel` takes the plain mean of the gradients; that is the same where all shares are equal.)
#
# Does it hold for a real network? Your function joins the gradients of three shares, once without and once with batch norm.

# %% [markdown] lang="zh" of="6db4cf4f"
# <details><summary>参考答案</summary>
#
# {{solution 13.5}}
#
# </details>
#
# （PyTorch 自带的 `DistributedDataParallel` 直接取各进程梯度的平均，只有各份一样多时才和你的一样。）
#
# 真的网络也成立吗？下面用你的函数合并三份的梯度，一次没有批归一化，一次有。

# %% tags=["answer"]
def gradient(network, image, target):
    """Return the gradient of the mean loss, all weights in one row."""
    network.zero_grad()
    F.binary_cross_entropy_with_logits(network(image), target).backward()
    return torch.cat([p.grad.flatten() for p in network.parameters()]).numpy()


torch.manual_seed(0)
light = torch.linspace(0.2, 1, 8).view(8, 1, 1, 1)  # from dark patches to bright ones
# zh: light = torch.linspace(0.2, 1, 8).view(8, 1, 1, 1)  # 图像块从暗到亮
patches, target = light * torch.rand(8, 4, 32, 32), (torch.rand(8, 1, 32, 32) < 0.1).float()
counts = (3, 3, 2)
for batch_norm in (False, True):
    small = UNet(4, 1, (4, 8), batch_norm=batch_norm)
    whole = gradient(small, patches, target)
    pieces = zip(patches.split(counts), target.split(counts), strict=True)
    joint = joined([gradient(small, *piece) for piece in pieces], counts)
    off = np.linalg.norm(joint - whole) / np.linalg.norm(whole)
    print(f"{'with' if batch_norm else 'without'} batch norm: off by {off:.1g} of the gradient's length")
    # zh: print(f"{'用' if batch_norm else '不用'}批归一化：偏差是梯度长度的 {off:.1g} 倍")

# %% [markdown] lang="en"
# Without batch norm only rounding is left. With it the joined gradient is that of another training: **batch norm** takes mean and variance over the batch, and over a share they are others. So the processes bring their sums together, and each has the mean and variance of the batch. The **Dice loss** needs the same care, as it is a quotient of sums over the batch, not a mean over patches; so each process is handed the logits of the others and computes the loss of all ([helpers/distributed.py](../helpers/distributed.py)). With that no share has a weight of its own, either, and the plain mean of the gradients is the right one. Then several processes compute in each step what one does, up to rounding, which grows over the steps.
#
# `torchrun`, which comes with PyTorch, starts a command several times and tells each copy its number. (Below it goes by its full name, `python -m torch.distributed.run`.) We train the same few steps alone and with two processes, three times in turn. (In smoke mode, on Windows, whose PyTorch cannot start torchrun, and on a Mac's GPU the lines are only shown.)

# %% [markdown] lang="zh" of="0c5a72c6"
# 不用批归一化时，只剩舍入误差。用了批归一化，合并出来的就是另一种训练的梯度：**批归一化**要对整批求均值和方差，只对自己那一份求，结果就不同。所以各进程把各自的统计量合到一起，得到整批的均值和方差。**Dice 损失**也要这样处理：它是两个总和之比，总和都对整批求，不是各图像块损失的平均。所以每个进程都会拿到其他进程的 logits，算的是整批的损失（[helpers/distributed.py](../helpers/distributed.py)）。既然各份不再各自加权，直接取梯度的平均就对了。这样，几个进程每一步算的就和一个进程一样，只差舍入误差；步数多了，这点误差会慢慢放大。
#
# PyTorch 自带的 `torchrun` 把同一条命令同时启动几份，并把编号告诉每一份（下面写的是它的全名 `python -m torch.distributed.run`）。同样的几步，用一个进程、用两个进程各训练三次，轮流进行。（在 smoke 模式下，或者用 Mac 的 GPU 时，只显示命令。Windows 也一样，那里的 PyTorch 启动不了 torchrun。）

# %% fold="A training in processes of its own" fold_zh="在单独的进程里训练"
command = ["-m", "helpers", "train", "--dataset", course.dataset, "--mode", "lesson"]


def trained(count, *start):
    """Train with so many processes; return the seconds of a step and the last line."""
    out = folder / f"processes-{time.time_ns()}"
    line = [sys.executable, *start, *command, "--steps", str(STEPS), "--out", str(out)]
    if smoke or sys.platform == "win32" or device.type == "mps":
        return None
    threads = max(1, torch.get_num_threads() // count)  # the same cores for both ways
    environment = os.environ | {"FUNDUS_DATA": str(course.data_dir)}
    environment["OMP_NUM_THREADS"] = str(threads)
    if torch.cuda.device_count() < PROCESSES:  # both on the CPU, to be fair
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    options = {"capture_output": True, "encoding": "utf-8", "errors": "replace"}
    done = subprocess.run(line, cwd=places.ROOT, env=environment, **options)
    lines = [x for x in (done.stdout + done.stderr).splitlines() if x.strip()]
    if done.returncode:
        print(next((x for x in lines if "rror" in x), f"exit code {done.returncode}"))
        return None
    record = json.loads((out / "result.json").read_text("utf-8"))
    return record["seconds"] / STEPS, next(x for x in reversed(lines) if ", loss " in x)


# %% title="How many processes" title_zh="几个进程"
PROCESSES = 2  # @param {type:"slider", min:1, max:8, step:1}
STEPS = 24  # @param {type:"integer"}

torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={PROCESSES}"]
ways, turns = [(1, ()), (PROCESSES, torchrun)], []
for _, start in ways:
    print("python", *start, *command, "--steps", STEPS, "--out FOLDER")
for _ in range(3):
    turn = [trained(count, *start) for count, start in ways]
    if None in turn:  # not started here, or it failed and said why
        break
    turns.append(turn)
if len(turns) == 3:
    print("\n".join(line for _, line in turns[0]))
    alone, shared = np.median([[pace for pace, _ in turn] for turn in turns], axis=0)
    print(f"{alone:.3f} s a step alone, {shared:.3f} s with {PROCESSES}: {alone / shared:.2f} times as fast")
    # zh: print(f"一个进程每步 {alone:.3f} s，{PROCESSES} 个进程每步 {shared:.3f} s：速度是一个进程的 {alone / shared:.2f} 倍")
    gains[f"{PROCESSES} processes instead of one"] = alone / shared
    # zh: gains[f"{PROCESSES} 个进程（和一个进程相比）"] = alone / shared

# %% [markdown] lang="en"
# The losses are close, not equal: the processes add in another order, and the optimizer makes the rounding larger from step to step. One process with another number of threads ends as far away. (On a small network in `fp32` twenty steps agree to the fourth decimal; `tests/test_distributed.py` checks it.) Both ways had the same cores, so there is nothing to gain here but much to lose: each process still makes the whole batch and the whole loss, and at every batch norm, which adds up over processes and is slower than PyTorch's own, the two wait for each other. With a GPU for each process it should be another matter, and that is what the command is for (not measured here); on several machines `--nnodes` and an address take the place of `--standalone` (`torchrun --help`).
#
# If a process dies, the others stop and say so. With `--max-restarts 3` torchrun starts them all again, and the training goes on from its last checkpoint.

# %% [markdown] lang="zh" of="2c7d9678"
# 两次的损失很接近，但不完全相同：各进程求和的次序不同，舍入误差经过优化器一步步放大。同一个进程换一个线程数，最后也会差这么多。（小网络用 `fp32` 训练二十步，损失的前四位小数一致，`tests/test_distributed.py` 检查的就是这一点。）两种方式用的是同样的核，所以这里没有什么可赚，只会多花时间：每个进程仍要准备整批图像块，算整批的损失；每到一个批归一化，两个进程都要互相等，而跨进程求和的批归一化本来就比 PyTorch 自带的慢。每个进程有一块自己的 GPU，情况应当不同，这条命令就是为此准备的（这里没有测过）；用几台机器时，把 `--standalone` 换成 `--nnodes` 和地址（见 `torchrun --help`）。
#
# 有一个进程中途退出，其余的也会停下来，并说明原因。加上 `--max-restarts 3`，torchrun 会把它们全部重新启动，从最后一个检查点断点续训。

# %% [markdown] lang="en" minutes="6"
# ## A network without PyTorch
#
# To use a network one needs its weights and the list of its operations, not the program that trained it. **ONNX** is a file format for both, read by a small library (ONNX Runtime) in many languages, browsers included.
#
# **Guess 13.6** The U-Net of the course has {{which_u.rows[0].parameters:,d}} parameters, each an `fp32` number. How many megabytes (millions of bytes) do they take?

# %% [markdown] lang="zh" of="5609d807"
# ## 不用 PyTorch 的网络
#
# 要使用一个网络，需要的是它的权重，再加一份运算清单，不需要训练它的程序。**ONNX** 就是存放这两样的文件格式，有一个小巧的库 (ONNX Runtime) 能读它，许多编程语言都能用，浏览器也行。
#
# **猜一猜 13.6** 课程的 U-Net 有 {{which_u.rows[0].parameters:,d}} 个参数，每个都是 `fp32`。一共占多少兆字节（百万字节）？

# %%
guess = None  # megabytes
# zh: guess = None  # 兆字节

lesson.ask("13.6", guess)

# %% [markdown] lang="en"
# Exporting needs three packages that the course does not ask for otherwise; where they are missing, the cell says how to get them (in a notebook, `%pip install onnx onnxscript onnxruntime` in a new cell, then this one again), and the chapter goes on.

# %% [markdown] lang="zh" of="a49b906c"
# 导出要用三个包，课程别处用不到。没有装的话，单元格会说怎样装（在 Notebook 里，新建一个单元格运行 `%pip install onnx onnxscript onnxruntime`，再运行这一格），本章照样往下走。

# %% tags=["answer", "varies"]
segmenter = inference.Segmenter.load(device=torch.device("cpu"))
files = {"fp32": folder / "drive.onnx", "int8": folder / "drive-int8.onnx"}
eye, exported = val[0], {}
size = 4 * sum(p.numel() for p in segmenter.model.parameters()) / 1e6
print(f"parameters: {size:.2f} MB")
# zh: print(f"参数：{size:.2f} MB")
try:
    export.write(segmenter, files["fp32"])
    exported["fp32"] = export.load(files["fp32"])
    if not smoke:  # the range of each map is measured on some photographs
        some = course.load("train")[: export.CALIBRATED_BY]
        export.write(segmenter, files["int8"], [preprocess.prepare(x.image) for x in some])
        exported["int8"] = export.load(files["int8"])
except (ValueError, ImportError, RuntimeError) as error:  # not there, or of another age
    print(error)


def answers(networks, rounds=5):
    """Return each one's probabilities of an eye and its median seconds; in turns."""
    inputs, times = preprocess.prepare(eye.image), {name: [] for name in networks}
    maps = {}
    for _ in range(1 + rounds):  # one to warm up
        for name, network in networks.items():
            start = time.perf_counter()
            maps[name] = inference.predict_probs(network.model, network.standardisation(inputs))
            times[name].append(time.perf_counter() - start)
    return maps, {name: float(np.median(each[1:])) for name, each in times.items()}


maps, seconds_each = answers({"PyTorch": segmenter} | exported)
print(f"PyTorch: {seconds_each['PyTorch']:.2f} s an eye")
# zh: print(f"PyTorch：每只眼睛 {seconds_each['PyTorch']:.2f} s")
theirs = (maps["PyTorch"] >= segmenter.threshold) & eye.fov
for name in exported:
    ours, size = (maps[name] >= segmenter.threshold) & eye.fov, files[name].stat().st_size / 1e6
    dice = 2 * (ours & theirs).sum() / max(1, ours.sum() + theirs.sum())
    faster = seconds_each["PyTorch"] / seconds_each[name]
    gains[f"ONNX Runtime, {name}, instead of PyTorch"] = faster
    # zh: gains[f"用 ONNX Runtime {name}（和 PyTorch 相比）"] = faster
    print(f"ONNX {name}: {size:.2f} MB, {seconds_each[name]:.2f} s, {faster:.1f} times as fast; ", end="")
    # zh: print(f"ONNX {name}：{size:.2f} MB，{seconds_each[name]:.2f} s，速度是 PyTorch 的 {faster:.1f} 倍；", end="")
    print(f"Dice of its vessels with PyTorch's {dice:.4f}")
    # zh: print(f"和 PyTorch 的血管图的 Dice 是 {dice:.4f}")

# %% [markdown] lang="en"
# Four bytes a parameter; the rest of the file is the list of operations. Standardisation and the mirrored border are part of it, so that whoever uses it cannot forget them; making the four channels (chapter 05) is not. Going to `int8` is called **quantization**: each weight, and each number in a feature map, takes one of 256 values, one byte in place of four. Of a map the range must be known beforehand; it is measured on eight training photographs, and what lies outside is cut.
#
# The vessels of `fp32` are the same; those of `int8` differ here and there. Against the labels of DRIVE 37 to 40 its Dice is {{export.val.int8.dice:.4f}} in place of {{export.val.torch.dice:.4f}}, its AP {{export.val.int8.auc_pr:.4f}} in place of {{export.val.torch.auc_pr:.4f}} ([results/export.json](../results/export.json)). Four eyes are few, and the threshold was not chosen for it: AP, which needs none, says more. A quarter of the size is not four times the pace: on two cores ONNX Runtime took an eye through the network {{export.val.fp32.times_as_fast.network:.1f}} times as fast as PyTorch, in `int8` {{export.val.int8.times_as_fast.network:.1f}} times; with other work beside it, it was sometimes slower. Measure where it is to run.
#
# From the command line: `python3 -m helpers export --out drive.onnx`, then `python3 -m helpers segment PHOTOGRAPHS --onnx drive.onnx --out FOLDER`. And `python3 -m helpers export --page` writes a page that segments photographs in a browser, offline; nothing leaves the machine.

# %% [markdown] lang="zh" of="5a74b970"
# 每个参数四个字节，文件里其余的是运算清单。标准化和镜像填充也在文件里，用的人不会漏掉；四个通道的预处理（第 05 章）不在里面。换成 `int8` 叫量化 (quantization)：每个权重、每张特征图里的每个数，都只能取 256 个值之一，只占一个字节，而不是四个。特征图的取值范围要事先知道，是在八张训练照片上测出来的，超出的部分会被截掉。
#
# `fp32` 文件的血管图和 PyTorch 的完全一样，`int8` 的有零星差别。按 DRIVE 37 到 40 号的标签评分，`int8` 的 Dice 是 {{export.val.int8.dice:.4f}}（PyTorch 是 {{export.val.torch.dice:.4f}}），AP 是 {{export.val.int8.auc_pr:.4f}}（PyTorch 是 {{export.val.torch.auc_pr:.4f}}），见 [results/export.json](../results/export.json)。四只眼睛太少，阈值也不是为它选的；AP 不需要阈值，更能说明问题。文件只有四分之一，速度却不是四倍：在两个核上，一只眼睛通过网络，ONNX Runtime 的速度是 PyTorch 的 {{export.val.fp32.times_as_fast.network:.1f}} 倍，`int8` 是 {{export.val.int8.times_as_fast.network:.1f}} 倍；机器同时做别的事时，有时反而更慢。在哪里用，就在哪里测。
#
# 命令行：先 `python3 -m helpers export --out drive.onnx`，再 `python3 -m helpers segment PHOTOGRAPHS --onnx drive.onnx --out FOLDER`（照片和结果文件夹换成你自己的）。`python3 -m helpers export --page` 会写出一个网页，在浏览器里离线分割照片，照片不离开这台机器。

# %% [markdown] lang="en" minutes="14"
# ## A million photographs
#
# Machines that segment photographs together need not talk to each other. Each machine takes its **shard**, a part of the list, and writes a table of its own; at the end the tables are put together. The only question is which photograph belongs to which machine. Two machines must agree without asking each other, and photographs that arrive later must not move the others.
#
# **Exercise 13.7** Return the shard of a photograph, 0 to `count - 1`: take the SHA-256 of its name (`hashlib.sha256(name.encode()).digest()`), read the first eight bytes as a whole number (`int.from_bytes(..., "big")`), and return the remainder of its division by `count`.

# %% [markdown] lang="zh" of="e1e3e681"
# ## 一百万张照片
#
# 许多机器一起分割许多照片，机器之间不用通信。每台机器取列表的一部分，叫一个**分片** (shard)，各写各的表，最后把表合起来。唯一的问题是：哪张照片归谁？两台机器不用商量就要得出同样的答案，后来的照片也不能让别的照片换地方。
#
# **练习 13.7** 返回一张照片的分片编号，从 0 到 `count - 1`：先算文件名的 SHA-256（`hashlib.sha256(name.encode()).digest()`），把前八个字节当作一个整数（`int.from_bytes(..., "big")`），再返回它除以 `count` 的余数。

# %% tags=["exercise"]
def shard_of(name, count):
    return None  # your code here
    # zh: return None  # 在这里写代码


shard_of = lesson.exercise("13.7", shard_of)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 13.7}}
#
# </details>
#
# Why not simply deal the list out like cards? Let fifty photographs arrive, and see who has to move:

# %% [markdown] lang="zh" of="9c41c87a"
# <details><summary>参考答案</summary>
#
# {{solution 13.7}}
#
# </details>
#
# 为什么不像发牌一样按次序分？再来五十张照片，看看有多少要换地方：

# %%
before = [f"eye-{number:03d}.jpg" for number in range(0, 400, 2)]
after = sorted(before + [f"eye-{number:03d}.jpg" for number in range(1, 100, 2)])
machines = [{x: shard_of(x, 4) for x in each} for each in (before, after)]
cards = [{x: place % 4 for place, x in enumerate(each)} for each in (before, after)]
ways = {"dealt like cards": cards, "by their names": machines}
# zh: ways = {"按次序分": cards, "按文件名": machines}
for text, (old, new) in ways.items():
    moved = sum(old[name] != new[name] for name in before)
    sizes = np.bincount(list(new.values()), minlength=4)
    print(f"{text}: {moved} of {len(before)} change their machine; shards of {', '.join(map(str, sizes))}")
    # zh: print(f"{text}：{len(before)} 张里有 {moved} 张换了机器；各分片 {', '.join(map(str, sizes))} 张")

# %% [markdown] lang="en"
# The price is that shards are not quite equal, which is nothing with thousands of photographs, and that their number must stay: with a fifth shard most photographs would move, so the command refuses it. The machines write into one folder that all of them see. When photographs have arrived, give the same line on every machine once more: each passes over what it has done. (The command counts shards from 1, and takes the path inside the folder for a name.)
#
# ```
# python3 -m helpers segment PHOTOGRAPHS --out OUT --shard 1/4      # on the first of four machines
# python3 -m helpers segment --merge --out OUT                      # when all have ended
# ```
#
# A *cluster* is many machines behind one queue. Its *scheduler* (often Slurm at universities, Kubernetes in companies) starts a command many times and tells each copy its number, and `--shard auto` reads that: [jobs/slurm.sh](../jobs/slurm.sh), [jobs/kubernetes.yaml](../jobs/kubernetes.yaml), [jobs/torchrun.sh](../jobs/torchrun.sh). Kubernetes starts a task anew that died; with Slurm the merge names what is missing, and you start that again. Either way only the missing part is done. Make more shards than machines, say 2,000 photographs each: the scheduler hands each free core the next one, and as every photograph writes its shard's table anew, a long table would take time of its own. On a single machine `--jobs N` is enough.
#
# **Guess 13.8** A million photographs of 3000 × 2000 pixels, two seconds of one core each, 64 cores. How many hours does it take?

# %% [markdown] lang="zh" of="e400301d"
# 代价是各分片不完全一样多，照片上千张时这点差别可以忽略。还有，分片数不能中途改：多一个分片，大部分照片就要换机器，所以命令不允许这样做。各台机器写进同一个大家都能访问的文件夹。来了新照片，就在每台机器上把同一条命令再运行一遍：做过的会跳过。（命令里的分片从 1 数起，文件名用的是文件夹里的相对路径。）
#
# ```
# python3 -m helpers segment PHOTOGRAPHS --out OUT --shard 1/4      # on the first of four machines
# python3 -m helpers segment --merge --out OUT                      # when all have ended
# ```
#
# 第一行在四台机器里的第一台上运行，第二行等全部结束之后再运行。*集群* (cluster) 是排在同一个队列后面的许多机器；它的*调度器* (scheduler，大学里常用 Slurm，公司里常用 Kubernetes) 把一条命令启动许多份，告诉每一份它的编号，`--shard auto` 会读这个编号：见 [jobs/slurm.sh](../jobs/slurm.sh)、[jobs/kubernetes.yaml](../jobs/kubernetes.yaml)、[jobs/torchrun.sh](../jobs/torchrun.sh)。任务中途停了，Kubernetes 会自动重新启动；用 Slurm 时，合并会指出缺哪些，由你重新启动。两种情况都只补没做完的。分片数要比机器多，比如每片 2000 张：哪个核空了，调度器就给它下一片；每做完一张都要重写这一片的表，表太长也费时间。只有一台机器时，用 `--jobs N` 就够了。
#
# **猜一猜 13.8** 一百万张 3000 × 2000 像素的照片，一个核分割一张要两秒，现在有 64 个核。一共要多少小时？

# %%
guess = None  # hours
# zh: guess = None  # 小时数

lesson.ask("13.8", guess)

# %% tags=["answer"] title="Your plan" title_zh="你的计划"
COUNT = 1_000_000  # @param {type:"integer"}
CORES = 64  # @param {type:"integer"}
SECONDS_EACH = 2.0  # @param {type:"number"}
PRICE_PER_CORE_HOUR = 0.05  # @param {type:"number"}
PRICE_PER_TERABYTE_MONTH = 20.0  # @param {type:"number"}

needed = plan.photographs(
    COUNT,
    CORES,
    seconds_each=SECONDS_EACH,
    price_per_core_hour=PRICE_PER_CORE_HOUR,
    price_per_terabyte_month=PRICE_PER_TERABYTE_MONTH,
)
print(f"{needed.hours:,.0f} hours, {needed.core_hours:,.0f} core hours, {needed.shards} shards")
# zh: print(f"{needed.hours:,.0f} 小时，{needed.core_hours:,.0f} 核时，{needed.shards} 个分片")
print(f"{needed.terabytes:.1f} TB of photographs and results")
# zh: print(f"照片和结果共 {needed.terabytes:.1f} TB")
print(f"computing costs {needed.computing:,.0f}, a month of storage {needed.storage:,.0f}")
# zh: print(f"计算费 {needed.computing:,.0f}，存储一个月 {needed.storage:,.0f}")

# %% [markdown] lang="en"
# With the numbers above nine hours, on paper: if all 64 are real cores (a rented "vCPU" is often half of one) and the disk keeps up. One core was measured, on three of DRIVE's photographs enlarged to that size ([results/photographs.json](../results/photographs.json)), 64 at once were not. The prices are round numbers; put in your own. Even so, keeping all files costs more than computing them; `--keep vessels,overlay,thumb` leaves out the large ones.
#
# Segment ten of your own photographs first, and with one thread, or the seconds are those of all cores together: `OMP_NUM_THREADS=1 python3 -m helpers segment ...` (on a line before in Windows' command prompt `set OMP_NUM_THREADS=1`, in PowerShell `$env:OMP_NUM_THREADS=1`). Their seconds are in `segment.csv`, and all else hangs on them.

# %% [markdown] lang="zh" of="2155c9ad"
# 按上面的数，纸面上是九小时，前提是 64 个都是真正的核（租来的“vCPU”常常只是半个），硬盘也跟得上。只测过一个核，照片是把 DRIVE 的三张放大到这个尺寸（[results/photographs.json](../results/photographs.json)），没有测过 64 个核一起跑。单价只是大概的数，请换成你自己的。即便如此，保存全部文件的费用也比计算高；`--keep vessels,overlay,thumb` 会省掉大文件。
#
# 先分割十张自己的照片，而且只用一个线程，否则测到的是所有核一起用的秒数：`OMP_NUM_THREADS=1 python3 -m helpers segment ...`（Windows 上，前面先单独运行一行：命令提示符里是 `set OMP_NUM_THREADS=1`，PowerShell 里是 `$env:OMP_NUM_THREADS=1`）。每张的秒数在 `segment.csv` 里，别的都由它决定。

# %% [markdown] lang="en" minutes="1"
# ## What pays, here
#
# What was measured side by side in this run, on this machine:

# %% [markdown] lang="zh" of="b56ac72a"
# ## 在这里，什么划算
#
# 这次运行里，在这台机器上并排测到的：

# %% tags=["varies"]
for name, gain in gains.items():
    print(f"{gain:5.2f} times as fast: {name}")
    # zh: print(f"速度 {gain:5.2f} 倍：{name}")
course.record(scaling=gains)

# %% [markdown] lang="en"
# Below 1 is slower. In training on a CPU only the short numbers can pay, and only where it has units for them; several processes are for those who have several GPUs. ONNX Runtime may speed up the finished network, as measured above; its main use is that it needs no PyTorch. Shards are there because they need no talk.

# %% [markdown] lang="zh" of="cb5fb36e"
# 小于 1 就是变慢。在 CPU 上训练，只有低精度数可能划算，而且 CPU 要有相应的运算单元；多进程是给有几块 GPU 的人准备的。ONNX Runtime 也可能让训练好的网络更快，上面测过了；它主要的用处是不需要 PyTorch。用分片，是因为机器之间不用通信。

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - Measure where the time goes before you make anything faster; a part of a tenth can save a tenth.
# - A convolution costs 2 · k² · C_in · C_out · H · W operations; twice the width is nearly four times the work, and buys little here.
# - Both have 16 bits: `bf16` has the range of `fp32` and needs nothing else, `fp16` needs a scaler. A loss of NaN ends the training with its step named.
# - Several processes compute what one does if gradients, batch norm and the loss are counted over the whole batch.
# - An exported network needs no PyTorch; standardisation and border are inside the file, preparing the four channels is not.
# - Shards by name need no talk between machines; the seconds of one photograph tell the hours of a million.

# %% [markdown] lang="zh" of="151b6996"
# ## 小结
#
# - 先测时间花在哪里，再想怎样变快；只占十分之一的部分，最多省十分之一。
# - 一个卷积要 2 · k² · C_in · C_out · H · W 次运算；宽度加倍，运算将近四倍，在这里换来的不多。
# - `bf16` 和 `fp16` 都是 16 位：`bf16` 的范围和 `fp32` 一样大，直接用就行；`fp16` 范围小，要做损失缩放。损失变成 NaN 时，训练会停下来并指出是哪一步。
# - 只要梯度、批归一化和损失都按整批计算，几个进程算出来的就和一个进程一样。
# - 导出的网络不需要 PyTorch；标准化和镜像填充在文件里，四个通道的预处理不在。
# - 按文件名分片，机器之间不用通信；知道一张照片要几秒，就知道一百万张要几小时。

# %% [markdown] lang="en" minutes="0"
# ## Sources
#
# - Images: DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.
# - Micikevicius et al.: mixed precision training, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740).
# - Li et al.: PyTorch distributed, 2020, [arXiv:2006.15704](https://arxiv.org/abs/2006.15704).
# - Jacob et al.: quantisation to whole numbers, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877).

# %% [markdown] lang="zh" of="434d465e"
# ## 参考资料
#
# - 图像：DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。
# - Micikevicius 等：Mixed Precision Training, 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740)。
# - Li 等：PyTorch Distributed, 2020, [arXiv:2006.15704](https://arxiv.org/abs/2006.15704)。
# - Jacob 等：Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018, [arXiv:1712.05877](https://arxiv.org/abs/1712.05877)。

# %% include="ticket"
