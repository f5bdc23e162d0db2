"""The ribs: twelve pairs, ribs of C7 and T13 where there are any.

Offsets are in mm of an average adult, x (left, mirrored for the right), y posterior, z superior.
"""

from types import MappingProxyType

import numpy as np

from versectl.labels import NUMBERS, T11, T12, T13
from versectl.synth.bodies import landmarks
from versectl.synth.bodies.build import Build
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Balls, Canvas, Frame, curve, stamp
from versectl.synth.bodies.structures import NUMBER
from versectl.synth.bodies.vertebra import alike, usual

C7, T1, T3, T10 = (NUMBERS[name] for name in ("C7", "T1", "T3", "T10"))

#: Course of each rib from its angle to its front end, from the centre of its vertebra: x, y, z.
#: Rounded means of left and right in one case of the TotalSegmentator data set (CC BY 4.0), the
#: front ends moved towards the sternum; risen or lowered so that ribs 36 to 48 and 60 to 75 mm
#: beside the spine lie as high as, on average, in s0001, s0004, s0011 and s0327 of it.
RIBS = MappingProxyType(
    {
        1: ((47, 8, -1), (60, -5, -19), (58, -33, -42), (44, -54, -50), (30, -66, -54)),
        2: ((50, 14, 13), (77, 9, -2), (93, -19, -27),
            (84, -53, -45), (68, -76, -57), (46, -92, -63)),
        3: ((54, 24, 16), (84, 17, 2), (109, -16, -26),
            (107, -54, -49), (93, -85, -66), (64, -107, -80)),
        4: ((57, 28, 17), (90, 20, 0), (115, -13, -32),
            (118, -55, -60), (106, -93, -80), (78, -118, -94)),
        5: ((59, 31, 18), (92, 24, -1), (117, -13, -35),
            (123, -55, -65), (113, -96, -89), (88, -124, -103)),
        6: ((60, 36, 16), (95, 26, -4), (120, -13, -39),
            (126, -55, -71), (117, -98, -99), (96, -124, -113)),
        7: ((60, 41, 14), (98, 29, -10), (121, -4, -36),
            (130, -57, -80), (124, -97, -112), (108, -120, -124)),
        8: ((60, 44, 11), (100, 33, -14), (126, -11, -40), (133, -55, -89), (127, -88, -119)),
        9: ((62, 47, 5), (106, 33, -24), (130, -6, -52), (134, -45, -91), (128, -68, -111)),
        10: ((61, 47, -1), (103, 36, -39), (127, 2, -63), (133, -42, -88)),
        11: ((61, 47, -12), (100, 34, -46), (124, 2, -68), (127, -22, -80)),
        12: ((57, 44, -22), (88, 33, -51), (102, 18, -62)),
    }
)  # fmt: skip

#: How far behind and above the tip of its transverse process a vertebra's rib lies beside it: the
#: first ribs hang before and below it, from T5 on they ride on it. From the same people as `RIBS`.
TUBERCLES = {
    C7: (-7.0, -7.0),
    T1: (-8.0, -7.0),
    T1 + 1: (-6.0, -5.0),
    T3: (-5.5, -2.0),
    T3 + 1: (-5.5, 0.0),
    T3 + 2: (-5.5, 3.0),
    **dict.fromkeys(range(T3 + 3, T11), (-5.5, 5.0)),
    T11: (1.0, 0.0),
}

#: About where heads of ribs lie, as in `RIBS`.
RIB_HEAD = (20.0, 12.0, 0.0)

#: chosen: standard deviations of one rib's lift and of its form, as shares: of the first, which
#: differ most, and of the others; least and most of its form.
FIRST_LIFT_SD, FIRST_FORM_SD, LIFT_SD, FORM_SD, FORM_RANGE = 0.18, 0.14, 0.04, 0.04, (0.75, 1.25)

#: chosen: standard deviation, least and most of the form of either side's beside the other's; how
#: much lower the right one hangs.
SIDE_SD, SIDE_RANGE, RIGHT_DROP = 0.02, (0.95, 1.05), 1.03

#: chosen: lengths of the ribs of T13 beside those of T12.
T13_RIB = 0.6

#: chosen: heads of ribs lie so much nearer to the middle than the side of the body, and so far
#: behind its centre (a share of its depth); how high, as shares of its height: of ribs 2 to 10,
#: which reach up to the disc, and of the others, which lie on their own body alone.
HEAD_WITHIN_MM, HEAD_BEHIND, HEAD_AT_DISC, HEAD_AT_BODY = 1.5, 0.32, 0.42, 0.12

#: chosen: ribs pass so far beside the tips of the transverse processes: above T11, from T11 on;
#: `TUBERCLES` of the others.
BESIDE_TIP_MM, BESIDE_TIP_FREE_MM, FREE_TUBERCLE = 1.5, 7, (1.0, -4.0)

#: chosen: sizes of one person's ribs beside an average adult's, and standard deviation between
#: them; ribs of C7 beside the first; first ribs beside the others: some are slight.
SIZES, SIZE_SD, NECK_SIZE, FIRST_SIZES = (0.75, 1.12), 0.07, 0.7, (0.55, 1.25)

#: chosen: half heights along a rib in mm; those of the last two beside it; how flat they are.
ALONG, HALF_HEIGHT_MM = (0, 0.1, 0.25, 0.9, 1), (4.0, 3.6, 6.0, 6.2, 6.8)
LAST_SIZE, FLAT = 0.8, 1.75


def number_of(label: int) -> int:
    """Which rib a vertebra carries: counted from the first; C7's, if any, is 0."""
    return 13 if label == T13 else label - T1 + 1


def curves(
    spine: Spine, build: Build, rng: np.random.Generator
) -> dict[tuple[int, int], np.ndarray]:
    """(vertebra, side) -> points (n, 3) in the world from head to front end; side 1 is left."""
    found = {}
    stretch = np.array([build.chest_width, build.chest_depth, build.rib_drop])
    for label in (n for n in spine.labels if T1 <= n <= T12 or n in (C7, T13)):
        is_first = label <= T1
        lift = build.rib_lift + rng.normal(0, FIRST_LIFT_SD if is_first else LIFT_SD, 2)
        form_sd = FIRST_FORM_SD if is_first else FORM_SD
        both = np.clip(rng.normal(1, form_sd, 3), *FORM_RANGE)
        for side in (1, -1):
            if relative_length(build, label, side) == 0:
                continue
            wobble = both * np.clip(rng.normal(1, SIDE_SD, 3), *SIDE_RANGE)
            course = _course(label, build.rib_shift) * stretch * wobble
            found[label, side] = _curve(spine, build, label, side, _lifted(course, lift))
    return found


def _curve(spine: Spine, build: Build, label: int, side: int, course: np.ndarray) -> np.ndarray:
    """A rib in the world, (n, 3), from its head on; course : (m, 3), as in `RIBS`."""
    frame = landmarks.trunk(spine, label)
    flip = np.array([side, 1, 1])
    away = course * spine.scale
    if side < 0:
        away[:, 2] *= RIGHT_DROP
    outer = _shorten(frame.to_world(away * flip), relative_length(build, label, side))
    return curve(np.concatenate([root(spine, build, label, side), outer]), 1.5)


def relative_length(build: Build, label: int, side: int) -> float:
    """Length of a vertebra's rib beside a usual one; 0 if it has none; side 1 is left."""
    at = 0 if side > 0 else 1
    free = {T12: build.last_rib, T13: T13_RIB * build.last_rib}
    return {C7: build.neck_ribs[at], T1: build.first_ribs[at]}.get(label, free.get(label, 1.0))


def _course(label: int, shift: float) -> np.ndarray:
    """Points (8, 3) of the course of a vertebra's rib; of alike ones between two of the table's."""
    like = np.clip(alike(label, shift) - T1 + 1, 1, 12)
    upper, share = int(like), like % 1
    courses = [curve(np.array(RIBS[n], float), 1.0) for n in (upper, min(upper + 1, 12))]
    one, other = (c[np.linspace(0, len(c) - 1, 8).astype(int)] for c in courses)
    return (1 - share) * one + share * other


def _lifted(course: np.ndarray, lift: np.ndarray) -> np.ndarray:
    """A course that rises more, or less, to the side and to the front."""
    from_head = course - np.array(RIB_HEAD)
    return course + np.outer(lift[0] * from_head[:, 0] - lift[1] * from_head[:, 1], (0, 0, 1))


def _shorten(points_mm: np.ndarray, length: float) -> np.ndarray:
    if length >= 1:
        return points_mm
    dense = curve(points_mm, 1.0)
    kept = dense[: max(3, int(len(dense) * length))]
    return kept[np.linspace(0, len(kept) - 1, 3).astype(int)]


def root(spine: Spine, build: Build, label: int, side: int) -> np.ndarray:
    """Head and tubercle of a rib, (2, 3): at the body and beside the transverse process."""
    index = spine.labels.index(label)
    own = Frame(spine.centers_mm[index], spine.rotations[index])
    width, depth, height, *_, x, y, z = usual(label, build.person) * spine.sizes[index]
    up = (HEAD_AT_DISC if T1 < label < T11 else HEAD_AT_BODY) + build.head_height
    head = (side * (width / 2 - HEAD_WITHIN_MM), HEAD_BEHIND * depth, up * height)
    behind, rise = TUBERCLES.get(label, FREE_TUBERCLE)
    away = BESIDE_TIP_MM if label < T11 else BESIDE_TIP_FREE_MM
    neck = (side * (x + away), y + behind, z + rise)
    beside = x - width / 2 if label < T12 else 0.0
    return own.to_world([head, neck + beside * np.array([0.0, *build.person.wing_tilt])])


def paint(
    canvas: Canvas,
    courses: dict[tuple[int, int], np.ndarray],
    spine: Spine,
    rng: np.random.Generator,
) -> None:
    """Flattened rods along their courses, which curves() gives, round at the neck."""
    sizes = spine.scale * rng.uniform(*SIZES) * rng.normal(1, SIZE_SD, T13 + 1)
    sizes[C7] = NECK_SIZE * sizes[T1]
    sizes[T1] *= rng.uniform(*FIRST_SIZES)
    for (label, side), points in courses.items():
        number = NUMBER["rib_left" if side > 0 else "rib_right"]
        stamp(canvas, number, _balls(points, spine, label, sizes[label]))


def _balls(points: np.ndarray, spine: Spine, label: int, size: float) -> Balls:
    number = number_of(label)
    tall = np.interp(np.linspace(0, 1, len(points)), ALONG, HALF_HEIGHT_MM)
    tall *= size * (LAST_SIZE if number >= 12 else 1.0)
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # The flat side faces out of the chest; the first rib lies flat.
    up = np.tile(spine.rotations[spine.labels.index(T10), :, 2], (len(points), 1))
    up -= (up * tangent).sum(axis=1, keepdims=True) * tangent
    up /= np.linalg.norm(up, axis=1, keepdims=True) + 1e-6
    normals = up if number <= 1 else np.cross(tangent, up)
    return Balls(points, tall, normals, FLAT)
