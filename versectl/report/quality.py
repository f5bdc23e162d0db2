"""Flags: what a reader of a result should look at. One function per kind; docs/quality.md."""

from collections.abc import Mapping, Sequence

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.config import Stage
from versectl.report import anatomy, levels
from versectl.report.measurements import Measured, Measurement
from versectl.text import count, first_few, in_words
from versectl.types import Flag, Result, Vertebrae

#: chosen: a heatmap's response below this is faint.
LOW_PEAK = 0.4

#: chosen: a scan that is longer must show more vertebrae than SPARSE; five of the thoracic spine,
#: the usual 22 mm apart, are 110 mm.
LONG_MM, SPARSE = 150.0, 2

#: chosen: these shares of faint peaks point to a scan that is upside down or front to back; half of
#: them if the numbering has less than this probability. In a neck as it is half are faint, with a
#: probability of 0.64; in an abdomen upside down two thirds, with 0.57.
MOST, HALF, UNLIKELY = 0.8, 0.5, 0.6

#: measured: so in 5 of 49 results (9 real scans, 40 held-out cases).
IN_DENS = (labels.NUMBERS["C1"], labels.NUMBERS["C2"])


def of_vertebrae(vertebrae: Vertebrae, ct: sitk.Image) -> list[Flag]:
    """Flags that centroids and their peaks give."""
    if not vertebrae:
        return no_spine()
    low_mm, high_mm = geometry.extent(ct)
    return [
        *header_may_be_flipped(vertebrae, float(high_mm[2] - low_mm[2])),
        *levels.flags(vertebrae),
        *gaps(vertebrae),
    ]


def of_result(result: Result, measured: Measured, ct: sitk.Image) -> list[Flag]:
    """Flags of a whole result."""
    found = [
        *of_vertebrae(result.vertebrae, ct),
        *centres_without_mask(measured.vertebrae),
        *centroid_in_other_mask(result),
        *masks_alone(result),
        *anatomy.flags(measured.vertebrae),
        *cut_at_border(measured.vertebrae),
    ]
    return once(found)


def once(flags: Sequence[Flag]) -> list[Flag]:
    """Of flags of one kind about one vertebra the first: what they say is the same."""
    return [*{(flag.code, flag.vertebra): flag for flag in reversed(flags)}.values()][::-1]


def no_spine() -> list[Flag]:
    """Nothing in the scan looks like a vertebra."""
    return [
        Flag(
            "no_spine",
            "error",
            None,
            "No spine is in view: nothing in the scan looks like a vertebra.",
            "If it shows a spine, check that it is a CT in Hounsfield units and not upside down, "
            "or mark the vertebrae in the _ctd.json and run again.",
        )
    ]


def header_may_be_flipped(vertebrae: Vertebrae, height_mm: float) -> list[Flag]:
    """Next to nothing is found in a long scan, or what is found is faint.

    An abdomen is flagged when read upside down or front to back; of 8 real scans as they are none.
    """
    sparse = len(vertebrae) <= SPARSE and height_mm > LONG_MM
    if not (sparse or _are_faint(vertebrae)):
        return []
    few = count(len(vertebrae), "vertebra", "vertebrae")
    found = f"Only {few} found in {height_mm:.0f} mm" if sparse else "Most peaks are faint"
    return [
        Flag(
            "header_may_be_flipped",
            "error",
            None,
            f"{found}: the scan may be upside down or front to back.",
            "Open it in a viewer and check which way the patient lies; a wrong orientation in the "
            "header is the likely cause.",
        )
    ]


def _are_faint(vertebrae: Vertebrae) -> bool:
    """Most peaks are low; or half of several, and the labels are doubtful, too."""
    faint = [vertebra.peak < LOW_PEAK for vertebra in vertebrae.values()]
    numbering = vertebrae.numbering
    unlikely = numbering is not None and numbering.probability < UNLIKELY
    share = sum(faint) / len(faint) if faint else 1.0
    return share > MOST or (len(faint) > SPARSE and unlikely and share >= HALF)


def gaps(vertebrae: Vertebrae) -> list[Flag]:
    """Two neighbours between which a vertebra is missing."""
    return [
        Flag(
            "gap",
            "warning",
            labels.NAMES[above],
            f"There is a gap between {labels.NAMES[above]} and {labels.NAMES[below]}.",
            "Add the vertebra that is missing to the _ctd.json and run again.",
        )
        for above, below in levels.gaps(vertebrae)
    ]


def centres_without_mask(measured: Sequence[Measurement]) -> list[Flag]:
    """A centroid whose vertebra has no voxel."""
    return [
        Flag(
            "centre_without_mask",
            "warning",
            row.name,
            f"{row.name} has a centroid but no voxel.",
            "Check whether its centroid lies in its body.",
        )
        for row in measured
        if not row.has_mask
    ]


def centroid_in_other_mask(result: Result) -> list[Flag]:
    """Centroids in another vertebra's mask; one flag for all of them.

    One in no mask, as in the canal where only the arch is in view, is no error, nor is that of C1
    in the dens of C2, which stands in its ring.
    """
    held = _labels_at_centroids(result)
    pairs = [
        f"{labels.NAMES[label]} in {labels.NAMES[other]}"
        for label, other in held.items()
        if other in labels.NAMES and other != label and (label, other) != IN_DENS
    ]
    if not pairs:
        return []
    return [
        Flag(
            "centroid_in_other_mask",
            "error",
            None,
            f"Centroids lie in the masks of other vertebrae: {in_words(pairs)}.",
            "Give centroids and masks the same labels, or delete the _seg.nii.gz and run again.",
        )
    ]


def masks_alone(result: Result) -> list[Flag]:
    """What the label map holds beside the vertebrae: others', and numbers of nothing known."""
    counts = geometry.label_counts(sitk.GetArrayViewFromImage(result.label_map))
    held = {int(number) for number in np.flatnonzero(counts)} - {0}
    alone = [label for label in labels.ORDER if label in held - result.vertebrae.keys()]
    unknown = sorted(held - {*labels.ORDER, *labels.NO_VERTEBRAE})
    return [*mask_without_centre(alone), *unknown_number(unknown)]


def mask_without_centre(alone: Sequence[int]) -> list[Flag]:
    """Vertebrae with voxels and no centroid; one flag for all of them."""
    if not alone:
        return []
    names = in_words([labels.NAMES[label] for label in alone])
    has, its = ("has", "its centroid") if len(alone) == 1 else ("have", "their centroids")
    return [
        Flag(
            "mask_without_centre",
            "warning",
            None,
            f"{names} {has} a mask but no centroid, and so no row in the report and its tables.",
            f"Add {its} to the _ctd.json and run again.",
        )
    ]


def unknown_number(numbers: Sequence[int]) -> list[Flag]:
    """Voxels whose number stands for no vertebra, nor for the sacrum or coccyx; one flag."""
    if not numbers:
        return []
    return [
        Flag(
            "unknown_number",
            "error",
            None,
            f"Masks have numbers that stand for no vertebra: {first_few([*map(str, numbers)])}.",
            "Give these voxels of the _seg.nii.gz the number of their vertebra (C1 to L6 are 1 to "
            "25, T13 is 28), or 0, and run again.",
        )
    ]


def _labels_at_centroids(result: Result) -> dict[int, int]:
    """Label -> the label map's value in the voxel of its centroid, of centroids in the scan."""
    values = sitk.GetArrayViewFromImage(result.label_map)
    held = {}
    for label, vertebra in result.vertebrae.items():
        at_vox = np.rint(geometry.to_vox(result.label_map, vertebra.center_mm)).astype(int)[::-1]
        if ((at_vox >= 0) & (at_vox < values.shape)).all():
            held[label] = int(values[tuple(at_vox)])
    return held


def files_changed(names: Sequence[str]) -> list[Flag]:
    """Files that a report is not of any more; on its page alone, for the report does not know."""
    if not names:
        return []
    were = "was" if len(names) == 1 else "were"
    return [
        Flag(
            "files_changed",
            "error",
            None,
            f"This page shows results from before {in_words(names)} {were} changed or removed.",
            "Run run-all again, then report.",
        )
    ]


def cut_at_border(measured: Sequence[Measurement]) -> list[Flag]:
    """Masks that touch a face of the scan; one flag for all of them."""
    names = [row.name for row in measured if row.at_border]
    if not names:
        return []
    touch = "touches" if len(names) == 1 else "touch"
    return [
        Flag(
            "cut_at_border",
            "note",
            None,
            f"{in_words(names)} {touch} the border of the scan and may be cut.",
            "Their volumes are not measured, nor is anything of a body that is cut.",
        )
    ]


def computed_in_parts(parts: Mapping[Stage, int]) -> list[Flag]:
    """Networks that did not fit into memory whole."""
    return [
        Flag(
            "computed_in_parts",
            "note",
            None,
            f"The network of the {stage} was run in {count} overlapping parts for lack of memory.",
            "Results may differ a little from those of a machine with more memory.",
        )
        for stage, count in parts.items()
    ]


def made_for_another_ct(files: Sequence[str]) -> list[Flag]:
    """Corrections by hand that are older than the present CT."""
    return [
        Flag(
            "made_for_another_ct",
            "error",
            None,
            f"{file} was corrected before the CT was replaced.",
            "Check that it fits the present CT; delete it to have it computed.",
        )
        for file in files
    ]


def origin_unknown(files: Sequence[str]) -> list[Flag]:
    """Results of a former version whose last run failed: it did not record what it had made."""
    return [
        Flag(
            "origin_unknown",
            "warning",
            None,
            f"{file} was there before; who made it was not recorded, and it was kept.",
            "If you did not correct it, delete it and run again.",
        )
        for file in files
    ]
