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
from versectl.io.export.findings import Findings, present
from versectl.io.images import nifti as images_nifti
from versectl.io.images.placement import Placement

#: In the name of a mask that holds a vertebra's body alone.
BODY = "-body"


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
        raise BadInputError(f"{source} is not a NIfTI file.")
    extension = Nifti1Extension(label_table.ECODE, label_table.xml())
    with replacing(path, ".nii.gz") as temporary:
        images_nifti.write(table[volume.read_own_labels(source)], forms, temporary, extension)


def write_each(findings: Findings, folder: Path) -> list[Path]:
    """Write a mask of 0 and 1 for every vertebra that has voxels, and one of its body alone.

    <case>_seg-L1_msk.nii.gz and <case>_seg-L1-body_msk.nii.gz, as far as bodies are known.
    """
    written = _write_masks(findings, findings.label_map, folder)
    if findings.bodies is not None:
        written += _write_masks(findings, findings.bodies, folder, BODY)
    return written


def _write_masks(
    findings: Findings, label_map: sitk.Image, folder: Path, part: str = ""
) -> list[Path]:
    """Write a mask for every label; part : what follows the vertebra's name in the file's."""
    voxels = sitk.GetArrayViewFromImage(label_map)
    written = []
    for label in present(label_map):
        mask = geometry.from_array((voxels == label).astype(np.uint8), label_map)
        written.append(folder / _mask_name(findings.case.name, f"{labels.NAMES[label]}{part}"))
        volume.write(mask, written[-1], findings.placed)
    return written


def each_of(folder: Path, case_name: str) -> list[Path]:
    """The masks of single vertebrae and bodies that write_each() wrote for a case."""
    parts = [f"{name}{part}" for part in ("", BODY) for name in labels.NUMBERS]
    paths = [folder / _mask_name(case_name, part) for part in parts]
    return [path for path in paths if path.exists()]


def labels_alone(folder: Path, case_name: str) -> list[int]:
    """The labels of which write_each() wrote a mask for a case, from head to foot."""
    names = {label: _mask_name(case_name, labels.NAMES[label]) for label in labels.ORDER}
    return [label for label, name in names.items() if (folder / name).exists()]


def _mask_name(case_name: str, part: str) -> str:
    return f"{case_name}_seg-{part}_msk.nii.gz"
