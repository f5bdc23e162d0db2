"""A CT that is in memory already, from another program: checked and placed as one from a file."""

from contextlib import suppress
from typing import Any

import numpy as np
import SimpleITK as sitk
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from versectl import geometry
from versectl.errors import BadInputError
from versectl.geometry import Frame
from versectl.io import volume
from versectl.io.images.nifti import TO_LPS
from versectl.io.images.placement import Header
from versectl.io.volume import CT

#: An image of SimpleITK or nibabel; an array (x, y, z) with its affine (4, 4) from voxels to RAS
#: millimetres, as nibabel has both; or what versectl itself read.
Image = CT | sitk.Image | SpatialImage | tuple[NDArray[Any], NDArray[Any]]

#: What messages call it.
NAME = "the image"


def as_ct(image: Image) -> CT:
    """The image as a CT; it is copied, never changed.

    Raises BadInputError when it is not one 3-D scalar CT in Hounsfield units.
    """
    if isinstance(image, CT):
        return image
    if isinstance(image, sitk.Image):
        return _of_itk(image)
    if isinstance(image, SpatialImage):
        return _of_array(np.asanyarray(image.dataobj), np.asarray(image.affine))
    pair = _as_arrays(image)
    if pair is not None:
        return _of_array(*pair)
    raise BadInputError(
        f"{NAME} is a {type(image).__name__}; give what read_ct returns, an image of SimpleITK or "
        "nibabel, or an array with its affine."
    )


def _as_arrays(image: object) -> tuple[NDArray[Any], NDArray[np.float64]] | None:
    """Array and affine of a pair of both; None where it is no pair, or not one of numbers."""
    match image:
        case (array, affine):
            with suppress(TypeError, ValueError):
                return np.asarray(array), np.asarray(affine, float)
    return None


def _of_itk(image: sitk.Image) -> CT:
    if image.GetDimension() != 3:
        raise BadInputError(f"{NAME} has {image.GetDimension()} dimensions; 3 are needed.")
    kind = image.GetPixelIDTypeAsString()
    if kind.startswith(("complex", "label")):
        raise _no_numbers(kind)
    is_scalar = image.GetNumberOfComponentsPerPixel() == 1
    header = Header(image.GetSize(), is_scalar, Frame.of(image))
    return volume.ct_of(geometry.to_array(image), header, NAME)


def _of_array(array: NDArray[Any], affine: NDArray[np.float64]) -> CT:
    if array.ndim != 3 or affine.shape != (4, 4):
        raise BadInputError(
            f"{NAME} has shape {array.shape} and an affine of shape {affine.shape}; "
            "(x, y, z) and (4, 4) are needed."
        )
    if array.dtype.kind not in "iufV":  # V: a record of several numbers, as colours are
        raise _no_numbers(str(array.dtype))
    lps = TO_LPS * affine
    x, y, z = array.shape
    frame = Frame.from_matrix((x, y, z), lps[:3, :3], lps[:3, 3])
    header = Header(array.shape, array.dtype.kind != "V", frame)
    return volume.ct_of(np.array(array.T, order="C"), header, NAME)


def _no_numbers(kind: str) -> BadInputError:
    return BadInputError(
        f"{NAME} has voxels of type {kind}; give Hounsfield units, as whole or real numbers."
    )
