"""Centroids corrected in 3D Slicer count like those corrected in the JSON; never both."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from versectl.io import atomic

JSON, MARKUPS, SEG = "lumbar_ctd.json", "lumbar_ctd.mrk.json", "lumbar_seg.nii.gz"


@pytest.fixture
def done(run, ct_file, out):
    assert run("run-all", ct_file, out, "--format", "slicer").exit_code == 0
    return out


def labels_of(out):
    return [entry["label"] for entry in json.loads((out / JSON).read_text())[1:]]


def rename(folder, changes):
    """A user renames points in 3D Slicer, or deletes some, and saves them in RAS."""
    path = folder / MARKUPS
    content = json.loads(path.read_text())
    (markup,) = content["markups"]
    sign = -1 if markup["coordinateSystem"] == "LPS" else 1
    points = []
    for point in markup["controlPoints"]:
        x, y, z = point["position"]
        name = changes.get(point["label"], point["label"])
        turned = [sign * x, sign * y, z]
        points += [] if name is None else [{**point, "label": name, "position": turned}]
    markup |= {"controlPoints": points, "coordinateSystem": "RAS"}
    path.write_text(json.dumps(content, indent=4))
    return path


def edit(folder, label, new):
    """A user changes a label in the JSON."""
    entries = json.loads((folder / JSON).read_text())
    for entry in entries[1:]:
        entry["label"] = new if entry["label"] == label else entry["label"]
    atomic.write_json(entries, folder / JSON)


@pytest.mark.parametrize("command", ["segment", "run-all"])
def test_every_command_goes_on_from_corrected_markups(run, ct_file, done, command):
    rename(done, {"T12": "L4", "L2": None})
    result = run(command, ct_file, done)
    assert result.exit_code == 0, result.output
    assert "L1 to L4, 2 vertebrae" in result.stdout
    assert labels_of(done) == [20, 23]
    masks = sitk.GetArrayFromImage(sitk.ReadImage(str(done / SEG)))
    assert set(np.unique(masks)) == {0, 20, 23}
    files = json.loads((done / "lumbar_provenance.json").read_text())["files"]
    assert files[JSON]["made_by"] == "user"
    assert (done / MARKUPS).exists()
    assert "kept" in run(command, ct_file, done).stdout


def test_a_dry_run_tells_that_corrected_markups_will_be_refused(run, ct_file, done):
    rename(done, {"L2": "L1"})
    foretold = run("run-all", ct_file, done, "--dry-run").stdout
    assert foretold.startswith(f"lumbar: would fail: {done / MARKUPS} has L1 twice; rename or")
    assert "has L1 twice" in run("run-all", ct_file, done).stderr
    rename(done, {"L1": None})
    edit(done, 19, 18)
    foretold = run("run-all", ct_file, done, "--dry-run").stdout
    assert "were both changed, and differ; delete the one that does not count" in foretold


@pytest.mark.parametrize("file", [JSON, MARKUPS])
def test_labels_in_a_wrong_order_are_used_and_flagged(run, ct_file, done, file):
    edit(done, 19, 25) if file == JSON else rename(done, {"T12": "L6"})
    result = run("run-all", ct_file, done)
    assert result.exit_code == 0, result.output
    assert set(labels_of(done)) == {20, 21, 25}
    said = "likely wrong: Labels do not run from head to foot: L6 lies above L2."
    assert said in result.stdout
    flags = json.loads((done / "lumbar_report.json").read_text())["flags"]
    assert ("labels_out_of_order", "error") in {(one["code"], one["severity"]) for one in flags}
    assert run("run-all", ct_file, done, "--strict").exit_code == 4


def test_markups_can_be_corrected_again_and_again(run, ct_file, done):
    rename(done, {"L2": "L3"})
    run("segment", ct_file, done)
    rename(done, {"L3": "L4"})
    assert "T12 to L4" in run("segment", ct_file, done).stdout


def test_markups_that_were_only_saved_again_change_nothing(run, ct_file, done):
    rename(done, {})
    (done / MARKUPS).write_text(json.dumps(json.loads((done / MARKUPS).read_text()), indent=7))
    before = (done / SEG).read_bytes()
    assert "kept" in run("run-all", ct_file, done).stdout
    assert (done / SEG).read_bytes() == before
    files = json.loads((done / "lumbar_provenance.json").read_text())["files"]
    assert (files[JSON]["made_by"], "numbering" in files[JSON]) == ("versectl", True)


def test_an_export_of_former_centroids_is_no_correction(run, ct_file, done):
    edit(done, 19, 18)
    result = run("run-all", ct_file, done)
    assert result.exit_code == 0, result.output
    assert labels_of(done) == [18, 20, 21]
    assert not (done / MARKUPS).exists()


def test_the_later_of_two_corrections_counts_when_a_run_lies_between(run, ct_file, done):
    edit(done, 19, 18)
    run("run-all", ct_file, done, "--format", "slicer")
    rename(done, {"L2": "L3"})
    run("run-all", ct_file, done)
    assert labels_of(done) == [18, 20, 22]
    edit(done, 18, 19)
    run("run-all", ct_file, done)
    assert labels_of(done) == [19, 20, 22]
    assert not (done / MARKUPS).exists()


@pytest.mark.parametrize("command", ["run-all", "segment", "export", "relabel"])
def test_two_corrections_at_once_that_differ_are_refused(run, ct_file, done, command):
    edit(done, 19, 18)
    rename(done, {"L2": "L3"})
    before = {path.name: path.read_bytes() for path in done.iterdir() if "report" not in path.name}
    words = (ct_file, done, "--format", "slicer") if command == "export" else (ct_file, done)
    if command == "relabel":
        words = (done, "--case", "lumbar", "--shift", "1")
    result = run(command, *words)
    assert result.exit_code == 3
    assert "were both changed, and differ; delete the one that does not count" in result.stderr
    assert {n: (done / n).read_bytes() for n in before} == before
    (done / JSON).unlink()
    assert run("run-all", ct_file, done).exit_code == 0
    assert labels_of(done) == [19, 20, 22]


def test_two_corrections_that_say_the_same_are_one(run, ct_file, done):
    edit(done, 21, 22)
    rename(done, {"L2": "L3"})
    assert run("run-all", ct_file, done).exit_code == 0
    assert labels_of(done) == [19, 20, 22]


def test_an_export_of_some_vertebrae_corrects_these_alone(run, ct_file, done):
    run("export", ct_file, done, "--format", "slicer", "--vertebrae", "L1-L2")
    assert "kept" in run("run-all", ct_file, done).stdout
    rename(done, {"L2": "L3"})
    run("run-all", ct_file, done)
    assert labels_of(done) == [19, 20, 22]


def test_export_does_not_overwrite_a_correction(run, ct_file, done):
    rename(done, {"L2": "L3"})
    refused = run("export", ct_file, done, "--format", "slicer")
    assert refused.exit_code == 3
    assert "the masks were made from other centroids than those in" in refused.stderr
    assert "run run-all (or segment) first" in refused.stderr
    assert labels_of(done) == [19, 20, 22]
    assert run("segment", ct_file, done).exit_code == 0
    assert run("export", ct_file, done, "--format", "slicer").exit_code == 0
    (markup,) = json.loads((done / MARKUPS).read_text())["markups"]
    assert [point["label"] for point in markup["controlPoints"]] == ["T12", "L1", "L3"]


def test_overwrite_recomputes_the_centroids_all_the_same(run, ct_file, done):
    rename(done, {"L2": "L3"})
    run("run-all", ct_file, done, "--overwrite")
    assert labels_of(done) == [19, 20, 21]
    assert not (done / MARKUPS).exists()


def test_overwriting_the_masks_uses_the_correction(run, ct_file, done):
    rename(done, {"L2": "L3"})
    assert "T12 to L3" in run("segment", ct_file, done, "--overwrite").stdout


def test_a_dry_run_tells_of_the_correction_and_does_not_take_it(run, ct_file, done):
    rename(done, {"L2": "L3"})
    result = run("run-all", ct_file, done, "--dry-run")
    assert "would be processed, with the corrections in lumbar_ctd.mrk.json" in result.stdout
    assert labels_of(done) == [19, 20, 21]


def test_a_point_that_names_no_vertebra_fails_the_case_and_changes_nothing(run, ct_file, done):
    rename(done, {"L2": "F-1"})
    before = (done / JSON).read_bytes()
    result = run("run-all", ct_file, done)
    assert (result.exit_code, "named 'F-1'" in result.stderr) == (3, True)
    assert (done / JSON).read_bytes() == before


def test_markups_can_be_given_by_file_and_by_folder(run, ct_file, done, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / MARKUPS).write_bytes((done / MARKUPS).read_bytes())
    rename(mine, {"T12": "T11"})
    for given in (mine, mine / MARKUPS):
        fresh = tmp_path / f"out-{given.name}"
        result = run("segment", ct_file, fresh, "--centroids", given)
        assert "T11 to L2, 3 vertebrae" in result.stdout, result.output


def test_of_a_folder_with_both_files_the_corrected_one_is_given(run, ct_file, done, tmp_path):
    rename(done, {"T12": "T11"})
    result = run("segment", ct_file, tmp_path / "a", "--centroids", done)
    assert "T11 to L2" in result.stdout
    edit(done, 19, 18)
    result = run("segment", ct_file, tmp_path / "b", "--centroids", done)
    assert result.exit_code == 3
    assert "may both be corrections; give the one that counts" in result.stderr
