"""Phantoms: drawn eyes with known vessels, on which the course runs without data.

Trees of vessels grow from an optic disc round a fovea and branch by Murray's law; a
photograph of them is then taken with uneven light, blur and noise. Lengths are in
units of the radius of the field of view, positions are complex numbers (real part to
the right, imaginary part down, 0 in the middle): every size shows the same eye.
"""

from __future__ import annotations

import cmath
import heapq
import itertools
import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw
from scipy import ndimage, spatial

from . import saving
from .datasets import DATASETS
from .fundus import CellImage, FundusImage

EDITION = 1  # raise it when the drawing changes: an older set on disk is then replaced
SMALLEST = 64  # pixels, least side of a frame
FOV_RADIUS = 0.476  # of the frame's shorter side, as in DRIVE
DRIVE_SIDE = 565  # pixels, shorter side; lengths "in DRIVE's pixels" go with the frame
SUPER = 4  # drawing pixels along each side of a picture pixel
ONE_BIT = ("22",)  # ids whose label is saved with the values 0 and 1, not 0 and 255

# Vessels
TRUNKS = {"vein": (0.0135, 0.0165), "artery": (0.0095, 0.0120)}  # radius at the disc
THINNEST = 0.0018  # radius at which a branch ends
TAPER = 0.0012  # radius lost per length
SPACING = 0.055  # mean length between two branchings
STEP = 0.012  # length of one step of growth
CELL = 0.03  # side of the cells that one artery (vein) leaves to another
MACULA = 0.13  # radius round the fovea without vessels

# What the observers see
SHARE = (0.108, 0.142)  # vessel pixels inside the FOV, first observer
RIM = 0.25  # pixels by which an observer draws a vessel wider than it is
HAIRLINE = 0.42  # pixels, least radius that an observer draws
WANDER = 0.9  # DRIVE's pixels, standard deviation of the second observer's hand

# What the camera sees (red, green, blue)
BLOOD = np.array([2.3, 7.3, 4.2])[:, None, None]  # absorption, see `darkening`
DARKNESS = {"vein": 1.0, "artery": 0.85}  # arterial blood holds more oxygen
REFLEX = {"vein": 0.2, "artery": 0.5}  # light that a vessel's ridge sends back
MOTTLE = {3: 0.05, 9: 0.03, 28: 0.03, 90: 0.045, 250: 0.09}  # cell, DRIVE's px: sd


@dataclass(frozen=True)
class Eye:
    """Where the landmarks lie; ``side`` is 1 with the disc on the right, else -1."""

    side: int
    disc: complex
    fovea: complex
    tortuous: float  # radians by which a thin vessel turns at random in one step


@dataclass(frozen=True)
class Shoot:
    """The start of a vessel; ``ring`` is how far from the fovea an arcade runs.

    ``ring`` is positive for the lower arcade, negative for the upper, 0 for others.
    """

    radius: float
    z: complex
    heading: complex
    kind: str  # "vein" or "artery"
    ring: float = 0.0


@dataclass(frozen=True)
class Branch:
    """One vessel from its origin to its end: points (N,) complex, radius (N,)."""

    points: np.ndarray
    radius: np.ndarray
    kind: str


def unit(z: complex) -> complex:
    """Scale a direction to length one."""
    return z / (abs(z) or 1.0)


def new_eye(rng: Generator) -> Eye:
    """Place the disc and, beside it, the fovea."""
    side = int(rng.choice((-1, 1)))
    disc = complex(side * rng.uniform(0.70, 0.82), rng.uniform(-0.12, 0.06))
    fovea = disc + complex(-side * rng.uniform(0.76, 0.86), rng.uniform(0.02, 0.12))
    return Eye(side, disc, fovea, rng.uniform(0.02, 0.045))


def trunks(rng: Generator, eye: Eye) -> list[Shoot]:
    """Start the vessels at the disc: above and below, three veins, three arteries."""
    shoots = []
    for (kind, radii), down in itertools.product(TRUNKS.items(), (-1, 1)):
        radius, ring = rng.uniform(*radii), down * rng.uniform(0.60, 0.80)
        turn = {"vein": 102, "artery": 88}[kind] + rng.uniform(-14, 14)
        for share, degrees, its_ring in (
            (1.0, turn, ring),  # the arcade, up or down and round the fovea
            (0.62, rng.uniform(25, 60), 0.0),  # to the near rim
            (0.27, rng.uniform(140, 170), 0.0),  # straight to the fovea
        ):
            heading = eye.side * cmath.exp(1j * eye.side * down * math.radians(degrees))
            start = eye.disc + complex(*rng.normal(0, 0.015, 2))
            shoots.append(Shoot(share * radius, start, heading, kind, its_ring))
    return shoots


def goal(eye: Eye, z: complex, heading: complex, ring: float) -> complex:
    """Return the direction (length one) into which a vessel at z is drawn."""
    if not ring:  # to the fovea or away from it, as it set out
        spoke = unit(z - eye.fovea)
        return math.copysign(1, (heading * spoke.conjugate()).real) * spoke
    beyond = max(0.0, eye.side * (eye.fovea - z).real)  # past the fovea arcades open
    spoke = z - (eye.fovea - 0.75 * eye.side * beyond)
    tangent = 1j * math.copysign(1, eye.side * ring) * unit(spoke)
    return unit(tangent + 3 * (abs(ring) - abs(spoke)) * unit(spoke))


def split(radius: float, ratio: float) -> tuple[float, float, float, float]:
    """Branch by Murray's law: r0^3 = r1^3 + r2^3 with r2 = ratio * r0.

    Returns r1, r2 and the angles in radians by which they leave the old
    direction, those of least work (Murray, J Gen Physiol 9, 1926, 835-841).
    """
    wide, thin = (1 - ratio**3) ** (1 / 3), ratio
    to_wide = math.acos((1 + wide**4 - thin**4) / (2 * wide**2))
    to_thin = math.acos((1 + thin**4 - wide**4) / (2 * thin**2))
    return radius * wide, radius * thin, to_wide, to_thin


def grow_branch(
    rng: Generator, eye: Eye, shoot: Shoot, taken: dict
) -> tuple[Branch, list[Shoot]]:
    """Grow one vessel to its end; return it and the shoots that leave it."""
    z, heading, radius, curl = shoot.z, shoot.heading, shoot.radius, 0.0
    points, radii, shoots = [], [], []
    while radius > THINNEST and abs(z) < 1.03 and abs(z - eye.fovea) > MACULA:
        owner = taken.setdefault((shoot.kind, z.real // CELL, z.imag // CELL), shoot)
        if owner is not shoot and len(points) > 5:
            break
        points.append(z)
        radii.append(radius)
        forks = len(points) > 9 and rng.random() < STEP / SPACING
        ratio = 0.79 * 0.17 ** rng.random() ** 0.85 if forks else 0.0
        if ratio * radius > THINNEST:
            radius, thin, to_wide, to_thin = split(radius, ratio)
            turn = 1j * rng.choice((-1, 1))
            aside = heading * cmath.exp(turn * to_thin * rng.uniform(0.6, 1))
            shoots.append(Shoot(thin, z, aside, shoot.kind))
            heading *= cmath.exp(-turn * to_wide)
        else:
            radius -= TAPER * STEP
        curl = 0.75 * curl + eye.tortuous * rng.normal() * min(1.2, 0.006 / radius)
        pull = 0.15 if shoot.ring else 0.06
        pulled = pull * goal(eye, z, heading, shoot.ring)
        heading = unit(heading * cmath.exp(1j * curl) + pulled)
        z += STEP * heading
    return Branch(np.array(points), np.array(radii), shoot.kind), shoots


def grow_trees(rng: Generator) -> tuple[Eye, list[Branch]]:
    """Grow all vessels of an eye and return them, widest first."""
    eye, order, taken, branches = new_eye(rng), itertools.count(), {}, []
    waiting = [(-shoot.radius, next(order), shoot) for shoot in trunks(rng, eye)]
    heapq.heapify(waiting)
    while waiting:  # the widest shoot grows first and takes the room
        branch, shoots = grow_branch(rng, eye, heapq.heappop(waiting)[2], taken)
        if len(branch.points) > 3:
            branches.append(branch)
        for shoot in shoots:
            heapq.heappush(waiting, (-shoot.radius, next(order), shoot))
    return eye, sorted(branches, key=lambda branch: -branch.radius[0])


def plane(height: int, width: int) -> np.ndarray:
    """Return the position of every pixel's centre, (H, W) complex64."""
    rows, columns = np.arange(height) - height / 2, np.arange(width) - width / 2
    z = (columns + 0.5)[None] + 1j * (rows + 0.5)[:, None]
    return (z / (FOV_RADIUS * min(height, width))).astype(np.complex64)


def paint(canvas: Image.Image, branch: Branch, half_width: np.ndarray, value) -> None:
    """Fill a branch's outline; half_width (N,) is in picture pixels."""
    radius = FOV_RADIUS * min(canvas.size)  # drawing pixels
    middle = radius * branch.points + complex(*canvas.size) / 2 - (0.5 + 0.5j)
    across = 1j * np.exp(1j * np.angle(np.gradient(branch.points)))
    across *= np.maximum(SUPER * half_width - 0.4, 0)  # Pillow fills the rim as well
    outline = np.concatenate([middle + across, (middle - across)[::-1]])
    corners = np.stack([outline.real, outline.imag], 1).ravel().tolist()
    ImageDraw.Draw(canvas).polygon(corners, fill=value)


def rank_map(branches: list[Branch], height: int, width: int) -> np.ndarray:
    """Return the rank (1 is the widest) of the widest branch over each pixel, or 0.

    (SUPER * H, SUPER * W) int32, so that an observer's hand can slip by less than one
    pixel of the picture.
    """
    canvas = Image.new("I", (SUPER * width, SUPER * height))
    radius = FOV_RADIUS * min(height, width)
    for rank, branch in reversed(list(enumerate(branches, start=1))):
        drawn = np.maximum(radius * branch.radius, HAIRLINE) + RIM
        paint(canvas, branch, drawn, rank)
    return np.asarray(canvas)


def ranks_for(share: float, ranks: np.ndarray, fov: np.ndarray) -> int:
    """Return how many branches, widest first, cover this share of the FOV."""
    covered = np.cumsum(np.bincount(ranks[fov])[1:]) / fov.sum()
    return int(np.searchsorted(covered, share)) + 1


def darkening(branches: list[Branch], kind: str, height: int, width: int) -> np.ndarray:
    """Return the way of light through the blood of one kind of vessel, (H, W) float32.

    A cylinder is painted as ever narrower bands with ever longer chords. Scattered
    light fills up wide vessels: the darkness grows as the 0.7th power of the way.
    """
    canvas = Image.new("F", (SUPER * width, SUPER * height))
    ridge = 2 * (1 - REFLEX[kind])
    for band, chord in ((1.0, 0.6), (0.8, 1.2), (0.5, 1.75), (0.25, ridge)):
        for branch in reversed(branches):
            half_width = band * branch.radius * FOV_RADIUS * min(height, width)
            if branch.kind == kind and (band == 1 or half_width[0] > 0.4):
                paint(canvas, branch, half_width, chord * float(branch.radius.mean()))
    return DARKNESS[kind] * np.asarray(canvas.reduce(SUPER)) ** 0.7


def noise(rng: Generator, cell: float, height: int, width: int) -> np.ndarray:
    """Return smooth noise, mean 0, (H, W); ``cell`` is its grain in DRIVE's pixels."""
    cell = max(1.0, cell * min(height, width) / DRIVE_SIDE)
    grid = rng.standard_normal((int(height / cell) + 3, int(width / cell) + 3))
    picture = Image.fromarray(grid.astype(np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def rgb(red: float, green: float, blue: float) -> np.ndarray:
    """Return three factors, (3, 1, 1)."""
    return np.array([red, green, blue])[:, None, None]


def background(rng: Generator, eye: Eye, z: np.ndarray) -> np.ndarray:
    """Return the light that comes back from an eye without vessels, (3, H, W)."""
    red, to_green = rng.uniform(0.62, 0.92), rng.uniform(0.48, 0.66)
    colour = red * rgb(1, to_green, to_green * rng.uniform(0.5, 0.68))
    tilt = eye.side * rng.uniform(0.1, 0.25) * cmath.exp(1j * rng.uniform(-2, 2))
    light = (z * tilt).real - rng.uniform(0.15, 0.4) * np.abs(z) ** 3
    light += sum(sd * noise(rng, cell, *z.shape) for cell, sd in MOTTLE.items())
    light *= rng.uniform(0.135, 0.16) / light[np.abs(z) < 1].std()
    picture = colour * (1.05 + rgb(0.7, 1, 0.9) * light)
    macula = np.exp(-((np.abs(z - eye.fovea) / rng.uniform(0.12, 0.18)) ** 2))
    picture *= 1 - rng.uniform(0.5, 1) * rgb(0.25, 0.35, 0.3) * macula
    return picture * (1 + rgb(0.45, 1.1, 0.8) * disc_glow(rng, eye, z))


def disc_glow(rng: Generator, eye: Eye, z: np.ndarray) -> np.ndarray:
    """Return how much brighter the optic disc, its cup and its surroundings are."""

    def soft_disc(centre, radius, edge):
        return 1 / (1 + np.exp(np.clip((np.abs(z - centre) - radius) / edge, -30, 30)))

    size = rng.uniform(0.13, 0.16)
    cup = soft_disc(eye.disc - 0.03 * eye.side, size * rng.uniform(0.4, 0.6), 0.02)
    around = np.exp(-np.abs(z - eye.disc) / 0.25)
    disc = soft_disc(eye.disc, size, 0.008)
    return rng.uniform(0.6, 1) * disc + 0.35 * cup + 0.12 * around


def camera(rng: Generator, picture: np.ndarray, fov: np.ndarray) -> np.ndarray:
    """Photograph: round stop, blur, grain, 8 bits; (3, H, W) float32 in [0, 1]."""
    blur = rng.uniform(0.9, 1.3) * min(fov.shape) / DRIVE_SIDE
    picture = ndimage.gaussian_filter(picture * fov, (0, blur, blur), truncate=3)
    grain = rng.standard_normal(fov.shape) + 0.5 * rng.standard_normal(picture.shape)
    picture += 0.03 + rng.uniform(0.007, 0.014) * (0.3 + 0.7 * fov) * grain
    return (np.rint(255 * np.clip(picture, 0, 1)) / 255).astype(np.float32)


def second_observer(rng: Generator, ranks: np.ndarray, drawn: int) -> np.ndarray:
    """Return another observer's vessels, (H, W) bool.

    This one misses some of the thinnest branches, sees a few more beyond the first
    observer's ``drawn`` ones, and follows every rim with a hand that wanders.
    """
    rank = np.arange(ranks.max() + 1)
    missed = rng.random(len(rank)) < np.clip(rank / drawn - 0.4, 0, 0.6)
    sees = (rank > 0) & (rank < 1.15 * drawn) & ~missed
    shape = ranks.shape[0] // SUPER, ranks.shape[1] // SUPER
    hand = SUPER * WANDER * min(shape) / DRIVE_SIDE
    rows, columns = (
        np.rint(index * SUPER + SUPER // 2 + hand * noise(rng, 14, *shape)).astype(int)
        for index in np.indices(shape)
    )
    rows = np.clip(rows, 0, ranks.shape[0] - 1)
    return sees[ranks[rows, np.clip(columns, 0, ranks.shape[1] - 1)]]


def draw(
    seed: int,
    height: int = 584,
    width: int = 565,
    lamp: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> FundusImage:
    """Draw one eye: photograph, vessels, field of view and a second observer.

    Same seed and size, same values; at a smaller size the thinnest branches go.
    ``lamp`` is how strong its red, green and blue light are beside the usual one's.
    """
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"a phantom of {height} x {width} pixels has no room for vessels; give at "
            f"least {SMALLEST} a side"
        )
    rng = np.random.default_rng([seed, 0])
    eye, branches = grow_trees(rng)
    z = plane(height, width)
    fov = np.abs(z) < 1
    ranks = rank_map(branches, height, width)
    centres = ranks[SUPER // 2 :: SUPER, SUPER // 2 :: SUPER]
    drawn = ranks_for(rng.uniform(*SHARE), centres, fov)
    vessels = (centres > 0) & (centres <= drawn) & fov
    second = second_observer(rng, ranks, drawn) & fov
    visible = branches[: int(1.1 * drawn)]  # no observer sees everything
    rng = np.random.default_rng([seed, 1])
    blood = sum(darkening(visible, kind, height, width) for kind in TRUNKS)
    light = np.exp(-rng.uniform(0.9, 1.15) * BLOOD * blood)
    image = camera(rng, rgb(*lamp) * background(rng, eye, z) * light, fov)
    return FundusImage(f"{seed:02d}", image, vessels[None], fov[None], second[None])


def draw_cells(seed: int, height: int = 512, width: int = 512) -> CellImage:
    """Draw a slice of tissue as an electron microscope shows it: cells and membranes.

    Regions nearest to points of a shaken lattice are cells, bent; some are joined to
    larger ones. In some lies a mitochondrion, as dark as a membrane. Sizes are in
    pixels: a smaller slice shows fewer cells.
    """
    rng, side = np.random.default_rng([seed, 2]), min(height, width)
    if side < SMALLEST:
        raise ValueError(
            f"a slice of {height} x {width} pixels has no room for cells; give at "
            f"least {SMALLEST} a side"
        )

    def waves(cell: float) -> np.ndarray:
        return noise(rng, cell * DRIVE_SIDE / side, height, width)

    lattice = np.mgrid[-40 : height + 40 : 32, -40 : width + 40 : 32].reshape(2, -1).T
    points = lattice + rng.uniform(-14, 14, lattice.shape)
    coarse = rng.choice(points, 1 + len(points) // 8, replace=False)
    large = spatial.cKDTree(coarse).query(points)[1]
    joined = rng.random(len(coarse)) < 0.5
    cell = np.where(joined[large], large, len(coarse) + np.arange(len(points)))
    bend = 5.0 * np.stack([waves(30), waves(30)], -1)
    places = np.stack(np.indices((height, width)), -1) + bend
    near, owner = spatial.cKDTree(points).query(places, k=12)  # (H, W, 12) each
    other = np.where(cell[owner] == cell[owner[..., :1]], np.inf, near).min(-1)
    to_border = np.minimum((other - near[..., 0]) / 2, 30)
    cells = to_border > 1.8 + 0.4 * waves(40)
    inside = (rng.random(len(points)) < 0.12)[owner[..., 0]]  # mitochondria
    ring = np.abs(near[..., 0] - rng.uniform(6, 9, len(points))[owner[..., 0]])
    dark = 0.35 * np.exp(-((to_border / 2) ** 2))
    dark += inside * (0.25 * np.exp(-((ring / 1.5) ** 2)) + 0.15 * (near[..., 0] < 7))
    light = 0.62 - dark + 0.06 * waves(60) + 0.06 * waves(8) + 0.10 * waves(3)
    grain = 0.08 * rng.standard_normal((height, width))
    light = ndimage.gaussian_filter(light, 0.8) + grain
    image = (np.rint(255 * np.clip(light, 0, 1)) / 255).astype(np.float32)
    return CellImage(str(seed), image[None], cells[None])


def save_label(path: Path, label: np.ndarray, palette: list[int] | None = None) -> None:
    """Save (1, H, W) bool as GIF: grey {0, 255}, or {0, 1} with a palette's colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(label[0])
    if palette:
        picture = Image.fromarray(label[0].astype(np.uint8))
        picture.putpalette(palette)
    picture.save(path)


def save(folder: Path, image_id: str, height: int, width: int) -> None:
    """Draw one image and save its files, encoded as oddly as DRIVE's."""
    layout, phantom = DATASETS["PHANTOM"], draw(int(image_id), height, width)
    path = folder / layout.path(layout.image, image_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.rint(255 * phantom.image).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(pixels).save(path, compression="tiff_lzw")
    one_bit = [0, 0, 0, 255, 255, 255] if image_id in ONE_BIT else None
    label = folder / layout.path(layout.vessels, image_id)
    save_label(label, phantom.vessels, one_bit)
    save_label(folder / layout.path(layout.fov, image_id), phantom.fov)
    if layout.split_of(image_id) in layout.second_in:
        second = folder / layout.path(layout.second, image_id)
        save_label(second, phantom.second, [4, 2, 4, 252, 254, 252])  # as in DRIVE


def stamp_of(folder: Path) -> dict | None:
    """Return what a folder of phantoms says of itself, None if it is not one."""
    stamp = folder / "phantom.json"
    return json.loads(stamp.read_text(encoding="utf-8")) if stamp.is_file() else None


def write(folder: Path | str, height: int = 584, width: int = 565) -> Path:
    """Write the whole set into ``folder`` in DRIVE's layout, once; return the folder.

    It is made beside and then renamed, so a set that is there is a whole one. A set of
    another size or edition is replaced; a folder of anything else is left alone.
    """
    folder = Path(folder)
    stamp = {"edition": EDITION, "height": height, "width": width}
    if stamp_of(folder) == stamp:
        return folder
    if folder.exists() and stamp_of(folder) is None and any(folder.iterdir()):
        raise ValueError(
            f"{folder} holds something else than phantoms; name an empty or new folder"
        )
    with saving.refusals_named(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix="phantom-", dir=folder.parent
        ) as beside:
            made = Path(beside) / "made"
            for image_id in itertools.chain(*DATASETS["PHANTOM"].splits.values()):
                save(made, image_id, height, width)
            (made / "phantom.json").write_text(json.dumps(stamp), encoding="utf-8")
            if stamp_of(folder) != stamp:  # nobody else was faster
                if folder.exists():
                    folder.replace(Path(beside) / "old")
                made.replace(folder)
    return folder
