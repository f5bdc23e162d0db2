"""The look of one vertebra: its own shape, sampled, without its neighbours.

Lengths in mm for an average adult; x, y, z are left, posterior and superior of the centre of the
vertebral body.
"""

from dataclasses import dataclass, field

import numpy as np

from versectl.labels import NUMBERS, T12, T13, region
from versectl.synth.bodies.vertebra.person import Person, pedicle_span, usual

C2, C7, T1 = NUMBERS["C2"], NUMBERS["C7"], NUMBERS["T1"]

#: Columns of the table that are as broad as the pedicles tell: body, canal, transverse processes.
ACROSS = [0, 3, 7]

#: chosen: canals grow less than bodies do: a child's is wide for its size.
CANAL_GROWTH = 0.6

#: chosen: how much the table's columns differ along one spine, standard deviation and range.
OWN_FORM_SD, OWN_FORM_RANGE = 0.045, (0.88, 1.12)

#: chosen: standard deviations of the tip of the spinous process, to the side and along, in mm.
TIP_ASIDE_MM, TIP_ALONG_MM = 1.2, 2

#: chosen: thickness of what is behind the body; how much narrower its waist is than its ends, as a
#: share; how hollow its end plates are in mm, in the neck this share of it.
THICKNESS, WAIST, CONCAVE_MM, CONCAVE_IN_NECK = (0.88, 1.15), (0.05, 0.13), (0.6, 2.0), 0.4

#: chosen: share of vertebrae with osteophytes, how far these stand out in mm, and the others' rims.
OSTEOPHYTES, OSTEOPHYTE_MM, RIM_MM = 0.15, (2, 8), (0, 1)

#: chosen: share of bodies that are crushed, and what these lose: all of it, in front, and in the
#: middle. The others are wedged by this share at most, in the thorax and elsewhere.
CRUSHED, ALL_LOST, FRONT_LOST, MIDDLE_LOST = 0.05, (0, 0.12), (0.1, 0.4), (0.0, 0.25)
WEDGED_THORACIC, WEDGED = 0.08, 0.02

#: chosen: least and most length of transverse processes beside the usual, standard deviation of how
#: far they go back and up for each mm to the side: of those without a rib by a joint, and others.
FREE_WINGS, RIB_WINGS = (0.7, 1.4, 0.2), (0.92, 1.08, 0.03)

#: chosen: by how much either side differs from both, standard deviations: length, share of tilt.
SIDE_LENGTH_SD, SIDE_TILT_SHARE = 0.06, 0.3

#: chosen: number of waves, standard deviation of how far each moves a point, and their lengths.
WAVES, WAVE_MM, WAVE_LENGTH_MM = 4, 0.4, (14, 50)

#: x, y, z, or height and slopes.
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """One vertebra's own shape, without its neighbours; lengths in mm.

    fullness_mm : how much thicker all of it is than its table says, but towards the discs.
    wings : right and left, what lies to the side of the body: how much longer than usual it is,
        and how far it goes back and up for each mm to the side, compared to the usual.
    pedicle_span : from the middle of one pedicle to the other's; not used in the neck.
    droop : as in `Person`; 0 above C3, whose joints leave no room for it.
    """

    label: int
    width: float
    depth: float
    height: float
    canal: tuple[float, float]
    pedicle_span: float
    spine_tip: Point
    wing_tip: Point
    thickness: float
    fullness_mm: float
    waist: float
    concave: float
    lip: tuple[float, float]
    crush: tuple[float, float, float]
    wings: tuple[Point, Point]
    droop: float
    waves: np.ndarray = field(repr=False)

    @property
    def region(self) -> str:
        """Region of the vertebra."""
        return region(self.label)


def sample(
    label: int, size: float, breadth: float, person: Person, rng: np.random.Generator
) -> Look:
    """A random vertebra of a person.

    size : relative to the average adult.
    breadth : how much broader it is than its size says.
    """
    vary = size * np.clip(1 + OWN_FORM_SD * rng.standard_normal(10), *OWN_FORM_RANGE)
    row = usual(label, person) * vary
    row[ACROSS] *= breadth
    row[3:5] *= size ** (CANAL_GROWTH - 1)
    thoracic = region(label) == "thoracic"
    return Look(
        label=label,
        width=row[0],
        depth=row[1],
        height=row[2],
        canal=(row[3], row[4]),
        pedicle_span=pedicle_span(label) * size * breadth * person.form[3],
        spine_tip=(
            rng.normal(0, TIP_ASIDE_MM) * size,
            row[5],
            row[6] + rng.normal(0, TIP_ALONG_MM) * size,
        ),
        wing_tip=(row[7], row[8], row[9]),
        thickness=size * rng.uniform(*THICKNESS),
        fullness_mm=person.fullness * size,
        waist=rng.uniform(*WAIST),
        concave=rng.uniform(*CONCAVE_MM) * (1.0 if label > C7 else CONCAVE_IN_NECK),
        lip=_sample_lip(rng),
        crush=_sample_crush(thoracic, rng),
        wings=_sample_wings(label, person.wing_tilt, rng),
        droop=person.droop if label > C2 else 0.0,
        waves=_sample_waves(size, rng),
    )


def _sample_lip(rng: np.random.Generator) -> tuple[float, float]:
    """Osteophytes: how far they stand out in mm, and towards which angle."""
    reach = rng.uniform(*(OSTEOPHYTE_MM if rng.random() < OSTEOPHYTES else RIM_MM))
    return float(reach), float(rng.uniform(0, 2 * np.pi))


def _sample_crush(thoracic: bool, rng: np.random.Generator) -> tuple[float, float, float]:
    """Loss of height in front, in the middle and behind, as a fraction."""
    if rng.random() > CRUSHED:
        return (rng.uniform(0, WEDGED_THORACIC if thoracic else WEDGED), 0.0, 0.0)
    whole = rng.uniform(*ALL_LOST)
    return (whole + rng.uniform(*FRONT_LOST), whole + rng.uniform(*MIDDLE_LOST), whole)


def _sample_wings(
    label: int, wing_tilt: tuple[float, float], rng: np.random.Generator
) -> tuple[Point, Point]:
    """No two people's transverse processes of the free vertebrae are alike, nor two sides.

    Those that carry a rib by a joint go where the rib is.
    """
    free = region(label) == "lumbar" or label in (C7, T12, T13)
    least, most, tilt = FREE_WINGS if free else RIB_WINGS
    both = np.array([rng.uniform(least, most), *rng.normal(0, tilt, 2)])
    if T1 <= label < T12:
        both[1:] += wing_tilt
    side_tilt = SIDE_TILT_SHARE * tilt
    right, left = both + rng.normal(0, (SIDE_LENGTH_SD, side_tilt, side_tilt), (2, 3))
    return tuple(right), tuple(left)


def _sample_waves(size: float, rng: np.random.Generator) -> np.ndarray:
    """Rows of a gentle distortion: direction moved (3), wave vector (3), phase, all in mm."""
    moved = rng.normal(0, WAVE_MM * size, (WAVES, 3))
    directions = rng.standard_normal((WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = rng.uniform(*WAVE_LENGTH_MM, (WAVES, 1)) * size
    phases = rng.uniform(0, 2 * np.pi, (WAVES, 1))
    return np.concatenate([moved, directions * 2 * np.pi / lengths, phases], axis=1)
