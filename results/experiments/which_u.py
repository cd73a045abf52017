"""Six networks of one size by one recipe: what the wiring is worth.

Each is trained on the eyes of a fold's others, in batches of 4 as many patches as the
short recipe sees, and scored on the eyes held out, each at its own best threshold. What
differs from the U-Net is given eye by eye, with an interval over eyes. What a network
scored is kept beside the other networks, and made anew where its declaration changed.
"""

from __future__ import annotations

import itertools

import torch
from torch.utils import flop_counter

from helpers import inference, preprocess, runtime, saving, training, unet

from . import alone, architectures, kinds, runs, tables, work

STORE = work.STORE / "which_u"
FOLDS = (0, 1)


def predictor(run: training.TrainingRun):
    """Return ``predict(image, tta)`` of whole frames, with the average weights."""
    scaling, model = run.validate.scaling, run.average.module

    def predict(image, tta="none"):
        inputs = scaling(preprocess.prepare(image))
        return inference.predict_probs(model, inputs, tta)

    return predict


def begin(name: str, fold: int) -> tuple[training.TrainingRun, list]:
    """Wire a training without the eyes of a fold; return it and these eyes."""
    torch.set_num_threads(1)
    row = runs.MANY_LAMPS
    images, val, held = work.deal(work.Network(row, "base", 0, fold))
    settings = row.config({})
    runtime.seed_everything(settings.seed)
    model = architectures.NETWORKS[name](settings.in_channels)
    how = {"model": model, "precision": precision(name)}
    return training.new_run(images, val, settings, **how), held


def precision(name: str) -> str:
    """Return the usual precision, but fp32 where torch 2.13 fails on a CPU.

    There convolutions with dilation end in NaN or a crash in bf16.
    """
    device, dilated = runtime.pick_device(), "dilated" in name
    if dilated and device.type == "cpu":
        return "fp32"
    return runtime.pick_precision(device)


def declaration(name: str, fold: int) -> dict:
    """Return what decides how a network scores."""
    settings = runs.MANY_LAMPS.config({})
    model = architectures.NETWORKS[name](settings.in_channels)
    said = {"name": name, "fold": fold, "parameters": unet.count_parameters(model)}
    return kinds.plain(said | {"config": settings, "precision": precision(name)})


def one(task: tuple[str, int]) -> dict:
    """Train a network without the eyes of a fold, or read how it scored."""
    told, file = declaration(*task), STORE / f"{'-'.join(map(str, task))}.pt"
    kept = torch.load(file, weights_only=False) if file.exists() else {}
    if kept.get("declaration") == told:
        return kept["scores"]
    run, held = begin(*task)
    scores = work.score(predictor(run.finish()), held, ["plain"])
    with saving.whole(file) as part:
        torch.save({"declaration": told, "scores": scores}, part)
    print(f"{task[0]} {task[1]}: {run.seconds:.0f} s", flush=True)
    return scores


def measured(name: str) -> dict:
    """Return the size of a network and what a step of its training costs."""
    run, _ = begin(name, FOLDS[0])
    device = next(run.model.parameters()).device
    side = run.config.patch_size
    with flop_counter.FlopCounterMode(display=False) as counter, torch.no_grad():
        run.model.eval()(torch.zeros(1, run.config.in_channels, side, side).to(device))
    return {
        "precision": run.precision,
        "parameters": unet.count_parameters(run.model),
        "multiplications": counter.get_total_flops() / 2 / side**2,  # for each pixel
        "seconds_per_step": training.seconds_per_step(run),
    }


def main() -> dict:
    """Train and compare; then time some steps of each, one after the other."""
    tasks = list(itertools.product(architectures.NETWORKS, FOLDS))
    answers, rows, first = iter(work.at_once(one, tasks)), [], None
    for name in architectures.NETWORKS:
        ours = tables.joined([next(answers) for _ in FOLDS], "plain")
        first = ours if first is None else first
        scores, difference = tables.compare(ours, first)
        said = {"name": name} | alone.call(measured, name)
        rows.append(said | {"scores": scores, "difference": difference})
    settings = kinds.plain(runs.MANY_LAMPS.config({}))
    return {"config": settings, "rows": rows, "environment": runtime.environment()}
