"""Centroid files of any VerSe release: the subject-based one names its axes, the others do not."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from versectl import geometry
from versectl.errors import BadInputError
from versectl.geometry import Frame
from versectl.io import centroids

#: What X, Y, Z of a centroid file without "direction" run along, in mm from the volume's edge.
CHALLENGE_AXES = {
    "verse19": ("I", "P", "L"),  # from the superior, anterior, right edge
    "verse20": ("P", "I", "R"),  # from the anterior, superior, left edge
}

#: How a centroid file may be meant; a file that names its axes is read by them in any case.
FORMATS = ("subject", *CHALLENGE_AXES)

#: From how many landmarks on a spine is certainly longest from head to foot.
ENOUGH_FOR_AN_AXIS = 6


def read_points(
    path: Path, frame: sitk.Image | Frame, meant: str = "subject"
) -> dict[int, np.ndarray]:
    """Label -> world point of a centroid file that belongs to the image `frame`.

    Raises BadInputError when the file names no axes and `meant` does not say which they are.
    """
    entries = _entries_without_axes(path)
    if entries is None:
        return centroids.to_world(centroids.read(path), frame)
    positions_mm = _positions(entries, path)
    if not positions_mm:
        return {}
    if meant not in CHALLENGE_AXES:
        raise BadInputError(
            f'{path} has no "direction"; say which challenge it is from: '
            f"{' or '.join(CHALLENGE_AXES)}."
        )
    _check_long_axis(positions_mm, meant, path)
    return _challenge_points(positions_mm, CHALLENGE_AXES[meant], frame)


def entries(
    points_mm: Mapping[int, np.ndarray], image: sitk.Image | Frame, meant: str
) -> list[dict]:
    """The challenge's list: per label its distance along X, Y, Z from the volume's edges, in mm."""
    oriented = Frame.of(image).turned("LPS")
    spacing_mm = oriented.spacing_mm
    extent_mm = spacing_mm * oriented.size_vox  # not size - 1: so the challenge's files flip
    axes = CHALLENGE_AXES[meant]
    told = []
    for label, point_mm in points_mm.items():
        along_mm = dict(zip("LPS", geometry.to_vox(oriented, point_mm) * spacing_mm, strict=True))
        along_mm |= {
            geometry.OPPOSITE[letter]: extent - along_mm[letter]
            for letter, extent in zip("LPS", extent_mm, strict=True)
        }
        told.append(
            {"label": label}
            | {
                name: round(float(along_mm[axis]), 2)
                for name, axis in zip("XYZ", axes, strict=True)
            }
        )
    return told


def meant_by(path: Path) -> str:
    """Which challenge's files have such a name, as downloaded."""
    return "verse20" if path.name.endswith("_iso-ctd.json") else "verse19"


def _entries_without_axes(path: Path) -> list | None:
    """The entries of a JSON list that names no axes; None for any other file."""
    try:
        entries = json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(entries, list):
        return None
    names_axes = any(isinstance(entry, dict) and "direction" in entry for entry in entries[:1])
    return None if names_axes else entries


def _positions(entries: list, path: Path) -> dict[int, tuple[float, float, float]]:
    """Label -> X, Y, Z; entries that are NaN count as absent."""
    try:
        positions = {
            int(entry["label"]): tuple(float(entry[axis]) for axis in "XYZ") for entry in entries
        }
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f'{path} is no list of "label", "X", "Y", "Z" entries.') from error
    return {label: point for label, point in positions.items() if all(map(math.isfinite, point))}


def _check_long_axis(
    positions_mm: Mapping[int, tuple[float, float, float]], meant: str, path: Path
) -> None:
    """A spine runs from head to foot: the cheap way to notice the other challenge's axes."""
    if len(positions_mm) < ENOUGH_FOR_AN_AXIS:
        return
    longest = int(np.argmax(np.ptp(list(positions_mm.values()), axis=0)))
    if CHALLENGE_AXES[meant][longest] != "I":
        raise BadInputError(f"{path} runs along {'XYZ'[longest]}; that cannot be {meant}.")


def _challenge_points(
    positions_mm: Mapping[int, tuple[float, float, float]],
    axes: tuple[str, str, str],
    frame: sitk.Image | Frame,
) -> dict[int, np.ndarray]:
    oriented = Frame.of(frame).turned("LPS")
    spacing_mm = oriented.spacing_mm
    extent_mm = spacing_mm * oriented.size_vox  # not size - 1: so the challenge's files flip
    points = {}
    for label, position_mm in positions_mm.items():
        along = dict(zip(axes, position_mm, strict=True))
        lps_mm = [
            along[toward] if toward in along else extent - along[geometry.OPPOSITE[toward]]
            for toward, extent in zip("LPS", extent_mm, strict=True)
        ]
        points[label] = geometry.to_mm(oriented, np.array(lps_mm) / spacing_mm)
    return points
