"""A picture of the results: sagittal, coronal and the bones seen from the front, of equal scale.

    planes    what of the CT is shown, and its greys and colours
    words     names, marks and sentences
    layout    where all of it stands, in pixels
    drawing   the picture

The planes are curved: every row is cut where the spine is at that height, so that the whole of a
crooked spine is seen. Heights are the same in all panes.
"""

from pathlib import Path

import SimpleITK as sitk

from versectl.io.atomic import replacing
from versectl.report.preview import drawing, layout, planes, words
from versectl.report.preview.words import Shown

__all__ = ["Shown", "write"]


def write(ct: sitk.Image, label_map: sitk.Image | None, shown: Shown, path: Path) -> None:
    """Write a PNG of what is known of a scan: the whole picture, or nothing.

    label_map : on any grid; without it, centres and names are shown.
    """
    said = words.of(shown)
    box = planes.shown_box(ct, shown.centers_mm)
    page = layout.page(box.size_mm, said)
    panes = planes.panes(ct, label_map, box, shown.centers_mm, page.px_per_mm)
    with replacing(path, ".png") as temporary:
        drawing.save(page, panes, said, temporary)
