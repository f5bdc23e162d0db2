"""Centroid files of any VerSe release: the subject-based one names its axes, the others do not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk

from versectl import geometry
from versectl.errors import BadInputError
from versectl.geometry import Frame, Triple
from versectl.io import centroids

#: The challenges whose centroid files name no axes.
Challenge = Literal["verse19", "verse20"]

#: How a centroid file may be meant; a file that names its axes is read by them in any case.
Meant = Literal["subject", "verse19", "verse20"]

#: What X, Y, Z of a centroid file without "direction" run along, in mm from the volume's edge.
CHALLENGE_AXES: Mapping[Challenge, tuple[str, str, str]] = {
    "verse19": ("I", "P", "L"),  # from the superior, anterior, right edge
    "verse20": ("P", "I", "R"),  # from the anterior, superior, left edge
}

#: From how many landmarks on a spine is certainly longest from head to foot.
ENOUGH_FOR_AN_AXIS = 6


def read_points(
    path: Path, frame: sitk.Image | Frame, meant: Meant = "subject"
) -> dict[int, np.ndarray]:
    """Label -> world point of a centroid file that belongs to the image `frame`.

    Raises BadInputError when the file names no axes and `meant` does not say which they are.
    """
    listed = centroids.read_list(path)
    if _names_axes(listed):
        return centroids.to_world(centroids.read(path), frame)
    positions_mm = centroids.points_of(listed, path)
    if not positions_mm:
        return {}
    if meant == "subject":
        raise BadInputError(
            f'{path} has no "direction"; say which challenge it is from, '
            f"{' or '.join(CHALLENGE_AXES)} (--pred-format or --gt-format)."
        )
    _check_long_axis(positions_mm, meant, path)
    return _challenge_points(positions_mm, CHALLENGE_AXES[meant], frame)


def entries(
    points_mm: Mapping[int, np.ndarray], image: sitk.Image | Frame, meant: Challenge
) -> list[dict[str, float]]:
    """The challenge's list: per label its distance along X, Y, Z from the volume's edges, in mm."""
    oriented = Frame.of(image).turned("LPS")
    spacing_mm = oriented.spacing_mm
    extent_mm = spacing_mm * oriented.size_vox  # not size - 1: so the challenge's files flip
    axes = CHALLENGE_AXES[meant]
    listed: list[dict[str, float]] = []
    for label, point_mm in points_mm.items():
        along_mm = dict(zip("LPS", geometry.to_vox(oriented, point_mm) * spacing_mm, strict=True))
        along_mm |= {
            geometry.OPPOSITE[letter]: extent - along_mm[letter]
            for letter, extent in zip("LPS", extent_mm, strict=True)
        }
        listed.append(
            {"label": label}
            | {
                name: round(float(along_mm[axis]), 2)
                for name, axis in zip("XYZ", axes, strict=True)
            }
        )
    return listed


def meant_by(path: Path) -> Challenge:
    """Which challenge's files have such a name, as downloaded."""
    return "verse20" if path.name.endswith("_iso-ctd.json") else "verse19"


def _names_axes(listed: list[object]) -> bool:
    return any(isinstance(entry, dict) and "direction" in entry for entry in listed[:1])


def _check_long_axis(positions_mm: Mapping[int, Triple], meant: Challenge, path: Path) -> None:
    """A spine runs from head to foot: the cheap way to notice the other challenge's axes."""
    if len(positions_mm) < ENOUGH_FOR_AN_AXIS:
        return
    longest = int(np.argmax(np.ptp(list(positions_mm.values()), axis=0)))
    if CHALLENGE_AXES[meant][longest] != "I":
        raise BadInputError(f"{path} runs along {'XYZ'[longest]}; that cannot be {meant}.")


def _challenge_points(
    positions_mm: Mapping[int, Triple],
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
