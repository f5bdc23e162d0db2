"""Pages as HTML: the templates filled in, with a policy that allows no network."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from versectl import labels, text
from versectl.report import levels
from versectl.report.measures import or_none, values
from versectl.report.page import accuracy, correction, measures, viewer
from versectl.report.page.accuracy import CaseAccuracy
from versectl.report.page.case import LANDMARKS, SEVERITIES, CaseView, facts
from versectl.report.page.looks import Looks
from versectl.report.page.measures import Measure
from versectl.types import Flag, OtherNumbering
from versectl.version import __version__

#: What a page may do. The viewer's script comes from a blob that the page makes; scripts of the
#: page itself are known by a number that is drawn anew for each.
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}' blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)

COLUMNS = (
    ("name", "Case"),
    ("status", "Status"),
    ("count", "Vertebrae"),
    ("probability", "Numbering"),
    ("flags", "Flags"),
    ("verdict", "Verdict"),
)

#: chosen: so many messages of one kind of flag are read; the others unfold.
SHOWN_MESSAGES = 3


@dataclass(frozen=True)
class Batch:
    """What all pages of a folder share.

    key : tells this batch's verdicts from others'. out : the folder, as it was given.
    """

    title: str
    key: str
    out: str
    made_on: str


@dataclass(frozen=True)
class Links:
    """Where a case's page leads; empty where there is nothing."""

    index: str = ""
    previous: str = ""
    next: str = ""


@dataclass(frozen=True)
class Entry:
    """A case in the index. of_its_ct : whether the CT given is that of the report, if any is."""

    case: CaseView
    link: str
    thumbnail: str = ""
    of_its_ct: bool = True


@dataclass(frozen=True)
class Overview:
    """The index. evaluation : the JSON content of a comparison with the ground truth."""

    entries: Sequence[Entry]
    unreadable: Sequence[str] = ()
    evaluation: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class CasePage:
    """A case's page. command : of relabel, for this case. made_from : a hash of what it shows."""

    case: CaseView
    looks: Looks
    links: Links = field(default_factory=Links)
    accuracy: CaseAccuracy | None = None
    command: str = ""
    made_from: str = ""


def index(batch: Batch, overview: Overview) -> str:
    """The page of a batch."""
    cases = [entry.case for entry in overview.entries]
    found = measures.over([case.report for case in cases])
    content = overview.evaluation
    compared = content and measures.accuracy(
        content["records"], accuracy.places(content, [case.name for case in cases])
    )
    data = {
        "cases": [
            {"name": e.case.name, "link": e.link, "report_sha256": e.case.report_sha256}
            for e in overview.entries
        ],
        "measures": _figure(found),
        "accuracy": _figure(compared or ()),
    }
    return _render(
        "index.html",
        batch,
        data,
        rows=[_row(entry) for entry in overview.entries],
        columns=COLUMNS,
        counts=Counter(case.report.status for case in cases).most_common(),
        unreadable=overview.unreadable,
        has_measures=any(measure.points for measure in found),
        accuracy=content and accuracy.of_batch(content),
    )


def case(batch: Batch, page: CasePage) -> str:
    """The page of a case."""
    shown, looks = page.case, page.looks
    niivue = viewer.load()
    volumes = looks.volumes if niivue.script else None
    fix = correction.material(shown)
    data = {
        "case": {
            "name": shown.name,
            "report_sha256": shown.report_sha256,
            "has_ct": bool(volumes and volumes.has_ct),
            "vertebrae": _vertebrae(shown),
        },
        "correction": fix and {**fix, "command": page.command},
    }
    return _render(
        "case.html",
        batch,
        data,
        case=shown,
        report=shown.report,
        links=page.links,
        volumes=volumes,
        made_from=page.made_from,
        thumbnail=looks.thumbnail,
        picture=looks.picture,
        problem=looks.problem or (niivue.problem if looks.volumes else ""),
        viewer=niivue,
        flags=_flags(shown),
        second=_second(shown),
        evidence=_evidence(shown),
        measures=[(key, *measures.title(key)) for key in measures.KEYS],
        curvature=_curvature(shown),
        facts=facts(shown.report),
        accuracy=page.accuracy,
    )


def _render(template: str, batch: Batch, data: Mapping[str, Any], **shown: Any) -> str:
    nonce = secrets.token_urlsafe(16)
    whose = {"id": batch.key, "title": batch.title, "version": __version__}
    return (
        _environment()
        .get_template(template)
        .render(
            batch=batch,
            data={"batch": whose, **data},
            nonce=nonce,
            policy=POLICY.format(nonce=nonce),
            version=__version__,
            made_on=batch.made_on,
            file=_file,
            **shown,
        )
    )


@cache
def fingerprint() -> str:
    """A hash of the version and of everything in this folder, which pages are made by."""
    files = sorted(Path(str(resources.files(__package__))).rglob("*.*"))
    content = [file.read_bytes() for file in files if file.suffix != ".pyc"]
    return hashlib.sha256(b"".join([__version__.encode(), *content])).hexdigest()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.globals["count"] = text.count
    environment.globals["color"] = labels.hex_color
    environment.globals["numbers"] = measures.numbers
    environment.globals["written"] = measures.written
    environment.globals["least"] = levels.LEAST_PROBABILITY
    return environment


@cache
def _file(name: str) -> Markup:
    """A script or style of ours, as it is."""
    return Markup((resources.files(__package__) / "templates" / name).read_text(encoding="utf-8"))


def _number(value: float | None, decimals: int) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.{decimals}f}"


def _figure(found: Sequence[Measure]) -> dict[str, Any]:
    return {
        "levels": measures.levels(found),
        "measures": [{k: v for k, v in vars(measure).items() if k != "key"} for measure in found],
    }


def _row(entry: Entry) -> dict[str, Any]:
    """A line of the index's table."""
    shown, report = entry.case, entry.case.report
    numbering = report.numbering
    counted = Counter((flag.severity, flag.code) for flag in shown.flags)
    ordered = sorted(counted, key=lambda kind: (-SEVERITIES.index(kind[0]), kind[1]))
    second = _second(shown)
    return {
        "name": shown.name,
        "link": entry.link,
        "thumbnail": entry.thumbnail,
        "status": report.status,
        "error": report.error,
        "worst": shown.worst,
        "count": len(report.vertebrae),
        "span": shown.span,
        "probability": numbering.probability if numbering else None,
        "second": f"{second['span']} ({second['probability']:.2f})" if second else "",
        "levels_by": report.levels_by,
        "flags": [(severity, code, counted[severity, code]) for severity, code in ordered],
        "gravity": sum(100 ** SEVERITIES.index(kind[0]) * n for kind, n in counted.items()),
        "text": " ".join(_words(shown)).lower(),
    }


def _words(shown: CaseView) -> list[str]:
    """What a case is found by."""
    codes = [flag.code for flag in shown.flags]
    return [shown.name, shown.report.error, *(v.name for v in shown.report.vertebrae), *codes]


def _vertebrae(shown: CaseView) -> list[dict[str, Any]]:
    return [
        {"label": v.label, "name": v.name, "center_mm": v.center_mm, "rgb": labels.rgb(v.label)}
        for v in shown.report.vertebrae
    ]


def _flags(shown: CaseView) -> list[dict[str, Any]]:
    """Flags with the same code and advice together, the gravest first."""
    groups: dict[tuple[str, str, str], list[Flag]] = {}
    for flag in shown.flags:
        groups.setdefault((flag.severity, flag.code, flag.advice), []).append(flag)
    ordered = sorted(groups, key=lambda kind: -SEVERITIES.index(kind[0]))
    return [
        {
            "severity": severity,
            "code": code,
            "advice": advice,
            "vertebrae": [flag.vertebra for flag in flags if flag.vertebra],
            "messages": [flag.message for flag in flags[:SHOWN_MESSAGES]],
            "more": [flag.message for flag in flags[SHOWN_MESSAGES:]],
        }
        for (severity, code, advice) in ordered
        if (flags := groups[severity, code, advice])
    ]


def _second(shown: CaseView) -> dict[str, Any] | None:
    """The second numbering beside the first, and in words."""
    numbering = shown.report.numbering
    other: OtherNumbering | None = numbering.second if numbering else None
    if other is None:
        return None
    names = [labels.NAMES[label] if label else "none" for label in other.labels]
    return {
        "span": text.span([name for name in names if name != "none"]) or "none",
        "probability": other.probability,
        "shift": _shift(other.shift),
        "pairs": list(zip((v.name for v in shown.report.vertebrae), names, strict=False)),
    }


def _shift(shift: int | None) -> str:
    """How far all levels would move, in words; empty where they do not move alike."""
    return f"{text.levels(shift)} {'lower' if shift > 0 else 'higher'}" if shift else ""


def _evidence(shown: CaseView) -> list[str]:
    numbering = shown.report.numbering
    return [LANDMARKS[mark] for mark in numbering.evidence] if numbering else []


def _curvature(shown: CaseView) -> list[tuple[str, str, float]]:
    """Angles of the whole spine that are known: name, unit, value."""
    known = values(shown.report.curvature).items()
    return [(*measures.title(key), value) for key, value in known if or_none(value) is not None]
