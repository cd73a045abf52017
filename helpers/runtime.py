"""The machine: seed, device, numeric precision, and a report of all that matters."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from pathlib import Path

import torch


def seed_everything(seed: int) -> None:
    """Seed torch's global generators (weights); batches bring their own generator."""
    torch.manual_seed(seed)


def pick_device() -> torch.device:
    """Return the GPU where there is one (CUDA, then Apple's MPS), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device_of(model: torch.nn.Module) -> torch.device:
    """Return where a model's weights are; the CPU where it has none."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def pick_precision(device: torch.device) -> str:
    """Choose "bf16", "fp16" or "fp32" for a device by one rule.

    CUDA: bf16 from compute capability 8 (Ampere) on, else fp16 with a gradient
    scaler; a T4 (7.5) has no bf16 hardware although torch offers to emulate it.
    CPU: bf16 where it has units for matrices of it (AMX), else fp32; where it had
    AVX-512 BF16 alone, a step of the recipe took half as long again as in fp32.
    MPS: fp32.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    has_amx = getattr(torch.cpu, "_is_amx_tile_supported", bool)()  # bool(): False
    return "bf16" if device.type == "cpu" and has_amx else "fp32"


def tune(device: torch.device) -> None:
    """Prepare for a training whose batches all have one size.

    A GPU tries out, once a size, which way of convolution is fastest (cuDNN); the CPU
    keeps its memory.
    """
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
    else:
        keep_memory()


def keep_memory() -> None:
    """Let the C library keep freed memory for the next step, where it is glibc.

    By default each large tensor is fetched from the system and given back, and the
    system fills it with zeros every time: a sixth of a training step in fp32.
    """
    if os.name != "posix":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(-3, 2**30)  # M_MMAP_THRESHOLD: only larger blocks are mapped anew
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: free memory kept at the top


def release_threads(*_) -> None:
    """Let the threads end that OpenMP keeps for the calling one, where it is GNU's.

    It makes threads sleep at each of a step's many short waits as soon as there are
    more of them than cores. So those that a notebook's cells leave behind slow down a
    training in the background: on two cores a step took 0.12 s in place of 0.08. The
    next operation that wants them starts them again. IPython may call it after a cell.
    """
    for file in (Path(torch.__file__).parent / "lib").glob("libgomp*"):
        pause = getattr(ctypes.CDLL(str(file)), "omp_pause_resource_all", None)
        if pause:  # since GCC 9
            pause(1)  # omp_pause_soft


def autocast(device: torch.device, precision: str):
    """Return the context in which the forward pass runs at this precision.

    fp32 means all 24 bits of it: left alone, torch lets newer NVIDIA GPUs round the
    factors of a convolution to 11 bits (TF32).
    """
    if precision == "fp32" and device.type == "cuda":
        return torch.backends.cudnn.flags(True, False, allow_tf32=False)
    if precision == "fp32":
        return contextlib.nullcontext()
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if precision not in dtypes:
        raise ValueError(f"precision is {precision!r}; choose bf16, fp16 or fp32")
    return torch.autocast(device.type, dtype=dtypes[precision])


def device_name(device: torch.device, language: str = "en") -> str:
    """Name the device in words, with memory and compute capability of a GPU.

    Records hold the English name; ``language``, "en" or "zh", is for what is printed.
    """
    chinese = language == "zh"
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        gigabytes = gpu.total_memory / 2**30
        capability = f"{gpu.major}.{gpu.minor}"
        if chinese:
            return f"{gpu.name}，{gigabytes:.0f} GB，计算能力 {capability}"
        return f"{gpu.name}, {gigabytes:.0f} GB, compute capability {capability}"
    if device.type == "mps":
        return "Apple GPU (MPS)"
    threads = torch.get_num_threads()
    if chinese:
        return f"CPU，{threads} 个线程"
    return f"CPU with {threads} thread{'s' if threads > 1 else ''}"


def environment(device: torch.device | None = None) -> dict:
    """Report versions, device and threads, as stored with every measured run."""
    import numpy
    import skimage

    device = device or pick_device()
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),  # its own type is no plain text
        "numpy": numpy.__version__,
        "scikit-image": skimage.__version__,
        "system": platform.system(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
    }
