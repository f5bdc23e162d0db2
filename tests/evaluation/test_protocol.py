import numpy as np
import pytest
from versectl.evaluation import protocol
from versectl.evaluation.protocol import Figure, Record, Rules
from versectl.evaluation.reading import CasePair

T12, L1, L2, T13, SACRUM = 19, 20, 21, 28, 26


def record(label=L1, case="a", **figures):
    undefined = dict.fromkeys(("dice", "hd_mm", "point_error_mm", "identified", "at_border"))
    return Record(case, label, **{**undefined, **figures})


def pair(**changes):
    """Two vertebrae and a sacrum, L1 inside and L2 at the edge; all predicted as they are."""
    gt = np.zeros((12, 7, 9), np.uint8)
    gt[8:11, 2:5, 2:7], gt[3:6, 2:5, 2:9], gt[0:2] = L1, L2, SACRUM
    points_mm = {L1: np.array([4.0, 3, 27]), L2: np.array([4.0, 3, 2])}
    given = {"gt": gt, "predicted": gt, "spacing_mm": (1.0, 2.0, 3.0)}
    return CasePair("a", **{**given, "gt_mm": points_mm, "predicted_mm": points_mm, **changes})


def test_a_perfect_scan_is_correct_and_the_sacrum_is_ignored():
    result = protocol.score(pair(), Rules())
    assert [r.label for r in result.records] == [L1, L2]
    assert all((r.dice, r.hd_mm, r.point_error_mm, r.identified) == (1, 0, 0, True)
               for r in result.records)  # fmt: skip
    assert [r.at_border for r in result.records] == [False, True]
    assert result.correct
    assert result.extra_labels == result.missing_masks == result.missing_landmarks == ()


def test_a_missing_vertebra_has_dice_zero_no_distance_and_is_named():
    given = pair()
    predicted = np.where(given.gt == L2, 0, given.gt).astype(np.uint8)
    result = protocol.score(pair(predicted=predicted, predicted_mm={L1: given.gt_mm[L1]}), Rules())
    missing = result.records[1]
    assert (missing.dice, missing.hd_mm, missing.point_error_mm) == (0, None, None)
    assert missing.identified is False
    assert result.missing_masks == result.missing_landmarks == (L2,)
    assert not result.correct


def test_missed_pe_replaces_the_undefined_point_error():
    result = protocol.score(pair(predicted_mm={}), Rules(missed_pe_mm=1000))
    assert [r.point_error_mm for r in result.records] == [1000, 1000]
    assert result.missing_landmarks == (L1, L2)


def test_an_extra_label_is_named_but_no_record():
    gt = pair().gt
    predicted = gt.copy()
    predicted[11] = T12
    result = protocol.score(pair(predicted=predicted), Rules())
    assert result.extra_labels == (T12,)
    assert [r.label for r in result.records] == [L1, L2]


def test_mask_and_landmarks_may_know_different_vertebrae():
    points_mm = {T13: np.array([4.0, 3, 35])}
    result = protocol.score(pair(gt_mm=points_mm, predicted_mm=points_mm), Rules())
    assert [(r.label, r.dice, r.identified) for r in result.records] == [
        (T13, None, True),
        (L1, 1, None),
        (L2, 1, None),
    ]


def test_a_scan_without_prediction_has_every_vertebra_missed():
    result = protocol.score(pair(predicted=np.zeros_like(pair().gt), predicted_mm={}), Rules())
    assert [(r.dice, r.identified) for r in result.records] == [(0, False), (0, False)]


def test_pooled_and_over_scans_differ_when_scans_differ_in_size():
    small = [record(dice=0.5)]
    large = [record(dice=0.9), record(dice=0.9), record(dice=0.9)]
    assert protocol.pooled(small + large)["dice"].mean == pytest.approx(0.8)
    assert protocol.over_scans([small, large])["dice"] == Figure(0.7, 0.2, 2)


def test_deviation_is_of_the_population_and_undefined_values_are_left_out():
    records = [record(hd_mm=2.0), record(hd_mm=6.0), record(hd_mm=None)]
    assert protocol.pooled(records)["hd_mm"] == Figure(4.0, 2.0, 2)


def test_no_values_give_no_mean():
    assert protocol.pooled([record()])["dice"] == Figure(None, None, 0)


def test_id_rate_counts_missed_vertebrae():
    records = [record(identified=True), record(identified=False), record(identified=None)]
    assert protocol.pooled(records)["id_rate"].mean == 0.5


def test_t13_is_thoracic_and_l6_lumbar():
    assert T13 in protocol.GROUPS["thoracic"]
    assert 25 in protocol.GROUPS["lumbar"]
    assert len(protocol.GROUPS["all"]) == 26


def test_whole_scans_are_correct_only_with_every_landmark():
    good, bad = record(identified=True), record(identified=False)
    rate = protocol.scans_correct([[good, good], [good, bad], [record()]])
    assert (rate.mean, rate.n) == (0.5, 2)


def test_vertebrae_at_the_border_can_be_left_out():
    result = protocol.score(pair(), Rules())
    assert [[r.label for r in records] for records in protocol.without_border([result])] == [[L1]]


def test_names_that_are_all_off_by_one_level_are_noticed_by_points_or_by_masks():
    true = pair()
    lower = np.where(np.isin(true.gt, (L1, L2)), true.gt + 1, true.gt).astype(np.uint8)
    points_mm = {label + 1: point for label, point in true.gt_mm.items()}
    assert protocol.score(true, Rules()).level_shift == 0
    assert protocol.score(pair(predicted=lower, predicted_mm=points_mm), Rules()).level_shift == 1
    assert protocol.score(pair(predicted=lower, predicted_mm={}), Rules()).level_shift == 1
    assert protocol.score(pair(predicted=np.zeros_like(true.gt)), Rules()).level_shift == 0
