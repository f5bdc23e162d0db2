import numpy as np
import pytest

from versectl import augment
from versectl.augment import Ranges
from versectl.volume import Grid

GRID = Grid((24, 30, 20), (2.0, 1.5, 3.0), (-20.0, 7.0, 100.0))


def test_the_same_generator_gives_the_same_distortion_and_the_global_one_is_untouched():
    before = np.random.get_state()[1].copy()
    one, other = (augment.sample(np.random.default_rng(4), GRID, Ranges()) for _ in range(2))
    assert np.array_equal(one.matrix, other.matrix)
    assert np.array_equal(one.bumps_mm, other.bumps_mm)
    assert np.array_equal(np.random.get_state()[1], before)


def test_no_range_is_no_distortion():
    still = augment.sample(np.random.default_rng(0), GRID, Ranges(0.0, 0.0, 0.0, flips=False))
    where = augment.sources_mm(still, GRID)
    assert where[:, 3, 4, 5] == pytest.approx(GRID.to_mm([5, 4, 3]), abs=1e-3)
    assert where[:, 19, 29, 23] == pytest.approx(GRID.last_mm, abs=1e-3)


def test_points_go_where_the_voxels_they_come_from_are():
    warp = augment.sample(np.random.default_rng(11), GRID, Ranges())
    where = augment.sources_mm(warp, GRID)
    voxels = [(3, 4, 5), (12, 20, 9), (20, 10, 15)]
    sources = np.array([where[:, z, y, x] for x, y, z in voxels], float)
    back = augment.distorted_mm(warp, sources)
    assert back == pytest.approx(GRID.to_mm(np.array(voxels)), abs=0.01)


def test_a_mirrored_distortion_turns_left_and_right_round_the_middle():
    for seed in range(20):
        warp = augment.sample(np.random.default_rng(seed), GRID, Ranges(0.0, 0.0, 0.0))
        left = warp.middle_mm + np.array([10.0, 0.0, 0.0])
        moved = augment.distorted_mm(warp, left[None])[0] - warp.middle_mm
        assert abs(moved[0]) == pytest.approx(10.0, abs=0.01)
        if moved[0] < 0:
            return
    pytest.fail("none of 20 distortions mirrored")


def test_the_bumps_are_smooth_and_as_large_as_asked():
    warp = augment.sample(np.random.default_rng(2), GRID, Ranges(0.0, 0.0, 5.0, flips=False))
    still = augment.sample(np.random.default_rng(2), GRID, Ranges(0.0, 0.0, 0.0, flips=False))
    bump = augment.sources_mm(warp, GRID) - augment.sources_mm(still, GRID)
    assert 0.5 < np.abs(bump).max() <= 5.0
    assert max(np.abs(np.diff(bump, axis=a)).max() for a in (1, 2, 3)) < 2.0


def test_a_squeezed_scan_shows_a_body_at_up_to_a_third_of_its_width():
    widths = [
        augment.sample(
            np.random.default_rng(seed), GRID, Ranges(0, 0, 0, False, squeezed=1.0)
        ).matrix
        for seed in range(40)
    ]
    ratios = np.array([np.diag(matrix) for matrix in widths])
    assert np.all(ratios[:, 1:] == 1)
    assert ratios[:, 0].min() < 1.5
    assert 2.8 < ratios[:, 0].max() <= augment.MOST_SQUEEZED
