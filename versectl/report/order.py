"""Whether labels follow one another along the spine as their vertebrae do.

Where vertebrae lie along a spine, however bent, is read from their centres alone: the way from each
to the next is short only in their true order.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise, permutations

import numpy as np
from numpy.typing import NDArray

from versectl import labels
from versectl.types import Vertebra

#: chosen: another order counts if the way along the spine is shorter by this much. In none of 2105
#: real scans it is shorter at all, and neighbours that change places are found in all but one of
#: 16 913 (benchmarks/priors/keypoint_order.py). The rest is for centres that are off.
SHORTER_MM = 5.0

#: chosen: of two centres, one lies above the other if this share of their distance is upright. A
#: neck may be bent so far that its vertebrae lie level; then labels tell where the head is.
UPRIGHT = 0.5


def out_of_order(vertebrae: Mapping[int, Vertebra]) -> list[tuple[int, int]]:
    """Upper and lower of two neighbouring labels, where the lower one's vertebra lies above."""
    ordered = [label for label in labels.ORDER if label in vertebrae]
    if not ordered:
        return []
    centers_mm = np.array([vertebrae[label].center_mm for label in ordered])
    place = np.argsort(_head_first(_along_spine(centers_mm), centers_mm))
    return [
        (ordered[above], ordered[below])
        for above, below in pairwise(range(len(ordered)))
        if place[below] < place[above]
    ]


def described(above: int, below: int) -> str:
    """What is wrong about two labels, in words."""
    return f"{labels.NAMES[below]} lies above {labels.NAMES[above]}"


def _along_spine(centers_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """The order (n,) of centres (n, 3) along the spine, from either end."""
    apart_mm = np.linalg.norm(centers_mm[:, None] - centers_mm, axis=-1)
    way = np.arange(len(centers_mm))
    while True:
        others = np.array([way, *_changed(way)])
        lengths_mm = apart_mm[others[:, :-1], others[:, 1:]].sum(axis=1)
        shortest = lengths_mm.argmin()
        if lengths_mm[shortest] > lengths_mm[0] - SHORTER_MM:
            return way
        way = others[shortest]


def _changed(way: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """The same way with a stretch of it turned round, or with one place visited elsewhere."""
    for begin, end in combinations(range(len(way) + 1), 2):
        yield np.concatenate([way[:begin], way[begin:end][::-1], way[end:]])
    for place, elsewhere in permutations(range(len(way)), 2):
        yield np.insert(np.delete(way, place), elsewhere, way[place])


def _head_first(way: NDArray[np.intp], centers_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """The way along the spine, from head to foot."""
    down_mm = centers_mm[way[0]] - centers_mm[way[-1]]
    upright = down_mm[2] / max(float(np.linalg.norm(down_mm)), 1e-6)
    from_head = upright > 0 if abs(upright) > UPRIGHT else way[0] <= way[-1]
    return way if from_head else way[::-1]
