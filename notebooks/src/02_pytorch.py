# %% [markdown] lang="en"
# # 02 Just enough PyTorch
#
# *How does a program find nine numbers by itself?*

# %% [markdown] lang="zh" of="4ae76517"
# # 02 够用的 PyTorch
#
# *程序怎样自己找到九个数？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** read the shape of a tensor; compute a convolution by hand and with `nn.Conv2d`; explain gradient descent and the five lines of a training step; turn logits into a vessel map.
#
# **Minutes** 45 to read and try, 0.5 to compute.
#
# **You need** Python lists, loops and functions; chapter 01 for running cells.
#
# **You are here**

# %% [markdown] lang="zh" of="92a48c03"
# **学完这一章你能** 读懂张量的形状；手算卷积，也用 `nn.Conv2d` 算；解释梯度下降和训练一步的五行代码；把 logits 变成血管图。
#
# **用时** 阅读和练习 45 分钟，计算半分钟。
#
# **预备知识** Python 的列表、循环和函数；第 01 章讲过怎样运行单元格。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %% [markdown] lang="en"
# ## Arrays and tensors
#
# An image file becomes a NumPy *array*; PyTorch computes with *tensors*, which are arrays that can lie on a GPU and remember how they were computed. Of either, ask three things first: shape, dtype (the kind of number), range. The photograph is the one of chapter 01, every third row and column.

# %% [markdown] lang="zh" of="433fc326"
# ## 数组与张量
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

# %% [markdown] lang="en"
# As it comes from the file: rows, columns, colours last, whole numbers from 0 to 255. PyTorch wants the channel first and decimal numbers:

# %% [markdown] lang="zh" of="06b47e13"
# 从文件读出来的样子：行、列，颜色在最后，0 到 255 的整数。PyTorch 要求通道在最前，数值用小数：

# %%
photo = torch.from_numpy(array.copy()).permute(2, 0, 1).float() / 255
print(type(photo).__name__, tuple(photo.shape), photo.dtype)
print(f"range {photo.min():.2f} to {photo.max():.2f}, device {photo.device}")

# %% [markdown] lang="en"
# `permute` reorders the axes, `float` makes 32-bit decimals. Why not stay with the file's whole numbers? A `uint8` holds 0 to 255 and nothing else:

# %% [markdown] lang="zh" of="d8b0fe23"
# `permute` 调换轴的顺序，`float` 变成 32 位小数。为什么不保留文件里的整数？因为 `uint8` 只能装下 0 到 255：

# %%
bright = np.array([200], dtype=np.uint8)
print("uint8:  200 + 100 =", (bright + np.uint8(100))[0])
print("float32: 200 + 100 =", (bright.astype(np.float32) + 100)[0])

# %% [markdown] lang="en"
# 300 does not fit, so the count began again at 0: 300 - 256 = 44, without an error. Decimals have no such edge.
#
# ### Row first, then column
#
# A position is always (row, col): down, then right. It is the order of matrices, and the opposite of (x, y).
#
# **Predict** the value of `grid[1, 2]` in this tensor. Counting begins at 0.

# %% [markdown] lang="zh" of="2346f3cd"
# 300 装不下，就从 0 重新数起：300 - 256 = 44，而且不报错。小数没有这个问题。
#
# ### 先行后列
#
# 位置总写成 (row, col)：先向下数，再向右数。这是矩阵的顺序，和 (x, y) 相反。
#
# **猜一猜** 下面张量里 `grid[1, 2]` 的值。从 0 开始数。

# %%
grid = torch.arange(12).reshape(3, 4)
print(grid)
guess = None  # your guess: a whole number
lesson.check(
    "grid[1, 2]?",
    guess,
    grid[1, 2].item(),
    hint=("Row 1 is the second row.", "第 1 行是从上数第二行。"),
    mistakes=[
        (
            grid[2, 1].item(),
            (
                "That is (x, y) order. The first index goes down.",
                "这是 (x, y) 的顺序。第一个下标往下数。",
            ),
        ),
        (
            grid[0, 1].item(),
            ("Counting begins at 0, not at 1.", "下标从 0 开始，不是从 1 开始。"),
        ),
    ],
)

# %% [markdown] lang="en"
# ### (B, C, H, W)
#
# A network takes several images at once, a *batch*, stacked along a new first axis: batch, channels, height (rows), width (columns). Four letters that every chapter uses.
#
# **Predict** the shape of `batch`: four square pieces of the colour photograph, 96 pixels a side.

# %% [markdown] lang="zh" of="b7503703"
# ### (B, C, H, W)
#
# 网络一次处理几张图像，叫一批 (batch)，沿新的第一个轴叠起来：批、通道、高（行数）、宽（列数）。这四个字母每一章都用。
#
# **猜一猜** `batch` 的形状：从彩色照片里切出的四个正方形，边长 96 像素。

# %%
corners = [(60, 110), (170, 30), (200, 180), (300, 120)]  # (row, col), upper left
batch = torch.stack([photo[:, r : r + 96, c : c + 96] for r, c in corners])
guess = None  # your guess: four numbers in brackets, such as (1, 2, 3, 4)
lesson.check(
    "Shape of the batch?",
    guess,
    tuple(batch.shape),
    hint=("How many images, channels, rows, columns?", "几张图？几个通道？几行几列？"),
    mistakes=[
        (
            (4, 96, 96, 3),
            (
                "Colours come last in files; in PyTorch the channel stands before rows.",
                "文件里颜色在最后；PyTorch 里通道在行之前。",
            ),
        ),
        (
            (3, 4, 96, 96),
            (
                "The batch comes first, the channel second.",
                "批在第一位，通道在第二位。",
            ),
        ),
        (
            (4, 1, 96, 96),
            ("One channel would be a grey image.", "一个通道是灰度图像。"),
        ),
    ],
)

# %%
pictures = [figures.to_picture(piece.numpy()) for piece in batch]
figures.show_images(pictures, [f"batch[{k}]" for k in range(4)], 4, 1.5)
plt.show()
print(f"batch has shape {tuple(batch.shape)}: (B, C, H, W).")

# %% [markdown] lang="en"
# ### Device
#
# `x.to(device)` copies a tensor to the GPU, if there is one, `x.cpu().numpy()` brings it back as an array. Two tensors can only be combined on the same device; this chapter is so small that it stays on the CPU.

# %% [markdown] lang="zh" of="6facf587"
# ### 设备
#
# `x.to(device)` 把张量复制到 GPU（如果有），`x.cpu().numpy()` 把它取回来变成数组。两个张量要在同一设备上才能一起算。这一章的计算很小，都留在 CPU 上。

# %% tags=["varies"]
device = runtime.pick_device()
moved = batch.to(device)
print("before:", batch.device, "| after:", moved.device)

# %% [markdown] lang="en"
# ## A convolution by hand
#
# Here are 25 numbers, like a piece of a green channel: bright ground (9) and a dark vessel (2 and 3) that bends. The *kernel* is nine numbers. Lay it on a 3 x 3 window, multiply number by number, add: one result. This kernel is Sobel's; it asks how much brighter the right side is than the left.

# %% [markdown] lang="zh" of="57da3966"
# ## 手算卷积
#
# 下面 25 个数好比绿色通道的一小块：亮的背景 (9) 上有一条弯曲的暗血管（2 和 3）。卷积核 (kernel) 是九个数。（Jupyter 的内核也叫 kernel，是另一回事；卷积核也叫滤波器。）把它盖在 3 x 3 的窗口上，对应相乘再相加，得到一个结果。这是 Sobel 的卷积核，它问：右边比左边亮多少？

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
print("sum:", (window * sobel).sum().item())

# %% [markdown] lang="en"
# The vessel stands at the right edge of this window, so the right is darker: a negative number.
#
# **Predict** the result two steps further right, for `numbers[0:3, 2:5]`. Take a pencil.

# %% [markdown] lang="zh" of="a9d220eb"
# 血管在这个窗口的右边缘，右边更暗，所以结果是负数。
#
# **猜一猜** 窗口再右移两步，`numbers[0:3, 2:5]` 的结果是多少？拿笔算一算。

# %%
guess = None  # your guess: a number
right_window = (numbers[0:3, 2:5] * sobel).sum().item()
lesson.check(
    "Result at numbers[0:3, 2:5]?",
    guess,
    right_window,
    hint=(
        "Left column: -1, -2, -1 times its numbers; right column: 1, 2, 1 times its.",
        "左列的数乘以 -1、-2、-1，右列的数乘以 1、2、1，再相加。",
    ),
    mistakes=[
        (
            -right_window,
            (
                "The sign: here the vessel is at the left, and the right is brighter.",
                "看符号：这里血管在左边，右边更亮。",
            ),
        )
    ],
)

# %% [markdown] lang="en"
# **Exercise 2.1** Write `convolve(image, kernel)` with two loops: the results at all places where the 3 x 3 kernel lies fully on the image. Both are two-dimensional arrays.

# %% [markdown] lang="zh" of="70c3c8ac"
# **练习 2.1** 用两层循环编写 `convolve(image, kernel)`：3 x 3 卷积核完全落在图内的所有位置，各得一个结果。两个参数都是二维数组。


# %% tags=["exercise"]
def convolve(image, kernel):
    return None  # your code here


convolve = lesson.exercise("02.1", convolve)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The upper left corner of the window can lie in H - 2 rows and W - 2 columns.
#
# {{solution 02.1}}
#
# </details>

# %% [markdown] lang="zh" of="6ae5ffcd"
# <details><summary>参考答案</summary>
#
# 窗口左上角可以放在 H - 2 行、W - 2 列上。
#
# {{solution 02.1}}
#
# </details>


# %%
def draw(ax, values, title):
    """Write the numbers of a two-dimensional array into squares."""
    ax.imshow(np.asarray(values), cmap="gray", alpha=0.35)
    for (row, col), value in np.ndenumerate(np.asarray(values)):
        text = f"{round(value, 2) + 0.0:g}"  # + 0.0 turns -0 into 0
        ax.text(col, row, text, ha="center", va="center", fontsize=9)
    ax.set_title(title, fontsize=9)
    ax.set(xticks=[], yticks=[])


def outline(ax, row, col, size, colour):
    """Draw a square round ``size`` by ``size`` numbers."""
    corner = (col - 0.47, row - 0.47)
    ax.add_patch(
        Rectangle(corner, size - 0.06, size - 0.06, fc="none", ec=colour, lw=3)
    )


# %%
result = convolve(numbers.numpy(), sobel.numpy())
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.7), dpi=figures.DPI)
draw(axes[0], numbers, "image, 5 x 5")
draw(axes[1], sobel, "kernel, 3 x 3")
draw(axes[2], result, "result, 3 x 3")
outline(axes[0], 0, 0, 3, figures.ORANGE)
outline(axes[0], 1, 1, 3, figures.BLUE)
outline(axes[2], 0, 0, 1, figures.ORANGE)
plt.show()
print("Orange: one window and its result. Blue: the middles of all windows;")
print(f"the ring of {numbers.numel() - result.size} numbers outside it has no result.")

# %% [markdown] lang="en"
# The result is one number narrower on each side. Only numbers of the image were used: a *valid* convolution, as in the U-Net paper. To keep the size, one surrounds the image with a ring of zeros first: *padding*.
#
# **Exercise 2.2** Write `output_size(size, kernel, padding)`: how many results in a row of `size` numbers, with a kernel `kernel` wide and `padding` zeros added on each side?

# %% [markdown] lang="zh" of="a023a29f"
# 图中文字：image 图像 · kernel 卷积核 · result 结果。橙色是一个窗口和它的结果，蓝色是所有窗口的中心。
#
# 结果的四周各少一个数。只用图内的数，叫有效卷积 (valid convolution)，U-Net 论文就这样做。想保持大小，就先在图像四周补一圈零，叫填充 (padding)。
#
# **练习 2.2** 编写 `output_size(size, kernel, padding)`：一行有 `size` 个数，卷积核宽 `kernel`，两边各补 `padding` 个零，一行有几个结果？


# %% tags=["exercise"]
def output_size(size, kernel, padding):
    return None  # your code here


output_size = lesson.exercise("02.2", output_size)
print("5 valid:", output_size(5, 3, 0), "| 5 padded:", output_size(5, 3, 1))
print("the paper's 572, twice:", output_size(output_size(572, 3, 0), 3, 0))

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# The padded row has `size + 2 * padding` numbers. The kernel's left end can lie on all of them but the last `kernel - 1`.
#
# {{solution 02.2}}
#
# </details>

# %% [markdown] lang="zh" of="dfc2be05"
# <details><summary>参考答案</summary>
#
# 填充后一行有 `size + 2 * padding` 个数。除了最后 `kernel - 1` 个，每一个都能放卷积核的左端。
#
# {{solution 02.2}}
#
# </details>

# %% [markdown] lang="en"
# ## `nn.Conv2d`
#
# The same convolution as a layer of a network. A layer owns its kernel, its *weight*; usually it begins with random numbers, here we put Sobel's in.

# %% [markdown] lang="zh" of="4e23b802"
# ## `nn.Conv2d`
#
# 同样的卷积，做成网络的一层。卷积核归这一层所有，叫权重 (weight)。通常一开始是随机数，这里放进 Sobel 的九个数。

# %%
layer = nn.Conv2d(in_channels=1, out_channels=1, kernel_size=3, bias=False)
with torch.no_grad():  # set by hand; nothing to be learnt from this
    layer.weight.copy_(sobel)
by_layer = layer(numbers[None, None])[0, 0]  # (5, 5) -> (1, 1, 5, 5) -> (3, 3)
difference = np.abs(by_layer.detach().numpy() - result).max()
print(f"largest difference from the loops: {difference:g}")

# %% [markdown] lang="en"
# Strictly speaking, mathematics turns the kernel by half a turn before it multiplies; what we and every deep-learning library compute is called *cross-correlation* there. A learnt kernel simply comes out turned, so nobody minds, and "convolution" is what everybody says.
#
# Now with padding:

# %% [markdown] lang="zh" of="7e3ed542"
# 严格地说，数学里的卷积 (convolution) 先把核旋转 180 度再乘；我们和所有深度学习库算的，在数学里叫互相关 (cross-correlation)。核是学出来的，转不转都一样，所以大家都叫它卷积。
#
# 再看加上填充的情况：

# %%
padded = functional.conv2d(numbers[None, None], sobel[None, None], padding=1)[0, 0]
fig, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), dpi=figures.DPI)
draw(axes[0], result, "valid")
draw(axes[1], padded, "padded with zeros")
outline(axes[1], 1, 1, 3, figures.BLUE)
plt.show()
print("Inside the blue square both agree. Strongest number there:", end=" ")
print(f"{np.abs(result).max():g}, on the rim: {padded.abs().max():g},")
print("an edge between the image and zeros that the padding invented.")

# %% [markdown] lang="en"
# ### Several channels
#
# A colour image has three channels, and a layer may give any number of them. Each output channel has a kernel of its own *for every input channel*, and one number added at the end, the *bias*.
#
# **Predict.** How many numbers does `nn.Conv2d(3, 16, 3)` hold: three channels in, sixteen out, 3 x 3, with bias?

# %% [markdown] lang="zh" of="e2bcc181"
# 图中文字：valid 有效卷积 · padded with zeros 四周补零。蓝框内两者相同。
#
# ### 多个通道
#
# 彩色图像有三个通道，一层可以输出任意多个通道。每个输出通道对*每个输入通道*各有一个卷积核，最后再加一个数，叫偏置 (bias)。
#
# **猜一猜。** `nn.Conv2d(3, 16, 3)` 一共有多少个数？三个通道进，十六个通道出，3 x 3，带偏置。

# %%
colour_layer = nn.Conv2d(3, 16, 3)
guess = None  # your guess: a whole number
lesson.check(
    "Numbers in nn.Conv2d(3, 16, 3)?",
    guess,
    sum(p.numel() for p in colour_layer.parameters()),
    hint=(
        "For each of 16 outputs: 3 kernels of 9 numbers, and one bias.",
        "16 个输出，每个有 3 个 9 个数的卷积核和 1 个偏置。",
    ),
    mistakes=[
        (
            16 * 9 + 16,
            (
                "You gave each output one kernel; it has one for each input channel.",
                "你给每个输出一个卷积核；其实每个输入通道都要一个。",
            ),
        ),
        (16 * 3 * 9, ("The 16 biases are missing.", "漏了 16 个偏置。")),
    ],
)

# %%
print("weight:", tuple(colour_layer.weight.shape), "= (out, in, 3, 3)")
print("bias:  ", tuple(colour_layer.bias.shape))
print(f"{tuple(batch.shape)} -> {tuple(colour_layer(batch).shape)}")

# %% [markdown] lang="en"
# The batch went through at once: B stays, C becomes 16, H and W lose one on each side.
#
# ## Gradient descent in one parameter
#
# Who chooses the kernel's numbers? The program, by walking downhill. To see how, take one number `w` in place of nine. The data say `y = 2 x`; the model says `w * x`; the *loss* is the mean squared error, and it is a valley in `w`.

# %% [markdown] lang="zh" of="34be7031"
# 整批一次通过：B 不变，C 变成 16，H 和 W 两边各少一。
#
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

# %% [markdown] lang="en"
# Which way is down? The *derivative*, the slope of the valley, says it. By hand:
#
# $$\frac{d}{dw}\,\frac{1}{n}\sum_i (w x_i - y_i)^2 = \frac{2}{n}\sum_i (w x_i - y_i)\,x_i$$
#
# the mean of error times input, doubled. PyTorch finds the same by itself: a tensor made with `requires_grad=True` remembers what was computed with it, and `backward()` goes back through it all (*autograd*).

# %% [markdown] lang="zh" of="3d3ce47c"
# 哪边是下坡？看导数 (derivative)，也就是山谷的坡度。手算：
#
# $$\frac{d}{dw}\,\frac{1}{n}\sum_i (w x_i - y_i)^2 = \frac{2}{n}\sum_i (w x_i - y_i)\,x_i$$
#
# 误差乘以输入，取平均，再乘以 2。PyTorch 能自己求出它：用 `requires_grad=True` 建的张量会记住参与过的计算，`backward()` 沿着记录往回走，这叫自动求导 (autograd)。


# %%
def slope(w):
    """Return the derivative of the loss at w, from the formula above."""
    return (2 * (w * x - y) * x).mean().item()


w = torch.tensor(0.0, requires_grad=True)
loss_of(w).backward()
print(f"slope at w = 0, by hand: {slope(0.0):.3f}, by autograd: {w.grad.item():.3f}")

# %% [markdown] lang="en"
# A negative slope: the valley falls to the right. So one step is `w - rate * slope`: against the slope, and the *learning rate* sets how far.
#
# **Predict** where one step from `w = 0` with the learning rate 0.1 ends.

# %% [markdown] lang="zh" of="61e9cf00"
# 坡度是负的：山谷向右下降。所以走一步就是 `w - rate * slope`：逆着坡度，步子大小由学习率 (learning rate) 决定。
#
# **猜一猜** 从 `w = 0` 出发，学习率 0.1，走一步到哪里？

# %%
guess = None  # your guess: a number
lesson.check(
    "w after one step?",
    guess,
    0.0 - 0.1 * slope(0.0),
    hint=("0 minus 0.1 times the slope printed above.", "0 减去 0.1 乘以上面的坡度。"),
    tolerance=0.01,
    mistakes=[
        (
            0.1 * slope(0.0),
            ("You walked uphill: minus times minus.", "你在往上走：负负得正。"),
        ),
        (
            -slope(0.0),
            ("The learning rate was forgotten.", "忘了乘学习率。"),
        ),
    ],
)

# %% [markdown] lang="en"
# Now twelve steps with three learning rates. **Predict** before you run: which one never arrives, and how?

# %% [markdown] lang="zh" of="ebfee520"
# 现在用三个学习率各走十二步。运行前先**猜一猜**：哪一个到不了谷底？会怎样走？


# %%
def descend(rate, w=0.0, steps=12):
    """Return the places visited on the way down from w."""
    path = [w]
    for _ in range(steps):
        w = w - rate * slope(w)
        path.append(w)
    return path


rates = (("too small", 0.01), ("good", 0.1), ("too large", 0.22))
valley = torch.linspace(-2, 6, 100)
fig, axes = plt.subplots(1, 3, figsize=(9, 2.6), dpi=figures.DPI, sharey=True)
for ax, (name, rate) in zip(axes, rates, strict=True):
    path = descend(rate)
    ax.plot(valley, [loss_of(w) for w in valley], color=figures.GREY)
    ax.plot(path, [loss_of(w) for w in path], "o-", color=figures.BLUE, ms=4)
    ax.set(title=f"{name}: {rate}", xlabel="w")
    print(f"learning rate {rate}: after {len(path) - 1} steps w = {path[-1]:.3f}")
axes[0].set_ylabel("loss")
plt.show()

# %% [markdown] lang="en"
# Too small: still on its way. Too large: each step lands higher on the other side. A loss that grows from step to step is the sign of it, in this valley and in every network.
#
# ## Five lines find nine numbers
#
# Now the real thing. The input is a piece of the photograph's green channel, the target is what Sobel's kernel makes of it. The program sees both, but not the kernel.

# %% [markdown] lang="zh" of="c5e46f8e"
# 图中文字：too small 太小 · good 合适 · too large 太大 · loss 损失。
#
# 太小：还在半路。太大：每一步都落到对面更高的地方。损失一步比一步大，就是学习率太大的信号；在这个山谷里如此，在任何网络里也如此。
#
# ## 五行代码找到九个数
#
# 现在来真的。输入是照片绿色通道的一块，目标是 Sobel 卷积核对它算出的结果。程序看得到输入和目标，看不到卷积核。

# %%
inputs = photo[None, 1:2, 293:413, 100:220]  # green, (1, 1, 120, 120)
inputs = (inputs - inputs.mean()) / inputs.std()  # mean 0, standard deviation 1
target = functional.conv2d(inputs, sobel[None, None])  # (1, 1, 118, 118)
pictures = [inputs[0, 0].numpy(), target[0, 0].numpy()]
figures.show_images(
    pictures, ["input, green channel", "target"], 2, 2.4, limits=(-3, 3)
)
plt.show()
print(f"Target from {target.min():.1f} (darker to the right) to {target.max():.1f}.")

# %% [markdown] lang="en"
# The network is one convolution without bias: nine random numbers. One training step is five lines, always the same, for nine numbers or for half a million:
#
# 1. `zero_grad`: forget the slopes of the step before; `backward` would add to them.
# 2. forward: what do the present numbers give?
# 3. loss: how far is that from the target?
# 4. `backward`: one slope for each number.
# 5. `step`: move each number against its slope.

# %% [markdown] lang="zh" of="606cca66"
# 图中文字：input, green channel 输入（绿色通道） · target 目标。
#
# 网络只有一个不带偏置的卷积：九个随机数。训练一步就是五行，九个数是这样，五十万个数也是这样：
#
# 1. `zero_grad`：清掉上一步的坡度，不然 `backward` 会往上累加。
# 2. 前向计算：现在的数给出什么结果？
# 3. 损失：离目标有多远？
# 4. `backward`：每个数得到一个坡度。
# 5. `step`：每个数逆着自己的坡度走一步。

# %%
torch.manual_seed(0)
net = nn.Conv2d(1, 1, 3, bias=False)  # nine numbers, random at first
first = net.weight.detach().clone()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
losses = []
for _ in range(600):
    optimizer.zero_grad()
    output = net(inputs)
    loss = ((output - target) ** 2).mean()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss {losses[0]:.2f} -> {losses[-1]:.5f}")

# %%
fig, axes = plt.subplots(1, 4, figsize=(10, 2.5), dpi=figures.DPI)
axes[0].semilogy(losses, color=figures.BLUE)
axes[0].set(xlabel="step", ylabel="loss")
draw(axes[1], first[0, 0], "random start")
draw(axes[2], net.weight.detach()[0, 0], "learnt")
draw(axes[3], sobel, "Sobel, never shown")
fig.tight_layout()
plt.show()
difference = (net.weight.detach()[0, 0] - sobel).abs().max().item()
print(f"No number of the learnt kernel is further than {difference:.2f} from Sobel's.")

# %% [markdown] lang="en"
# The program found an edge filter from an image and its answer. A U-Net is layer upon layer of such kernels, with a simple non-linear step between the layers (the ReLU of chapter 07); the answers are vessels traced by a person, and nobody knows the kernels beforehand. The five lines stay.
#
# **Extra:** put `lr=0.15` into the training cell and look at the printed loss: `nan`, "not a number", means that it outgrew every number the machine can hold. Which of the three valleys above is this? Then put 0.1 back.
#
# Later you will also meet `net.train()` and `net.eval()`: they switch layers that behave differently while learning, such as batch normalization in chapter 07. A convolution has no such switch.

# %% [markdown] lang="zh" of="9c05bd5b"
# 图中文字：random start 随机的初始值 · learnt 学到的 · Sobel, never shown 从未给程序看过的 Sobel 卷积核 · step 步 · loss 损失。
#
# 只凭一张图像和它的答案，程序就找到了检测边缘的卷积核。U-Net 由一层又一层这样的卷积核组成，层与层之间再加一个简单的非线性函数（第 07 章的 ReLU）；答案是人描出的血管，事先没人知道那些卷积核。五行代码不变。
#
# **选做：** 在训练单元格里改成 `lr=0.15`，看输出的损失：`nan` 意思是“不是数”，损失大到机器装不下了。这像上面三个山谷里的哪一个？看完改回 0.1。
#
# 以后还会遇到 `net.train()` 和 `net.eval()`：有些层在学习时和使用时的行为不同，例如第 07 章的批归一化，这两个函数负责切换。卷积层没有这种区别。

# %% [markdown] lang="en"
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
# **Exercise 2.3** Write `segment(logits, threshold)`: True where the *probability* is above the threshold.

# %% [markdown] lang="zh" of="5575f625"
# **练习 2.3** 编写 `segment(logits, threshold)`：*概率*超过阈值的地方为 True。


# %% tags=["exercise"]
def segment(logits, threshold):
    return None  # your code here


segment = lesson.exercise("02.3", segment)
for threshold in (0.3, 0.5, 0.8):
    print(threshold, segment(logits, threshold).int().tolist())

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# A threshold belongs to probabilities. Comparing the logits with 0.5 would demand a probability above 0.62.
#
# {{solution 02.3}}
#
# </details>

# %% [markdown] lang="zh" of="96d907e6"
# <details><summary>参考答案</summary>
#
# 阈值是给概率用的。拿 logits 和 0.5 比，等于要求概率超过 0.62。
#
# {{solution 02.3}}
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

# %% [markdown] lang="zh" of="9d474918"
# ### 两个通道还是一个
#
# U-Net 论文最后有两个通道：背景和血管（论文里是细胞），再用 soft-max 让它们加起来等于 1。课程只用一个通道和 sigmoid。两者是一回事。设 $a$ 是血管的 logit，$b$ 是背景的：
#
# $$\frac{e^{a}}{e^{a} + e^{b}} = \frac{1}{1 + e^{-(a - b)}}$$
#
# 起作用的只有两者之差。

# %%
torch.manual_seed(0)
two = torch.randn(1, 2, 4, 4)  # (B, C, H, W): background, vessel
by_softmax = two.softmax(dim=1)[:, 1]
by_sigmoid = (two[:, 1] - two[:, 0]).sigmoid()
difference = (by_softmax - by_sigmoid).abs().max().item()
print(f"the largest difference is below one millionth: {difference < 1e-6}")

# %% [markdown] lang="en"
# ## What you learned
#
# - Shape, dtype, range, device: ask these first. Batches are (B, C, H, W), positions (row, col).
# - A convolution is a sum of products under a moving window. Valid loses a ring; padding keeps the size and invents an edge.
# - `nn.Conv2d(in, out, 3)` holds `out * in * 9` weights and `out` biases.
# - Gradient descent walks against the slope; the learning rate decides whether it arrives.
# - Five lines: `zero_grad`, forward, loss, `backward`, `step`.
# - `logits`, then `probs` by the sigmoid, then `pred` by a threshold.
#
# ## Sources
#
# - PyTorch documentation, [torch.nn.Conv2d](https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html) and [autograd](https://docs.pytorch.org/docs/stable/notes/autograd.html).
# - V. Dumoulin, F. Visin, A guide to convolution arithmetic for deep learning, 2016, [arXiv:1603.07285](https://arxiv.org/abs/1603.07285).
# - O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28), for valid convolution and the two output channels.
# - "U-Net study notes", a Chinese blog post: the legend of its network figure (3 x 3 convolution, padding 0, stride 1). It takes the rest of this chapter for granted.

# %% [markdown] lang="zh" of="44fa04b7"
# ## 小结
#
# - 先问形状、dtype、范围、设备。一批图像是 (B, C, H, W)，位置是 (row, col)。
# - 卷积就是移动窗口下的乘积之和。有效卷积少一圈；填充保持大小，却造出一条边缘。
# - `nn.Conv2d(in, out, 3)` 有 `out * in * 9` 个权重和 `out` 个偏置。
# - 梯度下降逆着坡度走，走不走得到由学习率决定。
# - 五行代码：`zero_grad`、前向计算、损失、`backward`、`step`。
# - 先有 `logits`，经 sigmoid 得到 `probs`，再用阈值得到 `pred`。
#
# ## 参考资料
#
# - PyTorch 文档：[torch.nn.Conv2d](https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html) 和 [autograd](https://docs.pytorch.org/docs/stable/notes/autograd.html)。
# - V. Dumoulin, F. Visin, A guide to convolution arithmetic for deep learning, 2016, [arXiv:1603.07285](https://arxiv.org/abs/1603.07285)。
# - O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015, [doi:10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)：有效卷积和两个输出通道。
# - 中文博客《U-net学习笔记》：网络结构图的图例（3 x 3 卷积，pad = 0，stride = 1）。这一章其余的内容，原文假定读者已经知道。
