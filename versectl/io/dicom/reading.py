"""A DICOM source -> one CT volume in Hounsfield units, and what had to be mended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import SimpleITK as sitk

from versectl.errors import BadInputError, is_out_of_memory
from versectl.io.dicom import choice, headers, sources, stack
from versectl.io.dicom.headers import Image, Series, read_images

if TYPE_CHECKING:
    from pydicom import Dataset

#: What int16 holds; Hounsfield units beyond it are nothing a scanner measures.
INT16 = np.iinfo(np.int16)


#: Slope and intercept where a series has none: its values are taken as they are stored.
NO_RESCALE = (1.0, 0.0)


class Volume(NamedTuple):
    """A CT, int16 or float32, and the codes of what was mended (stack.py has them)."""

    image: sitk.Image
    mended: tuple[str, ...]


def list_series(path: Path) -> list[Series]:
    """The series in a folder and below, in a zip, or of one file."""
    with _found(Path(path), below=True) as found:
        return found


def read(path: Path, wanted: str | None = None) -> Volume:
    """The CT of a DICOM folder, zip or multi-frame file.

    wanted : key or UID of the series; it may lie in a folder below. Without it there must be one.
    Raises BadInputError when there is no such CT, or its slices make no volume.
    """
    path = Path(path)
    with _found(path, below=wanted is not None) as found:
        chosen = choice.choose(found, wanted, path)
        try:
            return _volume(chosen)
        except ValueError as error:
            raise BadInputError(f"{path}, series {chosen.key}, {error}.") from error


def check(path: Path, wanted: str | None = None) -> None:
    """Raises BadInputError where read() would find no such CT; pixels are not read."""
    with _found(path, below=wanted is not None) as found:
        choice.choose(found, wanted, path)


def headers_of(path: Path, wanted: str | None = None) -> "list[Dataset]":
    """The whole headers of the series that read() reads, one per image or multi-frame file."""
    with _found(Path(path), below=wanted is not None) as found, headers.quiet() as pydicom:
        images = choice.choose(found, wanted, Path(path)).images
        files = {image.uid: image.file for image in images}  # copies of a file are left out
        read = []
        for file in files.values():
            with headers.damage_told(file):
                read.append(pydicom.dcmread(file, stop_before_pixels=True, force=True))
        return read


def holds_ct(folder: Path) -> bool:
    """Whether a folder itself holds slices of a CT; looks no further than the first.

    A file that is damaged or cannot be read counts as one: who reads the case says why.
    """
    return any(map(_may_be_ct, sources.files(folder, below=False)))


def _may_be_ct(file: Path) -> bool:
    try:
        images = read_images(file)
    except (BadInputError, OSError):
        return True
    return any(image.modality == "CT" and not image.is_localizer for image in images)


@contextmanager
def _found(path: Path, below: bool) -> Iterator[list[Series]]:
    with sources.opened(path, below) as files:
        found = headers.read_series(files)
        if not found:
            raise BadInputError(f"{path} holds no DICOM images.")
        yield found


def _volume(series: Series) -> Volume:
    images = series.images
    planes = [image.plane for image in images if image.plane is not None]
    positions_mm = np.array([plane.position_mm for plane in planes])
    places = stack.Places.of(planes[0].orientation, positions_mm, planes[0].spacing_mm)
    together = stack.order(places.heights_mm)
    pixels = Pixels()
    for same in together:
        _check_duplicates([images[index] for index in same], pixels)
    kept = [same[0] for same in together]
    if len(kept) < 2:
        raise ValueError("has all its images at one place; it shows a single slice")
    image, mended = stack.build(_voxels([images[i] for i in kept], pixels), places.taken(kept))
    duplicates = (stack.DUPLICATES,) if len(kept) < len(images) else ()
    return Volume(image, duplicates + mended)


def _voxels(images: Sequence[Image], pixels: "Pixels") -> np.ndarray:
    """(slices, rows, columns) in HU: int16 where the rescale has whole numbers, else float32."""
    rescales = [image.rescale or NO_RESCALE for image in images]
    if len({image.rescale is None for image in images}) > 1:
        raise ValueError("lacks RescaleSlope or RescaleIntercept in some slices; get it again")
    whole = all(value.is_integer() for rescale in rescales for value in rescale)
    columns, rows = images[0].size_vox
    voxels = np.empty((len(images), rows, columns), np.int16 if whole else np.float32)
    for at, (image, (slope, intercept)) in enumerate(zip(images, rescales, strict=True)):
        hounsfield = pixels.of(image) * np.float64(slope) + intercept
        voxels[at] = np.clip(hounsfield, INT16.min, INT16.max) if whole else hounsfield
    return voxels


def _check_duplicates(images: Sequence[Image], pixels: "Pixels") -> None:
    """Refuse images at one place that do not show the same."""
    for other in images[1:]:
        if other.uid == images[0].uid and other.frame == images[0].frame:
            continue
        if not np.array_equal(pixels.of(images[0]), pixels.of(other)):
            raise ValueError(
                "has different images at the same place (phases, or two reconstructions); put "
                "those of one phase into a folder of their own"
            )


class Pixels:
    """Stored values of images; the file last opened is kept for its next frame."""

    def __init__(self) -> None:
        self.last: tuple[Path, Dataset] | None = None

    def of(self, image: Image) -> np.ndarray:
        """(rows, columns) stored values; BadInputError when they cannot be decoded."""
        with headers.quiet():
            from pydicom.pixels import pixel_array

            content = self._content(image.file)
            try:
                return pixel_array(content, index=image.frame)
            except Exception as error:  # each decoder raises of kinds of its own
                if is_out_of_memory(error):
                    raise
                raise BadInputError(f"{_named(image)} {_undecodable(content)}.") from error

    def _content(self, file: Path) -> "Dataset":
        import pydicom

        if self.last is None or self.last[0] != file:
            with headers.damage_told(file):
                content = pydicom.dcmread(file, force=True)
            implicit, _ = content.original_encoding
            if "TransferSyntaxUID" not in content.file_meta:  # an old file, without a preamble
                syntaxes = pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.ImplicitVRLittleEndian
                content.file_meta.TransferSyntaxUID = syntaxes[bool(implicit)]
            self.last = file, content
        return self.last[1]


def _undecodable(content: "Dataset") -> str:
    from pydicom.pixels import get_decoder

    syntax = content.file_meta.TransferSyntaxUID
    try:
        missing = not get_decoder(syntax).is_available
    except NotImplementedError:  # what pydicom raises for a compression it does not know
        missing = True
    if not missing:
        return headers.DAMAGED
    return (
        f"is compressed as {syntax.name}, which no installed package reads; "
        "pip install 'versectl[dicom]', or convert it to Explicit VR Little Endian"
    )


def _named(image: Image) -> str:
    return str(image.file) if image.frame is None else f"{image.file}, frame {image.frame},"
