"""A scan as it might also have been: turned, coarser, cut, noisy, smaller, other axes."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from versectl import geometry

ANGLE_DEG = 15.0
COARSE_MM = 3.0
NOISE_HU = 40.0

#: Vertebrae that a cut scan shows.
KEPT = 5

AXIS_ORDERS = ("RAS", "ASL")

#: A person's size beside its own: as of children.
SIZES = (0.9, 0.8, 0.7, 0.6, 0.5)

Points = Mapping[int, np.ndarray]  # label -> centre of the body in the world (3,)


class Variant(NamedTuple):
    """A scan and where its vertebrae are; `name` may be part of a file's.

    size : of the person, beside its own.
    """

    name: str
    ct: sitk.Image
    centers_mm: Points
    size: float = 1.0


def of(ct: sitk.Image, centers_mm: Points, rng: np.random.Generator) -> Iterator[Variant]:
    """Variants of a scan with at least five vertebrae, given from head to foot."""
    for axis in "xyz":
        yield turned(ct, centers_mm, axis, ANGLE_DEG)
    yield turned(ct, centers_mm, "x", -ANGLE_DEG)
    yield coarser(ct, centers_mm)
    yield cut(ct, centers_mm, from_head=True)
    yield cut(ct, centers_mm, from_head=False)
    yield noisy(ct, centers_mm, rng)
    for order in AXIS_ORDERS:
        yield Variant(f"axes-{order}", geometry.turned(ct, order), centers_mm)
    yield from (smaller(ct, centers_mm, size) for size in SIZES)


def turned(ct: sitk.Image, centers_mm: Points, axis: str, angle_deg: float) -> Variant:
    """Turned about the scan's middle, round a world axis; what leaves the grid is lost."""
    turn = sitk.Euler3DTransform()
    turn.SetCenter(geometry.center(ct).tolist())
    turn.SetRotation(*(np.radians(angle_deg) * (axis == each) for each in "xyz"))
    back = turn.GetInverse()
    moved = {n: np.array(back.TransformPoint(list(p))) for n, p in centers_mm.items()}
    image = sitk.Resample(ct, ct, turn, sitk.sitkLinear, geometry.AIR_HU)
    low_mm, high_mm = geometry.extent(ct)
    inside = {n: p for n, p in moved.items() if np.all((p > low_mm) & (p < high_mm))}
    return Variant(f"turned-{axis}{angle_deg:+.0f}", image, inside)


def coarser(ct: sitk.Image, centers_mm: Points) -> Variant:
    """Every voxel as large as those of a thick-slice scan."""
    low_mm, high_mm = geometry.extent(ct)
    size_vox = np.ceil((high_mm - low_mm) / COARSE_MM)
    grid = geometry.Grid.centered((low_mm + high_mm) / 2, size_vox, (COARSE_MM,) * 3)
    smooth = geometry.smooth(ct, COARSE_MM / 3)
    return Variant("coarser", geometry.resample(smooth, grid), centers_mm)


def cut(ct: sitk.Image, centers_mm: Points, from_head: bool) -> Variant:
    """The first or the last five vertebrae alone, cut midway to the next."""
    named = list(centers_mm.items())
    low_mm, high_mm = geometry.extent(ct)
    kept = named[:KEPT] if from_head else named[-KEPT:]
    if from_head and len(named) > KEPT:
        low_mm[2] = (named[KEPT - 1][1][2] + named[KEPT][1][2]) / 2
    if not from_head and len(named) > KEPT:
        high_mm[2] = (named[-KEPT][1][2] + named[-KEPT - 1][1][2]) / 2
    name = f"{'first' if from_head else 'last'}-{KEPT}"
    return Variant(name, geometry.crop(ct, low_mm, high_mm), dict(kept))


def noisy(ct: sitk.Image, centers_mm: Points, rng: np.random.Generator) -> Variant:
    """With noise as of a low dose."""
    array = geometry.to_array(ct)
    grain = rng.normal(0, NOISE_HU, array.shape)
    return Variant("noisy", geometry.from_array((array + grain).astype(np.float32), ct), centers_mm)


def smaller(ct: sitk.Image, centers_mm: Points, size: float) -> Variant:
    """Everything so many times as large, voxels too."""
    image = sitk.Image(ct)
    image.SetSpacing([size * each for each in ct.GetSpacing()])
    image.SetOrigin([size * each for each in ct.GetOrigin()])
    return Variant(f"size-{size}", image, {n: size * p for n, p in centers_mm.items()}, size)
