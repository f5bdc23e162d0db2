"""<case>_report.json: what was found, how certain it is, what made it, and what to look at."""

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

from versectl import geometry
from versectl.config import Stage
from versectl.errors import VersectlError
from versectl.io.volume import CT
from versectl.report import levels, measurements, provenance, quality
from versectl.report.measures import Curvature, Measurement, Measures, Plates, values
from versectl.report.provenance import Origins
from versectl.report.reading import DONE, FAILED, NO_SPINE, SCHEMA_VERSION
from versectl.types import Engine, Flag, Result
from versectl.version import __version__

#: Packages whose version can change a result.
PACKAGES = ("keras", "SimpleITK", "numpy", "scipy")


@dataclass(frozen=True)
class Record:
    """What a run knows of itself.

    input_file, input_sha256 : of the CT; None where not known.
    files : the results' files by name, with what made them. unknown : those of which nobody
        recorded who made them.
    kept : stages whose results were there already. parts : stage -> in how many parts it was run.
    engine : what computed the networks; None when none was run. fast : whether --fast was given;
        None where it is not known.
    """

    input_file: str | None
    input_sha256: str | None
    files: Origins = field(default_factory=dict)
    kept: tuple[Stage, ...] = ()
    parts: Mapping[Stage, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    engine: Engine | None = None
    fast: bool | None = None

    def flags(self) -> list[Flag]:
        """What a reader should know of how the results were made."""
        other = [n for n, origin in self.files.items() if origin.input_sha256 != self.input_sha256]
        return [
            *quality.made_for_another_ct(other),
            *quality.origin_unknown(self.unknown),
            *quality.computed_in_parts(self.parts),
        ]


def done(case_name: str, ct: CT, result: Result, record: Record) -> dict[str, Any]:
    """The report of a finished case."""
    measured = measurements.of(result.vertebrae, result.label_map, ct.image)
    flags = [*ct.flags, *quality.of_result(result, measured, ct.image), *record.flags()]
    own, spine = ct.placement.own, result.spine
    return {
        "schema_version": SCHEMA_VERSION,
        "case": case_name,
        "status": DONE if result.vertebrae else NO_SPINE,
        "warnings": [flag.message for flag in flags],
        "flags": [asdict(flag) for flag in flags],
        "vertebrae": describe(result, measured.vertebrae),
        "curvature": measures_to_json(measured.curvature),
        "numbering": levels.to_json(result.vertebrae.numbering),
        "spine": {
            "center_mm": np.round(spine.center_mm, 2) if spine.is_in_view else None,
            "peak": round(spine.peak, 3),
        },
        "grid": {
            "size_vox": own.size_vox,
            "spacing_mm": np.round(own.spacing_mm, 4),
            "direction": geometry.axis_letters(own),
        },
        **_run(record),
    }


def failed(case_name: str, error: VersectlError, record: Record) -> dict[str, Any]:
    """The report of a case that could not be done."""
    return {
        "schema_version": SCHEMA_VERSION,
        "case": case_name,
        "status": FAILED,
        "error": {"message": str(error), "exit_code": error.exit_code},
        **_run(record),
    }


def describe(result: Result, measured: Sequence[Measurement]) -> list[dict[str, Any]]:
    """One row per vertebra, head to foot; NaN is what a centre from a file does not tell."""
    return [
        {
            "label": row.label,
            "name": row.name,
            "center_mm": np.round(vertebra.center_mm, 2),
            "peak": round(vertebra.peak, 3),
            "confidence": round(vertebra.confidence, 3),
            "at_border": row.at_border,
            **measures_to_json(row.measures),
            "endplates": _plates_to_json(row.plates),
        }
        for row, vertebra in zip(measured, result.vertebrae.values(), strict=True)
    ]


def measures_to_json(measures: Measures | Curvature) -> dict[str, Any]:
    """Every measure by name; NaN, which is written as null, with its reason in not_measured."""
    return {**values(measures), "not_measured": measures.not_measured}


def _plates_to_json(plates: Plates) -> dict[str, Any]:
    return {key: None if at is None else np.round(at, 5) for key, at in vars(plates).items()}


def versions(engine: Engine | None = None) -> dict[str, str | None]:
    """versectl, Python, the packages that compute, as installed, and the engine used."""
    found: dict[str, str | None] = {
        "versectl": __version__,
        "python": platform.python_version(),
    }
    if engine is not None:
        found[engine.name] = engine.version
    return found | {package: _version(package) for package in PACKAGES}


def peak_memory_mb() -> int | None:
    """The most memory this process has held so far; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB, but bytes on macOS
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))


def _run(record: Record) -> dict[str, Any]:
    """What both kinds of report tell of the run."""
    return {
        "input": {"file": record.input_file, "sha256": record.input_sha256},
        "files": provenance.to_json(record.files),
        "kept": record.kept,
        "parts": record.parts,
        "fast": record.fast,
        "seconds": {step: round(value, 2) for step, value in record.seconds.items()},
        "peak_memory_mb": peak_memory_mb(),
        "engine": asdict(record.engine) if record.engine else None,
        "versions": versions(record.engine),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
