"""How a spine stands: one frame per vertebra, C1 to the sacrum, sampled at random.

World is LPS in millimetres. Most people stand as `population` says; some are bent more, are
children or have worn discs.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from versectl.labels import L6, T11, T12, T13
from versectl.synth.bodies import population
from versectl.synth.bodies.population import Posture

#: How often vertebrae are more or fewer: of VerSe scans that show the place 8 of 249 have no T12,
#: by the keypoints; of 374 scans 18 have a T13 and 44 an L6. VerSe looked for such people.
NO_T12, WITH_T13, WITH_L6 = 0.03, 0.05, 0.12

#: chosen: shares of people with a strongly bent back, with scoliosis, of children, with worn discs.
KYPHOTIC, SCOLIOTIC, CHILDREN, WORN = 0.08, 0.1, 0.06, 0.3

#: chosen: how much steeper a bent back is at either end of the thorax, in degrees.
BENT_DEG = (8.0, 22.0)

#: chosen: size of children beside adults, from about two years on.
CHILD_SIZE = (0.5, 0.85)

#: Where discs wear first: how likely each of those below C1 to L5 is one of a person's worn ones,
#: beside the others; chosen by what is common: C4 to C7, mid thorax, L3 to the sacrum.
WORN_AT = np.repeat([0.0, 1.0, 4.0, 1.0, 1.5, 1.0, 2.0, 4.0], [2, 2, 3, 3, 5, 4, 3, 2])

#: chosen: how much of its height a worn disc has lost. How high it was in mm: C1 has no disc.
WEAR = (0.3, 0.9)
DISC_MM = np.repeat([0.0, 4.0, 3.6, 7.0], [1, 6, 12, 5])

#: Mean distance in mm from the last vertebra to the first sacral body, and its standard deviation
#: as a share. Source: statistics of 193 VerSe volumes.
SACRUM_MM, SACRUM_SD = 31.0, 0.04

STEEPEST_DEG, MOST_SIDEWAYS_DEG = 62.0, 38.0

#: chosen: the atlas turns so far on the axis.
HEAD_TURN_DEG = 18.0

#: chosen: sizes differ along one spine by so much at most, breadths from sizes.
UNEVEN, BROAD = 0.12, 0.15

#: The sacrum's tilt beyond that of the last step, in degrees: mean of VerSe volumes.
SACRAL_TILT_DEG = 17.0


@dataclass(frozen=True)
class Spine:
    """Frames of the vertebrae from head to foot, and of the first sacral body.

    labels : VerSe labels, head to foot.
    centers_mm : centres of the vertebral bodies, (n, 3); C1's lies behind its anterior arch.
    rotations : (n, 3, 3); the columns are a vertebra's left, posterior and superior axes.
    sizes : size of each vertebra relative to the average adult, (n,).
    breadths : how much broader a vertebra is than its size says, (n,); by its pedicles.
    worn_mm : how much lower than healthy the disc below each vertebra is, (n,).
    scale : size of the person relative to the average adult.
    sacrum_mm, sacrum_rotation : the same frame for the first sacral body.
    """

    labels: tuple[int, ...]
    centers_mm: np.ndarray
    rotations: np.ndarray
    sizes: np.ndarray
    breadths: np.ndarray
    worn_mm: np.ndarray
    scale: float
    sacrum_mm: np.ndarray
    sacrum_rotation: np.ndarray


def sample(rng: np.random.Generator) -> Spine:
    """A random whole spine, the middle of its bodies near the origin."""
    labels = _sample_labels(rng)
    return stand(labels, sample_person(rng), sample_wear(rng))


def sample_person(rng: np.random.Generator) -> Posture:
    """Measures of a random person, rare ones included."""
    person = population.sample(rng)
    sacrum_mm = SACRUM_MM * _scale(person) * (1 + SACRUM_SD * np.clip(rng.standard_normal(), -2, 2))
    person = replace(person, distance_mm=np.append(person.distance_mm[:-1], sacrum_mm))
    if rng.random() < KYPHOTIC:
        person = bent(person, rng.uniform(*BENT_DEG))
    if rng.random() < SCOLIOTIC:
        person = _scoliotic(person, rng)
    if rng.random() < CHILDREN:
        person = grown(person, rng.uniform(*CHILD_SIZE))
    return person


def bent(person: Posture, by_deg: float) -> Posture:
    """A person whose back is bent: steeper by so much at the upper and lower end of the thorax."""
    along = np.interp(np.arange(1, 25), (2, 8, 10, 18, 20, 23), (0, 1, 1, -1, -1, 0))
    return replace(person, sagittal_deg=person.sagittal_deg + by_deg * along)


def grown(person: Posture, size: float) -> Posture:
    """A person of the same posture, so many times as large."""
    return replace(person, distance_mm=size * person.distance_mm, span_mm=size * person.span_mm)


def sample_wear(rng: np.random.Generator) -> np.ndarray:
    """Which share (24,) of the height of the discs below C1 to L5 is lost: in some people much."""
    lost = np.zeros(len(WORN_AT))
    if rng.random() < WORN:
        count = rng.integers(1, 8)
        chosen = rng.choice(len(lost), count, replace=False, p=WORN_AT / WORN_AT.sum())
        lost[chosen] = rng.uniform(*WEAR, count)
    return lost


def stand(labels: tuple[int, ...], person: Posture, wear: np.ndarray) -> Spine:
    """The spine of a person with these vertebrae, its discs lower by the shares (24,) of `wear`."""
    worn_mm = column(labels, wear * DISC_MM) * _scale(person)
    distances_mm = column(labels, person.distance_mm) - worn_mm
    sagittal_deg = np.clip(column(labels, person.sagittal_deg), -STEEPEST_DEG, STEEPEST_DEG)
    coronal_deg = column(labels, person.coronal_deg)
    coronal_deg = np.clip(coronal_deg, -MOST_SIDEWAYS_DEG, MOST_SIDEWAYS_DEG)
    steps_mm = _directions(sagittal_deg, coronal_deg) * distances_mm[:, None]
    centers_mm = np.concatenate([np.zeros((1, 3)), np.cumsum(steps_mm, axis=0)])
    centers_mm -= centers_mm.mean(axis=0)
    own_deg = _between(sagittal_deg, SACRAL_TILT_DEG)
    own_deg[:-1] += column(labels, person.wedge_deg)
    turns_deg = column(labels, person.turn_deg)
    turns_deg[0] = turns_deg[1] + np.clip(
        turns_deg[0] - turns_deg[1], -HEAD_TURN_DEG, HEAD_TURN_DEG
    )
    rotations = _frames(own_deg, _between(coronal_deg, 0.0), np.append(turns_deg, turns_deg[-1]))
    sizes, breadths = _sizes(person)
    return Spine(
        labels=labels,
        centers_mm=centers_mm[:-1],
        rotations=rotations[:-1],
        sizes=column(labels, sizes),
        breadths=column(labels, breadths),
        worn_mm=worn_mm,
        scale=_scale(person),
        sacrum_mm=centers_mm[-1],
        sacrum_rotation=rotations[-1],
    )


def upright(spine: Spine, label: int) -> np.ndarray:
    """Frame (3, 3) of the trunk at a vertebra: its own, less its tilt in the average person."""
    index = spine.labels.index(label)
    return spine.rotations[index] @ _about_x(-_usual_tilt(spine.labels)[index])


def column(labels: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """One value per vertebra from those of C1 to L5 (24,).

    Where one is more or less than usual, the steps there are between those of its neighbours.
    """
    return np.array([values[_sources(labels, label)].mean() for label in labels])


def _sources(labels: tuple[int, ...], label: int) -> list[int]:
    """Which of C1 to L5, counted from 0, a vertebra takes its measures from."""
    if label == T13:
        return [T12 - 1, T12]
    if label == T11 and T12 not in labels:
        return [T11 - 1, T12 - 1]
    if label == L6:
        return [L6 - 2]
    if label == L6 - 1 and L6 in labels:
        return [L6 - 3, L6 - 2]
    return [label - 1]


@cache
def _usual_tilt(labels: tuple[int, ...]) -> np.ndarray:
    """Sagittal tilt in degrees of every vertebra of the average person."""
    return _between(column(labels, population.average().sagittal_deg), SACRAL_TILT_DEG)[:-1]


def _sample_labels(rng: np.random.Generator) -> tuple[int, ...]:
    labels = list(range(1, 25))
    draw = rng.random()
    if draw < NO_T12:
        labels.remove(T12)
    elif draw < NO_T12 + WITH_T13:
        labels.insert(labels.index(T12) + 1, T13)
    if rng.random() < WITH_L6:
        labels.append(L6)
    return tuple(labels)


def _scale(person: Posture) -> float:
    """Size of a person relative to the average: by the length of the spine from C2 to L4."""
    mean_mm = population.average().distance_mm
    return float(person.distance_mm[1:-1].sum() / mean_mm[1:-1].sum())


def _sizes(person: Posture) -> tuple[np.ndarray, np.ndarray]:
    """Sizes of C1 to L5 relative to the average, and how much broader they are than these say."""
    mean, scale = population.average(), _scale(person)
    lengths = np.log(person.distance_mm[:-1] / mean.distance_mm[:-1] / scale)
    uneven = np.clip(_smooth(np.append(lengths, lengths[-1])), -UNEVEN, UNEVEN)
    spans = np.log(person.span_mm / mean.span_mm / scale) - uneven
    seen = np.flatnonzero(np.isfinite(spans))
    spans = np.interp(np.arange(len(spans)), seen, spans[seen])
    return scale * np.exp(uneven), np.exp(np.clip(_smooth(spans), -BROAD, BROAD))


def _smooth(values: np.ndarray) -> np.ndarray:
    """Mean over each value and the two on either side."""
    return np.convolve(np.pad(values, 2, mode="edge"), np.ones(5) / 5, mode="valid")


def _scoliotic(person: Posture, rng: np.random.Generator) -> Posture:
    """A person whose spine bends sideways and turns as it does."""
    along = np.linspace(0, 1, 24)
    turns, apex = rng.uniform(0.7, 1.6), rng.uniform(0.4, 0.8)
    fade = np.clip(along / 0.25, 0, 1) * np.clip(0.3 + (1 - along) / 0.25, 0, 1)
    bend_deg = rng.choice([-1.0, 1.0]) * rng.uniform(10, 26) * fade
    bend_deg = bend_deg * np.sin(2 * np.pi * turns * (along - apex))
    coupled_deg = np.clip(np.gradient(bend_deg) * rng.uniform(0.5, 2.0), -25, 25)
    return replace(
        person,
        coronal_deg=person.coronal_deg + bend_deg,
        turn_deg=person.turn_deg + coupled_deg,
    )


def _directions(sagittal_deg: np.ndarray, coronal_deg: np.ndarray) -> np.ndarray:
    """Unit steps (n, 3) towards the feet."""
    sagittal, coronal = np.radians(sagittal_deg), np.radians(coronal_deg)
    steps = np.stack([np.tan(coronal), np.tan(sagittal), -np.ones_like(coronal)], axis=1)
    return steps / np.linalg.norm(steps, axis=1, keepdims=True)


def _between(values: np.ndarray, beyond: float) -> np.ndarray:
    """Values at the vertebrae and the sacrum from those of the steps below each vertebra."""
    inner = (values[:-1] + values[1:]) / 2
    return np.concatenate([values[:1], inner, [values[-1] + beyond]])


def _frames(sagittal_deg: np.ndarray, coronal_deg: np.ndarray, turns_deg: np.ndarray) -> np.ndarray:
    """Rotations (n, 3, 3) of vertebrae with these tilts."""
    up = -_directions(sagittal_deg, coronal_deg)
    return np.stack([_frame(axis, turn) for axis, turn in zip(up, turns_deg, strict=True)])


def _frame(up: np.ndarray, turn_deg: float) -> np.ndarray:
    """Left, posterior and superior axes of a vertebra that points up, turned about that axis."""
    turn = np.radians(turn_deg)
    left = np.array([np.cos(turn), np.sin(turn), 0.0])
    left -= left @ up * up
    left /= np.linalg.norm(left)
    return np.stack([left, np.cross(up, left), up], axis=1)


def _about_x(angle_deg: float) -> np.ndarray:
    """Rotation about the left axis; positive tips the upper end forward."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
