"""Heatmaps: draw a Gaussian round a point, and read points back out."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from versectl.volume import Grid


def gaussian(
    point_mm: np.ndarray, sigma_mm: float, grid: Grid, truncate_sigma: float = 0.0
) -> np.ndarray:
    """A Gaussian of peak 1 round a world point: float32 (z, y, x).

    truncate_sigma : half the side, in widths, of the box beyond which it is 0; 0 is no box.
    """
    axes = [
        np.exp(-0.5 * ((np.arange(n) * s + o - p) / sigma_mm) ** 2, dtype=np.float32)
        for n, s, o, p in zip(*_lattice(grid), point_mm, strict=True)
    ]
    if truncate_sigma:
        half_vox = truncate_sigma * sigma_mm / np.array(grid.spacing_mm)
        at = np.round(grid.to_vox(point_mm), 6)
        # As in the released weights' inputs: whole parts, the first included, the last not.
        for axis, start, stop in zip(axes, at - half_vox, at + half_vox, strict=True):
            axis[: max(int(start), 0)] = 0
            axis[max(int(stop), 0) :] = 0
    x, y, z = axes
    return z[:, None, None] * y[:, None] * x


def center_of_mass(heat: np.ndarray, grid: Grid) -> np.ndarray:
    """World centre (3,) of what exceeds half the maximum: noise far off does not pull."""
    strong = np.where(heat > 0.5 * heat.max(), heat, 0.0)
    return grid.to_mm(ndimage.center_of_mass(strong)[::-1])


def center_on(heat: np.ndarray, grid: Grid, scan: Grid) -> np.ndarray:
    """Centre of mass (3,) of a heatmap resampled linearly to a scan's grid, 0 beyond the heatmap.

    All voxels count, negative ones too, as published; not finite when they sum to 0. What a
    heatmap's voxel gives to the scan's is a product of its shares along x, y and z, so that the
    resampled heatmap itself, as large as the scan, is never made.
    """
    shares = [_shares(grid, scan, axis) for axis in range(3)]  # (scan, heatmap) each
    given = [share.sum(axis=0) for share in shares]
    moved = [
        (np.arange(n) * s + o) @ share
        for n, s, o, share in zip(*_lattice(scan), shares, strict=True)
    ]
    moments = [
        _contracted(heat, [moved[a] if a == axis else given[a] for a in range(3)])
        for axis in range(3)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array(moments) / _contracted(heat, given)


def _lattice(grid: Grid) -> tuple:
    return grid.size_vox, grid.spacing_mm, grid.origin_mm


def _contracted(heat: np.ndarray, weights: list[np.ndarray]) -> float:
    x, y, z = weights
    return float(np.einsum("zyx,z,y,x", heat.astype(float), z, y, x, optimize=True))


def _shares(coarse: Grid, fine: Grid, axis: int) -> np.ndarray:
    """Linear interpolation along an axis: weights (fine, coarse); ITK's rule half a voxel out."""
    size = coarse.size_vox[axis]
    at = np.arange(fine.size_vox[axis]) * fine.spacing_mm[axis] + fine.origin_mm[axis]
    at = (at - coarse.origin_mm[axis]) / coarse.spacing_mm[axis]
    inside = (at >= -0.5) & (at < size - 0.5)
    clipped = np.clip(at, 0, size - 1)
    share = np.maximum(1 - np.abs(clipped[:, None] - np.arange(size)), 0)
    return np.where(inside[:, None], share, 0.0)


def peaks(heat: np.ndarray, threshold: float) -> np.ndarray:
    """Voxels (n, 3), z, y, x, that exceed the threshold and their 26 neighbours; strongest first.

    Of a plateau one voxel counts.
    """
    highest = heat == ndimage.maximum_filter(heat, size=3, mode="constant", cval=-np.inf)
    regions, count = ndimage.label(highest & (heat > threshold), np.ones((3, 3, 3)))
    found = ndimage.maximum_position(heat, regions, range(1, count + 1))
    return np.array(sorted(found, key=lambda zyx: -heat[zyx]), int).reshape(-1, 3)


def maxima(
    heat: np.ndarray, threshold: float, share: float, radius_vox: float
) -> list[tuple[float, np.ndarray]]:
    """Maxima, value and place (3,), z, y, x, one after the other, as published.

    The first is the highest voxel, whatever its value. When it reaches the threshold, a ball
    round each maximum is blanked and the highest voxel of the rest is next, as long as it exceeds
    `share` of the first.
    """
    rest = heat.copy()
    found = []
    while True:
        zyx = np.unravel_index(rest.argmax(), rest.shape)
        value = float(rest[zyx])
        if found and not value > share * found[0][0]:
            return found
        place = refine(rest, zyx, scale=lambda along: along)
        found.append((value, place))
        if found[0][0] < threshold:
            return found
        _blank(rest, place, radius_vox)


def _blank(heat: np.ndarray, place: np.ndarray, radius_vox: float) -> None:
    """Set a ball round a place (3,) to 0; changes the array."""
    low = np.maximum(np.ceil(place - radius_vox), 0).astype(int)
    high = np.floor(place + radius_vox).astype(int) + 1
    part = heat[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    z, y, x = (np.arange(n) + a - p for n, a, p in zip(part.shape, low, place, strict=True))
    part[z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius_vox**2] = 0


def _logarithm(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, 1e-6))


def refine(
    heat: np.ndarray,
    zyx: np.ndarray,
    scale: Callable[[np.ndarray], np.ndarray] = _logarithm,
) -> np.ndarray:
    """The voxel (3,) moved to the top of a parabola through it and its neighbours, axis by axis.

    A parabola through logarithms is exact for a Gaussian. At the rim an axis stays as it is.
    """
    place = np.asarray(zyx, float)
    for axis in range(3):
        at = list(zyx)
        if not 0 < at[axis] < heat.shape[axis] - 1:
            continue
        along = heat[tuple(slice(i - 1, i + 2) if a == axis else i for a, i in enumerate(at))]
        low, middle, high = scale(along)
        curvature = low - 2 * middle + high
        if curvature < 0:
            place[axis] += np.clip(0.5 * (low - high) / curvature, -0.5, 0.5)
    return place
