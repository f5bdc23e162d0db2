"""Every number of the three stages once, with its source: what can be set, and the presets."""

from versectl.config.options import CrossValidationOptions, TrainingOptions
from versectl.config.presets import DEFAULT, PAPER, PRESETS, RELEASED, RELEASED2020, TINY, fast
from versectl.config.schema import (
    FORMER_NAMES,
    SPATIAL_FACTOR,
    STAGES,
    Border,
    Kind,
    LevelBox,
    NetworkConfig,
    Ranges,
    Stage,
    StageConfig,
    StageConfigs,
    TrainingConfig,
    fingerprint,
    from_json,
    to_json,
)

__all__ = [
    "DEFAULT",
    "FORMER_NAMES",
    "PAPER",
    "PRESETS",
    "RELEASED",
    "RELEASED2020",
    "SPATIAL_FACTOR",
    "STAGES",
    "TINY",
    "Border",
    "CrossValidationOptions",
    "Kind",
    "LevelBox",
    "NetworkConfig",
    "Ranges",
    "Stage",
    "StageConfig",
    "StageConfigs",
    "TrainingConfig",
    "TrainingOptions",
    "fast",
    "fingerprint",
    "from_json",
    "to_json",
]
