"""Arguments and options that commands share, and how a command receives them: as frozen records."""

import functools
import inspect
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versectl import labels
from versectl.batch.selection import Selection
from versectl.io import export
from versectl.io.export import Format
from versectl.networks import device

if TYPE_CHECKING:
    from versectl.batch.corrections.relabel import Wanted
    from versectl.batch.job import Command as CaseCommand
    from versectl.batch.job import Job
    from versectl.io.export.formats import Exports

log = logging.getLogger("versectl")

FILE = click.Path(path_type=Path)

PRECISIONS = ("auto", *device.PRECISIONS)

ENGINES = ("auto", "tensorflow", "openvino", "jax", "torch")

#: A click command's function, or what click makes of it.
Command = Callable[..., Any]

#: Adds an argument, an option or a record to a command.
Decorator = Callable[[Command], Command]

#: What click calls with an option's value; it returns the value to use.
Callback = Callable[[click.Context, click.Parameter, Any], Any]


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
        command: "CaseCommand",
        given: Mapping[str, Path] | None = None,
        extras: frozenset[str] = frozenset(),
    ) -> "Job":
        """What to do with every case, for batch.run."""
        from versectl.batch.job import Job
        from versectl.networks import loading

        computing = (self.engine, self.device, self.precision, self.gpu_memory_mb)
        models = loading.Models(self.weights, *computing, self.fast)
        job = Job(out, command, models, self.overwrite, given, extras)
        return replace(job, memory_gb=self.memory_gb)


def option(*names: str, **settings: Any) -> Decorator:
    """A click option that can also be set in the environment: --weights is VERSECTL_WEIGHTS."""
    long = next(name for name in names if name.startswith("--"))
    variable = "VERSECTL_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


def adding(*decorators: Decorator) -> Decorator:
    """A decorator that adds these arguments and options, in this order."""
    return lambda command: functools.reduce(lambda f, add: add(f), reversed(decorators), command)


def gathered(kind: Callable[..., object], name: str) -> Decorator:
    """A decorator that hands a command the options of a record as one argument of this name."""
    fields = tuple(inspect.signature(kind).parameters)

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapper(**given: Any) -> Any:
            record = kind(**{field: given.pop(field) for field in fields})
            return command(**given, **{name: record})

        return wrapper

    return decorate


def log_level(value: int) -> Callback:
    """A callback that sets the log level when its flag is given."""
    return lambda _ctx, _parameter, given: log.setLevel(value) if given else None


def matching(pattern: str, described: str) -> Callback:
    """A callback that refuses a value which does not match the pattern; None stays None."""

    def check(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise click.BadParameter(f"{value!r} is not {described}.")
        return value

    return check


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


class InOutCommand(click.Command):
    """A command on IN... OUT that takes -i IN -o OUT as well, as other tools spell it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, those of -i and -o as arguments."""
        return super().parse_args(ctx, as_arguments(args))


def as_arguments(words: Sequence[str]) -> list[str]:
    """The words with the values of -i and -o at their end, as IN... OUT.

    >>> as_arguments(["-i", "a", "--preview", "-o", "out", "-i", "b"])
    ['--preview', 'a', 'b', 'out']
    """
    given: dict[str, list[str]] = {"-i": [], "-o": []}
    rest, left = [], iter(words)
    for word in left:
        if word in given:
            given[word].append(next(left, ""))
        else:
            rest.append(word)
    if not given["-i"] and not given["-o"]:
        return rest
    if not given["-i"] or len(given["-o"]) != 1:
        raise click.UsageError("-i IN and -o OUT go together; give -i for each IN, and -o once.")
    return [*rest, *given["-i"], *given["-o"]]


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
    help="Faster, slightly less exact: smaller boxes for masks, 8-bit numbers with OpenVINO, no "
    "second look at doubtful labels.",
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

MANIFEST = option(
    "--manifest",
    type=FILE,
    help="CSV of the cases. Columns: ct (path, relative to IN); optional: case (name) and series "
    "(DICOM series of this row, before --series).",
)

SHARD = option(
    "--shard", callback=parse_shard, metavar="i/N", help="Process part i of N: every N-th case."
)

LIMIT = option("--limit", type=click.IntRange(min=1), help="Process at most this many cases.")

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


def part(
    series: str | None, manifest: Path | None, shard: tuple[int, int] | None, limit: int | None
) -> Selection:
    """Which cases, for commands that run no network."""
    return Selection(manifest=manifest, shard=shard, limit=limit, series=series)


#: For commands that work on the results of a batch; reaches them as `selection`.
PART = (SERIES, MANIFEST, SHARD, LIMIT, gathered(part, "selection"))


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
    """What to write in other formats."""
    from versectl.io.export.formats import Exports

    return Exports(formats, per_vertebra, vertebrae)


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


def parse_shift(_ctx: click.Context, _parameter: click.Parameter, value: int | None) -> int | None:
    """A shift other than 0; None stays None."""
    if value == 0:
        raise click.BadParameter("a shift by 0 changes nothing.")
    return value


def parse_renames(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """The pairs of labels of L3=L4, ..."""
    pairs = []
    for value in values:
        old, _, new = value.partition("=")
        pairs.append((parse_label(old, value), parse_label(new, value)))
    return tuple(pairs)


def parse_anchor(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, tuple[float, float, float]] | None:
    """The label and the point of L5@x,y,z; None stays None."""
    if value is None:
        return None
    name, _, point = value.partition("@")
    label = parse_label(name, value)
    try:
        x, y, z = map(float, point.split(","))
    except ValueError:
        x = y = z = math.nan
    if not all(map(math.isfinite, (x, y, z))):
        raise click.BadParameter(f"{value!r} has no point; write it as L5@12.5,-30,415.")
    return label, (x, y, z)


def parse_label(name: str, within: str) -> int:
    """A vertebra's label by its name."""
    label = labels.NUMBERS.get(name.strip().upper())
    if label is None:
        raise click.BadParameter(f"{within!r} names no vertebra {name!r}; use C1 to L6 and T13.")
    return label


@dataclass(frozen=True)
class Labels:
    """How the labels of a case are to change: one of three ways."""

    shift: int | None
    renames: tuple[tuple[int, int], ...]
    anchor: tuple[int, tuple[float, float, float]] | None

    def change(self) -> "Wanted":
        """What makes the new labels of the old ones; UsageError unless one way is given."""
        from versectl.report import relabelling

        if (self.shift is not None) + bool(self.renames) + (self.anchor is not None) != 1:
            raise click.UsageError("Give one of --shift, --set and --anchor.")
        if self.shift is not None:
            return functools.partial(relabelling.shifted, by=self.shift)
        if self.anchor is not None:
            return functools.partial(relabelling.anchored, anchor=self.anchor)
        return functools.partial(relabelling.renamed, pairs=self.renames)


#: New labels of a case; reach the command as a record.
RELABEL = (
    option(
        "--shift",
        type=int,
        callback=parse_shift,
        help="Levels to move all labels down: +1 makes L1 L2, -1 makes L1 T12.",
    ),
    option(
        "--set",
        "renames",
        metavar="OLD=NEW",
        multiple=True,
        callback=parse_renames,
        help="New label for one vertebra, such as L3=L4; may be given several times.",
    ),
    option(
        "--anchor",
        metavar="LABEL@X,Y,Z",
        callback=parse_anchor,
        help="Label of the vertebra at a point (LPS, mm), such as L5@12,-30,415; the others are "
        "counted from it.",
    ),
)


def common(command: Command) -> Command:
    """Adds IN, OUT and the options of every command that runs networks on a batch of cases."""
    return adding(*SOURCES_OUT, *RUN, *BATCH, *VERBOSITY)(command)
