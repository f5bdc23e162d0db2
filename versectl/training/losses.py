"""What training makes small, in Keras 3 operations; tensors are (batch, z, y, x, channels)."""

import math
from collections.abc import Callable, Sequence

from keras import KerasTensor, Variable, ops

from versectl.config import StageConfig

#: chosen: added weight of a voxel where the target is 1; targets fill less than 1 % of a box.
TARGET_WEIGHT = 30.0

#: Mass of a published heatmap's Gaussian (released).
GAMMA = 1000.0

#: chosen: voxels of two vertebrae in the second stage's target; a box with fewer counts less.
TWO_VERTEBRAE_VOX = 60.0

Loss = Callable[[KerasTensor, KerasTensor], KerasTensor]


def of_stage(config: StageConfig) -> Loss:
    """The loss of a stage: (wanted, answered) -> one number."""
    return LOSSES[config.protocol, config.stage]


def presence(wanted: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Weighted cross-entropy of logits with a heatmap in 0..1."""
    return _weighted(wanted, _entropy(wanted, logits))


def identification(wanted: KerasTensor, log_heatmaps: KerasTensor) -> KerasTensor:
    """Cross-entropy of every voxel's names, or of none, per vertebra.

    A voxel is each vertebra as much as the target says, and none for the rest. A sum over the
    box, shared by the few voxels of vertebrae: a mean over the box teaches names long before it
    teaches where to put them. Boxes with hardly a vertebra must not outweigh the rest.
    """
    log_anywhere = ops.logsumexp(log_heatmaps, axis=-1)
    log_nowhere = ops.log(-ops.expm1(ops.minimum(log_anywhere, -1e-6)))
    named = -ops.sum(wanted * log_heatmaps)
    empty = -ops.sum((1 - ops.max(wanted, axis=-1)) * log_nowhere)
    return (named + empty) / (ops.sum(wanted) + TWO_VERTEBRAE_VOX)


def overlap(wanted: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Cross-entropy and soft Dice loss of logits with a mask."""
    answered = ops.sigmoid(logits)
    common = 2 * ops.sum(answered * wanted) + 1.0
    return (
        cross_entropy(wanted, logits) + 1.0 - common / (ops.sum(answered) + ops.sum(wanted) + 1.0)
    )


def squares(wanted: KerasTensor, answered: KerasTensor) -> KerasTensor:
    """Half the sum of squared differences, per sample (section 2.1; halved: released)."""
    return 0.5 * ops.sum(ops.square(answered - wanted)) / ops.shape(wanted)[0]


def cross_entropy(wanted: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Mean cross-entropy of logits with a mask (section 2.3)."""
    return ops.mean(_entropy(wanted, logits))


def placed_squares(
    points: KerasTensor, answered: KerasTensor, widths_vox: KerasTensor, counts: KerasTensor
) -> KerasTensor:
    """The same as `squares`, against Gaussians of given widths: eq. (1) but for its last terms.

    points : (batch, names, 4), z, y, x in voxels, and whether there is one.
    widths_vox : (names,), which gradients reach.
    counts : (batch, z, y, x, 1), where the difference counts, 0 or 1.
    """
    wanted = gaussians(points, widths_vox, ops.shape(answered)[1:4])
    return squares(wanted * counts, answered * counts)


def gaussians(points: KerasTensor, widths_vox: KerasTensor, shape: tuple) -> KerasTensor:
    """Heatmaps (batch, z, y, x, names) of section 2.2: of mass GAMMA, whatever the width."""
    along = []
    for axis in range(3):
        places = ops.cast(ops.arange(shape[axis]), points.dtype)[None, :, None]
        offset = places - points[:, None, :, axis]  # (batch, size, names)
        along.append(ops.exp(-0.5 * ops.square(offset / widths_vox)))
    z, y, x = along
    peak = points[:, :, 3] * GAMMA / (math.sqrt(2 * math.pi) * widths_vox) ** 3
    return z[:, :, None, None] * y[:, None, :, None] * x[:, None, None] * peak[:, None, None, None]


def widths_norm(points: KerasTensor, widths_vox: KerasTensor) -> KerasTensor:
    """Half the sum of the squared widths of those there are, per sample: eq. (1) without alpha."""
    return 0.5 * ops.sum(points[:, :, 3] * ops.square(widths_vox)) / ops.shape(points)[0]


def kernels_norm(variables: Sequence[Variable]) -> KerasTensor:
    """Half the squared norm of all kernels."""
    return 0.5 * sum(ops.sum(ops.square(v)) for v in variables if v.name == "kernel")


def _weighted(wanted: KerasTensor, loss: KerasTensor) -> KerasTensor:
    weight = 1.0 + TARGET_WEIGHT * wanted
    return ops.sum(weight * loss) / ops.sum(weight)


def _entropy(wanted: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Cross-entropy per voxel, finite for any logit."""
    return ops.relu(logits) - logits * wanted + ops.log1p(ops.exp(-ops.abs(logits)))


LOSSES = {
    ("default", "spine"): presence,
    ("default", "vertebrae"): identification,
    ("default", "segmentation"): overlap,
    ("published", "spine"): squares,
    ("published", "vertebrae"): squares,
    ("published", "segmentation"): cross_entropy,
}
