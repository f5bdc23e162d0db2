"""Weights on disk: per stage <stage>.weights.h5 and <stage>.json, its configuration and SHA-256.

Weights are data: the file holds arrays only, the network is built from the configuration.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from versectl import config
from versectl.config import Stage, StageConfig
from versectl.errors import BadInputError, WeightsError
from versectl.io import atomic
from versectl.networks.engines import choice
from versectl.types import Model

if TYPE_CHECKING:
    import keras

    from versectl.networks.architectures import Layout
    from versectl.networks.engines.choice import Ready, RoundingLibrary

#: Ways of framing a scan and reading the network's answer that the commands know.
PROTOCOLS = ("default", "published")

#: The stage, and its protocol, whose images do not depend on each other: a vertebra each.
SEVERAL = ("segmentation", "default")

#: chosen: images in work at a time there. While the network answers for one, another is prepared.
AT_ONCE = 2


def default_folder() -> Path:
    """The weights that come with versectl: beside the package in a clone, else installed."""
    beside = Path(__file__).parents[2] / "weights"
    if (beside / "spine.json").is_file():
        return beside
    try:
        return Path(str(resources.files("versectl_weights")))
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"No default weights in {beside} or installed; give a folder of weights."
        ) from error


def load(folder: Path | None, stage: Stage, ready: "Ready | None" = None) -> Model:
    """A stage's network, checked against its SHA-256, with its configuration.

    ready : engine, device and precision; None for the default engine, in float32.
    Raises WeightsError when a file is missing, altered, or does not fit, and when the steps before
    and after the network are not known.
    """
    described = describe(folder, stage)
    if described.config.protocol not in PROTOCOLS:
        raise WeightsError(
            f"{described.file} is a network of {described.config.protocol!r}, which no command "
            "runs; in Python, versectl.networks.weights.load_network loads it."
        )
    ready = ready or choice.prepare(precision="float32")
    library, engine = ready.library, ready.engine
    with library.scope(ready.place):
        mixed = engine.precision if library.MIXED else "float32"
        network = _filled(verified(described), mixed, library.LAYOUT)
    at_once = AT_ONCE if (stage, described.config.protocol) == SEVERAL else 1
    if ready.int8 and described.activations:
        rounding = cast("RoundingLibrary", library)
        answer = rounding.answering_in_int8(
            network, engine.precision, ready.place, at_once, described.activations
        )
        engine = replace(engine, precision="int8")
    else:
        answer = library.answering(network, engine.precision, ready.place, at_once)
    return Model(described.config, answer, described.sha256, engine, at_once)


def load_network(
    folder: Path | None,
    stage: Stage,
    precision: str = "float32",
    layout: "Layout" = "channels_last",
) -> "keras.Model":
    """A stage's network alone, to be called on an array (batch, z, y, x, inputs).

    Its answer is the network's own, before any sigmoid. Each side must be a multiple of the
    configuration's divisor. No global setting of Keras is used or changed. Raises WeightsError as
    `load` does.
    """
    return _filled(verified(describe(folder, stage)), precision, layout)


class Described(NamedTuple):
    """What <stage>.json says of a stage's weights.

    activations : lowest and highest number into each convolution in sample images, for 8-bit
        numbers; () when they were not measured.
    """

    config: StageConfig
    file: Path
    sha256: str
    activations: tuple[tuple[float, float], ...] = ()


def files(folder: Path, stage: Stage) -> tuple[Path, Path]:
    """A stage's files in a folder: the description of its weights, and the weights."""
    return folder / f"{stage}.json", folder / f"{stage}.weights.h5"


def describe(folder: Path | None, stage: Stage) -> Described:
    """What a folder says of its weights for a stage, without loading an engine or the arrays.

    Raises WeightsError when a file is missing or <stage>.json is damaged.
    """
    folder = default_folder() if folder is None else Path(folder)
    settings, file = files(folder, stage)
    for path in (settings, file):
        if not path.is_file():
            raise WeightsError(f"{path} is missing; give a folder of weights that has it.")
    try:
        match atomic.read_json(settings):
            case {"config": stage_config, "sha256": str(sha256), **more}:
                activations = _ranges(more.get("activations", []))
                return Described(config.from_json(stage_config), file, sha256, activations)
        raise ValueError("it has no configuration or no SHA-256")
    except (ValueError, WeightsError) as error:
        why = str(error).rstrip(".")
        raise WeightsError(
            f"{settings} does not describe weights ({why}); get both files again."
        ) from error


def verified(described: Described) -> Described:
    """The same, or WeightsError when the file is not the one described."""
    if atomic.sha256(described.file) != described.sha256:
        raise WeightsError(
            f"{described.file} does not match {described.config.stage}.json (SHA-256): training or "
            "copying may have been interrupted; go on with train --resume, or get both files again."
        )
    return described


def summary(folder: Path | None) -> list[str]:
    """A line per stage that the folder has weights for."""
    folder = default_folder() if folder is None else Path(folder)
    there = [stage for stage in config.STAGES if files(folder, stage)[0].is_file()]
    if not there:
        raise WeightsError(f"{folder} holds no weights (spine.json, spine.weights.h5 and so on).")
    return [_line(verified(describe(folder, stage))) for stage in there]


def save(network: "keras.Model", stage_config: StageConfig, folder: Path) -> None:
    """Write the weights and configuration of a network; an optimiser it has would come along.

    Both files are whole before either takes its name, the description last.
    """
    settings, file = files(folder, stage_config.stage)
    with (
        atomic.replacing(settings) as described,
        atomic.replacing(file, ".weights.h5") as temporary,
    ):
        network.save_weights(temporary)
        content = {"config": config.to_json(stage_config), "sha256": atomic.sha256(temporary)}
        atomic.write_json(content, described)


def refuse_to_replace(folder: Path, stage: Stage) -> None:
    """BadInputError where a folder has weights of a stage, or their description."""
    for path in files(folder, stage):
        if path.exists():
            raise BadInputError(f"{path} exists and is not overwritten; choose another --out.")


def save_activations(
    activations: Sequence[tuple[float, float]], folder: Path, stage: Stage
) -> None:
    """Add the ranges of a network's activations to the description of its weights."""
    described = describe(folder, stage)
    content = {
        "config": config.to_json(described.config),
        "sha256": described.sha256,
        "activations": [[float(f"{end:.4g}") for end in each] for each in activations],
    }
    atomic.write_json(content, folder / f"{stage}.json")


def _filled(
    described: Described, precision: str, layout: "Layout" = "channels_last"
) -> "keras.Model":
    from versectl.networks import architectures

    network = architectures.build(described.config.network, precision, layout, drawn=False)
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers it finds no weights for; they would stay random.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(described.file)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        raise WeightsError(f"{described.file} does not fit its configuration: {error}.") from error
    return network


def _ranges(content: object) -> tuple[tuple[float, float], ...]:
    """Pairs of numbers from JSON content; ValueError for anything else."""
    try:
        return tuple((float(low), float(high)) for low, high in content)  # type: ignore[attr-defined]
    except TypeError as error:
        raise ValueError(f"its activations are not pairs of numbers: {error}") from error


def _line(described: Described) -> str:
    network = described.config.network
    megabytes = described.file.stat().st_size / 1e6
    return (
        f"{described.config.stage:<12}  {network.kind:<9}  {described.config.protocol:<13}  "
        f"{megabytes:5.1f} MB  sha256 {described.sha256}"
    )
