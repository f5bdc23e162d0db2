import json
from dataclasses import fields, replace

import numpy as np
import pytest

from versectl import config
from versectl.errors import WeightsError


@pytest.mark.parametrize("stage", config.STAGES)
def test_a_configuration_survives_json(stage):
    stored = json.loads(json.dumps(config.to_json(config.DEFAULT[stage])))
    assert config.from_json(stored) == config.DEFAULT[stage]


def test_weights_written_before_fields_were_renamed_load_unchanged():
    stage = config.RELEASED["vertebrae"]
    ranges = replace(stage.training.ranges, wrong_slice_spacing=0.12)
    wanted = replace(stage, training=replace(stage.training, ranges=ranges))
    stored = json.loads(json.dumps(config.to_json(wanted)))
    present = {now: before for before, now in config.FORMER_NAMES.items()}
    stored["training"]["ranges"] = {
        present.get(name, name): value for name, value in stored["training"]["ranges"].items()
    }
    assert {"squeezed", "tone_shift", "tone_scale"} < stored["training"]["ranges"].keys()
    assert config.from_json(stored) == wanted


def test_no_former_name_is_in_use_again():
    kinds = (config.NetworkConfig, config.Ranges, config.TrainingConfig, config.StageConfig)
    names = {field.name for kind in kinds for field in fields(kind)}
    assert not names & config.FORMER_NAMES.keys()
    assert set(config.FORMER_NAMES.values()) <= names


@pytest.mark.parametrize("wrong", [[], "text", {"training": 3, "network": {}}])
def test_what_is_no_configuration_is_refused(wrong):
    with pytest.raises(WeightsError, match="does not fit"):
        config.from_json(wrong)


def test_an_unknown_field_is_named():
    stored = config.to_json(config.DEFAULT["spine"])
    stored["network"]["depth"] = 5
    with pytest.raises(WeightsError, match="depth"):
        config.from_json(stored)


@pytest.mark.parametrize(
    ("part", "field", "words"),
    [
        ("network", "kind", "unet, scnet, scnet2019 or scnet2020"),
        ("network", "border", "zero, edge or renormalised"),
        ("training", "optimizer", "adam or nesterov"),
        ("training", "schedule", "cosine or constant"),
    ],
)
def test_a_word_that_is_none_of_a_fields_words_is_refused(part, field, words):
    stored = config.to_json(config.DEFAULT["spine"])
    stored[part][field] = "Adam"
    with pytest.raises(WeightsError, match=f"fit: {field} is 'Adam'; use {words}"):
        config.from_json(stored)


def test_words_are_checked_in_all_parts_of_a_configuration():
    stored = json.loads(json.dumps(config.to_json(config.DEFAULT["spine"])))
    with pytest.raises(WeightsError, match="stage is 'ribs'; use spine, vertebrae"):
        config.from_json(stored | {"stage": "ribs"})
    stored["training"]["ranges"]["spread"] = "meshes"
    with pytest.raises(WeightsError, match="spread is 'meshes'; use grid or mesh"):
        config.from_json(stored)


def test_a_preset_is_changed_in_what_is_given_alone():
    preset = config.PAPER["vertebrae"]
    assert config.configured("paper", "vertebrae") == preset
    changed = config.configured("paper", "vertebrae", steps=7, rate=0.5)
    expected = replace(preset.training, steps=7, learning_rate=0.5)
    assert changed == replace(preset, training=expected)
    assert config.configured("paper", "vertebrae", batch=3).training.batch == 3


@pytest.mark.parametrize("stage", config.STAGES)
def test_boxes_can_be_halved_as_often_as_the_network_does(stage):
    chosen = config.DEFAULT[stage]
    assert all(n % chosen.network.divisor == 0 for n in chosen.size_vox)


@pytest.mark.parametrize("stage", config.STAGES)
def test_fast_boxes_fit_the_network_and_lie_within_the_trained_one(stage):
    trained = config.DEFAULT[stage]
    fast = config.fast(trained)
    assert fast.size_vox == trained.size_vox  # training is not concerned
    assert bool(fast.boxes) == (stage == "segmentation")
    for box in fast.boxes:
        assert all(n % trained.network.divisor == 0 for n in box.size_vox)
        assert np.all(np.array(box.size_vox) * box.spacing_mm <= trained.size_vox)
    assert (fast == trained) == (stage == "spine")
    assert fast.looks_again == (stage == "spine")


def test_every_level_has_its_box_and_other_levels_the_trained_one():
    box = config.LevelBox(8, 28, (96, 96, 64), 0.9)
    chosen = replace(config.DEFAULT["segmentation"], boxes=(box,))
    for label in (8, 13, 19, 28):  # T1, T6, T12, T13
        assert (chosen.at(label).size_vox, chosen.at(label).spacing_mm) == ((96, 96, 64), 0.9)
    for label in (7, 20):  # C7, L1
        assert (chosen.at(label).size_vox, chosen.at(label).spacing_mm) == ((128, 128, 96), 1.0)


def test_the_boxes_of_a_level_come_in_turn_and_the_trained_one_last():
    fast = config.fast(config.DEFAULT["segmentation"])
    sizes = {label: [each.size_vox for each in fast.looks(label)] for label in (3, 15)}
    small, whole = (96, 96, 64), (128, 128, 96)
    assert sizes == {3: [small, whole, whole], 15: [small, whole]}
    assert [each.spacing_mm for each in fast.looks(3)] == [0.8, 0.8, 1.0]


def test_boxes_read_back_and_damaged_ones_are_refused():
    fast = config.fast(config.DEFAULT["segmentation"])
    content = json.loads(json.dumps(config.to_json(fast)))
    assert config.from_json(content) == fast
    assert config.fingerprint(fast) != config.fingerprint(config.DEFAULT["segmentation"])
    for boxes in ({}, [3], [{"first": 1}]):
        with pytest.raises(WeightsError):
            config.from_json({**content, "boxes": boxes})


def test_weights_of_another_box_keep_it_and_published_ones_are_refused():
    wide = replace(config.DEFAULT["segmentation"], size_vox=(144, 128, 96))
    assert config.fast(wide).boxes == wide.boxes
    assert config.fast(config.DEFAULT["segmentation"]).boxes[-1:] == wide.boxes  # tried last
    with pytest.raises(WeightsError, match="run without fast"):
        config.fast(config.PAPER["segmentation"])
