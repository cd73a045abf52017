# %% [markdown] lang="en"
# # 02 Just enough PyTorch
#
# *How does a program find nine numbers by itself?*

# %% [markdown] lang="zh" of="4ae76517"
# # 02 够用的 PyTorch
#
# *程序怎样自己学出一个 3×3 卷积核的九个数？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** read the shape of a tensor; compute a convolution by hand and with `nn.Conv2d`; explain gradient descent and the five lines of a training step; turn logits into a vessel map; write a small network as a module and train it.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** Python lists, loops and functions, and a first idea of a class; chapter 01 for running cells.
#
# **You are here**

# %% [markdown] lang="zh" of="4bfd78ba"
# **学完这一章你能** 读懂张量的形状；手算卷积，也用 `nn.Conv2d` 算；解释梯度下降和训练一步的五行代码；把 logits 变成血管图；把一个小网络写成模块，并训练它。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** Python 的列表、循环和函数，对类 (class) 略有了解；第 01 章讲过怎样运行单元格。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %% [markdown] lang="en" minutes="7"
# ## Arrays and tensors
#
# PyTorch is a Python library for networks: it computes with arrays of numbers, and finds by itself how a result changes with each of them, which is what learning needs.
#
# An image file becomes a NumPy *array*; PyTorch computes with *tensors*, which are arrays that can lie on a GPU and remember how they were computed. Of either, ask three things first: shape, dtype (the kind of number), range. The photograph is the one of chapter 01, every third row and column.

# %% [markdown] lang="zh" of="e903b5a7"
# ## 数组与张量
#
# PyTorch 是用来搭建网络的 Python 库：它对成组的数做计算，还能自己求出每个数变一点、结果会变多少，学习靠的就是这个。
#
# 图像文件读进来是 NumPy 数组 (array)。PyTorch 用张量 (tensor) 计算：它也是数组，但可以放到 GPU 上，还能记住自己是怎样算出来的。拿到任何一个，先问三件事：形状、dtype（数的种类）、数值范围。照片就是第 01 章那张，每三行三列取一个像素。

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle
from skimage import data
from torch import nn
from torch.nn import functional

from helpers import figures, runtime

array = data.retina()[::3, ::3]
print(type(array).__name__, array.shape, array.dtype, array.min(), "to", array.max())
# zh: print(type(array).__name__, array.shape, array.dtype, array.min(), "到", array.max())

# %% [markdown] lang="en"
# As it comes from the file: rows, columns, colours last, whole numbers from 0 to 255. PyTorch wants the channel first and decimal numbers:

# %% [markdown] lang="zh" of="06b47e13"
# 从文件读出来的样子：行、列，颜色在最后，0 到 255 的整数。PyTorch 要求通道在最前，数值用小数：

# %%
photo = torch.from_numpy(array.copy()).permute(2, 0, 1).float() / 255
print(type(photo).__name__, tuple(photo.shape), photo.dtype)
print(f"range {photo.min():.2f} to {photo.max():.2f}, device {photo.device}")
# zh: print(f"范围 {photo.min():.2f} 到 {photo.max():.2f}，设备 {photo.device}")

# %% [markdown] lang="en"
# `permute` reorders the axes, `float` makes 32-bit decimals. Why not stay with the file's whole numbers? A `uint8` holds 0 to 255 and nothing else:

# %% [markdown] lang="zh" of="d8b0fe23"
# `permute` 调换轴的顺序，`float` 变成 32 位浮点数（小数）。为什么不保留文件里的整数？因为 `uint8` 只能装下 0 到 255：

# %%
bright = np.array([200], dtype=np.uint8)
print("uint8:  200 + 100 =", (bright + np.uint8(100))[0])
print("float32: 200 + 100 =", (bright.astype(np.float32) + 100)[0])

# %% [markdown] lang="en"
# 300 does not fit, so the count began again at 0: 300 − 256 = 44, without an error. Decimals have no such edge.
#
# ### Row first, then column
#
# A position is always (row, col): down, then right. It is the order of matrices, and the opposite of (x, y).
#
# **Guess 2.1** Which number is `grid[1, 2]` in this tensor? Counting begins at 0.

# %% [markdown] lang="zh" of="f6f9fbb6"
# 300 装不下，就从 0 重新数起：300 − 256 = 44，而且不报错。小数没有这个问题。
#
# ### 先行后列
#
# 位置总写成 (row, col)：先向下数，再向右数。这是矩阵的顺序，和 (x, y) 相反。
#
# **猜一猜 2.1** 下面的张量里，`grid[1, 2]` 是哪个数？从 0 开始数。

# %%
grid = torch.arange(12).reshape(3, 4)
print(grid)
guess = None  # your guess: a whole number
# zh: guess = None  # 你的猜测：一个整数
lesson.ask("02.1", guess)

# %% tags=["answer"]
print("row 1:", grid[1].tolist(), "and its column 2:", grid[1, 2].item())
# zh: print("第 1 行", grid[1].tolist(), "其中第 2 列", grid[1, 2].item())

# %% [markdown] lang="en"
# ### (B, C, H, W)
#
# A network takes several images at once, a *batch*, stacked along a new first axis: batch, channels, height (rows), width (columns). Four letters that every chapter uses.
#
# **Guess 2.2** Which shape has `batch`: four square pieces of the colour photograph, 96 pixels a side?

# %% [markdown] lang="zh" of="d751c2df"
# ### (B, C, H, W)
#
# 网络一次处理几张图像，叫一批 (batch)，沿新的第一个轴叠起来：批、通道、高（行数）、宽（列数）。这四个字母每一章都用。
#
# **猜一猜 2.2** 从彩色照片里切出四个边长 96 像素的正方形，叠成 `batch`，它的形状是什么？

# %%
corners = [(60, 110), (170, 30), (200, 180), (300, 120)]  # (row, col), upper left
batch = torch.stack([photo[:, r : r + 96, c : c + 96] for r, c in corners])
guess = None  # your guess: four numbers in brackets, such as (1, 2, 3, 4)
# zh: guess = None  # 你的猜测：括号里四个数，例如 (1, 2, 3, 4)
lesson.ask("02.2", guess)

# %% fold="Draw the batch, and say its shape" fold_zh="画出这一批，并输出它的形状" tags=["answer"]
pictures = [figures.to_picture(piece.numpy()) for piece in batch]
figures.show_images(pictures, [f"batch[{k}]" for k in range(4)], 4, 2)
figures.show("Four square pieces of the photograph: vessels, the bright optic disc, the dark macula, vessels.")
# zh: figures.show("照片的四个正方形小块，依次是血管、明亮的视盘、较暗的黄斑、血管。")
print(f"batch has shape {tuple(batch.shape)}: (B, C, H, W).")
# zh: print(f"batch 的形状是 {tuple(batch.shape)}：(B, C, H, W)。")

# %% [markdown] lang="en"
# `torch.stack` made a new axis for the four; `torch.cat` joins tensors along an axis that is there already.
#
# ### Device
#
# `x.to(device)` copies a tensor to the GPU, if there is one, `x.cpu().numpy()` brings it back as an array. Two tensors can only be combined on the same device; this chapter is so small that it stays on the CPU.

# %% [markdown] lang="zh" of="89488b12"
# 图中文字：batch[0] 到 batch[3] 是这一批里的四张图像。
#
# `torch.stack` 为这四块新建了一个轴；`torch.cat` 沿已有的轴拼接。
#
# ### 设备
#
# `x.to(device)` 把张量复制到 GPU（如果有），`x.cpu().numpy()` 把它取回来变成数组。两个张量要在同一设备上才能一起算。这一章的计算很小，都留在 CPU 上。

# %% tags=["varies"]
device = runtime.pick_device()
moved = batch.to(device)
print("before:", batch.device, "| after:", moved.device)
# zh: print("之前", batch.device, "| 之后", moved.device)

# %% [markdown] lang="en" minutes="17"
# ## A convolution by hand
#
# Here are 25 numbers, like a piece of a green channel: bright ground (9) and a dark vessel (2 and 3) that bends. The *kernel* is nine numbers. Lay it on a 3×3 window, multiply number by number, add: one result. This kernel is Sobel's; it asks how much brighter the right side is than the left.

# %% [markdown] lang="zh" of="c657879b"
# ## 手算卷积
#
# 下面 25 个数好比绿色通道的一小块：亮的背景 (9) 上有一条弯曲的暗血管（2 和 3）。卷积核 (kernel) 是九个数。（Jupyter 的内核也叫 kernel，是另一回事；卷积核也叫滤波器。）把它盖在 3×3 的窗口上，对应相乘再相加，得到一个结果。这是 Sobel 的卷积核，它问：右边比左边亮多少？

# %%
numbers = torch.tensor(
    [
        [9.0, 9.0, 2.0, 9.0, 9.0],
        [9.0, 9.0, 2.0, 9.0, 9.0],
        [9.0, 8.0, 2.0, 9.0, 9.0],
        [9.0, 2.0, 3.0, 9.0, 9.0],
        [9.0, 2.0, 9.0, 9.0, 9.0],
    ]
)
sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
window = numbers[0:3, 0:3]
print(window * sobel)
print(f"sum: {(window * sobel).sum().item()}")
# zh: print(f"和：{(window * sobel).sum().item()}")

# %% [markdown] lang="en"
# The vessel stands at the right edge of this window, so the right is darker: a negative number.
#
# **Guess 2.3** What is the result one step down and two to the right, for `numbers[1:4, 2:5]`? Take a pencil.

# %% [markdown] lang="zh" of="cc450e54"
# 血管在这个窗口的右边缘，右边更暗，所以结果是负数。
#
# **猜一猜 2.3** 窗口下移一步、右移两步，`numbers[1:4, 2:5]` 的结果是多少？拿笔算一算。

# %%
guess = None  # your guess: a number
# zh: guess = None  # 你的猜测：一个数
lesson.ask("02.3", guess)

# %% tags=["answer"]
lower = numbers[1:4, 2:5]
print(lower * sobel)
print(f"sum: {(lower * sobel).sum().item()}")
# zh: print(f"和：{(lower * sobel).sum().item()}")

# %% [markdown] lang="en"
# **Exercise 2.4** Write `convolve(image, kernel)` with two loops: the results at all places where the 3×3 kernel lies fully on the image. Both are two-dimensional arrays.

# %% [markdown] lang="zh" of="ca3bd6ef"
# **练习 2.4** 用两层循环编写 `convolve(image, kernel)`：3×3 卷积核完全落在图内的所有位置，各得一个结果。两个参数都是二维数组。


# %% tags=["exercise"]
def convolve(image, kernel):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


convolve = lesson.exercise("02.4", convolve)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The upper left corner of the window can lie in H − 2 rows and W − 2 columns.
#
# {{solution 02.4}}
#
# </details>

# %% [markdown] lang="zh" of="04da42d9"
# <details><summary>参考答案</summary>
#
# 窗口左上角可以放在 H − 2 行、W − 2 列上。
#
# {{solution 02.4}}
#
# </details>

# %% fold="Prepare to write numbers into squares" fold_zh="准备：把数字写进方格"
def draw(ax, values, title):
    """Write the numbers of a two-dimensional array into squares."""
    ax.imshow(np.asarray(values), cmap="gray", alpha=0.35)
    for (row, col), value in np.ndenumerate(np.asarray(values)):
        text = f"{round(value, 2) + 0.0:g}"  # + 0.0 turns -0 into 0
        ax.text(col, row, text, ha="center", va="center", fontsize=10)
    ax.set_title(title, fontsize=10)
    ax.set(xticks=[], yticks=[])


def outline(ax, row, col, size, colour, style="-"):
    """Draw a square round ``size`` by ``size`` numbers."""
    place = (col - 0.47, row - 0.47), size - 0.06, size - 0.06
    ax.add_patch(Rectangle(*place, fc="none", ec=colour, lw=3, ls=style))


# %% fold="Draw image, kernel and result" fold_zh="画出图像、卷积核和结果"
result = convolve(numbers.numpy(), sobel.numpy())
fig, axes = plt.subplots(1, 3, figsize=(8.4, 3), dpi=figures.DPI)
draw(axes[0], numbers, "image, 5 x 5")
draw(axes[1], sobel, "kernel, 3 x 3")
draw(axes[2], result, "result, 3 x 3")
outline(axes[0], 0, 0, 3, figures.ORANGE)
outline(axes[0], 1, 1, 3, figures.BLUE, "--")
outline(axes[2], 0, 0, 1, figures.ORANGE)
figures.show(
    "Three tables: 25 numbers of an image, the nine of the kernel, and nine results. A "
    "window of nine numbers at the upper left gives the result at the upper left."
)
# zh: figures.show(
# zh:     "三张表：图像的 25 个数，卷积核的九个数，九个结果。"
# zh:     "左上角的九个数组成一个窗口，得到左上角的结果。"
# zh: )
print("Orange: one window and its result. Blue, dashed: the middles of all windows;")
# zh: print("橙色：一个窗口和它的结果。蓝色虚线：所有窗口的中心；")
print(f"the ring of {numbers.numel() - result.size} numbers outside it has no result.")
# zh: print(f"它外面一圈 {numbers.numel() - result.size} 个数没有结果。")

# %% [markdown] lang="en"
# The result is one number narrower on each side. Only numbers of the image were used: a *valid* convolution, as in the U-Net paper. To keep the size, one surrounds the image with a ring of zeros first: *padding*.
#
# **Exercise 2.5** Write `output_size(size, kernel, padding)`: how many results in a row of `size` numbers, with a kernel `kernel` wide and `padding` zeros added on each side?

# %% [markdown] lang="zh" of="750d17d7"
# 图中文字：image 图像 · kernel 卷积核 · result 结果。
#
# 结果的四周各少一个数。只用图内的数，叫有效卷积 (valid convolution)，U-Net 论文就这样做。想保持大小，就先在图像四周补一圈零，叫填充 (padding)。
#
# **练习 2.5** 编写 `output_size(size, kernel, padding)`：一行有 `size` 个数，卷积核宽 `kernel`，两边各补 `padding` 个零，一行有几个结果？


# %% tags=["exercise"]
def output_size(size, kernel, padding):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


output_size = lesson.exercise("02.5", output_size)
print("5 valid:", output_size(5, 3, 0), "| 5 padded:", output_size(5, 3, 1))
# zh: print("5，不填充", output_size(5, 3, 0), "| 5，填充", output_size(5, 3, 1))
print(f"the paper's 572, twice: {output_size(output_size(572, 3, 0), 3, 0)}")
# zh: print(f"论文的 572，做两次：{output_size(output_size(572, 3, 0), 3, 0)}")

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The padded row has `size + 2 * padding` numbers. The kernel's left end can lie on all of them but the last `kernel - 1`.
#
# {{solution 02.5}}
#
# </details>

# %% [markdown] lang="zh" of="1255cd18"
# <details><summary>参考答案</summary>
#
# 填充后一行有 `size + 2 * padding` 个数。除了最后 `kernel - 1` 个，每一个都能放卷积核的左端。
#
# {{solution 02.5}}
#
# </details>

# %% [markdown] lang="en" minutes="3"
# ## `nn.Conv2d`
#
# The same convolution as a layer of a network. A layer owns its kernel, its *weight*; usually it begins with random numbers, here we put Sobel's in. A layer wants (B, C, H, W): each `None` in `numbers[None, None]` adds an axis of length 1 in front.

# %% [markdown] lang="zh" of="7c5fdfd8"
# ## `nn.Conv2d`
#
# 同样的卷积，做成网络的一层。卷积核归这一层所有，叫权重 (weight)。通常一开始是随机数，这里放进 Sobel 的九个数。一层的输入是 (B, C, H, W)：`numbers[None, None]` 里每个 `None` 在最前面加一个长度为 1 的轴。

# %%
layer = nn.Conv2d(in_channels=1, out_channels=1, kernel_size=3, bias=False)
with torch.no_grad():  # set by hand; nothing to be learnt from this
    layer.weight.copy_(sobel)  # copies into the layer
by_layer = layer(numbers[None, None])[0, 0]  # (5, 5) -> (1, 1, 5, 5) -> (3, 3)
difference = np.abs(by_layer.detach().numpy() - result).max()  # detach: numbers alone
print(f"largest difference from the loops: {difference:g}")
# zh: print(f"与两层循环的最大差别：{difference:g}")

# %% [markdown] lang="en"
# Strictly speaking, mathematics turns the kernel by half a turn before it multiplies; what we and every deep-learning library compute is called *cross-correlation* there. A learnt kernel simply comes out turned, so nobody minds, and "convolution" is what everybody says.
#
# Now with padding:

# %% [markdown] lang="zh" of="7e3ed542"
# 严格地说，数学里的卷积 (convolution) 先把核旋转 180 度再乘；我们和所有深度学习库算的，在数学里叫互相关 (cross-correlation)。核是学出来的，转不转都一样，所以大家都叫它卷积。
#
# 再看加上填充的情况：

# %% fold="Draw the result without and with padding" fold_zh="画出不填充和填充的结果"
padded = functional.conv2d(numbers[None, None], sobel[None, None], padding=1)[0, 0]
fig, axes = plt.subplots(1, 2, figsize=(6, 3), dpi=figures.DPI)
draw(axes[0], result, "valid")
draw(axes[1], padded, "padded with zeros")
outline(axes[1], 1, 1, 3, figures.BLUE, "--")
figures.show(
    "The nine results without padding, and the 25 with a ring of zeros; the middle nine "
    "of these are the same, the numbers on the rim are larger."
)
# zh: figures.show(
# zh:     "不填充的九个结果，以及四周补零后的 25 个结果；"
# zh:     "正中九个相同，边缘上的数更大。"
# zh: )
print("Inside the dashed square both agree. Strongest number there:", end=" ")
# zh: print("虚线框内两者相同，框内绝对值最大的数是", end=" ")
print(f"{np.abs(result).max():g}, on the rim: {padded.abs().max():g},")
# zh: print(f"{np.abs(result).max():g}，边缘上是 {padded.abs().max():g}：")
print("an edge between the image and zeros that the padding invented.")
# zh: print("图像和补上的零之间，被填充造出了一条边缘。")

# %% [markdown] lang="en"
# ### Several channels
#
# A colour image has three channels, and a layer may give any number of them. Each output channel has a kernel of its own *for every input channel*, and one number added at the end, the *bias*.
#
# **Guess 2.6** How many numbers does `nn.Conv2d(3, 16, 3)` hold: three channels in, sixteen out, 3×3, with bias?

# %% [markdown] lang="zh" of="32d5cd72"
# 图中文字：valid 有效卷积 · padded with zeros 四周补零。
#
# ### 多个通道
#
# 彩色图像有三个通道，一层可以输出任意多个通道。每个输出通道对*每个输入通道*各有一个卷积核，最后再加一个数，叫偏置 (bias)。
#
# **猜一猜 2.6** `nn.Conv2d(3, 16, 3)` 一共有多少个数？三个通道进，十六个通道出，3×3，带偏置。

# %%
guess = None  # your guess: a whole number
# zh: guess = None  # 你的猜测：一个整数
lesson.ask("02.6", guess)

# %% tags=["answer"]
colour_layer = nn.Conv2d(3, 16, 3)
print("weight:", tuple(colour_layer.weight.shape), "= (out, in, 3, 3)")
print("bias:  ", tuple(colour_layer.bias.shape))
print(f"numbers: {sum(p.numel() for p in colour_layer.parameters())}")
# zh: print(f"数的个数：{sum(p.numel() for p in colour_layer.parameters())}")
print(f"{tuple(batch.shape)} -> {tuple(colour_layer(batch).shape)}")

# %% [markdown] lang="en"
# The batch went through at once: B stays, C becomes 16, H and W lose one on each side. Weights and biases together are the *parameters* of a layer, the numbers that it learns; loosely, people say weights for both.

# %% [markdown] lang="zh" of="fe69ca14"
# 整批一次通过：B 不变，C 变成 16，H 和 W 两边各少一。权重和偏置合起来，就是这一层的参数 (parameter)，也就是要学的数；平常说“权重”，往往两样都包括。

# %% [markdown] lang="en" minutes="7"
# ## Gradient descent in one parameter
#
# Who chooses the kernel's numbers? The program, by walking downhill. To see how, take one number `w` in place of nine. The data say `y = 2 x`; the model says `w * x`; the *loss* is the mean squared error, and it is a valley in `w`.

# %% [markdown] lang="zh" of="6b47bf15"
# ## 一个参数的梯度下降
#
# 卷积核里的数由谁来选？由程序自己，一步步往下坡走。先用一个数 `w` 代替九个数。数据满足 `y = 2 x`，模型是 `w * x`，损失 (loss) 是均方误差。损失随 `w` 变化，形状像山谷。

# %%
x = torch.tensor([1.0, 2.0, 3.0])
y = 2 * x


def loss_of(w):
    """Return the mean squared error of the model w * x."""
    return ((w * x - y) ** 2).mean()


for w in (0.0, 1.0, 2.0, 3.0):
    print(f"w = {w:.0f}: loss {loss_of(w):.2f}")
    # zh: print(f"w = {w:.0f}：损失 {loss_of(w):.2f}")

# %% [markdown] lang="en"
# Which way is down? The *derivative*, the slope of the valley, says it. By hand:
#
# $$\frac{d}{dw}\,\frac{1}{n}\sum_i (w x_i - y_i)^2 = \frac{2}{n}\sum_i (w x_i - y_i)\,x_i$$
#
# the mean of error times input, doubled. PyTorch finds the same by itself: a tensor made with `requires_grad=True` remembers what was computed with it, and `backward()` goes back through it all (*autograd*). The slope then lies in `w.grad`. `.item()` takes the number out of a tensor that holds only one.

# %% [markdown] lang="zh" of="fdd29771"
# 哪边是下坡？看导数 (derivative)，也就是山谷的坡度。手算：
#
# $$\frac{d}{dw}\,\frac{1}{n}\sum_i (w x_i - y_i)^2 = \frac{2}{n}\sum_i (w x_i - y_i)\,x_i$$
#
# 误差乘以输入，取平均，再乘以 2。PyTorch 能自己求出它：用 `requires_grad=True` 建的张量会记住参与过的计算，`backward()` 沿着记录往回走，这叫自动求导 (autograd)。坡度就放在 `w.grad` 里。只有一个数的张量，用 `.item()` 取出这个数。


# %%
def slope(w):
    """Return the derivative of the loss at w, from the formula above."""
    return (2 * (w * x - y) * x).mean().item()


w = torch.tensor(0.0, requires_grad=True)
loss_of(w).backward()
print(f"slope at w = 0, by hand: {slope(0.0):.3f}, by autograd: {w.grad.item():.3f}")
# zh: print(f"w = 0 处的坡度，手算 {slope(0.0):.3f}，自动求导 {w.grad.item():.3f}")
lesson.contract("02.slope", w.grad.item())

# %% [markdown] lang="en"
# A negative slope: the valley falls to the right. So one step is `w - rate * slope`: against the slope, and the *learning rate* sets how far.
#
# **Guess 2.7** Where does one step from `w = 0` with the learning rate 0.1 end?

# %% [markdown] lang="zh" of="aa0611c8"
# 坡度是负的：山谷向右下降。所以走一步就是 `w - rate * slope`：逆着坡度，步子大小由学习率 (learning rate) 决定。
#
# **猜一猜 2.7** 从 `w = 0` 出发，学习率 0.1，走一步到哪里？

# %%
guess = None  # your guess: a number
# zh: guess = None  # 你的猜测：一个数
lesson.ask("02.7", guess)

# %% tags=["answer"]
print(f"0 - 0.1 * {slope(0.0):.3f} = {0 - 0.1 * slope(0.0):.3f}")

# %% [markdown] lang="en"
# Now twelve steps from the same place, with three learning rates: 0.01, 0.1 and 0.22.
#
# **Guess 2.8** Which of the three never arrives at the bottom, however long it walks?

# %% [markdown] lang="zh" of="ce1ae4cf"
# 现在从同一个地方出发，用三个学习率各走十二步：0.01、0.1、0.22。
#
# **猜一猜 2.8** 三个学习率里，哪一个无论走多久都到不了谷底？


# %%
def descend(rate, w=0.0, steps=12):
    """Return the places visited on the way down from w."""
    path = [w]
    for _ in range(steps):
        w = w - rate * slope(w)
        path.append(w)
    return path


guess = None  # your guess: 0.01, 0.1 or 0.22
# zh: guess = None  # 你的猜测：0.01、0.1 或 0.22
lesson.ask("02.8", guess)

# %% fold="Draw three walks into the valley" fold_zh="画出三条下坡的路" tags=["answer"]
valley = torch.linspace(-2, 6, 100)


def draw_walks(rates):
    """Draw the walk into the valley with each learning rate, and say where it ends."""
    size = (3.1 * len(rates), 2.9)
    fig, axes = plt.subplots(
        1, len(rates), figsize=size, dpi=figures.DPI, sharey=True, squeeze=False
    )
    for ax, rate in zip(axes[0], rates, strict=True):
        path = descend(rate)
        ax.plot(valley, [loss_of(w) for w in valley], color=figures.GREY)
        ax.plot(path, [loss_of(w) for w in path], "o-", color=figures.BLUE, ms=4)
        ax.set(title=f"learning rate {rate}", xlabel="w", xlim=(-2.2, 6.2))
        ax.set_ylim(-3, 80)
        print(f"learning rate {rate}: after {len(path) - 1} steps w = {path[-1]:.3f}")
        # zh: print(f"学习率 {rate}：走 {len(path) - 1} 步以后 w = {path[-1]:.3f}")
    axes[0, 0].set_ylabel("loss")
    fig.tight_layout()


draw_walks((0.01, 0.1, 0.22))
figures.show(
    "A valley drawn three times, with a walk of twelve steps: with 0.01 the steps are "
    "short and end halfway; with 0.1 they end at the bottom; with 0.22 they leap from "
    "side to side, higher each time."
)
# zh: figures.show(
# zh:     "同一个山谷画三遍，各走十二步：0.01 步子短，停在半路；"
# zh:     "0.1 走到谷底；0.22 左右来回跳，越跳越高。"
# zh: )

# %% [markdown] lang="en"
# 0.01: still on its way, and it would arrive. 0.22: each step lands higher on the other side. A loss that grows from step to step is the sign of a learning rate that is too large, in this valley and in every network.
#
# Turn the knob: what does the walk look like at 0.2, at 0.21? Where is the largest rate that arrives?

# %% [markdown] lang="zh" of="a73bdcc5"
# 图中文字：learning rate 学习率 · loss 损失。
#
# 0.01：还在半路，多走就能到。0.22：每一步都落到对面更高的地方。损失一步比一步大，就是学习率太大的信号；在这个山谷里如此，在任何网络里也如此。
#
# 拨一拨下面的旋钮：学习率 0.2、0.21 时怎么走？能走到谷底的最大学习率在哪里？

# %% title="Walk with a learning rate of your own" title_zh="用你自己的学习率走一走"
RATE = 0.15  # @param {type:"slider", min:0.01, max:0.25, step:0.01}
draw_walks([RATE])
figures.show(f"The walk into the valley with the learning rate {RATE}.")
# zh: figures.show(f"学习率 {RATE} 时走进山谷的路。")

# %% [markdown] lang="en"
# At 0.2 and 0.21 the walk leaps from side to side and still comes down. The edge is at 3/14, about 0.214: there each step lands exactly as high as it started.

# %% [markdown] lang="zh" of="48cb148b"
# 图中文字：learning rate 学习率 · loss 损失。
#
# 学习率 0.2 和 0.21 时左右来回跳，但还在往下走。界限是 3/14，约 0.214：这时每一步都落到和出发时一样高的地方。

# %% [markdown] lang="en" minutes="5"
# ## Five lines find nine numbers
#
# Now the real thing. The input is a piece of the photograph's green channel, the target is what Sobel's kernel makes of it. The program sees both, but not the kernel.

# %% [markdown] lang="zh" of="a177b183"
# ## 五行代码找到九个数
#
# 现在来真的。输入是照片绿色通道的一块，目标是 Sobel 卷积核对它算出的结果。程序看得到输入和目标，看不到卷积核。

# %%
inputs = photo[None, 1:2, 293:413, 100:220]  # green, (1, 1, 120, 120)
inputs = (inputs - inputs.mean()) / inputs.std()  # mean 0, standard deviation 1
# a convolution as a function: the kernel is handed in
target = functional.conv2d(inputs, sobel[None, None])  # (1, 1, 118, 118)

# %% fold="Draw input and target" fold_zh="画出输入和目标"
pictures = [inputs[0, 0].numpy(), target[0, 0].numpy()]
titles = ["input, green channel", "target"]
figures.show_images(pictures, titles, 2, 3, limits=(-3, 3))
figures.show(
    "A grey piece of the photograph with dark vessels, and the target: each vessel has a "
    "dark left edge and a bright right one."
)
# zh: figures.show(
# zh:     "照片的一块灰度图，血管较暗；以及目标：每条血管左边缘暗，右边缘亮。"
# zh: )
print(f"Target from {target.min():.1f} (darker to the right) to {target.max():.1f}.")
# zh: print(f"目标从 {target.min():.1f}（右边更暗）到 {target.max():.1f}。")

# %% [markdown] lang="en"
# The network is one convolution without bias: nine random numbers. One training step is five lines, always the same, for nine numbers or for half a million:
#
# 1. Forward, `output = net(inputs)`: what do the present numbers give?
# 2. Loss, `loss_fn(output, target)`: how far is that from the target?
# 3. Clear, `optimizer.zero_grad()`: forget the slopes of the step before; `backward` would add to them.
# 4. Backward, `loss.backward()`: one slope for each number. All slopes together are the *gradient*.
# 5. Update, `optimizer.step()`: move each number against its slope.
#
# The optimizer is told once which numbers it may move. `SGD`, *stochastic gradient descent*, takes the step that you have just walked, `w - rate * slope`; stochastic, since in chapter 08 each step sees only a few pieces of image, drawn at random.

# %% [markdown] lang="zh" of="59366d61"
# 图中文字：input, green channel 输入（绿色通道） · target 目标。
#
# 网络只有一个不带偏置的卷积：九个随机数。训练一步就是五行，九个数是这样，五十万个数也是这样：
#
# 1. 前向，`output = net(inputs)`：现在的数给出什么结果？
# 2. 损失，`loss_fn(output, target)`：离目标有多远？
# 3. 清零，`optimizer.zero_grad()`：清掉上一步的坡度，不然 `backward` 会往上累加。
# 4. 反向，`loss.backward()`：每个数得到一个坡度。所有的坡度合起来，就是梯度 (gradient)。
# 5. 更新，`optimizer.step()`：每个数逆着自己的坡度走一步。
#
# 哪些数可以改，建优化器 (optimizer) 时就告诉它。`SGD` 是随机梯度下降 (stochastic gradient descent)，走的就是刚才的 `w - rate * slope`；“随机”是因为第 08 章里，每一步只看随机抽出的几个图像块。

# %%
torch.manual_seed(0)
net = nn.Conv2d(1, 1, 3, bias=False)  # nine numbers, random at first
first = net.weight.detach().clone()
loss_fn = nn.MSELoss()  # the mean squared error
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
losses = []
for _ in range(600):
    output = net(inputs)
    loss = loss_fn(output, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss {losses[0]:.2f} -> {losses[-1]:.5f}")
# zh: print(f"损失 {losses[0]:.2f} -> {losses[-1]:.5f}")

# %% fold="Draw the loss and the learnt kernel" fold_zh="画出损失和学到的卷积核"
learnt = net.weight.detach()[0, 0]
fig, axes = plt.subplots(2, 2, figsize=(6.8, 5.8), dpi=figures.DPI)
axes = axes.ravel()
axes[0].semilogy(losses, color=figures.BLUE)
axes[0].set(xlabel="step", ylabel="loss")
draw(axes[1], first[0, 0], "random start")
draw(axes[2], learnt, "learnt")
draw(axes[3], sobel, "Sobel, never shown")
fig.tight_layout()
figures.show(
    "The loss falls steadily over 600 steps. Beside it three kernels: random numbers at "
    "the start, the learnt ones, and Sobel's, which the learnt ones nearly equal."
)
# zh: figures.show(
# zh:     "600 步里损失稳步下降。旁边是三个卷积核：随机的初始值、"
# zh:     "学到的、Sobel 的；后两个几乎相同。"
# zh: )
gap = (learnt - sobel).abs().max().item()
print(f"No number of the learnt kernel is further than {gap:.2f} from Sobel's.")
# zh: print(f"学到的卷积核和 Sobel 的相比，每个数最多差 {gap:.2f}。")
lesson.contract("02.kernel", gap)

# %% [markdown] lang="en"
# The program found an edge filter from an image and its answer.
#
# Some words keep the *memory* of a computation apart from its numbers. `loss` remembers how it was computed, all the way back; `loss.item()` is a plain Python number, and a list of such numbers holds no memory. `.detach()` gives the same numbers as a tensor without the memory, and `.clone()` copies them, or else the training would change `first`, too. Inside `with torch.no_grad():` nothing is remembered from the start. PyTorch tells you when you need them:

# %% [markdown] lang="zh" of="e76aeb27"
# 图中文字：random start 随机的初始值 · learnt 学到的 · Sobel, never shown 从未给程序看过的 Sobel 卷积核 · step 步 · loss 损失。
#
# 只凭一张图像和它的答案，程序就找到了检测边缘的卷积核。
#
# 有几个词把数值和计算的*记录*分开。`loss` 记得自己是怎样一路算出来的；`loss.item()` 是普通的 Python 数，存进列表也不带记录。`.detach()` 给出同样的数值、不带记录的张量；`.clone()` 再复制一份，不然训练会把 `first` 也改掉。写在 `with torch.no_grad():` 里的计算，从一开始就不留记录。需要它们的时候，PyTorch 会提醒：

# %%
try:
    net.weight.numpy()
except RuntimeError as error:
    print(f"RuntimeError: {error}")
print(net.weight.detach().numpy().shape, type(losses[-1]).__name__)

# %% [markdown] lang="en"
# **Extra:** put `lr=0.15` into the training cell and look at the printed loss: `nan`, "not a number", means that it outgrew every number the machine can hold. Which of the three walks above was of this kind? Then put 0.1 back.

# %% [markdown] lang="zh" of="f4e90241"
# **选做：** 在训练单元格里改成 `lr=0.15`，看输出的损失：`nan` 意思是“不是数”，损失大到机器装不下了。上面三条路里，哪一条也是这样走的？看完改回 0.1。

# %% [markdown] lang="en" minutes="8"
# ## Logits, sigmoid, threshold
#
# A convolution may give any number, a probability must lie between 0 and 1. So the network's raw outputs, the *logits*, go through the *sigmoid*:
#
# $$p = \frac{1}{1 + e^{-z}}$$
#
# Large logits come out near 1, very negative ones near 0, and 0 is exactly one half. Last comes a threshold. The course names them in this order: `logits`, `probs`, `pred`.

# %% [markdown] lang="zh" of="5094a73f"
# ## logits、sigmoid、阈值
#
# 卷积的结果可以是任何数，概率必须在 0 和 1 之间。所以网络的原始输出，叫 logits，要经过 sigmoid：
#
# $$p = \frac{1}{1 + e^{-z}}$$
#
# logit 很大，结果接近 1；负得很多，结果接近 0；等于 0，结果正好是一半。最后和阈值 (threshold) 比较。课程里按这个顺序命名：`logits`、`probs`、`pred`。

# %%
logits = torch.tensor([-4.0, -2.0, -0.5, 0.0, 0.3, 2.0, 4.0])
probs = logits.sigmoid()
print("logit    prob   prob > 0.5")
for z, p in zip(logits, probs, strict=True):
    print(f"{z:5.1f}   {p:5.3f}   {bool(p > 0.5)}")

# %% [markdown] lang="en"
# **Exercise 2.9** Write `segment(logits, threshold)`: True where the *probability* is above the threshold, False elsewhere, also where it equals the threshold.

# %% [markdown] lang="zh" of="a69bc865"
# **练习 2.9** 编写 `segment(logits, threshold)`：*概率*超过阈值的地方为 True，其余为 False，恰好等于阈值的也是 False。


# %% tags=["exercise"]
def segment(logits, threshold):
    return None  # your code here
    # zh: return None  # 在这里写你的代码


segment = lesson.exercise("02.9", segment)
for threshold in (0.3, 0.5, 0.8):
    print(threshold, segment(logits, threshold).int().tolist())

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# A threshold belongs to probabilities. Comparing the logits with 0.5 would demand a probability above 0.62.
#
# {{solution 02.9}}
#
# </details>

# %% [markdown] lang="zh" of="8f7bfa5b"
# <details><summary>参考答案</summary>
#
# 阈值是给概率用的。拿 logits 和 0.5 比，等于要求概率超过 0.62。
#
# {{solution 02.9}}
#
# </details>

# %% [markdown] lang="en"
# ### Two channels or one
#
# The U-Net paper ends in two channels, background and vessel (there: cell), and a *soft-max* that makes them add up to 1. The course ends in one channel and a sigmoid. It is the same thing, with $a$ the vessel's logit and $b$ the background's:
#
# $$\frac{e^{a}}{e^{a} + e^{b}} = \frac{1}{1 + e^{-(a - b)}}$$
#
# Only the difference of the two counts.
#
# In the next cell `dim=1` says along which axis to compute: over the channels. Several axes may be named: `x.mean(dim=(0, 2, 3))` leaves one number a channel, and with `keepdim=True` the other axes stay, each with length 1.

# %% [markdown] lang="zh" of="6b3d7705"
# ### 两个通道还是一个
#
# U-Net 论文最后有两个通道：背景和血管（论文里是细胞），再用 soft-max 让它们加起来等于 1。课程只用一个通道和 sigmoid。两者是一回事。设 $a$ 是血管的 logit，$b$ 是背景的：
#
# $$\frac{e^{a}}{e^{a} + e^{b}} = \frac{1}{1 + e^{-(a - b)}}$$
#
# 起作用的只有两者之差。
#
# 下一个单元格里的 `dim=1` 指明沿哪个轴计算：沿通道。也可以写几个轴：`x.mean(dim=(0, 2, 3))` 给每个通道留下一个数；加上 `keepdim=True`，其余的轴保留下来，长度都是 1。

# %%
torch.manual_seed(0)
two = torch.randn(1, 2, 4, 4)  # (B, C, H, W): background, vessel
by_softmax = two.softmax(dim=1)[:, 1]
by_sigmoid = (two[:, 1] - two[:, 0]).sigmoid()
difference = (by_softmax - by_sigmoid).abs().max().item()
print(f"the largest difference is below one millionth: {difference < 1e-6}")
# zh: print(f"最大的差别小于百万分之一：{difference < 1e-6}")

# %% [markdown] lang="en" minutes="17"
# ## Your first module
#
# One convolution can only weigh and add. Now ask for more: how *strong* is the edge here, whichever side is the darker one? That is Sobel's answer without its sign. A convolution cannot give it: swap light and dark, and its answer changes its sign (but for the bias), while the strength must stay.
#
# Here is a function that is no weighing and adding, the *ReLU* (rectified linear unit): negative numbers become 0, the others pass.
#
# $$\mathrm{ReLU}(z) = \max(0, z)$$

# %% [markdown] lang="zh" of="af445473"
# ## 第一个模块
#
# 一个卷积只会加权求和。现在要求高一些：不管哪一边更暗，这里的边缘有多*强*？这就是去掉符号的 Sobel 结果。一个卷积做不到：把亮和暗对调，它的结果会变号（偏置除外），强度却应当不变。
#
# 有一个函数不是加权求和，叫 ReLU (rectified linear unit，修正线性单元)：负数变成 0，其余原样通过。
#
# $$\mathrm{ReLU}(z) = \max(0, z)$$
#
# 取 $z$ 和 0 中较大的一个。

# %% fold="Draw the ReLU, and two of them added" fold_zh="画出 ReLU，以及两个 ReLU 之和"
z = torch.linspace(-3, 3, 61)
fig, axes = plt.subplots(1, 2, figsize=(7, 2.9), dpi=figures.DPI, sharey=True)
axes[0].plot(z, functional.relu(z), color=figures.BLUE, lw=2.5, label="ReLU(z)")
axes[1].plot(z, functional.relu(z), color=figures.BLUE, label="ReLU(z)")
axes[1].plot(z, functional.relu(-z), "--", color=figures.RED, label="ReLU(-z)")
both = functional.relu(z) + functional.relu(-z)
axes[1].plot(z, both, color=figures.GREY, lw=6, alpha=0.5, label="their sum", zorder=0)
for ax in axes:
    ax.axhline(0, color="black", lw=0.5)
    ax.set(xlabel="z")
    ax.legend(frameon=False)
figures.show(
    "Left, the ReLU: flat at zero for negative z, then rising as z. Right, ReLU(z) and "
    "its mirror image ReLU(-z), and their sum, the letter V."
)
# zh: figures.show(
# zh:     "左：ReLU，z 为负时是 0，之后等于 z。"
# zh:     "右：ReLU(z)、它的镜像 ReLU(-z)，以及两者之和，形状像字母 V。"
# zh: )
print(f"ReLU(z) + ReLU(-z) equals |z|: {torch.equal(both, z.abs())}")
# zh: print(f"ReLU(z) + ReLU(-z) 等于 |z|：{torch.equal(both, z.abs())}")

# %% [markdown] lang="en"
# So the plan: a convolution that gives Sobel's answer and its opposite, a ReLU, and a convolution that adds the two. As a *module*, the form in which PyTorch keeps every network:

# %% [markdown] lang="zh" of="05e373ac"
# 图中文字：their sum 两者之和。
#
# 办法有了：一个卷积给出 Sobel 的结果和它的相反数，接一个 ReLU，再用一个卷积把两者相加。写成模块 (module)，PyTorch 里的网络都是这种形式：


# %%
class EdgeNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(1, width, 3)  # (B, 1, H, W) -> (B, width, H-2, W-2)
        self.last = nn.Conv2d(width, 1, 1)  # -> (B, 1, H-2, W-2)

    def forward(self, x):
        return self.last(functional.relu(self.first(x)))


torch.manual_seed(0)
edge_net = EdgeNet(8)
print(edge_net)
print(tuple(inputs.shape), "->", tuple(edge_net(inputs).shape))

# %% [markdown] lang="en"
# Line by line:
#
# - `class EdgeNet(nn.Module)` is a plan; `EdgeNet(8)` builds a network after it. `self` is the network that is being built or used. `nn.Module` is PyTorch's own plan for everything that has numbers to learn; ours adds to it.
# - `__init__` runs once, at the building. `super().__init__()` comes first and opens the module's register. From then on, each layer that is assigned to `self.` is entered there.
# - `forward` says what becomes of an input. You call the *network*, `edge_net(x)`, and that calls `forward`.
# - What has numbers to learn is made in `__init__` as a layer from `nn`. What has none may be a function from `nn.functional`: `functional.relu(x)`. The layer `nn.ReLU()` does the same.
# - In the printout, `stride=(1, 1)` means that the window moves on by one number, down and to the right.
#
# In the chapters to come you will read `width: int` in such a line: a note on the kind of argument, which Python does not check.
#
# Where one layer simply follows the other, `nn.Sequential` needs no class. A class may also begin from it and hand it its layers, as in chapter 07:
#
# ```python
# class Block(nn.Sequential):
#     def __init__(self):
#         super().__init__(nn.Conv2d(1, 8, 3, padding="same"), nn.ReLU(inplace=True))
# ```
#
# `padding="same"` keeps the size. `inplace=True` lets the ReLU write its result over its input, to save memory. Where the layers are in a list, `*layers` hands over its items one by one.
#
# Here are three networks for the strength of edges, and a function with the five lines:

# %% [markdown] lang="zh" of="836b8fc7"
# 一行一行看：
#
# - `class EdgeNet(nn.Module)` 是图纸，`EdgeNet(8)` 按图纸造出一个网络。`self` 就是正在建造或使用的那个网络。`nn.Module` 是 PyTorch 自己的图纸，凡是有数要学的都从它开始，我们在上面添加。
# - `__init__` 只在建造时运行一次。`super().__init__()` 写在最前，它打开模块的登记簿。此后每一层只要赋给 `self.`，就登记在册。
# - `forward` 写明输入要经过什么。使用时调用的是*网络*，`edge_net(x)`，它会去调用 `forward`。
# - 有数要学的，在 `__init__` 里做成 `nn` 的层；没有数要学的，可以用 `nn.functional` 的函数：`functional.relu(x)`。写成层就是 `nn.ReLU()`，作用相同。
# - 输出里的 `stride=(1, 1)` 是步幅 (stride)：窗口向下、向右，每次移动一格。
#
# 后面几章里会看到 `width: int` 这样的写法：注明参数的类型，Python 并不检查。
#
# 如果只是一层接一层，用 `nn.Sequential` 就行，不必写类。类也可以从它开始，再把各层交给它，第 07 章就这样写：
#
# ```python
# class Block(nn.Sequential):
#     def __init__(self):
#         super().__init__(nn.Conv2d(1, 8, 3, padding="same"), nn.ReLU(inplace=True))
# ```
#
# `padding="same"` 让大小不变。`inplace=True` 让 ReLU 把结果直接写在输入上，节省内存。如果各层放在列表里，`*layers` 把其中的层一个一个交出去。
#
# 下面是三个求边缘强度的网络，以及一个含五行代码的函数：

# %%
strength = target.abs()  # the new target


def train(net, steps=600, rate=0.05):
    """Train a network towards `strength`; return the loss of each step."""
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    history = []
    for _ in range(steps):
        output = net(inputs)
        loss = loss_fn(output, strength)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def rivals():
    """Build three networks, always from the same random numbers."""
    torch.manual_seed(0)
    return {
        "conv": nn.Conv2d(1, 1, 3),
        "conv, conv": nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 1, 1)),
        "conv, ReLU, conv": EdgeNet(8),
    }

# %% [markdown] lang="en"
# **Guess 2.10** The second network has nine times the numbers of the first, but no ReLU. The loss of the first ends at 1.4. Where does that of the second end: at about 1.4, at about 0.7, or near 0?

# %% [markdown] lang="zh" of="5f30e308"
# **猜一猜 2.10** 第二个网络的数是第一个的九倍，但没有 ReLU。第一个网络的损失最后停在 1.4。第二个会停在哪里：约 1.4、约 0.7，还是接近 0？

# %%
guess = None  # your guess: 1.4, 0.7 or 0
# zh: guess = None  # 你的猜测：1.4、0.7 或 0
lesson.ask("02.10", guess)

# %% tags=["answer"]
trained = rivals()
curves = {name: train(rival) for name, rival in trained.items()}
for name, history in curves.items():
    count = sum(p.numel() for p in trained[name].parameters())
    print(f"{name:16} {count:3} numbers: loss {history[0]:.2f} -> {history[-1]:.4f}")
    # zh: print(f"{name:16} {count:3} 个数：损失 {history[0]:.2f} -> {history[-1]:.4f}")
lesson.contract("02.conv", curves["conv"][-1])
lesson.contract("02.module", curves["conv, ReLU, conv"][-1])

# %% fold="Draw the three losses and two answers" fold_zh="画出三条损失曲线和两个结果" tags=["answer"]
fig, axes = plt.subplots(2, 2, figsize=(7, 6.4), dpi=figures.DPI)
axes = axes.ravel()
styles = ("black", "-"), (figures.ORANGE, "--"), (figures.BLUE, "-")
for (name, history), (colour, style) in zip(curves.items(), styles, strict=True):
    axes[0].semilogy(history, style, color=colour, label=name)
axes[0].set(xlabel="step", ylabel="loss", ylim=(1e-3, 10))
axes[0].legend(frameon=False, fontsize=9)
with torch.no_grad():
    answers = [trained[name](inputs) for name in ("conv", "conv, ReLU, conv")]
titles = ["target: strength", "conv", "conv, ReLU, conv"]
for ax, picture, title in zip(axes[1:], [strength, *answers], titles, strict=True):
    ax.imshow(picture[0, 0], cmap="gray", vmin=0, vmax=4)
    ax.set_title(title, fontsize=10)
    ax.axis("off")
fig.tight_layout()
figures.show(
    "The losses of one and of two convolutions end level with each other; with the ReLU "
    "the loss falls to less than a hundredth of theirs. The answer with the ReLU looks "
    "like the target, that of one convolution is dim and blurred."
)
# zh: figures.show(
# zh:     "一个卷积和两个卷积的损失停在同一高度；有 ReLU 时，不到它们的百分之一。"
# zh:     "有 ReLU 的结果和目标一样，只有一个卷积的结果又暗又模糊。"
# zh: )
print("Bright: a strong edge. One convolution finds hardly more than the mean.")
# zh: print("亮：边缘强。只有一个卷积时，几乎只学到平均值。")

# %% [markdown] lang="en"
# Weighing and adding twice is weighing and adding once: without a bend between them, two convolutions are one. So between two convolutions something has to bend, a *non-linear* function, called the *activation function*; the course's is the ReLU. With it, eight channels and 89 numbers find what no kernel can. A U-Net is this, many times over: convolution, ReLU, convolution, ReLU; the answers are vessels traced by a person. The five lines stay.
#
# ### What a module knows
#
# The register of a module lists its parameters by name. `state_dict()` hands them out as a dictionary, from name to tensor: that is what a checkpoint file holds (chapter 08), and `load_state_dict` puts them into another network of the same plan.

# %% [markdown] lang="zh" of="b6ed001d"
# 图中文字：conv 一个卷积 · conv, conv 两个卷积 · conv, ReLU, conv 卷积、ReLU、卷积 · target: strength 目标（边缘强度） · step 步 · loss 损失。
#
# 两次加权求和还是一次加权求和：中间没有“拐弯”，两个卷积等于一个。所以两个卷积之间要有一个会“拐弯”的函数，也就是非线性函数，叫激活函数 (activation function)，课程用的是 ReLU。有了它，八个通道、89 个数就能学到任何卷积核都做不到的事。U-Net 就是把它重复许多遍：卷积、ReLU、卷积、ReLU；答案是人描出的血管。五行代码不变。
#
# ### 模块知道些什么
#
# 模块的登记簿按名字列出参数。`state_dict()` 把它们交出来，是从名字到张量的字典：检查点文件里存的就是它（第 08 章）。`load_state_dict` 把它们装进另一个按同样图纸造的网络。

# %%
learned = trained["conv, ReLU, conv"]
for name, parameter in learned.named_parameters():
    print(f"{name:13} {tuple(parameter.shape)}")

twin = EdgeNet(8)  # the same plan, other random numbers
before = torch.equal(twin(inputs), learned(inputs))
twin.load_state_dict(learned.state_dict())
print("the same answers before:", before, "| after:", end=" ")
# zh: print("答案相同吗？装入之前", before, "| 之后", end=" ")
print(torch.equal(twin(inputs), learned(inputs)))

# %% [markdown] lang="en"
# The register sees only what hangs on `self.` directly. A plain Python list hides its layers: they are in no register, no optimizer moves them, no checkpoint keeps them. For several layers there is `nn.ModuleList`, a list that enters them:

# %% [markdown] lang="zh" of="836197a1"
# 登记簿只看得到直接挂在 `self.` 上的东西。普通的 Python 列表会把层藏起来：不在册，优化器就不会更新它们，检查点也不会保存。有好几层时，用 `nn.ModuleList`，它是会登记的列表：


# %%
class Stack(nn.Module):
    def __init__(self, make_list):
        super().__init__()
        self.layers = make_list([nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3)])

    def forward(self, x):
        for layer in self.layers:
            x = functional.relu(layer(x))
        return x


for kind in (list, nn.ModuleList):
    count = sum(p.numel() for p in Stack(kind).parameters())
    print(f"{kind.__name__:10} {count} numbers to learn")
    # zh: print(f"{kind.__name__:10} {count} 个可学习的数")

# %% [markdown] lang="en"
# **Exercise 2.11** Write the module `VesselNet(width)`: a 3×3 convolution from 1 channel to `width`, a ReLU, a 3×3 convolution from `width` channels to 1. Both convolutions have `padding=1`, so that the answer is as large as the image. `forward` returns logits.

# %% [markdown] lang="zh" of="8d43491a"
# **练习 2.11** 编写模块 `VesselNet(width)`：一个 3×3 卷积，从 1 个通道到 `width` 个通道；一个 ReLU；一个 3×3 卷积，从 `width` 个通道到 1 个通道。两个卷积都用 `padding=1`，这样结果和图像一样大。`forward` 返回 logits。


# %% tags=["exercise"]
class VesselNet(nn.Module):
    pass  # your code here
    # zh: pass  # 在这里写你的代码


VesselNet = lesson.exercise("02.11", VesselNet)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 02.11}}
#
# `nn.ReLU()` as a third layer of `__init__` is right, too.
#
# </details>

# %% [markdown] lang="zh" of="1881c56e"
# <details><summary>参考答案</summary>
#
# {{solution 02.11}}
#
# 在 `__init__` 里把 `nn.ReLU()` 作为第三层，也对。
#
# </details>

# %% [markdown] lang="en"
# All of this chapter in five lines: a batch goes in, logits come out, and `segment` makes vessels of them. This network has learnt nothing yet, so it does not know of any vessel. Chapter 07 builds a deeper one, chapter 08 trains it.

# %% [markdown] lang="zh" of="59b883a3"
# 整章的内容合成五行：送进一批图像，得到 logits，再由 `segment` 变成血管。这个网络什么也没学过，还不认识血管。第 07 章搭一个更深的网络，第 08 章训练它。

# %%
torch.manual_seed(0)
vessel_net = VesselNet(8)
raw = vessel_net(batch[:, 1:2])  # the green channel of the four pieces
print(tuple(batch[:, 1:2].shape), "->", tuple(raw.shape), segment(raw, 0.5).dtype)
low, high = raw.sigmoid().min().item(), raw.sigmoid().max().item()
print(f"probabilities from {low:.2f} to {high:.2f}: undecided everywhere")
# zh: print(f"概率从 {low:.2f} 到 {high:.2f}：处处拿不定主意")

# %% [markdown] lang="en"
# Later you will also meet `net.train()` and `net.eval()`: they switch layers that behave differently while learning, such as batch normalization in chapter 07. A convolution and a ReLU have no such switch.

# %% [markdown] lang="zh" of="81580a0c"
# 以后还会遇到 `net.train()` 和 `net.eval()`：有些层在学习时和使用时的行为不同，例如第 07 章的批归一化，这两个函数负责切换。卷积和 ReLU 没有这种区别。

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - Shape, dtype, range, device: ask these first. Batches are (B, C, H, W), positions (row, col).
# - A convolution is a sum of products under a moving window. Valid loses a ring; padding keeps the size and invents an edge.
# - `nn.Conv2d(in, out, 3)` holds `out * in * 9` weights and `out` biases.
# - Gradient descent walks against the slope; the learning rate decides whether it arrives.
# - Five lines: forward, loss, clear (`zero_grad`), backward, update (`step`).
# - `logits`, then `probs` by the sigmoid, then `pred` by a threshold.
# - A module makes its layers in `__init__`, uses them in `forward`, and is called itself. Without a ReLU between them two convolutions are one.

# %% [markdown] lang="zh" of="2ec94bd8"
# ## 小结
#
# - 先问形状、dtype、范围、设备。一批图像是 (B, C, H, W)，位置是 (row, col)。
# - 卷积就是移动窗口下的乘积之和。有效卷积少一圈；填充保持大小，却造出一条边缘。
# - `nn.Conv2d(in, out, 3)` 有 `out * in * 9` 个权重和 `out` 个偏置。
# - 梯度下降逆着坡度走，走不走得到由学习率决定。
# - 五行代码：前向、损失、清零 (`zero_grad`)、反向、更新 (`step`)。
# - 先有 `logits`，经 sigmoid 得到 `probs`，再用阈值得到 `pred`。
# - 模块在 `__init__` 里造层，在 `forward` 里用层，使用时调用模块本身。中间没有 ReLU，两个卷积等于一个。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - PyTorch documentation, [torch.nn.Conv2d](https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html), [torch.nn.Module](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html) and [autograd](https://docs.pytorch.org/docs/stable/notes/autograd.html).
# - V. Dumoulin, F. Visin, A guide to convolution arithmetic for deep learning, 2016, [arXiv:1603.07285](https://arxiv.org/abs/1603.07285).
# - O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28), for valid convolution and the two output channels.
# - "U-Net study notes", a Chinese blog post: the legend of its network figure (3×3 convolution, padding 0, stride 1). It takes the rest of this chapter for granted.

# %% [markdown] lang="zh" of="1a0ea7e4"
# ## 参考资料
#
# - PyTorch 文档：[torch.nn.Conv2d](https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html)、[torch.nn.Module](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html) 和 [autograd](https://docs.pytorch.org/docs/stable/notes/autograd.html)。
# - V. Dumoulin, F. Visin, A guide to convolution arithmetic for deep learning, 2016, [arXiv:1603.07285](https://arxiv.org/abs/1603.07285)。
# - O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)：有效卷积和两个输出通道。
# - 中文博文《U-net学习笔记》：网络结构图的图例（3×3 卷积，pad = 0，stride = 1）。这一章其余的内容，原文假定读者已经知道。

# %% include="ticket"
