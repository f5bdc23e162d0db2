"""The whole method: a CT -> its spine -> its vertebrae -> their masks, in three calls.

Every result has the precision of the file it is written to, so that the stages one by one, each
from the file of the one before, find the same as all at once.
"""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.stages import published, segmentation, spine, vertebrae
from versectl.types import Known, Models, Numbering, Result, Spine, Vertebra, Vertebrae

#: Protocol of a stage's weights -> who predicts: our stages, or the published ones.
SPINE = {"default": spine.predict, "published": published.spine.predict}
VERTEBRAE = {"default": vertebrae.predict, "published": published.vertebrae.predict}
SEGMENTATION = {"default": segmentation.predict, "published": published.segmentation.predict}

#: Decimals of the files: of millimetres and voxels, and of a share in 0..1.
PLACE_DECIMALS, SHARE_DECIMALS = 2, 3


def run(ct: sitk.Image, models: Models, known: Known | None = None) -> Result:
    """Find, label and segment the vertebrae of a CT; what is known already is not computed.

    Where no spine is in view, there are no vertebrae, and the label map is 0.
    """
    known = known or Known()
    found_spine = known.spine or find_spine(ct, models)
    found = find_vertebrae(ct, found_spine, models) if known.vertebrae is None else known.vertebrae
    label_map = segment(ct, found, models) if known.label_map is None else known.label_map
    return Result(found_spine, found, label_map)


def find_spine(ct: sitk.Image, models: Models) -> Spine:
    """The spine of a scan; without a centre when nothing in it looks like one."""
    model = models.model("spine")
    found = SPINE[model.config.protocol](ct, model)
    center_mm = np.round(found.center_mm, PLACE_DECIMALS)
    return replace(found, center_mm=center_mm, peak=round(found.peak, SHARE_DECIMALS))


def find_vertebrae(ct: sitk.Image, spine: Spine, models: Models) -> Vertebrae:
    """The vertebrae and their numbering; none where no spine is in view."""
    if not spine.is_in_view:
        return Vertebrae({})
    model = models.model("vertebrae")
    found = VERTEBRAE[model.config.protocol](ct, spine.center_mm, model)
    rounded = {label: _rounded(ct, found[label]) for label in labels.ORDER if label in found}
    return Vertebrae(rounded, found.numbering and _rounded_numbering(found.numbering))


def segment(ct: sitk.Image, vertebrae: Vertebrae, models: Models) -> sitk.Image:
    """The label map of these vertebrae, uint8, on the scan's grid."""
    if not vertebrae:
        return geometry.from_array(np.zeros(ct.GetSize()[::-1], np.uint8), ct)
    model = models.model("segmentation")
    return SEGMENTATION[model.config.protocol](ct, vertebrae.centers_mm, model)


def _rounded(ct: sitk.Image, vertebra: Vertebra) -> Vertebra:
    """The vertebra to a hundredth of a voxel."""
    center_vox = np.round(geometry.to_vox(ct, vertebra.center_mm), PLACE_DECIMALS)
    return Vertebra(
        geometry.to_mm(ct, center_vox),
        round(vertebra.peak, SHARE_DECIMALS),
        round(vertebra.confidence, SHARE_DECIMALS),
    )


def _rounded_numbering(numbering: Numbering) -> Numbering:
    second = numbering.second
    if second is not None:
        second = replace(second, probability=round(second.probability, SHARE_DECIMALS))
    probability = round(numbering.probability, SHARE_DECIMALS)
    return replace(numbering, probability=probability, second=second)
