"""Primitives: signed distances in millimetres, negative inside, and how to paint them.

Points are a tuple of three arrays x, y, z of one shape: left, posterior and superior in the frame
of what is painted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from versectl.geometry import CORNERS, Grid, Vector

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
Distance = Callable[[Points], np.ndarray]

#: Points (3,), each an argument, given in a frame -> the world, (n, 3).
World = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Frame:
    """Where something stands: its centre in mm and its left, posterior, superior axes (3, 3)."""

    center_mm: np.ndarray
    rotation: np.ndarray

    def to_world(self, local_mm: ArrayLike) -> np.ndarray:
        """Local points (..., 3) in the world."""
        return np.asarray(local_mm, float) @ self.rotation.T + self.center_mm

    def to_local(self, world_mm: ArrayLike) -> np.ndarray:
        """World points (..., 3) in this frame."""
        return (np.asarray(world_mm, float) - self.center_mm) @ self.rotation

    def moved(self, local_mm: Vector) -> "Frame":
        """The same axes about another point, given in this frame."""
        return Frame(self.to_world(local_mm), self.rotation)


def scaled_world(frame: Frame, factors: np.ndarray) -> World:
    """From points in a frame to the world, each first times the factors (3,), which may mirror."""

    def world(*points_mm: Sequence[float]) -> np.ndarray:
        return frame.to_world(np.array(points_mm, float) * factors)

    return world


@dataclass(frozen=True)
class Canvas:
    """Structures being painted: uint8 (z, y, x) on a grid."""

    structures: np.ndarray
    grid: Grid

    def window(self, corners_mm: np.ndarray) -> tuple[slice, slice, slice]:
        """Slices z, y, x of the voxels in the world box round these points (n, 3)."""
        corners_vox = self.grid.to_vox(corners_mm)
        low = np.clip(np.floor(corners_vox.min(axis=0)), 0, self.grid.size_vox).astype(int)
        high = np.clip(np.ceil(corners_vox.max(axis=0)) + 1, 0, self.grid.size_vox).astype(int)
        x, y, z = (slice(a, max(a, b)) for a, b in zip(low, high, strict=True))
        return z, y, x

    def offsets(self, window: tuple[slice, slice, slice], from_mm: np.ndarray) -> list[np.ndarray]:
        """World x, y, z of a window's voxels from a point: float32, made to be broadcast."""
        offsets = []
        for axis, part in enumerate(window[::-1]):
            at = np.arange(part.start, part.stop) * self.grid.spacing_mm[axis]
            shape = [1, 1, 1]
            shape[2 - axis] = -1
            shifted = at + self.grid.origin_mm[axis] - from_mm[axis]
            offsets.append(shifted.astype(np.float32).reshape(shape))
        return offsets

    def points(self, window: tuple[slice, slice, slice], frame: Frame) -> Points:
        """Voxel centres of a window in a frame: float32."""
        r = frame.rotation.astype(np.float32)
        x, y, z = self.offsets(window, frame.center_mm)
        left, back, up = (r[0, k] * x + r[1, k] * y + r[2, k] * z for k in range(3))
        return left, back, up


def box_corners(frame: Frame, low_mm: Vector, high_mm: Vector) -> np.ndarray:
    """World corners (8, 3) of a box given in a frame."""
    low, high = np.asarray(low_mm, float), np.asarray(high_mm, float)
    return frame.to_world(np.where(CORNERS == 1, high, low))


class Solid(NamedTuple):
    """A shape in a frame, and half of the box (3,) round the frame's centre that holds it."""

    frame: Frame
    half_mm: Vector
    distance: Distance


def fill(canvas: Canvas, number: int, solid: Solid, over: Sequence[int] | None = None) -> None:
    """Paint a solid; with `over`, only where one of those structures is."""
    half = np.asarray(solid.half_mm, float)
    window = canvas.window(box_corners(solid.frame, -half, half))
    part = canvas.structures[window]
    if part.size:
        inside = solid.distance(canvas.points(window, solid.frame)) < 0
        part[inside if over is None else inside & _listed(over)[part]] = number


def _listed(structures: Sequence[int]) -> np.ndarray:
    """Whether each of 256 numbers is one of these."""
    listed = np.zeros(256, bool)
    listed[list(structures)] = True
    return listed


def ellipsoid(p: Points, center: Vector, radii: Vector) -> np.ndarray:
    """Distance to an ellipsoid, exact near its surface only."""
    scaled = [(axis - c) / r for axis, c, r in zip(p, center, radii, strict=True)]
    length = np.sqrt(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2)
    return (length - 1) * np.float32(min(radii))


def bar(
    p: Points,
    start: Vector,
    end: Vector,
    radii: Sequence[float],
    stretch: Vector = (1.0, 1.0, 1.0),
) -> np.ndarray:
    """Distance to a rod with round ends from start to end, its radius running from one to other.

    stretch widens the cross-section along the axes: (1, 1, 3) makes an upright plate.
    """
    a = [s / k for s, k in zip(start, stretch, strict=True)]
    step = [e / k - s for e, k, s in zip(end, stretch, a, strict=True)]
    q = [axis / np.float32(k) - np.float32(s) for axis, k, s in zip(p, stretch, a, strict=True)]
    length2 = max(sum(s * s for s in step), 1e-6)
    t = (q[0] * np.float32(step[0]) + q[1] * np.float32(step[1]) + q[2] * np.float32(step[2])) * (
        np.float32(1 / length2)
    )
    np.clip(t, 0, 1, out=t)
    d = [axis - t * np.float32(s) for axis, s in zip(q, step, strict=True)]
    distance = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    return distance - (np.float32(radii[0]) + t * np.float32(radii[1] - radii[0]))


def soft_union(a: np.ndarray, b: np.ndarray, width_mm: float = 2.0) -> np.ndarray:
    """Union of two shapes, its inner edges filled over that width."""
    h = np.maximum(np.float32(width_mm) - np.abs(a - b), 0)
    return np.minimum(a, b) - h * h * np.float32(0.25 / width_mm)


def curve(points_mm: ArrayLike, step_mm: float) -> np.ndarray:
    """Points (n, 3) evenly along a smooth curve through the given ones (Catmull-Rom)."""
    p = np.asarray(points_mm, float)
    ends = np.concatenate([[2 * p[0] - p[1]], p, [2 * p[-1] - p[-2]]])
    t = np.linspace(0, 1, 16, endpoint=False)[:, None]
    pieces = [_catmull_rom(ends[i : i + 4], t) for i in range(len(p) - 1)]
    dense = np.concatenate([*pieces, p[-1:]])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))])
    at = np.linspace(0, along[-1], max(2, int(np.ceil(along[-1] / step_mm)) + 1))
    return np.stack([np.interp(at, along, dense[:, k]) for k in range(3)], axis=1)


def _catmull_rom(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    return 0.5 * (
        2 * p[1]
        + (p[2] - p[0]) * t
        + (2 * p[0] - 5 * p[1] + 4 * p[2] - p[3]) * t**2
        + (3 * p[1] - p[0] - 3 * p[2] + p[3]) * t**3
    )


@dataclass(frozen=True)
class Balls:
    """A chain or sheet of overlapping balls.

    points_mm : (n, 3); radii_mm : one or (n,).
    normals, flat : balls are `flat` times thinner along these unit vectors, (n, 3).
    """

    points_mm: np.ndarray
    radii_mm: float | np.ndarray
    normals: np.ndarray | None = None
    flat: float = 1.0


def stamp(canvas: Canvas, number: int, balls: Balls, over: Sequence[int] | None = None) -> None:
    """Paint balls; with `over`, only where one of those structures is."""
    points = np.asarray(balls.points_mm, float)
    # A rod thinner than a voxel still paints the voxels it passes through.
    thinnest = 0.6 * canvas.grid.spacing_mm[0] * balls.flat
    radii = np.maximum(np.broadcast_to(balls.radii_mm, len(points)), thinnest)
    allowed = None if over is None else _listed(over)
    for i, (point, radius) in enumerate(zip(points, radii, strict=True)):
        window = canvas.window(np.stack([point - radius, point + radius]))
        part = canvas.structures[window]
        if part.size:
            away = canvas.offsets(window, point)
            normal = None if balls.normals is None else balls.normals[i]
            hit = _length2(away, normal, balls.flat) < radius**2
            part[hit if allowed is None else hit & allowed[part]] = number


def _length2(away: Sequence[np.ndarray], normal: np.ndarray | None, flat: float) -> np.ndarray:
    x, y, z = away
    length2 = x * x + y * y + z * z
    if normal is None:
        return length2
    across = x * normal[0] + y * normal[1] + z * normal[2]
    return length2 + (flat**2 - 1) * across**2


def tube(points_mm: ArrayLike, radius_mm: ArrayLike) -> Balls:
    """A smooth rod through the points; a list of radii runs from the first to the last."""
    radii = np.atleast_1d(np.asarray(radius_mm, float))
    points = curve(points_mm, max(0.8, radii.min() / 3.5))
    spread = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, len(radii)), radii)
    return Balls(points, spread)
