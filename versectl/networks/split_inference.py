"""A network's answer in portions, for a device that cannot hold it whole.

The box is cut along its longest side into two parts that overlap; each answers for its own half,
from the middle of what it saw. Close to a cut a network sees less than it did, so answers differ a
little there: it is the way out of a lack of memory, never the first choice.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from versectl.errors import OutOfMemoryError, explain
from versectl.types import Model

Result = TypeVar("Result")
Answer = Callable[[np.ndarray], np.ndarray]

#: What each half sees beyond the cut, at least; voxels.
OVERLAP_VOX = 16

#: How often a box is halved before the case is given up.
HALVINGS = 3


def fitting(predict: Callable[[Model], Result], model: Model) -> tuple[Result, int]:
    """What predict makes with the model, and in how many portions, one if memory allows it.

    Raises what predict raises when even the smallest portions do not fit.
    """
    divisor = model.config.network.divisor
    for times in range(HALVINGS):
        try:
            answer = halved(model.answer, times, divisor)
            return predict(model._replace(answer=answer)), 2**times
        except Exception as error:
            if not isinstance(explain(error), OutOfMemoryError):
                raise
    answer = halved(model.answer, HALVINGS, divisor)
    return predict(model._replace(answer=answer)), 2**HALVINGS


def halved(answer: Answer, times: int, divisor: int) -> Answer:
    """The function that answers as `answer` does, its box halved so many times.

    divisor : what each side of a box must be divisible by.
    """
    return answer if times == 0 else _in_halves(halved(answer, times - 1, divisor), divisor)


def _in_halves(answer: Answer, divisor: int) -> Answer:
    def answer_in_halves(seen: np.ndarray) -> np.ndarray:
        axis = int(np.argmax(seen.shape[:3]))
        size = seen.shape[axis]
        cut = round(size / 2 / divisor) * divisor
        overlap = -(-OVERLAP_VOX // divisor) * divisor
        if cut + overlap >= size or cut - overlap <= 0:
            return answer(seen)  # too small to gain anything
        lower = answer(_part(seen, axis, 0, cut + overlap))
        upper = answer(_part(seen, axis, cut - overlap, size))
        scale = (cut + overlap) // lower.shape[axis]  # an answer may be on a coarser grid
        lower = _part(lower, axis, 0, cut // scale)
        upper = _part(upper, axis, overlap // scale, upper.shape[axis])
        return np.concatenate([lower, upper], axis)

    return answer_in_halves


def _part(array: np.ndarray, axis: int, start: int, stop: int) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(start, stop),)]
