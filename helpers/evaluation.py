"""The scores of a split of images: of networks, a human observer and a ridge filter.

Each image is read once, predicted once, scored once, and its pixels are dropped.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.filters import sato

from . import datasets, export, fundus, metrics, runtime
from .inference import (
    DIAMETER,
    PRECISION,
    mean_probs,
    mean_threshold,
    resized,
    scale_to,
)

SPECK = 30  # pixels at DRIVE's resolution; smaller pieces are noise: chosen on DRIVE
# 37-40, by Betti-0 error
THIN = 3.0  # pixels there, the width up to which a vessel is called thin
Predict = Callable[[fundus.FundusImage], np.ndarray]  # probabilities (1, H, W)


class Evaluation:
    """The scores of one way to find vessels, gathered image after image.

    Pixels count inside the FOV, at the image's own size. ``histogram`` is the table of
    all images together (``metrics.histogram``). Of a single image only scores, counts
    at the threshold and a coarse table are kept, so that large sets fit the memory.
    ``person`` tells from an image's name whose eye it is.
    """

    def __init__(self, threshold: float, person: Callable[[str], str] = str):
        self.threshold, self.person = threshold, person
        self.histogram = np.zeros((2, metrics.NUM_BINS), np.int32)
        self.per_image: list[dict] = []
        self.counts: list[metrics.Counts] = []
        self.coarse: list[np.ndarray] = []

    def add(self, x: fundus.FundusImage, probs: np.ndarray) -> None:
        """Count the probabilities (1, H, W) of one image."""
        table = metrics.histogram(probs, x.vessels, x.fov)
        self.histogram += table
        self.per_image.append(
            {"name": x.name} | metrics.all_scores(table, self.threshold)
        )
        self.counts.append(metrics.counts_at(table, self.threshold))
        self.coarse.append(metrics.coarsened(table))

    @functools.cached_property
    def pooled(self) -> dict[str, float]:
        """Scores of all pixels of all images, as of one large image."""
        return metrics.all_scores(self.histogram, self.threshold)

    @functools.cached_property
    def draws(self) -> np.ndarray:
        """Pooled scores of resampled persons, see ``metrics.resampled``."""
        people = [self.person(row["name"]) for row in self.per_image]
        tables = (metrics.by_person(x, people) for x in (self.coarse, self.counts))
        return metrics.resampled(*tables)

    @property
    def ci95(self) -> dict[str, tuple[float, float]]:
        """The 95 % interval of each pooled score."""
        return metrics.intervals(self.draws)

    def against(self, other: Evaluation) -> dict[str, tuple[float, float, float]]:
        """Return (difference, low, high) of each score; both saw the same images."""
        return metrics.differences(self.pooled, other.pooled, self.draws, other.draws)


def evaluate(
    predict: Predict,
    images: Iterable[fundus.FundusImage],
    threshold: float,
    person: Callable[[str], str] = str,
) -> Evaluation:
    """Predict every image and score it; the one function that scores images."""
    result = Evaluation(threshold, person)
    for x in images:
        result.add(x, predict(x))
    return result


def choose_threshold(predict: Predict, val: Iterable[fundus.FundusImage]) -> float:
    """Return the threshold with the best pooled Dice on validation images."""
    total = sum(metrics.histogram(predict(x), x.vessels, x.fov) for x in val)
    return metrics.best_threshold([total])


class Objects:
    """Scores of vessels as objects (``metrics.object_scores``), image after image.

    Once for each of ``specks``: connected pieces of fewer pixels are dropped first,
    counted at DRIVE's resolution (an image twice as wide drops four times as many), as
    is the width of a thin vessel.
    """

    def __init__(self, threshold: float, specks: Sequence[int] = (0, SPECK)):
        self.threshold, self.specks = threshold, specks
        self.rows: list[list[dict]] = [[] for _ in specks]
        self.totals = np.zeros((len(specks), 4), int)

    def add(
        self, x: fundus.FundusImage, probs: np.ndarray, widths: np.ndarray | None = None
    ) -> None:
        """Score one image; ``widths`` are its ``metrics.vessel_widths``, if known."""
        scale = scale_to(DIAMETER, fundus.fov_diameter(x.fov))
        widths = metrics.vessel_widths(x.vessels) if widths is None else widths
        for row, total, speck in zip(self.rows, self.totals, self.specks, strict=True):
            pred = metrics.remove_specks(
                probs >= self.threshold, round(speck / scale**2)
            )
            labels = (pred, x.vessels, x.fov)
            row.append(metrics.object_scores(*labels, THIN / scale, widths))
            total += metrics.count(*labels)

    def means(self) -> list[dict[str, float]]:
        """Return means over images for each speck; "dice" is pooled."""
        results = []
        for row, total, speck in zip(self.rows, self.totals, self.specks, strict=True):
            dice = metrics.scores(metrics.Counts(*map(int, total)))["dice"]
            means = {key: float(np.mean([x[key] for x in row])) for key in row[0]}
            results.append({"speck": speck, "dice": dice} | means)
        return results


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
        green = resized(green, round(height * factor), round(width * factor))
        inside = resized(fov.astype(np.float32), *green.shape[1:])[0] > 0.5
    # Carry the last sure pixels outwards, so that the rim of the FOV is no ridge.
    sure = ndimage.binary_erosion(inside, iterations=6)
    nearest = ndimage.distance_transform_edt(
        ~sure, return_distances=False, return_indices=True
    )
    ridges = sato(green[0][tuple(nearest)], sigmas=(1.5, 2, 2.5, 3), black_ridges=True)
    probs = np.clip(ridges * 5, 0, 1)[None].astype(np.float32)
    return (resized(probs, height, width) if factor < 1 else probs) * fov


def ridges(x: fundus.FundusImage) -> np.ndarray:
    """Return ``sato_probs`` of an image."""
    return sato_probs(x.image, x.fov)


def evaluate_split(
    name: str | datasets.Dataset,
    split: str,
    data_dir: Path | str,
    weights: Sequence[Path | str] = (),
    *,
    threshold: float | None = None,
    tta: str = "none",
    half: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict:
    """Score networks on a split beside a second observer and a ridge filter; for JSON.

    ``weights`` are files of networks to average, () the shipped one; ``threshold`` is
    by default the mean of theirs. The observer's row is None where not every image has
    one; the filter's threshold is from the validation images. ``half`` scores at half
    resolution. Intervals and differences are by bootstrap over persons.
    """
    facts = datasets.get(name)
    images, val = (fundus.OnDisk(name, s, data_dir, half) for s in (split, "val"))
    networks = [export.load(file) for file in weights or [None]]
    if threshold is None:
        threshold = mean_threshold(networks, facts.name)

    def average(x: fundus.FundusImage) -> np.ndarray:
        return mean_probs(networks, x.image, x.fov, tta=tta)

    ways = {"network": (average, threshold)}
    members = datasets.ids(name, split)
    if all(datasets.second_path(name, i, data_dir) for i in members):
        ways["second_observer"] = (lambda x: x.second.astype(np.float32), 0.5)
    ways["sato"] = (ridges, choose_threshold(ridges, val))
    person = functools.partial(datasets.person, name)
    rows = {way: Evaluation(at, person) for way, (_, at) in ways.items()}
    objects = {way: Objects(at) for way, (_, at) in ways.items()}
    digest, seconds = fundus.DataDigest(), dict.fromkeys(ways, 0.0)
    for number, x in enumerate(images, start=1):
        say(f"  {facts.name} {x.name}, {number} of {len(images)}")
        digest.add(x)
        widths = metrics.vessel_widths(x.vessels)
        for way, (predict, _) in ways.items():
            start = time.perf_counter()
            probs = predict(x)
            seconds[way] += time.perf_counter() - start
            rows[way].add(x, probs)
            objects[way].add(x, probs, widths)
    known = {i for n in networks for i in datasets.seen(name, split, n.origin)}
    network = rows["network"]
    return {
        **facts.identity(),
        "split": split,
        "tta": tta,
        "half_resolution": half,
        "weights": " ".join(map(str, weights or ["shipped"])),
        "precision": PRECISION,
        "environment": runtime.environment(),
        "data_sha256": digest.hexdigest(),
        "trained_on_of_these": sorted(known),
        "objects": objects["network"].means(),
        "images": len(images),
        "threshold": threshold,
        "protocol": "fov",
        "pooled": network.pooled,
        "ci95": network.ci95,
        "per_image": network.per_image,
        "seconds_per_image": seconds["network"] / len(images),
        "calibration": metrics.calibration(network.histogram),
        **_beside(rows, objects),
    }


def _beside(rows: dict[str, Evaluation], objects: dict[str, Objects]) -> dict:
    """Return what stands beside a network: the observer and the filter, for JSON."""
    result = {}
    for way in ("second_observer", "sato"):
        row, keys = rows.get(way), ("threshold", "pooled", "ci95")
        result[way] = row and {key: getattr(row, key) for key in keys}
        if row:
            result[f"{way}_objects"] = objects[way].means()
    if human := rows.get("second_observer"):
        result["against_second_observer"] = rows["network"].against(human)
    return result
