"""Commands that look at scans and results; they run no network."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from versectl.batch.selection import Selection
from versectl.cli.options import (
    EXPORTS,
    LIMIT,
    MANIFEST,
    SERIES,
    SHARD,
    SOURCES_OUT,
    VERBOSITY,
    Sources,
    csv_option,
    exports,
)
from versectl.cli.parsing import FILE, InOutCommand, adding, gathered, option
from versectl.text import count, printable

if TYPE_CHECKING:
    from versectl.io.export.formats import Exports

log = logging.getLogger("versectl")


def part(
    series: str | None, manifest: Path | None, shard: tuple[int, int] | None, limit: int | None
) -> Selection:
    """Which cases, for commands that run no network."""
    return Selection(manifest=manifest, shard=shard, limit=limit, series=series)


#: For commands that work on the results of a batch; reaches them as `selection`.
PART = (SERIES, MANIFEST, SHARD, LIMIT, gathered(part, "selection"))


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
        raise click.UsageError(
            "Say what to write: --per-vertebra or --format FORMAT, other than nifti, which is "
            "there always."
        )
    asked = job.Job(out, job.DERIVE, loading.Models(), exports=wanted)
    batch_run.run(sources, asked, selection)


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
    likely wrong, were interrupted, were corrected since their report was written, or have none.
    """
    from versectl.batch import transaction
    from versectl.report import summary

    interrupted = transaction.interrupted(out)
    working = [name for name in transaction.locked(out) if name not in interrupted]
    overview = summary.read(out, working, interrupted)
    click.echo(summary.as_json(overview) if as_json else summary.text(overview))


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@csv_option("File to write. Default: OUT/collected.csv, of vertebrae OUT/collected-vertebrae.csv.")
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

    Warns of cases that were corrected since their report was written, that have none, or whose
    report cannot be read.
    """
    from versectl.batch import transaction
    from versectl.report import summary

    path = csv or out / summary.TABLES[rows]
    overview = summary.of_results(out, transaction.locked(out))
    write = summary.write_cases if rows == "cases" else summary.write_vertebrae
    number = write(overview, path)
    one = {"cases": "case", "vertebrae": "vertebra"}[rows]
    log.info("%s in %s", count(number, one, rows), path)
    for line in summary.outdated(overview):
        log.warning("%s", printable(line))
