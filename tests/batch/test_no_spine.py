"""A scan that shows no spine: a result of its own, with all its files; and --strict."""

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM, draw

import versectl
from versectl import geometry
from versectl.io import volume
from versectl.stages import pipeline
from versectl.types import Numbering, OtherNumbering, Vertebra, Vertebrae


def without_bone(ct):
    soft = geometry.to_array(ct)
    soft[soft > 0] = 200
    return geometry.from_array(soft, ct)


@pytest.fixture
def foot(ct, tmp_path):
    """A scan without a spine; the case is `foot`."""
    path = tmp_path / "in" / "foot_ct.nii.gz"
    volume.write(without_bone(ct), path)
    return path


def read(out, ending):
    return json.loads((out / f"foot{ending}").read_text())


def test_every_file_is_there_and_says_that_there_is_nothing(run, foot, out, ct):
    done = run("run-all", foot, out)
    assert done.exit_code == 0, done.output
    assert "foot: no spine in view" in done.stdout
    assert "likely wrong: No spine is in view" in done.stdout
    assert read(out, "_ctd.json") == [{"direction": ["P", "I", "R"]}]
    spine = read(out, "_spine.json")
    assert (spine["center_mm"], spine["center_vox"]) == (None, None)
    assert spine["peak"] < 0.1
    mask = sitk.ReadImage(str(out / "foot_seg.nii.gz"))
    assert geometry.same_grid(mask, ct)
    assert not geometry.to_array(mask).any()
    report = read(out, "_report.json")
    assert (report["status"], report["vertebrae"]) == ("no_spine", [])
    assert [(flag["code"], flag["severity"]) for flag in report["flags"]] == [("no_spine", "error")]


def test_it_is_finished(run, foot, out):
    run("run-all", foot, out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert "foot: kept" in run("run-all", foot, out).stdout
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_the_stages_one_by_one_say_the_same(run, foot, out, tmp_path):
    assert "no spine in view, peak 0.0" in run("localize-spine", foot, out).stdout
    for command in ("localize-vertebrae", "segment"):
        assert "foot: no spine in view" in run(command, foot, out).stdout
    assert run("run-all", foot, out).exit_code == 0
    run("run-all", foot, tmp_path / "all")
    for ending in ("_spine.json", "_ctd.json", "_provenance.json"):
        assert read(out, ending) == read(tmp_path / "all", ending)


def test_pictures_and_other_formats_are_empty(run, foot, out):
    words = ("--preview", "--format", "slicer", "--format", "bids", "--per-vertebra")
    assert run("run-all", foot, out, *words).exit_code == 0
    (markup,) = read(out, "_ctd.mrk.json")["markups"]
    assert markup["controlPoints"] == []
    assert (out / "foot_preview.png").exists()
    assert (out / "foot_seg.seg.nrrd").exists()
    assert "kept, its results" in run("run-all", foot, out, *words).stdout


def test_a_dicom_seg_which_must_have_a_segment_is_left_out(run, ct, out, tmp_path):
    pytest.importorskip("highdicom", reason="DICOM is an extra: versectl[dicom]")
    import dicom_series as drawn

    series = drawn.save(drawn.of_image(without_bone(draw()[0])), tmp_path / "in" / "foot")
    for says in ("no spine in view", "kept, its results"):
        done = run("run-all", series, out, "--format", "dicom-seg")
        assert done.exit_code == 0, done.output
        assert says in done.stdout
    assert not (out / "foot_seg.dcm").exists()


def test_vertebrae_that_a_user_marks_afterwards_are_segmented(run, ct, foot, out):
    run("run-all", foot, out)
    entry = {"label": 20, "X": 30.0, "Y": 30.0, "Z": 20.0}
    (out / "foot_ctd.json").write_text(json.dumps([*read(out, "_ctd.json"), entry]))
    assert "foot: L1 alone" in run("run-all", foot, out).stdout
    report = read(out, "_report.json")
    assert (report["status"], report["spine"]["center_mm"]) == ("done", None)


def test_nothing_can_be_relabelled(run, foot, out):
    run("run-all", foot, out)
    done = run("relabel", out, "--case", "foot", "--shift", "1")
    assert (done.exit_code, "has no vertebra" in done.stderr) == (3, True)


def test_evaluation_counts_it_as_nothing_found(run, foot, out, label_map, tmp_path):
    run("run-all", foot, out)
    volume.write(label_map, tmp_path / "truth" / "foot_seg.nii.gz")
    done = run("evaluate", "--pred", out, "--gt", tmp_path / "truth", "--json")
    assert done.exit_code == 0, done.output
    (case,) = json.loads(done.stdout)["cases"]
    assert case["missing_masks"] == case["missing_landmarks"] == [19, 20, 21]
    assert (case["notes"], case["correct"]) == ([], False)


def test_status_and_tables_tell_it_apart(run, foot, ct, out):
    volume.write(ct, foot.with_name("lumbar_ct.nii.gz"))
    assert run("run-all", foot.parent, out).exit_code == 0
    assert "done 1, no spine in view 1, failed 0" in run("status", out).stdout
    told = json.loads(run("status", out, "--json").stdout)
    assert (told["done"], told["no_spine"], told["failed"]) == (1, ["foot"], {})
    run("collect", out)
    with (out / "collected.csv").open(newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert (rows["foot"]["status"], rows["foot"]["vertebrae"]) == ("no_spine", "0")
    assert rows["lumbar"]["status"] == "done"


def test_in_python_the_result_is_empty_and_flagged(ct, models, tmp_path):
    result = versectl.run(without_bone(ct), models)
    assert result.vertebrae == {}
    assert not result.spine.is_in_view
    assert [flag.code for flag in result.flags] == ["no_spine"]
    versectl.save(result, tmp_path, "foot")
    assert read(tmp_path, "_report.json")["status"] == "no_spine"


@pytest.fixture
def doubtful(monkeypatch):
    """The second stage doubts its labels."""

    def predict(_ct, _center_mm, _model):
        found = {label: Vertebra(center, 0.8, 0.5) for label, center in CENTERS_MM.items()}
        return Vertebrae(found, Numbering(0.5, OtherNumbering((18, 19, 20), -1, 0.4), ()))

    monkeypatch.setitem(pipeline.VERTEBRAE, "default", predict)


def test_strict_ends_with_4_and_writes_all_the_same(run, ct_file, out, doubtful):
    assert run("run-all", ct_file, out).exit_code == 0
    for words in ((), ("--overwrite",)):  # what is kept ends as what is new
        done = run("run-all", ct_file, out, "--strict", *words)
        assert done.exit_code == 4
        assert "lumbar: likely wrong (levels_may_be_shifted); its results are" in done.stderr
        assert done.stderr.count("\n") == 1
    assert json.loads((out / "lumbar_report.json").read_text())["status"] == "done"


def test_strict_in_a_batch_names_the_cases(run, foot, ct, out):
    volume.write(ct, foot.with_name("lumbar_ct.nii.gz"))
    done = run("run-all", foot.parent, out, "--strict")
    assert done.exit_code == 4
    assert "1 of 2 results are likely wrong: foot; see the flags in their reports" in done.stderr
    with (out / "batch.csv").open(newline="") as file:
        rows = {row["case"]: (row["status"], row["exit_code"]) for row in csv.DictReader(file)}
    assert rows == {"foot": ("done", "4"), "lumbar": ("done", "0")}
    (foot.parent / "z_ct.nii.gz").write_text("no CT")
    done = run("run-all", foot.parent, out, "--strict")
    assert "1 of 3 cases failed: z; the rest is done" in done.stderr


def test_strict_is_quiet_where_nothing_is_wrong(run, ct_file, out):
    assert run("run-all", ct_file, out, "--strict").exit_code == 0
    assert np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(out / "lumbar_seg.nii.gz")))).any()
