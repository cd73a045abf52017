# ---
# gpu: true
# ---
# %% [markdown] lang="en"
# # 01 Set-up and a first look
#
# *Can a network show the vessels of an eye in the first minute, and what does it need for that?*

# %% [markdown] lang="zh" of="f5661129"
# # 01 准备环境与初次上手
#
# *打开课程的第一分钟，能让网络分割出眼底血管吗？需要准备什么？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** open the course in Colab, choose a GPU and say what it is; segment the vessels of a fundus photograph with the shipped weights; say why the photograph is resized first.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** a browser, and enough Python to write a function with one `return`.
#
# **You are here**

# %% [markdown] lang="zh" of="1f723eb2"
# **学完这一章你能** 在 Colab 里打开课程，选一块 GPU 并说清它是什么；用课程自带的权重分割眼底照片里的血管；解释照片为什么要先缩放。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** 会用浏览器；会写只有一个 `return` 的 Python 函数。
#
# **你在这里**

# %% [markdown] lang="en" minutes="2"
# ## Before you run anything
#
# This page is a *notebook*: text and *cells* of Python. A running Python process, the *kernel*, executes the cells and remembers every name they define. `Shift` + `Enter` runs one cell. *Runtime > Run all* (JupyterLab: *Run > Run All Cells*) runs them from top to bottom; every chapter reaches its end this way without an answer from you. If a cell says `NameError`, a cell above it has not run yet: use *Run all*, or *Runtime > Run before*.
#
# In Colab, do two things first; elsewhere, skip them.
#
# 1. *File > Save a copy in Drive.* What you see is a shared original; your changes are lost unless they are in a copy of your own.
# 2. *Runtime > Change runtime type > T4 GPU > Save*, if you want a GPU. Do it before you run a cell, because a change starts a new, empty machine. This chapter and the next are quick without one.
#
# Each code cell begins with its number, such as `# [01-05]`: chapter 01, fifth cell. In a class, name the number when you ask. A cell that shows a title and no code only draws or prepares something: run it like the others, you need not read it. If an error puzzles you, search for its words in the [FAQ](../FAQ.md).
#
# The next cell finds the course's Python package, `helpers`, or fetches it, and looks for the data. It installs nothing. One line of what it prints says mode, data and device:
#
# - mode `lesson` is the ordinary one; `smoke` is a quick one for tests, `full` trains longest.
# - data `DRIVE` means photographs of real eyes; so does `CHASEDB1` (CHASE_DB1, the eyes of children), which is taken where DRIVE is not. `PHANTOM` means *phantoms*, drawn eyes that stand in where neither is here and neither could be fetched. Each chapter runs on each of them; what the text says of numbers "on DRIVE" holds for DRIVE, and with other eyes yours differ.
# - data `none yet`: nothing is fetched or drawn before a chapter needs it. This one does not: its photograph comes with scikit-image.

# %% [markdown] lang="zh" of="b832dbab"
# ## 运行之前
#
# 这个页面是一份 Jupyter Notebook（.ipynb 文件）：由文字和 Python 单元格 (cell) 组成。后台有一个 Python 进程，叫内核 (kernel)。它执行单元格，并记住其中定义的每个名字。`Shift` + `Enter` 运行一个单元格。菜单“代码执行程序 > 全部运行” (Runtime > Run all) 从上到下全部运行；在 JupyterLab 里是“运行 > 运行所有单元格” (Run > Run All Cells)。每一章都可以这样跑完，不会停下来等你作答。看到 `NameError`，说明上面有单元格还没运行：用“全部运行”，或者先运行它上面的单元格 (Runtime > Run before)。菜单的中文名可能随版本略有不同，所以括号里也写英文名。
#
# 在 Colab 里先做两件事；不用 Colab 就跳过。
#
# 1. “文件 > 在云端硬盘中保存一份副本” (File > Save a copy in Drive)。你看到的是公用的原件，不存副本，改动就会丢失。
# 2. 想用 GPU，就选“代码执行程序 > 更改运行时类型 > T4 GPU > 保存” (Runtime > Change runtime type > T4 GPU > Save)。请在运行单元格之前选好，因为换类型会换一台全新的空机器。这一章和下一章没有 GPU 也很快。
#
# 每个代码单元格的第一行是编号，例如 `# [01-05]` 是第 01 章的第 5 个单元格。上课提问时先报编号。有的单元格只显示标题，不显示代码：它只负责画图或做准备，照样运行，代码可以不看。看不懂报错，就到[常见问题](../FAQ.zh-CN.md)（[英文](../FAQ.md)）里搜其中的词。
#
# 下一个单元格寻找课程的 Python 包 `helpers`，找不到就下载；还会看看数据在不在。它不安装任何东西。它输出的内容里，有一行写明模式、数据和设备：
#
# - 模式 `lesson` 是平常用的；`smoke` 用来快速测试，`full` 训练时间最长。
# - 数据 `DRIVE` 是真实眼睛的照片；`CHASEDB1`（CHASE_DB1，儿童的眼睛）也是，没有 DRIVE 时用它。`PHANTOM` 是仿真眼底图 (phantom)，也就是画出来的眼睛：两种照片都没有、也没能下载时用它代替。每一章用哪一种都能跑完；正文里写明“在 DRIVE 上”的数字只对 DRIVE 成立，换了数据，你的数字会不同。
# - 数据显示“暂无”（英文版是 `none yet`）：用到之前不下载，也不绘制。这一章用不到：照片由 scikit-image 自带。

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %% [markdown] lang="en" minutes="3"
# ## The first minute
#
# A photograph of the back of an eye, the *fundus*, comes with scikit-image, so nothing has to be downloaded. The course keeps every image as an array of shape (C, H, W): channels, rows, columns, with values from 0 to 1.

# %% [markdown] lang="zh" of="91933401"
# ## 第一分钟
#
# scikit-image 自带一张眼底照片 (fundus photograph)，不用下载。课程里的图像都存成形状为 (C, H, W) 的数组：通道、行、列，数值在 0 到 1 之间。

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from skimage import data

from helpers import figures, fundus, inference, runtime

image = data.retina().transpose(2, 0, 1).astype(np.float32) / 255  # (3, H, W)
print(f"shape {image.shape}, values {image.min():.2f} to {image.max():.2f}")
# zh: print(f"形状 {image.shape}，数值从 {image.min():.2f} 到 {image.max():.2f}")

# %% [markdown] lang="en"
# A *segmenter* holds a U-Net and what belongs to it. The network is trained already: its learnt numbers, the *weights*, are shipped with the course. `probs` gives each pixel a probability of being vessel; `pred` is where that probability is above the segmenter's threshold. How all this is made is the subject of the other chapters.

# %% [markdown] lang="zh" of="29af6d15"
# 分割器 (segmenter) 里装着一个 U-Net 和它的配套设置。网络已经训练好：它学到的数，叫权重 (weight)，是课程自带的。`probs` 给出每个像素是血管的概率；概率超过阈值 (threshold) 的像素组成 `pred`。这些是怎样做出来的，后面各章会讲。

# %% tags=["varies"]
segmenter = inference.Segmenter.load()
start = time.perf_counter()
fov = fundus.automatic_fov(image)  # the disc that the camera lit, (1, H, W) bool
probs = segmenter.probs(image, fov)  # (1, H, W), 0 to 1
pred = probs > segmenter.threshold
print(f"segmented in {time.perf_counter() - start:.1f} s")
# zh: print(f"分割用了 {time.perf_counter() - start:.1f} 秒")

# %% fold="Draw photograph, probabilities and vessels" fold_zh="画出照片、概率和血管"
from skimage.transform import downscale_local_mean


def quarter(x):
    """Shrink (C, H, W) to a quarter of its height and width, for the screen."""
    return downscale_local_mean(x, (1, 4, 4))


def painted(photograph, vessels):
    """Paint vessels over a photograph, light blue, which stands out from red."""
    return figures.overlay(photograph, vessels, figures.SKY, opacity=0.9)


photo, found = quarter(image), quarter(pred) > 0.3
pictures = [figures.to_picture(photo), quarter(probs)[0], painted(photo, found)]
figures.show_images(pictures, ["photograph", "probs", "pred, painted over"], 3, 2.5)
figures.show(
    "Three views of one eye: the reddish photograph with a bright spot at the left; "
    "its vessels white on black; the vessels painted light blue over the photograph."
)
# zh: figures.show(
# zh:     "同一只眼睛的三幅图：偏红的照片，左边有一个明亮的圆斑；"
# zh:     "黑底白色的血管；照片上叠加的浅蓝色血管。"
# zh: )
print(f"Light blue: the pixels with a probability above {segmenter.threshold:.2f}.")
# zh: print(f"浅蓝色：概率超过 {segmenter.threshold:.2f} 的像素。")

# %% [markdown] lang="en"
# The network was trained on the photographs of another camera, those of the DRIVE data set; it has never seen this eye. Where was it wrong? Whole, the picture is too small to tell. Two pieces, enlarged: which vessels did the network miss, and where did it see one that is none?

# %% [markdown] lang="zh" of="0d344d17"
# 图中文字：photograph 原照片 · probs 血管概率 · pred, painted over 分割结果（浅蓝色）叠加在照片上。
#
# 训练这个网络的照片来自 DRIVE 数据集，是另一台相机拍的，它从没见过这只眼睛。它在哪里错了？整幅图太小，看不出来。放大两块来看：它漏了哪些血管？哪里不是血管却被画了出来？

# %% fold="Draw two pieces, enlarged" fold_zh="放大画出两块"
pieces = {"bright spot": (580, 160, 240), "thin vessels": (508, 328, 220)}
pictures, titles = [], []
for name, (row, col, side) in pieces.items():
    piece = (slice(None), slice(row, row + side), slice(col, col + side))
    pictures += [figures.to_picture(image[piece]), painted(image[piece], pred[piece])]
    titles += [f"{name}: photograph", f"{name}: pred"]
figures.show_images(pictures, titles, 2, 2.8)
figures.show(
    "Two pieces of the photograph, each plain and with the vessels painted over. At the "
    "bright spot a painted vessel runs down its brown right rim, where there is none. In "
    "the other piece thin painted vessels stop before the real ones do."
)
# zh: figures.show(
# zh:     "照片的两块，每块一幅原图、一幅叠加了血管。在明亮圆斑处，"
# zh:     "棕色的右边缘上画出了一条并不存在的血管。另一块里，"
# zh:     "画出的细血管比真实的先断。"
# zh: )
print("Each row: a piece of the photograph, and the same piece with what was found.")
# zh: print("每一行：照片的一块，以及同一块上找到的血管。")

# %% [markdown] lang="en"
# False: the vessel that runs straight down the right rim of the bright spot. What the photograph has there is brown pigment. Missed: the ends of thin vessels. In the lower piece several stop, or break, where your eye can follow them further.
#
# **This is not a medical device.** It is made for teaching. Do not use it to decide anything about a patient.

# %% [markdown] lang="zh" of="43565d52"
# 图中文字：bright spot 明亮圆斑 · thin vessels 细血管 · photograph 原照片 · pred 分割结果。
#
# 画错的：沿明亮圆斑右边缘笔直向下的那条“血管”，照片上那里是棕色的色素。漏掉的：细血管的末端。下面一块里，有几条细血管提前断了，而你的眼睛还能顺着看下去。
#
# **这不是医疗器械。** 它只用于教学，不要据此对患者做任何判断。

# %% [markdown] lang="en" minutes="1"
# ## What machine is this?
#
# A GPU does thousands of multiplications at once. Training, in chapter 08, is where that pays. In Colab you choose it under *Runtime > Change runtime type*, before you begin. The next cell says what you have.

# %% [markdown] lang="zh" of="47027921"
# ## 这是一台什么机器？
#
# GPU 能同时做成千上万次乘法，到第 08 章训练时才真正派上用场。在 Colab 里从“代码执行程序 > 更改运行时类型” (Runtime > Change runtime type) 选择，要在开始之前选好。下一个单元格输出你用的机器。

# %% tags=["varies"]
device = runtime.pick_device()
print("device: " + runtime.device_name(device, "en"))
# zh: print("设备：" + runtime.device_name(device, "zh"))
print("torch", torch.__version__)

# %% [markdown] lang="en"
# **No GPU?** Colab does not promise one. Nothing here depends on it: every chapter runs on an ordinary laptop. Chapter 08 times a few steps first, tells you the minutes, and lets you train less or take the shipped weights. (The set-up cell also names a format of numbers, such as `fp32`; chapter 08 says what it is for.)

# %% [markdown] lang="zh" of="e5929f2a"
# **没有 GPU？** Colab 不保证每次都有。课程不依赖它：每一章都能在普通笔记本电脑上运行。第 08 章会先试跑几步，告诉你要几分钟，你可以少训练一些，或者直接用自带的权重。（准备单元格还输出一种数的格式，例如 `fp32`，第 08 章会讲它的用处。）

# %% [markdown] lang="en" minutes="1"
# ## Google Drive, only if you want it
#
# Colab takes its machine back after some hours, with all files on it. A folder in your Drive survives. The price: Google asks you to let this notebook see *all* of your Drive, not one folder. The course needs no Drive, so the box below is empty. Tick it only if you keep data or the files of a trained network there; outside Colab the cell does nothing.

# %% [markdown] lang="zh" of="03b5e177"
# ## Google 云端硬盘：自愿选用
#
# 几小时后 Colab 会收回机器，上面的文件全部消失；云端硬盘 (Drive) 里的文件夹会留下。代价是：Google 会请你允许这份 Notebook 访问*整个*云端硬盘，而不是一个文件夹。课程不需要它，所以下面的选项默认不勾。只有想把数据或训练好的网络文件放在那里时才勾选；不在 Colab 里，这个单元格什么也不做。

# %% title="Mount Google Drive (optional)" title_zh="挂载 Google 云端硬盘（可选）"
use_drive = False  # @param {type:"boolean"}

try:
    from google.colab import drive
except ImportError:
    drive = None

if drive and use_drive:
    drive.mount("/content/drive")
else:
    print("Drive is not mounted; the course works without it.")
    # zh: print("没有挂载云端硬盘；课程不需要它。")

# %% [markdown] lang="en" minutes="4"
# ## Look at the photograph
#
# Four things to recognise.
#
# - **Field of view** (FOV): the lit disc. What is black around it is the border of the picture, not the eye.
# - **Optic disc**: the bright spot. All vessels enter and leave here, with the optic nerve. It lies on the side of the nose.
# - **Macula**: the dark area of sharpest sight; its centre is the *fovea*. Wide vessels pass round it.
# - **Arteries and veins**: arteries are lighter and narrower, veins darker and wider; they often run in pairs.
#
# Two of them are easily found by a program: blur the green channel, then take the brightest and the darkest place well inside the FOV.
#
# The cell ends with a line that begins with `[OK ]`. Such a line compares a number of the course with the one you got; where they differ, it begins with `[no ]`.

# %% [markdown] lang="zh" of="167ee2a5"
# ## 读懂这张照片
#
# 先认识四样东西。
#
# - **视野** (field of view, FOV)：被照亮的圆盘。周围的黑色是画面的黑边，不是眼底。眼科检查里的“视野”是另一个意思，这里不用。
# - **视盘** (optic disc)：明亮的圆斑。血管和视神经都从这里进出，它靠近鼻子一侧。
# - **黄斑** (macula)：视觉最敏锐的暗区，正中是中央凹 (fovea)。粗血管绕着它走。
# - **动脉和静脉**：动脉较亮、较细，静脉较暗、较粗，两者常常伴行。
#
# 程序很容易找到其中两样：把绿色通道模糊，在视野内部取最亮和最暗的位置。
#
# 这个单元格输出的最后一行以 `[OK ]` 开头。这样的一行，是拿课程给出的数和你得到的数对照；对不上，就以 `[no ]` 开头。

# %%
from scipy.ndimage import distance_transform_edt
from skimage.filters import gaussian

blurred = gaussian(image[1], 30)  # green; fine detail is smoothed away
inner = distance_transform_edt(fov[0]) > 200  # pixels; keeps away from the rim
disc = np.argwhere((blurred == blurred[inner].max()) & inner)[0]  # (row, col)
fovea = np.argwhere((blurred == blurred[inner].min()) & inner)[0]
fov_width = fundus.fov_diameter(fov)
apart = np.hypot(*(disc - fovea))
print(f"The field of view is {fov_width:.0f} pixels wide; optic disc and fovea are")
# zh: print(f"视野宽 {fov_width:.0f} 像素；视盘和中央凹")
print(f"{apart:.0f} pixels apart, {apart / fov_width:.2f} of that.")
# zh: print(f"相距 {apart:.0f} 像素，是视野宽度的 {apart / fov_width:.2f}。")
lesson.contract("01.fov", fov_width)

# %% fold="Draw where they are" fold_zh="画出它们的位置"
fig, ax = plt.subplots(figsize=(4.6, 4.6), dpi=figures.DPI)
ax.imshow(figures.to_picture(photo))
ax.contour(quarter(fov)[0], [0.5], colors="white", linewidths=1.5)
for (row, col), name in ((disc, "optic disc"), (fovea, "fovea in the macula")):
    ax.plot(col / 4, row / 4, "o", ms=30, mfc="none", mec="white", mew=1.5)
    ax.text(col / 4 + 12, row / 4 - 24, name, color="white", fontsize=11)
ax.text(120, 332, "field of view", color="white", fontsize=11)
ax.axis("off")
figures.show(
    "The photograph with white marks: a large circle round the field of view, a small "
    "one on the bright optic disc near its left rim, one on the dark fovea in the middle."
)
# zh: figures.show(
# zh:     "照片上的白色标记：大圆是视野的边界，小圆一个在左边缘附近明亮的视盘上，"
# zh:     "一个在正中较暗的中央凹上。"
# zh: )
print("White: the rim of the field of view, and the two places just found.")
# zh: print("白色：视野的边界，以及刚才找到的两个位置。")

# %% [markdown] lang="en"
# **Guess 1.1** The picture shows the eye as a doctor sees it who faces the patient. Is it the left or the right eye?
#
# Put your answer in place of `None` and run the cell again. A word needs quotes. A first wrong answer gets a hint, a third one the solution; so does `lesson.reveal("01.1")` in a cell of your own. The cell after a guess tells.

# %% [markdown] lang="zh" of="4ac60af4"
# 图中文字：optic disc 视盘 · fovea in the macula 黄斑中央凹 · field of view 视野。
#
# **猜一猜 1.1** 照片的方向和医生面对患者时看到的一样。这是左眼还是右眼？
#
# 把 `None` 换成你的答案，再运行一次单元格。答案是单词时要加引号。第一次答错，得到提示；第三次答错，给出答案。想直接看答案，就在自己的单元格里运行 `lesson.reveal("01.1")`。猜完以后，下一个单元格揭晓。

# %%
guess = None  # your guess: "left" or "right"
# zh: guess = None  # 你的猜测：写 "left"（左眼）或 "right"（右眼）
lesson.ask("01.1", guess)

# %% tags=["answer"]
side = "left" if disc[1] < fovea[1] else "right"
print(f"The optic disc, and with it the nose, lies on the {side} of the picture.")
# zh: print(f"视盘和鼻子都在图的这一侧：{side}（left 左，right 右）")

# %% [markdown] lang="en"
# When you face someone, the nose is to the left of their left eye: this is a left eye.
#
# Now closer. The white line below crosses four vessels; the curves are the values under it.

# %% [markdown] lang="zh" of="ae70bad1"
# 面对一个人时，鼻子在他左眼的左边：所以这是左眼。
#
# 再靠近一些。下图的白线穿过四条血管，右边的曲线是线上的像素值。

# %% fold="Draw the values under a line" fold_zh="画出一条线上的像素值"
rows, column = np.arange(880, 1240), 400
line = image[:, rows, column - 2 : column + 3].mean(2)  # (3, 360), of five columns
fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6), dpi=figures.DPI)
left.imshow(figures.to_picture(image[:, 880:1240, 220:580]))
left.axvline(column - 220, color="white", lw=1.5)
left.axis("off")
right.plot(rows, line[0], color=figures.RED, label="red")
right.plot(rows, line[1], "--", color=figures.GREEN, label="green")
right.set(xlabel="row", ylabel="value", ylim=(0, 1))
right.legend(frameon=False)
vein = line[1].argmin()
wall, core = line[0, vein - 8 : vein + 14].min(), line[0, vein + 3 : vein + 8].max()
spot, arrow = (rows[vein] + 5, core + 0.01), {"arrowstyle": "->"}
right.annotate("light reflex", spot, (rows[vein] - 60, 0.93), arrowprops=arrow)
figures.show(
    "Left: a piece of the photograph with a white line across four vessels. Right: red "
    "and green values along the line; green falls into four deep valleys, red hardly."
)
# zh: figures.show(
# zh:     "左：照片的一块，白线穿过四条血管。右：沿白线的红色和绿色像素值；"
# zh:     "绿色有四个深谷，红色的谷很浅。"
# zh: )
print(f"Darkest in green at row {rows[vein]}: {line[1, vein]:.2f}, a vein.")
# zh: print(f"绿色最暗在第 {rows[vein]} 行：{line[1, vein]:.2f}，是一条静脉。")
print(f"Across it red falls to {wall:.2f}, but is {core:.2f} in the middle.")
# zh: print(f"穿过它时，红色降到 {wall:.2f}，正中却是 {core:.2f}。")

# %% [markdown] lang="en"
# Blood swallows green light, so vessels are deep valleys in green and shallow ones in red. The small rise in the middle of the vein, at the arrow, is the *central light reflex*: the round wall mirrors the lamp. Arteries show it most. In a wide vessel this bright streak can make a program see two thin vessels instead of one, or none.

# %% [markdown] lang="zh" of="89601903"
# 图中文字：red 红色通道 · green 绿色通道 · light reflex 中央反光 · row 行 · value 像素值。
#
# 血液吸收绿光，所以血管在绿色曲线上是深谷，在红色曲线上只是浅谷。静脉正中有一个小小的凸起，就在箭头处。这是血管中央反光 (central light reflex)：圆弧形的血管壁像镜子一样反射灯光，动脉上最明显。血管很粗时，这条亮带会让程序看成两条细血管，或者干脆看不见。

# %% [markdown] lang="en" minutes="12"
# ## Why the photograph was resized
#
# The network was trained on DRIVE's photographs, whose field of view is far narrower in pixels. It knows vessels a few pixels wide. If both cameras see about the same part of the eye, then the optic disc, the vessels, everything is larger here, in pixels, by the ratio of the two fields of view. So the segmenter resizes the photograph until its FOV has the diameter the network knows, and brings the probabilities back to the photograph's own size.
#
# **Exercise 1.2** Write `scale_factor(fov, known)`: by which factor must a photograph be resized, if `fov` is its field of view, (1, H, W) bool, and `known` the diameter in pixels that the network knows? `fundus.fov_diameter(fov)` measures a diameter.
#
# Put your code in place of `return None` and run the cell: it tries your function on small examples. Until it passes, the course's own function, the *reference*, is used, so nothing stops.

# %% [markdown] lang="zh" of="92087ce1"
# ## 照片为什么要先缩放
#
# 网络是用 DRIVE 的照片训练的，那些照片的视野在像素上小得多，它熟悉的血管只有几个像素宽。如果两台相机拍到的眼底范围差不多，那么这张照片里的视盘、血管，一切在像素上都更大，倍数就是两个视野直径之比。所以分割器先缩放照片，让视野的直径等于网络熟悉的直径，再把概率图变回照片原来的大小。
#
# **练习 1.2** 编写 `scale_factor(fov, known)`：`fov` 是照片的视野，形状 (1, H, W)，布尔值；`known` 是网络熟悉的直径，单位是像素。照片的边长应当乘以多大的系数（缩放系数是多少）？`fundus.fov_diameter(fov)` 可以量直径。
#
# 练习这样做：把 `return None` 换成你的代码，运行单元格，它会用几个小例子检验你的函数。通过之前，用的是课程自己的函数，也就是参考答案，所以后面照样能运行。


# %% tags=["exercise"]
def scale_factor(fov, known):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


scale_factor = lesson.exercise("01.2", scale_factor)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The factor times the diameter here must be the known diameter. The frame's width plays no part: another camera may leave a broader black border round the same disc.
#
# {{solution 01.2}}
#
# </details>

# %% [markdown] lang="zh" of="e56ed7a4"
# <details><summary>参考答案</summary>
#
# 系数乘以这里的直径，应当等于网络熟悉的直径。整幅图的宽度不起作用：换一台相机，同样的圆盘周围可能留下更宽的黑边。
#
# {{solution 01.2}}
#
# </details>

# %% [markdown] lang="en"
# Here are the segmenter's steps one by one: resize, prepare (chapter 05), predict, bring back to the old size. With your factor they give what `segmenter.probs` gave.

# %% [markdown] lang="zh" of="6c5f0679"
# 下面把分割器的步骤走一遍：缩放，预处理（第 05 章），预测，变回原来的大小。用上你的系数，结果应当和 `segmenter.probs` 一样。

# %%
from skimage.transform import resize

from helpers.preprocess import prepare


def probs_at(photograph, factor):
    """Resize a photograph, let the network look, bring the answer back."""
    height, width = photograph.shape[1:]
    size = round(height * factor), round(width * factor)
    small = resize(photograph, (3, *size), order=1, anti_aliasing=True)
    inputs = segmenter.standardisation(prepare(small.astype(np.float32)))
    answer = inference.predict_probs(segmenter.model, inputs)
    return resize(answer, (1, height, width), order=1)


factor = scale_factor(fov, segmenter.fov_diameter)
by_steps = probs_at(image, factor) * fov
same = ((by_steps > segmenter.threshold) == pred)[fov].mean()
print(f"factor {factor:.3f}; the same decision as segmenter.probs at {same:.1%}")
# zh: print(f"系数 {factor:.3f}；和 segmenter.probs 的判断相同的像素占 {same:.1%}")
print("of the pixels in the field of view")
# zh: print("（只算视野内的像素）")

# %% [markdown] lang="en"
# What if the size is wrong? We take the piece round the optic disc and give it to the network at four sizes: half as large as it knows, right, twice, and four times as large.
#
# **Guess 1.3** At four times the size: which vessels does the network lose most, the thin or the wide ones?

# %% [markdown] lang="zh" of="0032b26e"
# 如果大小不对呢？取视盘周围的一块，用四种大小送进网络：网络熟悉的大小的一半、正好、两倍、四倍。
#
# **猜一猜 1.3** 放到四倍大时，网络丢掉最多的是细血管，还是粗血管？

# %%
guess = None  # your guess: "thin" or "wide"
# zh: guess = None  # 你的猜测：写 "thin"（细）或 "wide"（粗）
lesson.ask("01.3", guess)

# %% tags=["answer"]
from skimage.morphology import skeletonize

corner = (slice(None), slice(400, 900), slice(100, 600))  # round the optic disc
middle = skeletonize(pred[0])[corner[1:]]  # the centre-lines of the vessels
radius = distance_transform_edt(pred[0])[corner[1:]]  # pixels to the vessel's rim
thin, wide = middle & (radius <= 4), middle & (radius >= 10)

seen = {times: probs_at(image[corner], times * factor) for times in (0.5, 1, 2, 4)}
print("Found again, of the centre-lines of thin and of wide vessels:")
# zh: print("细血管和粗血管的中心线，各有多少又被找到：")
for times, x in seen.items():
    kept = (x > segmenter.threshold)[0]
    print(f"{times:3g} x   thin {kept[thin].mean():4.0%}   wide {kept[wide].mean():4.0%}")
    # zh: print(f"{times:3g} 倍   细 {kept[thin].mean():4.0%}   粗 {kept[wide].mean():4.0%}")

# %% fold="Draw what the network saw at three sizes" fold_zh="画出三种大小时的结果"
pictures = [figures.to_picture(image[corner]), *(seen[k][0] for k in (0.5, 1, 4))]
titles = ["photograph", "probs at half the size", "at the right size", "four times"]
figures.show_images(pictures, titles, 2, 2.4)
figures.show(
    "The piece round the optic disc and its probabilities at three sizes. At half the "
    "size thin vessels are missing; at the right size nearly all are there; at four times the "
    "wide ones are hollow, broken or gone."
)
# zh: figures.show(
# zh:     "视盘周围的一块，以及三种大小下的概率图。一半大时没有细血管；"
# zh:     "大小正好时几乎都在；四倍大时粗血管空心、断开或者消失。"
# zh: )
print("White: vessel for sure; black: no vessel.")
# zh: print("白色：一定是血管；黑色：不是血管。")

# %% [markdown] lang="en"
# Too small, the thin vessels go: too few pixels are left of them. Too large, the wide ones go first, and come out hollow or broken: the network has never met a vessel so wide. Twice the size still does little harm; four times spoils the whole answer. **Vessel width in pixels is the first thing to get right with a new camera**, and costs nothing but a resize.

# %% [markdown] lang="zh" of="5e803e2c"
# 图中文字：photograph 原照片 · probs at half the size 一半大时的概率 · at the right size 大小正好 · four times 四倍大。
#
# 太小，先丢细血管：它们剩下的像素太少。太大，先丢粗血管，变成空心或断开：网络从没见过这么粗的血管。两倍大影响还不大，四倍大就全乱了。**换相机时，首先要让血管的像素宽度对上**，代价只是一次缩放。

# %% [markdown] lang="en" minutes="7"
# ## How much of it is vessel?
#
# `probs[fov]` takes the values where `fov` is True, as one long row; so `probs[fov].mean()` is the mean probability in the field of view.
#
# **Exercise 1.4** Write `vessel_share(pred, fov)`: the share of vessel pixels among the pixels *inside* the field of view. Both are (1, H, W) bool.

# %% [markdown] lang="zh" of="993cd97d"
# ## 血管占多少？
#
# `probs[fov]` 取出 `fov` 为 True 的位置上的值，排成一长列；所以 `probs[fov].mean()` 是视野内概率的平均值。
#
# **练习 1.4** 编写 `vessel_share(pred, fov)`：视野*内*的像素中，血管像素占多少。两个参数都是 (1, H, W) 的布尔数组。


# %% tags=["exercise"]
def vessel_share(pred, fov):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


vessel_share = lesson.exercise("01.4", vessel_share)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# `pred[fov]` picks the pixels where `fov` is True, as one long row. The mean of True and False is the share of True.
#
# {{solution 01.4}}
#
# </details>

# %% [markdown] lang="zh" of="0313b058"
# <details><summary>参考答案</summary>
#
# `pred[fov]` 取出 `fov` 为 True 的像素，排成一长列。True 和 False 的平均值就是 True 的比例。
#
# {{solution 01.4}}
#
# </details>

# %%
inside = vessel_share(pred, fov)
print(f"inside the field of view: {inside:.1%} vessel")
# zh: print(f"视野内：血管占 {inside:.1%}")
print(f"in the whole frame:       {pred.mean():.1%} vessel")
# zh: print(f"整幅图：血管占 {pred.mean():.1%}")
print(f"The frame is {1 - fov.mean():.0%} black border.")
# zh: print(f"整幅图有 {1 - fov.mean():.0%} 是黑边。")
lesson.contract("01.share", inside)

# %% [markdown] lang="en"
# The second number is smaller for no reason of the eye's: the black border is counted, too. The same happens to every score in chapter 09, so the course counts inside the field of view only.

# %% [markdown] lang="zh" of="be9248af"
# 第二个数更小，与眼睛无关，只因为把黑边也算进了分母。第 09 章的每个分数都有同样的问题，所以课程只数视野内的像素。

# %% [markdown] lang="en" minutes="3"
# ## What a U-Net is for
#
# To *classify* an image is to give it one label: diseased or not. A doctor often needs to know where. To *segment* it is to give a label to every pixel.
#
# **Guess 1.5** How many labels did the network give for this photograph of 1411 × 1411 pixels in three colours?

# %% [markdown] lang="zh" of="44bda8b5"
# ## U-Net 是做什么的
#
# 分类 (classification) 给整幅图一个标签：有病或者没病。医生常常还要知道在哪里。分割 (segmentation) 给每个像素一个标签。
#
# **猜一猜 1.5** 这张照片有 1411 × 1411 个像素、三种颜色。网络为它给出了多少个标签？

# %%
guess = None  # your guess: a whole number, or a product such as 3 * 5
# zh: guess = None  # 你的猜测：一个整数，也可以写乘式，例如 3 * 5
lesson.ask("01.5", guess)

# %% tags=["answer"]
print(f"labels given: {pred.size:,} = {pred.shape[1]} x {pred.shape[2]}")
# zh: print(f"给出的标签：{pred.size:,} = {pred.shape[1]} x {pred.shape[2]}")
weights = sum(p.numel() for p in segmenter.model.parameters())
print(f"numbers the network has learnt, its parameters: {weights:,}")
# zh: print(f"网络学到的数，也就是参数：{weights:,} 个")
lesson.contract("01.parameters", weights)

# %% [markdown] lang="en"
# Those numbers (you will hear *weights* for them, too) were learnt from 16 photographs of DRIVE, on which every vessel had been traced by hand. That so little is enough is the point of the U-Net. Its paper is Ronneberger, Fischer and Brox, *U-Net: Convolutional Networks for Biomedical Image Segmentation*, MICCAI 2015. Trained on 30 electron-microscope images of nerve tissue, the network beat the best method until then in the ISBI 2012 challenge, and it won two categories of the ISBI 2015 cell-tracking challenge. The paper brings three ideas together:
#
# - **The U.** The left arm shrinks the image step by step, so that each number sees more of the surroundings: *what is here?* The right arm enlarges it again.
# - **The bridges.** Shrinking forgets exactly *where*. So each level of the left arm is joined to the right arm (*skip connection*).
# - **Augmentation.** Images and labels are bent and turned together: new examples from old ones.

# %% [markdown] lang="zh" of="d9301e59"
# 这些参数（常常也叫权重）是从 DRIVE 的 16 张照片里学到的，照片上的血管由人一条条描出。数据这么少也够用，正是 U-Net 的意义。论文是 Ronneberger、Fischer 和 Brox 的 *U-Net: Convolutional Networks for Biomedical Image Segmentation*，MICCAI 2015。论文用 30 张神经组织的电子显微镜图像训练，在 ISBI 2012 神经元结构分割竞赛中超过了此前最好的方法；又赢得 ISBI 2015 细胞追踪竞赛的两个类别。论文把三个想法合在一起：
#
# - **U 形。** 左臂把图像一步步缩小，每个数看到的周围越来越大：*这里是什么？* 右臂再一步步放大。
# - **桥。** 缩小会忘掉确切的*位置*。所以左臂的每一层都接到右臂上，叫跳跃连接 (skip connection)。
# - **数据增强** (augmentation)。图像和标签一起弯曲、旋转，由已有样本生成新样本。

# %% [markdown] lang="en"
# <details><summary>Beside the blog post</summary>
#
# The course began as the reproduction of a Chinese blog post, "U-Net study notes". It rightly says that medicine needs more than one label an image, and that the U-Net labels pixel by pixel. Two sentences can be more exact. It writes that this happens on top of a known class of the image; no class is needed first, each pixel is labelled directly. And it writes that structures become clearer; segmentation makes nothing clearer in the image, it says what is where.
#
# </details>

# %% [markdown] lang="zh" of="11a323a9"
# <details><summary>对照博文</summary>
#
# 课程从复现一篇中文博文《U-net学习笔记》开始。原文说医学里只给整幅图分类不够，U-Net 做的是像素级的分类，说得对。有两句可以更准确。原文写“在已有图像类别的基础上”；更准确的说法是：不需要先知道图像的类别，直接给每个像素一个标签。原文写“使……变化更加清晰”；更准确的说法是：分割不会让图像更清晰，它说出哪里是什么。
#
# </details>

# %% [markdown] lang="en" minutes="1"
# ## An error from a Chinese keyboard
#
# With a Chinese input method switched on, a comma is one full-width character, which Python does not take. Switch to English (often `Shift`) and type it again, or search and replace:

# %% [markdown] lang="zh" of="84196735"
# ## 一个迟早会遇到的错误
#
# 开着中文输入法，打出的逗号是全角字符。它看上去像逗号，Python 却不认；全角的括号、引号、冒号也一样。把输入法切到英文（常用 `Shift`），重新输入，或者查找并替换。下面把错误的一行放在字符串里，让 `compile` 去读，这样“全部运行”不会中断：

# %%
typed = "print(1，2)"
try:
    compile(typed, "my cell", "exec")
except SyntaxError as error:
    print(f"{typed}  SyntaxError: {error.msg}")
cured = typed.replace("，", ",")
compile(cured, "my cell", "exec")  # no error
print(f"{cured}   can be read")
# zh: print(f"{cured}   没有错误")

# %% [markdown] lang="en" minutes="1"
# ## The course
#
# | chapter | its question |
# |---|---|
# | [02 just enough PyTorch](02_pytorch.ipynb) | how does a program learn the nine numbers of a 3×3 kernel by itself? |
# | [03 the U-Net paper](03_paper.ipynb) | what does each arrow of the famous figure do, and why is it there? |
# | [04 the data](04_data.ipynb) | what was photographed, who traced the vessels, and do two people agree on them? |
# | [05 pre-processing](05_preprocessing.ipynb) | what do green channel, CLAHE and gamma change, and what does a score see of it? |
# | [06 augmentation](06_augmentation.ipynb) | how are many examples made from a few photographs? |
# | [07 the network](07_unet.ipynb) | what does each arrow of the U do, and what does it cost? |
# | [08 training](08_training.ipynb) | how does the network learn, and how do you see that it does? |
# | [09 results](09_results.ipynb) | how good is it, how sure are we, and compared with whom? |
# | [10 the paper's own way](10_paper_way.ipynb) (elective) | how did the authors train and predict in 2015, and does it still work? |
# | [11 your own images, other cameras](11_your_images.ipynb) | what happens on a photograph of your own, and why may the output be black? |
# | [12 what matters](12_what_matters.ipynb) | which of all these choices change the result, and how do we know? |
# | [13 scaling up](13_scaling_up.ipynb) (elective) | what do a wider network, several machines and a million photographs cost? |
# | [14 your turn](14_your_turn.ipynb) | can you do it alone, on eyes that the network has not seen? |
#
# Each chapter runs alone. In a hurry: 01, 02, 04, 07, 08, 09.

# %% [markdown] lang="zh" of="243a0c44"
# ## 课程地图
#
# | 章 | 问题 |
# |---|---|
# | [02 PyTorch 入门](02_pytorch.ipynb) | 程序怎样自己学出一个 3×3 卷积核的九个数？ |
# | [03 U-Net 论文](03_paper.ipynb) | 那张有名的图里，每个箭头做什么，为什么要有它？ |
# | [04 数据](04_data.ipynb) | 拍的是什么，血管是谁描的，两个人描得一样吗？ |
# | [05 预处理](05_preprocessing.ipynb) | 绿色通道、CLAHE、伽马校正改变了什么，分数看得出多少？ |
# | [06 数据增强](06_augmentation.ipynb) | 怎样从几张照片得到许多样本？ |
# | [07 网络](07_unet.ipynb) | U 形图里的每个箭头做什么，代价是多少？ |
# | [08 训练](08_training.ipynb) | 网络怎样学习，怎样看出它在学？ |
# | [09 结果](09_results.ipynb) | 它有多好，结论有多可靠，和谁相比？ |
# | [10 论文自己的做法](10_paper_way.ipynb)（选修） | 2015 年作者们怎样训练、怎样预测，今天还管用吗？ |
# | [11 自己的图像，别的相机](11_your_images.ipynb) | 用自己的照片会怎样，为什么有时输出全黑？ |
# | [12 什么最重要](12_what_matters.ipynb) | 这么多选择里，哪些真的影响结果，怎么知道？ |
# | [13 扩大规模](13_scaling_up.ipynb)（选修） | 网络更宽、机器更多、一百万张照片，各要多少代价？ |
# | [14 轮到你了](14_your_turn.ipynb) | 面对网络没见过的眼睛，你能独立完成吗？ |
#
# 每一章都能单独运行。时间紧的话，学 01、02、04、07、08、09。

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - A notebook is run by a kernel, cell by cell; *Run all* always works; save a copy first.
# - A GPU is chosen before the first cell runs, and nothing depends on it.
# - Segmentation is a label per pixel. It took one function call.
# - A photograph is resized so that its field of view has the diameter the network knows: half that size loses the thin vessels, four times that size the wide ones.
# - Shares and scores are counted inside the field of view.

# %% [markdown] lang="zh" of="b7d49382"
# ## 小结
#
# - 内核一个单元格一个单元格地运行 Notebook；“全部运行”总能跑完；先存副本。
# - GPU 要在运行第一个单元格之前选好；没有它也行。
# - 分割就是每个像素一个标签，这里只用了一次函数调用。
# - 照片先缩放，让视野的直径等于网络熟悉的直径：只有一半大，丢细血管；四倍大，丢粗血管。
# - 比例和分数都只数视野内的像素。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28).
# - The photograph: M. Häggström, Medical gallery of Mikael Häggström 2014, WikiJournal of Medicine 1 (2), [doi:10.15347/wjm/2014.008](https://doi.org/10.15347/wjm/2014.008), CC0; `skimage.data.retina`.
# - The data the weights were trained on: Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627).
# - "U-Net study notes", a Chinese blog post: its introduction, and section 1 of its Colab part, the set-up, of which the copy we have holds only the heading.

# %% [markdown] lang="zh" of="3f362106"
# ## 参考资料
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)。
# - 照片：M. Häggström, Medical gallery of Mikael Häggström 2014, WikiJournal of Medicine 1 (2), [doi:10.15347/wjm/2014.008](https://doi.org/10.15347/wjm/2014.008)，CC0；`skimage.data.retina`。
# - 训练权重所用的数据：Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。
# - 中文博文《U-net学习笔记》：前言、“U-net简介”，以及 Colab 部分的第 1 节“环境配置”（我们手头的存档里，这一节只剩标题，原文可能有内容）。

# %% include="ticket"
