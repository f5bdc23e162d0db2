"""The shape of one vertebra: sample its look, then tell how far a point is from its surface.

Lengths in mm for an average adult; x, y, z are left, posterior and superior of the centre of the
vertebral body. The atlas has no body: its centre lies just behind its anterior arch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from versectl.labels import NUMBERS, region
from versectl.synth.bodies import population
from versectl.synth.bodies.shapes import Points, bar, ellipsoid, soft_union

C1, C2, C7, T1, T11, T12, T13, L5 = (
    NUMBERS[name] for name in ("C1", "C2", "C7", "T1", "T11", "T12", "T13", "L5")
)

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

#: Columns of the table that are as broad as the pedicles tell: body, canal, transverse processes.
ACROSS = [0, 3, 7]

#: chosen: canals grow less than bodies do: a child's is wide for its size.
CANAL_GROWTH = 0.6

#: How much thicker than their table one person's vertebrae are, in mm. With it the volumes of
#: vertebrae span those of eight real label maps (VerSe 2019 and 2020, TotalSegmentator).
FULLNESS_MM = (0.2, 1.5)

#: First and last of vertebrae of which one person's looks like another's next one.
ALIKE = ((NUMBERS["C3"], NUMBERS["C6"]), (NUMBERS["T2"], NUMBERS["T10"]))

#: Lowest and highest x, y, z a vertebra reaches.
BOX_MM = MappingProxyType(
    {
        "cervical": ((-46.0, -24.0, -36.0), (46.0, 66.0, 32.0)),
        "thoracic": ((-48.0, -28.0, -56.0), (48.0, 74.0, 38.0)),
        "lumbar": ((-64.0, -34.0, -40.0), (64.0, 88.0, 40.0)),
    }
)

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Joint:
    """A facet joint: its centre, and the direction from the lower to the upper process."""

    center: np.ndarray
    normal: np.ndarray


@dataclass(frozen=True)
class Fit:
    """What the neighbours leave room for, in the frame of the vertebra.

    above, below : height of the upper and lower end plate on the axis, and slopes in x and y.
    upper_joints, lower_joints : joints with the vertebra above and below, left and right.
    """

    above: Point
    below: Point
    upper_joints: Sequence[Joint] = ()
    lower_joints: Sequence[Joint] = ()


@dataclass(frozen=True)
class Person:
    """What all vertebrae of one person have in common.

    fullness : as fullness_mm in `Look`, for a size of 1.
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
        shift=rng.uniform(-2, 2),
        form=1 + FORM_SD * np.clip(rng.standard_normal(10), -2, 2),
        droop=np.clip(rng.normal(0, 0.12), -0.25, 0.25),
        wing_tilt=tuple(np.clip(rng.normal(0, 0.14, 2), -0.3, 0.3)),
    )


def usual(label: int, person: Person) -> np.ndarray:
    """The table's row (10,) for a vertebra of a person."""
    like = alike(label, person.shift)
    upper, share = int(like), like % 1
    one, other = (np.array(TABLE[n], float) for n in (upper, upper + 1 if share else upper))
    return ((1 - share) * one + share * other) * person.form


def pedicle_span(label: int) -> float:
    """Mean distance in mm between the middles of the pedicles, T1 to L6; NaN in the neck."""
    known = {T13: T12, L5 + 1: L5}.get(label, label)
    return float(population.average().span_mm[known - 1])


def sample(
    label: int, size: float, breadth: float, person: Person, rng: np.random.Generator
) -> Look:
    """A random vertebra of a person.

    size : relative to the average adult.
    breadth : how much broader it is than its size says.
    """
    vary = size * np.clip(1 + 0.045 * rng.standard_normal(10), 0.88, 1.12)
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
        spine_tip=(rng.normal(0, 1.2) * size, row[5], row[6] + rng.normal(0, 2) * size),
        wing_tip=(row[7], row[8], row[9]),
        thickness=size * rng.uniform(0.88, 1.15),
        fullness_mm=person.fullness * size,
        waist=rng.uniform(0.05, 0.13),
        concave=rng.uniform(0.6, 2.0) * (1.0 if label > C7 else 0.4),
        lip=_sample_lip(rng),
        crush=_sample_crush(thoracic, rng),
        wings=_sample_wings(label, person.wing_tilt, rng),
        droop=person.droop if label > C2 else 0.0,
        waves=_sample_waves(size, rng),
    )


def _sample_lip(rng: np.random.Generator) -> tuple[float, float]:
    """Osteophytes: how far they stand out in mm, and towards which angle."""
    reach = rng.uniform(2, 8) if rng.random() < 0.15 else rng.uniform(0, 1)
    return float(reach), float(rng.uniform(0, 2 * np.pi))


def _sample_crush(thoracic: bool, rng: np.random.Generator) -> tuple[float, float, float]:
    """Loss of height in front, in the middle and behind, as a fraction."""
    if rng.random() > 0.05:
        return (rng.uniform(0, 0.08 if thoracic else 0.02), 0.0, 0.0)
    whole = rng.uniform(0, 0.12)
    return (whole + rng.uniform(0.1, 0.4), whole + rng.uniform(0.0, 0.25), whole)


def _sample_wings(
    label: int, wing_tilt: tuple[float, float], rng: np.random.Generator
) -> tuple[Point, Point]:
    """No two people's transverse processes of the free vertebrae are alike, nor two sides.

    Those that carry a rib by a joint go where the rib is.
    """
    free = region(label) == "lumbar" or label in (C7, T12, T13)
    least, most, tilt = (0.7, 1.4, 0.2) if free else (0.92, 1.08, 0.03)
    both = np.array([rng.uniform(least, most), *rng.normal(0, tilt, 2)])
    if T1 <= label < T12:
        both[1:] += wing_tilt
    right, left = both + rng.normal(0, (0.06, 0.3 * tilt, 0.3 * tilt), (2, 3))
    return tuple(right), tuple(left)


def _sample_waves(size: float, rng: np.random.Generator) -> np.ndarray:
    """Rows of a gentle distortion: direction moved (3), wave vector (3), phase, all in mm."""
    moved = rng.normal(0, 0.4 * size, (4, 3))
    directions = rng.standard_normal((4, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = rng.uniform(14, 50, (4, 1)) * size
    phases = rng.uniform(0, 2 * np.pi, (4, 1))
    return np.concatenate([moved, directions * 2 * np.pi / lengths, phases], axis=1)


def distance(look: Look, fit: Fit, p: Points) -> np.ndarray:
    """Signed distance in mm of points from the surface of a vertebra, negative inside."""
    q = rippled(look, p)
    mirrored = (np.abs(q[0]), q[1], q[2])
    if look.label == C1:
        solid = _atlas(look, mirrored)
    else:
        solid = soft_union(_body(look, fit, q), _arch(look, mirrored), 2.5)
        solid = soft_union(solid, _spinous(look, q), 3.0)
        solid = soft_union(solid, _wings(look, mirrored), 2.0)
    for joint in fit.upper_joints:
        solid = soft_union(solid, _process(look, joint, p, -1.0), 2.0)
    for joint in fit.lower_joints:
        solid = soft_union(solid, _process(look, joint, p, 1.0), 2.0)
    solid = np.maximum(solid - np.float32(look.fullness_mm), _holes(look, mirrored))
    return _open_joints(fit, p, solid)


def canal_center(look: Look) -> float:
    """How far the middle of the canal lies behind the centre of the body, in mm."""
    if look.label == C1:
        return 21.0 * look.thickness**0.3
    return look.depth / 2 + look.canal[1] / 2 + 0.5


def rippled(look: Look, p: Points) -> Points:
    """Points moved by the vertebra's own gentle waves, off the usual course of what stands out."""
    x, y, z = _unwinged(look, p)
    moved = [x, y, z + np.float32(look.droop) * np.maximum(y - np.float32(look.depth / 2), 0)]
    for dx, dy, dz, kx, ky, kz, phase in look.waves.astype(np.float32):
        wave = np.sin(kx * p[0] + ky * p[1] + kz * p[2] + phase)
        moved = [axis + d * wave for axis, d in zip(moved, (dx, dy, dz), strict=True)]
    left, back, up = moved
    return left, back, up


def _unwinged(look: Look, p: Points) -> Points:
    """Where points would be if the transverse processes were as usual."""
    right, left = np.array(look.wings, np.float32)
    beside = np.maximum(np.abs(p[0]) - np.float32(look.width / 2 + 2), 0)
    longer, back, up = (np.where(p[0] > 0, b, a) for a, b in zip(right, left, strict=True))
    usual = beside / longer
    return p[0] + np.sign(p[0]) * (usual - beside), p[1] - back * usual, p[2] - up * usual


def _body(look: Look, fit: Fit, p: Points) -> np.ndarray:
    x, y, z = p
    half = np.float32((fit.above[0] - fit.below[0]) / 2)
    middle = np.float32((fit.above[0] + fit.below[0]) / 2)
    high = np.clip(np.abs(z - middle) / half, 0, 1.2)
    wide = 1 + look.waist * high * high + _lip(look, p) * high**8
    # The back of the body is flat or slightly hollow where it faces the canal.
    u, v = x / np.float32(look.width / 2), y / np.float32(look.depth / 2)
    v = np.where(v > 0, v + 0.07 * (1 - np.minimum(u * u, 1)), v)
    radius = (np.abs(u) ** 2.4 + np.abs(v) ** 2.4) ** np.float32(1 / 2.4) / wide
    side = (radius - 1) * np.float32(min(look.width, look.depth) / 2)
    top = _plate(look, fit.above, p, radius)
    bottom = _plate(look, fit.below, p, radius)
    lost = _lost(look, v, radius) * 2 * half
    hook = 3.0 * np.clip(np.abs(u), 0, 1) ** 4 if look.region == "cervical" else 0.0
    body = np.maximum(side, np.maximum(z - top + 0.7 * lost - hook, bottom - z + 0.3 * lost))
    if look.label == C2:
        return soft_union(body, _axis(look, fit, p), 3.0)
    return body


def _lip(look: Look, p: Points) -> np.ndarray:
    reach, towards = look.lip
    side = np.cos(np.arctan2(p[1], p[0]) - towards)
    return np.clip(side, 0, 1) * np.float32(2 * reach / look.width) + np.float32(0.03)


def _plate(look: Look, plane: Point, p: Points, radius: np.ndarray) -> np.ndarray:
    """Height of an end plate, slightly hollow in the middle."""
    height, slope_x, slope_y = plane
    hollow = look.concave * (1 - np.minimum(radius, 1) ** 2) * np.sign(height)
    return np.float32(height) + slope_x * p[0] + slope_y * p[1] - hollow


def _lost(look: Look, v: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Fraction of the height lost at a point of a wedged or collapsed body."""
    front, middle, back = look.crush
    along = np.clip((v + 1) / 2, 0, 1)
    dented = (middle - (front + back) / 2) * (1 - np.minimum(radius, 1) ** 2)
    return (front * (1 - along) + back * along + np.maximum(dented, 0)).astype(np.float32)


def _axis(look: Look, fit: Fit, p: Points) -> np.ndarray:
    """What the second vertebra has on top: shoulders up to the joints, the dens between them."""
    k = look.thickness
    top = (
        float(np.mean([joint.center[2] for joint in fit.upper_joints])) if fit.upper_joints else 9.5
    )
    mirrored = (np.abs(p[0]), p[1], p[2])
    shoulder = bar(mirrored, (14.0 * k, 4.0, 1.0), (15.5 * k, 4.5, top - 4.0), (6.5 * k, 7.5 * k))
    dens = bar(p, (0, 0.5, 4), (0, -0.2, top + 11.0), (6.0 * k, 4.6 * k))
    return soft_union(dens, shoulder, 4.0)


def _arch(look: Look, p: Points) -> np.ndarray:
    """Pedicles and laminae; x is mirrored."""
    pedicle = _pedicle(look)
    wide, deep = look.canal
    back = look.depth / 2 + deep
    r = {"cervical": 2.7, "thoracic": 3.4, "lumbar": 3.8}[look.region] * look.thickness
    tall = {"cervical": 5.5, "thoracic": 9.0, "lumbar": 9.5}[look.region] * look.thickness
    level = {"cervical": 0.0, "thoracic": -2.5, "lumbar": -6.0}[look.region]
    corner = (wide / 2 + 0.9 * r, back - 0.55 * deep, level + 1.5)
    middle = (0.0, back + 0.8 * r, level - 2.5)
    # The plates bulge round the canal: a straight one would be cut by it.
    knee = (0.27 * wide + 0.6 * r, back - 0.12 * deep + 0.55 * r, level - 0.5)
    upright = (1, 1, tall / r)
    lamina = np.minimum(
        bar(p, corner, knee, (r, r), upright), bar(p, knee, middle, (r, r), upright)
    )
    start = (pedicle[0], look.depth / 2 - 4, pedicle[2])
    end = (corner[0] + 0.3 * r, corner[1], pedicle[2] - 1.0)
    half_width = pedicle[1]
    link = bar(p, start, end, (half_width, half_width), (1, 1, pedicle[3] / half_width))
    return soft_union(lamina, link, 3.0)


def _pedicle(look: Look) -> tuple[float, float, float, float]:
    """Middle in x, half width, height z and half height of a pedicle."""
    k = look.thickness
    if look.region == "cervical":
        return look.canal[0] / 2 + 1.0, 2.7 * k, 0.5, 3.6 * k
    along = (look.label if look.label != T13 else 19.5) - T1
    half_width = np.interp(along, (0, 3, 8, 11, 14, 16, 17), (4.4, 3.0, 3.5, 4.5, 5.0, 6.5, 8.5))
    half_height = np.interp(along, (0, 4, 11, 17), (5.5, 6.2, 8.5, 7.5))
    middle = max(look.pedicle_span / 2, look.canal[0] / 2 + 0.6 * half_width * k)
    return middle, half_width * k, 0.2 * look.height, half_height * k


def _spinous(look: Look, p: Points) -> np.ndarray:
    k = look.thickness
    back = look.depth / 2 + look.canal[1]
    tip = look.spine_tip
    if look.region == "cervical":
        base = (0.0, back + 2.5, -3.0)
        knob = (3.2 if look.label < C7 else 4.5) * k
        shaft = bar(p, base, tip, (3.0 * k, knob * 0.9), (1, 1, 1.5))
        fork = (0.0 if look.label >= C7 - 1 else 3.5 * k, tip[1] - 1.0, tip[2] - 1.0)
        return np.minimum(shaft, ellipsoid((np.abs(p[0]), p[1], p[2]), fork, (knob,) * 3))
    lumbar = np.interp(look.label if look.label != T13 else T12, (T11 - 2, T12 + 1), (0.0, 1.0))
    height = (2.0 + 1.2 * lumbar) * (0.85 if look.label >= L5 else 1.0)
    base = (0.0, back + 3.0, tip[2] * (0.30 + 0.4 * lumbar))
    inset = tip[1] - 4.0
    end = (tip[0], inset, tip[2] + (0.0 if lumbar < 0.5 else 1.5))
    return bar(p, base, end, (3.4 * k, (3.0 + 1.0 * lumbar) * k), (1, 1, height))


def _wings(look: Look, p: Points) -> np.ndarray:
    """Transverse processes; x is mirrored."""
    k = look.thickness
    x, y, z = look.wing_tip
    if look.region == "cervical":
        front = bar(p, (look.width / 2 - 2, 0, 0), (x, y - 4, z - 2), (2.6 * k, 2.6 * k))
        rear = bar(p, (look.canal[0] / 2 + 6, 14, 0), (x, y, z - 1), (3.0 * k, 3.0 * k))
        return np.minimum(front, rear)
    root_y = look.depth / 2 + look.canal[1] * 0.5
    if look.region == "lumbar":
        root = (look.canal[0] / 2 + 5, root_y - 1, 3.0)
        thick = 1.5 if look.label >= L5 else 1.0
        return bar(p, root, (x, y, z), (4.2 * k * thick, 2.4 * k * thick), (1, 1, 1.7))
    root = (look.canal[0] / 2 + 3, root_y + 1, 2.5)
    knob = (5.0 if look.label < T11 else 3.8) * k
    return bar(p, root, (x - knob + 1, y - knob + 2, z), (4.7 * k, knob), (1, 1, 1.3))


def _process(look: Look, joint: Joint, p: Points, side: float) -> np.ndarray:
    """An articular process: side is -1 below its joint (upper process), 1 above it."""
    k = look.thickness
    sign = 1.0 if joint.center[0] > 0 else -1.0
    r = {"cervical": 4.8, "thoracic": 4.0, "lumbar": 5.2}[look.region] * k
    if (look.label in (C1, C2) and side < 0) or look.label == C1:
        return np.full(p[0].shape, 50, np.float32)  # lateral masses and shoulders carry these
    end = joint.center + side * joint.normal * (r + 0.2)
    level = {"cervical": 0.0, "thoracic": 1.0, "lumbar": 0.0}[look.region] - 2.0 * (side > 0)
    y = look.depth / 2 + look.canal[1] * (0.45 if side < 0 else 0.7)
    start = (sign * (look.canal[0] / 2 + 0.75 * r), y, level)
    return bar(p, start, end, (r * 0.95, r))


def _holes(look: Look, p: Points) -> np.ndarray:
    """Negative of the distance to what stays open: the canal and the transverse foramina."""
    wide, deep = look.canal
    middle = canal_center(look)
    if look.label == C1:
        u, v = p[0] / (wide / 2), (p[1] - middle) / 11.5
    else:
        v = (p[1] - middle) / (deep / 2)
        u = p[0] / (wide / 2) * (1 + 0.22 * v * (look.region != "thoracic"))
    canal = (1 - np.sqrt(u * u + v * v)) * np.float32(deep / 2)
    if look.region != "cervical" or look.label == C7:
        return canal
    x = look.wing_tip[0] - (9.5 if look.label == C1 else 8.0)
    y = look.wing_tip[1] - (3.0 if look.label == C1 else 5.0)
    foramen = 2.8 - np.hypot(p[0] - x, p[1] - y)
    return np.maximum(canal, foramen)


def _atlas(look: Look, p: Points) -> np.ndarray:
    """Ring of the first vertebra; x is mirrored."""
    k = look.thickness
    x, y, z = look.wing_tip
    rear = look.spine_tip[1]
    mass = ellipsoid(p, (19.5, 9.5, 0), (8.8 * k, 11 * k, 8.5 * k))
    front = bar(p, (15, 1.0, 0), (0, -5.0, 0), (3.2 * k, 3.3 * k), (1, 1, 1.7))
    side = bar(p, (20, 17, 0), (16.5, 28, -0.5), (3.6 * k, 3.0 * k), (1, 1, 1.2))
    back = bar(p, (16.5, 28, -0.5), (0, rear - 3, -1), (3.0 * k, 3.6 * k), (1, 1, 1.4))
    wing = bar(p, (24, 10, 0), (x - 3, y, z), (4.5 * k, 3.6 * k))
    ring = soft_union(soft_union(mass, front), soft_union(side, back, 3.0))
    ring = soft_union(ring, wing)
    dens = bar(p, (0, 4.8, -14), (0, 4.8, 6.5), (7.0, 6.4))
    return np.maximum(ring, -dens)


def _open_joints(fit: Fit, p: Points, solid: np.ndarray) -> np.ndarray:
    """The vertebra with a gap at each facet joint, wholly on its own side of it."""
    for joints, side in ((fit.upper_joints, -1.0), (fit.lower_joints, 1.0)):
        for joint in joints:
            away = [axis - np.float32(c) for axis, c in zip(p, joint.center, strict=True)]
            height = sum(a * np.float32(n) for a, n in zip(away, joint.normal, strict=True))
            near = sum(a * a for a in away) < 10.0**2
            cut = np.where(near, 0.9 - side * height, -50)
            solid = np.maximum(solid, cut)
    return solid
