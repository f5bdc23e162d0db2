from dataclasses import replace

import numpy as np
import pytest

from versectl.labels import SUCCESSORS
from versectl.synth.bodies import population, posture


@pytest.fixture
def spines():
    return [posture.sample(np.random.default_rng(seed)) for seed in range(60)]


def test_the_same_seed_gives_the_same_spine():
    first, second = (posture.sample(np.random.default_rng(5)) for _ in range(2))
    assert first.labels == second.labels
    np.testing.assert_array_equal(first.centers_mm, second.centers_mm)
    np.testing.assert_array_equal(first.rotations, second.rotations)


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    posture.sample(np.random.default_rng(0))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_labels_follow_one_another_from_c1_to_l5_or_l6(spines):
    for spine in spines:
        assert spine.labels[0] == 1
        assert spine.labels[-1] in (24, 25)
        for upper, lower in zip(spine.labels[:-1], spine.labels[1:], strict=True):
            assert lower in SUCCESSORS[upper]


def test_rare_counts_occur():
    labels = [posture.sample(np.random.default_rng(seed)).labels for seed in range(300)]
    assert any(19 not in found for found in labels)
    assert any(28 in found for found in labels)
    assert any(25 in found for found in labels)
    assert np.mean([found == tuple(range(1, 25)) for found in labels]) > 0.75


def test_distances_of_adults_with_healthy_discs_stay_within_those_of_real_spines():
    low, high = population.ranges()
    for seed in range(60):
        person = population.sample(np.random.default_rng(seed))
        person = replace(person, distance_mm=np.append(person.distance_mm[:-1], 31.0))
        spine = posture.stand(tuple(range(1, 25)), person, np.zeros(24))
        steps_mm = np.linalg.norm(np.diff(spine.centers_mm, axis=0), axis=1)
        assert np.all(steps_mm >= low.distance_mm[:-1] - 1e-6)
        assert np.all(steps_mm <= high.distance_mm[:-1] + 1e-6)


def test_a_bent_back_is_steeper_at_both_ends_of_the_thorax_and_no_longer():
    person = population.average()
    bent = posture.bent(person, 20.0)
    more_deg = bent.sagittal_deg - person.sagittal_deg
    assert more_deg[8] == pytest.approx(20)
    assert more_deg[18] == pytest.approx(-20)
    assert more_deg[0] == more_deg[23] == 0
    np.testing.assert_array_equal(bent.distance_mm, person.distance_mm)


def test_a_child_has_smaller_vertebrae_nearer_to_one_another():
    person = posture.sample_person(np.random.default_rng(1))
    child = posture.stand(tuple(range(1, 25)), posture.grown(person, 0.6), np.zeros(24))
    adult = posture.stand(tuple(range(1, 25)), person, np.zeros(24))
    assert child.scale == pytest.approx(0.6 * adult.scale)
    np.testing.assert_allclose(child.sizes, 0.6 * adult.sizes)
    np.testing.assert_allclose(child.breadths, adult.breadths)
    np.testing.assert_allclose(child.rotations, adult.rotations)


def test_a_worn_disc_brings_its_two_vertebrae_together_and_no_others():
    person = posture.sample_person(np.random.default_rng(0))
    wear = np.zeros(24)
    wear[22] = 0.5  # L4 to L5
    healthy = posture.stand(tuple(range(1, 25)), person, np.zeros(24))
    worn = posture.stand(tuple(range(1, 25)), person, wear)
    nearer_mm = -np.diff(
        [np.linalg.norm(np.diff(s.centers_mm, axis=0), axis=1) for s in (healthy, worn)], axis=0
    )[0]
    assert nearer_mm[22] == pytest.approx(3.5 * worn.scale)
    np.testing.assert_allclose(np.delete(nearer_mm, 22), 0, atol=1e-9)
    np.testing.assert_array_equal(worn.sizes, healthy.sizes)


def test_rare_people_have_about_their_share():
    rng = np.random.default_rng(1)
    people = [posture.sample_person(rng) for _ in range(600)]
    lengths_mm = np.array([person.distance_mm[1:23].sum() for person in people])
    adult_mm = population.average().distance_mm[1:23].sum()
    assert np.mean(lengths_mm < 0.85 * adult_mm) == pytest.approx(posture.CHILDREN, abs=0.03)
    worn = [posture.sample_wear(rng).any() for _ in range(600)]
    assert np.mean(worn) == pytest.approx(posture.WORN, abs=0.06)


def test_vertebrae_go_from_head_to_foot_and_the_sacrum_comes_last(spines):
    for spine in spines:
        assert np.all(np.diff(spine.centers_mm[:, 2]) < 0)
        assert spine.sacrum_mm[2] < spine.centers_mm[-1, 2]


def test_frames_are_right_handed_rotations_pointing_up(spines):
    for spine in spines:
        eye = spine.rotations @ spine.rotations.transpose(0, 2, 1)
        np.testing.assert_allclose(eye, np.broadcast_to(np.eye(3), eye.shape), atol=1e-9)
        np.testing.assert_allclose(np.linalg.det(spine.rotations), 1)
        assert np.all(spine.rotations[:, 2, 2] > 0.3)
        assert np.all(spine.rotations[:, 0, 0] > 0.5)


def test_the_average_spine_has_lordosis_kyphosis_and_lordosis():
    found = [posture.sample(np.random.default_rng(seed)) for seed in range(80)]
    whole = [spine for spine in found if spine.labels == tuple(range(1, 25))]
    steps = np.mean([np.diff(spine.centers_mm, axis=0) for spine in whole], axis=0)
    tilt = np.degrees(np.arctan2(steps[:, 1], -steps[:, 2]))
    assert tilt[7] > tilt[1] + 10  # T1 leans forward, more than C2
    assert tilt[7] > tilt[19] + 30  # and turns back down to L1
    assert tilt[22] > tilt[19] + 10  # L4 leans forward again


def test_upright_takes_the_average_tilt_away():
    spines = [posture.sample(np.random.default_rng(seed)) for seed in range(150)]
    frames = [posture.upright(spine, 8) for spine in spines]
    np.testing.assert_allclose(np.mean(frames, axis=0), np.eye(3), atol=0.08)
