"""The pages of an output folder: report.html, and report/<case>.html for each case."""

import hashlib
import logging
import math
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import numpy as np
import SimpleITK as sitk

from versectl import geometry
from versectl.errors import BadInputError, explain
from versectl.io import layout, volume
from versectl.io.atomic import replacing
from versectl.io.case_files import Paths
from versectl.io.layout import Case
from versectl.report import case_report, preview, summary
from versectl.report.page import accuracy, case, pictures, rendering, volumes
from versectl.report.page.case import CaseView, VertebraView
from versectl.report.page.rendering import Batch, CasePage, Entry, Links, Looks, Overview
from versectl.types import Vertebra, Vertebrae

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

#: The index, and the folder of the cases' pages beside it.
INDEX, FOLDER = "report.html", "report"

NO_CT = "No CT was given: the masks are shown alone. Give it by: versectl report OUT --ct IN"


@dataclass(frozen=True)
class Sources:
    """What the pages are made from beside the results.

    cts : case name -> its CT. evaluation : JSON content of a comparison with the ground truth.
    """

    cts: Mapping[str, Case]
    evaluation: Mapping[str, Any] | None = None


def write(out: Path, sources: Sources, bar: "tqdm[NoReturn]") -> Path:
    """Write the index and all pages; where the index is. bar : shows how far it is.

    A case of which nothing can be shown has a page that says why.
    Raises BadInputError where the folder holds no report.
    """
    overview = summary.read(out)
    names = list(overview.reports)
    if not names and not overview.unreadable:
        raise BadInputError(f"{out} holds no <case>{summary.ENDING}; give the OUT of run-all.")
    batch = describe(out)
    entries = []
    bar.reset(len(names))
    for place, name in enumerate(names):
        beside = names[max(place - 1, 0) : place + 2]
        entries.append(_write_case(batch, out, sources, beside, name))
        bar.update()
    index = Overview(entries, overview.unreadable, sources.evaluation)
    _write_text(rendering.index(batch, index), out / INDEX)
    return out / INDEX


def page(out: Path, name: str, sources: Sources) -> str:
    """The page of one case as HTML, without links to others."""
    return rendering.case(describe(out), _read(out, name, sources))


def find_case(path: Path) -> tuple[Path, str]:
    """The output folder and the case that OUT/<case>, or a file of it, means.

    Raises BadInputError where there is no such case.
    """
    parsed = layout.parse(path.name)
    for name in (path.name, parsed[0] if parsed else ""):
        if name and Paths(path.parent, name).of("report").exists():
            return path.parent, name
    raise BadInputError(
        f"{path} is no case: there is no {path.name}{summary.ENDING}; give OUT/<case>, or a file "
        "of it."
    )


def describe(out: Path) -> Batch:
    """What all pages of a folder share."""
    whole = out.resolve()
    key = hashlib.sha256(os.fsencode(whole)).hexdigest()[:16]
    made_on = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return Batch(whole.name or "report", key, str(out), made_on)


def _write_case(
    batch: Batch, out: Path, sources: Sources, around: Sequence[str], name: str
) -> Entry:
    """Write a case's page; its line in the index. around : itself and the cases beside it."""
    place = around.index(name)
    links = Links(
        index=f"../{INDEX}",
        previous=_link(around[place - 1]) if place else "",
        next=_link(around[place + 1]) if around[place + 1 :] else "",
    )
    made = replace(_read(out, name, sources), links=links)
    _write_text(rendering.case(batch, made), out / FOLDER / f"{name}.html")
    return Entry(made.case, f"{FOLDER}/{_link(name)}", made.looks.thumbnail)


def _read(out: Path, name: str, sources: Sources) -> CasePage:
    """All that a case's page shows."""
    view = case.read(out, name)
    return CasePage(
        case=view,
        looks=_looks(out, view, sources.cts.get(name)),
        accuracy=accuracy.of_case(sources.evaluation, name),
        command=_command(out, name),
    )


def _looks(out: Path, view: CaseView, source: Case | None) -> Looks:
    """What can be shown of a case; where something cannot, why."""
    paths = Paths(out, view.name)
    if view.status == case_report.FAILED:
        return Looks()
    try:
        label_map = volume.read_labels(paths.of("segmentation"))
        ct, problem = _read_ct(view, source, label_map)
        picture, thumbnail = _pictures(paths, view, ct, label_map)
        embedded = volumes.embed(ct, label_map, [v.center_mm for v in view.vertebrae])
    except Exception as error:
        log.debug("Details", exc_info=True)
        return Looks(problem=f"The scan cannot be shown: {explain(error)}")
    return Looks(embedded, picture, thumbnail, problem)


def _read_ct(
    view: CaseView, source: Case | None, label_map: sitk.Image
) -> tuple[sitk.Image | None, str]:
    """The CT of a case, if it is the one of the results, and what a reader should know of it."""
    if source is None or source.ct is None:
        return None, NO_CT
    ct = volume.read_ct(source.ct, source.series).image
    if not geometry.same_grid(ct, label_map):
        return None, f"{source.ct} is another scan: it does not lie where the masks do."
    if layout.sha256(source) != view.input_sha256:
        return ct, f"{source.ct} is not the file that the results were made from, or was changed."
    return ct, ""


def _pictures(
    paths: Paths, view: CaseView, ct: sitk.Image | None, label_map: sitk.Image
) -> tuple[str, str]:
    """The preview and its thumbnail as addresses; empty where there is no picture and no CT."""
    present = paths.of("preview")
    if present.exists():
        return pictures.whole(present), pictures.thumbnail(present)
    if ct is None:
        return "", ""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / present.name
        _draw(ct, view, label_map, drawn)
        return pictures.whole(drawn), pictures.thumbnail(drawn)


def _draw(ct: sitk.Image, view: CaseView, label_map: sitk.Image, path: Path) -> None:
    vertebrae = Vertebrae({v.label: _vertebra(v) for v in view.vertebrae}, view.numbering)
    preview.write(ct, label_map, preview.Shown(view.name, vertebrae, view.flags), path)


def _vertebra(shown: VertebraView) -> Vertebra:
    peak, confidence = (shown.measures.get(key) for key in ("peak", "confidence"))
    known = [math.nan if value is None else value for value in (peak, confidence)]
    return Vertebra(np.array(shown.center_mm), *known)


def _link(name: str) -> str:
    return quote(os.fsencode(f"{name}.html"), safe="")


def _command(out: Path, name: str) -> str:
    return shlex.join(["versectl", "relabel", str(out), "--case", name])


def _write_text(text: str, path: Path) -> None:
    with replacing(path, ".html") as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")
