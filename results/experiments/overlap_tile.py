"""Compare one pass over a DRIVE image with tiles: logits, memory, seconds.

Needs DRIVE (FUNDUS_DATA).
"""

import time

import numpy as np
import torch

from helpers import fundus, inference, places, preprocess, runtime, unet

from . import alone

WAYS = (  # network, tile in pixels; None: one pass, with which the next are compared
    ("paper", None), ("paper", 384), ("paper", 96),
    ("shipped", None), ("shipped", 192), ("shipped", 96),
)  # fmt: skip


def measure(name: str, tile: int | None) -> tuple[np.ndarray, float, float]:
    """Predict image 37; return logits, seconds and the growth of the memory's peak."""
    torch.set_num_threads(2)
    eye = fundus.load_one("DRIVE", "37", places.data_dir())
    if name == "shipped":
        net = inference.Segmenter.load(device=torch.device("cpu")).model
        image = preprocess.prepare(eye.image)
    else:
        torch.manual_seed(0)
        net = unet.UNet(1, 2, unet.PAPER_WIDTHS, padding="valid", batch_norm=False)
        net, image = unet.he_init(net), preprocess.enhance(eye.image)
    inputs = torch.from_numpy(image)[None]
    inputs = (inputs - inputs.mean()) / inputs.std()
    small = unet.UNet(inputs.shape[1], 1, (2, 4))  # the libraries load, and take little
    inference.predict_logits(small, inputs[..., :16, :16], "fp32")
    before, start = alone.peak_mib(), time.perf_counter()
    logits = inference.predict_logits(net, inputs, "fp32", tile)
    seconds = time.perf_counter() - start
    return logits.numpy(), seconds, alone.peak_mib() - before


def main() -> dict:
    """Run each way in a process of its own."""
    rows, whole = [], None
    for name, tile in WAYS:
        logits, seconds, peak = alone.call(measure, name, tile)
        whole = logits if tile is None else whole
        row = {"network": name, "tile": tile, "largest_logit": float(abs(whole).max())}
        row["largest_difference"] = float(abs(logits - whole).max())
        row |= {"peak_mib": round(peak), "seconds": round(seconds, 2)}
        print(row)
        rows.append(row)
    facts = {"image": "DRIVE 37, 565 x 584", "precision": "fp32"}
    facts["environment"] = runtime.environment(torch.device("cpu"))
    return facts | {"rows": rows}
