"""CT volumes and label maps on disk: NIfTI, NRRD and MetaImage, read whole or refused."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from versectl import geometry
from versectl.errors import BadInputError
from versectl.io import layout, metaimage, nifti, silence
from versectl.io.atomic import replacing
from versectl.io.dicom import reading, sources

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


def read_ct(path: Path, series: str | None = None) -> sitk.Image:
    """A CT from NIfTI, NRRD, MetaImage or DICOM: 3-D, float32 or int16, in Hounsfield units.

    series : key or UID of a DICOM series; None where there is only one CT.
    Raises BadInputError when the path is not one 3-D scalar CT.
    """
    path = Path(path)
    is_dicom = not path.name.endswith(layout.SUFFIXES) and sources.is_source(path)
    image = reading.read(path, series).image if is_dicom else _read_3d(path)
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


def read_stored(path: Path) -> sitk.Image:
    """One 3-D scalar image with the values it holds, whatever they mean.

    Raises BadInputError when the file is not one.
    """
    return _read_3d(Path(path))


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
    return geometry.from_array(label_map, image)


def write(image: sitk.Image, path: Path) -> None:
    """Write an image in the format its name ends with, compressed; whole, or not at all."""
    suffix = next((s for s in layout.SUFFIXES if path.name.endswith(s)), path.suffix)
    with replacing(path, suffix) as temporary:
        try:
            with silence.libraries():
                sitk.WriteImage(image, str(temporary), useCompression=True)
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise
            raise BadInputError(f"{path} could not be written; is the disk full?") from error
        voxel_bytes = image.GetNumberOfPixels() * image.GetSizeOfPixelComponent()
        if suffix in layout.NIFTI and not nifti.is_whole(temporary, voxel_bytes):
            raise BadInputError(f"{path} could not be written whole; is the disk full?")


def _read_3d(path: Path) -> sitk.Image:
    """One 3-D scalar image; BadInputError says what else the file is. The header comes first."""
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):  # ITK would crash
        raise BadInputError(f"{path} has bytes in its name that are no letters; rename it.")
    if not path.is_file():
        raise BadInputError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}.")
    if not path.name.endswith(layout.SUFFIXES):
        raise BadInputError(
            f"{path} is no volume versectl reads; use {', '.join(layout.SUFFIXES)}."
        )
    path.open("rb").close()  # ITK does not say when a file may not be read
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with silence.libraries():
        try:
            (nifti if path.name.endswith(layout.NIFTI) else metaimage).check(
                path
            )  # before ITK trusts it
            reader.ReadImageInformation()
            _check_header(reader, path)
            image = _read_voxels(reader, path)
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise
            raise BadInputError(f"{path} {_reason(error)}.") from error
    return _with_three_axes(image)


def _read_voxels(reader: sitk.ImageFileReader, path: Path) -> sitk.Image:
    if not path.name.endswith(layout.NIFTI):
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
