# ---
# gpu: true
# ---
# %% [markdown] lang="en"
# # 08 Training
#
# *What does a network do in each of its thousands of steps, and how do you see that it is learning?*

# %% [markdown] lang="zh" of="90e8100c"
# # 08 训练
#
# *网络在几千步里的每一步做了什么？怎样看出它真的在学？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** compute both losses by hand, read the training loop line by line, say why a GPU trains with short numbers, forecast how long training takes, read a loss curve, and stop a run and resume it with the same weights, bit for bit, as without the break.
#
# **Minutes** {{minutes}} to read and try; {{computing}} to compute on two cores, most of it in the background.
#
# **You need** logits, sigmoid and the five lines of a training step (chapter 02, "Your first module"), Dice (04), patches (06), the network (07).
#
# **You are here**

# %% [markdown] lang="zh" of="efbb22fd"
# **学完这一章你能** 手算两种损失，逐行读懂训练循环，说明 GPU 训练为什么用低精度数，预估训练时间，看懂损失曲线，并能断点续训，得到与不中断时逐比特相同的权重。
#
# **用时** 阅读和练习 {{minutes}} 分钟；用两个 CPU 核计算约 {{computing}} 分钟，大部分在后台。
#
# **预备知识** logits、sigmoid 和训练一步的五行代码（第 02 章“你的第一个模块”），Dice（第 04 章），图像块（第 06 章），网络（第 07 章）。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import copy
import dataclasses
import functools
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import clear_output
from torch import Tensor, nn
from torch.nn import functional

from helpers import datasets, figures, inference, places, runtime, saving, training
from helpers.unet import UNet, count_parameters

# %% [markdown] lang="en" minutes="9"
# ## Start first, understand while it runs
#
# Training takes minutes, so we start it at once and use the minutes to understand it. Five cells do that. The first holds the loss, the number that training makes small: three functions from `helpers/losses.py`, which we take apart below. They are pasted here so that you can change them: `make_run` below hands `bce_dice_loss` to the training. Edit the losses, run the five cells again, and the network is trained with your version.

# %% [markdown] lang="zh" of="ef7317a2"
# ## 先启动，边跑边学
#
# 训练要几分钟，所以我们先启动它，再利用这几分钟弄懂它。启动要用五个单元格。第一个单元格是损失函数 (loss)，训练就是要让它的值变小。它是 `helpers/losses.py` 里的三个函数，下面会逐个拆开讲。贴在这里是为了让你能修改：下面的 `make_run` 会把 `bce_dice_loss` 交给训练。改了损失函数，把这五个单元格再运行一遍，训练用的就是你的版本。

# %% tags=["show-source"]
from helpers.losses import bce_loss, soft_dice_loss, bce_dice_loss

# %% [markdown] lang="en"
# A step is one update of all weights, on one batch of patches. `STEPS = 0` means as many steps as the mode (printed by the set-up cell) asks for, `BATCH_SIZE = 0` its number of patches in a batch; choose a smaller one where the memory of a GPU is too small. Set `TRAIN = False` to take weights that are there already. In Colab, tick `DRIVE` to keep a copy of each checkpoint in your Google Drive: if Colab takes the machine back, tick it again with the same settings, run these cells, and the training goes on where it was. In the printed list, `val_every` is the number of steps between two looks at the validation images.

# %% [markdown] lang="zh" of="7befb373"
# 一步 (step) 是用一批图像块把所有权重更新一次。`STEPS = 0` 表示按当前模式规定的步数训练，模式见准备单元格的输出；`BATCH_SIZE = 0` 表示按当前模式的批量大小，即一批有几个图像块，显存不够时改小。想直接用现成的权重，就设 `TRAIN = False`。在 Colab 里勾选 `DRIVE`，每个检查点都会在你的云端硬盘里留一份；万一 Colab 收回机器，设置不变，再勾选一次，运行这几个单元格，训练就从断开的地方接着走。输出里的 `val_every` 是每隔多少步在验证图像上评估一次。

# %% title="What to train" title_zh="训练什么"
TRAIN = True  # @param {type: "boolean"}
STEPS = 0  # @param {type: "integer"}
BATCH_SIZE = 0  # @param {type: "integer"}
SEED = 0  # @param {type: "integer"}
DRIVE = False  # @param {type: "boolean"}

num_steps = STEPS or course.config.steps
config = dataclasses.replace(
    course.config,
    steps=num_steps,
    batch_size=BATCH_SIZE or course.config.batch_size,
    seed=SEED,
    val_every=min(course.config.val_every, max(1, num_steps // 4)),
)
for name, value in dataclasses.asdict(config).items():
    print(f"{name:14} {value}")

# %% [markdown] lang="en"
# `make_run` puts images, network, loss and augmentation together. The first weights and the patches are drawn from the seed, so two calls give the same run. Chapter 05's standardisation is fitted on the training images inside `training.new_run`; the validation images are prepared the same way and never augmented.

# %% [markdown] lang="zh" of="9365b2a4"
# `make_run` 把图像、网络、损失函数和数据增强接到一起。初始权重和图像块都由随机种子决定，所以调用两次，得到的训练完全相同。第 05 章的标准化在 `training.new_run` 里用训练图像拟合；验证图像用同样的方式处理，但从不增强。

# %%
train, val = course.load("train"), course.load("val")


def make_run() -> training.TrainingRun:
    """Return a run at step 0; the same seed gives the same run."""
    loss_fn = functools.partial(bce_dice_loss, dice_weight=config.dice_weight)
    return training.new_run(train, val, config, loss_fn=loss_fn)


trial = make_run()
device = next(trial.model.parameters()).device
print(f"{len(train)} eyes to train on, {len(val)} held out to check, none of the test")
# zh: print(f"{len(train)} 只眼睛用来训练，留出 {len(val)} 只用来验证，测试集一只也不用")
print(f"{count_parameters(trial.model):,} parameters, {trial.precision} on {device}")
# zh: print(f"{count_parameters(trial.model):,} 个参数，{trial.precision}，设备 {device}")

# %% [markdown] lang="en"
# (What `bf16`, `fp16` or `fp32` in the last line means: "Short numbers", in the section "The loop on one screen".)
#
# How long will it take? We time twenty steps and multiply. Afterwards `training.seconds_per_step` puts the run back as it was. The forecast covers the training alone: the looks at the validation images and the cells that you run meanwhile come on top.

# %% [markdown] lang="zh" of="30e9102d"
# （最后一行里的 `bf16`、`fp16` 或 `fp32` 是什么意思，见“一屏看完训练循环”一节里的“低精度数”。）
#
# 要多久？先给二十步计时，再乘以总步数。`training.seconds_per_step` 计时之后会把训练恢复到原来的状态。预估只算训练本身；在验证图像上评估，以及同时运行别的单元格，都要另加时间。

# %%
seconds = training.seconds_per_step(trial)
minutes = config.steps * seconds / 60
print(f"{config.steps} steps at {seconds:.3f} s each: about {minutes:.1f} minutes")
# zh: print(f"{config.steps} 步，每步 {seconds:.3f} s：约 {minutes:.1f} 分钟")
if minutes > 15 and course.mode != "full":
    fewer = int(15 * 60 / seconds) // 100 * 100
    print("That is long for a lesson. Two ways out, both in the form above:")
    # zh: print("一节课的时间不够。有两个办法，都在上面的表单里：")
    print(f"STEPS = {fewer} ends in 15 min; TRAIN = False takes weights that are there")
    # zh: print(f"STEPS = {fewer}，15 分钟训练完；或 TRAIN = False，用现成的权重")

# %% [markdown] lang="en"
# Now it starts, in a thread of its own, and the cell is done at once. The cells below share the processor with it and are slower than usual until it ends. Run this cell again, and the present run is stopped and a new one starts from the same seed.

# %% [markdown] lang="zh" of="8fef6b6f"
# 现在启动。训练在单独的线程里跑，这个单元格马上就结束。训练结束之前，下面的单元格要和它分用处理器，会比平时慢。再运行一次这个单元格，正在跑的训练会停下，用同一个随机种子从头开始。

# %%
if before := globals().get("background"):  # this cell ran before: end that run
    before.stop()

folder = course.out / "training" / course.dataset
run = make_run()
kept_as = f"training/{course.dataset}-{config.steps}-{config.batch_size}-{config.seed}"
copies = course.on_drive(kept_as) if DRIVE else None
background = training.Background(run, folder / "checkpoint.pt", copies)
if TRAIN:
    if copies and background.resume():
        print(f"going on from step {run.step}")
        # zh: print(f"从第 {run.step} 步接着训练")
    background.start()
    print(f"Training in the background: {config.steps} steps. Read on and run on.")
    # zh: print(f"后台训练已启动：{config.steps} 步。请继续往下读、往下运行。")
else:
    print("Nothing is trained here; the last cells load weights that are there.")
    # zh: print("这里不训练；最后的单元格会加载现成的权重。")

# %% [markdown] lang="en" minutes="3"
# ## What the loss says before anything is learnt
#
# While it runs: a loss is one number that says how wrong the network is. The first one is **binary cross-entropy** (BCE). At pixel $i$ the network gives vessel the probability $p_i$, and the label $y_i$ is 1 for vessel, 0 for background; over $N$ pixels
#
# $$\text{BCE} = -\frac{1}{N} \sum_{i=1}^{N} \bigl[\, y_i \ln p_i + (1 - y_i) \ln (1 - p_i) \,\bigr].$$
#
# Of the two terms in the bracket one is always zero. What is left is minus the logarithm of the probability that the network gave to the truth.
#
# **Guess 8.1.** An untrained network has logits near zero, so its probabilities are close to one half everywhere. What is its BCE?

# %% [markdown] lang="zh" of="de68992f"
# ## 什么都没学时，损失是多少
#
# 训练在后台跑，我们来看损失：它用一个数说明网络错得有多厉害。第一种是**二元交叉熵** (binary cross-entropy, BCE)。在像素 $i$ 上，网络认为是血管的概率是 $p_i$；标签 $y_i$ 在血管上是 1，在背景上是 0。对 $N$ 个像素，
#
# $$\text{BCE} = -\frac{1}{N} \sum_{i=1}^{N} \bigl[\, y_i \ln p_i + (1 - y_i) \ln (1 - p_i) \,\bigr].$$
#
# 方括号里的两项总有一项是零，剩下的是：网络给正确答案的概率，取对数再变号。
#
# **猜一猜 8.1** 没训练的网络，logits 接近零，处处的概率都接近二分之一。它的 BCE 是多少？

# %%
guess = None  # your guess, a number
# zh: guess = None  # 你的猜测，一个数
lesson.ask("08.1", guess)

# %% [markdown] lang="en"
# We measure it on one batch, before the first step. The second printed line is the best that a network can do without looking at the image: it gives every pixel one constant probability, the share of vessel pixels in the training images.

# %% [markdown] lang="zh" of="59f08cdf"
# 在第一步之前，用一批图像块实测。输出的第二行是网络完全不看图像时能得到的最好成绩：给每个像素同一个概率，也就是训练图像里的血管像素占比。

# %% tags=["answer"]
trial.batches.generator.manual_seed(SEED)
batch = next(trial.batches)
image, vessels, fov = (x.to(device) for x in batch)
logits = inference.predict_logits(trial.model, image, "fp32")
untrained = bce_loss(logits, vessels, fov).item()

share = sum(x.vessels[x.fov].sum() for x in train) / sum(x.fov.sum() for x in train)
constant = -share * np.log(share) - (1 - share) * np.log(1 - share)
print(f"untrained network: {untrained:.3f}   (ln 2 = {np.log(2):.3f})")
# zh: print(f"未训练的网络：{untrained:.3f}   (ln 2 = {np.log(2):.3f})")
print(f"always the vessel share {share:.3f}: {constant:.3f}")
# zh: print(f"处处都答血管像素占比 {share:.3f}：{constant:.3f}")
lesson.contract("08.share", (share, constant), course)

# %% [markdown] lang="en"
# Near ln 2, not exactly: the logits are small, not zero. In train mode batch norm spreads them (with DRIVE, chapter 07 began at 0.81); here the network is measured in eval mode. A run whose BCE settles on the second number has learnt one thing only: how rare vessels are.

# %% [markdown] lang="zh" of="47c797cf"
# 接近 ln 2，但不正好相等：logits 很小，不是零。在训练模式下，批归一化会把它们拉开（用 DRIVE 时，第 07 章从 0.81 开始）；这里是在评估模式下量的。如果训练时 BCE 停在第二个数上不再下降，网络就只学到了一件事：血管有多稀少。

# %% [markdown] lang="en" minutes="11"
# ## Two losses by hand
#
# Take four pixels, two of them vessel. Which of the four costs most?

# %% [markdown] lang="zh" of="e3d10ccb"
# ## 手算两种损失
#
# 取四个像素，其中两个是血管。哪一个的代价最大？

# %%
p = np.array([0.9, 0.6, 0.2, 0.1])  # the network's probabilities
y = np.array([1.0, 1, 0, 0])  # vessel or not

truth = np.where(y == 1, p, 1 - p)  # probability given to the truth
each = -np.log(truth)
print(f"cost of each pixel: {each.round(3)}")
# zh: print(f"每个像素的代价：{each.round(3)}")
print(f"BCE, their mean: {each.mean():.4f}")
# zh: print(f"它们的平均就是 BCE：{each.mean():.4f}")

# %% [markdown] lang="en"
# The hesitant vessel pixel pays about five times as much as the sure one. The second loss looks at the overlap of two areas, as Dice does in chapter 04, with probabilities in place of yes and no. This is the **soft Dice loss**: the more overlap, the smaller it is.
#
# $$\text{soft Dice loss} = 1 - \frac{2 \sum_i p_i\, y_i}{\sum_i p_i + \sum_i y_i}$$
#
# **Exercise 8.2** Compute it for the four pixels with a pencil. Then write it for `logits`, an array; the sigmoid comes first.

# %% [markdown] lang="zh" of="f561898f"
# 拿不准的血管像素，代价大约是有把握的那个的五倍。第二种损失看的是两块区域的重叠，和第 04 章的 Dice 一样，只是用概率代替了是与否。这就是**软 Dice 损失** (soft Dice loss)：重叠越多，损失越小。
#
# $$\text{soft Dice loss} = 1 - \frac{2 \sum_i p_i\, y_i}{\sum_i p_i + \sum_i y_i}$$
#
# **练习 8.2** 先用笔给这四个像素算一遍。再写成函数，输入是数组 `logits`；别忘了先做 sigmoid。


# %% tags=["exercise"]
def dice_loss(logits, y):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


dice_loss = lesson.exercise("08.2", dice_loss)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The overlap is 0.9 + 0.6 = 1.5; the areas are 1.8 and 2. Dice is 3 / 3.8. Rounding `p` to 0 or 1 first would give a Dice of 1 and leave nothing to learn from: the slope of a threshold is zero.
#
# {{solution 08.2}}
#
# </details>
#
# Your two numbers beside those of `helpers/losses.py`:

# %% [markdown] lang="zh" of="c769802f"
# <details><summary>参考答案</summary>
#
# 重叠是 0.9 + 0.6 = 1.5；两块面积是 1.8 和 2。Dice 等于 3 / 3.8。如果先把 `p` 四舍五入成 0 或 1，Dice 就是 1，什么也学不到：阈值函数像台阶，斜率是零。
#
# {{solution 08.2}}
#
# </details>
#
# 把你算的两个数和 `helpers/losses.py` 的结果比一比：

# %%
four = torch.tensor(p).logit().view(1, 1, 1, 4)
labels, inside = torch.tensor(y).view(1, 1, 1, 4), torch.ones(1, 1, 1, 4)
print(f"BCE       {bce_loss(four, labels, inside):.4f}  by hand {each.mean():.4f}")
# zh: print(f"BCE     {bce_loss(four, labels, inside):.4f}  手算 {each.mean():.4f}")
print(f"soft Dice {soft_dice_loss(four, labels, inside, smooth=0):.4f}", end="  ")
# zh: print(f"软 Dice {soft_dice_loss(four, labels, inside, smooth=0):.4f}", end="  ")
print(f"by hand {dice_loss(np.log(p / (1 - p)), y):.4f}")
# zh: print(f"手算 {dice_loss(np.log(p / (1 - p)), y):.4f}")

# %% [markdown] lang="en"
# They agree. In `helpers/losses.py`, `smooth` adds one pixel above and below the fraction line, so that a batch without a vessel does not divide zero by zero (this cell sets it to 0). Now both losses as pictures. BCE looks at one pixel at a time. Dice looks at areas; orange is where they overlap.

# %% [markdown] lang="zh" of="0032780e"
# 结果一致。`helpers/losses.py` 里的 `smooth` 在分子和分母上各加一个像素，一批里没有血管时也不会出现零除以零（上面的单元格把它设为 0）。下面把两种损失画出来。BCE 一次看一个像素；Dice 看面积，橙色是重叠部分。

# %% fold="Draw both losses of the four pixels" fold_zh="画出四个像素的两种损失"
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), dpi=figures.DPI)
grid = np.linspace(0.01, 0.99, 99)
left.plot(grid, -np.log(grid), color=figures.BLUE, label="vessel: -ln p")
left.plot(
    grid, -np.log(1 - grid), "--", color=figures.BLACK, label="background: -ln(1 - p)"
)
left.plot(p, each, "o", color=figures.RED, label="our four pixels")
left.set(xlabel="probability p", ylabel="cost", ylim=(0, 4))
left.legend(frameon=False, fontsize=8)
pixels = np.arange(4)
right.bar(pixels, y, 0.9, color="white", edgecolor=figures.BLACK, label="label y")
right.bar(pixels, p, 0.6, color=figures.SKY, label="prediction p")
right.bar(pixels, p * y, 0.6, color=figures.ORANGE, label="overlap p y")
right.set(xlabel="pixel", xticks=pixels, ylim=(0, 1.45))
right.legend(frameon=False, fontsize=8, ncols=3)
fig.tight_layout()
figures.show(
    "Left: the cost of a pixel rises without limit as its probability of the truth "
    "falls to 0. Right: for each of four pixels its label, prediction and overlap."
)
# zh: figures.show(
# zh:     "左图：给正确答案的概率降到 0 时，一个像素的代价无限上升。"
# zh:     "右图：四个像素各自的标签、预测和重叠。"
# zh: )
print(f"overlap {(p * y).sum():.1f}, areas {p.sum():.1f} and {y.sum():.1f}: ", end="")
# zh: print(f"重叠 {(p * y).sum():.1f}，面积 {p.sum():.1f} 和 {y.sum():.1f}：", end="")
print(f"Dice = 2 × {(p * y).sum():.1f} / {p.sum() + y.sum():.1f}")

# %% [markdown] lang="en"
# The more sure of a wrong answer, the higher the BCE, without limit: its curves rise to infinity at the edges. The Dice loss never exceeds one. Now remember that vessels are rare.
#
# **Guess 8.3.** Which of the two losses rates an all-black answer as *worse* than an all-white one, `"bce"` or `"dice"`?

# %% [markdown] lang="zh" of="52c94b20"
# 图中文字：左图 vessel: -ln p 血管：−ln p · background: -ln(1 - p) 背景：−ln(1 − p) · our four pixels 我们的四个像素 · probability p 概率 · cost 代价；右图 label y 标签 · prediction p 预测 · overlap p y 重叠 · pixel 像素。
#
# 网络越自信地答错，BCE 越大，没有上限：曲线在两端趋于无穷。Dice 损失不会超过 1。别忘了血管很稀少。
#
# **猜一猜 8.3** 哪一种损失认为全黑的答案比全白的**更差**，`"bce"` 还是 `"dice"`？

# %%
guess = None  # your guess: "bce" or "dice"
# zh: guess = None  # 你的猜测："bce" 或 "dice"
lesson.ask("08.3", guess)

# %% tags=["answer"]
answers = {"all black": 0.01, "all white": 0.99}
# zh: answers = {"全黑": 0.01, "全白": 0.99}
for answer, p_everywhere in answers.items():
    bce = -share * np.log(p_everywhere) - (1 - share) * np.log(1 - p_everywhere)
    dice = 2 * p_everywhere * share / (p_everywhere + share)
    print(f"{answer}: BCE {bce:.3f}, Dice loss {1 - dice:.3f}")
    # zh: print(f"{answer}：BCE {bce:.3f}，Dice 损失 {1 - dice:.3f}")

# %% [markdown] lang="en" minutes="3"
# ## A ruler for losses
#
# So they complement each other. BCE gives every pixel a slope, but for BCE all black is a cheap answer; for Dice it is the worst. The course trains with BCE plus half the soft Dice loss:
#
# $$L = \text{BCE} + 0.5\,(1 - \text{soft Dice})$$
#
# Now we make a ruler: the loss of some answers that you will meet. The mark "double sigmoid" is the lowest that a network can reach if a sigmoid is applied by mistake before a loss that applies its own. (If you changed the loss, the ruler does not follow.)

# %% [markdown] lang="zh" of="34fbce46"
# ## 给损失做一把尺子
#
# 所以两者互补。BCE 让每个像素都有梯度，但在它看来全黑的代价很低；在 Dice 看来，全黑最差。本课程用 BCE 加上一半的软 Dice 损失：
#
# $$L = \text{BCE} + 0.5\,(1 - \text{soft Dice})$$
#
# 下面做一把尺子：你会遇到的几种答案，损失各是多少。如果损失函数自带 sigmoid，之前又误加了一个，网络最低只能到“double sigmoid”那个刻度。（如果你改了损失函数，这把尺子不会跟着变。）


# %%
def loss_of(p_vessel, p_background):
    """Return BCE and BCE + 0.5 Dice where all vessels get one p, all else another."""
    bce = -share * np.log(p_vessel) - (1 - share) * np.log(1 - p_background)
    area = share * p_vessel + (1 - share) * p_background
    dice = 2 * share * p_vessel / (area + share)
    return bce, bce + config.dice_weight * (1 - dice)


sure = 1 / (1 + np.exp(-1))  # sigmoid of 1, the most that a sigmoid can say
ruler = {
    "untrained": loss_of(0.5, 0.5),
    "double sigmoid": loss_of(sure, 0.5),
    "vessel share only": loss_of(share, share),
    "90% sure and right": loss_of(0.9, 0.1),
}
for name, (bce, both) in ruler.items():
    print(f"{name:20} BCE {bce:.3f}   BCE + 0.5 Dice {both:.3f}")

# %% fold="Draw the ruler" fold_zh="画出尺子"
fig, axes = plt.subplots(2, 1, figsize=(8, 3), dpi=figures.DPI, sharex=True)
for k, (ax, title) in enumerate(zip(axes, ("BCE", "BCE + 0.5 Dice"), strict=True)):
    for name, values in ruler.items():
        ax.plot([values[k]] * 2, [0, 0.2], color=figures.BLUE)
        ax.text(values[k], 0.22, name, rotation=35, fontsize=8)
    ax.text(0.01, 0.8, title)
    ax.set(xlim=(0, 1.3), ylim=(0, 1), yticks=[])
axes[1].set_xlabel("loss")
fig.tight_layout()
marks = ", ".join(f"{name} {both:.2f}" for name, (_, both) in ruler.items())
figures.show(f"Two rulers with four marks each. BCE + 0.5 Dice: {marks}.")
# zh: figures.show(f"两把尺子，各有四个刻度。BCE + 0.5 Dice：{marks}。")

# %% [markdown] lang="en"
# Keep the ruler in mind: its marks come back in the curves of your own run. How far is that run? The next cell only looks and changes nothing; run it as often as you like.

# %% [markdown] lang="zh" of="81d48e1b"
# 图中文字：90% sure and right 九成把握且正确 · vessel share only 只知道血管像素占比 · double sigmoid 多了一个 sigmoid · untrained 未训练 · BCE 二元交叉熵 · Dice 软 Dice 损失 · loss 损失。
#
# 记住这把尺子：你自己的训练曲线里会再画出这些刻度。现在训练到哪儿了？下一个单元格只看不改，想运行几次都行。

# %% tags=["varies"]
print(f"step {run.step} of {config.steps}")
# zh: print(f"第 {run.step} 步，共 {config.steps} 步")
for entry in run.history[-1:]:
    print(f"at step {entry['step']}: validation Dice {entry['dice']:.3f}")
    # zh: print(f"第 {entry['step']} 步：验证 Dice {entry['dice']:.3f}")

# %% [markdown] lang="en" minutes="16"
# ## The loop on one screen
#
# Here is one whole step, `train_step` from `helpers/training.py`. Look for the five lines of chapter 02 in it, in their order: forward (`logits = ...`), loss, clear (`zero_grad`), backward, update (`step`). The rest moves the batch to the device and takes care of short numbers, which the next subsection explains.
#
# This copy serves the five-step demonstration below, and an edit changes nothing else: the training in the background takes `train_step` from the file. (The losses above are different: they are handed to the run.)

# %% [markdown] lang="zh" of="d07b58f5"
# ## 一屏看完训练循环
#
# 这就是完整的一步：`helpers/training.py` 里的 `train_step`。在里面按顺序找到第 02 章的五行：前向（`logits = ...`）、损失、清零（`zero_grad`）、反向、更新（`step`）。其余的代码把数据搬到设备上，并处理低精度数，下一小节会讲。
#
# 这份副本只用于下面五步的演示，修改它不影响别的：后台训练用的是文件里的 `train_step`。（上面的损失函数不同，它们会交给训练。）

# %% tags=["show-source"]
from helpers.training import train_step

# %% [markdown] lang="en"
# `TrainingRun.steps` in the same file repeats such steps. In words: take the next batch, call `train_step`, move the learning rate one place along its schedule, note the loss; every `val_every` steps score the whole validation images, write a line into `history`, and keep a copy of the weights if they are the best so far.
#
# A second network is kept beside the one that trains. While the learning rate is high, the weights jump about, and of two looks shortly after one another one may be lucky. So the run keeps the **running average** of the weights (exponential moving average, EMA): after each step it keeps 99% of its own weights and takes 1% from the network that trains, which makes it the mean of about the last hundred steps. The looks and the copies are taken from this average.
#
# ### Short numbers
#
# A GPU multiplies numbers of 16 bits several times faster than those of 32, and they take half the memory. Inside `runtime.autocast` the forward pass uses them where the hardware is fast at it; the weights themselves stay in `fp32`. This is called mixed precision. There are two kinds of 16-bit numbers:
#
# - `bf16` has the range of `fp32` and fewer digits. Nothing else has to change.
# - `fp16` has more digits and a small range: what is too small becomes 0, and gradients are often small. So the *loss* is multiplied by a large number first, which makes every gradient as much larger, and the gradients are divided by it again before the update. This is *loss scaling*; `torch.amp.GradScaler`, the `scaler` above, does it and finds the number by itself.
#
# The next cell shows all three on two small numbers.

# %% [markdown] lang="zh" of="9a5bae97"
# 同一个文件里的 `TrainingRun.steps` 把这一步重复许多次。它做的是：取下一批图像块，调用 `train_step`，让学习率沿着调度走一格，记下损失；每隔 `val_every` 步在完整的验证图像上评估一次，在 `history` 里写一行，如果是目前最好的，就留一份权重。
#
# 训练时还维护着另一个网络。学习率大时权重波动也大，相隔不久的两次验证，有一次成绩好可能只是碰巧。所以训练还保留权重的滑动平均 (exponential moving average, EMA)：每走一步，它保留自己权重的 99%，再从正在训练的网络取 1%，大致就是最近一百步的平均。验证时评估的、留下来的，都是这个平均。
#
# ### 低精度数
#
# GPU 计算 16 位的数比 32 位快好几倍，占的显存也只有一半。在 `runtime.autocast` 里，只要硬件能加速，前向计算就用 16 位的数；权重本身仍是 `fp32`。这叫混合精度 (mixed precision)。16 位的数有两种：
#
# - `bf16` 的范围和 `fp32` 一样，只是有效数字少一些。别的都不用改。
# - `fp16` 的有效数字多一些，但范围小：太小的数会下溢为 0，而梯度往往很小。所以先把**损失**乘以一个大数，梯度也就跟着放大同样的倍数；更新之前再把梯度除回来。这叫损失缩放 (loss scaling)，由 `torch.amp.GradScaler` 完成，也就是上面的 `scaler`，倍数由它自己找。
#
# 下一个单元格用两个数演示 fp32、fp16、bf16。

# %%
small, fine = torch.tensor(1e-8), torch.tensor(1.001)  # a gradient, a value
print("          1e-8      1.001     2**16 * 1e-8")
for kind in (torch.float32, torch.float16, torch.bfloat16):
    scaled = (2**16 * small).to(kind).item()
    name = str(kind).removeprefix("torch.")
    print(
        f"{name:9} {small.to(kind).item():<9.2g} {fine.to(kind).item():<9.5g} {scaled:.2g}"
    )

# %% [markdown] lang="en"
# `float16` loses the gradient and keeps the thousandth; scaled up, the gradient survives. `bfloat16` keeps the gradient and loses the thousandth. Which kind is used where is one rule, `pick_precision` in `helpers/runtime.py`. NVIDIA gives each generation of GPUs a number, the *compute capability*; `bf16` hardware came with 8.

# %% [markdown] lang="zh" of="6666e5f0"
# `float16` 丢了梯度，保住了千分之一；放大之后，梯度也保住了。`bfloat16` 保住了梯度，丢了千分之一。哪里用哪一种，由一条规则决定，见 `helpers/runtime.py` 里的 `pick_precision`。NVIDIA 给每一代 GPU 一个编号，叫计算能力 (compute capability)，从 8 起才有 `bf16` 硬件。

# %% tags=["show-source"]
from helpers.runtime import pick_precision

# %% [markdown] lang="en"
# **Guess 8.4.** A V100, still found in many computing centres, has compute capability 7.0. Which numbers does the course use on it?

# %% [markdown] lang="zh" of="ac7663c0"
# **猜一猜 8.4** 不少计算中心还在用 V100，它的计算能力是 7.0。课程在它上面用哪种数？

# %%
guess = None  # your guess: "fp32", "fp16" or "bf16"
# zh: guess = None  # 你的猜测："fp32"、"fp16" 或 "bf16"
lesson.ask("08.4", guess)

# %% [markdown] lang="en"
# Whole photographs are segmented in `fp32` on every device, so that every machine finds the same vessels. Here are five steps on one and the same batch, with a network of their own, in `fp32`, too.

# %% [markdown] lang="zh" of="0a053652"
# 分割整张照片时，任何设备都用 `fp32`，这样每台机器找到的血管都一样。下面用一个单独的网络，在同一批图像块上走五步，也用 `fp32`。

# %%
runtime.seed_everything(SEED)
net = UNet(config.in_channels, 1, config.widths).to(device)
optimizer = torch.optim.AdamW(net.parameters(), config.learning_rate)  # next section
scaler = torch.amp.GradScaler(device.type, enabled=False)
for step in range(1, 6):
    loss = train_step(net, batch, bce_dice_loss, optimizer, scaler, "fp32")
    print(f"step {step}: loss before the update {loss:.2f}")
    # zh: print(f"第 {step} 步：更新前的损失 {loss:.2f}")
if config == course.config:  # as the form above was when you opened it
    lesson.contract("08.five_steps", loss.item(), course)

# %% [markdown] lang="en"
# The loss falls. The order of the five lines matters, and PyTorch does not complain about a wrong order.
#
# **Exercise 8.5** A network with one weight: `logits = w * x`. Put these lines into the loop in the right order. One of the six is wrong: leave it out.
#
# ```python
# loss.backward()
# logits = w * x
# y = w * y
# optimizer.step()
# optimizer.zero_grad()
# loss = (logits - y) ** 2
# ```

# %% [markdown] lang="zh" of="a5739131"
# 损失在下降。五行的顺序很重要，可是顺序错了，PyTorch 并不会报错。
#
# **练习 8.5** 只有一个权重的网络：`logits = w * x`。把下面几行按正确的顺序放进循环。六行里有一行是错的，不要用它。
#
# ```python
# loss.backward()
# logits = w * x
# y = w * y
# optimizer.step()
# optimizer.zero_grad()
# loss = (logits - y) ** 2
# ```


# %% tags=["exercise"]
def two_steps(weight, learning_rate):
    # w, x, y = torch.tensor(weight, requires_grad=True), 1.0, 3.0
    # optimizer = torch.optim.SGD([w], learning_rate)
    # for _ in range(2):
    #     ...
    # return w.item()
    return None  # uncomment the lines above; your five lines take the place of ...
    # zh: return None  # 去掉上面几行的 #，把 ... 换成你的五行


two_steps = lesson.exercise("08.5", two_steps)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# `backward` adds to the gradients that are there, so they are cleared before it, never between it and `step`. Clearing at the very beginning or after `step` works as well. `y = w * y` is wrong: the label is given, never computed.
#
# {{solution 08.5}}
#
# </details>

# %% [markdown] lang="zh" of="6896ad82"
# <details><summary>参考答案</summary>
#
# `backward` 会把新梯度加到已有的梯度上，所以要在它之前清零，绝不能在它和 `step` 之间清零。放在最前面，或者 `step` 之后清零也可以。`y = w * y` 是错的：标签是给定的，不是算出来的。
#
# {{solution 08.5}}
#
# </details>

# %% [markdown] lang="en" minutes="5"
# ## How far a step goes: AdamW and one cycle
#
# Plain gradient descent moves a weight by learning rate times gradient. **AdamW** keeps two numbers for each weight, a running mean $m$ of its gradients $g$ and a running mean $v$ of their squares. In step $t$, with learning rate $\eta$,
#
# $$m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2,$$
#
# $$\hat m_t = \frac{m_t}{1 - \beta_1^t}, \qquad \hat v_t = \frac{v_t}{1 - \beta_2^t},$$
#
# $$w_t = w_{t-1} - \eta\, \lambda\, w_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}.$$
#
# $\hat m$ and $\hat v$ correct the means for their start at zero, $\beta_1 = 0.9$ and $\beta_2 = 0.999$ say how much of the past they keep, $\epsilon$ is tiny and prevents a division by zero. The term with $\lambda$ shrinks every weight a little (weight decay).
#
# **Guess 8.6.** Two weights, gradients 100 and 0.0001, learning rate 0.1, no weight decay. How far does each move in the *first* step?

# %% [markdown] lang="zh" of="360f7ff7"
# ## 一步走多远：AdamW 和单周期学习率
#
# 普通的梯度下降，移动量是学习率乘以梯度。**AdamW** 为每个权重记着两个数：梯度 $g$ 的滑动平均 $m$，和梯度平方的滑动平均 $v$。第 $t$ 步，学习率是 $\eta$ 时，
#
# $$m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2,$$
#
# $$\hat m_t = \frac{m_t}{1 - \beta_1^t}, \qquad \hat v_t = \frac{v_t}{1 - \beta_2^t},$$
#
# $$w_t = w_{t-1} - \eta\, \lambda\, w_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}.$$
#
# 两个滑动平均都从零开始，$\hat m$ 和 $\hat v$ 校正由此带来的偏差；$\beta_1 = 0.9$ 和 $\beta_2 = 0.999$ 决定保留多少过去；$\epsilon$ 很小，防止除以零。带 $\lambda$ 的一项让每个权重略微变小，叫权重衰减 (weight decay)。
#
# **猜一猜 8.6** 两个权重，梯度是 100 和 0.0001，学习率 0.1，没有权重衰减。**第一步**各移动多远？

# %%
guess = None  # your guess: (first, second)
# zh: guess = None  # 你的猜测：写成 (a, b)，第一个在前
lesson.ask("08.6", guess)

# %% tags=["answer"]
w = torch.zeros(2, requires_grad=True)
w.grad = torch.tensor([100.0, 0.0001])
adamw = torch.optim.AdamW([w], lr=0.1, weight_decay=0)
adamw.step()
print("gradients:", *(f"{x:g}" for x in w.grad.tolist()))
# zh: print("梯度：    ", *(f"{x:g}" for x in w.grad.tolist()))
print("moved by: ", *(round(x, 4) for x in w.detach().abs().tolist()))
# zh: print("移动了：  ", *(round(x, 4) for x in w.detach().abs().tolist()))
weights_here = count_parameters(run.model)
print(f"AdamW remembers {2 * weights_here:,} numbers for {weights_here:,} parameters")
# zh: print(f"AdamW 为 {weights_here:,} 个参数记着 {2 * weights_here:,} 个数")

# %% [markdown] lang="en"
# In this first step both move by the learning rate, large gradient or small: AdamW takes the direction from the gradient and the length from the learning rate. What is left to choose is the learning rate, and it changes on the way. The **one-cycle** schedule starts low while the running means settle, rises to its peak, and ends near zero, so that the last steps only polish.

# %% [markdown] lang="zh" of="7103138b"
# 在第一步里，不管梯度大小，两个权重移动的距离都等于学习率：AdamW 从梯度取方向，由学习率定长度。剩下要选的是学习率，而它在途中会变。**单周期** (one-cycle) 学习率调度从低处开始，等滑动平均稳定；然后升到最高；最后降到接近零，末尾几步只做微调。

# %%
dummy = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], config.learning_rate)
cycle = torch.optim.lr_scheduler.OneCycleLR(
    dummy, config.learning_rate, total_steps=config.steps
)
rates = []
for _ in range(config.steps):
    rates.append(cycle.get_last_lr()[0])
    dummy.step()
    cycle.step() if len(rates) < config.steps else None
peak = int(np.argmax(rates))
print(f"starts at {rates[0]:.2g}, peaks at {max(rates):.2g} in step {peak}, ", end="")
# zh: print(f"从 {rates[0]:.2g} 开始，第 {peak} 步升到最高 {max(rates):.2g}，", end="")
print(f"{peak / config.steps:.0%} of the way, ends at {rates[-1]:.1g}")
# zh: print(f"那是全程的 {peak / config.steps:.0%}，最后是 {rates[-1]:.1g}")

# %% fold="Draw the learning rate" fold_zh="画出学习率"
fig, ax = plt.subplots(figsize=(5, 2.4), dpi=figures.DPI)
ax.plot(rates, color=figures.BLUE)
ax.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
fig.tight_layout()
figures.show(
    f"The learning rate rises to {max(rates):.2g} in the first "
    f"{peak / config.steps:.0%} of the steps and falls to zero in the rest."
)
# zh: figures.show(
# zh:     f"学习率在前 {peak / config.steps:.0%} 的步数里升到 {max(rates):.2g}，"
# zh:     f"之后降到零。"
# zh: )

# %% [markdown] lang="en"
# The schedule is laid out to the last step, so half of a long run is not a short run: for fewer steps choose `STEPS` before you start.

# %% [markdown] lang="zh" of="8f91da26"
# 图中文字：step 步 · learning rate 学习率。
#
# 调度在开始时就排到了最后一步，所以长训练的前一半不等于一次短训练：想少走几步，要在启动前设 `STEPS`。

# %% [markdown] lang="en" minutes="7"
# ## Checkpoint, stop, resume
#
# A laptop is closed, a Colab session ends, and the training with it. The background run writes `checkpoint.pt` after each validation, and at least once a minute; the one before stays beside it. (Colab deletes its files with the machine: `DRIVE = True` in the form keeps a copy in your Google Drive.)
#
# **Guess 8.7.** Which of these parts must it hold so that the second half is *exactly* what it would have been without the break: `"model"` (weights, and batch norm's means and variances), `"optimizer"`, `"schedule"`, `"batches"` (the state of the random generator), `"forecast"` (seconds a step)? (The running average and the scaler of `fp16` are kept as well; here we ask for these.)

# %% [markdown] lang="zh" of="f1d72e63"
# ## 检查点、停止、断点续训
#
# 笔记本电脑合上盖子，Colab 断开连接，训练就中断了。后台训练每次验证之后都会写 `checkpoint.pt`，至少每分钟写一次；上一个检查点留在旁边备用。（Colab 收回机器时会删掉文件：在表单里设 `DRIVE = True`，云端硬盘里就会留一份。）
#
# **猜一猜 8.7** 检查点 (checkpoint) 必须存下哪些部分，后一半才能和没有中断时**完全**一样：`"model"`（权重，以及批归一化的均值和方差）、`"optimizer"`、`"schedule"`、`"batches"`（随机数生成器的状态）、`"forecast"`（每步几秒）？（权重的滑动平均和 `fp16` 的 `scaler` 也要存，这里只问上面几样。）

# %%
guess = None  # your guess, such as ("model", "schedule")
# zh: guess = None  # 你的猜测，例如 ("model", "schedule")
lesson.ask("08.7", guess)

# %% [markdown] lang="en"
# We try it on a tiny run of eight steps, on the CPU: once in one go, and once with a break after step four, where the state is saved to a file and a fresh run goes on from it.

# %% [markdown] lang="zh" of="034e5bc1"
# 在 CPU 上用只有八步的小训练来试：一次走完八步；另一次在第四步之后停下，把状态存进文件，再新建一个训练，从文件接着走。


# %%
def tiny_run() -> training.TrainingRun:
    """Return a run of eight steps with a tiny network; the same each time."""
    sizes = {"widths": (4, 8), "patch_size": 32, "batch_size": 4}
    tiny = dataclasses.replace(config, seed=1, steps=8, val_every=4, **sizes)
    return training.new_run(
        train[:2],
        val[:1],
        tiny,
        loss_fn=bce_dice_loss,
        device=torch.device("cpu"),
        precision="fp32",
    )


whole = tiny_run()
losses_whole = list(whole.steps())

first_half = tiny_run()
list(first_half.steps(4))
first_half.save(folder / "tiny.pt")

second_half = tiny_run()
second_half.resume(folder / "tiny.pt")
list(second_half.steps())
weights = zip(whole.model.parameters(), second_half.model.parameters(), strict=True)
print(f"same weights, bit for bit: {all(torch.equal(a, b) for a, b in weights)}")
# zh: print(f"权重逐比特相同：{all(torch.equal(a, b) for a, b in weights)}")

# %% [markdown] lang="en"
# Now leave out one part at a time; that part keeps the state of a fresh run. Compare each line with the first.

# %% [markdown] lang="zh" of="d67b612d"
# 再看每次缺一个部分会怎样：缺的部分用全新训练的状态代替。把每一行和第一行比较。


# %% tags=["answer"]
def resume_without(part: str) -> tuple[list[float], float]:
    """Return the losses of the second half and how far its weights are off."""
    again = tiny_run()
    state = copy.deepcopy(first_half.state_dict())
    if part in state:
        state[part] = copy.deepcopy(again.state_dict()[part])
    again.load_state_dict(state)
    losses = list(again.steps())
    pairs = zip(whole.model.parameters(), again.model.parameters(), strict=True)
    return losses, max((a - b).abs().max().item() for a, b in pairs)


print("left out   losses of steps 5 to 8          weights off by")
# zh: print("缺的部分   第 5 到 8 步的损失              权重最多相差")
for part in ("nothing", "model", "optimizer", "schedule", "batches"):
    losses, off = resume_without(part)
    print(f"{part:10} {'  '.join(f'{x:.4f}' for x in losses)}  {off:8.5f}")

# %% [markdown] lang="en"
# Only the first line repeats the run without a break. Without the random state the weights are right at first, but the patches of the first half come again: no error message, and another network in the end. After a break the seed alone does not make a run repeatable; the state of the generator must be kept.
#
# With your own run it goes like this (copy it into a new cell). After a restart of the kernel, first run the cells up to the start of the training, with `TRAIN = False` and the same `STEPS`, `BATCH_SIZE` and `SEED`.
#
# ```python
# background.stop()
# run = make_run()
# run.resume(folder / "checkpoint.pt")
# background = training.Background(run, folder / "checkpoint.pt").start()
# ```

# %% [markdown] lang="zh" of="d7c9138b"
# 表中文字：nothing 什么也没缺 · model 权重 · optimizer 优化器 · schedule 学习率调度 · batches 随机数生成器的状态。
#
# 只有第一行和没有中断时一样。缺了随机状态，开始的权重是对的，但前一半的图像块又来了一遍：没有报错，最后却是另一个网络。中断之后，只有随机种子不够，还要有生成器的状态，训练才能重现。
#
# 你自己的训练可以这样继续（复制到一个新单元格里）。如果重启过内核，先设 `TRAIN = False`，`STEPS`、`BATCH_SIZE` 和 `SEED` 不变，把前面直到启动训练的单元格运行一遍。
#
# ```python
# background.stop()
# run = make_run()
# run.resume(folder / "checkpoint.pt")
# background = training.Background(run, folder / "checkpoint.pt").start()
# ```

# %% [markdown] lang="en" minutes="6"
# ## Four curves and what each means
#
# What to do when the loss does not fall, when the training does not converge? Look at the two curves together. Four sketches, not measurements: blue is the training loss, red and dashed the validation loss, the dotted line is the ruler's "vessel share only". (The loss is NaN, the memory is too small, and more: [FAQ](../FAQ.md#training).)

# %% [markdown] lang="zh" of="3947b813"
# ## 四条曲线各说明什么：loss 不下降、不收敛怎么办
#
# loss 不下降，训练不收敛，先把两条曲线放在一起看。下面是四幅示意图，不是实测：蓝线是训练损失，红色虚线是验证损失，点线是尺子上的“只知道血管像素占比”。（loss 变成 NaN、显存不够等等，见[常见问题](../FAQ.zh-CN.md#训练)，[英文](../FAQ.md#training)。）

# %% fold="Draw four sketches of loss curves" fold_zh="画出四幅损失曲线示意图"
rng, x = np.random.default_rng(0), np.linspace(0, 1500, 60)
start, flat = ruler["untrained"][1], ruler["vessel share only"][1]
noise = rng.normal(0, 0.012, (8, 60))
falling = start * np.exp(-x / 250)
wild = 0.6 + 0.15 * np.abs(noise[5]) / 0.012 + (x / 1000) ** 4
wild[40:] = np.nan  # not a number from there on
drawn = {
    "a": (0.1 + falling + noise[0], 0.3 + falling + (x > 600) * (x - 600) / 3000),
    "b": (flat + falling / 6 + noise[1], flat + falling / 6 + noise[2]),
    "c": (wild, wild + 0.1 * np.abs(noise[6]) / 0.012),
    "d": (0.32 + falling + noise[3], 0.25 + falling + noise[4] / 2),
}
fig, axes = plt.subplots(1, 4, figsize=(10, 2.4), dpi=figures.DPI, sharey=True)
for ax, (name, (blue, red)) in zip(axes, drawn.items(), strict=True):
    ax.plot(x, blue, color=figures.BLUE, label="train")
    ax.plot(x, red, "--", color=figures.RED, label="validation")
    ax.axhline(flat, color=figures.BLACK, linestyle=":")
    ax.set(title=f"({name})", xlabel="step", xlim=(0, 1500), ylim=(0, 1.6))
axes[0].set_ylabel("loss")
axes[0].legend(frameon=False, fontsize=8)
fig.tight_layout()
figures.show(
    "Four sketches. a: train falls, validation turns up again. b: both rest on the "
    "dotted line. c: both jump, rise and end. d: both fall, validation lower."
)
# zh: figures.show(
# zh:     "四幅示意图。a：训练损失下降，验证损失又升上去。b：两条都停在点线上。"
# zh:     "c：两条都乱跳、上升，然后中断。d：两条都下降，验证损失更低。"
# zh: )
print("(c) ends early: from there on its loss is NaN, not a number")
# zh: print("(c) 后面一段没有线：从那里起损失成了 NaN，不是数")

# %% [markdown] lang="en"
# Name the cause of each: **Guess 8.8** for (a), **Guess 8.9** for (b), **Guess 8.10** for (c), **Guess 8.11** for (d). The causes: `"overfitting"`, `"prevalence"` (it knows only how rare vessels are), `"learning rate"` (too high), `"leak"` (validation images were trained on), `"normal"`. One name is left over. For (d), recall on which pictures, and in which mode, each loss is measured.

# %% [markdown] lang="zh" of="a5e71c81"
# 图中文字：train 训练 · validation 验证 · step 步 · loss 损失。
#
# 每条曲线是什么原因：**猜一猜 8.8** 问 (a)，**猜一猜 8.9** 问 (b)，**猜一猜 8.10** 问 (c)，**猜一猜 8.11** 问 (d)。可选的原因：`"overfitting"`（过拟合）、`"prevalence"`（只知道血管像素占比）、`"learning rate"`（学习率太高）、`"leak"`（数据泄漏，用验证图像训练了）、`"normal"`（正常）。有一个用不上。看 (d) 时想一想：两种损失各在什么图像上、什么模式下量的。

# %%
cause_of_a = None  # your guess: "overfitting", "prevalence", ...
# zh: cause_of_a = None  # 你的猜测："overfitting"、"prevalence" ...
cause_of_b = None
cause_of_c = None
cause_of_d = None
lesson.ask("08.8", cause_of_a)
lesson.ask("08.9", cause_of_b)
lesson.ask("08.10", cause_of_c)
lesson.ask("08.11", cause_of_d)

# %% fold="Show the causes, and what to do" fold_zh="显示原因和对策" tags=["answer"]
print("(a) overfitting: stop where red begins to rise, or augment more")
# zh: print("(a) overfitting：在红线开始上升处停下，或者加强数据增强")
print("(b) prevalence: do images and labels belong together? A far too low rate?")
# zh: print("(b) prevalence：图像和标签对得上吗？学习率是不是太低？")
print("(c) learning rate: take a tenth of it; with fp16, a scaler")
# zh: print("(c) learning rate：降到十分之一；用 fp16 时要缩放损失")
print("(d) normal: in this course the usual sight")
# zh: print("(d) normal：这门课里最常见的样子")

# %% [markdown] lang="en"
# Why does red stay below blue in (d)? The training loss is taken on augmented patches, in train mode and before each update, the validation loss on clean whole images, in evaluation mode and after it. To rule out a leak, measure the training images without augmentation in evaluation mode. If they score clearly better than the validation images, nothing points to a leak. If both are equally good although training was long, look at the two lists of images.
#
# If your curve rests at the mark "untrained", no gradient reaches the weights; at "double sigmoid", there is a sigmoid too many. If it rests anywhere and you do not know why, let the network overfit one patch (chapter 07, section 11) and search the fault there.

# %% [markdown] lang="zh" of="795b0d6d"
# (d) 里的红线为什么一直低于蓝线？训练损失是在增强过的图像块上、训练模式下、每次更新之前量的；验证损失是在干净的整幅图像上、评估模式下、更新之后量的。要排除数据泄漏，可以在评估模式下、不做增强，再量一次训练图像。如果它们明显好于验证图像，就没有泄漏的迹象；如果训练了很久，两者却一样好，就去核对两份图像名单。
#
# 如果曲线停在“未训练”的刻度上，是梯度没有传到权重；停在“double sigmoid”，是多了一个 sigmoid。停在别处又不知道为什么，就让网络故意过拟合一个图像块（第 07 章第 11 节），在那里查错。

# %% [markdown] lang="en" minutes="2"
# ## Watch it arrive
#
# Back to your own run. `draw` shows its losses with two marks of the ruler, the Dice on the validation eyes, and one held-out eye as the network sees it now, beside its label.

# %% [markdown] lang="zh" of="9f86b7e8"
# ## 看着它学会
#
# 回到你自己的训练。`draw` 画出损失（带尺子上的两个刻度）、验证图像上的 Dice，以及网络此刻对一只留出的眼睛给出的血管概率，旁边是这只眼睛的标签。


# %% fold="Draw the curves so far" fold_zh="画出到目前为止的曲线"
def draw(run: training.TrainingRun) -> None:
    """Draw the curves so far, the map of the first validation eye, and its label."""
    steps = [entry["step"] for entry in run.history]
    fig, axes = plt.subplots(
        1, 4, figsize=(11, 2.9), dpi=figures.DPI, width_ratios=(1.3, 1.3, 1, 1)
    )
    for key, style, colour in (
        ("loss", ".-", figures.BLUE),
        ("val_loss", ".--", figures.RED),
    ):
        values = [entry[key] for entry in run.history]
        axes[0].plot(steps, values, style, color=colour, label=key)
    for name in ("untrained", "vessel share only"):
        axes[0].axhline(ruler[name][1], color=figures.BLACK, linestyle=":")
        axes[0].text(steps[-1], ruler[name][1] + 0.02, name, fontsize=7, ha="right")
    dice = [entry["dice"] for entry in run.history]
    axes[1].plot(steps, dice, ".-", color=figures.GREEN)
    axes[0].set(xlabel="step", ylabel="loss", ylim=(0, 1.4), xlim=(0, None))
    axes[0].legend(frameon=False, fontsize=8, loc="lower left")
    axes[1].set(xlabel="step", ylabel="validation Dice", ylim=(0, 1), xlim=(0, None))
    eye = val[0]
    panels = ("probability", run.validate.preview * eye.fov), ("label", eye.vessels)
    for ax, (title, picture) in zip(axes[2:], panels, strict=True):
        ax.imshow(picture[0], cmap="gray", vmin=0, vmax=1)
        ax.set(title=f"eye {eye.name}: {title}")
        ax.axis("off")
    fig.tight_layout()
    figures.show(f"Losses and Dice up to step {steps[-1]}: Dice is {dice[-1]:.3f}.")
    # zh: figures.show(f"到第 {steps[-1]} 步的损失和 Dice：Dice 是 {dice[-1]:.3f}。")


# %% [markdown] lang="en"
# This cell waits for the end and draws anew after each validation. You may interrupt it (the square button): the training goes on, and the cell can be run again. `background.stop()` ends the training itself. Which vessels appear first, which last?

# %% [markdown] lang="zh" of="16816499"
# 这个单元格会等到训练结束，每次验证后重画一次。你可以中断它（方形按钮）：训练会继续，单元格可以再运行。要结束训练本身，用 `background.stop()`。哪些血管先出现，哪些最后出现？

# %% timeout=14400
drawn_entries = 0
while True:
    done = background.wait(1)  # true once the run is over
    if len(run.history) > drawn_entries:
        drawn_entries = len(run.history)
        entry = run.history[-1]
        clear_output(wait=True)
        print(f"step {entry['step']} of {config.steps}:", end=" ")
        # zh: print(f"第 {entry['step']} 步，共 {config.steps} 步：", end="")
        print(f"loss {entry['loss']:.3f}, validation {entry['val_loss']:.3f},", end=" ")
        # zh: print(f"损失 {entry['loss']:.3f}，验证 {entry['val_loss']:.3f}，", end="")
        print(f"Dice {entry['dice']:.3f}, AUC {entry['auc_roc']:.4f}", flush=True)
        # zh: print(f"Dice {entry['dice']:.3f}，AUC {entry['auc_roc']:.4f}", flush=True)
        draw(run)
    if done:
        break
if not run.history:
    print("No curve: nothing was trained here.")
    # zh: print("没有曲线：这次没有训练。")

# %% [markdown] lang="en"
# The wide vessels come first; most of the time goes to the thin ones. Once your curve lies well under the lower dotted line, the network has learnt to look at the picture.

# %% [markdown] lang="zh" of="811a034e"
# 图中文字：loss 训练损失 · val_loss 验证损失 · untrained 未训练 · vessel share only 只知道血管像素占比 · step 步 · validation Dice 验证图像的 Dice · eye 眼睛编号 · probability 血管概率 · label 标签。
#
# 最先出现的是粗血管；大部分时间都花在细血管上。曲线明显低于下面那条点线，说明网络已经学会看图了。

# %% [markdown] lang="en" minutes="4"
# ## Train or load
#
# The best weights so far, by the validation images' average precision (the area under the precision-recall curve, chapter 09; no threshold is in it), go to `weights.pt`; they need not be the last ones. They are stored together with the standardisation and the threshold: all that is needed to segment a photograph. `record.json` beside it says how they were made. If nothing was trained, the cell takes the weights of an earlier run, or else those that come with the course.

# %% [markdown] lang="zh" of="6c7f8b67"
# ## 训练还是加载
#
# 按验证图像的平均精确率 (average precision, AP，即精确率-召回率曲线下的面积，见第 09 章，不用选阈值) 挑出最好的权重，它不一定是最后一步的。最好的权重存进 `weights.pt`，连同标准化参数和阈值：分割一张照片所需的都在里面。旁边的 `record.json` 写明它们是怎么来的。如果这次没有训练，就用以前训练的权重；以前的也没有，就用课程附带的权重。

# %%
weights_file = folder / "weights.pt"
if run.best:
    network = training.segmenter(run, train, dataset=course.dataset)
    network.save(weights_file)
    record = training.record(
        run,
        train,
        dataset=course.dataset,
        mode=course.mode,
        run_id=places.run_id(),
        trained_by="chapter 08",
        weights_sha256=datasets.sha256(weights_file),
    )
    saving.write_json(folder / "record.json", record)
    best = run.best["entry"]
    print(f"trained: best at step {best['step']}, validation Dice {best['dice']:.3f}")
    # zh: print(f"训练完：第 {best['step']} 步最好，验证 Dice {best['dice']:.3f}")
    if config == course.config and run.step == config.steps:
        lesson.contract("08.dice", best["dice"], course)
else:
    earlier = weights_file.exists()
    network = inference.Segmenter.load(weights_file if earlier else None)
    print("loaded:", "weights of an earlier run" if earlier else "the shipped weights")
    # zh: print("加载了", "以前训练的权重" if earlier else "课程附带的权重")
used = weights_file if weights_file.exists() else inference.SHIPPED
print(f"threshold {network.threshold:.3f}, SHA-256 {datasets.sha256(used)[:16]}...")
# zh: print(f"阈值 {network.threshold:.3f}，SHA-256 {datasets.sha256(used)[:16]}...")

# %% [markdown] lang="en"
# On one and the same CPU, the same steps, batch size, seed, precision and number of threads give the same SHA-256 again: the same weights, bit for bit. On a GPU the order of additions may differ, and the last digits with it.
#
# **Extra:** set `STEPS` to a tenth and start again (the new weights replace the old ones). How much Dice does a tenth of the time buy?

# %% [markdown] lang="zh" of="9384a193"
# 在同一个 CPU 上，步数、批量大小、随机种子、数值精度和线程数都相同，SHA-256 就相同：权重逐比特相同。在 GPU 上，加法的顺序可能不同，最后几位也就不同。
#
# **选做：** 把 `STEPS` 设成十分之一，再启动一次（新的权重会替换旧的）。十分之一的时间能换来多少 Dice？

# %%
keys = ("dice", "auc_roc", "auc_pr", "val_loss", "threshold")
course.record(
    steps=run.step,
    precision=run.precision,
    checkpoint_sha256=datasets.sha256(used),
    trained_in_this_run=bool(run.best),
    training_seconds=round(run.seconds, 1),
    scores={"val": {k: run.best["entry"][k] for k in keys}} if run.best else {},
)
print("Chapter 09 scores these weights:", "weights.pt" if run.best else used.name)
# zh: print("第 09 章评分的权重", "weights.pt" if run.best else used.name)

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - A loss has a ruler: untrained, vessel share only, double sigmoid. Know its marks before you look at a curve.
# - BCE gives every pixel a slope; soft Dice looks at the overlap and finds all black worst. The course takes BCE plus half the soft Dice loss.
# - One step is five lines: forward, loss, clear, backward, update. The rest is plumbing.
# - Short numbers make a GPU fast: bf16 as it is, fp16 with a scaled loss.
# - AdamW evens out large and small gradients; the one-cycle schedule sets how long the steps are on the way.
# - A checkpoint must hold weights, their running average, optimiser, schedule and random state; otherwise the second half is another run.
# - Here a validation loss below the training loss is normal: the training loss is measured on augmented patches and in train mode. The test images were not touched.

# %% [markdown] lang="zh" of="6bb463f0"
# ## 小结
#
# - 损失有一把尺子：未训练、只知道血管像素占比、多了一个 sigmoid。看曲线之前先记住这些刻度。
# - BCE 让每个像素都有梯度；软 Dice 看重叠，认为全黑最差。课程用 BCE 加一半的软 Dice 损失。
# - 一步就是五行：前向、损失、清零、反向、更新。其余都是辅助代码。
# - 低精度数让 GPU 更快：bf16 直接用，fp16 要缩放损失。
# - AdamW 拉平大大小小的梯度；单周期调度规定途中每一步多长。
# - 检查点要存权重、权重的滑动平均、优化器、学习率调度和随机状态，否则后一半就是另一次训练。
# - 在这里，验证损失低于训练损失是正常的：训练损失是在增强过的图像块上、训练模式下量的。测试图像还没有碰过。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - The chapter does what section 3.4 of the "U-Net study notes" (a Chinese blog post; the copy at hand holds only the heading) set out to do, and adds the forecast, the resume and the record.
# - Milletari, Navab, Ahmadi: V-Net, 3DV 2016, [doi:10.1109/3DV.2016.79](https://doi.org/10.1109/3DV.2016.79) (the Dice loss).
# - Loshchilov, Hutter: Decoupled Weight Decay Regularization, ICLR 2019, [arXiv:1711.05101](https://arxiv.org/abs/1711.05101) (AdamW).
# - Smith, Topin: Super-Convergence, 2019, [doi:10.1117/12.2520589](https://doi.org/10.1117/12.2520589) (one cycle).
# - Micikevicius and others: Mixed Precision Training, ICLR 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740) (loss scaling).
# - Images: DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.

# %% [markdown] lang="zh" of="9573ce47"
# ## 参考资料
#
# - 本章对应中文博文《U-net学习笔记》的 3.4 节（我们手头的存档里只剩标题，原文可能有内容），并增加了时间预估、断点续训和训练记录。
# - Milletari, Navab, Ahmadi: V-Net, 3DV 2016, [doi:10.1109/3DV.2016.79](https://doi.org/10.1109/3DV.2016.79)（Dice 损失）。
# - Loshchilov, Hutter: Decoupled Weight Decay Regularization, ICLR 2019, [arXiv:1711.05101](https://arxiv.org/abs/1711.05101) (AdamW)。
# - Smith, Topin: Super-Convergence, 2019, [doi:10.1117/12.2520589](https://doi.org/10.1117/12.2520589)（单周期学习率）。
# - Micikevicius 等：Mixed Precision Training, ICLR 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740)（损失缩放）。
# - 图像：DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。

# %% include="ticket"
