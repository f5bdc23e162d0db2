"""Stage 1: where the spine is, from the whole scan at 8 mm (Payer et al. 2020, section 2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
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
    """The grid round the middle of the scan; a longer scan gets a longer grid, but as published."""
    low_mm, high_mm = volume.extent(ct)
    x, y, z = config.size_vox
    if config.protocol == "default":
        step = config.network.divisor
        length_vox = int(np.ceil((high_mm[2] - low_mm[2]) / config.spacing_mm / step)) * step
        z = max(z, length_vox)
    return Grid.centered(volume.center(ct), (x, y, z), (config.spacing_mm,) * 3)


def box(ct: sitk.Image, grid: Grid, config: StageConfig) -> np.ndarray:
    """What the network sees: the scan on the grid, (z, y, x, 1)."""
    return volume.seen(ct, grid, config.smoothing_mm)[..., None]


def target(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """What it should answer, (z, y, x, 1): Gaussians round all vertebrae, merged.

    Ours is the highest of them, the published one their sum, which the released weights' training
    cut off and smoothed.
    """
    answer = np.zeros(grid.shape, np.float32)
    merge = np.maximum if config.protocol == "default" else np.add
    for center_mm in centers_mm.values():
        one = heatmap.gaussian(center_mm, config.sigma_mm, grid, config.truncate_sigma)
        merge(answer, one, out=answer)
    if config.blur_vox:
        answer = ndimage.gaussian_filter(answer, config.blur_vox, mode="nearest", truncate=4)
    return answer[..., None]


def predict(ct: sitk.Image, model: Model) -> Spine:
    """The spine of a scan; BadInputError when nothing in it looks like one."""
    return PREDICT[model.config.protocol](ct, model)


def _predict_default(ct: sitk.Image, model: Model) -> Spine:
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


def _predict_published(ct: sitk.Image, model: Model) -> Spine:
    """The centre of mass of the whole heatmap on the scan's grid, as released for VerSe 2019."""
    upright = volume.Upright.of(volume.whole_numbers(ct))
    grid = frame(upright.image, model.config)
    heat = model.answer(box(upright.image, grid, model.config))[..., 0]
    center_mm = heatmap.center_on(heat, grid, Grid.of(upright.image))
    if not np.isfinite(center_mm).all():
        raise BadInputError("shows no spine: the network's responses sum to nothing.")
    image = upright.in_world(volume.from_array(heat, grid))
    return Spine(upright.to_world(center_mm), float(heat.max()), image)


PREDICT = {"default": _predict_default, "published": _predict_published}
