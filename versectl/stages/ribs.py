"""Where the first rib is: a look at the CT beside the spine, which owes nothing to the network.

Beside a neck there is no bone, beside a thorax there are ribs. So the upper edge of the first rib
tells which vertebra is T1, whatever the vertebrae look like.
"""

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.geometry import Grid
from versectl.stages import spacing

#: chosen: where ribs are looked for, mm beside and behind the middles of the bodies: beyond the
#: transverse processes of a neck, before the shoulder blades; and so far beyond the vertebrae.
BESIDE_MM, BEHIND_MM, BEYOND_MM = (36.0, 48.0), (-12.0, 32.0), 24.0

#: chosen: voxels of that size are bone from BONE_HU on; ribs have FEWEST of them in a slice, on
#: both sides together, and in the next one below.
SPACING_MM, BONE_HU, FEWEST = 4.0, 150.0, 3

#: chosen: above the first rib is no bone for so long: a scan that begins with C7 shows 18 mm of it.
FREE_MM = 16.0

#: Height of a first rib's upper edge there above the centre of T1: 7 to 13 mm, 9 on average, in
#: three label maps of TotalSegmentator (s0004, s0011 and s0327, both sides). chosen: its standard
#: deviation, with the error of finding it, and the most that it counts, as log weight.
ABOVE_MM, ABOVE_SD_MM, MOST = 9.0, 7.0, 3.0

#: chosen: farther from where T1 should be, no vertebra is at the first rib.
FAR_MM = 14.0

#: chosen: a T1 that lies so far off is no contradiction: half of the distance to a neighbour. Of
#: 154 calibration runs, 12 mm flag as many that are right, 9 mm one more. So near lies what should
#: be T1 instead.
MAY_BE_OFF_MM, BESIDE_T1_MM = 10.0, 9.0

T1 = labels.NUMBERS["T1"]

#: What lies outside a scan, and the share of a slice's part that the scan shows at least.
OUTSIDE_HU, SHOWN = -2000.0, 0.8


def first_rib_mm(ct: sitk.Image, centers_mm: Sequence[np.ndarray]) -> float | None:
    """Height in the world of the first rib's upper edge beside vertebrae, head to foot.

    None where no rib is in view, or not enough of the neck above it.
    """
    upwards_mm = np.array(centers_mm)[::-1]
    grid = _around(upwards_mm)
    hounsfield = geometry.to_array(geometry.resample(ct, grid, outside=OUTSIDE_HU))
    sides = [_beside(grid, upwards_mm, side) for side in (-1, 1)]
    bone = sum(((hounsfield > BONE_HU) & side).sum(axis=(1, 2)) for side in sides)
    shown = np.any([_is_shown(hounsfield, side) for side in sides], axis=0)
    top = _top(bone >= FEWEST, shown)
    return None if top is None else float(grid.to_mm(np.full(3, top))[2])


def t1_mm(first_rib_mm: float) -> float:
    """Height at which the centre of T1 should be."""
    return first_rib_mm - ABOVE_MM


def log_weights(height_mm: float, first_rib_mm: float) -> np.ndarray:
    """How well a first rib at a height fits each label of a vertebra at another, in labels' order.

    MOST where it fits, 0 where it does not: passing the vertebra over gains nothing.
    """
    off_mm = np.array([_below_t1_mm(label) for label in labels.ORDER]) - (
        t1_mm(first_rib_mm) - height_mm
    )
    weights: np.ndarray = np.maximum(MOST - 0.5 * (off_mm / ABOVE_SD_MM) ** 2, 0.0)
    return weights


def _below_t1_mm(label: int) -> float:
    """How far below T1 a vertebra usually is; negative above it."""
    if labels.ORDER.index(label) < labels.ORDER.index(T1):
        return -spacing.usual_mm(label, T1)
    return spacing.usual_mm(T1, label) if label != T1 else 0.0


def _around(upwards_mm: np.ndarray) -> Grid:
    """A grid that holds both sides of a spine."""
    aside, behind = BESIDE_MM[1], BEHIND_MM
    low_mm = upwards_mm.min(axis=0) + [-aside, behind[0], -BEYOND_MM]
    high_mm = upwards_mm.max(axis=0) + [aside, behind[1], BEYOND_MM]
    size_vox = np.ceil((high_mm - low_mm) / SPACING_MM).astype(int) + 1
    return Grid.centered((low_mm + high_mm) / 2, size_vox, (SPACING_MM,) * 3)


def _beside(grid: Grid, upwards_mm: np.ndarray, side: int) -> np.ndarray:
    """Where ribs are on one side of a spine (z, y, x): 1 to its left, -1 to its right."""
    x, y, z = (
        grid.origin_mm[axis] + SPACING_MM * np.arange(grid.size_vox[axis]) for axis in range(3)
    )
    middle_x, middle_y = (np.interp(z, upwards_mm[:, 2], upwards_mm[:, axis]) for axis in (0, 1))
    aside_mm = side * (x - middle_x[:, None])
    behind_mm = y - middle_y[:, None]
    is_aside = (aside_mm >= BESIDE_MM[0]) & (aside_mm <= BESIDE_MM[1])
    is_behind = (behind_mm >= BEHIND_MM[0]) & (behind_mm <= BEHIND_MM[1])
    part: np.ndarray = is_behind[:, :, None] & is_aside[:, None, :]
    return part


def _is_shown(hounsfield: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Whether the scan shows a part (z, y, x) of each slice: slices of padding show nothing."""
    inside = ((hounsfield > OUTSIDE_HU) & part).sum(axis=(1, 2))
    is_padding = ~((hounsfield > geometry.AIR_HU) & part).any(axis=(1, 2))
    shown: np.ndarray = (inside >= SHOWN * part.sum(axis=(1, 2))) & ~is_padding
    return shown


def _top(bone: np.ndarray, shown: np.ndarray) -> int | None:
    """The highest slice with a rib below a free neck."""
    free = 0
    for z in range(len(bone) - 1, 0, -1):
        if not shown[z]:
            free = 0
        elif bone[z] and bone[z - 1]:
            if free * SPACING_MM >= FREE_MM:
                return z
            free = 0
        elif not bone[z]:
            free += 1
    return None
