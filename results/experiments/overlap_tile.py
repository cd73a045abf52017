"""Compare one pass with tiles on a DRIVE image: python -m results.experiments overlap_tile.

Needs DRIVE (FUNDUS_DATA) and Linux. Each way runs in a process of its own, so that the
peak of its memory is its own.
"""

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import torch

from helpers import fundus, inference, places, preprocess, runtime, saving, unet

TILES = {"paper": (None, 384, 96), "shipped": (None, 192, 96)}


def network(name: str) -> torch.nn.Module:
    """Return the paper's network with He weights, or the one that is shipped."""
    if name == "shipped":
        return inference.Segmenter.load(device=torch.device("cpu")).model
    torch.manual_seed(0)
    net = unet.UNet(1, 2, unet.PAPER_WIDTHS, padding="valid", batch_norm=False)
    return unet.he_init(net)


def measure(name: str, tile: int | None, target: Path) -> None:
    """Predict image 37 and save logits, seconds and the growth of the memory's peak."""
    torch.set_num_threads(2)
    eye = fundus.load_one("DRIVE", "37", places.data_dir())
    prepare = preprocess.prepare if name == "shipped" else preprocess.enhance
    inputs = torch.from_numpy(prepare(eye.image))[None]
    inputs = (inputs - inputs.mean()) / inputs.std()
    net = network(name)
    small = unet.UNet(inputs.shape[1], 1, (2, 4))  # the libraries load, and take little
    inference.predict_logits(small, inputs[..., :16, :16], "fp32")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    logits = inference.predict_logits(net, inputs, "fp32", tile)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB on Linux
    torch.save({"logits": logits, "seconds": seconds, "peak": peak / 1024}, target)


def main() -> None:
    """Run all ways and write overlap_tile.json."""
    rows, whole, spawn = [], None, multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for name, tiles in TILES.items():
            for tile in tiles:
                target = Path(folder) / f"{name}-{tile}.pt"
                process = spawn.Process(target=measure, args=(name, tile, target))
                process.start()
                process.join()
                if process.exitcode:
                    raise SystemExit(f"{name}, tile {tile}: exit {process.exitcode}")
                result = torch.load(target, weights_only=True)
                whole = result["logits"] if tile is None else whole
                difference = (result["logits"] - whole).abs().max().item()
                row = {
                    "network": name,
                    "tile": tile,
                    "largest_difference": difference,
                    "largest_logit": whole.abs().max().item(),
                    "peak_mib": round(result["peak"]),
                    "seconds": round(result["seconds"], 2),
                }
                print(row)
                rows.append(row)
    facts = {"image": "DRIVE 37, 565 x 584", "precision": "fp32"}
    facts["environment"] = runtime.environment(torch.device("cpu"))
    target = places.ROOT / f"results/{Path(__file__).stem}.json"
    saving.write_json(target, facts | {"rows": rows})


if __name__ == "__main__":
    main()
