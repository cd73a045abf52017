"""Pad and crop, cut patches, and the endless stream of training batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Mirror the bottom and right edge until height and width are multiples.

    (B, C, H, W) -> (B, C, H', W') with H' the smallest multiple not below H. The
    edge pixel is not repeated (``reflect``); ``crop_to`` undoes it.
    """
    height, width = x.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if below >= height or right >= width:
        raise ValueError(
            f"an image of {height} x {width} is too small to be mirrored to a multiple "
            f"of {multiple}; it needs at least {multiple // 2 + 1} pixels a side"
        )
    return functional.pad(x, (0, right, 0, below), mode="reflect")


def crop_to(x: Tensor, height: int, width: int) -> Tensor:
    """Keep the top left (..., height, width); undoes ``pad_to_multiple``."""
    return x[..., :height, :width]


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
    float32 tensors. Each patch is cut around a random pixel inside the FOV, as a
    window larger than the patch, which ``augment`` turns, bends and trims to it.
    ``state_dict`` holds the position in the stream, so that training can resume.
    """

    margin = 1.5  # window over patch: room to turn by 45 degrees

    def __init__(
        self,
        inputs: Sequence[np.ndarray],  # standardised, (C, H, W) each
        vessels: Sequence[np.ndarray],  # (1, H, W) bool each
        fovs: Sequence[np.ndarray],  # (1, H, W) bool each
        patch_size: int,
        batch_size: int,
        seed: int,
        augment: Callable,
    ):
        self.patch_size, self.batch_size, self.augment = patch_size, batch_size, augment
        self.window = 2 * round(self.margin * patch_size / 2)
        pad = self.window // 2
        self.layers, self.centres = [], []
        for x, vessel, fov in zip(inputs, vessels, fovs, strict=True):
            edges = ((0, 0), (pad, pad), (pad, pad))
            mirrored = np.pad(x, edges, mode="symmetric")
            labels = np.pad(np.concatenate([vessel, fov]), edges)  # no FOV out there
            layers = np.concatenate([mirrored, labels]).astype(np.float32)
            self.layers.append(torch.from_numpy(layers))  # (C + 2, H + W, W + W)
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
