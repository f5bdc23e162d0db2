"""Size and shape of a vertebral body: heights, width, depth, and its endplates."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from versectl.report.measurements.body import STEP_MM, Body
from versectl.report.measures import NotMeasured

Array = NDArray[np.float64]

#: chosen: heights are means over this part of the width, in the middle, and over pieces of the
#: depth of PIECE, whose middles lie at these parts of it from the front: the round rims stay out.
MIDDLE_WIDTH, PIECE = 1 / 3, 0.15
PLACES = {"front": 0.15, "middle": 0.5, "back": 0.85}

#: chosen: endplates are planes through the surface within these parts of width and depth; in necks
#: the sides of the upper one rise.
PLATE_WIDTH, PLATE_DEPTH = 0.6, 0.8

#: chosen: width and depth are seen in this part of the height, in the middle.
WAIST = 1 / 3

#: chosen: points of the surface farther than this from the plane through the others are left out.
STRAY_MM = 2.0

#: chosen: no plane is seen in fewer points, nor one that leans more (millimetres per millimetre).
LEAST_POINTS, STEEPEST = 12, 0.7


@dataclass(frozen=True, eq=False)
class Form:
    """Where a body ends, on its own grid, in voxels.

    lower, upper : its surfaces (y, x), z of each column; NaN beside it.
    x, y, z : from right to left, front to back, foot to head. x and y are seen at the waist.
    """

    lower: Array
    upper: Array
    x: tuple[float, float]
    y: tuple[float, float]
    z: tuple[float, float]


def form(body: Body) -> Form:
    """Surfaces and extent of a body; NotMeasured where it is too small."""
    lower, upper = _edges(body, 0)
    z = (float(np.nanmedian(lower)), float(np.nanmedian(upper)))
    waist = slice(*_part(z, WAIST))
    right, left = (edge[waist] for edge in _edges(body, 2))
    front, back = (edge[waist] for edge in _edges(body, 1))
    x = _widest(right, left)
    middle = slice(*_part(x, MIDDLE_WIDTH))
    if not np.isfinite(front[:, middle]).any():
        raise NotMeasured("its body is too small")
    y = (float(np.nanmedian(front[:, middle])), float(np.nanmedian(back[:, middle])))
    return Form(lower, upper, x, y, z)


def sizes(found: Form) -> dict[str, float]:
    """Heights, their ratios, width and depth; millimetres."""
    columns = slice(*_part(found.x, MIDDLE_WIDTH))
    height_mm = (found.upper - found.lower)[:, columns] * STEP_MM
    depth_vox = found.y[1] - found.y[0]
    heights = {
        place: _mean_around(height_mm, found.y[0] + share * depth_vox, PIECE * depth_vox)
        for place, share in PLACES.items()
    }
    return {
        **{f"height_{place}_mm": value for place, value in heights.items()},
        "front_to_back": heights["front"] / heights["back"],
        "middle_to_back": heights["middle"] / heights["back"],
        "width_mm": (found.x[1] - found.x[0]) * STEP_MM,
        "depth_mm": depth_vox * STEP_MM,
    }


def plate(found: Form, which: Literal["upper", "lower"]) -> tuple[Array, Array]:
    """An endplate's normal, (3,), unit length, towards the head, and its middle in voxels, (3,).

    Both along the body's own axes.
    """
    x, y = slice(*_part(found.x, PLATE_WIDTH)), slice(*_part(found.y, PLATE_DEPTH))
    surface = (found.upper if which == "upper" else found.lower)[y, x]
    at_y, at_x = np.nonzero(np.isfinite(surface))
    if len(at_x) < LEAST_POINTS:
        raise NotMeasured("its body is too small")
    points = np.stack([at_x, at_y, np.ones(len(at_x))], axis=1).astype(np.float64)
    slopes = _plane(points, surface[at_y, at_x])
    if np.abs(slopes).max() > STEEPEST:
        raise NotMeasured("its endplates are not seen")
    normal = np.array([-slopes[0], -slopes[1], 1.0])
    middle = np.array([sum(found.x) / 2, sum(found.y) / 2, np.nanmedian(surface)])
    return normal / np.linalg.norm(normal), middle


def _plane(points: Array, z: Array) -> Array:
    """Slopes along x and y of the plane through most points."""
    used = np.ones(len(z), bool)
    for _ in range(3):
        fit = np.linalg.lstsq(points[used], z[used], rcond=None)[0]
        off = np.abs(z - points @ fit)
        used = off <= max(STRAY_MM / STEP_MM, float(np.median(off)))
    return fit[:2].astype(np.float64)


def _edges(body: Body, axis: int) -> tuple[Array, Array]:
    """First and last place of the body along an axis, where half a voxel is vertebra; NaN: none.

    The other two axes stay in their order.
    """
    solid, share = np.moveaxis(body.solid, axis, 0), np.moveaxis(body.share, axis, 0)
    last = _last(solid, share)
    first = len(solid) - 1 - _last(solid[::-1], share[::-1])
    return first, last


def _last(solid: NDArray[np.bool_], share: NDArray[np.float32]) -> Array:
    """Where the body ends along axis 0; NaN where there is none."""
    end = len(solid) - 1 - solid[::-1].argmax(axis=0)
    beyond = np.minimum(end + 1, len(solid) - 1)
    inner, outer = (np.take_along_axis(share, i[None], axis=0)[0] for i in (end, beyond))
    # Where the body was cut off from its arch, it ends between the voxels.
    falls = (inner >= 0.5) & (outer < 0.5)
    part = np.where(falls, (inner - 0.5) / np.where(falls, inner - outer, 1.0), 0.5)
    return np.where(solid.any(axis=0), end + part, np.nan)


def _widest(low: Array, high: Array) -> tuple[float, float]:
    """Ends of the widest row, each as it is at most heights; low, high : (z, row)."""
    known = np.isfinite(low).any(axis=0)
    if not known.any():
        raise NotMeasured("its body is too small")
    first, last = np.nanmedian(low[:, known], axis=0), np.nanmedian(high[:, known], axis=0)
    row = int(np.argmax(last - first))
    return float(first[row]), float(last[row])


def _part(ends: tuple[float, float], share: float) -> tuple[int, int]:
    """First voxel and the one behind the last of a share of a range, in its middle."""
    return _around((ends[0] + ends[1]) / 2, (ends[1] - ends[0]) * share)


def _around(middle: float, width: float) -> tuple[int, int]:
    """First voxel and the one behind the last whose centres lie in a range; at least one."""
    first, last = np.ceil(middle - width / 2), np.floor(middle + width / 2)
    if last < first:
        first = last = np.rint(middle)
    return max(int(first), 0), int(last) + 1


def _mean_around(rows: Array, middle: float, width: float) -> float:
    """Mean of the rows in a range, between rows as well."""
    known = np.flatnonzero(np.isfinite(rows).any(axis=1))
    if not len(known):
        raise NotMeasured("its body is too small")
    at = middle + width * np.linspace(-0.5, 0.5, 9)
    return float(np.interp(at, known, np.nanmean(rows[known], axis=1)).mean())
