"""DICOM in and other formats out, through the commands."""

import json
from dataclasses import replace

import dicom_series as drawn
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import LPS, draw, slimmer

from versectl import labels
from versectl.io.export import dicom_seg
from versectl.report import levels

pydicom = pytest.importorskip("pydicom", reason="DICOM is an extra: versectl[dicom]")
pytest.importorskip("highdicom", reason="DICOM is an extra: versectl[dicom]")

SEGMENTS = "lumbar_seg.seg.nrrd"
SLICER = {SEGMENTS, "lumbar_ctd.mrk.json"}


@pytest.fixture
def series(tmp_path):
    """The phantom's CT as a DICOM folder; the case is `lumbar`."""
    return drawn.save(drawn.of_image(draw(direction=LPS)[0]), tmp_path / "in" / "lumbar")


def names(folder):
    return {path.name for path in folder.iterdir() if path.name.startswith("lumbar")}


def voxels(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_a_dicom_folder_has_its_results_in_every_format(run, series, out):
    formats = [
        word
        for name in ("dicom-seg", "dicom-sr", "slicer", "itk-snap", "bids")
        for word in ("--format", name)
    ]
    done = run("run-all", series, out, *formats, "--per-vertebra")
    assert done.exit_code == 0, done.output
    exported = {
        "lumbar_seg.dcm",
        "lumbar_sr.dcm",
        "lumbar_seg_labels.txt",
        "lumbar_dseg.tsv",
        *SLICER,
    }
    assert exported | {f"lumbar_seg-{name}_msk.nii.gz" for name in ("T12", "L1", "L2")} < names(out)
    mask = voxels(out / "lumbar_seg.nii.gz")
    np.testing.assert_array_equal(voxels(out / "lumbar_seg.seg.nrrd"), mask)
    for name in ("T12", "L1", "L2"):
        body = voxels(out / f"lumbar_seg-{name}-body_msk.nii.gz")
        one = voxels(out / f"lumbar_seg-{name}_msk.nii.gz")
        assert body.any()
        assert not (body & ~one).any()
        np.testing.assert_array_equal(one, mask == labels.NUMBERS[name])
    bearing = [path.name for path in out.iterdir() if b"Secret" in path.read_bytes()]
    assert sorted(bearing) == ["lumbar_seg.dcm", "lumbar_sr.dcm"]
    assert "Secret" not in done.output


def anonymous(folder, *names):
    """A series without these elements."""
    made = drawn.of_image(draw(direction=LPS)[0])
    for ds in made:
        for name in names:
            delattr(ds, name)
    return drawn.save(made, folder / "in" / "lumbar")


def test_a_series_that_was_made_anonymous_has_its_dicom_formats(run, tmp_path, out):
    nobody = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
    study = ("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")
    folder = anonymous(tmp_path, *nobody, *study)
    done = run("run-all", folder, out, "--format", "dicom-sr")
    assert done.exit_code == 0, done.output
    assert {"lumbar_seg.dcm", "lumbar_sr.dcm"} < names(out)


@pytest.mark.parametrize("name", ["StudyInstanceUID", "FrameOfReferenceUID"])
def test_a_series_of_no_study_or_place_has_no_dicom_seg(run, tmp_path, out, name):
    done = run("run-all", anonymous(tmp_path, name), out, "--format", "dicom-seg")
    assert done.exit_code == 3
    assert f"has no {name}, which its study's DICOM SEG needs" in done.stderr


def test_a_measurement_report_has_the_volumes_of_the_report(run, series, out):
    import highdicom

    run("run-all", series, out, "--format", "dicom-sr")
    for words in ((), ("relabel", out, "--shift", "+1", "--ct", series)):
        if words:
            assert run(*words).exit_code == 0
        rows = json.loads((out / "lumbar_report.json").read_text())["vertebrae"]
        wanted = {r["name"]: r["volume_ml"] for r in rows if r["volume_ml"] is not None}
        groups = highdicom.sr.srread(
            out / "lumbar_sr.dcm"
        ).content.get_volumetric_roi_measurement_groups()
        found = {
            group.tracking_identifier: group.get_measurements()[0].value
            for group in groups
            if group.get_measurements()[0].unit.value == "cm3"
        }
        assert found == wanted
        assert found


def cut_series(folder):
    """A series whose left side cuts every vertebra."""
    whole = draw(direction=LPS)[0]
    first = whole.TransformPhysicalPointToIndex((-8.0, 22.0, -92.0))[0]
    return drawn.save(drawn.of_image(whole[first:]), folder / "in" / "lumbar")


def test_a_scan_that_cuts_every_vertebra_has_its_results_and_the_seg(run, tmp_path, out):
    folder = cut_series(tmp_path)
    done = run("run-all", folder, out, "--format", "dicom-sr")
    assert done.exit_code == 0, done.output
    assert "no vertebra is measured; dicom-sr is left out" in done.stdout
    rows = json.loads((out / "lumbar_report.json").read_text())["vertebrae"]
    assert [(row["at_border"], row["volume_ml"]) for row in rows] == [(True, None)] * 3
    assert {path.name for path in out.glob("*.dcm")} == {"lumbar_seg.dcm"}
    assert "kept, its results" in run("run-all", folder, out, "--format", "dicom-sr").stdout


def test_vertebrae_that_are_not_there_cost_no_case(run, series, out):
    words = ("--format", "dicom-sr", "--format", "bids", "--vertebrae", "C3-C5")
    done = run("run-all", series, out, *words)
    assert done.exit_code == 0, done.output
    assert "no vertebra asked for has a mask; dicom-sr is left out" in done.stdout
    assert not list(out.glob("*.dcm"))
    assert (out / "lumbar_dseg.tsv").exists()


def test_a_finished_case_is_exported_again_for_other_vertebrae(run, series, out):
    words = ("--per-vertebra", "--format", "dicom-seg", "--format", "slicer")
    run("run-all", series, out, *words, "--vertebrae", "L1-L5")
    report = (out / "lumbar_report.json").read_text()
    for asked, wanted in (((), {19, 20, 21}), (("--vertebrae", "L2-L5"), {21})):
        foretold = run("run-all", series, out, *words, *asked, "--dry-run").stdout
        assert "would be kept; missing formats" in foretold
        assert "written in" in run("run-all", series, out, *words, *asked).stdout
        assert {*dicom_seg.labels_in(out / "lumbar_seg.dcm")} == wanted
        assert set(np.unique(voxels(out / "lumbar_seg.seg.nrrd"))) == {0, *wanted}
        single = {f"lumbar_seg-{labels.NAMES[label]}_msk.nii.gz" for label in wanted}
        assert {path.name for path in out.glob("*_msk.nii.gz") if "body" not in path.name} == single
        assert "kept, its results" in run("run-all", series, out, *words, *asked).stdout
    assert (out / "lumbar_report.json").read_text() == report


def test_masks_of_vertebrae_that_are_no_longer_asked_for_do_not_stay(run, series, out):
    run("run-all", series, out, "--per-vertebra")
    run("run-all", series, out, "--per-vertebra", "--vertebrae", "L1", "--overwrite")
    masks = {path.name for path in out.glob("*_msk.nii.gz")}
    assert masks == {"lumbar_seg-L1_msk.nii.gz", "lumbar_seg-L1-body_msk.nii.gz"}


@pytest.mark.parametrize("command", ["run-all", "export"])
def test_a_range_without_vertebrae_leaves_none_of_others(run, series, out, command):
    words = ("--per-vertebra", "--format", "dicom-sr")
    run("run-all", series, out, *words)
    assert {path.name for path in out.glob("*_msk.nii.gz")}
    assert {"lumbar_seg.dcm", "lumbar_sr.dcm"} < names(out)
    shown = run(command, series, out, *words, "--vertebrae", "C1-C4").stdout
    for name in ("dicom-sr", "--per-vertebra"):
        assert f"lumbar: no vertebra asked for has a mask; {name} is left out\n" in shown
    assert "lumbar: no vertebra to write, none of those asked for has a mask\n" in shown
    assert "former results: lumbar_seg-L1_msk.nii.gz\n" in shown
    assert not [*out.glob("*_msk.nii.gz"), *out.glob("*.dcm")]
    again = run("run-all", series, out, *words, "--vertebrae", "C1-C4")
    assert again.stdout.startswith("lumbar: kept")


def test_a_batch_folder_may_hold_dicom(run, series, ct_file, out):
    (ct_file.parent / "other_ct.nii.gz").write_bytes(ct_file.read_bytes())
    ct_file.unlink()
    done = run("run-all", series.parent, out)
    assert done.exit_code == 0, done.output
    assert {"lumbar_report.json", "other_report.json"} < {path.name for path in out.iterdir()}


def test_a_format_that_a_finished_case_lacks_is_written_without_computing(run, series, out):
    run("run-all", series, out)
    report = (out / "lumbar_report.json").read_text()
    again = run("run-all", series, out, "--format", "slicer")
    assert again.exit_code == 0, again.output
    assert names(out) > SLICER
    assert (out / "lumbar_report.json").read_text() == report


def test_the_other_kind_of_dicom_seg_replaces_the_one_of_the_same_name(run, series, out):
    run("run-all", series, out, "--format", "dicom-seg")
    for name, kind in (("dicom-seg-binary", "BINARY"), ("dicom-seg", "LABELMAP")):
        done = run("run-all", series, out, "--format", name)
        assert "written in" in done.stdout, done.output
        assert dicom_seg.kind_of(out / "lumbar_seg.dcm") == kind
        assert "kept" in run("run-all", series, out, "--format", name).stdout


def test_a_dicom_seg_says_that_levels_may_be_shifted_until_they_are_corrected(
    run, series, out, monkeypatch
):
    monkeypatch.setattr(levels, "LEAST_PROBABILITY", 1.01)
    shifted = "Vertebrae (versectl) - levels may be shifted"
    words = ("--format", "dicom-seg")
    for command in ("run-all", "export"):
        run(command, series, out, *words)
        assert pydicom.dcmread(out / "lumbar_seg.dcm").SeriesDescription == shifted
        (out / "lumbar_seg.dcm").unlink()
    run("run-all", series, out, *words)
    assert pydicom.dcmread(out / "lumbar_seg.dcm").SeriesDescription == shifted
    corrected = ("--case", "lumbar", "--shift", "+1", "--ct", series)
    assert run("relabel", out, *corrected).exit_code == 0
    assert pydicom.dcmread(out / "lumbar_seg.dcm").SeriesDescription == "Vertebrae (versectl)"


def test_export_writes_what_was_corrected_and_only_the_vertebrae_asked_for(run, series, out):
    run("run-all", series, out, "--format", "slicer")
    mask = out / "lumbar_seg.nii.gz"
    corrected = sitk.ReadImage(str(mask))
    corrected[30:34, 20:24, 20:24] = labels.NUMBERS["L1"]
    sitk.WriteImage(corrected, str(mask))
    done = run("export", series, out, "--format", "slicer", "--vertebrae", "L1-L5")
    assert done.exit_code == 0, done.output
    expected = voxels(mask)
    np.testing.assert_array_equal(
        voxels(out / "lumbar_seg.seg.nrrd"), np.where(expected >= labels.L1, expected, 0)
    )
    (markup,) = json.loads((out / "lumbar_ctd.mrk.json").read_text())["markups"]
    assert [point["label"] for point in markup["controlPoints"]] == ["L1", "L2"]


def test_exports_of_results_that_are_replaced_by_others_do_not_stay(
    run, series, out, models, monkeypatch
):
    run("run-all", series, out, "--format", "slicer", "--per-vertebra")
    other = replace(models["segmentation"], answer=slimmer, sha256="f" * 64)
    monkeypatch.setitem(models, "segmentation", other)
    run("run-all", series, out, "--format", "bids")
    left = {name for name in names(out) if name in SLICER or "_seg-" in name}
    assert left == {"lumbar_ctd.mrk.json"}  # the centroids are the same
    assert "lumbar_dseg.tsv" in names(out)


def test_what_shows_masks_that_were_corrected_since_goes_and_comes_anew(run, ct_file, out):
    words = ("--format", "slicer", "--preview")
    run("run-all", ct_file, out, *words)
    mask = sitk.ReadImage(str(out / "lumbar_seg.nii.gz"))
    l2 = labels.NUMBERS["L2"]
    sitk.WriteImage(mask * sitk.Cast(mask != l2, mask.GetPixelID()), str(out / "lumbar_seg.nii.gz"))
    former = {name: (out / name).read_bytes() for name in ("lumbar_preview.png", SEGMENTS)}
    shown = run("run-all", ct_file, out).stdout
    for name in former:
        assert f"removed, because it showed former results: {name}" in shown
        assert not (out / name).exists()
    assert "kept, though it is not as versectl wrote it: lumbar_seg.nii.gz" in shown
    run("run-all", ct_file, out, *words)
    assert all((out / name).read_bytes() != content for name, content in former.items())
    assert l2 not in np.unique(voxels(out / SEGMENTS))


def test_a_new_dicom_seg_alone_takes_the_report_of_the_former_one_away(run, series, out):
    run("run-all", series, out, "--format", "dicom-sr")
    shown = run("export", series, out, "--format", "dicom-sr", "--format", "dicom-seg").stdout
    assert "removed" not in shown
    assert "lumbar_sr.dcm" in names(out)
    shown = run("export", series, out, "--format", "dicom-seg-binary").stdout
    assert "removed, because it showed former results: lumbar_sr.dcm" in shown
    assert "lumbar_sr.dcm" not in names(out)


def test_dicom_seg_of_a_nifti_is_refused_before_anything_is_computed(run, ct_file, out):
    done = run("run-all", ct_file, out, "--format", "dicom-seg")
    assert done.exit_code == 3
    assert "is not DICOM; --format dicom-seg needs a DICOM series" in done.stderr
    assert "leave this format out, or give the series" in done.stderr
    assert not (out / "lumbar_seg.nii.gz").exists()


def test_a_dry_run_tells_that_a_format_will_be_refused(run, ct_file, out):
    shown = run("run-all", ct_file, out, "--format", "dicom-seg", "--dry-run").stdout
    assert shown.startswith("lumbar: would fail: lumbar_ct.nii.gz is not DICOM; --format dicom-seg")


def test_a_case_whose_format_is_refused_counts_as_failed_everywhere(run, ct_file, out):
    (ct_file.parent / "other_ct.nii.gz").write_bytes(ct_file.read_bytes())
    assert run("run-all", ct_file.parent, out, "--format", "dicom-seg").exit_code == 4
    assert run("status", out).stdout.startswith("done 0, failed 2, working 0\n  lumbar failed: ")
    assert "2 cases" in run("collect", out).stdout
    assert run("run-all", ct_file.parent, out).exit_code == 0
    assert run("status", out).stdout == "done 2, failed 0, working 0\n"


@pytest.mark.parametrize("words", [(), ("--overwrite",)])
def test_a_refused_format_leaves_a_finished_case_as_it_is(run, ct_file, out, words):
    run("run-all", ct_file, out)
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    done = run("run-all", ct_file, out, "--format", "dicom-seg", *words)
    assert done.exit_code == 3
    assert "is not DICOM" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Say what to write"),
        (("--format", "nifti"), "nifti, which is there always"),
        (("--vertebrae", "T10-L5"), "--vertebrae is for --format and --per-vertebra"),
        (("--format", "dicom-seg", "--format", "dicom-seg-binary"), "have the same file; choose"),
        (("--format", "stl"), "stl"),
        (("--per-vertebra", "--vertebrae", "L5-T10"), "from head to foot"),
    ],
)
def test_what_cannot_be_exported_is_wrong_usage(run, series, out, words, says):
    done = run("export", series, out, *words)
    assert done.exit_code == 2
    assert says in " ".join(done.stderr.split())


def test_a_series_is_chosen_in_a_study(run, series, out):
    drawn.save(drawn.as_series(drawn.datasets(), number=9), series)
    refused = run("run-all", series, out)
    assert refused.exit_code == 3
    assert "holds 2 CT series, 4, 9; choose one by --series" in refused.stderr
    for words in ((), ("--series", "7")):
        shown = run("run-all", series, out, *words, "--dry-run").stdout
        says = shown.splitlines()[0].split(": would fail: ")[1].split("/")[-1]
        assert says in run("run-all", series, out, *words).stderr
    done = run("run-all", series, out, "--series", "4")
    assert done.exit_code == 0, done.output
    assert (out / "lumbar_series-4_report.json").exists()
    listed = run("series", series)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["series", "4", "9"]
