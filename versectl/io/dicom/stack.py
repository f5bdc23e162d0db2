"""The places of slices -> one even, right-angled volume. Numbers and arrays only, no DICOM.

Slices are stacked by where they lie, never by their file's name or number. What is not even is
interpolated, what leans (gantry tilt) is put upright, and both are flagged; what cannot be mended
without guessing is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from versectl import geometry
from versectl.types import Flag

#: Slices nearer to each other than this lie at the same place.
SAME_PLACE_MM = 0.01

#: chosen: positions are often rounded to 0.1 mm, which moves a slice of 0.6 mm by a twelfth.
UNEVEN_SLICES = 0.2

#: chosen: no vertebral body fits into a gap so small (those of the neck are 11 to 14 mm high).
LARGEST_GAP_MM = 10.0

#: Lean of the stack, as a slope, that other readers take for none as well (0.06 degrees).
UPRIGHT = 1e-3

#: chosen: slices shifted by more than this against a straight stack are no stack, in pixels.
SHIFTED_PIXELS = 0.5

#: Flags of a volume that does not lie as its slices were taken.
DUPLICATES = "duplicate_slices"
INTERPOLATED = "uneven_slices"
TILTED = "gantry_tilt"

#: What was mended -> what a reader of the results should know.
FLAGS = {
    flag.code: flag
    for flag in (
        Flag(DUPLICATES, "note", None, "The series holds some slices twice; each counts once."),
        Flag(
            INTERPOLATED,
            "warning",
            None,
            "The slices are unevenly spaced; those between were interpolated.",
            "Check the masks where slices are missing.",
        ),
        Flag(
            TILTED,
            "warning",
            None,
            "The gantry was tilted; the slices were put upright, and the masks lie on that grid.",
            "Overlay the masks by position, not slice by slice; --format dicom-seg puts them in "
            "the study.",
        ),
    )
}


@dataclass(frozen=True)
class Places:
    """Where parallel slices lie.

    directions : (3, 3), its columns the directions of a row, of a column, and their normal.
    offsets_mm : (slices, 3), the first pixels' centres along these directions.
    spacing_mm : between columns and between rows.
    """

    directions: np.ndarray
    offsets_mm: np.ndarray
    spacing_mm: tuple[float, float]

    @classmethod
    def of(
        cls, orientation: Sequence[float], positions_mm: np.ndarray, pixel_mm: Sequence[float]
    ) -> "Places":
        """From DICOM's orientation (6,), positions (slices, 3) and pixel spacing (rows, columns).

        Raises ValueError when rows and columns are not at right angles.
        """
        row, column = np.reshape(orientation, (2, 3)).astype(float)
        if not np.allclose([row @ row, column @ column, row @ column], [1, 1, 0], atol=1e-3):
            raise ValueError("has rows and columns that are not at right angles")
        row = row / np.linalg.norm(row)
        normal = np.cross(row, column) / np.linalg.norm(np.cross(row, column))
        directions = np.stack([row, np.cross(normal, row), normal], axis=1)
        return cls(directions, positions_mm @ directions, (pixel_mm[1], pixel_mm[0]))

    @property
    def heights_mm(self) -> np.ndarray:
        """(slices,) along the normal."""
        return self.offsets_mm[:, 2]

    def taken(self, order: Sequence[int]) -> "Places":
        """These slices only, in this order."""
        return Places(self.directions, self.offsets_mm[list(order)], self.spacing_mm)

    def lean(self) -> np.ndarray:
        """(2,) shift per height along rows and columns; ValueError if it varies."""
        rise_mm = self.heights_mm - self.heights_mm[0]
        shift_mm = self.offsets_mm[:, :2] - self.offsets_mm[0, :2]
        slope = rise_mm @ shift_mm / (rise_mm @ rise_mm)
        if (
            np.abs(shift_mm - np.outer(rise_mm, slope)) > SHIFTED_PIXELS * min(self.spacing_mm)
        ).any():
            raise ValueError("has slices that are shifted sideways against each other")
        return np.where(np.hypot(*slope) > UPRIGHT, slope, 0.0)

    @property
    def are_even(self) -> bool:
        """Whether the slices are evenly spaced, but for the rounding of their positions."""
        heights_mm = self.heights_mm
        even_mm = np.linspace(heights_mm[0], heights_mm[-1], len(heights_mm))
        off_mm = np.abs(heights_mm - even_mm).max()
        return bool(off_mm <= UNEVEN_SLICES * np.median(np.diff(heights_mm)))

    def even_heights_mm(self) -> np.ndarray:
        """Heights from the lowest slice to the highest at their usual distance.

        Raises ValueError when there is a gap too large to fill.
        """
        gaps_mm = np.diff(self.heights_mm)
        usual_mm, widest_mm = float(np.median(gaps_mm)), float(gaps_mm.max())
        if widest_mm > max(LARGEST_GAP_MM, usual_mm * (1 + UNEVEN_SLICES)):
            raise ValueError(f"lacks slices: there is a gap of {widest_mm:.1f} mm; get it again")
        first, last = self.heights_mm[0], self.heights_mm[-1]
        return np.linspace(first, last, round((last - first) / usual_mm) + 1)


def order(heights_mm: np.ndarray) -> list[list[int]]:
    """The slices from low to high; those at one place together."""
    groups: list[list[int]] = []
    for index in np.argsort(heights_mm, kind="stable").tolist():
        if groups and heights_mm[index] - heights_mm[groups[-1][0]] < SAME_PLACE_MM:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def build(slices: np.ndarray, places: Places) -> tuple[sitk.Image, tuple[str, ...]]:
    """The volume of slices (slices, rows, columns) from low to high, and what was mended.

    Raises ValueError when they make no volume; its text goes on after the name of the series.
    """
    lean = places.lean()
    mended: tuple[str, ...] = ()
    if not places.are_even:
        even_mm = places.even_heights_mm()
        slices = _interpolated(slices, places.heights_mm, even_mm)
        mended += (INTERPOLATED,)
    frame = _frame(slices.shape, places, lean)
    image = frame.place(sitk.GetImageFromArray(slices))
    if lean.any():
        straight = frame.straightened()  # beside the slices is air
        image = geometry.resample_to(image, straight, sitk.sitkLinear, geometry.AIR_HU)
        mended += (TILTED,)
    return image, mended


def _frame(shape: tuple[int, ...], places: Places, lean: np.ndarray) -> geometry.Frame:
    """Where even slices lie, with their lean."""
    depth, height, width = shape
    step_mm = (places.heights_mm[-1] - places.heights_mm[0]) / (depth - 1)
    steps_mm = np.diag([*places.spacing_mm, step_mm])
    steps_mm[:2, 2] = lean * step_mm
    origin_mm = places.directions @ places.offsets_mm[0]
    return geometry.Frame.from_matrix(
        (width, height, depth), places.directions @ steps_mm, origin_mm
    )


def _interpolated(slices: np.ndarray, heights_mm: np.ndarray, even_mm: np.ndarray) -> np.ndarray:
    """Slices (slices, rows, columns) at even heights, each between the two next to it."""
    above = np.clip(np.searchsorted(heights_mm, even_mm), 1, len(heights_mm) - 1)
    share = (even_mm - heights_mm[above - 1]) / (heights_mm[above] - heights_mm[above - 1])
    even = np.empty((len(even_mm), *slices.shape[1:]), slices.dtype)
    for at, (index, part) in enumerate(zip(above, np.clip(share, 0, 1), strict=True)):
        between = slices[index - 1] * (1 - part) + slices[index] * part
        even[at] = np.rint(between) if slices.dtype == np.int16 else between
    return even
