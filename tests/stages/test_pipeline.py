"""The three calls on a phantom, with networks that know the scan only by what they see."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM, LPS, PIR, dice, draw, oblique

from versectl import geometry
from versectl.config import STAGES
from versectl.io import case_files
from versectl.io.volume import CT
from versectl.stages import pipeline
from versectl.types import Known, Result, Spine, Vertebra, Vertebrae

ORIENTATIONS = {
    "as the world": LPS,
    "sagittal slices": PIR,
    "oblique": oblique(),
    "oblique sagittal": oblique(PIR, 21.0),
}


@pytest.mark.parametrize("direction", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_every_block_is_found_named_and_filled_on_the_scans_own_grid(direction, models):
    ct, truth = draw((1.7, 2.4, 1.3), direction)
    result = pipeline.run(ct, models)
    assert list(result.vertebrae) == list(CENTERS_MM)
    for label, center_mm in CENTERS_MM.items():
        assert result.vertebrae[label].center_mm == pytest.approx(center_mm, abs=1.5)
        assert dice(result.label_map, truth, label) > 0.9
    assert result.label_map.GetPixelID() == sitk.sitkUInt8
    assert geometry.same_grid(result.label_map, ct)


def test_what_is_known_is_not_computed(ct, label_map):
    """Without a single model."""
    spine = Spine(np.array([1.0, 2.0, 3.0]), 0.5)
    found = Vertebrae({20: Vertebra(np.array([4.0, 5.0, 6.0]), 0.7)})
    result = pipeline.run(ct, None, Known(spine, found, label_map))
    assert result == Result(spine, found, label_map)


def test_stages_hand_on_what_they_found(ct, models, monkeypatch):
    asked = []

    def find(_ct, center_mm, _model):
        asked.append(center_mm.tolist())
        return Vertebrae({20: Vertebra(CENTERS_MM[20] + 0.12345, 0.71234)})

    def fill(_ct, centers_mm, _model):
        asked.append(centers_mm)
        return "masks"

    monkeypatch.setitem(pipeline.VERTEBRAE, "default", find)
    monkeypatch.setitem(pipeline.SEGMENTATION, "default", fill)
    result = pipeline.run(ct, models)
    assert result.label_map == "masks"
    assert asked[0] == result.spine.center_mm.tolist()
    assert asked[1] == {20: result.vertebrae[20].center_mm}


def test_results_have_the_precision_of_their_files(ct, models, tmp_path):
    result = pipeline.run(ct, models)
    known = Known(result.spine, result.vertebrae, result.label_map)
    read = Known()
    for stage in STAGES:
        path = tmp_path / f"{stage}.nii.gz"
        case_files.write(known, stage, CT.of(ct), path)
        read = case_files.read(read, stage, CT.of(ct), path)
    assert read.spine.center_mm.tolist() == result.spine.center_mm.tolist()
    assert read.spine.peak == result.spine.peak
    for label, vertebra in result.vertebrae.items():
        assert read.vertebrae[label].center_mm.tolist() == vertebra.center_mm.tolist()


def nowhere(_ct, _model):
    return Spine(np.full(3, np.nan), 0.1)


def test_where_no_spine_is_in_view_nothing_is_found_and_no_further_network_runs(
    ct, models, monkeypatch
):
    monkeypatch.setitem(pipeline.SPINE, "default", nowhere)
    monkeypatch.setitem(pipeline.VERTEBRAE, "default", lambda *_: 1 / 0)
    monkeypatch.setitem(pipeline.SEGMENTATION, "default", lambda *_: 1 / 0)
    result = pipeline.run(ct, models)
    assert not result.spine.is_in_view
    assert dict(result.vertebrae) == {}
    assert geometry.same_grid(result.label_map, ct)
    assert result.label_map.GetPixelID() == sitk.sitkUInt8
    assert not geometry.to_array(result.label_map).any()


def test_a_spine_without_a_vertebra_gives_an_empty_result(ct, models, monkeypatch):
    monkeypatch.setitem(pipeline.VERTEBRAE, "default", lambda *_: Vertebrae({}))
    result = pipeline.run(ct, models)
    assert result.spine.is_in_view
    assert dict(result.vertebrae) == {}
    assert not geometry.to_array(result.label_map).any()
