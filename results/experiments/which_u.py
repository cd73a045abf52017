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

from helpers import inference, runtime, training, unet

from . import architectures, kinds, runs, tables, work

STORE = work.STORE / "which_u"
FOLDS = (0, 1)


def predictor(run: training.TrainingRun):
    """Return ``predict(image, tta)`` of whole frames, with the average weights."""
    scaling, model = run.validate.scaling, run.average.module

    def predict(image, tta="none"):
        inputs = scaling(training.prepare(image))
        return inference.predict_probs(model, inputs, tta)

    return predict


def one(task: tuple[str, int]) -> dict:
    """Train a network without the eyes of a fold, or read what is kept of it."""
    torch.set_num_threads(1)
    (name, fold), row = task, runs.MANY_LAMPS
    file = STORE / f"{list(architectures.NETWORKS).index(name)}-{fold}.pt"
    if file.exists():
        return torch.load(file, weights_only=False)
    images, val, held = work.deal(work.Network(row, "base", 0, fold))
    settings = row.config({})
    runtime.seed_everything(settings.seed)
    model = architectures.NETWORKS[name](settings.in_channels)
    run = training.new_run(images, val, settings, model=model).finish()
    said = {"name": name, "fold": fold, "seconds": run.seconds}
    said |= work.score(predictor(run), held, ["plain"])
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
    """Train and compare."""
    tasks = list(itertools.product(architectures.NETWORKS, FOLDS))
    answers, rows, first = iter(work.at_once(one, tasks)), [], None
    for name, make in architectures.NETWORKS.items():
        each = [next(answers) for _ in FOLDS]
        ours = tables.joined(each, "plain")
        first = ours if first is None else first
        scores, difference = tables.compare(ours, first)
        model = make(4)
        rows.append(
            {
                "name": name,
                "parameters": unet.count_parameters(model),
                "multiplications": multiplications(model),
                "seconds": [x["seconds"] for x in each],
                "scores": scores,
                "difference": difference,
            }
        )
    settings = kinds.plain(runs.MANY_LAMPS.config({}))
    return {"config": settings, "rows": rows, "environment": runtime.environment()}
