"""All reports of an output folder: how far the batch is, and one table of everything."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from versectl import labels
from versectl.config import STAGES
from versectl.errors import BadInputError
from versectl.io import ENDINGS, atomic
from versectl.report import levels, reading
from versectl.report.measures import Curvature, Measures, names, or_none, values
from versectl.report.reading import Report
from versectl.text import first_few, fitting, printable
from versectl.types import Numbering

#: Lines for what has failed, is likely wrong, or was changed since.
SHOWN = 20

CASES = (
    "case",
    "status",
    "exit_code",
    "error",
    "vertebrae",
    "first",
    "last",
    "levels_by",
    "probability",
    "least_confidence",
    "second_labels",
    "second_shift",
    "second_probability",
    "evidence",
    *names(Curvature),
    "flags",
    "warnings",
    "changed",
    "seconds",
    "peak_memory_mb",
    "input_sha256",
    "versectl",
)
VERTEBRAE = (
    "case",
    "label",
    "name",
    "x_mm",
    "y_mm",
    "z_mm",
    "peak",
    "confidence",
    "second_name",
    "second_probability",
    "at_border",
    *names(Measures),
    "not_measured",
)

ENDING = ENDINGS["report"]

#: What a line of a table is -> the file's usual name.
TABLES = {"cases": "collected.csv", "vertebrae": "collected-vertebrae.csv"}

#: What tables say of a case whose report is damaged, or is none.
UNREADABLE, CANNOT_BE_READ = "unreadable", "cannot be read; run the case again"


@dataclass(frozen=True)
class Overview:
    """The reports of a folder by case; cases whose report cannot be read; cases in work.

    interrupted : cases whose run has died. changed : case -> files that its report is not of.
    without_report : cases that have results alone, and are not in work.
    """

    reports: Mapping[str, Report]
    unreadable: Sequence[str]
    working: Sequence[str]
    interrupted: Sequence[str] = ()
    changed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    without_report: Sequence[str] = ()


def read(out: Path, working: Sequence[str] = (), interrupted: Sequence[str] = ()) -> Overview:
    """All reports in a folder; BadInputError when it is none."""
    if not Path(out).is_dir():
        raise BadInputError(f"{out} is not a folder; give the OUT of run-all.")
    found = {
        file.name.removesuffix(ENDING): reading.read(file)
        for file in sorted(Path(out).glob(f"*{ENDING}"))
    }
    reports = {name: report for name, report in found.items() if report is not None}
    unreadable = [name for name in found if name not in reports]
    changed = {name: report.changed(Path(out), name) for name, report in reports.items()}
    changed = {name: files for name, files in changed.items() if files}
    without_report = sorted(_with_results(Path(out)) - {*found, *working, *interrupted})
    return Overview(reports, unreadable, working, interrupted, changed, without_report)


def _with_results(out: Path) -> set[str]:
    """The cases that have a stage's result; hidden files are of nobody."""
    files = [file.name for file in out.iterdir() if not file.name.startswith(".")]
    endings = [ENDINGS[stage] for stage in STAGES]
    return {name.removesuffix(end) for end in endings for name in files if name.endswith(end)}


def of_results(out: Path, working: Sequence[str] = ()) -> Overview:
    """The same of a folder that has been worked on; BadInputError when it holds no report."""
    overview = read(out, working)
    if not overview.reports and not overview.unreadable:
        raise BadInputError(f"{out} holds no <case>{ENDING}; give the OUT of run-all.")
    return overview


def text(overview: Overview) -> str:
    """How far the batch is, for people."""
    done, failed = _with_status(overview, reading.DONE), _failed(overview)
    no_spine = _with_status(overview, reading.NO_SPINE)
    shown = f", no spine in view {len(no_spine)}" if no_spine else ""
    lines = [f"done {len(done)}{shown}, failed {len(failed)}, working {len(overview.working)}"]
    lines += _first([f"  {name} failed: {message}" for name, message in failed.items()], "failed")
    doubts = {name: _doubt(overview, name) for name in _likely_wrong(overview)}
    doubtful = [f"  {name} is likely wrong: {doubt}" for name, doubt in doubts.items()]
    lines += _first(doubtful, "are likely wrong")
    lines += outdated(overview)
    if overview.interrupted:
        names = first_few(overview.interrupted)
        lines.append(f"  interrupted: {names}; start the command again to finish")
    there = (overview.reports, overview.unreadable, overview.working, overview.interrupted)
    if not any(there) and not overview.without_report:
        lines.append(f"  there is no <case>{ENDING} yet; is this the OUT of run-all?")
    return "\n".join(map(printable, lines))


def outdated(overview: Overview) -> list[str]:
    """A line per case whose report cannot be read or is of former files, one for those without."""
    unreadable = [f"  {n}{ENDING} {CANNOT_BE_READ}" for n in overview.unreadable]
    lines = [
        f"  {name}: {', '.join(files)} changed or gone since the report was written; "
        "run run-all again"
        for name, files in overview.changed.items()
    ]
    missing = first_few(overview.without_report)
    without = [f"  without a report: {missing}; run run-all to have one"] if missing else []
    return [*unreadable, *_first(lines, "changed since"), *without]


def _first(lines: Sequence[str], what: str) -> list[str]:
    kept, left = fitting(lines, SHOWN)
    return [*kept, *([f"  and {left} more {what}"] if left else [])]


def as_json(overview: Overview) -> str:
    """The same for programs."""
    content = {
        "done": len(_with_status(overview, reading.DONE)),
        "no_spine": _with_status(overview, reading.NO_SPINE),
        "failed": _failed(overview),
        "likely_wrong": _likely_wrong(overview),
        "levels": {
            name: _levels(report)
            for name, report in overview.reports.items()
            if report.status == reading.DONE
        },
        "working": list(overview.working),
        "interrupted": list(overview.interrupted),
        "changed": {name: list(files) for name, files in overview.changed.items()},
        "unreadable": list(overview.unreadable),
        "without_report": list(overview.without_report),
    }
    return json.dumps(content, indent=1)


def write_cases(overview: Overview, path: Path) -> int:
    """Write a line per case, in order of name; how many there are."""
    rows = [
        _case_row(name, report, overview.changed.get(name, ()))
        for name, report in overview.reports.items()
    ]
    rows += map(_unreadable_row, overview.unreadable)
    return _write(CASES, sorted(rows, key=lambda row: str(row[0])), path)


def write_vertebrae(overview: Overview, path: Path) -> int:
    """Write a line per vertebra; how many there are."""
    rows = [row for item in overview.reports.items() for row in _vertebra_rows(*item)]
    return _write(VERTEBRAE, rows, path)


def _write(columns: Sequence[str], rows: Sequence[Sequence[object]], path: Path) -> int:
    atomic.write_csv(columns, rows, path)
    return len(rows)


def _with_status(overview: Overview, status: str) -> list[str]:
    return [name for name, report in overview.reports.items() if report.status == status]


def _failed(overview: Overview) -> dict[str, str]:
    reports = overview.reports.items()
    return {n: report.error for n, report in reports if report.status == reading.FAILED}


def _likely_wrong(overview: Overview) -> dict[str, list[str]]:
    """Case -> codes of its flags of severity "error"; cases without any are left out."""
    codes = {
        name: [flag.code for flag in report.flags if flag.is_error]
        for name, report in overview.reports.items()
        if report.status == reading.DONE
    }
    return {name: found for name, found in codes.items() if found}


def _doubt(overview: Overview, name: str) -> str:
    """Why a result is likely wrong, in words."""
    flags = overview.reports[name].flags
    return " ".join(flag.message for flag in flags if flag.is_error)


#: What is said of levels whose probability is not known.
_NO_NUMBERING: dict[str, object] = {
    "probability": None,
    "second": None,
    "evidence": [],
    "first_rib_beside": None,
}


def _levels(report: Report) -> dict[str, object]:
    """Who named the levels of a case, how probable they are, and what else they may be."""
    numbering = levels.to_json(report.numbering)
    return {
        "by": report.levels_by,
        "least_confidence": _least_confidence(report),
        **(numbering or _NO_NUMBERING),
    }


def _least_confidence(report: Report) -> float | None:
    """Of the most doubtful vertebra; None where it is not known."""
    known = [row.confidence for row in report.vertebrae if not math.isnan(row.confidence)]
    return min(known, default=None)


def _numbering_cells(numbering: Numbering | None) -> tuple[object, ...]:
    """Labels, shift and probability of the second numbering, and the evidence."""
    if numbering is None:
        return (None,) * 4
    second, evidence = numbering.second, " ".join(numbering.evidence) or None
    if second is None:
        return None, None, None, evidence
    named = " ".join("none" if label is None else labels.NAMES[label] for label in second.labels)
    return named, second.shift, second.probability, evidence


def _case_row(name: str, report: Report, changed: Sequence[str]) -> tuple[object, ...]:
    names: list[str | None] = [row.name for row in report.vertebrae]
    names = names or [None]
    return (
        name,
        report.status,
        report.exit_code,
        report.error or None,
        len(report.vertebrae),
        names[0],
        names[-1],
        report.levels_by,
        report.numbering and report.numbering.probability,
        _least_confidence(report),
        *_numbering_cells(report.numbering),
        *map(or_none, values(report.curvature).values()),
        " ".join(dict.fromkeys(flag.code for flag in report.flags)) or None,
        " ".join(report.warnings),
        " ".join(changed) or None,
        round(sum(report.seconds.values()), 2),
        report.peak_memory_mb,
        report.input_sha256,
        report.versions.get("versectl"),
    )


def _unreadable_row(name: str) -> tuple[object, ...]:
    known = {"case": name, "status": UNREADABLE, "error": f"its report {CANNOT_BE_READ}"}
    return tuple(known.get(column) for column in CASES)


def _vertebra_rows(name: str, report: Report) -> list[tuple[object, ...]]:
    return [
        (
            name,
            row.label,
            row.name,
            *row.center_mm,
            or_none(row.peak),
            or_none(row.confidence),
            *second,
            row.at_border,
            *map(or_none, values(row.measures).values()),
            _reasons(row.measures.not_measured),
        )
        for row, second in zip(report.vertebrae, _second_cells(report), strict=True)
    ]


def _second_cells(report: Report) -> list[tuple[object, object]]:
    """For each vertebra its name in the second numbering, and how probable that is."""
    second = report.numbering and report.numbering.second
    if not second or len(second.labels) != len(report.vertebrae):
        return [(None, None)] * len(report.vertebrae)
    names = [None if label is None else labels.NAMES[label] for label in second.labels]
    return [(name, second.probability) for name in names]


def _reasons(not_measured: Mapping[str, str]) -> str | None:
    """Each reason once: "no vertebra follows: angle_to_next_deg sagittal_angle_to_next_deg"."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in not_measured.items():
        by_reason.setdefault(reason, []).append(name)
    return "; ".join(f"{why}: {' '.join(what)}" for why, what in by_reason.items()) or None
