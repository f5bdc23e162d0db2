"""Loss functions, in Keras 3 operations; tensors are (batch, z, y, x, channels)."""

import math
from collections.abc import Callable, Sequence

from keras import KerasTensor, Variable, ops

from versectl.config import StageConfig

#: chosen: added weight of a voxel where the target is 1; targets fill less than 1 % of the input.
TARGET_WEIGHT = 30.0

#: chosen: bone in which no cube of so many voxels fits is thin; so many voxels round it, and it
#: itself, weigh so much more. Most of what real masks lack lies there: processes, laminae, rims.
THIN_VOX, THIN_REACH_VOX, THIN_WEIGHT = 5, 2, 10.0

#: Mass of a published heatmap's Gaussian (released).
GAMMA = 1000.0

#: chosen: voxels of two vertebrae in the second stage's target; an input with fewer counts less.
TWO_VERTEBRAE_VOX = 60.0

Loss = Callable[[KerasTensor, KerasTensor], KerasTensor]


def of_stage(config: StageConfig) -> Loss:
    """The loss of a stage: (target, answer) -> one number."""
    return LOSSES[config.protocol][config.stage]


def presence(target: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Weighted cross-entropy of logits with a heatmap in 0..1."""
    return _weighted(target, _entropy(target, logits))


def identification(target: KerasTensor, log_heatmaps: KerasTensor) -> KerasTensor:
    """Cross-entropy of every voxel's label, or of none, per vertebra.

    A voxel has each label as much as the target says, and none for the rest. The sum over all
    voxels is divided by the few voxels of vertebrae: a mean over all voxels teaches labels long
    before it teaches where to put them. Inputs with hardly a vertebra must not outweigh the rest.
    """
    log_anywhere = ops.logsumexp(log_heatmaps, axis=-1)
    log_nowhere = ops.log(-ops.expm1(ops.minimum(log_anywhere, -1e-6)))
    labelled = -ops.sum(target * log_heatmaps)
    empty = -ops.sum((1 - ops.max(target, axis=-1)) * log_nowhere)
    return (labelled + empty) / (ops.sum(target) + TWO_VERTEBRAE_VOX)


def overlap(target: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Cross-entropy, weighted round thin bone, and soft Dice loss of logits with a mask.

    Dice all but ignores what the network is sure to leave out, cross-entropy does not; without
    its weight a process counts as little as so much air. Voxels beside thin bone have the same
    weight, so masks do not grow.
    """
    answer = ops.sigmoid(logits)
    common = 2 * ops.sum(answer * target) + 1.0
    weight = 1.0 + THIN_WEIGHT * near_thin(target)
    entropy = ops.sum(weight * _entropy(target, logits)) / ops.sum(weight)
    return entropy + 1.0 - common / (ops.sum(answer) + ops.sum(target) + 1.0)


def near_thin(mask: KerasTensor) -> KerasTensor:
    """1 in thin parts of a mask, (batch, z, y, x, 1) of 0 and 1, and near them, else 0."""
    opened = _widened(-_widened(-mask, THIN_VOX), THIN_VOX)
    return _widened(mask - opened, 2 * THIN_REACH_VOX + 1)


def _widened(image: KerasTensor, size_vox: int) -> KerasTensor:
    """The largest value in a cube round every voxel; of a cube's voxels those in the image."""
    for pool in ((size_vox, 1, 1), (1, size_vox, 1), (1, 1, size_vox)):
        image = ops.max_pool(image, pool, strides=1, padding="same")
    return image


def squares(target: KerasTensor, answer: KerasTensor) -> KerasTensor:
    """Half the sum of squared differences, per sample (section 2.1; halved: released)."""
    return 0.5 * ops.sum(ops.square(answer - target)) / ops.shape(target)[0]


def cross_entropy(target: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Mean cross-entropy of logits with a mask (section 2.3)."""
    return ops.mean(_entropy(target, logits))


def placed_squares(
    points: KerasTensor, answer: KerasTensor, widths_vox: KerasTensor, counts: KerasTensor
) -> KerasTensor:
    """The same as `squares`, against Gaussians of given widths: eq. (1) but for its last terms.

    points : (batch, labels, 4), z, y, x in voxels, and 1 where there is one, else 0.
    widths_vox : (labels,), learned.
    counts : (batch, z, y, x, 1), 1 where the difference counts, else 0.
    """
    target = gaussians(points, widths_vox, ops.shape(answer)[1:4])
    return squares(target * counts, answer * counts)


def gaussians(points: KerasTensor, widths_vox: KerasTensor, shape: Sequence[int]) -> KerasTensor:
    """Heatmaps (batch, z, y, x, labels) of section 2.2: of mass GAMMA, whatever the width."""
    along = []
    for axis in range(3):
        places = ops.cast(ops.arange(shape[axis]), points.dtype)[None, :, None]
        offset = places - points[:, None, :, axis]  # (batch, size, labels)
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


def _weighted(target: KerasTensor, loss: KerasTensor) -> KerasTensor:
    weight = 1.0 + TARGET_WEIGHT * target
    return ops.sum(weight * loss) / ops.sum(weight)


def _entropy(target: KerasTensor, logits: KerasTensor) -> KerasTensor:
    """Cross-entropy per voxel, finite for any logit."""
    return ops.relu(logits) - logits * target + ops.log1p(ops.exp(-ops.abs(logits)))


#: Protocol -> stage -> its loss.
LOSSES: dict[str, dict[str, Loss]] = {
    "default": {"spine": presence, "vertebrae": identification, "segmentation": overlap},
    "published": {"spine": squares, "vertebrae": squares, "segmentation": cross_entropy},
}
