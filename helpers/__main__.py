"""The commands of the course: ``python3 -m helpers --help`` lists them.

Only the standard library is imported until the environment exists. It is made once, in
.venv beside this package, unless the running Python has all that is required.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 -- a word instead of a traceback
    sys.exit(
        f"error: Python 3.11 to 3.13 is needed (需要), this is {sys.version.split()[0]}"
    )
# `python3 path/to/helpers COMMAND` works from any folder, too: the course stands first.
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(p for p in sys.path if Path(p) != HERE)]

from helpers import datasets, environment, places, saving, wheels, workers  # noqa: E402
from helpers.config import MODES, PRESETS  # noqa: E402
from helpers.places import ROOT  # noqa: E402

FOR_CLASS = "CHASEDB1"  # the set whose terms let a class have it
NO_PHOTOGRAPHS = f"""\
No photographs are in this pack: `data {FOR_CLASS}` first, then `class` again.
(压缩包里没有照片。先运行 `data {FOR_CLASS}`，再运行 `class`。)"""

# ---- The commands; each imports what it needs ----


def run(args: argparse.Namespace) -> int:
    """Execute the chapters into one report; the first to need eyes fetches them."""
    from helpers import eyes
    from notebooks.tools import run as runner

    out = args.out or places.output_dir()
    saving.refuse_early(out / "index.html")
    here = eyes.find(args.mode, print)
    if here and here.dataset == eyes.DRAWN:
        bar = "*" * 72
        print(f"{bar}\nThese are PHANTOMS: drawn eyes, no photographs of patients.")
        print(f"Scores on them say nothing about real images. Mode: {args.mode}\n{bar}")
    options = ["--mode", args.mode, "--only", args.only, "--language", args.language]
    return runner.main([*options, "--out", str(out)])


def open_(args: argparse.Namespace) -> int:
    """Open a chapter in JupyterLab, in the browser, with the right kernel."""
    from helpers import lab
    from notebooks.tools import LANGUAGES, chosen

    built = (ROOT / LANGUAGES[args.language]).glob("[0-9][0-9]_*.ipynb")
    chapter, *_ = chosen(list(built), [args.chapter])
    return lab.serve(chapter, print, args.language, args.browser != "none")


def test(args: argparse.Namespace) -> int:
    """Run the test suite on all cores; arguments go to pytest instead."""
    if places.data_dir_is_given():
        places.export(DATA=places.data_dir())
    workers = ["-n", "auto", "--maxprocesses", "8", "--dist", "worksteal"]
    options = args.arguments or [*workers, "--cov=helpers", "--cov-fail-under=97"]
    return subprocess.call([sys.executable, "-m", "pytest", "-q", *options], cwd=ROOT)


def data(args: argparse.Namespace) -> int:
    """Fetch, import or pack data sets; every file is verified."""
    every = "all" in args.names
    if args.pack:
        write_pack(args, None if every else args.names)
        return 0
    if args.wheels is not None:
        raise ValueError("--wheels go into a pack: name its file with --pack")
    if args.names == "all":  # the default; the command fetches 200 MB on request only
        raise ValueError("name a data set, or all; `data --help` lists them")
    fetched = [name for name, facts in datasets.DATASETS.items() if not facts.drawn]
    # A list: a set that fails does not stop the others.
    done = [bring(name, args) for name in (fetched if every else args.names)]
    return 0 if all(done) else 2


def write_pack(args: argparse.Namespace, names: list[str] | None) -> None:
    """Write the course and sets into a file, with wheels where they are asked for."""
    from helpers import pack

    place = places.data_dir()
    if args.wheels is None:
        pack.write(args.pack, place, names)
        return
    systems = args.wheels or [wheels.this_system()]
    args.pack.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(".part", dir=args.pack.parent) as scratch:
        wheels.fetch(Path(scratch), systems, args.python, print)
        pack.write(args.pack, place, names, wheels=Path(scratch))


def class_(args: argparse.Namespace) -> int:
    """Serve the pack to a class on the local network, or make a table of its tickets.

    The pack is made anew, with CHASEDB1 where it is there, or with the sets that are
    named, or it is the file of --pack as it is; the command says what to write on the
    board. A folder of tickets that students handed in becomes class.html and class.csv.
    """
    from helpers import classroom, download, pack

    named = args.names
    if others := [name for name in named if name not in datasets.DATASETS]:
        return roster_of(others, args)
    if args.pack and named:
        raise ValueError("name a pack, or the data sets for a new one, not both")
    if args.pack and not args.pack.is_file():
        raise FileNotFoundError(
            f"{args.pack} does not exist; `data --pack {args.pack}` makes it"
        )
    file, place = args.pack, places.data_dir()
    if not file:
        file = places.output_dir() / "fundus-course.zip"
        verified, *_ = download.state(FOR_CLASS, place)
        sets = named or [FOR_CLASS] * bool(verified)
        pack.write(file, place, sets)
        if not sets:
            print(NO_PHOTOGRAPHS)
    classroom.serve(file, args.port, print)
    return 0


def roster_of(names: list[str], args: argparse.Namespace) -> int:
    """Make the table of a class from the folder of its tickets."""
    from helpers import questions, roster

    folder, one = Path(names[0]), len(args.names) == 1 and not args.pack
    if not one or not folder.is_dir():
        why = "unpack it first" if folder.is_file() else "there is no such folder"
        raise ValueError(
            f"{' '.join(args.names)}: {why if one else 'too much at once'}; name one "
            f"folder of tickets, or sets for a pack ({', '.join(datasets.DATASETS)})"
        )
    titles, out = questions.all_titles(), args.out or folder
    print(roster.make(folder, out, titles, args.language))
    return 0


def progress(args: argparse.Namespace) -> int:
    """Show what you have answered, what to take up again, and the way on."""
    from helpers import questions, standing

    print(standing.report(questions.all_titles(), language=args.language))
    return 0


def bring(name: str, args: argparse.Namespace) -> bool:
    """Draw or fetch one set; say what went wrong, unless no other would come either."""
    from helpers import download, phantom

    place = places.data_dir()
    try:
        if datasets.get(name).drawn:
            print(f"{name} is drawn in {phantom.write(place / name)}")
        else:
            download.get(name, place, args.accept_terms, args.source)
    except saving.DiskError:
        raise
    except (OSError, ValueError) as error:
        print(f"error: {name}: {error}", file=sys.stderr)
        return False
    return True


def eyes_of(text: str) -> datasets.Dataset:
    """Return the set of a name, else what a folder of labelled photographs holds."""
    from helpers import labelled

    sets = [name for name, facts in datasets.DATASETS.items() if facts.vessels]
    if text in sets:
        return datasets.get(text)
    if not Path(text).expanduser().is_dir():
        raise ValueError(
            f"--dataset {text}: known are {', '.join(sets)}, and there is no such "
            f"folder; {labelled.LAYOUT}"
        )
    return labelled.scan(text)


def prepare(name: str | datasets.Dataset) -> Path:
    """Draw phantoms where they are asked for; warn of files not as published."""
    from helpers import phantom

    facts, place = datasets.get(name), places.data_dir()
    if facts.drawn and not datasets.found(facts, place):
        phantom.write(place / facts.name)
    for file in datasets.verify(facts, place)["differs"]:
        warn(f"{facts.name}/{file} is not the published file")
    return place


def warn(text: str) -> None:
    """Print a warning beside the results."""
    print(f"warning: {text}", file=sys.stderr)


def train(args: argparse.Namespace) -> int:
    """Train a network; writes checkpoint, weights, history and a result record.

    Of a folder of one's own every pair is looked at before the first step: what is
    there is said, three labels are drawn in report.html, what cannot be right is
    refused. Its photographs are brought to one size, that of the median field of view
    and at most twice that of DRIVE; with --init to the size that the weights know.
    """
    from helpers import distributed

    with distributed.joined():
        return train_together(args)


def train_together(args: argparse.Namespace) -> int:
    """Train in this process, or in this one of several that are joined."""
    from helpers import distributed, inference, locks, training

    first = distributed.is_first()
    say = print if first else lambda _: None
    threshold = args.threshold and inference.Segmenter.load(args.threshold).threshold
    if args.with_val and not threshold:
        raise ValueError("--with-val leaves no image to choose by: give --threshold")
    steps = {} if args.steps is None else {"steps": args.steps}
    config = dataclasses.replace(PRESETS[args.mode], seed=args.seed, **steps)
    facts = eyes_of(args.dataset)
    place = distributed.first_then_others(lambda: prepare(facts))
    resume = args.resume or training.goes_on(args.out)
    options = {"resume": resume, "choose": not args.with_val, "say": say}
    options |= {"threshold": threshold, "init": args.init, "second": args.second}
    with locks.alone(args.out) if first else contextlib.nullcontext():
        if first:
            training.open_folder(args.out, resume, args.second)
        images, val = looked_at(facts, place, args, say)
        if args.with_val:
            images = images + val
        training.train(args.out, facts, images, val, config, **options)
    say(f"{args.out / 'weights.pt'} is ready for evaluate and segment")
    return 0


def looked_at(
    facts: datasets.Dataset,
    place: Path,
    args: argparse.Namespace,
    say: Callable[[str], None],
) -> tuple:
    """Read the images to train on and those to validate by; refuse what cannot be."""
    from helpers import distributed, fundus, inference, inspection

    if facts.place:
        report = args.out if distributed.is_first() else None
        inspection.check(facts, report, say)
    images, val = (fundus.load(facts, split, place) for split in ("train", "val"))
    inspection.check_shares(facts.name, images + val)
    known = None
    if args.init:
        known = inference.Segmenter.load(args.init).fov_diameter
    elif facts.place:  # a patch of a larger one would show too little of the eye
        known = min(fundus.median_diameter(images), 2 * inference.DIAMETER)
    if known:
        say(f"  trained on with fields of view {known:.0f} pixels wide")
        images, val = (
            [inference.to_diameter(x, known) for x in part] for part in (images, val)
        )
    return images, val


def evaluate(args: argparse.Namespace) -> int:
    """Score weights on a split, inside the field of view, with intervals.

    Of a folder of one's own every pair is looked at first, as in training.
    """
    from helpers import evaluation, inspection

    if args.json:
        saving.refuse_early(args.json)
    facts, split = eyes_of(args.dataset), args.split
    place = prepare(facts)
    if facts.place:
        inspection.check(facts, None, print)
    if split == "test" and datasets.scored_split(facts, place) == "val":
        split = "val"
        warn("no test labels here; the validation images stand in")
    options = {x: getattr(args, x) for x in ("weights", "threshold", "tta", "half")}
    result = evaluation.evaluate_split(facts, split, place, **options, say=print)
    if known := result["trained_on_of_these"]:
        warn(f"trained on {len(known)} of these images")
    print_table(result)
    if args.json:
        saving.write_json(args.json, result)
    return 0


def export(args: argparse.Namespace) -> int:
    """Write a network as an ONNX file, or a page for a browser; neither needs PyTorch.

    The file takes prepared photographs of any size (helpers/preprocess.py) and gives
    logits; `segment --onnx FILE` segments with it. The page opens by a double click,
    needs no network, sends nothing, and draws the vessels of a photograph that is
    dropped on it; what runs the network in it, ONNX Runtime Web, is fetched from npm
    once. --int8 makes both smaller: weights and maps in 8 bits, their range measured on
    photographs of DRIVE, on drawn eyes where it is not there. ONNX needs packages of
    its own, which it names where they are missing.
    """
    from helpers import export as exporting
    from helpers import fundus, inference, page, preprocess

    if not args.out and not args.page:
        raise ValueError("name what to write: --out FILE.onnx, or --page for a browser")
    if args.page == Path():  # --page without a name
        args.page = places.output_dir() / "try.html"
    for file in filter(None, (args.out, args.page)):
        saving.refuse_early(file)
    runtime = page.runtime(args.source, print) if args.page else None
    network, images = inference.Segmenter.load(args.weights), []
    if args.int8:
        here = datasets.found(datasets.get("DRIVE"), places.data_dir())
        name = "DRIVE" if here else "PHANTOM"
        eyes = fundus.load(name, "train", prepare(name))[: exporting.CALIBRATED_BY]
        images = [preprocess.prepare(x.image) for x in eyes]
    with tempfile.TemporaryDirectory() as scratch:
        file = args.out or Path(scratch) / "network.onnx"
        exporting.write(network, file, images)
        if args.page:
            page.write(args.page, file.read_bytes(), network.settings(), runtime)
    for file in filter(None, (args.out, args.page)):
        print(f"{file}, {file.stat().st_size / 1e6:.1f} MB")
    return 0


def bench(args: argparse.Namespace) -> int:
    """Measure speed, each time beside a naive version; all of it takes ten minutes."""
    from results.experiments import bench as benchmark

    if args.json:
        saving.refuse_early(args.json)
    prepare("DRIVE")  # a word, where it is not there, before anything starts
    result = benchmark.main(args.names)
    if args.json:
        saving.write_json(args.json, result)
    return 0


def print_table(result: dict) -> None:
    """Print pooled scores, a column a way, with the 95 % interval of the network's."""
    rows = {"network": result}
    rows |= {name: result[name] for name in ("second_observer", "sato")}
    head = f"{result['dataset']} {result['split']}, {result['images']} images"
    print(f"{head}, inside the FOV; threshold {result['threshold']:.3f}")
    print(f"{'':13}{''.join(f'{name:>17}' for name in rows)}   95 % interval")
    for key, (low, high) in result["ci95"].items():
        cells = [f"{r['pooled'][key]:.4f}" if r else "none" for r in rows.values()]
        if key.startswith("auc"):
            cells[1] = "-"  # one map of an observer has no curve
        line = "".join(f"{cell:>17}" for cell in cells)
        print(f"  {key:11}{line}   {low:.4f} to {high:.4f}")


def segment(args: argparse.Namespace) -> int:
    """Segment photographs, or folders of them: probability, vessels, overlay, a table.

    A line of segment.csv a photograph, up to five files each, and a page of them all,
    index.html. What the table says was done in the same way is passed over, so that the
    same command goes on where it was stopped. With --shard I/N each of N machines fills
    a table of its own, and --merge makes one of them. Compare the numbers between
    photographs of one camera at one setting, made with the same weights, threshold and
    diameter, never across cameras, and take none for a calibre (chapter 11,
    results/README.md).
    """
    from helpers import batch, shards

    if args.merge:
        return merge_shards(args)
    shard = shards.of(args.shard) if args.shard else None
    photographs = chosen(args)
    keys = ("weights", "threshold", "diameter", "jobs", "again")
    options = {key: getattr(args, key) for key in keys} | {"copies": args.tta}
    options |= {"keep": args.keep.split(","), "shard": shard}
    total = len(photographs)
    if shard:
        total = sum(shard.holds(p.key) for p in photographs)
        by = f" ({shard.by})" if args.shard == "auto" else ""
        print(f"shard {shard}{by}: {total} of {len(photographs)} photographs")
    skipped, failed, how, shares = 0, 0, "", []
    outcomes = batch.segment_files(photographs, args.out, **options, say=note)
    for number, outcome in enumerate(outcomes, start=1):
        row = outcome.row
        shares += [float(row["vessel_share"])] if row["vessel_share"] else []
        skipped, failed = skipped + outcome.skipped, failed + bool(row["error"])
        if row["weights"]:
            how = f"; weights {row['weights']}, threshold {row['threshold']}"
        if not outcome.skipped:
            tell(outcome, f"[{number}/{total}{time_left(outcome.left)}]")
    before = f", {skipped} done before (--again)" if skipped else ""
    done = f"{total - skipped - failed} of {total} segmented{before}{how}"
    if shard:
        print(f"{done}; {args.out / shard.table}")
        out = f'"{args.out}"' if " " in str(args.out) else args.out
        said = f"{failed} failed (a new start tries them again). " if failed else ""
        print(
            f"{said}When all {shard.count} shards have ended: "
            f"{places.COMMAND} segment --merge --out {out}"
        )
        return 0  # its work is done: a scheduler need not start it again
    print(f"{done}; {show(args.out, shares)}")
    return 2 if failed else 0


def merge_shards(args: argparse.Namespace) -> int:
    """Make one table of those of all shards, and the page."""
    from helpers import shards

    if args.images or args.list or args.shard:
        raise ValueError("--merge takes no photographs and no --shard: only --out")
    rows = shards.merge(args.out)
    failed = sum(bool(row["error"]) for row in rows)
    shares = [float(row["vessel_share"]) for row in rows if row["vessel_share"]]
    done = f"{len(rows) - failed} of {len(rows)} segmented"
    print(f"{done}; {show(args.out, shares)}")
    print("The tables of the shards stay: shards may go on, and be merged again.")
    return 2 if failed else 0


def show(out: Path, shares: list[float]) -> str:
    """Say what is unusual about many shares of vessels; write the page of a table.

    Returns the paths of table and page.
    """
    from helpers import doubts, sheet, table

    for doubt in (unusual := doubts.batch(shares)):
        warn(doubt)
    rows = list(table.Table(out).rows.values())
    page = sheet.write(out, rows, unusual, places.language())
    return f"{out / table.NAME}, {page}"


def chosen(args: argparse.Namespace) -> list:
    """Return the photographs that are named, each with its mask where there are any."""
    from helpers import batch

    if bool(args.list) == bool(args.images):
        raise ValueError("name photographs or folders, or a list of them with --list")
    left_out = ""
    if args.list:
        photographs = batch.listed(args.list)
    else:
        photographs, left_out = batch.find(args.images, args.out, args.recursive)
    if args.mask:
        photographs = batch.with_masks(photographs, args.mask)
    if left_out:
        print(left_out)
    return photographs


def tell(outcome, place: str) -> None:
    """Print what became of a photograph."""
    from helpers import table

    row, file = outcome.row, table.plain(outcome.photograph.path)
    if row["error"]:
        shown = "" if file in row["error"] else f"{file}: "
        print(f"error: {place} {shown}{row['error']}", file=sys.stderr)
    else:
        print(f"{place} {file} -> {row['result']}")
    if row["warnings"]:
        warn(f"{file}: {row['warnings']}")


def note(text: str) -> None:
    """Print what is good to know."""
    print(f"note: {text}", file=sys.stderr)


def time_left(seconds: float | None) -> str:
    """Say how long the rest may take."""
    if not seconds:
        return ""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f", {seconds / size:.0f} {unit} left"
    return f", {seconds:.0f} s left"


def positive(text: str) -> int:
    """Read a number of processes."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return int(text)


def between_0_and_1(text: str) -> float:
    """Read a threshold."""
    if not 0 < float(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} must lie between 0 and 1")
    return float(text)


def pixels(text: str) -> float:
    """Read a diameter: that of a small picture of an eye, up to that of a huge one."""
    if not 50 <= float(text) <= 20_000:
        raise argparse.ArgumentTypeError(f"{text} pixels: take 50 to 20,000")
    return float(text)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog=places.COMMAND, description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(function):
        new = commands.add_parser(
            function.__name__.rstrip("_"),  # open_ and class_ are words of Python
            help=function.__doc__,
            description=function.__doc__,
        )
        new.set_defaults(function=function)
        if function not in (test, segment):
            new.add_argument("--data", type=Path, help="folder of the data sets")
        return new.add_argument

    sets = [name for name, facts in datasets.DATASETS.items() if facts.vessels]
    text = f"{', '.join(sets)}, or a folder that holds images/ and labels/"
    eyes = {"required": True, "metavar": "NAME_OR_FOLDER", "help": text}
    modes = {"choices": MODES, "default": places.mode()}
    weights = {"type": Path, "metavar": "FILE", "help": "default: the shipped weights"}
    text = "default: that of the weights, for their own set or for other cameras"
    threshold = {"type": between_0_and_1, "help": text}
    copies = {"choices": ("none", "flips", "d4", "scales", "all"), "default": "none"}
    copies |= {"help": "average mirrored (flips), turned copies, sizes, or all; slower"}
    languages = {"choices": ("en", "zh")}
    option = add(open_)
    option("chapter", nargs="?", default="01", metavar="NN", help="default: 01")
    option("--language", **languages, default=places.language())
    option("--browser", choices=("default", "none"), default="default")
    option = add(run)
    option("--mode", **modes)
    option("--only", default="", metavar="NN,NN", help="chapter numbers")
    option("--language", **languages, default="en")
    option("--out", type=Path, help="default: outputs")
    add(test)
    option = add(data)
    all_sets = (*datasets.DATASETS, "all")
    names = {"nargs": "*", "choices": all_sets, "default": "all", "metavar": "NAME"}
    option("names", **names, help=", ".join(all_sets))
    option(
        "--accept-terms", action="store_true", help="use copies the terms do not cover"
    )
    option("--from", dest="source", metavar="FOLDER_OR_ARCHIVE_OR_URL")
    text = "write the course and the verified files of these sets, or of all, into it"
    option("--pack", type=Path, metavar="FILE.zip", help=text)
    text = f"and packages, so that it needs no network: {', '.join(wheels.SYSTEMS)}"
    many = {"nargs": "*", "metavar": "SYSTEM", "choices": wheels.SYSTEMS}
    option("--wheels", **many, help=f"{text}; default: this system's")
    many = {"nargs": "+", "metavar": "3.NN", "choices": wheels.PYTHONS}
    own = wheels.this_python()
    option("--python", **many, default=[own], help=f"for --wheels; default: {own}")
    option = add(class_)
    text = f"sets for a new pack, by default {FOR_CLASS} where it is there; or tickets"
    option("names", nargs="*", metavar="NAME_OR_FOLDER", help=text)
    option("--pack", type=Path, metavar="FILE.zip", help="serve this one as it is")
    option("--port", type=int, default=8000)
    option("--out", type=Path, help="for the table; default: the folder of the tickets")
    option("--language", **languages, default=places.language(), help="of the table")
    option = add(progress)
    option("--language", **languages, default=places.language())
    option = add(train)
    option("--dataset", **eyes)
    option("--out", type=Path, required=True)
    text = "the same steps, seed, precision and threads give the same weights on a CPU"
    option("--seed", type=int, default=0, help=text)
    option("--mode", **modes)
    option("--steps", type=int)
    text = "go on from the checkpoint in --out; without one, begin"
    option("--resume", action="store_true", help=text)
    text = "a folder elsewhere for a copy of the checkpoint, such as one on Drive"
    option("--second", type=Path, metavar="FOLDER", help=text)
    option("--with-val", action="store_true", help="train on these images, too")
    option("--threshold", type=Path, metavar="FILE", help="use that of these weights")
    option("--init", type=Path, metavar="FILE", help="start from these weights")
    option = add(evaluate)
    option("--dataset", **eyes)
    option("--split", choices=("test", "val", "train", "all"), default="test")
    option("--half", action="store_true", help="at half resolution (usual for HRF)")
    option("--tta", **copies)
    option("--weights", **weights, nargs="+", default=())  # the mean of several
    option("--threshold", **threshold)
    option("--json", type=Path, metavar="FILE")
    option = add(export)
    option("--out", type=Path, metavar="FILE.onnx")
    text = "one offline page; default: try.html in the outputs"
    place = {"nargs": "?", "const": Path(), "type": Path}
    option("--page", **place, metavar="FILE.html", help=text)
    text = "for --page without a network: npm's onnxruntime-web, fetched elsewhere"
    option("--from", dest="source", type=Path, metavar="FILE.tgz", help=text)
    option("--weights", **weights)
    option("--int8", action="store_true", help="smaller: 8 bits a weight")
    option = add(bench)
    option("names", nargs="*", metavar="WORD", help="only rows with one of these words")
    option("--json", type=Path, metavar="FILE")
    option = add(segment)
    option("images", nargs="*", type=Path, metavar="IMAGE_OR_FOLDER")
    text = "photographs: a CSV file with columns id,path; ids become names of results"
    option("--list", type=Path, metavar="FILE.csv", help=text)
    option("--recursive", action="store_true", help="read folders in folders, too")
    option("--out", type=Path, required=True)
    every = "prob,vessels,overlay,fov,thumb"
    option("--keep", metavar="KINDS", default=every, help=f"default: {every}")
    either = option.__self__.add_mutually_exclusive_group().add_argument
    either("--weights", **weights, nargs="+", default=())  # the mean of several
    text = "a network that export wrote, in place of --weights"
    exported = {"type": Path, "metavar": "FILE.onnx", "help": text}
    either("--onnx", dest="weights", nargs="+", **exported)
    option("--threshold", **threshold)
    text = "of the whole lit disc; default: measured"
    option("--diameter", type=pixels, metavar="PIXELS", help=text)
    text = "the fields of view, white on black; in a folder: eye_mask.png for eye.jpg"
    option("--mask", type=Path, metavar="FILE_OR_FOLDER", help=text)
    option("--tta", **copies)
    text = "photographs at once, a process each; default: 1"
    option("--jobs", type=positive, default=1, metavar="N", help=text)
    option("--again", action="store_true", help="make anew what was done before")
    text = "only part I of N, for many machines with the same --out; auto: as torchrun,"
    text = f"{text} Slurm or Kubernetes number this process"
    option("--shard", metavar="I/N", help=text)
    text = "one table and one page, when all shards have ended; takes --out alone"
    option("--merge", action="store_true", help=text)
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
            places.export(DATA=args.data)
        code = environment.run_elsewhere(args.function.__name__.rstrip("_"), arguments)
        return args.function(args) if code is None else code
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not workers.fills_memory(error):
            raise
        remedy = "close other programs, or take smaller images"
        print(f"error: the memory is full: {remedy} ({error})", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = "The same command can be given again (train: with --resume)."
        print(f"\nStopped. {again}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    for console in (sys.stdout, sys.stderr):  # a GBK console must not stop a command
        console.reconfigure(errors="replace", line_buffering=True)
    for name in ("SIGTERM", "SIGHUP"):  # so that temporary folders go
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) == signal.SIG_DFL:  # nohup's stays
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
