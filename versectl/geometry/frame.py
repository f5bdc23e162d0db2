"""Where voxels lie in the world, at right angles or not: places, axes, borders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

#: A point, size or spacing: x, y, z.
Triple = tuple[float, float, float]

#: The same as callers may give it.
Vector = Sequence[float] | NDArray[Any]

#: The corners of the unit cube, (8, 3).
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])

#: Opposite ends of the anatomical axes.
OPPOSITE = dict(zip("LRPASI", "RLAPIS", strict=True))

#: chosen: voxel axes lead no voxel farther aside from the world's: as good as along them.
ASIDE_MM = 0.01

#: chosen: so much of a voxel, at most, is what conversions and headers round away.
ROUNDING_VOX = 1e-3

#: chosen: voxels nearer to each other's places than this share of one are the same.
SAME_VOX = 0.01

#: chosen: voxel axes whose parallelepiped has less of their box's volume lie in one plane, nearly.
FLAT = 1e-3


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the voxels of an image lie, at right angles or not: world = matrix @ voxel + origin.

    size_vox : along the image's own axes.
    spacing_mm : (3,), the length of one step along every voxel axis.
    direction : (3, 3), unit vectors along the voxel axes, as columns.
    origin_mm : (3,), the middle of the first voxel.
    """

    size_vox: tuple[int, int, int]
    spacing_mm: NDArray[np.float64]
    direction: NDArray[np.float64]
    origin_mm: NDArray[np.float64]

    @classmethod
    def of(cls, image: "sitk.Image | Frame") -> "Frame":
        """The frame of an image; a frame is its own."""
        if isinstance(image, Frame):
            return image
        direction = np.array(image.GetDirection()).reshape(3, 3)
        spacing_mm, origin_mm = np.array(image.GetSpacing()), np.array(image.GetOrigin())
        return cls(image.GetSize(), spacing_mm, direction, origin_mm)

    @classmethod
    def from_matrix(
        cls, size_vox: tuple[int, int, int], matrix_mm: ArrayLike, origin_mm: ArrayLike
    ) -> "Frame":
        """The frame of a matrix (3, 3) whose columns are one step along every voxel axis."""
        matrix_mm = np.asarray(matrix_mm, float)
        spacing_mm = np.linalg.norm(matrix_mm, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):  # a step of 0 has no direction
            direction = matrix_mm / spacing_mm
        return cls(size_vox, spacing_mm, direction, np.asarray(origin_mm, float))

    @property
    def matrix_mm(self) -> NDArray[np.float64]:
        """One step along every voxel axis in the world, as columns: (3, 3)."""
        return self.direction * self.spacing_mm

    @property
    def corners_mm(self) -> NDArray[np.float64]:
        """World positions of the eight outermost voxel centres: (8, 3)."""
        return to_mm(self, CORNERS * (np.array(self.size_vox) - 1))

    def distance_mm(self, other: "Frame") -> float:
        """How far apart the same corner of two frames lies, at most."""
        return float(np.linalg.norm(self.corners_mm - other.corners_mm, axis=1).max())

    def part(self, start: NDArray[np.int_], stop: NDArray[np.int_]) -> "Frame":
        """The frame of the voxels from one to before another, (3,) each."""
        x, y, z = (stop - start).tolist()
        return replace(self, size_vox=(x, y, z), origin_mm=to_mm(self, start))

    def skew(self) -> float:
        """The largest cosine between two voxel axes: 0 at right angles."""
        cosines = self.direction.T @ self.direction
        return float(np.abs(np.triu(cosines, 1)).max())

    def is_flat(self) -> bool:
        """Whether the voxel axes span no volume."""
        return not self.spacing_mm.all() or bool(abs(np.linalg.det(self.direction)) < FLAT)

    def squared(self) -> "Frame":
        """The same voxels on the nearest axes at right angles, turned about the volume's middle."""
        u, _, v = np.linalg.svd(self.direction)
        direction = u @ v
        middle_vox = (np.array(self.size_vox) - 1) / 2
        origin_mm = to_mm(self, middle_vox) - direction * self.spacing_mm @ middle_vox
        return Frame(self.size_vox, self.spacing_mm, direction, origin_mm)

    def turned(self, letters: str = "LPS") -> "Frame":
        """The same voxels counted along the axes that point nearest to these letters."""
        order, away = self.axes_towards(letters)
        last_vox = (np.array(self.size_vox) - 1)[order] * away
        spacing_mm, direction = self.spacing_mm[order], self.direction[:, order]
        origin_mm = self.origin_mm + direction * spacing_mm @ last_vox
        size_vox = sizes(np.array(self.size_vox)[order])
        return Frame(size_vox, spacing_mm, np.where(away, -direction, direction), origin_mm)

    def axes_towards(self, letters: str) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Which axis runs along each of three letters, and whether it points away from it."""
        names = axis_letters(self)
        order = np.array([_axis(names, letter) for letter in letters])
        return order, np.array([names[i] != to for i, to in zip(order, letters, strict=True)])

    def straightened(self) -> "Frame":
        """A grid at right angles that covers a sheared one and keeps as many of its planes.

        Of the two axes that are furthest from a right angle, the one with the longer steps gives
        way: a scan with gantry tilt keeps its slices, each moved within itself.
        """
        cosines = np.triu(np.abs(self.direction.T @ self.direction), 1)
        first, second = (int(axis) for axis in np.unravel_index(cosines.argmax(), (3, 3)))
        moved = max((first, second), key=lambda axis: (self.spacing_mm[axis], axis))
        order = np.array([axis for axis in range(3) if axis != moved] + [moved])
        columns, steps = np.linalg.qr(self.matrix_mm[:, order])
        axes, spacing_mm = np.empty((3, 3)), np.empty(3)
        axes[:, order] = columns * np.sign(np.diag(steps))
        spacing_mm[order] = np.abs(np.diag(steps))
        return self._covering(axes, spacing_mm)

    def place(self, image: sitk.Image) -> sitk.Image:
        """The image, with this frame as its own."""
        image.SetSpacing(self.spacing_mm.tolist())
        image.SetOrigin(self.origin_mm.tolist())
        image.SetDirection(self.direction.ravel().tolist())
        return image

    def _covering(self, axes: NDArray[np.float64], spacing_mm: NDArray[np.float64]) -> "Frame":
        """The grid along these axes that begins and ends where this frame does."""
        along_vox = self.corners_mm @ axes / spacing_mm
        first = along_vox.min(axis=0)
        size = np.ceil(along_vox.max(axis=0) - first - ROUNDING_VOX).astype(int) + 1
        return Frame(sizes(size), spacing_mm, axes, axes * spacing_mm @ first)


def to_mm(image: sitk.Image | Frame, points_vox: ArrayLike) -> NDArray[np.float64]:
    """Continuous voxels (..., 3) of an image in the world."""
    frame = Frame.of(image)
    return _each_through(frame.matrix_mm, np.asarray(points_vox, float)) + frame.origin_mm


def to_vox(image: sitk.Image | Frame, points_mm: ArrayLike) -> NDArray[np.float64]:
    """World points (..., 3) in continuous voxels of an image."""
    frame = Frame.of(image)
    offsets_mm = np.asarray(points_mm, float) - frame.origin_mm
    return _each_through(np.linalg.inv(frame.matrix_mm), offsets_mm)


def extent(image: sitk.Image | Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest world coordinates of the voxel centres, each (3,)."""
    corners_mm = Frame.of(image).corners_mm
    return corners_mm.min(axis=0), corners_mm.max(axis=0)


def center(image: sitk.Image | Frame) -> NDArray[np.float64]:
    """World position of the middle of the volume: (3,)."""
    return to_mm(image, (np.array(Frame.of(image).size_vox) - 1) / 2)


def contains(image: sitk.Image | Frame, point_mm: ArrayLike) -> bool:
    """Whether a world point lies in a voxel of the image, however its axes are turned."""
    return is_within(to_vox(image, point_mm), Frame.of(image).size_vox)


def covering(
    image: sitk.Image | Frame, lowest_mm: ArrayLike, highest_mm: ArrayLike
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """The first voxel of an image that covers a world box, and one beyond the last: (3,) each."""
    low_mm = np.asarray(lowest_mm, float)
    corners_vox = to_vox(image, low_mm + CORNERS * np.subtract(highest_mm, low_mm))
    last = np.array(Frame.of(image).size_vox) - 1
    start = np.clip(np.floor(corners_vox.min(axis=0)), 0, last).astype(int)
    stop = np.clip(np.ceil(corners_vox.max(axis=0)), start, last).astype(int) + 1
    return start, stop


def same_grid(one: sitk.Image | Frame, other: sitk.Image | Frame) -> bool:
    """Whether two images have the same size and lie in the world within a hundredth of a voxel."""
    size_vox = Frame.of(one).size_vox
    if size_vox != Frame.of(other).size_vox:
        return False
    corners_vox = CORNERS * (np.array(size_vox) - 1)
    return bool(np.abs(to_vox(other, Frame.of(one).corners_mm) - corners_vox).max() < SAME_VOX)


def axis_letters(image: sitk.Image | Frame) -> tuple[str, str, str]:
    """Where each voxel axis points, nearest anatomical direction: ("P", "I", "R") and so on."""
    cosines = Frame.of(image).direction.ravel().tolist()
    x, y, z = sitk.DICOMOrientImageFilter_GetOrientationFromDirectionCosines(cosines)
    return x, y, z


def axes_along_world(image: sitk.Image | Frame) -> NDArray[np.intp] | None:
    """Which voxel axis runs along x, y and z, either way, (3,); None where one runs along none."""
    frame = Frame.of(image)
    along = np.abs(frame.direction).argmax(axis=1)
    straight = np.zeros((3, 3))
    straight[range(3), along] = np.sign(frame.direction[range(3), along])
    if len(set(along.tolist())) < 3:
        return None
    aside_mm = (frame.direction - straight) * frame.spacing_mm @ np.array(frame.size_vox)
    return along if np.abs(aside_mm).max() < ASIDE_MM else None


def is_within(at_vox: NDArray[np.float64], size_vox: tuple[int, int, int]) -> bool:
    """Whether a point (3,) in continuous voxels lies in one of so many, or on their outer border.

    Centroid files have hundredths of a voxel, so that a point may come to lie on the border, and
    conversion to millimetres and back leads it a hair beyond: it still belongs to the scan.
    """
    beyond_vox = np.abs(at_vox - (np.array(size_vox) - 1) / 2) - np.array(size_vox) / 2
    return bool(np.all(beyond_vox <= ROUNDING_VOX))


def sizes(values: Iterable[int]) -> tuple[int, int, int]:
    """Sizes x, y, z as plain integers."""
    x, y, z = values
    return int(x), int(y), int(z)


def _each_through(matrix: NDArray[Any], vectors: NDArray[Any]) -> NDArray[np.float64]:
    """The matrix (3, 3) times each of the vectors (..., 3), in this thread alone.

    BLAS would share many vectors among threads, which go on spinning beside the networks'.
    """
    return np.einsum("ij,...j->...i", matrix, vectors)


def _axis(names: Sequence[str], letter: str) -> int:
    """Which axis points to a letter or away from it."""
    return next(i for i, name in enumerate(names) if name in (letter, OPPOSITE[letter]))
