"""Upsampling by whole factors, in Keras 3 operations: linear or cubic, with a rule for the border.

Voxels are areas: the image's corners stay where they are (half-pixel centres). Per axis, a voxel
of the finer grid is a weighted sum of its neighbours in the coarser grid.
"""

from collections.abc import Callable
from typing import Literal

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from versectl.config import Border

#: Of a tensor: batch, z, y, x, each None where any size will do, and channels.
Shape = tuple[int | None, int | None, int | None, int | None, int]

#: How voxels of the finer grid are weighed together.
Kernel = Literal["linear", "cubic"]

#: How many neighbours on either side a kernel reaches.
REACH: dict[Kernel, int] = {"linear": 1, "cubic": 2}

#: Parameter of the cubic kernel (Keys 1981), as in the released weights' networks.
CUBIC_A = -0.5


class Upsample(layers.Layer):
    """(b, z, y, x, c) -> (b, z*f, y*f, x*f, c).

    border : what lies beyond the border: "zero"; "edge", the outermost voxels again; or
        "renormalised", nothing, so that the weights of what lies inside are scaled to sum to one.
    """

    def __init__(
        self,
        factor: int,
        kernel: Kernel,
        border: Border,
        dtype: keras.DTypePolicy | str = "float32",
    ) -> None:
        super().__init__(dtype=dtype)
        self.factor, self.kernel, self.border = factor, kernel, border

    def call(self, x: KerasTensor) -> KerasTensor:
        """Upsample."""
        weights = taps(self.factor, self.kernel)
        for axis in (1, 2, 3):
            x = along(x, axis, weights, self.border)
        return x

    def compute_output_shape(self, shape: Shape) -> Shape:
        """Shape after upsampling; unknown sizes stay unknown."""
        return resized(shape, lambda side: side * self.factor, shape[4])


def resized(shape: Shape, side: Callable[[int], int], channels: int) -> Shape:
    """The shape of a tensor with other sides and channels; unknown sizes stay unknown."""
    batch, z, y, x, _ = shape
    z, y, x = (size and side(size) for size in (z, y, x))
    return batch, z, y, x, channels


def taps(factor: int, kernel: Kernel) -> np.ndarray:
    """Weights (phases, neighbours) of the neighbours at -reach..reach, per voxel of the finer."""
    reach = REACH[kernel]
    phases = (np.arange(factor) + 0.5) / factor - 0.5  # where in the coarser grid
    distance = np.abs(np.arange(-reach, reach + 1) - phases[:, None])
    return {"linear": _linear, "cubic": _cubic}[kernel](distance)


def along(x: KerasTensor, axis: int, weights: np.ndarray, border: Border) -> KerasTensor:
    """The tensor upsampled along one axis."""
    fine = _spread(x, axis, weights, edge=border == "edge")
    if border != "renormalised":
        return fine
    line = tuple(slice(None) if a == axis else slice(1) for a in range(5))
    return fine / _spread(ops.ones_like(x[line]), axis, weights, edge=False)


def _spread(x: KerasTensor, axis: int, weights: np.ndarray, edge: bool) -> KerasTensor:
    reach = weights.shape[1] // 2
    ends = [_part(x, axis, 0, 1), _part(x, axis, -1, None)]
    low, high = ends if edge else map(ops.zeros_like, ends)
    padded = ops.concatenate([*[low] * reach, x, *[high] * reach], axis=axis)
    shifted = [_part(padded, axis, i, i - 2 * reach or None) for i in range(2 * reach + 1)]
    phases = [
        sum(part * float(weight) for part, weight in zip(shifted, row, strict=True) if weight)
        for row in weights
    ]
    shape = list(ops.shape(x))
    shape[axis] = shape[axis] * len(phases)
    return ops.reshape(ops.stack(phases, axis=axis + 1), shape)


def _part(x: KerasTensor, axis: int, start: int, stop: int | None) -> KerasTensor:
    return x[tuple(slice(start, stop) if a == axis else slice(None) for a in range(5))]


def _linear(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - distance, 0)


def _cubic(distance: np.ndarray) -> np.ndarray:
    a = CUBIC_A
    near = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    far = a * distance**3 - 5 * a * distance**2 + 8 * a * distance - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
