"""From a photograph to a vessel map, and from a split of images to its scores."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
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
DIAMETER = 540.0  # pixels, of DRIVE's fields of view
SPECK = 30  # pixels at that size; smaller pieces are noise: chosen on DRIVE 37-40, by
# Betti-0 error
THIN = 3.0  # pixels at that size, the width up to which a vessel is called thin
TILE = 1024  # pixels; a photograph at DRIVE's resolution goes through in one piece
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
    device = next(model.parameters()).device
    batch = torch.from_numpy(inputs)[None].to(device)
    probs = [
        undo_d4(predict_logits(model, d4(batch, k), precision, tile).sigmoid(), k)
        for k in TTA[tta]
    ]
    mean = torch.stack(probs).mean(0).clamp(0, 1)
    return mean[0].cpu().numpy()


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
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


def _surroundings(fov: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns of the field of view with a margin of 8 % round it."""
    margin = round(0.08 * fundus.fov_diameter(fov))
    ends = [np.flatnonzero(fov[0].any(axis))[[0, -1]] for axis in (1, 0)]
    return tuple(slice(max(0, a - margin), b + margin + 1) for a, b in ends)


def _likeness_to_disc(inside: np.ndarray) -> float:
    """Return the overlap (IoU) of a (H, W) mask with the disc that would fill its box.

    What the frame cuts off the disc is left out.
    """
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    middle = [(k[0] + k[-1]) / 2 for k in (rows, columns)]
    radius = fundus.fov_diameter(inside[None]) / 2
    y, x = np.ogrid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    disc = np.hypot(y - middle[0], x - middle[1]) <= radius
    part = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return float((disc & part).sum() / (disc | part).sum())


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
    origin: dict = field(default_factory=dict)  # data set, images, settings of training

    precision = "fp32"  # on every machine, so that every machine finds the same vessels

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
        (pixels after resizing) bounds the memory and changes nothing else.
        """
        fov = fundus.automatic_fov(image) if fov is None else fov
        factor = self.scale(fov, diameter)
        place = (slice(None), *_surroundings(fov))
        part = image[place]
        height, width = part.shape[1:]
        if factor != 1:
            part = _resize(part, round(height * factor), round(width * factor))
        inputs = self.standardisation(prepare(part))
        probs = predict_probs(self.model, inputs, tta, self.precision, tile)
        if factor != 1:
            probs = _resize(probs, height, width).clip(0, 1)
        result = np.zeros(fov.shape, np.float32)
        result[place] = probs * fov[place]
        return result

    def doubts(
        self, image: np.ndarray, fov: np.ndarray, probs: np.ndarray
    ) -> list[str]:
        """Say why a photograph looks like none of a retina; [] where nothing does.

        image (3, H, W), fov and probs (1, H, W). The limits leave room round what
        DRIVE 21-40 have: blue at most 22 % of the light, vessels 9 to 15 % of the field
        of view, 38 to 55 % of them unsure.
        """
        step = max(1, min(fov.shape[1:]) // 1000)  # every pixel of a large one is many
        image, fov, probs = (x[:, ::step, ::step] for x in (image, fov, probs))
        inside = fov[0]
        colour, pred = image[:, inside].mean(1), (probs >= self.threshold) & fov
        blue, share = colour[2] / max(colour.sum(), 1e-6), pred.sum() / fov.sum()
        unsure = ((probs > 0.2) & (probs < 0.8) & fov).sum() / max(pred.sum(), 1)
        reasons = []
        if inside.mean() > 0.98:
            reasons.append("no dark border: the size of the eye is a guess")
        elif (likeness := _likeness_to_disc(inside)) < 0.95:
            reasons.append(f"the bright part is no disc (likeness {likeness:.2f})")
        if blue > 0.25:
            reasons.append(
                f"not the colours of a retina (blue {blue:.0%} of the light)"
            )
        if not 0.05 <= share <= 0.22:
            reasons.append(f"{share:.1%} of it marked as vessels (DRIVE: 9 to 15 %)")
        if unsure > 0.7:
            reasons.append("the network is unsure about most of what it marks")
        return reasons

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
        if path is None and SHIPPED.is_file():
            expected = SHIPPED.with_suffix(".sha256").read_text("utf-8").split()[0]
            if fundus.sha256(SHIPPED) != expected:
                raise ValueError(f"{SHIPPED} is damaged; restore it from the project")
        content = read_torch_file(SHIPPED if path is None else Path(path))
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
            f"{path} is missing; `python3 -m helpers train` makes one (without "
            "--resume), or leave --weights out for the shipped ones"
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
    (1, H, W) float32, scaled by a constant into [0, 1]. A larger photograph than
    DRIVE's is shrunk to that size first, as for the network. Sato et al., 1998.
    """
    height, width = fov.shape[1:]
    factor = scale_to(DIAMETER, fundus.fov_diameter(fov))
    green, inside = image[1:2], fov[0]
    if factor < 1:
        green = _resize(green, round(height * factor), round(width * factor))
        inside = _resize(fov.astype(np.float32), *green.shape[1:])[0] > 0.5
    # Carry the last sure pixels outwards, so that the rim of the FOV is no ridge.
    sure = ndimage.binary_erosion(inside, iterations=6)
    nearest = ndimage.distance_transform_edt(
        ~sure, return_distances=False, return_indices=True
    )
    ridges = sato(green[0][tuple(nearest)], sigmas=(1.5, 2, 2.5, 3), black_ridges=True)
    probs = np.clip(ridges * 5, 0, 1)[None].astype(np.float32)
    return (_resize(probs, height, width) if factor < 1 else probs) * fov


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
    probs: Iterable[np.ndarray],
    images: Iterable[fundus.FundusImage],
    threshold: float,
    specks: Sequence[int] = (0, SPECK),
) -> list[dict[str, float]]:
    """Score vessels as objects: means over images of ``metrics.object_scores``.

    Once for each of ``specks``: connected pieces of fewer pixels are dropped first,
    counted at DRIVE's resolution (an image twice as wide drops four times as many), as
    is the width of a thin vessel.
    The pooled Dice after it is returned as "dice".
    """
    rows, totals = [[] for _ in specks], np.zeros((len(specks), 4), int)
    for p, x in zip(probs, images, strict=True):
        scale = scale_to(DIAMETER, fundus.fov_diameter(x.fov))
        widths = metrics.vessel_widths(x.vessels)
        for row, total, speck in zip(rows, totals, specks, strict=True):
            pred = metrics.remove_specks(p >= threshold, round(speck / scale**2))
            labels = (pred, x.vessels, x.fov)
            row.append(metrics.object_scores(*labels, THIN / scale, widths))
            total += metrics.count(*labels)
    results = []
    for row, total, speck in zip(rows, totals, specks, strict=True):
        dice = metrics.scores(metrics.Counts(*map(int, total)))["dice"]
        means = {key: float(np.mean([one[key] for one in row])) for key in row[0]}
        results.append({"speck": speck, "dice": dice} | means)
    return results


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
