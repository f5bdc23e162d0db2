"""Stage 3: the voxels of each vertebra (Payer et al. 2020, section 2.3)."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.special import expit

from versectl import geometry
from versectl.config import StageConfig
from versectl.geometry import Grid
from versectl.stages import heatmap
from versectl.types import Model

#: chosen: gaps in a mask up to twice as wide as this are filled. In thick slices the marrow of
#: processes looks like the soft tissue around them.
CLOSING_VOX = 2


class Placed(NamedTuple):
    """A response on a part of the scan's grid: where in the scan's array, and (z, y, x) there."""

    where: tuple[slice, ...]
    response: np.ndarray


def frame(center_mm: np.ndarray, config: StageConfig) -> Grid:
    """The grid round a vertebra whose body has its centre there."""
    x, y, z = center_mm
    return Grid.centered((x, y + config.posterior_mm, z), config.size_vox, (config.spacing_mm,) * 3)


def box(ct: sitk.Image, center_mm: np.ndarray, grid: Grid, config: StageConfig) -> np.ndarray:
    """Network input, (z, y, x, 2): the scan, and a Gaussian round the vertebra's centre."""
    seen = geometry.network_input(ct, grid, config.smoothing_mm)
    pointer = heatmap.gaussian(center_mm, config.sigma_mm, grid, config.truncate_sigma)
    return np.stack([seen, pointer], axis=-1)


def target(label_map: sitk.Image, label: int, grid: Grid, _config: StageConfig) -> np.ndarray:
    """Network target, (z, y, x, 1): 1 in the vertebra, else 0."""
    there = geometry.to_array(geometry.resample(label_map, grid, sitk.sitkNearestNeighbor, 0))
    return (there == label).astype(np.float32)[..., None]


def predict(ct: sitk.Image, centers_mm: Mapping[int, np.ndarray], model: Model) -> sitk.Image:
    """The label map on the scan's grid, uint8: each voxel has the label of highest response."""
    label_map = np.zeros(ct.GetSize()[::-1], np.uint8)
    strongest = np.full(label_map.shape, model.config.threshold, np.float16)
    for label, center_mm in centers_mm.items():
        grid = frame(center_mm, model.config)
        response = closed(one(ct, center_mm, grid, model), model.config.threshold)
        merge(label_map, strongest, place(response, ct, grid), label)
    return geometry.from_array(label_map, ct)


def one(ct: sitk.Image, center_mm: np.ndarray, grid: Grid, model: Model) -> np.ndarray:
    """Response for one vertebra, 0..1, (z, y, x) on its grid: the largest piece alone."""
    response = expit(model.answer(box(ct, center_mm, grid, model.config))[..., 0])
    touching = ndimage.generate_binary_structure(3, model.config.connectivity)
    pieces, count = ndimage.label(response > model.config.threshold, touching)
    if count > 1:
        largest = np.bincount(pieces.ravel())[1:].argmax() + 1
        response[(pieces > 0) & (pieces != largest)] = 0.0
    return response


def closed(response: np.ndarray, threshold: float) -> np.ndarray:
    """The response with narrow gaps in the mask, where it exceeds the threshold, filled.

    They are filled with a value barely above the threshold, so that a neighbouring vertebra with
    any response there keeps its own voxels.
    """
    mask = response > threshold
    ball = np.sum(np.square(np.indices((2 * CLOSING_VOX + 1,) * 3) - CLOSING_VOX), axis=0)
    filled = ndimage.binary_closing(mask, ball <= CLOSING_VOX**2) & ~mask
    barely = np.float32(threshold + 0.01)
    return np.where(filled, np.maximum(response, barely), response)


def place(response: np.ndarray, ct: sitk.Image, grid: Grid) -> Placed:
    """A response on the part of the scan's own grid that it covers, by linear interpolation."""
    half_mm = np.array(grid.spacing_mm) / 2  # as far as voxels reach, ITK interpolates
    region = geometry.crop(ct, grid.origin_mm - half_mm, grid.last_mm + half_mm)
    start = np.rint(geometry.to_vox(ct, np.array(region.GetOrigin()))).astype(int)
    where = tuple(slice(i, i + n) for i, n in zip(start[::-1], region.GetSize()[::-1], strict=True))
    image = geometry.from_array(response.astype(np.float32), grid)
    on_scan = sitk.Resample(image, region, sitk.Transform(), sitk.sitkLinear)
    return Placed(where, geometry.to_array(on_scan))


def merge(
    label_map: np.ndarray,
    strongest: np.ndarray,
    placed: Placed,
    label: int,
) -> None:
    """Give the vertebra every voxel where its response is the highest yet; changes both arrays.

    They hold one label and one response per voxel, never a volume per vertebra.
    """
    where, response = placed
    wins = response > strongest[where]
    label_map[where][wins] = label
    strongest[where][wins] = response[wins]
