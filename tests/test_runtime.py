"""The rule for precision, and the report of the machine."""

import pytest
import torch

from helpers import runtime


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


@pytest.mark.parametrize(
    ("amx", "avx512", "expected"),
    [(True, True, "bf16"), (False, True, "bf16"), (False, False, "fp32")],
)
def test_precision_on_cpu(monkeypatch, amx, avx512, expected):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    assert runtime.pick_precision(torch.device("cpu")) == expected


def test_precision_on_cpu_of_a_torch_that_cannot_tell(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name)
    assert runtime.pick_precision(torch.device("cpu")) == "fp32"


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
