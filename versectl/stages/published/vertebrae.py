"""Stage 2 as published and as released for VerSe 2019."""

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk

from versectl import labels
from versectl.config import StageConfig
from versectl.geometry import Grid
from versectl.stages import tiling
from versectl.stages.published import labelling
from versectl.stages.published.labelling import Peak
from versectl.stages.published.maxima import maxima
from versectl.stages.published.upright import Upright, whole_numbers
from versectl.stages.vertebrae import box, target
from versectl.types import Model, Vertebra, Vertebrae

#: The published stage; what it shares with ours comes from there.
__all__ = ["box", "frame", "points", "predict", "target"]

#: released: of a name's maxima those count that exceed this share of the highest, and this far
#: from a higher one.
SHARE, APART_VOX = 0.1, 7.0


def frame(center_mm: np.ndarray, scan: Grid, config: StageConfig) -> Grid:
    """The grid round a centre, from the scan's lowest voxel on and no longer than the scan."""
    x, y, _ = config.size_vox
    grid = Grid.centered((*center_mm[:2], 0.0), (x, y, 1), (config.spacing_mm,) * 3)
    length_vox = int(np.ceil(scan.size_vox[2] * scan.spacing_mm[2] / config.spacing_mm))
    return Grid((x, y, length_vox), grid.spacing_mm, (*grid.origin_mm[:2], scan.origin_mm[2]))


def points(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """The same without a width: (outputs, 4), z, y, x in voxels and 1; all 0 where none is."""
    found = np.zeros((config.network.outputs, 4), np.float32)
    for label, center_mm in centers_mm.items():
        channel = labels.CHANNELS.index(label)
        if grid.contains(center_mm) and channel < len(found):
            found[channel] = *grid.to_vox(center_mm)[::-1], 1
    return found


def predict(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> Vertebrae:
    """As released for VerSe 2019: all 25 vertebrae when none is found."""
    upright = Upright.of(whole_numbers(ct))
    scan = Grid.of(upright.image)
    grid = frame(upright.from_world(center_mm), scan, model.config)
    heat = respond(box(upright.image, grid, model.config), model)
    found = labelling.best(
        peaks_of_names(heat, grid, model.config.threshold), len(heat) * grid.spacing_mm[2]
    )
    named = {
        labels.CHANNELS[channel]: Vertebra(upright.to_world(peak.point_mm), peak.value)
        for channel, peak in found.items()
    }
    return Vertebrae(named)


def respond(seen: np.ndarray, model: Model) -> np.ndarray:
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
    for start in tiling.starts(len(filled), length, model.config.tile_step_vox):
        part = merged[start : start + length]
        np.maximum(part, model.answer(filled[start : start + length]), out=part)
    return merged[front:][: len(seen)]


def peaks_of_names(heat: np.ndarray, grid: Grid, threshold: float) -> list[list[Peak]]:
    """Per name the maxima of its heatmap, each with its point, as published."""
    return [
        [
            Peak(value, grid.to_mm(place[::-1]))
            for value, place in maxima(one, threshold, SHARE, APART_VOX)
        ]
        for one in np.moveaxis(heat, -1, 0)
    ]
