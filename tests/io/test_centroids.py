"""Centroid files: VerSe's own come back unchanged in meaning."""

import json
from pathlib import Path

import numpy as np
import pytest
from phantoms import CENTERS_MM, LPS, PIR, draw, oblique

from versectl import geometry
from versectl.errors import BadInputError
from versectl.io import centroids, challenge_centroids, volume

OFFICIAL = Path(__file__).parents[3] / "shared" / "data" / "labelmaps"


@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR)])
def test_world_points_come_back_from_the_file(direction, tmp_path):
    ct, _ = draw((1.3, 2.1, 2.9), direction)
    centroids.write(centroids.from_world(CENTERS_MM, ct), tmp_path / "a_ctd.json")
    found = centroids.to_world(centroids.read(tmp_path / "a_ctd.json"), ct)
    assert list(found) == list(CENTERS_MM)
    for label, center_mm in CENTERS_MM.items():
        assert found[label] == pytest.approx(center_mm, abs=0.05)


@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR)])
@pytest.mark.parametrize("meant", challenge_centroids.CHALLENGE_AXES)
def test_world_points_come_back_from_a_challenges_list(meant, direction, tmp_path):
    ct, _ = draw((1.3, 2.1, 2.9), direction)
    listed = challenge_centroids.entries(CENTERS_MM, ct, meant)
    (tmp_path / "a_ctd.json").write_text(json.dumps(listed))
    found = challenge_centroids.read_points(tmp_path / "a_ctd.json", ct, meant)
    assert list(found) == list(CENTERS_MM)
    for label, center_mm in CENTERS_MM.items():
        assert found[label] == pytest.approx(center_mm, abs=0.01)


def test_the_file_is_verses_subject_format(ct, tmp_path):
    centroids.write(centroids.from_world(CENTERS_MM, ct), tmp_path / "a_ctd.json")
    content = json.loads((tmp_path / "a_ctd.json").read_text())
    assert content[0] == {"direction": ["P", "I", "R"]}
    assert [entry["label"] for entry in content[1:]] == [19, 20, 21]
    x, y, z = geometry.to_vox(ct, CENTERS_MM[20]).round(2)
    assert content[2] == {"label": 20, "X": x, "Y": y, "Z": z}


def test_t13_is_written_between_t12_and_l1(ct):
    points = {label: np.zeros(3) for label in (20, 28, 19)}
    assert list(centroids.from_world(points, ct).points_vox) == [19, 28, 20]


def test_points_of_another_axis_order_are_turned(ct):
    """P I R is the image's order; the same point in L A S counts from the other ends."""
    size_p, size_i, size_r = ct.GetSize()
    own = centroids.Centroids(("P", "I", "R"), {20: (3.0, 4.0, 5.0)})
    turned = centroids.Centroids(
        ("L", "A", "S"), {20: (size_r - 1 - 5.0, size_p - 1 - 3.0, size_i - 1 - 4.0)}
    )
    assert centroids.to_world(turned, ct)[20] == pytest.approx(centroids.to_world(own, ct)[20])


SUBJECT = [{"direction": ["L", "P", "S"]}]


def read_both_ways(entries, ct, folder):
    """Labels of the entries as a file of the subject format, and as a challenge's."""
    subject, challenge = folder / "a_ctd.json", folder / "b_ctd.json"
    subject.write_text(json.dumps(SUBJECT + entries))
    challenge.write_text(json.dumps(entries))
    own = list(centroids.read(subject).points_vox)
    other = list(challenge_centroids.read_points(challenge, ct, "verse19"))
    assert own == other
    return own


def entry(label, x=3.0, y=1, z=2):
    return {"label": label, "X": x, "Y": y, "Z": z}


@pytest.mark.parametrize("missing", [float("nan"), None])
def test_an_entry_without_a_coordinate_is_absent(missing, ct, tmp_path):
    entries = [entry(5, x=missing), entry(6), entry(7, z=missing), entry(6, y=missing)]
    assert read_both_ways(entries, ct, tmp_path) == [6]


def test_labels_may_be_names_or_numbers_as_text(ct, tmp_path):
    entries = [entry("L1"), entry("t13"), entry("19"), entry(18.0), entry(" C7 ")]
    assert read_both_ways(entries, ct, tmp_path) == [20, 28, 19, 18, 7]


def test_sacrum_and_coccyx_are_passed_over(ct, tmp_path):
    assert read_both_ways([entry(26), entry(24), entry(27)], ct, tmp_path) == [24]


WRONG = {
    "one label twice": ([entry(20), entry(22), entry(22, x=9)], r"label 22 \(L3\) twice"),
    "a name and its number": ([entry(22), entry("L3")], r"label 22 \(L3\) twice"),
    "label 0": ([entry(20), entry(0)], "has label 0, which is not a vertebra"),
    "label 200": ([entry(200)], "has label 200, which is not a vertebra; use 1 to 25 and 28"),
    "half a label": ([entry(20.5)], r"has label 20\.5, which is not a vertebra"),
    "a name of none": ([entry("L7")], "has label 'L7', which is not a vertebra"),
    "true": ([entry(True)], "has label True, which is not a vertebra"),
    "null": ([entry(None)], "has label None, which is not a vertebra"),
    "text": ([entry(20, x="left")], "a coordinate that is not a number"),
    "a list": ([entry(20, y=[1])], "a coordinate that is not a number"),
    "no Z": ([{"label": 20, "X": 1, "Y": 2}], 'has no "label", "X", "Y" and "Z"'),
    "a number": ([7], 'has no "label", "X", "Y" and "Z"'),
}


@pytest.mark.parametrize(("entries", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_entry_is_named(entries, says, ct, tmp_path):
    with pytest.raises(BadInputError, match=says):
        read_both_ways([entry(1), *entries], ct, tmp_path)
    path = tmp_path / "c_ctd.json"
    path.write_text(json.dumps([entry(1), *entries]))
    with pytest.raises(BadInputError, match=says):
        challenge_centroids.read_points(path, ct, "verse19")


def test_the_number_of_a_wrong_entry_counts_from_the_files_first(tmp_path):
    (tmp_path / "a_ctd.json").write_text(json.dumps([*SUBJECT, entry(4), entry(99)]))
    with pytest.raises(BadInputError, match=r"a_ctd\.json, entry 3, has label 99"):
        centroids.read(tmp_path / "a_ctd.json")


BROKEN = {
    "cut off": '[{"direction": ["L", "P"',
    "no direction": '[{"label": 5, "X": 1, "Y": 1, "Z": 2}]',
    "one axis twice": '[{"direction": ["L", "R", "S"]}]',
    "unknown letters": '[{"direction": ["X", "Y", "Z"]}]',
    "no list": '{"direction": ["L", "P", "S"]}',
    "empty": "",
    "empty list": "[]",
    "no number": '[{"direction": ["L", "P", "S"]}, {"label": 5, "X": "a", "Y": 1, "Z": 2}]',
    "null": '[{"direction": null}]',
    "number": "5",
    "odd letters": '[{"direction": [["L"], {}, 3]}]',
    "bytes": b"\xff\xfe\x00\x01",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_bad_input(text, tmp_path):
    path = tmp_path / "a_ctd.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInputError, match=r"a_ctd\.json"):
        centroids.read(path)


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="needs VerSe's centroid files in ../shared")
def test_official_files_read_and_write_back_unchanged_in_meaning(tmp_path):
    files = sorted(OFFICIAL.glob("*_ctd.json"))
    assert files
    for file in files:
        centroids.write(centroids.read(file), tmp_path / file.name)
        before, after = (json.loads(f.read_text()) for f in (file, tmp_path / file.name))
        assert after == before


@pytest.mark.real
@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="needs VerSe's label maps in ../shared")
def test_official_centroids_lie_in_or_near_their_vertebrae():
    for file in sorted(OFFICIAL.glob("*_ctd.json")):
        masks = file.with_name(file.name.replace("seg-subreg_ctd.json", "seg-vert_msk.nii.gz"))
        label_map = volume.read_labels(masks)
        array = geometry.to_array(label_map)
        for label, point_mm in centroids.to_world(centroids.read(file), label_map).items():
            x, y, z = np.rint(geometry.to_vox(label_map, point_mm)).astype(int)
            if label in array and label != 1:  # C1 is a ring; its body is C2's dens
                assert label in array[z - 3 : z + 4, y - 8 : y + 9, x - 8 : x + 9]
