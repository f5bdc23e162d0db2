"""Vertebrae: their VerSe numbers, names, regions, order, colours and codes of terminologies.

Numbers as in the VerSe data sets: C1..C7 = 1..7, T1..T12 = 8..19, L1..L6 = 20..25 and
T13 = 28 (Sekuboyina et al. 2021). Sacrum and coccyx have numbers, and are no vertebrae here.
"""

import colorsys
from typing import NamedTuple


class Code(NamedTuple):
    """A concept of SNOMED CT, as DICOM writes it."""

    value: str
    meaning: str


REGIONS = {
    "cervical": tuple(range(1, 8)),
    "thoracic": (*range(8, 20), 28),
    "lumbar": tuple(range(20, 26)),
}

T11, T12, L1, L5, L6, T13 = 18, 19, 20, 24, 25, 28

#: Sacrum and coccyx, which other tools list, too; nothing here finds or scores them.
NO_VERTEBRAE = (26, 27)

#: All vertebrae from head to foot.
ORDER = (*range(1, 20), T13, *range(20, 26))

#: Heatmap channel -> label, as in the released VerSe 2020 weights: T13 is the last channel.
CHANNELS = (*range(1, 26), T13)

NAMES = {
    **{label: f"C{label}" for label in range(1, 8)},
    **{label: f"T{label - 7}" for label in range(8, 20)},
    **{label: f"L{label - 19}" for label in range(20, 26)},
    T13: "T13",
}

NUMBERS = {name: label for label, name in NAMES.items()}

#: label -> labels the next vertebra below may have. A spine may lack T12 (T11 then L1), have a
#: T13, or end in L6; lack of C7 is not seen in VerSe (spine statistics of 193 VerSe volumes).
SUCCESSORS = {
    **{label: (label + 1,) for label in range(1, 25)},
    T11: (T12, L1),
    T12: (L1, T13),
    T13: (L1,),
    L6: (),
}

#: SNOMED CT codes of the whole vertebrae (DICOM part 16, CID 7602 and codedict of pydicom 3).
_SNOMED = (
    "14806007 39976000 113205007 5329002 36978003 36054005 87391001 "
    "64864005 53733008 1626008 73071006 56401006 45296009 62487009 11068009 82687006 7610001 "
    "12989004 23215003 66794005 14293000 36470004 11994002 49668003"
)

#: label -> code. T13 and L6 have no code of their own.
SNOMED = dict(enumerate(_SNOMED.split(), start=1))

#: A vertebra of a region, for those without a code of their own.
VERTEBRA = Code("51282000", "Vertebra")
REGION_CODES = {
    "cervical": Code("122494005", "Cervical spine"),
    "thoracic": Code("122495006", "Thoracic spine"),
    "lumbar": Code("122496007", "Lumbar spine"),
}


def code(label: int) -> Code:
    """What a vertebra is in SNOMED CT; T13 and L6 are a vertebra, their region tells more."""
    return Code(SNOMED[label], f"{NAMES[label]} vertebra") if label in SNOMED else VERTEBRA


def region_code(label: int) -> Code | None:
    """The region of a vertebra that has no code of its own, None for all others."""
    return None if label in SNOMED else REGION_CODES[region(label)]


def region(label: int) -> str:
    """Region of a vertebra: cervical, thoracic (with T13) or lumbar (with L6)."""
    return next(name for name, members in REGIONS.items() if label in members)


def color(label: int) -> tuple[float, float, float]:
    """Red, green, blue in 0..1; neighbours along the spine differ clearly in hue."""
    golden_angle = 0.381966  # of a turn: successive hues never come close
    hue = (ORDER.index(label) * golden_angle) % 1.0
    return colorsys.hsv_to_rgb(hue, 0.75, 1.0)


def rgb(label: int) -> tuple[int, int, int]:
    """Red, green, blue in 0..255."""
    red, green, blue = (round(255 * part) for part in color(label))
    return red, green, blue


def hex_color(label: int) -> str:
    """The same as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*rgb(label))


def span(text: str) -> tuple[int, ...]:
    """The labels from one vertebra to another, from head to foot; ValueError when it is no span.

    >>> [NAMES[label] for label in span("T11-L1")]
    ['T11', 'T12', 'T13', 'L1']
    >>> span("L3")
    (22,)
    """
    first, dash, last = text.upper().partition("-")
    try:
        names = (first, last if dash else first)
        begin, end = (ORDER.index(NUMBERS[name.strip()]) for name in names)
    except KeyError as error:
        raise ValueError(f"{text} is not a range of vertebrae; write it as T10-L5.") from error
    if begin > end:
        raise ValueError(f"{text} runs upwards; write it from head to foot, as T10-L5.")
    return ORDER[begin : end + 1]
