import json
from dataclasses import replace

import numpy as np
import pytest

from versectl import config
from versectl.errors import WeightsError
from versectl.networks import architectures, weights

TINY = replace(
    config.DEFAULT["spine"],
    size_vox=(8, 8, 8),
    network=config.NetworkConfig("unet", inputs=1, outputs=1, filters=(2, 3)),
)


@pytest.fixture
def folder(tmp_path):
    weights.save(architectures.build(TINY.network), TINY, tmp_path)
    return tmp_path


def test_saved_weights_answer_the_same_when_loaded(tmp_path):
    network = architectures.build(TINY.network)
    rng = np.random.default_rng(1)
    network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
    weights.save(network, TINY, tmp_path)
    model = weights.load(tmp_path, "spine")
    seen = rng.normal(size=(8, 4, 12, 1)).astype(np.float32)
    assert model.config == TINY
    assert model.answer(seen) == pytest.approx(network.predict_on_batch(seen[None])[0], abs=1e-5)


def test_a_flipped_byte_is_noticed(folder):
    file = folder / "spine.weights.h5"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        weights.load(folder, "spine")


def test_a_missing_file_is_named(folder):
    (folder / "spine.weights.h5").unlink()
    with pytest.raises(WeightsError, match=r"spine\.weights\.h5 is missing"):
        weights.load(folder, "spine")


def test_weights_that_do_not_fit_their_configuration_are_refused(folder):
    settings = folder / "spine.json"
    content = json.loads(settings.read_text())
    content["config"]["network"]["filters"] = [4, 5]
    settings.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="does not fit"):
        weights.load(folder, "spine")


def test_a_broken_description_is_refused(folder):
    (folder / "spine.json").write_text("{")
    with pytest.raises(WeightsError, match="no description"):
        weights.load(folder, "spine")


@pytest.mark.parametrize("stage", config.STAGES)
def test_the_default_weights_are_whole(stage):
    model = weights.load(None, stage)
    assert model.config.stage == stage
