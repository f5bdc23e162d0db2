from dataclasses import fields

import numpy as np
import pytest

from versectl.synth.bodies import population


@pytest.fixture(scope="module")
def people():
    return [population.sample(np.random.default_rng(seed)) for seed in range(400)]


def rows(people, name):
    return np.array([getattr(person, name) for person in people])


NAMES = [field.name for field in fields(population.Posture)]


@pytest.mark.parametrize("name", NAMES)
def test_no_measure_leaves_the_range_of_the_people_measured(people, name):
    low, high = (getattr(bound, name) for bound in population.ranges())
    values = rows(people, name)
    seen = np.isfinite(low)
    assert np.all(values[:, seen] >= low[seen] - 1e-9)
    assert np.all(values[:, seen] <= high[seen] + 1e-9)


def test_distances_grow_downwards_and_differ_between_people_by_seven_percent(people):
    mean_mm = population.average().distance_mm
    assert 15 < mean_mm[3] < 18 < mean_mm[8] < 23 < mean_mm[16] < 28 < mean_mm[20] < 37
    spread = np.nanstd(np.log(rows(people, "distance_mm")[:, 2:23]), axis=0)
    assert np.all((spread > 0.045) & (spread < 0.11))


def test_people_are_large_or_small_from_neck_to_loins(people):
    logs = np.log(rows(people, "distance_mm"))
    neck, loins = logs[:, 2:6].mean(axis=1), logs[:, 19:23].mean(axis=1)
    assert np.corrcoef(neck, loins)[0, 1] > 0.3


def test_left_and_right_are_alike(people):
    for name in ("coronal_deg", "turn_deg"):
        values = rows(people, name)
        assert np.all(np.abs(values.mean(axis=0)) < 0.2 * values.std(axis=0))


def test_only_the_neck_and_the_sacrum_are_without_measures():
    average = population.average()
    assert np.flatnonzero(np.isnan(average.distance_mm)).tolist() == [23]
    assert np.flatnonzero(np.isnan(average.span_mm)).tolist() == [2, 3, 4, 5, 6]
    for name in ("sagittal_deg", "coronal_deg", "wedge_deg", "turn_deg"):
        assert np.isfinite(getattr(average, name)).all()


def test_pedicles_lie_farthest_apart_in_the_loins_and_nearest_in_the_mid_thorax():
    span_mm = population.average().span_mm
    assert np.nanargmin(span_mm) in (10, 11, 12)
    assert np.nanargmax(span_mm) == 23
