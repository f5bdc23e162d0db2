"""Which vertebra each place is: the best labelling, and how probable every label is.

Candidates are places; each may be any vertebra. A labelling is a path from head to foot through
the nodes (place, label): its log weight is what the responses say for its labels, plus what is
known of the distances (stages/spacing.py). Where Payer et al. 2020, section 2.2, enumerate, sums
over all paths are found here by the forward-backward algorithm, in polynomial time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from versectl import labels
from versectl.stages import spacing

#: chosen: a label's share of the response counts from here, so that one bad score cannot exclude
#: it.
LEAST_SHARE = 0.02

#: chosen: log weight of a strong place being in the path under whatever label, before the
#: temperature; a place whose label only its neighbours show is labelled by that.
EXPLAINED = 1.0

#: Neighbouring vertebrae look alike, and responses err together: those of n vertebrae count as
#: those of √n that err by themselves, so what they say is divided by this times √n. Calibrated on
#: synthetic cases and pieces that give no figures (docs/research-log.md).
TEMPERATURE = 0.87

#: chosen: n is how many vertebrae NEIGHBOUR_MM apart, the mean distance from C3 to L5, lie from the
#: highest to the lowest place with a response of STRONG.
NEIGHBOUR_MM, STRONG = 24.0, 0.1

#: chosen: candidates nearer than this to one another are one vertebra.
SAME_MM = 8.0


@dataclass(frozen=True)
class Candidate:
    """A place where a vertebra may be.

    center_mm : in the world (3,).
    response : that some vertebra is there, 0..1.
    responses : label -> response under that label.
    """

    center_mm: np.ndarray
    response: float
    responses: Mapping[int, float]


@dataclass(frozen=True)
class Graph:
    """Places from head to foot, and log weights of labels and steps.

    distances_mm : between any two places (places, places). bins : their rows in spacing.steps().
    weights : of every label, in labels' order, at every place (places, labels).
    """

    places: tuple[Candidate, ...]
    distances_mm: np.ndarray
    weights: np.ndarray
    bins: np.ndarray

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> "Graph":
        """The graph of at least one candidate."""
        places = tuple(sorted(candidates, key=lambda candidate: -candidate.center_mm[2]))
        centers_mm = np.array([place.center_mm for place in places])
        distances_mm = np.linalg.norm(centers_mm[:, None] - centers_mm, axis=-1)
        temperature = TEMPERATURE * np.sqrt(_count(places))
        weights = np.array([_weights(place, temperature) for place in places])
        return cls(places, distances_mm, weights, spacing.bins(distances_mm))

    def limited(self, allowed: np.ndarray) -> "Graph":
        """The same without the nodes (places, labels) that are not allowed."""
        return replace(self, weights=np.where(allowed, self.weights, -np.inf))

    def weighed(self, place: int, log_weights: np.ndarray) -> "Graph":
        """The same with log weights (labels,) added to those of one vertebra's places."""
        return replace(self, weights=self.weights + self.near(place)[:, None] * log_weights)

    def near(self, place: int) -> np.ndarray:
        """Places (places,) that are the same vertebra as one of them."""
        near: np.ndarray = self.distances_mm[place] < SAME_MM
        return near


class Posterior(NamedTuple):
    """What all paths say together.

    labels : probability that a path goes through a place under a label (places, labels).
    sizes : of the person being of each size (sizes,). log_total : log of all paths' weight.
    """

    labels: np.ndarray
    sizes: np.ndarray
    log_total: float


#: Place and label, as numbers in the graph's and labels' order.
Node = tuple[int, int]


def posterior(graph: Graph) -> Posterior:
    """Probabilities by the forward-backward algorithm, over all sizes a person may have."""
    above, below = _forward(graph), _backward(graph)
    by_size = logsumexp(above, axis=(1, 2)) + spacing.size_prior()
    log_total = logsumexp(by_size)
    through = above + below + spacing.size_prior()[:, None, None]
    shares = np.exp(logsumexp(through, axis=0) - log_total)
    return Posterior(shares, np.exp(by_size - log_total), float(log_total))


def log_total(graph: Graph) -> float:
    """Log weight of all paths of a graph together; -inf where there is none."""
    by_size = logsumexp(_forward(graph), axis=(1, 2))
    return float(logsumexp(by_size + spacing.size_prior()))


def best(graph: Graph, size: int) -> list[Node]:
    """The heaviest path, head to foot, of a person of a given size (index of spacing.SIZES)."""
    log_steps = spacing.steps()[size]
    total = graph.weights.copy()
    before = np.full((*total.shape, 2), -1)  # place and label before, -1 where a path begins
    count = len(labels.ORDER)
    for lower in range(1, len(total)):
        reached = total[:lower, :, None] + log_steps[graph.bins[:lower, lower]]
        flat = reached.reshape(-1, count)
        heaviest, value = flat.argmax(axis=0), flat.max(axis=0)
        better = value > 0
        total[lower, better] += value[better]
        before[lower, better] = np.stack(np.divmod(heaviest, count), axis=-1)[better]
    return _walk_back(total, before)


def _forward(graph: Graph) -> np.ndarray:
    """Log weight of all paths that end in each node (sizes, places, labels)."""
    linear = spacing.linear_steps()
    total = np.broadcast_to(graph.weights, (len(linear), *graph.weights.shape)).copy()
    for lower in range(1, total.shape[1]):
        step = linear[:, graph.bins[:lower, lower]]
        total[:, lower] += np.logaddexp(0.0, _log_product(total[:, :lower], step))
    return total


def _backward(graph: Graph) -> np.ndarray:
    """Log weight of all that may follow each node (sizes, places, labels)."""
    linear = spacing.linear_steps().swapaxes(-1, -2)
    total = np.zeros((len(linear), *graph.weights.shape))
    for upper in range(total.shape[1] - 2, -1, -1):
        step = linear[:, graph.bins[upper, upper + 1 :]]
        following = total[:, upper + 1 :] + graph.weights[upper + 1 :]
        total[:, upper] = np.logaddexp(0.0, _log_product(following, step))
    return total


def _log_product(log_weights: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Log of the sums over places and labels (sizes, labels), scaled so that none overflows.

    log_weights : (sizes, places, labels). step : (sizes, places, labels, labels), not logarithms.
    """
    sizes, places, count = log_weights.shape
    flat = log_weights.reshape(sizes, 1, places * count)
    largest = flat.max(axis=-1, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    sums = np.exp(flat - largest) @ step.reshape(sizes, places * count, count)
    with np.errstate(divide="ignore"):
        return (np.log(sums) + largest)[:, 0]


def _count(places: Sequence[Candidate]) -> float:
    """How many vertebrae places from head to foot span, at least 1."""
    strong_mm = [place.center_mm[2] for place in places if place.response > STRONG]
    return 1.0 + (strong_mm[0] - strong_mm[-1]) / NEIGHBOUR_MM if strong_mm else 1.0


def _weights(candidate: Candidate, temperature: float) -> np.ndarray:
    """Log weight of each label there, in labels' order; negative for rare labels alone."""
    evidence = np.array([candidate.responses[label] for label in labels.ORDER])
    share = evidence / max(evidence.sum(), 1e-6)
    named = np.log(np.maximum(share, LEAST_SHARE) / LEAST_SHARE)
    seen: np.ndarray = candidate.response * (EXPLAINED + named) / temperature
    return seen + spacing.label_prior()


def _walk_back(total: np.ndarray, before: np.ndarray) -> list[Node]:
    place, label = map(int, np.unravel_index(total.argmax(), total.shape))
    path = []
    while place >= 0:
        path.append((place, label))
        place, label = map(int, before[place, label])
    return path[::-1]
