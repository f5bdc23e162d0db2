"""What one person's vertebrae have in common: a table of usual ones, and the person's own form.

Lengths in mm for an average adult; x, y, z are left, posterior and superior of the centre of the
vertebral body. The atlas has no body: its centre lies just behind its anterior arch.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from versectl.labels import L5, L6, NUMBERS, T12, T13
from versectl.synth.bodies import population

#: Body width, depth, height; canal width, depth; tip of the spinous process y, z; tip of the
#: transverse process x, y, z. Typical adult values, set beside measurements of two cases of the
#: TotalSegmentator data set (CC BY 4.0) and the skeleton of Open3DModel (CC BY-SA 4.0).
TABLE = MappingProxyType(
    {
        NUMBERS[name]: numbers
        for name, numbers in {
            "C1": (20, 16, 12.0, 27, 20.0, 37, -1, 39, 12, -2),
            "C2": (19, 16, 17.0, 23, 17.0, 40, -11, 27, 9, -6),
            "C3": (19, 16, 12.5, 23, 15.0, 37, -11, 27, 8, -1),
            "C4": (20, 16, 12.5, 23.5, 14.5, 38, -9, 28, 8, 1),
            "C5": (21, 16.5, 12.5, 24, 14.5, 39, -8, 29, 8, -1),
            "C6": (23, 17, 12.5, 24.5, 14.5, 46, -9, 31, 9, 2),
            "C7": (27, 17.5, 14.0, 24, 15.0, 54, -13, 35, 12, 5),
            "T1": (31, 19.0, 16.0, 21, 14.5, 56, -18, 38, 18, 7),
            "T2": (30, 19.5, 17.0, 18, 14.0, 54, -21, 36, 27, 8),
            "T3": (27, 20.5, 18.0, 17, 14.5, 54, -25, 34, 31, 7),
            "T4": (26, 22.5, 18.5, 16.5, 15.0, 53, -27, 33, 33, 6),
            "T5": (26.5, 24.5, 19.0, 16.5, 15.0, 51, -30, 33, 34, 6),
            "T6": (28, 26.5, 19.5, 16.5, 15.0, 50, -32, 33, 36, 7),
            "T7": (29.5, 28.5, 20.0, 16.5, 15.0, 50, -31, 32, 36, 6),
            "T8": (32, 30.0, 20.5, 17, 15.0, 53, -29, 32, 36, 6),
            "T9": (34, 31.0, 21.0, 17, 15.0, 57, -25, 31, 37, 5),
            "T10": (35.5, 32.0, 22.0, 17.5, 15.0, 59, -22, 30, 36, 4),
            "T11": (37, 32.5, 23.0, 18.5, 15.5, 59, -16, 27, 33, 6),
            "T12": (39, 32.5, 24.5, 21, 16.5, 61, -13, 25, 29, 3),
            "T13": (40, 33.0, 25.5, 22, 16.5, 63, -14, 26, 30, 3),
            "L1": (42, 33.5, 26.5, 23, 15.5, 65, -14, 38, 33, 3),
            "L2": (43.5, 34.5, 27.0, 23, 15.0, 67, -15, 42, 33, 4),
            "L3": (46, 35.5, 27.0, 23.5, 15.0, 68, -14, 47, 31, 3),
            "L4": (48, 36.0, 27.0, 24, 15.5, 67, -11, 46, 30, 2),
            "L5": (51, 36.0, 26.5, 26.5, 16.0, 60, -5, 49, 26, 7),
            "L6": (52, 35.5, 25.5, 27, 16.0, 57, -4, 50, 25, 7),
        }.items()
    }
)

#: chosen: how much the table's columns differ between people, as a share; where spinous and
#: transverse processes end varies most.
FORM_SD = np.array([0.07, 0.07, 0.04, 0.03, 0.06, 0.06, 0.2, 0.06, 0.12, 0.2])

#: How much thicker than their table one person's vertebrae are, in mm. With it the volumes of
#: vertebrae span those of eight real label maps (VerSe 2019 and 2020, TotalSegmentator).
FULLNESS_MM = (0.2, 1.5)

#: First and last of vertebrae of which one person's looks like another's next one.
ALIKE = ((NUMBERS["C3"], NUMBERS["C6"]), (NUMBERS["T2"], NUMBERS["T10"]))

#: chosen: how many levels the forms of one person's vertebrae are shifted at most, as in `alike`.
MOST_SHIFT = 2

#: chosen: standard deviation and most of a person's `droop` and `wing_tilt`.
DROOP_SD, MOST_DROOP = 0.12, 0.25
WING_TILT_SD, MOST_WING_TILT = 0.14, 0.3


@dataclass(frozen=True)
class Person:
    """What all vertebrae of one person have in common.

    fullness : as fullness_mm in `look.Look`, for a size of 1.
    shift : how far down their forms are shifted, as in `alike`.
    form : factors (10,) of the table's columns.
    droop : how far down what is behind the body goes for each mm, more than usual.
    wing_tilt : how far transverse processes that carry ribs go back and up for each mm to the
        side, compared to the usual.
    """

    fullness: float
    shift: float
    form: np.ndarray
    droop: float
    wing_tilt: tuple[float, float]


def alike(label: int, shift: float) -> float:
    """So far down the label whose form a vertebra has; as near as its like goes, or its own."""
    for first, last in ALIKE:
        if first <= label <= last:
            return min(max(label + shift, first), last)
    return label


def sample_person(rng: np.random.Generator) -> Person:
    """A random person."""
    return Person(
        fullness=rng.uniform(*FULLNESS_MM),
        shift=rng.uniform(-MOST_SHIFT, MOST_SHIFT),
        form=1 + FORM_SD * np.clip(rng.standard_normal(10), -2, 2),
        droop=np.clip(rng.normal(0, DROOP_SD), -MOST_DROOP, MOST_DROOP),
        wing_tilt=tuple(np.clip(rng.normal(0, WING_TILT_SD, 2), -MOST_WING_TILT, MOST_WING_TILT)),
    )


def usual(label: int, person: Person) -> np.ndarray:
    """The table's row (10,) for a vertebra of a person."""
    like = alike(label, person.shift)
    upper, share = int(like), like % 1
    one, other = (np.array(TABLE[n], float) for n in (upper, upper + 1 if share else upper))
    return ((1 - share) * one + share * other) * person.form


def pedicle_span(label: int) -> float:
    """Mean distance in mm between the middles of the pedicles, T1 to L6; NaN in the neck."""
    known = {T13: T12, L6: L5}.get(label, label)
    return float(population.average().span_mm[known - 1])
