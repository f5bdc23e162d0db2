"""What training makes small, in Keras 3 operations; tensors are (batch, z, y, x, channels)."""

from collections.abc import Callable

from keras import KerasTensor, ops

#: chosen: added weight of a voxel where the target is 1; targets fill less than 1 % of a box.
TARGET_WEIGHT = 30.0

#: chosen: voxels of two vertebrae in the second stage's target; a box with fewer counts less.
TWO_VERTEBRAE_VOX = 60.0


def of_stage(stage: str) -> Callable[[KerasTensor, KerasTensor], KerasTensor]:
    """The loss of a stage: (wanted, answered) -> one number."""
    return {"spine": presence, "vertebrae": identification, "segmentation": overlap}[stage]


def presence(wanted: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Weighted cross-entropy of logits with a heatmap in 0..1."""
    return _weighted(wanted, ops.relu(logits) - logits * wanted + _softplus(-ops.abs(logits)))


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
    entropy = ops.mean(ops.relu(logits) - logits * wanted + _softplus(-ops.abs(logits)))
    answered = ops.sigmoid(logits)
    common = 2 * ops.sum(answered * wanted) + 1.0
    return entropy + 1.0 - common / (ops.sum(answered) + ops.sum(wanted) + 1.0)


def _weighted(wanted: KerasTensor, loss: KerasTensor) -> KerasTensor:
    weight = 1.0 + TARGET_WEIGHT * wanted
    return ops.sum(weight * loss) / ops.sum(weight)


def _softplus(x: KerasTensor) -> KerasTensor:
    return ops.log1p(ops.exp(x))
