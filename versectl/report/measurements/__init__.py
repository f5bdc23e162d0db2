"""What the masks of a result measure. docs/measurements.md defines and draws every measure.

masks -> axes -> body -> shape, attenuation -> curvature are the steps; of() joins them.
"""

from dataclasses import dataclass
from functools import partial

import SimpleITK as sitk

from versectl.report import levels
from versectl.report.measurements import bodies, curvature, masks
from versectl.report.measurements.vertebra import Vertebra
from versectl.report.measures import TO_NEXT, Curvature, Measurement, Measures, Plates
from versectl.types import Vertebrae

__all__ = ["Curvature", "Measured", "Measurement", "Measures", "Plates", "of"]


@dataclass(frozen=True)
class Measured:
    """All measures of a scan: of its vertebrae, head to foot, and of the spine's curves."""

    vertebrae: tuple[Measurement, ...]
    curvature: Curvature


def of(vertebrae: Vertebrae, label_map: sitk.Image, ct: sitk.Image) -> Measured:
    """Everything that is measured of vertebrae; ct : Hounsfield units, on the label map's grid."""
    found = masks.of(label_map, [*vertebrae])
    parts = bodies.of(vertebrae, found)
    seen = {label: Vertebra(label, found.get(label), part) for label, part in parts.items()}
    plates = {label: vertebra.plates for label, vertebra in seen.items()}
    gaps, rows = levels.gaps(vertebrae), []
    for label, vertebra in seen.items():
        sheet = vertebra.sheet(ct)
        sheet.add(TO_NEXT, partial(curvature.to_next, label, plates, gaps))
        measures = Measures(**sheet.values, not_measured=sheet.reasons)
        rows.append(_row(vertebra, measures, plates[label], ct))
    return Measured(tuple(rows), curvature.of_spine(plates))


def _row(vertebra: Vertebra, measures: Measures, plates: Plates, ct: sitk.Image) -> Measurement:
    mask = vertebra.mask
    return Measurement(
        vertebra.label,
        has_mask=mask is not None,
        at_border=vertebra.at_border,
        stray_ml=mask.stray_ml if mask else 0.0,
        metal_ml=vertebra.metal_ml(ct),
        canal_hu=vertebra.canal_hu(ct),
        measures=measures,
        plates=plates,
    )
