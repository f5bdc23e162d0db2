"""What is known of a spine before it is seen: how far its vertebrae lie apart, and what is rare.

A step goes from a vertebra to one below it, over those that were not found. Its log weight is 0
where the distance is the usual one and nothing is rare, and less elsewhere. All distances of a
person scale with one size, which is not known: weights are given for each of a few sizes.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

import numpy as np

from versectl import labels

#: Mean distance to the next vertebra in mm, and its standard deviation within a person as a share.
#: C3 to L6: keypoints of the ImFusion VID data set, CC BY-SA 4.0, 1153 people
#: (benchmarks/priors/keypoint_spacing.py). C1 and C2, where those lie elsewhere than our centres:
#: 39 of 193 VerSe volumes, the spread between people taken out.
DISTANCES = {
    labels.NUMBERS[name]: figures
    for name, figures in {
        "C1": (18.9, 0.19), "C2": (18.4, 0.08), "C3": (17.5, 0.043), "C4": (16.8, 0.052),
        "C5": (16.4, 0.077), "C6": (17.5, 0.067), "C7": (19.3, 0.040), "T1": (20.4, 0.036),
        "T2": (20.8, 0.035), "T3": (20.8, 0.031), "T4": (21.4, 0.027), "T5": (22.0, 0.027),
        "T6": (22.6, 0.029), "T7": (23.1, 0.038), "T8": (23.7, 0.049), "T9": (25.1, 0.054),
        "T10": (27.1, 0.048), "T11": (29.5, 0.050), "T12": (32.2, 0.041), "T13": (32.2, 0.041),
        "L1": (34.5, 0.034), "L2": (35.8, 0.038), "L3": (36.6, 0.039), "L4": (36.5, 0.049),
        "L5": (36.4, 0.035),
    }.items()
}  # fmt: skip

#: Standard deviation of people's sizes (the same keypoints), and a floor under the prior, so that
#: a child's is not excluded. chosen: the floor, and sizes a spread within a person apart.
SIZE_SD, SIZE_FLOOR = 0.064, 0.01
SIZES = np.exp(np.arange(-4, 5) * 0.06)

#: Distances of neighbours, mm, exclusive. Section 2.2 has 12.5 and 50, but necks are closer: the
#: least of 2097 pairs in 193 VerSe volumes is 10.8, and two centres found may each be off.
NEAREST_MM, FARTHEST_MM = 9.0, 50.0

#: chosen: beyond it no step goes; eight lumbar vertebrae that were not found are longer.
REACH_MM = 300.0

#: chosen: resolution of distances.
BIN_MM = 0.5

#: chosen: spreads that labels were read best with. Those of the keypoints' people are narrower, but
#: spines are diseased, and centres are found with an error; necks, whose centres are found askew,
#: differ most. Two centres are off by PLACING_MM besides.
NECK_SD, LEAST_SD = 0.2, 0.13
PLACING_MM = 3.0

#: chosen: log weight of a vertebra between two not being found: once, and for each.
GAP, MISSED = -0.75, -0.125

#: Log of how often spines have no T12, have a T13, and an L6: 6, 18 and 44 of 374 VerSe scans.
NO_T12, WITH_T13, WITH_L6 = np.log(np.array([6, 18, 44]) / 374)


def size_prior() -> np.ndarray:
    """Log probability of each size (sizes,)."""
    prior = np.exp(-0.5 * (np.log(SIZES) / SIZE_SD) ** 2) + SIZE_FLOOR
    return np.log(prior / prior.sum())


def label_prior() -> np.ndarray:
    """Log weight of each label where it is found, in labels' order: 0, less for T13 and L6."""
    rare = {labels.T13: WITH_T13, labels.L6: WITH_L6}
    return np.array([float(rare.get(label, 0.0)) for label in labels.ORDER])


def bins(distances_mm: np.ndarray) -> np.ndarray:
    """Which row of the steps each distance is; the last is for all beyond reach."""
    return np.rint(np.minimum(distances_mm, REACH_MM) / BIN_MM).astype(int)


@cache
def steps() -> np.ndarray:
    """Log weight of every step (sizes, bins, labels, labels), in labels' order; -inf if impossible.

    Where several ways lead from one label to another, over a T13 or not, their weights add up.
    """
    distances_mm = np.arange(0, REACH_MM + BIN_MM, BIN_MM)
    shape = len(SIZES), len(distances_mm), len(labels.ORDER), len(labels.ORDER)
    weights = np.full(shape, -np.inf)
    for upper, first in enumerate(labels.ORDER):
        for lower in range(upper + 1, len(labels.ORDER)):
            for chain in _ways(first, labels.ORDER[lower]):
                weight = _step(chain, distances_mm)
                weights[:, :, upper, lower] = np.logaddexp(weights[:, :, upper, lower], weight)
    weights[:, -1] = -np.inf
    return weights


@cache
def linear_steps() -> np.ndarray:
    """The same, not as logarithms."""
    return np.exp(steps())


def usual_mm(first: int, last: int) -> float:
    """Distance between two labels in a person of mean size, over those between without a T13."""
    chain = [*_between(first, last), last]
    return sum(DISTANCES[label][0] for label in (first, *chain[:-1]))


def relative(centers_mm: Mapping[int, np.ndarray]) -> dict[tuple[int, int], float]:
    """Upper and lower label -> the distance of these neighbours, as a share of the usual one.

    centers_mm : label -> centre (3,), from head to foot.
    """
    return {
        (above, below): float(
            np.linalg.norm(centers_mm[below] - centers_mm[above]) / usual_mm(above, below)
        )
        for above, below in pairwise(centers_mm)
    }


def size_of(centers_mm: Mapping[int, np.ndarray]) -> float:
    """A person's size beside the mean one, by the centres (3,) of labels from head to foot.

    The median of the neighbours' distances; 1 for fewer than three vertebrae.
    """
    ratios = relative(centers_mm)
    return float(np.median([*ratios.values()])) if len(ratios) > 1 else 1.0


def _ways(first: int, last: int) -> Iterator[tuple[int, ...]]:
    """Labels from one to another, both included: the usual ones, without T12, with T13."""
    between = _between(first, last)
    yield (first, *between, last)
    if last == labels.T13:  # it follows T12 only, and is not between
        return
    if labels.T12 in between:
        yield (first, *(label for label in between if label != labels.T12), last)
    if labels.T12 in (first, *between):
        yield (first, *_with_t13(between), last)


def _between(first: int, last: int) -> tuple[int, ...]:
    order = labels.ORDER
    passed = order[order.index(first) + 1 : order.index(last)]
    return tuple(label for label in passed if label != labels.T13)


def _with_t13(between: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted((*between, labels.T13), key=labels.ORDER.index))


def _step(chain: tuple[int, ...], distances_mm: np.ndarray) -> np.ndarray:
    """Log weight (sizes, distances) of a way whose first and last label are found."""
    usual_mm = np.array([DISTANCES[label][0] for label in chain[:-1]])
    spread_mm = usual_mm * [_spread(label) for label in chain[:-1]]
    sizes = SIZES[:, None]
    variance_mm2 = sizes**2 * np.sum(spread_mm**2) + PLACING_MM**2
    weight = -0.5 * (distances_mm - sizes * usual_mm.sum()) ** 2 / variance_mm2
    fits = (distances_mm > NEAREST_MM) & (distances_mm < FARTHEST_MM * len(usual_mm))
    return np.where(fits, weight + _rarity(chain), -np.inf)


def _spread(label: int) -> float:
    """Relative standard deviation of the distance below a vertebra within a person."""
    least = NECK_SD if label in labels.REGIONS["cervical"] else LEAST_SD
    return max(DISTANCES[label][1], least)


def _rarity(chain: tuple[int, ...]) -> float:
    """Log weight of what is unusual between two vertebrae: some not found, no T12, a T13."""
    missed = len(chain) - 2
    weight = GAP + MISSED * missed if missed else 0.0
    weight += NO_T12 * any(
        above <= labels.T11 and labels.L1 <= below <= labels.L6 for above, below in pairwise(chain)
    )
    return float(weight + WITH_T13 * (labels.T13 in chain[1:-1]))
