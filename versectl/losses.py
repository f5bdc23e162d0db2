"""What training makes small, in Keras 3 operations; tensors are (batch, z, y, x, channels)."""

from collections.abc import Callable

from keras import KerasTensor, ops

#: chosen: added weight of a voxel where the target is 1; targets fill less than 1 % of a box.
TARGET_WEIGHT = 30.0


def of_stage(stage: str) -> Callable[[KerasTensor, KerasTensor], KerasTensor]:
    """The loss of a stage: (wanted, answered) -> one number."""
    return {"spine": presence, "vertebrae": identification, "segmentation": overlap}[stage]


def presence(wanted: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Weighted cross-entropy of logits with a heatmap in 0..1."""
    return _weighted(wanted, ops.relu(logits) - logits * wanted + _softplus(-ops.abs(logits)))


def identification(wanted: KerasTensor, heatmaps: KerasTensor) -> KerasTensor:
    """Cross-entropy of where a vertebra is, and of which one, near its centre.

    The heatmaps' sum says where; each heatmap's share of the sum says which.
    """
    small = 1e-5
    anywhere = ops.clip(ops.sum(heatmaps, axis=-1, keepdims=True), small, 1 - small)
    wanted_anywhere = ops.max(wanted, axis=-1, keepdims=True)
    where = -(wanted_anywhere * ops.log(anywhere) + (1 - wanted_anywhere) * ops.log(1 - anywhere))
    share = ops.clip(heatmaps / anywhere, small, 1.0)
    which = -ops.sum(wanted * ops.log(share), axis=-1)
    which = ops.sum(which) / (ops.sum(wanted) + 1.0)
    return 5.0 * _weighted(wanted_anywhere, where) + which


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
