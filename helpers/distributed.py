"""One training in several processes, on one machine or many, started by torchrun.

``torchrun --nproc-per-node 2 -m helpers train ...`` starts the command twice. Each
process draws the same batches and runs the network on its share of each; logits and
the statistics of batch norm are brought together, so that loss, gradients and weights
are those of one process, up to rounding. gloo joins CPUs, NCCL joins NVIDIA's GPUs.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from . import places, runtime

PATIENCE = datetime.timedelta(minutes=10)  # for one that validates or writes


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun started, for as long as the block lasts.

    Without torchrun nothing is joined. ValueError where another process is lost.
    """
    here = places.torchrun()
    if here.size == 1:
        yield
        return
    try:
        _join(here)
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error).lower():
            raise
        raise ValueError(
            f"process {here.rank} of {here.size} lost the others, because one ended or "
            "the network broke: the first error above tells why; the same command with "
            "--resume goes on from the last checkpoint (on one machine torchrun "
            "--max-restarts 3 does so by itself)"
        ) from error
    else:  # after an error the others may never come, and this would wait for them
        dist.destroy_process_group()


def _join(here: places.Process) -> None:
    """Meet the others; those of a start before left addresses that nobody answers."""
    backend = "gloo"
    if gpus := torch.cuda.device_count():
        if here.local_rank >= gpus:
            raise ValueError(
                f"this machine has {gpus} GPU{'s' * (gpus > 1)}, one for each process: "
                f"give --nproc-per-node {gpus}, or set CUDA_VISIBLE_DEVICES=-1 for the "
                "CPU"
            )
        torch.cuda.set_device(here.local_rank)
        backend = "cpu:gloo,cuda:nccl"
    store, *_ = next(dist.rendezvous("env://", timeout=PATIENCE))
    store = dist.PrefixStore(f"start {here.restarts}", store)
    options = {"rank": here.rank, "world_size": here.size, "timeout": PATIENCE}
    dist.init_process_group(backend, store=store, **options)


def size() -> int:
    """Return the number of processes that are joined; 1 where none are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Tell whether this is the process that writes and speaks for all."""
    return rank() == 0


def device() -> torch.device:
    """Return the device to train on; Apple's GPU cannot be shared."""
    found = runtime.pick_device()
    return torch.device("cpu") if size() > 1 and found.type == "mps" else found


def first_then_others(work: Callable[[], Any]) -> Any:
    """Do some work in the first process, then in the others.

    On one machine, or in a shared folder, they find what it made.
    """
    if not is_first():
        dist.barrier()
    result = work()
    if is_first() and size() > 1:
        dist.barrier()
    return result


def from_first(value: Any) -> Any:
    """Return the first process's value in all; it is copied as pickle does."""
    held = [value]
    if size() > 1:
        dist.broadcast_object_list(held)
    return held[0]


def together(results: dict) -> dict:
    """Return the entries of all processes in one dict, sorted by key."""
    parts = [results]
    if size() > 1:
        parts = [None] * size()
        dist.all_gather_object(parts, results)
    entries = {key: value for part in parts for key, value in part.items()}
    return dict(sorted(entries.items()))


def share(count: int) -> slice:
    """Return this process's part of ``count`` things; the first ones get the rest."""
    each, rest = divmod(count, size())
    start = rank() * each + min(rank(), rest)
    return slice(start, start + each + (rank() < rest))


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; each one's gradient is a sum, too."""

    @staticmethod
    def forward(_, x: Tensor) -> Tensor:
        """Return the sum."""
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_, gradient: Tensor) -> Tensor:
        """Return the sum of the gradients."""
        return _Sum.forward(_, gradient)


class BatchNorm(nn.BatchNorm2d):
    """Batch norm by the statistics of all processes; torch has it for GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x normalised, (B, C, H, W)."""
        if not self.training or size() == 1:
            return super().forward(x)
        var, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0)
        count = mean.new_full((1,), x.numel() / x.shape[1])
        rows = [mean.new_zeros(2 * len(mean) + 1) for _ in range(size())]
        rows[rank()] = torch.cat([mean, var, count])
        everyone = _Sum.apply(torch.stack(rows))  # (processes, 2 C + 1)
        means, variances, weights = everyone.split([len(mean), len(mean), 1], dim=1)
        total = weights.sum()
        mean = (weights * means).sum(0) / total
        var = (weights * (variances + (means - mean) ** 2)).sum(0) / total
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * total / (total - 1), self.momentum)
        scale = self.weight / (var + self.eps).sqrt()
        shift = self.bias - mean * scale
        scale, shift = (a.view(1, -1, 1, 1) for a in (scale, shift))
        return (x.float() * scale + shift).to(x.dtype)


def synchronised(model: nn.Module, device: torch.device) -> nn.Module:
    """Return a model whose batch norm counts the whole batch; alone it stays as it is.

    Parameters and buffers are the same ones, under the same names.
    """
    if size() == 1:
        return model
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for layer in model.modules():
        if type(layer) is nn.BatchNorm2d:
            layer.__class__ = BatchNorm
    return model


class Shared(nn.Module):
    """A network whose batches are shared out; its answer is that of all processes.

    (B, C, H, W) -> (B, K, H', W'). A loss of all logits is then the one that a single
    process would have. Its gradient comes from all N processes, N times too large, and
    reaches the weights through each one's own share; DistributedDataParallel takes the
    mean, which is the gradient of the whole batch.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.ddp = DistributedDataParallel(model)

    def forward(self, batch: Tensor) -> Tensor:
        """Return logits of the whole batch."""
        if len(batch) < size():
            raise ValueError(
                f"{size()} processes cannot share a batch of {len(batch)}: start at "
                f"most {len(batch)}"
            )
        mine = share(len(batch))
        own, after = self.ddp(batch[mine]).float(), len(batch) - mine.stop
        return _Sum.apply(F.pad(own, (0, 0, 0, 0, 0, 0, mine.start, after)))


def shared(model: nn.Module) -> nn.Module:
    """Return the network that trains: the model, shared out where processes are."""
    return Shared(model) if size() > 1 else model
