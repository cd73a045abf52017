# %% [markdown] lang="en"
# # 03 The U-Net paper
#
# *What does each arrow of the famous figure do, and why is it there?*

# %% [markdown] lang="zh" of="c8790715"
# # 03 U-Net 论文
#
# *那张著名的 U 形图里，每个箭头做什么？为什么要有它？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** say what each arrow of the U does; follow a tile through the whole U, 572 to 388, with a pencil; say why the paper crops, copies and up-convolves; count the 23 layers and the 31 million parameters; read what others write about U-Net with a friendly and critical eye.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute: two lessons and a half of 45 minutes. Sections 1 to 4 are the first, sections 5 to 10 take a lesson and a half. Elective are exercise 3.15 and section 11, whose folded tables (5 minutes) are not counted.
#
# **You need** chapter 02: a convolution by hand, `nn.Conv2d`, (B, C, H, W), logits and the sigmoid. No data set.
#
# **You are here**

# %% [markdown] lang="zh" of="6c1d6622"
# **学完这一章你能** 说出 U 形图里每个箭头做什么；拿一支笔，把一块输入从 572 一路算到 388；说清论文为什么裁剪、为什么复制、为什么用上卷积；数清 23 层和 3100 万个参数；读别人介绍 U-Net 的文章时，看得到它的好，也有自己的判断。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟，大约两节半课（每节 45 分钟）：第 1 到 4 节是第一节课，第 5 到 10 节要一节半课。选做的是练习 3.15 和第 11 节；第 11 节里折叠的两张表（5 分钟）没有算进去。
#
# **预备知识** 第 02 章：手算卷积、`nn.Conv2d`、(B, C, H, W)、logits 和 sigmoid。不需要数据集。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import textwrap
from collections import Counter
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from helpers import figures
from helpers.unet import PAPER_WIDTHS, UNet, count_parameters, trace, valid_sizes

# %% [markdown] lang="en"
# This chapter works with small whole numbers that you can check with a pencil. The folded cell below says how we draw them; it need not be read.

# %% [markdown] lang="zh" of="4348d963"
# 这一章用的都是小整数，拿笔就能验算。下面折叠的单元格只规定怎样画它们，不用读。


# %% fold="Lay out the squared paper on which this chapter draws numbers" fold_zh="准备画数用的方格纸"
def tint(colour, strength=0.35):
    """Mix a colour with white, so that numbers can be read on it."""
    return tuple(1 - strength * (1 - figures.rgb(colour)))


def squares(ax, numbers, fill="white", left=0.0, top=0.0, width=1.0):
    """Write each number into a square; ``fill`` is a colour or gives one."""
    for (row, column), number in np.ndenumerate(np.atleast_2d(numbers)):
        corner = (left + width * column, top + row)
        colour = fill(row, column) if callable(fill) else fill
        look = {"fc": colour, "ec": figures.GREY, "lw": 0.8}
        ax.add_patch(plt.Rectangle(corner, width, 1, **look))
        middle = (corner[0] + width / 2, corner[1] + 0.5)
        ax.text(*middle, number, ha="center", va="center", fontsize=9)


def panel(ax, numbers, title, fill="white"):
    """Fill a panel with one piece of squared paper."""
    rows, columns = np.atleast_2d(numbers).shape
    squares(ax, numbers, fill)
    limits = {"xlim": (-0.1, columns + 0.1), "ylim": (rows + 0.1, -0.1)}
    ax.set(**limits, aspect="equal")
    ax.set_title(title, fontsize=9)
    ax.axis("off")


# %% [markdown] lang="en" minutes="8"
# ## 1 A label for every pixel
#
# **Lesson 1** (sections 1 to 4): the idea, a U of twenty squares, the arrows down.
#
# A network that classifies gives one answer for a whole image: "disease" or "no disease". A doctor also wants to know where. *Segmentation* gives a label to every pixel: vessel or background, cell or membrane.
#
# How can a network that classifies be made to do that? By a *sliding window*: cut out the square around a pixel, let the network classify its centre, move on by one pixel, and again. Ciresan and colleagues did this in 2012 and won the challenge on electron microscopy images "by a large margin", as the U-Net paper says (paper, section 1). The same paragraph names two faults of the method. We count both.
#
# **Guess 3.1.** An image has 20 × 20 pixels, the window 7×7. How many windows fit, if none may stick out?

# %% [markdown] lang="zh" of="493aece1"
# ## 1 每个像素一个标签
#
# **第一节课**（第 1 到 4 节）：想法、二十个方格上的 U、向下的箭头。
#
# 分类网络看一整幅图像，只给一个答案：“有病”或“没病”。医生还想知道：在哪里？分割 (segmentation) 给每个像素一个标签：血管还是背景，细胞还是细胞膜。
#
# 怎样用分类网络做分割？用滑动窗口 (sliding window)。以一个像素为中心切出一个方块，让网络给中心的像素分类；移动一个像素，再来一次。2012 年，Ciresan 等人用这个方法赢了电子显微镜图像的分割比赛。U-Net 论文说，他们“以很大的优势”获胜（论文第 1 节）。同一段还指出了这种方法的两个缺点。下面用数字逐一说明。
#
# **猜一猜 3.1** 图像有 20 × 20 个像素，窗口是 7×7。窗口不许伸出图外，一共放得下多少个？

# %%
windows = None  # your guess: a whole number
# zh: windows = None  # 你的猜测：一个整数

lesson.ask("03.1", windows)

# %% [markdown] lang="en"
# A tiny network of three 3×3 convolutions looks at 7×7 pixels and gives two numbers, one for each class. (*ReLU* between them: a negative number becomes 0, the others stay.) We use it twice: first as a sliding window, one forward pass for each window; then once on the whole image. Then we compare the two.

# %% [markdown] lang="zh" of="8a4c152f"
# 下面是一个很小的网络：三次 3×3 卷积 (convolution)，看 7×7 个像素，给出两个数，每类一个。（中间的 ReLU：负数变成 0，其余不变。）我们用它两次。先把它当滑动窗口，每个窗口做一次前向计算 (forward pass)；再对整幅图只做一次，然后比较两次的答案。

# %% tags=["answer"]
torch.manual_seed(0)
tiny = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)
)
image = torch.rand(1, 1, 20, 20)
places = image.shape[-1] - 7 + 1  # in each direction
sliding, passes = torch.empty(2, places, places), 0
with torch.no_grad():
    for row in range(places):
        for column in range(places):
            window = image[..., row : row + 7, column : column + 7]
            sliding[:, row, column] = tiny(window)[0, :, 0, 0]  # one pixel is left
            passes += 1
    at_once = tiny(image)[0]
print(f"sliding window: {passes} forward passes, {tuple(sliding.shape)} numbers")
# zh: print(f"滑动窗口：{passes} 次前向计算，{tuple(sliding.shape)} 个数")
print(f"whole image: 1 forward pass, {tuple(at_once.shape)} numbers")
# zh: print(f"整幅图：1 次前向计算，{tuple(at_once.shape)} 个数")
print(f"largest difference: {(sliding - at_once).abs().max():.0e} (rounding)")
# zh: print(f"最大的差：{(sliding - at_once).abs().max():.0e}（舍入误差）")

# %% [markdown] lang="en"
# The same numbers. A network of nothing but convolutions and ReLUs is the simplest *fully convolutional* network, and it is a sliding window already: one pass answers for all pixels. How much work does that save? A 3×3 convolution needs 9 multiplications for each input channel, each output channel and each pixel of its result.

# %% [markdown] lang="zh" of="51d03c98"
# 数字一样。只由卷积和 ReLU 组成的网络，是最简单的全卷积 (fully convolutional) 网络。它本身就是滑动窗口：一次前向计算，所有像素都有答案。这能省多少计算？3×3 卷积的乘法次数是 9 × 输入通道数 × 输出通道数 × 结果的像素数。


# %%
def multiplications(side, channels):
    """Count the multiplications of 3x3 convolutions on a square image."""
    total = 0
    for i, o in pairwise(channels):
        side -= 2  # no padding: one pixel is lost on each side
        total += 9 * i * o * side * side
    return total


print("an image of 512 × 512 pixels, 4 channels:")
# zh: print("512 × 512 像素的图像，4 个通道：")
for depth in (3, 10, 30):
    window, channels = 2 * depth + 1, (1, *[4] * (depth - 1), 2)
    number = (512 - window + 1) ** 2
    one_by_one = number * multiplications(window, channels)
    times = one_by_one / multiplications(512, channels)
    print(
        f"  {number:,} windows of side {window}: {times:.0f} times the work of one pass"
    )
    # zh: print(f"  {number:,} 个边长 {window} 的窗口：计算量是一次算完的 {times:.0f} 倍")

# %% [markdown] lang="en"
# Where does the waste come from? From the overlap: the windows of two neighbours in a row share all but one of their columns, and what was computed for one is not used for the next. The picture counts for each pixel of our 20 × 20 image how many windows read it.

# %% [markdown] lang="zh" of="cc6de832"
# 浪费从哪里来？来自重叠：左右相邻的两个窗口只差一列，算过的结果却没有复用。下图数一数：20 × 20 的图像里，每个像素有几个窗口读它。

# %% fold="Count how many windows read each pixel" fold_zh="数一数每个像素有几个窗口读它"
corners, one_window = torch.ones(1, 1, places, places), torch.ones(1, 1, 7, 7)
read = functional.conv_transpose2d(corners, one_window)[0, 0].numpy()
fig, ax = plt.subplots(figsize=(3.8, 3.0), dpi=figures.DPI)
shown = ax.imshow(read, cmap="viridis", vmin=0, interpolation="nearest")
fig.colorbar(shown, label="windows that read the pixel")
ax.set(title="20 × 20 pixels, windows of 7×7", xticks=[], yticks=[])
figures.show(
    "A square of 20 by 20 pixels, coloured by the number of windows that read each "
    f"pixel: {read[0, 0]:.0f} in the corners, rising to {read.max():.0f} in the middle."
)
# zh: figures.show(
# zh:     f"20 乘 20 像素的方块，颜色表示读到每个像素的窗口数：四角是 {read[0, 0]:.0f}，"
# zh:     f"越往中间越多，最多 {read.max():.0f}。"
# zh: )
corner, middle, average = read[0, 0], read[10, 10], read.mean()
print(f"windows that read a corner: {corner:.0f}; a pixel in the middle: {middle:.0f}")
# zh: print(f"读到角上像素的窗口：{corner:.0f} 个；读到中间像素的：{middle:.0f} 个")
print(f"on average: {average:.0f}")
# zh: print(f"平均：{average:.0f} 个")

# %% [markdown] lang="en"
# That was the first fault: slow. (A pixel is read 49 times, yet the work above was 9 times, not 49: inside a window the later layers compute fewer and fewer squares, 25, then 9, then 1.)
#
# The second is a conflict. To know what a pixel is, one wants to see its wide surroundings, the *context*. Wide windows need poolings (a *max pooling* replaces each 2×2 block by its largest number; section 4), else the network becomes too deep. But a pooling keeps one number for 2×2 pixels.
#
# The next cell puts two 3×3 convolutions between poolings, as U-Net does, and follows two things: the side of the square of the image that one number is computed from, called its *receptive field*; and how many pixels its neighbour stands away. A convolution reaches one step further on each of two sides; a pooling reaches one step further and makes all later steps twice as long.

# %% [markdown] lang="zh" of="00e6bcdd"
# 图中文字：20 × 20 pixels, windows of 7×7 20 × 20 像素，7×7 的窗口 · windows that read the pixel 读到这个像素的窗口数。
#
# 这是第一个缺点：慢。（一个像素被读 49 次，上面算出的工作量却是 9 倍，不是 49 倍：在窗口里，后面的层要算的方格越来越少，先是 25 个，再是 9 个，最后 1 个。）
#
# 第二个缺点是一对矛盾。要认出一个像素，就要看它周围的一大片，也就是上下文 (context)。窗口一大，就需要池化 (pooling)，不然网络会太深。最大池化在每 2×2 个像素里只留最大的那个数（见第 4 节）：四个数只剩一个。
#
# 下一个单元格像 U-Net 那样，在两次池化之间放两次 3×3 卷积。我们跟踪两个量：特征图 (feature map) 上的一个数由原图多大的一块算出，这就是感受野 (receptive field)；相邻两个数在原图上相隔几个像素。卷积一次，两边各多看一步；池化一次，多看一步，而且以后每一步都长一倍。

# %%
field, apart, receptive_fields = 1, 1, []  # in pixels of the image
for poolings in range(5):
    field += 2 * (2 * apart)  # two convolutions
    receptive_fields.append(field)
    print(f"poolings {poolings}: receptive field {field}, neighbours {apart} apart")
    # zh: print(f"池化 {poolings} 次：感受野边长 {field}，相邻两个数相隔 {apart}")
    field, apart = field + apart, 2 * apart
lesson.contract("03.receptive", tuple(receptive_fields))

# %% [markdown] lang="en"
# A wider receptive field, a coarser position: the paper calls it a trade-off between localisation and context (paper, section 1). A sliding window must choose one line of this table.
#
# What U-Net changed:
#
# - **One pass.** It is fully convolutional, so every pixel is answered at once (as Long, Shelhamer and Darrell did before, whom the paper cites).
# - **Both ends of the table.** It goes down all the way to see wide, comes up again step by step, and on the way up each level gets the fine maps of its own level from the way down. These are the *skip connections*.
# - **Many channels on the way up**, so that what was seen at the bottom can be carried to the top (section 1 of the paper calls this one important modification).

# %% [markdown] lang="zh" of="8094ac5d"
# 感受野越大，位置越粗：论文说这是定位 (localisation) 和上下文之间的取舍（论文第 1 节）。滑动窗口只能在这张表里选一行。
#
# U-Net 改变了什么：
#
# - **一次算完。** 它是全卷积网络，所有像素一起回答。（论文引用的 Long、Shelhamer 和 Darrell 已经先这样做了。）
# - **表的两头都要。** 先一直走到底，看得最宽；再一层一层走上来。每上一层，都拿到向下时同一层留下的精细特征图。这就是跳跃连接 (skip connection)。
# - **向上的路也有很多通道**，在底部看到的东西才能带到顶上（论文第 1 节说，这是一处重要改动）。

# %% [markdown] lang="en" minutes="4"
# ## 2 The figure, drawn by the network itself
#
# The paper has one figure of the network, and more than thirty numbers stand in it. We do not copy them. We build the network and let it run once on a tile of 572 × 572; `trace` notes what every arrow gives, and `draw_unet` draws the notes. A network made under `torch.device("meta")` has shapes but no numbers, so 31 million parameters take no memory and the run almost no time.

# %% [markdown] lang="zh" of="358d2142"
# ## 2 让网络自己画出这张图
#
# 论文里只有一张网络图，上面写着三十多个数字。我们不抄，而是搭好网络，让它在一块 572 × 572 的分块 (tile) 上运行一次。`trace` 记下每个箭头的结果，`draw_unet` 把记录画出来。在 `torch.device("meta")` 下建的网络只有形状，没有数值，所以 3100 万个参数不占内存，运行也几乎不花时间。

# %%
with torch.device("meta"):
    paper = UNet(1, 2, PAPER_WIDTHS, padding="valid", batch_norm=False, dropout=0.5)
steps = trace(paper, 572, 572)
first, last = steps[0], steps[-1]
figures.draw_unet(steps)
figures.show(
    "The U-Net of the paper: boxes in the shape of a U with five levels, joined by "
    "arrows down, up and across. The text below describes it in words; the table gives "
    f"all numbers, from {first.height} pixels in to {last.height} out."
)
# zh: figures.show(
# zh:     "论文的 U-Net：方框排成 U 形，共五层，由向下、向上和横跨的箭头连接。下文用文字描述，"
# zh:     f"表格列出全部数字，从输入 {first.height} 个像素到输出 {last.height} 个。"
# zh: )
levels = 1 + max(step.level for step in steps)
print(f"{levels} levels: side {first.height} goes in, {last.height} comes out.")
# zh: print(f"{levels} 层：输入边长 {first.height}，输出边长 {last.height}。")
print(f"channels: {first.channels} goes in, {last.channels} come out.")
# zh: print(f"通道：输入 {first.channels} 个，输出 {last.channels} 个。")

# %% [markdown] lang="en"
# None of these numbers was typed in: they are what the network did. Above each box stands its number of channels, below it the side in pixels. A half-white box is a joining: the white half came across. (The colours are chosen so that colour-blind readers can tell them apart; in the paper the last arrow is teal.)
#
# The same as a table, one line for each arrow:

# %% [markdown] lang="zh" of="9524b530"
# 图中文字：conv 3x3 卷积 · copy and crop 复制并裁剪 · max pool 2x2 最大池化 · up-conv 2x2 上卷积 · conv 1x1 卷积。
#
# 这些数字没有一个是手填的，都来自网络的实际运行。方框上面是通道数，下面是边长（像素）。半边白色的方框表示拼接 (concatenation)：白色那一半是横着搬过来的。（这里的颜色照顾了色觉异常的读者；论文里最后一个箭头是青色。）
#
# 同样的内容列成表，一行一个箭头：

# %%
print("step  level  arrow          channels × rows × columns")
# zh: print("步    层     箭头           通道 × 行 × 列")
for k, step in enumerate(steps):
    shape = f"{step.channels:4} × {step.height:3} × {step.width:3}"
    print(f"{k:3}     {step.level + 1}    {step.arrow:14} {shape}")

# %% [markdown] lang="en"
# **The figure in words.** The network has the shape of a U with five levels. On the left it goes down, the *contracting path*: at each level two 3×3 convolutions, each of which takes one pixel off every side and is followed by a ReLU; then a 2×2 max pooling, which halves the side, leads to the next level. The first convolution on top makes 64 channels of one; the first convolution of every level below doubles them: 128, 256, 512, and 1024 at the bottom. On the right it comes up again, the *expansive path*: a 2×2 up-convolution doubles the side and halves the channels; a copy of the left side's map of the same level, taken just before its pooling and cropped to the same size, is laid beside it, so the channels double again; two 3×3 convolutions follow, the first of which halves the channels. At the top right a 1×1 convolution turns 64 channels into two, one for each class. There are four arrows down, four up, four across. (Today the contracting path is often called the *encoder*, the expansive path the *decoder*.)

# %% [markdown] lang="zh" of="f15da6ce"
# **用文字描述这张图。** 网络的形状是一个 U，共五层。左边向下，叫收缩路径 (contracting path)。每层做两次 3×3 卷积，每次在四边各去掉一个像素，后面跟一个 ReLU。然后做一次 2×2 最大池化 (max pooling)，边长减半，进入下一层。顶层的第一次卷积把 1 个通道变成 64 个。以下每层的第一次卷积让通道数翻倍：128、256、512，底部 1024。右边向上，叫扩展路径 (expansive path)。2×2 上卷积 (up-convolution) 让边长翻倍，通道数减半。左边同一层的特征图（池化之前的那一份）复制过来，裁剪到同样大小，拼在旁边，通道数又翻倍。再做两次 3×3 卷积，其中第一次让通道数减半。右上角的 1×1 卷积把 64 个通道变成两个，每类一个。向下的箭头有四个，向上的四个，横跨的四个。（收缩路径今天常叫编码器 (encoder)，扩展路径常叫解码器 (decoder)。）

# %% [markdown] lang="en" minutes="12"
# ## 3 A U-Net on twenty squares
#
# Before the big one, a small one: one row of twenty numbers instead of an image, two levels instead of five, one channel instead of 64. All by hand.
#
# Its task: mark a bright line, but only if it stands alone. A line among other lines is a pattern and shall stay unmarked. So it has to know *where* (which square?) and *what* (what is around it?). The rules:
#
# 1. **conv -1 2 -1**: twice the square, minus its left and right neighbour. "Is it brighter than the mean of the two?" The first and last square have only one neighbour and fall off.
# 2. **conv 0 1 0**: passes the middle on. It still loses a square on each side, as every convolution without padding.
# 3. **max pool**: the larger of each pair.
# 4. **conv 1 1 1**: the sum of three. "How much is there around?"
# 5. **conv 1 1 1** again.
# 6. **up-conv, stamp 1 1**: each number is stamped into two squares.
# 7. **crop**: of row 2, keep as many squares from the middle as row 6 has.
# 8. **join, then conv**: 4 times the cropped row 7, minus row 6, each at the middle square. "Is there a line here, and little around?"
# 9. **conv 0 1 0** again.
# 10. **conv 1×1**: minus 1. Above zero means "a line that stands alone".
#
# After each of the 3-square convolutions a negative number becomes 0 (ReLU). The kernels are chosen by us; a network would learn its own. Take a pencil: below the code you find the empty form.

# %% [markdown] lang="zh" of="ab8c04a5"
# ## 3 二十个方格上的 U-Net
#
# 先不看大的，看一个小的：不是图像，而是一行二十个数；不是五层，而是两层；不是 64 个通道，而是一个。全部手算。
#
# 它的任务：标出亮线，但只标单独的一条。许多线排在一起是花纹，不标。所以它要知道**在哪里**（哪个方格？），也要知道**是什么**（周围有什么？）。规则如下：
#
# 1. **conv -1 2 -1**（卷积）：自己的两倍，减去左右两个邻居。“它比左右两格的平均更亮吗？”第一个和最后一个方格只有一个邻居，所以丢掉。
# 2. **conv 0 1 0**：把中间一格原样传下去。两边仍然各丢一格，没有填充 (padding) 的卷积都是这样。
# 3. **max pool**（最大池化）：每两格取大的一个。
# 4. **conv 1 1 1**：三格之和。“周围有多少东西？”
# 5. 再一次 **conv 1 1 1**。
# 6. **up-conv, stamp 1 1**（上卷积，印章是 1 1）：每个数盖进两个方格。
# 7. **crop**（裁剪）：第 2 行只留中间，格数和第 6 行一样。
# 8. **join, then conv**（拼接，再卷积）：第 7 行的 4 倍，减去第 6 行，都取中间一格。“这里有线吗？周围东西少吗？”
# 9. 再一次 **conv 0 1 0**。
# 10. **conv 1×1**（1×1 卷积）：减 1。大于零就表示“单独的一条线”。
#
# 每次三格的卷积之后，负数都变成 0 (ReLU)。卷积核 (kernel) 是我们选的；真正的网络自己学。拿一支笔：代码下面有一张空表。


# %%
def convolve(rows, kernels):
    """Slide a kernel of three over each row, add the results, cut off below 0."""
    result = []
    for i in range(len(rows[0]) - 2):
        total = 0
        for row, kernel in zip(rows, kernels, strict=True):
            total += sum(kernel[j] * row[i + j] for j in range(3))
        result.append(max(0, total))
    return result


def small_unet(strip):
    """Follow a strip of numbers through a U of two levels; return every row."""
    rows = {"input": list(strip)}
    rows["line"] = convolve([strip], [(-1, 2, -1)])
    rows["skip"] = skip = convolve([rows["line"]], [(0, 1, 0)])
    rows["pooled"] = [max(skip[i : i + 2]) for i in range(0, len(skip), 2)]
    rows["around"] = convolve([rows["pooled"]], [(1, 1, 1)])
    rows["wider"] = convolve([rows["around"]], [(1, 1, 1)])
    rows["up"] = up = [number * ink for number in rows["wider"] for ink in (1, 1)]
    lost = (len(skip) - len(up)) // 2  # on each side
    rows["cropped"] = cropped = skip[lost : lost + len(up)]
    rows["joined"] = convolve([cropped, up], [(0, 4, 0), (0, -1, 0)])
    rows["answer"] = convolve([rows["joined"]], [(0, 1, 0)])
    rows["logits"] = [number - 1 for number in rows["answer"]]
    return rows


alone = [1] * 20
alone[9] = 2  # one bright line, in square 9; counting begins at 0
print("the strip:", *alone)
# zh: print("纸条", *alone)

# %% fold="Say how a strip is drawn" fold_zh="规定纸条怎样画"
ROWS = {  # name: what is written beside it, colour of its arrow
    "input": ("input", figures.GREY),
    "line": ("1  conv -1 2 -1", figures.BLUE),
    "skip": ("2  conv 0 1 0", figures.BLUE),
    "pooled": ("3  max pool", figures.RED),
    "around": ("4  conv 1 1 1", figures.BLUE),
    "wider": ("5  conv 1 1 1", figures.BLUE),
    "up": ("6  up-conv, stamp 1 1", figures.GREEN),
    "cropped": ("7  row 2, cropped", figures.GREY),
    "joined": ("8  join 7 and 6, conv", figures.BLUE),
    "answer": ("9  conv 0 1 0", figures.BLUE),
    "logits": ("10  conv 1×1: minus 1", figures.PURPLE),
}


def draw_strip(rows, empty=False):
    """Draw every row under the squares of the input that it belongs to."""
    fig, ax = plt.subplots(figsize=(8.6, 5.2), dpi=figures.DPI)
    for k, (name, row) in enumerate(rows.items()):
        label, colour = ROWS[name]
        width = 2 if name in ("pooled", "around", "wider") else 1
        left, top = (20 - width * len(row)) / 2, 1.25 * k
        shown = [""] * len(row) if empty and name != "input" else row
        squares(ax, shown, tint(colour, 0.25), left, top, width)
        ax.text(-0.4, top + 0.5, label, ha="right", va="center", fontsize=9)
    for square in range(20):
        ax.text(square + 0.5, -0.4, square, ha="center", fontsize=7, color=figures.GREY)
    bend = {"arrowstyle": "->", "color": figures.GREY, "lw": 1.8}
    bend["connectionstyle"] = "arc3,rad=-0.35"
    ax.annotate("", (14.1, 1.25 * 7 + 0.5), (18.4, 1.25 * 2 + 0.5), arrowprops=bend)
    ax.text(17.6, 1.25 * 6, "across", fontsize=9, color=figures.GREY)
    ax.set(xlim=(-6.4, 20.2), ylim=(1.25 * len(rows), -1.2))
    ax.axis("off")
    fig.subplots_adjust(0, 0, 1, 1)


# %% fold="Draw the empty form" fold_zh="画出空表"
draw_strip(small_unet(alone), empty=True)
lengths = [len(row) for row in small_unet(alone).values()]
figures.show(
    "An empty form: the strip of twenty numbers on top, all 1 but a 2 in square 9, and "
    "under it ten empty rows, one for each rule; a grey arrow leads across, from row 2 "
    "to row 7."
)
# zh: figures.show(
# zh:     "一张空表：最上面是二十个数的纸条，只有方格 9 是 2，其余是 1；下面是十个空行，每条规则一行；"
# zh:     "一个灰色箭头从第 2 行横跨到第 7 行。"
# zh: )
print("squares in each row, from top to bottom:", *lengths)
# zh: print("从上到下，各行的格数", *lengths)

# %% [markdown] lang="en"
# Each row is drawn under the squares of the strip that it belongs to; a square of the bottom level covers two.
#
# Fill in the form on paper.
#
# **Guess 3.2.** What stands in row 3, after the pooling (8 numbers)?
#
# **Guess 3.3.** What are the four numbers of row 9?

# %% [markdown] lang="zh" of="ac1018ec"
# 图中文字：input 输入 · conv 卷积 · max pool 最大池化 · up-conv, stamp 上卷积，印章 · across 横跨 · row 2, cropped 裁剪后的第 2 行 · join 7 and 6 拼接第 7、6 行 · minus 1 减 1。最上面的小数字是方格的编号。
#
# 每一行都画在它对应的输入方格下面；底层的一格对应两格。
#
# 在纸上填好这张表。
#
# **猜一猜 3.2** 第 3 行，也就是池化之后，是哪 8 个数？
#
# **猜一猜 3.3** 第 9 行是哪 4 个数？

# %%
row_3 = None  # your guess: 8 numbers in square brackets
# zh: row_3 = None  # 你的猜测：方括号里 8 个数
row_9 = None  # your guess: 4 numbers in square brackets
# zh: row_9 = None  # 你的猜测：方括号里 4 个数

lesson.ask("03.2", row_3)
lesson.ask("03.3", row_9)

# %% tags=["answer"] fold="Draw the filled form" fold_zh="画出填好的表"
filled = small_unet(alone)
draw_strip(filled)
positive = [8 + k for k, logit in enumerate(filled["logits"]) if logit > 0]
figures.show(
    "The same form, filled in. Row 6, from below, is 4 4 6 6 4 4 2 2; row 7, from "
    "across, is 0 but for a 2 in square 9; only there the answer is above zero."
)
# zh: figures.show(
# zh:     "同一张表，已经填好。第 6 行从下面来，是 4 4 6 6 4 4 2 2；第 7 行横着过来，"
# zh:     "只有方格 9 是 2，其余是 0；答案只在那里大于零。"
# zh: )
print(f"input {len(filled['input'])} squares, answer {len(filled['answer'])}: 8 to 11")
# zh: print(f"输入 {len(filled['input'])} 格，答案 {len(filled['answer'])} 格：8 到 11")
print(f"marked as a line that stands alone: {positive}")
# zh: print(f"标为单独的一条线：{positive}")

# %% [markdown] lang="en"
# Compare rows 6 and 7 at the squares 8 and 9 of the filled form. Row 6 came from below: it says 6 and 6, so it knows that there is little around and does not know which of the two squares has the line. Row 7 came across: it says 0 and 2. Only together they give the answer.
#
# Now two more strips: a pattern, with lines in squares 1, 5, 9, 13 and 17, and a lonely line that has moved to square 8. Will the U mark square 9 of the pattern? And what of the moved line:
#
# **Guess 3.4.** The line moves from square 9 to square 8. Which is the first row, from 1 to 9, in which nothing changes?

# %% [markdown] lang="zh" of="a65d8110"
# （图中文字同上一张表。）在填好的表里，比较第 6 行和第 7 行的方格 8、9。第 6 行从下面上来：6 和 6。它知道周围东西少，却不知道线在哪一格。第 7 行横着过来：0 和 2。两行合起来才有答案。
#
# 再看两张纸条：一张是花纹，方格 1、5、9、13、17 都有线；另一张上，单独的线移到了方格 8。对花纹里的方格 9，这个 U 会给出什么结果？再看移动的线：
#
# **猜一猜 3.4** 线从方格 9 移到方格 8。从第 1 行到第 9 行，哪一行最先完全不变？

# %%
unchanged = None  # your guess: the number of a row
# zh: unchanged = None  # 你的猜测：行的编号

lesson.ask("03.4", unchanged)

# %% tags=["answer"]
pattern = [2 if square % 4 == 1 else 1 for square in range(20)]
to_the_left = [1] * 20
to_the_left[8] = 2
strips = {"alone in 9": alone, "pattern": pattern, "alone in 8": to_the_left}
# zh: strips = {"线在 9": alone, "花纹": pattern, "线在 8": to_the_left}
for name, strip in strips.items():
    rows = small_unet(strip)
    print(f"{name}: pooled", *rows["pooled"], end="; ")
    # zh: print(f"{name}：池化后", *rows["pooled"], end="；")
    print("across", *rows["cropped"][2:-2], end="; ")  # at squares 8 to 11
    # zh: print("横着来", *rows["cropped"][2:-2], end="；")
    print("below", *rows["up"][2:-2], end="; answer ")
    # zh: print("下面来", *rows["up"][2:-2], end="；答案 ")
    print(*rows["answer"])
same_pooled = small_unet(alone)["pooled"] == small_unet(to_the_left)["pooled"]
print(f"line in 9 or in 8: the same pooled row: {same_pooled}")
# zh: print(f"线在 9 或在 8，池化后的一行相同：{same_pooled}")

# %% fold="Draw the form of the pattern" fold_zh="画出花纹的表" tags=["answer"]
draw_strip(small_unet(pattern))
figures.show(
    "The form for the pattern: row 7 is the same at square 9 as for the lonely line, "
    "but row 6 is larger everywhere, and no number of row 10 is above zero."
)
# zh: figures.show(
# zh:     "花纹的表：第 7 行的方格 9 和单独一条线时一样，但第 6 行处处更大，第 10 行没有大于零的数。"
# zh: )
print("row 10 of the pattern:", *small_unet(pattern)["logits"])
# zh: print("花纹的第 10 行", *small_unet(pattern)["logits"])

# %% [markdown] lang="en"
# The pattern has the same 0 2 0 0 coming across, and more coming from below: unmarked. The moved line has the same pooled row, so everything from below is the same; the answer moves with what came across. Context from below, position from across: that is the whole idea of U-Net.
#
# **Extra:** give the strip with the line in 9 a second line, in square 11, then 12, 13, 14, and so on. From where on is the first one marked again? Say why before you look.
#
# <details><summary>Solution</summary>
#
# From square 14 on. What comes from below to square 9 is made of five pooled squares, that is of the squares 4 to 13 of row 2. A line further away is outside of what the U sees from there.
#
# </details>
#
# The same with PyTorch's own functions, which we shall meet again with two dimensions:

# %% [markdown] lang="zh" of="c98b5af2"
# （图中文字同上。）花纹横着过来的同样是 0 2 0 0，但从下面上来的数更大，所以不标。线移动以后，池化后的一行不变，从下面上来的也就全都不变；横着过来的那一行随之移动，答案也跟着移动。上下文从下面来，位置从横向来：这就是 U-Net 的全部想法。
#
# **选做：** 在方格 9 有线的纸条上，再加一条线：先放在方格 11，再移到 12、13、14……移到哪一格，第一条线又会标出来？先说出原因，再看答案。
#
# <details><summary>参考答案</summary>
#
# 从方格 14 起。从下面来到方格 9 的数，由池化后的五格算出，也就是第 2 行的方格 4 到 13。再远的线，U 从方格 9 这里看不到。
#
# </details>
#
# 用 PyTorch 自己的函数再做一遍。它们的二维版本，后面还会用到：


# %%
def row(*numbers):
    """Return a row as PyTorch wants it: (1, 1, length)."""
    return torch.tensor([[numbers]], dtype=torch.float32)


line = functional.conv1d(row(*alone), row(-1, 2, -1)).relu()
line = functional.conv1d(line, row(0, 1, 0)).relu()
low = functional.max_pool1d(line, 2)
for _ in range(2):
    low = functional.conv1d(low, row(1, 1, 1)).relu()
from_below = functional.conv_transpose1d(low, row(1, 1), stride=2)
joined = torch.cat([line[..., 4:-4], from_below], dim=1)  # (1, 2, 8): two channels
kernels = torch.tensor([[[0.0, 4.0, 0.0], [0.0, -1.0, 0.0]]])  # one for each channel
answer = functional.conv1d(joined, kernels).relu()
logits = functional.conv1d(answer, row(0, 1, 0)).relu() - 1
print("joined:", tuple(joined.shape), " logits:", logits[0, 0].int().tolist())
# zh: print("拼接后", tuple(joined.shape), " logits", logits[0, 0].int().tolist())
print("the same as by hand:", logits[0, 0].tolist() == small_unet(alone)["logits"])
# zh: print("和手算一样", logits[0, 0].tolist() == small_unet(alone)["logits"])

# %% [markdown] lang="en" minutes="10"
# ## 4 The arrows down
#
# **Blue: a convolution without padding.** Here the kernel is nine ones, so each result is the sum of a 3×3 square. Find the orange pixel's sum with a pencil. The grey ring has no full square around it: those pixels are read by others and get no result of their own. The paper uses only this *valid* part of each convolution (paper, section 1).

# %% [markdown] lang="zh" of="373f234b"
# ## 4 向下的箭头
#
# **蓝色：不填充的卷积。** 这里的卷积核是九个 1，所以每个结果是一个 3×3 方块的和。拿笔算一算橙色那一格。灰色那一圈像素，周围凑不齐一个方块：算别的像素时会读到它们，它们自己没有结果。论文的每次卷积都只用有效部分（论文第 1 节），所以叫有效卷积 (valid convolution)，也就是不填充。

# %%
numbers = np.random.default_rng(3).integers(0, 4, (6, 6))
shifts = [numbers[r : r + 4, c : c + 4] for r in range(3) for c in range(3)]
sums = sum(shifts)  # nine shifted copies, added: a convolution with nine ones

# %% fold="Draw the image, and the sums of its squares of nine pixels" fold_zh="画出图像，以及每九个像素的和"


def on_the_image(row, column):
    """Colour one 3 x 3 square, and the ring that gets no result."""
    if 1 <= row <= 3 and 2 <= column <= 4:
        return tint(figures.ORANGE, 0.7 if (row, column) == (2, 3) else 0.3)
    ring = row in (0, 5) or column in (0, 5)
    return tint(figures.GREY, 0.5) if ring else "white"


def on_the_result(row, column):
    """Colour the sum of that square."""
    return tint(figures.ORANGE, 0.7) if (row, column) == (1, 2) else "white"


fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.2), dpi=figures.DPI, width_ratios=(6, 4))
panel(axes[0], numbers, "6 × 6 pixels", on_the_image)
panel(axes[1], sums, "sums of 3 × 3: 4 × 4 pixels", on_the_result)
around = numbers[1:4, 2:5].ravel().tolist()
figures.show(
    "Left, 6 by 6 numbers with a grey ring around them and an orange square of 3 by 3; "
    f"right, 4 by 4 sums, of which the orange one is {sums[1, 2]}."
)
# zh: figures.show(
# zh:     "左边是 6 乘 6 个数，外面一圈灰色，中间有一个 3 乘 3 的橙色方块；"
# zh:     f"右边是 4 乘 4 个和，橙色的一个是 {sums[1, 2]}。"
# zh: )
print(f"pixel (2, 3): {around} sum to {sums[1, 2]}")
# zh: print(f"像素 (2, 3)：{around}，和是 {sums[1, 2]}")
print(f"a ring of {numbers.size - sums.size} pixels gets no result.")
# zh: print(f"外面一圈 {numbers.size - sums.size} 个像素没有结果。")

# %% [markdown] lang="en"
# Two such convolutions cost 4 pixels of height and 4 of width: 572, 570, 568.
#
# **Red: max pooling.** Of each 2×2 block only the largest number goes on. It works on each channel alone.
#
# **Exercise 3.5** Write it for maps of shape (C, H, W) with even H and W, in numpy.

# %% [markdown] lang="zh" of="61106842"
# 图中文字：6 × 6 pixels 6 × 6 像素 · sums of 3 × 3: 4 × 4 pixels 每个 3 × 3 方块的和：4 × 4 像素。
#
# 两次这样的卷积，高少 4，宽少 4：572、570、568。
#
# **红色：最大池化。** 每个 2×2 的方块里，只有最大的数往下走。每个通道单独做。
#
# **练习 3.5** 用 numpy 写出来：输入形状 (C, H, W)，H 和 W 是偶数。


# %% tags=["exercise"]
def max_pool(maps):
    return None  # your code here: (C, H, W) -> (C, H / 2, W / 2)
    # zh: return None  # 在这里写代码：(C, H, W) -> (C, H / 2, W / 2)


max_pool = lesson.exercise("03.5", max_pool)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# `maps[:, ::2, ::2]` holds the upper left number of each block, the three other slices hold the other three. The largest of the four is taken pixel by pixel; the channels are not touched.
#
# {{solution 03.5}}
#
# </details>
#
# Your function (or the reference) now pools two different images. Look for what they have in common.

# %% [markdown] lang="zh" of="99ecedd1"
# <details><summary>参考答案</summary>
#
# `maps[:, ::2, ::2]` 是每个方块左上角的数，另外三种取法是其余三个数。逐像素取四个数里最大的；通道不动。
#
# {{solution 03.5}}
#
# </details>
#
# 现在用你的函数（或参考函数）池化两幅不同的图像。看看它们有什么共同点。

# %%
one = np.array([[7, 0, 0, 5], [0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 9]])
other = np.array([[0, 0, 5, 0], [0, 7, 0, 0], [2, 0, 9, 0], [0, 0, 0, 0]])
pooled = max_pool(one[None])[0]
print(f"the one, pooled: {pooled.tolist()}")
# zh: print(f"第一幅，池化后：{pooled.tolist()}")
print(f"the other, pooled: {max_pool(other[None])[0].tolist()}")
# zh: print(f"另一幅，池化后：{max_pool(other[None])[0].tolist()}")

# %% fold="Draw both images, and what pooling leaves of them" fold_zh="画出两幅图像，以及池化之后剩下的"


def block(row, column):
    """Colour the four blocks of 2 x 2 in turn."""
    names = (figures.BLUE, figures.ORANGE, figures.GREEN, figures.PURPLE)
    return tint(names[2 * (row // 2) + column // 2], 0.3)


fig, axes = plt.subplots(
    1, 3, figsize=(7.2, 2.6), dpi=figures.DPI, width_ratios=(4, 4, 2)
)
panel(axes[0], one, "one image", block)
panel(axes[1], other, "another image", block)
panel(axes[2], pooled, "both, pooled", lambda row, column: block(2 * row, 2 * column))
figures.show(
    "Two images of 4 by 4 pixels. In each of the four blocks both have the same single "
    "number, 7, 5, 2 or 9, but in another place; pooled, both give these four numbers."
)
# zh: figures.show(
# zh:     "两幅 4 乘 4 像素的图像。四个方块里，两幅各有一个相同的数 7、5、2、9，位置却不同；"
# zh:     "池化之后，两幅都是这四个数。"
# zh: )
elsewhere = np.count_nonzero((one != other) & (one > 0))
print(f"{elsewhere} of 4 numbers stand in another place.")
# zh: print(f"4 个数里有 {elsewhere} 个换了位置。")

# %% [markdown] lang="en"
# *What* was there is kept: 7, 5, 2, 9. *Where* in its block it was is gone, and no later layer can find it out from the pooled map. Keep these two images in mind, they come back in lesson 2.
#
# **And the channels?** There are four arrows down, and four times the channels double. Is it the pooling that doubles them, or the convolution after it? We ask the layers.

# %% [markdown] lang="zh" of="b0aeb24e"
# 图中文字：one image 一幅图像 · another image 另一幅 · both, pooled 两幅池化后都是它。
#
# **是什么**留下来了：7、5、2、9。**在哪里**（方块的哪一格）丢了，后面任何一层都不能从池化后的特征图里找回来。记住这两幅图，第二节课还要用。
#
# **通道呢？** 向下的箭头有四个，通道数也翻倍四次。翻倍的是池化，还是池化后面的卷积？问问这两个层自己。

# %%
on_top = torch.empty(1, 64, 568, 568, device="meta")  # a shape without numbers
pool, convolution = nn.MaxPool2d(2), nn.Conv2d(64, 128, 3, device="meta")
below = pool(on_top)
print(f"before the pooling: {tuple(on_top.shape)} = (B, C, H, W)")
# zh: print(f"池化之前：{tuple(on_top.shape)} = (B, C, H, W)")
print(f"after the pooling: {tuple(below.shape)}")
# zh: print(f"池化之后：{tuple(below.shape)}")
print(f"after the convolution: {tuple(convolution(below).shape)}")
# zh: print(f"卷积之后：{tuple(convolution(below).shape)}")
print(f"numbers to learn in the pooling: {count_parameters(pool)}")
# zh: print(f"池化里可学习的参数：{count_parameters(pool)} 个")
print(f"numbers to learn in the convolution: {count_parameters(convolution):,}")
# zh: print(f"卷积里可学习的参数：{count_parameters(convolution):,} 个")

# %% [markdown] lang="en"
# Pooling: 64 channels in, 64 out. It has no numbers to learn and treats each channel alone, so it cannot make a new one. **The channels double in the convolution after the pooling.** The paper's sentence "At each downsampling step we double the number of feature channels" (paper, section 2) means the step as a whole; its figure shows it as we just saw it.
#
# **End of lesson 1.** Say aloud to your neighbour: what are the two faults of the sliding window, what does a pooling keep, what does it lose, and what brings it back?

# %% [markdown] lang="zh" of="5ef569b9"
# 池化：进 64 个通道，出 64 个通道。它没有可学习的参数，而且每个通道单独处理，所以不可能产生新通道。**通道数在池化之后的那次卷积里翻倍。** 论文第 2 节写道：每次下采样，特征通道数翻倍。这句话说的是整个一步；论文的图和我们刚才看到的一样。
#
# **第一节课到此结束。** 对同桌说一说：滑动窗口的两个缺点是什么？池化留下什么，丢掉什么？丢掉的靠什么找回来？

# %% [markdown] lang="en" minutes="10"
# ## 5 Green: a stamp for every pixel
#
# **Lesson 2** (sections 5 to 10, a lesson and a half): the arrows up and across, the walk through the U, what it costs.
#
# Going up, the side has to double. The paper does it by an *up-convolution*: "an upsampling of the feature map followed by a 2×2 convolution" (paper, section 2). Done in one layer, it works like a stamp: each pixel multiplies the same learned 2×2 stamp, and the results are laid side by side, stride 2. PyTorch calls this layer a transposed convolution, `nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)`. With many channels there is one stamp for each pair of input and output channel, and what falls on the same pixel is added up.
#
# **Exercise 3.6** Write it in numpy for one channel: `small` is (H, W), `stamp` 2×2, the result (2 H, 2 W).

# %% [markdown] lang="zh" of="66ae7a28"
# ## 5 绿色：一个像素盖一个章
#
# **第二节课**（第 5 到 10 节，一节半课）：向上和横跨的箭头，从头走一遍，显存和参数各有多少。
#
# 向上时，边长要翻倍。论文用上卷积来做：先把特征图放大，再做一次 2×2 卷积（论文第 2 节）。合成一层，就像盖章：每个像素乘上同一个 2×2 的印章，结果一个挨一个放好，步幅 (stride) 是 2。印章里的数是学来的。PyTorch 把这一层叫做转置卷积 (transposed convolution)：`nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)`。（常说的“反卷积”也是指它。）通道多的时候，每一对输入通道和输出通道有一个印章，落在同一个像素上的数加起来。
#
# **练习 3.6** 用 numpy 写一个通道的版本：`small` 是 (H, W)，`stamp` 是 2×2，结果是 (2 H, 2 W)。


# %% tags=["exercise"]
def stamp_up(small, stamp):
    return None  # your code here: (H, W), (2, 2) -> (2 H, 2 W)
    # zh: return None  # 在这里写代码：(H, W), (2, 2) -> (2 H, 2 W)


stamp_up = lesson.exercise("03.6", stamp_up)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Pixel (row, column) owns the four places that begin at (2 row, 2 column). (`np.kron(small, stamp)` does the same in one call.)
#
# {{solution 03.6}}
#
# </details>
#
# Your function (or the reference) at work. The stamp 1, 2, 3, 4 makes it easy to read which pixel stamped where.

# %% [markdown] lang="zh" of="7447d601"
# <details><summary>参考答案</summary>
#
# 像素 (row, column) 占有从 (2 row, 2 column) 开始的四个位置。（`np.kron(small, stamp)` 一次调用就能做到。）
#
# {{solution 03.6}}
#
# </details>
#
# 看看你的函数（或参考函数）怎样工作。印章是 1、2、3、4，很容易看出哪个像素盖在哪里。

# %%
stamp = np.array([[1, 2], [3, 4]])
stamped = stamp_up(pooled, stamp)
by_torch = functional.conv_transpose2d(
    torch.from_numpy(pooled)[None, None], torch.from_numpy(stamp)[None, None], stride=2
)
equal = np.array_equal(by_torch[0, 0].numpy(), stamped)
print(f"{pooled.shape} -> {stamped.shape}; the same as conv_transpose2d: {equal}")
# zh: print(f"{pooled.shape} -> {stamped.shape}；和 conv_transpose2d 一样：{equal}")

# %% fold="Draw the pooled image, the stamp, and what it prints" fold_zh="画出池化后的图像、印章和印出的结果"
fig, axes = plt.subplots(
    1, 3, figsize=(7.0, 2.6), dpi=figures.DPI, width_ratios=(2, 2, 4)
)
panel(axes[0], pooled, "pooled image", lambda row, column: block(2 * row, 2 * column))
panel(axes[1], stamp, "stamp")
panel(axes[2], stamped, "up-convolution", block)
figures.show(
    "Three panels: the pooled image with 7 5 above 2 9; the stamp 1 2 above 3 4; and "
    "4 by 4 numbers, where the block of each pixel is the stamp times that pixel."
)
# zh: figures.show(
# zh:     "三幅图：池化后的图像，上面 7 5，下面 2 9；印章，上面 1 2，下面 3 4；"
# zh:     "以及 4 乘 4 个数，每个像素的方块都是印章乘上这个像素。"
# zh: )
print(f"the block of the upper left pixel, 7: {stamped[:2, :2].tolist()}")
# zh: print(f"左上角的像素 7 印出的方块：{stamped[:2, :2].tolist()}")

# %% [markdown] lang="en"
# **It is not an inverse.** In section 4 two different images had one and the same pooled image. Whatever is computed from the pooled image, by this stamp or by any other, is the same for both; so it cannot be equal to both. In the paper's network not even the size comes back, because the convolutions between have taken their rings:

# %% [markdown] lang="zh" of="9604dd9e"
# 图中文字：pooled image 池化后的图像 · stamp 印章 · up-convolution 上卷积。
#
# **它不是逆操作。** 第 4 节里，两幅不同的图像池化后完全一样。从池化后的图像出发，不管用哪个印章，两幅图算出来的结果都一样。它不可能同时等于两幅原图。在论文的网络里，连大小也回不来，因为中间的卷积各去掉了一圈：

# %%
from_the_other = stamp_up(max_pool(other[None])[0], stamp)
print(f"both give the same: {np.array_equal(stamped, from_the_other)}")
# zh: print(f"两幅给出同样的结果：{np.array_equal(stamped, from_the_other)}")
print(f"equal to the one: {np.array_equal(stamped, one)}")
# zh: print(f"等于第一幅：{np.array_equal(stamped, one)}")
print(f"equal to the other: {np.array_equal(stamped, other)}")
# zh: print(f"等于另一幅：{np.array_equal(stamped, other)}")
print("side before the pooling, and after the up-convolution of the same level:")
# zh: print("同一层里，池化之前的边长和上卷积之后的边长：")
before_pooling = [a for a, b in pairwise(steps) if b.arrow.startswith("max pool")]
ups = [step for step in steps if step.arrow.startswith("up-conv")]
for before, after in zip(before_pooling, ups[::-1], strict=True):
    print(f"  level {before.level + 1}: {before.height:3} and {after.height:3}")
    # zh: print(f"  第 {before.level + 1} 层：{before.height:3} 和 {after.height:3}")

# %% [markdown] lang="en"
# **Why 2×2 with stride 2?** Because these stamps do not overlap. We count how many stamps cover each pixel; beside it the same for stamps of 3×3 with stride 2.

# %% [markdown] lang="zh" of="c0717976"
# **为什么是 2×2、步幅 2？** 因为这样的印章互不重叠。数一数每个像素上盖了几个章；旁边是 3×3、步幅 2 的印章。


# %% fold="Count the stamps on each pixel" fold_zh="数一数每个像素上有几个章"
def ink(cover):
    """Give each pixel the darker a colour the more stamps cover it."""
    shades = {1: 0.1, 2: 0.4, 4: 0.8}
    return lambda row, column: tint(figures.ORANGE, shades[int(cover[row, column])])


fig, axes = plt.subplots(1, 2, figsize=(6.6, 3.3), dpi=figures.DPI)
covers = {}
for ax, side in zip(axes, (2, 3), strict=True):
    ones = torch.ones(1, 1, 3, 3), torch.ones(1, 1, side, side)
    cover = functional.conv_transpose2d(*ones, stride=2)[0, 0].int().numpy()
    covers[side] = sorted(set(cover.ravel().tolist()))
    panel(ax, cover, f"{side} × {side} stamps, stride 2", ink(cover))
figures.show(
    "Left, stamps of 2 by 2: every pixel is covered once. Right, stamps of 3 by 3: the "
    "pixels are covered 1, 2 or 4 times in turn, in the pattern of a checkerboard."
)
# zh: figures.show(
# zh:     "左边是 2 乘 2 的印章：每个像素正好盖到一次。右边是 3 乘 3 的印章："
# zh:     "像素交替盖到 1、2、4 次，像棋盘格。"
# zh: )
print(f"stamps on one pixel: {covers[2]} with 2 × 2, {covers[3]} with 3 × 3")
# zh: print(f"每个像素上的印章数：2 × 2 是 {covers[2]}，3 × 3 是 {covers[3]}")

# %% [markdown] lang="en"
# With 3×3 stamps some pixels get four times the ink of others. That leaves *checkerboard artifacts*, which the next layers have to learn away (Odena and colleagues, 2016). With 2×2 every pixel belongs to exactly one stamp: the cover is even. Four unequal numbers in a learned stamp still print a pattern, as chapter 07 will show; only the uneven cover is avoided.

# %% [markdown] lang="zh" of="c3ba97bf"
# 图中文字：2 × 2 stamps 2 × 2 的印章 · 3 × 3 stamps 3 × 3 的印章 · stride 步幅。
#
# 用 3×3 的印章，有的像素得到的墨是别的像素的四倍，形成棋盘格伪影 (checkerboard artifacts)，后面的层还得学着把它抹掉（Odena 等人，2016）。用 2×2，每个像素正好属于一个印章，墨是均匀的。学来的印章里四个数如果不相等，仍然会印出花纹，第 07 章会看到；避免的只是重叠不均造成的那一种。

# %% [markdown] lang="en" minutes="9"
# ## 6 Grey: why crop, why copy, why stack
#
# **Why crop?** Because the convolutions took the border. On level 4 the map on the left is 64 × 64, and what comes from below is 56 × 56. They can only be laid on each other if the larger one gives up its rim. In the paper's words: "The cropping is necessary due to the loss of border pixels in every convolution" (paper, section 2).
#
# **Exercise 3.7** How many pixels fall off on *each side*?

# %% [markdown] lang="zh" of="139d32c3"
# ## 6 灰色：为什么裁剪，为什么复制，为什么叠起来
#
# **为什么裁剪？** 因为卷积拿走了边缘。在第 4 层，左边的特征图是 64 × 64，从下面上来的是 56 × 56。大的那张先去掉一圈边，两张才能叠在一起。论文的说法是：每次卷积都丢掉边缘像素，所以必须裁剪（论文第 2 节）。
#
# **练习 3.7** **每一边**裁掉几个像素？


# %% tags=["exercise"]
def crop_per_side(skip, up):
    return None  # your code here: two sides in pixels -> pixels off each side
    # zh: return None  # 在这里写代码：两个边长（像素）-> 每一边裁掉的像素数


crop_per_side = lesson.exercise("03.7", crop_per_side)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The difference, shared by two sides. It is always even: on every way from the left to the right the rows are lost in pairs.
#
# {{solution 03.7}}
#
# </details>
#
# The four grey arrows of the paper's network:

# %% [markdown] lang="zh" of="df8119fa"
# <details><summary>参考答案</summary>
#
# 两者之差，两边平分。它总是偶数：从左边走到右边，行总是成对丢掉的。
#
# {{solution 03.7}}
#
# </details>
#
# 论文网络的四个灰色箭头：

# %%
for before, after in zip(before_pooling[::-1], ups, strict=True):
    off, level = crop_per_side(before.height, after.height), before.level + 1
    print(f"level {level}: {before.height} to {after.height}, {off} off each side")
    # zh: print(f"第 {level} 层：{before.height} 裁到 {after.height}，每边裁掉 {off}")

# %% [markdown] lang="en"
# **Why copy?** To localise. Poolings forgot the position; the map just before the pooling still has it. "In order to localize, high resolution features from the contracting path are combined with the upsampled output" (paper, section 1). So cropping and copying have two different reasons: the lost border makes one *crop*, the lost position makes one *copy*. And the lost border does not come back at all: the answer is smaller than the tile.
#
# **Why stack, and not add?** The copy is laid under the other map as more channels, like sheets of paper: 512 and 512 give 1024. The picture shows two pairs of maps. If a network sees only the sum, can it tell the two pairs apart?

# %% [markdown] lang="zh" of="d3157d3c"
# **为什么复制？** 为了定位。池化忘了位置，紧挨在池化之前的特征图还记得。论文的说法是：为了定位，把收缩路径上的高分辨率特征和上采样的结果结合起来（论文第 1 节）。所以裁剪和复制，原因不同：丢了边缘，才要**裁剪**；丢了位置，才要**复制**。丢掉的边缘始终没有回来：输出比分块小。
#
# **为什么叠起来，而不是相加？** 复制来的特征图和从下面上来的叠在一起，通道变多，像一叠纸：512 张和 512 张，一共 1024 张。这叫沿通道拼接。下图有两对特征图。如果网络只看得到两者之和，还分得清这两对吗？

# %%
pairs = [
    (np.array([[0, 2], [0, 0]]), np.array([[6, 6], [6, 6]])),
    (np.array([[3, 5], [3, 3]]), np.array([[3, 3], [3, 3]])),
]
added = [copied + under for copied, under in pairs]
stacked = [np.stack(pair) for pair in pairs]
print(f"added, the two pairs are equal: {np.array_equal(*added)}")
# zh: print(f"相加之后，两对相等：{np.array_equal(*added)}")
print(f"stacked, the two pairs are equal: {np.array_equal(*stacked)}")
# zh: print(f"叠起来之后，两对相等：{np.array_equal(*stacked)}")

# %% fold="Draw the two pairs, stacked and added" fold_zh="画出这两对：叠起来，以及相加"
fig, axes = plt.subplots(2, 1, figsize=(7.4, 4.4), dpi=figures.DPI)
for ax, (copied, under) in zip(axes, pairs, strict=True):
    blue, orange = tint(figures.SKY), tint(figures.ORANGE)
    squares(ax, copied, blue, 0, 0)
    squares(ax, under, orange, 3, 0)
    squares(ax, copied, blue, 7, -1.1)
    squares(ax, under, orange, 7, 1.1)
    squares(ax, copied + under, tint(figures.GREY), 11, 0)
    titles = {
        1: "copied",
        4: "from below",
        8: "stacked: 2 channels",
        12: "added: 1 channel",
    }
    for middle, title in titles.items():
        ax.text(middle, -1.3, title, ha="center", fontsize=9)
    ax.set(xlim=(-1, 14), ylim=(3.3, -1.9), aspect="equal")
    ax.axis("off")
fig.tight_layout()
figures.show(
    "Two rows. Above, 0 2 0 0 was copied and 6 6 6 6 came from below; under it, 3 5 3 3 "
    "and 3 3 3 3. Stacked they differ; added, both rows give 6 8 6 6."
)
# zh: figures.show(
# zh:     "两行。上面一行，复制来的是 0 2 0 0，从下面来的是 6 6 6 6；下面一行是 3 5 3 3 和 3 3 3 3。"
# zh:     "叠起来不同；相加之后，两行都是 6 8 6 6。"
# zh: )
print("added, above:", *added[0].ravel(), " below:", *added[1].ravel())
# zh: print("相加，上面一行", *added[0].ravel(), " 下面一行", *added[1].ravel())

# %% [markdown] lang="en"
# Once added, they cannot be told apart. Stacked, they can; and the next convolution, which sees both, learns how to use them. It may add them, as a special case, or subtract one from the other, as our strip in section 3 did. The copy does not repair anything by itself. "A successive convolution layer can then learn to assemble a more precise output based on this information" (paper, section 1).

# %% [markdown] lang="zh" of="ac3887ea"
# 图中文字：copied 复制来的 · from below 从下面上来的 · stacked: 2 channels 叠起来：2 个通道 · added: 1 channel 相加：1 个通道。
#
# 加起来就再也分不开了。叠起来，就分得开；下一层卷积两边都看得到，自己学会怎样用。它可以把两张相加，这只是特例；也可以用一张减另一张，像第 3 节的纸条那样。复制本身并不修补什么。论文的说法是：接下来的卷积层可以学会利用这些信息，拼出更精确的输出（论文第 1 节）。

# %% [markdown] lang="en" minutes="4"
# ## 7 The last arrow: 1×1
#
# A 1×1 convolution looks at one pixel and all its channels. It has a weight for each pair of input and output channel and does the same to every pixel: a matrix product. Three channels of 2×2 pixels, two outputs, small numbers:

# %% [markdown] lang="zh" of="2ff2e133"
# ## 7 最后一个箭头：1×1
#
# 1×1 卷积只看一个像素，但看它的所有通道。每一对输入通道和输出通道有一个权重，对每个像素都做同样的事：这就是矩阵乘法。下面有三个通道，每个 2×2 像素，两个输出，数都很小：

# %%
maps = torch.tensor([[[1, 2], [0, 1]], [[0, 1], [3, 0]], [[2, 0], [1, 1]]]).float()
weight = torch.tensor([[1, 0, 2], [-1, 3, 0]]).float()  # (2 outputs, 3 inputs)
convolved = functional.conv2d(maps[None], weight[:, :, None, None])[0]  # (2, 2, 2)
as_a_matrix = (weight @ maps.reshape(3, 4)).reshape(2, 2, 2)  # columns are pixels
one_pixel = maps[:, 0, 0].int().tolist(), convolved[:, 0, 0].int().tolist()
print(f"pixel (0, 0): channels {one_pixel[0]}, outputs {one_pixel[1]}")
# zh: print(f"像素 (0, 0)：通道 {one_pixel[0]}，输出 {one_pixel[1]}")
print(f"equal to the matrix product: {torch.equal(convolved, as_a_matrix)}")
# zh: print(f"等于矩阵乘法：{torch.equal(convolved, as_a_matrix)}")
head = paper.head
print(f"the paper's head: {head.in_channels} to {head.out_channels} channels")
# zh: print(f"论文的最后一层：{head.in_channels} 个通道到 {head.out_channels} 个")
print(f"numbers to learn in it: {count_parameters(head)}")
# zh: print(f"其中可学习的参数：{count_parameters(head)} 个")

# %% [markdown] lang="en"
# Two outputs: a score for background and a score for cell. The *soft-max* turns them into two probabilities that add up to 1. With score $a$ for background and $b$ for a cell, that of a cell is
#
# $$p = \frac{e^b}{e^a + e^b}$$
#
# The course, apart from chapter 10, works with one score and the sigmoid. Is that less?
#
# **Guess 3.8.** Background has the score 3 and a cell the score 5: the soft-max gives the cell 0.88. The next pixel has the scores 0 and 2. What does the cell get there?

# %% [markdown] lang="zh" of="b85ba8da"
# 两个输出：背景的得分和细胞的得分，都是 logits。softmax 把它们变成两个概率，加起来是 1。背景得分 $a$，细胞得分 $b$ 时，细胞的概率是
#
# $$p = \frac{e^b}{e^a + e^b}$$
#
# 除了第 10 章，课程只用一个得分和 sigmoid。这样少了什么吗？
#
# **猜一猜 3.8** 一个像素的背景得分是 3，细胞得分是 5，softmax 给细胞的概率是 0.88。下一个像素的得分是 0 和 2，细胞的概率是多少？

# %%
for_the_cell = None  # your guess: a probability
# zh: for_the_cell = None  # 你的猜测：一个概率

lesson.ask("03.8", for_the_cell)

# %% tags=["answer"]
for scores in ((3.0, 5.0), (0.0, 2.0), (2.0, -1.0)):
    pair = torch.tensor(scores)
    p = pair.softmax(dim=0)[1].item()
    one_number = (pair[1] - pair[0]).sigmoid().item()
    print(f"scores {scores}: soft-max {p:.4f}, sigmoid of b - a {one_number:.4f}")
    # zh: print(f"得分 {scores}：softmax {p:.4f}，b - a 的 sigmoid {one_number:.4f}")

# %% [markdown] lang="en"
# Only the difference of the two scores counts, so for two classes a soft-max is one sigmoid. The paper's form goes on to work for three classes and more.

# %% [markdown] lang="zh" of="7c821b07"
# 起作用的只有两个得分之差。所以只有两类时，softmax 就是一个 sigmoid。论文的写法到三类、更多类仍然适用。

# %% [markdown] lang="en" minutes="33"
# ## 8 The walk through the U
#
# Now all arrows are known, and you can walk through the figure alone. The tile of 572 stands in the table of section 2; so take the next one that fits, 588 × 588 × 1. Write sizes as (rows, columns, channels).
#
# The tile goes through two convolutions, to 64 channels.
#
# **Guess 3.9.** What is there after the first pooling?
#
# **Guess 3.10.** And after the convolution that follows?

# %% [markdown] lang="zh" of="59b7136c"
# ## 8 在 U 里从头走一遍
#
# 所有箭头都认识了，你可以自己走一遍这张图。572 的分块，答案就在第 2 节的表里；我们换成下一个合适的大小：588 × 588 × 1。尺寸记作（行，列，通道）。
#
# 这个分块做了两次卷积，变成 64 个通道。
#
# **猜一猜 3.9** 第一次池化之后是多少？
#
# **猜一猜 3.10** 再做一次卷积呢？

# %%
after_pooling = None  # your guess: (rows, columns, channels)
# zh: after_pooling = None  # 你的猜测：（行，列，通道），用英文括号和逗号
after_next_convolution = None  # your guess
# zh: after_next_convolution = None  # 你的猜测

lesson.ask("03.9", after_pooling)
lesson.ask("03.10", after_next_convolution)

# %% [markdown] lang="en"
# At the bottom there are 29 × 29 pixels and 1024 channels. On the left side of the level above it waits a map of 66 × 66 × 512.
#
# **Guess 3.11.** What comes out of the first up-convolution?
#
# **Guess 3.12.** What is there after the joining with the map that waits?

# %% [markdown] lang="zh" of="599c32e6"
# 底部有 29 × 29 个像素，1024 个通道。上面一层的左边，有一张 66 × 66 × 512 的特征图在等着。
#
# **猜一猜 3.11** 第一次上卷积之后是多少？
#
# **猜一猜 3.12** 和等着的那张拼接之后是多少？

# %%
after_up = None  # your guess: (rows, columns, channels)
# zh: after_up = None  # 你的猜测：（行，列，通道）
after_joining = None  # your guess
# zh: after_joining = None  # 你的猜测

lesson.ask("03.11", after_up)
lesson.ask("03.12", after_joining)

# %% [markdown] lang="en"
# **Guess 3.13.** What comes out at the very end, after the 1×1 convolution?

# %% [markdown] lang="zh" of="e6a5f6c9"
# **猜一猜 3.13** 最后，1×1 卷积之后是多少？

# %%
at_the_end = None  # your guess: (rows, columns, channels)
# zh: at_the_end = None  # 你的猜测：（行，列，通道）

lesson.ask("03.13", at_the_end)

# %% [markdown] lang="en"
# Now a network answers: a real one with numbers in it, only with 2 to 32 channels where the paper has 64 to 1024, so that two processor cores need no patience. A *hook* is a function that PyTorch calls when a layer has run (or, a *pre-hook*, just before).

# %% [markdown] lang="zh" of="f4e8b325"
# 现在让网络回答。这是一个真正有数值的网络，只是通道少：论文是 64 到 1024，这里是 2 到 32，只有两个处理器核也不用等。钩子 (hook) 是一个函数：某一层一运行完，PyTorch 就调用它（pre-hook 则在这一层运行之前调用）。

# %% tags=["answer"]
torch.manual_seed(0)
narrow = UNet(1, 2, (2, 4, 8, 16, 32), padding="valid", batch_norm=False).eval()
notes = []


def note(name, x):
    """Write down rows, columns and channels."""
    notes.append(f"{name}: {x.shape[2]} × {x.shape[3]} × {x.shape[1]}")
    # zh: notes.append(f"{name}：{x.shape[2]} × {x.shape[3]} × {x.shape[1]}")


watched = {"pooling": narrow.pool, "1×1": narrow.head}
# zh: watched = {"池化": narrow.pool, "1×1": narrow.head}
watched |= {"conv after pooling": narrow.encoder[1][0], "first up": narrow.up[0]}
# zh: watched |= {"池化后的卷积": narrow.encoder[1][0], "第一次上卷积": narrow.up[0]}
hooks = []
for name, layer in watched.items():
    hooks.append(
        layer.register_forward_hook(lambda _l, _i, out, name=name: note(name, out))
    )
joining = narrow.decoder[0]
hooks.append(joining.register_forward_pre_hook(lambda _l, x: note("joined", x[0])))
# zh: hooks.append(joining.register_forward_pre_hook(lambda _l, x: note("拼接后", x[0])))
with torch.no_grad():
    narrow(torch.rand(1, 1, 588, 588))
for hook in hooks:
    hook.remove()
print("tile of 588:", *notes, sep="\n  ")
# zh: print("588 的分块：", *notes, sep="\n  ")

# %% [markdown] lang="en"
# The name "pooling" appears four times, once for each arrow down. The sizes do not depend on the widths. The full network, with its 64 to 1024 channels:

# %% [markdown] lang="zh" of="6a564f39"
# 输出里“池化”出现四次，每个向下的箭头一次。边长和通道多少无关。完整的网络有 64 到 1024 个通道：

# %% tags=["answer"]
wanted = {3: "first pooling", 4: "next convolution", 15: "first up-convolution"}
# zh: wanted = {3: "第一次池化", 4: "下一次卷积", 15: "第一次上卷积"}
wanted |= {16: "joined", 31: "end"}
# zh: wanted |= {16: "拼接后", 31: "最后"}
walk = trace(paper, 588, 588)
for k, name in wanted.items():
    print(f"{name}: {walk[k].height} × {walk[k].width} × {walk[k].channels}")
    # zh: print(f"{name}：{walk[k].height} × {walk[k].width} × {walk[k].channels}")

# %% [markdown] lang="en"
# **Exercise 3.14** Write the walk as a function: which side comes out of a U with `levels` levels and convolutions without padding? `size_after(5, 572)` shall be 388, and the strip of section 3 is `size_after(2, 20)`.

# %% [markdown] lang="zh" of="4cb6dd1a"
# **练习 3.14** 把这段路写成函数：有 `levels` 层、卷积都不填充的 U，输出的边长是多少？`size_after(5, 572)` 应该是 388，第 3 节的纸条是 `size_after(2, 20)`。


# %% tags=["exercise"]
def size_after(levels, side):
    return None  # your code here
    # zh: return None  # 在这里写代码


size_after = lesson.exercise("03.14", size_after)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Two convolutions take 4. Five levels have four arrows down and four up; the bottom has two convolutions of its own.
#
# {{solution 03.14}}
#
# </details>
#
# Now ask it for many tiles, and ask the network which of them it takes.

# %% [markdown] lang="zh" of="c97db011"
# <details><summary>参考答案</summary>
#
# 两次卷积少 4。五层之间有四个向下的箭头、四个向上的箭头；底部自己也有两次卷积。
#
# {{solution 03.14}}
#
# </details>
#
# 用它算出多种输入边长对应的输出，再看看网络接受哪些边长。

# %%
sizes = valid_sizes(5)
near = [size for size in sizes if 550 < size < 610]
print("valid sides:", *sizes[:3], "...", *near, "...")
# zh: print("合格的边长", *sizes[:3], "...", *near, "...")
for side in (188, 572, 588, 700):
    out = size_after(5, side)
    print(f"{side} in, {out} out: {side - out} less, {(side - out) // 2} a side")
    # zh: print(f"输入 {side}，输出 {out}：少 {side - out}，每边 {(side - out) // 2}")
lesson.contract("03.output", size_after(5, 572))
try:
    paper(torch.empty(1, 1, 512, 512, device="meta"))
except ValueError as error:
    print(textwrap.fill(f"the network on 512: {error}", 80))
    # zh: print(textwrap.fill(f"给网络 512：{error}", 80))
rows = 512
for level in range(1, 5):
    rows -= 4
    print(f"512, level {level}: {rows} rows reach the pooling")
    # zh: print(f"512，第 {level} 层：{rows} 行到达池化")
    if rows % 2:
        print("odd: here it ends")
        # zh: print("奇数：走不下去了")
        break
    rows //= 2

# %% [markdown] lang="en"
# A pooling takes pairs of rows. If it meets an odd number, one row is left over, and the maps on the left and right no longer have the same middle. Therefore section 2 of the paper asks for a tile in which every pooling meets an even size. For every valid tile, output = input − 184, which is 92 pixels a side.
#
# But the images of the paper are 512 × 512. They are cut into tiles: a mirror continues the image by 92 pixels or more at each border, and each tile's answer fills a place of the result. That is the *overlap-tile strategy*, and chapter 10 builds it: [10 the paper's own way](10_paper_way.ipynb) (elective).
#
# **Exercise 3.15 (extra)** Which is the smallest valid side, for the paper's five levels, that is not below `side`?

# %% [markdown] lang="zh" of="34646b5a"
# 给网络 512，它会拒绝，说离 512 最近的合格边长是 508 和 524。池化把行两两配对。遇到奇数，就多出一行，左右两边特征图的中心也对不上了。所以论文第 2 节要求：选分块大小时，让每次池化遇到的行数和列数都是偶数。任何合格的分块，输出 = 输入 − 184，每边少 92 个像素。
#
# 可是论文的图像是 512 × 512。办法是把图像切成分块：先用镜像让图像四边各延伸至少 92 个像素，再让每个分块的输出填好结果中的一块。这就是重叠分块策略 (overlap-tile strategy)，第 10 章来实现：[10 论文自己的做法](10_paper_way.ipynb)（选修）。
#
# **练习 3.15（选做）** 对论文的五层网络，不小于 `side` 的最小合格边长是多少？


# %% tags=["exercise"]
def next_valid(side):
    return None  # your code here
    # zh: return None  # 在这里写代码


next_valid = lesson.exercise("03.15", next_valid)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Four halvings must come out even, so the valid sides are 2^4 = 16 apart. The smallest is 188. (`next(size for size in valid_sizes(5) if size >= side)` says the same.)
#
# {{solution 03.15}}
#
# </details>
#
# **How many layers, how many parameters?** A convolution with a kernel of `side` × `side` from `i` to `o` channels keeps, for each of its `o` outputs, a block of weights over all `i` inputs, and one bias.
#
# **Exercise 3.16** Count its numbers. (An up-convolution has as many.)

# %% [markdown] lang="zh" of="8f37d9f4"
# <details><summary>参考答案</summary>
#
# 四次减半都要整除，所以合格的边长相差 2^4 = 16。最小的是 188。（`next(size for size in valid_sizes(5) if size >= side)` 是同样的意思。）
#
# {{solution 03.15}}
#
# </details>
#
# **有多少层，多少个参数？** 一层卷积，卷积核是 `side` × `side`，从 `i` 个通道到 `o` 个通道。`o` 个输出通道，每个都有一块权重，覆盖所有 `i` 个输入通道，再加一个偏置。
#
# **练习 3.16** 数一数，这一层有多少个参数。（上卷积也是这么多。）


# %% tags=["exercise"]
def count_layer(side, i, o):
    return None  # your code here
    # zh: return None  # 在这里写代码


count_layer = lesson.exercise("03.16", count_layer)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# One output channel has side × side × i weights and one bias; there are o of them.
#
# {{solution 03.16}}
#
# </details>
#
# Your function (or the reference) adds up the whole network from the table of section 2; then PyTorch counts.

# %% [markdown] lang="zh" of="c3d62c28"
# <details><summary>参考答案</summary>
#
# 一个输出通道有 side × side × i 个权重和一个偏置；一共 o 个输出通道。
#
# {{solution 03.16}}
#
# </details>
#
# 照第 2 节的表，用你的函数（或参考函数）把整个网络的参数加起来；再让 PyTorch 数一遍。

# %%
arrows = Counter(step.arrow for step in steps)
layers, total = 0, 0
for before, step in pairwise(steps):
    if "conv" in step.arrow:
        layers += 1
        total += count_layer(int(step.arrow[-1]), before.channels, step.channels)
for arrow, number in arrows.items():
    print(f"{arrow:14} {number}")
print(f"convolution layers (3×3, up, 1×1): {layers}")
# zh: print(f"卷积层（3×3、上卷积、1×1）：{layers}")
print(f"parameters: {total:,} by your formula, {count_parameters(paper):,} by PyTorch")
# zh: print(f"参数：按你的公式 {total:,} 个，按 PyTorch {count_parameters(paper):,} 个")
lesson.contract("03.layers", layers)
lesson.contract("03.parameters", total)

# %% [markdown] lang="en"
# "In total the network has 23 convolutional layers" (paper, section 2). The paper does not give the number of parameters; every implementation with exactly these layers, one channel in and two out, must have this one, so it is a good first test of somebody's code.

# %% [markdown] lang="zh" of="9369e071"
# 论文第 2 节说，网络一共有 23 个卷积层。论文没有写参数个数。任何实现，只要正好是这些层，输入一个通道，输出两个，就一定是这个数。所以检查别人的代码，可以先看它。

# %% [markdown] lang="en" minutes="5"
# ## 9 Where the memory goes, and where the parameters are
#
# Of the five levels of the U, 1 is the top and 5 the bottom.
#
# **Guess 3.17.** Which level holds the most parameters?
#
# **Guess 3.18.** Which level holds the most numbers in its maps (rows × columns × channels, added over all its steps)? These take the memory.

# %% [markdown] lang="zh" of="a6914e99"
# ## 9 显存花在哪一层，参数在哪一层
#
# U 有五层，1 是顶层，5 是底层。
#
# **猜一猜 3.17** 哪一层的参数最多？
#
# **猜一猜 3.18** 哪一层的特征图里，数的总量最多（行 × 列 × 通道，把这一层的所有步骤加起来）？显存就花在这些数上。

# %%
most_parameters = None  # your guess: a level, 1 (top) to 5 (bottom)
# zh: most_parameters = None  # 你的猜测：层，1（顶）到 5（底）
most_numbers = None  # your guess: a level
# zh: most_numbers = None  # 你的猜测：层

lesson.ask("03.17", most_parameters)
lesson.ask("03.18", most_numbers)

# %% tags=["answer"]
in_maps = [0] * 5
for step in steps:
    in_maps[step.level] += step.height * step.width * step.channels
in_layers = [count_parameters(part) for part in paper.encoder]
in_layers[0] += count_parameters(paper.head)
for k, (up_layer, part) in enumerate(zip(paper.up, paper.decoder, strict=True)):
    in_layers[3 - k] += count_parameters(up_layer) + count_parameters(part)
shares = [n / sum(in_maps) for n in in_maps], [n / sum(in_layers) for n in in_layers]
ends = {"top": 0, "bottom": 4}
# zh: ends = {"顶层": 0, "底层": 4}
for name, k in ends.items():
    print(
        f"{name}: {shares[0][k]:.1%} of the maps, {shares[1][k]:.1%} of the parameters"
    )
    # zh: print(f"{name}：特征图里的数占 {shares[0][k]:.1%}，参数占 {shares[1][k]:.1%}")
last_below = next(step for step in reversed(steps) if step.level == 4)
numbers_below = last_below.height * last_below.width * last_below.channels
print(f"numbers in the input: {572 * 572:,}")
# zh: print(f"输入里的数：{572 * 572:,} 个")
print(f"numbers in the last map of the bottom: {numbers_below:,}")
# zh: print(f"底层最后一张特征图里的数：{numbers_below:,} 个")

# %% fold="Draw where the numbers are" fold_zh="画出这些数都在哪里" tags=["answer"]
fig, axes = plt.subplots(1, 2, figsize=(8.0, 2.5), dpi=figures.DPI, sharey=True)
names = [f"level {k}, {width} ch" for k, width in enumerate(PAPER_WIDTHS, 1)]
for ax, values, colour, title in (
    (axes[0], in_maps, figures.SKY, "numbers in the maps"),
    (axes[1], in_layers, figures.ORANGE, "parameters"),
):
    ax.barh(names, np.array(values) / 1e6, color=colour)
    ax.set(title=title, xlabel="millions")
axes[0].invert_yaxis()
fig.tight_layout()
figures.show(
    "Two bar charts over the five levels. The numbers in the maps are most on level 1 "
    "and fewer on each level below; the parameters are fewest on level 1 and most on 5."
)
# zh: figures.show(
# zh:     "两幅条形图，各有五层。特征图里的数第 1 层最多，往下逐层减少；参数第 1 层最少，第 5 层最多。"
# zh: )
print("millions of numbers in the maps:", *(f"{n / 1e6:.1f}" for n in in_maps))
# zh: print("特征图里的数（百万）", *(f"{n / 1e6:.1f}" for n in in_maps))
print("millions of parameters:", *(f"{n / 1e6:.1f}" for n in in_layers))
# zh: print("参数（百万）", *(f"{n / 1e6:.1f}" for n in in_layers))

# %% [markdown] lang="en"
# Memory goes to the top, parameters to the bottom. When memory runs out, look at the top: a smaller tile helps, fewer levels hardly do. And the last two lines of the cell above the figure are worth a thought: the bottom of the U holds *more* numbers than the input. Nothing is "compressed" there in the sense of a file. "Where" has been traded for "what".

# %% [markdown] lang="zh" of="4c9c9ff6"
# 图中文字：level 层 · ch 通道 · numbers in the maps 特征图里的数 · parameters 参数 · millions 百万。
#
# 显存主要花在顶层，参数主要在底层。显存不够时，先看顶层：分块小一点有用，减少层数几乎没用。图上面那个单元格的最后两行值得想一想：U 的底部存的数比输入还**多**。这和压缩文件不是一回事，而是拿“在哪里”换“是什么”。

# %% [markdown] lang="en" minutes="3"
# ## 10 The features of U-Net, and what is done differently today
#
# Of the blog post's section "U-net的特点" (the features of U-Net) our copy holds only the heading; the post itself may say more. This is our answer, each feature with the place where you saw it:
#
# - **A label for every pixel in one pass**; no fully connected layer, so any valid size goes in (sections 1 and 8).
# - **Down for context, up for position, across so that both meet** (section 3).
# - **Joined, not added**, with many channels on the way up (section 6).
# - **Only full context counts:** valid convolutions, so the network never answers for a pixel whose surroundings it has not seen (sections 4 and 8); images of any size by overlapping tiles (chapter 10).
# - **Few images are enough**, with strong augmentation, above all elastic deformation, and a loss that insists on the thin borders between cells (paper, sections 3 and 3.1; chapters 06 and 10).
#
# What it reached in 2015, from section 4 of the paper:
#
# | task | annotated for training | U-Net | compared with |
# |---|---|---|---|
# | neurons, electron microscopy | 30 images of 512 × 512 | warping error 0.0003529 (mean of 7 rotated versions) | 0.000420, the sliding window of Ciresan et al., best before |
# | cells, phase contrast (PhC-U373) | 35 images, in part | IoU 0.9203 | 0.83, second best in 2015 |
# | cells, DIC-HeLa | 20 images, in part | IoU 0.7756 | 0.46, second best in 2015 |
#
# Smaller is better in the first line. (IoU, the intersection over the union of marked and true area, is a relative of Dice, chapter 04.) Training took 10 hours on a GPU with 6 GB (paper, section 5).
#
# Today three things are usually done differently:
#
# | | paper | today | why |
# |---|---|---|---|
# | border | valid convolutions, crop, tiles | `padding=1`, nothing to crop | easier: the output has the image's size. Price: near the border the network sees zeros |
# | initialisation and convergence | first weights drawn with care from a Gaussian, momentum 0.99 | batch norm after each convolution | larger learning rates, and less depends on the initialisation |
# | loss | cross-entropy with a weight map | often cross-entropy plus Dice | Dice does not count the background that is right (true negatives), which suits a rare class such as vessels |
#
# In code the first two are two switches of the same class:

# %% [markdown] lang="zh" of="3d0654e3"
# ## 10 U-Net 的特点，以及今天的不同做法
#
# 我们手头的博文存档里，“U-net的特点”一节只剩标题，原文可能有内容。下面是我们的回答，每一条都注明你在哪里见过：
#
# - **一次算出每个像素的标签**；没有全连接层，任何合格的大小都能输入（第 1、8 节）。
# - **向下看上下文，向上找回位置，横跨让两者相遇**（第 3 节）。
# - **拼接，而不是相加**，向上的路也有很多通道（第 6 节）。
# - **只算上下文完整的像素：** 网络用有效卷积，一个像素的周围没有看全，就不给它答案（第 4、8 节）；任意大小的图像，用重叠的分块来算（第 10 章）。
# - **少量图像就够**：靠很强的数据增强，尤其是弹性形变；还靠一个特别看重细胞间细缝的损失函数（论文第 3 节和 3.1 节；第 06、10 章）。
#
# 它在 2015 年的成绩，取自论文第 4 节：
#
# | 任务 | 训练用的标注 | U-Net | 对比 |
# |---|---|---|---|
# | 神经元，电子显微镜 | 30 张 512 × 512 的图像 | 扭曲误差 (warping error) 0.0003529（7 个旋转版本的平均） | 0.000420，Ciresan 等人的滑动窗口，此前最好 |
# | 细胞，相差显微镜 (PhC-U373) | 35 张，部分标注 | IoU 0.9203 | 0.83，2015 年第二名 |
# | 细胞，DIC-HeLa | 20 张，部分标注 | IoU 0.7756 | 0.46，2015 年第二名 |
#
# 第一行的误差越小越好。（IoU 是交并比：标出的区域和真实区域，交集除以并集。它是 Dice 的近亲，见第 04 章。）在一块 6 GB 的 GPU 上，训练用了 10 小时（论文第 5 节）。
#
# 今天通常有三处不同：
#
# | | 论文 | 今天 | 原因 |
# |---|---|---|---|
# | 边缘 | 有效卷积，裁剪，分块 | `padding=1`，不用裁剪 | 更简单：输出和图像一样大。代价：靠近边缘时，网络看到的是零 |
# | 初始化与收敛 | 按高斯分布仔细设定初始权重，动量 0.99 | 每次卷积之后做批归一化 (batch normalization) | 学习率可以更大，对初始化不那么敏感 |
# | 损失 | 带权重图的交叉熵 | 常用交叉熵加 Dice | Dice 不计入判对的背景像素（真阴性），适合血管占比很小的情况 |
#
# 在代码里，前两处是同一个类的两个开关：

# %%
with torch.device("meta"):
    today = UNet(1, 2, PAPER_WIDTHS, padding="same", batch_norm=True)
both = {"paper": (paper, 572), "today": (today, 576)}
# zh: both = {"论文": (paper, 572), "今天": (today, 576)}
for name, (network, side) in both.items():
    end = trace(network, side, side)[-1]
    print(f"{name}: {side} in, {end.height} out; sides", *network.sizes[:3], "...")
    # zh: print(f"{name}：输入 {side}，输出 {end.height}；边长", *network.sizes[:3], "...")
    print(f"  {len(network.encoder)} levels, {count_parameters(network):,} parameters")
    # zh: print(f"  {len(network.encoder)} 层，{count_parameters(network):,} 个参数")

# %% [markdown] lang="en"
# Padded, five levels take multiples of 16. Chapter 07 builds the course's network, the same class with four narrower levels and one output, line by line: [07 the network](07_unet.ipynb). Chapter 10 goes the other way and trains the original, with overlap-tile, weight map and initialisation as in the paper: [10 the paper's own way](10_paper_way.ipynb).

# %% [markdown] lang="zh" of="38d42ca5"
# 带填充时，五层网络接受的边长是 16 的倍数。第 07 章一行一行地搭课程的网络：同一个类，四层，通道少一些，一个输出：[07 网络](07_unet.ipynb)。第 10 章走另一个方向：训练原来的网络，重叠分块、权重图和初始化都照论文：[10 论文自己的做法](10_paper_way.ipynb)。

# %% [markdown] lang="en" minutes="2"
# ## 11 Beside the blog post
#
# (Elective, for reading at home; the two folded tables take another five minutes.) This course began with a Chinese blog post, 《U-net学习笔记》 ("U-Net study notes"), and we thank its author: without it there would be no course. Its preface says what it wants to be: “本文只是记录自己的学习过程,并不是面向技术向的硬核文章” (it only records how I learned this, and is no hard-core technical article). Please read what follows with that sentence in mind. Notes are no textbook, and several of these readings are invited by the brevity of the paper itself.
#
# The post gets the most important things right: that a label for every pixel is wanted and why a doctor needs it; the meaning of the coloured arrows; four steps down and four up; the sizes 572, 570, 568 and 282, 280; 28 doubled to 56; the cut from 64 to 56 and the joined 56 × 56 × 1024, then 54 and 52; the final 388 × 388 × 2 as a choice between two classes; that the up-convolution is no inverse of a convolution. We checked these against the network above, and they stand.
#
# Two tables follow: nine places to correct, and twelve where nothing is wrong and something can be added. For nine of them the network itself can be asked, which the folded cell does; its numbers are those of the rows.

# %% [markdown] lang="zh" of="98e7d2a6"
# ## 11 对照博文
#
# （选读，可以留着回家看；两张折叠的表另要五分钟。）首先要感谢中文博文《U-net学习笔记》：这门课就是由它而来的。作者在前言里写道：“本文只是记录自己的学习过程,并不是面向技术向的硬核文章。”下面的对照，请带着这句话来读：学习笔记不是教科书；其中几处，是论文自己写得太短，容易让人这样理解。
#
# 最重要的地方它都写对了：要给每个像素一个标签，以及医生为什么需要它；各色箭头的意思；向下四步，向上四步；572、570、568 和 282、280 这些大小；28 翻倍成 56；64 裁到 56，拼成 56 × 56 × 1024，再到 54、52；最后 388 × 388 × 2 是在两类中选一类；上卷积不是卷积的逆操作。我们用上面的网络核对过，都成立。
#
# 下面有两张表：需要改正的九处；没有错、还可以补充的十二处。其中九行可以问网络自己，由下面折叠的单元格来问；编号就是表里的行号。

# %% fold="Ask the network about nine of the rows" fold_zh="让网络回答其中九行"
before, after = steps[11], steps[15]  # level 4: before the pooling, after the up
x = torch.empty(1, 64, 568, 568, device="meta")
said = {1: f"pooled: {tuple(nn.MaxPool2d(2)(x).shape)}"}
# zh: said = {1: f"池化后：{tuple(nn.MaxPool2d(2)(x).shape)}"}
said[2] = f"side before the pooling {before.height}, after the up {after.height}"
# zh: said[2] = f"池化之前的边长 {before.height}，上卷积之后 {after.height}"
said[3] = f"input {steps[0].height}, output {steps[-1].height}: the border is gone"
# zh: said[3] = f"输入 {steps[0].height}，输出 {steps[-1].height}：边缘没有回来"
said[4] = f"a tile of 572 gives {size_after(5, 572)}, of 588 {size_after(5, 588)}"
# zh: said[4] = f"572 的分块给出 {size_after(5, 572)}，588 的给出 {size_after(5, 588)}"
x = torch.empty(1, 1024, 28, 28, device="meta")
up = nn.ConvTranspose2d(1024, 512, 2, stride=2, device="meta")(x)
swapped = torch.transpose(x, 1, 2)
said[9] = f"ConvTranspose2d {tuple(up.shape)}, torch.transpose {tuple(swapped.shape)}"
# zh: said[9] = f"ConvTranspose2d {tuple(up.shape)}，torch.transpose {tuple(swapped.shape)}"
said[15] = f"one 1×1 kernel: {tuple(paper.head.weight[0].shape)}, and 2 of them"
# zh: said[15] = f"一个 1×1 卷积核：{tuple(paper.head.weight[0].shape)}，共 2 个"
said[16] = f"copied: side {before.height}; pooled: side {steps[12].height}"
# zh: said[16] = f"复制的：边长 {before.height}；池化后的：边长 {steps[12].height}"
whole = steps[16].channels
said[17] = f"joined: {after.channels} + {before.channels} = {whole} channels"
# zh: said[17] = f"拼接：{after.channels} + {before.channels} = {whole} 个通道"
said[18] = f"numbers: input {572 * 572:,}, bottom {28 * 28 * 1024:,}"
# zh: said[18] = f"数的个数：输入 {572 * 572:,}，底部 {28 * 28 * 1024:,}"
for number, words in said.items():
    print(f"{number:2}  {words}")

# %% [markdown] lang="en"
# <details><summary>Beside the blog post: nine places to correct</summary>
#
# | | the post says | right in it | more precisely | see |
# |---|---|---|---|---|
# | 1 | “每次下采样步骤后通道数翻倍” (after each down-sampling step the channels double); `568*568*64---(max pooling)--->284*284*128` | four steps, four doublings, 64 to 1024; 568 and 284 | the convolution after the pooling doubles them: 284 × 284 × 64, then 282 × 282 × 128. The paper's own sentence invites the other reading | section 4; output 1 |
# | 2 | “也无法还原成原来的图像,只能还原图像的大小” (nor can it restore the original image, only its size) | it is no inverse, and the image does not come back | here not even the size: 56 against 64, 388 against 572. Say up-convolution, or transposed convolution | section 5; output 2 |
# | 3 | “在卷积过程中,我们会丢失边缘像素信息,此外,而上采样并不能恢复图像,只能恢复大小,所以需要复制” (convolutions lose border pixels; besides, up-sampling does not restore the image, only its size; therefore one needs to copy) | convolutions lose the border; and "up-sampling does not restore the image" is just why one copies | one point: the lost border is the reason to **crop**, not to copy. One **copies** to localise, since pooling lost the position. The border does not come back | section 6; output 3; paper, sections 1 and 2 |
# | 4 | “根据预先设置的输出图像大小,然后对输入图像进行镜像填充” (the output size is set first, then the input is mirror-padded) | output size and padding hang together | one chooses a tile for which every pooling meets an even size; output = input − 184 | section 8; output 4; paper, sections 2 and 3 |
# | 5 | “蓝色区域作为输入,提供更多的局部信息” (the blue area is input, for more local information) | the blue area is input and helps | it gives **context**, the wider surroundings, the opposite of local | paper, section 1 |
# | 6 | “但实质上我们是没有那么大的蓝色区域的,所以缺失的数据就以镜像的方式被填充了” (there is no such large blue area, so the missing data are filled by mirroring) | missing data are filled by mirroring | data are missing only where the tile leaves the image; elsewhere the blue area holds real pixels | Fig. 2 of the paper |
# | 7 | “这样的操作会带来图像重叠问题,即某一图像的周围可能会和另一张图片重叠” (images overlap, which is a problem) | something overlaps | the input tiles of **one** image overlap, on purpose; their outputs do not overlap and cover the image | section 8; paper, section 1 |
# | 8 | “因此作者在卷积时只使用有效部分” (therefore the authors use only the valid part) | they do use only the valid part | the other way round: the valid convolutions come first, and tiles and mirror follow from them | sections 4 and 8; paper, section 1 |
# | 9 | “采用的都是反卷积(pytorch总的transpose函数即可实现)” (up-sampling by deconvolution, PyTorch's transpose function does it) | a transposed convolution, and PyTorch has it | `nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)`; `torch.transpose` swaps two axes and has no numbers to learn | section 5; output 9 |
#
# </details>
#
# <details><summary>Beside the blog post: twelve places to which something can be added</summary>
#
# | | the post says | right in it | can be added | see |
# |---|---|---|---|---|
# | 10 | “U-net首见于这篇论文U-Net: Convolutional Networks for Biomedical,距今7年” (U-Net first appeared in this paper, 7 years ago); “引用量突破了四万” (over forty thousand citations) | it is that paper, and one of the most cited of its field | the full title ends "for Biomedical Image Segmentation" (MICCAI 2015). Years and citations grow; we give none | the paper's first page |
# | 11 | “它是一个用于医学图像分割的卷积神经网络” (a convolutional network for the segmentation of medical images) | so it is used today, and in this course | the paper's word is biomedical; its own tasks are neurons and cells under the microscope | section 10; paper, section 4 |
# | 12 | “在已有图像类别的基础上,对图像进行进一步分类” (on the basis of the image's class, classify further) | it is classification of each pixel | no class of the whole image is needed before; the network labels pixels directly | section 1; paper, section 1 |
# | 13 | “使图像中解剖或病理结构的变化更加清晰” (makes changes of anatomical or pathological structures clearer) | doctors see structures better in a labelled image | the network does not enhance the image; it gives each pixel a label | section 7: the output is two scores a pixel |
# | 14 | “ReLU激活函数(稀疏激活、收敛速度快、梯度计算简单)” (ReLU: sparse, converges fast, simple gradient) | true of ReLU, and each 3×3 convolution has one | this paper gives no reasons for ReLU; they come from other work | paper, section 2 |
# | 15 | “2个1×1的卷积核把64个特征通道变成2个” (two 1×1 kernels turn 64 channels into 2) | two kernels, 64 to 2, two classes | each kernel is 1 × 1 × 64. In general there are K for K classes, followed by soft-max and cross-entropy | section 7; output 15; paper, sections 2 and 3 |
# | 16 | “对左边下采样得到的特征图进行裁剪复制” (crop and copy the map of the down-sampling on the left) | all of it: 下采样 is the post's name for the whole left half | the map is that **before** the pooling: step 11 and not step 12 | section 2; output 16; Fig. 1 of the paper |
# | 17 | “与右边对应通道数的上采样输出特征图合并” (merge with the up-sampled map of the same channels) and “弥补缺失的信息” (make up for what is missing) | equal channels, and both are needed | they are joined along the channels, 512 + 512 = 1024; the next convolutions learn to use both | section 6; output 17 |
# | 18 | “编码器将图片不断压缩,分辨率变得越来越低,解码器将图像分辨率不断还原” (the encoder compresses the image, the decoder restores its resolution) | resolution falls, then rises | it ends at 388, and the bottom holds more numbers than the input: "where" is traded for "what" | section 9; output 18 |
# | 19 | “我们的输入图像大小为572,572单通道” (our input image is 572, 572, one channel) | 572 × 572 goes in, one channel | 572 is one **tile**, the example of Fig. 1; the EM images of the paper are 512 × 512 | paper, section 4 |
# | 20 | “图像分割不应该原图和输出图片大小一样吗?” (should not input and output have the same size?) | a very good question | each tile shrinks; the map put together from the tiles has the size of the image | chapter 10 |
# | 21 | “每次都会引入裁剪后高分辨率的图像信息” (cropped, high-resolution image information is brought in) | cropped, high resolution, at every step | what is brought in are **features**, 64 to 512 channels of them | section 2, steps 16, 20, 24 and 28 |
#
# </details>
#
# What our copy of the post does not tell of: the loss and its weight map, the elastic deformation, the initialisation, the momentum and the 23 layers. They are in chapters 06, 08 and 10, and in section 8.
#
# **Extra:** choose one row, and write down in two sentences what you would have written in your own notes before this chapter. Then find the sentence of the paper that decides it.

# %% [markdown] lang="zh" of="7098a140"
# <details><summary>对照博文：需要改正的九处</summary>
#
# | | 博文这样写 | 对的地方 | 更准确的说法 | 看这里 |
# |---|---|---|---|---|
# | 1 | “每次下采样步骤后通道数翻倍”；`568*568*64---(max pooling)--->284*284*128` | 四步，翻倍四次，64 到 1024；568 和 284 | 翻倍的是池化之后的卷积：先是 284 × 284 × 64，再是 282 × 282 × 128。论文自己的那句话也容易让人读成池化 | 第 4 节；输出 1 |
# | 2 | “也无法还原成原来的图像,只能还原图像的大小” | 不是逆操作，图像回不来 | 在这里连大小也回不来：56 对 64，388 对 572。名称用上卷积或转置卷积 | 第 5 节；输出 2 |
# | 3 | “在卷积过程中,我们会丢失边缘像素信息,此外,而上采样并不能恢复图像,只能恢复大小,所以需要复制” | 卷积会丢掉边缘；“上采样并不能恢复图像”，这正是要复制的原因 | 只差一处：丢了边缘是要**裁剪**的原因，不是要复制的原因。**复制**是为了定位，因为池化丢了位置。丢掉的边缘没有回来 | 第 6 节；输出 3；论文第 1、2 节 |
# | 4 | “根据预先设置的输出图像大小,然后对输入图像进行镜像填充” | 输出大小和填充确实有关 | 选分块大小时，要让每次池化遇到偶数；输出 = 输入 − 184 | 第 8 节；输出 4；论文第 2、3 节 |
# | 5 | “蓝色区域作为输入,提供更多的局部信息” | 蓝色区域是输入，有帮助 | 它提供的是**上下文**，也就是更大范围的周围；和“局部”方向相反 | 论文第 1 节 |
# | 6 | “但实质上我们是没有那么大的蓝色区域的,所以缺失的数据就以镜像的方式被填充了” | 缺失的数据用镜像填充 | 只有分块伸出图像的地方才缺；别处的蓝色区域都是真实像素 | 论文图 2 |
# | 7 | “这样的操作会带来图像重叠问题,即某一图像的周围可能会和另一张图片重叠” | 确实有重叠 | 重叠的是**同一幅**图像的相邻输入分块，这是有意为之；它们的输出互不重叠，正好拼满整幅图 | 第 8 节；论文第 1 节 |
# | 8 | “因此作者在卷积时只使用有效部分” | 确实只用有效部分 | 因果要反过来：先有有效卷积，才需要分块和镜像 | 第 4、8 节；论文第 1 节 |
# | 9 | “采用的都是反卷积(pytorch总的transpose函数即可实现)”（原文如此） | 是转置卷积，PyTorch 里有 | `nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)`；`torch.transpose` 只交换两个维度，没有可学习的参数 | 第 5 节；输出 9 |
#
# </details>
#
# <details><summary>对照博文：可以补充的十二处</summary>
#
# | | 博文这样写 | 对的地方 | 可以补充 | 看这里 |
# |---|---|---|---|---|
# | 10 | “U-net首见于这篇论文U-Net: Convolutional Networks for Biomedical,距今7年”；“引用量突破了四万” | 是这篇论文，也是这个领域引用最多的论文之一 | 完整的标题以 for Biomedical Image Segmentation 结尾 (MICCAI 2015)。年数和引用数会变，我们不写 | 论文首页 |
# | 11 | “它是一个用于医学图像分割的卷积神经网络” | 今天确实这样用，这门课也是 | 论文的用词是“生物医学”；它自己的任务是显微镜下的神经元和细胞 | 第 10 节；论文第 4 节 |
# | 12 | “在已有图像类别的基础上,对图像进行进一步分类” | 确实是给每个像素分类 | 不需要先知道整幅图的类别；网络直接给像素标签 | 第 1 节；论文第 1 节 |
# | 13 | “使图像中解剖或病理结构的变化更加清晰” | 有了标签，医生看结构更清楚 | 网络不增强图像，只给每个像素一个标签 | 第 7 节：输出是每个像素两个得分 |
# | 14 | “ReLU激活函数(稀疏激活、收敛速度快、梯度计算简单)” | ReLU 确实有这些性质，每次 3×3 卷积后面都有它 | 这篇论文没有说为什么用 ReLU，这些理由来自别的工作 | 论文第 2 节 |
# | 15 | “2个1×1的卷积核把64个特征通道变成2个” | 两个卷积核，64 变 2，两类 | 每个卷积核是 1 × 1 × 64。一般是 K 类 K 个，后面接 softmax 和交叉熵 | 第 7 节；输出 15；论文第 2、3 节 |
# | 16 | “对左边下采样得到的特征图进行裁剪复制” | 全都对：博文用“下采样”称呼整个左半部分 | 复制的是池化**之前**的特征图：第 11 步，不是第 12 步 | 第 2 节；输出 16；论文图 1 |
# | 17 | “与右边对应通道数的上采样输出特征图合并”，“弥补缺失的信息” | 通道数相等，两边都需要 | 沿通道拼接，512 + 512 = 1024；后面的卷积学会同时使用两边 | 第 6 节；输出 17 |
# | 18 | “编码器将图片不断压缩,分辨率变得越来越低,解码器将图像分辨率不断还原” | 分辨率先降后升 | 终点是 388；底部的数比输入还多：拿“在哪里”换“是什么” | 第 9 节；输出 18 |
# | 19 | “我们的输入图像大小为572,572单通道” | 输入是 572 × 572，一个通道 | 572 是一个**分块**，是图 1 的例子；论文的电子显微镜图像是 512 × 512 | 论文第 4 节 |
# | 20 | “图像分割不应该原图和输出图片大小一样吗?” | 这个问题问得很好 | 每个分块都变小；用分块拼成的整张结果和图像一样大 | 第 10 章 |
# | 21 | “每次都会引入裁剪后高分辨率的图像信息” | 每一步都有，裁剪过，高分辨率 | 引入的是**特征**，64 到 512 个通道 | 第 2 节第 16、20、24、28 步 |
#
# </details>
#
# 我们手头的博文存档没有谈到：损失函数和权重图、弹性形变、初始化、动量、23 层。它们在第 06、08、10 章和本章第 8 节。
#
# **选做：** 选一行，用两句话写下：学这一章之前，你自己的笔记会怎么写？再到论文里找出能定下答案的那句话。

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - A network of convolutions and ReLUs alone is a sliding window that computes nothing twice: one pass, the same numbers. With poolings the windows must lie on their lattice (chapter 10).
# - Convolutions without padding take a ring; pooling keeps *what* and loses *where*; it keeps the channels, and the convolution after it doubles them.
# - Up-convolution: a learned stamp for every pixel, 2×2 and stride 2, no overlap, no inverse.
# - One crops because the border was lost. One copies to localise. One stacks so that nothing is mixed before the network has learned how.
# - 572 in, 388 out; 184 less for every valid tile; 23 layers, 31,030,658 parameters, nearly half of them at the bottom; half of all numbers in the maps on top.
# - Context comes from below, position from across.

# %% [markdown] lang="zh" of="b46657cb"
# ## 小结
#
# - 只有卷积和 ReLU 的网络就是滑动窗口，只是什么都不重复计算：一次算完，数字一样。有了池化，窗口必须落在池化的格点上（第 10 章）。
# - 不填充的卷积丢掉一圈；池化留下**是什么**，丢掉**在哪里**；它不改变通道数，后面的卷积才让通道数翻倍。
# - 上卷积：每个像素盖一个学来的印章，2×2，步幅 2，不重叠，也不是逆操作。
# - 裁剪，是因为边缘丢了。复制，是为了定位。叠起来，是为了不提前混在一起：怎样混，让网络自己学。
# - 输入 572，输出 388；任何合格的分块都少 184。23 层，31,030,658 个参数，近一半在底层；特征图里的数，一半在顶层。
# - 上下文从下面来，位置从横向来。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28), [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)
# - D. Ciresan, A. Giusti, L. Gambardella, J. Schmidhuber, Deep Neural Networks Segment Neuronal Membranes in Electron Microscopy Images, NIPS 2012
# - J. Long, E. Shelhamer, T. Darrell, Fully Convolutional Networks for Semantic Segmentation, [arXiv:1411.4038](https://arxiv.org/abs/1411.4038)
# - A. Odena, V. Dumoulin, C. Olah, Deconvolution and Checkerboard Artifacts, Distill 2016, [doi:10.23915/distill.00003](https://doi.org/10.23915/distill.00003)
# - 《U-net学习笔记》 ("U-Net study notes"), a Chinese blog post: its sections on the architecture, which this chapter follows step by step.
#
# Next: [04 the data](04_data.ipynb)

# %% [markdown] lang="zh" of="82f1064f"
# ## 参考资料
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28), [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)
# - D. Ciresan, A. Giusti, L. Gambardella, J. Schmidhuber, Deep Neural Networks Segment Neuronal Membranes in Electron Microscopy Images, NIPS 2012
# - J. Long, E. Shelhamer, T. Darrell, Fully Convolutional Networks for Semantic Segmentation, [arXiv:1411.4038](https://arxiv.org/abs/1411.4038)
# - A. Odena, V. Dumoulin, C. Olah, Deconvolution and Checkerboard Artifacts, Distill 2016, [doi:10.23915/distill.00003](https://doi.org/10.23915/distill.00003)
# - 中文博文《U-net学习笔记》中关于网络架构的部分，本章一步一步跟着它走。
#
# 下一章：[04 数据](04_data.ipynb)

# %% include="ticket"
