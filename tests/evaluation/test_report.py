import csv
import doctest
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
import versectl.evaluation
from versectl.evaluation import Files, Options, Rules, evaluate, published, report, table

from versectl.errors import BadInputError, PartialFailureError
from versectl.io import centroids, volume

CASES = ("sub-a", "sub-b", "sub-c")


def write_scan(folder, name, found=(19, 20, 21), shift_vox=0):
    array = np.zeros((31, 14, 17), np.uint8)
    for label in found:
        z = 22 - 9 * (label - 19)
        array[z : z + 7, 3:10, 4 + shift_vox : 12 + shift_vox] = label
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.5, 1.25, 2.0))
    volume.write(image, folder / f"{name}_seg.nii.gz")
    points_mm = {
        label: np.array([12 + 1.5 * shift_vox, 8, 50 - 18 * (label - 19)]) for label in found
    }
    centroids.write(centroids.from_world(points_mm, image), folder / f"{name}_ctd.json")


@pytest.fixture
def folders(tmp_path):
    """Three true cases; one found well, one without L2, one not predicted; one more predicted."""
    for name in CASES:
        write_scan(tmp_path / "gt", name)
    write_scan(tmp_path / "pred", "sub-a", shift_vox=2)
    write_scan(tmp_path / "pred", "sub-b", found=(19, 20))
    write_scan(tmp_path / "pred", "sub-d")
    return tmp_path / "pred", tmp_path / "gt"


@pytest.mark.parametrize(
    ("record", "wrong", "message"),
    [
        (Options, {"points": "file"}, "points is 'file'; use auto, files or masks."),
        (Rules, {"distance": "x"}, "distance is 'x'; use voxel, surface or surface95."),
        (Rules, {"identified": None}, "identified is None; use paper or official."),
        (Files, {"centroid_format": "verse"}, "use subject, verse19 or verse20."),
        (Files, {"label_numbers": "Verse"}, "use auto, verse, totalsegmentator or spineps."),
    ],
)
def test_an_option_that_there_is_not_is_refused(record, wrong, message):
    with pytest.raises(BadInputError, match=re.escape(message)):
        record(**wrong)


def test_unmatched_cases_are_listed_and_make_the_report_incomplete(folders):
    found = evaluate(*folders)
    assert [result.case for result in found.results] == ["sub-a", "sub-b"]
    assert found.without_prediction == ("sub-c",)
    assert found.without_truth == ("sub-d",)
    assert found.failures == ()
    with pytest.raises(PartialFailureError, match="cases without a prediction: 1") as raised:
        report.check(found, {})
    assert raised.value.exit_code == 4


def test_missing_cases_count_as_empty_when_asked(folders):
    found = evaluate(*folders, Options(count_missing_cases=True))
    report.check(found, {})
    assert len(found.records) == 9
    assert report.figures(found)["pooled_over_vertebrae"]["all"]["id_rate"].mean == pytest.approx(
        5 / 9, abs=1e-6
    )


def test_without_any_prediction_all_are_missed_when_asked(folders, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInputError, match="no label map"):
        evaluate(tmp_path / "none", folders[1])
    found = evaluate(tmp_path / "none", folders[1], Options(count_missing_cases=True))
    assert found.without_prediction == CASES
    assert (found.pooled["id_rate"].mean, found.pooled["dice"].mean) == (0, 0)
    report.check(found, {})
    with pytest.raises(PartialFailureError, match=r"Dice is 0.0000, below 0.5"):
        report.check(found, {"Dice": 0.5})
    with pytest.raises(BadInputError, match="must share its name"):
        evaluate(folders[0] / "sub-d_seg.nii.gz", folders[1], Options(count_missing_cases=True))


def test_a_file_that_cannot_be_read_costs_its_case_only(folders):
    predicted, gt = folders
    (predicted / "sub-a_seg.nii.gz").write_bytes(b"no volume")
    found = evaluate(predicted, gt)
    assert [result.case for result in found.results] == ["sub-b"]
    (failure,) = found.failures
    assert failure.case == "sub-a"
    assert "sub-a_seg.nii.gz" in failure.reason
    assert "\n" not in failure.reason
    with pytest.raises(PartialFailureError, match=r"cases not compared: 1 \(sub-a: .*sub-a_seg"):
        report.check(found, {})


def test_a_prediction_that_cannot_be_read_counts_as_empty_when_missing_ones_do(folders):
    predicted, gt = folders
    (predicted / "sub-a_seg.nii.gz").write_bytes(b"no volume")
    found = evaluate(predicted, gt, Options(count_missing_cases=True))
    assert found.failures == ()
    lost = found.results[0]
    assert [(r.dice, r.identified) for r in lost.records] == [(0, False)] * 3
    (line,) = (line for line in table.failures(found) if line.startswith("sub-a"))
    assert "prediction not read, counted as empty" in line
    (gt / "sub-b_seg.nii.gz").write_bytes(b"no volume")
    assert [f.case for f in evaluate(predicted, gt, found.options).failures] == ["sub-b"]


@pytest.mark.parametrize(
    ("content", "is_said"), [({"status": "failed"}, True), ({"status": "done"}, False), ([], False)]
)
def test_files_of_a_case_whose_last_run_failed_are_said_to_be_older(folders, content, is_said):
    predicted, gt = folders
    (predicted / "sub-a_report.json").write_text(json.dumps(content))
    line = "sub-a: its report says that its last run failed, the files may be older"
    assert (line in table.failures(evaluate(predicted, gt))) is is_said


def test_figures_of_a_part_of_the_truth_say_so(folders):
    line = "not in these figures: 1 of 3 true scans"
    assert line in table.text(evaluate(*folders))
    assert line not in table.text(evaluate(*folders, Options(count_missing_cases=True)))


def test_a_report_without_any_scan_can_still_be_shown(folders):
    predicted, gt = folders
    for path in predicted.glob("*.json"):
        path.write_text("{}")
    found = evaluate(predicted, gt)
    assert [failure.case for failure in found.failures] == ["sub-a", "sub-b"]
    assert "0 scans, 0 vertebrae" in table.text(found, details=True, beside_published=True)
    json.dumps(report.to_json(found), allow_nan=False)


@pytest.mark.parametrize("jobs", [1, 3])
def test_figures_do_not_depend_on_the_number_of_jobs(folders, jobs):
    found = evaluate(*folders, Options(jobs=jobs))
    assert found.records == evaluate(*folders).records


def test_stderr_is_heard_again_after_reading_in_many_threads(folders, capfd):
    for _ in range(5):
        evaluate(*folders, Options(jobs=4))
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_pooled_and_scan_means_are_both_there_and_differ(folders):
    tables = report.figures(evaluate(*folders))
    assert tables["pooled_over_vertebrae"]["all"]["point_error_mm"].mean == pytest.approx(9 / 5)
    assert tables["mean_over_scans"]["all"]["point_error_mm"].mean == pytest.approx(3 / 2)
    assert tables["pooled_over_vertebrae"]["lumbar"]["id_rate"].n == 4
    assert tables["pooled_over_vertebrae"]["cervical"]["dice"].mean is None


def test_json_has_a_record_per_case_and_vertebra_with_null_where_undefined(folders):
    content = json.loads(json.dumps(report.to_json(evaluate(*folders)), allow_nan=False))
    missed = [r for r in content["records"] if (r["case"], r["label"]) == ("sub-b", 21)]
    assert missed == [
        {
            "case": "sub-b",
            "label": 21,
            "dice": 0.0,
            "hd_mm": None,
            "point_error_mm": None,
            "identified": False,
            "at_border": False,
        }
    ]
    assert content["summaries"]["per_vertebra"]["T12"]["dice"]["n"] == 2
    assert content["cases_without_prediction"] == ["sub-c"]
    assert content["counts"] == {"missing_landmarks": 1, "missing_masks": 1, "extra_labels": 0}
    assert [case["correct"] for case in content["cases"]] == [True, False]


def test_csv_has_a_line_per_case_and_vertebra(folders, tmp_path):
    table.write_csv(evaluate(*folders), tmp_path / "records.csv")
    with (tmp_path / "records.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 6
    assert lines[0]["name"] == "T12"
    assert lines[0]["point_error_mm"] == "3.0"
    assert lines[5] == {
        "case": "sub-b", "label": "21", "name": "L2", "dice": "0.0", "hd_mm": "",
        "point_error_mm": "", "identified": "false", "at_border": "false",
    }  # fmt: skip


def test_a_case_whose_name_begins_a_formula_is_text_in_a_spreadsheet(tmp_path):
    for side in ("pred", "gt"):
        write_scan(tmp_path / side, "=1+1")
    table.write_csv(evaluate(tmp_path / "pred", tmp_path / "gt"), tmp_path / "records.csv")
    _, line, *_ = (tmp_path / "records.csv").read_text().splitlines()
    assert line.startswith("'=1+1,19,T12,1.0,")


def test_text_is_one_screen_that_names_figures_rules_and_what_was_left_out(folders):
    shown = table.text(evaluate(*folders))
    assert shown.count("\n") <= 24
    for words in (
        "2 scans, 6 vertebrae; scans with every vertebra identified: 1 of 2 (50.00 %)",
        "centroids: from files in 2 scans",
        "missing landmarks: 1 (point error left out)",
        "nearer than 20 mm (the paper's rule)",
        "HD between voxel sets, as in the paper; ± population SD",
        "5 of 6 (83.3 %)",
        "83.3 %  1.50 ± 1.50",  # ID and PE, mean over scans
        "sub-c: no prediction, not counted",
        "sub-d: no ground truth, not counted",
        "sub-b: missing masks: L2",
    ):
        assert words in shown
    assert "Per vertebra" not in shown


def test_details_hold_every_table(folders):
    shown = table.text(evaluate(*folders), details=True)
    for words in (
        "Pooled over vertebrae (the paper's Table 1)",
        "Mean over scans of each scan's mean (the paper's Table 2)",
        "those at the edge of the volume left out",
        "Per vertebra",
        "sub-c: no prediction, not counted",
    ):
        assert words in shown
    case = next(line for line in shown.splitlines() if line.startswith("sub-b "))
    assert case.split()[1] == "files"


def test_what_cases_share_is_one_remark_and_the_rest_is_counted(tmp_path):
    names = [f"sub-{number:02}" for number in range(12)]
    for name in names:
        write_scan(tmp_path / "gt", name)
        write_scan(tmp_path / "pred", name, found=(19, 20))
        (tmp_path / "pred" / f"{name}_ctd.json").unlink()
    found = evaluate(tmp_path / "pred", tmp_path / "gt")
    shown = table.text(found)
    assert shown.count("\n") <= 24
    lost = "no predicted centroid file, no vertebra identified"
    assert f"{lost}: 12 cases (sub-00, sub-01, sub-02 and 9 more)" in shown
    assert "--points masks" in shown
    assert "and 19 more remarks; --details shows all" in shown
    assert len(table.failures(found)) == 12
    assert set(table.failures(found)) <= set(table.text(found, details=True).splitlines())


def test_a_level_shift_of_whole_scans_is_said(tmp_path):
    for name in CASES:
        write_scan(tmp_path / "gt", name)
        write_scan(tmp_path / "pred", name)
    for name in CASES[1:]:
        path = tmp_path / "pred" / f"{name}_ctd.json"
        entries = json.loads(path.read_text())
        lower = [{**entry, "label": entry["label"] + 1} for entry in entries[1:]]
        path.write_text(json.dumps([entries[0], *lower]))
    found = evaluate(tmp_path / "pred", tmp_path / "gt")
    line = "all labels one level too low (L1 named L2) in 2 of 3 scans: sub-b, sub-c"
    assert line in table.text(found)
    assert [case["level_shift"] for case in report.to_json(found)["cases"]] == [0, 1, 1]


def test_text_names_the_options_in_force(folders):
    rules = Rules(distance="surface95", identified="official", missed_pe_mm=1000)
    shown = table.text(evaluate(*folders, Options(rules=rules)))
    assert "95th percentile of the distances of both surfaces" in shown
    assert "as the challenge's script" in shown
    assert "missing landmarks: 1 (point error counted as 1000 mm)" in shown


def test_published_tables_stand_beside_ours(folders):
    shown = table.text(evaluate(*folders), beside_published=True)
    assert "774 of 862" in shown
    assert "5.71 ± 6.28" in shown
    row = next(line for line in shown.splitlines() if line.startswith("Payer"))
    assert row.split()[-5:] == ["1", "95.65", "4.27", "0.909", "6.35"]


def test_published_groups_sum_to_the_printed_total():
    groups = ("cervical", "thoracic", "lumbar")
    total = sum(published.TABLE_ONE[group].vertebrae for group in groups)
    assert total == published.TABLE_ONE["all"].vertebrae


def test_thresholds_are_read_and_checked(folders):
    thresholds = report.parse_thresholds("ID=0.8, dsc=0.99")
    assert thresholds == {"ID": 0.8, "DSC": 0.99}
    (line,) = report.below(evaluate(*folders), thresholds)
    assert line.startswith("DSC is 0.")
    assert line.endswith("below 0.99")
    with pytest.raises(PartialFailureError, match=r"DSC is 0\.\d{4}, below 0.99"):
        report.check(evaluate(*folders), thresholds)


def test_dice_and_dsc_are_the_same_threshold(folders):
    found = evaluate(*folders)
    (dice,), (dsc,) = (
        report.below(found, report.parse_thresholds(f"{name}=1")) for name in ("Dice", "DSC")
    )
    assert dice == dsc.replace("DSC", "Dice")


@pytest.mark.parametrize("words", ["ID", "ID=high", "HD=3", "", "ID=nan", "ID=90"])
def test_thresholds_that_mean_nothing_are_refused(words):
    with pytest.raises(BadInputError, match="write ID, Dice, DSC or SCANS and a least value"):
        report.parse_thresholds(words)


def test_the_example_of_the_package_gives_what_it_says():
    assert doctest.testmod(versectl.evaluation).failed == 0


def test_evaluation_loads_no_deep_learning_library():
    code = "import sys, evaluation; print({'keras', 'tensorflow', 'torch', 'jax'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
