from dataclasses import replace

import numpy as np
import pytest

from versectl.labels import NUMBERS
from versectl.synth.bodies import vertebra

PERSON = vertebra.Person(0.5, shift=0.0, form=np.ones(10), droop=0.0, wing_tilt=(0.0, 0.0))


def test_free_wings_differ_between_people_more_than_between_sides():
    rng = np.random.default_rng(0)
    wings = np.array(
        [vertebra.sample(NUMBERS["L1"], 1.0, 1.0, PERSON, rng).wings for _ in range(300)]
    )
    assert np.ptp(wings[..., 0]) > 0.7
    between_sides = np.std(wings[:, 0, 0] - wings[:, 1, 0])
    assert 0 < between_sides < 0.5 * np.std(wings[:, 0, 0])
    carrying = [
        vertebra.sample(NUMBERS["T7"], 1.0, 1.0, PERSON, rng).wings[0][0] for _ in range(100)
    ]
    assert np.ptp(carrying) < 0.5


def test_wings_that_carry_ribs_tilt_with_their_person_and_free_ones_do_not():
    tilted = replace(PERSON, wing_tilt=(0.1, -0.2))
    for name, moved in (("T7", [0.0, 0.1, -0.2]), ("L1", [0.0, 0.0, 0.0])):
        one, other = (
            vertebra.sample(NUMBERS[name], 1.0, 1.0, person, np.random.default_rng(3)).wings
            for person in (PERSON, tilted)
        )
        assert np.array(other) - one == pytest.approx(np.tile(moved, (2, 1))), name
