"""How surely labels out of order along the spine are found, for versectl/report/order.py.

usage: python -m benchmarks.priors.keypoint_order vid_keypoints.csv.gz

The file is that of the ImFusion VID data set (CC BY-SA 4.0): a row per vertebra with scan, VerSe
label and body centre in mm. Every scan is looked at as it is, and with any two neighbours swapped.
"""

import csv
import gzip
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np

from versectl import labels
from versectl.report import order
from versectl.types import Vertebra

Spine = dict[int, Vertebra]


def main(path: Path) -> None:
    """Print how many right orders are flagged, and how many wrong ones are named as they are."""
    scans = read(path)
    flagged = sum(bool(order.out_of_order(found)) for found in scans)
    print(f"{len(scans)} scans as they are: {flagged} out of order")
    swapped = [(found, pair) for found in scans for pair in pairwise(found)]
    named = sum(order.out_of_order(swap(found, *pair)) == [pair] for found, pair in swapped)
    print(f"{len(swapped)} with two neighbours swapped: {named} named, and nothing else")


def read(path: Path) -> list[Spine]:
    """Vertebrae of every scan, head first."""
    points: dict[str, Spine] = defaultdict(dict)
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            center_mm = np.array([float(row[axis]) for axis in "xyz"])
            points[row["id"]][int(row["label"])] = Vertebra(center_mm, 1.0)
    return [
        {label: found[label] for label in labels.ORDER if label in found}
        for found in points.values()
    ]


def swap(found: Spine, one: int, other: int) -> Spine:
    """The same with two labels swapped."""
    return {**found, one: found[other], other: found[one]}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
