"""The commands: python3 -m helpers run|test|data|train|evaluate|bench|segment.

Only the standard library is imported until the environment exists. It is made once, in
.venv beside this package, unless the running Python has all that is required.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 -- a word instead of a traceback
    sys.exit(f"error: Python 3.11 to 3.13 is needed, this is {sys.version.split()[0]}")
ROOT = Path(__file__).resolve().parent.parent
# `python3 path/to/helpers COMMAND` works from any folder, too.
sys.path[:] = [str(ROOT), *(p for p in sys.path if Path(p) != ROOT / "helpers")]

from helpers import config  # noqa: E402

VENV = ROOT / ".venv"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TICK = 8  # seconds between two signs of life
FILES = ("requirements-dev.txt", "requirements.txt", "constraints.txt")


# ---- The environment ----


def stamp() -> str:
    """Return what an environment must carry to be up to date."""
    files = b"".join((ROOT / name).read_bytes() for name in FILES)
    return hashlib.sha256(files + sys.version.encode()).hexdigest()


def requirements(name: str) -> list[tuple[str, str, str]]:
    """Read (package, operator, version) of a requirements file and those it names."""
    found = []
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if line.startswith("-r "):
            found += requirements(line[3:].strip())
        elif match := re.match(r"([\w.-]+)\s*(>=|==)\s*([\w.]+)", line):
            found.append(match.groups())
    return found


def is_installed(package: str, operator: str, version: str) -> bool:
    """Tell whether the running Python has a package in the required version."""
    try:
        have = importlib.metadata.version(package).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return False
    mine, needed = ([int(x) for x in re.findall(r"\d+", v)] for v in (have, version))
    return mine == needed if operator == "==" else mine >= needed


def everything_is_here(command: str) -> bool:
    """Tell whether the running Python has all that a command needs (Colab, conda)."""
    name = FILES[0] if command in ("run", "test") else FILES[1]
    return all(is_installed(*requirement) for requirement in requirements(name))


def python_of(folder: Path) -> Path:
    """Return the Python of an environment, where Windows or the others place it."""
    windows = sys.platform == "win32"
    return folder / ("Scripts/python.exe" if windows else "bin/python")


def stream(command: list[str], what: str) -> tuple[int, list[str]]:
    """Run pip; show its main lines and a sign of life at least every ten seconds."""
    lines, start, ended = [], time.monotonic(), threading.Event()

    def tick() -> None:
        while not ended.wait(TICK):
            print(f"  {what}: {time.monotonic() - start:.0f} s so far")

    threading.Thread(target=tick, daemon=True).start()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            for line in map(str.strip, process.stdout):
                lines.append(line)
                if re.match(r"(Collecting|Downloading|Installing|Building) ", line):
                    print(f"  {line[:100]}")
        finally:
            ended.set()
    return process.returncode, lines


def torch_that_would_come(pip: list[str], *options: str) -> str:
    """Ask pip which version of torch it would install; "" where it cannot tell."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = ["--dry-run", "--no-deps", "--ignore-installed", "--report"]
        stream([*pip, *asked, str(report), *options, "torch"], "asking for torch")
        if not report.exists():
            return ""
        return json.loads(report.read_bytes())["install"][0]["metadata"]["version"]


def install(python: Path) -> None:
    """Install all requirements into an environment, with torch for this machine."""
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    pip += ["--progress-bar", "off", "-c", str(ROOT / FILES[2])]
    size = "about 0.4 GB"
    if sys.platform == "linux":
        size, source = "about 3 GB, torch for NVIDIA GPUs", ("--index-url", CPU_INDEX)
        if not shutil.which("nvidia-smi"):
            if "+cpu" in torch_that_would_come(pip):
                size = "about 0.4 GB, torch for the CPU"
            elif "+cpu" in torch_that_would_come(pip, *source):
                print("Downloading about 0.2 GB: torch for the CPU.")
                stream([*pip, *source, "torch"], "installing torch")
                size = "about 0.2 GB, all but torch"
            else:
                size += " (the smaller build for the CPU could not be had)"
    print(f"Downloading {size}; with the installation this takes minutes.")
    code, lines = stream([*pip, "-r", str(ROOT / FILES[0])], "installing")
    if code:
        raise OSError(
            "\n".join(lines[-12:])
            + "\nThe packages could not be installed, see above. "
            "Is a package index reachable? Then run the same command again."
        )


def make_environment() -> None:
    """Make .venv, or repair one whose installation was interrupted."""
    if not importlib.util.find_spec("ensurepip"):
        raise OSError(
            "this Python cannot make environments: ensurepip is missing. On Debian and "
            f"Ubuntu: sudo apt install python3.{sys.version_info[1]}-venv\n"
            "Then run the same command again."
        )
    if sys.version_info >= (3, 14):
        print("Python 3.11 to 3.13 is tested; this one is newer. Going on.")
    print(f"First run: making an environment in {VENV}")
    try:
        command = [python_of(VENV), "-m", "pip", "--version"]
        whole = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        whole = False
    if not whole:
        try:
            venv.EnvBuilder(with_pip=True, clear=True).create(VENV)
        except subprocess.CalledProcessError as error:
            raise OSError(f"{VENV} could not be made: {error}") from None
    install(python_of(VENV))
    (VENV / "stamp").write_text(stamp(), "utf-8")
    print("The environment is ready.")


def run_elsewhere(command: str, arguments: list[str]) -> int | None:
    """Run the command in .venv and return its code; None if this Python will do."""
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    if not inside and everything_is_here(command):
        return None
    mark = VENV / "stamp"
    if not mark.is_file() or mark.read_text("utf-8") != stamp():
        make_environment()
    if inside:
        return None
    child = subprocess.Popen([python_of(VENV), ROOT / "helpers", *arguments])
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child got it, too, and ends by itself
            continue


# ---- The commands; each imports what it needs ----


def run(args: argparse.Namespace) -> int:
    """Execute the chapters into one report; finds or fetches the data first."""
    from helpers import download, fundus

    place, bar, real = config.data_dir(), "*" * 72, False
    if args.mode != "smoke":
        try:
            if not config.data_dir_is_given() and not (place / "DRIVE").is_dir():
                download.get("DRIVE", place)
            fundus.folder("DRIVE", place)
            real = True
        except (OSError, ValueError) as error:
            print(f"DRIVE is not there: {error}")
    if not real:
        print(f"{bar}\nThese are PHANTOMS: drawn eyes, no photographs of patients.")
        print(f"Scores on them say nothing about real images. Mode: {args.mode}\n{bar}")
    config.export(DATA=place)  # given now, so that no chapter tries to fetch again
    sys.path.insert(0, str(ROOT / "notebooks" / "src"))
    runner = importlib.import_module("run")
    options = ["--mode", args.mode, "--only", args.only, "--language", args.language]
    return runner.main([*options, "--out", str(args.out or config.output_dir())])


def test(args: argparse.Namespace) -> int:
    """Run the test suite and measure coverage; arguments go to pytest instead."""
    if config.data_dir_is_given():
        config.export(DATA=config.data_dir())
    options = args.arguments or ["--cov=helpers", "--cov-fail-under=90"]
    return subprocess.call([sys.executable, "-m", "pytest", "-q", *options], cwd=ROOT)


def data(args: argparse.Namespace) -> int:
    """Fetch, import or pack data sets; every file is verified."""
    from helpers import download, fetch, fundus, phantom

    place, failed, every = config.data_dir(), 0, "all" in args.names
    if args.pack:
        download.pack(args.pack, place, () if every else args.names)
        return 0
    if args.names == "all":  # the default; the command fetches 200 MB on request only
        raise ValueError("name a data set, or all; `data --help` lists them")
    fetched = [name for name in fundus.DATASETS if name != "PHANTOM"]
    for name in fetched if every else args.names:
        try:
            if name == "PHANTOM":
                phantom.write(place / name)
                print(f"PHANTOM is drawn in {place / name}")
            else:
                download.get(name, place, args.accept_terms, args.source)
        except fetch.DiskError:
            raise
        except (OSError, ValueError) as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            failed += 1
    return 2 if failed else 0


def load_split(name: str, split: str, lazy: bool = False, half: bool = False):
    """Read a split, drawing phantoms where needed; warn of files not as published.

    A lazy one stays on disk; each image is read when it is asked for.
    """
    from helpers import fundus, phantom

    if name == "PHANTOM" and not (config.data_dir() / name).is_dir():
        phantom.write(config.data_dir() / name)
    if lazy:
        images = fundus.OnDisk(name, split, config.data_dir(), half)
    else:
        images = fundus.load(name, split, config.data_dir())
    for file in fundus.verify(name, config.data_dir())["differs"]:
        print(f"warning: {name}/{file} is not the published file", file=sys.stderr)
    return images


def train(args: argparse.Namespace) -> int:
    """Train a network; writes checkpoint, weights, history and a result record."""
    from helpers import augment, fundus, inference, losses, runtime, training, unet

    given = args.threshold and inference.Segmenter.load(args.threshold).threshold
    if args.with_val and not given:
        raise ValueError("--with-val leaves no image to choose by: give --threshold")
    steps = {} if args.steps is None else {"steps": args.steps}
    settings = dataclasses.replace(config.PRESETS[args.mode], seed=args.seed, **steps)
    every = settings.val_every  # steps between two checkpoints
    if args.with_val:  # one look, after the last step: it chooses nothing
        settings = dataclasses.replace(settings, val_every=settings.steps)
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists() and not args.resume:
        raise ValueError(
            f"{args.out} holds a run: add --resume or choose another --out"
        )
    images, val = (load_split(args.dataset, split) for split in ("train", "val"))
    if args.with_val:
        images = images + val
    runtime.seed_everything(settings.seed)
    model = unet.UNet(settings.in_channels, 1, settings.widths)
    loss = functools.partial(losses.bce_dice_loss, dice_weight=settings.dice_weight)
    collaborators = {"model": model, "loss_fn": loss, "augment": augment.augment}
    trained = training.new_run(images, val, settings, **collaborators)
    if args.resume:
        trained.resume(checkpoint)
    said = time.monotonic()
    for value in trained.steps():
        kept = trained.step % every == 0 or trained.step == settings.steps
        if kept:
            trained.save(checkpoint)
        if kept or time.monotonic() - said > TICK:
            said, looked = time.monotonic(), kept and not args.with_val
            dice = f", val Dice {trained.history[-1]['dice']:.4f}" if looked else ""
            print(f"  step {trained.step}/{settings.steps}, loss {value:.4f}{dice}")
    best = training.segmenter(trained, images)
    best.threshold = given or best.threshold
    facts = {"dataset": args.dataset, "trained_on": [x.name for x in images]}
    result = training.record(trained, images, **facts, threshold=best.threshold)
    if args.with_val:  # the look was at images trained on
        result |= {"best": None, "history": []}
    best.origin = {key: result[key] for key in (*facts, "steps", "config")}
    best.save(args.out / "weights.pt")
    config.write_json(args.out / "history.json", {"history": result.pop("history")})
    result["weights_sha256"] = fundus.sha256(args.out / "weights.pt")
    config.write_json(args.out / "result.json", result)
    print(f"{args.out / 'weights.pt'} is ready for evaluate and segment")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Score weights on a split, inside the field of view, with intervals."""
    from helpers import fundus, inference, metrics, runtime

    split = args.split
    if split == "test" and args.dataset != "PHANTOM":
        split = fundus.scored_split(args.dataset, config.data_dir())
    if split != args.split:
        print(
            "warning: no test labels here; the validation images stand in",
            file=sys.stderr,
        )
    images, val = (
        load_split(args.dataset, part, lazy=True, half=args.half)
        for part in (split, "val")
    )
    networks = [inference.Segmenter.load(file) for file in args.weights or [None]]
    mean = sum(network.threshold for network in networks) / len(networks)
    threshold = threshold_of(args, mean)

    def announced():  # for large images: each takes a minute
        for number, x in enumerate(images, start=1):
            print(f"  vessels as objects: {x.name} ({number} of {len(images)})")
            yield x

    def predict(x):
        print(f"  {args.dataset} {x.name}, one of {len(images)}")
        probs = (n.probs(x.image, x.fov, args.tta) for n in networks)
        return sum(probs) / len(networks)

    def objects(row):  # takes the probabilities out: 1.5 GB in the case of HRF
        probs = row.pop("probs")
        return inference.evaluate_objects(probs, announced(), row["threshold"])

    rows = {"network": inference.evaluate(predict, images, threshold)}
    eyes = [row["name"] for row in rows["network"]["per_image"]]
    origins = [n.origin for n in networks if n.origin.get("dataset") == args.dataset]
    known = {name for origin in origins for name in origin["trained_on"]}
    if known := sorted(known.intersection(eyes)):
        print(f"warning: trained on {len(known)} of these images", file=sys.stderr)
    result = {
        "dataset": args.dataset,
        "split": split,
        "tta": args.tta,
        "half_resolution": args.half,
        "weights": " ".join(map(str, args.weights or ["shipped"])),
        "precision": inference.Segmenter.precision,
        "environment": runtime.environment(),
        "data_sha256": fundus.data_sha256(images),
        "trained_on_of_these": known,
        "objects": objects(rows["network"]),
    }
    print("  second observer and Sato filter")
    rows |= inference.baselines(images, val)
    people = [fundus.person(args.dataset, name) for name in eyes]
    for row in filter(None, rows.values()):  # two eyes of a child are no two draws
        row["histograms"] = metrics.by_person(row["histograms"], people)
        row["ci95"] = metrics.bootstrap_ci(row["histograms"], row["threshold"])
    result |= {k: v for k, v in rows["network"].items() if k != "histograms"}
    result["calibration"] = metrics.calibration(sum(rows["network"]["histograms"]))
    for name in ("second_observer", "sato"):
        row = rows[name]
        result[name] = row and {k: row[k] for k in ("threshold", "pooled", "ci95")}
        if row:
            result[f"{name}_objects"] = objects(row)
    print_table(f"{args.dataset} {split}, {len(images)} images, inside the FOV", rows)
    if rows["second_observer"]:
        pair = [rows[name] for name in ("network", "second_observer")]
        result["against_second_observer"] = metrics.paired_differences(
            *(row["histograms"] for row in pair), [row["threshold"] for row in pair]
        )
    if args.json:
        config.write_json(args.json, result)
    return 0


def threshold_of(args: argparse.Namespace, default: float) -> float:
    """Return --threshold, or the default where none is given."""
    if args.threshold is not None and not 0 < args.threshold < 1:
        raise ValueError(f"--threshold {args.threshold} must lie between 0 and 1")
    return args.threshold or default


def bench(args: argparse.Namespace) -> int:
    """Measure speed, each time beside a naive version; all of it takes ten minutes."""
    load_split("DRIVE", "val")  # a word, where it is not there, before anything starts
    sys.path.insert(0, str(ROOT / "results"))
    result = importlib.import_module("bench").main(args.names)
    if args.json:
        config.write_json(args.json, result)
    return 0


def print_table(title: str, rows: dict[str, dict | None]) -> None:
    """Print pooled scores, a column each row, with the 95 % interval of the first."""
    print(f"{title}\n{'':13}{''.join(f'{name:>17}' for name in rows)}   95 % interval")
    for key, (low, high) in rows["network"]["ci95"].items():
        cells = [f"{r['pooled'][key]:.4f}" if r else "none" for r in rows.values()]
        if key.startswith("auc"):
            cells[1] = "-"  # one map of an observer has no curve
        line = "".join(f"{cell:>17}" for cell in cells)
        print(f"  {key:11}{line}   {low:.4f} to {high:.4f}")


def segment(args: argparse.Namespace) -> int:
    """Segment photographs, or folders of them: probability, vessels, overlay, a table.

    Three PNG files a photograph and segment.csv, a line a photograph.
    """
    from helpers import inference, photo

    segmenter, failed = inference.Segmenter.load(args.weights), 0
    if args.diameter is not None and args.diameter <= 0:
        raise ValueError(f"--diameter {args.diameter} must be a number of pixels")
    segmenter.threshold = threshold_of(args, segmenter.threshold)
    paths, options = photo.find(args.images, args.out), {"diameter": args.diameter}
    rows = photo.segment_files(segmenter, paths, args.out, tta=args.tta, **options)
    for number, row in enumerate(rows, start=1):
        if row["error"]:
            print(f"error: {row['error']}", file=sys.stderr)
            failed += 1
            continue
        made = args.out / f"{row['result']}_{{vessels,prob,overlay}}.png"
        print(f"[{number}/{len(paths)}] {row['file']} -> {made}")
        if row["warnings"]:
            print(f"  warning: {row['file']}: {row['warnings']}", file=sys.stderr)
    print(f"{len(paths) - failed} of {len(paths)} segmented; {args.out / photo.TABLE}")
    return 2 if failed else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="python3 -m helpers", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(function):
        new = commands.add_parser(
            function.__name__, help=function.__doc__, description=function.__doc__
        )
        new.set_defaults(function=function)
        if function not in (test, segment):
            new.add_argument("--data", type=Path, help="folder of the data sets")
        return new.add_argument

    sets = ("DRIVE", "CHASEDB1", "STARE", "HRF", "PHANTOM")
    modes = {"choices": config.MODES, "default": config.mode()}
    weights = {"type": Path, "metavar": "FILE", "help": "default: the shipped weights"}
    threshold = {"type": float, "help": "default: that of the weights"}
    copies = {"choices": ("none", "flips", "d4"), "default": "none"}
    option = add(run)
    option("--mode", **modes)
    option("--only", default="", metavar="NN,NN", help="chapter numbers")
    option("--language", choices=("en", "zh"), default="en")
    option("--out", type=Path, help="default: outputs")
    add(test)
    option = add(data)
    all_sets = (*sets, "ISBI2012_EM", "all")  # the slices are for chapter 10 alone
    names = {"nargs": "*", "choices": all_sets, "default": "all", "metavar": "NAME"}
    option("names", **names, help=", ".join(all_sets))
    option(
        "--accept-terms", action="store_true", help="use copies the terms do not cover"
    )
    option("--from", dest="source", metavar="FOLDER_OR_ARCHIVE_OR_URL")
    text = "write the course and the verified files of these sets, or of all, into it"
    option("--pack", type=Path, metavar="FILE.zip", help=text)
    option = add(train)
    option("--dataset", required=True, choices=sets)
    option("--out", type=Path, required=True)
    option("--seed", type=int, default=0)
    option("--mode", **modes)
    option("--steps", type=int)
    option("--resume", action="store_true", help="go on from the checkpoint in --out")
    option("--with-val", action="store_true", help="train on these images, too")
    option("--threshold", type=Path, metavar="FILE", help="use that of these weights")
    option = add(evaluate)
    option("--dataset", required=True, choices=sets)
    option("--split", choices=("test", "val", "train", "all"), default="test")
    option("--half", action="store_true", help="at half resolution (usual for HRF)")
    option("--tta", **copies)
    option("--weights", **weights, nargs="+")  # the mean of several networks
    option("--threshold", **threshold)
    option("--json", type=Path, metavar="FILE")
    option = add(bench)
    option("names", nargs="*", metavar="WORD", help="only rows with one of these words")
    option("--json", type=Path, metavar="FILE")
    option = add(segment)
    option("images", nargs="+", type=Path, metavar="IMAGE_OR_FOLDER")
    option("--out", type=Path, required=True)
    option("--weights", **weights)
    option("--threshold", **threshold)
    option("--diameter", type=float, metavar="PIXELS", help="default: measured")
    option("--tta", **copies)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0, 1 (a run or test failed), 2 (error)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        args, rest = parser().parse_known_args(arguments)
        if rest and args.function is not test:
            parser().error(f"unknown arguments: {' '.join(rest)}")
        args.arguments = rest
        if getattr(args, "data", None):
            if args.function is not data and not args.data.is_dir():
                raise FileNotFoundError(f"--data {args.data}: there is no such folder")
            config.export(DATA=args.data)
        code = run_elsewhere(args.function.__name__, arguments)
        return args.function(args) if code is None else code
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = "The same command can be given again (train: with --resume)."
        print(f"\nStopped. {again}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    for console in (sys.stdout, sys.stderr):  # a GBK console must not stop a command
        console.reconfigure(errors="replace", line_buffering=True)
    sys.exit(main())
