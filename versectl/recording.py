"""Recorded cases, a CT with label map and centroids on disk, as subjects for training."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from versectl import augment, challenge, volume
from versectl.cases import Case
from versectl.config import Ranges, StageConfig
from versectl.errors import BadInputError
from versectl.scan import Scan, Subject
from versectl.volume import Grid, Upright

#: chosen: cases a worker keeps in memory, each a few hundred megabytes.
KEPT_CASES = 4


class Recording(NamedTuple):
    """A CT, smoothed at its own resolution, and its label map, in the frame a stage sees."""

    ct: sitk.Image
    labels: sitk.Image


def subject(case: Case, config: StageConfig) -> Subject:
    """A recorded case as somebody to make scans of, each by a single resampling of the CT.

    Only headers are read at once. Raises BadInputError when the centroid file is missing: a mask
    has no body centres.
    """
    if case.centroids is None:
        raise BadInputError(f"{case.name} has no centroid file; training needs <case>_ctd.json.")
    frame = volume.read_frame(case.ct)
    points_mm = challenge.read_points(case.centroids, frame, challenge.meant_by(case.centroids))
    if config.protocol != "default":
        upright = Upright.of(frame)
        points_mm = {label: upright.from_world(point) for label, point in points_mm.items()}
        frame = upright.image
    low_mm, high_mm = volume.extent(frame)
    ends_mm = low_mm[2], high_mm[2]
    ranges = config.training.ranges
    return Subject(
        low_mm,
        high_mm,
        points_mm,
        lambda grid, rng: scan(
            read(case, config.smoothing_mm, config.protocol),
            points_mm,
            grid,
            (rng, ranges, ends_mm),
        ),
        is_smooth=True,
    )


@functools.lru_cache(maxsize=KEPT_CASES)
def read(case: Case, smoothing_mm: float, protocol: str) -> Recording:
    """The case's CT and label map; in the upright frame but for our own protocol."""
    ct, label_map = volume.read_ct(case.ct), volume.read_labels(case.labels)
    if protocol != "default":
        ct = Upright.of(volume.whole_numbers(ct)).image
        label_map = Upright.of(label_map).image
    return Recording(volume.smooth(ct, smoothing_mm), label_map)


def scan(
    recording: Recording,
    points_mm: Mapping[int, np.ndarray],
    grid: Grid,
    chance: tuple[np.random.Generator, Ranges, tuple[float, float]],
) -> Scan:
    """The recording on a grid, distorted round the grid's middle, its grey values changed.

    chance : the generator, how far it may go, and where the scan ends along z.
    """
    rng, ranges, (low_mm, high_mm) = chance
    warp = augment.sample(rng, grid, ranges)
    tone = augment.sample_tone(rng, ranges)
    moved = augment.transform(warp, grid)
    ct = volume.resample(recording.ct, grid, sitk.sitkLinear, volume.AIR_HU, moved)
    vertebrae = volume.resample(recording.labels, grid, sitk.sitkNearestNeighbor, 0, moved)
    z_mm = augment.sources_mm(warp, grid)[2]
    places = augment.distorted_mm(warp, np.array(list(points_mm.values())).reshape(-1, 3))
    pairs = zip(points_mm, places, strict=True)
    return Scan(
        augment.toned(ct, tone),
        vertebrae,
        {label: point for label, point in pairs if grid.contains(point)},
        np.minimum(z_mm - low_mm, high_mm - z_mm),
    )
