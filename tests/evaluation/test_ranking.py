import json

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.stats import wilcoxon
from versectl.evaluation import Options, ranking
from versectl.evaluation.protocol import Record, Result
from versectl.evaluation.report import Report

from versectl.errors import BadInputError
from versectl.io import volume


def report(dices, identified=True):
    """A team's report: one vertebra in each scan; None is a Dice nobody could compute."""
    results = tuple(
        Result(
            case=f"scan{number:02}",
            records=(Record(f"scan{number:02}", 20, dice, 1.0, 2.0, identified, False),),
            missing_landmarks=(),
            missing_masks=(),
            extra_labels=(),
            points_from="files",
            notes=(),
        )
        for number, dice in enumerate(dices)
    )
    return Report(Options(), results, (), (), ())


RNG = np.random.default_rng(11)
MIDDLE = RNG.uniform(0.7, 0.9, 12)


def test_a_team_gets_a_point_for_each_team_it_beats():
    teams = {"low": MIDDLE - 0.1, "high": MIDDLE + RNG.uniform(0.01, 0.1, 12), "middle": MIDDLE}
    found = ranking.compare({name: report(dices.tolist()) for name, dices in teams.items()})
    assert [s.team for s in found.standings] == ["high", "middle", "low"]
    assert [s.points["dice"] for s in found.standings] == [2, 1, 0]
    assert [s.score for s in found.standings] == [2 / 8, 1 / 8, 0]  # 4 metrics, 2 rivals


def test_equal_teams_get_no_points():
    found = ranking.compare({"one": report(MIDDLE), "other": report(MIDDLE)})
    assert [s.score for s in found.standings] == [0, 0]


def test_p_value_is_scipys_one_sided_test_of_the_pairs():
    other = MIDDLE + RNG.normal(0.01, 0.05, 12)
    expected = wilcoxon(other, MIDDLE, alternative="greater").pvalue
    assert ranking.better_p(other, MIDDLE) == pytest.approx(expected)


def test_a_scan_without_a_value_is_worse_than_any():
    nothing = [-np.inf] * 8
    assert ranking.better_p(MIDDLE[:8], nothing) < 0.01
    assert ranking.better_p(nothing, MIDDLE[:8]) > 0.99
    assert ranking.better_p(nothing, nothing) == 1


def test_only_scans_scored_for_all_teams_count():
    found = ranking.compare({"one": report(MIDDLE), "other": report(MIDDLE[:9])})
    assert len(found.scans) == 9


def test_text_says_what_was_chosen_and_json_holds_the_p_values():
    found = ranking.compare({"one": report(MIDDLE), "other": report(MIDDLE - 0.1)})
    assert "not published in full; this one is ours" in ranking.text(found)
    content = json.loads(json.dumps(ranking.to_json(found), allow_nan=False))
    assert content["p_values"]["dice"]["one"]["other"] < 0.05
    assert content["standings"][0]["points"]["dice"] == 1


def test_one_team_or_equal_names_are_refused(tmp_path):
    with pytest.raises(BadInputError, match="at least two folders"):
        ranking.rank(tmp_path, [tmp_path / "one"])
    with pytest.raises(BadInputError, match="different names"):
        ranking.rank(tmp_path, [tmp_path / "a" / "out", tmp_path / "b" / "out"])


def write_scan(folder, name, shift_vox):
    array = np.zeros((9, 14, 17), np.uint8)
    array[2:6, 3:10, 1 + shift_vox : 9 + shift_vox] = 20
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.5, 1.25, 2.0))
    volume.write(image, folder / f"{name}_seg.nii.gz")


def test_folders_are_ranked_and_a_missing_scan_counts_as_empty(tmp_path):
    for number in range(6):
        name = f"sub-{number}"
        write_scan(tmp_path / "gt", name, 0)
        write_scan(tmp_path / "near", name, 1)
        write_scan(tmp_path / "far", name, 4)
        if number:
            write_scan(tmp_path / "lazy", name, 4)
    teams = [tmp_path / team for team in ("far", "near", "lazy")]
    found = ranking.rank(tmp_path / "gt", teams)
    ranking.check(found)
    best = found.standings[0]
    assert best.team == "near"
    assert best.points == {"id_rate": 0, "point_error_mm": 2, "dice": 2, "hd_mm": 2}
    lazy = next(s for s in found.standings if s.team == "lazy")
    assert lazy.figures["id_rate"].mean == pytest.approx(5 / 6, abs=1e-6)
    assert "lazy: sub-0: no prediction, counted as empty" in ranking.text(found)


@pytest.mark.parametrize(("scans", "enough"), [(4, False), (5, True)])
def test_too_few_scans_for_any_difference_are_said(scans, enough):
    dices = MIDDLE[:scans]
    found = ranking.compare({"better": report(dices + 0.01), "worse": report(dices)})
    assert ("Too few scans: with 4" in ranking.text(found)) is not enough
    assert bool(found.standings[0].points["dice"]) is enough
    assert ranking.to_json(found)["least_possible_p"] == found.p_values["dice"]["better"]["worse"]
