"""What the page needs to write a corrected centroid file: the points, and every possible shift."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from versectl import labels
from versectl.errors import BadInputError
from versectl.report import relabelling
from versectl.report.page.case import CaseView
from versectl.types import Vertebra, Vertebrae

#: From C1 to L6 and back.
SHIFTS = range(-len(labels.ORDER), len(labels.ORDER) + 1)


def material(case: CaseView) -> dict[str, Any] | None:
    """Direction, points in voxels and shifts of a case; None without a centroid file.

    shifts : by how many levels -> new label of each point, in the points' order.
    """
    if case.centroids is None or not case.centroids.points_vox:
        return None
    points = case.centroids.points_vox
    there = [label for label in labels.ORDER if label in points]
    return {
        "direction": case.centroids.direction,
        "points": [{"label": label, "at": points[label]} for label in there],
        "shifts": {by: new for by in SHIFTS if (new := _shifted(case, there, by))},
        "names": {label: labels.NAMES[label] for label in labels.ORDER},
        "order": labels.ORDER,
    }


def _shifted(case: CaseView, there: Sequence[int], by: int) -> list[int] | None:
    """The labels after a shift, as versectl relabel has them; None where it leaves the spine."""
    found = case.report.vertebrae
    placed = Vertebrae({v.label: Vertebra(np.array(v.center_mm)) for v in found})
    try:
        change = relabelling.shifted(placed, there, by)
    except BadInputError:
        return None
    return [change[label] for label in there]
