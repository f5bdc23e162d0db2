"""Stage 3 as published and as released for VerSe 2019."""

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from versectl import geometry
from versectl.config import StageConfig
from versectl.geometry import Frame, Grid
from versectl.stages import segmentation
from versectl.stages.published.upright import Upright, whole_numbers
from versectl.stages.segmentation import Merged, box, frame, one, place
from versectl.types import Model

#: The published stage; what it shares with ours comes from there.
__all__ = ["box", "frame", "predict", "target"]


def target(label_map: sitk.Image, label: int, grid: Grid, config: StageConfig) -> np.ndarray:
    """Network target, (z, y, x, 1): 1 where the vertebra's smoothed mask is the strongest of all.

    The mask of every label, the background included, is smoothed by a Gaussian (released); without
    one in the configuration it is the vertebra's mask.
    """
    if not config.blur_vox:
        return segmentation.target(label_map, label, grid, config)
    there = geometry.to_array(geometry.resample(label_map, grid, sitk.sitkNearestNeighbor, 0))
    smooth = {
        other: ndimage.gaussian_filter((there == other).astype(np.float32), config.blur_vox)
        for other in np.unique([*np.unique(there), label])
    }
    others = np.max([array for other, array in smooth.items() if other != label], axis=0)
    return (smooth[label] > others).astype(np.float32)[..., None]


def predict(ct: sitk.Image, centers_mm: Mapping[int, np.ndarray], model: Model) -> sitk.Image:
    """As released for VerSe 2019: responses are compared as float16, of equals the lower label."""
    upright = Upright.of(whole_numbers(ct))
    merged = Merged(upright.image, model.config.threshold)
    for label, center_mm in sorted(centers_mm.items()):
        center_mm = upright.from_world(center_mm)
        found = one(upright.image, center_mm, frame(center_mm, model.config), model)
        if found is not None:
            placed = place(found, Frame.of(upright.image))
            merged.add(label, placed._replace(response=placed.response.astype(np.float16)))
    label_map = upright.in_world(merged.label_map)
    label_map = geometry.turned(label_map, "".join(geometry.axis_letters(ct)))
    label_map.CopyInformation(ct)  # without rounding
    return label_map
