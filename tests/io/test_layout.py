"""A data folder becomes cases, by the names of VerSe 2019, VerSe 2020, BIDS and our own."""

import errno
import os
import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import draw

from versectl.errors import BadInputError, explain
from versectl.io import layout, volume
from versectl.io.dicom import sources

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


def test_two_scans_of_one_name_in_a_folder_are_not_guessed_between(tmp_path):
    touch(tmp_path, "a/scan.nii.gz", "a/scan_ct.nrrd")
    with pytest.raises(BadInputError, match=r"belong to the same case, scan; .*--manifest"):
        layout.with_ct(tmp_path)


def test_two_label_maps_of_a_case_are_refused_with_what_to_do(tmp_path):
    """A table (--manifest) is for CTs to be processed: evaluate has none."""
    touch(tmp_path, "a_seg.nii.gz", "a_seg-vert_msk.nii.gz")
    with pytest.raises(BadInputError, match="belong to the same case, a; move one of them out"):
        layout.find(tmp_path)


def test_a_name_in_several_folders_gives_way_to_the_names_of_the_folders(tmp_path):
    touch(tmp_path, "s0/ct.nii.gz", "s1/ct.nii.gz", "s1/ct_seg.nii.gz", "s2/other.nii.gz")
    found = layout.find(tmp_path)
    assert list(found) == ["other", "s0", "s1"]
    assert found["s1"].labels.name == "ct_seg.nii.gz"
    assert [case.name for case in layout.with_ct(tmp_path)] == ["other", "s0", "s1"]


def test_a_run_says_which_names_gave_way_to_those_of_folders(tmp_path, caplog):
    touch(tmp_path, "rn/scan_ct.nii.gz", "rn/own.nii.gz")
    with caplog.at_level("INFO"):
        assert [case.name for case in layout.with_ct(tmp_path)] == ["own", "scan"]
        assert caplog.messages == []
        touch(tmp_path, "rn/new/scan.nii.gz")
        assert [case.name for case in layout.with_ct(tmp_path)] == ["new", "own", "rn"]
    assert caplog.messages == ["Cases are named after their folders, since 2 files are called scan"]


def test_the_lowest_folders_that_differ_name_the_cases(tmp_path):
    touch(tmp_path, "a/ses-1/ct.nii.gz", "b/ses-1/ct.nii.gz")
    assert list(layout.find(tmp_path)) == ["a", "b"]


def test_truth_in_a_tree_of_its_own_stays_with_its_scan(tmp_path):
    touch(tmp_path, "raw/s0/ct.nii.gz", "raw/s1/ct.nii.gz", "truth/s1/ct_seg.nii.gz")
    touch(tmp_path, "truth/s0/ct_seg.nii.gz")
    assert [case.name for case in layout.with_labels(tmp_path)] == ["s0", "s1"]


def test_folders_that_do_not_tell_scans_apart_are_no_names(tmp_path):
    touch(tmp_path, "a/x/ct.nii.gz", "a/y/ct.nii.gz", "b/x/ct.nii.gz")
    with pytest.raises(BadInputError, match="--manifest"):
        layout.with_ct(tmp_path)


def test_a_case_that_a_folder_would_name_twice_is_refused(tmp_path):
    touch(tmp_path, "s0/ct.nii.gz", "s1/ct.nii.gz", "s1.nii.gz")
    told = r"s1/ct.nii.gz \(named after its folder, for other files are called ct as well\) and \S+"
    with pytest.raises(BadInputError, match=rf"{told}/s1.nii.gz belong to the same case, s1"):
        layout.find(tmp_path)


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", ".Trash-1000/files", ".versectl"])
def test_hidden_folders_are_passed_over_wherever_they_lie(hidden, tmp_path):
    touch(tmp_path, "a/b/scan.nii.gz", f"a/{hidden}/scan.nii.gz", f"{hidden}/scan.nii.gz")
    assert [case.ct.parent.name for case in layout.with_ct(tmp_path)] == ["b"]


def test_a_hidden_folder_that_is_named_is_searched(tmp_path):
    touch(tmp_path, ".data/scan.nii.gz")
    assert list(layout.find(tmp_path / ".data")) == ["scan"]


def named_by_links(folder, **links):
    for name, target in links.items():
        (folder / name).symlink_to(target, target_is_directory=True)
    return {case.name: case.ct.relative_to(folder).as_posix() for case in layout.with_ct(folder)}


def test_a_linked_folder_is_searched_under_the_name_of_the_link(tmp_path):
    touch(tmp_path, "store/deep/b_ct.nii.gz", "in/a_ct.nii.gz")
    found = named_by_links(tmp_path / "in", link=tmp_path / "store")
    assert found == {"a": "a_ct.nii.gz", "b": "link/deep/b_ct.nii.gz"}


def test_links_to_one_folder_are_one_case_and_a_folder_below_keeps_its_own_name(tmp_path):
    touch(tmp_path, "store/x/scan.nii.gz", "in/z/own.nii.gz")
    store = tmp_path / "store"
    links = {"a": store, "b": store / "x", "c": store, "d": tmp_path / "in" / "z", ".e": store}
    found = named_by_links(tmp_path / "in", **links)
    assert found == {"own": "z/own.nii.gz", "scan": "a/x/scan.nii.gz"}


def test_links_that_lead_back_up_or_nowhere_are_passed_over(tmp_path):
    touch(tmp_path, "in/a/scan.nii.gz", "beside.nii.gz", "store/b.nii.gz")
    (tmp_path / "store" / "back").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "a" / "up").symlink_to("..")
    links = {
        "self": ".",
        "parent": tmp_path,
        "gone": tmp_path / "gone",
        "store": tmp_path / "store",
    }
    found = named_by_links(tmp_path / "in", **links)
    assert found == {"scan": "a/scan.nii.gz", "b": "store/b.nii.gz"}


def close(monkeypatch, folder, asked="scandir"):
    """Takes the permission to list a folder, or to reach what is in it ("stat")."""
    really, closed = getattr(os, asked), {"scandir": f"{folder}", "stat": f"{folder}/."}[asked]

    def refused(path, *args, **kwargs):
        if str(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return really(path, *args, **kwargs)

    monkeypatch.setattr(os, asked, refused)


@pytest.mark.parametrize("asked", ["scandir", "stat"])
def test_a_folder_without_permission_is_told_of_and_stops_none_beside_it(
    asked, monkeypatch, tmp_path, caplog
):
    touch(tmp_path, "a/scan.nii.gz", "b/locked_ct.nii.gz")
    close(monkeypatch, tmp_path / "b", asked)
    for find in (layout.with_ct, lambda path: layout.find(path).values()):
        caplog.clear()
        assert [case.name for case in find(tmp_path)] == ["scan"]
        (line,) = caplog.messages
        assert line.endswith(f"give permission to read them: {tmp_path}/b (Permission denied)")


def test_a_folder_without_permission_that_is_given_itself_is_refused(monkeypatch, tmp_path):
    touch(tmp_path, "b/locked_ct.nii.gz")
    close(monkeypatch, tmp_path / "b")
    with pytest.raises(PermissionError, match="/b"):
        layout.with_ct(tmp_path / "b")
    with pytest.raises(PermissionError, match="/b"):  # its slices make one study
        sources.files(tmp_path, below=True)


@pytest.mark.parametrize("name", ["b_ct.nii.gz", "b.nrrd", "b/1.dcm", "b.zip"])
def test_a_broken_link_named_as_a_ct_is_a_case_whose_reader_says_so(name, tmp_path):
    touch(tmp_path, "a_ct.nii.gz", "b/README.md")
    (tmp_path / name).symlink_to(tmp_path / "store" / "not fetched")
    _, broken = layout.with_ct(tmp_path)
    assert broken.name == "b"
    with pytest.raises((BadInputError, FileNotFoundError)) as failure:
        volume.read_ct(broken.ct)
    assert str(explain(failure.value)).endswith(
        f"{name} is a broken link: what it leads to is not there; fetch it."
    )


def test_broken_links_to_truth_are_told_of(tmp_path, caplog):
    touch(tmp_path, "a_ct.nii.gz", "a_seg.nii.gz", "b_ct.nii.gz")
    (tmp_path / "b_seg.nii.gz").symlink_to("nowhere")
    assert [case.name for case in layout.with_labels(tmp_path)] == ["a"]
    assert caplog.messages == [
        f"Broken links passed over, fetch their files: {tmp_path}/b_seg.nii.gz"
    ]


def test_a_link_to_the_results_is_passed_over(tmp_path):
    touch(tmp_path, "in/a_ct.nii.gz", "out/a.nii.gz")
    (tmp_path / "in" / "results").symlink_to(tmp_path / "out")
    found = layout.with_ct(tmp_path / "in", apart_from=tmp_path / "out")
    assert [case.ct.name for case in found] == ["a_ct.nii.gz"]


def test_endings_in_capitals_are_endings(tmp_path):
    touch(tmp_path, "SCAN.NII.GZ", "other_seg.NII")
    assert layout.find(tmp_path)["SCAN"].ct.name == "SCAN.NII.GZ"
    assert layout.find(tmp_path)["other"].labels is not None
    assert layout.with_ct(tmp_path / "SCAN.NII.GZ")[0].name == "SCAN"
    assert layout.suffix("a.Nii.Gz") == ".Nii.Gz"
    assert layout.suffix("a.nii.gz.txt") is None


def test_label_maps_without_a_telling_name_are_no_scans(tmp_path, caplog):
    ct, label_map = draw()
    for number in (0, 1):
        folder = tmp_path / f"s{number}"
        volume.write(ct, folder / "ct.nii.gz")
        volume.write(label_map, folder / "segmentations" / "vertebrae_L1.nii.gz")
        volume.write(sitk.Cast(label_map, sitk.sitkInt16), folder / "spine.nii.gz")
        volume.write(sitk.Cast(label_map, sitk.sitkFloat32), folder / "spine_float.nii")
        volume.write(label_map, folder / "spine.mha")
    with caplog.at_level("INFO"):
        found = layout.with_ct(tmp_path)
    assert [case.name for case in found] == ["s0", "s1"]
    assert f"Label maps passed over in {tmp_path}: 8" in caplog.text


def test_a_scan_of_zeros_and_a_damaged_one_are_no_label_maps(tmp_path):
    ct, _ = draw()
    volume.write(ct * 0, tmp_path / "lost.nii.gz")
    volume.write(ct, tmp_path / "cut.nii")
    (tmp_path / "cut.nii").write_bytes((tmp_path / "cut.nii").read_bytes()[:400])
    assert [case.name for case in layout.with_ct(tmp_path)] == ["cut", "lost"]


@pytest.mark.parametrize("kind", [[(c, "u1") for c in "RGB"], "complex64"], ids=["RGB", "complex"])
def test_a_picture_among_scans_stops_none_of_them(kind, tmp_path):
    volume.write(draw()[0], tmp_path / "scan_ct.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), kind), np.eye(4)), tmp_path / "b.nii.gz")
    picture, scan = layout.with_ct(tmp_path)
    assert (picture.name, scan.name) == ("b", "scan")
    with pytest.raises(BadInputError, match="is a colour or vector image"):
        volume.read_ct(picture.ct)


def with_offset(content):
    return content[:168] + struct.pack("<q", 2**60) + content[176:]


def without_intercept(content):
    return content[:176] + struct.pack("<dd", 1.0, np.nan) + content[192:]


DAMAGES = {
    "voxels that begin beyond the file": with_offset,
    "no intercept": without_intercept,
    "half a voxel": lambda content: content[:545],
}


@pytest.mark.parametrize("damaged", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_stops_none_of_the_scans_beside_it(damaged, tmp_path):
    volume.write(draw()[0], tmp_path / "scan_ct.nii.gz")
    image = nibabel.Nifti2Image(np.ones((4, 5, 6), np.int16), np.eye(4))
    (tmp_path / "bad.nii").write_bytes(damaged(image.to_bytes()))
    assert [case.name for case in layout.with_ct(tmp_path)] == ["bad", "scan"]


def test_a_folder_with_label_maps_alone_holds_no_ct(tmp_path):
    volume.write(draw()[1], tmp_path / "spine.nii.gz")
    with pytest.raises(BadInputError, match="holds no CT; put"):
        layout.with_ct(tmp_path)


def test_a_folder_without_ct_says_which_names_are_those_of_no_ct(tmp_path):
    touch(tmp_path, "a_seg.nii.gz", "b_heatmap.nrrd", "a_ctd.json")
    named = r"there \(2 files named as label maps or heatmaps: a_seg.nii.gz, b_heatmap.nrrd; such a"
    with pytest.raises(BadInputError, match=named):
        layout.with_ct(tmp_path)
    assert layout.with_ct(tmp_path / "a_seg.nii.gz")[0].name == "a_seg"


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
