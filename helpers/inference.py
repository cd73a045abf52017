"""From a photograph to a vessel map, and from a split of images to its scores."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from skimage.filters import sato
from skimage.transform import resize
from torch import Tensor, nn

from . import config, fundus, metrics, runtime
from .augment import d4, undo_d4
from .patches import mirror, spans
from .preprocess import Standardisation, prepare
from .unet import UNet

SHIPPED = Path(__file__).parent / "weights" / "drive.pt"
SPECK = 30  # pixels; smaller pieces are noise: chosen on DRIVE 37-40, by Betti-0 error
TTA = {"none": (0,), "flips": (0, 2, 4, 6), "d4": tuple(range(8))}  # see augment.d4


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
    model: nn.Module, inputs: np.ndarray, tta: str = "none", precision: str = "fp32"
) -> np.ndarray:
    """Return vessel probabilities of one prepared image, (C, H, W) -> (1, H, W).

    Test-time augmentation averages the probabilities of turned or mirrored copies,
    each turned back: ``tta`` is "none", "flips" (4) or "d4" (8).
    """
    if tta not in TTA:
        raise ValueError(f"tta is {tta!r}; choose one of {', '.join(TTA)}")
    device = next(model.parameters()).device
    batch = torch.from_numpy(inputs)[None].to(device)
    probs = [
        undo_d4(predict_logits(model, d4(batch, k), precision).sigmoid(), k)
        for k in TTA[tta]
    ]
    mean = torch.stack(probs).mean(0).clamp(0, 1)
    return mean[0].cpu().numpy()


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (C, H, W) by linear interpolation, smoothed first where it shrinks."""
    shrinks = height < image.shape[1]
    result = resize(
        image, (len(image), height, width), order=1, anti_aliasing=shrinks, mode="edge"
    )
    return result.astype(np.float32)


@dataclass
class Segmenter:
    """All that is needed to segment a photograph: network, input scaling, threshold.

    ``fov_diameter`` (pixels) is that of the training images. A photograph whose field
    of view has another diameter is resized to it, because the network knows vessels of
    one width; probabilities are brought back to the photograph's own size.
    """

    model: UNet
    standardisation: Standardisation
    threshold: float
    fov_diameter: float
    settings: dict  # in_channels and widths of the network
    origin: dict = field(default_factory=dict)  # data, steps, seed, scores, versions

    precision = "fp32"  # on every machine, so that every machine finds the same vessels

    def scale(self, fov: np.ndarray) -> float:
        """Return the factor that brings a field of view to the known diameter."""
        factor = self.fov_diameter / fundus.fov_diameter(fov)
        return 1.0 if abs(factor - 1) < 0.05 else factor  # 5 %: leave pixels alone

    def probs(
        self, image: np.ndarray, fov: np.ndarray | None = None, tta: str = "none"
    ) -> np.ndarray:
        """Return vessel probabilities, (3, H, W) -> (1, H, W) float32, 0 outside fov.

        ``fov`` (1, H, W) bool is found automatically where it is None.
        """
        fov = fundus.automatic_fov(image) if fov is None else fov
        height, width = image.shape[1:]
        factor = self.scale(fov)
        if factor != 1:
            image = _resize(image, round(height * factor), round(width * factor))
        inputs = self.standardisation(prepare(image))
        probs = predict_probs(self.model, inputs, tta, self.precision)
        if factor != 1:
            probs = _resize(probs, height, width).clip(0, 1)
        return probs * fov

    def save(self, path: Path | str) -> None:
        """Write weights and settings to one file that ``load`` reads, whole or not."""
        content = {
            "model": {k: v.cpu() for k, v in self.model.state_dict().items()},
            "standardisation": asdict(self.standardisation),
            "threshold": self.threshold,
            "fov_diameter": self.fov_diameter,
            "settings": self.settings,
            "origin": self.origin,
        }
        with config.atomic(path) as part, part.open("wb") as file:
            torch.save(content, file)  # by path, the file's name would be in its bytes

    @classmethod
    def load(
        cls, path: Path | str | None = None, device: torch.device | None = None
    ) -> Segmenter:
        """Read a file written by ``save``; None means the weights that are shipped.

        No code is run by loading (``weights_only``). The shipped file is checked
        against its SHA-256.
        """
        content = read_torch_file(SHIPPED if path is None else Path(path))
        if path is None:
            expected = SHIPPED.with_suffix(".sha256").read_text("utf-8").split()[0]
            if fundus.sha256(SHIPPED) != expected:
                raise ValueError(f"{SHIPPED} is damaged; restore it from the project")
        try:
            settings = content["settings"]
            model = UNet(settings["in_channels"], 1, settings["widths"])
            model.load_state_dict(content["model"])
            scaling = Standardisation(**content["standardisation"])
            rest = {k: content[k] for k in ("threshold", "fov_diameter", "origin")}
        except (KeyError, TypeError, RuntimeError) as error:
            raise ValueError(
                f"{path} holds no weights of this course ({type(error).__name__}: "
                f"{str(error).splitlines()[0]}); use a weights.pt that train wrote"
            ) from error
        model = model.to(device or runtime.pick_device()).eval()
        model = model.to(memory_format=torch.channels_last)
        return cls(model, scaling, settings=settings, **rest)


def read_torch_file(path: Path) -> dict:
    """Load a dict of tensors and plain values; refuses anything that could run code."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; train one with `python3 -m helpers train`, or leave "
            "--weights out for the shipped ones"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError
        raise ValueError(
            f"{path} cannot be read as weights ({type(error).__name__}); it is cut off "
            "or no file of this course: make it again"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not weights")
    return content


def sato_probs(image: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Return a ridge filter's answer as the baseline without learning.

    Sato filter on the green channel, sigma 1.5 to 3 pixels, dark ridges; (3, H, W) ->
    (1, H, W) float32, scaled by a constant into [0, 1]. Sato et al., 1998.
    """
    # Carry the last sure pixels outwards, so that the rim of the FOV is no ridge.
    sure = ndimage.binary_erosion(fov[0], iterations=6)
    nearest = ndimage.distance_transform_edt(
        ~sure, return_distances=False, return_indices=True
    )
    green = image[1][tuple(nearest)]
    ridges = sato(green, sigmas=(1.5, 2, 2.5, 3), black_ridges=True)
    return np.clip(ridges * 5, 0, 1)[None].astype(np.float32) * fov


def evaluate(
    predict: Callable[[fundus.FundusImage], np.ndarray],
    images: Sequence[fundus.FundusImage],
    threshold: float,
) -> dict:
    """Predict every image and score it inside its FOV, at its own size.

    The one function that scores images, test images included. ``predict`` gives
    probabilities (1, H, W). Returns images, threshold, protocol, pooled, ci95,
    per_image, seconds_per_image and, not for JSON, histograms and probs.
    """
    start, probs = time.perf_counter(), [predict(image) for image in images]
    seconds = (time.perf_counter() - start) / len(images)
    histograms = [
        metrics.histogram(p, x.vessels, x.fov)
        for p, x in zip(probs, images, strict=True)
    ]
    each = metrics.per_image_scores(histograms, threshold)
    return {
        "images": len(images),
        "threshold": threshold,
        "protocol": "fov",
        "pooled": metrics.pooled_scores(histograms, threshold),
        "ci95": metrics.bootstrap_ci(histograms, threshold),
        "per_image": [
            {"name": x.name} | row for x, row in zip(images, each, strict=True)
        ],
        "seconds_per_image": seconds,
        "histograms": histograms,
        "probs": probs,
    }


def evaluate_objects(
    probs: Sequence[np.ndarray],
    images: Sequence[fundus.FundusImage],
    threshold: float,
    speck: int = 0,
) -> dict[str, float]:
    """Score vessels as objects: means over images of ``metrics.object_scores``.

    Connected pieces of fewer than ``speck`` pixels are dropped first; the pooled Dice
    after it is returned as "dice".
    """
    rows, total = [], np.zeros(4, int)
    for p, x in zip(probs, images, strict=True):
        pred = metrics.remove_specks(p >= threshold, speck)
        rows.append(metrics.object_scores(pred, x.vessels, x.fov))
        total += metrics.count(pred, x.vessels, x.fov)
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    dice = metrics.scores(metrics.Counts(*map(int, total)))["dice"]
    return {"speck": speck, "dice": dice} | means


def choose_threshold(
    predict: Callable[[fundus.FundusImage], np.ndarray],
    val: Sequence[fundus.FundusImage],
) -> float:
    """Return the threshold with the best pooled Dice on validation images."""
    return metrics.best_threshold(
        [metrics.histogram(predict(x), x.vessels, x.fov) for x in val]
    )


def baselines(
    images: Sequence[fundus.FundusImage], val: Sequence[fundus.FundusImage]
) -> dict[str, dict | None]:
    """Score what stands beside a network: a second observer and a ridge filter.

    Returns {"second_observer": ..., "sato": ...}, each as ``evaluate`` does; None
    where not every image has a second observer. The filter's threshold is from val.
    """

    def ridges(x: fundus.FundusImage) -> np.ndarray:
        return sato_probs(x.image, x.fov)

    rows = {"second_observer": None}
    if all(x.second is not None for x in images):
        rows["second_observer"] = evaluate(
            lambda x: x.second.astype(np.float32), images, threshold=0.5
        )
    rows["sato"] = evaluate(ridges, images, choose_threshold(ridges, val))
    return rows
