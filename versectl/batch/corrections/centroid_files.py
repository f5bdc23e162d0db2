"""Which of a case's two centroid files counts: VerSe's JSON, or the markups corrected in 3D Slicer.

Markups that differ from what was last recorded were corrected; they are taken over into
<case>_ctd.json, which from then on is the user's. Where both were corrected and differ, nobody can
tell which of them is meant.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from versectl import labels
from versectl.errors import BadInputError
from versectl.geometry import Frame
from versectl.io import atomic, case_files, centroids, layout, markups
from versectl.io.case_files import Paths
from versectl.report import provenance
from versectl.report.provenance import USER, Certainty, Origin, Origins
from versectl.types import Vertebrae

#: chosen: points nearer than this are the same; files are exact to a hundredth of a voxel.
SAME_MM = 0.1


def corrected_markups(paths: Paths) -> Path | None:
    """The case's markups, if they were made or changed since they were recorded."""
    path = paths.of("markups")
    return path if _is_changed(path, _recorded(paths)) else None


def take_over(paths: Paths, own: Frame) -> None:
    """Write corrected markups as the case's centroid file, and record that this was done.

    own : where the scan's file has its voxels.
    Raises BadInputError when both files were corrected, and differ.
    """
    path, centroid_file, recorded = paths.of("markups"), paths.of("vertebrae"), _recorded(paths)
    wanted, points_mm = _corrected(paths, own, recorded)
    record = {**recorded, path.name: with_labels(Origin(atomic.sha256(path), USER, None), wanted)}
    if points_mm is not None:
        centroids.write(centroids.from_world(points_mm, own), centroid_file)
        former = recorded.get(centroid_file.name, Origin("", USER, None))
        sha256 = atomic.sha256(centroid_file)
        record[centroid_file.name] = provenance.changed(former, sha256, former.input_sha256)
    provenance.write(paths.case_name, record, paths.of("provenance"))


def check(paths: Paths, own: Frame) -> None:
    """Raises BadInputError where take_over() would; nothing is written."""
    _corrected(paths, own, _recorded(paths))


def _corrected(
    paths: Paths, own: Frame, recorded: Origins
) -> tuple[Vertebrae, dict[int, NDArray[np.float64]] | None]:
    """What corrected markups hold; the points of the centroid file, None where they stay."""
    path, centroid_file = paths.of("markups"), paths.of("vertebrae")
    wanted = case_files.read_vertebrae(own, path)
    points_mm = wanted.centers_mm
    present = case_files.read_points(own, centroid_file) if centroid_file.exists() else {}
    points_mm |= _not_exported(present, recorded.get(path.name))
    if _are_same(points_mm, present):
        return wanted, None
    if present and _is_changed(centroid_file, recorded):
        raise BadInputError(
            f"{centroid_file} and {path} were both changed, and differ; delete the one that "
            "does not count."
        )
    return wanted, points_mm


def with_labels(origin: Origin, held: Collection[int]) -> Origin:
    """The origin of markups that hold these labels; their certainty is not theirs to know."""
    unknown = Certainty(float("nan"), float("nan"))
    return replace(origin, certainty={label: unknown for label in labels.ORDER if label in held})


def given(path: Path | None) -> dict[str, Path] | None:
    """Case name -> centroid file, of a file or a folder; of two that differ, the corrected one.

    Raises BadInputError when there is none, or both of a case were corrected.
    """
    if path is None:
        return None
    if path.is_file() and path.name.endswith(markups.ENDING):
        return {path.name.removesuffix(markups.ENDING).removesuffix("_ctd"): path}
    found = layout.find(path, ("centroids", "markups"))
    if not found:
        raise BadInputError(f"{path} contains no centroid files (_ctd.json or _ctd.mrk.json).")
    return {name: _of_two(case.centroids, case.markups) for name, case in found.items()}


def _of_two(centroid_file: Path | None, path: Path | None) -> Path:
    """The file that counts."""
    if path is None or centroid_file is None:
        return path or centroid_file or Path()
    name = centroid_file.name.removesuffix("_ctd.json")
    recorded = _recorded(Paths(centroid_file.parent, name))
    if not _is_changed(path, recorded):
        return centroid_file
    if _is_changed(centroid_file, recorded):
        raise BadInputError(
            f"{centroid_file} and {path} may both be corrections; give the one that counts."
        )
    return path


def _recorded(paths: Paths) -> Origins:
    return provenance.read(paths.of("provenance"), paths.of("report"))


def _is_changed(path: Path, recorded: Origins) -> bool:
    """Whether a file is there and is not as it was recorded."""
    return path.exists() and provenance.is_new(path, recorded)


def _not_exported(
    present: Mapping[int, np.ndarray], origin: Origin | None
) -> dict[int, np.ndarray]:
    """Centres that the markups never held, since only some vertebrae were exported."""
    if origin is None:
        return {}
    return {label: at for label, at in present.items() if label not in origin.certainty}


def _are_same(one: Mapping[int, np.ndarray], other: Mapping[int, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(
        float(np.linalg.norm(one[label] - other[label])) < SAME_MM for label in one
    )
