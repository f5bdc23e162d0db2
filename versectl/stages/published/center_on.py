"""Centre of mass of a heatmap on a scan's grid, as published, without making it that large."""

import numpy as np

from versectl.geometry import Grid


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
        for n, s, o, share in zip(
            scan.size_vox, scan.spacing_mm, scan.origin_mm, shares, strict=True
        )
    ]
    moments = [
        _contracted(heat, [moved[a] if a == axis else given[a] for a in range(3)])
        for axis in range(3)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array(moments) / _contracted(heat, given)


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
