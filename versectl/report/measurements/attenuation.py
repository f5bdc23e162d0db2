"""Hounsfield units of the spongy bone within a vertebral body, and of the canal behind it."""

import math

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from versectl import geometry
from versectl.report.measurements.body import STEP_MM, Body
from versectl.report.measures import NotMeasured

Array = NDArray[np.float64]

#: chosen: what is nearer to the surface is left out: 1 mm of cortical bone and endplate, blurred
#: by another millimetre, and a millimetre by which the mask may be off. With coarser voxels as much
#: as one of them is long.
MARGIN_MM = 3.0

#: chosen: fewer voxels, or less than this of a body, tell too little.
LEAST_VOX, LEAST_ML = 20, 0.1


def within(body: Body, points_mm: Array, values_hu: Array, spacing_mm: Array) -> dict[str, float]:
    """Mean, median and standard deviation of the voxels inside the body.

    points_mm, values_hu : the body's own voxels of the CT, (n, 3) and (n,). spacing_mm : theirs.
    """
    margin_mm = max(MARGIN_MM, float(spacing_mm.max()))
    inner = depth_mm(body)[body.nearest(points_mm)] >= margin_mm
    seen = values_hu[inner].astype(float)
    if len(seen) < max(LEAST_VOX, LEAST_ML * 1000 / float(np.prod(spacing_mm))):
        raise NotMeasured("too few voxels lie inside its body, away from the surface")
    return {
        "hu_mean": float(seen.mean()),
        "hu_median": float(np.median(seen)),
        "hu_sd": float(seen.std()),
    }


def of_canal(body: Body, ct: sitk.Image) -> float:
    """Median of the spinal canal behind the body; NaN where the scan does not show it."""
    nearest_vox = np.rint(geometry.to_vox(ct, body.canal_mm)).astype(int)
    inside = np.all((nearest_vox >= 0) & (nearest_vox < ct.GetSize()), axis=1)
    if not inside.any():
        return math.nan
    return float(np.median(sitk.GetArrayViewFromImage(ct)[tuple(nearest_vox[inside].T[::-1])]))


def depth_mm(body: Body) -> Array:
    """How far every voxel of the body's grid lies from its surface; 0 beside the body."""
    found_mm = np.zeros(body.solid.shape)
    box = ndimage.find_objects(body.solid.view(np.uint8))[0]
    near = np.pad(body.solid[box], 1)
    inside = ndimage.distance_transform_edt(near) - 0.5  # the surface is half a voxel away
    found_mm[box] = inside[1:-1, 1:-1, 1:-1] * STEP_MM
    return found_mm
