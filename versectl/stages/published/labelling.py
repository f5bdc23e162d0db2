"""Which vertebrae are there, and which candidate is each: as published, in polynomial time.

The rules are those of the released VerSe 2019 inference, which the paper's section 2.2 sums up.
There the best combination is sought among all; here it is found by dynamic programming, which
gives the same one, in the number of candidates squared.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

#: A vertebra whose best value exceeds this may be among those that are surely visible.
LEAST_VALUE = 0.25

#: This near to the scan's upper or lower end, a vertebra of this value is the first or the last.
BORDER_MM, BORDER_VALUE = 30.0, 0.5

#: Distances of neighbours in the combination, exclusive.
PAIR_MM = (12.5, 50.0)

#: Distances and value, all exclusive, of vertebrae that are added above and below.
ADDED_MM, ADDED_VALUE = (15.0, 35.0), 0.25


class Peak(NamedTuple):
    """A maximum of a vertebra's heatmap: its value, and its point (3,), z from the scan's foot."""

    value: float
    point_mm: np.ndarray


Peaks = Sequence[Sequence[Peak]]


def best(peaks: Peaks, height_mm: float) -> dict[int, Peak]:
    """The vertebrae, index -> peak, from head to foot.

    peaks : per vertebra, from head to foot, its maxima; the strongest first, at least one each.
    height_mm : of the scan.
    As published, every vertebra's strongest maximum when no run of vertebrae can be found.
    """
    run = visible(peaks, height_mm)
    if run is None:
        return {index: found[0] for index, found in enumerate(peaks)}
    first, last = run
    chosen = heaviest(peaks[first : last + 1]) or [found[0] for found in peaks[first : last + 1]]
    above = _added(peaks[:first][::-1], chosen[0], _upwards)
    below = _added(peaks[last + 1 :], chosen[-1], _downwards)
    return dict(enumerate([*above[::-1], *chosen, *below], start=first - len(above)))


def visible(peaks: Peaks, height_mm: float) -> tuple[int, int] | None:
    """First and last vertebra that are surely visible; None when there are none such.

    These are the ends of the longest run, of those the lowest, of vertebrae with a high value;
    in their place comes the strongest vertebra near the scan's end, if there is one.
    """
    first, last = _longest_run([found[0].value > LEAST_VALUE for found in peaks])
    top = _strongest(peaks, lambda z_mm: height_mm - BORDER_MM <= z_mm <= height_mm)
    bottom = _strongest(peaks, lambda z_mm: 0 <= z_mm <= BORDER_MM)
    first = first if top is None else top
    last = last if bottom is None else bottom
    return None if first is None or last is None or first > last else (first, last)


def heaviest(peaks: Peaks) -> list[Peak]:
    """The peak of each vertebra with the largest sum of values; empty when none can be combined.

    Neighbours must lie at a vertebra's distance, each lower than the one before. Of combinations
    that weigh the same, it is the last when they are counted up, the lowest vertebra fastest.
    """
    weights = [np.array([peak.value for peak in found], float) for found in peaks]
    following = []  # per vertebra but the lowest: which peak of the next follows each
    for upper in reversed(range(len(peaks) - 1)):
        total = np.where(_fits(peaks[upper], peaks[upper + 1]), weights[upper + 1], -np.inf)
        chosen = _last_argmax(total)
        following.append(chosen)
        weights[upper] = weights[upper] + total[np.arange(len(total)), chosen]
    if weights[0].max() == -np.inf:
        return []
    at = int(_last_argmax(weights[0][None])[0])
    run = [peaks[0][at]]
    for found, chosen in zip(peaks[1:], reversed(following), strict=True):
        at = int(chosen[at])
        run.append(found[at])
    return run


def _fits(upper: Sequence[Peak], lower: Sequence[Peak]) -> np.ndarray:
    """Whether each peak of the lower vertebra may follow each of the upper: (upper, lower)."""
    above, below = (np.array([peak.point_mm for peak in found], float) for found in (upper, lower))
    offset = above[:, None] - below
    distance_mm = np.linalg.norm(offset, axis=-1)
    return (PAIR_MM[0] < distance_mm) & (distance_mm < PAIR_MM[1]) & (offset[..., 2] > 0)


def _last_argmax(values: np.ndarray) -> np.ndarray:
    """Index of the last of the largest values of every row."""
    return values.shape[1] - 1 - values[:, ::-1].argmax(axis=1)


def _longest_run(high: Sequence[bool]) -> tuple[int | None, int | None]:
    """First and last index of the longest run of true values, of equals the last; else Nones."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for index, value in enumerate([*high, False]):
        if value and start is None:
            start = index
        if not value and start is not None:
            runs.append((start, index - 1))
            start = None
    return max(runs, key=lambda run: (run[1] - run[0], run[0]), default=(None, None))


def _strongest(peaks: Peaks, is_near: Callable[[float], bool]) -> int | None:
    """The vertebra of the largest best value, of equals the lowest, among those near an end."""
    strongest, index = BORDER_VALUE, None
    for number, found in enumerate(peaks):
        if is_near(found[0].point_mm[2]) and found[0].value >= strongest:
            strongest, index = found[0].value, number
    return index


def _added(peaks: Peaks, end: Peak, goes_on: Callable[[float, float], bool]) -> list[Peak]:
    """Vertebrae that go on from an end of the run, the nearest first.

    As published, a vertebra that is found at another than its strongest maximum ends the search.
    """
    added = []
    for found in peaks:
        fitting = [peak for peak in found if _continues(peak, end, goes_on)]
        if not fitting:
            break
        added.append(fitting[0])
        if fitting[0] is not found[0]:
            break
        end = fitting[0]
    return added


def _continues(peak: Peak, end: Peak, goes_on: Callable[[float, float], bool]) -> bool:
    distance_mm = float(np.linalg.norm(np.subtract(peak.point_mm, end.point_mm)))
    near = ADDED_MM[0] < distance_mm < ADDED_MM[1]
    return near and peak.value > ADDED_VALUE and goes_on(peak.point_mm[2], end.point_mm[2])


def _upwards(z_mm: float, end_mm: float) -> bool:
    return z_mm > end_mm


def _downwards(z_mm: float, end_mm: float) -> bool:
    return z_mm < end_mm
