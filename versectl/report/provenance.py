"""<case>_provenance.json: what made each result of a case, and how sure it was.

    {"schema_version": 1, "case": "lumbar", "files": {
     "lumbar_ctd.json": {
      "sha256": "..",          of the file; if it differs, the file was changed since
      "made_by": "versectl",   or "user": made or corrected by hand, or by another program
      "input_sha256": "..",    of the CT
      "weights_sha256": "..", "config_sha256": "..", "made_from_sha256": "..",
      "engine": {"name": "openvino", "version": "..", "device": "..", "precision": "float32"},
      "vertebrae": {"L1": {"peak": 0.91, "confidence": 0.99}},
      "corrections": [{"by": "relabel", "labels": {"L1": "L2"}, "time": "2026-01-31T09:30:00Z"}]},
     "lumbar_preview.png": {
      "sha256": "..", "made_by": "versectl",
      "shows": {"lumbar_ctd.json": "..", "lumbar_seg.nii.gz": ".."}}}}

made_from_sha256 is of the preceding stage's file. What made a file is null or absent for the
user's. "shows" has the SHA-256 of the centroids and masks that a picture or another format shows.
A run that fails leaves this file as it is.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from versectl import labels
from versectl.io import ENDINGS, atomic
from versectl.report import levels
from versectl.types import Engine, Identity, Numbering, Vertebra, Vertebrae

#: Version of the file's format.
SCHEMA_VERSION = 1

VERSECTL, USER = "versectl", "user"


@dataclass(frozen=True)
class Certainty:
    """How sure a vertebra and its label are, as in types.Vertebra."""

    peak: float
    confidence: float


@dataclass(frozen=True)
class Correction:
    """Labels that were changed by a command. labels : old -> new. time : UTC, ISO 8601."""

    by: str
    labels: Mapping[int, int]
    time: str


@dataclass(frozen=True)
class Origin:
    """How a result's file came to be.

    sha256 : of the file. made_by : "versectl" or "user". input_sha256 : of the CT it belongs to.
    model : what made it; None for the user's. made_from_sha256 : of the preceding stage's file.
    certainty : label -> what the file itself does not hold. numbering : of all vertebrae, likewise.
    corrections : by commands, the first one first. engine : what computed the networks.
    shows : name -> SHA-256 of the results' files that a picture or another format shows.
    """

    sha256: str
    made_by: str
    input_sha256: str | None
    model: Identity | None = None
    made_from_sha256: str | None = None
    certainty: Mapping[int, Certainty] = field(default_factory=dict)
    numbering: Numbering | None = None
    corrections: tuple[Correction, ...] = ()
    engine: Engine | None = None
    shows: Mapping[str, str] = field(default_factory=dict)


Origins = dict[str, Origin]


def read(path: Path, report: Path) -> Origins:
    """File name -> origin, as recorded; from the report where the record itself is lost.

    Reports of versectl before schema version 2 tell which files were made, not by which
    configuration.
    """
    for file, parse in ((path, _parse), (report, of_report)):
        try:
            return parse(atomic.read_json(file))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return {}


def of_report(content: Any) -> Origins:
    """The origins in a report's content; a KeyError and the like where it is damaged."""
    return _parse_old_report(content) if "outputs" in content else _parse(content)


def write(case_name: str, origins: Origins, path: Path) -> None:
    """Write the record."""
    content = {"schema_version": SCHEMA_VERSION, "case": case_name, "files": to_json(origins)}
    atomic.write_json(content, path)


def is_new(path: Path, recorded: Origins) -> bool:
    """Whether a file was not recorded as it is."""
    return path.name not in recorded or recorded[path.name].sha256 != atomic.sha256(path)


def to_json(origins: Origins) -> dict[str, dict[str, object]]:
    """The origins as JSON content."""
    return {name: _origin_to_json(origin) for name, origin in origins.items()}


def with_vertebrae(origin: Origin, vertebrae: Vertebrae) -> Origin:
    """The origin of a centroid file, and what that does not hold of its vertebrae."""
    certainty = {label: Certainty(v.peak, v.confidence) for label, v in vertebrae.items()}
    return replace(origin, certainty=certainty, numbering=vertebrae.numbering)


def changed(origin: Origin, sha256: str, input_sha256: str | None) -> Origin:
    """The origin of a result that the user changed since.

    How sure the labels are stays, for with_certainty() to tell whether they are the same.
    """
    return Origin(
        sha256,
        USER,
        input_sha256,
        certainty=origin.certainty,
        numbering=origin.numbering,
        corrections=origin.corrections,
    )


def with_certainty(vertebrae: Vertebrae, origin: Origin) -> Vertebrae:
    """Vertebrae from a centroid file, as sure as they were when it was made.

    Of those that the user moved, the labels are: unless there are others now, which only the user
    can be sure of.
    """
    known = origin.certainty
    if origin.made_by == USER:
        if {*known} != {*vertebrae}:
            return vertebrae
        known = {label: replace(sure, peak=math.nan) for label, sure in known.items()}
    found = {
        label: Vertebra(v.center_mm, known[label].peak, known[label].confidence)
        if label in known
        else v
        for label, v in vertebrae.items()
    }
    return Vertebrae(found, origin.numbering)


def _origin_to_json(origin: Origin) -> dict[str, object]:
    model = origin.model
    content: dict[str, object] = {
        "sha256": origin.sha256,
        "made_by": origin.made_by,
        "input_sha256": origin.input_sha256,
        "weights_sha256": model.weights_sha256 if model else None,
        "config_sha256": model.config_sha256 if model else None,
        "made_from_sha256": origin.made_from_sha256,
    }
    if origin.engine:
        content["engine"] = asdict(origin.engine)
    if origin.certainty:
        content["vertebrae"] = {
            labels.NAMES[label]: {"peak": sure.peak, "confidence": sure.confidence}
            for label, sure in origin.certainty.items()
        }
    if origin.numbering:
        content["numbering"] = levels.to_json(origin.numbering)
    if origin.corrections:
        content["corrections"] = [_correction_to_json(one) for one in origin.corrections]
    if origin.shows:
        content["shows"] = dict(origin.shows)
    return content


def _correction_to_json(correction: Correction) -> dict[str, object]:
    changed = {
        labels.NAMES[old]: labels.NAMES[correction.labels[old]]
        for old in labels.ORDER
        if correction.labels.get(old, old) != old
    }
    return {"by": correction.by, "labels": changed, "time": correction.time}


def _parse(content: Any) -> Origins:
    return {str(name): _parse_origin(entry) for name, entry in content["files"].items()}


def _parse_origin(entry: Any) -> Origin:
    model = None
    if entry["weights_sha256"] is not None:
        model = Identity(str(entry["weights_sha256"]), str(entry["config_sha256"]))
    certainty = {
        labels.NUMBERS[name]: Certainty(
            atomic.number(sure["peak"]), atomic.number(sure["confidence"])
        )
        for name, sure in entry.get("vertebrae", {}).items()
    }
    return Origin(
        str(entry["sha256"]),
        USER if entry["made_by"] == USER else VERSECTL,
        entry["input_sha256"],
        model,
        entry["made_from_sha256"],
        certainty,
        levels.from_json(entry.get("numbering")),
        tuple(map(_parse_correction, entry.get("corrections", ()))),
        Engine(**entry["engine"]) if "engine" in entry else None,
        {str(name): str(sha256) for name, sha256 in entry.get("shows", {}).items()},
    )


def _parse_correction(entry: Any) -> Correction:
    changed = {labels.NUMBERS[old]: labels.NUMBERS[new] for old, new in entry["labels"].items()}
    return Correction(str(entry["by"]), changed, str(entry["time"]))


def _parse_old_report(content: Any) -> Origins:
    """Of which stages' files a report of version 1 says that they were kept: those of the user."""
    kept = tuple(ENDINGS[stage] for stage in content["kept"])
    return {
        str(name): Origin(
            str(sha256), USER if name.endswith(kept) else VERSECTL, content["input"]["sha256"]
        )
        for name, sha256 in content["outputs"].items()
    }
