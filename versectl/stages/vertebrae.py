"""Stage 2: where each vertebra is and which one (Payer et al. 2020, section 2.2)."""

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.config import StageConfig
from versectl.geometry import Grid
from versectl.stages import heatmap, numbering, tiling
from versectl.stages.labelling import Candidate
from versectl.types import Model, Vertebra, Vertebrae

#: chosen: voxels to every side of a peak over which its names' heatmaps are averaged. One, 4 mm,
#: stays clear of neighbours, in the neck 16 mm away (statistics of 193 VerSe volumes) or less.
READ_VOX = 1

#: chosen: maxima of a single name's heatmap count from here.
FAINT = 0.02


def frame(center_mm: np.ndarray, length_mm: float, config: StageConfig) -> Grid:
    """The grid round a centre: the box's width, and as long as the scan but at least the box."""
    x, y, z = config.size_vox
    step = config.network.divisor
    length_vox = int(np.ceil((length_mm / config.spacing_mm + 1) / step)) * step
    return Grid.centered(center_mm, (x, y, max(z, length_vox)), (config.spacing_mm,) * 3)


def box(ct: sitk.Image, grid: Grid, config: StageConfig) -> np.ndarray:
    """Network input: the scan on the grid, (z, y, x, 1)."""
    return geometry.network_input(ct, grid, config.smoothing_mm)[..., None]


def target(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """Network target, (z, y, x, outputs): a Gaussian round every vertebra, a voxel per patch."""
    coarse = grid.coarsened(config.network.patch_vox)
    answer = np.zeros((*coarse.shape, config.network.outputs), np.float32)
    for label, center_mm in centers_mm.items():
        channel = labels.CHANNELS.index(label)
        if grid.contains(center_mm) and channel < config.network.outputs:
            answer[..., channel] = heatmap.gaussian(center_mm, config.sigma_mm, coarse)
    return answer


def predict(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> Vertebrae:
    """The vertebrae of a scan from head to foot, given the centre of its spine."""
    low_mm, high_mm = geometry.extent(ct)
    middle_mm = np.array([*center_mm[:2], (low_mm[2] + high_mm[2]) / 2])
    corridor = frame(middle_mm, high_mm[2] - low_mm[2], model.config)

    def look(tile: Grid) -> np.ndarray:
        return respond_both_ways(box(ct, tile, model.config), model)

    heat, grid = tiling.follow(corridor, center_mm, look, model.config)
    found = candidates(heat, grid, model.config.threshold)
    inside = [candidate for candidate in found if geometry.contains(ct, candidate.center_mm)]
    read = numbering.read(inside, float(low_mm[2]))
    if read is None:
        return Vertebrae({})
    named = {
        label: Vertebra(place.center_mm, place.responses[label], read.confidence[label])
        for label, place in read.places.items()
    }
    return Vertebrae(named, read.numbering)


def respond_both_ways(tile: np.ndarray, model: Model) -> np.ndarray:
    """Heatmaps of a tile: the mean of those of it and of its mirror image, turned back."""
    mirrored = np.exp(model.answer(np.ascontiguousarray(tile[:, :, ::-1])))[:, :, ::-1]
    return (np.exp(model.answer(tile)) + mirrored) / 2


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
