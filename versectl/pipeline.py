"""The whole method: a CT -> its spine -> its vertebrae -> their masks, in three calls."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from versectl import segmentation, spine, vertebrae
from versectl.errors import BadInputError
from versectl.model import Model
from versectl.spine import Spine
from versectl.vertebrae import Vertebra

#: step(stage, predict, *inputs) is the stage's result: predict(*inputs, model), or from a file.
Step = Callable[..., Any]


class Result(NamedTuple):
    """What is known of a CT in the end; the label map lies on the CT's grid, uint8."""

    spine: Spine
    vertebrae: dict[int, Vertebra]
    label_map: sitk.Image


def run(ct: sitk.Image, step: Step) -> Result:
    """Find, name and segment the vertebrae of a CT."""
    found_spine = step("spine", spine.predict, ct)
    found = step("vertebrae", find_vertebrae, ct, found_spine.center_mm)
    label_map = step("segmentation", segmentation.predict, ct, centers_mm(found))
    return Result(found_spine, found, label_map)


def with_models(models: Mapping[str, Model]) -> Step:
    """The step that computes every stage: stage name -> its model."""
    return lambda stage, predict, *inputs: predict(*inputs, models[stage])


def find_vertebrae(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> dict[int, Vertebra]:
    """The vertebrae from head to foot; BadInputError when there is none."""
    found = vertebrae.predict(ct, center_mm, model)
    if not found:
        raise BadInputError(
            "no vertebra was found; if the scan shows one, mark it in a _ctd.json and run segment."
        )
    return found


def centers_mm(found: Mapping[int, Vertebra]) -> dict[int, np.ndarray]:
    """Label -> centre in the world (3,)."""
    return {label: vertebra.center_mm for label, vertebra in found.items()}
