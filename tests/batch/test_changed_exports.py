"""Other formats that the user changed are never replaced or removed in silence."""

import json

import pytest
import SimpleITK as sitk

from versectl.batch import transaction
from versectl.io import atomic
from versectl.io.export import nifti
from versectl.stages import pipeline

SEGMENTS, ALONE, MARKUPS = "lumbar_seg.seg.nrrd", "lumbar_seg-L1_msk.nii.gz", "lumbar_ctd.mrk.json"
WORDS = ("--format", "slicer", "--per-vertebra")


@pytest.fixture
def done(run, ct_file, out):
    assert run("run-all", ct_file, out, *WORDS).exit_code == 0
    return out


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def change(path):
    """A user saves other voxels in a file's place."""
    path.write_bytes(path.read_bytes() + b"mine")


def edit_centroids(out):
    """A user takes L2 out."""
    entries = [e for e in json.loads((out / "lumbar_ctd.json").read_text()) if e.get("label") != 21]
    atomic.write_json(entries, out / "lumbar_ctd.json")


def recorded(out):
    return json.loads((out / "lumbar_provenance.json").read_text())["files"]


def test_other_formats_are_recorded_as_they_were_written(run, ct_file, done):
    run("export", ct_file, done, "--format", "bids")
    run("relabel", done, "--shift", "+1")
    for name in (SEGMENTS, ALONE, MARKUPS, "lumbar_dseg.tsv"):
        assert recorded(done)[name]["sha256"] == atomic.sha256(done / name)
        assert recorded(done)[name]["made_by"] == "versectl"


@pytest.mark.parametrize("name", [SEGMENTS, ALONE])
def test_a_correction_that_a_run_would_remove_is_refused_before_anything_is_computed(
    run, ct_file, done, name
):
    change(done / name)
    edit_centroids(done)
    before = contents(done)
    shown = run("run-all", ct_file, done, "--dry-run").stdout
    assert f"would fail: {done / name} is not as versectl wrote it" in shown
    for command in ("run-all", "segment"):
        refused = run(command, ct_file, done)
        assert (refused.exit_code, refused.stderr.count("\n")) == (3, 1)
        assert f"{name} is not as versectl wrote it, and would be" in refused.stderr
    kept = {n: data for n, data in before.items() if n != "lumbar_report.json"}
    assert {n: (done / n).read_bytes() for n in kept} == kept
    (done / name).rename(done.parent / name)
    assert "T12 to L1, 2 vertebrae" in run("run-all", ct_file, done).stdout


def test_overwrite_replaces_a_changed_export(run, ct_file, done):
    before = (done / SEGMENTS).read_bytes()
    change(done / SEGMENTS)
    assert run("run-all", ct_file, done, *WORDS, "--overwrite").exit_code == 0
    assert (done / SEGMENTS).read_bytes() == before


@pytest.mark.parametrize(
    "words", [("export", "--format", "slicer"), ("export", "--per-vertebra"), ("relabel",)]
)
def test_neither_export_nor_relabel_replaces_a_correction(run, ct_file, done, words):
    name = ALONE if "--per-vertebra" in words else SEGMENTS
    change(done / name)
    before = contents(done)
    command = ("relabel", done, "--shift", "1")
    if words[0] == "export":
        command = ("export", ct_file, done, *words[1:])
    refused = run(*command)
    assert (refused.exit_code, refused.stderr.count("\n")) == (3, 1)
    assert f"{name} is not as versectl wrote it" in refused.stderr
    assert contents(done) == before


def test_a_format_that_is_not_touched_may_be_changed_and_is_named(run, ct_file, done):
    assert "without effect" not in run("run-all", ct_file, done, *WORDS).stdout
    change(done / SEGMENTS)
    mine = (done / SEGMENTS).read_bytes()
    told = f"not as versectl wrote it, without effect: {SEGMENTS}; save masks as lumbar_seg.nii.gz"
    foretold = run("run-all", ct_file, done, *WORDS, "--dry-run").stdout
    assert (foretold[:12], foretold.count(f"; {told}\n")) == ("lumbar: kept", 1)
    kept = run("run-all", ct_file, done, *WORDS).stdout
    assert (kept[:12], kept.count(f"\n  {told}\n")) == ("lumbar: kept", 1)
    assert f"  {told}\n" in run("run-all", ct_file, done, "--format", "bids").stdout
    (done / "lumbar_report.json").unlink()
    assert f"  {told}\n" in run("run-all", ct_file, done).stdout
    assert (done / SEGMENTS).read_bytes() == mine


def test_corrected_markups_are_not_lost_when_other_centroids_are_given(run, ct_file, done):
    given = done.parent / "given"
    given.mkdir()
    (given / "lumbar_ctd.json").write_bytes((done / "lumbar_ctd.json").read_bytes())
    edit_centroids(given)
    text = (done / MARKUPS).read_text()
    (done / MARKUPS).write_text(text.replace('"L2"', '"L3"'))
    refused = run("segment", ct_file, done, "--centroids", given)
    assert (refused.exit_code, f"{MARKUPS} is not as versectl" in refused.stderr) == (3, True)
    assert run("segment", ct_file, done, "--centroids", done).exit_code == 0


def test_a_file_that_nobody_recorded_is_not_replaced(run, ct_file, out):
    run("run-all", ct_file, out)
    (out / SEGMENTS).write_bytes(b"saved in 3D Slicer")
    refused = run("export", ct_file, out, "--format", "slicer")
    assert (refused.exit_code, "is not as versectl wrote it" in refused.stderr) == (3, True)
    edit_centroids(out)
    assert run("run-all", ct_file, out).exit_code == 3
    assert (out / SEGMENTS).read_bytes() == b"saved in 3D Slicer"


def test_markups_that_segment_reads_or_does_not_show_stay(run, ct_file, done, monkeypatch):
    text = (done / MARKUPS).read_text().replace('"L2"', '"L3"')
    (done / MARKUPS).write_text(text)
    monkeypatch.chdir(done.parent)
    assert run("segment", ct_file, "out", "--centroids", done, "--overwrite").exit_code == 0
    assert (done / MARKUPS).read_text() == text
    given = done.parent / "given"
    given.mkdir()
    (given / "lumbar_ctd.json").write_bytes((done / "lumbar_ctd.json").read_bytes())
    edit_centroids(given)
    (done / MARKUPS).write_text(text.replace('"L3"', '"L4"'))
    assert run("segment", ct_file, done, "--centroids", given, "--overwrite").exit_code == 0
    assert '"L4"' in (done / MARKUPS).read_text()


def test_what_overwrite_takes_of_the_user_s_is_named(run, ct_file, done):
    change(done / SEGMENTS)
    change(done / ALONE)
    shown = run("run-all", ct_file, done, "--overwrite", "--per-vertebra").stdout
    assert f"  removed, though it was not as versectl wrote it: {SEGMENTS}\n" in shown
    assert f"  replaced, though it was not as versectl wrote it: {ALONE}\n" in shown
    assert "former results: " + SEGMENTS not in shown


@pytest.mark.parametrize("command", ["run-all", "segment"])
def test_what_is_corrected_while_networks_compute_is_not_lost(
    run, ct_file, done, command, monkeypatch
):
    computed = pipeline.SEGMENTATION["default"]
    text = (done / MARKUPS).read_text().replace('"L2"', '"L3"')

    def meanwhile(*given):
        (done / MARKUPS).write_text(text)
        return computed(*given)

    edit_centroids(done)
    (done / MARKUPS).unlink()
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.SEGMENTATION, "default", meanwhile)
        refused = run(command, ct_file, done)
    assert (refused.exit_code, f"{MARKUPS} is not as versectl" in refused.stderr) == (3, True)
    assert (done / MARKUPS).read_text() == text


def test_masks_of_centroids_that_changed_meanwhile_are_computed_again(
    run, ct_file, out, monkeypatch
):
    computed = pipeline.SEGMENTATION["default"]

    def meanwhile(*given):
        edit_centroids(out)
        return computed(*given)

    for step in ("localize-spine", "localize-vertebrae"):
        run(step, ct_file, out)
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.SEGMENTATION, "default", meanwhile)
        run("segment", ct_file, out)
    assert "kept" not in run("segment", ct_file, out).stdout
    assert "kept" in run("segment", ct_file, out).stdout


def test_an_export_of_corrected_masks_takes_all_that_shows_former_ones_away(run, ct_file, done):
    run("preview", ct_file, done)
    mask = sitk.ReadImage(str(done / "lumbar_seg.nii.gz"))
    mask[30:34, 20:24, 20:24] = 20
    sitk.WriteImage(mask, str(done / "lumbar_seg.nii.gz"))
    shown = run("export", ct_file, done, "--format", "slicer").stdout
    for name in (ALONE, "lumbar_preview.png"):
        assert f"removed, because it showed former results: {name}" in shown
        assert not (done / name).exists()
        assert name not in recorded(done)
    assert {SEGMENTS, MARKUPS} <= {*recorded(done)}


def test_a_picture_without_masks_is_drawn_anew_when_there_are_some(run, ct_file, out):
    for step in ("localize-spine", "localize-vertebrae", "preview"):
        run(step, ct_file, out)
    before = (out / "lumbar_preview.png").read_bytes()
    shown = run("run-all", ct_file, out).stdout
    assert "removed, because it showed former results: lumbar_preview.png" in shown
    run("run-all", ct_file, out, "--preview")
    assert (out / "lumbar_preview.png").read_bytes() != before


def test_a_new_spine_takes_no_picture_of_the_same_vertebrae_away(run, ct_file, done):
    run("preview", ct_file, done)
    before = {*contents(done)} - {"lumbar_report.json"}
    run("localize-spine", ct_file, done, "--overwrite")
    assert {*contents(done)} == before


def test_every_file_that_goes_is_named_once(run, ct_file, done):
    run("preview", ct_file, done)
    edit_centroids(done)
    shown = run("run-all", ct_file, done).stdout
    for name in (SEGMENTS, ALONE, MARKUPS, "lumbar_preview.png"):
        assert shown.count(f"  removed, because it showed former results: {name}\n") == 1
    run("export", ct_file, done, "--per-vertebra")
    shown = run("export", ct_file, done, "--per-vertebra", "--vertebrae", "T12").stdout
    assert f"  removed, because it showed former results: {ALONE}\n" in shown


@pytest.mark.parametrize("command", ["run-all", "relabel"])
def test_a_run_that_is_stopped_before_its_files_come_has_removed_nothing(
    run, ct_file, done, command, monkeypatch
):
    words = (command, done, "--shift", "1")
    if command == "run-all":
        words = (command, ct_file, done)
        edit_centroids(done)
    before = contents(done)

    def stopped(_files, _outdated=()):
        raise KeyboardInterrupt

    monkeypatch.setattr(transaction.Transaction, "commit", stopped)
    assert run(*words).exit_code == 130
    assert contents(done) == before


def test_an_export_that_is_stopped_has_changed_nothing(run, ct_file, done, monkeypatch):
    def stopped(*_given):
        raise KeyboardInterrupt

    before = contents(done)
    with monkeypatch.context() as patch:
        patch.setattr(nifti, "write_each", stopped)
        assert run("export", ct_file, done, *WORDS, "--vertebrae", "L1").exit_code == 130
    assert contents(done) == before
    assert run("export", ct_file, done, *WORDS, "--vertebrae", "L1").exit_code == 0
    assert contents(done)[SEGMENTS] != before[SEGMENTS]


def test_export_refuses_masks_of_other_centroids_unless_they_are_the_user_s(run, ct_file, done):
    edit_centroids(done)
    before = contents(done)
    refused = run("export", ct_file, done, "--format", "bids")
    assert (refused.exit_code, "run run-all (or segment) first" in refused.stderr) == (3, True)
    assert contents(done) == before
    assert run("preview", ct_file, done).exit_code == 0
    mask = sitk.ReadImage(str(done / "lumbar_seg.nii.gz"))
    mask[30:34, 20:24, 20:24] = 20
    sitk.WriteImage(mask, str(done / "lumbar_seg.nii.gz"))
    assert run("export", ct_file, done, "--format", "bids").exit_code == 0
