"""Flags about masks: each fires on what it is for, and on nothing else."""

import numpy as np
import pytest
from drawn_vertebrae import Placed, around, box, draw, result, turned, wedge
from drawn_vertebrae import with_arch as arched

from versectl import geometry
from versectl.report import anatomy, measurements


def all_measured(found, ct):
    return measurements.of(found.vertebrae, found.label_map, ct)


#: L1 to L4, above one another; the middle of the first.
FIRST, TOP_MM = 20, np.array([2.3, 10.2, 300.4])

USUAL = arched(box(40, 30, 25), 30, 25)


def column(shapes, apart_mm=34.0):
    axes = turned((4, -3, 5))
    drop = axes[:, 2] * apart_mm
    return [Placed(FIRST + i, s, TOP_MM - i * drop, axes) for i, s in enumerate(shapes)]


def found(vertebrae, change=lambda values, hu: None):
    """Codes and vertebrae of the flags of drawn vertebrae, after a change of mask and CT."""
    label_map = draw(vertebrae, around(vertebrae, (1.2, 1.0, 1.5), np.eye(3)))
    values = geometry.to_array(label_map)
    hu = np.where(values, 200.0, 30.0).astype(np.float32)
    change(values, hu)
    whole = result(vertebrae, geometry.from_array(values, label_map))
    measured = all_measured(whole, geometry.from_array(hu, label_map))
    flags = anatomy.flags(measured.vertebrae)
    assert all(flag.advice for flag in flags)
    return [(flag.code, flag.vertebra) for flag in flags]


def test_sound_vertebrae_have_no_flag():
    assert found(column([USUAL] * 4)) == []


def test_a_mask_far_smaller_than_its_neighbours_is_taken_for_two():
    vertebrae = column([USUAL] * 4)

    def lose(values, _hu):
        part = np.argwhere(values == 21)
        values[tuple(part[: len(part) // 2].T)] = 0

    assert ("taken_for_two", "L2") in found(vertebrae, lose)


def test_a_mask_as_large_as_two_is_two_taken_for_one():
    tall = arched(box(40, 30, 56), 30, 56)
    codes = found(column([USUAL, tall, USUAL], 46.0))
    assert ("two_taken_for_one", "L2") in codes


def test_pieces_apart_are_one_flag_for_all():
    def crumbs(values, _hu):
        values[2:10, 3:14, 2:12] = 20
        values[2:10, 3:14, -12:-2] = 22

    codes = found(column([USUAL] * 4), crumbs)
    assert codes == [("several_pieces", None)]


@pytest.mark.parametrize(("front", "is_flagged"), [(16, True), (23, False)])
def test_a_wedge_may_be_collapsed(front, is_flagged):
    leaning = arched(wedge(40, 30, front, 26), 30, 26)
    codes = found(column([USUAL, leaning, USUAL]))
    assert codes == ([("collapse_likely", "L2")] if is_flagged else [])


def test_a_flat_body_may_be_collapsed():
    flat = arched(box(40, 30, 18), 30, 18)
    assert ("collapse_likely", "L2") in found(column([USUAL, flat, USUAL]))


def test_bodies_without_a_gap_may_be_fused():
    vertebrae = column([USUAL, USUAL, USUAL], 25.2)
    assert found(vertebrae) == [("fusion_likely", "L1"), ("fusion_likely", "L2")]


def test_metal_is_one_flag_for_all():
    def screws(values, hu):
        for label in (20, 21):
            inside = np.argwhere(values == label)
            hu[tuple(inside[::60].T)] = 3000.0

    assert found(column([USUAL] * 4), screws) == [("metal", None)]


@pytest.mark.parametrize(("hu_there", "is_flagged"), [(90, False), (400, True)])
def test_contrast_medium_in_the_canal_is_one_flag_for_all(hu_there, is_flagged):
    def fill(values, hu):
        hu[values == 0] = hu_there

    expected = [("contrast_in_canal", None)] if is_flagged else []
    assert found(column([USUAL] * 4), fill) == expected


def test_one_bright_place_behind_one_of_several_bodies_is_no_contrast_medium():
    def fill(values, hu):
        rows = np.flatnonzero((values == 21).any(axis=(1, 2)))
        part = hu[rows[0] : rows[-1]]
        part[values[rows[0] : rows[-1]] == 0] = 400.0

    assert found(column([USUAL] * 4), fill) == []


def test_contrast_medium_that_masks_include_is_seen_as_well():
    def leak(values, hu):
        hu[values == 0] = 700.0
        values[:, :, ::3] = np.where(values[:, :, ::3] == 0, 21, values[:, :, ::3])

    assert ("contrast_in_canal", None) in found(column([USUAL] * 4), leak)
