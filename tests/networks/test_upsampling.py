import numpy as np
import pytest
import reference
from keras import ops

from versectl.networks import upsampling


def enlarged(array, factor, kernel, border):
    layer = upsampling.Upsample(factor, kernel, border)
    return ops.convert_to_numpy(layer(array.astype(np.float32)))


@pytest.fixture
def lopsided():
    return np.random.default_rng(0).normal(size=(2, 3, 5, 4, 2))


def test_linear_upsampling_has_quarters_and_continues_the_edge():
    line = np.array([0.0, 4.0, 8.0]).reshape(1, 3, 1, 1, 1)
    fine = enlarged(line, 2, "linear", "edge")
    assert fine[0, :, 0, 0, 0] == pytest.approx([0, 1, 3, 5, 7, 8])
    assert np.array_equal(fine[0, :, 0, 0, 0], fine[0, :, 1, 1, 0])


def test_linear_upsampling_is_that_of_the_reference(lopsided):
    wanted = [reference.enlarged(one, reference.linear_matrix) for one in lopsided]
    assert enlarged(lopsided, 2, "linear", "edge") == pytest.approx(np.array(wanted), abs=1e-5)


@pytest.mark.parametrize("border", ["zero", "renormalised", "edge"])
def test_cubic_upsampling_is_that_of_the_reference(lopsided, border):
    wanted = [
        reference.enlarged(one, lambda size: reference.cubic_matrix(size, border))
        for one in lopsided
    ]
    assert enlarged(lopsided, 4, "cubic", border) == pytest.approx(np.array(wanted), abs=1e-5)


def test_cubic_upsampling_without_zeros_keeps_a_constant():
    flat = np.full((1, 3, 2, 4, 1), 7.0)
    for border in ("renormalised", "edge"):
        assert enlarged(flat, 4, "cubic", border) == pytest.approx(7.0, abs=1e-5)
    rim = enlarged(flat, 4, "cubic", "zero")[0, 0, 4, 8, 0]
    assert rim != pytest.approx(7.0, abs=0.1)


def test_a_renormalised_border_is_that_of_tensorflow(lopsided):
    tf = pytest.importorskip("tensorflow")

    image = lopsided[:, 0].astype(np.float32)  # (2, y, x, 2)
    wanted = tf.raw_ops.ResizeBicubic(images=image, size=[20, 16], half_pixel_centers=True)
    flat = np.repeat(image[:, None], 2, axis=1)
    fine = enlarged(flat, 4, "cubic", "renormalised")
    assert fine[:, 3] == pytest.approx(wanted.numpy(), abs=1e-5)


def test_the_borders_rule_counts_at_the_border_only(lopsided):
    """Where the border is far, all rules are one."""
    wide = np.tile(lopsided, (1, 4, 3, 3, 1))
    zero, edge = (
        enlarged(wide, 4, "cubic", border)[:, 8:-8, 8:-8, 8:-8] for border in ("zero", "edge")
    )
    assert zero == pytest.approx(edge, abs=1e-5)
