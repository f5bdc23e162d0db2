"""What the stages find, and what they find it with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import SimpleITK as sitk

from versectl.config import StageConfig

#: How much a flag matters: "note" is worth knowing, "warning" asks for a look at the result,
#: "error" means that the result is likely wrong.
Severity = Literal["note", "warning", "error"]


@dataclass(frozen=True)
class Flag:
    """Something a reader of the results should know.

    code : of the kind, the same in every version; words joined by underscores.
    vertebra : name of the one meant ("L1"), None where the whole scan is.
    message : one sentence. advice : what to do, one sentence; empty where there is nothing.
    """

    code: str
    severity: Severity
    vertebra: str | None
    message: str
    advice: str = ""


class Model(NamedTuple):
    """What a stage needs to predict.

    answer : any function from (z, y, x, inputs) to (z, y, x, outputs), float32 both.
    sha256 : of the weights, for the record; empty when there are none.
    """

    config: StageConfig
    answer: Callable[[np.ndarray], np.ndarray]
    sha256: str = ""


@dataclass(frozen=True)
class Spine:
    """Centre of the visible spine in the world (3,), the strongest response in 0..1, and all."""

    center_mm: np.ndarray
    peak: float
    heatmap: sitk.Image


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


class Result(NamedTuple):
    """What is known of a CT in the end; the label map lies on the CT's grid, uint8."""

    spine: Spine
    vertebrae: dict[int, Vertebra]
    label_map: sitk.Image
