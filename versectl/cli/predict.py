"""Commands that find, name and segment vertebrae, and those that look at the results."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from versectl.batch.selection import Selection
from versectl.cli.options import (
    BESIDE,
    EXPORTS,
    FILE,
    PART,
    RELABEL,
    SERIES,
    SOURCES_OUT,
    VERBOSITY,
    Beside,
    InOutCommand,
    Labels,
    RunOptions,
    adding,
    common,
    exports,
    gathered,
    option,
)
from versectl.errors import printable

if TYPE_CHECKING:
    from versectl.io.export.formats import Exports

log = logging.getLogger("versectl")

#: Files, folders or trees.
Sources = tuple[Path, ...]


@click.command(cls=InOutCommand)
@option("--heatmap", is_flag=True, help="Also write the network's output, as NIfTI.")
@common
def localize_spine(
    sources: Sources, out: Path, heatmap: bool, options: RunOptions, selection: Selection
) -> None:
    """Find the spine: writes <case>_spine.json."""
    from versectl.batch import job
    from versectl.batch import run as batch_run

    extras = frozenset({"heatmap"} if heatmap else ())
    batch_run.run(sources, options.job(out, job.LOCALIZE_SPINE, extras=extras), selection)


@click.command(cls=InOutCommand)
@option("--spine", type=FILE, help="Folder of <case>_spine.json files. Default: OUT.")
@common
def localize_vertebrae(
    sources: Sources,
    out: Path,
    spine: Path | None,
    options: RunOptions,
    selection: Selection,
) -> None:
    """Find and name the vertebrae: writes <case>_ctd.json.

    Reads the <case>_spine.json that localize-spine wrote; you may have corrected it.
    """
    from versectl.batch import job
    from versectl.batch import run as batch_run
    from versectl.io import case_files

    given = case_files.given(spine, "spine")
    batch_run.run(sources, options.job(out, job.LOCALIZE_VERTEBRAE, given), selection)


@click.command(cls=InOutCommand)
@option(
    "--centroids", type=FILE, help="Folder of <case>_ctd.json or .mrk.json files. Default: OUT."
)
@common
def segment(
    sources: Sources,
    out: Path,
    centroids: Path | None,
    options: RunOptions,
    selection: Selection,
) -> None:
    """Segment the named vertebrae: writes <case>_seg.nii.gz.

    Reads the <case>_ctd.json that localize-vertebrae wrote; you may have corrected it, or the
    <case>_ctd.mrk.json in 3D Slicer.
    """
    from versectl.batch import job
    from versectl.batch import run as batch_run
    from versectl.batch.corrections import centroid_files

    given = centroid_files.given(centroids)
    batch_run.run(sources, options.job(out, job.SEGMENT, given), selection)


@click.command(cls=InOutCommand)
@adding(*BESIDE)
@common
def run_all(
    sources: Sources, out: Path, beside: Beside, options: RunOptions, selection: Selection
) -> None:
    """Find, name and segment all vertebrae.

    Writes all results and <case>_report.json. A case is skipped when OUT holds its complete
    results, computed from the same CT with the same weights.
    """
    from versectl.batch import job
    from versectl.batch import run as batch_run

    batch_run.run(sources, beside.asked(options.job(out, job.RUN_ALL)), selection)


@click.command(cls=InOutCommand)
@adding(*SOURCES_OUT, *PART, *VERBOSITY)
def preview(sources: Sources, out: Path, selection: Selection) -> None:
    """Draw the results in OUT over the CT.

    Writes <case>_preview.png: sagittal and coronal planes along the spine, and its bones projected
    from the front, with names, masks, and marks at what is doubtful.
    """
    from versectl.batch import job
    from versectl.batch import run as batch_run
    from versectl.networks import loading

    asked = job.Job(out, job.DERIVE, loading.Models(), extras=frozenset({"preview"}))
    batch_run.run(sources, asked, selection)


@click.command("export", cls=InOutCommand)
@adding(*SOURCES_OUT, *EXPORTS, gathered(exports, "wanted"), *PART, *VERBOSITY)
def export_results(sources: Sources, out: Path, wanted: "Exports", selection: Selection) -> None:
    """Write the results in OUT in other formats.

    IN are the CTs that the results belong to. No network is run again. Use it after a correction of
    masks, or for formats that run-all was not asked for. After a correction of centroids, run
    run-all or segment first.
    """
    from versectl.batch import job
    from versectl.batch import run as batch_run
    from versectl.networks import loading

    if not wanted:
        raise click.UsageError("Say what to write: --format FORMAT or --per-vertebra.")
    asked = job.Job(out, job.DERIVE, loading.Models(), exports=wanted)
    batch_run.run(sources, asked, selection)


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@option(
    "--case",
    "name",
    help="Name of the case: what its files in OUT begin with. Default: the only one.",
)
@adding(*RELABEL, gathered(Labels, "wanted"))
@option("--ct", type=FILE, help="CT of the case, to draw its preview and DICOM SEG again.")
@adding(SERIES, *VERBOSITY)
def relabel(
    out: Path, name: str | None, wanted: Labels, ct: Path | None, series: str | None
) -> None:
    """Correct the labels of a case in OUT.

    Centroids, masks, the report and other formats get the new labels, without a new segmentation.
    run-all keeps them.
    """
    from versectl.batch.corrections import relabel as corrections
    from versectl.io.layout import Case
    from versectl.report import relabelling

    case = Case(name or corrections.only_case(out), ct=ct, series=series)
    done = corrections.relabel(out, case, wanted.change())
    log.info("%s: %s", case.name, relabelling.described(done.change))
    for file in done.removed:
        log.info("  removed, because it showed the former labels: %s", file)
    if done.removed:
        log.info("  versectl preview and versectl export write such files again.")


@click.command()
@click.argument("folder", metavar="IN", type=FILE)
@adding(*VERBOSITY)
def series(folder: Path) -> None:
    """List the DICOM series in a folder, study or zip.

    Says which of them can be read as CT, and why the others cannot.
    """
    from versectl.io.dicom import listing, reading

    lines = listing.text(listing.rows(reading.list_series(folder))).splitlines()
    click.echo("\n".join(map(printable, lines)))


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@adding(*VERBOSITY)
def status(out: Path, as_json: bool) -> None:
    """Show how far the batch in OUT is.

    Counts the cases that are done, failed or being processed, and names those that failed, are
    likely wrong, were interrupted, or were corrected since their report was written.
    """
    from versectl.batch import transaction
    from versectl.report import summary

    interrupted = transaction.interrupted(out)
    working = [name for name in transaction.locked(out) if name not in interrupted]
    overview = summary.read(out, working, interrupted)
    click.echo(summary.as_json(overview) if as_json else summary.text(overview))


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@option("--csv", type=FILE, help="File to write. Default: OUT/collected.csv.")
@option(
    "--rows",
    type=click.Choice(["cases", "vertebrae"]),
    default="cases",
    show_default=True,
    help="One row per case or per vertebra.",
)
@adding(*VERBOSITY)
def collect(out: Path, csv: Path | None, rows: str) -> None:
    """Collect all reports in OUT in one CSV table.

    Warns of cases that were corrected since their report was written.
    """
    from versectl.report import summary

    path = csv or out / "collected.csv"
    overview = summary.of_results(out)
    write = summary.write_cases if rows == "cases" else summary.write_vertebrae
    count = write(overview, path)
    log.info("%d %s in %s", count, rows, path)
    for line in summary.outdated(overview):
        log.warning("%s", printable(line))
