import gc
import json
import pickle
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from versectl import config
from versectl.errors import WeightsError
from versectl.networks import architectures, loading, weights

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


def test_nothing_is_drawn_for_weights_that_are_loaded(folder, monkeypatch):
    """JAX would compile a program for each kernel drawn: half a minute for the default weights."""

    def drawn(*_given, **_named):
        raise AssertionError("drawn at random")

    for kind in ("HeNormal", "TruncatedNormal", "GlorotUniform"):
        monkeypatch.setattr(getattr(keras.initializers, kind), "__call__", drawn)
    assert weights.load(folder, "spine").answer(np.ones((4, 4, 4, 1), np.float32)).any()


def test_the_weights_of_a_clone_are_found_without_installing_it():
    assert weights.default_folder() == Path(__file__).parents[2] / "weights"


def test_a_flipped_byte_is_noticed(folder):
    file = folder / "spine.weights.h5"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"h5 does not match spine.json .*--resume"):
        weights.load(folder, "spine")


def test_weights_are_replaced_only_when_both_files_are_whole(folder, monkeypatch):
    """Who reads meanwhile, or after a crash, finds the former ones."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = architectures.build(TINY.network)

    def fails(*_):
        raise OSError("no space left")

    monkeypatch.setattr(weights.config, "to_json", fails)
    with pytest.raises(OSError, match="no space"):
        weights.save(other, TINY, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


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


def test_a_description_with_an_unknown_field_is_named(folder):
    settings = folder / "spine.json"
    content = json.loads(settings.read_text())
    content["config"]["treshold"] = 0.1
    settings.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=r"spine\.json does not .*field treshold\); get"):
        weights.describe(folder, "spine")


def test_a_broken_description_is_refused(folder):
    (folder / "spine.json").write_text("{")
    with pytest.raises(WeightsError, match="does not describe weights"):
        weights.load(folder, "spine")


@pytest.mark.parametrize("stage", config.STAGES)
def test_the_default_weights_are_whole(stage):
    model = weights.load(None, stage)
    assert model.config.stage == stage


def state():
    """What Keras holds for all of a program's networks."""
    return (
        keras.config.dtype_policy().name,
        keras.config.floatx(),
        keras.config.image_data_format(),
        keras.config.epsilon(),
        keras.backend.backend(),
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_computes_in_its_own_precision_whatever_keras_is_set_to(folder, precision):
    before = state()
    network = weights.load_network(folder, "spine", precision)
    assert state() == before
    assert network.get_layer("down0_0").compute_dtype == precision
    assert network.get_layer("logits").compute_dtype == "float32"
    assert {str(variable.dtype) for variable in network.weights} == {"float32"}
    keras.config.set_dtype_policy("mixed_bfloat16")  # as another part of a program may
    try:
        again = weights.load_network(folder, "spine", precision)
    finally:
        keras.config.set_dtype_policy("float32")
    seen = np.random.default_rng(1).normal(size=(1, 8, 4, 12, 1)).astype(np.float32)
    assert np.array_equal(np.asarray(network(seen)), np.asarray(again(seen)))


def test_a_network_is_traced_once_for_inputs_of_all_sizes(folder, monkeypatch):
    answer = weights.load(folder, "spine").answer
    traces, call = [], architectures.Fold.call
    monkeypatch.setattr(
        architectures.Fold, "call", lambda self, x: traces.append(1) or call(self, x)
    )
    for size_vox in (4, 8, 12, 16):
        assert answer(np.zeros((size_vox, 8, 4, 1), np.float32)).shape[0] == size_vox
    assert len(traces) == 1


def test_fast_models_are_fast_in_another_process_and_find_the_spine_as_ever(folder):
    fast = loading.Models(folder, device="cpu", fast=True)
    assert fast.identity("spine") == loading.Models(folder, device="cpu").identity("spine")
    again = pickle.loads(pickle.dumps(fast))
    assert again.fast
    assert again.identity("spine") == fast.identity("spine")


def test_models_of_a_relative_folder_are_found_from_every_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    sent = pickle.dumps(loading.Models(folder.relative_to(folder.parent)))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(sent).identity("spine") == loading.Models(folder).identity("spine")


def test_models_are_loaded_once_and_freed_with_their_provider(folder):
    models = loading.Models(folder, device="cpu", precision="float32")
    assert models.model("spine") is models.model("spine")
    copy = pickle.loads(pickle.dumps(models))
    assert copy == models
    assert copy.model("spine") is not models.model("spine")  # another process loads its own
    held = weakref.ref(models.model("spine").answer)
    models.model("spine").answer(np.zeros((8, 8, 8, 1), np.float32))
    del models
    gc.collect()
    assert held() is None


def test_a_lack_of_memory_while_loading_ahead_is_raised_at_use_alone(folder, monkeypatch):
    def full(*_given):
        raise MemoryError

    monkeypatch.setattr(weights, "load", full)
    models = loading.Models(folder, device="cpu", precision="float32")
    before = set(threading.enumerate())
    models.load_ahead(("spine",))
    for thread in set(threading.enumerate()) - before:
        thread.join()
    with pytest.raises(MemoryError):
        models.model("spine")


def test_models_load_ahead_in_another_thread_and_errors_are_raised_at_use(folder, monkeypatch):
    loaded, load = [], weights.load

    def watched(folder, stage, ready):
        loaded.append((stage, threading.current_thread() is threading.main_thread()))
        return load(folder, stage, ready)

    monkeypatch.setattr(weights, "load", watched)
    models = loading.Models(folder, device="cpu", precision="float32")
    before = set(threading.enumerate())
    models.load_ahead(("spine", "vertebrae"))  # the folder holds no vertebrae
    for thread in set(threading.enumerate()) - before:
        thread.join()
    assert loaded == [("spine", False), ("vertebrae", False)]
    assert models.model("spine").config == TINY
    assert len(loaded) == 2
    with pytest.raises(WeightsError, match="missing"):
        models.model("vertebrae")
