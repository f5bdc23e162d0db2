"""Smoothing and linear interpolation along one axis as a matrix, and volumes through three of them.

A Gaussian smooths, and linear interpolation samples, one axis after the other. So both together are
a small matrix per axis; products with it take a tenth of the time of filtering a whole volume, and
no more memory than the samples asked for.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import sparse

#: chosen: voxels that are turned into floats at once, 4 MB: a core's own memory holds them.
AT_ONCE_VOX = 2**20

#: chosen: parts in work at a time.
THREADS = 2

#: chosen: smaller shares of a voxel count as none, 0.0002 HU of bone.
NEGLIGIBLE = 1e-7

#: chosen: smoothing matrices that are kept, 1 MB each for 512 voxels.
KEPT = 16

#: The recursive filter needs as many voxels along an axis.
FEWEST_VOX = 4


@lru_cache(maxsize=KEPT)
def smoothing(size_vox: int, spacing_mm: float, sigma_mm: float) -> NDArray[np.float32]:
    """The matrix (n, n) by which ITK's recursive Gaussian smooths n voxels of an axis.

    Fewer than four voxels, or a width of 0, are left as they are. The matrix is kept: vertebrae
    of a scan take the same ones.
    """
    impulses = np.eye(size_vox, dtype=np.float32)
    if not sigma_mm or size_vox < FEWEST_VOX:
        return impulses
    image = sitk.GetImageFromArray(impulses)
    image.SetSpacing((spacing_mm, 1.0))
    return sitk.GetArrayFromImage(sitk.RecursiveGaussian(image, sigma_mm, direction=0)).T


def read_at(at_vox: NDArray[np.float64], smooths: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix (m, n) that smooths n voxels of an axis and reads them at m places.

    It reads linearly, and beyond the ends the last voxel.
    at_vox : places in continuous voxels, (m,). smooths : the matrix (n, n) that smooths.
    """
    last = len(smooths) - 1
    inside = np.clip(at_vox, 0, last)
    lower = np.minimum(inside.astype(int), max(last - 1, 0))
    share = (inside - lower).astype(np.float32)[:, None]
    return (1 - share) * smooths[lower] + share * smooths[np.minimum(lower + 1, last)]


def through(
    volume: NDArray[np.generic], matrices: tuple[NDArray[np.float32], ...], floor: float | None
) -> NDArray[np.float32]:
    """A volume (n0, n1, n2) through matrices (m0, n0), (m1, n1), (m2, n2): float32 (m0, m1, m2).

    floor : values below it are raised to it first; None leaves them.
    Products of sparse matrices run in our own threads. Those of dense ones would go on spinning
    beside the networks'.
    """
    first, second, third = (
        sparse.csr_array(np.where(np.abs(matrix) < NEGLIGIBLE, np.float32(0), matrix))
        for matrix in matrices
    )
    mixed = np.empty((first.shape[0], second.shape[0], third.shape[0]), np.float32)
    for plane, into in zip(_along_first(volume, first, floor), mixed, strict=True):
        into[...] = (third @ (second @ plane).T).T
    return mixed


def _along_first(
    volume: NDArray[np.generic], matrix: sparse.csr_array, floor: float | None
) -> NDArray[np.float32]:
    """The volume with the matrix applied along its first axis: nothing has to be turned for it."""
    mixed = np.empty((matrix.shape[0], *volume.shape[1:]), np.float32)
    step = max(AT_ONCE_VOX // max(volume[:, :1].size, 1), 1)

    def mix(start: int) -> None:
        part = volume[:, start : start + step].astype(np.float32, order="C")
        if floor is not None:
            np.maximum(part, np.float32(floor), out=part)
        lines = matrix @ part.reshape(len(part), -1)
        mixed[:, start : start + step] = lines.reshape(len(mixed), *part.shape[1:])

    with ThreadPoolExecutor(THREADS) as threads:
        deque(threads.map(mix, range(0, volume.shape[1], step)), maxlen=0)
    return mixed
