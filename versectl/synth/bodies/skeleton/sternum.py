"""The sternum, and the cartilages that join the ribs to it."""

from collections.abc import Mapping, Sequence

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies import landmarks
from versectl.synth.bodies.build import Build
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Balls, Canvas, curve, stamp, tube
from versectl.synth.bodies.structures import NUMBER

T1, T3, T10 = NUMBERS["T1"], NUMBERS["T3"], NUMBERS["T10"]

#: chosen: middle of the sternum, from the jugular notch to the tip: levels below T3, how far in
#: front and below of the vertebra there, in mm of an average adult.
MIDDLE_MM = ((0, -82, -17), (2, -108, -10), (4, -134, -4), (6, -146, 0))

#: chosen: half widths along the sternum in mm, and how flat it is.
ALONG, HALF_WIDTH_MM = (0, 0.2, 0.33, 0.75, 0.85, 1), (24, 25, 14, 19, 13, 5)
FLAT = 2.9

#: chosen: cartilages of the first seven ribs reach the sternum so far beside its middle; radius.
BESIDE_MM, RADIUS_MM = 14, 5.5


def _middle(spine: Spine, build: Build) -> np.ndarray:
    """Middle of the sternum from the jugular notch to the tip: (4, 3)."""
    k, depth = spine.scale, build.chest_depth
    return np.array(
        [
            landmarks.trunk(spine, T3 + below).to_world((0, y * depth * k, z * k))
            for below, y, z in MIDDLE_MM
        ]
    )


def paint(
    canvas: Canvas, spine: Spine, build: Build, curves: Mapping[tuple[int, int], np.ndarray]
) -> None:
    """Sternum, and cartilage from the front ends of ribs 1 to 10 to it."""
    middle = curve(_middle(spine, build), 1.5)
    for side in (1, -1):
        tips = [curves[label, side][-1] for label in range(T1, T10 + 1) if (label, side) in curves]
        _paint_cartilages(canvas, tips, middle, landmarks.trunk(spine, T3).rotation[:, 0] * side)
    normals = np.tile(landmarks.trunk(spine, T3 + 3).rotation[:, 1], (len(middle), 1))
    wide = np.interp(np.linspace(0, 1, len(middle)), ALONG, HALF_WIDTH_MM) * spine.scale
    stamp(canvas, NUMBER["sternum"], Balls(middle, wide, normals, FLAT))


def _paint_cartilages(
    canvas: Canvas, tips: Sequence[np.ndarray], middle: np.ndarray, outward: np.ndarray
) -> None:
    """Cartilage from each front end; from the eighth rib on it joins the one above."""
    previous = None
    for i, tip in enumerate(tips):
        if i < 7:
            at = middle[int((len(middle) - 1) * min(0.06 + 0.125 * i, 0.85))] + BESIDE_MM * outward
            knee = 0.55 * tip + 0.45 * at - np.array([0, 4, 6 if i > 3 else 0])
        else:
            at = previous
            knee = (tip + at) / 2 - np.array([0, 3, 5])
        stamp(canvas, NUMBER["costal_cartilage"], tube([tip, knee, at], RADIUS_MM))
        previous = knee
