import numpy as np
import pytest

from versectl.geometry import separable


def test_places_between_voxels_are_read_in_proportion_and_beyond_the_ends_the_last_counts():
    matrix = separable.read_at(np.array([-0.4, 0.0, 1.25, 2.0, 2.4]), np.eye(3, dtype=np.float32))
    expected = [[1, 0, 0], [1, 0, 0], [0, 0.75, 0.25], [0, 0, 1], [0, 0, 1]]
    assert matrix == pytest.approx(np.array(expected))


def test_a_single_voxel_is_read_everywhere():
    alone = np.ones((1, 1), np.float32)
    assert separable.read_at(np.array([0.0, 0.3]), alone).tolist() == [[1], [1]]


def test_what_is_read_is_smoothed_first():
    smooths = np.array([[0.5, 0.5, 0], [0.25, 0.5, 0.25], [0, 0.5, 0.5]], np.float32)
    matrix = separable.read_at(np.array([1.5, 0.0]), smooths)
    assert matrix.tolist() == [[0.125, 0.5, 0.375], [0.5, 0.5, 0.0]]


def test_a_smoothed_impulse_is_a_gaussian_of_that_width():
    column = separable.smoothing(61, 0.5, 2.0)[:, 30]
    at_mm = (np.arange(61) - 30) * 0.5
    assert column.sum() == pytest.approx(1, abs=1e-4)
    wanted = np.exp(-0.5 * (at_mm / 2.0) ** 2)
    assert column == pytest.approx(wanted / wanted.sum(), abs=1e-3)


def test_too_few_voxels_and_a_width_of_0_are_left_as_they_are():
    assert np.array_equal(separable.smoothing(3, 1.0, 2.0), np.eye(3))
    assert np.array_equal(separable.smoothing(9, 1.0, 0.0), np.eye(9))


def test_a_volume_goes_through_a_matrix_per_axis_in_parts(monkeypatch):
    rng = np.random.default_rng(4)
    volume = rng.integers(-2000, 2000, (7, 5, 6)).astype(np.int16)
    matrices = tuple(
        rng.normal(size=(m, n)).astype(np.float32) for m, n in ((3, 7), (8, 5), (4, 6))
    )
    raised = np.maximum(volume, -1024).astype(np.float32)
    wanted = np.einsum("ai,bj,ck,ijk->abc", *matrices, raised, optimize=True)
    monkeypatch.setattr(separable, "AT_ONCE_VOX", 61)
    found = separable.through(volume, matrices, -1024.0)
    assert found == pytest.approx(wanted, rel=1e-3, abs=0.1)
    assert found.dtype == np.float32
