from dataclasses import replace

import bodies
import numpy as np
import pytest

from versectl.geometry import Grid
from versectl.synth.bodies import anatomy, posture
from versectl.synth.bodies.body import Body
from versectl.synth.bodies.vertebra import cast

LEVEL = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def taken():
    return cast.take(bodies.body())


def points(*xyz):
    return tuple(np.float32(axis) for axis in np.array(xyz, float).T)


def test_every_whole_vertebra_is_taken_with_the_distance_to_its_neighbours(taken):
    assert set(taken) == set(bodies.CENTERS_MM)
    step_mm = np.linalg.norm([2, 3, 30])
    assert [one.pitch_mm for one in taken.values()] == pytest.approx(5 * [step_mm], abs=0.1)


def test_a_cast_stands_upright_in_its_own_frame_with_its_arch_behind(taken):
    # The body of L1 is 36 x 26 x 22 mm; its process reaches 39 mm back and lies to the right.
    distance = taken[20].distance(points((0, 0, 0), (0, 30, -4), (0, -30, -4), (0, 0, 17)), LEVEL)
    assert distance[0] < -7
    assert distance[1] < 0
    assert distance[2] > 4
    assert distance[3] > 3


def test_distances_are_in_mm_and_grow_with_the_scale(taken):
    beside = points((21, 0, 0))
    assert taken[20].distance(beside, LEVEL) == pytest.approx(3, abs=1.6)
    assert taken[20].distance(beside, (1.3, 1.3, 1.0)) < 0


def test_a_cast_does_not_depend_on_where_and_how_the_body_stands():
    body = bodies.body()
    turned = Body(  # the patient lies on the other side: left and back change places
        np.ascontiguousarray(body.structures.transpose(0, 2, 1)[:, :, ::-1]),
        Grid((70, 60, 110), (2.0, 2.0, 2.0), (-98.0, -51.0, -30.0)),
        body.kinds,
        {n: np.array([-p[1], p[0], p[2]]) for n, p in body.centroids_mm.items()},
    )
    first, second = (cast.take(b)[21] for b in (body, turned))
    probe = np.random.default_rng(1).uniform(-25, 25, (3, 300)).astype(np.float32)
    difference = first.distance(tuple(probe), LEVEL) - second.distance(tuple(probe), LEVEL)
    assert np.abs(difference).mean() < 0.4


def test_blending_gives_every_label_somebody_has_and_not_always_the_same_persons():
    people = [{1: "a", 2: "a"}, {2: "b", 3: "b"}]
    drawn = [cast.blend(people, np.random.default_rng(seed)) for seed in range(20)]
    assert all(set(one) == {1, 2, 3} for one in drawn)
    assert {one[2].one for one in drawn} == {"a", "b"}
    assert all({one[2].one, one[2].other} == {"a", "b"} for one in drawn)
    assert all(one[3].one == one[3].other == "b" for one in drawn)


def test_some_people_have_the_casts_of_the_next_thoracic_vertebrae_but_never_of_a_first_rib():
    person = {label: label for label in range(8, 20)}
    drawn = [cast.blend([person], np.random.default_rng(seed)) for seed in range(40)]
    shifts = {one[13].one - 13 for one in drawn}
    assert shifts == {-2, -1, 0, 1, 2}
    assert {one[8].one for one in drawn} == {8}
    assert {one[9].one for one in drawn} == {9, 10, 11}


def test_a_vertebra_whose_like_nobody_has_keeps_its_own_cast():
    people = [{13: "own"}]
    assert {cast.blend(people, np.random.default_rng(s))[13].one for s in range(20)} == {"own"}


def test_a_mixture_lies_between_two_casts_brought_to_one_size(taken):
    twice = replace(
        taken[20], distance_mm=2 * taken[20].distance_mm, pitch_mm=2 * taken[20].pitch_mm
    )
    doubled = replace(
        twice,
        grid=Grid(
            twice.grid.size_vox,
            tuple(2 * s for s in twice.grid.spacing_mm),
            tuple(2 * o for o in twice.grid.origin_mm),
        ),
    )
    probe = points((21, 0, 0), (0, 30, -4), (5, 5, 5))
    same = cast.Mixture(taken[20], doubled, 0.4)
    assert same.pitch_mm == taken[20].pitch_mm
    assert same.distance(probe, LEVEL) == pytest.approx(taken[20].distance(probe, LEVEL), abs=1e-4)
    mixed = cast.Mixture(taken[20], taken[21], 0.5).distance(probe, LEVEL)
    ends = [taken[n].distance(probe, LEVEL) for n in (20, 21)]
    assert mixed == pytest.approx(np.mean(ends, axis=0), abs=0.2)


def test_a_body_built_from_casts_shows_them_where_the_spine_puts_them(taken):
    spine = posture.sample(np.random.default_rng(3))
    made = anatomy.build(spine, np.random.default_rng(4), 3.0, taken)
    plain = anatomy.build(spine, np.random.default_rng(4), 3.0)
    for label in taken:
        x, y, z = np.rint(made.grid.to_vox(made.centroids_mm[label])).astype(int)
        assert made.structures[z, y, x] == label
        assert np.any((made.structures == label) != (plain.structures == label))
    assert np.array_equal(made.structures == 5, plain.structures == 5)  # no cast of C5
