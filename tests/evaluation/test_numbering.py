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


OPEN = (
    "VerSe's or TotalSegmentator's numbers, read as {}'s (--pred-labels and --gt-labels say whose"
)


def test_totalsegmentators_lowest_vertebrae_alone_are_recognised_by_their_order():
    """As VerSe's they would be a T13 above an L6 and a coccyx."""
    values, (note,) = translated_stack([25, 27, 28])
    assert values == [0, 24, 23]
    assert note == OPEN.format("TotalSegmentator") + " they are): 25, 27, 28"


@pytest.mark.parametrize("numbers", [[28], [27], [25], [26, 27], [25, 26]])
def test_numbers_that_two_schemes_have_are_told_unless_others_beside_them_decide(numbers):
    values, (note,) = translated(numbers)
    assert values == numbers
    assert note.startswith(OPEN.format("VerSe"))

    def usual():
        return "totalsegmentator"

    label_map, notes = numbering.to_verse(stored(numbers), usual=usual)
    theirs = {27: 24, 28: 23}
    assert sitk.GetArrayFromImage(label_map)[1, 0].tolist() == [theirs.get(n, 0) for n in numbers]
    assert [str(note) for note in notes] == ["read in TotalSegmentator's numbers"]
    assert numbering.to_verse(stored(numbers), usual=lambda: "verse")[1] == ()


def test_label_maps_that_tell_their_numbers_ask_no_other():
    for numbers in ([20, 25], [24, 26, 27], [19, 28, 20], [26], [0]):
        _, notes = numbering.to_verse(stored(numbers), usual=lambda: pytest.fail("asked"))
        assert notes == ()


def test_totalsegmentators_lowest_vertebrae_are_recognised_beside_its_organs():
    organs = [1, 2, 51, 3, 5, 4, 79, 110]
    assert translated_stack([*organs, 27, 28])[0] == [0] * len(organs) + [24, 23]
    ours = translated_stack([60, 26, 24, 23])
    assert ours == ([0, 0, 24, 23], ["ignored, no label of VerSe's numbering: 60"])
    values, _ = translated_stack([60, 27, 24, 23])
    assert values == [0, 0, 24, 23]


@pytest.mark.parametrize(
    ("numbers", "scheme"),
    [
        ([20, 21], "verse"),
        ([31, 32], "totalsegmentator"),
        ([20, 120], "spineps"),
        ([27, 28], None),
        ([26], None),
        ([1, 2, 60], None),
        ([0], None),
    ],
)
def test_what_a_label_map_tells_of_those_beside_it(numbers, scheme):
    assert numbering.told_by(stored(numbers), "it") == scheme


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
