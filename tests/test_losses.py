import numpy as np
import pytest

from versectl import losses


def number(loss, wanted, answered):
    return float(loss(np.float32(wanted)[None], np.float32(answered)[None]))


def test_presence_is_cross_entropy_weighted_by_the_target():
    wanted = np.zeros((1, 1, 2, 1))
    wanted[..., 0, :] = 1
    # -ln(sigmoid(2)) = 0.1269 where 1 is wanted, -ln(1 - sigmoid(-1)) = 0.3133 where 0 is
    logits = np.array([2.0, -1.0]).reshape(1, 1, 2, 1)
    assert number(losses.presence, wanted, logits) == pytest.approx(
        (31 * 0.12693 + 0.31326) / 32, abs=1e-4
    )


def test_overlap_is_near_zero_when_all_is_right_and_large_when_all_is_wrong():
    mask = np.zeros((4, 4, 4, 1))
    mask[1:3, 1:3, 1:4] = 1
    assert number(losses.overlap, mask, 40 * mask - 20) == pytest.approx(0, abs=1e-4)
    assert number(losses.overlap, mask, 20 - 40 * mask) > 10


def test_identification_prefers_the_right_name_at_the_right_place():
    wanted = np.zeros((3, 3, 3, 4))
    wanted[1, 1, 1, 2] = 1.0
    right, renamed, moved = (np.full(wanted.shape, 1e-4) for _ in range(3))
    right[1, 1, 1, 2] = renamed[1, 1, 1, 1] = moved[0, 0, 0, 2] = 0.98
    found = [number(losses.identification, wanted, heat) for heat in (right, renamed, moved)]
    assert found[0] < 0.2
    assert found[1] > found[0] + 1
    assert found[2] > found[0] + 1


def test_a_box_without_vertebra_costs_only_what_is_answered():
    nothing = np.zeros((3, 3, 3, 4))
    assert number(losses.identification, nothing, np.full(nothing.shape, 1e-7)) < 1e-3
    assert number(losses.identification, nothing, np.full(nothing.shape, 0.1)) > 1


@pytest.mark.parametrize("stage", ["spine", "vertebrae", "segmentation"])
def test_losses_are_finite_for_extreme_answers(stage):
    wanted = np.zeros((2, 2, 2, 3))
    wanted[0, 0, 0, 0] = 1
    extreme = np.full(wanted.shape, 0.0 if stage == "vertebrae" else -500.0)
    assert np.isfinite(number(losses.of_stage(stage), wanted, extreme))
