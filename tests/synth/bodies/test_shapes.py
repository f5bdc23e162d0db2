import numpy as np
import pytest

from versectl.synth.bodies.shapes import Frame, scaled_world


def test_points_of_the_left_side_are_scaled_and_mirrored_before_they_are_placed():
    turned = Frame(np.array([10.0, 20.0, 30.0]), np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]))
    world = scaled_world(turned, np.array([-2.0, 3.0, 0.5]))
    assert world((1, 0, 0), (1, 1, 4)) == pytest.approx(np.array([[10, 18, 30], [7, 18, 32]]))
