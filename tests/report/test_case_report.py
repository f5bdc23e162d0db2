"""The report's figures and warnings."""

import numpy as np
import pytest
from phantoms import CENTERS_MM

from versectl import geometry
from versectl.report import case_report
from versectl.types import Result, Spine, Vertebra


@pytest.fixture
def result(label_map):
    found = {label: Vertebra(center, 0.9) for label, center in CENTERS_MM.items()}
    return Result(Spine(CENTERS_MM[20], 0.8, None), found, label_map)


def told(result):
    return case_report.warnings(case_report.describe(result))


def test_a_clean_result_has_no_warning(result):
    assert told(result) == []


def test_volumes_are_voxels_times_their_size(result, label_map):
    row = case_report.describe(result)[1]
    count = (geometry.to_array(label_map) == 20).sum()
    assert row["volume_ml"] == pytest.approx(count * 2.0 * 1.5 * 2.5 / 1000, abs=1e-3)


def test_a_gap_in_the_sequence_is_told(result):
    del result.vertebrae[20]
    assert told(result) == ["There is a gap between T12 and L2."]


@pytest.mark.parametrize(("above", "below"), [(18, 20), (19, 28), (28, 20), (24, 25)])
def test_anatomical_variants_are_no_gap(above, below):
    rows = [
        {"label": x, "name": str(x), "peak": 1, "sure": 1, "volume_ml": 1, "at_border": 0}
        for x in (above, below)
    ]
    assert case_report.warnings(rows) == []


def test_a_low_peak_is_told_and_an_unknown_one_is_not(result):
    result.vertebrae[19] = Vertebra(CENTERS_MM[19], 0.11)
    result.vertebrae[20] = Vertebra(CENTERS_MM[20], float("nan"))
    assert told(result) == ["T12 is unsure: its heatmap's peak is 0.11."]


@pytest.mark.parametrize("face", [(0, ..., ...), (-1, ..., ...)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_vertebra_at_any_face_of_the_scan_is_told(result, face, axis):
    array = geometry.to_array(result.label_map)
    np.moveaxis(array, axis, 0)[face[0], 5, 6] = 21
    cut = result._replace(label_map=geometry.from_array(array, result.label_map))
    assert told(cut) == ["L2 touches the border of the scan and may be cut."]


def test_names_that_may_all_be_one_level_off_are_told_once(result):
    for label, center_mm in CENTERS_MM.items():
        result.vertebrae[label] = Vertebra(center_mm, 0.9, 0.61)
    assert told(result) == ["The names are unsure: all of them may be one level off."]


def test_a_centre_without_a_voxel_is_told(result):
    result.vertebrae[22] = Vertebra(CENTERS_MM[21], 0.9)
    assert told(result) == ["L3 has a centre but no voxel."]


def test_a_file_that_is_no_report_tells_nothing(tmp_path):
    for text in ("", "[]", "{}", '{"status": "done"}', "5", "[" * 100_000, "\xff"):
        (tmp_path / "a_report.json").write_text(text, "latin-1")
        assert case_report.read(tmp_path / "a_report.json") == {}
