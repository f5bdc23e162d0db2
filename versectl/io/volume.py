"""CT volumes and label maps on disk: NIfTI, NRRD and MetaImage, read whole or refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from nibabel.nifti1 import Nifti1Extension
from numpy.typing import NDArray

from versectl import geometry
from versectl.errors import BadInputError, missing
from versectl.geometry import Frame
from versectl.io import layout
from versectl.io.atomic import replacing
from versectl.io.dicom import reading, sources, stack
from versectl.io.images import NIFTI, hounsfield, itk, nifti, placement
from versectl.io.images.placement import Header, Placement
from versectl.types import Flag


@dataclass(frozen=True, eq=False)
class CT:
    """A CT as the stages work on it, and where its file has it.

    image : Hounsfield units, int16 or float32, on a grid at right angles; nothing below air.
    placement : the scan's own grid, for what is written on it.
    flags : what was odd in the file.
    """

    image: sitk.Image
    placement: Placement
    flags: tuple[Flag, ...] = ()

    @classmethod
    def of(cls, image: sitk.Image) -> "CT":
        """A CT that comes from no file: placed as the image is."""
        return cls(image, placement_of(image))


def read_ct(path: Path, series: str | None = None) -> CT:
    """A CT from NIfTI, NRRD, MetaImage or DICOM.

    series : key or UID of a DICOM series; None where there is only one CT.
    Raises BadInputError when the path is not one 3-D scalar CT in Hounsfield units.
    """
    path = Path(path)
    if _is_dicom(path):
        values, placed = _read_dicom(path, series)
    else:
        values, placed = _read(path, placement.SHORTEST_MM)
    return _as_ct(values, placed, path)


def ct_of(values: NDArray[Any], header: Header, name: str) -> CT:
    """A CT that is in memory: voxels (z, y, x), which are changed, and what is said of them.

    name : what messages call it. Raises BadInputError as read_ct does.
    """
    placement.check(header, name)
    return _as_ct(values, placement.place(header), name)


def read_stored(path: Path) -> sitk.Image:
    """One 3-D scalar image with the values it holds, whatever they mean; on the grid of its CT.

    Raises BadInputError when the file is not one.
    """
    values, placed = _read(Path(path), placement.SHORTEST_LABELS_MM)
    return _on_grid(values, placed, sitk.sitkNearestNeighbor, 0)


def read_labels(path: Path) -> sitk.Image:
    """A label map as uint8, whatever type it is stored in; on the grid of its CT.

    Raises BadInputError when a voxel is not a whole number in 0..255.
    """
    values, placed = _read(Path(path), placement.SHORTEST_LABELS_MM)
    label_map = values if values.dtype == np.uint8 else _whole_numbers(values, path)
    return _on_grid(label_map, placed, sitk.sitkNearestNeighbor, 0)


def read_own_labels(path: Path) -> NDArray[np.uint8]:
    """The voxels (z, y, x) of a label map as its file has them, sheared or not."""
    return _whole_numbers(_read(Path(path), placement.SHORTEST_LABELS_MM)[0], path)


def read_placement(path: Path, series: str | None = None) -> Placement:
    """Where a file's voxels lie, from its header alone; of DICOM, from all of it."""
    if _is_dicom(Path(path)):
        return _read_dicom(Path(path), series)[1]
    _check_name(Path(path))
    return _header(Path(path), placement.SHORTEST_LABELS_MM)[1]


def read_frame(path: Path) -> sitk.Image:
    """An image of zeros on the grid that a file's CT is worked on, from its header alone."""
    return read_blank(path).image


def check_header(path: Path, series: str | None = None) -> None:
    """Raises BadInputError where headers alone tell that read_ct() would refuse the path."""
    if _is_dicom(path):
        reading.check(path, series)
        return
    _check_name(path)
    _header(path, placement.SHORTEST_MM)


def read_blank(path: Path, series: str | None = None) -> CT:
    """A CT of zeros, placed as read_ct() would place it, from read_placement() alone."""
    placed = read_placement(path, series)
    zeros = sitk.Image(placed.grid.size_vox, sitk.sitkUInt8)
    return CT(placed.grid.place(zeros), placed)


def placement_of(image: sitk.Image) -> Placement:
    """The placement of an image at right angles that comes from no file."""
    frame = Frame.of(image)
    return Placement(frame, frame)


def write(
    image: sitk.Image,
    path: Path,
    placed: Placement | None = None,
    extension: Nifti1Extension | None = None,
) -> None:
    """Write an image in the format its name ends with, compressed; whole, or not at all.

    placed : the scan it belongs to: the image is written on the scan's own grid, and in NIfTI
        with the scan's own forms, codes and units. Without it, as the image lies.
    extension : what the header of a NIfTI tells beside.
    """
    suffix = layout.suffix(path.name) or path.suffix
    image = image if placed is None else _on_own(image, placed)
    with replacing(path, suffix) as temporary:
        if suffix.lower() in NIFTI:
            forms = placed.nifti if placed else None
            voxels = sitk.GetArrayViewFromImage(image)
            forms = forms or nifti.forms_of(Frame.of(image))
            nifti.write(voxels, forms, temporary, extension)
        else:
            itk.write(image, temporary)


def _as_ct(values: NDArray[Any], placed: Placement, name: Path | str) -> CT:
    flags = hounsfield.check(values, name)
    if values.dtype != np.int16:
        values = values.astype(np.float32, copy=False)
    image = _on_grid(values, placed, sitk.sitkLinear, geometry.AIR_HU)
    return CT(image, placed, (*placed.flags, *flags))


def _read(path: Path, shortest_mm: float) -> tuple[NDArray[Any], Placement]:
    """The voxels (z, y, x) of one 3-D scalar image, and where they lie."""
    _check_name(path)
    header, placed = _header(path, shortest_mm)
    if isinstance(header, nifti.NiftiHeader):
        return nifti.read_voxels(path, header), placed
    return geometry.to_array(itk.read_image(path)), placed


def _is_dicom(path: Path) -> bool:
    return layout.suffix(path.name) is None and sources.is_source(path)


def _read_dicom(path: Path, series: str | None) -> tuple[NDArray[Any], Placement]:
    """The voxels (z, y, x) of a DICOM series in Hounsfield units, and where they lie."""
    image, mended = reading.read(path, series)
    flags = tuple(stack.FLAGS[code] for code in mended)
    header = Header(image.GetSize(), True, Frame.of(image), flags=flags)
    placement.check(header, path)
    return geometry.to_array(image), placement.place(header)


def _check_name(path: Path) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):  # ITK would crash
        raise BadInputError(f"{path} has a file name that is not valid UTF-8; rename it.")
    if not path.is_file():
        raise BadInputError(f"{path} is a folder.") if path.is_dir() else missing(path)
    if layout.suffix(path.name) is None:
        raise BadInputError(
            f"{path} is not an image that versectl reads; use {', '.join(layout.SUFFIXES)}."
        )
    path.open("rb").close()  # ITK does not say when a file may not be read


def _header(path: Path, shortest_mm: float) -> tuple[Header, Placement]:
    """The checked header, and where it places the voxels: before any memory is taken for them."""
    if str(layout.suffix(path.name)).lower() not in NIFTI:
        header = itk.read_header(path)
        placement.check(header, path, shortest_mm)
        return header, placement.place(header)
    of_nifti = nifti.read_header(path)
    placement.check(of_nifti, path, shortest_mm)
    of_nifti = nifti.in_itk_digits(path, of_nifti)
    return of_nifti, placement.place(of_nifti, of_nifti.nifti)


def _on_grid(
    values: NDArray[Any], placed: Placement, interpolator: int, outside: float
) -> sitk.Image:
    """Voxels (z, y, x) of the file as an image at right angles."""
    image = sitk.GetImageFromArray(values, isVector=False)
    if not placed.is_sheared:
        return placed.grid.place(image)
    kind = sitk.sitkFloat32 if interpolator == sitk.sitkLinear else sitk.sitkUnknown
    return geometry.resample_to(placed.own.place(image), placed.grid, interpolator, outside, kind)


def _on_own(image: sitk.Image, placed: Placement) -> sitk.Image:
    """A result on the scan's own grid: label maps (uint8) by the nearest voxel, others linearly."""
    if not placed.is_sheared and geometry.same_grid(image, placed.grid):
        return image
    is_labels = image.GetPixelID() == sitk.sitkUInt8
    interpolator = sitk.sitkNearestNeighbor if is_labels else sitk.sitkLinear
    return geometry.resample_to(image, placed.own, interpolator, 0.0)


def _whole_numbers(values: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    label_map = np.empty(values.shape, np.uint8)
    for plane, converted in zip(values, label_map, strict=True):  # never a second copy in floats
        rounded = np.rint(plane)
        if np.abs(plane - rounded).max() > 1e-3 or rounded.min() < 0 or rounded.max() > 255:
            raise BadInputError(
                f"{path} holds values other than whole numbers in 0..255; a label map is needed."
            )
        converted[...] = rounded
    return label_map
