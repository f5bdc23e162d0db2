"""Places in the world and in voxels: grids, axes, resampling.

World coordinates are millimetres in LPS: x grows to the patient's left, y to posterior, z to
superior. Points, sizes and spacings are x, y, z; arrays are z, y, x, as SimpleITK hands them over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

#: The corners of the unit cube, (8, 3).
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])

#: Air, and what lies outside a scan.
AIR_HU = -1024.0

#: Hounsfield units that are 1 in a network input.
UNIT_HU = 2048.0


@dataclass(frozen=True)
class Grid:
    """An axis-parallel lattice of voxel centres in the world: x, y, z throughout."""

    size_vox: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]

    @classmethod
    def centered(
        cls, center_mm: Sequence[float], size_vox: Sequence[int], spacing_mm: Sequence[float]
    ) -> "Grid":
        """The grid of that size whose middle, between first and last centre, is center_mm."""
        spacing = tuple(float(s) for s in spacing_mm)
        origin = tuple(
            float(c - (n - 1) / 2 * s) for c, n, s in zip(center_mm, size_vox, spacing, strict=True)
        )
        return cls(tuple(int(n) for n in size_vox), spacing, origin)

    @classmethod
    def of(cls, image: sitk.Image) -> "Grid":
        """The grid of an image whose axes are the world's."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin())

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an array on this grid: z, y, x."""
        return self.size_vox[::-1]

    @property
    def last_mm(self) -> np.ndarray:
        """World position of the last voxel centre."""
        return self.to_mm(np.array(self.size_vox) - 1)

    def to_vox(self, points_mm: np.ndarray) -> np.ndarray:
        """World points (..., 3) in continuous voxels of this grid."""
        return (np.asarray(points_mm, float) - self.origin_mm) / self.spacing_mm

    def to_mm(self, points_vox: np.ndarray) -> np.ndarray:
        """Continuous voxels (..., 3) of this grid in the world."""
        return np.asarray(points_vox, float) * self.spacing_mm + self.origin_mm

    def within(self, low_mm: np.ndarray, high_mm: np.ndarray) -> "Grid":
        """The part of this grid whose voxel centres lie in a world box; at least two a side."""
        last = np.array(self.size_vox) - 2
        start = np.clip(np.ceil(self.to_vox(low_mm)), 0, last).astype(int)
        stop = np.clip(np.floor(self.to_vox(high_mm)), start + 1, last + 1).astype(int) + 1
        size = tuple((stop - start).tolist())
        return Grid(size, self.spacing_mm, tuple(self.to_mm(start).tolist()))

    def refined(self, factor: int) -> "Grid":
        """The same voxels, each split into `factor` a side."""
        size = tuple(n * factor for n in self.size_vox)
        origin_mm = tuple(self.to_mm(np.full(3, (1 / factor - 1) / 2)).tolist())
        return Grid(size, tuple(s / factor for s in self.spacing_mm), origin_mm)

    def coarsened(self, factor: int) -> "Grid":
        """Voxels of this grid merged by `factor` a side; what is left over at its ends goes."""
        size = tuple(n // factor for n in self.size_vox)
        origin_mm = tuple(self.to_mm(np.full(3, (factor - 1) / 2)).tolist())
        return Grid(size, tuple(s * factor for s in self.spacing_mm), origin_mm)

    def contains(self, point_mm: Sequence[float]) -> bool:
        """Whether the point lies inside a voxel of this grid."""
        at = self.to_vox(point_mm)
        return bool(np.all(at >= -0.5) and np.all(at < np.array(self.size_vox) - 0.5))


def to_array(image: sitk.Image) -> np.ndarray:
    """A copy of the voxels: (z, y, x)."""
    return sitk.GetArrayFromImage(image)


def from_array(array: np.ndarray, like: sitk.Image | Grid) -> sitk.Image:
    """Voxels (z, y, x) placed in the world like an image or a grid of the same size."""
    image = sitk.GetImageFromArray(array)
    if isinstance(like, Grid):
        image.SetSpacing(like.spacing_mm)
        image.SetOrigin(like.origin_mm)
    else:
        image.CopyInformation(like)
    return image


def axis_letters(image: sitk.Image) -> tuple[str, str, str]:
    """Where each voxel axis points, nearest anatomical direction: ("P", "I", "R") and so on."""
    code = sitk.DICOMOrientImageFilter_GetOrientationFromDirectionCosines(image.GetDirection())
    return tuple(code)


def same_grid(one: sitk.Image, other: sitk.Image) -> bool:
    """Whether two images have the same size and lie in the world within a hundredth of a voxel."""
    if one.GetSize() != other.GetSize():
        return False
    corners_vox = CORNERS * (np.array(one.GetSize()) - 1)
    return bool(np.abs(to_vox(other, to_mm(one, corners_vox)) - corners_vox).max() < 0.01)


def to_mm(image: sitk.Image, points_vox: np.ndarray) -> np.ndarray:
    """Continuous voxels (..., 3) of an image in the world."""
    matrix = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return np.asarray(points_vox, float) @ matrix.T + image.GetOrigin()


def to_vox(image: sitk.Image, points_mm: np.ndarray) -> np.ndarray:
    """World points (..., 3) in continuous voxels of an image."""
    matrix = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return np.linalg.solve(
        matrix, (np.asarray(points_mm, float) - image.GetOrigin()).reshape(-1, 3).T
    ).T.reshape(np.shape(points_mm))


def extent(image: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest world coordinates of the voxel centres, each (3,)."""
    corners_mm = to_mm(image, CORNERS * (np.array(image.GetSize()) - 1))
    return corners_mm.min(axis=0), corners_mm.max(axis=0)


def contains(image: sitk.Image, point_mm: np.ndarray) -> bool:
    """Whether a world point lies in a voxel of the image, however its axes are turned."""
    at_vox = to_vox(image, point_mm)
    return bool(np.all((at_vox >= -0.5) & (at_vox <= np.array(image.GetSize()) - 0.5)))


def center(image: sitk.Image) -> np.ndarray:
    """World position of the middle of the volume: (3,)."""
    return to_mm(image, (np.array(image.GetSize()) - 1) / 2)


def resample(
    image: sitk.Image,
    grid: Grid,
    interpolator: int = sitk.sitkLinear,
    outside: float = AIR_HU,
    moved: sitk.Transform | None = None,
) -> sitk.Image:
    """The image on a grid, moved or not; voxels beyond the image get the value `outside`."""
    return sitk.Resample(
        image,
        grid.size_vox,
        moved or sitk.Transform(),
        interpolator,
        grid.origin_mm,
        grid.spacing_mm,
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        outside,
        sitk.sitkUnknown,
    )


def crop(image: sitk.Image, lowest_mm: Sequence[float], highest_mm: Sequence[float]) -> sitk.Image:
    """The part of the image, in whole voxels, that covers a world box; never empty."""
    corners_vox = to_vox(image, lowest_mm + CORNERS * np.subtract(highest_mm, lowest_mm))
    last = np.array(image.GetSize()) - 1
    start = np.clip(np.floor(corners_vox.min(axis=0)), 0, last).astype(int)
    stop = np.clip(np.ceil(corners_vox.max(axis=0)), start, last).astype(int) + 1
    return sitk.RegionOfInterest(image, (stop - start).tolist(), start.tolist())


def smooth(image: sitk.Image, sigma_mm: float) -> sitk.Image:
    """A float32 image clamped to air below, then Gaussian-smoothed with a width in millimetres.

    An axis of fewer than four voxels is left as it is: the recursive filter needs four. A width of
    0 leaves all as it is.
    """
    if not sigma_mm:
        return image
    floor = sitk.Clamp(sitk.Cast(image, sitk.sitkFloat32), lowerBound=AIR_HU)
    for axis, size in enumerate(image.GetSize()):
        if size >= 4:
            floor = sitk.RecursiveGaussian(floor, sigma_mm, direction=axis)
    return floor


def keep_labels(label_map: sitk.Image, labels: Iterable[int]) -> sitk.Image:
    """The label map with only these labels; all others become 0."""
    array = to_array(label_map)
    array[~np.isin(array, list(labels))] = 0
    return from_array(array, label_map)


def network_input(ct: sitk.Image, grid: Grid, smoothing_mm: float) -> np.ndarray:
    """Network input of a CT, (z, y, x): smoothed, on the grid, HU / 2048 within -1..1.

    Only the part of the scan the grid covers is smoothed, with a margin of four widths.
    """
    margin_mm = 4 * smoothing_mm + np.array(grid.spacing_mm)
    near = crop(ct, grid.origin_mm - margin_mm, grid.last_mm + margin_mm)
    hounsfield = to_array(resample(smooth(near, smoothing_mm), grid))
    return np.clip(hounsfield / UNIT_HU, -1.0, 1.0)
