"""The body of a vertebra, separated from its arch and processes."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from versectl import geometry
from versectl.geometry import Frame
from versectl.report.measures import NotMeasured

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: chosen: the vertebra is looked at on a grid along its own axes, of this spacing and size; the
#: largest bodies are 60 mm wide, 40 mm deep, and with its dens C2 is 40 mm high.
STEP_MM, SIZE_VOX = 1.0, (85, 77, 77)

#: chosen: half the width of the strip in the middle in which the spinal canal is looked for; the
#: canal is 20 mm wide.
STRIP_MM = 4.0

#: chosen: the back wall is seen best away from the endplates: in this part of the height.
WALL_PART = (20, 80)

#: chosen: a back wall that leans more, millimetres back per millimetre up, is none.
STEEPEST = 0.7

#: chosen: masks leak into the canal more often than they lack a part of the back wall.
LEAK_QUANTILE = 0.3

#: chosen: the canal is looked at so far behind the back wall, which may be off by a millimetre or
#: two; few canals are less than 12 mm deep.
CANAL_MM = (2.0, 12.0)

#: chosen: beside the body, where the mask is lower than this share of its height, are processes; in
#: necks half of the height is still process.
LATERAL_SHARE = 0.6

#: chosen: the part of the depth in which that is looked at, from the front; pedicles are behind it.
FRONT_SHARE = 0.7


@dataclass(frozen=True, eq=False)
class Body:
    """A vertebral body on a grid along the vertebra's own axes: x left, y back, z up.

    frame : the grid's place in the world.
    share : how much of every voxel (z, y, x) is vertebra, 0..1. solid : the body's voxels.
    wall : the back wall is where y = wall[0] + wall[1] * z. sides : first and last x. Voxels all.
    """

    frame: Frame
    share: NDArray[np.float32]
    solid: Mask
    wall: tuple[float, float]
    sides: tuple[int, int]

    def holds(self, points_mm: Array) -> Mask:
        """Which world points (n, 3) of the vertebra's mask belong to its body: (n,)."""
        at_vox = geometry.to_vox(self.frame, points_mm)
        x, y, z = at_vox.T
        around = ndimage.maximum_filter(self.solid, 3, mode="constant")
        within = (x >= self.sides[0] - 0.5) & (x < self.sides[1] + 0.5)
        return within & (y < self.wall[0] + self.wall[1] * z) & around[_nearest(at_vox)]

    @property
    def canal_mm(self) -> Array:
        """World points (n, 3) in the spinal canal, at half of the body's height, mask or not."""
        z, y, x = np.ogrid[tuple(map(slice, self.solid.shape))]
        rows = _central(np.flatnonzero(self.solid.any(axis=(1, 2))))
        behind_mm = (y - self.wall[0] - self.wall[1] * z) * STEP_MM
        beside_mm = np.abs(x - _middle(self.solid)[2]) * STEP_MM
        seen = np.isin(z, rows) & (beside_mm <= STRIP_MM)
        seen = seen & (behind_mm > CANAL_MM[0]) & (behind_mm < CANAL_MM[1])
        return geometry.to_mm(self.frame, np.argwhere(seen)[:, ::-1])

    def nearest(self, points_mm: Array) -> tuple[NDArray[np.intp], ...]:
        """The voxels (z, y, x) nearest to world points (n, 3), at the grid's edge beyond it."""
        return _nearest(geometry.to_vox(self.frame, points_mm))


def separate(mask: sitk.Image, center_mm: Array, axes: Array) -> Body:
    """The body in a vertebra's mask (0 and 1, any grid).

    center_mm : a point within the body. axes : the vertebra's own (3, 3), columns left, back, up.
    Raises NotMeasured where body and arch cannot be separated.
    """
    frame = _frame(center_mm, axes)
    placed = geometry.resample_to(mask, frame, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    share = sitk.GetArrayFromImage(placed)
    solid = share >= 0.5
    wall, front = _walls(solid)
    z, y, _ = np.ogrid[tuple(map(slice, solid.shape))]
    before = solid & (y < wall[0] + wall[1] * z)
    sides = _sides(before, front, int(wall[0] + wall[1] * _middle(solid)[0]))
    before[:, :, : sides[0]] = before[:, :, sides[1] + 1 :] = False
    return Body(frame, share, _connected(before), wall, sides)


def _frame(center_mm: Array, axes: Array) -> Frame:
    """The grid along a vertebra's axes with its centre in the middle."""
    spacing_mm = np.full(3, STEP_MM)
    origin_mm = center_mm - axes @ (spacing_mm * (np.array(SIZE_VOX) - 1) / 2)
    return Frame(SIZE_VOX, spacing_mm, axes, origin_mm)


def _walls(solid: Mask) -> tuple[tuple[float, float], int]:
    """Back wall (offset, slope) and front of the body, seen from its middle; y in voxels.

    In the middle the mask ends at the back wall, for the spinal canal follows.
    """
    z, y, x = _middle(solid)
    reach = round(STRIP_MM / STEP_MM)
    strip = solid[:, :, x - reach : x + reach + 1]
    heights = np.flatnonzero(strip[:, y].sum(axis=1) > reach)
    if not strip[z, y].any():
        raise NotMeasured("its centroid lies outside its mask")
    rows = _central(heights)
    if not len(rows):
        raise NotMeasured("its body is too small")
    back = y + np.quantile(_run(strip[rows, y:]), LEAK_QUANTILE, axis=1)
    front = y + 1 - np.median(_run(strip[rows, y::-1]))
    wall = _line(rows.astype(float), back - 0.5)
    if np.median(back) >= solid.shape[1] - 1 or abs(wall[1]) > STEEPEST:
        raise NotMeasured("no spinal canal is seen behind its body")
    return wall, int(front)


def _central(heights: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those in WALL_PART of all."""
    if not len(heights):
        return heights
    low, high = np.percentile(heights, WALL_PART)
    return heights[(heights >= low) & (heights <= high)]


def _run(strip: Mask) -> NDArray[np.intp]:
    """How many voxels along axis 1 are set before the first that is not."""
    ended = np.pad(~strip, ((0, 0), (0, 1), (0, 0)), constant_values=True)
    return ended.argmax(axis=1)


def _line(x: Array, y: Array) -> tuple[float, float]:
    """Offset and slope of a line through points, half of which may be anywhere (Theil and Sen)."""
    one, other = np.triu_indices(len(x), 1)
    slope = float(np.median((y[other] - y[one]) / (x[other] - x[one]))) if len(x) > 1 else 0.0
    return float(np.median(y - slope * x)), slope


def _sides(before: Mask, front: int, back: int) -> tuple[int, int]:
    """First and last x of the body: beyond them, what there is is too low to be body."""
    depth = max(round(FRONT_SHARE * (back - front)), 1)
    height = _span(before[:, front : front + depth]).max(axis=0)
    middle, reach = _middle(before)[2], round(STRIP_MM / STEP_MM)
    usual = np.median(height[middle - reach : middle + reach + 1])
    low = height < LATERAL_SHARE * usual
    left, right = np.append(low[middle:], True).argmax(), np.append(low[middle::-1], True).argmax()
    return middle - int(right) + 1, middle + int(left) - 1


def _span(solid: Mask) -> NDArray[np.intp]:
    """From the first to the last voxel along axis 0: rims that stand out above a waist count."""
    first, last = solid.argmax(axis=0), solid[::-1].argmax(axis=0)
    return np.where(solid.any(axis=0), len(solid) - last - first, 0)


def _connected(solid: Mask) -> Mask:
    """The largest piece."""
    where = geometry.around(solid)
    if where is None:
        raise NotMeasured("its body cannot be separated from its arch")
    largest = np.zeros_like(solid)
    largest[where] = geometry.largest_piece(solid[where], connectivity=1)
    return largest


def _nearest(at_vox: Array) -> tuple[NDArray[np.intp], ...]:
    """The voxels (z, y, x) nearest to places on the grid (n, 3), at its edge beyond it."""
    nearest = np.rint(at_vox).astype(np.intp)
    return tuple(np.clip(nearest, 0, np.array(SIZE_VOX) - 1).T[::-1])


def _middle(array: NDArray[np.generic]) -> tuple[int, int, int]:
    z, y, x = (n // 2 for n in array.shape)
    return z, y, x
