"""The recipe: every setting of a training run, and a preset for each mode.

Standard library only, so that it can be imported before anything is installed.
"""

from __future__ import annotations

from dataclasses import dataclass

MODES = ("smoke", "lesson", "full")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; change one with ``dataclasses.replace``."""

    seed: int = 0
    in_channels: int = 4  # green after CLAHE and gamma; red, green and blue as they are
    widths: tuple[int, ...] = (16, 32, 64, 128)  # channels per level of the U
    patch_size: int = 128  # pixels, side of a square patch
    batch_size: int = 4  # patches per step
    steps: int = 5600  # optimiser updates
    learning_rate: float = 3e-3  # peak of the one-cycle schedule, AdamW
    weight_decay: float = 1e-2
    dice_weight: float = 0.5  # loss = BCE + dice_weight * soft Dice
    ema: float = 0.99  # share of itself that the running average keeps each step
    val_every: int = 400  # steps between two looks at the validation images

    def __post_init__(self):
        divisor = 2 ** (len(self.widths) - 1)
        if self.patch_size % divisor:
            raise ValueError(
                f"patch_size {self.patch_size} must be a multiple of {divisor} for "
                f"{len(self.widths)} levels; try {self.patch_size // divisor * divisor}"
            )
        if abs(self.seed) >= 10**18:  # 64 bits hold no more
            raise ValueError(f"seed {self.seed} is too long: take at most 18 digits")
        for field in ("batch_size", "steps", "val_every", "learning_rate"):
            if not getattr(self, field) > 0:  # nor is NaN
                raise ValueError(
                    f"{field} must be positive, got {getattr(self, field)}"
                )


PRESETS = {
    "smoke": TrainConfig(
        widths=(4, 8, 16), patch_size=32, batch_size=4, steps=24, val_every=12
    ),
    "lesson": TrainConfig(),
    "full": TrainConfig(steps=10000),
}
