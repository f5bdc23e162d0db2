"""Vertebrae: numbers as VerSe's, in the order of a body."""

from itertools import chain, pairwise

import pytest

from versectl import labels


@pytest.mark.parametrize(
    ("name", "number"),
    [("C1", 1), ("C7", 7), ("T1", 8), ("T12", 19), ("T13", 28), ("L1", 20), ("L5", 24), ("L6", 25)],
)
def test_numbers_are_those_of_verse(name, number):
    assert labels.NUMBERS[name] == number
    assert labels.NAMES[number] == name


def test_t13_stands_between_t12_and_l1():
    at = labels.ORDER.index
    assert at(labels.T12) < at(labels.T13) < at(labels.L1)
    assert len(labels.ORDER) == len(set(labels.ORDER)) == 26


def test_the_last_channel_is_t13():
    assert labels.CHANNELS[-1] == labels.T13
    assert sorted(labels.CHANNELS) == sorted(labels.ORDER)


def test_a_successor_lies_below():
    for label, below in labels.SUCCESSORS.items():
        assert all(labels.ORDER.index(b) > labels.ORDER.index(label) for b in below)
    assert set(labels.SUCCESSORS) == set(labels.ORDER)


def test_a_spine_may_lack_t12_or_have_t13_or_l6():
    assert labels.L1 in labels.SUCCESSORS[labels.T11]
    assert labels.SUCCESSORS[labels.T13] == (labels.L1,)
    assert labels.L6 in labels.SUCCESSORS[labels.L5]


def test_regions_hold_every_vertebra_once():
    assert [labels.region(label) for label in (7, 8, 28, 20, 25)] == [
        "cervical",
        "thoracic",
        "thoracic",
        "lumbar",
        "lumbar",
    ]
    assert sorted(chain(*labels.REGIONS.values())) == sorted(labels.ORDER)


def test_neighbours_have_colours_that_differ():
    for above, below in pairwise(labels.ORDER):
        pairs = zip(labels.color(above), labels.color(below), strict=True)
        assert max(abs(a - b) for a, b in pairs) > 0.3
