"""Results under the names, and in the axes, that the VerSe challenges wanted.

verse2019 : IN holds <id>.nii.gz; OUT gets <id>_seg.nii.gz and <id>_ctd.json.
verse2020 : IN holds <subject>/<id>.nii.gz; OUT gets <subject>/<id>_seg.nii.gz and _ctd.json.

Their centroid files are lists of {"label", "X", "Y", "Z"} in millimetres from an edge of the
volume, without a direction; which edges differs between the two.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from versectl import batch, centroids, files, outcome, results, staging, volume
from versectl.cases import Case
from versectl.errors import BadInputError
from versectl.shelf import Desk


class Layout(NamedTuple):
    """How a challenge hands scans over and wants results.

    pattern : of the scans below IN. axes : where X, Y and Z of a centroid run to.
    """

    pattern: str
    axes: tuple[str, str, str]


LAYOUTS = {
    "verse2019": Layout("*.nii.gz", ("I", "P", "L")),
    "verse2020": Layout("*/*.nii.gz", ("P", "I", "R")),
}


def workplace(out: Path) -> Path:
    """Where versectl's own results lie, reports included; out of the challenge's sight."""
    return out / staging.HIDDEN / "challenge"


def run(source: Path, out: Path, layout: Layout, desk: Desk) -> None:
    """Do every scan and hand the results over as the layout has it.

    What was done is handed over although other cases failed.
    Raises what batch.conclude() raises, BadInputError when there is no scan.
    """
    scans = sorted(file for file in Path(source).glob(layout.pattern) if file.is_file())
    ours = [scan for scan in scans if not scan.name.startswith(".")]
    if not ours:
        raise BadInputError(f"{source} holds no {layout.pattern}.")
    todo = [Case(case_name(scan, source), scan) for scan in ours]
    done = batch.run_cases(todo, desk)
    for case, one in zip(todo, done, strict=True):
        if one.status in (outcome.DONE, outcome.KEPT):
            hand_over(case, desk.out, out / case.ct.parent.relative_to(source), layout)
    batch.conclude(done)


def case_name(scan: Path, source: Path) -> str:
    """A name no other scan has: two subjects may use the same file name."""
    return "_".join(scan.relative_to(source).parts).removesuffix(".nii.gz")


def hand_over(case: Case, made: Path, out: Path, layout: Layout) -> None:
    """Copy a finished case's masks and centroids to where the challenge looks for them."""
    paths = results.Paths(made, case.name)
    scan_id = case.ct.name.removesuffix(".nii.gz")
    label_map = volume.read_labels(paths.of("segmentation"))
    points_mm = centroids.to_world(centroids.read(paths.of("vertebrae")), label_map)
    volume.write(label_map, out / f"{scan_id}_seg.nii.gz")
    files.write_json(entries(points_mm, label_map, layout), out / f"{scan_id}_ctd.json")


def entries(points_mm: Mapping[int, np.ndarray], image: sitk.Image, layout: Layout) -> list[dict]:
    """The challenge's list: per label its distance along X, Y, Z from the volume's edges, in mm."""
    oriented = sitk.DICOMOrient(image, "LPS")
    spacing_mm = np.array(oriented.GetSpacing())
    extent_mm = spacing_mm * oriented.GetSize()  # not size - 1: so the challenge's files flip
    told = []
    for label, point_mm in points_mm.items():
        along_mm = dict(zip("LPS", volume.to_vox(oriented, point_mm) * spacing_mm, strict=True))
        along_mm |= {
            centroids.OPPOSITE[letter]: extent - along_mm[letter]
            for letter, extent in zip("LPS", extent_mm, strict=True)
        }
        told.append(
            {"label": label}
            | {
                name: round(float(along_mm[axis]), 2)
                for name, axis in zip("XYZ", layout.axes, strict=True)
            }
        )
    return told
