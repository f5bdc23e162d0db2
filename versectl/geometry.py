"""Places in the world and in voxels: grids, axes, resampling.

World coordinates are millimetres in LPS: x grows to the patient's left, y to posterior, z to
superior. Points, sizes and spacings are x, y, z; arrays are z, y, x, as SimpleITK hands them over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from versectl import separable

#: A point, size or spacing: x, y, z.
Triple = tuple[float, float, float]

#: The same as callers may give it.
Vector = Sequence[float] | NDArray[Any]

#: The corners of the unit cube, (8, 3).
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])

#: Opposite ends of the anatomical axes.
OPPOSITE = dict(zip("LRPASI", "RLAPIS", strict=True))

#: Air, and what lies outside a scan.
AIR_HU = -1024.0

#: Hounsfield units that are 1 in a network input.
UNIT_HU = 2048.0

#: chosen: the most voxels of an oblique scan that are smoothed at once, 512 MB in floats.
MOST_FLOAT_VOX = 2**27

#: chosen: voxel axes lead no voxel farther aside from the world's: as good as along them.
ASIDE_MM = 0.01

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
        size_vox = _sizes(np.array(self.size_vox)[order])
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
        size = np.ceil(along_vox.max(axis=0) - first - 1e-3).astype(int) + 1
        return Frame(_sizes(size), spacing_mm, axes, axes * spacing_mm @ first)


@dataclass(frozen=True)
class Grid:
    """An axis-parallel lattice of voxel centres in the world: x, y, z throughout."""

    size_vox: tuple[int, int, int]
    spacing_mm: Triple
    origin_mm: Triple

    @classmethod
    def centered(
        cls, center_mm: Vector, size_vox: Sequence[int] | NDArray[Any], spacing_mm: Vector
    ) -> "Grid":
        """The grid of that size whose middle, between first and last centre, is center_mm."""
        spacing = _triple(spacing_mm)
        origin = _triple(
            c - (n - 1) / 2 * s for c, n, s in zip(center_mm, size_vox, spacing, strict=True)
        )
        return cls(_sizes(size_vox), spacing, origin)

    @classmethod
    def of(cls, image: sitk.Image) -> "Grid":
        """The grid of an image whose axes are the world's."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin())

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an array on this grid: z, y, x."""
        return self.size_vox[::-1]

    @property
    def last_mm(self) -> NDArray[Any]:
        """World position of the last voxel centre."""
        return self.to_mm(np.array(self.size_vox) - 1)

    def to_vox(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """World points (..., 3) in continuous voxels of this grid."""
        return (np.asarray(points_mm, float) - self.origin_mm) / self.spacing_mm

    def to_mm(self, points_vox: ArrayLike) -> NDArray[np.float64]:
        """Continuous voxels (..., 3) of this grid in the world."""
        return np.asarray(points_vox, float) * self.spacing_mm + self.origin_mm

    def within(self, low_mm: ArrayLike, high_mm: ArrayLike) -> "Grid":
        """The part of this grid whose voxel centres lie in a world box; at least two a side."""
        last = np.array(self.size_vox) - 2
        start = np.clip(np.ceil(self.to_vox(low_mm)), 0, last).astype(int)
        stop = np.clip(np.floor(self.to_vox(high_mm)), start + 1, last + 1).astype(int) + 1
        return Grid(_sizes(stop - start), self.spacing_mm, _triple(self.to_mm(start)))

    def part(self, where: tuple[slice, ...]) -> "Grid":
        """The grid of a part of an array on this grid, as it is cut out of it (z, y, x)."""
        ends = [axis.indices(n) for axis, n in zip(where[::-1], self.size_vox, strict=True)]
        size_vox = _sizes(stop - start for start, stop, _ in ends)
        return Grid(size_vox, self.spacing_mm, _triple(self.to_mm([start for start, *_ in ends])))

    def refined(self, factor: int) -> "Grid":
        """The same voxels, each split into `factor` a side."""
        size = _sizes(n * factor for n in self.size_vox)
        origin_mm = _triple(self.to_mm(np.full(3, (1 / factor - 1) / 2)))
        return Grid(size, _triple(s / factor for s in self.spacing_mm), origin_mm)

    def coarsened(self, factor: int) -> "Grid":
        """Voxels of this grid merged by `factor` a side; what is left over at its ends goes."""
        size = _sizes(n // factor for n in self.size_vox)
        origin_mm = _triple(self.to_mm(np.full(3, (factor - 1) / 2)))
        return Grid(size, _triple(s * factor for s in self.spacing_mm), origin_mm)

    def halves(self) -> tuple["Grid", "Grid"]:
        """The lower and the upper half along z."""
        x, y, z = self.size_vox
        upper_mm = _triple(self.to_mm([0, 0, z // 2]))
        lower = Grid((x, y, z // 2), self.spacing_mm, self.origin_mm)
        return lower, Grid((x, y, z - z // 2), self.spacing_mm, upper_mm)

    def contains(self, point_mm: ArrayLike) -> bool:
        """Whether the point lies inside a voxel of this grid."""
        at = self.to_vox(point_mm)
        return bool(np.all(at >= -0.5) and np.all(at < np.array(self.size_vox) - 0.5))


def to_array(image: sitk.Image) -> NDArray[Any]:
    """A copy of the voxels: (z, y, x)."""
    return sitk.GetArrayFromImage(image)


def from_array(array: NDArray[Any], like: sitk.Image | Grid) -> sitk.Image:
    """Voxels (z, y, x) placed in the world like an image or a grid of the same size."""
    image = sitk.GetImageFromArray(array)
    if isinstance(like, Grid):
        image.SetSpacing(like.spacing_mm)
        image.SetOrigin(like.origin_mm)
    else:
        image.CopyInformation(like)
    return image


def axis_letters(image: sitk.Image | Frame) -> tuple[str, str, str]:
    """Where each voxel axis points, nearest anatomical direction: ("P", "I", "R") and so on."""
    cosines = Frame.of(image).direction.ravel().tolist()
    x, y, z = sitk.DICOMOrientImageFilter_GetOrientationFromDirectionCosines(cosines)
    return x, y, z


def turned(image: sitk.Image, letters: str = "LPS") -> sitk.Image:
    """The image with its voxels counted along the axes that point nearest to these letters.

    What ITK's DICOMOrient does, in a seventh of its time.
    """
    frame = Frame.of(image)
    order, away = frame.axes_towards(letters)
    voxels = sitk.GetArrayViewFromImage(image).transpose(2 - order[::-1])
    voxels = np.ascontiguousarray(np.flip(voxels, tuple(2 - np.flatnonzero(away))))
    return frame.turned(letters).place(sitk.GetImageFromArray(voxels))


def same_grid(one: sitk.Image | Frame, other: sitk.Image | Frame) -> bool:
    """Whether two images have the same size and lie in the world within a hundredth of a voxel."""
    size_vox = Frame.of(one).size_vox
    if size_vox != Frame.of(other).size_vox:
        return False
    corners_vox = CORNERS * (np.array(size_vox) - 1)
    return bool(np.abs(to_vox(other, Frame.of(one).corners_mm) - corners_vox).max() < 0.01)


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


def contains(image: sitk.Image | Frame, point_mm: ArrayLike) -> bool:
    """Whether a world point lies in a voxel of the image, however its axes are turned."""
    at_vox = to_vox(image, point_mm)
    size_vox = np.array(Frame.of(image).size_vox)
    return bool(np.all((at_vox >= -0.5) & (at_vox <= size_vox - 0.5)))


def center(image: sitk.Image | Frame) -> NDArray[np.float64]:
    """World position of the middle of the volume: (3,)."""
    return to_mm(image, (np.array(Frame.of(image).size_vox) - 1) / 2)


def resample(
    image: sitk.Image,
    grid: Grid,
    interpolator: int = sitk.sitkLinear,
    outside: float = AIR_HU,
    moved: sitk.Transform | None = None,
) -> sitk.Image:
    """The image on a grid, moved or not; voxels beyond the image get the value `outside`."""
    return sitk.Resample(
        image,
        grid.size_vox,
        moved or sitk.Transform(),
        interpolator,
        grid.origin_mm,
        grid.spacing_mm,
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        outside,
        sitk.sitkUnknown,
    )


def resample_to(
    image: sitk.Image,
    frame: Frame,
    interpolator: int,
    outside: float,
    kind: int = sitk.sitkUnknown,
) -> sitk.Image:
    """The image on a frame of any axes, sheared ones too; `kind` of pixel, else the image's."""
    return sitk.Resample(
        image,
        frame.size_vox,
        sitk.Transform(),
        interpolator,
        frame.origin_mm.tolist(),
        frame.spacing_mm.tolist(),
        frame.direction.ravel().tolist(),
        outside,
        kind,
    )


def crop(image: sitk.Image, lowest_mm: ArrayLike, highest_mm: ArrayLike) -> sitk.Image:
    """The part of the image, in whole voxels, that covers a world box; never empty."""
    start, stop = covering(image, lowest_mm, highest_mm)
    return sitk.RegionOfInterest(image, (stop - start).tolist(), start.tolist())


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


def smooth(image: sitk.Image, sigma_mm: float) -> sitk.Image:
    """A float32 image clamped to air below, then Gaussian-smoothed with a width in millimetres.

    An axis of fewer than four voxels is left as it is: the recursive filter needs four. A width of
    0 leaves all as it is.
    """
    if not sigma_mm:
        return image
    floor = sitk.Clamp(image, sitk.sitkFloat32, lowerBound=AIR_HU)
    for axis, size in enumerate(image.GetSize()):
        if size >= separable.FEWEST_VOX:
            floor = sitk.RecursiveGaussian(floor, sigma_mm, direction=axis)
    return floor


def keep_labels(label_map: sitk.Image, labels: Iterable[int]) -> sitk.Image:
    """The label map with only these labels; all others become 0."""
    array = to_array(label_map)
    array[~np.isin(array, list(labels))] = 0
    return from_array(array, label_map)


def network_input(ct: sitk.Image, grid: Grid, smoothing_mm: float) -> NDArray[Any]:
    """Network input of a CT, (z, y, x): smoothed, on the grid, HU / 2048 within -1..1.

    Only the part of the scan the grid covers is smoothed, with a margin of four widths.
    """
    along = axes_along_world(ct)
    sampled = _sampled if along is None else partial(_sampled_along, along)
    hounsfield = sampled(ct, grid, smoothing_mm)
    hounsfield /= UNIT_HU
    return np.clip(hounsfield, -1.0, 1.0, out=hounsfield)


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


def _sampled_along(
    along: NDArray[np.intp], ct: sitk.Image, grid: Grid, smoothing_mm: float
) -> NDArray[np.float32]:
    """A CT whose voxel axes run along the world's, smoothed on a grid, axis by axis."""
    axes = [_Axis.of(Frame.of(ct), grid, world, axis) for world, axis in enumerate(along)][::-1]
    voxels = sitk.GetArrayViewFromImage(ct).transpose([2 - axis for axis in along[::-1]])
    near = tuple(axis.near(4 * smoothing_mm) for axis in axes)
    z, y, x = (axis.matrix(part, smoothing_mm) for axis, part in zip(axes, near, strict=True))
    floor = AIR_HU if smoothing_mm else None
    sampled = np.full(grid.shape, AIR_HU, np.float32)
    sampled[tuple(axis.inside for axis in axes)] = separable.through(voxels[near], (z, y, x), floor)
    return sampled


class _Axis(NamedTuple):
    """An axis of a scan that runs along one of a grid's, either way.

    at_vox : the grid's places on it, in its voxels. step_vox : from one to the next.
    """

    size_vox: int
    spacing_mm: float
    at_vox: NDArray[np.float64]
    step_vox: float

    @classmethod
    def of(cls, frame: Frame, grid: Grid, world: int, axis: int) -> "_Axis":
        """The scan's axis that runs along an axis of the world."""
        spacing_mm, step_mm = float(frame.spacing_mm[axis]), grid.spacing_mm[world]
        places_mm = grid.origin_mm[world] + np.arange(grid.size_vox[world]) * step_mm
        way = np.sign(frame.direction[world, axis])
        at_vox = (places_mm - frame.origin_mm[world]) * way / spacing_mm
        return cls(frame.size_vox[axis], spacing_mm, at_vox, step_mm / spacing_mm)

    @property
    def inside(self) -> slice:
        """Which of the grid's places lie in a voxel."""
        there = np.flatnonzero((self.at_vox >= -0.5) & (self.at_vox < self.size_vox - 0.5))
        return slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, 0)

    def near(self, margin_mm: float) -> slice:
        """The voxels that the grid covers, and so far beyond; at least one."""
        margin_vox, last = margin_mm / self.spacing_mm + self.step_vox, self.size_vox - 1
        start = int(np.clip(np.floor(self.at_vox.min() - margin_vox), 0, last))
        return slice(start, int(np.clip(np.ceil(self.at_vox.max() + margin_vox), start, last)) + 1)

    def matrix(self, part: slice, smoothing_mm: float) -> NDArray[np.float32]:
        """What smooths a part of the voxels and reads them at the grid's places inside."""
        size_vox, at_vox = part.stop - part.start, self.at_vox[self.inside]
        smooths = separable.smoothing(size_vox, self.spacing_mm, smoothing_mm)
        return separable.read_at(at_vox - part.start, smooths)


def _sampled(ct: sitk.Image, grid: Grid, smoothing_mm: float) -> NDArray[np.float32]:
    """A CT, smoothed on a grid; a large one half by half, for it is held in floats, repeatedly."""
    margin_mm = 4 * smoothing_mm + np.array(grid.spacing_mm)
    near = crop(ct, grid.origin_mm - margin_mm, grid.last_mm + margin_mm)
    if near.GetNumberOfPixels() > MOST_FLOAT_VOX and grid.size_vox[2] > 1:
        return np.concatenate([_sampled(ct, half, smoothing_mm) for half in grid.halves()])
    return to_array(resample(smooth(near, smoothing_mm), grid)).astype(np.float32, copy=False)


def around(mask: NDArray[Any], margin_vox: int = 0) -> tuple[slice, ...] | None:
    """Where a mask (z, y, x) has voxels, and so far beyond; None where it has none."""
    where: tuple[slice, ...] = ()
    for axis in range(3):
        part = mask[where]
        shown = np.flatnonzero(part.any(axis=tuple({0, 1, 2} - {axis})))
        if not len(shown):
            return None
        start, stop = int(shown[0]) - margin_vox, int(shown[-1]) + 1 + margin_vox
        where += (slice(max(start, 0), min(stop, mask.shape[axis])),)
    return where


def largest_piece(mask: NDArray[Any], connectivity: int) -> NDArray[np.bool_]:
    """The largest connected piece of a mask (z, y, x); empty where the mask is, first of equals.

    connectivity : voxels of one piece share a face (1), an edge (2) or a corner (3).
    """
    from scipy import ndimage  # takes 0.1 s, and not all that knows a grid needs it

    touching = ndimage.generate_binary_structure(3, connectivity)
    pieces, count = ndimage.label(mask, touching)
    if count < 2:
        return pieces > 0
    return pieces == np.bincount(pieces.ravel())[1:].argmax() + 1


def label_counts(label_map: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Voxels of every label 0..255 in a label map (z, y, x): (256,).

    Plane by plane: np.bincount makes eight bytes of every voxel it is given at once. Most voxels
    are 0 and need not be counted one by one.
    """
    counts = np.zeros(256, np.int64)
    for plane in label_map:
        counts += np.bincount(plane[plane != 0], minlength=256)
    counts[0] = label_map.size - counts.sum()
    return counts


def label_centers_vox(label_map: NDArray[np.uint8]) -> dict[int, NDArray[np.float64]]:
    """Label -> centre of mass (x, y, z) in voxels of every label but 0 in a label map (z, y, x).

    Plane by plane: the positions of all voxels at once would take 32 times their memory.
    """
    counts, sums = np.zeros(256, np.int64), np.zeros((3, 256))
    for z, plane in enumerate(label_map):
        flat = np.flatnonzero(plane != 0)
        y, x = np.divmod(flat, plane.shape[1])
        found = plane.ravel()[flat]
        here = np.bincount(found, minlength=256)
        counts += here
        sums += np.bincount(found, x, 256), np.bincount(found, y, 256), z * here
    return {int(label): sums[:, label] / counts[label] for label in np.flatnonzero(counts)}


def _each_through(matrix: NDArray[Any], vectors: NDArray[Any]) -> NDArray[np.float64]:
    """The matrix (3, 3) times each of the vectors (..., 3), in this thread alone.

    BLAS would share many vectors among threads, which go on spinning beside the networks'.
    """
    return np.einsum("ij,...j->...i", matrix, vectors)


def _axis(names: Sequence[str], letter: str) -> int:
    """Which axis points to a letter or away from it."""
    return next(i for i, name in enumerate(names) if name in (letter, OPPOSITE[letter]))


def _triple(values: Iterable[float]) -> Triple:
    x, y, z = values
    return float(x), float(y), float(z)


def _sizes(values: Iterable[int]) -> tuple[int, int, int]:
    x, y, z = values
    return int(x), int(y), int(z)
