"""Centroids as 3D Slicer's markups, .mrk.json: named points in millimetres of the world.

`io/export/slicer.py` writes them. Slicer saves them with more fields, after points were moved,
renamed, added or deleted.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from versectl import labels
from versectl.errors import BadInputError
from versectl.io import atomic

ENDING = ".mrk.json"

#: coordinateSystem -> what makes it LPS; the numbers are those of files before Slicer 4.11.
TO_LPS = {
    "LPS": np.array([1.0, 1.0, 1.0]),
    "RAS": np.array([-1.0, -1.0, 1.0]),
    "1": np.array([1.0, 1.0, 1.0]),
    "0": np.array([-1.0, -1.0, 1.0]),
}


def read(path: Path) -> dict[int, np.ndarray]:
    """Label -> point (3,) in the world, LPS, from head to foot; points not placed are left out.

    Raises BadInputError when the file holds no list of points, or a point is wrong, names no
    vertebra, or has another's name.
    """
    found: dict[int, np.ndarray] = {}
    for point, to_lps in _points(path):
        name = str(point.get("label", ""))
        label = labels.NUMBERS.get("".join(name.split()).upper())
        if label is None:
            raise BadInputError(
                f"{path} has a point named {name!r}, which is not a vertebra; name it C1 to L6, or "
                "delete it."
            )
        if label in found:
            raise BadInputError(f"{path} has {labels.NAMES[label]} twice; rename or delete one.")
        found[label] = _position(point, f"{path}, {labels.NAMES[label]},") * to_lps
    return {label: found[label] for label in labels.ORDER if label in found}


def _points(path: Path) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Every placed point of the file's lists of points, and what makes it LPS."""
    markups = [one for one in _markups(path) if one.get("type") == "Fiducial"]
    if not markups:
        raise BadInputError(f"{path} holds no point list; save the centres as a point list.")
    for markup in markups:
        system, unit = str(markup.get("coordinateSystem", "LPS")), _unit(markup)
        if system not in TO_LPS or unit != "mm":
            raise BadInputError(f"{path} has points in {system}, {unit}; LPS or RAS in mm is read.")
        for point in markup.get("controlPoints") or ():
            if point.get("positionStatus", "defined") == "defined":
                yield point, TO_LPS[system]


def _markups(path: Path) -> list[dict[str, Any]]:
    content = atomic.read_given_json(path)
    markups = content.get("markups") if isinstance(content, dict) else None
    if not isinstance(markups, list) or not all(_is_markup(one) for one in markups):
        raise BadInputError(f"{path} is not a markups file of 3D Slicer.")
    return markups


def _is_markup(one: object) -> bool:
    if not isinstance(one, dict):
        return False
    points = one.get("controlPoints") or []
    return isinstance(points, list) and all(isinstance(point, dict) for point in points)


def _unit(markup: dict[str, Any]) -> str:
    """The unit of length; newer files may give it as a code with its scheme and meaning."""
    unit = markup.get("coordinateUnits", "mm")
    return str(unit[0]) if isinstance(unit, list) and unit else str(unit)


def _position(point: dict[str, Any], where: str) -> np.ndarray:
    try:
        x, y, z = map(float, point["position"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInputError(f"{where} has no position of three numbers.") from error
    if not all(map(math.isfinite, (x, y, z))):
        raise BadInputError(f"{where} has a position that is not finite.")
    return np.array([x, y, z])
