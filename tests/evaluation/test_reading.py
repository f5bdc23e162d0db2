import json
from itertools import permutations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from versectl.evaluation import Findings, Options, compare, evaluate, findings

from versectl.errors import BadInputError
from versectl.io import centroids, volume
from versectl.io.challenge_centroids import read_points

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
    assert not any("resampled" in note.text for note in report.results[0].notes)


def test_a_shifted_origin_is_an_error_that_counts(tmp_path):
    moved = spine()
    moved.SetOrigin(np.add(moved.GetOrigin(), (0, 0, 2 * SPACING_MM[2])).tolist())
    write_case(tmp_path / "gt", spine())
    write_case(tmp_path / "pred", moved)
    report = evaluate(tmp_path / "pred", tmp_path / "gt")
    assert all(record.dice < 0.9 for record in report.records)
    assert all(record.point_error_mm == pytest.approx(4.5) for record in report.records)
    assert "resampled" in str(report.results[0].notes[-1])


def test_another_grid_is_resampled_and_reported(tmp_path):
    fine = sitk.Expand(spine(), [2, 2, 2], sitk.sitkNearestNeighbor)
    write_case(tmp_path / "gt", spine())
    write_case(tmp_path / "pred", fine)
    report = evaluate(tmp_path / "pred", tmp_path / "gt")
    assert [record.dice for record in report.records] == [1, 1, 1]
    assert "prediction resampled: 68x52x60 voxels" in str(report.results[0].notes[-1])


@pytest.mark.parametrize("letters", ["".join(p) for p in permutations("PIR")])
def test_centroids_in_any_axis_order_are_the_same_world_points(tmp_path, letters):
    mask = sitk.DICOMOrient(spine(), letters)
    points_mm = {22: np.array([-7.0, 40.0, -10.0]), 24: np.array([-5.0, 41.0, -55.0])}
    write_case(tmp_path, mask, points_mm)
    read = read_points(tmp_path / "sub-verse004_ctd.json", spine())
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
    read = read_points(path, frame, year)
    for label, edges_mm in EDGES_MM.items():
        np.testing.assert_allclose(read[label], np.add(edges_mm, spine().GetOrigin()))


def test_the_other_challenges_axes_are_noticed(tmp_path):
    path = tmp_path / "verse004_ctd.json"
    path.write_text(challenge_json("verse20"))
    with pytest.raises(BadInputError, match="runs along Y; that cannot be verse19"):
        read_points(path, spine(), "verse19")


def test_a_file_without_axes_asks_which_challenge_it_is_from(tmp_path):
    path = tmp_path / "verse004_ctd.json"
    path.write_text(challenge_json("verse19"))
    with pytest.raises(BadInputError, match='no "direction"; say which challenge'):
        read_points(path, spine())


def test_a_file_that_names_its_axes_is_read_by_them_whatever_was_said(tmp_path):
    points_mm = {22: np.array([-7.0, 40.0, -10.0])}
    write_case(tmp_path, spine(), points_mm)
    read = read_points(tmp_path / "sub-verse004_ctd.json", spine(), "verse20")
    np.testing.assert_allclose(read[22], points_mm[22], atol=0.02)


def test_an_empty_list_of_centroids_is_no_error(tmp_path):
    path = tmp_path / "verse004_ctd.json"
    path.write_text("[]")
    assert read_points(path, spine()) == {}


def test_nan_entries_are_missing_landmarks(tmp_path):
    path = tmp_path / "verse004_ctd.json"
    path.write_text(json.dumps([{"label": 20, "X": "NaN", "Y": 3, "Z": 4}]))
    assert read_points(path, spine(), "verse19") == {}


BODY_MM = {22: np.array([-7.0, 40.0, -10.0])}


def only_result(predicted, gt, **options):
    report = evaluate(predicted, gt, Options(**options))
    assert not report.failures
    (result,) = report.results
    return result


def notes(result):
    return [str(note) for note in result.notes]


def test_a_prediction_without_centroids_has_identified_nothing(tmp_path):
    write_case(tmp_path / "gt", spine(), BODY_MM)
    write_case(tmp_path / "pred", spine())
    result = only_result(tmp_path / "pred", tmp_path / "gt")
    assert result.points_from == "files"
    assert [(r.label, r.identified) for r in result.records if r.identified is not None] == [
        (22, False)
    ]
    assert result.missing_landmarks == (22,)
    assert [r.dice for r in result.records] == [1, 1, 1]
    assert notes(result) == ["no predicted centroid file, no vertebra identified"]


def test_a_prediction_without_centroids_beside_others_that_have_some_loses_alone(tmp_path):
    for name in ("sub-a", "sub-b"):
        write_case(tmp_path / "gt", spine(), BODY_MM, name)
        write_case(tmp_path / "pred", spine(), BODY_MM if name == "sub-a" else None, name)
    report = evaluate(tmp_path / "pred", tmp_path / "gt")
    assert [result.correct for result in report.results] == [True, False]


def test_centres_of_masks_are_compared_on_both_sides_when_asked(tmp_path):
    write_case(tmp_path / "gt", spine(), BODY_MM)
    write_case(tmp_path / "pred", spine())
    result = only_result(tmp_path / "pred", tmp_path / "gt", points="masks")
    assert result.points_from == "masks"
    assert [r.point_error_mm for r in result.records] == [0, 0, 0]
    assert notes(result) == []


def test_masks_are_the_points_when_no_true_case_has_a_centroid_file(folders):
    predicted, gt = folders
    centroids.write(
        centroids.from_world(BODY_MM, spine()), predicted / "sub-verse004_ctd.json"
    )  # never beside a mask's centre
    result = only_result(predicted, gt)
    assert result.points_from == "masks"
    assert [r.point_error_mm for r in result.records] == pytest.approx([4.527693] * 3)


def test_files_are_the_points_of_all_cases_when_one_true_case_has_a_centroid_file(tmp_path):
    for name, points_mm in (("sub-a", BODY_MM), ("sub-b", None)):
        write_case(tmp_path / "gt", spine(), points_mm, name)
        write_case(tmp_path / "pred", spine(), BODY_MM, name)
    with_points, without = evaluate(tmp_path / "pred", tmp_path / "gt").results
    assert with_points.correct
    assert without.correct is None
    assert without.points_from is None
    assert notes(without) == ["no true centroid file, identification not scored"]


def test_a_prediction_without_mask_has_dice_0_for_every_true_vertebra(tmp_path):
    write_case(tmp_path / "gt", spine(), BODY_MM)
    write_case(tmp_path / "pred", spine(), BODY_MM)
    (tmp_path / "pred" / "sub-verse004_seg.nii.gz").unlink()
    result = only_result(tmp_path / "pred", tmp_path / "gt")
    assert [(r.dice, r.hd_mm) for r in result.records] == [(0, None)] * 3
    assert result.missing_masks == (22, 23, 24)
    assert result.correct  # the centroid is there
    assert notes(result) == ["no predicted label map, Dice 0 for every vertebra"]


def test_a_prediction_with_centroids_alone_has_no_points_beside_true_masks(tmp_path):
    write_case(tmp_path / "gt", spine())
    write_case(tmp_path / "pred", spine(), BODY_MM)
    (tmp_path / "pred" / "sub-verse004_seg.nii.gz").unlink()
    result = only_result(tmp_path / "pred", tmp_path / "gt")
    assert [(r.dice, r.identified) for r in result.records] == [(0, False)] * 3


def test_a_truth_without_anything_to_compare_is_a_failure(tmp_path):
    write_case(tmp_path / "gt", spine(), BODY_MM)
    write_case(tmp_path / "pred", spine(), BODY_MM)
    (tmp_path / "gt" / "sub-verse004_seg.nii.gz").unlink()
    report = evaluate(tmp_path / "pred", tmp_path / "gt", Options(points="masks"))
    assert "the ground truth needs a label map" in report.failures[0].reason


def test_centroids_alone_can_be_compared(tmp_path):
    write_case(tmp_path / "gt", spine(), BODY_MM)
    write_case(tmp_path / "pred", spine(), {22: BODY_MM[22] + (0, 3, 0)})
    for side in ("gt", "pred"):
        (tmp_path / side / "sub-verse004_seg.nii.gz").rename(
            tmp_path / side / "sub-verse004.nii.gz"
        )
    (record,) = only_result(tmp_path / "pred", tmp_path / "gt").records
    assert record.point_error_mm == pytest.approx(3, abs=0.02)
    assert record.identified
    assert record.dice is record.hd_mm is None


def test_centroids_are_placed_by_an_image_that_shows_nothing(tmp_path):
    write_case(tmp_path / "gt", spine(), BODY_MM)
    write_case(tmp_path / "pred", spine(), BODY_MM)
    (tmp_path / "pred" / "sub-verse004_seg.nii.gz").unlink()
    volume.write(
        sitk.Cast(spine() * 0, sitk.sitkInt16), tmp_path / "pred" / "sub-verse004_ct.nii.gz"
    )
    result = only_result(tmp_path / "pred", tmp_path / "gt")
    assert result.records[0].point_error_mm == pytest.approx(0, abs=0.02)


def test_two_centroid_files_are_compared_with_the_masks_beside_them(tmp_path):
    write_case(tmp_path, spine((1, 0, 2)), {22: BODY_MM[22] + (0, 3, 0)}, "mine")
    write_case(tmp_path, spine(), BODY_MM, "truth")
    result = only_result(tmp_path / "mine_ctd.json", tmp_path / "truth_ctd.json")
    assert result.points_from == "files"
    assert result.records[0].point_error_mm == pytest.approx(3, abs=0.02)
    assert all(0 < r.dice < 1 for r in result.records)


def test_a_mask_beside_one_of_two_centroid_files_places_them_and_costs_nothing(tmp_path):
    write_case(tmp_path / "a", spine(), BODY_MM, "mine")
    write_case(tmp_path / "b", spine(), BODY_MM, "truth")
    (tmp_path / "a" / "mine_seg.nii.gz").unlink()
    (record,) = only_result(
        tmp_path / "a" / "mine_ctd.json", tmp_path / "b" / "truth_ctd.json"
    ).records
    assert record.point_error_mm == pytest.approx(0, abs=0.02)
    assert record.dice is None


def test_unknown_labels_among_centroids_are_named(tmp_path):
    for side in ("gt", "pred"):
        write_case(tmp_path / side, spine(), BODY_MM)
    path = tmp_path / "pred" / "sub-verse004_ctd.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps([*entries, {**entries[1], "label": 43}]))
    report = evaluate(tmp_path / "pred", tmp_path / "gt")
    told = [note for result in report.results for note in notes(result)]
    told += [failure.reason for failure in report.failures]
    assert any("43" in line for line in told)


def numbered(function, image, kind=np.int16):
    """A label map with other numbers, stored as another type."""
    array = function(sitk.GetArrayFromImage(image).astype(kind))
    changed = sitk.GetImageFromArray(array)
    changed.CopyInformation(image)
    return changed


def test_other_tools_numbers_are_read_with_a_line(folders):
    predicted, gt = folders
    expected = figures(predicted, gt)
    mask = volume.read_labels(predicted / "sub-verse004_seg.nii.gz")
    write_case(predicted, numbered(lambda a: np.where(a, 51 - a, 0), mask))
    result = only_result(predicted, gt)
    assert result.records == expected
    assert notes(result) == ["prediction: read in TotalSegmentator's numbers"]


def test_a_label_map_that_leaves_its_numbers_open_is_read_in_those_of_its_folder(folders):
    predicted, gt = folders
    write_case(predicted, numbered(lambda a: np.where(a > 0, 28, 0), spine(), np.uint8))
    result = only_result(predicted, gt)
    assert result.extra_labels == (28,)
    assert "VerSe's or TotalSegmentator's numbers, read as VerSe's" in notes(result)[0]
    write_case(predicted, numbered(lambda a: np.where(a > 0, 40, 0), spine()), name="z")
    (predicted / "a_seg.nii.gz").write_bytes(b"damaged")
    result = only_result(predicted, gt)
    assert (result.extra_labels, result.missing_masks) == ((), (22, 24))
    assert notes(result) == ["prediction: read in TotalSegmentator's numbers"]


def test_a_fill_outside_the_field_of_view_changes_no_digit(folders):
    predicted, gt = folders
    expected = figures(predicted, gt)
    mask = volume.read_labels(gt / "sub-verse004_seg.nii.gz")

    def filled(array):
        array[:, :, -3:] = -1024
        return array

    write_case(gt, numbered(filled, mask, np.float64))
    result = only_result(predicted, gt)
    assert result.records == expected
    assert notes(result) == ["ground truth: -1024 outside the field of view read as background"]


def test_a_case_in_memory_gives_the_figures_of_its_files(folders):
    predicted, gt = folders
    sides = [findings(side / "sub-verse004_seg.nii.gz") for side in folders]
    report = compare(*sides, name="sub-verse004")
    assert report.records == figures(predicted, gt)
    assert report.pooled["dice"].n == 3
    assert report.results[0].points_from == "masks"


def test_arrays_in_memory_are_z_y_x_and_points_are_in_the_world():
    gt = np.zeros((6, 8, 10), np.uint8)
    gt[1:4, 2:6, 3:5] = 20
    sides = [Findings.of_array(np.roll(gt, shift, axis=0), (0.5, 0.75, 2.25)) for shift in (1, 0)]
    (record,) = compare(*sides).records
    assert (record.dice, record.hd_mm, record.point_error_mm) == (0.666667, 2.25, 2.25)
    bodies = [
        Findings(side.label_map, {20: np.array([1, 2, z])})
        for side, z in zip(sides, (3, 6), strict=True)
    ]
    assert compare(*bodies).records[0].point_error_mm == 3
    missed = compare(Findings(sides[0].label_map), bodies[1])
    assert missed.records[0].identified is False


def test_label_maps_under_the_scans_own_name_are_found(tmp_path):
    write_case(tmp_path / "gt", spine())
    volume.write(spine(), tmp_path / "pred" / "sub-verse004.nii.gz")
    assert [record.dice for record in figures(tmp_path / "pred", tmp_path / "gt")] == [1, 1, 1]


def test_two_files_are_compared_whatever_their_names(tmp_path):
    volume.write(spine(), tmp_path / "truth.nii.gz")
    volume.write(spine(), tmp_path / "mine.nrrd")
    report = evaluate(tmp_path / "mine.nrrd", tmp_path / "truth.nii.gz")
    assert [record.dice for record in report.records] == [1, 1, 1]
