"""Vessels and the oesophagus: rods along the spine.

Offsets are in mm of an average adult: a vertebra, x and y from it.
"""

from collections.abc import Sequence

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies.landmarks import pelvis, trunk
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas, stamp, tube
from versectl.synth.bodies.structures import NUMBER

Course = Sequence[tuple[str, float, float]]

#: chosen: how wide arteries are, beside the radii below.
WIDE = (0.85, 1.35)

#: chosen: the aorta from the heart over its arch down, and its radii.
AORTA = (
    ("T8", -2, -70), ("T6", -18, -78), ("T4", -8, -66), ("T4", 14, -40),
    ("T5", 22, -14), ("T7", 22, -16), ("T9", 18, -24), ("T11", 10, -30), ("L1", 6, -32),
    ("L2", 5, -33), ("L3", 4, -34), ("L4", 2, -34),
)  # fmt: skip
AORTA_RADII_MM = (15, 14, 12, 10, 9)

#: chosen: the vena cava, lower and upper.
CAVA = (
    ("L5", -10, -36), ("L3", -20, -34), ("L1", -22, -36), ("T11", -26, -52), ("T9", -28, -60),
    ("T6", -32, -68), ("T3", -28, -62),
)  # fmt: skip
CAVA_MM = 11.5

#: chosen: the oesophagus.
GULLET, GULLET_MM = (
    (("C6", 2, -18), ("T2", 6, -22), ("T5", 2, -26), ("T8", 2, -32), ("T10", 14, -42)), 6.0,
)  # fmt: skip

#: chosen: iliac arteries of the left side, beside vertebrae and then from the first sacral body.
ILIAC, ILIAC_END, ILIAC_MM = (("L4", 2, -34), ("L5", 28, -34)), (52, -30, -30), 6.0

#: chosen: carotid artery of the left side; the jugular vein so far beside it.
CAROTID = (("T3", 14, -48), ("C7", 22, -26), ("C4", 26, -22), ("C2", 28, -16))
CAROTID_MM, JUGULAR_BESIDE_MM, JUGULAR_MM = 4.0, (9, 2, 0), 6.0


def paint(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """Oesophagus, vena cava, aorta, and on both sides iliac arteries and vessels of the neck."""
    wide = rng.uniform(*WIDE)
    for name, points, radii in (
        ("esophagus", GULLET, GULLET_MM),
        ("vena_cava", CAVA, CAVA_MM),
        ("aorta", AORTA, [radius * wide for radius in AORTA_RADII_MM]),
    ):
        stamp(canvas, NUMBER[name], tube(course(spine, points), radii))
    for side in (1, -1):
        _paint_side(canvas, spine, side, wide)


def course(spine: Spine, points: Course, side: int = 1) -> np.ndarray:
    """Points beside vertebrae in the world, (n, 3); side : 1 as they are, -1 mirrored."""
    return np.stack(
        [
            trunk(spine, NUMBERS[name]).to_world(np.array([x * side, y, 0]) * spine.scale)
            for name, x, y in points
        ]
    )


def _paint_side(canvas: Canvas, spine: Spine, side: int, wide: float) -> None:
    """Iliac artery, carotid artery and jugular vein of a side."""
    x, y, z = ILIAC_END
    hip = pelvis(spine).to_world(np.array([x * side, y, z]) * spine.scale)
    iliac = np.concatenate([course(spine, ILIAC, side), hip[None]])
    stamp(canvas, NUMBER["aorta"], tube(iliac, ILIAC_MM * wide))
    carotid = course(spine, CAROTID, side)
    stamp(canvas, NUMBER["aorta"], tube(carotid, CAROTID_MM))
    x, y, z = JUGULAR_BESIDE_MM
    stamp(canvas, NUMBER["vena_cava"], tube(carotid + np.array([side * x, y, z]), JUGULAR_MM))
