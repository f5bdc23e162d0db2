import json

import pytest

from versectl import config
from versectl.errors import WeightsError


@pytest.mark.parametrize("stage", config.STAGES)
def test_a_configuration_survives_json(stage):
    stored = json.loads(json.dumps(config.to_json(config.DEFAULT[stage])))
    assert config.from_json(stored) == config.DEFAULT[stage]


def test_an_unknown_field_is_named():
    stored = config.to_json(config.DEFAULT["spine"])
    stored["network"]["depth"] = 5
    with pytest.raises(WeightsError, match="depth"):
        config.from_json(stored)


@pytest.mark.parametrize("stage", config.STAGES)
def test_boxes_can_be_halved_as_often_as_the_network_does(stage):
    chosen = config.DEFAULT[stage]
    assert all(n % chosen.network.divisor == 0 for n in chosen.size_vox)
