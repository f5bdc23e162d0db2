"""How a spine stands: one frame per vertebra, C1 to the sacrum, sampled at random.

World is LPS in millimetres. The numbers are means and ranges between centres of vertebral bodies
in the official landmarks: statistics of 193 VerSe volumes.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from versectl.labels import NUMBERS, T11, T12, T13

#: Upper vertebra of a pair -> mean, lowest and highest distance to the next centre in mm, and
#: mean sagittal tilt in degrees, positive where the lower centre lies more posterior.
#: Source: statistics of 193 VerSe volumes.
PAIRS = MappingProxyType(
    {
        NUMBERS[name]: numbers
        for name, numbers in {
            "C1": (18.863, 13.916, 28.636, 12.4),
            "C2": (18.443, 14.142, 23.000, 7.9),
            "C3": (16.086, 11.082, 20.000, 13.1),
            "C4": (16.335, 11.380, 20.591, 17.0),
            "C5": (15.996, 10.817, 21.378, 21.2),
            "C6": (17.544, 13.928, 21.371, 26.4),
            "C7": (18.768, 15.780, 22.561, 29.4),
            "T1": (20.691, 16.624, 24.718, 28.3),
            "T2": (21.652, 17.692, 25.962, 27.4),
            "T3": (21.747, 18.055, 25.444, 23.0),
            "T4": (22.104, 16.523, 25.822, 17.7),
            "T5": (22.911, 18.708, 27.273, 12.0),
            "T6": (23.166, 17.748, 28.211, 7.1),
            "T7": (23.761, 19.209, 28.683, -0.3),
            "T8": (24.408, 20.347, 30.282, -3.5),
            "T9": (25.375, 21.378, 30.741, -6.4),
            "T10": (27.194, 20.000, 33.601, -8.5),
            "T11": (29.488, 23.345, 34.629, -10.3),
            "T12": (31.317, 23.108, 37.579, -11.0),
            "T13": (34.976, 23.108, 37.579, -12.5),
            "L1": (33.012, 24.819, 39.573, -13.5),
            "L2": (33.998, 27.117, 43.336, -10.0),
            "L3": (34.127, 27.703, 41.737, -3.3),
            "L4": (32.230, 20.469, 40.012, 8.4),
            "L5": (30.726, 25.348, 35.454, 14.3),
            "L6": (30.500, 25.000, 35.000, 24.0),
        }.items()
    }
)

#: Standard deviation of the sagittal tilt along the spine, same source, in degrees; lower at the
#: thorax, where neighbours go together, than at the neck, which differs most between people.
TILT_KNOTS = (0.0, 0.09, 0.22, 0.34, 0.47, 0.62, 0.75, 0.88, 1.0)
TILT_SD_DEG = (17.0, 15.0, 18.0, 12.0, 9.0, 7.0, 7.0, 6.5, 12.0)
CORONAL_SD_DEG = (4.5, 5.0, 5.0, 4.5, 2.5, 3.0, 3.5, 3.0, 3.5)

SUBJECT_SD = 0.066  # of all distances of one person
WITHIN_SD = 0.04  # of one distance
STEEPEST_DEG = 62.0

#: chosen: how much larger than usual the last vertebra is, and how much smaller the first.
TAPER_SD = 0.05


@dataclass(frozen=True)
class Spine:
    """Frames of the vertebrae from head to foot, and of the first sacral body.

    labels : VerSe labels, head to foot.
    centers_mm : centres of the vertebral bodies, (n, 3); C1's lies behind its anterior arch.
    rotations : (n, 3, 3); the columns are a vertebra's left, posterior and superior axes.
    sizes : size of each vertebra relative to the average adult, (n,).
    scale : size of the person relative to the average adult.
    sacrum_mm, sacrum_rotation : the same frame for the first sacral body.
    """

    labels: tuple[int, ...]
    centers_mm: np.ndarray
    rotations: np.ndarray
    sizes: np.ndarray
    scale: float
    sacrum_mm: np.ndarray
    sacrum_rotation: np.ndarray


def sample(rng: np.random.Generator) -> Spine:
    """A random whole spine, the middle of its bodies near the origin."""
    labels = _sample_labels(rng)
    scale = float(np.clip(1 + SUBJECT_SD * rng.standard_normal(), 0.84, 1.16))
    distances_mm = _sample_distances(labels, scale, rng)
    sagittal_deg, coronal_deg = _sample_tilts(labels, rng)
    steps_mm = _directions(sagittal_deg, coronal_deg) * distances_mm[:, None]
    centers_mm = np.concatenate([np.zeros((1, 3)), np.cumsum(steps_mm, axis=0)])
    turns_deg = _sample_turns(labels, coronal_deg, rng)
    rotations = _frames(sagittal_deg, coronal_deg, turns_deg)
    centers_mm -= centers_mm.mean(axis=0)
    sizes = scale * np.clip(1 + 0.02 * rng.standard_normal(len(labels)), 0.95, 1.05)
    sizes *= 1 + TAPER_SD * np.clip(rng.standard_normal(), -2, 2) * np.linspace(-1, 1, len(labels))
    return Spine(
        labels, centers_mm[:-1], rotations[:-1], sizes, scale, centers_mm[-1], rotations[-1]
    )


def upright(spine: Spine, label: int) -> np.ndarray:
    """Frame (3, 3) of the trunk at a vertebra: its own, less its tilt in the average person."""
    mean_deg = _own_tilt(spine.labels)[spine.labels.index(label)]
    return spine.rotations[spine.labels.index(label)] @ _about_x(-mean_deg)


def _sample_labels(rng: np.random.Generator) -> tuple[int, ...]:
    labels = list(range(1, 25))
    draw = rng.random()
    if draw < 0.03:
        labels.remove(T12)
    elif draw < 0.07:
        labels.insert(labels.index(T12) + 1, T13)
    if rng.random() < 0.08:
        labels.append(25)
    return tuple(labels)


def _sample_distances(
    labels: tuple[int, ...], scale: float, rng: np.random.Generator
) -> np.ndarray:
    table = np.array([_pair(labels, i) for i in range(len(labels))])
    within = 1 + WITHIN_SD * np.clip(rng.standard_normal(len(labels)), -2.5, 2.5)
    return np.clip(table[:, 0] * scale * within, table[:, 1], table[:, 2])


def _pair(labels: tuple[int, ...], index: int) -> tuple[float, ...]:
    """Mean, lowest, highest distance in mm below a vertebra and mean tilt in degrees."""
    label = labels[index]
    last = index == len(labels) - 1
    if last:
        return (31.0, 25.0, 37.0, 23.0)  # to the first sacral body
    if label == T11 and labels[index + 1] != T12:
        return (31.028, 27.0, 34.0, -10.3)
    return PAIRS[label]


def _mean_tilts(labels: tuple[int, ...]) -> np.ndarray:
    return np.array([_pair(labels, i)[3] for i in range(len(labels))])


def _own_tilt(labels: tuple[int, ...]) -> np.ndarray:
    return _between(_mean_tilts(labels), 17.0)[:-1]


def _sample_tilts(
    labels: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sagittal and coronal tilt in degrees of every step from a centre to the next."""
    n = len(labels)
    along = np.linspace(0, 1, n)
    sagittal = _mean_tilts(labels) + _smooth(along, np.array(TILT_SD_DEG), rng)
    coronal = _smooth(along, 0.8 * np.array(CORONAL_SD_DEG), rng) + _scoliosis(along, rng)
    sagittal += rng.normal(0, 1.5, n) + _overall(rng)
    coronal += rng.normal(0, 1.0, n) + _overall(rng)
    return np.clip(sagittal, -40, STEEPEST_DEG), np.clip(coronal, -38, 38)


def _overall(rng: np.random.Generator) -> float:
    """Lean of the whole body in degrees: small, now and then up to 15."""
    return rng.uniform(-15, 15) if rng.random() < 0.12 else rng.normal(0, 2.5)


def _scoliosis(along: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    amplitude_deg = rng.uniform(10, 26) if rng.random() < 0.12 else abs(rng.normal(0, 3.0))
    turns, apex = rng.uniform(0.7, 1.6), rng.uniform(0.4, 0.8)
    fade = np.clip(along / 0.25, 0, 1) * np.clip(0.3 + (1 - along) / 0.25, 0, 1)
    sign = rng.choice([-1.0, 1.0])
    return sign * amplitude_deg * fade * np.sin(2 * np.pi * turns * (along - apex))


def _smooth(along: np.ndarray, knot_sd: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A curve through independent normal values at the knots, softened where it bends."""
    values = knot_sd * np.clip(rng.standard_normal(len(knot_sd)), -2.2, 2.2)
    curve = np.interp(np.linspace(0, 1, 97), TILT_KNOTS, values)
    kernel = np.hanning(15) / np.hanning(15).sum()
    soft = np.convolve(np.pad(curve, 7, mode="edge"), kernel, mode="valid")
    return np.interp(along, np.linspace(0, 1, 97), soft)


def _directions(sagittal_deg: np.ndarray, coronal_deg: np.ndarray) -> np.ndarray:
    """Unit steps (n, 3) towards the feet."""
    sagittal, coronal = np.radians(sagittal_deg), np.radians(coronal_deg)
    steps = np.stack([np.tan(coronal), np.tan(sagittal), -np.ones_like(coronal)], axis=1)
    return steps / np.linalg.norm(steps, axis=1, keepdims=True)


def _sample_turns(
    labels: tuple[int, ...], coronal_deg: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Axial rotation in degrees of every vertebra and the sacrum.

    It follows the sideways bend, as in scoliosis; the neck adds the turn of the head.
    """
    n = len(labels) + 1
    leaning = np.convolve(np.pad(coronal_deg, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    bend = np.gradient(leaning)
    coupled = np.append(bend, bend[-1]) * rng.uniform(0.5, 2.0)
    head_deg = rng.normal(0, 7) * np.clip((8 - np.arange(n)) / 8, 0, 1) ** 1.5
    whole_deg = np.clip(rng.normal(0, 4), -14, 14)
    return np.clip(coupled, -25, 25) + head_deg + whole_deg + rng.normal(0, 0.7, n)


def _between(values: np.ndarray, beyond: float) -> np.ndarray:
    """Values at the vertebrae and the sacrum from those of the steps below each vertebra."""
    inner = (values[:-1] + values[1:]) / 2
    return np.concatenate([values[:1], inner, [values[-1] + beyond]])


def _frames(sagittal_deg: np.ndarray, coronal_deg: np.ndarray, turns_deg: np.ndarray) -> np.ndarray:
    """Rotations (n + 1, 3, 3) of the vertebrae and the sacrum."""
    up = -_directions(_between(sagittal_deg, 17.0), _between(coronal_deg, 0.0))
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
