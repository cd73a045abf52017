"""Labels looked at before the first step, whether they can be read and be right.

Of a folder of one's own (``labelled.scan``) every pair is read, told about in lines and
shown on a page; of a published set the share of vessels is looked at.
"""

from __future__ import annotations

import base64
import html
import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from . import figures, fundus, labelled, pictures, saving
from .labelled import Folder

LEAST, MOST = 0.01, 0.30  # of the field of view; DRIVE's labels mark 7 to 16 %
LIT = 0.5  # share of a field of view that the photograph must agree with
NOISE = 0.01, 0.001  # pixels between two values: all, and those of one value alone
SIDE = 640  # pixels of a picture on the page
REMEDY = "save it with two values, vessels white (255) on black (0)"
TEMPLATE = Template((Path(__file__).parent / "inspection.html").read_text("utf-8"))


@dataclass(frozen=True)
class Pair:
    """What was seen of a photograph and its label; ``fault`` "" means it may be used.

    size: rows, columns; values: of the label; share: of vessels in the field of view,
    None where the pair could not be read; fov: "given" or "found", and its share of
    the frame.
    """

    image_id: str
    split: str
    person: str
    size: tuple[int, int] | None = None
    values: str = ""
    share: float | None = None
    fov: str = ""
    fov_share: float | None = None
    fault: str = ""


def values_of(path: Path) -> str:
    """Return the two values of a label, in words; ValueError where there are others.

    Noise of a JPEG round the two is none of them: up to 1 % of the pixels may lie
    between, 0.1 % with one value. Classes, colours for arteries and veins, smoothed
    edges and transparency are refused, since ``fundus.read_label`` would guess.
    """
    picture = pictures.open_image(path)
    if picture.has_transparency_data:
        (lowest, _) = picture.convert("RGBA").getchannel("A").getextrema()
        if lowest < 255:
            raise ValueError(f"{path} has transparent parts; {REMEDY}, without them")
    colours, shares = _colours(picture)
    grey = _grey(colours)
    bright = grey > grey.max() / 2  # as fundus.read_label has it
    if len(grey) == 1:
        return f"{_name(colours[0])} alone"
    if bright.all() or not bright.any():
        raise ValueError(
            f"{path}: its values {_listed(colours, shares)} are all bright; {REMEDY}"
        )
    two = [np.flatnonzero(x)[shares[x].argmax()] for x in (~bright, bright)]
    away = np.abs(colours[:, None] - colours[two]).max(2).min(1)
    apart = np.abs(colours[two[0]] - colours[two[1]]).max()
    others = shares[away > apart / 4]
    if others.sum() > NOISE[0] or others.max(initial=0) > NOISE[1]:
        raise ValueError(
            f"{path} has more than two values ({_listed(colours, shares)}); {REMEDY}; "
            "of classes, or of arteries and veins, choose which are vessels"
        )
    noise = "" if len(grey) == 2 else ", with noise"
    return f"{_name(colours[two[0]])} and {_name(colours[two[1]])}{noise}"


def _colours(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours (N, 1 or 3) of a picture and the share of each."""
    if picture.mode in ("F", "I") or picture.mode.startswith("I;16"):
        values, counts = np.unique(np.asarray(picture), return_counts=True)
        colours = values[:, None]
    else:
        red, green, blue = np.asarray(picture.convert("RGB"), np.int32).transpose(
            2, 0, 1
        )
        packed = red << 16 | green << 8 | blue  # as one number a pixel: quick to sort
        values, counts = np.unique(packed, return_counts=True)
        colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1)
    return colours.astype(float), counts / counts.sum()


def _grey(colours: np.ndarray) -> np.ndarray:
    """Return brightness as Pillow's ``convert("L")`` has it."""
    weights = [0.299, 0.587, 0.114] if colours.shape[1] == 3 else [1]
    return np.rint(colours @ weights)


def _name(colour: np.ndarray) -> str:
    """Return 255 for a grey, (255, 0, 0) for a colour."""
    numbers = [f"{x:.6g}" for x in colour]
    return numbers[0] if len(set(numbers)) == 1 else f"({', '.join(numbers)})"


def _listed(colours: np.ndarray, shares: np.ndarray) -> str:
    """Return the commonest colours with their shares, and how many more there are."""
    first = np.argsort(-shares, kind="stable")[:4]
    named = [f"{_name(colours[k])}: {shares[k]:.1%}" for k in first]
    more = len(shares) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def share_of(x: fundus.FundusImage) -> float:
    """Return the share of the field of view that the label marks as vessels."""
    return float((x.vessels & x.fov).sum() / max(1, x.fov.sum()))


def fault_of_share(share: float) -> str:
    """Say why a share cannot be that of vessels; "" where it can."""
    marks = f"marks {share:.1%} of the field of view as vessels"
    if share > MOST:
        return (
            f"{marks}, more than {MOST:.0%}: it is inverted, or shows something else; "
            "vessels must be white (255) on black (0)"
        )
    if share < LEAST:
        return (
            f"{marks}, less than {LEAST:.0%}: it is empty, or shows something else; "
            "leave the photograph out or label it"
        )
    return ""


def check_shares(name: str, images: Iterable[fundus.FundusImage]) -> None:
    """Raise ValueError at the first image whose label cannot be one of vessels."""
    for x in images:
        if fault := fault_of_share(share_of(x)):
            raise ValueError(f"{name} {x.name}: the label {fault}")


def look(folder: Folder, image_id: str) -> Pair:
    """Read one pair of a folder and say what there is to see; never raises for it."""
    found = Pair(image_id, folder.split_of(image_id), folder.person_of(image_id))
    try:
        for kind in ("fov", "second", "vessels"):
            if file := folder.files[kind].get(image_id):
                values = values_of(folder.place / file)
        x = fundus.load_one(folder, image_id, folder.place)
        if file := folder.files["fov"].get(image_id):
            lit = (x.fov & fundus.automatic_fov(x.image)).sum() / max(1, x.fov.sum())
            if lit < LIT:
                raise ValueError(
                    f"{file}: {lit:.0%} of what it marks is lit in the photograph; it "
                    "is empty, inverted or of another one: the lit disc must be white"
                )
    except (OSError, ValueError) as error:
        fault = str(error).replace(f"{folder.place}{os.sep}", "")
        return replace(found, fault=fault)
    share = share_of(x)
    why = fault_of_share(share)
    return replace(
        found,
        size=x.image.shape[1:],
        values=values,
        share=share,
        fov="given" if folder.has_fov(image_id) else "found",
        fov_share=float(x.fov.mean()),
        fault=why and f"{folder.files['vessels'][image_id]} {why}",
    )


def check(folder: Folder, out: Path | None, say: Callable[[str], None]) -> list[Pair]:
    """Read every pair, say and show what is there; ValueError where one has a fault.

    ``out`` gets the page, report.html, in either case, and the splits as split.csv,
    which keeps them when it is put into a folder that grows; None: neither.
    """
    pairs = [look(folder, image_id) for image_id in sum(folder.splits.values(), ())]
    for line in describe(folder, pairs):
        say(line)
    if out:
        page = write_page(out / "report.html", folder, pairs)
        say(f"  three of them drawn, and all in a table: {page}")
        saving.write_bytes(out / labelled.SPLIT, labelled.split_table(folder))
    if faults := [pair.fault for pair in pairs if pair.fault]:
        more = f" And {len(faults) - 3} more." if faults[3:] else ""
        raise ValueError(
            f"{len(faults)} of {len(pairs)} pairs of {folder.name} cannot be used. "
            f"{'. '.join(faults[:3])}.{more}"
        )
    return pairs


def describe(folder: Folder, pairs: Sequence[Pair]) -> list[str]:
    """Return what is to be known before the first step, a line a matter."""
    known = [pair for pair in pairs if pair.share is not None]
    lines = [f"{folder.name}: {len(pairs)} photographs with labels"]
    if folder.left_out:
        some = ", ".join(folder.left_out[:5])
        more = f" and {len(folder.left_out) - 5} more" if folder.left_out[5:] else ""
        lines.append(f"  without a partner, or no image, left out: {some}{more}")
    if known:
        sizes = Counter(f"{p.size[0]} x {p.size[1]}" for p in known)
        lines.append(f"  size, rows x columns: {_counted(sizes)}")
        values = Counter(p.values for p in known)
        lines.append(f"  values of the labels: {_counted(values)}")
        low, middle, high = np.quantile([p.share for p in known], (0, 0.5, 1))
        lines.append(
            f"  vessels mark {low:.1%} to {high:.1%} of the field of view, half of "
            f"them less than {middle:.1%}"
        )
        frame = [p.fov_share for p in known]
        lines.append(
            f"  field of view: {_counted(Counter(p.fov for p in known))}, "
            f"{min(frame):.0%} to {max(frame):.0%} of the frame"
        )
    parts = []
    for split, members in folder.splits.items():
        persons = len({folder.person_of(image_id) for image_id in members})
        parts.append(f"{split} {len(members)} of {persons} persons")
    lines.append(f"  split by {folder.divided_by}: {', '.join(parts)}")
    if second := len(folder.files["second"]):
        lines.append(f"  second observer: {second}")
    return lines


def _counted(counts: Counter) -> str:
    """Return the commonest with their numbers."""
    shown = [f"{what} ({number})" for what, number in counts.most_common(4)]
    return ", ".join(shown) + (" and others" if len(counts) > 4 else "")


def write_page(path: Path, folder: Folder, pairs: Sequence[Pair]) -> Path:
    """Write the lines, a table and three pictures as one file that needs no other.

    Pictures: the labels that mark the least, the median and the most.
    """
    known = sorted((p for p in pairs if p.share is not None), key=lambda p: p.share)
    middle = len(known) // 2
    shown = [known[k] for k in sorted({0, middle, len(known) - 1})] if known else []
    drawn = [
        f'<figure><img alt="{html.escape(pair.image_id)}" src="{picture}">'
        f"<figcaption>{html.escape(pair.image_id)}: {pair.share:.1%}</figcaption>"
        "</figure>"
        for pair in shown
        for picture in [_picture(fundus.load_one(folder, pair.image_id, folder.place))]
    ]
    title, *lines = map(html.escape, describe(folder, pairs))
    text = TEMPLATE.substitute(
        name=html.escape(folder.name),
        title=title,
        lines="\n".join(f"<li>{line}" for line in lines),
        figures="\n".join(drawn),
        rows="\n".join(map(_row, pairs)),
    )
    saving.write_bytes(path, text.encode())
    return path


def _row(pair: Pair) -> str:
    cells = [pair.image_id, pair.split, pair.person]
    cells += [f"{pair.size[0]} x {pair.size[1]}" if pair.size else "", pair.values]
    cells += ["" if pair.share is None else f"{pair.share:.1%}"]
    cells += ["" if pair.share is None else f"{pair.fov}, {pair.fov_share:.0%}"]
    cells = "".join(f"<td>{html.escape(x)}" for x in [*cells, pair.fault])
    return f'<tr class="{"bad" if pair.fault else "good"}">{cells}'


def _picture(x: fundus.FundusImage) -> str:
    """Return a photograph with both outlines as the address of a small JPEG."""
    painted = figures.thumbnail(x.image, x.vessels, x.fov, SIDE)
    file = io.BytesIO()
    Image.fromarray(painted).save(file, "jpeg", quality=80, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
