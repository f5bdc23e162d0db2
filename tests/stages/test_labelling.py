import time
from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import pytest
from drawn_candidates import candidate

from versectl import labels
from versectl.stages import labelling, spacing
from versectl.stages.labelling import Candidate, Graph, Node


def named(candidates: list[Candidate], size: float = 1.0) -> dict[str, float]:
    """Name -> height of the best path of a person of this size."""
    graph = Graph.of(candidates)
    path = labelling.best(graph, int(np.argmin(np.abs(spacing.SIZES - size))))
    return {
        labels.NAMES[labels.ORDER[label]]: float(graph.places[place].center_mm[2])
        for place, label in path
    }


def paths(graph: Graph) -> Iterator[tuple[list[Node], np.ndarray]]:
    """Every path of a small graph, one by one, and its log weight for every size (sizes,)."""
    log_steps = spacing.steps()
    places = range(len(graph.places))
    for count in places:
        for chosen in combinations(places, count + 1):
            for labelled in combinations(range(len(labels.ORDER)), count + 1):
                path = list(zip(chosen, labelled, strict=True))
                weight = np.full(len(spacing.SIZES), sum(graph.weights[node] for node in path))
                for (upper, i), (lower, j) in pairwise(path):
                    weight = weight + log_steps[:, graph.bins[upper, lower], i, j]
                yield path, weight + spacing.size_prior()


@pytest.fixture(scope="module")
def small_graph() -> Graph:
    """Three places, so that all 26 + 26 + 26 + 3 x 325 + 2600 paths can be counted."""
    return Graph.of(
        [
            candidate(66, 0.8, T11=0.5, T12=0.5),
            candidate(36, 0.9, T12=0.6, L1=0.3, T13=0.1),
            candidate(0, 0.7, L1=0.5, L2=0.4, L6=0.1),
        ]
    )


def test_probabilities_are_those_of_all_paths_counted_one_by_one(small_graph):
    through = np.zeros(small_graph.weights.shape)
    sizes = np.zeros(len(spacing.SIZES))
    for path, log_weight in paths(small_graph):
        weight = np.exp(log_weight)
        sizes += weight
        for node in path:
            through[node] += weight.sum()
    found = labelling.posterior(small_graph)
    assert found.labels == pytest.approx(through / sizes.sum(), abs=1e-9)
    assert found.sizes == pytest.approx(sizes / sizes.sum(), abs=1e-9)
    assert found.log_total == pytest.approx(np.log(sizes.sum()))


def test_the_best_path_is_the_heaviest_of_all(small_graph):
    size = 3
    prior = spacing.size_prior()[size]
    best, weight = max(
        ((path, w[size] - prior) for path, w in paths(small_graph)), key=lambda pair: pair[1]
    )
    assert labelling.best(small_graph, size) == best
    assert weight > 0


def test_a_node_that_is_not_allowed_is_in_no_path(small_graph):
    allowed = np.ones(small_graph.weights.shape, bool)
    allowed[1, labels.ORDER.index(labels.T12)] = False
    limited = small_graph.limited(allowed)
    assert labelling.posterior(limited).labels[1, labels.ORDER.index(labels.T12)] == 0
    whole = labelling.posterior(small_graph)
    lost = whole.labels[1, labels.ORDER.index(labels.T12)]
    kept = np.exp(labelling.log_total(limited) - whole.log_total)
    assert kept == pytest.approx(1 - lost, abs=1e-9)


def test_no_probability_exceeds_one_whatever_the_responses():
    rng = np.random.default_rng(3)
    drawn = [candidate(z, rng.uniform(0.05, 1)) for z in np.arange(0, 400, 12.0)]
    for place in drawn:
        place.responses.update(zip(labels.CHANNELS, rng.random(26), strict=True))
    found = labelling.posterior(Graph.of(drawn))
    assert np.all(np.isfinite(found.labels))
    assert found.labels.sum(axis=1).max() <= 1 + 1e-9  # a path goes through a place once
    assert found.labels.sum(axis=0).max() <= 1 + 1e-9  # and gives a label once


def test_strong_candidates_keep_their_labels_whatever_their_order():
    run = named([candidate(0, L2=1), candidate(64, T12=1), candidate(33, L1=1)])
    assert run == {"T12": 64, "L1": 33, "L2": 0}


def test_one_wrong_score_is_outvoted_by_its_neighbours():
    places = [
        candidate(64, T12=0.8, T11=0.2),
        candidate(33, L2=0.9, L1=0.1),
        candidate(0, L2=0.9, L1=0.1),
    ]
    assert named(places) == {"T12": 64, "L1": 33, "L2": 0}


def test_a_place_without_a_fitting_label_is_labelled_by_its_neighbours():
    places = [candidate(97, T11=1), candidate(66, T12=1), candidate(33, C4=1), candidate(0, L2=1)]
    assert named(places) == {"T11": 97, "T12": 66, "L1": 33, "L2": 0}


def test_a_missed_vertebra_leaves_a_gap_not_a_shift():
    run = named([candidate(100, T11=1), candidate(70, T12=1), candidate(5, L2=1)])
    assert run == {"T11": 100, "T12": 70, "L2": 5}


def test_a_gap_of_many_vertebrae_must_be_as_long_as_they_are():
    upper = [candidate(212, T9=1), candidate(187, T10=1)]
    # 155 mm below T10 is L3, whatever its heatmaps prefer a little.
    lower = [candidate(32, L3=0.4, L4=0.6), candidate(-2, L4=0.4, L5=0.6)]
    assert list(named(upper + lower)) == ["T9", "T10", "L3", "L4"]


def test_a_false_place_too_near_another_is_left_out():
    run = named([candidate(64, T12=1), candidate(58, 0.4, L1=0.5), candidate(33, L1=1)])
    assert run == {"T12": 64, "L1": 33}


def test_a_spine_without_t12_and_one_with_t13_are_labelled_so():
    names, heights = ["T9", "T10", "T11", "L1", "L2", "L3"], [152, 127, 98, 67, 33, -2]
    without = [candidate(z, **{name: 1.0}) for z, name in zip(heights, names, strict=True)]
    assert list(named(without)) == names
    with_t13 = [candidate(90, T12=1), candidate(60, T13=1), candidate(29, L1=1)]
    assert list(named(with_t13)) == ["T12", "T13", "L1"]


def test_a_small_person_s_thorax_is_not_taken_for_a_longer_gap():
    heights = np.array([105.0, 77.0, 50.0, 25.0, 0.0]) * 0.8
    names = ["T9", "T10", "T11", "T12", "L1"]
    places = [
        candidate(z, **{name: 1.0}) for z, name in zip(heights[::-1], names[::-1], strict=True)
    ]
    graph = Graph.of(places)
    size = spacing.SIZES[labelling.posterior(graph).sizes.argmax()]
    assert size < 0.95
    assert list(named(places, size)) == names


def test_a_label_is_given_once_and_labels_descend():
    rng = np.random.default_rng(5)
    places = [candidate(z) for z in np.arange(0, 500, 21.0)]
    for place in places:
        place.responses.update(zip(labels.CHANNELS, rng.random(26), strict=True))
    run = named(places)
    order = [labels.ORDER.index(labels.NUMBERS[name]) for name in run]
    assert order == sorted(set(order))
    assert list(run.values()) == sorted(run.values(), reverse=True)


def test_one_candidate_is_one_vertebra():
    assert named([candidate(10, C4=1)]) == {"C4": 10}


def test_hundreds_of_candidates_take_no_time_that_grows_without_bound():
    rng = np.random.default_rng(1)
    names = rng.choice(list(labels.NUMBERS), 300)
    graph = Graph.of([candidate(rng.uniform(0, 700), **{name: 1.0}) for name in names])
    started = time.process_time()
    labelling.best(graph, 4)
    labelling.posterior(graph)
    assert time.process_time() - started < 30


@pytest.mark.parametrize("distance_mm", [9.0, 100.0])
def test_distances_are_exclusive(distance_mm):
    assert len(named([candidate(distance_mm, T4=1), candidate(0, T5=1)])) == 1


def test_every_response_says_less_where_more_vertebrae_are_in_view():
    """Of four responses each counts half."""
    spine = [candidate(-labelling.NEIGHBOUR_MM * below, L1=0.9, L2=0.1) for below in range(4)]
    alone = Graph.of(spine[:1]).weights - spacing.label_prior()
    among_four = Graph.of(spine).weights[0] - spacing.label_prior()
    assert among_four == pytest.approx(alone[0] / 2)


def test_a_faint_place_far_away_makes_no_long_spine():
    near = [candidate(0, L1=0.9, L2=0.1)]
    far = candidate(-300, response=labelling.STRONG / 2, L5=1.0)
    assert Graph.of([*near, far]).weights[0] == pytest.approx(Graph.of(near).weights[0])
