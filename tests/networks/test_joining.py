"""Convolutions of two levels' features against Keras' own, of the features joined."""

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from versectl.config import NetworkConfig
from versectl.networks import architectures, joining

CHANNELS = {"channels_last": -1, "channels_first": 1}


@pytest.fixture
def levels():
    """Lopsided features of a fine and a coarse level, channels last."""
    rng = np.random.default_rng(0)
    fine, coarse = rng.normal(size=(2, 6, 4, 10, 3)), rng.normal(size=(2, 3, 2, 5, 4))
    return fine.astype(np.float32), coarse.astype(np.float32)


@pytest.fixture(params=["merged", "joined"])
def way(request, monkeypatch):
    """Both ways of computing, whatever the engine prefers."""
    engines = (keras.config.backend(),) if request.param == "merged" else ()
    monkeypatch.setattr(joining, "TRANSPOSING", engines)


def by_keras(levels, weights):
    """The answer of Keras' convolution after repeating and joining."""
    fine, coarse = levels
    for axis in (1, 2, 3):
        coarse = coarse.repeat(2, axis)
    plain = layers.Conv3D(5, 3, padding="same")
    plain.build((None, None, None, None, 7))
    plain.set_weights(weights)
    return ops.convert_to_numpy(plain(np.concatenate([fine, coarse], axis=-1)))


def drawn(layer):
    """The layer's weights, and random ones that it is given."""
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer.get_weights()


def test_the_answer_is_that_of_the_joined_features_up_to_every_border(levels, way):
    layer = joining.Conv3D(5, 3, padding="same")
    layer(levels)
    wanted = by_keras(levels, drawn(layer))
    assert ops.convert_to_numpy(layer(levels)) == pytest.approx(wanted, abs=1e-4)


def test_channels_may_come_first(levels, way):
    if keras.config.backend() == "tensorflow":
        pytest.skip("TensorFlow has no such convolutions on a CPU")
    layer = joining.Conv3D(5, 3, padding="same", data_format="channels_first")
    first = tuple(np.moveaxis(each, -1, 1) for each in levels)
    layer(first)
    wanted = np.moveaxis(by_keras(levels, drawn(layer)), -1, 1)
    assert ops.convert_to_numpy(layer(first)) == pytest.approx(wanted, abs=1e-4)


def test_merged_weights_are_sums_of_float32(levels, way):
    half = joining.Conv3D(5, 3, padding="same", dtype="mixed_bfloat16")
    half(levels)
    wanted = by_keras(levels, drawn(half))
    answer = half(levels)
    assert keras.backend.standardize_dtype(answer.dtype) == "bfloat16"
    found = ops.convert_to_numpy(ops.cast(answer, "float32"))
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_files_of_weights_are_those_of_networks_that_join(tmp_path):
    config = NetworkConfig("unet", inputs=1, outputs=1, filters=(2, 3))
    network = architectures.build(config)
    network.save_weights(tmp_path / "new.weights.h5")
    with h5py.File(tmp_path / "new.weights.h5") as file:
        shapes = [file[f"layers/conv3d_{i}/vars/0"].shape for i in range(1, 7)]
    assert [shape[3:] for shape in shapes] == [(2, 2), (2, 3), (3, 3), (5, 2), (2, 2), (2, 8)]
