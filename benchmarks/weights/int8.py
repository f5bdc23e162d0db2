"""Measure the range of the numbers into each convolution, which --fast needs to round them.

usage: python -m benchmarks.weights.int8 CASES    cases that `versectl synth` made

Writes the default weights' segmentation.json.
"""

import sys
from pathlib import Path

import numpy as np

from versectl.io import centroids, layout, volume
from versectl.networks import weights
from versectl.networks.engines import choice
from versectl.stages import segmentation

#: chosen: cases, and every which of their vertebrae.
CASES, EVERY = 8, 6


def main(folder: Path) -> None:
    """Measure and write."""
    ready = choice.prepare("openvino", "cpu", "float32")
    network = weights.load_network(None, "segmentation", layout=ready.library.LAYOUT)
    images = [image for case in layout.with_labels(folder)[:CASES] for image in boxes(case)]
    ranges = ready.library.measured(network, images)
    weights.save_activations(ranges, weights.default_folder(), "segmentation")
    print(f"{len(images)} boxes, {len(ranges)} convolutions")


def boxes(case: layout.Case) -> list[np.ndarray]:
    """Network inputs of some vertebrae of a case, from their true centres."""
    stage = weights.describe(None, "segmentation").config
    ct = volume.read_ct(case.ct).image
    found = []
    centers_mm = centroids.to_world(centroids.read(case.centroids), ct)
    for label, center_mm in list(centers_mm.items())[::EVERY]:
        grid = segmentation.frame(center_mm, stage.at(label))
        found.append(segmentation.box(ct, center_mm, grid, stage.at(label)))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
