"""Vertebra centroids on disk: the JSON of VerSe's subject-based release.

A list; its first entry {"direction": ["P", "I", "R"]} names the axes of the image, each further
one {"label": 20, "X": 91.1, "Y": 40.0, "Z": 95.0} is a vertebral body's centre in voxels of
that image (Sekuboyina et al. 2021).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.errors import BadInputError
from versectl.geometry import OPPOSITE, Frame, Triple
from versectl.io import atomic

NO_CENTROIDS = (
    'is not VerSe\'s centroid format: a list of {"direction": [..]} and then '
    '{"label", "X", "Y", "Z"} entries is needed'
)


@dataclass(frozen=True)
class Centroids:
    """Centroids in voxels of an image whose axes point to `direction`; label -> (X, Y, Z)."""

    direction: tuple[str, ...]
    points_vox: Mapping[int, Triple]


def from_world(points_mm: Mapping[int, np.ndarray], image: sitk.Image | Frame) -> Centroids:
    """World points as centroids in voxels of the image, to a hundredth, from head to foot."""
    ordered = [label for label in labels.ORDER if label in points_mm]
    points = {}
    for label in ordered:
        x, y, z = np.round(geometry.to_vox(image, points_mm[label]), 2).tolist()
        points[label] = (x, y, z)
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
    """Centroids from a JSON file; see points_of() for what an entry may be.

    Raises BadInputError when the file is not VerSe's subject format, or an entry is wrong.
    """
    entries = read_list(path)
    direction = tuple(map(str, _direction(entries, path)))
    if len(direction) != 3 or {*direction, *map(OPPOSITE.get, direction)} != set(OPPOSITE):
        raise BadInputError(f"{path} has direction {list(direction)}; use letters like P, I, R.")
    return Centroids(direction, points_of(entries[1:], path, first=2))


def read_list(path: Path) -> list[object]:
    """The list in a JSON file; BadInputError when there is none."""
    content = atomic.read_given_json(path)
    if not isinstance(content, list):
        raise BadInputError(f"{path} {NO_CENTROIDS}.")
    return content


def points_of(entries: Sequence[object], path: Path, first: int = 1) -> dict[int, Triple]:
    """Label -> X, Y, Z of the entries of a centroid file, as they are.

    A label is VerSe's number or a name such as "L1". An entry without a coordinate (null or NaN)
    counts as absent; so do sacrum and coccyx.
    first : number of the first entry within the file.
    Raises BadInputError, naming the entry, when one is wrong or has another's label.
    """
    points: dict[int, Triple] = {}
    for number, entry in enumerate(entries, first):
        label, point = _entry(entry, f"{path}, entry {number},")
        if point is None or label in labels.NO_VERTEBRAE:
            continue
        if label in points:
            raise BadInputError(
                f"{path} has label {label} ({labels.NAMES[label]}) twice; give one of the two "
                "its own label, or remove it."
            )
        points[label] = point
    return points


def write(centroids: Centroids, path: Path) -> None:
    """Write the JSON, one hundredth of a voxel exact."""
    entries: list[dict[str, object]] = [{"direction": list(centroids.direction)}]
    for label, (x, y, z) in centroids.points_vox.items():
        entries.append({"label": label, "X": x, "Y": y, "Z": z})
    atomic.write_json(entries, path)


def _direction(entries: list[object], path: Path) -> Sequence[object]:
    header = entries[0] if entries else None
    direction = header.get("direction") if isinstance(header, dict) else None
    if not isinstance(direction, list):
        raise BadInputError(f"{path} {NO_CENTROIDS}.")
    return direction


def _entry(entry: object, where: str) -> tuple[int, Triple | None]:
    """Label and X, Y, Z of one entry; None for the latter when a coordinate is missing."""
    if not isinstance(entry, dict) or any(key not in entry for key in ("label", *"XYZ")):
        raise BadInputError(f'{where} has no "label", "X", "Y" and "Z".')
    label = _label(entry["label"])
    if label is None:
        raise BadInputError(
            f"{where} has label {entry['label']!r}, which is not a vertebra; use 1 to 25 and 28, "
            "or names from C1 to L6."
        )
    if any(entry[axis] is None for axis in "XYZ"):
        return label, None
    try:
        x, y, z = (float(entry[axis]) for axis in "XYZ")
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInputError(f"{where} has a coordinate that is not a number ({error}).") from error
    return label, (x, y, z) if all(map(math.isfinite, (x, y, z))) else None


def _label(entry: object) -> int | None:
    """VerSe's number of a label that is a number, also as text, or a name; None when it is none."""
    text = str(entry).strip().upper()
    if text in labels.NUMBERS:
        return labels.NUMBERS[text]
    try:
        number = float(text)
    except ValueError:
        return None
    known = {*labels.ORDER, *labels.NO_VERTEBRAE}
    return int(number) if number in known and not isinstance(entry, bool) else None


def _along(letter: str, direction: tuple[str, ...], point_vox: Triple, size: int) -> float:
    """The point's coordinate along the image axis that points to `letter`."""
    if letter in direction:
        return point_vox[direction.index(letter)]
    return size - 1 - point_vox[direction.index(OPPOSITE[letter])]
