# ---
# gpu: true
# ---
# %% [markdown] lang="en"
# # 12 What matters
#
# *Of all the choices in this course, which ones change the result, and how do we know?*

# %% [markdown] lang="zh" of="1b178d3e"
# # 12 什么最重要
#
# *课程里做了那么多选择，哪些真的影响结果？我们又是怎么知道的？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** set up an ablation that answers its question, compare two networks on the same eyes, read an interval of a difference, and say "cannot tell" with a good conscience.
#
# **Minutes** 60 to read and try, 1.5 to compute.
#
# **You need** training (chapter 08), intervals and thresholds (09).
#
# **You are here**

# %% [markdown] lang="zh" of="f31524a6"
# **学完这一章你能** 设计一个能回答问题的消融实验，在同一批眼睛上比较两个网络，读懂差值的置信区间，并且问心无愧地说“看不出来”。
#
# **用时** 阅读和练习 60 分钟，计算 1.5 分钟。
#
# **预备知识** 训练（第 08 章），置信区间和阈值（第 09 章）。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import dataclasses
import functools
import json
import time
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np

from helpers import augment, config, figures, inference, losses, runtime, training, unet
from notebooks.exercises.chapter_12 import EXERCISES
from results import ablations

# %% [markdown] lang="en"
# ## One change at a time
#
# An **ablation** changes one thing of a recipe and leaves the rest alone. (The word is the surgeon's: take a part away and see what no longer works.) Whatever differs afterwards is due to this change, or to chance.
#
# Training thirty networks takes hours, so their scores are stored with the course; [results/ablations.py](../results/ablations.py) makes them again. At the end you train two yourself.
#
# The test images have no part in this. Whoever tries twenty recipes on the test images and keeps the best has chosen by the test images. The twenty eyes of DRIVE 21 to 40 are dealt into four folds; two of the folds are scored, each by networks that were trained on the other fifteen eyes.

# %% [markdown] lang="zh" of="746178f4"
# ## 一次只改一处
#
# **消融实验 (ablation)** 只改方案里的一处，其余都不动。（这个词来自外科：切掉一部分，看什么功能没有了。）之后出现的差别，要么来自这处改动，要么来自偶然。
#
# 训练几十个网络要好几个小时，所以分数随课程一起保存；用 [results/ablations.py](../results/ablations.py) 可以重新得到它们。本章最后你会自己训练两个。
#
# 测试图像完全不参与。拿二十种方案去试测试图像，再留下最好的，就等于用测试图像做选择。DRIVE 21 到 40 这二十只眼睛分成四折 (fold)，只给其中两折评分。每一折用的网络，都是在这一折以外的十五只眼睛上训练的。

# %%
file = config.ROOT / "results" / "ablations.json"
stored = json.loads(file.read_text("utf-8"))
rows = {row["name"]: row for row in stored["rows"]}
recipe, scored = rows["base"], stored["images"]
fig, axes = plt.subplots(2, 1, figsize=(7, 1.2), dpi=figures.DPI)
for fold, ax in enumerate(axes):
    for k in range(20):
        held = k % stored["folds"] == fold
        colour = figures.ORANGE if held else figures.SKY
        ax.add_patch(plt.Rectangle((k, 0), 0.9, 1, color=colour, alpha=0.6))
        ax.text(k + 0.45, 0.5, 21 + k, ha="center", va="center", fontsize=8)
    ax.set(xlim=(0, 20), ylim=(0, 1))
    ax.axis("off")
plt.show()
print("blue: trained on; orange: scored")
print(f"{len(rows) - 1} changes, {stored['config']['steps']} steps, {len(scored)} eyes")
print(f"measured on {stored['date']}, most of them on: {recipe['device']}")

# %% [markdown] lang="en"
# The recipe itself is that of chapter 08, with fewer steps. Before you look: one of these four changes costs far more than the others. Which?
#
# - `"unchanged"`: no augmentation at all
# - `"eyes4"`: four eyes to learn from instead of fifteen
# - `"colour"`: no CLAHE and no gamma, the photograph as it is
# - `"bce"`: cross-entropy alone, without the Dice loss

# %% [markdown] lang="zh" of="ffd2547f"
# 图中文字：数字是眼睛的编号；蓝色用于训练，橙色用于评分。
#
# 基准方案就是第 08 章的方案，只是步数少一些。先猜一猜：下面四处改动，有一处让分数下降得比其他的多得多，是哪一处？
#
# - `"unchanged"`：完全不做数据增强 (data augmentation)
# - `"eyes4"`：只用四只眼睛学习，而不是十五只
# - `"colour"`：不用 CLAHE 和伽马，照片原样输入
# - `"bce"`：只用交叉熵 (cross-entropy, BCE)，不加 Dice 损失

# %%
guess = None  # one of the four words

four = ("unchanged", "eyes4", "colour", "bce")
costs = {name: rows[name]["difference"]["plain"]["dice"][0] for name in four}
worst = min(costs, key=costs.get)
lesson.check(
    "The change that costs most",
    guess,
    worst,
    hint=(
        "Fifteen eyes are few, and the network sees each of them over a thousand times.",
        "十五只眼睛很少，而且每只眼睛网络都要看上一千多遍。",
    ),
)
for name, cost in costs.items():
    print(f"{name:10} Dice {cost:+.4f}")

# %% [markdown] lang="en"
# ## The same eyes, twice
#
# Some eyes are hard: pale vessels, bright scars, a dim lamp. They are hard for every network. So two networks are compared eye by eye.

# %% [markdown] lang="zh" of="b2880303"
# ## 同样的眼睛，比两次
#
# 有的眼睛难：血管淡，有发亮的瘢痕，或者光线暗。它们对哪个网络都难。所以要逐只眼睛比较两个网络。

# %%
ours = np.array(recipe["scores"]["plain"]["dice_of_each"])
theirs = np.array(rows["eyes4"]["scores"]["plain"]["dice_of_each"])
fig, ax = plt.subplots(figsize=(4.5, 3), dpi=figures.DPI)
for pair in zip(ours, theirs, strict=True):
    ax.plot((0, 1), pair, "o-", color=figures.BLUE, alpha=0.6)
ax.set_xticks((0, 1), ("15 eyes", "4 eyes"))
ax.set(xlim=(-0.4, 1.4), ylabel="Dice of one eye")
plt.show()
gap = theirs - ours
hardest = scored[int(ours.argmin())]
print(f"one network, ten eyes: Dice from {ours.min():.3f} (eye {hardest}) to ", end="")
print(f"{ours.max():.3f}, sd {ours.std(ddof=1):.3f}")
print(f"one eye, two networks: difference {gap.mean():+.4f}, sd {gap.std(ddof=1):.4f}")

# %% [markdown] lang="en"
# The lines run almost in parallel: from eye to eye Dice moves more than from network to network. An interval for each network would be as wide as the eyes differ, and the two would overlap. The interval of the **difference** is what answers the question.
#
# **Exercise 12.1** `ours` and `theirs` hold one Dice an eye, in the same order. Return the 95 % bootstrap interval of the mean difference `theirs - ours`: (low, high), from 2000 draws of eyes with replacement.

# %% [markdown] lang="zh" of="73393586"
# 图中文字：左边是用 15 只眼睛训练的网络，右边是用 4 只训练的；纵轴是每只眼睛的 Dice；一条线是一只眼睛。
#
# 这些线几乎平行：换一只眼睛，Dice 的变化比换一个网络还大。如果给每个网络各算一个置信区间 (confidence interval)，区间的宽度取决于眼睛之间的差别，两个区间会重叠。真正回答问题的是**差值**的置信区间。
#
# **练习 12.1** `ours` 和 `theirs` 里每只眼睛有一个 Dice，次序相同。返回平均差值 `theirs - ours` 的 95 % 自助法 (bootstrap) 置信区间 (下限, 上限)：每次有放回地抽出同样多只眼睛，共抽 2000 次。

# %% tags=["exercise"]
def interval_of_difference(ours, theirs):
    return None  # your code here


interval_of_difference = lesson.exercise(interval_of_difference, EXERCISES["12.1"])

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The same draw of eyes must serve both networks, so the differences are drawn. Two separate draws would compare easy eyes of one with hard eyes of the other.
#
# ```python
# def interval_of_difference(ours, theirs):
#     gaps = theirs - ours
#     draws = np.random.default_rng(0).integers(len(gaps), size=(2000, len(gaps)))
#     return tuple(np.percentile(gaps[draws].mean(1), [2.5, 97.5]))
# ```
#
# </details>

# %% [markdown] lang="zh" of="33b3526c"
# <details><summary>参考答案</summary>
#
# 两个网络必须用同一次抽到的眼睛，所以直接对差值抽样。如果分开抽，就会拿一个网络在容易的眼睛上的分数，去比另一个网络在难的眼睛上的分数。
#
# ```python
# def interval_of_difference(ours, theirs):
#     gaps = theirs - ours
#     draws = np.random.default_rng(0).integers(len(gaps), size=(2000, len(gaps)))
#     return tuple(np.percentile(gaps[draws].mean(1), [2.5, 97.5]))
# ```
#
# </details>

# %%
low, high = interval_of_difference(ours, theirs)
alone = [interval_of_difference(np.zeros(len(x)), x) for x in (ours, theirs)]
print(f"each network alone: {alone[0][0]:.3f} to {alone[0][1]:.3f}", end=" and ")
print(f"{alone[1][0]:.3f} to {alone[1][1]:.3f}: they overlap")
print(f"the difference: {low:+.4f} to {high:+.4f}")

# %% [markdown] lang="en"
# `metrics.paired_differences` does the same with pooled scores. An interval that lies on one side of zero says which network is better; one that contains zero says that these eyes cannot tell.
#
# **Exercise 12.2** Turn an interval (low, high) of a difference, new minus recipe, into one of the words `"gain"`, `"loss"`, `"cannot tell"`.

# %% [markdown] lang="zh" of="1ea43586"
# `metrics.paired_differences` 对合并分数 (pooled) 做同样的事。区间全在零的一侧，就知道哪个网络更好；区间包含零，就说明凭这些眼睛看不出来。
#
# **练习 12.2** 给定差值（改动后减去基准方案）的置信区间 (low, high)，返回 `"gain"`（更好）、`"loss"`（更差）、`"cannot tell"`（看不出来）三者之一。

# %% tags=["exercise"]
def verdict(low, high):
    return None  # your code here


verdict = lesson.exercise(verdict, EXERCISES["12.2"])

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# ```python
# def verdict(low, high):
#     if low > 0:
#         return "gain"
#     return "loss" if high < 0 else "cannot tell"
# ```
#
# "Cannot tell" is not "no effect": perhaps more eyes could tell.
#
# </details>
#
# ## All changes in one figure

# %% [markdown] lang="zh" of="669e95af"
# <details><summary>参考答案</summary>
#
# ```python
# def verdict(low, high):
#     if low > 0:
#         return "gain"
#     return "loss" if high < 0 else "cannot tell"
# ```
#
# “看不出来”不等于“没有作用”：眼睛再多一些，也许就看得出来了。
#
# </details>
#
# ## 所有改动，一张图

# %%
COLOURS = {"gain": figures.GREEN, "loss": figures.RED, "cannot tell": figures.GREY}


def forest(names, key, ax, limits):
    """Draw the paired difference to the recipe with its interval, a row each."""
    for y, name in enumerate(names):
        mean, low, high = rows[name]["difference"]["plain"][key]
        colour = COLOURS[verdict(low, high)]
        ax.plot((low, high), (y, y), color=colour)
        ax.plot(mean, y, "o", color=colour)
        inside = limits[0] < mean < limits[1]
        ax.text(limits[1], y, f" {mean:+.4f}{'' if inside else ' <'}", va="center")
    ax.axvline(0, color=figures.BLACK, linewidth=0.8)
    labels = [f"{rows[n]['question']}: {rows[n]['text']}" for n in names]
    ax.set_yticks(range(len(names)), labels)
    ax.set(xlim=limits, ylim=(len(names) - 0.5, -0.5), title=key)
    ax.locator_params(axis="x", nbins=5)


names = [name for name in rows if name != "base"]
fig, axes = plt.subplots(
    1, 2, figsize=(9, 0.3 * len(names) + 0.8), sharey=True, dpi=figures.DPI
)
forest(names, "auc_roc", axes[0], (-0.006, 0.003))
forest(names, "dice", axes[1], (-0.02, 0.008))
fig.tight_layout()
plt.show()
plain = recipe["scores"]["plain"]
print(f"the recipe: AUC {plain['auc_roc']:.4f}, Dice {plain['dice']:.4f}; ", end="")
print("'<' lies outside the frame, to the left")

# %% [markdown] lang="en"
# Green is better than the recipe, red is worse, grey cannot tell. Read the grey rows too: most of what people argue about is grey.
#
# The bars speak of *eyes*: would another ten eyes give the same answer? They know nothing of a second kind of chance: another **seed** (other first weights, other patches) gives another network of the same recipe. Three seeds of the lesson recipe, scored once on the test images, show how much that is.

# %% [markdown] lang="zh" of="5dd71bce"
# 图中文字：左图是 AUC 之差，右图是 Dice 之差，都是改动后减去基准方案；横线是 95 % 置信区间；绿色更好，红色更差，灰色看不出来；`<` 表示在图框左边之外。各行：input 输入 · augmentation 数据增强（none 不做，mild 较弱）· loss 损失 · patch 图像块边长 · network 网络（twice as wide 宽度加倍）· seed 随机种子 · images 训练用的眼睛数 · steps 步数 · test time 测试时（4 个镜像副本或 8 个翻转、旋转的副本取平均）。
#
# 绿色比基准方案好，红色比它差，灰色看不出来。灰色的行也要看：人们争论的东西大多是灰色的。
#
# 这些横线只考虑了*眼睛*带来的偶然：换另外十只眼睛，答案还一样吗？还有第二种偶然，横线里没有算进去。换一个**随机种子 (seed)**，初始权重和图像块就不同，同样的方案会得到另一个网络。课程方案用三个种子训练出三个网络，在测试图像上各评分一次，可以看出这种偶然有多大。

# %%
seeds = json.loads((config.ROOT / "results" / "seeds.json").read_text("utf-8"))
for row in seeds["rows"]:
    p = row["pooled"]
    print(f"seed {row['seed']}: AUC {p['auc_roc']:.4f}, Dice {p['dice']:.4f}")
print(f"sd of AUC {seeds['sd']['auc_roc']:.4f}, of Dice {seeds['sd']['dice']:.4f}")
small = [
    name
    for name in names
    if abs(rows[name]["difference"]["plain"]["dice"][0]) < 2 * seeds["sd"]["dice"]
]
print(f"Dice moved less than two of these sd: {', '.join(small)}")

# %% [markdown] lang="en"
# A change that moves Dice less than a seed does is not worth a sentence in a paper, whatever its bar says.
#
# ## Does CLAHE help?
#
# The tutorial prepares its photographs with the green channel, CLAHE and gamma, and chapter 05 showed that this helps the eye. Does it help a *trained* network? Three inputs were tried: the chain alone, the colours alone, and both, which is the recipe. Each network also saw the held-out eyes under another lamp, and through another lens:

# %% [markdown] lang="zh" of="b52260e6"
# 有的改动给 Dice 带来的变化还不如换一个种子大。不管它的横线在哪里，都不值得在论文里写一句话。
#
# ## CLAHE 有用吗？
#
# 教程用绿色通道、CLAHE 和伽马处理照片，第 05 章也看到这样处理后人眼看得更清楚。可是对一个*训练过的*网络有用吗？试了三种输入：只用这样处理后的绿色通道；只用原来的颜色；两者都用，也就是基准方案。评分用的眼睛还换了光照、换了镜头，再让每个网络各看一遍：

# %%
eye = course.load("val")[0]
changes = {name: ablations.CONDITIONS[name][0] for name in ("plain", "camera", "lens")}
part = np.s_[:, : eye.image.shape[1] // 2, : eye.image.shape[2] // 2]
pictures = [figures.to_picture(change(eye.image)[part]) for change in changes.values()]
figures.show_images(pictures, ["as it is", "another lamp", "another lens"], size=2.2)
plt.show()
inputs = ("enhanced", "colour", "base")
print(f"{'AUC':26}{'as it is':>14}{'another lamp':>14}{'another lens':>14}")
for name in inputs:
    text = "both" if name == "base" else rows[name]["text"]
    values = [rows[name]["scores"][change]["auc_roc"] for change in changes]
    print(f"{text:26}" + "".join(f"{value:14.4f}" for value in values))
for name in inputs[:2]:
    words = [verdict(*rows[name]["difference"][c]["auc_roc"][1:]) for c in changes]
    print(f"{rows[name]['text']}, against both: {', '.join(words)}")

# %% [markdown] lang="en"
# On photographs like those it learnt from, the network with colours alone is as good as with both: it finds its own contrast, and CLAHE brings nothing. The chain alone is a little worse: it throws two colours away. Under another lamp the picture turns: there the colours alone suffer, because no lamp like that was among the fifteen eyes, while CLAHE takes most of the lamp away. Both together hold up best. So the answer is "not here, but elsewhere", and one data set alone would not have told us.
#
# ## How many eyes?
#
# Tracing all vessels of an eye by hand is slow work for a specialist. How much does the next eye bring?

# %% [markdown] lang="zh" of="4fa2c336"
# 图中文字：as it is 原样 · another lamp 换了光照 · another lens 换了镜头。表中是 AUC，三行依次是：只用处理后的绿色通道，只用原来的颜色，两者都用。
#
# 如果照片和学过的差不多，只用颜色的网络和两者都用的一样好：它自己学会了提取对比度，CLAHE 没有带来好处。只用处理后的绿色通道略差一点：它丢掉了两种颜色。换了光照，情况就反过来：只用颜色的网络吃了亏，因为那十五只眼睛里没有这样的光照，而 CLAHE 能把光照的影响去掉大半。两者都用时受光照的影响最小。所以答案是“在这里没用，换个地方有用”，只看一个数据集是发现不了的。
#
# ## 要多少只眼睛？
#
# 要把一只眼睛的血管全部描出来，专家得花很长时间。再多标一只，能换来多少？

# %%
counts = {"eyes2": 2, "eyes4": 4, "eyes8": 8, "base": 15}
counts = {name: count for name, count in counts.items() if name in rows}
fig, axes = plt.subplots(1, 2, figsize=(7, 2.6), dpi=figures.DPI)
for ax, key in zip(axes, ("auc_roc", "dice"), strict=True):
    level = recipe["scores"]["plain"][key]
    for name, count in counts.items():
        mean, low, high = rows[name]["difference"]["plain"][key]
        ax.plot((count, count), (level + low, level + high), color=figures.BLUE)
        ax.plot(count, level + mean, "o", color=figures.BLUE)
    ax.set(xscale="log", xlabel="eyes to learn from", title=key)
    ax.set_xticks(list(counts.values()), list(counts.values()))
    ax.minorticks_off()
fig.tight_layout()
plt.show()
for name, count in counts.items():
    plain = rows[name]["scores"]["plain"]
    print(f"{count:2} eyes: AUC {plain['auc_roc']:.4f}, Dice {plain['dice']:.4f}")

# %% [markdown] lang="en"
# The axis is logarithmic: look at what each *doubling* brings. The bars are those of the difference to fifteen eyes, so the point on the right has none. Which eyes were the first four is chance as well, and the bars do not know that either.
#
# ## At test time
#
# A network may look at an eye more than once: mirrored, turned, with another seed's weights. The probabilities are averaged. Guess the size of the effect from the figure above before you read on: the rows are called "test time".
#
# **Exercise 12.3** `probs` holds the probabilities of several networks for the same eye, (N, 1, H, W). Return the map of all of them together: average first, then the threshold.

# %% [markdown] lang="zh" of="9b628610"
# 图中文字：横轴是学习用的眼睛数，纵轴分别是 AUC 和 Dice。
#
# 横轴是对数刻度：要看每*翻一倍*换来多少。竖线是与十五只眼睛之差的置信区间，所以最右边的点没有竖线。最先用的是哪四只眼睛，这也是偶然，竖线里同样没有算进去。
#
# ## 测试的时候
#
# 网络可以把一只眼睛看好几遍：翻转后再看，旋转后再看，换一个种子的权重再看，然后把概率取平均。往下读之前，先从上面的图里估计作用有多大：那几行叫 “test time”。
#
# **练习 12.3** `probs` 是几个网络对同一只眼睛给出的概率，形状 (N, 1, H, W)。返回它们合在一起的血管图：先取平均，再和阈值比较。

# %% tags=["exercise"]
def together(probs, threshold):
    return None  # your code here


together = lesson.exercise(together, EXERCISES["12.3"])

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# ```python
# def together(probs, threshold):
#     return probs.mean(0) >= threshold
# ```
#
# A vote of finished maps throws away how sure each network was.
#
# </details>

# %% [markdown] lang="zh" of="2b6594b5"
# <details><summary>参考答案</summary>
#
# ```python
# def together(probs, threshold):
#     return probs.mean(0) >= threshold
# ```
#
# 如果让二值化之后的图投票，就丢掉了每个网络有多大把握这个信息。
#
# </details>

# %%
network, copies = inference.Segmenter.load(), {}
for tta in ("none", "flips", "d4"):
    start = time.perf_counter()
    copies[tta] = network.probs(eye.image, eye.fov, tta)
    seconds, looks = time.perf_counter() - start, len(inference.TTA[tta])
    print(f"{tta:6} {looks} looks: {seconds:.2f} s for this eye")
both = together(np.stack([copies["none"], copies["d4"]]), network.threshold)
print(f"together they mark {both[eye.fov].mean():.1%} of the field of view")
looking_twice = ("flips", "d4", "average", "long", "wide")
for name in [name for name in looking_twice if name in rows]:
    mean, low, high = rows[name]["difference"]["plain"]["dice"]
    print(f"{rows[name]['text']:20} Dice {mean:+.4f} ({low:+.4f} to {high:+.4f})")

# %% [markdown] lang="en"
# Looking four times brings at least as much as training twice as long, or as a network twice as wide with four times the multiplications, and needs no training at all. It takes about four times as long for each photograph.
#
# ## Where the threshold comes from
#
# Each eye has a threshold at which its own Dice is best. Nobody knows it beforehand; we use one for all. Four networks of the full recipe, cross-validated, give the best threshold of each of the twenty eyes ([results/crossval.json](../results/crossval.json)).

# %% [markdown] lang="zh" of="f053f411"
# 把眼睛看四遍，带来的好处不亚于训练步数翻倍，也不亚于网络加宽一倍（乘法次数变成四倍），而且不必再训练。代价是每张照片用的时间变成四倍左右。
#
# ## 阈值从哪里来
#
# 每只眼睛都有一个让自己的 Dice 最高的阈值。事先谁也不知道它，我们只能对所有眼睛用同一个。按完整方案训练四个网络，做交叉验证 (cross-validation)，得到了二十只眼睛各自的最佳阈值（[results/crossval.json](../results/crossval.json)）。

# %%
crossval = json.loads((config.ROOT / "results" / "crossval.json").read_text("utf-8"))
best = crossval["threshold_of_each_image"]
val_four = [best[name] for name in ("37", "38", "39", "40")]
fig, ax = plt.subplots(figsize=(6, 1.4), dpi=figures.DPI)
for name, threshold in best.items():
    colour = figures.ORANGE if name in ("37", "38", "39", "40") else figures.BLUE
    ax.plot(threshold, 0, "o", color=colour, alpha=0.7)
ax.axvline(crossval["threshold"], color=figures.RED)
ax.set(xlim=(0, 1), yticks=[], xlabel="best threshold of an eye")
fig.tight_layout()
plt.show()
print(f"from {min(best.values()):.2f} to {max(best.values()):.2f}; ", end="")
print(f"the best for all twenty: {crossval['threshold']:.2f}")
print(f"the four of validation (orange): mean {np.mean(val_four):.2f}")

# %% [markdown] lang="en"
# The four validation eyes (orange) all lie to the right of the line. A threshold chosen on them alone is too high for most other eyes: four eyes are few, even for one number. That is why the shipped weights carry the threshold of all twenty.
#
# ## Whole vessels or many pixels?
#
# Dice counts pixels, so a wide vessel weighs more than a thin one of the same length. clDice counts centrelines, and there both weigh the same. One network gives many maps, one for each threshold. Draw them all.

# %% [markdown] lang="zh" of="bb67b63f"
# 图中文字：横轴是一只眼睛的最佳阈值；橙色是四只验证用的眼睛，红线是对二十只眼睛都最好的阈值。
#
# 四只验证用的眼睛（橙色）全在红线右边。只用它们选出的阈值，对其余的大多数眼睛都太高。哪怕只选一个数，四只眼睛也太少。所以随课程附带的权重用的是二十只眼睛选出的阈值。
#
# ## 要完整的血管，还是要更多的像素？
#
# Dice 数的是像素，所以同样长的血管，粗的比细的分量重。clDice 数的是中心线 (centreline)，粗细的分量就一样了。一个网络可以给出许多张血管图，每个阈值一张。把它们都画出来。

# %%
fig, ax = plt.subplots(figsize=(5, 3.4), dpi=figures.DPI)
lines = {"base": figures.BLUE, "bce": figures.ORANGE, "cldice": figures.GREEN}
for name, colour in lines.items():
    curve, text = rows[name]["topology"], rows[name]["text"]
    label = "BCE + 0.5 Dice (the recipe)" if name == "base" else text
    x, y = curve["dice"], curve["cldice"]
    ax.plot(x, y, "o-", markersize=3, color=colour, label=label)
ax.set(xlabel="Dice", ylabel="clDice", xlim=(0.74, 0.81))
ax.legend(fontsize=8, frameon=False, loc="lower left")
fig.tight_layout()
plt.show()
thresholds, curve = stored["thresholds"], rows["base"]["topology"]
top = int(np.argmax(curve["dice"]))
for k in (top, top - 2):
    print(f"recipe at {thresholds[k]:.2f}: Dice {curve['dice'][k]:.4f}, ", end="")
    print(f"clDice {curve['cldice'][k]:.4f}, {curve['betti_0_error'][k]:.1f} pieces off")
print(f"pieces of fewer than {stored['speck']} pixels were dropped")

# %% [markdown] lang="en"
# Each point is a threshold; a lower one lies further up. Start at the best Dice and lower the threshold a little: clDice rises by more than Dice falls. A loss made for centrelines (soft-clDice, Shit et al. 2021) has the highest clDice, but at thresholds that cost Dice; where Dice is at its best the recipe is ahead. Which point is right depends on the question: for the length of the vessels take a low threshold, for their area the top of Dice.
#
# (Small pieces, the size is in the last printed line, were dropped before counting; otherwise dozens of specks would count as vessels of their own.)
#
# ## Your own ablation
#
# Now two networks of your own: with augmentation and without, everything else equal. They are small and short so that a class can wait for them. In the stored rows, augmentation matters most. Guess what a short run says.

# %% [markdown] lang="zh" of="40b319a2"
# 图中文字：横轴 Dice，纵轴 clDice；蓝色是基准方案，橙色只用 BCE，绿色加上软 clDice；曲线上一个点是一个阈值。
#
# 阈值越低，点越靠上。从 Dice 的最高点出发，把阈值降低一点：clDice 上升的比 Dice 下降的多。专为中心线设计的损失（soft-clDice, Shit et al. 2021）能达到最高的 clDice，但在那些阈值上 Dice 会下降。在 Dice 最高的地方，还是基准方案领先。哪个点合适，要看问题是什么：要量血管的长度，就取低一点的阈值；要量面积，就取 Dice 的最高点。
#
# （小碎块在计数前已经去掉，多小算小，见最后一行输出；否则几十个小点都会被当成单独的血管。）
#
# ## 你自己的消融实验
#
# 现在训练你自己的两个网络：一个做数据增强，一个不做，其余完全相同。网络小，训练也短，课堂上等得起。在保存的结果里，数据增强影响最大。猜猜看，短的训练会怎么说？

# %%
STEPS = 300  # @param {type: "slider", min: 100, max: 2000, step: 100}

short = dataclasses.replace(course.config, steps=STEPS, patch_size=64, val_every=STEPS)
if course.mode == "smoke":
    short = dataclasses.replace(course.config, steps=8, val_every=8)
eyes, val = course.load("train"), course.load("val")


def train_with(change: Callable) -> dict:
    """Train a network whose patches go through ``change``; return its scores."""
    runtime.seed_everything(short.seed)
    run = training.new_run(
        eyes,
        val,
        short,
        model=unet.UNet(short.in_channels, 1, short.widths),
        loss_fn=functools.partial(losses.bce_dice_loss, dice_weight=0.5),
        augment=change,
    )
    for _ in run.steps():
        pass
    return run.history[-1] | {"seconds": run.seconds}


changes = {"with": augment.augment, "without": augment.centre_crop}
mine = {name: train_with(change) for name, change in changes.items()}
print(f"{short.steps} steps, {len(eyes)} eyes, scored on {len(val)} validation eyes")
for name, entry in mine.items():
    print(f"{name:8} augmentation: AUC {entry['auc_roc']:.4f}, ", end="")
    print(f"loss {entry['loss']:.3f} in training, {entry['val_loss']:.3f} in validation")
print(f"difference {mine['without']['auc_roc'] - mine['with']['auc_roc']:+.4f}; ", end="")
stored_gap = rows["unchanged"]["difference"]["plain"]["auc_roc"][0]
print(f"after {stored['config']['steps']} steps: {stored_gap:+.4f}")

# %% [markdown] lang="en"
# In our run on DRIVE, with 300 steps, the network *without* augmentation was ahead. Augmentation makes the task harder, and a short run has not had time to profit; only in a long one does the network without it learn its few eyes by heart. An ablation answers for its own number of steps and no other. Slide `STEPS` up to find the crossing, or hand `train_with` an augmentation of your own.
#
# ## What ten eyes cannot tell

# %% [markdown] lang="zh" of="d6b03925"
# 我们在 DRIVE 上只训练 300 步时，*不做*数据增强的网络反而领先。数据增强让任务变难，短训练还来不及从中获益；训练久了，不做增强的网络才会把那几只眼睛死记下来。消融实验的答案只对它自己的步数成立。把 `STEPS` 往上调，找找两者在哪里交叉；也可以把你自己的增强函数交给 `train_with`。
#
# ## 哪些看不出差别

# %%
keys = ("auc_roc", "dice")
words = {
    name: [verdict(*rows[name]["difference"]["plain"][key][1:]) for key in keys]
    for name in names
}
for title, wanted in (("cannot tell in both", {"cannot tell"}), ("gain", {"gain"})):
    print(f"{title}:")
    for name in names:
        if set(words[name]) == wanted:
            print(f"  {rows[name]['question']}: {rows[name]['text']}")
course.record(
    ablation_steps=short.steps,
    ablation={name: entry["auc_roc"] for name, entry in mine.items()},
)

# %% [markdown] lang="en"
# ## What you learned
#
# - Change one thing, keep the rest, judge it on eyes that neither trained nor chose.
# - Compare on the same eyes: the interval of the difference, not two intervals.
# - There are two kinds of chance, eyes and seeds; a paper should show both.
# - Here augmentation and the number of eyes matter most; looking several times helps and costs only time; much else cannot be told apart.
# - "Does it help?" has no answer without "where, and after how many steps?"
#
# **Extra:** give [results/ablations.py](../results/ablations.py) a variant of your own: one line in `VARIANTS`, then `python results/ablations.py NAME`.
#
# ## Sources
#
# - The tutorial (the "U-Net study notes") takes CLAHE and gamma for granted; here they are put to the test.
# - Images: DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627).
# - Shit et al.: clDice, CVPR 2021, [arXiv:2003.07311](https://arxiv.org/abs/2003.07311).
# - Galdran et al.: state-of-the-art retinal vessel segmentation with minimalistic models, Scientific Reports 2022, [doi:10.1038/s41598-022-09675-y](https://doi.org/10.1038/s41598-022-09675-y).
# - Scores: [results/ablations.json](../results/ablations.json), [results/seeds.json](../results/seeds.json), [results/crossval.json](../results/crossval.json).

# %% [markdown] lang="zh" of="2b21826e"
# ## 小结
#
# - 只改一处，其余不动；评分用的眼睛既没有参加训练，也没有用来做选择。
# - 在同一批眼睛上比较：看差值的一个区间，而不是看两个区间。
# - 偶然有两种：眼睛和随机种子；论文应当两种都给出。
# - 在这里，数据增强和眼睛的数量最重要；多看几遍有好处，代价只是时间；其余许多选择分不出高下。
# - “有没有用”：不说清在哪里、训练了多少步，就没有答案。
#
# **选做：** 给 [results/ablations.py](../results/ablations.py) 加一个你自己的变体：在 `VARIANTS` 里加一行，再运行 `python results/ablations.py NAME`。
#
# ## 参考资料
#
# - 教程《U-net学习笔记》把 CLAHE 和伽马当成理所当然，这里拿它们做了检验。
# - 图像：DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。
# - Shit et al.: clDice, CVPR 2021, [arXiv:2003.07311](https://arxiv.org/abs/2003.07311)。
# - Galdran et al.: state-of-the-art retinal vessel segmentation with minimalistic models, Scientific Reports 2022, [doi:10.1038/s41598-022-09675-y](https://doi.org/10.1038/s41598-022-09675-y)。
# - 分数：[results/ablations.json](../results/ablations.json)、[results/seeds.json](../results/seeds.json)、[results/crossval.json](../results/crossval.json)。
