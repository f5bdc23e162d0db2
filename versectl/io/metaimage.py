"""Whether a MetaImage is whole: ITK only prints a line when its packed voxels are not, and crashes
on some damaged headers."""

import re
import zlib
from pathlib import Path

from versectl.errors import BadInputError


def check(path: Path) -> None:
    """Raises BadInputError when a MetaImage's header is no text or its voxels cannot be unpacked.

    What is no MetaImage at all is left to ITK to tell.
    """
    if not path.name.endswith((".mha", ".mhd")):
        return
    content = path.read_bytes()
    match = re.search(rb"^ElementDataFile *= *(.+?)\r?\n", content, re.MULTILINE)
    header = content[: match.end()] if match else content[:4096]
    try:
        _check_header(header)
        if match and re.search(rb"^CompressedData *= *True", header, re.MULTILINE):
            _check_packed(path, match[1].decode("ascii"), content[match.end() :])
    except (ValueError, zlib.error) as error:
        raise BadInputError(f"{path} is damaged or cut off ({error}); get it again.") from error


def _check_header(header: bytes) -> None:
    axes = re.search(rb"^NDims *= *(\S*)", header, re.MULTILINE)
    if axes is None:  # no MetaImage
        return
    if not re.fullmatch(rb"[1-9]", axes[1]):  # ITK takes memory for as many as it reads
        raise ValueError("its header has a strange number of axes")
    if b"\0" in header or not header.isascii():
        raise ValueError("its header is no text")


def _check_packed(path: Path, place: str, behind: bytes) -> None:
    """ValueError or zlib.error when the voxels, behind the header or beside it, are not whole."""
    packed = behind if place == "LOCAL" else (path.parent / Path(place).name).read_bytes()
    zlib.decompress(packed)
