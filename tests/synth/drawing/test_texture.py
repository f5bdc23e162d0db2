import numpy as np
import pytest

from versectl.synth.drawing import texture
from versectl.synth.drawing.texture import Sampling


def test_noise_fields_have_unit_spread_and_the_width_asked_for():
    sampling = Sampling(np.array([1.0, 2.0, 4.0]), np.random.default_rng(0))
    field = texture.field((40, 60, 80), 12.0, sampling)
    assert field.std() == pytest.approx(1.0, abs=1e-3)
    steps = [np.abs(np.diff(field, axis=a)).mean() for a in (2, 1, 0)]
    assert steps[0] < steps[1] < steps[2]
