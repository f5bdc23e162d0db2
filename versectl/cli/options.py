"""The commands' arguments and options, what they mean, and how a command gets them."""

import functools
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click

from versectl.batch.selection import Selection

log = logging.getLogger("versectl")

FILE = click.Path(path_type=Path)

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


class Settings(NamedTuple):
    """The options that every command has which runs a network."""

    weights: Path | None
    device: str
    precision: str
    overwrite: bool
    gpu_memory_mb: int | None

    def desk(self, out: Path, task: str, **chosen: object) -> object:
        """What batch.run needs for a command's task."""
        from versectl.batch import case as casework
        from versectl.batch import case_run
        from versectl.networks import loading

        held = loading.Models(self.weights, self.device, self.precision, self.gpu_memory_mb)
        return case_run.Desk(out, getattr(casework, task), held, self.overwrite, **chosen)


def option(*names: str, **settings: object) -> Callable:
    """A click option with its environment twin: --weights is VERSECTL_WEIGHTS."""
    long = next(name for name in names if name.startswith("--"))
    variable = "VERSECTL_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


def level(value: int) -> Callable:
    """A callback that tells no more than this log level when its flag is given."""
    return lambda _ctx, _parameter, given: log.setLevel(value) if given else None


def matching(pattern: str, described: str) -> Callable:
    """A callback that refuses a value which is not as described; None stays."""

    def check(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise click.BadParameter(f"{value!r} is not {described}.")
        return value

    return check


#: Of what leads to no other folder.
SLUG = matching(r"[a-z0-9-]+", "made of small letters, digits and dashes")


def slug(name: str, default: str | None, help_text: str) -> Callable:
    """An option that names a socket of a grand challenge."""
    return option(name, default=default, show_default=True, callback=SLUG, help=help_text)


def layout(name: str, help_text: str) -> Callable:
    """An option that names a layout of centroid files."""
    layouts = click.Choice(["subject", "verse19", "verse20"])
    return option(name, type=layouts, default="subject", show_default=True, help=help_text)


def parse_shard(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> object:
    """The pair (i, N) of i/N, counted from 1; None stays."""
    if value is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,8})", value)
    if not match or int(match[1]) > int(match[2]):
        raise click.BadParameter(f"{value!r} is not i/N with i from 1 to N.")
    return int(match[1]), int(match[2])


#: What most commands work on.
IN_OUT = (
    click.argument("source", metavar="IN", type=FILE),
    click.argument("out", metavar="OUT", type=FILE),
)

#: -q and -v, for every command.
TONE = (
    option(
        "--quiet",
        "-q",
        is_flag=True,
        expose_value=False,
        callback=level(logging.WARNING),
        help="Tell of failures only.",
    ),
    option(
        "--verbose",
        "-v",
        is_flag=True,
        expose_value=False,
        callback=level(logging.DEBUG),
        help="Tell of every stage, and the details of failures.",
    ),
)

WEIGHTS = option("--weights", type=FILE, help="Folder of the weights to use, not the default.")

#: For every command that runs a network.
NETWORK = (
    WEIGHTS,
    option(
        "--device",
        default="auto",
        show_default=True,
        callback=matching(r"auto|cpu|gpu(:\d+)?", "auto, cpu, gpu or gpu:N"),
        metavar="auto|cpu|gpu|gpu:N",
        help="Where networks compute.",
    ),
    option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default="auto",
        show_default=True,
        help="Numbers networks compute in; auto takes the fastest the device is good at.",
    ),
    option("--overwrite", is_flag=True, help="Make results anew that are there already."),
    option(
        "--gpu-memory-mb",
        type=click.IntRange(min=256),
        help="Take no more of the GPU's memory; without it as much as is needed.",
    ),
)

#: For every command that works on a batch of cases.
BATCH = (
    option("--manifest", type=FILE, help="CSV of the cases: ct (path, from IN), case (name)."),
    option(
        "--shard", callback=parse_shard, metavar="i/N", help="Every N-th case from the i-th only."
    ),
    option("--limit", type=click.IntRange(min=1), help="No more cases than this."),
    option(
        "--timeout-s",
        type=click.FloatRange(min=0, min_open=True),
        help="Give a case up that takes longer.",
    ),
    option("--scheduler", metavar="ADDRESS", help="Do the cases on this Dask cluster."),
    option(
        "--local-workers",
        type=click.IntRange(min=1),
        help="Do so many cases at a time, each in processes of its own (through Dask).",
    ),
)


#: How evaluate and rank read and count.
COUNTING = (
    option("--gt", type=FILE, required=True, help="Ground truth: a folder, or one file."),
    option(
        "--hd",
        type=click.Choice(["voxel", "surface", "surface95"]),
        default="voxel",
        show_default=True,
        help="Hausdorff distance between voxel sets (as the paper), between "
        "surfaces, or the 95th percentile of the surfaces' distances.",
    ),
    option(
        "--rule",
        type=click.Choice(["paper", "official"]),
        default="paper",
        show_default=True,
        help="When a vertebra counts as identified.",
    ),
    option(
        "--missed-pe",
        type=click.FloatRange(min=0),
        metavar="MM",
        help="Point error of a missing landmark; without it missing ones are left out and counted.",
    ),
    layout("--pred-format", "What predicted centroid files that name no axes are."),
    layout("--gt-format", "The same for the ground truth."),
    option("--jobs", type=click.IntRange(min=1), help="Cases at a time; default: cores, up to 4."),
    option("--json", is_flag=True, help="Print JSON instead of a table."),
)


def adding(*options: Callable) -> Callable:
    """A decorator that adds these arguments and options, in this order."""
    return lambda command: functools.reduce(lambda f, add: add(f), reversed(options), command)


def gathered(kind: type, name: str) -> Callable:
    """A decorator that hands a command the options of a named tuple as one argument."""

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def wrapper(**given: object) -> object:
            gathered = kind(**{field: given.pop(field) for field in kind._fields})
            return command(**given, **{name: gathered})

        return wrapper

    return decorate


def common(command: Callable) -> Callable:
    """Adds IN, OUT and the common options; these reach the command as `settings` and `plan`."""
    collected = gathered(Settings, "settings")(gathered(Selection, "plan")(command))
    return adding(*IN_OUT, *NETWORK, *BATCH, *TONE)(collected)
