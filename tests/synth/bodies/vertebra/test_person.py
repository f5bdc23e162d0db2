from dataclasses import replace

import numpy as np
import pytest

from versectl.labels import NUMBERS
from versectl.synth.bodies import vertebra

PERSON = vertebra.Person(0.5, shift=0.0, form=np.ones(10), droop=0.0, wing_tilt=(0.0, 0.0))


def test_people_differ_in_the_form_of_their_vertebrae():
    people = [vertebra.sample_person(np.random.default_rng(seed)) for seed in range(50)]
    rows = np.array([vertebra.usual(NUMBERS["L3"], person) for person in people])
    spread = rows.std(axis=0) / np.abs(rows.mean(axis=0))
    assert np.all((spread > 0.5 * vertebra.FORM_SD) & (spread < 1.5 * vertebra.FORM_SD))


def test_the_forms_of_one_person_may_be_those_of_anothers_next_vertebrae():
    between = replace(PERSON, shift=0.5)
    at = {name: vertebra.usual(NUMBERS[name], between) for name in ("T5", "T1", "C2", "L3")}
    upper, lower = (vertebra.usual(NUMBERS[name], PERSON) for name in ("T5", "T6"))
    assert at["T5"] == pytest.approx((upper + lower) / 2)
    for name in ("T1", "C2", "L3"):  # nothing looks like these
        assert at[name] == pytest.approx(vertebra.usual(NUMBERS[name], PERSON))


@pytest.mark.parametrize(
    ("name", "shift", "like"),
    [("T4", -1, "T3"), ("T2", -1, "T2"), ("T10", 1, "T10"), ("C3", 1, "C4"), ("C7", -1, "C7")],
)
def test_no_form_is_shifted_beyond_those_that_are_alike(name, shift, like):
    assert vertebra.alike(NUMBERS[name], shift) == NUMBERS[like]
