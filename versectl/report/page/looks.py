"""What is shown of a case's voxels: volumes for the viewer, the preview, and a small picture."""

import base64
import io
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image

from versectl import geometry
from versectl.errors import explain
from versectl.io import layout, volume
from versectl.io.case_files import Paths
from versectl.io.layout import Case
from versectl.report import preview, reading
from versectl.report.page import volumes
from versectl.report.page.case import CaseView
from versectl.report.page.volumes import Volumes
from versectl.types import Vertebra, Vertebrae

log = logging.getLogger(__name__)

#: chosen: rows of the index stay low; about 2 kB a case, so that 1000 cases load at once.
THUMBNAIL_PX = (150, 84)

#: chosen.
THUMBNAIL_QUALITY = 60

#: chosen: no artefact is seen, at a fifth of the PNG's size.
QUALITY = 82

NO_CT = "No CT was given: the masks are shown alone. To add it: versectl report OUT --ct IN"


NOT_AMONG_THEM = (
    "No CT that was given (--ct) has the name of this case: the masks are shown alone. Give the "
    "CTs as run-all had them, with the same --manifest and --series."
)


@dataclass(frozen=True)
class Looks:
    """What is shown of a case's voxels. problem : why there is no viewer."""

    volumes: Volumes | None = None
    picture: str = ""
    thumbnail: str = ""
    problem: str = ""


def of(out: Path, view: CaseView, cts: Mapping[str, Case]) -> Looks:
    """What can be shown of a case; where something cannot, why. cts : case name -> CT."""
    paths, source = Paths(out, view.name), cts.get(view.name)
    if view.report.status == reading.FAILED:
        return Looks()
    try:
        label_map = volume.read_labels(paths.of("segmentation"))
        ct, problem = _read_ct(view, source, label_map)
        if source is None and cts:
            problem = NOT_AMONG_THEM
        picture, small = _pictures(paths, view, ct, label_map)
        embedded = volumes.embed(ct, label_map, [row.center_mm for row in view.report.vertebrae])
    except Exception as error:
        log.debug("Details", exc_info=True)
        why = layout.without_folder(str(explain(error)), paths.of("segmentation"))
        why = layout.without_folder(why, source.ct) if source and source.ct else why
        return Looks(problem=f"The scan cannot be shown: {why}")
    return Looks(embedded, picture, small, problem)


def _read_ct(
    view: CaseView, source: Case | None, label_map: sitk.Image
) -> tuple[sitk.Image | None, str]:
    """The CT of a case, if it is the one of the results, and what a reader should know of it."""
    if source is None or source.ct is None:
        return None, NO_CT
    ct, name = volume.read_ct(source.ct, source.series).image, source.ct.name
    if not geometry.same_grid(ct, label_map):
        return None, f"{name} is another scan: it does not lie where the masks do."
    if view.report.input_sha256 not in (None, layout.sha256(source)):
        return ct, f"{name} is not the file that the results were made from, or was changed."
    return ct, ""


def _pictures(
    paths: Paths, view: CaseView, ct: sitk.Image | None, label_map: sitk.Image
) -> tuple[str, str]:
    """The preview and its thumbnail as addresses; empty where there is no picture and no CT."""
    present = paths.of("preview")
    if present.exists():
        return _whole(present), _thumbnail(present)
    if ct is None:
        return "", ""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / present.name
        _draw(ct, view, label_map, drawn)
        return _whole(drawn), _thumbnail(drawn)


def _draw(ct: sitk.Image, view: CaseView, label_map: sitk.Image, path: Path) -> None:
    found = {
        row.label: Vertebra(np.array(row.center_mm), row.peak, row.confidence)
        for row in view.report.vertebrae
    }
    vertebrae = Vertebrae(found, view.report.numbering)
    preview.write(ct, label_map, preview.Shown(view.name, vertebrae, view.flags), path)


def _whole(path: Path) -> str:
    """A picture as address within a page."""
    with Image.open(path) as picture:
        return _address(picture.convert("RGB"), QUALITY)


def _thumbnail(path: Path) -> str:
    """A small copy of a picture as address within a page."""
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.thumbnail(THUMBNAIL_PX)
    return _address(small, THUMBNAIL_QUALITY)


def _address(picture: Image.Image, quality: int) -> str:
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}"
