from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from versectl import config
from versectl.config import NetworkConfig
from versectl.networks import architectures

UNET = NetworkConfig("unet", inputs=2, outputs=3, filters=(3, 4))
SCNET = NetworkConfig("scnet", inputs=1, outputs=5, filters=(3, 4), spatial_filters=4)


def test_a_unet_answers_on_the_grid_of_the_image_whatever_its_size():
    network = architectures.build(UNET)
    for shape in ((8, 12, 16), (4, 8, 20)):
        out = ops.convert_to_numpy(network(np.zeros((1, *shape, 2), np.float32)))
        assert out.shape == (1, *shape, 3)


def test_an_scnet_answers_heatmaps_whose_sum_stays_below_one_on_the_grid_of_patches():
    network = architectures.build(SCNET)
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.3, w.shape) for w in network.get_weights()])
    image = rng.normal(size=(1, 8, 12, 16, 1)).astype(np.float32)
    heat = np.exp(ops.convert_to_numpy(network(image)))
    assert heat.shape == (1, 4, 6, 8, 5)
    local = architectures.keras.Model(network.input, ops.sigmoid(network.get_layer("local").output))
    assert heat.sum(axis=-1) == pytest.approx(ops.convert_to_numpy(local(image))[..., 0], abs=1e-5)


def test_folding_puts_the_voxels_of_a_patch_into_channels_and_unfolding_takes_them_out():
    image = np.arange(4 * 6 * 8 * 2, dtype=np.float32).reshape(1, 4, 6, 8, 2)
    folded = ops.convert_to_numpy(architectures.Fold(2)(image))
    assert folded.shape == (1, 2, 3, 4, 16)
    assert sorted(folded[0, 1, 2, 3]) == sorted(image[0, 2:, 4:, 6:].ravel())
    assert np.array_equal(ops.convert_to_numpy(architectures.Unfold(2)(folded)), image)


def test_a_patch_of_one_voxel_changes_nothing():
    image = np.random.default_rng(0).random((1, 2, 3, 4, 5)).astype(np.float32)
    assert np.array_equal(ops.convert_to_numpy(architectures.Fold(1)(image)), image)


def test_the_published_form_without_patches_can_be_built():
    plain = architectures.build(replace(UNET, patch_vox=1))
    assert ops.convert_to_numpy(plain(np.zeros((1, 6, 4, 8, 2), np.float32))).shape == (
        1,
        6,
        4,
        8,
        3,
    )


@pytest.mark.parametrize("stage", config.STAGES)
def test_the_default_networks_stay_small(stage):
    count = architectures.build(config.DEFAULT[stage].network).count_params()
    assert count < 5e6  # 20 MB in float32; all weights together must stay under 60 MB


@pytest.mark.parametrize("kind", architectures.KINDS)
def test_every_layer_is_told_what_it_computes_in(kind):
    config_of_kind = replace(SCNET, kind=kind, filters=(2, 2, 2), patch_vox=1 + (kind == "scnet"))
    keras.config.set_dtype_policy("mixed_float16")  # as another part of a program may
    try:
        layers = architectures.build(config_of_kind, "bfloat16").layers
    finally:
        keras.config.set_dtype_policy("float32")
    types = {layer.name: layer.compute_dtype for layer in layers if layer.name != "image"}
    assert set(types.values()) == {"bfloat16", "float32"}
    heads = {name for name in types if name in ("logits", "local", "spatial", "names")}
    assert {types[name] for name in heads} == {"float32"}
