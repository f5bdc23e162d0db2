"""Whether labels follow one another along the spine, however it is bent."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from versectl import labels
from versectl.report import levels, order
from versectl.types import Vertebra, Vertebrae

NAMES = [labels.NAMES[label] for label in labels.ORDER if label not in (labels.T13, labels.L6)]


def bent(*degrees, spacing_mm=24.0, side=0.0):
    """Centres, head first, along a spine that leans so far forward at each step; some to a side."""
    leaning, aside = np.deg2rad(degrees), np.sin(np.deg2rad(side) * np.arange(len(degrees)))
    steps = np.stack([aside, np.sin(leaning), -np.cos(leaning)], axis=1)
    return np.array([310.0, -95.0, 1240.0]) + spacing_mm * np.cumsum([[0, 0, 0], *steps], axis=0)


def labelled(centers_mm, names):
    found = {labels.NUMBERS[name]: at for name, at in zip(names, centers_mm, strict=True)}
    return Vertebrae(
        {label: Vertebra(found[label], 0.9) for label in labels.ORDER if label in found}
    )


def wrong(centers_mm, names):
    pairs = order.out_of_order(labelled(centers_mm, names))
    return [(labels.NAMES[above], labels.NAMES[below]) for above, below in pairs]


SPINES = {
    "straight": bent(*[0] * 23),
    "kyphotic": bent(*np.linspace(80, -60, 23)),
    "scoliotic": bent(*[0] * 23, side=40),
    "bowed_so_far_that_the_head_lies_lower_than_the_neck": bent(*np.linspace(125, -30, 23)),
}


@pytest.mark.parametrize("centers_mm", SPINES.values(), ids=SPINES)
def test_a_bent_spine_is_in_order_and_neighbours_that_change_places_are_named(centers_mm):
    assert wrong(centers_mm, NAMES) == []
    for upper in range(len(NAMES) - 1):
        swapped = [*NAMES]
        swapped[upper : upper + 2] = swapped[upper : upper + 2][::-1]
        assert wrong(centers_mm, swapped) == [(NAMES[upper], NAMES[upper + 1])]


@pytest.mark.parametrize(
    "names",
    [
        ["T11", "T12", "T13", "L1", "L2"],
        ["T10", "T11", "L1", "L2", "L3"],
        ["L2", "L3", "L4", "L5", "L6"],
        ["C2", "C3", "C6", "T4", "L5"],
    ],
)
def test_variants_and_gaps_are_in_order(names):
    assert wrong(bent(*np.linspace(35, -20, 4)), names) == []


def test_every_order_of_five_vertebrae_is_told():
    centers_mm, names = bent(10, 2, -9, -20), NAMES[-5:]
    for given in permutations(range(5)):
        stands = [given.index(place) for place in range(5)]
        told = [
            (upper, lower)
            for place, (upper, lower) in enumerate(pairwise(names))
            if stands[place] > stands[place + 1]
        ]
        assert wrong(centers_mm, [names[one] for one in given]) == told


def test_a_last_label_at_the_top_is_named_alone():
    assert wrong(bent(0, 5, 10, 8, 2), ["L6", "L1", "L2", "L3", "L4", "L5"]) == [("L5", "L6")]


def test_two_centres_in_one_vertebra_are_no_wrong_order():
    centers_mm = bent(0, 0, 0, 0)
    centers_mm[2] = centers_mm[1] + [6.0, -3.0, 1.0]
    assert wrong(centers_mm, NAMES[-5:]) == []


def test_a_centre_beside_the_spine_is_no_wrong_order():
    centers_mm = bent(0, 0, 0, 0, 0, 0)
    centers_mm[3] += [40.0, 0.0, 10.0]
    assert wrong(centers_mm, NAMES[-7:]) == []


def test_vertebrae_that_lie_level_are_in_order_and_one_alone_and_none_are():
    assert wrong(bent(95, 88), ["C2", "C3", "C4"]) == []
    assert wrong(bent(), ["L1"]) == []
    assert order.out_of_order({}) == []


def test_the_flag_names_what_does_not_follow():
    (flag, *_) = levels.flags(labelled(bent(0, 3, 6, 9), ["L2", "L1", "L3", "L5", "L4"]))
    assert (flag.code, flag.severity, flag.vertebra) == ("labels_out_of_order", "error", None)
    assert flag.message == (
        "Labels do not run from head to foot: L2 lies above L1 and L5 lies above L4."
    )
