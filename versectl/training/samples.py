"""Samples for training, per stage: a random network input of a subject, and its target.

Both are made by the stage itself, so that training and inference frame a scan alike.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from versectl.config import StageConfig, fast
from versectl.errors import BadInputError
from versectl.geometry import Grid
from versectl.stages import segmentation, spine, vertebrae
from versectl.synth.drawing import oblique_view
from versectl.synth.drawing.field_of_view import field_of_view
from versectl.synth.subject import Scan, Subject

#: chosen: a scan for the spine stage is made at this spacing, the network input at 8 mm.
SPINE_SCAN_MM = 4.0

#: chosen: error of the spine's centre, found at 8 mm, along x and y.
CENTER_ERROR_MM = 15.0

#: section 3.1: error of the vertebra's centre that the third stage is given, along each axis.
POINT_ERROR_MM = 3.0

#: chosen: shares of oblique fields of view, and of scans whose ends a tilted gantry cut.
OBLIQUE, TILTED = 0.4, 0.08

#: chosen: target of a vertebra that the scan cuts, but not as far as its centre.
CUT = 0.5

#: chosen: share of vertebrae shown at the spacing of their level's box. A mask that this box cuts
#: is looked at again at the spacing of all others, so both must be known.
AT_LEVEL = 0.75

#: chosen: share of vertebrae shown in the small box that --fast looks at first.
SMALL = 0.4

#: chosen: scans made before a subject is given up.
TRIES = 30


class Sample(NamedTuple):
    """A network input and its target: (z, y, x, channels).

    The input is float32, the target float16 or float32: half as much to hand on between processes.

    Where the widths of the target's Gaussians are learned, the target is points in voxels,
    (labels, 4), see stages.published.vertebrae.points.
    counts : where the answer counts in the loss, 0 or 1, (z, y, x, 1); None if everywhere.
    """

    network_input: np.ndarray
    target: np.ndarray
    counts: np.ndarray | None = None


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


def of_vertebrae(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A tile somewhere along the spine of a field of view, and its vertebrae.

    Of two fields of view the shorter one: what shows few vertebrae is harder to label.
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
    wanted = np.maximum(whole, CUT * cut).astype(np.float16)
    return Sample(vertebrae.box(scan.ct, grid, config), wanted)


def _part(
    low_mm: np.ndarray, high_mm: np.ndarray, length_mm: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A part of a field of view, no longer than that."""
    slack_mm = max((high_mm - low_mm)[2] - length_mm, 0.0)
    low_mm = low_mm + [0, 0, rng.uniform(0, slack_mm)]
    return low_mm, np.array([*high_mm[:2], min(high_mm[2], low_mm[2] + length_mm)])


def of_segmentation(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A vertebra, whole or cut by the field of view, with its surroundings, and its voxels."""
    for _ in range(TRIES):
        label = int(rng.choice(list(subject.centroids_mm)))
        center_mm = subject.centroids_mm[label]
        low_mm, high_mm = field_of_view(subject, rng, center_mm)
        shown = _box(label, config, rng)
        grid = segmentation.frame(center_mm + rng.uniform(-2, 2, 3), shown)
        scan = _scan(subject, grid.within(low_mm, high_mm), rng)
        shown_mm = {**scan.centroids_mm, **scan.cut_mm}
        if label in shown_mm:  # else its centre is out of view
            return Sample(
                segmentation.box(scan.ct, given_mm(shown_mm[label], rng), grid, shown),
                segmentation.target(scan.labels, label, grid, shown),
            )
    raise BadInputError("no vertebra of a subject for training has its centre in the box.")


def _box(label: int, config: StageConfig, rng: np.random.Generator) -> StageConfig:
    """The configuration with one of the boxes that a vertebra of that level is seen in."""
    if rng.random() < SMALL:
        return fast(config).at(label)
    return config.at(label) if rng.random() < AT_LEVEL else config


def given_mm(center_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A vertebra's centre (3,) as the third stage is given it: a little off."""
    return center_mm + rng.uniform(-POINT_ERROR_MM, POINT_ERROR_MM, 3)


def _scan(subject: Subject, grid: Grid, rng: np.random.Generator) -> Scan:
    scan = subject.scan(grid, rng)
    draw = rng.random()
    if draw < OBLIQUE:
        return oblique_view.cut(scan, rng)
    return oblique_view.cut_by_gantry(scan, rng) if draw < OBLIQUE + TILTED else scan


#: A random sample of a subject for the stage of a configuration.
Draw = Callable[[Subject, StageConfig, np.random.Generator], Sample]

#: Stage -> how its samples are drawn.
DRAW: dict[str, Draw] = {
    "spine": of_spine,
    "vertebrae": of_vertebrae,
    "segmentation": of_segmentation,
}
