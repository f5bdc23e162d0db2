"""Samples for training as published, per stage: a random network input, and its target."""

import numpy as np

from versectl.config import StageConfig
from versectl.errors import BadInputError
from versectl.geometry import Grid
from versectl.stages.published import segmentation, spine, vertebrae
from versectl.synth.subject import Subject
from versectl.training.samples import TRIES, Draw, Sample, given_mm


def of_spine(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """The whole scan."""
    middle_mm = (subject.low_mm + subject.high_mm) / 2
    grid = Grid.centered(middle_mm, config.size_vox, (config.spacing_mm,) * 3)
    scan = subject.scan(grid, rng)
    return Sample(spine.box(scan.ct, grid, config), spine.target(scan.centroids_mm, grid, config))


def of_vertebrae(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A tile round all vertebrae, anywhere along the scan; a short scan is anywhere within it."""
    middle_mm = np.mean(list(subject.centroids_mm.values()), axis=0)
    slack_mm = (subject.high_mm - subject.low_mm)[2] - config.size_vox[2] * config.spacing_mm
    middle_mm[2] = (subject.low_mm + subject.high_mm)[2] / 2 + rng.uniform(-0.5, 0.5) * slack_mm
    grid = Grid.centered(middle_mm, config.size_vox, (config.spacing_mm,) * 3)
    scan = subject.scan(grid, rng)
    network_input = vertebrae.box(scan.ct, grid, config)
    if not config.training.sigma_l2:
        return Sample(network_input, vertebrae.target(scan.centroids_mm, grid, config))
    counts = np.ones((*grid.shape, 1), np.float32)
    unsure_mm = config.training.top_and_bottom_mm
    if scan.depth_mm is not None and unsure_mm:
        counts[scan.depth_mm < unsure_mm] = 0
    return Sample(network_input, vertebrae.points(scan.centroids_mm, grid, config), counts)


def of_segmentation(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A vertebra with its surroundings, whatever the scan cuts of it."""
    for _ in range(TRIES):
        label = int(rng.choice(list(subject.centroids_mm)))
        grid = segmentation.frame(subject.centroids_mm[label], config)
        scan = subject.scan(grid, rng)
        if label in scan.centroids_mm:  # else it was moved out of the box
            return Sample(
                segmentation.box(scan.ct, given_mm(scan.centroids_mm[label], rng), grid, config),
                segmentation.target(scan.labels, label, grid, config),
            )
    raise BadInputError("no vertebra of a subject for training stays in the box.")


#: Stage -> how its samples are drawn.
DRAW: dict[str, Draw] = {
    "spine": of_spine,
    "vertebrae": of_vertebrae,
    "segmentation": of_segmentation,
}
