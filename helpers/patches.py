"""Mirror the border, cover an image by tiles, cut patches, make training batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


def mirror(x: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """Put mirrored pixels round an image: (..., H, W) -> (..., H + rows, W + columns).

    Each pair counts the pixels (before, after). The edge pixel is not repeated, as in
    ``reflect``: dcb|abcd|cba; unlike there, a border wider than the image is mirrored
    again and again.
    """

    def places(length: int, before: int, after: int) -> Tensor:
        period = max(1, 2 * (length - 1))
        place = torch.arange(-before, length + after, device=x.device) % period
        return torch.minimum(place, period - place)

    height, width = x.shape[-2:]
    x = x.index_select(-2, places(height, *rows))
    return x.index_select(-1, places(width, *columns))


class Span(NamedTuple):
    """One tile along one axis."""

    window: slice  # of the mirrored image: what the network is shown
    inner: slice  # of its answer: what is kept
    place: slice  # of the result: where that goes


def spans(length: int, tile: int | None, model: nn.Module) -> list[Span]:
    """Cover an axis of ``length`` pixels by tiles of which ``tile`` pixels are kept.

    The windows overlap, the places do not. Every place begins on the lattice of the
    poolings, so that each pixel meets the same pairs as in one pass over the whole
    image (``tile=None``); a padded network sees so much of the surroundings that its
    zeros at a cut cannot reach the place. ``model`` has ``divisor``, ``border`` and
    ``sizes``, as UNet. Overlap-tile, section 1 of the paper.
    """
    lattice = model.divisor
    if tile is None:
        tile = -(-length // lattice) * lattice
    if tile <= 0 or tile % lattice:
        below = max(1, tile // lattice) * lattice
        raise ValueError(
            f"tile is {tile} pixels; tiles must lie on the lattice of the poolings, so "
            f"choose a multiple of {lattice}, such as {below} or {below + lattice}"
        )
    reach = 0 if model.border else 6 * lattice  # as far as zeros at a cut can spread
    result = []
    for start in range(0, length, tile):
        first, stop = max(0, start - reach), min(start + tile, length)
        least = min(length, start + tile + reach) - first + 2 * model.border
        size = next(size for size in model.sizes if size >= least)
        window = slice(first, first + size)
        inner = slice(start - first, stop - first)
        result.append(Span(window, inner, slice(start, stop)))
    return result


def cut(image: np.ndarray, row: int, column: int, size: int) -> np.ndarray:
    """Cut the (C, size, size) patch whose top left pixel is (row, column)."""
    height, width = image.shape[-2:]
    if not (0 <= row <= height - size and 0 <= column <= width - size):
        raise ValueError(
            f"a patch of {size} at ({row}, {column}) leaves the {height} x {width} "
            f"image; rows go to {height - size}, columns to {width - size}"
        )
    return image[..., row : row + size, column : column + size]


class PatchBatches:
    """An endless stream of augmented training batches, decided by its seed alone.

    Iterating gives (image, vessels, fov): (B, C, P, P), (B, 1, P, P), (B, 1, P, P)
    float32 tensors on ``device``. Each patch is cut around a random pixel inside the
    FOV, as a window larger than the patch, which ``augment`` turns, bends and trims to
    it. ``state_dict`` holds the position in the stream, so that training can resume.
    """

    margin = 2.0  # window over patch: room to turn by 45 degrees and to shrink

    def __init__(
        self,
        inputs: Sequence[np.ndarray],  # standardised, (C, H, W) each
        vessels: Sequence[np.ndarray],  # (1, H, W) bool each
        fovs: Sequence[np.ndarray],  # (1, H, W) bool each
        patch_size: int,
        batch_size: int,
        seed: int,
        augment: Callable,
        device: torch.device | str = "cpu",
    ):
        self.patch_size, self.batch_size, self.augment = patch_size, batch_size, augment
        self.window = 2 * round(self.margin * patch_size / 2)
        pad = self.window // 2
        self.layers, self.centres = [], []
        for x, vessel, fov in zip(inputs, vessels, fovs, strict=True):
            edges = ((0, 0), (pad, pad), (pad, pad))
            mirrored = np.pad(x, edges, mode="symmetric")
            labels = np.pad(np.concatenate([vessel, fov]), edges)  # no FOV out there
            layers = torch.from_numpy(np.concatenate([mirrored, labels])).float()
            self.layers.append(layers.to(device))  # (C + 2, H + W, W + W)
            self.centres.append(torch.from_numpy(np.argwhere(fov[0])))
        self.generator = torch.Generator().manual_seed(seed)

    def _window(self) -> Tensor:
        """Draw an image, then a pixel inside its FOV; cut the window around it."""
        image = self._integer(len(self.layers))
        row, column = self.centres[image][self._integer(len(self.centres[image]))]
        size = self.window
        return self.layers[image][:, row : row + size, column : column + size]

    def _integer(self, high: int) -> int:
        return int(torch.randint(high, (1,), generator=self.generator))

    def __iter__(self):
        return self

    def __next__(self) -> tuple[Tensor, Tensor, Tensor]:
        windows = torch.stack([self._window() for _ in range(self.batch_size)])
        image, vessels, fov = windows[:, :-2], windows[:, -2:-1], windows[:, -1:]
        return self.augment(image, vessels, fov, self.patch_size, self.generator)

    def state_dict(self) -> dict:
        """Return the state of the random generator."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict) -> None:
        """Continue the stream where ``state_dict`` was taken."""
        self.generator.set_state(state["generator"])
