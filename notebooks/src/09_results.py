# ---
# gpu: true
# ---
# %% [markdown] lang="en"
# # 09 Results
#
# *How good is the network, how sure are we of that, and compared with whom?*

# %% [markdown] lang="zh" of="6e070be0"
# # 09 结果
#
# *网络有多好？这个结论有多可靠？和谁相比？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** segment a whole photograph, choose a threshold without cheating, write down the scores that papers report, read ROC and PR curves, put an interval around a score, and tell which published numbers may be compared with yours.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** Dice and two annotators (chapter 04), AUC (05), logits (02).
#
# **You are here**

# %% [markdown] lang="zh" of="24117bae"
# **学完这一章你能** 分割整张眼底照片，不作弊地选阈值，写出论文里常报告的各项分数，读懂 ROC 和 PR 曲线，给分数加上置信区间，并判断哪些已发表的数字可以和你的比较。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** Dice 和两位标注者（第 04 章），AUC（第 05 章），logits（第 02 章）。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import functools
import json
import time
from collections.abc import Callable, Iterable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Arc, Rectangle
from scipy import ndimage

from helpers import datasets, evaluation, figures, fundus, inference, metrics, places
from helpers.evaluation import Evaluation, Predict
from helpers.inference import Segmenter
from helpers.preprocess import prepare

# %% [markdown] lang="en" minutes="1"
# ## Three boxes
#
# Every image lies in one of three boxes. From the first the network learnt. With the second we choose: which weights, which threshold. The third was locked until this chapter; one function scores it, when there is nothing left to choose.

# %% [markdown] lang="zh" of="b7e1abb8"
# ## 三个盒子
#
# 每幅图像都放在三个盒子之一。网络从第一个盒子里学习。我们用第二个盒子做选择：用哪份权重，取什么阈值。第三个盒子一直锁到本章；等到没有什么可选的了，才由一个函数给它评分。

# %% fold="Draw the three boxes" fold_zh="画出三个盒子"
names = ("train", "val", "test")
sizes = [len(datasets.ids(course.dataset, name)) for name in names]
uses = ("learn weights", "choose", "score once")
fig, ax = plt.subplots(figsize=(6, 1.5), dpi=figures.DPI)
for k, (name, size, use) in enumerate(zip(names, sizes, uses, strict=True)):
    colour = (figures.SKY, figures.GREEN, figures.ORANGE)[k]
    ax.add_patch(Rectangle((k, 0), 0.8, 1, color=colour, alpha=0.5))
    ax.text(k + 0.4, 0.55, f"{name}: {size} eyes\n{use}", ha="center", va="center")
ax.add_patch(Rectangle((2.62, 0.04), 0.14, 0.2, color=figures.BLACK))  # a padlock
ax.add_patch(Arc((2.69, 0.24), 0.1, 0.3, theta2=180, linewidth=2))
ax.set(xlim=(-0.05, 2.85), ylim=(-0.05, 1.05))
ax.axis("off")
figures.show(
    f"Three boxes in a row: train with {sizes[0]} eyes, to learn weights; val with "
    f"{sizes[1]}, to choose; test with {sizes[2]}, to score once, with a padlock."
)
# zh: figures.show(
# zh:     f"并排三个盒子：train 有 {sizes[0]} 只眼睛，用来学权重；val 有 {sizes[1]} 只，"
# zh:     f"用来做选择；test 有 {sizes[2]} 只，只评分一次，上了锁。"
# zh: )
print(f"{course.dataset}: {sizes[0]} to learn, {sizes[1]} to choose, {sizes[2]} to score")
# zh: print(f"{course.dataset}：{sizes[0]} 只用来训练，{sizes[1]} 只用来选择，{sizes[2]} 只用来评分")

# %% [markdown] lang="en"
# The lock is an agreement, not a program: whoever looks at a test score, changes something and looks again has chosen with the third box.

# %% [markdown] lang="zh" of="5433e0ea"
# 图中文字：train: learn weights 学权重 · val: choose 做选择 · test: score once 只评分一次（上了锁）· eyes 只眼睛。
#
# 这把锁只是约定，程序拦不住人：看了测试分数，改一改，再看一次，就等于拿第三个盒子做了选择。

# %% [markdown] lang="en" minutes="1"
# ## Two networks
#
# One row of our table is the network that chapter 08 trained, if you ran it; another is the network that comes with the course. The cell says where the first comes from: "earlier" is any training of yours, for example in another window; "in this run" appears only where the command `helpers run` ran both chapters in one go.

# %% [markdown] lang="zh" of="d114f200"
# ## 两个网络
#
# 表中一行是第 08 章训练出的网络（如果你运行过），另一行是课程附带的网络。单元格会说明前一个网络的来历：“更早”是你自己的任何一次训练，例如在另一个窗口里做的；只有用命令 `helpers run` 一次运行这两章时，才会显示“本次运行”。

# %% fold="Load the two networks" fold_zh="载入两个网络"
mine = course.out / "training" / course.dataset / "weights.pt"
networks, record, in_this_run = {}, {}, False
if mine.exists():
    networks["trained"] = Segmenter.load(mine)
    note = mine.with_name("record.json")
    record = json.loads(note.read_text("utf-8")) if note.exists() else {}
    if record.get("weights_sha256") != datasets.sha256(mine):
        record = {}  # it speaks of other weights
    run_id = places.run_id()
    in_this_run = run_id is not None and record.get("run_id") == run_id
    when = "in this run" if in_this_run else "earlier"
    # zh: when = "本次运行" if in_this_run else "更早"
    where = record.get("dataset", "?")
    print(f"trained: {when}, on {where}, {record.get('steps', '?')} steps")
    # zh: print(f"trained（你训练的）：{when}，数据 {where}，{record.get('steps', '?')} 步")
else:
    print("trained: no weights yet; run chapter 08, then this cell again")
    # zh: print("trained（你训练的）：还没有权重；先运行第 08 章，再运行这个单元格")
networks["shipped"] = Segmenter.load()
print("shipped: the weights that come with the course, trained on DRIVE")
# zh: print("shipped（课程附带的）：在 DRIVE 上训练的权重")
if course.dataset != "DRIVE":
    print(f"         DRIVE's photographs taught them; they never saw {course.dataset}")
    # zh: print(f"         用 DRIVE 的照片训练，从没见过 {course.dataset}")

ours = next(iter(networks))  # the one we look at closely
network = networks[ours]
print(f"we look closely at: {ours}")
# zh: print(f"下面细看的是：{ours}")

# %% [markdown] lang="en" minutes="3"
# ## A whole eye at once
#
# The network was trained on patches, but nothing in a convolution knows the size of the image. `Segmenter.probs` (in `helpers/inference.py`) takes a photograph of any size. It resizes it where the field of view has another diameter than in training (chapter 01), prepares it as in training, pads it by mirror to a size that the network can halve (chapter 07), runs it once, crops, and blanks what is outside the field of view. Here is an eye from the validation box, its upper left quarter.

# %% [markdown] lang="zh" of="d17489a9"
# ## 一次分割整只眼睛
#
# 网络是在图像块上训练的，但卷积并不关心图像有多大。`Segmenter.probs`（在 `helpers/inference.py` 里）接受任意尺寸的照片。如果视野 (FOV) 的直径和训练时不同，先缩放（第 01 章）；再像训练时那样预处理，镜像填充到网络能逐层减半的大小（第 07 章），前向一次，裁剪回来，把视野以外清零。这里用验证盒子里的一只眼睛，只看左上四分之一。

# %%
val = course.load("val")


def predictor(network: Segmenter) -> Callable:
    """Return the function that gives the probabilities of an eye; it remembers them."""
    known = {}

    def predict(eye):
        if eye.name not in known:
            known[eye.name] = network.probs(eye.image, eye.fov)
        return known[eye.name]

    return predict


predictors = {name: predictor(each) for name, each in networks.items()}

eye = val[0]
probs = predictors[ours](eye)
crop = np.s_[:, : eye.image.shape[1] // 2, : eye.image.shape[2] // 2]
quarters = [figures.to_picture(x[crop]) for x in (eye.image, probs, eye.vessels)]
figures.show_images(quarters, [f"eye {eye.name}", "probability", "label"], size=2.4)
figures.show(
    "The upper left quarter of an eye: photograph, map of probabilities, label. The map "
    "draws the label's tree softly, grey where the network is unsure."
)
# zh: figures.show(
# zh:     "一只眼睛的左上四分之一：照片、概率图、标签。概率图画的是标签里那棵血管树，"
# zh:     "边缘柔和，网络拿不准的地方发灰。"
# zh: )
print(f"{probs.shape} probabilities from {probs.min():.3f} to {probs.max():.3f}, ", end="")
# zh: print(f"概率图的形状 {probs.shape}：从 {probs.min():.3f} 到 {probs.max():.3f}，", end="")
print(f"mean {probs[eye.fov].mean():.3f}; vessel share {eye.vessels[eye.fov].mean():.3f}")
# zh: print(f"平均 {probs[eye.fov].mean():.3f}；血管占 {eye.vessels[eye.fov].mean():.3f}")

# %% [markdown] lang="en"
# The map is not black and white: it says how sure the network is. (With DRIVE, the eye: DRIVE, Staal et al. 2004; with CHASE_DB1: Fraz et al. 2012, CC BY 4.0.)

# %% [markdown] lang="zh" of="6f72fe44"
# 图中文字：eye 照片 · probability 概率 · label 标签。
#
# 概率图不是非黑即白，它说明网络有多大把握。（使用 DRIVE 时，这只眼睛来自 DRIVE, Staal et al. 2004；使用 CHASE_DB1 时，来自 Fraz et al. 2012，CC BY 4.0。）

# %% [markdown] lang="en" minutes="1"
# ## From four counts to a score
#
# A threshold makes vessel or background of each probability, and each pixel inside the field of view falls into one of four counts: vessel found (TP), false alarm (FP), vessel missed (FN), background left alone (TN). All scores that need a threshold are made of these four. Here are those of chapter 04 again, **sensitivity** (recall), **specificity**, **precision**, **accuracy**, and F1 or **Dice**, in the symbols of papers:
#
# $$\mathrm{Se} = \frac{TP}{TP + FN} \qquad \mathrm{Sp} = \frac{TN}{TN + FP} \qquad \mathrm{Pr} = \frac{TP}{TP + FP}$$
#
# $$\mathrm{Acc} = \frac{TP + TN}{TP + FP + FN + TN} \qquad \mathrm{F1} = \frac{2\,TP}{2\,TP + FP + FN}$$
#
# One more stands in our table, MCC, the correlation of the two maps: 1 where they are the same, 0 where they have nothing to do with each other.
#
# $$\mathrm{MCC} = \frac{TP \cdot TN - FP \cdot FN}{\sqrt{(TP + FP)(TP + FN)(TN + FP)(TN + FN)}}$$

# %% [markdown] lang="zh" of="61255f4d"
# ## 从四个计数到分数
#
# 阈值把每个概率变成“血管”或“背景”。视野以内的每个像素，落进四个计数之一：找到的血管（真阳性 TP）、误报（假阳性 FP）、漏掉的血管（假阴性 FN）、没有误标的背景（真阴性 TN）。凡是要取阈值的分数，都由这四个数算出。下面是第 04 章讲过的**灵敏度**（召回率）、**特异度**、**精确率**、**准确率**和 F1（即 **Dice**），用论文里的记号：
#
# $$\mathrm{Se} = \frac{TP}{TP + FN} \qquad \mathrm{Sp} = \frac{TN}{TN + FP} \qquad \mathrm{Pr} = \frac{TP}{TP + FP}$$
#
# $$\mathrm{Acc} = \frac{TP + TN}{TP + FP + FN + TN} \qquad \mathrm{F1} = \frac{2\,TP}{2\,TP + FP + FN}$$
#
# 表里还有一个 MCC，是两幅图的相关系数：完全相同是 1，毫不相干是 0。
#
# $$\mathrm{MCC} = \frac{TP \cdot TN - FP \cdot FN}{\sqrt{(TP + FP)(TP + FN)(TN + FP)(TN + FN)}}$$

# %% [markdown] lang="en" minutes="10"
# ## Two hills and a threshold
#
# We draw one hill for the background pixels and one for the vessel pixels, each of area one. The axis is the logit, so that probabilities near 0 and 1 have room. A threshold cuts both hills: what is right of it counts as vessel. The two curves beside them go through all thresholds, and the red point is the present one. In the middle is the **ROC curve**: the share of vessels found against the share of background marked by mistake, $1 - \mathrm{Sp}$. On the right is the **PR curve**: precision against the share found. Move `THRESHOLD` and run the cell again: the red point slides along both curves.

# %% [markdown] lang="zh" of="9f733bc1"
# ## 两座山和一个阈值
#
# 把背景像素画成一座山，血管像素画成另一座，面积都是 1。横轴是 logits，让接近 0 和 1 的概率也看得清。阈值把两座山各切一刀，右边的都算血管。旁边两条曲线走遍所有的阈值，红点是现在这一个。中间是 **ROC 曲线**：纵轴是找到的血管的比例，横轴是背景里误标的比例，即 $1 - \mathrm{Sp}$。右边是 **PR 曲线**：纵轴是精确率，横轴是找到的比例。改一下 `THRESHOLD` 再运行：红点会沿着两条曲线滑动。

# %% fold="Prepare the drawing of hills and curves" fold_zh="准备画山和曲线"
def thin(x, y):
    """Keep 300 points of a curve that has a million."""
    grid = np.linspace(0, 1, 300) ** 2
    return grid, np.interp(grid, x, y)


def draw_hills(table, threshold):
    """Draw the hills of background and vessel, the ROC curve and the PR curve."""
    here = metrics.scores(metrics.counts_at(table, threshold))
    centres = (np.arange(metrics.NUM_BINS) + 0.5) / metrics.NUM_BINS
    logit = np.log(centres / (1 - centres))
    fig, (hills, roc, pr) = plt.subplots(1, 3, figsize=(10, 3), dpi=figures.DPI)
    kinds = ((figures.GREY, "background"), (figures.BLUE, "vessel"))
    for row, (colour, label) in enumerate(kinds):
        heights, edges = np.histogram(logit, bins=60, weights=table[row], density=True)
        hills.stairs(heights, edges, fill=True, color=colour, alpha=0.6, label=label)
    hills.axvline(np.log(threshold / (1 - threshold)), color=figures.RED)
    hills.set(xlabel="logit", ylabel="density")
    hills.legend(frameon=False, fontsize=8)
    roc.plot(*thin(*metrics.roc_curve(table)), color=figures.BLUE)
    roc.plot(1 - here["specificity"], here["sensitivity"], "o", color=figures.RED)
    roc.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.02))
    pr.plot(*thin(*metrics.pr_curve(table)), color=figures.BLUE)
    pr.plot(here["sensitivity"], here["precision"], "o", color=figures.RED)
    pr.set(xlabel="sensitivity", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    fig.tight_layout()


val_histograms = [
    metrics.histogram(predictors[ours](x), x.vessels, x.fov) for x in val
]
pooled = sum(val_histograms)  # background and vessel pixels of all eyes, by probability
print(f"{pooled[0].sum():,} background and {pooled[1].sum():,} vessel pixels sorted")
# zh: print(f"整理好 {pooled[0].sum():,} 个背景像素和 {pooled[1].sum():,} 个血管像素")

# %%
THRESHOLD = 0.5  # @param {type: "slider", min: 0.02, max: 0.98, step: 0.02}

draw_hills(pooled, THRESHOLD)
here = metrics.scores(metrics.counts_at(pooled, THRESHOLD))
figures.show(
    "Left: a grey hill of background logits and, further right, a blue one of vessel "
    f"logits; they overlap, and the red line at probability {THRESHOLD:.2f} cuts both. "
    f"Beside them the ROC and the PR curve, each with a red point at sensitivity "
    f"{here['sensitivity']:.2f}."
)
# zh: figures.show(
# zh:     "左图：灰色的背景 logits 是一座山，右边蓝色的血管 logits 是另一座，两座山有重叠，"
# zh:     f"概率 {THRESHOLD:.2f} 处的红线把它们各切一刀。旁边是 ROC 曲线和 PR 曲线，"
# zh:     f"各有一个红点，灵敏度 {here['sensitivity']:.2f}。"
# zh: )
print(f"at {THRESHOLD:.2f}: Se {here['sensitivity']:.3f}, Sp {here['specificity']:.3f}, ", end="")
# zh: print(f"阈值 {THRESHOLD:.2f}：Se {here['sensitivity']:.3f}，Sp {here['specificity']:.3f}，", end="")
print(f"Pr {here['precision']:.3f}, Dice {here['dice']:.3f}; ", end="")
# zh: print(f"Pr {here['precision']:.3f}，Dice {here['dice']:.3f}；", end="")
print(f"AUC {metrics.auc_roc(pooled):.4f} whatever the threshold")
# zh: print(f"AUC {metrics.auc_roc(pooled):.4f}，与阈值无关")

# %% [markdown] lang="en"
# One threshold is one point of each curve; the areas under them belong to the hills and to no threshold. **AUC** is the area under the ROC curve: the probability that a vessel pixel, drawn at random, has a higher value than a background pixel. **AP**, average precision, stands for the area under the PR curve. With the thresholds from high to low, $k = 1, 2, \dots$, and $\mathrm{Se}_0 = 0$:
#
# $$\mathrm{AP} = \sum_k (\mathrm{Se}_k - \mathrm{Se}_{k-1})\,\mathrm{Pr}_k$$
#
# It is the mean precision, where each step counts by how many more vessel pixels it finds. To mark vessels we still need one threshold. Where may we choose it?
#
# **Exercise 9.1** `val[k]` and `test[k]` are the Dice at threshold number k on the validation and on the test images. Return the Dice that goes into the report.

# %% [markdown] lang="zh" of="2337349b"
# 图中文字：background 背景（灰）· vessel 血管（蓝）· logit 横轴 · density 密度 · sensitivity 灵敏度 · 1 - specificity 1 减特异度 · precision 精确率；左图红线是阈值，中图是 ROC 曲线，右图是 PR 曲线，红点是现在的阈值。
#
# 一个阈值是每条曲线上的一个点；曲线下面积由两座山决定，与阈值无关。**AUC** 是 ROC 曲线下面积：随机抽一个血管像素和一个背景像素，前者的值更高的概率。**AP**（平均精确率）相当于 PR 曲线下面积。让阈值从高到低，$k = 1, 2, \dots$，并设 $\mathrm{Se}_0 = 0$：
#
# $$\mathrm{AP} = \sum_k (\mathrm{Se}_k - \mathrm{Se}_{k-1})\,\mathrm{Pr}_k$$
#
# 它是精确率的加权平均：每一步新找到的血管像素越多，这一步的精确率占的权重越大。可是要标出血管，总得选一个阈值。可以看着哪些图像选？
#
# **练习 9.1** `val[k]` 和 `test[k]` 是第 k 个阈值在验证图像和测试图像上的 Dice。返回应当写进报告的那个 Dice。

# %% tags=["exercise"]
def report_dice(val, test):
    return None  # your code here
    # zh: return None  # 在这里写代码


report_dice = lesson.exercise("09.1", report_dice)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Choose the threshold that is best on the validation images, freeze it, and look up its Dice on the test images. The maximum over the test images would use answers that nobody has for tomorrow's patient.
#
# {{solution 09.1}}
#
# </details>

# %% [markdown] lang="zh" of="cae27a75"
# <details><summary>参考答案</summary>
#
# 在验证图像上选出最好的阈值，固定下来，再查这个阈值在测试图像上的 Dice。如果在测试图像上取最大值，就用到了答案，而明天来的病人还没有答案。
#
# {{solution 09.1}}
#
# </details>

# %%
grid = np.linspace(0.05, 0.95, 37)
val_dice = [metrics.scores(metrics.counts_at(pooled, t))["dice"] for t in grid]
best = metrics.best_threshold(val_histograms)
at_half = metrics.scores(metrics.counts_at(pooled, 0.5))["dice"]
at_best = metrics.scores(metrics.counts_at(pooled, best))["dice"]
print(f"best threshold {best:.3f}: Dice {at_best:.4f}; at 0.5: {at_half:.4f}")
# zh: print(f"最好的阈值 {best:.3f}：Dice {at_best:.4f}；取 0.5：{at_half:.4f}")

# %% fold="Draw Dice against the threshold" fold_zh="画出 Dice 随阈值的变化"
fig, ax = plt.subplots(figsize=(4.8, 2.8), dpi=figures.DPI)
ax.plot(grid, val_dice, color=figures.GREEN)
ax.axvline(best, color=figures.RED)
ax.set(xlabel="threshold", ylabel="Dice, validation", ylim=(0, 1))
fig.tight_layout()
level = grid[np.array(val_dice) > at_best - 0.01]
figures.show(
    "Dice on the validation eyes against the threshold: a flat-topped curve with its "
    f"maximum {at_best:.2f} at the red line, {best:.2f}."
)
# zh: figures.show(
# zh:     f"验证图像的 Dice 随阈值变化：曲线顶部平坦，最大值 {at_best:.2f} 在红线 {best:.2f} 处。"
# zh: )
print(f"from {level.min():.2f} to {level.max():.2f} Dice is within 0.01 of the best")
# zh: print(f"阈值从 {level.min():.2f} 到 {level.max():.2f}，Dice 与最好的相差不到 0.01")

# %% [markdown] lang="en"
# The top is flat: a threshold slightly off costs little Dice. The choice is made now, on these eyes only.

# %% [markdown] lang="zh" of="b270ac7c"
# 图中文字：threshold 阈值 · Dice, validation 验证图像上的 Dice；红线是最好的阈值。
#
# 顶部很平：阈值差一点，Dice 降得很少。阈值就此选定，而且只看了这几只眼睛。

# %% [markdown] lang="en" minutes="8"
# ## Opening the third box
#
# `evaluate` from `helpers/evaluation.py` is the one function that scores images: `Evaluation.add` counts the pixels of an eye inside the field of view, at the photograph's own size, and the scores come from these counts. `choose_threshold` is given validation images only.

# %% [markdown] lang="zh" of="2ba5e577"
# ## 打开第三个盒子
#
# `helpers/evaluation.py` 里的 `evaluate` 是唯一给图像评分的函数：`Evaluation.add` 按照片的原始尺寸，只数每只眼睛视野以内的像素，所有分数都由这些计数算出。`choose_threshold` 得到的只有验证图像。

# %% tags=["show-source"]
from helpers.evaluation import choose_threshold, evaluate

# %% [markdown] lang="en"
# Besides the networks there are two to compare with. A **Sato filter** looks for dark ridges and has learnt nothing; only its threshold is chosen on the validation images. The **second observer** is a person who marked the same eyes.

# %% [markdown] lang="zh" of="d9b5ff5e"
# 除了网络，还有两个对照。**Sato 滤波器**寻找暗的脊线，不需要训练，只有阈值是在验证图像上选的。**第二标注者**是标注了同样这些眼睛的人。

# %%
split = datasets.scored_split(course.dataset, course.data_dir)
eyes = course.load(split)
if split == "val":
    print("No test labels here (the official download has none):")
    # zh: print("这里没有测试标签（官方下载的数据不含）：")
    print("the validation images stand in, and all scores flatter the networks.")
    # zh: print("改用验证图像，所有分数都会偏高。")

ways = predictors | {"sato": evaluation.ridges}
thresholds = {name: choose_threshold(way, val) for name, way in ways.items()}
if all(eye.second is not None for eye in eyes):
    ways["second_observer"] = lambda eye: eye.second.astype(np.float32)
    thresholds["second_observer"] = 0.5
person = functools.partial(datasets.person, course.dataset)  # whose eye it is
rows = {
    name: evaluate(way, eyes, thresholds[name], person) for name, way in ways.items()
}
human = rows.get("second_observer")
print(f"scored: {', '.join(rows)} on {len(eyes)} {split} eyes of {course.dataset}")
# zh: print(f"评过分：{'、'.join(rows)}；{course.dataset} {split} 的 {len(eyes)} 只眼睛")

# %% [markdown] lang="en"
# **Guess 9.2** What Dice does the second observer reach against the first, whose drawing is our label? Chapter 04 named the number for DRIVE's test images: do you remember it? Write it down before you look it up.

# %% [markdown] lang="zh" of="dca0fac4"
# **猜一猜 9.2** 我们的标签是第一标注者画的。第二标注者对照这些标签，Dice 能有多少？DRIVE 测试图像上的数，第 04 章说过。还记得吗？先凭记忆写。

# %%
guess = None  # your guess: a number between 0 and 1
# zh: guess = None  # 你的猜测：0 到 1 之间的一个数

if human:
    lesson.ask("09.2", guess, human.pooled["dice"])
else:
    print("No second observer marked these eyes, so there is nothing to guess.")
    # zh: print("这些眼睛没有第二标注者的标注，这里没有可猜的。")

# %% fold="Print the table of scores" fold_zh="打印分数表" tags=["answer"]
COLUMNS = ("auc_roc", "auc_pr", "dice", "sensitivity", "specificity", "mcc", "accuracy")
print(f"{course.dataset}, {split}, {len(eyes)} eyes, pixels inside the field of view")
# zh: print(f"{course.dataset}，{split}，{len(eyes)} 只眼睛，视野以内的像素")
print(f"{'pooled':17}" + "".join(f"{column[:11]:>12}" for column in COLUMNS))
for name in ("trained", "shipped", "second_observer", "sato"):
    if name not in rows:
        missing = "run chapter 08 first" if name == "trained" else "none in this split"
        # zh: missing = "先运行第 08 章" if name == "trained" else "这部分数据没有"
        print(f"{name:17}   {missing}")
        continue
    pooled_row, ci = rows[name].pooled, rows[name].ci95
    shown = [f"{pooled_row[c]:.4f}" for c in COLUMNS]
    spans = [f"{ci[c][0]:.3f}-{ci[c][1]:.3f}" for c in COLUMNS]
    if name == "second_observer":  # yes or no, no probabilities: no curve
        shown[:2] = spans[:2] = "-", "-"
    print(f"{name:17}" + "".join(f"{text:>12}" for text in shown))
    print(f"{'  95 %':17}" + "".join(f"{text:>12}" for text in spans))
if course.dataset != "DRIVE":
    kind = "photographs of another camera" if course.real else "PHANTOMS, drawn eyes"
    # zh: kind = "另一种相机的照片" if course.real else "PHANTOM，仿真眼底图"
    print(f"{kind}: the shipped network never saw one in training.")
    # zh: print(f"{kind}：课程附带的网络训练时从没见过。")
if split == "test":
    both = rows["shipped"].pooled
    lesson.contract("09.shipped", (both["auc_roc"], both["dice"]), course)
    lesson.contract("09.person", human.pooled["dice"] if human else None, course)

# %% [markdown] lang="en"
# Under each score stands its 95% interval over eyes (over children, where two eyes are of one child, as in CHASE_DB1); how it is made comes below. Read the column `dice` first: which rows have intervals that do not overlap? The column `accuracy` looks good in every row and says least, because most pixels are background. (The README gives the shipped network a Dice of {{drive_test.pooled.dice:.3f}} on DRIVE: its threshold there comes from twenty eyes, here from four. The twenty went through a *cross-validation*: four networks, each judged on five eyes that it had not learnt from.)
#
# Pooled scores count the pixels of all eyes together. The mean of the scores of single eyes is another number: a paper must say which of the two it gives.
#
# The next cell prints both. Its last line compares an honest threshold, from the validation images, with the threshold that is best on the scored eyes themselves. (Both come from the coarse grid of the plot above, so the first may differ a little from the table.)

# %% [markdown] lang="zh" of="8dd6ecd6"
# 表中文字：pooled 合并分数 · auc_roc ROC 曲线下面积 · auc_pr 平均精确率 AP · sensitivity 灵敏度 · specificity 特异度 · accuracy 准确率 · trained 你训练的网络 · shipped 课程附带的网络 · second_observer 第二标注者 · sato Sato 滤波器。
#
# 每个分数下面是按眼睛算的 95% 置信区间（像 CHASE_DB1 那样两只眼睛同属一个孩子时，按孩子算），算法后面讲。先看 `dice` 一列：哪些行的区间没有重叠？`accuracy` 一列每一行都很好看，说明的却最少，因为大多数像素是背景。（README 里，课程附带的网络在 DRIVE 上的 Dice 是 {{drive_test.pooled.dice:.3f}}：那里的阈值在二十只眼睛上选出，这里只用了四只。二十只用的是**交叉验证** (cross-validation)：四个网络，每个都用自己没有学过的五只眼睛来评。）
#
# 合并分数 (pooled) 把所有眼睛的像素放在一起数。各只眼睛分数的平均是另一个数：论文必须写明是哪一个。
#
# 下一个单元格把两种都打印出来。最后一行比较两个阈值：一个老老实实用验证图像选，另一个是偷看被评分的眼睛选出来的。（两个阈值都取自上图的粗网格，所以前一个 Dice 和表中的可能略有不同。）

# %% tags=["answer"]
for name, result in rows.items():
    single = [row["dice"] for row in result.per_image]
    print(
        f"{name:16} Dice pooled {result.pooled['dice']:.4f}   "
        f"per image {np.mean(single):.4f}, sd {np.std(single, ddof=1):.4f}"
    )
    # zh: print(
    # zh:     f"{name:16} Dice 合并 {result.pooled['dice']:.4f}   "
    # zh:     f"逐图平均 {np.mean(single):.4f}，标准差 {np.std(single, ddof=1):.4f}"
    # zh: )
test_pooled = rows[ours].histogram
test_dice = [metrics.scores(metrics.counts_at(test_pooled, t))["dice"] for t in grid]
honest = report_dice(np.array(val_dice), np.array(test_dice))
print(f"\nthreshold from val: Dice {honest:.4f}; ", end="")
# zh: print(f"\n用验证图像选阈值：Dice {honest:.4f}；", end="")
print(f"stolen from the scored eyes: {max(test_dice):.4f}")
# zh: print(f"偷看被评分的眼睛：{max(test_dice):.4f}")

# %% [markdown] lang="en" minutes="2"
# ## Which side of the curve is the second observer on?
#
# The networks and the filter are curves, the person is a point: somebody who says yes or no has one sensitivity and one specificity. Is the point above or below a network's curve?

# %% [markdown] lang="zh" of="f547ece0"
# ## 第二标注者在曲线的哪一侧
#
# 网络和滤波器是曲线，人是一个点：只说“是”或“否”的人，只有一个灵敏度和一个特异度。这个点在网络的曲线上方还是下方？

# %% fold="Draw ROC and PR curves, with the second observer" fold_zh="画出 ROC 和 PR 曲线，以及第二标注者"
colours = dict(zip(rows, (figures.BLUE, figures.GREEN, figures.GREY), strict=False))
curves = {"roc": [], "pr": []}
for name in [name for name in rows if name != "second_observer"]:
    total = rows[name].histogram
    curves["roc"].append((name, *thin(*metrics.roc_curve(total)), colours[name]))
    curves["pr"].append((name, *thin(*metrics.pr_curve(total)), colours[name]))
points, where_it_is = {"roc": [], "pr": []}, ""
if human:
    p = human.pooled
    spot = ("second observer", 1 - p["specificity"], p["sensitivity"], figures.RED)
    points["roc"].append(spot)
    points["pr"].append((spot[0], p["sensitivity"], p["precision"], figures.RED))
    where_it_is = f" A red point: the second observer, sensitivity {p['sensitivity']:.2f}."
    # zh: where_it_is = f"红点是第二标注者，灵敏度 {p['sensitivity']:.2f}。"
figures.plot_curves(curves["roc"], points["roc"], "1 - specificity", "sensitivity")
areas = [
    ", ".join(f"{name} {rows[name].pooled[key]:.3f}" for name, *_ in curves["roc"])
    for key in ("auc_roc", "auc_pr")
]
# zh: areas = [
# zh:     "，".join(f"{name} {rows[name].pooled[key]:.3f}" for name, *_ in curves["roc"])
# zh:     for key in ("auc_roc", "auc_pr")
# zh: ]
figures.show(f"ROC curves on the scored eyes, with the areas {areas[0]}.{where_it_is}")
# zh: figures.show(f"被评分的眼睛的 ROC 曲线，曲线下面积 {areas[0]}。{where_it_is}")
figures.plot_curves(curves["pr"], points["pr"], "sensitivity", "precision")
figures.show(f"PR curves on the scored eyes, with AP {areas[1]}.{where_it_is}")
# zh: figures.show(f"被评分的眼睛的 PR 曲线，AP 是 {areas[1]}。{where_it_is}")
print(f"AUC: {areas[0]}; AP: {areas[1]}")
# zh: print(f"AUC：{areas[0]}；AP：{areas[1]}")

# %%
if human:
    x, y = metrics.roc_curve(rows[ours].histogram)
    there = np.interp(1 - human.pooled["specificity"], x, y)
    print(f"at the person's Sp {human.pooled['specificity']:.4f} the person finds ", end="")
    # zh: print(f"在第二标注者的 Sp {human.pooled['specificity']:.4f} 处，第二标注者找到 ", end="")
    print(f"{human.pooled['sensitivity']:.3f} of the vessel pixels, {ours} {there:.3f}")
    # zh: print(f"{human.pooled['sensitivity']:.3f} 的血管像素，{ours} 找到 {there:.3f}")

# %% [markdown] lang="en"
# On DRIVE the red point lies below the shipped network's curve: at as many false alarms as the person gives, the network finds more of what the first observer drew. That is not yet "better than a person"; the judge changes below.
#
# Where two curves cover each other, these eyes do not tell the networks apart. The ROC curves crowd into a corner: with so much background, even many false alarms are a small share of it. The PR curves lie further apart, because they ask: of what is marked, how much is vessel?

# %% [markdown] lang="zh" of="de2cf34a"
# 图中文字：trained 你训练的网络 · shipped 课程附带的网络 · sato Sato 滤波器 · second observer 第二标注者（红点）· sensitivity 灵敏度 · 1 - specificity 1 减特异度 · precision 精确率。
#
# 在 DRIVE 上，红点在课程附带的网络的曲线下方：误报和这个人一样多时，第一标注者画的血管，网络找到的更多。这还不等于“比人更好”，后面会换一位裁判。
#
# 如果两条曲线几乎重合，说明凭这些眼睛分不出这两个网络的高下。ROC 曲线挤在一个角落：背景太多，误报再多也只占其中一小部分。PR 曲线更能拉开差距，它问的是：标出来的像素里，有多少真是血管？

# %% [markdown] lang="en" minutes="9"
# ## The free border
#
# Many papers count the whole frame, with the black border outside the field of view.
#
# **Exercise 9.3** A published U-Net (retina-unet by orobix) has, inside the field of view, TP 443136, FP 65238, FN 134513, TN 3895256. Write a function that adds `border` black pixels, all of them left black by the network, and returns Dice, sensitivity, specificity and accuracy.

# %% [markdown] lang="zh" of="33b8c28c"
# ## 白送的黑边
#
# 很多论文把整幅画面都算进去，包括视野以外的黑边。
#
# **练习 9.3** 一个已发表的 U-Net（orobix 的 retina-unet）在视野以内的计数是 TP 443136，FP 65238，FN 134513，TN 3895256。写一个函数：加上 `border` 个黑色像素（网络也没有标它们），返回 Dice、灵敏度、特异度和准确率。

# %% tags=["exercise"]
def scores_with_border(tp, fp, fn, tn, border):
    return None  # your code here: (dice, sensitivity, specificity, accuracy)
    # zh: return None  # 在这里写代码：(dice, sensitivity, specificity, accuracy)


scores_with_border = lesson.exercise("09.3", scores_with_border)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Black in the label and black in the prediction: the border is TN. Look for TN in each formula. Of these four, only specificity and accuracy contain it.
#
# {{solution 09.3}}
#
# </details>

# %% [markdown] lang="zh" of="eafcbcbc"
# <details><summary>参考答案</summary>
#
# 标签是黑的，预测也是黑的：黑边是 TN。在每个公式里找 TN：这四个分数里，只有特异度和准确率含有它。
#
# {{solution 09.3}}
#
# </details>

# %%
published = (443136, 65238, 134513, 3895256)
bordered = {}
print("                dice  sensitivity  specificity  accuracy")
for title, border in (("inside FOV", 0), ("whole frame", 2061057)):
    bordered[title] = values = scores_with_border(*published, border)
    print(f"{title:12}  {values[0]:.4f}       {values[1]:.4f}", end="")
    print(f"       {values[2]:.4f}    {values[3]:.4f}")
lesson.contract("09.border", tuple(values[3] for values in bordered.values()))

# %% [markdown] lang="en"
# So this network's 0.970 over the whole frame is no better than its own 0.956 inside the field of view. Now we count the border into our own predictions. How four of the five scores below behave you have just seen in the table; the fifth is new.
#
# **Guess 9.4** Which of `"auc_roc"`, `"dice"`, `"sensitivity"`, `"specificity"`, `"accuracy"` rise by more than 0.002 when the border is counted?

# %% [markdown] lang="zh" of="44b0f683"
# 表中文字：inside FOV 视野以内 · whole frame 整幅画面。
#
# 所以，这个网络按整幅画面算出的 0.970，并不比它自己在视野以内的 0.956 更好。下面把黑边也算进我们自己的预测。下面五个分数里，有四个表中刚刚见过，第五个是新的。
#
# **猜一猜 9.4** 把黑边算进去，`"auc_roc"`、`"dice"`、`"sensitivity"`、`"specificity"`、`"accuracy"` 里哪些会升高 0.002 以上？

# %% fold="Count the border of our own predictions, too" fold_zh="把我们自己预测的黑边也数进去"
threshold = rows[ours].threshold
predict = predictors[ours]
frame_histogram = sum(
    metrics.histogram(predict(eye), eye.vessels, np.ones_like(eye.fov)) for eye in eyes
)
inside = rows[ours].pooled
frame = metrics.all_scores(frame_histogram, threshold)
border_pixels = sum(int((~eye.fov).sum()) for eye in eyes)
print(f"{ours}: {border_pixels:,} border pixels added")
# zh: print(f"{ours}：加上了 {border_pixels:,} 个黑边像素")

# %%
guess = None  # your guess, such as ("dice", "sensitivity")
# zh: guess = None  # 你的猜测，例如 ("dice", "sensitivity")

lesson.ask("09.4", guess, inside, frame)

# %% tags=["answer"]
for key in ("auc_roc", "dice", "sensitivity", "specificity", "accuracy"):
    print(f"{key:12} inside FOV {inside[key]:.4f}   whole frame {frame[key]:.4f}")

# %% [markdown] lang="en"
# The network found nothing more; it was given black pixels that are right for free. (Where the labels have a few vessel pixels outside the field of view, Dice and sensitivity even fall a little.) Whenever a number over the whole frame is compared with one inside the field of view, the border wins.

# %% [markdown] lang="zh" of="c694cbec"
# 网络没有多找到任何东西，只是白得了一大片黑色像素。（标签在视野以外如果有少量血管像素，Dice 和灵敏度还会略微下降。）把整幅画面的数字和视野以内的数字放在一起比，赢的总是黑边。

# %% [markdown] lang="en" minutes="3"
# ## Every probability squared
#
# **Guess 9.5** Every probability `p` is replaced by its square. Which of these change: `"auc_roc"`, `"auc_pr"`, `"dice at 0.5"`, `"best dice"` (at the best threshold)?

# %% [markdown] lang="zh" of="bc948d92"
# ## 把概率都平方
#
# **猜一猜 9.5** 把每个概率 `p` 换成它的平方。哪些会变：`"auc_roc"`、`"auc_pr"`、`"dice at 0.5"`（阈值 0.5）、`"best dice"`（最好的阈值）？

# %%
guess = None  # your guess, such as ("auc_roc", "best dice")
# zh: guess = None  # 你的猜测，例如 ("auc_roc", "best dice")

lesson.ask("09.5", guess)

# %% tags=["answer"]
def four_scores(histogram):
    """Return the four scores in question, and the best threshold."""
    best = metrics.best_threshold([histogram])
    half, top = (metrics.all_scores(histogram, t) for t in (0.5, best))
    return (half["auc_roc"], half["auc_pr"], half["dice"], top["dice"]), best


squared = sum(
    metrics.histogram(predictors[ours](x) ** 2, x.vessels, x.fov) for x in val
)
(before, t_before), (after, t_after) = map(four_scores, (pooled, squared))
four_names = ("auc_roc", "auc_pr", "dice at 0.5", "best dice")
for name, a, b in zip(four_names, before, after, strict=True):
    print(f"{name:12} {a:.4f} -> {b:.4f}")
print(f"best threshold {t_before:.3f} -> {t_after:.3f}")
# zh: print(f"最好的阈值 {t_before:.3f} -> {t_after:.3f}")
lesson.contract("09.square", t_after - t_before**2)

# %% [markdown] lang="en"
# AUC and AP ask for the order of the pixels and nothing else. (Should the last digit of one move: our tables sort the values into narrow bins, and squares of tiny numbers share one.) They cannot see whether a probability of 0.8 means eight in ten (calibration).

# %% [markdown] lang="zh" of="2ef0ffc4"
# AUC 和 AP 只取决于像素按概率的排序，与概率的具体数值无关。（如果有一个的末位数字变了：我们把概率分到很窄的小格里，很小的数平方以后会落进同一格。）概率 0.8 是否真表示十次里有八次，也就是校准 (calibration)，它们看不见。

# %% [markdown] lang="en" minutes="7"
# ## How sure are we?
#
# The scored eyes are few. Other eyes would have given another Dice. The **bootstrap** imitates that: draw as many eyes as there are, with replacement, add up their counts, compute Dice, and do it a thousand times.
#
# **Exercise 9.6** `counts` has one row (TP, FP, FN, TN) per eye. Return the 2.5th and 97.5th percentiles of the pooled Dice. Between them lie 95% of the thousand: the 95% interval.

# %% [markdown] lang="zh" of="18765371"
# ## 我们有多大把握？
#
# 评分用的眼睛不多。换一批眼睛，Dice 就会不同。**自助法** (bootstrap) 模仿这件事：有放回地抽出同样多只眼睛，把计数相加，算 Dice，重复一千次。
#
# **练习 9.6** `counts` 每行是一只眼睛的 (TP, FP, FN, TN)。返回合并 Dice 的 2.5 和 97.5 百分位数。一千个 Dice 里有 95% 在两者之间，这就是 95% 置信区间。

# %% tags=["exercise"]
def bootstrap(counts):
    return None  # your code here: (low, high)
    # zh: return None  # 在这里写代码：(low, high)


bootstrap = lesson.exercise("09.6", bootstrap)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The eyes are what was sampled; the pixels of one eye share its light, its vessels and its annotator. Drawing pixels gives an interval that is far too narrow.
#
# {{solution 09.6}}
#
# </details>

# %% [markdown] lang="zh" of="3e9ede3a"
# <details><summary>参考答案</summary>
#
# 当初随机抽取的是眼睛；同一只眼睛的像素，光照、血管和标注者都相同。如果抽像素，区间会窄得多，不可信。
#
# {{solution 09.6}}
#
# </details>

# %% tags=["answer"]
people = [person(eye.name) for eye in eyes]  # two eyes of a child: one row
for name, result in rows.items():
    low, high = bootstrap(np.array(metrics.by_person(result.counts, people)))
    table = result.ci95["dice"]
    print(f"{name:16} Dice {result.pooled['dice']:.3f}, interval ", end="")
    # zh: print(f"{name:16} Dice {result.pooled['dice']:.3f}，区间 ", end="")
    print(f"{low:.3f} to {high:.3f} (table: {table[0]:.3f} to {table[1]:.3f})")
    # zh: print(f"{low:.3f}～{high:.3f}（表中：{table[0]:.3f}～{table[1]:.3f}）")

# %% [markdown] lang="en"
# The intervals of the table come from `metrics.resampled`, which does the same for all scores at once.
#
# Suppose two networks differ by 0.003 in Dice on these eyes, and the interval is wider than that. Then these scores alone do not tell them apart. A comparison eye by eye may: an eye that is hard for one network is mostly hard for the other, and that part cancels.

# %% [markdown] lang="zh" of="824ad355"
# 表中的区间来自 `metrics.resampled`，它用同样的办法，一次算完所有分数。
#
# 假设两个网络在这些眼睛上的 Dice 相差 0.003，而区间比这还宽。只看这两个分数，分不出高下。一只一只眼睛地比较，也许可以：对一个网络难的眼睛，对另一个多半也难，这部分会抵消。

# %% [markdown] lang="en" minutes="1"
# ## The best eye and the worst
#
# Scores do not show what goes wrong. White is a vessel found, orange a false alarm, blue a missed vessel; grey lies outside the field of view. Where do the colours gather?

# %% [markdown] lang="zh" of="350c8985"
# ## 最好的眼睛和最差的眼睛
#
# 只看分数，看不出错在哪里。白色是找到的血管，橙色是误报，蓝色是漏掉的血管，灰色是视野以外。颜色集中在哪里？

# %% fold="Show the best eye and the worst" fold_zh="看最好的眼睛和最差的眼睛" tags=["best-and-worst"]
each = [row["dice"] for row in rows[ours].per_image]
pictures, titles = [], []
for word, k in (("best", int(np.argmax(each))), ("worst", int(np.argmin(each)))):
    chosen, pred = eyes[k], predict(eyes[k]) >= threshold
    pictures += [
        figures.to_picture(chosen.image),
        figures.error_map(pred, chosen.vessels, chosen.fov),
    ]
    titles += [f"{word}: eye {chosen.name}", f"Dice {each[k]:.3f}"]
figures.show_images(pictures, titles, columns=2, size=3.2)
figures.show(
    f"Photograph and map of errors of the best eye (Dice {max(each):.2f}) and of the "
    f"worst (Dice {min(each):.2f}); on both maps the found vessels are white, with "
    "orange and blue specks."
)
# zh: figures.show(
# zh:     f"最好的眼睛（Dice {max(each):.2f}）和最差的眼睛（Dice {min(each):.2f}），"
# zh:     "各有照片和错误图；两张错误图上，找到的血管是白色，夹着橙色和蓝色的碎点。"
# zh: )
counts = metrics.counts_at(rows[ours].histogram, threshold)
print(f"over all eyes {counts.fp:,} false alarms and {counts.fn:,} missed pixels, ", end="")
# zh: print(f"所有眼睛合计：误报 {counts.fp:,} 个像素，漏掉 {counts.fn:,} 个，", end="")
print(f"Dice from {min(each):.3f} to {max(each):.3f}")
# zh: print(f"Dice 从 {min(each):.3f} 到 {max(each):.3f}")

# %% [markdown] lang="en"
# In a trained network's map, orange and blue lie along the rims of vessels and on thin ones. Blue are also whole thin vessels that were missed: on DRIVE the worst eye has many. (With DRIVE, the eyes: DRIVE, Staal et al. 2004; with CHASE_DB1: Fraz et al. 2012, CC BY 4.0.)

# %% [markdown] lang="zh" of="04b243a7"
# 图中文字：best 最好的眼睛 · worst 最差的眼睛 · eye 编号；每张照片右边是它的错误图。
#
# 在训练好的网络的错误图里，橙色和蓝色沿着血管边缘，也在细血管上。整条漏掉的细血管也是蓝色，DRIVE 上最差的那只眼睛就有许多。（使用 DRIVE 时，眼睛来自 DRIVE, Staal et al. 2004；使用 CHASE_DB1 时，来自 Fraz et al. 2012，CC BY 4.0。）

# %% [markdown] lang="en" minutes="5"
# ## Better than a person?
#
# Against the first observer, published networks reach a higher Dice than the second observer does. Is a network better than a person, then? Change the judge before you answer.
#
# **Guess 9.7** Now the second observer's drawing is the label, which no network was ever taught. Is the network's Dice there `"lower"` than against the first observer, `"level"` (within 0.01), or `"higher"`?

# %% [markdown] lang="zh" of="cebe1f52"
# ## “比人更好”？
#
# 同样以第一标注者的标签为准，文献里网络的 Dice 高于第二标注者。那么网络比人更好吗？先换一位裁判，再下结论。
#
# **猜一猜 9.7** 现在改用第二标注者画的当标签，哪个网络都没有学过它。和对照第一标注者时相比，网络的 Dice 更低 `"lower"`、持平 `"level"`（相差不到 0.01），还是更高 `"higher"`？

# %%
def total_dice(preds, labels):
    """Return the pooled Dice of predictions against labels, inside the FOV."""
    counts = [
        metrics.count(pred, label, eye.fov)
        for pred, label, eye in zip(preds, labels, eyes, strict=True)
    ]
    return metrics.scores(metrics.Counts(*np.sum(counts, axis=0)))["dice"]


preds = [predict(eye) >= threshold for eye in eyes]
first, second = [eye.vessels for eye in eyes], [eye.second for eye in eyes]

guess = None  # your guess: "lower", "level" or "higher"
# zh: guess = None  # 你的猜测："lower"、"level" 或 "higher"

if human:
    lesson.ask("09.7", guess, total_dice(preds, first), total_dice(preds, second))
else:
    print("No second observer marked these eyes, so there is nothing to guess.")
    # zh: print("这些眼睛没有第二标注者的标注，这里没有可猜的。")

# %% tags=["answer"]
def rim_share(preds, labels):
    """Return the share of false alarms within one pixel of a labelled vessel."""
    near, alarms = 0, 0
    for pred, label, eye in zip(preds, labels, eyes, strict=True):
        false = pred & ~label & eye.fov
        wide = ndimage.binary_dilation(label[0], np.ones((3, 3)))
        near, alarms = near + (false[0] & wide).sum(), alarms + false.sum()
    return near / max(1, alarms)


print(f"network against the first annotator:  {total_dice(preds, first):.4f}")
# zh: print(f"网络对照第一标注者：{total_dice(preds, first):.4f}")
if human:
    print(f"network against the second annotator: {total_dice(preds, second):.4f}")
    # zh: print(f"网络对照第二标注者：{total_dice(preds, second):.4f}")
    print(f"the two annotators with each other:   {total_dice(second, first):.4f}")
    # zh: print(f"两位标注者互相对照：{total_dice(second, first):.4f}")
    print(f"{rim_share(second, first):.0%} of the second annotator's extra pixels", end="")
    # zh: print(f"第二标注者多标的像素，{rim_share(second, first):.0%} 紧贴着", end="")
    print(" touch a vessel of the first")
    # zh: print("第一标注者的血管")
print(f"{rim_share(preds, first):.0%} of the network's false alarms do")
# zh: print(f"网络的误报，{rim_share(preds, first):.0%} 紧贴着第一标注者的血管")

# %% [markdown] lang="en"
# A higher Dice than the second observer's does not make a network better than a person. Dice measures agreement with one hand, not truth: the label, too, was drawn by a person. A network trained on this data set learnt from this person's drawings; the second observer never saw them. Compare the printed lines: a network can agree even better with the second observer than with the first, who taught it. A likely reason: it learns what annotators have in common and leaves out the chance slips of each hand. Besides, much of the disagreement is a rim one pixel wide, where nobody can say who is right. And the eyes of one data set do not stand for every clinic. The table shows agreement, no more.

# %% [markdown] lang="zh" of="bb55cad6"
# Dice 高于第二标注者，不等于网络比人更好。Dice 量的是与某一个人的一致程度，不是真相：标签也是人画的。在这个数据集上训练的网络，学的就是这个人画的标签，第二标注者却从没见过它们。比较输出的几行：网络与第二标注者的一致程度，甚至可能高于与它的“老师”，也就是第一标注者。一个可能的原因是：它学到的是不同标注者的共性，略去了各人手法上的随机偏差。另外，分歧有很大一部分只是一个像素宽的边缘，那里说不清谁对。而且，一个数据集里的眼睛代表不了所有临床情况。这张表说明的是一致程度，仅此而已。

# %% [markdown] lang="en" minutes="3"
# ## Among published results
#
# Only rows that say they follow the same protocol can stand beside ours: DRIVE's official test images, first observer, native size, inside the field of view. (Of the one with rotations nobody checked it.) They are in `results/published.json`, each with its source. Ours begin with `>`; a star means computed again from published weights or labels; all others are as their authors state them.
#
# Even these rows differ: in the eyes they learnt from, in mirrored copies, in labels that were resized or epochs chosen on the test (their names say so). Two differences are columns. `mean` says whether all pixels were scored as one large image (`pooled`) or each image by itself and then averaged (`per image`). `thr.` says where the threshold of Dice and accuracy is from: the fixed 0.5, the training images (`train`), validation images (`val`), or nobody says (`-`). A fixed 0.5 costs a network Dice that a chosen threshold would give it. So the table is sorted by AUC, which needs none.

# %% [markdown] lang="zh" of="94f5a7a9"
# ## 放到已发表的结果中间
#
# 只有声明用同一套规则的行，才能和我们的放在一起：DRIVE 官方测试图像，第一标注者，原始尺寸，视野以内。（SWT + FCN 那一行是否如此，没有核对过。）它们在 `results/published.json` 里，每行都有出处。`>` 开头的是我们的行；带星号的，是用公开的权重或标签重新算过的；其余都是作者自己给出的。
#
# 即便是这些行，也各有不同：训练用的眼睛数、是否对镜像副本取平均、标签是否缩放过、是否在测试图像上选过轮次（名称里有说明）。有两处不同单独列出来。`mean` 一列说明怎样取平均：所有像素当成一幅大图一起算（`pooled`），还是每幅图各算各的再平均（`per image`）。`thr.` 一列说明 Dice 和准确率的阈值从哪里来：固定的 0.5，训练图像（`train`），验证图像（`val`），或者没有说明（`-`）。固定用 0.5，Dice 会比选过阈值的低一些。所以这张表按 AUC 排序，它不需要阈值。

# %% fold="Print our rows among the published ones" fold_zh="把我们的行放进已发表的结果" tags=["answer"]
file = places.ROOT / "results" / "published.json"
known_rows = json.loads(file.read_text("utf-8"))
lines = list(known_rows["fov"])
comparable = course.dataset == "DRIVE" and split == "test"
if comparable:
    how = {"over": "pooled", "threshold": "val", "mark": "measured"}
    lines += [how | {"name": f"> {x}"} | rows[x].pooled for x in (*networks, "sato")]
lines.sort(key=lambda line: line["auc_roc"] or 0, reverse=True)
keys = ("auc_roc", "auc_pr", "dice", "accuracy")


def digits(value):
    return "-" if value is None else f"{value:.4f}"


print(f"{'DRIVE test, FOV':41}    AUC     AP   Dice    Acc       mean  thr.")
for line in lines:
    numbers = "".join(f"{digits(line[key]):>7}" for key in keys)
    mean, rule = line["over"] or "-", line["threshold"] or "-"
    name = line["name"] + " *" * (line["mark"] == "measured")
    print(f"{name:41}{numbers}  {mean:>9}  {rule}")

# %% [markdown] lang="en"
# The networks lie close together: their AUC values differ by less than the width of one network's interval on DRIVE's twenty test eyes. Only pairs, eye by eye, can tell two such networks apart. We did that once for the best published weights that we could score, those of lwnet, a W-Net of {{published.fov["W-Net with flips (lwnet)"].parameters:,d}} parameters that learnt from sixteen eyes: they were ahead of the weights that the course had then, which learnt from the same sixteen, by {{abs(published.against_lwnet["DRIVE, shipped, 16 eyes"].auc_roc[0]):.4f}} in AUC (the mean over eyes; both with four mirrored copies, ours with {{which_u.rows[0].parameters:,d}} parameters); the same recipe on twenty eyes was level with them, and a network four times as wide on twenty eyes ahead by {{published.against_lwnet["DRIVE, four times as wide, 20 eyes"].auc_roc[0]:.4f}}. The weights shipped now came later and were not paired; as far as they moved since, lwnet's are still ahead of them, by {{abs(published.against_lwnet["DRIVE, shipped now, 16 eyes"].auc_roc[0]):.4f}} in AUC and {{abs(published.against_lwnet["DRIVE, shipped now, 16 eyes"].dice[0]):.4f}} in Dice, without an interval.
#
# What about the papers that count the whole frame? Their accuracy stands beside nobody's here. Their Dice may: a black pixel that was rightly left black does not count in it.

# %% [markdown] lang="zh" of="65917cf9"
# 各个网络挨得很近：它们的 AUC 之差，还不到单个网络在 DRIVE 二十只测试眼睛上的置信区间那么宽。这样的两个网络，只有逐只眼睛配对比较才分得出高下。我们比过一次，对手是我们能评分的公开权重里最好的一份：lwnet，一个 {{published.fov["W-Net with flips (lwnet)"].parameters:,d}} 个参数的 W-Net，在十六只眼睛上训练。双方都对四个镜像副本的预测取平均。课程当时自带的权重也在这十六只眼睛上训练，AUC 比它低 {{abs(published.against_lwnet["DRIVE, shipped, 16 eyes"].auc_roc[0]):.4f}}（各只眼睛之差的平均；我们的网络有 {{which_u.rows[0].parameters:,d}} 个参数）。同样的方案改用二十只眼睛训练，和它持平；再把网络加宽到四倍，就比它高 {{published.against_lwnet["DRIVE, four times as wide, 20 eyes"].auc_roc[0]:.4f}}。现在自带的权重是后来训练的，没有和它配对比过；按新旧权重之差推算，lwnet 仍然略高：AUC 高 {{abs(published.against_lwnet["DRIVE, shipped now, 16 eyes"].auc_roc[0]):.4f}}，Dice 高 {{abs(published.against_lwnet["DRIVE, shipped now, 16 eyes"].dice[0]):.4f}}，没有置信区间。
#
# 那些按整幅画面计分的论文呢？它们的准确率不能和这里的任何一个比，Dice 却可以：留黑留对了的像素，不参与 Dice 的计算。

# %% fold="Print what is claimed for the whole frame" fold_zh="打印按整幅画面报告的结果" tags=["answer"]
print(f"{'the whole frame':17}   Dice    Acc   (Acc inside the FOV, estimated)")
for line in known_rows["whole_frame"]:
    numbers = "".join(f"{digits(line[key]):>7}" for key in ("dice", "accuracy"))
    print(f"{line['name']:17}{numbers}   ({digits(line['fov_accuracy_estimate'])})")
if comparable:
    numbers = "".join(f"{digits(frame[key]):>7}" for key in ("dice", "accuracy"))
    print(f"{'> ' + ours:17}{numbers}   ({digits(inside['accuracy'])}, measured)")
else:
    print("\nOur rows are missing: they were not scored on DRIVE's test images.")
    # zh: print("\n没有我们的行：不是在 DRIVE 的测试图像上评的分。")

# %% [markdown] lang="en"
# Some of these Dice values are above those of the first table, {{published.whole_frame["FR-UNet"].dice:.4f}} and more, and should not be hidden. FR-UNet's is the mean of the images' Dice at a threshold of 0.5. Our best average has {{drive_test_average.pooled.dice:.4f}}, pooled, and {{sum(drive_test_average.per_image.dice) / drive_test_average.images:.4f}} as a mean of images; its accuracy, counted on the whole frame as theirs is, would be {{(drive_test_average.pooled.accuracy * 4538143 + 6599200 - 4538143 - 296) / 6599200:.4f}}, level with their {{published.whole_frame["FR-UNet"].accuracy:.4f}}. The first row lies far above the ceiling that chapter 12 estimates from the two observers, {{ceiling.DRIVE.ceiling.dice:.3f}}, and needs an explanation.
#
# Kovács and Fazekas (2022) checked over a hundred papers and found that most rankings mix the two ways of counting; the highest accuracy that they found inside the field of view is {{published.fov["highest accuracy of over 100 papers"].accuracy:.4f}}. Our best average has {{drive_test_average.pooled.accuracy:.4f}}. Before you believe a difference, ask: which pixels, which mean, whose threshold, chosen on which images, how many eyes?

# %% [markdown] lang="zh" of="845b66d0"
# 其中有几个 Dice 高于上一张表，达到 {{published.whole_frame["FR-UNet"].dice:.4f}} 甚至更高，不该藏起来。FR-UNet 的这个数，是阈值 0.5 时各幅图像 Dice 的平均；我们最好的模型集成（三个网络取平均），所有像素合在一起计算，Dice 是 {{drive_test_average.pooled.dice:.4f}}，各幅图像平均是 {{sum(drive_test_average.per_image.dice) / drive_test_average.images:.4f}}；若像它那样按整幅画面计算，准确率会是 {{(drive_test_average.pooled.accuracy * 4538143 + 6599200 - 4538143 - 296) / 6599200:.4f}}，和它的 {{published.whole_frame["FR-UNet"].accuracy:.4f}} 不相上下。第一行远远高出第 12 章根据两位标注者估计的上限 {{ceiling.DRIVE.ceiling.dice:.3f}}，这就需要一个解释了。
#
# Kovács 和 Fazekas (2022) 复核了一百多篇论文，发现多数排名混用了两种计分范围（视野以内和整幅画面）；他们查到的视野以内最高的准确率是 {{published.fov["highest accuracy of over 100 papers"].accuracy:.4f}}，我们最好的模型集成是 {{drive_test_average.pooled.accuracy:.4f}}。相信一个差别之前先问：算的是哪些像素，怎样取的平均，阈值从哪里来，用哪些图像做的选择，一共评了多少只眼睛？

# %% [markdown] lang="en" minutes="2"
# ## The way from photograph to score, on one page
#
# Here are the steps of chapters 04 to 09 on one validation eye, of which you see a part.

# %% [markdown] lang="zh" of="6f0a4896"
# ## 从照片到分数，一页纸看完
#
# 拿一幅验证图像，把第 04 到 09 章的步骤走一遍，图里是它的一部分。

# %% fold="Take one eye through the chapters" fold_zh="让一只眼睛走过各章"
eye_pred = probs >= threshold
tall, broad = eye.image.shape[1:]
part = np.s_[:, tall // 4 : 3 * tall // 4, broad // 2 : broad]
steps = {
    "04 photograph": figures.to_picture(eye.image[part]),
    "05 prepared": prepare(eye.image)[part][0],
    "07, 08 probability": probs[part][0],
    "09 threshold": eye_pred[part][0],
    "09 errors": figures.error_map(eye_pred[part], eye.vessels[part], eye.fov[part]),
}
figures.show_images(list(steps.values()), list(steps), columns=5, size=1.9)
dice = metrics.scores(metrics.count(eye_pred, eye.vessels, eye.fov))["dice"]
figures.show(
    "Five pictures of the same part of an eye: photograph, prepared grey image with "
    "stronger vessels, map of probabilities, map after the threshold, map of errors."
)
# zh: figures.show(
# zh:     "同一只眼睛同一处的五幅图：照片、血管更清楚的预处理灰度图、概率图、"
# zh:     "取阈值之后的图、错误图。"
# zh: )
print(f"one eye through the course: eye {eye.name}, Dice {dice:.3f}")
# zh: print(f"一只眼睛走过课程：编号 {eye.name}，Dice {dice:.3f}")

# %% [markdown] lang="en"
# | chapter | what happens | what to remember |
# |---|---|---|
# | 01 | a photograph goes in, vessels come out | resize so that the field of view has the size the network knows |
# | 02 | tensors, convolution, gradient descent | logits, then sigmoid, then threshold |
# | 03 | the paper's U | crop because the border is lost; copy because pooling loses the place |
# | 04 | image, vessels, field of view | all black has a high accuracy; Dice is not fooled; split by person |
# | 05 | green channel, CLAHE, gamma | the AUC of one image sees order only; fit the standardisation on training images only |
# | 06 | turn, bend, brighten | image and label move together; labels stay 0 or 1 |
# | 07 | down, up, skip | most memory goes to the top of the U, most weights to the bottom |
# | 08 | forward, loss, clear, backward, update | BCE plus soft Dice; keep the random state |
# | 09 | threshold from validation, score once | count inside the field of view, give an interval, set a person beside it |
#
# It does not end here: 10 goes back to the paper, 11 to your own photographs and other cameras, 12 asks which of these steps matter, and in 14 it is your turn.

# %% [markdown] lang="zh" of="79697f35"
# 图中文字：photograph 照片 · prepared 预处理后 · probability 概率 · threshold 取阈值之后 · errors 错误图；数字是章号。
#
# | 章 | 做什么 | 记住什么 |
# |---|---|---|
# | 01 | 放进一张照片，得到血管 | 缩放照片，让视野和网络熟悉的一样大 |
# | 02 | 张量、卷积、梯度下降 | 先 logits，再 sigmoid，最后阈值 |
# | 03 | 论文的 U 形网络 | 裁剪，是因为丢了边缘；复制，是因为池化丢了位置 |
# | 04 | 图像、血管、视野 | 全黑的准确率很高，骗不了 Dice；按人划分 |
# | 05 | 绿色通道、CLAHE、伽马 | 一幅图的 AUC 只看排序；标准化只用训练图像拟合 |
# | 06 | 旋转、弯曲、变亮 | 图像和标签一起动；标签始终是 0 或 1 |
# | 07 | 下采样、上采样、跳跃连接 (skip connection) | 显存主要花在顶层，参数主要在底层 |
# | 08 | 前向、损失、清零、反向、更新 | BCE 加软 Dice；保存随机状态 |
# | 09 | 阈值来自验证集，只评分一次 | 只算视野以内，给出置信区间，以第二标注者作对照 |
#
# 课程到这里没有结束：第 10 章回到论文，第 11 章用你自己的照片和别的相机，第 12 章问这些步骤里哪些真正重要，第 14 章轮到你自己来。

# %% fold="Note the scores for the report of this run" fold_zh="把分数记入本次运行的报告"
scored = mine if "trained" in networks else inference.SHIPPED
course.record(
    steps=record.get("steps"),
    precision=inference.PRECISION,
    checkpoint_sha256=datasets.sha256(scored),
    trained_in_this_run=in_this_run,
    split=split,
    scores={
        name: rows[name].pooled | {"dice_ci95": rows[name].ci95["dice"]}
        if name in rows
        else None
        for name in ("trained", "shipped", "second_observer", "sato")
    },
    dice_of_eyes={x.name: round(d, 4) for x, d in zip(eyes, each, strict=True)},
)
print(f"{split} eyes scored: {len(eyes)}; rows: {', '.join(rows)}")
# zh: print(f"评过分的 {split} 眼睛：{len(eyes)} 只；各行：{'、'.join(rows)}")

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - Thresholds and weights are chosen on validation images; the test images are scored by one function, when nothing is left to choose.
# - AUC and AP depend on the order of the pixels; Dice, sensitivity and specificity on one threshold.
# - Say which pixels you count: the black border lifts AUC, specificity and accuracy although nothing more is found.
# - A score without an interval over eyes leads to false rankings.
# - The second observer is a yardstick for the network, not an opponent.
#
# **Extra:** turn and mirror an image in the eight ways of chapter 06, turn the predictions back and average them (`network.probs(eye.image, eye.fov, tta="d4")`; this is test-time augmentation), and score the validation eyes again. What does it cost, what does it bring?

# %% [markdown] lang="zh" of="59530e39"
# ## 小结
#
# - 阈值和权重在验证图像上选；没有什么可选的了，才由一个函数给测试图像评分。
# - AUC 和 AP 由像素的排序决定；Dice、灵敏度和特异度还取决于阈值。
# - 要写明算了哪些像素：没有多找到血管，黑边也会抬高 AUC、特异度和准确率。
# - 分数没有按眼睛算的置信区间，就会排出虚假的名次。
# - 第二标注者是衡量网络的尺子，不是它的对手。
#
# **选做：** 用第 06 章的八种对称变换翻转、旋转图像，把各次预测变换回来，再取平均（`network.probs(eye.image, eye.fov, tta="d4")`，这叫测试时增强），再给验证图像评一次分。代价多大，换来多少？

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - The chapter does what section 3.4 and the summary of the "U-Net study notes" (a Chinese blog post; in the copy we have, these two are headings without text) announced, and adds the field of view, intervals and the second observer.
# - Images and second observer: DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.
# - Kovács, Fazekas: a new baseline for retinal vessel segmentation, Medical Image Analysis 2022, [arXiv:2111.03853](https://arxiv.org/abs/2111.03853).
# - Galdran et al.: state-of-the-art retinal vessel segmentation with minimalistic models, Scientific Reports 2022, [doi:10.1038/s41598-022-09675-y](https://doi.org/10.1038/s41598-022-09675-y).
# - Sato et al.: line enhancement filter, 1998, [doi:10.1016/S1361-8415(98)80009-1](https://doi.org/10.1016/S1361-8415%2898%2980009-1).
# - Efron: bootstrap methods, 1979, [doi:10.1214/aos/1176344552](https://doi.org/10.1214/aos/1176344552).
# - Published rows: [results/published.json](../results/published.json).

# %% [markdown] lang="zh" of="81ff2099"
# ## 参考资料
#
# - 本章对应中文博文《U-net学习笔记》的 3.4 节和总结（我们手头的存档里，这两处只有标题；原文可能有内容），并增加了视野、置信区间和第二标注者。
# - 图像和第二标注者：DRIVE, Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。
# - Kovács, Fazekas: a new baseline for retinal vessel segmentation, Medical Image Analysis 2022, [arXiv:2111.03853](https://arxiv.org/abs/2111.03853)。
# - Galdran et al.: state-of-the-art retinal vessel segmentation with minimalistic models, Scientific Reports 2022, [doi:10.1038/s41598-022-09675-y](https://doi.org/10.1038/s41598-022-09675-y)。
# - Sato et al.: line enhancement filter, 1998, [doi:10.1016/S1361-8415(98)80009-1](https://doi.org/10.1016/S1361-8415%2898%2980009-1)。
# - Efron: bootstrap methods, 1979, [doi:10.1214/aos/1176344552](https://doi.org/10.1214/aos/1176344552)。
# - 已发表的结果：[results/published.json](../results/published.json)。

# %% include="ticket"
