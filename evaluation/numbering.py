"""Label maps in VerSe's, TotalSegmentator's or SPINEPS' numbers -> label maps in VerSe's numbers.

What lies outside the field of view may hold NaN or one negative number, as resampling leaves it
(the VerSe organisers' own scripts: -1024); both are background. Everything that is not taken as it
stands is reported in a note.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl import geometry, labels
from versectl.errors import BadInputError
from versectl.text import first_few

#: Largest number a label map may hold; beyond it a file is no label map.
HIGHEST = 65535

#: How far a stored value may be from a whole number: rounding of stored slopes.
ROUNDING = 1e-3

#: At most so many unknown numbers are named.
NAMED = 8


#: Names of numberings.
SchemeName = Literal["verse", "totalsegmentator", "spineps"]

#: How the numbers of a label map are meant; "auto" recognises it.
Numbers = Literal["auto", "verse", "totalsegmentator", "spineps"]


@dataclass(frozen=True)
class Scheme:
    """What a tool's numbers mean.

    vertebrae : number -> VerSe label.
    others : numbers of structures that are no vertebra; left out without a word.
    """

    title: str
    vertebrae: Mapping[int, int]
    others: frozenset[int]

    def unknown(self, numbers: Iterable[int]) -> list[int]:
        """The numbers that mean nothing in this scheme, in ascending order."""
        return sorted(set(numbers) - {0, *self.vertebrae, *self.others})


_VERSE = {label: label for label in labels.ORDER}
_SACRUM_COCCYX = frozenset(labels.NO_VERTEBRAE)

SCHEMES: Mapping[SchemeName, Scheme] = {
    "verse": Scheme("VerSe", _VERSE, _SACRUM_COCCYX),
    # TotalSegmentator 2, task "total": vertebrae_L5 is 27, vertebrae_C1 50, 117 structures in all.
    "totalsegmentator": Scheme(
        "TotalSegmentator",
        {51 - label: label for label in range(1, 25)},
        frozenset({*range(1, 27), *range(51, 118)}),
    ),
    # SPINEPS, seg-vert: X is a vertebra, 100 + X the disc below it, 200 + X its endplates.
    "spineps": Scheme(
        "SPINEPS",
        _VERSE,
        frozenset({*_SACRUM_COCCYX, *range(101, 129), *range(201, 229)}),
    ),
}

#: What may stand beside TotalSegmentator's vertebrae in a file that is not its full output:
#: sacrum and S1, the spinal cord, ribs and sternum.
_BESIDE_VERTEBRAE = {25, 26, 79, *range(92, 118)}


@dataclass(frozen=True)
class Note:
    """Something a reader must know about a case; `detail` is what differs from case to case.

    is_failure : whether the prediction lacks something, so that --quiet shows it, too.
    """

    text: str
    detail: str = ""
    is_failure: bool = False

    def __str__(self) -> str:
        return f"{self.text}: {self.detail}" if self.detail else self.text


@dataclass
class _Survey:
    """What is stored in a label map."""

    numbers: set[int] = field(default_factory=set)
    fills: set[int] = field(default_factory=set)  # negative numbers
    has_nan: bool = False


def recognise(numbers: Iterable[int]) -> tuple[SchemeName, ...]:
    """The names of the schemes these numbers may be from; VerSe when nothing speaks against it.

    TotalSegmentator: numbers of its vertebrae that VerSe does not have, beside nothing but bones.
    Beside anything else, they may also be VerSe's with structures of somebody's own. SPINEPS:
    numbers from 101 on, and none that it does not have.
    """
    found = set(numbers) - {0}
    theirs = SCHEMES["totalsegmentator"].vertebrae.keys()
    if found & (theirs - _VERSE.keys() - _SACRUM_COCCYX):
        is_spine = found <= {*theirs, *_BESIDE_VERTEBRAE}
        return ("totalsegmentator",) if is_spine else ("verse", "totalsegmentator")
    has_discs = any(number > 100 for number in found)
    return ("spineps" if has_discs and not SCHEMES["spineps"].unknown(found) else "verse",)


def to_verse(
    image: sitk.Image, scheme: Numbers = "auto", source: str = "the label map"
) -> tuple[sitk.Image, tuple[Note, ...]]:
    """The image as a uint8 label map in VerSe's numbers, and notes on what was not as it should be.

    scheme : "auto" recognises it: by the numbers, and if two schemes have them, the one that
        gives more vertebrae in order from head to foot.
    Raises BadInputError, naming `source`, when the values cannot be those of a label map.
    """
    survey = _survey(sitk.GetArrayViewFromImage(image), source)
    names = recognise(survey.numbers) if scheme == "auto" else (scheme,)
    translated = {name: _translated(image, survey, SCHEMES[name]) for name in names}
    name = names[0]
    if len(names) > 1:
        name = max(names, key=lambda name: _in_order(translated[name]))
    return translated[name], _notes(survey, name)


def _in_order(label_map: sitk.Image) -> int:
    """How many vertebrae there are, if each lies above the next one; 0 if not, or for one alone."""
    found = geometry.label_centers_vox(sitk.GetArrayViewFromImage(label_map))
    centers_mm = [geometry.to_mm(label_map, found[n]) for n in labels.ORDER if n in found]
    heights_mm = [float(center_mm[2]) for center_mm in centers_mm]
    is_ordered = len(heights_mm) > 1 and all(high > low for high, low in pairwise(heights_mm))
    return len(heights_mm) if is_ordered else 0


def _translated(image: sitk.Image, survey: _Survey, scheme: Scheme) -> sitk.Image:
    """The image as a uint8 label map in VerSe's numbers; itself when it is one already."""
    is_verse = scheme == SCHEMES["verse"] and not scheme.unknown(survey.numbers)
    if image.GetPixelID() == sitk.sitkUInt8 and is_verse:
        return image
    values = sitk.GetArrayViewFromImage(image)
    table = np.zeros(max(survey.numbers, default=0) + 1, np.uint8)
    for number in survey.numbers & scheme.vertebrae.keys():
        table[number] = scheme.vertebrae[number]
    label_map = np.zeros(values.shape, np.uint8)
    for plane, translated in zip(values, label_map, strict=True):  # never a whole copy in floats
        foreground = plane != 0
        translated[foreground] = table[_whole(plane[foreground])]
    return geometry.from_array(label_map, image)


def _survey(values: NDArray[Any], source: str) -> _Survey:
    if values.dtype == np.uint8:
        return _Survey(set(np.flatnonzero(geometry.label_counts(values)).tolist()))
    survey = _Survey()
    for plane in values:
        _check(plane, survey, source)
        survey.numbers |= set(np.flatnonzero(np.bincount(_whole(plane[plane != 0]))).tolist())
    return survey


def _check(plane: NDArray[Any], survey: _Survey, source: str) -> None:
    """Note NaN and the negative fill of one plane; refuse what no label map holds."""
    if plane.dtype.kind == "f":
        plane = _rounded(plane, survey, source)
    if plane.max(initial=0) > HIGHEST:
        raise BadInputError(f"{source} holds infinite or very large values; a label map is needed.")
    if plane.min(initial=0) < 0:
        below = plane[plane < 0]
        survey.fills |= {int(below.min()), int(below.max())}
    if len(survey.fills) > 1:
        raise BadInputError(
            f"{source} holds different negative numbers ({min(survey.fills)} and "
            f"{max(survey.fills)}); a label map is needed."
        )


def _rounded(plane: NDArray[Any], survey: _Survey, source: str) -> NDArray[Any]:
    """The plane's values that are not NaN, when all of them are whole but for rounding."""
    is_nan = np.isnan(plane)
    if is_nan.any():
        survey.has_nan = True
        plane = plane[~is_nan]
    if np.isinf(plane).any():
        raise BadInputError(f"{source} holds infinite or very large values; a label map is needed.")
    rounded = np.rint(plane)
    if np.abs(plane - rounded).max(initial=0) > ROUNDING:
        raise BadInputError(
            f"{source} holds numbers that are not whole; a label map is needed (resampled by "
            "nearest neighbour)."
        )
    return rounded


def _whole(plane: NDArray[Any]) -> NDArray[np.integer]:
    """The plane in whole numbers, NaN and negative ones as 0."""
    if plane.dtype.kind == "u":
        return plane
    if plane.dtype.kind == "f":
        return np.rint(np.fmax(plane, 0)).astype(np.intp)
    return np.maximum(plane, 0)


def _notes(survey: _Survey, name: SchemeName) -> tuple[Note, ...]:
    unknown = SCHEMES[name].unknown(survey.numbers)
    notes = [Note(f"{fill} outside the field of view read as background") for fill in survey.fills]
    if survey.has_nan:
        notes.append(Note("NaN read as background"))
    if name != "verse":
        notes.append(Note(f"read in {SCHEMES[name].title}'s numbers"))
    if unknown:
        words = f"ignored, no label of {SCHEMES[name].title}'s numbering"
        notes.append(Note(words, first_few([*map(str, unknown)], NAMED)))
    return tuple(notes)
