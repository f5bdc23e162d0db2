"""The voxels of a NIfTI file, all of them or an error.

ITK fills what is missing of a cut or damaged NIfTI with zeros and turns NaN into zero, without a
word; so it is asked for the geometry only, and the voxels are read here.
"""

import gzip
import os
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from versectl.errors import BadInputError

#: Where ITK puts the first voxel: behind the header and four bytes that announce no extension.
ITK_OFFSET = 352

#: Of NIfTI-2, in bytes.
LONGEST_HEADER = 540

#: The fields that say where the voxels lie.
PLACE = (
    "pixdim",
    *(f"quatern_{axis}" for axis in "bcd"),
    *(f"qoffset_{axis}" for axis in "xyz"),
    *(f"srow_{axis}" for axis in "xyz"),
)

#: What goes wrong when bytes are not what they should be.
BROKEN = (
    EOFError,
    OSError,
    OverflowError,
    ValueError,
    zlib.error,
    HeaderDataError,
    WrapStructError,
)


def voxels(path: Path) -> np.ndarray:
    """The voxels (.., z, y, x), in their stored type, or float32 when the header scales them.

    Raises BadInputError when the file is damaged or voxels are missing.
    """
    try:
        content = _whole(path)
        header = _header(content)
        shape, kind = header.get_data_shape(), header.get_data_dtype()
        start, count = int(header.get_data_offset()), int(np.prod(shape, dtype=np.int64))
        stored = np.frombuffer(content, kind, count, start).reshape(shape[::-1])
        return _scaled(stored, *header.get_slope_inter())
    except BROKEN as error:
        raise BadInputError(f"{path} is damaged or cut off ({error}); get it again.") from error


def check(path: Path) -> None:
    """Raises BadInputError when the place of the voxels is not finite: ITK would never end.

    What is no NIfTI at all is left to ITK to tell.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            header = _header(file.read(LONGEST_HEADER))
    except BROKEN:
        return
    if not all(np.isfinite(header[field]).all() for field in PLACE):
        raise BadInputError(f"{path} has no finite place in the world; mend its header.")


def is_whole(path: Path, voxel_bytes: int) -> bool:
    """Whether a file that ITK wrote holds all voxels: on a full disk it stops without a word."""
    length = ITK_OFFSET + voxel_bytes
    if not path.name.endswith(".gz"):
        return path.stat().st_size == length
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)  # gzip ends in the length of what it packs
        return int.from_bytes(file.read(), "little") == length % 2**32


def _whole(path: Path) -> bytes:
    """The file's content, unpacked and checked against its checksum."""
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _header(content: bytes) -> nibabel.Nifti1Header:
    kinds = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}
    sizes = {int.from_bytes(content[:4], order) for order in ("little", "big")}
    kind = next((kinds[size] for size in sizes if size in kinds), None)
    if kind is None:
        raise ValueError("it has no NIfTI header")
    return kind(content[: kind.sizeof_hdr], check=False)


def _scaled(stored: np.ndarray, slope: float | None, intercept: float | None) -> np.ndarray:
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if slope in (None, 1.0) and not intercept:
        return native
    scaled = native.astype(np.float32)
    scaled *= slope
    scaled += intercept
    return scaled
