from itertools import pairwise

import numpy as np
import pytest

from versectl import labels
from versectl.stages import spacing

MEAN_SIZE = len(spacing.SIZES) // 2


def step(first: str, last: str, distance_mm: float, size: int = MEAN_SIZE) -> float:
    """Log weight of a step."""
    upper, lower = (labels.ORDER.index(labels.NUMBERS[name]) for name in (first, last))
    return float(spacing.steps()[size, spacing.bins(np.array(distance_mm)), upper, lower])


def test_a_usual_distance_costs_nothing_and_a_deviation_its_square():
    assert step("T11", "T12", 29.5) == 0
    one_sd_mm = np.hypot(0.13 * 29.5, 3.0)
    assert step("T11", "T12", 29.5 + one_sd_mm) == pytest.approx(-0.5, abs=0.06)


def test_distances_scale_with_the_person():
    small = int(np.argmin(np.abs(spacing.SIZES - 0.79)))
    assert step("L2", "L3", 35.8 * spacing.SIZES[small], small) == pytest.approx(0, abs=0.01)
    assert step("L2", "L3", 35.8 * spacing.SIZES[small]) < -0.9


def test_a_persons_size_is_the_median_of_the_distances_beside_usual_ones():
    named = [labels.NUMBERS[name] for name in ("T12", "L1", "L2", "L3")]
    apart_mm = [0.7 * spacing.usual_mm(above, below) for above, below in pairwise(named)]
    heights_mm = -np.cumsum([0.0, *apart_mm])
    centers_mm = {n: np.array([3.0, 5.0, z]) for n, z in zip(named, heights_mm, strict=True)}
    assert spacing.size_of(centers_mm) == pytest.approx(0.7)
    centers_mm[named[-1]] -= [0.0, 0.0, 30.0]
    assert spacing.size_of(centers_mm) == pytest.approx(0.7)
    assert spacing.size_of({20: np.zeros(3)}) == spacing.size_of({}) == 1.0


def test_labels_only_descend_and_only_over_what_is_between():
    assert step("L1", "T12", 32.0) == -np.inf
    assert step("T12", "T12", 32.0) == -np.inf
    assert step("T11", "T12", 9.0) == -np.inf  # both limits are exclusive
    assert step("T11", "T12", 50.0) == -np.inf
    assert step("T11", "L1", 61.5) > -np.inf


def test_what_is_rare_costs_its_frequency():
    assert step("T11", "L1", 29.5) == pytest.approx(np.log(6 / 374), abs=0.05)
    prior = dict(zip(labels.ORDER, spacing.label_prior(), strict=True))
    assert prior[labels.T13] == pytest.approx(np.log(18 / 374))
    assert prior[labels.L6] == pytest.approx(np.log(44 / 374))
    assert np.count_nonzero(list(prior.values())) == 2


def test_a_vertebra_that_was_not_found_costs_once_and_for_each():
    assert step("T11", "L1", 61.5) == pytest.approx(spacing.GAP + spacing.MISSED, abs=0.05)
    assert step("T10", "L1", 88.5) == pytest.approx(spacing.GAP + 2 * spacing.MISSED, abs=0.05)


def test_a_t13_follows_t12_alone():
    assert step("T12", "T13", 32.2) == pytest.approx(0, abs=0.05)
    usual_mm = spacing.usual_mm(labels.T11, labels.T13)
    missed = spacing.GAP + spacing.MISSED
    assert step("T11", "T13", usual_mm) == pytest.approx(missed, abs=0.001)
    assert step("T11", "T13", 29.5) < missed - 1  # as near as neighbours


def test_sizes_have_a_probability_each():
    prior = np.exp(spacing.size_prior())
    assert prior.sum() == pytest.approx(1)
    assert prior.argmax() == MEAN_SIZE
    assert prior.min() > 0.001


def test_what_lies_beyond_reach_is_no_step():
    assert step("C1", "L6", 1000.0) == -np.inf
