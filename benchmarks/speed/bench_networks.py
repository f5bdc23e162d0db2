"""GFLOP of networks, and GFLOP per second beside what a large convolution reaches here.

    python -m benchmarks.speed.bench_networks ENGINE PRECISION [--short]

CPU seconds count all cores: the share of the ceiling hardly depends on what else the machine does.
"""

import json
import sys
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from benchmarks.clock import Clock
from versectl import config
from versectl.networks import architectures, joining
from versectl.networks.engines import choice
from versectl.networks.engines.choice import Ready

#: chosen: convolutions like the networks' own, so many that nothing else counts.
CEILING_VOX, CEILING_FILTERS, CEILING_LAYERS = (64, 64, 64), 64, 4

#: chosen: calls of which the quickest counts.
CALLS = 2

#: chosen: published networks are timed on this share of their box along each side, if short.
SHORT = 2


def measure(ready: Ready, short: bool) -> dict[str, dict[str, float]]:
    """Ceiling, default and published networks -> GFLOP, CPU and wall seconds of a call."""
    found = {"ceiling": timed(ready, convolutions, (*CEILING_VOX, CEILING_FILTERS))}
    for name, preset in (("default", config.DEFAULT), ("published", config.PAPER)):
        for stage in config.STAGES:
            chosen = preset[stage]
            part = SHORT if short and name == "published" else 1
            size = [side // part for side in chosen.size_vox[::-1]]
            found[f"{name} {stage}"] = timed(
                ready,
                lambda precision, layout, chosen=chosen: architectures.build(
                    chosen.network, precision, layout
                ),
                (*size, chosen.network.inputs),
            )
    return found


def convolutions(precision: str, layout: architectures.Layout) -> keras.Model:
    """Convolutions in a row, so that what is before and behind them hardly counts."""
    blocks = architectures.Blocks(
        config.DEFAULT["spine"].network, architectures.policy(precision), layout
    )
    image = keras.Input((None, None, None, CEILING_FILTERS))
    x = blocks.entered(image)
    for index in range(CEILING_LAYERS):
        x = blocks.convolution(x, CEILING_FILTERS, f"layer{index}")
    return keras.Model(image, blocks.left(x))


def timed(
    ready: Ready, build: Callable[[str, architectures.Layout], keras.Model], shape: tuple[int, ...]
) -> dict[str, float]:
    """GFLOP of a call on an image of a shape, and the seconds of the quickest."""
    library, precision = ready.library, ready.engine.precision
    with library.scope(ready.place):
        network = build(precision if library.MIXED else "float32", library.LAYOUT)
    answer = library.answering(network, precision, ready.place)
    seen = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    answer(seen)
    clock = Clock()
    for _ in range(CALLS):
        clock.timed("call", answer)(seen)
    wall, cpu = clock.least("call")
    return {"GFLOP": gflop(network, shape), "cpu": cpu, "wall": wall}


def gflop(network: keras.Model, shape: tuple[int, ...]) -> float:
    """Multiplications and additions of all convolutions, in 1e9; counted on a small image."""
    small, counted = (64, 64, 64, shape[-1]), []
    originals = {kind: kind.call for kind in (layers.Conv3D, joining.Conv3D)}

    def counting(self: layers.Conv3D, x: object) -> object:
        answer = originals[type(self)](self, x)
        voxels = int(np.prod(answer.shape)) // self.filters
        counted.append(2 * products(self, x) * voxels)
        return answer

    for kind in originals:
        kind.call = counting
    try:
        network(keras.ops.zeros((1, *small)), training=False)
    finally:
        del layers.Conv3D.call
        joining.Conv3D.call = originals[joining.Conv3D]
    return sum(counted) * np.prod(shape[:3]) / np.prod(small[:3]) / 1e9


def products(layer: layers.Conv3D, x: object) -> int:
    """Multiplications for each voxel of a convolution's answer."""
    every = int(np.prod(layer.kernel.shape))
    if not isinstance(layer, joining.Conv3D) or keras.config.backend() not in joining.TRANSPOSING:
        return every
    coarse = x[1].shape[layer.channels]
    return every - (3**3 - 2**3) * coarse * layer.filters


if __name__ == "__main__":
    engine, precision, *short = sys.argv[1:]
    print(json.dumps(measure(choice.prepare(engine, "cpu", precision), bool(short))))
