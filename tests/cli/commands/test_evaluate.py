"""evaluate and rank on the command line: what they print, and how they end."""

import json
import subprocess
import sys
from typing import get_args, get_type_hints

import numpy as np
import pytest
import SimpleITK as sitk
from versectl.evaluation import Files, Options, Rules, identification, metrics, numbering

from versectl.cli.commands import evaluate as commands
from versectl.io import challenge_centroids, volume


def write_mask(path, labels=(20, 21, 22), shift_vox=0):
    array = np.zeros((31, 14, 17), np.int16)
    for level, label in enumerate(labels):
        array[22 - 9 * level : 29 - 9 * level, 3:10, 2 + shift_vox : 10 + shift_vox] = label
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.5, 1.25, 2.0))
    volume.write(image, path)


@pytest.fixture
def folders(tmp_path):
    write_mask(tmp_path / "gt" / "a_seg.nii.gz")
    write_mask(tmp_path / "pred" / "a_seg.nii.gz", shift_vox=1)
    return ["--pred", tmp_path / "pred", "--gt", tmp_path / "gt"]


def test_quiet_prints_nothing_of_a_comparison_that_went_well(run, folders):
    done = run("evaluate", *folders, "-q", "--fail-below", "DSC=0.5")
    assert (done.exit_code, done.output) == (0, "")
    assert "Dice" in run("evaluate", *folders).stdout


def test_quiet_prints_every_failure_and_nothing_else(run, folders, tmp_path):
    for name in ("b", "c"):
        write_mask(tmp_path / "gt" / f"{name}_seg.nii.gz")
    (tmp_path / "pred" / "b_seg.nii.gz").write_bytes(b"no volume")
    done = run("evaluate", *folders, "-q", "--fail-below", "DSC=0.99")
    assert done.exit_code == 4
    assert done.stdout == ""
    first, second, last = done.stderr.splitlines()
    assert first.startswith("b: not compared: ")
    assert second == "c: no prediction, not counted"
    assert "DSC is 0." in last
    ranked = run("rank", tmp_path / "pred", tmp_path / "gt", "--gt", tmp_path / "gt", "-q")
    assert ranked.stdout == ""
    assert "pred: b: prediction not read, counted as empty" in ranked.stderr


@pytest.mark.parametrize("words", ["id=90", "HD=5", "Dice", "Dice=nan"])
def test_a_threshold_that_is_none_is_wrong_usage(run, folders, words):
    refused = run("evaluate", *folders, "--fail-below", words)
    assert (refused.exit_code, f"'{words}' is not a threshold" in refused.stderr) == (2, True)


@pytest.mark.parametrize("name", ["pred/a_seg.nii.gz", "pred/a_report.json", "pred", "new.csv"])
def test_a_table_replaces_nothing_that_is_no_table(run, folders, tmp_path, name):
    (tmp_path / "new.csv").mkdir()
    (tmp_path / "pred" / "a_report.json").write_text("{}")
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*")}
    refused = run("evaluate", *folders, "--csv", tmp_path / name)
    assert (refused.exit_code, "Invalid value for '--csv'" in refused.stderr) == (2, True)
    assert run("collect", tmp_path / "pred", "--csv", tmp_path / name).exit_code == 2
    assert {path: path.read_bytes() for path in tmp_path.glob("*/*")} == before


def test_a_table_named_tsv_has_tabs(run, folders, tmp_path):
    run("evaluate", *folders, "--csv", tmp_path / "all.tsv")
    assert (tmp_path / "all.tsv").read_text().splitlines()[1].startswith("a\t")


def test_json_is_printed_however_quiet(run, folders):
    assert json.loads(run("evaluate", *folders, "-q", "--json").stdout)["points"] == "masks"


def test_details_are_printed_when_asked(run, folders):
    assert "Per vertebra" not in run("evaluate", *folders).stdout
    assert "Per vertebra" in run("evaluate", *folders, "--details").stdout
    assert "Table 1" in run("evaluate", *folders, "--compare", "published").stdout


def test_options_of_reading_reach_the_evaluation(run, folders, tmp_path):
    write_mask(tmp_path / "pred" / "a_seg.nii.gz", labels=(31, 30, 29))
    guessed = run("evaluate", *folders)
    assert "read in TotalSegmentator's numbers" in guessed.stdout
    assert "3 of 3 (100.0 %)" in guessed.stdout
    forced = run("evaluate", *folders, "--pred-labels", "verse")
    assert "no label of VerSe's numbering: 29, 30, 31" in forced.stdout
    assert "0 of 3 (0.0 %)" in forced.stdout
    without = run("evaluate", *folders, "--points", "files")
    assert "no true centroid file, identification not scored" in without.stdout


def test_the_command_offers_what_the_evaluation_knows():
    offered = {option.name: option.type for option in commands.evaluate.params}
    known = {
        "points": (Options, "points"),
        "hd": (Rules, "distance"),
        "rule": (Rules, "identified"),
        "pred_format": (Files, "centroid_format"),
        "gt_labels": (Files, "label_numbers"),
    }
    for option, (record, field) in known.items():
        assert set(offered[option].choices) == set(get_args(get_type_hints(record)[field]))
    assert set(metrics.DISTANCES) == set(offered["hd"].choices)
    assert set(identification.RULES) == set(offered["rule"].choices)
    assert {"auto", *numbering.SCHEMES} == set(offered["gt_labels"].choices)
    assert {"subject", *challenge_centroids.CHALLENGE_AXES} == set(offered["pred_format"].choices)


def test_comparing_loads_no_deep_learning_library(folders):
    code = "\n".join(
        [
            "import sys",
            "from versectl.cli.main import main",
            "main(sys.argv[1:], standalone_mode=False)",
            "assert not {'keras', 'tensorflow', 'matplotlib'} & {*sys.modules}",
        ]
    )
    command = [sys.executable, "-c", code, "evaluate", *map(str, folders)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
