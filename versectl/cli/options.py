"""Arguments and options that several commands share."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from versectl import labels
from versectl.cli.parsing import FILE, Callback, Decorator, gathered, matching, option
from versectl.io import export
from versectl.io.export import Format
from versectl.networks import device

if TYPE_CHECKING:
    from versectl.batch.job import Command, Job
    from versectl.io.export.formats import Exports

log = logging.getLogger("versectl")

#: Files, folders or trees.
Sources = tuple[Path, ...]

PRECISIONS = ("auto", *device.PRECISIONS)

ENGINES = ("auto", "tensorflow", "openvino", "jax", "torch")


@dataclass(frozen=True)
class RunOptions:
    """Options of every command that runs networks: which, where, and whether to recompute."""

    weights: Path | None
    engine: str | None
    device: str
    precision: str
    overwrite: bool
    gpu_memory_mb: int | None
    fast: bool
    memory_gb: float | None

    def job(
        self,
        out: Path,
        command: "Command",
        given: Mapping[str, Path] | None = None,
        extras: frozenset[str] = frozenset(),
    ) -> "Job":
        """What to do with every case, for batch.run."""
        from versectl.batch.job import Job
        from versectl.networks import loading

        computing = (self.engine, self.device, self.precision, self.gpu_memory_mb)
        models = loading.Models(self.weights, *computing, self.fast)
        return Job(
            out=out,
            command=command,
            models=models,
            overwrite=self.overwrite,
            given=given,
            extras=extras,
            memory_gb=self.memory_gb,
        )


def log_level(value: int) -> Callback:
    """A callback that sets the log level when its flag is given."""
    return lambda _ctx, _parameter, given: log.setLevel(value) if given else None


def parse_shard(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """The pair (i, N) of i/N, counted from 1; None stays None."""
    if value is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,8})", value)
    if not match or int(match[1]) > int(match[2]):
        raise click.BadParameter(f"{value!r} is not i/N with i from 1 to N.")
    return int(match[1]), int(match[2])


#: What most commands work on: files, folders or trees, and the folder for results.
SOURCES_OUT = (
    click.argument("sources", metavar="IN...", type=FILE, nargs=-1, required=True),
    click.argument("out", metavar="OUT", type=FILE),
)

#: -q and -v, for every command.
VERBOSITY = (
    option(
        "--quiet",
        "-q",
        is_flag=True,
        expose_value=False,
        callback=log_level(logging.WARNING),
        help="Show failures only.",
    ),
    option(
        "--verbose",
        "-v",
        is_flag=True,
        expose_value=False,
        callback=log_level(logging.DEBUG),
        help="Show each stage as it starts, and the details of failures.",
    ),
)

WEIGHTS = option("--weights", type=FILE, help="Folder of weights to use instead of the default.")

ENGINE = option(
    "--engine",
    type=click.Choice(ENGINES),
    help="Library that computes the networks; auto takes the fastest that is installed. "
    "Default: TensorFlow if it is installed, otherwise as auto.",
)

DEVICE = option(
    "--device",
    default="auto",
    show_default=True,
    callback=matching(device.DEVICES.pattern, "auto, cpu, gpu or gpu:N"),
    metavar="auto|cpu|gpu|gpu:N",
    help="Where the networks run; auto takes a GPU if there is one.",
)

PRECISION = option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="Number format the networks compute in; auto takes the fastest that is exact enough.",
)

GPU_MEMORY = option(
    "--gpu-memory-mb",
    type=click.IntRange(min=256),
    help="Upper limit of GPU memory, in MB. Without it, memory grows as needed.",
)

MEMORY = option(
    "--memory-gb",
    type=click.FloatRange(min=0, min_open=True),
    help="Upper limit of memory per case, in GB, planned from the CT's header: networks are run in "
    "parts, scans that are too large are refused before any work.",
)

OVERWRITE = option(
    "--overwrite", is_flag=True, help="Recompute existing results instead of keeping them."
)

FAST = option(
    "--fast",
    is_flag=True,
    help="Faster, slightly less exact: smaller network inputs for masks, int8 with OpenVINO, "
    "no second pass for doubtful labels.",
)

#: For every command that runs networks on scans; reaches it as `options`.
RUN = (
    WEIGHTS,
    ENGINE,
    DEVICE,
    PRECISION,
    FAST,
    OVERWRITE,
    GPU_MEMORY,
    MEMORY,
    gathered(RunOptions, "options"),
)

SERIES = option("--series", metavar="UID|NUMBER", help="DICOM series to read; see versectl series.")


def parse_table(_ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """The table to write; what is there is replaced, so that only the name of a table will do."""
    if path is not None and path.is_dir():
        raise click.BadParameter(f"{path} is a folder; give the name of a file.")
    if path is not None and path.suffix.lower() not in (".csv", ".tsv"):
        raise click.BadParameter(f"{path} is no table; give a name that ends in .csv or .tsv.")
    return path


def csv_option(help_text: str) -> Decorator:
    """The option that names a table to write."""
    return option("--csv", type=FILE, callback=parse_table, help=help_text)


MANIFEST = option(
    "--manifest",
    type=FILE,
    help="CSV of the cases. Columns: ct (path, relative to IN); optional: case (name) and series "
    "(DICOM series of this row, before --series).",
)

SHARD = option(
    "--shard", callback=parse_shard, metavar="i/N", help="Process part i of N: every N-th case."
)

LIMIT = option(
    "--limit",
    type=click.IntRange(min=1),
    help="Process at most this many cases; finished ones do not count, failed ones come last.",
)


def parse_vertebrae(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """The labels of a range as T10-L5; None stays None."""
    try:
        return None if value is None else labels.span(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def exports(
    formats: tuple[Format, ...], per_vertebra: bool, vertebrae: tuple[int, ...] | None
) -> "Exports":
    """What to write in other formats; UsageError where one wish would be passed over."""
    from versectl.io.export.formats import SEG_KINDS, Exports

    kinds = [name for name in SEG_KINDS if name in formats]
    if kinds[1:]:
        raise click.UsageError(f"--format {' and '.join(kinds)} have the same file; choose one.")
    wanted = Exports(formats, per_vertebra, vertebrae)
    if vertebrae is not None and not wanted:
        raise click.UsageError(
            "--vertebrae is for --format and --per-vertebra; give one of them. All vertebrae are "
            "found and segmented."
        )
    return wanted


#: Other formats.
EXPORTS = (
    option(
        "--format",
        "formats",
        type=click.Choice(export.NAMES),
        multiple=True,
        help="Also write the results in this format; may be given several times.",
    ),
    option(
        "--per-vertebra",
        is_flag=True,
        help="Also write masks of each vertebra and of its body alone, as NIfTI.",
    ),
    option(
        "--vertebrae",
        metavar="FROM-TO",
        callback=parse_vertebrae,
        help="Vertebrae that --format and --per-vertebra write, such as T10-L5. Default: all.",
    ),
)
