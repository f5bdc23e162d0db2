"""The skull with its base, face, jaw and teeth, and the brain.

Offsets are in mm of an average adult from the first vertebra, x (left, mirrored for the right), y
posterior, z superior.
"""

from functools import partial

import numpy as np

from versectl.geometry import Vector
from versectl.synth.bodies import landmarks
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import (
    Balls,
    Canvas,
    Frame,
    Points,
    Solid,
    World,
    bar,
    curve,
    ellipsoid,
    fill,
    scaled_world,
    stamp,
    tube,
)
from versectl.synth.bodies.structures import NUMBER

#: chosen: size of heads, beside others of people as tall.
SIZES = (0.95, 1.05)

#: chosen: middle of the vault; half of the box it is painted in, half axes of its outer face; half
#: axes of the brain, which lies a little above that middle.
VAULT, VAULT_BOX_MM, VAULT_MM = (0, 3, 84), (80, 98, 75), (74, 93, 70)
BRAIN_MM, BRAIN_ABOVE_MM = (68, 86, 62), 2

#: chosen: parts of the base, from the middle of the vault: both ends, and radii there in mm.
PETROUS, PETROUS_RADII_MM = ((18, -12, -48), (58, 14, -44)), (8, 12)
MASTOID, MASTOID_RADII_MM = ((56, 10, -50), (53, 6, -72)), (12, 6)
CLIVUS, CLIVUS_RADII_MM, CLIVUS_WIDE = ((0, 4, -66), (0, -30, -42)), (5, 9), (2.2, 1, 1)

#: chosen: the shell behind and below: half axes, half thickness, and how far below the middle it
#: ends.
SQUAMA_MM, SQUAMA_HALF_THICK_MM, SQUAMA_BELOW_MM = (72, 90, 68), 3.0, 30

#: chosen: the foramen magnum in the frame of the atlas: middle, half of its box, half axes.
FORAMEN, FORAMEN_BOX_MM, FORAMEN_MM = (0, 19, 22), (16, 18, 14), (14, 17, 30)

#: chosen: condyles in the frame of the atlas.
CONDYLE, CONDYLE_MM = ((17, 11, 15), (19, 16, 20)), 5.5

#: chosen: the jaw: its upright part with radii, its lower edge, how flat that is, and along x.
JAW, JAW_RADII_MM = ((53, -14, 26), (50, -18, -2), (46, -24, -20)), (5, 5, 6)
JAW_EDGE, JAW_EDGE_MM = ((46, -24, -20), (38, -55, -30), (22, -80, -36), (0, -89, -38)), 11
JAW_FLAT, JAW_ALONG_X = 1.8, 0.8

#: chosen: arch of the teeth; the upper jaw so far above it; the palate: middle, half of its box,
#: half axes.
ARCH = ((27, -46, 0), (24, -66, 0), (14, -82, 0), (0, -88, 0))
UPPER_JAW_ABOVE, UPPER_JAW_MM = 10, 6
PALATE, PALATE_BOX_MM, PALATE_MM = (0, -62, 12), (26, 28, 3), (26, 28, 2.2)

#: chosen: thin bones of the face.
FACE = (
    (((58, -20, 36), (60, -48, 36), (42, -72, 34)), 3.5),  # cheek bone
    (((26, -48, 10), (38, -66, 28), (30, -78, 44)), 4.5),  # from the upper jaw to the orbit
    (((15, -34, 34), (15, -38, 8)), 2.5),  # beside the nose, behind
)

#: chosen: distance of teeth along the arch, their radius, ends of upper and lower ones beside it.
TEETH_APART_MM, TOOTH_MM, TEETH = 7.0, 3.0, ((-9, 0), (-18, -10))


def paint(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """Base and vault of the skull with its condyles, face, jaw and teeth, and the brain."""
    k = spine.scale**0.5 * rng.uniform(*SIZES)
    frame = landmarks.head(spine)
    _paint_vault(canvas, frame, k)
    _paint_joint(canvas, Frame(frame.center_mm, spine.rotations[0]), k)
    for side in (1, -1):
        world = scaled_world(frame, np.array([side, 1, 1]) * k)
        _paint_jaw(canvas, world, frame, k)
        _paint_face(canvas, world, frame, k)
    palate = Frame(frame.to_world(np.array(PALATE) * k), frame.rotation)
    shape = partial(ellipsoid, center=(0, 0, 0), radii=PALATE_MM)
    fill(canvas, NUMBER["skull"], Solid(palate, PALATE_BOX_MM, shape))


def _paint_vault(canvas: Canvas, frame: Frame, k: float) -> None:
    """Vault, brain and base."""
    vault = Frame(frame.to_world(np.array(VAULT) * k), frame.rotation)
    half, inner = np.array(VAULT_BOX_MM) * k, np.array(BRAIN_MM) * k
    outer = partial(ellipsoid, center=(0, 0, 0), radii=[half_mm * k for half_mm in VAULT_MM])
    brain = partial(ellipsoid, center=(0, 0, BRAIN_ABOVE_MM * k), radii=inner - 1)
    fill(canvas, NUMBER["skull"], Solid(vault, half, outer))
    fill(canvas, NUMBER["brain"], Solid(vault, inner, brain))
    fill(canvas, NUMBER["skull"], Solid(vault, half, partial(_base, k=k)))


def _base(p: Points, k: float) -> np.ndarray:
    """Distance to the base of the skull, from the middle of the vault."""
    mirrored = (np.abs(p[0]), p[1], p[2])
    petrous = bar(mirrored, *_times(PETROUS, k), PETROUS_RADII_MM)
    mastoid = bar(mirrored, *_times(MASTOID, k), MASTOID_RADII_MM)
    clivus = bar(p, *_times(CLIVUS, k), CLIVUS_RADII_MM, CLIVUS_WIDE)
    radii = [half_mm * k for half_mm in SQUAMA_MM]
    squama = np.abs(ellipsoid(p, (0, 0, 0), radii)) - SQUAMA_HALF_THICK_MM
    squama = np.maximum(squama, p[2] + SQUAMA_BELOW_MM * k)
    return np.minimum(np.minimum(petrous, mastoid), np.minimum(clivus, squama))


def _times(ends: tuple[Vector, Vector], k: float) -> tuple[list[float], list[float]]:
    """Both ends, each coordinate times k."""
    start, end = ends
    return [coordinate * k for coordinate in start], [coordinate * k for coordinate in end]


def _paint_joint(canvas: Canvas, atlas: Frame, k: float) -> None:
    """Foramen magnum and condyles."""
    hole = Frame(atlas.to_world(np.array(FORAMEN) * k), atlas.rotation)
    shape = partial(ellipsoid, center=(0, 0, 0), radii=FORAMEN_MM)
    fill(canvas, NUMBER["canal"], Solid(hole, FORAMEN_BOX_MM, shape))
    for side in (1, -1):
        condyle = scaled_world(atlas, np.array([side, 1, 1]) * k)(*CONDYLE)
        stamp(canvas, NUMBER["skull"], tube(condyle, CONDYLE_MM))


def _paint_jaw(canvas: Canvas, world: World, frame: Frame, k: float) -> None:
    """One side of the lower jaw."""
    jaw = NUMBER["mandible"]
    stamp(canvas, jaw, tube(world(*JAW), JAW_RADII_MM))
    edge = curve(world(*JAW_EDGE), 1.5)
    sideways = np.tile(frame.rotation[:, 0], (len(edge), 1))
    stamp(canvas, jaw, Balls(edge, JAW_EDGE_MM * k, sideways * JAW_ALONG_X, JAW_FLAT))


def _paint_face(canvas: Canvas, world: World, frame: Frame, k: float) -> None:
    """One side of the upper jaw and of the face, and all of its teeth."""
    skull, up = NUMBER["skull"], frame.rotation[:, 2]
    arch = world(*ARCH)
    stamp(canvas, skull, tube(arch + up * UPPER_JAW_ABOVE * k, UPPER_JAW_MM * k))
    for course, radius_mm in FACE:
        stamp(canvas, skull, tube(world(*course), radius_mm))
    for ends in TEETH:
        for tooth in curve(arch, TEETH_APART_MM * k):
            rod = np.stack([tooth + up * height * k for height in ends])
            stamp(canvas, NUMBER["teeth"], tube(rod, TOOTH_MM))
