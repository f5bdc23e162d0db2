"""ITK-SNAP: the label description file, to be loaded beside the label map."""

from pathlib import Path

from versectl import labels
from versectl.io import atomic
from versectl.io.export.findings import Findings

HEAD = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Where:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    MSH:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
"""


def write(_findings: Findings, path: Path) -> None:
    """Write the names and colours of all vertebrae."""
    rows = [_row(0, (0, 0, 0), 0, "Clear Label")]
    rows += [
        _row(label, labels.rgb(label), 1, labels.NAMES[label]) for label in sorted(labels.NAMES)
    ]
    with atomic.replacing(path) as temporary:
        temporary.write_text(HEAD + "".join(rows), encoding="utf-8")


def _row(index: int, rgb: tuple[int, int, int], shown: int, name: str) -> str:
    red, green, blue = rgb
    return (
        f'{index:5d} {red:5d} {green:4d} {blue:4d} {shown:8d} {shown:3d} {shown:3d}    "{name}"\n'
    )
