"""A CT with its truth, and how subjects for training make one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from versectl.volume import Grid


@dataclass(frozen=True)
class Scan:
    """A CT with its truth: the label map holds vertebrae only, centroids complete ones only."""

    ct: sitk.Image
    labels: sitk.Image
    centroids_mm: Mapping[int, np.ndarray]


@dataclass(frozen=True)
class Subject:
    """Somebody to make scans of.

    low_mm, high_mm : lowest and highest world coordinates that can be scanned, (3,) each.
    centroids_mm : label -> centre of the vertebral body (3,).
    scan : a new scan on a grid, distorted round the grid's middle.
    weight : how often it is chosen, beside others.
    """

    low_mm: np.ndarray
    high_mm: np.ndarray
    centroids_mm: Mapping[int, np.ndarray]
    scan: Callable[[Grid, np.random.Generator], Scan]
    weight: float = 1.0
