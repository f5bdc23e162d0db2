"""How the benchmarks decide whether levels are right."""

import numpy as np
import pytest

from benchmarks.accuracy import levels
from versectl import geometry
from versectl.geometry import Grid
from versectl.labels import NUMBERS


def at(height_mm, x=3.0, y=-7.0):
    return np.array([x, y, height_mm])


def named(**heights_mm):
    return {NUMBERS[name]: at(height_mm) for name, height_mm in heights_mm.items()}


#: Head to foot, unequal distances.
TRUTH = named(T10=90.0, T11=64.0, L1=-10.0, L2=-46.0)


def judged(**heights_mm):
    right = levels.judged(named(**heights_mm), TRUTH)
    return [right[NUMBERS[name]] for name in heights_mm]


def test_every_label_in_its_place_is_right():
    assert judged(T10=93.0, T11=60.0, L1=-5.0, L2=-46.0) == [True] * 4


def test_labels_one_level_off_are_all_wrong():
    assert judged(T9=90.0, T10=64.0, T12=-10.0, L1=-46.0) == [False] * 4


def test_of_two_places_of_a_vertebra_the_farther_one_must_fit_between_its_neighbours():
    assert judged(T10=90.0, T11=80.0) == [True, False]


def test_a_place_beyond_the_truth_is_right_if_it_continues_the_labels():
    assert judged(T9=116.0, T10=90.0, L2=-46.0, L3=-84.0) == [True] * 4
    assert judged(T8=116.0, L4=-84.0) == [True, True]
    assert judged(T12=116.0, L1=-84.0) == [False, False]


def test_a_place_that_fills_a_gap_is_right_but_t12_and_t13_are_not():
    truth = named(T8=150.0, T10=100.0)
    assert levels.judged(named(T9=125.0), truth) == {NUMBERS["T9"]: True}
    assert judged(T12=28.0) == [False]
    assert judged(T13=28.0) == [False]


def test_all_are_found_only_if_each_has_its_label_within_20_mm():
    moved = {label: center_mm + [0, 0, 19.0] for label, center_mm in TRUTH.items()}
    assert levels.all_found(moved, TRUTH)
    assert not levels.all_found(moved | named(L2=-25.0), TRUTH)
    assert not levels.all_found({NUMBERS["T10"]: at(90.0)}, TRUTH)


def test_pieces_are_all_windows_cut_midway_to_the_next_vertebra():
    heights_mm = [100.0, 80.0, 55.0, 25.0]
    truth = dict(zip(range(8, 12), map(at, heights_mm), strict=True))
    grid = Grid((7, 9, 141), (2.0, 1.5, 1.0), (0.0, -10.0, 0.0))
    ct = geometry.from_array(np.zeros(grid.shape, np.int16), grid)
    made = {name: (image, part) for name, image, part in levels.pieces(ct, truth)}
    assert list(made) == ["T1-3", "T2-3"]
    for name, kept, low_mm, high_mm in (
        ("T1-3", [8, 9, 10], 40, 140),
        ("T2-3", [9, 10, 11], 0, 90),
    ):
        image, part = made[name]
        low, high = geometry.extent(image)
        assert list(part) == kept
        assert (low[2], high[2]) == (low_mm, high_mm)
        assert (low[:2] == grid.origin_mm[:2]).all()


def run(name, right, confidence, probability=0.9, flagged=False):
    return levels.Run(name, NUMBERS["T5"], right, confidence, probability, all(right), flagged)


def test_the_calibration_error_is_the_mean_gap_of_the_bins():
    runs = [run("a", [True, True, False], [0.95, 0.95, 0.95]), run("b", [False], [0.15])]
    assert levels.reliability(runs) == pytest.approx((3 * (0.95 - 2 / 3) + 0.15) / 4)


def test_the_table_names_what_is_wrong_without_a_flag_once():
    runs = [
        run("right", [True], [0.9]),
        run("silent", [False], [0.8]),
        run("flagged", [False], [0.4], flagged=True),
        run("doubted", [True], [0.5], flagged=True),
    ]
    *_, whole, all_runs, silent = levels.table({"some": runs[:2], "all": runs})
    assert whole.startswith("| some | 2 | 1 | 1 (50.0%) | 0 (0.0%) |")
    assert all_runs.startswith("| all | 4 | 2 | 1 (25.0%) | 1 (25.0%) | 0.500 |")
    assert silent.strip() == "Wrong without a flag: silent."


def test_pieces_are_grouped_by_where_they_begin():
    below, above = run("x", [True], [0.9]), run("y", [True], [0.9])
    below = levels.Run("x", NUMBERS["T9"], below.right, below.confidence, 0.9, True, False)
    groups = levels.grouped([], [below, above])
    assert groups["pieces that begin at T9 or below"] == [below]
    assert groups["pieces that begin above"] == [above]


def test_a_vertebra_whose_mask_is_cut_to_its_processes_has_no_true_centre():
    centers_mm = named(T2=0.0, T3=-20.0)
    assert list(levels.without_cut("totalseg_s0003", centers_mm)) == [NUMBERS["T2"]]
    assert levels.without_cut("another", centers_mm) == centers_mm
