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


def test_codes_are_those_of_dicom():
    codes = pytest.importorskip("pydicom.sr.codedict").codes
    for label, name in labels.NAMES.items():
        code = labels.code(label)
        known = (
            codes.SCT.Vertebra if name in ("T13", "L6") else getattr(codes.SCT, f"{name}Vertebra")
        )
        assert (code.value, code.meaning) == (known.value, known.meaning)
    regions = (codes.SCT.CervicalSpine, codes.SCT.ThoracicSpine, codes.SCT.LumbarSpine)
    told = [(region.value, region.meaning) for region in labels.REGION_CODES.values()]
    assert told == [(known.value, known.meaning) for known in regions]


def test_vertebrae_without_a_code_are_told_by_their_region():
    told = {labels.NAMES[label]: labels.region_code(label) for label in labels.ORDER}
    assert {name: code.meaning for name, code in told.items() if code} == {
        "T13": "Thoracic spine",
        "L6": "Lumbar spine",
    }


@pytest.mark.parametrize("text", ["L5-T10", "T10-", "sacrum", "L1-L7", "T10 L5", ""])
def test_what_is_no_span_of_vertebrae_is_refused(text):
    with pytest.raises(ValueError, match="T10-L5"):
        labels.span(text)


def test_a_span_holds_the_rare_vertebrae_between():
    assert [labels.NAMES[label] for label in labels.span("t11 - L1")] == ["T11", "T12", "T13", "L1"]
    assert labels.span("C1-L6") == labels.ORDER
