"""Spatial distortion: sampled first, then applied to points and grids as plain arithmetic.

A distortion says where in the original a point of the distorted space comes from: it scales,
turns and mirrors round a middle point and adds a smooth displacement.
"""

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from versectl import geometry
from versectl.config import Ranges
from versectl.geometry import Grid

#: chosen: reformatted scans whose header is wrong show a body at a third of its width.
MOST_WRONG_SPACING = 3.3

#: Control points of the smooth displacement along each axis (released).
CONTROLS = 6

#: A distorted point is found when it comes from this near; released: 2 voxels.
FOUND_MM = 0.01

#: chosen: how far a search goes at a time.
STRIDE_MM = 10.0


@dataclass(frozen=True)
class Warp:
    """A distortion: distorted point -> original point, in the world.

    middle_mm : the point (3,) that stays, but for the bumps and the shift.
    matrix : (3, 3), applied to the offset from the middle.
    bumps_mm : displacements (3, n, n, n) at control points, x, y, z first, z, y, x.
    controls : where the control points lie; far beyond them there are no bumps.
    shift_mm : added to all (3,).
    """

    middle_mm: np.ndarray
    matrix: np.ndarray
    bumps_mm: np.ndarray
    controls: Grid
    shift_mm: np.ndarray = field(default_factory=lambda: np.zeros(3))


@dataclass(frozen=True)
class IntensityChange:
    """A change of a scan's HU / 2048: shifted, then scaled."""

    shift: float
    scale: float


def sample(rng: np.random.Generator, grid: Grid, ranges: Ranges) -> Warp:
    """A random distortion round the middle of a grid."""
    angles_deg = rng.uniform(-ranges.angle_deg, ranges.angle_deg, 3)
    scale = (1 + rng.uniform(-ranges.scale, ranges.scale)) * (
        1 + rng.uniform(-ranges.scale, ranges.scale, 3) * ranges.axis_share
    )
    angles_deg[0] += rng.uniform(-ranges.lean_deg, ranges.lean_deg)
    if rng.random() < ranges.wrong_slice_spacing:
        scale[0] *= rng.uniform(1, MOST_WRONG_SPACING)
    if ranges.flips and rng.random() < 0.5:
        scale[0] *= -1
    matrix = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix() * scale
    bumps_mm = rng.uniform(-ranges.bump_mm, ranges.bump_mm, (3, *(CONTROLS,) * 3))
    middle_mm = (np.asarray(grid.origin_mm) + grid.last_mm) / 2
    if ranges.spread == "grid":
        return Warp(middle_mm, matrix, bumps_mm, _over(grid))
    # As published, bumps come before scaling and rotation.
    turned_mm = np.tensordot(matrix, bumps_mm, axes=1)
    shift_mm = rng.uniform(-ranges.shift_mm, ranges.shift_mm, 3)
    return Warp(middle_mm, matrix, turned_mm, _round(grid), shift_mm)


def sample_intensity(rng: np.random.Generator, ranges: Ranges) -> IntensityChange:
    """A random change of grey values."""
    return IntensityChange(
        rng.uniform(-ranges.intensity_shift, ranges.intensity_shift),
        1 + rng.uniform(-ranges.intensity_scale, ranges.intensity_scale),
    )


def _over(grid: Grid) -> Grid:
    """Control points from the first voxel to the last."""
    extent_mm = np.maximum(grid.last_mm - grid.origin_mm, grid.spacing_mm)
    step_mm = tuple((extent_mm / (CONTROLS - 1)).tolist())
    return Grid((CONTROLS,) * 3, step_mm, grid.origin_mm)


def _round(grid: Grid) -> Grid:
    """Control points of ITK's cubic B-spline over the voxels: one lies beyond either end."""
    step_mm = np.multiply(grid.size_vox, grid.spacing_mm) / (CONTROLS - 3)
    origin_mm = tuple((np.array(grid.origin_mm) - step_mm).tolist())
    return Grid((CONTROLS,) * 3, tuple(step_mm.tolist()), origin_mm)


def transform(where_mm: np.ndarray, grid: Grid) -> sitk.Transform:
    """Where every voxel of a grid comes from, (3, z, y, x), for a resampling onto that grid."""
    x, y, z = (
        np.arange(n) * s + o
        for n, s, o in zip(grid.size_vox, grid.spacing_mm, grid.origin_mm, strict=True)
    )
    here_mm = np.broadcast_arrays(x, y[:, None], z[:, None, None])
    moved_mm = np.stack(
        [a.astype(np.float64) - b for a, b in zip(where_mm, here_mm, strict=True)], -1
    )
    displacement = sitk.GetImageFromArray(moved_mm, isVector=True)
    displacement.SetSpacing(grid.spacing_mm)
    displacement.SetOrigin(grid.origin_mm)
    return sitk.DisplacementFieldTransform(displacement)


def change_intensity(image: sitk.Image, by: IntensityChange) -> sitk.Image:
    """The scan, in Hounsfield units, with its grey values changed."""
    return (sitk.Cast(image, sitk.sitkFloat32) + by.shift * geometry.UNIT_HU) * by.scale


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
        where[axis] = linear + bump + np.float32(warp.middle_mm[axis] + warp.shift_mm[axis])
    return where


def distorted_mm(warp: Warp, points_mm: np.ndarray) -> np.ndarray:
    """Where original points (n, 3) lie in the distorted space; NaN where no place is found.

    To a hundredth of a millimetre. With large bumps a point may occur twice or not at all.
    """
    inverse = np.linalg.inv(warp.matrix)
    guess = warp.middle_mm + (points_mm - warp.middle_mm - warp.shift_mm) @ inverse.T
    for _ in range(30):
        missed = points_mm - _source_mm(warp, guess)
        guess = guess + missed @ inverse.T
    lost = ~(_missed_mm(warp, points_mm, guess) < FOUND_MM)
    if lost.any():
        guess[lost] = _searched(warp, points_mm[lost])
    guess[~(_missed_mm(warp, points_mm, guess) < FOUND_MM)] = np.nan
    return guess


def _searched(warp: Warp, points_mm: np.ndarray) -> np.ndarray:
    """Distorted points by Newton's method, from the nearest of many places between the bumps."""
    shares = np.linspace(0, CONTROLS - 1, 26)
    lattice_mm = warp.controls.to_mm(np.stack(np.meshgrid(*[shares] * 3), axis=-1).reshape(-1, 3))
    sources_mm = _source_mm(warp, lattice_mm)
    nearest = [np.linalg.norm(sources_mm - point, axis=1).argmin() for point in points_mm]
    guess = lattice_mm[nearest]
    for _ in range(30):
        slopes = np.stack([_slope(warp, guess, axis) for axis in range(3)], axis=-1)
        missed = points_mm - _source_mm(warp, guess)
        step = (np.linalg.pinv(slopes) @ missed[..., None])[..., 0]
        guess = guess + np.clip(step, -STRIDE_MM, STRIDE_MM)
    return guess


def _slope(warp: Warp, points_mm: np.ndarray, axis: int) -> np.ndarray:
    """How the source changes along a distorted axis: (n, 3)."""
    step = np.eye(3)[axis]
    return (_source_mm(warp, points_mm + step) - _source_mm(warp, points_mm - step)) / 2


def _missed_mm(warp: Warp, points_mm: np.ndarray, guess: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points_mm - _source_mm(warp, guess), axis=-1)


def _source_mm(warp: Warp, points_mm: np.ndarray) -> np.ndarray:
    """Where points (n, 3) come from."""
    x, y, z = (_basis(warp, axis, points_mm[:, axis]) for axis in range(3))
    bump = np.einsum("akji,nk,nj,ni->na", warp.bumps_mm, z, y, x, optimize=True)
    linear = (points_mm - warp.middle_mm) @ warp.matrix.T
    return warp.middle_mm + linear + bump + warp.shift_mm


def _basis(warp: Warp, axis: int, at_mm: np.ndarray) -> np.ndarray:
    """Cubic B-spline weights (n, controls) of world coordinates along an axis of the bumps."""
    first_mm, step_mm = warp.controls.origin_mm[axis], warp.controls.spacing_mm[axis]
    distance = np.abs((at_mm[:, None] - first_mm) / step_mm - np.arange(CONTROLS))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance) ** 3 / 6
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0)).astype(np.float32)


def _spread(bumps: np.ndarray, bases: list[np.ndarray]) -> np.ndarray:
    """Control values (n, n, n), z, y, x, at every voxel (z, y, x)."""
    x, y, z = bases
    return np.tensordot(z, np.tensordot(y, bumps @ x.T, axes=(1, 1)), axes=(1, 1))
