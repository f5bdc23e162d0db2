"""Two folders of anybody's files -> cases that can be scored: arrays on one grid, points in mm.

Places are compared in the world, so axis order, data type, scale and header rounding do not count
as errors; a shifted or turned prediction does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.errors import BadInputError
from versectl.io import layout, volume
from versectl.io.challenge_centroids import read_points
from versectl.io.layout import Case


@dataclass(frozen=True)
class Matched:
    """Cases of two folders, those on both sides paired by name."""

    pairs: tuple[tuple[Case, Case], ...]  # prediction, ground truth
    without_prediction: tuple[Case, ...]
    without_truth: tuple[Case, ...]


@dataclass(frozen=True)
class Scan:
    """One case ready to be scored; what a side does not have is None."""

    name: str
    gt: np.ndarray | None = None  # (z, y, x) uint8, axes nearest to LPS
    predicted: np.ndarray | None = None  # on the same grid
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gt_mm: Mapping[int, np.ndarray] | None = None  # label -> world point
    predicted_mm: Mapping[int, np.ndarray] | None = None
    points_from: str | None = None  # "files" or "masks", the same on both sides
    notes: tuple[str, ...] = ()


def match(predicted: Path, gt: Path) -> Matched:
    """Pair the cases of two folders by name, or two files with each other whatever their names.

    Raises BadInputError when no case occurs on both sides.
    """
    predicted, gt = Path(predicted), Path(gt)
    if predicted.is_file() and gt.is_file():
        return Matched(((_file(predicted), _file(gt)),), (), ())
    ours, theirs = _by_key(predicted), _by_key(gt)
    shared = [key for key in theirs if key in ours]
    if not shared:
        raise BadInputError(
            f"No case of {predicted} ({_some(ours)}) has ground truth in {gt} ({_some(theirs)}); "
            "files of one case must share its name."
        )
    return Matched(
        tuple((ours[key], theirs[key]) for key in shared),
        tuple(case for key, case in theirs.items() if key not in ours),
        tuple(case for key, case in ours.items() if key not in theirs),
    )


def load(predicted: Case, gt: Case, formats: tuple[str, str] = ("subject", "subject")) -> Scan:
    """Read one case; `formats` of centroid files without axes: prediction's, ground truth's.

    Raises BadInputError when a file cannot be read or nothing can be compared.
    """
    masks = [_mask(case) for case in (predicted, gt)]
    points, points_from = _points((predicted, gt), masks, formats)
    if points_from is None and not all(masks):
        raise BadInputError(
            f"{gt.name}: nothing to compare; both sides need a label map, or both a centroid file."
        )
    scan = Scan(gt.name, predicted_mm=points[0], gt_mm=points[1], points_from=points_from)
    if points_from == "masks":
        lacking = " or ".join(_without_centroids(predicted, gt))
        note = f"centroids from the masks on both sides, as {lacking} has no centroid file"
        scan = replace(scan, notes=(note,))
    return _with_arrays(scan, *masks)


def load_without_prediction(gt: Case, gt_format: str = "subject") -> Scan:
    """Read a case's ground truth and set an empty prediction beside it."""
    scan = load(gt, gt, (gt_format, gt_format))
    empty = None if scan.gt is None else np.zeros_like(scan.gt)
    return replace(scan, predicted=empty, predicted_mm={}, notes=())


def points_of_mask(mask: sitk.Image) -> dict[int, np.ndarray]:
    """Label -> centre of mass in the world of every vertebra in a label map."""
    array = sitk.GetArrayViewFromImage(mask)
    flat = np.flatnonzero(array != 0)
    values = array.ravel()[flat]
    counts = np.bincount(values, minlength=256)
    sums_vox = [
        np.bincount(values, weights=index, minlength=256)
        for index in reversed(np.unravel_index(flat, array.shape))
    ]
    return {
        label: geometry.to_mm(mask, np.array([total[label] for total in sums_vox]) / counts[label])
        for label in labels.ORDER
        if counts[label]
    }


def _with_arrays(scan: Scan, predicted: sitk.Image | None, gt: sitk.Image | None) -> Scan:
    """The scan with its label maps, the prediction's on the grid of the ground truth."""
    if gt is None:
        return scan
    scan = replace(scan, gt=geometry.to_array(gt), spacing_mm=gt.GetSpacing())
    if predicted is None:
        return scan
    if not geometry.same_grid(predicted, gt):
        note = f"prediction resampled: {_describe(predicted)} onto {_describe(gt)}"
        scan = replace(scan, notes=(*scan.notes, note))
        predicted = sitk.Resample(predicted, gt, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return replace(scan, predicted=geometry.to_array(predicted))


def _by_key(path: Path) -> dict[str, Case]:
    """Cases with something to compare, by a name that is the same in every VerSe release."""
    found = layout.find(path).values()
    usable = [case for case in found if case.labels or case.centroids]
    if not usable:  # many tools write label maps under the scan's own name
        usable = [replace(case, labels=case.ct, ct=None) for case in found if case.ct]
    keyed: dict[str, Case] = {}
    for case in usable:
        key = layout.key(case.name)
        if key in keyed:
            raise BadInputError(f"{path} has {keyed[key].name} and {case.name}; keep one.")
        keyed[key] = case
    return keyed


def _mask(case: Case) -> sitk.Image | None:
    """A case's label map with its axes nearest to LPS: then any axis order gives the same array."""
    return sitk.DICOMOrient(volume.read_labels(case.labels), "LPS") if case.labels else None


def _file(path: Path) -> Case:
    name, _ = layout.parse(path.name) or (path.name, "")
    return Case(name, **{"centroids" if path.suffix == ".json" else "labels": path})


def _some(named: Mapping[str, Case]) -> str:
    names = [case.name for case in named.values()]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "no label map"


def _points(
    sides: tuple[Case, Case], masks: list[sitk.Image | None], formats: tuple[str, str]
) -> tuple[tuple[dict | None, dict | None], str | None]:
    """World points of both sides and where they are from: the same for both, or none at all."""
    if all(case.centroids for case in sides):
        return tuple(
            read_points(case.centroids, _frame(case, mask, sides, masks), meant)
            for case, mask, meant in zip(sides, masks, formats, strict=True)
        ), "files"
    if all(masks):
        return tuple(points_of_mask(mask) for mask in masks), "masks"
    return (None, None), None


def _without_centroids(predicted: Case, gt: Case) -> list[str]:
    sides = (("prediction", predicted), ("ground truth", gt))
    return [words for words, case in sides if case.centroids is None]


def _frame(
    case: Case, mask: sitk.Image | None, sides: Iterable[Case], masks: Iterable[sitk.Image | None]
) -> sitk.Image:
    """The image whose voxels a case's centroids count: its own, else the other side's."""
    if mask is not None:
        return mask
    if case.ct is not None:
        return volume.read_ct(case.ct)
    for other, other_mask in zip(sides, masks, strict=True):
        if other_mask is not None:
            return other_mask
        if other.ct is not None:
            return volume.read_ct(other.ct)
    raise BadInputError(
        f"{case.centroids} needs its CT or label map beside it to place its voxels."
    )


def _describe(image: sitk.Image) -> str:
    size = "x".join(map(str, image.GetSize()))
    spacing = "x".join(f"{spacing:.4g}" for spacing in image.GetSpacing())
    origin = ", ".join(f"{position:.4g}" for position in image.GetOrigin())
    return f"{size} voxels of {spacing} mm at ({origin})"
