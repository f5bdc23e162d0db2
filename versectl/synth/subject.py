"""A CT with its truth, and how subjects for training make one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from versectl.geometry import Grid


@dataclass(frozen=True)
class Scan:
    """A CT with its truth: the label map holds vertebrae only, centroids complete ones only.

    depth_mm : (z, y, x), how far below the upper and above the lower end of what was scanned a
        voxel comes from, whichever is less; None where nothing ends there.
    cut_mm : label -> centre (3,) of the vertebrae that are cut, but not as far as their centre.
    """

    ct: sitk.Image
    labels: sitk.Image
    centroids_mm: Mapping[int, np.ndarray]
    depth_mm: np.ndarray | None = None
    cut_mm: Mapping[int, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """Somebody to make scans of.

    low_mm, high_mm : lowest and highest world coordinates that can be scanned, (3,) each.
    centroids_mm : label -> centre of the vertebral body (3,).
    scan : a new scan on a grid, distorted round the grid's middle.
    weight : how often it is chosen, beside others.
    is_smooth : the scan was smoothed before it was put on the grid, and need not be again.
    """

    low_mm: np.ndarray
    high_mm: np.ndarray
    centroids_mm: Mapping[int, np.ndarray]
    scan: Callable[[Grid, np.random.Generator], Scan]
    weight: float = 1.0
    is_smooth: bool = False
