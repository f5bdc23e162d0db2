"""The whole method: a CT -> its spine -> its vertebrae -> their masks, in three calls."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk

from versectl.errors import BadInputError
from versectl.stages import published, segmentation, spine, vertebrae
from versectl.types import Model, Result, Spine, Vertebra

#: step(stage, predict, *inputs) is the stage's result: predict(*inputs, model), or from a file.
Step = Callable[..., Any]

#: Protocol of a stage's weights -> who predicts: our stages, or the published ones.
SPINE = {"default": spine.predict, "published": published.spine.predict}
VERTEBRAE = {"default": vertebrae.predict, "published": published.vertebrae.predict}
SEGMENTATION = {"default": segmentation.predict, "published": published.segmentation.predict}


def run(ct: sitk.Image, step: Step) -> Result:
    """Find, name and segment the vertebrae of a CT."""
    found_spine = step("spine", find_spine, ct)
    found = step("vertebrae", find_vertebrae, ct, found_spine.center_mm)
    label_map = step("segmentation", segment, ct, centers_mm(found))
    return Result(found_spine, found, label_map)


def with_models(models: Mapping[str, Model]) -> Step:
    """The step that computes every stage: stage name -> its model."""
    return lambda stage, predict, *inputs: predict(*inputs, models[stage])


def find_spine(ct: sitk.Image, model: Model) -> Spine:
    """The spine of a scan; BadInputError when nothing in it looks like one."""
    return SPINE[model.config.protocol](ct, model)


def find_vertebrae(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> dict[int, Vertebra]:
    """The vertebrae from head to foot; BadInputError when there is none."""
    found = VERTEBRAE[model.config.protocol](ct, center_mm, model)
    if not found:
        raise BadInputError(
            "no vertebra was found; if the scan shows one, mark it in a _ctd.json and run segment."
        )
    return found


def segment(ct: sitk.Image, centers_mm: Mapping[int, np.ndarray], model: Model) -> sitk.Image:
    """The label map of the vertebrae at these centres (3,), uint8, on the scan's grid."""
    return SEGMENTATION[model.config.protocol](ct, centers_mm, model)


def centers_mm(found: Mapping[int, Vertebra]) -> dict[int, np.ndarray]:
    """Label -> centre in the world (3,)."""
    return {label: vertebra.center_mm for label, vertebra in found.items()}
