"""Centroids in 3D Slicer's markups: read as versectl writes them and as Slicer saves them."""

import json

import numpy as np
import pytest
from phantoms import CENTERS_MM

from versectl import labels
from versectl.errors import BadInputError
from versectl.io import markups
from versectl.io.export import slicer
from versectl.io.export.findings import Findings
from versectl.io.layout import Case


def markup(points, **more):
    """A list of points as Slicer saves it: with fields that nobody here reads."""
    return {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "labelFormat": "%N-%d",
        "controlPoints": points,
        "measurements": [],
        "display": {"visibility": True},
        **more,
    }


def point(name, position=(1.0, -2.0, 3.0), **more):
    return {
        "id": "1",
        "label": name,
        "description": "",
        "position": position,
        "orientation": [-1.0, -0.0, -0.0, -0.0, -1.0, -0.0, 0.0, 0.0, 1.0],
        "positionStatus": "defined",
        **more,
    }


def saved(folder, *lists):
    path = folder / "a_ctd.mrk.json"
    path.write_text(json.dumps({"@schema": "...", "markups": lists}))
    return path


def test_what_is_written_comes_back(ct, label_map, tmp_path):
    slicer.write_markups(Findings(Case("a"), CENTERS_MM, label_map), tmp_path / "a_ctd.mrk.json")
    found = markups.read(tmp_path / "a_ctd.mrk.json")
    assert list(found) == list(CENTERS_MM)
    for label, center_mm in CENTERS_MM.items():
        assert found[label] == pytest.approx(center_mm, abs=1e-3)


@pytest.mark.parametrize(
    ("system", "expected"),
    [("LPS", [1, -2, 3]), ("RAS", [-1, 2, 3]), ("0", [-1, 2, 3]), (1, [1, -2, 3])],
)
def test_points_come_in_lps_whatever_system_they_are_saved_in(tmp_path, system, expected):
    path = saved(tmp_path, markup([point("L1")], coordinateSystem=system))
    assert markups.read(path)[labels.L1].tolist() == expected


def test_names_may_have_spaces_and_small_letters_and_come_from_head_to_foot(tmp_path):
    path = saved(tmp_path, markup([point(" l 3"), point("T13"), point("t12 ")]))
    assert list(markups.read(path)) == [19, 28, 22]


def test_points_in_several_lists_count_and_other_markups_do_not(tmp_path):
    line = markup([point("L9")], type="Line")
    found = markups.read(saved(tmp_path, markup([point("L1")]), line, markup([point("L2")])))
    assert list(found) == [20, 21]


def test_points_that_were_not_placed_do_not_count(tmp_path):
    unplaced = point("F-2", position=None, positionStatus="undefined")
    assert list(markups.read(saved(tmp_path, markup([point("L1"), unplaced])))) == [20]


WRONG = {
    "unknown name": (markup([point("F-1")]), "has a point named 'F-1', which is not a vertebra"),
    "no name": (markup([point("")]), "has a point named ''"),
    "sacrum": (markup([point("S1")]), "has a point named 'S1'"),
    "twice": (markup([point("L1"), point("l1")]), "has L1 twice"),
    "no position": (markup([point("L1", position=None)]), "has no position of three numbers"),
    "two numbers": (markup([point("L1", position=[1, 2])]), "has no position of three numbers"),
    "not finite": (markup([point("L1", position=[1, 2, np.nan])]), "is not finite"),
    "a line": (markup([], type="Line"), "holds no point list"),
    "metres": (markup([point("L1")], coordinateUnits="m"), "has points in LPS, m;"),
    "IJK": (markup([point("L1")], coordinateSystem="IJK"), "has points in IJK, mm;"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_refused_by_name(tmp_path, wrong):
    content, says = WRONG[wrong]
    with pytest.raises(BadInputError, match=says):
        markups.read(saved(tmp_path, content))


@pytest.mark.parametrize("text", ["[]", "{}", '{"markups": [1]}', "x", '{"markups": 1}'])
def test_what_is_no_markups_file_is_refused(tmp_path, text):
    path = tmp_path / "a_ctd.mrk.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match="is not"):
        markups.read(path)
