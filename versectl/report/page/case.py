"""A case as its page shows it, read from <case>_report.json and the files beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from versectl import labels
from versectl.errors import BadInputError
from versectl.io import atomic, centroids
from versectl.io.case_files import Paths
from versectl.io.centroids import Centroids
from versectl.report import quality, reading
from versectl.report.provenance import USER, Correction, Origin
from versectl.report.reading import Report
from versectl.text import span
from versectl.types import Flag, Severity

#: Severities, the mildest first.
SEVERITIES = get_args(Severity)

#: What landmarks are called on the page.
LANDMARKS = {
    "C2": "C2 with its dens",
    "first_rib": "first rib (T1)",
    "last_rib": "last rib (T12)",
    "sacrum": "sacrum below L5",
}

#: Rows of a table: name, value.
Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class CaseView:
    """A case. flags : the report's, and what has become of its files since.

    report_sha256 : of the report; a verdict is on this result. centroids : as corrections start
    from them; None where there is no centroid file.
    """

    name: str
    report: Report
    flags: tuple[Flag, ...]
    report_sha256: str
    centroids: Centroids | None

    @property
    def worst(self) -> Severity | None:
        """The gravest severity of its flags."""
        return _worst(self.flags)

    def worst_of(self, vertebra: str) -> Severity | None:
        """The gravest severity of a vertebra's flags."""
        return _worst(flag for flag in self.flags if flag.vertebra == vertebra)

    @property
    def span(self) -> str:
        """First and last vertebra, "T9 to L3"."""
        return span([row.name for row in self.report.vertebrae])


def read(out: Path, name: str) -> CaseView:
    """A case of an output folder; BadInputError where its report cannot be read."""
    paths = Paths(out, name)
    report = reading.read(paths.of("report"))
    if report is None:
        raise BadInputError(f"{paths.of('report')} cannot be read; run the case again.")
    return CaseView(
        name=name,
        report=report,
        flags=(*quality.files_changed(report.changed(out, name)), *report.flags),
        report_sha256=atomic.sha256(paths.of("report")),
        centroids=_centroids(paths.of("vertebrae")),
    )


def facts(report: Report) -> dict[str, Facts]:
    """What made the result, in groups."""
    grid = report.grid
    scan = [("file", report.input_file), ("SHA-256", report.input_sha256)]
    return {
        "Scan": [
            *((name, value or "not known") for name, value in scan),
            *([("size (voxels)", _times(grid.size_vox))] if grid else []),
            *([("spacing (mm)", _times(grid.spacing_mm))] if grid else []),
            *([("axes point to", _times(grid.direction))] if grid else []),
        ],
        "Files": [(name, _origin(origin)) for name, origin in report.origins.items()],
        "Run": [
            *((f"{step} (s)", f"{value:g}") for step, value in report.seconds.items()),
            ("peak memory (MB)", str(report.peak_memory_mb)),
            ("results kept", ", ".join(report.kept) or "none"),
        ],
        "Software": [(name, found) for name, found in report.versions.items() if found],
    }


def _worst(flags: Iterable[Flag]) -> Severity | None:
    """The gravest severity there is; None without flags."""
    return max((flag.severity for flag in flags), key=SEVERITIES.index, default=None)


def _centroids(path: Path) -> Centroids | None:
    try:
        return centroids.read(path)
    except BadInputError:
        return None


def _times(values: Sequence[object]) -> str:
    return " x ".join(map(str, values))


def _origin(origin: Origin) -> str:
    """Who made a file, by which weights, and how it was corrected."""
    by = "made or corrected by hand" if origin.made_by == USER else "made by versectl"
    weights = [f"weights {origin.model.weights_sha256[:12]}…"] if origin.model else []
    return "; ".join([by, *weights, *map(_correction, origin.corrections)])


def _correction(done: Correction) -> str:
    changed = (f"{labels.NAMES[old]} → {labels.NAMES[new]}" for old, new in done.labels.items())
    return f"{done.by} on {done.time}: {', '.join(changed)}"
