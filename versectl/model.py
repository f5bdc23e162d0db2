"""A network with the numbers it was made for."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from versectl.config import StageConfig


class Model(NamedTuple):
    """What a stage needs to predict.

    answer : any function from (z, y, x, inputs) to (z, y, x, outputs), float32 both.
    sha256 : of the weights, for the record; empty when there are none.
    """

    config: StageConfig
    answer: Callable[[np.ndarray], np.ndarray]
    sha256: str = ""
