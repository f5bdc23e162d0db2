"""Tables and the overview of a batch: how certain levels are, and what else they may be."""

import csv
import json
import shutil

import pytest
from phantoms import CENTERS_MM

from versectl.batch import transaction
from versectl.report import summary
from versectl.stages import pipeline
from versectl.types import Numbering, OtherNumbering, Vertebra, Vertebrae


@pytest.fixture
def doubtful(monkeypatch):
    """The second stage doubts its labels; in its second numbering L2 is no vertebra."""

    def predict(_ct, _center_mm, _model):
        sure = dict(zip(CENTERS_MM, (0.9, 0.55, 0.6), strict=True))
        found = {label: Vertebra(CENTERS_MM[label], 0.8, sure[label]) for label in CENTERS_MM}
        second = OtherNumbering((18, 19, None), -1, 0.4)
        return Vertebrae(found, Numbering(0.5, second, ("last_rib",)))

    monkeypatch.setitem(pipeline.VERTEBRAE, "default", predict)


def table(run, out, rows="cases"):
    assert run("collect", out, "--rows", rows).exit_code == 0
    with (out / summary.TABLES[rows]).open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_case_has_the_certainty_of_its_levels_and_the_second_numbering(
    run, ct_file, out, doubtful
):
    run("run-all", ct_file, out)
    (row,) = table(run, out)
    assert list(row) == list(summary.CASES)
    wanted = {
        "levels_by": "versectl",
        "probability": "0.5",
        "least_confidence": "0.55",
        "second_labels": "T11 T12 none",
        "second_shift": "-1",
        "second_probability": "0.4",
        "evidence": "last_rib",
        "flags": "levels_may_be_shifted",
    }
    assert {name: row[name] for name in wanted} == wanted


def test_a_vertebra_has_its_own_certainty_and_its_second_name(run, ct_file, out, doubtful):
    run("run-all", ct_file, out)
    rows = table(run, out, "vertebrae")
    assert list(rows[0]) == list(summary.VERTEBRAE)
    told = [(r["name"], r["confidence"], r["second_name"], r["second_probability"]) for r in rows]
    assert told == [
        ("T12", "0.9", "T11", "0.4"),
        ("L1", "0.55", "T12", "0.4"),
        ("L2", "0.6", "", "0.4"),
    ]


def test_the_overview_names_cases_that_are_likely_wrong_and_why(run, ct_file, out, doubtful):
    run("run-all", ct_file, out)
    said = run("status", out).stdout.splitlines()
    assert said[0] == "done 1, failed 0, working 0"
    assert said[1].startswith("  lumbar is likely wrong: Labels may be shifted")
    told = json.loads(run("status", out, "--json").stdout)
    assert told["likely_wrong"] == {"lumbar": ["levels_may_be_shifted"]}
    assert told["levels"]["lumbar"] == {
        "by": "versectl",
        "least_confidence": 0.55,
        "probability": 0.5,
        "second": {"labels": ["T11", "T12", None], "shift": -1, "probability": 0.4},
        "evidence": ["last_rib"],
        "first_rib_beside": None,
    }


def test_levels_corrected_by_hand_are_the_users_and_nobody_doubts_them(run, ct_file, out, doubtful):
    run("run-all", ct_file, out)
    run("relabel", out, "--case", "lumbar", "--shift", "-1")
    (row,) = table(run, out)
    assert (row["levels_by"], row["first"], row["probability"]) == ("user", "T11", "")
    assert (row["least_confidence"], row["second_labels"], row["flags"]) == ("", "", "")
    rows = table(run, out, "vertebrae")
    assert {(r["confidence"], r["second_name"]) for r in rows} == {("", "")}
    told = json.loads(run("status", out, "--json").stdout)
    assert told["likely_wrong"] == {}
    assert told["levels"]["lumbar"] == {
        "by": "user",
        "least_confidence": None,
        "probability": None,
        "second": None,
        "evidence": [],
        "first_rib_beside": None,
    }


def test_masks_that_were_corrected_or_removed_since_the_report_are_named(run, ct_file, out):
    run("run-all", ct_file, out)
    masks = out / "lumbar_seg.nii.gz"
    told = "lumbar: lumbar_seg.nii.gz changed or gone since the report was written"
    masks.touch()  # newer, but the same
    assert told not in run("status", out).output
    masks.write_bytes(masks.read_bytes() + b"corrected")
    assert told in run("status", out).output
    masks.unlink()
    assert told in run("status", out).output
    run("run-all", ct_file, out)
    assert told not in run("status", out).output


def test_a_case_that_was_corrected_since_its_report_is_named(run, ct_file, out):
    run("run-all", ct_file, out)
    assert "changed" not in run("status", out).output
    centroids = out / "lumbar_ctd.json"
    centroids.write_text(centroids.read_text().replace('"label": 20', '"label": 19'))
    told = "lumbar: lumbar_ctd.json changed or gone since the report was written; run run-all again"
    assert told in run("status", out).output
    assert json.loads(run("status", out, "--json").stdout)["changed"] == {
        "lumbar": ["lumbar_ctd.json"]
    }
    (row,) = table(run, out)
    assert row["changed"] == "lumbar_ctd.json"
    assert told in run("collect", out, "--rows", "vertebrae").output
    run("run-all", ct_file, out)
    assert "changed" not in run("status", out).output
    (row,) = table(run, out)
    assert row["changed"] == ""


def test_masks_put_in_place_with_their_old_time_are_seen(run, ct_file, out, tmp_path):
    run("run-all", ct_file, out)
    masks, mine = out / "lumbar_seg.nii.gz", tmp_path / "mine.nii.gz"
    mine.write_bytes(masks.read_bytes() + b"corrected")
    shutil.copystat(masks, mine)
    shutil.copy2(mine, masks)
    assert masks.stat().st_mtime < (out / "lumbar_report.json").stat().st_mtime
    assert "lumbar: lumbar_seg.nii.gz changed or gone" in run("status", out).output


def test_markups_corrected_in_slicer_are_seen_like_the_centroids(run, ct_file, out):
    run("run-all", ct_file, out, "--format", "slicer")
    assert "changed" not in run("status", out).output
    markups = out / "lumbar_ctd.mrk.json"
    markups.write_text(markups.read_text().replace('"L2"', '"L3"'))
    told = "lumbar: lumbar_ctd.mrk.json changed or gone since the report was written"
    assert told in run("status", out).output
    assert told in run("collect", out).output
    (row,) = table(run, out)
    assert row["changed"] == "lumbar_ctd.mrk.json"
    run("run-all", ct_file, out)
    assert "changed" not in run("status", out).output


def test_a_case_whose_report_cannot_be_read_has_a_row_and_a_warning(run, ct_file, out):
    run("run-all", ct_file, out)
    (out / "a_report.json").write_text("{")
    (out / "z_report.json").write_text("[]")
    told = "a_report.json cannot be read; run the case again"
    assert told in run("collect", out).output
    rows = table(run, out)
    assert [(row["case"], row["status"]) for row in rows] == [
        ("a", "unreadable"),
        ("lumbar", "done"),
        ("z", "unreadable"),
    ]
    assert rows[0]["error"] == "its report cannot be read; run the case again"
    assert not any(rows[0][column] for column in summary.CASES[4:])
    assert told in run("collect", out, "--rows", "vertebrae").output
    assert told in run("status", out).output


def test_cases_that_have_results_but_no_report_are_named(run, ct_file, out):
    run("run-all", ct_file, out)
    told = "  without a report: a, b, z; run run-all to have one"
    (out / "a_ctd.json").write_text("[]")
    (out / "b_spine.json").write_text("{}")
    (out / "z_seg.nii.gz").write_text("")
    (out / "._c_seg.nii.gz").write_text("")  # of another system
    assert run("status", out).stdout.splitlines() == ["done 1, failed 0, working 0", told]
    assert json.loads(run("status", out, "--json").stdout)["without_report"] == ["a", "b", "z"]
    for rows in ("cases", "vertebrae"):
        assert told in run("collect", out, "--rows", rows).output
    with transaction.begin(out, "b"):
        assert told.replace("b, ", "") in run("status", out).stdout
        assert told.replace("b, ", "") in run("collect", out).output
    (out / "lumbar_report.json").unlink()
    assert "is this the OUT" not in run("status", out).stdout


def test_the_table_of_vertebrae_leaves_that_of_cases(run, ct_file, out):
    run("run-all", ct_file, out)
    cases = table(run, out)
    assert [row["name"] for row in table(run, out, "vertebrae")] == ["T12", "L1", "L2"]
    with (out / "collected.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == cases
