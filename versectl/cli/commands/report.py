"""Commands that show results in a browser."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versectl.cli.options import SERIES, VERBOSITY
from versectl.cli.parsing import FILE, adding, gathered, option

if TYPE_CHECKING:
    from versectl.io.layout import Case

log = logging.getLogger("versectl")


@dataclass(frozen=True)
class Given:
    """The CTs that are given, and how: as those of run-all."""

    cts: tuple[Path, ...]
    manifest: Path | None
    series: str | None


CT = option(
    "--ct",
    "cts",
    type=FILE,
    multiple=True,
    help="CTs of the results: a file, folder or tree; may be given several times. Without it, the "
    "viewer shows the masks alone.",
)


MANIFEST = option(
    "--manifest",
    type=FILE,
    help="The CSV that run-all was given; --ct is the folder that its paths start from.",
)


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@option("--gt", type=FILE, help="Ground truth, a folder or one file: adds the evaluation.")
@option(
    "--overwrite", is_flag=True, help="Write all pages again, also those that would not change."
)
@adding(CT, MANIFEST, SERIES, gathered(Given, "given"), *VERBOSITY)
def report(out: Path, gt: Path | None, overwrite: bool, given: Given) -> None:
    """Write OUT/report.html, to look through a batch.

    It shows all cases at a glance, and each case in a viewer. The pages need no network. In them
    you look at masks and labels, judge cases (keys p, f, u) and correct labels. --ct takes what
    run-all takes as IN, with the same --manifest and --series; CTs beside the ground truth (--gt)
    are found without it.
    """
    from tqdm import tqdm

    from versectl.io import stderr
    from versectl.report.page import writing

    found = {**({} if gt is None else _beside(gt)), **_found(out, given)}
    sources = writing.Sources(found, None if gt is None else _evaluation(out, gt), overwrite)
    is_shown = stderr.is_terminal() and log.isEnabledFor(logging.INFO)
    with tqdm(unit="page", leave=False, disable=not is_shown) as bar:
        path = writing.write(out, sources, bar)
    log.info("Open %s", path)


@click.command()
@click.argument("case", metavar="CASE", type=FILE)
@option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@adding(CT, MANIFEST, SERIES, gathered(Given, "given"), *VERBOSITY)
def view(case: Path, no_browser: bool, given: Given) -> None:
    """Open the report page of one case in the browser.

    CASE is OUT/<case>, or one of its files: results/scan or results/scan_seg.nii.gz. The page comes
    from this computer (127.0.0.1), is not written, and is there until Ctrl-C.
    """
    from versectl.report.page import serving, writing

    out, name = writing.find_case(case)
    found = _found(out, given)
    if len(found) == 1:
        found = {name: next(iter(found.values()))}  # whatever the file is called
    html = writing.page(out, name, writing.Sources(found))
    serving.serve(html, lambda address: _show(address, no_browser))


def _show(address: str, no_browser: bool) -> None:
    click.echo(f"{address}   (Ctrl-C ends)")
    if not no_browser and click.launch(address):
        log.warning("No browser could be opened; open the address yourself.")


def _found(out: Path, given: Given) -> "dict[str, Case]":
    """Case name -> CT, as run-all finds them."""
    from versectl.batch import run
    from versectl.batch.selection import Selection

    if given.manifest is not None and len(given.cts) != 1:
        raise click.UsageError("--manifest goes with one --ct, the folder its paths start from.")
    wanted = Selection(manifest=given.manifest, series=given.series)
    return {case.name: case for case in run.chosen(given.cts, out, wanted)} if given.cts else {}


def _beside(gt: Path) -> "dict[str, Case]":
    """CTs that lie with the ground truth."""
    from versectl.io import layout

    return {name: case for name, case in layout.find(gt, ("ct",)).items()}


def _evaluation(out: Path, gt: Path) -> dict[str, Any]:
    """The comparison with the ground truth, as versectl evaluate --json prints it."""
    from versectl.evaluation import report as evaluation

    return evaluation.to_json(evaluation.evaluate(out, gt))
