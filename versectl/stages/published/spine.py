"""Stage 1 as published and as released for VerSe 2019: the centre of mass of the whole heatmap."""

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from versectl import geometry
from versectl.config import StageConfig
from versectl.geometry import Grid
from versectl.stages import heatmap
from versectl.stages.published.center_on import center_on
from versectl.stages.published.upright import Upright, whole_numbers
from versectl.stages.spine import box
from versectl.types import Model, Spine

#: The published stage; what it shares with ours comes from there.
__all__ = ["box", "frame", "predict", "target"]


def frame(ct: sitk.Image, config: StageConfig) -> Grid:
    """The grid round the middle of the scan; what lies beyond it is not seen."""
    return Grid.centered(geometry.center(ct), config.size_vox, (config.spacing_mm,) * 3)


def target(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """Network target, (z, y, x, 1): the sum of a Gaussian round every vertebra.

    The released weights' training cut the Gaussians off and smoothed the sum.
    """
    heat = np.zeros(grid.shape, np.float32)
    for center_mm in centers_mm.values():
        heat += heatmap.gaussian(center_mm, config.sigma_mm, grid, config.truncate_sigma)
    if config.blur_vox:
        heat = ndimage.gaussian_filter(heat, config.blur_vox, mode="nearest", truncate=4)
    return heat[..., None]


def predict(ct: sitk.Image, model: Model) -> Spine:
    """The spine of a scan, on the scan's grid; without a centre when the heatmap sums to 0."""
    upright = Upright.of(whole_numbers(ct))
    grid = frame(upright.image, model.config)
    heat = model.answer(box(upright.image, grid, model.config))[..., 0]
    center_mm = center_on(heat, grid, Grid.of(upright.image))
    image = upright.in_world(geometry.from_array(heat, grid))
    return Spine(upright.to_world(center_mm), float(heat.max()), image)
