"""Stage 2: where each vertebra is and which one (Payer et al. 2020, section 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from versectl import heatmap, labels, published_sequence, sequence, tiles, volume
from versectl.config import StageConfig
from versectl.model import Model
from versectl.published_sequence import Peak
from versectl.sequence import Candidate
from versectl.volume import Grid

#: chosen: voxels to every side of a peak over which its names' heatmaps are averaged. One, 4 mm,
#: stays clear of neighbours, in the neck 16 mm away (statistics of 193 VerSe volumes) or less.
READ_VOX = 1

#: chosen: maxima of a single name's heatmap count from here.
FAINT = 0.02

#: released: of a name's maxima those count that exceed this share of the highest, and this far
#: from a higher one.
SHARE, APART_VOX = 0.1, 7.0


@dataclass(frozen=True)
class Vertebra:
    """A vertebra found.

    center_mm : centre of its body in the world (3,).
    peak : its heatmap's response there, 0..1.
    sure : how sure its name is beside all names of the scan being one level off, 0..1. Both are
        NaN where they are not known.
    """

    center_mm: np.ndarray
    peak: float
    sure: float = float("nan")


def frame(center_mm: np.ndarray, length_mm: float, config: StageConfig) -> Grid:
    """The grid round a centre: the box's width, and as long as the scan but at least the box."""
    x, y, z = config.size_vox
    step = config.network.divisor
    length_vox = int(np.ceil((length_mm / config.spacing_mm + 1) / step)) * step
    return Grid.centered(center_mm, (x, y, max(z, length_vox)), (config.spacing_mm,) * 3)


def frame_published(center_mm: np.ndarray, scan: Grid, config: StageConfig) -> Grid:
    """The same as released for VerSe 2019: from the scan's lowest voxel on, no longer than it."""
    x, y, _ = config.size_vox
    grid = Grid.centered((*center_mm[:2], 0.0), (x, y, 1), (config.spacing_mm,) * 3)
    length_vox = int(np.ceil(scan.size_vox[2] * scan.spacing_mm[2] / config.spacing_mm))
    return Grid((x, y, length_vox), grid.spacing_mm, (*grid.origin_mm[:2], scan.origin_mm[2]))


def box(ct: sitk.Image, grid: Grid, config: StageConfig) -> np.ndarray:
    """What the network sees: the scan on the grid, (z, y, x, 1)."""
    return volume.seen(ct, grid, config.smoothing_mm)[..., None]


def target(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """What it should answer: a Gaussian per vertebra, (z, y, x, outputs), a voxel per patch."""
    coarse = grid.coarsened(config.network.patch_vox)
    answer = np.zeros((*coarse.shape, config.network.outputs), np.float32)
    for label, center_mm in centers_mm.items():
        channel = labels.CHANNELS.index(label)
        if grid.contains(center_mm) and channel < config.network.outputs:
            answer[..., channel] = heatmap.gaussian(center_mm, config.sigma_mm, coarse)
    return answer


def points(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """The same without a width: (outputs, 4), z, y, x in voxels and 1; all 0 where none is."""
    found = np.zeros((config.network.outputs, 4), np.float32)
    for label, center_mm in centers_mm.items():
        channel = labels.CHANNELS.index(label)
        if grid.contains(center_mm) and channel < len(found):
            found[channel] = *grid.to_vox(center_mm)[::-1], 1
    return found


def predict(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> dict[int, Vertebra]:
    """The vertebrae of a scan from head to foot, given the centre of its spine."""
    return PREDICT[model.config.protocol](ct, center_mm, model)


def _predict_default(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> dict[int, Vertebra]:
    low_mm, high_mm = volume.extent(ct)
    middle_mm = np.array([*center_mm[:2], (low_mm[2] + high_mm[2]) / 2])
    lane = frame(middle_mm, high_mm[2] - low_mm[2], model.config)

    def look(tile: Grid) -> np.ndarray:
        return respond_both_ways(box(ct, tile, model.config), model)

    heat, grid = tiles.follow(lane, center_mm, look, model.config)
    found = candidates(heat, grid, model.config.threshold)
    inside = [candidate for candidate in found if volume.contains(ct, candidate.center_mm)]
    run = sequence.best(inside)
    sure = sequence.sureness(run) if run else 0.0
    return {
        label: Vertebra(candidate.center_mm, float(candidate.responses[label]), sure)
        for label, candidate in run.items()
    }


def _predict_published(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> dict[int, Vertebra]:
    """As released for VerSe 2019: all 25 vertebrae when none is found."""
    upright = volume.Upright.of(volume.whole_numbers(ct))
    scan = Grid.of(upright.image)
    grid = frame_published(upright.from_world(center_mm), scan, model.config)
    heat = respond_published(box(upright.image, grid, model.config), model)
    found = published_sequence.best(
        peaks_of_names(heat, grid, model.config.threshold), len(heat) * grid.spacing_mm[2]
    )
    return {
        labels.CHANNELS[channel]: Vertebra(upright.to_world(peak.point_mm), peak.value)
        for channel, peak in found.items()
    }


def respond_both_ways(tile: np.ndarray, model: Model) -> np.ndarray:
    """Heatmaps of a tile: the mean of those of it and of its mirror image, turned back."""
    mirrored = np.exp(model.answer(np.ascontiguousarray(tile[:, :, ::-1])))[:, :, ::-1]
    return (np.exp(model.answer(tile)) + mirrored) / 2


def respond_published(seen: np.ndarray, model: Model) -> np.ndarray:
    """Heatmaps (z, y, x, outputs) of a box of any length, from tiles in a straight line.

    They are merged by their maximum, and 0. A box shorter than a tile is filled up at both ends,
    which are cut off again.
    """
    length = model.config.size_vox[2]
    lacking = max(length - len(seen), 0)
    front = (lacking + 1) // 2
    padding = ((front, lacking - front), *[(0, 0)] * 3)
    filled = np.pad(seen, padding, constant_values=model.config.padding)
    merged = np.zeros((*filled.shape[:3], model.config.network.outputs), np.float32)
    for start in tiles.starts(len(filled), length, model.config.tile_step_vox):
        part = merged[start : start + length]
        np.maximum(part, model.answer(filled[start : start + length]), out=part)
    return merged[front:][: len(seen)]


def peaks_of_names(heat: np.ndarray, grid: Grid, threshold: float) -> list[list[Peak]]:
    """Per name the maxima of its heatmap, each with its point, as published."""
    return [
        [
            Peak(value, grid.to_mm(place[::-1]))
            for value, place in heatmap.maxima(one, threshold, SHARE, APART_VOX)
        ]
        for one in np.moveaxis(heat, -1, 0)
    ]


def candidates(heat: np.ndarray, grid: Grid, threshold: float) -> list[Candidate]:
    """Places where a vertebra may be, each with its response under every name.

    The names' heatmaps of one place sum to the response for any vertebra there, which must exceed
    the threshold; it is shared among the names by their means round the place. The places are the
    maxima of every heatmap (section 2.2) and of their sum: where neighbours run into one ridge,
    each name still has its own top.
    """
    anywhere = heat.sum(axis=-1)
    found = []
    for response in (anywhere, *np.moveaxis(heat, -1, 0)):
        for zyx in heatmap.peaks(np.where(anywhere > threshold, response, 0.0), FAINT):
            near = heat[tuple(slice(max(i - READ_VOX, 0), i + READ_VOX + 1) for i in zyx)]
            means = near.mean(axis=(0, 1, 2))
            there = float(anywhere[tuple(zyx)])
            responses = (there * means / means.sum()).tolist()
            center_mm = grid.to_mm(heatmap.refine(response, zyx)[::-1])
            named = dict(zip(labels.CHANNELS, responses, strict=True))
            found.append(Candidate(center_mm, there, named))
    return found


PREDICT = {"default": _predict_default, "published": _predict_published}
