"""Whether the packed voxels of a MetaImage are whole: ITK only prints a line when they are not."""

import re
import zlib
from pathlib import Path

from versectl.errors import BadInputError


def check(path: Path) -> None:
    """Raises BadInputError when a MetaImage's compressed voxels cannot be unpacked."""
    if not path.name.endswith((".mha", ".mhd")):
        return
    content = path.read_bytes()
    match = re.search(rb"^ElementDataFile *= *(.+?)\r?\n", content, re.MULTILINE)
    if match is None or not re.search(rb"^CompressedData *= *True", content[: match.end()], re.M):
        return
    if match[1] == b"LOCAL":
        packed = content[match.end() :]
    else:
        packed = (path.parent / Path(match[1].decode()).name).read_bytes()
    try:
        zlib.decompress(packed)
    except zlib.error as error:
        raise BadInputError(f"{path} is damaged or cut off ({error}); get it again.") from error
