"""What surgeons leave in a spine, drawn into a CT: screws and rods, cement, and their streaks.

World axes; sizes are those of common pedicle screws, rods and cement fillings.
"""

import numpy as np
from scipy import ndimage

from versectl.synth.drawing.texture import Sampling

#: chosen: share of scans with metal, and with cement.
METAL, CEMENT = 0.05, 0.03

#: Radius and length of a screw in mm; HU of metal (clipped by scanners at 3071) and of cement.
SCREW_RADIUS_MM, SCREW_LENGTH_MM = (2.0, 3.5), (30.0, 50.0)
METAL_HU, CEMENT_HU = (2500, 8000), (1000, 2500)
CEMENT_MM = (5.0, 12.0)

#: chosen: a streak's HU where it begins, and how far from the metal it has faded to half.
STREAK_HU, STREAK_MM = 500.0, 40.0


def add(hounsfield: np.ndarray, is_vertebra: np.ndarray, sampling: Sampling) -> None:
    """Draw implants, in some scans, into Hounsfield units (z, y, x) in place.

    is_vertebra : where vertebrae are (z, y, x).
    """
    spacing_mm, rng = sampling
    if rng.random() < METAL and is_vertebra.any():
        metal = _screws(is_vertebra, sampling)
        hounsfield[metal] = rng.uniform(*METAL_HU)
        hounsfield += _streaks(metal, sampling)
    if rng.random() < CEMENT and is_vertebra.any():
        middle_mm = _somewhere(is_vertebra, sampling)
        ends_mm = (middle_mm, middle_mm + rng.normal(0, 5, 3))
        filling = _rod(is_vertebra.shape, ends_mm, rng.uniform(*CEMENT_MM), spacing_mm)
        hounsfield[filling & is_vertebra] = rng.uniform(*CEMENT_HU)


def _screws(is_vertebra: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Where screws are: one or two pairs of them, and at times a rod along their heads."""
    spacing_mm, rng = sampling
    metal = np.zeros(is_vertebra.shape, bool)
    for _ in range(rng.integers(2, 6)):
        tip_mm = _somewhere(is_vertebra, sampling)
        along = np.array([rng.uniform(-0.5, 0.5), 1.0, rng.uniform(-0.3, 0.3)])  # to the back
        head_mm = tip_mm + along * rng.uniform(*SCREW_LENGTH_MM)
        metal |= _rod(metal.shape, (tip_mm, head_mm), rng.uniform(*SCREW_RADIUS_MM), spacing_mm)
        if rng.random() < 0.4:
            up_mm = np.array([rng.uniform(-4, 4), rng.uniform(-10, 10), rng.uniform(30, 90)])
            metal |= _rod(metal.shape, (head_mm - up_mm, head_mm + up_mm), 2.75, spacing_mm)
    return metal


def _somewhere(mask: np.ndarray, sampling: Sampling) -> np.ndarray:
    """A random point of a mask in mm from the first voxel, x, y, z."""
    spacing_mm, rng = sampling
    chosen = rng.integers(np.count_nonzero(mask))
    zyx = np.unravel_index(np.flatnonzero(mask)[chosen], mask.shape)
    return np.array(zyx[::-1]) * spacing_mm


def _rod(
    shape: tuple[int, ...],
    ends_mm: tuple[np.ndarray, np.ndarray],
    radius_mm: float,
    spacing_mm: np.ndarray,
) -> np.ndarray:
    """Voxels (z, y, x) nearer to a line than its radius."""
    start_mm, end_mm = ends_mm
    along_mm = end_mm - start_mm
    z, y, x = (
        np.arange(n, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)]) * s - o
        for axis, (n, s, o) in enumerate(zip(shape, spacing_mm[::-1], start_mm[::-1], strict=True))
    )
    share = (x * along_mm[0] + y * along_mm[1] + z * along_mm[2]) / (along_mm @ along_mm)
    share = np.clip(share, 0, 1)
    squares = sum((p - share * d) ** 2 for p, d in zip((x, y, z), along_mm, strict=True))
    return squares < radius_mm**2


def _streaks(metal: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Bright and dark rays from the metal's middle within every slice that shows metal."""
    spacing_mm, rng = sampling
    streaks = np.zeros(metal.shape, np.float32)
    strength_hu = rng.uniform(0, STREAK_HU)
    for z in np.flatnonzero(metal.any(axis=(1, 2))):
        middle = ndimage.center_of_mass(metal[z])
        y, x = (
            (np.arange(n) - m) * s
            for n, m, s in zip(metal.shape[1:], middle, spacing_mm[1::-1], strict=True)
        )
        angle, distance_mm = np.arctan2(y[:, None], x), np.hypot(y[:, None], x)
        rays = np.sin(angle * rng.integers(4, 20) + rng.uniform(0, 2 * np.pi))
        streaks[z] = strength_hu * rays / (1 + distance_mm / STREAK_MM)
    streaks[metal] = 0
    return streaks
