"""Whether voxels are a CT's Hounsfield units: judged by the body, whatever pads the scan."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versectl.errors import BadInputError
from versectl.geometry import AIR_HU
from versectl.io.images import masks
from versectl.types import Flag

#: chosen: no scanner measures less; what is lower is padding.
LOWEST_HU = -1500.0

#: chosen: what pads a scan beside that is air, not fat.
AIR_LIKE_HU = -900.0

#: Any CT of a spine shows fat or air below the one and bone above the other; stored detector
#: values (HU + 1024), windowed pictures and other modalities do not.
FAT_HU, BONE_HU = -50.0, 150.0

#: chosen: the least share of the body that is fat or air; VerSe's tightest crops show over 5 %.
FAT_SHARE = 1e-3

#: chosen: no padding and no metal is beyond.
CREDIBLE = (-50_000.0, 100_000.0)


def check(values: NDArray[Any], name: Path | str) -> tuple[Flag, ...]:
    """Check voxels (z, y, x), and change them in place: NaN and padding become air.

    All is done plane by plane, so that little memory is needed beside the voxels.
    Raises BadInputError when they hold infinities, are constant or no Hounsfield units.
    """
    missing = _fill(values, name)
    low = float(min(plane.min() for plane in values))
    high = float(max(plane.max() for plane in values))
    if low == high:
        raise BadInputError(f"{name} is constant: every voxel is {low:g}.")
    credible = CREDIBLE[0] <= low < high <= CREDIBLE[1]
    if high < BONE_HU or not credible or not _shows_fat(values, low):
        held = f"{name} has values from {low:g} to {high:g} that are not Hounsfield units"
        raise BadInputError(f"{held}; {_remedy(values)}.")
    if low < AIR_HU:
        for plane in values:
            np.maximum(plane, values.dtype.type(AIR_HU), out=plane)
    return _missing(missing, values.size)


def _remedy(values: NDArray[Any]) -> str:
    """What to do about voxels that are not Hounsfield units."""
    if all(masks.are_labels(plane) for plane in values):
        return "it looks like a label map or an 8-bit picture, so give the CT itself"
    return (
        "convert it first (values as stored by the scanner need their rescale slope and intercept)"
    )


def _fill(values: NDArray[Any], name: Path | str) -> int:
    """Make NaN air; how many voxels were NaN."""
    if values.dtype.kind != "f":
        return 0
    missing = 0
    for plane in values:
        if np.isinf(plane).any():
            raise BadInputError(f"{name} holds infinite values; replace them.")
        holes = np.isnan(plane)
        missing += int(holes.sum())
        plane[holes] = AIR_HU
    return missing


def _shows_fat(values: NDArray[Any], low: float) -> bool:
    """Whether the voxels of the body reach down to fat. low : the lowest value.

    Neither padding counts nor the one value of air above it: a scan may be padded twice.
    """
    lowest = low if low > LOWEST_HU else min(_lowest_above(LOWEST_HU, plane) for plane in values)
    if lowest > AIR_LIKE_HU:
        lowest = LOWEST_HU
    fat = 0
    for plane in values:
        fat += int(np.count_nonzero((plane > lowest) & (plane <= FAT_HU)))
        if fat >= FAT_SHARE * values.size:  # whatever the body's size
            return True
    body = sum(int(np.count_nonzero(plane > lowest)) for plane in values)
    return fat > 0 and fat >= FAT_SHARE * body


def _lowest_above(limit: float, plane: NDArray[Any]) -> float:
    above = plane[plane > limit]
    return float(above.min()) if above.size else np.inf


def _missing(count: int, voxels: int) -> tuple[Flag, ...]:
    if not count:
        return ()
    share = 100 * count / voxels
    message = f"{count} voxels ({share:.2g} %) have no value (NaN); they were taken as air."
    advice = "Nothing, if they lie outside the field of view; otherwise check the scan."
    return (Flag("nan_as_air", "warning", None, message, advice),)
