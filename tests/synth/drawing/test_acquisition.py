import numpy as np
import pytest

from versectl.synth.drawing import acquisition
from versectl.synth.drawing.texture import Sampling


def test_thick_slices_average_along_their_axis():
    matrix = acquisition._slices(40, 5.0, 0.3)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    stripes = np.arange(40) % 2
    assert (matrix @ stripes).std() < 0.1 * stripes.std()
    assert np.array_equal(acquisition._slices(7, 0.9, 0.5), np.eye(7, dtype=np.float32))


def test_rings_depend_on_the_distance_from_one_axis_in_mm():
    rng = np.random.default_rng(2)
    square = acquisition._rings(
        (60, 120), Sampling(np.array([1.0, 2.0, 1.0]), np.random.default_rng(2))
    )
    axis_mm = rng.normal(0, 60, 2)
    y, x = (np.arange(60) - 30) * 2.0 - axis_mm[0], (np.arange(120) - 60) * 1.0 - axis_mm[1]
    radius_mm = np.hypot(y[:, None], x)
    order = np.argsort(radius_mm, axis=None)
    near = np.abs(np.diff(square.ravel()[order]))
    assert near.max() < 3 * np.std(square)
    assert np.median(near) < 0.1 * np.std(square)
    assert 2 < np.std(square) < 60


def test_a_lung_kernel_makes_an_edge_overshoot(monkeypatch):
    step = np.full((24, 24, 24), 40, np.float32)
    step[:, :, 12:] = 500
    beyond = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(acquisition, "LUNG_KERNEL", share)
        seen = [
            acquisition.acquire(step, Sampling(np.ones(3), np.random.default_rng(seed)))
            for seed in range(30)
        ]
        profiles = [image.mean(axis=(0, 1)) for image in seen]
        beyond[share] = np.median([p[12:15].max() - np.median(p[16:22]) for p in profiles])
    assert beyond[1.0] > beyond[0.0] + 20
