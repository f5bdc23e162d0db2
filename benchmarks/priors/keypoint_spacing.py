"""How far vertebrae lie apart in real people: the numbers in versectl/stages/spacing.py.

usage: python -m benchmarks.priors.keypoint_spacing vid_keypoints.csv.gz

The file is that of the ImFusion VID data set (CC BY-SA 4.0): a row per vertebra with scan, VerSe
label and body centre in mm. The logarithm of a distance is the sum of a level's mean, a person's
size and a remainder: the first two are found by expectation and maximisation of a mixed model.
"""

import csv
import gzip
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import markdown
from versectl import labels

#: Rounds of the fit; after half of them nothing changes in the third decimal.
ROUNDS = 200

#: Median absolute deviation -> standard deviation of a normal distribution.
ROBUST = 1.4826


class Distances(NamedTuple):
    """One entry per pair of neighbours: person (number), upper label, logarithm of the mm."""

    person: np.ndarray
    label: np.ndarray
    log_mm: np.ndarray


class Fit(NamedTuple):
    """Label -> logarithm of the mean distance below it, and the spread within a person.

    people_sd : standard deviation of people's sizes, relative.
    """

    log_mm: dict[int, float]
    sd: dict[int, float]
    people_sd: float


def main(path: Path) -> None:
    """Print the table."""
    with gzip.open(path, "rt") as file:
        distances = neighbours(csv.DictReader(file))
    fit = fitted(distances)
    people = len(np.unique(distances.person))
    print(f"{people} people, SD between people {fit.people_sd:.3f}\n")
    rows = []
    for label, log_mm in fit.log_mm.items():
        here = distances.label == label
        who = len(np.unique(distances.person[here]))
        mean_mm, sd = np.exp(log_mm), fit.sd[label]
        rows.append((labels.NAMES[label], here.sum(), who, f"{mean_mm:.1f}", f"{sd:.3f}"))
    head = ("from", "pairs", "people", "mean mm", "SD in a person")
    print(*markdown.table(head, rows), sep="\n")


def neighbours(rows: Iterable[dict[str, str]]) -> Distances:
    """Distances of all pairs of successive labels of a scan."""
    points: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    people: dict[str, str] = {}
    for row in rows:
        points[row["id"]][int(row["label"])] = np.array([float(row[axis]) for axis in "xyz"])
        people[row["id"]] = person(row["scan"])
    numbers = {name: number for number, name in enumerate(sorted(set(people.values())))}
    found = [
        (numbers[people[scan]], label, np.log(np.linalg.norm(centers[label + 1] - center)))
        for scan, centers in points.items()
        for label, center in centers.items()
        if label + 1 in centers
    ]
    who, label, log_mm = map(np.array, zip(*found, strict=True))
    return Distances(who, label, log_mm)


def person(scan: str) -> str:
    """Data set and person of a scan's name: `verse20:sub-verse809_dir-iso`, `colon:0409:prone`."""
    source, name, *_ = scan.split(":")
    return f"{source}:{name.split('_')[0]}"


def fitted(distances: Distances) -> Fit:
    """The mixed model; spreads are robust, for some points are misplaced."""
    who, label, log_mm = distances
    count = who.max() + 1
    mean, variance = np.zeros(label.max() + 1), np.full(label.max() + 1, 0.05**2)
    size, size_variance = np.zeros(count), 0.05**2
    for _ in range(ROUNDS):
        for each in np.unique(label):
            here = label == each
            mean[each] = np.median(log_mm[here] - size[who[here]])
        weight = 1 / variance[label]
        precision = np.bincount(who, weight, count) + 1 / size_variance
        size = np.bincount(who, weight * (log_mm - mean[label]), count) / precision
        size -= size.mean()
        size_variance = float(np.mean(size**2 + 1 / precision))
        rest = log_mm - mean[label] - size[who]
        for each in np.unique(label):
            here = label == each
            variance[each] = (ROBUST * np.median(np.abs(rest[here]))) ** 2
    levels = np.unique(label).tolist()
    return Fit(
        {each: float(mean[each]) for each in levels},
        {each: float(np.sqrt(variance[each])) for each in levels},
        float(np.sqrt(size_variance)),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
