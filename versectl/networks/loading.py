"""The models of a run: loaded when first used, and held as long as this provider is."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from versectl.types import Model


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

    def __call__(self, stage: str) -> Model:
        """The stage's model."""
        if stage == "spine":
            return self.spine
        return self.vertebrae if stage == "vertebrae" else self.segmentation

    def sha256(self, stage: str) -> str:
        """The recorded SHA-256 of the stage's weights, without loading them."""
        from versectl.networks import weights

        return weights.describe(self.folder, stage).sha256

    def __reduce__(self) -> tuple[object, ...]:
        """For another process: what to load, not what was loaded here."""
        return type(self), (self.folder, self.device, self.precision, self.gpu_memory_mb)

    def _load(self, stage: str) -> Model:
        from versectl.networks import device, weights

        precision = device.prepare(self.device, self.precision, self.gpu_memory_mb)
        return weights.load(self.folder, stage, precision)
