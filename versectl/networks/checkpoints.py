"""The authors' released weights: from TensorFlow checkpoints to weights that versectl loads.

A checkpoint is recognised by the names and shapes of its variables, whatever its file is called.
Kernels are (z, y, x, in, out) in both, so nothing is transposed.
"""

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from versectl import config
from versectl.config import Stage, StageConfigs
from versectl.errors import WeightsError
from versectl.networks import architectures, weights
from versectl.text import first_line

#: What checkpoints hold besides networks: state of the optimiser and the loss, and counters.
BESIDES = re.compile(
    r"Variable|sigmas|beta[12]_power|.*/(Adam|Adam_1|Momentum)"
    r"|.*\.OPTIMIZER_SLOT/.*|(optimizer|save_counter|sigmas)/.*|_CHECKPOINTABLE_OBJECT_GRAPH"
)

#: What follows the name of a variable in a checkpoint of TensorFlow 2.
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


@dataclass(frozen=True, eq=False)
class Release:
    """Networks that were released together.

    stages : their configurations.
    variable : (stage, our layer's name, "kernel" or "bias") -> name in the checkpoint.
    """

    name: str
    stages: StageConfigs
    variable: Callable[[Stage, str, str], str]


def import_folder(folder: Path, out: Path) -> dict[Stage, str]:
    """Write weights for every checkpoint in a folder and below; stage -> name of its release.

    Nothing is written unless every checkpoint is whole and known, each stage occurs once and all
    are of one release. Raises WeightsError otherwise, and BadInputError where weights of such a
    stage are in `out` already.
    """
    prefixes = sorted(path.with_suffix("") for path in Path(folder).rglob("*.index"))
    if not prefixes:
        raise WeightsError(
            f"{folder} holds no TensorFlow checkpoint (NAME.index and NAME.data-00000-of-00001)."
        )
    found: dict[Stage, tuple[Path, Release, dict[str, np.ndarray]]] = {}
    for prefix in prefixes:
        values = read(prefix)
        release, stage = recognised(values, prefix)
        if stage in found:
            raise WeightsError(f"{found[stage][0]} and {prefix} are both of {stage}; keep one.")
        found[stage] = prefix, release, values
    releases = {release.name for _, release, _ in found.values()}
    if len(releases) > 1:
        raise WeightsError(f"{folder} holds networks of {' and of '.join(sorted(releases))}.")
    for stage in found:
        weights.refuse_to_replace(out, stage)
    for stage, (_, release, values) in found.items():
        weights.save(filled(release, stage, values), release.stages[stage], out)
    return {stage: found[stage][1].name for stage in config.STAGES if stage in found}


def read(prefix: Path) -> dict[str, np.ndarray]:
    """The networks' variables, all finite; WeightsError when any part of the files is damaged."""
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(os.fspath(prefix))
        shapes = reader.get_variable_to_shape_map()
        # All are read, each against its checksum: whoever damaged one may have damaged others.
        values = {name: reader.get_tensor(name) for name in sorted(shapes)}
    except (tf.errors.OpError, IndexError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{prefix} is damaged ({first_line(error)}); get it again.") from error
    _check_size(prefix, values)
    kept = {name: value for name, value in values.items() if not BESIDES.fullmatch(name)}
    for name, value in kept.items():
        if value.dtype != np.float32 or not np.isfinite(value).all():
            raise WeightsError(f"{prefix}: {name} is not made of finite 32-bit numbers.")
    return kept


def recognised(values: Mapping[str, np.ndarray], prefix: Path) -> tuple[Release, Stage]:
    """Which release's which stage these variables are; WeightsError when they are none's."""
    there = {name: value.shape for name, value in values.items()}
    for release in RELEASES:
        for stage in release.stages:
            if there == expected(release, stage):
                return release, stage
    raise WeightsError(f"{prefix} holds no released network: {_difference(there)}.")


@functools.cache
def expected(release: Release, stage: Stage) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the variables of a stage's checkpoint."""
    network = architectures.build(release.stages[stage].network)
    return {name: tuple(variable.shape) for name, variable in _named(release, stage, network)}


def filled(release: Release, stage: Stage, values: Mapping[str, np.ndarray]) -> keras.Model:
    """The stage's network with these values."""
    network = architectures.build(release.stages[stage].network)
    for name, variable in _named(release, stage, network):
        variable.assign(values[name])
    return network


def _named(
    release: Release, stage: Stage, network: keras.Model
) -> Iterator[tuple[str, keras.Variable]]:
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv3D):
            yield release.variable(stage, layer.name, "kernel"), layer.kernel
            yield release.variable(stage, layer.name, "bias"), layer.bias


def _check_size(prefix: Path, values: Mapping[str, np.ndarray]) -> None:
    """A file longer than its variables is another's, or two in one."""
    if any(value.dtype == object for value in values.values()):  # text has a length of its own
        return
    there = sum(part.stat().st_size for part in prefix.parent.glob(f"{prefix.name}.data-*"))
    needed = sum(value.nbytes for value in values.values())
    if there != needed:
        raise WeightsError(f"{prefix} has {there} bytes of data in place of {needed}.")


def _difference(there: Mapping[str, tuple[int, ...]]) -> str:
    """In what the variables differ from those of the stage they are nearest to."""
    every = [expected(release, stage) for release in RELEASES for stage in release.stages]
    nearest = max(every, key=lambda wanted: len(wanted.items() & there.items()))
    for name in sorted(nearest.keys() | there.keys()):
        if name not in there:
            return f"{name} is missing"
        if name not in nearest:
            return f"{name} is unknown"
        if there[name] != nearest[name]:
            return f"{name} is {_shown(there[name])}, not {_shown(nearest[name])}"
    raise AssertionError("a checkpoint without difference is recognised")


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _variable_2019(stage: Stage, layer: str, part: str) -> str:
    """The layer's variable in TensorFlow 1's graph."""
    block = re.fullmatch(r"(down|up)(\d)_(\d)", layer)
    if block:
        way = {"down": "contracting", "up": "expanding"}[block[1]]
        layer = f"{way}/level{block[2]}/conv{block[3]}"
    else:
        layer = {
            "logits": "output",
            "stem": "conv0",
            "local": "local_heatmaps",
            "spatial": "spatial_downsampled",
        }.get(layer, layer.replace("spatial", "sconv"))
    scope = "net" if stage == "vertebrae" else "net/local"
    return f"{scope}/{layer}/{part}"


def _variable_2020(stage: Stage, layer: str, part: str) -> str:
    """The layer's variable among TensorFlow 2's tracked objects; 1 and 3 are dropout layers."""
    block = re.fullmatch(r"(spatial_)?(down|up)(\d)_(\d)", layer)
    if block:
        net = "unet" if stage != "vertebrae" else "scnet_spatial" if block[1] else "scnet_local"
        way = {"down": "contracting", "up": "expanding"}[block[2]]
        layer = f"{net}/{way}_layers/level{block[3]}/layers/{2 * int(block[4])}"
    else:
        layer = {
            "logits": "prediction/layers/0",
            "local": "local_heatmaps/layers/0",
            "spatial": "spatial_heatmaps",
        }[layer]
    return f"model/{layer}/{part}{VALUE}"


RELEASES = (
    Release("VerSe 2019", config.RELEASED, _variable_2019),
    Release("VerSe 2020", config.RELEASED2020, _variable_2020),
)
