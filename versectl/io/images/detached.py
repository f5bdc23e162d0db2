"""Headers with the voxels in other files: MetaImage's .mhd and NRRD's .nhdr."""

import glob
import re
from pathlib import Path

#: How the names of such headers end.
ENDINGS = (".mhd", ".nhdr")

#: The field that names the files: one, a pattern with numbers, or LIST and then a line for each.
DATA_FILE = re.compile(r"^(?:ElementDataFile *=|data ?file:)[ \t]*(.*?)\s*$", re.MULTILINE | re.I)

#: The number in a pattern, as printf has it.
NUMBER = re.compile(r"%\d*d")

#: chosen: no header is longer, but the voxels may follow it.
LONGEST = 1 << 20


def data_files(path: Path) -> list[Path]:
    """The files that a header names, as far as they are there; none for what is no such header."""
    if not path.name.lower().endswith(ENDINGS):
        return []
    with path.open("rb") as file:
        text = file.read(LONGEST).decode("latin-1")
    field = DATA_FILE.search(text)
    if field is None:
        return []
    if NUMBER.search(field[1]):
        return _numbered(path.parent / field[1].split()[0])
    is_list = field[1].upper().startswith("LIST")
    names = text[field.end() :].split("\n") if is_list else [field[1]]
    files = [path.parent / name.strip() for name in names if name.strip()]
    return [file for file in files if file.is_file()]


def _numbered(pattern: Path) -> list[Path]:
    """The files whose names have a number where the pattern has one."""
    parts = NUMBER.split(str(pattern))
    return [Path(name) for name in sorted(glob.glob("*".join(map(glob.escape, parts))))]
