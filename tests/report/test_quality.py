"""Flags and measurements: each in both directions."""

from dataclasses import replace

import numpy as np
import pytest
from phantoms import CENTERS_MM

from versectl import geometry, labels
from versectl.report import measurements, quality
from versectl.types import Numbering, Result, Spine, Vertebra, Vertebrae


def all_measured(found, ct):
    return measurements.of(found.vertebrae, found.label_map, ct)


@pytest.fixture
def result(label_map):
    found = {label: Vertebra(center, 0.9, 0.99) for label, center in CENTERS_MM.items()}
    return Result(Spine(CENTERS_MM[20], 0.8), Vertebrae(found), label_map)


@pytest.fixture
def flagged(ct):
    """The result's flags: code, vertebra and message."""

    def flags(result):
        found = quality.of_result(result, all_measured(result, ct), ct)
        assert all(flag.advice for flag in found)
        return [(flag.code, flag.vertebra, flag.message) for flag in found]

    return flags


def codes(flags):
    return [flag.code for flag in flags]


def test_a_clean_result_has_no_flag(result, flagged):
    assert flagged(result) == []


def test_volumes_are_voxels_times_their_size(result, label_map, ct):
    row = all_measured(result, ct).vertebrae[1].measures
    count = (geometry.to_array(label_map) == 20).sum()
    assert row.volume_ml == pytest.approx(count * 2.0 * 1.5 * 2.5 / 1000, abs=1e-3)


def test_a_gap_in_the_sequence_is_flagged(result, flagged):
    del result.vertebrae.found[20]
    result = replace(result, label_map=geometry.keep_labels(result.label_map, [19, 21]))
    assert flagged(result) == [("gap", "T12", "There is a gap between T12 and L2.")]


def spine(**heights_mm):
    """Vertebrae by name at these heights."""
    return Vertebrae(
        {
            labels.NUMBERS[name]: Vertebra(np.array([0.0, 0.0, height]), 1.0)
            for name, height in heights_mm.items()
        }
    )


@pytest.mark.parametrize("names", ["T12 T13 L1", "L4 L5 L6", "T10 T11 T12"])
def test_anatomical_variants_are_no_gap(names):
    assert quality.gaps(spine(**{n: -30.0 * i for i, n in enumerate(names.split())})) == []


def test_a_t12_is_missing_unless_its_neighbours_lie_as_near_as_neighbours():
    assert quality.gaps(spine(T9=82, T10=57, T11=30, L1=0)) == []
    (flag,) = quality.gaps(spine(T9=112, T10=87, T11=60, L1=0, L2=-33))
    assert flag.message == "There is a gap between T11 and L1."


def test_faint_peaks_are_no_flag_as_long_as_most_are_not(result, flagged):
    """On held-out cases every other right result has faint peaks, beside certain labels."""
    result.vertebrae.found[19] = Vertebra(CENTERS_MM[19], 0.11)
    result.vertebrae.found[20] = Vertebra(CENTERS_MM[20], float("nan"))
    assert flagged(result) == []


@pytest.mark.parametrize("face", [0, -1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_all_vertebrae_at_any_face_of_the_scan_share_one_flag(result, flagged, face, axis):
    array = geometry.to_array(result.label_map)
    np.moveaxis(array, axis, 0)[face, 5, 6] = 21
    cut = replace(result, label_map=geometry.from_array(array, result.label_map))
    says = "L2 touches the border of the scan and may be cut."
    assert flagged(cut) == [("cut_at_border", None, says)]
    np.moveaxis(array, axis, 0)[face, 5, 7] = 19
    cut = replace(result, label_map=geometry.from_array(array, result.label_map))
    says = "T12 and L2 touch the border of the scan and may be cut."
    assert flagged(cut) == [("cut_at_border", None, says)]


def test_a_doubtful_numbering_is_flagged(result, flagged):
    doubtful = Vertebrae(result.vertebrae.found, Numbering(0.4, None, ()))
    says = "Labels may be shifted: the numbering has a probability of 0.40."
    assert flagged(replace(result, vertebrae=doubtful)) == [("levels_may_be_shifted", None, says)]


def test_a_centroid_without_a_voxel_is_flagged(result, flagged):
    result.vertebrae.found[22] = Vertebra(2 * CENTERS_MM[21] - CENTERS_MM[20], 0.9)
    says = "L3 has a centroid but no voxel."
    assert flagged(result) == [("centre_without_mask", "L3", says)]


def painted(result, *numbers):
    """The result with a stroke of each number between two bodies."""
    array = geometry.to_array(result.label_map)
    free = np.argwhere(array == 0)[array.size // 2 :]
    for number, place in zip(numbers, free, strict=False):
        array[tuple(place)] = number
    return replace(result, label_map=geometry.from_array(array, result.label_map))


def test_a_vertebra_that_was_painted_without_a_centroid_is_flagged(result, flagged):
    says = "L6 has a mask but no centroid, and so no row in the report and its tables."
    assert flagged(painted(result, 25)) == [("mask_without_centre", None, says)]
    says = "T13 and L6 have a mask but no centroid, and so no row in the report and its tables."
    assert flagged(painted(result, 25, 28)) == [("mask_without_centre", None, says)]


def test_numbers_that_stand_for_no_vertebra_are_flagged_but_those_of_sacrum_and_coccyx(
    result, flagged
):
    says = "Masks have numbers that stand for no vertebra: 29, 60."
    assert flagged(painted(result, 26, 27, 60, 29)) == [("unknown_number", None, says)]
    assert flagged(painted(result, 26, 27)) == []


def test_masks_in_a_scan_where_no_spine_was_found_are_flagged(result, flagged):
    (_, flag) = flagged(replace(result, vertebrae=Vertebrae({})))
    assert flag[:2] == ("mask_without_centre", None)


def test_centroids_in_the_masks_of_other_vertebrae_are_flagged_once(result, flagged, label_map):
    """As after the centroids were renumbered by hand and the masks were kept."""
    renumbered = {label + 1: vertebra for label, vertebra in result.vertebrae.items()}
    found = flagged(replace(result, vertebrae=Vertebrae(renumbered)))
    says = "Centroids lie in the masks of other vertebrae: L1 in T12, L2 in L1 and L3 in L2."
    assert ("centroid_in_other_mask", None, says) in found
    result.vertebrae.found[20] = result.vertebrae[21]
    assert "Centroids lie in the masks of other vertebrae: L1 in L2." in str(flagged(result))


def test_the_centroid_of_c1_may_lie_in_the_dens_of_c2(result):
    found = Vertebrae({1: result.vertebrae[19], 2: result.vertebrae[20]})
    for label, count in ((2, 0), (3, 1)):
        array = geometry.to_array(result.label_map)
        array[array == 19] = label
        array[array == 20] = 2
        label_map = geometry.from_array(array, result.label_map)
        flags = quality.centroid_in_other_mask(Result(result.spine, found, label_map))
        assert len(flags) == count


def test_a_centroid_in_no_mask_in_a_disc_or_outside_the_scan_is_in_no_other(result):
    for away_mm in ((0, 40, 0), (0, 0, 900)):
        result.vertebrae.found[20] = Vertebra(CENTERS_MM[20] + away_mm, 0.9)
        assert quality.centroid_in_other_mask(result) == []
    sacrum = geometry.to_array(result.label_map)
    sacrum[sacrum == 20] = 26
    result.vertebrae.found[20] = Vertebra(CENTERS_MM[20], 0.9)
    other = replace(result, label_map=geometry.from_array(sacrum, result.label_map))
    assert quality.centroid_in_other_mask(other) == []


#: Peaks, probability of the numbering, height in mm. The first ones have the peaks of real scans as
#: they are and upside down or front to back; of these the abdomen's probabilities were measured.
SOUND = [
    ((0.12, 0.47, 0.80, 0.89, 0.87, 0.90), 0.95, 333),
    ((0.83, 0.87), 0.61, 85),
    ((0.83, 0.71, 0.80, 0.77, 0.56, 0.39, 0.10, 0.02, 0.08, 0.02), 0.64, 188),
    ((0.77, 0.4, 0.32, 0.3, 0.27, 0.17, 0.13, 0.21, 0.64, 0.83), 0.99, 858),
    ((0.31, 0.55), 0.56, 85),
]
FLIPPED = [
    ((0.01, 0.13, 0.52, 0.67, 0.00, 0.00), 0.57, 333),
    ((0.01, 0.01, 0.04, 0.65, 0.34, 0.03, 0.10), 0.54, 333),
    ((0.20, 0.31, 0.35, 0.09, 0.23, 0.42, 0.22), 0.9, 223),
    ((0.9, 0.9), 0.99, 400),
    ((0.39, 0.2), float("nan"), 90),
]


@pytest.mark.parametrize("case", [*SOUND, *FLIPPED])
def test_hardly_anything_found_points_to_a_flipped_header(case):
    peaks, probability, height_mm = case
    found = {
        label: Vertebra(CENTERS_MM[20], peak)
        for label, peak in zip(labels.ORDER, peaks, strict=False)
    }
    numbered = Vertebrae(found, Numbering(probability, None, ()))
    flags = quality.header_may_be_flipped(numbered, height_mm)
    assert bool(flags) == (case in FLIPPED)
