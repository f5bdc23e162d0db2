"""What drawing needs everywhere: smooth noise, blur, and how a scan is sampled."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

#: chosen: a Gaussian ends at so many standard deviations.
TRUNCATE = 2.5


class Sampling(NamedTuple):
    """How something is drawn: the voxels' spacing, x, y, z, and where chance comes from."""

    spacing_mm: np.ndarray
    rng: np.random.Generator


def field(shape: tuple[int, ...], width_mm: float, sampling: Sampling) -> np.ndarray:
    """Smooth noise of mean 0 and SD 1 whose grains are about that wide; float32 (z, y, x)."""
    spacing_mm, rng = sampling
    width = np.maximum((width_mm / spacing_mm)[::-1], 1.0)
    coarse = [max(int(np.ceil(n / w)) + 3, 4) for n, w in zip(shape, width, strict=True)]
    noise = rng.standard_normal(coarse, dtype=np.float32)
    for axis, (n, w, size) in enumerate(zip(shape, width, coarse, strict=True)):
        at = np.arange(n) / w + rng.random()
        low = np.minimum(at.astype(int), size - 2)
        share = at - low
        share = share * share * (3 - 2 * share)  # smooth steps leave no creases
        matrix = np.zeros((n, size), np.float32)
        matrix[np.arange(n), low] = 1 - share
        matrix[np.arange(n), low + 1] = share
        noise = np.moveaxis(np.tensordot(matrix, noise, axes=(1, axis)), 0, axis)
    return noise / max(float(noise.std()), 1e-6)


def blur(image: np.ndarray, sigma_vox_xyz: np.ndarray) -> np.ndarray:
    """An image (z, y, x) seen through a Gaussian."""
    return ndimage.gaussian_filter(image, np.asarray(sigma_vox_xyz)[::-1], truncate=TRUNCATE)
