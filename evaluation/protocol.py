"""The protocol: one scan -> a record per vertebra; many records -> the paper's figures.

Two aggregations, never mixed: pooled over vertebrae (the paper's Table 1) and the mean over scans
of each scan's own mean (its Table 2). All deviations are population standard deviations.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versectl import geometry, labels
from versectl.errors import refuse_wrong_choice

from . import identification, metrics
from .numbering import Note
from .reading import CasePair, PointsFrom

#: Decimals of a record: below it, the same anatomy in another axis order may differ by rounding.
DECIMALS = 6


@dataclass(frozen=True)
class Rules:
    """Which of the published definitions holds."""

    distance: metrics.Distance = "voxel"
    identified: identification.Rule = "paper"
    missed_pe_mm: float | None = None  # point error of a missing landmark; None leaves it out

    def __post_init__(self) -> None:
        """BadInputError where a definition is asked for that there is not."""
        refuse_wrong_choice(self)


@dataclass(frozen=True)
class Record:
    """One true vertebra of one scan; None where a figure is undefined."""

    case: str
    label: int
    dice: float | None
    hd_mm: float | None
    point_error_mm: float | None
    identified: bool | None
    at_border: bool | None  # its true mask touches the edge of the volume


@dataclass(frozen=True)
class Result:
    """One scored scan; label tuples run from head to foot."""

    case: str
    records: tuple[Record, ...]
    missing_landmarks: tuple[int, ...]
    missing_masks: tuple[int, ...]
    extra_labels: tuple[int, ...]  # predicted, but not in the ground truth
    points_from: PointsFrom | None  # None when the truth has none
    notes: tuple[Note, ...]
    level_shift: int | None = None  # how many levels all names are off; see identification.py

    @property
    def correct(self) -> bool | None:
        """Whether every true landmark is identified; None without landmarks."""
        return all_identified(self.records)


@dataclass(frozen=True)
class Figure:
    """Mean and population standard deviation of n values; None when there is none."""

    mean: float | None
    sd: float | None
    n: int


Figures = Mapping[str, Figure]

#: What is averaged: name -> value of a record.
METRICS: Mapping[str, Callable[[Record], float | None]] = {
    "point_error_mm": lambda record: record.point_error_mm,
    "id_rate": lambda record: record.identified,
    "dice": lambda record: record.dice,
    "hd_mm": lambda record: record.hd_mm,
}

#: Groups of a table: name -> labels.
GROUPS = {**labels.REGIONS, "all": labels.ORDER}


def score(pair: CasePair, rules: Rules) -> Result:
    """Compare one case's prediction with its ground truth.

    Sacrum, coccyx and unknown labels are ignored. A mask that is missing has Dice 0 and no
    Hausdorff distance.
    """
    overlaps = _overlaps(pair, rules.distance)
    gt_masks = {label for label, overlap in overlaps.items() if overlap.gt_vox}
    predicted_masks = {label for label, overlap in overlaps.items() if overlap.predicted_vox}
    gt_mm, predicted_mm = _vertebrae(pair.gt_mm), _vertebrae(pair.predicted_mm)
    errors_mm = identification.point_errors_mm(gt_mm, predicted_mm)
    is_identified = identification.RULES[rules.identified](gt_mm, predicted_mm)
    at_border = _at_border(pair.gt)
    true_labels = _ordered(gt_masks | gt_mm.keys())
    records = tuple(
        Record(
            case=pair.name,
            label=label,
            dice=_rounded(overlaps[label].dice) if label in gt_masks else None,
            hd_mm=_rounded(overlaps[label].distance_mm) if label in gt_masks else None,
            point_error_mm=_error_mm(errors_mm, label, rules.missed_pe_mm),
            identified=is_identified.get(label),
            at_border=None if pair.gt is None else label in at_border,
        )
        for label in true_labels
    )
    return Result(
        case=pair.name,
        records=records,
        missing_landmarks=_ordered(gt_mm.keys() - predicted_mm.keys()),
        missing_masks=_ordered(gt_masks - predicted_masks),
        extra_labels=_ordered((predicted_masks | predicted_mm.keys()) - set(true_labels)),
        points_from=pair.points_from,
        notes=pair.notes,
        level_shift=_level_shift(pair, gt_mm, predicted_mm),
    )


def pooled(records: Iterable[Record]) -> dict[str, Figure]:
    """Every vertebra counts once, whatever its scan: the paper's Table 1."""
    records = tuple(records)
    return {name: _figure(map(value, records)) for name, value in METRICS.items()}


def over_scans(scans: Iterable[Sequence[Record]]) -> dict[str, Figure]:
    """Every scan counts once, with the mean of its vertebrae: the paper's Table 2."""
    return mean_of(pooled(records) for records in scans if records)


def mean_of(scans: Iterable[Figures]) -> dict[str, Figure]:
    """Mean and deviation of the scans' own means."""
    scans = tuple(scans)
    return {name: _figure(scan[name].mean for scan in scans) for name in METRICS}


def scans_correct(scans: Iterable[Sequence[Record]]) -> Figure:
    """Rate of scans with landmarks in which every one of them is identified."""
    return _figure(map(all_identified, scans))


def all_identified(records: Iterable[Record]) -> bool | None:
    """Whether every landmark among the records is identified; None when there is none."""
    answers = [record.identified for record in records if record.identified is not None]
    return all(answers) if answers else None


def without_border(results: Iterable[Result]) -> list[tuple[Record, ...]]:
    """The records of each scan, vertebrae at the edge of the volume left out."""
    return [
        tuple(record for record in result.records if not record.at_border) for result in results
    ]


def _figure(values: Iterable[float | None]) -> Figure:
    defined = np.array([float(value) for value in values if value is not None])
    if not defined.size:
        return Figure(None, None, 0)
    return Figure(_rounded(defined.mean()), _rounded(defined.std()), defined.size)


def _overlaps(pair: CasePair, distance: metrics.Distance) -> dict[int, metrics.Overlap]:
    if pair.gt is None or pair.predicted is None:
        return {}
    return metrics.compare(pair.gt, pair.predicted, pair.spacing_mm, labels.ORDER, distance)


def _level_shift(
    pair: CasePair, gt_mm: identification.Points, predicted_mm: identification.Points
) -> int | None:
    """By the points, or by the masks' centres where one side has no points."""
    if not (gt_mm and predicted_mm) and pair.gt is not None and pair.predicted is not None:
        gt_mm, predicted_mm = (
            {label: at * pair.spacing_mm for label, at in geometry.label_centers_vox(side).items()}
            for side in (pair.gt, pair.predicted)
        )
    return identification.level_shift(_vertebrae(gt_mm), _vertebrae(predicted_mm))


def _at_border(mask: NDArray[np.uint8] | None) -> set[int]:
    """Labels on one of the six outermost planes."""
    if mask is None:
        return set()
    planes = [mask.take(end, axis=axis) for axis in range(3) for end in (0, -1)]
    return {int(label) for plane in planes for label in np.unique(plane)}


def _vertebrae(points_mm: identification.Points | None) -> dict[int, NDArray[np.floating]]:
    return {label: point for label, point in (points_mm or {}).items() if label in labels.ORDER}


def _ordered(found: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(map(int, found), key=labels.ORDER.index))


def _error_mm(
    errors_mm: Mapping[int, float | None], label: int, missed_pe_mm: float | None
) -> float | None:
    if label not in errors_mm:
        return None
    error_mm = errors_mm[label]
    return missed_pe_mm if error_mm is None else _rounded(error_mm)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), DECIMALS)
