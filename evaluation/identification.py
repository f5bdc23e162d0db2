"""Was a vertebra found and rightly named, and how far from its place? Pure functions on points.

Points are label -> (3,) in world millimetres. README.md gives each rule's source.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from versectl import labels

#: A landmark counts as found within this distance (Payer et al. 2020, section 3.2).
IDENTIFIED_MM = 20.0

#: At least this share of the true landmarks must have a prediction near them to tell a shift.
ENOUGH_OF_SPINE = 0.5

Points = Mapping[int, NDArray[np.floating]]

#: When a vertebra counts as identified: as in the paper, or in the challenge's script.
Rule = Literal["paper", "official"]


def point_errors_mm(gt_mm: Points, predicted_mm: Points) -> dict[int, float | None]:
    """Label -> distance of the predicted landmark from the true one; None when it is missing."""
    return {
        label: _distance_mm(point, predicted_mm[label]) if label in predicted_mm else None
        for label, point in gt_mm.items()
    }


def identified(gt_mm: Points, predicted_mm: Points) -> dict[int, bool]:
    """Label -> the true landmark closest to the prediction is the right one, and nearer than 20 mm.

    Every true landmark has an entry, also one without a prediction (Payer et al. 2020).
    """
    return {
        label: label in predicted_mm
        and _is_closest(label, gt_mm, predicted_mm)
        and _distance_mm(point, predicted_mm[label]) < IDENTIFIED_MM
        for label, point in gt_mm.items()
    }


def identified_officially(gt_mm: Points, predicted_mm: Points) -> dict[int, bool]:
    """As the challenge's script counts: among labels on both sides only, and 20 mm still passes."""
    common_mm = {label: point for label, point in gt_mm.items() if label in predicted_mm}
    return {
        label: label in common_mm
        and _is_closest(label, common_mm, predicted_mm)
        and _distance_mm(point, predicted_mm[label]) <= IDENTIFIED_MM
        for label, point in gt_mm.items()
    }


def level_shift(gt_mm: Points, predicted_mm: Points) -> int | None:
    """By how many levels all names are off: 1 when every L1 is named L2, -1 when it is named T12.

    0 when all names are right; None when the names are not off by the same number of levels, or
    fewer than half of the true landmarks have a prediction within 20 mm. T13 has no part in it:
    the names beside it are one level off on one side only.
    """
    true_mm, found_mm = (
        {label: point for label, point in side.items() if label != labels.T13}
        for side in (gt_mm, predicted_mm)
    )
    nearest = {label: _closest(point, true_mm) for label, point in found_mm.items() if true_mm}
    paired = {
        label: true
        for label, true in nearest.items()
        if _distance_mm(found_mm[label], true_mm[true]) < IDENTIFIED_MM
    }
    shifts = {label - true for label, true in paired.items()}
    enough = len(set(paired.values())) >= max(1, ENOUGH_OF_SPINE * len(true_mm))
    return shifts.pop() if len(shifts) == 1 and enough else None


RULES: Mapping[Rule, Callable[[Points, Points], dict[int, bool]]] = {
    "paper": identified,
    "official": identified_officially,
}


def _is_closest(label: int, gt_mm: Points, predicted_mm: Points) -> bool:
    return _closest(predicted_mm[label], gt_mm) == label


def _closest(point_mm: NDArray[np.floating], points_mm: Points) -> int:
    """The label of the point closest to this one."""
    return min(points_mm, key=lambda label: _distance_mm(points_mm[label], point_mm))


def _distance_mm(one_mm: NDArray[np.floating], other_mm: NDArray[np.floating]) -> float:
    return float(np.linalg.norm(np.subtract(one_mm, other_mm)))
