"""The mask of each vertebra, cut out of the label map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from versectl import geometry
from versectl.geometry import Frame

Array = NDArray[np.float64]

#: Places in an array; of a whole spine there are millions.
Index = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Mask:
    """The voxels of one vertebra.

    image : 0 and 1, uint8, on the scan's grid, cropped, with a margin of a voxel.
    index : places of its voxels in the scan, (n, 3), z, y, x.
    scan : where the scan's voxels lie.
    """

    image: sitk.Image
    index: Index
    scan: Frame

    @property
    def points_mm(self) -> Array:
        """Its voxels in the world, (n, 3)."""
        return geometry.to_mm(self.scan, self.index[:, ::-1])

    @property
    def at_edge(self) -> NDArray[np.bool_]:
        """Which voxels are outermost ones of the scan, (n,)."""
        last = np.array(self.scan.size_vox[::-1]) - 1
        return ((self.index == 0) | (self.index == last)).any(axis=1)

    @property
    def stray_ml(self) -> float:
        """What is not connected with the largest piece."""
        mask = sitk.GetArrayViewFromImage(self.image)
        largest = geometry.largest_piece(mask, connectivity=3)
        return float(np.count_nonzero(mask) - np.count_nonzero(largest)) * self.voxel_ml

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(np.prod(self.image.GetSpacing())) / 1000.0

    @property
    def volume_ml(self) -> float:
        """Voxels times their volume."""
        return len(self.index) * self.voxel_ml


def of(label_map: sitk.Image, labels: Sequence[int]) -> dict[int, Mask]:
    """Label -> mask, of those labels that have a voxel."""
    values = sitk.GetArrayViewFromImage(label_map)
    scan = Frame.of(label_map)
    where = geometry.around(values)
    if where is None:
        return {}
    boxes = dict(enumerate(ndimage.find_objects(values[where]), start=1))
    found = {label: _within(where, boxes[label]) for label in labels if boxes.get(label)}
    return {label: _cut(values, label, box, scan) for label, box in found.items()}


def _within(where: tuple[slice, ...], box: tuple[slice, ...]) -> tuple[slice, ...]:
    """The place in an array of a box in a part of it."""
    pairs = zip(where, box, strict=True)
    return tuple(slice(part.start + b.start, part.start + b.stop) for part, b in pairs)


def _cut(values: NDArray[np.uint8], label: int, box: tuple[slice, ...], scan: Frame) -> Mask:
    """One vertebra's mask; box : where it lies in the label map (z, y, x)."""
    own = values[box] == label
    start = np.array([side.start for side in box])
    image = sitk.GetImageFromArray(np.pad(own.astype(np.uint8), 1))
    origin_mm = geometry.to_mm(scan, start[::-1] - 1)
    Frame(image.GetSize(), scan.spacing_mm, scan.direction, origin_mm).place(image)
    return Mask(image, (np.argwhere(own) + start).astype(np.int32), scan)
