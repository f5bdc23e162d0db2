"""The volumes within a page: a cropped, coarse copy of the CT in 8 bits, and the masks on it."""

import base64
import gzip
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import nibabel
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl import geometry
from versectl.geometry import Grid

#: chosen: bodies, arches and their borders can be distinguished, and a page stays within a few MB.
SPACING_MM = 1.5

#: chosen: 5 million voxels are about 3 MB in a page; larger scans are shown coarser.
MOST_VOX = 5_000_000

#: chosen: the CT is smoothed by a Gaussian whose width is so many times less than a voxel's.
NARROWER = 3

#: What is shown around the outermost centres, x, y, z: ribs and transverse processes, the muscles
#: of the back, one more vertebra.
MARGIN_MM = np.array([65.0, 75.0, 45.0])

#: What the 8 bits span, in Hounsfield units: beyond lie lung, air, and metal.
RANGE_HU = (-300.0, 1200.0)

#: chosen: twice as fast as the best, and hardly larger.
PACKING = 6

#: Where a NIfTI header has its slope and intercept.
SLOPE_BYTE = 112


@dataclass(frozen=True)
class Volumes:
    """NIfTI files as base64. ct : None where there is no CT; the masks are shown alone then."""

    ct: str
    masks: str
    has_ct: bool
    spacing_mm: float


def embed(
    ct: sitk.Image | None, label_map: sitk.Image, centers_mm: Sequence[Sequence[float]]
) -> Volumes:
    """The volumes of a case; the label map lies where the CT does."""
    grid = shown_grid(label_map, centers_mm)
    low, high = RANGE_HU
    slope = (high - low) / 255
    shown = np.zeros(grid.shape, np.uint8) if ct is None else _in_8_bits(ct, grid)
    masks = geometry.to_array(geometry.resample(label_map, grid, sitk.sitkNearestNeighbor, 0))
    return Volumes(
        _to_nifti(shown, grid, (slope, low)),
        _to_nifti(masks, grid, (1.0, 0.0)),
        ct is not None,
        grid.spacing_mm[0],
    )


def shown_grid(image: sitk.Image, centers_mm: Sequence[Sequence[float]]) -> Grid:
    """The part of a scan around the centres, or all of it, in cubes as fine as memory allows."""
    low_mm, high_mm = geometry.extent(image)
    if len(centers_mm):
        centers = np.array(centers_mm, float)
        low_mm = np.maximum(low_mm, centers.min(axis=0) - MARGIN_MM)
        high_mm = np.minimum(high_mm, centers.max(axis=0) + MARGIN_MM)
    sides_mm = np.maximum(high_mm - low_mm, 1.0)
    spacing_mm = max(SPACING_MM, float(np.cbrt(np.prod(sides_mm) / MOST_VOX)))
    size = np.maximum(np.ceil(sides_mm / spacing_mm).astype(int), 2)
    return Grid.centered((low_mm + high_mm) / 2, size, (spacing_mm,) * 3)


def _in_8_bits(ct: sitk.Image, grid: Grid) -> NDArray[np.uint8]:
    """The CT on the grid (z, y, x), 0 and 255 at the ends of the range."""
    hounsfield = geometry.network_input(ct, grid, grid.spacing_mm[0] / NARROWER) * geometry.UNIT_HU
    low, high = RANGE_HU
    return np.rint(np.clip((hounsfield - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def _to_nifti(values: NDArray[np.uint8], grid: Grid, scaling: tuple[float, float]) -> str:
    """Voxels (z, y, x) along L, P, S as a compressed NIfTI along R, A, S, in base64."""
    x, y, z = grid.last_mm[0], grid.last_mm[1], grid.origin_mm[2]
    affine = np.diag([*grid.spacing_mm, 1.0])
    affine[:3, 3] = -x, -y, z
    image = nibabel.Nifti1Image(np.ascontiguousarray(values[:, ::-1, ::-1].T), affine)
    written = bytearray(image.to_bytes())  # it resets slope and intercept
    struct.pack_into("<ff", written, SLOPE_BYTE, *scaling)
    return base64.b64encode(gzip.compress(bytes(written), PACKING, mtime=0)).decode()
