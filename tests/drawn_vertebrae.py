"""Vertebrae of known size, drawn on any grid: a body, and an arch with processes behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from versectl import geometry
from versectl.geometry import Frame
from versectl.types import Result, Spine, Vertebra, Vertebrae

#: Which points (x, y, z), millimetres from the body's middle along its own axes, are body.
Shape = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def box(width: float, depth: float, height: float) -> Shape:
    return wedge(width, depth, height, height)


def wedge(width: float, depth: float, front: float, back: float) -> Shape:
    """The upper endplate leans; front and back are heights at the very walls."""

    def inside(x, y, z):
        top = back / 2 + (front - back) * (depth / 2 - y) / depth
        return (abs(x) < width / 2) & (abs(y) < depth / 2) & (z > -back / 2) & (z < top)

    return inside


def cylinder(diameter: float, height: float) -> Shape:
    return lambda x, y, z: (x**2 + y**2 < diameter**2 / 4) & (abs(z) < height / 2)


def dented(width: float, depth: float, height: float, dent: float) -> Shape:
    """Both endplates are pressed in by `dent` in the middle of the depth, less towards the rims."""

    def inside(x, y, z):
        half = height / 2 - dent * np.clip(1 - abs(y) / (depth / 4), 0, 1)
        return (abs(x) < width / 2) & (abs(y) < depth / 2) & (abs(z) < half)

    return inside


def with_arch(body: Shape, depth: float, height: float) -> Shape:
    """The body with an arch round a canal 16 mm deep; more on the right than on the left."""
    wall = depth / 2

    def inside(x, y, z):
        pedicle = (abs(abs(x) - 13) < 4) & (y > wall - 2) & (y < wall + 18) & (abs(z - 2) < 4)
        lamina = (abs(x) < 17) & (abs(y - wall - 19) < 3) & (abs(z) < 6)
        spine = (abs(x) < 3) & (y > wall + 19) & (y < wall + 32) & (abs(z + 6) < 5)
        right = (x < -12) & (x > -38) & (abs(y - wall - 8) < 4) & (abs(z - 2) < 4)
        left = (x > 12) & (x < 34) & (abs(y - wall - 8) < 4) & (abs(z - 2) < 4)
        # as in a neck: a low process beside the body itself
        beside = (abs(x) < 32) & (abs(y - 2) < 4) & (abs(z + height / 8) < height / 5)
        return body(x, y, z) | pedicle | lamina | spine | right | left | beside

    return inside


@dataclass(frozen=True, eq=False)
class Placed:
    """A vertebra in the world: its label, the middle of its body, and its axes as columns."""

    label: int
    shape: Shape
    center_mm: np.ndarray
    axes: np.ndarray


def turned(degrees: Sequence[float]) -> np.ndarray:
    """Axes turned about x, y and z, in degrees, one after the other."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        c, s = np.cos(angle), np.sin(angle)
        one = np.eye(3)
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        one[i, i] = one[j, j] = c
        one[i, j], one[j, i] = -s, s
        turn = one @ turn
    return turn


def draw(vertebrae: Sequence[Placed], frame: Frame) -> sitk.Image:
    """The label map, on any frame."""
    values = np.zeros(frame.size_vox[::-1], np.uint8)
    for one in vertebrae:
        box = corners(one.center_mm, one.axes, frame)
        z, y, x = np.ogrid[box]
        steps = frame.matrix_mm.T @ one.axes  # millimetres along the vertebra's axes per voxel
        start = (frame.origin_mm - one.center_mm) @ one.axes
        own = (start[i] + x * steps[0, i] + y * steps[1, i] + z * steps[2, i] for i in range(3))
        values[box][one.shape(*own)] = one.label
    return frame.place(sitk.GetImageFromArray(values))


def corners(center_mm: np.ndarray, axes: np.ndarray, frame: Frame) -> tuple[slice, ...]:
    """The voxels (z, y, x) round a vertebra."""
    ends = np.array([[-45, -30, -25], [45, 55, 25]])
    points = center_mm + np.array([ends[list(c), range(3)] for c in geometry.CORNERS]) @ axes.T
    at_vox = geometry.to_vox(frame, points)
    low = np.maximum(np.floor(at_vox.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(at_vox.max(axis=0)) + 1, frame.size_vox).astype(int)
    return tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))


def around(
    vertebrae: Sequence[Placed], spacing_mm: Sequence[float], direction: np.ndarray, margin_mm=52.0
) -> Frame:
    """A frame of that spacing and direction that holds all of them, and a margin."""
    centers = np.array([one.center_mm for one in vertebrae]) @ direction
    low, high = centers.min(axis=0) - margin_mm, centers.max(axis=0) + margin_mm
    low = np.floor(low)  # so that walls do not all fall between two voxels
    size = np.ceil((high - low) / spacing_mm).astype(int)
    x, y, z = map(int, size)
    return Frame((x, y, z), np.array(spacing_mm, float), direction, direction @ low)


def result(vertebrae: Sequence[Placed], label_map: sitk.Image) -> Result:
    """As the networks would find them."""
    found = {one.label: Vertebra(one.center_mm, 0.9) for one in vertebrae}
    return Result(Spine(vertebrae[0].center_mm, 0.9), Vertebrae(found), label_map)
