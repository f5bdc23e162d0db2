"""The commands: parse, call, write. Everything heavy is imported where it is used."""

import functools
import logging
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click

from versectl import __version__
from versectl.errors import explain

log = logging.getLogger("versectl")

FILE = click.Path(path_type=Path)

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


class Main(click.Group):
    """Shows every failure as one line and ends with its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; the only place that turns exceptions into exit codes."""
        signal.signal(signal.SIGTERM, _terminated)
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            click.echo("Interrupted; what was finished stays, nothing is half-written.", err=True)
            ctx.exit(128 + signal.SIGINT)
        except Exception as error:
            told = explain(error)
            log.debug("Details", exc_info=True)
            click.echo(f"Error: {told}", err=True)
            ctx.exit(told.exit_code)


class Echo(logging.Handler):
    """Log lines for people: news to stdout, trouble to stderr, both clear of the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        write = sys.modules["tqdm"].tqdm.write if "tqdm" in sys.modules else click.echo
        write(self.format(record), sys.stderr if record.levelno > logging.INFO else sys.stdout)


class Settings(NamedTuple):
    """The options that every command has which runs a network."""

    weights: Path | None
    device: str
    precision: str
    overwrite: bool

    def models(self) -> Callable:
        """Stage -> its model, loaded when first asked for."""

        @functools.cache
        def load(stage: str) -> object:
            from versectl import device

            precision = device.prepare(self.device, self.precision)  # before TensorFlow loads
            from versectl import weights

            return weights.load(self.weights, stage, precision)

        return load


def option(*names: str, **settings: object) -> Callable:
    """A click option with its environment twin: --weights is VERSECTL_WEIGHTS."""
    long = next(name for name in names if name.startswith("--"))
    variable = "VERSECTL_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


def level(value: int) -> Callable:
    """A callback that tells no more than this log level when its flag is given."""
    return lambda _ctx, _parameter, given: log.setLevel(value) if given else None


def check_device(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The value, if it is a device's name."""
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", value):
        raise click.BadParameter(f"{value!r} is not auto, cpu, gpu or gpu:N.")
    return value


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

#: For every command that runs a network.
NETWORK = (
    option("--weights", type=FILE, help="Folder of the weights to use instead of the default."),
    option(
        "--device",
        default="auto",
        show_default=True,
        callback=check_device,
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
)


def adding(*options: Callable) -> Callable:
    """A decorator that adds these arguments and options, in this order."""
    return lambda command: functools.reduce(lambda f, add: add(f), reversed(options), command)


def common(command: Callable) -> Callable:
    """Adds IN, OUT and the common options; these reach the command as `settings`."""

    @functools.wraps(command)
    def wrapper(**given: object) -> object:
        settings = Settings(**{name: given.pop(name) for name in Settings._fields})
        return command(settings=settings, **given)

    return adding(*IN_OUT, *NETWORK, *TONE)(wrapper)


@click.group(
    cls=Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="versectl")
def main() -> None:
    """Find, name and segment every vertebra in a CT.

    IN is one CT (NIfTI, NRRD or MetaImage), a folder of them, or a VerSe/BIDS tree. Results go
    flat into the folder OUT, named <case>_..., where <case> is the file's name without its ending
    and without a final _ct. What is there already is kept. Every option has a twin in the
    environment: --device is VERSECTL_DEVICE.

    \b
    Exit codes: 0 done; 1 internal error; 2 usage; 3 bad input; 4 some cases of a batch failed,
    the rest is done; 5 out of memory; 6 weights missing or damaged.
    """
    log.handlers = [Echo()]
    log.setLevel(logging.INFO)


@main.command()
@common
@option("--heatmap", is_flag=True, help="Also write the network's answer, a NIfTI.")
def localize_spine(source: Path, out: Path, heatmap: bool, settings: Settings) -> None:
    """Find the spine: writes <case>_spine.json."""
    from versectl import batch, casework

    extras = frozenset({"heatmap"} if heatmap else ())
    desk = casework.Desk(out, settings.models(), settings.overwrite, extras=extras)
    batch.run(source, casework.localize_spine, desk)


@main.command()
@common
@option("--spine", type=FILE, help="Folder of <case>_spine.json files; OUT if not given.")
def localize_vertebrae(source: Path, out: Path, spine: Path | None, settings: Settings) -> None:
    """Find and name the vertebrae: writes <case>_ctd.json.

    Reads the <case>_spine.json that localize-spine wrote and you may have corrected.
    """
    from versectl import batch, casework, results

    given = results.given(spine, "spine")
    desk = casework.Desk(out, settings.models(), settings.overwrite, given)
    batch.run(source, casework.localize_vertebrae, desk)


@main.command()
@common
@option("--centroids", type=FILE, help="Folder of <case>_ctd.json files; OUT if not given.")
def segment(source: Path, out: Path, centroids: Path | None, settings: Settings) -> None:
    """Segment the named vertebrae: writes <case>_seg.nii.gz.

    Reads the <case>_ctd.json that localize-vertebrae wrote and you may have corrected.
    """
    from versectl import batch, casework, results

    given = results.given(centroids, "centroids")
    desk = casework.Desk(out, settings.models(), settings.overwrite, given)
    batch.run(source, casework.segment, desk)


@main.command()
@common
@option("--preview", is_flag=True, help="Also write a picture, <case>_preview.png.")
def run_all(source: Path, out: Path, preview: bool, settings: Settings) -> None:
    """Find, name and segment: all results and <case>_report.json."""
    from versectl import batch, casework

    extras = frozenset({"preview"} if preview else ())
    desk = casework.Desk(out, settings.models(), settings.overwrite, extras=extras)
    batch.run(source, casework.run_all, desk)


@main.command()
@adding(*IN_OUT, *TONE)
def preview(source: Path, out: Path) -> None:
    """Draw the results in OUT over the CT: writes <case>_preview.png.

    Shows the sagittal and the coronal view along the spine, with masks, centres and names.
    """
    from versectl import batch, casework

    batch.run(source, casework.draw, casework.Desk(out))


# Further commands go here: train, synth, evaluate, rank.


def _terminated(_signal: int, _frame: object) -> None:
    """Leave through every `finally`, so that nothing half-written stays."""
    sys.exit(128 + signal.SIGTERM)
