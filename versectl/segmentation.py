"""Stage 3: the voxels of each vertebra (Payer et al. 2020, section 2.3)."""

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.special import expit

from versectl import heatmap, volume
from versectl.config import StageConfig
from versectl.model import Model
from versectl.volume import Grid

#: From a vertebral body's centre to the middle of the box: the processes lie behind the body.
#: The released VerSe 2019 weights' crop; the paper puts the vertebra in the middle.
POSTERIOR_MM = 20.0


def frame(center_mm: np.ndarray, config: StageConfig) -> Grid:
    """The grid round a vertebra whose body has its centre there."""
    x, y, z = center_mm
    return Grid.centered((x, y + POSTERIOR_MM, z), config.size_vox, (config.spacing_mm,) * 3)


def box(ct: sitk.Image, center_mm: np.ndarray, grid: Grid, config: StageConfig) -> np.ndarray:
    """What the network sees: the scan, and a Gaussian where the vertebra's centre is."""
    seen = volume.seen(ct, grid, config.smoothing_mm)
    return np.stack([seen, heatmap.gaussian(center_mm, config.sigma_mm, grid)], axis=-1)


def target(label_map: sitk.Image, label: int, grid: Grid) -> np.ndarray:
    """What it should answer: that vertebra, 0 or 1, (z, y, x, 1)."""
    there = volume.resample(label_map, grid, sitk.sitkNearestNeighbor, 0)
    return (volume.to_array(there) == label).astype(np.float32)[..., None]


def predict(ct: sitk.Image, centers_mm: Mapping[int, np.ndarray], model: Model) -> sitk.Image:
    """The label map on the scan's grid, uint8: in every voxel the vertebra that answers most."""
    label_map = np.zeros(ct.GetSize()[::-1], np.uint8)
    strongest = np.full(label_map.shape, model.config.threshold, np.float16)
    for label, center_mm in centers_mm.items():
        grid = frame(center_mm, model.config)
        response = one(ct, center_mm, grid, model)
        merge(label_map, strongest, place(response, ct, grid), label)
    return volume.from_array(label_map, ct)


def one(ct: sitk.Image, center_mm: np.ndarray, grid: Grid, model: Model) -> np.ndarray:
    """Response for one vertebra, 0..1, (z, y, x) on its grid: the largest piece alone."""
    response = expit(model.answer(box(ct, center_mm, grid, model.config))[..., 0])
    pieces, count = ndimage.label(response > model.config.threshold, np.ones((3, 3, 3)))
    if count > 1:
        largest = np.bincount(pieces.ravel())[1:].argmax() + 1
        response[(pieces > 0) & (pieces != largest)] = 0.0
    return response


def place(
    response: np.ndarray, ct: sitk.Image, grid: Grid
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Where in the scan's array a response lies, and its values there by linear interpolation."""
    region = volume.crop(ct, grid.origin_mm, grid.last_mm)
    start = np.rint(volume.to_vox(ct, np.array(region.GetOrigin()))).astype(int)
    where = tuple(slice(i, i + n) for i, n in zip(start[::-1], region.GetSize()[::-1], strict=True))
    image = volume.from_array(response.astype(np.float32), grid)
    return where, volume.to_array(sitk.Resample(image, region, sitk.Transform(), sitk.sitkLinear))


def merge(
    label_map: np.ndarray,
    strongest: np.ndarray,
    placed: tuple[tuple[slice, slice, slice], np.ndarray],
    label: int,
) -> None:
    """Give the vertebra every voxel where it answers more than all before; changes both arrays.

    One label and one response per voxel are held, never a volume per vertebra.
    """
    where, response = placed
    wins = response > strongest[where]
    label_map[where][wins] = label
    strongest[where][wins] = response[wins]
