"""Recorded cases, a CT with label map and centroids on disk, as subjects for training."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from versectl import geometry
from versectl.config import Ranges, StageConfig
from versectl.errors import BadInputError
from versectl.geometry import Grid
from versectl.io import atomic, challenge_centroids, volume
from versectl.io.layout import Case
from versectl.stages.published.upright import Upright, whole_numbers
from versectl.synth.drawing import distortion
from versectl.synth.subject import Scan, Subject


class Recording(NamedTuple):
    """A CT, smoothed at its own resolution, and its label map, in the frame a stage sees.

    ct, labels : (z, y, x), int16 and uint8; of a file on disk only what is looked at is read.
    frame : an image of a single voxel that has their origin, spacing and direction.
    """

    ct: np.ndarray
    labels: np.ndarray
    frame: sitk.Image


def subject(case: Case, config: StageConfig, prepared: Path) -> Subject:
    """A recorded case as somebody to make scans of, each by a single resampling of the CT.

    prepared : folder for what is made once of a case, when its first scan is asked for.
    Raises BadInputError when the centroid file is missing: a mask has no body centres.
    """
    if case.centroids is None:
        raise BadInputError(f"{case.name} has no centroid file; training needs <case>_ctd.json.")
    placed = volume.read_placement(case.ct)
    points_mm = challenge_centroids.read_points(
        case.centroids, placed.own, challenge_centroids.meant_by(case.centroids)
    )
    frame = volume.read_frame(case.ct)
    if config.protocol != "default":
        upright = Upright.of(frame)
        points_mm = {label: upright.from_world(point) for label, point in points_mm.items()}
        frame = upright.image
    low_mm, high_mm = geometry.extent(frame)
    voxel = frame[:1, :1, :1]
    ends_mm = low_mm[2], high_mm[2]

    def scan_on(grid: Grid, rng: np.random.Generator) -> Scan:
        recording = Recording(*prepare(case, config, prepared), voxel)
        return scan(recording, points_mm, grid, (rng, config.training.ranges, ends_mm))

    return Subject(low_mm, high_mm, points_mm, scan_on, is_smooth=True)


def prepare(case: Case, config: StageConfig, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The case's CT, smoothed, and label map as arrays on disk; made when they are not there.

    Smoothing a whole scan takes seconds, a look at the part that a network sees does not. Grey
    values are kept to half a Hounsfield unit.
    """
    name = f"{case.name}_{config.protocol}_{config.smoothing_mm:g}mm"
    paths = [folder / f"{name}_{kind}.npy" for kind in ("ct", "labels")]
    if not all(path.is_file() for path in paths):
        ct, label_map = volume.read_ct(case.ct).image, volume.read_labels(case.labels)
        if config.protocol != "default":
            ct = Upright.of(whole_numbers(ct)).image
            label_map = Upright.of(label_map).image
        smooth = np.rint(geometry.to_array(geometry.smooth(ct, config.smoothing_mm)))
        limits = np.iinfo(np.int16)
        _save(np.clip(smooth, limits.min, limits.max).astype(np.int16), paths[0])
        _save(geometry.to_array(label_map), paths[1])
    ct, label_map = (np.load(path, mmap_mode="r") for path in paths)
    return ct, label_map


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
    warp = distortion.sample(rng, grid, ranges)
    intensity = distortion.sample_intensity(rng, ranges)
    where_mm = distortion.sources_mm(warp, grid)
    moved = distortion.transform(where_mm, grid)
    ct, label_map = near(recording, where_mm)
    ct = geometry.resample(ct, grid, sitk.sitkLinear, geometry.AIR_HU, moved)
    vertebrae = geometry.resample(label_map, grid, sitk.sitkNearestNeighbor, 0, moved)
    places = distortion.distorted_mm(warp, np.array(list(points_mm.values())).reshape(-1, 3))
    pairs = zip(points_mm, places, strict=True)
    return Scan(
        distortion.change_intensity(ct, intensity),
        vertebrae,
        {label: point for label, point in pairs if grid.contains(point)},
        np.minimum(where_mm[2] - low_mm, high_mm - where_mm[2]),
    )


def near(recording: Recording, where_mm: np.ndarray) -> tuple[sitk.Image, sitk.Image]:
    """CT, float32, and label map as far as they are looked at: at points (3, z, y, x)."""
    low_mm, high_mm = (limit(where_mm, axis=(1, 2, 3)) for limit in (np.min, np.max))
    corners_mm = low_mm + geometry.CORNERS * (high_mm - low_mm)
    corners_vox = geometry.to_vox(recording.frame, corners_mm)
    last = np.array(recording.ct.shape[::-1]) - 1
    start = np.clip(np.floor(corners_vox.min(axis=0)) - 1, 0, last - 1).astype(int)
    stop = np.clip(np.ceil(corners_vox.max(axis=0)) + 1, start + 1, last).astype(int) + 1
    part = tuple(slice(a, b) for a, b in zip(start[::-1], stop[::-1], strict=True))
    origin_mm = geometry.to_mm(recording.frame, start).tolist()
    images = []
    for array in (recording.ct[part].astype(np.float32), np.array(recording.labels[part])):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(recording.frame.GetSpacing())
        image.SetDirection(recording.frame.GetDirection())
        image.SetOrigin(origin_mm)
        images.append(image)
    return images[0], images[1]


def _save(array: np.ndarray, path: Path) -> None:
    with atomic.replacing(path, ".npy") as temporary:
        np.save(temporary, array)
