"""From a photograph to a vessel map: tiles, test-time augmentation, the Segmenter."""

from __future__ import annotations

import io
import itertools
import math
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage.transform import resize
from torch import Tensor, nn

from . import datasets, fundus, places, runtime, saving
from .augment import d4, undo_d4
from .patches import mirror, spans
from .preprocess import Standardisation, prepare
from .unet import UNet

SHIPPED = Path(__file__).parent / "weights" / "drive.pt"
DIAMETER = 540.0  # pixels, of DRIVE's fields of view
CHANNELS = 4  # that ``prepare`` makes of a photograph
PRECISION = "fp32"  # on every machine, so that every machine finds the same vessels
TILE = 1024  # pixels; a photograph at DRIVE's resolution goes through in one piece
MAX_LEVELS = 10  # of a U: at the bottom of such a one a pixel is 512 wide
SMALLEST, MOST = 16, 40_000_000  # pixels: a side, and all, of what the network is shown
TTA = {"none": (0,), "flips": (0, 2, 4, 6), "d4": tuple(range(8))}  # see augment.d4
SCALES = (0.8, 1.0, 1.25)  # of the known diameter
LOOKS = {tta: (tta, (1.0,)) for tta in TTA} | {  # what is averaged of a photograph
    "scales": ("none", SCALES),
    "all": ("flips", SCALES),
}


@torch.inference_mode()
def predict_logits(
    model: nn.Module, inputs: Tensor, precision: str, tile: int | None = None
) -> Tensor:
    """Return logits of whole images, (B, C, H, W) -> (B, K, H, W) float32, any size.

    The image is mirrored as far as the network needs it. With ``tile`` (pixels, a
    multiple of ``model.divisor``) the network sees one tile with its surroundings at
    a time: its memory no longer grows with the image, and logits are the same up to
    rounding. Batch norm uses its running statistics; the model's mode is restored.
    """
    was_training = model.training
    height, width = inputs.shape[-2:]
    rows, columns = spans(height, tile, model), spans(width, tile, model)
    before = model.border
    below = max(row.window.stop for row in rows) - before - height
    right = max(column.window.stop for column in columns) - before - width
    padded = mirror(inputs, (before, below), (before, right))
    logits = None
    try:
        model.eval()
        for row, column in itertools.product(rows, columns):
            window = padded[..., row.window, column.window]
            with runtime.autocast(inputs.device, precision):
                answer = model(window.contiguous(memory_format=torch.channels_last))
            if logits is None:
                logits = answer.new_empty((*answer.shape[:2], height, width)).float()
            logits[..., row.place, column.place] = answer[..., row.inner, column.inner]
    finally:
        model.train(was_training)
    return logits


def predict_probs(
    model: nn.Module,
    inputs: np.ndarray,
    tta: str = "none",
    precision: str = "fp32",
    tile: int | None = None,
) -> np.ndarray:
    """Return vessel probabilities of one prepared image, (C, H, W) -> (1, H, W).

    Test-time augmentation averages the probabilities of turned or mirrored copies,
    each turned back: ``tta`` is "none", "flips" (4) or "d4" (8). ``tile`` as in
    ``predict_logits``.
    """
    if tta not in TTA:
        raise ValueError(f"tta is {tta!r}; choose one of {', '.join(TTA)}")
    device = runtime.device_of(model)
    batch = torch.from_numpy(inputs)[None].to(device)
    probs = [
        undo_d4(predict_logits(model, d4(batch, k), precision, tile).sigmoid(), k)
        for k in TTA[tta]
    ]
    mean = torch.stack(probs).mean(0).clamp(0, 1)
    return mean[0].cpu().numpy()


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (C, H, W) by linear interpolation, smoothed first where it shrinks."""
    options = {"order": 1, "anti_aliasing": height < image.shape[1], "mode": "edge"}
    result = np.empty((len(image), height, width), np.float32)
    for channel, resized in zip(image, result, strict=True):  # one at a time: memory
        resized[:] = resize(channel, (height, width), **options)
    return result


def scale_to(known: float, diameter: float) -> float:
    """Return the factor that brings a field of view to the known diameter, in pixels.

    Within 5 % it is 1: pixels that fit are better left alone.
    """
    factor = known / diameter
    return 1.0 if abs(factor - 1) < 0.05 else factor


def working_size(height: int, width: int, factor: float) -> tuple[int, int]:
    """Return rows and columns after resizing; ValueError where the factor is absurd."""
    least, most = SMALLEST / max(height, width), math.sqrt(MOST / (height * width))
    if not least <= factor <= most:  # nor is it NaN
        raise ValueError(
            f"{height} x {width} pixels would be resized by {factor:.3g}: the diameter "
            "of the lit disc, given or measured, makes no sense; give the width in "
            "pixels that the whole disc has in this photograph (--diameter)"
        )
    return max(1, round(height * factor)), max(1, round(width * factor))


def to_diameter(x: fundus.FundusImage, known: float) -> fundus.FundusImage:
    """Return a labelled photograph at the size at which its field of view is so wide.

    ``known`` in pixels; within 5 % it comes back as it is. A pixel of a label is True
    where at least half of what it covers is.
    """
    factor = scale_to(known, fundus.fov_diameter(x.fov))
    if factor == 1:
        return x
    height, width = (max(1, round(factor * side)) for side in x.image.shape[1:])

    def shrunk(label: np.ndarray | None) -> np.ndarray | None:
        if label is None:
            return None
        # The mean of what a pixel covers, no more: a wider one would lose thin vessels.
        share = Image.fromarray(label[0].astype(np.float32))
        share = share.resize((width, height), Image.Resampling.BOX)
        return (np.asarray(share) >= 0.5)[None]

    image = resized(x.image, height, width).clip(0, 1)
    labels = {key: shrunk(getattr(x, key)) for key in ("vessels", "fov", "second")}
    return fundus.FundusImage(x.name, image, **labels)


def _surroundings(fov: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns of the field of view with a margin of 8 % round it."""
    margin = round(0.08 * fundus.fov_diameter(fov))
    ends = [np.flatnonzero(fov[0].any(axis))[[0, -1]] for axis in (1, 0)]
    return tuple(slice(max(0, a - margin), b + margin + 1) for a, b in ends)


@dataclass
class Segmenter:
    """All that is needed to segment a photograph: network, input scaling, threshold.

    ``fov_diameter`` (pixels) is that of the training images. A photograph whose field
    of view has another diameter is resized to it, because the network knows vessels of
    one width; probabilities are brought back to the photograph's own size.

    ``threshold`` is for the data set of training, ``threshold_elsewhere`` for any
    other photograph, None where nobody chose one: hands that draw labels differ in how
    wide they draw.
    """

    model: UNet
    standardisation: Standardisation
    threshold: float
    fov_diameter: float
    sizes: dict  # in_channels and widths of the network
    origin: dict = field(default_factory=dict)  # data set, images, config of training
    threshold_elsewhere: float | None = None

    def threshold_for(self, dataset: str | None = None) -> float:
        """Return the threshold for a data set; None: for photographs of one's own."""
        at_home = dataset is not None and dataset == self.origin.get("dataset")
        if at_home or self.threshold_elsewhere is None:
            return self.threshold
        return self.threshold_elsewhere

    def scale(self, fov: np.ndarray, diameter: float | None = None) -> float:
        """Return the factor that brings a field of view to the known diameter.

        ``diameter`` (pixels) is that of the whole lit disc, where it cannot be measured
        because the frame shows only a part.
        """
        return scale_to(self.fov_diameter, diameter or fundus.fov_diameter(fov))

    def probs(
        self,
        image: np.ndarray,
        fov: np.ndarray | None = None,
        tta: str = "none",
        tile: int | None = TILE,
        diameter: float | None = None,
    ) -> np.ndarray:
        """Return vessel probabilities, (3, H, W) -> (1, H, W) float32, 0 outside fov.

        ``fov`` (1, H, W) bool is found automatically where it is None; ``diameter`` as
        in ``scale``. Only the field of view and a margin are looked at; ``tile``
        (pixels after resizing) bounds the memory and changes nothing else. ``tta`` is
        one of ``LOOKS``: as in ``predict_probs``, or "scales", the mean at three sizes
        of the photograph, or "all", mirrored copies at each of them.
        """
        if tta not in LOOKS:
            raise ValueError(f"tta is {tta!r}; choose one of {', '.join(LOOKS)}")
        if self.sizes["in_channels"] != CHANNELS:
            raise ValueError(
                f"these weights take {self.sizes['in_channels']} channels, a prepared "
                f"photograph has {CHANNELS}; take weights of the usual recipe"
            )
        fov = fundus.automatic_fov(image) if fov is None else fov
        factor, place = self.scale(fov, diameter), (slice(None), *_surroundings(fov))
        copies, scales = LOOKS[tta]
        result = np.zeros(fov.shape, np.float32)
        mean = result[place]  # a view
        for scale in scales:
            mean += self._look(image[place], factor * scale, copies, tile)
        if len(scales) > 1:
            mean /= len(scales)
        mean *= fov[place]
        return result

    def _look(
        self, image: np.ndarray, factor: float, tta: str, tile: int | None
    ) -> np.ndarray:
        """Return the probabilities of a photograph seen ``factor`` times as large."""
        height, width = image.shape[1:]
        if factor != 1:
            image = resized(image, *working_size(height, width, factor))
        inputs = self.standardisation(prepare(image))
        probs = predict_probs(self.model, inputs, tta, PRECISION, tile)
        if not np.isfinite(probs).all():
            raise ValueError(
                "the network answers with no numbers (NaN): its weights are broken, "
                "perhaps by a training that failed; take others"
            )
        return probs if factor == 1 else resized(probs, height, width).clip(0, 1)

    def settings(self) -> dict:
        """Return all that a file holds beside the weights, as plain values."""
        return {
            "standardisation": asdict(self.standardisation),
            "threshold": self.threshold,
            "threshold_elsewhere": self.threshold_elsewhere,
            "fov_diameter": self.fov_diameter,
            "settings": self.sizes,
            "origin": self.origin,
        }

    def save(self, path: Path | str) -> None:
        """Write all of it to one file that ``load`` reads, whole or not at all."""
        weights = {k: v.cpu() for k, v in self.model.state_dict().items()}
        write_torch_file(path, {"model": weights} | self.settings())

    @classmethod
    def load(
        cls, path: Path | str | None = None, device: torch.device | None = None
    ) -> Segmenter:
        """Read a file written by ``save``; None means the weights that are shipped.

        No code is run by loading (``weights_only``). The shipped file is checked
        against its SHA-256.
        """
        if path is None and SHIPPED.is_file():
            expected = SHIPPED.with_suffix(".sha256").read_text("utf-8").split()[0]
            if datasets.sha256(SHIPPED) != expected:
                raise ValueError(f"{SHIPPED} is damaged; restore it from the project")
        path = SHIPPED if path is None else Path(path)
        content = read_torch_file(path)
        try:
            rest = read_settings(content)
            sizes = rest["sizes"]
            model = _network(sizes["in_channels"], sizes["widths"], content["model"])
        except Exception as error:  # a foreign file can hold anything
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            raise ValueError(
                f"{path} holds no weights of this course ({why}); use a weights.pt "
                "that train wrote"
            ) from error
        model = model.to(device or runtime.pick_device()).eval()
        model = model.to(memory_format=torch.channels_last)
        return cls(model, **rest)


def mean_threshold(networks: Sequence[Segmenter], dataset: str | None = None) -> float:
    """Return the mean of ``Segmenter.threshold_for`` a data set."""
    return sum(n.threshold_for(dataset) for n in networks) / len(networks)


def mean_probs(
    networks: Sequence[Segmenter], image: np.ndarray, fov: np.ndarray, **options
) -> np.ndarray:
    """Return the mean of several networks' ``Segmenter.probs``, (1, H, W) float32."""
    return sum(n.probs(image, fov, **options) for n in networks) / len(networks)


def read_settings(content: dict) -> dict:
    """Return ``Segmenter.settings`` as its arguments; ValueError names nonsense.

    Nothing is built yet, so that no setting can fill the memory.
    """
    scaling, sizes = content["standardisation"], content["settings"]
    limits = {  # of each number; no training comes near them
        "mean": (scaling["mean"], -1000, 1000),
        "std": (scaling["std"], 1e-6, 1000),
        "threshold": (content["threshold"], 0, 1),
        "threshold_elsewhere": (content.get("threshold_elsewhere") or 0, 0, 1),
        "fov_diameter": (content["fov_diameter"], SMALLEST, 100_000),
    }
    for name, (value, low, high) in limits.items():
        if not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"{name} is {value!r:.40}, not between {low} and {high}")
    widths, channels = list(sizes["widths"]), sizes["in_channels"]
    whole = all(type(x) is int and x > 0 for x in (channels, *widths))
    if not whole or not 0 < len(widths) <= MAX_LEVELS:
        raise ValueError(f"no U-Net takes {channels!r:.9} channels to {widths!r:.60}")
    return {
        "standardisation": Standardisation(**scaling),
        "threshold": content["threshold"],
        "threshold_elsewhere": content.get("threshold_elsewhere"),
        "fov_diameter": content["fov_diameter"],
        "sizes": sizes,
        "origin": dict(content["origin"]),
    }


def _network(in_channels: int, widths: Sequence[int], weights: dict) -> UNet:
    """Build a network with the weights of a file; ValueError where they do not fit.

    It is drafted without memory first: only what the file holds in full gets any.
    """
    with torch.device("meta"):
        draft = UNet(in_channels, 1, widths).state_dict()
    for name, expected in draft.items():
        found = weights[name]
        if found.shape != expected.shape:
            shapes = f"{tuple(found.shape)}, not {tuple(expected.shape)}"
            raise ValueError(f"{name} has the shape {shapes}")
        if found.nbytes > found.untyped_storage().nbytes():
            raise ValueError(f"{name} is stretched: not all of it is in the file")
        if not found.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity: the training had failed")
    model = UNet(in_channels, 1, widths)
    model.load_state_dict(weights)
    return model


def torch_bytes(content: dict) -> bytes:
    """Return a file of a dict of tensors and plain values.

    Where torch writes by itself, a disk that gets full ends in an error of its own
    that names no reason, and the file's name is in the bytes.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def write_torch_file(path: Path | str, content: dict) -> None:
    """Write a dict of tensors and plain values, whole or not at all."""
    saving.write_bytes(path, torch_bytes(content))


def read_torch_file(path: Path) -> dict:
    """Load a dict of tensors and plain values; refuses anything that could run code."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; `{places.COMMAND} train` makes one (without "
            "--resume), or leave --weights out for the shipped ones"
        )
    try:
        with zipfile.ZipFile(path) as archive:  # torch packs nothing in it
            size = sum(member.file_size for member in archive.infolist())
        if size > path.stat().st_size:
            raise zipfile.BadZipFile("it unpacks to more than it has")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError
        raise ValueError(
            f"{path} cannot be read as weights ({type(error).__name__}); it is cut off "
            "or no file of this course: make it again"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not weights")
    return content
