"""The vertebra's own axes, from the course of the spine and where its arch lies."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: chosen: this much of "backwards in the world" joins what the masks tell, so that masks without an
#: arch have axes, too. Three arches draw centres of mass 30 to 60 mm back, all together.
BACK_MM = np.array([0.0, 6.0, 0.0])

#: Centroids nearer than this have no direction from one to the other.
NEAR_MM = 1.0

#: A course that is shorter than this, of its own length, has no direction.
STANDING = 1e-6


def of(centers_mm: Mapping[int, Array], masses_mm: Mapping[int, Array]) -> dict[int, Array]:
    """Label -> axes (3, 3) in the world, as columns: left, back, up; vertebrae head to foot.

    centers_mm : centres of the bodies, (3,). masses_mm : centres of mass of the masks there are.
    """
    if not centers_mm:
        return {}
    points_mm = np.array([*centers_mm.values()])
    offsets_mm = np.array([masses_mm.get(n, at) - at for n, at in centers_mm.items()])
    around = np.pad(offsets_mm, ((1, 1), (0, 0)))
    backwards_mm = around[:-2] + around[1:-1] + around[2:] + BACK_MM  # arches of neighbours agree
    pairs = zip(course(points_mm), backwards_mm, strict=True)
    return dict(zip(centers_mm, (orthogonal(*pair) for pair in pairs), strict=True))


def course(points_mm: Array) -> Array:
    """Unit vectors (n, 3) along the spine towards the head at points (n, 3), head to foot.

    Upwards where it has no direction: two vertebrae with one centre, as a slip of the hand leaves.
    """
    if len(points_mm) == 1:
        return np.array([[0.0, 0.0, 1.0]])
    steps_mm = np.linalg.norm(np.diff(points_mm, axis=0), axis=1)
    along_mm = np.append(0.0, np.cumsum(np.maximum(steps_mm, NEAR_MM)))
    order: Literal[1, 2] = 1 if len(points_mm) == 2 else 2
    down = np.gradient(points_mm, along_mm, axis=0, edge_order=order)
    down[np.linalg.norm(down, axis=1) < STANDING] = (0.0, 0.0, -1.0)
    return -down / np.linalg.norm(down, axis=1, keepdims=True)


def orthogonal(up: Array, back: Array) -> Array:
    """Axes (3, 3), columns left, back, up: up as it is given, back as near as it can be."""
    up = _unit(up)
    back = _unit(back - up * (back @ up))
    return np.stack([np.cross(back, up), back, up], axis=1)


def _unit(vector: Array) -> Array:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
