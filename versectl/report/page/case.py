"""A case as its page shows it, read from <case>_report.json and the files beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from versectl import labels
from versectl.errors import BadInputError
from versectl.io import atomic, centroids
from versectl.io.case_files import Paths
from versectl.io.centroids import Centroids
from versectl.report import quality, reading
from versectl.report.reading import Report
from versectl.types import Flag, Numbering, Severity

#: Severities, the mildest first.
SEVERITIES = get_args(Severity)

#: Numbers of a vertebra in the report that are no measure of it.
NO_MEASURES = ("label",)

#: What landmarks are called on the page.
LANDMARKS = {
    "C2": "C2 with its dens",
    "first_rib": "first rib (T1)",
    "last_rib": "last rib (T12)",
    "sacrum": "sacrum below L5",
}


@dataclass(frozen=True)
class VertebraView:
    """A vertebra found. measures : every number the report has of it; None is not known."""

    label: int
    name: str
    center_mm: tuple[float, float, float]
    at_border: bool
    measures: Mapping[str, float | None]
    reasons: Mapping[str, str]
    severity: str | None

    @property
    def css(self) -> str:
        """Its colour, as in masks and previews."""
        return labels.hex_color(self.label)

    @property
    def confidence(self) -> float | None:
        """Calibrated probability that its label is right."""
        return self.measures.get("confidence")


@dataclass(frozen=True)
class CaseView:
    """A case. facts : what made the result, as rows of a table: name, value.

    report_sha256 : of the report; a verdict is on this result. centroids : as corrections start
    from them; None where there is no centroid file.
    """

    name: str
    status: str
    error: str
    flags: tuple[Flag, ...]
    vertebrae: tuple[VertebraView, ...]
    numbering: Numbering | None
    levels_by: str | None
    curvature: Mapping[str, float | None]
    input_sha256: str | None
    report_sha256: str
    facts: Mapping[str, Sequence[tuple[str, str]]]
    centroids: Centroids | None

    @property
    def worst(self) -> str | None:
        """The gravest severity of its flags."""
        return worst(self.flags)

    @property
    def span(self) -> str:
        """First and last vertebra, "T9 to L3"."""
        names = [vertebra.name for vertebra in self.vertebrae]
        return " to ".join(dict.fromkeys((names[0], names[-1]))) if names else ""


def read(out: Path, name: str) -> CaseView:
    """A case of an output folder; BadInputError where its report cannot be read."""
    paths = Paths(out, name)
    report = reading.read(paths.of("report"))
    if report is None:
        raise BadInputError(f"{paths.of('report')} cannot be read; run the case again.")
    try:
        return _view(paths, report)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{paths.of('report')} is damaged; run the case again.") from error


def _view(paths: Paths, report: Report) -> CaseView:
    content: Any = atomic.read_json(paths.of("report"))
    flags = (*quality.files_changed(report.changed(paths.folder)), *report.flags)
    return CaseView(
        name=paths.case_name,
        status=report.status,
        error=report.error,
        flags=flags,
        vertebrae=tuple(_vertebra(row, report.flags) for row in content.get("vertebrae", ())),
        numbering=report.numbering,
        levels_by=report.levels_by,
        curvature=_numbers(content.get("curvature") or {}),
        input_sha256=report.input_sha256,
        report_sha256=atomic.sha256(paths.of("report")),
        facts=_facts(content),
        centroids=_centroids(paths.of("vertebrae")),
    )


def worst(flags: Sequence[Flag]) -> str | None:
    """The gravest severity there is; None without flags."""
    return max((flag.severity for flag in flags), key=SEVERITIES.index, default=None)


def _vertebra(row: Mapping[str, Any], flags: Sequence[Flag]) -> VertebraView:
    x, y, z = map(float, row["center_mm"])
    name = labels.NAMES[int(row["label"])]
    return VertebraView(
        label=int(row["label"]),
        name=name,
        center_mm=(x, y, z),
        at_border=bool(row["at_border"]),
        measures=_numbers(row),
        reasons={str(k): str(v) for k, v in (row.get("not_measured") or {}).items()},
        severity=worst([flag for flag in flags if flag.vertebra == name]),
    )


def _numbers(row: Mapping[str, Any]) -> dict[str, float | None]:
    """What of a row is a number, or would be one if it were known."""
    reasons = row.get("not_measured") or {}
    return {
        key: None if value is None else float(value)
        for key, value in row.items()
        if key not in NO_MEASURES
        and not isinstance(value, bool)
        and (isinstance(value, int | float) or (value is None and _may_be_number(key, reasons)))
    }


def _may_be_number(key: str, reasons: Mapping[str, Any]) -> bool:
    return key in reasons or key in ("peak", "confidence") or key.endswith(("_ml", "_mm"))


def _centroids(path: Path) -> Centroids | None:
    try:
        return centroids.read(path)
    except BadInputError:
        return None


def _facts(content: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """What made the result, in groups."""
    scan, grid = content["input"], content.get("grid")
    facts = {
        "Scan": [
            ("file", str(scan["file"] or "not known")),
            ("SHA-256", str(scan["sha256"] or "not known")),
        ]
    }
    if grid:
        facts["Scan"] += [(name, " x ".join(map(str, grid[key]))) for name, key in _GRID.items()]
    facts["Files"] = [(name, _origin(entry)) for name, entry in content.get("files", {}).items()]
    facts["Run"] = [
        *((f"{step} (s)", f"{value:g}") for step, value in content["seconds"].items()),
        ("peak memory (MB)", str(content["peak_memory_mb"])),
        ("results kept", ", ".join(content.get("kept", ())) or "none"),
    ]
    facts["Software"] = [(name, str(found)) for name, found in content["versions"].items() if found]
    return facts


_GRID = {
    "size (voxels)": "size_vox",
    "spacing (mm)": "spacing_mm",
    "axes point to": "direction",
}


def _origin(entry: Mapping[str, Any]) -> str:
    """Who made a file, by which weights, and how it was corrected."""
    by = "made or corrected by hand" if entry["made_by"] == "user" else "made by versectl"
    weights = entry.get("weights_sha256")
    corrections = [
        f"{c['by']} on {c['time']}: " + ", ".join(f"{a} → {b}" for a, b in c["labels"].items())
        for c in entry.get("corrections", ())
    ]
    return "; ".join([by, *([f"weights {weights[:12]}…"] if weights else []), *corrections])
