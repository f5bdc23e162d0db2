"""Stage 1: where the spine is, from the whole scan at 8 mm (Payer et al. 2020, section 2.1)."""

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk
from scipy.special import expit

from versectl import geometry
from versectl.config import StageConfig
from versectl.geometry import Grid
from versectl.stages import heatmap
from versectl.types import Model, Spine


def frame(ct: sitk.Image, config: StageConfig) -> Grid:
    """The grid round the middle of the scan; a longer scan gets a longer grid."""
    low_mm, high_mm = geometry.extent(ct)
    x, y, z = config.size_vox
    step = config.network.divisor
    length_vox = int(np.ceil((high_mm[2] - low_mm[2]) / config.spacing_mm / step)) * step
    size_vox = (x, y, max(z, length_vox))
    return Grid.centered(geometry.center(ct), size_vox, (config.spacing_mm,) * 3)


def box(ct: sitk.Image, grid: Grid, config: StageConfig) -> np.ndarray:
    """Network input: the scan on the grid, (z, y, x, 1)."""
    return geometry.network_input(ct, grid, config.smoothing_mm)[..., None]


def target(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """Network target, (z, y, x, 1): a Gaussian round every vertebra, in each voxel the highest."""
    heat = np.zeros(grid.shape, np.float32)
    for center_mm in centers_mm.values():
        one = heatmap.gaussian(center_mm, config.sigma_mm, grid, config.truncate_sigma)
        np.maximum(heat, one, out=heat)
    return heat[..., None]


def predict(ct: sitk.Image, model: Model) -> Spine:
    """The spine of a scan; without a centre when nothing in it looks like one."""
    grid = frame(ct, model.config)
    heat = expit(model.answer(box(ct, grid, model.config))[..., 0])
    peak = float(heat.max())
    is_in_view = peak >= model.config.threshold
    center_mm = np.full(3, np.nan)
    if is_in_view:  # the grid reaches beyond a small scan
        center_mm = np.clip(heatmap.center_of_mass(heat, grid), *geometry.extent(ct))
    return Spine(center_mm, peak, geometry.from_array(heat.astype(np.float32), grid))
