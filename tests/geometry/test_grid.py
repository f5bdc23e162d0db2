"""Lattices along the world's axes."""

import numpy as np
import pytest

from versectl import geometry


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
