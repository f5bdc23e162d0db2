"""The three calls on a phantom, with networks that know the scan only by what they see."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM, LPS, PIR, dice, draw, oblique

from versectl import geometry
from versectl.errors import BadInputError
from versectl.stages import pipeline
from versectl.types import Spine, Vertebra

ORIENTATIONS = {
    "as the world": LPS,
    "sagittal slices": PIR,
    "oblique": oblique(),
    "oblique sagittal": oblique(PIR, 21.0),
}


@pytest.mark.parametrize("direction", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_every_block_is_found_named_and_filled_on_the_scans_own_grid(direction, models):
    ct, truth = draw((1.7, 2.4, 1.3), direction)
    result = pipeline.run(ct, pipeline.with_models(models))
    assert list(result.vertebrae) == list(CENTERS_MM)
    for label, center_mm in CENTERS_MM.items():
        assert result.vertebrae[label].center_mm == pytest.approx(center_mm, abs=1.5)
        assert dice(result.label_map, truth, label) > 0.9
    assert result.label_map.GetPixelID() == sitk.sitkUInt8
    assert geometry.same_grid(result.label_map, ct)


def test_stages_hand_on_what_they_found(ct):
    asked = []

    def step(stage, _predict, _ct, *inputs):
        asked.append((stage, *inputs))
        return {
            "spine": Spine(np.array([1.0, 2.0, 3.0]), 0.5, None),
            "vertebrae": {20: Vertebra(np.array([4.0, 5.0, 6.0]), 0.7)},
        }.get(stage, "masks")

    assert pipeline.run(ct, step).label_map == "masks"
    assert [stage for stage, *_ in asked] == ["spine", "vertebrae", "segmentation"]
    assert asked[1][1].tolist() == [1.0, 2.0, 3.0]
    assert asked[2][1][20].tolist() == [4.0, 5.0, 6.0]


def test_a_scan_without_a_vertebra_is_bad_input(ct, models, monkeypatch):
    monkeypatch.setitem(pipeline.VERTEBRAE, "default", lambda *_: {})
    with pytest.raises(BadInputError, match="no vertebra"):
        pipeline.run(ct, pipeline.with_models(models))
