"""What the masks of a result measure."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.types import Result


@dataclass(frozen=True)
class Measurement:
    """One vertebra's mask. at_border : more of it may lie outside of the scan."""

    label: int
    volume_ml: float
    at_border: bool

    @property
    def name(self) -> str:
        """The vertebra's name, "L1"."""
        return labels.NAMES.get(self.label, str(self.label))


def of(result: Result) -> list[Measurement]:
    """A measurement per vertebra, head to foot."""
    values = sitk.GetArrayViewFromImage(result.label_map)
    counts = geometry.label_counts(values)
    voxel_ml = float(np.prod(result.label_map.GetSpacing())) / 1000.0
    at_border = border_labels(values)
    return [
        Measurement(label, round(float(counts[label]) * voxel_ml, 3), label in at_border)
        for label in result.vertebrae
    ]


def border_labels(values: np.ndarray) -> set[int]:
    """Labels (z, y, x) that touch a face of the volume."""
    faces = [values.take(index, axis) for axis in range(3) for index in (0, -1)]
    return {int(label) for face in faces for label in np.unique(face)} - {0}
