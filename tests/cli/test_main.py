"""The command line: what each command writes, keeps and says, and how it ends."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from phantoms import CENTERS_MM, dice

from versectl import geometry
from versectl.cli import main as cli
from versectl.errors import OutOfMemoryError, WeightsError
from versectl.io import atomic, centroids, volume
from versectl.stages import pipeline
from versectl.types import Vertebrae

COMMANDS = sorted(cli.main.commands)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_run_all_writes_every_result_and_says_what_it_found(run, ct_file, out, ct, label_map):
    done = run("run-all", ct_file, out)
    assert done.exit_code == 0, done.output
    assert "lumbar: T12 to L2, 3 vertebrae" in done.stdout
    assert names(out) == [
        "lumbar_ctd.json",
        "lumbar_provenance.json",
        "lumbar_report.json",
        "lumbar_seg.nii.gz",
        "lumbar_spine.json",
    ]
    found = sitk.ReadImage(str(out / "lumbar_seg.nii.gz"))
    assert found.GetPixelID() == sitk.sitkUInt8
    assert geometry.same_grid(found, ct)
    assert all(dice(found, label_map, label) > 0.9 for label in CENTERS_MM)


def test_the_report_tells_what_was_found_from_what_and_by_what(run, ct_file, out, label_map):
    run("run-all", ct_file, out)
    told = json.loads((out / "lumbar_report.json").read_text())
    assert told["status"] == "done"
    assert told["input"] == {"file": "lumbar_ct.nii.gz", "sha256": atomic.sha256(ct_file)}
    made = told["files"]["lumbar_ctd.json"]
    assert (made["made_by"], made["weights_sha256"]) == ("versectl", "b" * 64)
    assert made["made_from_sha256"] == atomic.sha256(out / "lumbar_spine.json")
    assert {"versectl", "python", "keras", "SimpleITK"} <= set(told["versions"])
    assert {"read", "spine", "vertebrae", "segmentation", "write"} <= set(told["seconds"])
    first = told["vertebrae"][0]
    assert (first["label"], first["name"]) == (19, "T12")
    assert first["peak"] > 0.5
    block_ml = (geometry.to_array(label_map) == 19).sum() * np.prod(label_map.GetSpacing()) / 1000
    assert first["volume_ml"] == pytest.approx(block_ml, rel=0.1)
    assert told["warnings"] == []


def test_the_stages_one_by_one_give_what_run_all_gives(run, ct_file, out, tmp_path):
    for command in ("localize-spine", "localize-vertebrae", "segment"):
        assert run(command, ct_file, out).exit_code == 0
    assert names(out) == [
        "lumbar_ctd.json",
        "lumbar_provenance.json",
        "lumbar_seg.nii.gz",
        "lumbar_spine.json",
    ]
    run("run-all", ct_file, tmp_path / "all")
    for name in names(out):
        assert atomic.sha256(out / name) == atomic.sha256(tmp_path / "all" / name)


def test_the_spine_is_told_in_millimetres_and_in_voxels(run, ct_file, out, ct):
    assert run("localize-spine", ct_file, out, "--heatmap").exit_code == 0
    told = json.loads((out / "lumbar_spine.json").read_text())
    assert told["center_mm"] == pytest.approx(CENTERS_MM[20], abs=8)
    assert geometry.to_mm(ct, told["center_vox"]) == pytest.approx(told["center_mm"], abs=0.1)
    heatmap = sitk.ReadImage(str(out / "lumbar_spine_heatmap.nii.gz"))
    assert heatmap.GetSpacing() == pytest.approx(ct.GetSpacing())
    assert geometry.same_grid(heatmap, ct)


def test_a_corrected_spine_is_what_the_next_stage_reads(run, ct_file, out, tmp_path, monkeypatch):
    run("localize-spine", ct_file, out)
    corrected = tmp_path / "mine" / "lumbar_spine.json"
    atomic.write_json({"center_mm": [5.0, 30.0, -80.0]}, corrected)
    asked = []

    def predict(_ct, center_mm, _model):
        asked.append(center_mm.tolist())
        return Vertebrae({})

    monkeypatch.setitem(pipeline.VERTEBRAE, "default", predict)
    run("localize-vertebrae", ct_file, out, "--spine", corrected.parent)
    run("localize-vertebrae", ct_file, out)
    assert asked[0] == [5.0, 30.0, -80.0]
    assert asked[1] != asked[0]


def test_corrected_centroids_are_what_is_segmented(run, ct_file, out, label_map, tmp_path):
    """A user renames L1 to L3 and takes the others out, in another program's axis order."""
    image = sitk.DICOMOrient(label_map, "LPS")
    mine = centroids.from_world({22: CENTERS_MM[20]}, image)
    path = tmp_path / "mine" / "derivatives" / "lumbar_seg-subreg_ctd.json"
    centroids.write(mine, path)
    assert run("segment", ct_file, out, "--centroids", tmp_path / "mine").exit_code == 0
    found = sitk.ReadImage(str(out / "lumbar_seg.nii.gz"))
    assert set(np.unique(geometry.to_array(found))) == {0, 22}
    assert dice(found == 22, label_map == 20, 1) > 0.9


def test_a_stage_says_which_command_comes_first(run, ct_file, out):
    done = run("segment", ct_file, out)
    assert done.exit_code == 3
    assert "lumbar_ctd.json is missing; run localize-vertebrae first" in done.stderr


@pytest.mark.parametrize("command", ["localize-spine", "localize-vertebrae", "segment", "run-all"])
def test_a_result_that_is_there_is_kept_and_said_so(run, ct_file, out, command):
    run("run-all", ct_file, out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    done = run(command, ct_file, out)
    assert done.exit_code == 0
    assert "lumbar: kept" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert "kept" not in run(command, ct_file, out, "--overwrite").stdout


def test_run_all_goes_on_from_the_stages_that_are_there(run, ct_file, out):
    run("localize-spine", ct_file, out)
    run("localize-vertebrae", ct_file, out)
    run("run-all", ct_file, out)
    told = json.loads((out / "lumbar_report.json").read_text())
    assert told["kept"] == ["spine", "vertebrae"]
    assert told["vertebrae"][0]["peak"] > 0.5
    assert told["vertebrae"][0]["confidence"] > 0.5


def test_a_report_does_not_outlive_the_result_it_tells_of(run, ct_file, out):
    run("run-all", ct_file, out)
    run("segment", ct_file, out, "--overwrite")
    assert not (out / "lumbar_report.json").exists()


def test_every_option_has_a_twin_in_the_environment(run, ct_file, out, monkeypatch):
    run("run-all", ct_file, out)
    monkeypatch.setenv("VERSECTL_OVERWRITE", "1")
    assert "kept" not in run("run-all", ct_file, out).stdout
    monkeypatch.setenv("VERSECTL_QUIET", "1")
    assert run("run-all", ct_file, out).output == ""
    monkeypatch.setenv("VERSECTL_DEVICE", "tpu")
    assert run("run-all", ct_file, out).exit_code == 2


def test_verbose_tells_of_every_stage(run, ct_file, out):
    told = run("run-all", ct_file, out, "-v").stdout
    assert [f"lumbar: {s}" in told for s in ("spine", "vertebrae", "segmentation")] == [True] * 3


@pytest.mark.parametrize(
    "words",
    [
        ["run-all"],
        ["run-all", "a", "b", "--device", "tpu"],
        ["run-all", "a", "b", "--precision", "int8"],
        ["run-all", "a", "b", "--engine", "numpy"],
        ["run-all", "a", "b", "--nonsense"],
        ["run-all", "a", "b", "--vertebrae", "T10-L5"],
        ["nonsense"],
    ],
)
def test_wrong_usage_ends_with_2(words):
    assert CliRunner().invoke(cli.main, words).exit_code == 2


class ResourceExhaustedError(Exception):
    """Stands for TensorFlow's, which is known by its name."""


@pytest.mark.parametrize(
    "failure",
    [
        (MemoryError(), 5),
        (ResourceExhaustedError("OOM when allocating tensor"), 5),
        (OutOfMemoryError("too big"), 5),
        (RuntimeError("itk::ERROR: Failed to allocate memory for image."), 5),
        (RuntimeError("[CPU] Gather node: Failed to allocate 335544320 bytes of memory"), 5),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1761607680 bytes."), 5),
        (
            RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            ),
            5,
        ),
        (WeightsError("spine.weights.h5 is damaged"), 6),
        (PermissionError(13, "Permission denied", "somewhere"), 3),
        (ZeroDivisionError("division by zero"), 1),
    ],
)
def test_every_failure_is_one_line_and_its_own_exit_code(run, ct_file, out, monkeypatch, failure):
    error, code = failure

    def fail(*_inputs):
        raise error

    monkeypatch.setitem(pipeline.SEGMENTATION, "default", fail)
    done = run("run-all", ct_file, out)
    assert done.exit_code == code
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert not (out / "lumbar_seg.nii.gz").exists()
    if code != 6:  # without weights no case can be done, so none is to blame
        told = json.loads((out / "lumbar_report.json").read_text())
        assert (told["status"], told["error"]["exit_code"]) == ("failed", code)


def test_a_failed_case_is_tried_again(run, ct_file, out, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.SEGMENTATION, "default", lambda *_: 1 / 0)
        assert run("run-all", ct_file, out).exit_code == 1
    assert run("run-all", ct_file, out).exit_code == 0
    assert json.loads((out / "lumbar_report.json").read_text())["status"] == "done"


def test_an_interrupt_ends_with_130(run, ct_file, out, monkeypatch):
    def interrupt(*_inputs):
        raise KeyboardInterrupt

    monkeypatch.setitem(pipeline.VERTEBRAE, "default", interrupt)
    done = run("run-all", ct_file, out)
    assert done.exit_code == 130
    assert done.stderr == "Interrupted. What was finished is kept; no file is half-written.\n"
    assert names(out) == []


TERMINATED = """
import sys, time
import SimpleITK as sitk
from versectl import config, geometry
from versectl.cli import main as cli
from versectl.io.images import nifti
from versectl.networks import loading
from versectl.stages import pipeline
from versectl.types import Identity, Model, Spine

def slow(voxels, forms, path, extension=None):
    path.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)

class Fake:
    def __init__(self, *_): pass
    fast = False
    def model(self, stage): return Model(config.DEFAULT[stage], None)
    def identity(self, stage): return Identity("", "")
    def load_ahead(self, stages): pass

nifti.write = slow
pipeline.SPINE["default"] = lambda ct, model: Spine(geometry.center(ct), 0.9, ct)
loading.Models = Fake
cli.main(["localize-spine", sys.argv[1], sys.argv[2], "--heatmap"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_a_termination_while_writing_leaves_nothing_half_written(ct_file, out):
    command = [sys.executable, "-c", TERMINATED, str(ct_file), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    process.stdout.close()
    assert names(out) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    assert cli.main.commands[command].help


def test_no_command_is_cut_off_in_the_list(run):
    listed = run("--help").stdout.partition("Commands:")[2]
    assert "run-all" in listed
    assert "..." not in listed


def test_help_loads_nothing_heavy_and_answers_at_once():
    code = (
        "import sys, versectl.cli.main; "
        "heavy = {'numpy', 'SimpleITK', 'scipy', 'matplotlib', 'keras', 'tensorflow', 'openvino', "
        "'nibabel'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert loaded.stdout.decode().strip() == "[]"
    before = os.times()
    subprocess.run([sys.executable, "-m", "versectl", "--help"], capture_output=True, check=True)
    after = os.times()
    used = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    assert used < 0.3  # seconds of CPU: what the answer takes on an idle machine


def test_missing_weights_are_one_line_although_an_engine_was_loaded(ct_file, out, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "versectl", "run-all", ct_file, out, "--weights", tmp_path / "none"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 6
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: ")
    assert done.stdout == ""
    assert not out.exists()


QUICK = """
import sys
from click.testing import CliRunner
from versectl.cli.main import main
done = CliRunner().invoke(main, sys.argv[1:])
print(done.exit_code, sorted({"keras", "openvino", "tensorflow"} & set(sys.modules)))
print(sorted({"SimpleITK", "nibabel", "scipy", "matplotlib", "h5py"} & set(sys.modules)))
"""


@pytest.mark.parametrize("words", ["weights list", "weights path", "status {0}", "collect {0}"])
def test_quick_answers_load_neither_engines_nor_readers_of_images(words, run, ct_file, out):
    run("run-all", ct_file, out)
    command = [sys.executable, "-c", QUICK, *words.format(out).split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["0 []", "[]"]


def test_evaluation_loads_no_engine(run, ct_file, out):
    run("run-all", ct_file, out)
    command = [sys.executable, "-c", QUICK, "evaluate", "--pred", str(out), "--gt", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2] == "0 []"


def test_in_and_out_may_be_spelt_as_other_tools_do(run, ct_file, out, ct):
    volume.write(ct, ct_file.with_name("other_ct.nii.gz"))
    words = ("-i", ct_file, "-q", "-o", out, "-i", ct_file.with_name("other_ct.nii.gz"))
    assert run("run-all", *words).exit_code == 0
    assert {"lumbar_report.json", "other_report.json"} < set(names(out))
    for words in (("-i", ct_file, out), ("-o", out), ("-i", ct_file, "-o", out, "-o", out)):
        done = run("run-all", *words)
        assert done.exit_code == 2
        assert "-i IN and -o OUT go together" in done.stderr
