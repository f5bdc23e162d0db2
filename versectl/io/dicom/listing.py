"""What `versectl series` shows of a DICOM source: one row per series."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from versectl.io.dicom import choice, stack
from versectl.io.dicom.headers import Image, Series

#: Names of planes by the world axis that their normal lies nearest to: x, y, z.
PLANES = ("sagittal", "coronal", "axial")

COLUMNS = ("series", "images", "pixels", "mm", "plane", "kernel", "description", "use")


@dataclass(frozen=True)
class Row:
    """A series as it is shown; spacing_mm : within a row, between rows, between slices.

    problem : why it cannot be read as a CT; None when it may be.
    """

    series: str
    uid: str
    images: int
    size_vox: tuple[int, int]
    spacing_mm: tuple[float, ...]
    plane: str
    kernel: str
    description: str
    problem: str | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of COLUMNS."""
        return (
            self.series,
            str(self.images),
            "x".join(map(str, self.size_vox)),
            " x ".join(f"{length:.4g}" for length in self.spacing_mm),
            self.plane,
            self.kernel,
            self.description,
            self.problem or "CT",
        )


def rows(found: Sequence[Series]) -> list[Row]:
    """One row per series, in order."""
    return [_row(series) for series in found]


def text(table: Sequence[Row]) -> str:
    """The rows in columns, under their names."""
    lines = [COLUMNS, *(row.cells for row in table)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(line.rstrip() for line in shown)


def _row(series: Series) -> Row:
    first = series.images[0]
    spacing_mm, plane = _place(series.images)
    return Row(
        series.key,
        series.uid,
        len(series.images),
        first.size_vox,
        spacing_mm,
        plane,
        series.kernel,
        series.description,
        choice.problem(series),
    )


def _place(images: Sequence[Image]) -> tuple[tuple[float, ...], str]:
    """Spacing and plane; empty where the headers do not say."""
    planes = [image.plane for image in images if image.plane is not None]
    if not planes:
        return (), ""
    normal = np.cross(*np.reshape(planes[0].orientation, (2, 3)))
    heights_mm = np.sort(np.array([plane.position_mm for plane in planes]) @ normal)
    gaps_mm = np.diff(heights_mm)
    apart_mm = gaps_mm[gaps_mm > stack.SAME_PLACE_MM]
    between = (float(np.median(apart_mm)),) if apart_mm.size else ()
    down, across = planes[0].spacing_mm
    return (across, down, *between), PLANES[int(np.abs(normal).argmax())]
