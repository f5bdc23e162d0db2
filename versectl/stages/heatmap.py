"""Heatmaps: draw a Gaussian round a point, and read points back out."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from versectl import geometry
from versectl.geometry import Grid

#: chosen: what counts for the centre of mass exceeds this share of the maximum.
STRONG = 0.5

#: chosen: smaller responses, and negative ones, count as this, so that they have a logarithm.
LEAST = 1e-6


def gaussian(
    point_mm: np.ndarray, sigma_mm: float, grid: Grid, truncate_sigma: float = 0.0
) -> np.ndarray:
    """A Gaussian of peak 1 round a world point: float32 (z, y, x).

    truncate_sigma : half the side, in widths, of the box beyond which it is 0; 0 is no box.
    """
    axes = [
        np.exp(-0.5 * ((np.arange(n) * s + o - p) / sigma_mm) ** 2, dtype=np.float32)
        for n, s, o, p in zip(grid.size_vox, grid.spacing_mm, grid.origin_mm, point_mm, strict=True)
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
    strong = np.where(heat > STRONG * heat.max(), heat, 0.0)
    return grid.to_mm(ndimage.center_of_mass(strong)[::-1])


def peaks(heat: np.ndarray, threshold: float) -> np.ndarray:
    """Voxels (n, 3), z, y, x, that exceed the threshold and their 26 neighbours; strongest first.

    Of a plateau one voxel counts.
    """
    where = geometry.around(heat > threshold, 1)
    if where is None:
        return np.empty((0, 3), int)
    return _peaks(heat[where], threshold) + [side.start for side in where]


def _peaks(heat: np.ndarray, threshold: float) -> np.ndarray:
    """The peaks of a heatmap that is not much larger than what exceeds the threshold."""
    highest = heat == ndimage.maximum_filter(heat, size=3, mode="constant", cval=-np.inf)
    regions, _ = ndimage.label(highest & (heat > threshold), np.ones((3, 3, 3)))
    inside = np.flatnonzero(regions)
    _, first = np.unique(regions.ravel()[inside], return_index=True)
    found = inside[first]
    strongest_first = found[np.argsort(-heat.ravel()[found], kind="stable")]
    return np.stack(np.unravel_index(strongest_first, heat.shape), axis=-1)


def _logarithm(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, LEAST))


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
