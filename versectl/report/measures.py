"""What is measured of a vertebra and of the spine, with units; NaN is what is not measured."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from versectl import labels

Array = NDArray[np.float64]


class NotMeasured(Exception):  # noqa: N818 - a reason, no mistake
    """Why a vertebra, or a curve of the spine, has no measure: half a sentence, of "its body"."""


@dataclass(frozen=True)
class Measures:
    """Measures of a vertebra; NaN where not measured. Definitions: docs/measurements.md.

    not_measured : name of a measure -> why it is NaN.
    """

    volume_ml: float = math.nan
    hu_mean: float = math.nan
    hu_median: float = math.nan
    hu_sd: float = math.nan
    height_front_mm: float = math.nan
    height_middle_mm: float = math.nan
    height_back_mm: float = math.nan
    front_to_back: float = math.nan
    middle_to_back: float = math.nan
    width_mm: float = math.nan
    depth_mm: float = math.nan
    angle_to_next_deg: float = math.nan
    sagittal_angle_to_next_deg: float = math.nan
    gap_to_next_mm: float = math.nan
    not_measured: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Curvature:
    """Angles of the spine's curves; NaN where not measured.

    not_measured : name of a measure -> why it is NaN.
    """

    kyphosis_t4_t12_deg: float = math.nan
    lordosis_l1_l5_deg: float = math.nan
    lordosis_c2_c7_deg: float = math.nan
    not_measured: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Plates:
    """A vertebra's endplates in the world; None is what is not measured.

    upper, lower : their normals (3,), towards the head. upper_mm, lower_mm : their middles (3,).
    left : the vertebra's own axis (3,) to the patient's left; None where its body is not known.
    """

    upper: Array | None = None
    lower: Array | None = None
    upper_mm: Array | None = None
    lower_mm: Array | None = None
    left: Array | None = None


@dataclass(frozen=True, eq=False)
class Measurement:
    """One vertebra, measured.

    has_mask : it has a voxel. at_border : more of its mask may lie outside of the scan.
    stray_ml : what is apart from the largest piece of its mask. metal_ml : as dense as metal.
    canal_hu : median of the spinal canal behind its body; NaN where it is not seen.
    """

    label: int
    has_mask: bool
    at_border: bool
    stray_ml: float
    metal_ml: float
    canal_hu: float
    measures: Measures
    plates: Plates

    @property
    def name(self) -> str:
        """The vertebra's name, "L1"."""
        return labels.NAMES.get(self.label, str(self.label))


def names(kind: type[Measures] | type[Curvature]) -> tuple[str, ...]:
    """The measures' names, units at their end, in the order of tables."""
    return tuple(one.name for one in fields(kind) if one.name != "not_measured")


def values(kind: Measures | Curvature) -> dict[str, float]:
    """Name -> value, in the order of tables; NaN where not measured."""
    return {name: getattr(kind, name) for name in names(type(kind))}


def or_none(value: float) -> float | None:
    """The value; None where it is NaN."""
    return None if math.isnan(value) else value


#: Measures of a vertebra by what they are measured from.
VOLUME = ("volume_ml",)
ATTENUATION = ("hu_mean", "hu_median", "hu_sd")
TO_NEXT = ("angle_to_next_deg", "sagittal_angle_to_next_deg", "gap_to_next_mm")
SIZES = tuple(n for n in names(Measures) if n not in (*VOLUME, *ATTENUATION, *TO_NEXT))


class Sheet:
    """Measures as they come in, and why those are missing that do not."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.reasons: dict[str, str] = {}

    def add(self, wanted: tuple[str, ...], measure: Callable[[], Mapping[str, float]]) -> None:
        """Measure something; where it raises NotMeasured, note the reason."""
        try:
            found = measure()
            self.values |= {name: round(found[name], 3) for name in wanted}
        except NotMeasured as reason:
            self.reasons |= dict.fromkeys(wanted, str(reason))
