"""<case>_report.json read back; case_report.py writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np

from versectl import labels
from versectl.config import STAGES
from versectl.io import ENDINGS, atomic
from versectl.report import levels, provenance
from versectl.report.measures import Curvature, Measures, Plates, names
from versectl.report.provenance import Origins
from versectl.types import Flag, Numbering, Severity

#: Version of the file's format; 1 had no version, no flags, and other names for a few keys.
SCHEMA_VERSION = 2

#: NO_SPINE : done, and the scan shows no vertebra.
DONE, NO_SPINE, FAILED = "done", "no_spine", "failed"

T = TypeVar("T", Measures, Curvature)


@dataclass(frozen=True)
class Row:
    """A vertebra in a report; NaN is what is not known."""

    label: int
    name: str
    center_mm: tuple[float, float, float]
    peak: float
    confidence: float
    at_border: bool
    measures: Measures


@dataclass(frozen=True)
class Grid:
    """The CT's own grid: voxels, mm, and where its axes point, in its own order of axes."""

    size_vox: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    direction: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What is read back from a report.

    error, exit_code : empty and 0 when the case is done. origins : what made the result files.
    kept : stages whose results were there already. seconds : step -> what it took.
    versions : of versectl and what computes, None where it was not installed.
    written_ns, placed_ns : when the report's file was written, and when it came where it lies.
    """

    status: str
    error: str
    exit_code: int
    warnings: tuple[str, ...]
    flags: tuple[Flag, ...]
    vertebrae: tuple[Row, ...]
    numbering: Numbering | None
    curvature: Curvature
    grid: Grid | None
    input_file: str | None
    input_sha256: str | None
    origins: Origins
    kept: tuple[str, ...]
    seconds: Mapping[str, float]
    peak_memory_mb: int | None
    versions: Mapping[str, str | None]
    is_current_format: bool
    written_ns: int = 0
    placed_ns: int = 0

    @property
    def files(self) -> dict[str, str]:
        """Result file -> its SHA-256."""
        return {name: origin.sha256 for name, origin in self.origins.items()}

    @property
    def levels_by(self) -> str | None:
        """Who has the last word on the labels, "versectl" or "user"; None where nobody tells.

        Of centroids that the user moved, the labels may still be versectl's.
        """
        if self.numbering:
            return provenance.VERSECTL
        made_by = (o.made_by for name, o in self.origins.items() if name.endswith("_ctd.json"))
        return next(made_by, None)

    @property
    def is_finished(self) -> bool:
        """Whether the case has its results."""
        return self.status in (DONE, NO_SPINE)

    @property
    def with_mask(self) -> list[Row]:
        """The vertebrae that have a voxel."""
        without = {flag.vertebra for flag in self.flags if flag.code == "centre_without_mask"}
        return [row for row in self.vertebrae if row.name not in without]

    def changed(self, folder: Path, case_name: str) -> tuple[str, ...]:
        """A case's files in a folder that are gone, or no longer those that the report is of.

        Markups that were corrected count like the centroids. Masks that have been there since
        before the report are not read: of thousands of cases that takes long.
        """
        if not self.is_finished:
            return ()
        found = [name for name in self.origins if self._may_be_other(folder / name)]
        kinds = ("markups", "provenance", "report")
        markups, record, report = (folder / f"{case_name}{ENDINGS[kind]}" for kind in kinds)
        if markups.exists():
            recorded = provenance.read(record, report)
            found += [markups.name] if provenance.is_new(markups, recorded) else []
        return tuple(found)

    def is_of(self, folder: Path) -> bool:
        """Whether the result files in a folder are those that it names."""
        return self.is_finished and not any(self._is_other(folder / name) for name in self.origins)

    def _may_be_other(self, path: Path) -> bool:
        return self._is_worth_reading(path) and self._is_other(path)

    def _is_worth_reading(self, path: Path) -> bool:
        """Whether a file is small, or came to its place after the report, its time kept or not."""
        if path.name.endswith(".json") or not path.exists():
            return True
        status = path.stat()
        return status.st_mtime_ns >= self.written_ns or status.st_ctime_ns > self.placed_ns

    def _is_other(self, path: Path) -> bool:
        """Whether a file that it names is gone or has changed."""
        return not path.exists() or atomic.sha256(path) != self.origins[path.name].sha256


def read(path: Path) -> Report | None:
    """A report as done() or failed() made it; None when there is none or it is something else.

    Reports of version 1 are read as well.
    """
    try:
        report, status = _parse(atomic.read_json(path)), path.stat()
        return replace(report, written_ns=status.st_mtime_ns, placed_ns=status.st_ctime_ns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_done(path: Path) -> dict[str, Any] | None:
    """The content of a finished case's report; None when it is no such one, or an older version."""
    report = read(path)
    if report is None or not report.is_current_format or report.status != DONE:
        return None
    content: Any = atomic.read_json(path)
    return content


def parse_plates(row: Mapping[str, Any]) -> Plates:
    """The endplates in a row; none in one of a former version."""
    found = row.get("endplates", {})
    return Plates(**{key: None if at is None else np.array(at) for key, at in found.items()})


def parse_volume_ml(row: Mapping[str, Any]) -> float:
    """The volume in a row; NaN where it is not measured."""
    return atomic.number(row.get("volume_ml"))


def _parse(content: Any) -> Report:
    if content["status"] not in (DONE, NO_SPINE, FAILED):
        raise ValueError(content["status"])
    error = content.get("error", {})
    return Report(
        status=content["status"],
        error=str(error.get("message", "")),
        exit_code=int(error.get("exit_code", 0)),
        warnings=tuple(map(str, content.get("warnings", ()))),
        flags=tuple(map(_parse_flag, content.get("flags", ()))),
        vertebrae=tuple(map(_parse_row, content.get("vertebrae", ()))),
        numbering=levels.from_json(content.get("numbering")),
        curvature=_parse_measures(content.get("curvature", {}), Curvature),
        grid=_parse_grid(content.get("grid")),
        input_file=content["input"]["file"],
        input_sha256=content["input"]["sha256"],
        origins=provenance.of_report(content),
        kept=_parse_kept(content.get("kept", ())),
        seconds={str(step): float(value) for step, value in content["seconds"].items()},
        peak_memory_mb=content["peak_memory_mb"],
        versions={str(name): found and str(found) for name, found in content["versions"].items()},
        is_current_format=content.get("schema_version") == SCHEMA_VERSION,
    )


def _parse_grid(content: Any) -> Grid | None:
    if content is None:
        return None
    return Grid(
        tuple(map(int, content["size_vox"])),
        tuple(map(float, content["spacing_mm"])),
        tuple(map(str, content["direction"])),
    )


def _parse_kept(content: Any) -> tuple[str, ...]:
    if not set(content) <= set(STAGES):
        raise ValueError(content)
    return tuple(content)


def _parse_flag(content: Any) -> Flag:
    """A flag; ValueError when it is of no known severity or names no vertebra."""
    texts: Any = {name: None if value is None else str(value) for name, value in content.items()}
    flag = Flag(**texts)
    if flag.severity not in get_args(Severity) or flag.vertebra not in (None, *labels.NUMBERS):
        raise ValueError(flag)
    return flag


def _parse_row(row: Any) -> Row:
    x, y, z = map(float, row["center_mm"])
    return Row(
        label=int(row["label"]),
        name=labels.NAMES[int(row["label"])],
        center_mm=(x, y, z),
        peak=atomic.number(row["peak"]),
        confidence=atomic.number(row.get("confidence")),
        at_border=bool(row["at_border"]),
        measures=_parse_measures(row, Measures),
    )


def _parse_measures(content: Any, kind: type[T]) -> T:
    """What measures_to_json() wrote; NaN is what a former version had not."""
    reasons = {str(name): str(why) for name, why in content.get("not_measured", {}).items()}
    found = {name: atomic.number(content.get(name)) for name in names(kind)}
    return kind(**found, not_measured=reasons)
