import numpy as np
import pytest
import SimpleITK as sitk
from versectl.evaluation import matching

from versectl.errors import BadInputError
from versectl.io import volume


def write_mask(path):
    volume.write(sitk.GetImageFromArray(np.full((3, 4, 5), 20, np.uint8)), path)


def test_names_of_all_releases_match(tmp_path):
    write_mask(tmp_path / "gt" / "verse004_seg.nii.gz")
    write_mask(tmp_path / "pred" / "deep" / "sub-verse004_seg-vert_msk.nii.gz")
    write_mask(tmp_path / "pred" / "verse500_CT-iso_seg.nii.gz")
    matched = matching.match(tmp_path / "pred", tmp_path / "gt")
    assert [(ours.name, gt.name) for ours, gt in matched.pairs] == [("sub-verse004", "verse004")]
    assert [case.name for case in matched.without_truth] == ["verse500_CT-iso"]


def test_folders_without_a_common_case_say_what_they_hold(tmp_path):
    write_mask(tmp_path / "gt" / "verse004_seg.nii.gz")
    write_mask(tmp_path / "pred" / "verse005_seg.nii.gz")
    with pytest.raises(BadInputError, match=r"\(verse005\) has ground truth in .* \(verse004\)"):
        matching.match(tmp_path / "pred", tmp_path / "gt")


def test_a_centroid_file_brings_what_lies_beside_it_and_a_mask_does_not(tmp_path):
    write_mask(tmp_path / "verse004_seg.nii.gz")
    write_mask(tmp_path / "verse005_seg.nii.gz")
    (tmp_path / "verse004_ctd.json").write_text("[]")
    case = matching.of_file(tmp_path / "verse004_ctd.json")
    assert case.labels == tmp_path / "verse004_seg.nii.gz"
    assert matching.of_file(case.labels).centroids is None


def test_a_centroid_file_alone_is_not_compared_with_a_mask(tmp_path):
    write_mask(tmp_path / "a_seg.nii.gz")
    write_mask(tmp_path / "gt_seg.nii.gz")
    (tmp_path / "a_ctd.json").write_text("[]")
    with pytest.raises(BadInputError, match=r"a_ctd.json holds centroids and .* masks"):
        matching.match(tmp_path / "a_ctd.json", tmp_path / "gt_seg.nii.gz")


def test_a_folder_of_one_case_is_that_case_and_a_folder_of_two_is_refused(tmp_path):
    write_mask(tmp_path / "verse004_seg.nii.gz")
    assert matching.only_case(tmp_path).labels == tmp_path / "verse004_seg.nii.gz"
    write_mask(tmp_path / "verse005_seg.nii.gz")
    with pytest.raises(BadInputError, match=r"holds 2 cases \(verse004, verse005\)"):
        matching.only_case(tmp_path)
