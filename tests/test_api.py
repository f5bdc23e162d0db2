import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM, LPS, PIR, Phantoms, dice, draw, oblique

import versectl
from versectl import geometry
from versectl.batch import transaction
from versectl.errors import (
    BadInputError,
    BusyError,
    DeviceError,
    OutOfMemoryError,
    WeightsError,
)
from versectl.io import memory, volume
from versectl.types import Engine

NAMES = ["T12", "L1", "L2"]


@pytest.fixture(scope="module")
def found(phantom, models):
    return versectl.run(phantom[0], models)


def test_importing_loads_nothing_heavy_and_takes_no_time():
    code = "import sys, versectl; print(sorted({'numpy', 'SimpleITK', 'keras'} & set(sys.modules)))"
    start = time.process_time()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert time.process_time() - start < 0.1


def test_vertebrae_are_known_by_name_from_head_to_foot(found, phantom):
    assert list(found.vertebrae) == NAMES
    assert {"evaluate", "read_ct", "run", "save"} <= set(dir(versectl))
    for vertebra, center_mm in zip(found.vertebrae.values(), CENTERS_MM.values(), strict=True):
        assert vertebra.center_mm == pytest.approx(center_mm, abs=2.5)
        assert 0 <= vertebra.confidence <= 1
    lumbar = found.vertebrae["L1"]
    voxels = int((geometry.to_array(found.label_map) == lumbar.label).sum())
    assert lumbar.volume_ml == pytest.approx(voxels * 2.0 * 1.5 * 2.5 / 1000, rel=1e-3)
    assert dice(found.label_map, phantom[1], 20) > 0.9


def test_a_result_shows_its_levels_in_one_line(found):
    assert repr(found) == f"<Result: T12 to L2, 3 vertebrae; {len(found.flags)} flags>"
    assert repr(replace(found, vertebrae={}, flags=())) == "<Result: no vertebra; 0 flags>"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"engine": "foo"}, DeviceError, "'foo' is no engine; use auto, tensorflow or"),
        ({"device": "gpu1"}, DeviceError, "'gpu1' is not a device"),
        ({"device": 0}, DeviceError, "0 is not a device; use auto, cpu, gpu or gpu:N"),
        ({"fast": "yes"}, BadInputError, "fast has type str; give True or False"),
        ({"precision": "half"}, DeviceError, "'half' is no precision"),
        ({"weights": 7}, BadInputError, "weights has type int; give a folder of weights, or None"),
        ({"weights": "nowhere"}, WeightsError, "spine.json is missing"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_models_that_cannot_be_are_refused_before_a_scan_is_read(wrong, error, message):
    with pytest.raises(error, match=message):
        versectl.load_models(**wrong)


@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR)], ids=str)
def test_images_of_other_programs_give_what_the_file_gives(direction, models, tmp_path):
    ct, _ = draw(direction=direction)
    volume.write(ct, tmp_path / "scan.nii.gz")
    image = nibabel.load(tmp_path / "scan.nii.gz")
    expected = versectl.run(versectl.read_ct(tmp_path / "scan.nii.gz"), models)
    array = np.asanyarray(image.dataobj)
    for same in (ct, image, (array, image.affine)):
        result = versectl.run(same, models)
        assert list(result.vertebrae) == list(expected.vertebrae)
        for name, vertebra in result.vertebrae.items():
            assert vertebra.center_mm == pytest.approx(expected.vertebrae[name].center_mm, abs=0.05)
        for label in CENTERS_MM:
            assert dice(result.label_map, expected.label_map, label) > 0.99


@pytest.mark.parametrize("kind", ["bool", "complex64", "object"])
def test_an_image_in_memory_without_numbers_is_told_its_type(kind):
    array = np.ones((20, 24, 28), kind)
    with pytest.raises(BadInputError, match=f"has voxels of type {kind}; give Hounsfield units"):
        memory.as_ct((array, np.diag([2.0, 2.0, 2.0, 1.0])))


@pytest.mark.parametrize("kind", [sitk.sitkComplexFloat32, sitk.sitkLabelUInt8])
def test_an_image_of_itk_without_numbers_is_told_its_type(kind):
    with pytest.raises(BadInputError, match=r"of type (complex|label) of .*; give Hounsfield"):
        memory.as_ct(sitk.Image([20, 24, 28], kind))


def test_what_is_found_can_be_looked_for_among_others(found):
    lumbar, lowest = found.vertebrae["L1"], found.vertebrae["L2"]
    assert lumbar in [lowest, lumbar]
    assert lumbar != lowest
    assert len({lumbar, lowest, lumbar}) == 2


def test_each_file_of_a_result_tells_the_engine_of_its_stage(phantom, tmp_path):
    models = Phantoms()
    precisions = {"spine": "bfloat16", "vertebrae": "bfloat16", "segmentation": "int8"}
    for stage, precision in precisions.items():
        models[stage] = replace(models[stage], engine=Engine("openvino", "1", "CPU", precision))
    versectl.save(versectl.run(phantom[0], models), tmp_path, "scan")
    files = json.loads((tmp_path / "scan_provenance.json").read_text())["files"]
    told = {name: origin["engine"]["precision"] for name, origin in files.items()}
    assert told == {
        "scan_spine.json": "bfloat16",
        "scan_ctd.json": "bfloat16",
        "scan_seg.nii.gz": "int8",
    }


def test_a_network_that_does_not_fit_into_memory_is_run_in_parts_and_flagged(phantom):
    models = Phantoms()
    whole, tried = models["spine"].answer, []

    def short(seen):
        tried.append(seen.shape)
        if len(tried) == 1:
            raise MemoryError
        return whole(seen)

    models["spine"] = replace(models["spine"], answer=short)
    result = versectl.run(phantom[0], models)
    assert list(result.vertebrae) == NAMES
    assert "computed_in_parts" in [flag.code for flag in result.flags]


def test_where_not_even_parts_fit_one_line_says_so(phantom):
    models = Phantoms()

    def lacking(_seen):
        raise MemoryError

    models["spine"] = replace(models["spine"], answer=lacking)
    with pytest.raises(OutOfMemoryError, match="there is not enough memory"):
        versectl.run(phantom[0], models)


def test_an_image_in_memory_is_left_as_it_is(models):
    ct, _ = draw()
    before = geometry.to_array(ct)
    versectl.run(ct, models)
    assert np.array_equal(geometry.to_array(ct), before)


def test_an_array_that_is_no_ct_is_refused_in_one_line():
    with pytest.raises(BadInputError, match="shape"):
        versectl.run((np.zeros((4, 4)), np.eye(4)))
    with pytest.raises(BadInputError, match="constant"):
        versectl.run((np.zeros((30, 30, 30), np.int16), np.eye(4)))


@pytest.mark.parametrize("image", ["scan.nii.gz", np.zeros((2, 3, 4)), None, ("a", "b")])
def test_what_is_no_image_is_refused_in_one_line(image, models):
    with pytest.raises(versectl.VersectlError, match="give what read_ct returns, an image of"):
        versectl.run(image, models)


def refused(call, *given):
    with pytest.raises(BadInputError) as error:
        call(*given)
    return str(error.value)


def test_what_is_no_argument_of_its_kind_is_refused_in_one_line(found, ct, tmp_path):
    of_models = "models has type str; give what load_models returns."
    assert refused(versectl.run, ct, "cpu") == of_models
    assert refused(versectl.read_ct, None) == "path has type NoneType; give a file or folder."
    assert refused(versectl.read_ct, "scans", 4).startswith("series has type int; give its number")
    assert (
        refused(versectl.save, None, tmp_path, "a")
        == "result has type NoneType; give what run returns."
    )
    assert refused(versectl.save, found, 1, "a") == "folder has type int; give a folder."
    for name in (None, 3):
        assert "; give the beginning of the files' names" in refused(
            versectl.save, found, tmp_path, name
        )
    assert "overwrite has type str" in refused(versectl.save, found, tmp_path, "a", "yes")
    assert (
        refused(versectl.evaluate, found, tmp_path, {"hd": "surface"})
        == "options has type dict; give versectl.evaluation.Options."
    )
    assert refused(versectl.evaluate, "a", found) == "gt has type Result; give a folder or a file."
    assert refused(versectl.evaluate, 3, "a").startswith("pred has type int; give a folder, a")
    assert list(tmp_path.iterdir()) == []


def test_every_error_that_the_page_names_is_in_the_package():
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text()
    named = set(re.findall(r"`(?:versectl\.)?(\w+Error)`", page))
    assert {"BadInputError", "BusyError", "DeviceError", "OutputError", "WeightsError"} <= named
    for name in named:
        assert issubclass(getattr(versectl, name), versectl.VersectlError)
        assert name in dir(versectl)


def test_what_is_saved_is_what_the_command_line_writes(found, ct_file, out, run, tmp_path):
    assert run("run-all", ct_file, out).exit_code == 0
    files = versectl.save(found, tmp_path / "saved", name="lumbar")
    assert [file.name for file in files] == [
        "lumbar_spine.json",
        "lumbar_ctd.json",
        "lumbar_seg.nii.gz",
        "lumbar_report.json",
        "lumbar_provenance.json",
    ]
    for file in files[:2]:
        assert file.read_bytes() == (out / file.name).read_bytes()
    saved, written = (
        sitk.ReadImage(str(folder / files[2].name)) for folder in (files[2].parent, out)
    )
    assert np.array_equal(geometry.to_array(saved), geometry.to_array(written))
    report = json.loads(files[3].read_text())
    assert [row["name"] for row in report["vertebrae"]] == NAMES


def test_a_result_in_memory_is_evaluated_as_its_files_are(found, phantom, tmp_path):
    truth = tmp_path / "gt" / "lumbar_seg.nii.gz"
    volume.write(phantom[1], truth)
    versectl.save(found, tmp_path / "pred", name="lumbar")
    in_memory = versectl.evaluate(found, truth)
    from_files = versectl.evaluate(tmp_path / "pred", tmp_path / "gt")
    assert in_memory.pooled["dice"].mean == pytest.approx(from_files.pooled["dice"].mean)
    assert in_memory.pooled["dice"].mean > 0.9


def test_a_later_run_computes_anew_what_was_saved(found, ct_file, run, tmp_path):
    versectl.save(found, tmp_path, "lumbar")
    record = json.loads((tmp_path / "lumbar_provenance.json").read_text())["files"]
    assert {entry["made_by"] for entry in record.values()} == {"versectl"}
    assert record["lumbar_ctd.json"]["vertebrae"].keys() == set(NAMES)
    report = json.loads((tmp_path / "lumbar_report.json").read_text())
    assert report["files"] == record
    assert report["input"] == {"file": None, "sha256": None}
    assert run("run-all", ct_file, tmp_path).exit_code == 0
    report = json.loads((tmp_path / "lumbar_report.json").read_text())
    assert report["kept"] == []
    assert report["numbering"] is not None
    assert report["files"]["lumbar_seg.nii.gz"]["weights_sha256"] is not None


def test_saving_does_not_replace_masks_that_were_corrected_in_another_format(
    found, ct_file, out, run
):
    assert run("run-all", ct_file, out, "--format", "slicer").exit_code == 0
    masks = out / "lumbar_seg.seg.nrrd"
    masks.write_bytes(masks.read_bytes() + b"corrected")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(versectl.VersectlError, match="is not as versectl wrote it"):
        versectl.save(found, out, "lumbar")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("name", ["a/b", "", "../escape"])
def test_a_name_that_cannot_name_files_is_refused(found, out, name):
    with pytest.raises(BadInputError, match="is not a valid case name"):
        versectl.save(found, out, name)
    assert not out.exists()


def test_saving_replaces_a_correction_only_if_asked_to(found, ct_file, out, run):
    assert run("run-all", ct_file, out).exit_code == 0
    masks = out / "lumbar_seg.nii.gz"
    masks.write_bytes(masks.read_bytes() + b"corrected")
    with pytest.raises(versectl.VersectlError, match="is not as versectl wrote it"):
        versectl.save(found, out, "lumbar")
    assert masks.read_bytes().endswith(b"corrected")
    versectl.save(found, out, "lumbar", overwrite=True)
    assert not masks.read_bytes().endswith(b"corrected")


def test_what_is_corrected_after_saving_is_kept_and_belongs_to_the_present_ct(
    found, ct_file, run, tmp_path
):
    versectl.save(found, tmp_path, "lumbar")
    centroids = tmp_path / "lumbar_ctd.json"
    entries = json.loads(centroids.read_text())
    entries[1]["X"] += 0.5
    centroids.write_text(json.dumps(entries))
    assert run("run-all", ct_file, tmp_path).exit_code == 0
    assert json.loads(centroids.read_text()) == entries
    report = json.loads((tmp_path / "lumbar_report.json").read_text())
    assert report["kept"] == ["vertebrae"]
    assert "made_for_another_ct" not in {flag["code"] for flag in report["flags"]}


def test_saving_takes_exports_and_preview_of_a_former_result_away(found, ct_file, out, run):
    assert run("run-all", ct_file, out, "--format", "slicer", "--preview").exit_code == 0
    files = versectl.save(found, out, "lumbar")
    assert {path for path in out.iterdir() if path.name != "batch.csv"} == set(files)


def test_a_case_in_work_and_a_folder_that_is_a_file_are_refused(found, tmp_path, monkeypatch):
    monkeypatch.setattr(transaction, "PATIENCE_S", 0.0)
    with (
        transaction.begin(tmp_path, "lumbar"),
        pytest.raises(BusyError, match="another run"),
    ):
        versectl.save(found, tmp_path, "lumbar")
    (tmp_path / "taken").write_text("")
    with pytest.raises(versectl.VersectlError, match="cannot be written"):
        versectl.save(found, tmp_path / "taken", "lumbar")
