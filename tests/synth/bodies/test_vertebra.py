from dataclasses import replace

import numpy as np
import pytest

from versectl.labels import NUMBERS
from versectl.synth.bodies import vertebra
from versectl.synth.bodies.vertebra import Fit

PERSON = vertebra.Person(0.5, shift=0.0, form=np.ones(10), droop=0.0, wing_tilt=(0.0, 0.0))
USUAL = (1.0, 0.0, 0.0)
FIT = Fit((13.0, 0.0, 0.0), (-13.0, 0.0, 0.0))
AXIS = np.arange(-62.0, 63.0, 1.5, dtype=np.float32)
POINTS = tuple(np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"))


@pytest.fixture(scope="module")
def look():
    sampled = vertebra.sample(NUMBERS["L2"], 1.0, 1.0, PERSON, np.random.default_rng(5))
    return replace(sampled, wings=(USUAL, USUAL))


def inside(look):
    """Points (n, 3) of a vertebra."""
    return np.stack([axis[vertebra.distance(look, FIT, POINTS) < 0] for axis in POINTS], axis=-1)


def test_a_longer_wing_reaches_farther_on_its_own_side(look):
    usual, longer = inside(look), inside(replace(look, wings=(USUAL, (1.4, 0.0, 0.0))))
    assert longer[:, 0].max() > usual[:, 0].max() + 5
    assert longer[:, 0].min() == usual[:, 0].min()


def test_a_wing_that_goes_back_and_up_leaves_the_body_as_it_was(look):
    tilted = inside(replace(look, wings=((1.0, 0.3, 0.4), USUAL)))
    usual = inside(look)
    beside = look.width / 2 + 2
    assert np.array_equal(usual[usual[:, 0] > -beside], tilted[tilted[:, 0] > -beside])
    tips = [points[points[:, 0] < -beside - 10].mean(axis=0) for points in (usual, tilted)]
    assert tips[1][1] > tips[0][1] + 2
    assert tips[1][2] > tips[0][2] + 3


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


def test_what_lies_behind_the_body_droops_and_the_body_does_not(look):
    still = replace(look, waves=np.zeros((0, 7)), droop=0.0)
    drooping = replace(still, droop=0.2)
    tip = np.array([[0.0], [60.0], [-15.0]])
    lower = tip - [[0.0], [0.0], [0.2 * (60.0 - look.depth / 2)]]
    assert np.allclose(vertebra.rippled(drooping, lower), vertebra.rippled(still, tip), atol=1e-4)
    body = np.array([[3.0], [-5.0], [8.0]])
    assert np.allclose(vertebra.rippled(drooping, body), vertebra.rippled(still, body))


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
