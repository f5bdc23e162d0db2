"""NRRD and MetaImage by ITK, with the checks that ITK lacks.

ITK only prints a line when the packed voxels of a MetaImage are not whole, and crashes on some
damaged headers.
"""

import re
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from versectl.errors import BadInputError, is_out_of_memory
from versectl.geometry import Frame
from versectl.io import stderr
from versectl.io.images import detached
from versectl.io.images.placement import Header, no_orientation
from versectl.types import Flag

METAIMAGE = (".mha", ".mhd")

#: The last field of a MetaImage's header: where the voxels are.
DATA_FILE = re.compile(rb"^ElementDataFile *= *(.+?)\r?\n", re.MULTILINE)

#: What tells how the axes of a MetaImage lie: a matrix under one of its three names, or the letters
#: of axes that come from the right, the front and the feet, as ITK takes them without a matrix.
PLACED = re.compile(
    rb"^(TransformMatrix|Orientation|Rotation) *=|^AnatomicalOrientation *= *RAI\s", re.MULTILINE
)
NO_MATRIX = no_orientation("it has no TransformMatrix", "back")

#: ITK's name for the field of an NRRD that says so, and what it has turned the patient's spaces to.
NRRD_SPACE, LPS = "NRRD_space", "left-posterior-superior"

#: A part of ITK's message -> what it means.
MEANINGS = {
    "determinant is 0": "has voxel axes that span no volume; correct its header",
    "Unable to determine ImageIO": "cannot be read: it is not in the format its name says",
    "Refusing to change spacing": "has voxels without extent (a spacing of 0); correct its header",
}


def read_header(path: Path) -> Header:
    """What an NRRD or MetaImage says of its voxels; BadInputError when ITK cannot read it."""
    reader = _informed(path)
    kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    is_scalar = reader.GetNumberOfComponents() == 1 and "complex" not in kind
    size_vox = tuple(reader.GetSize())
    while len(size_vox) > 3 and size_vox[-1] == 1:
        size_vox = size_vox[:-1]
    return Header(size_vox, is_scalar, _frame(reader), flags=_orientation(reader))


def pixel_type(path: Path) -> int:
    """SimpleITK's number of the voxels' type."""
    return int(_informed(path).GetPixelID())


def read_image(path: Path) -> sitk.Image:
    """The image, 3-D; BadInputError when it is damaged."""
    try:
        with stderr.suppressed():
            image = _reader(path).Execute()
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise explained(error, path) from error
    while image.GetDimension() > 3:
        image = sitk.Extract(image, [*image.GetSize()[:-1], 0], [0] * image.GetDimension())
    return image


def write(image: sitk.Image, path: Path) -> None:
    """Write an image in the format its name ends with, compressed."""
    try:
        with stderr.suppressed():
            sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise BadInputError(f"{path} could not be written; is the disk full?") from error


def explained(error: RuntimeError, path: Path) -> BadInputError:
    """What one of ITK's many-lined errors means to a user."""
    text = str(error)
    for sign, meaning in MEANINGS.items():
        if sign in text:
            return BadInputError(f"{path} {meaning}.")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = lines[-1].rstrip(".") if lines else text
    return BadInputError(f"{path} is damaged or cut off ({reason}); get it again.")


def _reader(path: Path) -> sitk.ImageFileReader:
    """A reader that goes by the format and not by whether the name is in small letters."""
    reader = sitk.ImageFileReader()
    is_metaimage = path.name.lower().endswith(METAIMAGE)
    reader.SetImageIO("MetaImageIO" if is_metaimage else "NrrdImageIO")
    reader.SetFileName(str(path))
    return reader


def _informed(path: Path) -> sitk.ImageFileReader:
    """A reader that has read the header, which has been checked before."""
    if path.name.lower().endswith(METAIMAGE):
        _check_metaimage(path)
    reader = _reader(path)
    try:
        with stderr.suppressed():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise explained(error, path) from error
    return reader


def _frame(reader: sitk.ImageFileReader) -> Frame:
    """The frame of the first three axes; an axis that is not there has one voxel of 1 mm."""
    dimension = min(reader.GetDimension(), 3)
    direction, spacing_mm, origin_mm = np.eye(3), np.ones(3), np.zeros(3)
    all_axes = np.reshape(reader.GetDirection(), (reader.GetDimension(),) * 2)
    direction[:dimension, :dimension] = all_axes[:dimension, :dimension]
    spacing_mm[:dimension] = reader.GetSpacing()[:dimension]
    origin_mm[:dimension] = reader.GetOrigin()[:dimension]
    x, y, z = (*reader.GetSize(), 1, 1)[:3]
    return Frame((x, y, z), spacing_mm, direction, origin_mm)


def _orientation(reader: sitk.ImageFileReader) -> tuple[Flag, ...]:
    """A flag where a header does not say how its axes lie in the patient; ITK takes them as LPS."""
    path = Path(reader.GetFileName())
    if path.name.lower().endswith(METAIMAGE):
        return () if PLACED.search(_metaimage_header(path)) else (NO_MATRIX,)
    space = reader.GetMetaData(NRRD_SPACE) if reader.HasMetaDataKey(NRRD_SPACE) else ""
    if space.startswith(LPS):
        return ()
    return (no_orientation(f"its space is {space}" if space else "it has no space", "back"),)


def _metaimage_header(path: Path) -> bytes:
    """The header before the voxels, at least."""
    with path.open("rb") as file:
        content = file.read(detached.LONGEST)
    match = DATA_FILE.search(content)
    return content[: match.end()] if match else content


def _check_metaimage(path: Path) -> None:
    """Raises BadInputError when the header is no text or the voxels cannot be unpacked.

    What is no MetaImage at all is left to ITK.
    """
    content = path.read_bytes()
    match = DATA_FILE.search(content)
    header = content[: match.end()] if match else content[:4096]
    try:
        _check_text(header)
        if match and re.search(rb"^CompressedData *= *True", header, re.MULTILINE):
            _check_packed(path, match[1].decode("ascii"), content[match.end() :])
    except (ValueError, zlib.error) as error:
        raise BadInputError(f"{path} is damaged or cut off ({error}); get it again.") from error


def _check_text(header: bytes) -> None:
    axes = re.search(rb"^NDims *= *(\S*)", header, re.MULTILINE)
    if axes is None:  # no MetaImage
        return
    if not re.fullmatch(rb"[1-9]", axes[1]):  # ITK takes memory for as many as it reads
        raise ValueError("its header has a strange number of axes")
    if b"\0" in header or not header.isascii():
        raise ValueError("its header is not text")


def _check_packed(path: Path, place: str, behind: bytes) -> None:
    """ValueError or zlib.error when the voxels, behind the header or beside it, are not whole."""
    packed = behind if place == "LOCAL" else (path.parent / Path(place).name).read_bytes()
    unpacker = zlib.decompressobj()
    for start in range(0, len(packed), 1 << 20):  # never the whole of it in memory
        part = packed[start : start + (1 << 20)]
        while part:
            unpacker.decompress(part, 1 << 24)
            part = unpacker.unconsumed_tail
    unpacker.flush()
    if not unpacker.eof:
        raise ValueError("incomplete or truncated stream")
