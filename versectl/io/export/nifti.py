"""NIfTI label maps with the names of their labels inside, whole or one per vertebra."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.io import atomic
from versectl.io.export import label_table
from versectl.io.export.findings import Findings

#: NIfTI's "scanner" code: the voxels lie in the coordinates that the CT came with.
SCANNER = 1

#: chosen: gzip's own default; the next levels cost twice the time for a few percent.
COMPRESSION = 6

#: NIfTI's world is RAS, ours is LPS.
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_labels(label_map: sitk.Image, path: Path) -> None:
    """Write a label map, uint8, as .nii.gz; whole, or not at all."""
    image = _image(label_map)
    image.header.extensions.append(
        nibabel.nifti1.Nifti1Extension(label_table.ECODE, label_table.xml())
    )
    _write(image, path)


def write_each(findings: Findings, folder: Path) -> list[Path]:
    """Write a mask of 0 and 1 for every vertebra that has voxels, <case>_seg-L1_msk.nii.gz."""
    voxels = sitk.GetArrayViewFromImage(findings.label_map)
    written = []
    for label in findings.labels:
        mask = geometry.from_array((voxels == label).astype(np.uint8), findings.label_map)
        path = folder / f"{findings.case.name}_seg-{labels.NAMES[label]}_msk.nii.gz"
        _write(_image(mask), path)
        written.append(path)
    return written


def each_of(folder: Path, case_name: str) -> list[Path]:
    """The masks of single vertebrae that write_each() wrote for a case."""
    names = [f"{case_name}_seg-{name}_msk.nii.gz" for name in labels.NUMBERS]
    return [folder / name for name in names if (folder / name).exists()]


def _image(label_map: sitk.Image) -> nibabel.Nifti1Image:
    frame = geometry.Frame.of(label_map)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = frame.matrix_mm, frame.origin_mm
    image = nibabel.Nifti1Image(geometry.to_array(label_map).T, RAS @ affine)
    image.set_sform(image.affine, SCANNER)
    image.set_qform(image.affine, SCANNER)
    image.header.set_xyzt_units("mm")
    return image


def _write(image: nibabel.Nifti1Image, path: Path) -> None:
    """Write a .nii.gz; the same image makes the same bytes."""
    with (
        atomic.replacing(path) as temporary,
        temporary.open("wb") as file,
        gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) as packed,
    ):
        image.to_stream(packed)
