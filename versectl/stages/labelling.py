"""The best run of vertebrae among the candidates, in polynomial time.

Candidates are places; each may be any vertebra. The best run is the heaviest path through the
nodes (place, label) from head to foot: a node weighs the response there under that label, an
edge costs what the distance differs from the usual one. Found by dynamic programming, in the
number of places squared, in place of the enumeration in Payer et al. 2020, section 2.2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

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

#: Distances of neighbours, mm, exclusive. Section 2.2 has 12.5 and 50, but necks are closer: the
#: least of 2097 pairs in 193 VerSe volumes is 10.8, and two centres found may each be off.
NEAREST_MM, FARTHEST_MM = 9.0, 50.0

#: chosen: relative deviation from the usual distance that costs one unit. Between subjects the
#: distances vary by 6.6 %, within one by 4 % (193 VerSe volumes); diseased spines by more, necks,
#: whose centres are found askew, by most. With 0.2 below the neck one vertebra was taken for two,
#: half a distance apart, where names jump by a level. Over n distances deviations average out: the
#: same relative deviation costs n units.
NECK_TOLERANCE, TOLERANCE = 0.2, 0.13

#: chosen: deviation in mm that costs one unit, however close two vertebrae are, for their centres
#: are found with an error each; in the neck it is more than people differ.
PLACING_MM = 3.0

#: chosen: what it costs that vertebrae between two were not seen: once, and for each of them.
GAP_COST, MISSED_COST = 1.5, 0.25

#: chosen: cost of the rare steps over T12 and to T13 (3 and 2 of 193 VerSe volumes).
RARE_COST = {(labels.T11, labels.L1): 3.0, (labels.T12, labels.T13): 3.0}

#: chosen: a name's share of the response counts from here; one wrong voice cannot veto.
LEAST_SHARE = 0.02

#: chosen: what it is worth that a sure place is in the run under whatever name, so that a name that
#: only its neighbours tell is given.
EXPLAINED = 1.0

#: chosen: how much surer a name is for each unit that it weighs more than the next level; so that a
#: report, which warns below 0.95, does so in 2 of 40 synthetic cases, in none of which all names
#: are off, and of 11 of 22 wrongly named pieces of real scans (docs/research-log.md).
SHARPNESS = 2.0


#: Deviation in mm from the usual distance below a vertebra that costs one unit, placing apart.
SPREAD_MM = {
    label: distance_mm * (NECK_TOLERANCE if label in labels.REGIONS["cervical"] else TOLERANCE)
    for label, distance_mm in DISTANCE_MM.items()
}

#: From each label (rows) to each other one: what the step costs, its usual distance and its spread
#: in mm, as in SPREAD_MM, and over how many distances it goes.
Ways = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


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
    if not places:
        return {}
    weights = np.array([_weights(place) for place in places])  # (places, labels)
    total = weights.copy()
    before = np.full((*weights.shape, 2), -1)  # place and label before, -1 where a run begins
    for lower, place in enumerate(places):
        for upper in range(lower):
            distance_mm = float(np.linalg.norm(places[upper].center_mm - place.center_mm))
            heavier = total[upper][:, None] - _step_costs(distance_mm) + weights[lower]
            label = heavier.argmax(axis=0)
            weight = heavier.max(axis=0)
            better = weight > total[lower]
            total[lower][better] = weight[better]
            before[lower, better, 0] = upper
            before[lower, better, 1] = label[better]
    return _walk_back(places, total, before)


def sureness(run: Mapping[int, Candidate]) -> float:
    """How sure the names of a run are, 0..1, beside the same places all named one level off.

    The logistic function of the difference in weight per vertebra; 0.5 when another level fits as
    well. Not of the whole difference: neighbours look alike and err together, so ten that hardly
    prefer a level are no surer than one.
    """
    chain = [label for label in labels.ORDER if label != labels.T13 or labels.T13 in run]
    own = np.array([chain.index(label) for label in run])
    shifted = [own + shift for shift in (-1, 1)]
    others = [at for at in shifted if at.min() >= 0 and at.max() < len(chain)]
    weights = [_weight(list(run.values()), [chain[i] for i in at]) for at in (own, *others)]
    ahead = (weights[0] - max(weights[1:], default=-np.inf)) / len(run)
    return float(1 / (1 + np.exp(-SHARPNESS * ahead)))


def _weight(places: Sequence[Candidate], names: Sequence[int]) -> float:
    """Weight of a run whose places are given these names."""
    at = [labels.ORDER.index(label) for label in names]
    weight = sum(_weights(place)[i] for place, i in zip(places, at, strict=True))
    for (upper, i), (lower, j) in pairwise(zip(places, at, strict=True)):
        distance_mm = float(np.linalg.norm(upper.center_mm - lower.center_mm))
        weight -= _step_costs(distance_mm)[i, j]
    return float(weight)


def _weights(candidate: Candidate) -> np.ndarray:
    """What each name is worth there, in labels' order; never negative, so all places count."""
    evidence = np.array([candidate.responses[label] for label in labels.ORDER])
    share = evidence / max(evidence.sum(), 1e-6)
    named = np.log(np.maximum(share, LEAST_SHARE) / LEAST_SHARE)
    return candidate.response * (EXPLAINED + named)


def _step_costs(distance_mm: float) -> np.ndarray:
    """Cost (26, 26) of a step from one label to another so far away; infinite if it cannot be."""
    return np.minimum(*(_costs(distance_mm, *ways) for ways in (NEIGHBOURS, OVER_MISSED)))


def _costs(
    distance_mm: float,
    cost: np.ndarray,
    usual_mm: np.ndarray,
    spread_mm: np.ndarray,
    steps: np.ndarray,
) -> np.ndarray:
    fits = (distance_mm > NEAREST_MM) & (distance_mm < FARTHEST_MM * steps)
    variance_mm2 = spread_mm**2 / steps + PLACING_MM**2
    return np.where(fits, cost + (distance_mm - usual_mm) ** 2 / variance_mm2, np.inf)


def _neighbours() -> Ways:
    """From each label to the ones that may follow."""
    cost, usual_mm, spread_mm, steps = _nowhere()
    for first, successors in labels.SUCCESSORS.items():
        for last in successors:
            at = labels.ORDER.index(first), labels.ORDER.index(last)
            cost[at] = RARE_COST.get((first, last), 0.0)
            usual_mm[at], spread_mm[at], steps[at] = DISTANCE_MM[first], SPREAD_MM[first], 1
    return cost, usual_mm, spread_mm, steps


def _over_missed() -> Ways:
    """The same from each label to those farther below, over vertebrae that were not seen."""
    cost, usual_mm, spread_mm, steps = _nowhere()
    for lower in range(len(labels.ORDER)):
        for upper, first in enumerate(labels.ORDER[:lower]):
            missed = [label for label in labels.ORDER[upper + 1 : lower] if label != labels.T13]
            if missed:
                steps_over = pairwise((first, *missed, labels.ORDER[lower]))
                rare = sum(RARE_COST.get(step, 0.0) for step in steps_over)
                cost[upper, lower] = GAP_COST + MISSED_COST * len(missed) + rare
                usual_mm[upper, lower] = sum(DISTANCE_MM[label] for label in (first, *missed))
                spread_mm[upper, lower] = sum(SPREAD_MM[label] for label in (first, *missed))
                steps[upper, lower] = len(missed) + 1
    return cost, usual_mm, spread_mm, steps


def _nowhere() -> Ways:
    shape = len(labels.ORDER), len(labels.ORDER)
    return np.full(shape, np.inf), np.ones(shape), np.ones(shape), np.ones(shape)


def _walk_back(
    places: Sequence[Candidate], total: np.ndarray, before: np.ndarray
) -> dict[int, Candidate]:
    place, label = np.unravel_index(total.argmax(), total.shape)
    run = {}
    while place >= 0:
        run[labels.ORDER[label]] = places[place]
        place, label = before[place, label]
    return dict(reversed(run.items()))


NEIGHBOURS, OVER_MISSED = _neighbours(), _over_missed()
