"""NIfTI label maps with the names of their labels inside, whole or one per vertebra."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from nibabel.nifti1 import Nifti1Extension
from numpy.typing import NDArray

from versectl import geometry, labels
from versectl.errors import BadInputError
from versectl.io import volume
from versectl.io.atomic import replacing
from versectl.io.export import label_table
from versectl.io.export.findings import Findings
from versectl.io.images import nifti as images_nifti
from versectl.io.images.placement import Placement


def write_labels(label_map: sitk.Image, path: Path, placed: Placement | None = None) -> None:
    """Write a label map, uint8, as .nii.gz, on its scan's own grid; whole, or not at all."""
    extension = Nifti1Extension(label_table.ECODE, label_table.xml())
    volume.write(label_map, path, placed, extension)


def write_renamed(source: Path, table: NDArray[np.uint8], path: Path) -> None:
    """Write a label map of versectl's with other labels, in the very same voxels.

    table : label -> new label (256,).
    """
    forms = volume.read_placement(source).nifti
    if forms is None:
        raise BadInputError(f"{source} is no NIfTI.")
    extension = Nifti1Extension(label_table.ECODE, label_table.xml())
    with replacing(path, ".nii.gz") as temporary:
        images_nifti.write(table[volume.read_own_labels(source)], forms, temporary, extension)


def write_each(findings: Findings, folder: Path) -> list[Path]:
    """Write a mask of 0 and 1 for every vertebra that has voxels, <case>_seg-L1_msk.nii.gz."""
    voxels = sitk.GetArrayViewFromImage(findings.label_map)
    written = []
    for label in findings.labels:
        mask = geometry.from_array((voxels == label).astype(np.uint8), findings.label_map)
        path = folder / f"{findings.case.name}_seg-{labels.NAMES[label]}_msk.nii.gz"
        volume.write(mask, path, findings.placed)
        written.append(path)
    return written


def each_of(folder: Path, case_name: str) -> list[Path]:
    """The masks of single vertebrae that write_each() wrote for a case."""
    names = [f"{case_name}_seg-{name}_msk.nii.gz" for name in labels.NUMBERS]
    return [folder / name for name in names if (folder / name).exists()]
