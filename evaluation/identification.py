"""Was a vertebra found and rightly named, and how far from its place? Pure functions on points.

Points are label -> (3,) in world millimetres. README.md gives each rule's source.
"""

from collections.abc import Callable, Mapping

import numpy as np

#: A landmark counts as found within this distance (Payer et al. 2020, section 3.2).
IDENTIFIED_MM = 20.0

Points = Mapping[int, np.ndarray]


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


RULES: Mapping[str, Callable[[Points, Points], dict[int, bool]]] = {
    "paper": identified,
    "official": identified_officially,
}


def _is_closest(label: int, gt_mm: Points, predicted_mm: Points) -> bool:
    return min(gt_mm, key=lambda other: _distance_mm(gt_mm[other], predicted_mm[label])) == label


def _distance_mm(one_mm: np.ndarray, other_mm: np.ndarray) -> float:
    return float(np.linalg.norm(np.subtract(one_mm, other_mm)))
