"""Batches: a failure costs its case only, and the exit code tells."""

import json

import pytest
from conftest import draw

from versectl import batch, volume
from versectl.cases import Case
from versectl.errors import BadInputError, PartialFailureError, WeightsError

CASES = [Case(name, ct=batch.Path(f"{name}_ct.nii.gz")) for name in ("a", "b", "c")]


def test_the_rest_is_done_when_one_fails(caplog):
    done = []

    def work(case):
        if case.name == "b":
            raise BadInputError("is broken.")
        done.append(case.name)
        return "fine"

    with pytest.raises(PartialFailureError, match="1 of 3 cases failed: b"):
        batch.run_cases(CASES, work, batch.Progress(3))
    assert done == ["a", "c"]
    assert "[2/3] b failed: b_ct.nii.gz: is broken." in caplog.messages


def test_a_single_case_fails_with_its_own_error():
    def work(_case):
        raise MemoryError

    with pytest.raises(batch.VersectlError, match=r"a_ct\.nii\.gz: there is not enough") as raised:
        batch.run_cases(CASES[:1], work, batch.Progress(1))
    assert raised.value.exit_code == 5


def test_missing_weights_end_the_batch_at_once():
    seen = []

    def work(case):
        seen.append(case.name)
        raise WeightsError("spine.json is missing.")

    with pytest.raises(WeightsError):
        batch.run_cases(CASES, work, batch.Progress(3))
    assert seen == ["a"]


def test_a_tree_of_scans_becomes_a_flat_folder_of_results(run, tmp_path):
    """A VerSe tree with one truncated scan and results inside the tree, run twice."""
    ct, label_map = draw()
    for name in ("sub-a", "sub-b"):
        volume.write(ct, tmp_path / "rawdata" / name / f"{name}_ct.nii.gz")
        volume.write(label_map, tmp_path / "derivatives" / name / f"{name}_seg-vert_msk.nii.gz")
    broken = tmp_path / "rawdata" / "sub-c" / "sub-c_ct.nii.gz"
    broken.parent.mkdir()
    whole = (tmp_path / "rawdata/sub-a/sub-a_ct.nii.gz").read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "results"
    done = run("run-all", tmp_path, out)
    assert done.exit_code == 4
    assert "[1/3] sub-a: T12..L2" in done.stdout
    assert "[3/3] sub-c failed" in done.stderr
    assert "1 of 3 cases failed: sub-c; the rest is done" in done.stderr
    status = {
        path.name: json.loads(path.read_text())["status"] for path in out.glob("*_report.json")
    }
    assert status == {
        "sub-a_report.json": "done",
        "sub-b_report.json": "done",
        "sub-c_report.json": "failed",
    }
    again = run("run-all", tmp_path, out)
    assert again.exit_code == 4
    assert again.stdout.count("kept") == 2


def test_a_bar_is_shown_on_a_terminal_only(caplog, monkeypatch, capsys):
    with batch.Progress(2) as progress:
        progress.case(0, CASES[0])
        progress.stage("segmentation")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    caplog.set_level("INFO", batch.log.name)  # and back afterwards
    with batch.Progress(2) as progress:
        progress.case(1, CASES[1])
        progress.stage("segmentation")
        assert progress.bar.n == pytest.approx(1.3)
    assert "b: segmentation" in capsys.readouterr().err
