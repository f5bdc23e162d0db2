"""What neighbours leave a vertebra room for: the discs between them and the facet joints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from versectl.labels import L5, NUMBERS, T12
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Frame
from versectl.synth.bodies.vertebra.look import Look, Point

C1, C2, C7, T1 = (NUMBERS[name] for name in ("C1", "C2", "C7", "T1"))

#: Half of the space between two end plates in mm.
HALF_DISC_MM = {"cervical": 2.0, "thoracic": 1.8, "lumbar": 3.5}

#: chosen: half of what is left between end plates at least.
THINNEST_MM = 0.3

#: chosen: lowest and highest end plates from the centre, as shares of the body's height; how far
#: plates follow the tilt of their discs.
PLATE_RANGE, FOLLOWED = (0.3, 0.56), 0.7

#: Height of the first sacral body, as in `sacrum.SACRAL`.
SACRAL_BODY_MM = 29.0

#: chosen: where the left joint of the atlas with the axis lies.
ATLAS_JOINT_MM = (17.5, 8.0, -9.0)


@dataclass(frozen=True)
class Joint:
    """A facet joint: its centre, and the direction from the lower to the upper process."""

    center: np.ndarray
    normal: np.ndarray


@dataclass(frozen=True)
class Fit:
    """What the neighbours leave room for, in the frame of the vertebra.

    above, below : height of the upper and lower end plate on the axis, and slopes in x and y.
    upper_joints, lower_joints : joints with the vertebra above and below, left and right.
    """

    above: Point
    below: Point
    upper_joints: Sequence[Joint] = ()
    lower_joints: Sequence[Joint] = ()


Joints = Mapping[int, Sequence[Joint]]  # upper vertebra -> its lower joints, in the world


def frame_of(spine: Spine, index: int) -> Frame:
    """Frame of a vertebra by its place in the spine; one beyond the last is the sacrum."""
    if index == len(spine.labels):
        return Frame(spine.sacrum_mm, spine.sacrum_rotation)
    return Frame(spine.centers_mm[index], spine.rotations[index])


def middle_of_disc(spine: Spine, looks: Mapping[int, Look], index: int) -> Frame:
    """Frame of the disc below a vertebra: between the bodies by their heights."""
    upper, lower = frame_of(spine, index), frame_of(spine, index + 1)
    own = looks[spine.labels[index]].height
    last = index + 1 == len(spine.labels)
    other = SACRAL_BODY_MM * spine.scale if last else looks[spine.labels[index + 1]].height
    part = own / (own + other)
    center = (1 - part) * upper.center_mm + part * lower.center_mm
    mean = upper.rotation + lower.rotation
    u, _, vt = np.linalg.svd(mean)
    return Frame(center, u @ vt)


def joints_below(spine: Spine, looks: Mapping[int, Look], label: int) -> list[Joint]:
    """Left and right facet joints between a vertebra and the next, in the world."""
    index = spine.labels.index(label)
    look = looks[label]
    frame = middle_of_disc(spine, looks, index)
    if label == C1:
        frame = Frame(frame_of(spine, 0).to_world((0, 0, 0)), frame.rotation)
    offset, normal = _joint_place(look)
    normal = np.array(normal) / np.linalg.norm(normal)
    made = []
    for side in (1, -1):
        flip = np.array([side, 1, 1])
        made.append(Joint(frame.to_world(offset * flip), frame.rotation @ (normal * flip)))
    return made


def _joint_place(look: Look) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Centre of the left joint from the middle of the disc, and its direction."""
    wide, deep = look.canal
    if look.label == C1:
        return np.array(ATLAS_JOINT_MM) * look.thickness**0.5, (0.3, 0.0, 1.0)
    if look.label < C7:
        return np.array([wide / 2 + 7.5, look.depth / 2 + 0.35 * deep, 0.0]), (0.0, 0.7, 0.7)
    if look.label == C7:  # halfway between the neck's joints and the thorax's
        return np.array([wide / 2 + 7.0, look.depth / 2 + 0.7 * deep, -1.0]), (0.1, 0.8, 0.5)
    if look.region != "lumbar" and look.label != T12:
        side = 5.5 if look.label < T1 + 2 else 4.0
        return np.array([wide / 2 + side, look.depth / 2 + 0.75 * deep, 1.0]), (0.15, 0.95, 0.25)
    along = np.clip((min(look.label, L5) - T12) / (L5 - T12), 0, 1)
    x = np.interp(along, (0, 0.4, 1), (13.0, 14.5, 21.0)) * look.width / 44
    facing = (-np.interp(along, (0, 1), (0.85, 0.55)), np.interp(along, (0, 1), (0.6, 0.85)), 0.1)
    return np.array([x, look.depth / 2 + 0.85 * deep, 1.0]), facing


def of(spine: Spine, looks: Mapping[int, Look], joints: Joints, label: int) -> Fit:
    """What the neighbours leave to a vertebra, in its own frame."""
    index = spine.labels.index(label)
    frame, look = frame_of(spine, index), looks[label]
    above = (0.5 * look.height, 0.0, 0.0)
    if label > C2:
        disc = middle_of_disc(spine, looks, index - 1)
        above = _plate(frame, disc, look, spine.worn_mm[index - 1], 1)
    disc = middle_of_disc(spine, looks, index)
    below = _plate(frame, disc, look, spine.worn_mm[index], -1)
    upper = joints[spine.labels[index - 1]] if index else ()
    return Fit(above, below, _local(frame, upper), _local(frame, joints[label]))


def _plate(frame: Frame, disc: Frame, look: Look, worn_mm: float, side: int) -> Point:
    """Height and slopes of the end plate that faces a disc.

    worn_mm : by how much the disc is worn.
    side : 1 above the body, -1 below.
    """
    nx, ny, nz = disc.rotation[:, 2] @ frame.rotation
    center = frame.to_local(disc.center_mm)
    half_disc_mm = max(HALF_DISC_MM[look.region] - worn_mm / 2, THINNEST_MM)
    height = side * (center @ (nx, ny, nz)) / nz - half_disc_mm - look.fullness_mm
    low, high = PLATE_RANGE
    height = np.clip(height, low * look.height, high * look.height)
    return float(side * height), float(-FOLLOWED * nx / nz), float(-FOLLOWED * ny / nz)


def _local(frame: Frame, joints: Sequence[Joint]) -> list[Joint]:
    return [Joint(frame.to_local(j.center), j.normal @ frame.rotation) for j in joints]
