"""Which of the series found is the CT to read."""

from collections.abc import Sequence
from pathlib import Path

from versectl.errors import BadInputError
from versectl.io.dicom.headers import SECONDARY_CAPTURE, Series
from versectl.text import first_few

#: chosen: series that a message lists; `versectl series` lists all.
LISTED = 4


def choose(found: Sequence[Series], wanted: str | None, path: Path) -> Series:
    """The series wanted, by key or UID, or else the only CT there is.

    Raises BadInputError when it is not there, is no CT, or several would do.
    """
    named = [series for series in found if wanted in (None, series.key, series.uid)]
    if not named:
        raise BadInputError(
            f"{path} has no series {wanted}; there is {_listed(found)} (see versectl series)."
        )
    usable = [series for series in named if problem(series) is None]
    if len(usable) > 1:
        raise BadInputError(
            f"{path} holds {len(usable)} CT series, {_listed(usable)}; choose one by "
            "--series, in Python series= (versectl series shows them)."
        )
    if not usable:
        reasons = "; ".join(f"series {s.key} {problem(s)}" for s in named[:LISTED])
        raise BadInputError(f"{path} holds no CT to read: {reasons}.")
    return usable[0]


def problem(series: Series) -> str | None:
    """Why a series cannot be read as a CT; None when it may be."""
    first = series.images[0]
    if first.sop_class.startswith(SECONDARY_CAPTURE):
        return "is a secondary capture (a picture of a screen)"
    if first.modality != "CT":
        return f"is {first.modality or 'of unknown modality'}, not CT"
    if first.is_localizer:
        return "is a localizer (scout view)"
    if first.samples != 1:
        return "is a colour picture"
    if any(image.plane is None for image in series.images):
        return (
            "does not say where its slices lie (ImagePositionPatient, ImageOrientationPatient "
            "or PixelSpacing is missing); export it again from the scanner or the archive"
        )
    if len(series.images) < 2:
        return "is a single slice; give the folder of all its slices"
    return None


def _listed(found: Sequence[Series]) -> str:
    return first_few([series.key for series in found], LISTED) or "none"
