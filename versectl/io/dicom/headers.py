"""DICOM headers -> images -> series. Only what places an image is decoded, nothing of the patient.

Enhanced (multi-frame) CT counts as one image per frame, so that everything after this file knows
single images only.
"""

import logging
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from versectl.errors import BadInputError, PackageError, is_out_of_memory

if TYPE_CHECKING:
    from pydicom import Dataset

#: The elements that are read; all others, the patient's among them, are never decoded.
ELEMENTS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "ImageType",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "ConvolutionKernel",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "NumberOfFrames",
    "RescaleSlope",
    "RescaleIntercept",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]

#: Element -> the functional group that holds it in multi-frame images (part 3, C.7.6.16.2).
GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}

#: What is said of a file that cannot be read.
DAMAGED = "is damaged, cut off or no DICOM file; get it again"

#: Storage classes of screen pictures begin with this (Secondary Capture and its multi-frame kinds).
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

#: The storage class of CT, to which those of the multi-frame kinds add a number.
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2."

#: The transfer syntax of files that are packed as a whole.
DEFLATED = "1.2.840.10008.1.2.1.99"


class Plane(NamedTuple):
    """Where an image lies, in world millimetres (LPS).

    position_mm : (3,) centre of the first pixel. orientation : (6,) directions of a row and of a
    column. spacing_mm : (2,) between rows, between columns.
    """

    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]


class Origin(NamedTuple):
    """The DICOM series an image belongs to, as the image's header has it."""

    number: int
    uid: str
    description: str
    kernel: str


#: See Image.lattice.
Lattice = tuple[bool, tuple[int, int], tuple[float, ...]]


@dataclass(frozen=True)
class Image:
    """One slice as its header tells it.

    frame : which of a multi-frame file, from 0; None in a file of one image.
    size_vox : columns and rows. plane : None when the header does not say where the image lies.
    rescale : slope and intercept from stored values to Hounsfield units; None where missing.
    """

    file: Path
    frame: int | None
    origin: Origin
    uid: str
    sop_class: str
    modality: str
    image_type: tuple[str, ...]
    size_vox: tuple[int, int]
    samples: int
    plane: Plane | None
    rescale: tuple[float, float] | None

    @property
    def is_localizer(self) -> bool:
        """Whether this is a scout view, by which the scan was planned."""
        return "LOCALIZER" in self.image_type

    @property
    def lattice(self) -> Lattice:
        """What images of one volume have in common: kind, rows and columns, plane, pixel size."""
        plane = self.plane
        numbers = () if plane is None else (*plane.orientation, *plane.spacing_mm)
        return self.is_localizer, self.size_vox, tuple(round(n, 3) + 0.0 for n in numbers)


@dataclass(frozen=True)
class Series:
    """Images of one DICOM series that lie in parallel planes.

    key : how `--series` names it: the series number, with a letter where several have the same.
    """

    key: str
    uid: str
    description: str
    kernel: str
    images: tuple[Image, ...]


def read_series(files: Iterable[Path]) -> list[Series]:
    """The series among DICOM files, by number.

    A series whose images lie in different planes or sizes is split into one of each.
    Raises BadInputError when a file is damaged.
    """
    found: dict[tuple[int, str, Lattice], list[Image]] = {}
    for file in files:
        for image in read_images(file):
            group = (image.origin.number, image.origin.uid, image.lattice)
            found.setdefault(group, []).append(image)
    ordered = sorted(found, key=lambda group: (group[0], group[1], -len(found[group])))
    keys = _keys([number for number, *_ in ordered])
    return [_series(key, found[group]) for key, group in zip(keys, ordered, strict=True)]


def read_images(file: Path) -> list[Image]:
    """The image of a DICOM file, or one per frame; BadInputError when it is damaged."""
    with quiet() as pydicom, damage_told(file), file.open("rb") as stream:
        header = pydicom.dcmread(
            stream, stop_before_pixels=True, specific_tags=ELEMENTS, force=True
        )
        if "SOPClassUID" in header and not _lacks_pixels(header, stream):
            return list(_images(file, header))
    raise BadInputError(f"{file} {DAMAGED}.")


@contextmanager
def damage_told(file: Path) -> Iterator[None]:
    """Name a DICOM file that cannot be decoded; what the system refuses stays as it is."""
    try:
        yield
    except Exception as error:  # pydicom raises of many kinds, OSError without a number among them
        of_system = isinstance(error, OSError) and error.errno is not None
        if of_system or is_out_of_memory(error):
            raise
        raise BadInputError(f"{file} {DAMAGED}.") from error


def value_in(path: Path, element: str) -> Any:
    """One element of a DICOM file before its pixels; None where it is not to be had."""
    with quiet() as pydicom:
        try:
            with damage_told(path):
                header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[element])
                return header.get(element)
        except (OSError, BadInputError):
            return None


class _Silence:
    """No log and no warning of the DICOM library while a block is open in any thread.

    Logger and warnings are the whole process's. If each block restored what it had found, one that
    began while another was open would leave them silent for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open_blocks = 0
        self._before = ExitStack()

    def begin(self, logger: logging.Logger) -> None:
        """Open a block; the first one silences both."""
        with self._lock:
            if self._open_blocks == 0:
                self._before.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                self._before.callback(setattr, logger, "disabled", logger.disabled)
                logger.disabled = True
            self._open_blocks += 1

    def end(self) -> None:
        """Close a block; the last one restores both."""
        with self._lock:
            self._open_blocks -= 1
            if self._open_blocks == 0:
                self._before.close()


_silence = _Silence()


@contextmanager
def quiet() -> Iterator[ModuleType]:
    """The DICOM library, kept from telling of odd values: they could be the patient's."""
    try:
        import pydicom
    except ImportError as error:
        raise PackageError(
            "DICOM needs more packages; install them with: pip install 'versectl[dicom]'."
        ) from error
    _silence.begin(pydicom.config.logger)
    try:
        yield pydicom
    finally:
        _silence.end()


def _lacks_pixels(header: "Dataset", stream: BinaryIO) -> bool:
    """Whether a CT image was cut off in its header, of which the rest can tell of another series.

    stream : where reading has stopped. A deflated file is read to its end at once.
    """
    syntax = getattr(header, "file_meta", {}).get("TransferSyntaxUID")
    uid = _text(header, "SOPClassUID")
    is_ct = uid.startswith(CT_IMAGE) or CT_IMAGE.startswith(uid)  # it may be cut off itself
    return is_ct and syntax != DEFLATED and not stream.read(1)


def _images(file: Path, header: "Dataset") -> Iterator[Image]:
    """One image, or one per frame."""
    frames = header.get("PerFrameFunctionalGroupsSequence")
    if not frames:
        yield _image(file, None, header, [header])
        return
    shared = list(header.get("SharedFunctionalGroupsSequence") or ())
    for number, own in enumerate(frames):
        yield _image(file, number, header, [own, *shared])


def _series(key: str, images: list[Image]) -> Series:
    _, uid, description, kernel = images[0].origin
    return Series(key, uid, description, kernel, tuple(images))


def _image(file: Path, frame: int | None, header: "Dataset", groups: "list[Dataset]") -> Image:
    return Image(
        file=file,
        frame=frame,
        origin=Origin(
            int(_text(header, "SeriesNumber") or 0),
            _text(header, "SeriesInstanceUID"),
            _text(header, "SeriesDescription"),
            _text(header, "ConvolutionKernel"),
        ),
        uid=_text(header, "SOPInstanceUID"),
        sop_class=_text(header, "SOPClassUID"),
        modality=_text(header, "Modality"),
        image_type=tuple(map(str, _many(header.get("ImageType")))),
        size_vox=(int(header.get("Columns") or 0), int(header.get("Rows") or 0)),
        samples=int(header.get("SamplesPerPixel") or 1),
        plane=_plane(groups),
        rescale=_rescale(groups),
    )


def _rescale(groups: "list[Dataset]") -> tuple[float, float] | None:
    slope, intercept = (_numbers(groups, name, 1) for name in ("RescaleSlope", "RescaleIntercept"))
    return None if slope is None or intercept is None else (slope[0], intercept[0])


def _plane(groups: "list[Dataset]") -> Plane | None:
    position_mm = _numbers(groups, "ImagePositionPatient", 3)
    orientation = _numbers(groups, "ImageOrientationPatient", 6)
    spacing_mm = _numbers(groups, "PixelSpacing", 2)
    if position_mm is None or orientation is None or spacing_mm is None:
        return None
    return Plane(position_mm, orientation, spacing_mm) if min(spacing_mm) > 0 else None


def _numbers(groups: "list[Dataset]", name: str, count: int) -> tuple[float, ...] | None:
    """An element of so many finite numbers, from the first group that has it."""
    for group in groups:
        holders = [group, *(group.get(GROUPS[name]) or ())]
        for holder in holders:
            try:
                values = tuple(float(str(value)) for value in _many(holder.get(name)))
            except ValueError:
                continue
            if len(values) == count and np.isfinite(values).all():
                return values
    return None


def _many(value: object) -> list[object]:
    if value is None:
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def _text(header: "Dataset", name: str) -> str:
    return " ".join(" ".join(map(str, _many(header.get(name)))).split())


def _keys(numbers: list[int]) -> list[str]:
    """The numbers as text, those that come several times with a letter: 2, 3a, 3b.

    >>> _keys([2, 3, 3])
    ['2', '3a', '3b']
    """
    keys = []
    for at, number in enumerate(numbers):
        letter = _letters(numbers[:at].count(number)) if numbers.count(number) > 1 else ""
        keys.append(f"{number}{letter}")
    return keys


def _letters(index: int) -> str:
    """a, b, .. z, aa, ab, .."""
    before = _letters(index // 26 - 1) if index >= 26 else ""
    return before + chr(ord("a") + index % 26)
