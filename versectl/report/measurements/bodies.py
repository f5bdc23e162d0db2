"""The bodies of all vertebrae of a result."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl import geometry, labels
from versectl.report.measurements import axes, body, masks, shape
from versectl.report.measurements.body import Body
from versectl.report.measurements.masks import Index, Mask
from versectl.report.measurements.shape import Form
from versectl.report.measures import NotMeasured
from versectl.types import Vertebrae

Array = NDArray[np.float64]

C1, C2 = labels.NUMBERS["C1"], labels.NUMBERS["C2"]


@dataclass(frozen=True, eq=False)
class Part:
    """A vertebra's body within its mask.

    index : the body's voxels in the scan, (n, 3), z, y, x.
    is_cut : some are outermost voxels of the scan: more of the body may lie outside.
    """

    body: Body
    index: Index
    is_cut: bool


@dataclass(frozen=True, eq=False)
class Seen:
    """A look at a vertebra: its body, and the body's form."""

    label: int
    body: Body
    form: Form


def of(vertebrae: Vertebrae, found: Mapping[int, Mask]) -> dict[int, Part | NotMeasured]:
    """Label -> body, or why it is not known; head to foot. found : the masks there are.

    All are looked at twice: the first look shows where the bodies' middles and endplates are.
    """
    middles_mm = vertebrae.centers_mm
    masses_mm = {label: mask.points_mm.mean(axis=0) for label, mask in found.items()}
    seen = _look(found, middles_mm, axes.of(middles_mm, masses_mm))
    middles_mm |= {label: _middle_mm(one) for label, one in seen.items() if isinstance(one, Seen)}
    own = axes.of(middles_mm, masses_mm)
    own |= {label: _level(one, own[label]) for label, one in seen.items() if isinstance(one, Seen)}
    return {
        label: one if isinstance(one, NotMeasured) else _within(found[label], one.body)
        for label, one in _look(found, middles_mm, own).items()
    }


def alone(vertebrae: Vertebrae, label_map: sitk.Image) -> sitk.Image:
    """The label map with the voxels of bodies only; vertebrae whose body is not known have none."""
    values = np.zeros(label_map.GetSize()[::-1], np.uint8)
    found = masks.of(label_map, [*vertebrae])
    for label, part in of(vertebrae, found).items():
        if isinstance(part, Part):
            values[tuple(part.index.T)] = label
    return geometry.from_array(values, label_map)


def _look(
    found: Mapping[int, Mask], middles_mm: Mapping[int, Array], own: Mapping[int, Array]
) -> dict[int, Seen | NotMeasured]:
    """Every body along given axes, from a point within it."""
    looks: dict[int, Seen | NotMeasured] = {}
    for label, at_mm in middles_mm.items():
        try:
            looks[label] = _one(label, found.get(label), at_mm, own[label])
        except NotMeasured as reason:
            looks[label] = reason
    return looks


def _one(label: int, mask: Mask | None, at_mm: Array, own: Array) -> Seen:
    if mask is None:
        raise NotMeasured("it has no mask")
    if label == C1:
        raise NotMeasured("C1 has no body")
    seen = body.separate(mask.image, at_mm, own)
    return Seen(label, seen, shape.form(seen))


def _middle_mm(seen: Seen) -> Array:
    """The body's centre of mass in the world."""
    return geometry.to_mm(seen.body.frame, np.argwhere(seen.body.solid).mean(axis=0)[::-1])


def _level(seen: Seen, own: Array) -> Array:
    """The axes turned so that both endplates lie as level as they can."""
    if seen.label == C2:
        return own
    try:
        up = shape.plate(seen.form, "upper")[0] + shape.plate(seen.form, "lower")[0]
    except NotMeasured:
        return own
    return axes.orthogonal(seen.body.frame.direction @ up, own[:, 1])


def _within(mask: Mask, found: Body) -> Part:
    """The body's voxels of the scan's own grid."""
    own = found.holds(mask.points_mm)
    return Part(found, mask.index[own], bool(mask.at_edge[own].any()))
