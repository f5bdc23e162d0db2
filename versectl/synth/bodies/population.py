"""How postures and sizes of real spines are distributed: one random person's measures.

The model is a factor analysis of the ImFusion VID keypoints (Bürgin, Prevost, Stollenga; CC BY-SA
4.0): body centre and pedicles of 19 000 vertebrae of about 1 290 people. `postures.json`, which
`benchmarks/priors/fit_postures.py` makes, holds its numbers and no data of anybody; CC BY-SA 4.0,
too. Most scans show a part of a spine; factors tell what goes together, so a neck suits its loins.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

#: chosen: share of what no factor explains that is the person's own, not an error of marking;
#: markers err by about 1 mm, which is 4 degrees between neighbours.
OWN_SHARE = 0.6

#: chosen: factors beyond so many standard deviations are rare or mistakes.
FARTHEST_SD = 2.8


@dataclass(frozen=True)
class Posture:
    """Measures of one person: arrays (24,) for C1 to L5.

    distance_mm : from each centre of a body to the next one; NaN for L5.
    sagittal_deg, coronal_deg : tilt of that step, positive where the lower centre lies more
        posterior, or more to the left; L5's leads to the sacrum.
    wedge_deg : how far a vertebra is tilted beyond the mean of its two steps, sagittal.
    turn_deg : about the long axis.
    span_mm : from the middle of one pedicle to the other's; NaN in the neck.
    """

    distance_mm: np.ndarray
    sagittal_deg: np.ndarray
    coronal_deg: np.ndarray
    wedge_deg: np.ndarray
    turn_deg: np.ndarray
    span_mm: np.ndarray


@dataclass(frozen=True)
class _Group:
    """Features that vary together: mean, measured range, remaining SD (features, 24), factors.

    NaN where nothing was measured.
    """

    features: tuple[str, ...]
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rest: np.ndarray
    factors: np.ndarray  # (factors, features, 24)


def sample(rng: np.random.Generator) -> Posture:
    """A random person; every measure lies within the range of the people measured."""
    rows: dict[str, np.ndarray] = {}
    for group in _model():
        strength = np.clip(rng.standard_normal(len(group.factors)), -FARTHEST_SD, FARTHEST_SD)
        own = OWN_SHARE * group.rest * np.clip(rng.standard_normal(group.rest.shape), -2, 2)
        values = group.mean + np.tensordot(strength, group.factors, axes=1) + own
        rows |= zip(group.features, np.clip(values, group.low, group.high), strict=True)
    return _posture(rows)


def average() -> Posture:
    """The mean person."""
    return _posture({n: row for g in _model() for n, row in zip(g.features, g.mean, strict=True)})


def ranges() -> tuple[Posture, Posture]:
    """Lowest and highest values that were measured, each by itself."""
    low, high = (
        _posture({n: row for g in _model() for n, row in zip(g.features, bound(g), strict=True)})
        for bound in (lambda g: g.low, lambda g: g.high)
    )
    return low, high


def _posture(rows: dict[str, np.ndarray]) -> Posture:
    """A posture from the model's features."""
    return Posture(
        distance_mm=np.exp(rows["log_distance"]),
        sagittal_deg=rows["sagittal_deg"],
        coronal_deg=_filled(rows["coronal_deg"]),
        wedge_deg=np.nan_to_num(rows["wedge_deg"]),
        turn_deg=_filled(rows["turn_deg"]),
        span_mm=np.exp(rows["log_span"]),
    )


def _filled(row: np.ndarray) -> np.ndarray:
    """Values (24,) with those that nobody measured between their neighbours'."""
    seen = np.flatnonzero(np.isfinite(row))
    return np.interp(np.arange(len(row)), seen, row[seen])


@cache
def _model() -> tuple[_Group, ...]:
    file = resources.files(__package__) / "postures.json"
    groups = json.loads(file.read_text(encoding="utf-8"))["groups"].values()
    return tuple(
        _Group(
            tuple(group["features"]),
            *(np.array(group[n], float) for n in ("mean", "low", "high", "rest", "factors")),
        )
        for group in groups
    )
