"""Correcting the labels of a case: every file gets the new ones, and run-all keeps them."""

import json
import shutil
from dataclasses import replace

import dicom_series as drawn
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM, LPS, Phantoms, draw

from versectl import labels
from versectl.batch import case_run, outcome, transaction
from versectl.batch.job import RUN_ALL, Job
from versectl.io import atomic, centroids, markups, volume
from versectl.io.export import dicom_seg, dicom_sr, formats
from versectl.io.export.formats import Exports
from versectl.io.layout import Case
from versectl.stages import pipeline

NAMES = ("T12", "L1", "L2")


@pytest.fixture(scope="module")
def finished(phantom, tmp_path_factory):
    """A finished case, with every other format that needs no DICOM."""
    scan = tmp_path_factory.mktemp("in") / "lumbar_ct.nii.gz"
    volume.write(phantom[0], scan)
    out = tmp_path_factory.mktemp("out")
    exports = Exports(("slicer", "itk-snap", "bids"), per_vertebra=True)
    made = case_run.do(Case("lumbar", scan), Job(out, RUN_ALL, Phantoms(), exports=exports))
    assert made.status == outcome.DONE, made.line
    return out


@pytest.fixture
def done(finished, out):
    """A copy of it."""
    return shutil.copytree(finished, out)


def relabel(run, out, *words):
    return run("relabel", out, "--case", "lumbar", *words)


def read(out, ending):
    return json.loads((out / f"lumbar{ending}").read_text())


def contents(out):
    return {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


def voxels(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_every_file_of_the_case_has_the_new_labels(run, done):
    before = voxels(done / "lumbar_seg.nii.gz")
    points = [entry["X"] for entry in read(done, "_ctd.json")[1:]]
    volumes = [row["volume_ml"] for row in read(done, "_report.json")["vertebrae"]]
    result = relabel(run, done, "--shift", "+1")
    assert result.exit_code == 0, result.output
    assert "lumbar: T12 to L2 are now L1 to L3" in result.stdout
    entries = read(done, "_ctd.json")[1:]
    assert [entry["label"] for entry in entries] == [20, 21, 22]
    assert [entry["X"] for entry in entries] == points
    after = voxels(done / "lumbar_seg.nii.gz")
    np.testing.assert_array_equal(after, np.where(before > 0, before + 1, 0))
    rows = read(done, "_report.json")["vertebrae"]
    assert [row["name"] for row in rows] == ["L1", "L2", "L3"]
    assert [row["volume_ml"] for row in rows] == volumes
    (markup,) = read(done, "_ctd.mrk.json")["markups"]
    assert [point["label"] for point in markup["controlPoints"]] == ["L1", "L2", "L3"]
    np.testing.assert_array_equal(voxels(done / "lumbar_seg.seg.nrrd"), after)
    single = sorted(path.name for path in done.glob("*_msk.nii.gz"))
    parts = [f"{name}{part}" for name in ("L1", "L2", "L3") for part in ("-body", "")]
    assert single == [f"lumbar_seg-{part}_msk.nii.gz" for part in parts]
    assert {"lumbar_seg_labels.txt", "lumbar_dseg.tsv"} < {path.name for path in done.iterdir()}


def test_a_mask_keeps_its_header_and_its_label_names(run, done):
    import nibabel

    before = nibabel.load(done / "lumbar_seg.nii.gz")
    relabel(run, done, "--shift", "-1")
    after = nibabel.load(done / "lumbar_seg.nii.gz")
    assert after.header == before.header
    assert [e.get_code() for e in after.header.extensions] == [30]


def test_a_preview_is_drawn_again_with_the_ct_and_removed_without(run, done, ct_file):
    run("preview", ct_file, done)
    former = (done / "lumbar_preview.png").read_bytes()
    result = relabel(run, done, "--shift", "+1", "--ct", ct_file)
    assert "removed" not in result.stdout
    assert (done / "lumbar_preview.png").read_bytes() != former
    result = relabel(run, done, "--shift", "+1")
    assert "removed, because it showed the former labels: lumbar_preview.png\n" in result.stdout
    assert not (done / "lumbar_preview.png").exists()


def test_run_all_keeps_what_was_relabelled_and_computes_nothing(run, done, ct_file, monkeypatch):
    relabel(run, done, "--shift", "+1")
    before = contents(done)
    for table in (pipeline.SPINE, pipeline.VERTEBRAE, pipeline.SEGMENTATION):
        monkeypatch.setitem(table, "default", lambda *_: 1 / 0)
    again = run("run-all", ct_file, done, "--per-vertebra", "--format", "slicer")
    assert again.exit_code == 0, again.output
    assert "lumbar: kept" in again.stdout
    assert contents(done) == before


def test_other_weights_segment_the_relabelled_centroids_again(
    run, done, ct_file, models, monkeypatch
):
    relabel(run, done, "--shift", "+1")
    for stage in ("vertebrae", "segmentation"):
        monkeypatch.setitem(models, stage, replace(models[stage], sha256="e" * 64))
    assert "L1 to L3, 3 vertebrae" in run("run-all", ct_file, done).stdout
    assert read(done, "_report.json")["kept"] == ["spine", "vertebrae"]
    assert set(np.unique(voxels(done / "lumbar_seg.nii.gz"))) == {0, 20, 21, 22}


def test_corrections_are_recorded_one_after_the_other(run, done, ct_file):
    relabel(run, done, "--shift", "+1")
    relabel(run, done, "--set", "L3=L4", "--set", "L2=L3")
    run("run-all", ct_file, done)
    for ending in ("_provenance.json", "_report.json"):
        entry = read(done, ending)["files"]["lumbar_ctd.json"]
        assert entry["made_by"] == "user"
        assert [one["by"] for one in entry["corrections"]] == ["relabel", "relabel"]
        assert entry["corrections"][0]["labels"] == {"T12": "L1", "L1": "L2", "L2": "L3"}
        assert entry["corrections"][1]["labels"] == {"L2": "L3", "L3": "L4"}
    report = read(done, "_report.json")
    assert report["files"]["lumbar_seg.nii.gz"]["made_by"] == "versectl"
    assert report["numbering"] is None
    assert {row["confidence"] for row in report["vertebrae"]} == {None}
    assert [flag["code"] for flag in report["flags"]] == ["unusual_distance", "gap"]


def test_the_report_after_relabelling_is_the_one_that_run_all_would_write(run, done, ct_file):
    relabel(run, done, "--shift", "-1")
    made = read(done, "_report.json")
    (done / "lumbar_report.json").unlink()
    run("run-all", ct_file, done)
    again = read(done, "_report.json")
    run_keys = ("seconds", "kept", "peak_memory_mb")
    assert {k: v for k, v in made.items() if k not in run_keys} == {
        k: v for k, v in again.items() if k not in run_keys
    }


def test_the_vertebra_at_an_anchor_is_named_and_the_others_are_counted(run, done):
    x, y, z = CENTERS_MM[20] + np.array([3.0, 9.0, -5.0])
    result = relabel(run, done, "--anchor", f"L4@{x},{y},{z}")
    assert result.exit_code == 0, result.output
    assert [entry["label"] for entry in read(done, "_ctd.json")[1:]] == [22, 23, 24]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--shift", "9"), "L2 would come below L6"),
        (("--set", "L1=L2"), "L1 and L2 would both be L2"),
        (("--set", "L1=L2", "--set", "L2=L1"), "L2 would lie above L1"),
        (("--set", "T12=L6"), "head to foot; L6 would lie above L2. Nothing was changed."),
        (("--anchor", "L4@3,27,-400"), "no vertebra is near that point"),
        (("--set", "L1=L1"), "has these labels already"),
    ],
)
def test_what_is_impossible_is_refused_in_one_line_and_changes_nothing(run, done, words, says):
    before = contents(done)
    result = relabel(run, done, *words)
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert says in result.stderr
    assert contents(done) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Give one of --shift, --set and --anchor"),
        (("--shift", "1", "--set", "L1=L2"), "Give one of"),
        (("--shift", "0"), "changes nothing"),
        (("--set", "L1"), "names no vertebra ''"),
        (("--set", "L1=S1"), "names no vertebra 'S1'"),
        (("--anchor", "L5@1,2"), "has no point"),
        (("--anchor", "L5@1,2,nan"), "has no point"),
        (("--anchor", "S1@1,2,3"), "names no vertebra 'S1'"),
    ],
)
def test_wrong_usage_is_told(run, done, words, says):
    result = relabel(run, done, *words)
    assert result.exit_code == 2
    assert says in result.stderr


def test_the_ct_of_another_case_is_refused(run, done, ct, tmp_path):
    before = contents(done)
    volume.write(ct[:, :, 1:], tmp_path / "other_ct.nii.gz")
    result = relabel(run, done, "--shift", "+1", "--ct", tmp_path / "other_ct.nii.gz")
    assert (result.exit_code, "are of another CT" in result.stderr) == (3, True)
    assert contents(done) == before


def test_the_ct_is_found_in_a_folder_of_cts(run, done, ct_file, ct):
    volume.write(ct, ct_file.with_name("other_ct.nii.gz"))
    assert relabel(run, done, "--shift", "+1", "--ct", ct_file.parent).exit_code == 0
    ct_file.unlink()
    volume.write(ct, ct_file.with_name("third_ct.nii.gz"))
    refused = relabel(run, done, "--shift", "-1", "--ct", ct_file.parent)
    assert (refused.exit_code, "has no CT of a case lumbar" in refused.stderr) == (3, True)


def test_what_the_new_labels_raise_is_said(run, done):
    shown = relabel(run, done, "--set", "L2=L6").stdout
    flags = read(done, "_report.json")["flags"]
    assert {"rare_variant", "gap"} & {flag["code"] for flag in flags}
    for flag in flags:
        assert flag["message"] in shown


def test_the_only_case_need_not_be_named(run, done):
    assert "lumbar: T12 to L2 are now L1 to L3" in run("relabel", done, "--shift", "1").stdout
    shutil.copy(done / "lumbar_ctd.json", done / "other_ctd.json")
    result = run("relabel", done, "--shift", "1")
    assert result.exit_code == 3
    assert "has 2 cases: lumbar, other; choose one with --case" in result.stderr
    result = run("relabel", done.parent, "--shift", "1")
    assert "has no centroids of any case" in result.stderr


def test_a_case_that_is_not_there_or_busy_is_told(run, done):
    result = run("relabel", done, "--case", "thoracic", "--shift", "1")
    assert result.exit_code == 3
    assert "has no centroids of a case thoracic; there is lumbar." in result.stderr
    with transaction.begin(done, "lumbar"):
        busy = relabel(run, done, "--shift", "1")
    assert busy.exit_code == 7
    assert "lumbar is being processed by another run" in busy.stderr


def test_before_there_are_masks_the_ct_tells_where_the_voxels_lie(run, ct_file, out):
    run("localize-spine", ct_file, out)
    run("localize-vertebrae", ct_file, out)
    refused = relabel(run, out, "--shift", "1")
    assert (refused.exit_code, "give its CT as well (--ct)" in refused.stderr) == (3, True)
    assert relabel(run, out, "--shift", "1", "--ct", ct_file).exit_code == 0
    assert "L1 to L3, 3 vertebrae" in run("segment", ct_file, out).stdout
    assert set(np.unique(voxels(out / "lumbar_seg.nii.gz"))) == {0, 20, 21, 22}


def test_masks_corrected_by_hand_stay_so(run, done, ct_file):
    path = done / "lumbar_seg.nii.gz"
    mask = sitk.ReadImage(str(path))
    mask[30:34, 20:24, 20:24] = labels.NUMBERS["L1"]
    sitk.WriteImage(mask, str(path))
    assert relabel(run, done, "--shift", "+1").exit_code == 0
    expected = voxels(path)
    assert read(done, "_provenance.json")["files"][path.name]["made_by"] == "user"
    run("run-all", ct_file, done)
    np.testing.assert_array_equal(voxels(path), expected)


def test_masks_that_are_older_than_the_centroids_are_still_computed_again(run, done, ct_file):
    """A user moved a centroid, and relabels before segmenting again."""
    entries = read(done, "_ctd.json")
    entries[1]["X"] += 1.5
    atomic.write_json(entries, done / "lumbar_ctd.json")
    shown = relabel(run, done, "--shift", "+1").stdout
    gone = "lumbar_report.json; run run-all again to have it"
    assert f"  removed, because it has not the new labels: {gone}\n" in shown
    assert not (done / "lumbar_report.json").exists()
    assert "L1 to L3" in run("run-all", ct_file, done).stdout
    assert read(done, "_report.json")["kept"] == ["spine", "vertebrae"]


def test_a_failure_on_the_way_changes_nothing(run, done, monkeypatch):
    before = contents(done)
    monkeypatch.setattr(formats, "write", lambda *_: 1 / 0)
    assert relabel(run, done, "--shift", "+1").exit_code == 1
    assert contents(done) == before
    assert not (done / ".versectl").exists()


def test_dicom_seg_is_written_again_with_the_series_and_removed_without(run, tmp_path, out):
    highdicom = pytest.importorskip("highdicom", reason="DICOM is an extra: versectl[dicom]")
    series = drawn.save(drawn.of_image(draw(direction=LPS)[0]), tmp_path / "in" / "lumbar")
    run("run-all", series, out, "--format", "dicom-seg-binary")
    assert relabel(run, out, "--shift", "+1", "--ct", series).exit_code == 0
    seg = highdicom.seg.segread(out / "lumbar_seg.dcm")
    assert str(seg.SegmentationType) == "BINARY"
    assert [one.SegmentLabel for one in seg.SegmentSequence] == ["L1", "L2", "L3"]
    result = relabel(run, out, "--shift", "+1")
    assert "former labels: lumbar_seg.dcm\n" in result.stdout
    assert not (out / "lumbar_seg.dcm").exists()


def test_each_format_keeps_the_vertebrae_that_it_shows(run, tmp_path, out):
    pytest.importorskip("highdicom", reason="DICOM is an extra: versectl[dicom]")
    series = drawn.save(drawn.of_image(draw(direction=LPS)[0]), tmp_path / "in" / "lumbar")
    run("run-all", series, out, "--format", "slicer", "--vertebrae", "L1")
    run("export", series, out, "--format", "dicom-sr")
    assert relabel(run, out, "--shift", "+1", "--ct", series).exit_code == 0
    assert dicom_seg.labels_in(out / "lumbar_seg.dcm") == [20, 21, 22]
    assert dicom_sr.refers_to(out / "lumbar_sr.dcm", out / "lumbar_seg.dcm")
    assert [*markups.read(out / "lumbar_ctd.mrk.json")] == [21]


def test_exports_of_some_vertebrae_stay_exports_of_these(run, tmp_path, out):
    highdicom = pytest.importorskip("highdicom", reason="DICOM is an extra: versectl[dicom]")
    series = drawn.save(drawn.of_image(draw(direction=LPS)[0]), tmp_path / "in" / "lumbar")
    run("run-all", series, out, "--per-vertebra", "--vertebrae", "L1")
    run("export", series, out, "--format", "dicom-seg", "--vertebrae", "L1-L2")
    assert relabel(run, out, "--shift", "+1", "--ct", series).exit_code == 0
    single = {path.name for path in out.glob("*_msk.nii.gz")}
    assert single == {"lumbar_seg-L2_msk.nii.gz", "lumbar_seg-L2-body_msk.nii.gz"}
    seg = highdicom.seg.segread(out / "lumbar_seg.dcm")
    names = [one.SegmentLabel for one in seg.SegmentSequence]
    assert [name for name in names if name in labels.NUMBERS] == ["L2", "L3"]
    assert set(np.unique(voxels(out / "lumbar_seg.nii.gz"))) == {0, 20, 21, 22}


def test_a_sheared_scan_keeps_every_voxel(run, ct, out, tmp_path):
    """Masks lie on the scan's own sheared grid; going there and back would lose voxels."""
    import nibabel

    voxel = np.transpose(sitk.GetArrayFromImage(ct))
    affine = np.diag([-2.0, -1.5, 2.5, 1.0])
    affine[1, 2] = 0.6  # leaning slices
    affine[:3, 3] = [30.0, 60.0, -150.0]
    image = nibabel.Nifti1Image(voxel, affine)
    path = tmp_path / "in" / "lumbar_ct.nii.gz"
    path.parent.mkdir(exist_ok=True)
    image.set_qform(None, 0)
    image.to_filename(path)
    assert run("run-all", path, out).exit_code == 0
    before = nibabel.load(out / "lumbar_seg.nii.gz")
    stored = np.asarray(before.dataobj)
    relabel(run, out, "--shift", "+1")
    after = nibabel.load(out / "lumbar_seg.nii.gz")
    np.testing.assert_array_equal(np.asarray(after.dataobj), np.where(stored, stored + 1, 0))
    np.testing.assert_array_equal(after.affine, before.affine)


def test_relabelled_markups_are_no_correction_in_slicer(run, done, ct_file):
    relabel(run, done, "--shift", "+1")
    assert "kept" in run("run-all", ct_file, done).stdout
    assert list(centroids.read(done / "lumbar_ctd.json").points_vox) == [20, 21, 22]
