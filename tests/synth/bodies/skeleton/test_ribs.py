from dataclasses import replace

import numpy as np
import pytest

from versectl.labels import NUMBERS
from versectl.synth.bodies import posture
from versectl.synth.bodies.build import sample_build
from versectl.synth.bodies.skeleton import ribs


@pytest.fixture(scope="module")
def spine():
    return posture.sample(np.random.default_rng(3))


def test_lifted_ribs_leave_their_vertebrae_as_before_and_rise_to_the_side(spine):
    build = replace(sample_build(np.random.default_rng(1)), rib_lift=(0.0, 0.0))
    usual, lifted = (
        ribs.curves(spine, one, np.random.default_rng(2))
        for one in (build, replace(build, rib_lift=(0.25, 0.0)))
    )
    for which, points in usual.items():
        assert lifted[which][0] == pytest.approx(points[0], abs=0.1)
        sides = [np.abs(course[:, 0] - points[0, 0]).argmax() for course in (points, lifted[which])]
        assert lifted[which][sides[1], 2] > points[sides[0], 2] + 1, which


def test_ribs_of_the_neck_and_stunted_first_ribs_are_short_and_on_their_side(spine):
    c7, t1 = NUMBERS["C7"], NUMBERS["T1"]
    usual = replace(
        sample_build(np.random.default_rng(1)), neck_ribs=(0.0, 0.0), first_ribs=(1.0, 1.0)
    )
    one = replace(usual, neck_ribs=(0.4, 0.0), first_ribs=(1.0, 0.5))
    before, after = (ribs.curves(spine, build, np.random.default_rng(2)) for build in (usual, one))
    assert set(after) - set(before) == {(c7, 1)}
    assert len(after[c7, 1]) < 0.7 * len(after[t1, 1])
    assert len(after[t1, -1]) < 0.75 * len(after[t1, 1])
    root_mm = spine.centers_mm[spine.labels.index(c7)]
    assert after[c7, 1][0, 0] > root_mm[0]
    assert np.linalg.norm(after[c7, 1][0] - root_mm) < 35


def test_ribs_begin_where_their_persons_processes_and_bodies_have_them(spine):
    sampled = sample_build(np.random.default_rng(1))
    build, moved = (
        replace(sampled, person=replace(sampled.person, wing_tilt=tilt), head_height=height)
        for tilt, height in (((0.0, 0.0), 0.0), ((0.0, 0.25), 0.1))
    )
    for label in (NUMBERS["T1"], NUMBERS["T6"]):
        up = spine.rotations[spine.labels.index(label)][:, 2]
        (head, neck), others = (ribs.root(spine, one, label, side=1) for one in (build, moved))
        assert 1 < (others[0] - head) @ up < 4
        assert 2 < (others[1] - neck) @ up < 8
