"""A data folder becomes cases, by the names of VerSe 2019, VerSe 2020, BIDS and our own."""

import pytest

from versectl.errors import BadInputError
from versectl.io import layout

NAMES = {
    "sub-verse004_ct.nii.gz": ("sub-verse004", "ct"),
    "sub-verse004_seg-vert_msk.nii.gz": ("sub-verse004", "labels"),
    "sub-verse004_seg-subreg_ctd.json": ("sub-verse004", "centroids"),
    "sub-gl003_dir-ax_ct.nii.gz": ("sub-gl003_dir-ax", "ct"),
    "sub-gl003_dir-ax_seg-vb_ctd.json": ("sub-gl003_dir-ax", "centroids"),
    "verse500.nii.gz": ("verse500", "ct"),
    "verse500_seg.nii.gz": ("verse500", "labels"),
    "verse500_ctd.json": ("verse500", "centroids"),
    "verse500_CT-iso_iso-ctd.json": ("verse500_CT-iso", "centroids"),
    "scan.nrrd": ("scan", "ct"),
    "scan.one.mha": ("scan.one", "ct"),
    "a scan; with (odd) $signs_ct.nii": ("a scan; with (odd) $signs", "ct"),
    "ct.nii.gz": ("ct", "ct"),
    "scan_spine.json": ("scan", "spine"),
    "scan_report.json": ("scan", "report"),
    "scan_spine_heatmap.nii.gz": ("scan_spine", "other"),
    "notes.json": None,
    "scan.dcm": None,
}


@pytest.mark.parametrize(("file_name", "parsed"), NAMES.items())
def test_a_name_says_the_case_and_what_the_file_holds(file_name, parsed):
    assert layout.parse(file_name) == parsed


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_bids_tree_is_one_case_per_scan(tmp_path):
    touch(
        tmp_path,
        "rawdata/sub-verse004/sub-verse004_ct.nii.gz",
        "derivatives/sub-verse004/sub-verse004_seg-vert_msk.nii.gz",
        "derivatives/sub-verse004/sub-verse004_seg-subreg_ctd.json",
        "derivatives/sub-verse004/sub-verse004_snp.png",
        "rawdata/sub-gl003/sub-gl003_dir-ax_ct.nii.gz",
    )
    found = layout.find(tmp_path)
    assert list(found) == ["sub-gl003_dir-ax", "sub-verse004"]
    assert found["sub-verse004"].labels.name == "sub-verse004_seg-vert_msk.nii.gz"
    assert found["sub-verse004"].centroids.name == "sub-verse004_seg-subreg_ctd.json"
    assert found["sub-gl003_dir-ax"].labels is None
    assert [case.name for case in layout.with_labels(tmp_path)] == ["sub-verse004"]


def test_half_written_files_are_passed_over(tmp_path):
    touch(tmp_path, ".writing-abc.nii.gz", "scan.nii.gz")
    assert list(layout.find(tmp_path)) == ["scan"]


def test_two_scans_of_one_name_are_not_guessed_between(tmp_path):
    touch(tmp_path, "a/scan.nii.gz", "b/scan_ct.nrrd")
    with pytest.raises(BadInputError, match="claim one case, scan; rename one"):
        layout.with_ct(tmp_path)


def test_truth_and_results_beside_the_scans_are_no_scans_and_no_conflict(tmp_path):
    touch(tmp_path, "a_ct.nii.gz", "a_seg.nii.gz", "a_seg-vert_msk.nii.gz", "a_ctd.json")
    assert [case.ct.name for case in layout.with_ct(tmp_path)] == ["a_ct.nii.gz"]


def test_results_inside_the_input_folder_are_passed_over(tmp_path):
    touch(tmp_path, "a_ct.nii.gz", "out/a.nii.gz")
    found = layout.with_ct(tmp_path, apart_from=tmp_path / "out")
    assert [case.ct.name for case in found] == ["a_ct.nii.gz"]


def test_scans_inside_the_output_folder_are_found(tmp_path):
    touch(tmp_path, "in/a_ct.nii.gz")
    assert len(layout.with_ct(tmp_path / "in", apart_from=tmp_path)) == 1
    assert len(layout.with_ct(tmp_path / "in", apart_from=tmp_path / "in")) == 1


def test_a_file_named_by_itself_is_the_scan(tmp_path):
    touch(tmp_path, "a_seg.nii.gz", "b_ct.mha")
    assert layout.with_ct(tmp_path / "a_seg.nii.gz")[0].name == "a_seg"
    assert layout.with_ct(tmp_path / "b_ct.mha")[0].name == "b"


@pytest.mark.parametrize("name", ["missing", "empty", "text.txt"])
def test_a_place_without_scans_is_bad_input(name, tmp_path):
    (tmp_path / "empty").mkdir()
    touch(tmp_path, "text.txt")
    with pytest.raises(BadInputError, match=name):
        layout.with_ct(tmp_path / name)
