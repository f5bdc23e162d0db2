"""Frames that other bones and soft parts are placed by: along the spine, at pelvis and head.

All are upright: tilted as the trunk is there, not as the vertebra is.
"""

from versectl.labels import NUMBERS
from versectl.synth.bodies.posture import Spine, upright
from versectl.synth.bodies.shapes import Frame

C1 = NUMBERS["C1"]


def trunk(spine: Spine, label: int) -> Frame:
    """Upright frame at a vertebra, or at the one above it where the spine lacks it."""
    label = label if label in spine.labels else max(n for n in spine.labels if n < label)
    return Frame(spine.centers_mm[spine.labels.index(label)], upright(spine, label))


def pelvis(spine: Spine) -> Frame:
    """Upright frame at the first sacral body."""
    return Frame(spine.sacrum_mm, upright(spine, spine.labels[-1]))


def head(spine: Spine) -> Frame:
    """Upright frame of the head at the first vertebra."""
    return trunk(spine, C1)
