"""Places in the world and in voxels: frames, grids, resampling, arrays.

World coordinates are millimetres in LPS: x grows to the patient's left, y to posterior, z to
superior. Points, sizes and spacings are x, y, z; arrays are z, y, x, as SimpleITK hands them over.
"""

from versectl.geometry.arrays import (
    around,
    from_array,
    keep_labels,
    label_centers_vox,
    label_counts,
    largest_piece,
    to_array,
)
from versectl.geometry.frame import (
    CORNERS,
    OPPOSITE,
    Frame,
    Triple,
    Vector,
    axes_along_world,
    axis_letters,
    center,
    contains,
    covering,
    extent,
    same_grid,
    to_mm,
    to_vox,
)
from versectl.geometry.grid import Grid
from versectl.geometry.network_inputs import UNIT_HU, network_input
from versectl.geometry.resampling import AIR_HU, crop, resample, resample_to, smooth, turned

__all__ = [
    "AIR_HU",
    "CORNERS",
    "OPPOSITE",
    "UNIT_HU",
    "Frame",
    "Grid",
    "Triple",
    "Vector",
    "around",
    "axes_along_world",
    "axis_letters",
    "center",
    "contains",
    "covering",
    "crop",
    "extent",
    "from_array",
    "keep_labels",
    "label_centers_vox",
    "label_counts",
    "largest_piece",
    "network_input",
    "resample",
    "resample_to",
    "same_grid",
    "smooth",
    "to_array",
    "to_mm",
    "to_vox",
    "turned",
]
