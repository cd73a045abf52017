"""What a U-Net costs against its size: arithmetic, seconds, memory, in one thread.

One thing of the recipe is changed at a time: width, levels, patch. A step is forward,
backward, update and running average on a batch that lies ready; making it is timed for
itself. Inputs are random numbers, since no picture costs more than another. All sizes
take turns, round by round, so that what else the machine does hits all alike. What one
waits for is the time by the clock; what is compared with theory is the time for which a
step kept the core busy.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from helpers import augment, config, inference, losses, patches, runtime, training
from helpers.unet import UNet, count_parameters

from . import alone, arithmetic, kinds, runs, turns

RECIPE = runs.LESSON  # in batches of eight, as in ablations.json
WIDTHS = {f"width {k}": (k, 2 * k, 4 * k, 8 * k) for k in (8, 32, 64)}
LEVELS = {f"levels {n}": tuple(16 * 2**k for k in range(n)) for n in (2, 3, 5)}
SIZES = {"recipe": RECIPE}
SIZES |= {name: replace(RECIPE, widths=x) for name, x in (WIDTHS | LEVELS).items()}
SIZES |= {f"patch {x}": replace(RECIPE, patch_size=x) for x in (64, 96, 192, 256)}
SIZES["two of 256"] = replace(RECIPE, patch_size=256, batch_size=2)
BESIDE = (  # one size, and another that costs more
    ("width 8", "recipe"),
    ("recipe", "width 32"),
    ("width 32", "width 64"),
    ("patch 64", "recipe"),
    ("patch 96", "patch 192"),
    ("recipe", "patch 256"),
    ("levels 2", "levels 3"),
    ("levels 3", "recipe"),
    ("recipe", "levels 5"),
)
SCORED = {  # a variant of ablations.json: its size here
    "wide": "width 32",
    "paper": "width 64",
    "deep": "levels 5",
    "patch256": "two of 256",
}
FRAME = (584, 565)  # rows and columns of DRIVE's photographs
ROUNDS, BLOCK = 5, 0.1  # seconds that a size has in a round; one call at least
PAIRS = 15  # of a step with torch.compile and one without
SQUARE = 2048  # side of matrices whose product shows what arithmetic can do
MIB = 2**20


# ---- What needs no machine ----


def facts(settings: config.TrainConfig) -> dict:
    """Return what needs no machine; operations as torch counts them."""
    with torch.device("meta"):
        model = UNet(settings.in_channels, 1, settings.widths)
    forward, step = arithmetic.counted_flop(settings)
    return {
        "widths": list(settings.widths),
        "patch_size": settings.patch_size,
        "batch_size": settings.batch_size,
        "parameters": count_parameters(model),
        "receptive_field": arithmetic.receptive_field(len(settings.widths)),
        "forward_flop": forward,
        "step_flop": step,
    }


# ---- Seconds ----


def precisions(device: torch.device) -> list[str]:
    """Return that of the rule, and fp32."""
    return list(dict.fromkeys((runtime.pick_precision(device), "fp32")))


def make_run(
    settings: config.TrainConfig, precision: str, device: torch.device
) -> training.TrainingRun:
    """Return a run of the recipe that has the same random batch at every step."""
    runtime.seed_everything(settings.seed)
    model = UNet(settings.in_channels, 1, settings.widths).to(device)
    side = settings.patch_size
    shape = (settings.batch_size, 1, side, side)
    image = torch.randn(shape[0], settings.in_channels, side, side, device=device)
    vessels = (torch.rand(shape, device=device) < 0.1).float()
    return training.TrainingRun(
        model.to(memory_format=torch.channels_last),
        itertools.repeat((image, vessels, torch.ones_like(vessels))),
        functools.partial(losses.bce_dice_loss, dice_weight=settings.dice_weight),
        lambda _: {"auc_pr": 0.0},  # never asked
        replace(settings, val_every=settings.steps),
        precision,
    )


def make_batches(
    settings: config.TrainConfig, device: torch.device
) -> patches.PatchBatches:
    """Return the stream of augmented patches of one random image."""
    rng = np.random.default_rng(0)
    image = rng.random((settings.in_channels, *FRAME), np.float32)
    labels = rng.random((1, *FRAME)) < 0.1, np.ones((1, *FRAME), bool)
    sizes = settings.patch_size, settings.batch_size, settings.seed
    layers = [[image], *([x] for x in labels)]
    return patches.PatchBatches(*layers, *sizes, augment.augment, device)


def multiply(precision: str, device: torch.device) -> float:
    """Multiply two large matrices, which is the best that arithmetic can do."""
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    ones = torch.ones(SQUARE, SQUARE, dtype=dtypes[precision], device=device)
    return (ones @ ones)[0, 0].item()


@torch.no_grad()
def predict(model: torch.nn.Module, image: Tensor) -> float:
    """Predict a whole picture that is prepared already; return one of its logits."""
    logits = inference.predict_logits(model, image, inference.PRECISION)
    return logits[0, 0, 0, 0].item()


def what_is_timed(sizes: Iterable[str], device: torch.device) -> dict:
    """Return functions by (what, size, precision): step, predict, batch, multiply.

    A picture is predicted in fp32, as the course does on every machine.
    """
    known, acts = precisions(device), {}
    frame = torch.randn(1, RECIPE.in_channels, *FRAME, device=device)
    for name in sizes:
        settings = SIZES[name]
        for precision in known:
            run = make_run(settings, precision, device)
            steps = run.steps()
            acts["step", name, precision] = lambda steps=steps: float(next(steps))
        if name == "recipe" or settings.widths != RECIPE.widths:
            acts["predict", name, ""] = functools.partial(predict, run.model, frame)
        if name == "recipe" or settings.widths == RECIPE.widths:
            batches = make_batches(settings, device)
            acts["batch", name, ""] = lambda b=batches: float(next(b)[0].sum())
    products = {x: functools.partial(multiply, x, device) for x in known}
    return acts | {("multiply", "", x): act for x, act in products.items()}


class InConvolutions(TorchDispatchMode):
    """Add up the core's seconds that pass in convolutions, forward and backward."""

    seconds = 0.0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        start = time.process_time()
        result = func(*args, **kwargs or {})
        if "convolution" in func.name():
            self.seconds += time.process_time() - start
        return result


def share_of_convolutions(act: Callable[[], object]) -> float:
    """Return the share of the core's time that passes in convolutions."""
    start = time.process_time()
    with InConvolutions() as inside:
        act()
    return inside.seconds / (time.process_time() - start)


def measure(device: str, sizes: Sequence[str], rounds: int) -> dict:
    """Time all sizes on a device, and say how noisy it was.

    "without_core" is the share of the time in which this process had no core.
    """
    torch.set_num_threads(1)
    where = torch.device(device)
    runtime.tune(where)
    acts = what_is_timed(sizes, where)
    start, worked = time.perf_counter(), time.process_time()
    found = turns.in_turns(acts, rounds, BLOCK, turns.work_clock(where))
    passed, worked = time.perf_counter() - start, time.process_time() - worked
    spreads = [x["spread"] for x in found.values()]
    noise = {"spread_median": statistics.median(spreads), "spread_most": max(spreads)}
    if device == "cpu":  # a GPU works on while this process waits
        noise["without_core"] = max(0.0, 1 - worked / passed)
        for key in (key for key in acts if key[0] == "step"):
            found[key]["convolutions"] = share_of_convolutions(acts[key])
    environment = runtime.environment(where)
    return {"found": found, "noise": noise, "environment": environment}


# ---- Memory ----


def saved_for_backward(run: training.TrainingRun) -> int:
    """Return the bytes that forward keeps for backward, beside weights and batch."""
    image, *labels = next(run.batches)
    image = image.contiguous(memory_format=torch.channels_last)
    kept: dict[int, int] = {}

    def place(x: Tensor) -> int:
        return x.untyped_storage().data_ptr()

    def keep(x: Tensor) -> Tensor:
        kept[place(x)] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        with runtime.autocast(image.device, run.precision):
            logits = run.model(image)
        loss = run.loss_fn(logits.float(), *labels)
    given = set(map(place, (image, *labels, *run.model.state_dict().values())))
    total = sum(nbytes for at, nbytes in kept.items() if at not in given)
    del loss  # until here it held all that was kept, so that no place was used twice
    return total


def two_steps(
    settings: config.TrainConfig, precision: str, device: torch.device
) -> training.TrainingRun:
    """Return a run that has made two steps: the first makes the moments of AdamW."""
    run = make_run(settings, precision, device)
    for _ in run.steps(2):
        pass
    return run


def memory(task: tuple[str, str, str]) -> dict:
    """Return what a step of (device, size, precision) needs, in MiB.

    "activations" is what forward keeps for backward. "peak" counts all that two steps
    add to a process that has trained a tiny network only: batch, weights, gradients,
    both moments of AdamW, the running average, and what is needed for a moment. On a
    CPU it is the growth of the resident set, which wants a process of its own.
    """
    device, (name, precision) = torch.device(task[0]), task[1:]
    torch.set_num_threads(1)
    runtime.tune(device)
    two_steps(config.PRESETS["smoke"], precision, device)  # libraries are loaded
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() / MIB
        run = two_steps(SIZES[name], precision, device)
        peak = torch.cuda.max_memory_allocated() / MIB
    else:
        before = alone.peak_mib()
        run = two_steps(SIZES[name], precision, device)
        peak = alone.peak_mib()
    kept = saved_for_backward(run) / MIB
    return {"activations_mib": kept, "peak_mib": peak - before}


def memories(tasks: Sequence[tuple[str, str, str]]) -> list[dict]:
    """Call ``memory`` for each, in processes that have imported all, and no more."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.runs", __name__])
    with context.Pool(1, maxtasksperchild=1) as pool:
        return pool.map(memory, tasks, chunksize=1)


# ---- torch.compile ----


def compiled(device: str, precision: str, pairs: int) -> dict:
    """Time the recipe beside itself with ``torch.compile``, nothing of it cached."""
    torch.set_num_threads(1)
    where = torch.device(device)
    runtime.tune(where)
    plain, other = (make_run(RECIPE, precision, where) for _ in range(2))
    other.model.compile()
    steps, others = plain.steps(), other.steps()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        start = time.perf_counter()
        try:
            float(next(others))
        except Exception as error:  # no C++ compiler, or a machine it does not know
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            return {"verdict": "fails", "error": said[:200]}
        first = time.perf_counter() - start
        float(next(steps))  # prepared, too
        acts = {"plain": lambda: float(next(steps))}
        acts["compiled"] = lambda: float(next(others))
        found = turns.in_turns(acts, pairs, 0, turns.work_clock(where))
    return judged(first, *(found[key]["each"] for key in acts))


def judged(first: float, plain: Sequence[float], other: Sequence[float]) -> dict:
    """Say what compiling is worth: seconds of the first compiled step, and of pairs.

    The first is by the clock, since compilers are processes of their own. "saved" is
    what a compiled step saves, the median of the pairs and their middle half;
    "pays_from" the steps after which compiling has paid. It is None where a step saves
    nothing, or the middle half holds zero and nobody can tell.
    """
    saved = [a - b for a, b in zip(plain, other, strict=True)]
    low, middle, high = statistics.quantiles(saved, n=4)
    said = {
        "seconds": statistics.median(plain),
        "seconds_compiled": statistics.median(other),
        "compile_seconds": first - statistics.median(other),
        "saved": [middle, low, high],
    }
    if low > 0:
        steps = round(said["compile_seconds"] / middle)
        return said | {"pays_from": steps, "verdict": "pays"}
    verdict = "does not pay" if high < 0 else "cannot tell"
    return said | {"pays_from": None, "verdict": verdict}


# ---- The file ----


def of_size(settings: config.TrainConfig, times: dict) -> dict:
    """Return what the seconds of a step say."""
    said = {key: x for key, x in times.items() if key != "each"}
    gflop = arithmetic.step_flop(settings) / 1e9
    return said | {
        "steps_per_second": 1 / times["seconds"],
        "patches_per_second": settings.batch_size / times["seconds"],
        "gflop_per_second": gflop / times["core_seconds"],
    }


def times_more(before: dict, after: dict, device: str) -> dict:
    """Return how many times as much a size costs as another."""
    said = {key: after[key] / before[key] for key in ("step_flop", "parameters")}
    for precision in precisions(torch.device(device)):
        a, b = before[device][precision], after[device][precision]
        keys = ("core_seconds", "activations_mib", "peak_mib")
        said[precision] = {key: b[key] / a[key] for key in keys}
    return said


def scored(rows: dict, device: str) -> list[dict]:
    """Return what Dice is known of these sizes, beside the recipe, and what they cost.

    Differences to the recipe are paired, on eyes held out: those of ablations.json.
    """
    known = {row["name"]: row for row in kinds.read("ablations")["rows"]}
    said = []
    for variant, name in SCORED.items():
        if name in rows:
            text, dice = known[variant]["text"], known[variant]["difference"]["plain"]
            row = {"name": name, "variant": variant, "text": text, "dice": dice["dice"]}
            cost = times_more(rows["recipe"], rows[name], device)
            said.append(row | {"eyes": len(dice["dice_of_each"]), "times": cost})
    return said


def of_device(device: str, rows: dict, rounds: int, pairs: int) -> dict:
    """Measure a device: write into the rows, return what is about all of them."""
    known = precisions(torch.device(device))
    said = alone.call(measure, device, list(rows), rounds)
    found = said.pop("found")
    print(f"{device}: seconds are measured; memory", flush=True)
    kept = iter(memories([(device, *x) for x in itertools.product(rows, known)]))
    for name, row in rows.items():
        steps = {x: of_size(SIZES[name], found["step", name, x]) for x in known}
        row[device] = {x: step | next(kept) for x, step in steps.items()}
        for what in ("predict", "batch"):
            if times := found.get((what, name, "")):
                keys = ("seconds", "core_seconds")
                row[device][what] = {key: times[key] for key in keys}
    said |= {"multiply_gflop_per_second": {}, "compile": {}}
    for precision in known:
        core = found["multiply", "", precision]["core_seconds"]
        said["multiply_gflop_per_second"][precision] = 2 * SQUARE**3 / core / 1e9
        print(f"{device}: torch.compile, {precision}", flush=True)
        said["compile"][precision] = alone.call(compiled, device, precision, pairs)
    said["times"] = [
        {"name": f"{a} to {b}"} | times_more(rows[a], rows[b], device)
        for a, b in BESIDE
        if {a, b} <= rows.keys()
    ]
    return said


def main(
    sizes: Sequence[str] = tuple(SIZES), rounds: int = ROUNDS, pairs: int = PAIRS
) -> dict:
    """Measure on the CPU, and on a GPU where there is one."""
    rows = {name: {"name": name} | facts(SIZES[name]) for name in sizes}
    said = {"config": kinds.plain(RECIPE), "frame": list(FRAME), "rounds": rounds}
    said |= {"cpu": of_device("cpu", rows, rounds, pairs), "cuda": "not measured"}
    if torch.cuda.is_available():
        said["cuda"] = of_device("cuda", rows, rounds, pairs)
    return said | {"dice": scored(rows, "cpu"), "rows": list(rows.values())}
