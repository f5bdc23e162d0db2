"""CT volumes on disk, in the world, and as arrays: the only file that knows all three.

World coordinates are millimetres in LPS: x grows to the patient's left, y to posterior, z to
superior. Points, sizes and spacings are x, y, z; arrays are z, y, x, as SimpleITK hands them over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from versectl.errors import BadInputError
from versectl.files import replacing

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")

#: Air, and what lies outside a scan.
AIR_HU = -1024.0


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

    def contains(self, point_mm: Sequence[float]) -> bool:
        """Whether the point lies inside a voxel of this grid."""
        at = self.to_vox(point_mm)
        return bool(np.all(at >= -0.5) and np.all(at < np.array(self.size_vox) - 0.5))


def read_ct(path: Path) -> sitk.Image:
    """A CT from NIfTI, NRRD or MetaImage: 3-D, float32 or int16, in Hounsfield units.

    Raises BadInputError when the file is not one 3-D scalar CT.
    """
    image = _read_3d(path)
    _check_hounsfield(sitk.GetArrayViewFromImage(image), path)
    kind = image.GetPixelID()
    return image if kind == sitk.sitkInt16 else sitk.Cast(image, sitk.sitkFloat32)


def read_labels(path: Path) -> sitk.Image:
    """A label map as uint8, whatever type it is stored in.

    Raises BadInputError when a voxel is not a whole number in 0..255.
    """
    image = _read_3d(path)
    values = sitk.GetArrayViewFromImage(image)
    rounded = np.rint(values)
    if np.abs(values - rounded).max() > 1e-3 or rounded.min() < 0 or rounded.max() > 255:
        raise BadInputError(
            f"{path} holds values other than whole numbers in 0..255; a label map is needed."
        )
    return from_array(rounded.astype(np.uint8), image)


def write(image: sitk.Image, path: Path) -> None:
    """Write an image in the format its name ends with, compressed."""
    suffix = next((s for s in SUFFIXES if path.name.endswith(s)), path.suffix)
    with replacing(path, suffix) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True)
        except RuntimeError as error:
            raise BadInputError(f"{path} could not be written: {_reason(error)}.") from error


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
    last = np.array(image.GetSize()) - 1
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * last
    corners_mm = to_mm(image, corners)
    return corners_mm.min(axis=0), corners_mm.max(axis=0)


def center(image: sitk.Image) -> np.ndarray:
    """World position of the middle of the volume: (3,)."""
    return to_mm(image, (np.array(image.GetSize()) - 1) / 2)


def resample(
    image: sitk.Image, grid: Grid, interpolator: int = sitk.sitkLinear, outside: float = AIR_HU
) -> sitk.Image:
    """The image on a grid; voxels beyond the image get the value `outside`."""
    return sitk.Resample(
        image,
        grid.size_vox,
        sitk.Transform(),
        interpolator,
        grid.origin_mm,
        grid.spacing_mm,
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        outside,
        sitk.sitkUnknown,
    )


def crop(image: sitk.Image, lowest_mm: Sequence[float], highest_mm: Sequence[float]) -> sitk.Image:
    """The part of the image, in whole voxels, that covers a world box; never empty."""
    box = np.array([lowest_mm, highest_mm], float)
    corners = np.array(
        [[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    )
    corners_vox = to_vox(image, corners)
    last = np.array(image.GetSize()) - 1
    start = np.clip(np.floor(corners_vox.min(axis=0)), 0, last).astype(int)
    stop = np.clip(np.ceil(corners_vox.max(axis=0)), start, last).astype(int) + 1
    return sitk.RegionOfInterest(image, (stop - start).tolist(), start.tolist())


def smooth(image: sitk.Image, sigma_mm: float) -> sitk.Image:
    """A float32 image clamped to air below, then Gaussian-smoothed with a width in millimetres.

    An axis of fewer than four voxels is left as it is: the recursive filter needs four.
    """
    floor = sitk.Clamp(sitk.Cast(image, sitk.sitkFloat32), lowerBound=AIR_HU)
    for axis, size in enumerate(image.GetSize()):
        if size >= 4:
            floor = sitk.RecursiveGaussian(floor, sigma_mm, direction=axis)
    return floor


def _read_3d(path: Path) -> sitk.Image:
    path = Path(path)
    if not path.is_file():
        raise BadInputError(f"{path} does not exist.")
    if not path.name.endswith(SUFFIXES):
        raise BadInputError(f"{path} is no volume versectl reads; use {', '.join(SUFFIXES)}.")
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise BadInputError(f"{path} cannot be read: {_reason(error)}.") from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise BadInputError(f"{path} is a colour or vector image; one value per voxel is needed.")
    return _one_frame(image, path)


def _one_frame(image: sitk.Image, path: Path) -> sitk.Image:
    size = image.GetSize()
    frames = int(np.prod(size[3:]))
    if frames > 1:
        raise BadInputError(f"{path} has {frames} frames; versectl needs one 3-D CT.")
    while image.GetDimension() > 3:
        image = sitk.Extract(image, [*image.GetSize()[:-1], 0], [0] * image.GetDimension())
    if image.GetDimension() != 3 or min(image.GetSize()) < 2:
        shown = "x".join(map(str, size))
        raise BadInputError(f"{path} is {shown} voxels; versectl needs one 3-D CT.")
    return image


def _check_hounsfield(values: np.ndarray, path: Path) -> None:
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        raise BadInputError(f"{path} holds values that are not finite; replace NaN and infinity.")
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise BadInputError(f"{path} has the same value, {low:g}, everywhere; it shows nothing.")
    # Any CT of a spine shows fat or air (below -50 HU) and bone (above 150 HU); stored detector
    # values (HU + 1024), windowed pictures and other modalities do not.
    if low > -50 or high < 150 or low < -50_000 or high > 100_000:
        raise BadInputError(
            f"{path} has values from {low:g} to {high:g}, not Hounsfield units; convert it first."
        )


def _reason(error: RuntimeError) -> str:
    """The last telling line of ITK's many, without its file and line numbers."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "unknown reason"
