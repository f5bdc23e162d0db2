"""The models of a run: loaded when first asked for, then held by the process."""

import functools
from dataclasses import dataclass
from pathlib import Path

from versectl.types import Model


@dataclass(frozen=True)
class Models:
    """Stage -> its model. A process that is handed this loads its own, once.

    folder : of the weights; None for those that come with versectl.
    device, precision, gpu_memory_mb : as device.prepare() takes them.
    """

    folder: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    gpu_memory_mb: int | None = None

    def __call__(self, stage: str) -> Model:
        """The stage's model; WeightsError or DeviceError when it cannot be had."""
        return _load(self, stage)

    def sha256(self, stage: str) -> str:
        """The recorded SHA-256 of the stage's weights, without loading them."""
        from versectl.networks import weights

        return weights.describe(self.folder, stage).sha256


@functools.cache
def _load(models: Models, stage: str) -> Model:
    precision = _prepare(models.device, models.precision, models.gpu_memory_mb)
    from versectl.networks import weights

    return weights.load(models.folder, stage, precision)


@functools.cache
def _prepare(device: str, precision: str, gpu_memory_mb: int | None) -> str:
    """The precision to compute in; before TensorFlow loads, and once: it cannot be changed."""
    from versectl.networks import device as machine

    return machine.prepare(device, precision, gpu_memory_mb)
