"""What the masks of a result measure. docs/measurements.md defines and draws every measure.

masks -> axes -> body -> shape, attenuation -> curvature are the steps; of() joins them.
"""

from dataclasses import dataclass
from functools import partial

import SimpleITK as sitk

from versectl.report.measurements import bodies, curvature, masks
from versectl.report.measurements.vertebra import Vertebra
from versectl.report.measures import ANGLES, Curvature, Measurement, Measures, Plates
from versectl.types import Result

__all__ = ["Curvature", "Measured", "Measurement", "Measures", "Plates", "of"]


@dataclass(frozen=True)
class Measured:
    """All measures of a result: of its vertebrae, head to foot, and of the spine's curves."""

    vertebrae: tuple[Measurement, ...]
    curvature: Curvature


def of(result: Result, ct: sitk.Image) -> Measured:
    """Everything that is measured of a result; ct : Hounsfield units, on the label map's grid."""
    found = masks.of(result.label_map, [*result.vertebrae])
    parts = bodies.of(result.vertebrae, found)
    seen = {label: Vertebra(label, found.get(label), part) for label, part in parts.items()}
    plates = {label: vertebra.plates for label, vertebra in seen.items()}
    rows = []
    for label, vertebra in seen.items():
        sheet = vertebra.sheet(ct)
        sheet.add(ANGLES, partial(curvature.to_next, label, plates))
        measures = Measures(**sheet.values, not_measured=sheet.reasons)
        there = vertebra.mask is not None
        rows.append(Measurement(label, there, vertebra.at_border, measures, plates[label]))
    return Measured(tuple(rows), curvature.of_spine(plates))
