"""Stage 2: where each vertebra is and which one (Payer et al. 2020, section 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from versectl import heatmap, labels, sequence, volume
from versectl.config import StageConfig
from versectl.model import Model
from versectl.sequence import Candidate
from versectl.volume import Grid

#: Radius round a peak in which its names' heatmaps are read; less than half the distance of
#: neighbours in the neck, 16 mm (statistics of 193 VerSe volumes).
READ_MM = 6.0

#: chosen: maxima of a single name's heatmap count from here.
FAINT = 0.02


@dataclass(frozen=True)
class Vertebra:
    """Centre of a vertebral body in the world (3,) and its heatmap's response there, 0..1."""

    center_mm: np.ndarray
    peak: float


def frame(center_mm: np.ndarray, length_mm: float, config: StageConfig) -> Grid:
    """The grid round a centre: the box's width, and as long as the scan but at least the box."""
    x, y, z = config.size_vox
    step = config.network.divisor
    length_vox = int(np.ceil((length_mm / config.spacing_mm + 1) / step)) * step
    return Grid.centered(center_mm, (x, y, max(z, length_vox)), (config.spacing_mm,) * 3)


def answer_grid(grid: Grid, config: StageConfig) -> Grid:
    """The coarser grid the network answers on: a voxel per patch."""
    patch = config.network.patch_vox
    size = tuple(n // patch for n in grid.size_vox)
    origin_mm = tuple(grid.to_mm(np.full(3, (patch - 1) / 2)).tolist())
    return Grid(size, tuple(s * patch for s in grid.spacing_mm), origin_mm)


def box(ct: sitk.Image, grid: Grid, config: StageConfig) -> np.ndarray:
    """What the network sees: the scan on the grid, (z, y, x, 1)."""
    return volume.seen(ct, grid, config.smoothing_mm)[..., None]


def target(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """What it should answer: a Gaussian per vertebra, (z, y, x, 26) on the answer's grid."""
    coarse = answer_grid(grid, config)
    answer = np.zeros((*coarse.shape, len(labels.CHANNELS)), np.float32)
    for label, center_mm in centers_mm.items():
        if grid.contains(center_mm):
            channel = labels.CHANNELS.index(label)
            answer[..., channel] = heatmap.gaussian(center_mm, config.sigma_mm, coarse)
    return answer


def predict(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> dict[int, Vertebra]:
    """The vertebrae of a scan from head to foot, given the centre of its spine."""
    low_mm, high_mm = volume.extent(ct)
    middle_mm = np.array([*center_mm[:2], (low_mm[2] + high_mm[2]) / 2])
    grid = frame(middle_mm, high_mm[2] - low_mm[2], model.config)
    heat = respond(box(ct, grid, model.config), model)
    found = candidates(heat, answer_grid(grid, model.config), model.config.threshold)
    inside = [c for c in found if np.all((c.center_mm >= low_mm) & (c.center_mm <= high_mm))]
    return {
        label: Vertebra(candidate.center_mm, float(candidate.responses[label]))
        for label, candidate in sequence.best(inside).items()
    }


def respond(seen: np.ndarray, model: Model) -> np.ndarray:
    """Heatmaps (z, y, x, 26) of a long box: tiles along z, merged by their maximum."""
    patch, length = model.config.network.patch_vox, model.config.size_vox[2]
    merged = None
    for start in tile_starts(seen.shape[0], length):
        heat = np.exp(model.answer(seen[start : start + length]))
        if merged is None:
            merged = np.zeros((seen.shape[0] // patch, *heat.shape[1:]), np.float32)
        part = merged[start // patch : (start + length) // patch]
        np.maximum(part, heat, out=part)
    return merged


def tile_starts(size_vox: int, tile_vox: int) -> list[int]:
    """Where tiles begin: half a tile apart, the last one ending at the end."""
    last = size_vox - tile_vox
    return [*range(0, last, tile_vox // 2), last]


def candidates(heat: np.ndarray, grid: Grid, threshold: float) -> list[Candidate]:
    """Places where a vertebra may be, each with its response under every name.

    The names' heatmaps of one place sum to the response for any vertebra there, which must exceed
    the threshold. The places are the maxima of every heatmap (section 2.2) and of their sum: where
    neighbours run into one ridge, each name still has its own top.
    """
    anywhere = heat.sum(axis=-1)
    reach = round(READ_MM / grid.spacing_mm[0])
    found = []
    for response in (anywhere, *np.moveaxis(heat, -1, 0)):
        for zyx in heatmap.peaks(np.where(anywhere > threshold, response, 0.0), FAINT):
            near = heat[tuple(slice(max(i - reach, 0), i + reach + 1) for i in zyx)]
            responses = dict(zip(labels.CHANNELS, near.max(axis=(0, 1, 2)).tolist(), strict=True))
            center_mm = grid.to_mm(heatmap.refine(response, zyx)[::-1])
            found.append(Candidate(center_mm, float(anywhere[tuple(zyx)]), responses))
    return found
