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
# *一个网络能在第一分钟里画出眼睛的血管吗？它需要什么条件？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** open the course in Colab, choose a GPU and say what it is; segment the vessels of a fundus photograph with the shipped weights; say why the photograph is resized first.
#
# **Minutes** 45 to read and try, 1 to compute.
#
# **You need** a browser, and enough Python to write a function with one `return`.
#
# **You are here**

# %% [markdown] lang="zh" of="26d24774"
# **学完这一章你能** 在 Colab 里打开课程，选一块 GPU 并说清它是什么；用课程自带的权重分割眼底照片里的血管；解释照片为什么要先缩放。
#
# **用时** 阅读和练习 45 分钟，计算 1 分钟。
#
# **预备知识** 会用浏览器；会写只有一个 `return` 的 Python 函数。
#
# **你在这里**

# %% [markdown] lang="en"
# ## Before you run anything
#
# This page is a *notebook*: text and *cells* of Python. A running Python process, the *kernel*, executes the cells and remembers every name they define. `Shift` + `Enter` runs one cell. *Runtime > Run all* (JupyterLab: *Run > Run All Cells*) runs them from top to bottom; every chapter reaches its end this way without an answer from you. If a cell says `NameError`, a cell above it has not run yet: use *Run all*, or *Runtime > Run before*.
#
# In Colab, do two things first; elsewhere, skip them.
#
# 1. *File > Save a copy in Drive.* What you see is a shared original; your changes are lost unless they are in a copy of your own.
# 2. *Runtime > Change runtime type > T4 GPU > Save*, if you want a GPU. Do it before you run a cell, because a change starts a new, empty machine. This chapter and the next are quick without one.
#
# Each code cell begins with its number, such as `# [01-04]`: chapter 01, fourth cell. In a class, name the number when you ask. If an error puzzles you, search for its words in the [FAQ](../FAQ.md).
#
# The next cell finds the course's Python package, `helpers`, or fetches it, and looks for the data. It installs nothing. Its last two lines, English and Chinese, say mode, data and device:
#
# - mode `lesson` is the ordinary one; `smoke` is a quick one for tests, `full` trains longest.
# - data `DRIVE` means photographs of real eyes; so does `CHASEDB1` (CHASE_DB1, the eyes of children), which is taken where DRIVE is not. `PHANTOM` means *phantoms*, drawn eyes that stand in where neither is here and neither could be fetched. Each chapter runs on each of them; what the text says of numbers "on DRIVE" holds for DRIVE, and with other eyes yours differ.
# - data `none yet`: nothing is fetched or drawn before a chapter needs it. This one does not: its photograph comes with scikit-image.

# %% [markdown] lang="zh" of="35606aac"
# ## 运行之前
#
# 这个页面是一个笔记本文件 (notebook)：由文字和 Python 单元格 (cell) 组成。后台有一个 Python 进程，叫内核 (kernel)。它执行单元格，并记住其中定义的每个名字。`Shift` + `Enter` 运行一个单元格。菜单“代码执行程序 > 全部运行” (Runtime > Run all) 从上到下全部运行；在 JupyterLab 里是“运行 > 运行所有单元格” (Run > Run All Cells)。每一章都可以这样跑完，不会停下来等你作答。看到 `NameError`，说明上面有单元格还没运行：用“全部运行”，或者先运行它上面的单元格 (Runtime > Run before)。菜单的中文名可能随版本略有不同，所以括号里也写英文名。
#
# 在 Colab 里先做两件事；不用 Colab 就跳过。
#
# 1. “文件 > 在云端硬盘中保存一份副本” (File > Save a copy in Drive)。你看到的是公用的原件，不存副本，改动就会丢失。
# 2. 想用 GPU，就选“代码执行程序 > 更改运行时类型 > T4 GPU > 保存” (Runtime > Change runtime type > T4 GPU > Save)。请在运行单元格之前选好，因为换类型会换一台全新的空机器。这一章和下一章没有 GPU 也很快。
#
# 每个代码单元格的第一行是编号，例如 `# [01-04]` 是第 01 章的第 4 个单元格。上课提问时先报编号。看不懂报错，就到[常见问题](../FAQ.zh-CN.md)（[英文](../FAQ.md)）里搜其中的词。
#
# 下一个单元格寻找课程的 Python 包 `helpers`，找不到就下载；还会看看数据在不在。它不安装任何东西。最后两行（英文、中文各一行）输出模式、数据和设备：
#
# - 模式 `lesson` 是平常用的；`smoke` 用来快速测试，`full` 训练时间最长。
# - 数据 `DRIVE` 是真实眼睛的照片；`CHASEDB1`（CHASE_DB1，儿童的眼睛）也是，没有 DRIVE 时用它。`PHANTOM` 是仿真眼底图 (phantom)，也就是画出来的眼睛：两种照片都没有、也没能下载时用它代替。每一章用哪一种都能跑完；正文里写明“在 DRIVE 上”的数字只对 DRIVE 成立，换了数据，你的数字会不同。
# - 数据显示“暂无” (`none yet`)：用到之前不下载，也不绘制。这一章用不到：照片由 scikit-image 自带。

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %% [markdown] lang="en"
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

# %% [markdown] lang="en"
# A *segmenter* holds a trained U-Net and what belongs to it. `probs` gives each pixel a probability of being vessel; `pred` is where that probability is above the segmenter's threshold. How all this is made is the subject of the other chapters.

# %% [markdown] lang="zh" of="570ad306"
# 分割器 (segmenter) 里装着一个训练好的 U-Net 和它的配套参数。`probs` 给出每个像素是血管的概率；概率超过阈值 (threshold) 的像素组成 `pred`。这些是怎样做出来的，后面各章会讲。

# %%
segmenter = inference.Segmenter.load()
start = time.perf_counter()
fov = fundus.automatic_fov(image)  # the disc that the camera lit, (1, H, W) bool
probs = segmenter.probs(image, fov)  # (1, H, W), 0 to 1
pred = probs > segmenter.threshold
print(f"segmented in {time.perf_counter() - start:.1f} s")

# %%
from skimage.transform import downscale_local_mean


def quarter(x):
    """Shrink (C, H, W) to a quarter of its height and width, for the screen."""
    return downscale_local_mean(x, (1, 4, 4))


photo, found = quarter(image), quarter(pred) > 0.5
pictures = [figures.to_picture(photo), quarter(probs)[0], figures.overlay(photo, found)]
figures.show_images(pictures, ["photograph", "probs", "pred, painted over"], 3, 2.7)
plt.show()
print(f"Vessel: {pred[fov].mean():.1%} of the pixels inside the lit disc.")

# %% [markdown] lang="en"
# The network was trained on the photographs of another camera, those of the DRIVE data set; it has never seen this eye. Compare the left and right panels: which vessels did it miss, and where did it see one that is none? Look at the rim of the bright spot on the left.
#
# **This is not a medical device.** It is made for teaching. Do not use it to decide anything about a patient.

# %% [markdown] lang="zh" of="8e64bfbe"
# 图中文字：photograph 原照片 · probs 血管概率 · pred, painted over 分割结果叠加在照片上。
#
# 训练这个网络的照片来自 DRIVE 数据集，是另一台相机拍的，它从没见过这只眼睛。比较左右两幅图：它漏了哪些血管？哪里不是血管却被画了出来？看看左边明亮圆斑的边缘。
#
# **这不是医疗器械。** 它只用于教学，不要据此对患者做任何判断。

# %% [markdown] lang="en"
# ## What machine is this?
#
# A GPU does thousands of multiplications at once; training in chapter 08 is where it pays. NVIDIA gives each generation of GPUs a number, the *compute capability*. It decides which kind of short number the hardware multiplies fast:
#
# - `fp32`: 32 bits. Every machine has it.
# - `fp16`: 16 bits, small range. In training, small numbers would round to zero, so a trick is needed.
# - `bf16`: 16 bits, the range of `fp32` with fewer digits. Simple to use. NVIDIA's GPUs have the hardware from compute capability 8 on, and so have CPUs with AMX or AVX-512 BF16.
#
# In training the *forward pass*, the way through the network from image to answer, takes the short numbers where they are fast. Segmenting takes `fp32` everywhere, so that every machine finds the same vessels. The next cell shows what you have.

# %% [markdown] lang="zh" of="72e3d1ba"
# ## 这是一台什么机器？
#
# GPU 能同时做成千上万次乘法，到第 08 章训练时才真正派上用场。NVIDIA 给每一代 GPU 一个编号，叫计算能力 (compute capability)。它决定硬件能快速计算哪种短的数：
#
# - `fp32`：32 位，每台机器都有。
# - `fp16`：16 位，数值范围小。训练时很小的数会变成零，要专门防止。
# - `bf16`：16 位，范围和 `fp32` 一样，有效数字少一些。用起来简单。NVIDIA 的 GPU 从计算能力 8 起才有这种硬件，带 AMX 或 AVX-512 BF16 指令的 CPU 也有。
#
# 前向计算 (forward pass) 指从图像算到结果的过程。训练时，只要硬件算短的数快，前向计算就用短的数。分割时处处都用 `fp32`，这样每台机器找到的血管都一样。下一个单元格输出你用的机器。

# %% tags=["varies"]
device = runtime.pick_device()
print("device:", runtime.device_name(device))
print("numbers in training:", runtime.pick_precision(device))
print("torch", torch.__version__, "| CPU threads:", torch.get_num_threads())

# %% [markdown] lang="en"
# The rule behind the second line is short. This is `pick_precision` in `helpers/runtime.py`:

# %% [markdown] lang="zh" of="c4f567fb"
# 第二行背后的规则很短，就是 `helpers/runtime.py` 里的 `pick_precision`：

# %% tags=["show-source"]
from helpers.runtime import pick_precision

# %% [markdown] lang="en"
# **Predict.** Colab's free GPU is usually a T4, compute capability 7.5. Which numbers will the course use there? Put your answer in place of `None` and run the cell again.

# %% [markdown] lang="zh" of="51123285"
# **猜一猜。** Colab 免费的 GPU 通常是 T4，计算能力 7.5。课程在它上面会用哪种数？用你的答案替换 `None`，再运行一次。

# %%
guess = None  # your guess: "fp32", "fp16" or "bf16"
lesson.check(
    "Which numbers on a T4, compute capability 7.5?",
    guess,
    "fp16",
    hint=("Read the branch for cuda above.", "读一读上面 cuda 那一支。"),
    mistakes=[
        (
            "bf16",
            (
                "torch accepts bf16 on a T4, but imitates it, slowly: 7 is below 8.",
                "T4 上 torch 也接受 bf16，但那是慢速的模拟：7 小于 8。",
            ),
        )
    ],
)

# %% [markdown] lang="en"
# Answer: `fp16`. `torch.cuda.is_bf16_supported()` says True on a T4 because it counts the imitation, so the course asks for the compute capability instead.
#
# **No GPU?** Colab does not promise one. Nothing here depends on it: every chapter runs on an ordinary laptop. Chapter 08 times a few steps first, tells you the minutes, and lets you train less or take the shipped weights.

# %% [markdown] lang="zh" of="84a73594"
# 答案：`fp16`。T4 上 `torch.cuda.is_bf16_supported()` 返回 True，因为它把模拟也算作支持。所以课程直接看计算能力。
#
# **没有 GPU？** Colab 不保证每次都有。课程不依赖它：每一章都能在普通笔记本电脑上运行。第 08 章会先试跑几步，告诉你要几分钟，你可以少训练一些，或者直接用自带的权重。

# %% [markdown] lang="en"
# ## Google Drive, only if you want it
#
# Colab takes its machine back after some hours, with all files on it. A folder in your Drive survives. The price: Google asks you to let this notebook see *all* of your Drive, not one folder. The course needs no Drive, so the box below is empty. Tick it only if you keep data or checkpoints there; outside Colab the cell does nothing.

# %% [markdown] lang="zh" of="db491134"
# ## Google 云端硬盘：自愿选用
#
# 几小时后 Colab 会收回机器，上面的文件全部消失；云端硬盘 (Drive) 里的文件夹会留下。代价是：Google 会请你允许这个笔记本文件访问*整个*云端硬盘，而不是一个文件夹。课程不需要它，所以下面的选项默认不勾。只有想把数据或检查点放在那里时才勾选；不在 Colab 里，这个单元格什么也不做。

# %% title="Mount Google Drive (optional)" title_zh="TODO"
use_drive = False  # @param {type:"boolean"}

try:
    from google.colab import drive
except ImportError:
    drive = None

if drive and use_drive:
    drive.mount("/content/drive")
else:
    print("Drive is not mounted; the course works without it.")

# %% [markdown] lang="en"
# ## Look at the photograph
#
# Four things to recognise.
#
# - **Field of view** (FOV): the lit disc. What is black around it is the camera's frame, not the eye.
# - **Optic disc**: the bright spot. All vessels enter and leave here, with the optic nerve. It lies on the side of the nose.
# - **Macula**: the dark area of sharpest sight; its centre is the *fovea*. Wide vessels pass round it.
# - **Arteries and veins**: arteries are lighter and narrower, veins darker and wider; they often run in pairs.
#
# Two of them are easily found by a program: blur the green channel, then take the brightest and the darkest place well inside the FOV.

# %% [markdown] lang="zh" of="08d98740"
# ## 读懂这张照片
#
# 先认识四样东西。
#
# - **视野** (field of view, FOV)：被照亮的圆盘。周围的黑色是相机的画框，不是眼睛。眼科检查里的“视野”是另一个意思，这里不用。
# - **视盘** (optic disc)：明亮的圆斑。血管和视神经都从这里进出，它靠近鼻子一侧。
# - **黄斑** (macula)：视觉最敏锐的暗区，正中是中央凹 (fovea)。粗血管绕着它走。
# - **动脉和静脉**：动脉较亮、较细，静脉较暗、较粗，常常成对而行。
#
# 程序很容易找到其中两样：把绿色通道模糊，在视野内部取最亮和最暗的位置。

# %%
from scipy.ndimage import distance_transform_edt
from skimage.filters import gaussian

blurred = gaussian(image[1], 30)  # green; fine detail is smoothed away
inner = distance_transform_edt(fov[0]) > 200  # pixels; keeps away from the rim
disc = np.argwhere((blurred == blurred[inner].max()) & inner)[0]  # (row, col)
fovea = np.argwhere((blurred == blurred[inner].min()) & inner)[0]
print(f"optic disc near (row, col) = {disc}, fovea near {fovea}")

# %%
fig, ax = plt.subplots(figsize=(3.8, 3.8), dpi=figures.DPI)
ax.imshow(figures.to_picture(photo))
ax.contour(quarter(fov)[0], [0.5], colors="white", linewidths=1)
for (row, col), name in ((disc, "optic disc"), (fovea, "fovea in the macula")):
    ax.plot(col / 4, row / 4, "o", ms=26, mfc="none", mec="white")
    ax.text(col / 4 + 12, row / 4 - 24, name, color="white", fontsize=9)
ax.text(130, 330, "field of view", color="white", fontsize=9)
ax.axis("off")
plt.show()
fov_width = fundus.fov_diameter(fov)
apart = np.hypot(*(disc - fovea))
print(f"The field of view is {fov_width:.0f} pixels wide; optic disc and fovea are")
print(f"{apart:.0f} pixels apart, {apart / fov_width:.2f} of that.")

# %% [markdown] lang="en"
# **Predict.** The picture shows the eye as a doctor sees it who faces the patient. Is it the left or the right eye?

# %% [markdown] lang="zh" of="28b650ef"
# 图中文字：optic disc 视盘 · fovea in the macula 黄斑中央凹 · field of view 视野。
#
# **猜一猜。** 照片的方向和医生面对患者时看到的一样。这是左眼还是右眼？

# %%
guess = None  # your guess: "left" or "right"
lesson.check(
    "Left or right eye?",
    guess,
    "left" if disc[1] < fovea[1] else "right",
    hint=(
        "The optic disc lies towards the nose. Facing a patient, on which side of the "
        "patient's left eye do you see the nose?",
        "视盘在鼻子一侧。面对患者时，鼻子在患者左眼的哪一边？",
    ),
)

# %% [markdown] lang="en"
# The optic disc lies to the left of the fovea. When you face someone, the nose is to the left of their left eye: this is a left eye.
#
# Now closer. The white line below crosses four vessels; the curves are the values under it.

# %% [markdown] lang="zh" of="1f2b90f8"
# 视盘在中央凹的左边。面对一个人时，鼻子在他左眼的左边：所以这是左眼。
#
# 再靠近一些。下图的白线穿过四条血管，右边的曲线是线上的像素值。

# %%
rows, col = np.arange(880, 1240), 400
line = image[:, rows, col - 2 : col + 3].mean(2)  # (3, 360), mean of five columns
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), dpi=figures.DPI)
left.imshow(figures.to_picture(image[:, 880:1240, 220:580])[::2, ::2])
left.axvline((col - 220) / 2, color="white", lw=1)
left.axis("off")
right.plot(rows, line[0], color=figures.RED, label="red")
right.plot(rows, line[1], color=figures.GREEN, label="green")
right.set(xlabel="row", ylabel="value", ylim=(0, 1))
right.legend(frameon=False)
plt.show()
vein = line[1].argmin()
wall, middle = line[0, vein - 8 : vein + 14].min(), line[0, vein + 3 : vein + 8].max()
print(f"Darkest in green at row {rows[vein]}: {line[1, vein]:.2f}, a vein.")
print(f"Across it red falls to {wall:.2f}, but is {middle:.2f} in the middle.")

# %% [markdown] lang="en"
# Blood swallows green light, so vessels are deep valleys in green and shallow ones in red. The small rise in the middle of the vein is the *central light reflex*: the round wall mirrors the lamp. Arteries show it most. In a wide vessel this bright streak can make a program see two thin vessels instead of one, or none.

# %% [markdown] lang="zh" of="7bf6c385"
# 图中文字：red 红色通道 · green 绿色通道 · row 行 · value 像素值。
#
# 血液吸收绿光，所以血管在绿色曲线上是深谷，在红色曲线上只是浅谷。静脉中间那个小凸起是血管中央反光 (central light reflex)：圆弧形的血管壁像镜子一样反射灯光，动脉上最明显。血管很粗时，这条亮带会让程序看成两条细血管，或者干脆看不见。

# %% [markdown] lang="en"
# ## Why the photograph was resized
#
# The network was trained on DRIVE's photographs, whose field of view is far narrower in pixels. It knows vessels a few pixels wide. If both cameras see about the same part of the eye, then the optic disc, the vessels, everything is larger here, in pixels, by the ratio of the two fields of view. So the segmenter resizes the photograph until its FOV has the diameter the network knows, and brings the probabilities back to the photograph's own size.
#
# **Exercise 1.1** Write `scale_factor(fov, known)`: by which factor must a photograph be resized, if `fov` is its field of view, (1, H, W) bool, and `known` the diameter in pixels that the network knows? `fundus.fov_diameter(fov)` measures a diameter.

# %% [markdown] lang="zh" of="ab9a2774"
# ## 照片为什么要先缩放
#
# 网络是用 DRIVE 的照片训练的，那些照片的视野在像素上小得多，它熟悉的血管只有几个像素宽。如果两台相机拍到的眼底范围差不多，那么这张照片里的视盘、血管，一切在像素上都更大，倍数就是两个视野直径之比。所以分割器先缩放照片，让视野的直径等于网络熟悉的直径，再把概率图变回照片原来的大小。
#
# **练习 1.1** 编写 `scale_factor(fov, known)`：`fov` 是照片的视野，形状 (1, H, W)，布尔值；`known` 是网络熟悉的直径，单位是像素。照片应当乘以多大的系数？`fundus.fov_diameter(fov)` 可以量直径。


# %% tags=["exercise"]
def scale_factor(fov, known):
    return None  # your code here


scale_factor = lesson.exercise("01.1", scale_factor)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The factor times the diameter here must be the known diameter. The frame's width plays no part: another camera may leave a broader black border round the same disc.
#
# {{solution 01.1}}
#
# </details>

# %% [markdown] lang="zh" of="7a6eac00"
# <details><summary>参考答案</summary>
#
# 系数乘以这里的直径，应当等于网络熟悉的直径。整幅图的宽度不起作用：换一台相机，同样的圆盘周围可能留下更宽的黑边。
#
# {{solution 01.1}}
#
# </details>

# %% [markdown] lang="en"
# Here are the segmenter's steps one by one, with your factor: shrink, prepare (chapter 05), predict, enlarge.

# %% [markdown] lang="zh" of="d6cd70d2"
# 下面用你的系数把分割器的步骤走一遍：缩小，预处理（第 05 章），预测，放大。

# %%
from skimage.transform import resize

from helpers.preprocess import prepare

factor = scale_factor(fov, segmenter.fov_diameter)
height, width = image.shape[1:]
size = round(height * factor), round(width * factor)
small = resize(image, (3, *size), order=1, anti_aliasing=True).astype(np.float32)
inputs = segmenter.standardisation(prepare(small))
small_probs = inference.predict_probs(segmenter.model, inputs)
enlarged = resize(small_probs, (1, height, width), order=1) * fov
same = ((enlarged > segmenter.threshold) == pred)[fov].mean()
print(f"factor {factor:.3f}: {height} x {width} -> {size[0]} x {size[1]} and back")
print(f"same decision as segmenter.probs at {same:.1%} of the pixels in the FOV")

# %% [markdown] lang="en"
# **Predict.** Without the resize the network sees every vessel more than twice as wide. Which vessels will it lose, the thin or the wide ones?

# %% [markdown] lang="zh" of="a602931d"
# **猜一猜。** 如果不缩放，网络看到的每条血管都宽了一倍多。它会丢掉细血管，还是粗血管？

# %%
from skimage.morphology import skeletonize

inputs = segmenter.standardisation(prepare(image))
native = inference.predict_probs(segmenter.model, inputs) * fov
middle = skeletonize(pred[0])  # the centre-lines of the vessels
radius = distance_transform_edt(pred[0])  # pixels to the vessel's rim
kept = (native > segmenter.threshold)[0]
thin = kept[middle & (radius <= 5)].mean()
wide = kept[middle & (radius >= 10)].mean()

guess = None  # your guess: "thin" or "wide"
lesson.check(
    "Which vessels are lost at the photograph's own size?",
    guess,
    "thin" if thin < wide else "wide",
    hint=(
        "A thin vessel of this photograph is as wide as a wide one of DRIVE. And what "
        "has the network never seen?",
        "这张照片里的细血管，和 DRIVE 里的粗血管一样宽。网络从没见过的是什么？",
    ),
)

# %%
crop = (slice(None), slice(350, 750), slice(100, 500))  # round the optic disc
pictures = [figures.to_picture(image[crop])]
pictures += [x[crop][0] for x in (probs, native)]
titles = ["photograph", "probs, resized first", "probs at its own size"]
figures.show_images([x[::2, ::2] for x in pictures], titles, 3, 2.6)
plt.show()
print(f"Found again at the photograph's own size: {thin:.0%} of the thin vessels'")
print(f"centre-lines, {wide:.0%} of the wide ones'.")

# %% [markdown] lang="en"
# At its own size, the wide vessels near the optic disc come out faint, hollow or broken: the network has never met a vessel so wide. **Vessel width in pixels is the first thing to get right with a new camera**, and costs nothing but a resize.

# %% [markdown] lang="zh" of="3c498299"
# 图中文字：photograph 原照片 · probs, resized first 先缩放得到的概率 · probs at its own size 原尺寸得到的概率。
#
# 在原尺寸下，视盘附近的粗血管变淡、变空心或断开：网络从没见过这么粗的血管。**换相机时，首先要让血管的像素宽度对上**，代价只是一次缩放。

# %% [markdown] lang="en"
# ## How much of it is vessel?
#
# **Exercise 1.2** Write `vessel_share(pred, fov)`: the share of vessel pixels among the pixels *inside* the field of view. Both are (1, H, W) bool. The cell that drew the first picture shows how to take the pixels inside.

# %% [markdown] lang="zh" of="f9b8977e"
# ## 血管占多少？
#
# **练习 1.2** 编写 `vessel_share(pred, fov)`：视野*内*的像素中，血管像素占多少。两个参数都是 (1, H, W) 的布尔数组。怎样只取视野内的像素，看画出第一幅图的那个单元格。


# %% tags=["exercise"]
def vessel_share(pred, fov):
    return None  # your code here


vessel_share = lesson.exercise("01.2", vessel_share)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# `pred[fov]` picks the pixels where `fov` is True, as one long row. The mean of True and False is the share of True.
#
# {{solution 01.2}}
#
# </details>

# %% [markdown] lang="zh" of="aedcedf9"
# <details><summary>参考答案</summary>
#
# `pred[fov]` 取出 `fov` 为 True 的像素，排成一长列。True 和 False 的平均值就是 True 的比例。
#
# {{solution 01.2}}
#
# </details>

# %%
print(f"inside the field of view: {vessel_share(pred, fov):.1%} vessel")
print(f"in the whole frame:       {pred.mean():.1%} vessel")
print(f"The frame is {1 - fov.mean():.0%} black border.")

# %% [markdown] lang="en"
# The second number is smaller for no reason of the eye's: somebody chose a wider frame. The same happens to every score in chapter 09, so the course counts inside the field of view only.

# %% [markdown] lang="zh" of="2d9cc83e"
# 第二个数更小，却和眼睛无关，只因为画框更宽。第 09 章的每个分数都有同样的问题，所以课程只数视野内的像素。

# %% [markdown] lang="en"
# ## What a U-Net is for
#
# To *classify* an image is to give it one label: diseased or not. A doctor often needs to know where. To *segment* it is to give a label to every pixel.
#
# **Predict.** How many labels did the network give for this photograph?

# %% [markdown] lang="zh" of="62576130"
# ## U-Net 是做什么的
#
# 分类 (classification) 给整幅图一个标签：有病或者没病。医生常常还要知道在哪里。分割 (segmentation) 给每个像素一个标签。
#
# **猜一猜。** 网络为这张照片给出了多少个标签？

# %%
guess = None  # your guess: a whole number; height * width is fine too
lesson.check(
    "How many labels for this photograph?",
    guess,
    height * width,
    hint=("One label for each pixel of `pred`.", "`pred` 的每个像素一个标签。"),
    tolerance=0,
    mistakes=[
        (1, ("That is classification.", "那是分类。")),
        (
            3 * height * width,
            (
                "Red, green and blue are three values of one pixel.",
                "红、绿、蓝是同一个像素的三个值。",
            ),
        ),
    ],
)

# %%
weights = sum(p.numel() for p in segmenter.model.parameters())
print(f"labels given: {pred.size:,} = {height} x {width}")
print(f"numbers the network has learnt, its parameters: {weights:,}")

# %% [markdown] lang="en"
# Those numbers were learnt from 16 photographs of DRIVE, on which every vessel had been traced by hand. That so little is enough is the point of the U-Net. Its paper is Ronneberger, Fischer and Brox, *U-Net: Convolutional Networks for Biomedical Image Segmentation*, MICCAI 2015. It was trained on 30 electron-microscope slices, did better there than the best method before it, and won two categories of a cell-tracking challenge. It brings three ideas together:
#
# - **The U.** The left arm shrinks the image step by step, so that each number sees more of the surroundings: *what is here?* The right arm enlarges it again.
# - **The bridges.** Shrinking forgets exactly *where*. So each level of the left arm is joined to the right arm (*skip connection*).
# - **Augmentation.** Images and labels are bent and turned together: new examples from old ones.
#
# The course began as the reproduction of a Chinese blog post, "U-Net study notes". It rightly says that medicine needs more than one label an image, and that the U-Net labels pixel by pixel. Two sentences can be more exact. It writes that this happens on top of a known class of the image; no class is needed first, each pixel is labelled directly. And it writes that structures become clearer; segmentation makes nothing clearer in the image, it says what is where.

# %% [markdown] lang="zh" of="f20b553b"
# 这些参数是从 DRIVE 的 16 张照片里学到的，照片上的血管由人一条条描出。数据这么少也够用，正是 U-Net 的意义。论文是 Ronneberger、Fischer 和 Brox 的 *U-Net: Convolutional Networks for Biomedical Image Segmentation*，MICCAI 2015。它用 30 张电子显微镜图像训练，在这项竞赛上超过了此前最好的方法，又在一项细胞追踪竞赛的两个类别中获胜。论文把三个想法合在一起：
#
# - **U 形。** 左臂把图像一步步缩小，每个数看到的周围越来越大：*这里是什么？* 右臂再一步步放大。
# - **桥。** 缩小会忘掉确切的*位置*。所以左臂的每一层都接到右臂上，叫跳跃连接 (skip connection)。
# - **数据增强** (augmentation)。图像和标签一起弯曲、旋转，旧例子变出新例子。
#
# 课程从复现一篇中文博客《U-net学习笔记》开始。原文说医学里只给整幅图分类不够，U-Net 做的是像素级的分类，说得对。有两句可以更准确。原文写“在已有图像类别的基础上”；更准确的说法是：不需要先知道图像的类别，直接给每个像素一个标签。原文写“使……变化更加清晰”；更准确的说法是：分割不会让图像更清晰，它说出哪里是什么。

# %% [markdown] lang="en"
# ## An error you will meet
#
# With a Chinese input method switched on, a comma is one full-width character. It looks like a comma; to Python it is none. Here the faulty line is only text, which `compile` tries to read, so that *Run all* goes on:

# %% [markdown] lang="zh" of="682928cb"
# ## 一个迟早会遇到的错误
#
# 开着中文输入法，打出的逗号是全角字符。它看上去像逗号，Python 却不认。下面把错误的一行放在字符串里，让 `compile` 去读，这样“全部运行”不会中断：

# %%
typed = "print(1，2)"  # typed with a Chinese input method on
try:
    compile(typed, "my cell", "exec")
except SyntaxError as error:
    print(f"SyntaxError: {error.msg}, character {error.offset} of {typed}")

# %% [markdown] lang="en"
# The cure: switch the input method to English (often `Shift`), and type the comma again. The same goes for full-width brackets, quotes and colons. In a longer text, search and replace:

# %% [markdown] lang="zh" of="c2aee240"
# 解决办法：把输入法切到英文（常用 `Shift`），重新输入逗号。全角的括号、引号、冒号也一样。文字较长时，查找并替换：

# %%
cured = typed.replace("，", ",")
exec(compile(cured, "my cell", "exec"))
print(f"{cured} runs.")

# %% [markdown] lang="en"
# ## The course
#
# | chapter | its question |
# |---|---|
# | [02 just enough PyTorch](02_pytorch.ipynb) | how does a program find nine numbers by itself? |
# | [03 the U-Net paper](03_paper.ipynb) | what does each arrow of the famous figure do, and why is it there? |
# | [04 the data](04_data.ipynb) | what was photographed, who traced the vessels, and do two people agree on them? |
# | [05 pre-processing](05_preprocessing.ipynb) | what do green channel, CLAHE and gamma change, and what does a score see of it? |
# | [06 augmentation](06_augmentation.ipynb) | how are many examples made from a few photographs? |
# | [07 the network](07_unet.ipynb) | what does each arrow of the U do, and what does it cost? |
# | [08 training](08_training.ipynb) | how does the network learn, and how do you see that it does? |
# | [09 results](09_results.ipynb) | how good is it, how sure are we, and compared with whom? |
# | [10 the paper's own way](10_paper_way.ipynb) (elective) | how did the authors train and predict in 2015, and does it still work? |
# | [12 what matters](12_what_matters.ipynb) | which of all these choices change the result, and how do we know? |
#
# Each chapter runs alone. In a hurry: this one, then 07, 08 and 09.

# %% [markdown] lang="zh" of="b33ef5da"
# ## 课程地图
#
# | 章 | 问题 |
# |---|---|
# | [02 PyTorch 入门](02_pytorch.ipynb) | 程序怎样自己找到九个数？ |
# | [03 U-Net 论文](03_paper.ipynb) | 那张有名的图里，每个箭头做什么，为什么要有它？ |
# | [04 数据](04_data.ipynb) | 拍的是什么，血管是谁描的，两个人描得一样吗？ |
# | [05 预处理](05_preprocessing.ipynb) | 绿色通道、CLAHE、伽马校正改变了什么，分数看得出多少？ |
# | [06 数据增强](06_augmentation.ipynb) | 怎样从几张照片得到许多例子？ |
# | [07 网络](07_unet.ipynb) | U 形图里的每个箭头做什么，代价是多少？ |
# | [08 训练](08_training.ipynb) | 网络怎样学习，怎样看出它在学？ |
# | [09 结果](09_results.ipynb) | 它有多好，结论有多可靠，和谁相比？ |
# | [10 论文自己的做法](10_paper_way.ipynb)（选修） | 2015 年作者们怎样训练、怎样预测，今天还管用吗？ |
# | [12 什么最重要](12_what_matters.ipynb) | 这么多选择里，哪些真的影响结果，怎么知道？ |
#
# 每一章都能单独运行。时间紧的话：先学这一章，再学 07、08、09。

# %% [markdown] lang="en"
# ## What you learned
#
# - A notebook is run by a kernel, cell by cell; *Run all* always works; save a copy first.
# - The device and its compute capability decide the precision: a T4 means `fp16`.
# - Segmentation is a label per pixel. It took one function call.
# - A photograph is resized so that its field of view has the diameter the network knows.
# - Shares and scores are counted inside the field of view.
#
# ## Sources
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28).
# - The photograph: M. Häggström, Medical gallery of Mikael Häggström 2014, WikiJournal of Medicine 1 (2), [doi:10.15347/wjm/2014.008](https://doi.org/10.15347/wjm/2014.008), CC0; `skimage.data.retina`.
# - The data the weights were trained on: Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627).
# - "U-Net study notes", a Chinese blog post: its introduction, and section 1 of its Colab part, the set-up, of which only the heading survives.

# %% [markdown] lang="zh" of="f42bf52c"
# ## 小结
#
# - 内核一个单元格一个单元格地运行笔记本文件；“全部运行”总能跑完；先存副本。
# - 设备和它的计算能力决定数的格式：T4 用 `fp16`。
# - 分割就是每个像素一个标签，这里只用了一次函数调用。
# - 照片先缩放，让视野的直径等于网络熟悉的直径。
# - 比例和分数都只数视野内的像素。
#
# ## 参考资料
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)。
# - 照片：M. Häggström, Medical gallery of Mikael Häggström 2014, WikiJournal of Medicine 1 (2), [doi:10.15347/wjm/2014.008](https://doi.org/10.15347/wjm/2014.008)，CC0；`skimage.data.retina`。
# - 训练权重所用的数据：Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。
# - 中文博客《U-net学习笔记》：前言、“U-net简介”，以及 Colab 部分的第 1 节“环境配置”（原文只留下标题）。
