"""Casts: the shapes of real vertebrae, taken from label maps to be set along other spines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from versectl import labels
from versectl.geometry import Grid
from versectl.synth.bodies.body import Body
from versectl.synth.bodies.shapes import Frame, Points
from versectl.synth.bodies.vertebra.person import alike

#: chosen: spacing of a cast, and room round the vertebra, in mm.
SPACING_MM, MARGIN_MM = 1.0, 5.0

#: chosen: smooths the staircase of the label map, in voxels of the cast.
SMOOTHING_VOX = 0.7


@dataclass(frozen=True)
class Cast:
    """The shape of a vertebra in its own frame; the centre of its body is the origin.

    distance_mm : signed distance from the surface (z, y, x), negative inside.
    grid : where in the frame (left, posterior, superior) the voxels of distance_mm lie.
    pitch_mm : mean distance of the body's centre to its neighbours'.
    """

    distance_mm: np.ndarray
    grid: Grid
    pitch_mm: float

    def distance(self, p: Points, scale: Sequence[float]) -> np.ndarray:
        """Signed distance of points from the cast scaled along x, y and z, about right."""
        at = [
            (axis / np.float32(s) - np.float32(o)) / np.float32(d)
            for axis, s, o, d in zip(
                p, scale, self.grid.origin_mm, self.grid.spacing_mm, strict=True
            )
        ]
        return ndimage.map_coordinates(
            self.distance_mm, at[::-1], order=1, mode="constant", cval=MARGIN_MM
        ) * np.float32(min(scale))


@dataclass(frozen=True)
class Mixture:
    """A shape between two casts of the same vertebra: in part one person's, in part another's."""

    one: Cast
    other: Cast
    share: float  # the other's

    @property
    def pitch_mm(self) -> float:
        """Mean distance to the neighbours; the other is brought to the first one's size."""
        return self.one.pitch_mm

    def distance(self, p: Points, scale: Sequence[float]) -> np.ndarray:
        """As of a cast."""
        size = self.one.pitch_mm / self.other.pitch_mm
        first = self.one.distance(p, scale)
        second = self.other.distance(p, [s * size for s in scale])
        return first + np.float32(self.share) * (second - first)


def take(body: Body) -> dict[int, Cast]:
    """Label -> cast of every whole vertebra of a body that has a whole neighbour."""
    present = [label for label in labels.ORDER if label in body.centroids_mm]
    points_mm = np.array([body.centroids_mm[label] for label in present])
    windows = ndimage.find_objects(body.structures, max_label=max(labels.ORDER))
    taken = {}
    for index, label in enumerate(present):
        above, below = _neighbours(index, len(present))
        if above == below:
            continue
        chord_mm = points_mm[above] - points_mm[below]
        pitch_mm = float(np.linalg.norm(chord_mm)) / (below - above)
        taken[label] = _taken(body, label, windows[label - 1], chord_mm, pitch_mm)
    return taken


def pitches_mm(centers_mm: np.ndarray) -> np.ndarray:
    """Mean distance of every centre (n, 3) to its neighbours, as in a cast."""
    pairs = [_neighbours(index, len(centers_mm)) for index in range(len(centers_mm))]
    return np.array([np.linalg.norm(centers_mm[a] - centers_mm[b]) / (b - a) for a, b in pairs])


def blend(people: Sequence[Mapping[int, Cast]], rng: np.random.Generator) -> dict[int, Mixture]:
    """A shape per label, between those of two people: the first that have it of a random order.

    In two thirds of the blends the vertebrae whose form tells little have their neighbours' shapes.
    """
    share = rng.uniform(0, 0.5)
    shift = int(rng.choice((-2, -1, 0, 0, 1, 2)))
    shuffled = [people[index] for index in rng.permutation(len(people))]
    blended = {}
    for label in sorted(set().union(*people)):
        having = [person for person in shuffled if label in person]
        like = alike(label, shift)
        those = [person.get(like, person[label]) for person in having]
        blended[label] = Mixture(those[0], those[min(1, len(those) - 1)], share)
    return blended


def _neighbours(index: int, count: int) -> tuple[int, int]:
    return max(index - 1, 0), min(index + 1, count - 1)


def _taken(
    body: Body, label: int, window: tuple[slice, ...], up_mm: np.ndarray, pitch_mm: float
) -> Cast:
    """Cast of the vertebra within a window of the body's array; up_mm : (3,), along the spine."""
    mask = np.pad(body.structures[window] == label, 1)
    corner_vox = np.array([part.start - 1 for part in window])[::-1]
    points_mm = body.grid.to_mm(np.argwhere(mask)[:, ::-1] + corner_vox)
    frame = _frame(body.centroids_mm[label], up_mm, points_mm)
    local_mm = frame.to_local(points_mm)
    low_mm, high_mm = local_mm.min(axis=0) - MARGIN_MM, local_mm.max(axis=0) + MARGIN_MM
    size_vox = np.ceil((high_mm - low_mm) / SPACING_MM) + 1
    grid = Grid.centered((low_mm + high_mm) / 2, size_vox, (SPACING_MM,) * 3)
    zyx = np.moveaxis(np.indices(grid.shape), 0, -1)
    at = body.grid.to_vox(frame.to_world(grid.to_mm(zyx[..., ::-1]))) - corner_vox
    part = ndimage.map_coordinates(
        mask.astype(np.float32), np.moveaxis(at[..., ::-1], -1, 0), order=1
    )
    inside = ndimage.gaussian_filter(part, SMOOTHING_VOX) > 0.5
    outwards, inwards = (ndimage.distance_transform_edt(m) for m in (~inside, inside))
    return Cast(((outwards - inwards) * SPACING_MM).astype(np.float32), grid, pitch_mm)


def _frame(center_mm: np.ndarray, up_mm: np.ndarray, points_mm: np.ndarray) -> Frame:
    """A vertebra's frame: up along the spine, its arch behind its body's centre."""
    up = up_mm / np.linalg.norm(up_mm)
    behind = points_mm.mean(axis=0) - center_mm
    behind -= behind @ up * up
    behind /= np.linalg.norm(behind)
    return Frame(center_mm, np.stack([np.cross(behind, up), behind, up], axis=1))
