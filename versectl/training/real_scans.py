"""Source of real scans: labelled cases, a CT with label map and centroids on disk, as subjects."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from versectl import geometry
from versectl.config import StageConfig
from versectl.errors import BadInputError
from versectl.geometry import Grid
from versectl.io import atomic, challenge_centroids, layout, volume
from versectl.io.layout import Case
from versectl.stages.published.upright import Upright, whole_numbers
from versectl.synth.drawing import distortion
from versectl.synth.subject import Scan, Subject


@dataclass(frozen=True)
class RealScans:
    """The labelled cases of a folder in VerSe layout; can be handed to another process.

    prepared : folder for what is made once of each case.
    names : of the cases to take; all if there are none.
    """

    folder: Path
    config: StageConfig
    prepared: Path
    names: frozenset[str] = frozenset()

    def __call__(self) -> list[Subject]:
        """The subjects."""
        found = layout.with_labels(self.folder)
        taken = [case for case in found if not self.names or case.name in self.names]
        return [subject(case, self.config, self.prepared) for case in taken]


@dataclass(frozen=True)
class Labelled:
    """The files of a case that training needs."""

    case: Case
    ct: Path
    labels: Path
    centroids: Path

    @classmethod
    def of(cls, case: Case) -> "Labelled":
        """Raises BadInputError when a file is missing: a mask has no body centres."""
        if case.ct is None or case.labels is None:
            raise BadInputError(f"{case.name} has no CT or no label map; training needs both.")
        if case.centroids is None:
            raise BadInputError(
                f"{case.name} has no centroid file; training needs <case>_ctd.json."
            )
        return cls(case, case.ct, case.labels, case.centroids)

    def sha256(self) -> dict[str, str]:
        """SHA-256 of what each file holds."""
        return {
            "ct": layout.sha256(self.case),
            "labels": atomic.sha256(self.labels),
            "centroids": atomic.sha256(self.centroids),
        }

    def read_points(self) -> dict[int, np.ndarray]:
        """Label -> centre in the world (3,), of a file in any of VerSe's layouts."""
        meant = challenge_centroids.meant_by(self.centroids)
        own = volume.read_placement(self.ct).own
        return challenge_centroids.read_points(self.centroids, own, meant)


class PreparedScan(NamedTuple):
    """A CT, smoothed at its own resolution, and its label map, in the frame a stage works in.

    ct, labels : (z, y, x), int16 and uint8; of a file on disk only the part in use is read.
    frame : an image of a single voxel that has their origin, spacing and direction.
    """

    ct: np.ndarray
    labels: np.ndarray
    frame: sitk.Image


def subject(case: Case, config: StageConfig, prepared: Path) -> Subject:
    """A labelled case as a source of scans, each by a single resampling of the CT.

    prepared : folder for what is made once of a case, when its first scan is asked for.
    Raises BadInputError when a file is missing.
    """
    files = Labelled.of(case)
    points_mm = files.read_points()
    frame = volume.read_frame(files.ct)
    if config.works_upright:
        upright = Upright.of(frame)
        points_mm = {label: upright.from_world(point) for label, point in points_mm.items()}
        frame = upright.image
    low_mm, high_mm = geometry.extent(frame)
    voxel = frame[:1, :1, :1]
    arrays = functools.cache(lambda: prepare(files, config, prepared))

    def scan_on(grid: Grid, rng: np.random.Generator) -> Scan:
        ct, label_map = (np.load(path, mmap_mode="r") for path in arrays())
        warp = distortion.sample(rng, grid, config.training.ranges)
        intensity = distortion.sample_intensity(rng, config.training.ranges)
        where_mm = distortion.sources_mm(warp, grid)
        images = resampled(PreparedScan(ct, label_map, voxel), where_mm, grid)
        return Scan(
            distortion.change_intensity(images[0], intensity),
            images[1],
            moved(points_mm, warp, grid),
            np.minimum(where_mm[2] - low_mm[2], high_mm[2] - where_mm[2]),
        )

    return Subject(low_mm, high_mm, points_mm, scan_on, is_smooth=True)


def prepare(files: Labelled, config: StageConfig, folder: Path) -> tuple[Path, Path]:
    """The case's CT, smoothed, and its label map as arrays on disk; made when they are not there.

    Smoothing a whole scan takes seconds, reading the part that a network sees does not. Intensities
    are kept to half a Hounsfield unit. The arrays' names hold a hash of the file they are made of:
    a corrected file gets a new array.
    """
    name = f"{files.case.name}_{config.protocol}_{config.smoothing_mm:g}mm"
    held = files.sha256()
    paths = [folder / f"{name}_{held[kind][:16]}_{kind}.npy" for kind in ("ct", "labels")]
    for path, make in zip(paths, (_smooth_ct, _label_map), strict=True):
        if not path.is_file():
            with atomic.replacing(path, ".npy") as temporary:
                np.save(temporary, make(files, config))
    return paths[0], paths[1]


def resampled(
    scan: PreparedScan, where_mm: np.ndarray, grid: Grid
) -> tuple[sitk.Image, sitk.Image]:
    """CT and label map on a grid, each voxel from its place in the scan: (3, z, y, x)."""
    transform = distortion.transform(where_mm, grid)
    ct, label_map = near(scan, where_mm)
    return (
        geometry.resample(ct, grid, sitk.sitkLinear, geometry.AIR_HU, transform),
        geometry.resample(label_map, grid, sitk.sitkNearestNeighbor, 0, transform),
    )


def moved(
    points_mm: Mapping[int, np.ndarray], warp: distortion.Warp, grid: Grid
) -> dict[int, np.ndarray]:
    """The centres in the distorted scan, of those vertebrae that lie on its grid."""
    places = distortion.distorted_mm(warp, np.array(list(points_mm.values())).reshape(-1, 3))
    pairs = zip(points_mm, places, strict=True)
    return {label: point for label, point in pairs if grid.contains(point)}


def near(scan: PreparedScan, where_mm: np.ndarray) -> tuple[sitk.Image, sitk.Image]:
    """The part of the CT, float32, and of the label map that points (3, z, y, x) lie in."""
    low_mm, high_mm = (limit(where_mm, axis=(1, 2, 3)) for limit in (np.min, np.max))
    corners_mm = low_mm + geometry.CORNERS * (high_mm - low_mm)
    corners_vox = geometry.to_vox(scan.frame, corners_mm)
    last = np.array(scan.ct.shape[::-1]) - 1
    start = np.clip(np.floor(corners_vox.min(axis=0)) - 1, 0, last - 1).astype(int)
    stop = np.clip(np.ceil(corners_vox.max(axis=0)) + 1, start + 1, last).astype(int) + 1
    part = tuple(slice(a, b) for a, b in zip(start[::-1], stop[::-1], strict=True))
    origin_mm = geometry.to_mm(scan.frame, start).tolist()
    images = []
    for array in (scan.ct[part].astype(np.float32), np.array(scan.labels[part])):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(scan.frame.GetSpacing())
        image.SetDirection(scan.frame.GetDirection())
        image.SetOrigin(origin_mm)
        images.append(image)
    return images[0], images[1]


def _smooth_ct(files: Labelled, config: StageConfig) -> np.ndarray:
    """The CT, smoothed, int16, in the frame of the configuration's protocol."""
    ct = volume.read_ct(files.ct, files.case.series).image
    if config.works_upright:
        ct = Upright.of(whole_numbers(ct)).image
    smooth = np.rint(geometry.to_array(geometry.smooth(ct, config.smoothing_mm)))
    limits = np.iinfo(np.int16)
    return np.clip(smooth, limits.min, limits.max).astype(np.int16)


def _label_map(files: Labelled, config: StageConfig) -> np.ndarray:
    """The label map in the same frame."""
    label_map = volume.read_labels(files.labels)
    return geometry.to_array(Upright.of(label_map).image if config.works_upright else label_map)
