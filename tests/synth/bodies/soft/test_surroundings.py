import numpy as np
import pytest
from scipy import ndimage

from versectl.geometry import Grid
from versectl.synth.bodies.shapes import Canvas
from versectl.synth.bodies.soft import surroundings
from versectl.synth.bodies.structures import NUMBER


@pytest.mark.parametrize("seed", range(4))
def test_clothes_lie_over_the_skin_and_hide_nothing_of_the_body(seed):
    body = np.zeros((50, 30, 40), np.uint8)
    body[:, 10:22, 12:30] = NUMBER["muscle"]
    canvas = Canvas(body.copy(), Grid((40, 30, 50), (3.0,) * 3, (0.0,) * 3))
    surroundings.paint_clothing(canvas, np.random.default_rng(seed))
    clothes = canvas.structures == NUMBER["clothing"]
    assert clothes.any()
    assert np.array_equal(canvas.structures[~clothes], body[~clothes])
    away_mm = 3 * ndimage.distance_transform_edt(body == 0)[clothes]
    assert 3 < away_mm.min() <= away_mm.max() <= 3 + surroundings.LOOSEST_MM + 3
