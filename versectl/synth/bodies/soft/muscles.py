"""Muscles beside the lumbar spine and of the buttocks.

Offsets are in mm of an average adult, x (left, mirrored for the right), y posterior, z superior.
"""

from functools import partial

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies.build import Build
from versectl.synth.bodies.landmarks import pelvis, trunk
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas, Solid, ellipsoid, fill, stamp, tube
from versectl.synth.bodies.structures import NUMBER

#: chosen: course of the psoas beside vertebrae, x and y there, then from the first sacral body;
#: its radii.
PSOAS_BESIDE = (("L1", 27, 4), ("L2", 33, 2), ("L3", 40, -2), ("L4", 47, -8))
PSOAS_BELOW = ((60, -34, 0), (84, -62, -55), (112, -50, -110))
PSOAS_RADII_MM = (9, 16, 21, 23, 24, 22, 16)

#: chosen: the buttocks from the first sacral body: middle, half axes.
BUTTOCK, BUTTOCK_MM = (88, 52, -60), (62, 46, 96)


def paint(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Psoas beside the lumbar bodies and the muscles of the buttocks."""
    for name, side in (("left", 1), ("right", -1)):
        _paint_psoas(canvas, spine, name, side)
        _paint_buttock(canvas, spine, name, side * build.hip_width)


def _paint_psoas(canvas: Canvas, spine: Spine, name: str, side: int) -> None:
    k, hip = spine.scale, pelvis(spine)
    upper = [
        trunk(spine, NUMBERS[level]).to_world(np.array([x * side, y, 0]) * k)
        for level, x, y in PSOAS_BESIDE
    ]
    lower = [hip.to_world(np.array([x * side, y, z]) * k) for x, y, z in PSOAS_BELOW]
    psoas = tube(np.stack(upper + lower), [radius * k for radius in PSOAS_RADII_MM])
    over = ("viscera", "muscle", "fat", f"paraspinal_{name}", "bowel")
    stamp(canvas, NUMBER[f"psoas_{name}"], psoas, [NUMBER[n] for n in over])


def _paint_buttock(canvas: Canvas, spine: Spine, name: str, side: float) -> None:
    x, y, z = BUTTOCK
    buttock = pelvis(spine).moved(np.array([x * side, y, z]) * spine.scale)
    half = np.array(BUTTOCK_MM) * spine.scale
    solid = Solid(buttock, half, partial(ellipsoid, center=(0, 0, 0), radii=half))
    over = [NUMBER[n] for n in ("viscera", "muscle", "fat")]
    fill(canvas, NUMBER[f"gluteal_{name}"], solid, over)
