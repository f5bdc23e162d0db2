"""What a scan covers: a random field of view of a subject."""

import numpy as np

from versectl.synth.subject import Subject

#: chosen: how far a scan cropped round the spine goes from a vertebra's centre: to the right and to
#: the left, to the front and to the back.
CROPPED_MM = (((38, 120), (38, 120)), ((40, 120), (60, 140)))

#: chosen: share of scans cut out tightly round a few vertebrae, and their sides in mm: two to four
#: vertebrae long. So much of them lies in front of the centre of a body.
TIGHT, TIGHT_MM, TIGHT_FRONT_MM = 0.08, ((60, 80), (60, 80), (55, 130)), (25, 40)


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
    if rng.random() < TIGHT:
        return tight(subject, rng, around_mm)
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


def tight(
    subject: Subject, rng: np.random.Generator, around_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A box round a centre (3,) that may cut the vertebra's processes, but not its body."""
    sides_mm = np.array([rng.uniform(*side) for side in TIGHT_MM])
    before_mm = np.array([0.5, 0.0, rng.uniform(0.25, 0.75)]) * sides_mm
    before_mm += [rng.uniform(-8, 8), rng.uniform(*TIGHT_FRONT_MM), 0]
    low_mm = around_mm - before_mm
    return np.maximum(low_mm, subject.low_mm), np.minimum(low_mm + sides_mm, subject.high_mm)
