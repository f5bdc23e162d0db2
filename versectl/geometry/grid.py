"""Lattices along the world's axes: what networks see, and where bodies are built."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from versectl.geometry.frame import Frame, Triple, Vector, is_within, sizes


@dataclass(frozen=True)
class Grid:
    """An axis-parallel lattice of voxel centres in the world: x, y, z throughout."""

    size_vox: tuple[int, int, int]
    spacing_mm: Triple
    origin_mm: Triple

    @classmethod
    def centered(
        cls, center_mm: Vector, size_vox: Sequence[int] | NDArray[Any], spacing_mm: Vector
    ) -> "Grid":
        """The grid of that size whose middle, between first and last centre, is center_mm."""
        spacing = _triple(spacing_mm)
        origin = _triple(
            c - (n - 1) / 2 * s for c, n, s in zip(center_mm, size_vox, spacing, strict=True)
        )
        return cls(sizes(size_vox), spacing, origin)

    @classmethod
    def of(cls, image: sitk.Image) -> "Grid":
        """The grid of an image whose axes are the world's."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin())

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an array on this grid: z, y, x."""
        return self.size_vox[::-1]

    @property
    def frame(self) -> Frame:
        """The same as a frame."""
        return Frame(self.size_vox, np.array(self.spacing_mm), np.eye(3), np.array(self.origin_mm))

    @property
    def last_mm(self) -> NDArray[Any]:
        """World position of the last voxel centre."""
        return self.to_mm(np.array(self.size_vox) - 1)

    def to_vox(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """World points (..., 3) in continuous voxels of this grid."""
        return (np.asarray(points_mm, float) - self.origin_mm) / self.spacing_mm

    def to_mm(self, points_vox: ArrayLike) -> NDArray[np.float64]:
        """Continuous voxels (..., 3) of this grid in the world."""
        return np.asarray(points_vox, float) * self.spacing_mm + self.origin_mm

    def within(self, low_mm: ArrayLike, high_mm: ArrayLike) -> "Grid":
        """The part of this grid whose voxel centres lie in a world box; at least two a side."""
        last = np.array(self.size_vox) - 2
        start = np.clip(np.ceil(self.to_vox(low_mm)), 0, last).astype(int)
        stop = np.clip(np.floor(self.to_vox(high_mm)), start + 1, last + 1).astype(int) + 1
        return Grid(sizes(stop - start), self.spacing_mm, _triple(self.to_mm(start)))

    def part(self, where: tuple[slice, ...]) -> "Grid":
        """The grid of a part of an array on this grid, as it is cut out of it (z, y, x)."""
        ends = [axis.indices(n) for axis, n in zip(where[::-1], self.size_vox, strict=True)]
        size_vox = sizes(stop - start for start, stop, _ in ends)
        return Grid(size_vox, self.spacing_mm, _triple(self.to_mm([start for start, *_ in ends])))

    def refined(self, factor: int) -> "Grid":
        """The same voxels, each split into `factor` a side."""
        size = sizes(n * factor for n in self.size_vox)
        origin_mm = _triple(self.to_mm(np.full(3, (1 / factor - 1) / 2)))
        return Grid(size, _triple(s / factor for s in self.spacing_mm), origin_mm)

    def coarsened(self, factor: int) -> "Grid":
        """Voxels of this grid merged by `factor` a side; what is left over at its ends goes."""
        size = sizes(n // factor for n in self.size_vox)
        origin_mm = _triple(self.to_mm(np.full(3, (factor - 1) / 2)))
        return Grid(size, _triple(s * factor for s in self.spacing_mm), origin_mm)

    def halves(self) -> tuple["Grid", "Grid"]:
        """The lower and the upper half along z."""
        x, y, z = self.size_vox
        upper_mm = _triple(self.to_mm([0, 0, z // 2]))
        lower = Grid((x, y, z // 2), self.spacing_mm, self.origin_mm)
        return lower, Grid((x, y, z - z // 2), self.spacing_mm, upper_mm)

    def contains(self, point_mm: ArrayLike) -> bool:
        """Whether a world point lies in a voxel of this grid."""
        return is_within(self.to_vox(point_mm), self.size_vox)


def _triple(values: Iterable[float]) -> Triple:
    x, y, z = values
    return float(x), float(y), float(z)
