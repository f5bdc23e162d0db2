"""One case's prediction and ground truth -> arrays on one grid, points in mm.

Places are compared in the world, so axis order, data type, scale and header rounding do not count
as errors; a shifted or turned prediction does.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl import geometry, labels
from versectl.errors import BadInputError, VersectlError, refuse_wrong_choice
from versectl.geometry import Frame
from versectl.io import atomic, challenge_centroids, volume
from versectl.io.layout import Case

from . import numbering
from .identification import Points
from .numbering import Note

#: Where the points of both sides are from.
PointsFrom = Literal["files", "masks"]

#: What a prediction that is there may lack, and what the ground truth may lack.
NO_LABEL_MAP = Note("no predicted label map, Dice 0 for every vertebra", is_failure=True)
NO_CENTROIDS = Note("no predicted centroid file, no vertebra identified", is_failure=True)
OLDER = Note("its report says that its last run failed, the files may be older", is_failure=True)
NO_TRUE_LABEL_MAP = Note("no true label map, Dice and HD not scored")
NO_TRUE_CENTROIDS = Note("no true centroid file, identification not scored")


class Folder:
    """Label maps that lie together, and so are most likely in the same numbers."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    @cached_property
    def scheme(self) -> numbering.SchemeName | None:
        """Of the first map whose own numbers tell it; None where none does."""
        for path in self.paths:
            with suppress(VersectlError, OSError):  # who compares it says what is wrong with it
                scheme = numbering.told_by(volume.read_stored(path), str(path))
                if scheme is not None:
                    return scheme
        return None


@dataclass(frozen=True)
class Files:
    """How the files of one side are meant.

    centroid_format : of centroid files that name no axes.
    label_numbers : numbering of label maps; "auto" recognises it.
    beside : all label maps of the folder, which tell the numbering of one that leaves it open.
    """

    centroid_format: challenge_centroids.Meant = "subject"
    label_numbers: numbering.Numbers = "auto"
    beside: Folder = field(default=Folder(()), compare=False, repr=False)

    def __post_init__(self) -> None:
        """BadInputError where a format or numbering is asked for that there is not."""
        refuse_wrong_choice(self)


@dataclass(frozen=True)
class Findings:
    """What one side, prediction or truth, knows of a case.

    label_map : numbers of vertebrae on any grid; None when there is none.
    centroids_mm : label -> (3,), centres of the vertebral bodies in the world (LPS); None when
        there are none, not even an empty list.
    """

    label_map: sitk.Image | None = None
    centroids_mm: Points | None = None
    notes: tuple[Note, ...] = ()

    @classmethod
    def of_array(cls, label_map: NDArray[np.integer], spacing_mm: Sequence[float]) -> "Findings":
        """A label map (z, y, x) with spacing x, y, z, its first voxel at the world's origin."""
        image = sitk.GetImageFromArray(label_map)
        image.SetSpacing([float(spacing) for spacing in spacing_mm])
        return cls(image)


@dataclass(frozen=True)
class CasePair:
    """One case ready to be scored; what a side does not have is None."""

    name: str
    gt: NDArray[np.uint8] | None = None  # (z, y, x), axes nearest to LPS
    predicted: NDArray[np.uint8] | None = None  # on the same grid
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gt_mm: Points | None = None  # label -> world point
    predicted_mm: Points | None = None
    points_from: PointsFrom | None = None  # the same on both sides
    notes: tuple[Note, ...] = ()


def read(case: Case, files: Files, other: Case | None = None) -> Findings:
    """What a case's files hold; `other` is the other side, whose image may place the centroids.

    Raises BadInputError when a file cannot be read.
    """
    found = Findings()
    if case.labels:
        found = Findings(volume.read_stored(case.labels))
        found = in_verse_numbers(found, files, str(case.labels))
    if not case.centroids:
        return found
    frame = _frame(case, other)
    points_mm = challenge_centroids.read_points(case.centroids, frame, files.centroid_format)
    return replace(found, centroids_mm=points_mm)


def has_failed(case: Case) -> bool:
    """Whether versectl's own report beside a prediction says that the last run on it failed."""
    if case.report is None:
        return False
    try:
        content = atomic.read_json(case.report)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("status") == "failed"


def in_verse_numbers(findings: Findings, files: Files, source: str) -> Findings:
    """The findings with their label map as uint8 in VerSe's numbers, and notes on what was not."""
    if findings.label_map is None:
        return findings
    label_map, notes = numbering.to_verse(
        findings.label_map, files.label_numbers, source, lambda: files.beside.scheme
    )
    return replace(findings, label_map=label_map, notes=(*findings.notes, *notes))


def pair(name: str, predicted: Findings | None, gt: Findings, points: PointsFrom) -> CasePair:
    """A prediction beside the ground truth; what the prediction lacks counts as missed.

    predicted : None where there is no prediction at all: then nothing is found.
    Raises BadInputError when the ground truth has nothing to compare with.
    """
    given, gt = _along_lps(predicted or Findings()), _along_lps(gt)
    found = CasePair(name, notes=(*_notes("prediction", given), *_notes("ground truth", gt)))
    found = _with_arrays(_with_points(found, given, gt, points), given.label_map, gt.label_map)
    if found.gt is None and found.gt_mm is None:
        wanted = "a label map" if points == "masks" else "a label map or a centroid file"
        raise BadInputError(f"{name}: nothing to compare; the ground truth needs {wanted}.")
    lost = [] if predicted is None else _lost(found, given)
    return replace(found, notes=(*found.notes, *lost, *_untested(found)))


def points_of_mask(label_map: sitk.Image) -> dict[int, NDArray[np.float64]]:
    """Label -> centre of mass in the world of every vertebra in a label map."""
    found = geometry.label_centers_vox(sitk.GetArrayViewFromImage(label_map))
    return {
        label: geometry.to_mm(label_map, found[label]) for label in labels.ORDER if label in found
    }


def _frame(case: Case, other: Case | None) -> Frame:
    """The voxels that a case's centroids count: of its own files, else of the other side's.

    Headers are enough: what the images show does not matter.
    """
    theirs = other or Case(case.name)
    for path in (case.labels, case.ct, theirs.labels, theirs.ct):
        if path is not None:
            return volume.read_placement(path).own
    raise BadInputError(
        f"{case.centroids} needs its CT or label map beside it to place its voxels."
    )


def _with_points(
    found: CasePair, predicted: Findings, gt: Findings, points: PointsFrom
) -> CasePair:
    true_mm, predicted_mm = (_points(side, points) for side in (gt, predicted))
    if true_mm is None:
        return found
    return replace(found, gt_mm=true_mm, predicted_mm=predicted_mm or {}, points_from=points)


def _points(side: Findings, points: PointsFrom) -> Points | None:
    if points == "files":
        return side.centroids_mm
    return None if side.label_map is None else points_of_mask(side.label_map)


def _with_arrays(found: CasePair, predicted: sitk.Image | None, gt: sitk.Image | None) -> CasePair:
    """The case with its label maps, the prediction's on the grid of the ground truth."""
    if gt is None:
        return found
    true_map = geometry.to_array(gt)
    found = replace(found, gt=true_map, spacing_mm=gt.GetSpacing())
    if predicted is None:
        return replace(found, predicted=np.zeros_like(true_map))
    if not geometry.same_grid(predicted, gt):
        note = Note("prediction resampled", f"{_describe(predicted)} onto {_describe(gt)}")
        found = replace(found, notes=(*found.notes, note))
        predicted = sitk.Resample(predicted, gt, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return replace(found, predicted=geometry.to_array(predicted))


def _along_lps(side: Findings) -> Findings:
    """The label map with its axes nearest to LPS: then any axis order gives the same array."""
    if side.label_map is None:
        return side
    return replace(side, label_map=geometry.turned(side.label_map))


def _notes(side: str, findings: Findings) -> list[Note]:
    notes = [replace(note, text=f"{side}: {note.text}") for note in findings.notes]
    known = {*labels.ORDER, *labels.NO_VERTEBRAE}  # the latter are nobody's mistake
    unknown = sorted(set(findings.centroids_mm or {}) - known)
    if unknown:
        shown = ", ".join(map(str, unknown))
        notes.append(Note(f"{side}: centroids ignored, no VerSe label", shown))
    return notes


def _lost(found: CasePair, predicted: Findings) -> list[Note]:
    """What a prediction that is there does not have, and what that costs."""
    notes = []
    if found.gt is not None and predicted.label_map is None:
        notes.append(NO_LABEL_MAP)
    if found.points_from == "files" and predicted.centroids_mm is None:
        notes.append(NO_CENTROIDS)
    return notes


def _untested(found: CasePair) -> list[Note]:
    """What the ground truth does not have, so that it is not scored."""
    if found.gt is None:
        return [NO_TRUE_LABEL_MAP]
    return [NO_TRUE_CENTROIDS] if found.gt_mm is None else []


def _describe(image: sitk.Image) -> str:
    size = "x".join(map(str, image.GetSize()))
    spacing = "x".join(f"{spacing:.4g}" for spacing in image.GetSpacing())
    origin = ", ".join(f"{position:.4g}" for position in image.GetOrigin())
    return f"{size} voxels of {spacing} mm at ({origin})"
