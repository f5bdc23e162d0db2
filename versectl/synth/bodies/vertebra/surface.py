"""The surface of a vertebra: how far points are from it.

Points are in the vertebra's own frame, in mm; x, y, z are left, posterior and superior of the
centre of the body.
"""

from types import MappingProxyType

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies.shapes import Points, soft_union
from versectl.synth.bodies.vertebra import arch, atlas_axis, vertebral_body
from versectl.synth.bodies.vertebra.fit import Fit
from versectl.synth.bodies.vertebra.look import Look

C1, C7 = NUMBERS["C1"], NUMBERS["C7"]

#: Lowest and highest x, y, z a vertebra reaches.
BOX_MM = MappingProxyType(
    {
        "cervical": ((-46.0, -24.0, -36.0), (46.0, 66.0, 32.0)),
        "thoracic": ((-48.0, -28.0, -56.0), (48.0, 74.0, 38.0)),
        "lumbar": ((-64.0, -34.0, -40.0), (64.0, 88.0, 40.0)),
    }
)

#: chosen: over how many mm the edges between two parts are filled.
ARCH_FILL_MM, SPINOUS_FILL_MM, OTHER_FILL_MM = 2.5, 3.0, 2.0

#: chosen: half of the gap at a facet joint, and how far round its centre the gap reaches.
HALF_GAP_MM, GAP_REACH_MM = 0.9, 10.0

#: chosen: radius of a transverse foramen, and how far it lies within and in front of the tip of its
#: process: in the atlas, and in the vertebrae below.
FORAMEN_MM, FORAMEN_FROM_TIP_MM, ATLAS_FORAMEN_FROM_TIP_MM = 2.8, (8.0, 5.0), (9.5, 3.0)

#: chosen: where the middle of the atlas' canal lies, and half its depth.
ATLAS_CANAL_MM, ATLAS_CANAL_HALF_DEPTH_MM = 21.0, 11.5


def distance(look: Look, fit: Fit, p: Points) -> np.ndarray:
    """Signed distance in mm of points from the surface of a vertebra, negative inside."""
    q = rippled(look, p)
    mirrored = (np.abs(q[0]), q[1], q[2])
    if look.label == C1:
        solid = atlas_axis.atlas(look, mirrored)
    else:
        body = vertebral_body.distance(look, fit, q)
        solid = soft_union(body, arch.pedicles_and_laminae(look, mirrored), ARCH_FILL_MM)
        solid = soft_union(solid, arch.spinous(look, q), SPINOUS_FILL_MM)
        solid = soft_union(solid, arch.wings(look, mirrored), OTHER_FILL_MM)
    for joint in fit.upper_joints:
        solid = soft_union(solid, arch.articular(look, joint, p, -1.0), OTHER_FILL_MM)
    for joint in fit.lower_joints:
        solid = soft_union(solid, arch.articular(look, joint, p, 1.0), OTHER_FILL_MM)
    solid = np.maximum(solid - np.float32(look.fullness_mm), _holes(look, mirrored))
    return _open_joints(fit, p, solid)


def canal_center(look: Look) -> float:
    """How far the middle of the canal lies behind the centre of the body, in mm."""
    if look.label == C1:
        return ATLAS_CANAL_MM * look.thickness**0.3
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


def _holes(look: Look, p: Points) -> np.ndarray:
    """Negative of the distance to what stays open: the canal and the transverse foramina."""
    wide, deep = look.canal
    middle = canal_center(look)
    if look.label == C1:
        u, v = p[0] / (wide / 2), (p[1] - middle) / ATLAS_CANAL_HALF_DEPTH_MM
    else:
        v = (p[1] - middle) / (deep / 2)
        u = p[0] / (wide / 2) * (1 + 0.22 * v * (look.region != "thoracic"))
    canal = (1 - np.sqrt(u * u + v * v)) * np.float32(deep / 2)
    if look.region != "cervical" or look.label == C7:
        return canal
    within, before = ATLAS_FORAMEN_FROM_TIP_MM if look.label == C1 else FORAMEN_FROM_TIP_MM
    x, y = look.wing_tip[0] - within, look.wing_tip[1] - before
    foramen = FORAMEN_MM - np.hypot(p[0] - x, p[1] - y)
    return np.maximum(canal, foramen)


def _open_joints(fit: Fit, p: Points, solid: np.ndarray) -> np.ndarray:
    """The vertebra with a gap at each facet joint, wholly on its own side of it."""
    for joints, side in ((fit.upper_joints, -1.0), (fit.lower_joints, 1.0)):
        for joint in joints:
            away = [axis - np.float32(c) for axis, c in zip(p, joint.center, strict=True)]
            height = sum(a * np.float32(n) for a, n in zip(away, joint.normal, strict=True))
            near = sum(a * a for a in away) < GAP_REACH_MM**2
            cut = np.where(near, HALF_GAP_MM - side * height, -50)
            solid = np.maximum(solid, cut)
    return solid
