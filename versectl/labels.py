"""Vertebrae: their VerSe numbers, names, regions, order and colours.

Numbers as in the VerSe data sets: C1..C7 = 1..7, T1..T12 = 8..19, L1..L6 = 20..25 and
T13 = 28 (Sekuboyina et al. 2021). 26 (sacrum) and 27 (coccyx) are no vertebrae here.
"""

import colorsys

REGIONS = {
    "cervical": tuple(range(1, 8)),
    "thoracic": (*range(8, 20), 28),
    "lumbar": tuple(range(20, 26)),
}

T11, T12, L1, L5, L6, T13 = 18, 19, 20, 24, 25, 28

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


def region(label: int) -> str:
    """Region of a vertebra: cervical, thoracic (with T13) or lumbar (with L6)."""
    return next(name for name, members in REGIONS.items() if label in members)


def color(label: int) -> tuple[float, float, float]:
    """Red, green, blue in 0..1; neighbours along the spine differ clearly in hue."""
    golden_angle = 0.381966  # of a turn: successive hues never come close
    hue = (ORDER.index(label) * golden_angle) % 1.0
    return colorsys.hsv_to_rgb(hue, 0.75, 1.0)
