import json
from dataclasses import fields, replace

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


@pytest.mark.parametrize("stage", config.STAGES)
def test_boxes_can_be_halved_as_often_as_the_network_does(stage):
    chosen = config.DEFAULT[stage]
    assert all(n % chosen.network.divisor == 0 for n in chosen.size_vox)
