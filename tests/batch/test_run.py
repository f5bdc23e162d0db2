"""Batches: which cases, what a failure costs, how the batch ends, what is left to do."""

import csv
import json
import re
import threading
from dataclasses import replace

import pytest
from phantoms import draw

from versectl.batch import case_run, outcome, transaction
from versectl.batch import run as batch_run
from versectl.batch.job import RUN_ALL, Job
from versectl.batch.outcome import Outcome
from versectl.batch.selection import Selection
from versectl.errors import BadInputError, PartialFailureError, VersectlError, WeightsError
from versectl.io import atomic, volume
from versectl.io.layout import Case
from versectl.types import Flag

CASES = [Case(name, ct=atomic.Path(f"{name}_ct.nii.gz")) for name in ("a", "b", "c")]


@pytest.fixture
def scans(ct, tmp_path):
    """Three scans, the second cut off."""
    folder = tmp_path / "scans"
    for name in ("a", "b", "c"):
        volume.write(ct, folder / f"{name}_ct.nii.gz")
    whole = (folder / "b_ct.nii.gz").read_bytes()
    (folder / "b_ct.nii.gz").write_bytes(whole[: len(whole) // 2])
    return folder


def lines(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_failure_of_one_of_many_ends_with_a_count():
    done = [Outcome("a", outcome.DONE, ""), Outcome("b", outcome.FAILED, "", (), VersectlError())]
    with pytest.raises(PartialFailureError, match="1 of 2 cases failed: b; the rest is done"):
        batch_run.conclude(done)
    batch_run.conclude(done[:1])


def test_a_single_case_fails_with_its_own_error():
    error = BadInputError("is broken.")
    with pytest.raises(BadInputError, match="is broken"):
        batch_run.conclude([Outcome("a", outcome.FAILED, "", (), error)])


def test_missing_weights_end_the_batch_before_it_begins(run, scans, out, models, monkeypatch):
    def identity(_stage):
        raise WeightsError("spine.json is missing.")

    monkeypatch.setattr(models, "identity", identity, raising=False)
    assert run("run-all", scans, out).exit_code == 6
    assert not out.exists()


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
    assert "/3] sub-a: T12 to L2" in done.stdout
    assert "/3] sub-c failed: sub-c_ct.nii.gz is damaged" in done.stderr
    assert "1 of 3 cases failed: sub-c; the rest is done" in done.stderr
    status = {
        path.name: json.loads(path.read_text())["status"] for path in out.glob("*_report.json")
    }
    assert status == {
        "sub-a_report.json": "done",
        "sub-b_report.json": "done",
        "sub-c_report.json": "failed",
    }
    found = {row["case"]: (row["status"], row["exit_code"]) for row in lines(out / "batch.csv")}
    assert found == {"sub-a": ("done", "0"), "sub-b": ("done", "0"), "sub-c": ("failed", "3")}
    again = run("run-all", tmp_path, out)
    assert again.exit_code == 4
    assert again.stdout.count("kept") == 2


def test_no_message_of_a_batch_tells_the_folders_the_scans_lie_in(run, scans, out):
    folder = scans.rename(scans.parent / "MUSTERMANN^MAX")
    done = run("run-all", folder, out)
    assert done.exit_code == 4
    found = [done.output, *(file.read_text() for file in out.glob("*[nv]"))]
    assert any("b_ct.nii.gz is damaged" in text for text in found)
    assert not any("MUSTERMANN" in text for text in found)


@pytest.mark.parametrize(
    ("ct", "text", "shown"),
    [
        ("a.nii", "a.nii: ../out/a_ctd.json is no JSON", "a.nii: ../out/a_ctd.json is no JSON"),
        ("in/a.nii", "in/a.nii and /main/in/b: no CT", "a.nii and /main/in/b: no CT"),
        ("/jane/a.nii", "/jane/a.nii: ('/jane/b') is cut", "a.nii: ('b') is cut"),
    ],
)
def test_of_other_paths_nothing_is_left_out(ct, text, shown):
    case = Case("a", ct=atomic.Path(ct))
    assert str(case_run.without_folder(BadInputError(text), case)) == shown


@pytest.mark.parametrize(
    ("plan", "names"),
    [
        (Selection(), "abc"),
        (Selection(shard=(1, 2)), "ac"),
        (Selection(shard=(2, 2)), "b"),
        (Selection(shard=(4, 4)), ""),
    ],
)
def test_shards_share_the_cases(plan, names, scans, out):
    assert "".join(case.name for case in batch_run.chosen([scans], out, plan)) == names


def test_a_limit_counts_unfinished_cases_so_that_the_same_command_goes_on(run, ct, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in "abc":
        volume.write(ct, source / f"{name}_ct.nii.gz")
    told = []
    for _ in range(3):
        assert run("run-all", source, out, "--limit", "2", "--dry-run").exit_code == 0
        done = run("run-all", source, out, "--limit", "2")
        assert done.exit_code == 0
        told.append((done.stdout.splitlines()[0], sorted(p.name[0] for p in out.glob("*_seg*"))))
    assert re.match(r"\[1/2\] [ab]: T12 to L2", told[0][0])
    assert told[1:] == [
        ("2 finished cases passed over", ["a", "b", "c"]),
        ("3 finished cases passed over", ["a", "b", "c"]),
    ]
    again = run("run-all", source, out, "--limit", "1", "--overwrite").stdout
    assert again.startswith("a: T12 to L2")


def test_a_limit_counts_failed_cases_and_leaves_the_rest_for_later(run, scans, out):
    done = run("run-all", scans, out, "--limit", "2")
    assert done.exit_code == 4
    assert [row["case"] for row in lines(out / "batch.csv")] == ["a", "b"]
    assert "1 finished case passed over" in run("run-all", scans, out, "--limit", "2").stdout
    assert [row["case"] for row in lines(out / "batch.csv")] == ["b", "c"]


def test_a_limit_tries_cases_that_failed_before_after_all_others(run, ct, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in "abcd":
        volume.write(ct, source / f"{name}_ct.nii.gz")
    for name in "ab":
        (source / f"{name}_ct.nii.gz").write_bytes(b"none")
    done = []
    for _ in range(3):
        run("run-all", source, out, "--limit", "2")
        done.append([(row["case"], row["status"]) for row in lines(out / "batch.csv")])
    failed, new = [("a", "failed"), ("b", "failed")], [("c", "done"), ("d", "done")]
    assert done == [failed, new, failed]


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3"])
def test_a_shard_that_is_none_is_wrong_usage(run, scans, out, shard):
    assert run("run-all", scans, out, "--shard", shard).exit_code == 2


def test_shards_have_tables_of_their_own(run, scans, out):
    assert run("run-all", scans, out, "--shard", "1/3").exit_code == 0
    assert run("run-all", scans, out, "--shard", "2/3").exit_code == 3
    assert [row["case"] for row in lines(out / "batch-1of3.csv")] == ["a"]
    assert [row["case"] for row in lines(out / "batch-2of3.csv")] == ["b"]


def test_a_manifest_names_the_cases(run, scans, out):
    listed = scans / "cases.csv"
    listed.write_text("case,ct,ward\none,a_ct.nii.gz,7\n,c_ct.nii.gz,8\n")
    assert run("run-all", scans, out, "--manifest", listed).exit_code == 0
    assert sorted(file.name for file in out.glob("*_report.json")) == [
        "c_report.json",
        "one_report.json",
    ]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda out: (out / "lumbar_seg.nii.gz").write_bytes(b"half"), "3 vertebrae"),
        (lambda out: (out / "lumbar_seg.nii.gz").unlink(), "3 vertebrae"),
        (lambda out: (out / "lumbar_spine.json").unlink(), "3 vertebrae"),
        (lambda out: (out / "lumbar_report.json").write_text("{"), "3 vertebrae"),
        (lambda out: None, "kept"),
    ],
)
def test_finished_is_what_is_whole(run, ct_file, out, damage, says):
    run("run-all", ct_file, out)
    before = atomic.sha256(out / "lumbar_seg.nii.gz")
    damage(out)
    assert says in run("run-all", ct_file, out).stdout
    assert atomic.sha256(out / "lumbar_seg.nii.gz") == before
    assert "kept" in run("run-all", ct_file, out).stdout


def test_another_ct_or_other_weights_are_another_case(run, ct_file, out, models, monkeypatch):
    run("run-all", ct_file, out)
    monkeypatch.setitem(models, "vertebrae", replace(models["vertebrae"], sha256="d" * 64))
    assert "3 vertebrae" in run("run-all", ct_file, out).stdout
    found = json.loads((out / "lumbar_report.json").read_text())
    assert found["kept"] == ["spine"]
    assert found["files"]["lumbar_ctd.json"]["weights_sha256"] == "d" * 64
    volume.write(volume.read_ct(ct_file).image + 1, ct_file)
    assert "3 vertebrae" in run("run-all", ct_file, out).stdout
    assert "kept" in run("run-all", ct_file, out).stdout


def test_a_correction_stays_and_what_follows_from_it_is_computed_again(run, ct_file, out):
    run("run-all", ct_file, out)
    path = out / "lumbar_ctd.json"
    corrected = [entry for entry in json.loads(path.read_text()) if entry.get("label") != 21]
    atomic.write_json(corrected, path)
    assert "T12 to L1, 2 vertebrae" in run("run-all", ct_file, out).stdout
    found = json.loads((out / "lumbar_report.json").read_text())
    assert (found["kept"], len(found["vertebrae"])) == (["spine", "vertebrae"], 2)
    assert "kept" in run("run-all", ct_file, out).stdout


def test_results_are_reported_with_their_hashes(run, ct_file, out):
    run("run-all", ct_file, out)
    found = json.loads((out / "lumbar_report.json").read_text())
    assert len(found["files"]) == 3
    for name, made in found["files"].items():
        assert atomic.sha256(out / name) == made["sha256"]


def test_a_bar_is_shown_on_a_terminal_only(caplog, monkeypatch, capsys):
    with batch_run.Progress(2) as progress:
        progress.step(CASES[0], "segmentation")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    caplog.set_level("INFO", batch_run.log.name)  # and back afterwards
    with batch_run.Progress(2) as progress:
        progress.over(Outcome(CASES[0].name, outcome.DONE, ""))
        progress.step(CASES[1], "segmentation")
        assert progress.bar.n == pytest.approx(1.3)
    shown = capsys.readouterr().err
    assert "b: segmentation" in shown
    assert "left  b" in shown


def test_a_process_without_stderr_has_no_bar(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    with batch_run.Progress(2) as progress:
        assert progress.bar is None


def test_a_bar_never_goes_back_and_counts_all_cases_in_work():
    progress = batch_run.Progress(3)
    shares = []
    for case, step in (
        (0, "vertebrae"),
        (1, "read"),
        (0, "segmentation"),
        (1, "load"),
        (0, "load"),
    ):
        progress.step(CASES[case], step)
        shares.append(progress.done)
    assert shares == sorted(shares)
    progress.step(CASES[1], "vertebrae")
    assert progress.done == pytest.approx(0.35)


def test_the_time_left_is_told_by_cases_that_were_computed():
    progress = batch_run.Progress(6)
    assert progress.left_s(10.0) is None
    for status in (outcome.KEPT, outcome.KEPT):
        progress.over(Outcome("a", status, ""))
        assert progress.left_s(10.0) is None
    progress.over(Outcome("b", outcome.DONE, ""))
    assert progress.left_s(10.0) == pytest.approx(30.0)
    for name in "cde":
        progress.over(Outcome(name, outcome.DONE, ""))
    assert progress.left_s(40.0) is None


def test_status_and_collect_tell_of_all_reports(run, scans, out):
    run("run-all", scans, out)
    assert run("status", out).stdout.splitlines() == [
        "done 2, failed 1, working 0",
        f"  b failed: {json.loads((out / 'b_report.json').read_text())['error']['message']}",
    ]
    assert json.loads(run("status", out, "--json").stdout)["done"] == 2
    assert "3 cases" in run("collect", out).stdout
    rows = {row["case"]: row for row in lines(out / "collected.csv")}
    assert (rows["a"]["first"], rows["a"]["last"], rows["a"]["vertebrae"]) == ("T12", "L2", "3")
    assert (rows["b"]["status"], rows["b"]["exit_code"]) == ("failed", "3")
    run("collect", out, "--rows", "vertebrae", "--csv", out / "v.csv")
    assert [row["name"] for row in lines(out / "v.csv")] == ["T12", "L1", "L2"] * 2


def test_a_folder_without_reports_is_taken_for_a_mistake(run, scans):
    done = run("collect", scans)
    assert done.exit_code == 3
    assert "holds no <case>_report.json; give the OUT of run-all" in done.stderr
    assert not (scans / "collected.csv").exists()
    assert "is this the OUT of run-all?" in run("status", scans).stdout


def test_a_foreign_or_damaged_report_costs_that_case_only(run, scans, out):
    run("run-all", scans, out)
    report = json.loads((out / "a_report.json").read_text())
    del report["versions"]
    atomic.write_json(report, out / "a_report.json")
    (out / "other_report.json").write_text('{"status": "done", "stages": ["unknown"]}')
    status = run("status", out).stdout
    assert status.startswith("done 1, failed 1, working 0")
    assert "a_report.json cannot be read; run the case again" in status
    assert json.loads(run("status", out, "--json").stdout)["unreadable"] == ["a", "other"]
    assert "4 cases" in run("collect", out).stdout
    again = run("run-all", scans, out)
    assert again.exit_code == 4
    assert "a: T12 to L2" in again.stdout
    assert json.loads(run("status", out, "--json").stdout)["unreadable"] == ["other"]


def test_status_of_nothing_is_bad_input(run, out):
    assert run("status", out).exit_code == 3


def test_a_single_case_that_another_run_has_is_an_error_with_a_code_of_its_own(run, ct_file, out):
    with transaction.begin(out, "lumbar"):
        done = run("run-all", ct_file, out)
        assert done.exit_code == 7
        assert done.stdout == ""
        assert "lumbar is being processed by another run; try again" in done.stderr
        assert run("status", out).stdout == "done 0, failed 0, working 1\n"
    assert "3 vertebrae" in run("run-all", ct_file, out).stdout


def test_a_case_of_a_batch_that_another_run_has_is_left_to_it_and_counted(run, scans, out):
    with transaction.begin(out, "c"):
        done = run("run-all", scans / "a_ct.nii.gz", scans / "c_ct.nii.gz", out)
    assert done.exit_code == 0
    assert "c: skipped, another run is processing it" in done.stdout
    assert "1 of 2 cases left to other runs, which are processing them: c" in done.stdout
    assert [row["status"] for row in lines(out / "batch.csv")] == ["done", "busy"]


def test_status_tells_a_dead_run_from_one_at_work(run, ct_file, out):
    run("run-all", ct_file, out)
    (out / ".versectl").mkdir()
    (out / ".versectl" / "other.lock").touch()
    assert run("status", out).stdout.splitlines() == [
        "done 1, failed 0, working 0",
        "  interrupted: other; start the command again to finish",
    ]
    told = json.loads(run("status", out, "--json").stdout)
    assert (told["working"], told["interrupted"]) == ([], ["other"])


def test_outcomes_are_plain_enough_to_travel():
    import pickle

    one = replace(CASES[0], name="x")
    found = Outcome(one.name, outcome.FAILED, "", (), BadInputError("is broken."))
    back = pickle.loads(pickle.dumps(found))
    assert type(back.error) is BadInputError


def test_flags_are_told_by_their_severity_the_most_severe_first(caplog):
    flags = [
        Flag(code, severity, None, f"This is {code}.", "")
        for code, severity in (("a", "note"), ("b", "warning"), ("c", "error"), ("d", "note"))
    ]
    with caplog.at_level("INFO", "versectl"):
        batch_run.report(Outcome("x", outcome.DONE, "done", tuple(flags)), "")
    assert [record.getMessage().strip() for record in caplog.records] == [
        "x: done",
        "likely wrong: This is c.",
        "please check: This is b.",
        "note: This is a.",
        "note: This is d.",
    ]


def test_several_inputs_are_one_batch(run, scans, out):
    one, other = scans / "a_ct.nii.gz", scans / "c_ct.nii.gz"
    done = run("run-all", other, one, out)
    assert done.exit_code == 0, done.output
    assert [row["case"] for row in lines(out / "batch.csv")] == ["a", "c"]


def test_two_inputs_with_the_same_case_name_are_refused(run, scans, ct, out, tmp_path):
    volume.write(ct, tmp_path / "other" / "a.nii.gz")
    done = run("run-all", scans, tmp_path / "other", out)
    assert done.exit_code == 3
    assert "belong to the same case, a;" in done.stderr
    assert not out.exists()


def test_a_manifest_goes_with_one_input(run, scans, out, tmp_path):
    manifest = tmp_path / "cases.csv"
    manifest.write_text("ct\na_ct.nii.gz\n")
    refused = run("run-all", scans, scans, out, "--manifest", manifest)
    assert (refused.exit_code, "--manifest goes with one IN" in refused.stderr) == (2, True)
    with pytest.raises(BadInputError, match="goes with one IN"):
        batch_run.chosen([scans, scans], out, Selection(manifest=manifest))


def test_two_places_for_the_cases_are_wrong_usage(run, scans, out):
    words = ("--scheduler", "127.0.0.1:1", "--local-workers", 2)
    assert run("run-all", scans, out, *words).exit_code == 2


def test_a_dry_run_says_which_ct_is_missing(run, scans, out):
    listed = scans / "cases.csv"
    listed.write_text("case,ct\none,a_ct.nii.gz\ntwo,gone_ct.nii.gz\n")
    found = run("run-all", scans, out, "--manifest", listed, "--dry-run").stdout
    assert found.splitlines()[:2] == [
        "one: would be processed",
        "two: would fail: gone_ct.nii.gz does not exist.",
    ]


def test_a_dry_run_says_what_would_become_of_each_case_and_writes_nothing(run, scans, out):
    found = run("run-all", scans, out, "--dry-run")
    assert found.exit_code == 0
    assert found.stdout.count("would be processed") == 3
    assert found.stdout.endswith("\n3 cases\n")
    assert not out.exists()
    run("run-all", scans / "a_ct.nii.gz", out)
    before = sorted(out.iterdir())
    found = run("run-all", scans, out, "--dry-run").stdout
    assert "a: kept" in found
    assert found.count("would be processed") == 2
    assert "would fail" in run("segment", scans, out, "--dry-run").stdout
    assert sorted(out.iterdir()) == before


class Stuck:
    """A worker whose first case does not end before the worker is closed."""

    def __init__(self, *_settings):
        self.closed = threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.closed.set()

    def do(self, case):
        if case.name == "a":
            self.closed.wait(60)
        return Outcome(case.name, outcome.FAILED if case.name == "b" else outcome.DONE, "")


def test_a_case_is_told_of_when_it_ends_whatever_the_first_one_does(models, out, monkeypatch):
    monkeypatch.setattr(batch_run, "Worker", Stuck)
    ended = batch_run.in_a_worker(CASES, Job(out, RUN_ALL, models), None, lambda *_: None)
    assert {next(ended).name, next(ended).name} == {"b", "c"}
    ended.close()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_batch_that_is_stopped_says_how_far_it_is(models, out, monkeypatch, caplog, stop):
    def stopped(*_batch):
        yield Outcome("b", outcome.FAILED, "it is broken", (), VersectlError())
        yield Outcome("c", outcome.DONE, "")
        raise stop

    monkeypatch.setattr(batch_run, "outcomes", stopped)
    table = out / "batch.csv"
    with pytest.raises(stop):
        batch_run.run_cases(CASES, Job(out, RUN_ALL, models), table=table)
    assert [row["case"] for row in lines(table)] == ["b", "c"]
    said = "1 of 3 cases done, 1 failed; start the same command again to go on."
    assert caplog.messages[-1] == said


def test_the_table_of_an_earlier_batch_does_not_outlive_one_that_was_stopped(tmp_path):
    table = tmp_path / "batch.csv"
    with outcome.OutcomeTable(table) as earlier:
        earlier.add(Outcome("a", outcome.DONE, ""))
    with outcome.OutcomeTable(table):
        pass  # nothing was to be done
    assert len(lines(table)) == 1
    with pytest.raises(KeyboardInterrupt), outcome.OutcomeTable(table):
        raise KeyboardInterrupt
    assert lines(table) == []


def test_where_all_cases_failed_there_is_no_rest():
    failed = [Outcome(name, outcome.FAILED, "x", error=VersectlError("x")) for name in "ab"]
    with pytest.raises(PartialFailureError, match=r"2 of 2 cases failed: a, b\.$"):
        batch_run.conclude(failed)


def test_the_limit_of_pictures_goes_on_with_those_that_are_not_there(run, ct_file, ct, out):
    volume.write(ct, ct_file.with_name("other_ct.nii.gz"))
    run("run-all", ct_file.parent, out)
    for wanted in ("lumbar", "other"):
        run("preview", ct_file.parent, out, "--limit", "1")
        assert (out / f"{wanted}_preview.png").exists()
        assert (out / "other_preview.png").exists() == (wanted == "other")
