"""The training loop: steps, validation, checkpoints, resume, and a run in background.

``new_run`` is the recipe: each part can be handed to it, so that a reader's own version
is the one that trains.
"""

from __future__ import annotations

import copy
import functools
import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from . import augment as augmentation
from . import (
    checkpoints,
    datasets,
    distributed,
    fundus,
    losses,
    metrics,
    places,
    runtime,
    saving,
)
from .config import TrainConfig
from .inference import (
    PRECISION,
    Segmenter,
    predict_logits,
    torch_bytes,
    write_torch_file,
)
from .patches import PatchBatches
from .preprocess import Standardisation, fit_standardisation, prepare
from .unet import UNet

TICK = 8  # seconds between two lines of progress
BEGUN = ".begun"  # lies in a folder while torchrun may start its training anew


def train_step(
    model: nn.Module,
    batch: tuple[Tensor, Tensor, Tensor],
    loss_fn: Callable[[Tensor, Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    precision: str,
) -> Tensor:
    """Update the model once, on one batch (image, vessels, fov); return the loss.

    As a tensor: to read it would make the program wait for a GPU at every step.
    """
    device = next(model.parameters()).device
    image, vessels, fov = (x.to(device) for x in batch)
    with runtime.autocast(device, precision):
        logits = model(image.contiguous(memory_format=torch.channels_last))
    loss = loss_fn(logits.float(), vessels, fov)
    optimizer.zero_grad()
    scaler.scale(loss).backward()  # fp16 gradients would vanish without a scale
    scaler.step(optimizer)
    scaler.update()
    return loss.detach()


def mean_loss(losses: Sequence[float], sizes: Sequence[int]) -> float:
    """Average the losses of images or batches, each weighted by its pixels."""
    return float(np.average(losses, weights=sizes))


class RunningAverage:
    """A copy of a model that follows it, as the mean of its recent weights.

    At each update the copy keeps ``decay`` of itself and takes the rest from the
    model. Early on it keeps less, so that the first random weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.module, self.decay, self.updates = copy.deepcopy(model), decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the copy towards the model; nothing here makes a GPU wait."""
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        keep = keep if self.updates else 0.0
        get_ema_multi_avg_fn(keep)(floats(self.module), floats(model), None)
        self.updates += 1

    def state_dict(self) -> dict:
        """Return the copy's weights and how often it was updated."""
        return {"module": self.module.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict) -> None:
        """Continue from ``state_dict``."""
        self.module.load_state_dict(state["module"])
        self.updates = state["updates"]


def floats(model: nn.Module) -> list[Tensor]:
    """Return weights and running statistics, all that is averaged."""
    return [x for x in model.state_dict().values() if x.is_floating_point()]


class TrainingRun:
    """A model on its way: optimiser, schedule, history, best weights so far.

    ``validate(model)`` returns a dict with at least "auc_pr", by which the best weights
    are kept, and "threshold". ``history`` holds one dict per validation. What is
    validated and kept is the running average of the weights: while the learning rate
    is high, single steps jump about, and four validation images would choose by luck.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: PatchBatches,
        loss_fn: Callable[[Tensor, Tensor, Tensor], Tensor],
        validate: Callable[[nn.Module], dict],
        config: TrainConfig,
        precision: str,
        data: str = "",
        init: str = "",
    ):
        self.model, self.batches, self.loss_fn = model, batches, loss_fn
        self.network = distributed.shared(model)  # in one process the model itself
        self.validate, self.config, self.precision = validate, config, precision
        device = next(model.parameters()).device
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=config.steps
        )
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
        self.average = RunningAverage(model, config.ema)
        self.step, self.seconds, self.history = 0, 0.0, []
        self.recent: list[Tensor] = []  # losses since the last validation
        self.updates: list[Tensor] = []  # of the optimiser, counted after each of these
        self.updated = 0.0  # and at the last validation
        self.data = data  # hash of the training images, where they are known
        self.init = init  # hash of the file of weights it began with, if any
        self.best: dict = {}  # its history entry and its weights

    def steps(self, until: int | None = None) -> Iterator[Tensor]:
        """Train up to step ``until`` (None: to the end), giving the loss of each."""
        until = self.config.steps if until is None else min(until, self.config.steps)
        self.network.train()
        while self.step < until:
            start = time.perf_counter()
            loss = train_step(
                self.network,
                next(self.batches),
                self.loss_fn,
                self.optimizer,
                self.scaler,
                self.precision,
            )
            self.schedule.step()
            self.average.update(self.model)
            self.step += 1
            self.recent.append(loss)
            if self.scaler.is_enabled():
                self.updates.append(self._num_updates().clone())
            due = self.step % self.config.val_every == 0
            due = due or self.step == self.config.steps
            if due or loss.device.type == "cpu":  # a GPU is not to wait at each step,
                self._check_losses()  # and is done here before the clock is read
            if due:
                self.seconds += time.perf_counter() - start
                self._validate()
            else:
                self.seconds += time.perf_counter() - start
            yield loss

    def finish(self) -> TrainingRun:
        """Train to the end."""
        for _ in self.steps():
            pass
        return self

    def _check_losses(self) -> None:
        """Raise ValueError at the first loss that is no number, since the last look."""
        last = self.recent[-1]  # after a resume there are plain numbers, too
        device = last.device if isinstance(last, Tensor) else None
        losses = torch.stack([torch.as_tensor(x, device=device) for x in self.recent])
        if bad := (~losses.isfinite()).nonzero().flatten().tolist():
            step = self.step - len(losses) + bad[0] + 1
            raise ValueError(
                f"the loss is {losses[bad[0]].item()} at step {step}, so that nothing "
                "can be learnt any more; lower learning_rate (now "
                f"{self.config.learning_rate:g}), or look for photographs or a loss "
                "of your own that are no numbers, and start anew"
            )

    def _num_updates(self) -> Tensor:
        """Return how often the optimiser has changed the weights, a scalar."""
        first = self.optimizer.param_groups[0]["params"][0]
        return self.optimizer.state.get(first, {}).get("step", torch.zeros(()))

    def skipped(self) -> list[int]:
        """Return the steps since the last validation that changed no weight.

        In fp16 a gradient can be too large for the scaler's factor. It leaves that step
        out and halves the factor. ValueError where that fell below 1 in vain.
        """
        if not self.updates:
            return []
        counts = torch.stack(self.updates).tolist()
        start = self.step - len(counts)
        found = [start + 1] if counts[0] == self.updated else []
        pairs = enumerate(pairwise(counts), start=start + 2)
        found += [step for step, (before, after) in pairs if before == after]
        if len(found) == len(counts) and self.scaler.get_scale() < 1:
            raise ValueError(
                f"no step from {found[0]} to {found[-1]} had gradients that fp16 can "
                'hold; train with precision="bf16" or "fp32", or lower learning_rate '
                f"(now {self.config.learning_rate:g}), and start anew"
            )
        return found

    def _validate(self) -> None:
        """Write the history's next entry, keep the weights if they are the best."""
        entry = {
            "step": self.step,
            "loss": float(np.mean([float(x) for x in self.recent])),  # of equal batches
            "learning_rate": self.schedule.get_last_lr()[0],
            "seconds": self.seconds,
        }
        if self.scaler.is_enabled():
            entry["skipped"], self.updated = self.skipped(), float(self.updates[-1])
        entry |= self.validate(self.average.module)
        self.recent, self.updates = [], []
        self.history.append(entry)
        if not self.best or entry["auc_pr"] >= self.best["entry"]["auc_pr"]:
            weights = copy.deepcopy(self.average.module.state_dict())
            self.best = {"entry": entry, "weights": weights}

    def state_dict(self) -> dict:
        """Return all that the second half needs to go on as if there were no break.

        Of a run whose loss is no number any more there is nothing to keep: ValueError.
        """
        if self.recent:
            self._check_losses()
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.state_dict(),
            "batches": self.batches.state_dict(),  # the random state
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "recent": [float(x) for x in self.recent],
            "updates": [float(x) for x in self.updates],
            "updated": self.updated,
            "best": self.best,
            "config": asdict(self.config),
            "data": self.data,
            "init": self.init,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go back or on to a state; its settings and images must be this run's."""
        # a checkpoint of an earlier edition knows no init
        begun = {"training images": state["data"], "init": state.get("init", "")}
        theirs = state["config"] | begun
        ours = asdict(self.config) | {"training images": self.data, "init": self.init}
        keys = (theirs | ours).keys()
        if changed := [k for k in keys if theirs.get(k) != ours.get(k)]:
            rows = [("", "checkpoint", "now")]
            rows += [(k, brief(theirs.get(k)), brief(ours.get(k))) for k in changed]
            table = "".join(f"\n  {a:18}{b:20}{c}" for a, b, c in rows)
            raise ValueError(
                f"the checkpoint was made with other settings:{table}\n"
                "resume with the same ones, or start anew in another folder"
            )
        parts = ("model", "optimizer", "schedule", "scaler", "average", "batches")
        for part in parts:
            if state[part]:  # the scaler has none where precision was not fp16
                getattr(self, part).load_state_dict(state[part])
        for number in ("step", "seconds", "history", "recent", "best"):
            setattr(self, number, copy.deepcopy(state[number]))
        count = self._num_updates()  # a checkpoint of an earlier edition has none
        self.updated = state.get("updated", float(count))
        self.updates = [torch.full_like(count, x) for x in state.get("updates", ())]

    def save(self, path: Path | str) -> None:
        """Write the checkpoint, whole or not at all."""
        write_torch_file(path, self.state_dict())

    def resume(self, path: Path | str) -> None:
        """Continue from a checkpoint, or from the one before it."""
        checkpoints.Checkpoints(path).resume(self)

    def restore(self, state: dict, path: Path | str) -> None:
        """Continue from what was read of ``path``."""
        if "optimizer" not in state:
            raise ValueError(f"{path} holds weights only; resume needs checkpoint.pt")
        self.load_state_dict(state)


def brief(value) -> str:
    """Return a setting as it fits into a table: of a hash, the first digits."""
    text = "-" if value in (None, "") else str(value)
    return text if len(text) < 20 else f"{text[:12]}..."


def new_run(
    train: Sequence[fundus.FundusImage],
    val: Sequence[fundus.FundusImage],
    config: TrainConfig,
    *,
    model: nn.Module | None = None,
    init: Path | str | None = None,
    loss_fn: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
    augment: Callable = augmentation.augment,
    prepare: Callable[[np.ndarray], np.ndarray] = prepare,
    device: torch.device | None = None,
    precision: str | None = None,
) -> TrainingRun:
    """Wire a run of the recipe; any part of it can be one's own.

    Images are prepared, the standardisation is fitted on ``train``. The validation
    images are prepared the same way and never augmented. By default the model is a
    U-Net with weights drawn from the seed, the loss BCE and soft Dice.

    ``init`` is a file of weights to start from, in place of ``model``: its sizes are
    taken over, and its standardisation, since its network knows inputs of that scale.
    The images must be of its scale, too (``inference.to_diameter``).
    """
    device = device or distributed.device()
    precision = precision or runtime.pick_precision(device)
    scaling = None
    if init is not None:
        start = Segmenter.load(init, device)
        model, scaling = start.model, start.standardisation
        sizes = {"in_channels": start.sizes["in_channels"]}
        config = replace(config, **sizes, widths=tuple(start.sizes["widths"]))
    if model is None:
        runtime.seed_everything(config.seed)
        model = UNet(config.in_channels, 1, config.widths)
    if loss_fn is None:
        weight = config.dice_weight
        loss_fn = functools.partial(losses.bce_dice_loss, dice_weight=weight)
    inputs = [prepare(x.image) for x in train]
    scaling = scaling or fit_standardisation(inputs, [x.fov for x in train])
    batches = PatchBatches(
        [scaling(x) for x in inputs],
        [x.vessels for x in train],
        [x.fov for x in train],
        config.patch_size,
        config.batch_size,
        config.seed,
        augment,
        device,
    )
    validate = Validation(val, scaling, loss_fn, device, prepare)
    runtime.tune(device)
    model = model.to(device).to(memory_format=torch.channels_last)
    model = distributed.synchronised(model, device)
    data = fundus.data_sha256(train)
    begun = "" if init is None else datasets.sha256(init)
    return TrainingRun(
        model, batches, loss_fn, validate, config, precision, data, begun
    )


class Validation:
    """Score whole validation images; keeps the map of the first one for a picture."""

    def __init__(
        self,
        images: Sequence[fundus.FundusImage],
        scaling: Standardisation,
        loss_fn: Callable[[Tensor, Tensor, Tensor], Tensor],
        device: torch.device,
        prepare: Callable[[np.ndarray], np.ndarray] = prepare,
    ):
        self.images, self.scaling, self.loss_fn = images, scaling, loss_fn
        self.batches = [
            (
                torch.from_numpy(scaling(prepare(x.image)))[None].to(device),
                torch.from_numpy(x.vessels).float()[None].to(device),
                torch.from_numpy(x.fov).float()[None].to(device),
            )
            for x in images
        ]
        self.preview: np.ndarray | None = None  # (1, H, W) probabilities

    def __call__(self, model: nn.Module) -> dict:
        """Return val_loss, auc_roc, auc_pr, and the best Dice with its threshold."""
        found = {}
        for k in range(len(self.images))[distributed.share(len(self.images))]:
            (inputs, vessels, fov), x = self.batches[k], self.images[k]
            logits = predict_logits(model, inputs, PRECISION)
            loss = self.loss_fn(logits, vessels, fov).item()
            probs = logits.sigmoid()[0].cpu().numpy()
            found[k] = loss, metrics.histogram(probs, x.vessels, x.fov)
            if k == 0:
                self.preview = probs
        losses, histograms = zip(*distributed.together(found).values(), strict=True)
        threshold = metrics.best_threshold(histograms)
        scores = metrics.pooled_scores(histograms, threshold)
        return {
            "val_loss": mean_loss(losses, [x.fov.sum() for x in self.images]),
            "auc_roc": scores["auc_roc"],
            "auc_pr": scores["auc_pr"],
            "dice": scores["dice"],
            "threshold": threshold,
        }


def segmenter(
    run: TrainingRun,
    train: Sequence[fundus.FundusImage],
    threshold: float | None = None,
    **origin,
) -> Segmenter:
    """Return the best weights of a run, ready to segment photographs.

    Weights and, where none is given, threshold are those of the best validation;
    ``train`` tells the diameter of the field of view that the network knows. ``origin``
    (such as dataset="DRIVE") is kept beside images, steps and config of the training.
    """
    if not run.best:
        raise ValueError(
            f"the run stands at step {run.step} and was not validated yet; train to "
            f"step {min(run.config.val_every, run.config.steps)} first"
        )
    model = copy.deepcopy(run.model)
    model.load_state_dict(run.best["weights"])
    diameter = fundus.median_diameter(train)
    origin |= {"trained_on": [x.name for x in train], "steps": run.step}
    return Segmenter(
        model.eval(),
        run.validate.scaling,
        run.best["entry"]["threshold"] if threshold is None else threshold,
        diameter,
        {"in_channels": run.config.in_channels, "widths": list(run.config.widths)},
        origin | {"config": asdict(run.config)},
    )


def record(run: TrainingRun, images: Sequence[fundus.FundusImage], **facts) -> dict:
    """Return what a result must carry to be repeated: settings, machine, data hash."""
    device = next(run.model.parameters()).device
    return {
        "config": asdict(run.config),
        "steps": run.step,
        "precision": run.precision,
        "seconds": round(run.seconds, 1),
        "environment": runtime.environment(device),
        "data_sha256": fundus.data_sha256(images),
        "best": run.best.get("entry"),
        "history": run.history,
    } | facts


def goes_on(out: Path | str) -> bool:
    """Tell whether torchrun started anew a training that had come to a checkpoint."""
    out = Path(out)
    begun = places.torchrun().restarts and (out / BEGUN).exists()
    return bool(begun) and checkpoints.found(out / "checkpoint.pt")


def open_folder(
    out: Path | str, resume: bool = False, second: Path | str | None = None
) -> Path:
    """Make the folder of a run and return it; fails now where it would fail later.

    What killed saves left there is removed, so no other process may work in it.
    ValueError where it, or the ``second`` place, holds a run that is not to be resumed,
    DiskError where nothing can be written, FileNotFoundError without a second place.
    """
    out, here = Path(out), places.torchrun()
    saving.refuse_early(out / "checkpoint.pt")
    if not here.restarts:  # left by a training before this one
        (out / BEGUN).unlink(missing_ok=True)
    if checkpoints.found(out / "checkpoint.pt") and not resume:
        raise ValueError(f"{out} holds a run: add --resume or choose another --out")
    if second:
        checkpoints.check_second(out, second, resume)
        saving.sweep(Path(second) / "checkpoint.pt")
    for name in ("checkpoint.pt", "weights.pt", "history.json", "result.json"):
        saving.sweep(out / name)
    if here.size > 1:
        (out / BEGUN).touch()
    return out


def origin_of(
    facts: datasets.Dataset, images: Sequence[fundus.FundusImage], init, run
) -> dict:
    """Return where weights come from: the data set, the weights they began with."""
    origin = facts.identity()
    if facts.place:  # one's own are known by their bytes, a published set by its name
        digests = facts.photographs()
        origin |= {"photographs": [digests[x.name] for x in images]}
    if init is not None:
        before = Segmenter.load(init).origin
        origin |= {"init": before | {"weights_sha256": run.init}}
    return origin


def train(
    out: Path | str,
    dataset: str | datasets.Dataset,
    images: Sequence[fundus.FundusImage],
    val: Sequence[fundus.FundusImage],
    config: TrainConfig,
    *,
    threshold: float | None = None,
    choose: bool = True,
    resume: bool = False,
    init: Path | str | None = None,
    second: Path | str | None = None,
    say: Callable[[str], None] = lambda _: None,
    **parts,
) -> Segmenter:
    """Train into a folder: checkpoint.pt, weights.pt, history.json and result.json.

    A checkpoint is written after each validation and at least once a minute, with a
    copy in the folder ``second`` if one is named; weights.pt whenever a validation was
    the best so far, and at the end. ``choose=False`` takes the last weights and looks
    at ``val`` once, at the end: for images that are trained on, too. ``init`` and the
    ``parts`` of the recipe are those of ``new_run``. A folder that holds a run is a
    ValueError, unless it is to ``resume``; one without a checkpoint begins at the first
    step. Of several processes (``distributed``) the first one reads checkpoints and
    writes.
    """
    first, every = distributed.is_first(), config.val_every
    out = open_folder(out, resume, second) if first else Path(out)
    facts = datasets.get(dataset)
    if not choose:
        config = replace(config, val_every=config.steps)
    run = new_run(images, val, config, init=init, **parts)
    kept_in = None
    if first:
        kept_in = checkpoints.Checkpoints(out / "checkpoint.pt", second, say)
        if resume:
            try:
                kept_in.resume(run)
            except FileNotFoundError:  # ended before the first one was written
                say(f"  no checkpoint in {out} yet: begins at the first step")
    if distributed.size() > 1:  # the others read no checkpoint, and begin as the first
        content = torch_bytes(run.state_dict()) if first else b""
        content = io.BytesIO(distributed.from_first(content))
        run.load_state_dict(torch.load(content, "cpu", weights_only=True))
    origin = origin_of(facts, images, init, run)
    said = time.monotonic()
    try:
        for loss in run.steps():
            if not first:
                continue
            due = run.step % every == 0 or run.step == config.steps
            if due and choose and run.best["entry"] is run.history[-1]:
                segmenter(run, images, threshold, **origin).save(out / "weights.pt")
            kept_in.save_if_due(run, now=due)
            if due or time.monotonic() - said > TICK:
                said = time.monotonic()
                line = f"  step {run.step}/{config.steps}, loss {loss:.4f}"
                if due and choose:
                    line += f", val Dice {run.history[-1]['dice']:.4f}"
                say(line)
                looked = run.history[-1:] if due else []  # none, where nothing chooses
                if skipped := [k for entry in looked for k in entry.get("skipped", ())]:
                    steps = ", ".join(map(str, skipped))
                    say(f"  gradients overflowed in fp16, steps left out: {steps}")
    finally:
        if kept_in:
            kept_in.close()
    network = segmenter(run, images, threshold, **origin)
    if first:
        write_result(out, run, network, images, facts, choose)
    return network


def write_result(
    out: Path,
    run: TrainingRun,
    network: Segmenter,
    images: Sequence[fundus.FundusImage],
    facts: datasets.Dataset,
    choose: bool,
) -> None:
    """Write weights.pt, history.json and result.json of a training that is done."""
    network.save(out / "weights.pt")
    trained_on = network.origin["trained_on"]
    result = record(run, images, **facts.identity(), trained_on=trained_on)
    result |= {"init_sha256": run.init} if run.init else {}
    result |= {"threshold": network.threshold}
    result |= {} if choose else {"best": None, "history": []}
    saving.write_json(out / "history.json", {"history": result.pop("history")})
    result["weights_sha256"] = datasets.sha256(out / "weights.pt")
    saving.write_json(out / "result.json", result)
    (out / BEGUN).unlink(missing_ok=True)


def seconds_per_step(run: TrainingRun, count: int = 20) -> float:
    """Time ``count`` steps after three to warm up, then put the run back as it was."""
    before, stops = copy.deepcopy(run.state_dict()), min(3, run.config.steps - 1)
    for loss in list(run.steps(stops))[-1:]:
        float(loss)  # a GPU is done before the clock is read
    start, first = time.perf_counter(), run.step
    for loss in list(run.steps(first + count))[-1:]:
        float(loss)
    seconds = (time.perf_counter() - start) / max(1, run.step - first)
    run.load_state_dict(before)
    return seconds


class Background:
    """Train in a thread while the notebook goes on; stop it, wait for it, watch it.

    The checkpoint is written after each validation, at least once a minute, and at the
    end, with a copy in the folder ``second`` if one is named.
    """

    def __init__(
        self,
        run: TrainingRun,
        checkpoint: Path | str | None = None,
        second: Path | str | None = None,
    ):
        self.run = run
        self.kept_in = checkpoint and checkpoints.Checkpoints(checkpoint, second)
        self._stop, self._error = threading.Event(), None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            saved = len(self.run.history)
            for _ in self.run.steps():
                if self._stop.is_set():
                    break
                if self.kept_in:  # a disconnect costs no more
                    now = len(self.run.history) > saved
                    self.kept_in.save_if_due(self.run, now)
                    saved = len(self.run.history)
            if self.kept_in:
                self.kept_in.save(self.run)
        except BaseException as error:  # raised again by ``wait``
            self._error = error
        finally:
            if self.kept_in:
                self.kept_in.close()

    def resume(self) -> bool:
        """Go on from the furthest checkpoint, if there is any; tell whether there is.

        The copy in the second place counts, so that a new machine goes on.
        """
        try:
            self.kept_in.resume(self.run)
        except FileNotFoundError:
            return False
        return True

    def start(self) -> Background:
        """Start training; returns at once."""
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        """Tell whether the thread still trains."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask for an end after the present step, and wait for it; never raises."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is done (or ``seconds`` passed); tell whether it is.

        An error inside the thread is raised here, where a reader sees it.
        """
        if self._thread.ident is not None:
            runtime.release_threads()
            self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        return not self.running
