# %% [markdown] lang="en"
# # 04 The data
#
# *Where do the images come from, what do their labels say, and which of them must
# nobody look at yet?*

# %% [markdown] lang="zh" of="1b3d1556"
# # 04 数据
#
# *图像从哪里来，标签说了什么，哪些图像现在还不能看？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** get DRIVE and CHASE_DB1 and prove that every byte is
# right; read a label in any encoding; say how well two annotators agree, and with which score; split
# images by person, so that a score means something.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** chapter 01; arrays and their shapes from chapter 02.
#
# **You are here**

# %% [markdown] lang="zh" of="40131923"
# **学完这一章你能** 拿到 DRIVE 和 CHASE_DB1，并证明每个字节都对；读懂任何编码的标签；说出两位标注者有多一致，用哪个分数来说；按人划分图像，让分数有意义。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** 第 01 章；第 02 章里的数组和形状。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import hashlib
import random
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Arc, Rectangle
from PIL import Image

from helpers import datasets, download, figures, fundus, metrics, phantom, places

# %% [markdown] lang="en" minutes="1"
# ## The terms, before the first byte
#
# A data set is the work of other people, and it shows the eyes of other people. So we
# read first what the owner allows and whom to cite. These facts stand in
# [helpers/datasets.toml](../helpers/datasets.toml); in Python they are
# `datasets.DATASETS`.

# %% [markdown] lang="zh" of="7357c0e3"
# ## 下载之前，先看条款
#
# 数据集是别人的劳动，里面是别人的眼睛。所以先看所有者允许什么、该引用谁。这些信息写在 [helpers/datasets.toml](../helpers/datasets.toml) 里，在 Python 中就是 `datasets.DATASETS`。

# %%
for name in ("DRIVE", "CHASEDB1"):
    facts = datasets.DATASETS[name]
    print(facts.title)
    print(f"  terms: {facts.terms}")
    # zh: print(f"  条款：{facts.terms}")
    print(f"  home:  {facts.home}")
    # zh: print(f"  主页：{facts.home}")
    print(
        textwrap.fill(f"  cite:  {facts.citation}", 88, subsequent_indent="         ")
    )
    # zh: print(textwrap.fill(f"  引用： {facts.citation}", 88, subsequent_indent="         "))

# %% [markdown] lang="en"
# DRIVE is the benchmark of this field, but it may not be passed on. CHASE_DB1 may: its
# licence, CC BY 4.0, asks only for the source.

# %% [markdown] lang="zh" of="abc08e12"
# DRIVE 是这个领域的基准数据集 (benchmark)：40 只眼睛取自荷兰的一项筛查。它的条款说，只供研究和教学，不许转发给别人。CHASE_DB1 可以转发：它的许可 CC BY 4.0 只要求注明出处。

# %% [markdown] lang="en" minutes="2"
# ## Get the data
#
# Three ways lead to a data set. The form below covers them; `NAME` says which set.
#
# 1. **From its public address.** Leave `SOURCE` empty. DRIVE lies at Dropbox; where that
#    cannot be reached, register at DRIVE's home page, download `training.zip` and `test.zip`
#    on another network, and take the second way.
# 2. **From what you have.** Write a folder, a zip or tar archive, or an address into
#    `SOURCE`: a USB stick, your Drive, the computer of your teacher. (Unpack RAR and 7z
#    first.) Files are known by
#    their content, so other names and other folders do no harm. A file that was saved
#    again, as PNG for example, is known by name and size and called "not verified"; a
#    damaged one is named and not taken.
# 3. **From a copy that the owner's terms do not cover.** For DRIVE such copies exist,
#    and they hold the labels that the official download lacks. They are tried only if
#    you set `ACCEPT_TERMS`, which is a decision that no course can take for you.
#
# Without a network nothing breaks: the cell says what failed, and the chapter goes on
# with the images that are here, or with *phantoms*, drawn eyes whose vessels are known.
# More ways around a download that fails: [FAQ](../FAQ.md#data-and-labels).
#
# **What DRIVE's folders hold.** `training/images` are photographs 21 to 40, `test/images`
# 01 to 20. `1st_manual` holds the vessels that the first observer drew: the labels.
# `2nd_manual` holds those of a second observer, for the test images only. `mask` holds the
# FOV masks, the disc that the camera lit: **no vessel labels**. Whoever trains on them by
# mistake gets a network that draws discs.
#
# Where there are no photographs at all, the first cell of a chapter that needs eyes tries
# DRIVE, then CHASE_DB1, by itself: once a day, unless `FUNDUS_FETCH` is 0. This form tries
# whenever you run it. `FUNDUS_DATASET` (DRIVE, CHASEDB1 or PHANTOM) says which eyes the
# chapters take.

# %% [markdown] lang="zh" of="a21c9007"
# ## 取得数据
#
# 有三条路可走，下面的表单都包括了；`NAME` 选择数据集。
#
# 1. **从公开地址下载。** `SOURCE` 留空。DRIVE 放在 Dropbox 上，国内通常打不开：到 DRIVE 主页注册，换一个能打开的网络下载 `training.zip` 和 `test.zip`，再走第二条路。
# 2. **用你手里的文件。** 在 `SOURCE` 里写一个文件夹、一个 zip 或 tar 压缩包，或者一个地址：U 盘、云端硬盘、老师的电脑都行（RAR 和 7z 先解压，再给文件夹）。程序按内容认文件，名字和目录不同也没关系。但重新保存过的文件（比如存成了 PNG）内容变了，只能按名字和尺寸认出，名字不要改；程序会注明“未验证” (not verified)。损坏的文件会列出文件名，不会采用。
# 3. **用所有者条款没有授权的副本。** DRIVE 有这样的副本，里面有官方下载所缺的标签。只有你勾选 `ACCEPT_TERMS` 才会去试。这个决定，任何课程都不能替你做。
#
# 没有网络也不会中断：单元格会说明哪一步失败，然后用现有的图像继续，或者用仿真眼底图 (phantom)：画出来的眼睛，血管位置已知。下载失败的更多办法，见[常见问题](../FAQ.zh-CN.md#数据与标签)（[英文](../FAQ.md#data-and-labels)）。
#
# **DRIVE 的文件夹里是什么。** `training/images` 是照片 21 到 40，`test/images` 是 01 到 20。`1st_manual` 是第一标注者画的血管，也就是标签。`2nd_manual` 是第二标注者画的，只有测试图像才有。`mask` 是 FOV 掩膜，标出相机照亮的圆盘，**不是血管标签**：拿它当标签训练，网络只会画圆盘。
#
# 一张照片都没有时，一章里第一个要用到眼底图像的单元格会自动试着下载，先试 DRIVE，再试 CHASE_DB1：一天只试一次，`FUNDUS_FETCH` 设为 0 就不试。这个表单则是每次运行都试。用哪一组图像，由 `FUNDUS_DATASET` 指定（DRIVE、CHASEDB1 或 PHANTOM）。


# %% fold="Say how a data set is fetched and checked" fold_zh="规定怎样下载和核对数据集"
def problems(name):
    """Say which files of a set are missing and which differ from the original."""
    try:
        return datasets.verify(name, places.data_dir())
    except FileNotFoundError:
        return {"missing": list(datasets.manifest(name)), "differs": []}


def get(course, name, source, accept):
    """Fetch a set unless it is here; return the course, which may have new eyes then."""
    if course.mode == "smoke":
        print("Smoke mode: nothing is fetched, the phantoms will do.")
        # zh: print("smoke 模式：不下载，用仿真眼底图就够了。")
    elif not any(problems(name).values()):
        print(f"{name} is here already, and whole: nothing to fetch.")
        # zh: print(f"{name} 已经完整，不用下载。")
    elif places.data_dir_is_given() and not (source or accept):
        print(f"{name} is not whole in the folder you gave. Set SOURCE to add to it.")
        # zh: print(f"你给的文件夹里 {name} 不完整。填写 SOURCE 可以补上。")
    else:
        try:
            download.get(name, places.data_dir(), accept, source or None)
            return lesson.start()
        except (OSError, ValueError) as error:
            print(error)
            print("The chapter goes on with what is here.")
            # zh: print("这一章用现有的图像继续。")
    return course


# %% title="Get a data set" title_zh="取得一个数据集"
NAME = "CHASEDB1"  # @param ["CHASEDB1", "DRIVE", "STARE", "HRF", "ISBI2012_EM"]
SOURCE = ""  # @param {type:"string"}
ACCEPT_TERMS = False  # @param {type:"boolean"}
course = get(course, NAME, SOURCE, ACCEPT_TERMS)

# %% [markdown] lang="en" minutes="4"
# ## Is it the original?
#
# A download can be cut off, or be a web page that says "quota exceeded" under the name
# of an image. A file can be opened, saved again and changed without anyone's intent. A
# checksum finds all of this: SHA-256 turns any file into 64 hexadecimal digits.
#
# **Guess 4.1.** We flip **one bit** of one image file. How many of the 64 digits change?

# %% [markdown] lang="zh" of="678f3cdb"
# ## 这是原件吗？
#
# 下载可能中断；存下来的“图像”可能是一个写着“流量超限”的网页；文件也可能在打开又保存时悄悄变了。校验和 (checksum) 能发现这一切：SHA-256 把任何文件变成 64 位十六进制数字。
#
# **猜一猜 4.1** 我们把一个图像文件里的**一个比特**翻过来，64 位数字里会变几位？

# %%
dataset = datasets.DATASETS[course.dataset]
place = datasets.folder(course.dataset, course.data_dir)
first = datasets.ids(course.dataset, "train")[0]
content = datasets.locate(place, dataset.path(dataset.image, first)).read_bytes()
damaged = bytes([content[0] ^ 1]) + content[1:]
before, after = (hashlib.sha256(c).hexdigest() for c in (content, damaged))
changed = sum(a != b for a, b in zip(before, after, strict=True))

# %%
guess = None  # your guess: a number from 0 to 64
# zh: guess = None  # 你的猜测：0 到 64 的一个数

lesson.ask("04.1", guess, changed)

# %% tags=["answer"]
print(f"{first}, as it is:    {before[:32]}...")
# zh: print(f"{first}，原样：      {before[:32]}...")
print(f"{first}, one bit off: {after[:32]}...")
# zh: print(f"{first}，改一个比特：{after[:32]}...")
print(f"{changed} of 64 digits changed, 1 of {8 * len(content)} bits did.")
# zh: print(f"{8 * len(content)} 个比特里改了 1 个，64 位数字里变了 {changed} 位。")

# %% [markdown] lang="en"
# The course ships a list of names and checksums for each set
# ([helpers/manifests](../helpers/manifests)), and `datasets.verify` compares every file
# with it. It knows two kinds of trouble:
#
# - **missing**: no such file.
# - **differs**: a file of that name is here, but these are not the owner's bytes. It
#   may be cut off, resized, saved again with another compression, or quite in order and
#   merely repacked. It may open and look fine. But scores on it are not scores on
#   DRIVE, so the download refuses it, and every report of the course names it.

# %% [markdown] lang="zh" of="c3459df1"
# 课程为每个数据集附了一份文件名和校验和的清单（[helpers/manifests](../helpers/manifests)），`datasets.verify` 逐个文件核对。问题有两种：
#
# - **missing（缺失）**：没有这个文件。
# - **differs（不同）**：有这个名字的文件，但字节和所有者发布的不一样。它可能不完整、改过尺寸、用别的压缩方式重存过，也可能内容没问题，只是重新打包。它也许能打开，看起来也正常。但在它上面得到的分数不是 DRIVE 的分数，所以下载时拒收，课程的每份报告也会点名。

# %%
for name in ("DRIVE", "CHASEDB1"):
    known, bad = datasets.manifest(name), problems(name)
    good = len(known) - len(bad["missing"]) - len(bad["differs"])
    missing, differ = len(bad["missing"]), len(bad["differs"])
    print(f"{name}: {len(known)} files known; {good} verified", end=", ")
    # zh: print(f"{name}：清单上 {len(known)} 个文件；{good} 个核对无误", end="，")
    print(f"{missing} missing, {differ} differ")
    # zh: print(f"{missing} 个缺失，{differ} 个不同")
print(f"This chapter works with {course.dataset}.")
# zh: print(f"这一章用 {course.dataset}。")
lengths = [len(datasets.manifest(name)) for name in ("DRIVE", "CHASEDB1")]
lesson.contract("04.files", tuple(lengths))

# %% [markdown] lang="en" minutes="1"
# ## What the official download lacks
#
# Since 2019 the official DRIVE download has **no labels for its 20 test images**, no
# folder `test/1st_manual`: you send in predictions, and the organisers score them. Whoever has only that download
# can still take this whole course. The four validation images then stand in for the
# test images, and every table says so. `datasets.scored_split` decides which it is.

# %% [markdown] lang="zh" of="c78cea67"
# ## 官方下载里缺了什么
#
# 2019 年以后，DRIVE 的官方下载里**没有 20 张测试图像的标签**，也就是没有 `test/1st_manual` 这个文件夹：你提交预测，由主办方打分。只有这份下载也能学完整门课：4 张验证图像代替测试图像，每张表都会注明。用哪一种由 `datasets.scored_split` 决定。

# %%
for part, members in dataset.splits.items():
    paths = [datasets.locate(place, dataset.path(dataset.vessels, i)) for i in members]
    labelled = sum(path.exists() for path in paths)
    print(f"{part}: {len(members)} images, {labelled} with a vessel label")
    # zh: print(f"{part}：{len(members)} 张图像，{labelled} 张有血管标签")
scored = datasets.scored_split(course.dataset, course.data_dir)
print(f"Scores of this course will be reported on: {scored}")
# zh: print(f"课程的分数在这一部分上报告：{scored}")

# %% [markdown] lang="en" minutes="2"
# ## One eye, three layers
#
# `course.load_one` reads one photograph with its labels. All three layers are
# channel-first, as in chapter 02: `image` is (3, H, W), `vessels` and `fov` are
# (1, H, W).

# %% [markdown] lang="zh" of="81e09d70"
# ## 一只眼睛，三层数据
#
# `course.load_one` 读取一张照片和它的标签。三层都是通道在前，和第 02 章一样：`image` 是 (3, H, W)，`vessels` 和 `fov` 是 (1, H, W)。

# %%
eye = course.load_one(first)
for layer in ("image", "vessels", "fov"):
    x = getattr(eye, layer)
    print(f"{layer:8s} {x.shape!s:15s} {x.dtype!s:8s} from {x.min():g} to {x.max():g}")
    # zh: print(f"{layer:8s} {x.shape!s:15s} {x.dtype!s:8s} {x.min():g} 到 {x.max():g}")

# %% fold="Draw the three layers" fold_zh="画出三层数据"
three = [figures.to_picture(x) for x in (eye.image, eye.vessels, eye.fov)]
figures.show_images(three, ["image", "vessels", "fov"])
figures.show(
    "Three panels of one eye: the photograph, an orange disc in a black frame; the "
    "vessels, white branching lines on black; the field of view, a white disc on black."
)
# zh: figures.show(
# zh:     "同一只眼睛的三幅图：照片，黑边里一个橙色圆盘；血管，黑底上分叉的白线；"
# zh:     "视野，黑底上一个白色圆盘。"
# zh: )
print(f"The field of view covers {eye.fov.mean():.1%} of the frame.")
# zh: print(f"视野占整幅图的 {eye.fov.mean():.1%}。")
print(f"vessel pixels outside it: {(eye.vessels & ~eye.fov).sum()}")
# zh: print(f"视野外的血管像素：{(eye.vessels & ~eye.fov).sum()} 个")

# %% [markdown] lang="en"
# (With DRIVE, image: DRIVE, Staal et al. 2004.)
#
# The camera lights a disc, the **field of view** (FOV). Outside it the frame is black
# and there is nothing to see, so there is nothing to score either. Every score of this
# course counts pixels inside the FOV only.
#
# DRIVE comes with a FOV mask for each image. CHASE_DB1 does not, so the course finds
# it: red above a tenth of its maximum, gaps closed, holes filled, the largest piece
# (`fundus.automatic_fov`). Where a mask was given, we can test the rule. (With CHASE_DB1
# the rule is compared with itself.)

# %% [markdown] lang="zh" of="93eee452"
# （使用 DRIVE 时，图像来自 DRIVE, Staal et al. 2004。）
#
# 图中文字：image 眼底照片 · vessels 血管标签 · fov 视野。
#
# 相机照亮的是一个圆盘，叫视野 (field of view, FOV)。这里说的不是眼科检查里的视野。圆盘以外是黑的，没有东西可看，也就没有东西可打分。本课程的所有分数都只数 FOV 以内的像素。
#
# DRIVE 给每张图像配了 FOV 掩膜，CHASE_DB1 没有，课程就自己找：红色通道高于最大值的十分之一，合上缝隙，填上空洞，取最大的一块（`fundus.automatic_fov`）。有现成的 FOV 掩膜时，正好检验这条规则。（使用 CHASE_DB1 时，只是规则和它自己比。）

# %%
found = fundus.automatic_fov(eye.image)
kept = (eye.vessels & found).sum() / eye.vessels.sum()
print(f"FOV of the data set: {eye.fov.sum()} px; found by the rule: {found.sum()} px")
# zh: print(f"数据集的视野：{eye.fov.sum()} 像素；用规则找到的：{found.sum()} 像素")
print(f"they differ in {(found != eye.fov).sum()} px; vessel pixels kept: {kept:.2%}")
# zh: print(f"两者相差 {(found != eye.fov).sum()} 像素；留住的血管像素：{kept:.2%}")

# %% [markdown] lang="en" minutes="3"
# ## How much of it is vessel?
#
# **Guess 4.2.** A program paints everything black and never finds a vessel. On all images
# but the test images, inside the FOV: what **accuracy** does it reach, the share of the
# pixels that are right, in per cent?

# %% [markdown] lang="zh" of="02decc91"
# ## 血管占多少？
#
# **猜一猜 4.2** 一个程序把一切都涂黑，一条血管也找不到。在测试集以外的所有图像上，只看 FOV 以内：它的**准确率 (accuracy)**，也就是判对的像素所占的比例，是百分之几？

# %%
guess = None  # your guess, in per cent
# zh: guess = None  # 你的猜测，百分数

eyes = course.load("train") + course.load("val")
inside = sum(int(x.fov.sum()) for x in eyes)
vessel = sum(int((x.vessels & x.fov).sum()) for x in eyes)
frame = sum(x.fov.size for x in eyes)
lesson.ask("04.2", guess, vessel, inside, frame)

# %% tags=["answer"]
black = [metrics.count(np.zeros_like(x.vessels), x.vessels, x.fov) for x in eyes]
total = metrics.Counts(*(sum(column) for column in zip(*black, strict=True)))
print(total)
for name, value in metrics.scores(total).items():
    print(f"{name:12s} {value:.4f}")
lesson.contract("04.black", 100 * metrics.scores(total)["accuracy"], course)
course.record(vessel_share=round(vessel / inside, 4))

# %% [markdown] lang="en"
# A useless program, and a good-looking accuracy. Its **sensitivity**, the share of
# vessel pixels that it finds, is 0, and so is its **Dice**; below you find the formulas.
# (Precision and MCC would be 0 divided by 0 here; the course writes 0. MCC, a
# correlation, comes in chapter 09.)
#
# This is *class imbalance*: one class is rare, and the more it is ignored, the better accuracy looks.
# On the 20 test labels of DRIVE the vessels hold 12.73% of the FOV, and the black
# program is 87.27% accurate.

# %% [markdown] lang="zh" of="78b5f83e"
# 一个没用的程序，准确率却很好看。它的灵敏度 (sensitivity)，也就是血管像素中被找到的比例，是 0；Dice 系数也是 0。公式在后面。（这里精确率和 MCC 是 0 除以 0，课程记为 0。MCC 是一种相关系数，第 09 章再讲。）
#
# 这就是类别不平衡 (class imbalance)：一类很少，越是忽略它，准确率反而越好看。在 DRIVE 的 20 张测试标签上，血管占 FOV 的 12.73%，全黑程序的准确率是 87.27%。

# %% fold="Draw the shares of the pixels" fold_zh="画出各类像素的占比" tags=["answer"]
fig, ax = plt.subplots(figsize=(6.5, 1.9), dpi=80)
parts = {
    "vessel": (vessel, figures.RED),
    "background inside the FOV": (inside - vessel, figures.SKY),
    "outside the FOV": (frame - inside, figures.GREY),
}
left = 0
for name, (pixels, colour) in parts.items():
    ax.barh(1, 100 * pixels / frame, left=100 * left / frame, color=colour, label=name)
    if name != "outside the FOV":
        ax.barh(0, 100 * pixels / inside, left=100 * left / inside, color=colour)
    left += pixels
ax.set(yticks=(0, 1), yticklabels=("inside the FOV", "whole frame"))
ax.set(xlim=(0, 100), xlabel="per cent of the pixels")
ax.legend(
    loc="lower center", bbox_to_anchor=(0.5, 1), ncol=3, frameon=False, fontsize=8
)
figures.show(
    "Two bars of per cent. Of the whole frame a part is black border, and the vessels "
    f"hold {vessel / frame:.1%}; inside the field of view they hold {vessel / inside:.1%}."
)
# zh: figures.show(
# zh:     f"两根百分比条。整幅图里有一部分是黑边，血管占 {vessel / frame:.1%}；"
# zh:     f"只看视野内，血管占 {vessel / inside:.1%}。"
# zh: )
print(f"vessel: {vessel / inside:.2%} of the FOV, {vessel / frame:.2%} of the frame")
# zh: print(f"血管：视野的 {vessel / inside:.2%}，整幅图的 {vessel / frame:.2%}")

# %% [markdown] lang="en"
# The black border belongs to nobody's diagnosis, but it makes a percentage prettier.
# Some published accuracies count it. Chapter 09 measures what that is worth.

# %% [markdown] lang="zh" of="e1dbca88"
# 图中文字：vessel 血管 · background inside the FOV 视野内的背景 · outside the FOV 视野外 · whole frame 整幅图 · per cent of the pixels 像素百分比。
#
# 黑边和任何人的诊断都无关，却能让百分比更好看。有些发表的准确率把它算了进去。它能把分数抬高多少，第 09 章来测。

# %% [markdown] lang="en" minutes="11"
# ## Labels that trick their reader
#
# A label says "yes" or "no" at each pixel. Files write this in different ways. Look at the
# *mode* of each file below, which tells what the stored numbers mean: `L` is grey, `1`
# is one bit, and `P` is a *palette*, where the number is an entry in a list of colours.

# %% [markdown] lang="zh" of="6ee9a66b"
# ## 会骗人的标签
#
# 标签对每个像素只回答“是”或“不是”，存成文件的方式却不止一种。看看下面每个文件的 mode，它决定了存的数字是什么意思：`L` 是灰度，`1` 是一个比特，`P` 是调色板 (palette)，数字只是颜色表里的编号。

# %%
chase = course.mode != "smoke" and not problems("CHASEDB1")["missing"]
templates = [t for t in (dataset.vessels, dataset.fov) if t]  # CHASE_DB1 has no FOV
files = [datasets.locate(place, dataset.path(t, first)) for t in templates]
if chase and course.dataset != "CHASEDB1":
    other = datasets.folder("CHASEDB1", places.data_dir())
    files.append(other / "Image_01L_1stHO.png")
if not course.real:
    files.append(place / dataset.path(dataset.vessels, "22"))
for path in files:
    with Image.open(path) as picture:
        values = np.unique(np.asarray(picture)).tolist()
        print(f"{path.name:22s} {picture.format} mode {picture.mode}, values {values}")
        # zh: print(f"{path.name:22s} {picture.format} mode {picture.mode}，值 {values}")

# %% [markdown] lang="en"
# DRIVE writes the labels of its second observer as palette GIF with the numbers 0 and
# 1. They belong to the test images, which stay shut until chapter 09. So we write a
# training label in the same way, and as grey values and bits, and read all three with
# the line that most programs use: `np.asarray(picture) > 127`.

# %% [markdown] lang="zh" of="a63354e7"
# DRIVE 把第二标注者的标签存成调色板 GIF，里面的数字是 0 和 1。它们属于测试图像，第 09 章之前不打开。所以我们把一张训练标签写成同样的格式，再各写一份灰度和 1 比特的，然后用大多数程序里的那一行来读：`np.asarray(picture) > 127`。

# %%
folder = course.out / "label_encodings"
folder.mkdir(parents=True, exist_ok=True)
palette = Image.fromarray(eye.vessels[0].astype(np.uint8))
palette.putpalette([4, 2, 4, 252, 254, 252])  # entry 0 almost black, 1 almost white
palette.save(folder / "palette.gif")
Image.fromarray(eye.vessels[0]).save(folder / "one_bit.png")
Image.fromarray(255 * eye.vessels[0].astype(np.uint8)).save(folder / "grey.png")
for name in ("grey.png", "one_bit.png", "palette.gif"):
    with Image.open(folder / name) as picture:
        as_stored, as_grey = np.asarray(picture), np.asarray(picture.convert("L"))
    values = np.unique(as_stored).astype(int), np.unique(as_grey)
    print(f"{name}: stored {values[0]}, as grey {values[1]};", end=" ")
    # zh: print(f"{name}：存的值 {values[0]}，换成灰度 {values[1]}；", end="")
    print(f"vessel pixels by > 127: {(as_stored > 127).sum()}")
    # zh: print(f"用 > 127 读出的血管像素：{(as_stored > 127).sum()}")
print(f"vessel pixels in truth: {eye.vessels.sum()}")
# zh: print(f"真正的血管像素：{eye.vessels.sum()}")

# %% [markdown] lang="en"
# Two of the three labels came out **empty**, and no error was raised. A network trained
# on them learns to see nothing, and its accuracy looks like the one above. Note the
# grey values of the palette file, too: its black is 3, so `> 0` makes everything vessel.
#
# **Exercise 4.3** Write `to_label(picture)`. It gets an opened picture of any mode,
# whatever its numbers for black and white, and returns a bool array (H, W), True on the
# vessels. A picture without a vessel stays empty. Then run the cell; until yours passes, the reference is used.

# %% [markdown] lang="zh" of="2b8ad459"
# 三份标签里有两份读出来是**空的**，而且没有任何报错。用它们训练，网络学到的就是什么也看不见，准确率却和上面一样好看。再看调色板文件换成灰度以后的值：黑色是 3，所以 `> 0` 会把一切都当成血管。
#
# **练习 4.3** 编写 `to_label(picture)`。它拿到一张已经打开的图片，mode 不限，黑和白存成什么数也不限，返回布尔数组 (H, W)，血管处为 True。没有血管的图片要保持为空。写好后运行这个单元格；通过之前，用的是参考答案。


# %% tags=["exercise"]
def to_label(picture):
    return None  # your code here
    # zh: return None  # 在这里写代码


to_label = lesson.exercise("04.3", to_label)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# `convert("L")` applies the palette or spreads the bit, whatever the mode. Half of the
# file's own maximum lies between its black and its white. In an all-black file the
# maximum is 0, and nothing is above 0.
#
# {{solution 04.3}}
#
# </details>

# %% [markdown] lang="zh" of="5b8a12a7"
# <details><summary>参考答案</summary>
#
# 不管 mode 是什么，`convert("L")` 都会换算调色板，或者把比特展开成灰度。这个文件最大值的一半，总在它的黑与白之间。全黑的文件最大值是 0，没有像素大于 0。
#
# {{solution 04.3}}
#
# </details>

# %%
for name in ("grey.png", "one_bit.png", "palette.gif"):
    with Image.open(folder / name) as picture:
        right = bool((to_label(picture) == eye.vessels[0]).all())
    print(f"{name:11s} read right: {right}")
    # zh: print(f"{name:11s} 读对了：{right}")

# %% [markdown] lang="en"
# In the course this is `fundus.read_label`, the only function that reads labels.

# %% [markdown] lang="zh" of="a52e53c9"
# 课程里读标签的只有一个函数，就是 `fundus.read_label`。

# %% [markdown] lang="en" minutes="11"
# ## Two annotators
#
# Who says what is vessel? A person who drew it, pixel by pixel. Let a second person
# draw the same eye, and the two do not agree. (Papers call them *observers*, too. Those
# of DRIVE were trained by an ophthalmologist.) CHASE_DB1 has two observers for each
# image; without it, phantoms with two simulated observers take its place.
#
# We call the first observer's drawing the truth. That is a convention, not a fact of
# nature. Then each pixel of the second is one of four:
#
# - TP, true positive: both mark it. FP, false positive: only the second does.
# - FN, false negative: only the first does. TN, true negative: neither does.

# %% [markdown] lang="zh" of="639e1736"
# ## 两位标注者
#
# 哪里是血管，谁说了算？是画它的人，一个像素一个像素画出来的。让另一个人再画同一只眼睛，两人并不一致。（论文里也叫 observer；DRIVE 的标注者受过眼科医生的训练。）CHASE_DB1 的每张图像都有两位标注者；没有这个数据集时，用带两位模拟标注者的仿真眼底图代替。
#
# 我们把第一标注者画的当作金标准 (ground truth)。这只是约定，并不是自然规律。于是第二标注者的每个像素属于四种之一：
#
# - TP，真阳性：两人都标了。FP，假阳性：只有第二标注者标了。
# - FN，假阴性：只有第一标注者标了。TN，真阴性：两人都没标。

# %%
if chase:  # children 01 to 10; the others are its test images
    pairs = [
        fundus.load_one("CHASEDB1", image_id, places.data_dir())
        for part in ("train", "val")
        for image_id in datasets.ids("CHASEDB1", part)
    ]
else:
    pairs = [phantom.draw(seed, *eye.vessels.shape[1:]) for seed in range(1, 5)]
where = "CHASE_DB1" if chase else "PHANTOM"
print(f"{len(pairs)} images with two observers: {where}")
# zh: print(f"有两位标注者的图像：{len(pairs)} 张，{where}")

# %% fold="Draw where the two observers agree" fold_zh="画出两位标注者一致和不一致的地方"
both = pairs[0]
height, width = both.vessels.shape[1:]
middle = np.s_[:, height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
layers = [x[middle] for x in (both.image, both.second, both.vessels, both.fov)]
agreement = [figures.to_picture(layers[0]), figures.error_map(*layers[1:])]
titles = ["the middle of the image", "the two observers"]
figures.show_images(agreement, titles, size=3.4)
figures.show(
    "Left, the middle of a photograph with its vessels; right, the two drawings laid on "
    "each other: white vessels with orange and blue rims, and thin branches in one colour."
)
# zh: figures.show(
# zh:     "左边是照片中部的血管；右边是两幅标注叠在一起：白色的血管带着橙色和蓝色的边，"
# zh:     "还有只有一种颜色的细小分支。"
# zh: )
counts = metrics.count(*layers[1:])
print(f"white: both, {counts.tp} px; orange: only the second, {counts.fp} px")
# zh: print(f"白色：两人都标，{counts.tp} 像素；橙色：只有第二标注者，{counts.fp} 像素")
print(f"blue: only the first, {counts.fn} px; black: neither, {counts.tn} px")
# zh: print(f"蓝色：只有第一标注者，{counts.fn} 像素；黑色：都没标，{counts.tn} 像素")

# %% [markdown] lang="en"
# (With CHASE_DB1, image: CHASE_DB1, Fraz et al. 2012, CC BY 4.0.)
#
# Most of the colour is a rim: the two draw the same vessel, one a little wider. The rest
# are thin branches that one of them saw or believed and the other did not.

# %% [markdown] lang="zh" of="c1e49a04"
# （使用 CHASE_DB1 时，图像来自 CHASE_DB1, Fraz et al. 2012, CC BY 4.0。）
#
# 图中文字：the middle of the image 图像中部 · the two observers 两位标注者 · 白色 两人都标 · 橙色 只有第二标注者 · 蓝色 只有第一标注者 · 黑色 都没标。
#
# 彩色的大多是一圈边：两人画的是同一条血管，只是一个画得宽一点。其余是细小的分支，一个看见了或者相信它在，另一个没有。

# %% [markdown] lang="en"
# **Exercise 4.4** The **Dice coefficient**, also called the **F1 score**, says how far two
# drawings agree:
#
# $$\text{Dice} = \frac{2\,TP}{2\,TP + FP + FN}$$
#
# It is the size of what both marked, twice, over the sizes of the two drawings added: 1
# where they are equal, 0 where they share nothing. Write `dice(tp, fp, fn)`.

# %% [markdown] lang="zh" of="858db9fa"
# **练习 4.4** Dice 系数 (Dice coefficient)，也叫 F1 分数，说明两幅标注有多一致：
#
# $$\text{Dice} = \frac{2\,TP}{2\,TP + FP + FN}$$
#
# 分子是共同标出的面积的两倍，分母是两幅标注的面积之和：完全相同得 1，毫无重合得 0。编写 `dice(tp, fp, fn)`。


# %% tags=["exercise"]
def dice(tp, fp, fn):
    return None  # your code here
    # zh: return None  # 在这里写代码


dice = lesson.exercise("04.4", dice)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# TP + FP is the area of the second drawing, TP + FN that of the first; their sum is the
# denominator. TN does not appear, which is the point: the background, easy and large,
# cannot lift this score.
#
# {{solution 04.4}}
#
# </details>

# %% [markdown] lang="zh" of="6ab5b015"
# <details><summary>参考答案</summary>
#
# TP + FP 是第二幅标注的面积，TP + FN 是第一幅的面积，两者之和就是分母。TN 不出现，这正是关键：背景又大又容易，但它抬不高这个分数。
#
# {{solution 04.4}}
#
# </details>

# %%
table = [metrics.count(x.second, x.vessels, x.fov) for x in pairs]
pooled = metrics.Counts(*(sum(column) for column in zip(*table, strict=True)))
print(f"all images together: {pooled}")
# zh: print(f"所有图像合在一起：{pooled}")
each = [dice(t.tp, t.fp, t.fn) for t in table]
human = dice(pooled.tp, pooled.fp, pooled.fn)
print(f"Dice, all pixels in one pot: {human:.4f}")
# zh: print(f"Dice，所有像素合在一起：{human:.4f}")
print(f"Dice, image by image: from {min(each):.3f} to {max(each):.3f}")
# zh: print(f"Dice，逐张图像：{min(each):.3f} 到 {max(each):.3f}")
course.record(second_observer_dice=round(human, 4))

# %% [markdown] lang="en"
# Dice is one of several scores that are made from the four counts. Papers write them with
# these names and symbols:
#
# | score | symbol | formula | it asks |
# |---|---|---|---|
# | sensitivity, recall | Se | $\frac{TP}{TP + FN}$ | of the vessels, how much is found? |
# | specificity | Sp | $\frac{TN}{TN + FP}$ | of the background, how much is left alone? |
# | precision | Pr | $\frac{TP}{TP + FP}$ | of what is marked, how much is vessel? |
# | accuracy | Acc | $\frac{TP + TN}{TP + FP + FN + TN}$ | of all pixels, how many are right? |
# | Dice, F1 | F1 | $\frac{2\,TP}{2\,TP + FP + FN}$ | how far do the two drawings agree? |
# | intersection over union | IoU | $\frac{TP}{TP + FP + FN}$ | the same, counted more severely: $F1 = 2\,IoU / (1 + IoU)$ |
#
# F1 is the harmonic mean of precision and recall: $F1 = 2\,Pr \cdot Se / (Pr + Se)$.

# %% [markdown] lang="zh" of="46f75b34"
# 由这四个数可以算出好几个分数，Dice 是其中之一。论文里的名称和符号如下：
#
# | 分数 | 符号 | 公式 | 它问的是 |
# |---|---|---|---|
# | 灵敏度 (sensitivity)，即召回率 (recall) | Se | $\frac{TP}{TP + FN}$ | 血管里，找到了多少？ |
# | 特异度 (specificity) | Sp | $\frac{TN}{TN + FP}$ | 背景里，没有错标的有多少？ |
# | 精确率 (precision) | Pr | $\frac{TP}{TP + FP}$ | 标出来的里面，真是血管的有多少？ |
# | 准确率 (accuracy) | Acc | $\frac{TP + TN}{TP + FP + FN + TN}$ | 所有像素里，判对的有多少？ |
# | Dice 系数，即 F1 分数 | F1 | $\frac{2\,TP}{2\,TP + FP + FN}$ | 两幅标注有多一致？ |
# | 交并比 (intersection over union) | IoU | $\frac{TP}{TP + FP + FN}$ | 同一个问题，扣分更重：$F1 = 2\,IoU / (1 + IoU)$ |
#
# F1 是精确率和召回率的调和平均：$F1 = 2\,Pr \cdot Se / (Pr + Se)$。

# %%
of_the_second = metrics.scores(pooled)
for name in ("sensitivity", "specificity", "precision", "accuracy", "dice"):
    print(f"{name:12s} {of_the_second[name]:.4f}")

# %% [markdown] lang="en"
# The accuracy looks like near perfection, because the two agree about the background,
# which is most of the picture. Dice tells what a reader of vessels wants to know.
#
# On the test images of DRIVE the second observer has a Dice of {{drive_test.second_observer.pooled.dice:.4f}}. Keep that number
# in mind. A network that is trained on the first observer's drawings scores about 0.82.
# Is it "better than a person", then? Chapter 09 changes the judge before it answers.

# %% [markdown] lang="zh" of="591b76d5"
# 准确率看上去近乎完美，因为两人对背景意见一致，而背景占了画面的大部分。关心血管的人想知道的，Dice 才说得出来。
#
# 在 DRIVE 的测试图像上，第二标注者的 Dice 是 {{drive_test.second_observer.pooled.dice:.4f}}。记住这个数。用第一标注者的标签训练出的网络，Dice 约为 0.82。它是不是“比人更好”？第 09 章换一位裁判，再来回答。

# %% [markdown] lang="en" minutes="3"
# ## One pixel to the right
#
# **Guess 4.5.** How much is one pixel? Take a perfect label, move it by **one
# column**, and score it against itself. What Dice does it get, on average over the images?

# %% [markdown] lang="zh" of="a9c9431b"
# ## 向右一个像素
#
# **猜一猜 4.5** 一个像素有多要紧？拿一张完美的标签，向右移动**一列**，再和它自己比。各图像的 Dice 平均是多少？


# %%
def shifted(label, columns):
    """Move a label (1, H, W) to the right."""
    moved = np.zeros_like(label)
    moved[..., columns:] = label[..., : label.shape[-1] - columns]
    return moved


def dice_after(columns):
    """Return the mean Dice of the labels against themselves, moved."""
    tables = [
        metrics.count(shifted(x.vessels, columns), x.vessels, x.fov) for x in eyes
    ]
    return float(np.mean([dice(t.tp, t.fp, t.fn) for t in tables]))


# %%
guess = None  # your guess: Dice after a shift by one column
# zh: guess = None  # 你的猜测：移动一列之后的 Dice

lesson.ask("04.5", guess, dice_after(1))

# %% tags=["answer"]
for columns in range(4):
    print(f"moved by {columns}: Dice {dice_after(columns):.3f}")
    # zh: print(f"移动 {columns} 列：Dice {dice_after(columns):.3f}")
lesson.contract("04.shift", dice_after(1), course)

# %% fold="Draw a vessel and its copy, moved by one pixel" fold_zh="画出一段血管，以及移动一个像素之后的样子" tags=["answer"]
row, column = np.argwhere(eye.vessels[0])[len(eye.vessels[0].nonzero()[0]) // 2]
near = np.s_[:, max(row - 20, 0) : row + 20, max(column - 20, 0) : column + 20]
moved = shifted(eye.vessels, 1)
close_up = figures.error_map(moved[near], eye.vessels[near], eye.fov[near])
figures.show_images([close_up], ["moved by one pixel"], size=3.2)
figures.show(
    "A close-up of 40 by 40 pixels: white vessels, each with a blue rim on its left and "
    "an orange rim on its right, one pixel wide."
)
# zh: figures.show(
# zh:     "40 乘 40 像素的放大图：白色的血管，左边有一条蓝边，右边有一条橙边，各宽一个像素。"
# zh: )
rim = (moved ^ eye.vessels).sum() / (moved & eye.vessels).sum()
print(f"For each white pixel of this eye there are {rim:.2f} coloured ones.")
# zh: print(f"这只眼睛里，每个白色像素对应 {rim:.2f} 个彩色像素。")

# %% [markdown] lang="en"
# On DRIVE, a shift that no eye would notice costs about as much as the difference between
# two annotators. On its images 21 to 40 one column leaves 0.807 and two leave 0.656: along
# most of their length, the vessels are at most three pixels wide. (CHASE_DB1's are wider
# in pixels, and lose less.) So if your network looks perfect and scores 0.6 to 0.8,
# search for an off-by-one in padding or cropping before you change the network.

# %% [markdown] lang="zh" of="260d5737"
# 图中文字：moved by one pixel 移动一个像素 · 白色 重合 · 橙色 多出 · 蓝色 缺少。
#
# 在 DRIVE 上，肉眼看不出的一点移动，代价和两位标注者之间的分歧差不多。它的图像 21 到 40，移动一列剩下 0.807，两列剩下 0.656：按长度算，大部分血管最多只有三个像素宽。（CHASE_DB1 的血管像素更宽，损失小一些。）所以，如果你的网络看起来很完美，得分却在 0.6 到 0.8 之间，先去填充或裁剪的代码里找“差一”错误 (off-by-one)，再去改网络。

# %% [markdown] lang="en" minutes="9"
# ## Split by person
#
# **Guess 4.6.** CHASE_DB1 shows both eyes of 14 children, 28 images. Suppose we shuffle the 28 names
# and take 8 of them for the test. On average over many shuffles, **how many of the 14
# children** have one eye in training and the other in the test?

# %% [markdown] lang="zh" of="7dfd31c6"
# ## 按人划分
#
# **猜一猜 4.6** CHASE_DB1 有 14 个孩子的双眼，共 28 张图像。假如把 28 个文件名打乱，取 8 个做测试。打乱很多次取平均，**14 个孩子里有几个**一只眼睛在训练集、另一只在测试集？

# %%
guess = None  # your guess: children, on average
# zh: guess = None  # 你的猜测：平均几个孩子

lesson.ask("04.6", guess)

# %% tags=["answer"]
names = [f"Image_{image_id}" for image_id in datasets.ids("CHASEDB1", "all")]
rng, torn = random.Random(0), []
for _ in range(1000):
    mixed = rng.sample(names, len(names))
    torn.append(len({n[6:8] for n in mixed[:20]} & {n[6:8] for n in mixed[20:]}))
print(f"children on both sides: {np.mean(torn):.1f} of 14, never below {min(torn)}")
# zh: print(f"两边都有的孩子：14 个里平均 {np.mean(torn):.1f} 个，最少 {min(torn)} 个")
lesson.contract("04.torn", float(np.mean(torn)))

# %% [markdown] lang="en"
# Two eyes of a child share their genes, their camera and their annotator. A test on one
# of them is half known: **data leakage**. It never hurts the score, which is why nobody
# notices. The same happens, and worse, where images are cut into small pieces (*patches*)
# first and split then: two patches of one image share their pixels.
#
# **Exercise 4.7** Write `split(names, num_test)`. Names look like `Image_01L`, so the
# child is `name[6:8]`. Return two lists, train and test: all images of the last
# `num_test` children, in order of their number, go to the test; inside each list the
# order of `names` stays.

# %% [markdown] lang="zh" of="f79fac8c"
# 同一个孩子的两只眼睛有相同的基因、相机和标注者。拿其中一只做测试，等于题目已经泄露了一半，这叫数据泄漏 (data leakage)。它从不让分数变差，所以没有人发现。先把图像切成小块，也就是图像块 (patch)，再划分，也一样，而且更糟：同一张图像的两个图像块共用像素。
#
# **练习 4.7** 编写 `split(names, num_test)`。文件名形如 `Image_01L`，所以孩子的编号是 `name[6:8]`。返回训练和测试两个列表：按编号排在最后的 `num_test` 个孩子，全部图像归测试；每个列表内部保持 `names` 里的顺序。


# %% tags=["exercise"]
def split(names, num_test):
    return None  # your code here: train, test
    # zh: return None  # 在这里写代码：train, test


split = lesson.exercise("04.7", split)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Group first, split then. The set of children is sorted and cut; each name follows its
# child. Order and number of names no longer matter.
#
# {{solution 04.7}}
#
# </details>

# %% [markdown] lang="zh" of="0296936d"
# <details><summary>参考答案</summary>
#
# 先分组，再划分。把孩子的编号排好序，切成两段，每个文件名跟着它的孩子走。文件名的顺序和个数都不再重要。
#
# {{solution 04.7}}
#
# </details>

# %%
train, test = split(names, 4)
shared = {name[6:8] for name in train} & {name[6:8] for name in test}
print(f"train {len(train)} images, test {len(test)}, children in both: {len(shared)}")
# zh: print(f"训练 {len(train)} 张，测试 {len(test)} 张，两边都有的孩子：{len(shared)} 个")

# %% [markdown] lang="en" minutes="1"
# ## Three boxes, one padlock
#
# The course splits its eyes like this. Each box has one use:
#
# - **train**: the network learns from these, and from nothing else.
# - **val**, validation: we look at these to choose, such as when to stop, which
#   threshold, which of two ideas.
# - **test**: opened once, at the end, to report. Whoever chooses by it has no test left.

# %% [markdown] lang="zh" of="c7331d54"
# ## 三个盒子，一把锁
#
# 课程这样划分图像。每个盒子只有一种用途：
#
# - **train（训练）**：网络只从这里学。
# - **val（验证）**：我们看着它做选择，比如什么时候停、阈值取多少、两个想法用哪一个。
# - **test（测试）**：最后打开一次，用来报告。谁用它做选择，谁就没有测试集了。

# %% fold="Draw the three boxes" fold_zh="画出三个盒子"
fig, ax = plt.subplots(figsize=(7, 2.1), dpi=80)
use = {"train": "learn", "val": "choose", "test": "report, once"}
for place_in_row, (box, purpose) in enumerate(use.items()):
    inside_it = datasets.ids(course.dataset, box)
    edge = 2.4 * place_in_row
    ax.add_patch(Rectangle((edge, 0), 2, 1.2, fill=False, linewidth=2))
    range_of_ids = f"{inside_it[0]} to {inside_it[-1]}: {len(inside_it)} eyes"
    text = f"{box}\n{range_of_ids}\n{purpose}"
    ax.text(edge + 1, 0.6, text, ha="center", va="center", fontsize=10)
ax.add_patch(Rectangle((5.6, 1.05), 0.4, 0.3, color=figures.ORANGE, zorder=3))
ax.add_patch(Arc((5.8, 1.35), 0.26, 0.4, theta1=0, theta2=180, linewidth=4))
ax.set(xlim=(-0.1, 7), ylim=(-0.1, 1.7))
ax.set_aspect("equal")
ax.axis("off")
figures.show(
    "Three boxes side by side: train, to learn; val, to choose; test, to report, once. "
    "Only the third has a padlock."
)
# zh: figures.show("并排的三个盒子：train 用来学习，val 用来选择，test 用来报告，只用一次。只有第三个上了锁。")
everyone = [i for name in use for i in datasets.ids(course.dataset, name)]
print(f"{len(everyone)} eyes, {len(set(everyone))} different: no eye is in two boxes.")
# zh: print(f"{len(everyone)} 只眼睛，{len(set(everyone))} 只不同：没有一只在两个盒子里。")

# %% [markdown] lang="en"
# DRIVE does not say who is who: its photographs were picked at random from a screening
# programme, so the image is the smallest thing that we can keep whole. Chapters 05 to 08
# open `train` and `val` only.
#
# **Extra:** find a paper on DRIVE and read how it chose when to stop training. Does it name a
# validation set? If not, which images did it look at?

# %% [markdown] lang="zh" of="615e2483"
# 图中文字：learn 学习 · choose 选择 · report, once 报告，只用一次 · eyes 只眼睛。
#
# DRIVE 没有说明哪张照片是谁的：照片是从一个筛查项目里随机抽取的，我们能保证不拆开的最小单位就是图像。第 05 到 08 章只打开 `train` 和 `val`。
#
# **选做：** 找一篇用 DRIVE 的论文，看它怎样决定训练到什么时候停。文中提到验证集了吗？如果没有，它看的是哪些图像？

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - Terms and citation come before the first byte; a checksum proves that each file is
#   the owner's.
# - A label file stores grey values, bits or palette entries; one function reads all of
#   them, and an empty label raises no error.
# - Vessels are rare, so accuracy flatters; scores are counted inside the FOV.
# - Dice is F1, sensitivity is recall. Two annotators do not agree; on DRIVE, one pixel
#   costs about as much as that.
# - Split by person, before anything is cut; the test box stays locked until chapter 09.

# %% [markdown] lang="zh" of="64f6dccc"
# ## 小结
#
# - 先看条款和引用，再下载；校验和证明每个文件都是所有者的原件。
# - 标签文件存的是灰度、比特或调色板编号；用一个函数读所有的标签。标签读空了也不会报错。
# - 血管很少，所以准确率总是好看；分数只数 FOV 以内。
# - Dice 就是 F1 分数，灵敏度就是召回率。两位标注者并不一致；在 DRIVE 上，一个像素的影响和这种分歧差不多。
# - 先按人划分，再做别的；测试集的锁到第 09 章才打开。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - J. Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE
#   Transactions on Medical Imaging 23(4), 2004.
#   [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)
# - M. M. Fraz et al., An ensemble classification-based approach applied to retinal blood
#   vessel segmentation, IEEE Transactions on Biomedical Engineering 59(9), 2012.
#   [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)
# - 《U-net学习笔记》 ("U-Net study notes"), a Chinese blog post: section 2, "getting the data
#   and preparing it", of which our copy holds only the heading.

# %% [markdown] lang="zh" of="937292c3"
# ## 参考资料
#
# - J. Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE Transactions on Medical Imaging 23(4), 2004。[doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)
# - M. M. Fraz et al., An ensemble classification-based approach applied to retinal blood vessel segmentation, IEEE Transactions on Biomedical Engineering 59(9), 2012。[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)
# - 中文博文《U-net学习笔记》：第 2 节“数据获取及其处理”（我们手头的存档里只有标题）。

# %% include="ticket"
