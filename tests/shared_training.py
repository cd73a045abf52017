"""Started by torchrun in test_distributed: a training that two processes share."""

import dataclasses
import os
import sys
from pathlib import Path

import torch

from helpers import config, distributed, losses, phantom, places, training
from helpers.unet import UNet

SMALL = config.TrainConfig(
    widths=(4, 8, 16), patch_size=32, batch_size=5, steps=400, val_every=8
)


def drawn():
    """Return four small training and three validation phantoms."""
    eyes = [phantom.draw(seed, 68, 66) for seed in range(7)]
    return eyes[:4], eyes[4:]


def parts():
    torch.manual_seed(0)
    net, cpu = UNet(4, 1, SMALL.widths), torch.device("cpu")
    return {"model": net, "device": cpu, "precision": "fp32"}


def twenty_steps():
    """Return losses of 20 steps, gradients of the first, and all else of the end."""
    run = training.new_run(*drawn(), SMALL, **parts())
    first = [float(loss) for loss in run.steps(1)]
    gradients = [p.grad.clone() for p in run.model.parameters()]
    first += [float(loss) for loss in run.steps(20)]
    gradient = torch.cat([g.flatten() for g in gradients])
    return {"losses": first, "gradient": gradient, "state": run.state_dict()}


def dying(logits, vessels, fov):
    """Return the loss; the second process dies once, in its twelfth step."""
    here = places.torchrun()
    dying.calls += 1
    if here.rank == 1 and here.restarts == 0 and dying.calls == 13:  # one is validation
        os._exit(9)
    return losses.bce_dice_loss(logits, vessels, fov)


dying.calls = 0


def folder(out, loss_fn=losses.bce_dice_loss, steps=24):
    """Train into a folder, as the command does."""
    given, settings = parts(), dataclasses.replace(SMALL, steps=steps)
    options = {"loss_fn": loss_fn, "resume": training.goes_on(out), "say": print}
    training.train(out, "PHANTOM", *drawn(), settings, **options, **given)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    with distributed.joined():
        if not places.torchrun().restarts:
            torch.save(twenty_steps(), out / f"{distributed.rank()}.pt")
        folder(out / "two", dying)
