import numpy as np
import pytest

from versectl.geometry import Grid
from versectl.stages import heatmap

GRID = Grid((21, 17, 25), (2.0, 3.0, 1.5), (-10.0, 5.0, 100.0))


def test_a_gaussian_is_one_at_its_point_and_falls_with_the_distance_in_mm():
    at_voxel = GRID.to_mm([10, 8, 12])
    drawn = heatmap.gaussian(at_voxel, 6.0, GRID)
    assert drawn.shape == (25, 17, 21)
    assert drawn[12, 8, 10] == pytest.approx(1.0)
    assert drawn[12, 8, 13] == pytest.approx(np.exp(-0.5))  # 3 voxels of 2 mm
    assert drawn[12, 10, 10] == pytest.approx(np.exp(-0.5))  # 2 voxels of 3 mm
    assert drawn[16, 8, 10] == pytest.approx(np.exp(-0.5))  # 4 voxels of 1.5 mm


def test_a_drawn_point_is_read_back_between_voxels():
    point_mm = np.array([3.3, 31.4, 117.9])
    drawn = heatmap.gaussian(point_mm, 5.0, GRID)
    (peak,) = heatmap.peaks(drawn, 0.5)
    assert GRID.to_mm(heatmap.refine(drawn, peak)[::-1]) == pytest.approx(point_mm, abs=0.01)


def test_two_points_give_two_peaks_the_stronger_first():
    strong_mm, weak_mm = GRID.to_mm([4, 4, 4]), GRID.to_mm([16, 12, 20])
    drawn = heatmap.gaussian(strong_mm, 4.0, GRID) + 0.6 * heatmap.gaussian(weak_mm, 4.0, GRID)
    assert heatmap.peaks(drawn, 0.3).tolist() == [[4, 4, 4], [20, 12, 16]]
    assert heatmap.peaks(drawn, 0.7).tolist() == [[4, 4, 4]]


def test_a_plateau_is_one_peak_and_nothing_is_none():
    flat = np.zeros((6, 7, 8))
    assert heatmap.peaks(flat, 0.1).shape == (0, 3)
    flat[2:4, 3, 3] = 1.0
    assert len(heatmap.peaks(flat, 0.1)) == 1


def test_peaks_are_found_in_every_corner():
    heat = np.zeros((6, 7, 8), np.float32)
    corners = [[0, 0, 0], [5, 6, 7], [0, 6, 7], [3, 0, 7]]
    for strength, corner in enumerate(corners, 1):
        heat[tuple(corner)] = strength
    assert heatmap.peaks(heat, 0.5).tolist() == corners[::-1]


def test_a_peak_at_the_rim_stays_there():
    drawn = heatmap.gaussian(GRID.to_mm([0, 8, 24]), 5.0, GRID)
    assert heatmap.refine(drawn, np.array([24, 8, 0])).tolist() == [24.0, 8.0, 0.0]


def test_the_center_of_mass_ignores_faint_noise_far_away():
    drawn = heatmap.gaussian(GRID.to_mm([6, 5, 8]), 4.0, GRID)
    drawn[-1, -1, -1] = 0.2
    assert heatmap.center_of_mass(drawn, GRID) == pytest.approx(GRID.to_mm([6, 5, 8]), abs=0.1)
