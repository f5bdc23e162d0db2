"""A synthetic CT of a body: domain randomisation (SynthSeg: Billot et al. 2023).

Everything a CT shows is drawn at random within, and a little beyond, what is real: what each
structure looks like, the texture of bone, slices and kernel, noise, what the scan covers.
Ranges are chosen; their aim is variety, not likeness.
"""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from versectl import geometry, labels
from versectl.geometry import Grid
from versectl.synth.bodies.body import Body
from versectl.synth.drawing import acquisition, bone, distortion, implants, tissue
from versectl.synth.drawing.distortion import Ranges
from versectl.synth.drawing.texture import Sampling
from versectl.synth.subject import Scan, Subject

#: What slips along the spine, for it must not name a level: a kidney lies higher in one person than
#: in the next. Chosen: how far, one standard deviation.
SLIPPERY = ("tissue", "muscle", "fat", "organ", "vessel", "lung", "gas")
SLIP_SD_MM = 20.0

#: chosen: a vertebra whose area on the border is larger, beside its volume to the 2/3, is not
#: whole. Cut processes are smaller than that, a cut body is not.
MOST_CUT = 0.4


def subject(body: Body, ranges: Ranges, weight: float = 1.0) -> Subject:
    """A body as somebody to make scans of."""
    return Subject(
        np.array(body.grid.origin_mm),
        body.grid.last_mm,
        body.centroids_mm,
        lambda grid, rng: scan(body, grid, rng, ranges),
        weight,
    )


def scan(body: Body, grid: Grid, rng: np.random.Generator, ranges: Ranges) -> Scan:
    """A CT of a body on a grid, the body distorted round the grid's middle.

    A vertebra that the grid's border cuts is in the label map but has no centroid.
    """
    warp = distortion.sample(rng, grid, ranges)
    structures = _slipped(body, distortion.sources_mm(warp, grid), rng.normal(0, SLIP_SD_MM))
    if body.grid.spacing_mm[0] >= grid.spacing_mm[0]:
        structures = _rounded(structures, body.kinds)
    hounsfield = draw(structures, body.kinds, Sampling(np.array(grid.spacing_mm), rng))
    is_vertebra = np.isin(structures, list(labels.NAMES))
    label_map = np.where(is_vertebra, structures, 0).astype(np.uint8)
    whole_mm, cut_mm = _shown(body.centroids_mm, warp, label_map, grid)
    return Scan(
        geometry.from_array(np.rint(hounsfield).astype(np.int16), grid),
        geometry.from_array(label_map, grid),
        whole_mm,
        cut_mm=cut_mm,
    )


def draw(structures: np.ndarray, kinds: Mapping[int, str], sampling: Sampling) -> np.ndarray:
    """Hounsfield units (z, y, x) of structures (z, y, x): what is there, then how it is seen."""
    hounsfield = tissue.draw(structures, kinds, sampling)
    bone.add(hounsfield, structures, kinds, sampling)
    implants.add(hounsfield, np.isin(structures, list(labels.NAMES)), sampling)
    return acquisition.acquire(hounsfield, sampling)


def _slipped(body: Body, where_mm: np.ndarray, by_mm: float) -> np.ndarray:
    """The structures at world points (3, z, y, x), what is slippery so far above where it was."""
    here = _look_up(body, where_mm)
    there = _look_up(body, where_mm - np.array([0, 0, by_mm], np.float32)[:, None, None, None])
    is_slippery = np.zeros(256, bool)
    is_slippery[[number for number, kind in body.kinds.items() if kind in SLIPPERY]] = True
    return np.where(is_slippery[here] & is_slippery[there], there, here)


def _look_up(body: Body, where_mm: np.ndarray) -> np.ndarray:
    """The structure at world points (3, z, y, x); 0 beyond the body's grid."""
    index = np.zeros(where_mm.shape[1:], np.int32)
    inside = np.ones(where_mm.shape[1:], bool)
    sizes = body.grid.size_vox
    for axis in (2, 1, 0):  # index = (z * size_y + y) * size_x + x
        at = np.rint((where_mm[axis] - body.grid.origin_mm[axis]) / body.grid.spacing_mm[axis])
        inside &= (at >= 0) & (at < sizes[axis])
        index = index * sizes[axis] + np.clip(at, 0, sizes[axis] - 1).astype(np.int32)
    return np.where(inside, body.structures.ravel()[index], 0)


def _rounded(structures: np.ndarray, kinds: Mapping[int, str]) -> np.ndarray:
    """Structures whose vertebrae lost the staircase of a coarser grid.

    A vertebra trades corners with the softer structure that surrounds most of it.
    """
    rounded = structures.copy()
    hard = [number for number, kind in kinds.items() if kind in bone.BONES]
    for label, where in enumerate(ndimage.find_objects(structures, max_label=28), start=1):
        if where is None or kinds.get(label) != "vertebra":
            continue
        around = tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in where)
        mask = (structures[around] == label).astype(np.float32)
        smooth = ndimage.gaussian_filter(mask, 0.8, truncate=2) > 0.5
        counts = np.bincount(structures[around].ravel(), minlength=256)
        counts[hard] = 0
        soft = counts.argmax()
        part = rounded[around]
        part[(part == label) & ~smooth] = soft
        part[smooth & (structures[around] == soft)] = label
    return rounded


def _shown(
    centroids_mm: Mapping[int, np.ndarray], warp: distortion.Warp, label_map: np.ndarray, grid: Grid
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Centroids on the grid, in the distorted space: of vertebrae whose bulk is on it, and others.

    The others are cut.
    """
    if not centroids_mm:
        return {}, {}
    moved = distortion.distorted_mm(warp, np.array(list(centroids_mm.values())))
    counts = np.bincount(label_map.ravel(), minlength=256)
    on_border = sum(
        np.bincount(label_map.take(at, axis).ravel(), minlength=256)
        for axis in range(3)
        for at in (0, -1)
    )
    is_whole = on_border <= MOST_CUT * counts ** (2 / 3)
    whole_mm: dict[int, np.ndarray] = {}
    cut_mm: dict[int, np.ndarray] = {}
    for label, center_mm in zip(centroids_mm, moved, strict=True):
        if counts[label] and grid.contains(center_mm):
            (whole_mm if is_whole[label] else cut_mm)[label] = center_mm
    return whole_mm, cut_mm
