# %% [markdown] lang="en"
# # 10 The paper's own way
#
# *What did the authors do in 2015 that this course does differently, and does it work in a few minutes?*

# %% [markdown] lang="zh" of="8872b3dd"
# # 10 论文自己的做法
#
# *论文在 2015 年的哪些做法和本课程不同？照它的做法训练几分钟，能学会吗？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# An elective. Chapters 04 to 09 took from the paper what vessels need. This one does what the authors did, step by step, and ends with their network on the kind of image they had: slices of nerve tissue under an electron microscope.
#
# **How to take it** It is the longest chapter. The core is sections 1, 2, 7 and 8, about 80 minutes. What carries (extra) in its title can wait: run the cells, because section 7 trains with the tiles that section 3 draws, and read the text another day, in any order.
#
# **After this chapter you can** answer an image of any size tile by tile and without a seam; write the weight map; say how large to draw the first weights, and why; say what a momentum of 0.99 remembers; train the paper's network and score it fairly.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute; the core alone 80.
#
# **You need** the paper's sizes (chapter 03), the network and its padding (07), the training loop (08).
#
# **You are here**

# %% [markdown] lang="zh" of="8f6244ad"
# 选修章。第 04 到 09 章只从论文里取了血管用得上的部分。这一章照作者的做法一步一步走一遍，最后在他们用的那种图像上训练他们的网络：电子显微镜下的神经组织切片。
#
# **怎样学这一章** 这是最长的一章。核心是第 1、2、7、8 节，大约 80 分钟。标题里带（选读）的可以放一放：单元格要运行，因为第 7 节训练时要用第 3 节抽分块的函数；正文可以改天再读，次序随意。
#
# **学完这一章你能** 一块一块地处理任意大小的图像，不留接缝；写出权重图；说清初始权重该取多大、为什么；说清动量 0.99 记得住什么；训练论文的网络，并公平地打分。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟；只学核心是 80 分钟。
#
# **预备知识** 论文里的各种大小（第 03 章），网络和填充（第 07 章），训练循环（第 08 章）。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %%
import itertools
import math
import time
from itertools import pairwise, product
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle
from scipy import ndimage
from skimage.filters import sato
from skimage.measure import label
from skimage.metrics import adapted_rand_error
from torch import Tensor, nn
from torch.nn import functional

from helpers import datasets, figures, metrics, places, runtime
from helpers.augment import affine_grid, elastic_displacement, random_grey, warp
from helpers.inference import Segmenter
from helpers.patches import mirror
from helpers.preprocess import enhance, prepare
from helpers.unet import PAPER_WIDTHS, UNet, border, trace, valid_sizes

# %% [markdown] lang="en" minutes="29"
# ## 1 Overlap-tile: a window into a larger picture
#
# The paper's network gives less than it is shown: 92 pixels on each side go into computing the rest (chapter 03). To answer the pixels at the edge of an image, something must stand beyond the edge. The paper puts the image's own mirror image there (paper, section 1 and Fig. 2) and then takes the image tile by tile. The windows overlap; the answers lie side by side.
#
# We begin with a fundus photograph, green channel, prepared as in chapter 05. The window of the first tile begins 92 pixels outside the corner of the image.
#
# The next cell prints the sizes.

# %% [markdown] lang="zh" of="7c0f373c"
# ## 1 重叠分块：透过小窗看大图
#
# 论文的网络，输出比输入小：每边有 92 个像素只供计算，自己没有输出（第 03 章）。要让图像边缘的像素也有输出，边缘之外就得补上点什么。论文补的是图像自己的镜像（论文第 1 节和图 2），然后一块一块地处理图像。窗口互相重叠，输出一块挨一块。这就是重叠分块策略 (overlap-tile strategy)，一块叫一个分块 (tile)。
#
# 先取一张眼底照片的绿色通道，照第 05 章做预处理。第一个分块的窗口，从图像左上角再往外 92 个像素处开始。
#
# 下一个单元格输出各个边长。

# %%
smoke = course.mode == "smoke"
eye = course.load_one(datasets.ids(course.dataset, "val")[0])
photo = enhance(eye.image)  # (1, H, W), green
image = torch.from_numpy((photo - photo.mean()) / photo.std())[None]
height, width = image.shape[-2:]

rim = border(5)  # what the paper's five levels take on each side
keep = 48 if smoke else 384  # pixels of each tile that we keep, a side
window = next(size for size in valid_sizes(5) if size >= keep + 2 * rim)
answer = window - 2 * rim
print(f"image {height} × {width}, border {rim}")
# zh: print(f"图像 {height} × {width}，边框 {rim}")
print(f"a window of {window} gives an answer of {answer}")
# zh: print(f"边长 {window} 的窗口给出边长 {answer} 的输出")
lesson.contract("10.window", (rim, window, answer), course)

# %% [markdown] lang="en"
# **Guess 10.1** Which share of the pixels of that corner window is made up by the mirror? Work it out from the sides that the cell above prints.

# %% [markdown] lang="zh" of="edc931e0"
# **猜一猜 10.1** 角上的这个窗口里，镜像补出来的像素占多大比例？用上面输出的边长算一算。

# %%
guess = None  # your guess: a number between 0 and 1
# zh: guess = None  # 你的猜测：0 到 1 之间的一个数

lesson.ask("10.1", guess, window, rim, height, width)

# %% fold="Draw the first window and its answer" fold_zh="画出第一个窗口和它的输出" tags=["answer"]
wide = mirror(image, (rim, rim), (rim, rim))[0, 0]
fig, ax = plt.subplots(figsize=(3.8, 3.8), dpi=figures.DPI)
ax.imshow(wide, cmap="gray", extent=(-rim, width + rim, height + rim, -rim))
for name, corner, (tall, broad), colour, dashes in (
    ("photograph", 0, (height, width), figures.GREY, "--"),
    (f"window {window}", -rim, (window, window), figures.SKY, "-"),
    (f"answer {answer}", 0, (answer, answer), figures.ORANGE, "-"),
):
    look = {"fill": False, "edgecolor": colour, "linewidth": 2, "linestyle": dashes}
    ax.add_patch(Rectangle((corner, corner), broad, tall, label=name, **look))
ax.legend(loc="lower right", fontsize=8)
ax.set(xlabel="column", ylabel="row")
fig.tight_layout()
figures.show(
    f"A grey fundus photograph, continued by its mirror image for {rim} pixels on each "
    "side. A blue square, the window, begins outside the upper left corner; an orange "
    "one inside it, the answer, begins at the corner of the photograph."
)
# zh: figures.show(
# zh:     f"一张灰度眼底照片，四边各用镜像延伸 {rim} 个像素。蓝色方框是窗口，从左上角之外开始；"
# zh:     "里面的橙色方框是输出，从照片的左上角开始。"
# zh: )
inside = min(window - rim, height) * min(window - rim, width)
print(f"{1 - inside / window**2:.0%} of the blue window is mirrored, ", end="")
# zh: print(f"蓝色窗口里 {1 - inside / window**2:.0%} 是镜像，", end="")
print("and all of the orange answer is photograph.")
# zh: print("橙色的输出全在照片里。")

# %% [markdown] lang="en"
# (With DRIVE, the photographs of this chapter: DRIVE, Staal et al. 2004.) Look along the dashed edge: whatever leaves the photograph comes back towards you. Nobody takes that for more of the eye, but it has the right brightness and the right grain, and there is no step at the edge.
#
# ### Which mirror?
#
# Two mirrors are in use. Look at the letters next to the bars.

# %% [markdown] lang="zh" of="8756a1f0"
# 图中文字：photograph 照片 · window 窗口 · answer 输出 · column 列 · row 行。
#
# （使用 DRIVE 时，本章照片来自 DRIVE, Staal et al. 2004。）沿着虚线看：照片里的结构一到边缘，就原路折了回来。没人会把它当成眼底的延续，但它的亮度对，颗粒感也对，边缘处没有突然的跳变。
#
# ### 哪一种镜像？
#
# 常用的镜像有两种。看竖线旁边的字母。

# %%
row = np.array(list("abcd"))
for mode in ("reflect", "symmetric"):
    text = "".join(np.pad(row, 3, mode=mode))
    print(f"{mode:9}  {text[:3]}|{text[3:7]}|{text[7:]}")

# %% [markdown] lang="en"
# `reflect` puts the mirror onto the edge pixel, `symmetric` between it and the outside, so that the edge pixel is seen twice. Here and in `helpers/patches.py` it is `reflect`.
#
# **Exercise 10.2** Write it for a row of numbers: `before` pixels on the left, `after` on the right. A border may be longer than the row.

# %% [markdown] lang="zh" of="51f25fe4"
# `reflect` 把镜子立在边缘像素上；`symmetric` 把镜子立在边缘像素外侧，边缘像素会出现两次。这里和 `helpers/patches.py` 里用的都是 `reflect`。这样补边叫镜像填充 (mirror padding)。
#
# **练习 10.2** 给一行数做这种填充：左边补 `before` 个，右边补 `after` 个。补的个数可以比这一行还多。

# %% tags=["exercise"]
def mirrored(row, before, after):
    return None  # your code here: a longer array
    # zh: return None  # 在这里写代码：一个更长的数组


mirrored = lesson.exercise("10.2", mirrored)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Walk along the row and back again: after 2 (n - 1) steps you stand where you began. So places repeat with that period, and in its second half they count backwards.
#
# {{solution 10.2}}
#
# </details>

# %% [markdown] lang="zh" of="1b9c0804"
# <details><summary>参考答案</summary>
#
# 沿着这一行走过去再走回来：2 (n - 1) 步之后回到起点。所以位置按这个周期重复，后半个周期倒着数。
#
# {{solution 10.2}}
#
# </details>

# %% [markdown] lang="en"
# The period matters. A border of 92 pixels is wider than a small image, and there the mirror has to come back more than once. NumPy does that, PyTorch's own `reflect` does not:

# %% [markdown] lang="zh" of="f0cfe37c"
# 周期很重要。图像小的时候，92 个像素的边框比它还宽，镜像就要来回折不止一次。NumPy 会这样做，PyTorch 自带的 `reflect` 不会：

# %%
stamp = image[..., :50, :60]  # smaller than its border
ours = mirror(stamp, (rim, rim), (rim, rim))
numpys = np.pad(stamp.numpy(), ((0, 0), (0, 0), (rim, rim), (rim, rim)), "reflect")
print(f"50 × 60 becomes {ours.shape[-2]} × {ours.shape[-1]}, ", end="")
# zh: print(f"50 × 60 变成 {ours.shape[-2]} × {ours.shape[-1]}，", end="")
print(f"the same as NumPy's: {bool((ours.numpy() == numpys).all())}")
# zh: print(f"和 NumPy 的相同：{bool((ours.numpy() == numpys).all())}")
try:
    functional.pad(stamp, (rim,) * 4, mode="reflect")
except RuntimeError as error:
    print("torch:", str(error).partition(",")[0])

# %% [markdown] lang="en"
# ### How far apart may the tiles lie?
#
# A window of 572 answers 388 pixels. So the obvious loop cuts a window every 388 pixels, and no pixel of the answer is computed twice. Here is that loop, with the distance as an argument. `paper_network` makes the paper's network with a quarter of its channels (16 to 256 in place of 64 to 1024) and its first weights as the paper draws them (section 4).

# %% [markdown] lang="zh" of="ecccc4b0"
# ### 分块之间可以隔多远？
#
# 边长 572 的窗口给出边长 388 的输出。所以最容易想到的循环是：每隔 388 个像素取一个窗口，没有哪个像素的输出要算两次。下面就是这个循环，间隔是它的一个参数。`paper_network` 搭出论文的网络，通道数取四分之一（16 到 256，而不是 64 到 1024），初始权重照论文的办法抽取（第 4 节）。

# %% tags=["show-source"]
from helpers.unet import he_init

# %%
def paper_network(init=he_init, base=16, seed=0):
    """Make the paper's network with narrower levels, the same each time."""
    torch.manual_seed(seed)
    widths = [base * 2**level for level in range(5)]
    net = UNet(1, 2, widths, padding="valid", batch_norm=False, dropout=0.5)
    return init(net).eval()


@torch.no_grad()
def by_tiles(net, image, window, step):
    """Cut a window every ``step`` pixels and lay the answers side by side."""
    height, width = image.shape[-2:]
    rows, columns = range(0, height, step), range(0, width, step)
    below = rows[-1] + window - rim - height
    right = columns[-1] + window - rim - width
    wide = mirror(image, (rim, below), (rim, right))
    logits = torch.empty(1, 2, rows[-1] + step, columns[-1] + step)
    for row, column in product(rows, columns):
        part = net(wide[..., row : row + window, column : column + window])
        kept = part[..., :step, :step]
        logits[..., row : row + step, column : column + step] = kept
    return logits[..., :height, :width]


fresh = paper_network()  # new weights, no training
logits = by_tiles(fresh, image, window, answer)
print(f"{tuple(image.shape)} -> {tuple(logits.shape)}: two logits for every pixel")
# zh: print(f"{tuple(image.shape)} -> {tuple(logits.shape)}：每个像素两个 logits")

# %% [markdown] lang="en"
# Is the result the same as from one pass over the whole mirrored image? We try windows 388 pixels apart, and windows 384 apart, where the last four rows and columns of every answer are thrown away. (Smoke mode: 52 and 48.)
#
# **Guess 10.3** Which distance agrees with one pass, up to rounding: `"388"`, `"384"`, `"both"` or `"neither"`?

# %% [markdown] lang="zh" of="72764c08"
# 给整幅图补好镜像，一次算完，结果和分块算的一样吗？我们试两种间隔：388，以及 384（每块输出的最后四行四列丢掉不用）。（smoke 模式是 52 和 48。）
#
# **猜一猜 10.3** 不计舍入误差，哪一种间隔的结果和一次算完相同：`"388"`、`"384"`、`"both"`（都相同）还是 `"neither"`（都不同）？

# %%
guess = None  # your guess: "388", "384", "both" or "neither"
# zh: guess = None  # 你的猜测："388"、"384"、"both" 或 "neither"

lesson.ask("10.3", guess, keep, answer)

# %% tags=["answer"]
whole = next(s for s in valid_sizes(5) if s >= max(height, width) + 2 * rim)
after = [whole - rim - side for side in (height, width)]
with torch.no_grad():
    everything = fresh(mirror(image, (rim, after[0]), (rim, after[1])))
direct = everything[..., :height, :width]

apart = {}
for step in (keep, answer):
    apart[step] = (by_tiles(fresh, image, window, step) - direct).abs().amax(1)[0]
    print(f"{step} apart: differs from one pass by up to {apart[step].max():.1e}")
    # zh: print(f"间隔 {step}：和一次算完最多相差 {apart[step].max():.1e}")
print(f"for comparison, the logits have a standard deviation of {direct.std():.1f}")
# zh: print(f"作为对比，logits 的标准差是 {direct.std():.1f}")
lesson.contract("10.lattice", apart[keep].max().item())

# %% fold="Draw both differences" fold_zh="画出两种差" tags=["answer"]
white = float(np.quantile(apart[answer], 0.99))
titles = [f"difference, {step} apart" for step in apart]
figures.show_images([x / white for x in apart.values()], titles, size=2.4)
corners = product(range(0, height, answer), range(0, width, answer))
worst = [apart[answer][r : r + answer, c : c + answer].max() for r, c in corners]
figures.show(
    f"Two maps of differences from one pass. {keep} apart: black all over. {answer} "
    "apart: the first tile is black, the tiles right of it and below are full of noise."
)
# zh: figures.show(
# zh:     f"两幅与一次算完之差的图。间隔 {keep}：全黑。间隔 {answer}："
# zh:     "第一个分块是黑的，右边和下边的分块满是噪点。"
# zh: )
print(f"black 0, white {white:.1f} and more; ", end="")
# zh: print(f"黑色是 0，白色是 {white:.1f} 以上；", end="")
print(f"{answer} apart, the largest in each tile: ", end="")
# zh: print(f"间隔 {answer} 时，各分块里最大的差：", end="")
print(", ".join(f"{x:.1f}" for x in worst))

# %% [markdown] lang="en"
# The first tile agrees; its neighbours do not, although each of their pixels has all of its surroundings. The picture below shows why. A pooling takes pixels in pairs, and *which* two make a pair is counted from the corner of the window. The four poolings make blocks of 2, 4, 8 and 16 pixels of the image.
#
# **Guess 10.4** Which is the first pooling, 1 to 4, in which a window that begins 388 pixels further makes other blocks?

# %% [markdown] lang="zh" of="a2f45cf3"
# 图中文字：difference, ... apart 间隔为……时的差。
#
# 第一个分块相同，旁边的分块都不同，尽管每个像素的上下文都是完整的。原因见下面的图。池化把像素两两配对，**谁和谁**配成一对，要从窗口的角上数起。四次池化把图像分成边长 2、4、8、16 个像素的方块。
#
# **猜一猜 10.4** 窗口往后移 388 个像素，从第几次池化开始，方块就分得不一样了？写 1 到 4。

# %%
guess = None  # your guess: 1, 2, 3 or 4
# zh: guess = None  # 你的猜测：1、2、3 或 4

lesson.ask("10.4", guess, answer)

# %% fold="Draw the lattice of the poolings" fold_zh="画出池化的格点" tags=["answer"]
fig, axes = plt.subplots(2, 1, figsize=(8, 3.6), dpi=figures.DPI, sharex=True)
for ax, origin in zip(axes, (keep, answer), strict=True):
    for k, start in product(range(1, 5), (0, origin)):
        block, y = 2**k, -2 * k - 0.75 * (start > 0)
        same = origin % block == 0
        colour = figures.BLUE if same else figures.RED
        colour = colour if start else figures.GREY
        shift = (start - keep) % block - block
        for n, left in enumerate(range(shift - 16, 40, block)):
            if not start or left + keep >= start:
                look = {"fc": colour, "ec": "white", "alpha": 0.35 + 0.4 * (n % 2)}
                ax.add_patch(Rectangle((left, y), block, 0.65, **look))
    names = [f"pooling {k}: blocks of {2**k}" for k in range(1, 5)]
    ax.set(xlim=(-4, 36), ylim=(-9, -1.2), yticks=[-2 * k for k in range(1, 5)])
    ax.set_yticklabels(names, fontsize=8)
    ax.set_title(f"a window that begins at {origin}", fontsize=9)
    ax.axvline(origin - keep, color=figures.BLACK, lw=1)
marks = range(-4, 37, 4)
axes[1].set_xticks(marks, [keep + x for x in marks], fontsize=8)
axes[1].set_xlabel("pixel of the image")
fig.tight_layout()
rests = [answer % 2**k for k in range(1, 5)]
figures.show(
    f"The blocks of four poolings along a row of pixels. A window that begins at {keep} "
    f"makes the same blocks as one pass, all blue. One that begins at {answer}: the "
    "blocks of 2 and 4 agree, those of 8 and 16 are shifted, orange."
)
# zh: figures.show(
# zh:     f"一行像素上四次池化的方块。窗口从 {keep} 开始：方块和一次算完的相同，都是蓝色。"
# zh:     f"窗口从 {answer} 开始：2 和 4 的方块相同，8 和 16 的错开了，是橙色。"
# zh: )
print("grey: one pass; blue: the window, same blocks; orange: other blocks")
# zh: print("灰色：一次算完；蓝色：窗口里的方块，相同；橙色：窗口里的方块，不同")
print(f"{answer} divided by 2, 4, 8, 16 leaves {rests}; {keep} leaves [0, 0, 0, 0]")
# zh: print(f"{answer} 除以 2、4、8、16 余 {rests}；{keep} 余 [0, 0, 0, 0]")

# %% [markdown] lang="en"
# The maximum of other pixels is another number. So tiles must begin where the blocks of the deepest pooling begin, on a lattice of 16 pixels, and 388 is not on it. The paper says nothing about this.
#
# Would you have noticed? Whoever tests such a program takes what is at hand: a new network, with the weights that PyTorch gives it. Look at what this test sees.

# %% [markdown] lang="zh" of="ee8f449e"
# 图中文字：pooling 1: blocks of 2 第 1 次池化，2 个像素一块（其余类推）· a window that begins at 窗口的起点 · pixel of the image 图像的像素 · 灰色：一次算完；蓝色：窗口里的方块，相同；橙色：窗口里的方块，不同。
#
# 比大小的像素换了，最大值也就换了。所以分块的起点必须落在最深那次池化的方块边上，也就是间距 16 个像素的格点上，而 388 不在格点上。论文没有提到这一点。
#
# 换作你，会发现这个错误吗？要测试这样的程序，最顺手的是拿一个刚建好的网络，权重用 PyTorch 默认的。看看这样能测出什么。

# %%
def as_it_comes(net):
    """Leave the weights as PyTorch draws them."""
    return net


print(f"first weights        sd of logits   {answer} against {keep}", end="")
print("   equal within 1e-5?")
for name, init in (("He (the paper)", he_init), ("PyTorch's default", as_it_comes)):
    tested = paper_network(init)
    right, wrong = (by_tiles(tested, image, window, step) for step in (keep, answer))
    print(f"{name:18} {right.std():14.3f} {(wrong - right).abs().max():17.1e}", end="")
    print(f"   {torch.allclose(right, wrong, rtol=0, atol=1e-5)}")

# %% [markdown] lang="en"
# With PyTorch's own first weights hardly anything of what the lower levels compute arrives at the end, so the fault hides. Test with weights through which something comes: trained ones or He's.
#
# ### The same from the library
#
# `spans` in `helpers/patches.py` plans the tiles of one axis and keeps to the lattice; `predict_logits` in `helpers/inference.py` goes through them. It answers images of any size, in one pass or by tiles. Read of the first the comment behind each field, of the second the loop; the rest checks and restores. (Windows are counted in the mirrored image, which begins 92 pixels further left and up.)

# %% [markdown] lang="zh" of="047390bf"
# 表中文字：first weights 初始权重 · sd of logits logits 的标准差 · 388 against 384 两种间隔之差 · equal within 1e-5? 误差 1e-5 以内是否相等。
#
# 用 PyTorch 自己的初始权重，底部几层算出的结果几乎传不到末端，所以错误藏了起来。测试要用真能把信号传上来的权重：训练过的，或者按何恺明 (He) 等人的办法抽取的。
#
# ### 库里的写法
#
# `helpers/patches.py` 里的 `spans` 安排一个方向上的分块，并守住格点；`helpers/inference.py` 里的 `predict_logits` 照着它一块块算。它能处理任意大小的图像，可以一次算完，也可以分块算。前一个看每个字段后面的注释，后一个看循环就够了；其余是检查和恢复原状。（窗口的位置按镜像后的图像来数，它从左上方 92 个像素处开始。把 388 交给它，它会拒绝；那句英文是说：分块要落在池化的格点上，请改用 16 的倍数。）

# %% tags=["show-source"]
from helpers.patches import Span, spans

# %% tags=["show-source"]
from helpers.inference import predict_logits

# %%
for span in spans(width, keep, fresh):
    print(f"window {span.window.start} to {span.window.stop}: ", end="")
    # zh: print(f"窗口 {span.window.start}～{span.window.stop}：", end="")
    print(f"answers columns {span.place.start} to {span.place.stop}")
    # zh: print(f"输出第 {span.place.start}～{span.place.stop} 列")
tiled = predict_logits(fresh, image, "fp32", tile=keep)
print(f"against one pass: {(tiled - direct).abs().max():.0e}")
# zh: print(f"和一次算完相差：{(tiled - direct).abs().max():.0e}")
try:
    predict_logits(fresh, image, "fp32", tile=answer)
except ValueError as error:
    print(f"refused: {error}".replace("; ", ";\n         "))
    # zh: print(f"拒绝：{error}".replace("; ", ";\n      "))

# %% [markdown] lang="en" minutes="16"
# ## 1, second part: what tiles save, and what they cost (extra)
#
# Why cut at all? Because "otherwise the resolution would be limited by the GPU memory" (section 1 of the paper). We count it. `trace` lists what every arrow of the U gives. While an arrow works, memory holds what it reads, what it writes, and the maps that wait to be copied across.
#
# **Guess 10.5** At which arrow of the paper's network do most numbers lie in memory at once: the first `"conv 3x3"`, the `"bottom"`, or the last `"copy and crop"`?

# %% [markdown] lang="zh" of="ea104074"
# ## 1 续：分块省了什么，代价是什么（选读）
#
# 为什么要分块？论文第 1 节说：不分块的话，能处理的分辨率就受显存限制。我们来数一数。`trace` 列出 U 的每个箭头输出多大的特征图。一个箭头工作时，内存里有它读的、它写的，还有等着横向复制的特征图。
#
# **猜一猜 10.5** 论文的网络里，走到哪个箭头时，内存里同时放着的数最多：第一个 `"conv 3x3"`、底部 `"bottom"`，还是最后一个 `"copy and crop"`？

# %%
def alive(steps):
    """Count the numbers in memory while each arrow works."""
    numbers, waiting = [], []
    sizes = [step.channels * step.height * step.width for step in steps]
    for step, (read, written) in zip(steps[1:], pairwise(sizes), strict=True):
        numbers.append(read + written + sum(waiting))
        if step.arrow == "max pool 2x2":
            waiting.append(read)  # the copy
        if step.arrow == "copy and crop":
            waiting.pop()
    return numbers


with torch.device("meta"):  # shapes only: it costs no memory to count
    paper = UNet(1, 2, PAPER_WIDTHS, padding="valid", batch_norm=False, dropout=0.5)

guess = None  # your guess: "conv 3x3", "bottom" or "copy and crop"
# zh: guess = None  # 你的猜测："conv 3x3"、"bottom" 或 "copy and crop"

lesson.ask("10.5", guess)

# %% tags=["answer"]
steps = trace(paper, 572, 572)
numbers = alive(steps)
fullest = int(np.argmax(numbers))
print(f"one tile of 572: {numbers[fullest] / 1e6:.0f} million numbers ", end="")
# zh: print(f"一个 572 的分块：{numbers[fullest] / 1e6:.0f} 百万个数，", end="")
print(f"in '{steps[1:][fullest].arrow}', {4 * numbers[fullest] / 1e6:.0f} MB")
# zh: print(f"在 '{steps[1:][fullest].arrow}' 处，{4 * numbers[fullest] / 1e6:.0f} MB")
for high, wide in ((584, 565), (4000, 6000)):
    sides = [next(s for s in paper.sizes if s >= x + 2 * rim) for x in (high, wide)]
    most_numbers = max(alive(trace(paper, *sides)))
    print(f"{high} × {wide} in one pass: {4 * most_numbers / 1e6:,.0f} MB")
    # zh: print(f"{high} × {wide} 一次算完：{4 * most_numbers / 1e6:,.0f} MB")
lesson.contract("10.memory", numbers[fullest])

# %% fold="Draw the memory of each arrow" fold_zh="画出每个箭头占的内存" tags=["answer"]
fig, ax = plt.subplots(figsize=(8, 2.6), dpi=figures.DPI)
for k, (step, count) in enumerate(zip(steps[1:], numbers, strict=True)):
    ax.bar(k, count / 1e6, color=figures.UNET_ARROWS[step.arrow])
for name, colour in figures.UNET_ARROWS.items():
    ax.bar(0, 0, color=colour, label=name)
ax.set(xlabel="arrow of the U, in order", ylabel="million numbers", ylim=(0, 72))
ax.legend(ncols=5, fontsize=8, frameon=False, loc="upper center")
fig.tight_layout()
figures.show(
    "A bar for each arrow of the U, its height the numbers in memory. Most are about as "
    "high, 30 to 46 million, at the bottom of the U as well; the highest, "
    f"{numbers[fullest] / 1e6:.0f} million, is the last copy and crop."
)
# zh: figures.show(
# zh:     "U 的每个箭头一根柱子，高度是内存里有多少个数。大多差不多高，3000 万到 4600 万，"
# zh:     f"U 形底部也一样；最高的 {numbers[fullest] / 1e6:.0f} 百万，是最后一个复制并裁剪。"
# zh: )
print(f"lowest at the bottom of the U: {min(numbers[10:16]) / 1e6:.0f} million")
# zh: print(f"U 形底部一带最少也有 {min(numbers[10:16]) / 1e6:.0f} 百万")

# %% [markdown] lang="en"
# Why are the bars of the bottom as high as the others? Its own maps are small, but four copies wait. One pass over a photograph of 6000 × 4000 would need more than most graphics cards have; by tiles it is always the same, whatever the size of the image. (The weights, four bytes for each of 31 million, come on top; training also keeps every map for the way back.) Our count is a lower bound, since a convolution needs some room to work. Measured for a DRIVE image and the paper's full network on a CPU: memory grew by {{overlap_tile.rows[0].peak_mib:d}} MiB in one pass and by {{overlap_tile.rows[1].peak_mib:d}} MiB with tiles of {{overlap_tile.rows[1].tile:d}} ([overlap_tile.json](../results/overlap_tile.json)).
#
# The price: windows overlap, so pixels are read more than once. For each tile of `keep` × `keep` pixels, with `keep` a multiple of 16, the window has `keep` + 188 pixels a side. (Why not 184, twice the border? Think of which windows are valid; the solution says it.)
#
# **Exercise 10.6** How many pixels are read for one that is kept?

# %% [markdown] lang="zh" of="646c6c8c"
# 图中文字：arrow of the U, in order U 的箭头，按顺序 · million numbers 百万个数 · conv 3x3 3×3 卷积 · copy and crop 复制并裁剪 · max pool 2x2 最大池化 · up-conv 2x2 上卷积 · conv 1x1 1×1 卷积。
#
# 底部的柱子为什么也这样高？它自己的特征图很小，可是有四份副本在等。一张 6000 × 4000 的照片一次算完，需要的内存超过大多数显卡的显存；分块算，图像再大，需要的也一样多。（权重另算：3100 万个，每个四字节。训练时还要留着每一步的特征图，供反向传播使用。）我们数出来的是下限，因为卷积在计算时自己还要占一些。用一张 DRIVE 图像和论文的完整网络在 CPU 上实测：一次算完，内存增加 {{overlap_tile.rows[0].peak_mib:d}} MiB；分成边长 {{overlap_tile.rows[1].tile:d}} 的分块，增加 {{overlap_tile.rows[1].peak_mib:d}} MiB（[overlap_tile.json](../results/overlap_tile.json)）。
#
# 代价是：窗口重叠，有的像素要读不止一次。每个分块留下 `keep` × `keep` 个像素，`keep` 是 16 的倍数，窗口每边是 `keep` + 188 个像素。（边框的两倍是 184，为什么要 188？想想哪些窗口是合格的；参考答案里有解释。）
#
# **练习 10.6** 每留下一个像素，要读几个像素？

# %% tags=["exercise"]
def price(keep):
    return None  # your code here: a number above 1
    # zh: return None  # 在这里写代码：一个大于 1 的数


price = lesson.exercise("10.6", price)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Both sides of both axes: 92 left and 92 right make 184. `keep` is a multiple of 16. The side of an answer never is: it is always 4 more than one, and these 4 pixels are thrown away: 188.
#
# {{solution 10.6}}
#
# </details>

# %% [markdown] lang="zh" of="2feab9d1"
# <details><summary>参考答案</summary>
#
# 两个方向，各有两边：左 92，右 92，共 184。`keep` 是 16 的倍数。输出的边长从来不是，总比 16 的倍数多 4，这 4 个像素要丢掉，所以是 188。
#
# {{solution 10.6}}
#
# </details>

# %%
print("keep   window   memory   read for one kept   multiplied for one kept")
for side in (16, 96, 192, 384, 768):
    side_steps = trace(paper, side + 188, side + 188)
    memory = 4 * max(alive(side_steps)) / 1e6
    work = 0
    for before, step in pairwise(side_steps):
        kernel = {"conv 3x3": 9, "conv 1x1": 1, "up-conv 2x2": 1}.get(step.arrow, 0)
        pixels = step.height * step.width
        work += kernel * before.channels * step.channels * pixels
    print(f"{side:4} {side + 188:8} {memory:5.0f} MB {price(side):19.1f} ", end="")
    print(f"{work / side**2 / 1e6:17.1f} million")

visits = 0
for row, column in product(spans(584, 384, paper), spans(565, 384, paper)):
    looked = np.zeros((780, 764), int)
    looked[row.window, column.window] = 1
    visits = visits + looked
print(f"a DRIVE image by tiles of 384: {(visits > 1).mean():.0%} of the ", end="")
# zh: print(f"一张 DRIVE 图像分成 384 的分块：给网络看的像素，{(visits > 1).mean():.0%} ", end="")
print("pixels shown to the network are shown more than once")
# zh: print("不止看了一次")

# %% [markdown] lang="en"
# Small tiles are cheap in memory and expensive in work. So choose the largest tile that fits, which is also the paper's advice: "we favor large input tiles over a large batch size" (paper, section 3).
#
# ### The course's own network, tile by tile
#
# A padded network has no border that falls off, yet it can be cut, too. At a cut it pads with zeros where the image goes on, and their effect spreads inwards: the two convolutions of each level make 2 + 4 + 8 pixels on the way down, 16 at the bottom, 8 + 4 + 2 on the way up, 44 together, on the lattice 48. `spans` therefore shows 48 pixels more on each side of a cut. The cell cuts without that overlap first, then with it. Look for the seam.

# %% [markdown] lang="zh" of="e39a243e"
# 表中文字：keep 留下的边长 · window 窗口 · memory 内存 · read for one kept 每留一个像素要读几个 · multiplied for one kept 每留一个像素要做多少次乘法。
#
# 分块小，省内存，费计算。所以选内存放得下的最大的分块。论文第 3 节也这样建议：宁可分块大，不要批量大。
#
# ### 课程自己的网络，分块来算
#
# 带填充的网络不丢边缘，也可以切开来算。切口处图像本来还在继续，网络却补上了零；这些零的影响会往里走：每层两次卷积，向下 2 + 4 + 8 个像素，底部 16，向上 8 + 4 + 2，一共 44，凑到格点上是 48。所以 `spans` 在切口两边多给 48 个像素。下面先不重叠地切，再重叠地切。找一找接缝在哪里。

# %%
segmenter, tile = Segmenter.load(device=torch.device("cpu")), 64 if smoke else 256
model = segmenter.model
scaled = torch.from_numpy(segmenter.standardisation(prepare(eye.image)))[None]
at_once = predict_logits(model, scaled, "fp32").sigmoid()
overlapped = predict_logits(model, scaled, "fp32", tile).sigmoid()

padded = mirror(scaled, (0, -height % model.divisor), (0, -width % model.divisor))
naive = torch.empty_like(padded[:, :1])  # each tile for itself, nothing overlaps
for row, column in product(range(0, height, tile), range(0, width, tile)):
    place = np.s_[..., row : row + tile, column : column + tile]
    with torch.no_grad():
        naive[place] = model(padded[place]).sigmoid()
changes = [(x[..., :height, :width] - at_once).abs() for x in (naive, overlapped)]
print(f"tiles of {tile}: largest difference of a probability ", end="")
# zh: print(f"边长 {tile} 的分块：概率最多相差 ", end="")
print(f"{changes[0].max():.2f} without overlap, {changes[1].max():.0e} with it")
# zh: print(f"{changes[0].max():.2f}（不重叠），{changes[1].max():.0e}（重叠）")

# %% fold="Draw the seams" fold_zh="画出接缝"
fov = torch.from_numpy(eye.fov)
pictures = [at_once * fov, (3 * changes[0]).clamp(max=1), 1e6 * changes[1]]
titles = ["probability", "no overlap: difference x 3", "overlap: difference x 10^6"]
figures.show_images([x[0, 0] for x in pictures], titles, size=2.9)
steps_to_cut = [
    np.abs(np.arange(n)[:, None] + 0.5 - np.arange(tile, n, tile)).min(1)
    for n in (height, width)
]
near = np.minimum(steps_to_cut[0][:, None], steps_to_cut[1])
change, far = changes[0][0, 0].numpy(), min(48, tile // 2 - 8)
seam = change[eye.fov[0] & (near < 4)].mean()
off_seam = change[eye.fov[0] & (near > far)].mean()
figures.show(
    "The vessels as the network sees them in one pass; the differences without overlap, "
    "specks along the cuts and blots in the black frame; the differences with overlap, "
    "nearly black even a million times enlarged."
)
# zh: figures.show(
# zh:     "网络一次算出的血管；不重叠时的差别，切口上一串碎点，黑边里几大块；"
# zh:     "重叠时的差别，放大一百万倍也几乎是黑的。"
# zh: )
print(f"without overlap, inside the field of view: {seam:.4f} on average at a cut, ", end="")
# zh: print(f"不重叠，视野以内：切口上平均相差 {seam:.4f}，", end="")
print(f"{off_seam:.4f} over {far} px from it")
# zh: print(f"离切口超过 {far} px 处 {off_seam:.4f}")

# %% [markdown] lang="en"
# Without overlap the cuts show, as rows of specks. With it only rounding is left, and even a million times that is hardly a picture. (The largest differences lie in the black frame outside the eye; inside, look for the faint cross.) By tiles the course's network can answer an image of any size.

# %% [markdown] lang="zh" of="794ca68c"
# 图中文字：probability 概率 · no overlap: difference x 3 不重叠时的差，放大三倍 · overlap: difference x 10^6 重叠时的差，放大一百万倍。
#
# 不重叠时，沿着切口看得见一串串碎点。重叠以后只剩舍入误差，放大一百万倍也几乎看不见。（最大的差在眼睛外面的黑边里；视野以内要找那个淡淡的十字。）有了分块，图像再大，课程的网络也能处理。

# %% [markdown] lang="en" minutes="18"
# ## 2 The weight map: pay for the gaps
#
# From here on we need the paper's own kind of image: slices of the nerve cord of a fruit-fly larva under an electron microscope (EM), from the ISBI challenge of 2012. The label says what is **cell** (white) and what is the membrane between cells (black). `python3 -m helpers data ISBI2012_EM`, typed in the course folder, fetches them; in a cell of Colab, `!cd /content/fundus_course && python3 -m helpers data ISBI2012_EM`. If you have them already, as the challenge's two stacks `train-volume.tif` and `train-labels.tif` or as single PNG files, add `--from FOLDER`. Without them the course draws some: then the next cell prints DRAWN, and your pictures and numbers differ from the text from here on; the published notebook holds the outputs for the real slices.
#
# The public set has 30 slices of one block of tissue. Neighbours look alike, so they are split in blocks: slices 0 to 20 to train, 21 to 23 to choose, 24 to 29 for the score at the end.

# %% [markdown] lang="zh" of="9cfb3102"
# ## 2 权重图：看重缝隙
#
# 从这里起，我们要用论文自己的那种图像：电子显微镜 (EM) 下果蝇幼虫神经索的切片，来自 2012 年的 ISBI 比赛。标签里白色是**细胞**，黑色是细胞之间的膜。在课程文件夹里运行 `python3 -m helpers data ISBI2012_EM` 就能下载；在 Colab 的单元格里写 `!cd /content/fundus_course && python3 -m helpers data ISBI2012_EM`。如果你手上已经有了，不论是比赛的两个文件 `train-volume.tif` 和 `train-labels.tif`（各叠着全部切片），还是一张张单独的 PNG，加上 `--from FOLDER` 就从那个文件夹里取。没有这些切片时，课程就画一些：这时下一个单元格输出 DRAWN，从这里起你的图和数字会和正文不同；发布的 Notebook 里存着真实切片的输出。
#
# 公开的共 30 张切片，出自同一块组织。相邻的切片很像，所以按连续的段来划分：0 到 20 号用来训练，21 到 23 号用来做选择，24 到 29 号留到最后打分。

# %%
slices = {name: course.load_cells(name) for name in ("train", "val", "test")}
real = not smoke and datasets.found("ISBI2012_EM", places.data_dir())
kind = "real slices" if real else "DRAWN slices, no tissue: scores mean little"
# zh: kind = "真实切片" if real else "DRAWN：画出来的切片，不是组织，分数没有多大意义"
print(f"{kind}; " + ", ".join(f"{len(x)} {name}" for name, x in slices.items()))
# zh: print(f"{kind}；" + "，".join(f"{len(x)} {name}" for name, x in slices.items()))
one = slices["train"][0]
share = np.mean([x.cells.mean() for x in slices["train"]])
pieces = label(one.cells[0], connectivity=1)
figures.show_images([one.image[0], one.cells[0]], ["slice", "cells"], size=2.9)
figures.show(
    "A grey slice of tissue, full of cells with dark outlines, and its label: cells "
    "white, the membranes between them thin black lines."
)
# zh: figures.show(
# zh:     "一张灰度组织切片，满是轮廓发暗的细胞；旁边是标签：细胞白色，细胞之间的膜是细黑线。"
# zh: )
print(f"{share:.0%} of the training pixels are cell; ", end="")
# zh: print(f"训练像素的 {share:.0%} 是细胞；", end="")
print(f"this slice shows {pieces.max()} separate cells")
# zh: print(f"这张切片上有 {pieces.max()} 个分开的细胞")

# %% [markdown] lang="en"
# (Real slices: Cardona et al. 2010.) A biologist wants to follow each cell through the slices, so cells that touch must come out as two. A network that misses three pixels of a membrane has hardly any pixel error, and yet it has joined two cells into one. The paper makes such pixels dear (equation 2):
#
# $$w(x) = w_c(x) + w_0 \exp\left(-\frac{(d_1(x) + d_2(x))^2}{2\sigma^2}\right)$$
#
# For a pixel $x$ of the background, $d_1$ is the distance to the nearest cell and $d_2$ to the second nearest; the paper sets $w_0 = 10$ and $\sigma \approx 5$ pixels. $w_c$ evens out that one class is rarer than the other.
#
# The weight goes into the cross-entropy, equation 1 of the paper. As printed there, $E = \sum w \log p$, it lacks its minus sign: made smaller, it would teach the network to be wrong. Meant is $-\sum w \log p$.
#
# By hand, for two square cells that almost touch. `distance_transform_edt` gives each pixel that is not zero its distance to the nearest zero.
#
# **Guess 10.7** Walk straight across the gap, from one cell to the other. Where is the weight highest: in the `"middle"`, at the `"edges"`, or is it the `"same"` all the way?

# %% [markdown] lang="zh" of="41f03dc9"
# 图中文字：slice 切片 · cells 细胞标签。打印的文字：train 训练 · val 验证 · test 测试（留出）。
#
# （真实切片来自 Cardona et al. 2010。）生物学家要在一张张切片之间跟踪每个细胞，所以挨着的细胞必须分成两个。膜上漏掉三个像素，像素误差几乎看不出来，两个细胞却连成了一个。论文的办法是：这样的像素，错了就罚得重（公式 2）：
#
# $$w(x) = w_c(x) + w_0 \exp\left(-\frac{(d_1(x) + d_2(x))^2}{2\sigma^2}\right)$$
#
# 用文字说：离两个细胞都近的背景像素，权重最大。对背景里的像素 $x$，$d_1$ 是到最近的细胞的距离，$d_2$ 是到第二近的；论文取 $w_0 = 10$，$\sigma \approx 5$ 个像素。两类像素一多一少，由 $w_c$ 来平衡。这张图叫权重图 (weight map)。
#
# 权重要乘进交叉熵，就是论文的公式 1。论文印成 $E = \sum w \log p$，少了负号：照它去最小化，网络学会的是犯错。本意是 $-\sum w \log p$。
#
# 先拿两个几乎挨着的方形细胞，一步一步算一遍。`distance_transform_edt` 给每个非零像素算出它到最近的零像素的距离。
#
# **猜一猜 10.7** 从一个细胞笔直穿过缝隙，走到另一个。权重在哪里最高：正中间 `"middle"`、两边 `"edges"`，还是一路都相同 `"same"`？

# %%
two = np.zeros((24, 32), int)
two[6:18, 3:13], two[6:18, 17:29] = 1, 2  # two cells, between them 4 columns of gap
d1 = ndimage.distance_transform_edt(two != 1)  # from the first cell
d2 = ndimage.distance_transform_edt(two != 2)
gap_weight = 10 * np.exp(-((d1 + d2) ** 2) / (2 * 5**2)) * (two == 0)

guess = None  # your guess: "middle", "edges" or "same"
# zh: guess = None  # 你的猜测："middle"、"edges" 或 "same"

lesson.ask("10.7", guess)

# %% fold="Draw distances and weight of the gap" fold_zh="画出距离和缝隙的权重" tags=["answer"]
across = gap_weight[12, 13:17]
figures.show_images(
    [two / 2, d1 / 30, d2 / 30, gap_weight / 10],
    ["two cells", "d1", "d2", "weight of the gap"],
    size=2,
)
figures.show(
    "Two square cells with a narrow gap; the distances d1 and d2, each growing away "
    "from its cell; the weight: an even grey band between the cells, fading out at the "
    "ends of the gap."
)
# zh: figures.show(
# zh:     "两个方形细胞，中间一条窄缝；距离 d1 和 d2，离各自的细胞越远越亮；"
# zh:     "权重：两个细胞之间一条均匀的灰带，到缝的两头逐渐变暗。"
# zh: )
print("across the gap d1:", d1[12, 13:17], " d2:", d2[12, 13:17], end="")
# zh: print("横穿缝隙 d1", d1[12, 13:17], " d2", d2[12, 13:17], end="")
print(f", the sum always {(d1 + d2)[12, 13:17].max():.0f}")
# zh: print(f"，和总是 {(d1 + d2)[12, 13:17].max():.0f}")
print("weight:", across.round(2), end="; ")
# zh: print("权重", across.round(2), end="；")
print(f"in the corner of the picture {gap_weight[0, 0]:.3f}")
# zh: print(f"图的角上 {gap_weight[0, 0]:.3f}")
lesson.contract("10.gap", float(across[0]))

# %% [markdown] lang="en"
# Across a gap the weight is the same everywhere: only its *width* counts, d1 + d2. (Distances go from pixel centre to pixel centre: across a gap of 4 columns it is 5 steps.) Away from the gap, where one of the two cells is far, the weight fades.
#
# **Exercise 10.8** Which weight does the second term of equation 2 give midway between two cells whose nearest pixels are `gap` apart, centre to centre? `math.exp` is at hand.

# %% [markdown] lang="zh" of="ff6b8010"
# 图中文字：two cells 两个细胞 · d1、d2 到第一、第二个细胞的距离（越亮越远）· weight of the gap 缝隙的权重。
#
# 横穿缝隙，权重处处相同：只看缝有**多宽**，也就是 d1 + d2。（距离从像素中心量到像素中心：缝宽 4 列，要走 5 步。）离开缝隙，两个细胞里总有一个离得远，权重就降下来。
#
# **练习 10.8** 两个细胞最近的像素相距 `gap`（中心到中心），公式 2 的第二项在正中间是多少？可以用 `math.exp`。

# %% tags=["exercise"]
def midway(gap, w0, sigma):
    return None  # your code here
    # zh: return None  # 在这里写代码


midway = lesson.exercise("10.8", midway)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Midway d1 = d2 = gap / 2, and their sum is the gap. For 10 pixels, w0 = 10 and sigma = 5 that is 10 exp(−2), about 1.35.
#
# {{solution 10.8}}
#
# </details>

# %% [markdown] lang="zh" of="c607839f"
# <details><summary>参考答案</summary>
#
# 正中间 d1 = d2 = gap / 2，和就是 gap。相距 10 个像素，w0 = 10，sigma = 5 时，是 10 exp(−2)，约 1.35。
#
# {{solution 10.8}}
#
# </details>

# %% [markdown] lang="en"
# Now for any number of cells, as it stands in `helpers/losses.py`. `weight_map` goes through the cells and keeps the two smallest distances of each pixel. (How large `w_c` is, the paper does not say; here the `w_c` of both classes have the same total.)

# %% [markdown] lang="zh" of="90f17a63"
# 下面推广到任意多个细胞，代码在 `helpers/losses.py` 里。`weight_map` 把细胞一个一个走一遍，给每个像素记下最小的两个距离。（论文没有写 `w_c` 取多少；这里的取法，让两类的 `w_c` 总和相等。）

# %% tags=["show-source"]
from helpers.losses import weighted_cross_entropy, weight_map

# %%
gaps = (2, 4, 6, 8, 10, 15, 20)
print("gap in pixels      ", *(f"{gap:6}" for gap in gaps))
print("weight of the gap  ", *(f"{midway(gap, 10, 5):6.2f}" for gap in gaps))

costs = weight_map(pieces)
membrane = pieces == 0
print(f"weight: cell {costs[~membrane].mean():.2f}, ", end="")
# zh: print(f"权重：细胞 {costs[~membrane].mean():.2f}，", end="")
print(f"membrane {np.median(costs[membrane]):.1f} (median), most {costs.max():.1f}")
# zh: print(f"膜 {np.median(costs[membrane]):.1f}（中位数），最大 {costs.max():.1f}")
paid = costs[membrane].sum() / costs.sum()
print(f"{membrane.mean():.0%} of the pixels are membrane; ", end="")
# zh: print(f"{membrane.mean():.0%} 的像素是膜；", end="")
print(f"they get {paid:.0%} of the weight")
# zh: print(f"它们得到 {paid:.0%} 的权重")

# %% fold="Draw the weight map of a slice" fold_zh="画出一张切片的权重图"
corner = np.s_[:100, :100]
coloured = plt.get_cmap("tab20")(pieces % 20)[..., :3] * (pieces > 0)[..., None]
pictures = [one.image[0][corner], coloured[corner], costs[corner] / costs.max()]
figures.show_images(pictures, ["slice", "cells, numbered", "weight"], size=2.9)
figures.show(
    "A corner of the slice, its cells each in a colour of its own, and the weight map: "
    "cells dark, membranes grey, white where two cells almost touch."
)
# zh: figures.show(
# zh:     "切片的一角；其中的细胞各用一种颜色；权重图：细胞暗，膜是灰色，两个细胞几乎相碰处是白色。"
# zh: )
print(f"white in the weight map is {costs.max():.1f}")
# zh: print(f"权重图里的白色是 {costs.max():.1f}")

# %% [markdown] lang="en"
# Thin membranes are bright, wide ones grey: look for the white specks where two cells almost touch.
#
# And vessels? There the label has one class of thing and no two of a kind that must be kept apart: crossing vessels are allowed to touch. Thus the chapters before had no weight map. Its idea has a relative, though. Thin vessels hold few pixels. A break of three pixels cuts a vessel in two, just as a hole of three pixels in a membrane joins two cells. Losses that look at centre lines instead of areas, such as clDice, make such breaks dear; so would a map that weighs a vessel pixel by one over the width of its vessel, or the gap between two vessels that run side by side.

# %% [markdown] lang="zh" of="0cdbaeb5"
# 图中文字：gap in pixels 缝宽（像素）· weight of the gap 缝隙的权重 · slice 切片 · cells, numbered 编了号的细胞 · weight 权重。
#
# 膜薄的地方亮，膜厚的地方灰：找一找两个细胞几乎相碰处的白点。
#
# 血管呢？血管标签里，前景只有血管一种，没有必须彼此分开的两个物体：血管交叉，本来就可以碰在一起。所以前面几章没有权重图。不过，它的想法可以借用。细血管的像素很少。断开三个像素，一根血管就成了两截；膜上缺三个像素，两个细胞就连成一个。道理一样。有的损失函数看中心线而不看面积，例如 clDice，断口就罚得重。也可以用一张权重图：血管像素的权重取血管宽度的倒数，或者加大两条并行血管之间缝隙的权重。

# %% [markdown] lang="en" minutes="7"
# ## 3 The elastic grid, on the paper's scale (extra)
#
# 30 slices are few. The paper bends them: "random displacement vectors on a coarse 3 by 3 grid", normally distributed with a standard deviation of 10 pixels, enlarged by bicubic interpolation (paper, section 3.1). Chapter 06 does it on eyes, with 4 px. Here is the paper's setting on a tile of the size that we train with. Nine arrows are drawn, all else lies smoothly between them. In the code `still` holds each pixel's own place, and `still + bend` is where it looks.

# %% [markdown] lang="zh" of="7d5c7b83"
# ## 3 弹性网格：用论文的尺度（选读）
#
# 30 张切片太少了。论文把它们弯一弯，做弹性形变 (elastic deformation)：在 3×3 的粗网格上抽随机位移向量，正态分布，标准差 10 个像素，再用双三次插值放大（论文 3.1 节）。第 06 章对眼底用的是 4 px。下面是论文的设置，分块大小就是后面训练用的。只抽九个向量，其余都平滑地夹在它们之间。代码里 `still` 是各个像素自己的位置，`still + bend` 是它去取值的地方。

# %%
size = 220 if smoke else 380  # the window that we train with
generator = torch.Generator().manual_seed(4)
bend = elastic_displacement(1, size, generator, sd=10)
axis = torch.arange(size) - (size - 1) / 2
still = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)[None]
print(f"for each of {size} × {size} pixels the place where it looks: {tuple(bend.shape)}")
# zh: print(f"{size} × {size} 个像素，各有一个取值的位置：{tuple(bend.shape)}")

# %% fold="Draw the nine arrows and the bent grid" fold_zh="画出九个箭头和弯曲的网格"
lines = torch.zeros(1, 1, size, size)
lines[..., ::20, :], lines[..., :, ::20] = 1, 1
nine = np.linspace(0, size - 1, 3).astype(int)
x, y = np.meshgrid(nine, nine)
arrows = bend[0].numpy()[np.ix_(nine, nine)]  # (3, 3, 2): rows, columns
fig, ax = plt.subplots(figsize=(3.6, 3.6), dpi=figures.DPI)
ax.imshow(warp(lines, still + bend, "bilinear")[0, 0], cmap="gray_r")
look = {"color": figures.RED, "angles": "xy", "scale_units": "xy", "scale": 0.4}
ax.quiver(x, y, arrows[..., 1], arrows[..., 0], width=0.012, **look)
ax.set(xlim=(-40, size + 40), ylim=(size + 40, -40))
ax.axis("off")
fig.tight_layout()
figures.show(
    "A grid of thin lines, gently bent, with nine orange arrows of random length and "
    "direction on a lattice of three by three points."
)
# zh: figures.show(
# zh:     "细线网格被柔和地弄弯；3 × 3 个格点上有九个橙色箭头，长短和方向都是随机的。"
# zh: )
print(f"nine arrows, {np.linalg.norm(arrows, axis=-1).mean():.0f} px long ", end="")
# zh: print(f"九个箭头，平均长 {np.linalg.norm(arrows, axis=-1).mean():.0f} px，", end="")
print("on average, drawn 2.5 times as long; between them straight lines, bent")
# zh: print("画成 2.5 倍长；其间是弄弯了的直线")

# %% [markdown] lang="en"
# An arrow points to the place where the new pixel *looks*, so the picture moves the other way. Image and label go through the same grid, the label by the nearest pixel:

# %% [markdown] lang="zh" of="2046be00"
# 图中文字：橙色箭头是九个随机向量（画成 2.5 倍长），细线原来是直的。
#
# 箭头指的是新像素去哪里**取值**，所以图像往反方向移动。图像和标签用同一个网格，标签取最近的像素：

# %%
pair = torch.from_numpy(np.concatenate([one.image, one.cells]).astype(np.float32))
pair = pair[None, :, :size, :size]
moves = still + bend
bent = warp(pair[:, :1], moves, "bilinear"), warp(pair[:, 1:], moves, "nearest")
print(f"values of the bent label: {bent[1].unique().tolist()}")
# zh: print(f"弯曲后标签的取值：{bent[1].unique().tolist()}")

# %% fold="Draw the membranes before and after" fold_zh="画出弯曲前后的膜"
low, high = size // 2 - 50, size // 2 + 50
before, after = (x[0, 0, low:high, low:high] == 0 for x in (pair[:, 1:], bent[1]))
both = np.ones((100, 100, 3))
both[before] = figures.rgb(figures.SKY)
both[after] = figures.rgb(figures.ORANGE)
pictures = [x[0, 0, low:high, low:high] for x in (pair, bent[0])]
titles = ["slice", "slice, bent", "membranes, before and after"]
figures.show_images([*pictures, both], titles, size=2.6)
figures.show(
    "The middle of the slice before and after bending, and its membranes on top of each "
    "other: the orange ones lie beside the blue ones, by a different distance at each "
    "place."
)
# zh: figures.show(
# zh:     "切片的中间部分，弯曲前和弯曲后；两者的膜叠在一起：橙色的挪到了蓝色的旁边，各处挪动的距离不同。"
# zh: )
print(f"blue before, orange after; {(before != after).float().mean():.0%} of the pixels changed")
# zh: print(f"蓝色是弯曲前，橙色是弯曲后；{(before != after).float().mean():.0%} 的像素变了")

# %% [markdown] lang="en"
# The label stays 0 or 1. Is it really 10 px? We draw many fields and measure, at the nine points and between them.
#
# **Guess 10.9** In the middle between four of the nine points, the standard deviation is `"larger"`, `"equal"` or `"smaller"`?

# %% [markdown] lang="zh" of="4b150c73"
# 图中文字：slice 切片 · slice, bent 弯曲后的切片 · membranes, before and after 弯曲前（蓝）和弯曲后（橙）的膜。
#
# 标签仍然是 0 或 1。真的是 10 px 吗？多抽一些位移场，在九个点上和点与点之间各量一量。
#
# **猜一猜 10.9** 在九个点中相邻四点的正中间，标准差比九个点上的更大 `"larger"`、相等 `"equal"` 还是更小 `"smaller"`？

# %%
guess = None  # your guess: "larger", "equal" or "smaller"
# zh: guess = None  # 你的猜测："larger"、"equal" 或 "smaller"

lesson.ask("10.9", guess)

# %% tags=["answer"]
generator = torch.Generator().manual_seed(0)
many = elastic_displacement(500, 41, generator, sd=10)  # points at 0, 20, 40
at_points = many[:, ::20, ::20].std().item()
between = many[:, 10::20, 10::20].std().item()
print(f"at the nine points {at_points:.1f} px, amid four of them {between:.1f} px")
# zh: print(f"九个点上 {at_points:.1f} px，四点正中 {between:.1f} px")

# %% [markdown] lang="en"
# Now the function that draws one training tile: a slice at random, a random place in it as the centre, flipped, turned, scaled and bent in one sampling, its grey values changed. Image, cells and weight lie on each other as layers and go through one grid. Of label and weight only the middle stays, for which the network has an answer.

# %% [markdown] lang="zh" of="46fed916"
# 下面的函数抽一个训练分块：随机选一张切片，随机选一处作中心，翻转、旋转、缩放、弯曲一次采样完成，再改灰度。图像、细胞和权重叠成三层，用同一个网格。标签和权重只留中间一块，因为网络只在那里有输出。

# %%
def stack_layers(group, mean, spread):
    """Stack standardised image, cells and weight of each slice: (1, 3, H, W) each."""
    stacks = []
    for each in group:
        weight = weight_map(label(each.cells[0], connectivity=1))[None]
        stack = np.concatenate([(each.image - mean) / spread, each.cells, weight])
        stacks.append(torch.from_numpy(stack.astype(np.float32))[None])
    return stacks


def draw_tile(stacks, size, generator, sd=10.0):
    """Draw an augmented (image, classes, weight): (1, 1, S, S) and (1, S', S') twice."""
    chosen = stacks[torch.randint(len(stacks), (1,), generator=generator)]
    sides = torch.tensor(chosen.shape[-2:])
    centre = torch.rand(2, generator=generator) * sides - sides / 2
    places = affine_grid(1, size, generator, scale=1.1) + centre
    places = places + elastic_displacement(1, size, generator, sd)
    image = warp(chosen[:, :1], places, "bilinear")
    image = random_grey(image, generator, contrast=0.2, shift=0.2)
    inner = places[:, rim:-rim, rim:-rim]
    classes = warp(chosen[:, 1:2], inner, "nearest")[:, 0].long()
    return image, classes, warp(chosen[:, 2:], inner, "bilinear")[:, 0]


train_images = np.stack([x.image for x in slices["train"]])
mean, spread = train_images.mean(), train_images.std()
stacks = stack_layers(slices["train"], mean, spread)
first_tile = draw_tile(stacks, size, torch.Generator().manual_seed(1))
print(f"tile {tuple(first_tile[0].shape)}, label {tuple(first_tile[1].shape)}")
# zh: print(f"分块 {tuple(first_tile[0].shape)}，标签 {tuple(first_tile[1].shape)}")

# %% fold="Draw one training tile" fold_zh="画出一个训练分块"
image_tile, classes, weight = first_tile
framed = [functional.pad(x[0], (rim,) * 4) for x in (classes, weight / weight.max())]
pictures = [image_tile[0, 0] / 5 + 0.5, *framed]
figures.show_images(pictures, ["tile", "its label", "its weight"], size=2.4)
figures.show(
    "A tile of tissue, turned and bent; its label and its weight fill only the square "
    "in the middle, within a broad black frame."
)
# zh: figures.show(
# zh:     "一个旋转、弯曲过的组织分块；它的标签和权重只占正中的方形，周围是很宽的黑框。"
# zh: )
print(f"{rim} px on each side have no answer (black frame)")
# zh: print(f"每边 {rim} px 没有输出（黑框）")

# %% [markdown] lang="en"
# The network sees the whole tile, but it is asked about the middle alone.

# %% [markdown] lang="zh" of="5bb7c49e"
# 图中文字：tile 分块 · its label 它的标签 · its weight 它的权重。
#
# 网络看到整个分块，输出的只是中间一块。

# %% [markdown] lang="en" minutes="12"
# ## 4 The first weights: how wide to draw them (extra)
#
# Training begins with random weights. How large? An output of a convolution is a sum of $N$ products, one for each number that the kernel covers. If the numbers that come in have mean square $m$, and the weights are drawn independently with standard deviation $s$, the sum has variance $N s^2 m$. The ReLU then sets half of it to zero: for sums that lie evenly about zero the mean square is halved. So each layer multiplies the mean square by $N s^2 / 2$, and it neither grows nor fades if
#
# $$s = \sqrt{2 / N}$$
#
# This is He's rule; the paper uses it (section 3 there), "e.g. for a 3×3 convolution and 64 feature channels in the previous layer N = 9 · 64 = 576".
#
# **Exercise 10.10** Write it for a convolution of `side` × `side`.

# %% [markdown] lang="zh" of="118d25ff"
# ## 4 初始权重：标准差取多大（选读）
#
# 训练从随机权重开始，这叫初始化 (initialisation)。权重抽多大才好？卷积的一个输出是 $N$ 个乘积之和，卷积核盖住几个数，$N$ 就是几。设输入的均方是 $m$，权重独立抽取，标准差是 $s$，那么这个和的方差是 $N s^2 m$。接着 ReLU 把一半变成零：和关于零对称时，均方减半。所以每一层把均方乘以 $N s^2 / 2$。要让它既不变大也不变小，就取
#
# $$s = \sqrt{2 / N}$$
#
# 也就是说，读的数越多，权重越小。这是何恺明 (He) 等人的规则，论文用的就是它（论文第 3 节），举的例子是：3×3 卷积，前一层 64 个特征通道，$N$ = 9 · 64 = 576。
#
# **练习 10.10** 写出 `side` × `side` 卷积的这个标准差。

# %% tags=["exercise"]
def he_sd(side, in_channels, out_channels):
    return None  # your code here; math.sqrt is at hand
    # zh: return None  # 在这里写代码；可以用 math.sqrt


he_sd = lesson.exercise("10.10", he_sd)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The outgoing channels do not matter: each of them is a sum of its own. The paper writes N(0, sqrt(2/N)); it means a standard deviation, not a variance.
#
# {{solution 10.10}}
#
# </details>

# %% [markdown] lang="zh" of="f31d2197"
# <details><summary>参考答案</summary>
#
# 输出通道数无关紧要：每个输出通道各自求和。论文写 N(0, sqrt(2/N))，指的是标准差，不是方差。
#
# {{solution 10.10}}
#
# </details>

# %% [markdown] lang="en"
# How much does it matter? We send a slice through three networks: He's weights, weights drawn with standard deviation 0.01 (a usual choice before), and PyTorch's default.
#
# **Guess 10.11** A slice has standard deviation 1. With 0.01, what remains of that after the ten convolutions of the way down? Give the power of ten, such as `-2` for 0.01; one more or less counts as right. (With 16 to 256 channels, $N$ grows from 9 to 9 · 256 = 2304 on the way down.)

# %% [markdown] lang="zh" of="d37511b3"
# 这有多要紧？把一张切片送进三个网络，权重分别是：He 的权重、标准差 0.01 的权重（以前常用）、PyTorch 的默认权重。
#
# **猜一猜 10.11** 切片的标准差是 1。用 0.01 时，向下的路走完十次卷积，还剩多少？只写 10 的指数，例如 0.01 写 `-2`；差 1 也算对。（通道数从 16 到 256，所以向下的路上 $N$ 从 9 增加到 9 · 256 = 2304。）

# %%
def narrow(net):
    """Draw all weights with standard deviation 0.01; biases become zero."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
    return net


def sums_of(net, image):
    """Return what each 3x3 convolution gives, before its ReLU, from top to end."""
    found, hooks = [], []

    def note(_layer, _inputs, output):
        found.append(output.clone())  # the ReLU behind works in place

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            hooks.append(layer.register_forward_hook(note))
    with torch.no_grad():
        net(image)
    for hook in hooks:
        hook.remove()
    return found


side = 188 if smoke else 380
seen = torch.from_numpy((one.image - mean) / spread)[None, ..., :side, :side]
inits = {"He": he_init, "N(0, 0.01)": narrow, "PyTorch's default": as_it_comes}
base = 4 if smoke else 16
sums = {name: sums_of(paper_network(f, base), seen) for name, f in inits.items()}
print(f"{len(sums['He'])} convolutions in each of: {', '.join(sums)}")
# zh: print(f"各有 {len(sums['He'])} 次卷积：{'、'.join(sums)}")

# %%
guess = None  # your guess, such as -2
# zh: guess = None  # 你的猜测，例如 -2

lesson.ask("10.11", guess, sums["N(0, 0.01)"][9].std().item())

# %% fold="Draw what arrives at each level" fold_zh="画出传到每一层的值" tags=["answer"]
marks = ["down 1", "down 2", "down 3", "down 4", "bottom"]
marks += ["up 4", "up 3", "up 2", "up 1"]
fig, axes = plt.subplots(3, 9, figsize=(8.6, 3.4), dpi=figures.DPI, sharex=True)
bins = np.linspace(-12, 12, 41)
for line, (name, outputs) in zip(axes, sums.items(), strict=True):
    for ax, mark, given in zip(line, marks, outputs[1::2], strict=True):
        ax.hist(given.flatten()[::7].numpy(), bins, color=figures.BLUE)
        ax.set(yticks=[], xticks=[-10, 0, 10])
        ax.tick_params(labelsize=7)
        if name == "He":
            ax.set_title(mark, fontsize=8)
    line[0].set_ylabel(name, fontsize=8)
fig.tight_layout()
figures.show(
    "Histograms of what the second convolution of each level gives, from -12 to 12. "
    "With He's weights: hills, wider and wider towards the end. With 0.01 and with "
    "PyTorch's default: a single spike at zero everywhere."
)
# zh: figures.show(
# zh:     "各层第二次卷积的输出的直方图，从 -12 到 12。He 的权重：一座座山，越到后面越宽。"
# zh:     "0.01 和 PyTorch 默认：处处只有零处的一根尖刺。"
# zh: )
print("standard deviation of what each level's second convolution gives:")
# zh: print("各层第二次卷积的输出的标准差：")
print(f"{'':18}", *(f"{mark:>7}" for mark in marks))
for name, outputs in sums.items():
    print(f"{name:18}", *(f"{x.std():7.2g}" for x in outputs[1::2]))
he = [x.std().item() for x in sums["He"]]
within = max(max(a / b, b / a) for a, b in zip(he[::2], he[1::2], strict=True))
print(f"He: from first to last × {he[-1] / he[0]:.1f}; ", end="")
# zh: print(f"He：从头到尾 × {he[-1] / he[0]:.1f}；", end="")
print(f"between the two convolutions of a level at most × {within:.2f}")
# zh: print(f"同一层的两次卷积之间最多 × {within:.2f}")

# %% [markdown] lang="en"
# With 0.01 the image is gone at the bottom, and what comes out at the top right is what the skips carry across. He's weights keep the scale inside a level, as the rule promises. Over the depth it still grows, because the rule fits a convolution with a ReLU behind it and nothing else: on the way down it knows nothing of max pooling (the largest of four numbers is larger than a random one), on the way up no ReLU follows an up-convolution, so nothing is halved there. With PyTorch's default the signal fades as well, only more slowly (on the scale of the figure both lower rows are one line; the table tells them apart): that is how the fault in section 1 of this chapter stayed hidden.
#
# The course's network needs none of this. Its batch norm brings each channel back to the scale 1 after every convolution.

# %% [markdown] lang="zh" of="ac56e294"
# 图中文字：down 1 向下第 1 层（其余类推）· bottom 底部 · up 4 向上第 4 层 · PyTorch's default PyTorch 默认。
#
# 用 0.01，信号走到底部就消失了，右上方出来的只是跳跃连接 (skip connection) 横着送过去的东西。He 的权重在同一层里保住了尺度，和规则说的一样。从头走到尾，尺度还是会涨，因为这条规则只适合后面跟着 ReLU 的卷积：向下的路上有最大池化，四个数里最大的总比随便取一个大；向上的路上，上卷积后面没有 ReLU，没有什么让它减半。用 PyTorch 的默认权重，信号也在减弱，只是慢一些（图上下面两行看起来都是一条线，要看表）：本章第 1 节的错误就是这样藏起来的。
#
# 课程的网络用不着操心这些：每次卷积之后，批归一化 (batch normalization) 都把每个通道拉回尺度 1。

# %% [markdown] lang="en" minutes="13"
# ## 5 Momentum 0.99 and a batch of one (extra)
#
# The paper gives the network one large tile a step, and remembers: "we use a high momentum (0.99) such that a large number of the previously seen training samples determine the update" (paper, section 3). Momentum keeps a running sum of the gradients, in which a gradient of $k$ steps ago still counts $0.99^k$. Together they weigh $1 / (1 - 0.99) = 100$, so up to a factor it is a mean over about 100 tiles.
#
# **Exercise 10.12 (extra)** Of such a running mean, which share do the last `k` gradients have? (For `k` = 100 it is not everything.)

# %% [markdown] lang="zh" of="1d1e4a94"
# ## 5 动量 0.99，批量为一（选读）
#
# 论文每一步只给网络一个大分块，但是有记忆：动量 (momentum) 取 0.99，让以前看过的许多样本一起决定这一步怎么走（论文第 3 节）。动量保存梯度的累积和，其中 $k$ 步以前的梯度按 $0.99^k$ 计入。这些系数加起来是 $1 / (1 - 0.99) = 100$。所以除了差一个倍数，它就是大约 100 个分块的平均。
#
# **练习 10.12（选做）** 在这样的滑动平均里，最近 `k` 个梯度占多大份额？（`k` = 100 时也不是全部。）

# %% tags=["exercise"]
def share_of_last(k, momentum):
    return None  # your code here
    # zh: return None  # 在这里写代码


share_of_last = lesson.exercise("10.12", share_of_last)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# Each step multiplies the old mean by the momentum. After k steps momentum to the k is left of it, and the rest is new. The last 100 of 0.99 have about 63%.
#
# {{solution 10.12}}
#
# </details>

# %% [markdown] lang="zh" of="0d13308a"
# <details><summary>参考答案</summary>
#
# 每一步都把旧的平均乘以动量。k 步之后旧的还剩 momentum 的 k 次方，其余都是新的。动量 0.99 时，最近 100 个占约 63%。
#
# {{solution 10.12}}
#
# </details>

# %% [markdown] lang="en"
# Does one tile need such a memory? We look at gradients of single tiles as directions: cosine 1 means the same direction, 0 no relation, −1 the opposite. Two streams of tiles, all from the same slices; a narrow network, once with its first weights and once after sixty steps of training.
#
# **Guess 10.13** When do the gradients of one tile and the next agree better: at the `"start"` or `"later"`?

# %% [markdown] lang="zh" of="ca817be5"
# 每步一个分块，真的需要这样的记忆吗？把单个分块的梯度看成方向：余弦为 1 是同方向，0 是毫无关系，−1 是反方向。抽两串分块，都来自同一批切片；用一个通道很少的网络，先看初始权重时，再看训练六十步以后。
#
# **猜一猜 10.13** 相邻两个分块的梯度，什么时候方向更一致：一开始 `"start"`，还是后来 `"later"`？

# %%
def gradient(net, tile):
    """Return the gradient of the loss of one tile as one long vector."""
    image, classes, weight = tile
    loss = weighted_cross_entropy(net(image), classes, weight)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, net.parameters())])


def look_at_streams(net, length):
    """Return the cosines of neighbours, and that of the running means of 2 streams."""
    cosines, means = [], []
    for seed in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        running, before = 0, None
        for _ in range(length):
            now = gradient(net, draw_tile(stacks, 220, generator))
            running = 0.99 * running + now
            if before is not None:
                cosines.append(functional.cosine_similarity(now, before, 0).item())
            before = now
        means.append(running)
    return np.array(cosines), functional.cosine_similarity(*means, 0).item()


length, warm_up = (5, 5) if smoke else (100, 60)
small = paper_network(base=4)
streams = {"first weights": look_at_streams(small, length)}
optimizer = torch.optim.AdamW(small.parameters(), lr=2e-3)
generator = torch.Generator().manual_seed(0)
for _ in range(warm_up):
    image_tile, classes, weight = draw_tile(stacks, 220, generator)
    loss = weighted_cross_entropy(small(image_tile), classes, weight)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
streams[f"after {warm_up} steps"] = look_at_streams(small, length)
print(f"measured: {', '.join(streams)}")
# zh: print(f"测好了：{'、'.join(streams)}")

# %%
guess = None  # your guess: "start" or "later"
# zh: guess = None  # 你的猜测："start" 或 "later"

lesson.ask("10.13", guess, *(np.median(cosines) for cosines, _ in streams.values()))

# %% fold="Draw the directions of the gradients" fold_zh="画出梯度的方向" tags=["answer"]
fig, axes = plt.subplots(1, 2, figsize=(7.6, 2.3), dpi=figures.DPI, sharey=True)
for ax, (name, (cosines, mean_cosine)) in zip(axes, streams.items(), strict=True):
    ax.hist(cosines, np.linspace(-1, 1, 21), color=figures.BLUE, label="tile and next")
    ax.axvline(mean_cosine, color=figures.RED, label="two running means")
    ax.set(title=name, xlabel="cosine")
axes[0].legend(fontsize=8, frameon=False, loc="upper left")
fig.tight_layout()
said = [(np.median(cosines), (cosines < 0).mean(), m) for cosines, m in streams.values()]
figures.show(
    "Histograms of the cosine between the gradients of a tile and the next: with the "
    f"first weights around {said[0][0]:.2f}; after training around {said[1][0]:.2f}, "
    f"{said[1][1]:.0%} below 0. A red line, the cosine of two running means, stands at "
    f"{said[0][2]:.2f} and {said[1][2]:.2f}."
)
# zh: figures.show(
# zh:     "相邻两个分块的梯度之间余弦的直方图：初始权重时在 "
# zh:     f"{said[0][0]:.2f} 左右；训练以后在 {said[1][0]:.2f} 左右，{said[1][1]:.0%} 小于 0。"
# zh:     f"红线是两串滑动平均的余弦，分别在 {said[0][2]:.2f} 和 {said[1][2]:.2f}。"
# zh: )
for name, (median, opposed, mean_cosine) in zip(streams, said, strict=True):
    print(f"{name}: one tile and the next {median:.2f} (median), ", end="")
    # zh: print(f"{name}：相邻两个分块 {median:.2f}（中位数），", end="")
    print(f"{opposed:.0%} below 0; two running means {mean_cosine:.2f}")
    # zh: print(f"{opposed:.0%} 小于 0；两串滑动平均 {mean_cosine:.2f}")

# %% [markdown] lang="en"
# At the very beginning all tiles say the same: everything is wrong, in the same way. Soon many of them contradict each other, while means over many tiles still agree, although the two streams share no tile. That is what the momentum is for.
#
# It has a price: a mean over 100 steps reacts late, and it takes long to come to rest. The paper trained for 10 hours (paper, section 5). In a few minutes AdamW gets further, so section 7 uses it: its mean of gradients remembers about ten steps, and each weight has a step length of its own. With the paper's own SGD and momentum 0.99, the same number of steps reached a Dice of {{em.runs[1].val_dice.network:.3f}} on the validation slices, AdamW {{em.runs[0].val_dice.network:.3f}}; the learning rate was the same for both and was not tuned for SGD ([em.json](../results/em.json); runs on one thread, so section 7 may differ from them in the second digit).

# %% [markdown] lang="zh" of="6316d480"
# 图中文字：tile and next 相邻两个分块 · two running means 两串分块的滑动平均 · first weights 初始权重 · after ... steps 训练……步以后 · cosine 余弦。
#
# 一开始，所有分块说的是同一件事：哪儿都不对，而且错得一样。很快，许多分块就互相矛盾了。可是对许多分块取平均，两串平均的方向仍然一致，尽管两串里没有一个相同的分块。动量就是为此而设。
#
# 它也有代价：100 步的平均反应迟，要很久才停得下来。论文训练了 10 小时（论文第 5 节）。只有几分钟时，AdamW 走得更远，所以本章第 7 节用它：它的梯度平均只记得约十步，每个权重走多远也各自决定。用论文的 SGD 和动量 0.99，同样的步数在验证切片上的 Dice 是 {{em.runs[1].val_dice.network:.3f}}，AdamW 是 {{em.runs[0].val_dice.network:.3f}}；两者的学习率相同，没有专门为 SGD 调过（[em.json](../results/em.json)；那几次用一个线程，所以和第 7 节的结果在第二位小数上可能不同）。

# %% [markdown] lang="en" minutes="3"
# ## 6 Dropout at the turn (extra)
#
# "Drop-out layers at the end of the contracting path perform further implicit data augmentation" (paper, section 3.1): in training, some numbers at the bottom of the U are set to zero at random, so that no unit can rely on one other.
#
# **Guess 10.14** Eight ones go through `nn.Dropout(0.5)` in `train()` mode. Which two values come out? Give a tuple, the smaller first.

# %% [markdown] lang="zh" of="5f6dc59a"
# ## 6 U 形底部的随机失活（选读）
#
# 论文在收缩路径 (contracting path) 的末端用了随机失活 (dropout)，说它相当于又做了一层隐含的数据增强（论文 3.1 节）：训练时，U 形底部的一些数随机变成零，这样，任何单元都不能只靠另一个单元。
#
# **猜一猜 10.14** 八个 1 在训练模式 `train()` 下通过 `nn.Dropout(0.5)`，会得到哪两个值？写一个元组，小的在前。

# %%
guess = None  # your guess: (smaller, larger)
# zh: guess = None  # 你的猜测：写成 (a, b)，较小的在前

lesson.ask("10.14", guess)

# %% tags=["answer"]
torch.manual_seed(1)
drop, ones = nn.Dropout(0.5), torch.ones(8)
print("train:", drop.train()(ones).tolist())
print("eval: ", drop.eval()(ones).tolist())

shaky = paper_network(base=base)
with torch.no_grad():
    calm = shaky.eval()(seen).softmax(1)
    for draw in range(1, 4):
        torch.manual_seed(draw)
        change = (shaky.train()(seen).softmax(1) - calm).abs().mean()
        print(f"train, draw {draw}: probabilities differ from eval by {change:.3f}")
        # zh: print(f"train，第 {draw} 次：概率和 eval 平均相差 {change:.3f}")
    again = (shaky.eval()(seen).softmax(1) - calm).abs().mean()
print(f"eval, again: differ by {again:.3f}")
# zh: print(f"eval，再算一次：相差 {again:.3f}")

# %% [markdown] lang="en"
# In `train()` mode the same tile gets another answer each time; in `eval()` mode dropout does nothing. Numbers that survive are doubled, so that the sum stays the same on average. As with batch norm (chapter 07): `eval()` before every prediction.

# %% [markdown] lang="zh" of="313b4194"
# 在训练模式 `train()` 下，同一个分块每次的输出都不同；在评估模式 `eval()` 下，随机失活什么也不做。留下来的数要翻倍，这样平均下来总和不变。和批归一化一样（第 07 章）：每次预测之前先 `eval()`。

# %% [markdown] lang="en" minutes="5"
# ## 7 Training, minutes in place of ten hours
#
# All parts are there. (Skipped sections 3 to 6? `draw_tile` of section 3 takes a random place of a random slice, turns it, bends it and changes its grey values; He's first weights of section 4 keep numbers at one scale from layer to layer.) The network is the paper's with a quarter of its channels. The rest of the recipe is the paper's with three further changes: windows of 380 (answers of 196) where its Fig. 1 has 572; AdamW with one cycle (chapter 08) in place of SGD; and tiles that are also flipped and scaled a little. The learning rate was chosen on the validation slices; at twice the rate the loss of one trial run jumped in mid-course and ended higher than in the others.
#
# `STEPS` may be lowered; the forecast after twenty steps says how long it takes. The other two fields are for the extra at the end.

# %% [markdown] lang="zh" of="9275ac9a"
# ## 7 训练：几分钟，而不是十小时
#
# 零件齐了。（跳过了第 3 到 6 节？第 3 节的 `draw_tile` 在随机一张切片的随机一处取一个分块，旋转、弯曲，再改灰度；第 4 节按 He 的规则初始化，让各层的数保持同样的尺度。）网络是论文的，通道数取四分之一。其余也照论文，只改了三处：窗口用 380（输出 196），论文图 1 是 572；优化器用 AdamW 加单周期学习率（第 08 章），不用 SGD；分块还做翻转和轻微的缩放。学习率是在验证切片上选的；再大一倍时，有一次试训的损失中途突然跳高，最后也比另外几次高。
#
# `STEPS` 可以改小；走完二十步，程序会预告总共要多久。另外两个选项留给章末的选做题。

# %% title="How to train" title_zh="怎样训练"
STEPS = 1500  # @param {type: "integer"}
OPTIMIZER = "AdamW"  # @param ["AdamW", "SGD, momentum 0.99"]
WEIGHT_MAP = True  # @param {type: "boolean"}

total_steps = 40 if smoke else STEPS
widths = [4, 8, 16, 32, 64] if smoke else [16, 32, 64, 128, 256]
print(f"{total_steps} steps, one window of {size} each, answers of {size - 2 * rim}")
# zh: print(f"{total_steps} 步，每步一个 {size} 的窗口，输出 {size - 2 * rim}")

# %%
torch.manual_seed(0)
generator = torch.Generator().manual_seed(0)
net = UNet(1, 2, widths, padding="valid", batch_norm=False, dropout=0.5)
net = he_init(net).to(memory_format=torch.channels_last).train()  # faster on CPUs
if OPTIMIZER == "AdamW":
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
else:  # the paper's
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.99)
schedule = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, 1e-3, total_steps=total_steps, pct_start=0.1, cycle_momentum=False
)
losses, start = [], time.perf_counter()
for step in range(1, total_steps + 1):
    image_tile, classes, weight = draw_tile(stacks, size, generator)
    weight = weight if WEIGHT_MAP else torch.ones_like(weight)
    logits = net(image_tile.contiguous(memory_format=torch.channels_last))
    loss = weighted_cross_entropy(logits, classes, weight)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    losses.append(loss.item())
    seconds = time.perf_counter() - start
    if step == 20:
        print(f"forecast: {seconds / 20 * total_steps / 60:.1f} min for all steps")
        # zh: print(f"预计：全部步数 {seconds / 20 * total_steps / 60:.1f} min")
    if step % max(1, total_steps // 10) == 0:
        recent = np.mean(losses[-total_steps // 10 :])
        print(f"step {step:4}: loss {recent:.3f}, after {seconds:.0f} s")
        # zh: print(f"第 {step:4} 步：损失 {recent:.3f}，用了 {seconds:.0f} s")
net.eval()
course.record(steps=total_steps, training_seconds=round(seconds, 1))

# %% fold="Draw the loss" fold_zh="画出损失"
few = min(20, total_steps)
smooth = np.convolve(losses, np.ones(few) / few, mode="valid")
fig, ax = plt.subplots(figsize=(6, 2.3), dpi=figures.DPI)
ax.plot(losses, color=figures.SKY, lw=0.5, label="one tile")
ax.plot(
    np.arange(few - 1, total_steps), smooth, color=figures.BLUE, label=f"mean of {few}"
)
ax.set(xlabel="step", ylabel="weighted loss", ylim=(0, 1.1 * np.quantile(losses, 0.99)))
ax.legend(fontsize=8, frameon=False)
fig.tight_layout()
figures.show(
    f"The weighted loss over {total_steps} steps: single tiles jump up and down, their "
    f"mean falls from {smooth[0]:.2f} to {smooth[-1]:.2f}, fast at first, then slowly."
)
# zh: figures.show(
# zh:     f"{total_steps} 步的加权损失：单个分块上下跳动，平均从 {smooth[0]:.2f} 降到 "
# zh:     f"{smooth[-1]:.2f}，先快后慢。"
# zh: )
print(f"loss: {smooth[0]:.2f} in the first {few} steps, {smooth[-1]:.2f} ", end="")
# zh: print(f"损失：最初 {few} 步平均 {smooth[0]:.2f}，最后 {smooth[-1]:.2f}，", end="")
print(f"in the last {few}; single tiles still differ by {np.std(losses[-100:]):.2f}")
# zh: print(f"也是 {few} 步的平均；单个分块之间仍相差 {np.std(losses[-100:]):.2f}")

# %% [markdown] lang="en"
# The loss of single tiles keeps jumping, because each shows another piece of tissue. Look at the mean.

# %% [markdown] lang="zh" of="c3ce647f"
# 图中文字：one tile 单个分块 · mean of 20 20 步的平均 · step 步 · weighted loss 加权损失。
#
# 单个分块的损失一直上下跳，因为每个分块都是另一处组织。要看平均。

# %% [markdown] lang="en" minutes="20"
# ## 8 The score
#
# Nobody may choose anything on the six held-out slices. So the thresholds of all three methods and the width of both rivals come from the three validation slices:
#
# - *threshold*: dark means membrane, after blurring with the best of four widths;
# - *Sato filter*: it looks for dark ridges, at the best of seven widths;
# - *the network*: its probability of membrane, by overlap-tile.
#
# Two questions are asked. **Dice of the membranes**: do the pixels agree (chapter 04)? And the biologist's question: do the *cells* agree? For that the predicted cells are numbered as connected pieces, and pairs of pixels are counted: those that lie in one true cell, those that lie in one predicted cell, and those that do both. Put these three counts together as in Dice; one minus the result is the **adapted Rand error** (Arganda-Carreras et al. 2015), from here on the Rand error. (It is not the *adjusted* Rand index of clustering.) Pixels of the true membrane are left out; predicted membrane inside true cells counts as one more piece.
#
# With $n_{ij}$ the pixels of true cell $i$ in predicted cell $j$, $a_i$ the size of true cell $i$, $b_j$ that of predicted cell $j$, and $P(n) = n (n - 1) / 2$ the pairs of $n$ pixels:
#
# $$\text{Rand error} = 1 - \frac{2 \sum_{ij} P(n_{ij})}{\sum_i P(a_i) + \sum_j P(b_j)}$$
#
# **Exercise 10.15** Write it for the table of the $n_{ij}$: row i is true cell i, column j predicted cell j.

# %% [markdown] lang="zh" of="ee41471e"
# ## 8 打分
#
# 留出的六张切片，不用来做任何选择。所以三种方法的阈值，还有前两种方法的宽度，都由三张验证切片决定：
#
# - **阈值法** (threshold)：先模糊，四种宽度里选最好的，然后暗处就算膜；
# - **Sato 滤波器** (Sato filter)：找暗的脊线，七种宽度里选最好的；
# - **网络** (the network)：它给出的膜的概率，用重叠分块来算。
#
# 要回答两个问题。**膜的 Dice**：像素一致吗（第 04 章）？还有生物学家的问题：**细胞**一致吗？为此，把预测的细胞按连通块编号，再数像素对：同在一个真实细胞里的有多少对，同在一个预测细胞里的有多少对，两者都满足的有多少对。这三个数照 Dice 的样子合成一个，再用 1 减去它，就是**改进的 Rand 误差** (adapted Rand error)（Arganda-Carreras et al. 2015），下面简称 Rand 误差。（它不是聚类里的**调整**兰德指数，那是 adjusted Rand index。）真实膜上的像素不算；真实细胞里预测成膜的像素，合起来也算一块。
#
# 设 $n_{ij}$ 是真实细胞 $i$ 落在预测细胞 $j$ 里的像素数，$a_i$ 是真实细胞 $i$ 的大小，$b_j$ 是预测细胞 $j$ 的大小，$n$ 个像素组成 $P(n) = n (n - 1) / 2$ 对：
#
# $$\text{Rand error} = 1 - \frac{2 \sum_{ij} P(n_{ij})}{\sum_i P(a_i) + \sum_j P(b_j)}$$
#
# **练习 10.15** 给你 $n_{ij}$ 的表：第 i 行是真实细胞 i，第 j 列是预测细胞 j。由它算出 Rand 误差。

# %% tags=["exercise"]
def rand_error(table):
    return None  # your code here; table is an integer array (true, predicted)
    # zh: return None  # 在这里写代码；table 是整数数组（真实，预测）


rand_error = lesson.exercise("10.15", rand_error)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# A row sum is the size of a true cell, a column sum that of a predicted one. As in Dice, what both have counts twice.
#
# {{solution 10.15}}
#
# </details>

# %% [markdown] lang="zh" of="07c576ac"
# <details><summary>参考答案</summary>
#
# 每行之和是一个真实细胞的大小，每列之和是一个预测细胞的大小。和 Dice 一样，两边都有的算两次。
#
# {{solution 10.15}}
#
# </details>

# %% [markdown] lang="en"
# scikit-image has the same as `adapted_rand_error`. We compare on two cells of 100 pixels, whose membrane is broken.
#
# **Guess 10.16** Two true cells of 100 pixels come out as one piece of 200. Which adapted Rand error is that?

# %% [markdown] lang="zh" of="1efe0e6e"
# scikit-image 里的 `adapted_rand_error` 算的是同一个量。拿两个 100 像素的细胞对一对，它们之间的膜破了。
#
# **猜一猜 10.16** 两个 100 像素的真实细胞，预测出来是一整块 200 像素。Rand 误差是多少？

# %%
guess = None  # your guess: a number
# zh: guess = None  # 你的猜测：一个数

lesson.ask("10.16", guess)

# %% tags=["answer"]
truth = np.repeat([1, 2], 100)[None]
joined = np.ones((1, 200), int)
table = np.array([[100], [100]])
library = adapted_rand_error(image_true=truth, image_test=joined, ignore_labels=(0,))
print(f"by pairs {rand_error(table):.4f}, scikit-image {library[0]:.4f}")
# zh: print(f"数像素对 {rand_error(table):.4f}，scikit-image {library[0]:.4f}")
lesson.contract("10.joined", float(rand_error(table)))

# %% [markdown] lang="en"
# The three methods and their choices. Each gives a number between 0 and 1 for every pixel, large for membrane. `choose` finds two thresholds on the validation slices, the best one for Dice and the best one for the Rand error.

# %% [markdown] lang="zh" of="a75d5c0f"
# 下面是三种方法，以及各自要选的东西。每种方法给每个像素一个 0 到 1 之间的数，越大越像膜。`choose` 在验证切片上找两个阈值：一个让 Dice 最好，一个让 Rand 误差最小。

# %%
def network(each):
    """Return the probability of membrane, (1, H, W), by overlap-tile."""
    seen = torch.from_numpy((each.image - mean) / spread)[None]
    logits = predict_logits(net, seen, "fp32", tile=128 if smoke else 256)
    return logits.softmax(1)[0, :1].numpy()


def darkness(each, sigma):
    """Return how dark the blurred slice is."""
    return 1 - ndimage.gaussian_filter(each.image, (0, sigma, sigma))


def ridges(each, sigma):
    """Return Sato's measure of dark ridges, squeezed to 0..1 without reordering."""
    strength = sato(each.image[0], sigmas=[sigma], black_ridges=True)[None]
    return (strength / (strength + 0.05)).astype(np.float32)


def tables(group, maps):
    """Count membrane and cell pixels by value, slice by slice."""
    everywhere = np.ones_like(group[0].cells)
    return [
        metrics.histogram(m, ~x.cells, everywhere)
        for x, m in zip(group, maps, strict=True)
    ]


def mean_rand(group, maps, threshold):
    """Return the mean adapted Rand error of the cells below the threshold."""
    errors = []
    for each, values in zip(group, maps, strict=True):
        true = label(each.cells[0], connectivity=1)
        cells = label(values[0] < threshold, connectivity=1)
        errors.append(adapted_rand_error(true, cells, ignore_labels=(0,))[0])
    return float(np.mean(errors))

# %%
def choose(maps):
    """Return the thresholds that are best for Dice and for the Rand error."""
    for_dice = metrics.best_threshold(tables(slices["val"], maps))
    candidates = np.quantile(np.stack(maps), np.linspace(0.5, 0.9, 21))
    by_rand = [mean_rand(slices["val"], maps, t) for t in candidates]
    return for_dice, float(candidates[np.argmin(by_rand)])


def best_width(method, widths):
    """Return the width with the best Dice on the validation slices."""
    dice = {}
    for sigma in widths:
        histograms = tables(slices["val"], [method(x, sigma) for x in slices["val"]])
        threshold = metrics.best_threshold(histograms)
        dice[sigma] = metrics.pooled_scores(histograms, threshold)["dice"]
    return max(dice, key=dice.get)


blur, ridge = best_width(darkness, range(4)), best_width(ridges, range(2, 9))
methods = {
    "threshold": lambda each: darkness(each, blur),
    "sato": lambda each: ridges(each, ridge),
    "network": network,
}
chosen, val_dice = {}, {}
for name, method in methods.items():
    val_maps = [method(each) for each in slices["val"]]
    chosen[name] = for_dice, for_rand = choose(val_maps)
    scored = metrics.pooled_scores(tables(slices["val"], val_maps), for_dice)
    val_dice[name] = round(scored["dice"], 4)
    print(f"{name:9} thresholds: Dice {for_dice:.2f}, Rand {for_rand:.2f}; ", end="")
    # zh: print(f"{name:9} 阈值：Dice {for_dice:.2f}，Rand {for_rand:.2f}；", end="")
    print(f"Dice on validation {scored['dice']:.3f}")
    # zh: print(f"验证切片上的 Dice {scored['dice']:.3f}")
print(f"chosen on validation: blur {blur} px, ridges {ridge} px")
# zh: print(f"在验证切片上选定：模糊 {blur} px，脊线 {ridge} px")

# %% [markdown] lang="en"
# Now the six held-out slices, once.
#
# **Guess 10.17** Which of the three has the lowest Rand error: `"threshold"`, `"sato"` or `"network"`?

# %% [markdown] lang="zh" of="671d9226"
# 打印的文字：threshold 阈值法 · sato Sato 滤波器 · network 网络。
#
# 现在看六张留出的切片，只看一次。
#
# **猜一猜 10.17** 三种方法里谁的 Rand 误差最小：`"threshold"`、`"sato"` 还是 `"network"`？

# %%
scores, test_maps = {}, {}
for name, method in methods.items():
    test_maps[name] = maps = [method(each) for each in slices["test"]]
    for_dice, for_rand = chosen[name]
    test_scores = metrics.pooled_scores(tables(slices["test"], maps), for_dice)
    scores[name] = {
        "dice": test_scores["dice"],
        "auc": test_scores["auc_roc"],
        "rand_at_dice": mean_rand(slices["test"], maps, for_dice),
        "rand": mean_rand(slices["test"], maps, for_rand),
    }
if smoke:
    print("Smoke mode: the network is hardly trained, and the slices are drawn.")
    # zh: print("smoke 模式：网络几乎没有训练，切片也是画出来的。")

guess = None  # your guess: "threshold", "sato" or "network"
# zh: guess = None  # 你的猜测："threshold"、"sato" 或 "network"

lesson.ask("10.17", guess, {name: row["rand"] for name, row in scores.items()})

# %% tags=["answer"]
print("method      Dice    AUC   Rand (Dice's threshold)   Rand (its own threshold)")
for name, row in scores.items():
    print(f"{name:9} {row['dice']:6.3f} {row['auc']:6.3f}", end="")
    print(f" {row['rand_at_dice']:14.3f} {row['rand']:25.3f}")
em = {name: {k: round(v, 4) for k, v in row.items()} for name, row in scores.items()}
how = {"optimizer": OPTIMIZER, "weight_map": WEIGHT_MAP}
course.record(em=how | {"real": real, "membranes": em, "val_dice": val_dice})

# %% fold="Draw what the network found on a held-out slice" fold_zh="画出网络在一张留出切片上的结果" tags=["answer"]
shown, found = slices["test"][0], test_maps["network"][0]
pred = found >= chosen["network"][0]
errors = figures.error_map(pred, ~shown.cells, np.ones_like(shown.cells))
pictures = [shown.image[0], shown.cells[0], 1 - found[0], errors]
part = np.s_[100:228, 300:428] if not smoke else np.s_[:128, :128]
titles = ["slice", "cells", "probability of cell", "membrane, right or wrong"]
figures.show_images([x[part] for x in pictures], titles, columns=2, size=3)
missed, false = (~pred & ~shown.cells).sum(), (pred & shown.cells).sum()
figures.show(
    "A part of a held-out slice, its label, the network's probability of cell, and its "
    f"membranes right or wrong: found in white, {missed:,} missed pixels of the whole "
    f"slice in blue, {false:,} false alarms in orange."
)
# zh: figures.show(
# zh:     "一张留出切片的一部分、它的标签、网络给出的细胞概率，以及膜的对错：找到的是白色，"
# zh:     f"整张切片漏掉 {missed:,} 个像素（蓝色），误报 {false:,} 个（橙色）。"
# zh: )
print(f"whole slice: {missed:,} px of membrane missed, ", end="")
# zh: print(f"整张切片：漏掉 {missed:,} 个膜像素，", end="")
print(f"{false:,} px of cell called membrane")
# zh: print(f"把 {false:,} 个细胞像素当成了膜")

# %% [markdown] lang="en"
# (White: membrane found; blue: missed; orange: false alarm.) Two things are worth a look. The rivals see only that a place is dark or a ridge, and the table shows how many cells they join; the network looks at the surroundings, too. It has not learnt everything: the dark patch at the lower right of the stored picture is called membrane (orange). And Dice and Rand error do not ask the same. Compare the first two rows: on the real slices the Sato filter has the better Dice and, with the thresholds that Dice chose, the worse Rand error. What is best for pixels may leave a hole in a membrane, and one hole joins two cells. A lower threshold draws thicker membranes and closes some. Whether that pays on slices on which nothing was chosen, the last column tells; three validation slices are few to choose on.
#
# **Beside the paper's numbers.** The paper reports a warping error of 0.000353 (it counts splits and joins of cells and forgives a membrane that is only shifted), a Rand error of 0.0382 and a pixel error of 0.0611 (Table 1). They cannot be set beside ours. Theirs come from the challenge's own hidden test slices, were computed by the organisers at ten thresholds, from the mean of seven rotated copies of each slice, with a network of sixteen times as many weights that was trained for 10 hours on all 30 slices. Ours come from six of the public slices, and our Rand error from another program. What can be compared is the order of the methods within our table.

# %% [markdown] lang="zh" of="928c5803"
# 图中文字：slice 切片 · cells 细胞标签 · probability of cell 细胞的概率 · membrane, right or wrong 膜的对错。表中文字：Rand (Dice's threshold) 用 Dice 的阈值算的 Rand 误差 · Rand (its own threshold) 用它自己的阈值。
#
# （白色：找到的膜；蓝色：漏掉的；橙色：误报。）有两点值得看。前两种方法只知道哪里暗、哪里是脊线，表里看得出它们把多少细胞连成了一片；网络还看周围。它也没有全学会：存下来的图里，右下角的暗块被当成了膜（橙色）。另外，Dice 和 Rand 误差问的不是一回事。比一比前两行：在真实切片上，Sato 滤波器的 Dice 更好，可是用 Dice 选出的阈值，它的 Rand 误差反而更差。对像素最好的阈值，可能在膜上留下破洞，而一个洞就把两个细胞连成一个。阈值低一些，膜画得厚一些，有些洞就堵上了。换到没有参与选择的切片上，这样划不划算，看最后一列；用来选阈值的验证切片只有三张，太少了。
#
# **和论文的数字相比。** 论文报告的扭曲误差 (warping error) 是 0.000353（它数细胞的分裂和合并，膜只是挪了一点不算错），Rand 误差 0.0382，像素误差 0.0611（论文表 1）。它们不能和我们的放在一起比。论文的数来自比赛不公开的测试切片，由主办方在十个阈值上算出；每张切片的预测，是七个旋转版本的平均；网络的参数是我们的十六倍，在全部 30 张切片上训练了 10 小时。我们的数来自公开切片中的六张，Rand 误差也出自另一个程序。能比的，只是我们表里各方法的名次。

# %% [markdown] lang="en" minutes="4"
# ## 8, second part: mirror or zeros at the border (extra)
#
# Section 1 put a mirror beyond the border. Would zeros have done? Now there is a trained network to ask. We score the outermost pixels of the held-out slices only, once with the mirror and once with zeros in its place.

# %% [markdown] lang="zh" of="d0a1b067"
# ## 8 续：边缘用镜像还是补零（选读）
#
# 本章第 1 节在边缘之外放了镜像。补零行不行？现在有了训练好的网络，可以问问它。只给留出切片最外圈的像素打分，一次用镜像，一次把镜像换成零。

# %%
@torch.no_grad()
def with_zeros(each):
    """Return the probability of membrane with zeros beyond the border."""
    seen = torch.from_numpy((each.image - mean) / spread)[None]
    height, width = seen.shape[-2:]
    side = next(s for s in net.sizes if s >= max(height, width) + 2 * rim)
    room = (rim, side - rim - width, rim, side - rim - height)  # left, right, ...
    logits = net(functional.pad(seen, room))[..., :height, :width]
    return logits.softmax(1)[0, :1].numpy()


zeros = [with_zeros(each) for each in slices["test"]]
print("outermost   AUC, mirror   AUC, zeros")
for depth in (10, 30, 92):
    areas = []
    for border_maps in (test_maps["network"], zeros):
        total = 0
        for each, its_map in zip(slices["test"], border_maps, strict=True):
            outermost = np.ones_like(each.cells)
            outermost[:, depth:-depth, depth:-depth] = False
            total = total + metrics.histogram(its_map, ~each.cells, outermost)
        areas.append(metrics.auc_roc(total))
    print(f"{depth:6} px {areas[0]:13.4f} {areas[1]:12.4f}")

# %% [markdown] lang="en"
# The nearer to the edge, the more the answer depends on what stands behind it. Zeros do not ruin it: in standardised images zero is the mean grey. But they put an edge where the tissue has none.
#
# **Extra: where does dropout shake the answer?** If it stays switched on, the same slice gets another answer in each pass. The cell draws twenty and shows their standard deviation. Look whether thin lines shake or whole regions, and think of where in the U the dropout is.

# %% [markdown] lang="zh" of="9d5c67d4"
# 表中文字：outermost 最外圈的宽度 · AUC, mirror 镜像 · AUC, zeros 补零。
#
# 越靠近边缘，输出越取决于边缘外面放了什么。补零的结果也不算很差：图像标准化以后，零就是平均灰度。但组织在那里本来没有边，补零就造出一条边。
#
# **选做：随机失活让哪里的输出不稳定？** 如果不关掉它，同一张切片每次的输出都不同。下面算二十次，画出标准差。看看变动的是细线，还是整片区域，再想想随机失活在 U 的哪里。

# %%
crop_side = net.sizes[0] + (0 if smoke else 160)
cropped = torch.from_numpy((shown.image - mean) / spread)
cropped = cropped[None, ..., :crop_side, :crop_side]
torch.manual_seed(0)
net.dropout.train()  # dropout alone; the rest of the network has no such mode
with torch.no_grad():
    draws = torch.stack([net(cropped).softmax(1)[0, 0] for _ in range(20)])
net.eval()
spread_of_draws = draws.std(0).numpy()
print(f"sd {spread_of_draws.mean():.3f} on average, ", end="")
# zh: print(f"标准差平均 {spread_of_draws.mean():.3f}，", end="")
print(f"at most {spread_of_draws.max():.3f}")
# zh: print(f"最大 {spread_of_draws.max():.3f}")

# %% fold="Draw where the answers differ" fold_zh="画出哪里的输出不同"
there = np.s_[rim : crop_side - rim, rim : crop_side - rim]
pictures = [1 - found[0][there], spread_of_draws / spread_of_draws.max()]
figures.show_images(pictures, ["probability of cell", "sd of 20 draws"], size=2.9)
figures.show(
    "The probability of cell in a part of a slice, and beside it the standard deviation "
    f"of twenty draws: white, where they differ most, is {spread_of_draws.max():.2f}."
)
# zh: figures.show(
# zh:     "切片一部分的细胞概率；旁边是二十次输出的标准差："
# zh:     f"白色是差别最大的地方，标准差 {spread_of_draws.max():.2f}。"
# zh: )
share_of_top = np.sort(spread_of_draws, axis=None)[-spread_of_draws.size // 20 :].sum()
print(f"{share_of_top / spread_of_draws.sum():.0%} of the shaking is in 5 % of the pixels")
# zh: print(f"5% 的像素占了 {share_of_top / spread_of_draws.sum():.0%} 的变动")

# %% [markdown] lang="en"
# At the bottom of the U one number stands for 16 × 16 pixels. Dropout there can make the network waver about what a region *is*; where a line runs comes over the skips, which it does not touch.

# %% [markdown] lang="zh" of="1bdeac07"
# 图中文字：probability of cell 细胞的概率 · sd of 20 draws 二十次输出的标准差。
#
# 在 U 的底部，一个数代表 16 × 16 个像素。那里的随机失活会让网络拿不准一片区域**是什么**；线在哪里，由跳跃连接送过来，随机失活影响不到。

# %% [markdown] lang="en" minutes="1"
# ## 9 What of this is good for vessels? (extra)
#
# - **Overlap-tile**: yes, wherever an image is too large for one pass. The lattice holds for every network with pooling, the paper's or ours.
# - **Mirror**: yes; chapter 07 needs it for 565 columns.
# - **Weight map**: not as it stands. The thing to make dear is the break in a thin vessel.
# - **First weights**: He's rule where there is no batch norm. The course has batch norm.
# - **Momentum 0.99, batch of one**: an answer to the memory of 2015. Patches in batches and AdamW reach the goal in minutes.
# - **Dropout**: the course leaves it out; augmentation and weight decay do its work.
# - **Elastic grid**: yes, gentler (chapter 06).
#
# **Extra:** set `sd=0.0` in the call of `draw_tile` in section 7, or untick `WEIGHT_MAP`, or choose the paper's SGD there; train again and compare on the *validation* slices. One run each is an example, no proof. In ours the network without the map reached a Dice of {{em.runs[2].val_dice.network:.3f}} on the validation slices, with it {{em.runs[0].val_dice.network:.3f}}, and its cells were no worse either. Two runs with the map differ by almost as much, so this is too close to call; the map shows no gain in a few minutes ([em.json](../results/em.json)). Run sections 7 and 8 only up to the thresholds for this: the cell after them belongs to the held-out slices.

# %% [markdown] lang="zh" of="bc6889cb"
# ## 9 其中哪些对血管有用？（选读）
#
# - **重叠分块**：有用，只要图像大得一次算不完。格点的规矩，对任何带池化的网络都成立，论文的、我们的都一样。
# - **镜像**：有用；第 07 章处理 565 列就靠它。
# - **权重图**：不能照搬。该看重的，是细血管上的断口。
# - **初始权重**：没有批归一化时用 He 的规则。课程有批归一化。
# - **动量 0.99，批量为一**：这是 2015 年显存条件下的办法。成批的图像块加 AdamW，几分钟就够了。
# - **随机失活**：课程没有用，它的工作由数据增强和权重衰减来做。
# - **弹性网格**：有用，只是弯得轻一些（第 06 章）。
#
# **选做：** 在第 7 节调用 `draw_tile` 时加上 `sd=0.0`，或者取消 `WEIGHT_MAP`，或者改选论文的 SGD，重新训练，在**验证**切片上比较。各跑一次只是例子，不是证明。我们各跑了一次：不用权重图，验证切片上的 Dice 是 {{em.runs[2].val_dice.network:.3f}}，用了是 {{em.runs[0].val_dice.network:.3f}}，细胞也没有分得更差。用权重图的两次训练之间也有相近的差别，所以分不出高下；只训练几分钟，看不出权重图的好处（[em.json](../results/em.json)）。做这道题时，第 7、8 节只运行到选阈值为止：再往下就要用到留出的切片。

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - A valid network is shown 92 mirrored pixels on each side. `reflect` does not repeat the edge pixel.
# - Tiles overlap where they read and never where they answer. They begin on the lattice of the poolings, here every 16 pixels; an untrained network with PyTorch's weights hides a violation.
# - Tiles bound the memory; the price is ((keep + 188) / keep) squared.
# - The weight map makes narrow gaps dear: $d_1 + d_2$ measures the width of the gap. The paper's equation 1 lacks its minus sign.
# - First weights: standard deviation $\sqrt{2/N}$, where $N$ numbers are added up to one output.
# - Momentum 0.99 averages about 100 steps; gradients of single tiles soon contradict each other.
# - Dropout works in `train()` mode and rests in `eval()` mode.
# - Two scores with two best thresholds are two questions. Numbers from another test set, formula or budget are not comparable.

# %% [markdown] lang="zh" of="6a1694c2"
# ## 小结
#
# - 不填充的网络，每边要多看 92 个镜像像素。`reflect` 不重复边缘像素。
# - 各分块的输入互相重叠，输出互不重叠。起点要落在池化的格点上，这里是每 16 个像素；用 PyTorch 默认权重、没有训练过的网络会掩盖错误。
# - 分块让内存有了上限，代价是 ((keep + 188) / keep) 的平方。
# - 权重图看重窄缝：$d_1 + d_2$ 量的是缝宽。论文的公式 1 少了负号。
# - 初始权重的标准差是 $\sqrt{2/N}$，一个输出由 $N$ 个数相加而成。
# - 动量 0.99 大约平均 100 步；单个分块的梯度很快就互相矛盾。
# - 随机失活在 `train()` 模式下起作用，在 `eval()` 模式下不起作用。
# - 两个分数有两个最佳阈值，因为问的是两个问题。测试集、公式或训练时间不同的数字不能比较。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)
# - K. He, X. Zhang, S. Ren, J. Sun, Delving Deep into Rectifiers, ICCV 2015, [arXiv:1502.01852](https://arxiv.org/abs/1502.01852)
# - I. Arganda-Carreras et al., Crowdsourcing the creation of image segmentation algorithms for connectomics, Frontiers in Neuroanatomy 9:142, 2015, [doi:10.3389/fnana.2015.00142](https://doi.org/10.3389/fnana.2015.00142)
# - A. Cardona et al., An integrated micro- and macroarchitectural analysis of the Drosophila brain by computer-assisted serial section electron microscopy, PLoS Biology 8(10):e1000502, 2010, [doi:10.1371/journal.pbio.1000502](https://doi.org/10.1371/journal.pbio.1000502)
# - P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks applied to visual document analysis, ICDAR 2003, [doi:10.1109/ICDAR.2003.1227801](https://doi.org/10.1109/ICDAR.2003.1227801) (elastic deformation)
# - S. Shit et al., clDice, a novel topology-preserving loss function for tubular structure segmentation, CVPR 2021, [arXiv:2003.07311](https://arxiv.org/abs/2003.07311)
# - J. Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.
# - "U-Net study notes", a Chinese blog post: it describes the mirrored border and the overlapping tiles; loss, first weights and elastic grid are not in it.

# %% [markdown] lang="zh" of="2ac6484b"
# ## 参考资料
#
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015, [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)
# - K. He, X. Zhang, S. Ren, J. Sun, Delving Deep into Rectifiers, ICCV 2015, [arXiv:1502.01852](https://arxiv.org/abs/1502.01852)
# - I. Arganda-Carreras et al., Crowdsourcing the creation of image segmentation algorithms for connectomics, Frontiers in Neuroanatomy 9:142, 2015, [doi:10.3389/fnana.2015.00142](https://doi.org/10.3389/fnana.2015.00142)
# - A. Cardona et al., An integrated micro- and macroarchitectural analysis of the Drosophila brain by computer-assisted serial section electron microscopy, PLoS Biology 8(10):e1000502, 2010, [doi:10.1371/journal.pbio.1000502](https://doi.org/10.1371/journal.pbio.1000502)
# - P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks applied to visual document analysis, ICDAR 2003, [doi:10.1109/ICDAR.2003.1227801](https://doi.org/10.1109/ICDAR.2003.1227801)（弹性形变）
# - S. Shit et al., clDice, a novel topology-preserving loss function for tubular structure segmentation, CVPR 2021, [arXiv:2003.07311](https://arxiv.org/abs/2003.07311)
# - J. Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。
# - 中文博文《U-net学习笔记》：它讲到镜像边缘和重叠的分块；损失、初始权重和弹性网格没有提到。

# %% include="ticket"
