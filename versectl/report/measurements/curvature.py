"""Angles between endplates: from one vertebra to the next, and of whole curves of the spine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from versectl import labels
from versectl.report.measures import Curvature, NotMeasured, Plates, Sheet

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A curve of the spine: the angle from one endplate to another.

    first, last : label and endplate. sign : of the sagittal angle, so that the curve's own is > 0.
    """

    first: tuple[int, str]
    last: tuple[int, str]
    sign: int


def _curve(first: str, last: str, sign: int) -> Curve:
    """From "T4 upper" to "T12 lower"."""
    (one, at), (other, to) = first.split(), last.split()
    return Curve((labels.NUMBERS[one], at), (labels.NUMBERS[other], to), sign)


#: Cobb angles: T4 to T12 and L1 to L5 as Vialle et al. measure them (J Bone Joint Surg Am 2005; 87:
#: 260), C2 to C7 between the lower endplates, for C2 has no upper one.
CURVES = {
    "kyphosis_t4_t12_deg": _curve("T4 upper", "T12 lower", 1),
    "lordosis_l1_l5_deg": _curve("L1 upper", "L5 lower", -1),
    "lordosis_c2_c7_deg": _curve("C2 lower", "C7 lower", -1),
}


def to_next(
    above: int, plates: Mapping[int, Plates], gaps: Sequence[tuple[int, int]]
) -> dict[str, float]:
    """From a vertebra to the next.

    plates : label -> endplates, head to foot. gaps : neighbours between which one is missing.
    """
    below = dict(pairwise(plates)).get(above)
    if below is None:
        raise NotMeasured("no vertebra follows")
    if (above, below) in gaps:
        raise NotMeasured("the next vertebra is missing")
    return between(plates[above], plates[below])


def between(above: Plates, below: Plates) -> dict[str, float]:
    """Angles, and the gap in the middle, between a lower endplate and the next upper one."""
    upper = _known(above.lower, "its lower")
    next_one = "the next vertebra's upper"
    lower = _known(below.upper, next_one)
    cosine = float(np.clip(upper @ lower, -1.0, 1.0))
    apart_mm = _known(above.lower_mm, "its lower") - _known(below.upper_mm, next_one)
    return {
        "angle_to_next_deg": float(np.degrees(np.arccos(cosine))),
        "sagittal_angle_to_next_deg": sagittal_deg(upper, lower, _leftwards(above, below)),
        "gap_to_next_mm": float(apart_mm @ (upper + lower) / np.linalg.norm(upper + lower)),
    }


def of_spine(plates: Mapping[int, Plates]) -> Curvature:
    """All curves of the spine, as far as both of their ends are measured."""
    sheet = Sheet()
    for name, curve in CURVES.items():
        sheet.add((name,), partial(_of_curve, name, curve, plates))
    return Curvature(**sheet.values, not_measured=sheet.reasons)


def _of_curve(name: str, curve: Curve, plates: Mapping[int, Plates]) -> dict[str, float]:
    """A curve's angle by its name, in degrees."""
    upper, lower = _end(plates, *curve.first), _end(plates, *curve.last)
    left = _leftwards(plates[curve.first[0]], plates[curve.last[0]])
    return {name: curve.sign * sagittal_deg(upper, lower, left)}


def sagittal_deg(upper: Array, lower: Array, left: Array) -> float:
    """How much further forward the upper normal leans than the lower one, seen from the side.

    Positive: kyphosis, the spine is bent forward. Negative: lordosis.
    """
    axis = left / np.linalg.norm(left)
    one, other = (normal - axis * (axis @ normal) for normal in (upper, lower))
    return float(np.degrees(np.arctan2(axis @ np.cross(other, one), one @ other)))


def _end(plates: Mapping[int, Plates], label: int, which: str) -> Array:
    name = labels.NAMES[label]
    if label not in plates:
        raise NotMeasured(f"{name} was not found")
    found = plates[label].upper if which == "upper" else plates[label].lower
    return _known(found, f"{name}'s {which}")


def _leftwards(one: Plates, other: Plates) -> Array:
    """Between the axes of both; they are known where an endplate is."""
    return np.sum([plates.left for plates in (one, other) if plates.left is not None], axis=0)


def _known(normal: Array | None, which: str) -> Array:
    if normal is None:
        raise NotMeasured(f"{which} endplate is not measured")
    return normal
