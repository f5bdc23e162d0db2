import numpy as np
import pytest
from drawn_candidates import candidate

from versectl import labels
from versectl.stages import numbering
from versectl.stages.labelling import Candidate
from versectl.stages.numbering import Reading


def read(candidates: list[Candidate], lowest_mm: float = -100.0) -> Reading:
    found = numbering.read(candidates, lowest_mm)
    assert found is not None
    return found


def levels(*names: str, response: float = 1.0, share: float = 1.0) -> list[Candidate]:
    """A spine 25 mm apart; what a share lacks to 1 speaks for the next label below."""
    order = [labels.NAMES[label] for label in labels.ORDER]
    heights = np.arange(len(names))[::-1] * 25.0
    return [
        candidate(z, response, **{name: share, order[order.index(name) + 1]: 1 - share})
        for z, name in zip(heights, names, strict=True)
    ]


THORAX = ("T7", "T8", "T9", "T10", "T11")


def names(found: Reading) -> list[str]:
    return [labels.NAMES[label] for label in found.places]


def test_labels_are_probable_when_only_they_fit():
    found = read(levels(*THORAX))
    assert names(found) == list(THORAX)
    assert min(found.confidence.values()) > 0.95
    assert found.numbering.probability > 0.9
    assert found.numbering.second is None


def test_a_shift_that_fits_as_well_is_the_second_numbering():
    found = read(levels(*THORAX, share=0.52))
    assert names(found) == list(THORAX)
    second = found.numbering.second
    assert second is not None
    assert second.shift == 1
    assert [labels.NAMES[label] for label in second.labels] == ["T8", "T9", "T10", "T11", "T12"]
    assert 0.4 < found.numbering.probability < 0.7
    assert 0.3 < second.probability < 0.5


def test_two_numberings_exclude_one_another():
    rng = np.random.default_rng(4)
    for _ in range(10):
        drawn = levels(*THORAX, response=0.3)
        for place in drawn:
            place.responses.update(
                {label: float(0.3 * rng.random() ** 4) for label in labels.CHANNELS}
            )
        found = read(drawn).numbering
        second = 0.0 if found.second is None else found.second.probability
        assert found.probability + second <= 1 + 1e-9


def test_what_the_network_hardly_sees_is_less_probable():
    strong, faint = (read(levels(*THORAX, response=r, share=0.8)) for r in (1.0, 0.2))
    assert faint.numbering.probability < strong.numbering.probability - 0.1


def test_candidates_of_one_vertebra_share_its_probability():
    once = levels(*THORAX)
    twice = once + [candidate(c.center_mm[2] + 3.0, T9=0) for c in once[2:3]]
    twice[-1].responses.update(once[2].responses)
    assert read(twice).confidence[labels.NUMBERS["T9"]] > 0.95


def test_a_t12_that_is_stepped_over_at_the_distance_of_neighbours_is_doubted():
    # T11 and L1 are called so with the least of preference, 30 mm apart: as T11 and T12 are.
    places = [
        candidate(57, T10=0.5, T11=0.5),
        candidate(30, T11=1),
        candidate(0, L1=0.55, T12=0.45),
    ]
    found = read(places)
    assert names(found)[1:] != ["T11", "L1"] or found.numbering.probability < 0.7


def test_two_vertebrae_that_might_be_others_are_doubted():
    found = read([candidate(33, T12=0.6, L1=0.4), candidate(0, L1=0.6, L2=0.4)])
    assert found.numbering.probability < 0.7
    assert found.numbering.second is not None


def test_a_faint_place_between_two_vertebrae_does_not_shift_those_above():
    # It is called T8, which would fit were T8 called T7, and so on.
    real = levels("T6", "T7", "T8", "T9", "T10", "T11")
    torn = [
        candidate(place.center_mm[2], 0.6, **{upper: 0.6, own: 0.4})
        for place, upper, own in zip(real, ("T5", "T6", "T7"), ("T6", "T7", "T8"), strict=False)
    ]
    found = read([*torn, candidate(62.5, 0.15, T8=1.0), *real[3:]])
    assert names(found) == ["T6", "T7", "T8", "T9", "T10", "T11"]


def test_landmarks_are_those_between_the_labels_found():
    assert read(levels("C1", "C2", "C3")).numbering.evidence == ("C2",)
    assert read(levels("C7", "T1", "T2")).numbering.evidence == ("first_rib",)
    assert read(levels("T11", "T12", "L1")).numbering.evidence == ("last_rib",)
    assert read(levels(*THORAX)).numbering.evidence == ()


@pytest.mark.parametrize(("lowest_mm", "evidence"), [(-40.0, ("sacrum",)), (-15.0, ())])
def test_the_sacrum_is_in_view_only_where_the_scan_goes_on(lowest_mm, evidence):
    places = [candidate(36, L4=1), candidate(0, L5=1)]
    assert read(places, lowest_mm).numbering.evidence == evidence


def test_the_first_rib_tells_which_of_two_numberings_it_is():
    heights = dict(zip(("C6", "C7", "T1", "T2", "T3"), (77.0, 60.0, 41.0, 21.0, 0.0), strict=True))
    doubtful = [
        candidate(z, **{name: 0.55, below: 0.45})
        for (name, z), below in zip(heights.items(), ("C7", "T1", "T2", "T3", "T4"), strict=True)
    ]
    asked = []

    def rib_at(height_mm):
        def look(centers_mm):
            asked.append([center_mm[2] for center_mm in centers_mm])
            return height_mm

        return look

    alone = read(doubtful)
    assert names(alone) == list(heights)
    found = numbering.read(doubtful, -100.0, rib_at(heights["T1"] + 9))
    assert names(found) == list(heights)
    assert found.numbering.probability > alone.numbering.probability + 0.1
    assert found.numbering.first_rib_beside == labels.NUMBERS["T1"]
    assert alone.numbering.first_rib_beside is None
    moved = numbering.read(doubtful, -100.0, rib_at(heights["C7"] + 9))
    assert names(moved) == ["C7", "T1", "T2", "T3", "T4"]
    assert asked == [list(heights.values())] * 2


@pytest.mark.parametrize(("t1_mm", "beside"), [(50, "T1"), (52, "C7"), (60, "C7")])
def test_sure_labels_stay_beside_another_first_rib_which_is_nearer_to_a_neighbour(t1_mm, beside):
    sure = [
        candidate(z, **{name: 1})
        for name, z in (("C5", 94), ("C6", 77), ("C7", 60), ("T1", 41), ("T2", 21), ("T3", 0))
    ]
    found = numbering.read(sure, -100.0, lambda _: t1_mm + 9.0)
    assert names(found) == ["C5", "C6", "C7", "T1", "T2", "T3"]
    assert found.numbering.first_rib_beside == labels.NUMBERS[beside]


@pytest.mark.parametrize("height_mm", [50.0, 170.0])
def test_a_rib_that_cannot_be_the_first_says_nothing(height_mm):
    found = numbering.read(levels(*THORAX), -100.0, lambda _: height_mm)
    assert found.numbering == read(levels(*THORAX)).numbering


def test_what_is_counted_from_the_dens_needs_no_rib():
    def look(centers_mm):
        raise AssertionError("it was looked for")

    neck = [
        candidate(z, **{name: 1})
        for name, z in (("C1", 74), ("C2", 55), ("C3", 37), ("C4", 19), ("C5", 2))
    ]
    assert names(numbering.read(neck, -100.0, look)) == ["C1", "C2", "C3", "C4", "C5"]


def test_no_candidate_gives_no_reading():
    assert numbering.read([], 0.0) is None
