"""The levels of a whole scan: its vertebrae, how probable each label is, and what else they may be.

Two labellings are one numbering when they give the vertebrae found the same labels, whatever they
make of other places.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from versectl import labels
from versectl.stages import labelling, ribs, spacing
from versectl.stages.labelling import Candidate, Graph, Node, Posterior
from versectl.types import Landmark, Numbering, OtherNumbering

#: chosen: from this probability on a second numbering is worth a look.
WORTH_A_LOOK = 0.05

#: chosen: below a last lumbar vertebra the sacrum is in view if the scan goes on by this share of
#: the usual distance to a next one.
SACRUM_SHARE = 0.8

#: chosen: from this probability on a numbering that begins at the dens needs no rib.
COUNTED = 0.9

#: chosen: a rib that begins beside a vertebra that looks like none of these is no first rib: two
#: levels off at most.
MAY_BE_T1 = tuple(labels.NUMBERS[name] for name in ("C6", "C7", "T1", "T2", "T3"))

#: Landmark -> pairs of neighbours it lies between.
_BETWEEN: dict[Landmark, tuple[tuple[int, int], ...]] = {
    "first_rib": ((labels.NUMBERS["C7"], labels.NUMBERS["T1"]),),
    "last_rib": (
        (labels.T11, labels.L1),
        (labels.T12, labels.L1),
        (labels.T13, labels.L1),
    ),
}


@dataclass(frozen=True)
class Reading:
    """What a scan's candidates say.

    places : label -> the vertebra's place, head to foot. confidence : label -> its probability.
    """

    places: dict[int, Candidate]
    confidence: dict[int, float]
    numbering: Numbering


def read(
    candidates: Sequence[Candidate],
    lowest_mm: float,
    first_rib_mm: Callable[[Sequence[np.ndarray]], float | None] = lambda _: None,
) -> Reading | None:
    """The most probable numbering of the candidates; None without any.

    lowest_mm : height of the scan's lower border, which tells whether the sacrum is in view.
    first_rib_mm : height of the first rib beside these centres, None where it is not in view.
    """
    if not candidates:
        return None
    graph = Graph.of(candidates)
    rivals = _most_probable(graph)
    rib_mm = None
    if not _is_counted_from_above(rivals):
        rib_mm = first_rib_mm([graph.places[place].center_mm for place, _ in rivals.path])
    if rib_mm is not None:
        graph = _with_first_rib(graph, rivals.path, rib_mm)
        rivals = _most_probable(graph)
    places = {labels.ORDER[label]: graph.places[place] for place, label in rivals.path}
    confidence = dict(zip(places, rivals.confidence, strict=True))
    levels = Numbering(
        rivals.probability,
        _second(graph, rivals),
        landmarks(places, lowest_mm),
        None if rib_mm is None else _beside_first_rib(places, rib_mm),
    )
    return Reading(places, confidence, levels)


def _beside_first_rib(places: Mapping[int, Candidate], first_rib_mm: float) -> int | None:
    """The vertebra that should be T1 by the first rib, T1 if that may be; None if none may."""
    away_mm = {
        label: abs(place.center_mm[2] - ribs.t1_mm(first_rib_mm)) for label, place in places.items()
    }
    if away_mm.get(ribs.T1, np.inf) <= ribs.MAY_BE_OFF_MM:
        return ribs.T1
    nearest = min(away_mm, key=lambda label: away_mm[label])
    return nearest if nearest in MAY_BE_T1 and away_mm[nearest] <= ribs.BESIDE_T1_MM else None


def _most_probable(graph: Graph) -> "_Rivals":
    """The heaviest path, or the other numbering where that has more probability."""
    found = labelling.posterior(graph)
    rivals = _rivals(graph, found, labelling.best(graph, int(found.sizes.argmax())))
    if rivals.other_probability > rivals.probability:
        swapped = _rivals(graph, found, rivals.other)
        rivals = max(rivals, swapped, key=lambda each: each.probability)
    return rivals


def _is_counted_from_above(rivals: "_Rivals") -> bool:
    """Whether the numbering is sure because it begins at the dens."""
    named = {labels.ORDER[label] for _, label in rivals.path}
    return labels.NUMBERS["C2"] in named and rivals.probability >= COUNTED


def _with_first_rib(graph: Graph, path: list[Node], first_rib_mm: float) -> Graph:
    """The graph with what the first rib says of the vertebra beside it, if it may be that rib."""
    away_mm = [
        abs(graph.places[place].center_mm[2] - ribs.t1_mm(first_rib_mm)) for place, _ in path
    ]
    place, label = path[int(np.argmin(away_mm))]
    if min(away_mm) > ribs.FAR_MM or labels.ORDER[label] not in MAY_BE_T1:
        return graph
    height_mm = float(graph.places[place].center_mm[2])
    return graph.weighed(place, ribs.log_weights(height_mm, first_rib_mm))


def landmarks(places: Mapping[int, Candidate], lowest_mm: float) -> tuple[Landmark, ...]:
    """Which landmarks are in view, head to foot, if the labels are right."""
    seen: list[Landmark] = ["C2"] if labels.NUMBERS["C2"] in places else []
    seen += [
        landmark
        for landmark, pairs in _BETWEEN.items()
        if any(above in places and below in places for above, below in pairs)
    ]
    last = [*places][-1]
    if last in (labels.L5, labels.L6):
        below_mm = places[last].center_mm[2] - lowest_mm
        if below_mm > SACRUM_SHARE * spacing.usual_mm(labels.L5, labels.L6):
            seen.append("sacrum")
    return tuple(seen)


def _confidence(graph: Graph, found: Posterior, node: Node) -> float:
    """Probability that the vertebra at a node has its label; candidates nearby are the same one."""
    place, label = node
    shares = found.labels[graph.near(place)].sum(axis=0)
    return float(shares[label] / shares.sum())


@dataclass(frozen=True)
class _Rivals:
    """A path, and the best other one, in which the most doubtful vertebra has its next label."""

    path: list[Node]
    confidence: list[float]
    probability: float
    other: list[Node]
    other_probability: float


def _rivals(graph: Graph, found: Posterior, path: list[Node]) -> _Rivals:
    """The probabilities of a path's numbering and of the next one."""
    confidence = [_confidence(graph, found, node) for node in path]
    doubtful = int(np.argmin(confidence))
    place, label = path[doubtful]
    near = graph.near(place)
    shares = found.labels[near].sum(axis=0)
    shares[label] = 0.0
    allowed = np.ones(graph.weights.shape, bool)
    allowed[near] = np.arange(len(shares)) == shares.argmax()
    other = labelling.best(graph.limited(allowed), int(found.sizes.argmax()))
    through = _log_weight_through(graph, near, found.log_total)
    probability, theirs = (
        float(np.exp(_log_weight_agreeing(graph, path, numbers, near) - through))
        for numbers in ([label for _, label in path], _labels_at(graph, path, other))
    )
    return _Rivals(path, confidence, probability, other, theirs)


def _second(graph: Graph, rivals: _Rivals) -> OtherNumbering | None:
    """The other numbering, where it is worth a look."""
    if rivals.other_probability < WORTH_A_LOOK:
        return None
    other = _labels_at(graph, rivals.path, rivals.other)
    named = tuple(None if label is None else labels.ORDER[label] for label in other)
    return OtherNumbering(named, _shift(rivals.path, other), rivals.other_probability)


def _labels_at(graph: Graph, path: list[Node], other: list[Node]) -> list[int | None]:
    """Which labels another path gives to the places of a path; None where it passes one by."""
    return [
        next((label for at, label in other if graph.near(place)[at]), None) for place, _ in path
    ]


def _log_weight_agreeing(
    graph: Graph, path: list[Node], numbers: Sequence[int | None], here: np.ndarray
) -> float:
    """Log weight of the paths through the doubtful vertebra that agree with a numbering.

    Those count that name none of the path's vertebrae otherwise. So two numberings that differ
    there exclude one another. here : the doubtful vertebra's places (places,).
    """
    agreeing = graph.limited(_agreeing(graph, path, numbers))
    return _log_weight_through(agreeing, here, labelling.log_total(agreeing))


def _agreeing(graph: Graph, path: list[Node], numbers: Sequence[int | None]) -> np.ndarray:
    """Nodes (places, labels) that name no vertebra of a path otherwise than it is numbered."""
    places = [place for place, _ in path]
    nearest = graph.distances_mm[:, places].argmin(axis=1)
    allowed = np.ones(graph.weights.shape, bool)
    for at, which in enumerate(nearest):
        if graph.near(places[which])[at]:
            allowed[at] = np.arange(len(labels.ORDER)) == numbers[which]
    return allowed


def _log_weight_through(graph: Graph, here: np.ndarray, all_paths: float) -> float:
    """Log weight of all paths that go through one of some places (places,), -inf without any.

    all_paths : log weight of all there are.
    """
    beside = np.broadcast_to(~here[:, None], graph.weights.shape)
    others = labelling.log_total(graph.limited(beside))
    with np.errstate(divide="ignore"):
        return all_paths + float(np.log(-np.expm1(min(others - all_paths, 0.0))))


def _shift(path: list[Node], other: Sequence[int | None]) -> int | None:
    """How many levels lower all labels are; None when they do not all move alike."""
    usual = [i for i, label in enumerate(labels.ORDER) if label != labels.T13]
    levels = {i: level for level, i in enumerate(usual)}
    moved = {
        None if new is None or not {old, new} <= levels.keys() else levels[new] - levels[old]
        for (_, old), new in zip(path, other, strict=True)
    }
    return moved.pop() if len(moved) == 1 else None
