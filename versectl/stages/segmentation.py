"""Stage 3: the voxels of each vertebra (Payer et al. 2020, section 2.3)."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.special import expit, logit

from versectl import geometry
from versectl.config import StageConfig
from versectl.geometry import Frame, Grid
from versectl.stages import heatmap, spacing
from versectl.types import Model

#: chosen: gaps in a mask up to twice as wide as this are filled. In thick slices the marrow of
#: processes looks like the soft tissue around them.
CLOSING_VOX = 2

#: chosen: how far above the threshold filled gaps are.
BARELY = 0.01


#: Voxels kept round a mask: so far closing looks beyond it, and linear interpolation one more.
MARGIN_VOX = 2 * CLOSING_VOX + 1


#: chosen on real and synthetic CT, docs/performance.md: --fast keeps masks cut no more than this.
SLIGHT = 0.1


#: chosen: vertebrae of a person of a size between these are first shown as large as those of
#: adults, whose sizes vary by 0.064 (stages/spacing.py). Where distances are even less, the slice
#: distance in the header is more likely to be wrong.
SMALL_SIZES = (0.45, 0.75)


class Found(NamedTuple):
    """A response, 0..1, (z, y, x) on a grid: where there is any, and 0 in what is left out."""

    grid: Grid
    response: np.ndarray


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
    size, frame = spacing.size_of(centers_mm), Frame.of(ct)
    merged = Merged(ct, model.config.threshold)

    def placed(label: int) -> Placed | None:
        found = whole(ct, centers_mm[label], model, looks(model.config, label, size))
        if found is None:
            return None
        response = closed(found.response, model.config.threshold)
        return place(found._replace(response=response), frame)

    with ThreadPoolExecutor(model.at_once) as threads:
        for label, each in zip(centers_mm, threads.map(placed, centers_mm), strict=True):
            if each is not None:
                merged.add(label, each)
    return merged.label_map


def looks(config: StageConfig, label: int, size: float) -> list[StageConfig]:
    """How a vertebra of a level is seen, in turn; a small person's first in smaller boxes.

    Those of an adult follow: with a wrong slice distance an adult's spine seems small, too.
    """
    usual = config.looks(label)
    smallest, largest = SMALL_SIZES
    return [*config.scaled(size).looks(label), *usual] if smallest < size < largest else usual


def whole(
    ct: sitk.Image, center_mm: np.ndarray, model: Model, configs: Sequence[StageConfig]
) -> Found | None:
    """What is found of a vertebra in the first look that shows it uncut, or in the last.

    Without `looks_again` a box may cut a little of it, SLIGHT.
    """
    found = None
    accepted = 0.0 if model.config.looks_again else SLIGHT
    for config in configs:
        grid = frame(center_mm, config)
        look = one(ct, center_mm, grid, replace(model, config=config))
        if look is None:
            continue
        found = look
        if cut(look, grid, ct, config.threshold) <= accepted:
            break
    return found


def cut(found: Found, grid: Grid, ct: sitk.Image, threshold: float) -> float:
    """How much of a mask lies in the faces of its box, a grid, inside the scan.

    In sides of a cube of the mask's volume: scale does not matter.
    """
    mask = found.response > threshold
    step_mm = np.array(grid.spacing_mm)
    low_mm, high_mm = geometry.extent(ct)
    first = (found.grid.origin_mm < grid.origin_mm + step_mm / 2) & (
        grid.origin_mm > low_mm + step_mm
    )
    last = (found.grid.last_mm > grid.last_mm - step_mm / 2) & (grid.last_mm < high_mm - step_mm)
    faces = [mask.take(0, 2 - axis) for axis in range(3) if first[axis]]
    faces += [mask.take(-1, 2 - axis) for axis in range(3) if last[axis]]
    return sum(map(np.count_nonzero, faces)) / np.count_nonzero(mask) ** (2 / 3)


def one(ct: sitk.Image, center_mm: np.ndarray, grid: Grid, model: Model) -> Found | None:
    """What is found of a vertebra on its grid, the largest piece alone; None where nothing is."""
    answer = model.answer(box(ct, center_mm, grid, model.config))[..., 0]
    where = geometry.around(answer > logit(model.config.threshold), MARGIN_VOX)
    if where is None:
        return None
    response = expit(answer[where])
    mask = response > model.config.threshold
    if not mask.any():  # the sigmoid rounded it to the threshold
        return None
    response[mask & ~geometry.largest_piece(mask, model.config.connectivity)] = 0.0
    return Found(grid.part(where), response)


def closed(response: np.ndarray, threshold: float) -> np.ndarray:
    """The response with narrow gaps in the mask, where it exceeds the threshold, filled.

    They are filled with a value barely above the threshold, so that a neighbouring vertebra with
    any response there keeps its own voxels.
    """
    mask = response > threshold
    ball = np.sum(np.square(np.indices((2 * CLOSING_VOX + 1,) * 3) - CLOSING_VOX), axis=0)
    filled = ndimage.binary_closing(mask, ball <= CLOSING_VOX**2) & ~mask
    barely = np.float32(threshold + BARELY)
    return np.where(filled, np.maximum(response, barely), response)


def place(found: Found, frame: Frame) -> Placed:
    """What was found, on the part of the scan's own voxels that it covers, interpolated linearly.

    The frame is enough: other vertebrae's threads read the scan's voxels, and SimpleITK copies all
    of them when they are asked for while a filter reads them, too.
    """
    half_mm = np.array(found.grid.spacing_mm) / 2  # as far as voxels reach, ITK interpolates
    start, stop = geometry.covering(
        frame, found.grid.origin_mm - half_mm, found.grid.last_mm + half_mm
    )
    image = geometry.from_array(found.response.astype(np.float32), found.grid)
    on_scan = geometry.resample_to(image, frame.part(start, stop), sitk.sitkLinear, 0.0)
    where = tuple(slice(i, j) for i, j in zip(start[::-1], stop[::-1], strict=True))
    return Placed(where, geometry.to_array(on_scan))


class Merged:
    """A label map in the making: every voxel has the label of the highest response yet.

    Responses are kept for each vertebra's own part of the scan, never for every voxel of it.
    label_map : on the scan's grid, uint8.
    """

    def __init__(self, ct: sitk.Image, threshold: float) -> None:
        self._threshold = threshold
        self.label_map = sitk.Image(ct.GetSize(), sitk.sitkUInt8)
        self.label_map.CopyInformation(ct)
        self._earlier: list[Placed] = []

    def add(self, label: int, placed: Placed) -> None:
        """Give a vertebra every voxel where its response is the highest yet."""
        wins = placed.response > self._threshold
        for other in self._earlier:
            here, there = _shared(placed.where, other.where), _shared(other.where, placed.where)
            wins[here] &= placed.response[here] > other.response[there]
        before = sitk.GetArrayViewFromImage(self.label_map)[placed.where]
        part = np.where(wins, np.uint8(label), before)
        self.label_map[placed.where[::-1]] = sitk.GetImageFromArray(part)
        # What does not exceed the threshold loses in any case; tiny floats take long to shorten.
        strong = np.where(placed.response > self._threshold, placed.response, 0)
        self._earlier.append(placed._replace(response=strong.astype(np.float16)))


def _shared(where: tuple[slice, ...], other: tuple[slice, ...]) -> tuple[slice, ...]:
    """Which part of one place in an array lies in another, counted from the one's start."""
    return tuple(
        slice(max(b.start - a.start, 0), max(min(a.stop, b.stop) - a.start, 0))
        for a, b in zip(where, other, strict=True)
    )
