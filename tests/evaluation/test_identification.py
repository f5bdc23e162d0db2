import numpy as np
import pytest
from versectl.evaluation import identification

#: Three vertebrae 25 mm apart along a lopsided line.
L1, L2, L3 = 20, 21, 22
GT_MM = {L1: np.array([3, 40, 150]), L2: np.array([3, 47, 126]), L3: np.array([5, 47, 101])}


def test_a_perfect_prediction_identifies_all_without_error():
    assert identification.identified(GT_MM, GT_MM) == {L1: True, L2: True, L3: True}
    assert identification.point_errors_mm(GT_MM, GT_MM) == {L1: 0, L2: 0, L3: 0}


def test_point_error_is_euclidean():
    moved = {L1: GT_MM[L1] + (2, 3, 6)}
    assert identification.point_errors_mm(GT_MM, moved) == {L1: 7, L2: None, L3: None}


def test_a_missing_prediction_is_not_identified_but_counted():
    predicted = {L1: GT_MM[L1], L3: GT_MM[L3]}
    assert identification.identified(GT_MM, predicted) == {L1: True, L2: False, L3: True}


def test_all_names_moved_by_one_level_identifies_nothing():
    shifted = {L1: GT_MM[L2], L2: GT_MM[L3]}
    assert not any(identification.identified(GT_MM, shifted).values())


def test_nearer_to_a_neighbour_is_wrong_though_within_20_mm():
    predicted = {L2: GT_MM[L2] + (0, 0, 14)}
    assert identification.point_errors_mm(GT_MM, predicted)[L2] == 14
    assert not identification.identified(GT_MM, predicted)[L2]


def test_the_official_rule_looks_only_at_labels_on_both_sides():
    predicted = {L2: GT_MM[L2] + (0, 0, 14)}  # nearer to L1, which is not predicted
    assert identification.identified_officially(GT_MM, predicted)[L2]


@pytest.mark.parametrize(
    ("rule", "at_20_mm"),
    [(identification.identified, False), (identification.identified_officially, True)],
)
def test_exactly_20_mm_is_too_far_in_the_paper_and_near_enough_officially(rule, at_20_mm):
    away = {L1: GT_MM[L1] + (20, 0, 0)}
    assert rule(GT_MM, away)[L1] is at_20_mm
    assert rule(GT_MM, {L1: GT_MM[L1] + (19.99, 0, 0)})[L1]
    assert not rule(GT_MM, {L1: GT_MM[L1] + (20.01, 0, 0)})[L1]


def test_predicted_labels_without_truth_are_no_entries():
    assert identification.identified({L1: GT_MM[L1]}, GT_MM) == {L1: True}


@pytest.mark.parametrize("shift", [-2, -1, 0, 1, 4])
def test_a_shift_of_all_names_is_told_in_levels(shift):
    predicted = {label + shift: point + (2, -3, 1) for label, point in GT_MM.items()}
    assert identification.level_shift(GT_MM, predicted) == shift


def test_one_right_name_among_shifted_ones_is_no_shift():
    assert identification.level_shift(GT_MM, {L1: GT_MM[L1], L3: GT_MM[L2]}) is None


def test_a_third_of_the_spine_is_too_little_to_tell_a_shift():
    assert identification.level_shift(GT_MM, {L2: GT_MM[L1]}) is None
    assert identification.level_shift(GT_MM, {L2: GT_MM[L1], L3: GT_MM[L2]}) == 1


def test_points_far_from_the_true_spine_tell_no_shift():
    away = {label + 1: point + (25, 0, 0) for label, point in GT_MM.items()}
    assert identification.level_shift(GT_MM, away) is None
    assert identification.level_shift({}, GT_MM) is None
    assert identification.level_shift(GT_MM, {}) is None


def test_t13_tells_no_shift():
    t12, t13 = 19, 28
    spine = {t12: GT_MM[L1], t13: GT_MM[L2], L1: GT_MM[L3]}
    named_on = {t12: GT_MM[L1], L1: GT_MM[L2], L2: GT_MM[L3]}
    assert identification.level_shift(spine, spine) == 0
    assert identification.level_shift(spine, named_on) is None
