"""Commands that compare predictions with the ground truth."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from versectl.cli.options import VERBOSITY, csv_option
from versectl.cli.parsing import FILE, Decorator, adding, gathered, option
from versectl.errors import BadInputError

if TYPE_CHECKING:
    from versectl.evaluation import Options, Report

log = logging.getLogger("versectl")


@dataclass(frozen=True)
class ScoringOptions:
    """How evaluate and rank read files and compute metrics."""

    gt: Path
    hd: str
    rule: str
    missed_pe: float | None
    points: str
    pred_format: str
    gt_format: str
    pred_labels: str
    gt_labels: str
    jobs: int | None
    as_json: bool

    def for_evaluation(self, count_missing: bool = False) -> "Options":
        """The same, as the evaluation takes it."""
        from versectl.evaluation import Files, Options, Rules

        return Options(
            rules=Rules(self.hd, self.rule, self.missed_pe),
            predicted=Files(self.pred_format, self.pred_labels),
            gt=Files(self.gt_format, self.gt_labels),
            points=self.points,
            count_missing_cases=count_missing,
            jobs=self.jobs,
        )


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of evaluate alone."""

    pred: Path
    count_missing: bool
    details: bool
    csv: Path | None
    compare: str | None
    fail_below: Mapping[str, float]


def centroid_format(name: str, help_text: str) -> Decorator:
    """An option that names a format of centroid files."""
    formats = click.Choice(["subject", "verse19", "verse20"])
    return option(name, type=formats, default="subject", show_default=True, help=help_text)


def label_numbers(name: str, help_text: str) -> Decorator:
    """An option that names the numbering of label maps."""
    schemes = click.Choice(["auto", "verse", "totalsegmentator", "spineps"])
    return option(name, type=schemes, default="auto", show_default=True, help=help_text)


def parse_fail_below(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> Mapping[str, float]:
    """Name -> least value of ID=0.9,Dice=0.85; none where nothing is given."""
    if value is None:
        return {}
    from versectl.evaluation import report

    try:
        return report.parse_thresholds(value)
    except BadInputError as error:
        raise click.BadParameter(str(error)) from error


GROUND_TRUTH = option("--gt", type=FILE, required=True, help="Ground truth: a folder or one file.")

#: How evaluate and rank read and count; with GROUND_TRUTH it reaches them as `scoring`.
SCORING = (
    option(
        "--hd",
        type=click.Choice(["voxel", "surface", "surface95"]),
        default="voxel",
        show_default=True,
        help="Hausdorff distance between voxel sets (as in the paper), between surfaces, or the "
        "95th percentile of surface distances.",
    ),
    option(
        "--rule",
        type=click.Choice(["paper", "official"]),
        default="paper",
        show_default=True,
        help="When a vertebra counts as identified: as in the paper, or in the challenge's script.",
    ),
    option(
        "--missed-pe",
        type=click.FloatRange(min=0),
        metavar="MM",
        help="Point error of a missing landmark. Default: missing landmarks are left out of the "
        "mean, and counted.",
    ),
    option(
        "--points",
        type=click.Choice(["auto", "files", "masks"]),
        default="auto",
        show_default=True,
        help="Centroids to compare: those of centroid files (a prediction without one loses its "
        "identification), or the masks' centres of mass on both sides. auto: files, unless the "
        "ground truth has none at all.",
    ),
    centroid_format("--pred-format", "Format of predicted centroid files that name no axes."),
    centroid_format("--gt-format", "Format of true centroid files that name no axes."),
    label_numbers("--pred-labels", "Numbering of predicted label maps."),
    label_numbers("--gt-labels", "Numbering of true label maps."),
    option(
        "--jobs",
        type=click.IntRange(min=1),
        help="Cases to compare at a time. Default: number of cores, at most 4.",
    ),
    option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
    gathered(ScoringOptions, "scoring"),
)


FAIL_BELOW = (
    "End with code 4 if a metric is lower, such as ID=0.9,Dice=0.85. ID: share of vertebrae "
    "identified; Dice or DSC: mean Dice; SCANS: share of scans with every vertebra identified."
)


@click.command()
@option("--pred", type=FILE, required=True, help="Predictions: a folder or one file.")
@GROUND_TRUTH
@option("--count-missing", is_flag=True, help="Count a missing or unreadable prediction as empty.")
@option("--details", is_flag=True, help="Print all tables: per case, per vertebra, without border.")
@csv_option("Also write a table with one row per case and vertebra, as CSV or TSV.")
@option("--compare", type=click.Choice(["published"]), help="Print the paper's tables beside ours.")
@option("--fail-below", metavar="LIST", callback=parse_fail_below, help=FAIL_BELOW)
@adding(*SCORING, *VERBOSITY)
@gathered(EvaluateOptions, "options")
def evaluate(options: EvaluateOptions, scoring: ScoringOptions) -> None:
    """Compare results with a ground truth.

    Prints ID rate, point error, Dice and Hausdorff distance. Ends with code 4 if a true case has no
    prediction or cannot be compared, or if a metric is below --fail-below.
    """
    from versectl.evaluation import report, table

    found = report.evaluate(options.pred, scoring.gt, scoring.for_evaluation(options.count_missing))
    if options.csv:
        table.write_csv(found, options.csv)
    if scoring.as_json:
        click.echo(json.dumps(report.to_json(found), indent=1))
    elif log.isEnabledFor(logging.INFO):
        published = options.compare == "published"
        click.echo(table.text(found, options.details, published), nl=False)
    else:
        warn_of_failures(found)
    report.check(found, options.fail_below)


@click.command()
@click.argument("teams", nargs=-1, required=True, type=FILE)
@adding(GROUND_TRUTH, *SCORING, *VERBOSITY)
def rank(teams: tuple[Path, ...], scoring: ScoringOptions) -> None:
    """Rank the results of several methods.

    TEAMS are their folders of results for the same scans, compared by paired Wilcoxon tests.
    """
    from versectl.evaluation import ranking

    found = ranking.rank(scoring.gt, teams, scoring.for_evaluation())
    if scoring.as_json:
        click.echo(json.dumps(ranking.to_json(found), indent=1))
    elif log.isEnabledFor(logging.INFO):
        click.echo(ranking.text(found), nl=False)
    else:
        for team, report in found.reports.items():
            warn_of_failures(report, f"{team}: ")
    ranking.check(found)


def warn_of_failures(found: "Report", prefix: str = "") -> None:
    """All that --quiet shows of a comparison: a line for each case or file that is missing."""
    from versectl.evaluation import table

    for line in table.failures(found):
        log.warning("%s%s", prefix, line)
