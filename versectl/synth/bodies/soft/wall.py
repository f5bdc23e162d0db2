"""The wall of chest and belly: through the ribs, and where there are none as wide as people are.

Lengths are in mm of an average adult.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from versectl.labels import NUMBERS, T12
from versectl.synth.bodies.build import Build
from versectl.synth.bodies.landmarks import pelvis, trunk
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas, Frame

T1 = NUMBERS["T1"]

#: chosen: steps of the wall, round and along the trunk.
N_ANGLES = 72
Z_STEP_MM = 6.0

#: chosen: how far the axis of the trunk lies in front of vertebrae.
FORWARD_MM = {"L5": 40.0, "T10": 50.0, "T4": 42.0, "T1": 25.0, "C6": 8.0, "C2": 0.0}

#: chosen: how far the wall lies beside, in front of and behind a vertebra, and which share of the
#: belly's depth is added in front: neck and waist; below the first sacral body, so far down: hips.
RINGS = (
    ("C3", (62, 58, 62), 0),
    ("C5", (60, 52, 62), 0),
    ("C7", (72, 58, 62), 0),
    ("L1", (128, 132, 66), 0.5),
    ("L2", (128, 124, 66), 0.8),
    ("L3", (128, 116, 67), 1),
    ("L4", (131, 111, 66), 1),
)
HIP_RINGS = (
    (0, (142, 108, 72), 0.8),
    (-45, (152, 108, 84), 0.5),
    (-100, (160, 104, 92), 0),
    (-160, (158, 98, 88), 0),
    (-210, (154, 95, 80), 0),
)

#: chosen: depth of the belly beside `Build.belly_mm`; rings are squarer than an ellipse, whose
#: exponent is 1.
BELLY, SQUARE = 0.6, 0.85

#: chosen: behind the spine the wall lies so far behind and below T1 to T12, so far to the sides,
#: and comes forward by this share of it.
BEHIND_MM, BEHIND_X_MM, FORWARD_ASIDE = (62, -12), (-70, -50, -30, 0, 30, 50, 70), 0.07

#: chosen: widths of the kernels that average what is known of the wall, in radians and mm; wider
#: ones, of little weight, count where nothing is near.
NEAR_ANGLE, FAR_ANGLE, FAR_ANGLE_WEIGHT = 0.17, 0.6, 1e-4
NEAR_MM, FAR_MM, FAR_WEIGHT = 14.0, 25.0, 1e-5


@dataclass(frozen=True)
class Wall:
    """The chest and belly wall in polar coordinates round an axis along the trunk.

    z_mm : (n,) from low to high; axis_mm : x, y of the axis at each z, (n, 2); spine_mm : x, y of
    the vertebral bodies, (n, 2); radius_mm : outer face of the ribs by z and angle, (n, N_ANGLES),
    the angle running from posterior over left.
    """

    z_mm: np.ndarray
    axis_mm: np.ndarray
    spine_mm: np.ndarray
    radius_mm: np.ndarray


def make(
    spine: Spine, build: Build, curves: Mapping[tuple[int, int], np.ndarray], z_range_mm: np.ndarray
) -> Wall:
    """The wall through the ribs, continued over neck, belly and hips."""
    z = np.arange(z_range_mm[0], z_range_mm[1] + Z_STEP_MM, Z_STEP_MM)
    centers = np.concatenate([spine.centers_mm, [pelvis(spine).center_mm]])[::-1]
    at = [np.interp(z, centers[:, 2], centers[:, k]) for k in (0, 1)]
    spine_mm = _smooth_rows(np.stack(at, axis=1), 6)
    forward = np.interp(z, *_forward(spine))[:, None] * np.array([0.0, -1.0])
    axis_mm = _smooth_rows(spine_mm, 10) + forward
    samples = np.concatenate([c[6::5] for c in curves.values()] + _rings(spine, build))
    return Wall(z, axis_mm, spine_mm, _radii(z, axis_mm, samples))


def _forward(spine: Spine) -> tuple[np.ndarray, np.ndarray]:
    """How far the axis of the trunk lies in front of the bodies, by world z."""
    away = np.array([*FORWARD_MM.values()]) * spine.scale
    z = np.array([trunk(spine, NUMBERS[name]).center_mm[2] for name in FORWARD_MM])
    return z, away


def _smooth_rows(values: np.ndarray, width: int) -> np.ndarray:
    kernel = np.hanning(2 * width + 1)
    kernel /= kernel.sum()
    columns = [np.convolve(np.pad(c, width, mode="edge"), kernel, mode="valid") for c in values.T]
    return np.stack(columns, axis=1)


def _rings(spine: Spine, build: Build) -> list[np.ndarray]:
    """Points of the wall where there are no ribs: neck, belly, hips; and behind the spine."""
    k, belly = spine.scale, BELLY * build.belly_mm
    rings = [
        _ring(trunk(spine, NUMBERS[name]), (wide, front + share * belly, back), k)
        for name, (wide, front, back), share in RINGS
    ]
    for down, (wide, front, back), share in HIP_RINGS:
        hip = pelvis(spine).moved((0, 0, down * k))
        half_mm = (wide * build.hip_width, front + share * belly, back)
        rings.append(_ring(hip, half_mm, k))
    rings += [_behind(trunk(spine, label), k) for label in range(T1, T12 + 1)]
    return rings


def _ring(frame: Frame, half_mm: tuple[float, float, float], size: float) -> np.ndarray:
    """Points (24, 3) round a frame; half_mm : to the sides, in front, behind."""
    wide, front, back = half_mm
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    x, y = np.sin(angles), np.cos(angles)
    x, y = np.sign(x) * np.abs(x) ** SQUARE, np.sign(y) * np.abs(y) ** SQUARE
    y = np.where(y > 0, back, front) * y
    return frame.to_world(np.stack([wide * x, y, 0 * x], axis=1) * size)


def _behind(frame: Frame, size: float) -> np.ndarray:
    y, z = BEHIND_MM
    offsets = [(x, y - FORWARD_ASIDE * abs(x), z) for x in BEHIND_X_MM]
    return frame.to_world(np.repeat(np.array(offsets, float), 2, axis=0) * size)


def _radii(z: np.ndarray, axis_mm: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Kernel average of the samples' distances from the axis, by height and angle."""
    own_axis = np.stack([np.interp(samples[:, 2], z, axis_mm[:, k]) for k in (0, 1)], axis=1)
    away = samples[:, :2] - own_axis
    radius = np.hypot(away[:, 0], away[:, 1])
    angle = np.arctan2(away[:, 0], away[:, 1])
    grid_angle = np.arange(N_ANGLES) * 2 * np.pi / N_ANGLES
    turn = np.angle(np.exp(1j * (grid_angle[:, None] - angle[None])))
    near_angle = np.exp(-0.5 * (turn / NEAR_ANGLE) ** 2)
    near_z = np.exp(-0.5 * ((z[:, None] - samples[None, :, 2]) / NEAR_MM) ** 2)
    far_z = FAR_WEIGHT * np.exp(-np.abs(z[:, None] - samples[None, :, 2]) / FAR_MM)
    near_z = near_z + far_z
    wide_angle = near_angle + FAR_ANGLE_WEIGHT * np.exp(-0.5 * (turn / FAR_ANGLE) ** 2)
    weight = near_z @ wide_angle.T
    return _smooth_rows((near_z @ (wide_angle * radius[None]).T) / weight, 6)


class Depth(NamedTuple):
    """Where the voxels of a window lie in the wall of the trunk, (z, y, x) each.

    depth_mm : below the outer face of the ribs. turn : direction seen from the trunk's axis, in
    parts of N_ANGLES. x_mm, y_mm : beside the vertebral bodies.
    """

    depth_mm: np.ndarray
    turn: np.ndarray
    x_mm: np.ndarray
    y_mm: np.ndarray


def depth_in_wall(wall: Wall, canvas: Canvas, window: tuple[slice, slice, slice]) -> Depth:
    """Where the voxels of a window lie in the wall of the trunk."""
    grid = canvas.grid
    x, y, z = (
        np.arange(s.start, s.stop) * grid.spacing_mm[i] + grid.origin_mm[i]
        for i, s in enumerate(window[::-1])
    )
    row = np.clip((z - wall.z_mm[0]) / Z_STEP_MM, 0, len(wall.z_mm) - 1.001)
    low, part = row.astype(int), (row % 1)[:, None]
    axis, body, radius = (
        (a[low] * (1 - part) + a[low + 1] * part).astype(np.float32)
        for a in (wall.axis_mm, wall.spine_mm, wall.radius_mm)
    )
    dx = x.astype(np.float32)[None, None] - axis[:, 0, None, None]
    dy = y.astype(np.float32)[None, :, None] - axis[:, 1, None, None]
    turn = np.arctan2(dx, dy) * np.float32(N_ANGLES / 2 / np.pi)
    turn += np.float32(N_ANGLES) * (turn < 0)
    left = turn.astype(np.int32)
    weight = turn - left
    left %= N_ANGLES
    rows = np.arange(len(z))[:, None, None]
    edge = radius[rows, left] * (1 - weight) + radius[rows, (left + 1) % N_ANGLES] * weight
    return Depth(
        edge - np.sqrt(dx * dx + dy * dy),
        turn,
        x.astype(np.float32)[None, None] - body[:, 0, None, None],
        y.astype(np.float32)[None, :, None] - body[:, 1, None, None],
    )
