"""The airway from nose and mouth to the main bronchi, and the hyoid bone round it.

Offsets are in mm of an average adult: beside vertebrae as in `vessels`, or from the first vertebra,
x left, y posterior, z superior.
"""

import numpy as np

from versectl.synth.bodies.landmarks import head
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas, scaled_world, stamp, tube
from versectl.synth.bodies.soft.vessels import course
from versectl.synth.bodies.structures import NUMBER

#: chosen: trachea, and the main bronchus of the left side from its end, with radii.
TRACHEA = (("C6", 0, -32), ("T1", 0, -36), ("T3", -3, -40), ("T4", -4, -38), ("T5", -4, -36))
TRACHEA_MM = 8.5
BRONCHUS, BRONCHUS_RADII_MM = (("T6", 26, -34), ("T7", 48, -32)), (6.5, 5, 3.5)

#: chosen: throat up to the nose, and the nose from the first vertebra, on both sides of the septum.
THROAT = (("C6", 0, -32), ("C5", 0, -28), ("C4", 0, -24), ("C3", 0, -21), ("C2", 0, -20))
THROAT_RADII_MM = (7, 7, 8, 7, 7)
NOSE = ((0, -20, 4), (0, -30, 22), (0, -60, 28), (0, -92, 20))
NOSE_RADII_MM, NOSE_ASIDE_MM = (6, 4, 5), 7

#: chosen: gaps in the mouth, above and below the tongue: heights, courses, radius.
MOUTH, MOUTH_HEIGHTS_MM, MOUTH_MM = ((0, -50, -12), (0, -78, -14)), (6, 16), 2.5

#: chosen: the hyoid bone.
HYOID = ((22, -24, -58), (14, -40, -62), (0, -46, -63), (-14, -40, -62), (-22, -24, -58))
HYOID_MM = 2.6


def paint(canvas: Canvas, spine: Spine) -> None:
    """Trachea with its main branches, throat, nose, mouth and hyoid bone."""
    airway, k, frame = NUMBER["airway"], spine.scale, head(spine)
    pipe = course(spine, TRACHEA)
    stamp(canvas, airway, tube(pipe, TRACHEA_MM * k))
    for side in (1, -1):
        branch = np.concatenate([pipe[-1:], course(spine, BRONCHUS, side)])
        stamp(canvas, airway, tube(branch, BRONCHUS_RADII_MM))
    world = scaled_world(frame, np.full(3, k))
    nose = world(*NOSE)
    throat = np.concatenate([course(spine, THROAT), nose[:2]])
    stamp(canvas, airway, tube(throat, THROAT_RADII_MM))
    for x in (-NOSE_ASIDE_MM, NOSE_ASIDE_MM):
        stamp(canvas, airway, tube(nose[1:] + frame.rotation[:, 0] * x, NOSE_RADII_MM))
    for up in MOUTH_HEIGHTS_MM:
        gap = world(*(np.array(MOUTH) + (0, 0, up)))
        stamp(canvas, airway, tube(gap, MOUTH_MM))
    stamp(canvas, NUMBER["hyoid"], tube(world(*HYOID), HYOID_MM))
