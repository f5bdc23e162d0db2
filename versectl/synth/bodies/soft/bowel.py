"""The bowel with its gas, and the gas of the stomach.

Offsets are in mm of an average adult: x left, y posterior, z superior.
"""

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies.landmarks import trunk
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas, Frame, Points, Solid, ellipsoid, fill, stamp, tube
from versectl.synth.bodies.soft.organs import Ellipsoid, paint_blob
from versectl.synth.bodies.structures import NUMBER

L2, L5 = NUMBERS["L2"], NUMBERS["L5"]

#: chosen: course of the large bowel from L2, standard deviation of it; radii, at so many places.
COLON = (
    (-98, -30, -75), (-96, -40, -20), (-60, -95, 0), (0, -105, -8), (70, -90, 12),
    (98, -20, 8), (104, -20, -60), (96, -30, -110), (50, -45, -160), (5, 10, -190),
)  # fmt: skip
COLON_SD_MM, COLON_RADII_MM, COLON_PLACES = 8, (16, 27), 6

#: chosen: gas in the large bowel: at how many places, radius.
COLON_GAS, COLON_GAS_MM = (4, 14), (6, 24)

#: chosen: loops of the small bowel: how many, half axes, where beside L2 to L5.
LOOPS, LOOP_MM = (25, 45), (10, 22)
LOOP_X_MM, LOOP_Y_MM, LOOP_Z_MM = (-90, 90), (-110, -32), (-40, 25)

#: chosen: share of loops with gas, and its radius beside the shortest half axis.
GASSY, LOOP_GAS = 0.3, 0.9

#: chosen: the stomach's gas from T12, and its radius.
STOMACH_GAS, STOMACH_GAS_MM = (46, -96, 2), (0, 30)

#: chosen: smaller bubbles are not drawn; level of the fluid below gas, as a share of the radius.
LEAST_GAS_MM, FLUID_LEVEL = 3, (-0.4, 0.7)


def paint(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """Large and small bowel, and their gas, with the stomach's."""
    stomach = trunk(spine, NUMBERS["T12"]).moved(np.array(STOMACH_GAS) * spine.scale)
    _paint_gas(canvas, "stomach", stomach.center_mm, rng.uniform(*STOMACH_GAS_MM), rng)
    _paint_colon(canvas, spine, rng)
    for _ in range(int(rng.integers(*LOOPS))):
        _paint_loop(canvas, spine, rng)


def _paint_colon(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    course = np.array(COLON, float) + rng.normal(0, COLON_SD_MM, (len(COLON), 3))
    middle = trunk(spine, L2).to_world(course * spine.scale)
    colon = tube(middle, rng.uniform(*COLON_RADII_MM, COLON_PLACES).tolist())
    stamp(canvas, NUMBER["bowel"], colon, (NUMBER["viscera"],))
    for at in _places(middle, rng):
        _paint_gas(canvas, "bowel", at, rng.uniform(*COLON_GAS_MM), rng)


def _paint_loop(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    level = trunk(spine, int(rng.integers(L2, L5 + 1)))
    offset = [rng.uniform(*range_mm) for range_mm in (LOOP_X_MM, LOOP_Y_MM, LOOP_Z_MM)]
    at = level.moved(np.array(offset) * spine.scale)
    half = rng.uniform(*LOOP_MM, 3)
    paint_blob(canvas, "bowel", ("viscera",), Ellipsoid(at, half), rng)
    if rng.random() < GASSY:
        _paint_gas(canvas, "bowel", at.center_mm, half.min() * LOOP_GAS, rng)


def _places(middle_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random places (n, 3) along the large bowel where gas collects."""
    at = rng.uniform(0, len(middle_mm) - 1, int(rng.integers(*COLON_GAS)))
    columns = [np.interp(at, np.arange(len(middle_mm)), middle_mm[:, k]) for k in range(3)]
    return np.stack(columns, axis=1)


def _paint_gas(
    canvas: Canvas, within: str, center_mm: np.ndarray, radius: float, rng: np.random.Generator
) -> None:
    """A bubble that floats towards the front of a supine patient, with a level surface."""
    if radius < LEAST_GAS_MM:
        return
    level = rng.uniform(*FLUID_LEVEL) * radius
    frame, half = Frame(np.asarray(center_mm), np.eye(3)), (radius,) * 3

    def distance(p: Points) -> np.ndarray:
        return np.maximum(ellipsoid(p, (0, 0, 0), half), p[1] - np.float32(level))

    fill(canvas, NUMBER["bowel_gas"], Solid(frame, half, distance), (NUMBER[within],))
