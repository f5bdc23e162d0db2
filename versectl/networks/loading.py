"""The models of a run: loaded when first used, and held as long as this provider is."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from versectl.config import Stage, fingerprint
from versectl.types import Identity, Model


@dataclass(frozen=True)
class Models:
    """The models of a folder of weights. A process that is handed this loads its own, once.

    folder : None for the weights that come with versectl.
    device, precision, gpu_memory_mb : as device.prepare() takes them.
    Using a model raises WeightsError or DeviceError when it cannot be had.
    """

    folder: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    gpu_memory_mb: int | None = None

    @cached_property
    def spine(self) -> Model:
        """Finds the spine."""
        return self._load("spine")

    @cached_property
    def vertebrae(self) -> Model:
        """Finds and labels the vertebrae."""
        return self._load("vertebrae")

    @cached_property
    def segmentation(self) -> Model:
        """Finds the voxels of each vertebra."""
        return self._load("segmentation")

    def identity(self, stage: Stage) -> Identity:
        """What the stage's model is known by, without loading it."""
        from versectl.networks import weights

        described = weights.describe(self.folder, stage)
        return Identity(described.sha256, fingerprint(described.config))

    def __reduce__(self) -> tuple[object, ...]:
        """For another process: what to load, not what was loaded here."""
        return type(self), (self.folder, self.device, self.precision, self.gpu_memory_mb)

    def _load(self, stage: Stage) -> Model:
        from versectl.networks import device, weights

        precision = device.prepare(self.device, self.precision, self.gpu_memory_mb)
        return weights.load(self.folder, stage, precision)
