"""Two folders, predictions and ground truth -> everything there is to say about them."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from versectl import labels
from versectl.errors import BadInputError, PartialFailureError, explain, refuse_wrong_choice
from versectl.io.layout import Case
from versectl.text import in_words

from . import matching, protocol, reading
from .numbering import Note
from .protocol import Figure, Figures, Record, Result, Rules
from .reading import Files, Findings, Folder, PointsFrom

#: Version of the JSON's form.
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Options:
    """How to read and how to count.

    predicted, gt : how each side's files are meant.
    points : "files", centroids from files alone: a prediction without one has identified
        nothing. "masks", centres of mass of both sides' masks in every case. "auto", files,
        unless no case of the ground truth has one: then masks.
    count_missing_cases : a case whose prediction is missing or cannot be read counts as an empty
        one.
    jobs : cases at a time; None is one per core, up to four.
    """

    rules: Rules = field(default_factory=Rules)
    predicted: Files = field(default_factory=Files)
    gt: Files = field(default_factory=Files)
    points: Literal["auto", "files", "masks"] = "auto"
    count_missing_cases: bool = False
    jobs: int | None = None

    def __post_init__(self) -> None:
        """BadInputError where points are to be from nowhere."""
        refuse_wrong_choice(self)


@dataclass(frozen=True)
class Failure:
    """A case that could not be compared, and why, in one line."""

    case: str
    reason: str


@dataclass(frozen=True)
class Report:
    """All scored scans of one folder of predictions, and what could not be scored."""

    options: Options
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]
    without_prediction: tuple[str, ...] = ()
    without_truth: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every case of the ground truth is in the figures."""
        return not self.failures and not self.left_out

    @property
    def left_out(self) -> tuple[str, ...]:
        """Cases without a prediction that are not in the figures."""
        return () if self.options.count_missing_cases else self.without_prediction

    @property
    def records(self) -> tuple[Record, ...]:
        """One per true vertebra of the scored scans."""
        return tuple(record for result in self.results for record in result.records)

    @property
    def pooled(self) -> Figures:
        """Metric -> figure over all vertebrae, whatever their scan: the paper's Table 1."""
        return protocol.pooled(self.records)

    @property
    def over_scans(self) -> Figures:
        """Metric -> figure over the scans' own means: the paper's Table 2."""
        return protocol.over_scans(result.records for result in self.results)


def evaluate(predicted: str | Path, gt: str | Path, options: Options | None = None) -> Report:
    """Compare a folder (or file) of predictions with the ground truth, case by case.

    A case that cannot be compared is listed in the report's failures. Raises BadInputError when
    a folder is missing or the two have no case in common.
    """
    options = options or Options()
    matched = matching.match(Path(predicted), Path(gt), options.count_missing_cases)
    pairs: list[tuple[Case | None, Case]] = list(matched.pairs)
    if options.count_missing_cases:
        pairs += [(None, case) for case in matched.without_prediction]
    points = _points(options.points, matched.truth)
    options = replace(
        options,
        points=points,
        predicted=_beside(options.predicted, matched.predictions),
        gt=_beside(options.gt, matched.truth),
    )
    # Threads suffice: reading and inflating, most of the time, happen outside Python's lock. Few
    # by default, as each holds a case's two volumes in memory.
    with ThreadPoolExecutor(options.jobs or min(4, os.cpu_count() or 1)) as pool:
        outcomes = list(pool.map(partial(_attempt, options=options, points=points), pairs))
    return Report(
        options=options,
        results=tuple(outcome for outcome in outcomes if isinstance(outcome, Result)),
        failures=tuple(outcome for outcome in outcomes if isinstance(outcome, Failure)),
        without_prediction=tuple(case.name for case in matched.without_prediction),
        without_truth=tuple(case.name for case in matched.without_truth),
    )


def compare(
    predicted: Findings, gt: Findings, options: Options | None = None, name: str = "case"
) -> Report:
    """Compare one case that is in memory; the report has a single result.

    With points "auto", centroids are taken from the masks of both sides when the ground truth has
    none of its own. Raises BadInputError when a label map is none, or the ground truth is empty.
    """
    options = options or Options()
    points = options.points
    if points == "auto":
        points = "masks" if gt.centroids_mm is None else "files"
    sides = (
        reading.in_verse_numbers(predicted, options.predicted, "the prediction"),
        reading.in_verse_numbers(gt, options.gt, "the ground truth"),
    )
    result = protocol.score(reading.pair(name, *sides, points), options.rules)
    return Report(replace(options, points=points), (result,), ())


def findings(path: str | Path, files: Files | None = None) -> Findings:
    """What one file holds: a label map, or centroids with the label map or CT beside them.

    A folder is read if it holds a single case; BadInputError otherwise.
    """
    return reading.read(matching.only_case(Path(path)), files or Files())


def figures(report: Report) -> dict[str, dict[str, Figures]]:
    """Aggregation -> group -> metric -> figure, as both tables of the paper need them."""
    scans = [result.records for result in report.results]
    inner = protocol.without_border(report.results)
    return {
        "pooled_over_vertebrae": _grouped(scans, _pool),
        "mean_over_scans": _grouped(scans, protocol.over_scans),
        "pooled_over_vertebrae_without_border": _grouped(inner, _pool),
        "mean_over_scans_without_border": _grouped(inner, protocol.over_scans),
    }


def per_vertebra(report: Report) -> dict[str, Figures]:
    """Vertebra's name -> metric -> figure pooled over the scans that have it."""
    return {
        labels.NAMES[label]: protocol.pooled(records)
        for label in labels.ORDER
        if (records := [record for record in report.records if record.label == label])
    }


def to_json(report: Report) -> dict[str, Any]:
    """The whole report as JSON content; undefined figures are null."""
    tables = {**figures(report), "per_vertebra": per_vertebra(report)}
    return {
        "schema_version": SCHEMA_VERSION,
        "rules": asdict(report.options.rules),
        "points": report.options.points,
        "complete": report.complete,
        "failures": [asdict(failure) for failure in report.failures],
        "cases_without_prediction": list(report.without_prediction),
        "cases_without_truth": list(report.without_truth),
        "cases": [_case_json(result) for result in report.results],
        "summaries": {
            table: {
                group: {metric: asdict(figure) for metric, figure in row.items()}
                for group, row in rows.items()
            }
            for table, rows in tables.items()
        },
        "scans_correct": asdict(scans_correct(report)),
        "counts": counts(report),
        "records": [asdict(record) for record in report.records],
    }


def counts(report: Report) -> dict[str, int]:
    """How many labels lack on the predicted side, and how many are there too many."""
    return {
        kind: sum(len(getattr(result, kind)) for result in report.results)
        for kind in ("missing_landmarks", "missing_masks", "extra_labels")
    }


def level_shifts(report: Report) -> dict[int, list[str]]:
    """Shift -> cases in which all names are off by that many levels; see identification.py."""
    shifts = Counter(result.level_shift for result in report.results if result.level_shift)
    return {
        shift: [result.case for result in report.results if result.level_shift == shift]
        for shift, _ in shifts.most_common()
        if shift is not None
    }


def scans_correct(report: Report) -> Figure:
    """Rate of scans in which every true landmark is identified."""
    return protocol.scans_correct(result.records for result in report.results)


def mean_dice(report: Report) -> float | None:
    """Mean Dice of all true vertebrae; None where there is none."""
    return protocol.pooled(report.records)["dice"].mean


#: What --fail-below may name -> the figure it means. DSC is another name of Dice.
THRESHOLDS: Mapping[str, Callable[[Report], float | None]] = {
    "ID": lambda report: protocol.pooled(report.records)["id_rate"].mean,
    "Dice": mean_dice,
    "DSC": mean_dice,
    "SCANS": lambda report: scans_correct(report).mean,
}


def parse_thresholds(text: str) -> dict[str, float]:
    """Name -> least value, 0 to 1, of "ID=0.9,Dice=0.85"; BadInputError for any other text."""
    names = {name.casefold(): name for name in THRESHOLDS}
    thresholds = {}
    for part in text.split(","):
        match = re.fullmatch(r"(\w+)=(0|1|[01]?\.\d+)", part.strip())
        if not match or match[1].casefold() not in names:
            raise BadInputError(
                f"{part!r} is not a threshold; write {in_words([*THRESHOLDS], 'or')} and a "
                "least value from 0 to 1, as in ID=0.9,Dice=0.85."
            )
        thresholds[names[match[1].casefold()]] = float(match[2])
    return thresholds


def below(report: Report, thresholds: Mapping[str, float]) -> list[str]:
    """One line for each figure below its threshold; an undefined figure is below any."""
    lines = []
    for name, least in thresholds.items():
        value = THRESHOLDS[name](report)
        if value is None:
            lines.append(f"{name} is undefined, {least:g} is asked for")
        elif value < least:
            lines.append(f"{name} is {value:.4f}, below {least:g}")
    return lines


def check(report: Report, thresholds: Mapping[str, float]) -> None:
    """Raise PartialFailureError when a case was left out or a figure is below its threshold."""
    faults = below(report, thresholds)
    if report.failures:
        first = report.failures[0]
        faults.append(
            f"cases not compared: {len(report.failures)} ({first.case}: {first.reason.rstrip('.')})"
        )
    if report.left_out:
        faults.append(f"cases without a prediction: {len(report.left_out)}")
    if faults:
        raise PartialFailureError("; ".join(fault.rstrip(".") for fault in faults) + ".")


def _beside(files: Files, cases: Sequence[Case]) -> Files:
    """The same, with the label maps of all cases of that side."""
    return replace(files, beside=Folder([case.labels for case in cases if case.labels]))


def _points(asked: PointsFrom | Literal["auto"], truth: Sequence[Case]) -> PointsFrom:
    """Where all cases' points are from: one answer for the whole data set."""
    if asked != "auto":
        return asked
    return "files" if any(case.centroids for case in truth) else "masks"


def _attempt(
    sides: tuple[Case | None, Case], options: Options, points: PointsFrom
) -> Result | Failure:
    predicted, gt = sides
    try:
        truth = reading.read(gt, options.gt, predicted)
        found, notes = _prediction(predicted, gt, options)
        pair = reading.pair(gt.name, found, truth, points)
        return protocol.score(replace(pair, notes=(*notes, *pair.notes)), options.rules)
    except Exception as error:  # whatever is wrong with one case, the others are compared
        return Failure(gt.name, str(explain(error)))


def _prediction(
    case: Case | None, gt: Case, options: Options
) -> tuple[Findings | None, tuple[Note, ...]]:
    """What the prediction holds; nothing when it is missing, or unreadable and counted as empty."""
    if case is None:
        return None, ()
    notes = (reading.OLDER,) if reading.has_failed(case) else ()
    try:
        return reading.read(case, options.predicted, gt), notes
    except BadInputError as error:
        if not options.count_missing_cases:
            raise
        return None, (
            *notes,
            Note("prediction not read, counted as empty", str(error), is_failure=True),
        )


def _pool(scans: Iterable[Sequence[Record]]) -> Figures:
    return protocol.pooled(record for records in scans for record in records)


def _grouped(
    scans: Sequence[Sequence[Record]],
    aggregate: Callable[[Sequence[Sequence[Record]]], Figures],
) -> dict[str, Figures]:
    """The aggregation of each region's records, and of all."""
    return {
        group: aggregate(
            [tuple(record for record in records if record.label in members) for records in scans]
        )
        for group, members in protocol.GROUPS.items()
    }


def _case_json(result: Result) -> dict[str, Any]:
    content = asdict(result)
    del content["records"]  # listed together, one level up
    return {**content, "notes": [str(note) for note in result.notes], "correct": result.correct}
