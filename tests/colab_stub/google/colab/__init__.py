"""Stands in for Colab's package: the signatures of colabtools 3c07d77 (2026-04-07).

There is no google/__init__.py on purpose: google is a namespace that others share.
"""

import sys
import types
from pathlib import Path

calls = []  # (name, arguments) of every call


def _record(name, result=None):
    def function(*args, **kwargs):
        calls.append((name, args, kwargs))
        return result

    return function


def _module(name, **members):
    module = types.ModuleType(f"{__name__}.{name}")
    module.__dict__.update(members)
    sys.modules[module.__name__] = module
    globals()[name] = module


def _mount(mountpoint, force_remount=False, timeout_ms=120000, readonly=False):
    if " " in mountpoint:
        raise ValueError("Mountpoint must not contain a space.")
    calls.append(("drive.mount", (mountpoint,), {}))
    print(f"Mounted at {mountpoint}")


def _download(filename):
    if not Path(filename).exists():
        raise FileNotFoundError(f"Cannot find file: {filename}")
    calls.append(("files.download", (filename,), {}))


_module("drive", mount=_mount, flush_and_unmount=_record("drive.flush_and_unmount"))
_module("files", download=_download, upload=_record("files.upload", {}))
_module("output", clear=_record("output.clear"), eval_js=_record("output.eval_js"))
_module("userdata", get=_record("userdata.get"))
_module("runtime", unassign=_record("runtime.unassign"))
