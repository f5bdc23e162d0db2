"""A whole trunk round a spine, as a label map.

Structures are painted from the outside in: skin and muscle, lungs, organs, vessels, bones, discs,
canal, and last the vertebrae, each one piece and apart from the next.
"""

import itertools
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from scipy import ndimage

from versectl import geometry
from versectl.geometry import Grid
from versectl.labels import region
from versectl.synth.bodies import bridges, cast, skeleton, soft, vertebra
from versectl.synth.bodies.body import Body
from versectl.synth.bodies.cast import Cast, Mixture
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import (
    Balls,
    Canvas,
    Distance,
    Frame,
    Points,
    box_corners,
    curve,
    paint,
    stamp,
)
from versectl.synth.bodies.skeleton import Build
from versectl.synth.bodies.structures import KIND, NUMBER, VERTEBRAE
from versectl.synth.bodies.vertebra import C1, C2, C7, L5, T1, T12, Fit, Joint, Look, Person

#: Half of the space between two end plates in mm.
HALF_DISC_MM = {"cervical": 2.0, "thoracic": 1.8, "lumbar": 3.5}

#: The atlas' centre, between its lateral masses, lies so many mm behind the origin of its frame; as
#: `labelmaps.body_center_mm` and VerSe's centroids have it.
ATLAS_CENTER = 9.0

#: chosen: half of what is left between end plates at least.
THINNEST_MM = 0.3

Joints = Mapping[int, Sequence[Joint]]  # upper vertebra -> its lower joints, in the world


def build(
    spine: Spine,
    rng: np.random.Generator,
    spacing_mm: float = 1.5,
    casts: Mapping[int, Cast | Mixture] | None = None,
) -> Body:
    """The body round a spine, from the skull base to the thighs, on a cubic grid.

    Vertebrae in `casts` get their shape from there, the others from a table and chance.
    """
    made = skeleton.sample_build(rng)
    canvas = _canvas(spine, spacing_mm)
    looks = {
        label: vertebra.sample(label, size, breadth, made.person, rng)
        for label, size, breadth in zip(spine.labels, spine.sizes, spine.breadths, strict=True)
    }
    joints = {label: _joints_below(spine, looks, label) for label in spine.labels}
    sacral = skeleton.sacral_frames(spine, made)
    _paint_all_but_spine(canvas, spine, made, rng)
    skeleton.paint_sacrum(canvas, spine, sacral, joints[spine.labels[-1]])
    _paint_discs(canvas, spine, looks)
    _paint_canal(canvas, spine, looks, sacral)
    shapes = _cast_shapes(spine, looks, casts or {}, made.person)
    for label in spine.labels:
        distance = partial(vertebra.distance, looks[label], _fit(spine, looks, joints, label))
        _paint_vertebra(canvas, spine, label, shapes.get(label, distance))
    discs = {
        label: (_middle(spine, looks, index), below)
        for index, (label, below) in enumerate(itertools.pairwise(spine.labels))
    }
    bridges.paint(canvas, discs, looks, rng)
    _keep_largest(canvas.structures, spine.labels)
    centroids_mm = {n: at.copy() for n, at in zip(spine.labels, spine.centers_mm, strict=True)}
    centroids_mm[C1] = _frame(spine, 0).to_world((0, ATLAS_CENTER * spine.sizes[0], 0))
    return Body(canvas.structures, canvas.grid, dict(KIND), centroids_mm)


def _canvas(spine: Spine, spacing_mm: float) -> Canvas:
    """An empty grid round the body: arms included, head cut at the skull base."""
    k = spine.scale
    head, hips = skeleton.head_frame(spine), skeleton.pelvis(spine)
    corners = np.concatenate(
        [
            box_corners(head, (-85 * k, -112 * k, -20), (85 * k, 108 * k, 62 * k)),
            box_corners(hips, (-195 * k, -150 * k, -185 * k), (195 * k, 130 * k, 0)),
            box_corners(
                skeleton.trunk(spine, T1 + 6), (-205 * k, -190 * k, 0), (205 * k, 120 * k, 0)
            ),
        ]
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    low[2] = hips.center_mm[2] - 185 * k
    high[2] = head.center_mm[2] + 62 * k
    size = np.ceil((high - low) / spacing_mm).astype(int) + 1
    grid = Grid.centered((low + high) / 2, size.tolist(), (spacing_mm,) * 3)
    return Canvas(np.zeros(grid.shape, np.uint8), grid)


def _paint_all_but_spine(
    canvas: Canvas, spine: Spine, made: Build, rng: np.random.Generator
) -> None:
    curves = skeleton.rib_curves(spine, made, rng)
    z_range = np.array([canvas.grid.origin_mm[2], canvas.grid.last_mm[2]])
    wall = soft.make_wall(spine, made, curves, z_range)
    soft.paint_trunk(canvas, spine, made, (wall, rng))
    soft.paint_neck_and_head(canvas, spine, made)
    soft.paint_organs(canvas, spine, rng)
    soft.paint_spinal_muscles(canvas, spine, made)
    skeleton.paint_skull(canvas, spine, rng)
    soft.paint_vessels_and_airway(canvas, spine, rng)
    skeleton.paint_shoulders(canvas, spine, made)
    skeleton.paint_pelvis(canvas, spine, made)
    skeleton.paint_sternum(canvas, spine, made, curves)
    skeleton.paint_ribs(canvas, curves, spine, rng)
    if made.clothes:
        soft.paint_clothing(canvas, rng)
    if made.table:
        soft.paint_table(canvas, spine, made, rng)


def _frame(spine: Spine, index: int) -> Frame:
    """Frame of a vertebra by its place in the spine; one beyond the last is the sacrum."""
    if index == len(spine.labels):
        return Frame(spine.sacrum_mm, spine.sacrum_rotation)
    return Frame(spine.centers_mm[index], spine.rotations[index])


def _middle(spine: Spine, looks: Mapping[int, Look], index: int) -> Frame:
    """Frame of the disc below a vertebra: between the bodies by their heights."""
    upper, lower = _frame(spine, index), _frame(spine, index + 1)
    own = looks[spine.labels[index]].height
    last = index + 1 == len(spine.labels)
    other = 29.0 * spine.scale if last else looks[spine.labels[index + 1]].height
    part = own / (own + other)
    center = (1 - part) * upper.center_mm + part * lower.center_mm
    mean = upper.rotation + lower.rotation
    u, _, vt = np.linalg.svd(mean)
    return Frame(center, u @ vt)


def _joints_below(spine: Spine, looks: Mapping[int, Look], label: int) -> list[Joint]:
    """Left and right facet joints between a vertebra and the next, in the world."""
    index = spine.labels.index(label)
    look = looks[label]
    frame = _middle(spine, looks, index)
    if label == C1:
        frame = Frame(_frame(spine, 0).to_world((0, 0, 0)), frame.rotation)
    offset, normal = _joint_place(look)
    normal = np.array(normal) / np.linalg.norm(normal)
    made = []
    for side in (1, -1):
        flip = np.array([side, 1, 1])
        made.append(Joint(frame.to_world(offset * flip), frame.rotation @ (normal * flip)))
    return made


def _joint_place(look: Look) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Centre of the left joint from the middle of the disc, and its direction."""
    wide, deep = look.canal
    if look.label == C1:
        return np.array([17.5, 8.0, -9.0]) * look.thickness**0.5, (0.3, 0.0, 1.0)
    if look.label < C7:
        return np.array([wide / 2 + 7.5, look.depth / 2 + 0.35 * deep, 0.0]), (0.0, 0.7, 0.7)
    if look.label == C7:  # halfway between the neck's joints and the thorax's
        return np.array([wide / 2 + 7.0, look.depth / 2 + 0.7 * deep, -1.0]), (0.1, 0.8, 0.5)
    if look.region != "lumbar" and look.label != T12:
        side = 5.5 if look.label < T1 + 2 else 4.0
        return np.array([wide / 2 + side, look.depth / 2 + 0.75 * deep, 1.0]), (0.15, 0.95, 0.25)
    along = np.clip((min(look.label, L5) - T12) / (L5 - T12), 0, 1)
    x = np.interp(along, (0, 0.4, 1), (13.0, 14.5, 21.0)) * look.width / 44
    facing = (-np.interp(along, (0, 1), (0.85, 0.55)), np.interp(along, (0, 1), (0.6, 0.85)), 0.1)
    return np.array([x, look.depth / 2 + 0.85 * deep, 1.0]), facing


def _fit(spine: Spine, looks: Mapping[int, Look], joints: Joints, label: int) -> Fit:
    """What the neighbours leave to a vertebra, in its own frame."""
    index = spine.labels.index(label)
    frame, look = _frame(spine, index), looks[label]
    half = 0.5 * look.height
    above = (half, 0.0, 0.0)
    if label > C2:
        above = _plate(frame, _middle(spine, looks, index - 1), (look, spine.worn_mm[index - 1]), 1)
    below = _plate(frame, _middle(spine, looks, index), (look, spine.worn_mm[index]), -1)
    upper = joints[spine.labels[index - 1]] if index else ()
    return Fit(above, below, _local(frame, upper), _local(frame, joints[label]))


def _plate(
    frame: Frame, disc: Frame, of: tuple[Look, float], side: int
) -> tuple[float, float, float]:
    """Height and slopes of the end plate that faces a disc.

    of : the vertebra, and by how much its disc is worn, in mm.
    side : 1 above the body, -1 below.
    """
    look, worn_mm = of
    nx, ny, nz = disc.rotation[:, 2] @ frame.rotation
    center = frame.to_local(disc.center_mm)
    half_disc_mm = max(HALF_DISC_MM[look.region] - worn_mm / 2, THINNEST_MM)
    height = side * (center @ (nx, ny, nz)) / nz - half_disc_mm - look.fullness_mm
    height = np.clip(height, 0.3 * look.height, 0.56 * look.height)
    return float(side * height), float(-0.7 * nx / nz), float(-0.7 * ny / nz)


def _local(frame: Frame, joints: Sequence[Joint]) -> list[Joint]:
    return [Joint(frame.to_local(j.center), j.normal @ frame.rotation) for j in joints]


def _paint_discs(canvas: Canvas, spine: Spine, looks: Mapping[int, Look]) -> None:
    for index, label in enumerate(spine.labels[1:], start=1):
        look, frame = looks[label], _middle(spine, looks, index)
        half = np.array([look.width / 2 + 0.5, look.depth / 2 + 0.5, 0.3 * look.height + 2])
        paint(canvas, NUMBER["disc"], frame, half, partial(_cylinder, half=half))


def _cylinder(p: Points, half: np.ndarray) -> np.ndarray:
    side = np.hypot(p[0] / np.float32(half[0]), p[1] / np.float32(half[1])) - 1
    return np.maximum(side, np.abs(p[2]) / np.float32(half[2]) - 1)


def _paint_canal(
    canvas: Canvas, spine: Spine, looks: Mapping[int, Look], sacral: Sequence[Frame]
) -> None:
    """The spinal canal with what it holds, from the skull to the sacrum."""
    frames = [_frame(spine, i) for i in range(len(spine.labels))]
    points = [
        frame.to_world((0, vertebra.canal_center(looks[label]), 0))
        for frame, label in zip(frames, spine.labels, strict=True)
    ]
    k = spine.scale
    ends = [
        frame.to_world((0, y * k, 0)) for frame, y in zip(sacral[:4], (24, 18, 13, 10), strict=True)
    ]
    top = frames[0].to_world((0, vertebra.canal_center(looks[C1]), 22 * k))
    middle = curve(np.array([top, *points, *ends]), 1.2)
    for frame, look in zip(frames, looks.values(), strict=True):
        _paint_canal_at(canvas, frame, look)
    widths = [12.0, *[0.48 * min(look.canal) for look in looks.values()], 7 * k]
    widths += [5.5 * k, 4 * k, 3 * k]
    radii = np.interp(np.linspace(0, 1, len(middle)), np.linspace(0, 1, len(widths)), widths)
    stamp(canvas, NUMBER["canal"], Balls(middle, radii))


def _paint_canal_at(canvas: Canvas, frame: Frame, look: Look) -> None:
    """The canal within one vertebra's arch: an upright elliptic column."""
    half = np.array([look.canal[0] / 2 + 1, look.canal[1] / 2 + 1, 0.55 * look.height])
    column = frame.moved((0, vertebra.canal_center(look), 0))
    paint(canvas, NUMBER["canal"], column, half, lambda p: _cylinder(p, half))


def _cast_shapes(
    spine: Spine,
    looks: Mapping[int, Look],
    casts: Mapping[int, Cast | Mixture],
    person: Person,
) -> dict[int, Distance]:
    """Label -> shape of a cast that fills its place in the spine, rippled like any other."""
    lost_mm = _smoothed_wear(spine)
    pitches_mm = dict(zip(spine.labels, cast.pitches_mm(spine.centers_mm) + lost_mm, strict=True))
    heights = {n: pitches_mm[n] / casts[n].pitch_mm for n in spine.labels if n in casts}
    if not heights:
        return {}
    width = float(np.median(list(heights.values())))  # nobody is of two sizes
    sizes = dict(zip(spine.labels, spine.sizes / spine.scale, strict=True))

    def shape(label: int, p: Points) -> np.ndarray:
        wide, deep = width * sizes[label] * person.form[:2]
        scale = (wide, deep, heights[label])
        x, y, z = vertebra.rippled(looks[label], p)
        if label == C1:
            y = y - np.float32(ATLAS_CENTER * spine.sizes[0])
        return casts[label].distance((x, y, z), scale)

    return {label: partial(shape, label) for label in heights}


def _smoothed_wear(spine: Spine) -> np.ndarray:
    """How much nearer in mm (n,) worn discs bring each vertebra's neighbours, on average."""
    above_mm = np.append(spine.worn_mm[:1], spine.worn_mm[:-1])
    return (above_mm + spine.worn_mm) / 2


def _paint_vertebra(canvas: Canvas, spine: Spine, label: int, distance: Distance) -> None:
    """One vertebra where no other is, nor touches it."""
    frame = _frame(spine, spine.labels.index(label))
    low, high = np.array(vertebra.BOX_MM[region(label)]) * spine.scale
    window = canvas.window(box_corners(frame, low, high))
    part = canvas.structures[window]
    if part.size == 0:
        return
    inside = distance(canvas.points(window, frame)) < 0
    others = np.isin(part, list(VERTEBRAE)) | (part == NUMBER["sacrum"])
    part[inside & ~ndimage.binary_dilation(others)] = label


def _keep_largest(structures: np.ndarray, labels: Sequence[int]) -> None:
    """Turn every piece of a vertebra but the largest into muscle."""
    windows = ndimage.find_objects(structures, max_label=max(labels))
    for label in labels:
        if windows[label - 1] is None:
            continue
        part = structures[windows[label - 1]]
        mask = part == label
        part[mask & ~geometry.largest_piece(mask, connectivity=1)] = NUMBER["muscle"]
