"""Real masks and centroids, where the developers' shared folder is at hand."""

from pathlib import Path

import pytest
from versectl.evaluation import evaluate, reading

from versectl.io import centroids, layout, volume

LABEL_MAPS = Path(__file__).parents[3] / "shared" / "data" / "labelmaps"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not LABEL_MAPS.is_dir(), reason="needs ../shared/data/labelmaps"),
]


def test_real_files_agree_with_themselves():
    report = evaluate(LABEL_MAPS, LABEL_MAPS)
    compared = {result.case for result in report.results}
    assert {"sub-verse004", "sub-verse009", "sub-gl003_dir-ax"} <= compared
    assert {record.dice for record in report.records} == {1.0}
    assert {record.hd_mm for record in report.records} == {0.0}
    assert {record.identified for record in report.records} <= {True, None}


def test_a_masks_centre_lies_far_from_its_body_centroid():
    case = layout.find(LABEL_MAPS)["sub-verse004"]
    mask = volume.read_labels(case.labels)
    body_mm = centroids.to_world(centroids.read(case.centroids), mask)
    mass_mm = reading.points_of_mask(mask)
    for label, point_mm in body_mm.items():
        assert 9 < ((mass_mm[label] - point_mm) ** 2).sum() ** 0.5 < 16
