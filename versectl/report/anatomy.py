"""Flags about masks: one vertebra taken for two, pieces, collapse, fusion, metal, contrast."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from versectl import labels
from versectl.report import levels
from versectl.report.measures import Measurement, Measures
from versectl.text import in_words
from versectl.types import Flag, Severity

#: chosen: beside the mean of its neighbours' masks, a part of a vertebra has less than the one, two
#: vertebrae have more than the other. C1 and C2 differ from their neighbours by nature.
LEAST_VOLUME, MOST_VOLUME = 0.6, 1.7
UNLIKE = (labels.NUMBERS["C1"], labels.NUMBERS["C2"])

#: chosen: crumbs are smaller.
PIECE_ML = 0.5

#: Genant et al. (J Bone Miner Res 1993; 8: 1137): a fracture is moderate from a loss of 25 % of
#: height on, in T4 to L4; mild ones, from 20 % on, are as small as errors of masks. Bodies of the
#: neck are wedges by nature.
HEIGHT_LOSS, GRADED = 0.25, range(labels.NUMBERS["T4"], labels.NUMBERS["L4"] + 1)

#: chosen: discs are at least this high, also in masks that are a voxel too large.
LEAST_GAP_MM = 0.5

#: chosen: less may be noise.
METAL_ML = 0.05

#: chosen: medians of canals are below 60 HU in eight real scans without contrast medium in it,
#: above 220 in one with; docs/quality.md.
CONTRAST_HU = 130.0


def flags(measured: Sequence[Measurement]) -> list[Flag]:
    """All flags about masks."""
    return [
        *of_volumes({row.label: row.measures.volume_ml for row in measured}),
        *several_pieces(measured),
        *collapsed(measured),
        *fused(measured),
        *metal(measured),
        *contrast_in_canal(measured),
    ]


def of_volumes(volumes_ml: Mapping[int, float]) -> list[Flag]:
    """Flags that labels, head to foot, and the volumes of masks give; NaN is not measured."""
    return [*taken_for_two(volumes_ml), *two_taken_for_one(volumes_ml)]


def taken_for_two(volumes_ml: Mapping[int, float]) -> list[Flag]:
    """A mask far smaller than its neighbours'; levels.py sees those that are too near."""
    return [
        levels.taken_for_two(label, _beside(label, ratio))
        for label, ratio in _beside_neighbours(volumes_ml)
        if ratio < LEAST_VOLUME
    ]


def two_taken_for_one(volumes_ml: Mapping[int, float]) -> list[Flag]:
    """A mask far larger than its neighbours'."""
    return [
        Flag(
            "two_taken_for_one",
            "warning",
            labels.NAMES[label],
            f"{_beside(label, ratio)}: two vertebrae may have been taken for one.",
            "If so, add the missing centroid to the _ctd.json, correct the labels, and run again.",
        )
        for label, ratio in _beside_neighbours(volumes_ml)
        if ratio > MOST_VOLUME
    ]


def several_pieces(measured: Sequence[Measurement]) -> list[Flag]:
    """Masks that are not in one piece; one flag for all."""
    rows = [row for row in measured if row.stray_ml > PIECE_ML]
    return _one_for_all(
        rows,
        ("several_pieces", "warning"),
        "The mask of {} has pieces apart from the rest.",
        "Look whether these pieces belong to the vertebra.",
    )


def collapsed(measured: Sequence[Measurement]) -> list[Flag]:
    """Bodies that have lost height in front, in the middle, or beside their neighbours."""
    beside = dict(_beside_neighbours({row.label: _height_mm(row.measures) for row in measured}))
    found = [(row, _loss(row.measures, beside.get(row.label, 1.0))) for row in measured]
    return [
        Flag(
            "collapse_likely",
            "note",
            row.name,
            f"{row.name} may be collapsed: its body has lost {loss:.0%} of its height.",
            "Look at it on a sagittal view; a curved endplate or a wrong mask looks the same.",
        )
        for row, loss in found
        if row.label in GRADED and loss >= HEIGHT_LOSS
    ]


def fused(measured: Sequence[Measurement]) -> list[Flag]:
    """Neighbours without a disc between them."""
    return [
        Flag(
            "fusion_likely",
            "note",
            above.name,
            f"{above.name} and {below.name} may be fused: there is no gap between their bodies.",
            "Look whether there is a disc; thick slices hide thin ones.",
        )
        for above, below in pairwise(measured)
        if above.measures.gap_to_next_mm < LEAST_GAP_MM
    ]


def metal(measured: Sequence[Measurement]) -> list[Flag]:
    """Masks that hold metal; one flag for all."""
    rows = [row for row in measured if row.metal_ml > METAL_ML]
    return _one_for_all(
        rows,
        ("metal", "note"),
        "There is metal, or contrast medium as dense, in the mask of {}.",
        "Leave their Hounsfield units out of your analysis, and check the masks there.",
    )


def contrast_in_canal(measured: Sequence[Measurement]) -> list[Flag]:
    """A spinal canal that is nearly as bright as bone; one flag for all.

    Behind a single vertebra of several it is no contrast medium, but a mask that is wrong.
    """
    seen = [row for row in measured if np.isfinite(row.canal_hu)]
    rows = [row for row in seen if row.canal_hu > CONTRAST_HU]
    return _one_for_all(
        rows if len(rows) > 1 or rows == seen else [],
        ("contrast_in_canal", "warning"),
        "There is contrast medium in the spinal canal beside {}; masks may include it.",
        "Look at the masks behind the bodies; correct them, or leave their volumes out.",
    )


def _one_for_all(
    rows: Sequence[Measurement], kind: tuple[str, Severity], message: str, advice: str
) -> list[Flag]:
    """One flag that names all of these vertebrae; none where there are none."""
    if not rows:
        return []
    code, severity = kind
    return [Flag(code, severity, None, message.format(in_words([r.name for r in rows])), advice)]


def _loss(measures: Measures, beside: float) -> float:
    """The largest share of height lost: in front, in the middle, or beside the neighbours; or 0."""
    shares = (measures.front_to_back, measures.middle_to_back, beside)
    return max([0.0, *(1 - share for share in shares if np.isfinite(share))])


def _beside_neighbours(sizes: Mapping[int, float]) -> Iterator[tuple[int, float]]:
    """Labels with the ratio of a size to the mean of their neighbours', where it is known."""
    known = [math.nan if label in UNLIKE else size for label, size in sizes.items()]
    for at, label in enumerate(sizes):
        beside = (*known[max(at - 1, 0) : at], *known[at + 1 : at + 2])
        finite = [one for one in beside if math.isfinite(one)]
        if finite and math.isfinite(known[at]):
            yield label, known[at] / float(np.mean(finite))


def _beside(label: int, ratio: float) -> str:
    """A volume beside the neighbours', in words."""
    name = labels.NAMES[label]
    return f"The mask of {name} has {ratio:.1f} times the volume of its neighbours'"


def _height_mm(measures: Measures) -> float:
    return (measures.height_front_mm + measures.height_middle_mm + measures.height_back_mm) / 3
