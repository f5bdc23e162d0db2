import time
from itertools import pairwise

import numpy as np
import pytest

from versectl import labels
from versectl.stages import labelling
from versectl.stages.labelling import Candidate


def candidate(z_mm: float, response: float = 1.0, **shares: float) -> Candidate:
    """A place on a straight spine with responses under some names."""
    responses = dict.fromkeys(labels.CHANNELS, 0.0)
    responses.update({labels.NUMBERS[name]: share * response for name, share in shares.items()})
    return Candidate(np.array([0.0, 0.0, z_mm]), response, responses)


def named(candidates: list[Candidate]) -> dict[str, float]:
    """Name -> height of the best run."""
    run = labelling.best(candidates)
    return {labels.NAMES[label]: float(place.center_mm[2]) for label, place in run.items()}


def test_sure_candidates_keep_their_names_whatever_their_order():
    run = named([candidate(0, L2=1), candidate(64, T12=1), candidate(33, L1=1)])
    assert run == {"T12": 64, "L1": 33, "L2": 0}


def test_one_wrong_voice_is_outvoted_by_its_neighbours():
    places = [
        candidate(64, T12=0.8, T11=0.2),
        candidate(33, L2=0.9, L1=0.1),
        candidate(0, L2=0.9, L1=0.1),
    ]
    assert named(places) == {"T12": 64, "L1": 33, "L2": 0}


def test_a_place_without_a_fitting_name_is_named_by_its_neighbours():
    places = [candidate(97, T11=1), candidate(66, T12=1), candidate(33, C4=1), candidate(0, L2=1)]
    assert named(places) == {"T11": 97, "T12": 66, "L1": 33, "L2": 0}


def test_a_missed_vertebra_leaves_a_gap_not_a_shift():
    run = named([candidate(100, T11=1), candidate(70, T12=1), candidate(5, L2=1)])
    assert run == {"T11": 100, "T12": 70, "L2": 5}


def test_a_gap_of_many_vertebrae_must_be_as_long_as_they_are():
    upper = [candidate(212, T9=1), candidate(187, T10=1)]
    # 155 mm below T10 is L3, whatever its heatmaps prefer a little.
    lower = [candidate(32, L3=0.35, L4=0.65), candidate(-2, L4=0.35, L5=0.65)]
    assert list(named(upper + lower)) == ["T9", "T10", "L3", "L4"]


def test_centres_placed_askew_in_a_short_neck_do_not_cost_it_a_vertebra():
    names = ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "T1"]
    heights_mm = [103, 86, 70, 55, 37, 27, 16, 0]  # C5..C7 are 10 and 11 apart, usual are 16 and 18
    seen_as = [0.6, 0.6, 0.6, 0.6, 0.6, 0.8, 0.8, 0.8]
    places = [
        candidate(z_mm, 0.7, **{name: share, lower: 1 - share})
        for z_mm, share, (name, lower) in zip(
            heights_mm, seen_as, pairwise([*names, "T2"]), strict=True
        )
    ]
    assert list(named(places)) == names


def test_a_false_place_too_near_another_is_left_out():
    run = named([candidate(64, T12=1), candidate(58, 0.4, L1=0.5), candidate(33, L1=1)])
    assert run == {"T12": 64, "L1": 33}


def test_a_spine_without_t12_and_one_with_t13_are_named_so():
    assert list(named([candidate(62, T11=1), candidate(31, L1=1)])) == ["T11", "L1"]
    without = [candidate(90, T12=1), candidate(60, T13=1), candidate(29, L1=1)]
    assert list(named(without)) == ["T12", "T13", "L1"]


def test_no_place_is_left_out_to_reach_t13_at_a_lower_cost():
    run = named(
        [candidate(81, T11=1), candidate(54, 0.5, T11=0.95, T12=0.05), candidate(25, T13=1)]
    )
    assert run == {"T11": 81, "T12": 54, "T13": 25}


def test_names_are_sure_when_only_they_fit_and_unsure_when_a_shift_fits_as_well():
    sure = [candidate(64, T12=1), candidate(33, L1=1), candidate(0, L2=1)]
    unsure = [candidate(33, L1=0.5, L2=0.5), candidate(0, L2=0.5, L3=0.5)]
    assert labelling.sureness(labelling.best(sure)) > 0.99
    assert 0.4 < labelling.sureness(labelling.best(unsure)) < 0.7


def test_many_vertebrae_that_hardly_prefer_a_level_are_no_surer_than_few():
    def sureness_of(number):
        names = [labels.NAMES[label] for label in range(10, 11 + number)]
        heights = np.arange(number, 0, -1) * 24.0
        pairs = zip(heights, names[:-1], names[1:], strict=True)
        return labelling.sureness(
            labelling.best([candidate(z, **{one: 0.55, other: 0.45}) for z, one, other in pairs])
        )

    assert 0.5 < sureness_of(8) < sureness_of(2) + 0.1 < 0.9


def test_a_whole_spine_is_sure_of_its_names():
    heights = np.cumsum([0, *(labelling.DISTANCE_MM[label] for label in range(24, 1, -1))])
    names = [labels.NAMES[label] for label in range(24, 0, -1)]
    places = [candidate(z, **{name: 1.0}) for z, name in zip(heights, names, strict=True)]
    assert labelling.sureness(labelling.best(places)) > 0.99


def test_a_label_is_given_once_and_labels_descend():
    rng = np.random.default_rng(5)
    places = [candidate(z) for z in np.arange(0, 500, 21.0)]
    for place in places:
        place.responses.update(zip(labels.CHANNELS, rng.random(26), strict=True))
    run = labelling.best(places)
    heights = [place.center_mm[2] for place in run.values()]
    assert [labels.ORDER.index(label) for label in run] == sorted(map(labels.ORDER.index, run))
    assert heights == sorted(heights, reverse=True)


def test_no_candidate_gives_no_vertebra_and_one_gives_one():
    assert labelling.best([]) == {}
    assert list(named([candidate(10, C4=1)])) == ["C4"]


def test_hundreds_of_candidates_take_no_time_that_grows_without_bound():
    rng = np.random.default_rng(1)
    names = rng.choice(list(labels.NUMBERS), 300)
    places = [candidate(rng.uniform(0, 700), **{name: 1.0}) for name in names]
    started = time.process_time()
    labelling.best(places)
    assert time.process_time() - started < 20


@pytest.mark.parametrize("distance_mm", [9.0, 100.0])
def test_distances_are_exclusive(distance_mm):
    assert len(named([candidate(distance_mm, T4=1), candidate(0, T5=1)])) == 1
