"""Weights of a stage that are the mean of two trainings of the same network.

usage: python -m benchmarks.weights.mean_weights STAGE ONE OTHER OUT    folders of weights

OUT gets OTHER's configuration. A mean is of use where one training went on from the other.
"""

import sys
from pathlib import Path

from versectl.networks import weights


def main(stage: str, one: Path, other: Path, out: Path) -> None:
    """Read both, write their mean."""
    first, network = (weights.load_network(folder, stage) for folder in (one, other))
    pairs = zip(first.get_weights(), network.get_weights(), strict=True)
    network.set_weights([(a + b) / 2 for a, b in pairs])
    out.mkdir(parents=True, exist_ok=True)
    weights.save(network, weights.describe(other, stage).config, out)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:5]))
