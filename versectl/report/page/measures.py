"""Numbers of vertebrae as the page shows them: their names, units, and values over all cases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from versectl import labels
from versectl.report.measures import Measures, names, or_none, values
from versectl.report.reading import Report, Row

#: How keys end -> unit, and how many decimals are worth reading.
UNITS = {"_ml": ("ml", 1), "_mm": ("mm", 1), "_deg": ("°", 1)}

#: Names that a key alone does not tell.
TITLES = {
    "confidence": "Confidence of the label",
    "peak": "Peak of the heatmap",
    "hu_mean": "Mean HU",
    "hu_median": "Median HU",
    "hu_sd": "SD of HU",
    "height_front_mm": "Front height",
    "height_middle_mm": "Middle height",
    "height_back_mm": "Back height",
    "front_to_back": "Front / back height",
    "middle_to_back": "Middle / back height",
    "gap_to_next_mm": "Gap to the next",
    "angle_to_next_deg": "Angle to the next",
    "sagittal_angle_to_next_deg": "Sagittal angle to the next",
    "kyphosis_t4_t12_deg": "Kyphosis T4 to T12",
    "lordosis_l1_l5_deg": "Lordosis L1 to L5",
    "lordosis_c2_c7_deg": "Lordosis C2 to C7",
    "dice": "Dice",
    "hd_mm": "Hausdorff distance",
    "point_error_mm": "Point error",
}

#: What is known of a vertebra: measures of the bone first, then of the finding.
KEYS = (*names(Measures), "confidence", "peak")

#: Of a comparison with the ground truth: key of a record there.
ACCURACY = ("dice", "hd_mm", "point_error_mm")


@dataclass(frozen=True)
class Measure:
    """A number per vertebra. points : place of the case, label, value, 1 where it is cut, or 0."""

    key: str
    title: str
    unit: str
    points: Sequence[tuple[int, int, float, int]]


def title(key: str) -> tuple[str, str]:
    """A key's name and unit: "volume_ml" is ("Volume", "ml")."""
    ending = _ending(key)
    words = key.removesuffix(ending).replace("_", " ")
    return TITLES.get(key, words[:1].upper() + words[1:]), UNITS.get(ending, ("", 0))[0]


def written(key: str, value: float | None) -> str:
    """A value with the decimals that are worth reading; a dash where it is not known."""
    if value is None:
        return "\N{EN DASH}"
    decimals = 0 if key.startswith("hu_") else UNITS.get(_ending(key), ("", 2))[1]
    return f"{value:.{decimals}f}"


def numbers(row: Row) -> dict[str, float | None]:
    """Key -> value; None where it is not known."""
    found = {**values(row.measures), "confidence": row.confidence, "peak": row.peak}
    return {key: or_none(value) for key, value in found.items()}


def over(reports: Sequence[Report]) -> list[Measure]:
    """Every measure over all cases."""
    rows = [
        (place, row.label, numbers(row), row.at_border)
        for place, report in enumerate(reports)
        for row in report.vertebrae
    ]
    return [
        _measure(key, ((place, label, found[key], is_cut) for place, label, found, is_cut in rows))
        for key in KEYS
    ]


def accuracy(records: Iterable[Mapping[str, Any]], places: Mapping[str, int]) -> list[Measure]:
    """The figures of a comparison with the ground truth. places : case there -> place here."""
    kept = [record for record in records if record["case"] in places]
    return [
        _measure(key, ((places[r["case"]], r["label"], r[key], r["at_border"]) for r in kept))
        for key in ACCURACY
    ]


def levels(measures: Iterable[Measure]) -> list[tuple[int, str]]:
    """Label and name of every vertebra that has a value, head to foot."""
    found = {label for measure in measures for _, label, _, _ in measure.points}
    return [(label, labels.NAMES[label]) for label in labels.ORDER if label in found]


def _ending(key: str) -> str:
    return next((ending for ending in UNITS if key.endswith(ending)), "")


def _measure(key: str, points: Iterable[tuple[int, int, float | None, bool | None]]) -> Measure:
    known = [
        (case, label, round(float(value), 4), int(bool(is_cut)))
        for case, label, value, is_cut in points
        if value is not None
    ]
    return Measure(key, *title(key), known)
