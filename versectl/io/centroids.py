"""Vertebra centroids on disk: the JSON of VerSe's subject-based release.

A list; its first entry {"direction": ["P", "I", "R"]} names the axes of the image, each further
one {"label": 20, "X": 91.1, "Y": 40.0, "Z": 95.0} is a vertebral body's centre in voxels of
that image (Sekuboyina et al. 2021).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.errors import BadInputError
from versectl.geometry import Frame
from versectl.io import atomic


@dataclass(frozen=True)
class Centroids:
    """Centroids in voxels of an image whose axes point to `direction`; label -> (X, Y, Z)."""

    direction: tuple[str, str, str]
    points_vox: Mapping[int, tuple[float, float, float]]


def from_world(points_mm: Mapping[int, np.ndarray], image: sitk.Image | Frame) -> Centroids:
    """World points as centroids in voxels of the image, to a hundredth, from head to foot."""
    ordered = [label for label in labels.ORDER if label in points_mm]
    points = {
        label: tuple(np.round(geometry.to_vox(image, points_mm[label]), 2).tolist())
        for label in ordered
    }
    return Centroids(geometry.axis_letters(image), points)


def to_world(centroids: Centroids, image: sitk.Image | Frame) -> dict[int, np.ndarray]:
    """Label -> world point (3,) of centroids that belong to the image, in any axis order.

    Raises BadInputError when the centroids' axes are no permutation of the image's.
    """
    letters = geometry.axis_letters(image)
    points = {}
    for label, point_vox in centroids.points_vox.items():
        point = [
            _along(letter, centroids.direction, point_vox, size)
            for letter, size in zip(letters, Frame.of(image).size_vox, strict=True)
        ]
        points[label] = geometry.to_mm(image, np.array(point))
    return points


def read(path: Path) -> Centroids:
    """Centroids from a JSON file; entries that are NaN count as absent.

    Raises BadInputError when the file is not VerSe's subject format.
    """
    try:
        entries = atomic.read_json(path)
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadInputError(f"{path} is no JSON: {error}.") from error
    try:
        direction = tuple(map(str, entries[0]["direction"]))
        points = {
            int(entry["label"]): (float(entry["X"]), float(entry["Y"]), float(entry["Z"]))
            for entry in entries[1:]
        }
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadInputError(
            f'{path} is not VerSe\'s centroid format: a list of {{"direction": [..]}} and then '
            '{"label", "X", "Y", "Z"} entries is needed.'
        ) from error
    if len(direction) != 3 or {*direction, *map(geometry.OPPOSITE.get, direction)} != set(
        geometry.OPPOSITE
    ):
        raise BadInputError(f"{path} has direction {list(direction)}; use letters like P, I, R.")
    finite = {label: point for label, point in points.items() if all(map(math.isfinite, point))}
    return Centroids(direction, finite)


def write(centroids: Centroids, path: Path) -> None:
    """Write the JSON, one hundredth of a voxel exact."""
    entries = [{"direction": list(centroids.direction)}]
    for label, point in centroids.points_vox.items():
        x, y, z = point
        entries.append({"label": label, "X": x, "Y": y, "Z": z})
    atomic.write_json(entries, path)


def _along(
    letter: str, direction: tuple[str, str, str], point_vox: tuple[float, ...], size: int
) -> float:
    """The point's coordinate along the image axis that points to `letter`."""
    if letter in direction:
        return point_vox[direction.index(letter)]
    return size - 1 - point_vox[direction.index(geometry.OPPOSITE[letter])]
