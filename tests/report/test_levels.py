"""Flags about levels, and how the report writes them."""

from dataclasses import replace

import numpy as np

from versectl import labels
from versectl.report import levels
from versectl.types import Numbering, OtherNumbering, Vertebra, Vertebrae


def spine(**heights_mm: float) -> Vertebrae:
    """Vertebrae at these heights of a straight spine."""
    return Vertebrae(
        {
            labels.NUMBERS[name]: Vertebra(np.array([0.0, 0.0, z_mm]), 0.9, 0.99)
            for name, z_mm in heights_mm.items()
        }
    )


SHIFTED = OtherNumbering((19, 20), -1, 0.38)


def codes(vertebrae: Vertebrae) -> list[str]:
    return [flag.code for flag in levels.flags(vertebrae)]


def test_a_probable_numbering_has_no_flag_and_neither_has_an_unknown_one():
    unlikely = replace(SHIFTED, probability=0.06)
    assert levels.levels_may_be_shifted(Numbering(0.75, None, ())) == []
    assert levels.levels_may_be_shifted(Numbering(0.9, unlikely, ())) == []
    assert levels.levels_may_be_shifted(None) == []


def test_a_probable_numbering_is_flagged_where_another_is_likely_too():
    likely = replace(SHIFTED, probability=0.14)
    (flag,) = levels.levels_may_be_shifted(Numbering(0.84, likely, ()))
    assert flag.message.endswith("a probability of 0.84; T12 to L1 has 0.14.")


def test_a_doubtful_numbering_is_flagged_with_the_second_one():
    (flag,) = levels.levels_may_be_shifted(Numbering(0.55, SHIFTED, ()))
    assert flag.code == "levels_may_be_shifted"
    assert flag.message == (
        "Labels may be shifted: the numbering has a probability of 0.55; T12 to L1 has 0.38."
    )


def test_a_first_rib_beside_another_vertebra_than_t1_is_told_however_probable_the_levels():
    (flag,) = levels.levels_may_be_shifted(Numbering(0.97, None, (), labels.NUMBERS["C7"]))
    assert flag.code == "levels_may_be_shifted"
    assert "the first rib seems to begin beside C7, not T1" in flag.message
    fitting = Numbering(0.97, None, (), labels.NUMBERS["T1"])
    assert levels.levels_may_be_shifted(fitting) == []
    assert levels.from_json(levels.to_json(fitting)) == fitting


def test_usual_distances_have_no_flag_in_a_small_person_either():
    assert codes(spine(T10=88, T11=61, T12=32, L1=0)) == []
    assert codes(spine(T10=66, T11=46, T12=24, L1=0)) == []


def test_one_vertebra_taken_for_two_is_flagged():
    assert codes(spine(T7=110, T8=87, T9=75, T10=50, T11=23)) == ["taken_for_two"]


def test_two_centres_in_one_vertebra_while_the_next_has_none_are_flagged():
    flags = levels.flags(spine(C3=83, C4=66, C5=57, C6=33, C7=16))
    assert [(flag.code, flag.vertebra) for flag in flags] == [
        ("taken_for_two", "C5"),
        ("unusual_distance", "C5"),
    ]


def test_a_gap_as_long_as_what_is_missing_is_no_unusual_distance():
    assert codes(spine(T10=123, T11=96, L1=34, L2=0)) == []


def test_a_t12_stepped_over_between_two_neighbours_is_flagged():
    assert codes(spine(T9=82, T10=57, T11=30, L1=0)) == ["rare_variant"]


def test_t13_and_l6_are_told_with_their_frequency():
    flags = levels.variants(spine(T12=64, T13=32, L1=0))
    assert [flag.message for flag in flags] == ["T13 was found; 18 of 374 VerSe scans have one."]
    assert codes(spine(L5=36, L6=0)) == ["rare_variant"]


def test_the_report_writes_names_and_rounds():
    written = levels.to_json(Numbering(0.55432, OtherNumbering((19, None), None, 0.2), ("C2",)))
    assert written == {
        "probability": 0.554,
        "second": {"labels": ["T12", None], "shift": None, "probability": 0.2},
        "evidence": ["C2"],
        "first_rib_beside": None,
    }
    assert levels.to_json(None) is None
