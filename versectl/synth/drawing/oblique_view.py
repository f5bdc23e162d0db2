"""Fields of view that lie askew in a scan, as where it was resampled along a tilted spine."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from versectl import geometry
from versectl.geometry import Grid
from versectl.synth.subject import Scan

#: chosen: how far it is turned about each axis at most.
ANGLE_DEG = 20.0

#: chosen: its sides beside the scan's own.
SHARES = (0.75, 1.05)

#: chosen: a vertebra that lost more of its voxels is no longer whole; its processes may be cut.
MOST_LOST = 0.2

#: chosen: one that lost more than that is out of view.
OUT_OF_VIEW = 0.5


#: chosen: how far a gantry is tilted, and which share of a scan its slices cover.
GANTRY_DEG, COVERED = (8.0, 25.0), (0.7, 1.0)


def cut(scan: Scan, rng: np.random.Generator) -> Scan:
    """The scan with nothing but air, and no labels, beyond a box turned round its middle."""
    angles_deg = rng.uniform(-ANGLE_DEG, ANGLE_DEG, 3)
    turn = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    return _without(scan, beyond(Grid.of(scan.ct), turn, rng.uniform(*SHARES, 3)))


def cut_by_gantry(scan: Scan, rng: np.random.Generator) -> Scan:
    """The scan as by a gantry tilted forward or back: its ends slope, its sides are upright."""
    angle_deg = rng.choice([-1, 1]) * rng.uniform(*GANTRY_DEG)
    slope = Rotation.from_euler("x", angle_deg, degrees=True).as_matrix()
    turn = np.stack([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], slope[2]])
    shares = np.array([1.0, 1.0, rng.uniform(*COVERED)]) + 1e-6
    return _without(scan, beyond(Grid.of(scan.ct), turn, shares))


def _without(scan: Scan, outside: np.ndarray) -> Scan:
    """The scan with air, and no labels, at these voxels (z, y, x)."""
    hounsfield, found = geometry.to_array(scan.ct), geometry.to_array(scan.labels)
    grid = Grid.of(scan.ct)
    seen = np.where(outside, geometry.AIR_HU, hounsfield).astype(hounsfield.dtype)
    before, gone = (np.bincount(part.ravel(), minlength=256) for part in (found, found[outside]))
    lost = gone / np.maximum(before, 1)
    shown_mm = {**scan.centroids_mm, **scan.cut_mm}
    whole = [label for label in scan.centroids_mm if lost[label] <= MOST_LOST]
    partly = [label for label in shown_mm if label not in whole and lost[label] <= OUT_OF_VIEW]
    return replace(
        scan,
        ct=geometry.from_array(seen, grid),
        labels=geometry.from_array(np.where(outside, 0, found), grid),
        centroids_mm={label: shown_mm[label] for label in whole},
        cut_mm={label: shown_mm[label] for label in partly},
    )


def beyond(grid: Grid, turn: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Which voxels (z, y, x) lie beyond a box round the grid's middle.

    turn : (3, 3), its rows are the box's axes.
    shares : (3,), its sides beside the grid's.
    """
    half_mm = (np.array(grid.size_vox) - 1) / 2 * grid.spacing_mm
    x, y, z = (
        np.linspace(-h, h, n, dtype=np.float32) for h, n in zip(half_mm, grid.size_vox, strict=True)
    )
    outside = np.zeros(grid.shape, bool)
    for (along_x, along_y, along_z), limit_mm in zip(turn, half_mm * shares, strict=True):
        away_mm = along_x * x + along_y * y[:, None] + along_z * z[:, None, None]
        outside |= np.abs(away_mm) > limit_mm
    return outside
