import numpy as np
import pytest

from versectl.geometry import Grid
from versectl.synth.bodies.shapes import Canvas, Frame, Solid, fill, scaled_world


def test_points_of_the_left_side_are_scaled_and_mirrored_before_they_are_placed():
    turned = Frame(np.array([10.0, 20.0, 30.0]), np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]))
    world = scaled_world(turned, np.array([-2.0, 3.0, 0.5]))
    assert world((1, 0, 0), (1, 1, 4)) == pytest.approx(np.array([[10, 18, 30], [7, 18, 32]]))


def test_a_solid_fills_what_it_may_replace_and_nothing_else():
    grid = Grid((9, 7, 5), (1.0, 2.0, 3.0), (-4.0, -6.0, -6.0))
    structures = np.zeros(grid.shape, np.uint8)
    structures[:, :, 6:] = 3
    structures[:, :, 8:] = 4
    frame = Frame(np.zeros(3), np.eye(3))
    column = Solid(frame, (5, 5, 2), lambda p: np.hypot(p[0], p[1]) + 0 * p[2] - 5)
    everywhere, over = Canvas(structures.copy(), grid), Canvas(structures.copy(), grid)
    fill(everywhere, 9, column)
    fill(over, 9, column, (0, 3))
    inside = everywhere.structures == 9
    assert inside[2, 3].all()
    assert not inside[0].any()  # beyond the box
    assert np.array_equal(over.structures == 9, inside & (structures != 4))
