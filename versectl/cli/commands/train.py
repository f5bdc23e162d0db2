"""Commands that make synthetic CT, train networks and cross-validate them."""

import logging
from pathlib import Path

import click

from versectl import config
from versectl.cli.options import DEVICE, PRECISION, VERBOSITY
from versectl.cli.parsing import FILE, Decorator, adding, gathered, option
from versectl.config import CrossValidationOptions, TrainingOptions

log = logging.getLogger("versectl")

#: For every command that trains.
TRAINING = (
    option("--steps", type=click.IntRange(1), help="Training steps. Default: the preset's."),
    option(
        "--workers",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Processes that prepare samples.",
    ),
    option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed."),
)


def preset(default: str) -> Decorator:
    """The option that names a preset."""
    return option(
        "--preset",
        type=click.Choice(tuple(config.PRESETS)),
        default=default,
        show_default=True,
        help="Networks, losses and learning rates.",
    )


@click.command()
@click.argument("out", metavar="OUT", type=FILE)
@option("--count", type=click.IntRange(1), default=1, show_default=True, help="Number of cases.")
@option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed; the same seed gives the same CT.",
)
@option("--labels", type=FILE, help="Folder of label maps to draw. Default: parametric bodies.")
@adding(*VERBOSITY)
def synth(out: Path, count: int, seed: int, labels: Path | None) -> None:
    """Make synthetic CT with label maps and centroids.

    Writes the VerSe layout. Draws parametric bodies, or any folder of label maps: with VerSe's
    numbers, or with a JSON file of names beside each ({"20": "vertebrae_L1", "81": "rib_left_10"}).
    What is wrong in a map is left out by an entry "exclude" of that file ({"exclude":
    ["vertebrae_T4"]}).
    """
    from versectl.synth import dataset

    for number, name in enumerate(dataset.write(out, count, seed, labels), 1):
        log.info("[%d/%d] %s", number, count, name)


@click.command()
@click.argument("stage", type=click.Choice(config.STAGES))
@option("--out", type=FILE, required=True, help="Folder for weights, checkpoint, log and bodies.")
@option("--data", type=FILE, help="Folder in VerSe layout. Default: synthetic CT, made on the fly.")
@option("--labels", type=FILE, help="Folder of label maps to make synthetic CT from as well.")
@option(
    "--bodies",
    type=click.IntRange(0),
    default=32,
    show_default=True,
    help="Number of synthetic bodies of each kind.",
)
@option("--batch", type=click.IntRange(1), help="Samples per step. Default: the preset's.")
@option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate. Default: preset's.")
@option("--from", "start", type=FILE, help="Folder of weights to fine-tune. Default: random ones.")
@option("--resume", is_flag=True, help="Continue from the checkpoint in --out.")
@preset("default")
@adding(*TRAINING, DEVICE, PRECISION, *VERBOSITY)
@gathered(TrainingOptions, "options")
def train(stage: config.Stage, device: str, precision: str, options: TrainingOptions) -> None:
    """Train the network of one stage.

    Trains on labelled CT (--data) or on synthetic CT. Writes <stage>.weights.h5 and <stage>.json
    (for --weights), <stage>.log.csv and a checkpoint. With --from the network of these weights is
    trained further; choose --steps and a low --rate.
    """
    from versectl.networks.engines import choice

    engine = choice.prepare(choice.for_training(), device, precision).engine
    from versectl.training import run as training_run

    training_run.run(stage, options, engine, log.info)


@click.command()
@option("--data", type=FILE, required=True, help="Folder in VerSe layout with masks and centroids.")
@option("--folds", type=FILE, required=True, help='JSON with case names: [["a", "b"], ["c", "d"]].')
@option("--out", type=FILE, required=True, help="Folder for weights, results and tables.")
@option("--fold", type=click.IntRange(0), help="Run only this fold, counted from 0.")
@preset("paper")
@adding(*TRAINING, DEVICE, PRECISION, *VERBOSITY)
@gathered(CrossValidationOptions, "options")
def cross_validate(device: str, precision: str, options: CrossValidationOptions) -> None:
    """Train and test on every fold of a data set.

    Prints the paper's Table 1 with ours beside it. Each stage is tested from the ground truth of
    the stage before, as in the paper, and end to end. An interrupted run continues where it
    stopped.
    """
    from versectl.networks.engines import choice

    precision = choice.prepare(choice.for_training(), device, precision).engine.precision
    from versectl.training import cross_validation

    cross_validation.run(options, precision, log.info)
    _show_folds(options)


def _show_folds(options: CrossValidationOptions) -> None:
    """Both tables of a cross-validation, over all folds tested so far."""
    from versectl.evaluation import Options, report, table
    from versectl.io import layout
    from versectl.training import cross_validation

    # Never centres of masks: those masks were made from the true centres.
    scoring = Options(points="files", count_missing_cases=True)
    tested = len(layout.find(options.truth))
    errors_mm = cross_validation.spine_errors_mm(options)
    click.echo(cross_validation.spine_line(errors_mm, tested))
    for folder in (options.from_truth, options.end_to_end):
        click.echo(f"\n{folder.name.replace('_', ' ')}: pooled over vertebrae, beside Table 1")
        if folder.is_dir():
            found = report.evaluate(folder, options.truth, scoring)
            table.write_csv(found, options.out / f"{folder.name}.csv")
            click.echo(table.table_one(found))
            for line in table.failures(found):
                log.warning(line)
