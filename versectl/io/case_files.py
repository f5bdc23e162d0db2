"""The results of one case in a folder: where each lies, how it is written and read back."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl import geometry, labels
from versectl.config import Stage
from versectl.errors import BadInputError
from versectl.geometry import Frame
from versectl.io import ENDINGS, atomic, centroids, layout, markups, volume
from versectl.io.export import nifti
from versectl.io.volume import CT
from versectl.types import Known, Spine, Vertebra, Vertebrae

#: Stage -> the command that makes its result.
COMMANDS = {
    "spine": "localize-spine",
    "vertebrae": "localize-vertebrae",
    "segmentation": "segment",
}


@dataclass(frozen=True)
class Paths:
    """Where the results of a case lie; no two cases of a folder share a name."""

    folder: Path
    case_name: str

    def of(self, kind: str) -> Path:
        """The file of a stage's result, or of a kind that lies beside them."""
        return self.folder / f"{self.case_name}{ENDINGS[kind]}"


def given(folder: Path | None, kind: str) -> dict[str, Path] | None:
    """Case name -> file of one kind ("spine", "centroids") in a folder and below, or one file."""
    if folder is None:
        return None
    found = layout.find(folder, (kind,))
    if not found:
        raise BadInputError(f"{folder} contains no {kind} files (JSON as versectl writes them).")
    return {name: getattr(case, kind) for name, case in found.items()}


def write(known: Known, stage: Stage, ct: CT, path: Path) -> None:
    """Write a stage's result, in world millimetres and in voxels of the CT."""
    if stage == "spine" and known.spine is not None:
        _write_spine(known.spine, ct, path)
    if stage == "vertebrae" and known.vertebrae is not None:
        _write_vertebrae(known.vertebrae, ct, path)
    if stage == "segmentation" and known.label_map is not None:
        nifti.write_labels(known.label_map, path, ct.placement)


def read(known: Known, stage: Stage, ct: CT, path: Path) -> Known:
    """What is known, and a stage's result from its file; what that does not hold is NaN or None."""
    if stage == "spine":
        return replace(known, spine=_read_spine(ct, path))
    if stage == "vertebrae":
        return replace(known, vertebrae=read_vertebrae(ct.placement.own, path))
    return replace(known, label_map=_read_label_map(ct, path))


def read_vertebrae(own: Frame, path: Path) -> Vertebrae:
    """Vertebrae from a centroid file, VerSe's JSON or 3D Slicer's markups.

    own : where the scan's file has its voxels.
    An empty list is that of a scan that shows no vertebra. Raises BadInputError when the file lists
    other things alone, or a vertebra outside the scan.
    """
    points_mm = read_points(own, path)
    if not points_mm and not _is_empty(path):
        raise BadInputError(f"{path} names no vertebra; there is nothing to segment.")
    for label, point_mm in points_mm.items():
        if not geometry.contains(own, point_mm):
            raise BadInputError(
                f"{path} has {labels.NAMES[label]} (label {label}) outside the scan; correct the "
                "point or remove the file."
            )
    return Vertebrae({label: Vertebra(point) for label, point in points_mm.items()})


def _is_empty(path: Path) -> bool:
    """Whether a centroid file has its header alone."""
    return not path.name.endswith(markups.ENDING) and len(centroids.read_list(path)) == 1


def read_points(own: Frame, path: Path) -> dict[int, NDArray[np.float64]]:
    """Label -> point in the world (3,) of a centroid file, from head to foot."""
    if path.name.endswith(markups.ENDING):
        return markups.read(path)
    read_mm = centroids.to_world(centroids.read(path), own)
    return {label: read_mm[label] for label in labels.ORDER if label in read_mm}


def read_center(path: Path) -> tuple[NDArray[np.float64] | None, float]:
    """A spine file's centre in the world, None where none is in view, and peak.

    center_mm counts, center_vox is only for the reader. Raises BadInputError when it is none.
    """
    try:
        return _center(atomic.read_json(path))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f'{path} is not a spine file; it needs {{"center_mm": [x, y, z]}} in world millimetres.'
        ) from error


def _write_spine(found: Spine, ct: CT, path: Path) -> None:
    center_vox = geometry.to_vox(ct.placement.own, found.center_mm)
    content = {
        "center_mm": np.round(found.center_mm, 2) if found.is_in_view else None,
        "center_vox": np.round(center_vox, 2) if found.is_in_view else None,
        "frame": "LPS",
        "direction": geometry.axis_letters(ct.placement.own),
        "peak": round(found.peak, 3),
    }
    atomic.write_json(content, path)


def _read_spine(ct: CT, path: Path) -> Spine:
    """The spine; BadInputError where its centre lies outside the scan."""
    center_mm, peak = read_center(path)
    if center_mm is None:
        return Spine(np.full(3, np.nan), peak)
    if center_mm.shape != (3,) or not np.isfinite(center_mm).all():
        raise BadInputError(f"{path}: center_mm needs three numbers, not {center_mm.tolist()}.")
    low_mm, high_mm = geometry.extent(ct.image)
    half_mm = max(ct.image.GetSpacing()) / 2  # the outermost voxels reach beyond their centres
    if not np.all((center_mm >= low_mm - half_mm) & (center_mm <= high_mm + half_mm)):
        raise BadInputError(
            f"{path} has center_mm {center_mm.tolist()}, outside the scan; correct the point or "
            "remove the file."
        )
    return Spine(center_mm, peak)


def _center(content: object) -> tuple[NDArray[np.float64] | None, float]:
    """Centre, if there is one, and peak of a spine file's content; NaN where it is not known."""
    if not isinstance(content, dict):
        raise TypeError("it is not an object")
    peak = content.get("peak")
    center = content["center_mm"]
    center_mm = None if center is None else np.array(center, np.float64)
    return center_mm, math.nan if peak is None else float(peak)


def _write_vertebrae(found: Vertebrae, ct: CT, path: Path) -> None:
    centroids.write(centroids.from_world(found.centers_mm, ct.placement.own), path)


def _read_label_map(ct: CT, path: Path) -> sitk.Image:
    label_map = volume.read_labels(path)
    if not geometry.same_grid(label_map, ct.image):
        raise BadInputError(
            f"{path} does not lie on the scan's grid; give the scan that it belongs to, resample "
            "it onto the scan, or remove it."
        )
    return label_map
