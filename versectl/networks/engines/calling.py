"""A Keras network as a function of one image, for engines that Keras calls itself; and turns."""

import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

from versectl.types import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras


def answering(
    network: "keras.Model", scope: "Callable[[], AbstractContextManager[object]]"
) -> Answer:
    """The function (z, y, x, inputs) -> (z, y, x, outputs), float32; it is called in the scope.

    Threads that call it wait for each other.
    """

    def answer(seen: np.ndarray) -> np.ndarray:
        with scope():
            out = network.predict_on_batch(seen[None].astype(np.float32))
        return np.asarray(out[0], np.float32)

    return in_turn(answer, threading.Lock())


def in_turn(network: Answer, turn: AbstractContextManager[object]) -> Answer:
    """The network, which answers when it has its turn."""

    def answer(seen: np.ndarray) -> np.ndarray:
        with turn:
            return network(seen)

    return answer
