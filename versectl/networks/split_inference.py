"""A network run in overlapping parts, for a device that cannot hold its input whole.

The input is cut along its longest side into two parts that overlap; each answers for its own half,
from the middle of what it saw. Close to a cut a network sees less than it did, so answers differ a
little there: it is the way out of a lack of memory, never the first choice.
"""

import numpy as np

from versectl.errors import is_out_of_memory
from versectl.types import Answer

#: What each half sees beyond the cut, at least; voxels.
OVERLAP_VOX = 16

#: How often an input is halved before the case is given up.
HALVINGS = 3


class Fitting:
    """The network in as few parts as memory allows: whole, then in 2, 4 or 8 parts.

    divisor : what each side of an input must be divisible by. halvings : how often inputs are
    halved from the beginning.
    Calling it raises what the network raises when even the smallest parts do not fit.
    """

    def __init__(self, answer: Answer, divisor: int, halvings: int = 0) -> None:
        self._answer, self._divisor = answer, divisor
        self._halvings = halvings

    @property
    def parts(self) -> int:
        """In how many parts inputs are answered so far; 1 is whole."""
        return 2**self._halvings

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """The network's answer."""
        while True:
            halvings = self._halvings
            try:
                return halved(self._answer, halvings, self._divisor)(seen)
            except Exception as error:
                if not is_out_of_memory(error) or halvings == HALVINGS:
                    raise
            self._halvings = max(self._halvings, halvings + 1)  # another thread may have met it


def halved(answer: Answer, times: int, divisor: int) -> Answer:
    """The function that answers as `answer` does, its input halved so many times.

    divisor : what each side of an input must be divisible by.
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
