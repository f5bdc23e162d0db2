"""Weights on disk: per stage <stage>.weights.h5 and <stage>.json, its configuration and SHA-256.

Weights are data: the file holds arrays only, the network is built from the configuration.
"""

import warnings
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from versectl import config, files
from versectl.config import StageConfig
from versectl.errors import WeightsError
from versectl.model import Model

if TYPE_CHECKING:
    import keras


def default_folder() -> Path:
    """The weights that come with versectl: beside the package in a clone, else installed."""
    beside = Path(__file__).parent.parent / "weights"
    if (beside / "spine.json").is_file():
        return beside
    try:
        return Path(str(resources.files("versectl_weights")))
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"No default weights in {beside} or installed; give a folder with --weights."
        ) from error


def describe(folder: Path | None, stage: str) -> tuple[StageConfig, str]:
    """Configuration and recorded SHA-256 of a stage's weights; TensorFlow is not needed.

    Raises WeightsError when a file is missing or the description is none.
    """
    folder = default_folder() if folder is None else Path(folder)
    settings = folder / f"{stage}.json"
    for path in (settings, folder / f"{stage}.weights.h5"):
        if not path.is_file():
            raise WeightsError(f"{path} is missing; give a folder of weights with --weights.")
    try:
        content = files.read_json(settings)
        return config.from_json(content["config"]), str(content["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{settings} is no description of weights; get it again.") from error


def load(folder: Path | None, stage: str, precision: str = "float32") -> Model:
    """A stage's network, checked against its SHA-256, ready to answer.

    precision : Keras' dtype for computing: float32, bfloat16 or float16.
    Raises WeightsError when a file is missing, altered, or does not fit.
    """
    stage_config, recorded = describe(folder, stage)
    file = (default_folder() if folder is None else Path(folder)) / f"{stage}.weights.h5"
    sha256 = files.sha256(file)
    if sha256 != recorded:
        raise WeightsError(f"{file} is damaged: its SHA-256 is not the recorded one; get it again.")
    return Model(stage_config, _answering(stage_config, file, precision), sha256)


def save(network: "keras.Model", stage_config: StageConfig, folder: Path) -> None:
    """Write the weights and configuration of a network; an optimiser it has would come along."""
    file = folder / f"{stage_config.stage}.weights.h5"
    with files.replacing(file, ".weights.h5") as temporary:
        network.save_weights(temporary)
    content = {"config": config.to_json(stage_config), "sha256": files.sha256(file)}
    files.write_json(content, folder / f"{stage_config.stage}.json")


def _answering(stage_config: StageConfig, file: Path, precision: str):
    """The network as a function (z, y, x, inputs) -> (z, y, x, outputs), float32."""
    from versectl import networks  # Keras takes seconds

    networks.compute_in(precision)
    network = networks.build(stage_config.network)
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers it finds no weights for; they would stay random.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(file)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        raise WeightsError(f"{file} does not fit its configuration: {error}.") from error

    def answer(seen: np.ndarray) -> np.ndarray:
        out = network.predict_on_batch(seen[None].astype(np.float32))
        return np.asarray(out[0], np.float32)

    return answer
