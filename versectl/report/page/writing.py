"""The pages of an output folder: report.html, and report/<case>.html for each case."""

import hashlib
import logging
import os
import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from versectl.errors import BadInputError
from versectl.io import atomic, layout
from versectl.io.atomic import replacing
from versectl.io.case_files import Paths
from versectl.io.layout import Case
from versectl.report import reading, summary
from versectl.report.page import accuracy, case, looks, rendering, viewer
from versectl.report.page.rendering import Batch, CasePage, Entry, Links, Overview
from versectl.text import first_few

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

#: The index, and the folder of the cases' pages beside it.
INDEX, FOLDER = "report.html", "report"

#: Beside the cases' pages, what verdicts in a browser are kept by: a random number that stays when
#: pages are written again and goes where the folder goes.
BATCH_ID = "batch-id.txt"

#: Files of a case that its page shows.
SHOWN = ("report", "vertebrae", "segmentation", "preview")

#: How a page begins: what it was made from, and its thumbnail; within so many characters.
KEPT = re.compile(
    r'<meta name="made-from" content="(\w+)">\s*<meta name="thumbnail" content="([^"]*)">'
)
HEAD = 100_000


@dataclass(frozen=True)
class Sources:
    """What the pages are made from beside the results.

    cts : case name -> its CT. evaluation : JSON content of a comparison with the ground truth.
    overwrite : write pages again that show the same already.
    """

    cts: Mapping[str, Case]
    evaluation: Mapping[str, Any] | None = None
    overwrite: bool = False


def write(out: Path, sources: Sources, bar: "tqdm[NoReturn]") -> Path:
    """Write the index and all pages; where the index is. bar : shows how far it is.

    A case of which nothing can be shown has a page that says why.
    Raises BadInputError where the folder holds no report.
    """
    overview = summary.of_results(out)
    names = list(overview.reports)
    batch = describe(out)
    _write_text(batch.key, out / FOLDER / BATCH_ID)
    entries, unreadable = [], [*overview.unreadable]
    bar.reset(len(names))
    for place, name in enumerate(names):
        beside = names[max(place - 1, 0) : place + 2]
        try:
            entries.append(_write_case(batch, out, sources, beside, name))
        except BadInputError:
            unreadable.append(name)
        bar.update()
    index = Overview(entries, unreadable, sources.evaluation)
    _write_text(rendering.index(batch, index), out / INDEX)
    shown = [n for n, report in overview.reports.items() if report.status != reading.FAILED]
    lacking = [name for name in shown if name not in sources.cts]
    others = [entry.case.name for entry in entries if not entry.of_its_ct]
    _warn_of_cts(lacking, others, bool(sources.cts))
    return out / INDEX


def _warn_of_cts(lacking: Sequence[str], others: Sequence[str], is_any_given: bool) -> None:
    """Say which cases have no CT, and which have another than that of their results."""
    if lacking and is_any_given:
        log.warning(
            "None of the CTs given (--ct) has the name of these cases, so that the viewer shows "
            "masks alone: %s; give them as run-all had them.",
            first_few(lacking),
        )
    elif lacking:
        log.info("No CT given (--ct), so that the viewer shows masks alone: %s", first_few(lacking))
    if others:
        log.warning(
            "The CT given (--ct) is not the one that the results were made from, or was changed: "
            "%s; see their pages.",
            first_few(others),
        )


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
        f"{path} is not a case: there is no {path.name}{summary.ENDING}; give OUT/<case>, or a "
        "file of it."
    )


def describe(out: Path) -> Batch:
    """What all pages of a folder share."""
    whole = out.resolve()
    key = _batch_id(out / FOLDER / BATCH_ID) or secrets.token_hex(16)
    made_on = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return Batch(whole.name or "report", key, str(out), made_on)


def _batch_id(path: Path) -> str | None:
    """The number in a file; None where there is no such file, or something else in it."""
    text = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
    return text if re.fullmatch(r"[0-9a-f]{32}", text) else None


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
    path, link = out / FOLDER / f"{name}.html", f"{FOLDER}/{_link(name)}"
    ct_sha256 = _sha256(sources.cts.get(name))
    made_from = _made_from(batch, name, sources, links, ct_sha256)
    view = case.read(out, name)
    of_its_ct = not ct_sha256 or view.report.input_sha256 in (None, ct_sha256)
    kept = None if sources.overwrite else kept_thumbnail(path, made_from)
    if kept is not None:
        return Entry(view, link, kept, of_its_ct)
    made = replace(_read(out, name, sources), links=links, made_from=made_from)
    _write_text(rendering.case(batch, made), path)
    return Entry(made.case, link, made.looks.thumbnail, of_its_ct)


def kept_thumbnail(path: Path, made_from: str) -> str | None:
    """The thumbnail within a page that was made from the same; None where there is no such page."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8", errors="replace") as page_file:
        match = KEPT.search(page_file.read(HEAD))
    return match[2] if match and match[1] == made_from else None


def _made_from(batch: Batch, name: str, sources: Sources, links: Links, ct_sha256: str) -> str:
    """A hash of everything that a case's page shows, and of what shows it."""
    paths, source = Paths(Path(batch.out), name), sources.cts.get(name)
    files = [paths.of(kind) for kind in SHOWN]
    parts = [
        *(atomic.sha256(file) if file.exists() else "" for file in files),
        ct_sha256,
        *map(repr, (source, bool(sources.cts), links, accuracy.of_case(sources.evaluation, name))),
        *(batch.out, batch.key),
        *(rendering.fingerprint(), viewer.load().version, viewer.load().problem),
    ]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def _sha256(source: Case | None) -> str:
    """SHA-256 of a case's CT; empty without, and where it cannot be read, as the page will say."""
    try:
        return layout.sha256(source) if source and source.ct else ""
    except OSError:
        return ""


def _read(out: Path, name: str, sources: Sources) -> CasePage:
    """All that a case's page shows."""
    view = case.read(out, name)
    return CasePage(
        case=view,
        looks=looks.of(out, view, sources.cts),
        accuracy=accuracy.of_case(sources.evaluation, name),
        command=_command(out, name),
    )


def _link(name: str) -> str:
    return quote(os.fsencode(f"{name}.html"), safe="")


def _command(out: Path, name: str) -> str:
    return shlex.join(["versectl", "relabel", str(out), "--case", name])


def _write_text(text: str, path: Path) -> None:
    with replacing(path, ".html") as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")
