"""What a picture says: names with their doubts, marks, a title, sentences on what to look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from versectl import labels
from versectl.report import levels
from versectl.text import counted, fitting, span
from versectl.types import Flag, Numbering, OtherNumbering, Vertebra, Vertebrae

#: chosen: the most sentences quoted; a picture is no report.
MOST_SENTENCES = 5


class Mark(NamedTuple):
    """How something doubtful is marked: by its shape as well as by its colour.

    sign : within text. marker : the same shape, as matplotlib names it.
    """

    sign: str
    marker: str
    color: str
    meaning: str


#: Colours that differ in lightness too, for readers who do not tell red from green.
ERROR = Mark("■", "s", "#ff6347", "error: likely wrong")
WARNING = Mark("▲", "^", "#ffb300", "warning: look at it")
DOUBT = Mark("◆", "D", "#ffb300", f"level has a probability below {levels.LEAST_PROBABILITY}")
NOTE = Mark("•", "o", "#bdbdbd", "worth knowing")

#: What vertebrae can have, the most severe first.
MARKS = (ERROR, WARNING, DOUBT)

#: Severity of a flag -> mark, the most severe first.
BY_SEVERITY = {"error": ERROR, "warning": WARNING, "note": NOTE}

#: What is not marked.
PLAIN = "#f2f2f2"


@dataclass(frozen=True)
class Shown:
    """What is known of a case. vertebrae : None where they were not looked for."""

    case: str
    vertebrae: Vertebrae | None
    flags: tuple[Flag, ...] = ()

    @property
    def centers_mm(self) -> dict[int, np.ndarray]:
        """Label -> centre in the world (3,)."""
        return (self.vertebrae or Vertebrae({})).centers_mm


class Line(NamedTuple):
    """A piece of text in one colour."""

    text: str
    color: str = PLAIN


@dataclass(frozen=True)
class Words:
    """All text of a picture. marks : label -> its most severe mark. names : label -> name."""

    title: str
    levels: Line
    names: Mapping[int, Line] = field(default_factory=dict)
    marks: Mapping[int, Mark] = field(default_factory=dict)
    legend: tuple[Line, ...] = ()
    sentences: tuple[Line, ...] = ()


def of(shown: Shown) -> Words:
    """The words for what is known of a case."""
    found = shown.vertebrae or Vertebrae({})
    marks = {label: marks_of(label, vertebra, shown.flags) for label, vertebra in found.items()}
    used = {mark for each in marks.values() for mark in each}
    used |= {BY_SEVERITY[flag.severity] for flag in shown.flags}
    return Words(
        shown.case,
        described(shown.vertebrae),
        {label: _name(label, found[label], marks[label]) for label in found},
        {label: each[0] for label, each in marks.items() if each},
        tuple(Line(f"{mark.sign} {mark.meaning}", mark.color) for mark in MARKS if mark in used),
        sentences(shown.flags),
    )


def marks_of(label: int, vertebra: Vertebra, flags: tuple[Flag, ...]) -> list[Mark]:
    """The marks of one vertebra, the most severe first; none where nothing is known against it."""
    severities = {flag.severity for flag in flags if flag.vertebra == labels.NAMES[label]}
    found = [BY_SEVERITY[severity] for severity in ("error", "warning") if severity in severities]
    doubtful = vertebra.confidence < levels.LEAST_PROBABILITY  # NaN, not known, is not
    return [*found, DOUBT] if doubtful else found


def described(vertebrae: Vertebrae | None) -> Line:
    """Which vertebrae were found, and how probable their levels are."""
    if vertebrae is None:
        return Line("No vertebrae yet")
    if not vertebrae:
        return Line(f"{ERROR.sign} No spine in view", ERROR.color)
    names = [labels.NAMES[label] for label in vertebrae]
    return Line("; ".join([counted(names), *_numbering(vertebrae, vertebrae.numbering)]))


def sentences(flags: tuple[Flag, ...]) -> tuple[Line, ...]:
    """What the flags say, the most severe first; the last line tells how many are left out."""
    ordered = [flag for severity in BY_SEVERITY for flag in flags if flag.severity == severity]
    quoted, left = fitting(ordered, MOST_SENTENCES)
    lines = [
        Line(f"{mark.sign} {flag.message}", mark.color if mark is not NOTE else PLAIN)
        for flag in quoted
        for mark in [BY_SEVERITY[flag.severity]]
    ]
    return tuple(lines + [Line(f"and {left} more", NOTE.color)] * bool(left))


def _numbering(vertebrae: Vertebrae, numbering: Numbering | None) -> list[str]:
    """How probable the levels are, and what else they may be."""
    if numbering is None:
        return []
    said = [f"probability of these levels {numbering.probability:.2f}"]
    if numbering.second is not None:
        other = _other(list(vertebrae), numbering.second)
        said.append(f"next probable {other}: {numbering.second.probability:.2f}")
    return said


def _other(found: list[int], second: OtherNumbering) -> str:
    """Another numbering by its ends; by the first level that differs, where these are the same."""
    names = [labels.NAMES[label] for label in second.labels if label is not None]
    ends = [labels.NAMES[found[0]], labels.NAMES[found[-1]]]
    if names and [names[0], names[-1]] != ends:
        return span(names)
    differing = [pair for pair in zip(found, second.labels, strict=True) if pair[0] != pair[1]]
    old, new = differing[0]
    return f"{labels.NAMES[new]} for {labels.NAMES[old]}" if new else f"no {labels.NAMES[old]}"


def _name(label: int, vertebra: Vertebra, marks: list[Mark]) -> Line:
    """A vertebra's name with its marks; with its probability where that is low."""
    probability = [f"{vertebra.confidence:.2f}"] if DOUBT in marks else []
    words = [labels.NAMES[label], *(mark.sign for mark in marks), *probability]
    return Line(" ".join(words), marks[0].color if marks else PLAIN)
