"""How the published method sees a scan: upright, in whole Hounsfield units."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from versectl import geometry


@dataclass(frozen=True)
class Upright:
    """A scan with axes in LPS order, as if they were LPS exactly and its first voxel the origin.

    So the published method sees a scan, however oblique it is.

    image : the scan in that frame.
    matrix, origin_mm : from there to the world: a rotation (3, 3), and the first voxel (3,).
    """

    image: sitk.Image
    matrix: np.ndarray
    origin_mm: np.ndarray

    @classmethod
    def of(cls, image: sitk.Image) -> "Upright":
        """The scan in its upright frame."""
        turned = geometry.turned(image)
        matrix = np.array(turned.GetDirection()).reshape(3, 3)
        origin_mm = np.array(turned.GetOrigin())
        turned.SetOrigin((0.0, 0.0, 0.0))
        turned.SetDirection(np.eye(3).ravel().tolist())
        return cls(turned, matrix, origin_mm)

    def to_world(self, point_mm: np.ndarray) -> np.ndarray:
        """A point (3,) of the frame in the world."""
        return self.matrix @ point_mm + self.origin_mm

    def from_world(self, point_mm: np.ndarray) -> np.ndarray:
        """A point (3,) of the world in the frame."""
        return np.linalg.solve(self.matrix, point_mm - self.origin_mm)

    def in_world(self, image: sitk.Image) -> sitk.Image:
        """An image of the frame, moved to where it lies in the world."""
        moved = sitk.Image(image)
        moved.SetOrigin(self.to_world(np.array(image.GetOrigin())).tolist())
        moved.SetDirection(self.matrix.ravel().tolist())
        return moved


def whole_numbers(image: sitk.Image) -> sitk.Image:
    """A CT as int16, fractions cut off."""
    if image.GetPixelID() == sitk.sitkInt16:
        return image
    limits = np.iinfo(np.int16)
    return sitk.Cast(sitk.Clamp(image, sitk.sitkFloat32, limits.min, limits.max), sitk.sitkInt16)
