"""What an export shows: a case's vertebrae and where its CT came from."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.io.images.placement import Placement
from versectl.io.layout import Case
from versectl.types import Flag

#: What exports show of what is measured of a vertebra.
MEASURES = ("volume_ml", "hu_mean")

#: The flag that says that all labels may be wrong, and what is said of it, and of others, in short.
SHIFTED = "levels_may_be_shifted"
SHIFTED_SHORT, WRONG_SHORT = "levels may be shifted", "likely wrong, see report"


@dataclass(frozen=True)
class Findings:
    """A case, the centres of its vertebrae in the world, and their masks on the CT's grid.

    placed : where the CT's file has its voxels; None where they are as the label map's.
    measures : label -> MEASURES by name, as far as they are known.
    bodies : the label map with vertebral bodies only, as far as they are known; None: not wanted.
    flags : of the whole result.
    """

    case: Case
    centers_mm: Mapping[int, np.ndarray]
    label_map: sitk.Image
    placed: Placement | None = None
    measures: Mapping[int, dict[str, float]] = field(default_factory=dict)
    bodies: sitk.Image | None = None
    flags: tuple[Flag, ...] = ()

    @property
    def labels(self) -> list[int]:
        """The labels that have voxels, from head to foot."""
        return present(self.label_map)

    @property
    def measured(self) -> list[int]:
        """The labels that have voxels and are measured; the whole of a cut vertebra is not."""
        return [label for label in self.labels if is_measured(self.measures.get(label, {}))]

    @property
    def doubts(self) -> list[str]:
        """Sentences on what is likely wrong with what is shown; that of the levels first."""
        errors = [flag for flag in self.flags if flag.is_error]
        errors.sort(key=lambda flag: flag.code != SHIFTED)
        return [flag.message for flag in errors]

    @property
    def doubt(self) -> str:
        """What is likely wrong, in at most 24 letters; empty where nothing is."""
        if any(flag.code == SHIFTED for flag in self.flags):
            return SHIFTED_SHORT
        return WRONG_SHORT if self.doubts else ""

    def limited_to(self, only: Collection[int]) -> "Findings":
        """Of these labels, those that were found."""
        centers_mm = {label: at for label, at in self.centers_mm.items() if label in only}
        label_map = geometry.keep_labels(self.label_map, only)
        bodies = self.bodies and geometry.keep_labels(self.bodies, only)
        return replace(self, centers_mm=centers_mm, label_map=label_map, bodies=bodies)


def is_measured(measures: Mapping[str, float]) -> bool:
    """Whether a vertebra has any of the measures that exports show."""
    return any(math.isfinite(measures.get(name, math.nan)) for name in MEASURES)


def present(label_map: sitk.Image) -> list[int]:
    """The labels that have voxels, from head to foot."""
    counts = geometry.label_counts(sitk.GetArrayViewFromImage(label_map))
    return [label for label in labels.ORDER if counts[label]]
