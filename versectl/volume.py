"""CT volumes on disk, in the world, and as arrays: the only file that knows all three.

World coordinates are millimetres in LPS: x grows to the patient's left, y to posterior, z to
superior. Points, sizes and spacings are x, y, z; arrays are z, y, x, as SimpleITK hands them over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from versectl import metaimage, nifti, silence
from versectl.errors import BadInputError
from versectl.files import replacing

NIFTI = (".nii.gz", ".nii")
SUFFIXES = (*NIFTI, ".nrrd", ".nhdr", ".mha", ".mhd")

SHEARED = (
    "has axes that are not at right angles (a direction matrix that is not orthonormal); "
    "resample it onto a rectangular grid, or convert it again with gantry tilt correction"
)

#: A part of ITK's message -> what it means.
MEANINGS = {
    "orthonormal": SHEARED,
    "determinant is 0": SHEARED,
    "Unable to determine ImageIO": "cannot be read: it is not in the format its name says",
    "Refusing to change spacing": "has voxels without extent (a spacing of 0); mend its header",
}

#: The corners of the unit cube, (8, 3).
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])

#: Air, and what lies outside a scan.
AIR_HU = -1024.0

#: What networks see as 1.
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


def read_ct(path: Path) -> sitk.Image:
    """A CT from NIfTI, NRRD or MetaImage: 3-D, float32 or int16, in Hounsfield units.

    Raises BadInputError when the file is not one 3-D scalar CT.
    """
    image = _read_3d(Path(path))
    _check_hounsfield(sitk.GetArrayViewFromImage(image), path)
    kind = image.GetPixelID()
    return image if kind == sitk.sitkInt16 else sitk.Cast(image, sitk.sitkFloat32)


def read_frame(path: Path) -> sitk.Image:
    """An image of zeros on a file's grid, from its header alone."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with silence.libraries():
            reader.ReadImageInformation()
        _check_header(reader, path)
    except RuntimeError as error:
        raise BadInputError(f"{path} {_reason(error)}.") from error
    image = sitk.Image(reader.GetSize()[:3], sitk.sitkUInt8)
    image.SetSpacing(reader.GetSpacing()[:3])
    image.SetOrigin(reader.GetOrigin()[:3])
    matrix = np.reshape(reader.GetDirection(), (reader.GetDimension(),) * 2)[:3, :3]
    image.SetDirection(matrix.ravel().tolist())
    return image


def read_labels(path: Path) -> sitk.Image:
    """A label map as uint8, whatever type it is stored in.

    Raises BadInputError when a voxel is not a whole number in 0..255.
    """
    image = _read_3d(Path(path))
    if image.GetPixelID() == sitk.sitkUInt8:
        return image
    values = sitk.GetArrayViewFromImage(image)
    label_map = np.empty(values.shape, np.uint8)
    for plane, converted in zip(values, label_map, strict=True):  # never a second copy in floats
        rounded = np.rint(plane)
        if np.abs(plane - rounded).max() > 1e-3 or rounded.min() < 0 or rounded.max() > 255:
            raise BadInputError(
                f"{path} holds values other than whole numbers in 0..255; a label map is needed."
            )
        converted[...] = rounded
    return from_array(label_map, image)


def write(image: sitk.Image, path: Path) -> None:
    """Write an image in the format its name ends with, compressed; whole, or not at all."""
    suffix = next((s for s in SUFFIXES if path.name.endswith(s)), path.suffix)
    with replacing(path, suffix) as temporary:
        try:
            with silence.libraries():
                sitk.WriteImage(image, str(temporary), useCompression=True)
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise
            raise BadInputError(f"{path} could not be written; is the disk full?") from error
        voxel_bytes = image.GetNumberOfPixels() * image.GetSizeOfPixelComponent()
        if suffix in NIFTI and not nifti.is_whole(temporary, voxel_bytes):
            raise BadInputError(f"{path} could not be written whole; is the disk full?")


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


@dataclass(frozen=True)
class Upright:
    """A scan with axes in LPS order, as if they were LPS exactly and its first voxel the origin.

    So the published method sees a scan, however oblique it is.

    image : the scan in that frame.
    matrix, origin_mm : from there to the world: a rotation (3, 3), and the first voxel (3,).
    """

    image: sitk.Image
    matrix: np.ndarray
    origin_mm: np.ndarray

    @classmethod
    def of(cls, image: sitk.Image) -> "Upright":
        """The scan in its upright frame."""
        turned = sitk.DICOMOrient(image, "LPS")
        matrix = np.array(turned.GetDirection()).reshape(3, 3)
        origin_mm = np.array(turned.GetOrigin())
        turned.SetOrigin((0.0, 0.0, 0.0))
        turned.SetDirection(np.eye(3).ravel().tolist())
        return cls(turned, matrix, origin_mm)

    def to_world(self, point_mm: np.ndarray) -> np.ndarray:
        """A point (3,) of the frame in the world."""
        return self.matrix @ point_mm + self.origin_mm

    def from_world(self, point_mm: np.ndarray) -> np.ndarray:
        """A point (3,) of the world in the frame."""
        return np.linalg.solve(self.matrix, point_mm - self.origin_mm)

    def in_world(self, image: sitk.Image) -> sitk.Image:
        """An image of the frame, moved to where it lies in the world."""
        moved = sitk.Image(image)
        moved.SetOrigin(self.to_world(np.array(image.GetOrigin())).tolist())
        moved.SetDirection(self.matrix.ravel().tolist())
        return moved


def whole_numbers(image: sitk.Image) -> sitk.Image:
    """A CT as int16, fractions cut off."""
    if image.GetPixelID() == sitk.sitkInt16:
        return image
    limits = np.iinfo(np.int16)
    return sitk.Cast(sitk.Clamp(image, sitk.sitkFloat32, limits.min, limits.max), sitk.sitkInt16)


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


def seen(ct: sitk.Image, grid: Grid, smoothing_mm: float) -> np.ndarray:
    """A CT as the networks see it: smoothed, on the grid, HU / 2048 within -1..1; (z, y, x).

    Only the part of the scan the grid covers is smoothed, with a margin of four widths.
    """
    margin_mm = 4 * smoothing_mm + np.array(grid.spacing_mm)
    near = crop(ct, grid.origin_mm - margin_mm, grid.last_mm + margin_mm)
    hounsfield = to_array(resample(smooth(near, smoothing_mm), grid))
    return np.clip(hounsfield / UNIT_HU, -1.0, 1.0)


def _read_3d(path: Path) -> sitk.Image:
    """One 3-D scalar image; BadInputError says what else the file is. The header comes first."""
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):  # ITK would crash
        raise BadInputError(f"{path} has bytes in its name that are no letters; rename it.")
    if not path.is_file():
        raise BadInputError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}.")
    if not path.name.endswith(SUFFIXES):
        raise BadInputError(f"{path} is no volume versectl reads; use {', '.join(SUFFIXES)}.")
    path.open("rb").close()  # ITK does not say when a file may not be read
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with silence.libraries():
        try:
            (nifti if path.name.endswith(NIFTI) else metaimage).check(path)  # before ITK trusts it
            reader.ReadImageInformation()
            _check_header(reader, path)
            image = _read_voxels(reader, path)
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise
            raise BadInputError(f"{path} {_reason(error)}.") from error
    return _with_three_axes(image)


def _read_voxels(reader: sitk.ImageFileReader, path: Path) -> sitk.Image:
    if not path.name.endswith(NIFTI):
        return reader.Execute()
    voxels = nifti.voxels(path).reshape(reader.GetSize()[::-1])
    image = sitk.GetImageFromArray(voxels, isVector=False)
    image.SetSpacing(reader.GetSpacing())
    image.SetOrigin(reader.GetOrigin())
    image.SetDirection(reader.GetDirection())
    return image


def _with_three_axes(image: sitk.Image) -> sitk.Image:
    while image.GetDimension() > 3:
        image = sitk.Extract(image, [*image.GetSize()[:-1], 0], [0] * image.GetDimension())
    return image


def _check_header(reader: sitk.ImageFileReader, path: Path) -> None:
    size = reader.GetSize()
    frames = int(np.prod(size[3:]))
    if reader.GetNumberOfComponents() != 1 or "complex" in sitk.GetPixelIDValueAsString(
        reader.GetPixelID()
    ):
        raise BadInputError(f"{path} is a colour or vector image; one value per voxel is needed.")
    if frames > 1:
        raise BadInputError(f"{path} has {frames} frames; versectl needs one 3-D CT.")
    if len(size) < 3 or min(size[:3]) < 2:
        shown = "x".join(map(str, size))
        raise BadInputError(f"{path} is {shown} voxels; versectl needs one 3-D CT.")
    matrix = np.array(reader.GetDirection()).reshape(len(size), -1)[:3, :3]
    # ITK itself keeps to this for NIfTI, not for NRRD and MetaImage.
    if not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3):
        raise BadInputError(f"{path} {SHEARED}.")


def _check_hounsfield(values: np.ndarray, path: Path) -> None:
    low, high = float(values.min()), float(values.max())  # either is NaN when any value is
    if not np.isfinite([low, high]).all():
        raise BadInputError(f"{path} holds values that are not finite; replace NaN and infinity.")
    if low == high:
        raise BadInputError(f"{path} has the same value, {low:g}, everywhere; it shows nothing.")
    # Any CT of a spine shows fat or air (below -50 HU) and bone (above 150 HU); stored detector
    # values (HU + 1024), windowed pictures and other modalities do not.
    if low > -50 or high < 150 or low < -50_000 or high > 100_000:
        raise BadInputError(
            f"{path} has values from {low:g} to {high:g}, not Hounsfield units; convert it first "
            "(values as stored by the scanner need their rescale slope and intercept)."
        )


def _reason(error: RuntimeError) -> str:
    """What one of ITK's many-lined errors means to a user."""
    text = str(error)
    for sign, meaning in MEANINGS.items():
        if sign in text:
            return meaning
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"is damaged or cut off ({lines[-1].rstrip('.') if lines else text}); get it again"
