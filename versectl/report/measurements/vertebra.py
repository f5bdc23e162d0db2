"""Everything that is measured of one vertebra alone."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl import geometry
from versectl.report.measurements import attenuation, shape
from versectl.report.measurements.bodies import C2, Part
from versectl.report.measurements.masks import Mask
from versectl.report.measurements.shape import Form
from versectl.report.measures import ATTENUATION, SIZES, VOLUME, NotMeasured, Plates, Sheet

Array = NDArray[np.float64]

#: chosen: the densest bone is below 2000; metal is beyond 3000 where it fills whole voxels.
METAL_HU = 2500.0


@dataclass(frozen=True)
class Vertebra:
    """One vertebra: its mask, if it has one, and its body, or why that is not known."""

    label: int
    mask: Mask | None
    part: Part | NotMeasured

    @property
    def at_border(self) -> bool:
        """Whether its mask touches the border of the scan."""
        return self.mask is not None and bool(self.mask.at_edge.any())

    def sheet(self, ct: sitk.Image) -> Sheet:
        """Its own measures; ct : Hounsfield units, on the label map's grid."""
        sheet = Sheet()
        sheet.add(VOLUME, self._volume)
        sheet.add(ATTENUATION, lambda: self._attenuation(ct))
        sheet.add(SIZES, self._sizes)
        return sheet

    @property
    def plates(self) -> Plates:
        """Its endplates in the world, as far as they are measured."""
        if isinstance(self.part, NotMeasured):
            return Plates()
        upper, upper_mm = self._plate("upper")
        lower, lower_mm = self._plate("lower")
        left = self.part.body.frame.direction[:, 0]
        return Plates(upper, lower, upper_mm, lower_mm, left)

    def metal_ml(self, ct: sitk.Image) -> float:
        """How much of its mask is as dense as metal; ct : as sheet()."""
        if self.mask is None:
            return 0.0
        values_hu = sitk.GetArrayViewFromImage(ct)[tuple(self.mask.index.T)]
        return float((values_hu > METAL_HU).mean()) * self.mask.volume_ml

    def canal_hu(self, ct: sitk.Image) -> float:
        """Median Hounsfield units of the spinal canal behind its body, NaN if not seen."""
        if isinstance(self.part, NotMeasured):
            return math.nan
        return attenuation.of_canal(self.part.body, ct)

    @property
    def _body(self) -> Part:
        """Its body, whole."""
        if isinstance(self.part, NotMeasured):
            raise self.part
        if self.part.is_cut:
            raise NotMeasured("its body touches the border of the scan")
        return self.part

    @cached_property
    def _form(self) -> Form:
        return shape.form(self._body.body)

    def _volume(self) -> dict[str, float]:
        if self.mask is None:
            raise NotMeasured("it has no mask")
        if self.at_border:
            raise NotMeasured("its mask touches the border of the scan")
        return {"volume_ml": self.mask.volume_ml}

    def _attenuation(self, ct: sitk.Image) -> dict[str, float]:
        part = self._body
        values_hu = sitk.GetArrayViewFromImage(ct)[tuple(part.index.T)]
        spacing_mm = np.array(ct.GetSpacing())
        points_mm = geometry.to_mm(ct, part.index[:, ::-1])
        return attenuation.within(part.body, points_mm, values_hu, spacing_mm)

    def _sizes(self) -> dict[str, float]:
        form = self._form
        if self.label == C2:
            raise NotMeasured("the dens leaves C2 without an upper endplate")
        return shape.sizes(form)

    def _plate(self, which: Literal["upper", "lower"]) -> tuple[Array | None, Array | None]:
        """An endplate's normal and middle; the dens of C2 stands where its upper one would be."""
        if self.label == C2 and which == "upper":
            return None, None
        try:
            frame = self._body.body.frame
            normal, middle_vox = shape.plate(self._form, which)
        except NotMeasured:
            return None, None
        return frame.direction @ normal, geometry.to_mm(frame, middle_vox)
