"""Maxima of a vertebra's heatmap, one after the other, as released for VerSe 2019."""

import numpy as np

from versectl.stages.heatmap import refine


def maxima(
    heat: np.ndarray, threshold: float, share: float, radius_vox: float
) -> list[tuple[float, np.ndarray]]:
    """Maxima, value and place (3,), z, y, x, one after the other, as published.

    The first is the highest voxel, whatever its value. When it reaches the threshold, a ball
    round each maximum is blanked and the highest voxel of the rest is next, as long as it exceeds
    `share` of the first.
    """
    rest = heat.copy()
    found: list[tuple[float, np.ndarray]] = []
    while True:
        zyx = np.array(np.unravel_index(rest.argmax(), rest.shape))
        value = float(rest[tuple(zyx)])
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
