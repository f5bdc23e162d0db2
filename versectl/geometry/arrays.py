"""Voxels as arrays (z, y, x): from images and to them, masks and their labels."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl.geometry.grid import Grid


def to_array(image: sitk.Image) -> NDArray[Any]:
    """A copy of the voxels: (z, y, x)."""
    return sitk.GetArrayFromImage(image)


def from_array(array: NDArray[Any], like: sitk.Image | Grid) -> sitk.Image:
    """Voxels (z, y, x) placed in the world like an image or a grid of the same size."""
    image = sitk.GetImageFromArray(array)
    if isinstance(like, Grid):
        return like.frame.place(image)
    image.CopyInformation(like)
    return image


def keep_labels(label_map: sitk.Image, labels: Iterable[int]) -> sitk.Image:
    """The label map with only these labels; all others become 0."""
    array = to_array(label_map)
    array[~np.isin(array, list(labels))] = 0
    return from_array(array, label_map)


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
