"""Measure speed, each time beside a naive version: ``python3 -m helpers bench``.

Needs DRIVE (FUNDUS_DATA); about ten minutes on two cores. Every measurement runs in a
process of its own, and is given as seconds or rates of this machine, now, and as a
ratio, which holds elsewhere, too.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage

from helpers import (
    config,
    evaluation,
    fundus,
    inference,
    metrics,
    patches,
    places,
    preprocess,
    runtime,
    training,
)

from . import alone

RECIPE = config.PRESETS["lesson"]
MARKS = (0.96, 0.97, 0.975, 0.98)  # AUC on the validation images
LIMIT = 300  # seconds of training, then a mark counts as not reached


# ---- Naive versions ----


def one_patch(layers: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Cut and change one patch of (C + 2, H, W) layers as a first version would."""
    row = rng.integers(size, layers.shape[1] - size)
    column = rng.integers(size, layers.shape[2] - size)
    axis = np.arange(size) - (size - 1) / 2
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"))
    angle, zoom = rng.uniform(-np.pi, np.pi), rng.uniform(1 / 1.5, 1.5)
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    y, x = np.tensordot([[c, -s], [s, c]], grid, 1)
    bend = [ndimage.zoom(rng.normal(0, 4, (3, 3)), size / 3, order=3) for _ in range(2)]
    places = [y + bend[0] + row, x + bend[1] + column]
    orders = [1] * (len(layers) - 2) + [0, 0]
    patch = [
        ndimage.map_coordinates(layer, places, order=order, mode="reflect")
        for layer, order in zip(layers, orders, strict=True)
    ]
    patch = np.stack(patch).astype(np.float32)
    patch[:-2] = patch[:-2] * rng.uniform(0.5, 1.5) + rng.uniform(-0.6, 0.6)
    return patch


def naive_batches(layers: list[np.ndarray], settings: config.TrainConfig) -> Iterator:
    """Give the same stream of patches, made one by one."""
    rng, size = np.random.default_rng(settings.seed), settings.patch_size
    while True:
        numbers = rng.integers(len(layers), size=settings.batch_size)
        cut = [one_patch(layers[number], rng, size) for number in numbers]
        batch = torch.from_numpy(np.stack(cut))
        yield batch[:, :-2], batch[:, -2:-1], batch[:, -1:]


def sliding_windows(model, inputs: np.ndarray, size: int = 48, step: int = 5):
    """Predict windows of 48 pixels, 5 apart, and average: the way of many tutorials."""
    height, width = inputs.shape[1:]
    total, times = np.zeros((height, width)), np.zeros((height, width))
    device = next(model.parameters()).device
    rows = range(0, height - size + 1, step)
    columns = range(0, width - size + 1, step)
    for row in rows:
        windows = [patches.cut(inputs, row, column, size) for column in columns]
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(windows)).to(device)
            probs = model(batch).sigmoid().cpu().numpy()
        for column, window in zip(columns, probs, strict=True):
            total[row : row + size, column : column + size] += window[0]
            times[row : row + size, column : column + size] += 1
    return total / times.clip(1)


def aucs_from_pixels(probs: list, images: list, num_resamples: int) -> None:
    """Bootstrap the AUC by sorting all pixels of each resample."""
    rng = np.random.default_rng(0)
    pairs = [(p[x.fov], x.vessels[x.fov]) for p, x in zip(probs, images, strict=True)]
    for draw in rng.integers(len(pairs), size=(num_resamples, len(pairs))):
        values = np.concatenate([pairs[k][0] for k in draw])
        labels = np.concatenate([pairs[k][1] for k in draw])
        ranks = np.empty(len(values))
        ranks[np.argsort(values)] = np.arange(len(values))
        (ranks[labels].mean() - (labels.sum() - 1) / 2) / (~labels).sum()


# ---- What is measured ----


def per_second(function: Callable[[], object], count: int, seconds: float) -> float:
    """Call until ``seconds`` have passed; return how many times ``count`` a second."""
    function()
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        function()
        calls += 1
    return calls * count / (time.perf_counter() - start)


def load(split: str) -> list[fundus.FundusImage]:
    """Read a split of DRIVE."""
    return fundus.load("DRIVE", split, places.data_dir())


def make_run(naive: bool, **changes: int) -> training.TrainingRun:
    """Return a run of the lesson recipe; naive: fp32, patch by patch, no layout."""
    settings, train = replace(RECIPE, **changes), load("train")
    precision = "fp32" if naive else None
    run = training.new_run(train, load("val"), settings, precision=precision)
    if naive:
        scaling = run.validate.scaling
        layers = [
            np.concatenate([scaling(preprocess.prepare(x.image)), x.vessels, x.fov])
            for x in train
        ]
        run.batches = naive_batches(layers, settings)
        run.model.to(memory_format=torch.contiguous_format)
    return run


def batches_per_second(naive: bool) -> float:
    """Return augmented patches a second, without training."""
    run = make_run(naive)
    return per_second(lambda: next(run.batches), RECIPE.batch_size, 5)


def training_speed(naive: bool) -> float:
    """Return patches trained a second, making them included."""
    never = {"steps": 10**6, "val_every": 10**6}  # no look at the validation images
    steps = make_run(naive, **never).steps()
    return per_second(lambda: next(steps), RECIPE.batch_size, 5)


def seconds_to_marks(naive: bool) -> dict[str, float | None]:
    """Return seconds of training until the AUC on 37 to 40 passes each mark."""
    run = make_run(naive, val_every=50)
    for _ in run.steps():
        done = run.history and run.history[-1]["auc_roc"] >= MARKS[-1]
        if done or run.seconds > LIMIT:
            break
    reached = {}
    for mark in MARKS:
        passed = (x["seconds"] for x in run.history if x["auc_roc"] >= mark)
        reached[str(mark)] = next((round(x, 1) for x in passed), None)
    return reached


def preparing(naive: bool) -> float:
    """Return patches pre-processed a second: each for itself, or whole images once.

    A training run of the lesson shows its patches from images prepared once.
    """
    images = [x.image for x in load("train")]
    size, shown = RECIPE.patch_size, RECIPE.steps * RECIPE.batch_size
    if naive:
        patch = patches.cut(images[0], 200, 200, size)
        return per_second(lambda: preprocess.prepare(patch), 1, 2)
    return per_second(lambda: [preprocess.prepare(x) for x in images], shown, 2)


def segmenting(way: str) -> float:
    """Return images segmented a second from photograph to probabilities, fp32."""
    eye, segmenter = load("val")[0], inference.Segmenter.load()
    if way == "naive":
        inputs = segmenter.standardisation(preprocess.prepare(eye.image))
        return per_second(lambda: sliding_windows(segmenter.model, inputs), 1, 1)
    return per_second(lambda: segmenter.probs(eye.image, eye.fov, way), 1, 5)


def bootstrapping(naive: bool) -> float:
    """Return resamples of the AUC a second, 20 images of DRIVE's size."""
    images = load("train")
    probs = [evaluation.sato_probs(x.image, x.fov) for x in images]
    if naive:
        return per_second(lambda: aucs_from_pixels(probs, images, 1), 1, 3)
    histograms = [
        metrics.histogram(p, x.vessels, x.fov)
        for p, x in zip(probs, images, strict=True)
    ]
    return per_second(lambda: metrics.bootstrap_ci(histograms, 0.5, 100), 100, 3)


ROWS = (  # name, unit, function, argument of ours, of the naive version
    ("augmented patches", "1/s", batches_per_second, False, True),
    ("training, patches", "1/s", training_speed, False, True),
    ("training to validation AUC", "s", seconds_to_marks, False, True),
    ("pre-processing, patches", "1/s", preparing, False, True),
    ("segmenting, images", "1/s", segmenting, "none", "naive"),
    ("segmenting with flips, images", "1/s", segmenting, "flips", "naive"),
    ("bootstrap, resamples", "1/s", bootstrapping, False, True),
)


def show(value: float | dict) -> str:
    """Write a rate, or seconds to each mark, in a few characters."""
    if isinstance(value, dict):
        return ", ".join(f"{mark}: {seconds}" for mark, seconds in value.items())
    return f"{value:.3g}"


def main(names: Sequence[str] = ()) -> dict:
    """Measure all rows, or those whose text holds one of ``names``."""
    rows = []
    for name, unit, function, *arguments in ROWS:
        if names and not any(part in name for part in names):
            continue
        ours, naive = (alone.call(function, x) for x in arguments)
        row = {"what": name, "unit": unit, "ours": ours, "naive": naive}
        if isinstance(ours, float):
            row["ratio"] = ours / naive
        rows.append(row)
        print(f"{name} ({unit}): {show(ours)}; naive {show(naive)}", end="")
        print(f", {row['ratio']:.1f} times" if "ratio" in row else "", flush=True)
    precision = runtime.pick_precision(runtime.pick_device())
    facts = {"precision": precision, "dataset": "DRIVE", "limit_seconds": LIMIT}
    return facts | {"environment": runtime.environment(), "rows": rows}
