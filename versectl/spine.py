"""Stage 1: where the spine is, from the whole scan at 8 mm (Payer et al. 2020, section 2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.special import expit

from versectl import heatmap, volume
from versectl.config import StageConfig
from versectl.errors import BadInputError
from versectl.model import Model
from versectl.volume import Grid


@dataclass(frozen=True)
class Spine:
    """Centre of the visible spine in the world (3,), the strongest response in 0..1, and all."""

    center_mm: np.ndarray
    peak: float
    heatmap: sitk.Image


def frame(ct: sitk.Image, config: StageConfig) -> Grid:
    """The grid round the middle of the scan; a scan longer than the box gets a longer grid."""
    low_mm, high_mm = volume.extent(ct)
    x, y, z = config.size_vox
    step = config.network.divisor
    length_vox = int(np.ceil((high_mm[2] - low_mm[2]) / config.spacing_mm / step)) * step
    spacing_mm = (config.spacing_mm,) * 3
    return Grid.centered(volume.center(ct), (x, y, max(z, length_vox)), spacing_mm)


def box(ct: sitk.Image, grid: Grid, config: StageConfig) -> np.ndarray:
    """What the network sees: the scan on the grid, (z, y, x, 1)."""
    return volume.seen(ct, grid, config.smoothing_mm)[..., None]


def target(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """What it should answer: the highest of the Gaussians round all vertebrae, (z, y, x, 1)."""
    answer = np.zeros(grid.shape, np.float32)
    for center_mm in centers_mm.values():
        np.maximum(answer, heatmap.gaussian(center_mm, config.sigma_mm, grid), out=answer)
    return answer[..., None]


def predict(ct: sitk.Image, model: Model) -> Spine:
    """The spine of a scan; BadInputError when nothing in it looks like one."""
    grid = frame(ct, model.config)
    heat = expit(model.answer(box(ct, grid, model.config))[..., 0])
    peak = float(heat.max())
    if peak < model.config.threshold:
        raise BadInputError(
            f"shows no spine (strongest response {peak:.2f}, needed {model.config.threshold:g}); "
            "check that it is a CT of the trunk or neck in Hounsfield units."
        )
    center_mm = heatmap.center_of_mass(heat, grid)
    return Spine(center_mm, peak, volume.from_array(heat.astype(np.float32), grid))
