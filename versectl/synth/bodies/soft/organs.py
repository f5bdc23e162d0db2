"""Organs: heart, liver, spleen, stomach, kidneys, bladder; the bowel has a file of its own.

Offsets and half axes are in mm of an average adult: x left, y posterior, z superior.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies.landmarks import pelvis, trunk
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas, Frame, Points, Solid, ellipsoid, fill
from versectl.synth.bodies.structures import NUMBER

#: Organ -> level, offset from the body there (x, y, z) and half axes in mm; painted in this order.
#: Heights are those of kidneys, livers and spleens in six label maps of TotalSegmentator.
ORGANS = (
    ("kidney_left", "L1", (62, 12, -26), (25, 24, 54)),
    ("kidney_right", "L1", (-66, 12, -26), (25, 24, 54)),
    ("liver", "T12", (-70, -52, -14), (76, 84, 94)),
    ("liver", "T11", (8, -88, -22), (66, 38, 38)),
    ("spleen", "T12", (94, -4, -6), (26, 42, 52)),
    ("stomach", "T12", (48, -74, 0), (38, 40, 52)),
    ("stomach", "L1", (18, -84, -14), (46, 26, 22)),
)

#: chosen: x, y; z as in the label maps, 12 to 17 mm.
ORGANS_SD_MM = (4, 4, 12)

#: chosen: how much the half axes of an organ differ, beside the table.
ORGAN_SIZES = (0.88, 1.12)

#: chosen: the heart: level, offset and half axes; the bladder from the first sacral body: offset,
#: radius.
HEART_LEVEL, HEART, HEART_MM = "T8", (16, -78, -4), (56, 44, 56)
BLADDER, BLADDER_MM = (0, -50, -92), (20, 42)

#: chosen: how uneven surfaces are: waves, standard deviation of how many radians they turn by the
#: half axis, and how far they reach beside the shortest half axis.
WAVES, WAVE_SD, WAVE_REACH = 3, 2.2, 0.06


class Ellipsoid(NamedTuple):
    """Where an ellipsoid stands, and its half axes (3,)."""

    frame: Frame
    half_mm: np.ndarray


def paint(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """Kidneys, liver, spleen, stomach and heart."""
    k = spine.scale
    for name, level, offset, half in ORGANS:
        at = np.array(offset) * k + rng.normal(0, ORGANS_SD_MM)
        frame = trunk(spine, NUMBERS[level]).moved(at)
        half_mm = np.array(half) * k * rng.uniform(*ORGAN_SIZES, 3)
        paint_blob(canvas, name, ("viscera",), Ellipsoid(frame, half_mm), rng)
    heart = trunk(spine, NUMBERS[HEART_LEVEL]).moved(np.array(HEART) * k)
    over = ("viscera", "lung_left", "lung_right")
    paint_blob(canvas, "heart", over, Ellipsoid(heart, np.array(HEART_MM) * k), rng)


def paint_bladder(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """The bladder, more or less full."""
    bladder = pelvis(spine).moved(np.array(BLADDER) * spine.scale)
    half_mm = np.full(3, rng.uniform(*BLADDER_MM))
    paint_blob(canvas, "bladder", ("viscera", "muscle"), Ellipsoid(bladder, half_mm), rng)


def paint_blob(
    canvas: Canvas,
    name: str,
    over: Sequence[str],
    shape: Ellipsoid,
    rng: np.random.Generator,
) -> None:
    """An ellipsoid with a softly uneven surface; over : the structures it may replace."""
    frame, half = shape
    waves = rng.normal(0, 1, (WAVES, 3)) * WAVE_SD
    phases = rng.uniform(0, 2 * np.pi, WAVES)

    def distance(p: Points) -> np.ndarray:
        bumps = sum(
            np.sin(
                sum(np.float32(w / h) * a for w, h, a in zip(wave, half, p, strict=True)) + phase
            )
            for wave, phase in zip(waves, phases.astype(np.float32), strict=True)
        )
        return ellipsoid(p, (0, 0, 0), half) + np.float32(WAVE_REACH * half.min()) * bumps

    solid = Solid(frame, half * 1.2, distance)
    fill(canvas, NUMBER[name], solid, [NUMBER[n] for n in over])
