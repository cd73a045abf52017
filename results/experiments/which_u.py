"""Six networks of one size by one recipe: what the wiring is worth.

Each is trained on the eyes of a fold's others, in batches of 4 as many patches as the
short recipe sees, and scored on the eyes held out, each at its own best threshold. What
differs from the U-Net is given eye by eye, with an interval over eyes. What is trained
is kept beside the other networks, and not trained again.
"""

from __future__ import annotations

import itertools

import torch
from torch.utils import flop_counter

from helpers import inference, preprocess, runtime, training, unet

from . import architectures, kinds, runs, tables, work

STORE = work.STORE / "which_u"
FOLDS = (0,)


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


def one(task: tuple[str, int]) -> dict:
    """Train a network without the eyes of a fold, or read what is kept of it."""
    name, fold = task
    file = STORE / f"{list(architectures.NETWORKS).index(name)}-{fold}.pt"
    if file.exists():
        return torch.load(file, weights_only=False)
    run, held = begin(name, fold)
    said = work.score(predictor(run.finish()), held, ["plain"])
    STORE.mkdir(parents=True, exist_ok=True)
    torch.save(said, file)
    print(f"{name} {fold}: {run.seconds:.0f} s", flush=True)
    return said


def multiplications(model: torch.nn.Module, size: int = 128) -> float:
    """Return multiplications for each pixel of a patch."""
    counter = flop_counter.FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model.eval()(torch.zeros(1, 4, size, size))
    return counter.get_total_flops() / 2 / size**2


def main() -> dict:
    """Train and compare; then time some steps of each, one after the other."""
    tasks = list(itertools.product(architectures.NETWORKS, FOLDS))
    answers, rows, first = iter(work.at_once(one, tasks)), [], None
    for name in architectures.NETWORKS:
        ours = tables.joined([next(answers) for _ in FOLDS], "plain")
        first = ours if first is None else first
        scores, difference = tables.compare(ours, first)
        run, _ = begin(name, FOLDS[0])
        rows.append(
            {
                "name": name,
                "precision": run.precision,
                "parameters": unet.count_parameters(run.model),
                "seconds_per_step": training.seconds_per_step(run),
                "multiplications": multiplications(run.model),
                "scores": scores,
                "difference": difference,
            }
        )
    settings = kinds.plain(runs.MANY_LAMPS.config({}))
    return {"config": settings, "rows": rows, "environment": runtime.environment()}
