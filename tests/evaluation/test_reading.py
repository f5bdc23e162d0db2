import json
from itertools import permutations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from versectl.evaluation import Options, evaluate, reading

from versectl.errors import BadInputError
from versectl.io import centroids, volume

SPACING_MM = (0.5, 0.75, 2.25)  # x, y, z; exact in the 32 bits of a NIfTI header


def spine(shift_vox=(0, 0, 0)):
    """Three lopsided vertebrae as a label map in LPS, L3 to L5."""
    array = np.zeros((30, 26, 34), np.uint8)
    for label, z in ((22, 22), (23, 13), (24, 4)):
        array[z : z + 6, 5 : 12 + z % 4, 8:21] = label
        array[z + 1 : z + 3, 15:21, 13:16] = label
    image = sitk.GetImageFromArray(np.roll(array, shift_vox[::-1], axis=(0, 1, 2)))
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-12.5, 30.25, -64.5))
    return image


def write_case(folder, mask, points_mm=None, name="sub-verse004"):
    volume.write(mask, folder / f"{name}_seg.nii.gz")
    if points_mm is not None:
        centroids.write(centroids.from_world(points_mm, mask), folder / f"{name}_ctd.json")


@pytest.fixture
def folders(tmp_path):
    """Ground truth and a prediction that is one voxel off along x, two along z."""
    gt, predicted = tmp_path / "gt", tmp_path / "pred"
    write_case(gt, spine())
    write_case(predicted, spine((1, 0, 2)))
    return predicted, gt


def figures(predicted, gt):
    report = evaluate(predicted, gt, Options(jobs=1))
    assert not report.failures
    return report.records


@pytest.mark.parametrize("letters", ["RAS", "LPS", "PIR", "ASL"])
def test_axis_order_changes_no_digit(folders, letters):
    predicted, gt = folders
    expected = figures(predicted, gt)
    turned = sitk.DICOMOrient(volume.read_labels(predicted / "sub-verse004_seg.nii.gz"), letters)
    write_case(predicted, turned)
    assert figures(predicted, gt) == expected
    assert 0 < expected[0].dice < 1
    assert expected[0].hd_mm > 0


def stored_as(image, kind, path):
    """Write the label map as float, with scl_slope, or with a fourth axis of one."""
    if kind == "float":
        sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat64), str(path))
        return
    sitk.WriteImage(image, str(path))
    stored = nibabel.load(path)
    array = np.asanyarray(stored.dataobj)
    if kind == "4-D":
        nibabel.Nifti1Image(array[..., None], stored.affine, stored.header).to_filename(path)
    elif kind == "slope":
        scaled = nibabel.Nifti1Image((array * 2).astype(np.int16), stored.affine)
        scaled.header.set_slope_inter(0.5, 0)
        scaled.to_filename(path)


@pytest.mark.parametrize("kind", ["float", "slope", "4-D"])
def test_storage_changes_no_digit(folders, kind):
    predicted, gt = folders
    expected = figures(predicted, gt)
    path = predicted / "sub-verse004_seg.nii.gz"
    stored_as(volume.read_labels(path), kind, path)
    assert figures(predicted, gt) == expected


def test_rounded_headers_are_one_grid(folders):
    predicted, gt = folders
    expected = figures(predicted, gt)
    mask = volume.read_labels(predicted / "sub-verse004_seg.nii.gz")
    mask.SetOrigin(np.add(mask.GetOrigin(), 1e-4).tolist())
    write_case(predicted, mask)
    report = evaluate(predicted, gt)
    assert [record.dice for record in report.records] == [record.dice for record in expected]
    assert not any("resampled" in note for note in report.results[0].notes)


def test_a_shifted_origin_is_an_error_that_counts(tmp_path):
    moved = spine()
    moved.SetOrigin(np.add(moved.GetOrigin(), (0, 0, 2 * SPACING_MM[2])).tolist())
    write_case(tmp_path / "gt", spine())
    write_case(tmp_path / "pred", moved)
    report = evaluate(tmp_path / "pred", tmp_path / "gt")
    assert all(record.dice < 0.9 for record in report.records)
    assert all(record.point_error_mm == pytest.approx(4.5) for record in report.records)
    assert "resampled" in report.results[0].notes[-1]


def test_another_grid_is_resampled_and_reported(tmp_path):
    fine = sitk.Expand(spine(), [2, 2, 2], sitk.sitkNearestNeighbor)
    write_case(tmp_path / "gt", spine())
    write_case(tmp_path / "pred", fine)
    report = evaluate(tmp_path / "pred", tmp_path / "gt")
    assert [record.dice for record in report.records] == [1, 1, 1]
    assert "prediction resampled: 68x52x60 voxels" in report.results[0].notes[-1]


@pytest.mark.parametrize("letters", ["".join(p) for p in permutations("PIR")])
def test_centroids_in_any_axis_order_are_the_same_world_points(tmp_path, letters):
    mask = sitk.DICOMOrient(spine(), letters)
    points_mm = {22: np.array([-7.0, 40.0, -10.0]), 24: np.array([-5.0, 41.0, -55.0])}
    write_case(tmp_path, mask, points_mm)
    read = reading.read_points(tmp_path / "sub-verse004_ctd.json", spine())
    for label, point_mm in points_mm.items():
        np.testing.assert_allclose(read[label], point_mm, atol=0.02)


#: Six vertebrae in mm from the right, anterior and inferior edge of spine()'s 17 x 19.5 x 67.5 mm.
EDGES_MM = {label: (5.0, 7.0, 60.0 - 10 * step) for step, label in enumerate(range(17, 23))}


def challenge_json(year):
    entries = []
    for label, (from_right, from_anterior, from_inferior) in EDGES_MM.items():
        from_superior, from_left = 67.5 - from_inferior, 17 - from_right
        axes = {
            "verse19": (from_superior, from_anterior, from_right),
            "verse20": (from_anterior, from_superior, from_left),
        }[year]
        entries.append({"label": label, **dict(zip("XYZ", axes, strict=True))})
    return json.dumps(entries)


@pytest.mark.parametrize("year", ["verse19", "verse20"])
@pytest.mark.parametrize("letters", ["LPS", "RAS", "PIR"])
def test_challenge_centroids_count_mm_from_the_volumes_edge(tmp_path, year, letters):
    path = tmp_path / "verse004_ctd.json"
    path.write_text(challenge_json(year))
    frame = sitk.DICOMOrient(spine(), letters)
    read = reading.read_points(path, frame, year)
    for label, edges_mm in EDGES_MM.items():
        np.testing.assert_allclose(read[label], np.add(edges_mm, spine().GetOrigin()))


def test_the_other_challenges_axes_are_noticed(tmp_path):
    path = tmp_path / "verse004_ctd.json"
    path.write_text(challenge_json("verse20"))
    with pytest.raises(BadInputError, match="runs along Y; that cannot be verse19"):
        reading.read_points(path, spine(), "verse19")


def test_a_file_without_axes_asks_which_challenge_it_is_from(tmp_path):
    path = tmp_path / "verse004_ctd.json"
    path.write_text(challenge_json("verse19"))
    with pytest.raises(BadInputError, match='no "direction"; say which challenge'):
        reading.read_points(path, spine())


def test_a_file_that_names_its_axes_is_read_by_them_whatever_was_said(tmp_path):
    points_mm = {22: np.array([-7.0, 40.0, -10.0])}
    write_case(tmp_path, spine(), points_mm)
    read = reading.read_points(tmp_path / "sub-verse004_ctd.json", spine(), "verse20")
    np.testing.assert_allclose(read[22], points_mm[22], atol=0.02)


def test_an_empty_list_of_centroids_is_no_error(tmp_path):
    path = tmp_path / "verse004_ctd.json"
    path.write_text("[]")
    assert reading.read_points(path, spine()) == {}


def test_nan_entries_are_missing_landmarks(tmp_path):
    path = tmp_path / "verse004_ctd.json"
    path.write_text(json.dumps([{"label": 20, "X": "NaN", "Y": 3, "Z": 4}]))
    assert reading.read_points(path, spine(), "verse19") == {}


def test_a_masks_centre_is_never_compared_with_a_body_centroid(tmp_path):
    body_mm = {22: np.array([-7.0, 40.0, -10.0])}
    write_case(tmp_path / "gt", spine(), body_mm)
    write_case(tmp_path / "pred", spine())
    report = evaluate(tmp_path / "pred", tmp_path / "gt")
    assert report.results[0].points_from == "masks"
    assert [record.point_error_mm for record in report.records] == [0, 0, 0]
    assert "as prediction has no centroid file" in report.results[0].notes[0]


def test_centroids_alone_can_be_compared(tmp_path):
    points_mm = {22: np.array([-7.0, 40.0, -10.0])}
    write_case(tmp_path / "gt", spine(), points_mm)
    write_case(tmp_path / "pred", spine(), {22: points_mm[22] + (0, 3, 0)})
    (tmp_path / "pred" / "sub-verse004_seg.nii.gz").unlink()
    report = evaluate(tmp_path / "pred", tmp_path / "gt")
    (record,) = report.records
    assert record.point_error_mm == pytest.approx(3, abs=0.02)
    assert record.identified
    assert record.dice is record.hd_mm is None


def test_names_of_all_releases_match(tmp_path):
    write_case(tmp_path / "gt", spine(), name="verse004")
    volume.write(spine(), tmp_path / "pred" / "deep" / "sub-verse004_seg-vert_msk.nii.gz")
    volume.write(spine(), tmp_path / "pred" / "verse500_CT-iso_seg.nii.gz")
    matched = reading.match(tmp_path / "pred", tmp_path / "gt")
    assert [(ours.name, gt.name) for ours, gt in matched.pairs] == [("sub-verse004", "verse004")]
    assert [case.name for case in matched.without_truth] == ["verse500_CT-iso"]


def test_label_maps_under_the_scans_own_name_are_found(tmp_path):
    write_case(tmp_path / "gt", spine())
    volume.write(spine(), tmp_path / "pred" / "sub-verse004.nii.gz")
    assert [record.dice for record in figures(tmp_path / "pred", tmp_path / "gt")] == [1, 1, 1]


def test_two_files_are_compared_whatever_their_names(tmp_path):
    volume.write(spine(), tmp_path / "truth.nii.gz")
    volume.write(spine(), tmp_path / "mine.nrrd")
    report = evaluate(tmp_path / "mine.nrrd", tmp_path / "truth.nii.gz")
    assert [record.dice for record in report.records] == [1, 1, 1]


def test_folders_without_a_common_case_say_what_they_hold(tmp_path):
    write_case(tmp_path / "gt", spine(), name="verse004")
    write_case(tmp_path / "pred", spine(), name="verse005")
    with pytest.raises(BadInputError, match=r"\(verse005\) has ground truth in .* \(verse004\)"):
        reading.match(tmp_path / "pred", tmp_path / "gt")
