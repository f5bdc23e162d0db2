"""Recorded cases, a CT with label map and centroids on disk, as subjects for training."""

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from versectl import augment, centroids, volume
from versectl.augment import Ranges
from versectl.cases import Case
from versectl.errors import BadInputError
from versectl.scan import Scan, Subject
from versectl.volume import Grid


def subject(case: Case, ranges: Ranges) -> Subject:
    """A recorded case as somebody to make scans of.

    Raises BadInputError when its centroid file is missing: a mask has no body centres.
    """
    if case.centroids is None:
        raise BadInputError(f"{case.name} has no centroid file; training needs <case>_ctd.json.")
    ct = volume.read_ct(case.ct)
    label_map = volume.read_labels(case.labels)
    points_mm = centroids.to_world(centroids.read(case.centroids), ct)
    return Subject(
        *volume.extent(ct),
        points_mm,
        lambda grid, rng: scan((ct, label_map), points_mm, grid, (rng, ranges)),
    )


def scan(
    images: tuple[sitk.Image, sitk.Image],
    points_mm: dict[int, np.ndarray],
    grid: Grid,
    chance: tuple[np.random.Generator, Ranges],
) -> Scan:
    """The recorded CT and label map on a grid, distorted round the grid's middle.

    A recording that is finer than the grid gets half the grid's spacing: the box then smooths it
    before it takes every other voxel, as it does with the recording itself when predicting.
    """
    warp = augment.sample(chance[0], grid, chance[1])
    ct, label_map = images
    if min(ct.GetSpacing()) < 0.75 * min(grid.spacing_mm):
        grid = grid.refined(2)
    where_mm = augment.sources_mm(warp, grid)
    hounsfield = _look_up(ct, where_mm, 1, volume.AIR_HU)
    vertebrae = _look_up(label_map, where_mm, 0, 0)
    moved = augment.distorted_mm(warp, np.array(list(points_mm.values())))
    pairs = zip(points_mm, moved, strict=True)
    return Scan(
        volume.from_array(hounsfield.astype(np.float32), grid),
        volume.from_array(vertebrae.astype(np.uint8), grid),
        {label: point for label, point in pairs if grid.contains(point)},
    )


def _look_up(image: sitk.Image, where_mm: np.ndarray, order: int, outside: float) -> np.ndarray:
    """An image's values at world points (3, z, y, x)."""
    points_mm = where_mm.reshape(3, -1).T
    points_vox = volume.to_vox(image, points_mm)[:, ::-1].T
    array = sitk.GetArrayViewFromImage(image)
    values = ndimage.map_coordinates(array, points_vox, order=order, cval=outside)
    return values.reshape(where_mm.shape[1:])
