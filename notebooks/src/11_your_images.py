# ---
# gpu: false
# ---
# %% [markdown] lang="en"
# # 11 Your own images, other cameras
#
# *Does the network work on a photograph from another camera, and what do you do when it does not?*

# %% [markdown] lang="zh" of="96f54e17"
# # 11 自己的图像，别的相机
#
# *换一台相机拍的照片，网络还管用吗？不管用时该怎么办？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** segment a photograph of your own, or a folder of them, read the report that comes with it, say what another camera costs and why, and find out why an output is black.
#
# **Minutes** 50 to read and try, 1.5 to compute.
#
# **You need** the data (chapter 04), results and thresholds (09).
#
# **You are here**

# %% [markdown] lang="zh" of="14984df2"
# **学完这一章你能** 分割自己的一张照片或者一整个文件夹，读懂随之给出的报告，说出换相机要付出什么代价、为什么，并且查出输出全黑的原因。
#
# **用时** 阅读和练习 50 分钟，计算 1.5 分钟。
#
# **预备知识** 数据（第 04 章），结果和阈值（第 09 章）。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import json
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import data
from skimage.transform import resize

from helpers import __main__ as commands
from helpers import config, figures, fundus, inference, losses, metrics, phantom
from helpers.preprocess import prepare
from notebooks.exercises.chapter_11 import EXERCISES

segmenter = inference.Segmenter.load()  # the weights that come with the course

# %% [markdown] lang="en"
# ## Your photograph
#
# Write the path of a photograph into `PHOTO`, or tick `UPLOAD` in Colab. JPEG, PNG, TIFF, BMP, PPM and WebP are read; grey, palette, CMYK and 16 bits, too; a note of rotation from the camera is followed. Left empty, the photograph is the one of chapter 01, from scikit-image.
#
# A photograph of a patient is health data. In Colab it goes to a computer of Google's. Ask whether you may do that, and take names and dates out of file names first.

# %% [markdown] lang="zh" of="b9ffa69e"
# ## 你的照片
#
# 把照片的路径写进 `PHOTO`；在 Colab 里也可以勾选 `UPLOAD` 上传。JPEG、PNG、TIFF、BMP、PPM、WebP 都能读，灰度、调色板、CMYK、16 位的也行；相机记下的旋转方向会照办。留空就用第 01 章那张 scikit-image 自带的照片。
#
# 患者的照片属于健康数据。在 Colab 里，它会传到 Google 的电脑上。先弄清楚是否允许，并去掉文件名里的姓名和日期。

# %%
# @title Your photograph
PHOTO = ""  # @param {type:"string"}
UPLOAD = False  # @param {type:"boolean"}

sample = course.out / "photographs" / "retina.png"
sample.parent.mkdir(parents=True, exist_ok=True)
Image.fromarray(data.retina()).save(sample)  # Häggström 2014, public domain
if UPLOAD:
    try:
        from google.colab import files

        PHOTO = next(iter(files.upload()), PHOTO)
    except ImportError:
        print("UPLOAD works in Colab only; write a path into PHOTO.")
try:
    path = Path(PHOTO.strip() or sample).expanduser()
    image = fundus.read_photo(path)
except (OSError, ValueError) as error:
    print(f"{error}\nThe chapter goes on with the photograph of chapter 01.")
    path, image = sample, fundus.read_photo(sample)
print(f"{path.name}: {image.shape[1]} rows, {image.shape[2]} columns")

# %% [markdown] lang="en"
# One call does the rest. It finds the field of view, measures its diameter, resizes the photograph so that this diameter is the one the network was trained with, asks the network, and resizes the **probabilities** back. The map has the size of the photograph.
#
# `doubts` compares what came out with the eyes of DRIVE 21 to 40: the shape of the lit disc, its colours, the share that is marked as vessels, and how sure the network is. It says what is unusual. It cannot say that a result is right.

# %% [markdown] lang="zh" of="85d6e5bb"
# 剩下的一次调用就完成：找出视野 (FOV)，量出它的直径，把照片缩放到训练时的直径，交给网络，再把**概率**缩放回来。得到的图和照片一样大。
#
# `doubts` 拿结果和 DRIVE 21 到 40 的眼睛对照：亮圆盘的形状、颜色、标成血管的比例、网络有多大把握。它指出哪里不寻常，但不能保证结果正确。

# %%
# @title The result; a threshold of 0 means the network's own
THRESHOLD = 0.0  # @param {type:"slider", min:0, max:1, step:0.05}

fov = fundus.automatic_fov(image)
probs = segmenter.probs(image, fov)
threshold = THRESHOLD or segmenter.threshold
pred = probs >= threshold


def small(layer, side=400):
    """Shrink (C, H, W) for the screen, to at most ``side`` pixels."""
    step = -(-max(layer.shape[1:]) // side)
    return layer[:, ::step, ::step]


edge = small(image).copy()
edge[:, ~small(fov)[0]] = [[0.0], [0.45], [0.7]]  # blue: taken for frame, not eye
pictures = [figures.to_picture(edge), small(probs)[0]]
pictures.append(figures.overlay(small(image), small(pred)))
names = ["photograph, frame blue", "probs", f"pred at {threshold:.2f}"]
figures.show_images(pictures, names, 3, 2.7)
plt.show()
diameter, factor = fundus.fov_diameter(fov), segmenter.scale(fov)
print(f"field of view {diameter:.0f} pixels wide, {fov.mean():.0%} of the frame")
print(f"working size: {factor:.2f} of the photograph's own")
print(f"{pred[fov].mean():.1%} of the field of view marked as vessels")
print("unusual:", "; ".join(segmenter.doubts(image, fov, probs)) or "nothing")

# %% [markdown] lang="en"
# The first panel is the one to look at first: where the blue covers part of the eye, no vessel is found; where it spares part of the frame, the diameter is wrong, and with it the size at which the network sees the vessels.
#
# ## Back to the photograph's own size
#
# **Exercise 11.1** The network's answer `probs`, (h, w), belongs to a shrunken photograph. Return the vessel map of the photograph's own size `shape`, (H, W) bool. `resize(array, shape, order=1)` interpolates linearly.

# %% [markdown] lang="zh" of="680073a1"
# 图中文字：photograph, frame blue 照片，画框涂成蓝色 · probs 概率 · pred at ... 在这个阈值下的分割结果。
#
# 先看第一幅图：蓝色盖住眼睛的地方，找不到血管；画框没有盖全的地方，直径就量错了，网络看到的血管大小也跟着错。
#
# ## 回到照片原来的大小
#
# **练习 11.1** 网络的输出 `probs`，形状 (h, w)，对应的是缩小后的照片。返回和原照片一样大的血管图：形状 `shape`，即 (H, W)，布尔值。`resize(array, shape, order=1)` 做线性插值。

# %% tags=["exercise"]
def vessel_map(probs, shape, threshold):
    return None  # your code here


vessel_map = lesson.exercise(vessel_map, EXERCISES["11.1"])

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Resize first, then compare. A map of yes and no has lost how sure the network was; enlarged, its edges are stairs. For the same reason a label is never resized to fit a prediction: the prediction is brought to the label's size.
#
# ```python
# def vessel_map(probs, shape, threshold):
#     return resize(probs, shape, order=1) >= threshold
# ```
#
# </details>
#
# ## Vessels of one width
#
# The network was trained on fields of view 540 pixels wide. A newer camera gives 1,500 or 3,500, and each vessel is three to six times as wide in pixels. Nothing in the training told the network that such a thing may be a vessel.
#
# **Predict.** The photograph goes in at its own size, without resizing. Of which vessels does the network miss more: of the `"narrow"` or of the `"wide"` ones?

# %% [markdown] lang="zh" of="c6f844eb"
# <details><summary>参考答案</summary>
#
# 先缩放，再和阈值比较。只有“是”和“否”的图，已经丢掉了网络有多大把握；放大以后，边缘像台阶。同样的道理，不要缩放标签去迁就预测：应当把预测缩放到标签的大小。
#
# ```python
# def vessel_map(probs, shape, threshold):
#     return resize(probs, shape, order=1) >= threshold
# ```
#
# </details>
#
# ## 网络只认得一种粗细
#
# 训练用的视野宽 540 像素。新相机拍出来有 1500 或 3500 像素，每条血管按像素算就粗了三到六倍。训练从没告诉过网络，这样的东西也可能是血管。
#
# **猜一猜。** 照片不缩放，原样输入。网络漏掉的主要是细血管 `"narrow"`，还是粗血管 `"wide"`？

# %%
guess = None  # "narrow" or "wide"


def unscaled(x, fov):
    """Predict at the photograph's own resolution, (3, H, W) -> (1, H, W)."""
    inputs = segmenter.standardisation(prepare(x))
    tile = inference.TILE  # pixels, bounds the memory
    return inference.predict_probs(segmenter.model, inputs, tile=tile) * fov


def doubled(k):
    """Draw a phantom whose field of view is as wide as two of the network's."""
    size = (300, 290) if course.mode == "smoke" else (1168, 1130)
    return phantom.draw(k, *size)


place = config.data_dir()
has_chase = course.real and fundus.found("CHASEDB1", place)
eye = fundus.load_one("CHASEDB1", "11L", place) if has_chase else doubled(1)
ways = {"own size": unscaled(eye.image, eye.fov)}
ways["resized"] = segmenter.probs(eye.image, eye.fov)
widths = metrics.vessel_widths(eye.vessels)
middle = np.median(widths[eye.vessels])
narrow, wide = ((widths > 0) & (widths <= middle)) & eye.fov, (widths > middle) & eye.fov
found = {
    way: [(p >= segmenter.threshold)[part].mean() for part in (narrow, wide)]
    for way, p in ways.items()
}
gained = np.subtract(found["resized"], found["own size"])
worse = "wide" if gained[1] > gained[0] else "narrow"
lesson.check(
    "Which does it lose by not resizing?",
    guess,
    worse,
    hint=(
        "What is the widest vessel that the network has ever seen, in pixels?",
        "网络见过的最粗的血管有多少像素宽？",
    ),
)

# %%
top, left = (n // 3 for n in eye.fov.shape[1:])
crop = (slice(None), slice(top, top + 240), slice(left, left + 240))
pictures = [figures.to_picture(eye.image[crop])]
pictures += [figures.error_map(p[crop] >= segmenter.threshold, eye.vessels[crop],
                               eye.fov[crop]) for p in ways.values()]
figures.show_images(pictures, ["photograph", *ways], 3, 2.7)
plt.show()
for way, (share_narrow, share_wide) in found.items():
    print(f"{way:9} finds {share_narrow:.1%} of the narrow vessels' pixels,", end="")
    print(f" {share_wide:.1%} of the wide ones'")

# %% [markdown] lang="en"
# White is found, blue is missed, orange is a false alarm. At its own size the network sees a wide vessel as two edges with something between them. Resized, it is an ordinary vessel again. Rescaling by the diameter of the field of view needs no label and no training; it is worth more than any change of the network.
#
# ## Other cameras, scored
#
# CHASE_DB1, STARE and HRF come with labels, so what another camera costs can be counted. `python3 -m helpers data CHASEDB1 STARE HRF` fetches them. The network stays as it is, and so does its threshold, which is from DRIVE. HRF is scored at half resolution, as in most papers.

# %% [markdown] lang="zh" of="487ec712"
# 图中文字：photograph 照片 · own size 原样输入 · resized 缩放后输入。白色是找到的，蓝色是漏掉的，橙色是误报。
#
# 照片原样输入时，一条粗血管在网络看来是两道边，中间夹着别的东西；缩放以后，它又成了普通的血管。按视野的直径缩放，不用标签，也不用训练，比改动网络结构更有用。
#
# ## 给别的相机评分
#
# CHASE_DB1、STARE、HRF 带有标签，所以换相机的代价可以算出来。`python3 -m helpers data CHASEDB1 STARE HRF` 可以下载它们。网络不变，阈值也不变，还是 DRIVE 上定的那个。HRF 按一半的分辨率评分，多数论文都这样做。

# %%
number = {"smoke": 1, "lesson": 4, "full": 100}[course.mode]  # images of each set
val = [course.load_one(i) for i in fundus.ids(course.dataset, "val")[:number]]
cameras = {f"{course.dataset}, held out": val}
for name in ("CHASEDB1", "STARE", "HRF"):
    if course.real and fundus.found(name, place):
        split = fundus.OnDisk(name, "test", place, half=name == "HRF")
        cameras[name] = [split[k] for k in range(min(number, len(split)))]
    else:
        print(f"{name} is not used here: python3 -m helpers data {name}")
if len(cameras) == 1:
    cameras["PHANTOM, twice the size"] = [doubled(k) for k in range(number)]

print(f"{'':26}images  diameter   own size: AUC, Dice   resized: AUC, Dice")
tables = {}
for name, eyes in cameras.items():
    ways = {"own size": lambda x: unscaled(x.image, x.fov)}
    ways["resized"] = lambda x: segmenter.probs(x.image, x.fov)
    width = np.median([fundus.fov_diameter(x.fov) for x in eyes])
    print(f"{name:26}{len(eyes):6}{width:10.0f}", end="")
    for way, predict in ways.items():
        table = [metrics.histogram(predict(x), x.vessels, x.fov) for x in eyes]
        row = metrics.pooled_scores(table, segmenter.threshold)
        print(f"{row['auc_roc']:14.3f}{row['dice']:7.3f}", end="")
        tables[name] = table
    print()

# %% [markdown] lang="en"
# A few images do for a look, not for a number. Scored on all of them ([results/other_cameras.py](../results/other_cameras.py)):

# %% [markdown] lang="zh" of="e1597dd2"
# 几张图像可以看个大概，不能当作结果。下面是在全部图像上的分数（[results/other_cameras.py](../results/other_cameras.py)）：

# %%
file = config.ROOT / "results" / "other_cameras.json"
stored = json.loads(file.read_text("utf-8"))["sets"]
for name, measured in stored.items():
    print(f"{name}, all {measured['images']} images, diameter {measured['fov_diameter']:.0f}")
    for way, row in measured["rows"].items():
        print(f"  {way:19} AUC {row['auc_roc']:.4f}  Dice {row['dice']:.4f}", end="")
        print(f" ({row['ci95'][0]:.3f} to {row['ci95'][1]:.3f})")
    first = measured["rows"]["scaled"]

# %% [markdown] lang="en"
# Resizing gives the larger part back. The four mirrored copies (`flips`) add a little, as on DRIVE. `recoloured` gives each channel the mean and the standard deviation of DRIVE's photographs: here it changes nothing, probably because the augmentation of chapter 06 has already taught the network not to trust a lamp.
#
# The AUC is high, the Dice is not. Dice depends on the threshold, and that was chosen on another camera.
#
# **Predict.** On these photographs, does the threshold of DRIVE mark too much or too little?

# %% [markdown] lang="zh" of="15808ff0"
# 缩放之后，损失的大半补回来了。四个镜像副本（`flips`）再加一点，和在 DRIVE 上一样。`recoloured` 把每个通道的均值和标准差改成 DRIVE 照片的样子，在这里不起作用。很可能是因为第 06 章的数据增强 (data augmentation) 已经教会网络不依赖光照。
#
# AUC 高，Dice 却不高。Dice 取决于阈值，而阈值是在另一台相机上选的。
#
# **猜一猜。** 在这些照片上，DRIVE 的阈值标得太多还是太少？

# %%
guess = None  # "too much" or "too little"

other = list(tables)[1]
total = sum(tables[other])  # (2, bins): background and vessel pixels by probability
true_share = total[1].sum() / total.sum()
cut = round(segmenter.threshold * total.shape[1])
marked = total[:, cut:].sum() / total.sum()
lesson.check(
    f"The threshold of DRIVE on {other}",
    guess,
    "too much" if marked > true_share else "too little",
    hint=(
        "Compare the share that is marked with the share that the label has.",
        "比较标出的比例和标签里的比例。",
    ),
)
print(f"marked {marked:.1%}, labelled {true_share:.1%} of the field of view")

# %%
fig, ax = plt.subplots(figsize=(5.5, 3.2), dpi=figures.DPI)
thresholds = np.linspace(0.05, 0.95, 37)
best = {}
for (name, table), colour in zip(
    tables.items(), (figures.BLUE, figures.ORANGE, figures.GREEN, figures.PURPLE)
):
    dice = [metrics.pooled_scores(table, t)["dice"] for t in thresholds]
    ax.plot(thresholds, dice, color=colour, label=name)
    best[name] = thresholds[int(np.argmax(dice))]
ax.axvline(segmenter.threshold, color=figures.BLACK, linestyle=":", label="shipped")
ax.set(xlabel="threshold", ylabel="Dice")
ax.legend(frameon=False, fontsize=8)
plt.show()
for name, t in best.items():
    print(f"{name}: best at {t:.2f} (the shipped threshold: {segmenter.threshold:.2f})")

# %% [markdown] lang="en"
# The best threshold of another camera can only be read from its labels, and who has labels for all of it could as well train on them. But something is known without labels: vessels take about an eighth of the field of view, in DRIVE's training images 12.6 %. So choose, for each photograph, the threshold that marks this share.
#
# **Exercise 11.2** `probs` holds the probabilities inside the field of view of one photograph, a flat array. Return the threshold above which the given `share` of them lies. (`np.quantile` is your friend.)

# %% [markdown] lang="zh" of="24520605"
# 图中文字：横轴是阈值，纵轴是 Dice；虚线 shipped 是随课程提供的阈值。
#
# 别的相机的最佳阈值，只有看了它的标签才知道；谁要是有全部标签，直接拿来训练更好。但有一件事不看标签也知道：血管大约占视野的八分之一，在 DRIVE 的训练图像里是 12.6 %。那就为每张照片选一个阈值，让标出的比例正好是这么多。
#
# **练习 11.2** `probs` 是一张照片视野内的全部概率，一维数组。返回一个阈值，使高于它的概率占给定的比例 `share`。（可以用 `np.quantile`。）

# %% tags=["exercise"]
def threshold_for(probs, share):
    return None  # your code here


threshold_for = lesson.exercise(threshold_for, EXERCISES["11.2"])

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# ```python
# def threshold_for(probs, share):
#     return np.quantile(probs, 1 - share)
# ```
#
# </details>

# %% [markdown] lang="zh" of="23b5e480"
# <details><summary>参考答案</summary>
#
# ```python
# def threshold_for(probs, share):
#     return np.quantile(probs, 1 - share)
# ```
#
# </details>

# %%
SHARE = 0.126  # of the field of view, in the labels of DRIVE 21-36
own = threshold_for(probs[fov], SHARE)
print(f"your photograph: {own:.2f} instead of {segmenter.threshold:.2f}")
for name, measured in stored.items():
    row = measured["rows"]["scaled"]
    print(f"{name}, all images: Dice {row['dice']:.4f} with the threshold of DRIVE,")
    print(f"  {row['dice_by_share']:.4f} with one share for all, ", end="")
    print(f"{row['dice_best_threshold']:.4f} with the threshold its labels like best")

# %% [markdown] lang="en"
# About half of what a threshold can give comes without a label. It is a habit with a price: an eye with few vessels, because of disease or of a bad photograph, is painted full, too. A share says nothing about health here. And even the best threshold does not reach the Dice that the network has on DRIVE: another annotator draws wider or narrower lines, and a child's eye (CHASE_DB1) reflects more light.
#
# ## Why is my output black?
#
# The question behind a large part of all help requests in this field. Each line below makes one mistake on purpose, on your photograph, and shows what it does to the map: the share that is marked, and its Dice with the right one.
#
# **Predict.** Only one of these gives an entirely black picture. Which? `"blue first"`: channels in the order blue, green, red. `"0 to 255"`: values not divided by 255. `"whole numbers"`: probabilities saved as integers. `"no scaling"`: standardisation forgotten.

# %% [markdown] lang="zh" of="909d0af8"
# 阈值能带来的好处，大约一半不用标签就能得到。这种做法有代价：一只眼睛如果因为疾病，或者因为照片不好，血管本来就少，它也照样标满。所以这里的比例说明不了健康状况。而且，即使用最好的阈值，Dice 也达不到 DRIVE 上的水平：别的标注者画线有粗有细，孩子的眼睛（CHASE_DB1）反光更强。
#
# ## 为什么输出全黑？
#
# 这个领域的求助，很大一部分是在问这件事。下面每一行都在你的照片上故意犯一个错，看它把结果变成什么样：标出的比例，以及和正确结果之间的 Dice。
#
# **猜一猜。** 只有一个错会让图像全黑，是哪个？`"blue first"`：通道顺序是蓝、绿、红。`"0 to 255"`：数值没有除以 255。`"whole numbers"`：概率存成了整数。`"no scaling"`：忘了标准化。

# %%
guess = None  # one of the four words

shape = [round(n * factor) for n in image.shape[1:]]
working = resize(image, (3, *shape), order=1, anti_aliasing=True).astype(np.float32)
lit = fundus.automatic_fov(working)
standard, net = segmenter.standardisation, segmenter.model


def answer(inputs, training=False):
    """Return the probabilities of prepared inputs, in the mode that is asked for."""
    if not training:
        return inference.predict_probs(net, inputs)
    kept = {k: v.clone() for k, v in net.state_dict().items()}
    batch = inference.torch.from_numpy(inputs)[None, :, :64, :64]
    batch = batch.to(next(net.parameters()).device)
    probs = net.train()(batch).sigmoid().detach().cpu().numpy()[0]
    net.eval().load_state_dict(kept)  # a pass in training mode changes the statistics
    return np.pad(probs, ((0, 0), (0, shape[0] - 64), (0, shape[1] - 64)))


ready = prepare(working)
right = answer(standard(ready))
mistakes = {
    "none": (right, ""),
    "blue first": (answer(standard(prepare(working[::-1]))), "x[::-1]"),
    "0 to 255": (answer(standard(ready * 255)), "x / 255"),
    "divided twice": (answer(standard(ready / 255)), "once is enough"),
    "no scaling": (answer(ready), "the segmenter's standardisation"),
    "whole numbers": (right.astype(np.uint8), "(probs * 255).astype(np.uint8)"),
}
black = [word for word, (p, _) in mistakes.items() if not p.any()]
lesson.check(
    "Which one is black?",
    guess,
    black[0],
    hint=("What is 0.97 as an integer?", "0.97 取成整数是多少？"),
)

# %%
pictures, titles = [], []
for word, (p, cure) in mistakes.items():
    shown = p >= segmenter.threshold
    both = (shown & (right >= segmenter.threshold) & lit).sum()
    dice = 2 * both / max(1, (shown & lit).sum() + (right >= segmenter.threshold)[lit].sum())
    print(f"{word:15} marks {shown[lit].mean():6.1%}, Dice with the right map {dice:.2f}", end="")
    print(f"   cure: {cure}" if cure else "")
    pictures.append(small(p * 1.0, 300)[0])
    titles.append(word)
figures.show_images(pictures, titles, 3, 2.4)
plt.show()

# %% [markdown] lang="en"
# Look at the second and third line. This network forgives blue first, and nearly forgives 0 to 255: its training showed it every lamp, bright and dark, and batch normalisation evens out what remains. Another network, trained without, may go black there; so do not conclude from a good answer that the input is right. Divided twice, everything is nearly black, and the answer is grey fog.
#
# Four more causes do their harm in other places.

# %% [markdown] lang="zh" of="91e67d71"
# 图中文字：none 没有犯错 · blue first 蓝色在前 · 0 to 255 没有除以 255 · divided twice 除了两次 · no scaling 没有标准化 · whole numbers 存成整数。cure 是改正的办法。
#
# 看第二、三行：这个网络不在乎蓝色在前，对 0 到 255 也几乎不在乎。训练时它见过各种光照，亮的暗的都有；剩下的差别由批归一化 (batch normalization, BN) 抹平。换一个没有这样训练过的网络，可能就全黑了。所以，输出正常不等于输入正确。除了两次 255，照片几乎是黑的，输出是一片灰雾。
#
# 还有四个原因，出在别的地方。

# %%
in_training = answer(standard(ready), training=True)[:, :64, :64]
gap = np.abs(in_training - right[:, :64, :64]).max()
print(f"training mode, on a corner of 64 x 64: probabilities move by up to {gap:.2f}")
print("  cure: model.eval() before you predict")

label = eye.vessels.astype(np.uint8)  # 0 and 1
print(f"label saved as 0 and 1: brightest pixel {label.max()} of 255, black on screen")
print("  cure: label * 255 to look at; fundus.read_label reads either")

logits = inference.torch.zeros(1, 1, 8, 8)
truth, everywhere = inference.torch.eye(8)[None, None], inference.torch.ones(1, 1, 8, 8)
for white in (1, 255):
    loss = losses.bce_loss(logits + 5, truth * white, everywhere)
    print(f"loss against labels of 0 and {white}: {loss:.2f}")
print("  cure: a loss below zero means labels that are not 0 and 1")

print(f"probs > 127 marks {(right > 127).mean():.0%}: a threshold for 0 to 255")
print(f"  cure: probabilities end at 1; here the threshold is {segmenter.threshold:.2f}")

# %% [markdown] lang="en"
# The same as a checklist. It runs on your photograph now; call it on any array before you blame the network.

# %% [markdown] lang="zh" of="610c49a4"
# 把这些写成一份检查单。现在就在你的照片上运行；以后怀疑网络之前，先拿它查一查你的数组。

# %%
def checkup(x, model, threshold):
    """Say what is wrong with an image array, a model and a threshold."""
    x = np.asarray(x)
    right = x.ndim == 3 and x.shape[0] == 3
    lines = [(right, f"channels first: shape {x.shape}", "x.transpose(2, 0, 1)")]
    top = float(x.max())
    fits = 0.1 < top <= 1
    lines.append((fits, f"values from 0 to 1: largest {top:.3g}", "divide by 255, once"))
    lines.append((x.std() > 0.01, f"something to see: sd {x.std():.3f}", "open the file"))
    if right and fits:
        red, green, blue = x.reshape(3, -1).mean(1)
        order = red >= green >= blue
        text = f"red first: means {red:.2f} {green:.2f} {blue:.2f}"
        lines.append((order, text, "x[::-1]; a grey photograph is all alike"))
        width = fundus.fov_diameter(fundus.automatic_fov(x))
        text = f"large enough: field of view {width:.0f} pixels wide"
        lines.append((width >= 250, text, "take the original, not a thumbnail"))
    lines.append((not model.training, "evaluation mode", "model.eval()"))
    lines.append((0 < threshold < 1, f"threshold {threshold:.2f} between 0 and 1", "p > 0.5"))
    for fine, text, cure in lines:
        print(f"[{'OK' if fine else '!!'}] {text}" + ("" if fine else f"   cure: {cure}"))


checkup(image, net, threshold)
print()
checkup((image * 255).transpose(1, 2, 0), net, 127)

# %% [markdown] lang="en"
# ## A whole folder
#
# `python3 -m helpers segment FOLDER --out maps` does a folder, one photograph after the other, and writes three pictures each and a table, `segment.csv`, that a spreadsheet opens. A broken file is named and does not stop the rest. The next cell makes such a folder: your photograph, one that shows no eye, and a file that was cut off.

# %% [markdown] lang="zh" of="13272b42"
# ## 整个文件夹
#
# `python3 -m helpers segment FOLDER --out maps` 逐张处理一个文件夹里的照片，每张写出三幅图，另有一个表格 `segment.csv`，电子表格软件能打开。坏文件会点名，不会影响其余的。下面的单元格做一个这样的文件夹：你的照片、一张不是眼睛的照片、一个不完整的文件。

# %%
folder, out = course.out / "photographs" / "folder", course.out / "photographs" / "maps"
shutil.rmtree(out, ignore_errors=True)
folder.mkdir(exist_ok=True)
for old in folder.iterdir():
    old.unlink()
shutil.copy(path, folder)
Image.fromarray(data.astronaut()).save(folder / "portrait.jpg")
content = (folder / "portrait.jpg").read_bytes()
(folder / "cut_off.jpg").write_bytes(content[: len(content) // 2])

code = commands.main(["segment", str(folder), "--out", str(out)])
print(f"exit code {code}: 2 means that a file could not be read")
for row in commands.read_table(out / "segment.csv").values():
    vessels = row["vessel_share"] or "-"
    print(f"{Path(row['file']).name:14} vessels {vessels:7} {row['warnings']}{row['error'][:40]}")
course.record(other_cameras={name: len(eyes) for name, eyes in cameras.items()})

# %% [markdown] lang="en"
# The portrait is segmented like any other picture: a network always answers. What it cannot do is refuse; that is why each answer comes with its doubts.
#
# ## What you learned
#
# - A photograph needs its field of view found and its size matched before the network can know its vessels.
# - Probabilities are resized, labels never.
# - Another camera costs: most of it through size, some through the threshold, the rest through light and through another hand that drew the labels.
# - A share of vessels known beforehand chooses a threshold without labels, and paints a sick eye full.
# - A black output is nearly always range, threshold, size or file format, seldom the network.
# - A network answers every picture. Look at the field of view and at the doubts first.
#
# **Extra:** take a photograph of a printed fundus picture with your phone, and see which line of the checklist finds fault with it.
#
# ## Sources
#
# - The tutorial (the "U-Net study notes") ends with DRIVE; readers' questions about their own images begin there.
# - Photograph: Häggström 2014, [doi:10.15347/wjm/2014.008](https://doi.org/10.15347/wjm/2014.008), public domain, from scikit-image.
# - CHASE_DB1: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0. STARE: Hoover et al. 2000, [doi:10.1109/42.845178](https://doi.org/10.1109/42.845178). HRF: Budai et al. 2013, [doi:10.1155/2013/154860](https://doi.org/10.1155/2013/154860), CC BY 4.0. DRIVE: Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627).
# - Scores: [results/other_cameras.json](../results/other_cameras.json).

# %% [markdown] lang="zh" of="79d6e347"
# 人像也照样被“分割”了：给网络什么图，它都会作答，不会拒绝。所以每个结果都附上疑点。
#
# ## 小结
#
# - 先找到视野，再配好大小，网络才认得照片里的血管。
# - 缩放的是概率，绝不是标签。
# - 换相机有代价：大半来自大小，一部分来自阈值，其余来自光照和另一位标注者的手。
# - 预先知道血管的比例，不用标签就能选阈值；但病眼也会被标满。
# - 输出全黑，几乎总是因为数值范围、阈值、大小或文件格式，很少怪网络。
# - 什么图网络都会作答。先看视野，再看疑点。
#
# **选做：** 用手机翻拍一张印出来的眼底照片，看检查单的哪一行会挑出毛病。
#
# ## 参考资料
#
# - 教程《U-net学习笔记》到 DRIVE 为止；读者对自己图像的疑问正是从那里开始的。
# - 照片：Häggström 2014, [doi:10.15347/wjm/2014.008](https://doi.org/10.15347/wjm/2014.008)，公有领域，scikit-image 自带。
# - CHASE_DB1: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。STARE: Hoover et al. 2000, [doi:10.1109/42.845178](https://doi.org/10.1109/42.845178)。HRF: Budai et al. 2013, [doi:10.1155/2013/154860](https://doi.org/10.1155/2013/154860)，CC BY 4.0。DRIVE: Staal et al. 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。
# - 分数：[results/other_cameras.json](../results/other_cameras.json)。
