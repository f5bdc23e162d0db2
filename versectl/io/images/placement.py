"""Where an image's voxels lie in the world: the header's word, checked before memory is taken."""

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from versectl.errors import BadInputError
from versectl.geometry import Frame
from versectl.types import Flag

#: chosen: corners that move less when the axes are put at right angles moved by rounding alone,
#: in mm, or in the shortest voxel edge; the larger counts.
ROUNDING_MM, ROUNDING_VOX = 0.1, 0.1

#: Cosine between two axes up to which ITK itself takes them as perpendicular.
PERPENDICULAR = 1e-6

#: chosen: the extent of a scan of a body part along any axis, in mm.
SHORTEST_MM, LONGEST_MM = 20.0, 3000.0

#: chosen: the shortest label map; some are cropped to one vertebra, none to less than this.
SHORTEST_LABELS_MM = 2.0


@dataclass(frozen=True, eq=False)
class Header:
    """What a file says of its voxels.

    size_vox : of all its axes, at least the three of `frame` unless the image has fewer.
    frame : of the first three axes, in mm.
    unit : of the file's lengths, where it is not the millimetre.
    """

    size_vox: tuple[int, ...]
    is_scalar: bool
    frame: Frame
    unit: str = ""
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a scan lies: results are computed on one grid and written on the scan's own.

    own : the voxels as the file has them, sheared or not.
    grid : at right angles; the same voxels where `own` is so but for rounding.
    nifti : the header whose forms, codes and units results carry; None in other formats.
    """

    own: Frame
    grid: Frame
    nifti: nibabel.Nifti1Header | None = None
    flags: tuple[Flag, ...] = ()

    @property
    def is_sheared(self) -> bool:
        """Whether the grid has other voxels than the file."""
        return self.grid.size_vox != self.own.size_vox or (
            self.grid.distance_mm(self.own) > _rounding_mm(self.own)
        )


def check(header: Header, name: Path | str, shortest_mm: float = SHORTEST_MM) -> None:
    """Raises BadInputError when the header is not that of one 3-D scalar image of a body part."""
    if not header.is_scalar:
        raise BadInputError(f"{name} is a colour or vector image; one value per voxel is needed.")
    size, frames = header.size_vox, int(np.prod(header.size_vox[3:]))
    if frames != 1:
        raise BadInputError(f"{name} has {frames} frames; versectl needs one 3-D CT.")
    if len(size) < 3 or min(size[:3]) < 2:
        shown = "x".join(map(str, size))
        raise BadInputError(f"{name} is {shown} voxels; versectl needs one 3-D CT.")
    frame = header.frame
    if not np.isfinite([frame.spacing_mm, frame.origin_mm]).all():
        raise BadInputError(
            f"{name} has a position or spacing that is not finite; correct its header."
        )
    _check_extent(header, name, shortest_mm)
    if frame.is_flat():
        raise BadInputError(
            f"{name} has voxel axes that span no volume (two of them are parallel, or a spacing "
            "is 0); correct its header or convert it again."
        )


def place(header: Header, forms: nibabel.Nifti1Header | None = None) -> Placement:
    """The header's frame and the grid at right angles to work on; forms : of a NIfTI file."""
    own = header.frame
    if own.skew() <= PERPENDICULAR:
        return Placement(own, own, forms, header.flags)
    square = own.squared()
    if own.distance_mm(square) <= _rounding_mm(own):
        return Placement(own, square, forms, header.flags)
    return Placement(own, own.straightened(), forms, (*header.flags, _sheared(own)))


def no_orientation(lacking: str, back_or_front: str) -> Flag:
    """The header does not say how the patient lies. lacking : what of it is missing, in words."""
    return Flag(
        "no_orientation",
        "warning",
        None,
        f"The header does not say how the patient lies ({lacking}); it was assumed that its axes "
        f"run to the patient's left, {back_or_front} and head.",
        "Check left and right, top and bottom; convert the scan again so that it has an "
        "orientation.",
    )


def _rounding_mm(own: Frame) -> float:
    return max(ROUNDING_MM, ROUNDING_VOX * float(own.spacing_mm.min()))


def _sheared(own: Frame) -> Flag:
    return Flag(
        "resampled_shear",
        "warning",
        None,
        f"The voxel axes are {np.degrees(np.arcsin(own.skew())):.1f} degrees off a right angle "
        "(gantry tilt?); the scan was resampled onto a right-angled grid, and masks are written "
        "on its own sheared grid.",
        "Check the masks on the scan; convert it again with gantry tilt correction if they are "
        "off.",
    )


def _check_extent(header: Header, name: Path | str, shortest_mm: float) -> None:
    extents_mm = header.frame.spacing_mm * header.size_vox[:3]
    shortest, longest = int(extents_mm.argmin()), int(extents_mm.argmax())
    if not extents_mm[shortest]:
        axis = "xyz"[shortest]
        raise BadInputError(f"{name} has a spacing of 0 along its {axis} axis; correct its header.")
    worst = longest if extents_mm[longest] > LONGEST_MM else shortest
    if shortest_mm <= extents_mm[worst] <= LONGEST_MM:
        return
    unit = f", and its units say {header.unit}" if header.unit else ""
    raise BadInputError(
        f"{name} would be {_length(extents_mm[worst])} long along its {'xyz'[worst]} axis (a body "
        f"part has {shortest_mm:g} mm to {LONGEST_MM / 1000:g} m){unit}; check the units and the "
        "spacing in its header."
    )


def _length(extent_mm: float) -> str:
    return f"{extent_mm / 1000:.4g} m" if extent_mm > LONGEST_MM else f"{extent_mm:.4g} mm"
