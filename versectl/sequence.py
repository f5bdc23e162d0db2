"""The best run of vertebrae among the candidates, in polynomial time.

Candidates are places; each may be any vertebra. The best run is the heaviest path through the
nodes (place, label) from head to foot: a node weighs the response there under that label, an
edge costs what the distance differs from the usual one. Found by dynamic programming, in the
number of places squared, in place of the enumeration in Payer et al. 2020, section 2.2.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from versectl import labels

#: Mean distance in mm from a vertebra's centre to the next one's (193 VerSe volumes).
DISTANCE_MM = {
    **dict(zip(range(1, 8), (18.9, 18.4, 16.1, 16.3, 16.0, 17.5, 18.8), strict=True)),
    **dict(
        zip(
            (*range(8, 20), labels.T13),
            (20.7, 21.7, 21.7, 22.1, 22.9, 23.2, 23.8, 24.4, 25.4, 27.2, 29.5, 31.3, 31.3),
            strict=True,
        )
    ),
    **dict(zip(range(20, 25), (33.0, 34.0, 34.1, 32.2, 30.7), strict=True)),
}

#: Distances of neighbours, mm, exclusive (section 2.2).
NEAREST_MM, FARTHEST_MM = 12.5, 50.0

#: chosen: relative deviation from the usual distance that costs one unit. Between subjects the
#: distances vary by 6.6 %, within one by 4 % (193 VerSe volumes); diseased spines by more.
TOLERANCE = 0.25

#: chosen: what a vertebra that was not seen between two that were costs.
GAP_COST = 2.0

#: chosen: cost of the rare steps over T12 and to T13 (3 and 2 of 193 VerSe volumes), and to L6.
RARE_COST = {(labels.T11, labels.L1): 3.0, (labels.T12, labels.T13): 3.0}

#: chosen: a name's share of the response counts from here; one wrong voice cannot veto.
LEAST_SHARE = 0.02


@dataclass(frozen=True)
class Candidate:
    """A place where a vertebra may be.

    center_mm : in the world (3,).
    response : how sure it is that some vertebra is there, 0..1.
    responses : label -> response under that name.
    """

    center_mm: np.ndarray
    response: float
    responses: Mapping[int, float]


def best(candidates: Sequence[Candidate]) -> dict[int, Candidate]:
    """The heaviest run, label -> candidate, from head to foot; empty without candidates."""
    places = sorted(candidates, key=lambda candidate: -candidate.center_mm[2])
    weights = [_weights(place) for place in places]
    total = [dict(weight) for weight in weights]
    before: list[dict[int, tuple[int, int]]] = [{} for _ in places]
    for lower, place in enumerate(places):
        for upper in range(lower):
            distance_mm = float(np.linalg.norm(places[upper].center_mm - place.center_mm))
            for label, following, cost in _steps(distance_mm):
                weight = total[upper][label] - cost + weights[lower][following]
                if weight > total[lower][following]:
                    total[lower][following] = weight
                    before[lower][following] = (upper, label)
    return _walk_back(places, total, before)


def _weights(candidate: Candidate) -> dict[int, float]:
    """Label -> what naming the candidate so is worth: never negative, so all sure places count."""
    evidence = np.array([candidate.responses[label] for label in labels.ORDER])
    share = evidence / max(evidence.sum(), 1e-6)
    worth = candidate.response * np.log(np.maximum(share, LEAST_SHARE) / LEAST_SHARE)
    return dict(zip(labels.ORDER, worth.tolist(), strict=True))


def _steps(distance_mm: float) -> Iterator[tuple[int, int, float]]:
    """Label, following label and cost of the steps that fit a distance."""
    for (label, following), (usual_mm, cost) in STEPS.items():
        limit = FARTHEST_MM if (label, following) in SINGLE else 2 * FARTHEST_MM
        if NEAREST_MM < distance_mm < limit:
            yield label, following, cost + ((distance_mm / usual_mm - 1) / TOLERANCE) ** 2


def _single_steps() -> dict[tuple[int, int], tuple[float, float]]:
    return {
        (label, following): (DISTANCE_MM[label], RARE_COST.get((label, following), 0.0))
        for label, successors in labels.SUCCESSORS.items()
        for following in successors
    }


def _double_steps() -> dict[tuple[int, int], tuple[float, float]]:
    """Steps over one vertebra that was not seen."""
    return {
        (first, last): (d1 + d2, cost1 + cost2 + GAP_COST)
        for (first, middle), (d1, cost1) in SINGLE.items()
        for (same, last), (d2, cost2) in SINGLE.items()
        if middle == same
    }


def _walk_back(
    places: Sequence[Candidate],
    total: Sequence[Mapping[int, float]],
    before: Sequence[Mapping[int, tuple[int, int]]],
) -> dict[int, Candidate]:
    nodes = [(weight, i, label) for i, at in enumerate(total) for label, weight in at.items()]
    if not nodes:
        return {}
    _, place, label = max(nodes)
    run = {label: places[place]}
    while label in before[place]:
        place, label = before[place][label]
        run[label] = places[place]
    return dict(reversed(run.items()))


SINGLE = _single_steps()

#: (label, following label) -> usual distance in mm, cost. Single steps win over double ones.
STEPS = {**_double_steps(), **SINGLE}
