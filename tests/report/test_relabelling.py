"""Which label becomes which when a user corrects the levels of a result."""

import numpy as np
import pytest

from versectl import labels
from versectl.errors import BadInputError
from versectl.report import relabelling
from versectl.stages import spacing
from versectl.types import Vertebra, Vertebrae

NUMBERS = labels.NUMBERS


def spine(*names, missed=()):
    """Vertebrae as far apart as usual, head to foot; between these some may be missed."""
    at_mm, found, above = np.array([4.0, 9.0, 300.0]), {}, None
    for name in names:
        if above is not None:
            shift_mm = spacing.DISTANCES[NUMBERS[above]][0]
            at_mm = at_mm + np.array([0.4, -1.5, -shift_mm])
        above = name
        if name not in missed:
            found[NUMBERS[name]] = Vertebra(at_mm, 0.8)
    return Vertebrae(found)


def named(change):
    return {labels.NAMES[old]: labels.NAMES[new] for old, new in change.items()}


def shift(found, by):
    return [*named(relabelling.shifted(found, found.keys(), by=by)).values()]


def test_a_shift_moves_every_label_by_as_many_levels():
    found = spine("T11", "T12", "L1", "L2")
    assert shift(found, 1) == ["T12", "L1", "L2", "L3"]
    assert shift(found, -2) == ["T9", "T10", "T11", "T12"]


def test_a_shift_keeps_a_gap():
    found = spine("C3", "C4", "C5", "C6", missed=["C4"])
    assert shift(found, 1) == ["C4", "C6", "C7"]


def test_a_shift_keeps_a_t13_as_a_level_of_the_person():
    found = spine("T11", "T12", "T13", "L1", "L2")
    assert shift(found, 1) == ["T12", "T13", "L1", "L2", "L3"]
    assert shift(found, -1) == ["T10", "T11", "T12", "T13", "L1"]
    assert shift(spine("T13", "L1"), 1) == ["L1", "L2"]


def test_a_shift_keeps_the_lack_of_t12_where_l1_follows_t11_as_near_as_neighbours_do():
    near = spine("T10", "T11", "L1", "L2", "L3")
    assert shift(near, -1) == ["T9", "T10", "T11", "L1", "L2"]
    far = spine("T10", "T11", "T12", "L1", "L2", "L3", missed=["T12"])
    assert shift(far, -1) == ["T9", "T10", "T12", "L1", "L2"]


def test_l6_may_come_and_go_by_a_shift():
    assert shift(spine("L4", "L5"), 1) == ["L5", "L6"]
    assert shift(spine("L5", "L6"), -1) == ["L4", "L5"]


@pytest.mark.parametrize(
    ("names", "by", "says"),
    [
        (["L5", "L6"], 1, "L6 would come below L6"),
        (["L3", "L4", "L5"], 2, "L5 would come below L6, .*; the vertebrae are L3, L4, L5"),
        (["C1", "C2"], -1, "C1 would come above C1"),
        (["C2", "C3"], -99, "C2 would come above C1"),
    ],
)
def test_a_shift_beyond_c1_or_l6_is_refused(names, by, says):
    with pytest.raises(BadInputError, match=says):
        shift(spine(*names), by)


def rename(found, *pairs):
    numbered = [(NUMBERS[old], NUMBERS[new]) for old, new in pairs]
    return named(relabelling.renamed(found, found.keys(), pairs=numbered))


def test_labels_are_changed_all_at_once_so_that_one_can_take_the_place_of_another():
    found = spine("L1", "L2", "L3")
    renamed = rename(found, ("L1", "T12"), ("L2", "L1"))
    assert renamed == {"L1": "T12", "L2": "L1", "L3": "L3"}


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("L4", "L5"), ("L5", "L4")], "L5 would lie above L4"),
        ([("T12", "L6")], "L6 would lie above L5"),
        ([("T12", "L1"), ("L1", "T12")], "L1 would lie above T12"),
    ],
)
def test_labels_that_would_not_run_from_head_to_foot_are_refused(pairs, says):
    with pytest.raises(BadInputError, match=f"head to foot; {says}. Nothing was changed."):
        rename(spine("T12", "L1", "L2", "L3", "L4", "L5"), *pairs)


def test_labels_that_stand_in_a_wrong_order_can_be_set_right():
    l1, l2, l3 = spine("L1", "L2", "L3").values()
    crossed = dict(zip((NUMBERS["L1"], NUMBERS["L2"], NUMBERS["L3"]), (l1, l3, l2), strict=True))
    assert rename(Vertebrae(crossed), ("L2", "L3"), ("L3", "L2"))["L2"] == "L3"


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("L1", "L2")], "L1 and L2 would both be L2"),
        ([("L1", "T12"), ("L3", "T12")], "would both be T12"),
        ([("L4", "L5")], "there is no L4; the vertebrae are L1, L2, L3"),
        ([("L1", "T12"), ("L1", "T11")], "L1 is given twice"),
    ],
)
def test_two_vertebrae_never_get_one_label(pairs, says):
    with pytest.raises(BadInputError, match=says):
        rename(spine("L1", "L2", "L3"), *pairs)


def anchor(found, name, near, off_mm=(0, 0, 0)):
    point_mm = tuple(found[NUMBERS[near]].center_mm + np.array(off_mm, float))
    return named(relabelling.anchored(found, found.keys(), anchor=(NUMBERS[name], point_mm)))


def test_the_vertebra_at_the_anchor_gets_its_label_and_the_others_are_counted():
    found = spine("T11", "T12", "L1", "L2")
    counted = anchor(found, "L3", near="L1", off_mm=(9, 12, -4))
    assert [*counted.values()] == ["L1", "L2", "L3", "L4"]


def test_counting_from_an_anchor_takes_a_t13_for_t12_and_goes_over_gaps():
    found = spine("T10", "T11", "T12", "T13", "L1", "L2", missed=["T11"])
    assert [*anchor(found, "L1", near="L1").values()] == ["T9", "T11", "T12", "L1", "L2"]
    thirteenth = anchor(found, "T13", near="T13")
    assert [*thirteenth.values()] == ["T10", "T12", "T13", "L1", "L2"]


def test_counting_from_an_anchor_finds_the_t12_that_was_left_out():
    near = spine("T10", "T11", "L1", "L2", "L3")
    assert [*anchor(near, "L1", near="L1").values()] == ["T11", "T12", "L1", "L2", "L3"]


def test_an_anchor_far_from_every_vertebra_is_refused():
    with pytest.raises(BadInputError, match=r"the nearest, L2, is 26 mm away \(at most 25\)"):
        anchor(spine("L1", "L2"), "L2", near="L2", off_mm=(26, 0, 0))


def test_an_anchor_that_counts_beyond_l6_is_refused():
    with pytest.raises(BadInputError, match="L3 would come below L6"):
        anchor(spine("L1", "L2", "L3"), "L5", near="L1")


def test_a_mask_without_centroid_can_be_shifted_but_not_counted():
    found = spine("L1", "L2")
    there = {*found, NUMBERS["T12"]}
    assert named(relabelling.shifted(found, there, by=1))["T12"] == "L1"
    with pytest.raises(BadInputError, match="T12 has a mask but no centroid"):
        relabelling.anchored(found, there, anchor=(21, tuple(found[21].center_mm)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({19: 20, 20: 21, 21: 22}, "T12 to L2 are now L1 to L3"),
        ({19: 19, 20: 21}, "L1 is now L2"),
        ({18: 17, 19: 19, 20: 21, 21: 22}, "T11 is now T10, L1 to L2 are now L2 to L3"),
        ({20: 21, 21: 20}, "L1 is now L2, L2 is now L1"),
    ],
)
def test_a_change_is_told_in_few_words(change, says):
    assert relabelling.described(change) == says


def flag(code, vertebra, message, severity="warning"):
    return {
        "code": code,
        "severity": severity,
        "vertebra": vertebra,
        "message": message,
        "advice": "",
    }


def row(name, z_mm):
    return {
        "label": NUMBERS[name],
        "name": name,
        "center_mm": [1.0, 2.0, z_mm],
        "peak": 0.3,
        "confidence": 0.6,
        "volume_ml": 30.0 + z_mm / 100,
    }


def test_a_report_keeps_its_measures_and_loses_the_doubts_that_were_answered():
    content = {
        "case": "a",
        "vertebrae": [row("T12", 100.0), row("L1", 67.0), row("L2", 33.0)],
        "numbering": {"probability": 0.6},
        "flags": [
            flag("levels_may_be_shifted", None, "Labels may be shifted.", "error"),
            flag("cut_at_border", None, "T12 and L2 touch the border.", "note"),
            flag("collapse", "L1", "L1 is lower than T12 and L2."),
        ],
        "warnings": ["..."],
        "files": {},
    }
    change = {19: 20, 20: 21, 21: 22}
    made = relabelling.report(content, change, {"a_ctd.json": {}})
    assert [one["name"] for one in made["vertebrae"]] == ["L1", "L2", "L3"]
    assert [one["volume_ml"] for one in made["vertebrae"]] == [31.0, 30.67, 30.33]
    assert {(one["peak"], one["confidence"]) for one in made["vertebrae"]} == {(None, None)}
    assert made["numbering"] is None
    assert made["warnings"] == ["L1 and L3 touch the border.", "L2 is lower than L1 and L3."]
    assert [one["vertebra"] for one in made["flags"]] == [None, "L2"]
    assert made["files"] == {"a_ctd.json": {}}
    assert content["vertebrae"][0]["name"] == "T12"


def test_the_name_of_a_file_stays_though_it_reads_like_a_vertebra():
    told = flag("made_for_another_ct", None, "L4-burst_ctd.json was corrected before.", "error")
    content = {"vertebrae": [row("L3", 70.0), row("L4", 33.0)], "flags": [told]}
    made = relabelling.report(content, {22: 23, 23: 24}, {})
    assert made["warnings"] == ["L4-burst_ctd.json was corrected before."]


def test_a_report_says_what_is_rare_in_the_new_labels():
    content = {"vertebrae": [row("L4", 70.0), row("L5", 33.0)], "flags": []}
    made = relabelling.report(content, {23: 24, 24: 25}, {})
    assert [one["code"] for one in made["flags"]] == ["rare_variant"]
    assert "L6 was found" in made["warnings"][0]


def test_a_report_is_rid_of_a_wrong_order_that_was_corrected():
    disorder = {"code": "labels_out_of_order", "severity": "error", "vertebra": None}
    flags = [{**disorder, "message": "L5 lies above L4.", "advice": ""}]
    content = {"vertebrae": [row("L5", 70.0), row("L4", 33.0)], "flags": flags}
    assert relabelling.report(content, {24: 23, 23: 24}, {})["flags"] == []
    (kept,) = relabelling.report(content, {24: 25, 23: 24}, {})["flags"][:1]
    assert kept["message"] == "Labels do not run from head to foot: L6 lies above L5."


NEAR = {"T10": 200.0, "T12": 172.0, "L1": 140.0, "L2": 105.0, "L3": 69.0}


def relabelled(z_mm, change, small, flags=()):
    """Flags of a report after a change; one mask is small."""
    rows = [row(name, z) for name, z in z_mm.items()]
    rows[[*z_mm].index(small)]["volume_ml"] = 15.0
    numbered = {NUMBERS[old]: NUMBERS[new] for old, new in change.items()}
    unchanged = {NUMBERS[name]: NUMBERS[name] for name in z_mm}
    content = {"vertebrae": rows, "flags": list(flags)}
    return relabelling.report(content, unchanged | numbered, {})["flags"]


def test_vertebrae_that_are_no_longer_too_near_are_no_longer_taken_for_two():
    """T12 follows T10 as near as neighbours lie; the mask of L1 is small under any name."""
    near = flag("taken_for_two", "T12", "T10 and T12 are 0.5 times as far apart as usual: ...")
    small = flag("taken_for_two", "L1", "The mask of L1 has 0.5 times the volume of ...")
    made = relabelled(NEAR, {"T10": "T11"}, small="L1", flags=[near, small])
    assert [(one["code"], one["vertebra"]) for one in made] == [("taken_for_two", "L1")]
    assert made[0]["message"].startswith("The mask of L1 has 0.5 times the volume of its")


def test_vertebrae_that_are_too_near_under_their_new_names_are_told_once():
    usual = {"T11" if name == "T10" else name: z_mm for name, z_mm in NEAR.items()}
    made = relabelled(usual, {"T11": "T10"}, small="T12")
    named = {one["vertebra"]: one for one in made if one["code"] == "taken_for_two"}
    assert "times as far apart" in named["T12"]["message"]
    assert [one["vertebra"] for one in made].count("T12") == 1
