"""Dice and Hausdorff distance of all labels of two label maps, in one pass over the foreground.

Only voxels where the two maps differ can have a distance above zero. For those, the offsets of a
small ball are tried for all labels at once, nearest first: the first offset that meets the same
label in the other map is the distance. Voxels without their label inside the ball are looked up in
a k-d tree per label, without those that a neighbour's distance proves to be no maximum. All
distances are exact.

Arrays are z, y, x; spacings are x, y, z in millimetres. See README.md for the definitions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

#: chosen: offsets in the ball, about six voxels to each side for cubic voxels; nearly every
#: disagreement between two good segmentations ends inside.
BALL_VOX = 1000

#: chosen: labels that overlap less are so far apart that the ball would rarely reach.
NEAR_DICE = 0.5

#: chosen: edge lengths of the blocks, coarse then fine, that share one look-up in the k-d tree.
BLOCKS_VOX = (12, 4)

VALUES = 256  # of uint8

#: Voxels counted at a time: 8 MB.
COUNTED_VOX = 2**20

#: Flat positions, and labels: (n,) each.
Positions = NDArray[np.intp]
Labels = NDArray[np.uint8]

#: Between voxel sets, as in the paper; between surfaces; 95th percentile of those.
Distance = Literal["voxel", "surface", "surface95"]

#: A number for each label: (256,).
PerLabel = NDArray[np.floating]


@dataclass(frozen=True)
class Overlap:
    """How one label of the prediction agrees with the ground truth."""

    gt_vox: int
    predicted_vox: int
    common_vox: int
    distance_mm: float | None  # None when the label is absent on one side

    @property
    def dice(self) -> float:
        """Twice the common voxels over all; 0 when the label is absent on one side."""
        return 2 * self.common_vox / (self.gt_vox + self.predicted_vox)


@dataclass(frozen=True)
class _Pair:
    """Two flat label maps on one lattice, cropped to the foreground, with a margin of zeros."""

    gt: Labels
    predicted: Labels
    shape: tuple[int, int, int]  # z, y, x
    spacing_mm: tuple[float, float, float]  # z, y, x

    @cached_property
    def differing(self) -> Positions:
        """Flat positions of the voxels whose labels differ, in ascending order."""
        return np.flatnonzero(self.gt != self.predicted)

    @property
    def strides(self) -> tuple[int, int, int]:
        """Flat distance to the next voxel along z, y, x."""
        _, rows, columns = self.shape
        return rows * columns, columns, 1

    def indices(self, flat: Positions) -> NDArray[np.intp]:
        """z, y, x of flat positions: (n, 3)."""
        return np.stack(np.unravel_index(flat, self.shape), axis=1)

    @property
    def sides(self) -> tuple[Labels, Labels]:
        """Ground truth and prediction."""
        return self.gt, self.predicted

    @property
    def directions(self) -> tuple[tuple[Labels, Labels], tuple[Labels, Labels]]:
        """The two ways to look: from one map's voxels to the other's."""
        return (self.gt, self.predicted), (self.predicted, self.gt)


def compare(
    gt: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    spacing_mm: Sequence[float],
    labels: Iterable[int],
    distance: Distance = "voxel",
) -> dict[int, Overlap]:
    """Dice and distance in mm of every one of `labels` that occurs in one of two uint8 maps.

    A label absent on one side has Dice 0 and no
    distance; a label absent on both is left out.
    """
    pair = _crop(gt, predicted, spacing_mm)
    gt_vox, predicted_vox, common_vox = _count(pair)
    total_vox = gt_vox + predicted_vox
    present = np.isin(np.arange(VALUES), list(labels)) & (total_vox > 0)
    measurable = present & (gt_vox > 0) & (predicted_vox > 0)
    dice = np.where(measurable, 2 * common_vox / np.maximum(total_vox, 1), np.nan)
    distance_mm = DISTANCES[distance](pair, dice)
    return {
        int(label): Overlap(
            int(gt_vox[label]),
            int(predicted_vox[label]),
            int(common_vox[label]),
            float(distance_mm[label]) if measurable[label] else None,
        )
        for label in np.flatnonzero(present)
    }


def hausdorff(pair: _Pair, dice: PerLabel) -> PerLabel:
    """Hausdorff distance of each label's voxel centres in mm: (256,).

    Labels whose Dice is NaN are left out (0).
    """
    farthest_mm = np.zeros(VALUES)
    for source, target in pair.directions:
        labels = source[pair.differing]
        positions, labels, reached_mm = _search_ball(pair, labels, target, dice)
        farthest_mm = np.maximum(farthest_mm, reached_mm)
        for label in np.unique(labels):
            beyond = pair.indices(positions[labels == label])
            border = pair.indices(_border(pair, target, int(label)))
            farthest_mm[label] = _farthest_mm(beyond, border, pair.spacing_mm, farthest_mm[label])
    return farthest_mm


def surface_hausdorff(pair: _Pair, dice: PerLabel) -> PerLabel:
    """Hausdorff distance of the labels' border voxels, 6-neighbourhood, in mm: (256,)."""
    borders = replace(pair, gt=_borders(pair, pair.gt), predicted=_borders(pair, pair.predicted))
    return hausdorff(borders, dice)


def surface_percentile_95(pair: _Pair, dice: PerLabel) -> PerLabel:
    """95th percentile of the distances of the border voxels of both sides in mm: (256,)."""
    percentile_mm = np.zeros(VALUES)
    for label in np.flatnonzero(~np.isnan(dice)):
        gt_mm, predicted_mm = (
            pair.indices(_border(pair, side, int(label))) * pair.spacing_mm for side in pair.sides
        )
        forth_mm, _ = cKDTree(predicted_mm).query(gt_mm)
        back_mm, _ = cKDTree(gt_mm).query(predicted_mm)
        percentile_mm[label] = np.percentile(np.concatenate([forth_mm, back_mm]), 95)
    return percentile_mm


DISTANCES: Mapping[Distance, Callable[[_Pair, PerLabel], PerLabel]] = {
    "voxel": hausdorff,
    "surface": surface_hausdorff,
    "surface95": surface_percentile_95,
}


def _crop(
    gt: NDArray[np.uint8], predicted: NDArray[np.uint8], spacing_mm: Sequence[float]
) -> _Pair:
    x_mm, y_mm, z_mm = map(float, spacing_mm)
    ball = np.concatenate([shell for _, shell in _shells((z_mm, y_mm, x_mm))])
    margin = np.maximum(ball.max(axis=0), 1)  # no neighbour of a foreground voxel is beyond it
    box = _foreground(gt, predicted)

    def padded(side: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.pad(side[box], [(n, n) for n in margin.tolist()])

    gt, predicted = padded(gt), padded(predicted)
    slices, rows, columns = gt.shape
    return _Pair(gt.ravel(), predicted.ravel(), (slices, rows, columns), (z_mm, y_mm, x_mm))


def _foreground(gt: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> tuple[slice, ...]:
    """The smallest box that holds every labelled voxel of both maps: three slices."""
    plane = np.bitwise_or.reduce(gt, axis=0) | np.bitwise_or.reduce(predicted, axis=0)
    slices = gt.any(axis=(1, 2)) | predicted.any(axis=(1, 2))
    box = []
    for occupied in (slices, plane.any(axis=1), plane.any(axis=0)):
        where = np.flatnonzero(occupied)
        box.append(slice(where[0], where[-1] + 1) if where.size else slice(0, 0))
    return tuple(box)


def _count(pair: _Pair) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Voxels of each label in the ground truth, in the prediction, in both: (256,) each."""
    gt_vox = _histogram(pair.gt)
    # Outside the differing voxels both maps are the same: no need to count the other one in full.
    common_vox = gt_vox - _histogram(pair.gt[pair.differing])
    return gt_vox, common_vox + _histogram(pair.predicted[pair.differing]), common_vox


def _histogram(labels: Labels) -> NDArray[np.int64]:
    """How often each label but 0 occurs: (256,). In parts, as counting takes 8 bytes a voxel."""
    counts = np.zeros(VALUES, np.int64)
    for start in range(0, labels.size, COUNTED_VOX):
        part = labels[start : start + COUNTED_VOX]
        counts += np.bincount(part[part != 0], minlength=VALUES)
    return counts


def _search_ball(
    pair: _Pair, labels: Labels, target: Labels, dice: PerLabel
) -> tuple[Positions, Labels, PerLabel]:
    """Look for each differing voxel's nearest voxel of its label in the target, within the ball.

    Returns positions and labels of the voxels the ball does not reach, and for each label the
    longest distance that was reached: (256,).
    """
    measured = ~np.isnan(dice[labels])
    positions, labels = pair.differing[measured], labels[measured]
    is_near = dice[labels] >= NEAR_DICE
    too_far = positions[~is_near], labels[~is_near]
    positions, labels = positions[is_near], labels[is_near]
    reached_mm = np.zeros(VALUES)
    for length_mm, offsets in _shells(pair.spacing_mm):
        if not positions.size:
            break
        missed = np.ones(positions.size, bool)
        for step in offsets @ pair.strides:
            missed &= target.take(positions + step) != labels
        reached_mm[labels[~missed]] = length_mm
        positions, labels = positions[missed], labels[missed]
    return np.append(positions, too_far[0]), np.append(labels, too_far[1]), reached_mm


@lru_cache(maxsize=16)
def _shells(
    spacing_mm: tuple[float, float, float],
) -> tuple[tuple[float, NDArray[np.intp]], ...]:
    """Offsets (n, 3) of equal length in mm, shortest first, of all voxels in a ball."""
    radius_mm = (BALL_VOX * np.prod(spacing_mm) * 3 / (4 * np.pi)) ** (1 / 3)
    reach_vox = np.floor(radius_mm / np.array(spacing_mm)).astype(int)
    axes = np.meshgrid(*(np.arange(-reach, reach + 1) for reach in reach_vox), indexing="ij")
    offsets = np.stack(axes, axis=-1).reshape(-1, 3)
    lengths_mm = np.linalg.norm(offsets * spacing_mm, axis=1)
    # Lengths that are equal but for rounding belong together: the nanometre is far below that.
    keys = np.rint(lengths_mm * 1e9)
    order = np.lexsort((lengths_mm, keys))
    order = order[(lengths_mm[order] > 0) & (lengths_mm[order] <= radius_mm)]
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    return tuple(
        (float(lengths_mm[shell[0]]), offsets[shell]) for shell in np.split(order, starts[1:])
    )


def _farthest_mm(
    voxels: NDArray[np.intp],
    targets: NDArray[np.intp],
    spacing_mm: Sequence[float],
    at_least_mm: float,
) -> float:
    """The greatest distance from a voxel (n, 3) to the nearest target (m, 3), or at_least_mm."""
    voxels_mm, targets_mm = voxels * spacing_mm, targets * spacing_mm
    # An unbalanced tree is built in half the time, and few look-ups in it are as fast.
    tree = cKDTree(targets_mm, balanced_tree=False, compact_nodes=False)
    for edge_vox in BLOCKS_VOX:
        block = _block_numbers(voxels, edge_vox)
        occupied = np.flatnonzero(np.bincount(block))
        last = np.zeros(block.max(initial=0) + 1, int)
        last[block] = np.arange(block.size)  # the last voxel of each block stands for all of it
        distances_mm, nearest = tree.query(voxels_mm[last[occupied]])
        at_least_mm = max(at_least_mm, distances_mm.max(initial=0.0))
        # No voxel is farther from the targets than from the target nearest to its block's last.
        answer = np.zeros_like(last)
        answer[occupied] = nearest
        apart_mm = voxels_mm - targets_mm[answer[block]]
        may_be_farther = np.einsum("ij,ij->i", apart_mm, apart_mm) > at_least_mm**2
        voxels, voxels_mm = voxels[may_be_farther], voxels_mm[may_be_farther]
    distances_mm, _ = tree.query(voxels_mm)
    return max(at_least_mm, distances_mm.max(initial=0.0))


def _block_numbers(voxels: NDArray[np.intp], edge_vox: int) -> NDArray[np.intp]:
    """For each voxel the number of the cube it lies in: (n,)."""
    blocks = voxels // edge_vox
    return np.ravel_multi_index(tuple(blocks.T), tuple(blocks.max(axis=0, initial=0) + 1))


def _border(pair: _Pair, labels: Labels, label: int) -> Positions:
    """Flat positions of one label's voxels that have a face on something else."""
    positions = np.flatnonzero(labels == label)
    enclosed = np.ones(positions.size, bool)
    for stride in pair.strides:
        enclosed &= labels.take(positions + stride) == label
        enclosed &= labels.take(positions - stride) == label
    return positions[~enclosed]


def _borders(pair: _Pair, labels: Labels) -> Labels:
    """The label map with only those voxels left that have a face on another label."""
    on_border = np.zeros(labels.size, bool)
    for stride in pair.strides:  # flat shifts: the margin is zero, so a row's end meets zero
        differs = labels[stride:] != labels[:-stride]
        on_border[stride:] |= differs
        on_border[:-stride] |= differs
    return labels * on_border.view(np.uint8)
