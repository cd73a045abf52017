"""Settings of a run and the places on disk; the only module that reads the environment.

Standard library only, so that it can be imported before anything is installed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODES = ("smoke", "lesson", "full")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; change one with ``dataclasses.replace``."""

    seed: int = 0
    in_channels: int = 4  # green after CLAHE and gamma; red, green and blue as they are
    widths: tuple[int, ...] = (16, 32, 64, 128)  # channels per level of the U
    patch_size: int = 128  # pixels, side of a square patch
    batch_size: int = 8  # patches per step
    steps: int = 4000  # optimiser updates
    learning_rate: float = 3e-3  # peak of the one-cycle schedule, AdamW
    weight_decay: float = 1e-2
    dice_weight: float = 0.5  # loss = BCE + dice_weight * soft Dice
    ema: float = 0.99  # share of itself that the running average keeps each step
    val_every: int = 250  # steps between two looks at the validation images

    def __post_init__(self):
        divisor = 2 ** (len(self.widths) - 1)
        if self.patch_size % divisor:
            raise ValueError(
                f"patch_size {self.patch_size} must be a multiple of {divisor} for "
                f"{len(self.widths)} levels; try {self.patch_size // divisor * divisor}"
            )
        for field in ("batch_size", "steps", "val_every", "learning_rate"):
            if getattr(self, field) <= 0:
                raise ValueError(
                    f"{field} must be positive, got {getattr(self, field)}"
                )


PRESETS = {
    "smoke": TrainConfig(
        widths=(4, 8, 16), patch_size=32, batch_size=4, steps=24, val_every=12
    ),
    "lesson": TrainConfig(),
    "full": TrainConfig(steps=5000),
}


def mode() -> str:
    """Return FUNDUS_MODE: "smoke", "lesson" (the default) or "full"."""
    name = os.environ.get("FUNDUS_MODE") or "lesson"
    if name not in MODES:
        raise ValueError(
            f"FUNDUS_MODE is {name!r}; choose one of {', '.join(MODES)} or unset it"
        )
    return name


def data_dir() -> Path:
    """Return the folder that holds one folder a data set.

    FUNDUS_DATA decides where it is set. Otherwise the first of these that exists:
    ``data`` beside ``helpers``, a ``fundus-data`` folder in a mounted Google Drive,
    Kaggle's input folder; and ``data`` beside ``helpers`` where none does.
    """
    if os.environ.get("FUNDUS_DATA"):
        return Path(os.environ["FUNDUS_DATA"]).expanduser().resolve()
    places = (
        ROOT / "data",
        Path("/content/drive/MyDrive/fundus-data"),
        Path("/kaggle/input"),
    )
    return next((place for place in places if place.is_dir()), places[0])


def data_dir_is_given() -> bool:
    """Tell whether FUNDUS_DATA names the data folder."""
    return bool(os.environ.get("FUNDUS_DATA"))


def output_dir() -> Path:
    """Return the folder for everything that a run writes.

    FUNDUS_OUT decides where it is set; else it is ``outputs`` beside ``helpers``, or
    in the working directory where that place is read-only (Kaggle's input folder).
    """
    home = ROOT if os.access(ROOT, os.W_OK) else Path.cwd()
    return Path(os.environ.get("FUNDUS_OUT") or home / "outputs").resolve()


def report_file() -> Path | None:
    """Return the JSON file to which the running chapter adds its facts, if any."""
    name = os.environ.get("FUNDUS_REPORT")
    return Path(name).resolve() if name else None


def run_id() -> str | None:
    """Return the name that ``helpers run`` gave to this run of the whole course."""
    return os.environ.get("FUNDUS_RUN") or None


def export(**variables: Path | str) -> None:
    """Set FUNDUS_ variables, such as ``DATA=path``, for this process and its children.

    A path is made absolute first: a child may have another working directory.
    """
    for name, value in variables.items():
        text = value if isinstance(value, str) else str(value.expanduser().resolve())
        os.environ[f"FUNDUS_{name}"] = text


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Give a file beside ``path`` to write to; take it as ``path`` only when whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path | str, content: dict) -> None:
    """Write a dict as readable UTF-8 JSON, whole or not at all."""
    with atomic(path) as part:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")
