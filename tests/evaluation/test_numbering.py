import numpy as np
import pytest
import SimpleITK as sitk
from versectl.evaluation import numbering

from versectl.errors import BadInputError

C1, L5, SACRUM = 1, 24, 26


def stored(values, kind=np.uint8):
    """A label map (2, 2, n) that holds these values in its second plane, and zeros."""
    array = np.zeros((2, 2, len(values)), kind)
    array[1, 0] = values
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.75, 2.25))
    return image


def translated(values, kind=np.uint8, scheme="auto"):
    label_map, notes = numbering.to_verse(stored(values, kind), scheme)
    assert label_map.GetSpacing() == (0.5, 0.75, 2.25)
    assert label_map.GetPixelID() == sitk.sitkUInt8
    return sitk.GetArrayFromImage(label_map)[1, 0].tolist(), [str(note) for note in notes]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64])
def test_verses_own_numbers_are_taken_as_they_are(kind):
    assert translated([1, 25, 28, 0], kind) == ([1, 25, 28, 0], [])


def test_sacrum_and_coccyx_are_known_and_cost_no_word():
    _, notes = translated([20, 26, 27])
    assert notes == []


def test_totalsegmentators_spine_is_recognised():
    values, notes = translated([50, 27, 26, 28, 25])
    assert values == [C1, L5, 0, 23, 0]
    assert notes == ["read in TotalSegmentator's numbers"]


def stacked(values):
    """A label map with a slice for each of these values, the first one at the foot."""
    array = np.repeat(np.uint8(values), 12).reshape(-1, 3, 4)
    return sitk.GetImageFromArray(array)


def translated_stack(values, letters="LPS"):
    label_map, notes = numbering.to_verse(sitk.DICOMOrient(stacked(values), letters))
    upright = sitk.DICOMOrient(label_map, "LPS")
    return sitk.GetArrayFromImage(upright)[:, 0, 0].tolist(), [str(note) for note in notes]


@pytest.mark.parametrize("letters", ["LPS", "PIR", "RAI"])
def test_totalsegmentators_full_output_is_recognised_beside_its_organs(letters):
    organs = [1, 2, 51, 3, 5, 4, 79, 110]
    values, notes = translated_stack([*organs, *range(27, 51)], letters)
    assert values == [0] * len(organs) + [*range(24, 0, -1)]
    assert notes == ["read in TotalSegmentator's numbers"]


def test_verses_numbers_with_structures_of_somebodys_own_are_not_totalsegmentators():
    others = [31, 30, 29, 44, 60, 119]
    values, notes = translated_stack([*others, *range(24, 0, -1)])
    assert values == [0] * len(others) + [*range(24, 0, -1)]
    assert notes == ["ignored, no label of VerSe's numbering: 29, 30, 31, 44, 60, 119"]


def test_spineps_discs_and_endplates_are_left_out():
    values, notes = translated([20, 21, 28, 120, 221, 26])
    assert values == [20, 21, 28, 0, 0, 0]
    assert notes == ["read in SPINEPS's numbers"]


def test_spineps_substructures_are_no_vertebrae():
    values, notes = translated([41, 42, 49, 50, 60, 61, 62, 100])
    assert not any(values)
    assert notes == ["ignored, no label of VerSe's numbering: 41, 42, 49, 50, 60, 61, 62, 100"]


def test_a_stray_number_among_verses_is_named_and_ignored():
    values, notes = translated([20, 21, 43])
    assert values == [20, 21, 0]
    assert notes == ["ignored, no label of VerSe's numbering: 43"]


def test_a_scheme_that_is_named_holds_whatever_the_numbers_look_like():
    assert translated([27, 28], scheme="totalsegmentator")[0] == [24, 23]
    assert translated([27, 50], scheme="verse") == (
        [0, 0],
        ["ignored, no label of VerSe's numbering: 50"],
    )
    assert numbering.recognise([27, 28]) == ("verse",)


def test_many_unknown_numbers_are_named_in_one_short_line():
    _, notes = translated([*range(200, 220)], np.int16, "verse")
    assert notes[0].endswith("200, 201, 202, 203, 204, 205, 206, 207 and 12 more")


@pytest.mark.parametrize("kind", [np.int16, np.float32])
@pytest.mark.parametrize("fill", [-1024, -1])
def test_one_negative_number_is_background(fill, kind):
    values, notes = translated([20, fill, fill], kind)
    assert values == [20, 0, 0]
    assert notes == [f"{fill} outside the field of view read as background"]


def test_nan_is_background():
    values, notes = translated([np.nan, 21, np.nan], np.float64)
    assert values == [0, 21, 0]
    assert notes == ["NaN read as background"]


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ([20.4, 21], np.float32, "numbers that are not whole"),
        ([-1000, -900, 40], np.int16, r"different negative numbers \(-1000 and -900\)"),
        ([np.inf, 20], np.float32, "infinite or very large"),
        ([-np.inf, 20], np.float32, "infinite or very large"),
        ([70000, 20], np.int32, "infinite or very large"),
    ],
)
def test_what_is_no_label_map_is_refused(values, kind, words):
    with pytest.raises(BadInputError, match=f"the prediction holds {words}"):
        numbering.to_verse(stored(values, kind), "auto", "the prediction")


def test_an_empty_label_map_is_one():
    assert translated([0, 0], np.int16) == ([0, 0], [])


def test_the_schemes_do_not_contradict_themselves():
    for scheme in numbering.SCHEMES.values():
        assert not scheme.others & scheme.vertebrae.keys()
        assert len({*scheme.vertebrae.values()}) == len(scheme.vertebrae)
