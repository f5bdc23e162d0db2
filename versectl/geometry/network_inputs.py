"""Network inputs of a CT: smoothed, and read on a grid, axis by axis where the axes allow it."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl.geometry import separable
from versectl.geometry.arrays import to_array
from versectl.geometry.frame import Frame, axes_along_world
from versectl.geometry.grid import Grid
from versectl.geometry.resampling import AIR_HU, crop, resample, smooth

#: Hounsfield units that are 1 in a network input (released).
UNIT_HU = 2048.0

#: chosen: a Gaussian counts as far as so many of its widths; 0.006 % of it lies beyond.
REACH_WIDTHS = 4

#: chosen: the most voxels of an oblique scan that are smoothed at once, 512 MB in floats.
MOST_FLOAT_VOX = 2**27


def network_input(ct: sitk.Image, grid: Grid, smoothing_mm: float) -> NDArray[Any]:
    """Network input of a CT, (z, y, x): smoothed, on the grid, HU / 2048 within -1..1.

    Only the part of the scan the grid covers is smoothed, with a margin of four widths.
    """
    along = axes_along_world(ct)
    sampled = _sampled if along is None else partial(_sampled_along, along)
    hounsfield = sampled(ct, grid, smoothing_mm)
    hounsfield /= UNIT_HU
    return np.clip(hounsfield, -1.0, 1.0, out=hounsfield)


def _sampled_along(
    along: NDArray[np.intp], ct: sitk.Image, grid: Grid, smoothing_mm: float
) -> NDArray[np.float32]:
    """A CT whose voxel axes run along the world's, smoothed on a grid, axis by axis."""
    axes = [_Axis.of(Frame.of(ct), grid, world, axis) for world, axis in enumerate(along)][::-1]
    voxels = sitk.GetArrayViewFromImage(ct).transpose([2 - axis for axis in along[::-1]])
    near = tuple(axis.near(REACH_WIDTHS * smoothing_mm) for axis in axes)
    z, y, x = (axis.matrix(part, smoothing_mm) for axis, part in zip(axes, near, strict=True))
    floor = AIR_HU if smoothing_mm else None
    sampled = np.full(grid.shape, AIR_HU, np.float32)
    sampled[tuple(axis.inside for axis in axes)] = separable.through(voxels[near], (z, y, x), floor)
    return sampled


class _Axis(NamedTuple):
    """An axis of a scan that runs along one of a grid's, either way.

    at_vox : the grid's places on it, in its voxels. step_vox : from one to the next.
    """

    size_vox: int
    spacing_mm: float
    at_vox: NDArray[np.float64]
    step_vox: float

    @classmethod
    def of(cls, frame: Frame, grid: Grid, world: int, axis: int) -> "_Axis":
        """The scan's axis that runs along an axis of the world."""
        spacing_mm, step_mm = float(frame.spacing_mm[axis]), grid.spacing_mm[world]
        places_mm = grid.origin_mm[world] + np.arange(grid.size_vox[world]) * step_mm
        way = np.sign(frame.direction[world, axis])
        at_vox = (places_mm - frame.origin_mm[world]) * way / spacing_mm
        return cls(frame.size_vox[axis], spacing_mm, at_vox, step_mm / spacing_mm)

    @property
    def inside(self) -> slice:
        """Which of the grid's places ITK reads: the lower border of a scan, not the upper one."""
        there = np.flatnonzero((self.at_vox >= -0.5) & (self.at_vox < self.size_vox - 0.5))
        return slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, 0)

    def near(self, margin_mm: float) -> slice:
        """The voxels that the grid covers, and so far beyond; at least one."""
        margin_vox, last = margin_mm / self.spacing_mm + self.step_vox, self.size_vox - 1
        start = int(np.clip(np.floor(self.at_vox.min() - margin_vox), 0, last))
        return slice(start, int(np.clip(np.ceil(self.at_vox.max() + margin_vox), start, last)) + 1)

    def matrix(self, part: slice, smoothing_mm: float) -> NDArray[np.float32]:
        """What smooths a part of the voxels and reads them at the grid's places inside."""
        size_vox, at_vox = part.stop - part.start, self.at_vox[self.inside]
        smooths = separable.smoothing(size_vox, self.spacing_mm, smoothing_mm)
        return separable.read_at(at_vox - part.start, smooths)


def _sampled(ct: sitk.Image, grid: Grid, smoothing_mm: float) -> NDArray[np.float32]:
    """A CT, smoothed on a grid; a large one half by half, for it is held in floats, repeatedly."""
    margin_mm = REACH_WIDTHS * smoothing_mm + np.array(grid.spacing_mm)
    near = crop(ct, grid.origin_mm - margin_mm, grid.last_mm + margin_mm)
    if near.GetNumberOfPixels() > MOST_FLOAT_VOX and grid.size_vox[2] > 1:
        return np.concatenate([_sampled(ct, half, smoothing_mm) for half in grid.halves()])
    return to_array(resample(smooth(near, smoothing_mm), grid)).astype(np.float32, copy=False)
