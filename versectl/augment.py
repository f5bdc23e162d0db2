"""Spatial distortion: sampled first, then applied to points and grids as plain arithmetic.

A distortion says where in the original a point of the distorted space comes from: it scales,
turns and mirrors round a middle point and adds a smooth displacement.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from versectl.volume import Grid

#: chosen: reformatted scans whose header is wrong show a body at a third of its width.
MOST_SQUEEZED = 3.3


@dataclass(frozen=True)
class Ranges:
    """How far a distortion may go; each value is drawn uniformly within plus or minus."""

    angle_deg: float = 15.0  # section 3.1: 0.25 rad
    scale: float = 0.2  # section 3.1: 0.15 per axis and again 0.15 for all
    bump_mm: float = 5.0  # chosen: bends, and keeps neighbours apart
    flips: bool = True  # a spine is named alike from either side
    squeezed: float = 0.0  # share whose sagittal slices lie farther apart than their header says


@dataclass(frozen=True)
class Warp:
    """A distortion: distorted point -> original point, in the world.

    middle_mm : the point (3,) that stays, but for the bumps.
    matrix : (3, 3), applied to the offset from the middle.
    bumps_mm : displacements (3, n, n, n) at control points over the grid, x, y, z first, z, y, x.
    grid : where the bumps are spread out; beyond it there are none.
    """

    middle_mm: np.ndarray
    matrix: np.ndarray
    bumps_mm: np.ndarray
    grid: Grid


def sample(rng: np.random.Generator, grid: Grid, ranges: Ranges, controls: int = 6) -> Warp:
    """A random distortion round the middle of a grid."""
    angles_deg = rng.uniform(-ranges.angle_deg, ranges.angle_deg, 3)
    scale = (1 + rng.uniform(-ranges.scale, ranges.scale)) * (
        1 + rng.uniform(-ranges.scale, ranges.scale, 3) / 2
    )
    if rng.random() < ranges.squeezed:
        scale[0] *= rng.uniform(1, MOST_SQUEEZED)
    if ranges.flips and rng.random() < 0.5:
        scale[0] *= -1
    matrix = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix() * scale
    bumps_mm = rng.uniform(-ranges.bump_mm, ranges.bump_mm, (3, controls, controls, controls))
    return Warp((np.asarray(grid.origin_mm) + grid.last_mm) / 2, matrix, bumps_mm, grid)


def sources_mm(warp: Warp, grid: Grid) -> np.ndarray:
    """Where every voxel of a grid comes from: world points (3, z, y, x), float32, x, y, z first."""
    axes_mm = [
        np.arange(n) * s + o
        for n, s, o in zip(grid.size_vox, grid.spacing_mm, grid.origin_mm, strict=True)
    ]
    x, y, z = ((at - m).astype(np.float32) for at, m in zip(axes_mm, warp.middle_mm, strict=True))
    bases = [_basis(warp, axis, at) for axis, at in enumerate(axes_mm)]
    where = np.empty((3, *grid.shape), np.float32)
    for axis, row in enumerate(warp.matrix.astype(np.float32)):
        bump = _spread(warp.bumps_mm[axis].astype(np.float32), bases)
        linear = row[2] * z[:, None, None] + row[1] * y[:, None] + row[0] * x
        where[axis] = linear + bump + np.float32(warp.middle_mm[axis])
    return where


def distorted_mm(warp: Warp, points_mm: np.ndarray) -> np.ndarray:
    """Where original points (n, 3) lie in the distorted space, to a hundredth of a millimetre."""
    inverse = np.linalg.inv(warp.matrix)
    guess = warp.middle_mm + (points_mm - warp.middle_mm) @ inverse.T
    for _ in range(30):
        missed = points_mm - _source_mm(warp, guess)
        guess = guess + missed @ inverse.T
    return guess


def _source_mm(warp: Warp, points_mm: np.ndarray) -> np.ndarray:
    """Where points (n, 3) come from."""
    x, y, z = (_basis(warp, axis, points_mm[:, axis]) for axis in range(3))
    bump = np.einsum("akji,nk,nj,ni->na", warp.bumps_mm, z, y, x, optimize=True)
    return warp.middle_mm + (points_mm - warp.middle_mm) @ warp.matrix.T + bump


def _basis(warp: Warp, axis: int, at_mm: np.ndarray) -> np.ndarray:
    """Cubic B-spline weights (n, controls) of world coordinates along an axis of the bumps."""
    controls = warp.bumps_mm.shape[1]
    first_mm, last_mm = warp.grid.origin_mm[axis], warp.grid.last_mm[axis]
    share = (at_mm - first_mm) / max(last_mm - first_mm, warp.grid.spacing_mm[axis])
    distance = np.abs(share[:, None] * (controls - 1) - np.arange(controls))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance) ** 3 / 6
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0)).astype(np.float32)


def _spread(bumps: np.ndarray, bases: list[np.ndarray]) -> np.ndarray:
    """Control values (n, n, n), z, y, x, at every voxel (z, y, x)."""
    x, y, z = bases
    return np.tensordot(z, np.tensordot(y, bumps @ x.T, axes=(1, 1)), axes=(1, 1))
