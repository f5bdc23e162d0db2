"""The commands: parse, call, write. Everything heavy is imported where it is used."""

import json
import logging
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from versectl import __version__, config
from versectl.batch.selection import Selection
from versectl.cli.options import (
    BATCH,
    COUNTING,
    FILE,
    IN_OUT,
    NETWORK,
    TONE,
    WEIGHTS,
    Settings,
    adding,
    common,
    gathered,
    option,
    slug,
)
from versectl.errors import explain, printable

log = logging.getLogger("versectl")


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
            click.echo(f"Error: {printable(str(told))}", err=True)
            ctx.exit(told.exit_code)


class Echo(logging.Handler):
    """Log lines for people: news to stdout, trouble to stderr, both clear of the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        write = sys.modules["tqdm"].tqdm.write if "tqdm" in sys.modules else click.echo
        shown = "\n".join(map(printable, self.format(record).splitlines()))
        write(shown, sys.stderr if record.levelno > logging.INFO else sys.stdout)


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
def localize_spine(
    source: Path, out: Path, heatmap: bool, settings: Settings, plan: Selection
) -> None:
    """Find the spine: writes <case>_spine.json."""
    from versectl.batch import run as batch_run

    extras = frozenset({"heatmap"} if heatmap else ())
    batch_run.run(source, settings.desk(out, "LOCALIZE_SPINE", extras=extras), plan)


@main.command()
@common
@option("--spine", type=FILE, help="Folder of <case>_spine.json files; OUT if not given.")
def localize_vertebrae(
    source: Path, out: Path, spine: Path | None, settings: Settings, plan: Selection
) -> None:
    """Find and name the vertebrae: writes <case>_ctd.json.

    Reads the <case>_spine.json that localize-spine wrote and you may have corrected.
    """
    from versectl.batch import run as batch_run
    from versectl.io import case_files

    given = case_files.given(spine, "spine")
    batch_run.run(source, settings.desk(out, "LOCALIZE_VERTEBRAE", given=given), plan)


@main.command()
@common
@option("--centroids", type=FILE, help="Folder of <case>_ctd.json files; OUT if not given.")
def segment(
    source: Path, out: Path, centroids: Path | None, settings: Settings, plan: Selection
) -> None:
    """Segment the named vertebrae: writes <case>_seg.nii.gz.

    Reads the <case>_ctd.json that localize-vertebrae wrote and you may have corrected.
    """
    from versectl.batch import run as batch_run
    from versectl.io import case_files

    given = case_files.given(centroids, "centroids")
    batch_run.run(source, settings.desk(out, "SEGMENT", given=given), plan)


@main.command()
@common
@option("--preview", is_flag=True, help="Also write a picture, <case>_preview.png.")
def run_all(source: Path, out: Path, preview: bool, settings: Settings, plan: Selection) -> None:
    """Find, name and segment: all results and <case>_report.json.

    What OUT has whole already, from the same CT and by the same weights, is not done again.
    """
    from versectl.batch import run as batch_run

    extras = frozenset({"preview"} if preview else ())
    batch_run.run(source, settings.desk(out, "RUN_ALL", extras=extras), plan)


@main.command()
@adding(*IN_OUT, *BATCH[:3], *TONE)
def preview(source: Path, out: Path, **chosen: object) -> None:
    """Draw the results in OUT over the CT: writes <case>_preview.png.

    Shows the sagittal and the coronal view along the spine, with masks, centres and names.
    """
    from versectl.batch import case as casework
    from versectl.batch import case_run
    from versectl.batch import run as batch_run

    batch_run.run(source, case_run.Desk(out, casework.DRAW), Selection(**chosen))


@main.command()
@click.argument("out", metavar="OUT", type=FILE)
@adding(*TONE)
@option("--json", is_flag=True, help="Print JSON instead of lines.")
def status(out: Path, json: bool) -> None:
    """Tell how far the batch in OUT is: done, failed, being worked on."""
    from versectl.batch import summary

    click.echo(summary.text(summary.read(out), as_json=json))


@main.command()
@click.argument("out", metavar="OUT", type=FILE)
@adding(*TONE)
@option("--csv", type=FILE, help="The file to write; OUT/collected.csv if not given.")
@option(
    "--rows",
    type=click.Choice(["cases", "vertebrae"]),
    default="cases",
    show_default=True,
    help="What each line is about.",
)
def collect(out: Path, csv: Path | None, rows: str) -> None:
    """Gather all reports in OUT into one CSV."""
    from versectl.batch import summary

    path = csv or out / "collected.csv"
    count = summary.write_csv(summary.read(out), rows, path)
    log.info("%d %s in %s", count, rows, path)


@main.command()
@adding(*IN_OUT, *NETWORK, *TONE)
@option(
    "--layout",
    type=click.Choice(["verse2019", "verse2020"]),
    required=True,
    help="IN/<id>.nii.gz, or IN/<subject>/<id>.nii.gz.",
)
@gathered(Settings, "settings")
def challenge(source: Path, out: Path, layout: str, settings: Settings) -> None:
    """Do a VerSe challenge's hidden test: writes <id>_seg.nii.gz and <id>_ctd.json.

    The centroids are in the challenge's own axes and millimetres.
    """
    from versectl.challenges import verse

    desk = settings.desk(verse.workplace(out), "RUN_ALL")
    verse.run(source, out, verse.LAYOUTS[layout], desk)


@main.command()
@adding(*NETWORK, *TONE)
@option("--input", type=FILE, default=Path("/input"), show_default=True)
@option("--output", type=FILE, default=Path("/output"), show_default=True)
@slug("--ct", None, "Socket of the CT; any image if not given.")
@slug("--segmentation", "vertebrae", "Socket of the label map.")
@slug("--centroids", "vertebral-bodies", "Socket of the centroids.")
@slug("--report", "versectl-report", "Socket of the report.")
@option("--host", default="0.0.0.0", show_default=True)
@option("--port", type=click.IntRange(1, 65535), default=4743, show_default=True)
@gathered(Settings, "settings")
def serve_challenge(settings: Settings, host: str, port: int, **sockets: object) -> None:
    """Answer grand-verse.org: GET /health, POST /invoke; from --input to --output."""
    from versectl.challenges import grand_challenge

    desk = settings.desk(Path(), "RUN_ALL")
    grand_challenge.serve(grand_challenge.Sockets(**sockets), desk, host, port)


@main.command()
@click.argument("out", metavar="OUT", type=FILE)
@adding(*TONE)
@option("--count", type=click.IntRange(1), default=1, show_default=True, help="Number of cases.")
@option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same CT.")
@option("--labels", type=FILE, help="Folder of label maps to make CT from; else bodies are made.")
def synth(out: Path, count: int, seed: int, labels: Path | None) -> None:
    """Make synthetic CT with label map and centroids, in VerSe layout.

    Bodies are parametric, or come from any folder of label maps: VerSe's numbers, or named by a
    JSON beside each ({"20": "vertebrae_L1", "81": "rib_left_10"}).
    """
    from versectl.synth import dataset

    for number, name in enumerate(dataset.write(out, count, seed, labels), 1):
        log.info("[%d/%d] %s", number, count, name)


@main.command()
@click.argument("stage", type=click.Choice(config.STAGES))
@adding(*TONE, *NETWORK[1:3])
@option("--out", type=FILE, required=True, help="Folder for weights, checkpoint, log, bodies.")
@option("--data", type=FILE, help="Folder in VerSe layout; else synthetic CT is made on the fly.")
@option("--labels", type=FILE, help="Folder of label maps to make synthetic CT from, too.")
@option(
    "--bodies", type=click.IntRange(0), default=32, show_default=True, help="Bodies of each kind."
)
@option("--preset", type=click.Choice(tuple(config.PRESETS)), default="default", show_default=True)
@option("--steps", type=click.IntRange(1), help="Train for so long instead of the preset's steps.")
@option("--batch", type=click.IntRange(1), help="Samples in a step, instead of the preset's.")
@option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Make samples.")
@option("--seed", type=click.IntRange(0), default=0, show_default=True)
@option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")
def train(stage: str, device: str, precision: str, **chosen: object) -> None:
    """Train the network of a stage on labelled CT, or on synthetic CT.

    Writes <stage>.weights.h5 and <stage>.json (for --weights), <stage>.log.csv, and a checkpoint.
    """
    from versectl.networks import device as machine

    precision = machine.prepare(device, precision)  # before TensorFlow loads
    from versectl.training import run as training_run

    training_run.run(stage, training_run.Choice(**chosen), precision, log.info)


@main.group()
def weights() -> None:
    """Show, check and import the networks' weights.

    \b
    Each command takes --weights DIR; without it, it is about the weights that come with versectl.
    """


@weights.command("path")
@adding(WEIGHTS)
def weights_path(weights: Path | None) -> None:
    """Print the folder the weights are in."""
    from versectl.networks import device

    device.prepare("cpu", "float32")
    from versectl.networks import weights as store

    click.echo(weights or store.default_folder())


@weights.command("list")
@adding(WEIGHTS)
def weights_list(weights: Path | None) -> None:
    """Print stage, network, protocol, size and SHA-256 of all weights, which are checked."""
    from versectl.networks import device

    device.prepare("cpu", "float32")
    from versectl.networks import weights as store

    click.echo("\n".join(store.summary(weights)))


@weights.command("verify")
@adding(WEIGHTS)
def weights_verify(weights: Path | None) -> None:
    """Load every network: exit code 6 when a file is missing, damaged or does not fit."""
    from versectl.networks import device

    device.prepare("cpu", "float32")
    from versectl.networks import weights as store

    for stage in config.STAGES:
        store.load_network(weights, stage)
        click.echo(f"{stage}: whole")


@weights.command("import")
@click.argument("folder", metavar="FOLDER", type=FILE)
@option("--out", type=FILE, required=True, help="Folder for the weights, for --weights.")
def weights_import(folder: Path, out: Path) -> None:
    """Make weights of the TensorFlow checkpoints that the paper's authors released.

    FOLDER and folders below hold NAME.index and NAME.data-00000-of-00001 for each stage.
    """
    from versectl.networks import device

    device.prepare("cpu", "float32")
    from versectl.networks import checkpoints

    for stage, release in checkpoints.import_folder(folder, out).items():
        click.echo(f"{stage}: {release}")


@main.command()
@adding(*TONE, *NETWORK[1:3])
@option("--data", type=FILE, required=True, help="Folder in a VerSe layout, masks and centroids.")
@option("--folds", type=FILE, required=True, help='JSON: [["a", "b"], ["c", "d"]], case names.')
@option("--out", type=FILE, required=True, help="Folder for weights, results and tables.")
@option("--fold", type=click.IntRange(0), help="Do this one only, counted from 0.")
@option("--preset", type=click.Choice(tuple(config.PRESETS)), default="paper", show_default=True)
@option("--steps", type=click.IntRange(1), help="Train for so long instead of the preset's steps.")
@option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Make samples.")
@option("--seed", type=click.IntRange(0), default=0, show_default=True)
def cross_validate(device: str, precision: str, **chosen: object) -> None:
    """Train and test on every fold; prints the paper's Table 1 with ours beside it.

    Each stage from the truth of the stage before, as in the paper, and end to end. Goes on where
    it was interrupted.
    """
    from versectl.networks import device as machine

    precision = machine.prepare(device, precision)  # before TensorFlow loads
    from versectl.training import cross_validation

    plan = cross_validation.Plan(**chosen)
    cross_validation.run(plan, precision, log.info)
    _tell_folds(plan)


@main.command()
@option("--pred", type=FILE, required=True, help="Predictions: a folder, or one file.")
@adding(*COUNTING, *TONE)
@option("--count-missing", is_flag=True, help="Count cases without a prediction as empty ones.")
@option("--csv", type=FILE, help="Write a line per case and vertebra.")
@option("--compare", type=click.Choice(["published"]), help="Print the paper's tables beside ours.")
@option("--fail-below", metavar="LIST", help="Exit code 4 below these, as in ID=0.9,DSC=0.85.")
def evaluate(pred: Path, gt: Path, **asked: object) -> None:
    """Compare predictions with the ground truth: ID rate, point error, Dice, Hausdorff distance.

    Exit code 4: a case could not be compared, or a figure is below --fail-below.
    """
    from versectl.evaluation import report, table

    thresholds = report.parse_thresholds(asked["fail_below"]) if asked["fail_below"] else {}
    found = report.evaluate(pred, gt, _counting(asked))
    if asked["csv"]:
        table.write_csv(found, asked["csv"])
    if asked["json"]:
        click.echo(json.dumps(report.to_json(found), indent=1))
    else:
        click.echo(table.text(found, beside_published=asked["compare"] == "published"), nl=False)
    report.check(found, thresholds)


@main.command()
@click.argument("teams", nargs=-1, required=True, type=FILE)
@adding(*COUNTING, *TONE)
def rank(teams: tuple[Path, ...], gt: Path, **asked: object) -> None:
    """Rank several teams' folders by paired Wilcoxon tests over the scans."""
    from versectl.evaluation import ranking

    found = ranking.rank(gt, teams, _counting(asked))
    shown = json.dumps(ranking.to_json(found), indent=1) if asked["json"] else ranking.text(found)
    click.echo(shown.rstrip())
    ranking.check(found)


def _tell_folds(plan: object) -> None:
    """Both tables of a cross-validation, over all folds tested so far."""
    from versectl.evaluation import Options, report, table
    from versectl.io import layout
    from versectl.training import cross_validation

    tested = len(layout.find(plan.truth))
    click.echo(cross_validation.spine_line(cross_validation.spine_errors_mm(plan), tested))
    for folder in (plan.from_truth, plan.end_to_end):
        click.echo(f"\n{folder.name.replace('_', ' ')}: pooled over vertebrae, beside Table 1")
        if folder.is_dir():
            found = report.evaluate(folder, plan.truth, Options(count_missing_cases=True))
            table.write_csv(found, plan.out / f"{folder.name}.csv")
            click.echo(table.table_one(found))


def _counting(asked: Mapping[str, object]) -> object:
    """The evaluation's options from the command line's."""
    from versectl.evaluation import Options, Rules

    return Options(
        rules=Rules(asked["hd"], asked["rule"], asked["missed_pe"]),
        predicted_format=asked["pred_format"],
        gt_format=asked["gt_format"],
        count_missing_cases=asked.get("count_missing", False),
        jobs=asked["jobs"],
    )


def _terminated(_signal: int, _frame: object) -> None:
    """Leave through every `finally`, so that nothing half-written stays."""
    sys.exit(128 + signal.SIGTERM)
