"""The released networks once more, in plain NumPy and by themselves: what ours are held against.

They are written from the description of the models alone and ask for their variables by the names
these have in the checkpoints, so that they tell what a checkpoint holds, too. Arrays are (z, y,
x, channels).
"""

import os
from pathlib import Path

import numpy as np


class Variables:
    """Random variables of a checkpoint, made when a network first asks for them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.values: dict[str, np.ndarray] = {}

    def __call__(self, name: str, *shape: int) -> np.ndarray:
        """The variable of that name."""
        spread = 0.1 if len(shape) == 1 else np.sqrt(2 / np.prod(shape[:-1]))
        made = self.rng.normal(0, spread, shape).astype(np.float32)
        return self.values.setdefault(name, made)

    def write(self, prefix: Path, slots: tuple[str, ...] = ("Adam", "Adam_1")) -> None:
        """A TensorFlow 1 checkpoint of them, with an optimiser's slots and a counter."""
        import tensorflow as tf

        prefix.parent.mkdir(parents=True, exist_ok=True)
        stored = {**self.values, "Variable": np.int32(7)}
        for slot in slots:
            stored |= {f"{n}/{slot}": np.ones_like(v) for n, v in self.values.items()}
        names = sorted(stored)
        tensors = [tf.constant(stored[name]) for name in names]
        tf.raw_ops.SaveV2(
            prefix=os.fspath(prefix),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=tensors,
        )


def convolved(x: np.ndarray, get: Variables, name: str, size: int, outputs: int) -> np.ndarray:
    """Cross-correlation with zeros outside."""
    kernel = get(f"{name}/kernel", size, size, size, x.shape[-1], outputs)
    reach = size // 2
    wide = np.pad(x, ((reach, reach),) * 3 + ((0, 0),))
    out = np.zeros((*x.shape[:3], outputs)) + get(f"{name}/bias", outputs)
    for i, j, k in np.ndindex(size, size, size):
        part = wide[i : i + x.shape[0], j : j + x.shape[1], k : k + x.shape[2]]
        out += part @ kernel[i, j, k]
    return out


def pooled(x: np.ndarray, factor: int) -> np.ndarray:
    z, y, x_size, channels = x.shape
    f = factor
    return x.reshape(z // f, f, y // f, f, x_size // f, f, channels).mean(axis=(1, 3, 5))


def linear_matrix(size: int) -> np.ndarray:
    """Twice the size: quarters, the outermost voxel continued."""
    out = np.zeros((2 * size, size))
    for i in range(size):
        out[2 * i, i] += 0.75
        out[2 * i, max(i - 1, 0)] += 0.25
        out[2 * i + 1, i] += 0.75
        out[2 * i + 1, min(i + 1, size - 1)] += 0.25
    return out


def keys(t: float) -> float:
    """Keys' cubic kernel of a = -0.5, as printed in his paper."""
    t = abs(t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def cubic_matrix(size: int, border: str) -> np.ndarray:
    """Four times the size; beyond the border nothing ("renormalised"), 0, or the "edge"."""
    out = np.zeros((4 * size, size))
    for o in range(4 * size):
        at = (o + 0.5) / 4 - 0.5
        for neighbour in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
            if 0 <= neighbour < size or border == "edge":
                out[o, np.clip(neighbour, 0, size - 1)] += keys(at - neighbour)
    return out / out.sum(axis=1, keepdims=True) if border == "renormalised" else out


def enlarged(x: np.ndarray, matrix) -> np.ndarray:
    for axis in range(3):
        x = np.moveaxis(np.tensordot(matrix(x.shape[axis]), x, axes=(1, axis)), 0, axis)
    return x


def rectified(x: np.ndarray, slope: float) -> np.ndarray:
    return np.where(x > 0, x, slope * x)


def u_shape(x: np.ndarray, get: Variables, scope: str, levels: int, slope: float) -> np.ndarray:
    """64 filters at every level, two convolutions on either way, four at the deepest level."""

    def block(x, name):
        for index in (0, 1):
            x = rectified(convolved(x, get, f"{scope}/{name}/conv{index}", 3, 64), slope)
        return x

    skipped = []
    for level in range(levels):
        x = block(pooled(x, 2) if level else x, f"contracting/level{level}")
        skipped.append(x)
    x = block(x, f"expanding/level{levels - 1}")
    for level in range(levels - 2, -1, -1):
        x = np.concatenate([skipped[level], enlarged(x, linear_matrix)], axis=-1)
        x = block(x, f"expanding/level{level}")
    return x


def unet_2019(x: np.ndarray, get: Variables) -> np.ndarray:
    """Spine localisation and segmentation: ReLU, no activation at the end."""
    finest = u_shape(x, get, "net/local", 5, 0.0)
    return convolved(finest, get, "net/local/output", 3, 1)


def scnet_2019(x: np.ndarray, get: Variables) -> np.ndarray:
    """Vertebrae localisation: leaky ReLU, local times spatial heatmaps."""
    x = rectified(convolved(x, get, "net/conv0", 3, 64), 0.1)
    x = u_shape(x, get, "net", 4, 0.1)
    local = convolved(x, get, "net/local_heatmaps", 3, 25)
    wide = pooled(local, 4)
    for index in range(3):
        wide = rectified(convolved(wide, get, f"net/sconv{index}", 7, 64), 0.1)
    spatial = np.tanh(convolved(wide, get, "net/spatial_downsampled", 7, 25))
    return local * enlarged(spatial, lambda size: cubic_matrix(size, "renormalised"))
