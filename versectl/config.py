"""The three stages side by side: every number once, with its source.

"section n" is a section of Payer et al. 2020; "chosen" numbers are ours.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

from versectl import labels
from versectl.errors import WeightsError

STAGES = ("spine", "vertebrae", "segmentation")


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is built from.

    kind : "unet" (one path down and up) or "scnet" (a U-Net times a spatial configuration).
    inputs, outputs : channels at either end.
    filters : per level, finest first; every step down halves the grid.
    patch_vox : the network works on patches of this many voxels a side, whose voxels become
        channels. 2 makes it about eight times cheaper; 1 is the published form.
    spatial_filters : channels of the spatial configuration (scnet only).
    """

    kind: str
    inputs: int
    outputs: int
    filters: tuple[int, ...]
    patch_vox: int = 2
    spatial_filters: int = 0

    @property
    def divisor(self) -> int:
        """Grid sizes must be multiples of this."""
        return self.patch_vox * 2 ** (len(self.filters) - 1)


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained."""

    steps: int
    learning_rate: float = 1e-3  # chosen
    clip_norm: float = 1.0  # chosen
    ema_momentum: float = 0.995  # chosen: evens out batches of one
    repeats: int = 3  # chosen: making a sample costs about as much as a step


@dataclass(frozen=True)
class StageConfig:
    """What one stage sees and answers; sizes are x, y, z.

    size_vox, spacing_mm : the box the network is trained on.
    smoothing_mm : Gaussian before resampling, as anti-aliasing.
    sigma_mm : width of the Gaussians: in the target (spine, vertebrae) or input (segmentation).
    threshold : response from which something counts as found.
    """

    stage: str
    size_vox: tuple[int, int, int]
    spacing_mm: float
    smoothing_mm: float
    sigma_mm: float
    threshold: float
    network: NetworkConfig
    training: TrainingConfig


DEFAULT = {
    "spine": StageConfig(
        stage="spine",
        size_vox=(64, 64, 128),  # section 2.1: 512 x 512 x 1024 mm
        spacing_mm=8.0,  # section 2.1
        smoothing_mm=3.0,  # the released VerSe 2019 weights' preprocessing
        sigma_mm=24.0,  # section 3.1: 3 voxels
        threshold=0.3,  # chosen
        network=NetworkConfig("unet", inputs=1, outputs=1, filters=(24, 32, 48, 64)),
        training=TrainingConfig(steps=1500),
    ),
    "vertebrae": StageConfig(
        stage="vertebrae",
        size_vox=(96, 96, 128),  # section 2.2
        spacing_mm=2.0,  # section 2.2
        smoothing_mm=0.75,  # section 3.1
        sigma_mm=5.0,  # chosen: neighbours in the neck, 16 mm apart, stay two peaks
        threshold=0.2,  # chosen: 0.25 in the released VerSe 2019 weights
        network=NetworkConfig(
            "scnet",
            inputs=1,
            outputs=len(labels.CHANNELS),
            filters=(32, 64, 96, 128),
            spatial_filters=64,
        ),
        training=TrainingConfig(steps=10000, learning_rate=5e-4),  # 1e-3 was not stable
    ),
    "segmentation": StageConfig(
        stage="segmentation",
        size_vox=(128, 128, 96),  # section 2.3
        spacing_mm=1.0,  # section 2.3
        smoothing_mm=0.75,  # section 3.1
        sigma_mm=3.0,  # section 3.1: 3 voxels
        threshold=0.5,  # section 2.3
        network=NetworkConfig("unet", inputs=2, outputs=1, filters=(32, 48, 64, 64)),
        training=TrainingConfig(steps=2600),
    ),
}

PRESETS = {"default": DEFAULT}


def to_json(config: StageConfig) -> dict[str, Any]:
    """The configuration as JSON content."""
    return asdict(config)


def from_json(content: dict[str, Any]) -> StageConfig:
    """A configuration from JSON content; WeightsError names a field that is wrong."""
    try:
        network = _build(NetworkConfig, content["network"])
        training = _build(TrainingConfig, content["training"])
        return _build(StageConfig, {**content, "network": network, "training": training})
    except (KeyError, TypeError) as error:
        raise WeightsError(f"The weights' configuration does not fit: {error}.") from error


def _build(kind: type, content: dict[str, Any]) -> Any:
    """A dataclass from its fields; JSON's lists become tuples again."""
    unknown = set(content) - {field.name for field in fields(kind)}
    if unknown:
        raise TypeError(f"unknown field {sorted(unknown)[0]}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in content.items()})
