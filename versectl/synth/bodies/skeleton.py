"""Bones other than vertebrae: ribs, sternum, shoulders, sacrum, pelvis, skull.

Offsets are in mm of an average adult, x (left, mirrored for the right), y posterior, z superior,
from a landmark of the spine in the upright frame of the trunk there.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from versectl.labels import NUMBERS, T11, T12, T13
from versectl.synth.bodies.posture import Spine, upright
from versectl.synth.bodies.shapes import (
    Balls,
    Canvas,
    Frame,
    Points,
    World,
    bar,
    curve,
    ellipsoid,
    paint,
    paint_over,
    soft_union,
    stamp,
    tube,
)
from versectl.synth.bodies.structures import NUMBER
from versectl.synth.bodies.vertebra import Joint, Person, alike, sample_person, usual

C7, T1, T3, T10 = NUMBERS["C7"], NUMBERS["T1"], NUMBERS["T3"], NUMBERS["T10"]

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

#: chosen: shares of people with ribs at C7, on both sides or one; with first ribs that end short;
#: with one arm raised and the other not.
NECK_RIBS, STUNTED, ONE_ARM = 0.04, 0.05, 0.1

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

#: Lower corners of shoulder blades in three label maps lie beside T8 and T9: so much lower than the
#: offsets below say, with that standard deviation.
SHOULDERS_LOWER_MM, SHOULDERS_SD_MM = 18.0, 10.0

#: About where heads of ribs lie, as in `RIBS`.
RIB_HEAD = (20.0, 12.0, 0.0)


@dataclass(frozen=True)
class Build:
    """What distinguishes one body from another, apart from its posture.

    rib_lift : mm that ribs rise for each mm to the side and to the front beyond their heads, more
        than usual: breath and raised arms lift them, a bent back lets them hang.
    rib_shift : how many levels farther down ribs that have neighbours of much the same form find
        their like: their form tells the level no better than that.
    head_height : how much higher than usual heads of ribs lie, as a share of their body's height.
    first_ribs, neck_ribs : lengths, left and right, beside a usual first rib; of C7's 0 where it
        has none.
    shoulders_mm : how much higher than usual the shoulders lie.
    arms_up : whether the left and the right arm are raised.
    """

    person: Person
    chest_width: float
    chest_depth: float
    rib_drop: float
    rib_lift: tuple[float, float]
    rib_shift: float
    head_height: float
    first_ribs: tuple[float, float]
    neck_ribs: tuple[float, float]
    last_rib: float
    arms_up: tuple[bool, bool]
    arms: bool
    table: bool
    clothes: bool
    fat_mm: float
    belly_mm: float
    hip_width: float
    shoulders_mm: float
    sacral_bend: float


def sample_build(rng: np.random.Generator) -> Build:
    """A random body build."""
    fat = float(rng.gamma(2.2, 7.0))
    return Build(
        person=sample_person(rng),
        chest_width=rng.normal(1, 0.06),
        chest_depth=rng.normal(1, 0.07),
        rib_drop=rng.uniform(0.8, 1.15),
        rib_lift=tuple(np.clip(rng.normal(0, (0.2, 0.15)), -0.4, 0.4)),
        rib_shift=rng.uniform(-2, 2),
        head_height=np.clip(rng.normal(0, 0.08), -0.16, 0.16),
        first_ribs=_sample_first_ribs(rng),
        neck_ribs=_sample_neck_ribs(rng),
        last_rib=rng.uniform(0.15, 1.15),
        arms_up=_sample_arms(rng),
        arms=rng.random() < 0.8,
        table=rng.random() < 0.8,
        clothes=rng.random() < 0.4,
        fat_mm=float(np.clip(fat, 3, 55)),
        belly_mm=rng.uniform(-15, 20) + 0.8 * min(fat, 50),
        hip_width=rng.normal(1, 0.05),
        shoulders_mm=rng.normal(0, SHOULDERS_SD_MM),
        sacral_bend=rng.uniform(0.6, 1.3),
    )


def _sample_first_ribs(rng: np.random.Generator) -> tuple[float, float]:
    if rng.random() > STUNTED:
        return (1.0, 1.0)
    return (rng.uniform(0.3, 0.8), rng.choice([1.0, rng.uniform(0.3, 0.8)]))


def _sample_neck_ribs(rng: np.random.Generator) -> tuple[float, float]:
    """From a nub beyond the transverse process to nearly as long as a first rib."""
    if rng.random() > NECK_RIBS:
        return (0.0, 0.0)
    left, right = rng.uniform(0.1, 0.9, 2)
    alone = rng.random()
    return (0.0 if alone < 0.25 else left, 0.0 if alone > 0.75 else right)


def _sample_arms(rng: np.random.Generator) -> tuple[bool, bool]:
    both = bool(rng.random() < 0.6)
    return (both, both != bool(rng.random() < ONE_ARM))


def trunk(spine: Spine, label: int) -> Frame:
    """Upright frame at a vertebra, or at the one above it where the spine lacks it."""
    label = label if label in spine.labels else max(n for n in spine.labels if n < label)
    return Frame(spine.centers_mm[spine.labels.index(label)], upright(spine, label))


def pelvis(spine: Spine) -> Frame:
    """Upright frame at the first sacral body."""
    return Frame(spine.sacrum_mm, upright(spine, spine.labels[-1]))


def rib_number(spine: Spine, label: int) -> int:
    """Which rib a vertebra carries: counted from the first; C7's, if any, is 0."""
    return 13 if label == T13 else label - T1 + 1


def rib_curves(
    spine: Spine, build: Build, rng: np.random.Generator
) -> dict[tuple[int, int], np.ndarray]:
    """(vertebra, side) -> points (n, 3) in the world from head to front end; side 1 is left."""
    curves = {}
    stretch = np.array([build.chest_width, build.chest_depth, build.rib_drop])
    for label in (n for n in spine.labels if T1 <= n <= T12 or n in (C7, T13)):
        lift = build.rib_lift + rng.normal(0, 0.18 if label <= T1 else 0.04, 2)
        both = np.clip(rng.normal(1, 0.14 if label <= T1 else 0.04, 3), 0.75, 1.25)
        for side in (1, -1):
            if rib_length(build, label, side) == 0:
                continue
            wobble = both * np.clip(rng.normal(1, 0.02, 3), 0.95, 1.05)
            course = _course(label, build.rib_shift) * stretch * wobble
            curves[label, side] = _rib_curve(spine, build, (label, side), _lifted(course, lift))
    return curves


def _rib_curve(
    spine: Spine, build: Build, which: tuple[int, int], course: np.ndarray
) -> np.ndarray:
    """A rib in the world, (n, 3), from its head on; course : (m, 3), as in `RIBS`."""
    label, side = which
    frame = trunk(spine, label)
    flip = np.array([side, 1, 1])
    away = course * spine.scale
    if side < 0:
        away[:, 2] *= 1.03
    outer = _shorten(frame.to_world(away * flip), rib_length(build, label, side))
    return curve(np.concatenate([rib_root(spine, build, label, side), outer]), 1.5)


def rib_length(build: Build, label: int, side: int) -> float:
    """Length of a vertebra's rib beside a usual one; 0 if it has none; side 1 is left."""
    at = 0 if side > 0 else 1
    free = {T12: build.last_rib, T13: 0.6 * build.last_rib}
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


def rib_root(spine: Spine, build: Build, label: int, side: int) -> np.ndarray:
    """Head and tubercle of a rib, (2, 3): at the body and beside the transverse process."""
    index = spine.labels.index(label)
    own = Frame(spine.centers_mm[index], spine.rotations[index])
    width, depth, height, *_, x, y, z = usual(label, build.person) * spine.sizes[index]
    # Heads of ribs 2 to 10 reach up to the disc; the others lie on their own body alone.
    up = (0.42 if T1 < label < T11 else 0.12) + build.head_height
    head = (side * (width / 2 - 1.5), 0.32 * depth, up * height)
    behind, rise = TUBERCLES.get(label, (1.0, -4.0))
    neck = (side * (x + (1.5 if label < T11 else 7)), y + behind, z + rise)
    beside = x - width / 2 if label < T12 else 0.0
    return own.to_world([head, neck + beside * np.array([0.0, *build.person.wing_tilt])])


def paint_ribs(
    canvas: Canvas,
    curves: dict[tuple[int, int], np.ndarray],
    spine: Spine,
    rng: np.random.Generator,
) -> None:
    """Twelve pairs of flattened rods, round at the neck, and their cartilages to the sternum."""
    sizes = spine.scale * rng.uniform(0.75, 1.12) * rng.normal(1, 0.07, T13 + 1)
    sizes[C7] = 0.7 * sizes[T1]
    sizes[T1] *= rng.uniform(0.55, 1.25)  # some first ribs are slight
    for (label, side), points in curves.items():
        number = NUMBER["rib_left" if side > 0 else "rib_right"]
        stamp(canvas, number, _rib_balls(points, spine, (rib_number(spine, label), sizes[label])))


def _rib_balls(points: np.ndarray, spine: Spine, how: tuple[int, float]) -> Balls:
    number, size = how
    along = np.linspace(0, 1, len(points))
    tall = np.interp(along, (0, 0.1, 0.25, 0.9, 1), (4.0, 3.6, 6.0, 6.2, 6.8))
    tall *= size * (0.8 if number >= 12 else 1.0)
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # The flat side faces out of the chest; the first rib lies flat.
    up = np.tile(spine.rotations[spine.labels.index(T10), :, 2], (len(points), 1))
    up -= (up * tangent).sum(axis=1, keepdims=True) * tangent
    up /= np.linalg.norm(up, axis=1, keepdims=True) + 1e-6
    normals = up if number <= 1 else np.cross(tangent, up)
    return Balls(points, tall, normals, 1.75)


def sternum_points(spine: Spine, build: Build) -> np.ndarray:
    """Middle of the sternum from the jugular notch to the tip: (4, 3)."""
    k = spine.scale
    depth = build.chest_depth
    offsets = {
        T3: (0, -82 * depth * k, -17 * k),
        T3 + 2: (0, -108 * depth * k, -10 * k),
        T3 + 4: (0, -134 * depth * k, -4 * k),
        T3 + 6: (0, -146 * depth * k, 0),
    }
    return np.array([trunk(spine, label).to_world(at) for label, at in offsets.items()])


def paint_sternum(
    canvas: Canvas, spine: Spine, build: Build, curves: dict[tuple[int, int], np.ndarray]
) -> None:
    """Sternum, and cartilage from the front ends of ribs 1 to 10 to it."""
    middle = curve(sternum_points(spine, build), 1.5)
    for side in (1, -1):
        tips = [curves[label, side][-1] for label in range(T1, T10 + 1) if (label, side) in curves]
        _paint_cartilages(canvas, tips, middle, trunk(spine, T3).rotation[:, 0] * side)
    normals = np.tile(trunk(spine, T3 + 3).rotation[:, 1], (len(middle), 1))
    along = np.linspace(0, 1, len(middle))
    wide = np.interp(along, (0, 0.2, 0.33, 0.75, 0.85, 1), (24, 25, 14, 19, 13, 5)) * spine.scale
    sheet = Balls(middle, wide, normals, 2.9)
    stamp(canvas, NUMBER["sternum"], sheet)


def _paint_cartilages(
    canvas: Canvas, tips: Sequence[np.ndarray], middle: np.ndarray, outward: np.ndarray
) -> None:
    previous = None
    for i, tip in enumerate(tips):
        if i < 7:
            at = middle[int((len(middle) - 1) * min(0.06 + 0.125 * i, 0.85))] + 14 * outward
            knee = 0.55 * tip + 0.45 * at - np.array([0, 4, 6 if i > 3 else 0])
        else:
            at = previous
            knee = (tip + at) / 2 - np.array([0, 3, 5])
        stamp(canvas, NUMBER["costal_cartilage"], tube([tip, knee, at], 5.5))
        previous = knee


def paint_shoulders(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Clavicle, scapula and humerus on both sides; the arms hang or are raised."""
    k, wide = spine.scale, build.chest_width
    frame = trunk(spine, T3).moved(np.array([0, 0, build.shoulders_mm - SHOULDERS_LOWER_MM]) * k)
    for side, is_up in zip((1, -1), build.arms_up, strict=True):
        lift = 22.0 if is_up else 0.0
        flip = np.array([side * wide, 1, 1]) * k

        def world(*offsets: Sequence[float], flip: np.ndarray = flip) -> np.ndarray:
            return frame.to_world(np.array(offsets, float) * flip)

        name = "left" if side > 0 else "right"
        clavicle = world((20, -84, 20), (60, -76, 31), (100, -46, 36 + lift), (140, -22, 42 + lift))
        stamp(canvas, NUMBER[f"clavicle_{name}"], tube(clavicle, [9 * k, 6 * k, 5.5 * k, 7 * k]))
        _paint_scapula(canvas, NUMBER[f"scapula_{name}"], world, lift)
        _paint_humerus(canvas, NUMBER[f"humerus_{name}"], world, is_up)


def _paint_scapula(canvas: Canvas, number: int, world: World, lift: float) -> None:
    swing = lift * 1.6  # a raised arm turns the lower corner outwards
    superior, inferior = (66, 42, 42), (92 + swing, 58 - swing, -92 + 0.5 * lift)
    glenoid = (128, -12, 18 + lift)
    corners = np.array([superior, inferior, glenoid], float)
    u, v = np.meshgrid(np.linspace(0, 1, 60), np.linspace(0, 1, 60))
    u, v = u.ravel()[u.ravel() + v.ravel() <= 1], v.ravel()[u.ravel() + v.ravel() <= 1]
    weights = np.stack([1 - u - v, u, v], axis=1)
    sheet = weights @ corners
    sheet[:, 1] += 26 * (weights[:, 0] * weights[:, 1] + weights[:, 1] * weights[:, 2])
    stamp(canvas, number, Balls(world(*sheet), 2.4))
    stamp(canvas, number, tube(world(superior, (70, 53, -20), inferior), 3.5))
    stamp(canvas, number, tube(world(glenoid, (115, 32, -40), inferior), 4.5))
    ridge = world((72, 52, 16), (110, 38, 30 + lift), (148, 4, 42 + lift), (152, -16, 42 + lift))
    stamp(canvas, number, tube(ridge, [3, 6, 7, 6]))
    stamp(canvas, number, tube(world((122, -10, 30 + lift), (116, -40, 28 + lift)), 6))
    stamp(canvas, number, tube(world(glenoid, (124, -8, 12 + lift)), 13))


def _paint_humerus(canvas: Canvas, number: int, world: World, up: bool) -> None:
    if up:
        head, shaft = (150, -26, 52), ((158, -30, 80), (165, -40, 160), (150, -45, 300))
    else:
        head, shaft = (152, -26, 20), ((166, -24, 4), (178, -22, -70), (190, -5, -230))
    stamp(canvas, number, Balls(world(head), 22.0))
    stamp(canvas, number, tube(world(head, *shaft), [20, 13, 11, 12]))


#: Sacral segments: length, tilt against the one above in degrees, width, depth, reach of the wing.
SACRAL = (
    (29, 0, 48, 31, 54),
    (25, 7, 38, 22, 50),
    (21, -6, 31, 16, 40),
    (18, -16, 27, 13, 31),
    (15, -20, 24, 11, 22),
    (11, -18, 18, 9, 12),
    (9, -16, 13, 8, 7),
    (8, -14, 10, 7, 5),
)


def sacral_frames(spine: Spine, build: Build) -> list[Frame]:
    """Frames of the five sacral and three coccygeal bodies."""
    size = spine.scale
    bend = build.sacral_bend
    center, rotation = spine.sacrum_mm, spine.sacrum_rotation
    frames = [Frame(center, rotation)]
    for (length, *_), (following, turn, *_) in itertools.pairwise(SACRAL):
        angle = np.radians(turn * bend)
        c, s = np.cos(angle), np.sin(angle)
        below = rotation @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
        step = 0.5 * size * (length * rotation[:, 2] + following * below[:, 2])
        center, rotation = center - step, below
        frames.append(Frame(center, rotation))
    return frames


def paint_sacrum(
    canvas: Canvas, spine: Spine, frames: Sequence[Frame], joints: Sequence[Joint]
) -> None:
    """Fused sacral bodies with wings, a posterior wall, foramina, and the coccyx below."""
    size = spine.scale
    for i, (frame, row) in enumerate(zip(frames, SACRAL, strict=True)):
        number = NUMBER["sacrum" if i < 5 else "coccyx"]
        half = np.array([66.0, 44.0, 30.0]) * size
        paint(canvas, number, frame, half, partial(_segment, index=i, row=row, size=size))
    top = frames[0]
    for joint in joints:
        end = joint.center - joint.normal * 6.0 * size
        root = top.to_world(np.array([0.62 * top.to_local(end)[0], 20 * size, -2]))
        stamp(canvas, NUMBER["sacrum"], tube(np.stack([root, end]), 5.5 * size))
    for upper, lower, row in zip(frames[:4], frames[1:5], SACRAL, strict=False):
        between = Frame((upper.center_mm + lower.center_mm) / 2, lower.rotation)
        x = (row[2] / 2 - 2.5) * size
        hole = (between, (40, 45, 12), lambda p, x=x: _foramen(p, x, size))
        paint_over(canvas, NUMBER["tissue"], (NUMBER["sacrum"],), hole)


def _segment(p: Points, index: int, row: Sequence[float], size: float) -> np.ndarray:
    length, _, width, depth, reach = (value * size for value in row)
    x, y, z = p
    radius = np.hypot(x / (width / 2), y / (depth / 2))
    top = np.abs(z) - (length / 2 + (0.6 if index else -1.5))
    solid = np.maximum((radius - 1) * depth / 2, top)
    if index > 4:
        return solid
    mirrored = (np.abs(x), y, z)
    thick = np.interp(index, (0, 4), (13, 5)) * size
    wing = bar(
        mirrored,
        (0.3 * reach, 4 * size, -1),
        (reach - thick * 0.8, np.interp(index, (0, 2), (13, 5)) * size, -3 * size),
        (thick, 0.85 * thick),
        (1, 1, max(1.0, 0.5 * length / thick)),
    )
    wall_y = depth / 2 + np.interp(index, (0, 4), (17, 8)) * size
    wall = bar(mirrored, (0, wall_y, -2), (0.42 * reach, wall_y - 7 * size, 0), (3.2, 4), (1, 1, 3))
    strut = bar(mirrored, (0.45 * reach, 4, -2), (0.42 * reach, wall_y - 6 * size, -2), (6, 5))
    crest = bar(
        p, (0, wall_y, 0), (0, wall_y + 9 * size * (index < 4), -4), (3.5, 3.0), (1, 1, 2.2)
    )
    back = soft_union(soft_union(wall, strut), crest)
    limited = np.maximum(back, np.abs(z) - 0.62 * length)
    solid = soft_union(soft_union(solid, wing, 4.0), limited)
    return np.maximum(solid, np.abs(z) - 0.66 * length)


def _foramen(p: Points, x: float, size: float) -> np.ndarray:
    return np.hypot(np.abs(p[0]) - x, p[2]) - (4.6 * size - 0.03 * np.abs(p[1]))


#: Control points of the iliac wing from the first sacral body: rows from the crest down, columns
#: from the sacroiliac joint to the front. The crest is flat from 60 to 110 mm beside L5 and 20 mm
#: above its centre, as in six label maps.
WING = (
    ((44, 60, 0), (68, 44, 38), (108, 4, 44), (130, -46, 26), (125, -88, -10)),
    ((48, 50, -34), (61, 33, 0), (96, -2, 10), (115, -45, -3), (113, -82, -33)),
    ((56, 38, -62), (67, 16, -54), (84, -12, -68), (94, -36, -74), (103, -62, -60)),
)


def paint_pelvis(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Hip bones with their wings, sockets, ischium and pubis, and the upper femora."""
    frame, k = pelvis(spine), spine.scale
    for side in (1, -1):
        flip = np.array([side * build.hip_width, 1, 1]) * k

        def world(*offsets: Sequence[float], flip: np.ndarray = flip) -> np.ndarray:
            return frame.to_world(np.array(offsets, float) * flip)

        name = "left" if side > 0 else "right"
        _paint_hip(canvas, NUMBER[f"hip_{name}"], world, k)
        _paint_femur(canvas, NUMBER[f"femur_{name}"], world, k)
    stamp(
        canvas,
        NUMBER["costal_cartilage"],
        tube(frame.to_world(np.array([[0, -88, -116], [0, -78, -142]]) * k), 7 * k),
    )


def _paint_hip(canvas: Canvas, number: int, world: World, k: float) -> None:
    sheet, radii = _wing_sheet()
    stamp(canvas, number, Balls(world(*sheet), radii * k))
    socket = [world((84, -26, -86)), world((90, -46, -84)), world((80, -12, -100))]
    stamp(canvas, number, tube(world((76, 4, -44), (84, -20, -72), (90, -40, -84)), 12 * k))
    stamp(canvas, number, tube(world((58, 34, -12), (62, 22, -40)), 7 * k))
    for at in socket:
        stamp(canvas, number, Balls(at, 20.0 * k))
    stamp(canvas, number, tube(world((82, -12, -104), (66, 8, -140), (60, 2, -166)), 13 * k))
    stamp(canvas, number, tube(world((60, 0, -166), (36, -40, -158), (15, -76, -140)), 6.5 * k))
    stamp(canvas, number, tube(world((84, -50, -88), (46, -82, -102), (14, -88, -120)), 8 * k))
    stamp(canvas, number, tube(world((12, -86, -120), (11, -77, -140)), 8 * k))
    # The head of the femur and its cartilage sit in the socket.
    stamp(canvas, NUMBER["joint_cartilage"], Balls(world((94, -30, -98)), 26.5 * k))


def _wing_sheet() -> tuple[np.ndarray, np.ndarray]:
    rows = []
    for row in WING:
        dense = curve(row, 1.0)
        rows.append(dense[np.linspace(0, len(dense) - 1, 64).astype(int)])
    down = [curve(np.stack(column), 2.5) for column in zip(*rows, strict=True)]
    points = np.concatenate(down)
    ends = np.concatenate([np.linspace(0, 1, len(c)) for c in down])
    front = np.concatenate([np.full(len(c), i / 63) for i, c in enumerate(down)])
    radii = 3.2 + 3.0 * np.exp(-ends / 0.12) + 4.5 * ends**3 + 4.0 * np.exp(-front / 0.12)
    return points, radii


def _paint_femur(canvas: Canvas, number: int, world: World, k: float) -> None:
    head = (94, -30, -98)
    stamp(canvas, number, Balls(world(head), 23.5 * k))
    stamp(canvas, number, tube(world(head, (126, -20, -124)), 14 * k))
    stamp(canvas, number, tube(world((136, -8, -108), (132, -14, -135), (122, -18, -240)), 15 * k))


def head_frame(spine: Spine) -> Frame:
    """Upright frame of the head at the first vertebra."""
    return trunk(spine, 1)


def paint_skull(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """Base and vault of the skull with its condyles, face, jaw and teeth, and the brain."""
    k = spine.scale**0.5 * rng.uniform(0.95, 1.05)
    frame = head_frame(spine)
    own = Frame(frame.center_mm, spine.rotations[0])
    half = np.array([80, 98, 75]) * k
    vault = Frame(frame.to_world([0, 3 * k, 84 * k]), frame.rotation)
    paint(canvas, NUMBER["skull"], vault, half, lambda p: _vault(p, k))
    inner = np.array([68, 86, 62]) * k
    paint(canvas, NUMBER["brain"], vault, inner, lambda p: ellipsoid(p, (0, 0, 2 * k), inner - 1))
    paint(canvas, NUMBER["skull"], vault, half, lambda p: _skull_base(p, k))
    hole = Frame(own.to_world([0, 19 * k, 22 * k]), own.rotation)
    paint(
        canvas, NUMBER["canal"], hole, (16, 18, 14), lambda p: ellipsoid(p, (0, 0, 0), (14, 17, 30))
    )
    for side in (1, -1):
        condyle = own.to_world(np.array([[side * 17, 11, 15], [side * 19, 16, 20]]) * k)
        stamp(canvas, NUMBER["skull"], tube(condyle, 5.5))
    _paint_face(canvas, frame, k)


def _vault(p: Points, k: float) -> np.ndarray:
    return ellipsoid(p, (0, 0, 0), (74 * k, 93 * k, 70 * k))


def _skull_base(p: Points, k: float) -> np.ndarray:
    mirrored = (np.abs(p[0]), p[1], p[2])
    petrous = bar(mirrored, (18 * k, -12 * k, -48 * k), (58 * k, 14 * k, -44 * k), (8, 12))
    mastoid = bar(mirrored, (56 * k, 10 * k, -50 * k), (53 * k, 6 * k, -72 * k), (12, 6))
    clivus = bar(p, (0, 4 * k, -66 * k), (0, -30 * k, -42 * k), (5, 9), (2.2, 1, 1))
    squama = np.abs(ellipsoid(p, (0, 0, 0), (72 * k, 90 * k, 68 * k))) - 3.0
    squama = np.maximum(squama, p[2] + 30 * k)
    return np.minimum(np.minimum(petrous, mastoid), np.minimum(clivus, squama))


def _paint_face(canvas: Canvas, frame: Frame, k: float) -> None:
    jaw, skull = NUMBER["mandible"], NUMBER["skull"]
    for side in (1, -1):
        flip = np.array([side, 1, 1]) * k

        def world(*offsets: Sequence[float], flip: np.ndarray = flip) -> np.ndarray:
            return frame.to_world(np.array(offsets, float) * flip)

        stamp(canvas, jaw, tube(world((53, -14, 26), (50, -18, -2), (46, -24, -20)), [5, 5, 6]))
        body = world((46, -24, -20), (38, -55, -30), (22, -80, -36), (0, -89, -38))
        lower = Balls(curve(body, 1.5), 11 * k)
        sideways = np.tile(frame.rotation[:, 0], (len(lower.points_mm), 1))
        stamp(canvas, jaw, Balls(lower.points_mm, lower.radii_mm, sideways * 0.8, 1.8))
        arch = world((27, -46, 0), (24, -66, 0), (14, -82, 0), (0, -88, 0))
        stamp(canvas, skull, tube(arch + frame.rotation[:, 2] * 10 * k, 6 * k))
        stamp(canvas, skull, tube(world((58, -20, 36), (60, -48, 36), (42, -72, 34)), 3.5))
        stamp(canvas, skull, tube(world((26, -48, 10), (38, -66, 28), (30, -78, 44)), 4.5))
        stamp(canvas, skull, tube(world((15, -34, 34), (15, -38, 8)), 2.5))
        teeth = curve(arch, 7.0 * k)
        for low, high in ((-9, 0), (-18, -10)):
            for tooth in teeth:
                ends = np.stack([tooth + frame.rotation[:, 2] * h * k for h in (low, high)])
                stamp(canvas, NUMBER["teeth"], tube(ends, 3.0))
    palate = Frame(frame.to_world(np.array([0, -62, 12]) * k), frame.rotation)
    paint(canvas, skull, palate, (26, 28, 3), lambda p: ellipsoid(p, (0, 0, 0), (26, 28, 2.2)))
