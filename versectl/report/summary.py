"""All reports of an output folder: how far the batch is, and one table of everything."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from versectl.errors import BadInputError, printable
from versectl.io import atomic
from versectl.report import case_report
from versectl.report.case_report import Report

#: Failures that are shown one by one.
SHOWN = 20

CASES = (
    "case",
    "status",
    "exit_code",
    "error",
    "vertebrae",
    "first",
    "last",
    "volume_ml",
    "warnings",
    "seconds",
    "peak_memory_mb",
    "input_sha256",
    "versectl",
)
VERTEBRAE = ("case", "label", "name", "x_mm", "y_mm", "z_mm", "peak", "volume_ml", "at_border")

ENDING = "_report.json"


@dataclass(frozen=True)
class Overview:
    """The reports of a folder by case; cases whose report cannot be read; cases in work."""

    reports: Mapping[str, Report]
    unreadable: Sequence[str]
    working: Sequence[str]


def read(out: Path, working: Sequence[str] = ()) -> Overview:
    """All reports in a folder; BadInputError when it is none."""
    if not Path(out).is_dir():
        raise BadInputError(f"{out} is no folder; give the OUT of a batch.")
    found = {
        file.name.removesuffix(ENDING): case_report.read(file)
        for file in sorted(Path(out).glob(f"*{ENDING}"))
    }
    reports = {name: report for name, report in found.items() if report is not None}
    return Overview(reports, [name for name in found if name not in reports], working)


def text(overview: Overview) -> str:
    """How far the batch is, for people."""
    done, failed = _with_status(overview, case_report.DONE), _failed(overview)
    no_spine = _with_status(overview, case_report.NO_SPINE)
    shown = f", no spine in view {len(no_spine)}" if no_spine else ""
    lines = [f"done {len(done)}{shown}, failed {len(failed)}, working {len(overview.working)}"]
    lines += [f"  {name} failed: {message}" for name, message in list(failed.items())[:SHOWN]]
    lines += [f"  and {len(failed) - SHOWN} more failed"] if len(failed) > SHOWN else []
    lines += [f"  {n}{ENDING} cannot be read; run the case again" for n in overview.unreadable]
    return "\n".join(map(printable, lines))


def as_json(overview: Overview) -> str:
    """The same for programs."""
    content = {
        "done": len(_with_status(overview, case_report.DONE)),
        "no_spine": _with_status(overview, case_report.NO_SPINE),
        "failed": _failed(overview),
        "working": list(overview.working),
        "unreadable": list(overview.unreadable),
    }
    return json.dumps(content, indent=1)


def write_cases(overview: Overview, path: Path) -> int:
    """Write a line per case; how many there are."""
    return _write(CASES, [_case_row(*item) for item in overview.reports.items()], path)


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
    return {n: report.error for n, report in reports if report.status == case_report.FAILED}


def _case_row(name: str, report: Report) -> tuple[object, ...]:
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
        round(sum(row.volume_ml for row in report.vertebrae), 3),
        " ".join(report.warnings),
        report.seconds,
        report.peak_memory_mb,
        report.input_sha256,
        report.version,
    )


def _vertebra_rows(name: str, report: Report) -> list[tuple[object, ...]]:
    return [
        (
            name,
            row.label,
            row.name,
            *row.center_mm,
            None if math.isnan(row.peak) else row.peak,
            row.volume_ml,
            row.at_border,
        )
        for row in report.vertebrae
    ]
