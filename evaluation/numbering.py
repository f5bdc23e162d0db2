"""Label maps in VerSe's, TotalSegmentator's or SPINEPS' numbers -> label maps in VerSe's numbers.

What lies outside the field of view may hold NaN or one negative number, as resampling leaves it
(the VerSe organisers' own scripts: -1024); both are background. Everything that is not taken as it
stands is reported in a note.
"""

from collections.abc import Callable, Iterable, Mapping
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

    @property
    def known(self) -> set[int]:
        """Every number that means something."""
        return {*self.vertebrae, *self.others}

    def unknown(self, numbers: Iterable[int]) -> list[int]:
        """The numbers that mean nothing in this scheme, in ascending order."""
        return sorted(set(numbers) - {0} - self.known)


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

#: A vertebra in VerSe's numbers or in TotalSegmentator's, and something else in the other's: L6 and
#: its sacrum, coccyx and its L5, T13 and its L4. Numbers of vertebrae that tell the two apart.
_IN_BOTH = {25, 27, 28}
_TELLING = {*range(1, 25), *range(29, 51)}


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
    Beside anything else, they may also be VerSe's with structures of somebody's own, and so may its
    lowest vertebrae alone, or beside its organs. SPINEPS: numbers from 101 on, and none that it
    does not have.
    """
    found = set(numbers) - {0}
    theirs = SCHEMES["totalsegmentator"].vertebrae.keys()
    if found & (theirs - _VERSE.keys() - _SACRUM_COCCYX):
        is_spine = found <= {*theirs, *_BESIDE_VERTEBRAE}
        return ("totalsegmentator",) if is_spine else ("verse", "totalsegmentator")
    beside_organs = found & _IN_BOTH and found - SCHEMES["verse"].known
    if is_unsure(found) or (beside_organs and not SCHEMES["totalsegmentator"].unknown(found)):
        return ("verse", "totalsegmentator")
    has_discs = any(number > 100 for number in found)
    return ("spineps" if has_discs and not SCHEMES["spineps"].unknown(found) else "verse",)


def is_unsure(numbers: Iterable[int]) -> bool:
    """Whether the only vertebrae among the numbers are ones that mean others in another scheme."""
    found = set(numbers) - {0}
    return bool(found & _IN_BOTH) and found <= _IN_BOTH | _BESIDE_VERTEBRAE


def told_by(image: sitk.Image, source: str) -> SchemeName | None:
    """The scheme that a label map's own numbers tell; None where several or none may be meant.

    Raises BadInputError as to_verse() does.
    """
    numbers = _survey(sitk.GetArrayViewFromImage(image), source).numbers
    names = recognise(numbers)
    is_told = len(names) == 1 and numbers & _TELLING and not SCHEMES[names[0]].unknown(numbers)
    return names[0] if is_told else None


def nobody_knows() -> None:
    """No other label map tells the scheme."""


def to_verse(
    image: sitk.Image,
    scheme: Numbers = "auto",
    source: str = "the label map",
    usual: Callable[[], SchemeName | None] = nobody_knows,
) -> tuple[sitk.Image, tuple[Note, ...]]:
    """The image as a uint8 label map in VerSe's numbers, and notes on what was not as it should be.

    scheme : "auto" recognises it: by the numbers, and if two schemes have them, the one that
        gives more neighbours in order from head to foot.
    usual : the scheme of the label maps beside it, asked for where its own numbers leave it open.
    Raises BadInputError, naming `source`, when the values cannot be those of a label map.
    """
    survey = _survey(sitk.GetArrayViewFromImage(image), source)
    names = _candidates(survey.numbers, usual) if scheme == "auto" else (scheme,)
    translated = {name: _translated(image, survey, SCHEMES[name]) for name in names}
    name = names[0]
    if len(names) > 1:
        name = max(names, key=lambda name: _in_order(translated[name]))
    is_open = len(names) > 1 and is_unsure(survey.numbers)
    told = [_open(survey.numbers, name)] if is_open else _numbers_told(survey.numbers, name)
    return translated[name], (*_fills(survey), *told)


def _candidates(
    numbers: set[int], usual: Callable[[], SchemeName | None]
) -> tuple[SchemeName, ...]:
    """The schemes that may be meant, after a look at the label maps beside it if that is needed."""
    known = usual() if is_unsure(numbers) else None
    return recognise(numbers) if known is None else (known,)


def _in_order(label_map: sitk.Image) -> int:
    """How many vertebrae have the next one below them; 0 unless all are in order, head to foot."""
    found = geometry.label_centers_vox(sitk.GetArrayViewFromImage(label_map))
    there = [label for label in labels.ORDER if label in found]
    heights_mm = [float(geometry.to_mm(label_map, found[label])[2]) for label in there]
    if not all(high > low for high, low in pairwise(heights_mm)):
        return 0
    return sum(lower in labels.SUCCESSORS[upper] for upper, lower in pairwise(there))


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


def _fills(survey: _Survey) -> list[Note]:
    """What was read as background."""
    notes = [Note(f"{fill} outside the field of view read as background") for fill in survey.fills]
    return [*notes, Note("NaN read as background")] if survey.has_nan else notes


def _open(numbers: set[int], name: SchemeName) -> Note:
    """That numbers of another scheme may be meant."""
    title = SCHEMES[name].title
    return Note(
        f"VerSe's or TotalSegmentator's numbers, read as {title}'s (--pred-labels and --gt-labels "
        "say whose they are)",
        ", ".join(map(str, sorted(numbers & _IN_BOTH))),
    )


def _numbers_told(numbers: set[int], name: SchemeName) -> list[Note]:
    """Whose numbers they are, if not VerSe's, and which of them mean nothing."""
    title, unknown = SCHEMES[name].title, SCHEMES[name].unknown(numbers)
    notes = [Note(f"read in {title}'s numbers")] if name != "verse" else []
    if unknown:
        words = f"ignored, no label of {title}'s numbering"
        notes.append(Note(words, first_few([*map(str, unknown)], NAMED)))
    return notes
