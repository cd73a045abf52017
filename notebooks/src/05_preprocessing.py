# %% [markdown] lang="en"
# # 05 Pre-processing
#
# *What does each number see, and what can it not see?*

# %% [markdown] lang="zh" of="26496331"
# # 05 预处理
#
# *每个数字看得见什么，看不见什么？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** choose a channel, write histogram equalisation and CLAHE by hand, call the library with the right numbers, and say what AUC, contrast and noise each fail to see.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** chapter 04: `image`, `vessels`, `fov`; NumPy's slices and masks.
#
# **You are here**

# %% [markdown] lang="zh" of="a53919f6"
# **学完这一章你能** 选对通道，手写直方图均衡化和 CLAHE，用正确的参数调用库函数，并说清 AUC、对比度和噪声各自看不见什么。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** 第 04 章：`image`、`vessels`、`fov`；NumPy 的切片和布尔数组。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %% [markdown] lang="en" minutes="2"
# ## What is pre-processing for?
#
# A fundus photograph is unevenly lit, and many vessels are only a little darker than what lies around them. Pre-processing changes grey values so that the vessels stand out better, before any network is trained. It looks easy to judge: compute a number before and after, keep what raises it.
#
# That is the trap of this chapter. Each number looks at the picture through a small hole. Before you trust one, ask two questions: what does it see, and what can it not see?
#
# Every choice here is made on the training images. The test images stay closed: a filter chosen on them would be fitted to them.

# %% [markdown] lang="zh" of="c7692e34"
# ## 预处理是为了什么？
#
# 眼底照片的光照不均 (uneven illumination)，许多血管只比周围暗一点点。预处理在训练网络之前改变灰度，让血管更突出。好坏似乎很容易判断：前后各算一个数，数变大就保留。
#
# 这正是本章要说的陷阱。每个数字都只透过一个小孔看图像。相信它之前先问两句：它看得见什么，看不见什么？
#
# 本章的选择全部在训练图像上做出，测试图像不打开。在测试图像上挑处理方法，等于在测试图像上做了拟合。

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage
from skimage import exposure

from helpers import figures, fundus, metrics, preprocess

# %%
images = course.load("train")
eye = images[0]
height, width = eye.fov.shape[1:]
crop = np.s_[
    int(0.30 * height) : int(0.50 * height), int(0.17 * width) : int(0.37 * width)
]
print(f"{len(images)} training images of {course.dataset}, {height} × {width} pixels")
# zh: print(f"{course.dataset} 的 {len(images)} 幅训练图像，{height} × {width} 像素")
print(f"the pictures below show a part of image {eye.name}")
# zh: print(f"下面的图取自图像 {eye.name} 的一部分")

# %% [markdown] lang="en" minutes="4"
# ## Three channels
#
# Look at the same piece of one eye in red, green and blue, all drawn on the same grey scale. Where would you trace a thin vessel?

# %% [markdown] lang="zh" of="d74dac59"
# ## 三个通道
#
# 看同一只眼睛的同一块区域，分别是红、绿、蓝通道，用同样的灰度范围显示。你愿意在哪一幅上描细血管？

# %% fold="Draw the three channels" fold_zh="画出三个通道"
channels = [channel[crop] for channel in eye.image]
colour = figures.to_picture(eye.image)[crop]
figures.show_images([colour, *channels], ["colour", "red", "green", "blue"], size=2)
figures.show(
    "The same piece of an eye four times: in colour, then red, green and blue as grey "
    "pictures. Red is bright, blue is dark, green lies between."
)
# zh: figures.show(
# zh:     "同一块眼底的四幅图：彩色，以及红、绿、蓝三个通道的灰度图。红色通道很亮，"
# zh:     "蓝色通道很暗，绿色通道居中。"
# zh: )
means = [channel[eye.fov[0]].mean() for channel in eye.image]
print("mean grey value: red {:.2f}, green {:.2f}, blue {:.2f}".format(*means))
# zh: print("平均灰度：红 {:.2f}，绿 {:.2f}，蓝 {:.2f}".format(*means))

# %% [markdown] lang="en"
# (With DRIVE, image: DRIVE, Staal et al. 2004.)

# %% [markdown] lang="zh" of="a884b2c6"
# 图中文字：colour 彩色 · red 红 · green 绿 · blue 蓝
#
# （使用 DRIVE 时，图像来自 DRIVE, Staal et al. 2004。）

# %% [markdown] lang="en"
# Now a number. Take a random vessel pixel and a random background pixel of the same eye, both inside the field of view. How often is the vessel pixel the darker one? Equal values count half. This share is called **AUC**, the area under the ROC curve (the curve itself comes in chapter 09). A coin has 0.5, perfect order 1.
#
# Nobody has to draw pairs: `metrics.histogram` counts the values of both kinds of pixel, and `metrics.auc_roc` gets the exact share from the counts. It wants large values for vessels, so we hand it `1 - grey`.

# %% [markdown] lang="zh" of="c67dd158"
# 现在用一个数来衡量。从同一只眼睛的视野 (FOV) 内随机取一个血管像素和一个背景像素。血管像素更暗的次数占多少？相等算半次。这个比例叫 **AUC**，即 ROC 曲线下面积（曲线本身见第 09 章）。抛硬币是 0.5，次序全对是 1。
#
# 其实不必真的抽样：`metrics.histogram` 统计两类像素的取值，`metrics.auc_roc` 由计数算出精确比例。它要求血管的值更大，所以我们传入 `1 - grey`。

# %%
grey = eye.image[1:2]
rng = np.random.default_rng(0)
vessel = rng.choice(grey[eye.fov & eye.vessels], 20_000)
background = rng.choice(grey[eye.fov & ~eye.vessels], 20_000)
drawn = (vessel < background).mean() + (vessel == background).mean() / 2
exact = metrics.auc_roc(metrics.histogram(1 - grey, eye.vessels, eye.fov))
print(f"green: vessel darker in {drawn:.4f} of 20,000 pairs; exact AUC {exact:.4f}")
# zh: print(f"绿色：20,000 对里血管更暗的占 {drawn:.4f}；精确的 AUC 是 {exact:.4f}")

by_channel = {}
for k, name in enumerate(("red", "green", "blue")):
    tables = (
        metrics.histogram(1 - x.image[k : k + 1], x.vessels, x.fov) for x in images
    )
    by_channel[name] = np.mean([metrics.auc_roc(table) for table in tables])

# %% [markdown] lang="en"
# The cell has done the same for all three channels and all training images, but prints nothing of it yet.
#
# **Guess 5.1** Which channel has the highest AUC, as a mean over the images?

# %% [markdown] lang="zh" of="417a3c69"
# 上面的单元格把三个通道、全部训练图像都算好了，只是还没有打印。
#
# **猜一猜 5.1** 逐幅计算再取平均，哪个通道的 AUC 最高？

# %%
guess = None  # your guess: "red", "green" or "blue"
# zh: guess = None  # 你的猜测："red"（红）、"green"（绿）或 "blue"（蓝）

lesson.ask("05.1", guess, by_channel)

# %% tags=["answer"]
for name, value in by_channel.items():
    print(f"{name:6s} AUC {value:.3f}  " + "#" * round(50 * max(0, value - 0.5)))
print(f"{max(by_channel, key=by_channel.get)} comes first; a coin would have 0.5")
# zh: print(f"最高的是 {max(by_channel, key=by_channel.get)}；抛硬币是 0.5")

# %% [markdown] lang="en"
# Blood absorbs green light strongly, so vessels are dark there. Red light passes through them and comes back from the tissue behind. Blue arrives weak: the lens of the eye absorbs much of it.
#
# Why not simply threshold the green channel, then? Because even there a good share of the pairs is in the wrong order: the background of one corner is darker than the vessels of another. (On DRIVE green comes first. On CHASE_DB1 the light is so uneven that all three channels stay near a coin, and blue is a little ahead, though to the eye green is clearest.)

# %% [markdown] lang="zh" of="eea5e4eb"
# 血液强烈吸收绿光，所以血管在绿色通道 (green channel) 里是暗的。红光穿过血管，从后面的组织反射回来。蓝光很弱，因为晶状体吸收了不少。
#
# 那么直接对绿色通道取阈值 (threshold) 不就行了？不行：即使在绿色通道里，也有许多对像素的次序是反的，例如一个角落的背景比另一个角落的血管还暗。（在 DRIVE 上绿色第一。CHASE_DB1 的光照很不均匀，三个通道都和抛硬币差不多，蓝色略高一点，虽然用眼睛看绿色最清楚。）

# %% [markdown] lang="en" minutes="7"
# ## The histogram, and equalisation by hand
#
# A histogram counts how many pixels have each grey level. Equalisation replaces a grey level by the share of pixels that are not brighter. Where many pixels crowd, levels are pulled apart; where there are few, they move together.
#
# By hand, with 32 pixels and eight levels:

# %% [markdown] lang="zh" of="4a70cff7"
# ## 直方图与手工均衡化
#
# 直方图 (histogram) 统计每个灰度级有多少像素。直方图均衡化 (histogram equalization) 把一个灰度级换成一个比例：不比它亮的像素占多少。像素拥挤的地方，灰度被拉开；像素稀少的地方，灰度靠拢。
#
# 先用 32 个像素、8 个灰度级手算：

# %%
counts = np.array([1, 2, 20, 6, 2, 1, 0, 0])
running = counts.cumsum()
print("level           ", *(f"{level:5d}" for level in range(8)))
# zh: print("灰度级          ", *(f"{level:5d}" for level in range(8)))
print("pixels          ", *(f"{number:5d}" for number in counts))
# zh: print("像素数          ", *(f"{number:5d}" for number in counts))
print("running total   ", *(f"{number:5d}" for number in running))
# zh: print("逐级累加        ", *(f"{number:5d}" for number in running))
print("divided by total", *(f"{share:5.2f}" for share in running / running[-1]))
# zh: print("除以总数        ", *(f"{share:5.2f}" for share in running / running[-1]))

# %% [markdown] lang="en"
# The last line is the new grey value. It is the cumulative distribution (CDF), used as a curve. Level 2 holds 20 of the 32 pixels, so the largest jump is there. The same for a photograph, with the curve taken from the pixels inside the field of view:

# %% [markdown] lang="zh" of="68391356"
# 最后一行就是新的灰度值。它是累积分布 (CDF)，这里当作一条曲线来用。第 2 级占了 32 个像素里的 20 个，所以那里的跳跃最大。照片也一样，曲线由视野内的像素算出：


# %%
def equalise(grey, fov):
    """Replace each of 256 levels by the share of FOV pixels that are not brighter."""
    levels = np.rint(255 * grey).astype(int)
    counts = np.bincount(levels[fov], minlength=256)
    curve = counts.cumsum() / counts.sum()
    return curve[levels].astype(np.float32)


equalised = equalise(grey, eye.fov)
spans = [np.ptp(np.percentile(g[eye.fov], [5, 95])) for g in (grey, equalised)]
print(f"the middle 90 % of the pixels spanned {spans[0]:.2f}, now {spans[1]:.2f}")
# zh: print(f"中间 90% 的像素，灰度跨度原来是 {spans[0]:.2f}，现在是 {spans[1]:.2f}")

# %% fold="Draw histogram, curve and result" fold_zh="画出直方图、曲线和结果"
fig, axes = plt.subplots(1, 3, figsize=(9, 2.7), dpi=figures.DPI)
axes[0].hist(255 * grey[eye.fov], bins=64, range=(0, 255), color=figures.BLUE)
axes[0].set(title="histogram, green", xlabel="grey level", ylabel="pixels")
ordered = np.sort(255 * grey[eye.fov])
axes[1].plot(ordered[::100], np.linspace(0, 1, len(ordered))[::100], color=figures.RED)
axes[1].set(title="curve (CDF)", xlabel="grey level", xlim=(0, 255))
axes[2].imshow(equalised[0][crop], cmap="gray", vmin=0, vmax=1)
axes[2].set_title("equalised")
axes[2].axis("off")
fig.tight_layout()
figures.show(
    "Left the histogram of the green channel, a narrow hill. In the middle the curve, "
    "steep where the hill is high. Right the equalised piece of the eye, much stronger "
    "in contrast."
)
# zh: figures.show(
# zh:     "左图是绿色通道的直方图，一座窄山；中图是曲线，山高的地方曲线陡；"
# zh:     "右图是均衡化后的那块眼底，明暗对比强得多。"
# zh: )

# %% [markdown] lang="en"
# The picture is much stronger. Did AUC notice? The next cell prepares four changes to the green channel:
#
# - **gamma**: raise each grey value to a power, here 1/1.2;
# - **standardise**: subtract a mean, divide by a standard deviation, the same two numbers for all eyes;
# - **equalise**: the curve of the whole image, as above;
# - **CLAHE**: equalise as well, but with a curve of its own at each place.
#
# AUC is taken in two ways: for each image by itself, and once with the pixels of all images in one heap.

# %% [markdown] lang="zh" of="a424c5d5"
# 图中文字：histogram, green 绿色通道的直方图 · grey level 灰度级 · pixels 像素数 · curve (CDF) 累积分布曲线 · equalised 均衡化后
#
# 图像的明暗对比强了很多。AUC 察觉到了吗？下一个单元格准备了对绿色通道的四种处理：
#
# - **gamma**，伽马校正 (gamma correction)：对每个灰度值取幂，这里是 1/1.2 次幂；
# - **standardise**，标准化 (standardization)：减去均值，除以标准差，所有眼睛用同样的两个数；
# - **equalise**，直方图均衡化：整幅图像一条曲线，如上；
# - **CLAHE**：也是均衡化，但每个位置有自己的曲线。
#
# AUC 用两种方法计算：一种逐幅计算，另一种把所有图像的像素合在一起算一次。


# %%
def unit(values):
    """Stretch linearly so that the smallest value becomes 0 and the largest 1."""
    return (values - values.min()) / (values.max() - values.min())


def both_aucs(make):
    """Return AUC per image (mean) and AUC of all images pooled, for make(image)."""
    each, total = [], 0
    for x in images:
        table = metrics.histogram(1 - make(x), x.vessels, x.fov)
        each.append(metrics.auc_roc(table))
        total = total + table
    return float(np.mean(each)), metrics.auc_roc(total)


changes = {
    "green": lambda x: x.image[1:2],
    "gamma": lambda x: preprocess.gamma(x.image[1:2]),
    "standardise": lambda x: unit((x.image[1:2] - 0.4) / 0.2),  # back to 0..1
    "equalise": lambda x: equalise(x.image[1:2], x.fov),
    "CLAHE": lambda x: preprocess.clahe(x.image[1:2]),
}
aucs = {name: both_aucs(make) for name, make in changes.items()}
print(f"measured: {', '.join(aucs)}")
# zh: print(f"量好了：{'、'.join(aucs)}")

# %% [markdown] lang="en"
# **Guess 5.2** Which of the four change the AUC inside one image? Answer with four times `True` or `False`, in this order: gamma, standardise, equalise, CLAHE.

# %% [markdown] lang="zh" of="55b8ee91"
# **猜一猜 5.2** 四种处理里，哪几种会改变同一幅图像内的 AUC？按这个顺序回答四个 `True`（会）或 `False`（不会）：伽马、标准化、均衡化、CLAHE。

# %%
guess = None  # your guess, such as (False, True, False, True)
# zh: guess = None  # 你的猜测，例如 (False, True, False, True)

lesson.ask("05.2", guess, aucs)

# %% tags=["answer"]
print(f"{'':12s} AUC per image   AUC pooled")
for name, (per_image, pooled) in aucs.items():
    print(f"{name:12s} {per_image:13.3f} {pooled:12.3f}")
rising = ("gamma", "standardise", "equalise")
moved = max(abs(aucs[name][0] - aucs["green"][0]) for name in rising)
lesson.contract("05.rising", moved)

# %% [markdown] lang="en"
# AUC knows only the order of two pixels. Gamma, standardisation and equalisation are rising curves: what was darker stays darker, so AUC inside one image **cannot see them**, however different the picture looks. CLAHE uses another curve at each place, so it can exchange the order of two pixels.
#
# The second column puts the pixels of all eyes into one heap, and a vessel of one eye is compared with the background of another. There equalisation seems to help. It found no vessel: it only made the eyes equally bright. `standardise` moves this column for the same kind of reason: to bring the values back to 0..1, `unit` stretches each eye by itself. A paper that reports one of the two columns should say which.

# %% [markdown] lang="zh" of="4a0d035b"
# 表中文字：AUC per image 逐幅计算再平均 · AUC pooled 所有像素合并
#
# AUC 只知道两个像素的次序。伽马校正、标准化和均衡化都是上升的曲线：原来更暗的仍然更暗。所以不管图像看上去变了多少，同一幅图像内的 AUC **看不见它们**。CLAHE 在每个位置用不同的曲线，因此能交换两个像素的次序。
#
# 第二列把所有眼睛的像素合在一起，一只眼睛的血管会和另一只眼睛的背景相比。这时均衡化似乎有用。它并没有找到血管，只是让各只眼睛一样亮。`standardise` 让这一列变了一点，原因类似：为了回到 0～1，`unit` 把每只眼睛单独拉伸。论文报告其中一列时，应当说明是哪一列。

# %% [markdown] lang="en" minutes="17"
# ## CLAHE in four steps
#
# CLAHE means contrast limited adaptive histogram equalisation. *Adaptive*: each part of the image gets its own curve. *Contrast limited*: no curve may become too steep. We write it in four steps and then compare with the library.
#
# **Step 1, tiles.** Cut the image into 8×8 tiles and count the grey levels of each. If the size is not a multiple of 8, the last tiles are filled up by mirroring. In the code, `reshape` splits rows and columns into (tile, place in the tile), `swapaxes` puts the two tile axes in front, and `np.apply_along_axis` counts each tile by itself.

# %% [markdown] lang="zh" of="ac7b9a06"
# ## 四步写出 CLAHE
#
# CLAHE 是限制对比度自适应直方图均衡化。**自适应**：图像的每一部分有自己的曲线。**限制对比度**：曲线不许太陡。我们分四步写出它，再和库函数比较。
#
# **第 1 步，子块 (tile)。** 把图像切成 8×8 个子块，统计每块的灰度级。边长不是 8 的倍数时，最后的子块用镜像填充补满。代码里，`reshape` 把行和列各拆成（第几块，块内位置），`swapaxes` 把两个块号换到前面，`np.apply_along_axis` 对每一块分别计数。


# %%
def tile_histograms(levels, tiles):
    """Count the grey levels of each tile: (H, W) int -> (tiles, tiles, 256)."""
    high, wide = (-(-side // tiles) for side in levels.shape)  # rounded up
    extra = (high * tiles - levels.shape[0], wide * tiles - levels.shape[1])
    padded = np.pad(levels, ((0, extra[0]), (0, extra[1])), mode="reflect")
    blocks = padded.reshape(tiles, high, tiles, wide).swapaxes(1, 2)
    flat = blocks.reshape(tiles, tiles, high * wide)
    return np.apply_along_axis(np.bincount, 2, flat, minlength=256)


levels = np.rint(255 * unit(eye.image[1])).astype(int)
histograms = tile_histograms(levels, tiles=8)
pixels = histograms[0, 0].sum()
print(f"histograms {histograms.shape}; a tile has {pixels} pixels")
# zh: print(f"直方图 {histograms.shape}；一个子块有 {pixels} 个像素")
print(f"that is {pixels / 256:.1f} in each of 256 levels, on average")
# zh: print(f"256 个灰度级，平均每级 {pixels / 256:.1f} 个")

# %% [markdown] lang="en"
# **Step 2, clip.** In a tile without structure, nearly all pixels sit in a few levels. Its curve is steep there, and it turns faint noise into strong noise. So the histogram is cut off at a limit. The pixels cut off are shared out equally over all levels, once.
#
# **Exercise 5.3** Write it. By hand first: `1 2 20 6 2 1 0 0`, limit 8.

# %% [markdown] lang="zh" of="ae15b3a2"
# **第 2 步，截断。** 没有结构的子块里，几乎所有像素都挤在几个灰度级。那里的曲线很陡，微弱的噪声会变成强噪声。所以直方图在截断阈值 (clip limit) 处被削平。削下来的像素平均分给所有灰度级，只分一轮。
#
# **练习 5.3** 写出这个函数。先手算：`1 2 20 6 2 1 0 0`，阈值 8。


# %% tags=["exercise"]
def clip_histogram(histogram, limit):
    """Clip an array of counts at limit; share the rest out equally over all levels."""
    return None  # your code here
    # zh: return None  # 在这里写代码


clip_histogram = lesson.exercise("05.3", clip_histogram)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# 12 of the 20 pixels are above the limit. Eight levels get 12 / 8 = 1.5 each, and the sum is still 32. Level 2 ends at 9.5, above 8: one round leaves that. Some libraries share out again until nothing is left above the limit.
#
# {{solution 05.3}}
#
# </details>

# %% [markdown] lang="zh" of="d81a0ae0"
# <details><summary>参考答案</summary>
#
# 20 个像素里有 12 个超过阈值。8 个灰度级各得 12 / 8 = 1.5 个，总数仍是 32。第 2 级最后是 9.5，高于 8：只分一轮就会这样。有的库会继续分，直到没有哪一级超过阈值。
#
# {{solution 05.3}}
#
# </details>

# %% [markdown] lang="en"
# **Step 3, curves.** The running total of the clipped histogram is the curve of the tile. The limit is now easy to understand: a level that holds twice the mean number of pixels makes the curve twice as steep as the diagonal. "Clip limit 2" says: **stretch no contrast more than about twice**. Noise included.

# %% [markdown] lang="zh" of="a19dfed4"
# **第 3 步，曲线。** 截断后的直方图逐级累加，就是这个子块的曲线。现在阈值很好理解：某一级的像素数是平均值的两倍，曲线在那里的斜率就是对角线的两倍。“截断阈值 2”的意思是：**任何对比度最多放大到两倍左右**。噪声也一样。

# %%
limit = 2 * pixels / 256
unclipped = histograms[3, 4]
shared_out = clip_histogram(unclipped.copy(), limit)
steep = [256 * each.max() / pixels for each in (unclipped, shared_out)]
print(f"steepest place, in slopes of the diagonal: {steep[0]:.1f}, then {steep[1]:.1f}")
# zh: print(f"最陡处是对角线的几倍：截断前 {steep[0]:.1f}，截断后 {steep[1]:.1f}")

# %% fold="Draw a tile's histogram and curve, before and after" fold_zh="画出一个子块截断前后的直方图和曲线"
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), dpi=figures.DPI)
left.step(range(256), unclipped, color=figures.ORANGE, label="before")
left.step(range(256), shared_out, color=figures.BLUE, label="clipped, shared out")
left.axhline(limit, color=figures.BLACK, linewidth=0.8, linestyle=":", label="limit")
left.set(xlabel="grey level in", ylabel="pixels")
right.plot(unclipped.cumsum() / pixels, color=figures.ORANGE, label="before")
right.plot(shared_out.cumsum() / pixels, color=figures.BLUE, label="clipped, shared out")
right.plot([0, 255], [0, 1], ":", color=figures.BLACK, linewidth=0.8, label="diagonal")
right.set(xlabel="grey level in", ylabel="grey value out")
for ax in (left, right):
    ax.legend(frameon=False, fontsize=8)
fig.tight_layout()
figures.show(
    "Left a tile's histogram: a high, narrow peak before, cut off a little above the "
    "dotted limit after. Right the curves: a steep step before, a gentle slope near "
    "the diagonal after."
)
# zh: figures.show(
# zh:     "左图是一个子块的直方图：截断前是又高又窄的尖峰，截断后在虚线阈值稍上方被削平。"
# zh:     "右图是曲线：截断前是陡峭的台阶，截断后坡度平缓，接近对角线。"
# zh: )

# %% [markdown] lang="en"
# The flat top lies above the limit: it, too, got its share of what was cut off. Hence 2.8 on DRIVE, not 2; whoever shares out until nothing is above the limit comes down to 2.
#
# **Step 4, blend.** With one curve a tile, the tiles would show as squares. So the curve of a tile counts fully only at the tile's centre. A pixel in between is looked up in the curves of the four nearest centres, and the four results are mixed by distance (bilinear interpolation). The line to read slowly is `curves[top, left, levels]`: `top` has shape (H, 1), `left` (1, W), `levels` (H, W), so NumPy looks up one number for each pixel: tile row, tile column, grey level.

# %% [markdown] lang="zh" of="aa279ab0"
# 图中文字：before 截断前 · clipped, shared out 截断并平分后 · limit 阈值 · diagonal 对角线 · pixels 像素数 · grey level in 输入灰度级 · grey value out 输出灰度值
#
# 平顶高于阈值，因为它也分到了削下来的一份。所以在 DRIVE 上是 2.8，不是 2；一直分到没有哪一级超过阈值，才会降到 2。
#
# **第 4 步，混合。** 每个子块只用一条曲线，块与块之间会出现接缝。所以一条曲线只在自己子块的中心起全部作用。中间的像素在最近四个中心的曲线里各查一次，四个结果按距离混合，这就是双线性插值 (bilinear interpolation)。要慢慢读的一行是 `curves[top, left, levels]`：`top` 的形状是 (H, 1)，`left` 是 (1, W)，`levels` 是 (H, W)，NumPy 于是为每个像素查出一个数：块的行号、块的列号、灰度级。


# %%
def blend(levels, curves):
    """Look each pixel up in the curves of the four nearest tile centres, and mix."""
    tiles = len(curves)
    high, wide = (-(-side // tiles) for side in levels.shape)
    row = (np.arange(levels.shape[0])[:, None] + 0.5) / high - 0.5  # 0 at a centre
    column = (np.arange(levels.shape[1])[None] + 0.5) / wide - 0.5
    row, column = row.clip(0, tiles - 1), column.clip(0, tiles - 1)
    top, left = row.astype(int), column.astype(int)
    bottom, right = np.minimum(top + 1, tiles - 1), np.minimum(left + 1, tiles - 1)
    down, across = row - top, column - left  # 0 at one centre, 1 at the next
    upper = (1 - across) * curves[top, left, levels]
    upper += across * curves[top, right, levels]
    lower = (1 - across) * curves[bottom, left, levels]
    lower += across * curves[bottom, right, levels]
    return (1 - down) * upper + down * lower


clipped = np.apply_along_axis(clip_histogram, 2, histograms.copy(), limit)
curves = clipped.cumsum(axis=2) / pixels
blended = blend(levels, curves)
print(f"curves {curves.shape}, blended {blended.shape}, up to {blended.max():.2f}")
# zh: print(f"曲线 {curves.shape}，混合后 {blended.shape}，最大 {blended.max():.2f}")

# %% [markdown] lang="en"
# The drawing shows one pixel between four centres; the area of a dot is its weight. Beside it, the part of the eye with one curve a tile, and blended. Search for the straight edges.

# %% [markdown] lang="zh" of="2565f2aa"
# 示意图里，一个像素位于四个中心之间，圆点的面积就是权重。旁边是同一块眼底：左边每块一条曲线，右边混合之后。找一找笔直的接缝。

# %% fold="Draw the four centres, and the seams" fold_zh="画出四个中心和接缝"
high, wide = (-(-side // 8) for side in levels.shape)
across, down = 0.3, 0.6  # a pixel's way from the upper left centre to the next ones
fig, axes = plt.subplots(1, 3, figsize=(9, 3.1), dpi=figures.DPI)
for y in (0, 1):
    for x in (0, 1):
        weight = (down if y else 1 - down) * (across if x else 1 - across)
        axes[0].scatter(x, y, s=700 * weight, color=figures.BLUE)
        axes[0].text(x, y + 0.3, f"{weight:.2f}", ha="center")
        axes[0].plot([x, across], [y, down], ":", color=figures.GREY)
axes[0].plot(across, down, "s", color=figures.RED, label="pixel")
axes[0].axhline(0.5, color=figures.BLACK, linewidth=0.8)
axes[0].axvline(0.5, color=figures.BLACK, linewidth=0.8, label="tile border")
axes[0].set(xlim=(-0.5, 1.5), ylim=(1.5, -0.5), title="four tile centres", aspect=1)
axes[0].set(xticks=[], yticks=[])
axes[0].legend(fontsize=7, loc="upper center")
row, column = np.ogrid[:height, :width]
blocky = curves[row // high, column // wide, levels]
for ax, picture, title in zip(
    axes[1:], (blocky, blended), ("one curve a tile", "blended"), strict=True
):
    ax.imshow(picture[crop], cmap="gray", vmin=0, vmax=1)
    ax.set_title(title)
    ax.axis("off")
fig.tight_layout()
figures.show(
    "Left a drawing: a red pixel between four blue tile centres, whose dots are larger "
    "the nearer they are (weights 0.28, 0.12, 0.42, 0.18). In the middle the eye with "
    "one curve a tile, with straight seams; right blended, without seams."
)
# zh: figures.show(
# zh:     "左边是示意图：红色像素位于四个蓝色的子块中心之间，离得越近圆点越大"
# zh:     "（权重 0.28、0.12、0.42、0.18）。中间是每块一条曲线的眼底，有笔直的接缝；"
# zh:     "右边混合之后，接缝消失。"
# zh: )
print(f"weights of the four centres add up to 1; a tile is {high} × {wide} pixels")
# zh: print(f"四个中心的权重之和是 1；一个子块是 {high} × {wide} 像素")

# %% [markdown] lang="en"
# The four steps together, and beside them the library's function `exposure.equalize_adapthist` (called through `preprocess.clahe`, whose code follows below). The library stretches the image to the full range before and after, so we do, too. How far apart are the two pictures?

# %% [markdown] lang="zh" of="afb917e7"
# 图中文字：four tile centres 四个子块中心 · pixel 像素 · tile border 子块边界 · one curve a tile 每块一条曲线 · blended 混合之后
#
# 四步合在一起，再和库函数 `exposure.equalize_adapthist` 比较（通过 `preprocess.clahe` 调用，代码在后面）。库函数在处理前后都把图像拉伸到整个范围，我们也照做。两者相差多少？

# %%
def clahe_by_hand(grey, tiles=8, clip_limit=2 / 256, rounds=1):
    """Equalise (H, W) in [0, 1] by tiles; rounds of clipping and sharing out."""
    levels = np.rint(255 * unit(grey)).astype(int)
    histograms = tile_histograms(levels, tiles)
    pixels = histograms[0, 0].sum()
    limit = max(1, int(clip_limit * pixels))  # whole pixels, as the library does
    for _ in range(rounds):
        histograms = np.apply_along_axis(clip_histogram, 2, histograms, limit)
    return unit(blend(levels, histograms.cumsum(axis=2) / pixels))


by_hand = clahe_by_hand(eye.image[1])
by_library = preprocess.clahe(eye.image[1:2])[0]
difference = np.abs(by_hand - by_library)
mean_difference = float(difference[eye.fov[0]].mean())
lesson.contract("05.by_hand", mean_difference, course)
print(f"mean difference inside the FOV: {255 * mean_difference:.1f} of 255 grey levels")
# zh: print(f"视野内平均相差 {255 * mean_difference:.1f} 个灰度级（共 255 级）")

# %% fold="Draw both, and ten times their difference" fold_zh="画出两者，以及差的十倍"
figures.show_images(
    [picture[crop] for picture in (by_hand, by_library, 10 * difference)],
    ["by hand", "library", "10 × difference"],
    size=2.4,
)
figures.show(
    "CLAHE by hand and by the library look the same; ten times their difference is "
    "mostly dark, a little lighter where there is structure."
)
# zh: figures.show(
# zh:     "手写的 CLAHE 和库函数的结果看上去一样；差的十倍大部分是暗的，"
# zh:     "有结构的地方稍亮。"
# zh: )

# %% [markdown] lang="en"
# Where does the rest come from? Read in the source of scikit-image:
#
# 1. **Rounds.** It goes on sharing out until no level is above the limit. We stopped after one round.
# 2. **Whole pixels.** It shares out whole pixels and rounds the curves to whole numbers. We count in fractions.
# 3. **Grey levels.** It works with 16,384 grey values in bins of 65, which makes 253 levels, not 256.
# 4. **Centres.** It takes the centre of a tile up to one pixel further down and to the right. The tiles and their mirrored edge are the same.
#
# The first is easily tested: more rounds.

# %% [markdown] lang="zh" of="aae4794c"
# 图中文字：by hand 手写 · library 库函数 · 10 × difference 差的 10 倍
#
# 剩下的差别从哪里来？读 scikit-image 的源码可知：
#
# 1. **轮数。** 它一直分到没有哪一级超过阈值。我们只分一轮。
# 2. **整数像素。** 它只分整数个像素，曲线也取整数。我们用小数。
# 3. **灰度级。** 它用 16,384 个灰度值，每 65 个一组，得到 253 级而不是 256 级。
# 4. **中心。** 它把子块中心取得偏右下，最多差一个像素。子块的划分和边缘的镜像都相同。
#
# 第一条很容易验证：多分几轮。

# %%
by_rounds = {}
for rounds in (1, 2, 10):
    apart = np.abs(clahe_by_hand(eye.image[1], rounds=rounds) - by_library)
    by_rounds[rounds] = float(apart[eye.fov[0]].mean())
    print(f"rounds {rounds:2d}: mean absolute difference {by_rounds[rounds]:.4f}")
    # zh: print(f"分 {rounds:2d} 轮：平均绝对差 {by_rounds[rounds]:.4f}")
print(f"10 rounds leave {by_rounds[10] / by_rounds[1]:.0%} of the difference after 1")
# zh: print(f"分 10 轮后，剩下的差是只分 1 轮时的 {by_rounds[10] / by_rounds[1]:.0%}")

# %% [markdown] lang="en"
# With tiles as large as DRIVE's the rounds explain most of it. With very small tiles (the phantoms of smoke mode) there is hardly more than one pixel a level, and then the second point is the larger one. Two correct programs, two pictures: whoever trains with one must predict with the same one.

# %% [markdown] lang="zh" of="7c1aa8dc"
# 子块像 DRIVE 那样大时，轮数解释了大部分差别。子块很小时（smoke 模式的仿真眼底图），每级只有一个像素左右，这时第二条的影响更大。两个程序都没错，得到的图像却不同：用哪一个训练，就要用哪一个预测。

# %% [markdown] lang="en" minutes="13"
# ## The library, and two ways to get it wrong
#
# Many tutorials on segmenting vessels call OpenCV: `clipLimit=2.0, tileGridSize=(8, 8)`. scikit-image asks for the same two things in other units. `kernel_size` is the height and width of a tile in pixels. `clip_limit` is the largest share of a tile's pixels that one level may hold. OpenCV counts in multiples of the mean level, and there are 256 levels.
#
# **Exercise 5.4** Translate: what are `kernel_size` and `clip_limit` for OpenCV's two numbers? A size that does not divide evenly is rounded up, as in our step 1.

# %% [markdown] lang="zh" of="3fc2514c"
# ## 库函数，以及两种错误写法
#
# 讲血管分割的教程很多都调用 OpenCV：`clipLimit=2.0, tileGridSize=(8, 8)`。scikit-image 要的是同样两件事，单位不同。`kernel_size` 是子块的高和宽，以像素计。`clip_limit` 是一个灰度级最多占子块像素的比例。OpenCV 以平均每级的像素数为单位，共 256 级。
#
# **练习 5.4** 做这个换算：OpenCV 的两个数，对应的 `kernel_size` 和 `clip_limit` 是多少？除不尽时向上取整，和我们的第 1 步一样。


# %% tags=["exercise"]
def opencv_to_skimage(height, width, tiles, clip_limit):
    """Return kernel_size as (rows, columns), and clip_limit as a share."""
    return None  # your code here
    # zh: return None  # 在这里写代码


opencv_to_skimage = lesson.exercise("05.4", opencv_to_skimage)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# For DRIVE's 584 × 565: 584 / 8 = 73 rows, 565 / 8 = 70.6, so 71 columns. OpenCV's 2 means twice the mean level; the mean level holds 1/256 of the tile.
#
# {{solution 05.4}}
#
# </details>

# %% [markdown] lang="zh" of="bae72a56"
# <details><summary>参考答案</summary>
#
# 以 DRIVE 的 584 × 565 为例：584 / 8 = 73 行，565 / 8 = 70.6，取 71 列。OpenCV 的 2 指平均每级像素数的两倍，而平均每级占子块的 1/256。
#
# {{solution 05.4}}
#
# </details>

# %% [markdown] lang="en"
# What if the numbers are copied as they stand? Both mistakes run without an error. Look at the smooth areas between the vessels.

# %% [markdown] lang="zh" of="f2db38f8"
# 如果原样照抄会怎样？两种写法都能运行，不会报错。看血管之间平滑的地方。

# %%
size, share = opencv_to_skimage(height, width, tiles=8, clip_limit=2.0)
calls = {
    "right": (size, share),
    "kernel_size=8": (8, share),
    "clip_limit=2.0": (size, 2.0),
}
pictures = {
    name: exposure.equalize_adapthist(eye.image[1], kernel_size, clip_limit)
    for name, (kernel_size, clip_limit) in calls.items()
}
figures.show_images([p[crop] for p in pictures.values()], list(calls), size=2.4)
figures.show(
    "The same piece of the eye after three calls. Right: vessels on a calm background. "
    "With kernel_size=8 there is more grain, with clip_limit=2.0 it is black and white."
)
# zh: figures.show(
# zh:     "同一块眼底的三种调用结果。正确的调用：背景平静，血管清楚。kernel_size=8：颗粒更重。"
# zh:     "clip_limit=2.0：背景布满黑白颗粒。"
# zh: )
for name, (kernel_size, clip_limit) in calls.items():
    areas = []
    for x in images:
        dark = 1 - exposure.equalize_adapthist(x.image[1], kernel_size, clip_limit)
        areas.append(metrics.auc_roc(metrics.histogram(dark[None], x.vessels, x.fov)))
    print(f"{name:15s} AUC, mean of {len(images)} eyes: {np.mean(areas):.3f}")
    # zh: print(f"{name:15s} AUC，{len(images)} 只眼睛的平均：{np.mean(areas):.3f}")

# %% [markdown] lang="en"
# With `kernel_size=8` a tile is 8 pixels wide, about as wide as a wide vessel of DRIVE. With `clip_limit=2.0` the limit is twice the whole tile: nothing is clipped. And AUC? On DRIVE both wrong calls score *higher* than the right one. Keep that in mind: we come back to it.
#
# The right call stands in `helpers/preprocess.py`, from which all later chapters take it. The next cell shows its functions. Edit them freely: a change here lasts until the end of this notebook.

# %% [markdown] lang="zh" of="4897f1d6"
# 图中文字：right 正确
#
# 写 `kernel_size=8`，子块只有 8 个像素宽，和 DRIVE 的一条粗血管差不多。写 `clip_limit=2.0`，阈值是整个子块的两倍，什么也没有截断。AUC 呢？在 DRIVE 上，两种错误写法的 AUC 反而比正确的**更高**。记住这一点，后面要用。
#
# 正确的调用写在 `helpers/preprocess.py` 里，后面各章都从那里取用。下面的单元格就是其中的函数。你可以随意修改，改动只在这个 Notebook 里有效。

# %% tags=["show-source"]
from helpers.preprocess import green, clahe, gamma, enhance, prepare

# %% [markdown] lang="en" minutes="2"
# ## Gamma has two conventions
#
# Gamma correction raises a grey value $r$ in 0..1 to a power. scikit-image computes $s = r^{\gamma}$. The classic chain of pre-processing, which many tutorials use and which has its own section below, computes $s = r^{1/\gamma}$. Both call the number "gamma". An exponent below 1 brightens, one above 1 darkens.
#
# **Guess 5.5** The classic chain uses gamma 1.2. What does it make of grey value 0.5?

# %% [markdown] lang="zh" of="38c7aab2"
# ## 伽马有两种写法
#
# 伽马校正对 0～1 的灰度值 $r$ 取幂。scikit-image 计算 $s = r^{\gamma}$。许多教程用的经典流程（后面有专门一节）计算 $s = r^{1/\gamma}$。两边都把这个数叫 gamma。指数小于 1 变亮，大于 1 变暗。
#
# **猜一猜 5.5** 经典流程用 gamma 1.2。灰度 0.5 会变成多少？

# %%
guess = None  # your guess, three decimals
# zh: guess = None  # 你的猜测，三位小数

lesson.ask("05.5", guess)

# %% tags=["answer"]
r = np.linspace(0, 1, 101, dtype=np.float32)
classic_way, skimage_way = gamma(r), exposure.adjust_gamma(r, 1.2)
print(f"0.5 becomes {classic_way[50]:.3f} (brighter) or {skimage_way[50]:.3f} (darker)")
# zh: print(f"0.5 变成 {classic_way[50]:.3f}（变亮）或 {skimage_way[50]:.3f}（变暗）")
same = np.allclose(classic_way, exposure.adjust_gamma(r, 1 / 1.2))
print(f"adjust_gamma(r, 1 / 1.2) gives the classic chain: {same}")
# zh: print(f"adjust_gamma(r, 1 / 1.2) 和经典流程一样：{same}")

# %% fold="Draw both conventions" fold_zh="画出两种写法"
fig, ax = plt.subplots(figsize=(4.5, 3.4), dpi=figures.DPI)
ax.plot(r, classic_way, color=figures.BLUE, label="r ** (1 / 1.2), classic chain")
ax.plot(r, skimage_way, color=figures.ORANGE, label="r ** 1.2, adjust_gamma(r, 1.2)")
ax.plot(r, r, ":", color=figures.BLACK, linewidth=0.8)
ax.set(xlabel="grey value in", ylabel="grey value out")
ax.legend(frameon=False, fontsize=8)
fig.tight_layout()
figures.show(
    "Two curves from 0 to 1: the classic chain's bends above the dotted diagonal, that "
    "of adjust_gamma(r, 1.2) below it."
)
# zh: figures.show(
# zh:     "从 0 到 1 的两条曲线：经典流程的在虚线对角线上方，"
# zh:     "adjust_gamma(r, 1.2) 的在下方。"
# zh: )

# %% [markdown] lang="en"
# To say what you mean, write the formula. Our `gamma` takes the exponent itself, and its name says so.

# %% [markdown] lang="zh" of="20a0ca60"
# 图中文字：classic chain 经典流程 · grey value in 输入灰度 · grey value out 输出灰度
#
# 要说清楚，就写公式。我们的 `gamma` 直接接收指数，参数名就叫 exponent。

# %% [markdown] lang="en" minutes="6"
# ## Standardisation, from training images only
#
# Networks train more easily when their input has mean 0 and standard deviation 1. Both numbers are measured once, on the training images, inside the FOV. From then on they belong to the network: every later image is shifted and scaled with the same two. One pair serves all four channels of `prepare`, so the differences between the colours stay.
#
# In the code, `@dataclass` makes a class with two named fields, `mean` and `std` (`frozen`: nobody changes them later), and `__call__` lets an object of it be used like a function: `standardise(image)`. After it we measure the pair twice, once as one should and once with the validation images in it, a mistake on purpose; then we look at what the right pair makes of either set.

# %% [markdown] lang="zh" of="3496db42"
# ## 标准化：只用训练图像
#
# 输入的均值为 0、标准差为 1 时，网络更容易训练。这两个数只在训练图像的视野内量一次，之后就属于网络：以后每幅图像都用这两个数平移和缩放。`prepare` 的四个通道共用这一对，颜色之间的差别因此保留下来。
#
# 代码里，`@dataclass` 定义一个有 `mean`、`std` 两个字段的类（`frozen` 表示之后不许改）；有了 `__call__`，它的对象就能像函数一样调用：`standardise(image)`。接着量两次：一次按规矩，一次故意犯错，把验证图像也算进去；再看正确的那一对把两组图像变成什么样。

# %%
from collections.abc import Sequence
from dataclasses import dataclass

# %% tags=["show-source"]
from helpers.preprocess import Standardisation, fit_standardisation

# %%
others = course.load("val")
train_inputs = [prepare(x.image) for x in images]
val_inputs = [prepare(x.image) for x in others]
train_fovs, val_fovs = [x.fov for x in images], [x.fov for x in others]
standardise = fit_standardisation(train_inputs, train_fovs)
leaky = fit_standardisation(train_inputs + val_inputs, train_fovs + val_fovs)
print(f"measured on train: mean {standardise.mean:.4f}, std {standardise.std:.4f}")
# zh: print(f"在 train 上量得：均值 {standardise.mean:.4f}，标准差 {standardise.std:.4f}")
print(f"with val in it:    mean {leaky.mean:.4f}, std {leaky.std:.4f}")
# zh: print(f"把 val 也算进去：均值 {leaky.mean:.4f}，标准差 {leaky.std:.4f}")
for name, eyes, inputs, fovs in (
    ("train", images, train_inputs, train_fovs),
    ("val", others, val_inputs, val_fovs),
):
    after = fit_standardisation([standardise(x) for x in inputs], fovs)
    single = [
        fit_standardisation([standardise(x)], [fov]).std
        for x, fov in zip(inputs, fovs, strict=True)
    ]
    red = np.mean([x.image[0][x.fov[0]].mean() for x in eyes])
    print(
        f"{name:5s} after it: mean {after.mean:+.3f}, std {after.std:.3f}; single eyes "
        f"{min(single):.2f} to {max(single):.2f}; red was {red:.2f}"
    )
    # zh: print(
    # zh:     f"{name:5s} 处理后：均值 {after.mean:+.3f}，标准差 {after.std:.3f}；单只眼睛 "
    # zh:     f"{min(single):.2f}～{max(single):.2f}；原来的红色 {red:.2f}"
    # zh: )

# %% [markdown] lang="en"
# The validation images do not come out at exactly 0 and 1; on DRIVE their standard deviation is 22% too small. Is something broken? No. The number holds the values of all four channels, and most of it is the distance between the channels: red far above blue. It differs from eye to eye, as the range of single eyes shows, and on DRIVE each of the four validation eyes has less red than the mean training eye. Four eyes need not agree with sixteen.
#
# And nobody may measure them. Had they been measured, too, something about them would have gone into every input of the network, and it would no longer be true that it has never met them. This is **data leakage**. Here the numbers hardly move, elsewhere they do, and a score with a leak in it cannot be defended. There is a practical reason, too: a single photograph that arrives tomorrow comes without a set to average over.

# %% [markdown] lang="zh" of="95f3aa9c"
# 验证图像处理后并不正好是 0 和 1；在 DRIVE 上，标准差小了 22%。是哪里错了吗？没有。这个数由四个通道的所有值一起算出，其中大部分来自通道之间的差距：红色远高于蓝色。这个差距每只眼睛都不同，看单只眼睛的范围就知道；而在 DRIVE 上，四只验证眼睛的红色都低于训练图像的平均值。四只眼睛不必和十六只一样。
#
# 况且，验证图像本来就不许用来量均值和标准差。假如用了，它们的信息就会混进网络的每个输入，也就不能再说网络没见过它们。这叫**数据泄漏 (data leakage)**。这里的数字几乎没变，别处会变；而带着泄漏的分数是站不住脚的。还有一个实际的理由：明天只来一张照片，没有一整套图像可以求平均。

# %% [markdown] lang="en" minutes="4"
# ## The classic chain
#
# Many tutorials take over the chain of the repository orobix/retina-unet: a grey image from 0.299 red, 0.587 green and 0.114 blue; standardise over the set; stretch each image from its minimum to its maximum; CLAHE with clip 2 on a grid of 8×8 tiles; exponent 1/1.2. Does every step earn its place?

# %% [markdown] lang="zh" of="510546bc"
# ## 经典流程
#
# 许多教程沿用代码库 orobix/retina-unet 的流程：用 0.299 红、0.587 绿、0.114 蓝合成灰度图；在整个数据集上标准化；每幅图像做最小-最大归一化 (min-max scaling)；CLAHE，阈值 2，8×8 个子块；指数 1/1.2。每一步都有用吗？


# %%
def classic_chain(images, standardised=True):
    """Return the classic chain's picture of each image, (1, H, W) in [0, 1]."""
    weights = np.array([0.299, 0.587, 0.114])
    greys = [np.tensordot(weights, x.image, axes=1)[None] for x in images]
    if standardised:
        mean, std = np.mean(greys), np.std(greys)
        greys = [(grey - mean) / std for grey in greys]
    stretched = [unit(grey) for grey in greys]
    return [gamma(clahe(grey, tiles=8, clip_limit=2 / 256)) for grey in stretched]


chain = classic_chain(images)
without = classic_chain(images, standardised=False)
change = max(float(np.abs(a - b).max()) for a, b in zip(chain, without, strict=True))
print(f"{len(chain)} pictures of shape {chain[0].shape}, mean {np.mean(chain):.3f}")
# zh: print(f"{len(chain)} 幅图像，形状 {chain[0].shape}，平均灰度 {np.mean(chain):.3f}")

# %% [markdown] lang="en"
# **Guess 5.6** Leave out the standardisation. What is the largest change of any grey value, on the scale 0..1?

# %% [markdown] lang="zh" of="cc8909af"
# **猜一猜 5.6** 去掉标准化这一步。灰度范围是 0～1，灰度值最大会变多少？

# %%
guess = None  # your guess, a number from 0 to 1
# zh: guess = None  # 你的猜测，0 到 1 之间的一个数

lesson.ask("05.6", guess, change)

# %% tags=["answer"]
lesson.contract("05.idle", change)

# %% [markdown] lang="en"
# Nothing but rounding. Standardising is $ax + b$ with $a > 0$, and the stretch that follows removes any such step:
#
# $$\frac{(ax + b) - (a x_{min} + b)}{(a x_{max} + b) - (a x_{min} + b)} = \frac{x - x_{min}}{x_{max} - x_{min}}$$
#
# A step that is undone by the next one can be deleted. Standardisation matters where nothing stretches afterwards: at the end, and there the course has it. The chain's other weak point is its grey image: it mixes red, which shows few vessels, into green.

# %% [markdown] lang="zh" of="196b48e8"
# 只有舍入误差。标准化是 $ax + b$，其中 $a > 0$，而随后的拉伸会消去任何这样的一步：
#
# $$\frac{(ax + b) - (a x_{min} + b)}{(a x_{max} + b) - (a x_{min} + b)} = \frac{x - x_{min}}{x_{max} - x_{min}}$$
#
# 公式的意思：先缩放再拉伸，等于直接拉伸。会被下一步抵消的步骤可以删掉。只有后面不再拉伸时标准化才起作用，也就是放在最后，我们的课程正是这样做的。这个流程的另一个弱点是灰度图：它把看不清血管的红色混进了绿色。

# %% [markdown] lang="en" minutes="11"
# ## Three numbers and a clip limit
#
# Now the question that AUC could not settle: how strongly should CLAHE act? We put two numbers beside AUC.
#
# - **Contrast**: mean background minus mean vessel, in standard deviations of the picture.
# - **Noise**: in flat areas, far from every vessel and from the rim, how much does a pixel differ from the mean of its 5×5 neighbours? Given in grey levels of 255.

# %% [markdown] lang="zh" of="7e70f6bb"
# ## 三个数字与截断阈值
#
# 现在回到 AUC 解决不了的问题：CLAHE 该用多强？我们在 AUC 旁边再放两个数。
#
# - **对比度**：背景均值减血管均值，以图像的标准差为单位。
# - **噪声**：在平坦区域，即远离所有血管和视野边缘的地方，一个像素与它 5×5 邻域均值相差多少？以 255 级灰度为单位。


# %%
def step(grey, x):
    """Return mean background minus mean vessel inside the FOV."""
    return grey[x.fov & ~x.vessels].mean() - grey[x.fov & x.vessels].mean()


def flat_area(x):
    """Mark the pixels far from vessels and rim: 2 % of the FOV's diameter."""
    distance = ndimage.distance_transform_edt((x.fov & ~x.vessels)[0])
    return (distance > 0.02 * fundus.fov_diameter(x.fov))[None]


def noise(grey, flat):
    """Return the standard deviation of a pixel against the mean of 5 x 5."""
    return (grey - ndimage.uniform_filter(grey, (1, 5, 5)))[flat].std()


flats = [flat_area(x) for x in images]
plain = green(eye.image)
print(f"flat area: {flats[0].sum() / eye.fov.sum():.0%} of the FOV of image {eye.name}")
# zh: print(f"平坦区域：占图像 {eye.name} 视野的 {flats[0].sum() / eye.fov.sum():.0%}")
print(f"contrast of green: {step(plain, eye) / plain[eye.fov].std():.2f} SD")
# zh: print(f"绿色通道的对比度：{step(plain, eye) / plain[eye.fov].std():.2f} 个标准差")
print(f"noise of green: {255 * noise(plain, flats[0]):.1f} of 255 grey levels")
# zh: print(f"绿色通道的噪声：{255 * noise(plain, flats[0]):.1f} 个灰度级（共 255 级）")

# %% [markdown] lang="en"
# The next cell measures ten versions of the green channel on all training images. "half" has all grey values divided by two, "equalised" is the whole image by one curve, "no clip" is CLAHE without a limit. (`most=most` gives each `lambda` the limit of its own turn of the loop.) It prints no result yet.

# %% [markdown] lang="zh" of="c1a6a118"
# 下一个单元格在全部训练图像上测量绿色通道的十种版本。half 把所有灰度值除以二，equalised 用一条曲线均衡化整幅图像，no clip 是没有阈值的 CLAHE。（`most=most` 让每个 `lambda` 记住自己那一轮循环的阈值。）先不打印结果。

# %%
versions = {
    "green": lambda x: green(x.image),
    "half": lambda x: green(x.image) / 2,
    "gamma": lambda x: gamma(green(x.image)),
    "equalised": lambda x: equalise(green(x.image), x.fov),
}
limits = {f"clip {n}/256": n / 256 for n in (2, 4, 8, 16, 40)} | {"no clip": 1.0}
for name, most in limits.items():
    versions[name] = lambda x, most=most: clahe(green(x.image), clip_limit=most)


def measure(make):
    """Return AUC, contrast, step and noise of make(x), means over the images."""
    values = []
    for x, flat in zip(images, flats, strict=True):
        grey = make(x)
        auc = metrics.auc_roc(metrics.histogram(1 - grey, x.vessels, x.fov))
        dark = step(grey, x)
        values.append(
            (auc, dark / grey[x.fov].std(), 255 * dark, 255 * noise(grey, flat))
        )
    return np.mean(values, axis=0)


rows = {name: measure(make) for name, make in versions.items()}
print(f"measured {len(rows)} versions on {len(images)} images")
# zh: print(f"在 {len(images)} 幅图像上量好了 {len(rows)} 种版本")

# %% [markdown] lang="en"
# **Guess 5.7** Which clip limit has the highest AUC: 2, 4, 8, 16 or 40 (each over 256), or `"no clip"`?

# %% [markdown] lang="zh" of="71866b0c"
# **猜一猜 5.7** 哪个截断阈值的 AUC 最高：2、4、8、16、40（都除以 256），还是 `"no clip"`（不截断）？

# %%
guess = None  # your guess: 2, 4, 8, 16, 40 or "no clip"
# zh: guess = None  # 你的猜测：2、4、8、16、40 或 "no clip"

lesson.ask("05.7", guess, rows)

# %% tags=["answer"]
print(f"{'':12s}   AUC  contrast  noise   step  step/noise")
for name, (auc, contrast, dark, rough) in rows.items():
    numbers = f"{auc:.3f} {contrast:9.2f} {rough:6.1f} {dark:6.1f} {dark / rough:11.2f}"
    print(f"{name:12s} {numbers}")
lesson.contract("05.auc", (rows["green"][0], rows["clip 2/256"][0]), course)

# %% [markdown] lang="en"
# "step" is background minus vessel in grey levels, and the contrast is this number divided by the standard deviation. Go through the columns and ask the two questions:
#
# | number | sees | cannot see |
# |---|---|---|
# | AUC, one image | the order of two pixels | any rising curve: half, gamma, equalised; how rough the picture became |
# | AUC, pooled | the order, across eyes | whether vessels became clearer or the eyes merely alike |
# | contrast | the step against all variation of the picture | brightness and scale (half); where the variation comes from |
# | noise | roughness of flat areas | vessels; by itself it would choose a black picture (half has half the noise) |
# | step/noise | the step of the vessels against the size of the grain | shape: a vessel is a line, and a network sees lines |

# %% [markdown] lang="zh" of="678eedc9"
# 表中文字：contrast 对比度 · noise 噪声 · step 灰度差 · step/noise 两者之比 · half 减半 · equalised 均衡化 · no clip 不截断
#
# step 是背景减血管的灰度差，对比度就是它除以标准差。逐列看，问那两句话：
#
# | 数字 | 看得见 | 看不见 |
# |---|---|---|
# | AUC，单幅图像 | 两个像素的次序 | 任何上升的曲线：减半、伽马、均衡化；图像变得多粗糙 |
# | AUC，合并 | 跨眼睛的次序 | 是血管更清楚了，还是各只眼睛只是变得一样 |
# | 对比度 | 灰度差与整幅图像起伏之比 | 亮度和比例（减半）；起伏来自哪里 |
# | 噪声 | 平坦区域的粗糙程度 | 血管；单凭它会选一幅全黑的图像（减半后噪声也减半） |
# | 灰度差/噪声 | 血管灰度差与颗粒大小之比 | 形状：血管是线，而网络看得见线 |

# %%
highest = max(limits, key=lambda name: rows[name][0])
louder = rows[highest][3] / rows["green"][3]
larger = rows[highest][2] / rows["green"][2]
print(f"{highest}, the highest AUC: step × {larger:.1f}, but noise × {louder:.1f}")
# zh: print(f"{highest} 的 AUC 最高：灰度差 × {larger:.1f}，但噪声 × {louder:.1f}")
calmest = max(limits, key=lambda name: rows[name][2] / rows[name][3])
print(f"the best step for its noise has {calmest}")
# zh: print(f"灰度差与噪声之比最好的是 {calmest}")

# %% fold="Draw AUC, noise and step/noise against the limit" fold_zh="画出 AUC、噪声、灰度差/噪声随阈值的变化"
shown = list(limits)
fig, axes = plt.subplots(1, 3, figsize=(9, 2.7), dpi=figures.DPI)
for ax, title, values in (
    (axes[0], "AUC per image", [rows[name][0] for name in shown]),
    (axes[1], "noise, grey levels", [rows[name][3] for name in shown]),
    (axes[2], "step / noise", [rows[name][2] / rows[name][3] for name in shown]),
):
    ax.plot(range(len(shown)), values, "o-", color=figures.BLUE)
    ax.set_xticks(range(len(shown)), ["2", "4", "8", "16", "40", "none"])
    ax.set(title=title, xlabel="clip limit × 256", ylim=(0, 1.1 * max(values)))
axes[0].set_ylim(0.5, 1)
fig.tight_layout()
figures.show(
    "Three curves against the clip limit, from 2 to none. AUC goes from "
    f"{rows['clip 2/256'][0]:.2f} to {rows['no clip'][0]:.2f}, noise from "
    f"{rows['clip 2/256'][3]:.1f} to {rows['no clip'][3]:.1f} grey levels; step over "
    f"noise is best with {calmest}."
)
# zh: figures.show(
# zh:     "三条随截断阈值变化的曲线，阈值从 2 到不截断。AUC 从 "
# zh:     f"{rows['clip 2/256'][0]:.2f} 到 {rows['no clip'][0]:.2f}，噪声从 "
# zh:     f"{rows['clip 2/256'][3]:.1f} 到 {rows['no clip'][3]:.1f} 个灰度级；"
# zh:     f"灰度差与噪声之比在 {calmest} 时最好。"
# zh: )

# %% [markdown] lang="en"
# The same piece of the eye, from untouched to unclipped:

# %% [markdown] lang="zh" of="255f4410"
# 图中文字：AUC per image 逐幅 AUC · noise, grey levels 噪声（灰度级） · step / noise 灰度差与噪声之比 · clip limit × 256 截断阈值乘 256 · none 不截断
#
# 同一块眼底，从不处理到不截断：

# %% fold="Draw four of the versions" fold_zh="画出其中四种版本"
names = ["green", "clip 2/256", "clip 8/256", "no clip"]
figures.show_images([versions[name](eye)[0][crop] for name in names], names, size=2.2)
figures.show(
    "The piece of the eye in four versions. From the untouched green channel to no clip "
    "the vessels become darker, and the grain between them stronger and stronger."
)
# zh: figures.show(
# zh:     "那块眼底的四种版本：从不处理的绿色通道到不截断，血管越来越暗，"
# zh:     "血管之间的颗粒也越来越重。"
# zh: )

# %% [markdown] lang="en"
# Turn the knob yourself. At 1 no curve may be steeper than the diagonal; where would you stop?

# %% [markdown] lang="zh" of="54aca6f6"
# 图中文字：green 绿色通道 · clip 截断 · no clip 不截断
#
# 自己调一调。阈值为 1 时，曲线哪里都不许比对角线陡；你会停在哪里？

# %% title="Turn the clip limit" title_zh="调一调截断阈值"
CLIP = 2  # @param {type: "slider", min: 1, max: 40, step: 1}

mine = clahe(green(eye.image), clip_limit=CLIP / 256)
gain = step(mine, eye) / step(plain, eye)
grain = noise(mine, flats[0]) / noise(plain, flats[0])
figures.show_images(
    [plain[0][crop], mine[0][crop]], ["green", f"clip {CLIP}/256"], size=3
)
figures.show(
    f"The piece of the eye before and after CLAHE with limit {CLIP}/256: the step from "
    f"vessel to background is {gain:.1f} times as large, the noise {grain:.1f} times."
)
# zh: figures.show(
# zh:     f"那块眼底在 CLAHE（阈值 {CLIP}/256）前后：血管与背景的灰度差是原来的 "
# zh:     f"{gain:.1f} 倍，噪声是 {grain:.1f} 倍。"
# zh: )
print(f"limit {CLIP}/256, this eye: step × {gain:.1f}, noise × {grain:.1f}")
# zh: print(f"阈值 {CLIP}/256，这只眼睛：灰度差 × {gain:.1f}，噪声 × {grain:.1f}")

# %% [markdown] lang="en"
# So **AUC alone must not choose a clip limit**. It rises because stronger equalisation removes more of the uneven light, and it hardly minds the grain that comes along. The limit of 2/256 keeps the promise of step 3: on DRIVE it enlarges vessels and noise about twice, and the table shows what stronger settings buy and what they cost.
#
# And note which images were asked: the training images. A limit chosen on test images would be one more thing fitted to them.

# %% [markdown] lang="zh" of="b7caafdc"
# 图中文字：green 绿色通道 · clip 截断
#
# 所以**不能只凭 AUC 选截断阈值**。AUC 上升，是因为更强的均衡化去掉了更多的光照不均；随之而来的颗粒，它几乎不在意。阈值 2/256 兑现了第 3 步的承诺：在 DRIVE 上，血管和噪声都放大到两倍左右。更强的设置换来什么、付出什么，表里都有。
#
# 还要注意问的是哪些图像：训练图像。在测试图像上选阈值，又等于在测试图像上多拟合了一项。

# %% [markdown] lang="en" minutes="3"
# ## What the network is shown
#
# `enhance` is the course's chain: green channel, CLAHE with 8×8 tiles and limit 2/256, exponent 1/1.2. It is the classic chain without its grey mixture and without its idle step. `prepare` puts the photograph's own red, green and blue beside it. These four channels, with the standardisation of the training images, are the network's input from chapter 08 on; 06 and 07 take the enhanced green alone, which is easier to look at.

# %% [markdown] lang="zh" of="0bf7ee3e"
# ## 给网络看什么
#
# `enhance` 就是本课程的流程：绿色通道，CLAHE（8×8 个子块，阈值 2/256），指数 1/1.2。它是经典流程去掉了灰度混合和不起作用的那一步。`prepare` 再把照片本身的红、绿、蓝放在它旁边。从第 08 章起，网络的输入就是这四个通道，用训练图像的均值和标准差做过标准化；第 06、07 章只用处理后的绿色通道，看起来更方便。

# %%
final = enhance(eye.image)
ours, classic = (
    metrics.auc_roc(metrics.histogram(1 - g, eye.vessels, eye.fov))
    for g in (final, chain[0].clip(0, 1))
)
print(f"AUC of this eye: classic chain {classic:.3f}, course's chain {ours:.3f}")
# zh: print(f"这只眼睛的 AUC：经典流程 {classic:.3f}，本课程的流程 {ours:.3f}")
course.record(
    clahe_mean_difference=mean_difference,
    auc_green=float(rows["green"][0]),
    auc_clahe=float(rows["clip 2/256"][0]),
)

# %% fold="Draw the classic chain and the course's" fold_zh="画出经典流程和本课程的流程"
figures.show_images(
    [chain[0][0][crop], final[0][crop]],
    ["classic chain (grey)", "course's chain (green)"],
    size=2.6,
)
figures.show(
    "The piece of the eye after the classic chain and after the course's chain; in the "
    "second the vessels are darker and clearer."
)
# zh: figures.show(
# zh:     "那块眼底：经典流程的结果和本课程流程的结果；后者的血管更暗、更清楚。"
# zh: )

# %% [markdown] lang="en"
# All numbers of this chapter ask what a single pixel shows. A trained network looks at a neighbourhood and can learn to subtract the background by itself. Whether CLAHE still helps it is another question, and only training with and without it can answer it: [chapter 12](12_what_matters.ipynb) does. Good published networks, such as the small ones of Galdran et al. (2022), take the colours as they are.
#
# The course shows its network both: the chain, which looks alike under every lamp, and the colours, which hold more than green alone. With four channels the network can take from each what helps. What green alone, the chain alone and the colours alone are worth, chapter 12 measures on held-out eyes, under the usual lamp and under another.
#
# **Extra:** OpenCV shares out once. Which `clip_limit` of the library comes closest to `clahe_by_hand` with one round?
#
# **Extra:** subtract a strongly blurred copy (`ndimage.gaussian_filter`, sigma 15) from green, bring it to 0..1 with `unit`, and put it through `measure`. What does this simple step reach, and why?

# %% [markdown] lang="zh" of="ef882087"
# 图中文字：classic chain (grey) 经典流程（灰度图） · course's chain (green) 本课程的流程（绿色通道）
#
# 本章所有数字问的都是单个像素显示了什么。网络看的是邻域，经过训练，它自己就能学会减去背景。CLAHE 对它是否还有帮助，是另一个问题。要回答，只能有 CLAHE 和没有 CLAHE 各训练一遍，[第 12 章](12_what_matters.ipynb)就是这样做的。一些已发表的好网络直接使用彩色照片，例如 Galdran 等人 (2022) 的小网络。
#
# 本课程的网络两样都看：处理后的绿色通道，在什么光照下看起来都差不多；原来的颜色，信息比单独的绿色多。有了四个通道，网络可以各取所需。只用绿色通道、只用处理后的绿色通道、只用颜色，各值多少，第 12 章在没有参加训练的眼睛上测量，既用平常的光照，也换一种光照。
#
# **选做：** OpenCV 只分一轮。库函数的 `clip_limit` 取多少，最接近只分一轮的 `clahe_by_hand`？
#
# **选做：** 从绿色通道减去强烈模糊的副本（`ndimage.gaussian_filter`，sigma 取 15），用 `unit` 变回 0～1，再交给 `measure`。这一步很简单，能达到多少，为什么？

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - AUC is the share of pairs, one vessel and one background pixel, in the right order. It cannot see a rising curve.
# - Equalisation uses the running total of the histogram as a curve. CLAHE does so in tiles, limits the slope, and blends the curves of four centres.
# - The clip limit says by how much, about, contrast is stretched at most, noise included.
# - The same setting goes by other numbers elsewhere: tile count and tile size, clip limits, gamma. Put one value in and look.
# - Means and standard deviations come from the training images only. A standardisation before a stretch does nothing.
# - A number never decides alone: ask what it cannot see.

# %% [markdown] lang="zh" of="1141bc7d"
# ## 小结
#
# - AUC 是次序正确的像素对所占的比例，每对一个血管像素、一个背景像素。它看不见上升的曲线。
# - 均衡化把直方图逐级累加，当作曲线来用。CLAHE 在子块里这样做，限制斜率，再混合四个中心的曲线。
# - 截断阈值大致就是对比度最多放大的倍数，噪声也包括在内。
# - 同一个设置，换个库就是另一个数：子块个数与子块大小、截断阈值、伽马。代入一个值看看。
# - 均值和标准差只来自训练图像。拉伸之前的标准化不起作用。
# - 一个数字不能单独做决定：先问它看不见什么。

# %% [markdown] lang="en" minutes="1"
# ## Sources
#
# - This chapter takes the place of section 3.1, "data pre-processing", of the "U-Net study notes" (a Chinese blog post; our copy holds only the heading of that section, the post itself may say more).
# - Pizer et al., Adaptive histogram equalization and its variations, Computer Vision, Graphics, and Image Processing 39, 1987, [doi:10.1016/S0734-189X(87)80186-X](https://doi.org/10.1016/S0734-189X%2887%2980186-X)
# - Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 1994, 474-485
# - scikit-image, [`equalize_adapthist`](https://scikit-image.org/docs/stable/api/skimage.exposure.html)
# - The classic chain: [orobix/retina-unet](https://github.com/orobix/retina-unet)
# - Images: DRIVE, Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627). Or CHASE_DB1, where it is used: Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0.
# - Galdran et al., State-of-the-art retinal vessel segmentation with minimalistic models, Scientific Reports 12, 2022, [doi:10.1038/s41598-022-09675-y](https://doi.org/10.1038/s41598-022-09675-y)
#
# Next: [06 augmentation](06_augmentation.ipynb)

# %% [markdown] lang="zh" of="49f3c2c6"
# ## 参考资料
#
# - 本章对应中文博文《U-net学习笔记》的 3.1 节“数据预处理”（我们手头的存档里，这一节只有标题；原文可能有内容）。
# - Pizer et al., Adaptive histogram equalization and its variations, Computer Vision, Graphics, and Image Processing 39, 1987, [doi:10.1016/S0734-189X(87)80186-X](https://doi.org/10.1016/S0734-189X%2887%2980186-X)
# - Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 1994, 474-485
# - scikit-image，[`equalize_adapthist`](https://scikit-image.org/docs/stable/api/skimage.exposure.html)
# - 经典流程：[orobix/retina-unet](https://github.com/orobix/retina-unet)
# - 图像：DRIVE, Staal et al., IEEE Transactions on Medical Imaging 23(4), 2004, [doi:10.1109/TMI.2004.825627](https://doi.org/10.1109/TMI.2004.825627)。使用 CHASE_DB1 时：Fraz et al. 2012，[doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。
# - Galdran et al., State-of-the-art retinal vessel segmentation with minimalistic models, Scientific Reports 12, 2022, [doi:10.1038/s41598-022-09675-y](https://doi.org/10.1038/s41598-022-09675-y)
#
# 下一章：[06 数据增强](06_augmentation.ipynb)

# %% include="ticket"
