# ---
# gpu: false
# ---
# %% [markdown] lang="en"
# # 14 Your turn
#
# *Your plan, your choices, one submission: how good is it on eyes that chose nothing?*

# %% [markdown] lang="zh" of="3fb32712"
# # 14 轮到你了
#
# *自己定计划，自己做选择，只提交一次：在没有参与任何选择的眼睛上，结果有多好？*

# %% [markdown] include="badges"

# %% [markdown] lang="en"
# **After this chapter you can** state a plan before you measure, develop on eyes that may be looked at, submit once, read the score with its interval, and write down what it shows and what it does not.
#
# **Minutes** {{minutes}} to read and try, {{computing}} to compute.
#
# **You need** thresholds and intervals (chapter 09), other cameras (11), comparisons on the same eyes (12). Chapter 13 is an elective; nothing here needs it.
#
# **You are here**

# %% [markdown] lang="zh" of="706b3f7e"
# **学完这一章你能** 在测量之前写下计划，在允许看的眼睛上反复试，只提交一次，读懂分数和它的置信区间，并写清楚它说明了什么、没有说明什么。
#
# **用时** 阅读和练习 {{minutes}} 分钟，计算 {{computing}} 分钟。
#
# **预备知识** 阈值和置信区间（第 09 章），别的相机（第 11 章），在同一批眼睛上比较（第 12 章）。第 13 章是选修，这里用不到。
#
# **你在这里**

# %% include="setup"
from helpers import lesson

course = lesson.start()

# %% [markdown] lang="en" minutes="3"
# ## The task
#
# The network of this course learnt from DRIVE. Bring it to another camera: CHASE_DB1, both eyes of 14 children. (Where this set is not in your data folder, the chapter draws phantoms in the light of a dim, reddish lamp. `python3 -m helpers data CHASEDB1`, typed in the course folder, fetches the photographs; in a cell of Colab, `!cd /content/fundus_course && python3 -m helpers data CHASEDB1`.)
#
# The **development eyes** are yours: children 01 to 10, with labels (of the phantoms, 41 to 50). The **test eyes**, children 11 to 14 (phantoms 51 to 58), come as photographs only.
#
# The **score** is the Dice on all pixels of the eight test eyes, at your threshold, and its difference to the baseline, with a 95% interval over children (over eyes, where they are drawn). The AUC stands beside it. Where a teacher grades, it is the way, not the score: the plan, the protocol, a result that is read rightly, the discussion ([rubric](../TEACHING.md#14-your-turn)). How large the gain is earns nothing. Beside your score stand the **baseline**, the network as it is shipped with DRIVE's threshold and nothing changed, and the second human observer.
#
# Five rules:
#
# 1. State a plan, in one or two sentences, before you measure anything.
# 2. Measure on the development eyes as often as you like. Each measurement is counted and kept.
# 3. Choose the threshold, and all else, by the development eyes.
# 4. Submit once.
# 5. Report what comes out, whatever it is.
#
# To read this chapter takes a good half hour; the work itself an hour, or an evening.
#
# Nothing stops a cheat. The labels of the test eyes are files in your data folder, next to the others, and the record is a file that you could edit. What it costs: a number that was chosen by the test eyes no longer says how the network does on the next child, and nobody can tell by looking at it, not even you. The rules protect the one who keeps them.
#
# One thing was given away already: chapter 11 prints the best threshold for all eyes of CHASE_DB1, those of the test among them (and where CHASE_DB1 is the set of all your chapters, chapter 09 scored children 11 to 14). Do not take it from there. The development eyes give you one.

# %% [markdown] lang="zh" of="f99a721f"
# ## 任务
#
# 课程的网络是在 DRIVE 上学的。现在要用到另一台相机上：CHASE_DB1，14 个孩子的双眼。（数据文件夹里没有这个数据集时，本章改用仿真眼底图，光照换成一盏昏暗发红的灯。在课程文件夹里运行 `python3 -m helpers data CHASEDB1` 可以下载照片；在 Colab 里，新建一个单元格运行 `!cd /content/fundus_course && python3 -m helpers data CHASEDB1`。）
#
# **开发集** (development set) 归你用：01 到 10 号孩子，带标签（仿真眼底图是 41 到 50 号）。**测试集**是 11 到 14 号孩子（仿真眼底图是 51 到 58 号），只给照片。
#
# **分数**是八只测试集眼睛的全部像素合在一起、用你的阈值算出的 Dice，以及它和基线的差值，附上按孩子（仿真眼底图按眼睛）算的 95% 置信区间；旁边还列出 AUC。老师打分时，评的是做法，不是这个分数：计划、规则、结果读得对不对、讨论（[评分标准](../TEACHING.zh-CN.md#14-轮到你了)，[英文](../TEACHING.md#14-your-turn)）；提高了多少不计分。你的分数旁边有两个对照：一个是**基线** (baseline)，也就是随课程提供的网络，用 DRIVE 的阈值，什么都不改；另一个是第二标注者。
#
# 规则有五条：
#
# 1. 测量之前，先用一两句话写下计划。
# 2. 在开发集上想测几次就测几次，每一次都计数并保存。
# 3. 阈值和其他一切，都由开发集来选。
# 4. 只提交一次。
# 5. 结果是什么，就报告什么。
#
# 读完这一章要半个多小时；真正动手，一小时或者一个晚上。
#
# 作弊是拦不住的。测试集的标签就在你的数据文件夹里，和别的标签放在一起；记录也只是一个文件，可以改。代价在于：照着测试集选出来的数字，不再说明网络遇到下一个孩子会怎样，而且光看数字谁也看不出来，包括你自己。规则保护的是遵守它的人。
#
# 有一点已经提前透露了：第 11 章打印过 CHASE_DB1 全部眼睛的最佳阈值，其中就有测试集的（如果你各章用的都是 CHASE_DB1，第 09 章还给 11 到 14 号孩子评过分）。不要照抄那个阈值，开发集会给你一个。

# %%
import copy
import dataclasses
import itertools

import matplotlib.pyplot as plt
import numpy as np

from helpers import augment, figures, inference, metrics, task, training
from helpers.config import TrainConfig

turn = task.begin(course.mode, diameter=540, tta="none", steps=0, note="")
shipped = inference.Segmenter.load()  # the weights that come with the course
development = turn.development()  # reads or draws them, and their labels
print(f"{turn.dataset}: {len(development)} development eyes, {len(turn.ids('test'))} test eyes")
# zh: print(f"{turn.dataset}：开发集 {len(development)} 只眼睛，测试集 {len(turn.ids('test'))} 只")
if not turn.real:
    print("These are drawn eyes: their scores say nothing of photographs.")
    # zh: print("这些是仿真眼底图，上面的分数不能说明真实照片上的表现。")

# %% [markdown] lang="en" minutes="1"
# ## Look first
#
# Before any plan, look at what you have: three of the development eyes, what the first observer drew, and what the unchanged network says.
#
# In [14-03] the chapter measures the baseline. This measurement is not yours and does not count against rule 1: `turn.example`, the settings of [14-01], marks it as the chapter's own.

# %% [markdown] lang="zh" of="bb5fdd7a"
# ## 先看一看
#
# 定计划之前，先看看手里有什么：开发集的三只眼睛，第一标注者画的血管，还有没改动的网络给出的结果。
#
# [14-03] 里由本章测量基线。这次测量不是你的，不算违反第 1 条：`turn.example` 就是 [14-01] 里的那组设置，用来标明这是本章自己测的。
#
# 图中文字：每列一只眼睛，上面是编号；第一行照片，第二行标签，第三行错误图（白色找到，橙色误报，蓝色漏掉，灰色在视野以外）。

# %% fold="Draw three development eyes" fold_zh="画出开发集的三只眼睛"
unchanged = {x.name: shipped.probs(x.image, x.fov) for x in development}
shown = development[:: len(development) // 3][:3]
panels = [figures.to_picture(x.image) for x in shown]
panels += [figures.to_picture(x.vessels) for x in shown]
for x in shown:
    marked = unchanged[x.name] >= shipped.threshold
    panels.append(figures.error_map(marked, x.vessels, x.fov))
figures.show_images(panels, [x.name for x in shown] + [""] * 6, 3, 2.4)
figures.show("Three eyes in columns: photograph, label, and the error map of the unchanged network")
# zh: figures.show("三只眼睛各占一列：照片、标签、没有改动的网络的错误图")

# %%
before = turn.measure(unchanged, shipped.threshold, **turn.example)
labelled = np.mean([x.vessels[x.fov].mean() for x in development])
marked_share = np.mean([(unchanged[x.name] >= shipped.threshold)[x.fov].mean() for x in development])
print(f"unchanged: Dice {before['dice']:.4f}, AUC {before['auc_roc']:.4f}; ", end="")
# zh: print(f"没有改动：Dice {before['dice']:.4f}，AUC {before['auc_roc']:.4f}；", end="")
print(f"marked {marked_share:.1%}, labelled {labelled:.1%} of the field of view")
# zh: print(f"标出视野的 {marked_share:.1%}，标签里是 {labelled:.1%}")
lesson.contract("14.baseline", before["dice"], turn)

# %% [markdown] lang="en" minutes="2"
# ## How choosing flatters
#
# You may measure as often as you like. It is not free.
#
# **Guess 14.1** Twenty ways to change the network are tried, and in truth none of them is better or worse than the baseline. Each measured difference is off by chance, with a standard deviation of 1 (in some unit, say 0.003 Dice). You keep the best of the twenty. How far above the baseline does it look, on average, in standard deviations? (Guess, or let NumPy draw in a cell of your own: `np.random.default_rng(0).standard_normal(20)` is one such twenty.)

# %% [markdown] lang="zh" of="57c20800"
# ## 挑选会让分数变好看
#
# 想测几次就测几次，但不是没有代价。
#
# **猜一猜 14.1** 试了二十种改法，其实没有一种比基线好，也没有一种比它差。每次测得的差值都受偶然影响，标准差是 1（单位随便取，比如 0.003 Dice）。你留下二十种里最好的一种。平均来说，它看上去比基线高出几个标准差？（可以猜，也可以自己加一个单元格，让 NumPy 来抽：`np.random.default_rng(0).standard_normal(20)` 就是这样的二十次。）

# %%
guess_of_twenty = None  # your guess, in standard deviations
# zh: guess_of_twenty = None  # 你的猜测，单位是标准差

lesson.ask("14.1", guess_of_twenty)

# %% tags=["answer"]
luck = np.random.default_rng(0).standard_normal((100_000, 20))  # no way is better
best_looking = luck.max(axis=1).mean()
print(f"the best of 20 looks {best_looking:.2f} standard deviations better")
# zh: print(f"20 种里最好的一种，看上去高出 {best_looking:.2f} 个标准差")
lesson.contract("14.twenty", best_looking)

# %% [markdown] lang="en" minutes="7"
# ## A protocol that a program can check
#
# So a score is worth as much as the story of how it was chosen. That story is kept: `turn.events()` lists what happened, in order, as the words `"plan"`, `"measure"` and `"submit"`. (What this chapter itself measures, before you have a plan, is left out.)
#
# **Exercise 14.2** Return True if the protocol was kept: the first event is a plan, and there is exactly one submission. At the very beginning the list is empty, `[]`: not kept yet.

# %% [markdown] lang="zh" of="50d33f6e"
# ## 能由程序检查的规则
#
# 所以一个分数有多可信，要看它是怎样选出来的。这个过程会保存下来：`turn.events()` 按先后列出发生过的事，每件是 `"plan"`（计划）、`"measure"`（测量）、`"submit"`（提交）三个词之一。（你写下计划之前，本章自己做的测量不算在内。）
#
# **练习 14.2** 遵守了规则就返回 True：第一件事是计划，并且恰好提交了一次。刚开始时列表是空的（`[]`），还不算遵守。

# %% tags=["exercise"]
def kept(events):
    return None  # your code here
    # zh: return None  # 在这里写代码


kept = lesson.exercise("14.2", kept)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 14.2}}
#
# It cannot see everything: what you tried without `turn.measure`, or which files you opened. A protocol is a promise; the program keeps the minutes.
#
# </details>

# %% [markdown] lang="zh" of="b4cd39da"
# <details><summary>参考答案</summary>
#
# {{solution 14.2}}
#
# 它看不到全部：没有用 `turn.measure` 试过什么，打开过哪些文件，它都不知道。规则是一种承诺，程序只负责记录。
#
# </details>

# %% [markdown] lang="en" minutes="2"
# ## Your plan
#
# Write into `PLAN` what you will change, how you will choose, and what you expect. For example: "I keep the network, average four mirrored copies, and choose the threshold with the best Dice on all development eyes. I expect a gain of 0.02." The plan is kept with its SHA-256 and the time. You may state another one later; then the report shows both, and how many measurements lay between.
#
# Empty, the chapter goes on with an example, so that you see all of it run: the network as it is, the threshold from the development eyes. The example can be measured, not submitted. After it you have seen what the threshold alone does on the development eyes. Say so in your plan; whoever wants a plan made blind writes it now, before [14-11].
#
# A new start? Deleting `your-turn/.../record.json` in your output folder empties the record, not your memory. It is honest as long as nothing was submitted and the report says, under `FOUND`, that you began anew and how often you had measured before.

# %% [markdown] lang="zh" of="a1a42435"
# ## 你的计划
#
# 在 `PLAN` 里写下：要改什么，怎样选，预期如何。例如：“网络不变，对四个镜像副本的预测取平均，阈值取全部开发集上 Dice 最高的那个。预计提高 0.02。”计划连同它的 SHA-256 和时间一起保存。以后可以改写；报告里两版都有，还会写明中间测过几次。
#
# 不填的话，本章就用一个例子往下走，让你看到全部流程：网络不变，阈值由开发集来选。这个例子可以测量，但不能提交。这样一来，你已经看到了单靠阈值能在开发集上改变多少，请在计划里写明；想在没看到之前就定计划，现在就写，赶在 [14-11] 之前。
#
# 想重新开始？删掉输出文件夹里的 `your-turn/.../record.json`，记录就清空了，但你看过的结果还在脑子里。只要还没有提交，并且在报告的 `FOUND` 里写明重新开始过、之前测过几次，这样做就是诚实的。

# %% title="Your plan" title_zh="你的计划"
PLAN = ""  # @param {type:"string"}

plan = turn.state_plan(PLAN)
if plan is None:
    print("No plan of yours yet: the example is used, and nothing can be submitted.")
    # zh: print("你还没有写计划：先用例子，不能提交。")
elif PLAN.strip():
    print(f"plan {plan['number']}, {plan['time']}, SHA-256 {plan['sha256'][:12]}...")
    # zh: print(f"计划 {plan['number']}，{plan['time']}，SHA-256 {plan['sha256'][:12]}...")
else:
    print(f"plan {plan['number']}, stated {plan['time']}, still holds: {plan['text']}")
    # zh: print(f"计划 {plan['number']}，写于 {plan['time']}，仍然有效：{plan['text']}")

# %% [markdown] lang="en" minutes="3"
# ## Your way
#
# Three knobs, and a function that you may rewrite altogether:
#
# - `DIAMETER`: how many pixels wide the network sees the field of view. It was trained at 540. CHASE_DB1's camera shows 30 degrees where DRIVE's shows 45.
# - `TTA` (test-time augmentation): average the predictions of the four mirrored copies (`flips`), or of all eight ways to turn and mirror a square (`d4`, the name of that group in mathematics).
# - `STEPS`: **fine-tuning**, that is, go on training the shipped network for so many steps on the children 01 to 08 (phantoms 41 to 46). 100 steps take a quarter to half a minute on two cores. The augmentation is that of chapter 06; hand over your own.
#
# If you rewrite `predict`, write in `NOTE` what you did: the report shows it.
#
# For fine-tuning, photographs and labels are shrunk to the diameter that the network sees (`task.at_diameter`). Scores are counted at the photograph's own size, as always.

# %% [markdown] lang="zh" of="f860674c"
# ## 你的做法
#
# 有三个可调的地方，还有一个可以整个重写的函数：
#
# - `DIAMETER`：网络看到的视野宽多少像素。它训练时是 540。CHASE_DB1 的相机拍 30 度，DRIVE 的拍 45 度。
# - `TTA`：测试时增强 (test-time augmentation)，对四个镜像副本（`flips`）的预测取平均，或者对正方形的全部八种旋转和镜像取平均（`d4`，数学里这个群的名字）。
# - `STEPS`：**微调** (fine-tuning)，也就是让随课程提供的网络用 01 到 08 号孩子的眼睛（仿真眼底图是 41 到 46 号）接着训练这么多步。两个 CPU 核上，100 步要十五到三十秒。数据增强用第 06 章的，也可以换成你自己的。
#
# 如果改写了 `predict`，就在 `NOTE` 里写下改了什么：报告里会显示。
#
# 微调时，照片和标签都缩小到网络看到的直径（`task.at_diameter`）。评分照旧在照片原来的大小上进行。

# %% title="Your settings" title_zh="你的设置"
DIAMETER = 540  # @param {type:"slider", min:360, max:720, step:20}
TTA = "none"  # @param ["none", "flips", "d4"]
STEPS = 0  # @param {type:"slider", min:0, max:400, step:50}
NOTE = ""  # @param {type:"string"}

settings = {"diameter": DIAMETER, "tta": TTA, "steps": STEPS, "note": NOTE}

# %%
def fine_tuned(steps, diameter):
    """Go on training the shipped network; eyes of "val" are only watched."""
    train, val = (
        [task.at_diameter(x, diameter) for x in turn.development(part)]
        for part in ("train", "val")
    )
    short = {"steps": steps, "val_every": steps, "learning_rate": 1e-3}
    recipe = dataclasses.replace(TrainConfig(), **short)
    start = copy.deepcopy(shipped.model)
    run = training.new_run(train, val, recipe, model=start, augment=augment.augment)
    return training.segmenter(run.finish(), train)


network = dataclasses.replace(shipped, fov_diameter=float(DIAMETER))
if STEPS:
    network = fine_tuned(STEPS, DIAMETER)


def predict(image, fov):
    """Return vessel probabilities, (3, H, W) -> (1, H, W): change what you like."""
    return network.probs(image, fov, TTA)


print(f"fields of view seen {network.fov_diameter:.0f} pixels wide, TTA {TTA}, {STEPS} steps")
# zh: print(f"网络看到的视野宽 {network.fov_diameter:.0f} 像素，TTA {TTA}，微调 {STEPS} 步")

# %% [markdown] lang="en" minutes="10"
# ## Choose the threshold, and measure
#
# **Exercise 14.3** `probs` and `labels` are lists, one flat array an eye: the probabilities inside the field of view, and True where there is a vessel. Return that of the `candidates` with the highest Dice over all pixels of all eyes together.

# %% [markdown] lang="zh" of="929a5225"
# ## 选阈值，然后测量
#
# **练习 14.3** `probs` 和 `labels` 是列表，每只眼睛一个一维数组：视野内的概率，以及是不是血管（True 是）。把所有眼睛的所有像素合在一起，返回 `candidates`（候选阈值）里 Dice 最高的那一个。

# %% tags=["exercise"]
def best_threshold(probs, labels, candidates):
    return None  # your code here
    # zh: return None  # 在这里写代码


best_threshold = lesson.exercise("14.3", best_threshold)

# %% [markdown] lang="en"
# <details><summary>Solution</summary>
#
# {{solution 14.3}}
#
# </details>
#
# Which eyes may choose? A network that was fine-tuned on children 01 to 08 knows these by heart, in part, and is surer of them than of new eyes. Then only 09 and 10 choose (phantoms 47 to 50). Without fine-tuning all of them may: more eyes, less luck. (The first lines of the cell hold you to rule 1: without a plan they measure the example, whatever the knobs say.)

# %% [markdown] lang="zh" of="1f3c8e16"
# <details><summary>参考答案</summary>
#
# {{solution 14.3}}
#
# </details>
#
# 哪些眼睛可以用来选？用 01 到 08 号孩子的眼睛微调过的网络，已经部分记住了这些眼睛，判断它们时比判断新眼睛更有把握。这时只由 09 和 10 号来选（仿真眼底图是 47 到 50 号）。没有微调，就可以全用上：眼睛多一些，偶然就少一些。（单元格开头几行守着第 1 条规则：没有计划，不管你怎么设置，都只测例子。）

# %%
early = not turn.entries("plan") and settings != turn.example
if early:
    print("No plan yet: this measurement would break rule 1. The example is measured instead.")
    # zh: print("还没有计划：这次测量会违反第 1 条规则，所以只测例子。")
    print("State a plan in [14-07], or set the knobs back.")
    # zh: print("先在 [14-07] 里写下计划，或者把设置调回原样。")
choosing = turn.development("val") if STEPS and not early else development
probs = unchanged if early else {x.name: predict(x.image, x.fov) for x in choosing}
candidates = np.linspace(0.02, 0.98, 49)
threshold = best_threshold(
    [probs[x.name][x.fov] for x in choosing],
    [x.vessels[x.fov] for x in choosing],
    candidates,
)
measured = turn.measure(probs, threshold, **(turn.example if early else settings))
print(f"measurement {measured['number']}, {len(choosing)} eyes: threshold {threshold:.2f}, ", end="")
# zh: print(f"第 {measured['number']} 次测量，{len(choosing)} 只眼睛：阈值 {threshold:.2f}，", end="")
print(f"Dice {measured['dice']:.4f}, AUC {measured['auc_roc']:.4f}")

# %% fold="Draw the hill of thresholds" fold_zh="画出 Dice 随阈值变化的曲线"
fig, ax = plt.subplots(figsize=(5.5, 3.2), dpi=figures.DPI)
for label, maps, colour, line in (
    ("yours", probs, figures.BLUE, "-"),
    ("unchanged", unchanged, figures.GREY, "--"),  # on top: the two may be equal
):
    table = sum(metrics.histogram(maps[x.name], x.vessels, x.fov) for x in choosing)
    hill = [metrics.scores(metrics.counts_at(table, t))["dice"] for t in candidates]
    ax.plot(candidates, hill, line, label=label, color=colour, linewidth=2)
ax.axvline(shipped.threshold, color=figures.BLACK, linestyle=":", label="DRIVE's threshold")
ax.plot(threshold, measured["dice"], "o", color=figures.ORANGE, label="your threshold")
ax.set(xlabel="threshold", ylabel="Dice on development eyes")
ax.legend(frameon=False, fontsize=8)
figures.show(f"Dice against threshold, a hill each; yours has its top near {threshold:.2f}")
# zh: figures.show(f"Dice 随阈值变化的两条曲线；你的曲线在 {threshold:.2f} 附近最高")

# %% [markdown] lang="en"
# Dashed in grey the unchanged network, in blue yours (with the example both are the same). A hill that is higher is a better network; a top that lies elsewhere is another threshold. Change the settings in [14-08] and run from there to [14-12], as often as your plan asks for it. `turn.entries("measure")` lists all measurements.
#
# **Guess 14.4** Somebody submits, sees the scores, and then moves the threshold until the Dice on the test eyes is highest. The probabilities stay as they were submitted. Which of the two scores is still honest: `"dice"`, `"auc"`, `"both"` or `"neither"`?

# %% [markdown] lang="zh" of="08c057ab"
# 图中文字：横轴是阈值，纵轴是开发集上的 Dice；unchanged 没有改动的网络 · yours 你的 · DRIVE's threshold 是 DRIVE 的阈值 · your threshold 你选的阈值。
#
# 灰色虚线是没有改动的网络，蓝线是你的（用例子时两条重合）。曲线更高，说明网络更好；最高点换了位置，说明该换阈值。计划没变，就可以在 [14-08] 里改设置，从那里运行到 [14-12]，想试几次都行。`turn.entries("measure")` 列出全部测量。
#
# **猜一猜 14.4** 有人提交之后看了分数，再挪动阈值，让测试集上的 Dice 达到最高；概率还是提交时的概率。两个分数里，哪个仍然可信：`"dice"`、`"auc"`、`"both"`（都可信）还是 `"neither"`（都不可信）？

# %%
guess_honest = None  # one of the four words
# zh: guess_honest = None  # 四个词之一

lesson.ask("14.4", guess_honest)

# %% tags=["answer"]
for moved in (threshold, min(0.98, threshold + 0.1)):
    tables = [metrics.histogram(probs[x.name], x.vessels, x.fov) for x in choosing]
    row = metrics.pooled_scores(tables, moved)
    print(f"threshold {moved:.2f}: Dice {row['dice']:.4f}, AUC {row['auc_roc']:.4f}")
    # zh: print(f"阈值 {moved:.2f}：Dice {row['dice']:.4f}，AUC {row['auc_roc']:.4f}")

# %% [markdown] lang="en" minutes="4"
# ## Submit, once
#
# When your plan is done, switch `SUBMIT` on and run the cell. It asks your `predict` for all test photographs and hands the answers over with your threshold; only then are the labels read. The baseline is predicted beside it, on the same eyes. Once you have submitted, the cell shows the stored scores, however often it runs. For a second submission tick `SECOND_LOOK`, too: it is scored, and counted as a second look.

# %% [markdown] lang="zh" of="97cef8c5"
# ## 只提交一次
#
# 计划做完了，就打开 `SUBMIT`，运行这个单元格。它用你的 `predict` 处理全部测试照片，连同你的阈值一起交上去；到这时才读标签。基线也在同一批眼睛上预测，放在旁边。提交过之后，这个单元格无论运行多少次，都只显示存下的分数。要再提交一次，还得勾选 `SECOND_LOOK`：同样会评分，但算作第二次看测试集。

# %% title="Submit" title_zh="提交"
SUBMIT = False  # @param {type:"boolean"}
SECOND_LOOK = False  # @param {type:"boolean"}

if SUBMIT and (SECOND_LOOK or not turn.entries("submit")):
    if settings == measured["settings"]:
        answers = {x.name: predict(x.image, x.fov) for x in turn.photographs()}
        try:
            turn.submit(answers, threshold)
        except ValueError as error:
            print(error)
    else:
        print("Run [14-11] again: these settings have not been measured.")
        # zh: print("先重新运行 [14-11]：这组设置还没有测量过。")
for submission in turn.entries("submit"):
    print(*task.score_lines(submission), sep="\n")
for good, sentence in turn.protocol():
    print(f"[{'OK ' if good else ' ! '}] {sentence}")
if turn.entries("submit"):
    print(f"your check of the protocol: {kept(turn.events())}")
    # zh: print(f"你写的规则检查：{kept(turn.events())}")
else:
    print("your check of the protocol: nothing is submitted yet")
    # zh: print("你写的规则检查：还没有提交")

# %% [markdown] lang="en"
# Read the last line of the scores first: the difference to the baseline, on the same eyes, with its interval. It comes from drawing children, not eyes, with replacement, a thousand times. If it contains zero, these eyes cannot tell; that is a result, too.
#
# **Guess 14.5** Four children, drawn four times with replacement. How many different selections can come out, if their order does not count?

# %% [markdown] lang="zh" of="bcf9ef29"
# 分数先看最后一行：同一批眼睛上和基线的差值，以及它的置信区间。区间是按孩子（不是按眼睛）有放回地抽一千次得到的。如果它包含零，就是凭这些眼睛看不出来；这也是结果。
#
# **猜一猜 14.5** 四个孩子，有放回地抽四次。不计次序，一共有几种不同的结果？

# %%
guess_selections = None  # a whole number
# zh: guess_selections = None  # 一个整数

lesson.ask("14.5", guess_selections)

# %% tags=["answer"]
selections = list(itertools.combinations_with_replacement("1234", 4))
print(f"{len(selections)} selections, from {''.join(selections[0])} to {''.join(selections[-1])}")
# zh: print(f"{len(selections)} 种，从 {''.join(selections[0])} 到 {''.join(selections[-1])}")

# %% [markdown] lang="en"
# An interval that rests on so few is rough, and mostly too narrow. (The phantoms count as eight persons; there it is better founded.)
#
# Yours and the second observer's score are both compared with the drawing of the first observer, from whose like a fine-tuned network has learnt. To agree more with one person is not to see better (chapter 09).

# %% [markdown] lang="zh" of="64ca8460"
# 这么少的组合撑起来的区间，很粗略，而且往往偏窄。（仿真眼底图算八个人，区间的依据多一些。）
#
# 你的分数和第二标注者的分数，都是和第一标注者的画法相比，而微调过的网络学的就是这样的画法。和某一个人更一致，不等于看得更准（第 09 章）。

# %% [markdown] lang="en" minutes="2"
# ## The report
#
# One page, to hand in: plan, measurements, scores, protocol, one eye, and three sentences of yours. `EXPECTED`: what did you expect, and why? `FOUND`: what came out, beside the baseline? `NEXT`: what would you try next, and on which eyes? The page lies in your output folder as `report.html` and opens in any browser. Its last line says what may be concluded; check whether your sentences say more.

# %% [markdown] lang="zh" of="00fb36e0"
# ## 报告
#
# 一页纸，可以上交：计划、测量、分数、规则、一只眼睛，加上你的三句话。`EXPECTED`：你原来的预期是什么，为什么？`FOUND`：和基线相比，结果如何？`NEXT`：接下来想试什么，用哪些眼睛？这一页在输出文件夹里，名叫 `report.html`，用浏览器就能打开。最后一行写着能得出什么结论；看看你的三句话有没有说过头。

# %% title="Your report" title_zh="你的报告"
NAME_ON_REPORT = ""  # @param {type:"string"}
EXPECTED = ""  # @param {type:"string"}
FOUND = ""  # @param {type:"string"}
NEXT = ""  # @param {type:"string"}

eye = choosing[-1]
picture = figures.overlay(eye.image, probs[eye.name] >= threshold)
figures.show_images([figures.to_picture(eye.image), picture], [eye.name, "pred"], 2, 3)
figures.show(f"Development eye {eye.name}, beside it the same with the marked vessels in blue")
# zh: figures.show(f"开发集的眼睛 {eye.name}，旁边是同一张照片，标出的血管为蓝色")
page = turn.report(NAME_ON_REPORT, (EXPECTED, FOUND, NEXT), picture)
print(f"the report: {page}")
# zh: print(f"报告：{page}")
print(turn.conclusion())
course.record(task=turn.dataset, task_measured=measured["dice"])

# %% [markdown] lang="en"
# What others reached on children 11 to 14 is in [results](../results/README.md#other-cameras). Look after you have submitted.

# %% [markdown] lang="zh" of="5c59b4ab"
# 别人在 11 到 14 号孩子的眼睛上达到多少分，见[结果](../results/README.md#other-cameras)（英文）。提交之后再看。

# %% include="recall"

# %% [markdown] lang="en" minutes="1"
# ## What you learned
#
# - A plan before the first measurement, choices by development eyes, one submission: then the score says what to expect of new eyes of this kind.
# - The best of many tries looks better than it is; the more tries, the more.
# - The difference to a baseline on the same eyes, with an interval over persons, is the result; a second look is a hint.
# - The report says what was not shown, too.

# %% [markdown] lang="zh" of="cd65ddaf"
# ## 小结
#
# - 先写计划再测量，由开发集做选择，只提交一次：这样得到的分数，才能说明遇到同类的新眼睛会怎样。
# - 试得多，最好的一次就会看上去比实际好；试得越多越是这样。
# - 结果是同一批眼睛上和基线的差值，附上按人算的置信区间；第二次看只是线索。
# - 报告也要写明没有说明什么。

# %% [markdown] lang="en" minutes="0"
# ## Sources
#
# - Images and second observer: CHASE_DB1, Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687), CC BY 4.0. Or phantoms, drawn by `helpers/phantom.py`.
# - Efron: bootstrap methods, 1979, [doi:10.1214/aos/1176344552](https://doi.org/10.1214/aos/1176344552).

# %% [markdown] lang="zh" of="854ea593"
# ## 参考资料
#
# - 图像和第二标注者：CHASE_DB1, Fraz et al. 2012, [doi:10.1109/TBME.2012.2205687](https://doi.org/10.1109/TBME.2012.2205687)，CC BY 4.0。或者是 `helpers/phantom.py` 画的仿真眼底图。
# - Efron: bootstrap methods, 1979, [doi:10.1214/aos/1176344552](https://doi.org/10.1214/aos/1176344552)。

# %% include="ticket"
