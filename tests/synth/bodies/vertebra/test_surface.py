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


def test_what_lies_behind_the_body_droops_and_the_body_does_not(look):
    still = replace(look, waves=np.zeros((0, 7)), droop=0.0)
    drooping = replace(still, droop=0.2)
    tip = np.array([[0.0], [60.0], [-15.0]])
    lower = tip - [[0.0], [0.0], [0.2 * (60.0 - look.depth / 2)]]
    assert np.allclose(vertebra.rippled(drooping, lower), vertebra.rippled(still, tip), atol=1e-4)
    body = np.array([[3.0], [-5.0], [8.0]])
    assert np.allclose(vertebra.rippled(drooping, body), vertebra.rippled(still, body))
