import json

import bodies
import numpy as np
import pytest
import SimpleITK as sitk

from versectl import geometry
from versectl.errors import BadInputError
from versectl.io import volume
from versectl.synth.bodies import labelmaps


@pytest.fixture
def label_file(tmp_path):
    body = bodies.body()
    structures = body.structures.copy()
    structures[structures == 31] = 0
    image = sitk.DICOMOrient(geometry.from_array(structures, bodies.GRID), "PIR")
    volume.write(image, tmp_path / "someone_labels.nii.gz")
    return tmp_path / "someone_labels.nii.gz"


def test_verses_numbers_need_no_names_and_any_axis_order_will_do(label_file):
    body = labelmaps.read(label_file)
    for label, center_mm in bodies.CENTERS_MM.items():
        x, y, z = np.rint(body.grid.to_vox(center_mm)).astype(int)
        assert body.structures[z, y, x] == label
        assert body.kinds[label] == "vertebra"


def test_the_body_of_a_vertebra_is_found_not_the_middle_of_its_mask(label_file):
    found = labelmaps.read(label_file).centroids_mm
    assert list(found) == list(bodies.CENTERS_MM)
    for label, center_mm in bodies.CENTERS_MM.items():
        assert np.linalg.norm(found[label] - center_mm) < 3.0


def test_names_decide_what_structures_are(label_file):
    levels = {18: "T1", 19: "T2", 20: "T3", 21: "L1"}
    names = {str(number): f"vertebrae_{name}" for number, name in levels.items()}
    beside = label_file.with_name("someone_labels.json")
    beside.write_text(json.dumps({**names, "22": "spleen", "30": "rib_left_4"}))
    body = labelmaps.read(label_file)
    assert {8, 9, 10, 20} <= set(np.unique(body.structures))
    assert sorted(body.kinds.values()) == ["beyond", "bone", "organ", "tissue", *["vertebra"] * 4]


def test_a_vertebra_cut_by_the_border_has_no_centre(tmp_path):
    structures = bodies.body().structures[45:].copy()  # L2 is cut through its body
    grid = geometry.Grid((60, 70, structures.shape[0]), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    assert 21 in np.unique(structures)
    assert 21 not in labelmaps.body_centers_mm(structures, grid)
    assert 20 in labelmaps.body_centers_mm(structures, grid)


def test_a_folder_without_label_maps_is_told_so(tmp_path):
    with pytest.raises(BadInputError, match="holds no label map"):
        labelmaps.find(tmp_path)


def test_an_empty_label_map_is_told_so(tmp_path):
    path = tmp_path / "empty_labels.nii.gz"
    volume.write(sitk.Image([8, 8, 8], sitk.sitkUInt8), path)
    with pytest.raises(BadInputError, match="has no label"):
        labelmaps.read(path)


def test_a_body_is_the_longest_part_without_what_its_json_excludes(label_file):
    whole = labelmaps.read(label_file)
    label_file.with_name("someone_labels.json").write_text('{"exclude": ["T12"]}')
    body = labelmaps.read(label_file)
    assert {20, 21, 22} <= set(np.unique(body.structures))
    assert not {18, 19} & set(np.unique(body.structures))
    for label in (21, 22):
        assert body.centroids_mm[label] == pytest.approx(whole.centroids_mm[label])
        x, y, z = np.rint(body.grid.to_vox(body.centroids_mm[label])).astype(int)
        assert body.structures[z, y, x] == label


def test_a_vertebra_in_pieces_is_left_out_with_those_beside_it(label_file):
    structures = bodies.body().structures.copy()
    structures[structures == 31] = 0
    height = np.flatnonzero((structures == 19).any(axis=(1, 2)))
    upper = structures[height[len(height) // 2] :]
    upper[upper == 19] = 18  # half of T12 is taken for T11, and what T11 had above for T12
    top = np.flatnonzero((structures == 18).any(axis=(1, 2)))[-1]
    structures[top - 6 : top + 1][structures[top - 6 : top + 1] == 18] = 19
    structures[-9:, 20:40, 20:40] = 17
    volume.write(geometry.from_array(structures, bodies.GRID), label_file)
    body = labelmaps.read(label_file)
    assert {21, 22} <= set(np.unique(body.structures))
    assert not {18, 19, 20} & set(np.unique(body.structures))


def test_a_json_that_excludes_what_it_does_not_name_is_refused(label_file):
    label_file.with_name("someone_labels.json").write_text('{"exclude": ["vertebrae_T12"]}')
    with pytest.raises(BadInputError, match="excludes 'vertebrae_T12'"):
        labelmaps.read(label_file)


def test_a_fragment_of_a_vertebra_at_the_end_has_no_centre_though_the_map_goes_on(label_file):
    structures = bodies.body().structures.copy()
    structures[structures == 31] = 0
    last = np.flatnonzero((structures == 22).any(axis=(1, 2)))
    structures[: last[-1] - 3][structures[: last[-1] - 3] == 22] = 0
    volume.write(geometry.from_array(structures, bodies.GRID), label_file)
    body = labelmaps.read(label_file)
    assert 22 in np.unique(body.structures)
    assert list(body.centroids_mm) == [18, 19, 20, 21]


@pytest.mark.parametrize("content", ['{"Type": "Segmentation"}', '{"900": "liver"}', "[1]", "{"])
def test_a_json_that_names_no_structures_is_refused(label_file, content):
    label_file.with_name("someone_labels.json").write_text(content)
    with pytest.raises(
        BadInputError, match=r"someone_labels\.json (does not name|is not valid JSON)"
    ):
        labelmaps.read(label_file)


@pytest.mark.parametrize("excluded", [[], ["L1"]])
def test_a_label_map_without_a_whole_vertebra_is_refused(label_file, excluded):
    structures = np.full((20, 22, 24), 20, np.uint8)  # the border cuts it on all sides
    grid = geometry.Grid((24, 22, 20), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    volume.write(geometry.from_array(structures, grid), label_file)
    label_file.with_name("someone_labels.json").write_text(json.dumps({"exclude": excluded}))
    with pytest.raises(BadInputError, match=r"someone_labels\.nii\.gz shows no whole vertebra"):
        labelmaps.read(label_file)
