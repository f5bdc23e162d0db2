"""What a network is shown in training: for each stage, one random sample of a subject.

The box and the target are those of the stage itself, so training and inference frame a scan alike.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from versectl import oblique, segmentation, spine, vertebrae
from versectl.config import StageConfig
from versectl.errors import BadInputError
from versectl.scan import Scan, Subject
from versectl.volume import Grid

#: chosen: a scan for the spine stage is made at this spacing and seen at 8 mm.
SPINE_SCAN_MM = 4.0

#: chosen: how far the spine's centre, found at 8 mm, may be off.
CENTER_ERROR_MM = 15.0

#: section 3.1: how far the vertebra's centre the third stage is given may be off.
POINT_ERROR_MM = 3.0

#: chosen: how far a scan cropped round the spine goes from a vertebra's centre: to the right and to
#: the left, to the front and to the back.
CROPPED_MM = (((38, 120), (38, 120)), ((40, 120), (60, 140)))

#: chosen: share of fields of view that lie askew.
OBLIQUE = 0.4

#: chosen: response that is wanted for a vertebra that is cut, but not as far as its centre.
CUT = 0.5

#: chosen: scans made before a subject is given up.
TRIES = 30


class Sample(NamedTuple):
    """What a network sees and should answer: (z, y, x, channels), float32 each.

    Where the target's widths are learned, `wanted` is points in voxels, (names, 4), see
    vertebrae.points.
    counts : where an answer counts, 0 or 1, (z, y, x, 1); None if everywhere.
    """

    seen: np.ndarray
    wanted: np.ndarray
    counts: np.ndarray | None = None


def draw(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A random sample for a stage; as published where the configuration asks for it."""
    if subject.is_smooth:
        config = replace(config, smoothing_mm=0.0)
    return DRAW[config.protocol, config.stage](subject, config, rng)


def of_spine(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A whole field of view, and where its spine is."""
    low_mm, high_mm = field_of_view(subject, rng)
    spacing_mm = config.spacing_mm if subject.is_smooth else SPINE_SCAN_MM
    size_vox = np.maximum(2 * np.ceil((high_mm - low_mm) / spacing_mm / 2), 8)
    grid = Grid.centered((low_mm + high_mm) / 2, size_vox, (spacing_mm,) * 3)
    scan = subject.scan(grid, rng)
    box_grid = spine.frame(scan.ct, config)
    return Sample(
        spine.box(scan.ct, box_grid, config), spine.target(scan.centroids_mm, box_grid, config)
    )


def of_spine_published(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """The whole scan."""
    middle_mm = (subject.low_mm + subject.high_mm) / 2
    grid = Grid.centered(middle_mm, config.size_vox, (config.spacing_mm,) * 3)
    scan = subject.scan(grid, rng)
    return Sample(spine.box(scan.ct, grid, config), spine.target(scan.centroids_mm, grid, config))


def of_vertebrae(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A tile somewhere along the spine of a field of view, and its vertebrae.

    Of two fields of view the shorter one: what shows few vertebrae is harder to name.
    """
    views_mm = [field_of_view(subject, rng) for _ in range(2)]
    shorter_mm = min(views_mm, key=lambda view_mm: np.ptp(view_mm, axis=0)[2])
    low_mm, high_mm = _part(*shorter_mm, config.size_vox[2] * config.spacing_mm, rng)
    middle_mm = (low_mm + high_mm) / 2
    points_mm = np.array(list(subject.centroids_mm.values()))
    shown_mm = points_mm[np.all((points_mm >= low_mm) & (points_mm <= high_mm), axis=1)]
    if len(shown_mm):
        middle_mm[:2] = shown_mm.mean(axis=0)[:2]
    middle_mm[:2] += rng.uniform(-CENTER_ERROR_MM, CENTER_ERROR_MM, 2)
    grid = vertebrae.frame(middle_mm, 0.0, config)  # a single tile
    scan = _scan(subject, grid.within(low_mm, high_mm), rng)
    whole, cut = (
        vertebrae.target(centers_mm, grid, config)
        for centers_mm in (scan.centroids_mm, scan.cut_mm)
    )
    return Sample(vertebrae.box(scan.ct, grid, config), np.maximum(whole, CUT * cut))


def _part(
    low_mm: np.ndarray, high_mm: np.ndarray, length_mm: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A part of a field of view, no longer than that."""
    slack_mm = max((high_mm - low_mm)[2] - length_mm, 0.0)
    low_mm = low_mm + [0, 0, rng.uniform(0, slack_mm)]
    return low_mm, np.array([*high_mm[:2], min(high_mm[2], low_mm[2] + length_mm)])


def of_vertebrae_published(
    subject: Subject, config: StageConfig, rng: np.random.Generator
) -> Sample:
    """A tile round all vertebrae, anywhere along the scan; a short scan is anywhere within it."""
    middle_mm = np.mean(list(subject.centroids_mm.values()), axis=0)
    slack_mm = (subject.high_mm - subject.low_mm)[2] - config.size_vox[2] * config.spacing_mm
    middle_mm[2] = (subject.low_mm + subject.high_mm)[2] / 2 + rng.uniform(-0.5, 0.5) * slack_mm
    grid = Grid.centered(middle_mm, config.size_vox, (config.spacing_mm,) * 3)
    scan = subject.scan(grid, rng)
    seen = vertebrae.box(scan.ct, grid, config)
    if not config.training.sigma_l2:
        return Sample(seen, vertebrae.target(scan.centroids_mm, grid, config))
    counts = np.ones((*grid.shape, 1), np.float32)
    unsure_mm = config.training.top_and_bottom_mm
    if scan.depth_mm is not None and unsure_mm:
        counts[scan.depth_mm < unsure_mm] = 0
    return Sample(seen, vertebrae.points(scan.centroids_mm, grid, config), counts)


def of_segmentation(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A vertebra with its surroundings, and its voxels."""
    for _ in range(TRIES):
        label = int(rng.choice(list(subject.centroids_mm)))
        center_mm = subject.centroids_mm[label]
        low_mm, high_mm = field_of_view(subject, rng, center_mm)
        grid = segmentation.frame(center_mm + rng.uniform(-2, 2, 3), config)
        scan = _scan(subject, grid.within(low_mm, high_mm), rng)
        if label in scan.centroids_mm:  # else the field of view cuts it
            return _segmentation_on(grid, scan, label, (config, rng))
    raise BadInputError("no vertebra of a subject for training fits the box as a whole.")


def of_segmentation_published(
    subject: Subject, config: StageConfig, rng: np.random.Generator
) -> Sample:
    """A vertebra with its surroundings, whatever the scan cuts of it."""
    for _ in range(TRIES):
        label = int(rng.choice(list(subject.centroids_mm)))
        grid = segmentation.frame(subject.centroids_mm[label], config)
        scan = subject.scan(grid, rng)
        if label in scan.centroids_mm:  # else it was moved out of the box
            return _segmentation_on(grid, scan, label, (config, rng))
    raise BadInputError("no vertebra of a subject for training stays in the box.")


def _segmentation_on(
    grid: Grid, scan: Scan, label: int, chance: tuple[StageConfig, np.random.Generator]
) -> Sample:
    config, rng = chance
    given_mm = scan.centroids_mm[label] + rng.uniform(-POINT_ERROR_MM, POINT_ERROR_MM, 3)
    return Sample(
        segmentation.box(scan.ct, given_mm, grid, config),
        segmentation.target(scan.labels, label, grid, config.blur_vox),
    )


def _scan(subject: Subject, grid: Grid, rng: np.random.Generator) -> Scan:
    scan = subject.scan(grid, rng)
    return oblique.cut(scan, rng) if rng.random() < OBLIQUE else scan


def field_of_view(
    subject: Subject, rng: np.random.Generator, around_mm: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest world coordinates of a random scan; it holds a vertebra's centre.

    Half of them are as wide as the subject, half as deep; the rest are cropped round the spine, as
    VerSe's are, or in width alone, as scans with sagittal slices are. Lengths run from two
    vertebrae to everything, all being equally likely.
    """
    if around_mm is None:
        around_mm = rng.permutation(list(subject.centroids_mm.values()))[0]
    low_mm, high_mm = subject.low_mm.copy(), subject.high_mm.copy()
    width_is_cropped = rng.random() < 0.5
    for axis, is_cropped in ((0, width_is_cropped), (1, width_is_cropped and rng.random() < 0.7)):
        if is_cropped:
            before_mm, after_mm = (rng.uniform(*side) for side in CROPPED_MM[axis])
            low_mm[axis] = max(low_mm[axis], around_mm[axis] - before_mm)
            high_mm[axis] = min(high_mm[axis], around_mm[axis] + after_mm)
    if rng.random() < 0.8:
        length_mm = rng.uniform(80, max(high_mm[2] - low_mm[2], 81))
        start_mm = around_mm[2] - rng.uniform(0.1, 0.9) * length_mm
        low_mm[2] = max(low_mm[2], start_mm)
        high_mm[2] = min(high_mm[2], start_mm + length_mm)
    return low_mm, high_mm


DRAW = {
    ("default", "spine"): of_spine,
    ("default", "vertebrae"): of_vertebrae,
    ("default", "segmentation"): of_segmentation,
    ("published", "spine"): of_spine_published,
    ("published", "vertebrae"): of_vertebrae_published,
    ("published", "segmentation"): of_segmentation_published,
}
