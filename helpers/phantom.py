"""Phantoms: drawn eyes with known vessels, on which the course runs without data.

Trees of vessels grow from an optic disc round a fovea and branch by Murray's law; a
photograph of them is then taken with uneven light, blur and noise. Lengths are in
units of the radius of the field of view, positions are complex numbers (real part to
the right, imaginary part down, 0 in the middle), so that every size shows the same eye.
"""

from __future__ import annotations

import cmath
import heapq
import io
import json
import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from helpers.fundus import DATASETS, FundusImage, read_label

EDITION = 1  # raise it when the drawing changes: an older set on disk is drawn anew
SMALLEST = 64  # pixels, shorter side of the frame
FOV_RADIUS = 0.476  # of the frame's shorter side, as in DRIVE
SUPER = 4  # drawing pixels per picture pixel, along each side

# Growth
STEP = 0.012  # length of one step
CELL = 0.03  # two vessels of one kind do not enter the same cell of this side
TAPER = 0.0012  # radius lost per length
THINNEST = 0.0018  # radius below which a branch ends
SPACING = 0.055  # mean length between two branchings
TRUNK = {"vein": (0.0135, 0.0165), "artery": (0.0095, 0.0120)}  # radius at the disc

# What the observers see
SHARE = (0.108, 0.142)  # vessel pixels inside the FOV, first observer
RIM = 0.35  # pixels by which an observer draws a vessel wider than it is
HAIRLINE = 0.52  # pixels, smallest radius an observer draws

# What the camera sees, red, green, blue
ABSORPTION = np.array([1.5, 4.8, 2.6])  # per length of blood along the ray
TEXTURE = ((3, 0.025), (9, 0.03), (28, 0.035), (90, 0.06), (250, 0.08))  # cells, share


@dataclass(frozen=True)
class Eye:
    """Where the landmarks lie; ``side`` is +1 where the disc is on the right."""

    side: int
    disc: complex
    fovea: complex


@dataclass(frozen=True)
class Branch:
    """One vessel between its origin and its end: points (N,), radius (N,)."""

    points: np.ndarray
    radius: np.ndarray
    kind: str  # "vein" or "artery"


def new_eye(rng: np.random.Generator) -> Eye:
    """Place the disc and, 2.5 disc diameters beside it, the fovea."""
    side = int(rng.choice((-1, 1)))
    disc = complex(side * rng.uniform(0.70, 0.82), rng.uniform(-0.12, 0.06))
    fovea = disc + complex(-side * rng.uniform(0.76, 0.86), rng.uniform(0.02, 0.12))
    return Eye(side, disc, fovea)


def split(radius: float, ratio: float) -> tuple[float, float, float, float]:
    """Branch by Murray's law: r0^3 = r1^3 + r2^3 with r2 = ratio * r0.

    Returns r1, r2 and the angles in radians by which they leave the old direction;
    the angles are those of least work (Murray, J Gen Physiol 9, 1926).
    """
    thin = ratio
    wide = (1 - thin**3) ** (1 / 3)
    to_wide = math.acos((1 + wide**4 - thin**4) / (2 * wide**2))
    to_thin = math.acos((1 + thin**4 - wide**4) / (2 * thin**2))
    return radius * wide, radius * thin, to_wide, to_thin


def unit(z: complex) -> complex:
    """Scale a direction to length one."""
    return z / (abs(z) or 1.0)


def trunks(rng: np.random.Generator, eye: Eye) -> list[tuple]:
    """Start vessels at the disc: (-radius, z, heading, kind, ring).

    ``ring`` is the signed distance at which an arcade circles the fovea, 0 for others.
    """
    out = []
    nasal = complex(eye.side, 0)
    for kind, radii in TRUNK.items():
        for up in (-1, 1):
            wide = rng.uniform(*radii)
            turn = {"vein": 78, "artery": 92}[kind] + rng.uniform(-14, 14)
            for share, angle, ring in (
                (1.0, 180 - turn, up * rng.uniform(0.60, 0.80)),  # arcade
                (0.62, rng.uniform(25, 60), 0.0),  # nasal
                (0.27, 180 - rng.uniform(10, 40), 0.0),  # towards the fovea
            ):
                heading = nasal * cmath.exp(1j * eye.side * up * math.radians(angle))
                start = eye.disc + complex(*rng.normal(0, 0.015, 2))
                out.append((-share * wide, start, heading, kind, ring))
    return out


def goal(eye: Eye, z: complex, heading: complex, ring: float) -> complex:
    """Say where a vessel at z is drawn to, as a direction of length one."""
    if ring:  # an arcade: round the fovea, then on towards the temporal side
        past = max(0.0, eye.side * (eye.fovea - z).real)
        spoke = z - (eye.fovea - 0.75 * eye.side * past)
        tangent = unit(spoke) * 1j * math.copysign(1, eye.side * ring)
        return unit(tangent + 3 * (abs(ring) - abs(spoke)) * unit(spoke))
    spoke = unit(z - eye.fovea)  # others keep to the side to which they set out
    return math.copysign(1, (heading * spoke.conjugate()).real) * spoke


def grow_trees(rng: np.random.Generator) -> tuple[Eye, list[Branch]]:
    """Grow all vessels of an eye, widest first; return them in that order."""
    eye = new_eye(rng)
    tortuous = rng.uniform(0.02, 0.05)
    waiting = [
        (seed[0], number, *seed[1:]) for number, seed in enumerate(trunks(rng, eye))
    ]
    heapq.heapify(waiting)
    taken, branches, number = {}, [], len(waiting)
    while waiting:
        radius, _, z, heading, kind, ring = heapq.heappop(waiting)
        radius, curl, points, radii = -radius, 0.0, [], []
        while radius > THINNEST and abs(z) < 1.03:
            cell = (kind, z.real // CELL, z.imag // CELL)
            crossing = taken.setdefault(cell, len(branches)) != len(branches)
            if crossing and len(points) > 5 or abs(z - eye.fovea) < 0.13:
                break
            points.append(z)
            radii.append(radius)
            fork = len(points) > 9 and rng.random() < STEP / SPACING
            ratio = 0.79 * 0.17 ** rng.random() ** 0.85 if fork else 0.0
            if ratio * radius > THINNEST:
                radius, thin, to_wide, to_thin = split(radius, ratio)
                turn = 1j * rng.choice((-1, 1))
                child = heading * cmath.exp(turn * to_thin * rng.uniform(0.6, 1))
                heapq.heappush(waiting, (-thin, number, z, child, kind, 0.0))
                heading *= cmath.exp(-turn * to_wide)
                number += 1
            else:
                radius -= TAPER * STEP
            curl = 0.75 * curl + tortuous * rng.normal() * min(1.2, 0.006 / radius)
            pull = 0.15 if ring else 0.05
            heading = unit(
                heading * cmath.exp(1j * curl) + pull * goal(eye, z, heading, ring)
            )
            z += STEP * heading
        if len(points) > 3:
            branches.append(Branch(np.array(points), np.array(radii), kind))
    return eye, sorted(branches, key=lambda branch: -branch.radius[0])


def fov_radius(height: int, width: int) -> float:
    """Return the radius of the field of view in pixels."""
    return FOV_RADIUS * min(height, width)


def plane(height: int, width: int) -> np.ndarray:
    """Return the position of every pixel's centre, (H, W) complex64."""
    rows = np.arange(height) - (height - 1) / 2
    columns = np.arange(width) - (width - 1) / 2
    z = columns[None] + 1j * rows[:, None]
    return (z / fov_radius(height, width)).astype(np.complex64)


def paint(canvas: Image.Image, branch: Branch, half_width: np.ndarray, value) -> None:
    """Fill the outline of a branch, half_width (N,) in picture pixels on each side."""
    width, height = canvas.size[0] / SUPER, canvas.size[1] / SUPER
    middle = branch.points * fov_radius(height, width) + complex(width, height) / 2
    across = 1j * np.exp(1j * np.angle(np.gradient(branch.points))) * half_width
    outline = SUPER * np.concatenate([middle + across, (middle - across)[::-1]]) - 0.5
    corners = np.stack([outline.real, outline.imag], 1).ravel().tolist()
    ImageDraw.Draw(canvas).polygon(corners, fill=value)


def label_ranks(branches: list[Branch], height: int, width: int) -> np.ndarray:
    """Return for every pixel the rank (from 1) of the widest branch over it, or 0.

    (SUPER * H, SUPER * W) int32: the picture's pixels are its middle samples.
    """
    canvas = Image.new("I", (SUPER * width, SUPER * height))
    for rank in range(len(branches), 0, -1):  # the widest last, over the others
        radius = branches[rank - 1].radius * fov_radius(height, width) + RIM
        paint(canvas, branches[rank - 1], np.maximum(radius, HAIRLINE) - 0.1, rank)
    return np.asarray(canvas)


def ranks_for_share(ranks: np.ndarray, fov: np.ndarray, share: float) -> int:
    """Return how many branches, widest first, cover this share of the FOV."""
    covered = np.cumsum(np.bincount(ranks[fov])[1:])
    return int(np.searchsorted(covered, share * fov.sum())) + 1


def blood(branches: list[Branch], height: int, width: int, reflex: float) -> np.ndarray:
    """Return the length of the light's way through blood, (H, W) float32.

    A cylinder is a stack of ever narrower bands with ever longer chords; the innermost
    band takes off the share ``reflex``, the light that the vessel's ridge sends back.
    """
    canvas = Image.new("F", (SUPER * width, SUPER * height))
    for band, chord in (
        (1.0, 0.6),
        (0.8, 1.2),
        (0.5, 1.75),
        (0.25, 1.95 * (1 - reflex)),
    ):
        for branch in reversed(branches):
            half_width = band * branch.radius * fov_radius(height, width)
            if band == 1 or half_width[0] > 0.4:
                paint(canvas, branch, half_width, chord * float(branch.radius.mean()))
    return np.asarray(canvas.reduce(SUPER))


def clouds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return the fundus' mottled texture, octave by octave, mean 0, (H, W) float32."""
    scale = fov_radius(height, width) / 269  # cells are given for DRIVE's frame
    total = np.zeros((height, width), np.float32)
    for cell, share in TEXTURE:
        size = (int(width / cell / scale) + 3, int(height / cell / scale) + 3)
        grid = Image.fromarray(rng.normal(0, share, size[::-1]).astype(np.float32))
        total += np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))
    return total


def bump(z: np.ndarray, centre: complex, radius: float, edge: float) -> np.ndarray:
    """Return a soft disc: 1 inside the radius, 0 outside, (H, W)."""
    return 1 / (1 + np.exp(np.clip((np.abs(z - centre) - radius) / edge, -30, 30)))


def fundus_light(rng: np.random.Generator, eye: Eye, z: np.ndarray) -> np.ndarray:
    """Return the light that comes back from an eye without vessels, (3, H, W)."""
    red = rng.uniform(0.58, 0.92)
    green = red * rng.uniform(0.46, 0.64)
    colour = np.array([red, green, green * rng.uniform(0.5, 0.68)])[:, None, None]
    tilt = rng.uniform(0.05, 0.22) * cmath.exp(2j * math.pi * rng.random())
    light = 1 + (z * tilt).real - rng.uniform(0.05, 0.25) * np.abs(z) ** 3
    mottle = clouds(rng, *z.shape) * rng.uniform(0.7, 1.1)
    picture = colour * light * (1 + np.array([0.6, 1.0, 0.9])[:, None, None] * mottle)
    haze = rng.uniform(0.02, 0.12) * np.clip(np.abs(z) - 0.75, 0, 1) / 0.25
    picture += haze * np.array([0.2, 0.9, 0.6])[:, None, None] * colour
    macula = np.exp(-(np.abs(z - eye.fovea) ** 2) / (2 * rng.uniform(0.09, 0.13) ** 2))
    picture *= (
        1 - rng.uniform(0.5, 1) * macula * np.array([0.25, 0.35, 0.3])[:, None, None]
    )
    size = rng.uniform(0.13, 0.16)
    disc = bump(z, eye.disc, size, 0.008)
    cup = bump(z, eye.disc - 0.03 * eye.side, size * rng.uniform(0.4, 0.6), 0.02)
    glow = np.exp(-np.abs(z - eye.disc) / 0.25)
    gain = disc * rng.uniform(0.6, 1.0) + 0.35 * cup + 0.12 * glow
    return picture * (1 + gain * np.array([0.4, 1.1, 1.0])[:, None, None])


def camera(
    rng: np.random.Generator, picture: np.ndarray, fov: np.ndarray
) -> np.ndarray:
    """Photograph: stop at the FOV, blur, noise, 8 bits, JPEG; (3, H, W) float32."""
    scale = fov_radius(*fov.shape) / 269
    picture = np.where(fov, picture, 0.0)
    blur = max(0.5, rng.uniform(0.9, 1.3) * scale)
    picture = np.stack([ndimage.gaussian_filter(c, blur, truncate=3) for c in picture])
    picture += 0.03 + rng.uniform(0.006, 0.013) * rng.standard_normal(picture.shape) * (
        0.3 + 0.7 * fov
    )
    pixels = (255 * np.clip(picture, 0, 1)).astype(np.uint8).transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(88, 96)))
    pixels = np.asarray(Image.open(file)).transpose(2, 0, 1)
    return np.ascontiguousarray(pixels, dtype=np.float32) / 255


def second_observer(
    rng: np.random.Generator, ranks: np.ndarray, drawn: int
) -> np.ndarray:
    """Return another observer's vessels, (H, W) bool.

    This observer misses some of the thinnest branches, sees a few that the first did
    not draw, and follows every rim with a hand that wanders by about a pixel.
    """
    seen = np.arange(ranks.max() + 1)
    thin = np.clip((seen - 0.4 * drawn) / (0.6 * drawn), 0, 1)
    sees = (rng.random(len(seen)) > 0.6 * thin) & (seen > 0) & (seen < 1.15 * drawn)
    height, width = ranks.shape[0] // SUPER, ranks.shape[1] // SUPER
    scale = fov_radius(height, width) / 269
    shift = rng.normal(0, 0.9 * scale, (2, 40, 40)).astype(np.float32)
    rows, columns = (
        np.asarray(Image.fromarray(s).resize((width, height), Image.Resampling.BICUBIC))
        for s in shift
    )
    row = SUPER * (np.arange(height)[:, None] + rows) + SUPER // 2
    column = SUPER * (np.arange(width)[None] + columns) + SUPER // 2
    row = np.clip(np.rint(row).astype(int), 0, ranks.shape[0] - 1)
    column = np.clip(np.rint(column).astype(int), 0, ranks.shape[1] - 1)
    return sees[ranks[row, column]]


def draw(seed: int, height: int = 584, width: int = 565) -> FundusImage:
    """Draw one eye: photograph, vessels, field of view and a second observer.

    The same seed and size give the same bytes; the same seed at another size gives
    the same eye, less the branches too thin for its pixels.
    """
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"a phantom of {height} x {width} is too small for vessels; "
            f"give at least {SMALLEST} pixels a side"
        )
    rng = np.random.default_rng([seed, 0])
    eye, branches = grow_trees(rng)
    z = plane(height, width)
    fov = np.abs(z) < 1
    ranks = label_ranks(branches, height, width)
    middle = ranks[SUPER // 2 :: SUPER, SUPER // 2 :: SUPER]
    drawn = ranks_for_share(middle, fov, rng.uniform(*SHARE))
    vessels = (middle > 0) & (middle <= drawn) & fov
    second = second_observer(rng, ranks, drawn) & fov
    seen = [b for b in branches[: int(1.1 * drawn)]]
    veins = blood([b for b in seen if b.kind == "vein"], height, width, 0.5)
    arteries = blood([b for b in seen if b.kind == "artery"], height, width, 0.7)
    depth = (veins + 0.8 * arteries) ** 0.7
    rng = np.random.default_rng([seed, height, width])
    strength = rng.uniform(0.8, 1.15) * ABSORPTION[:, None, None]
    picture = fundus_light(rng, eye, z) * np.exp(-strength * depth)
    image = camera(rng, picture, fov)
    return FundusImage(f"{seed:02d}", image, vessels[None], fov[None], second[None])
