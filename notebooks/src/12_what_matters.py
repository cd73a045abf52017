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
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** training (chapter 08), intervals and thresholds (09).
#
# **You are here**

# %% [markdown] lang="zh" of="4abd5947"
# **学完这一章你能** 设计一个能回答问题的消融实验，在同一批眼睛上比较两个网络，读懂差值的置信区间，并且问心无愧地说“看不出来”。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** 训练（第 08 章），置信区间和阈值（第 09 章）。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import dataclasses
import json
import time
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np

from helpers import augment, figures, inference, places, training
from results.experiments import runs

# %% [markdown] lang="en" minutes="4"
# ## One change at a time
#
# An **ablation** changes one thing of a recipe and leaves the rest alone. (The word is the surgeon's: take a part away and see what no longer works.) Whatever differs afterwards is due to this change, or to chance.
#
# Training all these networks takes hours on a CPU, so their scores are stored with the course, each file with the settings that made it. [results/experiments/runs.py](../results/experiments/runs.py) declares them, and `python -m results.experiments ablations` makes what is missing. At the end you train two yourself.
#
# Whoever tries twenty recipes on the test images and keeps the best has chosen by the test images. So no change of the recipe is judged there. The twenty eyes of DRIVE 21 to 40 are dealt into four folds like cards. Two folds are scored (four would take twice as long), each by networks that were trained on the other fifteen eyes.
#
# Two favours you should know of. The recipe's input, augmentation and number of steps were chosen on held-out eyes such as these, so other rows may look a little worse than they are. And every network gets the threshold that suits these ten eyes best: its Dice is too high, for all alike. AUC needs no threshold.

# %% [markdown] lang="zh" of="b1982a78"
# ## 一次只改一处
#
# **消融实验 (ablation)** 只改方案里的一处，其余都不动。（这个词来自外科：切掉一部分，看什么功能没有了。）之后出现的差别，要么来自这处改动，要么来自偶然。
#
# 在 CPU 上训练这些网络要好几个小时，所以分数随课程一起保存，每个文件都记着得到它的设置。这些设置写在 [results/experiments/runs.py](../results/experiments/runs.py) 里；缺少的用 `python -m results.experiments ablations` 得到。本章最后你会自己训练两个。
#
# 拿二十种方案去试测试图像，再留下最好的，就等于用测试图像做选择。所以各处改动好不好，都不由测试图像来判断。DRIVE 21 到 40 这二十只眼睛像发牌一样，轮流分到四折 (fold) 里。只给其中两折评分（四折都评要花两倍时间）。每一折用的网络，都是在这一折以外的十五只眼睛上训练的。
#
# 有两处不够公平，要先说明。基准方案的输入、数据增强和步数，就是在这样留出的眼睛上选出来的，所以其他各行看上去可能比实际略差。另外，每个网络用的都是最适合这十只眼睛的阈值，所以 Dice 都偏高，大家一样；AUC 不需要阈值。

# %%
file = places.ROOT / "results" / "ablations.json"
stored = json.loads(file.read_text("utf-8"))
rows = {row["name"]: row for row in stored["rows"]}
recipe, scored = rows["base"], stored["images"]
print(f"{len(rows) - 1} changes, {stored['config']['steps']} steps, {len(scored)} eyes")
# zh: print(f"{len(rows) - 1} 处改动，{stored['config']['steps']} 步，{len(scored)} 只眼睛")
print(f"collected on {stored['collected']}; recipe trained on {recipe['device']}")
# zh: print(f"汇总于 {stored['collected']}；基准方案的训练设备：{recipe['device']}")

# %% fold="Draw which eyes are scored" fold_zh="画出给哪些眼睛评分"
fig, axes = plt.subplots(2, 1, figsize=(7, 1.2), dpi=figures.DPI)
for fold, ax in enumerate(axes):
    for k in range(20):
        held = k % stored["folds"] == fold
        colour = figures.ORANGE if held else figures.SKY
        ax.add_patch(plt.Rectangle((k, 0), 0.9, 1, color=colour, alpha=0.6))
        ax.text(k + 0.45, 0.5, 21 + k, ha="center", va="center", fontsize=8)
    ax.set(xlim=(0, 20), ylim=(0, 1))
    ax.axis("off")
figures.show(
    "The eyes 21 to 40 in two rows, one for each scored fold. In each row every fourth "
    "eye is orange, scored, and the other fifteen are blue, trained on."
)
# zh: figures.show(
# zh:     "编号 21 到 40 的眼睛排成两行，每行是一折。每行里每隔四只有一只是橙色，用来评分；"
# zh:     "其余十五只是蓝色，用来训练。"
# zh: )
print("blue: trained on; orange: scored")
# zh: print("蓝色：用于训练；橙色：用于评分")

# %% [markdown] lang="en"
# The recipe itself is that of chapter 08, with fewer steps.
#
# **Guess 12.1.** One of these four changes costs far more than the others. Which?
#
# - `"unchanged"`: patches go in unchanged, without any augmentation
# - `"eyes4"`: four eyes to learn from instead of fifteen
# - `"colour"`: no CLAHE and no gamma, the photograph as it is
# - `"bce"`: cross-entropy alone, without the Dice loss

# %% [markdown] lang="zh" of="1a5897d3"
# 图中文字：数字是眼睛的编号；蓝色用于训练，橙色用于评分。
#
# 基准方案就是第 08 章的方案，只是步数少一些。
#
# **猜一猜 12.1** 下面四处改动，有一处让分数下降得比其他的多得多，是哪一处？
#
# - `"unchanged"`：完全不做数据增强 (data augmentation)
# - `"eyes4"`：只用四只眼睛学习，而不是十五只
# - `"colour"`：不用 CLAHE 和伽马，照片原样输入
# - `"bce"`：只用交叉熵 (cross-entropy, BCE)，不加 Dice 损失

# %%
guess = None  # one of the four words
# zh: guess = None  # 四个单词之一

four = ("unchanged", "eyes4", "colour", "bce")
costs = {name: rows[name]["difference"]["plain"]["dice"][0] for name in four}
lesson.ask("12.1", guess, costs)

# %% tags=["answer"]
for name, cost in costs.items():
    print(f"{name:10} Dice {cost:+.4f}")

# %% [markdown] lang="en" minutes="15"
# ## The same eyes, twice
#
# Some eyes are hard, and they are hard for every network. So two networks are compared eye by eye.

# %% [markdown] lang="zh" of="1e8d58a9"
# ## 同一批眼睛，两个网络
#
# 有的眼睛难，而且对哪个网络都难。所以要逐只眼睛比较两个网络。

# %%
ours = np.array(recipe["scores"]["plain"]["dice_of_each"])
theirs = np.array(rows["eyes4"]["scores"]["plain"]["dice_of_each"])
gap = theirs - ours
hard = int(ours.argmin())
print(f"one network, ten eyes: Dice from {ours.min():.3f} (eye {scored[hard]})")
# zh: print(f"一个网络，十只眼睛：Dice 最低 {ours.min():.3f}（{scored[hard]} 号）")
print(f"  to {ours.max():.3f}, sd {ours.std(ddof=1):.3f}")
# zh: print(f"  最高 {ours.max():.3f}，标准差 {ours.std(ddof=1):.3f}")
print(f"one eye, two networks: difference {gap.mean():+.4f}, sd {gap.std(ddof=1):.4f}")
# zh: print(f"一只眼睛，两个网络：平均差 {gap.mean():+.4f}，标准差 {gap.std(ddof=1):.4f}")

# %% fold="Draw the eyes, a line each" fold_zh="一只眼睛画一条线"
fig, ax = plt.subplots(figsize=(4.5, 3), dpi=figures.DPI)
for pair in zip(ours, theirs, strict=True):
    ax.plot((0, 1), pair, "o-", color=figures.BLUE, alpha=0.6)
ax.set_xticks((0, 1), ("15 eyes", "4 eyes"))
ax.set(xlim=(-0.4, 1.4), ylabel="Dice of one eye")
figures.show(
    f"Ten lines, one for each eye, from its Dice after training on 15 eyes to that after 4. "
    f"{(gap < 0).sum()} of {len(gap)} lines fall, most of them side by side."
)
# zh: figures.show(
# zh:     f"十条线，一条是一只眼睛：从用 15 只眼睛训练后的 Dice，到用 4 只训练后的。"
# zh:     f"{len(gap)} 条里有 {(gap < 0).sum()} 条往下走，大多几乎平行。"
# zh: )
print(f"{(gap < 0).sum()} of {len(gap)} lines fall.")
# zh: print(f"{len(gap)} 条线里有 {(gap < 0).sum()} 条往下走。")

# %% [markdown] lang="en"
# All ten lines fall, and the order of the eyes hardly changes: from eye to eye Dice moves more than from network to network. An interval for each network alone is wide because the eyes differ so much, and two such intervals overlap, as you will see. The interval of the **difference** is what answers the question.
#
# **Exercise 12.2** `ours` and `theirs` hold one Dice an eye, in the same order. Return the 95% bootstrap interval of the mean difference `theirs - ours`: (low, high), from 2000 draws, each of as many eyes as there are, with replacement.

# %% [markdown] lang="zh" of="4e8863f6"
# 图中文字：左边是用 15 只眼睛训练的网络，右边是用 4 只训练的；纵轴是每只眼睛的 Dice；一条线是一只眼睛。
#
# 十条线都往下走，各只眼睛的名次几乎不变：换一只眼睛，Dice 的变化比换一个网络还大。如果给每个网络各算一个置信区间 (confidence interval)，眼睛之间差别大，区间就宽，两个区间会重叠，等一下就能看到。真正回答问题的是**差值**的置信区间。
#
# **练习 12.2** `ours` 和 `theirs` 里每只眼睛有一个 Dice，次序相同。返回平均差值 `theirs - ours` 的 95% 自助法 (bootstrap) 置信区间 (下限, 上限)：每次有放回地抽出同样多只眼睛，共抽 2000 次。

# %% tags=["exercise"]
def interval_of_difference(ours, theirs):
    return None  # your code here
    # zh: return None  # 在这里写代码


interval_of_difference = lesson.exercise("12.2", interval_of_difference)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The same draw of eyes must serve both networks, so the differences are drawn. Two separate draws would compare easy eyes of one with hard eyes of the other.
#
# {{solution 12.2}}
#
# </details>

# %% [markdown] lang="zh" of="69526b81"
# <details><summary>参考答案</summary>
#
# 两个网络必须用同一次抽到的眼睛，所以直接对差值抽样。如果分开抽，就会拿一个网络在容易的眼睛上的分数，去比另一个网络在难的眼睛上的分数。
#
# {{solution 12.2}}
#
# </details>

# %%
low, high = interval_of_difference(ours, theirs)
nothing = np.zeros(len(ours))  # the difference to nothing: one network alone
alone = [interval_of_difference(nothing, x) for x in (ours, theirs)]
for count, (start, end) in zip((15, 4), alone, strict=True):
    print(f"{count:2} eyes, this network alone: {start:.3f} to {end:.3f}")
    # zh: print(f"{count:2} 只眼睛，单独这个网络：{start:.3f} 到 {end:.3f}")
print(f"the difference: {low:+.4f} to {high:+.4f}")
# zh: print(f"差值：{low:+.4f} 到 {high:+.4f}")
lesson.contract("12.interval", (low, high))

# %% [markdown] lang="en"
# `metrics.paired_differences` does the same with pooled scores. An interval that lies on one side of zero says which of the two trained networks is better on eyes like these; one that contains zero says that these eyes cannot tell.
#
# **Exercise 12.3** Turn an interval (low, high) of a difference, new minus recipe, into one of the words `"gain"`, `"loss"`, `"cannot tell"`.

# %% [markdown] lang="zh" of="bf7f7779"
# `metrics.paired_differences` 对所有像素合在一起算出的分数 (pooled) 做同样的计算。区间全在零的一侧，就知道在这样的眼睛上，训练好的这两个网络哪个更好；区间包含零，就说明凭这些眼睛看不出来。
#
# **练习 12.3** 给定差值（改动后减去基准方案）的置信区间 (low, high)，返回 `"gain"`（更好）、`"loss"`（更差）、`"cannot tell"`（看不出来）三者之一。

# %% tags=["exercise"]
def verdict(low, high):
    return None  # your code here
    # zh: return None  # 在这里写代码


verdict = lesson.exercise("12.3", verdict)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 12.3}}
#
# "Cannot tell" is not "no effect": perhaps more eyes could tell.
#
# </details>

# %% [markdown] lang="zh" of="9b5bca71"
# <details><summary>参考答案</summary>
#
# {{solution 12.3}}
#
# “看不出来”不等于“没有作用”：眼睛再多一些，也许就看得出来了。
#
# </details>

# %% [markdown] lang="en" minutes="4"
# ## All changes in one figure
#
# Each row is one change, its point the mean difference to the recipe, its bar the interval. Two rows change two things, to stay fair: a patch of 256 comes with a batch of 2, so that a step sees as many pixels, and a batch of 4 with 5,000 steps, so that as many patches are seen. clDice is a score that counts centrelines, and in one row a part of the loss; "Whole vessels or many pixels?" below looks at it.

# %% [markdown] lang="zh" of="b1a4fbb2"
# ## 所有改动，一张图
#
# 一行是一处改动，圆点是它和基准方案的平均差，横线是置信区间。有两行为了公平改了两处：图像块边长取 256 时，批量大小是 2，这样每一步看到的像素一样多；批量大小取 4 时，训练 5000 步，这样看到的图像块一样多。clDice 是数中心线的分数，有一行把它加进了损失；后面“要完整的血管，还是要更多的像素？”一节会讲。

# %% fold="Draw all differences with their intervals" fold_zh="画出所有差值和区间"
TITLES = {"auc_roc": "AUC", "dice": "Dice"}
COLOURS = {"gain": figures.GREEN, "loss": figures.RED, "cannot tell": figures.GREY}


def forest(table, key, ax, limits):
    """Draw paired differences with their intervals, a row each."""
    for y, difference in enumerate(table.values()):
        mean, start, end = difference[key]
        colour = COLOURS[verdict(start, end)]
        ax.plot((start, end), (y, y), color=colour)
        ax.plot(mean, y, "o", color=colour)
        inside = limits[0] < start
        ax.text(limits[1], y, f" {mean:+.4f}{'' if inside else ' <'}", va="center")
    ax.axvline(0, color=figures.BLACK, linewidth=0.8)
    ax.set_yticks(range(len(table)), list(table))
    ax.set(xlim=limits, ylim=(len(table) - 0.5, -0.5), title=TITLES[key])
    ax.locator_params(axis="x", nbins=3)


names = [name for name in rows if name != "base"]
fig, axes = plt.subplots(
    1, 2, figsize=(9, 0.3 * len(names) + 0.8), sharey=True, dpi=figures.DPI
)
changed = {
    f"{rows[name]['question']}: {rows[name]['text']}": rows[name]["difference"]["plain"]
    for name in names
}
forest(changed, "auc_roc", axes[0], (-0.006, 0.004))
forest(changed, "dice", axes[1], (-0.02, 0.008))
fig.tight_layout()
counted = [verdict(*rows[name]["difference"]["plain"]["dice"][1:]) for name in names]
lost, gained = (counted.count(word) for word in ("loss", "gain"))
figures.show(
    f"{len(names)} changes, a row each, with the mean difference to the recipe and its "
    f"interval, on the left in AUC, on the right in Dice. In Dice {lost} rows lie wholly "
    f"below zero, {gained} wholly above; the others contain zero."
)
# zh: figures.show(
# zh:     f"{len(names)} 处改动，一行一处：和基准方案的平均差及置信区间，左边 AUC，右边 Dice。"
# zh:     f"按 Dice，{lost} 行整个在零以下，{gained} 行整个在零以上，其余都包含零。"
# zh: )
plain = recipe["scores"]["plain"]
print(f"the recipe: AUC {plain['auc_roc']:.4f}, Dice {plain['dice']:.4f}")
# zh: print(f"基准方案：AUC {plain['auc_roc']:.4f}，Dice {plain['dice']:.4f}")
print("'<': the interval goes on outside the frame")
# zh: print("'<'：区间伸到图框之外")

# %% [markdown] lang="en"
# Zero is the recipe: four channels, all of the augmentation, BCE + 0.5 Dice, patches of 128, widths 16 to 128, batches of 8, fifteen eyes, 2,500 steps, one look at each eye. (Rows that were trained on a CPU, later, stand beside a recipe that was trained there.) Green is better, red is worse, grey cannot tell. Read the grey rows too: much of what people argue about is grey.
#
# Some twenty rows and two scores make some forty verdicts. At 95%, two of them would be coloured by chance if nothing had any effect. And ten eyes are few. How much hangs on a single one?

# %% [markdown] lang="zh" of="37c786b4"
# 图中文字：左图是 AUC 之差，右图是 Dice 之差，都是改动后减去基准方案；横线是 95% 置信区间；绿色更好，红色更差，灰色看不出来；`<` 表示横线伸到图框之外。各行：input 输入（green 绿色通道，red, green, blue 三种颜色）· augmentation 数据增强（none 不做，mild 较弱）· loss 损失 · patch 图像块边长 · batch 批量大小 · network 网络（twice as wide 宽度加倍，four times as wide 四倍宽，five levels 五层）· learning rate 学习率（0.001 all along 从头到尾都是 0.001）· weights 权重（those of the last step 最后一步的，不取滑动平均）· start 起点（from phantoms 先在仿真眼底图上训练）· images 训练用的眼睛数 · steps 步数 · test time 测试时（4 个镜像副本或 8 个翻转、旋转的副本取平均）。
#
# 零就是基准方案：四个通道，全部数据增强，BCE + 0.5 Dice，图像块边长 128，宽度 16 到 128，批量大小 8，十五只眼睛，2500 步，每只眼睛看一遍。（后来在 CPU 上补做的几行，是和在 CPU 上训练的同一方案比的。）绿色比它好，红色比它差，灰色看不出来。灰色的行也要看：人们争论的东西，许多是灰色的。
#
# 二十来行、两种分数，一共四十来个判断。即使什么都不起作用，按 95% 算，也会有两个碰巧显示为绿色或红色。而且十只眼睛很少。单独一只眼睛能影响多少？

# %%
print(f"{'Dice, mean of single eyes':34}{'all':>9}{f'without {scored[hard]}':>13}   better in")
for name in names:
    each = np.array(rows[name]["difference"]["plain"]["dice_of_each"])
    text = f"{rows[name]['question']}: {rows[name]['text']}"
    print(f"{text:34}{each.mean():+9.4f}{np.delete(each, hard).mean():+13.4f}", end="")
    print(f"   {(each > 0).sum()} of {len(each)}")

# %% [markdown] lang="en"
# One eye, 34, makes half of several differences. Without it six rows would get another colour in Dice: green as it is, BCE alone, patches of 256 and a constant rate become losses, 5,000 steps and the start from phantoms gains. With such an outlier, the interval of ten eyes is too narrow. Look at the single eyes before you believe a colour.
#
# The bars speak of *eyes*: would another ten eyes give the same answer? They know nothing of a second kind of chance: another **seed** (other first weights, other patches) gives another network of the same recipe. Three seeds of a longer training by this recipe ({{seeds.declaration.recipe.steps:,d}} steps), scored once on the test images when all was decided, show how much that is.

# %% [markdown] lang="zh" of="c384e11b"
# 表中文字：mean of single eyes 各只眼睛的平均差 · all 全部十只 · without 34 去掉 34 号 · better in 几只眼睛变好（2 of 10 是十只里有两只）。
#
# 34 号这一只眼睛，就占了好几个差值的一半。去掉它，Dice 有六行会换颜色：原样的绿色通道、只用 BCE、边长 256 的图像块和不变的学习率变成更差，5000 步和先在仿真眼底图上训练变成更好。有这样的离群值，十只眼睛算出的置信区间就太窄了。相信颜色之前，先看看每只眼睛。
#
# 这些区间只反映换一批*眼睛*带来的随机性：换另外十只眼睛，答案还一样吗？还有第二种随机性，区间里没有算进去。换一个**随机种子 (seed)**，初始权重和图像块就不同，同样的方案会得到另一个网络。同一个方案训练得久一些（{{seeds.declaration.recipe.steps:,d}} 步），用三个种子训练出三个网络，等一切都定下来以后，在测试图像上各评分一次，可以看出这种随机性有多大。

# %%
seeds = json.loads((places.ROOT / "results" / "seeds.json").read_text("utf-8"))
for row in seeds["rows"]:
    p = row["pooled"]
    print(f"seed {row['seed']}: AUC {p['auc_roc']:.4f}, Dice {p['dice']:.4f}")
print(f"sd of AUC {seeds['sd']['auc_roc']:.4f}, of Dice {seeds['sd']['dice']:.4f}")
# zh: print(f"标准差：AUC {seeds['sd']['auc_roc']:.4f}，Dice {seeds['sd']['dice']:.4f}")
bound = 2 * 2**0.5 * seeds["sd"]["dice"]
small = [
    rows[name]["question"] + ": " + rows[name]["text"]
    for name in names
    if abs(rows[name]["difference"]["plain"]["dice"][0]) < bound
    and rows[name]["question"] != "test time"  # the same weights, no second seed
]
print(f"Dice moved by less than {bound:.4f}:\n  " + "\n  ".join(small))
# zh: print(f"Dice 的变化小于 {bound:.4f} 的：\n  " + "\n  ".join(small))

# %% [markdown] lang="en"
# Two networks of one recipe differ by about 1.4 sd (the root of two). A change of Dice smaller than two such differences may be the seed alone, whatever its bar says; the print lists them. Three seeds give only a rough sd, of a longer training and on other eyes, and in AUC seeds differ much less. Still: with one seed and no interval, the third digit of a Dice says nothing.

# %% [markdown] lang="zh" of="e7c45fa7"
# 同一个方案的两个网络，相差大约 1.4 倍标准差（根号二）。如果一处改动让 Dice 的变化小于两倍这样的差别，那也许只是换了随机种子造成的，不管它的区间是否包含零；上面列出的就是。三个种子算出的标准差很粗略，训练的步数更多，眼睛也是另一批；AUC 随种子的变化要小得多。尽管如此：只有一个种子，又没有区间，Dice 的小数点后第三位就什么也说明不了。

# %% [markdown] lang="en" minutes="4"
# ## Does CLAHE help?
#
# The blog post prepares its photographs with the green channel, CLAHE and gamma, and chapter 05 showed that this helps the eye. Does it help a *trained* network? Four inputs were tried: green as it is, green after CLAHE and gamma (the chain), the colours, and the chain beside the colours, which is the recipe. Each network also saw the held-out eyes with the light of another lamp and with the blur of another lens, both of them computed.

# %% [markdown] lang="zh" of="5a061472"
# ## CLAHE 有用吗？
#
# 博文用绿色通道、CLAHE 和伽马处理照片，第 05 章也看到这样处理后人眼看得更清楚。可是对一个*训练过的*网络有用吗？试了四种输入：原样的绿色通道；这样处理后的绿色通道；原来的颜色；处理后的绿色通道加上颜色，也就是基准方案。评分用的眼睛还用计算的办法换了光照（另一盏灯）、加了模糊（另一个镜头），再让每个网络各看一遍。

# %% fold="Draw an eye under another lamp and behind another lens" fold_zh="画出换了光照和换了镜头的眼睛"
eye = course.load("val")[0]
seen = {name: runs.CONDITIONS[name][0] for name in ("plain", "camera", "lens")}
part = np.s_[:, : eye.image.shape[1] // 2, : eye.image.shape[2] // 2]
pictures = [figures.to_picture(look(eye.image)[part]) for look in seen.values()]
figures.show_images(pictures, ["as it is", "another lamp", "another lens"], size=2.2)
figures.show(
    "A quarter of one eye three times: as it is; under another lamp, darker and redder; "
    "behind another lens, blurred."
)
# zh: figures.show("同一只眼睛的四分之一，三个样子：原样；换了光照，更暗更红；换了镜头，变得模糊。")
greens = [look(eye.image)[1][eye.fov[0]].mean() for look in seen.values()]
print("mean of green inside the FOV:", ", ".join(f"{value:.3f}" for value in greens))
# zh: print("视野内绿色通道的平均值", "，".join(f"{value:.3f}" for value in greens))

# %% [markdown] lang="en"
# **Guess 12.4.** Which of the first three inputs does best under the other lamp: green (`"green"`), the chain (`"enhanced"`) or the colours (`"colour"`)?

# %% [markdown] lang="zh" of="39ffad65"
# 图中文字：as it is 原样 · another lamp 换了光照 · another lens 换了镜头。
#
# **猜一猜 12.4** 换了光照，前三种输入里哪一种最好：原样的绿色（`"green"`）、处理后的绿色（`"enhanced"`），还是颜色（`"colour"`）？

# %%
guess = None  # "green", "enhanced" or "colour"
# zh: guess = None  # "green"、"enhanced" 或 "colour"

inputs = ("green", "enhanced", "colour", "base")
lamp = {name: rows[name]["scores"]["camera"]["auc_roc"] for name in inputs[:3]}
lesson.ask("12.4", guess, lamp)

# %% tags=["answer"]
print(f"{'AUC':26}{'as it is':>14}{'another lamp':>14}{'another lens':>14}")
for name in inputs:
    text = "chain and colours" if name == "base" else rows[name]["text"]
    values = [rows[name]["scores"][condition]["auc_roc"] for condition in seen]
    print(f"{text:26}" + "".join(f"{value:14.4f}" for value in values))
for name in inputs[:3]:
    words = (verdict(*rows[name]["difference"][c]["auc_roc"][1:]) for c in seen)
    print(f"{rows[name]['text']}, against the recipe: {', '.join(words)}")
    # zh: print(f"{rows[name]['text']}，和基准方案比：{', '.join(words)}")

# %% [markdown] lang="en"
# - **Photographs like those it learnt from.** Green has the same AUC without CLAHE and gamma as with them: a trained network finds its own contrast. (They are {{abs(ablations.rows.green.difference.plain.auc_roc[0]):.4f}} and {{abs(ablations.rows.enhanced.difference.plain.auc_roc[0]):.4f}} below the recipe.) The colours do as well as the recipe, and that interval is narrow.
# - **Another lamp.** Green as it is breaks down, by {{abs(ablations.rows.green.difference.camera.auc_roc[0]):.3f}} against the recipe; the chain loses {{abs(ablations.rows.enhanced.difference.camera.auc_roc[0]):.3f}}, the colours {{abs(ablations.rows.colour.difference.camera.auc_roc[0]):.3f}}. CLAHE and gamma undo a part of the lamp, and the recipe has both.
# - **Another lens.** The colours do as well as the recipe again, and the chain is no help.
#
# So CLAHE and gamma bring nothing that these eyes can tell on photographs like the training ones, and much under another lamp. Lamp and lens were computed from the same ten eyes; a real camera may answer otherwise. (Green as it is was trained on a CPU, the others on a GPU.)

# %% [markdown] lang="zh" of="62a8046f"
# 表中是 AUC（as it is 原样，another lamp 换了光照，another lens 换了镜头），四行依次是：原样的绿色通道，经过 CLAHE 和伽马的绿色通道，原来的颜色，处理后的绿色加上颜色（基准方案）。
#
# - **照片和学过的差不多。** 绿色通道处理不处理，AUC 一样：训练过的网络自己会提取对比度。（两者比基准方案低 {{abs(ablations.rows.green.difference.plain.auc_roc[0]):.4f}} 和 {{abs(ablations.rows.enhanced.difference.plain.auc_roc[0]):.4f}}。）只用颜色和基准方案一样好，而且区间很窄。
# - **换了光照。** 原样的绿色通道就不行了，比基准方案低 {{abs(ablations.rows.green.difference.camera.auc_roc[0]):.3f}}；经过 CLAHE 和伽马的只低 {{abs(ablations.rows.enhanced.difference.camera.auc_roc[0]):.3f}}，颜色低 {{abs(ablations.rows.colour.difference.camera.auc_roc[0]):.3f}}。处理去掉了光照的一部分影响，而基准方案两样都有。
# - **换了镜头。** 颜色又和基准方案一样好，处理则没有帮助。
#
# 所以在和训练照片差不多的照片上，CLAHE 和伽马的好处凭这些眼睛看不出来；换了光照，它们很有用。光照和镜头都是在同样这十只眼睛上算出来的，换成真的相机，答案也许不同。（原样的绿色通道是在 CPU 上训练的，其余在 GPU 上。）

# %% [markdown] lang="en" minutes="1"
# ## How many eyes?
#
# Tracing all vessels of an eye by hand is slow work for a specialist. How much does the next eye bring?

# %% [markdown] lang="zh" of="7eb8c4a3"
# ## 要多少只眼睛？
#
# 要把一只眼睛的血管全部描出来，专家得花很长时间。再多标一只，能换来多少？

# %% fold="Draw the scores against the number of eyes" fold_zh="画出分数随眼睛数的变化"
counts = {"eyes2": 2, "eyes4": 4, "eyes8": 8, "base": 15}
fig, axes = plt.subplots(1, 2, figsize=(7, 2.6), dpi=figures.DPI)
for ax, key in zip(axes, ("auc_roc", "dice"), strict=True):
    level = recipe["scores"]["plain"][key]
    for name, count in counts.items():
        mean, start, end = rows[name]["difference"]["plain"][key]
        ax.plot((count, count), (level + start, level + end), color=figures.BLUE)
        ax.plot(count, level + mean, "o", color=figures.BLUE)
    ax.set(xscale="log", xlabel="eyes to learn from", title=TITLES[key])
    ax.set_xticks(list(counts.values()), list(counts.values()))
    ax.minorticks_off()
fig.tight_layout()
figures.show(
    "Two panels, AUC and Dice, against the number of eyes to learn from on a logarithmic "
    "axis: both rise from 2 to 15 eyes, in smaller and smaller steps."
)
# zh: figures.show("两幅图，AUC 和 Dice，横轴是学习用的眼睛数（对数刻度）：从 2 只到 15 只都在上升，越来越慢。")
for name, count in counts.items():
    got = rows[name]["scores"]["plain"]
    print(f"{count:2} eyes: AUC {got['auc_roc']:.4f}, Dice {got['dice']:.4f}")
    # zh: print(f"{count:2} 只眼睛：AUC {got['auc_roc']:.4f}，Dice {got['dice']:.4f}")

# %% [markdown] lang="en"
# The axis is logarithmic: look at what each *doubling* brings. The bars are those of the difference to fifteen eyes, so the point on the right has none. Which eyes were the first two is chance as well, and the bars do not know that either. (Two and eight eyes were trained on a CPU in fp32, the others on a GPU in bf16; chapter 08's recipe came out alike on both.)

# %% [markdown] lang="zh" of="49fe8678"
# 图中文字：横轴 eyes to learn from 是学习用的眼睛数，两幅图分别是 AUC 和 Dice。
#
# 横轴是对数刻度：要看每*翻一倍*换来多少。竖线是与十五只眼睛之差的置信区间，所以最右边的点没有竖线。最先用的是哪两只眼睛，这也是偶然，竖线里同样没有算进去。（两只和八只的网络是在 CPU 上用 fp32 训练的，其余的在 GPU 上用 bf16；第 08 章的方案在两种设备上结果差不多。）

# %% [markdown] lang="en" minutes="2"
# ## Which U?
#
# Hundreds of papers rewire the U: dense skips (U-Net++), gates on the skips (Attention U-Net), shortcuts round the convolutions (residual U-Net), two small U-Nets in a row (W-Net). What is the wiring worth? Six networks, ours among them, each written in at most sixty lines ([results/experiments/architectures.py](../results/experiments/architectures.py)), were trained by one recipe, on the same patches in the same order. All but the sixth are as large as ours, {{which_u.rows[0].parameters:,d}} parameters. The sixth has no U at all: convolutions at full size whose taps lie further and further apart, so that it sees as far as the U-Net. Without coarse levels the same number of parameters would cost ten times the arithmetic, so it has a tenth of them.
#
# Before you look: which of the five would you bet on?

# %% [markdown] lang="zh" of="a7644a5d"
# ## 哪一种 U？
#
# 改造 U 形结构的论文有几百篇：让跳跃连接更密集 (U-Net++)，在跳跃连接上加门控 (Attention U-Net)，让捷径绕过卷积 (residual U-Net)，两个小 U-Net 前后相接 (W-Net)。连接方式究竟有多大作用？这里比较六个网络，U-Net 也算一个，每个不超过六十行代码（[results/experiments/architectures.py](../results/experiments/architectures.py)）。除第六个以外，参数都和我们的一样多，约 {{which_u.rows[0].parameters:,d}} 个；六个都用同一个方案训练，图像块和次序也相同。第六个完全没有 U：一直在原尺寸上做卷积，卷积核各点的间隔越来越大，这叫空洞卷积 (dilated convolution)，看得和 U-Net 一样远。没有低分辨率的层，同样多的参数要花十倍的计算量，所以只给它十分之一的参数。
#
# 先别往下看：其余五个里，你押哪一个？

# %% fold="Draw the five beside the U-Net" fold_zh="画出五个网络和 U-Net 之差"
wiring = json.loads(file.with_name("which_u.json").read_text("utf-8"))["rows"]
others = {row["name"]: row["difference"] for row in wiring[1:]}
fig, axes = plt.subplots(1, 2, figsize=(8, 2.2), sharey=True, dpi=figures.DPI)
forest(others, "auc_roc", axes[0], (-0.006, 0.004))
forest(others, "dice", axes[1], (-0.015, 0.015))
fig.tight_layout()
told = [verdict(*row["dice"][1:]) for row in others.values()]
figures.show(
    "Five networks, a row each, with the mean difference to the U-Net and its interval, on "
    f"the left in AUC, on the right in Dice. In Dice {told.count('gain')} are better, "
    f"{told.count('loss')} worse, {told.count('cannot tell')} cannot be told from it."
)
# zh: figures.show(
# zh:     f"五个网络，一行一个：和 U-Net 的平均差及置信区间，左边 AUC，右边 Dice。"
# zh:     f"按 Dice，{told.count('gain')} 个更好，{told.count('loss')} 个更差，"
# zh:     f"{told.count('cannot tell')} 个看不出差别。"
# zh: )
print(f"{'':18}parameters  products a pixel  ms a step     AUC   Dice")
# zh: print(f"{'':18}    参数量    每像素乘法次数   每步毫秒     AUC   Dice")
for row in wiring:
    got, step = row["scores"], 1000 * row["seconds_per_step"]
    print(f"{row['name']:17}{row['parameters']:11,d}{row['multiplications']:18,.0f}", end="")
    print(f"{step:11.0f}{got['auc_roc']:8.4f}{got['dice']:7.4f}")

# %% [markdown] lang="en"
# Four ways to wire the U, and none is far from the plain one: in AUC they differ from it by less than half of the {{abs(ablations.rows.eyes8.difference.plain.auc_roc[0]):.4f}} that eight eyes instead of fifteen cost, in Dice by {{abs(which_u.rows["W-Net"].difference.dice[0]):.4f}} at most. Three of them these ten eyes cannot tell from it; W-Net, two small networks in place of one, is a little behind. U-Net++ stands highest in AUC, at {{which_u.rows["U-Net++"].multiplications / which_u.rows["U-Net"].multiplications:.1f}} times the multiplications; a plain U-Net, made twice as wide, gained {{ablations.rows.wide.difference.plain.auc_roc[0]:.4f}} in the figure above. The network without a U falls behind, {{abs(which_u.rows["dilated, no U"].difference.dice[0]):.3f}} in Dice at about the same arithmetic. It sees as far, so what it lacks is likely what coarse levels make cheap: parameters. On FIVES, a far larger set of photographs, Fadugba et al. (2024) found the same of five published networks: with enough data, a plain U-Net does as well.
#
# What this does not show: each relative at its best. Their papers tune a recipe to each; here all had ours, {{which_u.config.steps:,d}} steps, one seed a fold, and W-Net was taught by its last answer alone. (All six had batches of {{which_u.config.batch_size:d}}; the eight eyes and the wider net of the figure above had batches of {{ablations.declaration.recipe.batch_size:d}} and half the steps. The network without a U was trained in fp32: in bf16, torch 2.13 fails on its convolutions on a CPU.)

# %% [markdown] lang="zh" of="c7f8f19d"
# 表中：参数量 · 每像素乘法次数 · 每步毫秒。图中文字：dilated, no U 没有 U 的空洞卷积网络，其余各行是网络名；左图是 AUC 之差，右图是 Dice 之差，都是该网络减去 U-Net。
#
# 四种改法，和普通的 U-Net 相差都不大：AUC 之差，都不到眼睛从十五只减到八只的损失（{{abs(ablations.rows.eyes8.difference.plain.auc_roc[0]):.4f}}）的一半；Dice 最多差 {{abs(which_u.rows["W-Net"].difference.dice[0]):.4f}}。其中三种，凭这十只眼睛看不出和 U-Net 的差别；W-Net 用两个小网络代替一个，略差一点。U-Net++ 的 AUC 最高，乘法次数是 U-Net 的 {{which_u.rows["U-Net++"].multiplications / which_u.rows["U-Net"].multiplications:.1f}} 倍；而在前面的大图里，普通的 U-Net 加宽一倍，AUC 也提高了 {{ablations.rows.wide.difference.plain.auc_roc[0]:.4f}}。没有 U 的网络落后了：计算量差不多，Dice 低 {{abs(which_u.rows["dilated, no U"].difference.dice[0]):.3f}}。它看得一样远，缺的多半是参数：有了低分辨率的层，增加参数才花不了多少计算量。Fadugba 等 (2024) 在大得多的数据集 FIVES 上比较了五种已发表的网络，结论相同：数据够多时，普通的 U-Net 一样好。
#
# 这里看不出来的是：每种网络调到最好会怎样。各篇论文都为自己的网络调过训练方案；这里全用我们的方案，训练 {{which_u.config.steps:,d}} 步，每折一个种子，W-Net 也只用最后的输出来训练。（六个网络的批量都是 {{which_u.config.batch_size:d}}；前面图里八只眼睛和加宽一倍的两个数，批量是 {{ablations.declaration.recipe.batch_size:d}}，步数是一半。没有 U 的网络是用 fp32 训练的：torch 2.13 在 CPU 上用 bf16 算不了它的卷积。）

# %% [markdown] lang="en" minutes="8"
# ## At test time
#
# A network may look at an eye more than once: mirrored, turned, with another seed's weights. The probabilities are averaged. Their rows in the figure above are called "test time".
#
# **Exercise 12.5** `probs` holds the probabilities of several networks for the same eye, (N, 1, H, W). Return the map of all of them together: average first, then the threshold.

# %% [markdown] lang="zh" of="4677f2d2"
# ## 测试的时候
#
# 网络可以把一只眼睛看好几遍：翻转后再看，旋转后再看，换一个种子的权重再看，然后把概率取平均。上面的图里，那几行叫 “test time”。
#
# **练习 12.5** `probs` 是几个网络对同一只眼睛给出的概率，形状 (N, 1, H, W)。返回它们合在一起的血管图：先取平均，再和阈值比较。

# %% tags=["exercise"]
def together(probs, threshold):
    return None  # your code here
    # zh: return None  # 在这里写代码


together = lesson.exercise("12.5", together)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 12.5}}
#
# A vote of finished maps throws away how sure each network was.
#
# </details>

# %% [markdown] lang="zh" of="7b929674"
# <details><summary>参考答案</summary>
#
# {{solution 12.5}}
#
# 先二值化再投票，就丢掉了每个网络有多大把握。
#
# </details>

# %%
network = inference.Segmenter.load()
for tta, turns in inference.TTA.items():
    begun = time.perf_counter()
    network.probs(eye.image, eye.fov, tta)
    seconds = time.perf_counter() - begun
    print(f"{len(turns)} looks: {seconds:.2f} s for this eye")
    # zh: print(f"看 {len(turns)} 遍：这只眼睛用了 {seconds:.2f} s")


def each_of(name):
    """Return the Dice of single eyes, as they are."""
    return np.array(rows[name]["scores"]["plain"]["dice_of_each"])


for name in ("long", "wide"):
    ends = interval_of_difference(each_of(name), each_of("flips"))
    text = f"{rows[name]['question']}: {rows[name]['text']}"
    print(f"4 looks against {text}: {ends[0]:+.4f} to {ends[1]:+.4f}, {verdict(*ends)}")
    # zh: print(f"看 4 遍，和 {text} 比：{ends[0]:+.4f} 到 {ends[1]:+.4f}，{verdict(*ends)}")

# %% [markdown] lang="en"
# Looking four times helps and needs no training; it costs time with every photograph. Whether it helps more than training twice as long, or than a network twice as wide, these eyes cannot tell.

# %% [markdown] lang="zh" of="b839c7df"
# 把眼睛看四遍有好处，而且不必再训练；代价是每张照片都要多花时间。它是不是比训练步数翻倍、比网络加宽一倍更有用，凭这些眼睛看不出来。

# %% [markdown] lang="en" minutes="3"
# ## All of it together
#
# Each of these steps is small. What do they make together? The network of the first line is of the full recipe in batches of 8, as all below it, and saw sixteen eyes. After its threshold is known, the four validation eyes can teach, too: nothing is left to choose by, so the last weights are taken. Then the network is made twice as wide, then four times, which is the width of the paper's, and then three seeds of that are averaged. Each line below adds a step to the one above it. The scores are those of the test images; none of these steps was chosen by them ([results/](../results/README.md)). The last two have a cross-validation and a threshold of their own ([results/best.json](../results/best.json)).

# %% [markdown] lang="zh" of="e9b4d5ba"
# ## 全部合在一起
#
# 上面每一步都很小，合在一起是多少？第一行的网络和下面各行一样，用的是批量为 8 的完整方案，它见过十六只眼睛。阈值定下来以后，四只验证用的眼睛也可以拿来训练：已经没有什么要靠它们选择的了，所以直接取最后一步的权重。然后把网络加宽一倍，再加宽到四倍，也就是论文的宽度，最后把四倍宽的三个种子取平均。下面每一行比上一行多走一步。分数是测试图像上的；这几步都不是靠这些分数选出来的（[results/](../results/README.md)）。最后两行另外做过交叉验证，阈值也由它决定（[results/best.json](../results/best.json)）。

# %%
recipes = {
    "16 eyes, batches of 8": "_eight",
    "4 looks": "_eight_flips",
    "20 eyes instead of 16": "_eight_twenty_flips",
    "twice as wide": "_wide_flips",
    "four times as wide": "_best_flips",
    "3 seeds, averaged": "_average",
}
# zh: recipes = {
# zh:     "16 只眼睛，批量为 8": "_eight",
# zh:     "看 4 遍": "_eight_flips",
# zh:     "20 只眼睛，而不是 16 只": "_eight_twenty_flips",
# zh:     "宽度加倍": "_wide_flips",
# zh:     "四倍宽": "_best_flips",
# zh:     "三个种子取平均": "_average",
# zh: }
before, reached = None, []
for text, ending in recipes.items():
    table = json.loads(file.with_name(f"drive_test{ending}.json").read_text("utf-8"))
    pooled, each = table["pooled"], np.array([x["dice"] for x in table["per_image"]])
    print(f"{text:22} AUC {pooled['auc_roc']:.4f}, Dice {pooled['dice']:.4f}", end="")
    if before is not None:
        ends = interval_of_difference(before, each)
        print(f"   against the line above: {ends[0]:+.4f} to {ends[1]:+.4f}", end="")
        # zh: print(f"   和上一行比：{ends[0]:+.4f} 到 {ends[1]:+.4f}", end="")
    print()
    before = each
    reached.append(pooled)

# %% [markdown] lang="en"
# All together bring {{drive_test_average.pooled.dice - drive_test_eight.pooled.dice:.3f}} in Dice and {{drive_test_average.pooled.auc_roc - drive_test_eight.pooled.auc_roc:.3f}} in AUC, and no step more than 0.002 in Dice. Four of the five steps are gains on these twenty eyes. One they cannot tell from nothing: twice the width to four times. In the cross-validation, on twenty other eyes, that step was a gain of {{best.candidates.paper.difference.dice[0]:.3f}} in Dice. Both can be true: a small gain shows on some twenty eyes and not on others.
#
# The recipe of today, in batches of 4, has with twenty eyes and four looks an AUC of {{drive_test_twenty_flips.pooled.auc_roc:.4f}} and a Dice of {{drive_test_twenty_flips.pooled.dice:.4f}}. Three of its networks averaged have {{drive_test_twenty_average.pooled.auc_roc:.4f}} and {{drive_test_twenty_average.pooled.dice:.4f}}, a little less than one network of twice the width in batches of 8.
#
# The costs differ:
#
# - Four more eyes cost no time in training.
# - A network twice as wide takes three times as long to train on a CPU; one four times as wide has sixteen times the multiplications of the recipe, work for a GPU.
# - Three networks with four looks each make a photograph wait for twelve of them.

# %% [markdown] lang="zh" of="c2255c5b"
# 全部加起来，Dice 提高 {{drive_test_average.pooled.dice - drive_test_eight.pooled.dice:.3f}}，AUC 提高 {{drive_test_average.pooled.auc_roc - drive_test_eight.pooled.auc_roc:.3f}}；单独一步，Dice 的提高都不超过 0.002。五步里有四步在这二十只眼睛上是变好；只有从两倍宽到四倍宽这一步，凭它们看不出来。而在交叉验证里，换了二十只眼睛，这一步让 Dice 提高 {{best.candidates.paper.difference.dice[0]:.3f}}。两者并不矛盾：差别很小的时候，有的二十只眼睛看得出来，有的看不出来。
#
# 现在的方案（批量为 4），用二十只眼睛训练、看四遍，AUC 是 {{drive_test_twenty_flips.pooled.auc_roc:.4f}}，Dice 是 {{drive_test_twenty_flips.pooled.dice:.4f}}；三个这样的网络取平均，是 {{drive_test_twenty_average.pooled.auc_roc:.4f}} 和 {{drive_test_twenty_average.pooled.dice:.4f}}，比一个批量为 8、宽度加倍的网络略低。
#
# 代价各不相同：
#
# - 多用四只眼睛，训练不多花时间。
# - 网络加宽一倍，在 CPU 上训练时间是三倍；加宽到四倍，乘法次数是基准方案的十六倍，要用 GPU 来做。
# - 三个网络各看四遍，一张照片就要让宽网络算十二次。

# %% [markdown] lang="en" minutes="2"
# ## How much is left?
#
# Even a perfect network would not reach a Dice of 1 here: the label is the drawing of one person, and a hand slips in ways that no photograph tells. Where is the ceiling? The second observer of the test images can say.
#
# Take all pixels to which the network gives about the same probability, say 0.3. If it had seen everything there is to see, two people would agree on these pixels only as often as chance has it: what is left would be slips, and each hand slips by itself. They agree more often. So both of them saw something there that the network did not, and from how much more often follows how much: of the variance that the network leaves, the two share {{100 * ceiling.DRIVE.ceiling.shared:.0f}}%. If both observers see alike, and their slips have nothing to do with each other, a map that knew this part, too, would be the best there can be: an estimate of the ceiling ([results/experiments/ceiling.py](../results/experiments/ceiling.py)).

# %% [markdown] lang="zh" of="141051c0"
# ## 还剩多少？
#
# 就算网络完美无缺，Dice 在这里也到不了 1：标签是某一个人画的，而人会有手误，手误从照片里看不出来。那么上限在哪里？测试图像的第二标注者可以告诉我们。
#
# 把网络给出的概率差不多（比如 0.3 左右）的像素都挑出来。如果该看到的网络全看到了，那么在这些像素上，两个人一致的次数就只和碰巧一样多：剩下的都是手误，而两个人的手误互不相关。实际上，他们一致的次数比碰巧的要多。可见两个人都看到了网络没看到的东西；多出多少次，就能推出没看到的有多少：网络没有解释的方差里，两人共有的占 {{100 * ceiling.DRIVE.ceiling.shared:.0f}}%。如果两个人看得一样清楚，手误又互不相关，那么连这部分也知道的概率图就是最好的了：这就是对上限的估计（[results/experiments/ceiling.py](../results/experiments/ceiling.py)）。

# %% fold="Draw the steps below the ceiling" fold_zh="画出各步和上限"
limit = json.loads(file.with_name("ceiling.json").read_text("utf-8"))["DRIVE"]["ceiling"]
fig, axes = plt.subplots(1, 2, figsize=(7, 2.6), dpi=figures.DPI)
for ax, key, title in zip(axes, ("auc_roc", "dice"), ("AUC", "Dice"), strict=True):
    ax.axhspan(*limit["ci95"][key], color=figures.ORANGE, alpha=0.25)
    ax.axhline(limit[key], color=figures.ORANGE)
    ax.plot([step[key] for step in reached], "o-", color=figures.BLUE)
    ax.set(title=title, xticks=range(len(reached)), xlabel="step")
fig.tight_layout()
figures.show(
    "AUC and Dice after each of the steps above, rising, below an orange band, the "
    "ceiling with its interval."
)
# zh: figures.show("上面每走一步之后的 AUC 和 Dice，逐步升高；上方橙色带是上限及其置信区间。")
for key, title in (("auc_roc", "AUC"), ("dice", "Dice")):
    low, high = limit["ci95"][key]
    print(f"{title:4}: the best here {reached[-1][key]:.4f}, ", end="")
    # zh: print(f"{title:4}：这里最好的 {reached[-1][key]:.4f}，", end="")
    print(f"ceiling {limit[key]:.3f} ({low:.3f} to {high:.3f})")
    # zh: print(f"上限 {limit[key]:.3f}（{low:.3f} 到 {high:.3f}）")

# %% [markdown] lang="en"
# More is left than all these steps have brought, two to three times as much: {{ceiling.DRIVE.ceiling.auc_roc - drive_test_average.pooled.auc_roc:.4f}} in AUC and {{ceiling.DRIVE.ceiling.dice - drive_test_average.pooled.dice:.4f}} in Dice (the ceiling's Dice is that at its own best threshold). In all it is little: what two people agree on is nearly reached. A paper whose Dice inside DRIVE's field of view lies far above {{ceiling.DRIVE.ceiling.ci95.dice[1]:.2f}} owes its readers an explanation.
#
# The ceiling stands on assumptions. What only the first observer sees, being the more careful one, or does by habit, counts as a slip, though a network can learn it, and so pass the ceiling. What both do wrong counts as seen. Drawings that lie a pixel apart lower it. And how the missing part is spread is assumed, too. Two checks tell how far to trust it. The first is another map. The Sato filter sees far less than the network, so much more must be found missing, and the ceiling should come out the same: from its maps it is {{ceiling.by_sato.DRIVE.ceiling.auc_roc:.4f}} in AUC and {{ceiling.by_sato.DRIVE.ceiling.dice:.3f}} in Dice, not far off. The second is simulated eyes, whose ceiling is known. Where the assumed spread is the true one, the interval of AUC holds it in {{ceiling.drawn.beta.held.auc_roc:d}} of {{ceiling.drawn.beta.runs:d}} trials; where it is another, in {{ceiling.drawn.normal.held.auc_roc:d}}, and the estimate is {{ceiling.drawn.normal.bias.auc_roc:.4f}} too high on average. An estimate from a model, then, not a wall.

# %% [markdown] lang="zh" of="997e1056"
# 图中文字：横轴 step 是上面的步骤，从 0 数起；橙线是上限，橙色带是它的置信区间。
#
# 剩下的比上面各步加起来得到的还多，是两到三倍：和这里最好的网络相比，上限的 AUC 高 {{ceiling.DRIVE.ceiling.auc_roc - drive_test_average.pooled.auc_roc:.4f}}，Dice 高 {{ceiling.DRIVE.ceiling.dice - drive_test_average.pooled.dice:.4f}}（上限的 Dice 用的是它自己的最佳阈值）。总的说来不多：两个人能达成一致的，已经几乎都达到了。如果哪篇论文在 DRIVE 视野以内的 Dice 远远高于 {{ceiling.DRIVE.ceiling.ci95.dice[1]:.2f}}，就应当向读者说明原因。
#
# 这个上限是有前提的。第一标注者因为更细心才看到的，或者只是他的习惯，都算成了手误，而网络可以学会这些，于是能超过上限。两个人犯同样的错，则算成看到了东西。两份标注如果错开一个像素，上限会偏低。没看到的部分怎样分布，也是假设的。这个上限有多可信，可以用两种办法检验。第一，换一种图来算。Sato 滤波器看到的比网络少得多，推算出的“没看到的部分”就该多得多，上限却应当不变：用它的图算出的上限，AUC 是 {{ceiling.by_sato.DRIVE.ceiling.auc_roc:.4f}}，Dice 是 {{ceiling.by_sato.DRIVE.ceiling.dice:.3f}}，相差不大。第二，用模拟的眼睛，它们的上限是已知的。假设的分布正确时，{{ceiling.drawn.beta.runs:d}} 次试验里 AUC 的区间有 {{ceiling.drawn.beta.held.auc_roc:d}} 次包含真值；不正确时只有 {{ceiling.drawn.normal.held.auc_roc:d}} 次，估计值平均偏高 {{ceiling.drawn.normal.bias.auc_roc:.4f}}。所以这只是一个模型给出的估计，不是过不去的墙。

# %% [markdown] lang="en" minutes="1"
# ## Where the threshold comes from
#
# Each eye has a threshold at which its own Dice is best. Nobody knows it beforehand; we use one for all. Four networks of the full recipe ({{train_drive.steps:,d}} steps of {{train_drive.config.batch_size:d}} patches), cross-validated, give the best threshold of each of the twenty eyes ([results/crossval.json](../results/crossval.json)).

# %% [markdown] lang="zh" of="057e8146"
# ## 阈值从哪里来
#
# 每只眼睛都有一个让自己的 Dice 最高的阈值。这个阈值事先无从知道，我们只能对所有眼睛用同一个。按完整方案（{{train_drive.steps:,d}} 步，每步 {{train_drive.config.batch_size:d}} 个图像块）训练四个网络，做交叉验证 (cross-validation)，得到了二十只眼睛各自的最佳阈值（[results/crossval.json](../results/crossval.json)）。

# %% fold="Draw the best threshold of each eye" fold_zh="画出每只眼睛的最佳阈值"
crossval = json.loads((places.ROOT / "results" / "crossval.json").read_text("utf-8"))
best = crossval["threshold_of_each_image"]
val_four = [best[name] for name in ("37", "38", "39", "40")]
fig, ax = plt.subplots(figsize=(6, 1.4), dpi=figures.DPI)
for name, threshold in best.items():
    colour = figures.ORANGE if name in ("37", "38", "39", "40") else figures.BLUE
    ax.plot(threshold, 0, "o", color=colour, alpha=0.7)
ax.axvline(crossval["threshold"], color=figures.RED)
ax.set(xlim=(0, 1), yticks=[], xlabel="best threshold of an eye")
fig.tight_layout()
figures.show(
    f"A dot for the best threshold of each of twenty eyes, from {min(best.values()):.2f} "
    f"to {max(best.values()):.2f}; a line at {crossval['threshold']:.2f}, the best for all. "
    "The four eyes of validation, in orange, all lie to the right of the line."
)
# zh: figures.show(
# zh:     f"二十只眼睛各自的最佳阈值，一只一个点，从 {min(best.values()):.2f} 到 {max(best.values()):.2f}；"
# zh:     f"竖线在 {crossval['threshold']:.2f}，对所有眼睛最好。四只验证用的眼睛（橙色）都在线的右边。"
# zh: )
print(f"from {min(best.values()):.2f} to {max(best.values()):.2f}")
# zh: print(f"从 {min(best.values()):.2f} 到 {max(best.values()):.2f}")
print(f"the best for all twenty: {crossval['threshold']:.2f}")
# zh: print(f"对二十只眼睛都最好的：{crossval['threshold']:.2f}")
print(f"the four of validation (orange): mean {np.mean(val_four):.2f}")
# zh: print(f"四只验证用的（橙色），平均：{np.mean(val_four):.2f}")

# %% [markdown] lang="en"
# The four validation eyes (orange) all lie to the right of the line. A threshold chosen on them alone is too high for most other eyes: four eyes are few, even for one number. (The three networks of the seeds above got theirs from these four: {{min(seeds.rows.threshold):.2f}} to {{max(seeds.rows.threshold):.2f}}.) What it costs in Dice is less than it looks, because the top is flat. Still, that is why the shipped weights carry the threshold of all twenty.

# %% [markdown] lang="zh" of="918fef0d"
# 图中文字：横轴 best threshold of an eye 是一只眼睛的最佳阈值；橙色是四只验证用的眼睛，红线是对二十只眼睛都最好的阈值。
#
# 四只验证用的眼睛（橙色）全在红线右边。只用它们选出的阈值，对其余的大多数眼睛都太高。哪怕只选一个数，四只眼睛也太少。（前面三个种子的网络，阈值就是用这四只选的：{{min(seeds.rows.threshold):.2f}} 到 {{max(seeds.rows.threshold):.2f}}。）Dice 降得没有看上去那么多，因为顶部很平。尽管如此，随课程附带的权重还是用了二十只眼睛选出的阈值。

# %% [markdown] lang="en" minutes="3"
# ## Whole vessels or many pixels?
#
# Dice counts pixels, so a wide vessel weighs more than a thin one of the same length. clDice counts centrelines, and there both weigh the same. One network gives many maps, one for each threshold. Draw them all.

# %% [markdown] lang="zh" of="b53142cf"
# ## 要完整的血管，还是要更多的像素？
#
# Dice 数的是像素，所以同样长的血管，粗的比细的分量重。clDice 数的是中心线 (centreline)，粗细的分量就一样了。一个网络可以给出许多张血管图，每个阈值一张。把它们都画出来。

# %% fold="Draw clDice against Dice, a point for each threshold" fold_zh="画出 clDice 和 Dice，一个阈值一个点"
fig, ax = plt.subplots(figsize=(5, 3.4), dpi=figures.DPI)
lines = {"base": figures.BLUE, "bce": figures.ORANGE, "cldice": figures.GREEN}
for name, colour in lines.items():
    points, text = rows[name]["topology"], rows[name]["text"]
    label = "BCE + 0.5 Dice (the recipe)" if name == "base" else text
    x, y = points["dice"], points["cldice"]
    ax.plot(x, y, "o-", markersize=3, color=colour, label=label)
ax.set(xlabel="Dice", ylabel="clDice", xlim=(0.72, 0.81))
ax.legend(fontsize=8, frameon=False, loc="center left")
fig.tight_layout()
figures.show(
    "clDice against Dice, one curve for each of three losses, a point for each threshold. "
    "With a falling threshold the curves rise in clDice and, beyond the top, fall in Dice."
)
# zh: figures.show(
# zh:     "横轴 Dice，纵轴 clDice，三种损失各一条曲线，一个点是一个阈值。"
# zh:     "阈值降低时，clDice 上升；过了最高点，Dice 下降。"
# zh: )

# %%
thresholds, curve = stored["thresholds"], rows["base"]["topology"]
top = int(np.argmax(curve["dice"]))
for k in (top, top - 2):
    print(f"recipe at {thresholds[k]:.2f}: Dice {curve['dice'][k]:.4f}, ", end="")
    # zh: print(f"基准方案，阈值 {thresholds[k]:.2f}：Dice {curve['dice'][k]:.4f}，", end="")
    print(f"clDice {curve['cldice'][k]:.4f}, {curve['betti_0_error'][k]:.1f} pieces")
    # zh: print(f"clDice {curve['cldice'][k]:.4f}，碎块 {curve['betti_0_error'][k]:.1f}")
print("(means over the eyes; pieces: connected pieces too many or too few;")
# zh: print("（各只眼睛的平均；碎块：连通块多了或少了几个；")
print(f"those of fewer than {stored['speck']} pixels were dropped)")
# zh: print(f"不到 {stored['speck']} 个像素的已经去掉）")

# %% [markdown] lang="en"
# Each point is a threshold; a lower one lies further up. (BCE alone turns down in the end: false branches cost clDice, too.) Start at the best Dice and lower the threshold a little: clDice rises by more than Dice falls. So to miss few branches take a low threshold; to get the pixels right, the top of Dice.
#
# Near the top of Dice BCE alone runs along the recipe's curve, at other thresholds. A loss made for centrelines (soft-clDice, Shit et al. 2021) reaches the highest clDice, but not the recipe's best Dice. No interval was computed for these curves. (Small pieces were dropped before counting; otherwise dozens of specks would count as vessels of their own.)
#
# What does a lower threshold cost? A cross-validation can say so beforehand, here that of the full recipe. We allow a loss in Dice of 0.0025, by which two seeds may differ; the lowest of thirteen thresholds that keeps to it is {{crossval.threshold_for_topology:.2f}}. Then three networks of that recipe, trained on all of 21 to 40, averaged and with four looks each, were scored on the test images, once at the usual threshold and once at {{crossval.threshold_for_topology:.2f}}.

# %% [markdown] lang="zh" of="dad168db"
# 图中文字：横轴 Dice，纵轴 clDice；蓝色是基准方案，橙色只用 BCE，绿色加上软 clDice；曲线上一个点是一个阈值。
#
# 一个点是一个阈值；阈值越低，点越靠上。（只用 BCE 的那条最后往下弯：多出来的假分支也让 clDice 下降。）从 Dice 的最高点出发，把阈值降低一点：clDice 上升的比 Dice 下降的多。所以想少漏分支，就取低一点的阈值；想让像素准确，就取 Dice 的最高点。
#
# 在 Dice 的最高点附近，只用 BCE 的曲线和基准方案几乎重合，只是阈值不同。专为中心线设计的损失（soft-clDice, Shit et al. 2021）能达到最高的 clDice，却达不到基准方案最高的 Dice。这些曲线没有算置信区间。（小碎块在计数前已经去掉，否则几十个小点都会被当成单独的血管。）
#
# 阈值低一点，要付出多少？交叉验证可以事先回答，这里用的是完整方案。我们允许 Dice 下降 0.0025，也就是换一个种子就可能有的差别；十三个阈值里，满足这个条件的最低的是 {{crossval.threshold_for_topology:.2f}}。然后取这个方案的三个网络，它们用 21 到 40 全部眼睛训练，各看四遍，概率取平均，在测试图像上评分：一次用平常的阈值，一次用 {{crossval.threshold_for_topology:.2f}}。

# %%
full = json.loads(file.with_name("crossval.json").read_text("utf-8"))
lower = full["threshold_for_topology"]
held = {x["threshold"]: x for x in full["topology"] if x["threshold"] in (0.4, lower)}
looked = {}
for ending in ("twenty_average", "topology"):
    table = json.loads(file.with_name(f"drive_test_{ending}.json").read_text("utf-8"))
    looked[round(table["threshold"], 2)] = table["objects"][1]
for text, maps in (("held-out eyes of 21 to 40", held), ("test images", looked)):
    for threshold, score in sorted(maps.items(), reverse=True):
        print(f"{text:26} at {threshold:.2f}: Dice {score['dice']:.4f}, ", end="")
        print(f"clDice {score['cldice']:.4f}, {score['betti_0_error']:.1f} pieces")
# zh: for text, maps in (("21 到 40 里留出的眼睛", held), ("测试图像", looked)):
# zh:     for threshold, score in sorted(maps.items(), reverse=True):
# zh:         print(f"{text:26} 阈值 {threshold:.2f}：Dice {score['dice']:.4f}，", end="")
# zh:         print(f"clDice {score['cldice']:.4f}，碎块 {score['betti_0_error']:.1f}")

# %% [markdown] lang="en"
# The twenty eyes foretold it: Dice falls by {{drive_test_twenty_average.objects[1].dice - drive_test_topology.objects[1].dice:.3f}}, clDice rises by {{drive_test_topology.objects[1].cldice - drive_test_twenty_average.objects[1].cldice:.3f}}, and on the test images the same happens. This is what held-out eyes are for: a choice made on them holds on new ones. The second observer, for comparison, has a clDice of {{drive_test.second_observer_objects[0].cldice:.3f}} there ([results/drive_test.json](../results/drive_test.json)).

# %% [markdown] lang="zh" of="7a61c8ee"
# 二十只眼睛事先就说中了：Dice 下降 {{drive_test_twenty_average.objects[1].dice - drive_test_topology.objects[1].dice:.3f}}，clDice 上升 {{drive_test_topology.objects[1].cldice - drive_test_twenty_average.objects[1].cldice:.3f}}，在测试图像上也是这样。留出的眼睛就是做这个用的：在它们上面做的选择，换了新的眼睛仍然成立。作为对照，第二标注者在测试图像上的 clDice 是 {{drive_test.second_observer_objects[0].cldice:.3f}}（[results/drive_test.json](../results/drive_test.json)）。

# %% [markdown] lang="en" minutes="4"
# ## Your own ablation
#
# Now two networks of your own: with augmentation and without, everything else equal. They are trained briefly and on small patches, so that a class can wait for them. In the stored rows, augmentation matters most.
#
# **Guess 12.6.** What does a short run say: which is ahead, `"with"` or `"without"`?

# %% [markdown] lang="zh" of="dd5d7312"
# ## 你自己的消融实验
#
# 现在训练你自己的两个网络：一个做数据增强，一个不做，其余完全相同。训练很短，图像块也小，课堂上等得起。在保存的结果里，数据增强影响最大。
#
# **猜一猜 12.6** 训练这么短，领先的是做增强的（`"with"`），还是不做的（`"without"`）？

# %% title="Train two networks" title_zh="训练两个网络"
STEPS = 300  # @param {type: "slider", min: 100, max: 2000, step: 100}

steps, size = (8, 32) if course.mode == "smoke" else (STEPS, 64)
short = dataclasses.replace(
    course.config, steps=steps, patch_size=size, val_every=steps
)
eyes, val = course.load("train"), course.load("val")


def train_with(way: Callable) -> dict:
    """Train a network whose patches go through ``way``; return its scores."""
    run = training.new_run(eyes, val, short, augment=way).finish()
    return run.history[-1] | {"seconds": run.seconds}


ways = {"with": augment.augment, "without": augment.centre_crop}
mine = {name: train_with(way) for name, way in ways.items()}
print(f"{short.steps} steps each, {mine['with']['seconds']:.0f} s for the first")
# zh: print(f"各 {short.steps} 步，第一个用了 {mine['with']['seconds']:.0f} s")

# %%
guess = None  # "with" or "without"
# zh: guess = None  # "with" 或 "without"

lesson.ask("12.6", guess, mine)

# %% tags=["answer"]
print(f"{short.steps} steps, {len(eyes)} eyes, scored on {len(val)} validation eyes")
# zh: print(f"{short.steps} 步，{len(eyes)} 只眼睛，在 {len(val)} 只验证用的眼睛上评分")
for name, entry in mine.items():
    print(f"{name:8} augmentation: AUC {entry['auc_roc']:.4f}, ", end="")
    # zh: print(f"{name:8} 数据增强：AUC {entry['auc_roc']:.4f}，", end="")
    print(f"loss {entry['loss']:.3f} in training, {entry['val_loss']:.3f} in validation")
    # zh: print(f"训练损失 {entry['loss']:.3f}，验证损失 {entry['val_loss']:.3f}")
stored_gap = rows["unchanged"]["difference"]["plain"]["auc_roc"][0]
print(f"without minus with: AUC {mine['without']['auc_roc'] - mine['with']['auc_roc']:+.4f}")
# zh: print(f"不做减去做：AUC {mine['without']['auc_roc'] - mine['with']['auc_roc']:+.4f}")
print(f"in the stored rows, after {stored['config']['steps']} steps: {stored_gap:+.4f}")
# zh: print(f"保存的结果里，{stored['config']['steps']} 步之后：{stored_gap:+.4f}")
lesson.contract("12.short", mine["with"]["auc_roc"], course)

# %% [markdown] lang="en"
# In our run on DRIVE, with 300 steps, the network *without* augmentation was ahead, by 0.005 in AUC on four eyes. A likely reason: augmentation makes the task harder, and a short run has no time to profit, while in a long one the network without it learns its few eyes by heart. But this run also has smaller patches and other eyes than the stored ones. That the steps are the cause, `STEPS` alone can show: slide it up. Or hand `train_with` an augmentation of your own.

# %% [markdown] lang="zh" of="3a94402d"
# 我们在 DRIVE 上只训练 300 步时，*不做*数据增强的网络反而领先，在四只眼睛上 AUC 高 0.005。一个可能的原因：数据增强让任务变难，短训练还来不及从中获益；训练久了，不做增强的网络会把那几只眼睛死记下来。不过这次的图像块也比保存的结果小，眼睛也是另一批。原因是不是步数，只有 `STEPS` 能说明：把它往上调。也可以把你自己的增强函数交给 `train_with`。

# %% [markdown] lang="en" minutes="3"
# ## What ten eyes cannot tell
#
# The same rows once more, sorted by what these eyes can say.

# %% [markdown] lang="zh" of="3fbf476e"
# ## 哪些看不出差别
#
# 还是那些改动，按这十只眼睛能说出什么来分组：cannot tell 看不出来，loss 更差，gain 更好。

# %%
keys = ("auc_roc", "dice")
verdicts = {
    name: [verdict(*rows[name]["difference"]["plain"][key][1:]) for key in keys]
    for name in names
}
for word in ("cannot tell", "loss", "gain"):
    print(f"{word}, in AUC and in Dice:")
    # zh: print(f"{word}，AUC 和 Dice 都是：")
    for name in names:
        if set(verdicts[name]) == {word}:
            print(f"  {rows[name]['question']}: {rows[name]['text']}")
            # zh: print(f"  {rows[name]['question']}：{rows[name]['text']}")
for name in ("mild", "patch256", "colour"):
    word = verdict(*rows[name]["difference"]["camera"]["auc_roc"][1:])
    print(f"{rows[name]['question']}: {rows[name]['text']}, under the other lamp: {word}")
    # zh: print(f"{rows[name]['question']}：{rows[name]['text']}，换了光照：{word}")
course.record(
    ablation_steps=short.steps,
    ablation={name: entry["auc_roc"] for name, entry in mine.items()},
)

# %% [markdown] lang="en"
# Much of what a recipe fixes stands in the first list: the depth, the batch, the course of the learning rate. The average of the weights is there, too: at the end of one cycle the steps are so small that the last weights are as good. (On the way there it matters: chapter 08.) And the start from phantoms: with 5,000 steps in all, the first half on drawn eyes, those networks are about as good as the ones that spent all 5,000 on photographs.
#
# One row changed the course itself. A batch of 4 with twice the steps sees as many patches and takes as long; in this table it comes out ahead nearly everywhere, if by little and in Dice mostly on one eye. Cross-validated with twice as many patches, on all twenty eyes, the order of pixels was a little better (AUC {{crossval.pooled.auc_roc:.4f}} against {{crossval_eight.pooled.auc_roc:.4f}}) and Dice level ({{crossval.pooled.dice:.4f}} against {{crossval_eight.pooled.dice:.4f}}), with no interval for either. So the course trains in batches of 4 now, and a lesson's training is shorter than it was. The rows here keep the batches of 8 of the recipe before, so that they compare.
#
# The lists hold for photographs as they are. Under the other lamp mild augmentation, patches of 256 and the colours alone are losses: what ordinary light cannot tell apart, another light may.

# %% [markdown] lang="zh" of="dab44fa2"
# 一个方案要定下的许多东西都在第一组里：层数、批量大小、学习率怎样变化。权重取滑动平均也在其中：学习率走完一个周期，到最后步子很小，最后一步的权重就和平均一样好。（中途则有差别，见第 08 章。）先在仿真眼底图上训练也在其中：这样的网络一共走 5000 步，前一半在仿真眼底图上，结果和 5000 步都用照片的网络差不多。
#
# 有一行改变了课程本身。批量大小取 4，步数加倍，看到的图像块一样多，时间也一样长；在这张表里，结果几乎处处稍好一点，不过 Dice 的提高主要来自一只眼睛。图像块再加一倍，在全部二十只眼睛上做交叉验证，像素的排序好一点（AUC {{crossval.pooled.auc_roc:.4f}} 对 {{crossval_eight.pooled.auc_roc:.4f}}），Dice 持平（{{crossval.pooled.dice:.4f}} 对 {{crossval_eight.pooled.dice:.4f}}），两者都没有置信区间。所以课程现在用批量 4，一节课里的训练也比以前短了。这里各行仍按以前的方案，批量是 8，这样才能互相比较。
#
# 这几组结果只对原样的照片成立。换了光照，较弱的数据增强、边长 256 的图像块、只用颜色的输入都变差了：平常的光照下看不出的差别，换一种光照也许就看得出。

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - Change one thing, keep the rest, judge it on eyes that were not trained on; best on eyes that chose nothing either.
# - Compare on the same eyes: the interval of the difference, not two intervals.
# - There are two kinds of chance, eyes and seeds; a paper should show both.
# - Here augmentation and the number of eyes matter most; looking several times helps and costs only time; much else cannot be told apart, how the U is wired included.
# - "Does it help?" has no answer without "where, and after how many steps?"
#
# **Extra:** give [results/experiments/runs.py](../results/experiments/runs.py) a variant of your own: one line in `VARIANTS`. `python -m results.experiments` now lists `ablations.json` as stale, because the table says more than the file, and `python -m results.experiments ablations` trains what is missing: yours and, beside it, the recipe, four networks. Then it compares the two and adds your row; the other rows stay.

# %% [markdown] lang="zh" of="7763cc40"
# ## 小结
#
# - 只改一处，其余不动；评分用的眼睛不能参加训练，最好也没有用来做过选择。
# - 在同一批眼睛上比较：看差值的一个区间，而不是看两个区间。
# - 随机性有两个来源：眼睛和随机种子；论文应当两种都给出。
# - 在这里，数据增强和眼睛的数量最重要；多看几遍有好处，代价只是时间；其余许多选择分不出高下，U 怎样连接也是如此。
# - “有没有用”：不说清在哪里、训练了多少步，就没有答案。
#
# **选做：** 给 [results/experiments/runs.py](../results/experiments/runs.py) 加一个你自己的变体：在 `VARIANTS` 里加一行。这时 `python -m results.experiments` 会把 `ablations.json` 标为 stale（过时），因为表里写的比文件里多；再运行 `python -m results.experiments ablations`，它会训练缺少的网络：你的变体，以及一同训练、用来对照的基准方案，一共四个。然后它比较两者，加上你的那一行；其余各行不变。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - The blog post "U-Net study notes" takes CLAHE and gamma for granted; here they are put to the test.
# - Images: DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.
# - Shit et al.: clDice, CVPR 2021, [arXiv:2003.07311](https://arxiv.org/abs/2003.07311).
# - Efron: bootstrap methods, 1979, [doi:10.1214/aos/1176344552](https://doi.org/10.1214/aos/1176344552).
# - U-Net++: Zhou et al. 2018, [doi:10.1007/978-3-030-00889-5_1](https://doi.org/10.1007/978-3-030-00889-5_1). Attention U-Net: Oktay et al. 2018, [arXiv:1804.03999](https://arxiv.org/abs/1804.03999). Residual U-Net: Zhang et al. 2018, [doi:10.1109/LGRS.2018.2802944](https://doi.org/10.1109/LGRS.2018.2802944). W-Net: Galdran et al. 2022, [doi:10.1038/s41598-022-09675-y](https://doi.org/10.1038/s41598-022-09675-y). Dilated convolutions: Yu and Koltun 2016, [arXiv:1511.07122](https://arxiv.org/abs/1511.07122). Benchmark: Fadugba et al. 2024, [arXiv:2406.14994](https://arxiv.org/abs/2406.14994).
# - Scores: [results/ablations.json](../results/ablations.json), [results/which_u.json](../results/which_u.json), [results/ceiling.json](../results/ceiling.json), [results/seeds.json](../results/seeds.json), [results/crossval.json](../results/crossval.json).

# %% [markdown] lang="zh" of="d46e1220"
# ## 参考资料
#
# - 博文《U-net学习笔记》把 CLAHE 和伽马当成理所当然，这里拿它们做了检验。
# - 图像：DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。
# - Shit et al.: clDice, CVPR 2021, [arXiv:2003.07311](https://arxiv.org/abs/2003.07311)。
# - Efron: bootstrap methods, 1979, [doi:10.1214/aos/1176344552](https://doi.org/10.1214/aos/1176344552)。
# - U-Net++: Zhou et al. 2018, [doi:10.1007/978-3-030-00889-5_1](https://doi.org/10.1007/978-3-030-00889-5_1)。Attention U-Net: Oktay et al. 2018, [arXiv:1804.03999](https://arxiv.org/abs/1804.03999)。Residual U-Net: Zhang et al. 2018, [doi:10.1109/LGRS.2018.2802944](https://doi.org/10.1109/LGRS.2018.2802944)。W-Net: Galdran et al. 2022, [doi:10.1038/s41598-022-09675-y](https://doi.org/10.1038/s41598-022-09675-y)。空洞卷积: Yu and Koltun 2016, [arXiv:1511.07122](https://arxiv.org/abs/1511.07122)。比较研究: Fadugba et al. 2024, [arXiv:2406.14994](https://arxiv.org/abs/2406.14994)。
# - 分数：[results/ablations.json](../results/ablations.json)、[results/which_u.json](../results/which_u.json)、[results/ceiling.json](../results/ceiling.json)、[results/seeds.json](../results/seeds.json)、[results/crossval.json](../results/crossval.json)。

# %% include="ticket"
