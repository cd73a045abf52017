"""The rule for precision, and the report of the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers import places, runtime


def test_seed_decides_weights():
    runtime.seed_everything(3)
    a = torch.nn.Linear(4, 4).weight
    runtime.seed_everything(3)
    assert torch.equal(a, torch.nn.Linear(4, 4).weight)


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")]
)
def test_precision_on_cuda(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _d: capability)
    assert runtime.pick_precision(torch.device("cuda")) == expected


@pytest.mark.parametrize(("amx", "expected"), [(True, "bf16"), (False, "fp32")])
def test_precision_on_cpu(monkeypatch, amx, expected):
    """AVX-512 BF16 alone is not enough: it was slower than fp32."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    avx512 = "_is_avx512_bf16_supported"
    monkeypatch.setattr(torch.cpu, avx512, lambda: True, raising=False)
    assert runtime.pick_precision(torch.device("cpu")) == expected


def test_precision_on_cpu_of_a_torch_that_cannot_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert runtime.pick_precision(torch.device("cpu")) == "fp32"


THREADS = """
import os, torch
from helpers import runtime

def count():
    return len(os.listdir("/proc/self/task"))

torch.set_num_threads(2)
alone = count()
image = torch.rand(8, 8, 64, 64)
expected = torch.nn.functional.conv2d(image, torch.ones(8, 8, 3, 3)).sum()
(image + 1).exp()
together = count()
runtime.release_threads()
runtime.release_threads()
assert alone < together, (alone, together)
for _ in range(1000):  # they end by themselves, soon
    if count() < together:
        break
    __import__("time").sleep(0.01)
assert count() < together
again = torch.nn.functional.conv2d(image, torch.ones(8, 8, 3, 3)).sum()
assert torch.allclose(again, expected)
"""


@pytest.mark.skipif(
    not list(Path("/proc/self/task").glob("*"))
    or not list((Path(torch.__file__).parent / "lib").glob("libgomp*")),
    reason="on Linux, with the GNU OpenMP of torch's wheels, alone",
)
def test_threads_are_released_and_come_again():
    where = {"cwd": places.ROOT, "env": os.environ | {"PYTHONPATH": str(places.ROOT)}}
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, **where)
    assert not done.returncode, done.stderr.decode()


def test_without_gnu_openmp_nothing_is_released(monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "__file__", str(tmp_path / "__init__.py"))
    runtime.release_threads("a result of IPython")


def test_keep_memory_is_harmless_everywhere(monkeypatch):
    runtime.keep_memory()
    assert torch.ones(2**20).sum() == 2**20
    monkeypatch.setattr(runtime.os, "name", "nt")  # Windows: nothing to ask
    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda _: pytest.fail("asked"))
    runtime.keep_memory()


def test_autocast():
    x, cpu = torch.ones(2, 2), torch.device("cpu")
    with runtime.autocast(cpu, "bf16"):
        assert (x @ x).dtype == torch.bfloat16
    with runtime.autocast(cpu, "fp32"):
        assert (x @ x).dtype == torch.float32
    with pytest.raises(ValueError, match="choose bf16, fp16 or fp32"):
        runtime.autocast(cpu, "int4")


def test_fp32_on_a_gpu_is_not_rounded_to_tf32():
    before = torch.backends.cudnn.allow_tf32
    with runtime.autocast(torch.device("cuda"), "fp32"):
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.enabled
    assert torch.backends.cudnn.allow_tf32 == before


def test_environment_names_what_decides_a_number():
    report = runtime.environment(torch.device("cpu"))
    assert report["torch"] == torch.__version__
    assert report["device"].startswith("CPU with")
    assert report["device"] == runtime.device_name(torch.device("cpu"))
    assert {"python", "numpy", "scikit-image", "threads"} <= set(report)


def test_the_device_has_a_name_in_each_language(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert runtime.device_name(cpu) == "CPU with 2 threads"
    assert runtime.device_name(cpu, "zh") == "CPU，2 个线程"
