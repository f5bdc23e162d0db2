"""Skin and muscle of head, neck, shoulders, arms and thighs.

Offsets are in mm of an average adult, x (left, mirrored for the right), y posterior, z superior.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies.build import Build
from versectl.synth.bodies.landmarks import head, pelvis, trunk
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas, Frame, Solid, ellipsoid, fill, stamp, tube
from versectl.synth.bodies.structures import NUMBER

FAT, MUSCLE = NUMBER["fat"], NUMBER["muscle"]

#: chosen: ellipsoids round the vault and the face, from the first vertebra: what, middle, height
#: in mm that does not grow with the body, half axes.
HEAD = (
    (FAT, (0, 3, 84), 0, (82, 101, 78)),
    (FAT, (0, -52, 0), 0, (66, 52, 66)),
    (MUSCLE, (0, 3, 84), 0, (78, 97, 74)),
    (MUSCLE, (0, -50, 0), 2, (60, 46, 58)),
)

#: chosen: share of the fat below the skin that limbs have; how thick their skin is beside muscle.
LIMB_FAT, LIMB_SKIN_MM = 0.5, 3.0

#: chosen: courses and radii: of thighs from the first sacral body, of shoulders and arms from T3.
THIGH, THIGH_RADII_MM = ((100, -28, -90), (112, -25, -150), (112, -25, -260)), (70.0, 75.0, 72.0)
SHOULDER_RADII_MM, ARM_RADII_MM = (34.0, 40.0, 44.0, 47.0), (46.0, 42.0, 38.0, 34.0)
SHOULDER = ((22, 8, 42), (60, 12, 28), (110, 5, 18), (150, -18, 12))
RAISED_SHOULDER = ((22, 8, 42), (60, 12, 28), (110, 5, 48), (150, -18, 42))
ARM = ((152, -24, 10), (176, -24, -50), (188, -15, -150), (195, 0, -260))
RAISED_ARM = ((150, -22, 40), (160, -35, 90), (165, -40, 160), (150, -45, 300))


def paint(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Skin and muscle of head, neck and limbs."""
    frame, k = head(spine), spine.scale**0.5
    for number, middle, above_mm, half_axes in HEAD:
        at = frame.moved(np.array(middle) * k + (0, 0, above_mm))
        half = np.array(half_axes) * k
        shape = partial(ellipsoid, center=(0, 0, 0), radii=half)
        fill(canvas, number, Solid(at, half, shape), (0, FAT))
    _paint_limbs(canvas, spine, build)


def _paint_limbs(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Shoulders, arms where they are in view, and thighs: fat, and muscle within it."""
    courses = _courses(spine, build)
    for number, extra, over in (
        (FAT, LIMB_FAT * build.fat_mm, (0,)),
        (NUMBER["limb_muscle"], -LIMB_SKIN_MM, (0, FAT)),
    ):
        for points_mm, radii in courses:
            stamp(canvas, number, tube(points_mm, [r * spine.scale + extra for r in radii]), over)


def _courses(spine: Spine, build: Build) -> list[tuple[np.ndarray, Sequence[float]]]:
    """Courses (n, 3) of limbs in the world, with their radii in an average adult."""
    t3, hip = trunk(spine, NUMBERS["T3"]), pelvis(spine)
    made: list[tuple[np.ndarray, Sequence[float]]] = []

    def course(frame: Frame, points: Sequence[Sequence[float]], across: float) -> np.ndarray:
        return frame.to_world(np.array(points, float) * (across, 1, 1) * spine.scale)

    for side, is_up in zip((1, -1), build.arms_up, strict=True):
        wide, hips = side * build.chest_width, side * build.hip_width
        shoulder, arm = (RAISED_SHOULDER, RAISED_ARM) if is_up else (SHOULDER, ARM)
        made.append((course(t3, shoulder, wide), SHOULDER_RADII_MM))
        if build.arms:
            made.append((course(t3, arm, wide), ARM_RADII_MM))
        made.append((course(hip, THIGH, hips), THIGH_RADII_MM))
    return made
