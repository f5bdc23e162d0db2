"""NIfTI: its header and voxels by nibabel, all of them or an error, and results written.

ITK fills what is missing of a cut or damaged NIfTI with zeros, turns NaN into zero, and follows
the qform where other readers follow the sform, all without a message.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK as sitk
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray
from zlib_ng import gzip_ng, zlib_ng

from versectl.errors import BadInputError, DamagedError
from versectl.geometry import Frame
from versectl.io import stderr
from versectl.io.images.placement import PERPENDICULAR, ROUNDING_MM, Header, no_orientation
from versectl.types import Flag

#: The fields that place the voxels, copied from a scan to what is written on it.
FORMS = (
    *(f"{form}_code" for form in ("qform", "sform")),
    *(f"quatern_{axis}" for axis in "bcd"),
    *(f"qoffset_{axis}" for axis in "xyz"),
    *(f"srow_{axis}" for axis in "xyz"),
    "xyzt_units",
)

#: Unit of length in the header -> (its name, in mm).
UNITS = {1: ("metre", 1000.0), 3: ("micrometre", 0.001)}

#: NIfTI's world grows to the right and the front, ours to the left and the back.
TO_LPS = np.array([[-1.0], [-1.0], [1.0], [1.0]])

#: Within this, ITK's numbers for a header are taken: other tools of ITK compute with the very same.
SAME_MM = 1e-3

#: Intents of the standard whose fifth axis are the components of one voxel's value.
VECTORS = (1005, 1006, 1007, 1008, 1009)

#: gzip packs no better than this (zlib's documentation: "1032:1").
BEST_RATIO = 1032

#: Bytes that are unpacked at once; of a large scan this share, for after each, this thread may
#: have to wait for one that loads the networks meanwhile.
PART = 1 << 20
PARTS = 16

#: Level of packing, 1 to 9. chosen: label maps are as small as with zlib's default, and packed in a
#: ninth to two fifths of its time; with 4 a fifth to two thirds larger, and little is saved.
PACKING = 6

#: What goes wrong when bytes are not what they should be.
BROKEN: tuple[type[Exception], ...] = (
    EOFError,
    KeyError,
    OSError,
    OverflowError,
    ValueError,
    zlib_ng.error,  # type: ignore[assignment]  # its own hint is wrong
    HeaderDataError,
    WrapStructError,
)

#: Held while ITK reads a header: it assigns each file's name to one string of the whole process
#: (NiftiImageIO::ReadImageInformation, ITK 5.4), which two threads at once would free twice.
ITK_READS = threading.Lock()

#: Bytes of a header -> its kind.
KINDS = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}


@dataclass(frozen=True, eq=False, kw_only=True)
class NiftiHeader(Header):
    """What a NIfTI file says of its voxels. nifti : its own header, repaired where needed."""

    nifti: nibabel.Nifti1Header


def read_header(path: Path) -> NiftiHeader:
    """The header of a NIfTI-1 or NIfTI-2 file, repaired where there is no doubt.

    The sform counts where its code is above 0, else the qform, else nibabel's default: axes to
    the left, the front and the head, the world's origin in the middle.
    """
    try:
        with _opened(path) as stream:
            block = stream.read(max(KINDS))
        nifti = _parse(block)
        if nifti is None:
            kind = DamagedError if len(block) < min(KINDS) else BadInputError
            raise kind(f"{path} cannot be read: it is not in the format its name says.")
        repairs = _repair(nifti)
        nifti.get_slope_inter()  # an error when they are no numbers
        unit, scale = UNITS.get(int(nifti["xyzt_units"]) & 7, ("", 1.0))
        with np.errstate(all="ignore"):  # what is not finite is refused by placement.check()
            frame = _frame(nifti, _affine(nifti), scale)
            orientation = _orientation(nifti, scale)
        is_scalar = (
            nifti.get_data_dtype().kind in "iufb" and int(nifti["intent_code"]) not in VECTORS
        )
        flags = (*_repaired(repairs), *orientation)
    except BROKEN as error:
        raise _damaged(path, error) from error
    return NiftiHeader(_size_vox(nifti), is_scalar, frame, unit, flags, nifti=nifti)


def read_voxels(path: Path, header: NiftiHeader) -> NDArray[Any]:
    """The voxels (z, y, x), in their stored type, or float32 when the header scales them.

    Raises BadInputError when the file is damaged or voxels are missing.
    """
    nifti = header.nifti
    try:
        kind, offset = nifti.get_data_dtype(), int(nifti["vox_offset"])
        _check_length(path, offset + int(np.prod(header.size_vox)) * kind.itemsize)
        with _opened(path) as stream:
            stream.seek(offset)
            stored = _read_whole(stream, int(np.prod(header.size_vox)) * kind.itemsize)
            while stream.read(PART):  # gzip's checksum stands at the end
                pass
        voxels = stored.view(kind).reshape(header.size_vox[2::-1])
        return _scaled(voxels, *nifti.get_slope_inter())
    except BROKEN as error:
        raise _damaged(path, error) from error


def is_bytes(header: NiftiHeader) -> bool:
    """Whether the voxels are single bytes that nothing scales: too few values for a CT."""
    scaling = header.nifti.get_slope_inter()
    return header.nifti.get_data_dtype().itemsize == 1 and scaling in ((None, None), (1.0, 0.0))


def parts(path: Path, header: NiftiHeader) -> Iterator[NDArray[Any]]:
    """The voxels in the file's order, a million bytes at a time, scaled."""
    nifti = header.nifti
    kind = nifti.get_data_dtype()
    left = int(np.prod(header.size_vox)) * kind.itemsize
    try:
        with _opened(path) as stream:
            stream.seek(int(nifti["vox_offset"]))
            while part := stream.read(min(left, PART)):
                left -= len(part)
                whole = len(part) // kind.itemsize
                if whole:
                    yield _scaled(np.frombuffer(part, kind, whole), *nifti.get_slope_inter())
    except BROKEN as error:
        raise _damaged(path, error) from error


def in_itk_digits(path: Path, header: NiftiHeader) -> NiftiHeader:
    """The header with ITK's numbers for its place, where ITK reads the same place from it."""
    if not all(np.isfinite(header.nifti[field]).all() for field in ("pixdim", *FORMS)):
        return header  # ITK would compute for ever
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NiftiImageIO")
    reader.SetFileName(str(path))
    try:
        with ITK_READS, stderr.suppressed():
            reader.ReadImageInformation()
    except RuntimeError:  # it refuses what is not at right angles to the sixth digit
        return header
    if reader.GetDimension() != 3 or reader.GetSize() != header.frame.size_vox:
        return header
    direction = np.reshape(reader.GetDirection(), (3, 3))
    spacing_mm, origin_mm = np.array(reader.GetSpacing()), np.array(reader.GetOrigin())
    frame = Frame(header.frame.size_vox, spacing_mm, direction, origin_mm)
    return replace(header, frame=frame) if frame.distance_mm(header.frame) < SAME_MM else header


def write(
    voxels: NDArray[Any],
    forms: nibabel.Nifti1Header,
    path: Path,
    extension: nibabel.nifti1.Nifti1Extension | None = None,
) -> None:
    """Write voxels (z, y, x), placed as another file's header has it; packed when named .gz."""
    header = type(forms)()
    header.extensions += [extension] if extension else []
    header.set_data_dtype(voxels.dtype)
    header.set_data_shape(voxels.shape[::-1])
    header["pixdim"][:4] = forms["pixdim"][:4]
    for field in FORMS:
        header[field] = forms[field]
    image_class = (
        nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    )
    image = image_class(voxels.T, None, header)
    with path.open("wb") as file:
        if not path.name.lower().endswith(".gz"):
            image.to_stream(file)
            return
        # neither name nor time: the same voxels give the same bytes
        with gzip_ng.GzipNGFile("", "wb", PACKING, file, mtime=0) as stream:
            image.to_stream(stream)


def forms_of(frame: Frame) -> nibabel.Nifti1Header:
    """A header for what no NIfTI file places: both forms, the sform alone when it is sheared."""
    header = nibabel.Nifti1Header()
    header.set_data_shape(frame.size_vox)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = frame.matrix_mm, frame.origin_mm
    header.set_qform(TO_LPS * affine, int(frame.skew() <= PERPENDICULAR))
    header.set_sform(TO_LPS * affine, 1)
    header.set_xyzt_units("mm")
    return header


def _damaged(path: Path, error: Exception) -> DamagedError:
    return DamagedError(f"{path} is damaged or cut off ({error}); get it again.")


def _read_whole(stream: BufferedIOBase, count: int) -> NDArray[np.uint8]:
    """So many bytes; in parts, as gzip unpacks each beside the array."""
    content = np.empty(count, np.uint8)
    left = content.data
    part = max(PART, count // PARTS)
    while left:
        read = stream.readinto(left[:part])
        if not read:
            raise EOFError(f"{len(left)} bytes of voxels are missing")
        left = left[read:]
    return content


@contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase]:
    """The file's content, unpacked when it is packed, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip_ng.GzipNGFile(fileobj=file) as stream:
            yield stream


def _parse(block: bytes) -> nibabel.Nifti1Header | None:
    sizes = {int.from_bytes(block[:4], order) for order in ("little", "big")}
    size = next((size for size in sizes if size in KINDS), None)
    return None if size is None else KINDS[size](block[:size], check=False)


def _repair(nifti: nibabel.Nifti1Header) -> list[str]:
    """Repair what can only be meant one way; what was done, in words."""
    repairs = []
    first = int(nifti.single_vox_offset)
    if not first <= float(nifti["vox_offset"]):
        repairs.append(f"the voxels begin at byte {first}, not {float(nifti['vox_offset']):g}")
        nifti["vox_offset"] = first
    if 0 in nifti.get_data_shape()[3:]:
        repairs.append("an axis of 0 voxels behind the third was left out")
    spacing = nifti["pixdim"][1:4]
    if (spacing < 0).any():
        repairs.append("negative spacings were taken as positive")
        nifti["pixdim"][1:4] = np.abs(spacing)
    if int(nifti["sform_code"]) > 0 and (nifti["pixdim"][1:4] == 0).any():
        repairs.append("spacings of 0 were taken from the sform")
        nifti["pixdim"][1:4] = np.linalg.norm(nifti.get_sform()[:3, :3], axis=0)
    if nifti["pixdim"][0] not in (-1, 1):  # the standard: anything else is 1
        nifti["pixdim"][0] = 1
    return repairs


def _repaired(repairs: list[str]) -> list[Flag]:
    if not repairs:
        return []
    message = f"The file's header was repaired: {'; '.join(repairs)}."
    advice = "Check that the masks lie on the scan; convert the scan again if they do not."
    return [Flag("header_repaired", "note", None, message, advice)]


def _size_vox(nifti: nibabel.Nifti1Header) -> tuple[int, ...]:
    """Voxels along every axis, without the last axes that count none or one."""
    size = [int(n) for n in nifti.get_data_shape()]
    while len(size) > 3 and size[-1] in (0, 1):
        size.pop()
    return tuple(size)


def _affine(nifti: nibabel.Nifti1Header) -> NDArray[np.float64]:
    if int(nifti["sform_code"]) > 0:
        return nifti.get_sform()
    return nifti.get_qform() if int(nifti["qform_code"]) > 0 else nifti.get_base_affine()


def _frame(nifti: nibabel.Nifti1Header, affine: NDArray[np.float64], scale: float) -> Frame:
    """The frame of an affine in the header's units, NIfTI's world."""
    lps = affine * TO_LPS
    x, y, z = (*_size_vox(nifti), 1, 1, 1)[:3]
    return Frame.from_matrix((x, y, z), lps[:3, :3] * scale, lps[:3, 3] * scale)


def _orientation(nifti: nibabel.Nifti1Header, scale: float) -> list[Flag]:
    """Flags on forms that are missing or disagree."""
    codes = int(nifti["qform_code"]), int(nifti["sform_code"])
    if max(codes) <= 0:
        return [no_orientation("qform and sform codes are 0", "front")]
    if min(codes) <= 0:
        return []
    try:
        qform = nifti.get_qform()
    except (HeaderDataError, ValueError):  # no rotation at all; the sform counts
        return []
    sform = nifti.get_sform()
    by_qform, by_sform = (_frame(nifti, form, scale) for form in (qform, sform))
    far_mm = by_sform.distance_mm(by_qform)
    if not ROUNDING_MM < far_mm < np.inf or _is_rotation_of(by_qform, by_sform):
        return []
    near_mm = float(np.linalg.norm(by_sform.origin_mm - by_qform.origin_mm))
    return [
        Flag(
            "forms_disagree",
            "warning",
            None,
            f"The header's sform and qform disagree, by {near_mm:.1f} mm at the first voxel and "
            f"by up to {far_mm:.1f} mm at the corners; the sform was followed.",
            "Tools built on ITK may follow the qform; find out which is right and set both alike.",
        )
    ]


def _is_rotation_of(qform: Frame, sform: Frame) -> bool:
    """Whether the qform is all that it can be of a sheared sform: its nearest rotation."""
    if sform.is_flat():
        return False
    square = sform.squared()
    rotation = replace(square, origin_mm=sform.origin_mm)
    return qform.distance_mm(rotation) <= ROUNDING_MM


def _check_length(path: Path, needed: int) -> None:
    """ValueError when the file cannot hold as many bytes, before memory is taken for them."""
    held = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if needed > held * (BEST_RATIO if packed else 1):
        raise ValueError(f"{needed} bytes of voxels are announced, the file has {held}")


def _scaled(stored: NDArray[Any], slope: float | None, intercept: float | None) -> NDArray[Any]:
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if native.dtype.kind == "f" and native.dtype.itemsize not in (4, 8):  # ITK knows no others
        native = native.astype(np.float32)
    if slope in (None, 1.0) and not intercept:
        return native
    scaled = native.astype(np.float32)
    scaled *= 1.0 if slope is None else slope
    scaled += intercept or 0.0
    return scaled
