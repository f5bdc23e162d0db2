"""Commands that find, name and segment vertebrae."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from versectl.batch.selection import Selection
from versectl.cli.options import (
    EXPORTS,
    LIMIT,
    MANIFEST,
    RUN,
    SERIES,
    SHARD,
    SOURCES_OUT,
    VERBOSITY,
    RunOptions,
    Sources,
    exports,
)
from versectl.cli.parsing import FILE, Command, InOutCommand, adding, gathered, option
from versectl.io.export import Format

if TYPE_CHECKING:
    from versectl.batch.job import Job

#: For every command that works on a batch of cases; reaches it as `selection`.
BATCH = (
    SERIES,
    MANIFEST,
    SHARD,
    LIMIT,
    option(
        "--timeout-s",
        type=click.FloatRange(min=0, min_open=True),
        help="Time limit per case, in seconds.",
    ),
    option("--scheduler", metavar="ADDRESS", help="Run the cases on this Dask cluster."),
    option(
        "--local-workers",
        type=click.IntRange(min=1),
        help="Process this many cases at a time, each in its own processes (uses Dask).",
    ),
    option("--dry-run", is_flag=True, help="List the cases and what would be done with each."),
    gathered(Selection, "selection"),
)


def common(command: Command) -> Command:
    """Adds IN, OUT and the options of every command that runs networks on a batch of cases."""
    return adding(*SOURCES_OUT, *RUN, *BATCH, *VERBOSITY)(command)


@dataclass(frozen=True)
class Beside:
    """What run-all writes beside the results, and whether a flag changes how it ends."""

    preview: bool
    formats: tuple[Format, ...]
    per_vertebra: bool
    vertebrae: tuple[int, ...] | None
    strict: bool

    def asked(self, job: "Job") -> "Job":
        """The same job, with these wishes."""
        extras = frozenset({"preview"} if self.preview else ())
        wanted = exports(self.formats, self.per_vertebra, self.vertebrae)
        return replace(job, extras=extras, exports=wanted, strict=self.strict)


#: For commands that write all results; reaches them as `beside`.
BESIDE = (
    option("--preview", is_flag=True, help="Also write a picture, <case>_preview.png."),
    *EXPORTS,
    option(
        "--strict",
        is_flag=True,
        help="End with code 4 if a flag of severity error says that a result is likely wrong.",
    ),
    gathered(Beside, "beside"),
)


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
