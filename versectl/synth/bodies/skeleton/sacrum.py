"""The sacrum and the coccyx."""

import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np

from versectl.synth.bodies.build import Build
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import (
    Canvas,
    Frame,
    Points,
    Solid,
    bar,
    fill,
    soft_union,
    stamp,
    tube,
)
from versectl.synth.bodies.structures import NUMBER
from versectl.synth.bodies.vertebra import Joint

#: chosen: segments: length, tilt against the one above in degrees, width, depth, reach of the wing.
SACRAL = (
    (29, 0, 48, 31, 54),
    (25, 7, 38, 22, 50),
    (21, -6, 31, 16, 40),
    (18, -16, 27, 13, 31),
    (15, -20, 24, 11, 22),
    (11, -18, 18, 9, 12),
    (9, -16, 13, 8, 7),
    (8, -14, 10, 7, 5),
)

#: Segments that are fused: those below are the coccyx.
FUSED = 5

#: chosen: half of the box that a segment is painted in, and a foramen, in mm.
SEGMENT_BOX_MM, FORAMEN_BOX_MM = (66.0, 44.0, 30.0), (40, 45, 12)

#: chosen: the upper articular processes: where they begin, how far they end below their joints,
#: radius; x as a share of the joint's.
PROCESS_X, PROCESS_ROOT_MM, BELOW_JOINT_MM, PROCESS_MM = 0.62, (20, -2), 6.0, 5.5

#: chosen: foramina lie so much nearer to the middle than the side of the body; their radius, and by
#: how much it narrows for each mm to the front or back.
FORAMEN_WITHIN_MM, FORAMEN_MM, NARROWING = 2.5, 4.6, 0.03

#: chosen: of the first and the last segment: thickness of the wing, and how far the posterior wall
#: lies behind the body. How far behind the wing reaches, from the first segment to the third.
WING_THICK_MM, WALL_MM, WING_BACK_MM = (13, 5), (17, 8), (13, 5)


def frames(spine: Spine, build: Build) -> list[Frame]:
    """Frames of the five sacral and three coccygeal bodies."""
    size = spine.scale
    bend = build.sacral_bend
    center, rotation = spine.sacrum_mm, spine.sacrum_rotation
    found = [Frame(center, rotation)]
    for (length, *_), (following, turn, *_) in itertools.pairwise(SACRAL):
        angle = np.radians(turn * bend)
        c, s = np.cos(angle), np.sin(angle)
        below = rotation @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
        step = 0.5 * size * (length * rotation[:, 2] + following * below[:, 2])
        center, rotation = center - step, below
        found.append(Frame(center, rotation))
    return found


def paint(canvas: Canvas, spine: Spine, bodies: Sequence[Frame], joints: Sequence[Joint]) -> None:
    """Fused sacral bodies with wings, a posterior wall, foramina, and the coccyx below.

    bodies : as frames() gives them; joints : of the last vertebra with the sacrum.
    """
    size = spine.scale
    for i, (frame, row) in enumerate(zip(bodies, SACRAL, strict=True)):
        number = NUMBER["sacrum" if i < FUSED else "coccyx"]
        half = np.array(SEGMENT_BOX_MM) * size
        shape = partial(_segment, index=i, row=row, size=size)
        fill(canvas, number, Solid(frame, half, shape))
    _paint_processes(canvas, bodies[0], joints, size)
    _paint_foramina(canvas, bodies, size)


def _paint_processes(canvas: Canvas, top: Frame, joints: Sequence[Joint], size: float) -> None:
    """Upper articular processes of the first body."""
    back, up = PROCESS_ROOT_MM
    for joint in joints:
        end = joint.center - joint.normal * BELOW_JOINT_MM * size
        root = top.to_world(np.array([PROCESS_X * top.to_local(end)[0], back * size, up]))
        stamp(canvas, NUMBER["sacrum"], tube(np.stack([root, end]), PROCESS_MM * size))


def _paint_foramina(canvas: Canvas, bodies: Sequence[Frame], size: float) -> None:
    """Holes on both sides between fused bodies."""
    fused = bodies[:FUSED]
    for (upper, lower), row in zip(itertools.pairwise(fused), SACRAL, strict=False):
        between = Frame((upper.center_mm + lower.center_mm) / 2, lower.rotation)
        x = (row[2] / 2 - FORAMEN_WITHIN_MM) * size
        hole = Solid(between, FORAMEN_BOX_MM, partial(_foramen, x=x, size=size))
        fill(canvas, NUMBER["tissue"], hole, (NUMBER["sacrum"],))


def _segment(p: Points, index: int, row: Sequence[float], size: float) -> np.ndarray:
    """Distance to a segment: its body; of the sacrum also wings, posterior wall and crest."""
    length, _, width, depth, reach = (value * size for value in row)
    x, y, z = p
    radius = np.hypot(x / (width / 2), y / (depth / 2))
    top = np.abs(z) - (length / 2 + (0.6 if index else -1.5))
    solid = np.maximum((radius - 1) * depth / 2, top)
    if index >= FUSED:
        return solid
    mirrored = (np.abs(x), y, z)
    thick = np.interp(index, (0, 4), WING_THICK_MM) * size
    wing = bar(
        mirrored,
        (0.3 * reach, 4 * size, -1),
        (reach - thick * 0.8, np.interp(index, (0, 2), WING_BACK_MM) * size, -3 * size),
        (thick, 0.85 * thick),
        (1, 1, max(1.0, 0.5 * length / thick)),
    )
    wall_y = depth / 2 + np.interp(index, (0, 4), WALL_MM) * size
    wall = bar(mirrored, (0, wall_y, -2), (0.42 * reach, wall_y - 7 * size, 0), (3.2, 4), (1, 1, 3))
    strut = bar(mirrored, (0.45 * reach, 4, -2), (0.42 * reach, wall_y - 6 * size, -2), (6, 5))
    crest = bar(
        p, (0, wall_y, 0), (0, wall_y + 9 * size * (index < 4), -4), (3.5, 3.0), (1, 1, 2.2)
    )
    back = soft_union(soft_union(wall, strut), crest)
    limited = np.maximum(back, np.abs(z) - 0.62 * length)
    solid = soft_union(soft_union(solid, wing, 4.0), limited)
    return np.maximum(solid, np.abs(z) - 0.66 * length)


def _foramen(p: Points, x: float, size: float) -> np.ndarray:
    return np.hypot(np.abs(p[0]) - x, p[2]) - (FORAMEN_MM * size - NARROWING * np.abs(p[1]))
