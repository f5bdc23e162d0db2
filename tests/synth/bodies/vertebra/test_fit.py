from dataclasses import replace

import numpy as np
import pytest

from versectl.labels import NUMBERS
from versectl.synth.bodies import posture, vertebra
from versectl.synth.bodies.vertebra import fit


@pytest.fixture(scope="module")
def spine():
    sampled = posture.sample(np.random.default_rng(3))
    return replace(sampled, worn_mm=np.zeros(len(sampled.labels)))


@pytest.fixture(scope="module")
def looks(spine):
    rng = np.random.default_rng(4)
    person = vertebra.sample_person(rng)
    return {label: vertebra.sample(label, 1.0, 1.0, person, rng) for label in spine.labels}


def test_a_worn_disc_brings_the_two_plates_beside_it_nearer_and_no_others(spine, looks):
    l2, l3 = NUMBERS["L2"], NUMBERS["L3"]
    worn_mm = np.where(np.array(spine.labels) == l2, 3.0, 0.0)
    joints = {label: fit.joints_below(spine, looks, label) for label in spine.labels}
    (usual, worn), (usual_below, worn_below) = (
        [fit.of(one, looks, joints, label) for one in (spine, replace(spine, worn_mm=worn_mm))]
        for label in (l2, l3)
    )
    assert worn.below[0] == pytest.approx(usual.below[0] - 1.5, abs=0.1)
    assert worn_below.above[0] == pytest.approx(usual_below.above[0] + 1.5, abs=0.1)
    assert (worn.above, worn_below.below) == (usual.above, usual_below.below)


def test_neighbours_share_their_joints_left_and_right(spine, looks):
    joints = {label: fit.joints_below(spine, looks, label) for label in spine.labels}
    upper, lower = (spine.labels.index(NUMBERS[name]) for name in ("C4", "C5"))
    frames = [fit.frame_of(spine, index) for index in (upper, lower)]
    above, below = (fit.of(spine, looks, joints, spine.labels[index]) for index in (upper, lower))
    for one, other in zip(above.lower_joints, below.upper_joints, strict=True):
        assert frames[0].to_world(one.center) == pytest.approx(frames[1].to_world(other.center))
    left, right = above.lower_joints
    assert left.center[0] > 0 > right.center[0]
