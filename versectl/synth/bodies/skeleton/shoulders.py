"""Clavicles, scapulae and humeri; the arms hang or are raised.

Offsets are in mm of an average adult from T3, x (left, mirrored for the right), y posterior, z
superior.
"""

from collections.abc import Sequence

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies import landmarks
from versectl.synth.bodies.build import Build
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Balls, Canvas, World, scaled_world, stamp, tube
from versectl.synth.bodies.structures import NUMBER

T3 = NUMBERS["T3"]

#: Lower corners of shoulder blades in three label maps lie beside T8 and T9: so much lower than the
#: offsets below say.
LOWER_MM = 18.0

#: chosen: how far a raised arm lifts the shoulder; how far the lower corner of the scapula turns
#: outwards, and how far it rises, for each mm of it.
LIFT_MM, SWING, CORNER_RISE = 22.0, 1.6, 0.5

#: chosen: x, y, z of points, and the share of the lift by which they rise.
CLAVICLE = ((20, -84, 20, 0), (60, -76, 31, 0), (100, -46, 36, 1), (140, -22, 42, 1))
CLAVICLE_RADII_MM = (9, 6, 5.5, 7)
GLENOID = (128, -12, 18, 1)
SPINE_OF_SCAPULA = ((72, 52, 16, 0), (110, 38, 30, 1), (148, 4, 42, 1), (152, -16, 42, 1))
CORACOID = ((122, -10, 30, 1), (116, -40, 28, 1))
SOCKET = (GLENOID, (124, -8, 12, 1))

#: chosen: corners of the scapula; the middles of its inner and outer borders.
SUPERIOR, INFERIOR, INNER, OUTER = (66, 42, 42), (92, 58, -92), (70, 53, -20), (115, 32, -40)

#: chosen: how far the scapula bulges backwards; radii of its sheet, borders, ridges and socket.
BULGE_MM, SHEET_MM, INNER_MM, OUTER_MM = 26, 2.4, 3.5, 4.5
SPINE_RADII_MM, CORACOID_MM, SOCKET_MM = (3, 6, 7, 6), 6, 13

#: chosen: head of the humerus and its shaft, raised and hanging; radii.
RAISED_HEAD, RAISED_SHAFT = (150, -26, 52), ((158, -30, 80), (165, -40, 160), (150, -45, 300))
HANGING_HEAD, HANGING_SHAFT = (152, -26, 20), ((166, -24, 4), (178, -22, -70), (190, -5, -230))
HEAD_MM, SHAFT_MM = 22.0, (20, 13, 11, 12)


def paint(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Clavicle, scapula and humerus on both sides; the arms hang or are raised."""
    k, wide = spine.scale, build.chest_width
    lower_mm = np.array([0, 0, build.shoulders_mm - LOWER_MM]) * k
    frame = landmarks.trunk(spine, T3).moved(lower_mm)
    for side, is_up in zip((1, -1), build.arms_up, strict=True):
        lift = LIFT_MM if is_up else 0.0
        world = scaled_world(frame, np.array([side * wide, 1, 1]) * k)
        name = "left" if side > 0 else "right"
        clavicle = tube(world(*_lifted(CLAVICLE, lift)), [r * k for r in CLAVICLE_RADII_MM])
        stamp(canvas, NUMBER[f"clavicle_{name}"], clavicle)
        _paint_scapula(canvas, NUMBER[f"scapula_{name}"], world, lift)
        _paint_humerus(canvas, NUMBER[f"humerus_{name}"], world, is_up)


def _lifted(points: Sequence[Sequence[float]], lift: float) -> np.ndarray:
    """Points (n, 3) after the lift; points : x, y, z, share of the lift."""
    lifted = np.array(points, float)
    lifted[:, 2] += lift * lifted[:, 3]
    return lifted[:, :3]


def _paint_scapula(canvas: Canvas, number: int, world: World, lift: float) -> None:
    swing = lift * SWING
    inferior = np.array(INFERIOR, float) + (swing, -swing, CORNER_RISE * lift)
    (glenoid,) = _lifted([GLENOID], lift)
    stamp(canvas, number, Balls(world(*_sheet(inferior, glenoid)), SHEET_MM))
    for course, radii in (
        ((SUPERIOR, INNER, inferior), INNER_MM),
        ((glenoid, OUTER, inferior), OUTER_MM),
        (_lifted(SPINE_OF_SCAPULA, lift), SPINE_RADII_MM),
        (_lifted(CORACOID, lift), CORACOID_MM),
        (_lifted(SOCKET, lift), SOCKET_MM),
    ):
        stamp(canvas, number, tube(world(*course), radii))


def _sheet(inferior: np.ndarray, glenoid: np.ndarray) -> np.ndarray:
    """Points (n, 3) over the triangle between the scapula's corners."""
    corners = np.array([SUPERIOR, inferior, glenoid], float)
    u, v = np.meshgrid(np.linspace(0, 1, 60), np.linspace(0, 1, 60))
    u, v = u.ravel()[u.ravel() + v.ravel() <= 1], v.ravel()[u.ravel() + v.ravel() <= 1]
    weights = np.stack([1 - u - v, u, v], axis=1)
    sheet = weights @ corners
    sheet[:, 1] += BULGE_MM * (weights[:, 0] * weights[:, 1] + weights[:, 1] * weights[:, 2])
    return sheet


def _paint_humerus(canvas: Canvas, number: int, world: World, up: bool) -> None:
    head, shaft = (RAISED_HEAD, RAISED_SHAFT) if up else (HANGING_HEAD, HANGING_SHAFT)
    stamp(canvas, number, Balls(world(head), HEAD_MM))
    stamp(canvas, number, tube(world(head, *shaft), SHAFT_MM))
