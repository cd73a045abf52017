"""The network as an ONNX file, for programs that know no PyTorch, and back.

The graph takes a prepared photograph of any size, (B, C, H, W) float32 in [0, 1] with
H, W >= the network's divisor, and gives logits of that size: standardisation and the
mirrored border are part of it. What a Segmenter needs beside the network is JSON in the
file's metadata.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import inference, saving, unet
from .inference import Segmenter
from .preprocess import Standardisation

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
KEY = "segmenter"  # of the metadata
ENDING = ".onnx"  # by which ``load`` knows a file
CALIBRATED_BY = 8  # photographs are enough to know the range of each map
INSIDE = Standardisation(0.0, 1.0)  # nothing is left to do outside the graph


def needed(name: str):
    """Return a module of ``PACKAGES``; ValueError names all where one is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"ONNX needs packages of its own ({error}): "
            f"`{sys.executable} -m pip install {' '.join(PACKAGES)}` brings them"
        ) from error


def load(path: Path | str | None = None) -> Segmenter:
    """Read an exported network (by its ending, .onnx) or weights of a training.

    None means the weights that are shipped.
    """
    path = path and Path(path)
    exported = path and path.suffix.lower() == ENDING
    return _read(path) if exported else Segmenter.load(path)


def onnx_bytes(network: Segmenter) -> bytes:
    """Return the ONNX file of a network."""
    needed("onnxscript")
    if torch.__version__ < (2, 7):
        raise ValueError(
            f"export needs torch 2.7 or newer, this is {torch.__version__}"
        )
    image = torch.zeros(2, network.sizes["in_channels"], 72, 104)  # any size would do
    sizes = {0: "batch", 2: "height", 3: "width"}
    with _quiet():
        program = torch.onnx.export(
            _Graph(network).eval(),
            (image,),
            dynamo=True,
            verbose=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes={"image": sizes},
        )
    file = program.model_proto
    needed("onnx").helper.set_model_props(file, {KEY: json.dumps(network.settings())})
    return file.SerializeToString()


def quantised(content: bytes, images: Sequence[np.ndarray]) -> bytes:
    """Return the ONNX file of an exported network with weights and maps in 8 bits.

    ``images``: prepared photographs, (C, H, W) float32, by which the range of each map
    is measured (static quantisation; weights by output channel).
    """
    needed("onnxruntime")
    tools = importlib.import_module("onnxruntime.quantization")

    class Photographs(tools.CalibrationDataReader):
        """One photograph after the other, then None."""

        def __init__(self):
            self.rest = iter(images)

        def get_next(self) -> dict | None:
            return next(({"image": x[None]} for x in self.rest), None)

    with tempfile.TemporaryDirectory() as folder, _quiet():
        given, taken = Path(folder) / "given.onnx", Path(folder) / "taken.onnx"
        given.write_bytes(content)
        tools.quant_pre_process(given, given, skip_symbolic_shape=True)
        options = {"per_channel": True, "quant_format": tools.QuantFormat.QDQ}
        kinds = ["Conv", "ConvTranspose", "MaxPool", "Concat"]
        tools.quantize_static(
            given, taken, Photographs(), op_types_to_quantize=kinds, **options
        )
        return taken.read_bytes()


def write(network: Segmenter, path: Path | str, images: Sequence = ()) -> None:
    """Write a network as an ONNX file, whole or not at all.

    With ``images`` (see ``quantised``) its weights and maps have 8 bits.
    """
    if Path(path).suffix.lower() != ENDING:
        raise ValueError(f"{path} must end in {ENDING}, by which the file is known")
    saving.refuse_early(path)
    content = onnx_bytes(network)
    saving.write_bytes(path, quantised(content, images) if len(images) else content)


class _AnySize:
    """Sizes that hold every number: the graph brings each image to one that fits."""

    def __contains__(self, size: object) -> bool:
        return True


class _Graph(nn.Module):
    """What the file computes: standardisation, mirrored border, network, crop."""

    def __init__(self, network: Segmenter):
        super().__init__()
        if not isinstance(network.model, unet.UNet) or network.model.border:
            raise ValueError("only weights of train can be exported: give a weights.pt")
        self.model = copy.deepcopy(network.model).cpu()
        self.model.sizes = _AnySize()
        # All that is joined has one size here, and a crop cannot be exported.
        self.model.join = lambda skip, x: torch.cat([skip, x], dim=1)
        self.scaling = network.standardisation

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, (B, C, H, W) -> (B, 1, H, W)."""
        height, width = image.shape[-2:]
        below, right = (self._missing(side) for side in (height, width))
        x = F.pad(image, (0, right, 0, below), "reflect")
        x = (x - self.scaling.mean) / self.scaling.std
        return self.model(x)[..., :height, :width]

    def _missing(self, side: int) -> int:
        step = self.model.divisor
        return (side + step - 1) // step * step - side


class OnnxNetwork(nn.Module):
    """An exported network that stands in for the UNet it was, on the CPU."""

    def __init__(self, path: Path):
        super().__init__()
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        said = self.session.get_modelmeta().custom_metadata_map[KEY]
        self.settings = inference.read_settings(json.loads(said))
        levels = len(self.settings["sizes"]["widths"])
        self.divisor, self.border = 2 ** (levels - 1), 0
        self.sizes = unet.valid_sizes(levels, "same")

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, (B, C, H, W) -> (B, 1, H, W)."""
        given = np.ascontiguousarray(image.numpy(), np.float32)
        return torch.from_numpy(self.session.run(["logits"], {"image": given})[0])


def _read(path: Path) -> Segmenter:
    """Read an exported network; FileNotFoundError, ValueError say what is wrong."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `export --out {path}` makes one")
    needed("onnxruntime")
    try:
        model = OnnxNetwork(path)
    except Exception as error:  # a foreign file can hold anything
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"{path} holds no network of this course ({why}); use a file that export "
            "wrote"
        ) from error
    return Segmenter(model.eval(), **model.settings | {"standardisation": INSIDE})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what exporter and quantiser say of themselves."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
