"""Lattices along the world's axes."""

import itertools

import numpy as np
import pytest

from versectl import geometry
from versectl.geometry import Grid


def test_a_grid_round_a_centre_has_it_in_its_middle():
    grid = geometry.Grid.centered((1.0, 2.0, 3.0), (4, 5, 6), (0.5, 1.0, 2.0))
    assert grid.shape == (6, 5, 4)
    assert (np.array(grid.origin_mm) + grid.last_mm) / 2 == pytest.approx([1.0, 2.0, 3.0])
    assert grid.contains((1.0, 2.0, 3.0))
    assert not grid.contains((1.0, 2.0, 9.1))


def test_a_coarsened_grid_has_its_voxels_in_the_middle_of_those_it_merges():
    grid = geometry.Grid((97, 40, 128), (2.0, 1.5, 3.0), (-8.0, 3.0, 70.0))
    coarse = grid.coarsened(2)
    assert coarse.size_vox == (48, 20, 64)
    assert coarse.to_mm([0, 0, 0]) == pytest.approx(grid.to_mm([0.5, 0.5, 0.5]))
    assert coarse.to_mm([47, 19, 63]) == pytest.approx(grid.to_mm([94.5, 38.5, 126.5]))


def test_a_grid_holds_the_points_that_an_image_on_it_holds():
    grid = Grid((5, 6, 7), (0.7, 1.1, 2.9), (-13.3, 41.7, 205.1))
    image = geometry.from_array(np.zeros(grid.shape, np.uint8), grid)
    for at_vox in itertools.product((-0.51, -0.5, 4.49, 4.5, 4.51), (-0.5, 5.5), (0.0, 6.5)):
        point_mm = grid.to_mm(at_vox)
        assert grid.contains(point_mm) == geometry.contains(image, point_mm)
        assert grid.contains(point_mm) == (-0.5 <= at_vox[0] <= 4.5)
