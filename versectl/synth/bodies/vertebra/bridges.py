"""Bone that joins vertebrae: bridges in front of discs (DISH), and discs turned to bone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies.shapes import Balls, Canvas, Frame, box_corners, stamp, tube
from versectl.synth.bodies.structures import KIND, NUMBER
from versectl.synth.bodies.vertebra.look import Look

#: chosen: shares of people with bridging osteophytes, and with vertebrae that have grown together.
BRIDGED, GROWN_TOGETHER = 0.08, 0.04

#: chosen: how many discs are bridged in a row, how thick a bridge is and how far it bulges in mm.
IN_A_ROW, THICK_MM, BULGE_MM = (3, 10), (2.0, 4.5), (1.0, 7.0)

#: Where bridges are: in the thorax on the right, for the aorta lies on the left.
FIRST, LAST = NUMBERS["T4"], NUMBERS["L3"]

#: A bridge never replaces bone or what lies outside the body.
SOFT = tuple(number for number, kind in KIND.items() if kind not in ("vertebra", "bone", "air"))


class Disc(NamedTuple):
    """A disc: its frame, and the vertebrae above and below it."""

    upper: int
    frame: Frame
    lower: int


def paint(
    canvas: Canvas, discs: Sequence[Disc], looks: Mapping[int, Look], rng: np.random.Generator
) -> None:
    """Join some people's vertebrae; the upper half of a bridge belongs to the upper vertebra."""
    if rng.random() < BRIDGED:
        angle = rng.uniform(-0.4, 1.3)  # from the front to the right
        for disc in _row(discs, rng, int(rng.integers(*IN_A_ROW)), (FIRST, LAST)):
            _paint_bridge(canvas, disc, looks, angle, rng)
    if rng.random() < GROWN_TOGETHER:
        for disc in _row(discs, rng, int(rng.integers(1, 4)), (NUMBERS["C2"], NUMBERS["L5"])):
            _turn_to_bone(canvas, disc, looks[disc.upper])


def _row(
    discs: Sequence[Disc], rng: np.random.Generator, count: int, ends: tuple[int, int]
) -> list[Disc]:
    """So many discs in a row, between two vertebrae."""
    able = [disc for disc in discs if ends[0] <= disc.upper <= disc.lower <= ends[1]]
    first = int(rng.integers(max(len(able) - count, 0) + 1))
    return able[first : first + count]


def _paint_bridge(
    canvas: Canvas,
    disc: Disc,
    looks: Mapping[int, Look],
    angle: float,
    rng: np.random.Generator,
) -> None:
    """Strands of bone from the rim of one body over the disc to the next body's.

    angle : where they are, in radians from the front to the right.
    """
    label, frame, below = disc
    look, bulge_mm = looks[label], rng.uniform(*BULGE_MM)
    for turn in (-0.35, 0.0, 0.35):
        x, y = -np.sin(angle + turn) * look.width / 2, -np.cos(angle + turn) * look.depth / 2
        out = 1 + bulge_mm * np.cos(2 * turn) / np.hypot(x, y)
        up, down = 0.6 * look.height, -0.6 * looks[below].height
        course = [(x, y, up), (x * out, y * out, 0), (x, y, down)]
        strand = tube(frame.to_world(np.array(course)), rng.uniform(*THICK_MM))
        radii_mm = np.broadcast_to(strand.radii_mm, len(strand.points_mm))
        above = frame.to_local(strand.points_mm)[:, 2] > 0
        for number, part in ((label, above), (below, ~above)):
            stamp(canvas, number, Balls(strand.points_mm[part], radii_mm[part]), SOFT)


def _turn_to_bone(canvas: Canvas, disc: Disc, look: Look) -> None:
    """Turn a disc to bone, half of it each vertebra's."""
    label, frame, below = disc
    reach = np.array([look.width / 2, look.depth / 2, 8.0])
    window = canvas.window(box_corners(frame, -reach, reach))
    x, y, z = canvas.points(window, frame)
    part = canvas.structures[window]
    inside = (part == NUMBER["disc"]) & (np.hypot(x / reach[0], y / reach[1]) < 0.95)
    part[inside & (np.abs(z) < reach[2])] = label
    part[inside & (z <= 0) & (z > -reach[2])] = below
