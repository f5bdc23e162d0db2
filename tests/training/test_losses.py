import numpy as np
import pytest

from versectl import config
from versectl.training import losses


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


def plate_and_block():
    """A mask (z, y, x, 1) with a plate of two voxels and a block of seven, far from each other."""
    mask = np.zeros((24, 13, 11, 1))
    mask[3:5, 2:11, 2:9] = 1
    mask[13:20, 3:10, 2:9] = 1
    return mask


def test_thin_bone_and_what_is_beside_it_is_near_thin_and_a_thick_block_is_not():
    near = np.array(losses.near_thin(np.float32(plate_and_block())[None]))[0, ..., 0]
    assert (near[1:7, 2:11, 2:9] == 1).all()
    assert not near[7:].any()


def test_bone_that_the_border_cuts_is_not_thin():
    mask = np.zeros((1, 9, 9, 9, 1), np.float32)
    mask[:, :3, 1:8, 1:8] = 1
    assert not np.array(losses.near_thin(mask)).any()


@pytest.mark.parametrize(("thin", "thick"), [(4, 13), (5, 12)], ids=["missed", "added"])
def test_as_many_voxels_cost_more_at_thin_bone_than_at_thick_bone(thin, thick):
    mask = plate_and_block()
    costs = []
    for at in (thin, thick):
        logits = 20 * mask - 10
        logits[at, 4:9, 3:8] *= -1
        costs.append(number(losses.overlap, mask, logits))
    assert costs[0] > 2 * costs[1]


def test_identification_prefers_the_right_name_at_the_right_place():
    wanted = np.zeros((3, 3, 3, 4))
    wanted[1, 1, 1, 2] = 1.0
    right, renamed, moved = (np.full(wanted.shape, 1e-4) for _ in range(3))
    right[1, 1, 1, 2] = renamed[1, 1, 1, 1] = moved[0, 0, 0, 2] = 0.98
    found = [number(losses.identification, wanted, np.log(h)) for h in (right, renamed, moved)]
    assert found[1] > 50 * found[0]
    assert found[2] > 50 * found[0]


def test_identification_is_cross_entropy_worked_by_hand():
    wanted = np.zeros((1, 1, 2, 2))
    wanted[..., 0, 1] = 1.0
    heat = np.array([[0.2, 0.6], [0.1, 0.1]]).reshape(1, 1, 2, 2)
    # 0.6 for the right name where there is one, 1 - 0.2 for none where there is none
    by_hand = (-np.log(0.6) - np.log(0.8)) / (1 + losses.TWO_VERTEBRAE_VOX)
    assert number(losses.identification, wanted, np.log(heat)) == pytest.approx(by_hand, rel=1e-4)


def test_a_box_without_vertebra_costs_only_what_is_answered():
    nothing = np.zeros((3, 3, 3, 4))
    assert number(losses.identification, nothing, np.full(nothing.shape, -16.0)) < 1e-3
    assert number(losses.identification, nothing, np.full(nothing.shape, np.log(0.1))) > 0.1


def test_a_box_without_vertebra_costs_no_more_per_voxel_than_one_with_some():
    some = np.zeros((9, 9, 9, 1))
    some[3:6, 3:6, 2:7] = 1.0
    unsure = np.full(some.shape, np.log(0.1))
    assert number(losses.identification, some * 0, unsure) < number(
        losses.identification, some, unsure
    )


@pytest.mark.parametrize("stage", ["spine", "vertebrae", "segmentation"])
def test_losses_are_finite_for_extreme_answers(stage):
    wanted = np.zeros((2, 2, 2, 3))
    wanted[0, 0, 0, 0] = 1
    for extreme in (-500.0, -1.0986123):  # ln(1/3): three heatmaps that sum to one
        answered = np.full(wanted.shape, extreme)
        assert np.isfinite(number(losses.of_stage(config.DEFAULT[stage]), wanted, answered))
