from dataclasses import replace

import numpy as np
import pytest

from versectl.geometry import Grid
from versectl.synth.bodies import posture
from versectl.synth.bodies.build import sample_build
from versectl.synth.bodies.shapes import Canvas
from versectl.synth.bodies.skeleton import shoulders
from versectl.synth.bodies.structures import NUMBER


@pytest.fixture(scope="module")
def spine():
    return posture.sample(np.random.default_rng(3))


def test_an_arm_is_raised_on_its_own_side(spine):
    build = replace(sample_build(np.random.default_rng(1)), arms_up=(True, False))
    grid = Grid.centered(spine.centers_mm[8], (130, 80, 120), (4.0,) * 3)
    canvas = Canvas(np.zeros(grid.shape, np.uint8), grid)
    shoulders.paint(canvas, spine, build)
    left, right = (
        grid.to_mm(np.argwhere(canvas.structures == NUMBER[name])[:, ::-1])
        for name in ("humerus_left", "humerus_right")
    )
    assert left[:, 0].mean() > spine.centers_mm[8][0] > right[:, 0].mean()
    assert left[:, 2].mean() > right[:, 2].mean() + 100
