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
from versectl.labels import NUMBERS, region
from versectl.synth.bodies import landmarks, vertebra
from versectl.synth.bodies.body import Body
from versectl.synth.bodies.build import Build, sample_build
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import (
    Balls,
    Canvas,
    Distance,
    Frame,
    Points,
    Solid,
    box_corners,
    curve,
    fill,
    stamp,
)
from versectl.synth.bodies.skeleton import head, pelvis, ribs, sacrum, shoulders, sternum
from versectl.synth.bodies.soft import (
    airway,
    bowel,
    limbs,
    muscles,
    organs,
    surroundings,
    trunk,
    vessels,
    wall,
)
from versectl.synth.bodies.structures import KIND, NUMBER, VERTEBRAE
from versectl.synth.bodies.vertebra import Look, Person, bridges, cast, fit
from versectl.synth.bodies.vertebra.bridges import Disc
from versectl.synth.bodies.vertebra.cast import Cast, Mixture

C1, T1 = NUMBERS["C1"], NUMBERS["T1"]

#: The atlas' centre, between its lateral masses, lies so many mm behind the origin of its frame; as
#: `labelmaps.body_center_mm` and VerSe's centroids have it.
ATLAS_CENTER = 9.0


def build(
    spine: Spine,
    rng: np.random.Generator,
    spacing_mm: float = 1.5,
    casts: Mapping[int, Cast | Mixture] | None = None,
) -> Body:
    """The body round a spine, from the skull base to the thighs, on a cubic grid.

    Vertebrae in `casts` get their shape from there, the others from a table and chance.
    """
    made = sample_build(rng)
    canvas = _canvas(spine, spacing_mm)
    looks = {
        label: vertebra.sample(label, size, breadth, made.person, rng)
        for label, size, breadth in zip(spine.labels, spine.sizes, spine.breadths, strict=True)
    }
    joints = {label: fit.joints_below(spine, looks, label) for label in spine.labels}
    sacral = sacrum.frames(spine, made)
    _paint_all_but_spine(canvas, spine, made, rng)
    sacrum.paint(canvas, spine, sacral, joints[spine.labels[-1]])
    _paint_discs(canvas, spine, looks)
    _paint_canal(canvas, spine, looks, sacral)
    shapes = _cast_shapes(spine, looks, casts or {}, made.person)
    for label in spine.labels:
        distance = partial(vertebra.distance, looks[label], fit.of(spine, looks, joints, label))
        _paint_vertebra(canvas, spine, label, shapes.get(label, distance))
    discs = [
        Disc(upper, fit.middle_of_disc(spine, looks, index), lower)
        for index, (upper, lower) in enumerate(itertools.pairwise(spine.labels))
    ]
    bridges.paint(canvas, discs, looks, rng)
    _keep_largest(canvas.structures, spine.labels)
    centroids_mm = {n: at.copy() for n, at in zip(spine.labels, spine.centers_mm, strict=True)}
    centroids_mm[C1] = fit.frame_of(spine, 0).to_world((0, ATLAS_CENTER * spine.sizes[0], 0))
    return Body(canvas.structures, canvas.grid, dict(KIND), centroids_mm)


def _canvas(spine: Spine, spacing_mm: float) -> Canvas:
    """An empty grid round the body: arms included, head cut at the skull base."""
    k = spine.scale
    skull, hips = landmarks.head(spine), landmarks.pelvis(spine)
    corners = np.concatenate(
        [
            box_corners(skull, (-85 * k, -112 * k, -20), (85 * k, 108 * k, 62 * k)),
            box_corners(hips, (-195 * k, -150 * k, -185 * k), (195 * k, 130 * k, 0)),
            box_corners(
                landmarks.trunk(spine, T1 + 6), (-205 * k, -190 * k, 0), (205 * k, 120 * k, 0)
            ),
        ]
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    low[2] = hips.center_mm[2] - 185 * k
    high[2] = skull.center_mm[2] + 62 * k
    size = np.ceil((high - low) / spacing_mm).astype(int) + 1
    grid = Grid.centered((low + high) / 2, size.tolist(), (spacing_mm,) * 3)
    return Canvas(np.zeros(grid.shape, np.uint8), grid)


def _paint_all_but_spine(
    canvas: Canvas, spine: Spine, made: Build, rng: np.random.Generator
) -> None:
    curves = ribs.curves(spine, made, rng)
    z_range = np.array([canvas.grid.origin_mm[2], canvas.grid.last_mm[2]])
    trunk.paint(canvas, spine, made, wall.make(spine, made, curves, z_range), rng)
    limbs.paint(canvas, spine, made)
    organs.paint(canvas, spine, rng)
    bowel.paint(canvas, spine, rng)
    organs.paint_bladder(canvas, spine, rng)
    muscles.paint(canvas, spine, made)
    head.paint(canvas, spine, rng)
    vessels.paint(canvas, spine, rng)
    airway.paint(canvas, spine)
    shoulders.paint(canvas, spine, made)
    pelvis.paint(canvas, spine, made)
    sternum.paint(canvas, spine, made, curves)
    ribs.paint(canvas, curves, spine, rng)
    if made.clothes:
        surroundings.paint_clothing(canvas, rng)
    if made.table:
        surroundings.paint_table(canvas, spine, made, rng)


def _paint_discs(canvas: Canvas, spine: Spine, looks: Mapping[int, Look]) -> None:
    for index, label in enumerate(spine.labels[1:], start=1):
        look, frame = looks[label], fit.middle_of_disc(spine, looks, index)
        half = np.array([look.width / 2 + 0.5, look.depth / 2 + 0.5, 0.3 * look.height + 2])
        fill(canvas, NUMBER["disc"], Solid(frame, half, partial(_cylinder, half=half)))


def _cylinder(p: Points, half: np.ndarray) -> np.ndarray:
    side = np.hypot(p[0] / np.float32(half[0]), p[1] / np.float32(half[1])) - 1
    return np.maximum(side, np.abs(p[2]) / np.float32(half[2]) - 1)


def _paint_canal(
    canvas: Canvas, spine: Spine, looks: Mapping[int, Look], sacral: Sequence[Frame]
) -> None:
    """The spinal canal with what it holds, from the skull to the sacrum."""
    frames = [fit.frame_of(spine, i) for i in range(len(spine.labels))]
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
    fill(canvas, NUMBER["canal"], Solid(column, half, partial(_cylinder, half=half)))


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
    frame = fit.frame_of(spine, spine.labels.index(label))
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
