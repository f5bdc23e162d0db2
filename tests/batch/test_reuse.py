"""What is kept and what is computed again: nothing stale passes for a correction by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM, Phantoms, slimmer

from versectl import geometry
from versectl.batch import case_run
from versectl.batch.job import RUN_ALL, Job
from versectl.errors import VersectlError
from versectl.io import atomic, centroids, volume
from versectl.io.layout import Case
from versectl.stages import pipeline
from versectl.types import Engine, Numbering, OtherNumbering, Vertebra, Vertebrae

FILES = {"spine": "lumbar_spine.json", "vertebrae": "lumbar_ctd.json", "masks": "lumbar_seg.nii.gz"}


def report(out):
    return json.loads((out / "lumbar_report.json").read_text())


def correct(out):
    """A user takes L2 out."""
    path = out / FILES["vertebrae"]
    entries = [entry for entry in json.loads(path.read_text()) if entry.get("label") != 21]
    atomic.write_json(entries, path)


def lacks_memory(*_inputs):
    raise MemoryError


def with_weights(models, name):
    """The models, those of the later stages from other weights."""
    return {
        stage: replace(models[stage], sha256=name * 64) for stage in ("vertebrae", "segmentation")
    }


def test_results_of_former_weights_never_pass_for_corrections(
    run,
    ct_file,
    out,
    models,
    monkeypatch,
):
    """Done with weights A; B fails; the third run computes by B and says so."""
    run("run-all", ct_file, out)
    for stage, model in with_weights(models, "e").items():
        monkeypatch.setitem(models, stage, model)
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.SEGMENTATION, "default", lacks_memory)
        assert run("run-all", ct_file, out).exit_code == 5
    assert report(out)["status"] == "failed"
    assert report(out)["files"][FILES["masks"]]["weights_sha256"] == "c" * 64
    assert "3 vertebrae" in run("run-all", ct_file, out).stdout
    made = {name: entry["weights_sha256"] for name, entry in report(out)["files"].items()}
    assert made == {
        FILES["spine"]: "a" * 64,
        FILES["vertebrae"]: "e" * 64,
        FILES["masks"]: "e" * 64,
    }
    assert report(out)["kept"] == ["spine"]


def test_results_of_a_replaced_ct_never_pass_for_corrections(
    run,
    ct_file,
    out,
    monkeypatch,
):
    run("run-all", ct_file, out)
    volume.write(volume.read_ct(ct_file).image + 5, ct_file)
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.VERTEBRAE, "default", lacks_memory)
        assert run("run-all", ct_file, out).exit_code == 5
    assert "3 vertebrae" in run("run-all", ct_file, out).stdout
    assert report(out)["kept"] == []
    assert {entry["input_sha256"] for entry in report(out)["files"].values()} == {
        atomic.sha256(ct_file)
    }


def test_another_configuration_of_the_same_weights_computes_again(
    run,
    ct_file,
    out,
    models,
    monkeypatch,
):
    run("run-all", ct_file, out)
    model = models["segmentation"]
    lower = replace(model, config=replace(model.config, threshold=0.4))
    monkeypatch.setitem(models, "segmentation", lower)
    run("run-all", ct_file, out)
    assert report(out)["kept"] == ["spine", "vertebrae"]


@pytest.mark.parametrize("command", ["segment", "run-all"])
def test_masks_of_corrected_centroids_are_computed_again_by_every_command(
    run, ct_file, out, command, label_map
):
    for step in ("localize-spine", "localize-vertebrae", "segment"):
        run(step, ct_file, out)
    correct(out)
    assert "T12 to L1, 2 vertebrae" in run(command, ct_file, out).stdout
    entries = json.loads((out / "lumbar_provenance.json").read_text())["files"]
    made_from = entries[FILES["masks"]]["made_from_sha256"]
    assert made_from == atomic.sha256(out / FILES["vertebrae"])
    assert "kept" in run(command, ct_file, out).stdout


def test_a_correction_stays_whatever_the_weights(run, ct_file, out, models, monkeypatch):
    run("run-all", ct_file, out)
    correct(out)
    for stage, model in with_weights(models, "e").items():
        monkeypatch.setitem(models, stage, model)
    for _ in range(2):
        run("run-all", ct_file, out)
        made = report(out)["files"][FILES["vertebrae"]]
        assert (made["made_by"], made["weights_sha256"]) == ("user", None)
        assert len(report(out)["vertebrae"]) == 2


def test_a_correction_from_before_the_ct_was_replaced_stays_and_is_flagged(
    run,
    ct_file,
    out,
):
    run("run-all", ct_file, out)
    correct(out)
    run("run-all", ct_file, out)
    assert report(out)["flags"] == []
    volume.write(volume.read_ct(ct_file).image + 5, ct_file)
    done = run("run-all", ct_file, out)
    assert "lumbar_ctd.json was corrected before the CT was replaced" in done.stdout
    assert [flag["code"] for flag in report(out)["flags"]] == ["made_for_another_ct"]


@pytest.fixture
def uncertain(monkeypatch):
    """The second stage is in doubt of its labels, and faint at L2."""

    def predict(ct, _center_mm, _model):
        found = {label: Vertebra(center, 0.8, 0.61) for label, center in CENTERS_MM.items()}
        found[21] = Vertebra(CENTERS_MM[21], 0.31, 0.61)
        return Vertebrae(found, Numbering(0.61, OtherNumbering((18, 19, 20), -1, 0.3), ()))

    monkeypatch.setitem(pipeline.VERTEBRAE, "default", predict)


def test_the_stages_one_by_one_know_as_much_as_run_all(run, ct_file, out, tmp_path, uncertain):
    run("localize-spine", ct_file, out)
    done = run("localize-vertebrae", ct_file, out)
    assert (
        "likely wrong: Labels may be shifted: the numbering has a probability of 0.61"
        in done.stdout
    )
    run("segment", ct_file, out)
    done = run("run-all", ct_file, out)
    assert "likely wrong: Labels may be shifted" in done.stdout
    assert report(out)["kept"] == ["spine", "vertebrae", "segmentation"]
    assert [(row["peak"], row["confidence"]) for row in report(out)["vertebrae"]] == [
        (0.8, 0.61),
        (0.8, 0.61),
        (0.31, 0.61),
    ]
    run("run-all", ct_file, tmp_path / "all")
    alone = json.loads((tmp_path / "all" / "lumbar_report.json").read_text())
    for key in ("flags", "warnings", "vertebrae", "numbering", "spine", "files"):
        assert report(out)[key] == alone[key]


def test_of_other_labels_only_the_user_can_be_sure(run, ct_file, out, uncertain):
    run("localize-spine", ct_file, out)
    run("localize-vertebrae", ct_file, out)
    correct(out)
    run("run-all", ct_file, out)
    assert [row["peak"] for row in report(out)["vertebrae"]] == [None, None]
    assert (report(out)["numbering"], report(out)["flags"]) == (None, [])


def test_a_centroid_that_was_moved_leaves_the_doubts_about_the_labels(run, ct_file, out, uncertain):
    run("run-all", ct_file, out)
    entries = json.loads((out / FILES["vertebrae"]).read_text())
    entries[1]["X"] += 0.5
    for _ in range(2):
        atomic.write_json(entries, out / FILES["vertebrae"])
        run("run-all", ct_file, out)
        rows = report(out)["vertebrae"]
        assert [(row["peak"], row["confidence"]) for row in rows] == [(None, 0.61)] * 3
        assert report(out)["numbering"]["probability"] == 0.61
        assert "levels_may_be_shifted" in {flag["code"] for flag in report(out)["flags"]}
        assert report(out)["files"][FILES["vertebrae"]]["made_by"] == "user"
        entries[2]["X"] += 0.5


def test_results_in_another_precision_than_the_one_asked_for_are_computed_again(
    run, ct_file, out, models, monkeypatch
):
    for stage in ("spine", "vertebrae", "segmentation"):
        engine = Engine("tensorflow", "2.21.0", "CPU", "bfloat16")
        monkeypatch.setitem(models, stage, replace(models[stage], engine=engine))
    run("run-all", ct_file, out)
    assert "kept" in run("run-all", ct_file, out).stdout
    monkeypatch.setattr(models, "precision", "bfloat16", raising=False)
    assert "kept" in run("run-all", ct_file, out).stdout
    monkeypatch.setattr(models, "precision", "float32", raising=False)
    assert "would be processed\n" in run("run-all", ct_file, out, "--dry-run").stdout


def test_a_run_says_which_files_it_kept_or_replaced_that_are_not_its_own(run, ct_file, out):
    run("run-all", ct_file, out)
    correct(out)
    kept = "  kept, though it is not as versectl wrote it: lumbar_ctd.json\n"
    assert kept in run("run-all", ct_file, out).stdout
    done = run("run-all", ct_file, out, "--overwrite")
    replaced = "  replaced, though it was not as versectl wrote it: lumbar_ctd.json\n"
    assert (replaced in done.stdout, kept in done.stdout) == (True, False)
    assert "as versectl wrote it" not in run("run-all", ct_file, out, "--overwrite").stdout


def test_a_run_says_when_it_replaces_the_results_of_another_ct(run, ct_file, ct, out):
    says = "these replace the results of another CT with the name lumbar"
    for first in (True, False):
        assert (says in run("run-all", ct_file, out).stdout) == (not first)
        volume.write(ct + 5, ct_file)
    assert says not in run("run-all", ct_file, out / "elsewhere").stdout


@pytest.mark.parametrize("command", [("preview",), ("export", "--format", "itk-snap")])
def test_pictures_and_formats_of_another_ct_are_refused(run, ct_file, ct, out, command):
    run("run-all", ct_file, out)
    before = {path.name for path in out.iterdir()}
    volume.write(ct + 5, ct_file)
    name, *words = command
    refused = run(name, ct_file, out, *words)
    assert (refused.exit_code, "are of another CT" in refused.stderr) == (3, True)
    assert {path.name for path in out.iterdir()} == before


def test_pictures_of_replaced_results_go(run, ct_file, out, models, monkeypatch):
    run("localize-spine", ct_file, out, "--heatmap")
    run("run-all", ct_file, out, "--preview")
    assert (out / "lumbar_spine_heatmap.nii.gz").exists()
    monkeypatch.setitem(models, "spine", replace(models["spine"], sha256="f" * 64))
    other = replace(models["segmentation"], answer=slimmer)
    monkeypatch.setitem(models, "segmentation", other)
    run("run-all", ct_file, out)
    assert not (out / "lumbar_spine_heatmap.nii.gz").exists()
    assert not (out / "lumbar_preview.png").exists()


def test_what_was_painted_into_the_masks_by_hand_is_kept_and_flagged(run, ct_file, out):
    run("run-all", ct_file, out)
    masks = volume.read_labels(out / FILES["masks"])
    masks[0, 0, 0], masks[1, 0, 0] = 25, 60
    volume.write(masks, out / FILES["masks"])
    said = run("run-all", ct_file, out).stdout
    assert "likely wrong: Masks have numbers that stand for no vertebra: 60." in said
    assert "please check: L6 has a mask but no centroid" in said
    assert {"mask_without_centre", "unknown_number"} <= {f["code"] for f in report(out)["flags"]}
    assert volume.read_labels(out / FILES["masks"])[1, 0, 0] == 60


def test_a_heatmap_of_a_corrected_spine_takes_overwrite(run, ct_file, out):
    run("localize-spine", ct_file, out)
    atomic.write_json({"center_mm": [5.0, 30.0, -80.0]}, out / FILES["spine"])
    done = run("localize-spine", ct_file, out, "--heatmap")
    assert (done.exit_code, "--heatmap needs --overwrite" in done.stderr) == (3, True)
    assert run("localize-spine", ct_file, out, "--heatmap", "--overwrite").exit_code == 0
    assert (out / "lumbar_spine_heatmap.nii.gz").exists()


def test_a_folder_of_version_1_is_computed_again_and_its_corrections_stay(
    run,
    ct_file,
    out,
):
    run("run-all", ct_file, out)
    correct(out)
    old = {
        "case": "lumbar",
        "status": "done",
        "outputs": {name: atomic.sha256(out / name) for name in FILES.values()},
        "kept": ["vertebrae"],
        "input": {"file": ct_file.name, "sha256": atomic.sha256(ct_file)},
        "weights_sha256": {"spine": "a" * 64, "segmentation": "c" * 64},
        "seconds": {},
        "peak_memory_mb": 1,
        "versions": {"versectl": "1"},
    }
    atomic.write_json(old, out / "lumbar_report.json")
    (out / "lumbar_provenance.json").unlink()
    assert "2 vertebrae" in run("run-all", ct_file, out).stdout
    assert report(out)["kept"] == ["vertebrae"]


def test_what_version_1_left_behind_a_failed_run_is_kept_and_flagged(
    run, ct_file, out, monkeypatch
):
    """It recorded nothing: the files may be its own, outdated, or corrected by hand."""
    run("run-all", ct_file, out)
    old = {
        "case": "lumbar",
        "status": "failed",
        "error": {"message": "out of memory", "exit_code": 5},
        "outputs": {FILES["spine"]: atomic.sha256(out / FILES["spine"])},
        "kept": ["spine"],
        "input": {"file": ct_file.name, "sha256": atomic.sha256(ct_file)},
        "weights_sha256": {},
        "seconds": {},
        "peak_memory_mb": 1,
        "versions": {"versectl": "1"},
    }
    atomic.write_json(old, out / "lumbar_report.json")
    (out / "lumbar_provenance.json").unlink()
    (out / FILES["masks"]).unlink()
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.SEGMENTATION, "default", lacks_memory)
        assert run("run-all", ct_file, out).exit_code == 5
    done = run("run-all", ct_file, out)
    assert "lumbar_ctd.json was there before; who made it was not recorded" in done.stdout
    assert [flag["code"] for flag in report(out)["flags"]] == ["origin_unknown"]
    (out / FILES["vertebrae"]).unlink()
    run("run-all", ct_file, out)
    assert report(out)["flags"] == []
    assert report(out)["files"][FILES["vertebrae"]]["made_by"] == "versectl"


OLD_FAILURE = {
    "case": "lumbar",
    "status": "failed",
    "error": {"message": "out of memory", "exit_code": 5},
    "outputs": {},
    "kept": [],
    "input": {"file": "lumbar_ct.nii.gz", "sha256": "0" * 64},
    "weights_sha256": {},
    "seconds": {},
    "peak_memory_mb": 1,
    "versions": {"versectl": "1"},
}


def test_a_dead_process_forgets_nothing_of_what_was_recorded(run, ct_file, out):
    case, job = Case("lumbar", ct_file), Job(out, RUN_ALL, Phantoms())
    run("run-all", ct_file, out)
    recorded = report(out)["files"]
    (out / FILES["masks"]).write_bytes(b"half")
    (out / FILES["vertebrae"]).unlink()
    done = case_run.give_up(case, job, VersectlError("the process crashed."))
    assert (done.status, report(out)["status"]) == ("failed", "failed")
    kept = {name: recorded[name] for name in (FILES["spine"], FILES["masks"])}
    assert report(out)["files"] == kept


def test_a_dead_process_leaves_the_report_of_a_former_version(run, ct_file, out):
    """By it the next run knows which files are of unknown origin."""
    case, job = Case("lumbar", ct_file), Job(out, RUN_ALL, Phantoms())
    run("run-all", ct_file, out)
    atomic.write_json(OLD_FAILURE, out / "lumbar_report.json")
    (out / "lumbar_provenance.json").unlink()
    case_run.give_up(case, job, VersectlError("the process crashed."))
    assert report(out) == OLD_FAILURE


def test_a_finished_case_that_fails_anew_says_that_it_still_counts_as_done(
    run, ct_file, out, monkeypatch
):
    run("run-all", ct_file.parent, out)
    before = report(out)
    monkeypatch.setitem(pipeline.SEGMENTATION, "default", lacks_memory)
    failed = run("run-all", ct_file.parent, out, "--overwrite")
    assert failed.exit_code == 5
    says = "; its former results are kept and still count as done."
    assert failed.stderr.endswith(f"{says}\n")
    assert says in (out / "batch.csv").read_text()
    assert report(out) == before
    assert run("status", out).stdout.startswith("done 1, failed 0")


def test_centroids_of_another_program_are_kept_and_named_so(run, ct_file, ct, out):
    mine = centroids.from_world({20: CENTERS_MM[20]}, ct)
    out.mkdir()
    centroids.write(mine, out / FILES["vertebrae"])
    assert "L1 alone" in run("run-all", ct_file, out).stdout
    assert report(out)["files"][FILES["vertebrae"]]["made_by"] == "user"
    assert report(out)["files"][FILES["spine"]]["made_by"] == "versectl"


def test_corrected_masks_on_another_grid_are_refused_and_stay(run, ct_file, out):
    run("run-all", ct_file, out)
    masks = out / FILES["masks"]
    sitk.WriteImage(sitk.ReadImage(str(masks))[1:, :, :], str(masks))
    before = masks.read_bytes()
    refused = run("run-all", ct_file, out)
    assert refused.exit_code == 3
    assert "does not lie on the scan's grid; give the scan that it belongs to" in refused.stderr
    assert masks.read_bytes() == before


def halved(masks):
    return sitk.Cast(masks, sitk.sitkFloat32) * 0.5


def with_a_value(value):
    """A voxel has a number that no label map holds."""

    def changed(masks):
        voxels = sitk.GetArrayFromImage(masks).astype(np.int16)
        voxels[0, 0, 0] = value
        return geometry.from_array(voxels, masks)

    return changed


UNUSABLE = {
    "halves": (halved, "whole numbers"),
    "-1": (with_a_value(-1), "whole numbers"),
    "300": (with_a_value(300), "whole numbers"),
    "smooth": (lambda masks: sitk.SmoothingRecursiveGaussian(masks, 2.0), "whole numbers"),
    "4-D": (lambda masks: sitk.JoinSeries([masks, masks]), "2 frames"),
    "vectors": (lambda masks: sitk.Compose(masks, masks), "vector image"),
}


@pytest.mark.parametrize(("change", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_corrected_masks_that_are_no_label_map_are_refused_and_stay(
    run, ct_file, out, change, says
):
    run("run-all", ct_file, out)
    masks = out / FILES["masks"]
    sitk.WriteImage(change(sitk.ReadImage(str(masks))), str(masks))
    before = masks.read_bytes()
    foretold = run("run-all", ct_file, out, "--dry-run").stdout
    assert foretold.startswith("lumbar: would fail: ")
    refused = run("run-all", ct_file, out)
    assert (refused.exit_code, says in refused.stderr) == (3, True), refused.output
    assert refused.stderr.endswith(foretold.splitlines()[0].split("would fail: ")[1] + "\n")
    run("segment", ct_file, out)
    assert masks.read_bytes() == before


def test_masks_that_are_cut_off_are_computed_again_unless_they_are_the_users(run, ct_file, out):
    run("run-all", ct_file, out)
    masks = out / FILES["masks"]
    whole = masks.read_bytes()
    masks.write_bytes(whole[:-40])
    wanted = f"keeping spine, vertebrae, replacing {masks.name}, not as versectl wrote it"
    assert wanted in run("run-all", ct_file, out, "--dry-run").stdout
    shown = run("run-all", ct_file, out).stdout
    assert f"  replaced, though it was not as versectl wrote it: {masks.name}\n" in shown
    assert "kept, though" not in shown
    assert masks.read_bytes() == whole
    changed = sitk.ReadImage(str(masks))
    changed[0, 0, 0] = 19
    volume.write(changed, masks)
    run("run-all", ct_file, out)
    masks.write_bytes(masks.read_bytes()[:-40])
    mine = masks.read_bytes()
    assert "would fail" in run("run-all", ct_file, out, "--dry-run").stdout
    refused = run("run-all", ct_file, out)
    assert (refused.exit_code, "damaged or cut off" in refused.stderr) == (3, True)
    assert masks.read_bytes() == mine


def test_a_dry_run_says_what_would_be_replaced(run, ct_file, ct, out):
    run("run-all", ct_file, out)
    correct(out)
    shown = run("run-all", ct_file, out, "--overwrite", "--dry-run").stdout
    assert f"processed, replacing {FILES['vertebrae']}, not as versectl wrote it" in shown
    volume.write(ct + 5, ct_file)
    assert "replacing the results of another CT" in run("run-all", ct_file, out, "--dry-run").stdout
