"""Centroid files of any VerSe release: the subject-based one names its axes, the others do not."""

from collections.abc import Mapping
from dataclasses import dataclass
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
CHALLENGE_AXES: Mapping[Challenge, str] = {
    "verse19": "IPL",  # from the superior, anterior, right edge
    "verse20": "PIR",  # from the anterior, superior, left edge
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
            f"{' or '.join(CHALLENGE_AXES)} (--pred-format or --gt-format; in Python, "
            "Files(centroid_format))."
        )
    _check_long_axis(positions_mm, meant, path)
    edges = _Edges.of(frame, meant)
    return {label: edges.point_mm(position) for label, position in positions_mm.items()}


def entries(
    points_mm: Mapping[int, np.ndarray], image: sitk.Image | Frame, meant: Challenge
) -> list[dict[str, float]]:
    """The challenge's list: per label its distance along X, Y, Z from the volume's edges, in mm."""
    edges = _Edges.of(image, meant)
    listed: list[dict[str, float]] = []
    for label, point_mm in points_mm.items():
        x, y, z = (round(float(mm), 2) for mm in edges.distances_mm(point_mm))
        listed.append({"label": label, "X": x, "Y": y, "Z": z})
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


@dataclass(frozen=True)
class _Edges:
    """The edges of a volume that a challenge's points are counted from.

    frame : of the volume, its axes turned towards L, P, S.
    axes : which of these X, Y, Z run along, (3,). away : whether they count from its far end.
    """

    frame: Frame
    axes: np.ndarray
    away: np.ndarray

    @classmethod
    def of(cls, image: sitk.Image | Frame, meant: Challenge) -> "_Edges":
        frame = Frame.of(image).turned("LPS")
        return cls(frame, *frame.axes_towards(CHALLENGE_AXES[meant]))

    def distances_mm(self, point_mm: np.ndarray) -> np.ndarray:
        """X, Y, Z of a world point."""
        along_mm = geometry.to_vox(self.frame, point_mm) * self.frame.spacing_mm
        return self._counted(along_mm[self.axes])

    def point_mm(self, distances_mm: Triple) -> np.ndarray:
        """The world point at X, Y, Z."""
        along_mm = np.empty(3)
        along_mm[self.axes] = self._counted(np.array(distances_mm))
        return geometry.to_mm(self.frame, along_mm / self.frame.spacing_mm)

    def _counted(self, along_mm: np.ndarray) -> np.ndarray:
        """Distances from one edge as those from the opposite, where X, Y, Z count from there."""
        # size, not size - 1: so the challenges' files flip
        extent_mm = (self.frame.spacing_mm * self.frame.size_vox)[self.axes]
        return np.where(self.away, extent_mm - along_mm, along_mm)
