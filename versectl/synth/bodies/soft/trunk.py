"""The trunk: fat and muscle of its wall, muscles along the spine, lungs, and room for organs.

Lengths are in mm of an average adult.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from versectl.labels import NUMBERS, T12
from versectl.synth.bodies.build import Build
from versectl.synth.bodies.landmarks import pelvis, trunk
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas
from versectl.synth.bodies.soft.wall import N_ANGLES, Wall, depth_in_wall
from versectl.synth.bodies.structures import NUMBER

T1 = NUMBERS["T1"]

#: chosen: slices painted at a time, which bounds memory.
SLAB = 48

#: chosen: ranges of heights: the domes above T9, the left one below the right; the lungs' apex
#: above T1; their recess above L1 behind, where it is lower than the domes by so much, and above
#: T12 in front; the floor of the belly below the first sacral body.
BREATH_MM, LEFT_LOWER_MM, APEX_MM = (-45, 28), (5, 20), (-22, 10)
RECESS_BACK_MM, BELOW_DOME_MM, RECESS_FRONT_MM = (-10, 70), 30, (0, 25)
FLOOR_BELOW_MM = 130

#: chosen: how much fat differs round the trunk: more of it behind.
FAT_UNEVEN = 0.3

#: chosen: the skin of the back lies behind the processes of T2 to T12, and the sacrum, by so much,
#: and by this share of the fat.
TIP_MM, SACRUM_MM, BACK_MM, BACK_FAT = (62, -10), (90, -60), 4, 0.45

#: chosen: how far muscles reach beyond the outer face of the ribs, and where the cavity begins
#: below it; lungs a little deeper, at the apex by so much more, over so much of height.
WALL_MM, CAVITY_MM, LUNG_MM, APEX_DEEPER_MM, APEX_HIGH_MM = 7.0, 7, 8, 16, 40

#: chosen: paraspinal muscles: middle and half axes of an ellipse beside the spine; and what lies
#: nearer to its middle and farther behind than this.
PARASPINAL_MM, PARASPINAL_HALF_MM, BETWEEN_MM = (30, 44), (34, 30), (20, 12)

#: chosen: behind this the cavity is only beside the spine, so far from its middle.
GUTTER_BEHIND_MM, GUTTER_ASIDE_MM = 30, 34

#: chosen: half width of the mediastinum by y.
MEDIASTINUM_Y_MM, MEDIASTINUM_HALF_MM = (-110, -80, -20, 5, 30), (10, 22, 24, 23, 26)

#: chosen: the diaphragm: how far in front of the spine its recess is that of the front, which lies
#: so much higher than `Heights.recess_front`; where domes begin below the wall; how steep they are.
RECESS_MM, RECESS_RISE_MM, DOME_MM, STEEP_MM = 120, 40, 6, 22


@dataclass(frozen=True)
class Heights:
    """World z in mm of what bounds the cavities of the trunk."""

    apex: float
    dome_right: float
    dome_left: float
    recess_back: float
    recess_front: float
    floor: float


def heights(spine: Spine, rng: np.random.Generator) -> Heights:
    """Where the lungs end, the domes of the diaphragm stand, and the belly ends."""
    z = {name: trunk(spine, NUMBERS[name]).center_mm[2] for name in ("T1", "T9", "T12", "L1")}
    breath = rng.uniform(*BREATH_MM)
    return Heights(
        apex=z["T1"] + rng.uniform(*APEX_MM),
        dome_right=z["T9"] + breath,
        dome_left=z["T9"] + breath - rng.uniform(*LEFT_LOWER_MM),
        recess_back=min(z["L1"] + rng.uniform(*RECESS_BACK_MM), z["T9"] + breath - BELOW_DOME_MM),
        recess_front=z["T12"] + rng.uniform(*RECESS_FRONT_MM),
        floor=pelvis(spine).center_mm[2] - FLOOR_BELOW_MM * spine.scale,
    )


def paint(canvas: Canvas, spine: Spine, build: Build, wall: Wall, rng: np.random.Generator) -> None:
    """Fat, wall muscles, paraspinal muscles, lungs and what fills the cavities, slab by slab."""
    levels = heights(spine, rng)
    fat = build.fat_mm * (1 + FAT_UNEVEN * np.cos(np.arange(N_ANGLES + 1) * 2 * np.pi / N_ANGLES))
    fat = fat.astype(np.float32)
    back_mm = back_plane(spine, build)
    for first in range(0, canvas.structures.shape[0], SLAB):
        z = slice(first, min(first + SLAB, canvas.structures.shape[0]))
        window = (z, slice(0, canvas.grid.size_vox[1]), slice(0, canvas.grid.size_vox[0]))
        _paint_slab(canvas, window, Inside(wall, levels, fat, spine.scale))
    y = np.arange(canvas.grid.size_vox[1]) * canvas.grid.spacing_mm[1] + canvas.grid.origin_mm[1]
    canvas.structures[:, y > back_mm] = 0


def back_plane(spine: Spine, build: Build) -> float:
    """World y of the skin pressed flat by the table."""
    y, z = TIP_MM
    tips = [
        trunk(spine, label).to_world([0, y * spine.scale, z])[1] for label in range(T1 + 1, T12 + 1)
    ]
    sacrum = pelvis(spine).to_world(np.array([0, *SACRUM_MM]) * spine.scale)[1]
    return float(max(max(tips), sacrum) + BACK_MM + BACK_FAT * build.fat_mm)


class Inside(NamedTuple):
    """What decides how the trunk is filled: its wall, heights, fat in mm by angle, and scale."""

    wall: Wall
    levels: Heights
    fat_mm: np.ndarray
    scale: float


def _paint_slab(canvas: Canvas, window: tuple[slice, slice, slice], trunk_of: Inside) -> None:
    wall, levels, fat, size = trunk_of
    depth, turn, x, y = depth_in_wall(wall, canvas, window)
    slices = np.arange(window[0].start, window[0].stop)
    z_mm = canvas.grid.origin_mm[2] + canvas.grid.spacing_mm[2] * slices
    z = z_mm.astype(np.float32)[:, None, None]
    part = canvas.structures[window]
    outer = np.float32(WALL_MM)
    part[depth > -outer - fat[turn.astype(np.int32)]] = NUMBER["fat"]
    part[depth > -outer] = NUMBER["muscle"]
    inside = depth > CAVITY_MM
    behind = y > GUTTER_BEHIND_MM * size
    left = np.broadcast_to(x > 0, depth.shape)
    across, along = np.abs(x) / np.float32(size), y / np.float32(size)
    beside = _paraspinal(across, along) & (depth > -outer)
    for name, side in (("left", left), ("right", ~left)):
        part[beside & side] = NUMBER[f"paraspinal_{name}"]
    cavity = inside & ~beside & ((~behind) | (across > GUTTER_ASIDE_MM)) & (z < levels.apex)
    part[cavity] = NUMBER["viscera"]
    part[inside & (z < levels.floor)] = NUMBER["muscle"]
    floor = _diaphragm(levels, depth, x, y)
    apex = np.clip((z - levels.apex + APEX_HIGH_MM) / APEX_HIGH_MM, 0, 1) ** 2
    lung = cavity & (z > floor) & (depth > LUNG_MM + APEX_DEEPER_MM * apex)
    lung &= ~_mediastinum(x, y, size)
    part[lung & left] = NUMBER["lung_left"]
    part[lung & ~left] = NUMBER["lung_right"]


def _paraspinal(across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Where muscles along the spine are; across, along : x, without its sign, and y in mm."""
    (x, y), (half_x, half_y) = PARASPINAL_MM, PARASPINAL_HALF_MM
    beside = ((across - x) / half_x) ** 2 + ((along - y) / half_y) ** 2 < 1
    within, behind = BETWEEN_MM
    return beside | ((across < within) & (along > behind))


def _diaphragm(levels: Heights, depth: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the diaphragm: domes in the middle of each side, low along the wall."""
    dome = np.where(x < 0, levels.dome_right, levels.dome_left).astype(np.float32)
    front = np.clip(-y / RECESS_MM, 0, 1)
    low = levels.recess_back + (levels.recess_front + RECESS_RISE_MM - levels.recess_back) * front
    return dome - (dome - low) * np.exp(-np.maximum(depth - DOME_MM, 0) / STEEP_MM)


def _mediastinum(x: np.ndarray, y: np.ndarray, size: float) -> np.ndarray:
    """The strip between the lungs: spine and vessels behind, fat and heart in front."""
    half = np.interp(y, MEDIASTINUM_Y_MM, MEDIASTINUM_HALF_MM)
    return np.abs(x) < half.astype(np.float32) * size
