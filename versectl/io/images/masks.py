"""Whether a file is a label map: in a folder of scans, it is then not taken for a CT."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl.errors import BadInputError
from versectl.io.images import NIFTI, itk, nifti


def is_mask(path: Path) -> bool:
    """Whether the voxels are bytes, or whole numbers in 0..255 throughout: no CT is so.

    A CT is recognised by its first voxels; only a mask is read to its end. A file that cannot be
    read is no mask: who reads it says why.
    """
    try:
        if not path.name.lower().endswith(NIFTI):
            return itk.pixel_type(path) == sitk.sitkUInt8
        header = nifti.read_header(path)
        return header.is_scalar and (nifti.is_bytes(header) or _is_labels(path, header))
    except (BadInputError, OSError):
        return False


def _is_labels(path: Path, header: nifti.NiftiHeader) -> bool:
    """A file of zeros is none: it is a CT that was lost."""
    highest = 0.0
    for part in nifti.parts(path, header):
        if not are_labels(part):
            return False
        highest = max(highest, float(part.max()))
    return highest > 0


def are_labels(values: NDArray[Any]) -> bool:
    """Whether all values are whole numbers in 0..255."""
    return bool(((values >= 0) & (values <= 255) & (values == np.rint(values))).all())
